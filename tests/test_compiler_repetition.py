"""A function runs again, to see that it does the same: how often, what is refused, what is not."""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from typing import Any, Final

import numpy as np
import pytest

from tinygrad_mlp import functional as F
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.engine import Value, assign, enable_grad, no_grad
from tinygrad_mlp.errors import GraphError
from tinygrad_mlp.functional import uniform

Row = list[Value]
Function = Callable[[Row], Any]
W: Final = Value(2.0, label="w")
BUFFERS: Final = [Value(1.0), Value(1.0)]
RNGS: Final = [np.random.default_rng(0), np.random.default_rng(1)]


def set_twice(first: int, then: int) -> Function:
    def function(x: Row) -> Value:
        assign(BUFFERS[first], x[0])
        assign(BUFFERS[then], x[0])
        return x[0] * x[1]

    return function


def set_thrice(last: int, by_number: bool = False) -> Function:
    """One of the leaves keeps what it was set to first, the other is set once more."""

    def function(x: Row) -> Value:
        numbers = [Value(1.0), Value(2.0), Value(3.0)] if by_number else [x[0], x[1], x[0] * x[1]]
        for which, value in zip((0, 1, last), numbers):
            assign(BUFFERS[which], value)
        return x[0] * 2.0

    return function


def read_beside_assignments(second: int) -> Function:
    """One of the buffers is read, and whether it was assigned to before is up to ``second``."""

    def function(x: Row) -> Value:
        assign(BUFFERS[0], x[0])
        assign(BUFFERS[second], x[0])
        product = BUFFERS[1] * x[1]
        assign(BUFFERS[1], x[0])
        return product

    return function


def detached(which: int) -> Function:
    def function(x: Row) -> Value:
        sums = []
        for i in range(2):
            if i == which:
                with no_grad():
                    sums.append(W * x[i])
            else:
                sums.append(W * x[i])
        return sums[0] * sums[1]

    return function


MORE: Final = "it computed more, first "
LESS: Final = "it computed less, without "
ANOTHER: Final = "it computed with another Value"
ELSEWHERE: Final = "it used no_grad or assign elsewhere"
OTHER_LENGTHS: Final = "it returned lists of other lengths"

CHANGES: Final[dict[str, tuple[Function, Function, str]]] = {
    "operation of one": (
        lambda x: x[0].exp(), lambda x: x[0].tanh(),
        "it computed tanh(x) in the place of exp(x)",
    ),
    "operation of two": (
        lambda x: x[0] + x[1], lambda x: x[0] * x[1],
        "it computed a * b in the place of a + b",
    ),
    "operation for a random number": (
        lambda x: x[0] * uniform(RNGS[0]), lambda x: x[0].exp() * x[1],
        "it computed exp(x) in the place of a random number",
    ),
    "random number for an operation": (
        lambda x: x[0].exp() * x[1], lambda x: uniform(RNGS[0]) * x[1],
        "it computed a random number in the place of exp(x)",
    ),
    "one more": (lambda x: x[0], lambda x: x[0].exp(), MORE + "exp(x)"),
    "two more": (lambda x: x[0] * x[1], lambda x: (x[0] * x[1]).exp().tanh(), MORE + "exp(x)"),
    "one of two more": (lambda x: x[0], lambda x: x[0] * x[1], MORE + "a * b"),
    "a random number more": (
        lambda x: x[0], lambda x: x[0] + 0.0 * uniform(RNGS[0]), MORE + "a random number",
    ),
    "one less": (lambda x: (x[0] * x[1]).exp(), lambda x: x[0] * x[1], LESS + "exp(x)"),
    "two less": (lambda x: (x[0] * x[1]).exp(), lambda x: x[0], LESS + "a * b"),
    "a random number less": (
        lambda x: [x[0].exp(), uniform(RNGS[0])], lambda x: [x[0].exp(), x[1]],
        LESS + "a random number",
    ),
    "inputs": (
        lambda x: F.amax([x[0], x[1]]), lambda x: F.amax([x[0], x[1], x[0]]),
        "it took 3 inputs in the place of 2",
    ),
    "left": (lambda x: x[0] * x[1], lambda x: x[1] * x[1], ANOTHER),
    "right": (lambda x: x[0] * x[1], lambda x: x[0] * x[0], ANOTHER),
    "a leaf": (lambda x: x[0] * W, lambda x: x[0] * BUFFERS[0], ANOTHER),
    "a leaf for a number": (lambda x: x[0] * 2.0, lambda x: x[0] * W, ANOTHER),
    "a number for a leaf": (lambda x: x[0] * W, lambda x: x[0] * 2.0, ANOTHER),
    "a number for a node": (lambda x: x[0] * x[1], lambda x: x[0] * 2.0, ANOTHER),
    "a node for a number": (lambda x: x[0] * 2.0, lambda x: x[0] * x[1], ANOTHER),
    "a number": (
        lambda x: x[0] * 2.0, lambda x: x[0] * 3.0,
        "it took the number 3.0 in the place of 2.0",
    ),
    "the number of a new leaf": (
        lambda x: x[0] * Value(2.0), lambda x: x[0] * Value(3.0),
        "it took the number 3.0 in the place of 2.0",
    ),
    "the last of three numbers": (
        lambda x: F.amax([1.0, x[0], 2.0]), lambda x: F.amax([1.0, x[0], 4.0]),
        "it took the number 4.0 in the place of 2.0",
    ),
    "a number for nan": (
        lambda x: x[0] * nan, lambda x: x[0] * 1.0, "it took the number 1.0 in the place of nan",
    ),
    "nan for a number": (
        lambda x: x[0] * 1.0, lambda x: x[0] * nan, "it took the number nan in the place of 1.0",
    ),
    "which result": (lambda x: x[0], lambda x: x[1], ANOTHER),
    "order of results": (lambda x: [x[0], x[1]], lambda x: [x[1], x[0]], ANOTHER),
    "a number as a result": (
        lambda x: [x[0], 1.0], lambda x: [x[0], 2.0], "it took the number 2.0 in the place of 1.0",
    ),
    "lengths": (lambda x: [x[0]], lambda x: [x[0], x[0]], OTHER_LENGTHS),
    "a list for a Value": (lambda x: x[0], lambda x: [x[0]], OTHER_LENGTHS),
    "generator": (
        lambda x: x[0] * uniform(RNGS[0]), lambda x: x[0] * uniform(RNGS[1]),
        "it drew from another generator",
    ),
    "what is assigned to": (set_twice(0, 0), set_twice(1, 1), ANOTHER),
    "one leaf assigned to, then two": (set_twice(0, 0), set_twice(0, 1), ELSEWHERE),
    "two leaves assigned to, then one": (set_twice(0, 1), set_twice(0, 0), ELSEWHERE),
    "the last leaf assigned to": (set_thrice(0), set_thrice(1), ANOTHER),
    "the last leaf assigned to, of numbers": (
        set_thrice(0, by_number=True), set_thrice(1, by_number=True),
        "it took the number 1.0 in the place of 3.0",
    ),
    "a leaf that is read before it is assigned to": (
        read_beside_assignments(0), read_beside_assignments(1), ANOTHER,
    ),
    "a leaf that is read after it was assigned to": (
        read_beside_assignments(1), read_beside_assignments(0), ANOTHER,
    ),
    "where no gradient flows": (detached(0), detached(1), ELSEWHERE),
    "whether a gradient flows": (detached(0), detached(2), ELSEWHERE),
}  # fmt: skip


def first_then(first: Any, then: Any) -> Callable[..., Any]:
    """Does one thing when it runs first, and another one from then on."""
    waiting = [first]

    def function(*x: Any) -> Any:
        return (waiting.pop() if waiting else then)(*x)

    return function


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_not_done_again_is_named(name: str) -> None:
    first, then, reason = CHANGES[name]
    with pytest.raises(GraphError) as caught:
        compile(first_then(first, then))([1.0, 2.0])
    assert caught.value.reason == f"it does something else each time: {reason}"


@pytest.mark.parametrize(
    ("first", "then", "reason"),
    [
        (lambda x: (x[0], [x[0]]), lambda x: (x[0], [x[0], x[1]]), OTHER_LENGTHS),
        (lambda x: (x[0], [x[0]]), lambda x: (x[0], x[0]), OTHER_LENGTHS),
        (lambda x: (x[0], [x[0]]), lambda x: (x[0], [x[1]]), ANOTHER),
        (lambda x: (x[0], [x[0]]), lambda x: (x[1], [x[0]]), ANOTHER),
    ],
)
def test_so_is_what_is_not_returned_again_beside_the_loss(
    first: Function, then: Function, reason: str
) -> None:
    with pytest.raises(GraphError) as caught:
        compile(first_then(first, then), [], has_auxiliary=True)([1.0, 2.0])
    assert caught.value.reason == f"it does something else each time: {reason}"


def reads_what_it_assigned(x: Row) -> Value:
    assign(BUFFERS[0], BUFFERS[0] + x[0])
    assign(BUFFERS[1], BUFFERS[0])
    return (BUFFERS[0] * x[1]).exp() + F.sum([BUFFERS[1], BUFFERS[0] * 1.0])


def holds_back(x: Row) -> Value:
    with no_grad():
        a = W * x[0]
        with enable_grad():
            b = W * x[1]
    return a * b + uniform(RNGS[0]) * 0.0


SAME: Final[dict[str, tuple[Function, float]]] = {
    "nan again": (lambda x: F.where(x[0] > 5.0, nan, x[0] + x[1]), 3.0),
    "new leaves of equal numbers": (lambda x: x[0] * Value(2.0) + F.amax([x[0], Value(3.0)]), 5.0),
    "numbers as results": (lambda x: [4.0, x[0]], [4.0, 1.0]),  # type: ignore[dict-item]
    "numbers of another type": (lambda x: F.amax([x[0], 2, np.float64(3.0)]), 3.0),
    "an assigned leaf that is read": (reads_what_it_assigned, float(np.exp(4.0)) + 4.0),
    "gradients held back": (holds_back, 8.0),
}


@pytest.mark.parametrize("name", SAME)
def test_what_is_done_again_with_equal_numbers_is_the_same(name: str) -> None:
    function, expected = SAME[name]
    BUFFERS[0].data = BUFFERS[1].data = 1.0
    program = compile(function)
    found = program([1.0, 2.0])
    assert np.asarray(found).tolist() == pytest.approx(expected, rel=1e-15)
    program.refresh()
    assert "1 traces" in repr(program), "nothing was forgotten"


@pytest.mark.parametrize(
    ("n_nodes", "n_runs"),
    [(0, 4), (1, 4), (666, 4), (667, 3), (1000, 3), (1001, 2), (2000, 2), (2001, 2), (4000, 2)],
)
def test_how_often_a_function_runs(n_nodes: int, n_runs: int) -> None:
    """The fewer nodes, the more often, as few random numbers come out the same more easily."""
    runs = []

    def function() -> Any:
        runs.append(1)
        result = W
        for _ in range(n_nodes):
            result = -result
        return result

    compile(function)()
    assert len(runs) == n_runs


@pytest.mark.parametrize(("most", "n_runs"), [(0, 1), (1, 2), (2, 3), (5, 6)])
def test_how_often_at_most_it_runs(most: int, n_runs: int) -> None:
    runs = []

    def function(x: Row) -> Value:
        runs.append(1)
        return x[0] * W

    program = compile(lambda x: function(x) * 2.0, [W])
    program.most_repetitions = most
    program([1.0])
    assert len(runs) == n_runs
    program.prediction(function)([1.0])
    assert len(runs) == 2 * n_runs


@pytest.mark.parametrize(
    ("n_nodes", "most", "expected"),
    [
        (0, None, 3),
        (3, None, 3),
        (666, None, 3),
        (667, None, 2),
        (1001, None, 1),
        (2500, None, 1),
        (3, 1, 1),
        (3, 5, 5),
        (667, 1, 1),
    ],
)
def test_the_fewer_nodes_the_more_often_a_function_is_run(
    n_nodes: int, most: int | None, expected: int
) -> None:
    runs = []

    def function(*x: Value) -> Any:
        runs.append(len(x))
        result: Any = x[0] if x else 2.0
        for _ in range(n_nodes - len(x)):
            result = result + 1.0
        return result

    program = compile(function)
    if most is not None:
        program.most_repetitions = most
    program(*[1.0] * min(n_nodes, 1))
    assert len(runs) == 1 + expected
