"""What a frozen body saves: a training step with all layers, and with the last one alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from tests.benchmarks.contest import Make, Results, Turn, contest, repeated
from tests.benchmarks.timing import comparison
from tests.benchmarks.trainers import OurTrainer, TorchTrainer
from tests.benchmarks.works import B, C, Work

__all__ = [
    "FROZEN",
    "TORCH",
    "TORCH_FROZEN",
    "WHOLE",
    "freeze_body",
    "freeze_torch_body",
    "measure",
    "report",
]

WHOLE: Final = "all layers"
FROZEN: Final = "all but the last frozen"
TORCH: Final = "torch, all layers"
TORCH_FROZEN: Final = "torch, all but the last frozen"


def freeze_body(trainer: OurTrainer) -> None:
    """Freeze all layers but the last."""
    for layer in trainer.model.layers[:-1]:
        layer.freeze()


def freeze_torch_body(trainer: TorchTrainer) -> None:
    """The same in torch: its last layer has two tensors."""
    for parameter in list(trainer.model.parameters())[:-2]:
        parameter.requires_grad_(False)


def our_turn(work: Work, frozen: bool) -> Turn:
    """Steps of a compiled program and its optimizer, which holds all parameters."""
    trainer = OurTrainer(work)
    if frozen:
        freeze_body(trainer)
    return repeated(trainer.run)


def torch_turn(work: Work, frozen: bool) -> Turn:
    """The same with ``requires_grad_``."""
    trainer = TorchTrainer(work)
    if frozen:
        freeze_torch_body(trainer)
    return repeated(trainer.run)


def measure(work: Work, seconds: float, min_rounds: int = 5) -> Results:
    """Seconds for a step, or for an epoch."""
    turns: dict[str, tuple[Callable[[Work, bool], Turn], bool]] = {
        WHOLE: (our_turn, False),
        FROZEN: (our_turn, True),
        TORCH: (torch_turn, False),
        TORCH_FROZEN: (torch_turn, True),
    }
    makers: dict[str, Make] = {
        name: partial(turn, work, frozen) for name, (turn, frozen) in turns.items()
    }
    return contest(makers, seconds, min_rounds)


def report(seconds: float) -> str:
    """A table for each of the works B and C."""
    tables = []
    for work in (B, C):
        timings = measure(work, seconds / 2).of("")
        table = comparison(timings, f"µs per {work.unit}", 1e6, relative_to=WHOLE)
        tables.append(f"**{work.name}.** {work.title}.\n\n{table}")
    return "\n\n".join(tables)
