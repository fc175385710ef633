"""The samples in batches: batch, stochastic and mini-batch gradient descent from one loop.

The three differ in the batch size alone: all samples (None), one sample (1), or m of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._arguments import Rng, as_generator, check_flag, check_integer
from tinygrad_mlp._words import our_words
from tinygrad_mlp.data._validation import check_lengths, check_not_a_number
from tinygrad_mlp.errors import InvalidArgumentError

__all__ = ["batch_indices", "iterate_batches"]


BATCH_SIZE_CALL: Final = "batch_size=32, or batch_size=None for all samples at once"
"""What is right, for a message."""


@our_words
def iterate_batches(
    *arrays: ArrayLike,
    batch_size: int | None = None,
    shuffle: bool = True,
    rng: Rng = None,
    drop_last: bool = False,
) -> Iterator[tuple[NDArray[Any], ...]]:
    """Go through the samples once (one epoch), batch after batch.

    Args:
        arrays: any number of arrays of one length, for example X of shape (n_samples, n_features)
            and y of shape (n_samples,).
        batch_size: None for all samples at once (batch gradient descent), 1 for one sample at a
            time (stochastic gradient descent), m for mini-batches of m samples.
        shuffle: whether the samples come in random order. All samples at once keep their order:
            the gradient does not depend on it.
        rng: a seed gives the same order each time; a Generator that is passed on from epoch to
            epoch gives a new order in each; None gives an order nobody can repeat.
        drop_last: whether to leave out the last batch where it is smaller than the others.

    Returns:
        An iterator over tuples with the same samples of each array. They are copies.

    Raises:
        ShapeError: if the arrays differ in length.
        DataError: if they are empty.
        InvalidArgumentError: if batch_size is no whole number of at least 1, or is not given by its
            name, or no batch is left.

    >>> X, y = [[0.0], [1.0], [2.0], [3.0], [4.0]], [0, 1, 0, 1, 0]
    >>> for X_batch, y_batch in iterate_batches(X, y, batch_size=2, shuffle=False):
    ...     print(X_batch.ravel(), y_batch)
    [0. 1.] [0 1]
    [2. 3.] [0 1]
    [4.] [0]
    """
    for i, array in enumerate(arrays):
        check_not_a_number(array, f"array {i + 1}", "iterate_batches(X, y, batch_size={})")
    n_samples = check_lengths(*arrays)
    batches = batch_indices(n_samples, batch_size, shuffle=shuffle, rng=rng, drop_last=drop_last)
    return _take_each([np.asarray(array) for array in arrays], batches)


def batch_indices(
    n_samples: int,
    batch_size: int | None = None,
    *,
    shuffle: bool = True,
    rng: Rng = None,
    drop_last: bool = False,
) -> Iterator[NDArray[np.intp]]:
    """Go through the positions 0 ... n_samples - 1 once, batch after batch.

    Takes the arguments of ``iterate_batches``, with the number of samples in place of the arrays.

    Returns:
        An iterator over index arrays, each of shape (batch_size,), the last one maybe smaller.

    Raises:
        InvalidArgumentError: if n_samples or batch_size is no whole number of at least 1, or no
            batch is left.

    >>> [batch.tolist() for batch in batch_indices(5, 2, shuffle=False)]
    [[0, 1], [2, 3], [4]]
    >>> rng = np.random.default_rng(0)
    >>> epochs = [np.concatenate(list(batch_indices(100, 32, rng=rng))) for epoch in range(2)]
    >>> np.array_equal(*epochs), np.array_equal(*np.sort(epochs))
    (False, True)
    """
    n_samples = check_integer(n_samples, "n_samples")
    if batch_size is None:
        return iter([np.arange(n_samples)])
    batch_size = check_integer(batch_size, "batch_size", BATCH_SIZE_CALL)
    if drop_last and batch_size > n_samples:
        raise InvalidArgumentError(
            f"batch_size={batch_size} with drop_last=True leaves no batch of {n_samples} samples; "
            f"choose batch_size={n_samples} or less, or drop_last=False"
        )
    check_flag(shuffle, "shuffle", "shuffle=True")
    check_flag(drop_last, "drop_last", "drop_last=True")
    order = as_generator(rng).permutation(n_samples) if shuffle else np.arange(n_samples)
    return _slices(
        order, batch_size, n_samples - n_samples % batch_size if drop_last else n_samples
    )


def _slices(order: NDArray[np.intp], batch_size: int, end: int) -> Iterator[NDArray[np.intp]]:
    for start in range(0, end, batch_size):
        yield order[start : start + batch_size]


def _take_each(
    arrays: list[NDArray[Any]], batches: Iterator[NDArray[np.intp]]
) -> Iterator[tuple[NDArray[Any], ...]]:
    for indices in batches:
        yield tuple(array[indices] for array in arrays)
