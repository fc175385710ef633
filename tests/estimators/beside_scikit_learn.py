"""Small problems of every kind, and our estimators beside scikit-learn's on them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning

from tinygrad_mlp import estimators

__all__ = ["PROBLEMS", "WEIGHTS", "Problem", "assert_same_fit", "fitted_pair", "quietly"]

Array = NDArray[Any]

_rng = np.random.default_rng(0)
FEATURES: Final = _rng.normal(size=(150, 6))
WEIGHTS: Final = _rng.uniform(0.1, 3.0, 150)
"""How much each sample counts."""


@dataclass(frozen=True, eq=False)
class Problem:
    """Features and targets, and which of the two estimators learns them.

    Attributes:
        kind: "MLPClassifier" or "MLPRegressor".
        y: the targets.
        settings: what else the estimator is given.
        X: the features.
    """

    kind: str
    y: Array
    settings: dict[str, Any]
    X: Array = field(default_factory=lambda: FEATURES)


X = FEATURES
PROBLEMS: Final = {
    "two classes": Problem("MLPClassifier", X[:, 0] + X[:, 1] ** 2 > 0.7, {}),
    "four classes": Problem(
        "MLPClassifier",
        np.array(["ant", "bee", "cat", "dog"])[np.digitize(X[:, 0], [-0.6, 0.1, 0.7])],
        {},
    ),
    "labels": Problem("MLPClassifier", (X[:, :3] > [0.0, 0.3, -0.5]).astype(int), {}),
    "one output": Problem("MLPRegressor", 2.0 * X[:, 0] + np.sin(X[:, 1]), {}),
    "three outputs": Problem("MLPRegressor", X[:, :3] ** 2 + X[:, 1:4], {}),
    "counts": Problem(
        "MLPRegressor", _rng.poisson(np.exp(0.5 * X[:, 0])).astype(float), {"loss": "poisson"}
    ),
}
"""Every kind of targets."""


def quietly(call: Callable[..., Any], *args: Any, **settings: Any) -> Any:
    """The result of a call that may stop before it has converged."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return call(*args, **settings)


def fitted_pair(
    problem: Problem, sample_weight: Array | None = None, **settings: Any
) -> tuple[Any, Any]:
    """Scikit-learn's estimator and ours, made and fitted by the same calls."""
    small = {"hidden_layer_sizes": (8, 5), "batch_size": 32, "max_iter": 25, "random_state": 3}
    given = {**small, **problem.settings, **settings}
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}
    pair = []
    for package in (neural_network, estimators):
        estimator = getattr(package, problem.kind)(**deepcopy(given))
        pair.append(quietly(estimator.fit, problem.X, problem.y, **weights))
    return pair[0], pair[1]


def assert_same_fit(theirs: Any, ours: Any, tolerance: float = 1e-8) -> None:
    """The same curves, weights, counts and predictions."""
    counts = ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_")
    for name in counts:
        assert getattr(ours, name) == getattr(theirs, name), name
    assert len(ours.loss_curve_) == len(theirs.loss_curve_)
    for name in ("loss_", "loss_curve_", "best_loss_", "validation_scores_"):
        _assert_near(getattr(ours, name), getattr(theirs, name), tolerance)
    _assert_near(ours.best_validation_score_, theirs.best_validation_score_, tolerance)
    for name in ("coefs_", "intercepts_"):
        for mine, other in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            assert mine.dtype == other.dtype
            _assert_near(mine, other, tolerance)


def _assert_near(ours: Any, theirs: Any, tolerance: float) -> None:
    if theirs is None:
        assert ours is None
    else:
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
