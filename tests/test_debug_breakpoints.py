"""Breakpoints case by case: at which steps of either pass each holds, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf, nan
from typing import Any

import pytest

from tests.holding import placed
from tinygrad_mlp import Value, functional
from tinygrad_mlp.debug import (
    Breakpoint,
    break_when,
    names_of,
    trace_backward,
    trace_forward,
    watch,
)
from tinygrad_mlp.debug._trace import Step
from tinygrad_mlp.errors import (
    GraphError,
    InvalidArgumentError,
    NotANumberError,
    UnknownNameError,
)


def network() -> Value:
    """Two layers, one relu that is on and one that is off.

    Forward: 0 h0 = dot, 1 r0 = relu, 2 h1 = dot, 3 r1 = relu, 4 out = dot, 5 L = square; backward
    the steps to out, then to w2.0, w2.1, r0, r1, then r1 -> h1 (off), h1 -> w1, x, r0 -> h0 -> ...
    """
    x = Value(2.0, label="x")
    w0, w1 = placed("one.w.0", 1.5), placed("one.w.1", -1.0)
    h0 = functional.dot([w0], [x])
    r0 = h0.relu()
    h1 = functional.dot([w1], [x])
    r1 = h1.relu()
    out = functional.dot([placed("two.w.0", -1.0), placed("two.w.1", 4.0)], [r0, r1], Value(1.0))
    loss = out.square()
    for node, label in ((h0, "h0"), (r0, "r0"), (h1, "h1"), (r1, "r1"), (out, "out"), (loss, "L")):
        node.label = label
    return loss


def is_large(step: Step) -> bool:
    return getattr(step, "grad_after", 0.0) > 7.0 or getattr(step, "output", 0.0) > 3.5


def stops(trace_of: Callable[[Value, Breakpoint], Any], point: Breakpoint) -> list[str]:
    """Every stop of a log: what the step leads to and why it stops there."""
    trace = trace_of(network(), point)
    found = []
    while trace.hit is not None:
        step = trace[-1]
        assert trace.hit.step == step
        assert trace.hit.breakpoint is point
        assert str(trace.hit) == f"step {step.index}: {trace.hit.reason}"
        assert not trace.finished or trace.hit.step.index == len(trace) - 1
        receiver = getattr(step, "parent", step.node)
        found.append(f"{trace.names[receiver]}: {trace.hit.reason}")
        trace.resume()
    assert trace.finished
    return found


FORWARD = {
    "label": (break_when(label="out"), ["out: at out"]),
    "label of a generated name": (break_when(label="L"), ["L: at L"]),
    "op": (break_when(op="relu"), ["r0: in relu (r0)", "r1: in relu (r1)"]),
    "symbol": (break_when(op="x²"), ["L: in x² (L)"]),
    "layer": (
        break_when(layer="one"),
        [
            "h0: in layer one (h0)",
            "r0: in layer one (r0)",
            "h1: in layer one (h1)",
            "r1: in layer one (r1)",
        ],
    ),
    "dead": (break_when(dead_relu=True), ["r1: relu r1 is off (its input is -2)"]),
    "finite": (break_when(non_finite=True), []),
    "when": (break_when(when=is_large), ["L: is_large(step) holds"]),
    "op and when": (break_when(op="dot", when=lambda step: True), None),
    "layer and dead": (
        break_when(layer="one", dead_relu=True),
        ["r1: in layer one (r1), relu r1 is off (its input is -2)"],
    ),
    "label and op": (break_when(label="h1", op="dot"), ["h1: at h1, in dot (h1)"]),
    "never": (break_when(label="h1", op="relu"), []),
}

BACKWARD = {
    "label": (break_when(label="r1"), ["r1: at r1"]),
    "a leaf of two uses": (break_when(label="x"), ["x: at x"]),
    "the output": (break_when(label="L"), ["out: at L"]),
    "op": (break_when(op="relu"), ["h1: in relu (r1)", "h0: in relu (r0)"]),
    "layer": (
        break_when(layer="two"),
        [
            "out: in layer two (L)",
            "two.w.0: in layer two (out)",
            "two.w.1: in layer two (out)",
            "r0: in layer two (out)",
            "r1: in layer two (out)",
            "v2: in layer two (out)",
        ],
    ),
    "dead": (break_when(dead_relu=True), ["h1: relu r1 is off (its input is -2)"]),
    "finite": (break_when(non_finite=True), []),
    # The gradients are out -4, two.w.0 -12, r0 4, r1 -16, one.w.0 8 and x 6, all others at most 4.
    "grad": (
        break_when(grad_above=7.9),
        [
            "two.w.0: the gradient of two.w.0 is -12, above 7.9",
            "r1: the gradient of r1 is -16, above 7.9",
            "one.w.0: the gradient of one.w.0 is 8, above 7.9",
        ],
    ),
    "no more than": (
        break_when(grad_above=12),
        ["r1: the gradient of r1 is -16, above 12"],
    ),
    "when": (break_when(when=is_large), ["one.w.0: is_large(step) holds"]),
    "label and grad": (
        break_when(label="r0", grad_above=1.0),
        ["r0: at r0, the gradient of r0 is 4, above 1"],
    ),
    "op and layer": (
        break_when(op="w·x+b", layer="one", grad_above=7.0),
        [
            "one.w.0: in w·x+b (h0), in layer one (h0), the gradient of one.w.0 is 8, above 7",
        ],
    ),
    "never": (break_when(label="r0", grad_above=4.0), []),
}


@pytest.mark.parametrize("case", FORWARD)
def test_where_a_forward_log_stops(case: str) -> None:
    point, expected = FORWARD[case]
    if expected is None:
        expected = [
            f"{name}: in dot ({name}), <lambda>(step) holds" for name in ("h0", "h1", "out")
        ]
    assert stops(trace_forward, point) == expected


@pytest.mark.parametrize("case", BACKWARD)
def test_where_a_backward_log_stops(case: str) -> None:
    point, expected = BACKWARD[case]
    assert stops(trace_backward, point) == expected


@pytest.mark.parametrize(
    ("x", "expected"), [(0.0, "its input is 0"), (-0.0, "its input is -0"), (1e-300, None)]
)
def test_a_relu_is_off_at_0_in_both_passes(x: float, expected: str | None) -> None:
    loss = Value(x, label="x").relu()
    for trace in (trace_forward(loss), trace_backward(loss)):
        hit = break_when(dead_relu=True).check(trace[0])
        assert (hit and hit.reason) == (expected and f"relu v1 is off ({expected})")


@pytest.mark.parametrize("bad", [nan, inf, -inf])
def test_what_is_not_finite_is_told_in_both_passes(bad: float) -> None:
    a = Value(2.0, label="a")
    loss = a * Value(bad, label="bad")
    loss.label = "L"
    hit = trace_forward(loss, break_when(non_finite=True)).hit
    assert hit is not None
    assert hit.reason == f"L is {bad}"
    hit = trace_backward(loss, break_when(non_finite=True)).hit
    assert hit is not None
    assert hit.reason == f"the gradient of a is {bad}"


def test_a_node_may_be_told_by_its_label_or_by_its_name() -> None:
    first, second = Value(1.0, label="x"), Value(2.0, label="x")
    loss = first.exp() + second.tanh()
    for label, found in (("x", [first, second]), ("x#2", [second]), ("v1", None)):
        trace, leaves = trace_backward(loss, break_when(label=label)), []
        while trace.hit is not None:
            leaves.append(trace[-1].parent)
            trace.resume()
        if found is not None:
            assert {id(x) for x in leaves} == {id(x) for x in found}


@pytest.mark.parametrize(
    ("layer", "holds"),
    [
        (12, True),
        ("blocks.2.conv.12", True),
        (2, False),
        (1, False),
        ("12", False),
        ("blocks.2", False),
    ],
)
def test_a_layer_is_its_path_or_the_last_number_in_it(layer: int | str, holds: bool) -> None:
    loss = functional.dot([placed("blocks.2.conv.12.w.0")], [2.0]) * Value(1.0)
    point = break_when(layer=layer)
    assert (point.check(trace_forward(loss)[0]) is not None) == holds
    assert point.check(trace_forward(loss)[1]) is None
    if not holds:
        with pytest.raises(UnknownNameError, match=r"unknown layer .*; known: blocks\.2\.conv\.12"):
            trace_forward(loss, point)


def test_a_layer_without_a_number_has_none() -> None:
    loss = functional.dot([placed("hidden.w.0")], [2.0])
    with pytest.raises(UnknownNameError, match="unknown layer 0; known: hidden"):
        trace_forward(loss, break_when(layer=0))


# Several at once


def test_the_first_breakpoint_that_holds_stops_and_those_with_on_hit_are_called() -> None:
    called: list[str] = []
    points = [
        break_when(op="relu", on_hit=partial(called.append, "relu")),
        break_when(op="dot", on_hit=partial(called.append, "dot")),
        break_when(label="r1"),
        break_when(op="relu", layer="one"),
    ]
    trace = trace_forward(network(), points)
    reasons = []
    while trace.hit is not None:
        reasons.append(trace.hit.reason)
        trace.resume()
    assert called == ["dot", "relu", "dot", "relu", "dot"]
    assert reasons == ["in relu (r0), in layer one (r0)", "at r1"]


def test_watch_calls_instead_of_stopping_too() -> None:
    a, called = Value(3.0, label="a"), []
    trace = trace_backward(a * a, watch(a, on_hit=lambda: called.append(a.grad)))
    assert trace.finished
    assert trace.hit is None
    assert called == [3.0, 6.0]


def test_breakpoints_may_come_from_any_iterable_or_alone() -> None:
    for points in (break_when(op="relu"), iter([break_when(op="relu")]), {break_when(op="relu")}):
        hit = trace_forward(network(), points).hit
        assert hit is not None
        assert hit.step.index == 1


# In words


@pytest.mark.parametrize(
    ("conditions", "text"),
    [
        ({"label": "w"}, "at w"),
        ({"op": "tanh"}, "op tanh"),
        ({"layer": 0}, "layer 0"),
        ({"layer": "blocks.1"}, "layer blocks.1"),
        ({"grad_above": 0.25}, "grad above 0.25"),
        ({"grad_above": 0}, "grad above 0"),
        ({"non_finite": True}, "nonfinite"),
        ({"dead_relu": True}, "dead relu"),
        ({"when": is_large}, "when is_large"),
        ({"when": partial(is_large)}, "when a condition"),
        (
            {"dead_relu": True, "layer": 1, "label": "z", "non_finite": True, "op": "relu"},
            "at z, op relu, layer 1, nonfinite, dead relu",
        ),
    ],
)
def test_a_breakpoint_in_words(conditions: dict[str, Any], text: str) -> None:
    assert break_when(**conditions).describe({}) == text


def test_a_watched_node_in_words() -> None:
    a = Value(1.0, label="a")
    assert watch(a).describe(names_of([a])) == "watch a"
    assert watch(a).describe({}) == "watch a node"


def test_a_condition_without_a_name_is_called_when() -> None:
    point = break_when(when=partial(is_large))
    hit = point.check(trace_forward(network())[5])
    assert hit is not None
    assert hit.reason == "when(step) holds"


# What is refused


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (
            break_when,
            InvalidArgumentError,
            "break_when got no condition; say when to stop: break_when(label='w5'), "
            "break_when(op='tanh'), break_when(grad_above=10.0), break_when(non_finite=True)",
        ),
        (lambda: break_when(on_hit=print), InvalidArgumentError, None),
        (lambda: break_when(non_finite=False, dead_relu=False), InvalidArgumentError, None),
        (lambda: break_when(op="TANH"), UnknownNameError, None),
        (
            lambda: break_when(grad_above=inf),
            InvalidArgumentError,
            "grad_above is inf, but a finite number is needed: break_when(grad_above=10.0)",
        ),
        (
            lambda: watch(3.0),  # type: ignore[arg-type]
            NotANumberError,
            "a Value is needed, the result of a computation, but got float 3.0; write watch(node) "
            "with loss = ... computed from Values",
        ),
        (
            lambda: trace_forward(network(), break_when(op="dot", grad_above=1.0)),
            InvalidArgumentError,
            "grad_above waits for a gradient, and a forward pass has none; write "
            "trace_backward(loss, break_when(grad_above=...))",
        ),
        (
            lambda: trace_backward(network(), watch(Value(7.0, label="other"))),
            GraphError,
            "Value(data=7.0, grad=0.0, label='other') is to be watched, but the loss was not "
            "computed from it; watch a node of this graph",
        ),
        (
            lambda: trace_backward(network(), [break_when(op="dot"), break_when(label="h2")]),
            UnknownNameError,
            None,
        ),
        (
            lambda: trace_forward(Value(1.0) * 2.0, break_when(layer=3)),
            UnknownNameError,
            "unknown layer 3; known: (none)",
        ),
        (
            lambda: trace_forward(Value(1.0, label="v") * 2.0, break_when(label="")),
            UnknownNameError,
            "unknown label ''; known: v, v1, v2",
        ),
    ],
)
def test_what_could_never_hold_is_refused(
    build: Callable[[], object], error: type[Exception], message: str | None
) -> None:
    with pytest.raises(error) as caught:
        build()
    assert message is None or str(caught.value) == message


@pytest.mark.parametrize(
    "conditions",
    [
        {"label": "w"},
        {"op": "×"},
        {"layer": 0},
        {"grad_above": 0.0},
        {"non_finite": True},
        {"dead_relu": True},
        {"when": is_large},
    ],
)
def test_each_condition_is_enough(conditions: dict[str, Any]) -> None:
    point = break_when(**conditions, on_hit=print)
    names = ("label", "op", "layer", "node", "grad_above", "non_finite", "dead_relu", "when")
    given = {name: getattr(point, name) for name in names}
    off = {"non_finite": False, "dead_relu": False}
    assert given == {**dict.fromkeys(names), **off, **conditions}
    assert point.on_hit is print
