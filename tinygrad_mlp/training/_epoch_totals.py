"""What the steps of an epoch come to: sums in which one step is added after the other.

So they have the same bits whatever number of steps was taken in one call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.training._engines import Taken

__all__ = ["Total", "from_place", "in_turn", "joined", "weighed"]


@dataclass(slots=True)
class Total:
    """Sums over the samples of an epoch, each by one addition for a step.

    Attributes:
        loss: of the losses, by weight.
        penalty: of the penalties.

    >>> total = Total()
    >>> total.add(Taken(np.array([2.0, 4.0]), np.empty(0), np.empty((0, 0))), np.array([3, 1]))
    >>> total
    Total(loss=10.0, penalty=0.0)
    """

    loss: float = 0.0
    penalty: float = 0.0

    def add(
        self,
        taken: Taken,
        sizes: NDArray[np.int64],
        weights: NDArray[np.float64] | None = None,
    ) -> None:
        """Some steps more, whose batches have these sizes, and these weights if not their sizes."""
        losses, penalties = weighed(taken, sizes, weights)
        self.loss = float(in_turn(np.append(self.loss, losses)))
        self.penalty = float(in_turn(np.append(self.penalty, penalties)))


def weighed(
    taken: Taken, sizes: NDArray[np.int64], weights: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What each step adds to the sums of an epoch.

    >>> taken = Taken(np.array([2.0, 4.0]), np.array([0.5, 1.0]), np.empty((0, 0)))
    >>> weighed(taken, np.array([3, 1]), None)
    (array([6., 4.]), array([1.5, 1. ]))
    """
    with np.errstate(over="ignore", invalid="ignore"):
        losses = (sizes if weights is None else weights) * taken.losses
        return losses, sizes[: len(taken.penalties)] * taken.penalties


def in_turn(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sums along the last axis, one number after the other.

    >>> float(in_turn(np.array([1e16, 1.0, 1.0]))) == 1e16
    True
    """
    with np.errstate(over="ignore", invalid="ignore"):
        sums: NDArray[np.float64] = np.add.accumulate(numbers, axis=-1)[..., -1]
    return sums


def from_place(array: NDArray[Any] | None, start: int) -> NDArray[Any] | None:
    """What comes from there on; None where there is nothing.

    >>> from_place(None, 1), from_place(np.arange(3), 1)
    (None, array([1, 2]))
    """
    return None if array is None else array[start:]


def joined(arrays: Sequence[NDArray[Any] | None]) -> NDArray[Any] | None:
    """The arrays behind each other; None where there are none.

    >>> joined([None, None]), joined([np.zeros(1), np.ones(1)])
    (None, array([0., 1.]))
    """
    present = [array for array in arrays if array is not None]
    return np.concatenate(present) if present else None
