"""``MLPClassifier`` and ``MLPRegressor`` for programs that are written for scikit-learn's.

A script changes one line, ``from tinygrad_mlp.estimators import MLPClassifier``. Parameters,
attributes and results are those of ``sklearn.neural_network`` (1.9): from the same ``random_state``
come the same weights and the same curve of the loss. What computes is an ``MLP`` of this package,
compiled.

>>> from sklearn.datasets import load_iris
>>> from sklearn.pipeline import make_pipeline
>>> from sklearn.preprocessing import StandardScaler
>>> X, y = load_iris(return_X_y=True)
>>> network = MLPClassifier([16], learning_rate_init=0.05, random_state=0, max_iter=100)
>>> model = make_pipeline(StandardScaler(), network).fit(X, y)
>>> model.score(X, y) > 0.95
True
"""

from __future__ import annotations

from tinygrad_mlp.errors import MissingDependencyError

try:
    import sklearn  # noqa: F401  (to name the extra where it is missing)
except ModuleNotFoundError as error:
    raise MissingDependencyError.of("scikit-learn", "the estimators", extra="sklearn") from error

from tinygrad_mlp.estimators._classifier import MLPClassifier
from tinygrad_mlp.estimators._regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
