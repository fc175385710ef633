"""The scores of our estimators beside scikit-learn's, on data sets that scikit-learn brings along.

No timings. Both train at equal settings on the same folds from the same seeds, until they stop by
themselves. The features are standardized in each fold.
"""

from __future__ import annotations

import warnings
from functools import cache
from importlib import import_module
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.benchmarks.drop_in import OURS, SKLEARN
from tests.benchmarks.timing import markdown

__all__ = ["DATA", "FOLDS", "OURS", "SEEDS", "SKLEARN", "Scores", "report", "scores"]

Array = NDArray[Any]

DATA: Final[dict[str, str]] = {
    "iris": "MLPClassifier",
    "wine": "MLPClassifier",
    "breast_cancer": "MLPClassifier",
    "digits": "MLPClassifier",
    "diabetes": "MLPRegressor",
}
"""The data sets, and which estimator learns them."""

SETTINGS: Final = {"hidden_layer_sizes": (32,), "max_iter": 2000}
FOLDS: Final = 5
SEEDS: Final = range(5)


class Scores(NamedTuple):
    """One number for each fold of each seed.

    Attributes:
        held_out: accuracy, or the coefficient of determination, on what was held out.
        epochs: how many epochs the training took.
    """

    held_out: Array
    epochs: Array


@cache
def scores(package: str, name: str, seeds: tuple[int, ...] = tuple(SEEDS)) -> Scores:
    """Cross-validate with the estimator of a package; a seed is of the folds and of the network."""
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    held_out, epochs = [], []
    for seed in seeds:
        model = getattr(import_module(package), DATA[name])(**SETTINGS, random_state=seed)
        folds = StratifiedKFold if is_classifier(model) else KFold
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = cross_validate(
                make_pipeline(StandardScaler(), model),
                X,
                y,
                cv=folds(FOLDS, shuffle=True, random_state=seed),
                return_estimator=True,
            )
        held_out.append(found["test_score"])
        epochs.append([fitted[-1].n_iter_ for fitted in found["estimator"]])
    return Scores(np.ravel(held_out), np.ravel(epochs))


def report(seconds: float) -> str:
    """The table: one row for each data set. It takes as long as it takes."""
    rows = []
    for name in DATA:
        ours, theirs = scores(OURS, name), scores(SKLEARN, name)
        means = [
            f"{each.held_out.mean():.4f} ± {each.held_out.std():.4f}" for each in (ours, theirs)
        ]
        largest = abs(ours.held_out - theirs.held_out).max()
        epochs = [f"{each.epochs.mean():.1f}" for each in (ours, theirs)]
        rows.append([name, *means, f"{largest:.1e}", *epochs])
    header = ["", "tinygrad_mlp", "scikit-learn", "largest difference of a fold"]
    table = markdown([*header, "our epochs", "their epochs"], rows)
    title = (
        "Accuracy, for diabetes the coefficient of determination, on what was held out: mean and "
        f"standard deviation of {FOLDS} folds with {len(SEEDS)} seeds. Standardized features, "
        "hidden layers (32,), `max_iter=2000`, else the defaults."
    )
    return f"{title}\n\n{table}"
