"""Breakpoints, anomalies, the place where a node was made, and the health of a network."""

from __future__ import annotations

import gc
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.running import run_python
from tinygrad_mlp import Value, engine, functional, no_grad
from tinygrad_mlp.debug import (
    HealthMonitor,
    break_when,
    detect_anomaly,
    health,
    location_of,
    record_creation,
    trace_backward,
    trace_forward,
    watch,
    worked_example,
)
from tinygrad_mlp.debug.breakpoints import Step
from tinygrad_mlp.engine import topological_order
from tinygrad_mlp.errors import InvalidArgumentError, NonFiniteError
from tinygrad_mlp.losses import mean_squared_error
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import fit


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
        assert a.grad == b.grad


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
    bad = Value(math.inf, label="bad") * 0.0
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
    assert "BackwardTrace(36 steps, 31 nodes)" in printed


def test_a_breakpoint_without_a_condition_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="break_when got no condition"):
        break_when()


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


def product_too_large() -> Value:
    return Value(1e300) * Value(1e300)


@pytest.mark.parametrize(
    ("function", "parts"),
    [
        (log_of_0, ["log gives -inf in the forward pass", "p = 0.0", "log(0) is -inf"]),
        (overflow, ["exp gives inf", "z = 800.0", "exp overflows above 709.78"]),
        (nothing_by_nothing, ["div gives nan", "0/0 is nan"]),
        (by_nothing, ["div gives inf", "a division by 0"]),
        (root_of_negative, ["sqrt gives nan", "sqrt of a negative number"]),
        (fractional_power, ["pow_number gives nan", "a negative number to a fractional power"]),
        (inf_in_a_sum, ["sub gives nan", "an input is inf already"]),
        (product_too_large, ["mul gives inf", "larger than 1.8e308"]),
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


def test_the_derivative_of_sqrt_at_0_is_told() -> None:
    with (
        pytest.raises(NonFiniteError, match="the derivative of sqrt at 0 is inf"),
        detect_anomaly(),
    ):
        Value(0.0).sqrt().backward()


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
    makers = (engine._unary, engine._binary, engine._any_arity, engine._compare, engine._recorder)
    backward = Value.backward
    with pytest.raises(NonFiniteError), detect_anomaly():
        Value(0.0).log()
    after = (engine._unary, engine._binary, engine._any_arity, engine._compare, engine._recorder)
    assert after == makers
    assert Value.backward is backward
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
        assert (a < 5.0, float(a), b.data) == (True, 3.0, math.tanh(9.0))
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
    assert report.status in ("dead", "vanishing")
    assert report.layers[0].dead_share == 1.0


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
