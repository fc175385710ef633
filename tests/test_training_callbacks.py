"""Callbacks: ending a training, going back to the best weights, writing checkpoints."""

from __future__ import annotations

from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_mlp.errors import InvalidArgumentError, UnknownNameError
from tinygrad_mlp.nn import MLP, Module
from tinygrad_mlp.optim import SGD, PlateauSchedule
from tinygrad_mlp.training import (
    Callback,
    Checkpoint,
    EarlyStopping,
    History,
    fit,
    load_weights,
    predict,
)

X = np.array([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.5], [2.0, -1.0]])
Y = X[:, 0] - X[:, 1]
QUIET: dict[str, Any] = {"log_every": None}
engines = pytest.mark.parametrize("engine", ["eager", "compiled"])


class StopAt:
    """Ends the training after an epoch, and keeps what it saw."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.seen: list[tuple[int, int, list[float]]] = []
        self.ended = 0

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> bool:
        self.seen.append((epoch, history.n_epochs, [p.data for p in model.parameters()]))
        return epoch == self.epoch

    def on_training_end(self, history: History, model: Module) -> None:
        self.ended += 1


@engines
def test_a_callback_sees_every_epoch_and_may_end_the_training(engine: str) -> None:
    watcher, model = StopAt(5), MLP(2, [1], rng=0)
    history = fit(model, X, Y, epochs=50, callbacks=[watcher], engine=engine, **QUIET)
    assert [entry[:2] for entry in watcher.seen] == [(n, n) for n in range(1, 6)]
    assert watcher.seen[-1][2] == [p.data for p in model.parameters()]
    assert watcher.seen[-2][2] != watcher.seen[-1][2]
    assert history.stopped_early
    assert not history.completed
    assert history.reason == "stopped by StopAt"
    assert watcher.ended == 1


class Raising:
    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        raise OSError("the disk is full")


@engines
def test_callbacks_are_told_of_the_end_after_an_exception_too(engine: str) -> None:
    watcher, model = StopAt(0), MLP(2, [1], rng=0)
    seen: list[History] = []
    watcher.on_training_end = lambda history, model: seen.append(history)  # type: ignore[method-assign]
    with pytest.raises(OSError, match="full"):
        fit(model, X, Y, callbacks=[watcher, Raising()], engine=engine, **QUIET)
    assert [history.reason for history in seen] == ["OSError: the disk is full"]
    assert watcher.seen[0][2] == [p.data for p in model.parameters()]


@engines
def test_a_callback_may_change_the_weights(engine: str) -> None:
    class Zeroing:
        def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
            for parameter in model.parameters():
                parameter.data = 0.0

    model = MLP(2, [1], rng=0)
    history = fit(model, X, Y, epochs=3, callbacks=[Zeroing()], engine=engine, **QUIET)
    assert history.loss[1] == history.loss[2] == pytest.approx(float(np.mean(Y**2)))


@engines
def test_early_stopping_goes_back_to_the_best_weights(engine: str) -> None:
    model = MLP(2, [1], rng=0)
    held_out = (X, -Y)  # the better on one, the worse on the other
    weights = StopAt(0)
    stopping = EarlyStopping(patience=4)
    history = fit(
        model, X, Y, epochs=50, validation_data=held_out, callbacks=[weights, stopping],
        engine=engine, **QUIET,
    )  # fmt: skip
    best = history.best_epoch()
    assert stopping.best_epoch == best
    assert history.n_epochs == best + 4
    assert history.stopped_early
    assert history.reason == (
        f"stopped by EarlyStopping (no improvement in 4 epochs, the best was epoch {best})"
    )
    assert [p.data for p in model.parameters()] == weights.seen[best - 1][2]


def test_the_best_weights_come_back_after_the_last_epoch_too() -> None:
    model = MLP(2, [1], rng=0)
    weights = StopAt(0)
    history = fit(
        model, X, Y, epochs=6, validation_data=(X, -Y),
        callbacks=[weights, EarlyStopping(patience=100)], **QUIET,
    )  # fmt: skip
    assert history.completed
    assert [p.data for p in model.parameters()] == weights.seen[history.best_epoch() - 1][2]


def test_the_weights_stay_where_that_is_wanted() -> None:
    model = MLP(2, [1], rng=0)
    weights = StopAt(0)
    stopping = EarlyStopping(patience=3, restore_best=False)
    fit(model, X, Y, validation_data=(X, -Y), callbacks=[weights, stopping], **QUIET)
    assert [p.data for p in model.parameters()] == weights.seen[-1][2]


def stopped_after(stopping: EarlyStopping, **columns: list[float]) -> int:
    """After which epoch a course of losses ends the training."""
    history = History()
    n_epochs = len(next(iter(columns.values())))
    for epoch in range(1, n_epochs + 1):
        for name, numbers in columns.items():
            getattr(history, name).append(numbers[epoch - 1])
        if stopping.on_epoch_end(epoch, history, Module()):
            return epoch
    return 0


def test_what_counts_as_an_improvement() -> None:
    nan = float("nan")
    assert stopped_after(EarlyStopping(2), loss=[5.0, 4.0, 4.0, 4.0, 3.0]) == 4
    assert stopped_after(EarlyStopping(2), loss=[5.0, 4.0, 4.0, 3.0, 3.0]) == 0
    assert stopped_after(EarlyStopping(2, min_delta=0.5), loss=[5.0, 4.8, 4.6, 4.4]) == 3
    assert stopped_after(EarlyStopping(2), loss=[nan, nan, nan]) == 2
    assert stopped_after(EarlyStopping(2), loss=[nan, 5.0, 4.0, 3.0]) == 0
    rising = {"loss": [3.0, 2.0, 1.0], "validation_loss": [1.0, 2.0, 3.0]}
    assert stopped_after(EarlyStopping(1), **rising) == 2
    assert stopped_after(EarlyStopping(1, monitor="loss"), **rising) == 0
    assert stopped_after(EarlyStopping(2, monitor="accuracy"), accuracy=[0.5, 0.6, 0.6, 0.5]) == 4


def test_an_early_stopping_serves_one_training_after_another() -> None:
    stopping = EarlyStopping(2)
    assert stopped_after(stopping, loss=[1.0, 2.0, 3.0]) == 3
    assert stopped_after(stopping, loss=[9.0, 8.0, 7.0]) == 0


def test_a_checkpoint_after_every_so_many_epochs(tmp_path: Path) -> None:
    model = MLP(2, [1], rng=0)
    saving = Checkpoint(tmp_path / "weights-{epoch}.npz", every=2)
    fit(model, X, Y, epochs=5, callbacks=[saving], **QUIET)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["weights-2.npz", "weights-4.npz"]
    other = MLP(2, [1], rng=9)
    details = load_weights(other, saving.file_for(4))
    assert details["epoch"] == 4
    again = MLP(2, [1], rng=0)
    fit(again, X, Y, epochs=4, **QUIET)
    assert predict(other, X).tolist() == predict(again, X).tolist()


def test_a_checkpoint_of_the_best_epoch_only(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "best.npz"
    saving = Checkpoint(path, best_only=True)
    history = fit(
        MLP(2, [1], rng=0), X, Y, epochs=20, validation_data=(X, -Y), callbacks=[saving], **QUIET
    )
    assert load_weights(MLP(2, [1]), path)["epoch"] == history.best_epoch() < 20
    assert [file.name for file in path.parent.iterdir()] == ["best.npz"]


def test_a_checkpoint_of_the_best_looks_every_so_many_epochs(tmp_path: Path) -> None:
    saving = Checkpoint(tmp_path / "{epoch}.npz", every=2, best_only=True)
    history = History()
    for epoch, loss in enumerate([0.1, 0.5, 0.2, 0.4, 0.1, 0.6], start=1):
        history.loss.append(loss)
        saving.on_epoch_end(epoch, history, MLP(1, [1], rng=0))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2.npz", "4.npz"]


@pytest.mark.parametrize("loss", [inf, nan])
def test_a_checkpoint_is_written_whatever_the_loss(loss: float, tmp_path: Path) -> None:
    model, history = MLP(1, [1], rng=0), History()
    history.loss.append(loss)
    Checkpoint(tmp_path / "w.npz").on_epoch_end(1, history, model)
    assert load_weights(model, tmp_path / "w.npz") == {"epoch": 1, "loss": str(loss)}


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: EarlyStopping(patience=0), InvalidArgumentError),
        (lambda: EarlyStopping(min_delta=-1.0), InvalidArgumentError),
        (lambda: EarlyStopping(min_delta=float("nan")), InvalidArgumentError),
        (lambda: EarlyStopping(monitor="val_loss"), UnknownNameError),
        (lambda: Checkpoint("w.npz", every=0), InvalidArgumentError),
        (lambda: Checkpoint("w.npz", monitor="val_loss"), UnknownNameError),
    ],
)
def test_settings_out_of_range(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


@pytest.mark.parametrize("held_out", [False, True])
def test_a_schedule_for_an_accuracy_is_shown_the_accuracy(held_out: bool) -> None:
    labels = (Y > 0.0).astype(int)
    validation: dict[str, Any] = {"validation_data": (X, 1 - labels)} if held_out else {}
    schedule = PlateauSchedule(0.5, 2, mode="max")
    history = fit(
        MLP(2, [1], rng=0), X, labels, epochs=30, schedule=schedule, **validation, **QUIET
    )
    watched = history.validation_accuracy if held_out else history.accuracy
    reference, rates = PlateauSchedule(0.5, 2, mode="max"), [0.1]
    for epoch, accuracy in enumerate(watched[:-1]):
        reference.observe(epoch, accuracy)
        rates.append(0.1 * reference(epoch + 1))
    assert history.learning_rate == pytest.approx(rates)
    assert rates[-1] < 0.1


def test_a_schedule_for_an_accuracy_needs_one() -> None:
    with pytest.raises(InvalidArgumentError, match="mode='min'"):
        fit(MLP(2, [1], rng=0), X, Y, schedule=PlateauSchedule(mode="max"), **QUIET)


def test_without_a_schedule_the_learning_rate_is_whatever_somebody_assigns() -> None:
    model = MLP(1, [1], rng=0)
    optimizer = SGD(model.parameters(), learning_rate=0.5)
    optimizer.learning_rate = 0.1

    class Slower:
        def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
            optimizer.learning_rate /= 2.0

    history = fit(
        model, [[1.0], [2.0]], [0.5, 1.7], optimizer=optimizer, epochs=3, callbacks=[Slower()]
    )
    assert history.learning_rate == [0.1, 0.05, 0.025]


class Looks(Callback):
    only_looks = True

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> bool:
        return False


class Writes(Callback):
    def on_epoch_end(self, epoch: int, history: History, model: Module) -> bool:
        model.parameters()[-1].data = 3.0
        return False


@pytest.mark.parametrize("callbacks", [[Looks(), Writes()], [Writes(), Looks()], [Writes()]])
@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_what_one_callback_writes_counts_beside_one_that_only_looks(
    engine: str, callbacks: list[Callback]
) -> None:
    model = MLP(1, [1], init="zeros")
    settings: Any = {"optimizer": SGD(model.parameters(), 0.0), "engine": engine, "log_every": None}
    history = fit(model, [[1.0]], [1.0], epochs=3, callbacks=callbacks, **settings)
    assert history.loss == [1.0, 4.0, 4.0]
