"""Numbers beside what their rounding may change: the arithmetic of a person with a calculator.

Equations show four decimals. Whoever works with those comes near to the number of the engine, and
how near is what an answer is granted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tinygrad_mlp import _float_math as float_math
from tinygrad_mlp.debug._numbers import last_digit, number
from tinygrad_mlp.debug._quiz_judging import Target
from tinygrad_mlp.ops import Op

__all__ = ["Rounded", "partial_at", "rounded_partial", "shown", "value_at"]

BINARY: Final = 1e-9
"""What binary fractions and the order of a sum may change, as a share of the number."""

MOST: Final = 0.02
"""A local derivative is granted at most this share of itself, so that mistakes stay visible."""


@dataclass(frozen=True, slots=True)
class Rounded:
    """A number, and how far off a person may be who works with the numbers in view.

    >>> u, p = Rounded.of(0.138498562), Rounded.of(0.5)
    >>> (u * p).error <= 0.5 * 0.00005 * 1.001, p.error
    (True, 0.0)
    """

    value: float
    error: float = 0.0

    @classmethod
    def of(cls, x: float) -> Rounded:
        """A number as it stands in view: off by half of its last digit, unless all are there."""
        is_whole = abs(shown(x) - x) <= BINARY * abs(x)
        return cls(x, 0.0 if is_whole else last_digit(x) / 2.0)

    def __add__(self, other: Rounded) -> Rounded:
        binary = BINARY * (abs(self.value) + abs(other.value))
        return Rounded(self.value + other.value, self.error + other.error + binary)

    def __mul__(self, other: Rounded) -> Rounded:
        product = self.value * other.value
        error = abs(self.value) * other.error + abs(other.value) * self.error
        return Rounded(product, error + self.error * other.error + BINARY * abs(product))

    def __neg__(self) -> Rounded:
        return Rounded(-self.value, self.error)

    def target(self) -> Target:
        """The same as something that can be typed."""
        return Target(self.value, self.error + BINARY * abs(self.value))


def shown(x: float) -> float:
    """The number that a person reads.

    >>> shown(0.138498562)
    0.1385
    """
    return float(number(x))


def value_at(op: Op, inputs: Sequence[float]) -> float:
    """What an operation gives; nan where its rule cannot say.

    >>> from tinygrad_mlp import ops
    >>> value_at(ops.SQUARE, [-3.0])
    9.0
    """
    try:
        return float(op.compute(float_math, inputs))
    except (ArithmeticError, ValueError):  # the rule of a person's own operation
        return float_math.nan


def partial_at(op: Op, position: int, out: float, inputs: Sequence[float]) -> float:
    """A local derivative; nan where its rule cannot say.

    >>> from tinygrad_mlp import ops
    >>> partial_at(ops.SQUARE, 0, 9.0, [-3.0])
    -6.0
    """
    try:
        return float(op.local_partials(float_math, out, inputs)[position])
    except (ArithmeticError, ValueError):
        return float_math.nan


def rounded_partial(
    op: Op, position: int, out: float, inputs: Sequence[float], partial: float
) -> Rounded:
    """A local derivative as it comes out of the operands, or the value, that are in view.

    >>> from tinygrad_mlp import ops
    >>> of_round = rounded_partial(ops.TANH, 0, 0.0, [0.0], 1.0)
    >>> of_long = rounded_partial(ops.SQUARE, 0, 0.04, [0.20001], 0.40002)
    >>> of_round.error, 0.0 < of_long.error < 0.001
    (0.0, True)
    """
    if op.fixed_partials is not None:
        return Rounded(partial)
    here = partial_at(op, position, out, inputs)
    in_view = [shown(x) for x in inputs]
    found = [
        partial_at(op, position, value_at(op, in_view), in_view),
        partial_at(op, position, shown(out), in_view),
    ]
    apart = max([abs(x - here) for x in found])
    limit = MOST * abs(partial)
    return Rounded(partial, Rounded.of(partial).error + (min(apart, limit)))
