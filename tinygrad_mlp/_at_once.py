"""Assignments that belong together, in one call that nothing interrupts.

Python looks for signals, Ctrl-C among them, between the instructions of Python code. What runs
within one call of a function written in C is done as a whole or not at all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import starmap
from operator import call
from typing import Any, Final

__all__ = ["assign_at_once", "call_at_once"]

run_at_once: Final = deque[Any](maxlen=0).extend
"""Goes through an iterator, which must be written in C, and keeps nothing."""


def call_at_once(calls: Iterable[tuple[Any, ...]]) -> None:
    """Call functions written in C, each given with its arguments.

    >>> numbers = [1]
    >>> call_at_once([(numbers.append, 2), (numbers.append, 3)])
    >>> numbers
    [1, 2, 3]
    """
    run_at_once(starmap(call, calls))


def assign_at_once(owners: Iterable[Any], names: Iterable[str], values: Iterable[Any]) -> None:
    """Set an attribute of each owner; Ctrl-C comes before the first of them or after the last.

    That holds for plain attributes and slots, not for properties written in Python.

    >>> from types import SimpleNamespace
    >>> one, other = SimpleNamespace(), SimpleNamespace()
    >>> assign_at_once([one, other], ["x", "y"], [1, 2])
    >>> one, other
    (namespace(x=1), namespace(y=2))
    """
    run_at_once(map(setattr, owners, names, values))
