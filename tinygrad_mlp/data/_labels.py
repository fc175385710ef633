"""Whether whole numbers are the labels of classes or the targets of a regression."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.data._arrays import Integers

__all__ = ["MOST_CLASSES", "are_classes", "come_again", "look_like_classes"]

SAMPLES_PER_LABEL: Final = 5
"""Whole numbers of which one occurs once are labels if they occur so often on average."""

MOST_CLASSES: Final = 20
"""More different numbers than these are a quantity, however often each of them comes."""


def come_again(sizes: Integers) -> bool:
    """Whether numbers come again and again, as labels do: each twice, or five times on average.

    Args:
        sizes: how often each of them occurs, (n_distinct,).

    >>> come_again(np.array([1, 1, 1])), come_again(np.array([2, 2, 2]))
    (False, True)
    """
    return bool(sizes.min() >= 2 or sizes.mean() >= SAMPLES_PER_LABEL)


def are_classes(sizes: Integers) -> bool:
    """Whether whole numbers are labels: two of them, or three to twenty that come again and again.

    Args:
        sizes: how often each of them occurs, (n_distinct,).

    >>> are_classes(np.array([1, 1])), are_classes(np.array([1, 1, 1])), are_classes(np.full(21, 9))
    (True, False, False)
    """
    return 2 <= len(sizes) <= MOST_CLASSES and (len(sizes) == 2 or come_again(sizes))


def look_like_classes(y: NDArray[Any]) -> bool:
    """Whether targets are three to twenty whole numbers, also as floats, that come again and again.

    Args:
        y: the targets, (n_samples,).

    >>> look_like_classes(np.array([0, 1, 2, 1, 0, 2]))
    True
    >>> look_like_classes(np.arange(6)), look_like_classes(np.array([0.5, 1.5, 2.5] * 2))
    (False, False)
    """
    if y.ndim != 1 or y.dtype.kind not in "iuf" or bool((y != np.floor(y)).any()):
        return False
    _, sizes = np.unique(y, return_counts=True)
    return len(sizes) > 2 and are_classes(sizes)
