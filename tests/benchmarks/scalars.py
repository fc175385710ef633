"""Functions of scalars for the compiler to record: networks in plain loops, random graphs.

They use Values alone, and nothing of ``tinygrad_mlp.nn``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from tinygrad_mlp import functional
from tinygrad_mlp.engine import Value

__all__ = ["Network", "RandomGraph", "Weighted", "with_dot", "with_loop"]

Weighted = Callable[[Sequence[Value], Sequence[Value], Value], Value]
"""How a neuron adds up its inputs: (weights, inputs, bias) -> the sum."""


def with_loop(weights: Sequence[Value], inputs: Sequence[Value], bias: Value) -> Value:
    """As a beginner writes it: a multiplication and an addition for each weight."""
    total = bias
    for w, x in zip(weights, inputs):
        total = total + w * x
    return total


def with_dot(weights: Sequence[Value], inputs: Sequence[Value], bias: Value) -> Value:
    """As one node."""
    return functional.dot(weights, inputs, bias)


class Network:
    """A relu network of scalars with a linear output layer."""

    def __init__(self, layer_sizes: Sequence[int], weighted: Weighted) -> None:
        rng = np.random.default_rng(0)
        self.layer_sizes, self.weighted = tuple(layer_sizes), weighted
        self.layers = [
            [
                ([Value(w) for w in rng.normal(0.0, n_in**-0.5, n_in)], Value(0.1))
                for _ in range(n_out)
            ]
            for n_in, n_out in pairwise(layer_sizes)
        ]

    def parameters(self) -> list[Value]:
        """The weights and biases, neuron by neuron."""
        return [v for layer in self.layers for w, b in layer for v in (*w, b)]

    def outputs(self, x: Sequence[Value]) -> list[Value]:
        """The values of the output layer."""
        *hidden, last = self.layers
        for layer in hidden:
            x = [self.weighted(w, x, b).relu() for w, b in layer]
        return [self.weighted(w, x, b) for w, b in last]

    def cross_entropy(self, x: Sequence[Value], one_hot: Sequence[Value]) -> Value:
        """The loss of one sample."""
        logits = self.outputs(x)
        return functional.logsumexp(logits) - functional.dot(one_hot, logits)

    def batch_cross_entropy(self, X: Sequence[Any], one_hots: Sequence[Any]) -> Value:
        """The mean loss of a batch."""
        return functional.mean([self.cross_entropy(x, t) for x, t in zip(X, one_hots)])

    def batch_squared_error(self, X: Sequence[Any], y: Sequence[Value]) -> Value:
        """The mean squared error of a batch."""
        errors = [self.outputs(x)[0] - t for x, t in zip(X, y)]
        return functional.mean([error**2 for error in errors])

    def n_operations(self, n_samples: int) -> int:
        """How many scalar operations ``batch_squared_error`` has, each product and sum counted."""
        sizes = self.layer_sizes
        products = sum([n_in * n_out for n_in, n_out in pairwise(sizes)])
        return n_samples * (2 * products + sum(sizes[1:-1]) + 3)


class RandomGraph:
    """A scalar function with nothing regular in it: each node takes any two of the nodes before."""

    n_inputs = 10

    def __init__(self, n_nodes: int, rng: int) -> None:
        generator = np.random.default_rng(rng)
        kinds = generator.integers(0, 5, n_nodes).tolist()
        n_before = 2 * self.n_inputs + np.arange(n_nodes)
        operands = (generator.random((2, n_nodes)) * n_before).astype(int).tolist()
        self.recipe = list(zip(kinds, *operands))
        self.weights = [Value(w) for w in generator.normal(size=self.n_inputs)]

    def __call__(self, inputs: Sequence[Value]) -> Value:
        nodes = [*self.weights, *inputs]
        unused = set(range(len(nodes) + len(self.recipe)))
        for kind, i, j in self.recipe:
            a, b = nodes[i], nodes[j]
            unused -= {i, j}
            if kind == 0:
                nodes.append(a + b)
            elif kind == 1:
                nodes.append(a - b)
            elif kind == 2:
                nodes.append(a * b)
            elif kind == 3:
                nodes.append(a.tanh())
            else:
                nodes.append(a.sigmoid())
        return functional.mean([nodes[i].tanh() for i in sorted(unused)])
