"""What ``EarlyStopping`` and ``Checkpoint`` watch, and which weights they keep."""

from __future__ import annotations

from math import inf, isnan, nan
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError, UnknownNameError
from tinygrad_mlp.nn import Module
from tinygrad_mlp.training import (
    Callback,
    Checkpoint,
    EarlyStopping,
    History,
    TrainingEndCallback,
    read_weights,
)


class Weight(Module):
    """One weight, which is the number of the epoch."""

    def __init__(self) -> None:
        self.w = Value(0.0)


def course(callback: Any, **lists: list[float]) -> tuple[list[bool | None], Weight]:
    """What the callback says after each epoch, and the model at the end."""
    history, model = History(), Weight()
    said = []
    for epoch in range(1, 1 + max(map(len, lists.values()))):
        model.w.data = float(epoch)
        for name, numbers in lists.items():
            getattr(history, name).append(numbers[epoch - 1])
        said.append(callback.on_epoch_end(epoch, history, model))
    return said, model


# Early stopping


@pytest.mark.parametrize(
    ("settings", "losses", "ends_after", "best"),
    [
        ({"patience": 1}, [3.0, 2.0, 1.0], 0, 3),
        ({"patience": 1}, [3.0, 2.0, 2.0], 3, 2),  # equal is no better
        ({"patience": 2}, [3.0, 2.0, 2.5, 2.5], 4, 2),
        ({"patience": 3}, [3.0, 2.0, 2.5, 2.5], 0, 2),
        ({}, [1.0] + [2.0] * 9, 0, 1),
        ({}, [1.0] + [2.0] * 10, 11, 1),
        ({"patience": 1, "min_delta": 0.25}, [1.0, 0.75], 2, 1),  # it has to be more than that
        ({"patience": 1, "min_delta": 0.25}, [1.0, 0.7], 0, 2),
        ({"patience": 1, "min_delta": 0.25}, [1.0, 0.7, 0.5], 3, 2),
        (
            {"patience": 2, "min_delta": 0.25},
            [1.0, 0.875, 0.7],
            0,
            3,
        ),  # than the best, not the last
        ({"patience": 9}, [inf, inf, 2.0], 0, 3),
        ({"patience": 9}, [inf, inf], 0, 1),
        ({"patience": 9}, [nan, inf, 2.0, nan], 0, 3),
        ({"patience": 9}, [nan, nan], 0, 0),
        ({"patience": 2}, [nan, nan], 2, 0),
        ({"patience": 9, "min_delta": 5.0}, [nan, 3.0, 1.0], 0, 2),
    ],
)
def test_when_it_ends_and_what_was_best(
    settings: dict[str, Any], losses: list[float], ends_after: int, best: int
) -> None:
    stopping = EarlyStopping(**settings)
    said, model = course(stopping, loss=losses)
    assert said == [epoch == ends_after for epoch in range(1, len(losses) + 1)]
    assert stopping.best_epoch == best
    if best:
        assert stopping.best_number == losses[best - 1]
    else:
        assert isnan(stopping.best_number)
    stopping.on_training_end(History(), model)
    assert model.w.data == (best or len(losses))


WATCHED: Final[list[tuple[str | None, dict[str, list[float]], str, list[float]]]] = [
    # the monitor, the lists, what it is called, its numbers (less is better)
    (None, {"loss": [3.0, 4.0]}, "loss", [3.0, 4.0]),
    (None, {"loss": [3.0, 4.0], "penalty": [2.0, 0.5]}, "objective", [5.0, 4.5]),
    (None, {"loss": [3.0, 4.0], "epoch_end_loss": [7.0, 6.0]}, "loss", [7.0, 6.0]),
    (
        None,
        {
            "loss": [3.0, 4.0],
            "penalty": [0.5, 0.25],
            "epoch_end_loss": [7.0, 6.0],
            "epoch_end_penalty": [1.0, 3.0],
        },
        "objective",
        [8.0, 9.0],
    ),
    (
        None,
        {"loss": [3.0, 4.0], "validation_loss": [9.0, 8.0], "epoch_end_loss": [1.0, 2.0]},
        "validation_loss",
        [9.0, 8.0],
    ),
    ("loss", {"loss": [3.0, 4.0], "validation_loss": [9.0, 8.0]}, "loss", [3.0, 4.0]),
    ("loss", {"loss": [3.0, 4.0], "penalty": [5.0, 1.0]}, "loss", [3.0, 4.0]),
    ("loss", {"loss": [3.0, 4.0], "epoch_end_loss": [7.0, 6.0]}, "loss", [7.0, 6.0]),
    (
        "validation_loss",
        {"loss": [3.0, 4.0], "validation_loss": [9.0, 8.0]},
        "validation_loss",
        [9.0, 8.0],
    ),
    ("accuracy", {"loss": [3.0, 4.0], "accuracy": [0.5, 0.25]}, "accuracy", [0.5, 0.25]),
    (
        "accuracy",
        {"loss": [3.0, 4.0], "accuracy": [0.5, 0.25], "epoch_end_accuracy": [0.5, 0.75]},
        "accuracy",
        [0.5, 0.75],
    ),
    (
        "validation_accuracy",
        {"loss": [3.0, 4.0], "accuracy": [0.5, 0.25], "validation_accuracy": [0.25, 0.5]},
        "validation_accuracy",
        [0.25, 0.5],
    ),
]


@pytest.mark.parametrize(("monitor", "lists", "name", "numbers"), WATCHED)
def test_what_is_watched(
    monitor: str | None, lists: dict[str, list[float]], name: str, numbers: list[float],
    tmp_path: Path,
) -> None:  # fmt: skip
    stopping = EarlyStopping(5, monitor=monitor)
    best = 1 + int(np.argmax(numbers) if "accuracy" in name else np.argmin(numbers))
    course(stopping, **lists)
    assert (stopping.best_epoch, stopping.best_number) == (best, numbers[best - 1])
    course(Checkpoint(tmp_path / "{epoch}.npz", monitor=monitor), **lists)
    for epoch in (1, 2):
        kept = read_weights(tmp_path / f"{epoch}.npz")
        assert kept.extra == {"epoch": epoch, name: numbers[epoch - 1]}
        assert kept.state["w"] == float(epoch)
    course(Checkpoint(tmp_path / "best.npz", best_only=True, monitor=monitor), **lists)
    assert read_weights(tmp_path / "best.npz").extra == {"epoch": best, name: numbers[best - 1]}


def test_before_the_first_epoch_nothing_was_best() -> None:
    stopping = EarlyStopping()
    assert stopping.best_epoch == 0
    assert isnan(stopping.best_number)
    model = Weight()
    stopping.on_training_end(History(), model)
    assert model.w.data == 0.0


def test_the_best_weights_come_back_once() -> None:
    stopping = EarlyStopping()
    _, model = course(stopping, loss=[1.0, 2.0])
    stopping.on_training_end(History(), model)
    assert model.w.data == 1.0
    model.w.data = 9.0
    stopping.on_training_end(History(), model)
    assert model.w.data == 9.0


def test_a_second_training_starts_anew() -> None:
    stopping = EarlyStopping(2)
    course(stopping, loss=[0.5])
    assert course(stopping, loss=[nan, nan])[0] == [False, True]
    assert stopping.best_epoch == 0
    assert isnan(stopping.best_number)
    course(stopping, loss=[3.0, 2.0])
    assert (stopping.best_epoch, stopping.best_number) == (2, 2.0)


class Unread(Weight):
    def state_dict(self) -> Any:
        raise AssertionError("the weights were copied")


def test_weights_that_are_not_wanted_are_not_copied() -> None:
    stopping, history, model = EarlyStopping(restore_best=False), History(loss=[1.0]), Unread()
    stopping.on_epoch_end(1, history, model)
    stopping.on_training_end(history, model)
    with pytest.raises(AssertionError, match="were copied"):
        EarlyStopping().on_epoch_end(1, history, model)


def test_why_it_ended() -> None:
    stopping = EarlyStopping(3)
    course(stopping, loss=[2.0, 1.0, 5.0, 5.0, 5.0])
    assert stopping.reason == "no improvement in 3 epochs, the best was epoch 2"


# Checkpoints


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_checkpoint_after_every_epoch_unasked(tmp_path: Path) -> None:
    said, _ = course(Checkpoint(str(tmp_path / "w{epoch}-{epoch}.npz")), loss=[1.0, 2.0, 0.5])
    assert said == [None] * 3
    assert files(tmp_path) == ["w1-1.npz", "w2-2.npz", "w3-3.npz"]


@pytest.mark.parametrize(
    ("losses", "every", "written"),
    [
        ([3.0, 2.0, 2.0, 1.0], 1, [1, 2, 4]),
        ([1.0, 2.0, 3.0], 1, [1]),
        ([nan, 2.0, nan, 1.0], 1, [2, 4]),
        ([inf, inf, 1.0], 1, [3]),
        ([3.0, 2.0, 1.0, 2.5, 0.5, 2.25, 0.1, 2.25], 2, [2]),
        ([9.0, 9.0, 3.0, 9.0, 9.0, 2.0], 3, [3, 6]),
    ],
)
def test_a_checkpoint_of_the_best_only(
    losses: list[float], every: int, written: list[int], tmp_path: Path
) -> None:
    saving = Checkpoint(tmp_path / "{epoch}", every=every, best_only=True)
    course(saving, loss=losses)
    assert files(tmp_path) == sorted(map(str, written))
    for file in tmp_path.iterdir():
        file.unlink()
    course(saving, loss=losses)  # another training
    assert files(tmp_path) == sorted(map(str, written))


@pytest.mark.parametrize(
    ("number", "kept"), [(inf, "inf"), (-inf, "-inf"), (nan, "nan"), (0.5, 0.5)]
)
def test_numbers_that_json_does_not_know_are_kept_as_text(
    number: float, kept: Any, tmp_path: Path
) -> None:
    course(Checkpoint(tmp_path / "w.npz"), loss=[number])
    assert read_weights(tmp_path / "w.npz").extra == {"epoch": 1, "loss": kept}


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: EarlyStopping(min_delta=-0.5),
            InvalidArgumentError,
            "min_delta is -0.5, but a number of at least 0 is needed: EarlyStopping(min_delta=0.0)",
        ),
        (
            lambda: EarlyStopping(patience=0),
            InvalidArgumentError,
            "patience is 0, but a whole number of at least 1 is needed: patience=1",
        ),
        (
            lambda: Checkpoint("w.npz", every=0),
            InvalidArgumentError,
            "every is 0, but a whole number of at least 1 is needed: every=1",
        ),
        *[
            (
                lambda make=make: make(monitor="val_loss"),
                UnknownNameError,
                "unknown monitor 'val_loss'; known: accuracy, loss, validation_accuracy, "
                "validation_loss. Did you mean 'validation_loss'?",
            )
            for make in (EarlyStopping, lambda **settings: Checkpoint("w.npz", **settings))
        ],
    ],
)
def test_settings_out_of_range(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value) == message


def test_what_they_say_of_themselves() -> None:
    for callback in (EarlyStopping(), Checkpoint("w.npz")):
        assert isinstance(callback, Callback)
        assert (callback.only_looks, callback.keeps_weights) == (True, True)
    assert isinstance(EarlyStopping(), TrainingEndCallback)
    assert not isinstance(Checkpoint("w.npz"), TrainingEndCallback)
