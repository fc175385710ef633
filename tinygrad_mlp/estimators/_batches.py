"""The samples of a fit, and the batches of its epochs in scikit-learn's order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._native._shuffling import shuffle

__all__ = ["Samples", "batches_of", "shuffled"]

Array = NDArray[Any]

NUMBERS_AT_ONCE: Final = 1_000_000
"""How many features of shuffled samples are brought together at a time: whole batches of them."""


@dataclass
class Samples:
    """Features, targets and weights, one row for each sample.

    Attributes:
        X: the features, an array or a sparse matrix (n_samples, n_features) that gives rows.
        targets: what the outputs shall be, (n_samples, n_outputs).
        weights: how much each sample counts, (n_samples,); None for all alike.

    >>> samples = Samples(np.eye(3), np.ones((3, 1)), None)
    >>> len(samples), samples.rows(np.array([2])).X
    (3, array([[0., 0., 1.]]))
    """

    X: Any
    targets: Array
    weights: Array | None

    def __len__(self) -> int:
        """How many there are."""
        return len(self.targets)

    def astype(self, dtype: Any) -> Samples:
        """The same samples with features and targets of another dtype.

        >>> Samples(np.eye(3), np.ones((3, 1)), None).astype(np.float32).X.dtype
        dtype('float32')
        """
        X, targets = [part.astype(dtype, copy=False) for part in (self.X, self.targets)]
        return Samples(X, targets, self.weights)

    def rows(self, rows: Array | slice) -> Samples:
        """Some of them, in the order of their numbers; the features of a slice are dense."""
        X = self.X[rows]
        if isinstance(rows, slice) and not isinstance(X, np.ndarray):
            X = X.toarray()
        weights = None if self.weights is None else self.weights[rows]
        return Samples(X, self.targets[rows], weights)


def shuffled(order: Array, random_state: np.random.RandomState) -> Array:
    """The order of the next epoch, from that of the one before.

    >>> random_state = np.random.RandomState(0)
    >>> shuffled(np.array([5, 6, 7]), random_state)
    array([7, 6, 5])
    """
    order = order.copy()  # which takes less time than to shuffle 0, 1, 2, ... and to follow that
    shuffle(order, random_state)
    return order


def batches_of(samples: Samples, batch_size: int, order: Array | None) -> Iterator[Samples]:
    """The samples a batch at a time; the last one may be smaller.

    Args:
        samples: the samples.
        batch_size: how many samples a batch has.
        order: their numbers in the order in which they come; None for the order that they have.

    >>> samples = Samples(np.arange(3.0).reshape(3, 1), np.ones((3, 1)), None)
    >>> [batch.X.ravel().tolist() for batch in batches_of(samples, 2, np.array([2, 0, 1]))]
    [[2.0, 0.0], [1.0]]
    """
    n_samples, n_features = samples.X.shape
    n_together = n_samples
    if order is not None:
        n_together = batch_size * max(NUMBERS_AT_ONCE // (batch_size * n_features), 1)
    for first in range(0, n_samples, n_together):
        together = samples
        if order is not None:
            together = samples.rows(order[first : first + n_together])
        for start in range(0, len(together), batch_size):
            yield together.rows(slice(start, start + batch_size))
