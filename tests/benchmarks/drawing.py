"""What looking at graphs of about 10, 100 and 500 nodes costs: step log, drawings, web page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

import viz
from tests.benchmarks.timing import markdown, number
from tinygrad_mlp.debug import trace_backward, trace_forward
from tinygrad_mlp.engine import Value, topological_order
from tinygrad_mlp.nn import MLP

__all__ = ["SIZES", "loss_of_size", "report"]

SIZES: Final = {10: (1, [1, 1]), 100: (3, [6, 6, 1]), 500: (4, [14, 14, 7, 1])}
"""For each number of nodes the network whose loss has about as many."""

DETAILS: Final = ("ops", "neurons", "layers")


def loss_of_size(n_nodes: int) -> Value:
    """The squared error of one sample through the network of that size, differentiated."""
    n_inputs, layer_sizes = SIZES[n_nodes]
    model = MLP(n_inputs, layer_sizes, activation="tanh", rng=0)
    loss: Value = (model([0.5] * n_inputs) - 1.0) ** 2
    loss.backward()
    return loss


def step_log(loss: Value) -> str:
    """All steps of both passes as text."""
    return "\n".join(map(str, [*trace_forward(loss), *trace_backward(loss)]))


def drawing(loss: Value, detail: str) -> str:
    """An SVG."""
    return str(viz.to_svg(loss, detail=detail))


def page(loss: Value, *, quiz: bool = False) -> str:
    """The page that replays backpropagation."""
    with TemporaryDirectory() as folder:
        return viz.replay(loss, f"{folder}/backprop.html", quiz=quiz).read_text(encoding="utf-8")


def measure(make: Callable[[], str], repeats: int = 3) -> tuple[float, int]:
    """The least of the seconds that it took, and the size of the text in bytes."""
    seconds = []
    for _ in range(repeats):
        start = perf_counter()
        text = make()
        seconds.append(perf_counter() - start)
    return min(seconds), len(text.encode())


def report(seconds: float) -> str:
    """The table of all sizes; it takes as long as it takes."""
    rows = []
    for size in SIZES:
        loss = loss_of_size(size)
        makers: dict[str, Callable[[], str]] = {
            "step log": partial(step_log, loss),
            **{f"SVG, {detail}": partial(drawing, loss, detail) for detail in DETAILS},
            "HTML replay": partial(page, loss),
            "HTML replay, quiz": partial(page, loss, quiz=True),
        }
        for name, make in makers.items():
            took, n_bytes = measure(make)
            n_nodes = f"{len(topological_order(loss))}"
            rows.append([n_nodes, name, number(1e3 * took), number(n_bytes / 1e3)])
    return markdown(["nodes", "what", "ms", "kB"], rows)
