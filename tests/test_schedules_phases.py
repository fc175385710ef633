"""The schedules of several phases against ``torch.optim.lr_scheduler``, over whole trajectories."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any, Final

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from tests.test_schedules import LEARNING_RATE, N_EPOCHS, our_rates, torch_optimizer, torch_rates
from tinygrad_mlp import MLP, fit
from tinygrad_mlp.data import make_blobs
from tinygrad_mlp.errors import InvalidArgumentError, UnknownArgumentError
from tinygrad_mlp.optim import (
    SGD,
    CosineRestartsSchedule,
    LambdaSchedule,
    MultiStepSchedule,
    OneCycleSchedule,
    PlateauSchedule,
    Schedule,
    WarmupSchedule,
    make_schedule,
)
from tinygrad_mlp.training._settings import schedule_for

Torch = Callable[[torch.optim.Optimizer], Any]


def rates_of_both(ours: Schedule, theirs: Torch) -> None:
    assert our_rates(ours) == pytest.approx(torch_rates(theirs), rel=1e-10, abs=1e-14)


@given(
    milestones=st.lists(st.integers(0, N_EPOCHS), max_size=5),
    gamma=st.sampled_from([0.1, 0.4, 0.9, 1.5]),
)
def test_milestones_are_those_of_torch(milestones: list[int], gamma: float) -> None:
    rates_of_both(
        MultiStepSchedule(milestones, gamma),
        lambda optimizer: lr_scheduler.MultiStepLR(optimizer, milestones, gamma),
    )


def inverse_root(epoch: int) -> float:
    return float((epoch + 1) ** -0.5)


def test_a_function_is_that_of_torch() -> None:
    rates_of_both(
        LambdaSchedule(inverse_root),
        lambda optimizer: lr_scheduler.LambdaLR(optimizer, inverse_root),
    )
    rates_of_both(
        LambdaSchedule(lambda epoch: 0 if epoch > 3 else 2),
        lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda epoch: 0 if epoch > 3 else 2),
    )


@given(
    n_epochs=st.integers(1, 60),
    multiplier=st.integers(1, 3),
    final_factor=st.sampled_from([0.0, 0.1, 1.0]),
)
def test_restarts_are_those_of_torch(n_epochs: int, multiplier: int, final_factor: float) -> None:
    rates_of_both(
        CosineRestartsSchedule(n_epochs, multiplier, final_factor),
        lambda optimizer: lr_scheduler.CosineAnnealingWarmRestarts(
            optimizer, n_epochs, multiplier, eta_min=final_factor * LEARNING_RATE
        ),
    )


def torch_cycle(n_epochs: int, **settings: Any) -> list[float]:
    optimizer = torch_optimizer()
    scheduler = lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, n_epochs, cycle_momentum=False, **settings
    )
    rates = []
    for _ in range(n_epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@given(
    n_epochs=st.integers(2, 60),
    pct_start=st.floats(0.0, 1.0).filter(lambda x: x == 0.0 or x > 1e-3),
    divisors=st.sampled_from([(25.0, 1e4), (4.0, 1.0), (1.0, 10.0)]),
    anneal_strategy=st.sampled_from(["cos", "linear"]),
    three_phase=st.booleans(),
)
def test_one_cycle_is_that_of_torch(
    n_epochs: int,
    pct_start: float,
    divisors: tuple[float, float],
    anneal_strategy: Any,
    three_phase: bool,
) -> None:
    settings = {"pct_start": pct_start, "anneal_strategy": anneal_strategy}
    start, end = divisors
    try:
        theirs = torch_cycle(
            n_epochs, div_factor=start, final_div_factor=end, three_phase=three_phase, **settings
        )
    except ZeroDivisionError:  # where a part of torch's is of no length, as ours may be
        return
    ours = OneCycleSchedule(
        n_epochs,
        start_factor=1.0 / start,
        final_factor=1.0 / start / end,
        three_phase=three_phase,
        **settings,
    )
    assert our_rates(ours)[:n_epochs] == pytest.approx(theirs, rel=1e-10, abs=1e-14)


def test_one_cycle_has_the_defaults_of_torch_and_stays_at_its_end() -> None:
    rates = our_rates(OneCycleSchedule(n_epochs=50))
    assert rates[:50] == pytest.approx(torch_cycle(50), rel=1e-10, abs=1e-14)
    assert max(rates) == rates[14] == LEARNING_RATE
    assert set(rates[49:]) == {rates[49]}


@pytest.mark.parametrize(
    ("n_epochs", "pct_start", "three_phase"), [(1, 1.0, False), (1, 0.0, True), (10, 0.1, False)]
)
def test_a_part_of_no_length_is_jumped_over(
    n_epochs: int, pct_start: float, three_phase: bool
) -> None:
    schedule = OneCycleSchedule(n_epochs, pct_start, three_phase=three_phase)
    factors = [schedule(epoch) for epoch in range(n_epochs)]
    assert all(0.0 < factor <= 1.0 for factor in factors)
    assert schedule(n_epochs) == (factors[-1] if n_epochs == 1 else schedule.final_factor)


def test_an_absolute_threshold_counts_in_the_units_of_the_loss() -> None:
    losses = [100.0 - 0.05 * epoch for epoch in range(30)]
    kept = our_rates(PlateauSchedule(patience=0, threshold=0.04, threshold_mode="abs"), losses)
    assert kept == [LEARNING_RATE] * 30
    assert our_rates(PlateauSchedule(patience=0, threshold=5.0, threshold_mode="abs"), losses)[
        2:4
    ] == pytest.approx([0.1 * LEARNING_RATE, 0.01 * LEARNING_RATE])
    assert "threshold=5.0, threshold_mode='abs'" in repr(
        PlateauSchedule(threshold=5.0, threshold_mode="abs")
    )


ALL: Final[dict[str, Callable[[], Schedule]]] = {
    "milestones": lambda: MultiStepSchedule([4, 2]),
    "function": lambda: LambdaSchedule(inverse_root),
    "restarts": lambda: CosineRestartsSchedule(3, 2),
    "cycle": lambda: OneCycleSchedule(9, anneal_strategy="linear"),
}


@pytest.mark.parametrize("name", ALL)
def test_it_is_copied_saved_and_put_behind_a_warm_up(name: str) -> None:
    schedule = ALL[name]()
    schedule.begin(SGD())
    for _ in range(3):
        schedule.end_epoch(loss=1.0)
    for other in (copy.deepcopy(schedule), pickle.loads(pickle.dumps(schedule))):
        assert other.epoch == 3
        assert [other(epoch) for epoch in range(9)] == [schedule(epoch) for epoch in range(9)]
        assert repr(other) == repr(schedule)
    fresh = ALL[name]()
    fresh.load_state_dict(schedule.state_dict())
    assert fresh.epoch == 3
    behind = WarmupSchedule(2, then=schedule)
    assert [behind(epoch + 2) for epoch in range(9)] == [schedule(epoch) for epoch in range(9)]
    assert schedule.watches is None


@pytest.mark.parametrize("name", ["multi_step", "cosine_restarts", "one_cycle"])
@pytest.mark.parametrize("epochs", [1, 2, 3, 10])
def test_by_name_it_spans_the_epochs_of_a_training(name: str, epochs: int) -> None:
    schedule = schedule_for(name, epochs)
    assert schedule is not None
    X, y = make_blobs(12, rng=0)
    history = fit(
        MLP(2, [2, 3], rng=0), X, y, epochs=epochs, schedule=name, learning_rate=0.2, log_every=None
    )
    assert history.learning_rate == pytest.approx([0.2 * schedule(i) for i in range(epochs)])


def test_by_name_milestones_and_waves_are_where_they_should_be() -> None:
    assert (
        repr(schedule_for("MultiStepLR", 40)) == "MultiStepSchedule(milestones=[20, 30], gamma=0.1)"
    )
    waves = schedule_for("sgdr", 70)
    assert waves is not None
    assert [epoch for epoch in range(71) if waves(epoch) == 1.0] == [0, 10, 30, 70]


@pytest.mark.parametrize("name", ["lambda", "LambdaLR"])
def test_by_name_alone_a_function_says_nothing(name: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"needs a function .*LambdaSchedule\(lambda ep"):
        schedule_for(name, 5)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("multi_step", {"milestones": 3}, "milestones is 3, but a list of epochs is needed: Multi"),
        ("multi_step", {"milestones": "30, 80"}, "milestones is '30, 80', but a list of epochs"),
        ("multi_step", {"milestones": [3, -1]}, r"milestones\[1\] is -1, but a whole number"),
        ("multi_step", {"milestones": [3], "gamma": 0}, "gamma is 0, but"),
        ("lambda", {"function": 0.5}, "function is 0.5, but a function of the epoch is needed"),
        ("cosine_restarts", {"n_epochs": 0}, "n_epochs is 0, but"),
        ("cosine_restarts", {"n_epochs": 3, "multiplier": 1.5}, "multiplier is 1.5, but a whole"),
        ("cosine_restarts", {"n_epochs": 3, "final_factor": -1}, "final_factor is -1, but"),
        ("one_cycle", {"n_epochs": 0}, "n_epochs is 0, but"),
        ("one_cycle", {"n_epochs": 9, "pct_start": 30}, "pct_start is 30, but .* <= 1 is needed"),
        ("one_cycle", {"n_epochs": 9, "start_factor": 25}, "start_factor is 25, but"),
        ("one_cycle", {"n_epochs": 9, "final_factor": math.nan}, "final_factor is nan, but"),
        ("one_cycle", {"n_epochs": 9, "anneal_strategy": "cosine"}, "must be 'cos' or 'linear'"),
    ],
)
def test_a_wrong_argument_is_refused(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        make_schedule(name, **settings)


@pytest.mark.parametrize("factor", [-0.5, math.nan, math.inf, None, "0.5"])
def test_what_a_function_gives_is_a_factor(factor: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"the factor that .* gives for epoch 4 is"):
        LambdaSchedule(lambda epoch: factor)(4)


@pytest.mark.parametrize(
    ("kind", "arguments", "corrected"),
    [
        (CosineRestartsSchedule, {"T_0": 10, "T_mult": 2}, "n_epochs=10, multiplier=2"),
        (OneCycleSchedule, {"total_steps": 10}, "n_epochs=10"),
        (OneCycleSchedule, {"n_epochs": 10, "div_factor": 10.0}, "start_factor=0.1"),
        (OneCycleSchedule, {"n_epochs": 10, "final_div_factor": 1e4}, "final_factor=4e-06"),
        (OneCycleSchedule, {"n_epochs": 10, "max_lr": 0.1}, "that of the optimizer"),
        (LambdaSchedule, {"lr_lambda": inverse_root}, "function="),
    ],
)
def test_the_words_of_torch_are_an_error_that_says_ours(
    kind: Any, arguments: dict[str, Any], corrected: str
) -> None:
    with pytest.raises(UnknownArgumentError, match=corrected):
        kind(**arguments)
