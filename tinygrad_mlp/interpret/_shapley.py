"""Shapley values: what each feature contributes, averaged over every order of adding them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import comb
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp.data._validation import check_features
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.interpret._asked_about import Model, Target, scores_for
from tinygrad_mlp.interpret._many_samples import Differentiable, at_one_moment
from tinygrad_mlp.interpret._saliency import checked_samples

__all__ = ["ShapleyValues", "coalitions", "shapley_values", "values_of_means"]

Floats: TypeAlias = NDArray[np.float64]

MOST_FEATURES: Final = 12
ROWS_AT_ONCE: Final = 8192


@dataclass(frozen=True, eq=False)
class ShapleyValues:
    """What each feature adds to the mean score of the background.

    Attributes:
        values: (n_samples, n_features).
        base_values: the mean score of the background, (n_samples,).
        scores: the score of each sample, (n_samples,).

    >>> shapley_values(lambda x: x[0] * x[1], [[2.0, 3.0]], [[0.0, 0.0]])
    ShapleyValues(1 samples, 2 features)
    """

    values: Floats
    base_values: Floats
    scores: Floats

    def __repr__(self) -> str:
        n_samples, n_features = self.values.shape
        return f"ShapleyValues({n_samples} samples, {n_features} features)"


def shapley_values(
    model: Model, X: ArrayLike, background: ArrayLike, target: Target = None
) -> ShapleyValues:
    """phi_i = sum over S without i of |S|! (d - |S| - 1)! / d! (v(S with i) - v(S)), exactly.

    v(S) is the mean score over the background with the features in S taken from the sample
    (interventional). The values of a sample add up to its score minus the mean score of the
    background (efficiency). All 2^d coalitions are computed, so d is at most 12.

    Args:
        model: a module, or a function of a list of Values.
        X: the samples, (n_samples, n_features).
        background: samples that stand for "not known", (n_background, n_features), such as 100 of
            the training samples.
        target: the score: see ``tinygrad_mlp.interpret``.

    Returns:
        The values, with the scores that they lead from and to.

    Raises:
        InvalidArgumentError: for more than 12 features, or if the model has no such score.
        DataError, ShapeError: if ``X`` and ``background`` are no tables of as many columns.

    Source: Lundberg and Lee, "A unified approach to interpreting model predictions", 2017;
    Castro, Gomez, Tejada, "Polynomial calculation of the Shapley value based on sampling", 2009.

    >>> found = shapley_values(lambda x: x[0] * x[1], [[2.0, 3.0]], [[0.0, 1.0], [0.0, 3.0]])
    >>> found.values, found.base_values
    (array([[5., 1.]]), array([0.]))
    """
    samples = checked_samples(model, X)
    n_features = samples.shape[1]
    others = check_features(background, n_features, name="background")
    if n_features > MOST_FEATURES:
        raise InvalidArgumentError(
            f"X has {n_features} features, and exact Shapley values need all 2^{n_features} "
            f"coalitions of them; they are for at most {MOST_FEATURES} features. Train with fewer "
            "features, X[:, :12], or take integrated_gradients(model, X), which add up as well"
        )
    return at_one_moment(model, partial(_exactly, model, samples, others, target))


def _exactly(model: Model, samples: Floats, others: Floats, target: Target) -> ShapleyValues:
    n_features = samples.shape[1]
    found = ShapleyValues(np.empty_like(samples), *np.empty((2, len(samples))))
    is_known = coalitions(n_features)
    for rows, score in scores_for(model, samples, target):
        asked = Differentiable(model, score)
        for row in rows.tolist():
            means = _means(asked, samples[row], others, is_known)
            found.values[row] = values_of_means(means, n_features)
            found.base_values[row], found.scores[row] = means[0], means[-1]
    return found


def coalitions(n_features: int) -> NDArray[np.bool_]:
    """Each set of features as a row; of row k the features are the binary digits of k.

    >>> coalitions(2).tolist()
    [[False, False], [False, True], [True, False], [True, True]]
    """
    numbers = np.arange(2**n_features)[:, None]
    return (numbers >> np.arange(n_features)[::-1] & 1).astype(bool)


def _means(
    asked: Differentiable, x: Floats, background: Floats, is_known: NDArray[np.bool_]
) -> Floats:
    """v(S) for each coalition: the mean score where what is not known comes from the background."""
    n_others = len(background)
    step = max(ROWS_AT_ONCE // n_others, 1)
    means = np.empty(len(is_known))
    for begin in range(0, len(is_known), step):
        some = is_known[begin : begin + step]
        mixed = np.where(some[:, None, :], x, background)
        scores = asked.values(mixed.reshape(-1, len(x)))
        means[begin : begin + step] = scores.reshape(-1, n_others).mean(axis=1)
    return means


def values_of_means(means: Floats, n_features: int) -> Floats:
    """The weighted mean of what each feature adds to the coalitions without it.

    Args:
        means: v(S) of each set of features, in the order of ``coalitions``.
        n_features: how many features there are.

    >>> values_of_means(np.array([0.0, 1.0, 3.0, 6.0]), 2)
    array([4., 2.])
    """
    sizes = coalitions(n_features - 1).sum(axis=1)
    weights = np.array([1.0 / (n_features * comb(n_features - 1, size)) for size in sizes.tolist()])
    by_feature = means.reshape((2,) * n_features)
    return np.array([weights @ np.diff(by_feature, axis=i).ravel() for i in range(n_features)])
