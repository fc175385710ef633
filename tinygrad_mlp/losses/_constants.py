"""What always giving the same answer costs: the loss that a training has to beat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["MEAN", "MEDIAN", "SHARES", "SHARES_OF_TWO", "SIDES", "ConstantAnswer"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ConstantAnswer:
    """The best answer that is the same for every sample.

    Args:
        words: what it is, such as "the mean of y".
        cost: ``cost(targets)``, its mean loss, from the encoded targets, (n_samples, n_outputs).

    >>> MEAN.cost(np.array([[0.0], [2.0]]))
    1.0
    """

    words: str
    cost: Callable[[Floats], float]


def _of_mean(targets: Floats) -> float:
    return float(targets.var(axis=0).mean())


def _of_median(targets: Floats) -> float:
    return float(np.abs(targets - np.median(targets, axis=0)).mean())


def _of_two_shares(targets: Floats) -> float:
    shares = targets.mean(axis=0)
    return float(np.mean(_entropies(shares) + _entropies(1.0 - shares)))


def _of_shares(targets: Floats) -> float:
    return float(_entropies(targets.mean(axis=0)).sum())


def _of_sides(targets: Floats) -> float:
    shares = (1.0 + targets.mean(axis=0)) / 2.0
    return float(np.mean(2.0 * np.minimum(shares, 1.0 - shares)))


def _entropies(shares: Floats) -> Floats:
    terms: Floats = -shares * np.log(np.where(shares > 0.0, shares, 1.0))
    return terms


MEAN: Final = ConstantAnswer("the mean of y", _of_mean)
"""Of the squared error."""

MEDIAN: Final = ConstantAnswer("the median of y", _of_median)
"""Of the absolute error."""

SHARES_OF_TWO: Final = ConstantAnswer("the shares of the classes", _of_two_shares)
"""Of a cross-entropy of yes or no."""

SHARES: Final = ConstantAnswer("the shares of the classes", _of_shares)
"""Of a cross-entropy of several classes."""

SIDES: Final = ConstantAnswer("the most frequent class", _of_sides)
"""Of the hinge loss."""
