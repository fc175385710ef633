"""Server-sent events: the stream of one page, which gets the newest frame whenever it has time.

Each page has a thread of its own here. Nothing is queued for it: a page that does not read makes
its own thread wait, and the frames in between are never made into text.
"""

from __future__ import annotations

import math
import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from viz._play.open_pages import Stream
from viz._play.player import FRAME, Player
from viz._play.shown import Seen, as_json

__all__ = ["HEARTBEAT", "SEND_BUFFER", "STALLED", "hang_up", "send_events"]

HEARTBEAT: Final = 10.0
"""Seconds without a frame after which an empty line is sent: it shows who is gone."""

STALLED: Final = 30.0
"""Seconds in which a page has read nothing: its connection ends. The page asks for another one."""

SEND_BUFFER: Final = 1 << 16
"""Bytes that the system may keep of a stream: a page that lags sees nothing that is much older."""


def send_events(
    connection: socket.socket,
    player: Player,
    stream: Stream,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Send scenes and frames until the page is gone, or the player has ended.

    Args:
        connection: to the page, after the head of the answer.
        player: whose frames they are.
        stream: tells when it is over.
        clock: what tells the time in seconds.
        sleep: what lets it pass.

    Raises:
        OSError: if the connection is lost, or the page has stalled.

    >>> from viz._run.run import Run
    >>> here, page = socket.socketpair()
    >>> stream = Stream(lambda: hang_up(here))
    >>> send_events(here, Player(Run()), stream, sleep=lambda seconds: stream.close())
    Traceback (most recent call last):
        ...
    BrokenPipeError: [Errno 32] Broken pipe
    >>> here.close(), page.close()
    (None, None)
    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    connection.settimeout(STALLED)
    seen, number, sent_at = Seen(), 0, -math.inf
    while stream.is_current and not player.is_closed:
        shown = player.newer_than(number, timeout=HEARTBEAT)
        if shown is None:
            if clock() - sent_at >= HEARTBEAT:
                connection.sendall(b":\n\n")
                sent_at = clock()
            continue
        sleep(max(0.0, sent_at + FRAME - clock()))
        if not _has_room(connection):
            raise TimeoutError("the page does not read its stream")
        shown = player.newer_than(number, timeout=0.0) or shown  # the newest by now
        number = shown.number
        for message in seen.news(shown):
            connection.sendall(f"data: {as_json(message)}\n\n".encode())
        sent_at = clock()


def _has_room(connection: socket.socket) -> bool:
    """Wait until something can be sent."""
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_WRITE)
        return bool(selector.select(STALLED))


def hang_up(connection: socket.socket) -> None:
    """End a connection, whoever uses it at the moment.

    >>> here, there = socket.socketpair()
    >>> hang_up(here)
    >>> there.recv(1)
    b''
    >>> here.close(), there.close()
    (None, None)
    """
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
