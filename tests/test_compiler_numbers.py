"""Products times numbers of any size, in sums: tiny, huge, zero, infinite ones, nan."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest

from tests.back_ends import BACK_ENDS, BackEnd, forced
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.engine import Value

PAIRS = [
    (0.5, 4.0), (1e-200, 1e-200), (1e200, 1e-200), (1e-200, 1e200), (1e40, 1e40), (1e-40, 1e-40),
    (0.0, 3.0), (-0.0, 3.0), (1e60, 1.0), (inf, 1.0), (-inf, 0.5), (nan, 1.0), (1e308, 1e-308),
]  # fmt: skip


@pytest.mark.parametrize("back_end", BACK_ENDS)
@pytest.mark.parametrize(("first", "second"), PAIRS)
@pytest.mark.parametrize("size", [1.0, 1e200, 1e-200])
def test_a_number_before_a_product_is_not_lost(
    size: float, first: float, second: float, back_end: BackEnd
) -> None:
    w = [Value(size), Value(-0.75 * size)]

    def multiplied(x: list[Value]) -> Value:
        return w[0] * x[0] * first * second + w[1] * x[1] * first * second + w[0]

    def divided(x: list[Value]) -> Value:
        return w[0] * x[0] / first / second + w[1] * x[1] / first / second + w[0]

    for loss in (multiplied, divided):
        with forced(back_end):
            program = compile(loss, w)
            found = program(np.array([2.0, 3.0]))
        for value in w:
            value.zero_grad()
        expected = loss([Value(2.0), Value(3.0)])
        expected.backward()
        np.testing.assert_allclose(found, expected.data, rtol=1e-12)
        np.testing.assert_allclose(program.gradients, [v.grad for v in w], rtol=1e-12)
