"""What always giving the same answer costs: the loss that a training has to beat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MEAN",
    "MEAN_COUNT",
    "MEDIAN",
    "SHARES",
    "SHARES_OF_TWO",
    "SIDES",
    "ConstantAnswer",
    "best_constant",
    "smoothed_shares",
    "smoothed_shares_of_two",
]

Floats = NDArray[np.float64]

HALVINGS: Final = 60
"""How often the interval of a best constant is halved: until nothing is left of it."""


@dataclass(frozen=True)
class ConstantAnswer:
    """The best answer that is the same for every sample.

    Args:
        words: what it is, such as "the mean of y".
        cost: ``cost(targets)``, its mean loss, from the encoded targets, (n_samples, n_outputs);
            ``cost(targets, weights)``, its weighted mean loss, where the samples have weights,
            (n_samples,), and it is the best answer for those.

    >>> MEAN.cost(np.array([[0.0], [2.0]]))
    1.0
    >>> MEAN.cost(np.array([[0.0], [2.0]]), np.array([3.0, 1.0]))
    0.75
    """

    words: str
    cost: Callable[..., float]


def _mean(rows: Floats, weights: Floats | None) -> Floats:
    """The mean of each column, (n_outputs,)."""
    means: Floats = rows.mean(axis=0) if weights is None else weights @ rows / weights.sum()
    return means


def _of_mean(targets: Floats, weights: Floats | None = None) -> float:
    if weights is None:
        return float(targets.var(axis=0).mean())
    return float(_mean((targets - _mean(targets, weights)) ** 2, weights).mean())


def _of_mean_count(targets: Floats, weights: Floats | None = None) -> float:
    mean_terms = _mean(-_entropies(targets), weights)  # of t log t
    return float(np.mean(mean_terms + _entropies(_mean(targets, weights))))


def _of_median(targets: Floats, weights: Floats | None = None) -> float:
    if weights is None:
        return float(np.abs(targets - np.median(targets, axis=0)).mean())
    return float(_mean(np.abs(targets - _weighted_medians(targets, weights)), weights).mean())


def _weighted_medians(targets: Floats, weights: Floats) -> Floats:
    """Of each column the first number up to which lies half of the weight, (n_outputs,)."""
    medians = []
    for column in targets.T:
        order = np.argsort(column)
        below = np.cumsum(weights[order])
        medians.append(column[order[np.searchsorted(below, 0.5 * below[-1])]])
    return np.array(medians)


def _of_best_constant(delta: float, targets: Floats, weights: Floats | None = None) -> float:
    """Of the Huber loss. The derivative, the mean of the errors cut off at delta, only rises."""
    low, high = targets.min(axis=0), targets.max(axis=0)
    for _ in range(HALVINGS):
        middle = low + 0.5 * (high - low)
        is_below = _mean(np.clip(middle - targets, -delta, delta), weights) < 0.0
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    errors = targets - high
    cut_off = np.clip(errors, -delta, delta)
    return float(_mean(cut_off * (errors - 0.5 * cut_off), weights).mean())


def _of_two_shares(
    targets: Floats, weights: Floats | None = None, *, label_smoothing: float = 0.0
) -> float:
    shares = _smoothed(_mean(targets, weights), 2, label_smoothing)
    return float(np.mean(_entropies(shares) + _entropies(1.0 - shares)))


def _of_shares(
    targets: Floats, weights: Floats | None = None, *, label_smoothing: float = 0.0
) -> float:
    shares = _mean(targets, weights)
    return float(_entropies(_smoothed(shares, len(shares), label_smoothing)).sum())


def _of_sides(targets: Floats, weights: Floats | None = None) -> float:
    shares = (1.0 + _mean(targets, weights)) / 2.0
    return float(np.mean(2.0 * np.minimum(shares, 1.0 - shares)))


def _smoothed(shares: Floats, n_classes: int, label_smoothing: float) -> Floats:
    return (1.0 - label_smoothing) * shares + label_smoothing / n_classes


def _entropies(shares: Floats) -> Floats:
    terms: Floats = -shares * np.log(np.where(shares > 0.0, shares, 1.0))
    return terms


MEAN: Final = ConstantAnswer("the mean of y", _of_mean)
"""Of the squared error."""

MEAN_COUNT: Final = ConstantAnswer("the mean of y", _of_mean_count)
"""Of the Poisson deviance."""

MEDIAN: Final = ConstantAnswer("the median of y", _of_median)
"""Of the absolute error."""

SHARES_OF_TWO: Final = ConstantAnswer("the shares of the classes", _of_two_shares)
"""Of a cross-entropy of yes or no."""

SHARES: Final = ConstantAnswer("the shares of the classes", _of_shares)
"""Of a cross-entropy of several classes."""

SIDES: Final = ConstantAnswer("the most frequent class", _of_sides)
"""Of the hinge loss."""


def best_constant(delta: float) -> ConstantAnswer:
    """Of the Huber loss with this delta: between the median of y and its mean.

    >>> round(best_constant(1.0).cost(np.array([[0.0], [0.0], [9.0]])), 6)
    2.75
    """
    return ConstantAnswer("the best constant", partial(_of_best_constant, delta))


def smoothed_shares(label_smoothing: float) -> ConstantAnswer:
    """Of a cross-entropy of several classes with smoothed labels.

    >>> round(smoothed_shares(1.0).cost(np.eye(2)[[0, 0, 0, 1]]), 6)  # nothing but log 2 is left
    0.693147
    """
    cost = partial(_of_shares, label_smoothing=label_smoothing)
    return ConstantAnswer(SHARES.words, cost)


def smoothed_shares_of_two(label_smoothing: float) -> ConstantAnswer:
    """Of a cross-entropy of yes or no with smoothed labels.

    >>> round(smoothed_shares_of_two(1.0).cost(np.array([[0.0], [0.0], [1.0]])), 6)
    0.693147
    """
    cost = partial(_of_two_shares, label_smoothing=label_smoothing)
    return ConstantAnswer(SHARES_OF_TWO.words, cost)
