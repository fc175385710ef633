"""One request to the server of a page: who sends it is checked first, then what it asks for.

A request without the secret word of the address, or one that another web site could have sent, does
nothing, and the answer says why in a sentence.
"""

from __future__ import annotations

import io
import json
import re
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, Final, NamedTuple

from tinygrad_mlp._text import visible
from tinygrad_mlp.errors import TinygradMLPError
from viz._play.commands import EXPORTS, obey
from viz._play.served import Served
from viz._play.shown import as_json
from viz._play.streams import hang_up, send_events

__all__ = ["LARGEST_COMMAND", "RequestHandler"]

LARGEST_COMMAND: Final = 1 << 24
"""Bytes: a table that is dropped onto the page is a command."""

LARGEST_GOODBYE: Final = 64
PATIENCE: Final = 10.0
"""Seconds in which a request has to be there, and in which a part of its answer is taken."""

UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]")
"""What the name of a file does not hold."""

HTML: Final = "text/html; charset=utf-8"
TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"
BYTES: Final = "application/octet-stream"
EVENTS: Final = "text/event-stream; charset=utf-8"

NOTHING: Final = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""The policy of an answer that is no page."""

BASE: Final = "base-uri 'none'; form-action 'none'; object-src 'none'"
PAGE_POLICY: Final = f"connect-src 'self'; frame-ancestors 'none'; {BASE}"
REPLAY_POLICY: Final = f"connect-src 'none'; frame-ancestors 'self'; {BASE}"
"""Beside what the pages say themselves, which names their scripts and styles."""

HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Connection": "close",
}
"""Those of every answer. The address of the page, with its secret word, is told to nobody."""


class RefusedError(Exception):
    """A request that is not answered, and why, in a sentence."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Reply(NamedTuple):
    """What is sent back."""

    kind: str
    content: bytes
    policy: str = NOTHING
    file_name: str = ""


class Hurried(io.RawIOBase):
    """What comes over a connection, which has to be there in time as a whole.

    Args:
        connection: the connection.
        clock: what tells the time in seconds.

    >>> here, there = socket.socketpair()
    >>> there.sendall(b"a byte")
    >>> Hurried(here).read(6)
    b'a byte'
    >>> here.close(), there.close()
    (None, None)
    """

    def __init__(
        self, connection: socket.socket, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._connection = connection
        self._clock = clock
        self._ends_at = clock() + PATIENCE

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for what comes next.

        Raises:
            TimeoutError: if the time is over.
        """
        left = self._ends_at - self._clock()
        if left <= 0.0:
            raise TimeoutError("the request takes too long")
        self._connection.settimeout(left)
        try:
            return self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(PATIENCE)


class RequestHandler(BaseHTTPRequestHandler):
    r"""Answers the one request of a connection.

    Args:
        served: what is served.
        connection: what the standard library hands on: the socket, who it is, the server.

    >>> from viz._play.player import Player
    >>> from viz._run.run import Run
    >>> here, browser = socket.socketpair()
    >>> browser.sendall(b"GET /guessed/ HTTP/1.1\r\nHost: 127.0.0.1:8123\r\n\r\n")
    >>> browser.shutdown(socket.SHUT_WR)
    >>> handler = RequestHandler(Served(Player(Run()), "", 8123), here, "", None)
    >>> browser.recv(20)
    b'HTTP/1.1 403 Forbidd'
    >>> here.close(), browser.close()
    (None, None)
    """

    protocol_version = "HTTP/1.1"
    timeout = PATIENCE

    def setup(self) -> None:
        """Read from the connection for so long; what answers has time of its own."""
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(Hurried(self.connection))

    def __init__(self, served: Served, *connection: Any) -> None:
        self.served = served
        super().__init__(*connection)  # which answers it

    def do_GET(self) -> None:
        """Answer a request for something."""
        self._answer()

    def do_POST(self) -> None:
        """Answer a request to do something."""
        self._answer()

    def _answer(self) -> None:
        try:
            self._check_sender()
            respond = self._asked_for()
            respond()
        except RefusedError as refusal:
            self._refuse(refusal.status, str(refusal))

    def version_string(self) -> str:
        """The name of the server: not which Python it is."""
        return "tinygrad_mlp"

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: a terminal is no place for a line for each click."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what the standard library cannot read as a request."""
        status = HTTPStatus(code)
        self._refuse(status, f"no page sends such a request: {status.phrase}")

    # Who sends it

    def _check_sender(self) -> None:
        """Refuse what does not come from our page, or from the address line of a browser."""
        host = self._one_header("Host").lower()
        if host not in self.served.hosts:
            raise _forbidden(
                "the Host of the request is another one; open the address that the program printed"
            )
        if self._one_header("Origin").lower() not in {"", f"http://{host}"}:
            raise _forbidden("the request comes from another web site, as its Origin says")
        word = self.path.split("/")[1:2]
        if not word or not secrets.compare_digest(word[0].encode(), self.served.word.encode()):
            raise _forbidden(
                "the secret word of the address is wrong; open the whole address that the program "
                "printed"
            )
        typed = {"none"} if self.path == f"/{self.served.word}/" else set()
        if self._one_header("Sec-Fetch-Site").lower() not in {"", "same-origin", *typed}:
            raise _forbidden(
                "the request comes from another web site, as its Sec-Fetch-Site says; type the "
                "address that the program printed into the browser"
            )

    def _one_header(self, name: str) -> str:
        """A header that is there once at most."""
        values = self.headers.get_all(name, [])
        if len(values) > 1:
            raise _bad(f"the request has several headers {name}")
        return str(values[0]).strip() if values else ""

    # What it asks for

    def _asked_for(self) -> Callable[[], None]:
        """What answers it."""
        place = self.path.removeprefix(f"/{self.served.word}")
        for pattern, method, respond in ROUTES:
            match = pattern.fullmatch(place)
            if match:
                if self.command != method:
                    raise RefusedError(
                        HTTPStatus.METHOD_NOT_ALLOWED,
                        f"this address takes {method}, not {self.command}",
                    )
                return partial(respond, self, *match.groups())
        raise RefusedError(HTTPStatus.NOT_FOUND, "there is nothing at this address")

    def _page(self) -> None:
        self.served.pages.arriving()
        self._send(Reply(HTML, self.served.page.encode(), PAGE_POLICY))

    def _events(self, page: str) -> None:
        def end() -> None:
            hang_up(self.connection)
            self.served.player.wake()

        with self.served.pages.stream(page, end) as stream:
            self._send_head(HTTPStatus.OK, Reply(EVENTS, b""))
            self.end_headers()
            with self.served.player.watched():
                send_events(self.connection, self.served.player, stream)

    def _command(self) -> None:
        body = self._body(JSON, LARGEST_COMMAND)
        try:
            command = json.loads(body, parse_constant=_no_number)
        except (ValueError, RecursionError):
            raise _bad("the body of the request is no JSON") from None
        player = self.served.player
        answer = obey(player.run, player, command)
        if "page" in answer:
            answer = {"ok": True, "path": f"replay/{self.served.keep_replay(answer['page'])}"}
        self._send(Reply(JSON, as_json(answer).encode()))

    def _goodbye(self) -> None:
        self._word_of_a_page(self.served.pages.goodbye)

    def _hidden(self) -> None:
        self._word_of_a_page(self.served.pages.hidden)

    def _word_of_a_page(self, hear: Callable[[str], bool]) -> None:
        page = self._body("text/plain", LARGEST_GOODBYE).decode("ascii", "replace")
        if not hear(page):
            raise RefusedError(HTTPStatus.NOT_FOUND, "no page of this name is open")
        self._send(Reply(TEXT, b""))

    def _export(self, kind: str) -> None:
        try:
            with self.served.player.turn() as run:
                file_name, content = run.exported(kind)
        except TinygradMLPError as error:
            answer = as_json({"ok": False, "error": str(error)})
            self._send(Reply(JSON, answer.encode()), HTTPStatus.CONFLICT)
            return
        self._send(Reply(BYTES, content, file_name=UNSAFE.sub("_", file_name)))

    def _replay(self, name: str) -> None:
        page = self.served.replay_named(name)
        if page is None:
            raise RefusedError(
                HTTPStatus.NOT_FOUND, "this replay is no longer kept; click on the sample again"
            )
        self._send(Reply(HTML, page.encode(), REPLAY_POLICY))

    def _body(self, kind: str, largest: int) -> bytes:
        """The body of the request."""
        if self._one_header("Content-Type").partition(";")[0].strip().lower() != kind:
            raise RefusedError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the Content-Type of the request is not {kind}"
            )
        length = self._one_header("Content-Length")
        if not re.fullmatch(r"[0-9]{1,12}", length):
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "the request lacks its Content-Length")
        if int(length) > largest:
            raise RefusedError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the request has {int(length):,} bytes, but at most {largest:,} are read",
            )
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise _bad("the request ends before its Content-Length")
        return body

    # What is sent back

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        self._send(Reply(TEXT, f"{visible(sentence)}\n".encode()), status)
        with suppress(OSError):  # what is still on its way is read, or else the answer is lost
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(1.0)
            left, until = 2 * LARGEST_COMMAND, time.monotonic() + PATIENCE
            while left > 0 and (part := self.connection.recv(1 << 16)):
                left -= len(part) if time.monotonic() < until else left

    def _send(self, reply: Reply, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send_head(status, reply)
        self.send_header("Content-Length", str(len(reply.content)))
        self.end_headers()
        self.wfile.write(reply.content)

    def _send_head(self, status: HTTPStatus, reply: Reply) -> None:
        self.send_response(status)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Security-Policy", reply.policy)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        if reply.file_name:
            self.send_header("Content-Disposition", f'attachment; filename="{reply.file_name}"')


ROUTES: Final[list[tuple[re.Pattern[str], str, Callable[..., None]]]] = [
    (re.compile(pattern), method, respond)
    for pattern, method, respond in (
        (r"/", "GET", RequestHandler._page),
        (r"/events\?page=([A-Za-z0-9-]{1,64})", "GET", RequestHandler._events),
        (r"/command", "POST", RequestHandler._command),
        (r"/goodbye", "POST", RequestHandler._goodbye),
        (r"/hidden", "POST", RequestHandler._hidden),
        (rf"/export/({'|'.join(EXPORTS)})", "GET", RequestHandler._export),
        (r"/replay/([A-Za-z0-9_-]{1,64})", "GET", RequestHandler._replay),
    )
]
"""The addresses there are, behind the secret word."""


def _forbidden(sentence: str) -> RefusedError:
    return RefusedError(HTTPStatus.FORBIDDEN, sentence)


def _bad(sentence: str) -> RefusedError:
    return RefusedError(HTTPStatus.BAD_REQUEST, sentence)


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
