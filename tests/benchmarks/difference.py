"""How far apart the C library and NumPy are after a long training, which begins and goes alike.

Sums in another order differ in the last digit, and training makes such differences larger or
smaller. How much so, a third training says: that of NumPy from weights of which each is the next
number that there is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal

import numpy as np

from tests.benchmarks.timing import markdown
from tests.benchmarks.trainers import OurEpochTrainer, OurTrainer
from tests.benchmarks.works import WORKS, Array, Work

__all__ = ["OPTIMIZERS", "measure", "report"]

N_EPOCHS: Final = 2000
OPTIMIZERS: Final[dict[Literal["SGD", "Adam"], float]] = {"SGD": 0.01, "Adam": 0.001}
"""The rate of each."""


def trained(trainer: OurTrainer, n_epochs: int) -> tuple[Array, float]:
    """The weights, and the loss of the last batch."""
    loss = trainer.run(n_epochs)
    weights = np.concatenate([numbers.ravel() for pair in trainer.weights() for numbers in pair])
    return weights, loss


def beside(work: Work) -> Work:
    """The same work, from weights that are a last digit larger each."""
    found = replace(work)
    weights = [
        (np.nextafter(W, np.inf, dtype=W.dtype), np.nextafter(b, np.inf, dtype=b.dtype))
        for W, b in work.weights
    ]
    object.__setattr__(found, "weights", weights)
    return found


def apart(one: tuple[Array, float], other: tuple[Array, float]) -> tuple[float, float]:
    """The largest difference of a weight, over the largest weight; that of the loss, over it.

    >>> apart((np.array([1.0, -4.0]), 0.5), (np.array([1.5, -4.0]), 0.25))
    (0.125, 1.0)
    """
    (found, loss), (expected, expected_loss) = one, other
    of_weights = np.abs(found - expected).max() / np.abs(expected).max()
    return float(of_weights), abs(loss - expected_loss) / abs(expected_loss)


def measure(work: Work, n_epochs: int) -> tuple[tuple[float, float], tuple[float, float], float]:
    """The C library's training beside NumPy's, NumPy's beside its neighbor's, and its loss."""
    by_numpy = trained(OurTrainer(work, "numpy"), n_epochs)
    native = trained(OurEpochTrainer(work, "native"), n_epochs)
    neighbor = trained(OurTrainer(beside(work), "numpy"), n_epochs)
    return apart(native, by_numpy), apart(neighbor, by_numpy), by_numpy[1]


def report(seconds: float) -> str:
    """The table; it takes as long as it takes."""
    rows = []
    for work in WORKS:
        for optimizer, rate in OPTIMIZERS.items():
            of_work = replace(work, optimizer=optimizer, learning_rate=rate)
            native, neighbor, loss = measure(of_work, N_EPOCHS)
            numbers = [f"{number:.1e}" for number in (*native, *neighbor, loss)]
            rows.append([f"{work.name}, {optimizer}, {work.dtype.name}", *numbers])
    who = ("C library", "NumPy, begun beside")
    header = ["", *[f"{name}: {of}" for name in who for of in ("weights", "loss")]]
    table = markdown([*header, "NumPy's loss"], rows)
    text = (
        f"Relative to NumPy's training, after {N_EPOCHS:,} epochs: the largest difference of a\n"
        "weight over the largest weight, and that of the last batch's loss."
    )
    return f"{text}\n\n{table}"
