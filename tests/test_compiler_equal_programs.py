"""Two ways to write one thing, of which the compiler makes the very same program.

So whatever a person writes costs no more than the plainest way to write it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest

from tests.back_ends import forced
from tinygrad_mlp import functional as F
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.engine import Value, no_grad

Row = list[Value]
Loss = Callable[[Row, Row], Any]


def neurons(w: Row, x: Row, write: Callable[[Row, Row, Value], Any]) -> Any:
    """Three neurons of two weights and a bias."""
    return F.sum([F.tanh(write(w[3 * i :][:2], x[:2], w[3 * i + 2])) for i in range(3)])


def unused(w: Row, x: Row) -> Any:
    _ = [F.exp(a * b) for a, b in zip(w, x)]
    return F.sin(w[0] * x[0])


def by_two_ways(t: Value, w: Row) -> Any:
    return (w[1] - t) * F.exp(w[2] + t)


def twice(w: Row, x: Row) -> Any:
    return (w[0] * x[0]).tanh() * (w[0] * x[0]).tanh() + (w[1] + x[1]).exp() * (w[1] + x[1]).exp()


def once(w: Row, x: Row) -> Any:
    t, e = (w[0] * x[0]).tanh(), (w[1] + x[1]).exp()
    return t * t + e * e


def without_gradient(w: Row, x: Row) -> Any:
    with no_grad():
        held = F.exp(x[0] + x[1])
    return held * w[0]


EQUAL: Final[dict[str, tuple[Loss, Loss]]] = {
    "a sum of one": (lambda w, x: F.sum([w[0]]).tanh() * x[0], lambda w, x: w[0].tanh() * x[0]),
    "times one": (lambda w, x: (w[0] * 1.0).tanh() * x[0], lambda w, x: w[0].tanh() * x[0]),
    "divided by one": (lambda w, x: (w[0] / 1.0).tanh() * x[0], lambda w, x: w[0].tanh() * x[0]),
    "to the first": (lambda w, x: (w[0] ** 1).tanh() * x[0], lambda w, x: w[0].tanh() * x[0]),
    "squared": (lambda w, x: (w[0] * x[0] + w[1]) ** 2, lambda w, x: F.square(w[0] * x[0] + w[1])),
    "to minus one": (
        lambda w, x: (w[0] * x[0] + w[1]) ** -1,
        lambda w, x: F.reciprocal(w[0] * x[0] + w[1]),
    ),
    "subtracting in turn": (
        lambda w, x: F.tanh(w[2] - w[0] * x[0] - w[1] * x[1]),
        lambda w, x: F.tanh(w[2] - (w[0] * x[0] + w[1] * x[1])),
    ),
    "dividing each": (
        lambda w, x: F.tanh(w[0] * x[0] / 8.0 + w[1] * x[1] / 8.0),
        lambda w, x: F.tanh(0.125 * (w[0] * x[0] + w[1] * x[1])),
    ),
    "scaling each, twice": (
        lambda w, x: F.tanh(0.5 * (w[0] * x[0]) * 4.0 - -2.0 * (w[1] * x[1])),
        lambda w, x: F.tanh(2.0 * (w[0] * x[0] + w[1] * x[1])),
    ),
    "negating each": (
        lambda w, x: F.tanh(-(w[0] * x[0]) - w[1] * x[1]),
        lambda w, x: F.tanh(-(w[0] * x[0] + w[1] * x[1])),
    ),
    "a loop": (
        lambda w, x: neurons(w, x, lambda v, a, b: v[0] * a[0] + v[1] * a[1] + b),
        lambda w, x: neurons(w, x, F.dot),
    ),
    "factors the other way round": (
        lambda w, x: neurons(w, x, lambda v, a, b: F.dot(a, v, b)),
        lambda w, x: neurons(w, x, F.dot),
    ),
    "some factors the other way round": (
        lambda w, x: neurons(w, x, lambda v, a, b: F.dot([a[0], v[1]], [v[0], a[1]], b)),
        lambda w, x: neurons(w, x, F.dot),
    ),
    "sums in sums": (
        lambda w, x: F.tanh((w[0] * x[0] + w[2]) + (w[1] * x[1])),
        lambda w, x: F.tanh(F.dot(w[:2], x[:2], w[2])),
    ),
    "a dot and products": (
        lambda w, x: F.tanh(F.dot(w[:2], x[:2]) + (w[2] * x[2] + w[3])),
        lambda w, x: F.tanh(F.dot(w[:3], x[:3], w[3])),
    ),
    "products and a dot": (
        lambda w, x: F.tanh((w[0] * x[0] + w[3]) + F.dot(w[1:3], x[1:3])),
        lambda w, x: F.tanh(F.dot(w[1:3], x[1:3]) + (w[0] * x[0] + w[3])),
    ),
    "two dots": (
        lambda w, x: F.tanh(F.dot(w[:2], x[:2], w[5]) + F.dot(w[2:3], x[2:3])),
        lambda w, x: F.tanh(F.dot(w[:3], x[:3], w[5])),
    ),
    "the same again, used twice": (
        lambda w, x: by_two_ways((w[0] * x[0]) * 1.0, w),
        lambda w, x: by_two_ways(w[0] * x[0], w),
    ),
    "computed twice": (twice, once),
    "not used": (unused, lambda w, x: F.sin(w[0] * x[0])),
    "no gradient from data": (without_gradient, lambda w, x: F.exp(x[0] + x[1]) * w[0]),
    "mean": (
        lambda w, x: F.mean([w[0] * x[0], w[1] * x[1], w[2] * x[2]]),
        lambda w, x: F.dot(w[:3], x[:3]) / 3.0,
    ),
    "equal numbers": (
        lambda w, x: F.maximum(w[0] * x[0], 0.5) + F.minimum(w[1] * x[1], Value(0.5)),
        lambda w, x: F.maximum(w[0] * x[0], 0.5) + F.minimum(w[1] * x[1], 0.5),
    ),
}


def program_text(loss: Loss, per_sample: bool) -> str:
    w = [Value(0.1 * i) for i in range(9)]
    program = compile(lambda x: loss(w, x), w, per_sample=per_sample)
    program(np.ones((2, 3) if per_sample else 3))
    return program.source


@pytest.mark.parametrize("name", EQUAL)
def test_both_ways_become_the_same_program(name: str) -> None:
    one, other = EQUAL[name]
    with forced("arrays"):
        for per_sample in (False, True):
            assert program_text(one, per_sample) == program_text(other, per_sample)
