"""The moments of a run that are kept, so that it can go back: dense ones late, few early ones."""

from __future__ import annotations

from bisect import bisect_right
from math import log2
from typing import Final

from viz._run.run_steps import Moment

__all__ = ["EXACT", "Past"]

EXACT: Final = 1000
"""So many steps a run can go back exactly."""

CLOSEST: Final = 64
"""From one kept moment to the next there are at least so many steps, which are taken again in no
time; keeping each step would cost a third of the time of a small step."""

MOST_RECENT: Final = 48 * 2**20
"""Bytes for the moments of the last steps."""

MOST: Final = 64 * 2**20
"""Bytes in all."""


class Past:
    """Moments in the order of their steps, the first one of the run among them.

    Args:
        first: the moment that the run begins with.

    >>> from viz._run.steered import first_steps
    >>> from viz._run.run_settings import RunSettings
    >>> past = Past(first_steps(RunSettings("moons")).moment(0))
    >>> past.distance, past.oldest_exact, past.before(7).step
    (64, 0, 0)
    """

    def __init__(self, first: Moment) -> None:
        self._moments = [first]
        self._coarseness = 1
        self._make_room(first.n_bytes)

    def __len__(self) -> int:
        return len(self._moments)

    @property
    def n_bytes(self) -> int:
        """How much memory the moments take."""
        return sum([moment.n_bytes for moment in self._moments])

    @property
    def oldest_exact(self) -> int:
        """From here on each step can be had, as no two moments are further apart."""
        moments = self._moments
        for i in range(len(moments) - 1, 0, -1):
            if moments[i].step - moments[i - 1].step > EXACT:
                return moments[i].step
        return moments[0].step

    def add(self, moment: Moment) -> None:
        """Keep one more, later than all others; older ones are thinned."""
        self._moments.append(moment)
        if moment.n_bytes > self._size:  # of another optimizer
            self._make_room(moment.n_bytes)
        if len(self._moments) > self._full:
            self._thin(moment.step)

    def before(self, step: int) -> Moment:
        """The latest moment at that step or before it."""
        steps = [moment.step for moment in self._moments]
        return self._moments[max(bisect_right(steps, step) - 1, 0)]

    def drop_after(self, step: int) -> None:
        """Forget what comes after a step."""
        self._moments = [moment for moment in self._moments if moment.step <= step]

    def _make_room(self, size: int) -> None:
        """Choose how far moments of that size are apart, and how many there can be."""
        self._size = size
        self.distance = max(CLOSEST, -(-EXACT // max(MOST_RECENT // size - 2, 1)))
        self._most = max(MOST // size, 3)
        self._begin_full()

    def _thin(self, now: int) -> None:
        """Forget older moments, the more the older they are, until there is room."""
        while True:
            self._moments = [
                moment
                for i, moment in enumerate(self._moments)
                if i == 0 or self._is_kept(moment.step, now)
            ]
            if len(self._moments) < self._most or self._coarseness > 40:
                break
            self._coarseness += 1
        self._begin_full()

    def _is_kept(self, step: int, now: int) -> bool:
        """Whether a moment of that step stays: of those 2^j times as old, one of 2^j."""
        age = now - step
        if age <= EXACT + self.distance:
            return True
        apart = int(2 ** (int(log2(age / EXACT)) + self._coarseness))
        return step // self.distance % apart == 0

    def _begin_full(self) -> None:
        """Thin again when there are a few more, not at each one."""
        self._full = min(self._most, len(self._moments) + EXACT // self.distance)
