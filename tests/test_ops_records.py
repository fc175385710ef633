"""What the records of the operations tell the tests is true: ``kinks``, ``domain``, ``analytic``.

A wrong entry would make other tests look at the wrong places and stay green. So each is compared
here with what PyTorch, or complex analysis, says without asking the record.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from math import inf, isfinite, isnan
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.test_ops import PLAIN_NUMBERS, each_op, values_at
from tests.torch_reference import Floats, reference_partials, reference_values
from tinygrad_mlp import array_math
from tinygrad_mlp.engine import apply
from tinygrad_mlp.ops import OPS, Op

Point = tuple[float, ...]

SPECIAL: Final = (-inf, -1.0, -0.0, 0.0, 1.0, inf)
LARGE: Final = 800.0


def n_inputs(op: Op) -> int:
    return 3 if op.arity is None else op.arity


def torch_at(op: Op, points: list[Point]) -> tuple[Floats, Floats]:
    """Value (n,) and local derivatives (n, n_inputs)."""
    return reference_values(op, points), reference_partials(op, points)


# The rules at special numbers, all of them in all places


@each_op
def test_special_numbers_are_treated_as_torch_treats_them(op: Op) -> None:
    further = (2.0, -2.5, 19.0, LARGE, -LARGE) if n_inputs(op) < 3 else ()
    points = list(itertools.product((*SPECIAL, *further), repeat=n_inputs(op)))
    if op.name == "elu":  # torch has nan all over where alpha is infinite, which nobody asks for
        points = [point for point in points if isfinite(point[1])]
    values, partials = torch_at(op, points)
    nodes = [apply(op, *values_at(op, np.array(point))) for point in points]
    wrong = [
        f"{op.name}{point}: {node.data}, {node.partials}; torch: {value}, {expected.tolist()}"
        for point, node, value, expected in zip(points, nodes, values, partials)
        if not np.allclose(
            [node.data, *node.partials], [value, *expected], rtol=1e-12, atol=0.0, equal_nan=True
        )
    ]
    assert not wrong, f"{len(wrong)} of {len(points)}\n" + "\n".join(wrong)


# kinks


def behaviour(op: Op, points: list[Point]) -> list[str]:
    """What torch shows that is special at each point; "" where it shows nothing.

    For the value and each derivative "n" for nan, "+" or "-" for an infinity, "." for a number;
    then "jump" where one of them jumps close by, and "end" where a curve has become a line.
    """
    array = np.array(points)
    values, partials = torch_at(op, points)
    results = np.column_stack([values, partials])
    jumps = np.zeros(len(points), dtype=bool)
    for index in range(array.shape[1]):
        for step in (1e-6, -1e-6):
            near = array.copy()
            near[:, index] += step
            close_by = np.column_stack(torch_at(op, [tuple(row) for row in near.tolist()]))
            with np.errstate(invalid="ignore"):
                jump = np.abs(close_by - results) > 1e-3 * np.maximum(1.0, np.abs(results))
            jumps |= np.isfinite(array).all(axis=1) & jump.any(axis=1)
    found = []
    for point, row, jump in zip(points, results.tolist(), jumps):
        kinds = "".join([kind_of(x) for x in row]) + "jump" * bool(jump)
        if len(point) == 1 and abs(point[0]) == LARGE and row[1] in {0.0, 1.0}:
            (slope,) = reference_partials(op, [(point[0] / 400.0,)])[0]
            kinds += ("end" + "-+"[point[0] > 0.0]) * (slope not in {-1.0, 0.0, 1.0})
        found.append("" if set(kinds) == {"."} else kinds)
    return found


def kind_of(x: float) -> str:
    return "n" if isnan(x) else "." if isfinite(x) else "+" if x > 0.0 else "-"


def to_be_declared(op: Op) -> dict[str, list[Point]]:
    """Each special behaviour of torch that a kink should show, with the points that do."""
    if op.variadic or op.fixed_partials is not None and set(op.fixed_partials) != {0.0}:
        return {}  # linear
    coordinates = SPECIAL if op.arity == 1 else (-1.0, -0.0, 0.0, 1.0)
    points = list(itertools.product(coordinates, repeat=n_inputs(op)))
    points += [(LARGE,), (-LARGE,)] if op.arity == 1 else []
    found: dict[str, list[Point]] = {}
    for point, kinds in zip(points, behaviour(op, points)):
        if kinds:
            found.setdefault(kinds, []).append(point)
    return found


@each_op
def test_every_special_behaviour_is_among_the_kinks(op: Op) -> None:
    missing = to_be_declared(op)
    for kinds in behaviour(op, list(op.kinks)) if op.kinks else []:
        missing.pop(kinds, None)
    assert not missing


@each_op
def test_every_kink_is_special(op: Op) -> None:
    """By what torch shows there, or as a point that random numbers from the domain never meet."""
    if op.arity == 1:
        assert {abs(x) for (x,) in op.kinks} <= {0.0, 1.0, LARGE, inf}
    assert len({tuple(map(str, kink)) for kink in op.kinks}) == len(op.kinks)
    domain = op.domain * n_inputs(op) if op.variadic else op.domain
    for kink, kinds in zip(op.kinks, behaviour(op, list(op.kinks)) if op.kinks else []):
        met = all(low < x < high and abs(x) > 1e-6 for x, (low, high) in zip(kink, domain))
        assert kinds or not met, kink
