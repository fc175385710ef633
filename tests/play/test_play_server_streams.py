"""The streams of the pages: all see one run; a page that lags gets the newest, and slows nobody."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import pytest

from tests.memory import assert_takes_less
from tests.play.serving import SMALL, WAIT, Serving, serving, wait_until
from viz._play import streams
from viz._play.open_pages import Stream
from viz._play.player import FRAME, Player
from viz._play.shown import Seen, show
from viz._play.streams import send_events
from viz._run.run import Run


@pytest.fixture
def served() -> Iterator[Serving]:
    with serving() as server:
        yield server


def test_a_page_gets_the_scene_and_then_frames(served: Serving) -> None:
    stream = served.stream()
    assert stream.head[0] == "HTTP/1.1 200 OK"
    assert "Content-Type: text/event-stream; charset=utf-8" in stream.head
    assert "Cache-Control: no-store" in stream.head
    scene, frame = stream.next(), stream.next()
    assert (scene["kind"], scene["version"], scene["title"]) == ("scene", 1, "moons")
    assert (frame["kind"], frame["version"], frame["step"]) == ("frame", 1, 0)
    assert frame["playing"] is False
    assert frame["curve"]["from"] == 0
    served.do("step", n=1)
    assert stream.next()["kind"] == "frame"  # the scene is what it was
    served.do("set", name="l2", value=0.5)
    assert [stream.next()["kind"] for _ in range(2)] == ["scene", "frame"]


def test_the_numbers_are_those_of_the_engine(served: Serving) -> None:
    stream = served.stream()
    served.do("step", n=20)
    frame = stream.until(step=20)
    assert frame["loss"] == served.run.measured().loss
    packed = b64decode(frame["weights"])
    numbers = served.run.numbers()
    assert packed == struct.pack(f"<{len(numbers)}f", *numbers)


def test_two_pages_see_one_run(served: Serving) -> None:
    first, second = served.stream("a"), served.stream("b")
    assert first.next("frame") == second.next("frame")
    served.do("step", n=3)
    ours, theirs = first.until(step=3), second.until(step=3)
    assert ours == theirs
    served.do("set", name="learning_rate", value=0.5)
    for stream in (first, second):
        assert stream.next("scene")["settings"]["learning_rate"] == 0.5
    served.do("play")
    last = [stream.until(playing=True) for stream in (first, second)]
    served.do("pause")
    last = [stream.until(playing=False) for stream in (first, second)]
    assert last[0]["step"] == last[1]["step"] == served.run.step
    assert last[0]["weights"] == last[1]["weights"]


def test_the_curve_comes_once(served: Serving) -> None:
    stream = served.stream()
    points: list[Any] = []
    served.do("play")
    while len(points) < 40:
        curve = stream.next("frame")["curve"]
        points = points[: curve["from"]] + curve["points"]
    served.do("pause")
    frame = {"playing": True}
    while frame["playing"]:  # each frame counts: none brings the points of another one again
        frame = stream.next("frame")
        assert frame["curve"]["from"] > 0
        points = points[: frame["curve"]["from"]] + frame["curve"]["points"]
    assert [point[0] for point in points] == [step for step, _ in served.run.curve.points]
    served.do("rewind")
    curve = stream.until(step=0)["curve"]
    assert (curve["from"], [point[0] for point in curve["points"]]) == (0, [0])


def test_a_page_has_one_stream(served: Serving) -> None:
    older = served.stream("a")
    older.next()
    newer = served.stream("a")
    assert newer.next()["kind"] == "scene"
    while older.next() is not None:
        pass
    served.do("step", n=1)
    assert newer.until(step=1)


def test_a_goodbye_ends_the_stream_at_once(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 1e6)
    served.stream("a").next("frame")
    served.served.pages.goodbye("a")
    wait_until(lambda: not served.player._n_watching)


def test_who_is_gone_is_noticed(
    served: Serving, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.01)
    stream = served.stream()
    stream.next("frame")
    assert served.player._n_watching == 1
    stream.close()
    wait_until(lambda: not served.player._n_watching)
    assert served.served.pages.seconds_left() == float("inf")  # which is no goodbye
    wait_until(lambda: not served.server._handling)
    assert capfd.readouterr().err == ""


def test_a_stalled_page_neither_stops_nor_slows_the_training(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "SEND_BUFFER", 1)  # the system takes a few kilobytes at least
    stalled = socket.socket()
    stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    stalled.settimeout(WAIT)
    stalled.connect(("127.0.0.1", served.port))
    head = f"GET /{served.word}/events?page=s HTTP/1.1\r\nHost: {served.host}\r\n\r\n"
    stalled.sendall(head.encode())
    reader = served.stream("r")
    served.do("play")
    for _ in range(30):  # in which it would have got some ten times what fits
        frame = reader.next("frame")
    served.do("pause")
    step = reader.until(playing=False)["step"]
    assert step == served.run.step > frame["step"] - 1 > 0
    with stalled, stalled.makefile("rb") as file:
        n_got = 0
        for line in file:
            if line.startswith(b'data: {"kind":"frame"'):
                n_got += 1
                if json.loads(line[6:])["playing"] is False and n_got > 1:
                    break
    assert json.loads(line[6:])["step"] == step
    assert n_got < 30


class Listener:
    """The other end of a stream that is sent in this process."""

    def __init__(self, player: Player, **options: Any) -> None:
        self.here, self.there = socket.socketpair()
        self.there.settimeout(WAIT)
        self.stream = Stream(lambda: None)
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._send, args=(player, options), daemon=True)
        self.thread.start()

    def _send(self, player: Player, options: dict[str, Any]) -> None:
        try:
            send_events(self.here, player, self.stream, **options)
        except OSError as error:
            self.error = error
        self.here.close()

    def close(self) -> None:
        self.there.close()
        self.thread.join(WAIT)
        assert not self.thread.is_alive()


def test_frames_that_a_page_has_no_time_for_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are: what waits for the page takes no more memory than one."""
    monkeypatch.setattr(streams, "SEND_BUFFER", 1)
    player = Player(Run(SMALL))
    listener = Listener(player, sleep=lambda seconds: None)
    player.run.take(1)

    def show_many() -> None:
        for _ in range(300):
            player.show()
            time.sleep(0.0)

    show_many()
    assert_takes_less(show_many, kept=20_000)
    player.run.take(1)
    player.show()
    with listener.there.makefile("rb") as file:
        n_got = 0
        for line in file:
            n_got += line.startswith(b"data: ")
            if b'"step":2,' in line:
                break
    assert 1 < n_got < 300
    player.close()
    listener.close()


def test_a_page_gets_at_most_thirty_frames_a_second() -> None:
    player = Player(Run(SMALL))
    slept: list[float] = []
    now = 50.0

    listener = Listener(player, clock=lambda: now, sleep=slept.append)

    def slept_five_times() -> bool:
        player.show()
        return len(slept) >= 5

    wait_until(slept_five_times)
    player.close()
    listener.close()
    assert slept[0] == 0.0
    assert slept[1:5] == pytest.approx([FRAME] * 4)


def test_a_page_that_reads_nothing_for_long_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "SEND_BUFFER", 1)
    monkeypatch.setattr(streams, "STALLED", 0.02)
    player = Player(Run(SMALL))
    listener = Listener(player, sleep=lambda seconds: None)

    def has_left() -> bool:
        player.show()
        return not listener.thread.is_alive()

    wait_until(has_left)
    assert isinstance(listener.error, TimeoutError)
    listener.close()


def test_an_empty_line_shows_that_the_stream_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.001)
    player = Player(Run(SMALL))
    times = iter([*([100.0] * 6), *([100.0005] * 9), *([200.0] * 10_000)])
    listener = Listener(player, clock=lambda: next(times))
    text = b""
    while b"\n:\n\n" not in text:
        text += listener.there.recv(1 << 16)
    player.close()
    listener.close()


def test_a_scene_is_made_where_something_has_changed() -> None:
    run = Run(SMALL)
    first = show(run, playing=False)
    run.take(10)
    second = show(run, playing=True, remark="so it is", before=first)
    assert second.scene is first.scene
    assert (second.number, second.frame["playing"], second.frame["remark"]) == (2, True, "so it is")
    assert second.curve[: len(first.curve)] == first.curve
    run.set("l2", 0.1)
    third = show(run, playing=False, before=second)
    assert third.scene["version"] == third.frame["version"] == 2
    seen = Seen()
    assert [message["kind"] for message in seen.news(first)] == ["scene", "frame"]
    assert [message["kind"] for message in seen.news(third)] == ["scene", "frame"]
    assert [message["kind"] for message in seen.news(third)] == ["frame"]
