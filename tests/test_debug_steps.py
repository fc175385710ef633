"""The step log: the same bits as ``backward``, equations with names and numbers, both ways."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.debugging import bits, network_loss, random_graph
from tests.memory import assert_takes_less
from tinygrad_mlp import Value, functional, ops
from tinygrad_mlp.debug import (
    break_when,
    chain,
    layers_of,
    names_of,
    recompute,
    trace_backward,
    trace_forward,
    worked_example,
)
from tinygrad_mlp.debug.worked_example import LEARNING_RATE, PUBLISHED
from tinygrad_mlp.engine import as_value, topological_order
from tinygrad_mlp.errors import (
    InvalidArgumentError,
    UnknownNameError,
)


@given(seed=st.integers(0, 10_000), size=st.integers(0, 30), constants=st.booleans())
def test_tracing_gives_the_bits_of_backward(seed: int, size: int, constants: bool) -> None:
    plain, traced = random_graph(seed, size), random_graph(seed, size)
    plain.backward()
    trace_backward(traced, constants=constants)
    for a, b in zip(topological_order(plain), topological_order(traced), strict=True):
        if constants or b.op is not ops.CONSTANT:
            assert bits(a.grad) == bits(b.grad)
            assert a.has_grad == b.has_grad


def test_no_step_leads_to_a_plain_number_unless_that_is_wanted() -> None:
    x = Value(3.0, label="x")
    loss = 0.5 * x**2
    trace = trace_backward(loss)
    assert [trace.names[step.parent] for step in trace] == ["v3", "x"]
    assert [node.has_grad for node in trace.order if node.op is ops.CONSTANT] == [False, False]
    everything = trace_backward(loss, constants=True)
    assert [everything.names[step.parent] for step in everything] == ["v0", "v3", "x", "v2"]
    assert [s.equation() for s in everything if s.parent is x] == [trace[1].equation()]


def test_a_plain_number_with_a_label_has_steps() -> None:
    half = as_value(0.5)
    half.label = "half"
    trace = trace_backward(half * Value(3.0, label="x"))
    assert [trace.names[step.parent] for step in trace] == ["half", "x"]


@pytest.mark.parametrize("accumulate", [False, True])
def test_a_trace_after_backward_starts_afresh_unless_it_is_to_add(accumulate: bool) -> None:
    a = Value(3.0)
    b = a * a
    loss = b * 1.0
    loss.backward()
    trace = trace_backward(loss, accumulate=accumulate)
    number = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    for _ in range(1 + accumulate):
        (number * number).backward()
    assert number.grad is not None
    assert (a.grad, b.grad) == (number.grad.item(), 1.0)
    assert [step.grad_before for step in trace if step.parent is a] == [
        a.grad - 6.0,
        a.grad - 3.0,
    ]
    trace.go_to(0)
    assert (a.grad, a.has_grad) == ((6.0, True) if accumulate else (0.0, False))


def test_a_second_trace_of_a_leaf_gives_1_again() -> None:
    a = Value(3.0)
    for expected, accumulate in ((1.0, False), (1.0, False), (2.0, True)):
        trace_backward(a, accumulate=accumulate)
        assert a.grad == expected


@pytest.mark.parametrize("accumulate", [False, True])
def test_where_nothing_flows_the_gradient_is_0_and_no_step_leads_there(accumulate: bool) -> None:
    x, y = Value(4.0, label="x"), Value(3.0, label="y")
    condition = x.sqrt().exp()
    out = functional.where(condition, y, y * 2.0)
    nodes = topological_order(out)
    variables = [node for node in nodes if node.op is not ops.CONSTANT]

    def state() -> list[tuple[float, bool]]:
        return [(node.grad, node.has_grad) for node in variables]

    out.backward()
    expected = state()
    theirs = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    torch.where(torch.tensor(True), theirs, theirs * 2.0).backward()
    assert theirs.grad is not None
    assert (x.grad, x.has_grad, y.grad) == (0.0, True, theirs.grad.item())
    for leaf in (x, y):
        leaf.zero_grad()
    trace = trace_backward(out, accumulate=accumulate)
    assert state() == expected
    assert [step.parent for step in trace] == [y, out.parents[2], y]
    trace.go_to(0)
    assert not any(node.has_grad for node in variables if node is not out)
    trace.go_to(len(trace))
    assert state() == expected


def test_a_leaf_that_only_decides_has_the_gradient_0_though_there_is_no_step() -> None:
    x = Value(4.0)
    trace = trace_backward(functional.where(x.sqrt(), 1.0, 2.0))
    assert (len(trace), x.grad, x.has_grad) == (0, 0.0, True)


def test_no_step_and_no_path_leads_through_what_only_decides() -> None:
    x = Value(4.0, label="x")
    condition = x.sqrt()
    out = functional.where(condition, x * 2.0, x)
    trace = trace_backward(out)
    assert condition not in [step.parent for step in trace]
    assert all(condition not in path.nodes for path in chain(out, x).paths)
    assert sum(step.contribution for step in trace if step.parent is x) == chain(out, x).total


def test_a_trace_that_is_refused_leaves_the_gradients() -> None:
    a = Value(3.0)
    loss = a * a
    loss.backward()
    with pytest.raises(UnknownNameError):
        trace_backward(loss, break_when(label="b"))
    assert a.grad == 6.0


def test_tracing_a_leaf_gives_no_steps_and_the_gradient_1() -> None:
    a = Value(2.0)
    assert len(trace_backward(a)) == 0
    assert a.grad == 1.0


def test_each_step_says_what_flowed() -> None:
    _, loss = network_loss()
    trace = trace_backward(loss)
    received: dict[Value, float] = {}
    for index, step in enumerate(trace):
        assert step.index == index
        assert step.node.parents[step.position] is step.parent
        assert step.partial == step.node.partials[step.position]
        assert step.upstream == step.node.grad
        assert bits(step.contribution) == bits(step.upstream * step.partial)
        assert bits(step.grad_before) == bits(received.get(step.parent, 0.0))
        assert bits(step.grad_after) == bits(step.grad_before + step.contribution)
        received[step.parent] = step.grad_after
    assert all(bits(node.grad) == bits(grad) for node, grad in received.items())


def test_a_trace_keeps_its_numbers_when_the_graph_changes() -> None:
    a = Value(3.0, label="a")
    loss = a * a
    trace = trace_backward(loss)
    before = [step.equation() for step in trace]
    a.data = 7.0
    recompute(loss)
    loss.backward()
    assert [step.equation() for step in trace] == before


@pytest.mark.parametrize("trace_of", [trace_backward, trace_forward])
@pytest.mark.parametrize("beyond", [0, 90])
def test_a_step_that_is_not_there_is_refused(trace_of: Callable[[Value], Any], beyond: int) -> None:
    trace = trace_of(Value(1.0) * Value(2.0) + Value(3.0))
    n_steps = len(trace)
    assert trace[-n_steps].index == 0
    for index in (n_steps + beyond, -n_steps - 1 - beyond):
        with pytest.raises(IndexError, match=f"no step {index}; the trace has {n_steps} steps"):
            trace[index]


@pytest.mark.parametrize("trace_of", [trace_backward, trace_forward])
def test_slices_are_lists_of_steps(trace_of: Callable[[Value], Any]) -> None:
    trace = trace_of(worked_example())
    places = list(range(len(trace)))
    for part in (slice(5, 11, 2), slice(-3, None), slice(None, None, -1), slice(7, 7)):
        assert [step.index for step in trace[part]] == places[part]
    assert trace[-1].index == len(trace) - 1


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_worked_example_has_its_published_values(name: str) -> None:
    loss = worked_example()
    loss.backward()
    node = next(node for node in topological_order(loss) if node.label == name)
    data, grad = PUBLISHED[name]
    assert node.data == pytest.approx(data, abs=6e-10)
    if grad is not None:
        assert node.grad == pytest.approx(grad, abs=6e-10)


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("w1", 0.149780716),
        ("w2", 0.19956143),
        ("w3", 0.24975114),
        ("w4", 0.29950229),
        ("w5", 0.35891648),
        ("w6", 0.408666186),
        ("w7", 0.511301270),
        ("w8", 0.561370121),
    ],
)
def test_a_gradient_step_gives_the_published_weights(name: str, published: float) -> None:
    loss = worked_example()
    loss.backward()
    node = next(node for node in topological_order(loss) if node.label == name)
    assert node.data - LEARNING_RATE * node.grad == pytest.approx(published, abs=6e-9)


def test_a_step_is_written_as_in_a_textbook() -> None:
    trace = trace_backward(worked_example())
    equations = [step.equation() for step in trace]
    assert "dL/dw5 += dL/dnet_o1 * dnet_o1/dw5 = 0.1385 * 0.5933 = 0.0822" in equations


def test_a_step_that_adds_to_others_says_the_sum() -> None:
    step = next(s for s in trace_backward(worked_example()) if s.index == 19)
    assert str(step) == (
        "dL/dout_h1 += dL/dnet_o1 * dnet_o1/dout_h1 = 0.1385 * 0.4 = 0.0554, together 0.0364"
    )


def test_a_forward_step_is_written_with_names_and_numbers() -> None:
    trace = trace_forward(worked_example())
    assert trace[0].equation() == (
        "net_h1 = w1 * i1 + w2 * i2 + b1 = 0.15 * 0.05 + 0.2 * 0.1 + 0.35 = 0.3775"
    )
    assert trace[-1].equation() == "L = E_o1 + E_o2 = 0.2748 + 0.0236 = 0.2984"


def test_forward_steps_hold_inputs_and_outputs() -> None:
    _, loss = network_loss()
    trace = trace_forward(loss)
    assert len(trace) == sum(1 for node in trace.order if node.parents)
    for step in trace:
        assert step.inputs == tuple(parent.data for parent in step.node.parents)
        assert step.output == step.node.data


def test_a_dot_expands_into_its_products() -> None:
    loss = worked_example()
    step = next(s for s in trace_backward(loss) if s.trace.names[s.parent] == "w6")
    assert step.expanded() == (
        "p2 = w6 * out_h2: dL/dp2 = dL/dnet_o1 * dnet_o1/dp2 = 0.1385 * 1 = 0.1385",
        "dL/dw6 += dL/dp2 * dp2/dw6 = 0.1385 * 0.5969 = 0.0827",
    )
    later = trace_backward(loss)[19]
    assert later.expanded()[-1] == (
        "dL/dout_h1 += dL/dp1 * dp1/dout_h1 = 0.1385 * 0.4 = 0.0554, together 0.0364"
    )
    assert trace_forward(loss)[0].expanded()[-1] == (
        "net_h1 = p1 + p2 + b1 = 0.0075 + 0.02 + 0.35 = 0.3775"
    )


def test_the_bias_of_a_dot_and_other_ops_do_not_expand() -> None:
    trace = trace_backward(worked_example())
    for step in trace:
        if step.trace.names[step.parent] in ("b2", "E_o1"):
            assert step.expanded() == (str(step),)


def test_going_back_restores_every_gradient_exactly() -> None:
    _, loss = network_loss(seed=3)
    leaf = next(node for node in topological_order(loss) if node.is_leaf)
    leaf.grad = 0.1  # an old gradient, to which 0.2 - 0.2 would not lead back
    states = []
    trace = trace_backward(loss)
    for position in range(len(trace) + 1):
        trace.go_to(position)
        states.append([(bits(node.grad), node.has_grad) for node in trace.order])
    for position in reversed(range(len(trace) + 1)):
        trace.go_to(position)
        assert [(bits(n.grad), n.has_grad) for n in trace.order] == states[position]
    assert leaf.grad == 0.1
    trace.go_to(len(trace))
    assert [(bits(n.grad), n.has_grad) for n in trace.order] == states[-1]


def test_old_values_come_back_where_subtracting_would_lose_them() -> None:
    a = Value(1e-20, label="a")
    loss = a * 1e-20 + a * 1e20
    trace = trace_backward(loss)
    before = [step.grad_before for step in trace if step.parent is a]
    assert before[1] - before[0] != 0.0
    for step in reversed(trace):
        trace.go_to(step.index)
        assert bits(step.parent.grad) == bits(step.grad_before)


def test_a_position_outside_of_the_trace_is_refused() -> None:
    trace = trace_backward(Value(1.0) * 2.0)
    with pytest.raises(InvalidArgumentError, match="position is 2, but the trace has 1 steps"):
        trace.go_to(2)


def test_names_are_unique_and_stand_on_one_line() -> None:
    a, b, c = Value(1.0, label="x"), Value(1.0, label="x"), Value(1.0, label="two\nlines")
    names = names_of(topological_order(a + b + c + Value(2.0, label="v0")))
    assert len(set(names.values())) == len(names)
    assert names[c] == "two\\nlines"
    assert {names[a], names[b]} == {"x", "x#2"}


def test_layers_are_told_by_the_parameters() -> None:
    model, loss = network_loss()
    layers = layers_of(topological_order(loss))
    assert {layers[p] for p in model.layers[1].parameters()} == {"layers.1"}
    dots = [node for node in layers if node.op is not None and node.op.name == "dot"]
    assert [layers[node] for node in dots].count("layers.0") == 4 * 3


def test_of_two_equal_labels_the_one_that_is_used_first_keeps_its_name() -> None:
    first, second = Value(1.0, label="x"), Value(2.0, label="x")
    names = names_of(topological_order((first * 3.0).tanh() + second))
    assert (names[first], names[second]) == ("x", "x#2")


@pytest.mark.parametrize(
    ("function", "formula"),
    [
        (functional.relu, "v1 = max(x, 0) = max(-1.2589, 0) = 0"),
        (functional.exp, "v1 = exp(x) = exp(-1.2589) = 0.284"),
        (abs, "v1 = |x| = |-1.2589| = 1.2589"),
        (functional.log1p, "v1 = log(1 + x) = log(1 + (-1.2589)) = nan"),
        (functional.square, "v1 = x^2 = (-1.2589)^2 = 1.5848"),
        (operator.neg, "v1 = -x = -(-1.2589) = 1.2589"),
    ],
)
def test_negative_numbers_stand_in_brackets_where_they_need_them(
    function: Callable[[Value], Value], formula: str
) -> None:
    assert trace_forward(function(Value(-1.2589, label="x")))[0].equation() == formula


def test_brackets_stand_around_negative_numbers_beside_arithmetic_alone() -> None:
    a, b = Value(-0.66, label="a"), Value(-2.0, label="b")
    assert (
        trace_forward(functional.where(1.0, a, b))[0].equation()
        == "v3 = a if 1 else b = -0.66 if 1 else -2 = -0.66"
    )
    assert (
        trace_forward(functional.leaky_relu(a, b))[0].equation()
        == "v2 = a if a > 0 else b * a = -0.66 if -0.66 > 0 else (-2) * (-0.66) = 1.32"
    )


def test_a_step_takes_the_memory_that_is_stated() -> None:
    n_steps = 20_000  # the memory grows in proportion: a million steps take 50 times as much
    node = Value(1.0)
    for _ in range(n_steps):
        node = node.tanh()
    gradients = n_steps * 24  # the new gradients in the graph are not the log's
    log = n_steps * (8 + 40 + 4)  # a step, its node, and 4 for slack
    assert_takes_less(lambda: trace_backward(node), kept=gradients + log)
    trace = trace_backward(node)
    assert len(trace) == n_steps
    assert math.isfinite(trace[-1].grad_after)
