"""The namespace that interprets a rule on NumPy arrays: NumPy itself and what it lacks.

Variadic rules get their operands stacked along the first axis, over which ``reduce`` goes. Complex
arrays work too, which makes complex step an oracle for the analytic rules.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy import (
    absolute,
    arccos,
    arcsin,
    arctan,
    cos,
    cosh,
    divide,
    equal,
    exp,
    exp2,
    expm1,
    floor_divide,
    log,
    log1p,
    log2,
    log10,
    maximum,
    minimum,
    mod,
    power,
    rint,
    sign,
    sin,
    sinh,
    sqrt,
    tan,
    tanh,
    where,
)
from numpy.typing import NDArray

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
    "sum_less_one",
    "tan",
    "tanh",
    "where",
]

_erfc_of_each = np.vectorize(math.erfc, otypes=[np.float64])


def erfc(x: Any) -> NDArray[Any]:
    """The complementary error function 1 - erf(x), element by element.

    NumPy has none; this calls the C library's for every element, which is exact and slow.

    >>> erfc(np.array([0.0, 1.0])).round(6).tolist()
    [1.0, 0.157299]
    """
    x = np.asarray(x)
    result: NDArray[Any] = _erfc_of_each(x)
    return result.astype(x.dtype) if x.dtype == np.float32 else result


def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x), element by element.

    >>> sigmoid(np.array([0.0, 1.0])).round(6).tolist()
    [0.5, 0.731059]
    """
    return np.divide(1.0, 1.0 + np.exp(-x))


def softplus(x: Any) -> Any:
    """log(1 + e^x) without overflow, element by element.

    >>> softplus(np.array([0.0, 800.0])).round(6).tolist()
    [0.693147, 800.0]
    """
    return np.where(x > 0.0, x, 0.0) + np.log1p(np.exp(-np.absolute(x)))


def sum(inputs: NDArray[Any]) -> NDArray[Any]:
    """The sum over the first axis.

    >>> sum(np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [4.0, 6.0]
    """
    result: NDArray[Any] = np.add.reduce(inputs)
    return result


def max(inputs: NDArray[Any]) -> NDArray[Any]:
    """The maximum over the first axis; nan if any is.

    >>> max(np.array([[1.0, 4.0], [3.0, 2.0]])).tolist()
    [3.0, 4.0]
    """
    result: NDArray[Any] = np.maximum.reduce(inputs)
    return result


def finite(x: Any) -> Any:
    """x limited to the finite numbers of its dtype, element by element; nan stays nan.

    >>> finite(np.array([-np.inf, 2.0, np.inf], np.float32)).tolist()
    [-3.4028234663852886e+38, 2.0, 3.4028234663852886e+38]
    """
    largest = np.finfo(np.asarray(x).dtype).max
    return np.minimum(np.maximum(x, -largest), largest)


def sum_less_one(terms: NDArray[Any]) -> NDArray[Any]:
    """x1 + ... + xn - 1 over the first axis, where a term that is 1 costs the others no digits.

    >>> sum_less_one(np.array([[1.0, 2.0], [1e-20, 1.0]])).tolist()
    [1e-20, 2.0]
    """
    ones = np.equal(terms, 1.0)
    n_ones: NDArray[Any] = np.add.reduce(ones, dtype=terms.dtype)
    others: NDArray[Any] = np.add.reduce(np.where(ones, 0.0, terms))
    result: NDArray[Any] = (n_ones - 1.0) + others
    return result


def shares(terms: NDArray[Any]) -> NDArray[Any]:
    """Each term over the sum of all, along the first axis.

    >>> shares(np.array([[1.0], [3.0]])).tolist()
    [[0.25], [0.75]]
    """
    result: NDArray[Any] = np.divide(terms, np.add.reduce(terms))
    return result


def equal_each(inputs: NDArray[Any], x: Any) -> NDArray[Any]:
    """1 for each input along the first axis that is x, else 0.

    >>> equal_each(np.array([[1.0], [2.0]]), np.array([2.0])).tolist()
    [[0.0], [1.0]]
    """
    return np.where(np.equal(inputs, x), 1.0, 0.0)


def exp_shifted(inputs: NDArray[Any], shift: Any) -> NDArray[Any]:
    """exp(x - shift) for each input along the first axis.

    >>> exp_shifted(np.array([[0.0], [1.0]]), np.array([1.0])).round(4).tolist()
    [[0.3679], [1.0]]
    """
    result: NDArray[Any] = np.exp(np.subtract(inputs, shift))
    return result


def dot(weights: NDArray[Any], inputs: NDArray[Any], start: Any) -> Any:
    """start + w1 x1 + ... + wn xn over the first axis.

    >>> float(dot(np.array([1.0, 2.0]), np.array([3.0, 4.0]), 0.5))
    11.5
    """
    products: NDArray[Any] = np.multiply(weights, inputs)
    return start + np.add.reduce(products)
