"""Compiled programs at works A, B and C, against NumPy by hand, torch, jax and others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tests.benchmarks.contest import Make, Results, Turn, contest, repeated
from tests.benchmarks.numpy_by_hand import numpy_trainer
from tests.benchmarks.timing import comparison
from tests.benchmarks.trainers import (
    CasadiTrainer,
    JaxScanTrainer,
    JaxTrainer,
    OurEpochTrainer,
    OurTrainer,
    SklearnTrainer,
    TorchTrainer,
)
from tests.benchmarks.works import WORKS, Trainer, Work
from tinygrad_mlp._native import _library as native_library

__all__ = ["EPOCHS", "NUMPY", "OURS", "SCAN", "measure", "report", "trainers"]

OURS = "tinygrad_mlp, compiled"
EPOCHS = "tinygrad_mlp, many steps in a call"
NUMPY = "NumPy by hand"
SCAN = "jax.jit of the epoch (scan)"


def trainers(work: Work) -> dict[str, Callable[[Work], Trainer]]:
    """Who takes part in a work, by name."""
    found: dict[str, Callable[[Work], Trainer]] = {
        NUMPY: numpy_trainer,
        OURS: OurTrainer,
    }
    if native_library.load() is not None:
        found[EPOCHS] = OurEpochTrainer
    found["torch"] = TorchTrainer
    if work.optimizer == "Adam":
        found["torch, fused Adam"] = partial(TorchTrainer, fused=True)
    found["jax.jit"] = JaxTrainer
    found[SCAN] = JaxScanTrainer
    if work.name == "A":
        found["CasADi and a C compiler"] = CasadiTrainer
    found["scikit-learn"] = SklearnTrainer
    return found


def turn_of(trainer: Callable[[Work], Trainer], work: Work) -> Turn:
    """A contestant that trains."""
    return repeated(trainer(work).run)


def measure(work: Work, seconds: float, min_rounds: int = 5) -> Results:
    """Seconds for an epoch of one work."""
    makers: dict[str, Make] = {
        name: partial(turn_of, trainer, work) for name, trainer in trainers(work).items()
    }
    return contest(makers, seconds, min_rounds)


def report(seconds: float) -> str:
    """One table for each work."""
    parts = []
    for work in WORKS:
        unit = "µs per step" if work.batch_size is None else "µs per epoch"
        results = measure(work, seconds)
        table = comparison(results.of(""), unit, 1e6, relative_to=NUMPY, missing=results.missing)
        parts.append(f"**{work.name}.** {work.title}.\n\n{table}")
    return "\n\n".join(parts)
