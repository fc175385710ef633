"""Where the numbers on lines stand: none over another, none over a circle or a title."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import hypot, inf
from typing import Final

from viz._scene.scene import Words

__all__ = ["Ends", "Obstacle", "is_hit", "placed_labels"]

Ends = tuple[float, float, float, float]
"""Where a line begins and ends: x1, y1, x2, y2, from the left to the right."""

Obstacle = tuple[float, float, float]
"""A circle that labels keep away from: its middle and its radius."""

APART: Final = 3.0
"""How far labels keep from each other and from circles."""


def placed_labels(
    labels: Sequence[Words],
    lines: Sequence[Ends],
    circles: Sequence[Obstacle],
    others: Sequence[Words] = (),
    pieces: Sequence[Ends] = (),
) -> list[Words]:
    """The labels, each on its line, so that as few other lines as possible run under them.

    Args:
        labels: one for each line, anywhere.
        lines: the lines.
        circles: the circles that they keep away from.
        others: further words that they keep away from.
        pieces: further lines, without labels.

    Returns:
        The labels in their places, or nothing where not all of them find room.

    >>> from viz._scene.scene import plain
    >>> labels = [Words(0.0, 0.0, plain(text), 10.0, "#000000") for text in ("1", "2")]
    >>> lines = [(0.0, 0.0, 100.0, 0.0), (0.0, 40.0, 100.0, 40.0)]
    >>> [(words.x, words.y) for words in placed_labels(labels, lines, [])]
    [(50.0, 0.0), (50.0, 40.0)]
    >>> placed_labels(labels, lines, [(50.0, 20.0, 60.0)])
    []
    """
    best: list[Words] = []
    fewest = inf
    for shares in _tries():
        found = _placed(labels, lines, circles, others, shares)
        if len(found) == len(lines):
            crossed = _crossings(found, [*lines, *pieces])
            if crossed < fewest:
                best, fewest = found, crossed
    return best


def is_hit(circle: Obstacle, line: Ends) -> bool:
    """Whether a line runs through a circle that stands between its ends, or close by.

    >>> is_hit((50.0, 10.0, 20.0), (0.0, 0.0, 100.0, 0.0))
    True
    >>> is_hit((50.0, 24.0, 20.0), (0.0, 0.0, 100.0, 0.0))
    False
    """
    x, y, radius = circle
    x1, y1, x2, y2 = line
    length = hypot(x2 - x1, y2 - y1)
    distance = abs((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)) / length
    return x1 < x < x2 and distance < radius + APART


def _tries() -> Iterator[list[float]]:
    """Where along the lines labels may stand: all at one place, or each at one of several."""
    for share in (0.5, 0.4, 0.6, 0.33, 0.67, 0.25, 0.75, 0.2, 0.8):
        yield [share]
    for first, second in ((0.3, 0.7), (0.25, 0.6), (0.4, 0.75)):
        yield [first, second]
    yield [0.25, 0.42, 0.58, 0.75]
    yield [step / 20.0 for step in range(3, 18)]


def _placed(
    labels: Sequence[Words],
    lines: Sequence[Ends],
    circles: Sequence[Obstacle],
    others: Sequence[Words],
    shares: Sequence[float],
) -> list[Words]:
    """As many labels as find room one after the other, each at one of these shares of its line."""
    found: list[Words] = []
    for index, (label, (x1, y1, x2, y2)) in enumerate(zip(labels, lines, strict=True)):
        first = index % len(shares)
        for share in (*shares[first:], *shares[:first]):
            words = replace(label, x=x1 + share * (x2 - x1), y=y1 + share * (y2 - y1))
            if _is_free(words, [*others, *found], circles):
                found.append(words)
                break
        else:
            return found
    return found


def _is_free(words: Words, others: Sequence[Words], circles: Sequence[Obstacle]) -> bool:
    left, top, right, bottom = words.box
    for other in others:
        left2, top2, right2, bottom2 = other.box
        beside = left >= right2 + APART or left2 >= right + APART
        if not beside and top < bottom2 + APART and top2 < bottom + APART:
            return False
    for x, y, radius in circles:
        nearest = min(max(x, left), right), min(max(y, top), bottom)
        if hypot(nearest[0] - x, nearest[1] - y) < radius + APART:
            return False
    return True


def _crossings(labels: Sequence[Words], lines: Sequence[Ends]) -> int:
    """How often another line runs under a label, which hides it there."""
    count = 0
    for index, words in enumerate(labels):
        left, top, right, bottom = words.box
        for other, (x1, y1, x2, y2) in enumerate(lines):
            if other == index or x1 >= right or x2 <= left or x1 == x2:
                continue
            slope = (y2 - y1) / (x2 - x1)
            ends = [y1 + slope * (min(max(x, x1), x2) - x1) for x in (left, right)]
            count += min(ends) < bottom and max(ends) > top
    return count
