"""Locks: calls of a program take turns."""

from __future__ import annotations

import os
import threading
from weakref import WeakSet

__all__ = ["Locked"]


class Locked:
    """What has a lock of its own: the memory of a call is that of the next one.

    Who records takes the lock of all recordings too, always before this one, and both by ``with``:
    no code of Python is between it and a lock, in which Ctrl-C could leave one of them taken.

    A forked process makes new locks: who held one may not be there to release it.

    >>> with Locked()._lock:
    ...     pass
    """

    def __init__(self) -> None:
        self._make_lock()
        _all.add(self)

    def _make_lock(self) -> None:
        self._lock = threading.RLock()


_all: WeakSet[Locked] = WeakSet()


def _make_new_locks() -> None:
    for locked in _all:
        locked._make_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_make_new_locks)
