"""Graphs with nothing regular in them: compiling, replaying, and the same eagerly."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Final

import numpy as np

from tests.benchmarks.contest import clock
from tests.benchmarks.scalars import RandomGraph
from tests.benchmarks.timing import Timing, markdown, number
from tests.benchmarks.works import Array
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.engine import Value

__all__ = ["SIZES", "measure", "report"]

SIZES: Final = (1_000, 3_000, 10_000, 30_000)


def eagerly(graph: RandomGraph, inputs: Sequence[float]) -> Array:
    """The gradients, by making the graph anew."""
    for weight in graph.weights:
        weight.zero_grad()
    graph([Value(x) for x in inputs]).backward()
    return np.array([weight.grad for weight in graph.weights])


def measure(n_nodes: int, seconds: float, min_rounds: int = 3) -> tuple[float, Timing, Timing]:
    """The seconds to compile; those of a replay; those of the same eagerly, in turns."""
    graph = RandomGraph(n_nodes, rng=0)
    inputs = np.random.default_rng(0).normal(size=graph.n_inputs)
    numbers = inputs.tolist()
    gc.collect()
    program = compile(graph, graph.weights)
    start = clock()
    program(inputs)
    to_compile = clock() - start
    replays: list[float] = []
    eager: list[float] = []
    end = clock() + seconds
    while len(replays) < min_rounds or clock() < end:
        start = clock()
        program(inputs)
        middle = clock()
        eagerly(graph, numbers)
        replays.append(middle - start)
        eager.append(clock() - middle)
    return to_compile, Timing(replays), Timing(eager)


def report(seconds: float) -> str:
    """The table."""
    rows = []
    for n_nodes in SIZES:
        to_compile, replay, eager = measure(n_nodes, seconds / len(SIZES))
        rows.append(
            [
                f"{n_nodes:,}",
                number(1e3 * to_compile),
                number(1e6 * to_compile / n_nodes),
                number(1e3 * replay.median),
                number(1e3 * eager.median),
                number(eager.over(replay)),
            ]
        )
    header = ["nodes", "compile ms", "µs per node", "replay ms", "eager ms", "× replay"]
    return f"Random graphs of scalars.\n\n{markdown(header, rows)}"
