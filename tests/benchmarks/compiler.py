"""Compiled programs against NumPy by hand, torch, jax, CasADi and scikit-learn, at works A, B, C."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tests.benchmarks.numpy_by_hand import numpy_trainer
from tests.benchmarks.timing import Make, Timing, Turn, comparison, interleaved, set_up
from tests.benchmarks.trainers import (
    CasadiTrainer,
    JaxTrainer,
    OurTrainer,
    SklearnTrainer,
    TorchTrainer,
)
from tests.benchmarks.works import WORKS, Trainer, Work

__all__ = ["OURS", "contestants", "measure", "report"]

OURS = "tinygrad_mlp, compiled"
NUMPY = "NumPy by hand"


def contestants(work: Work) -> dict[str, Callable[[Work], Trainer]]:
    """Who takes part in a work, by name."""
    trainers: dict[str, Callable[[Work], Trainer]] = {
        NUMPY: numpy_trainer,
        OURS: OurTrainer,
        "torch": TorchTrainer,
    }
    if work.optimizer == "Adam":
        trainers["torch, fused Adam"] = partial(TorchTrainer, fused=True)
    trainers["jax.jit"] = JaxTrainer
    if work.name == "A":
        trainers["CasADi and a C compiler"] = CasadiTrainer
    trainers["scikit-learn"] = SklearnTrainer
    return trainers


def turn_of(trainer: Callable[[Work], Trainer], work: Work) -> Turn:
    return trainer(work).turn


def measure(work: Work, seconds: float) -> tuple[dict[str, Timing], list[str]]:
    """The timings of one work, by contestant, and who is not installed."""
    makers: dict[str, Make] = {
        name: partial(turn_of, trainer, work) for name, trainer in contestants(work).items()
    }
    contest = set_up(makers)
    return interleaved(contest.turns, seconds), contest.missing


def report(seconds: float) -> str:
    """One table for each work."""
    parts = []
    for work in WORKS:
        timings, missing = measure(work, seconds)
        table = comparison(
            timings,
            unit=f"µs per {work.unit}",
            per_unit=1e6 / work.units_per_turn,
            relative_to=NUMPY,
            missing=missing,
        )
        parts.append(f"**{work.name}.** {work.title}.\n\n{table}")
    return "\n\n".join(parts)
