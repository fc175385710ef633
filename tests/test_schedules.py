"""Every schedule against ``torch.optim.lr_scheduler``, epoch by epoch."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable
from typing import Any, Final

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from tinygrad_mlp.errors import InvalidArgumentError, UnknownNameError
from tinygrad_mlp.optim import (
    SCHEDULES,
    SGD,
    ConstantSchedule,
    CosineSchedule,
    ExponentialSchedule,
    PlateauSchedule,
    Schedule,
    StepSchedule,
    WarmupSchedule,
    make_schedule,
)

LEARNING_RATE: Final = 0.3
N_EPOCHS: Final = 200


def our_rates(schedule: Schedule, losses: list[float] | None = None) -> list[float]:
    """The learning rate of each epoch; ``losses`` are those at the ends of the epochs."""
    optimizer = SGD(learning_rate=LEARNING_RATE)
    rates = []
    for epoch in range(len(losses) if losses else N_EPOCHS):
        schedule.step(optimizer, epoch, losses[epoch - 1] if losses and epoch > 0 else None)
        rates.append(optimizer.learning_rate)
    return rates


def torch_optimizer() -> torch.optim.Optimizer:
    parameter = torch.zeros(1, dtype=torch.float64)
    return torch.optim.SGD([parameter], lr=LEARNING_RATE)


def torch_rates(make: Callable[[torch.optim.Optimizer], Any]) -> list[float]:
    optimizer = torch_optimizer()
    scheduler = make(optimizer)
    rates = []
    for _ in range(N_EPOCHS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def torch_constant(optimizer: torch.optim.Optimizer) -> Any:
    return lr_scheduler.ConstantLR(optimizer, factor=1.0)


def torch_step(optimizer: torch.optim.Optimizer) -> Any:
    return lr_scheduler.StepLR(optimizer, step_size=30, gamma=0.4)


def torch_exponential(optimizer: torch.optim.Optimizer) -> Any:
    return lr_scheduler.ExponentialLR(optimizer, gamma=0.97)


def torch_cosine(optimizer: torch.optim.Optimizer) -> Any:
    return lr_scheduler.CosineAnnealingLR(optimizer, T_max=N_EPOCHS)


def torch_cosine_with_floor(optimizer: torch.optim.Optimizer) -> Any:
    return lr_scheduler.CosineAnnealingLR(optimizer, T_max=N_EPOCHS, eta_min=0.1 * LEARNING_RATE)


def torch_warmup(optimizer: torch.optim.Optimizer) -> Any:
    return lr_scheduler.LinearLR(optimizer)


def torch_warmup_from_a_tenth(optimizer: torch.optim.Optimizer) -> Any:
    return lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=17)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (ConstantSchedule(), torch_constant),
        (StepSchedule(step_size=30, gamma=0.4), torch_step),
        (ExponentialSchedule(gamma=0.97), torch_exponential),
        (CosineSchedule(n_epochs=N_EPOCHS), torch_cosine),
        (CosineSchedule(n_epochs=N_EPOCHS, final_factor=0.1), torch_cosine_with_floor),
        (WarmupSchedule(n_epochs=5), torch_warmup),
        (WarmupSchedule(n_epochs=17, start_factor=0.1), torch_warmup_from_a_tenth),
    ],
)
def test_rates_follow_torch(ours: Schedule, theirs: Callable[[torch.optim.Optimizer], Any]) -> None:
    assert our_rates(ours) == pytest.approx(torch_rates(theirs), rel=1e-10, abs=1e-14)


@pytest.mark.parametrize(
    ("then", "theirs"),
    [
        (StepSchedule(step_size=30, gamma=0.4), torch_step),
        (ExponentialSchedule(gamma=0.97), torch_exponential),
        (CosineSchedule(n_epochs=N_EPOCHS), torch_cosine),
    ],
)
def test_after_the_warm_up_another_schedule_begins(
    then: Schedule, theirs: Callable[[torch.optim.Optimizer], Any]
) -> None:
    ours = our_rates(WarmupSchedule(n_epochs=5, then=then))
    expected = torch_rates(torch_warmup)[:5] + torch_rates(theirs)[:-5]
    assert ours == pytest.approx(expected, rel=1e-10, abs=1e-14)


def test_the_cosine_stays_at_its_end() -> None:
    schedule = CosineSchedule(n_epochs=10, final_factor=0.25)
    assert [schedule(epoch) for epoch in (10, 11, 25, 1000)] == [0.25] * 4


def test_the_factor_may_fall_to_nothing_without_an_error() -> None:
    assert ExponentialSchedule(gamma=0.1)(5000) == 0.0
    assert StepSchedule(step_size=1, gamma=0.1)(5000) == 0.0


def torch_plateau_rates(losses: list[float], **settings: Any) -> list[float]:
    optimizer = torch_optimizer()
    # eps=0: torch does not carry out drops of less than eps.
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, eps=0.0, **settings)
    rates = []
    for loss in losses:
        rates.append(optimizer.param_groups[0]["lr"])
        scheduler.step(loss)
    return rates


@settings(max_examples=300)
@given(
    losses=st.lists(
        st.one_of(
            st.sampled_from([0.5, 0.5 * (1.0 - 1e-4), 0.4, math.nan, math.inf]),
            st.floats(min_value=0.0, max_value=1.0),
        ),
        min_size=12,
        max_size=40,
    ),
    factor=st.sampled_from([0.0, 0.1, 0.5]),
    patience=st.integers(0, 3),
    cooldown=st.integers(0, 3),
    threshold=st.sampled_from([0.0, 1e-4, 0.3]),
    minimum_factor=st.sampled_from([0.0, 0.2]),
    mode=st.sampled_from(["min", "max"]),
    threshold_mode=st.sampled_from(["rel", "abs"]),
)
def test_the_plateau_follows_torch(
    losses: list[float],
    factor: float,
    patience: int,
    cooldown: int,
    threshold: float,
    minimum_factor: float,
    mode: str,
    threshold_mode: str,
) -> None:
    shared = {"factor": factor, "patience": patience, "cooldown": cooldown, "threshold": threshold}
    shared["threshold_mode"] = threshold_mode  # type: ignore[assignment]
    ours = PlateauSchedule(minimum_factor=minimum_factor, mode=mode, **shared)  # type: ignore[arg-type]
    theirs = torch_plateau_rates(losses, min_lr=minimum_factor * LEARNING_RATE, mode=mode, **shared)
    assert our_rates(ours, losses) == pytest.approx(theirs, rel=1e-10, abs=0.0)


def test_the_plateau_has_the_defaults_of_torch() -> None:
    losses = [1.0] * 30 + [0.99999] * 10 + [0.5] * 30
    ours = our_rates(PlateauSchedule(), losses)
    assert ours == pytest.approx(torch_plateau_rates(losses), rel=1e-10, abs=0.0)
    assert ours[-1] < LEARNING_RATE


def test_a_constant_negative_loss_is_a_plateau() -> None:
    rates = our_rates(PlateauSchedule(factor=0.5, patience=2), [-1.0] * 8)
    assert rates[-1] < LEARNING_RATE


def test_a_falling_negative_loss_is_none() -> None:
    rates = our_rates(PlateauSchedule(patience=0), [-1.0, -2.0, -3.0, -4.0])
    assert rates == [LEARNING_RATE] * 4


def test_the_plateau_begins_to_count_after_the_warm_up() -> None:
    schedule = WarmupSchedule(n_epochs=3, then=PlateauSchedule(factor=0.5, patience=0))
    factors = [rate / LEARNING_RATE for rate in our_rates(schedule, [1.0] * 7)]
    # The losses of epochs 0 to 2 are not seen; that of 3 is the first, so the best, that of 4 bad.
    assert factors == pytest.approx([1 / 3, 5 / 9, 7 / 9, 1.0, 1.0, 0.5, 0.25])


def small_plateau(warm_up: bool) -> Schedule:
    plateau = PlateauSchedule(factor=0.5, patience=1, cooldown=2)
    return WarmupSchedule(n_epochs=1, then=plateau) if warm_up else plateau


@pytest.mark.parametrize("warm_up", [False, True])
@pytest.mark.parametrize("n_before", range(1, 20))
def test_a_plateau_goes_on_where_it_stood(n_before: int, warm_up: bool) -> None:
    losses = [1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.95, 0.7, 0.8, 0.7, 0.7, 0.7, 0.7, 0.6] + [
        0.6
    ] * 5
    first, second = small_plateau(warm_up), small_plateau(warm_up)
    optimizer = SGD(learning_rate=LEARNING_RATE)
    rates = []
    for epoch in range(len(losses)):
        if epoch == n_before:
            second.load_state_dict(first.state_dict())
        schedule = first if epoch < n_before else second
        schedule.step(optimizer, epoch, losses[epoch - 1] if epoch else None)
        rates.append(optimizer.learning_rate)
    assert rates == our_rates(small_plateau(warm_up), losses)
    assert len(set(rates)) > 3, "there must be something to remember"


def test_the_state_of_every_schedule_is_at_which_epoch_it_stands() -> None:
    first, second = CosineSchedule(n_epochs=9), CosineSchedule(n_epochs=9)
    for _ in range(4):
        first.end_epoch(loss=1.0)
    second.load_state_dict(first.state_dict())
    assert second.epoch == 4
    assert first.state_dict() == {"epoch": 4}


def test_a_state_of_another_schedule_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="another CosineSchedule"):
        CosineSchedule(n_epochs=3).load_state_dict(PlateauSchedule().state_dict())


def test_the_loss_is_not_needed() -> None:
    optimizer = SGD(learning_rate=0.5)
    PlateauSchedule().step(optimizer, epoch=0)
    assert optimizer.learning_rate == 0.5


def test_a_schedule_scales_the_rate_that_the_optimizer_was_made_with() -> None:
    optimizer = SGD(learning_rate=0.5)
    schedule = ExponentialSchedule(gamma=0.5)
    for epoch in (3, 1, 1):
        schedule.step(optimizer, epoch)
    assert optimizer.learning_rate == 0.25


SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "step": {"step_size": 3},
    "exponential": {"gamma": 0.9},
    "lambda": {"function": math.exp},
    "multi_step": {"milestones": [3]},
}
"""What a schedule cannot be made without, beside n_epochs."""


def test_every_schedule_is_known_by_its_name() -> None:
    for name, schedule_class in SCHEDULES.items():
        spanning = "n_epochs" in inspect.signature(schedule_class).parameters
        usual: dict[str, Any] = {"n_epochs": 3} if spanning else {}
        settings = SETTINGS.get(name, usual)
        assert type(make_schedule(name.upper(), **settings)) is schedule_class
    ours = {
        kind for kind in Schedule.__subclasses__() if kind.__module__.startswith("tinygrad_mlp")
    }
    assert set(SCHEDULES.values()) == ours


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(
        UnknownNameError, match="'cosin'; known: constant, cosine, cosine_restarts, exponential,"
    ):
        make_schedule("cosin")


def test_a_schedule_shows_its_settings() -> None:
    shown = repr(WarmupSchedule(n_epochs=2, then=StepSchedule(step_size=3), start_factor=0.5))
    inner = "StepSchedule(step_size=3, gamma=0.1)"
    assert shown == f"WarmupSchedule(n_epochs=2, then={inner}, start_factor=0.5)"


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        (
            "step",
            {"step_size": 0},
            r"step_size is 0, but a whole number of at least 1 is needed: Step",
        ),
        (
            "step",
            {"step_size": 2.5},
            r"step_size is 2\.5, but a whole number of at least 1 is needed",
        ),
        ("step", {"step_size": 3, "gamma": 0.0}, r"gamma is 0\.0, but a number > 0 is needed"),
        ("exponential", {"gamma": -1}, r"gamma is -1, but .*: ExponentialSchedule\(gamma=0\.95\)"),
        (
            "cosine",
            {"n_epochs": True},
            "n_epochs is True, but a whole number of at least 1 is needed",
        ),
        ("cosine", {"n_epochs": 9, "final_factor": -1}, "final_factor is -1, but a number >= 0 is"),
        ("warmup", {"n_epochs": 0}, "n_epochs is 0, but"),
        (
            "warmup",
            {"n_epochs": 2, "start_factor": 2},
            "but a number >= 0 and <= 1 is needed: WarmupSchedule",
        ),
        ("warmup", {"n_epochs": 2, "then": "cosine"}, "then must be a schedule, got 'cosine'"),
        ("plateau", {"factor": 1.0}, r"factor is 1\.0, but a number >= 0 and < 1 is needed"),
        ("plateau", {"patience": -1}, "patience is -1, but a whole number of at least 0 is needed"),
        ("plateau", {"threshold": "small"}, "threshold is 'small', but"),
        ("plateau", {"cooldown": 0.5}, "cooldown is 0.5, but"),
        ("plateau", {"minimum_factor": 2}, "minimum_factor is 2, but"),
        ("plateau", {"threshold": 1.0}, r"threshold is 1\.0, but a number >= 0 and < 1 is needed"),
        (
            "plateau",
            {"threshold": -1.0, "threshold_mode": "abs"},
            r"threshold is -1\.0, but a number >= 0 is needed",
        ),
        (
            "plateau",
            {"threshold_mode": "relative"},
            "threshold_mode must be 'rel' or 'abs', got 'r",
        ),
        ("plateau", {"mode": "loss"}, "mode must be 'min' or 'max', got 'loss'"),
    ],
)
def test_a_wrong_argument_is_refused(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        make_schedule(name, **settings)


class Holding(Schedule):
    """One that holds others in whatever form."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts
        self.parent: Any = self

    def __call__(self, epoch: int) -> float:
        return 1.0


def test_schedules_that_hold_each_other_and_much_else() -> None:
    plateau = PlateauSchedule(mode="max")
    inner = Holding([0.5] * 100, [(5, plateau)])
    outer = Holding({"inner": inner})
    rounds: list[Any] = [outer]
    rounds.append(rounds)
    inner.parent, outer.parent = outer, rounds
    assert outer.watches == inner.watches == "accuracy"
    plateau.epoch = inner.epoch = 3
    copied = copy.deepcopy(outer)
    copied.load_state_dict(outer.state_dict())
    assert {name: int(n) for name, n in copied.state_dict().items() if "epoch" in name[-5:]} == {
        "epoch": 0, "0.epoch": 3, "0.0.epoch": 3,
    }  # fmt: skip
    outer.reset()
    assert plateau.epoch == inner.epoch == 0


def test_a_state_without_the_count_of_epochs_begins_at_0() -> None:
    schedule, other = (
        WarmupSchedule(2, then=PlateauSchedule()),
        WarmupSchedule(2, PlateauSchedule()),
    )
    schedule.observe(2, 0.5)
    other.epoch = 9
    state = schedule.state_dict()
    other.load_state_dict({name: state[name] for name in state if not name.endswith("epoch")})
    assert other.epoch == 0
    assert other.state_dict() == state
    with pytest.raises(InvalidArgumentError, match="has the names"):
        other.load_state_dict({"epoch": state["epoch"]})
