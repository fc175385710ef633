"""What ``fit`` adds to the loop that it runs, many steps in a call; beside a call for each step."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from tests.benchmarks.contest import Make, Results, Turn, clock, contest, repeated
from tests.benchmarks.timing import markdown, number
from tests.benchmarks.trainers import OurEpochTrainer, OurTrainer
from tests.benchmarks.works import A, B, C, Work
from tinygrad_mlp import optim
from tinygrad_mlp._native._library import load
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import fit

__all__ = ["EPOCHS", "FIT", "LOOP", "WORKS", "measure", "report"]

FIT: Final = "fit"
LOOP: Final = "program and step_array"
EPOCHS: Final = "many steps in a call"
N_EPOCHS: Final = {"A": 20_000, "B": 200, "C": 2_000}
"""So many that they take longer than to check and to compile, which is measured by itself."""

WORKS: Final = (
    A,
    B,
    replace(C, X=C.X.astype(np.float64), targets=C.targets.astype(np.float64)),  # as ``fit`` has it
)


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


def epochs_turn(work: Work) -> Turn:
    """The same, many steps in a call of the C library."""
    return repeated(OurEpochTrainer(work).run)


def measure(work: Work, seconds: float, min_rounds: int = 5) -> Results:
    """Seconds for an epoch."""
    makers: dict[str, Make] = {LOOP: partial(loop_turn, work), FIT: partial(fit_turn, work)}
    if load() is not None:
        makers[EPOCHS] = partial(epochs_turn, work)
    return contest(makers, seconds, min_rounds)


def report(seconds: float) -> str:
    """The table of works A, B and C, all in float64."""
    rows = []
    for work in WORKS:
        results = measure(work, seconds / len(WORKS))
        timings = results.of("")
        title = work.title.replace("float32", "float64")
        row = [f"**{work.name}.** {title}", number(timings[LOOP].median * 1e6)]
        of_epochs = ["", ""]
        if EPOCHS in timings:
            of_epochs = [number(timings[EPOCHS].median * 1e6), number(results.ratio(FIT, EPOCHS))]
        rows.append([*row, of_epochs[0], number(timings[FIT].median * 1e6), of_epochs[1]])
    columns = [f"{name}, µs" for name in (LOOP, EPOCHS, FIT)]
    table = markdown(["", *columns, f"fit × {EPOCHS}"], rows)
    return f"An epoch of `fit`, beside the loop that it runs.\n\n{table}"
