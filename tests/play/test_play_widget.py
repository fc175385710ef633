"""The page of a training in a notebook: what its pages say, and what is said to them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import viz
from tinygrad_mlp.errors import InvalidArgumentError, MissingDependencyError
from tinygrad_mlp.nn import MLP
from viz._play import widget
from viz._play.player import Player
from viz._play.widget import MOST_VIEWS, UNSEEN, Conversation, in_notebook, play_widget
from viz._replay.stepper import replay_digests
from viz._run.run import Run
from viz._run.run_settings import RunSettings


@dataclass
class Notebook:
    """Both ends of the channel, and a clock that goes when it is told to."""

    player: Player
    said: list[dict[str, Any]] = field(default_factory=list)
    now: float = 0.0

    def __post_init__(self) -> None:
        self.conversation = Conversation(self.player, self.said.append, clock=lambda: self.now)

    def ask(self, view: str, **message: Any) -> dict[str, Any]:
        n_said = len(self.said)
        self.conversation.hear({"view": view, **message})
        (answer,) = self.said[n_said:]
        return answer


@pytest.fixture
def notebook() -> Iterator[Notebook]:
    player = Player(Run(RunSettings("moons", n_samples=40)))
    player.start()
    yield Notebook(player)
    player.close()


def kinds(answer: dict[str, Any]) -> list[str]:
    return [message["kind"] for message in answer["news"]]


def test_hello_is_answered_with_the_page(notebook: Notebook) -> None:
    answer = notebook.ask("v", hello=True)
    assert set(answer) == {"view", "page"}
    assert answer["view"] == "v"
    page = answer["page"]
    assert 'data-channel="widget"' in page
    policy = page.partition('http-equiv="Content-Security-Policy" content="')[2].partition('"')[0]
    assert "connect-src" not in policy
    for quiz in (True, False):
        digests = replay_digests(quiz=quiz)
        assert all(digest in policy for digest in digests), "a sample's replay is a frame"


def test_a_look_brings_what_is_new(notebook: Notebook) -> None:
    first = notebook.ask("v", look=True)
    assert (kinds(first), first["looked"], first["playing"]) == (["scene", "frame"], True, False)
    assert first["news"][1]["step"] == 0
    notebook.player.run.take(5)  # in another cell
    second = notebook.ask("v", look=True)
    assert kinds(second) == ["frame"]
    assert second["news"][0]["step"] == 5
    assert kinds(notebook.ask("other", look=True)) == ["scene", "frame"]
    notebook.ask("v", hello=True)
    assert kinds(notebook.ask("v", look=True)) == ["scene", "frame"], "the page was loaded again"
    assert kinds(notebook.ask("v", look=True)) == ["frame"]
    assert kinds(notebook.ask("v", look=True, anew=True)) == ["scene", "frame"], "it was moved"


def test_a_command_is_obeyed_and_answered(notebook: Notebook) -> None:
    answer = notebook.ask("v", command={"do": "step", "n": 3}, number=9)
    assert (answer["answer"], answer["number"]) == ({"ok": True}, 9)
    assert notebook.player.run.step == answer["news"][-1]["step"] == 3
    refused = notebook.ask("v", command={"do": "dance"}, number=10)
    assert not refused["answer"]["ok"]
    assert "'dance'" in refused["answer"]["error"]
    played = notebook.ask("v", command={"do": "play", "speed": 1e-9}, number=11)
    assert played["playing"] is True
    assert notebook.ask("v", command={"do": "pause"}, number=12)["playing"] is False


def test_a_fault_of_ours_is_told_to_the_page(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("broken")

    monkeypatch.setattr(notebook.player.run, "rewind", fail)
    answer = notebook.ask("v", command={"do": "rewind"}, number=3)
    assert answer["answer"] == {"ok": False, "error": "ZeroDivisionError: broken"}
    assert answer["number"] == 3
    assert "in fail" in capfd.readouterr().err


def test_a_model_has_the_numbers_of_a_training_that_stands_still() -> None:
    model = MLP(2, [2, 1], activation="tanh", rng=0)
    X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
    run = Run.of_model(model, X, y, held_out=0.0)
    player = Player(run)
    notebook = Notebook(player)
    start = [p.data for p in model.parameters()]
    notebook.ask("v", command={"do": "step", "n": 2}, number=1)
    assert [p.data for p in model.parameters()] == run.numbers().tolist() != start
    after_two = [p.data for p in model.parameters()]
    notebook.ask("v", command={"do": "play", "speed": 1e-9}, number=2)  # which no thread does
    run.take(3)
    notebook.ask("v", look=True)
    assert [p.data for p in model.parameters()] == after_two
    notebook.conversation.hear({"view": "v", "goodbye": True})
    assert [p.data for p in model.parameters()] == run.numbers().tolist() != after_two


@pytest.mark.parametrize(("found", "notebook"), [(True, None), (False, True)])
def test_play_shows_a_widget_in_a_notebook(
    monkeypatch: pytest.MonkeyPatch, found: bool, notebook: bool | None
) -> None:
    shown: list[Run] = []

    def show(run: Run) -> str:
        shown.append(run)
        return "the widget"

    monkeypatch.setattr(widget, "in_notebook", lambda: found)
    monkeypatch.setattr(widget, "play_widget", show)
    model = MLP(2, [2, 1], activation="tanh", rng=0)
    X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
    assert viz.play(model, X, y, held_out=0.0, notebook=notebook) == "the widget"
    (run,) = shown
    assert run.numbers().tolist() == [p.data for p in model.parameters()]
    with pytest.raises(InvalidArgumentError, match="port is 80800"):  # a server was wanted
        viz.play(model, X, y, held_out=0.0, notebook=False, port=80800)
    with pytest.raises(InvalidArgumentError, match=r"notebook is 'yes', .*notebook=False"):
        viz.play(model, X, y, held_out=0.0, notebook="yes")  # type: ignore[arg-type]


def test_what_is_no_message_is_left_alone(notebook: Notebook) -> None:
    messages: list[object] = [None, "look", [], {}, {"look": True}, {"view": 3, "look": True}]
    for message in (*messages, {"view": "v"}):
        notebook.conversation.hear(message)
    assert notebook.said == []


def test_the_last_page_that_leaves_ends_the_playing(notebook: Notebook) -> None:
    notebook.ask("v", look=True)
    notebook.ask("w", command={"do": "play", "speed": 1e-9}, number=1)
    notebook.conversation.hear({"view": "v", "goodbye": True})
    assert notebook.player.is_playing
    notebook.conversation.hear({"view": "w", "goodbye": True})
    assert not notebook.player.is_playing
    assert len(notebook.said) == 2, "nobody is there to be answered"


def test_a_training_that_nobody_sees_pauses(notebook: Notebook) -> None:
    notebook.now = 7.0
    notebook.ask("v", command={"do": "play", "speed": 1e-9}, number=1)
    notebook.now += 0.99 * UNSEEN
    assert not notebook.conversation.pause_if_unseen()
    notebook.ask("v", look=True)
    notebook.now += 0.99 * UNSEEN
    assert not notebook.conversation.pause_if_unseen()
    assert notebook.player.is_playing
    notebook.now += 0.02 * UNSEEN
    assert notebook.conversation.pause_if_unseen()
    assert not notebook.player.is_playing


def test_pages_that_never_said_goodbye_are_forgotten(notebook: Notebook) -> None:
    for number in range(MOST_VIEWS + 1):
        notebook.ask(f"v{number}", look=True)
    assert kinds(notebook.ask(f"v{MOST_VIEWS}", look=True)) == ["frame"]
    assert kinds(notebook.ask("v0", look=True)) == ["scene", "frame"]


def test_a_notebook_is_recognized(monkeypatch: pytest.MonkeyPatch) -> None:
    def module(name: str, **content: Any) -> None:
        found = ModuleType(name)
        vars(found).update(content)
        monkeypatch.setitem(sys.modules, name, found)

    for name in ("IPython", "marimo"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert not in_notebook()
    module("IPython", get_ipython=lambda: None)
    assert not in_notebook()
    module("IPython", get_ipython=lambda: SimpleNamespace(kernel=None))  # a terminal
    module("marimo", running_in_notebook=lambda: False)
    assert not in_notebook()
    module("marimo", running_in_notebook=lambda: True)
    assert in_notebook()
    module("marimo", running_in_notebook=lambda: False)
    module("IPython", get_ipython=lambda: SimpleNamespace(kernel=object()))
    assert in_notebook()


def test_without_anywidget_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    widget._widget_class.cache_clear()
    with pytest.raises(
        MissingDependencyError, match=r"^pages in notebooks need .* 'anywidget'; .*\[notebook\]"
    ):
        play_widget(Run(RunSettings("moons", n_samples=40)))


def test_the_widget_is_a_widget() -> None:
    pytest.importorskip("anywidget", reason="anywidget is missing: python -m pip install anywidget")
    widget._widget_class.cache_clear()
    before = threading.active_count()
    shown = play_widget(Run(RunSettings("moons", n_samples=40)))
    said: list[Any] = []
    shown._conversation._send = said.append
    shown._handle_custom_msg({"view": "v", "command": {"do": "step"}, "number": 1}, [])
    assert said[0]["answer"] == {"ok": True}
    assert shown.run.step == 1
    bundle, metadata = shown._repr_mimebundle_()
    assert "viz.record(model, X, y)" in bundle["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert metadata == {}
    shown.close()
    shown.close()
    assert shown._player.is_closed
    for thread in threading.enumerate():
        if thread.name == "widget":
            thread.join()
    assert threading.active_count() == before
