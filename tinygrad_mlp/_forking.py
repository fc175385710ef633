"""What a process that is forked must not inherit: a lock that a thread held which is not there."""

from __future__ import annotations

import os
from threading import Lock, RLock

__all__ = ["waited_for_at_fork"]


def waited_for_at_fork(lock: Lock | RLock) -> None:
    """Let a fork wait until the lock is free, so that it is free in the child.

    What the lock guards is then whole in the child too. Windows has no fork.

    Args:
        lock: one that lives as long as the process.

    >>> guard = Lock()
    >>> waited_for_at_fork(guard)
    >>> guard.locked()
    False
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=lock.acquire,
            after_in_parent=lock.release,
            after_in_child=lock.release,
        )
