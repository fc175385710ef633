"""How a program reads the loss of many samples: as one inner product wherever it is one.

The line of the program's text is compared, for the mean and for the sum; and the number and the
gradients with those of the eager engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest

from tests.against_torch import assert_close
from tests.back_ends import forced
from tinygrad_mlp import functional as F
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.engine import Value

Row = list[Value]
Loss = Callable[[Row, Row], Any]


def weigh(weights: Row, x: Row) -> Value:
    return F.sum([F.weighted(a, b) for a, b in zip(weights, x)])


def tanhs(row: Row) -> Row:
    return [F.tanh(a) for a in row]


def one_of_two_rows(w: Row, x: Row) -> Value:
    """The minuend lies beside another row of its kind."""
    rows = [F.exp(w[0] * x[0]), F.exp(w[1] * x[1])]
    return rows[0] - F.dot(x[:2], [rows[1], x[3]])


def one_of_two_products(w: Row, x: Row) -> Value:
    """The subtrahend lies beside another sum of products."""
    sums = [F.dot(x[:2], x[2:4]), F.dot(x[1:3], x[4:6])]
    return F.exp(w[0] * x[0] + F.sin(sums[1])) - sums[0]


def beside(loss: Loss) -> Loss:
    """With more behind the loss that is not the loss."""

    def function(w: Row, x: Row) -> tuple[Value, Row]:
        return loss(w, x), [F.exp(F.sin(x[0] * w[0])) - F.tanh(x[1] * w[1])]

    return function


LOSSES: Final[dict[str, Loss]] = {
    "an input": lambda w, x: x[1],
    "a row": lambda w, x: F.sin(w[0] * x[0]),
    "one of several rows": lambda w, x: tanhs([w[0] * x[0], w[1] * x[1]])[1],
    "a product of rows": lambda w, x: F.sin(w[0] * x[0]) * F.cos(x[1]),
    "a square": lambda w, x: F.square(w[0] * x[0] - x[1]),
    "a row times a weight": lambda w, x: F.sin(w[0] * x[0]) * w[1],
    "a row times a number": lambda w, x: F.sin(w[0] * x[0]) * 3.0,
    "one of several products": lambda w, x: [
        *[F.sin(w[i] * x[i]) * F.cos(x[i]) for i in range(2)],
        F.exp(x[1] * w[0]) * 0.0,
    ][0],
    "a sum": lambda w, x: F.sin(w[0] * x[0]) + F.cos(x[1]),
    "a sum of products": lambda w, x: F.dot(tanhs([w[0] * x[0], w[1] * x[1]]), x[:2]),
    "a product and more": lambda w, x: F.sin(w[0] * x[0]) * F.cos(x[1]) + w[2],
    "a row less products": lambda w, x: F.exp(w[0] * x[0]) - F.dot(x[:2], x[2:4]),
    "a row less one product": lambda w, x: F.exp(w[0] * x[0]) - F.sin(x[1]) * x[2],
    "a row less products and more": lambda w, x: F.exp(w[0] * x[0]) - F.dot(x[:2], x[2:4], x[5]),
    "a row less products by weights": lambda w, x: F.exp(w[0] * x[0]) - F.dot(w[:2], x[2:4]),
    "a row less products of weights": lambda w, x: F.exp(w[0] * x[0]) - F.dot(w[:2], w[2:4]),
    "a row less a row": lambda w, x: F.exp(w[0] * x[0]) - F.sin(x[1]),
    "a weight less products": lambda w, x: F.exp(w[0]) - F.dot(x[:2], x[2:4]),
    "a number less products": lambda w, x: 1.0 - F.sin(F.dot(x[:2], x[2:4])),
    "products less a row": lambda w, x: F.sin(F.dot(x[:2], x[2:4])) - F.exp(w[0] * x[0]),
    "one of two rows less products": one_of_two_rows,
    "a row less one of two products": one_of_two_products,
    "a row less weighted": lambda w, x: F.exp(w[0] * x[0]) - weigh(x[:3], tanhs(x[3:])),
    "weighted by weights": lambda w, x: F.exp(w[0] * x[0]) - weigh(w[:3], tanhs(x[3:])),
    "weighted weights": lambda w, x: F.exp(w[0] * x[0]) - weigh(x[:3], tanhs(w[3:6])),
    "a part of the weighted": lambda w, x: (
        F.exp(w[0] * x[0])
        - F.sum([F.weighted(a, b) for a, b in zip(x[:3], tanhs(x[3:]))][:2])
    ),
    "weighted by a number": lambda w, x: F.exp(w[0] * x[0]) - F.weighted(0.5, F.tanh(x[1])),
    "weighted by elements in no order": lambda w, x: (
        F.exp(w[0] * x[0]) - weigh([x[0], x[3], x[1]], tanhs([x[4], x[2], x[5]]))
    ),
    "weighted and added to": lambda w, x: (
        F.exp(w[0] * x[0]) - (weigh(x[:3], tanhs(x[3:])) + F.sin(x[0]))
    ),
    "a sum of other terms": lambda w, x: F.exp(w[0] * x[0]) - F.sum(tanhs(x[:3])),
    "twice the weighted": lambda w, x: (
        F.exp(w[0] * x[0]) - (weigh(x[:3], tanhs(x[3:])) + F.exp(weigh(x[:3], tanhs(x[3:]))))
    ),
    "a product, and outputs": beside(lambda w, x: F.sin(w[0] * x[0]) * F.cos(x[1])),
    "a row less products, and outputs": beside(
        lambda w, x: F.exp(w[0] * x[0]) - F.dot(x[:2], x[2:4])
    ),
}  # fmt: skip


def lines_of(loss: Loss) -> list[str]:
    """The line for the mean and the one for the sum over the samples."""
    lines = []
    for reduction in ("mean", "sum"):
        rng = np.random.default_rng(0)
        w = [Value(number) for number in rng.uniform(0.2, 1.5, size=6)]
        x = rng.uniform(0.2, 1.5, size=(3, 6))
        program = compile(
            lambda a, w=w: loss(w, a), w, per_sample=True, reduction=reduction,
            has_auxiliary=loss.__qualname__.startswith("beside"),
        )  # fmt: skip
        with forced("arrays"):
            found = program(x)
        expected = program.eager(x)
        expected.backward()
        assert_close(found, expected.data)
        assert_close(program.gradients, [value.grad for value in w])
        lines += [line.strip() for line in program.source.splitlines() if "loss = " in line]
    return lines


READ: Final[dict[str, str]] = {
    "an input": "float(dot(x0_1, ones))",
    "a row": "float(dot(sin1_3, ones))",
    "one of several rows": "float(dot(mul0_3, ones))",
    "a product of rows": "float(dot(sin2_4, cos1_5))",
    "a square": "float(dot(mul0_4, mul0_4))",
    "a row times a weight": "float(dot(mul2_4, ones))",
    "a row times a number": "float(dot(sin1_3, ones))",
    "one of several products": "float(dot(sin2_3, cos1_4))",
    "a sum": "float(dot(sin2_4, ones))",
    "a sum of products": "float(dot(z2_3, ones))",
    "a product and more": "float(dot(sin2_5, ones))",
    "a row less products": "float(dot(mul0_3, ones)) - float(vdot(x0_4, x0_5))",
    "a row less one product": "float(dot(sin1_5, ones))",
    "a row less products and more": "float(dot(t2_5, ones))",
    "a row less products by weights": "float(dot(z1_5, ones))",
    "a row less products of weights": "float(dot(sub3_7, ones))",
    "a row less a row": "float(dot(sin1_4, ones))",
    "a weight less products": "float(dot(z1_4, ones))",
    "a number less products": "float(dot(z0_3, ones))",
    "products less a row": "float(dot(z0_3, ones))",
    "one of two rows less products": "float(dot(z2_4, ones))",
    "a row less one of two products": "float(dot(sin1_8, ones))",
    "a row less weighted": "float(dot(mul0_4, ones)) - weighted_sum(x0_5, tanh1)",
    "weighted by weights": "float(dot(sum4_6, ones))",
    "weighted weights": "float(dot(sum4_6, ones))",
    "a part of the weighted": "float(dot(add4_7, ones))",
    "weighted by a number": "float(dot(tanh1_4, ones))",
    "weighted by elements in no order": "float(dot(sum4_4, ones))",
    "weighted and added to": "float(dot(sin2_6, ones))",
    "a sum of other terms": "float(dot(sum3_4, ones))",
    "twice the weighted": "float(dot(sum4_5, ones))",
    "a product, and outputs": "float(dot(sin3_8, ones))",
    "a row less products, and outputs": "float(dot(z1_5, ones))",
}
"""What is read where the sum over the samples is the loss; for the mean it is divided by B."""


@pytest.mark.parametrize("name", READ)
def test_how_the_loss_is_read(name: str) -> None:
    total = READ[name]
    mean = f"({total}) / B" if " - " in total else f"{total} / B"
    assert lines_of(LOSSES[name]) == [f"loss = {mean}", f"loss = {total}"]


def test_a_loss_that_is_the_same_for_all_samples_is_one_number() -> None:
    expected = ["loss = float(sin0[0])", "loss = float(sin0[0]) * B"]
    assert lines_of(lambda w, x: F.sin(w[0])) == expected
