"""The callbacks of scikit-learn: every hook, a wish to stop, copies, pipelines, searches."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.estimators.beside_scikit_learn import PROBLEMS, WEIGHTS, quietly
from tinygrad_mlp.estimators import MLPClassifier, MLPRegressor

X, y = PROBLEMS["four classes"].X, PROBLEMS["four classes"].y


class Recorder:
    """Notes every call of a hook, and stops after so many epochs."""

    def __init__(self, most_epochs: int = 1000) -> None:
        self.most_epochs = most_epochs
        self.calls: list[tuple[Any, ...]] = []

    def setup(self, estimator: Any, context: Any) -> None:
        self.calls.append(("setup", context.task_name, context.max_subtasks))

    def teardown(self, estimator: Any, context: Any) -> None:
        self.calls.append(("teardown", context.task_name))

    def on_fit_task_begin(self, estimator: Any, context: Any, *, X: Any, y: Any) -> None:
        self.calls.append(("begin", context.task_name, context.task_id, len(X), len(y)))

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, X: Any, y: Any, metadata: Any, fitted_estimator: Any
    ) -> bool:
        score = fitted_estimator.score(X, y)
        weights = None if metadata is None else len(metadata["sample_weight"])
        self.calls.append(("end", context.task_name, context.task_id, score, weights))
        return bool(context.task_name == "epoch" and context.task_id + 1 >= self.most_epochs)


def model_with(recorder: Recorder, kind: type = MLPClassifier, **settings: Any) -> Any:
    given = {"hidden_layer_sizes": [5], "max_iter": 6, "random_state": 0, **settings}
    return kind(**given).set_callbacks(recorder)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_every_hook_is_called(solver: str) -> None:
    recorder = Recorder()
    model = model_with(recorder, solver=solver, learning_rate_init=0.1)
    quietly(model.fit, X, y)
    scores = [call[3] for call in recorder.calls if call[0] == "end"]
    expected: list[tuple[Any, ...]] = [("setup", "fit", 6), ("begin", "fit", 0, 150, 150)]
    for epoch, score in enumerate(scores[:6]):
        expected += [("begin", "epoch", epoch, 150, 150), ("end", "epoch", epoch, score, None)]
    expected += [("end", "fit", 0, model.score(X, y), None), ("teardown", "fit")]
    assert recorder.calls == expected
    assert len(set(scores)) > 1  # each of the weights of its moment


def test_without_callbacks_the_same_is_learned() -> None:
    with_hooks = quietly(model_with(Recorder(), dropout=0.3).fit, X, y)
    without = MLPClassifier([5], max_iter=6, random_state=0, dropout=0.3)
    assert quietly(without.fit, X, y).loss_curve_ == with_hooks.loss_curve_
    assert not [name for name in vars(with_hooks) if "context" in name or "ctx" in name]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_a_wish_to_stop_stops(solver: str, kind: type) -> None:
    recorder = Recorder(most_epochs=3)
    targets = y if kind is MLPClassifier else PROBLEMS["one output"].y
    model = model_with(recorder, kind, solver=solver).fit(X, targets)
    assert model.n_iter_ == 3
    assert [call[1] for call in recorder.calls if call[0] == "end"] == 3 * ["epoch"] + ["fit"]
    longer = quietly(model_with(Recorder(), kind, solver=solver).fit, X, targets)
    assert longer.n_iter_ == 6
    if solver == "adam":
        assert model.loss_curve_ == longer.loss_curve_[:3]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_every_epoch_that_begins_ends(solver: str) -> None:
    recorder = Recorder()
    settings: dict[str, Any] = {"alpha": 10.0, "tol": 0.01, "max_iter": 300}
    model = model_with(recorder, solver=solver, learning_rate_init=0.1, **settings).fit(X, y)
    assert model.n_iter_ < 300
    for hook in ("begin", "end"):
        epochs = [call for call in recorder.calls if call[:2] == (hook, "epoch")]
        assert len(epochs) == model.n_iter_


def test_a_hook_computes_as_elsewhere() -> None:
    """What NumPy does at an overflow is the business of whoever wrote the hook."""

    class Overflowing(Recorder):
        def on_fit_task_end(self, *_: Any, **__: Any) -> bool:
            return bool(np.array([1e300]) * 1e300 > 0.0)

    with pytest.warns(RuntimeWarning, match="overflow"):
        assert model_with(Overflowing()).fit(X, y).n_iter_ == 1


def test_early_stopping_keeps_the_best_weights_when_a_callback_stops() -> None:
    settings: dict[str, Any] = {"early_stopping": True, "learning_rate_init": 0.1}
    model = model_with(Recorder(most_epochs=4), max_iter=50, **settings).fit(X, y)
    assert len(model.validation_scores_) == 4
    alone = quietly(MLPClassifier([5], max_iter=4, random_state=0, **settings).fit, X, y)
    assert (model.coefs_[0] == alone.coefs_[0]).all()


def test_weights_of_samples_are_metadata() -> None:
    recorder = Recorder()
    quietly(model_with(recorder, max_iter=1).fit, X, y, sample_weight=WEIGHTS)
    assert [call[4] for call in recorder.calls if call[0] == "end"] == [150, 150]


def test_a_hook_that_fails_is_torn_down_and_shown() -> None:
    class Failing(Recorder):
        def on_fit_task_end(self, *_: Any, **__: Any) -> bool:
            raise RuntimeError("a hook of mine")

    failing = Failing()
    with pytest.raises(RuntimeError, match="a hook of mine"):
        model_with(failing).fit(X, y)
    assert failing.calls[-1] == ("teardown", "fit")


def test_scoring_monitor_has_a_row_for_each_epoch_and_one_for_the_fit() -> None:
    monitor = ScoringMonitor(scoring="accuracy")
    model = MLPClassifier([5], max_iter=4, random_state=0).set_callbacks(monitor)
    quietly(model.fit, X, y)
    rows = monitor.get_logs().data
    assert len(rows) == 5
    assert rows[-1]["accuracy"] == pytest.approx(model.score(X, y))


def test_copies_have_the_callback() -> None:
    recorder = Recorder(most_epochs=2)
    model = model_with(recorder)
    for copy in (clone(model), pickle.loads(pickle.dumps(model))):
        assert copy.fit(X, y).n_iter_ == 2
    assert len(recorder.calls) == 8  # of the clone, which has the very same one


def test_in_pipelines_and_searches() -> None:
    recorder = Recorder(most_epochs=3)
    pipeline = make_pipeline(StandardScaler(), model_with(recorder))
    grid = {"mlpclassifier__alpha": [0.1, 0.2]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_estimator_[-1].n_iter_ == 3
    assert [call[0] for call in recorder.calls].count("setup") == 5
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
