"""Measuring contestants against each other, and writing the results down as Markdown tables.

Machines are noisy: other programs take turns, the clock of the processor changes. So the contestants
are interleaved, one turn of each after the other, which gives all of them the same weather; the
median of the turns is what a table compares, and the minimum beside it is what the machine can do.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

Turn = Callable[[], Any]
"""A contestant: what it does when its turn comes."""

Make = Callable[[], Turn]
"""Sets a contestant up; raises ModuleNotFoundError where its package is not installed."""


@dataclass(frozen=True)
class Timing:
    """The seconds of one contestant's turns.

    >>> timing = Timing([0.003, 0.001, 0.002])
    >>> timing.median, timing.minimum
    (0.002, 0.001)
    """

    seconds: Sequence[float]

    @property
    def median(self) -> float:
        """The turn in the middle."""
        return median(self.seconds)

    @property
    def minimum(self) -> float:
        """The fastest turn."""
        return min(self.seconds)


@dataclass(frozen=True)
class Contest:
    """Contestants that are ready, by name, and the names of those whose package is missing."""

    turns: dict[str, Turn]
    missing: list[str]


def set_up(makers: Mapping[str, Make]) -> Contest:
    """Make every contestant whose package is installed, and give each a turn to warm up.

    >>> def absent():
    ...     import no_such_package
    >>> contest = set_up({"ours": lambda: int, "theirs": absent})
    >>> list(contest.turns), contest.missing
    (['ours'], ['theirs'])
    """
    turns: dict[str, Turn] = {}
    missing: list[str] = []
    for name, make in makers.items():
        try:
            turn = make()
        except ModuleNotFoundError:
            missing.append(name)
        else:
            turn()
            turns[name] = turn
    return Contest(turns, missing)


def interleaved(
    turns: Mapping[str, Turn], seconds: float, *, min_rounds: int = 5, collect: bool = False
) -> dict[str, Timing]:
    """Time rounds of one turn each until ``seconds`` have passed, but at least ``min_rounds``.

    Everything that exists before is hidden from the garbage collector, so that its work in a turn
    is that of a program which imports nothing else.

    Args:
        turns: by contestant.
        seconds: how long to go on.
        min_rounds: how many rounds there are at least.
        collect: whether to collect garbage between the turns, for those that leave much of it.

    >>> timings = interleaved({"sleep": lambda: time.sleep(0.001)}, seconds=0.01)
    >>> timings["sleep"].minimum >= 0.001
    True
    """
    measured: dict[str, list[float]] = {name: [] for name in turns}
    gc.collect()
    gc.freeze()
    try:
        end = time.perf_counter() + seconds
        n_rounds = 0
        while n_rounds < min_rounds or time.perf_counter() < end:
            n_rounds += 1
            for name, turn in turns.items():
                start = time.perf_counter()
                turn()
                measured[name].append(time.perf_counter() - start)
                if collect:
                    gc.collect()
    finally:
        gc.unfreeze()
    return {name: Timing(of_contestant) for name, of_contestant in measured.items()}


@contextmanager
def garbage_collector(thresholds: tuple[int, int, int] | None) -> Iterator[None]:
    """Within this block the collector has these thresholds, or is off for None."""
    before, was_enabled = gc.get_threshold(), gc.isenabled()
    if thresholds is None:
        gc.disable()
    else:
        gc.enable()
        gc.set_threshold(*thresholds)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        if was_enabled:
            gc.enable()
        else:
            gc.disable()


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
    *,
    unit: str,
    per_unit: float,
    relative_to: str,
    missing: Sequence[str] = (),
) -> str:
    """The table of one contest: medians, minima, and the medians as multiples of one contestant's.

    Args:
        timings: by contestant.
        unit: what stands in the head of the columns.
        per_unit: how many of these units a second of a turn is.
        relative_to: the contestant that is 1.00.
        missing: those that were left out, who get a row without numbers.

    >>> timings = {"NumPy": Timing([1e-5]), "torch": Timing([4e-5])}
    >>> print(comparison(timings, unit="µs", per_unit=1e6, relative_to="NumPy"))
    |       | median µs | minimum µs | × NumPy |
    |:------|----------:|-----------:|--------:|
    | NumPy |      10.0 |       10.0 |    1.00 |
    | torch |      40.0 |       40.0 |    4.00 |
    """
    base = timings[relative_to].median
    rows = [
        [
            name,
            number(timing.median * per_unit),
            number(timing.minimum * per_unit),
            number(timing.median / base),
        ]
        for name, timing in timings.items()
    ]
    rows += [[name, "", "", "not installed"] for name in missing]
    return markdown(["", f"median {unit}", f"minimum {unit}", f"× {relative_to}"], rows)
