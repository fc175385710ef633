"""The page of a recorded training in a browser, opened from a file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest

import viz
from tests.play.test_record_training import Weights
from tests.replaying import DESKTOP, HOSTILE, PHONE, Tab, Viewer
from tinygrad_mlp.data import make_moons
from tinygrad_mlp.nn import MLP

if TYPE_CHECKING:
    from playwright.sync_api import Page

X, y = make_moons(40, noise=0.2, rng=0)


@dataclass
class Shown:
    """A page of a training; at the end there was no error and no request."""

    viewer: Viewer
    path: Path

    @property
    def page(self) -> Page:
        return self.viewer.page

    def at_step(self, step: int) -> None:
        self.page.locator(f"body[data-step='{step}']").wait_for()

    def after_step(self, step: int) -> None:
        """Wait for another step."""
        self.page.locator(f"body:not([data-step='{step}'])").wait_for()

    def drawn_with(self, condition: str) -> None:
        """Wait until the page has drawn something of which this holds."""
        while not self.page.evaluate(
            f"() => new Promise((resolve) => requestAnimationFrame(() => resolve({condition})))"
        ):
            pass

    def send(self, **command: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.page.evaluate(
            "command => play.channel.send(command)", command
        )
        return answer

    def fact(self, name: str) -> str:
        return self.page.inner_text(f"#fact-{name}")


@dataclass
class Recorder:
    """Records a training, and opens the page in the tab."""

    tab: Tab
    path: Path
    opened: list[Shown] = field(default_factory=list)

    def __call__(
        self,
        model: MLP,
        features: Any = X,
        targets: Any = y,
        *,
        size: tuple[int, int] = DESKTOP,
        at: str = "",
        **options: Any,
    ) -> Shown:
        viz.record(model, features, targets, self.path, **options)
        viewer = Viewer(self.tab.cleared(size))
        viewer.listen()
        viewer.page.goto(self.path.as_uri() + at)
        shown = Shown(viewer, self.path)
        self.opened.append(shown)
        viewer.page.locator("body[data-step]").wait_for()
        return shown


@pytest.fixture
def recorder(tab: Tab, tmp_path: Path) -> Iterator[Recorder]:
    opener = Recorder(tab, tmp_path / "training.html")
    yield opener
    for shown in opener.opened:
        shown.viewer.close()
        assert shown.viewer.complaints == []
        assert [url.partition("#")[0] for url in shown.viewer.requests] == [shown.path.as_uri()]


def answers(shown: Shown) -> tuple[Any, list[Any], Any]:
    """Of some places of the plane: where they are, all units there, the outputs."""
    found = json.loads(
        shown.page.evaluate(
            """() => {
              const { rows, count } = play.responses;
              const { layers, outputs } = play.answers;
              const some = (numbers) => Array.from({ length: numbers.length / count }, (_, unit) =>
                Array.from({ length: 30 }, (_, k) => numbers[unit * count + ((k * 97) % count)]));
              return JSON.stringify([
                rows.map((row) => some(row)[0]), layers.map(some), some(outputs)]);
            }"""
        )
    )
    rows, layers, outputs = found
    return np.array(rows).T, [np.array(layer).T for layer in layers], np.array(outputs).T


def test_units_and_outputs_have_the_numbers_of_the_engine_at_each_moment(
    recorder: Recorder,
) -> None:
    model = MLP(2, [4, 3, 1], ["tanh", "gelu"], batch_norm=True, rng=0)
    kept = Weights(model)
    shown = recorder(model, epochs=8, batch_size=10, rng=0, learning_rate=0.5, callbacks=[kept])
    model.eval()
    leaves = [*model.parameters(), *model.buffers()]
    for epoch in (0, 1, 5, 8):
        assert shown.send(do="go_to", step=4 * epoch) == {"ok": True, "step": 4 * epoch}
        shown.at_step(4 * epoch)
        places, layers, outputs = answers(shown)
        for leaf, number in zip(leaves, kept.of_epochs[epoch].tolist()):
            leaf.data = number
        numbers = places.tolist()
        for layer, found in zip(model.layers, layers, strict=True):
            numbers = [[out.data for out in layer.forward(row)] for row in numbers]
            np.testing.assert_allclose(found, numbers, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(outputs, 1 / (1 + np.exp(-np.array(numbers))), atol=1e-6)


def test_a_regression_of_one_column_of_a_declared_function_is_a_curve(recorder: Recorder) -> None:
    features = np.linspace(-1.0, 1.0, 20)[:, None]
    model = MLP(1, [4, 1], lambda x: x * x.tanh(), rng=0)
    shown = recorder(model, features, features[:, 0] ** 2, epochs=20, learning_rate=0.05)
    shown.send(do="go_to", step=20)
    shown.at_step(20)
    places, _, outputs = answers(shown)
    expected = [[model.forward(row)[0].data] for row in places.tolist()]
    np.testing.assert_allclose(outputs, expected, rtol=1e-6, atol=1e-6)


def test_the_loss_and_the_accuracy_of_a_moment_stand_on_the_page(recorder: Recorder) -> None:
    model = MLP(2, [4, 1], "tanh", rng=0)
    shown = recorder(model, epochs=6, validation_data=make_moons(20, rng=1))
    shown.send(do="go_to", step=3)
    shown.at_step(3)
    curve = shown.page.evaluate("play.channel.curve")
    _, loss, held_out_loss, accuracy, _ = curve[3]
    assert shown.page.get_attribute("#fact-loss", "title") == f"loss {loss!r}"
    assert shown.page.get_attribute("#fact-held-out-loss", "title") == (
        f"held-out loss {held_out_loss!r}"
    )
    assert shown.fact("accuracy") == f"{accuracy:.1%}".replace("%", " %")
    assert shown.fact("step") == "3"


PLAYED: Final = """() => new Promise((resolve) => {
  const seen = [];
  const observer = new MutationObserver(() => {
    seen.push(Number(document.body.dataset.step));
    if (seen.at(-1) === play.channel.steps.at(-1)) resolve(seen);
  });
  observer.observe(document.body, { attributeFilter: ["data-step"] });
  byId("play").click();
})"""
"""Press play, and wait for the last moment; all steps that were shown."""


def test_it_plays_to_the_end_stops_there_and_begins_again(recorder: Recorder) -> None:
    shown = recorder(MLP(2, [2, 1], rng=0), epochs=12)
    for _ in range(2):
        seen = shown.page.evaluate(PLAYED)
        assert seen[0] == 0
        assert seen == sorted(seen)
        assert seen[-1] == 12
        shown.page.locator("#play[aria-label=Play]").wait_for()
        assert shown.page.evaluate("play.channel.playing") is None


def test_it_stops_where_pause_is_pressed(recorder: Recorder) -> None:
    shown = recorder(MLP(2, [2, 1], rng=0), epochs=100)
    shown.page.select_option("#speed", label="5")
    shown.page.click("#play")
    shown.page.locator("#play[aria-label=Pause]").wait_for()
    shown.after_step(0)
    shown.page.click("#play")
    shown.page.locator("#play[aria-label=Play]").wait_for()
    assert 0 < int(shown.fact("step")) < 100
    assert shown.page.evaluate("play.channel.playing") is None


def test_a_speed_is_steps_a_second(recorder: Recorder) -> None:
    shown = recorder(MLP(2, [2, 1], rng=0), epochs=12, frames=8, batch_size=20, at="#step=2")
    reached = shown.page.evaluate(
        """() => [null, 5, 100].map((speed) =>
          [0, 0.21, 1.7, 9].map((seconds) =>
            play.channel.frameAfter({ first: 1, speed }, seconds)))"""
    )
    assert shown.page.evaluate("play.channel.steps") == [0, 2, 4, 6, 8, 12, 16, 24]
    assert reached == [[1, 7, 7, 7], [1, 1, 4, 7], [1, 6, 7, 7]]


def test_keys_and_buttons_go_moment_by_moment(recorder: Recorder) -> None:
    shown = recorder(MLP(2, [2, 1], rng=0), epochs=12, batch_size=10, at="#step=17")
    shown.at_step(16)  # the nearest moment
    nearest = "[-3, 0, 1, 2, 3, 17, 18, 19, 999].map((step) => play.channel.frameOf(step))"
    assert shown.page.evaluate(nearest) == [0, 0, 0, 1, 1, 4, 5, 5, 12]
    for key, step in [("ArrowRight", 20), ("ArrowLeft", 16), ("ArrowLeft", 12), ("Home", 0)]:
        shown.viewer.press(key)
        shown.at_step(step)
    shown.viewer.press("ArrowLeft")
    shown.page.click("#step")
    shown.at_step(4)
    shown.page.focus("#slider")
    shown.viewer.press("ArrowRight")  # less than to the next moment, which comes all the same
    shown.at_step(8)
    shown.viewer.press("ArrowLeft")
    shown.at_step(4)
    shown.viewer.press("End")
    shown.at_step(48)


def test_what_a_recording_cannot_do_is_not_offered(recorder: Recorder) -> None:
    shown = recorder(MLP(2, [2, 1], rng=0), epochs=2)
    for hidden in ("#data", "#training", "#exports", "#seed", "#epoch", "#brushes"):
        assert not shown.page.is_visible(hidden), hidden
    answer = shown.send(do="set", name="learning_rate", value=1.0)
    assert answer == {
        "ok": False,
        "error": "This page is a recording: it can be played, not changed.",
    }


def test_its_buttons_say_that_they_go_from_moment_to_moment(recorder: Recorder) -> None:
    shown = recorder(MLP(2, [2, 1], rng=0), epochs=2)
    assert shown.page.get_attribute("#step", "aria-label") == "Next moment"
    assert shown.page.get_attribute("#back", "title") == "Previous moment (Left)"
    shown.page.click("#how")
    said = shown.page.inner_text("#help")
    assert "to the previous or the next moment" in said
    for other in ("one epoch on", "set there by hand", "backward pass", "paints"):
        assert other not in said, other
        assert other in (shown.page.text_content("#help") or ""), other
    assert "paints" not in (shown.page.get_attribute("#plot", "aria-label") or "")


def test_the_columns_that_are_shown_can_be_chosen(recorder: Recorder) -> None:
    features = np.concatenate([X, X[:, :1] * X[:, 1:]], axis=1)
    model = MLP(3, [3, 1], "tanh", rng=0)
    shown = recorder(model, features, y, epochs=3, names=["a", "b", "a b"], at="#step=3")
    assert shown.page.is_visible("#columns")
    shown.page.select_option("#column-y", label="a b")
    shown.drawn_with("new Set(play.answers.inputs.slice(-play.responses.count)).size > 5")
    places, _, outputs = answers(shown)
    medians = np.median(features, axis=0)
    np.testing.assert_array_equal(places[:, 1], medians[1])
    assert len(np.unique(places[:, 2])) > 5
    logits = [[model.forward(row)[0].data] for row in places.tolist()]
    np.testing.assert_allclose(outputs, 1 / (1 + np.exp(-np.array(logits))), atol=1e-6)


def test_the_formula_of_a_unit_has_the_weights_of_the_moment(recorder: Recorder) -> None:
    model = MLP(2, [2, 1], "tanh", rng=0)
    kept = Weights(model)
    shown = recorder(model, epochs=4, learning_rate=1.0, callbacks=[kept])
    shown.page.click("#unit-0-1")
    texts = set()
    for step in (0, 4):
        shown.send(do="go_to", step=step)
        shown.at_step(step)
        text = shown.page.inner_text("#formula-text").replace("−", "-")
        texts.add(text)
        first = f"{kept.of_epochs[step][3]:.4g}"
        assert re.search(rf"tanh\({re.escape(first)}0* · x₁", text), (text, first)
    assert len(texts) == 2


def test_the_remark_stands_at_the_last_moment(recorder: Recorder) -> None:
    model = MLP(2, [3, 1], lambda x: x * x * x, rng=0)
    shown = recorder(model, 10.0 * X, 100.0 * y + 0.5, epochs=600, learning_rate=10.0)
    assert not shown.page.is_visible("#remark")
    shown.viewer.press("End")
    last = shown.page.evaluate("play.channel.steps.at(-1)")
    shown.send(do="go_to", step=last)
    shown.at_step(last)
    assert "the loss is nan in epoch" in shown.page.inner_text("#remark")
    assert shown.fact("loss") == "not finite"


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_hostile_names_are_text(recorder: Recorder, size: tuple[int, int]) -> None:
    labels = np.array(HOSTILE[:3])[np.arange(40) % 3]
    shown = recorder(
        *(MLP(2, [2, 3], rng=0), X, labels),
        size=size,
        epochs=3,
        title=HOSTILE[0],
        names=list(HOSTILE[3:5]),
    )
    assert shown.page.evaluate("window.hacked") is None
    assert shown.page.inner_text("#title") == HOSTILE[0]
    assert shown.page.evaluate("document.querySelectorAll('script').length") == 2
    assert shown.page.evaluate("document.querySelectorAll('img').length") == 0


def test_images_are_shown_with_answers(recorder: Recorder) -> None:
    rng = np.random.default_rng(0)
    images = rng.random((12, 4))
    shown = recorder(
        MLP(4, [3, 2], rng=0), images, np.arange(12) % 2, epochs=3, image=(2, 2), title="images"
    )
    assert shown.page.is_visible("#gallery")
    assert not shown.page.is_visible("#plot-card")
    assert shown.page.evaluate("document.querySelectorAll('#gallery canvas').length") == 12


def test_in_a_notebook_it_plays_in_a_frame_that_cannot_reach_out(tab: Tab, tmp_path: Path) -> None:
    page = viz.record(MLP(2, [2, 1], rng=0), X, y, epochs=3)
    path = tmp_path / "cell.html"
    path.write_text(f"<!DOCTYPE html><meta charset=utf-8>{page._repr_html_()}", encoding="utf-8")
    viewer = Viewer(tab.cleared(DESKTOP))
    viewer.listen()
    viewer.page.goto(path.as_uri())
    frame = viewer.page.frame_locator("iframe")
    frame.locator("body[data-step='0']").wait_for()
    frame.locator("#step").click()
    frame.locator("body[data-step='1']").wait_for()
    viewer.close()
    assert viewer.complaints == []
    assert viewer.requests == [path.as_uri()]
