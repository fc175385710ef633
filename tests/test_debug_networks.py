"""Looking into networks: where nodes were made, their health, the graph of a program."""

from __future__ import annotations

import gc
import math
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import viz
from tests.debugging import Blocks, loss_of_samples
from tests.holding import held
from tinygrad_mlp import Value, functional, no_grad, ops
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.debug import (
    HealthMonitor,
    break_when,
    detect_anomaly,
    finite_difference,
    health,
    location_of,
    record_creation,
    trace_backward,
    worked_example,
)
from tinygrad_mlp.debug.session import Session
from tinygrad_mlp.engine import topological_order
from tinygrad_mlp.errors import (
    InvalidArgumentError,
    NotANumberError,
    ShapeError,
    UnknownNameError,
)
from tinygrad_mlp.losses import mean_squared_error
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import fit


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
            (Value(1.03125) + 2.0).exp()  # no other test has that number
        gc.collect()
        alive = [
            x
            for x in gc.get_objects()
            if type(x) is Value and x.op and x.op.name == "exp"  # a recorded one has no number
        ]
        assert [x for x in alive if x.data == math.exp(3.03125)] == []


def test_creation_and_anomaly_go_together() -> None:
    with record_creation(), detect_anomaly():
        node = Value(2.0) * 3.0
    with record_creation():
        place = location_of(node)
    assert place is not None
    assert place.file == __file__


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
