"""Who is answered: the page, from its own address; else nothing is done, and it is told why."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.play.serving import PAGE, SMALL, WAIT, Serving, serving, wait_until
from tinygrad_mlp.errors import MissingDependencyError
from viz._play import request_handler
from viz._play import server as server_module
from viz._play.player import Player
from viz._play.request_handler import RequestHandler
from viz._play.served import KEPT_REPLAYS
from viz._play.server import MOST_CONNECTIONS, PlayServer
from viz._run.run import Run

STEP = json.dumps({"do": "step", "n": 1})


@pytest.fixture(scope="module")
def shared() -> Iterator[Serving]:
    with serving() as server:
        yield server


@pytest.fixture
def served(shared: Serving) -> Iterator[Serving]:
    """The server, in which a test changes nothing."""
    before = shared.run.step
    yield shared
    assert shared.run.step == before
    assert not shared.player.is_playing


def test_the_page_is_there_with_its_headers(served: Serving) -> None:
    answer = served.ask("/")
    assert (answer.status, answer.text) == (200, PAGE)
    assert {name: answer.headers[name] for name in answer.headers if name != "Date"} == {
        "Server": "tinygrad_mlp",
        "Content-Type": "text/html; charset=utf-8",
        "Content-Length": str(len(PAGE)),
        "Content-Security-Policy": "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
        "form-action 'none'; object-src 'none'",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Connection": "close",
    }


def test_it_listens_on_this_computer_alone(served: Serving) -> None:
    assert served.server.socket.getsockname()[0] == "127.0.0.1"
    assert served.served.address == f"http://127.0.0.1:{served.port}/{served.word}/"
    assert len(served.word) == 32


def test_each_server_has_another_word(served: Serving) -> None:
    with serving() as other:
        assert other.word != served.word


SAME = {"sec_fetch_site": "same-origin"}


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "localhost:{port}"},
        {"host": "LOCALHOST:{port}", "origin": "http://localhost:{port}"},
        {"origin": "http://127.0.0.1:{port}", **SAME},
        {"sec_fetch_site": "none"},
    ],
)
def test_a_browser_at_the_address_is_answered(served: Serving, headers: dict[str, str]) -> None:
    sent = {name: value.format(port=served.port) for name, value in headers.items()}
    assert served.ask("/", **sent).status == 200


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"word": ""}, "secret word"),
        ({"word": "x" * 32}, "secret word"),
        ({"host": "evil.example:{port}"}, "Host"),
        ({"host": "127.0.0.1"}, "Host"),
        ({"host": "127.0.0.1:1"}, "Host"),
        ({"host": None}, "Host"),
        ({"origin": "http://evil.example"}, "Origin"),
        ({"origin": "null"}, "Origin"),
        ({"origin": "https://127.0.0.1:{port}"}, "Origin"),
        ({"origin": "http://localhost:{port}"}, "Origin"),
        ({"origin": "http://127.0.0.1:1"}, "Origin"),
        ({"sec_fetch_site": "cross-site"}, "Sec-Fetch-Site"),
        ({"sec_fetch_site": "same-site"}, "Sec-Fetch-Site"),
        ({"sec_fetch_site": "none"}, "Sec-Fetch-Site"),
    ],
)
@pytest.mark.parametrize(
    ("path", "body"), [("/command", STEP), ("/goodbye", "a"), ("/export/json", None)]
)
def test_whoever_else_asks_does_nothing(
    served: Serving, path: str, body: str | None, headers: dict[str, Any], why: str
) -> None:
    sent = {name: value and value.format(port=served.port) for name, value in headers.items()}
    answer = served.ask(path, body, **sent)
    assert answer.status == 403
    assert why in answer.text
    assert answer.text.count("\n") == 1
    assert served.word not in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_nor_does_another_site_that_leads_to_the_page(served: Serving, site: str) -> None:
    assert served.ask("/", sec_fetch_site=site).status == 403


def test_a_word_that_begins_right_is_wrong(served: Serving) -> None:
    for word in (served.word[:-1], served.word + "x", served.word.swapcase()):
        assert served.ask("/command", STEP, word=word).status == 403


def test_a_header_that_is_there_twice_is_refused(served: Serving) -> None:
    text = raw(served, f"POST /{served.word}/command HTTP/1.1", "Host: x", f"Host: {served.host}")
    assert text.startswith("HTTP/1.1 400")
    assert "several headers Host" in text


@pytest.mark.parametrize(
    "path",
    [
        *("", "/x", "//", "/events", "/events?page=", "/events?page=a/b", "/events?page=a&b=1"),
        *("/command/", "/?x=1", "/export", "/export/", "/export/exe", "/replay/none"),
        *("/../../etc/passwd", "/%2e%2e/", "/page.js", f"/events?page={'a' * 65}"),
    ],
)
def test_other_addresses_hold_nothing(served: Serving, path: str) -> None:
    answer = served.ask(path)
    assert answer.status == 404
    assert answer.text.strip() in {
        "there is nothing at this address",
        "this replay is no longer kept; click on the sample again",
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/"), ("GET", "/command"), ("GET", "/goodbye"), ("POST", "/export/json")],
)
def test_each_address_takes_one_method(served: Serving, method: str, path: str) -> None:
    answer = served.ask(path, method=method)
    assert answer.status == 405
    assert answer.text.strip().endswith(f"not {method}")


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "get"])
def test_there_are_two_methods(served: Serving, method: str) -> None:
    answer = served.ask("/", method=method)
    assert answer.status == 501
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("body", "headers", "status", "why"),
    [
        (STEP, {"content_type": "text/plain"}, 415, "Content-Type"),
        (STEP, {"content_type": None}, 415, "Content-Type"),
        (STEP, {"content_length": None}, 411, "Content-Length"),
        (STEP, {"content_length": "-1"}, 411, "Content-Length"),
        (STEP, {"content_length": "+5"}, 411, "Content-Length"),
        (STEP, {"content_length": None, "transfer_encoding": "chunked"}, 411, "Content-Length"),
        (STEP, {"content_length": str((1 << 24) + 1)}, 413, "at most 16,777,216"),
        ("{", {}, 400, "no JSON"),
        ("", {}, 400, "no JSON"),
        (b"\xff", {}, 400, "no JSON"),
        ('{"do": "play", "speed": NaN}', {}, 400, "no JSON"),
        ('{"do": "play", "speed": -Infinity}', {}, 400, "no JSON"),
        ("[" * 100_000, {}, 400, "no JSON"),
        ("1" * 5000, {}, 400, "no JSON"),
    ],
)
def test_a_body_that_cannot_be_read_does_nothing(
    served: Serving, body: str | bytes, headers: dict[str, Any], status: int, why: str
) -> None:
    answer = served.ask("/command", body, **headers)
    assert answer.status == status
    assert why in answer.text


def test_a_body_that_ends_early_does_nothing(served: Serving) -> None:
    lines = (f"POST /{served.word}/command HTTP/1.1", f"Host: {served.host}")
    head = (*lines, "Content-Type: application/json", "Content-Length: 99")
    text = raw(served, *head, body='{"do": "play"}', hangs_up=True)
    assert text.startswith("HTTP/1.1 400")
    assert "ends before" in text


def test_a_goodbye_is_short_text(served: Serving) -> None:
    assert served.ask("/goodbye", "a").status == 415
    assert served.ask("/goodbye", "a" * 65, content_type="text/plain").status == 413
    assert served.ask("/goodbye", "nobody", content_type="text/plain;charset=UTF-8").status == 404


@pytest.mark.parametrize(
    "lines", [("GET",), ("GET / HTTP/9.9",), ("x" * 70_000,), ("GET / HTTP/1.1", "a: b\n" * 200)]
)
def test_what_is_no_request_is_refused(served: Serving, lines: tuple[str, ...]) -> None:
    assert "no page sends such a request" in raw(served, *lines)


def raw(served: Serving, *lines: str, body: str = "", hangs_up: bool = False) -> str:
    """The answer to these lines."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=WAIT) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        if hangs_up:
            connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as file:
            return file.read().decode()


def test_a_refusal_is_heard_however_much_is_sent(served: Serving) -> None:
    answer = served.ask("/command", "x" * 3_000_000, content_type="text/plain")
    assert answer.status == 415


def test_an_export_is_a_file(shared: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        shared.run, "exported", lambda kind: ('a "b"\r\nX: y/..é.py', kind.encode()), raising=False
    )
    answer = shared.ask("/export/python")
    assert (answer.status, answer.body) == (200, b"python")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="a__b___X__y_.._.py"'
    assert answer.headers["Content-Type"] == "application/octet-stream"


def test_an_export_that_cannot_be_is_told(shared: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(kind: str) -> None:
        raise MissingDependencyError.of("onnx", "ONNX files", "export")

    monkeypatch.setattr(shared.run, "exported", refuse, raising=False)
    answer = shared.ask("/export/onnx")
    assert answer.status == 409
    assert answer.json["ok"] is False
    assert "pip install" in answer.json["error"]


def test_a_fault_of_ours_is_told_and_the_server_lives(
    shared: Serving, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: Any) -> None:
        raise ZeroDivisionError("broken")

    monkeypatch.setattr(shared.run, "rewind", fail)
    assert shared.do("rewind") == {"ok": False, "error": "ZeroDivisionError: broken"}
    assert "in fail" in capfd.readouterr().err
    monkeypatch.undo()
    assert shared.do("pause") == {"ok": True}


def test_the_newest_replays_are_kept(shared: Serving) -> None:
    names = [shared.served.keep_replay(f"page {i}") for i in range(KEPT_REPLAYS + 2)]
    assert [shared.ask(f"/replay/{name}").status for name in names] == [404] * 2 + [200] * 8
    answer = shared.ask(f"/replay/{names[-1]}")
    assert answer.text == f"page {KEPT_REPLAYS + 1}"
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    assert len(set(names)) == len(names)


def test_a_request_that_does_not_come_is_not_waited_for(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert RequestHandler.timeout == 10.0
    monkeypatch.setattr(request_handler, "PATIENCE", 0.01)
    with socket.create_connection(("127.0.0.1", served.port), timeout=WAIT) as silent:
        assert silent.recv(1) == b""


def test_the_end_waits_for_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_handler, "PATIENCE", 10.0 * WAIT)
    monkeypatch.setattr(server_module, "LAST_WORDS", 10.0 * WAIT)
    server = PlayServer(Player(Run(SMALL)), PAGE)
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=WAIT):
        server.handle_request()
        wait_until(lambda: server._handling)
        closing = threading.Thread(target=server.server_close, daemon=True)
        closing.start()
        closing.join(WAIT)
        assert not closing.is_alive()
        assert not server._handling


def test_no_name_server_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getfqdn", None)
    with PlayServer(Player(Run(SMALL)), PAGE) as server:
        assert server.server_name == "127.0.0.1"


def test_there_is_room_for_so_many_connections() -> None:
    with serving() as server:
        address = ("127.0.0.1", server.port)
        knocking = [
            socket.create_connection(address, timeout=WAIT) for _ in range(MOST_CONNECTIONS)
        ]
        wait_until(lambda: len(server.server._handling) == MOST_CONNECTIONS)
        with socket.create_connection(address, timeout=WAIT) as one_more:
            with one_more.makefile("rb") as told:
                answer = told.read()
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert answer.endswith(b"close some pages of this training\n")
        for connection in knocking:
            connection.close()
        wait_until(lambda: not server.server._handling)
        assert server.ask("/").status == 200


@pytest.mark.parametrize("word", ["", "guessed"])
def test_a_request_that_comes_in_drops_ends(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server:
        monkeypatch.setattr(request_handler, "PATIENCE", 0.05)
        head = f"POST /{word or server.word}/command HTTP/1.1\r\nHost: {server.host}\r\n"
        head += "Content-Type: application/json\r\nContent-Length: 9999999\r\n\r\n"
        with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as dripping:
            dripping.sendall(head.encode())
            with suppress(OSError):
                while True:
                    dripping.sendall(b" ")
                    time.sleep(0.005)
        wait_until(lambda: not server.server._handling)


def test_the_time_of_a_request_is_counted_from_its_beginning() -> None:
    here, there = socket.socketpair()
    now = 50.0
    hurried = request_handler.Hurried(here, clock=lambda: now)
    there.sendall(b"abc")
    now = 50.0 + request_handler.PATIENCE - 1.0
    assert hurried.read(2) == b"ab"
    now += 1.0
    with pytest.raises(TimeoutError, match="takes too long"):
        hurried.read(1)
    assert here.gettimeout() == request_handler.PATIENCE  # the answer has time of its own
    here.close()
    there.close()
