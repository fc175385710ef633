"""The namespace that interprets a rule on Python floats, with the results of IEEE arithmetic.

Where ``math`` raises (overflow, a domain error, division by zero), these give inf or nan as torch
and NumPy do, so that a training run shows its first inf instead of dying of it.
"""

from __future__ import annotations

import builtins
import math
import sys
from builtins import abs as absolute
from collections.abc import Sequence
from math import atan as arctan
from math import erfc, inf, isinf, nan, tanh
from operator import eq as equal
from operator import mul
from typing import Final

__all__ = [
    "absolute",
    "arccos",
    "arcsin",
    "arctan",
    "cos",
    "cosh",
    "divide",
    "dot",
    "equal",
    "equal_each",
    "erfc",
    "exp",
    "exp2",
    "exp_shifted",
    "expm1",
    "finite",
    "floor_divide",
    "inf",
    "log",
    "log1p",
    "log2",
    "log10",
    "max",
    "maximum",
    "minimum",
    "mod",
    "nan",
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
    "sum_less_one",
    "tan",
    "tanh",
    "where",
]

_LARGEST: Final = sys.float_info.max


def exp(x: float) -> float:
    """e^x; inf where it overflows.

    >>> exp(800.0)
    inf
    """
    try:
        return math.exp(x)
    except OverflowError:
        return inf


def expm1(x: float) -> float:
    """e^x - 1 without cancellation near 0; inf where it overflows.

    >>> expm1(1e-20), expm1(800.0)
    (1e-20, inf)
    """
    try:
        return math.expm1(x)
    except OverflowError:
        return inf


def exp2(x: float) -> float:
    """2^x; inf where it overflows.

    >>> exp2(3.0), exp2(2000.0)
    (8.0, inf)
    """
    try:
        return math.exp2(x)
    except OverflowError:
        return inf


def log(x: float) -> float:
    """The natural logarithm; -inf at 0, nan below.

    >>> log(0.0), log(-1.0)
    (-inf, nan)
    """
    if x > 0.0:
        return math.log(x)
    return -inf if x == 0.0 else nan


def log2(x: float) -> float:
    """The logarithm to the base 2; -inf at 0, nan below.

    >>> log2(8.0), log2(0.0), log2(-1.0)
    (3.0, -inf, nan)
    """
    if x > 0.0:
        return math.log2(x)
    return -inf if x == 0.0 else nan


def log10(x: float) -> float:
    """The logarithm to the base 10; -inf at 0, nan below.

    >>> log10(1000.0), log10(0.0), log10(-1.0)
    (3.0, -inf, nan)
    """
    if x > 0.0:
        return math.log10(x)
    return -inf if x == 0.0 else nan


def log1p(x: float) -> float:
    """log(1 + x) without cancellation near 0; -inf at -1, nan below.

    >>> log1p(1e-20), log1p(-1.0)
    (1e-20, -inf)
    """
    if x > -1.0:
        return math.log1p(x)
    return -inf if x == -1.0 else nan


def sqrt(x: float) -> float:
    """The square root; nan below 0.

    >>> sqrt(9.0), sqrt(-1.0)
    (3.0, nan)
    """
    return nan if x < 0.0 else math.sqrt(x)


def sin(x: float) -> float:
    """The sine of x radians; nan at inf.

    >>> sin(0.0), sin(inf)
    (0.0, nan)
    """
    return nan if isinf(x) else math.sin(x)


def cos(x: float) -> float:
    """The cosine of x radians; nan at inf.

    >>> cos(0.0), cos(inf)
    (1.0, nan)
    """
    return nan if isinf(x) else math.cos(x)


def tan(x: float) -> float:
    """The tangent of x radians; nan at inf.

    >>> tan(0.0), tan(inf)
    (0.0, nan)
    """
    return nan if isinf(x) else math.tan(x)


def arcsin(x: float) -> float:
    """The angle from -pi/2 to pi/2 whose sine is x; nan outside of -1 ... 1.

    >>> arcsin(0.0), arcsin(2.0)
    (0.0, nan)
    """
    return math.asin(x) if -1.0 <= x <= 1.0 else nan


def arccos(x: float) -> float:
    """The angle from 0 to pi whose cosine is x; nan outside of -1 ... 1.

    >>> arccos(1.0), arccos(2.0)
    (0.0, nan)
    """
    return math.acos(x) if -1.0 <= x <= 1.0 else nan


def sinh(x: float) -> float:
    """The hyperbolic sine; inf or -inf where it overflows.

    >>> sinh(0.0), sinh(800.0), sinh(-800.0)
    (0.0, inf, -inf)
    """
    try:
        return math.sinh(x)
    except OverflowError:
        return math.copysign(inf, x)


def cosh(x: float) -> float:
    """The hyperbolic cosine; inf where it overflows.

    >>> cosh(0.0), cosh(-800.0)
    (1.0, inf)
    """
    try:
        return math.cosh(x)
    except OverflowError:
        return inf


def rint(x: float) -> float:
    """The nearest whole number, of two the even one.

    >>> rint(2.5), rint(3.5), rint(-0.2), rint(inf)
    (2.0, 4.0, -0.0, inf)
    """
    return math.copysign(float(round(x)), x) if math.isfinite(x) else x


def floor_divide(a: float, b: float) -> float:
    """The greatest whole number that is not above a / b; a / b itself where b is zero.

    >>> floor_divide(7.0, 2.0), floor_divide(-7.0, 2.0), floor_divide(1.0, 0.0)
    (3.0, -4.0, inf)
    """
    return a // b if b else divide(a, b)


def mod(a: float, b: float) -> float:
    """What is left of a after whole multiples of b, with the sign of b; nan where b is zero.

    >>> mod(7.0, 2.0), mod(-7.0, 2.0), mod(7.0, 0.0)
    (1.0, 1.0, nan)
    """
    return a % b if b else nan


def divide(a: float, b: float) -> float:
    """a / b; a signed inf, or nan for 0 / 0, where b is zero.

    >>> divide(1.0, 0.0), divide(1.0, -0.0), divide(0.0, 0.0)
    (inf, -inf, nan)
    """
    if b:
        return a / b
    return nan if a == 0.0 or a != a else math.copysign(inf, a) * math.copysign(inf, b)


def power(a: float, b: float) -> float:
    """a ^ b as C's ``pow``: nan for a negative base and a fractional exponent, inf on overflow.

    >>> power(-2.0, 0.5), power(0.0, -1.0), power(10.0, 400.0), power(-10.0, 401.0)
    (nan, inf, inf, -inf)
    """
    try:
        return math.pow(a, b)
    except OverflowError:
        return -inf if a < 0.0 and b % 2.0 == 1.0 else inf
    except ValueError:
        if a:
            return nan
        odd = b % 2.0 == 1.0  # 0 to a negative power
        return math.copysign(inf, a) if odd else inf


def sigmoid(x: float) -> float:
    """1 / (1 + e^-x).

    >>> sigmoid(0.0), sigmoid(-800.0)
    (0.5, 0.0)
    """
    return 1.0 / (1.0 + exp(-x))


def sign(x: float) -> float:
    """1 above 0, -1 below, 0 at 0; nan stays nan.

    >>> sign(7.0), sign(-0.5), sign(0.0), sign(nan)
    (1.0, -1.0, 0.0, nan)
    """
    return 1.0 if x > 0.0 else -1.0 if x < 0.0 else x + 0.0


def softplus(x: float) -> float:
    """log(1 + e^x) without overflow.

    >>> softplus(0.0) == math.log(2.0), softplus(800.0), softplus(-800.0)
    (True, 800.0, 0.0)
    """
    return maximum(x, 0.0) + log1p(exp(-absolute(x)))


def where(condition: object, a: float, b: float) -> float:
    """a if the condition holds, else b; both were computed.

    >>> where(1 < 2, 3.0, 4.0)
    3.0
    """
    return a if condition else b


def maximum(a: float, b: float) -> float:
    """The larger one; nan if either is.

    >>> maximum(1.0, nan), maximum(nan, 1.0), maximum(1.0, 2.0)
    (nan, nan, 2.0)
    """
    return a if a > b or a != a else b


def minimum(a: float, b: float) -> float:
    """The smaller one; nan if either is.

    >>> minimum(1.0, nan), minimum(nan, 1.0), minimum(1.0, 2.0)
    (nan, nan, 1.0)
    """
    return a if a < b or a != a else b


def finite(x: float) -> float:
    """x limited to the finite numbers: the largest of them for inf; nan stays nan.

    >>> finite(inf), finite(-inf), finite(2.0)
    (1.7976931348623157e+308, -1.7976931348623157e+308, 2.0)
    """
    return _LARGEST if x > _LARGEST else maximum(x, -_LARGEST)


def max(inputs: Sequence[float]) -> float:
    """The largest of the inputs; nan if any is.

    >>> max([1.0, 3.0, 2.0]), max([1.0, nan, 2.0])
    (3.0, nan)
    """
    largest = -inf
    for x in inputs:
        largest = maximum(largest, x)
    return largest


def sum(inputs: Sequence[float]) -> float:
    """x1 + ... + xn; 0.0 for none. From Python 3.12 on, the rounding errors are compensated.

    >>> sum([1.0, 2.0, 3.0]), sum([])
    (6.0, 0.0)
    """
    return builtins.sum(inputs, 0.0)


def sum_less_one(terms: Sequence[float]) -> float:
    """x1 + ... + xn - 1, where a term that is 1 costs the others no digits.

    >>> sum_less_one([1.0, 1e-20]), sum([1.0, 1e-20]) - 1.0
    (1e-20, 0.0)
    """
    others = list(terms)
    if 1.0 not in others:
        return sum(others) - 1.0
    others.remove(1.0)
    return sum(others)


def shares(terms: Sequence[float]) -> list[float]:
    """Each term over the sum of all: x_i / (x1 + ... + xn).

    >>> shares([1.0, 3.0])
    [0.25, 0.75]
    """
    total = sum(terms)
    return [divide(x, total) for x in terms]


def equal_each(inputs: Sequence[float], x: float) -> list[float]:
    """1 for each input that is x, else 0.

    >>> equal_each([1.0, 2.0], 2.0)
    [0.0, 1.0]
    """
    return [1.0 if each == x else 0.0 for each in inputs]


def exp_shifted(inputs: Sequence[float], shift: float) -> list[float]:
    """exp(x - shift) for each input.

    >>> exp_shifted([1.0, 800.0], 1.0)
    [1.0, inf]
    """
    return [exp(x - shift) for x in inputs]


def dot(weights: Sequence[float], inputs: Sequence[float], start: float) -> float:
    """start + w1 x1 + ... + wn xn, from left to right.

    From Python 3.12 on, the rounding errors of the additions are compensated.

    >>> dot([1.0, 2.0], [3.0, 4.0], 0.5)
    11.5
    """
    return builtins.sum(map(mul, weights, inputs), start)
