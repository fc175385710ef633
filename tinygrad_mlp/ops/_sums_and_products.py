"""Sums, differences, products and quotients of two numbers: ``+ - * /``.

The rules that come first: the others look like these.
"""

from __future__ import annotations

from typing import Any, Final

from tinygrad_mlp._interpreter import Interpreter
from tinygrad_mlp._reference import POSITIVE, REAL_LINE, Reference
from tinygrad_mlp.op import Op, declare

__all__ = ["ADD", "DIV", "MUL", "NEG", "SUB"]


def add_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return a + b


ADD: Final = declare(
    Op(
        name="add",
        forward=add_forward,
        partials=(1.0, 1.0),
        symbol="+",
        formula="a + b",
        analytic=True,
        infix=True,
        commutative=True,
    )
)


def sub_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return a - b


SUB: Final = declare(
    Op(
        name="sub",
        forward=sub_forward,
        partials=(1.0, -1.0),
        symbol="−",
        formula="a - b",
        analytic=True,
        infix=True,
    )
)


def mul_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return a * b


def mul_partial_a(xp: Interpreter, out: Any, a: Any, b: Any) -> Any:
    return b


def mul_partial_b(xp: Interpreter, out: Any, a: Any, b: Any) -> Any:
    return a


MUL: Final = declare(
    Op(
        name="mul",
        forward=mul_forward,
        partials=(mul_partial_a, mul_partial_b),
        symbol="×",
        formula="a * b",
        partial_formulas=("b", "a"),
        analytic=True,
        infix=True,
        commutative=True,
    )
)


def div_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.divide(a, b)


def div_partial_a(xp: Interpreter, out: Any, a: Any, b: Any) -> Any:
    return xp.divide(1.0, b)


def div_partial_b(xp: Interpreter, out: Any, a: Any, b: Any) -> Any:
    return -xp.divide(out, b)


DIV: Final = declare(
    Op(
        name="div",
        forward=div_forward,
        partials=(div_partial_a, div_partial_b),
        symbol="÷",
        formula="a / b",
        partial_formulas=("1 / b", "-a / b^2"),
        latex=r"\frac{#1}{#2}",
        reference=Reference(
            domain=(REAL_LINE, POSITIVE),
            kinks=((0.0, 0.0), (0.0, -0.0), (1.0, 0.0), (1.0, -0.0), (-1.0, 0.0), (-1.0, -0.0)),
        ),
        analytic=True,
        infix=True,
    )
)


def neg_forward(xp: Interpreter, x: Any) -> Any:
    return -x


NEG: Final = declare(
    Op(
        name="neg",
        forward=neg_forward,
        partials=(-1.0,),
        symbol="−",
        formula="-x",
        analytic=True,
    )
)
