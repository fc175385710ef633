"""How good answers are, as people report it: of a regression, and of several questions at once."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp.data._arrays import Floats
from tinygrad_mlp.data._spread import is_rounding, mean_and_spread
from tinygrad_mlp.data._validation import check_lengths, check_targets
from tinygrad_mlp.errors import DataError, ShapeError
from tinygrad_mlp.training._weighting import check_weights

__all__ = ["MultilabelScores", "RegressionScores", "multilabel_scores", "regression_scores"]


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


@dataclass(frozen=True)
class MultilabelScores:
    """How often the answers to several yes-or-no questions for each sample are right.

    Attributes:
        accuracy: the share of right answers (1 - the Hamming loss), as ``accuracy`` gives it.
        subset_accuracy: the share of samples with nothing but right answers.
        precision: of each question, the share of right ones among the answers yes.
        recall: of each question, the share of those answered yes among the true yes.
        f1: of each question 2 precision recall / (precision + recall).

    A share of nothing, where a question is never answered yes, or yes is never true, is 0.

    >>> print(MultilabelScores(0.75, 0.5, (1.0, 0.5), (0.5, 1.0), (0.667, 0.667)))
    accuracy 75.0 %, all answers right 50.0 %, F1 0.667, 0.667
    """

    accuracy: float
    subset_accuracy: float
    precision: tuple[float, ...]
    recall: tuple[float, ...]
    f1: tuple[float, ...]

    def __str__(self) -> str:
        return (
            f"accuracy {100.0 * self.accuracy:.1f} %, all answers right "
            f"{100.0 * self.subset_accuracy:.1f} %, F1 {', '.join([f'{f:.3f}' for f in self.f1])}"
        )


def multilabel_scores(
    y: ArrayLike, predicted: ArrayLike, sample_weight: ArrayLike | None = None
) -> MultilabelScores:
    """Compare the answers to several yes-or-no questions with the truth.

    Args:
        y: 0 and 1, (n_samples, n_questions).
        predicted: what ``predict`` gave, in the same shape.
        sample_weight: how much each sample counts, (n_samples,); None for all alike.

    Raises:
        ShapeError: if the shapes differ, or are not those of rows.
        DataError: if there are no samples, or a number is neither 0 nor 1.

    >>> multilabel_scores([[1, 0], [1, 1]], [[1, 0], [0, 1]]).recall
    (0.5, 1.0)
    """
    check_lengths(y, predicted, names=("y", "predicted"))
    true, answers = (_yes_or_no(rows, name) for rows, name in ((y, "y"), (predicted, "predicted")))
    if true.shape != answers.shape:
        raise ShapeError(
            f"y has shape {true.shape}, but predicted has shape {answers.shape}; give both in the "
            "same shape: multilabel_scores(y, predict(model, X))"
        )
    n_samples = len(true)
    weights = np.ones(n_samples)
    if sample_weight is not None:
        weights = check_weights(sample_weight, n_samples)
    right, found = true == answers, weights @ (true * answers)
    said, there = weights @ answers, weights @ true
    return MultilabelScores(
        accuracy=_mean(right, weights),
        subset_accuracy=float(np.average(right.all(axis=1), weights=weights)),
        precision=_shares(found, said),
        recall=_shares(found, there),
        f1=_shares(2.0 * found, said + there),
    )


def _yes_or_no(rows: ArrayLike, name: str) -> Floats:
    array = check_targets(rows, name=name)
    if array.ndim != 2:
        raise ShapeError(
            f"{name} has shape {array.shape}, but a row of answers for each sample is needed, "
            "(n_samples, n_questions); for one class per sample use accuracy and confusion_table"
        )
    wrong = np.argwhere((array != 0.0) & (array != 1.0))
    if wrong.size:
        i, k = wrong[0].tolist()
        raise DataError(f"{name}[{i}, {k}] is {array[i, k]:g}, but an answer is 0 or 1")
    return array


def _shares(parts: Floats, wholes: Floats) -> tuple[float, ...]:
    """Each part of its whole; 0 of nothing."""
    return tuple((parts / np.where(wholes > 0.0, wholes, 1.0)).tolist())


def _mean(rows: NDArray[Any], weights: Floats | None) -> float:
    return float(np.average(rows.mean(axis=1), weights=weights))
