"""Gauss-Legendre quadrature: where to look at a function, and how much each look counts."""

from __future__ import annotations

from functools import cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["gauss_legendre"]

Floats: TypeAlias = NDArray[np.float64]

NEWTON_STEPS: Final = 5
"""From the first guess, which is near, each step doubles the digits."""


@cache
def gauss_legendre(n: int) -> tuple[Floats, Floats]:
    """The nodes t_i in (0, 1) and the weights w_i, so that the integral is near sum w_i f(t_i).

    It is exact for polynomials of a degree up to 2 n - 1. The nodes are the roots of the Legendre
    polynomial P_n, found by Newton's method; w_i = 2 (1 - x_i^2) / (n P_{n-1}(x_i))^2 on (-1, 1).

    Args:
        n: how many.

    Source: Press et al., "Numerical recipes", section 4.6 (for many nodes this keeps the digits
    that the eigenvalues of a matrix lose).

    >>> t, w = gauss_legendre(2)
    >>> round(float(w @ t**3), 12)
    0.25
    """
    x = np.cos(np.pi * (np.arange(n, 0, -1) - 0.25) / (n + 0.5))
    for _ in range(NEWTON_STEPS):
        last, before = _legendre(n, x)
        x = x - last * (x * x - 1.0) / (n * (x * last - before))
    x = (x - x[::-1]) / 2.0  # they lie symmetrically
    _, before = _legendre(n, x)
    weights = (1.0 - x * x) / (n * before) ** 2  # of (0, 1), half as wide
    nodes = (1.0 + x) / 2.0
    for array in (nodes, weights):
        array.flags.writeable = False  # they are kept
    return nodes, weights


def _legendre(n: int, x: Floats) -> tuple[Floats, Floats]:
    """P_n and P_{n-1}, by (k + 1) P_{k+1} = (2 k + 1) x P_k - k P_{k-1}."""
    before, last = np.ones_like(x), x
    for k in range(1, n):
        before, last = last, ((2 * k + 1) * x * last - k * before) / (k + 1)
    return last, before
