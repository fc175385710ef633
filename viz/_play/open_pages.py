"""Which pages are open, and when the last of them is gone for good.

A page has a name of its own, under which it opens its stream and says goodbye. A stream that ends
is no goodbye: a hidden page closes it, a lost connection ends it. Nor is a reload: it says goodbye,
but is there again within the time that is waited. A hidden page says now and then that it is there;
of one that neither has a stream nor says so, nobody can see anything: its tab may have been killed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["HIDDEN", "LINGER", "LOST", "OpenPages", "Stream"]

LINGER: Final = 5.0
"""The seconds after the last goodbye."""

LOST: Final = 10.0
"""Seconds after the end of a stream in which its page has mostly found its way back."""

HIDDEN: Final = 120.0
"""Seconds for which the word of a hidden page counts: browsers let it speak once a minute."""


class Stream:
    """The stream of a page, as long as there is no newer one and the page has not left.

    Args:
        end: what ends the connection.

    >>> stream = Stream(lambda: print("the connection ends"))
    >>> stream.close()
    the connection ends
    >>> stream.is_current
    False
    """

    def __init__(self, end: Callable[[], None]) -> None:
        self.is_current = True
        self._end = end

    def close(self) -> None:
        """It is over."""
        self.is_current = False
        self._end()


class OpenPages:
    """The pages by their names.

    Args:
        linger: how many seconds after the last goodbye it is over.
        clock: what tells the time in seconds.

    >>> now = 100.0
    >>> pages = OpenPages(clock=lambda: now)
    >>> pages.seconds_left()  # nobody was there yet
    inf
    >>> with pages.stream("a", end=print):
    ...     pass
    >>> pages.goodbye("a")
    True
    >>> now = 103.0
    >>> pages.seconds_left()
    2.0
    """

    def __init__(
        self, *, linger: float = LINGER, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._linger = linger
        self._clock = clock
        self._lock = threading.Lock()
        self._streams: dict[str, Stream | None] = {}
        self._there_until: dict[str, float] = {}
        self._ends_at = float("inf")
        self._anew_until = -float("inf")

    @contextmanager
    def stream(self, page: str, end: Callable[[], None]) -> Iterator[Stream]:
        """Within this block the page has a stream; an older one of the same page ends.

        Args:
            page: the name of the page.
            end: what ends the connection.
        """
        stream = Stream(end)
        with self._lock:
            older = self._streams.get(page)
            self._streams[page] = stream
            self._there_until.pop(page, None)
            self._ends_at = float("inf")
        if older is not None:
            older.close()
        try:
            yield stream
        finally:
            with self._lock:
                if self._streams.get(page) is stream:
                    self._streams[page] = None
                    self._stays(page, LOST)

    def hidden(self, page: str) -> bool:
        """A page that had a stream says that it is there, though hidden; whether it is known."""
        with self._lock:
            if page not in self._streams:
                return False
            self._stays(page, HIDDEN)
            return True

    def _stays(self, page: str, seconds: float) -> None:
        """A page is there for so long at least."""
        until = self._clock() + seconds
        self._there_until[page] = max(until, self._there_until.get(page, until))

    def are_lost(self) -> bool:
        """Whether there are pages that have not left, and yet none of them is there any more.

        A page that has just left may be one that is loaded anew: so long nothing is lost.
        """
        with self._lock:
            is_late = self._anew_until <= self._clock()
            return is_late and bool(self._streams) and not self._is_one_there()

    def is_one_there(self) -> bool:
        """Whether somebody can see a page, or it has just said that it is there."""
        with self._lock:
            return self._is_one_there()

    def _is_one_there(self) -> bool:
        now = self._clock()
        return any(
            stream is not None or self._there_until.get(page, now) > now
            for page, stream in self._streams.items()
        )

    def goodbye(self, page: str) -> bool:
        """A page has left; whether it was there."""
        with self._lock:
            if page not in self._streams:
                return False
            stream = self._streams.pop(page)
            self._there_until.pop(page, None)
            self._anew_until = self._clock() + self._linger
            if not self._streams:
                self._ends_at = self._anew_until
        if stream is not None:
            stream.close()
        return True

    def arriving(self) -> None:
        """Somebody asks for the page: the time begins anew, if it runs."""
        with self._lock:
            if self._ends_at < float("inf"):
                self._ends_at = self._clock() + self._linger

    def leave(self) -> None:
        """It is over now."""
        with self._lock:
            self._ends_at = -float("inf")

    def seconds_left(self) -> float:
        """The seconds until it is over; inf while a page is open, or none was yet."""
        with self._lock:
            return self._ends_at - self._clock()
