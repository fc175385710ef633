"""What has corners and jumps: absolute value, rounding, the larger of two, a choice."""

from __future__ import annotations

from math import inf
from typing import Any, Final

from tinygrad_mlp._interpreter import Interpreter
from tinygrad_mlp._reference import POSITIVE, REAL_LINE, Reference
from tinygrad_mlp.op import NOTHING, Op, declare

__all__ = [
    "ABS",
    "CLAMP",
    "FLOOR_DIVIDE",
    "MAXIMUM",
    "MINIMUM",
    "MOD",
    "ROUND",
    "SIGN",
    "WEIGHTED",
    "WHERE",
]


def abs_forward(xp: Interpreter, x: Any) -> Any:
    return xp.absolute(x)


def abs_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.where(x > 0.0, 1.0, xp.where(x < 0.0, -1.0, 0.0))


ABS: Final = declare(
    Op(
        name="abs",
        forward=abs_forward,
        partials=(abs_partial,),
        symbol="|x|",
        formula="|x|",
        partial_formulas=("sign(x)",),
        latex=r"\left|#1\right|",
        reference=Reference(kinks=((0.0,), (inf,))),
    )
)


def sign_forward(xp: Interpreter, x: Any) -> Any:
    return xp.where(x > 0.0, 1.0, xp.where(x < 0.0, -1.0, 0.0))  # 0 of nan too, as in torch


SIGN: Final = declare(
    Op(
        name="sign",
        forward=sign_forward,
        partials=(NOTHING,),
        formula="1 if x > 0, -1 if x < 0, else 0",
        latex=r"\operatorname{sign}\left(#1\right)",
        reference=Reference(kinks=((0.0,),)),
    )
)


def round_forward(xp: Interpreter, x: Any) -> Any:
    return xp.rint(x)


ROUND: Final = declare(
    Op(
        name="round",
        forward=round_forward,
        partials=(NOTHING,),
        note="halves to the even number",
        reference=Reference(kinks=((inf,), (-inf,))),
    )
)


def floor_divide_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.floor_divide(a, b)


FLOOR_DIVIDE: Final = declare(
    Op(
        name="floor_divide",
        forward=floor_divide_forward,
        partials=(NOTHING, NOTHING),
        symbol="//",
        formula="floor(a / b)",
        latex=r"\left\lfloor \frac{#1}{#2} \right\rfloor",
        reference=Reference(
            domain=(REAL_LINE, POSITIVE), kinks=((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, -0.0))
        ),
        infix=True,
    )
)


def mod_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.mod(a, b)


def mod_partial_b(xp: Interpreter, out: Any, a: Any, b: Any) -> Any:
    return -xp.floor_divide(a, b)


MOD: Final = declare(
    Op(
        name="mod",
        forward=mod_forward,
        partials=(1.0, mod_partial_b),
        symbol="%",
        formula="a - b * floor(a / b)",
        partial_formulas=("1", "-floor(a / b)"),
        latex=r"#1 - #2 \cdot \left\lfloor \frac{#1}{#2} \right\rfloor",
        reference=Reference(
            "remainder",
            domain=(REAL_LINE, POSITIVE),
            kinks=((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, -0.0)),
        ),
        infix=True,
    )
)


def maximum_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.maximum(a, b)


def maximum_partial_a(xp: Interpreter, out: Any, a: Any, b: Any) -> Any:
    return xp.where(a < b, 0.0, xp.where(xp.equal(a, b), 0.5, 1.0))


def maximum_partial_b(xp: Interpreter, out: Any, a: Any, b: Any) -> Any:
    return xp.where(b < a, 0.0, xp.where(xp.equal(a, b), 0.5, 1.0))


MAXIMUM: Final = declare(
    Op(
        name="maximum",
        forward=maximum_forward,
        partials=(maximum_partial_a, maximum_partial_b),
        symbol="max",
        formula="max(a, b)",
        partial_formulas=("1 if a > b, 1/2 if a = b, else 0", "1 if b > a, 1/2 if a = b, else 0"),
        latex=r"\max\left(#1, #2\right)",
        reference=Reference(kinks=((0.0, 0.0),)),
        commutative=True,
        masking=True,
    )
)


def minimum_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.minimum(a, b)


def minimum_partial_a(xp: Interpreter, out: Any, a: Any, b: Any) -> Any:
    return xp.where(a > b, 0.0, xp.where(xp.equal(a, b), 0.5, 1.0))


def minimum_partial_b(xp: Interpreter, out: Any, a: Any, b: Any) -> Any:
    return xp.where(b > a, 0.0, xp.where(xp.equal(a, b), 0.5, 1.0))


MINIMUM: Final = declare(
    Op(
        name="minimum",
        forward=minimum_forward,
        partials=(minimum_partial_a, minimum_partial_b),
        symbol="min",
        formula="min(a, b)",
        partial_formulas=("1 if a < b, 1/2 if a = b, else 0", "1 if b < a, 1/2 if a = b, else 0"),
        latex=r"\min\left(#1, #2\right)",
        reference=Reference(kinks=((0.0, 0.0),)),
        commutative=True,
        masking=True,
    )
)


def where_forward(xp: Interpreter, condition: Any, a: Any, b: Any) -> Any:
    return xp.where(condition, a, b)


def where_partial_a(xp: Interpreter, out: Any, condition: Any, a: Any, b: Any) -> Any:
    return xp.where(condition, 1.0, 0.0)


def where_partial_b(xp: Interpreter, out: Any, condition: Any, a: Any, b: Any) -> Any:
    return xp.where(condition, 0.0, 1.0)


WHERE: Final = declare(
    Op(
        name="where",
        forward=where_forward,
        partials=(NOTHING, where_partial_a, where_partial_b),
        formula="b if a else c",
        partial_formulas=("0", "1 if a else 0", "0 if a else 1"),
        latex=r"\begin{cases} #2 & \text{if } #1 \neq 0 \\ #3 & \text{otherwise} \end{cases}",
        reference=Reference(
            "where", domain=((-1.0, 1.0), REAL_LINE, REAL_LINE), kinks=((0.0, 0.0, 0.0),)
        ),
        masking=True,
    )
)
"""The condition is a number: 0 is false, everything else is true. Nothing flows to it."""


def clamp_forward(xp: Interpreter, x: Any, low: Any, high: Any) -> Any:
    return xp.minimum(xp.maximum(x, low), high)


def clamp_partial_x(xp: Interpreter, out: Any, x: Any, low: Any, high: Any) -> Any:
    return xp.where(x >= low, xp.where(x <= high, 1.0, 0.0), 0.0)


def clamp_partial_low(xp: Interpreter, out: Any, x: Any, low: Any, high: Any) -> Any:
    return xp.where(x < low, xp.where(low < high, 1.0, 0.0), 0.0)


def clamp_partial_high(xp: Interpreter, out: Any, x: Any, low: Any, high: Any) -> Any:
    return xp.where(x > high, 1.0, xp.where(low > high, 1.0, 0.0))


CLAMP: Final = declare(
    Op(
        name="clamp",
        forward=clamp_forward,
        partials=(clamp_partial_x, clamp_partial_low, clamp_partial_high),
        formula="min(max(a, b), c)",
        partial_formulas=("1 if b <= a <= c else 0", "1 if a < b < c else 0", "1 if a > c else 0"),
        latex=r"\min\left(\max\left(#1, #2\right), #3\right)",
        reference=Reference(
            "clamp", domain=(REAL_LINE, (-2.0, -1.0), (1.0, 2.0)), kinks=((0.0, 0.0, 0.0),)
        ),
        masking=True,
    )
)


def weighted_forward(xp: Interpreter, weight: Any, x: Any) -> Any:
    return xp.where(xp.equal(weight, 0.0), 0.0, weight * x)


def weighted_partial_weight(xp: Interpreter, out: Any, weight: Any, x: Any) -> Any:
    return x


def weighted_partial_x(xp: Interpreter, out: Any, weight: Any, x: Any) -> Any:
    return weight


WEIGHTED: Final = declare(
    Op(
        name="weighted",
        forward=weighted_forward,
        partials=(weighted_partial_weight, weighted_partial_x),
        symbol="·",
        formula="a * b, 0 if a = 0",
        partial_formulas=("b", "a"),
        latex=r"#1 \cdot #2",
        reference=Reference("mul"),
        analytic=True,
    )
)
"""A product in which the weight 0 counts nothing, even of inf, where 0 * inf would be nan."""
