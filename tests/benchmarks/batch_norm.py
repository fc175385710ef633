"""What batch normalization adds to an epoch, here and in torch: 64-128-64-10, batches of 128."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Final

import numpy as np

from tests.benchmarks.contest import Make, Results, Turn, contest, repeated
from tests.benchmarks.timing import markdown, number
from tests.benchmarks.works import B, Work
from tinygrad_mlp.engine import Value
from tinygrad_mlp.functional import Scalar, relu
from tinygrad_mlp.losses import loss_named
from tinygrad_mlp.nn import BatchNorm, Layer, Module
from tinygrad_mlp.optim import Adam
from tinygrad_mlp.training._compiled import CompiledEngine
from tinygrad_mlp.training._engines import Objective

__all__ = [
    "OURS",
    "TORCH",
    "WITHOUT",
    "WORK",
    "OurEpochs",
    "TorchEpochs",
    "measure",
    "report",
]

OURS: Final = "tinygrad_mlp"
TORCH: Final = "torch, fused Adam"
WITHOUT: Final = ", without"
WORK: Final = replace(
    B,
    title="64-128-64-10 relu, digits (1437 samples, batches of 128), cross-entropy, Adam, float64",
    layer_sizes=(64, 128, 64, 10),
)


class Net(Module):
    """The work's network, with a norm before each activation, or without."""

    def __init__(self, work: Work, normed: bool) -> None:
        rng = np.random.default_rng(0)
        sizes = work.layer_sizes
        self.layers = [Layer(n, m, None, rng=rng) for n, m in pairwise(sizes)]
        self.norms = [BatchNorm(m) for m in sizes[1:-1]] if normed else []

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        for i, layer in enumerate(self.layers[:-1]):
            h = layer.forward(x)
            x = [relu(a) for a in (self.norms[i].forward(h) if self.norms else h)]
        return self.layers[-1].forward(x)


class OurEpochs:
    """Steps of the engine that ``fit`` takes by default."""

    def __init__(self, work: Work, normed: bool) -> None:
        self.work = work
        self.rng = np.random.default_rng(0)
        self.model = Net(work, normed)
        objective = Objective(loss_named("categorical_cross_entropy"))
        optimizer = Adam(self.model.parameters(), work.learning_rate)
        self.engine = CompiledEngine(self.model, objective, optimizer)

    def run(self, n_epochs: int) -> float:
        work, engine = self.work, self.engine
        for batch in work.batches(self.rng, n_epochs):
            assert batch is not None
            loss = engine.step(work.X.take(batch, 0), work.targets.take(batch, 0))
            engine.update()
        return loss


class TorchEpochs:
    """The same network in torch, eager, with the same first weights."""

    def __init__(self, work: Work, normed: bool) -> None:
        import torch

        torch.set_num_threads(1)
        self.work = work
        self.rng = np.random.default_rng(0)
        self.X, self.labels = torch.from_numpy(work.X), torch.from_numpy(work.labels)
        state = Net(work, normed).state_dict()
        layers: list[torch.nn.Module] = []
        for i, (n, m) in enumerate(pairwise(work.layer_sizes)):
            layer = torch.nn.Linear(n, m, dtype=torch.float64)
            layer.weight = torch.nn.Parameter(torch.tensor(state[f"layers.{i}.weight"]))
            layer.bias = torch.nn.Parameter(torch.tensor(state[f"layers.{i}.bias"]))
            norm = [torch.nn.BatchNorm1d(m, dtype=torch.float64)] if normed else []
            layers += [layer, *norm, torch.nn.ReLU()]
        self.model = torch.nn.Sequential(*layers[: -2 if normed else -1])
        self.loss = torch.nn.functional.cross_entropy
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), lr=work.learning_rate, fused=True
        )
        self.from_numpy = torch.from_numpy

    def run(self, n_epochs: int) -> float:
        for batch in self.work.batches(self.rng, n_epochs):
            indices = self.from_numpy(batch)
            self.optimizer.zero_grad()
            loss = self.loss(self.model(self.X[indices]), self.labels[indices])
            loss.backward()
            self.optimizer.step()
        return float(loss.item())


def our_turn(normed: bool) -> Turn:
    """Seconds for an epoch."""
    return repeated(OurEpochs(WORK, normed).run)


def torch_turn(normed: bool) -> Turn:
    """Likewise."""
    return repeated(TorchEpochs(WORK, normed).run)


def measure(seconds: float, min_rounds: int = 5) -> Results:
    """Seconds for an epoch with batch norm and without."""
    makers: dict[str, Make] = {}
    for name, turn in ((OURS, our_turn), (TORCH, torch_turn)):
        makers[name + WITHOUT] = partial(turn, False)
        makers[name] = partial(turn, True)
    return contest(makers, seconds, min_rounds)


def report(seconds: float) -> str:
    """The table."""
    results = measure(seconds)
    timings = results.of("")
    rows = []
    for name in (OURS, TORCH):
        if name in results.missing:
            continue
        times = [number(timings[which].median * 1e6) for which in (name + WITHOUT, name)]
        rows.append([name, *times, number(results.ratio(name, name + WITHOUT))])
    heads = ["", "without, µs", "with batch norm, µs", "× without"]
    return f"An epoch of {WORK.title}.\n\n{markdown(heads, rows)}"
