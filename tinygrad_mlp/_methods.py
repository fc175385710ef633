"""What people call as methods of a Value, beside arithmetic: functions and comparisons."""

from __future__ import annotations

from typing import Any, Self

from tinygrad_mlp import _float_math as float_math
from tinygrad_mlp import ops
from tinygrad_mlp._node_checks import as_float, is_node, refuse_inputs
from tinygrad_mlp._recording import PLAIN, current, open_blocks
from tinygrad_mlp.op import Op

__all__ = ["Methods", "compare"]


class Methods:
    """The methods; all functions are in ``functional``.

    >>> from tinygrad_mlp import Value
    >>> Value(0.0).exp().data, Value(1.0) < 2.0
    (1.0, True)
    """

    __slots__ = ()

    def _unary(self, op: Op) -> Self:
        raise NotImplementedError

    def exp(self) -> Self:
        """e^x. Derivative: e^x."""
        return self._unary(ops.EXP)

    def exp2(self) -> Self:
        """2^x. Derivative: 2^x log(2)."""
        return self._unary(ops.EXP2)

    def log(self) -> Self:
        """The natural logarithm. Derivative: 1 / x."""
        return self._unary(ops.LOG)

    def log2(self) -> Self:
        """The logarithm to the base 2. Derivative: 1 / (x log(2))."""
        return self._unary(ops.LOG2)

    def log10(self) -> Self:
        """The logarithm to the base 10. Derivative: 1 / (x log(10))."""
        return self._unary(ops.LOG10)

    def sqrt(self) -> Self:
        """The square root. Derivative: 1 / (2 sqrt(x))."""
        return self._unary(ops.SQRT)

    def square(self) -> Self:
        """x^2. Derivative: 2 x."""
        return self._unary(ops.SQUARE)

    def sin(self) -> Self:
        """The sine of x radians. Derivative: cos(x)."""
        return self._unary(ops.SIN)

    def cos(self) -> Self:
        """The cosine of x radians. Derivative: -sin(x)."""
        return self._unary(ops.COS)

    def tan(self) -> Self:
        """The tangent of x radians. Derivative: 1 + tan(x)^2."""
        return self._unary(ops.TAN)

    def arcsin(self) -> Self:
        """The angle whose sine is x. Derivative: 1 / sqrt(1 - x^2)."""
        return self._unary(ops.ARCSIN)

    def arccos(self) -> Self:
        """The angle whose cosine is x. Derivative: -1 / sqrt(1 - x^2)."""
        return self._unary(ops.ARCCOS)

    def arctan(self) -> Self:
        """The angle whose tangent is x. Derivative: 1 / (1 + x^2)."""
        return self._unary(ops.ARCTAN)

    def sinh(self) -> Self:
        """The hyperbolic sine. Derivative: cosh(x)."""
        return self._unary(ops.SINH)

    def cosh(self) -> Self:
        """The hyperbolic cosine. Derivative: sinh(x)."""
        return self._unary(ops.COSH)

    def tanh(self) -> Self:
        """The hyperbolic tangent. Derivative: 1 - tanh(x)^2."""
        return self._unary(ops.TANH)

    def sigmoid(self) -> Self:
        """s = 1 / (1 + e^-x). Derivative: s (1 - s)."""
        return self._unary(ops.SIGMOID)

    def relu(self) -> Self:
        """max(x, 0). Derivative: 1 where x > 0, else 0 (also at 0)."""
        return self._unary(ops.RELU)

    # Comparison by value; ``==`` and ``hash`` stay by identity.

    def __lt__(self, other: Any) -> bool:
        return compare(ops.LESS, self, other)

    def __le__(self, other: Any) -> bool:
        return compare(ops.LESS_EQUAL, self, other)

    def __gt__(self, other: Any) -> bool:
        return compare(ops.GREATER, self, other)

    def __ge__(self, other: Any) -> bool:
        return compare(ops.GREATER_EQUAL, self, other)


def compare(op: Op, left: Any, right: Any) -> bool:
    """A comparison by value, such as ``ops.LESS``; a node instead while a function is compiled.

    >>> from tinygrad_mlp import Value
    >>> compare(ops.LESS, Value(1.0), 2.0)
    True
    """
    now = current() if open_blocks else PLAIN
    if now.recorder is not None:
        return now.recorder.compare(op, left, right)  # type: ignore[no-any-return]
    number = now.read([right])[0] if is_node(right) else as_float(right)
    try:
        return bool(op.forward(float_math, now.read([left])[0], number))
    except Exception as error:
        refuse_inputs(op, (left,), error)
        raise
