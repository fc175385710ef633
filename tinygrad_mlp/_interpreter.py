"""What interprets the rules of the operation table, written down: the functions that it must have.

``float_math`` computes with floats, ``array_math`` with NumPy arrays, ``value_math`` makes a graph
of Values, and the compiler writes calls. A rule is given one of them as ``xp``.
"""

from __future__ import annotations

from typing import Any, Protocol

__all__ = ["ForwardInterpreter", "Interpreter"]


class Interpreter(Protocol):
    """The functions that a rule may call, beside ``+ - * **``, negation and comparisons.

    Numbers are floats, arrays, Values or what the compiler knows of a number; nothing raises, and
    nothing becomes complex: where IEEE arithmetic gives inf or nan, so do these.

    >>> from tinygrad_mlp import _float_math as float_math
    >>> xp: Interpreter = float_math
    >>> xp.divide(1.0, 0.0), xp.where(2.0 > 1.0, 3.0, 4.0)
    (inf, 3.0)
    """

    # Of one number

    def absolute(self, x: Any, /) -> Any:
        """The absolute value."""

    def arccos(self, x: Any, /) -> Any:
        """The angle from 0 to pi whose cosine is x; nan outside of -1 ... 1."""

    def arcsin(self, x: Any, /) -> Any:
        """The angle from -pi/2 to pi/2 whose sine is x; nan outside of -1 ... 1."""

    def arctan(self, x: Any, /) -> Any:
        """The angle from -pi/2 to pi/2 whose tangent is x."""

    def cos(self, x: Any, /) -> Any:
        """The cosine of x radians."""

    def cosh(self, x: Any, /) -> Any:
        """The hyperbolic cosine."""

    def erfc(self, x: Any, /) -> Any:
        """1 - erf(x), with all digits where erf(x) is near 1."""

    def exp(self, x: Any, /) -> Any:
        """The power e^x."""

    def exp2(self, x: Any, /) -> Any:
        """The power 2^x."""

    def expm1(self, x: Any, /) -> Any:
        """e^x - 1, with all digits near 0."""

    def finite(self, x: Any, /) -> Any:
        """x, or the largest finite number of its sign."""

    def log(self, x: Any, /) -> Any:
        """The natural logarithm; log(0) is -inf."""

    def log10(self, x: Any, /) -> Any:
        """The logarithm to the base 10."""

    def log1p(self, x: Any, /) -> Any:
        """log(1 + x), with all digits near 0."""

    def log2(self, x: Any, /) -> Any:
        """The logarithm to the base 2."""

    def rint(self, x: Any, /) -> Any:
        """The nearest whole number, of two the even one."""

    def sigmoid(self, x: Any, /) -> Any:
        """The logistic function, 1 / (1 + e^-x)."""

    def sign(self, x: Any, /) -> Any:
        """1 above 0, -1 below, 0 at 0; nan stays nan."""

    def sin(self, x: Any, /) -> Any:
        """The sine of x radians."""

    def sinh(self, x: Any, /) -> Any:
        """The hyperbolic sine."""

    def softplus(self, x: Any, /) -> Any:
        """log(1 + e^x), which does not overflow."""

    def sqrt(self, x: Any, /) -> Any:
        """The square root; of a negative number nan."""

    def tan(self, x: Any, /) -> Any:
        """The tangent of x radians."""

    def tanh(self, x: Any, /) -> Any:
        """The hyperbolic tangent."""

    # Of several

    def divide(self, a: Any, b: Any, /) -> Any:
        """a / b; 1 / 0 is inf."""

    def equal(self, a: Any, b: Any, /) -> Any:
        """Whether they are equal, as a condition or as 1 or 0."""

    def floor_divide(self, a: Any, b: Any, /) -> Any:
        """The greatest whole number that is not above a / b."""

    def maximum(self, a: Any, b: Any, /) -> Any:
        """The larger one; nan if one is nan."""

    def minimum(self, a: Any, b: Any, /) -> Any:
        """The smaller one; nan if one is nan."""

    def mod(self, a: Any, b: Any, /) -> Any:
        """What is left of a after whole multiples of b, with the sign of b."""

    def power(self, a: Any, b: Any, /) -> Any:
        """a^b; of a negative number to a fractional power nan."""

    def where(self, condition: Any, a: Any, b: Any, /) -> Any:
        """a where the condition holds, else b."""

    # Of a list of numbers

    def equal_each(self, inputs: Any, x: Any, /) -> Any:
        """For each 1 if it equals x, else 0."""

    def exp_shifted(self, inputs: Any, shift: Any, /) -> Any:
        """e^(x - shift) for each x."""

    def max(self, inputs: Any, /) -> Any:
        """The largest one."""

    def shares(self, terms: Any, /) -> Any:
        """What part of the sum each is."""

    def sum(self, inputs: Any, /) -> Any:
        """Their sum."""


class ForwardInterpreter(Interpreter, Protocol):
    """What the rules of values call beside that; no local derivative does.

    >>> from tinygrad_mlp import _float_math as float_math
    >>> xp: ForwardInterpreter = float_math
    >>> xp.dot([2.0], [3.0], 1.0)
    7.0
    """

    def dot(self, weights: Any, inputs: Any, start: Any, /) -> Any:
        """start + w1 x1 + ... + wn xn, from left to right."""

    def sum_less_one(self, terms: Any, /) -> Any:
        """Their sum without one of those that are 1."""
