"""Every optimizer against ``torch.optim`` over whole trajectories, Values against flat arrays."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError, ShapeError, UnknownNameError
from tinygrad_mlp.optim import (
    OPTIMIZERS,
    SGD,
    Adam,
    AdamW,
    CosineSchedule,
    Optimizer,
    RMSprop,
    make_optimizer,
)
from tinygrad_mlp.optim._base import Number

Array = NDArray[Any]

N_STEPS: Final = 200
START: Final = np.random.default_rng(7).uniform(-2.0, 2.0, size=9)
NOISE: Final = np.random.default_rng(8).normal(size=(N_STEPS, 9))

CASES: Final[list[tuple[str, dict[str, Any]]]] = [
    ("sgd", {}),
    ("sgd", {"learning_rate": 0.02}),
    ("sgd", {"learning_rate": 0.02, "weight_decay": 0.1}),
    ("sgd", {"learning_rate": 0.02, "momentum": 0.9}),
    ("sgd", {"learning_rate": 0.02, "momentum": 0.9, "weight_decay": 0.1}),
    ("sgd", {"learning_rate": 0.02, "momentum": 0.9, "nesterov": True}),
    ("sgd", {"learning_rate": 0.02, "momentum": 0.7, "nesterov": True, "weight_decay": 0.1}),
    ("rmsprop", {}),
    ("rmsprop", {"learning_rate": 0.02, "alpha": 0.9, "epsilon": 1e-3}),
    ("rmsprop", {"weight_decay": 0.1}),
    ("rmsprop", {"learning_rate": 0.003, "momentum": 0.9}),
    ("rmsprop", {"learning_rate": 0.003, "centered": True}),
    ("rmsprop", {"learning_rate": 0.003, "centered": True, "momentum": 0.8, "weight_decay": 0.1}),
    ("rmsprop", {"alpha": 0.0, "epsilon": 0.5}),
    ("adam", {}),
    ("adam", {"learning_rate": 0.05}),
    ("adam", {"learning_rate": 0.05, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-2}),
    ("adam", {"learning_rate": 0.05, "weight_decay": 0.1}),
    ("adam", {"learning_rate": 0.01, "beta1": 0.0}),
    ("adam", {"learning_rate": 0.01, "beta2": 0.0, "epsilon": 0.5}),
    ("adamw", {}),
    ("adamw", {"learning_rate": 0.05, "weight_decay": 0.3}),
    ("adamw", {"learning_rate": 0.05, "beta1": 0.8, "beta2": 0.95, "weight_decay": 0.0}),
    ("adamw", {"learning_rate": 0.05, "epsilon": 0.1}),
]

TORCH_OPTIMIZERS: Final[dict[str, type[torch.optim.Optimizer]]] = {
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}
"""What each is compared with: torch's, or one written here in torch."""

all_cases = pytest.mark.parametrize(("name", "settings"), CASES)


def gradient(x: Array, step: int) -> Array:
    """The gradient of sum(x^2 / 10 + sin(3 x)) + sum(cos(x_i x_(i+1))), and noise, as of batches.

    There are many minima, and the parameters depend on one another. Without the noise the gradients
    would vanish in a minimum, and rules that divide by their size would magnify the last digit.
    """
    result: Array = x / 5.0 + 3.0 * np.cos(3.0 * x) + NOISE[step]
    coupling = np.sin(x[:-1] * x[1:])
    result[:-1] -= coupling * x[1:]
    result[1:] -= coupling * x[:-1]
    return result


def in_torch_words(settings: dict[str, Any]) -> dict[str, Any]:
    """Our keyword arguments as torch calls them."""
    names = {"learning_rate": "lr", "epsilon": "eps"}
    words = {names.get(key, key): value for key, value in settings.items()}
    if "beta1" in words or "beta2" in words:
        words["betas"] = (words.pop("beta1", 0.9), words.pop("beta2", 0.999))
    return words


def torch_trajectory(name: str, settings: dict[str, Any]) -> Array:
    parameters = torch.tensor(START, dtype=torch.float64)
    optimizer = TORCH_OPTIMIZERS[name]([parameters], **in_torch_words(settings))
    points = [START]
    for step in range(N_STEPS):
        parameters.grad = torch.tensor(gradient(parameters.numpy(), step))
        optimizer.step()
        points.append(parameters.numpy().copy())
    return np.array(points)


def take_steps_with_values(optimizer: Optimizer, n_steps: int = N_STEPS) -> Array:
    values = optimizer.parameters
    points = [np.array([value.data for value in values])]
    for _ in range(n_steps):
        for value, slope in zip(values, gradient(points[-1], optimizer.step_count).tolist()):
            value.grad = slope
        optimizer.step()
        points.append(np.array([value.data for value in values]))
    return np.array(points)


def take_steps_with_array(
    optimizer: Optimizer, start: Array = START, n_steps: int = N_STEPS
) -> Array:
    parameters = start.copy()
    gradients = np.empty_like(parameters)
    points = [start]
    for _ in range(n_steps):
        gradients[:] = gradient(parameters, optimizer.step_count)
        before = gradients.copy()
        optimizer.step_array(parameters, gradients)
        assert np.array_equal(gradients, before), "the gradients must stay as they are"
        points.append(parameters.copy())
    return np.array(points)


def start_values() -> list[Value]:
    return [Value(x) for x in START.tolist()]


def relative_error(ours: Array, theirs: Array) -> float:
    return float(np.max(np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-3)))


def error_against_torch(optimizer: Optimizer, name: str, settings: dict[str, Any]) -> float:
    return relative_error(take_steps_with_array(optimizer), torch_trajectory(name, settings))


@all_cases
def test_values_follow_torch_for_200_steps(name: str, settings: dict[str, Any]) -> None:
    optimizer = make_optimizer(name, start_values(), **settings)
    theirs = torch_trajectory(name, settings)
    assert relative_error(take_steps_with_values(optimizer), theirs) < 1e-10
    assert np.abs(theirs[-1] - START).max() > 0.05, "the case must move somewhere"


@all_cases
def test_an_array_follows_the_values_bit_for_bit(name: str, settings: dict[str, Any]) -> None:
    of_values = make_optimizer(name, start_values(), **settings)
    of_array = make_optimizer(name, **settings)
    points = take_steps_with_values(of_values)
    assert np.array_equal(take_steps_with_array(of_array), points)
    for ours, theirs in zip(of_values.state_dict().items(), of_array.state_dict().items()):
        assert ours[0] == theirs[0]
        assert np.array_equal(ours[1], theirs[1])


def test_every_optimizer_is_compared_with_torch() -> None:
    for name in OPTIMIZERS:
        assert name in TORCH_OPTIMIZERS, f"{name}: TORCH_OPTIMIZERS of tests/test_optimizers.py"
    assert set(OPTIMIZERS) == set(TORCH_OPTIMIZERS)
    for name, optimizer_class in OPTIMIZERS.items():
        varied = {key for case, settings in CASES if case == name for key in settings}
        assert varied == set(optimizer_class.setting_names), (
            f"vary all settings of {name} in CASES of tests/test_optimizers.py"
        )


class EpsilonNotCorrected(Adam):
    """Forgets that epsilon comes after the bias correction."""

    def coefficients(self, step: int) -> tuple[float, ...]:
        beta1, beta2, rate, _, *others = super().coefficients(step)
        return beta1, beta2, rate, self.epsilon, *others


class NoBiasCorrection(Adam):
    """Takes the weights of infinitely many steps."""

    def coefficients(self, step: int) -> tuple[float, ...]:
        return super().coefficients(100_000)


class CoupledAdamW(AdamW):
    """Sends the weight decay through the moments."""

    decoupled_weight_decay = False


class NoLookAhead(SGD):
    """Nesterov's form without his step ahead."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.nesterov = False


class EpsilonUnderTheRoot(RMSprop):
    """sqrt(v + epsilon^2) in place of sqrt(v) + epsilon."""

    def update(
        self,
        xp: Any,
        parameter: Number,
        gradient: Number,
        state: tuple[Number, ...],
        coefficients: tuple[Number, ...],
    ) -> tuple[Number, tuple[Number, ...]]:
        rate, epsilon, alpha, *_ = coefficients
        square_sum, mean, velocity = state
        square_sum = alpha * square_sum + gradient * gradient
        change = rate * gradient / xp.sqrt(square_sum + epsilon * epsilon)
        return change, (square_sum, mean, velocity)


@pytest.mark.parametrize(
    ("wrong", "name", "settings"),
    [
        (EpsilonNotCorrected, "adam", {"epsilon": 1e-3}),
        (NoBiasCorrection, "adam", {}),
        (CoupledAdamW, "adamw", {}),
        (NoLookAhead, "sgd", {"momentum": 0.9, "nesterov": True}),
        (EpsilonUnderTheRoot, "rmsprop", {"epsilon": 1e-2}),
    ],
)
def test_a_wrong_rule_is_found(
    wrong: Callable[..., Optimizer], name: str, settings: dict[str, Any]
) -> None:
    assert error_against_torch(make_optimizer(name, **settings), name, settings) < 1e-10
    assert error_against_torch(wrong(**settings), name, settings) > 1e-6


def test_a_learning_rate_that_changes_follows_torch() -> None:
    ours = AdamW(start_values(), learning_rate=0.05, weight_decay=0.2)
    parameters = torch.tensor(START, dtype=torch.float64)
    theirs = torch.optim.AdamW([parameters], lr=0.05, weight_decay=0.2)
    our_schedule = CosineSchedule(n_epochs=N_STEPS)
    their_schedule = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, T_max=N_STEPS)
    for epoch in range(N_STEPS):
        our_schedule.step(ours, epoch)
        points = take_steps_with_values(ours, n_steps=1)
        parameters.grad = torch.tensor(gradient(parameters.numpy(), epoch))
        theirs.step()
        their_schedule.step()
        assert relative_error(points[-1], parameters.numpy()) < 1e-10


@all_cases
def test_training_goes_from_values_to_an_array_and_back(
    name: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    whole = take_steps_with_values(make_optimizer(name, start_values(), **settings), 90)

    values = start_values()
    optimizer = make_optimizer(name, values, **settings)
    take_steps_with_values(optimizer, 30)
    optimizer.load_state_dict(optimizer.state_dict())
    points = take_steps_with_array(optimizer, np.array([v.data for v in values]), 30)

    np.savez(tmp_path / "state.npz", **optimizer.state_dict())  # type: ignore[arg-type]
    for value, number in zip(values, points[-1].tolist()):
        value.data = number
    resumed = make_optimizer(name, values, **settings)
    with np.load(tmp_path / "state.npz") as state:
        resumed.load_state_dict(state)
    points = take_steps_with_values(resumed, 30)

    assert resumed.step_count == 90
    assert np.array_equal(points[-1], whole[-1])


def test_the_state_is_a_copy_and_survives_loading() -> None:
    optimizer = Adam()
    numbers, slopes = np.ones(3), np.ones(3)
    optimizer.step_array(numbers, slopes)
    state = optimizer.state_dict()
    assert {name: array.tolist() for name, array in state.items()} == {
        "step_count": 1,
        "gradient_sum": [1.0, 1.0, 1.0],
        "square_sum": [1.0, 1.0, 1.0],
        "beta1": 0.9,
        "beta2": 0.999,
    }
    optimizer.load_state_dict(state)
    again = optimizer.state_dict()
    optimizer.step_array(numbers, slopes)
    assert optimizer.state_dict()["gradient_sum"].tolist() == [1.9, 1.9, 1.9]
    for each in (state, again):
        assert each["gradient_sum"].tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("parameters", [[], [Value(1.0), Value(2.0)]])
def test_the_state_before_the_first_step_can_be_loaded(parameters: list[Value]) -> None:
    optimizer = Adam(parameters)
    optimizer.load_state_dict(Adam(parameters).state_dict())
    numbers = np.ones(2)
    optimizer.step_array(numbers, np.ones(2))
    assert numbers == pytest.approx([0.999, 0.999], rel=1e-8)


@all_cases
def test_float32_stays_float32(name: str, settings: dict[str, Any]) -> None:
    optimizer = make_optimizer(name, **settings)
    points = take_steps_with_array(optimizer, START.astype(np.float32), n_steps=20)
    exact = take_steps_with_array(make_optimizer(name, **settings), n_steps=20)
    assert points.dtype == np.float32
    assert points == pytest.approx(exact, rel=1e-3, abs=1e-3)
    state = optimizer.state_dict()
    assert all(state[key].dtype == np.float32 for key in optimizer.state_names)


class DtypeRecorder(Adam):
    """Adam that writes down the dtypes that its rule is given."""

    def __init__(self) -> None:
        super().__init__()
        self.dtypes: set[str] = set()

    def update(
        self,
        xp: Any,
        parameter: Number,
        gradient: Number,
        state: tuple[Number, ...],
        coefficients: tuple[Number, ...],
    ) -> tuple[Number, tuple[Number, ...]]:
        self.dtypes = {str(np.asarray(x).dtype) for x in (parameter, *state, *coefficients)}
        return super().update(xp, parameter, gradient, state, coefficients)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_step_computes_in_one_dtype(dtype: str) -> None:
    """Also where the state comes from steps in another one."""
    optimizer = DtypeRecorder()
    for used in ("float32", "float64", dtype):
        optimizer.step_array(np.ones(2, used), np.ones(2, used))
        assert optimizer.dtypes == {used}
    state = optimizer.state_dict()
    optimizer.load_state_dict({name: array.astype(np.float64) for name, array in state.items()})
    optimizer.step_array(np.ones(2, dtype), np.ones(2, dtype))
    assert optimizer.dtypes == {dtype}


def test_the_array_is_changed_in_place_also_through_a_view() -> None:
    weights = np.arange(8.0)
    SGD(learning_rate=0.5).step_array(weights[1::2], np.ones(4))
    assert weights.tolist() == [0.0, 0.5, 2.0, 2.5, 4.0, 4.5, 6.0, 6.5]


any_float = st.floats(width=64)


@given(
    name=st.sampled_from(sorted(OPTIMIZERS)),
    slopes=st.lists(st.tuples(any_float, any_float), min_size=1, max_size=4),
    start=st.tuples(any_float, any_float),
)
def test_inf_and_nan_travel_alike_with_values_and_arrays(
    name: str, slopes: list[tuple[float, float]], start: tuple[float, float]
) -> None:
    values = [Value(number) for number in start]
    numbers = np.array(start)
    of_values = make_optimizer(name, values, weight_decay=0.1)
    of_array = make_optimizer(name, weight_decay=0.1)
    for pair in slopes:
        for value, slope in zip(values, pair):
            value.grad = slope
        of_values.step()
        with np.errstate(all="ignore"):
            of_array.step_array(numbers, np.array(pair))
        assert np.array_equal([value.data for value in values], numbers, equal_nan=True)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_nan_gradient_is_not_repaired(name: str) -> None:
    value = Value(1.0)
    value.grad = float("nan")
    make_optimizer(name, [value]).step()
    assert np.isnan(value.data)


@pytest.mark.parametrize("slope", [0.1, 1e-3, 12345.6])
def test_a_constant_gradient_gives_centered_rmsprop_no_nan(slope: float) -> None:
    """sqrt(v - m^2), as it is usually computed, ends in the root of a negative number here."""
    value = Value(0.0)
    optimizer = RMSprop([value], learning_rate=1e-12, centered=True, alpha=0.5)
    for _ in range(200):
        value.grad = slope
        optimizer.step()
    assert np.isfinite(value.data)
    assert value.data < 0.0


def test_only_the_given_parameters_are_stepped() -> None:
    trained, frozen = Value(1.0), Value(1.0)
    trained.grad = frozen.grad = 1.0
    SGD([trained], learning_rate=0.1).step()
    assert (trained.data, frozen.data) == (0.9, 1.0)


def test_parameters_may_come_from_a_generator() -> None:
    values = start_values()
    assert SGD(value for value in values).parameters == values


def test_zero_grad_clears_every_gradient() -> None:
    values = start_values()
    for value in values:
        value.grad = 3.0
    SGD(values).zero_grad()
    assert [value.grad for value in values] == [0.0] * len(values)
    assert not any(value.has_grad for value in values)


def test_a_gradient_that_was_never_computed_counts_as_zero() -> None:
    value = Value(2.0)
    SGD([value], learning_rate=0.1, weight_decay=0.5).step()
    assert value.data == 1.9
    assert not value.has_grad


def test_a_copy_goes_on_by_itself() -> None:
    optimizer = Adam(start_values(), learning_rate=0.05)
    take_steps_with_values(optimizer, 5)
    twin = copy.deepcopy(optimizer)
    assert np.array_equal(take_steps_with_values(optimizer, 5), take_steps_with_values(twin, 5))


def test_an_optimizer_shows_its_settings() -> None:
    shown = repr(AdamW(learning_rate=0.1))
    assert (
        shown
        == "AdamW(learning_rate=0.1, beta1=0.9, beta2=0.999, epsilon=1e-08, weight_decay=0.01)"
    )
    assert repr(eval(shown)) == shown


def test_names_are_known_in_upper_and_lower_case() -> None:
    assert type(make_optimizer("AdamW")) is AdamW


def test_an_unknown_name_lists_the_known_ones() -> None:
    known = ", ".join(sorted(OPTIMIZERS))
    with pytest.raises(UnknownNameError, match=f"'no such rule'; known: {known}"):
        make_optimizer("no such rule")


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("sgd", {"learning_rate": -0.1}, r"learning_rate is -0\.1, but a number >= 0 is needed"),
        ("sgd", {"learning_rate": float("nan")}, "learning_rate is nan, but .*: SGD"),
        ("adam", {"learning_rate": float("inf")}, "learning_rate is inf"),
        ("adam", {"learning_rate": "fast"}, "learning_rate is 'fast', but .*: Adam"),
        ("adam", {"learning_rate": True}, "learning_rate is True"),
        (
            "sgd",
            {"momentum": 9},
            r"momentum is 9, but a number >= 0 and <= 1 is needed: .* momentum=0\.9",
        ),
        ("sgd", {"nesterov": True}, r"momentum is 0\.0, but a number > 0 and <= 1 is needed"),
        ("sgd", {"weight_decay": -1}, "weight_decay is -1, but a number >= 0 is needed"),
        ("rmsprop", {"alpha": 1.0}, r"alpha is 1\.0, but a number >= 0 and < 1 is needed"),
        ("rmsprop", {"epsilon": 0.0}, r"epsilon is 0\.0, but a number > 0 is needed"),
        ("rmsprop", {"momentum": -0.5}, "momentum is -0.5, but"),
        (
            "adam",
            {"beta1": 1.0},
            r"beta1 is 1\.0, but a number >= 0 and < 1 is needed: .* beta1=0\.9",
        ),
        ("adam", {"beta2": -0.1}, "beta2 is -0.1, but"),
        ("adamw", {"epsilon": -1e-8}, "epsilon is -1e-08, but .*: AdamW"),
        ("adamw", {"weight_decay": None}, "weight_decay is None, but a number >= 0 is needed"),
        ("adamw", {"parameters": 3.0}, r"a list of Values, got 3\.0; .* AdamW\(model\.parameters"),
        ("sgd", {"parameters": [Value(1.0), 2.0]}, r"number 1, 2\.0, is not a Value"),
        ("sgd", {"parameters": [Value(1.0) * 2.0]}, "number 0, .* only leaves can be trained"),
        ("sgd", {"parameters": [Value(1.0)] * 2}, "number 1, .* a second time"),
    ],
)
def test_a_wrong_argument_is_refused(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        make_optimizer(name, **settings)


@pytest.mark.parametrize(
    ("parameters", "gradients", "error", "message"),
    [
        (np.ones(3), np.ones(2), ShapeError, r"shape \(3,\) and gradients of shape \(2,\)"),
        (np.ones(3), np.ones(1), ShapeError, "two flat arrays of one length"),
        (np.ones((3, 1)), np.ones((3, 1)), ShapeError, r"weights\.reshape\(-1\)"),
        (np.ones(2), np.ones(2), ShapeError, "steps 3 parameters, got 2"),
        ([1.0, 1.0, 1.0], np.ones(3), InvalidArgumentError, "parameters must be .* got list"),
        (np.ones(3), 1.0, InvalidArgumentError, "gradients must be .* got float"),
        (np.ones(3, int), np.ones(3), InvalidArgumentError, "parameters must be .* got int64"),
        (np.ones(3), np.ones(3, np.float32), InvalidArgumentError, r"astype\(np\.float64\)"),
        (np.broadcast_to(1.0, 3), np.ones(3), InvalidArgumentError, "cannot be written to"),
    ],
)
def test_wrong_arrays_are_refused(
    parameters: Any, gradients: Any, error: type[Exception], message: str
) -> None:
    optimizer = Adam([Value(1.0) for _ in range(3)])
    with pytest.raises(error, match=message):
        optimizer.step_array(parameters, gradients)
    assert optimizer.step_count == 0


def test_arrays_of_another_length_are_refused_later_too() -> None:
    optimizer = SGD()
    numbers, slopes = np.ones(3), np.ones(3)
    optimizer.step_array(numbers, slopes)
    with pytest.raises(ShapeError, match="steps 3 parameters, got 4"):
        optimizer.step_array(np.ones(4), np.ones(4))
    with pytest.raises(ShapeError, match=r"gradients of shape \(1,\)"):
        optimizer.step_array(numbers, np.ones(1))
    with pytest.raises(ShapeError, match=r"parameters of shape \(1, 3\)"):
        optimizer.step_array(np.ones((1, 3)), slopes)
    optimizer.step_array(numbers, slopes)
    assert optimizer.step_count == 2


def test_stepping_without_parameters_is_refused() -> None:
    with pytest.raises(
        InvalidArgumentError, match=r"no parameters .* Adam\(model\.parameters\(\)\)"
    ):
        Adam().step()


def test_mixing_the_two_ways_is_refused() -> None:
    optimizer = SGD([Value(1.0)])
    optimizer.step()
    with pytest.raises(InvalidArgumentError, match=r"load_state_dict\(optimizer\.state_dict\(\)\)"):
        optimizer.step_array(np.ones(1), np.ones(1))

    optimizer = SGD([Value(1.0)])
    optimizer.step_array(np.ones(1), np.ones(1))
    with pytest.raises(InvalidArgumentError, match="was stepped with step_array"):
        optimizer.step()


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        (SGD([Value(1.0)]).state_dict(), InvalidArgumentError, "gradient_sum.*got.*velocity"),
        ({}, InvalidArgumentError, r"got \[\]; load what the state_dict\(\) of another Adam gave"),
        (Adam(start_values()).state_dict(), ShapeError, r"shape \(9,\), expected \(1,\)"),
    ],
)
def test_a_wrong_state_is_refused(
    state: dict[str, Array], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Adam([Value(1.0)]).load_state_dict(state)
