"""Learning rates by group of parameters, beside torch's param_groups: whole trajectories."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.against_torch import assert_close, tensor_of
from tinygrad_mlp import MLP, Value, fit
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.optim import (
    SGD,
    Adam,
    AdamW,
    CosineSchedule,
    ExponentialSchedule,
    Optimizer,
    RMSprop,
    Schedule,
)

Floats = NDArray[np.float64]
TorchSchedule = Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler]
N_STEPS: Final = 24
RATES: Final = (0.02, 0.3, 0.02)
SIZES: Final = (2, 3, 1)

RULES: Final[dict[str, tuple[type[Optimizer], type[torch.optim.Optimizer], dict[str, Any]]]] = {
    "sgd": (SGD, torch.optim.SGD, {}),
    "momentum": (SGD, torch.optim.SGD, {"momentum": 0.9, "weight_decay": 0.1}),
    "nesterov": (SGD, torch.optim.SGD, {"momentum": 0.8, "nesterov": True}),
    "rmsprop": (RMSprop, torch.optim.RMSprop, {"alpha": 0.9, "momentum": 0.5}),
    "centered": (RMSprop, torch.optim.RMSprop, {"centered": True, "weight_decay": 0.1}),
    "adam": (Adam, torch.optim.Adam, {"weight_decay": 0.1}),
    "adamw": (AdamW, torch.optim.AdamW, {"weight_decay": 0.1}),
}
SCHEDULES: Final[dict[str, tuple[Schedule | None, TorchSchedule | None]]] = {
    "none": (None, None),
    "cosine": (
        CosineSchedule(n_epochs=N_STEPS),
        lambda theirs: torch.optim.lr_scheduler.CosineAnnealingLR(theirs, N_STEPS),
    ),
    "exponential": (
        ExponentialSchedule(gamma=0.9),
        lambda theirs: torch.optim.lr_scheduler.ExponentialLR(theirs, 0.9),
    ),
}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def in_groups(items: list[Any]) -> list[list[Any]]:
    ends = np.cumsum(SIZES)
    return [items[end - size : end] for end, size in zip(ends.tolist(), SIZES)]


def groups_of(values: list[Value]) -> list[dict[str, Any]]:
    """The first group says no rate: the optimizer's is 0.02."""
    first, *others = in_groups(values)
    rated = [{"parameters": p, "learning_rate": rate} for p, rate in zip(others, RATES[1:])]
    return [{"parameters": first}, *rated]


def gradients_at(step: int, numbers: Floats) -> Floats:
    """Of a bowl that shakes, so that the parameters matter."""
    shake: Floats = np.random.default_rng(step).normal(size=len(numbers))
    return np.asarray(numbers + shake)


def torch_trajectory(
    kind: type[torch.optim.Optimizer], settings: dict[str, Any], schedule: TorchSchedule | None
) -> tuple[list[Floats], list[list[float]]]:
    start = np.random.default_rng(0).normal(size=sum(SIZES))
    tensors = [tensor_of(number, requires_grad=True) for number in start]
    groups = [{"params": p, "lr": rate} for p, rate in zip(in_groups(tensors), RATES)]
    optimizer: Any = kind(groups, **settings)
    scheduler = schedule(optimizer) if schedule else None
    places, rates = [], []
    for step in range(N_STEPS):
        now = np.array([t.item() for t in tensors])
        for tensor, gradient in zip(tensors, gradients_at(step, now)):
            tensor.grad = tensor_of(gradient)
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        if scheduler:
            scheduler.step()
        places.append(np.array([t.item() for t in tensors]))
    return places, rates


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("on_arrays", [False, True])
def test_trajectories_are_those_of_torch(rule: str, schedule: str, on_arrays: bool) -> None:
    kind, torch_kind, settings = RULES[rule]
    ours, theirs = SCHEDULES[schedule]
    expected, expected_rates = torch_trajectory(torch_kind, settings, theirs)
    numbers = np.random.default_rng(0).normal(size=sum(SIZES))
    values = [Value(number) for number in numbers.tolist()]
    optimizer: Any = kind(groups_of(values), 0.02, **settings)
    gradients = np.empty_like(numbers)
    for step in range(N_STEPS):
        if ours is not None:
            ours.step(optimizer, step)
        assert_close(optimizer.learning_rates, expected_rates[step])
        if on_arrays:
            gradients[:] = gradients_at(step, numbers)
            optimizer.step_array(numbers, gradients)
        else:
            now = np.array([value.data for value in values])
            for value, gradient in zip(values, gradients_at(step, now).tolist()):
                value.grad = gradient
            optimizer.step()
            numbers = np.array([value.data for value in values])
        assert_close(numbers, expected[step])


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_fit_trains_body_and_head_at_their_rates(engine: str) -> None:
    X = np.random.default_rng(1).normal(size=(12, 3))
    y = np.sin(X.sum(axis=1))
    model = MLP(3, [4, 1], activation="tanh", rng=0)
    weights = [tensor_of(array, requires_grad=True) for array in model.state_dict().values()]
    body, head = (layer.parameters() for layer in model.layers)
    optimizer = Adam(
        [{"parameters": body, "learning_rate": 0.001}, {"parameters": head}], learning_rate=0.1
    )
    schedule = CosineSchedule(n_epochs=20)
    fit(model, X, y, optimizer=optimizer, schedule=schedule, epochs=20, engine=engine, log_every=0)
    groups: list[dict[str, Any]] = [{"params": weights[:2], "lr": 0.001}, {"params": weights[2:]}]
    theirs = torch.optim.Adam(groups, 0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, 20)
    for _ in range(20):
        hidden = torch.tanh(tensor_of(X) @ weights[0].T + weights[1])
        outputs = hidden @ weights[2].T + weights[3]
        theirs.zero_grad()
        torch.nn.functional.mse_loss(outputs[:, 0], tensor_of(y)).backward()
        theirs.step()
        scheduler.step()
    for array, weight in zip(model.state_dict().values(), weights):
        assert_close(array, weight, 1e-11)  # Adam divides by roots of small sums


@pytest.mark.parametrize("on_arrays", [False, True])
def test_rates_change_between_two_steps(on_arrays: bool) -> None:
    a, b = Value(1.0), Value(1.0)
    optimizer = SGD([{"parameters": [a]}, {"parameters": [b], "learning_rate": 0.5}], 0.1)
    assert optimizer.learning_rates == [0.1, 0.5]
    numbers, ones = np.array([1.0, 1.0]), np.array([1.0, 1.0])

    def step() -> list[float]:
        if on_arrays:
            optimizer.step_array(numbers, ones)
            return [float(number) for number in numbers]
        a.grad = b.grad = 1.0
        optimizer.step()
        return [a.data, b.data]

    assert step() == pytest.approx([0.9, 0.5], rel=1e-15)
    optimizer.learning_rates = [0.2, 0.05]
    assert optimizer.learning_rates == pytest.approx([0.2, 0.05], rel=1e-15)
    assert step() == pytest.approx([0.7, 0.45], rel=1e-15)
    optimizer.learning_rate = 0.2
    assert optimizer.learning_rates == pytest.approx([0.4, 0.1], rel=1e-15)
    assert step() == pytest.approx([0.3, 0.35], rel=1e-15)
    optimizer.groups[0].factor = 0.0
    assert step() == pytest.approx([0.3, 0.25], rel=1e-15)


@pytest.mark.parametrize("gradient", [0.0, None])
def test_no_gradient_moves_nothing(gradient: Any) -> None:
    for in_group in (False, True):
        first, second = Value(1.0), Value(1.0)
        first.grad, second.grad = gradient, 1.0
        SGD([{"parameters": [first, second]}] if in_group else [first, second], 0.5).step()
        assert (first.data, second.data) == (1.0, 0.5)


def test_an_array_of_float32_stays_one() -> None:
    optimizer = SGD([{"parameters": [Value(0.0)], "learning_rate": 0.25}], 0.5)
    numbers = np.array([1.0], dtype=np.float32)
    optimizer.step_array(numbers, np.array([1.0], dtype=np.float32))
    assert numbers.dtype == np.float32
    assert numbers.tolist() == [0.75]
    others = np.array([1.0])
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.step_array(others, np.array([1.0]))
    assert others.tolist() == [0.75]


def test_the_state_goes_from_values_to_arrays() -> None:
    values = [Value(number) for number in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)]
    whole = Adam(groups_of(values), 0.02)
    for step in range(4):
        for value, gradient in zip(values, gradients_at(step, np.zeros(6)).tolist()):
            value.grad = gradient
        whole.step()
    others = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    first, second = (Adam(groups_of(values), 0.02) for _ in range(2))
    for step in range(2):
        first.step_array(others, gradients_at(step, np.zeros(6)))
    second.load_state_dict(first.state_dict())
    second = copy.deepcopy(second)
    for step in range(2, 4):
        second.step_array(others, gradients_at(step, np.zeros(6)))
    assert_close(others, [value.data for value in values])
    for name, array in whole.state_dict().items():
        assert_close(second.state_dict()[name], array)


def test_what_the_groups_are_is_shown() -> None:
    optimizer = SGD([{"parameters": [Value(1.0)], "learning_rate": 0.5}], 0.25)
    assert repr(optimizer).endswith("weight_decay=0.0, learning_rates=[0.5])")
    assert repr(optimizer.groups) == "[ParameterGroup(1 parameters, factor=2.0)]"
    assert "learning_rates" not in repr(SGD([Value(1.0)]))
    assert SGD([Value(1.0)], 0.5).learning_rates == [0.5]


a: Final = Value(1.0)


@pytest.mark.parametrize(
    ("groups", "rate", "message"),
    [
        ([{"params": [a]}], 0.1, r"group number 0 .* the keys \['params'\], but a dict with the"),
        ([{"parameters": [a], "lr": 0.1}], 0.1, r"the keys \['parameters', 'lr'\], but"),
        ([{"parameters": [a]}, Value(2.0)], 0.1, r"group number 1 of the parameters has Value"),
        ([{"parameters": a}], 0.1, r"parameters of group number 0 are Value.* list of Values"),
        ([{"parameters": [a], "learning_rate": -1.0}], 0.1, r"the learning_rate of group number 0"),
        ([{"parameters": [a], "learning_rate": 0.1}], 0.0, r"group number 0 has the .* above 0"),
        ([{"parameters": [a]}, {"parameters": [a]}], 0.1, r"number 1, .* a second time"),
        ([{"parameters": [a * 2.0]}], 0.1, r"number 0, .* only leaves can be trained"),
    ],
)
def test_wrong_groups_are_refused(groups: list[Any], rate: float, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        SGD(groups, rate)


def test_a_rate_of_0_for_all_is_a_rate() -> None:
    assert SGD([{"parameters": [a], "learning_rate": 0.0}], 0.0).learning_rates == [0.0]
    assert SGD([{"parameters": [a], "learning_rate": 0.0}], 0.5).learning_rates == [0.0]


def test_wrong_rates_are_refused() -> None:
    optimizer = SGD([{"parameters": [a]}], 0.1)
    with pytest.raises(InvalidArgumentError, match=r"2 rates, but .* has 1 groups; for example"):
        optimizer.learning_rates = [0.1, 0.2]
    with pytest.raises(InvalidArgumentError, match=r"a rate is -1\.0"):
        optimizer.learning_rates = [-1.0]
    with pytest.raises(InvalidArgumentError, match=r"0 groups; assign optimizer\.learning_rate"):
        SGD([a], 0.1).learning_rates = [0.1]
    optimizer.learning_rate = 0.0
    with pytest.raises(InvalidArgumentError, match=r"is 0, .*groups\[0\]\.factor = 0\.1"):
        optimizer.learning_rates = [0.1]
    optimizer.parameters = [a, Value(2.0)]
    for take_step in (
        optimizer.step,
        lambda: optimizer.step_array(np.zeros(2), np.zeros(2)),
    ):
        with pytest.raises(InvalidArgumentError, match=r"1 parameters in its groups, but 2 in"):
            take_step()
