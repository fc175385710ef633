"""The steps of a replay as a person sees them, in a real browser."""

from __future__ import annotations

import math
import re

import pytest

from tests.replaying import (
    HOSTILE,
    STEP_W5,
    Opener,
    hostile_loss,
    known,
    network_loss,
    rgb,
    steps_of,
)
from tinygrad_mlp.debug import names_of, trace_backward, trace_forward, worked_example
from tinygrad_mlp.engine import Value, topological_order
from tinygrad_mlp.ops import CONSTANT
from viz._style.themes import THEMES


def test_every_step_shows_what_the_engine_does(viewer: Opener) -> None:
    loss = worked_example()
    page = viewer(loss)
    order = topological_order(loss)
    place = {node: f"n{i}" for i, node in enumerate(order)}
    data = {place[node]: node.data for node in order if node.is_leaf}

    assert page.position() == 0
    assert known(page.numbers(), 0) == data
    for forward in trace_forward(loss):
        page.press("ArrowRight")
        data[place[forward.node]] = forward.output
        assert known(page.numbers(), 0) == data
        assert known(page.numbers(), 1) == {}
    page.press("ArrowRight")
    receivers = [place[node] for node in order if node.op is not CONSTANT]
    gradients = dict.fromkeys(receivers, 0.0) | {place[loss]: 1.0}
    assert page.equation() == "dL/dL = 1"
    for backward in steps_of(loss):
        page.press("ArrowRight")
        gradients[place[backward.parent]] = backward.grad_after
        assert known(page.numbers(), 1) == gradients
        assert page.equation() == backward.equation()
    assert page.position() == page.last()
    assert known(page.numbers(), 1) == {
        place[node]: node.grad for node in order if node.op is not CONSTANT
    }


def test_stepping_back_shows_the_same_as_stepping_forward(viewer: Opener) -> None:
    page = viewer(network_loss([2, 1]), collapse=False)
    seen = [(page.equation(), page.numbers())]
    while page.position() < page.last():
        page.press("ArrowRight")
        seen.append((page.equation(), page.numbers()))
    page.press("ArrowRight")
    assert page.position() == page.last(), "there is nothing after the last step"
    for expected in reversed(seen[:-1]):
        page.press("ArrowLeft")
        assert (page.equation(), page.numbers()) == expected


def test_the_page_opens_at_the_step_of_its_address(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.page.goto(f"{viewer.path.as_uri()}#step={STEP_W5}")
    assert page.equation().startswith("dL/dw5 +=")


def test_it_plays_to_the_end_and_stops(viewer: Opener) -> None:
    page = viewer(Value(2.0, label="a") * 3.0)
    page.page.select_option("#speed", "0.5")
    page.page.focus("body")
    page.page.evaluate("document.activeElement.blur()")
    page.press(" ")
    assert page.page.get_attribute("#play", "aria-label") == "Pause"
    page.page.select_option("#speed", "30")
    page.page.wait_for_selector("#play[aria-label=Play]")
    assert page.position() == page.last()
    page.page.click("#play")  # from the start again
    page.page.wait_for_selector("#play[aria-label=Play]")
    assert page.position() == page.last()


def test_the_current_arrow_and_its_two_boxes_are_marked(viewer: Opener) -> None:
    loss = worked_example()
    page = viewer(loss)
    page.page.fill("#slider", str(STEP_W5))
    assert page.page.locator(".edge.lit.backwards").count() == 1
    assert page.page.locator(".derivative.lit").text_content() == "× 0.5933"
    labels = [node.label for node in topological_order(loss)]
    assert page.page.locator(".node.current").get_attribute("id") == f"n{labels.index('w5')}"
    assert page.page.locator(".node.source").get_attribute("id") == f"n{labels.index('net_o1')}"


def test_a_node_tells_its_history_and_its_path(viewer: Opener) -> None:
    loss = worked_example()
    page = viewer(loss)
    labels = [node.label for node in topological_order(loss)]
    page.page.click(f"#n{labels.index('b1')}")
    details = page.page.locator("#details")
    assert details.locator("h2").text_content() == "b1"
    page.press("End")
    gradients = {
        node.label: step.grad_after for step in trace_backward(loss) for node in [step.parent]
    }
    exact = page.page.text_content("#exact-grad")
    assert exact == f"grad = {gradients['b1']!r}"
    products = [
        re.split("[=≈] ", text)[-1] for text in details.locator(".product").all_text_contents()
    ]
    assert len(products) == 4
    total = sum(float(text.replace("−", "-")) for text in products)
    assert math.isclose(total, gradients["b1"], abs_tol=2e-4)  # they show four digits
    assert page.page.locator(".node.on-path").count() == 1 + 2 + 2 + 2 * 5 + 1
    details.locator("li button").first.click()
    assert page.equation().startswith("dL/db1 +=")
    page.press("Escape")
    assert details.is_hidden()
    assert page.page.locator(".on-path").count() == 0


def test_hostile_labels_stay_text(viewer: Opener) -> None:
    loss = hostile_loss()
    page = viewer(loss, title=HOSTILE[1])
    names = names_of(topological_order(loss))
    labels = page.page.eval_on_selector_all(".node", "all => all.map(x => x.ariaLabel)")
    for node, name in names.items():
        if node.op is not CONSTANT:
            assert any(label.startswith(f"{name}, ") for label in labels)
    assert page.page.text_content("h1") == HOSTILE[1]
    for index in range(page.page.locator(".node").count()):
        page.page.locator(".node").nth(index).focus()
        page.press("Enter", "ArrowRight")
    page.press("End")
    assert page.equation() == steps_of(loss)[-1].equation()
    assert page.page.evaluate("window.hacked") is None
    assert page.page.locator("script").count() == 2
    assert page.page.locator("img").count() == 0


def test_the_policy_of_the_page_stops_scripts_from_elsewhere(viewer: Opener) -> None:
    page = viewer(Value(1.0) * 2.0)
    page.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'),"
        " { textContent: 'window.hacked = 1' }))"
    )
    assert page.page.evaluate("window.hacked") is None
    assert [text for text in page.complaints if "Content Security Policy" in text]
    page.complaints.clear()


@pytest.mark.parametrize("dark", [False, True])
def test_colors_follow_the_system_and_the_button(viewer: Opener, dark: bool) -> None:
    page = viewer(worked_example(), dark=dark)
    ground = "getComputedStyle(document.querySelector('#view')).backgroundColor"
    first, second = ("dark", "light") if dark else ("light", "dark")
    assert page.page.evaluate(ground) == rgb(THEMES[first].background)
    page.page.click("#theme")
    assert page.page.evaluate(ground) == rgb(THEMES[second].background)


def test_a_single_leaf_has_a_page_too(viewer: Opener) -> None:
    page = viewer(Value(2.0, label="a"))
    page.press("End")
    assert page.numbers() == {"n0": ("2", "1")}


def test_numbers_that_are_not_finite_are_shown(viewer: Opener) -> None:
    zero = Value(0.0, label="zero")
    page = viewer(zero.log() * zero)
    page.press("End")
    assert page.numbers()["n1"][0] == "-inf"
    assert page.page.text_content("#n2 .data.value") == "nan"


def test_the_slider_has_the_color_of_the_phase(viewer: Opener) -> None:
    page = viewer(worked_example())
    color = "getComputedStyle(byId('slider')).accentColor"
    assert page.page.evaluate(color) == rgb(THEMES["light"].roles["parameter"].ink)
    page.press("End")
    assert page.page.evaluate(color) == rgb(THEMES["light"].gradient)
