"""Graphs that the tests of the debugger look into."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from tinygrad_mlp import Value, functional
from tinygrad_mlp.engine import topological_order
from tinygrad_mlp.functional import Scalar
from tinygrad_mlp.losses import mean_squared_error
from tinygrad_mlp.nn import MLP, Layer, Module


def bits(x: float) -> bytes:
    return struct.pack("<d", x)


def network_loss(seed: int = 0, activation: str = "tanh") -> tuple[MLP, Value]:
    rng = np.random.default_rng(seed)
    model = MLP(3, [4, 4, 1], activation=activation, rng=rng)
    samples = rng.normal(size=(3, 3)).tolist()
    loss = mean_squared_error([model(x) for x in samples], rng.normal(size=3).tolist())
    return model, loss


def random_graph(seed: int, size: int) -> Value:
    """Nodes that use earlier ones, often more than once, with every kind of op."""
    rng = np.random.default_rng(seed)
    nodes = [Value(x, label=f"leaf{i}") for i, x in enumerate(rng.normal(size=4).tolist())]
    for _ in range(size):
        a, b, c = (nodes[i] for i in rng.integers(len(nodes), size=3))
        candidates = [
            a + b,
            a.sigmoid() * a,
            a - 2.0,
            b.tanh(),
            a.relu() * c.cos(),
            functional.dot([a, b, a], [c.sin(), a.cos(), b.tanh()], c),
            functional.logsumexp([a, b, c]),
            a.sigmoid() / (b.square() + 1.0),
        ]
        nodes.append(candidates[int(rng.integers(len(candidates)))])
    return functional.sum(nodes)


def label(x: float, text: str) -> Value:
    return Value(x, label=text)


def product_of_sums() -> Value:
    """L = (a b + c) a at a = 2, b = 3, c = -1: s = 5, L = 10; dL/da = 11, dL/db = 4, dL/dc = 2."""
    a, b, c = label(2.0, "a"), label(3.0, "b"), label(-1.0, "c")
    s = functional.dot([a], [b], c)
    s.label = "s"
    loss = s * a
    loss.label = "L"
    return loss


def named_after(node: Value, name: str) -> Value:
    node.label = name
    return node


def named(loss: Value, name: str) -> Value:
    return next(node for node in topological_order(loss) if node.label == name)


class Blocks(Module):
    """A network whose layers are not called layers."""

    def __init__(self) -> None:
        self.blocks = [Layer(1, 2, activation="tanh", rng=0), Layer(2, 1, rng=1)]

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        return self.blocks[1].forward(self.blocks[0].forward(x))


def loss_of_samples(model: MLP) -> Value:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(8, model.n_inputs)).tolist()
    loss: Value = mean_squared_error([model(x) for x in X], [1.0] * len(X))
    return loss
