"""The namespace that interprets a rule on Values, which gives the derivative as a graph.

Functions of people's are in ``functional``. What is here beside them is for rules alone: no
gradient flows through ``max``, and the functions of a list of operands return lists.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from tinygrad_mlp._float_math import max as largest_of
from tinygrad_mlp._many_numbers import numbers_of
from tinygrad_mlp.engine import Value, as_value, no_grad
from tinygrad_mlp.functional import (
    Scalar,
    absolute,
    amax,
    arccos,
    arcsin,
    arctan,
    clamp,
    cos,
    cosh,
    divide,
    equal,
    erfc,
    exp,
    exp2,
    expm1,
    log,
    log1p,
    log2,
    log10,
    maximum,
    minimum,
    mod,
    power,
    sigmoid,
    sin,
    sinh,
    softplus,
    sqrt,
    sum,
    tan,
    tanh,
    where,
)
from tinygrad_mlp.functional import sign as sign_or_zero

__all__ = [
    "absolute",
    "arccos",
    "arcsin",
    "arctan",
    "cos",
    "cosh",
    "divide",
    "equal",
    "equal_each",
    "erfc",
    "exp",
    "exp2",
    "exp_shifted",
    "expm1",
    "finite",
    "floor_divide",
    "log",
    "log1p",
    "log2",
    "log10",
    "max",
    "maximum",
    "minimum",
    "mod",
    "power",
    "rint",
    "shares",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "softplus",
    "sqrt",
    "sum",
    "tan",
    "tanh",
    "where",
]

_LARGEST: Final = sys.float_info.max


def max(inputs: Sequence[Scalar]) -> Value:
    """The largest of the inputs as a constant.

    >>> max([Value(1.0), 3.0]).is_leaf
    True
    """
    values = [as_value(x) for x in inputs]
    numbers = numbers_of(values)
    if numbers:
        return as_value(largest_of(numbers))
    with no_grad():  # while a function is compiled
        return amax(values)


def finite(x: Scalar) -> Value:
    """x, which is a constant, limited to the finite numbers; nan stays nan.

    >>> finite(float("inf")).data, finite(2.0).data
    (1.7976931348623157e+308, 2.0)
    """
    with no_grad():
        return clamp(x, -_LARGEST, _LARGEST)


def floor_divide(a: Scalar, b: Scalar) -> Value:
    """The greatest whole number that is not above a / b.

    >>> floor_divide(-7.0, 2.0).data
    -4.0
    """
    return as_value(a) // b


def rint(x: Scalar) -> Value:
    """The nearest whole number, of two the even one.

    >>> rint(2.5).data
    2.0
    """
    return round(as_value(x))


def sign(x: Scalar) -> Value:
    """1 above 0, -1 below, 0 at 0; nan stays nan. Nothing flows to x.

    >>> sign(-3.0).data, sign(float("nan")).data
    (-1.0, nan)
    """
    return where(equal(x, x), sign_or_zero(x), x)


def exp_shifted(inputs: Sequence[Scalar], shift: Scalar) -> list[Value]:
    """e^(x - shift) for each input.

    >>> [x.data for x in exp_shifted([1.0, 800.0], 1.0)]
    [1.0, inf]
    """
    return [exp(x - shift) for x in inputs]


def equal_each(inputs: Sequence[Scalar], x: Scalar) -> list[Value]:
    """1 for each input that is x, else 0.

    >>> [each.data for each in equal_each([1.0, 2.0], 2.0)]
    [0.0, 1.0]
    """
    return [where(equal(each, x), 1.0, 0.0) for each in inputs]


def shares(terms: Sequence[Scalar]) -> list[Value]:
    """Each term over the sum of all: x_i / (x1 + ... + xn).

    >>> [share.data for share in shares([1.0, 3.0])]
    [0.25, 0.75]
    """
    total = sum(terms)
    return [divide(term, total) for term in terms]
