"""A legend under a picture of fixed places: small samples, each with what it means, in rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from viz._scene.fitting import moved
from viz._scene.letters import width_of
from viz._scene.scene import Group, Shape, Words, plain
from viz._style.themes import Theme

__all__ = ["Entry", "legend_groups", "widest_of"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One sample and what it means.

    Attributes:
        shapes: the sample, around a height of 0, from 0 to the right.
        width: how wide it is.
        text: what stands behind it.
        before: what stands before it.
    """

    shapes: tuple[Shape, ...]
    width: float
    text: str
    before: str = ""


def widest_of(entries: Iterable[Entry], size: float) -> float:
    """The width that a picture needs for its legend: an entry is not broken into two rows.

    >>> widest_of([Entry((), 20.0, ""), Entry((), 30.0, "")], 10.0), widest_of([], 10.0)
    (30.0, 0.0)
    """
    return max((_parts(entry, size)[-1] for entry in entries), default=0.0)


def _parts(entry: Entry, size: float) -> tuple[float, float, float]:
    """The widths of what stands before the sample, of the sample, and of all."""
    before = width_of(plain(entry.before), size) + (5.0 if entry.before else 0.0)
    sample = entry.width + (5.0 if entry.shapes else 0.0)
    return before, sample, before + sample + width_of(plain(entry.text), size)


def legend_groups(
    entries: Iterable[Entry], theme: Theme, size: float, width: float, place: tuple[float, float]
) -> tuple[list[Group], float]:
    """The legend and its height, in rows no wider than that.

    >>> from viz._scene.scene import Line
    >>> from viz._style.themes import LIGHT
    >>> line = Line(0.0, 0.0, 20.0, 0.0, "#000000", 1.0)
    >>> groups, height = legend_groups([Entry((line,), 20.0, "a")] * 3, LIGHT, 10.0, 90.0, (0, 0))
    >>> len(groups), height
    (3, 36.0)
    """
    left, top = place
    high = 1.8 * size
    x, y = left, top + high / 2.0
    groups = []
    for entry in entries:
        before, sample, wide = _parts(entry, size)
        if x > left and x + wide > left + width:
            x, y = left, y + high
        shapes = [moved(shape, x + before, y) for shape in entry.shapes]
        text = Words(x + before + sample, y, plain(entry.text), size, theme.muted, "start")
        first = Words(x + before - 5.0, y, plain(entry.before), size, theme.muted, "end")
        groups.append(Group("legend", [*([first] if before else []), *shapes, text]))
        x += wide + 16.0
    return groups, (y + high / 2.0 - top if groups else 0.0)
