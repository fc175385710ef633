"""Ways of lines around what stands between their ends: up or down, along a free row, and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from typing import Final

__all__ = ["Box", "Detours", "Way"]

Way = list[tuple[float, float]]
"""The points of a line."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom."""

APART: Final = 4.0
"""How far a detour keeps from circles, words and other detours."""

NARROW: Final = 24.0
"""Through the middle of what is no wider; of wider rows a detour takes the near side."""


class Detours:
    """Ways that keep apart from circles, and from one another.

    Args:
        boxes: what no way may run through.
        turn: how far before the first box in its way, and behind the last one, a way turns.

    Attributes:
        top, bottom: the heights between which all of them lie.

    >>> detours = Detours([(40.0, 0.0, 60.0, 20.0)], 10.0)
    >>> detours.around((0.0, 9.0), (100.0, 9.0))
    [(0.0, 9.0), (30.0, -4.0), (70.0, -4.0), (100.0, 9.0)]
    >>> detours.around((0.0, 9.0), (100.0, 9.0))
    [(0.0, 9.0), (30.0, 24.0), (70.0, 24.0), (100.0, 9.0)]
    >>> detours.top, detours.bottom
    (-4.0, 24.0)
    """

    def __init__(self, boxes: Sequence[Box], turn: float) -> None:
        self.between = boxes
        self.boxes = list(boxes)
        self.turn = turn
        self.top = inf
        self.bottom = -inf

    def around(self, start: tuple[float, float], end: tuple[float, float]) -> Way:
        """The way from a point to another one further to the right."""
        within = [box for box in self.between if start[0] < box[0] and box[2] < end[0]]
        left = max(start[0], min([box[0] for box in within]) - self.turn)
        right = min(end[0], max([box[2] for box in within]) + self.turn)
        middle = (start[1] + end[1]) / 2.0
        rows = [_near(middle, *row) for row in self._free_rows(left, right)]
        y = min(rows, key=lambda row: (abs(row - middle), -row))
        self.boxes.append((left, y, right, y))
        self.top, self.bottom = min(self.top, y), max(self.bottom, y)
        return [start, (left, y), (right, y), end]

    def _free_rows(self, left: float, right: float) -> Iterator[tuple[float, float]]:
        """From where to where nothing stands between the left and the right."""
        taken = [
            (y1 - APART, y2 + APART) for x1, y1, x2, y2 in self.boxes if x1 < right and left < x2
        ]
        end = -inf
        for first, last in sorted(taken):
            if first >= end:
                yield end, first
            end = max(end, last)
        yield end, inf


def _near(y: float, first: float, last: float) -> float:
    """What of a row lies near a height."""
    if last - first <= NARROW:
        return (first + last) / 2.0
    return min(max(y, first), last)
