"""A training that nobody can see waits: it pauses when its pages are lost, and goes on with one.

A tab that was killed says no goodbye, so the program stays; it need not burn a processor meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from viz._play.served import Served

__all__ = ["BACK", "Absence", "lost"]

BACK: Final = "A page is there again: the training goes on."
"""What is said when a training that waited goes on."""


def lost(address: str, *, waits: bool) -> str:
    """What is said when the pages are lost.

    Args:
        address: that of the page.
        waits: whether a training was going on, which is paused now.

    >>> print(lost("http://127.0.0.1:8123/word/", waits=True))
    No page of this training is there any more, so it waits. Open it again and it goes on:
    http://127.0.0.1:8123/word/
    Or end it with Ctrl-C.
    """
    waiting = ", so it waits. Open it again and it goes on:" if waits else ". Open it again:"
    return f"No page of this training is there any more{waiting}\n{address}\nOr end it with Ctrl-C."


class Absence:
    """Watches whether anybody can see a training.

    Args:
        served: the pages and the training.
        say: tells something to whoever sits at the terminal.

    >>> from viz._play.player import Player
    >>> from viz._run.run import Run
    >>> absence = Absence(Served(Player(Run()), "", 8123), say=print)
    >>> absence.look()  # there was no page yet
    """

    def __init__(self, served: Served, say: Callable[[str], object]) -> None:
        self._served = served
        self._say = say
        self._is_lost = False
        self._go_on: Callable[[], bool] | None = None

    def look(self) -> None:
        """Pause a training whose pages are lost; let it go on when one is back.

        A lost page that leaves after all brings nobody back: the training goes on waiting.
        """
        pages = self._served.pages
        if not self._is_lost and pages.are_lost():
            self._is_lost = True
            self._go_on = self._served.player.rest()
            self._say(lost(self._served.address, waits=self._go_on is not None))
        elif self._is_lost and pages.is_one_there():
            self._is_lost = False
            if self._go_on is not None and self._go_on():
                self._say(BACK)
