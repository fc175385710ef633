"""Where gradients flow in compiled programs, and where nothing does.

0 * inf is nan: a node that no gradient reaches must not be multiplied by its local derivative, even
if others of its kind, computed in the same NumPy call, do have a gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from tests.against_torch import assert_close
from tests.back_ends import BackEnd, forced
from tinygrad_mlp import functional as F
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.engine import Value, assign, no_grad

Weights = list[Value]


def condition_only(w: Weights, x: Value, buffer: Value) -> Value:
    """The root of w[0] decides which branch is taken, and no more."""
    return F.where(w[0].sqrt() > 1.0, w[0], 2.0 * w[0]) + w[1].sqrt() * x


def behind_a_condition(w: Weights, x: Value, buffer: Value) -> Value:
    """Two nodes before the comparison: through neither of them does anything flow."""
    return F.where(w[0].sqrt().sqrt() > 1.0, x, 2.0 * w[0]) + w[1].sqrt().sqrt() ** 2 * x


def assigned_only(w: Weights, x: Value, buffer: Value) -> Value:
    """The root of w[0] goes into a buffer."""
    assign(buffer, w[0].sqrt())
    return 2.0 * w[0] + w[1].sqrt() * x


def beside_the_loss(w: Weights, x: Value, buffer: Value) -> tuple[Value, list[Value]]:
    """A model with two outputs and a loss on one of them."""
    outputs = [w[0].sqrt(), w[1].sqrt()]
    return 2.0 * w[0] + outputs[1] * x, outputs


def held_back(w: Weights, x: Value, buffer: Value) -> Value:
    """The root of w[0] reaches the loss only through what has no gradient."""
    root = w[0].sqrt()
    with no_grad():
        held = root * 3.0 + F.dot([root, x], [root, x])
    return 2.0 * w[0] + held * x + w[1].sqrt() * x


CASES: Final[list[Callable[..., Any]]] = [
    condition_only,
    behind_a_condition,
    assigned_only,
    beside_the_loss,
    held_back,
]


@pytest.mark.parametrize("function", CASES)
@pytest.mark.parametrize(
    ("mapped", "back_end"), [(False, "arrays"), (False, "arithmetic"), (True, "arrays")]
)
def test_nothing_flows_to_what_the_loss_does_not_depend_on(
    function: Callable[..., Any], mapped: bool, back_end: BackEnd
) -> None:
    w, buffer = [Value(0.0), Value(4.0)], Value(1.0)
    program = compile(
        lambda x: function(w, x, buffer),
        w,
        per_sample=mapped,
        has_auxiliary=function is beside_the_loss,
    )
    with forced(back_end):
        program([1.0] if mapped else 1.0)
    assert_close(program.gradients, [2.0, 0.25])
