"""The page of a training within a notebook, in a browser: the script of the widget and its frame.

The notebook is played by a page whose model writes down what is sent; the kernel by this test.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest

from tests.replaying import Tab
from viz._play.play_page import ROOM
from viz._play.player import Player
from viz._play.widget import Conversation
from viz._run.run import Run
from viz._run.run_settings import LayerSettings, RunSettings
from viz._style.web_page import part

if TYPE_CHECKING:
    from playwright.sync_api import Frame, Page

START: Final = """async text => {
  const soon = window.setTimeout;
  window.setTimeout = (then, time) => time < 5000 ? soon(then, time) : (window.late = [then, time]);
  const widget = await import(`data:text/javascript;base64,${text}`);
  window.sent = [];
  window.heard = new Set();
  const model = {
    send: (message) => sent.push(message),
    on: (kind, hear) => kind === "msg:custom" && heard.add(hear),
    off: (kind, hear) => heard.delete(hear),
  };
  window.leave = widget.default.render({ model, el: document.body });
}"""


@dataclass
class Cell:
    """The cell of a notebook, and the kernel behind it."""

    page: Page
    player: Player
    asked: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.conversation = Conversation(self.player, self.answer)

    def answer(self, message: dict[str, Any]) -> None:
        self.page.evaluate("message => { for (const hear of heard) hear(message) }", message)

    def serve(self) -> None:
        """Answer what has been sent."""
        for message in self.page.evaluate("sent.splice(0)"):
            self.asked.append(message)
            self.conversation.hear(message)

    def serve_until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + 60.0
        while not holds():
            assert time.monotonic() < end, self.asked[-3:]
            self.serve()

    @property
    def frame(self) -> Frame:
        return self.page.frames[1]

    def says(self, what: str) -> Callable[[], bool]:
        return lambda: bool(self.frame.evaluate(f"() => typeof play === 'object' && ({what})"))


@pytest.fixture
def cell(tab: Tab) -> Iterator[Cell]:
    page = tab.cleared((1280, 900))
    complaints: list[str] = []
    page.on("console", note := lambda message: complaints.append(message.text))
    player = Player(Run(RunSettings("xor", n_samples=40, layers=(LayerSettings(2, "tanh"),))))
    player.start()
    page.evaluate(START, b64encode(part(ROOM, "widget_channel.js").encode()).decode())
    shown = Cell(page, player)
    shown.serve()
    page.wait_for_function("sent.length > 0")  # the page is there, and wants to know
    yield shown
    player.close()
    page.goto("about:blank")
    page.remove_listener("console", note)
    assert complaints == []


def test_the_page_is_shown_and_steered_through_messages(cell: Cell) -> None:
    run = cell.player.run
    cell.serve_until(cell.says("play.frame !== null"))
    assert [set(message) for message in cell.asked] == [{"view", "hello"}, {"view", "look", "anew"}]
    assert cell.frame.evaluate("play.frame.step") == 0
    cell.frame.click("#step")
    cell.serve_until(cell.says("play.frame.step === 1"))
    assert run.step == 1
    shown = cell.frame.evaluate("Array.from(play.flat)")
    assert shown == run.numbers().astype(np.float32).tolist()
    cell.page.wait_for_timeout(50)
    assert cell.page.evaluate("sent") == [], "nothing is asked while the training stands still"
    cell.frame.click("#play")
    cell.serve_until(cell.says("play.frame.playing && play.frame.step > 5"))
    cell.page.wait_for_function("sent.length > 0")
    cell.page.wait_for_timeout(50)
    assert len(cell.page.evaluate("sent")) == 1, "the next is asked for when this one has come"
    cell.frame.click("#play")
    cell.serve_until(cell.says("!play.frame.playing"))
    assert not cell.player.is_playing
    assert cell.frame.evaluate("play.frame.step") == run.step
    cell.page.evaluate("leave()")
    assert cell.page.evaluate("heard.size") == 0
    cell.serve()
    assert cell.asked[-1] == {"view": cell.asked[0]["view"], "goodbye": True}


def test_a_cell_that_is_moved_shows_its_page_again(cell: Cell) -> None:
    cell.serve_until(cell.says("play.frame !== null"))
    cell.frame.click("#step")
    cell.serve_until(cell.says("play.frame.step === 1"))
    cell.page.evaluate("() => document.body.append(document.querySelector('iframe'))")
    cell.serve_until(lambda: len(cell.page.frames) == 2 and cell.says("play.frame !== null")())
    assert cell.frame.evaluate("[play.frame.step, play.scene.points.X.length]") == [1, 40]


def test_a_program_that_does_not_answer_is_said(cell: Cell) -> None:
    status = cell.page.get_by_role("status")
    assert status.inner_text() == ""
    assert cell.page.evaluate("late[1]") == 10_000
    cell.page.evaluate("late[0]()")
    assert status.inner_text().startswith("The program does not answer: ")
    cell.serve_until(cell.says("play.frame !== null"))
    assert status.inner_text() == ""
    cell.answer({"view": "of another cell", "page": "<p>another</p>"})
    assert cell.frame.evaluate("play.frame.step") == 0


def test_a_sample_is_stepped_through_and_edited(cell: Cell) -> None:
    run = cell.player.run
    cell.serve_until(cell.says("play.frame !== null"))
    cell.frame.evaluate("() => { samples.open(0) }")
    cell.serve_until(lambda: len(cell.page.frames) == 3)
    replay = cell.page.frames[2]
    replay.wait_for_function("() => typeof scene === 'object' && scene.items?.length")
    sample = cell.frame.evaluate("play.scene.points.sample[0]")
    exact = "trace.nodes[trace.root].data.exact"
    assert float(replay.evaluate(exact)) == run.sample_loss(sample).loss.data
    assert replay.locator("#quiz-switch").is_visible()
    for leaf, inputs, weights in (("x:1", [None, 0.75], None), ("p:2", [None, 0.75], {"2": -1.5})):
        value = 0.75 if leaf == "x:1" else -1.5
        place = replay.evaluate("leaf => trace.nodes.findIndex(x => x.leaf === leaf)", leaf)
        replay.evaluate("place => edits.edit(place)", place)
        replay.fill("#new-number", str(value))
        replay.press("#new-number", "Enter")
        cell.serve_until(lambda: bool(replay.evaluate("edits.asked === null && !edits.open")))
        expected = run.sample_loss(sample, inputs, weights).loss.data
        assert float(replay.evaluate(exact)) == expected
