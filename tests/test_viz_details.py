"""The coarser drawings, which detail is chosen, frames, and models."""

from __future__ import annotations

import math
import re

import pytest

import viz
from tests.box_pictures import N_SAMPLES, NORM, SVG, Arrow, BoxPicture, batch_loss, network
from tests.holding import held
from tinygrad_mlp import functional
from tinygrad_mlp.debug import worked_example
from tinygrad_mlp.derivatives import grad
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError, UnknownNameError
from tinygrad_mlp.graph import Unit, order_of, roles_of, units_of
from tinygrad_mlp.losses import loss_named
from tinygrad_mlp.nn import MLP, Layer, Module, Neuron
from viz import to_dot
from viz._boxes.condense import condense
from viz._boxes.neurons import formula
from viz._scene.scene import plain
from viz._style.markup import number

# Layers


def test_a_layer_is_one_box_with_shapes_parameters_and_gradient_norm() -> None:
    model = network()
    box = BoxPicture(batch_loss(model), detail="layers").box("layer 2")
    norm = math.hypot(*[p.grad for p in model.layers[1].parameters()])
    assert box.texts[:5] == [
        *("layer 2", f"× {N_SAMPLES}", "3 neurons, tanh"),
        *("weight (3, 4), bias (3)", "15 parameters"),
    ]
    assert box.tooltip[0] == "layers.1"
    assert f"norm of the gradient of its parameters = {norm!r}" in box.tooltip
    assert float(box.numbers[NORM]) == pytest.approx(norm, rel=1e-3)
    assert box.texts[-1] == "reads 4 values"


def test_what_repeats_for_each_sample_is_drawn_once() -> None:
    picture = BoxPicture(batch_loss(network()), detail="layers", constants=False)
    first = [box.texts[0] for box in picture.boxes.values()]
    assert sorted(first) == sorted(
        [*("2 inputs", "layer 1", "layer 2", "layer 3"), "−", "^", "+", "÷", "input"]
    )


def test_layers_of_one_sample_do_not_say_how_often() -> None:
    picture = BoxPicture(network()([1.0, 2.0]), detail="layers")
    assert "× " not in picture.text
    assert len(picture.boxes) == 4
    assert picture.pairs == [("b0", "b1"), ("b1", "b2"), ("b2", "b3")]


# Recurrent cells


def recurrent(n_cells: int, n_steps: int) -> Value:
    cells = Layer(n_cells + 1, n_cells, activation="tanh", rng=0).neurons
    h: list[Value | float] = [0.0] * n_cells
    for step in range(n_steps):
        h = [cell([*h, 0.5 - step]) for cell in cells]
    return functional.sum(h)


@pytest.mark.parametrize("n_steps", [2, 3])
def test_a_neuron_says_that_it_reads_what_it_gave_out(n_steps: int) -> None:
    (box,) = [
        box
        for box in BoxPicture(recurrent(1, n_steps), detail="neurons").boxes.values()
        if any(text.startswith("tanh(") for text in box.texts)
    ]
    times = "1 time" if n_steps == 2 else "2 times"
    assert f"reads its own output {times}" in box.texts
    assert f"× {n_steps}" in box.texts


def test_a_layer_says_that_it_reads_what_it_gave_out() -> None:
    picture = BoxPicture(recurrent(2, 3), detail="layers")
    assert "reads its own output 2 times" in picture.box("layer 1").texts


@pytest.mark.parametrize("detail", ["layers", "neurons"])
def test_a_batch_reads_nothing_of_its_own(detail: str) -> None:
    assert "its own output" not in BoxPicture(batch_loss(network()), detail=detail).text


# Neurons


def two_neurons() -> tuple[Value, Layer]:
    model = Layer(2, 2, "tanh", rng=0)
    model.neurons[1].w[0].data, model.neurons[1].w[1].data = 0.5, -1.25
    model.neurons[1].b.data = 0.75
    outputs = model([3.0, 4.0])
    return outputs[0] + outputs[1], model


def test_a_neuron_is_one_box_with_its_formula() -> None:
    total, _ = two_neurons()
    picture = BoxPicture(total, detail="neurons")
    box = picture.box("ŷ2")
    assert box.texts[1] == "tanh(0.5·x1 − 1.25·x2 + 0.75)"
    assert box.numbers["data"] == number(total.parents[1].data)
    indices = [
        span.text
        for text in picture.root.iter(f"{SVG}text")
        if "tanh(0.5" in "".join(text.itertext())
        for span in text.iter(f"{SVG}tspan")
        if float(span.get("dy", 0.0)) > 0.0
    ]
    assert indices == ["1", "2"]  # real indices
    assert BoxPicture(total, detail="neurons", names="code").box("neuron 1").texts[1] == (
        "tanh(0.5·x1 − 1.25·x2 + 0.75)"
    )


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
    names = [plain(f"x{i + 1}") for i in range(len(weights))]
    assert "".join([run.text for run in formula("linear", weights, names, bias)]) == text


def test_a_bias_of_0_stands_in_the_formula() -> None:
    runs = formula("relu", [1.0], [plain("x1")], 0.0)
    assert [run.text for run in runs] == ["relu(1·x1 + 0)"]


@pytest.mark.parametrize(
    ("names", "first", "missing"), [("code", "a0", "a4"), ("math", "h1(1)", "h5(1)")]
)
def test_formulas_count_neurons_as_their_boxes_do(names: str, first: str, missing: str) -> None:
    picture = BoxPicture(network()([1.0, 2.0]), detail="neurons", names=names)
    second = first.replace("a0", "a1").replace("h1", "h2")
    formulas = [box.texts[1] for box in picture.boxes.values() if len(box.texts) > 1]
    pattern = rf"·{re.escape(first)} [+−] .*·{re.escape(second)} [+−] … "
    assert any(re.search(pattern, text) for text in formulas)
    assert not any(missing in text for text in formulas)


def test_arrows_carry_the_derivative_of_one_neuron_by_another() -> None:
    model = MLP(1, [1, 1], activation="tanh", rng=3)
    hidden = model.layers[0]([0.7])
    output = model.layers[1]([hidden])
    picture = BoxPicture(output, detail="neurons")
    (derivative,) = grad(output, [hidden])
    arrow = picture.arrows[-1]
    assert f"local derivative = {derivative!r}" in arrow.tooltip
    assert picture.boxes[arrow.target].derivatives == {"h1(1)": number(derivative)}


def test_neurons_stand_in_the_frame_of_their_layer_in_their_order() -> None:
    picture = BoxPicture(network()([1.0, 2.0]), detail="neurons")
    assert picture.titles == ["layer 1 · 4 neurons", "layer 2 · 3 neurons", "layer 3 · 1 neuron"]
    inside = [
        [b.texts[0] for b in picture.boxes.values() if f.left < b.left and b.right < f.right]
        for f in picture.frames.values()
    ]
    assert inside == [
        [f"h{i}(1)" for i in range(1, 5)], [f"h{i}(2)" for i in range(1, 4)], ["ŷ1"]
    ]  # fmt: skip


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
        assert "3 parameters" not in viz.to_svg(loss, detail="layers")


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
    picture = BoxPicture(loss, detail="neurons", names="code")
    norm = math.hypot(nodes["w1"].grad, nodes["w2"].grad)
    assert picture.box("out_h1").numbers[NORM] == number(norm)
    assert picture.box("b1").rows == [["b1", "0.35"], ["grad", number(nodes["b1"].grad)]]
    layers = BoxPicture(loss, detail="layers", names="code")
    assert layers.box("layer 2").texts[2:4] == [*("weight (2, 2), bias b2 shared", "4 parameters")]
    assert layers.box("diff_o2").texts[0] == "t2 − out_o2"
    for h in ("h1", "h2"):
        slope = functional.sigmoid(nodes[f"net_{h}"].data)
        expected = number(slope.data * (1 - slope.data))
        assert picture.box(f"out_{h}").derivatives["b1"] == expected


def test_an_operand_from_a_layer_says_which_neuron_it_is() -> None:
    scores = Layer(2, 3, None, rng=0)([1.0, 2.0])
    loss = functional.logsumexp(scores) - scores[2]
    for names, text in (("code", "logsumexp − neurons [2]"), ("math", "logsumexp − z3(1)")):
        *_, last = BoxPicture(loss, detail="layers", names=names).boxes.values()
        assert last.texts[0] == text


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
    BoxPicture(order[-1], detail="neurons", parameters=given).box("tanh(0.1·x1 + 1.1·x2 + 0.5)")
    BoxPicture(order[-1], detail="layers", parameters=given).box("weight (2, 2), bias (2)")
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
    picture = BoxPicture((MLP(2, sizes, rng=0)([0.5, 0.5]) - 1.0) ** 2)
    assert {name[0] for name in picture.boxes} == {boxes_of}


@pytest.mark.parametrize("detail", ["neurons", "layers"])
def test_what_is_far_too_large_is_refused_before_it_is_counted(detail: str) -> None:
    x = Value(0.5)
    for _ in range(10_000):
        x = x.tanh()
    with pytest.raises(GraphError, match=r"more than 200 boxes even with detail"):
        to_dot(x, detail=detail, max_nodes=10)


def test_auto_draws_operations_as_long_as_they_can_be_read() -> None:
    assert "n0" in BoxPicture(MLP(2, [2, 1], rng=0)([1.0, 2.0])).boxes
    middle = BoxPicture(MLP(4, [8, 8, 3], rng=0)([1.0] * 4)[0], max_nodes=100)
    assert "layer 1 · 8 neurons" in middle.titles
    BoxPicture(batch_loss(MLP(2, [16, 16, 1], rng=0))).box("weight (16, 16), bias (16)")


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


@pytest.mark.parametrize("direction", ["LR", "RL", "TB", "BT"])
def test_operations_have_frames_of_neurons_in_frames_of_layers(direction: str) -> None:
    picture = BoxPicture(worked_example(), detail="ops", direction=direction, names="code")
    neurons = ["out_h1", "out_h2", "out_o1", "out_o2"]
    assert [f.texts for f in picture.frames.values()] == [
        [text] for text in ("layer 1", "layer 2", *neurons)
    ]
    layers, within = list(picture.frames.values())[:2], list(picture.frames.values())[2:]
    for place, frame in enumerate(within):
        layer = layers[place // 2]
        assert layer.left < frame.left < frame.right < layer.right
        assert layer.top < frame.top < frame.bottom < layer.bottom
        assert frame.tooltip == [f"layer {1 + place // 2}.neuron {place % 2}"]
        inside = {
            box.tooltip[0] for box in picture.boxes.values()
            if frame.left < box.left and box.right < frame.right
            and frame.top < box.top and box.bottom < frame.bottom
        }  # fmt: skip
        name = neurons[place]
        weights = {f"w{2 * place + 1}", f"w{2 * place + 2}"}
        assert inside == {name, name.replace("out", "net"), *weights}


def test_in_the_frame_of_a_unit_that_books_name_no_title_repeats_it() -> None:
    picture = BoxPicture(worked_example(), detail="ops")
    assert picture.titles == ["layer 1", "layer 2"]
    assert len(picture.frames) == 6


def test_a_neuron_that_several_arrows_leave_is_no_single_tree() -> None:
    """What is used outside stands by itself, so that no line runs through a frame."""
    neuron = Neuron(1, "tanh", rng=0)
    y = neuron([Value(0.5, label="x")])
    (z,) = y.parents
    total = y * z + Neuron(1, "tanh", rng=1)([y])
    picture = BoxPicture(total, detail="ops")
    ids = {node: f"n{place}" for place, node in enumerate(order_of([total]))}
    sides = [
        [frame for frame in picture.frames.values() if len(frame.texts) == 0
         and frame.left < picture.boxes[ids[node]].left < frame.right
         and frame.top < picture.boxes[ids[node]].top < frame.bottom]
        for node in (y, z)
    ]  # fmt: skip
    assert [len(found) for found in sides] == [0, 1]
    assert len(picture.arrows) == sum(len(node.parents) for node in order_of([total]))


# Models


def test_a_model_is_drawn_without_data_and_left_as_it_is() -> None:
    model = network().train()
    first = [box.texts[0] for box in BoxPicture(model, detail="layers").boxes.values()]
    assert first == ["2 inputs", "layer 1", "layer 2", "layer 3"]
    for detail in ("neurons", "layers"):
        texts = [t for box in BoxPicture(model, detail=detail).boxes.values() for t in box.texts]
        assert not {"data", "grad"} & set(texts)
    operations = BoxPicture(model, detail="ops", names="code")
    weight = model.layers[0].neurons[0].w[0]
    assert operations.box(number(weight.data)).rows == [["w.0", number(weight.data)]]
    shown = [box for box in operations.boxes.values() if box.role == "parameter"]
    assert len(shown) == len(model.parameters())
    assert all(len(box.texts) == 2 for box in shown)
    assert model.training
    assert not any(parameter.has_grad for parameter in model.parameters())
    assert len(BoxPicture(Neuron(3, rng=0), detail="neurons").boxes) == 4


def test_a_model_that_does_not_say_its_number_of_inputs_is_refused() -> None:
    with pytest.raises(GraphError, match="n_inputs"):
        to_dot(Module())


def test_the_drawing_of_a_model_shows_the_gradients_of_the_last_loss() -> None:
    model = network()
    without = BoxPicture(model, detail="layers").text
    batch_loss(model)
    assert BoxPicture(model, detail="layers").text != without


def test_lines_are_straight_where_no_box_stands_in_their_way() -> None:
    model = MLP(3, [6, 6, 1], activation="tanh", rng=0)
    output = model([1.0, 2.0, 3.0])
    (slope,) = grad(output, model.parameters()[:1], create_graph=True)
    target = Value(1.0, label="target")
    straight = BoxPicture((output - target) ** 2, detail="neurons")
    assert all(map(is_straight, straight.arrows))
    assert not all(map(is_straight, BoxPicture(slope, detail="neurons").arrows))


def is_straight(arrow: Arrow) -> bool:
    """Whether the piece between the boxes, the stub before the head apart, is straight."""
    (x1, y1), *others, (x2, y2) = arrow.points[:4]
    return all(abs((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)) < 1.0 for x, y in others)
