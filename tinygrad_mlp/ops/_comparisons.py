"""Comparisons: 1 or 0, and nothing flows through them.

Eager code compares with plain ``<``; these are the nodes that a recorded function has in its place,
as conditions of ``where``.
"""

from __future__ import annotations

from typing import Any, Final

from tinygrad_mlp._interpreter import Interpreter
from tinygrad_mlp._reference import Reference
from tinygrad_mlp.op import NOTHING, Op, declare

__all__ = ["EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"]


def less_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.where(a < b, 1.0, 0.0)


LESS: Final = declare(
    Op(
        name="less",
        forward=less_forward,
        partials=(NOTHING, NOTHING),
        symbol="<",
        formula="1 if a < b else 0",
        reference=Reference("lt", kinks=((0.0, 0.0),)),
        comparison=True,
        infix=True,
    )
)


def less_equal_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.where(a <= b, 1.0, 0.0)


LESS_EQUAL: Final = declare(
    Op(
        name="less_equal",
        forward=less_equal_forward,
        partials=(NOTHING, NOTHING),
        symbol="≤",
        formula="1 if a <= b else 0",
        reference=Reference("le", kinks=((0.0, 0.0),)),
        comparison=True,
        infix=True,
    )
)


def greater_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.where(a > b, 1.0, 0.0)


GREATER: Final = declare(
    Op(
        name="greater",
        forward=greater_forward,
        partials=(NOTHING, NOTHING),
        symbol=">",
        formula="1 if a > b else 0",
        reference=Reference("gt", kinks=((0.0, 0.0),)),
        comparison=True,
        infix=True,
    )
)


def greater_equal_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.where(a >= b, 1.0, 0.0)


GREATER_EQUAL: Final = declare(
    Op(
        name="greater_equal",
        forward=greater_equal_forward,
        partials=(NOTHING, NOTHING),
        symbol="≥",
        formula="1 if a >= b else 0",
        reference=Reference("ge", kinks=((0.0, 0.0),)),
        comparison=True,
        infix=True,
    )
)


def equal_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.where(xp.equal(a, b), 1.0, 0.0)


EQUAL: Final = declare(
    Op(
        name="equal",
        forward=equal_forward,
        partials=(NOTHING, NOTHING),
        symbol="=",
        formula="1 if a = b else 0",
        reference=Reference("eq", kinks=((0.0, 0.0),)),
        comparison=True,
        infix=True,
        commutative=True,
    )
)
