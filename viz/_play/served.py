"""What a server serves: a page, the player behind it, and the replays that were asked for."""

from __future__ import annotations

import secrets
import threading
from typing import Final

from viz._play.open_pages import LINGER, OpenPages
from viz._play.player import Player

__all__ = ["HOST", "KEPT_REPLAYS", "Served"]

HOST: Final = "127.0.0.1"
"""This computer, which nobody else can reach by this name."""

KEPT_REPLAYS: Final = 8
"""So many pages of samples are kept."""


class Served:
    """What one server serves.

    Args:
        player: what the pages show and steer.
        page: the page, as text.
        port: of the server.
        linger: the seconds after the last page has left.

    Attributes:
        word: the secret word of the address.
        hosts: what a browser may call this server.
        address: of the page.
        pages: those that are open.

    >>> from viz._run.run import Run
    >>> served = Served(Player(Run()), "<!DOCTYPE html>", 8123)
    >>> served.address == f"http://127.0.0.1:8123/{served.word}/"
    True
    >>> served.replay_named(served.keep_replay("the page of a sample"))
    'the page of a sample'
    """

    def __init__(self, player: Player, page: str, port: int, *, linger: float = LINGER) -> None:
        self.player = player
        self.page = page
        self.pages = OpenPages(linger=linger)
        self.word = secrets.token_urlsafe(24)
        self.hosts = (f"{HOST}:{port}", f"localhost:{port}")
        self.address = f"http://{HOST}:{port}/{self.word}/"
        self._lock = threading.Lock()
        self._replays: dict[str, str] = {}

    def keep_replay(self, page: str) -> str:
        """Keep the page of a replay among the newest few; its name."""
        name = secrets.token_urlsafe(9)
        with self._lock:
            self._replays[name] = page
            for oldest in list(self._replays)[:-KEPT_REPLAYS]:
                del self._replays[oldest]
        return name

    def replay_named(self, name: str) -> str | None:
        """The page of a replay, while it is kept."""
        with self._lock:
            return self._replays.get(name)
