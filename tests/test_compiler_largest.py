"""A logsumexp of differences to their largest does not look for the largest a second time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pytest

from tests.back_ends import forced
from tinygrad_mlp import functional as F
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.engine import Value

Row = list[Value]


def less(values: Row, largest: Value) -> Row:
    return [value - largest for value in values]


def row_by_row(z: Row, y: Row) -> Value:
    return F.sum([F.logsumexp(less(row, F.amax(row))) for row in (z, y)])


CASES: Final[dict[str, tuple[int, Callable[[Row, Row], Value]]]] = {
    "to their largest": (1, lambda z, y: F.logsumexp(less(z, F.amax(z)))),
    "log of softmax": (1, lambda z, y: F.sum(F.log_softmax(z)[:2])),
    "to the largest of a part": (2, lambda z, y: F.logsumexp(less(z, F.amax(z[:2])))),
    "to the largest of the others": (2, lambda z, y: F.logsumexp(less(z, F.amax(z[1:])))),
    "a part of them": (2, lambda z, y: F.logsumexp(less(z, F.amax(z))[:2])),
    "the others of them": (2, lambda z, y: F.logsumexp(less(z, F.amax(z))[1:])),
    "backwards": (2, lambda z, y: F.logsumexp(less(z, F.amax(z))[::-1])),
    "to another largest": (2, lambda z, y: F.logsumexp(less(z, F.amax(y)))),
    "from the largest": (2, lambda z, y: F.logsumexp([F.amax(z) - value for value in z])),
    "twice them": (2, lambda z, y: F.logsumexp([2.0 * value for value in less(z, F.amax(z))])),
    "to their sum": (1, lambda z, y: F.logsumexp(less(z, F.sum(z)))),
    "to one of them": (1, lambda z, y: F.logsumexp(less(z, z[0]))),
    "with their largest": (2, lambda z, y: F.logsumexp([value + F.amax(z) for value in z])),
    "row by row": (2, row_by_row),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("per_sample", [False, True])
def test_logsumexp_of_differences(name: str, per_sample: bool) -> None:
    n_largest, function = CASES[name]

    def loss(w: Row, x: Row) -> Value:
        z, y = [w[i] * x[i] for i in range(3)], [w[i + 3] * x[i] for i in range(3)]
        return function(z, y)

    for numbers in ([900.0, -2000.0, 30.0], [-2000.0, 10.0, 900.0], [1.0, 1.0, 1.0]):
        w = [Value(number) for number in (1.0, 0.75, 1.25, 1.5, 0.5, 0.25)]
        x = np.array([numbers] if per_sample else numbers)
        with forced("arrays"):
            program = compile(lambda a, w=w: loss(w, a), w, per_sample=per_sample)
            found = program(x)
        expected = loss(w, [Value(number) for number in numbers])
        expected.backward()
        np.testing.assert_allclose(found, expected.data, rtol=1e-12)
        gradients = [value.grad for value in w]
        np.testing.assert_allclose(program.gradients, gradients, rtol=1e-12, atol=1e-12)
        assert program.source.count("maximum.reduce(") == n_largest
