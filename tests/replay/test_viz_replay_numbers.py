"""Every number on the page, at every step, is the text that the step log's numbers have."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.holding import held
from tests.replaying import Opener, chain_network, network_loss
from tinygrad_mlp.debug import BackwardStep, trace_backward, trace_forward, worked_example
from tinygrad_mlp.debug._numbers import equality, factor, shown_number
from tinygrad_mlp.debug._tokens import as_data
from tinygrad_mlp.derivatives import grad
from tinygrad_mlp.engine import Value, topological_order
from tinygrad_mlp.functional import dot, logsumexp
from tinygrad_mlp.ops import CONSTANT

BOXES = (
    "scene.items.map(({ node, data, grad }) =>"
    " [node.index, data?.textContent ?? null, grad?.textContent ?? null])"
)
AT_A_STEP = (
    "(at) => { goTo(at); const texts = (where) => [...document.querySelectorAll(where)]"
    ".map((x) => x.textContent);"
    f" return {{ boxes: {BOXES}, equation: texts('#equation .number'),"
    " remark: texts('#remark .number'), lit: texts('#lights .derivative text'),"
    " derivatives: scene.links.filter(({ text }) => text).map(({ uses, text }) =>"
    " [uses, text.textContent]) }; }"
)
AT_EACH_STEP = f"(last) => Array.from({{ length: last + 1 }}, (_, at) => ({AT_A_STEP})(at))"


def numbers_of(tokens: Any) -> list[str]:
    """The numbers of an equation of the step log, as it says that a page writes them."""
    return [content[0] for kind, *content in as_data(tokens) if kind == "number"]


def losses() -> list[Callable[[], Value]]:
    return [
        worked_example,
        lambda: chain_network([3, 4, 4, 1]),
        lambda: network_loss([3, 2]),
        lambda: logsumexp([Value(x, label=f"x{i}") for i, x in enumerate((-1e-7, 2e6, 0.0, -3.0))]),
        lambda: (Value(-0.0, label="a") * 1e300) * 1e300 + Value(2.0, label="b").log(),
    ]


@pytest.mark.parametrize("names", ["math", "code"])
@pytest.mark.parametrize("build", losses())
def test_all_numbers_of_all_steps(viewer: Opener, build: Callable[[], Value], names: str) -> None:
    loss = build()
    page = viewer(loss, collapse=False, names=names)
    order = topological_order(loss)
    place = {node: i for i, node in enumerate(order)}
    data = {place[node]: shown_number(node.data) for node in order if node.is_leaf}
    at = 0
    at_each = page.page.evaluate(AT_EACH_STEP, page.last())
    for forward in trace_forward(loss, names=names):
        at += 1
        data[place[forward.node]] = shown_number(forward.output)
        seen = at_each[at]
        assert {i: text for i, text, _ in seen["boxes"] if text != "–"} == data
        assert {text for _, _, text in seen["boxes"]} <= {"–", None}
        written = [text.strip("()") for text in seen["equation"]]
        assert written[-1] == shown_number(forward.output)
        assert set(written[:-1]) <= {shown_number(x.data) for x in forward.node.parents}
        assert seen["remark"] == []
    at += 1
    assert at_each[at]["equation"] == ["1"]
    receivers = [place[x] for x in order if x.op is not CONSTANT]
    gradients = dict.fromkeys(receivers, "0") | {place[loss]: "1"}
    for step in trace_backward(loss, names=names):
        at += 1
        gradients[place[step.parent]] = shown_number(step.grad_after)
        seen = at_each[at]
        assert {i: text for i, text, _ in seen["boxes"]} == data
        assert {i: text for i, _, text in seen["boxes"] if text is not None} == gradients
        assert seen["equation"] == numbers_of(step.tokens())
        check_remark(seen["remark"], step)
        assert seen["lit"] in ([], [f"× {shown_number(step.partial)}"])
        for uses, text in seen["derivatives"]:
            partials = [order[use["child"]].partials[use["place"]] for use in uses]
            assert [text] == [shown_number(partial) for partial in partials]
    assert at == page.last()


def check_remark(seen: list[str], step: BackwardStep) -> None:
    together = [step.grad_before, step.contribution, step.grad_after]
    expected = [shown_number(step.partial)]
    if step.grad_before != 0.0:
        assert seen[-3:] == [
            shown_number(step.grad_before),
            as_factor(step.contribution),
            shown_number(together[2]),
        ]
        seen = seen[:-3]
    assert seen[-1:] == expected
    assert set(seen[:-1]) <= {
        text
        for x in (*step.node.parents, step.node)
        for text in (shown_number(x.data), as_factor(x.data))
    }


def as_factor(x: float) -> str:
    return f"({shown_number(x)})" if factor(x).startswith("(") else shown_number(x)


@pytest.mark.parametrize("build", [worked_example, lambda: chain_network([3, 4, 4, 1])])
def test_all_numbers_of_neurons_that_are_one_box(
    viewer: Opener, build: Callable[[], Value]
) -> None:
    loss = build()
    page = viewer(loss, collapse=True)
    order = topological_order(loss)
    loss.backward()
    by_grad: dict[tuple[Value, Value], float] = {}
    seen_through = seen_inside = 0
    for at, node, source, is_box, is_inside in page.page.evaluate(
        "scene.stops.filter((at) => trace.events[at].phase === 'backward').map((at) => {"
        " const { node, from } = trace.events[at]; const source = scene.itemOf[from];"
        " const isInside = scene.itemOf[node] === source;"
        " return [at, node, source.node.index, source.kind === 'group', isInside]; })"
    ):
        seen = page.page.evaluate(AT_A_STEP, at)["equation"]
        parent, head = order[node], order[source]
        if not is_box:
            continue
        if is_inside:
            seen_inside += 1
            parameters = page.page.evaluate(f"scene.itemOf[{node}].group.parameters")
            told = [shown_number(order[i].grad) for i in parameters]
            assert seen == told[:4]
            continue
        seen_through += 1
        if (head, parent) not in by_grad:
            by_grad[head, parent] = grad(head, [parent])[0]
        along = by_grad[head, parent]
        contribution = head.grad * along
        assert seen == [as_factor(head.grad), as_factor(along), shown_number(contribution)]
        sign = page.page.locator("#equation .sign").last.text_content()
        assert sign == equality((head.grad, along), contribution)
    assert seen_through > 5
    assert seen_inside > 3


def test_the_details_show_all_digits_and_the_numbers_of_each_path(viewer: Opener) -> None:
    loss = worked_example()
    page = viewer(loss)
    order = topological_order(loss)
    loss.backward()
    page.press("End")
    for place, node in enumerate(order):
        page.page.evaluate("place => select(place)", place)
        assert page.page.text_content("#exact-data") == f"data = {node.data!r}".removesuffix(".0")
        products = page.page.locator("#details .product").all_text_contents()
        ends = [float(re.split("[=≈] ", text)[-1].replace("−", "-")) for text in products]
        paths = page.page.evaluate(f"Number(trace.pathsFrom({place}).count)")
        if node.op is not CONSTANT and paths <= 4:
            assert sum(ends) == pytest.approx(node.grad, abs=1e-4 * len(ends))
            if len(ends) == 1 and node is not loss:
                assert products[0].endswith(f" {shown_number(node.grad)}")


def test_an_arrow_that_stands_for_several_uses_has_the_whole_derivative(viewer: Opener) -> None:
    x = Value(0.5, label="x")
    w = Value(3.0, label="w")
    h = dot([w], [x], Value(0.25, label="b")).tanh()
    loss = h * h
    page = viewer(loss, collapse=True, parameters=[w])
    (shown,) = page.page.evaluate(
        "scene.links.filter(({ uses }) => uses.length > 1).map((link) => link.derivative.shown)"
    )
    assert shown == shown_number(2.0 * h.data)


def test_what_several_ways_through_a_neuron_bring_is_told_at_once(viewer: Opener) -> None:
    x = Value(0.5, label="x")
    weights = [Value(2.0, label="u"), Value(-0.75, label="v")]
    y = dot(weights, [x, x], Value(0.1, label="b")).tanh()
    y.label = "y"
    loss = y * 3.0 + x * 2.0
    page = viewer(loss, collapse=True, parameters=weights)
    loss.backward()
    slope = (1.0 - y.data**2) * 1.25
    told = page.page.evaluate(
        "scene.stops.filter((at) => trace.events[at].phase === 'backward').map((at) => {"
        " goTo(at); return [byId('equation').getAttribute('aria-label'),"
        " byId('remark').textContent]; })"
    )
    ((equation, remark),) = [texts for texts in told if "dy/dx" in texts[0]]
    assert equation == (
        f"dL/dx += dL/dy * dy/dx = 3 * {shown_number(slope)} "
        f"{equality((3.0, slope), 3.0 * slope)} {shown_number(3.0 * slope)}"
    )
    assert remark == (
        f"Derivative of y, tanh(w·x + b): {shown_number(slope)}"
        f"; together 2 + {shown_number(3.0 * slope)} = {shown_number(x.grad)}"
        "; this gradient is complete."
    )


def test_several_ways_are_told_in_the_order_in_which_they_flow(viewer: Opener) -> None:
    x = Value(0.5, label="x")
    weights, bias = [Value(2.0), Value(-0.75)], Value(0.1)
    held(n=held(w=weights, b=bias))
    y = (weights[0] * x + weights[1] * x + bias).tanh()
    y.label = "y"
    page = viewer(y * 3.0, collapse=True)
    remarks = page.page.evaluate(
        "scene.stops.map((at) => { goTo(at); return byId('remark').textContent; })"
    )
    slope = shown_number((1.0 - y.data**2) * 1.25)
    assert f"Derivative of y, tanh(w·x + b): {slope}; this gradient is complete." in remarks


def test_the_way_through_a_neuron_is_told_in_numbers(viewer: Opener) -> None:
    page = viewer(worked_example(), collapse=True)
    remarks = page.page.evaluate(
        "scene.stops.map((at) => { goTo(at); return byId('remark').textContent; })"
    )
    assert any(
        text.startswith("Derivative of outo1, sigmoid(w·x + b): 0.1868 · 0.4 = 0.0747")
        for text in remarks
    )
