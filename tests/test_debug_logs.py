"""The two logs: fields, indices and slices of steps, what has none, and going on after a stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.debugging import label, named, product_of_sums
from tinygrad_mlp import Value, functional
from tinygrad_mlp.debug import (
    break_when,
    trace_backward,
    trace_forward,
    watch,
    worked_example,
)
from tinygrad_mlp.engine import topological_order
from tinygrad_mlp.errors import (
    InvalidArgumentError,
)


def test_every_field_of_every_backward_step() -> None:
    loss = product_of_sums()
    trace = trace_backward(loss)
    fields = ["node", "parent", "position", "upstream", "partial", "contribution"]
    fields += ["grad_before", "grad_after", "is_first", "is_last"]
    found = []
    for step in trace:
        values = [getattr(step, name) for name in fields]
        found.append([x.label if isinstance(x, Value) else x for x in values])
    assert found == [
        ["L", "s", 0, 1.0, 2.0, 2.0, 0.0, 2.0, True, True],
        ["L", "a", 1, 1.0, 5.0, 5.0, 0.0, 5.0, True, False],
        ["s", "a", 0, 2.0, 3.0, 6.0, 5.0, 11.0, False, True],
        ["s", "b", 1, 2.0, 2.0, 4.0, 0.0, 4.0, True, True],
        ["s", "c", 2, 2.0, 1.0, 2.0, 0.0, 2.0, True, True],
    ]
    assert [step.index for step in trace] == [0, 1, 2, 3, 4]
    assert [step.expanded() for step in trace[1:]] == [
        ("dL/da += dL/dL * dL/da = 1 * 5 = 5",),
        (
            "p1 = a * b: dL/dp1 = dL/ds * ds/dp1 = 2 * 1 = 2",
            "dL/da += dL/dp1 * dp1/da = 2 * 3 = 6, together 11",
        ),
        (
            "p1 = a * b: dL/dp1 = dL/ds * ds/dp1 = 2 * 1 = 2",
            "dL/db += dL/dp1 * dp1/db = 2 * 2 = 4",
        ),
        ("dL/dc += dL/ds * ds/dc = 2 * 1 = 2",),
    ]


def test_the_products_of_a_longer_dot() -> None:
    w, x = [label(2.0, "w1"), label(-3.0, "w2")], [label(5.0, "x1"), label(7.0, "x2")]
    node = functional.dot(w, x, label(1.0, "b"))
    node.label = "n"
    (step,) = trace_forward(node)
    assert step.expanded() == (
        "p1 = w1 * x1 = 2 * 5 = 10",
        "p2 = w2 * x2 = (-3) * 7 = -21",
        "n = p1 + p2 + b = 10 + (-21) + 1 = -10",
    )
    trace = trace_backward(node)
    assert [step.expanded()[0].partition(":")[0] for step in trace] == [
        "p1 = w1 * x1",
        "p2 = w2 * x2",
        "p1 = w1 * x1",
        "p2 = w2 * x2",
        "dn/db += dn/dn * dn/db = 1 * 1 = 1",
    ]
    assert [step.expanded()[-1] for step in trace][:4] == [
        "dn/dw1 += dn/dp1 * dp1/dw1 = 1 * 5 = 5",
        "dn/dw2 += dn/dp2 * dp2/dw2 = 1 * 7 = 7",
        "dn/dx1 += dn/dp1 * dp1/dx1 = 1 * 2 = 2",
        "dn/dx2 += dn/dp2 * dp2/dx2 = 1 * (-3) = -3",
    ]
    assert trace_forward(node.exp())[1].expanded() == ("v6 = exp(n) = exp(-10) = 4.54e-05",)


def test_steps_are_equal_if_they_tell_the_same_of_one_graph() -> None:
    loss = product_of_sums()
    for trace_of in (trace_backward, trace_forward):
        one: Any = trace_of(loss)
        other: Any = trace_of(loss)
        assert one[1] == other[1]
        assert one[0] != one[1]
        assert "Trace(" not in repr(one[0])
        assert f"index={1}" in repr(one[1])


def test_a_log_says_how_far_it_is() -> None:
    loss = product_of_sums()
    assert repr(trace_backward(loss)) == "BackwardTrace(5 steps, 5 nodes)"
    assert repr(trace_forward(loss)) == "ForwardTrace(2 steps, 5 nodes)"
    trace = trace_backward(loss, watch(named(loss, "b")))
    assert repr(trace) == "BackwardTrace(4 steps, 5 nodes, stopped at step 3)"
    assert (trace.finished, trace.position, len(trace)) == (False, 4, 4)
    assert trace.resume() is None
    assert (trace.finished, trace.hit, trace.position, len(trace)) == (True, None, 5, 5)
    forward = trace_forward(loss, break_when(label="s"))
    assert (forward.finished, len(forward)) == (False, 1)
    assert forward.resume() is None
    assert (forward.finished, forward.hit, len(forward)) == (True, None, 2)
    chained = Value(1.0)
    for _ in range(1500):
        chained = chained.exp()
    assert repr(trace_backward(chained)) == "BackwardTrace(1,500 steps, 1,501 nodes)"
    assert repr(trace_forward(chained)) == "ForwardTrace(1,500 steps, 1,501 nodes)"


@pytest.mark.parametrize("trace_of", [trace_backward, trace_forward])
def test_an_index_counts_from_either_end(trace_of: Callable[[Value], Any]) -> None:
    trace = trace_of(worked_example())
    n = len(trace)
    assert [trace[i].index for i in (0, n - 1, -1, -n)] == [0, n - 1, n - 1, 0]
    for index in (n, -n - 1):
        with pytest.raises(IndexError):
            trace[index]


def test_a_step_that_is_not_there_is_told_with_the_number_of_steps() -> None:
    trace = trace_backward(product_of_sums())
    for index in (5, -6):
        with pytest.raises(IndexError) as caught:
            trace[index]
        assert str(caught.value) == f"there is no step {index}; the trace has 5 steps"
    for position in (-1, 6):
        with pytest.raises(InvalidArgumentError) as refused:
            trace.go_to(position)
        assert str(refused.value) == (
            f"position is {position}, but the trace has 5 steps; give 0 (nothing has flowed yet) "
            "to 5 (all of it has)"
        )


def test_the_numbers_of_a_formula_keep_their_gradients_and_have_no_steps() -> None:
    half, x = label(0.5, "x"), label(3.0, "y")
    loss = 2.0 * half + 4.0 * x
    constants = [node for node in topological_order(loss) if not node.label and not node.parents]
    for node in constants:
        node.grad = 7.0
    trace = trace_backward(loss)
    assert [(step.parent.label, step.position) for step in trace if step.parent.label] == [
        ("y", 1),
        ("x", 1),
    ]
    assert [node.grad for node in constants] == [7.0, 7.0]
    trace.go_to(0)
    trace.go_to(len(trace))
    assert [node.grad for node in constants] == [7.0, 7.0]
    trace_backward(loss, constants=True)
    assert sorted(node.grad for node in constants) == [0.5, 3.0]


def test_what_only_decides_keeps_an_old_gradient_where_gradients_are_to_add() -> None:
    x, y = label(4.0, "x"), label(3.0, "y")
    loss = functional.where(x.sqrt(), y, 2.0)
    x.grad, y.grad = 5.0, 7.0
    trace = trace_backward(loss, accumulate=True)
    assert (x.grad, y.grad, len(trace)) == (5.0, 8.0, 1)
    trace.go_to(0)
    assert (x.grad, y.grad, loss.parents[0].has_grad) == (5.0, 7.0, False)
    trace = trace_backward(loss)
    assert (x.grad, x.has_grad, y.grad) == (0.0, True, 1.0)
    trace.go_to(0)
    assert [node.has_grad for node in (x, y, loss.parents[0])] == [False, False, False]
    trace.go_to(1)
    assert [(node.grad, node.has_grad) for node in (x, y)] == [(0.0, True), (1.0, True)]


def test_a_label_that_a_number_gets_later_changes_no_log() -> None:
    x = label(3.0, "x")
    loss = x * 2.0 + x * 4.0
    trace = trace_backward(loss)
    before = [(step.parent, step.position) for step in trace]
    for node in trace.order:
        node.label = node.label or "late"
    assert [(step.parent, step.position) for step in trace] == before
    trace.go_to(0)
    trace.go_to(len(trace))
    assert x.grad == 6.0


def test_some_numbers_of_a_formula_may_have_labels() -> None:
    x = label(3.0, "x")
    loss = functional.dot([2.0, 5.0], [x, x], 7.0)
    loss.parents[1].label = "five"
    trace = trace_backward(loss)
    assert [(step.parent.label, step.position) for step in trace] == [
        ("five", 1),
        ("x", 2),
        ("x", 3),
    ]
    assert [step.contribution for step in trace] == [3.0, 2.0, 5.0]
    assert [step.contribution for step in reversed(trace)] == [5.0, 2.0, 3.0]
    assert loss.parents[1].grad == 3.0


def test_resuming_after_a_walk_back_goes_on_where_the_log_had_stopped() -> None:
    loss, plain = product_of_sums(), product_of_sums()
    plain.backward()
    trace = trace_backward(loss, watch(named(loss, "a")))
    trace.go_to(0)
    assert trace.position == 0
    trace.resume()
    assert (trace.position, len(trace), named(loss, "a").grad) == (3, 3, 11.0)
    trace.go_to(2)
    assert named(loss, "a").grad == 5.0
    trace.resume()
    assert trace.finished
    for name in ("a", "b", "c", "s", "L"):
        assert named(loss, name).grad == named(plain, name).grad
