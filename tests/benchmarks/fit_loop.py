"""What ``fit`` adds to the loop that it runs: the program, and a step of the optimizer."""

from __future__ import annotations

from functools import partial
from typing import Final

from tests.benchmarks.contest import Make, Results, Turn, clock, contest, repeated
from tests.benchmarks.timing import markdown, number
from tests.benchmarks.trainers import OurTrainer
from tests.benchmarks.works import A, B, Work
from tinygrad_mlp import optim
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import fit

__all__ = ["FIT", "LOOP", "measure", "report"]

FIT: Final = "fit"
LOOP: Final = "program and step_array"
N_EPOCHS: Final = {"A": 1000, "B": 20}
"""So many that a turn is long enough."""


def train(work: Work, n_epochs: int) -> None:
    """A whole ``fit`` of a new model."""
    regression = work.loss == "mean squared error"
    model = MLP(work.layer_sizes[0], work.layer_sizes[1:], rng=0)
    kind = optim.SGD if work.optimizer == "SGD" else optim.Adam
    fit(
        model,
        work.X,
        work.targets if regression else work.labels,
        epochs=n_epochs,
        batch_size=work.batch_size,
        loss="mean_squared_error" if regression else "categorical_cross_entropy",
        optimizer=kind(model.parameters(), work.learning_rate),
        rng=0,
        log_every=None,
        progress=False,
    )


def fit_turn(work: Work) -> Turn:
    """Seconds for each epoch after the first, which compiles."""
    n_epochs = N_EPOCHS[work.name]
    train(work, 2)

    def turn() -> dict[str, float]:
        start = clock()
        train(work, 1)
        between = clock()
        train(work, n_epochs + 1)
        return {"": (clock() - between - (between - start)) / n_epochs}

    return turn


def loop_turn(work: Work) -> Turn:
    """The bare loop over the same batches."""
    return repeated(OurTrainer(work).run)


def measure(work: Work, seconds: float, min_rounds: int = 5) -> Results:
    """Seconds for an epoch."""
    makers: dict[str, Make] = {LOOP: partial(loop_turn, work), FIT: partial(fit_turn, work)}
    return contest(makers, seconds, min_rounds)


def report(seconds: float) -> str:
    """The table of works A and B."""
    rows = []
    for work in (A, B):
        results = measure(work, seconds / 2)
        timings = results.of("")
        times = [number(timings[name].median * 1e6) for name in (LOOP, FIT)]
        rows.append([f"**{work.name}.** {work.title}", *times, number(results.ratio(FIT, LOOP))])
    table = markdown(["", f"{LOOP}, µs", f"{FIT}, µs", "× the loop"], rows)
    return f"An epoch of `fit`, beside the loop that it runs.\n\n{table}"
