"""Comparisons: 1 or 0, and nothing flows through them.

Eager code compares with plain ``<``; these are the nodes that a recorded function has in its place,
as conditions of ``where``.
"""

from __future__ import annotations

from typing import Any, Final

from tinygrad_mlp._interpreter import Interpreter
from tinygrad_mlp._reference import Reference
from tinygrad_mlp.op import NOTHING, Op, Rule, declare

__all__ = ["EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"]

IN_LATEX: Final = {"≤": r"\le", "≥": r"\ge"}


def _comparison(
    name: str, forward: Rule, symbol: str, formula: str, torch: str, *, commutative: bool = False
) -> Op:
    return declare(
        Op(
            name=name,
            forward=forward,
            partials=(NOTHING, NOTHING),
            symbol=symbol,
            formula=formula,
            latex=rf"\left[#1 {IN_LATEX.get(symbol, symbol)} #2\right]",
            reference=Reference(torch, kinks=((0.0, 0.0),)),
            comparison=True,
            infix=True,
            commutative=commutative,
        )
    )


def less_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.where(a < b, 1.0, 0.0)


LESS: Final = _comparison("less", less_forward, "<", "1 if a < b else 0", "lt")


def less_equal_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.where(a <= b, 1.0, 0.0)


LESS_EQUAL: Final = _comparison("less_equal", less_equal_forward, "≤", "1 if a <= b else 0", "le")


def greater_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.where(a > b, 1.0, 0.0)


GREATER: Final = _comparison("greater", greater_forward, ">", "1 if a > b else 0", "gt")


def greater_equal_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.where(a >= b, 1.0, 0.0)


GREATER_EQUAL: Final = _comparison(
    "greater_equal", greater_equal_forward, "≥", "1 if a >= b else 0", "ge"
)


def equal_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.where(xp.equal(a, b), 1.0, 0.0)


EQUAL: Final = _comparison("equal", equal_forward, "=", "1 if a = b else 0", "eq", commutative=True)
