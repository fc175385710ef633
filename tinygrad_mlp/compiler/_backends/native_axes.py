"""Loops inside each other, in as few as possible: how a record goes through memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

__all__ = ["Axes", "Loop", "merged_terms", "rounds", "with_rows_innermost"]

Loop = tuple[int, tuple[int, int, int]]
"""How often it goes round, and the steps of the result and of two operands."""


@dataclass(slots=True)
class Axes:
    """Loops inside each other: how often each goes round, and the steps of every operand.

    >>> axes = Axes([2, 3, 1, 4], [[12, 4, 9, 1], [4, 0, 0, 1]])  # two operands
    >>> axes.without(2)
    Axes(lengths=[2, 3, 4], steps=[[12, 4, 1], [4, 0, 1]])
    >>> Axes([2, 3, 1, 4], [[12, 4, 9, 1]]).merged()
    Axes(lengths=[24], steps=[[1]])
    """

    lengths: list[int]
    steps: list[list[int]]  # one list of steps for each operand

    def without(self, axis: int) -> Axes:
        """The same without that loop."""
        lengths = [*self.lengths[:axis], *self.lengths[axis + 1 :]]
        return Axes(lengths, [[*s[:axis], *s[axis + 1 :]] for s in self.steps])

    def merged(self) -> Axes:
        """Without loops of one round; two that go on where the other ends are one."""
        lengths: list[int] = []
        steps: list[list[int]] = [[] for _ in self.steps]
        for axis, length in enumerate(self.lengths):
            if length == 1:
                continue
            here = [s[axis] for s in self.steps]
            if lengths and all([s[-1] == step * length for s, step in zip(steps, here)]):
                lengths[-1] *= length
                for s, step in zip(steps, here):
                    s[-1] = step
                continue
            lengths.append(length)
            for s, step in zip(steps, here):
                s.append(step)
        return Axes(lengths, steps)


def rounds(axes: Axes, n_outer: int) -> Iterator[list[int]]:
    """How far every operand has moved in each round of the outermost loops.

    >>> list(rounds(Axes([2, 3], [[3, 1], [10, 0]]), 1))
    [[0, 0], [3, 10]]
    """
    if n_outer <= 0:
        yield [0] * len(axes.steps)
        return
    for place in np.ndindex(*axes.lengths[:n_outer]):
        yield [sum([i * step for i, step in zip(place, s)]) for s in axes.steps]


def with_rows_innermost(axes: Axes) -> Axes:
    """The loop in which the result moves by 1 innermost, if it is not already.

    >>> with_rows_innermost(Axes([5, 2], [[1, 5], [2, 1]]))
    Axes(lengths=[2, 5], steps=[[5, 1], [1, 2]])
    """
    n = len(axes.lengths)
    if n < 2:
        return axes
    rows = [axis for axis in range(n) if axes.steps[0][axis] == 1]
    if not rows or rows[-1] == n - 1:
        return axes
    axis = rows[-1]
    rest = axes.without(axis)
    return Axes(
        [*rest.lengths, axes.lengths[axis]],
        [[*s, own[axis]] for s, own in zip(rest.steps, axes.steps)],
    )


def merged_terms(
    loops: list[tuple[int, tuple[int, int, int]]],
) -> list[tuple[int, tuple[int, int, int]]]:
    """The loops that are summed over, the longest first; as one where they go on.

    >>> merged_terms([(2, (0, 3, 3)), (3, (0, 1, 1))])
    [(6, (0, 1, 1))]
    >>> merged_terms([(2, (0, 3, 9)), (3, (0, 1, 1))])
    [(3, (0, 1, 1)), (2, (0, 3, 9))]
    """
    axes = Axes([n for n, _ in loops], [[steps[i] for _, steps in loops] for i in range(3)])
    merged = axes.merged()
    if not merged.lengths:
        return [(1, (0, 0, 0))]
    found = [
        (n, (merged.steps[0][axis], merged.steps[1][axis], merged.steps[2][axis]))
        for axis, n in enumerate(merged.lengths)
    ]
    return sorted(found, key=lambda loop: -loop[0])
