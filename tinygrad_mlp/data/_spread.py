"""Mean and spread of columns, and whether a column is constant but for rounding.

``0.1 + 0.2`` is not ``0.3``: whether numbers are equal does not say whether a column is constant.
Here a column is, if its standard deviation is no larger than rounding alone makes it.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.data._arrays import Floats

__all__ = ["is_constant", "is_rounding", "mean_and_spread"]

MOST_ROUNDINGS: Final = 100
"""So many roundings at most are taken to stand behind a number, however long its column is."""


def mean_and_spread(X: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation (over n) of each column, without overflow or underflow between.

    Args:
        X: finite numbers, shape (n_samples, n_features).

    >>> mean_and_spread(np.array([[1.0, 1e308], [3.0, 1.5e308]]))
    (array([2.00e+000, 1.25e+308]), array([1.0e+000, 2.5e+307]))
    """
    _, exponents = np.frexp(np.abs(X).max(axis=0))
    scaled = np.ldexp(X, -exponents)  # by powers of two, so that no digit changes
    mean = scaled.mean(axis=0)
    mean += (scaled - mean).mean(axis=0)  # of a long column the first mean has lost digits
    spread = np.sqrt(np.square(scaled - mean).mean(axis=0))
    return np.ldexp(mean, exponents), np.ldexp(spread, exponents)


def is_constant(X: Floats, dtype: np.dtype[Any] | None = None) -> NDArray[np.bool_]:
    """Whether each column is constant but for rounding.

    With the mean m and the standard deviation s of n numbers, and the rounding unit eps of a
    float64, it is where::

        s <= min(n, 100) eps |m|

    The n is the bound that scikit-learn has, of the rounding errors in a mean of n numbers; the 100
    is there since the mean here is more exact, and a long column of times would lose a real spread.
    Below the normal floats, where a rounding is no longer relative, the smallest float takes the
    place of eps |m|. Numbers that were float32 are also constant where they are two neighbors.

    Args:
        X: finite numbers, shape (n_samples, n_features).
        dtype: what they were before they became float64.

    >>> is_constant(np.array([[0.3, 1e8, 1e-20], [0.1 + 0.2, 1e8 + 1.0, 2e-20]]))
    array([ True, False, False])
    """
    mean, spread = mean_and_spread(X)
    return is_rounding(mean, spread, len(X), dtype)


def is_rounding(
    mean: Floats, spread: Floats, n: int, dtype: np.dtype[Any] | None = None
) -> NDArray[np.bool_]:
    """The same, from the means and the standard deviations of columns of n numbers.

    >>> is_rounding(np.array([0.3, 0.3]), np.array([1e-17, 1e-15]), 4)
    array([ True, False])
    """
    eps, smallest = np.finfo(np.float64).eps, np.finfo(np.float64).smallest_subnormal
    rounding = min(n, MOST_ROUNDINGS) * np.maximum(eps * np.abs(mean), smallest)
    if dtype == np.float32:  # s of two neighbors in equal parts
        rounding = np.maximum(rounding, 0.5 * np.finfo(np.float32).eps * np.abs(mean))
    constant: NDArray[np.bool_] = spread <= rounding
    return constant
