"""What an optimizer keeps from step to step, with rules of one's own and in edge cases."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pytest
import torch

from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.optim import SGD, Adam, Optimizer, RMSprop, make_optimizer
from tinygrad_mlp.optim._inside import held_by

INF: Final = float("inf")
TORCH: Final[dict[str, Any]] = {
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


class Drift(Optimizer):
    """Remembers nothing: a step of the learning rate against the sign of the gradient."""

    def coefficients(self, step: int) -> tuple[float, ...]:
        return (self.learning_rate,)

    def update(self, xp: Any, parameter: Any, gradient: Any, state: Any, coefficients: Any) -> Any:
        return coefficients[0] * gradient / xp.absolute(gradient), state


class Counting(Optimizer):
    """Remembers the sum of the gradients, in units of ``scale``, and counts its conversions."""

    state_names = ("total",)
    unit_names = ("scale",)

    def __init__(self, parameters: Any = (), scale: float = 1.0) -> None:
        super().__init__(parameters, 1.0)
        self.scale, self.n_conversions = scale, 0

    def coefficients(self, step: int) -> tuple[float, ...]:
        return self.learning_rate, self.scale

    def update(self, xp: Any, parameter: Any, gradient: Any, state: Any, coefficients: Any) -> Any:
        learning_rate, scale = coefficients
        total = state[0] + scale * gradient
        return learning_rate * total / scale, (total,)

    def in_present_units(self, state: Any, units: Any) -> Any:
        self.n_conversions += 1
        return (state[0] * (self.scale / units[0]),)


def values(*numbers: float, grad: float = 1.0) -> list[Value]:
    made = [Value(number) for number in numbers]
    for value in made:
        value.grad = grad
    return made


def test_the_base_has_a_rate_and_no_memory() -> None:
    optimizer = Drift()
    assert repr(optimizer) == "Drift(learning_rate=0.001)"
    assert optimizer.state_dict() == {"step_count": 0}
    with pytest.raises(ValueError, match=r"Drift\(parameters, learning_rate=0\.001\)"):
        Drift(learning_rate=-1.0)


def test_a_rule_without_memory_goes_both_ways() -> None:
    numbers = values(1.0, 2.0)
    optimizer = Drift(numbers, learning_rate=0.5)
    optimizer.step()
    assert optimizer.state_dict() == {"step_count": 1}
    optimizer.load_state_dict(optimizer.state_dict())
    array = np.array([0.5, 1.5])
    optimizer.step_array(array, np.array([1.0, -1.0]))
    assert array.tolist() == [0.0, 2.0]
    with pytest.raises(ValueError, match=r"steps 2 parameters, got 3"):
        optimizer.step_array(np.ones(3), np.ones(3))
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.step()
    assert [number.data for number in numbers] == [0.0, 1.0]
    assert optimizer.step_count == 3
    free = Drift(learning_rate=0.5)
    free.load_state_dict(optimizer.state_dict())
    for n in (3, 4):
        array = np.zeros(n)
        free.step_array(array, np.ones(n))
        assert array.tolist() == [-0.5] * n
    assert free.step_count == 5


def test_a_loaded_state_takes_the_place_of_the_old_one() -> None:
    """Also in a step with the arrays of the step before."""
    array, slopes = np.zeros(2), np.ones(2)
    optimizer = Counting()
    for _ in range(3):
        optimizer.step_array(array, slopes)
    assert array.tolist() == [-6.0, -6.0]
    other = Counting()
    other.step_array(np.zeros(2), np.array([10.0, 20.0]))
    optimizer.load_state_dict(other.state_dict())
    assert optimizer.step_count == 1
    optimizer.step_array(array, slopes)
    assert array.tolist() == [-17.0, -27.0]
    assert other.state_dict()["total"].tolist() == [10.0, 20.0]

    numbers = values(0.0, 0.0)
    of_values = Counting(numbers)
    of_values.step()
    of_values.load_state_dict(other.state_dict())
    of_values.step()
    assert [number.data for number in numbers] == [-12.0, -22.0]


def test_a_state_is_converted_where_its_units_have_changed_and_only_there() -> None:
    array, slopes = np.zeros(1), np.ones(1)
    optimizer = Counting()
    for scale, n_conversions, point in (
        (1.0, 0, -1.0),
        (1.0, 0, -3.0),
        (4.0, 1, -6.0),
        (4.0, 1, -10.0),
    ):
        optimizer.scale = scale
        optimizer.step_array(array, slopes)
        assert array.tolist() == [point]
        assert optimizer.n_conversions == n_conversions
    state = optimizer.state_dict()
    assert {name: number.tolist() for name, number in state.items()} == {
        "step_count": 4, "total": [16.0], "scale": 4.0,
    }  # fmt: skip

    numbers = values(-10.0)
    of_values = Counting(numbers, scale=2.0)
    of_values.load_state_dict(state)
    for n_conversions, point in ((1, -15.0), (1, -21.0)):
        of_values.step()
        assert numbers[0].data == point
        assert of_values.n_conversions == n_conversions
    of_values.scale = 8.0
    of_values.step()
    assert numbers[0].data == -28.0
    assert of_values.state_dict()["scale"].item() == 8.0


def test_a_state_stays_as_it_is_where_a_rule_says_nothing_of_units() -> None:
    class Plain(Counting):
        in_present_units = Optimizer.in_present_units

    array, numbers = np.zeros(1), values(0.0)
    on_arrays, of_values = Plain(), Plain(numbers)
    for scale, point in ((1.0, -1.0), (4.0, -2.25)):  # 1 + 4 in units of 4
        on_arrays.scale = of_values.scale = scale
        on_arrays.step_array(array, np.ones(1))
        of_values.step()
        assert array.tolist() == [numbers[0].data] == [point]


def test_units_without_a_range_may_be_any_number() -> None:
    optimizer = Counting()
    state = {"step_count": 1, "total": np.ones(1), "scale": np.array(-3.0)}
    optimizer.load_state_dict(state)  # type: ignore[arg-type]
    assert optimizer.state_dict()["scale"].item() == -3.0
    with pytest.raises(InvalidArgumentError) as caught:
        optimizer.load_state_dict({**state, "scale": np.array(np.nan)})  # type: ignore[dict-item]
    assert str(caught.value) == (
        "'scale' in the state of Counting(learning_rate=1.0) is nan, but a number is needed: "
        "np.array(1.0)"
    )


class Fragile(Optimizer):
    """One of whose coefficients may be no number."""

    extra: Any = 1.0

    def coefficients(self, step: int) -> tuple[float, ...]:
        return self.learning_rate, self.extra

    def update(self, xp: Any, parameter: Any, gradient: Any, state: Any, coefficients: Any) -> Any:
        return coefficients[0] * gradient * coefficients[1], state


def test_after_coefficients_that_fail_a_step_has_the_right_ones() -> None:
    array, slopes = np.zeros(1), np.ones(1)
    optimizer = Fragile(learning_rate=1.0)
    optimizer.step_array(array, slopes)
    optimizer.learning_rate, optimizer.extra = 5.0, "x"
    with pytest.raises(ValueError, match="could not convert"):
        optimizer.step_array(array, slopes)
    optimizer.learning_rate, optimizer.extra = 1.0, 1.0
    optimizer.step_array(array, slopes)
    assert array.tolist() == [-2.0]
    assert optimizer.step_count == 2


class Cheat(SGD):
    """Changes the parameters, or returns them, once it is told to."""

    way = ""

    def update(self, xp: Any, parameter: Any, gradient: Any, state: Any, c: Any) -> Any:
        change, state = super().update(xp, parameter, gradient, state, c)
        if self.way == "changes":
            parameter += 1.0
        return parameter if self.way == "returns" else change, state


@pytest.mark.parametrize("way", ["changes", "returns"])
@pytest.mark.parametrize("frozen", [[0], [1], [0, 2], [], None])
def test_a_rule_that_cheats_is_found_where_some_are_stepped_alone(
    way: str, frozen: list[int] | None
) -> None:
    values = [Value(0.0) for _ in range(3)]
    for place in frozen or []:
        values[place].requires_grad = False
    optimizer = Cheat([{"parameters": values}] if frozen is None else values, learning_rate=1.0)
    optimizer.way = way
    numbers, gradients = np.array([0.5, 1.5, 2.5]), np.ones(3)
    for _ in range(2):
        with pytest.raises(InvalidArgumentError, match="update changed the parameters or returned"):
            optimizer.step_array(numbers, gradients)
        assert numbers.tolist() == [0.5, 1.5, 2.5]


@pytest.mark.parametrize(
    ("frozen", "part"),
    [
        ([], slice(None)),
        ([0], slice(1, 5)),
        ([4], slice(0, 4)),
        ([0, 3, 4], slice(1, 3)),
        ([0, 1, 2, 3], slice(4, 5)),
        ([1], [0, 2, 3, 4]),
        ([0, 2], [1, 3, 4]),
        ([0, 1, 2, 3, 4], []),
    ],
)
def test_what_is_stepped_alone_is_a_slice_where_it_can_be(frozen: list[int], part: Any) -> None:
    values = [Value(0.0) for _ in range(5)]
    for value in values:
        value.requires_grad = False
    for place in {*range(5)} - {*frozen}:
        values[place].requires_grad = True
    found = SGD(values)._places_to_step()
    assert (found if isinstance(found, slice) else found.tolist()) == part


def test_a_rule_that_gives_more_than_it_remembers_is_refused_where_some_are_frozen() -> None:
    class TooMuch(SGD):
        def update(self, xp: Any, parameter: Any, gradient: Any, state: Any, c: Any) -> Any:
            return gradient, (*state, gradient)

    values = [Value(0.0), Value(0.0)]
    values[0].requires_grad = False
    numbers = np.array([0.5, 1.5])
    with pytest.raises(ValueError, match=r"zip\(\) argument 2 is longer"):
        TooMuch(values, momentum=0.5).step_array(numbers, np.ones(2))
    assert numbers.tolist() == [0.5, 1.5]


@pytest.mark.parametrize("way", ["changes", "returns"])
@pytest.mark.parametrize("some_are_frozen", [False, True])
def test_a_rule_is_looked_at_once_for_each_pair_of_arrays(way: str, some_are_frozen: bool) -> None:
    values = [Value(0.0), Value(0.0)]
    values[0].requires_grad = not some_are_frozen
    optimizer = Cheat(values, learning_rate=1.0)
    arrays = [(np.zeros(2), np.ones(2)) for _ in range(2)]
    optimizer.step_array(*arrays[0])
    optimizer.way = way
    optimizer.step_array(*arrays[0])  # the arrays of before are not looked at again
    for mixed in (arrays[1], (arrays[0][0], arrays[1][1]), (arrays[1][0], arrays[0][1])):
        with pytest.raises(InvalidArgumentError) as caught:
            optimizer.step_array(*mixed)
        assert str(caught.value) == (
            "Cheat.update changed the parameters or returned them, but what is subtracted from "
            "them is needed, in an array of its own: return learning_rate * gradient, state"
        )


class FirstStepTwice(Optimizer):
    """Whose first step is twice as long as the others."""

    def coefficients(self, step: int) -> tuple[float, ...]:
        return (2.0 if step == 1 else 1.0,)

    def update(self, xp: Any, parameter: Any, gradient: Any, state: Any, coefficients: Any) -> Any:
        return coefficients[0] * gradient, state


def test_other_arrays_are_stepped_with_the_coefficients_of_their_step() -> None:
    optimizer = FirstStepTwice()
    array, slopes = np.zeros(1), np.ones(1)
    for point in (-2.0, -3.0):
        optimizer.step_array(array, slopes)
        assert array.tolist() == [point]
    other = np.zeros(1)
    optimizer.step_array(other, slopes)
    assert other.tolist() == [-1.0]


@pytest.mark.parametrize("name", TORCH)
def test_what_is_switched_off_makes_no_nan_of_inf(name: str) -> None:
    """0 times inf would be nan."""
    start, slopes = [INF, 1.0, 2.0], [[1.0, INF, 0.0], [1.0, 1.0, 0.0], [0.5, 1.0, 1.0]]
    numbers, array = values(*start), np.array(start)
    of_values = make_optimizer(name, numbers, learning_rate=0.1, weight_decay=0.0)
    of_array = make_optimizer(name, learning_rate=0.1, weight_decay=0.0)
    tensor = torch.tensor(start, dtype=torch.float64)
    theirs = TORCH[name]([tensor], lr=0.1, weight_decay=0.0)
    for slope in slopes:
        for number, each in zip(numbers, slope):
            number.grad = each
        of_values.step()
        with np.errstate(all="ignore"):
            of_array.step_array(array, np.array(slope))
        tensor.grad = torch.tensor(slope, dtype=torch.float64)
        theirs.step()
        expected = tensor.tolist()
        np.testing.assert_allclose(array, expected, rtol=1e-12)
        np.testing.assert_allclose([number.data for number in numbers], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("optimizer", "state"),
    [
        (SGD(), {"velocity": 0.0}),
        (SGD(momentum=0.5), {"velocity": 6.0}),
        (RMSprop(alpha=0.5), {"square_sum": 24.0, "mean": 0.0, "velocity": 0.0}),
        # mean and alpha q = 0.5 (0.5 * 4^2 + 2^2): d = 4, then 4 - 2 = 2.
        (RMSprop(alpha=0.5, centered=True), {"square_sum": 6.0, "mean": 3.0, "velocity": 0.0}),
        (Adam(beta1=0.5, beta2=0.25), {"gradient_sum": 6.0, "square_sum": 20.0}),
    ],
)
def test_what_is_remembered_after_two_steps(optimizer: Optimizer, state: dict[str, float]) -> None:
    array = np.zeros(1)
    for _ in range(2):
        optimizer.step_array(array, np.array([4.0]))
    found = optimizer.state_dict()
    assert {name: found[name].item() for name in optimizer.state_names} == pytest.approx(state)


def test_without_centering_the_mean_is_forgotten() -> None:
    optimizer = RMSprop(alpha=0.5, centered=True)
    array = np.zeros(1)
    for centered in (True, True, False):
        optimizer.centered = centered
        optimizer.step_array(array, np.array([4.0]))
    state = optimizer.state_dict()
    # E[g^2] of gradients that are all 4, from nothing at the start: (1 - 0.5^3) 16 = (1 - 0.5) q.
    assert state["square_sum"].item() == pytest.approx(28.0)
    assert state["mean"].item() == 0.0
    assert state["centered"].item() is False


def test_what_an_object_holds() -> None:
    class Box:
        def __init__(self, *things: Any, **more: Any) -> None:
            self.things, self.more = things, more

    class Leaf:
        pass

    a, b, c, d, e = (Leaf() for _ in range(5))
    deep = Box(Leaf())  # the inside of another object is not looked into
    nested = [1.0, [a, (b, {"k": c, "l": [d]})], a, deep, "text", None]
    nested.append(nested)
    box = Box(nested, [2.0] * 50, other=e)
    found = list(held_by(box, lambda kind: kind is Leaf))
    assert sorted(map(id, found)) == sorted(map(id, (a, b, c, d, e)))
    assert list(held_by(box, lambda kind: kind is Box)) == [deep]
    assert list(held_by(a, lambda kind: True)) == []
    assert list(held_by(3.0, lambda kind: True)) == []
    box.things = (box, nested)
    assert list(held_by(box, lambda kind: kind is Box)) == [deep]
    assert list(held_by(box, lambda kind: kind is list)) == [nested]
