"""Graphs with nothing regular in them: compiling, replaying, and the same eagerly and in CasADi."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final
from unittest.mock import patch

import numpy as np

from tests.benchmarks.contest import clock
from tests.benchmarks.scalars import RandomGraph
from tests.benchmarks.timing import Timing, markdown, number
from tests.benchmarks.works import Array
from tinygrad_mlp._native import _library as native_library
from tinygrad_mlp.compiler import _translation as translation
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.compiler._backends.arithmetic import Arithmetic
from tinygrad_mlp.compiler._backends.choice import Choice
from tinygrad_mlp.compiler._backends.native_tape import NativeTape
from tinygrad_mlp.compiler._backends.protocol import Backend, Memory
from tinygrad_mlp.engine import Value

__all__ = ["SIZES", "measure", "report", "ways"]

SIZES: Final = (1_000, 3_000, 10_000, 30_000)
WAYS_AT: Final = (1_000, 10_000)
CALLS: Final = 20
"""Calls in a turn."""


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


def ways(n_nodes: int, seconds: float) -> tuple[dict[str, float], dict[str, Timing]]:
    """For each way to replay a recorded graph, the seconds to make it, and those of a call.

    That is the call of a program of ours, and in CasADi that of a function on buffers; all give
    the loss and the gradients.
    """
    graph = RandomGraph(n_nodes, rng=0)
    inputs = np.random.default_rng(0).normal(size=graph.n_inputs)
    calls: dict[str, Callable[[], Any]] = {}
    made: dict[str, float] = {}
    backends: dict[str, Backend] = {"Python text": Arithmetic()}
    library = native_library.load()
    if library is not None:
        backends["native tape"] = NativeTape(library)
    for name, backend in backends.items():
        program = compile(graph, graph.weights)
        with patch.object(translation, "choose", partial(_chosen, backend)):
            program(inputs)
        lowered = program._traced().lowered
        start = clock()
        prepared = backend.prepare(lowered)
        prepared.bind(Memory(0, inputs.dtype, program.parameters, program.gradients))
        made[name] = clock() - start
        calls[name] = partial(program, inputs)
    if find_spec("casadi") is not None:
        made["CasADi"], calls["CasADi"] = in_casadi(graph, inputs)
    expected = calls["Python text"]()
    for name, call in calls.items():
        assert abs(call() - expected) < 1e-12 * abs(expected), name
    times: dict[str, list[float]] = {name: [] for name in calls}
    end = clock() + seconds
    while clock() < end:
        for name, call in calls.items():
            start = clock()
            for _ in range(CALLS):
                call()
            times[name].append((clock() - start) / CALLS)
    return made, {name: Timing(each) for name, each in times.items()}


def _chosen(backend: Backend, *_: object) -> Choice:
    return Choice(backend, "the benchmark asks for it")


def in_casadi(graph: RandomGraph, inputs: Array) -> tuple[float, Callable[[], float]]:
    """The seconds to differentiate the same graph in CasADi's scalars, and a call of it."""
    ca: Any = import_module("casadi")
    w, x = ca.SX.sym("w", graph.n_inputs), ca.SX.sym("x", graph.n_inputs)
    nodes = [*ca.vertsplit(w), *ca.vertsplit(x)]
    unused = set(range(len(nodes) + len(graph.recipe)))
    for kind, i, j in graph.recipe:
        a, b = nodes[i], nodes[j]
        unused -= {i, j}
        if kind < 3:
            nodes.append((a + b, a - b, a * b)[kind])
        else:
            nodes.append(ca.tanh(a) if kind == 3 else 1.0 / (1.0 + ca.exp(-a)))
    loss = sum([ca.tanh(nodes[i]) for i in sorted(unused)]) / len(unused)
    start = clock()
    function = ca.Function("f", [w, x], [loss, ca.gradient(loss, w)])
    buffer, call = function.buffer()
    seconds = clock() - start
    weights = np.array([weight.data for weight in graph.weights])
    found, gradients = np.empty(1), np.empty(graph.n_inputs)
    buffer.set_arg(0, weights.data)
    buffer.set_arg(1, inputs.data)
    buffer.set_res(0, found.data)
    buffer.set_res(1, gradients.data)

    def called(alive: object = (buffer, weights, inputs, gradients)) -> float:
        call()  # which works on what has to be kept alive
        return float(found[0])

    return seconds, called


def report(seconds: float) -> str:
    """The tables."""
    rows = []
    for n_nodes in SIZES:
        to_compile, replay, eager = measure(n_nodes, 0.5 * seconds / len(SIZES))
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
    table = markdown(header, rows)
    rows = []
    for n_nodes in WAYS_AT:
        made, timings = ways(n_nodes, 0.5 * seconds / len(WAYS_AT))
        for name, timing in timings.items():
            ratio = timing.minimum / timings["Python text"].minimum
            cells = [1e3 * made[name], 1e6 * timing.minimum, ratio]
            rows.append([f"{n_nodes:,} nodes: {name}", *map(number, cells)])
    header = ["way", "to make, ms", "a call, µs (least)", "× Python text"]
    return f"Random graphs of scalars.\n\n{table}\n\n{markdown(header, rows)}"
