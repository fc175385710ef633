"""The link to a step: it follows the steps, it is read, and what is no step is said."""

from __future__ import annotations

import pytest

from tests.replaying import Opener
from tinygrad_mlp.debug import worked_example

HASH = "location.hash"


def test_the_address_follows_the_steps(viewer: Opener) -> None:
    page = viewer(worked_example())
    length = page.page.evaluate("history.length")
    assert page.page.evaluate(HASH) == ""
    page.press(*["ArrowRight"] * 3)
    page.page.wait_for_function("() => location.hash === '#step=3'")
    page.page.fill("#slider", "23")
    page.page.wait_for_function("() => location.hash === '#step=23'")
    page.press("Home")
    page.page.wait_for_function("() => location.hash === '#step=0'")
    assert page.page.evaluate("history.length") == length, "the button back leaves the page"


def test_steps_in_quick_succession_write_the_address_once(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.page.evaluate(
        "window.written = []; history.replaceState = (state, title, url) => written.push(url);"
        " for (let at = 1; at <= 40; at++) goTo(at);"
    )
    page.page.wait_for_function("() => written.length > 0")
    assert page.page.evaluate("written") == ["#step=40"]


def test_the_page_opens_at_the_step_of_its_address_and_follows_it(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.page.goto(f"{viewer.path.as_uri()}#step=23")
    assert page.position() == 23
    page.page.reload()
    assert page.position() == 23
    viewer.opened[0].requests.pop()
    page.page.evaluate("location.hash = '#step=5'")
    page.page.wait_for_function("() => byId('slider').value === '5'")
    assert page.page.locator("#notice").is_hidden()


@pytest.mark.parametrize("text", ["51", "-1", "2.5", "1e1", "abc", "", "0x3", "٣", "<b>5</b>"])
def test_what_is_no_step_is_said_and_changes_nothing(viewer: Opener, text: str) -> None:
    page = viewer(worked_example())
    page.press(*["ArrowRight"] * 4)
    page.page.wait_for_function("() => location.hash === '#step=4'")
    page.page.evaluate("text => { location.hash = `#step=${text}`; }", text)
    notice = page.page.locator("#notice")
    notice.wait_for()
    assert page.position() == 4
    assert notice.text_content() == (
        f"The address asks for step {text or '(nothing)'}. "
        "This page has the steps 0 to 50: try #step=50."
    )
    assert page.page.get_attribute("#notice", "role") == "status"
    page.press("ArrowRight")
    assert notice.is_hidden()


@pytest.mark.parametrize("text", ["50", "007", "0"])
def test_the_first_and_the_last_step_are_steps(viewer: Opener, text: str) -> None:
    page = viewer(worked_example())
    page.page.goto(f"{viewer.path.as_uri()}#step={text}")
    assert page.position() == int(text)
    assert page.page.locator("#notice").is_hidden()


def test_another_address_is_not_taken_for_a_step(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.page.goto(f"{viewer.path.as_uri()}#top")
    assert page.position() == 0
    assert page.page.locator("#notice").is_hidden()


def test_a_button_copies_the_link(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.page.evaluate(
        "Object.defineProperty(navigator, 'clipboard',"
        " { value: { writeText: async (text) => { window.copied = text; } } })"
    )
    page.page.fill("#slider", "23")
    page.page.click("#link")
    page.page.locator("#notice").wait_for()
    assert page.page.evaluate("copied") == f"{viewer.path.as_uri()}#step=23"
    assert page.page.text_content("#notice") == "The link to step 23 is copied."


def test_where_nothing_can_be_copied_the_link_is_there_to_be_copied(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.page.fill("#slider", "23")
    page.page.click("#link")
    page.page.wait_for_function("() => document.activeElement.tagName === 'INPUT'")
    field = page.page.locator("#notice input")
    assert field.input_value() == f"{viewer.path.as_uri()}#step=23"
    selected = "document.activeElement.selectionEnd - document.activeElement.selectionStart"
    assert page.page.evaluate(selected) == len(field.input_value())
    page.press("ArrowLeft")
    assert page.position() == 23, "the keys of the field are its own"
    page.press("Escape")
    assert field.is_hidden()


def test_a_page_inside_another_has_no_address_to_link_to(viewer: Opener) -> None:
    page = viewer(worked_example())
    assert page.page.locator("#link").is_visible()
    page.page.evaluate(
        "text => new Promise((done) => { const frame = document.createElement('iframe');"
        " frame.onload = done; frame.srcdoc = text; document.body.append(frame); })",
        viewer.path.read_text(encoding="utf-8"),
    )
    page.requests[1:] = []  # the page within the page
    inside = page.page.frame_locator("iframe")
    inside.locator("#next").dispatch_event("click")
    assert inside.locator("#slider").input_value() != "0"
    assert inside.locator("#link").is_hidden()
    page.page.wait_for_timeout(300)  # there was no complaint about an address in the meantime
