"""The coarser drawings, models, programs, themes and what is highlighted or left out."""

from __future__ import annotations

import math
import re
from typing import Any, Final
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

import viz
from tests.holding import held
from tinygrad_mlp import functional, ops
from tinygrad_mlp.compiler import Program, compile
from tinygrad_mlp.debug import worked_example
from tinygrad_mlp.derivatives import grad
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError, ShapeError, UnknownNameError
from tinygrad_mlp.graph import Unit, order_of, roles_of, units_of
from tinygrad_mlp.losses import loss_named
from tinygrad_mlp.nn import MLP, Layer, Module, Neuron
from viz import _summaries as notebook
from viz import to_dot
from viz._condense import condense
from viz._markup import number
from viz._neurons import formula
from viz._render import render
from viz._themes import DARK, LIGHT, GradientScale

N_SAMPLES: Final = 12


def network() -> MLP:
    return MLP(2, [4, 3, 1], activation="tanh", rng=0)


def batch_loss(model: MLP) -> Value:
    """The mean of the squared errors of a dozen samples."""
    total = sum(
        ((model([0.1 * i, 1.0]) - 0.5 * i) ** 2 for i in range(N_SAMPLES)), start=Value(0.0)
    )
    loss: Value = total / N_SAMPLES
    loss.label = "loss"
    loss.backward()
    return loss


def boxes(dot: str) -> dict[str, str]:
    """The statement of each box, by its name."""
    return dict(re.findall(r"^  ([bnslr]\d+) (\[id=.*\]);$", dot, flags=re.MULTILINE))


def arrows(dot: str) -> list[tuple[str, str]]:
    return re.findall(r"^  ([bnslr]\d+) -> ([bnslr]\d+)\b", dot, flags=re.MULTILINE)


def texts(box: str) -> list[str]:
    found = re.findall(r">([^<>]+)</(?:FONT|B)>", box)
    return [text.replace("&#160;", " ").strip() for text in found]


def box_with(dot: str, text: str) -> str:
    (box,) = (box for box in boxes(dot).values() if text in texts(box))
    return box


# Layers


def test_a_layer_is_one_box_with_shapes_parameters_and_gradient_norm() -> None:
    model = network()
    dot = to_dot(batch_loss(model), detail="layers")
    box = box_with(dot, "layers.1")
    norm = math.hypot(*[p.grad for p in model.layers[1].parameters()])
    assert texts(box)[:5] == [
        *("layers.1", f"× {N_SAMPLES}", "3 neurons, tanh"),
        *("weight (3, 4), bias (3)", "15 parameters"),
    ]
    assert f"norm of the gradient of its parameters = {norm!r}" in box
    assert float(texts(box)[-1]) == pytest.approx(norm, rel=1e-3)


def test_what_repeats_for_each_sample_is_drawn_once() -> None:
    dot = to_dot(batch_loss(network()), detail="layers", constants=False)
    first = [texts(box)[0] for box in boxes(dot).values()]
    assert sorted(first) == sorted(
        [*("2 inputs", "layers.0", "layers.1", "layers.2"), "−", "^", "+", "÷", "input"]
    )


def test_layers_of_one_sample_do_not_say_how_often() -> None:
    dot = to_dot(network()([1.0, 2.0]), detail="layers")
    assert "× " not in dot
    assert len(boxes(dot)) == 4
    assert len(arrows(dot)) == 3


# Neurons


def test_a_neuron_is_one_box_with_its_formula() -> None:
    model = Layer(2, 2, "tanh", rng=0)
    model.neurons[1].w[0].data, model.neurons[1].w[1].data = 0.5, -1.25
    model.neurons[1].b.data = 0.75
    outputs = model([3.0, 4.0])
    dot = to_dot(outputs[0] + outputs[1], detail="neurons")
    box = box_with(dot, "neuron 1")
    assert texts(box)[1] == "tanh(0.5·x1 − 1.25·x2 + 0.75)"
    assert texts(box)[3] == number(outputs[1].data)


@pytest.mark.parametrize(
    ("weights", "bias", "text"),
    [
        ([1.0], None, "1·x1"),
        ([-2.0, 3.0], -0.5, "−2·x1 + 3·x2 − 0.5"),
        ([1.0, 2.0, 3.0, 4.0, 5.0], 1e-7, "1·x1 + 2·x2 + … + 5·x5 + 1e−07"),
    ],
)
def test_a_formula_has_typographic_signs(
    weights: list[float], bias: float | None, text: str
) -> None:
    names = [f"x{i + 1}" for i in range(len(weights))]
    assert formula("linear", weights, names, bias) == text


def test_a_bias_of_0_stands_in_the_formula() -> None:
    assert formula("relu", [1.0], ["x1"], 0.0) == "relu(1·x1 + 0)"


def test_formulas_count_neurons_as_their_boxes_do() -> None:
    dot = to_dot(network()([1.0, 2.0]), detail="neurons")
    assert re.search(r"·a0 [+−] .*·a1 [+−] … ", dot)
    assert "·a4" not in dot


def test_arrows_carry_the_derivative_of_one_neuron_by_another() -> None:
    model = MLP(1, [1, 1], activation="tanh", rng=3)
    hidden = model.layers[0]([0.7])
    output = model.layers[1]([hidden])
    dot = to_dot(output, detail="neurons")
    (derivative,) = grad(output, [hidden])
    assert f"local derivative = {derivative!r}" in dot


def test_neurons_stand_in_the_frame_of_their_layer_in_their_order() -> None:
    dot = to_dot(network()([1.0, 2.0]), detail="neurons")
    titles = re.findall(r"(layers\.\d · \d neurons?)", dot)
    assert titles == ["layers.0 · 4 neurons", "layers.1 · 3 neurons", "layers.2 · 1 neuron"]
    assert dot.count("rank=same") == 2


def test_a_neuron_that_is_written_out_is_found_by_its_module() -> None:
    weights, bias = [Value(0.5), Value(0.5)], Value(0.1)
    held(hidden=held(neurons=[held(w=weights, b=bias)]))
    z = sum((w * x for w, x in zip(weights, [1.0, 2.0], strict=True)), start=bias)
    y = z.tanh()
    order = order_of([y])
    roles = roles_of(order, [y], None)
    units = units_of(order, roles)
    assert {units[node].path for node in (*weights, bias, z, y)} == {"hidden.neurons.0"}
    coarse = condense(order, roles, units, by_layer=False)
    assert coarse is not None
    kinds = [box.kind for box in coarse.boxes]
    assert sorted(kinds) == ["leaf", "leaf", "neuron"]


def test_the_loss_after_a_linear_neuron_does_not_belong_to_it() -> None:
    z = Neuron(2, None, rng=0)([1.0, 2.0])
    loss = functional.softplus(z) - 1.0 * z
    order = order_of([loss])
    units = units_of(order, roles_of(order, [loss], None))
    assert z in units
    assert loss not in units
    assert not any(node in units for node in order if node.op and node.op.name == "softplus")


# What is a neuron


def labels_of(units: dict[Value, Unit]) -> dict[str, list[str]]:
    """The labels (or ops) of the nodes of each neuron."""
    found: dict[str, list[str]] = {}
    for node, unit in units.items():
        found.setdefault(unit.path, []).append(node.label or (node.op.name if node.op else ""))
    return {path: sorted(labels) for path, labels in found.items()}


def structure(
    output: Value, parameters: list[Value] | None = None
) -> tuple[dict[Value, str], dict[str, list[str]]]:
    order = order_of([output])
    roles = roles_of(order, [output], parameters)
    return roles, labels_of(units_of(order, roles))


def cross_entropy(target: list[Value | float], logits: list[Value]) -> Value:
    return loss_named("categorical_cross_entropy").sample_loss(logits, target)


@pytest.mark.parametrize("as_leaves", [False, True])
def test_a_cross_entropy_is_no_neuron(as_leaves: bool) -> None:
    target: list[Value | float] = [0.0, 1.0, 0.0]
    if as_leaves:
        target = [Value(t, label=f"t{i}") for i, t in enumerate([0.0, 1.0, 0.0])]
    models = [MLP(2, [4, 3], rng=0).forward([0.1, 0.2]), hand_labeled([0.1, 0.2])]
    for logits in models:
        loss = cross_entropy(target, logits)
        roles, units = structure(loss)
        assert not {node for node in order_of([loss]) if node.label.startswith("t")} & {
            node for node, role in roles.items() if role == "parameter"
        }
        assert {path.split(".neuron")[0] for path in units} <= {"layers.0", "layers.1", "layer 1"}
        assert "3 parameters" not in to_dot(loss, detail="layers")


def hand_labeled(x: list[float]) -> list[Value]:
    """Three neurons whose labels are no paths."""
    return [
        functional.dot([Value(0.5, label=f"w{i}{j}") for j in range(2)], x, Value(0.0, label="b"))
        for i in range(3)
    ]


def test_the_weights_that_are_given_make_the_neurons() -> None:
    w, t = Value(0.5, label="w"), Value(1.0, label="t")
    y = functional.dot([w], [2.0]).tanh()
    _, units = structure(functional.dot([t], [y]), [w])
    assert units == {"layer 1.neuron 0": ["dot", "tanh", "w"]}


def test_a_parameter_that_neurons_share_stands_by_itself() -> None:
    loss = worked_example()
    loss.backward()
    _, units = structure(loss)
    assert units == {
        "layer 1.neuron 0": ["net_h1", "out_h1", "w1", "w2"],
        "layer 1.neuron 1": ["net_h2", "out_h2", "w3", "w4"],
        "layer 2.neuron 0": ["net_o1", "out_o1", "w5", "w6"],
        "layer 2.neuron 1": ["net_o2", "out_o2", "w7", "w8"],
    }
    nodes = {node.label: node for node in order_of([loss])}
    dot = to_dot(loss, detail="neurons")
    norm = math.hypot(nodes["w1"].grad, nodes["w2"].grad)
    assert texts(box_with(dot, "out_h1"))[-1] == number(norm)
    assert texts(box_with(dot, "b1"))[1:] == ["data", "0.35", "grad", number(nodes["b1"].grad)]
    layers = to_dot(loss, detail="layers")
    assert texts(box_with(layers, "layer 2"))[2:4] == [
        *("weight (2, 2), bias b2 shared", "4 parameters")
    ]
    assert texts(box_with(layers, "diff_o2"))[0] == "t2 − out_o2"
    bias_to_h1, bias_to_h2 = re.findall(
        r'label="(\S+?)", penwidth.*?, tooltip="b1 .*? out_h\d', dot
    )
    slopes = [nodes[f"net_{h}"].data for h in ("h1", "h2")]
    expected = [
        number(functional.sigmoid(z).data * (1 - functional.sigmoid(z).data)) for z in slopes
    ]
    assert [bias_to_h1, bias_to_h2] == expected


def test_an_operand_from_a_layer_says_which_neuron_it_is() -> None:
    scores = Layer(2, 3, None, rng=0)([1.0, 2.0])
    loss = functional.logsumexp(scores) - scores[2]
    dot = to_dot(loss, detail="layers")
    assert texts(boxes(dot)[list(boxes(dot))[-1]])[0] == "logsumexp − neurons [2]"


@pytest.mark.parametrize("known", ["by a module", "given"])
def test_sums_that_are_written_out_are_neurons(known: str) -> None:
    named = known == "by a module"
    w = [[Value(0.1 * i + j) for j in range(2)] for i in range(2)]
    b = [Value(0.5) for i in range(2)]
    if named:
        held(w=w, b=b)
    h = [(w[i][0] * 1.0 + w[i][1] * 2.0 + b[i]).tanh() for i in range(2)]
    order = order_of([h[0] * h[1]])
    roles = roles_of(order, [order[-1]], None if named else [*w[0], *w[1], *b])
    units = units_of(order, roles)
    of_neuron = [{node for node in order if units.get(node) == units[h[i]]} for i in range(2)]
    assert [len(nodes) for nodes in of_neuron] == [8, 8]
    assert {*w[0], b[0]} < of_neuron[0]
    assert {*w[1], b[1]} < of_neuron[1]
    given = None if named else [*w[0], *w[1], *b]
    dot = to_dot(order[-1], detail="neurons", parameters=given)
    assert "tanh(0.1·x1 + 1.1·x2 + 0.5)" in dot
    dot = to_dot(order[-1], detail="layers", parameters=given)
    assert "weight (2, 2), bias (2)" in dot
    assert order[-1] not in units


def test_no_node_of_a_backward_pass_belongs_to_a_neuron() -> None:
    x = Value(0.5, label="x")
    for activation in ("tanh", "sigmoid"):
        y = MLP(1, [2, 1], activation=activation, rng=0)([x])
        forward = set(order_of([y]))
        (slope,) = grad(y, [x], create_graph=True)
        order = order_of([slope])
        units = units_of(order, roles_of(order, [slope], None))
        assert {unit.layer.name for unit in units.values()} == {"layers.0"}
        assert set(units) <= forward


# Which detail


@pytest.mark.parametrize(
    ("sizes", "boxes_of"),
    [([2, 1], "n"), ([8, 1], "b"), ([4, 4, 1], "b")],
)
def test_auto_draws_no_operations_that_nobody_can_follow(sizes: list[int], boxes_of: str) -> None:
    dot = to_dot((MLP(2, sizes, rng=0)([0.5, 0.5]) - 1.0) ** 2)
    assert {name[0] for name in boxes(dot)} == {boxes_of}


@pytest.mark.parametrize("detail", ["neurons", "layers"])
def test_what_is_far_too_large_is_refused_before_it_is_counted(detail: str) -> None:
    x = Value(0.5)
    for _ in range(10_000):
        x = x.tanh()
    with pytest.raises(GraphError, match=r"more than 200 boxes even with detail"):
        to_dot(x, detail=detail, max_nodes=10)


def test_auto_draws_operations_as_long_as_they_can_be_read() -> None:
    assert "n0" in boxes(to_dot(MLP(2, [2, 1], rng=0)([1.0, 2.0])))
    assert "rank=same" in to_dot(MLP(4, [8, 8, 3], rng=0)([1.0] * 4)[0], max_nodes=100)
    big = to_dot(batch_loss(MLP(2, [16, 16, 1], rng=0)))
    assert any("weight (16, 16), bias (16)" in texts(box) for box in boxes(big).values())


def test_over_the_limit_the_error_names_the_coarser_detail() -> None:
    loss = batch_loss(network())
    with pytest.raises(GraphError, match=r"more than max_nodes=30; .*detail='neurons'"):
        to_dot(loss, detail="ops", max_nodes=30)
    with pytest.raises(GraphError, match=r"boxes even with detail='neurons'.*detail='layers'"):
        to_dot(loss, detail="neurons", max_nodes=14)
    with pytest.raises(GraphError, match="draw a part of it"):
        to_dot(loss, detail="layers", max_nodes=2)


@pytest.mark.parametrize(
    ("options", "known"),
    [
        ({"detail": "node"}, "auto, circles, layers, neurons, ops"),
        ({"theme": "blue"}, "dark, light"),
        ({"color": "red"}, "auto, gradient, kind"),
        ({"highlight": "lss"}, "loss"),
    ],
)
def test_an_unknown_option_is_refused_with_the_known_ones(
    options: dict[str, str], known: str
) -> None:
    with pytest.raises(UnknownNameError, match=known):
        to_dot(batch_loss(network()), **options)  # type: ignore[arg-type]


# Frames


def heights(svg: str, prefix: str) -> list[float]:
    """Where the titles that begin like that stand, from the top, by their numbers."""
    root = ElementTree.fromstring(svg)
    found = {
        (text.text or "").strip("\xa0"): float(text.attrib["y"])
        for text in root.iter("{http://www.w3.org/2000/svg}text")
    }
    return [found[f"{prefix}{n}"] for n in range(20) if f"{prefix}{n}" in found]


@pytest.mark.parametrize("show", [(), ("grad",), ("data", "grad", "partials")])
@pytest.mark.parametrize("detail", ["ops", "neurons"])
def test_neurons_stand_in_their_order(detail: str, show: tuple[str, ...]) -> None:
    layer = Layer(2, 12, "relu", rng=0)
    total = functional.sum(layer([0.1, 0.2]))
    found = heights(viz.to_svg(total, detail=detail, show=show), "neuron ")
    assert len(found) == 12
    assert found == sorted(found)


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_operations_have_frames_of_neurons_in_frames_of_layers(direction: str) -> None:
    dot = to_dot(worked_example(), detail="ops", direction=direction)
    frames = re.findall(r"subgraph cluster_\w+ \{\n.*?label=<(?:<FONT[^>]*>(.*?)</FONT>)?>", dot)
    beside = re.findall(r"^    t\d+ \[.*?label=<<FONT[^>]*>(.*?)</FONT>>", dot, flags=re.MULTILINE)
    neurons = ["out_h1", "out_h2", "out_o1", "out_o2"]
    if direction == "TB":  # arrows leave below: the titles stand beside the last nodes
        assert frames == ["layer 1", "", "", "layer 2", "", ""]
        assert beside == neurons
    else:
        assert frames == ["layer 1", *neurons[:2], "layer 2", *neurons[2:]]
        assert beside == []
    assert dot.count("{") == dot.count("}")


def test_an_arrow_into_a_frame_passes_beside_the_weights() -> None:
    dot = to_dot(MLP(1, [2, 1], rng=0)([Value(0.5, label="x")]), detail="ops")
    ways_in = re.findall(r"^  (n\d+) -> (g\w+):w \[arrowhead=none", dot, flags=re.MULTILINE)
    ways_on = re.findall(r"^  (g\w+) -> n\d+:p\d:w \[label=", dot, flags=re.MULTILINE)
    assert [gate for _, gate in ways_in] == ways_on
    assert len(ways_on) == 4  # x into two neurons, both of them into the third
    root = ElementTree.fromstring(render(dot, "svg"))
    titles = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}title")]
    assert not any(re.fullmatch(r"g\d+_\d+", title) for title in titles)


# Looks


@pytest.mark.parametrize("detail", ["ops", "neurons", "layers"])
def test_a_highlighted_node_is_marked_in_every_detail(detail: str) -> None:
    model = MLP(2, [2, 1], rng=0)
    output = model([1.0, 2.0])
    weight = model.layers[0].neurons[1].w[0]
    plain, marked = to_dot(output, detail=detail), to_dot(output, detail=detail, highlight=weight)
    assert LIGHT.accent not in plain
    changed = [name for name, box in boxes(marked).items() if box != boxes(plain)[name]]
    assert len(changed) == 1
    assert to_dot(output, detail=detail, highlight=[weight.label]) == marked


def test_a_value_from_elsewhere_cannot_be_highlighted() -> None:
    with pytest.raises(GraphError, match="no node of this graph"):
        to_dot(Value(1.0) + 1.0, highlight=Value(2.0))


@pytest.mark.parametrize("detail", ["ops", "neurons", "layers"])
def test_the_themes_differ_in_nothing_but_colors(detail: str) -> None:
    loss = batch_loss(MLP(2, [2, 1], rng=0))
    light, dark = (to_dot(loss, detail=detail, theme=theme) for theme in ("light", "dark"))
    assert DARK.background in dark
    color = re.compile(r"#[0-9a-f]{6}")
    assert color.sub("", light) == color.sub("", dark)
    assert light != dark


def test_constants_can_be_left_out() -> None:
    loss = (Value(2.0, label="a") * 3.0 + 1.0).tanh()
    dot = to_dot(loss, constants=False)
    assert len(boxes(dot)) == 4
    assert arrows(dot) == [("n1", "n3"), ("n3", "n4"), ("n4", "n5")]


def test_colors_follow_the_size_of_the_gradient() -> None:
    a, b = Value(100.0, label="a"), Value(0.1, label="b")
    product = a * b
    product.backward()
    dot = to_dot(product, color="gradient")
    assert LIGHT.ramp[0].fill in box_with(dot, "a")
    assert LIGHT.ramp[-1].fill in box_with(dot, "b")
    assert "size of the gradient" in dot


def lines(dot: str) -> dict[str, tuple[float, str]]:
    """Width and color of each colored arrow, by the number on it, or else by its weight."""
    found = {}
    for attributes in re.findall(r"^  b\d+ -> b\d+ \[(.*)\];$", dot, flags=re.MULTILINE):
        style = re.search(r'penwidth=([\d.]+), color="(#\w+)"', attributes)
        shown = re.search(r'label="(\S+)"', attributes)
        name = shown or re.search(r"weight = (\S+?)[\"\\]", attributes)
        if style and name:
            found[name[1]] = (float(style[1]), style[2])
    return found


def silu_neuron() -> Neuron:
    neuron = Neuron(2, "silu", rng=0)
    neuron.w[0].data, neuron.w[1].data, neuron.b.data = 1.0, -0.5, 0.0
    return neuron


def test_an_arrow_of_a_neuron_has_the_color_and_width_of_the_number_on_it() -> None:
    z = torch.tensor(-3.0, dtype=torch.float64, requires_grad=True)
    torch.nn.functional.silu(z).backward()
    assert z.grad is not None
    slope = z.grad.item()
    assert slope < 0.0  # so the signs of the weights are not those of the derivatives
    dot = to_dot(silu_neuron()([-3.0, 0.0]), detail="neurons")
    assert lines(dot) == {
        number(slope): (2.6, LIGHT.negative),
        number(-0.5 * slope): (1.5, LIGHT.positive),
    }
    assert {"positive local derivative", "negative local derivative"} <= set(legend_of(dot))
    assert not any("weight" in text for text in legend_of(dot))


def test_arrows_without_numbers_have_the_color_and_width_of_the_weight() -> None:
    neuron = silu_neuron()
    samples = [neuron([-3.0, 0.0]), neuron([-2.0, 1.0])]
    for dot in (
        to_dot(samples[0], detail="neurons", show=["data"]),
        to_dot(functional.sum(samples), detail="neurons"),
    ):
        assert lines(dot) == {"1.0": (2.6, LIGHT.positive), "-0.5": (1.5, LIGHT.negative)}
        assert {"positive weight", "negative weight"} <= set(legend_of(dot))


def test_a_derivative_of_0_has_no_sign() -> None:
    neuron = Neuron(1, "relu", rng=0)
    neuron.w[0].data, neuron.b.data = 1.0, 0.0
    dot = to_dot(neuron([-3.0]), detail="neurons")
    assert 'label="0"' in dot
    assert lines(dot) == {}
    assert not any("positive" in text or "negative" in text for text in legend_of(dot))


@pytest.mark.parametrize("detail", ["neurons", "layers"])
def test_the_legend_says_which_number_colors_a_box(detail: str) -> None:
    model = MLP(2, [2, 1], rng=0)
    loss = (model([1.0, 2.0]) - 1.0) ** 2
    loss.backward()
    model.layers[1].neurons[0].b.grad = 1000.0
    dot = to_dot(loss, detail=detail)
    norm = "\N{DOUBLE VERTICAL LINE}gradient\N{DOUBLE VERTICAL LINE}"
    assert f"{detail[:-1]}, by the {norm} of its parameters" in legend_of(dot)
    (strongest,) = (box for box in boxes(dot).values() if LIGHT.ramp[-1].fill in box)
    assert texts(strongest)[-2:] == [norm, "1000"]


def test_the_scale_of_gradients_is_that_of_the_boxes_that_are_drawn() -> None:
    a = Value(1e-9, label="a")
    product = a * 5.0
    product.backward()  # the 5 has a gradient, 1e-9, but no box; a has 5, the product 1
    low, high = (number(math.sqrt(5.0) * factor) for factor in (10**-0.5, 10**0.5))
    assert legend_of(to_dot(product, color="gradient"))[1:3] == [low, high]


def test_a_weight_is_never_called_by_a_number_alone() -> None:
    w = [[Value(0.5) for j in range(2)] for i in range(2)]
    b = [Value(0.1), Value(0.1)]
    held(w=w, b=b)
    h = [(w[i][0] * 1.0 + w[i][1] * 2.0 + b[i]).tanh() for i in range(2)]
    shown = {texts(box)[0] for box in boxes(to_dot(h[0] * h[1], detail="ops")).values()}
    assert {"w.0.0", "w.0.1", "w.1.0", "w.1.1"} <= shown


@pytest.mark.parametrize("detail", ["ops", "neurons", "layers"])
def test_formulas_call_an_operand_u(detail: str) -> None:
    dot = to_dot((MLP(2, [2, 1], rng=0)([1.0, 2.0]) - 1.0) ** 2, detail=detail)
    shown = {text for box in boxes(dot).values() for text in texts(box)}
    assert {"u \N{MINUS SIGN} 1", "u\N{SUPERSCRIPT TWO}"} <= shown


def legend_of(dot: str) -> list[str]:
    (legend,) = re.findall(r"labelloc=b, label=<(.*)>\];", dot)
    return [text for text in texts(legend) if text]


@pytest.mark.parametrize("size", [1.0, 1e-300])
def test_sizes_that_are_much_alike_have_one_color(size: float) -> None:
    scale = GradientScale.of([0.83 * size, 0.97 * size, 1.18 * size])
    assert {scale.position(factor * size) for factor in (0.83, 0.97, 1.18)} == {2}
    assert scale.highest / scale.lowest == pytest.approx(10.0)


def test_a_gradient_of_0_has_a_color_of_its_own() -> None:
    a, b = Value(3.0, label="a"), Value(0.0, label="b")
    product = a * b
    product.backward()
    dot = to_dot(product, color="gradient")
    assert LIGHT.roles["operation"].fill in box_with(dot, "a")
    scale = GradientScale.of([1.0, 3.0])
    assert scale.paint(LIGHT, 3.0).fill in box_with(dot, "b")
    assert legend_of(dot)[:5] == [
        *("size of the gradient", "0", number(scale.lowest), number(scale.highest)),
        f"logarithmic, {number(scale.middle)} in the middle",
    ]


def test_the_legend_of_gradients_goes_from_the_smallest_to_the_largest() -> None:
    a, b = Value(0.01, label="a"), Value(0.5, label="b")
    product = a * b
    product.backward()
    assert legend_of(to_dot(product, detail="ops", color="gradient"))[1:3] == ["0.01", "1"]


@pytest.mark.parametrize("detail", ["ops", "neurons"])
def test_gradients_and_local_derivatives_have_two_colors_that_the_legend_explains(
    detail: str,
) -> None:
    dot = to_dot(batch_loss(MLP(2, [2, 1], rng=0)), detail=detail)
    assert legend_of(dot)[-4:] == ["grad 0.5", "gradient", "→ 0.5", "local derivative"]
    assert f'fontcolor="{LIGHT.partial}"' in dot
    assert LIGHT.partial != LIGHT.gradient


def test_the_scale_spans_three_magnitudes_at_the_most() -> None:
    scale = GradientScale.of([1e-12, 10.0, float("nan")])
    assert scale == GradientScale(10.0 / 1000.0, 10.0, clipped=True)
    positions = [scale.position(10.0**power) for power in range(-4, 2)]
    assert positions == sorted(position or 0 for position in positions)
    assert (positions[0], positions[-1]) == (0, 4)


# What else is drawn


def test_lines_are_straight_where_no_box_stands_in_their_way() -> None:
    model = MLP(3, [6, 6, 1], activation="tanh", rng=0)
    output = model([1.0, 2.0, 3.0])
    (slope,) = grad(output, model.parameters()[:1], create_graph=True)
    target = Value(1.0, label="target")
    assert "splines=line" in to_dot((output - target) ** 2, detail="neurons")
    assert "splines=line" not in to_dot(slope, detail="neurons")


def test_the_graph_of_a_derivative_is_drawn() -> None:
    x = Value(0.5, label="x")
    (slope,) = grad((x * x).tanh(), [x], create_graph=True)
    slope.backward()
    root = ElementTree.fromstring(viz.to_svg(slope))
    groups = [group.get("class") for group in root.iter("{http://www.w3.org/2000/svg}g")]
    constants = [node for node in order_of([slope]) if node.op is ops.CONSTANT]
    assert groups.count("node") == len(order_of([slope])) - len(constants)


def test_a_model_is_drawn_without_data_and_left_as_it_is() -> None:
    model = network().train()
    dot = to_dot(model, detail="layers")
    assert [texts(box)[0] for box in boxes(dot).values()] == [
        *("2 inputs", "layers.0", "layers.1", "layers.2")
    ]
    for detail in ("neurons", "layers"):
        shown = "".join(boxes(to_dot(model, detail=detail)).values())
        assert ">data" not in shown
        assert ">grad" not in shown
    weight = model.layers[0].neurons[0].w[0]
    operations = to_dot(model, detail="ops")
    assert texts(box_with(operations, number(weight.data))) == ["w.0", "data", number(weight.data)]
    assert operations.count(">data") == len(model.parameters())
    assert model.training
    assert not any(parameter.has_grad for parameter in model.parameters())
    assert len(boxes(to_dot(Neuron(3, rng=0), detail="neurons"))) == 4


def test_a_model_that_does_not_say_its_number_of_inputs_is_refused() -> None:
    with pytest.raises(GraphError, match="n_inputs"):
        to_dot(Module())


def per_sample_program() -> Program:
    model = MLP(2, [16, 1], activation="tanh", rng=0)

    def squared_error(x: list[Value], y: Value) -> Value:
        error: Value = model(x) - y
        return error * error

    return compile(squared_error, model.parameters(), per_sample=True)


def test_a_program_is_drawn_with_its_products_and_shapes() -> None:
    program = per_sample_program()
    program(np.ones((5, 2)), np.ones(5))
    dot = to_dot(program)
    assert program.plan is not None
    assert len([name for name in boxes(dot) if name.startswith("s")]) == len(program.plan.steps)
    products = [texts(box) for box in boxes(dot).values() if "matrix product" in texts(box)]
    shapes = re.findall(r"(\(\d+, \d+\) @ \(\d+, B\))", program.summary())
    assert [text[1] for text in products] == shapes
    assert {name for pair in arrows(dot) for name in pair} == set(boxes(dot))
    assert viz.to_svg(program, theme="dark").startswith("<svg")


def test_a_program_names_its_parameters_and_explains_the_row_of_the_bias() -> None:
    program = per_sample_program()
    program(np.ones((5, 2)), np.ones(5))
    dot = to_dot(program)
    assert texts(box_with(dot, "layers.0"))[1] == "48 of 65 parameters"
    assert texts(box_with(dot, "layers.1.neurons.0"))[1] == "17 of 65 parameters"
    assert dot.count("with a row of ones, for the bias") == 2
    assert texts(box_with(dot, "x"))[1] == "(2, B)"
    assert texts(box_with(dot, "y"))[1] == "(1, B)"


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_program_ends_where_the_losses_of_the_samples_become_one(reduction: Any) -> None:
    w = Value(0.5)
    loss = compile(lambda x: w * x * x, [w], per_sample=True, reduction=reduction)
    loss([1.0, 2.0])
    assert f"{reduction} over B" in to_dot(loss)
    predictions = compile(lambda x: w * x * x, per_sample=True)
    predictions([1.0, 2.0])
    assert " over B" not in to_dot(predictions)


def test_a_product_for_each_sample_says_so_in_drawing_and_summary() -> None:
    w = [[Value(0.1), Value(0.2), Value(0.3)], [Value(0.4), Value(0.5), Value(0.6)]]

    def scores(x: list[list[Value]]) -> Value:
        q = [[functional.dot(row, token) for row in w] for token in x]
        return functional.sum([functional.exp(functional.dot(a, b)) for a in q for b in q])

    program = compile(scores, [*w[0], *w[1]], per_sample=True)
    program(np.ones((5, 4, 3)))
    assert "(4, 2) @ (2, 4) for each sample" in program.summary()
    assert "(4, 2) @ (2, 4) for each sample" in to_dot(program)


def test_a_program_is_refused_before_its_first_call_and_over_the_limit() -> None:
    program = per_sample_program()
    with pytest.raises(ShapeError, match="call it once"):
        to_dot(program)
    program(np.ones((5, 2)), np.ones(5))
    with pytest.raises(GraphError, match="more than max_nodes=3"):
        to_dot(program, max_nodes=3)


def test_a_program_of_plain_arithmetic_has_nothing_to_draw() -> None:
    irregular = [(4, 1), (0, 6), (2, 5), (6, 3), (1, 1), (3, 0), (5, 2), (7, 4)]
    program = compile(
        lambda x: functional.sum([x[i] * functional.maximum(x[j], x[i + 1]) for i, j in irregular])
    )
    program(np.arange(9.0))
    assert program.plan is None
    with pytest.raises(GraphError, match="plain arithmetic"):
        to_dot(program)
    assert notebook.svg_or_none(program) is None


def test_a_notebook_shows_models_and_programs() -> None:
    program = per_sample_program()
    assert notebook.svg_or_none(program) is None
    program(np.ones((5, 2)), np.ones(5))
    assert notebook.svg_or_none(program) == str(viz.to_svg(program))
    model = network()
    assert notebook.svg_or_none(model) == str(viz.to_svg(model))
    assert notebook.svg_or_none(Module()) is None


HOSTILE: Final = ["<script>alert(1)</script>", '"\\N{x}', "two\nlines", "日本 é", "x" * 30_000]


@pytest.mark.parametrize("detail", ["neurons", "layers"])
@pytest.mark.parametrize("label", HOSTILE)
def test_labels_stay_data_in_the_coarser_drawings(detail: str, label: str) -> None:
    x = [Value(1.0, label=label), Value(2.0, label=label + "2")]
    loss = MLP(2, [2, 1], rng=0)(x) * Value(2.0, label=label)
    loss.label = label
    root = ElementTree.fromstring(viz.to_svg(loss, detail=detail))
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    titles = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}title")]
    assert not any(re.search(r"\bb\d+(:\w)?->b\d", title) for title in titles)
    assert tags <= {"svg", "g", "title", "path", "polygon", "polyline", "text"}


@pytest.mark.parametrize("detail", ["ops", "neurons", "layers"])
@pytest.mark.parametrize("color", ["auto", "gradient"])
def test_gradients_of_another_loss_are_not_shown(detail: str, color: str) -> None:
    used, fresh = network(), network()
    batch_loss(used)  # its parameters have gradients, the output below has none
    drawings = [
        to_dot(model([0.5, 1.0]), detail=detail, color=color, parameters=model.parameters())
        for model in (used, fresh)
    ]
    assert drawings[0] == drawings[1]
    output = used([0.5, 1.0])
    output.backward()
    shown = to_dot(output, detail=detail, color=color, parameters=used.parameters())
    assert "grad" in shown
    assert shown != drawings[0]


def test_the_drawing_of_a_model_shows_the_gradients_of_the_last_loss() -> None:
    model = network()
    without = to_dot(model, detail="layers")
    batch_loss(model)
    assert to_dot(model, detail="layers") != without
