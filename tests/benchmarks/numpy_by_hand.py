"""The trainings written out in NumPy by hand, as fast as we know how.

Everything is allocated before the first step, every result goes to ``out=``, the optimizer steps
all weights as one flat array, sums over the batch are products with ones, a maximum has two arrays
(NumPy has a fast loop for that), and each array lies in the order that the next product reads
fastest. Nothing here uses tinygrad_mlp.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy import (
    add,
    copyto,
    divide,
    dot,
    exp,
    greater,
    log,
    matmul,
    maximum,
    multiply,
    not_equal,
    sqrt,
    subtract,
)

from tests.benchmarks.works import Array, Batch, Work

__all__ = ["Classifier", "Regression", "numpy_trainer"]


def numpy_trainer(work: Work) -> Regression | Classifier:
    """The program written for this work."""
    return Regression(work) if work.loss == "mean squared error" else Classifier(work)


class FlatSGD:
    """p -= learning_rate g."""

    def __init__(self, p: Array, g: Array, learning_rate: float) -> None:
        self.p, self.g, self.change = p, g, np.empty_like(p)
        self.rate = np.asarray(learning_rate, p.dtype)

    def step(self) -> None:
        multiply(self.g, self.rate, out=self.change)
        subtract(self.p, self.change, out=self.p)


class FlatAdam:
    """Adam with its sums not averaged, which spares two products with 1 - beta."""

    def __init__(self, p: Array, g: Array, learning_rate: float) -> None:
        self.p, self.g, self.learning_rate = p, g, learning_rate
        self.m, self.v, self.change = np.zeros_like(p), np.zeros_like(p), np.empty_like(p)
        self.beta1, self.beta2 = np.asarray(0.9, p.dtype), np.asarray(0.999, p.dtype)
        self.t = 0

    def step(self) -> None:
        p, g, m, v, change = self.p, self.g, self.m, self.v, self.change
        self.t += 1
        root = ((1.0 - 0.999**self.t) / 0.001) ** 0.5
        rate = self.learning_rate * root * 0.1 / (1.0 - 0.9**self.t)
        multiply(m, self.beta1, out=m)
        add(m, g, out=m)
        multiply(v, self.beta2, out=v)
        multiply(g, g, out=change)
        add(v, change, out=v)
        sqrt(v, out=change)
        add(change, 1e-8 * root, out=change)
        divide(m, change, out=change)
        multiply(change, rate, out=change)
        subtract(p, change, out=p)


def make_optimizer(work: Work, p: Array, g: Array) -> FlatSGD | FlatAdam:
    kind = FlatSGD if work.optimizer == "SGD" else FlatAdam
    return kind(p, g, work.learning_rate)


def cut(flat: Array, *shapes: tuple[int, ...]) -> list[Array]:
    """Views of consecutive parts of a flat array, in these shapes."""
    parts, start = [], 0
    for shape in shapes:
        end = start + int(np.prod(shape))
        parts.append(flat[start:end].reshape(shape))
        start = end
    return parts


class Regression:
    """Work A: a column for each sample, a row of ones so that biases are columns of weights."""

    def __init__(self, work: Work) -> None:
        self.work = work
        sizes = work.layer_sizes
        shapes = [(n_out, n_in + 1) for n_in, n_out in pairwise(sizes)]
        flat = np.empty(sum([n_out * n for n_out, n in shapes]), work.dtype)
        gradients = np.empty_like(flat)
        self.matrices = cut(flat, *shapes)
        for matrix, (W, b) in zip(self.matrices, work.weights):
            matrix[:, :-1], matrix[:, -1] = W, b
        self.optimizer = make_optimizer(work, flat, gradients)
        self.step = self.bind(work, cut(gradients, *shapes))

    def bind(self, work: Work, gradients: list[Array]) -> Any:
        """The step as a function whose arrays are all at hand."""
        n = len(work.X)
        W1, W2, W3 = self.matrices
        g1, g2, g3 = gradients
        x = np.ones((3, n))
        x[:2] = work.X.T
        y = np.ascontiguousarray(work.targets.T)
        h1, h2, out = np.ones((17, n)), np.ones((17, n)), np.empty((1, n))
        z1, z2, residuals = h1[:16], h2[:16], out.reshape(-1)
        d1, d2, active = np.empty((16, n)), np.empty((16, n)), np.empty((16, n), bool)
        x_t, h1_t, h2_t, W2_t, W3_t = x.T, h1.T, h2.T, W2[:, :16].T, W3[:, :16].T
        zero, zeros, scale = np.asarray(0.0), np.zeros((16, n)), np.asarray(2.0 / n)
        optimizer = self.optimizer

        def step() -> float:
            dot(W1, x, out=z1)
            maximum(z1, zeros, out=z1)
            dot(W2, h1, out=z2)
            maximum(z2, zeros, out=z2)
            dot(W3, h2, out=out)
            subtract(out, y, out=out)
            loss = float(dot(residuals, residuals)) / n
            multiply(out, scale, out=out)
            dot(out, h2_t, out=g3)
            dot(W3_t, out, out=d2)
            not_equal(z2, zero, out=active)
            multiply(d2, active, out=d2)
            dot(d2, h1_t, out=g2)
            dot(W2_t, d2, out=d1)
            not_equal(z1, zero, out=active)
            multiply(d1, active, out=d1)
            dot(d1, x_t, out=g1)
            optimizer.step()
            return loss

        return step

    def run(self, n_epochs: int) -> float:
        for _ in range(n_epochs):
            loss: float = self.step()
        return loss

    def weights(self) -> list[tuple[Array, Array]]:
        return [(matrix[:, :-1].copy(), matrix[:, -1].copy()) for matrix in self.matrices]


class Classifier:
    """Works B and C: hidden values with a row for each sample, logits with a column for each.

    So the products read both operands in order, and softmax reduces over the rows, which NumPy does
    a row at a time.
    """

    def __init__(self, work: Work) -> None:
        self.work = work
        self.rng = np.random.default_rng(0)
        n_in, n_hidden, n_out = work.layer_sizes
        shapes = [(n_in, n_hidden), (n_hidden,), (n_out, n_hidden), (n_out, 1)]
        flat = np.empty(sum([int(np.prod(shape)) for shape in shapes]), work.dtype)
        gradients = np.empty_like(flat)
        self.parts = cut(flat, *shapes)
        (W1, b1), (W2, b2) = work.weights
        for part, first in zip(self.parts, (W1.T, b1, W2, b2[:, None])):
            part[...] = first
        self.gradients = cut(gradients, *shapes)
        self.optimizer = make_optimizer(work, flat, gradients)
        self.steps: dict[int, Any] = {}

    def bind(self, n: int) -> Any:
        """The step for batches of n samples."""
        n_in, n_hidden, n_out = self.work.layer_sizes
        dtype = self.work.dtype
        W1, b1, W2, b2 = self.parts
        g_W1, g_b1, g_W2, g_b2 = self.gradients
        g_b2 = g_b2[:, 0]
        x, t = np.empty((n, n_in), dtype), np.empty((n, n_out), dtype)
        h, d = np.empty((n, n_hidden), dtype), np.empty((n, n_hidden), dtype)
        active, zeros = np.empty((n, n_hidden), bool), np.zeros((n, n_hidden), dtype)
        z, p, one_hot = [np.empty((n_out, n), dtype) for _ in range(3)]
        largest, total, ones = np.empty(n, dtype), np.empty(n, dtype), np.ones(n, dtype)
        z_flat, one_hot_flat = z.reshape(-1), one_hot.reshape(-1)
        h_t, p_t, x_t, t_t = h.T, p.T, x.T, t.T
        zero, scale = np.asarray(0.0, dtype), np.asarray(1.0 / n, dtype)
        features, targets, optimizer = self.work.X, self.work.targets, self.optimizer

        def step(batch: Batch) -> float:
            if batch is None:
                inputs, inputs_t, targets_t = features, features.T, targets.T
            else:
                features.take(batch, 0, x, "clip")
                targets.take(batch, 0, t, "clip")
                inputs, inputs_t, targets_t = x, x_t, t_t
            dot(inputs, W1, out=h)
            add(h, b1, out=h)
            maximum(h, zeros, out=h)
            dot(W2, h_t, out=z)
            add(z, b2, out=z)
            maximum.reduce(z, axis=0, out=largest)
            subtract(z, largest, out=z)
            exp(z, out=p)
            add.reduce(p, axis=0, out=total)
            divide(p, total, out=p)
            log(total, out=total)
            copyto(one_hot, targets_t)
            loss = (float(dot(total, ones)) - float(dot(one_hot_flat, z_flat))) / n
            subtract(p, one_hot, out=p)
            multiply(p, scale, out=p)
            dot(p, h, out=g_W2)
            dot(p, ones, out=g_b2)
            matmul(p_t, W2, out=d)
            greater(h, zero, out=active)
            multiply(d, active, out=d)
            dot(inputs_t, d, out=g_W1)
            dot(ones, d, out=g_b1)
            optimizer.step()
            return loss

        return step

    def step(self, batch: Batch) -> float:
        n = len(self.work.X) if batch is None else len(batch)
        bound = self.steps.get(n)
        if bound is None:
            bound = self.steps[n] = self.bind(n)
        return float(bound(batch))

    def run(self, n_epochs: int) -> float:
        for batch in self.work.batches(self.rng, n_epochs):
            loss = self.step(batch)
        return loss

    def weights(self) -> list[tuple[Array, Array]]:
        W1, b1, W2, b2 = self.parts
        return [(W1.T.copy(), b1.copy()), (W2.copy(), b2[:, 0].copy())]
