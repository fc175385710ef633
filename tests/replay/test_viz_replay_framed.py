"""A replay in a frame, as in a notebook and in the course: its heading, and on paper."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import viz
from tests.replaying import DESKTOP, Tab, chain_network, network_loss
from tinygrad_mlp.debug import worked_example
from tinygrad_mlp.engine import Value

if TYPE_CHECKING:
    from playwright.sync_api import Frame

CENTIMETER = 96 / 2.54
SHEET = (680, int(24 * CENTIMETER))
"""A frame that fills a sheet of paper, in pixels of CSS."""

Shown = Callable[..., "Frame"]


@pytest.fixture
def frame_of(tab: Tab, tmp_path: Path) -> Shown:
    """Opens a page with the replay of a loss in a frame of that width and height."""
    page = tab.cleared((1280, 1100))

    def shown(loss: Value, width: int, height: int = 640) -> Frame:
        framed = str(viz.replay(loss)._repr_html_())
        style = f"<style>iframe {{ width: {width}px; height: {height}px; }}</style>"
        file = tmp_path / "page.html"
        file.write_text(f"<!DOCTYPE html><meta charset='utf-8'>{style}{framed}", encoding="utf-8")
        page.goto(file.as_uri())
        frame = page.frames[1]
        frame.wait_for_function("typeof trace === 'object' && document.querySelector('.node')")
        return frame

    return shown


def send(frame: Frame, event: str) -> None:
    frame.evaluate("event => { dispatchEvent(new Event(event)); }", event)


@pytest.mark.parametrize("width", [766, 779, 860, 861, 960])
def test_the_heading_stands_on_one_line(frame_of: Shown, width: int) -> None:
    frame = frame_of(worked_example(), width)
    heading = frame.evaluate(
        "(() => { const h = document.querySelector('h1'), r = document.createRange();"
        " r.selectNodeContents(h);"
        " return [new Set([...r.getClientRects()].map(x => x.top)).size,"
        " h.scrollWidth <= h.clientWidth, h.textContent]; })()"
    )
    assert heading == [1, True, "Backpropagation of L"]
    button = frame.locator("#neurons").bounding_box()
    assert button is not None
    assert button["height"] < 45.0, "its words stand on one line"
    tools = frame.locator(".tools").bounding_box()
    outer = frame.frame_element().bounding_box()
    assert tools is not None
    assert outer is not None
    assert outer["x"] + outer["width"] - 25 < tools["x"] + tools["width"] < outer["x"] + width


def test_what_there_is_stands_beside_the_heading_where_there_is_room(frame_of: Shown) -> None:
    facts = "31 nodes, 15 forward and 34 backward steps"
    assert frame_of(worked_example(), 960).locator("#facts").inner_text() == facts
    assert frame_of(worked_example(), 861).locator("#facts").is_visible()
    assert not frame_of(worked_example(), 860).locator("#facts").is_visible()


@pytest.mark.parametrize(
    ("loss", "fits"),
    [
        (worked_example, True),
        (lambda: network_loss([3, 1]), True),
        (lambda: chain_network([2, 9, 9, 1]), False),
        (lambda: chain_network([1] * 16), False),
    ],
)
def test_on_paper_a_frame_is_one_sheet(
    frame_of: Shown, loss: Callable[[], Value], fits: bool
) -> None:
    frame = frame_of(loss(), *SHEET)
    frame.page.emulate_media(media="print")
    send(frame, "beforeprint")
    bottom = frame.evaluate("document.querySelector('#all-steps').getBoundingClientRect().bottom")
    assert bottom <= SHEET[1]
    assert frame.locator("#graph").is_visible()
    assert not frame.locator("#step").is_visible()
    assert frame.evaluate("position === trace.last"), "with all numbers"
    rows = frame.locator("#all-steps tbody tr")
    n_stops = frame.evaluate("scene.stops.length")
    if fits:
        assert rows.count() == n_stops
        assert rows.last.get_attribute("class") == "now"
    else:
        n_more = n_stops - (rows.count() - 1)
        assert rows.last.locator("td").all_text_contents() == ["…", f"{n_more} more"]
        assert bottom > 0.7 * SHEET[1], "the sheet is used"
    send(frame, "afterprint")
    assert frame.evaluate("position") == 0, "a reader goes on at the start"


def test_on_paper_a_step_that_was_chosen_stays(frame_of: Shown) -> None:
    frame = frame_of(worked_example(), *SHEET)
    frame.evaluate("goTo(9)")
    send(frame, "beforeprint")
    assert frame.evaluate("position") == 9
    send(frame, "afterprint")
    assert frame.evaluate("position") == 9


def test_a_page_that_is_no_frame_prints_all_steps(tab: Tab, tmp_path: Path) -> None:
    viz.replay(chain_network([2, 9, 9, 1]), tmp_path / "page.html")
    page = tab.cleared(DESKTOP)
    page.goto((tmp_path / "page.html").as_uri())
    page.emulate_media(media="print")
    page.evaluate("() => { dispatchEvent(new Event('beforeprint')); }")
    n_stops = page.evaluate("scene.stops.length")
    assert page.locator("#all-steps tbody tr").count() == n_stops > 42
    assert page.evaluate("position") == 0
    assert page.locator("#step").is_visible()
