"""Leaves that can be edited: a page in a frame asks the page around it, which has the engine."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.replaying import DESKTOP, PHONE, Tab, Viewer, recorded
from tinygrad_mlp.debug._numbers import shown_number
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.nn import MLP
from viz._replay.stepper import replay_digests, replay_page
from viz._style.web_page import digest

if TYPE_CHECKING:
    from playwright.sync_api import Frame, Page

SAMPLE: Final = [0.5, -1.0]

AROUND: Final = """<!DOCTYPE html><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src {style} {own};
 script-src {script}"><style>{look}</style>
<iframe title="Replay" sandbox="allow-scripts" srcdoc="{page}"></iframe>"""


def graph_of(changed: dict[str, float]) -> tuple[Value, dict[Value, str]]:
    """The loss of one sample and the keys of its leaves, after some of them were changed."""
    model = MLP(2, [2, 1], activation="tanh", rng=0)
    inputs = [Value(x, label=f"x{i + 1}") for i, x in enumerate(SAMPLE)]
    keys = {leaf: f"x:{i}" for i, leaf in enumerate(inputs)}
    keys |= {leaf: f"p:{i}" for i, leaf in enumerate(model.parameters())}
    for leaf, key in keys.items():
        leaf.data = changed.get(key, leaf.data)
    return (model.forward(inputs)[0] - 1.0).square(), keys


def page_of(changed: dict[str, float]) -> str:
    return _page_of(tuple(changed.items()))


@cache
def _page_of(changed: tuple[tuple[str, float], ...]) -> str:
    loss, keys = graph_of(dict(changed))
    return replay_page(loss, quiz=True, editable=keys)


@dataclass
class Host:
    """The page around a replay, with the engine behind it, as a play page has it."""

    page: Page
    told: list[dict[str, Any]] = field(default_factory=list)
    changed: dict[str, float] = field(default_factory=dict)
    refusal: str = ""

    @property
    def frame(self) -> Frame:
        return self.page.frames[1]

    def hear(self, message: dict[str, Any]) -> None:
        self.told.append(message)
        if message["kind"] == "reset":
            self.changed.clear()
        elif message["kind"] == "edit":
            self.changed[message["leaf"]] = message["value"]

    def answer(self) -> None:
        """What was asked for last, computed."""
        self.page.wait_for_function("count => told.length >= count", arg=len(self.told) + 1)
        for message in self.page.evaluate("count => told.slice(count)", len(self.told)):
            self.hear(message)
        says = {"kind": "page", "page": page_of(self.changed)}
        self.say({"kind": "refused", "error": self.refusal} if self.refusal else says)
        self.frame.wait_for_function("() => edits.asked === null")

    def say(self, message: dict[str, Any]) -> None:
        self.page.evaluate("message => frames[0].postMessage(message, '*')", message)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def place(self, code: str) -> int:
        return int(self.frame.evaluate("code => trace.nodes.findIndex(x => x.code === code)", code))

    def label(self, code: str) -> str:
        return self.frame.get_attribute(f"#n{self.place(code)}", "aria-label") or ""


Opened = Callable[..., Host]


@pytest.fixture
def host(tab: Tab, tmp_path: Path) -> Iterator[Opened]:
    shown: list[Viewer] = []

    def opened(size: tuple[int, int] = DESKTOP, *, dark: bool = False) -> Host:
        width, height = size
        look = f"body {{ margin: 0 }} iframe {{ width: {width}px; height: {height}px; border: 0 }}"
        viewer = Viewer(tab.cleared(size, dark=dark))
        viewer.listen()
        shown.append(viewer)
        file = tmp_path / "host.html"
        file.write_text(around(look), encoding="utf-8")
        viewer.page.goto(file.as_uri())
        viewer.page.evaluate(
            "() => { window.told = [];"
            " addEventListener('message', e => { if (e.source === frames[0]) told.push(e.data) }) }"
        )
        found = Host(viewer.page)
        found.frame.wait_for_function("() => typeof scene === 'object' && scene.items?.length")
        return found

    yield opened
    for viewer in shown:
        viewer.close()
        assert viewer.complaints == []


def around(look: str) -> str:
    style, script = replay_digests()
    page = html.escape(page_of({}))
    return AROUND.format(style=style, own=digest(look), script=script, look=look, page=page)


def test_a_weight_is_edited_and_the_engine_computes_all_numbers(host: Opened) -> None:
    around = host()
    loss, keys = graph_of({})
    weight = next(leaf for leaf, key in keys.items() if key == "p:1")
    frame = around.frame
    frame.focus("#slider")
    around.press("End", "ArrowLeft", "ArrowLeft")
    position = frame.evaluate("position")
    code = recorded(replay_page(loss, editable=keys))["editable"]
    place = next(place for place, key in code if key == "p:1")
    frame.evaluate("rebuild(LOOKS.expanded)")
    frame.click(f"#n{place} .data")
    field = frame.get_by_role("textbox", name="New number of layers.0.neurons.0.w.1")
    assert field.input_value() == repr(weight.data)
    assert frame.evaluate("document.activeElement.id") == "new-number"
    field.fill("−0.25")
    around.press("Enter")
    around.answer()
    assert around.told == [{"kind": "edit", "leaf": "p:1", "value": -0.25}]
    assert frame.evaluate("position") == position
    expected, _ = graph_of({"p:1": -0.25})
    assert frame.evaluate("recorded") == recorded(page_of({"p:1": -0.25}))
    assert f"data {expected.data!r}" in around.label("L")
    said = frame.text_content("#live") or ""
    assert said == (
        f"layers.0.neurons.0.w.1 was {weight.data!r} and is -0.25; "
        f"L was {loss.data!r} and is {expected.data!r}."
    )
    shown = [shown_number(x) for x in (weight.data, -0.25, loss.data, expected.data)]
    outcome = frame.inner_text("#details .outcome")
    assert outcome.endswith(f"L: {shown[2]} → {shown[3]}")
    assert f": {shown[0]} → {shown[1]}; " in outcome
    assert frame.inner_text("#details .was") == f"was {shown[0]}"
    assert frame.evaluate("document.activeElement.textContent") == "-0.25"
    frame.get_by_role("button", name="Undo all edits").click()
    around.answer()
    assert around.told[1:] == [{"kind": "reset"}]
    assert f"data {loss.data!r}" in around.label("L")
    assert frame.get_by_role("button", name="Undo all edits").count() == 0
    said = frame.text_content("#live") or ""
    assert said.startswith(f"All numbers are those of the start again; L was {expected.data!r} ")


def test_enter_opens_the_field_of_a_leaf_and_escape_leaves_it(host: Opened) -> None:
    around = host()
    frame = around.frame
    place = around.place("x1")
    here = "document.activeElement.id || document.activeElement.dataset.keep"
    frame.focus(f"#n{place}")
    around.press("Enter")
    assert frame.evaluate(here) == "new-number"
    frame.fill("#new-number", "7")
    position = frame.evaluate("position")
    around.press("ArrowLeft", "Home", "End", " ", "e", "?")
    assert frame.evaluate("[position, timer]") == [position, None], "they are keys of the field"
    assert frame.input_value("#new-number") == "7 e?"
    around.press("Escape")
    assert frame.locator("#new-number").count() == 0
    assert frame.evaluate(here) == f"leaf{place}"
    assert frame.inner_text(f"[data-keep=leaf{place}]") == "0.5"
    around.press("Escape")
    assert not frame.locator("#details").is_visible()
    around.press("Escape")
    around.page.wait_for_function("() => told.length")
    assert around.page.evaluate("told") == [{"kind": "leave"}]


def test_what_is_no_number_is_not_sent(host: Opened) -> None:
    around = host()
    frame = around.frame
    frame.evaluate("edits.edit(trace.nodes.findIndex(({ code }) => code === 'x1'))")
    texts = ["two", "", "nan", "inf", "1e999", "1,5", "0x10", "--1", "1 2"]
    frame.focus("#new-number")
    frame.fill("#new-number", texts[0])
    around.press("Enter")
    found = frame.evaluate(
        """texts => texts.map((typed, place) => {
          const field = () => document.querySelector("#new-number");
          if (place) {
            showDetails();
            if (field().ariaInvalid !== null) return typed;
            field().value = typed;
            const enter = { key: "Enter", bubbles: true, cancelable: true };
            field().dispatchEvent(new KeyboardEvent("keydown", enter));
          }
          return [document.querySelector("#fault").innerText, field().ariaInvalid];
        })""",
        texts,
    )
    assert found == [["Type a number, such as -0.5 or 1e-3.", "true"]] * len(texts)
    assert around.page.evaluate("told") == []


def test_a_refusal_is_said_and_the_numbers_stay(host: Opened) -> None:
    around = host()
    frame = around.frame
    before = frame.evaluate("recorded")
    around.refusal = "x1 is out of range"
    frame.evaluate("edits.edit(trace.nodes.findIndex(({ code }) => code === 'x1'))")
    frame.fill("#new-number", "1e300")
    frame.get_by_role("button", name="Set").click()
    around.answer()
    assert around.told == [{"kind": "edit", "leaf": "x:0", "value": 1e300}]
    assert frame.inner_text("#notice") == "x1 is out of range"
    assert frame.evaluate("recorded") == before
    assert frame.input_value("#new-number") == "1e300", "a person can mend it"
    frame.evaluate("() => { window.setTimeout = (then, time) => { window.later = [then, time] } }")
    frame.focus("#new-number")
    around.press("Enter")
    assert frame.evaluate("later[1]") == 15_000
    frame.evaluate("later[0]()")
    assert frame.inner_text("#notice").startswith("The page around this one does not answer")
    assert frame.evaluate("edits.asked") is None


def test_a_weight_in_the_box_of_a_neuron_is_edited(host: Opened) -> None:
    around = host()
    frame = around.frame
    frame.evaluate("rebuild({ ...look, level: 'full', collapsed: new Set(trace.groups) })")
    frame.locator(".weight-value").first.click()
    assert (
        frame.get_attribute("#new-number", "aria-label") == "New number of layers.0.neurons.0.w.0"
    )
    frame.fill("#new-number", "0.5")
    around.press("Enter")
    around.answer()
    assert around.told == [{"kind": "edit", "leaf": "p:0", "value": 0.5}]
    assert frame.locator(".weight-value").first.text_content() == "0.5"
    assert frame.evaluate("look.collapsed.size") == 3, "the neurons stay as they were"
    labels = frame.locator("#details button.number").evaluate_all(
        "all => all.map(x => x.getAttribute('aria-label'))"
    )
    assert [label.split(",")[0] for label in labels] == [
        f"Edit layers.0.neurons.0.{name}" for name in ("w.0", "w.1", "b")
    ]


def test_only_the_page_around_is_heard(host: Opened) -> None:
    around = host()
    frame = around.frame
    before = frame.evaluate("recorded")
    around.say({"kind": "page", "page": page_of({"x:0": 9.0})})  # nobody asked
    frame.evaluate("edits.edit(trace.nodes.findIndex(({ code }) => code === 'x1'))")
    frame.fill("#new-number", "2")
    around.press("Enter")
    frame.evaluate("page => postMessage({ kind: 'page', page }, '*')", page_of({"x:0": 9.0}))
    around.say({"kind": "theme", "dark": True})
    frame.wait_for_function("() => document.documentElement.dataset.theme === 'dark'")
    assert frame.evaluate("recorded") == before
    assert frame.locator("#details .outcome").inner_text() == "The engine computes …"
    around.answer()
    assert "data 2" in around.label("x1")


def test_on_a_phone_the_field_is_in_view(host: Opened) -> None:
    around = host(PHONE)
    frame = around.frame
    frame.evaluate("edits.edit(trace.nodes.findIndex(({ code }) => code === 'x1'))")
    box = frame.locator("#new-number").bounding_box()
    assert box is not None
    assert 0 <= box["x"] < box["x"] + box["width"] <= PHONE[0]
    assert 0 <= box["y"] < box["y"] + box["height"] <= PHONE[1] - 130, "above the buttons"


def test_a_page_by_itself_has_nothing_to_edit(tab: Tab, tmp_path: Path) -> None:
    viewer = Viewer(tab.cleared(DESKTOP))
    viewer.listen()
    (tmp_path / "alone.html").write_text(page_of({}), encoding="utf-8")
    viewer.page.goto((tmp_path / "alone.html").as_uri())
    viewer.page.click(".input .data")
    assert viewer.page.locator("#details").is_visible()
    assert viewer.page.locator("#details input, #graph [data-leaf]").count() == 0
    viewer.press("Escape", "Escape")
    viewer.close()
    assert viewer.complaints == []


def test_only_leaves_are_edited() -> None:
    loss, keys = graph_of({})
    with pytest.raises(InvalidArgumentError, match="computed from other nodes; only leaves can"):
        replay_page(loss, editable={loss: "p:0"})
    elsewhere = {Value(1.0, label="elsewhere"): "x:9"}
    assert recorded(replay_page(loss, editable=elsewhere))["editable"] == []
    ordinary = replay_page(loss)
    assert "editable" not in recorded(ordinary)
    assert "const edits" not in ordinary
    assert len(recorded(replay_page(loss, editable=keys))["editable"]) == len(keys)


def test_an_edit_in_a_quiz_does_not_tell_the_output(host: Opened) -> None:
    around = host()
    frame = around.frame
    frame.click("#quiz-switch")
    frame.click("text=Show the answer")
    assert frame.inner_text("#score").startswith("0 of 1 right")
    frame.evaluate("edits.edit(trace.nodes.findIndex(({ code }) => code === 'x1'))")
    frame.fill("#new-number", "2")
    around.press("Enter")
    around.answer()
    assert frame.text_content("#live") == "x1 was 0.5 and is 2."
    assert "L" not in frame.inner_text("#details .outcome")
    assert frame.inner_text("#score") == "no question is answered yet", "the numbers are others"
    assert frame.evaluate("trace.asked !== null")
