"""From the same ``random_state`` come scikit-learn's weights, and its loss epoch by epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.estimators.beside_scikit_learn import (
    PROBLEMS,
    WEIGHTS,
    Problem,
    assert_same_fit,
    fitted_pair,
    quietly,
)
from tinygrad_mlp.estimators import MLPClassifier


@pytest.fixture(params=list(PROBLEMS.values()), ids=list(PROBLEMS))
def problem(request: pytest.FixtureRequest) -> Problem:
    found: Problem = request.param
    return found


def assert_same_answers(problem: Problem, theirs: Any, ours: Any) -> None:
    for method in ("predict", "predict_proba", "predict_log_proba"):
        if hasattr(theirs, method):
            expected, found = getattr(theirs, method)(problem.X), getattr(ours, method)(problem.X)
            assert found.dtype == expected.dtype
            assert found.shape == expected.shape
            if expected.dtype.kind in "US":
                assert found.tolist() == expected.tolist()
            else:
                np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    assert ours.score(problem.X, problem.y) == pytest.approx(theirs.score(problem.X, problem.y))


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_every_kind_of_targets(problem: Problem, solver: str) -> None:
    theirs, ours = fitted_pair(problem, solver=solver)
    assert len(theirs.loss_curve_) == 25
    assert_same_fit(theirs, ours)
    assert_same_answers(problem, theirs, ours)
    if problem.kind == "MLPClassifier":
        assert ours.classes_.tolist() == theirs.classes_.tolist()


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_sample_weights(problem: Problem, solver: str) -> None:
    theirs, ours = fitted_pair(problem, WEIGHTS, solver=solver, alpha=0.5)
    assert_same_fit(theirs, ours)
    unweighted = fitted_pair(problem, solver=solver, alpha=0.5)[1]
    assert abs(unweighted.loss_ - ours.loss_) > 1e-4


def test_early_stopping_by_samples_that_are_held_out(problem: Problem) -> None:
    settings: dict[str, Any] = {"early_stopping": True, "learning_rate_init": 0.02}
    theirs, ours = fitted_pair(problem, n_iter_no_change=3, max_iter=60, **settings)
    assert theirs.n_iter_ < 60  # it did stop
    assert_same_fit(theirs, ours)
    assert_same_answers(problem, theirs, ours)
    assert_same_fit(*fitted_pair(problem, WEIGHTS, **settings))


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["unweighted", "weighted"])
def test_lbfgs_goes_the_same_way_at_first(problem: Problem, weights: Any) -> None:
    """Later the kinks of relu make much of a difference in the last digit."""
    theirs, ours = fitted_pair(problem, weights, solver="lbfgs", alpha=0.5, max_iter=8)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-8)
    assert ours.n_iter_ == theirs.n_iter_ == 8
    assert ours.t_ == theirs.t_ == 0
    assert not hasattr(ours, "loss_curve_")


def test_lbfgs_finds_the_same_minimum(problem: Problem) -> None:
    """There is one, without hidden layers."""
    theirs, ours = fitted_pair(
        problem, hidden_layer_sizes=[], solver="lbfgs", alpha=3.0, max_iter=400, tol=1e-6
    )
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-8)
    np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("learning_rate", ["constant", "invscaling", "adaptive"])
@pytest.mark.parametrize(
    ("momentum", "nesterovs_momentum"), [(0.0, True), (0.7, True), (0.7, False)]
)
def test_rates_and_momentum_of_sgd(
    learning_rate: str, momentum: float, nesterovs_momentum: bool
) -> None:
    theirs, ours = fitted_pair(
        PROBLEMS["four classes"],
        solver="sgd",
        learning_rate=learning_rate,
        learning_rate_init=0.2,
        power_t=0.4,
        momentum=momentum,
        nesterovs_momentum=nesterovs_momentum,
        max_iter=60,
        tol=1e-2,
        n_iter_no_change=2,
    )
    assert_same_fit(theirs, ours)
    assert ours._rule.learning_rate == pytest.approx(theirs._optimizer.learning_rate)
    if learning_rate == "adaptive":
        assert ours._rule.learning_rate < 0.2


def test_the_settings_of_adam() -> None:
    settings: dict[str, Any] = {
        "beta_1": 0.6,
        "beta_2": 0.9,
        "epsilon": 1e-3,
        "learning_rate_init": 0.03,
    }
    assert_same_fit(*fitted_pair(PROBLEMS["four classes"], **settings))


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("hidden_layer_sizes", [(7,), 7, [], (4, 3, 2)])
def test_activations_and_layers(activation: str, hidden_layer_sizes: Any) -> None:
    theirs, ours = fitted_pair(
        PROBLEMS["four classes"],
        hidden_layer_sizes=hidden_layer_sizes,
        activation=activation,
        shuffle=False,
        max_iter=5,
    )
    assert_same_fit(theirs, ours)


@pytest.mark.parametrize("batch_size", ["auto", 1, 149, 150])
def test_batches(batch_size: int | str) -> None:
    assert_same_fit(
        *fitted_pair(PROBLEMS["one output"], batch_size=batch_size, alpha=0.1, max_iter=3)
    )


def test_many_batches_are_brought_together_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinygrad_mlp.estimators._batches.NUMBERS_AT_ONCE", 6 * 40)
    assert_same_fit(*fitted_pair(PROBLEMS["one output"], WEIGHTS, batch_size=20, max_iter=3))


@pytest.mark.parametrize("tol", [0.0, 1e-4, 10.0])
@pytest.mark.parametrize("n_iter_no_change", [1, 4, np.inf])
def test_when_it_stops(tol: float, n_iter_no_change: float) -> None:
    settings: dict[str, Any] = {
        "tol": tol,
        "n_iter_no_change": n_iter_no_change,
        "learning_rate_init": 0.1,
    }
    theirs, ours = fitted_pair(PROBLEMS["one output"], max_iter=12, **settings)
    assert_same_fit(theirs, ours)
    assert (tol < 10.0 or n_iter_no_change == np.inf) == (ours.n_iter_ == 12)


def test_costs_are_cut_off_where_scikit_learn_s_are() -> None:
    """It takes no probability below 2.2e-16, so that no sample costs more than 36.04."""
    problem = PROBLEMS["four classes"]
    large = Problem(problem.kind, problem.y, {}, 1e6 * problem.X)
    for weights in (None, WEIGHTS):
        theirs, ours = fitted_pair(large, weights, max_iter=2)
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-3)
        uncut = fitted_pair(large, weights, max_iter=2, early_stopping=True)[1]
        assert max(*ours.loss_curve_, *uncut.validation_loss_curve_) < 37.0


def test_a_random_state_is_drawn_from_and_goes_on() -> None:
    random_state = np.random.RandomState(5)
    theirs, ours = fitted_pair(PROBLEMS["two classes"], random_state=random_state, max_iter=2)
    for estimator in (theirs, ours):
        quietly(estimator.fit, PROBLEMS["two classes"].X, PROBLEMS["two classes"].y)
    assert_same_fit(theirs, ours)


def test_float32_stays_float32() -> None:
    problem = PROBLEMS["four classes"]
    narrow = Problem(problem.kind, problem.y, {}, problem.X.astype(np.float32))
    for solver in ("adam", "sgd", "lbfgs"):
        theirs, ours = fitted_pair(narrow, WEIGHTS, solver=solver)
        assert {array.dtype for array in (*ours.coefs_, *ours.intercepts_)} == {np.dtype("f4")}
        assert ours.predict_proba(narrow.X).dtype == np.float32
        assert ours.predict_proba(problem.X).dtype == np.float64
        assert ours.loss_ == pytest.approx(theirs.loss_, rel=0.1 if solver == "lbfgs" else 1e-3)


def lists_of(array: NDArray[Any]) -> Any:
    return array.tolist()


def test_lists_and_whole_numbers() -> None:
    problem = PROBLEMS["one output"]
    whole = np.round(3.0 * problem.X).astype(int)
    theirs, ours = fitted_pair(Problem(problem.kind, problem.y, {}, whole))
    assert_same_fit(theirs, ours)
    np.testing.assert_allclose(ours.predict(lists_of(whole)), theirs.predict(whole), rtol=1e-10)


@pytest.mark.parametrize("size", [1e-200, 1e-30, 1e30, 1e200])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_weights_of_samples_of_every_size_in_float32(size: float, solver: str) -> None:
    """What float32 cannot hold are the weights, and not their shares."""
    problem = PROBLEMS["four classes"]
    narrow = Problem(problem.kind, problem.y, {}, problem.X.astype(np.float32))
    settings: dict[str, Any] = {"alpha": 0.0, "max_iter": 3, "random_state": 0}
    losses = []
    for weights in (WEIGHTS, size * WEIGHTS):
        model = MLPClassifier((5,), solver=solver, **settings)
        losses.append(quietly(model.fit, narrow.X, narrow.y, sample_weight=weights).loss_)
        assert model.coefs_[0].dtype == np.float32
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    if solver == "adam" and 1e-100 < size < 1e100:  # scikit-learn's own overflow beyond that
        theirs, ours = fitted_pair(narrow, size * WEIGHTS, alpha=0.0)
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-3)


def test_numbers_of_numpy_s_narrow_types_as_settings() -> None:
    """In float32 a penalty would overflow, and the loss minus tol would lose its digits."""
    problem = PROBLEMS["one output"]
    assert_same_fit(*fitted_pair(problem, 1e-45 * WEIGHTS, alpha=np.float32(0.1), max_iter=3))
    for settings in ({}, {"early_stopping": True}):
        narrow: dict[str, Any] = {"tol": np.float32(1e-9), "n_iter_no_change": 1, **settings}
        assert_same_fit(*fitted_pair(problem, max_iter=60, solver="sgd", **narrow))


@pytest.mark.parametrize("kind", [np.longdouble, np.float16, np.int16, np.bool_])
@pytest.mark.parametrize("fitted_on", [np.float64, np.float32])
def test_features_of_every_type_are_predicted(kind: Any, fitted_on: Any) -> None:
    problem = PROBLEMS["four classes"]
    theirs, ours = fitted_pair(
        Problem(problem.kind, problem.y, {}, problem.X.astype(fitted_on)), max_iter=2
    )
    X = np.round(problem.X).astype(kind)
    expected, found = theirs.predict_proba(X), ours.predict_proba(X)
    widest = np.float64 if kind is np.longdouble else expected.dtype  # we compute in no wider one
    assert found.dtype == widest
    np.testing.assert_allclose(found, expected.astype(widest), rtol=1e-4, atol=1e-6)


def test_one_class_with_early_stopping() -> None:
    problem = Problem("MLPClassifier", np.full(150, "all"), {"early_stopping": True})
    theirs, ours = fitted_pair(problem, max_iter=4)
    assert_same_fit(theirs, ours)
    assert ours.validation_scores_ == [1.0] * 4
