"""How long drawings of about 10, 100 and 500 nodes take, and how large their files are.

Run it with ``python -m tests.benchmarks.drawing``; it prints a table in Markdown.
"""

from __future__ import annotations

from time import perf_counter
from typing import Final

import viz
from tinygrad_mlp.engine import Value, topological_order
from tinygrad_mlp.nn import MLP

__all__ = ["SIZES", "loss_of_size", "measure", "report"]

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


def measure(loss: Value, detail: str, repeats: int = 3) -> tuple[float, int]:
    """The least of the seconds that an SVG took, and its size in bytes."""
    seconds = []
    for _ in range(repeats):
        start = perf_counter()
        svg = viz.to_svg(loss, detail=detail)
        seconds.append(perf_counter() - start)
    return min(seconds), len(svg.encode())


def report() -> str:
    """The table of all sizes and details."""
    lines = ["| nodes | detail | seconds | kB |", "|---|---|---|---|"]
    for size in SIZES:
        loss = loss_of_size(size)
        n_nodes = len(topological_order(loss))
        for detail in DETAILS:
            seconds, n_bytes = measure(loss, detail)
            lines.append(f"| {n_nodes} | {detail} | {seconds:.3f} | {n_bytes / 1000:.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(report())
