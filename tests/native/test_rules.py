"""The rules of optimizers as the library runs them, against ``step_array``, bit for bit."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable, Sequence
from functools import partial
from operator import call
from typing import Any, ClassVar, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from tinygrad_mlp import Value
from tinygrad_mlp._freezing import changes
from tinygrad_mlp._native._library import Library, address_of
from tinygrad_mlp._native._many_steps import Steps, Task
from tinygrad_mlp._native._stand_ins import UntraceableError
from tinygrad_mlp._native._structs import INPUT, RECORD_INTS
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.optim import SGD, Adam, AdamW, Optimizer, RMSprop, clip_by_norm, clip_by_value
from tinygrad_mlp.optim._rule_passes import coefficient_rows, refusal, settings_of, traced_rule

Array = NDArray[Any]

RULES: Final[dict[str, Callable[[], Optimizer]]] = {
    "sgd": lambda: SGD(learning_rate=0.1),
    "momentum": lambda: SGD(learning_rate=0.1, momentum=0.9),
    "nesterov": lambda: SGD(learning_rate=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "decay": lambda: SGD(learning_rate=0.1, weight_decay=0.01),
    "rmsprop": lambda: RMSprop(learning_rate=0.01),
    "rmsprop, all": lambda: RMSprop(centered=True, momentum=0.9, weight_decay=0.01),
    "rmsprop, momentum": lambda: RMSprop(momentum=0.5, alpha=0.0),
    "adam": lambda: Adam(learning_rate=0.01),
    "adam, decay": lambda: Adam(weight_decay=0.1, beta1=0.0, epsilon=1e-3),
    "adamw": lambda: AdamW(learning_rate=0.01),
    "adamw, none": lambda: AdamW(weight_decay=0.0),
}


class Own(Optimizer):
    """A rule of one's own; ``change`` is what it computes."""

    state_names: ClassVar[tuple[str, ...]] = ("first", "second")

    def __init__(self, change: Callable[..., Any], **settings: Any) -> None:
        super().__init__(learning_rate=0.1)
        self.change = change
        self.__dict__.update(settings)

    def coefficients(self, step: int) -> tuple[float, ...]:
        return self.learning_rate, 1.0 / step

    def update(
        self, xp: Any, parameter: Any, gradient: Any, state: Any, coefficients: Any
    ) -> tuple[Any, Any]:
        return self.change(self, xp, parameter, gradient, state, coefficients)  # type: ignore[no-any-return]


def lion(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
    first, second = state
    mixed = 0.9 * first + (1.0 - 0.9) * g
    first = 0.99 * first
    first += (1.0 - 0.99) * g
    return c[0] * (xp.sign(mixed) + 0.01 * p), (first, second)


def swapping(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
    first, second = state
    return c[0] * (first - second) + c[1], (second, g)


def bounded(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
    first, second = state
    first = xp.maximum(0.5 * first, abs(g))
    some = (g > 0.0) & ~(p <= 0.5)
    change = xp.where(some, g / (first + 1e-3), xp.minimum(g, 0.25) * c[1]) - (g < 0.0) * c[0]
    return xp.where(p == p, change, 0.0), (first, second + 1.0)


def powers(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
    size = g**2 + 1.0
    root, same = size**0.5, size**1
    return c[0] * g / root * size**-1 - same * 0.0, (root, -state[1] + (c[0] - c[1]))


def in_place(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
    kept = c[0] * g
    also = kept
    kept += p
    kept *= 0.5
    return also, state


def in_place_of_a_number(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
    rate = c[0] * 2.0
    doubled = rate
    rate *= 0.25
    mixed = rate
    mixed += g
    return rate * g, (doubled * p, mixed)


def constant(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
    return c[0] * c[1] + 1.0, state


OWN: Final = {
    rule.__name__: rule
    for rule in (lion, swapping, bounded, powers, in_place, in_place_of_a_number, constant)
}


def makers() -> dict[str, Callable[[], Optimizer]]:
    own = {name: partial(Own, rule) for name, rule in OWN.items()}
    return {**RULES, **own}


def run(
    library: Library,
    optimizer: Optimizer,
    parameters: Array,
    rows: Array,
    clip_norm: float = 0.0,
    clip_value: float | None = None,
    first: int = 0,
) -> Array:
    """Steps with gradients that are given: an input puts them into place. The last gradients."""
    gradients = np.zeros_like(parameters)
    passes, _ = traced_rule(optimizer, parameters, clip_value, library.operations)
    arrays = (parameters, gradients, *optimizer.state_to_step(parameters, gradients))
    inputs = np.zeros(1, INPUT)
    inputs[0]["rows"], inputs[0]["n_rows"] = address_of(rows), 1
    inputs[0]["width"], inputs[0]["stride"] = parameters.size, 1
    memory = np.array([address_of(gradients)], np.uintp)
    nothing = np.zeros((0, RECORD_INTS), np.int32)
    task = Task(nothing, memory, inputs, np.zeros(1), np.empty(0, parameters.dtype))
    steps = Steps(library, [task], 10**6, 10**6, passes, arrays, clip_norm)
    n = len(rows)
    losses = np.full(n, np.nan)
    coefficients = coefficient_rows(optimizer, n, parameters.dtype)
    done = call(*steps.call(first, n, coefficients, losses, np.empty(0), None))
    assert done == n
    assert losses.tolist() == [0.0] * n
    optimizer.step_count += done
    return gradients


def by_hand(
    optimizer: Optimizer,
    parameters: Array,
    rows: Array,
    clip_norm: float = 0.0,
    clip_value: float | None = None,
) -> Array:
    """The same, one call for each step."""
    gradients = np.zeros_like(parameters)
    with np.errstate(all="ignore"):
        for row in rows:
            gradients[:] = row
            if clip_norm:
                clip_by_norm(gradients, clip_norm)
            if clip_value is not None:
                clip_by_value(gradients, clip_value)
            optimizer.step_array(parameters, gradients)
    return gradients


def problem(size: int, dtype: str = "float64", n_steps: int = 5) -> tuple[Array, Array]:
    rng = np.random.default_rng(size)
    return rng.normal(size=size).astype(dtype), rng.normal(size=(n_steps, size)).astype(dtype)


def assert_same(library: Library, make: Callable[[], Optimizer], *given: Any) -> None:
    parameters, rows, *settings = given
    one, other = make(), make()
    expected = parameters.copy()
    clipped = by_hand(one, expected, rows, *settings)
    found = run(library, other, parameters, rows, *settings)
    assert parameters.tobytes() == expected.tobytes()
    assert found.tobytes() == clipped.tobytes()
    assert other.step_count == one.step_count == len(rows)
    states = one.state_dict(), other.state_dict()
    assert [[x.tobytes() for x in state.values()] for state in states] == [
        [x.tobytes() for x in states[0].values()]
    ] * 2
    state, known = other.state_dict(), one.state_dict()
    assert {name: array.tobytes() for name, array in state.items()} == {
        name: array.tobytes() for name, array in known.items()
    }


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", makers())
@pytest.mark.parametrize("size", [1, 7, 512, 1300])
def test_the_library_steps_as_the_rule_does(
    library: Library, name: str, dtype: str, size: int
) -> None:
    assert_same(library, makers()[name], *problem(size, dtype))


@pytest.mark.parametrize("size", [511, 513, 1024, 1025])
def test_the_last_block_may_have_any_length(library: Library, size: int) -> None:
    assert_same(library, RULES["rmsprop, all"], *problem(size))


@pytest.mark.parametrize("name", ["sgd", "adam", "nesterov", "lion"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_each_gradient_is_clipped_by_its_value(library: Library, name: str, dtype: str) -> None:
    parameters, rows = problem(600, dtype)
    rows[0, :4] = np.inf, -np.inf, 0.5, -0.5
    assert_same(library, makers()[name], parameters, rows, 0.0, 0.5)


def test_nan_stays_nan_where_values_are_clipped(library: Library) -> None:
    parameters, rows = problem(20)
    rows[2, 3] = np.nan
    expected = parameters.copy()
    by_hand(SGD(), expected, rows, 0.0, 0.5)
    run(library, SGD(), parameters, rows, 0.0, 0.5)
    np.testing.assert_array_equal(parameters, expected)
    assert np.isnan(parameters).tolist() == [place == 3 for place in range(20)]


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-14), ("float32", 1e-6)])
@pytest.mark.parametrize("size", [1, 31, 33, 1300])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e30])
def test_all_gradients_are_clipped_by_their_norm(
    library: Library, dtype: str, rtol: float, size: int, scale: float
) -> None:
    parameters, rows = problem(size, dtype)
    rows *= np.array(scale, dtype)
    expected = parameters.copy()
    clipped = by_hand(SGD(learning_rate=0.1), expected, rows, 0.25, 0.2)
    found = run(library, SGD(learning_rate=0.1), parameters, rows, 0.25, 0.2)
    np.testing.assert_allclose(found, clipped, rtol=rtol)
    np.testing.assert_allclose(parameters, expected, rtol=rtol)


def test_a_norm_at_the_limit_stays(library: Library) -> None:
    parameters, rows = np.zeros(2), np.array([[3.0, 4.0]])
    assert run(library, SGD(), parameters, rows, 5.1).tolist() == [3.0, 4.0]
    assert run(library, SGD(), parameters, rows, 5.0).tolist() == [
        3.0 * (5.0 / (5.0 + 1e-6)),
        4.0 * (5.0 / (5.0 + 1e-6)),
    ]


@pytest.mark.parametrize(
    "row",
    [[1e200, 1e200, 0.0], [1e308, -1e308, 1e308], [np.inf, 1.0, 2.0], [np.nan, 1.0, 2.0]],
    ids=str,
)
def test_a_norm_that_overflows(library: Library, row: list[float]) -> None:
    parameters, rows = np.zeros(3), np.array([row])
    expected = np.zeros(3)
    clipped = by_hand(SGD(), expected, rows, 2.0)
    found = run(library, SGD(), parameters, rows, 2.0)
    np.testing.assert_allclose(found, clipped, rtol=1e-14)
    np.testing.assert_allclose(parameters, expected, rtol=1e-14)


def test_coefficients_that_change_with_the_step_do_so(library: Library) -> None:
    fixed = coefficient_rows(SGD(), 7, np.dtype("float32"))
    assert fixed.shape == (1, 3)
    assert fixed.dtype == np.dtype("float32")
    adam = Adam()
    adam.step_count = 4
    rows = coefficient_rows(adam, 3, np.dtype("float64"))
    assert rows.tolist() == [list(adam.coefficients(step)) for step in (5, 6, 7)]


def test_steps_go_on_from_steps_of_the_other_kind(library: Library) -> None:
    parameters, rows = problem(700, n_steps=9)
    one, other, expected = Adam(), Adam(), parameters.copy()
    by_hand(one, expected, rows)
    run(library, other, parameters, rows[:3])
    by_hand(other, parameters, rows[3:6])
    other.load_state_dict(other.state_dict())
    run(library, other, parameters, rows[6:])
    assert parameters.tobytes() == expected.tobytes()
    assert other.step_count == 9


def test_a_new_beta_finds_the_state_in_its_units(library: Library) -> None:
    parameters, rows = problem(10, n_steps=6)
    one, other, expected = Adam(), Adam(), parameters.copy()
    for optimizer, numbers, go in ((one, expected, by_hand), (other, parameters, None)):
        for part, beta in ((rows[:3], 0.9), (rows[3:], 0.5)):
            optimizer.beta1 = beta
            go(optimizer, numbers, part) if go else run(library, optimizer, numbers, part)
    assert parameters.tobytes() == expected.tobytes()


# Adam in one pass


class Near(Own):
    """Rules like Adam; the settings say in what they differ."""

    def coefficients(self, step: int) -> tuple[float, ...]:
        return 0.9, 0.99, self.learning_rate / step, 1e-3


def near(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
    decay, decay_of_squares, rate, more = [c[place] for place in self.places]
    if self.averages_the_rate:
        g = rate
    first = state[0] * decay + g
    second = state[1] * decay_of_squares + (g if self.squares else abs(p)) * g
    change = first / (xp.sqrt(second) + more)
    if self.looks_back:
        change = change + 0.5 * state[0]
    return change * rate, (first + p if self.adds else first, second)


class Beside(Near):
    """Adam, which also remembers what it computes on the way."""

    state_names = ("first", "second", "third")


def beside(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
    decay, decay_of_squares, rate, more = c
    square = g * g
    first, second = state[0] * decay + g, state[1] * decay_of_squares + square
    quotient = first / (xp.sqrt(second) + more)
    return quotient * rate, (first, second, square if self.squares else quotient)


@pytest.mark.parametrize("size", [1, 3, 512, 700])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("differs", "fused"),
    [
        ({}, True),
        ({"places": (1, 0, 2, 3)}, False),
        ({"places": (0, 1, 3, 2)}, False),
        ({"places": (0, 1, 2, 2)}, False),
        ({"squares": False}, False),
        ({"averages_the_rate": True}, False),
        ({"looks_back": True}, False),
        ({"adds": True}, False),
    ],
    ids=str,
)
def test_only_a_step_of_adam_is_one(
    library: Library, differs: dict[str, Any], fused: bool, dtype: str, size: int
) -> None:
    settings: dict[str, Any] = {"places": (0, 1, 2, 3), "squares": True}
    settings |= dict.fromkeys(("averages_the_rate", "looks_back", "adds"), False)
    make = partial(Near, near, **(settings | differs))
    parameters, rows = problem(size, dtype)
    parameters[:] = abs(parameters)
    passes, _ = traced_rule(make(), parameters, None, library.operations)
    assert (library.operations["adam"] in passes.records[:, 0]) == fused
    assert_same(library, make, parameters, abs(rows))


@pytest.mark.parametrize(("squares", "fused"), [(True, True), (False, False)])
def test_what_a_rule_remembers_beside_adam_is_computed(
    library: Library, squares: bool, fused: bool
) -> None:
    make = partial(Beside, beside, squares=squares)
    parameters, rows = problem(700)
    passes, _ = traced_rule(make(), parameters, None, library.operations)
    assert (library.operations["adam"] in passes.records[:, 0]) == fused
    assert_same(library, make, parameters, rows)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_adam_in_one_pass_has_the_bits_of_five(library: Library, dtype: str) -> None:
    parameters, rows = problem(1300, dtype, n_steps=3)
    tiny = np.finfo(dtype).smallest_normal
    rows[:, :8] = 0.0, -0.0, np.inf, -np.inf, np.nan, tiny**0.5 * 2, 1e-12, 1e15
    kept = {name: number for name, number in library.operations.items() if name != "adam"}
    five, _ = traced_rule(Adam(), parameters, None, kept)
    one, _ = traced_rule(Adam(), parameters, None, library.operations)
    assert len(five.records) == 5
    assert one.records[:, 0].tolist() == [library.operations["adam"]]
    assert_same(library, Adam, parameters, rows)


def test_what_the_library_steps_begins_at_a_cache_line(library: Library) -> None:
    w = [Value(1.0) for _ in range(3)]
    program = compile(lambda x: w[0] * x + w[1] * w[2], w, per_sample=True)
    arrays = [program.parameters, program.gradients]
    arrays += Adam(w).state_to_step(*arrays)
    assert [address_of(array) % 64 for array in arrays] == [0] * 4


# What cannot be traced


def branching(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
    return (c[0] * g if g[0] > 0.0 else -g), state


def asking(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
    return c[0] * g if (g > 0.0).any() else g, state


def counting(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
    return c[0] * g if self.step_count < 3 else g, state


def summing(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
    return c[0] * g / np.linalg.norm(g), state


def noisy(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
    return c[0] * g + self.rng.normal(), state


def array(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
    return c[0] * g * self.mask, state


def stepping(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
    p -= c[0] * g
    return 0.0 * g, state


def remembering(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
    self.last = g
    return c[0] * g, state


def filling(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
    self.calls.append(1)
    return (c[0] * g if len(self.calls) % 3 else g), state


def single_state(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
    return c[0] * g, (c[0] * 2.0, state[1])


def without_state(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
    return c[0] * g, ()


def special(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
    return c[0] * np.sinc(g), state


def adding_truths(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
    return c[0] * ((g > 0.0) + (p > 0.0)), state


def truths_in_place(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
    kept = 2.0 * g
    np.greater(g, 0.0, out=kept)
    return c[0] * kept, state


def number_in_place(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
    kept = 2.0 * g
    np.add(c[0], c[1], out=kept)
    return c[0] * kept, state


UNTRACEABLE: Final = {
    branching: "asks for the numbers",
    asking: "its rule raises AttributeError: ",
    counting: "the number of the step",
    summing: "it calls np.norm",
    noisy: "something else each time",
    array: "an array of its own, float64 of shape (3,)",
    stepping: "changes what it is given",
    remembering: "changes the optimizer",
    filling: "changes the optimizer",
    single_state: "where an array is needed",
    without_state: "state_names",
    special: "np.sinc",
    adding_truths: "of truth values",
    truths_in_place: "what an array is of in place",
    number_in_place: "what an array is of in place",
}


@pytest.mark.parametrize("rule", UNTRACEABLE, ids=lambda rule: rule.__name__)
def test_what_cannot_be_traced_is_refused(library: Library, rule: Callable[..., Any]) -> None:
    optimizer = Own(rule, rng=np.random.default_rng(0), mask=np.ones(3), calls=[])
    before = dict(vars(optimizer))
    with pytest.raises(UntraceableError) as caught:
        traced_rule(optimizer, np.zeros(3), None, library.operations)
    assert UNTRACEABLE[rule] in str(caught.value)
    assert vars(optimizer) == before
    assert optimizer.calls == []  # type: ignore[attr-defined]


def test_a_rule_of_the_package_runs_once_and_another_twice(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_calls = []
    update = SGD.update

    def counted(self: Any, *arguments: Any) -> Any:
        n_calls.append(type(self))
        return update(self, *arguments)

    class Other(SGD):
        pass

    monkeypatch.setattr(SGD, "update", counted)
    of_package, _ = traced_rule(SGD(), np.zeros(3), None, library.operations)
    of_another, _ = traced_rule(Other(), np.zeros(3), None, library.operations)
    assert n_calls == [SGD, Other, Other]
    assert of_package.same_as(of_another)


def test_a_rule_of_the_package_is_known_by_all_that_it_reads(library: Library) -> None:
    def passes(optimizer: Optimizer, n: int = 3, dtype: str = "float64", clip: Any = None) -> Any:
        return traced_rule(optimizer, np.zeros(n, dtype), clip, library.operations)[0]

    known = passes(Adam(learning_rate=0.5))
    assert passes(Adam(learning_rate=0.5)) is known
    assert not passes(Adam(learning_rate=0.5, weight_decay=0.25)).same_as(known)
    assert not passes(AdamW(learning_rate=0.5, weight_decay=0.25)).same_as(
        passes(Adam(learning_rate=0.5, weight_decay=0.25))
    )
    assert not passes(Adam(learning_rate=0.5), n=4).same_as(known)
    assert passes(Adam(learning_rate=0.5), dtype="float32") is not known
    assert not passes(Adam(learning_rate=0.5), clip=1.0).same_as(known)
    own = Adam(learning_rate=0.5)
    own.update = SGD(learning_rate=0.5).update  # type: ignore[method-assign]
    with pytest.raises(UntraceableError):
        passes(own)


def test_a_rule_that_is_known_is_that_of_the_same_library(library: Library) -> None:
    traced_rule(SGD(), np.zeros(3), None, library.operations)
    moved = {name: number + 1 for name, number in library.operations.items()}
    here, there = [
        traced_rule(SGD(), np.zeros(3), None, operations)[0].records[:, 0]
        for operations in (library.operations, moved)
    ]
    assert (there == here + 1).all()


def test_what_cannot_be_copied_is_no_reason_against_a_rule(library: Library) -> None:
    optimizer = Own(lion, lock=threading.Lock())
    traced_rule(optimizer, np.zeros(3), None, library.operations)


class Fading(SGD):
    """Its coefficients are others at each call, whatever the step."""

    n_calls = 0

    def coefficients(self, step: int) -> tuple[float, ...]:
        self.n_calls += 1
        return (self.learning_rate * 0.5**self.n_calls, *super().coefficients(step)[1:])


def test_coefficients_that_change_the_optimizer_are_refused(library: Library) -> None:
    optimizer = Fading()
    with pytest.raises(UntraceableError, match="its rule changes the optimizer"):
        traced_rule(optimizer, np.zeros(3), None, library.operations)
    assert optimizer.n_calls == 0


def test_in_float32_a_number_of_float64_would_change_the_type(library: Library) -> None:
    def wide(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
        return np.float64(0.5) * g, state

    def chosen(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
        return xp.where(g > 0.0, 0.5, -0.5), state

    def factor(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
        return (g > 0.0) * 0.5, state

    for rule, message in (
        (wide, "of its own, float64"),
        (chosen, "numbers of float64"),
        (factor, "numbers of float64"),
    ):
        assert_same(library, partial(Own, rule), *problem(5))
        with pytest.raises(UntraceableError, match=message):
            traced_rule(Own(rule), np.zeros(3, np.float32), None, library.operations)


def test_what_the_library_lacks_is_refused(library: Library) -> None:
    operations = dict(library.operations)
    for name in ("sqrt", "divide_by_root"):
        del operations[name]
    with pytest.raises(UntraceableError, match="'sqrt', which is not in the library"):
        traced_rule(Adam(), np.zeros(3), None, operations)
    traced_rule(SGD(), np.zeros(3), None, operations)


class WithOwnSteps(SGD):
    def step_array(self, parameters: Array, gradients: Array) -> None:
        parameters -= gradients


def test_whatever_the_rule_some_steps_take_calls() -> None:
    values = [Value(1.0), Value(2.0)]
    groups: Sequence[Any] = [{"parameters": values[:1]}, {"parameters": values[1:]}]
    assert refusal(SGD(values)) == ""
    assert refusal(SGD(groups)) == "groups of parameters have rates of their own"
    assert refusal(WithOwnSteps(values)) == "WithOwnSteps has a step_array of its own"
    optimizer = SGD(values)
    values[0].requires_grad = False
    assert refusal(optimizer) == "some parameters are frozen"
    values[0].requires_grad = True
    assert refusal(optimizer) == ""
    assert changes[0] is not None


def test_a_rule_that_reads_its_rate_is_traced_with_it(library: Library) -> None:
    def own_rate(self: Any, xp: Any, p: Any, g: Any, state: Any, c: Any) -> Any:
        return self.learning_rate * g, state

    assert_same(library, partial(Own, own_rate), *problem(5))
    for rule, reads in ((own_rate, True), (lion, False)):
        optimizer = Own(rule)
        passes, reads_rate = traced_rule(optimizer, np.zeros(3), None, library.operations)
        assert reads_rate == reads
        before = settings_of(optimizer, reads_rate)
        optimizer.learning_rate = 0.7
        after = settings_of(optimizer, reads_rate)
        assert all([x is y for x, y in zip(before, after, strict=True)]) != reads
        again, _ = traced_rule(optimizer, np.zeros(3), None, library.operations)
        assert again.same_as(passes) != reads


def test_a_copy_of_an_optimizer_has_a_state_of_its_own(library: Library) -> None:
    parameters, rows = problem(20)
    optimizer = Adam()
    run(library, optimizer, parameters, rows)
    for other in (copy.copy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        before = optimizer.state_dict()
        expected, found = parameters.copy(), parameters.copy()
        known = Adam()
        known.load_state_dict(before)
        run(library, other, found, rows)
        by_hand(known, expected, rows)
        assert found.tobytes() == expected.tobytes()
        after = optimizer.state_dict()
        assert all([before[name].tobytes() == after[name].tobytes() for name in before])


def test_settings_are_other_objects_when_they_change() -> None:
    optimizer = Adam()
    known = settings_of(optimizer)
    optimizer.step_array(np.zeros(2), np.ones(2))
    optimizer.step_count += 1
    assert all([x is y for x, y in zip(known, settings_of(optimizer), strict=True)])
    optimizer.beta2 = 0.5
    assert not all([x is y for x, y in zip(known, settings_of(optimizer), strict=True)])
