"""Points are painted and samples looked at: with the mouse, a finger and the keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.play.playing import MOONS, Played, playing
from tests.replaying import PHONE, Tab
from viz._run.run import Run

if TYPE_CHECKING:
    from playwright.sync_api import Position


def place_of(page: Played, x: float, y: float) -> Position:
    """Where on the plot a point of the data is."""
    left, top = page.page.evaluate("([x, y]) => [plot.across(x), plot.down(y)]", [x, y])
    return {"x": left, "y": top}


def corner(page: Played, x: float, y: float) -> tuple[float, float]:
    box = page.page.locator("#plot").bounding_box()
    assert box
    spot = place_of(page, x, y)
    return box["x"] + spot["x"], box["y"] + spot["y"]


def test_a_click_paints_a_point_of_the_chosen_class(page: Played) -> None:
    n_before = len(page.run.samples.train)
    page.page.check("#brush-1")
    with page.obeyed("paint"):
        page.page.click("#plot", position=place_of(page, 0.5, 0.25))
    page.catch_up()
    [painted] = page.run.settings.painted
    np.testing.assert_allclose(painted[:2], (0.5, 0.25), atol=0.02)
    assert painted[2] == 1
    assert len(page.run.samples.train) == n_before + 1
    assert page.page.evaluate("play.scene.points.X.length") == 41


def test_a_stroke_paints_points_apart_from_each_other(page: Played) -> None:
    page.page.check("#brush-0")
    mouse = page.page.mouse
    with page.obeyed("paint"):
        mouse.move(*corner(page, -0.5, 0.5))
        mouse.down()
        mouse.move(*corner(page, 0.5, 0.5), steps=30)
        mouse.up()
    page.wait("() => painting.stroke.length === 0")
    page.catch_up()
    painted = np.array(page.run.settings.painted)
    assert 3 <= len(painted) <= 30
    xs = np.array([page.page.evaluate("x => plot.across(x)", x) for x in painted[:, 0]])
    assert (np.diff(xs) >= 8.99).all(), "9 pixels apart"
    assert set(painted[:, 2]) == {0}


def test_a_finger_paints(tab: Tab) -> None:
    with playing(tab, size=PHONE) as page:
        page.page.check("#brush-1")
        page.page.locator("#plot").scroll_into_view_if_needed()
        x, y = corner(page, 0.5, 0.25)
        protocol = page.page.context.new_cdp_session(page.page)
        with page.obeyed("paint"):
            for kind, points in (("touchStart", [{"x": x, "y": y}]), ("touchEnd", [])):
                protocol.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        page.catch_up()
        [painted] = page.run.settings.painted
        np.testing.assert_allclose(painted[:2], (0.5, 0.25), atol=0.03)


def test_a_point_is_painted_by_keyboard(page: Played) -> None:
    page.page.focus("#brush-look")
    page.press("ArrowRight", "Tab")
    assert page.page.evaluate("painting.brush()") == "0"
    assert page.page.evaluate("document.activeElement.id") == "plot"
    page.press("ArrowRight", "ArrowUp", "Shift+ArrowUp")
    spot = page.page.evaluate("plot.spot")
    with page.obeyed("paint"):
        page.press("Enter")
    page.catch_up()
    assert page.run.settings.painted == ((spot["x"], spot["y"], 0),)
    width = page.page.evaluate("plot.x.high - plot.x.low")
    middle = page.page.evaluate("(plot.x.high + plot.x.low) / 2")
    np.testing.assert_allclose(spot["x"], middle + 0.05 * width)


def test_the_network_is_read_off_at_a_place_and_a_sample(shared_page: Played) -> None:
    run = Run(MOONS)
    run.take(30)
    with shared_page.on(run) as page:
        page.page.focus("#plot")
        page.press("n")
        said = page.text("#readout")
        y = page.page.evaluate("play.scene.points.y[0]")
        number = page.page.evaluate("play.scene.points.sample[0]")
        assert said.startswith(
            f"Sample {number}, class {int(y)}, trained on: the network says class"
        )
        assert page.text("#live") == said
        page.press("p")
        last = page.page.evaluate("play.scene.points.sample.at(-1)")
        assert page.text("#readout").startswith(f"Sample {last}, class ")
        assert ", held out: " in page.text("#readout")
        page.press("ArrowUp")
        assert page.text("#readout").startswith("x₁ ")


def test_painting_ends_where_there_is_no_plane(page: Played) -> None:
    page.page.check("#brush-1")
    assert page.text("#sent") == ""
    with page.obeyed("data"):
        page.page.select_option("#data-name", "iris")
    page.catch_up()
    assert page.page.is_hidden("#brushes")
    assert "at their median" in page.text("#sent"), "or points seem to lie on the wrong side"
    assert page.page.evaluate("painting.brush()") == "look"
