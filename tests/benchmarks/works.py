"""The three trainings of the compiler's table, each with its data, its first weights, its batches.

All contestants begin with the same weights and see the same batches in the same order, so that they
can be held against each other number by number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.data import load_digits, one_hot, train_test_split

__all__ = ["WORKS", "A", "Array", "B", "C", "Trainer", "Work", "random_images"]

Array = NDArray[Any]
Batch = NDArray[np.intp] | None


@dataclass(frozen=True, eq=False)
class Work:
    """One training.

    Attributes:
        name: its letter.
        title: the heading of its table.
        layer_sizes: of inputs, hidden layers, outputs; hidden layers are relu, the output linear.
        loss: what is minimized, as a mean over the batch.
        optimizer: what steps the weights.
        learning_rate: its learning rate.
        X: the features (n_samples, n_features).
        targets: the numbers, or the classes one-hot, (n_samples, n_outputs).
        batch_size: None for all samples at once.
    """

    name: str
    title: str
    layer_sizes: tuple[int, ...]
    loss: Literal["mean squared error", "cross-entropy"]
    optimizer: Literal["SGD", "Adam"]
    learning_rate: float
    X: Array
    targets: Array
    batch_size: int | None = None
    weights: list[tuple[Array, Array]] = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(1)
        weights = []
        for n_in, n_out in pairwise(self.layer_sizes):
            W = rng.normal(0.0, np.sqrt(2.0 / n_in), (n_out, n_in))
            b = rng.normal(0.0, 0.1, n_out)
            weights.append((W.astype(self.dtype), b.astype(self.dtype)))
        object.__setattr__(self, "weights", weights)

    @property
    def dtype(self) -> np.dtype[Any]:
        """What all of it is computed in."""
        return self.X.dtype

    @property
    def labels(self) -> NDArray[np.int64]:
        """The classes as numbers."""
        labels: NDArray[np.int64] = np.argmax(self.targets, axis=1)
        return labels

    @property
    def unit(self) -> str:
        """What times are reported for."""
        return "step" if self.batch_size is None else "epoch"

    def batches(self, rng: np.random.Generator, n_epochs: int) -> Iterator[Batch]:
        """The positions of the samples of each batch; None for all samples.

        Each epoch has an order of its own, the same for all contestants.
        """
        n, size = len(self.X), self.batch_size
        for _ in range(n_epochs):
            if size is None:
                yield None
            else:
                order = rng.permutation(n)
                yield from [order[start : start + size] for start in range(0, n, size)]


class Trainer(Protocol):
    """A contestant at one of the works."""

    def run(self, n_epochs: int) -> float:
        """Train; the loss of the last batch."""

    def weights(self) -> list[tuple[Array, Array]]:
        """The matrix (n_outputs, n_inputs) and the biases (n_outputs,) of each layer, as now."""


def _smooth_surface() -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 2))
    return X, np.sin(2.0 * X[:, :1]) * X[:, 1:]


def _digits() -> tuple[Array, Array]:
    digits = load_digits()
    X, _, y, _ = train_test_split(digits.X / 16.0, digits.y, test_size=360, rng=0)
    return X, one_hot(y)


def random_images(n_samples: int) -> tuple[Array, Array]:
    """Noise in the shape of images of 28 x 28, and classes by chance, in float32."""
    rng = np.random.default_rng(0)
    X = rng.random((n_samples, 784), dtype=np.float32)
    return X, one_hot(rng.integers(0, 10, n_samples), 10).astype(np.float32)


A: Final = Work(
    "A",
    "2-16-16-1 relu, 100 samples at once, mean squared error, SGD, float64",
    (2, 16, 16, 1),
    "mean squared error",
    "SGD",
    0.01,
    *_smooth_surface(),
)
B: Final = Work(
    "B",
    "64-32-10 relu, digits (1437 samples, batches of 128), cross-entropy, Adam, float64",
    (64, 32, 10),
    "cross-entropy",
    "Adam",
    0.001,
    *_digits(),
    batch_size=128,
)
C: Final = Work(
    "C",
    "784-128-10 relu, a batch of 32, cross-entropy, SGD, float32",
    (784, 128, 10),
    "cross-entropy",
    "SGD",
    0.01,
    *random_images(32),
)
WORKS: Final = (A, B, C)
