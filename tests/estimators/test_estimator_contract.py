"""The estimators among scikit-learn's tools: pipelines, searches, copies, kinds of features."""

from __future__ import annotations

import inspect
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn import neural_network
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.estimators.beside_scikit_learn import (
    PROBLEMS,
    WEIGHTS,
    Problem,
    assert_same_fit,
    fitted_pair,
    quietly,
)
from tinygrad_mlp import estimators
from tinygrad_mlp.estimators import MLPClassifier, MLPRegressor, _lending
from tinygrad_mlp.estimators._batches import Samples, batches_of
from tinygrad_mlp.estimators._compiled_network import Architecture, Network

KINDS = ("MLPClassifier", "MLPRegressor")
TWO, FOUR = PROBLEMS["two classes"], PROBLEMS["four classes"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_parameters_are_scikit_learn_s_and_then_ours(kind: str) -> None:
    theirs = inspect.signature(getattr(neural_network, kind)).parameters
    ours = inspect.signature(getattr(estimators, kind)).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
    for name, parameter in theirs.items():
        assert (ours[name].kind, ours[name].default) == (parameter.kind, parameter.default), name
    beyond = [(name, ours[name].default) for name in list(ours)[len(theirs) :]]
    expected: list[Any] = [("dropout", 0.0), ("batch_norm", False)]
    assert beyond == ([*expected, ("class_weight", None)] if kind == KINDS[0] else expected)


@pytest.mark.parametrize("settings", [{}, {"early_stopping": True}, {"solver": "lbfgs"}])
@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_fitted_attributes_are_all_there(problem: Problem, settings: dict[str, Any]) -> None:
    theirs, ours = fitted_pair(problem, max_iter=2, **settings)
    public = {name for name in vars(theirs) if name.endswith("_") and not name.startswith("_")}
    assert public <= set(vars(ours))
    beyond = set() if settings == {"solver": "lbfgs"} else {"validation_loss_curve_"}
    assert {name for name in vars(ours) if name.endswith("_")} == public | {"norms_"} | beyond


def test_kinds_of_estimators() -> None:
    assert is_classifier(MLPClassifier())
    assert is_regressor(MLPRegressor())
    assert MLPClassifier().__sklearn_tags__().classifier_tags.multi_label


def test_pipelines_searches_and_scores() -> None:
    """The same folds, so the same scores."""
    settings: dict[str, Any] = {"hidden_layer_sizes": (6,), "max_iter": 30, "random_state": 0}
    found = []
    for package in (neural_network, estimators):
        pipeline = make_pipeline(StandardScaler(), package.MLPClassifier(**settings))
        grid = {"mlpclassifier__learning_rate_init": [0.001, 0.05]}
        search = quietly(GridSearchCV(pipeline, grid, cv=3).fit, FOUR.X, FOUR.y)
        scores = quietly(cross_val_score, search.best_estimator_, FOUR.X, FOUR.y, cv=3)
        found.append((search.cv_results_["mean_test_score"], scores))
    for ours, theirs in zip(found[1], found[0], strict=True):
        np.testing.assert_allclose(ours, theirs)


@pytest.mark.parametrize("settings", [{}, {"solver": "lbfgs"}, {"dropout": 0.2}])
def test_copies(settings: dict[str, Any], tmp_path: Path) -> None:
    model = MLPClassifier((4,), max_iter=2, random_state=0, **settings)
    quietly(model.fit, FOUR.X, FOUR.y)
    joblib.dump(model, tmp_path / "model")
    for copy in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model")):
        assert (copy.predict_proba(FOUR.X) == model.predict_proba(FOUR.X)).all()
    fresh = clone(model)
    assert fresh.get_params() == model.get_params()
    assert not hasattr(fresh, "coefs_")


def test_a_copy_trains_on_like_the_original() -> None:
    model = MLPRegressor("squared_error", (4,), random_state=0).partial_fit(TWO.X, TWO.y)
    copy = pickle.loads(pickle.dumps(model))
    for estimator in (model, copy):
        estimator.partial_fit(TWO.X, TWO.y)
    assert (model.coefs_[0] == copy.coefs_[0]).all()


def test_metadata_is_routed() -> None:
    """Weights of samples reach ``fit`` through a search that is told so."""
    with sklearn.config_context(enable_metadata_routing=True):
        model = MLPRegressor(hidden_layer_sizes=[3], max_iter=5, random_state=0)
        asking = model.set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        search = GridSearchCV(asking, {"alpha": [0.1]}, cv=2)
        quietly(search.fit, TWO.X, TWO.y, sample_weight=WEIGHTS)
    alone = quietly(model.set_params(alpha=0.1).fit, TWO.X, TWO.y, sample_weight=WEIGHTS)
    assert search.best_estimator_.loss_ == alone.loss_


@pytest.mark.parametrize("kind", KINDS)
def test_it_shows_itself_in_a_notebook(kind: str) -> None:
    model = getattr(estimators, kind)(alpha=0.25)
    assert kind in model._repr_html_()
    assert repr(model) == f"{kind}(alpha=0.25)"


@pytest.mark.parametrize("form", ["csr_matrix", "csc_matrix", "csr_array", "csc_array"])
@pytest.mark.parametrize("settings", [{}, {"shuffle": False}, {"early_stopping": True}])
def test_sparse_features(form: str, settings: dict[str, Any]) -> None:
    thin = np.where(np.abs(FOUR.X) > 0.7, FOUR.X, 0.0)
    dense = fitted_pair(Problem(FOUR.kind, FOUR.y, {}, thin), WEIGHTS, max_iter=4, **settings)[1]
    X = getattr(sparse, form)(thin)
    theirs, ours = fitted_pair(Problem(FOUR.kind, FOUR.y, {}, X), WEIGHTS, max_iter=4, **settings)
    assert_same_fit(theirs, ours)
    assert ours.loss_curve_ == dense.loss_curve_
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-10)


@pytest.mark.parametrize("weights", [None, np.r_[np.zeros(60), WEIGHTS[60:]]], ids=["", "weighted"])
def test_sparse_features_by_lbfgs_in_blocks(weights: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinygrad_mlp.estimators._compiled_network.BLOCK", 50)
    found = []
    for X in (FOUR.X, sparse.csr_array(FOUR.X)):
        model = MLPClassifier((4,), solver="lbfgs", max_iter=4, alpha=0.3, random_state=0)
        found.append(quietly(model.fit, X, FOUR.y, sample_weight=weights))
    assert found[1].loss_ == pytest.approx(found[0].loss_, rel=1e-12)
    np.testing.assert_allclose(found[1].coefs_[0], found[0].coefs_[0], rtol=1e-9)


def test_sparse_rows_of_labels() -> None:
    problem = PROBLEMS["labels"]
    theirs, ours = fitted_pair(Problem(problem.kind, sparse.csr_matrix(problem.y), {}), max_iter=3)
    assert_same_fit(theirs, ours)
    assert sparse.issparse(ours.predict(problem.X))
    assert (ours.predict(problem.X) != theirs.predict(problem.X)).nnz == 0


def test_arrays_that_may_only_be_read() -> None:
    X, y, weights = FOUR.X.copy(), FOUR.y.copy(), WEIGHTS.copy()
    for array in (X, y, weights):
        array.flags.writeable = False
    for settings in ({}, {"solver": "lbfgs"}, {"early_stopping": True}, {"shuffle": False}):
        model = MLPClassifier((4,), max_iter=2, random_state=0, **settings)
        quietly(model.fit, X, y, sample_weight=weights)
        assert model.predict(X).shape == (150,)


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["no", "yes"]),
        np.array(["no", "yes"], dtype=object),
        np.array([-1, 1]),
        np.array([2.0, 7.0]),
        np.array([False, True]),
        np.array(["no", "perhaps", "yes"]),
        np.array([5]),
    ],
    ids=str,
)
def test_labels_of_every_kind(labels: Any) -> None:
    y = labels[np.arange(150) % len(labels)]
    theirs, ours = fitted_pair(Problem("MLPClassifier", y, {}), max_iter=3)
    assert ours.classes_.dtype == theirs.classes_.dtype
    assert ours.predict(FOUR.X).dtype == theirs.predict(FOUR.X).dtype
    assert ours.predict(FOUR.X).tolist() == theirs.predict(FOUR.X).tolist()
    assert_same_fit(theirs, ours)


def test_a_column_of_targets_is_warned_of() -> None:
    for problem in (TWO, PROBLEMS["one output"]):
        model = getattr(estimators, problem.kind)(hidden_layer_sizes=[2], max_iter=1)
        with pytest.warns(sklearn.exceptions.DataConversionWarning):
            quietly(model.fit, problem.X, problem.y.reshape(-1, 1))
        assert model.predict(problem.X).shape == (150,)


def test_predictions_read_the_weights_that_there_are() -> None:
    model = fitted_pair(PROBLEMS["one output"], max_iter=1)[1]
    before = model.predict(TWO.X)
    model.intercepts_[-1] += 1.0
    np.testing.assert_allclose(model.predict(TWO.X), before + 1.0)


def test_many_samples_are_predicted_in_blocks() -> None:
    theirs, ours = fitted_pair(FOUR, max_iter=2)
    X = np.resize(FOUR.X, (600, 6))
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-10)
    assert ours.predict(X).tolist() == theirs.predict(X).tolist()


@pytest.mark.filterwarnings("ignore:MLPClassifier stopped")
def test_threads_train_beside_each_other() -> None:
    def loss(seed: int) -> float:
        model = MLPClassifier((5,), random_state=seed, max_iter=15)
        return float(model.fit(FOUR.X, FOUR.y).loss_)

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(loss, range(12)))
    assert together == [loss(seed) for seed in range(12)]


def test_a_network_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    make = Network.__init__

    def counted(self: Network, *arguments: Any) -> None:
        made.append(arguments)
        make(self, *arguments)

    monkeypatch.setattr(Network, "__init__", counted)
    monkeypatch.setattr(_lending, "_waiting", [])
    for seed in range(3):
        model = MLPClassifier((9,), random_state=seed, max_iter=2)
        quietly(model.fit, FOUR.X, FOUR.y).predict(FOUR.X)
    assert len(made) == 1
    monkeypatch.setattr(_lending, "MOST_PARAMETERS", 10)
    quietly(MLPRegressor(hidden_layer_sizes=[3], max_iter=1).fit, FOUR.X, TWO.y)
    assert [network.architecture.sizes for network in _lending._waiting] == [(6, 3, 1)]
    monkeypatch.setattr(_lending, "MOST_NUMBERS", 10)
    quietly(MLPRegressor(hidden_layer_sizes=[3], max_iter=1).fit, FOUR.X, TWO.y)
    assert _lending._waiting == []


def test_samples_are_brought_together_in_whole_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    class Counted(Samples):
        def rows(self, rows: Any) -> Samples:
            if not isinstance(rows, slice):
                taken.append(len(rows))
            return super().rows(rows)

    samples, order = Counted(FOUR.X, np.ones((150, 1)), None), np.arange(150)[::-1]
    for at_once, pieces in ((1, [40, 40, 40, 30]), (6 * 100, [80, 70]), (10**9, [150])):
        monkeypatch.setattr("tinygrad_mlp.estimators._batches.NUMBERS_AT_ONCE", at_once)
        found = list(batches_of(samples, 40, order))
        assert [len(batch) for batch in found] == [40, 40, 40, 30]
        assert (np.concatenate([batch.X for batch in found]) == FOUR.X[::-1]).all()
        assert taken == pieces
        taken.clear()
        as_they_are = list(batches_of(samples, 40, None))
        assert (np.concatenate([batch.X for batch in as_they_are]) == FOUR.X).all()


def test_a_plain_array_is_not_checked_at_length(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted_pair(FOUR, max_iter=1)[1]

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("checked")

    monkeypatch.setattr("tinygrad_mlp.estimators._perceptron.validate_data", refuse)
    assert model.predict(FOUR.X).shape == (150,)
    named = vars(model) | {"feature_names_in_": np.array(list("abcdef"), dtype=object)}
    for wrong in (FOUR.X.tolist(), FOUR.X[:, :5], FOUR.X[:0], FOUR.X[0], FOUR.X.astype(int)):
        with pytest.raises(AssertionError, match="checked"):
            model.predict(wrong)
    vars(model).update(named)
    with pytest.raises(AssertionError, match="checked"):
        model.predict(FOUR.X)


def test_a_network_counts_the_numbers_that_it_computes_with() -> None:
    network = Network(Architecture((2, 3, 1), ("relu",), "identity"))
    network.outputs(np.zeros((10, 2)))
    assert network.most_numbers == 60
    network.outputs(np.zeros((700, 2)))  # a block at a time
    assert network.most_numbers == 256 * 6
    network.loss(np.zeros((300, 2)), np.zeros((300, 1)))
    network.loss(np.zeros((5, 2)), np.zeros((5, 1)))
    assert network.most_numbers == 1800
