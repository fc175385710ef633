"""Where two runs part: by op, label, length, and each number of a step."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import inf, nan
from typing import Any

import pytest

from tests.debugging import label, named, network_loss, product_of_sums
from tinygrad_mlp import Value, functional
from tinygrad_mlp.debug import (
    compare,
    recompute,
    trace_backward,
    trace_forward,
    watch,
    worked_example,
)
from tinygrad_mlp.debug.session import Session
from tinygrad_mlp.engine import topological_order
from tinygrad_mlp.errors import (
    NotANumberError,
)


def test_equal_runs_do_not_part() -> None:
    assert compare(trace_backward(network_loss()[1]), trace_backward(network_loss()[1])) is None
    assert compare(trace_forward(network_loss()[1]), trace_forward(network_loss()[1])) is None


def test_the_first_different_step_is_found() -> None:
    one, other = worked_example(), worked_example()
    w5 = next(node for node in topological_order(other) if node.label == "w5")
    w5.data = 0.5
    recompute(other)
    difference = compare(trace_forward(one), trace_forward(other))
    assert difference is not None
    assert (difference.index, difference.what) == (4, "inputs")
    assert "net_o1 = w5" in str(difference)
    assert compare(trace_forward(one), trace_forward(other), tolerance=1.0) is None


def test_another_graph_is_told_by_its_op_and_its_length() -> None:
    a = Value(2.0, label="a")
    difference = compare(trace_forward((a * a).exp()), trace_forward((a * a).tanh()))
    assert difference is not None
    assert (difference.index, difference.of_a, difference.of_b) == (1, "exp", "tanh")
    difference = compare(trace_forward(a * a), trace_forward((a * a).exp()))
    assert difference is not None
    assert difference.what == "length"
    with pytest.raises(TypeError, match="two traces of one kind"):
        compare(trace_forward(a * a), trace_backward(a * a))


def test_names_that_nobody_gave_do_not_part_two_runs() -> None:
    x = Value(2.0, label="x")
    loss, larger = (x * 3.0).exp(), (x * 3.0).exp() + 1.0
    one, other = trace_forward(loss), trace_forward(larger)
    assert one.names[one[0].node] != other.names[other[0].node]
    difference = compare(one, other)
    assert difference is not None
    assert (difference.index, difference.what) == (2, "length")
    renamed = Value(2.0, label="y")
    difference = compare(trace_backward(loss), trace_backward((renamed * 3.0).exp()))
    assert difference is not None
    assert (difference.index, difference.what, difference.of_b) == (1, "operand", "y")


@pytest.mark.parametrize(
    ("call", "corrected"),
    [
        (trace_backward, "trace_backward(loss)"),
        (trace_forward, "trace_forward(loss)"),
        (Session, "Session(loss)"),
        (watch, "watch(node)"),
    ],
)
def test_what_is_no_value_is_refused_with_the_call_as_it_should_be(
    call: Callable[[Any], object], corrected: str
) -> None:
    with pytest.raises(NotANumberError, match=re.escape(f"float 3.0; write {corrected}")):
        call(3.0)


def doubled(x: float) -> Value:
    return label(x, "x") * 2.0


@pytest.mark.parametrize(
    ("x", "y", "tolerance", "same"),
    [
        (1.0, 1.0, 0.0, True),
        (1.0, 1.0 + 2**-52, 0.0, False),
        (0.0, -0.0, 0.0, False),
        (0.0, -0.0, 1e-3, True),
        (nan, nan, 0.0, True),
        (nan, nan, 1e-3, True),
        (nan, 1.0, 0.0, False),
        (1.0, nan, 1e3, False),
        (inf, inf, 0.0, True),
        (inf, inf, 1e-3, True),
        (inf, -inf, 1e-3, False),
        (1.0, 1.001, 2e-3, True),
        (1.0, 1.001, 5e-4, False),
        (1e-9, 1.1e-9, 1e-3, False),
    ],
)
def test_when_two_numbers_are_the_same(x: float, y: float, tolerance: float, same: bool) -> None:
    one, other = trace_forward(doubled(x)), trace_forward(doubled(y))
    assert (compare(one, other, tolerance) is None) == same
    assert (compare(other, one, tolerance=tolerance) is None) == same


def test_each_number_of_a_step_can_part_two_runs() -> None:
    def parted(change: Callable[[Value], None], trace_of: Any) -> tuple[Any, ...]:
        one, other = product_of_sums(), product_of_sums()
        change(other)
        difference = compare(trace_of(one), trace_of(other))
        assert difference is not None
        assert difference.step_a is not None
        assert difference.step_b is not None
        assert difference.index == difference.step_a.index == difference.step_b.index
        return difference.index, difference.what, difference.of_a, difference.of_b

    def output(loss: Value) -> None:
        loss.data = 11.0

    def partial(loss: Value) -> None:
        loss.partials = (2.0, 5.5)

    def name_of_node(loss: Value) -> None:
        loss.label = "M"

    def name_of_operand(loss: Value) -> None:
        named(loss, "b").label = "other"

    def no_name(loss: Value) -> None:
        named(loss, "b").label = ""
        named(loss, "c").data = 8.0

    assert parted(output, trace_forward) == (1, "output", 10.0, 11.0)
    assert parted(name_of_node, trace_forward) == (1, "label", "L", "M")
    assert parted(name_of_node, trace_backward) == (0, "label", "L", "M")
    assert parted(partial, trace_backward) == (1, "partial", 5.0, 5.5)
    assert parted(name_of_operand, trace_backward) == (3, "operand", "b", "other")
    assert parted(no_name, trace_forward) == (0, "inputs", (2.0, 3.0, -1.0), (2.0, 3.0, 8.0))


def test_an_upstream_and_an_old_gradient_can_part_two_runs() -> None:
    a, b = label(3.0, "a"), label(3.0, "a")
    b.grad = 1.0
    difference = compare(trace_backward(a * 1.0), trace_backward(b * 1.0, accumulate=True))
    assert difference is not None
    assert (difference.what, difference.of_a, difference.of_b) == ("grad_before", 0.0, 1.0)
    a.grad, b.grad = 2.0, 5.0
    difference = compare(trace_backward(a, accumulate=True), trace_backward(b, accumulate=True))
    assert difference is None


def test_one_run_may_be_over_before_the_other() -> None:
    a = label(2.0, "a")
    short, long = trace_forward(a * 3.0), trace_forward((a * 3.0).exp())
    for one, other, text in (
        (
            short,
            long,
            "length is 1 in the first and 2 in the second\n  first:  (the trace is over)",
        ),
        (long, short, "length is 2 in the first and 1 in the second\n  first:  v3 = exp(v2)"),
    ):
        difference = compare(one, other)
        assert difference is not None
        assert (difference.index, difference.what) == (1, "length")
        assert (difference.of_a, difference.of_b) == (len(one), len(other))
        assert (difference.step_a is None) == (len(one) == 1)
        assert (difference.step_b is None) == (len(other) == 1)
        assert str(difference).startswith(f"the traces part at step 1: {text}")
    assert str(compare(long, short)).endswith(
        "\n  first:  v3 = exp(v2) = exp(6) = 403.4288\n  second: (the trace is over)"
    )
    with pytest.raises(TypeError) as caught:
        compare(short, trace_backward(a * 3.0))
    assert str(caught.value) == (
        "compare takes two traces of one kind, got ForwardTrace and BackwardTrace; give two from "
        "trace_backward, or two from trace_forward"
    )


def test_sums_of_other_lengths_part_at_their_inputs() -> None:
    one = functional.sum([Value(1.0), Value(2.0)])
    other = functional.sum([Value(1.0), Value(2.0), Value(0.0)])
    difference = compare(trace_forward(one), trace_forward(other))
    assert difference is not None
    assert (difference.what, difference.of_b) == ("inputs", (1.0, 2.0, 0.0))
