"""The random numbers of a call, drawn in the order in which the samples would draw them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Draw"]


class Draw:
    """Draws the random leaves, of each generator sample by sample in the order of the trace.

    Args:
        rngs: the generator of each leaf.

    >>> out = np.empty((2, 3))
    >>> Draw([np.random.default_rng(0)] * 2)(out)
    >>> bool((out.T.ravel() == np.random.default_rng(0).random(6)).all())
    True
    """

    def __init__(self, rngs: Sequence[np.random.Generator]) -> None:
        places: dict[int, list[int]] = {}
        for place, rng in enumerate(rngs):
            places.setdefault(id(rng), []).append(place)
        self._rngs = [(rngs[own[0]], own) for own in places.values()]
        self._drawn = np.empty((0, 0), np.float64)  # a row for each sample, to be drawn into

    def __call__(self, out: NDArray[Any]) -> None:
        """Fill an array that has a row of samples, or a number, for each leaf."""
        rows = out.reshape(len(out), -1)
        if len(self._rngs) > 1:
            for rng, places in self._rngs:
                rows[places] = rng.random((rows.shape[1], len(places))).T
            return
        if self._drawn.shape != rows.shape[::-1]:
            self._drawn = np.empty(rows.shape[::-1])
        ((rng, _),) = self._rngs
        rng.random(out=self._drawn)
        rows[...] = self._drawn.T
