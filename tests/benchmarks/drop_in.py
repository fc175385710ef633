"""Our ``MLPClassifier`` beside scikit-learn's: the same calls, the same curve of the loss."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, Final

import numpy as np

from tests.benchmarks.contest import Make, Results, Turn, contest, repeated
from tests.benchmarks.timing import markdown, number
from tests.benchmarks.works import Array
from tinygrad_mlp.data import load_digits

__all__ = [
    "JOBS",
    "OURS",
    "SKLEARN",
    "Job",
    "measure",
    "new_model",
    "report",
    "report_map",
    "samples",
]

OURS: Final = "tinygrad_mlp.estimators"
SKLEARN: Final = "sklearn.neural_network"

Job = tuple[str, str, tuple[int, ...]]
"""What is called, on which samples, with which hidden layers."""

JOBS: Final[dict[str, Job]] = {
    "fit, digits, 64-32-10, batches of 128": ("fit", "digits", (32,)),
    "fit, 10,000 x 20, 20-64-64-1": ("fit", "10000 x 20", (64, 64)),
    "fit, 100 x 2, 2-10-1": ("fit", "100 x 2", (10,)),
    "fit, 100 x 100, 100-100-1": ("fit", "100 x 100", (100,)),
    "fit, 1,000 x 10, 10-10-1": ("fit", "1000 x 10", (10,)),
    "fit, 1,000 x 10, 10-100-1": ("fit", "1000 x 10", (100,)),
    "fit, 10,000 x 100, 100-100-1": ("fit", "10000 x 100", (100,)),
    "partial_fit, 200 digits": ("partial_fit", "digits", (32,)),
    "fit with warm_start, digits": ("warm_start", "digits", (32,)),
    "predict, one digit": ("predict one", "digits", (32,)),
    "predict, 100,000 x 20": ("predict", "100000 x 20", (64, 64)),
}
"""The rows of the table."""

MAP: Final[dict[str, tuple[int, ...]]] = {
    "samples": (100, 1_000, 10_000),
    "features": (2, 20, 100),
    "hidden": (10, 100),
}
"""Where the map of ratios is measured."""

EPOCHS: Final = 20


def samples(name: str) -> tuple[Array, Array]:
    """Features and classes; but for the digits by chance, with something to learn."""
    if name == "digits":
        digits = load_digits()
        return digits.X / 16.0, digits.y
    n_samples, n_features = map(int, name.split(" x "))
    X = np.random.default_rng(0).normal(size=(n_samples, n_features))
    return X, (X[:, 0] * X[:, 1] > 0.1).astype(int)


def new_model(package: str, job: Job, **settings: Any) -> Any:
    """An MLPClassifier of one of the two packages."""
    _, data, hidden = job
    batch_size = 128 if data == "digits" else "auto"
    given = {"max_iter": EPOCHS, "tol": 0.0, "n_iter_no_change": EPOCHS, **settings}
    return import_module(package).MLPClassifier(
        hidden, batch_size=batch_size, random_state=0, **given
    )


def calls(package: str, job: Job) -> Callable[[], Any]:
    """What is done again and again."""
    what, data, _ = job
    X, y = samples(data)
    if what == "fit":
        return lambda: new_model(package, job).fit(X, y)
    if what == "warm_start":
        return partial(new_model(package, job, warm_start=True, max_iter=1).fit, X, y)
    model = new_model(package, job, max_iter=2).fit(X[:2000], y[:2000])
    if what == "partial_fit":
        return partial(model.partial_fit, X[:200], y[:200])
    if what == "partial_fit of all":
        return partial(model.partial_fit, X, y)
    return partial(model.predict, X[:1] if what == "predict one" else X)


def turn_of(package: str, job: Job) -> Turn:
    """A contestant: whole calls, checks and compiling included."""
    warnings.simplefilter("ignore")  # in a process of its own
    return repeated(partial(times, calls(package, job)))


def times(call: Callable[[], Any], n: int) -> None:
    """Call so many times."""
    for _ in range(n):
        call()


def measure(job: Job, seconds: float, min_rounds: int = 5) -> Results:
    """Seconds for one call."""
    makers: dict[str, Make] = {name: partial(turn_of, name, job) for name in (OURS, SKLEARN)}
    return contest(makers, seconds, min_rounds)


def report(seconds: float) -> str:
    """The table: one row for each job."""
    rows = []
    for name, job in JOBS.items():
        results = measure(job, seconds / len(JOBS))
        timings = results.of("")
        ms = [number(timings[package].median * 1e3) for package in (OURS, SKLEARN)]
        rows.append([name, *ms, number(results.ratio(OURS, SKLEARN))])
    table = markdown(["", "tinygrad_mlp ms", "scikit-learn ms", "× scikit-learn"], rows)
    title = (
        f"`MLPClassifier`, Adam, relu, float64; a `fit` has {EPOCHS} epochs and the same losses."
    )
    return f"{title}\n\n{table}"


def report_map(seconds: float) -> str:
    """The ratios of three calls over samples, features and hidden neurons."""
    whats = ("fit", "partial_fit of all", "warm_start")
    rows = []
    sizes = [(n, hidden) for n in MAP["samples"] for hidden in MAP["hidden"]]
    for what in whats:
        for n_samples, hidden in sizes:
            row = [what, f"{n_samples:,}", str(hidden)]
            for n_features in MAP["features"]:
                job: Job = (what, f"{n_samples} x {n_features}", (hidden,))
                results = measure(job, seconds / (len(whats) * len(sizes) * len(MAP["features"])))
                row.append(number(results.ratio(OURS, SKLEARN)))
            rows.append(row)
    features = [f"{n_features} features" for n_features in MAP["features"]]
    table = markdown(["", "samples", "hidden", *features], rows)
    return f"Time over scikit-learn's, as above; below 1 is faster.\n\n{table}"
