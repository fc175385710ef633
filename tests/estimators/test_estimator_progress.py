"""scikit-learn's own ProgressBar on the estimators: a bar for each fit, a step for each epoch.

It draws with ``rich``, which scikit-learn does not bring: python -m pip install rich
"""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.callback import ProgressBar
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.estimators.beside_scikit_learn import PROBLEMS, quietly
from tinygrad_mlp.estimators import MLPClassifier, MLPRegressor

progress = pytest.importorskip("rich.progress", reason="ProgressBar needs it: pip install rich")

X, y = PROBLEMS["two classes"].X, PROBLEMS["two classes"].y


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal in which no name is cut off."""
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float | None]]:
    """How far the bar is, and the end of it where that changes, at each update."""
    seen: list[tuple[float, float | None]] = []
    update = progress.Progress.update

    def noted(self: Any, task: Any, *, completed: float, total: float | None = None) -> None:
        seen.append((completed, total))
        update(self, task, completed=completed, total=total)

    monkeypatch.setattr(progress.Progress, "update", noted)
    return seen


def bars(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The last state of each bar: what it is called, and how full it is; without the time."""
    lines = capsys.readouterr().out.splitlines()
    return [" ".join(word for word in line.split()[:-1] if "━" not in word) for line in lines]


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_a_bar_goes_on_with_each_epoch(
    kind: Any, solver: str, steps: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    model = kind(hidden_layer_sizes=[3], solver=solver, max_iter=4, random_state=0)
    quietly(model.set_callbacks(ProgressBar()).fit, X, y)
    assert model.n_iter_ == 4
    assert steps == [(1.0, None), (2.0, None), (3.0, None), (4.0, None), (1, 1)]
    assert bars(capsys) == [f"{kind.__name__} - fit 100%"]


def test_a_bar_is_full_where_the_training_ends_early(
    steps: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    settings: dict[str, Any] = {"max_iter": 50, "tol": 10.0, "n_iter_no_change": 2}
    model = MLPClassifier([3], random_state=0, **settings)
    model.set_callbacks(ProgressBar(max_propagation_depth=0)).fit(X, y)
    assert model.n_iter_ == 4
    assert steps == [(1.0, None), (2.0, None), (3.0, None), (4.0, None), (1, 1)]
    assert bars(capsys) == ["MLPClassifier - fit 100%"]


def test_in_a_pipeline_each_step_has_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = make_pipeline(StandardScaler(), MLPClassifier([3], max_iter=3, random_state=0))
    quietly(pipeline.set_callbacks(ProgressBar(max_propagation_depth=None)).fit, X, y)
    assert bars(capsys) == [
        "Pipeline - fit 100%",
        "Pipeline - fit-transform-standardscaler | StandardScaler - fit #0 100%",
        "Pipeline - fit-final-estimator | MLPClassifier - fit #1 100%",
    ]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_in_a_search_each_fit_has_a_bar(n_jobs: int, capsys: pytest.CaptureFixture[str]) -> None:
    network = MLPClassifier([3], max_iter=3, random_state=0)
    search = GridSearchCV(network, {"alpha": [0.1, 0.2]}, cv=2, n_jobs=n_jobs)
    quietly(search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit, X, y)
    names = bars(capsys)
    assert names[:2] == ["GridSearchCV - fit 100%", "GridSearchCV - search #0 100%"]
    evaluated = "GridSearchCV - candidate-split-evaluation | MLPClassifier - fit"
    assert sorted(names[2:6]) == [f"{evaluated} #{i} 100%" for i in range(4)]
    assert names[6:] == ["GridSearchCV - refit-with-best-params | MLPClassifier - fit #1 100%"]
