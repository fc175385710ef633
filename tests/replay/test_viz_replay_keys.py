"""The keys and buttons of the page of a replay, also for who cannot see it."""

from __future__ import annotations

import pytest

from tests.replaying import STEP_W5, Opener, network_loss
from tinygrad_mlp.debug import worked_example
from tinygrad_mlp.engine import Value


def test_keys_buttons_and_the_slider_step(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.press("End")
    assert page.position() == page.last() == 15 + 1 + 34
    assert page.page.get_attribute("#next", "aria-disabled") == "true"
    page.press("Home")
    assert page.position() == 0
    page.page.click("#next")
    page.page.click("#next")
    page.page.click("#back")
    assert page.position() == 1
    assert page.page.get_attribute("#last", "aria-disabled") == "false"
    page.page.click("#last")
    page.press("Shift+ArrowLeft")  # to the node before, over all five operands
    assert page.equation().startswith("dL/dnet_h1 +=")
    page.page.focus("#slider")
    page.press("ArrowLeft")
    page.page.fill("#slider", str(STEP_W5))
    assert page.equation() == "dL/dw5 += dL/dnet_o1 * dnet_o1/dw5 = 0.1385 * 0.5933 = 0.0822"
    spoken = page.page.get_attribute("#slider", "aria-valuetext")
    assert spoken == f"Backward, {STEP_W5 - 16} of 34: {page.equation()}"
    assert page.equation() in (page.page.text_content("#live") or "")


def test_the_keyboard_alone_reaches_everything(viewer: Opener) -> None:
    page = viewer(network_loss([2, 1]), collapse=True)
    names = page.page.eval_on_selector_all(
        "button:not([hidden]), input, select, [tabindex='0']",
        "all => all.map(x => x.getAttribute('aria-label') || x.textContent || x.labels?.[0])",
    )
    assert len(names) > 10
    assert all(names)
    assert page.page.locator("#graph [tabindex='0']").count() == 1, "one stop for the Tab key"
    page.page.focus("#graph [tabindex='0']")
    here = "document.activeElement.id"
    start = page.page.evaluate(here)
    page.press("ArrowUp")
    assert page.page.evaluate(here) != start
    page.press("ArrowDown", "Enter")
    assert page.page.evaluate(here) == start
    assert page.page.locator("#details h2").text_content() == "loss"
    while "group" not in (page.page.get_attribute(f"#{page.page.evaluate(here)}", "class") or ""):
        page.press("ArrowUp")
    before = page.page.locator(".node").count()
    page.press("e")
    assert page.page.locator(".node").count() > before
    assert page.page.evaluate(here).startswith("n"), "the focus stays on the neuron"


def test_the_keys_go_by_the_node_that_has_the_focus(viewer: Opener) -> None:
    page = viewer(network_loss([3, 2]), collapse=True)
    index = page.page.evaluate("scene.items.find(({ kind }) => kind === 'group').node.index")
    page.page.evaluate("index => byId(`n${index}`).focus()", index)
    page.press("e")
    assert page.page.evaluate("document.activeElement.id") == f"n{index}"


def test_the_space_bar_selects_the_node_that_has_the_focus(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.page.focus("#graph [tabindex='0']")
    page.press(" ")
    assert page.page.locator("#details h2").text_content() == "L"
    assert page.page.get_attribute("#play", "aria-label") == "Play"


@pytest.mark.parametrize("button", ["fit", "larger", "theme", "neurons", "first", "last", "play"])
def test_arrows_step_after_a_click_on_a_button(viewer: Opener, button: str) -> None:
    page = viewer(worked_example())
    page.page.fill("#slider", "5")
    page.page.click(f"#{button}")
    before = page.position()
    page.press("ArrowRight" if before < page.last() else "ArrowLeft")
    assert abs(page.position() - before) == 1
    assert page.page.evaluate("document.activeElement.id") == button


def test_space_presses_the_button_that_has_the_focus_once(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.page.select_option("#speed", "0.5")
    label = "document.querySelector('#play').getAttribute('aria-label')"
    page.page.click("#play")
    assert page.page.evaluate(label) == "Pause"
    page.press(" ")
    assert page.page.evaluate(label) == "Play"
    page.page.fill("#slider", "5")
    page.page.click("#next")
    page.press(" ")
    assert page.position() == 7
    page.page.click("#theme")
    page.press(" ")
    assert page.page.evaluate("document.documentElement.dataset.theme") == "light"
    assert page.page.evaluate(label) == "Play"


@pytest.mark.parametrize(("button", "end"), [("next", "End"), ("back", "Home")])
def test_space_on_a_button_that_is_at_its_end_does_nothing(
    viewer: Opener, button: str, end: str
) -> None:
    page = viewer(Value(2.0, label="a") * 3.0)
    page.press("End" if end == "Home" else "Home")
    page.page.focus(f"#{button}")
    page.press(*[" "] * (page.last() + 2))
    assert page.position() == (page.last() if end == "End" else 0)
    assert page.page.evaluate("document.activeElement.id") == button
    assert page.page.get_attribute("#play", "aria-label") == "Play"
    assert page.page.get_attribute(f"#{button}", "aria-disabled") == "true"


def test_the_keys_of_a_menu_are_its_own(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.page.fill("#slider", "5")
    page.page.focus("#speed")
    page.press("ArrowDown")
    assert page.page.input_value("#speed") == "5"
    page.press("ArrowUp", "ArrowRight", "End", "Home")
    assert page.position() == 5
    page.page.focus("#next")
    page.press("ArrowRight")
    assert page.position() == 6


def test_a_space_bar_that_is_held_down_plays_once(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.page.select_option("#speed", "0.5")
    page.page.evaluate("document.activeElement.blur()")
    for _ in range(4):  # from the second on it is a repetition
        page.page.keyboard.down(" ")
    page.page.keyboard.up(" ")
    assert page.page.get_attribute("#play", "aria-label") == "Pause"


@pytest.mark.parametrize("focus", ["body", "#next", "#speed", "#slider", "#graph [tabindex='0']"])
def test_the_question_mark_opens_and_closes_the_help(viewer: Opener, focus: str) -> None:
    page = viewer(worked_example())
    if focus != "body":
        page.page.focus(focus)
    help_text = page.page.locator("#help")
    page.press("?")
    assert help_text.is_visible()
    page.press("ArrowRight")
    assert page.position() == 0, "what lies under the help stays as it is"
    page.press("?")
    assert help_text.is_hidden()
    page.press("?", "Escape")
    assert help_text.is_hidden()
    page.press("?")
    page.page.click("#help button")
    assert help_text.is_hidden()


@pytest.mark.parametrize(
    "modifiers", ["shiftKey: true", "", "ctrlKey: true, altKey: true, modifierAltGraph: true"]
)
def test_the_question_mark_is_known_by_what_it_writes(viewer: Opener, modifiers: str) -> None:
    """With Shift, with no other key, or with AltGr: keyboards differ in where it is."""
    page = viewer(worked_example())
    page.page.evaluate(
        "document.body.dispatchEvent(new KeyboardEvent('keydown',"
        f" {{ key: '?', code: 'Minus', bubbles: true, {modifiers} }}))"
    )
    assert page.page.locator("#help").is_visible()


def test_keys_of_the_browser_stay_with_it(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.press("Control+ArrowRight", "Alt+Home")
    assert page.position() == 0


@pytest.mark.parametrize("key", ["ArrowRight", "ArrowLeft", "Home", "End"])
def test_stepping_by_hand_ends_playing(viewer: Opener, key: str) -> None:
    page = viewer(worked_example())
    page.page.fill("#slider", "5")
    page.page.click("#play")
    assert page.page.get_attribute("#play", "aria-label") == "Pause"
    page.press(key)
    assert page.page.get_attribute("#play", "aria-label") == "Play"


def test_a_screen_reader_hears_what_each_box_is(viewer: Opener) -> None:
    page = viewer(network_loss([2, 1]), collapse=True)
    labels = page.page.eval_on_selector_all(".node", "all => all.map(x => x.ariaLabel)")
    assert any(
        label.startswith("layers.0.neurons.0, neuron, relu(w·x + b), E expands") for label in labels
    )
    assert any(label.startswith("loss, output, ") for label in labels)
    groups = page.page.locator(".node.group")
    assert {group.get_attribute("aria-expanded") for group in groups.all()} == {"false"}


def test_the_help_names_the_keys(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.page.click("#how")
    help_text = page.page.locator("#help")
    assert help_text.is_visible()
    for word in ("Space", "Shift", "Double click", "expand"):
        assert word in (help_text.text_content() or "")
    page.press("Escape")
    assert help_text.is_hidden()


def test_the_help_begins_at_its_button(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.press("?")
    page.page.wait_for_function("() => document.activeElement.ariaLabel === 'Close the help'")
    page.press("Enter")
    page.page.wait_for_function("() => !byId('help').matches(':popover-open')")
