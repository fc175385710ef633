"""The estimators' steps in the library, against NumPy's."""

from __future__ import annotations

import warnings
from typing import Any, Final

import numpy as np
import pytest

pytest.importorskip("sklearn")

from tinygrad_mlp.estimators import MLPClassifier, MLPRegressor
from tinygrad_mlp.training._steps_in_pieces import Pieces

pytestmark = pytest.mark.usefixtures("library")

RNG: Final = np.random.default_rng(0)
X: Final = RNG.normal(size=(83, 5))
Y: Final = np.stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]], axis=1)
LABELS: Final = np.array(["a", "b", "c"])[RNG.integers(0, 3, 83)]
WEIGHTS: Final = RNG.random(83)

CASES: Final[dict[str, dict[str, Any]]] = {
    "adam": {},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.1},
    "no nesterov": {"solver": "sgd", "learning_rate_init": 0.1, "nesterovs_momentum": False},
    "invscaling": {"solver": "sgd", "learning_rate_init": 0.5, "learning_rate": "invscaling"},
    "adaptive": {"solver": "sgd", "learning_rate_init": 0.1, "learning_rate": "adaptive"},
    "no penalty": {"alpha": 0.0},
    "a large penalty": {"alpha": 3.0},
    "two batches": {"batch_size": 42},
    "in order": {"shuffle": False},
    "dropout": {"dropout": 0.2},
    "batch norm": {"batch_norm": True, "solver": "sgd", "learning_rate_init": 0.1},
    "stopping": {"early_stopping": True},
    "confident": {"solver": "sgd", "learning_rate_init": 300.0},
}


def fitted(
    monkeypatch: pytest.MonkeyPatch, backend: str, kind: Any, y: Any, weights: Any, **settings: Any
) -> Any:
    monkeypatch.setenv("TINYGRAD_MLP_BACKEND", backend)
    monkeypatch.setattr("tinygrad_mlp.estimators._lending._waiting", [])
    model = kind(
        hidden_layer_sizes=(6,), **{"batch_size": 20, "max_iter": 8, "random_state": 0} | settings
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y, sample_weight=weights)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["all alike", "weights"])
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for name in CASES
        for kind in (MLPClassifier, MLPRegressor)
        if (name, kind) != ("confident", MLPRegressor)  # whose weights grow without end
    ],
)
def test_an_estimator_learns_the_same(
    monkeypatch: pytest.MonkeyPatch, name: str, kind: Any, weights: Any
) -> None:
    y = LABELS if kind is MLPClassifier else Y
    calls = []
    run = Pieces.run

    def counted(self: Pieces, *given: Any) -> Any:
        calls.append(given[2])
        return run(self, *given)

    monkeypatch.setattr(Pieces, "run", counted)
    known = fitted(monkeypatch, "numpy", kind, y, weights, **CASES[name])
    assert not calls
    model = fitted(monkeypatch, "native", kind, y, weights, **CASES[name])
    assert sum(calls) >= 8
    np.testing.assert_allclose(model.loss_curve_, known.loss_curve_, rtol=1e-10)
    for found, expected in zip(model.coefs_ + model.intercepts_, known.coefs_ + known.intercepts_):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-11)
    assert model.n_iter_ == known.n_iter_
    assert model.t_ == known.t_


def test_a_batch_without_weight_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = np.zeros(83)
    weights[:3] = 1.0
    for backend in ("numpy", "native"):
        with pytest.raises(ZeroDivisionError, match="the weight 0 together"):
            fitted(monkeypatch, backend, MLPRegressor, Y, weights)


def test_in_float32_it_learns_nearly_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = []
    for backend in ("numpy", "native"):
        monkeypatch.setenv("TINYGRAD_MLP_BACKEND", backend)
        monkeypatch.setattr("tinygrad_mlp.estimators._lending._waiting", [])
        model = MLPRegressor(hidden_layer_sizes=(6,), max_iter=8, random_state=0, batch_size=20)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X.astype(np.float32), Y.astype(np.float32))
        assert model.coefs_[0].dtype == np.float32
        losses.append(model.loss_curve_)
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
