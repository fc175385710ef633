"""The penalties stand apart from the loss, which so compares with the loss on validation data."""

from __future__ import annotations

import json
import pickle
import re
from typing import Any

import numpy as np
import pytest

from tinygrad_mlp import MLP, Value, fit
from tinygrad_mlp.data import make_moons
from tinygrad_mlp.functional import mean
from tinygrad_mlp.optim import PlateauSchedule
from tinygrad_mlp.training import EarlyStopping, History

X, Y = make_moons(40, noise=0.1, rng=0)


def own(outputs: list[Value], targets: list[Any]) -> Value:
    return mean([(output - target) ** 2 for output, target in zip(outputs, targets)])


def trained(engine: str = "auto", **settings: Any) -> History:
    settings = {"epochs": 6, "log_every": None, "rng": 0, **settings}
    return fit(MLP(2, [4, 1], "tanh", rng=0), X, Y, engine=engine, **settings)


@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize("loss", ["hinge", own])
@pytest.mark.parametrize("batch_size", [None, 7])
def test_loss_and_penalty_of_a_first_step(engine: str, loss: Any, batch_size: int | None) -> None:
    model = MLP(2, [4, 1], "tanh", rng=0)
    numbers = np.concatenate([array.ravel() for array in model.state_dict().values()])
    settings: dict[str, Any] = {"loss": loss, "batch_size": batch_size, "learning_rate": 1e-9}
    history = trained(engine, **settings, epochs=1, l1=0.25, l2=0.5)
    plain = trained(engine, **settings, epochs=1)
    by_hand = 0.25 * np.abs(numbers).sum() + 0.5 * (numbers**2).sum()
    assert history.penalty == [pytest.approx(by_hand, rel=1e-6)]  # a step of 1e-9 is no change
    assert history.loss == [pytest.approx(plain.loss[0], rel=1e-6)]
    assert plain.penalty == []


def test_a_loss_of_zero_beside_a_large_penalty_is_zero() -> None:
    model = MLP(1, [1], rng=0)
    model.load_state_dict({"layers.0.weight": [[3.0]], "layers.0.bias": [0.1]})
    for engine in ("eager", "compiled"):
        history = fit(
            *(model, [[-9.0], [9.0]], ["no", "yes"]),
            loss="hinge",
            l2=0.3,
            epochs=1,
            learning_rate=1e-9,
            engine=engine,
            log_every=None,
        )
        assert history.loss == [0.0]
        assert history.penalty[0] > 2.7


def test_the_objective_is_what_is_minimized() -> None:
    history = trained(l2=0.1)
    sums = [loss + penalty for loss, penalty in zip(history.loss, history.penalty)]
    assert history.objective == history.metric() == sums
    assert history.metric("penalty") == history.penalty
    plain = trained()
    assert plain.objective == plain.loss


def shrunk(**settings: Any) -> History:
    """A model that is right from the start, with weights that the penalty makes smaller."""
    model = MLP(1, [1], rng=0)
    model.load_state_dict({"layers.0.weight": [[3.0]], "layers.0.bias": [0.0]})
    settings = {"epochs": 25, "learning_rate": 0.05, "log_every": None, **settings}
    return fit(model, [[-1.0], [1.0]], ["no", "yes"], l2=0.3, **settings)


def test_a_penalty_may_raise_the_loss_while_the_objective_falls() -> None:
    history = shrunk()
    assert min(np.diff(history.loss)) > 0.0
    assert max(np.diff(history.objective)) < 0.0
    assert history.best_epoch() == 25
    assert history.best_epoch("loss") == 1


def test_what_watches_the_loss_watches_what_is_minimized() -> None:
    assert shrunk(callbacks=[EarlyStopping(patience=2)]).completed
    assert shrunk(callbacks=[EarlyStopping(patience=2, monitor="loss")]).n_epochs == 3
    assert set(shrunk(schedule=PlateauSchedule(patience=1)).learning_rate) == {0.05}


def test_the_lines_of_a_training_keep_loss_and_penalty_apart(
    capsys: pytest.CaptureFixture[str],
) -> None:
    history = trained(l2=0.01, validation_data=(X, Y), log_every=2)
    last = capsys.readouterr().out.splitlines()[-1]
    found = re.fullmatch(
        r"epoch +6 +loss (\S+) +\+ penalty (\S+) +validation loss (\S+) +accuracy .*", last
    )
    assert found is not None
    shown = [history.loss[-1], history.penalty[-1], history.validation_loss[-1]]
    assert list(found.groups()) == [f"{number:.4g}" for number in shown]
    # The loss of a full batch is that before its step, the validation loss the one after it.
    assert history.loss[1:] == pytest.approx(history.validation_loss[:-1], rel=1e-12)
    titles = str(history).splitlines()[2].split()
    assert titles[:4] == ["epoch", "loss", "penalty", "validation"]


def test_a_history_with_penalties_is_kept() -> None:
    history = trained(l1=0.01)
    assert pickle.loads(pickle.dumps(history)) == history
    assert History(**json.loads(json.dumps(history.to_dict()))) == history


def test_an_unfinished_epoch_is_dropped_from_the_penalty_too() -> None:
    history = History(loss=[0.5, 0.4], penalty=[0.1, 0.2], seconds=[0.1])
    history.drop_unfinished_epoch()
    assert (history.loss, history.penalty) == ([0.5], [0.1])


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_losses_that_add_up_to_inf_are_no_warning(engine: str) -> None:
    y = [1.3e154] * 3  # each of the squares is a number, their sum is none
    for settings in ({}, {"l2": 1e-9}, {"validation_data": ([[1.0]] * 3, y), "l1": 1e-9}):
        model: Any = MLP(1, [1], rng=0)
        given: dict[str, Any] = {**settings, "learning_rate": 1e-300}
        history = fit(model, [[1.0]] * 3, y, epochs=1, engine=engine, log_every=None, **given)
        assert history.loss == [float("inf")]


def test_a_penalty_that_overflows_ends_the_training() -> None:
    history = trained(l1=1e200, l2=1e308, learning_rate=1e10, epochs=20)
    assert history.stopped_early
    assert "the loss is nan" in history.reason
