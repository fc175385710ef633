"""What a schedule counts, remembers and passes on to those inside it."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.optim import (
    SGD,
    ConstantSchedule,
    CosineSchedule,
    ExponentialSchedule,
    PlateauSchedule,
    Schedule,
    StepSchedule,
    WarmupSchedule,
)


class Watching(Schedule):
    """Writes down what it is shown; its factor is the epoch."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, float]] = []

    def __call__(self, epoch: int) -> float:
        return float(epoch)

    def observe(self, epoch: int, loss: float) -> None:
        self.seen.append((epoch, loss))


class Around(Schedule):
    """Holds other schedules."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts

    def __call__(self, epoch: int) -> float:
        return 1.0


def test_the_loss_belongs_to_the_epoch_before() -> None:
    schedule, optimizer = Watching(), SGD(learning_rate=0.5)
    for epoch, loss, rate, seen in (
        (0, 9.0, 0.0, []),  # there was no epoch before
        (1, None, 0.5, []),
        (1, np.float64(3.0), 0.5, [(0, 3.0)]),
        (2, 0.0, 1.0, [(0, 3.0), (1, 0.0)]),
    ):
        schedule.step(optimizer, epoch, loss)
        assert optimizer.learning_rate == rate
        assert optimizer.initial_learning_rate == 0.5
        assert schedule.seen == seen
    assert type(schedule.seen[0][1]) is float


def test_a_schedule_counts_its_epochs_for_one_optimizer() -> None:
    schedule, first, second = Watching(), SGD(), SGD()
    around = Around([schedule])
    for optimizer, epoch in ((first, 0), (first, 1), (second, 0), (second, 1), (first, 0)):
        around.begin(optimizer)
        assert around.epoch == epoch
        around.end_epoch(loss=0.5)
        schedule.epoch = 7
    around.begin(first)
    assert schedule.epoch == 7
    around.begin(second)
    assert schedule.epoch == 0
    schedule.end_epoch(loss=0.25)
    schedule.end_epoch(loss=0.125)
    assert schedule.seen == [(0, 0.25), (1, 0.125)]


def test_a_schedule_inside_begins_with_the_one_around_it() -> None:
    inner, first, second = Watching(), SGD(), SGD()
    Around(inner).begin(first)
    inner.epoch = 3
    inner.begin(first)
    assert inner.epoch == 3
    inner.begin(second)
    assert inner.epoch == 0


def test_an_optimizer_that_is_gone_was_another_one() -> None:
    schedule = ConstantSchedule()
    schedule.begin(SGD())
    schedule.end_epoch(loss=1.0)
    schedule.begin(SGD())
    assert schedule.epoch == 0


def pickled(schedule: Schedule) -> Any:
    return pickle.loads(pickle.dumps(schedule))


def loaded(schedule: Schedule) -> Any:
    schedule.load_state_dict(schedule.state_dict())
    return schedule


@pytest.mark.parametrize("take_over", [copy.copy, copy.deepcopy, pickled, loaded])
def test_what_is_taken_over_goes_on_with_any_optimizer(take_over: Callable[[Any], Any]) -> None:
    first, second = SGD(), SGD()
    schedule = WarmupSchedule(2, then=PlateauSchedule(patience=1))
    schedule.begin(first)
    for _ in range(3):
        schedule.end_epoch(loss=0.5)
    other = take_over(schedule)
    other.begin(second)
    assert other.epoch == 3
    other.begin(first)
    assert other.epoch == 0


@pytest.mark.parametrize(
    ("schedule", "watches"),
    [
        (ConstantSchedule(), None),
        (Watching(), "loss"),
        (PlateauSchedule(), "loss"),
        (PlateauSchedule(mode="max"), "accuracy"),
        (Around(), None),
        (Around(ConstantSchedule(), 3.0), None),
        (Around(ConstantSchedule(), [PlateauSchedule(mode="max")]), "accuracy"),
        (Around({"a": Watching()}), "loss"),
        (WarmupSchedule(3), None),
        (WarmupSchedule(3, then=PlateauSchedule(mode="max")), "accuracy"),
    ],
)
def test_what_a_schedule_is_to_be_shown(schedule: Schedule, watches: str | None) -> None:
    assert schedule.watches == watches


def test_a_schedule_is_shown_one_thing_only() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        _ = Around(PlateauSchedule(), PlateauSchedule(mode="max")).watches
    assert str(caught.value) == (
        "Around() holds schedules that watch a loss and others that watch an accuracy, but is "
        "shown one number after each epoch; take PlateauSchedules of one mode"
    )


def test_the_warm_up_passes_on_the_losses_from_its_end() -> None:
    then = Watching()
    schedule = WarmupSchedule(2, then=then, start_factor=0.0)
    for epoch in range(4):
        schedule.observe(epoch, 0.5 * epoch)
    assert then.seen == [(0, 1.0), (1, 1.5)]
    assert [schedule(epoch) for epoch in range(5)] == [0.0, 0.5, 0.0, 1.0, 2.0]


def in_numbers(state: dict[str, Any]) -> dict[str, float]:
    return {name: array.item() for name, array in state.items()}


def test_what_a_plateau_remembers() -> None:
    schedule = PlateauSchedule(factor=0.5, patience=1, cooldown=2, minimum_factor=0.2)
    start = {"epoch": 0, "current_factor": 1.0, "best": math.inf, "n_bad_epochs": 0,
             "n_cooldown_epochs": 0}  # fmt: skip
    assert in_numbers(schedule.state_dict()) == start
    for loss, factor, best, n_bad, n_cooldown in (
        (3.0, 1.0, 3.0, 0, 0),
        (3.0, 1.0, 3.0, 1, 0),
        (math.nan, 0.5, 3.0, 0, 2),
        (4.0, 0.5, 3.0, 0, 1),
        (2.0, 0.5, 2.0, 0, 0),
        (2.0, 0.5, 2.0, 1, 0),
        (2.0, 0.25, 2.0, 0, 2),
        (2.0, 0.25, 2.0, 0, 1),
        (2.0, 0.25, 2.0, 0, 0),
        (2.0, 0.25, 2.0, 1, 0),
        (2.0, 0.2, 2.0, 0, 2),
    ):
        schedule.end_epoch(loss)
        state = in_numbers(schedule.state_dict())
        assert list(state.values())[1:] == [factor, best, n_bad, n_cooldown]
    assert state["epoch"] == 11
    other = PlateauSchedule()
    other.load_state_dict(schedule.state_dict())
    assert in_numbers(other.state_dict()) == state
    remembered = (other.current_factor, other.best, other.n_bad_epochs, other.n_cooldown_epochs)
    assert list(map(type, remembered)) == [float, float, int, int]
    assert type(other.epoch) is int
    schedule.reset()
    assert in_numbers(schedule.state_dict()) == start
    assert PlateauSchedule(mode="max").best == -math.inf


@pytest.mark.parametrize(
    ("mode", "best", "just_not", "just"),
    [
        ("min", 2.0, 1.0, 0.99), ("min", -2.0, -3.0, -3.01), ("min", 0.0, 0.0, -1e-9),
        ("max", 2.0, 3.0, 3.01), ("max", -2.0, -1.0, -0.99), ("max", 0.0, 0.0, 1e-9),
    ],
)  # fmt: skip
def test_what_an_improvement_is(mode: str, best: float, just_not: float, just: float) -> None:
    for loss, is_better in ((just_not, False), (just, True), (math.nan, False)):
        schedule = PlateauSchedule(threshold=0.5, mode=mode)
        schedule.observe(0, best)
        schedule.observe(1, loss)
        assert schedule.n_bad_epochs == int(not is_better)
        assert schedule.best == (loss if is_better else best)


def test_the_states_of_those_inside_have_the_number_of_their_place() -> None:
    around = Around(StepSchedule(2), Around(ExponentialSchedule(0.5)))
    for n, schedule in enumerate((around, *around.parts, *around.parts[1].parts)):
        schedule.epoch = n + 1
    state = in_numbers(around.state_dict())
    assert state == {"epoch": 1, "0.epoch": 2, "1.epoch": 3, "1.0.epoch": 4}
    other = Around(StepSchedule(3), Around(ExponentialSchedule(0.5)))
    other.load_state_dict(around.state_dict())
    assert in_numbers(other.state_dict()) == state
    other.reset()
    assert set(in_numbers(other.state_dict()).values()) == {0}


@pytest.mark.parametrize(
    ("state", "names"),
    [({"best": np.array(1.0)}, "['best']"), ({"epoch": 3, "x": 4}, "['epoch', 'x']")],
)
def test_what_is_said_of_a_wrong_state(state: dict[str, Any], names: str) -> None:
    schedule = CosineSchedule(n_epochs=3)
    with pytest.raises(InvalidArgumentError) as caught:
        schedule.load_state_dict(state)
    assert str(caught.value) == (
        "the state of CosineSchedule(n_epochs=3, final_factor=0.0) has the names ['epoch'], got "
        f"{names}; load what the state_dict() of another CosineSchedule gave"
    )
    assert schedule.epoch == 0
    schedule.epoch = 5
    schedule.load_state_dict({})
    assert schedule.epoch == 0


# By hand, from the formulas; halves and quarters of a cosine are exact.
@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        (StepSchedule(2, gamma=0.5), [1.0, 1.0, 0.5, 0.5, 0.25]),
        (StepSchedule(1, gamma=2.0), [1.0, 2.0, 4.0, 8.0, 16.0]),
        (ExponentialSchedule(0.5), [1.0, 0.5, 0.25, 0.125, 0.0625]),
        (CosineSchedule(2), [1.0, 0.5, 0.0, 0.0, 0.0]),
        (CosineSchedule(2, final_factor=0.5), [1.0, 0.75, 0.5, 0.5, 0.5]),
        (CosineSchedule(1, final_factor=2.0), [1.0, 2.0, 2.0, 2.0, 2.0]),
        (WarmupSchedule(2, start_factor=0.5), [0.5, 0.75, 1.0, 1.0, 1.0]),
        (WarmupSchedule(1, CosineSchedule(2), 0.25), [0.25, 1.0, 0.5, 0.0, 0.0]),
        (ConstantSchedule(), [1.0] * 5),
    ],
)
def test_the_factors_of_the_first_epochs(schedule: Schedule, factors: list[float]) -> None:
    assert [schedule(epoch) for epoch in range(5)] == pytest.approx(factors, abs=1e-15)


class Forgetful(Schedule):
    """One of one's own that saves no count of epochs."""

    def __call__(self, epoch: int) -> float:
        return 1.0

    def state_dict(self) -> dict[str, Any]:
        return {"mine": np.array(1.0)}


def test_a_schedule_that_saves_no_count_begins_at_0() -> None:
    schedule = Forgetful()
    schedule.epoch = 5
    schedule.load_state_dict(schedule.state_dict())
    assert schedule.epoch == 0


class Reports(ConstantSchedule):
    """Resets the schedule that it stands in as well."""

    owner: WarmupSchedule

    def reset(self) -> None:
        super().reset()
        self.owner.reset()


def test_a_schedule_may_call_the_one_that_it_stands_in() -> None:
    inner = Reports()
    inner.owner = WarmupSchedule(2, then=inner)
    inner.epoch = inner.owner.epoch = 3
    inner.owner.reset()
    assert (inner.epoch, inner.owner.epoch) == (0, 0)
