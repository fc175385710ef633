"""Fits in worker processes, with and without callbacks."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.estimators.beside_scikit_learn import PROBLEMS, quietly
from tests.estimators.test_estimator_callbacks import Recorder, model_with
from tinygrad_mlp.estimators import MLPClassifier

X, y = PROBLEMS["four classes"].X, PROBLEMS["four classes"].y


def test_the_same_is_learned_in_other_processes() -> None:
    model = MLPClassifier([6], random_state=0, tol=10.0, n_iter_no_change=3)
    scores = [cross_val_score(model, X, y, cv=4, n_jobs=n_jobs) for n_jobs in (None, 2)]
    assert scores[0].tolist() == scores[1].tolist()
    assert model.fit(X, y).n_iter_ == 5


def test_callbacks_stop_in_other_processes() -> None:
    recorder = Recorder(most_epochs=3)
    pipeline: Any = make_pipeline(StandardScaler(), model_with(recorder, max_iter=200))
    grid = {"mlpclassifier__alpha": [0.1, 0.2]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2, error_score="raise").fit(X, y)
    assert search.best_estimator_[-1].n_iter_ == 3
    assert [call[0] for call in recorder.calls].count("setup") == 1  # here: only the last fit
    short = make_pipeline(StandardScaler(), MLPClassifier([5], max_iter=3, random_state=0))
    expected = quietly(GridSearchCV(short, grid, cv=2).fit, X, y).cv_results_["mean_test_score"]
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], expected)
