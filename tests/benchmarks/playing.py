"""The page on which a network trains: how soon it is there, and what it costs the training.

The times of the training are those of the processor in the process of the server. A page gets its
frames by the clock, so on a machine that does other work besides, it gets more of them in a second
of the processor; what one frame costs does not depend on that, and thirty of them are the cost.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from tests.benchmarks.timing import Timing, markdown, number
from tests.source_files import ROOT
from viz._play.play_page import play_page
from viz._play.player import FRAME, Player
from viz._play.server import PlayServer
from viz._run.run import Run
from viz._run.run_settings import LayerSettings, RunSettings

__all__ = ["FRAMES", "measure", "report", "seconds_to_first_frame"]

FRAMES: Final = round(1.0 / FRAME)
ROUND: Final = 0.5
"""Seconds by the clock of a piece of training with a page, or without."""

WORKS: Final = {
    "spirals, 2-16-16-1": RunSettings("spirals"),
    "moons, 2-8-1": RunSettings("moons", layers=(LayerSettings(8),)),
    "digits, 64-32-10": RunSettings("digits", layers=(LayerSettings(32, "relu"),), batch_size=32),
}

READER: Final = """
import socket, sys
port, word, page = sys.argv[1:]
connection = socket.create_connection(("127.0.0.1", int(port)))
request = f"GET /{word}/events?page={page} HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n\\r\\n"
connection.sendall(request.encode())
text = b""
while b'"kind":"frame"' not in text:
    text = text[-99:] + connection.recv(1 << 16)
print("ready", flush=True)
while connection.recv(1 << 16):
    pass
"""
"""A page that does nothing but read, in a process of its own."""


class Cost(NamedTuple):
    """What was measured of one work."""

    steps: float
    """Steps in a second of the processor, without a page."""

    frame: float
    """Seconds of the processor for one frame."""

    @property
    def share(self) -> float:
        """The part of the processor's time that thirty frames a second take."""
        return FRAMES * self.frame


class Piece(NamedTuple):
    """A piece of training."""

    seconds: float
    steps: int
    frames: int


@contextmanager
def reading(server: PlayServer, page: str) -> Iterator[None]:
    """Within this block a page reads its stream."""
    port, word = str(server.server_port), server.served.word
    command = [sys.executable, "-c", READER, port, word, page]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # the scene and a frame are there
        yield
        server.served.pages.goodbye(page)
        process.wait()
        while server.served.player._n_watching:
            time.sleep(0.001)


def piece_of(player: Player) -> Piece:
    """Let it train for a while."""
    before = player.newer_than(0, 0.0)
    step, begin = player.run.step, time.process_time()
    player.play()
    time.sleep(ROUND)
    with player.turn():
        player.pause()
        seconds, steps = time.process_time() - begin, player.run.step - step
    after = player.newer_than(0, 0.0)
    assert before is not None
    assert after is not None
    return Piece(seconds, steps, after.number - before.number)


def measure(settings: RunSettings, seconds: float) -> Cost:
    """What a page costs the training, in turns with and without one."""
    player = Player(Run(settings))
    server = PlayServer(player, play_page("server"), linger=float("inf"))
    threading.Thread(target=server.serve, daemon=True).start()
    player.start()
    per_step, per_frame = [], []
    piece_of(player)  # to begin with
    for i in range(max(3, round(seconds / (2.0 * ROUND)))):
        alone = piece_of(player)
        with reading(server, f"page-{i}"):
            watched = piece_of(player)
        per_step.append(alone.seconds / alone.steps)
        added = watched.seconds - watched.steps * per_step[-1]
        per_frame.append(added / watched.frames)
    server.served.pages.leave()
    player.close()
    server.server_close()
    return Cost(1.0 / Timing(per_step).median, Timing(per_frame).median)


def seconds_to_first_frame() -> tuple[float, float]:
    """From the command to the first frame that a page has got: by the clock, of the processor."""
    begin, worked = time.perf_counter(), _worked_by_children()
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, "-m", "tinygrad_mlp", "play", "--no-browser"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            encoding="utf-8",
        ) as process,
    ):
        assert process.stdout is not None
        match = re.search(r":(\d+)/(.*)/", process.stdout.readline())
        assert match
        with socket.create_connection(("127.0.0.1", int(match[1]))) as connection:
            head = f"GET /{match[2]}/events?page=a HTTP/1.1\r\nHost: 127.0.0.1:{match[1]}\r\n\r\n"
            connection.sendall(head.encode())
            with connection.makefile("rb") as lines:
                while not next(lines).startswith(b'data: {"kind":"frame"'):
                    pass
        seconds = time.perf_counter() - begin
        process.terminate()
    return seconds, _worked_by_children() - worked


def _worked_by_children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def report(seconds: float) -> str:
    """The tables."""
    rows = []
    for name, settings in WORKS.items():
        cost = measure(settings, seconds / (len(WORKS) + 1))
        percent = f"{100.0 * cost.share:.1f} %"
        rows.append([name, number(cost.steps), number(1e6 * cost.frame), percent])
    first = [seconds_to_first_frame() for _ in range(5)]
    clock, processor = Timing([x for x, _ in first]), Timing([x for _, x in first])
    table = markdown(
        ["", "steps a second", "µs a frame", f"cost of {FRAMES} frames a second"], rows
    )
    return (
        f"{table}\n\nFrom the command to the first frame of a page: {clock.median:.2f} s (at best "
        f"{clock.minimum:.2f} s), {processor.median:.2f} s of the processor."
    )
