"""What is computed under ``no_grad``, or assigned, inside a compiled function, in every position.

The compiler folds sums and products into one another. Through what is detached no gradient may flow
wherever it ends up; the eager engine says what remains.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest

from tests.against_torch import assert_close
from tests.back_ends import BACK_ENDS, BackEnd, forced
from tinygrad_mlp import functional as F
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.derivatives import grad
from tinygrad_mlp.engine import Value, enable_grad, no_grad

Row = list[Value]

HELD: Final[dict[str, Callable[[Row, Row], Value]]] = {
    "product": lambda w, x: w[0] * x[0],
    "product of weights": lambda w, x: w[0] * w[1],
    "scaled product": lambda w, x: w[0] * x[0] * 0.5,
    "divided product": lambda w, x: w[0] * x[0] / -4.0,
    "negated product": lambda w, x: -(w[0] * x[0]),
    "sum": lambda w, x: w[0] + x[0] + w[1],
    "difference": lambda w, x: w[0] - w[1] * x[1],
    "sum of products": lambda w, x: w[0] * x[0] + w[1] * x[1],
    "dot": lambda w, x: F.dot(w[:2], x[:2], w[2]),
    "the same again": lambda w, x: w[0] * 1.0,
    "first power": lambda w, x: w[0] ** 1,
    "sum of one": lambda w, x: F.sum([w[0]]),
    "nothing to detach": lambda w, x: x[0] * 1.0,
}
USES: Final[dict[str, Callable[[Value, Row, Row], Value]]] = {
    "alone": lambda held, w, x: held,
    "added": lambda held, w, x: held + w[1] * x[1],
    "subtracted": lambda held, w, x: w[1] * x[1] - held,
    "scaled": lambda held, w, x: w[1] * x[1] + 0.3 * held,
    "negated": lambda held, w, x: -held + w[0],
    "multiplied": lambda held, w, x: held * w[0],
    "squared": lambda held, w, x: held**2 + w[2],
    "once more as it was": lambda held, w, x: held * 1.0 + w[0],
    "a factor": lambda held, w, x: F.dot([held, w[1]], [w[2], x[1]]),
    "a bias": lambda held, w, x: F.dot([w[0], w[1]], [x[0], x[1]], held),
    "a term": lambda held, w, x: F.sum([held, w[0], x[0], w[1]]),
    "with itself undetached": lambda held, w, x: held + w[0] * x[0],
    "twice": lambda held, w, x: held * x[1] + held,
}


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_nothing_flows_through_what_is_detached(back_end: BackEnd, held: str) -> None:
    numbers, x = [0.7, -1.3, 0.4], np.array([[0.9, -0.6], [1.7, 0.2]])
    for use in USES.values():
        w = [Value(number) for number in numbers]

        def sample_loss(a: Row, use: Any = use, w: Row = w) -> Value:
            with no_grad():
                made = HELD[held](w, a)
            return use(made, w, a).tanh()  # type: ignore[no-any-return]

        def batch_loss(rows: list[Row], of: Any = sample_loss) -> Value:
            return F.sum([of(row) for row in rows])

        program = compile(batch_loss, w)
        with forced(back_end):
            loss = program(x)
        expected = batch_loss([[Value(a) for a in row] for row in x])
        expected.backward()
        # Losses that cancel to 0: from Python 3.12 on, ``sum`` carries the rounding along.
        assert loss == pytest.approx(expected.data, rel=1e-12, abs=1e-15)
        assert_close(program.gradients, [value.grad for value in w])
        if back_end == "arrays":
            mapped = compile(sample_loss, w, per_sample=True, reduction="sum")
            with forced(back_end):
                assert_close(mapped(x), expected.data)
            assert_close(mapped.gradients, [value.grad for value in w])


def test_a_value_from_before_with_many_paths_through_it_is_looked_at_once() -> None:
    """2 to the power of 80 paths: a second look at a node would never end."""
    earlier = Value(1.0)
    for _ in range(80):
        earlier = earlier * 0.5 + earlier * 0.5
    w = Value(2.0)
    program = compile(lambda x: w * x + earlier, [w])
    assert program(np.array(3.0)) == 7.0


@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_a_sum_of_nothing_is_zero(back_end: BackEnd) -> None:
    w = Value(2.0)
    for nothing in (F.dot([], []), F.sum([]), F.dot([], [], Value(0.0))):
        assert nothing.data == 0.0
    losses: list[Callable[[Value], Value]] = [
        lambda x: F.dot([], []) + w * x,
        lambda x: F.sum([]) + w * x,
        lambda x: F.dot([], []) * F.exp(w) + w * x,
        lambda x: (F.sum([]) - w * x) * -1.0,
    ]
    for loss in losses:
        program = compile(loss, [w])
        with forced(back_end):
            assert program(np.array(3.0)) == 6.0
        assert program.gradients.tolist() == [3.0]


def _held(x: Row) -> Value:
    with no_grad():
        square = x[0] * x[0]
    return square * x[1]


def _attached_within(x: Row) -> Value:
    with no_grad():
        held = x[0] * x[1]
        with enable_grad():
            return x[0] * x[0] * held


def _slopes_within(x: Row) -> list[Value]:
    with no_grad():
        product = x[0] * x[1]
        with enable_grad():
            total = product * x[1]
        return grad(total, x, create_graph=True)


def _slopes_by_held(x: Row) -> list[Value]:
    with no_grad():
        product = x[0] * x[1]
    return grad(product * product, [product, *x], create_graph=True)


def _slopes_of_what_was_before(x: Row) -> list[Value]:
    product = x[0] * x[1]
    with no_grad():
        return grad(product, x, create_graph=True)


SLOPES: Final[dict[str, Callable[[Row], list[Value]]]] = {
    "what was made before": lambda x: grad(_held(x), x, create_graph=True),
    "what is made again": lambda x: grad(_attached_within(x), x, create_graph=True),
    "within the block itself": _slopes_within,
    "by what is detached": _slopes_by_held,
    "of what was made before the block": _slopes_of_what_was_before,
}


@pytest.mark.parametrize("slopes", SLOPES)
def test_nor_does_a_gradient_as_a_graph(slopes: str) -> None:
    x = np.array([[3.0, 2.0], [-1.0, 0.5]])
    found = compile(SLOPES[slopes], per_sample=True)(x)
    expected = [[s.data for s in SLOPES[slopes]([Value(a), Value(b)])] for a, b in x.tolist()]
    assert found.tolist() == expected
