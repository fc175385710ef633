"""The server of a page: the standard library's, on this computer alone.

An address holds a word that nobody can guess; ``request_handler`` says who is answered. No request
writes a file.
"""

from __future__ import annotations

import errno
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Final

from tinygrad_mlp._arguments import check_integer
from tinygrad_mlp.errors import InvalidArgumentError
from viz._play.absence import Absence
from viz._play.open_pages import LINGER
from viz._play.player import Player
from viz._play.request_handler import RequestHandler
from viz._play.served import HOST, Served
from viz._play.streams import hang_up

__all__ = ["MOST_CONNECTIONS", "PlayServer"]

MOST_CONNECTIONS: Final = 128
"""At the same time; a browser has six for one server."""

FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    b"too many connections are open; close some pages of this training\n"
)

LAST_WORDS: Final = 2.0
"""Seconds in which requests may come to their end when the server ends."""

LOOK_UP: Final = 0.25
"""Seconds after which the server looks whether it is over, while nobody asks for anything."""


class PlayServer(ThreadingHTTPServer):
    """Serves the page of one player until all pages have left.

    Args:
        player: what the pages show and steer.
        page: the page, as text.
        port: the port; 0 for a free one.
        linger: the seconds after the last page has left.

    Attributes:
        served: what is served, with its address.

    Raises:
        InvalidArgumentError: if the port is none, or cannot be opened.

    >>> from viz._run.run import Run
    >>> with PlayServer(Player(Run()), "<!DOCTYPE html>") as server:
    ...     server.served.address.startswith(f"http://127.0.0.1:{server.server_port}/")
    True
    """

    daemon_threads = True
    allow_reuse_port = False
    request_queue_size = MOST_CONNECTIONS

    def __init__(self, player: Player, page: str, *, port: int = 0, linger: float = LINGER) -> None:
        self._lock = threading.Lock()
        self._handling: dict[socket.socket, threading.Thread] = {}
        number = _checked_port(port)
        try:
            super().__init__((HOST, number), RequestHandler)
        except OSError as error:
            raise _port_error(number, error) from error
        self.served = Served(player, page, self.server_port, linger=linger)

    def server_bind(self) -> None:
        """Without asking who 127.0.0.1 is, for which a name server may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, int(self.server_address[1])

    def serve(self, say: Callable[[str], object] = lambda text: None) -> None:
        """Answer requests until all pages have left; while all are lost the training waits.

        Args:
            say: tells something to whoever sits at the terminal.
        """
        absence = Absence(self.served, say)
        while (left := self.served.pages.seconds_left()) > 0.0:
            self.timeout = min(LOOK_UP, left)
            self.handle_request()
            absence.look()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether there is room for one more connection; who comes too many is told."""
        with self._lock:
            has_room = len(self._handling) < MOST_CONNECTIONS
        if not has_room:
            with suppress(OSError):
                request.sendall(FULL)
        return has_room

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Answer one request, in a thread of its own."""
        with self._lock:
            self._handling[request] = threading.current_thread()
        try:
            RequestHandler(self.served, request, client_address, self)
        finally:
            with self._lock:
                del self._handling[request]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that is lost is no error; what else happens is ours, and is shown."""
        if not isinstance(sys.exception(), OSError):
            traceback.print_exc()

    def server_close(self) -> None:
        """Close the port, then all connections, and wait a moment for their threads."""
        super().server_close()
        with self._lock:
            handling = list(self._handling.items())
        for connection, _ in handling:
            hang_up(connection)
        until = time.monotonic() + LAST_WORDS
        for _, thread in handling:  # whoever computes longer ends with the program
            thread.join(max(0.0, until - time.monotonic()))


def _checked_port(port: object) -> int:
    number = check_integer(port, "port", minimum=0)
    if number > 65535:
        raise InvalidArgumentError(f"port is {number}, but ports go up to 65535: port=0 finds one")
    return number


def _port_error(port: int, error: OSError) -> InvalidArgumentError:
    reasons = {
        errno.EADDRINUSE: "another program uses it",
        errno.EACCES: "only the administrator of this computer may open it",
    }
    reason = reasons.get(error.errno or 0, error.strerror or str(error))
    return InvalidArgumentError(
        f"port {port} of {HOST} cannot be opened: {reason}; give another one, or port=0, which "
        "finds a free one"
    )
