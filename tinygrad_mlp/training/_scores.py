"""How far the answers of a regression are from the truth, as people report it."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_mlp.data._arrays import Floats
from tinygrad_mlp.data._spread import is_rounding, mean_and_spread
from tinygrad_mlp.data._validation import check_lengths, check_targets
from tinygrad_mlp.errors import ShapeError
from tinygrad_mlp.training._weighting import check_weights

__all__ = ["RegressionScores", "regression_scores"]


@dataclass(frozen=True)
class RegressionScores:
    """The errors of predictions p of true values t, in the units of t.

    Attributes:
        mean_absolute_error: the mean of abs(p - t).
        root_mean_squared_error: the square root of the mean of (p - t)^2.
        r2: 1 - sum (p - t)^2 / sum (t - mean of t)^2: 1 for right answers, 0 for those that always
            guess the mean; nan where t never changes, but for rounding.

    >>> print(RegressionScores(0.5, 0.75, 0.9))
    mean absolute error 0.5, root mean squared error 0.75, R2 0.900
    """

    mean_absolute_error: float
    root_mean_squared_error: float
    r2: float

    def __str__(self) -> str:
        return (
            f"mean absolute error {self.mean_absolute_error:.4g}, root mean squared error "
            f"{self.root_mean_squared_error:.4g}, R2 {self.r2:.3f}"
        )


def regression_scores(
    y: ArrayLike, predicted: ArrayLike, sample_weight: ArrayLike | None = None
) -> RegressionScores:
    """Compare the answers of a regression with the truth.

    Args:
        y: the true values, (n_samples,) or (n_samples, n_outputs).
        predicted: what ``predict`` gave, in the same shape. Of several outputs all errors count
            alike, and R2 is the mean of those of the outputs.
        sample_weight: how much each sample counts in the means and sums, (n_samples,); None for
            all alike.

    Raises:
        ShapeError: if the shapes differ.
        DataError: if there are no samples, or a value is no finite number.

    >>> regression_scores([1.0, 2.0, 3.0], [1.0, 2.0, 4.0]).r2
    0.5
    """
    check_lengths(y, predicted, names=("y", "predicted"))
    true, answers = check_targets(y), check_targets(predicted, name="predicted")
    if true.shape != answers.shape:
        raise ShapeError(
            f"y has shape {true.shape}, but predicted has shape {answers.shape}; give both in the "
            "same shape: regression_scores(y, predict(model, X))"
        )
    weights = None if sample_weight is None else check_weights(sample_weight, len(true))
    with np.errstate(over="ignore", invalid="ignore"):  # of numbers above 1e154 the squares are inf
        errors = (answers - true).reshape(len(true), -1)
        columns = true.reshape(len(true), -1)
        mean, spread = mean_and_spread(columns)
        dtype = np.asarray(y).dtype
        known = not is_rounding(mean, spread, len(true), dtype).any()
        if weights is not None and known:
            # In units of the spread, the squares neither overflow nor vanish.
            standard = (columns - mean) / spread
            center = np.average(standard, axis=0, weights=weights)
            weighted = np.sqrt(np.average((standard - center) ** 2, axis=0, weights=weights))
            mean, spread = mean + center * spread, weighted * spread
            known = not is_rounding(mean, spread, len(true), dtype).any()
        unexplained = (errors / spread) ** 2 if known else errors
        return RegressionScores(
            mean_absolute_error=_mean(np.abs(errors), weights),
            root_mean_squared_error=float(np.sqrt(_mean(errors**2, weights))),
            r2=1.0 - _mean(unexplained, weights) if known else nan,
        )


def _mean(rows: Floats, weights: Floats | None) -> float:
    return float(np.average(rows.mean(axis=1), weights=weights))
