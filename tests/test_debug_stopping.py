"""Breakpoints in a log: where it stops, goes on, and what is refused when it starts."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.debugging import Blocks, named
from tests.running import run_python
from tinygrad_mlp import Value, ops
from tinygrad_mlp.debug import (
    HealthMonitor,
    break_when,
    chain,
    trace_backward,
    trace_forward,
    watch,
    worked_example,
)
from tinygrad_mlp.debug._breakpoints import Breakpoint
from tinygrad_mlp.debug._trace import Step
from tinygrad_mlp.engine import topological_order
from tinygrad_mlp.errors import (
    GraphError,
    InvalidArgumentError,
    UnknownNameError,
)
from tinygrad_mlp.nn import MLP


def test_a_breakpoint_stops_the_log_and_resume_goes_on() -> None:
    loss, plain = worked_example(), worked_example()
    trace = trace_backward(loss, breakpoints=[break_when(label="w5")])
    assert trace.hit is not None
    assert trace.names[trace[-1].parent] == "w5"
    assert not trace.finished
    assert named(loss, "w1").grad == 0.0
    assert trace.resume() is None
    assert trace.finished
    plain.backward()
    assert named(loss, "w1").grad == named(plain, "w1").grad


def test_resume_after_going_back_continues_with_the_right_gradients() -> None:
    loss, plain = worked_example(), worked_example()
    trace = trace_backward(loss, breakpoints=[break_when(label="w5")])
    trace.go_to(3)
    trace.resume()
    plain.backward()
    for a, b in zip(topological_order(loss), topological_order(plain), strict=True):
        assert a.op is ops.CONSTANT or a.grad == b.grad


def large_contribution(step: Step) -> bool:
    return getattr(step, "contribution", 0.0) > 0.7


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        ({"label": "net_o1"}, "at net_o1"),
        ({"op": "sigmoid"}, "in sigmoid (out_o2)"),
        ({"op": "w·x+b"}, "in w·x+b (net_o2)"),
        ({"grad_above": 1.0}, None),
        ({"grad_above": 0.73}, "the gradient of E_o1 is 1, above 0.73"),
        ({"label": "out_h1", "grad_above": 0.03}, "at out_h1, the gradient of out_h1 is 0.0364"),
        ({"when": large_contribution}, "large_contribution(step) holds"),
        ({"non_finite": True}, None),
        ({"dead_relu": True}, None),
    ],
)
def test_conditions(conditions: dict[str, object], reason: str | None) -> None:
    point = break_when(**conditions)  # type: ignore[arg-type]
    hit = trace_backward(worked_example(), breakpoints=[point]).hit
    if reason is None:
        assert hit is None
    else:
        assert hit is not None
        assert hit.reason.startswith(reason)


def test_a_breakpoint_on_a_layer() -> None:
    model = MLP(2, [3, 1], activation="tanh", rng=0)
    trace = trace_backward(model([0.5, -1.0]) ** 2, breakpoints=[break_when(layer=0)])
    assert trace.hit is not None
    assert trace[-1].node.op is not None
    assert trace[-1].node.op.name == "tanh"


def test_a_relu_that_is_off_and_a_nan_are_found_in_both_passes() -> None:
    a = Value(-1.0, label="a")
    off = break_when(dead_relu=True)
    assert [off.check(step) is not None for step in trace_forward(a.relu() * 2.0)] == [True, False]
    bad = Value(math.inf, label="bad") * Value(0.0)
    finite = break_when(non_finite=True)
    assert finite.check(trace_forward(bad)[0]) is not None
    assert trace_backward(bad, breakpoints=[finite]).hit is not None


def test_watching_a_node_stops_at_each_of_its_changes() -> None:
    a = Value(2.0, label="a")
    trace = trace_backward(a * a * a, breakpoints=[watch(a)])
    changes = []
    while trace.hit is not None:
        changes.append(trace[-1].grad_after)
        trace.resume()
    assert changes == [4.0, 8.0, 12.0]


def test_on_hit_is_called_in_a_frame_that_has_the_step() -> None:
    seen = []

    def stop() -> None:
        seen.append(sys._getframe(1).f_locals["step"].equation())

    trace = trace_backward(worked_example(), breakpoints=[break_when(label="w5", on_hit=stop)])
    assert trace.finished
    assert seen == ["dL/dw5 += dL/dnet_o1 * dnet_o1/dw5 = 0.1385 * 0.5933 = 0.0822"]


def test_on_hit_breakpoint_drops_into_the_debugger(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import io, pdb, sys\n"
        "from tinygrad_mlp.debug import break_when, trace_backward, worked_example\n"
        "commands = io.StringIO('p step.equation()\\nc\\n')\n"
        "debugger = pdb.Pdb(stdin=commands, stdout=sys.stdout)\n"
        "sys.breakpointhook = lambda: debugger.set_trace(sys._getframe(1))\n"
        "points = [break_when(label='w5', on_hit=breakpoint)]\n"
        "print(trace_backward(worked_example(), breakpoints=points))\n"
    )
    printed = run_python("-W", "error", script, folder=tmp_path)
    assert "'dL/dw5 += dL/dnet_o1 * dnet_o1/dw5 = 0.1385 * 0.5933 = 0.0822'" in printed
    assert "BackwardTrace(34 steps, 31 nodes)" in printed


def test_a_breakpoint_without_a_condition_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="break_when got no condition"):
        break_when()


def test_a_label_stops_once_where_the_node_is_complete() -> None:
    loss = worked_example()
    trace = trace_backward(loss, break_when(label="out_h1"))
    assert str(trace[-1]).endswith("together 0.0364")
    assert trace.resume() is None
    forward = trace_forward(loss, break_when(label="net_o1"))
    assert forward[-1].node.label == "net_o1"
    assert forward.resume() is None
    assert forward.finished


def test_the_output_is_complete_at_the_first_step() -> None:
    trace = trace_backward(worked_example(), break_when(label="L"))
    assert len(trace) == 1
    assert trace.resume() is None


def test_a_forward_log_stops_too() -> None:
    loss = (Value(-1.0, label="a").relu() * Value(math.inf)).exp()
    for point, length, reason in (
        (break_when(dead_relu=True), 1, "relu v2 is off (its input is -1)"),
        (break_when(non_finite=True), 2, "v3 is nan"),
        (break_when(when=has_nan_output), 2, "has_nan_output(step) holds"),
        (watch(loss), 3, "v4 changes"),
    ):
        trace = trace_forward(loss, [point])
        assert (len(trace), trace.hit and trace.hit.reason) == (length, reason)
    trace = trace_forward(loss, [break_when(dead_relu=True), watch(loss)])
    hit = trace.resume()
    assert hit is trace.hit
    assert (len(trace), hit and hit.reason) == (3, "v4 changes")
    assert trace.resume() is trace.hit is None
    stopped = trace_forward(loss, break_when(op="relu"))
    assert repr(stopped) == "ForwardTrace(1 steps, 5 nodes, stopped at step 0)"
    with pytest.raises(IndexError):
        stopped[1]


def has_nan_output(step: Step) -> bool:
    return math.isnan(getattr(step, "output", 0.0))


@pytest.mark.parametrize("trace", [trace_backward, trace_forward])
@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"label": "net_o3"}, "unknown label 'net_o3'; known: net_h1, net_h2, net_o1, net_o2"),
        ({"layer": 0}, r"unknown layer 0; known: \(none\)"),
        ({"layer": "hidden"}, "unknown layer 'hidden'"),
    ],
)
def test_what_the_graph_does_not_have_is_refused_when_the_trace_starts(
    trace: Callable[[Value, Breakpoint], object], conditions: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnknownNameError, match=message):
        trace(worked_example(), break_when(**conditions))


def test_breakpoints_that_can_never_hold_are_refused() -> None:
    with pytest.raises(
        UnknownNameError, match="unknown operation 'tanhh'; known: arctan, tan, tanh"
    ):
        break_when(op="tanhh")
    with pytest.raises(GraphError, match="the loss was not computed from it"):
        trace_backward(worked_example(), watch(Value(1.0)))
    with pytest.raises(InvalidArgumentError, match="a forward pass has none"):
        trace_forward(worked_example(), break_when(grad_above=1.0))


def test_a_layer_is_named_by_its_path_or_its_number() -> None:
    loss = Blocks()([1.0])
    hits = [trace_backward(loss, break_when(layer=layer)).hit for layer in (0, "blocks.0")]
    assert [hit and hit.reason for hit in hits] == ["in layer 0 (v11)", "in layer blocks.0 (v11)"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: break_when(grad_above="a"), "grad_above is 'a', but a number is needed"),  # type: ignore[arg-type]
        (lambda: break_when(grad_above=math.nan), "grad_above is nan, but a number is needed"),
        (lambda: HealthMonitor(len, every="a"), "every is 'a', but a whole number"),  # type: ignore[arg-type]
        (lambda: HealthMonitor(len, every=0), "every is 0, but a whole number of at least 1"),  # type: ignore[arg-type]
        (lambda: chain(worked_example(), Value(1.0), max_paths=0), "max_paths is 0, but a whole"),
    ],
)
def test_numbers_that_cannot_be_used_are_refused_with_their_name(
    wrong: Callable[[], object], message: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        wrong()
