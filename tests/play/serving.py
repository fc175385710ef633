"""A server with a small run, and clients that ask it as a browser does, or as nobody should."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from viz._play.player import Player
from viz._play.server import PlayServer
from viz._run.run import Run
from viz._run.run_settings import LayerSettings, RunSettings

PAGE: Final = "<!DOCTYPE html><title>play</title>"
SMALL: Final = RunSettings("moons", n_samples=40, layers=(LayerSettings(3),), batch_size=5)
WAIT: Final = 30.0
"""Seconds after which a test gives up: no test waits so long where all is well."""


def wait_until(holds: Callable[[], object]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + WAIT
    while not holds():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.001)


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Address:
    """Where a server is."""

    host: str
    port: int
    word: str


class Stream:
    """The stream of a page: its messages, one after the other."""

    def __init__(self, at: Address, page: str) -> None:
        self.connection = socket.create_connection(("127.0.0.1", at.port), timeout=WAIT)
        request = f"GET /{at.word}/events?page={page} HTTP/1.1\r\nHost: {at.host}\r\n\r\n"
        self.connection.sendall(request.encode())
        self._file = self.connection.makefile("rb")
        self.head = self._head()

    def _head(self) -> list[str]:
        lines = []
        while line := self._file.readline().decode().strip():
            lines.append(line)
        return lines

    def next(self, kind: str | None = None) -> Any:
        """The next message, of that kind; None at the end."""
        while line := self._file.readline():
            if line.startswith(b"data: "):
                message = json.loads(line[6:])
                if kind in {None, message["kind"]}:
                    return message
        return None

    def until(self, **wanted: Any) -> Any:
        """The next frame in which these numbers stand."""
        while True:
            frame = self.next("frame")
            if frame is None or all(frame[name] == value for name, value in wanted.items()):
                return frame

    def close(self) -> None:
        self._file.close()
        self.connection.close()


class Serving:
    """A server that runs in a thread."""

    def __init__(self, run: Run, *, linger: float = 5.0, page: str = PAGE) -> None:
        self.run = run
        self.player = Player(run)
        self.server = PlayServer(self.player, page, linger=linger)
        self.served = self.server.served
        self.port = self.server.server_port
        self.host = f"127.0.0.1:{self.port}"
        self.word = self.served.word
        self.streams: list[Stream] = []
        self.thread = threading.Thread(target=self.server.serve, daemon=True)

    def ask(
        self,
        path: str,
        body: bytes | str | None = None,
        method: str | None = None,
        word: str | None = None,
        **headers: str | None,
    ) -> Answer:
        """Send one request; headers by their names with _, None for none."""
        sent = {"Host": self.host}
        if body is not None:
            sent |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        for name, value in headers.items():
            title = name.replace("_", "-").title()
            sent.pop(title, None)
            if value is not None:
                sent[title] = value
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        word = self.word if word is None else word
        connection.putrequest(
            method or ("GET" if body is None else "POST"),
            f"/{word}{path}",
            skip_host=True,
            skip_accept_encoding=True,
        )
        for name, value in sent.items():
            connection.putheader(name, str(value))
        connection.endheaders(body.encode() if isinstance(body, str) else body)
        response = connection.getresponse()
        answer = Answer(response.status, response.headers, response.read())
        connection.close()
        return answer

    def do(self, do: str, **parts: Any) -> Any:
        """The answer to a command."""
        answer = self.ask("/command", json.dumps({"do": do, **parts}))
        assert answer.status == 200, answer.text
        return answer.json

    def end(self) -> None:
        """End the thread, which looks up when somebody knocks."""
        self.served.pages.leave()
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=WAIT).close()
        self.thread.join(WAIT)
        assert not self.thread.is_alive()

    def stream(self, page: str = "a") -> Stream:
        stream = Stream(Address(self.host, self.port, self.word), page)
        self.streams.append(stream)
        return stream


@contextmanager
def serving(served: Serving | None = None, linger: float = 5.0) -> Iterator[Serving]:
    """A server, until the block ends."""
    served = Serving(Run(SMALL), linger=linger) if served is None else served
    served.player.start()
    served.thread.start()
    try:
        yield served
    finally:
        served.end()
        served.player.close()
        for stream in served.streams:
            stream.close()
        served.server.server_close()
