"""``partial_fit`` and ``warm_start`` go on where scikit-learn's go on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import neural_network

from tests.estimators.beside_scikit_learn import (
    PROBLEMS,
    WEIGHTS,
    Problem,
    assert_same_fit,
    fitted_pair,
    quietly,
)
from tinygrad_mlp import estimators


def new_pair(problem: Problem, **settings: Any) -> tuple[Any, Any]:
    given = {"hidden_layer_sizes": (5,), "batch_size": 20, "random_state": 1, **settings}
    theirs, ours = [
        getattr(package, problem.kind)(**problem.settings, **given)
        for package in (neural_network, estimators)
    ]
    return theirs, ours


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_partial_fit_epoch_by_epoch(problem: Problem, solver: str) -> None:
    pair = new_pair(problem, solver=solver, learning_rate="invscaling", learning_rate_init=0.1)
    is_classifier = problem.kind == "MLPClassifier"
    is_rows = is_classifier and problem.y.ndim == 2
    labels: Any = np.arange(3) if is_rows else np.unique(problem.y)
    for estimator in pair:
        classes = {"classes": labels} if is_classifier else {}
        for part in (slice(0, 70), slice(70, 150), slice(0, 150)):
            assert estimator.partial_fit(problem.X[part], problem.y[part], **classes) is estimator
            classes = {}
        estimator.partial_fit(problem.X, problem.y, sample_weight=WEIGHTS)
    assert_same_fit(*pair)
    assert len(pair[1].loss_curve_) == 4
    assert pair[1].n_iter_ == 1


def test_partial_fit_of_a_part_that_lacks_a_class() -> None:
    problem = PROBLEMS["four classes"]
    only = problem.y == "bee"
    theirs, ours = new_pair(problem)
    for estimator in (theirs, ours):
        estimator.partial_fit(problem.X[only], problem.y[only], classes=np.unique(problem.y))
    assert_same_fit(theirs, ours)
    assert ours.predict_proba(problem.X).shape == (150, 4)


def test_partial_fit_after_fit_keeps_the_velocity_of_partial_fit_alone() -> None:
    problem = PROBLEMS["one output"]
    pair = new_pair(problem, solver="sgd", max_iter=3)
    for estimator in pair:
        quietly(estimator.fit, problem.X, problem.y)
        estimator.partial_fit(problem.X, problem.y)
        quietly(estimator.fit, problem.X, problem.y)
        estimator.partial_fit(problem.X, problem.y).partial_fit(problem.X, problem.y)
    assert_same_fit(*pair)


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_warm_start(problem: Problem) -> None:
    pair = new_pair(problem, warm_start=True, max_iter=4)
    for estimator in pair:
        for _ in range(3):
            quietly(estimator.fit, problem.X, problem.y)
    assert_same_fit(*pair)
    assert len(pair[1].loss_curve_) == 12


def test_warm_start_keeps_the_best_weights_of_all_its_fits() -> None:
    """Scikit-learn trains the arrays on in which it keeps the best ones, so that they are lost."""
    problem = PROBLEMS["four classes"]
    settings: dict[str, Any] = {"learning_rate_init": 0.05, "max_iter": 20, "warm_start": True}
    model = new_pair(problem, early_stopping=True, tol=0.0, **settings)[1]
    for _ in range(2):
        quietly(model.fit, problem.X, problem.y)
    best = model.coefs_[0].copy()
    assert max(model.validation_scores_) == model.best_validation_score_
    quietly(model.set_params(learning_rate_init=1.0, max_iter=1).fit, problem.X, problem.y)
    assert model.validation_scores_[-1] < model.best_validation_score_
    assert (model.coefs_[0] == best).all()


def test_without_warm_start_a_fit_begins_anew() -> None:
    problem = PROBLEMS["two classes"]
    once = fitted_pair(problem)[1]
    twice = quietly(fitted_pair(problem)[1].fit, problem.X, problem.y)
    assert twice.loss_curve_ == once.loss_curve_


def test_early_stopping_may_begin_at_a_later_fit() -> None:
    problem = PROBLEMS["two classes"]
    model = new_pair(problem, warm_start=True, max_iter=3)[1]
    quietly(model.fit, problem.X, problem.y)
    quietly(model.set_params(early_stopping=True).fit, problem.X, problem.y)
    assert len(model.loss_curve_) == 6
    assert len(model.validation_scores_) == len(model.validation_loss_curve_) == 3
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.best_loss_ is None


def test_lbfgs_goes_on_from_the_weights_of_another_solver() -> None:
    problem = PROBLEMS["one output"]
    pair = new_pair(problem, warm_start=True, max_iter=3)
    for estimator in pair:
        quietly(estimator.fit, problem.X, problem.y)
        quietly(estimator.set_params(solver="lbfgs").fit, problem.X, problem.y)
    assert pair[1].loss_ == pytest.approx(pair[0].loss_, rel=1e-8)


@pytest.mark.parametrize("classes", [["ant", "bee"], ["ant", "bee", "cat", "dog", "eel"]])
def test_other_classes_are_refused(classes: list[str]) -> None:
    problem = PROBLEMS["four classes"]
    other = np.resize(classes, len(problem.y))
    warm = quietly(new_pair(problem, warm_start=True, max_iter=1)[1].fit, problem.X, problem.y)
    with pytest.raises(ValueError, match="warm_start needs the same classes in every fit"):
        warm.fit(problem.X, other)
    parts = new_pair(problem)[1].partial_fit(problem.X, problem.y, classes=np.unique(problem.y))
    with pytest.raises(ValueError, match="leave classes out, or make a new estimator"):
        parts.partial_fit(problem.X, problem.y, classes=classes)
    if "eel" in classes:
        with pytest.raises(ValueError, match="partial_fit takes the classes that were named"):
            parts.partial_fit(problem.X, other)
    else:
        parts.partial_fit(problem.X, other)


def test_partial_fit_has_to_know_the_classes() -> None:
    problem = PROBLEMS["four classes"]
    with pytest.raises(ValueError, match=r"classes=np.unique\(y\) of all data"):
        new_pair(problem)[1].partial_fit(problem.X, problem.y)


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_lbfgs_has_no_partial_fit(kind: str) -> None:
    with pytest.raises(AttributeError, match="partial_fit") as caught:
        _ = getattr(estimators, kind)(solver="lbfgs").partial_fit
    assert "take solver='adam'" in str(caught.value.__cause__)


CHANGES: dict[str, tuple[str, dict[str, Any], str]] = {
    "layers": (
        "four classes",
        {"hidden_layer_sizes": (6,)},
        r"hidden_layer_sizes was \[5\], and now it is \[6\]; .* warm_start=False",
    ),
    "more layers": ("labels", {"hidden_layer_sizes": (5, 2)}, r"now it is \[5, 2\]"),
    "batch norm": ("one output", {"batch_norm": True}, "batch_norm was False, and now it is True"),
    "loss": ("counts", {"loss": "squared_error"}, "output was exp, and now it is identity"),
}
"""A problem, what is set after its fit, and what is said then."""


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_another_network_is_not_trained_on(
    change: tuple[str, dict[str, Any], str], method: str
) -> None:
    name, settings, message = change
    problem = PROBLEMS[name]
    model = quietly(new_pair(problem, warm_start=True, max_iter=1)[1].fit, problem.X, problem.y)
    before = model.coefs_[0].copy()
    model.set_params(**settings)
    with pytest.raises(ValueError, match=message):
        getattr(model, method)(problem.X, problem.y)
    assert (model.coefs_[0] == before).all()
    quietly(model.set_params(warm_start=False).fit, problem.X, problem.y)


def test_other_outputs_are_not_trained_on() -> None:
    problem = PROBLEMS["one output"]
    model = quietly(new_pair(problem, warm_start=True, max_iter=1)[1].fit, problem.X, problem.y)
    with pytest.raises(ValueError, match="the number of outputs was 1, and now it is 2"):
        model.fit(problem.X, problem.X[:, :2])
    assert model.n_outputs_ == 1


def test_labels_after_classes() -> None:
    """Both have the classes 0, 1 and 2."""
    problem = PROBLEMS["labels"]
    for model in new_pair(problem, warm_start=True, max_iter=1):
        quietly(model.fit, problem.X, np.arange(150) % 3)
        with pytest.raises(ValueError, match=r"y has rows of 0 and 1|not fitted with multilabel"):
            model.fit(problem.X, problem.y)


def test_classes_after_labels_are_labels_too() -> None:
    problem = PROBLEMS["labels"]
    pair = new_pair(problem, warm_start=True, max_iter=1)
    for model in pair:
        quietly(model.fit, problem.X, problem.y)
        quietly(model.fit, problem.X, np.arange(150) % 3)
    assert_same_fit(*pair)


def test_early_stopping_may_end_at_a_later_fit() -> None:
    problem = PROBLEMS["two classes"]
    model = new_pair(problem, warm_start=True, early_stopping=True, max_iter=3)[1]
    quietly(model.fit, problem.X, problem.y)
    quietly(model.set_params(early_stopping=False).fit, problem.X, problem.y)
    assert model.best_loss_ == min(model.loss_curve_[3:])
    assert len(model.validation_scores_) == 3


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_steps_go_on_from_the_weights_of_lbfgs(method: str) -> None:
    problem = PROBLEMS["one output"]
    model = new_pair(problem, warm_start=True, solver="lbfgs", max_iter=3)[1]
    start = quietly(model.fit, problem.X, problem.y).loss_
    model.set_params(solver="sgd", learning_rate_init=1e-12, max_iter=1)
    quietly(getattr(model, method), problem.X, problem.y)
    assert model.loss_curve_ == [pytest.approx(start, rel=1e-2)]


def test_velocities_belong_to_the_weights() -> None:
    problem = PROBLEMS["one output"]
    model, fresh = [new_pair(problem, max_iter=1)[1] for _ in range(2)]
    for _ in range(3):
        model.partial_fit(problem.X, problem.y)
    for estimator in (model, fresh):
        quietly(estimator.set_params(solver="lbfgs").fit, problem.X, problem.y)
        estimator.set_params(solver="adam").partial_fit(problem.X, problem.y)
    assert (model.coefs_[0] == fresh.coefs_[0]).all()
