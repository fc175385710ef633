"""How much memory a piece of work takes.

``tracemalloc`` counts what every thread of the process allocates, also the one that speaks with the
other processes of a test run. What comes in between is there once; what the work takes is there
each time. So the work is done again until it fits, and has failed if it never does.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Final

ATTEMPTS: Final = 5


def assert_takes_less(
    work: Callable[[], object], *, kept: float | None = None, most: float | None = None
) -> None:
    """Compare the bytes that a piece of work takes with what it may take.

    Args:
        work: a function that takes the same each time.
        kept: what its result holds is less than this.
        most: what it takes at any moment, with its result, is less than this.

    Raises:
        AssertionError: if it takes more in each of ``ATTEMPTS`` calls.
    """
    limits = [float("inf") if limit is None else limit for limit in (kept, most)]
    found = []
    for _ in range(ATTEMPTS):
        found.append(_taken_by(work))
        if all(taken < limit for taken, limit in zip(found[-1], limits)):
            return
    raise AssertionError(f"kept, at most: {found} bytes; expected less than {limits}")


def _taken_by(work: Callable[[], object]) -> tuple[int, int]:
    tracemalloc.start()
    try:
        result = work()  # held, so that it is counted
        taken = tracemalloc.get_traced_memory()
        del result
        return taken
    finally:
        tracemalloc.stop()
