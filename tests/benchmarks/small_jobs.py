"""What people start with: 100 samples, ten hidden units, 200 epochs.

A job goes from making the model to the trained weights, so that compiling is part of ours. The
others train with their own loops and their own Adam, on all samples at once, as we do.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from tests.benchmarks.contest import Make, Results, Turn, contest, repeated
from tests.benchmarks.timing import comparison
from tests.benchmarks.trainers import OurTrainer, SklearnTrainer, TorchTrainer
from tests.benchmarks.works import A, Work
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import fit

__all__ = ["OURS", "measure", "report"]

OURS: Final = "tinygrad_mlp, fit"
N_EPOCHS: Final = 200
SMALL: Final = Work(
    "small",
    "2-10-1 relu, 100 samples at once, mean squared error, Adam, float64, 200 epochs",
    (2, 10, 1),
    "mean squared error",
    "Adam",
    0.01,
    A.X,
    A.targets,
)


class Runs(Protocol):
    """What a job needs of a trainer."""

    def run(self, n_epochs: int) -> float:
        """Train; the last loss."""


class FitTrainer:
    """Our ``fit``, which compiles."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.model = MLP(work.layer_sizes[0], work.layer_sizes[1:], rng=0)

    def run(self, n_epochs: int) -> float:
        """Train; the last loss."""
        history = fit(
            self.model,
            self.work.X,
            self.work.targets,
            epochs=n_epochs,
            optimizer="adam",
            learning_rate=self.work.learning_rate,
            log_every=None,
            progress=False,
        )
        return history.loss[-1]


def do_jobs(trainer: Callable[[Work], Runs], n_jobs: int) -> None:
    """From a new model to its weights, a number of times."""
    for _ in range(n_jobs):
        trainer(SMALL).run(N_EPOCHS)


def jobs_of(trainer: Callable[[Work], Runs]) -> Turn:
    """A contestant that does whole jobs."""
    return repeated(partial(do_jobs, trainer))


def measure(seconds: float, min_rounds: int = 5) -> Results:
    """Seconds for a job."""
    trainers: dict[str, Callable[[Work], Runs]] = {
        OURS: FitTrainer,
        "tinygrad_mlp, compile and a loop": OurTrainer,
        "torch": TorchTrainer,
        "torch, fused Adam": partial(TorchTrainer, fused=True),
        "scikit-learn": SklearnTrainer,
    }
    makers: dict[str, Make] = {
        name: partial(jobs_of, trainer) for name, trainer in trainers.items()
    }
    return contest(makers, seconds, min_rounds)


def report(seconds: float) -> str:
    """The table."""
    results = measure(seconds)
    table = comparison(results.of(""), "ms", 1e3, relative_to=OURS, missing=results.missing)
    return f"A whole job, compiling included: {SMALL.title}.\n\n{table}"
