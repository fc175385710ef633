"""A schedule by its name alone: what it is for a number of epochs, also one of a person's own."""

from __future__ import annotations

import re
from typing import Final

import pytest

from tinygrad_mlp._cli.options import make_parser
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.optim import SCHEDULES, Schedule
from tinygrad_mlp.training import History, fit
from tinygrad_mlp.training._settings import schedule_for

COMMAND: Final = ["train", "t.csv", "--target", "a", "--schedule"]


def trained(schedule: str) -> History:
    X, y = [[0.0], [1.0]], [0.0, 1.0]
    model = MLP(1, [1], rng=0)
    return fit(model, X, y, epochs=4, schedule=schedule, learning_rate=1.0, log_every=None)


class Halved(Schedule):
    """Of the first half of the epochs."""

    def __init__(self, n_epochs: int, floor: float = 0.5) -> None:
        self.n_epochs = n_epochs
        self.floor = floor

    def __call__(self, epoch: int) -> float:
        return 1.0 if epoch < self.n_epochs / 2 else self.floor


class Floored(Halved):
    @classmethod
    def spanning(cls, n_epochs: int) -> Floored:
        return cls(n_epochs + 4, floor=0.25)


class Wanting(Schedule):
    def __init__(self, gamma: float, *more: int, delta: float, **words: int) -> None:
        self.gamma = gamma

    def __call__(self, epoch: int) -> float:
        return self.gamma


def test_a_schedule_that_is_added_spans_the_epochs_by_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, kind in (("halved", Halved), ("floored", Floored)):
        monkeypatch.setitem(SCHEDULES, name, kind)
    assert trained("halved").learning_rate == [1.0, 1.0, 0.5, 0.5]
    assert trained("floored").learning_rate == [1.0] * 4
    assert make_parser().parse_args([*COMMAND, "floored"]).schedule == "floored"


def test_one_that_needs_more_than_the_epochs_says_what(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCHEDULES, "wanting", Wanting)
    message = (
        "Wanting is given by its name alone, but needs gamma, delta; make one: "
        "schedule=Wanting(gamma=..., delta=...)"
    )
    with pytest.raises(InvalidArgumentError, match=re.escape(message)):
        trained("wanting")
    with pytest.raises(SystemExit):
        make_parser().parse_args([*COMMAND, "wanting"])


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("constant", "ConstantSchedule()"),
        ("step", "StepSchedule(step_size=20, gamma=0.1)"),
        ("multi_step", "MultiStepSchedule(milestones=[30, 45], gamma=0.1)"),
        ("exponential", f"ExponentialSchedule(gamma={0.01 ** (1.0 / 60)})"),
        ("cosine", "CosineSchedule(n_epochs=60, final_factor=0.0)"),
        (
            "cosine_restarts",
            "CosineRestartsSchedule(n_epochs=9, multiplier=2, final_factor=0.0)",
        ),
        ("warmup", "WarmupSchedule(n_epochs=6, "),
        ("one_cycle", "OneCycleSchedule(n_epochs=60, pct_start=0.3, "),
        ("plateau", "PlateauSchedule(factor=0.1, patience=10, "),
    ],
)
def test_each_spans_sixty_epochs(name: str, made: str) -> None:
    assert repr(schedule_for(name, 60)).startswith(made)


@pytest.mark.parametrize("name", ["step", "warmup", "multi_step", "exponential", "cosine_restarts"])
def test_one_epoch_can_be_spanned(name: str) -> None:
    assert schedule_for(name, 1) is not None
