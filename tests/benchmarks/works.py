"""The three trainings of the compiler's table, each with its data, its first weights, its batches.

All contestants begin with the same weights and see the same batches in the same order, so that they
can be held against each other number by number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.data import load_digits, standardize, train_test_split

__all__ = ["A", "B", "C", "WORKS", "Array", "Trainer", "Work"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Work:
    """One training.

    Attributes:
        name: its letter.
        title: the heading of its table.
        layer_sizes: of inputs, hidden layers, outputs; hidden layers are relu, the output linear.
        loss: what is minimised, as a mean over the batch.
        optimizer: what steps the weights.
        learning_rate: its learning rate.
        X: the features (n_samples, n_features).
        targets: the numbers, or the classes one-hot, (n_samples, n_outputs).
        batch_size: None for all samples at once.
        steps_per_turn: how many steps a contestant makes in one turn.
        unit: what ``turn`` is reported in, "step" or "epoch".
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
    steps_per_turn: int = 1
    unit: str = "step"
    weights: list[tuple[Array, Array]] = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(1)
        weights = []
        for n_in, n_out in zip(self.layer_sizes, self.layer_sizes[1:]):
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
        return self.targets.argmax(axis=1)

    @property
    def units_per_turn(self) -> int:
        """How many steps, or epochs, one turn has."""
        return 1 if self.unit == "epoch" else self.steps_per_turn

    def epoch(self, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
        """The positions of the samples of each batch, in an order of its own for each epoch."""
        order = rng.permutation(len(self.X))
        assert self.batch_size is not None
        for start in range(0, len(order), self.batch_size):
            yield order[start : start + self.batch_size]


class Trainer(Protocol):
    """A contestant at one of the works."""

    def turn(self) -> float:
        """Make the steps of one turn; the loss of the last of them."""

    def weights(self) -> list[tuple[Array, Array]]:
        """The matrix (n_outputs, n_inputs) and the biases (n_outputs,) of each layer, as now."""


def _two_moons_like(n_samples: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, 2))
    return X, np.sin(2.0 * X[:, :1]) * X[:, 1:]


def _digits() -> tuple[Array, Array]:
    """The training part of the digits that every fourth sample, stratified, was taken out of."""
    digits = load_digits()
    X_train, _, y_train, _ = train_test_split(digits.X, digits.y, test_size=0.25, rng=0)
    return X_train, np.eye(10)[y_train]


def _random_images() -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    X = rng.random((32, 784), dtype=np.float32)
    return X, np.eye(10, dtype=np.float32)[rng.integers(0, 10, 32)]
