"""Powers, roots, exponentials and logarithms."""

from __future__ import annotations

from math import inf, log
from typing import Any, Final

from tinygrad_mlp._interpreter import Interpreter
from tinygrad_mlp._reference import POSITIVE, REAL_LINE, Reference
from tinygrad_mlp.op import Op, declare

__all__ = [
    "EXP",
    "EXP2",
    "EXPM1",
    "LOG",
    "LOG1P",
    "LOG2",
    "LOG10",
    "POW",
    "POW_NUMBER",
    "RECIPROCAL",
    "SQRT",
    "SQUARE",
]


_LEAST_WITH_RECIPROCAL: Final = 1e-308
"""1 / x overflows for numbers that are not greater by much."""


def pow_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.power(a, b)


def pow_partial_base(xp: Interpreter, out: Any, a: Any, b: Any) -> Any:
    # At b = 0 it is 0, also where a^-1 is inf or nan. (Elsewhere the product stays even there,
    # since its derivative by b is 1 / a.)
    is_zero = xp.equal(b, 0.0) * (1.0 - (xp.absolute(a) > _LEAST_WITH_RECIPROCAL))
    return xp.where(is_zero, 0.0, b * xp.power(a, b - 1.0 + is_zero))


def pow_partial_exponent(xp: Interpreter, out: Any, a: Any, b: Any) -> Any:
    # 0^b is 0 for all b > 0, so all derivatives by b are 0.
    return out * xp.log(xp.where(xp.equal(a, 0.0) & (b >= 0.0), 1.0, a))


POW: Final = declare(
    Op(
        name="pow",
        forward=pow_forward,
        partials=(pow_partial_base, pow_partial_exponent),
        symbol="^",
        formula="a ^ b",
        partial_formulas=("b * a^(b - 1)", "a^b * log(a)"),
        latex="#1^{#2}",
        reference=Reference(
            domain=(POSITIVE, REAL_LINE),
            kinks=((0.0, 0.0), (0.0, -1.0), (-0.0, -1.0), (-1.0, 0.0)),
        ),
        analytic=True,
        infix=True,
    )
)
"""Both sides are differentiated; see POW_NUMBER for a plain number as the exponent."""


def pow_number_partial(xp: Interpreter, out: Any, a: Any, b: Any) -> Any:
    return b * xp.power(a, b - 1.0 + xp.equal(b, 0.0))  # 0 * a^0 = 0 at a = 0 too


POW_NUMBER: Final = declare(
    Op(
        name="pow_number",
        forward=pow_forward,
        partials=(pow_number_partial, 0.0),
        symbol="^",
        formula="a ^ b",
        note="b a plain number",
        partial_formulas=("b * a^(b - 1)", "0 (a plain number)"),
        latex="#1^{#2}",
        reference=Reference(
            "pow", domain=(POSITIVE, REAL_LINE), kinks=((0.0, 0.0), (0.0, -1.0), (-0.0, -1.0))
        ),
        analytic=True,
        infix=True,
    )
)
"""A power whose exponent is a plain number: nothing flows to the exponent, as in torch. (By ``b``
the derivative of ``(-2) ** b`` is nan, which would turn up in a graph that never asked for it.)"""


def square_forward(xp: Interpreter, x: Any) -> Any:
    return x * x


def square_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return 2.0 * x


SQUARE: Final = declare(
    Op(
        name="square",
        forward=square_forward,
        partials=(square_partial,),
        symbol="x²",
        formula="x^2",
        partial_formulas=("2 x",),
        latex="#1^{2}",
        reference=Reference(kinks=((inf,), (-inf,))),
        analytic=True,
    )
)


def reciprocal_forward(xp: Interpreter, x: Any) -> Any:
    return xp.divide(1.0, x)


def reciprocal_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return -(out * out)


RECIPROCAL: Final = declare(
    Op(
        name="reciprocal",
        forward=reciprocal_forward,
        partials=(reciprocal_partial,),
        symbol="1/x",
        formula="1 / x",
        partial_formulas=("-1 / x^2",),
        latex=r"\frac{1}{#1}",
        reference=Reference(domain=(POSITIVE,), kinks=((0.0,), (-0.0,))),
        analytic=True,
    )
)


def exp_forward(xp: Interpreter, x: Any) -> Any:
    return xp.exp(x)


def exp_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return out


EXP: Final = declare(
    Op(
        name="exp",
        forward=exp_forward,
        partials=(exp_partial,),
        partial_formulas=("exp(x)",),
        latex="e^{#1}",
        reference=Reference(kinks=((800.0,), (-800.0,))),
        analytic=True,
    )
)


def expm1_forward(xp: Interpreter, x: Any) -> Any:
    return xp.expm1(x)


def expm1_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return out + 1.0


EXPM1: Final = declare(
    Op(
        name="expm1",
        forward=expm1_forward,
        partials=(expm1_partial,),
        formula="exp(x) - 1",
        partial_formulas=("exp(x)",),
        latex="e^{#1} - 1",
        reference=Reference(kinks=((800.0,), (-800.0,))),
        analytic=True,
    )
)


_LOG_2: Final = log(2.0)
_LOG_10: Final = log(10.0)


def exp2_forward(xp: Interpreter, x: Any) -> Any:
    return xp.exp2(x)


def exp2_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return _LOG_2 * out


EXP2: Final = declare(
    Op(
        name="exp2",
        forward=exp2_forward,
        partials=(exp2_partial,),
        formula="2^x",
        partial_formulas=("2^x * log(2)",),
        latex="2^{#1}",
        reference=Reference(kinks=((inf,),)),
        analytic=True,
    )
)


def log_forward(xp: Interpreter, x: Any) -> Any:
    return xp.log(x)


def log_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.divide(1.0, x)


LOG: Final = declare(
    Op(
        name="log",
        forward=log_forward,
        partials=(log_partial,),
        partial_formulas=("1 / x",),
        latex=r"\log\left(#1\right)",
        reference=Reference(domain=(POSITIVE,), kinks=((0.0,), (-0.0,), (-1.0,), (inf,))),
        analytic=True,
    )
)


def log1p_forward(xp: Interpreter, x: Any) -> Any:
    return xp.log1p(x)


def log1p_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.divide(1.0, 1.0 + x)


LOG1P: Final = declare(
    Op(
        name="log1p",
        forward=log1p_forward,
        partials=(log1p_partial,),
        formula="log(1 + x)",
        partial_formulas=("1 / (1 + x)",),
        latex=r"\log\left(1 + #1\right)",
        reference=Reference(domain=((-0.95, 4.0),), kinks=((-1.0,), (-800.0,), (inf,))),
        analytic=True,
    )
)


def log2_forward(xp: Interpreter, x: Any) -> Any:
    return xp.log2(x)


def log2_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.divide(1.0 / _LOG_2, x)


LOG2: Final = declare(
    Op(
        name="log2",
        forward=log2_forward,
        partials=(log2_partial,),
        partial_formulas=("1 / (x log(2))",),
        latex=r"\log_{2}\left(#1\right)",
        reference=Reference(domain=(POSITIVE,), kinks=((0.0,), (-0.0,), (-1.0,), (inf,))),
        analytic=True,
    )
)


def log10_forward(xp: Interpreter, x: Any) -> Any:
    return xp.log10(x)


def log10_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.divide(1.0 / _LOG_10, x)


LOG10: Final = declare(
    Op(
        name="log10",
        forward=log10_forward,
        partials=(log10_partial,),
        partial_formulas=("1 / (x log(10))",),
        latex=r"\log_{10}\left(#1\right)",
        reference=Reference(domain=(POSITIVE,), kinks=((0.0,), (-0.0,), (-1.0,), (inf,))),
        analytic=True,
    )
)


def sqrt_forward(xp: Interpreter, x: Any) -> Any:
    return xp.sqrt(x)


def sqrt_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.divide(0.5, out)


SQRT: Final = declare(
    Op(
        name="sqrt",
        forward=sqrt_forward,
        partials=(sqrt_partial,),
        symbol="√",
        partial_formulas=("1 / (2 sqrt(x))",),
        latex=r"\sqrt{#1}",
        reference=Reference(domain=(POSITIVE,), kinks=((0.0,), (-0.0,), (-1.0,), (inf,))),
        analytic=True,
    )
)
