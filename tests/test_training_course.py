"""The course of a training: seeds and orders, how it ends, what it shows, what is kept of it."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
from typing import Any

import numpy as np
import pytest

from tests.back_ends import as_compiled
from tinygrad_mlp.data import make_moons
from tinygrad_mlp.errors import MissingDependencyError
from tinygrad_mlp.nn import MLP, Module
from tinygrad_mlp.optim import SGD
from tinygrad_mlp.training import (
    History,
    fit,
    predict,
)

X = np.array([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.5], [2.0, -1.0], [0.5, 0.5], [-2.0, 2.0]])
QUIET: dict[str, Any] = {"log_every": None}


# Seeds


def trained_weights(seed: int, rng: Any, engine: str) -> list[Any]:
    features, labels = make_moons(30, noise=0.1, rng=0)
    model = MLP(2, [6, 1], rng=seed)
    fit(model, features, labels, batch_size=8, epochs=4, rng=rng, engine=engine, **QUIET)
    return [parameter.data for parameter in model.parameters()]


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_the_same_seeds_give_the_same_bits(engine: str) -> None:
    random_state, numpy_state = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    first = trained_weights(1, 2, engine)
    assert trained_weights(1, 2, engine) == first
    assert trained_weights(1, np.random.default_rng(2), engine) == first
    assert trained_weights(1, 3, engine) != first
    assert trained_weights(2, 2, engine) != first
    assert random.getstate() == random_state
    assert np.random.get_state()[1].tolist() == numpy_state  # type: ignore[index]  # noqa: NPY002


def test_without_shuffling_the_seed_does_not_matter() -> None:
    settings: dict[str, Any] = {"batch_size": 2, "shuffle": False, "epochs": 3, **QUIET}
    curves = [fit(MLP(2, [1], rng=0), X, X[:, 0], rng=rng, **settings).loss for rng in (1, 2)]
    assert curves[0] == curves[1]


# How a training ends


class Interrupting:
    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        if epoch == 3:
            raise KeyboardInterrupt


def test_ctrl_c_ends_with_the_history_so_far(capsys: pytest.CaptureFixture[str]) -> None:
    model = MLP(2, [1], rng=0)
    history = fit(model, X, X[:, 0], epochs=50, callbacks=[Interrupting()])
    assert history.interrupted
    assert not history.completed
    assert not history.stopped_early
    assert len(history.loss) == len(history.seconds) == len(history.learning_rate) == 3
    assert "training ended after epoch 3: interrupted" in capsys.readouterr().out


class PressingCtrlC:
    """Sends the signal a little later, so that it comes somewhere within an epoch."""

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        if epoch == 3:
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_real_sigint_ends_the_training(engine: str) -> None:
    model = MLP(2, [8, 1], rng=0).eval()
    untrained = np.abs(predict(model, X) - X[:, 0]).max()
    pressing = [PressingCtrlC()]
    history = fit(model, X, X[:, 0], epochs=10**7, engine=engine, callbacks=pressing, **QUIET)
    assert history.interrupted
    assert 3 <= history.n_epochs < 10**7
    assert not model.training
    assert np.abs(predict(model, X) - X[:, 0]).max() < untrained


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_loss_that_becomes_nan_ends_the_training(
    engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    history = fit(MLP(2, [1], rng=0), X, X[:, 0], learning_rate=1e6, engine=engine)
    assert history.stopped_early
    assert np.isnan(history.loss[-1])
    assert history.n_epochs < 100
    assert "smaller learning_rate" in capsys.readouterr().out


# What is shown


def test_the_loss_is_printed_every_so_many_epochs_and_at_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fit(MLP(2, [1], rng=0), X, [0, 1, 0, 1, 1, 0], epochs=7, log_every=3)
    heading, *lines = capsys.readouterr().out.splitlines()
    start, _, engine = heading.rpartition(" ")
    assert start == "classification, binary_cross_entropy_with_logits, engine:"
    assert as_compiled(engine) == "compiled"
    assert [line.split()[:3] for line in lines] == [
        ["epoch", "3", "loss"], ["epoch", "6", "loss"], ["epoch", "7", "loss"],
    ]  # fmt: skip
    assert all(" accuracy " in line for line in lines)
    fit(MLP(2, [1], rng=0), X, X[:, 0], epochs=7, log_every=0)
    assert capsys.readouterr() == ("", "")


def test_a_progress_bar_where_it_is_wanted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(MLP(2, [1], rng=0), X, X[:, 0], epochs=4, log_every=2, progress=True)
    shown = capsys.readouterr()
    assert "4/4" in shown.err
    assert shown.out.count("epoch") == 2
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    fit(MLP(2, [1], rng=0), X, X[:, 0], epochs=4, **QUIET)
    with pytest.raises(MissingDependencyError, match=r"pip install -e '\.\[all\]'"):
        fit(MLP(2, [1], rng=0), X, X[:, 0], progress=True)


def test_the_history_has_an_entry_for_every_epoch() -> None:
    y = [0, 1, 0, 1, 1, 0]
    history = fit(MLP(2, [1], rng=0), X, y, epochs=30, validation_data=(X[:3], y[:3]), **QUIET)
    assert history.completed
    columns = history.to_dict()
    for name in ("loss", "validation_loss", "accuracy", "validation_accuracy", "seconds"):
        assert len(columns[name]) == 30
    assert json.loads(json.dumps(columns)) == columns
    assert columns["loss"] is not history.loss
    text = str(history)
    assert "30 epochs" in text
    assert "validation accuracy" in text
    heading = text.replace("native", "compiled").splitlines()[0]
    assert heading == "classification, binary_cross_entropy_with_logits, engine: compiled"
    assert len(text.splitlines()) == 15
    assert repr(history).startswith("History(30 epochs, loss ")
    assert history.best_epoch() == 1 + int(np.argmin(history.validation_loss))
    assert history.best_epoch("accuracy") == 1 + int(np.argmax(history.accuracy))


def test_the_loss_of_an_epoch_is_weighted_by_the_sizes_of_the_batches() -> None:
    y = X[:, 0]
    model = MLP(2, [1], init="zeros")
    frozen = SGD(model.parameters(), learning_rate=0.0)
    history = fit(model, X, y, optimizer=frozen, batch_size=4, epochs=1, **QUIET)
    assert history.loss[0] == pytest.approx(float(np.mean(y**2)), rel=1e-12)
