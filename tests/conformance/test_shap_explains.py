"""shap takes our estimators as it takes scikit-learn's, and finds what ``explain`` finds."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Final

import numpy as np
import pandas
import pytest

from tinygrad_mlp.estimators import MLPClassifier

_rng = np.random.default_rng(4)
X: Final = _rng.normal(size=(40, 3))
KINDS: Final = np.array(["low", "middle", "high"])[np.digitize(X[:, 0] * X[:, 1], [-0.4, 0.4])]


@pytest.fixture
def shap() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls what matplotlib will deprecate
        module: ModuleType = pytest.importorskip("shap")
        return module


def test_shap_finds_the_same_and_takes_the_estimators(shap: ModuleType) -> None:
    names = ["a", "b", "c"]
    for table in (X, pandas.DataFrame(X, columns=names)):
        model = MLPClassifier([6], solver="lbfgs", random_state=0, tol=1.0).fit(table, KINDS)
        theirs = shap.Explainer(model.predict_proba, table)(table[:3], silent=True)
        for number, label in enumerate(model.classes_.tolist()):
            ours = model.explain(table[:3], background=table, target=label)
            assert ours.values == pytest.approx(theirs.values[:, :, number], abs=1e-9)
            assert ours.base_values == pytest.approx(theirs.base_values[:, number], abs=1e-9)
        assert ours.columns == (["x0", "x1", "x2"] if table is X else names)
