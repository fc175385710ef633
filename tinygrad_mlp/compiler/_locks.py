"""Locks: calls of a program take turns, and one function is recorded at a time."""

from __future__ import annotations

import os
import threading
from weakref import WeakSet

from tinygrad_mlp.compiler._hiding import recording_lock

__all__ = ["Locked"]


class Locked:
    """What has a lock of its own, and takes it after the one of all recordings where it records.

    A forked process makes new locks: who held one may not be there to release it.

    >>> with Locked()._lock:
    ...     pass
    """

    def __init__(self) -> None:
        self._make_locks()

    def _make_locks(self) -> None:
        # The memory of a call is that of the next one. Who records takes the lock of all recordings
        # too, always before this one.
        self._lock = threading.RLock()
        self._after_recordings = _InOrder(recording_lock, self._lock)
        _all.add(self)


class _InOrder:
    """Two locks as one, taken in this order."""

    def __init__(self, first: threading.RLock, second: threading.RLock) -> None:
        self._first, self._second = first, second

    def __enter__(self) -> None:
        self._first.acquire()
        self._second.acquire()

    def __exit__(self, *_: object) -> None:
        self._second.release()
        self._first.release()


_all: WeakSet[Locked] = WeakSet()


def _make_all_locks() -> None:
    for locked in _all:
        locked._make_locks()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_make_all_locks)
