"""How it begins and ends: the address, the port, goodbyes, Ctrl-C; and all of it as a command."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import viz
from tests.interrupting import interrupted_everywhere
from tests.play.serving import SMALL, WAIT, Address, Serving, Stream, serving, wait_until
from tests.source_files import ROOT
from tinygrad_mlp._cli import main
from tinygrad_mlp._cli.play import PLAYED
from tinygrad_mlp.data import make_moons
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.nn import MLP
from viz._play import live, request_handler
from viz._play import server as server_module
from viz._play.absence import Absence
from viz._play.commands import obey
from viz._play.live import play_run
from viz._play.open_pages import LINGER, OpenPages
from viz._play.player import Player
from viz._play.server import PlayServer
from viz._run import messages
from viz._run.run import Run
from viz._run.run_choices import DATA
from viz._run.run_settings import RunSettings

NEVER = float("inf")


class Pages(OpenPages):
    """Pages at a time that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0
        self.ended: list[str] = []
        super().__init__(clock=lambda: self.now)

    def opens(self, page: str) -> Any:
        context = self.stream(page, end=lambda: self.ended.append(page))
        context.__enter__()
        return context

    def loses(self, context: Any) -> None:
        context.__exit__(None, None, None)


def test_the_last_goodbye_ends_it_after_five_seconds() -> None:
    pages = Pages()
    assert pages.seconds_left() == NEVER
    first, second = pages.opens("a"), pages.opens("b")
    assert pages.goodbye("a")
    assert pages.seconds_left() == NEVER
    pages.loses(first)
    assert pages.goodbye("b")
    pages.loses(second)
    assert pages.seconds_left() == LINGER == 5.0
    pages.now += 4.5
    assert pages.seconds_left() == 0.5
    pages.now += 0.5
    assert pages.seconds_left() == 0.0


def test_a_reload_is_no_goodbye() -> None:
    pages = Pages()
    pages.loses(pages.opens("a"))
    pages.goodbye("a")
    pages.now += 3.0
    pages.opens("a2")
    assert pages.seconds_left() == NEVER


def test_a_page_that_is_on_its_way_is_waited_for() -> None:
    pages = Pages()
    pages.arriving()
    assert pages.seconds_left() == NEVER  # which is no page that could say goodbye
    pages.opens("a")
    pages.goodbye("a")
    pages.now += 4.0
    pages.arriving()
    assert pages.seconds_left() == 5.0


def test_a_lost_connection_is_no_goodbye() -> None:
    pages = Pages()
    pages.loses(pages.opens("a"))
    pages.now += 1000.0
    assert pages.seconds_left() == NEVER
    pages.loses(pages.opens("b"))
    pages.goodbye("b")
    assert pages.seconds_left() == NEVER
    pages.goodbye("a")
    assert pages.seconds_left() == 5.0


def test_a_goodbye_ends_the_stream_and_counts_once() -> None:
    pages = Pages()
    stream = pages.opens("a")
    assert pages.goodbye("a")
    assert pages.ended == ["a"]
    pages.loses(stream)
    pages.now += 3.0
    assert not pages.goodbye("a")
    assert not pages.goodbye("nobody")
    assert pages.seconds_left() == 2.0


def test_a_newer_stream_of_a_page_takes_its_place() -> None:
    pages = Pages()
    older = pages.opens("a")
    newer = pages.opens("a")
    assert pages.ended == ["a"]
    pages.loses(older)
    assert pages.goodbye("a")
    assert pages.ended == ["a", "a"]
    pages.loses(newer)
    assert pages.seconds_left() == 5.0


# Pages that are lost


def test_a_page_whose_connection_is_lost_is_missed_after_ten_seconds() -> None:
    pages = Pages()
    assert not pages.are_lost()  # there was none yet
    stream = pages.opens("a")
    pages.now += 1e6
    assert not pages.are_lost()
    pages.loses(stream)
    pages.now += 9.9
    assert not pages.are_lost()
    pages.now += 0.1
    assert pages.are_lost()
    again = pages.opens("a")
    assert not pages.are_lost()
    pages.loses(again)
    other = pages.opens("b")
    pages.now += 50.0
    assert not pages.are_lost()  # one of them is there
    pages.goodbye("a")
    pages.goodbye("b")
    pages.loses(other)
    assert not pages.are_lost()  # they have left, which is another thing


def test_a_hidden_page_is_there_as_long_as_it_says_so() -> None:
    pages = Pages()
    assert not pages.hidden("a")
    stream = pages.opens("a")
    assert pages.hidden("a")  # before it ends its stream
    pages.loses(stream)
    pages.now += 119.0
    assert not pages.are_lost()
    assert pages.hidden("a")
    pages.now += 119.0
    assert not pages.are_lost()
    pages.now += 1.0
    assert pages.are_lost()
    seen = pages.opens("a")
    pages.loses(seen)
    pages.now += 10.0
    assert pages.are_lost()  # what it said before it was seen again does not count
    pages.goodbye("a")
    assert not pages.hidden("a")
    assert pages.seconds_left() == LINGER


def test_a_reload_beside_a_page_that_is_lost_is_no_loss() -> None:
    pages = Pages()
    pages.loses(pages.opens("killed"))
    pages.now += 100.0
    assert pages.are_lost()
    assert not pages.is_one_there()
    pages.opens("b")
    assert pages.is_one_there()
    pages.goodbye("b")
    assert not pages.is_one_there()
    pages.now += 4.9
    assert not pages.are_lost()  # it may be loaded anew
    pages.now += 0.1
    assert pages.are_lost()


class Lost:
    """A server whose pages are lost when a test says so."""

    def __init__(self, served: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
        self.player = served.player
        self.address = served.served.address
        self.said: list[str] = []
        self.are_lost = False
        pages = served.served.pages
        monkeypatch.setattr(pages, "are_lost", lambda: self.are_lost)
        monkeypatch.setattr(pages, "is_one_there", lambda: not self.are_lost)
        self.absence = Absence(served.served, self.said.append)

    def look(self, *, lost: bool) -> None:
        self.are_lost = lost
        self.absence.look()


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lost]:
    with serving() as served:
        yield Lost(served, monkeypatch)


@pytest.mark.parametrize("speed", [None, 50.0])
def test_a_training_that_nobody_sees_waits_for_a_page(absent: Lost, speed: float | None) -> None:
    player = absent.player
    player.play(speed)
    absent.look(lost=False)
    assert (player.is_playing, absent.said) == (True, [])
    absent.look(lost=True)
    absent.look(lost=True)
    assert not player.is_playing
    with player.turn() as run:
        step = run.step
    assert absent.said == [
        "No page of this training is there any more, so it waits. Open it again and it goes on:\n"
        f"{absent.address}\nOr end it with Ctrl-C."
    ]
    absent.look(lost=False)
    assert player.is_playing
    assert (player._pace and player._pace.speed) == speed
    assert absent.said[1:] == ["A page is there again: the training goes on."]
    wait_until(lambda: player.run.step > step)


def test_a_training_that_stands_still_is_not_started(absent: Lost) -> None:
    absent.look(lost=True)
    assert absent.said == [
        "No page of this training is there any more. Open it again:\n"
        f"{absent.address}\nOr end it with Ctrl-C."
    ]
    absent.look(lost=False)
    assert not absent.player.is_playing
    assert len(absent.said) == 1


def test_who_pauses_as_soon_as_they_are_back_is_obeyed(absent: Lost) -> None:
    absent.player.play()
    absent.look(lost=True)
    absent.player.pause()
    absent.look(lost=False)
    assert not absent.player.is_playing
    assert len(absent.said) == 1
    absent.player.play()
    absent.look(lost=True)
    absent.look(lost=False)
    assert absent.player.is_playing
    assert len(absent.said) == 3


def test_who_is_back_sees_at_once_that_it_plays(absent: Lost) -> None:
    player = absent.player
    with player.watched():
        player.play(1e-6)
        wait_until(lambda: player.run.step == 1)
        absent.look(lost=True)
        player.show()
        shown = player.newer_than(0, 0.0)
        assert shown is not None
        assert not shown.frame["playing"]
        absent.look(lost=False)  # its next step is due in days
        shown = player.newer_than(shown.number, 0.0)
        assert shown is not None
        assert shown.frame["playing"]


def test_a_lost_page_that_leaves_brings_nobody_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as served:
        pages, said = served.served.pages, list[str]()
        now = [100.0]
        monkeypatch.setattr(pages, "_clock", lambda: now[0])
        absence = Absence(served.served, said.append)
        with pages.stream("a", lambda: None):
            served.player.play()
        now[0] += 10.0
        absence.look()
        assert len(said) == 1
        assert pages.goodbye("a")
        absence.look()
        assert not served.player.is_playing
        assert len(said) == 1
        with pages.stream("b", lambda: None):  # it was loaded anew
            absence.look()
        assert served.player.is_playing
        assert len(said) == 2


def test_the_server_looks_whether_its_pages_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    served = Serving(Run(SMALL))
    now = [100.0]
    served.served.pages._clock = lambda: now[0]
    served.thread = threading.Thread(target=served.server.serve, args=[said.append], daemon=True)
    with serving(served):
        stream = served.stream("a")
        stream.next()
        assert served.do("play")["ok"]
        stream.close()
        wait_until(lambda: served.served.pages._streams["a"] is None)
        assert served.player.is_playing
        now[0] += 10.0
        wait_until(lambda: said)
        assert not served.player.is_playing
        assert served.ask("/hidden", "a", content_type="text/plain;charset=UTF-8").status == 200
        wait_until(lambda: len(said) == 2)
        assert served.player.is_playing
        assert served.ask("/hidden", "b", content_type="text/plain").status == 404


@pytest.mark.parametrize("error", [BrokenPipeError, ValueError])
def test_a_terminal_that_is_gone_ends_nothing(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(text: str) -> int:
        raise error("the terminal is gone")

    said: list[str] = []

    def serve(server: PlayServer, say: Callable[[str], object]) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(sys.stdout, "write", gone)
            say("nobody is there")
        said.append("and on it goes")

    monkeypatch.setattr(PlayServer, "serve", serve)
    play_run(Run(SMALL), open_browser=False)
    assert said


def test_the_server_ends_with_its_last_page() -> None:
    with serving(linger=0.0) as served:
        first, second = served.stream("a"), served.stream("b")
        first.next()
        second.next()
        assert served.ask("/goodbye", "a", content_type="text/plain;charset=UTF-8").status == 200
        while first.next() is not None:
            pass
        assert served.thread.is_alive()
        assert served.ask("/goodbye", "b", content_type="text/plain").status == 200
        served.thread.join(WAIT)
        assert not served.thread.is_alive()


def test_the_server_does_not_wait_for_who_computes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "LAST_WORDS", 0.0)
    begun, over = threading.Event(), threading.Event()

    def computes(*_: object) -> dict[str, Any]:
        begun.set()
        over.wait(WAIT)
        return {"ok": True}

    monkeypatch.setattr(request_handler, "obey", computes)
    with serving() as served:
        asking = threading.Thread(target=served.do, args=["pause"], daemon=True)
        monkeypatch.setattr(threading, "excepthook", lambda _: None)  # its connection is lost
        asking.start()
        assert begun.wait(WAIT)
    assert not over.is_set()
    over.set()
    asking.join(WAIT)


# From the call to the end


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What ``play_run`` prints, the lines."""
    lines: list[str] = []
    monkeypatch.setattr(
        live, "print", lambda text, flush: lines.extend(text.split("\n")), raising=False
    )
    return lines


@pytest.fixture(autouse=True)
def others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The threads that were there before, such as those of a page that other tests share."""
    monkeypatch.setattr(sys.modules[__name__], "THREADS_BEFORE", threading.enumerate())


THREADS_BEFORE: list[threading.Thread] = []


def left_behind(port: int) -> list[str]:
    """What is still there of a server that has ended."""
    started = [thread for thread in threading.enumerate() if thread not in THREADS_BEFORE]
    names = [thread.name for thread in started if thread.name == "training"]
    with socket.socket() as knocking:
        if knocking.connect_ex(("127.0.0.1", port)) == 0:
            names.append("the port")
    return names


def when_open(lines: list[str], act: Callable[[str], None]) -> threading.Thread:
    """Do something with the address as soon as it is printed, in a thread."""

    def wait() -> None:
        wait_until(lambda: lines)
        act(lines[0])

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_ctrl_c_ends_it(printed: list[str]) -> None:
    run = Run(SMALL)

    def press(address: str) -> None:
        urllib.request.urlopen(address, timeout=WAIT).close()
        os.kill(os.getpid(), signal.SIGINT)

    when_open(printed, press)
    play_run(run, open_browser=False)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", printed[0])
    assert "Ctrl-C" in printed[1]
    assert left_behind(int(printed[0].split(":")[2].split("/")[0])) == []


def test_ctrl_c_ends_it_at_every_line(printed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it has ended by itself, and is about to close everything."""
    run = Run(SMALL)
    ports: list[int] = []
    monkeypatch.setattr(PlayServer, "serve", lambda self, say: ports.append(self.server_port))

    def work() -> Callable[[], None]:
        return lambda: play_run(run, open_browser=False)

    n_moments = 0
    for _ in interrupted_everywhere(work, "line", "../viz/_play/live.py"):
        n_moments += 1
        assert run.lock.acquire(blocking=False)
        run.lock.release()
        if ports:
            assert left_behind(ports[-1]) == []
    assert n_moments > 10


def test_a_model_is_trained_on_its_page(
    printed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = make_moons(60, noise=0.1, rng=0)
    model, other = MLP(2, [5, 1], rng=3), MLP(2, [5, 1], rng=3)
    options: dict[str, Any] = {
        "held_out": 0.5,
        "batch_size": 7,
        "optimizer": "sgd",
        "learning_rate": 0.25,
        "l1": 0.001,
        "l2": 0.002,
        "seed": 4,
        "names": ["east", "north"],
    }
    scenes: list[Any] = []

    def press(server: PlayServer, say: object) -> None:
        player = server.served.player
        scenes.append(messages.scene(player.run))
        assert obey(player.run, player, {"do": "step", "n": 25})["ok"]
        raise KeyboardInterrupt

    monkeypatch.setattr(PlayServer, "serve", press)
    monkeypatch.setattr(Run, "advise", lambda self: "")  # which looks into the model itself
    viz.play(model, X, y, open_browser=False, **options)
    alone = Run.of_model(other, X, y, data_seed=4, **options)
    alone.take(25)
    alone.write_back()
    trained = [p.data for p in model.parameters()]
    assert trained == [p.data for p in other.parameters()]
    assert trained != [p.data for p in MLP(2, [5, 1], rng=3).parameters()]
    (scene,) = scenes
    assert scene["names"] == ["east", "north"]
    assert scene["fixed"]
    assert {name: scene["settings"][name] for name in options if name != "names"} == {
        name: value for name, value in options.items() if name != "names"
    }


def test_the_columns_of_a_frame_have_their_names(
    printed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"width": [0.0, 1.0, 2.0, 3.0], "height": [1.0, 0.0, 2.0, 5.0]})
    runs: list[Run] = []
    monkeypatch.setattr(live, "play_run", lambda run, **options: runs.append(run))
    viz.play(MLP(2, [2, 1], rng=0), frame, [0, 1, 0, 1], held_out=0.0)
    assert runs[0].samples.names == ("width", "height")
    assert not len(runs[0].samples.held_out)


@pytest.mark.parametrize("opens", [True, False])
def test_the_browser_is_opened(
    opens: bool, printed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setattr(PlayServer, "serve", lambda self, say: None)
    play_run(Run(SMALL), open_browser=opens)
    for thread in threading.enumerate():
        if thread.name == "browser":
            thread.join(WAIT)
    assert opened == printed[:1] * opens


def test_a_port_in_use_is_told() -> None:
    player = Player(Run(SMALL))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(
            InvalidArgumentError, match=f"port {port} .*another program uses it.*port=0"
        ):
            PlayServer(player, "", port=port)
    with PlayServer(player, "", port=port) as server:
        assert server.server_port == port
        with pytest.raises(InvalidArgumentError, match="another program uses it"):
            PlayServer(player, "", port=port)


@pytest.mark.parametrize("port", [-1, 65536, "80", 1.0, True, None])
def test_a_port_is_a_number(port: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="port is"):
        PlayServer(Player(Run(SMALL)), "", port=port)


def test_open_browser_is_a_flag() -> None:
    with pytest.raises(InvalidArgumentError, match="open_browser is 'no'"):
        play_run(Run(SMALL), open_browser="no")  # type: ignore[arg-type]


# As a command


def test_the_command_from_start_to_goodbye(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tinygrad_mlp", "play", "--data", "moons", "--no-browser"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    assert process.stdout is not None
    match = re.fullmatch(r"http://(127\.0\.0\.1:(\d+))/(.*)/\n", process.stdout.readline())
    assert match

    stream = Stream(Address(match[1], int(match[2]), match[3]), "a")
    assert stream.next("scene")["title"] == "moons"
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(
        f"{match[0].strip()}command", b'{"do": "play", "speed": null}', headers
    )
    with urllib.request.urlopen(request, timeout=WAIT) as answer:
        assert answer.read() == b'{"ok":true}'
    while stream.next("frame")["step"] < 10:
        pass
    process.send_signal(signal.SIGINT)
    with process.stdout:
        output = process.stdout.read()
    assert process.wait(WAIT) == 0
    assert output == "The training ends with Ctrl-C, or when its page is closed.\n"
    assert list(tmp_path.iterdir()) == []
    stream.close()


@pytest.fixture
def asked_for(monkeypatch: pytest.MonkeyPatch) -> list[tuple[RunSettings, dict[str, Any]]]:
    """The settings of the run that a command opens, and the options of the page."""
    found: list[tuple[RunSettings, dict[str, Any]]] = []
    monkeypatch.setattr(
        live, "play_run", lambda run, **options: found.append((run.settings, options))
    )
    return found


def test_the_options_of_the_command(asked_for: list[Any], tmp_path: Path) -> None:
    assert main(["play"]) == 0
    settings, options = asked_for[-1]
    assert settings == RunSettings("spirals")
    assert options == {"port": 0, "open_browser": True}
    words = "--data xor --hidden 4,3 --activation relu --seed 7 --port 8123 --no-browser"
    assert main(["play", *words.split()]) == 0
    settings, options = asked_for[-1]
    assert [(layer.units, layer.activation) for layer in settings.layers] == [
        (4, "relu"),
        (3, "relu"),
    ]
    assert (settings.data, settings.seed) == ("xor", 7)
    assert options == {"port": 8123, "open_browser": False}
    table = tmp_path / "own table.csv"
    rows = "".join([f"{i},{i % 4},{'xyz'[i % 3]}\n" for i in range(30)])
    table.write_text("\ufeffa,b,kind\n" + rows, encoding="utf-8")
    assert main(["play", "--data", str(table), "--hidden", "0"]) == 0
    settings, _ = asked_for[-1]
    assert (settings.data, settings.layers) == ("table", ())
    assert (settings.table.name, settings.table.target) == ("own table.csv", None)
    assert settings.table.text.startswith("a,b")
    table.write_text(f"a,b,c\n{rows.translate(str.maketrans('xyz', '012'))}", encoding="utf-8")
    assert main(["play", "--data", str(table), "--target", "b"]) == 0
    assert asked_for[-1][0].table.target == "b"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--data", "mons"], "unknown data 'mons'.*Did you mean 'moons'"),
        (["--data", "none.csv"], "none.csv: No such file"),
        (["--data", "bytes.csv"], "bytes.csv is not in UTF-8"),
        (["--target", "kind"], "--target kind: spirals has its target"),
        (["--port", "x"], "--port"),
        (["--port", "70000"], "ports go up to 65535"),
        (["--hidden", "1000000"], "units is 1000000"),
    ],
)
def test_a_wrong_word_is_told(
    words: list[str],
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bytes.csv").write_bytes(b"a,b\n1,\xff\n")
    assert main(["play", *words, "--no-browser"]) == 2
    error = capsys.readouterr().err
    assert re.search(why, error)
    assert error.count("\n") == 1


def test_the_command_knows_the_data_that_there_are() -> None:
    assert list(PLAYED) == list(DATA)
