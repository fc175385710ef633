"""The sine and its relatives, and the error function."""

from __future__ import annotations

from math import inf, pi, sqrt
from typing import Any, Final

from tinygrad_mlp._interpreter import Interpreter
from tinygrad_mlp._reference import Reference
from tinygrad_mlp.op import Op, declare

__all__ = ["ARCCOS", "ARCSIN", "ARCTAN", "COS", "COSH", "ERFC", "SIN", "SINH", "TAN"]


def sin_forward(xp: Interpreter, x: Any) -> Any:
    return xp.sin(x)


def sin_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.cos(x)


SIN: Final = declare(
    Op(
        name="sin",
        forward=sin_forward,
        partials=(sin_partial,),
        partial_formulas=("cos(x)",),
        latex=r"\sin\left(#1\right)",
        reference=Reference(kinks=((inf,),)),
        analytic=True,
    )
)


def cos_forward(xp: Interpreter, x: Any) -> Any:
    return xp.cos(x)


def cos_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return -xp.sin(x)


COS: Final = declare(
    Op(
        name="cos",
        forward=cos_forward,
        partials=(cos_partial,),
        partial_formulas=("-sin(x)",),
        latex=r"\cos\left(#1\right)",
        reference=Reference(kinks=((inf,),)),
        analytic=True,
    )
)


def tan_forward(xp: Interpreter, x: Any) -> Any:
    return xp.tan(x)


def tan_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return 1.0 + out * out


TAN: Final = declare(
    Op(
        name="tan",
        forward=tan_forward,
        partials=(tan_partial,),
        partial_formulas=("1 + tan(x)^2",),
        latex=r"\tan\left(#1\right)",
        reference=Reference(domain=((-1.5, 1.5),), kinks=((inf,),)),
        analytic=True,
    )
)


def arcsin_forward(xp: Interpreter, x: Any) -> Any:
    return xp.arcsin(x)


def arcsin_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.divide(1.0, xp.sqrt(1.0 - x * x))


ARCSIN: Final = declare(
    Op(
        name="arcsin",
        forward=arcsin_forward,
        partials=(arcsin_partial,),
        partial_formulas=("1 / sqrt(1 - x^2)",),
        latex=r"\arcsin\left(#1\right)",
        reference=Reference(domain=((-0.75, 0.75),), kinks=((1.0,), (800.0,))),
        analytic=True,
    )
)


def arccos_forward(xp: Interpreter, x: Any) -> Any:
    return xp.arccos(x)


def arccos_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return -xp.divide(1.0, xp.sqrt(1.0 - x * x))


ARCCOS: Final = declare(
    Op(
        name="arccos",
        forward=arccos_forward,
        partials=(arccos_partial,),
        partial_formulas=("-1 / sqrt(1 - x^2)",),
        latex=r"\arccos\left(#1\right)",
        reference=Reference(domain=((-0.75, 0.75),), kinks=((1.0,), (-1.0,), (800.0,))),
        analytic=True,
    )
)


def arctan_forward(xp: Interpreter, x: Any) -> Any:
    return xp.arctan(x)


def arctan_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.divide(1.0, 1.0 + x * x)


ARCTAN: Final = declare(
    Op(
        name="arctan",
        forward=arctan_forward,
        partials=(arctan_partial,),
        partial_formulas=("1 / (1 + x^2)",),
        latex=r"\arctan\left(#1\right)",
        reference=Reference(),
        analytic=True,
    )
)


def sinh_forward(xp: Interpreter, x: Any) -> Any:
    return xp.sinh(x)


def sinh_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.cosh(x)


SINH: Final = declare(
    Op(
        name="sinh",
        forward=sinh_forward,
        partials=(sinh_partial,),
        partial_formulas=("cosh(x)",),
        latex=r"\sinh\left(#1\right)",
        reference=Reference(kinks=((800.0,), (-800.0,))),
        analytic=True,
    )
)


def cosh_forward(xp: Interpreter, x: Any) -> Any:
    return xp.cosh(x)


def cosh_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.sinh(x)


COSH: Final = declare(
    Op(
        name="cosh",
        forward=cosh_forward,
        partials=(cosh_partial,),
        partial_formulas=("sinh(x)",),
        latex=r"\cosh\left(#1\right)",
        reference=Reference(kinks=((800.0,), (-800.0,))),
        analytic=True,
    )
)


def erfc_forward(xp: Interpreter, x: Any) -> Any:
    return xp.erfc(x)


def erfc_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return (-2.0 / sqrt(pi)) * xp.exp(-(x * x))


ERFC: Final = declare(
    Op(
        name="erfc",
        forward=erfc_forward,
        partials=(erfc_partial,),
        note="1 - erf(x)",
        partial_formulas=("-2 exp(-x^2) / sqrt(pi)",),
        reference=Reference("special.erfc", kinks=((800.0,), (-800.0,))),
    )
)
