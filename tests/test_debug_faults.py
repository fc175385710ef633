"""Breakpoints, anomalies, the place where a node was made, and the health of a network."""

from __future__ import annotations

import gc
import math
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import viz
from tests.holding import held
from tests.running import run_python
from tinygrad_mlp import Value, engine, functional, no_grad, ops
from tinygrad_mlp._recording import PLAIN, current
from tinygrad_mlp.compiler import Program, compile
from tinygrad_mlp.debug import (
    HealthMonitor,
    break_when,
    chain,
    detect_anomaly,
    finite_difference,
    health,
    location_of,
    record_creation,
    trace_backward,
    trace_forward,
    watch,
    worked_example,
)
from tinygrad_mlp.debug._breakpoints import Breakpoint, Step
from tinygrad_mlp.debug.session import Session
from tinygrad_mlp.derivatives import grad
from tinygrad_mlp.engine import topological_order
from tinygrad_mlp.errors import (
    GraphError,
    InvalidArgumentError,
    NonFiniteError,
    NotANumberError,
    ShapeError,
    UnknownNameError,
)
from tinygrad_mlp.functional import Scalar
from tinygrad_mlp.losses import mean_squared_error
from tinygrad_mlp.nn import MLP, Layer, Module
from tinygrad_mlp.training import fit, predict


def node_named(loss: Value, name: str) -> Value:
    return next(node for node in topological_order(loss) if node.label == name)


# Breakpoints


def test_a_breakpoint_stops_the_log_and_resume_goes_on() -> None:
    loss, plain = worked_example(), worked_example()
    trace = trace_backward(loss, breakpoints=[break_when(label="w5")])
    assert trace.hit is not None
    assert trace.names[trace[-1].parent] == "w5"
    assert not trace.finished
    assert node_named(loss, "w1").grad == 0.0
    assert trace.resume() is None
    assert trace.finished
    plain.backward()
    assert node_named(loss, "w1").grad == node_named(plain, "w1").grad


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


class Blocks(Module):
    """A network whose layers are not called layers."""

    def __init__(self) -> None:
        self.blocks = [Layer(1, 2, activation="tanh", rng=0), Layer(2, 1, rng=1)]

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        return self.blocks[1].forward(self.blocks[0].forward(x))


# Anomalies


def log_of_0() -> Value:
    return Value(0.0, label="p").log()


def overflow() -> Value:
    return functional.exp(Value(800.0, label="z"))


def nothing_by_nothing() -> Value:
    return Value(0.0) / Value(0.0)


def by_nothing() -> Value:
    return Value(1.0) / Value(0.0)


def root_of_negative() -> Value:
    return Value(-1.0).sqrt()


def fractional_power() -> Value:
    return Value(-2.0) ** 0.5


def inf_in_a_sum() -> Value:
    return Value(math.inf) - Value(math.inf)


def exp_of_inf() -> Value:
    return functional.exp(Value(math.inf))


def product_too_large() -> Value:
    return Value(1e300) * Value(1e300)


def inf_within_a_dot() -> Value:
    return functional.dot([1e200, -1e200], [1e200, 1e200])


@pytest.mark.parametrize(
    ("function", "parts"),
    [
        (log_of_0, ["log gives -inf in the forward pass", "p = 0.0", "log(0) is -inf"]),
        (overflow, ["exp gives inf", "z = 800.0", "exp overflows above 709.78"]),
        (nothing_by_nothing, ["div gives nan", "0/0 is nan"]),
        (by_nothing, ["div gives inf", "a division by 0"]),
        (root_of_negative, ["sqrt gives nan", "sqrt of a negative number"]),
        (fractional_power, ["pow_number gives nan", "a negative number to a fractional power"]),
        (inf_in_a_sum, ["sub gives nan", "an input is inf already, and inf - inf or 0"]),
        (exp_of_inf, ["exp gives inf", "an input is inf already; look where"]),
        (product_too_large, ["mul gives inf", "the result is larger than 1.8e308"]),
        (
            inf_within_a_dot,
            ["dot gives nan", "on the way are larger than 1.8e308", "inf - inf is nan;"],
        ),
    ],
)
def test_the_first_anomaly_forward(function: Callable[[], Value], parts: list[str]) -> None:
    with pytest.raises(NonFiniteError) as caught, detect_anomaly():
        (function() * 0.0 + 1.0).backward()
    message = str(caught.value)
    for part in parts:
        assert part in message
    line = function.__code__.co_firstlineno + 1
    assert f"{Path(__file__)}:{line} in {function.__name__}" in message


def test_a_masked_branch_of_where_is_told_in_the_backward_pass() -> None:
    x = Value(0.0, label="x")
    with pytest.raises(NonFiniteError) as caught, detect_anomaly():
        functional.where(x > 0.0, functional.sqrt(x), x).backward()
    message = str(caught.value)
    assert "the gradient of x becomes nan in the backward pass of sqrt: 0.0 * inf" in message
    assert "choose the argument first" in message
    assert f"{Path(__file__)}:" in message


@pytest.mark.parametrize(
    "branch",
    [
        functional.log,
        lambda x: 1.0 / x,
        lambda x: (x - 1.0).sqrt(),
        lambda x: x**-0.5,
        lambda x: (x - 1.0) ** 0.5,
        lambda x: functional.log1p(x - 1.0),
    ],
)
def test_a_branch_that_is_not_finite_forward_hears_of_where(
    branch: Callable[[Value], Value],
) -> None:
    x = Value(0.0, label="x")
    with pytest.raises(NonFiniteError, match="inside a where too"), detect_anomaly():
        functional.where(x > 0.0, branch(x), x)


@pytest.mark.parametrize(
    ("branch", "example"),
    [
        (functional.sqrt, "choose the argument first: sqrt(where(x > 0, x, 1.0))"),
        (lambda x: x**0.5, "choose the argument first: where(x > 0, x, 1.0) ** 0.5"),
    ],
)
def test_a_masked_branch_is_told_with_its_own_op(
    branch: Callable[[Value], Value], example: str
) -> None:
    x = Value(0.0, label="x")
    with pytest.raises(NonFiniteError, match=re.escape(example)), detect_anomaly():
        functional.where(x > 0.0, branch(x), x).backward()


def test_a_mask_elsewhere_in_the_graph_is_not_blamed() -> None:
    x, y = Value(0.0, label="x"), Value(-1.0, label="y")
    with pytest.raises(NonFiniteError) as caught, detect_anomaly():
        (0.0 * x.sqrt() + y.relu()).backward()
    assert "keep away from the point where the local derivative is inf" in str(caught.value)
    assert "not chosen" not in str(caught.value)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (functional.sqrt, r"the derivative of sqrt at 0 is inf; add a small number"),
        (lambda x: x**0.5, r"the derivative of x\^0.5 at 0 is inf; add a small number"),
        (lambda x: x ** Value(0.25), r"the derivative of x\^0.25 at 0 is inf"),
    ],
)
def test_an_infinite_derivative_at_0_is_told(
    function: Callable[[Value], Value], message: str
) -> None:
    node = function(Value(0.0))
    with pytest.raises(NonFiniteError, match=message), detect_anomaly():
        node.backward()


def test_a_gradient_that_was_left_in_a_leaf_is_told() -> None:
    x = Value(2.0, label="x")
    x.grad = math.nan
    with pytest.raises(NonFiniteError) as caught, detect_anomaly():
        (x * x).backward()
    assert "the gradient of x was nan before this pass, and leaves add up" in str(caught.value)
    assert "explodes" not in str(caught.value)


def test_without_gradients_the_forward_pass_is_checked_too() -> None:
    with pytest.raises(NonFiniteError) as caught, detect_anomaly(), no_grad():
        log_of_0()
    for part in ("log gives -inf in the forward pass", "p = 0.0", "in log_of_0"):
        assert part in str(caught.value)


def overflowing_model() -> MLP:
    model = MLP(1, [2, 1], rng=0)
    model.layers[0].neurons[1].w[0].data = math.inf
    return model


@pytest.mark.parametrize("n_samples", [3, 100])
def test_a_prediction_with_an_infinite_weight_is_told(n_samples: int) -> None:
    X = np.ones((n_samples, 1))
    with (
        pytest.raises(NonFiniteError, match=r"layers\.0\.neurons\.1\.w\.0 = inf"),
        detect_anomaly(),
    ):
        predict(overflowing_model(), X)


def test_of_many_inputs_the_infinite_one_is_shown() -> None:
    weights = [Value(1.0) for _ in range(20)]
    weights[15] = Value(math.inf, label="w15")
    with pytest.raises(NonFiniteError, match=r"inputs: w15 = inf, 1\.0"), detect_anomaly():
        functional.dot(weights, [1.0] * 20)


def gradient_overflows() -> Value:
    return Value(1e-300, label="x") * 1e200 * 1e200


@pytest.mark.parametrize(
    "differentiate",
    [
        lambda loss: loss.backward(),
        trace_backward,
        lambda loss: grad(loss, [next(x for x in topological_order(loss) if x.label)]),
    ],
)
def test_every_way_to_differentiate_is_checked(
    differentiate: Callable[[Value], object],
) -> None:
    with pytest.raises(NonFiniteError, match="it explodes"), detect_anomaly():
        differentiate(gradient_overflows())
    root = Value(0.0, label="x").log()
    with (
        pytest.raises(NonFiniteError, match="log gives -inf in the forward pass"),
        detect_anomaly(),
    ):
        differentiate(root)


@pytest.mark.parametrize("engine_name", ["auto", "compiled", "eager"])
def test_a_training_that_explodes_is_told_at_the_node(engine_name: str) -> None:
    X, y = np.array([[1.0], [2.0], [3.0]]), np.array([1.0, 0.0, 1.0])
    model = MLP(1, [3, 1], activation="tanh", rng=0)
    with pytest.raises(NonFiniteError) as caught, detect_anomaly():
        fit(model, X, y, epochs=3, learning_rate=1e200, engine=engine_name, log_every=None)
    message = str(caught.value)
    assert ("its batch was computed again eagerly" in message) == (engine_name != "eager")
    assert "gives inf in the forward pass" in message
    assert f"{Path(__file__)}:" in message


def test_a_program_whose_gradient_alone_is_not_finite_is_told() -> None:
    w = Value(0.0, label="w")
    program = compile(lambda x: (w * x).sqrt(), [w], per_sample=True)
    with pytest.raises(NonFiniteError) as caught, detect_anomaly():
        program([1.0, 2.0])
    message = str(caught.value)
    assert "computed again eagerly" in message
    assert "the derivative of sqrt at 0 is inf" in message


def test_a_program_finds_the_node_again_with_the_same_random_numbers() -> None:
    rng = np.random.default_rng(3)
    w = Value(1.0, label="w")

    def loss(x: Value) -> Value:
        return functional.where(functional.uniform(rng) < 0.02, w - 1.0, w * x).log()

    program = compile(loss, [w], per_sample=True)
    with pytest.raises(NonFiniteError, match="log gives -inf"), detect_anomaly():
        any(program([1.0, 2.0]) is None for _ in range(1000))


def test_single_precision_that_ends_sooner_is_told() -> None:
    w = Value(1e30, label="w")
    program = compile(lambda x: w * x, [w], dtype="float32")
    with pytest.raises(NonFiniteError, match=r"float32, which ends at 3\.4e\+38"), detect_anomaly():
        program(1e30)


def test_a_program_without_anomalies_is_left_alone() -> None:
    model, other = MLP(2, [3, 1], rng=0), MLP(2, [3, 1], rng=0)
    X, y = np.random.default_rng(0).normal(size=(20, 2)), np.arange(20.0)
    fit(model, X, y, epochs=3, rng=0, log_every=None)
    with detect_anomaly():
        fit(other, X, y, epochs=3, rng=0, log_every=None)
    assert [p.data for p in model.parameters()] == [p.data for p in other.parameters()]


def test_a_function_can_look_for_anomalies_while_it_is_compiled() -> None:
    w = Value(2.0)

    def loss(x: Value) -> Value:
        with detect_anomaly():
            return w * x

    assert compile(loss, [w])(3.0) == 6.0


def test_a_gradient_that_overflows_is_told() -> None:
    with pytest.raises(NonFiniteError, match="it explodes"), detect_anomaly():
        (Value(1e-300) * 1e200 * 1e200).backward()


def test_without_anomalies_the_bits_are_those_of_backward() -> None:
    model, other = MLP(2, [3, 1], rng=0), MLP(2, [3, 1], rng=0)
    (model([0.5, -1.0]) ** 2).backward()
    with detect_anomaly():
        (other([0.5, -1.0]) ** 2).backward()
    assert [p.grad for p in model.parameters()] == [p.grad for p in other.parameters()]


def test_it_finds_the_fault_in_a_training_with_the_eager_engine() -> None:
    X, y = [[1.0], [2.0]], [0.0, 1.0]

    def loss(outputs: object, targets: object) -> Value:
        assert isinstance(outputs, list)
        return functional.sum([(o * 0.0).log() for o in outputs])

    with pytest.raises(NonFiniteError, match="log gives -inf"), detect_anomaly():
        fit(MLP(1, [1], rng=0), X, y, loss=loss, epochs=1, engine="eager", log_every=None)


def test_off_nothing_is_left_behind() -> None:
    def replaced() -> tuple[object, ...]:
        return (*vars(engine).items(), *vars(Value).items(), *vars(Program).items())

    before = replaced()
    with detect_anomaly():
        assert replaced() == before, "nor is anything replaced within the block"
    with pytest.raises(NonFiniteError), detect_anomaly():
        Value(0.0).log()
    assert replaced() == before
    assert current() is PLAIN
    assert type(Value(1.0) + 1.0) is Value


# Where a node was made


def test_computed_nodes_remember_their_line_and_leaves_while_it_is_on() -> None:
    with record_creation():
        here = sys._getframe().f_lineno
        a = Value(1.0)
        b = a.exp()
        c = functional.dot([a, b], [b, 2.0])
        places = [location_of(node) for node in (a, b, c)]
    assert [place and place.line for place in places] == [here + 1, here + 2, here + 3]
    assert all(place and place.file == __file__ for place in places)
    assert location_of(a) is None
    assert location_of(b) == places[1]


def test_lines_of_the_package_are_skipped() -> None:
    model = MLP(2, [3, 1], rng=0)
    with record_creation():
        here = sys._getframe().f_lineno
        loss = mean_squared_error([model([0.5, 1.0])], [0.0])
        order = topological_order(loss)
    computed = [location_of(node) for node in order if node.parents]
    assert {(place.file, place.line) for place in computed if place} == {(__file__, here + 1)}
    assert None not in computed


def test_a_located_value_is_a_value() -> None:
    with record_creation():
        a = Value(3.0, label="a")
        b = (a * a).tanh()
        assert (a < 5.0, a.item(), b.data) == (True, 3.0, math.tanh(9.0))
        with no_grad():
            free = a * 2.0
        assert free.is_leaf
        assert location_of(free) is not None
    b.backward()
    assert a.grad == (1.0 - b.data**2) * 3.0 * 2.0


def test_no_node_is_kept_alive() -> None:
    with record_creation():
        for _ in range(3):
            (Value(1.0) + 2.0).exp()
        gc.collect()
        alive = [
            x
            for x in gc.get_objects()
            if issubclass(type(x), Value) and x.op and x.op.name == "exp"
        ]
        assert [x for x in alive if x.data == math.exp(3.0)] == []


def test_creation_and_anomaly_go_together() -> None:
    with record_creation(), detect_anomaly():
        node = Value(2.0) * 3.0
    with record_creation():
        place = location_of(node)
    assert place is not None
    assert place.file == __file__


# Health


def loss_of_samples(model: MLP) -> Value:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(8, model.n_inputs)).tolist()
    loss: Value = mean_squared_error([model(x) for x in X], [1.0] * len(X))
    return loss


def test_counts_and_norms_of_a_layer() -> None:
    model = MLP(2, [3, 1], activation="tanh", rng=0)
    report = health(model, loss_of_samples(model), learning_rate=0.1)
    loss_of_samples(model).backward()
    for layer, report_of_layer in zip(model.layers, report.layers, strict=True):
        gradients = [p.grad for p in layer.parameters()]
        weights = [p.data for p in layer.parameters()]
        assert report_of_layer.n_parameters == len(weights)
        assert report_of_layer.gradient_norm == pytest.approx(np.linalg.norm(gradients))
        assert report_of_layer.weight_norm == pytest.approx(np.linalg.norm(weights))
        ratio = 0.1 * np.linalg.norm(gradients) / np.linalg.norm(weights)
        assert report_of_layer.update_ratio == pytest.approx(ratio)
        assert report_of_layer.dead_share is None
    assert report.status == "healthy"


def test_dead_units_are_counted() -> None:
    model = MLP(2, [4, 1], rng=0)
    for neuron in model.layers[0].neurons[:3]:
        neuron.b.data = -100.0
    layer = health(model, loss_of_samples(model)).layers[0]
    assert (layer.n_dead, layer.n_units) == (3, 4)
    assert layer.n_zero == 9
    for neuron in model.layers[0].neurons:
        neuron.b.data = -100.0
    report = health(model, loss_of_samples(model))
    assert report.status == "dead"
    assert "no relu of layers.0 lets anything through" in report.verdict
    assert report.layers[0].dead_share == 1.0


def test_a_unit_that_gives_nan_is_not_dead() -> None:
    model = MLP(1, [2, 1], rng=0)
    for neuron, bias in zip(model.layers[0].neurons, (math.nan, -100.0), strict=True):
        neuron.b.data = bias
    layer = health(model, loss_of_samples(model)).layers[0]
    assert (layer.n_dead, layer.n_units) == (1, 2)


def test_layers_are_told_whatever_their_list_is_called() -> None:
    model = Blocks()
    report = health(model, model([1.0]) ** 2)
    assert [(layer.name, layer.n_parameters) for layer in report.layers] == [
        ("blocks.0", 4),
        ("blocks.1", 3),
    ]
    assert [layer.activation for layer in report.layers] == ["tanh", "relu"]


def test_a_loss_without_the_parameters_gives_no_gradient() -> None:
    model = MLP(1, [2, 1], activation="tanh", rng=0)
    report = health(model, Value(2.0) * 3.0)
    assert report.status == "no gradient"
    assert report.verdict.startswith("no gradient reaches the model")


@pytest.mark.parametrize("blocked", [0, 1])
def test_a_gradient_that_is_0_in_some_layers_only_reaches_the_model(blocked: int) -> None:
    model = MLP(1, [1, 1, 1], activation="tanh", rng=0)
    model.layers[blocked].neurons[0].b.data = 1e3  # tanh is 1 there, and its derivative exactly 0
    report = health(model, (model([1.0]) - 5.0) ** 2)
    without = [layer.n_zero == layer.n_parameters for layer in report.layers]
    assert without == [index <= blocked for index in range(3)]
    assert report.status == "vanishing"


def test_a_loss_that_is_no_value_is_refused() -> None:
    with pytest.raises(NotANumberError, match=r"write health\(model, loss\)"):
        health(MLP(1, [1]), 3.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("activation", "advice"),
    [
        ("sigmoid", "relu instead of sigmoid, or larger first weights, help"),
        ("tanh", "relu instead of tanh, or larger first weights, help"),
        ("leaky_relu", "larger first weights or fewer layers help"),
        ("linear", "larger first weights or fewer layers help"),
    ],
)
def test_the_advice_is_about_the_activation_that_is_used(activation: str, advice: str) -> None:
    model = MLP(2, [4] * 6 + [1], activation=activation, rng=0)
    for parameter in model.parameters():
        parameter.data *= 0.1
    report = health(model, loss_of_samples(model))
    assert report.status == "vanishing"
    assert re.search(r" in layers\.0, \S+ in layers\.6; ", report.verdict)
    assert report.verdict.endswith(advice)


def test_dead_units_of_a_hand_written_sum_are_counted() -> None:
    class Plain:
        def __init__(self) -> None:
            self.w = [Value(-1.0), Value(1.0)]

        def named_parameters(self) -> object:
            return iter([("hidden.w.0", self.w[0]), ("hidden.w.1", self.w[1])])

    model = Plain()
    loss = sum((w * 2.0 + 0.5).relu() for w in model.w)
    assert isinstance(loss, Value)
    layer = health(model, loss).layers[0]  # type: ignore[arg-type]
    assert (layer.n_dead, layer.n_units) == (1, 2)


def test_a_hand_written_network_has_the_same_layers_for_health_and_breakpoints() -> None:
    w = [[Value(0.5) for _ in range(2)] for _ in range(2)]
    v = [Value(0.5), Value(0.5)]
    model = held(w=w, v=v)
    hidden = [functional.dot(row, [1.0, 2.0]).tanh() for row in w]
    loss = functional.dot(v, hidden).square()
    report = health(model, loss)
    assert [layer.name for layer in report.layers] == ["w", "v"]
    for layer in ("w", "v"):
        trace, hits = trace_backward(loss, break_when(layer=layer)), 0
        while trace.hit is not None:
            hits += 1
            assert trace.layers[trace[-1].node] == layer
            trace.resume()
        assert hits > 0


@pytest.mark.parametrize(
    ("activation", "scale", "status"),
    [("sigmoid", 0.1, "vanishing"), ("linear", 1.0, "healthy"), ("linear", 10.0, "exploding")],
)
def test_vanishing_and_exploding_are_told_apart(activation: str, scale: float, status: str) -> None:
    model = MLP(2, [4] * 6 + [1], activation=activation, rng=0)
    for parameter in model.parameters():
        parameter.data *= scale
    report = health(model, loss_of_samples(model))
    assert report.status == status
    assert report.verdict.startswith(f"{status}: ")


def test_gradients_that_grow_towards_the_input_explode() -> None:
    model = MLP(1, [1, 1], activation="linear", init="zeros")
    first, last = (layer.neurons[0] for layer in model.layers)
    first.w[0].data, last.w[0].data = 1e-4, 2.0
    report = health(model, model([1.0]) * 1e-3 + first.w[0] * 100.0)
    assert report.status == "exploding"
    assert "in layers.0" in report.verdict


def test_nan_is_told_with_its_layer() -> None:
    model = MLP(1, [2, 1], activation="tanh", rng=0)
    model.layers[0].neurons[0].b.data = math.nan
    report = health(model, loss_of_samples(model))
    assert report.status == "non-finite"
    assert "detect_anomaly" in report.verdict


def test_whoever_only_looks_leaves_every_gradient(tmp_path: Path) -> None:
    model = MLP(2, [3, 1], rng=0)
    loss = loss_of_samples(model)
    loss.backward()
    model.parameters()[0].grad = 7.0
    order = topological_order(loss)
    before = [node.grad for node in order]
    health(model, loss)
    viz.replay(loss, tmp_path / "replay.html")
    viz.draw(loss, tmp_path / "graph.dot")
    finite_difference(loss, model.parameters()[0])
    assert [node.grad for node in order] == before


def test_a_session_after_backward_ends_with_the_gradients_of_one_backward() -> None:
    once, twice = worked_example(), worked_example()
    once.backward()
    twice.backward()
    session = Session(twice)
    assert not any(node.has_grad for node in session.order)
    session.run()
    pairs = zip(topological_order(once), session.order, strict=True)
    assert all(a.grad == b.grad for a, b in pairs if b.op is not ops.CONSTANT)


def test_the_gradients_that_stood_there_come_back() -> None:
    model = MLP(2, [3, 1], rng=0)
    parameters = model.parameters()
    parameters[0].grad = 7.0
    health(model, loss_of_samples(model))
    assert parameters[0].grad == 7.0
    assert not parameters[1].has_grad


@pytest.mark.parametrize("engine_name", ["eager", "compiled"])
def test_the_monitor_follows_a_training_without_changing_it(engine_name: str) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 2)), rng.normal(size=20)
    watched, plain = MLP(2, [3, 1], rng=0), MLP(2, [3, 1], rng=0)
    monitor = HealthMonitor(loss_of_samples, every=2)
    settings = {"epochs": 6, "log_every": None, "engine": engine_name, "rng": 1, "batch_size": 5}
    fit(watched, X, y, callbacks=[monitor], **settings)  # type: ignore[arg-type]
    fit(plain, X, y, **settings)  # type: ignore[arg-type]
    assert [p.data for p in watched.parameters()] == [p.data for p in plain.parameters()]
    assert monitor.epochs == [2, 4, 6]
    ratios = [report.layers[0].update_ratio for report in monitor.reports]
    assert all(ratio is not None and 0.0 < ratio < 1.0 for ratio in ratios)


def test_the_monitor_can_end_a_training() -> None:
    model = MLP(1, [2, 1], activation="tanh", rng=0)
    monitor = HealthMonitor(loss_of_samples, stop_when=("healthy",))
    history = fit(model, [[0.0], [1.0]], [0.0, 1.0], epochs=5, callbacks=[monitor], log_every=None)
    assert history.n_epochs == 1


def test_the_statuses_that_end_a_training_are_checked() -> None:
    with pytest.raises(UnknownNameError, match="unknown status 'explodng'; known: dead, exploding"):
        HealthMonitor(loss_of_samples, stop_when=("explodng",))
    assert HealthMonitor(loss_of_samples, stop_when="exploding").stop_when == ("exploding",)


def test_the_first_epoch_has_no_ratio_and_the_second_has() -> None:
    monitor = HealthMonitor(loss_of_samples)
    model = MLP(1, [2, 1], activation="tanh", rng=0)
    fit(model, [[0.0], [1.0]], [0.0, 1.0], epochs=2, callbacks=[monitor], log_every=None)
    ratios = [report.layers[0].update_ratio for report in monitor.reports]
    assert ratios[0] is None
    assert ratios[1] is not None


# The steps of a compiled program


def test_a_program_gives_its_loss_as_a_graph_to_look_into() -> None:
    model = MLP(2, [3, 1], activation="tanh", rng=0)
    X, y = np.random.default_rng(0).normal(size=(4, 2)), np.arange(4.0)

    def sample_loss(x: list[Value], target: Value) -> Value:
        (output,) = model.forward(x)
        return (output - target) ** 2

    program = compile(sample_loss, model.parameters(), per_sample=True)
    program.parameters *= 0.5
    compiled = program(X, y)
    model.parameters()[0].grad = 7.0
    with record_creation():
        loss = program.eager(X, y)
        places = [location_of(node) for node in topological_order(loss) if node.parents]
    trace = trace_backward(loss, break_when(op="tanh"))
    while trace.resume():
        pass
    assert loss.data == pytest.approx(compiled, rel=1e-12)
    gradients_of_it = [parameter.grad for parameter in model.parameters()]
    np.testing.assert_allclose(gradients_of_it, program.gradients, rtol=1e-12)
    assert "sample_loss" in {place.function.rpartition(".")[2] for place in places if place}
    assert health(model, program.eager(X, y)).status == "healthy"


def test_the_graph_of_a_program_is_as_its_call() -> None:
    w = Value(2.0)
    whole = compile(lambda xs: (functional.sum(xs) * w, xs), [w], has_auxiliary=True)
    assert whole.eager([1.0, 2.0]).data == whole([1.0, 2.0])
    total = compile(lambda x: x * w, [w], per_sample=True, reduction="sum")
    assert total.eager([1.0, 2.0]).data == total([1.0, 2.0])
    predict_only = compile(lambda x: [x * w, x], per_sample=True)
    rows = predict_only.eager([1.0, 2.0])
    assert [[value.data for value in row] for row in rows] == predict_only([1.0, 2.0]).tolist()
    with pytest.raises(ShapeError, match="the same number for all"):
        compile(lambda x, y: x * y * w, [w], per_sample=True).eager([1.0], [1.0, 2.0])


@pytest.mark.parametrize("loss_of", [MLP(1, [1]), 3.0, Value(1.0), ""])
def test_a_monitor_needs_a_function_of_the_model(loss_of: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"HealthMonitor\(lambda model: mean_sq"):
        HealthMonitor(loss_of)
