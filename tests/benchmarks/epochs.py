"""Whole epochs, as ``fit`` runs them, against jax, torch and scikit-learn in their best forms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from tests.benchmarks.compiler import EPOCHS, NUMPY, OURS, SCAN, turn_of
from tests.benchmarks.contest import Make, Turn, contest, repeated
from tests.benchmarks.numpy_by_hand import numpy_trainer
from tests.benchmarks.timing import Timing, markdown, number
from tests.benchmarks.trainers import (
    JaxScanTrainer,
    JaxTrainer,
    OurEpochTrainer,
    OurTrainer,
    SklearnTrainer,
    TorchCompileTrainer,
    TorchTrainer,
)
from tests.benchmarks.works import A, B, C, Trainer, Work, random_images
from tinygrad_mlp.data import one_hot

__all__ = ["BATCH_SIZES", "HIDDEN", "WORKS", "report", "report_map"]


BATCH_SIZES: Final = (1, 8, 32, 128, 1024)
HIDDEN: Final = (8, 32, 128, 512)


D: Final = Work(
    "D",
    "784-512-512-10 relu, a batch of 128, cross-entropy, SGD, float32",
    (784, 512, 512, 10),
    "cross-entropy",
    "SGD",
    0.01,
    *random_images(128),
)
WORKS: Final = {
    "A": A,
    "A1": replace(A, name="A1", batch_size=1),
    "B": B,
    "B16": replace(B, name="B16", batch_size=16),
    "B1": replace(B, name="B1", batch_size=1),
    "C": C,
    "D": D,
}


def trainers(work: Work) -> dict[str, Callable[[Work], Trainer]]:
    """Who takes part in a work, by name."""
    found: dict[str, Callable[[Work], Trainer]] = {EPOCHS: OurEpochTrainer, OURS: OurTrainer}
    if work.name not in ("A1", "D"):  # it is not written for these
        found[NUMPY] = numpy_trainer
    found["jax.jit of a step"] = JaxTrainer
    found[SCAN] = JaxScanTrainer
    found["torch"] = partial(TorchTrainer, fused=work.optimizer == "Adam")
    if work.name in ("A", "B", "C", "D"):  # the others are these with smaller batches
        found["torch.compile"] = partial(TorchCompileTrainer, fused=work.optimizer == "Adam")
    return found


def report(seconds: float) -> str:
    """A column for each work: how long an epoch takes, as a multiple of that of jax."""
    columns: dict[str, dict[str, str]] = {}
    rows: dict[str, None] = {}
    for name, work in WORKS.items():
        makers: dict[str, Make] = {
            who: partial(turn_of, trainer, work) for who, trainer in trainers(work).items()
        }
        results = contest(makers, seconds)
        timings = results.of("")
        reference = timings.get(SCAN)
        columns[name] = {who: _cell(timing, reference) for who, timing in timings.items()}
        rows |= dict.fromkeys(makers)
    table = [[who, *[columns[name].get(who, "") for name in WORKS]] for who in rows]
    return markdown(["µs an epoch (× jax scan)", *WORKS], table)


def _cell(timing: Timing, reference: Timing | None) -> str:
    text = number(timing.median * 1e6)
    return text if reference is None else f"{text} ({timing.over(reference):.2f})"


# Over sizes


def work_of(batch_size: int, n_hidden: int) -> Work:
    """A classifier of 64 features and 10 classes, 2,048 samples, Adam, float64."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2048, 64))
    targets = one_hot(rng.integers(0, 10, 2048), 10)
    sizes = (64, n_hidden, 10)
    title = f"64-{n_hidden}-10, batches of {batch_size}"
    return Work("map", title, sizes, "cross-entropy", "Adam", 0.001, X, targets, batch_size)


def turn_over_sizes(trainer: Callable[[Work], Trainer]) -> Turn:
    """A contestant that trains at all sizes, one after the other."""
    turns = {
        f"{batch_size} {n_hidden}": repeated(trainer(work_of(batch_size, n_hidden)).run)
        for batch_size in BATCH_SIZES
        for n_hidden in HIDDEN
    }

    def turn() -> dict[str, float]:
        return {name: of_size()[""] for name, of_size in turns.items()}

    return turn


def report_map(seconds: float) -> str:
    """Our time over that of the fastest other one, and who that is, for each size."""
    rivals: dict[str, Callable[[Work], Trainer]] = {
        "torch": partial(TorchTrainer, fused=True),
        "jax step": JaxTrainer,
        "jax scan": JaxScanTrainer,
        "scikit-learn": SklearnTrainer,
    }
    makers: dict[str, Make] = {EPOCHS: partial(turn_over_sizes, OurEpochTrainer)}
    makers |= {who: partial(turn_over_sizes, trainer) for who, trainer in rivals.items()}
    results = contest(makers, seconds)
    rows = []
    for batch_size in BATCH_SIZES:
        row = [f"batches of {batch_size}"]
        for n_hidden in HIDDEN:
            timings = results.of(f"{batch_size} {n_hidden}")
            others = {who: timing for who, timing in timings.items() if who != EPOCHS}
            best = min(others, key=lambda who: others[who].median)
            row.append(f"{timings[EPOCHS].over(others[best]):.2f} ({best})")
        rows.append(row)
    return markdown(["", *[f"{n} hidden" for n in HIDDEN]], rows)
