"""Predictions of a trained model: one sample at a time, and many; beside scikit-learn's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np

from tests.benchmarks.contest import Make, Results, Turn, contest, repeated
from tests.benchmarks.timing import markdown, number
from tests.benchmarks.works import Array
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import accuracy, fit, predict, predict_proba

__all__ = ["OURS", "SKLEARN", "TASKS", "measure", "report"]

OURS: Final = "tinygrad_mlp"
SKLEARN: Final = "scikit-learn"
NETWORKS: Final[dict[str, tuple[int, ...]]] = {
    "2-16-16-1": (2, 16, 16, 1),
    "64-32-10": (64, 32, 10),
}
TASKS: Final[dict[str, tuple[str, int]]] = {
    "predict, one row": ("predict", 1),
    "predict_proba, one row": ("predict_proba", 1),
    "predict, 100,000 rows": ("predict", 100_000),
    "predict_proba, 100,000 rows": ("predict_proba", 100_000),
    "accuracy, 1,000,000 rows": ("accuracy", 1_000_000),
}
"""What is asked, and of how many samples."""


def training_data(network: str) -> tuple[Array, Array]:
    """A few samples, with a class for each: what is learned does not matter here."""
    n_inputs, *_, n_outputs = NETWORKS[network]
    X = np.random.default_rng(0).normal(size=(200, n_inputs))
    return X, np.arange(200) % max(n_outputs, 2)


def questions(network: str, n_samples: int) -> tuple[Array, Array]:
    """Samples, and a label for each."""
    n_inputs, *_, n_outputs = NETWORKS[network]
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n_samples, n_inputs))
    return X, rng.integers(0, max(n_outputs, 2), n_samples)


def our_turn(network: str, asked: str, n_samples: int) -> Turn:
    """Ours."""
    n_inputs, *layer_sizes = NETWORKS[network]
    model = MLP(n_inputs, layer_sizes, rng=0)
    fit(model, *training_data(network), epochs=2, log_every=None, progress=False)
    X, y = questions(network, n_samples)
    ask: dict[str, Callable[[], Any]] = {
        "predict": lambda: predict(model, X),
        "predict_proba": lambda: predict_proba(model, X),
        "accuracy": lambda: accuracy(model, X, y),
    }
    return repeated(partial(times, ask[asked]))


def sklearn_turn(network: str, asked: str, n_samples: int) -> Turn:
    """The MLPClassifier of the same shape."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import accuracy_score
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(hidden_layer_sizes=NETWORKS[network][1:-1], max_iter=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(*training_data(network))
    X, y = questions(network, n_samples)
    ask: dict[str, Callable[[], Any]] = {
        "predict": lambda: model.predict(X),
        "predict_proba": lambda: model.predict_proba(X),
        "accuracy": lambda: accuracy_score(y, model.predict(X)),
    }
    return repeated(partial(times, ask[asked]))


def times(ask: Callable[[], Any], n: int) -> None:
    """Ask so many times."""
    for _ in range(n):
        ask()


def measure(network: str, task: str, seconds: float, min_rounds: int = 5) -> Results:
    """Seconds for one call."""
    asked, n_samples = TASKS[task]
    makers: dict[str, Make] = {
        OURS: partial(our_turn, network, asked, n_samples),
        SKLEARN: partial(sklearn_turn, network, asked, n_samples),
    }
    return contest(makers, seconds, min_rounds)


def report(seconds: float) -> str:
    """The table: one row for each question to each network."""
    rows = []
    for network in NETWORKS:
        for task in TASKS:
            results = measure(network, task, seconds / len(TASKS))
            timings = results.of("")
            ours = number(timings[OURS].median * 1e6)
            if SKLEARN in results.missing:
                rows.append([f"{network}: {task}", ours, "", "not installed"])
                continue
            theirs, ratio = timings[SKLEARN].median * 1e6, results.ratio(OURS, SKLEARN)
            rows.append([f"{network}: {task}", ours, number(theirs), number(ratio)])
    table = markdown(["", "tinygrad_mlp µs", "scikit-learn µs", "× scikit-learn"], rows)
    return f"Classifiers, relu, each call by itself, medians.\n\n{table}"
