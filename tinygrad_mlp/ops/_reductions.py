"""Of any number of inputs: the sum, the largest, a dot product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tinygrad_mlp._interpreter import ForwardInterpreter, Interpreter
from tinygrad_mlp._reference import Reference
from tinygrad_mlp.op import Op, declare

__all__ = ["AMAX", "DOT", "LOGSUMEXP", "SUM"]


def sum_forward(xp: Interpreter, inputs: Sequence[Any]) -> Any:
    return xp.sum(inputs)


SUM: Final = declare(
    Op(
        name="sum",
        forward=sum_forward,
        partials=(1.0,),
        symbol="Σ",
        formula="x1 + x2 + ... + xn",
        variadic=True,
        analytic=True,
        commutative=True,
    )
)


def amax_forward(xp: Interpreter, inputs: Sequence[Any]) -> Any:
    return xp.max(inputs)


def amax_partials(xp: Interpreter, out: Any, inputs: Sequence[Any]) -> Any:
    return xp.shares(xp.equal_each(inputs, out))


AMAX: Final = declare(
    Op(
        name="amax",
        forward=amax_forward,
        partials=(),
        symbol="max",
        formula="max(x1, ..., xn)",
        partial_formulas=("1/m if x is one of m largest, else 0",),
        latex=r"\max\left(#*\right)",
        reference=Reference(kinks=((0.0, 0.0, 0.0),)),
        variadic=True,
        joint_partials=amax_partials,
        commutative=True,
    )
)


def logsumexp_forward(xp: ForwardInterpreter, inputs: Sequence[Any]) -> Any:
    shift = xp.finite(xp.max(inputs))  # since inf - inf is nan
    # The largest term is 1: log1p of the others keeps all their digits, log of the sum does not.
    others = xp.sum_less_one(xp.exp_shifted(inputs, shift))
    return shift + xp.log1p(others)


def logsumexp_partials(xp: Interpreter, out: Any, inputs: Sequence[Any]) -> Any:
    shift = xp.finite(xp.max(inputs))
    return xp.shares(xp.exp_shifted(inputs, shift))  # exp(x - out) has the rounding of a large out


LOGSUMEXP: Final = declare(
    Op(
        name="logsumexp",
        forward=logsumexp_forward,
        partials=(),
        formula="log(exp(x1) + ... + exp(xn))",
        partial_formulas=("exp(x) / (exp(x1) + ... + exp(xn))",),
        variadic=True,
        joint_partials=logsumexp_partials,
        analytic=True,
        commutative=True,
    )
)


def dot_forward(xp: ForwardInterpreter, operands: Sequence[Any]) -> Any:
    n = len(operands) // 2
    total = operands[2 * n] if len(operands) % 2 else 0.0
    return xp.dot(operands[:n], operands[n : 2 * n], total)


def dot_partials(xp: Interpreter, out: Any, operands: Sequence[Any]) -> tuple[Any, ...]:
    n = len(operands) // 2
    bias = (1.0,) if len(operands) % 2 else ()
    return (*operands[n : 2 * n], *operands[:n], *bias)


DOT: Final = declare(
    Op(
        name="dot",
        forward=dot_forward,
        partials=(),
        symbol="w·x+b",
        formula="w1 x1 + ... + wn xn + b",
        partial_formulas=("xi by wi", "wi by xi", "1 by b"),
        variadic=True,
        joint_partials=dot_partials,
        analytic=True,
    )
)
"""The parents are ``w1 ... wn, x1 ... xn`` and, if their number is odd, the bias. The sum starts
with the bias and goes from left to right, as the plain loop ``sum((w*x ...), b)`` does."""
