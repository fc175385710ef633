"""Timings, and the Markdown tables they are shown in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

__all__ = ["Timing", "comparison", "markdown", "number"]


@dataclass(frozen=True)
class Timing:
    """What was measured in each turn, mostly seconds.

    The median is what to compare; the minimum shows what the machine can do when it is left alone.

    >>> timing = Timing([0.003, 0.001, 0.002])
    >>> timing.median, timing.minimum
    (0.002, 0.001)
    """

    values: Sequence[float]

    @property
    def median(self) -> float:
        """The one in the middle."""
        return median(self.values)

    @property
    def minimum(self) -> float:
        """The smallest one."""
        return min(self.values)

    def over(self, other: Timing) -> float:
        """How many times as long it took as the other: the median of the ratios, turn by turn.

        In one round both have the same weather, so this varies less than a ratio of medians.

        >>> Timing([0.003, 0.030]).over(Timing([0.001, 0.010]))
        3.0
        """
        return median([mine / theirs for mine, theirs in zip(self.values, other.values)])


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are numbers, aligned to the right.

    >>> print(markdown(["who", "µs"], [["NumPy", "28"], ["torch", "159"]]))
    | who   |  µs |
    |:------|----:|
    | NumPy |  28 |
    | torch | 159 |
    """
    table = [header, *rows]
    widths = [max(len(cell) for cell in column) for column in zip(*table)]
    lines = []
    for row in table:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append(f"| {' | '.join(cells)} |")
    rule = [":" + "-" * (widths[0] + 1)] + ["-" * (width + 1) + ":" for width in widths[1:]]
    lines.insert(1, f"|{'|'.join(rule)}|")
    return "\n".join(lines)


def number(x: float) -> str:
    """Three digits, or all digits before the point, with thousands set apart.

    >>> number(0.0123), number(1.234), number(45.67), number(12345.6)
    ('0.0123', '1.23', '45.7', '12,346')
    """
    if abs(x) >= 100.0 or x == 0.0:
        return f"{x:,.0f}"
    digits = 2
    scale = abs(x)
    while scale >= 10.0:
        scale /= 10.0
        digits -= 1
    while scale < 1.0:
        scale *= 10.0
        digits += 1
    return f"{x:.{digits}f}"


def comparison(
    timings: Mapping[str, Timing],
    unit: str,
    per_unit: float,
    *,
    relative_to: str,
    missing: Sequence[str] = (),
) -> str:
    """The table of one contest: medians, minima, and how many times as long as one contestant.

    Args:
        timings: by contestant.
        unit: what stands in the head of the columns.
        per_unit: how many of these units a second is.
        relative_to: the contestant that is 1.00.
        missing: those that were left out, who get a row without numbers.

    >>> timings = {"NumPy": Timing([1e-5]), "torch": Timing([4e-5])}
    >>> print(comparison(timings, "µs", 1e6, relative_to="NumPy"))
    |       | median µs | minimum µs | × NumPy |
    |:------|----------:|-----------:|--------:|
    | NumPy |      10.0 |       10.0 |    1.00 |
    | torch |      40.0 |       40.0 |    4.00 |
    """
    rows = [
        [
            name,
            number(timing.median * per_unit),
            number(timing.minimum * per_unit),
            number(timing.over(timings[relative_to])),
        ]
        for name, timing in timings.items()
    ]
    rows += [[name, "", "", "not installed"] for name in missing]
    return markdown(["", f"median {unit}", f"minimum {unit}", f"× {relative_to}"], rows)
