"""The curve of a run: how good it was at some of its steps, so many as a page can draw."""

from __future__ import annotations

from dataclasses import dataclass

from viz._run.run_steps import Measured

__all__ = ["MOST_POINTS", "Cursor", "Curve"]

MOST_POINTS = 600
"""So many points a curve has at most."""

SHARE = 25
"""The next point comes when a run has gone on by this part of its steps."""


@dataclass(slots=True)
class Cursor:
    """How much of a curve a page has already."""

    edition: int = -1
    n_points: int = 0


class Curve:
    """Points (step, what was measured there), once per epoch at first and then less often.

    Args:
        before: the curve that it takes the place of, of which pages have points; None for none.

    >>> curve, page = Curve(), Cursor()
    >>> curve.add(0, Measured(0.7, None, None, None))
    >>> [step for step, _ in curve.news(page)[1]], curve.next_after(0, steps_per_epoch=24)
    ([0], 24)
    >>> curve.add(24, Measured(0.5, None, None, None))
    >>> n_valid, points = curve.news(page)
    >>> n_valid, [step for step, _ in points]
    (1, [24])
    """

    def __init__(self, before: Curve | None = None) -> None:
        self.points: list[tuple[int, Measured]] = []
        self.edition: int = 0 if before is None else before.edition + 1
        self._apart = 1

    def follow(self, before: Curve) -> None:
        """Come after another curve, of which pages have points."""
        self.edition = before.edition + 1

    def next_after(self, step: int, steps_per_epoch: int) -> int:
        """At which step the next point is due."""
        return step + max(steps_per_epoch * self._apart, step // SHARE, 1)

    def add(self, step: int, measured: Measured) -> None:
        """One point more; every second one goes where there are too many."""
        if self.points and self.points[-1][0] >= step:
            return
        self.points.append((step, measured))
        if len(self.points) > MOST_POINTS:
            self.points = self.points[::2]
            self._apart *= 2
            self.edition += 1

    def drop_after(self, step: int) -> None:
        """Forget what comes after a step."""
        n_before = len(self.points)
        self.points = [point for point in self.points if point[0] <= step]
        self.edition += len(self.points) < n_before

    def news(self, cursor: Cursor) -> tuple[int, list[tuple[int, Measured]]]:
        """How many points stay valid of those that a page has, and those that follow them."""
        n_valid = cursor.n_points if cursor.edition == self.edition else 0
        cursor.edition, cursor.n_points = self.edition, len(self.points)
        return n_valid, self.points[n_valid:]
