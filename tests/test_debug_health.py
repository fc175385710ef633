"""The report on a network case by case: its counts, its status, its table; and the monitor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import inf, nan
from typing import Any

import numpy as np
import pytest
import torch

from tinygrad_mlp import Value, compile, functional
from tinygrad_mlp.debug import HealthMonitor, HealthReport, LayerHealth, health
from tinygrad_mlp.debug._health import STATUSES, parameter_behind
from tinygrad_mlp.errors import InvalidArgumentError, UnknownNameError
from tinygrad_mlp.nn import MLP, BatchNorm, Layer, Sequential
from tinygrad_mlp.training import fit


class Parameters:
    """A model that is nothing but its parameters, by name."""

    def __init__(self, **numbers: float) -> None:
        names = [name.replace("__", ".") for name in numbers]
        values = numbers.values()
        self.by_name = {name: Value(x, label=name) for name, x in zip(names, values)}

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        return iter(self.by_name.items())


def layer(**facts: Any) -> LayerHealth:
    """A healthy layer of 4 parameters, but for what is given."""
    usual: dict[str, Any] = {
        "name": "layers.0",
        "n_parameters": 4,
        "n_nan": 0,
        "n_inf": 0,
        "n_zero": 0,
        "activation": "",
        "n_units": 0,
        "n_dead": 0,
        "gradient_norm": 2.0,
        "weight_norm": 1.0,
        "update_ratio": None,
    }
    return LayerHealth(**{**usual, **facts})


# Status and verdict

HEALTHY = "healthy: the gradients are finite and of similar size in all layers"
NO_GRADIENT = (
    "no gradient reaches the model: all of them are 0; the loss does not depend on its "
    "parameters, or is flat here"
)
WITHOUT = (
    "no gradient reaches layers.9: all of its gradients are 0; the loss does not depend on its "
    "parameters, or is flat in them here"
)
CLIP = "smaller first weights, clip_norm or a smaller learning rate help"


def last(**facts: Any) -> LayerHealth:
    return layer(**{"name": "layers.9", **facts})


@pytest.mark.parametrize(
    ("layers", "verdict"),
    [
        ([], HEALTHY),
        ([layer()], HEALTHY),
        ([layer(), last()], HEALTHY),
        (
            [layer(), last(n_nan=3)],
            "non-finite: layers.9 has 3 nan and 0 inf among its gradients; detect_anomaly() says "
            "where the first one comes from",
        ),
        (
            [layer(n_inf=2), last(n_nan=3)],
            "non-finite: layers.0 has 0 nan and 2 inf among its gradients; detect_anomaly() says "
            "where the first one comes from",
        ),
        (
            [layer(n_units=3, n_dead=2), last(n_units=2, n_dead=2, gradient_norm=0.0, n_zero=4)],
            "dead: no relu of layers.9 lets anything through; a smaller learning rate, "
            "leaky_relu, or other first weights help",
        ),
        ([layer(n_units=3, n_dead=2), last(n_zero=3)], HEALTHY),
        ([layer(n_zero=4, gradient_norm=0.0)], NO_GRADIENT),
        ([layer(n_zero=4), last(n_zero=4)], NO_GRADIENT),
        # Exactly a thousand times is not yet too much, from one end to the other ...
        ([layer(gradient_norm=1000.0), last(gradient_norm=1.0)], HEALTHY),
        (
            [layer(gradient_norm=1001.0), last(gradient_norm=1.0, weight_norm=2.0)],
            f"exploding: the gradients of layers.0 have the norm 1001, its parameters 1; {CLIP}",
        ),
        (
            [layer(gradient_norm=0.5, weight_norm=30.0), last(gradient_norm=0.0004)],
            f"exploding: a gradient is typically 0.25 in layers.0, 0.0002 in layers.9; {CLIP}",
        ),
        (
            [layer(gradient_norm=1.0), last(gradient_norm=1001.0, weight_norm=9.0)],
            "vanishing: a gradient is typically 0.5 in layers.0, 500.5 in layers.9; larger first "
            "weights or fewer layers help",
        ),
        ([layer(gradient_norm=1.0), last(gradient_norm=1000.0)], HEALTHY),
        # ... and from the parameters to their gradients.
        ([layer(gradient_norm=5000.0, weight_norm=5.0), last(gradient_norm=100.0)], HEALTHY),
        (
            [layer(gradient_norm=5001.0, weight_norm=5.0), last(gradient_norm=100.0)],
            f"exploding: the gradients of layers.0 have the norm 5001, its parameters 5; {CLIP}",
        ),
        ([layer(gradient_norm=1000.0, weight_norm=0.001), last(gradient_norm=100.0)], HEALTHY),
        (
            [layer(gradient_norm=900.0), last(gradient_norm=1234.0, weight_norm=0.5)],
            f"exploding: the gradients of layers.9 have the norm 1234, its parameters 0.5; {CLIP}",
        ),
        # Sizes are compared, not norms: 4 parameters of 3 are as large as 400 of 3.
        ([layer(gradient_norm=6.0), last(n_parameters=400, gradient_norm=60.0)], HEALTHY),
        (
            [
                layer(gradient_norm=1.0),
                last(n_parameters=400, gradient_norm=9000.0, weight_norm=9.0),
            ],
            HEALTHY,
        ),
        ([layer(gradient_norm=1.0), last(gradient_norm=0.0, n_zero=4)], WITHOUT),
        (
            [layer(gradient_norm=0.0, n_zero=4), last()],
            "vanishing: a gradient is typically 0 in layers.0, 1 in layers.9; larger first "
            "weights or fewer layers help",
        ),
        (
            [layer(gradient_norm=0.0, activation="sigmoid"), last(activation="tanh")],
            "vanishing: a gradient is typically 0 in layers.0, 1 in layers.9; relu instead of "
            "sigmoid or tanh, or larger first weights, help",
        ),
        (
            [layer(gradient_norm=0.0, activation="relu"), last(activation="tanh")],
            "vanishing: a gradient is typically 0 in layers.0, 1 in layers.9; relu instead of "
            "tanh, or larger first weights, help",
        ),
    ],
)
def test_what_is_made_of_the_layers(layers: list[LayerHealth], verdict: str) -> None:
    report = HealthReport(tuple(layers), 1.0)
    assert report.verdict == verdict
    start = verdict.partition(" reaches")[0].partition(":")[0]
    assert report.status == start
    assert report.status in STATUSES


def test_the_table_of_a_report() -> None:
    report = HealthReport(
        (
            layer(n_zero=1, n_units=3, n_dead=1, update_ratio=0.00125),
            layer(name="decoder.blocks.11", n_parameters=1234, gradient_norm=4.5, weight_norm=30.0),
            last(n_nan=12, n_inf=3, gradient_norm=nan, update_ratio=inf),
        ),
        0.12345,
    )
    assert str(report) == (
        "layer               parameters  nan  inf  zero   dead  |gradient|  |weights|  "
        "update/weight\n"
        "layers.0                     4    0    0     1   33 %           2          1        "
        "0.00125\n"
        "decoder.blocks.11         1234    0    0     0      -         4.5         30              "
        "-\n"
        "layers.9                     4   12    3     0      -         nan          1            "
        "inf\n"
        "loss 0.1235: non-finite: layers.9 has 12 nan and 3 inf among its gradients; "
        "detect_anomaly() says where the first one comes from"
    )


def test_the_table_of_short_names_and_of_no_layers() -> None:
    head = "layer      parameters  nan  inf  zero   dead  |gradient|  |weights|  update/weight"
    row = "w                   4    0    0     0    0 %           2          1              -"
    text = str(HealthReport((layer(name="w", n_units=2),), 0.0))
    assert text == f"{head}\n{row}\nloss 0: {HEALTHY}"
    assert str(HealthReport((), 2.0)) == f"{head}\nloss 2: {HEALTHY}"


def test_the_shares_of_a_layer() -> None:
    assert layer().dead_share is None
    assert layer(n_units=4, n_dead=3).dead_share == 0.75
    assert layer(n_units=4, n_dead=0).dead_share == 0.0
    assert layer(gradient_norm=6.0, n_parameters=9).gradient_size == 2.0


# What is looked at


def test_every_number_of_a_report_is_that_of_torch() -> None:
    model = MLP(2, [3, 2, 1], activation="relu", rng=2)
    X = np.random.default_rng(1).normal(size=(5, 2))
    loss = functional.sum([model(x) ** 2 for x in X.tolist()])
    report = health(model, loss, learning_rate=0.5)
    weights: list[torch.Tensor] = []
    h, units = torch.from_numpy(X), []
    for number, part in enumerate(model.layers):
        rows = [[*(w.data for w in neuron.w), neuron.b.data] for neuron in part.neurons]
        weights.append(torch.tensor(rows, dtype=torch.float64, requires_grad=True))
        h = h @ weights[-1][:, :-1].T + weights[-1][:, -1]
        if number < 2:
            h = torch.relu(h)
            units.append((h.shape[1], int((h == 0.0).all(dim=0).sum())))
    total = (h**2).sum()
    total.backward()
    assert report.loss == pytest.approx(total.item(), rel=1e-12)
    assert [(part.n_units, part.n_dead) for part in report.layers] == [*units, (0, 0)]
    assert [part.activation for part in report.layers] == ["relu", "relu", ""]
    for found, weight in zip(report.layers, weights, strict=True):
        assert weight.grad is not None
        norm, size = weight.grad.norm().item(), weight.norm().item()
        assert found.n_parameters == weight.numel()
        assert found.n_zero == int((weight.grad == 0.0).sum())
        assert found.gradient_norm == pytest.approx(norm, rel=1e-12)
        assert found.weight_norm == pytest.approx(size, rel=1e-12)
        assert found.update_ratio == pytest.approx(0.5 * norm / size, rel=1e-12)
        assert found.gradient_size == pytest.approx(norm / weight.numel() ** 0.5, rel=1e-12)


def test_nan_inf_and_0_are_counted_apart() -> None:
    model = Parameters(a__w=1.0, a__v=2.0, a__u=3.0, b__w=4.0, alone=5.0)
    w, v, u, other, alone = model.by_name.values()
    bad = w * nan + v * inf + u * 0.0 + other * 2.0 + alone
    found = health(model, bad).layers
    assert [
        (part.name, part.n_parameters, part.n_nan, part.n_inf, part.n_zero) for part in found
    ] == [("a", 3, 1, 1, 1), ("b", 1, 0, 0, 0), ("alone", 1, 0, 0, 0)]


@pytest.mark.parametrize(
    ("numbers", "options", "ratio"),
    [
        ((3.0, 4.0), {}, None),
        ((3.0, 4.0), {"learning_rate": 0.1}, 0.1 * 5.0 / 5.0),
        ((3.0, 4.0), {"learning_rate": 0.0}, 0.0),
        # The gradients are (3, 4) always; the real update counts where it is known.
        ((3.0, 4.0), {"previous": {"a.w": 3.0, "a.v": 1.5}}, 0.5),
        ((3.0, 4.0), {"previous": {"a.w": 3.0, "a.v": 4.0}, "learning_rate": 0.1}, 0.0),
        ((1.0, 0.0), {"learning_rate": 0.1}, 0.5),
        ((0.0, 0.0), {"learning_rate": 0.1}, inf),
        ((0.0, 0.0), {"learning_rate": 0.0}, 0.0),
        ((0.0, 0.0), {"previous": {"a.w": 0.0, "a.v": 0.0}}, 0.0),
        ((0.0, 0.0), {"previous": {"a.w": 0.0, "a.v": 0.5}}, inf),
        ((6.0, 8.0), {"learning_rate": 1.0}, 0.5),
    ],
)
def test_the_ratio_of_the_update_to_the_parameters(
    numbers: tuple[float, float], options: Mapping[str, Any], ratio: float | None
) -> None:
    model = Parameters(a__w=numbers[0], a__v=numbers[1])
    w, v = model.by_name.values()
    (part,) = health(model, w * 3.0 + v * 4.0, **options).layers
    assert part.update_ratio == (None if ratio is None else pytest.approx(ratio, rel=1e-15))


@pytest.mark.parametrize(
    ("name", "activation"),
    [
        ("relu", "relu"),
        ("tanh", "tanh"),
        ("sigmoid", "sigmoid"),
        ("leaky_relu", "leaky_relu"),
        ("elu", "elu"),
        ("softplus", "softplus"),
        ("silu", "silu"),
        ("gelu", "gelu"),
        ("linear", ""),
    ],
)
def test_the_activation_of_a_layer_is_found(name: str, activation: str) -> None:
    model = MLP(2, [3, 1], activation=name, rng=0)
    report = health(model, model([0.5, -1.0]) ** 2)
    assert [part.activation for part in report.layers] == [activation, ""]
    assert report.layers[0].n_units == (3 if name == "relu" else 0)


def test_the_first_activation_of_a_layer_is_its_activation() -> None:
    model = Parameters(a__w=1.0, a__v=2.0)
    w, v = model.by_name.values()
    assert health(model, (w * 2.0).tanh() + (v * 2.0).relu()).layers[0].activation == "tanh"


def test_a_unit_that_works_for_one_sample_is_not_dead() -> None:
    model = Parameters(a__w=1.0, a__v=-1.0, a__u=1.0)
    w, v, u = model.by_name.values()
    samples = [(2.0, 2.0, -2.0), (-2.0, 2.0, -2.0), (-2.0, 2.0, 2.0)]
    loss = functional.sum([(p * x).relu() for row in samples for p, x in zip((w, v, u), row)])
    (part,) = health(model, loss).layers
    assert (part.n_units, part.n_dead, part.dead_share) == (3, 1, 1 / 3)


W, V, X = Value(2.0), Value(3.0), Value(5.0)


@pytest.mark.parametrize(
    ("node", "found"),
    [
        (lambda: W, W),
        (lambda: X, None),
        (lambda: X * W, W),
        (lambda: X + W, W),
        (lambda: functional.dot([X, V], [W, X]), V),
        (lambda: functional.sum([X, X * V, W]), V),
        (lambda: (X * V + X * W) * X, V),
        (lambda: X * X + W * V, W),
        (lambda: (X * W).exp() + X, None),
        (lambda: X - W, None),
        (lambda: X * W - X, None),
    ],
)
def test_the_parameter_behind_a_sum_of_products(
    node: Callable[[], Value], found: Value | None
) -> None:
    assert parameter_behind(node(), {W: "layers.0", V: "layers.0"}) is found


@pytest.mark.parametrize("trains", [False, True])
def test_a_unit_behind_a_normalization_is_one_of_the_layer_before(trains: bool) -> None:
    model = Sequential(Layer(1, 2, None, rng=0), BatchNorm(2), "relu", Layer(2, 1, None, rng=1))
    model.train(trains)
    program = compile(lambda x: model([x]), model.parameters(), per_sample=True)
    loss = program.eager([1.0, 2.0, 4.0]) if trains else model([1.0])
    assert [layer.n_units for layer in health(model, loss).layers] == [2, 0, 0]


def test_a_normalization_has_the_units_where_nothing_stands_before_it() -> None:
    model = Sequential(BatchNorm(2), "relu", Layer(2, 1, None, rng=0)).eval()
    report = health(model, model([1.0, 2.0]))
    assert [(layer.name, layer.n_units) for layer in report.layers] == [("0", 2), ("2", 0)]


def test_what_is_frozen_counts_in_no_share() -> None:
    one_left = layer(n_frozen=3, n_zero=1, gradient_norm=5.0)
    assert (one_left.has_no_gradient, one_left.is_frozen) == (True, False)
    assert one_left.gradient_size == 5.0
    assert not layer(n_frozen=3, n_zero=0).has_no_gradient
    frozen = layer(n_frozen=4, gradient_norm=0.0)
    assert (frozen.is_frozen, frozen.gradient_size) == (True, 0.0)
    all_frozen = HealthReport((frozen, frozen), 1.0)
    assert all_frozen.status == "no gradient"
    assert all_frozen.verdict == (
        "no gradient: all parameters are frozen; model.unfreeze() lets them train"
    )
    tiny = layer(gradient_norm=1e-9)
    assert HealthReport((frozen, tiny, layer(), frozen), 1.0).status == "vanishing"
    assert HealthReport((tiny, frozen, frozen), 1.0).status == "healthy"
    ends = HealthReport((frozen, tiny, layer(), layer(name="layers.2"), frozen), 1.0)
    assert "is typically 5e-10 in layers.0, 1 in layers.2; larger" in ends.verdict
    dead = layer(n_frozen=4, n_units=2, n_dead=2, gradient_norm=0.0)
    assert HealthReport((dead,), 1.0).verdict.startswith("dead: no relu of layers.0")
    assert HealthReport((frozen, layer(n_zero=4, gradient_norm=0.0)), 1.0).verdict == NO_GRADIENT


def test_what_is_frozen_is_in_no_count() -> None:
    model = MLP(1, [1], None, rng=0)
    (neuron,) = model.layers[0].neurons
    neuron.b.requires_grad = False
    (part,) = health(model, model([2.0]) * 3.0, learning_rate=0.5).layers
    assert (part.n_parameters, part.n_frozen, part.gradient_norm) == (2, 1, 6.0)
    assert part.gradient_size == 6.0
    assert part.update_ratio == pytest.approx(3.0 / abs(neuron.w[0].data), rel=1e-15)


# The monitor


def weighted(model: Parameters) -> Value:
    return model.by_name["a.w"] * 4.0


def test_the_monitor_compares_with_the_epoch_before_whatever_it_looks_at() -> None:
    model = Parameters(a__w=1.0)
    monitor = HealthMonitor(weighted, every=2)
    w = model.by_name["a.w"]
    answers = []
    for epoch in range(1, 6):
        w.data = float(2**epoch)
        answers.append(monitor.on_epoch_end(epoch, None, model))
    assert answers == [False] * 5
    assert monitor.epochs == [2, 4]
    assert [report.loss for report in monitor.reports] == [16.0, 64.0]
    assert [report.layers[0].update_ratio for report in monitor.reports] == [0.5, 0.5]
    assert [report.layers[0].gradient_norm for report in monitor.reports] == [4.0, 4.0]


def test_a_second_training_begins_afresh() -> None:
    model = Parameters(a__w=1.0)
    monitor = HealthMonitor(weighted)
    for epoch in (1, 2, 1):
        model.by_name["a.w"].data += 1.0
        monitor.on_epoch_end(epoch, None, model)
    assert monitor.epochs == [1]
    assert [report.layers[0].update_ratio for report in monitor.reports] == [None]
    monitor.on_epoch_end(2, None, model)
    assert [report.layers[0].update_ratio for report in monitor.reports] == [None, 0.0]


def test_the_monitor_ends_a_training_at_a_status_and_says_why() -> None:
    model = Parameters(a__w=1.0)
    monitor = HealthMonitor(weighted, stop_when=("no gradient", "healthy"))
    assert monitor.reason == ""
    assert monitor.on_epoch_end(1, None, model) is True
    assert monitor.reason == HEALTHY
    assert HealthMonitor(weighted, stop_when="dead").on_epoch_end(1, None, model) is False
    assert HealthMonitor(weighted).stop_when == ()
    assert HealthMonitor(weighted, every=3).on_epoch_end(2, None, model) is False


def test_the_reason_is_that_of_the_last_look() -> None:
    model = Parameters(a__w=1.0)
    monitor = HealthMonitor(lambda m: m.by_name["a.w"] * m.by_name["a.w"].data)
    for epoch, x in ((1, 1.0), (2, 0.0)):
        model.by_name["a.w"].data = x
        monitor.on_epoch_end(epoch, None, model)
    assert monitor.reason == NO_GRADIENT
    assert [report.status for report in monitor.reports] == ["healthy", "no gradient"]


def test_the_history_says_why_the_monitor_ended_the_training() -> None:
    model = MLP(1, [2, 1], activation="tanh", rng=0)
    monitor = HealthMonitor(lambda m: m([1.0]) ** 2, stop_when="healthy")
    history = fit(model, [[0.0], [1.0]], [0.0, 1.0], epochs=5, callbacks=[monitor], log_every=None)
    assert history.n_epochs == 1
    assert HEALTHY in str(vars(history).values())


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: HealthMonitor(weighted, every=0), InvalidArgumentError, "every is 0"),
        (lambda: HealthMonitor(weighted, stop_when="ded"), UnknownNameError, "Did you mean 'dead'"),
        (
            lambda: HealthMonitor(weighted, stop_when=["dead", "ok"]),
            UnknownNameError,
            "unknown status 'ok'",
        ),
        (lambda: HealthMonitor(3.0), InvalidArgumentError, r"loss_of is 3\.0, but a function"),  # type: ignore[arg-type]
    ],
)
def test_what_a_monitor_cannot_be_made_of_is_refused(
    make: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make()
