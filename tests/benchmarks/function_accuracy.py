"""exp, log, tanh and their relatives in C beside NumPy's: how far off they are, and how fast.

Errors are against mpmath, on the same numbers for both (see ``tests.native.functions.points``), in
units of the last digit: half a unit is the best that there is. Times are of rows of 4,096 numbers,
which stay in the cache, by the processor's time; the smallest of several turns, as the work is
always the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from tests.benchmarks.contest import clock
from tests.benchmarks.timing import markdown
from tests.native.functions import EXACT, TYPES, Array, Prepared, errors, exact, points, run
from tinygrad_mlp._native import _library

__all__ = ["largest_errors", "nanoseconds", "report"]

POINTS_PER_SECOND: Final = 10_000
ROW: Final = 4096
TURNS: Final = 15


def report(seconds: float) -> str:
    """A table of all functions; with 100 seconds or more each is tried on a million numbers."""
    library = _library.load()
    if library is None:
        return f"Not measured: {_library.reason()}."
    n = min(int(seconds * POINTS_PER_SECOND), 1_000_000)
    rows = []
    for name in EXACT:
        for dtype in TYPES:
            ours, theirs = largest_errors(library, name, points(dtype, n, np.random.default_rng(0)))
            x = np.random.default_rng(1).uniform(0.1, 5.0, ROW).astype(dtype)
            out = np.empty_like(x)
            times = [nanoseconds(Prepared(library, name, out, x))]
            if hasattr(np, name):
                times.append(nanoseconds(NumPyCall(getattr(np, name), x, out)))
            row = [f"{name}, {np.dtype(dtype).name}", f"{ours:.2f}", f"{theirs:.2f}"]
            row += [f"{time:.2f}" for time in times]
            rows.append([cell.replace("nan", "-") for cell in row] + ["-"] * (2 - len(times)))
    header = ["function", "error", "NumPy's error", "ns per number", "NumPy's ns"]
    about = f"{n:,} numbers; library {library.variant}, {library.compiler}."
    return f"{markdown(header, rows)}\n\n{about}"


def largest_errors(library: _library.Library, name: str, x: Array) -> tuple[float, float]:
    """The largest error of the library's function and of NumPy's; nan where NumPy has none."""
    true = exact(name, x)
    ours = float(errors(run(library, name, x), true).max())
    if not hasattr(np, name):
        return ours, np.nan
    with np.errstate(all="ignore"):
        return ours, float(errors(getattr(np, name)(x), true).max())


class NumPyCall:
    """A function of NumPy on a row, whose results have their place."""

    def __init__(self, function: Any, x: Array, out: Array) -> None:
        self.function, self.x, self.out = function, x, out

    def __call__(self) -> None:
        """Fill ``out``."""
        self.function(self.x, out=self.out)


def nanoseconds(call: Callable[[], None]) -> float:
    """The processor's time for one number of a row, at best."""
    times = []
    for _ in range(TURNS):
        start = clock()
        for _ in range(200):
            call()
        times.append(clock() - start)
    return min(times) / (200 * ROW) * 1e9
