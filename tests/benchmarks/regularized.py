"""Batch norm, dropout and noise on the inputs together: an epoch of 64-32-10, here and in torch."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from tests.benchmarks.contest import Make, Results, Turn, contest, repeated
from tests.benchmarks.timing import markdown, number
from tests.benchmarks.works import Array, B
from tinygrad_mlp.data import GaussianNoise
from tinygrad_mlp.losses import loss_named
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.optim import Adam
from tinygrad_mlp.training._compiled import CompiledEngine
from tinygrad_mlp.training._engines import Objective

__all__ = ["NOISY", "OURS", "PLAIN", "TORCH", "OurSteps", "TorchSteps", "measure", "report"]

OURS: Final = "tinygrad_mlp"
TORCH: Final = "torch, fused Adam"
PLAIN: Final = "batch norm, dropout 0.2"
NOISY: Final = "batch norm, dropout 0.2, Gaussian noise"
BATCH: Final = 128
DROPOUT: Final = 0.2
N_BATCHES: Final = len(B.X) // BATCH
"""Whole batches: the last samples of an order are left out, as a batch of few would be another
work."""


class Noise:
    """Noise on a batch, drawn by NumPy for both: that is no part of what is compared."""

    def __init__(self, on: bool) -> None:
        self.on, self.rng, self.draw = on, np.random.default_rng(1), GaussianNoise(0.1)

    def __call__(self, X: Array, targets: Array) -> Array:
        return self.draw(X, targets, self.rng)[0] if self.on else X


class OurSteps:
    """The steps that ``fit`` takes by default."""

    def __init__(self, noisy: bool) -> None:
        self.noise, self.rng = Noise(noisy), np.random.default_rng(0)
        self.model = MLP(64, [32, 10], batch_norm=True, dropout=DROPOUT, rng=0).train()
        objective = Objective(loss_named("categorical_cross_entropy"))
        optimizer = Adam(self.model.parameters(), B.learning_rate)
        self.engine = CompiledEngine(self.model, objective, optimizer)

    def run(self, n_epochs: int) -> float:
        for _ in range(n_epochs):
            order = self.rng.permutation(len(B.X))
            for batch in order[: N_BATCHES * BATCH].reshape(N_BATCHES, BATCH):
                targets = B.targets.take(batch, 0)
                loss = self.engine.step(self.noise(B.X.take(batch, 0), targets), targets)
                self.engine.update()
        return loss


class TorchSteps:
    """The same network in torch, as its tutorials have it, float64."""

    def __init__(self, noisy: bool) -> None:
        import torch

        torch.set_num_threads(1)
        self.noise, self.rng, self.from_numpy = (
            Noise(noisy),
            np.random.default_rng(0),
            torch.from_numpy,
        )
        self.model = torch.nn.Sequential(
            torch.nn.Linear(64, 32),
            torch.nn.BatchNorm1d(32),
            torch.nn.ReLU(),
            torch.nn.Dropout(DROPOUT),
            torch.nn.Linear(32, 10),
        ).double()
        self.loss = torch.nn.functional.cross_entropy
        self.optimizer = torch.optim.Adam(self.model.parameters(), B.learning_rate, fused=True)

    def run(self, n_epochs: int) -> float:
        for _ in range(n_epochs):
            order = self.rng.permutation(len(B.X))
            for batch in order[: N_BATCHES * BATCH].reshape(N_BATCHES, BATCH):
                labels = B.labels.take(batch, 0)
                x = self.from_numpy(self.noise(B.X.take(batch, 0), labels))
                self.optimizer.zero_grad()
                loss = self.loss(self.model(x), self.from_numpy(labels))
                loss.backward()
                self.optimizer.step()
        return float(loss.item())


def our_turn(noisy: bool) -> Turn:
    """Seconds for an epoch."""
    return repeated(OurSteps(noisy).run)


def torch_turn(noisy: bool) -> Turn:
    """Likewise."""
    return repeated(TorchSteps(noisy).run)


def measure(seconds: float, min_rounds: int = 5) -> dict[str, Results]:
    """Seconds for an epoch, without and with noise."""
    found = {}
    for title, noisy in ((PLAIN, False), (NOISY, True)):
        makers: dict[str, Make] = {
            OURS: partial(our_turn, noisy),
            TORCH: partial(torch_turn, noisy),
        }
        found[title] = contest(makers, seconds / 2, min_rounds)
    return found


def report(seconds: float) -> str:
    """The table."""
    rows = []
    for title, results in measure(seconds).items():
        times = [number(results.of("")[name].median * 1e6) for name in (OURS, TORCH)]
        rows.append([title, *times, number(results.ratio(TORCH, OURS))])
    heads = ["64-32-10 relu with", f"{OURS}, µs", f"{TORCH}, µs", "times as fast"]
    return f"An epoch of {N_BATCHES} batches of {BATCH} digits, float64.\n\n{markdown(heads, rows)}"
