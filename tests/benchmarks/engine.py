"""The scalar engine as it runs eagerly, against micrograd, torch and NumPy by hand.

Two pieces of work: a training step of a small network on all samples, and a long chain of three
operations. micrograd and we appear twice, with the garbage collector as each leaves it and without.
"""

from __future__ import annotations

import sys
import threading
import tracemalloc
from collections.abc import Callable
from functools import partial
from math import tanh
from typing import Any, Final

from tests.benchmarks.compiler import turn_of
from tests.benchmarks.contest import (
    Make,
    Results,
    Turn,
    as_it_ships,
    clock,
    collector_off,
    contest,
    repeated,
)
from tests.benchmarks.numpy_by_hand import numpy_trainer
from tests.benchmarks.timing import comparison, markdown, number
from tests.benchmarks.trainers import TorchTrainer
from tests.benchmarks.works import A
from tinygrad_mlp.engine import Value
from tinygrad_mlp.losses import mean_squared_error
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.optim import SGD

__all__ = ["MICROGRAD", "OURS", "measure_chain", "measure_step", "report"]

OURS: Final = "tinygrad_mlp, eager"
MICROGRAD: Final = "micrograd"


def with_and_without_collector(name: str, make: Make) -> dict[str, Make]:
    """The two contestants that come of one."""
    return {name: make, f"{name}, collector off": partial(collector_off, make)}


# A training step


class OurSteps:
    """Work A, eagerly."""

    def __init__(self) -> None:
        self.model = MLP(2, [16, 16, 1], rng=0)
        self.optimizer = SGD(self.model.parameters(), learning_rate=A.learning_rate)
        self.X, self.y = A.X.tolist(), A.targets[:, 0].tolist()

    def run(self, n_steps: int) -> float:
        """Train; the last loss."""
        for _ in range(n_steps):
            loss = mean_squared_error([self.model(x) for x in self.X], self.y)
            self.model.zero_grad()
            loss.backward()
            self.optimizer.step()
        return float(loss.data)


class MicrogradSteps:
    """The same, as micrograd's own demonstration has it."""

    def __init__(self) -> None:
        from micrograd import engine, nn

        self.value: Any = engine.Value
        self.model: Any = nn.MLP(2, [16, 16, 1])
        for parameter, ours in zip(
            self.model.parameters(), MLP(2, [16, 16, 1], rng=0).parameters()
        ):
            parameter.data = ours.data
        self.X, self.y = A.X.tolist(), A.targets[:, 0].tolist()

    def run(self, n_steps: int) -> float:
        """Train; the last loss."""
        for _ in range(n_steps):
            inputs = [list(map(self.value, x)) for x in self.X]
            losses = [(self.model(x) - t) ** 2 for x, t in zip(inputs, self.y)]
            loss: Any = sum(losses) * (1.0 / len(losses))
            self.model.zero_grad()
            loss.backward()
            for parameter in self.model.parameters():
                parameter.data -= A.learning_rate * parameter.grad
        return float(loss.data)


def steps_of(kind: type[OurSteps] | type[MicrogradSteps]) -> Turn:
    """A contestant that trains eagerly."""
    return repeated(kind().run)


def measure_step(seconds: float, min_rounds: int = 5) -> Results:
    """Seconds for a training step."""
    makers: dict[str, Make] = {
        **with_and_without_collector(OURS, partial(steps_of, OurSteps)),
        **with_and_without_collector(MICROGRAD, partial(as_it_ships, steps_of, MicrogradSteps)),
        "torch": partial(turn_of, TorchTrainer, A),
        "NumPy by hand": partial(turn_of, numpy_trainer, A),
    }
    return contest(makers, seconds, min_rounds)


# A long chain

N_LINKS: Final = 100_000
N_NODES: Final = 3 * N_LINKS


def our_chain() -> Any:
    """x <- tanh(x a + b), many times."""
    x, a, b = Value(0.1), Value(0.9), Value(0.05)
    for _ in range(N_LINKS):
        x = (x * a + b).tanh()
    return x


def micrograd_chain() -> Any:
    """The same; micrograd has no tanh, so it gets one, written as its other operations are."""
    from micrograd.engine import Value as MicrogradValue

    def tanh_of(x: Any) -> Any:
        out: Any = MicrogradValue(tanh(x.data), (x,), "tanh")

        def _backward() -> None:
            x.grad += (1 - out.data**2) * out.grad

        out._backward = _backward
        return out

    x, a, b = MicrogradValue(0.1), MicrogradValue(0.9), MicrogradValue(0.05)
    for _ in range(N_LINKS):
        x = tanh_of(x * a + b)
    return x


def chain_of(build: Callable[[], Any]) -> Turn:
    """A contestant that builds the chain and walks back through it, where recursion may be deep."""
    sys.setrecursionlimit(10**6)
    threading.stack_size(512 * 2**20)
    tracemalloc.start()
    graph = build()
    n_bytes = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del graph

    def turn() -> dict[str, float]:
        measured = {"bytes": n_bytes / N_NODES}
        thread = threading.Thread(target=measure, args=(measured,))
        thread.start()
        thread.join()
        return measured

    def measure(measured: dict[str, float]) -> None:
        start = clock()
        graph = build()
        middle = clock()
        graph.backward()
        end = clock()
        measured["forward"] = (middle - start) / N_NODES
        measured["backward"] = (end - middle) / N_NODES

    return turn


def measure_chain(seconds: float, min_rounds: int = 5) -> Results:
    """Seconds for a node, forward and backward, and its bytes."""
    makers = {
        **with_and_without_collector(OURS, partial(chain_of, our_chain)),
        **with_and_without_collector(MICROGRAD, partial(as_it_ships, chain_of, micrograd_chain)),
    }
    return contest(makers, seconds, min_rounds)


# The tables


def report(seconds: float) -> str:
    """Both tables."""
    step = measure_step(seconds)
    steps = comparison(step.of(""), "ms", 1e3, relative_to=OURS, missing=step.missing)
    rows = []
    for name, measured in measure_chain(seconds).timings.items():
        forward, backward = measured["forward"], measured["backward"]
        times = (forward.median, forward.minimum, backward.median, backward.minimum)
        rows.append([name, *[number(1e9 * s) for s in times], number(measured["bytes"].median)])
    header = ["", "forward ns", "minimum", "backward ns", "minimum", "bytes"]
    return (
        f"A training step, eagerly: 2-16-16-1 relu, 100 samples, float64.\n\n{steps}\n\n"
        f"x <- tanh(x a + b), {N_LINKS:,} times, for each node.\n\n{markdown(header, rows)}"
    )
