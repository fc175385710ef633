"""Neurons as one box, and expanded, on the page of a replay."""

from __future__ import annotations

import re

import pytest

from tests.holding import held
from tests.replaying import STEP_W5, Opener, network_loss, recorded
from tinygrad_mlp.debug import worked_example
from tinygrad_mlp.debug._numbers import shown_number
from tinygrad_mlp.derivatives import grad
from tinygrad_mlp.engine import Value, topological_order
from tinygrad_mlp.nn import MLP
from viz._replay.stepper import replay_page


def test_neurons_collapse_and_expand(viewer: Opener) -> None:
    loss = network_loss([3, 2])
    page = viewer(loss, collapse=True)
    boxes = page.page.locator(".node")
    n_nodes = len(topological_order(loss))
    inside = [4 + 1 + 1 + 1] * 3 + [
        3 + 1 + 1
    ] * 2  # weights, bias, dot, and relu where there is one
    assert boxes.count() == n_nodes - sum(inside) + 5
    page.press("End")
    collapsed = page.numbers()
    page.page.click("#neurons")
    assert boxes.count() == n_nodes
    assert page.position() == page.last()
    expanded = page.numbers()
    assert collapsed.items() <= expanded.items(), "a box shows the numbers of the neuron's output"
    page.page.click("#neurons")
    page.page.locator(".group").first.dispatch_event("dblclick")
    page.page.wait_for_function(
        "n => document.querySelectorAll('.node').length === n",
        arg=n_nodes - sum(inside[1:]) + 4,
    )


def test_an_arrow_into_a_neuron_carries_the_derivative_of_the_whole_neuron(viewer: Opener) -> None:
    loss = worked_example()
    page = viewer(loss, collapse=True)
    by_label = {node.label: node for node in topological_order(loss)}
    found = page.page.evaluate(
        "scene.links.filter(link => link.derivative).map(link => [scene.items[link.from].node.code,"
        " scene.items[link.to].node.code, link.derivative.shown])"
    )
    into = {(source, target): along for source, target, along in found}
    assert ("i1", "out_h2") in into
    assert ("out_h1", "out_o2") in into
    for (source, target), along in into.items():
        (expected,) = grad(by_label[target], [by_label[source]])
        assert along == shown_number(expected), (source, target)
    page.press("End")
    label = page.page.locator(".derivative:not(.lit) text", has_text="0.0602")
    assert label.count() == 1


def test_a_collapsed_graph_lights_an_arrow_or_a_neuron_at_each_step(viewer: Opener) -> None:
    page = viewer(network_loss([3, 2]), collapse=True)
    page.page.evaluate("goTo(trace.seedAt)")
    inside = 0
    while page.position() < page.last():
        page.press("ArrowRight")
        lit = page.page.locator("#lights .edge.lit.backwards").count()
        assert page.page.locator(".node.current").count() == 1
        if not lit:
            inside += 1
            assert ", inside " in (page.page.text_content("#phase") or "")
            continue
        assert lit == 1
        numbers = re.findall(r"= ([^=]+) \* ([^=]+) [=≈] ([^=≈]+)$", page.equation())[0]
        upstream, partial, _ = (text.strip("()").replace("-", "−") for text in numbers)
        assert page.page.text_content(".node.source .grad.value") == upstream
        assert page.page.text_content(".derivative.lit") == f"× {partial}"
    assert inside == 5, "each neuron tells the gradients of its own parameters once"
    forwards = page.position()
    page.press("ArrowLeft", "ArrowRight")
    assert page.position() == forwards


def test_a_collapsed_graph_tells_the_numbers_of_the_arrows_that_matter_now(viewer: Opener) -> None:
    page = viewer(worked_example(), collapse=True)
    page.press("End")
    told = (
        "scene.links.filter(({ text }) => text && getComputedStyle(text).visibility !== 'hidden')"
        ".map(({ from, to }) => [scene.items[from], scene.items[to]])"
        ".map((ends) => ends.some((item) => item === scene.current || item === scene.selected))"
    )
    at_the_end = page.page.evaluate(told)
    page.page.evaluate("select(trace.root)")
    with_selection = page.page.evaluate(told)
    assert all([*at_the_end, *with_selection])
    assert len(with_selection) > len(at_the_end)
    n_placed = page.page.evaluate("scene.links.filter(({ text }) => text).length")
    assert len(with_selection) < n_placed


@pytest.mark.parametrize("sizes", [[3, 2], [4, 4, 1]])
def test_neurons_stand_in_the_order_of_the_model(sizes: list[int], viewer: Opener) -> None:
    page = viewer(network_loss(sizes), collapse=True)
    for layer, size in enumerate(sizes):
        places = page.page.evaluate(
            "layer => scene.items.filter(({ group }) => group?.code.startsWith(`layers.${layer}.`))"
            ".sort((one, other) => one.y - other.y).map(({ group }) => group.code)",
            layer,
        )
        assert places == [f"layers.{layer}.neurons.{i}" for i in range(size)]


def test_the_steps_of_a_collapsed_graph_are_the_same_both_ways(viewer: Opener) -> None:
    page = viewer(network_loss([3, 2]), collapse=True)
    seen = [page.position()]
    while page.position() < page.last():
        page.press("ArrowRight")
        seen.append(page.position())
    for expected in reversed(seen[:-1]):
        page.press("ArrowLeft")
        assert page.position() == expected
    hidden = next(step for step in range(page.last()) if step not in seen)
    page.page.fill("#slider", str(hidden))
    assert page.position() == next(step for step in seen if step > hidden)


def test_a_step_inside_a_neuron_expands_it(viewer: Opener) -> None:
    page = viewer(worked_example(), collapse=True)
    boxes = page.page.locator(".node").count()
    page.page.goto(f"{viewer.path.as_uri()}#step={STEP_W5}")
    assert page.equation().startswith("dL/dw5 +=")
    assert page.page.locator(".node").count() == boxes + 3  # w5, w6 and the sum
    assert page.page.locator(".frame .name").all_text_contents() == ["outo1"]


def test_a_neuron_that_is_one_box_shows_its_whole_formula(viewer: Opener) -> None:
    page = viewer(worked_example(), collapse=True)
    page.press("ArrowRight")
    assert page.equation() == (
        "out_h1 = sigmoid(w1 · i1 + w2 · i2 + b1)"
        " = sigmoid(0.15 · 0.05 + 0.2 · 0.1 + 0.35) = 0.5933"
    )


def test_a_sum_written_by_hand_is_one_box_too(viewer: Opener) -> None:
    weights, bias = [Value(0.5), Value(-0.25)], Value(0.1)
    held(n=held(w=weights, b=bias))
    inputs = [Value(2.0, label="x0"), Value(3.0, label="x1")]
    output = (weights[0] * inputs[0] + weights[1] * inputs[1] + bias).tanh()
    output.label = "y"
    loss = output * 2.0
    loss.label = "loss"
    page = viewer(loss, collapse=True)
    page.press("ArrowRight")
    assert page.equation().startswith("y = tanh(n.w.0 · x0 + n.w.1 · x1 + n.b) = tanh(0.5 · 2 +")
    page.page.click("#neurons")
    page.press("End")
    assert page.page.locator(".frame").count() == 1
    assert page.page.locator(".node").count() == len(topological_order(loss))
    assert page.page.evaluate(
        "scene.links.every((link, at) => { const path = scene.svg.querySelectorAll('.edge')[at];"
        " const length = path.getTotalLength();"
        " return [0.3, 0.5, 0.7].every(share => { const p = path.getPointAtLength(share * length);"
        " return scene.items.every(({ x, y, width, height }) => p.x <= x || p.x >= x + width"
        " || p.y <= y || p.y >= y + height); }); })"
    ), "no arrow runs behind a box"


def test_neurons_start_as_one_box_where_only_so_all_is_seen(viewer: Opener) -> None:
    loss = MLP(2, [3, 1], activation="tanh", rng=0)([0.5, -1.0]).square()
    assert recorded(replay_page(loss))["collapsed"] is None, "the page decides"
    assert viewer(loss).page.locator(".node.group").count() == 4
    assert viewer(loss, collapse=False).page.locator(".node.group").count() == 0
    assert viewer(worked_example()).page.locator(".node.group").count() == 0


def test_the_signs_in_the_corner_expand_and_collapse(viewer: Opener) -> None:
    page = viewer(network_loss([2, 1]), collapse=True)
    before = page.page.locator(".node").count()
    page.page.locator(".group .switch").first.click()
    assert page.page.locator(".node").count() > before
    page.page.locator(".frame .switch").click()
    assert page.page.locator(".node").count() == before
    assert page.page.locator("#details").is_hidden()
