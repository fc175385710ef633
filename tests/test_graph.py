"""Which neuron, layer and model a node belongs to: told by identity of parameters and modules.

The models here are such as people compose: layers under names of their own, in lists and dicts,
nested, shared, two models in one graph, and loops without any module.
"""

from __future__ import annotations

import copy
import gc
import pickle
import re
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

import viz
from tests.box_pictures import BoxPicture
from tests.holding import held
from tinygrad_mlp import Value, functional
from tinygrad_mlp.debug import health, trace_backward, trace_forward
from tinygrad_mlp.engine import topological_order
from tinygrad_mlp.errors import NotANumberError
from tinygrad_mlp.functional import Scalar
from tinygrad_mlp.graph import layers_of, names_of, order_of, roles_of, units_of
from tinygrad_mlp.nn import MLP, Layer, Module, Neuron

X = [0.1, 0.2]


class OwnNames(Module):
    """Layers under names of their own, in a dict, and a scale that is in none."""

    def __init__(self) -> None:
        self.first = Layer(2, 3, activation="tanh", rng=0)
        self.heads = {"left": Layer(3, 1, None, rng=1), "right": Layer(3, 1, None, rng=2)}
        self.scale = Value(2.0)

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        h = self.first(x)
        return [self.scale * (self.heads["left"](h) + self.heads["right"](h))]


class Nested(Module):
    """An encoder and a decoder, each a network of its own."""

    def __init__(self) -> None:
        self.encoder = MLP(2, [3, 1], rng=0)
        self.decoder = MLP(1, [3, 2], rng=1)

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        return self.decoder([self.encoder(x)])  # type: ignore[no-any-return]


class Tied(Module):
    """One layer that is used twice."""

    def __init__(self) -> None:
        self.inner = Layer(2, 2, activation="tanh", rng=0)

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        return [functional.sum(self.inner(self.inner(x)))]


class Plain(Module):
    """Numbers in lists, and the sums written out."""

    def __init__(self) -> None:
        self.w1 = [[Value(0.1 * i + 0.2 * j) for j in range(2)] for i in range(3)]
        self.b1 = [Value(0.0) for _ in range(3)]
        self.w2 = [Value(0.5) for _ in range(3)]
        self.b2 = Value(0.0)

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        h = [sum((w * xi for w, xi in zip(row, x)), b).tanh() for row, b in zip(self.w1, self.b1)]
        return [sum((w * hi for w, hi in zip(self.w2, h)), self.b2)]


class Chained(Module):
    """Neurons in a list, one behind the other: no layer."""

    def __init__(self) -> None:
        self.stages = [Neuron(1, "tanh", rng=i) for i in range(3)]

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        first, *others = self.stages
        y = first.forward(x)
        for stage in others:
            y = stage.forward(y)
        return y


class Named(Module):
    """Two neurons whose weights are attributes."""

    def __init__(self) -> None:
        self.w1, self.w2, self.w3 = Value(0.5), Value(0.25), Value(-1.0)
        self.b1, self.b2 = Value(0.1), Value(0.2)

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        h = functional.dot([self.w1, self.w2], x, self.b1).tanh()
        return [functional.dot([self.w3], [h], self.b2)]


def loss_of(model: Module, x: Sequence[Scalar] = X) -> Value:
    outputs = model(x)
    return functional.sum(
        [y.square() for y in (outputs if isinstance(outputs, list) else [outputs])]
    )


def layers_in(loss: Value) -> list[str]:
    """The layers of the step log, from the input to the output."""
    layers = layers_of(topological_order(loss))
    return list(dict.fromkeys(layers[node] for node in layers if node.parents))


def drawn(loss: Value) -> list[tuple[str, str]]:
    """The layers of a drawing, each with what it says of its parameters."""
    found = []
    for box in BoxPicture(loss, detail="layers", names="code").boxes.values():
        shown = box.texts
        found += [(shown[0], text) for text in shown if re.fullmatch(r"\d+ parameters?", text)]
    return found


@pytest.mark.parametrize(
    ("build", "x", "layers"),
    [
        (lambda: MLP(2, [3, 1], rng=0), X, [("layers.0", 9), ("layers.1", 4)]),
        (OwnNames, X, [("first", 9), ("heads.left", 4), ("heads.right", 4)]),
        (
            Nested,
            X,
            [
                ("encoder.layers.0", 9), ("encoder.layers.1", 4),
                ("decoder.layers.0", 6), ("decoder.layers.1", 8),
            ],
        ),
        (Tied, X, [("inner", 6)]),
        (Plain, X, [("w1", 9), ("w2", 4)]),
        (Chained, [0.3], [("stages.0", 2), ("stages.1", 2), ("stages.2", 2)]),
        (Named, X, [("layer 1", 3), ("layer 2", 2)]),
    ],
)  # fmt: skip
def test_a_model_is_drawn_logged_and_judged_as_it_was_composed(
    build: Callable[[], Module], x: list[float], layers: list[tuple[str, int]]
) -> None:
    model = build()
    loss = loss_of(model, x)
    shown = [(name, f"{n} parameter{'s' if n > 1 else ''}") for name, n in layers]
    assert drawn(loss) == shown
    names = [name for name, _ in layers]
    assert [name for name in layers_in(loss) if name in names] == names
    loss.backward()
    report = {layer.name: layer.n_parameters for layer in health(model, loss).layers}
    assert {name: report[name] for name in names} == dict(layers)
    named = dict(model.named_parameters())
    assert {parameter.label for parameter in named.values()} == set(named)


class SharedWeights(Module):
    """Two layers with the same weights and biases of their own."""

    def __init__(self) -> None:
        self.a, self.b = Layer(2, 2, rng=0), Layer(2, 2, rng=1)
        for mine, other in zip(self.b.neurons, self.a.neurons):
            mine.w = other.w

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        return self.b.forward(self.a.forward(x))


def test_layers_that_share_their_weights_are_two() -> None:
    model = SharedWeights()
    loss = loss_of(model)
    report = health(model, loss)
    assert [(layer.name, layer.n_parameters) for layer in report.layers] == [("a", 6), ("b", 2)]
    assert layers_in(loss)[:2] == ["a", "b"]


def test_parameters_may_stand_on_the_right_of_a_product() -> None:
    class Right(Module):
        def __init__(self) -> None:
            self.w = [Value(1.0), Value(2.0)]

        def forward(self, x: Sequence[Scalar]) -> list[Value]:
            return [functional.dot(x, self.w)]

    model = Right()
    order = order_of([loss_of(model, [Value(3.0), Value(4.0)])])
    roles = roles_of(order, order[-1:], None)
    assert {roles[w] for w in model.w} == {"parameter"}
    assert [roles[x] for x in order if x.data in (3.0, 4.0)] == ["input", "input"]


def test_a_key_may_be_any_text() -> None:
    class Odd(Module):
        def __init__(self) -> None:
            self.parts = {
                "²": Layer(2, 2, rng=0),
                "a.b": Layer(2, 2, rng=1),
                "": Layer(2, 1, rng=2),
            }

        def forward(self, x: Sequence[Scalar]) -> list[Value]:
            return [functional.sum([y for part in self.parts.values() for y in part.forward(x)])]

    loss = loss_of(Odd())
    for detail in ("ops", "neurons", "layers"):
        assert "²" in viz.to_svg(loss, detail=detail)


def test_drawings_of_operations_name_the_model_too() -> None:
    first, second = MLP(1, [1], rng=0), MLP(1, [1], rng=1)
    for names in ("code", "math"):
        picture = BoxPicture(first([1.0]) * second([2.0]), detail="ops", names=names)
        assert {"MLP#1", "MLP#2"} <= set(re.findall(r"MLP#\d", picture.text))
        assert not any(box.tooltip[0].startswith("layers") for box in picture.boxes.values())


def test_what_is_in_no_neuron_is_shown_as_a_leaf() -> None:
    model = OwnNames()
    loss = loss_of(model)
    order = order_of([loss])
    roles = roles_of(order, [loss], None)
    assert roles[model.scale] == "parameter"
    assert model.scale not in units_of(order, roles)
    assert "scale" in viz.to_svg(loss, detail="layers")
    assert "scale" in [layer.name for layer in health(model, loss).layers]


def test_two_models_in_one_graph_are_two() -> None:
    generator, discriminator = MLP(1, [2, 1], rng=0), MLP(1, [3, 1], rng=1)
    loss = (discriminator([generator([0.3])]) - 1.0) ** 2
    assert drawn(loss) == [
        ("MLP#1.layers.0", "4 parameters"), ("MLP#1.layers.1", "3 parameters"),
        ("MLP#2.layers.0", "6 parameters"), ("MLP#2.layers.1", "4 parameters"),
    ]  # fmt: skip
    assert layers_in(loss) == [f"MLP#{model}.layers.{i}" for model in (1, 2) for i in (0, 1)]
    names = set(names_of(topological_order(loss)).values())
    assert {"MLP#1.layers.0.neurons.0.w.0", "MLP#2.layers.0.neurons.0.w.0"} <= names
    assert not any(name.endswith("#2") for name in names)
    html = viz.to_svg(loss, detail="neurons")
    assert html.count("MLP#1.layers.0.neurons.1") and html.count("MLP#2.layers.0.neurons.2")


def test_models_of_two_classes_are_called_by_their_classes() -> None:
    class Generator(MLP):
        pass

    loss = loss_of(MLP(1, [1], rng=0), [Generator(1, [1], rng=1)([0.5])])
    assert layers_in(loss) == ["Generator.layers.0", "MLP.layers.0"]


def test_a_part_that_was_called_first_belongs_to_the_whole_afterwards() -> None:
    model = Nested()
    before = loss_of(model.encoder)
    assert layers_in(before) == ["layers.0", "layers.1"]
    loss_of(model)
    assert layers_in(before) == ["encoder.layers.0", "encoder.layers.1"]
    model.encoder(X)  # by itself again: it stays a part
    assert model.encoder.layers[0].neurons[0].b.label == "encoder.layers.0.neurons.0.b"


def test_a_head_that_is_replaced_later_is_known() -> None:
    model = Nested()
    model(X)
    model.decoder = MLP(1, [2], rng=3)
    assert layers_in(loss_of(model))[-1] == "decoder.layers.0"
    model.decoder.layers[0] = Layer(1, 4, rng=4)
    assert drawn(loss_of(model))[-1] == ("decoder.layers.0", "8 parameters")


def rows_of(model: Module, x: Sequence[Scalar] = X) -> list[tuple[str, int]]:
    return [(layer.name, layer.n_parameters) for layer in health(model, loss_of(model, x)).layers]


def test_what_is_replaced_deep_in_a_part_is_known() -> None:
    model = Nested()
    model(X)
    model.encoder.layers[1] = Layer(3, 1, rng=5)
    assert rows_of(model)[:2] == [("encoder.layers.0", 9), ("encoder.layers.1", 4)]
    network = MLP(3, [2, 1], rng=0)
    network.layers[0].neurons[1].w[1] = Value(5.0)
    assert rows_of(network, [1.0, 2.0, 3.0]) == [("layers.0", 8), ("layers.1", 3)]
    network.layers[0].neurons[1] = Neuron(3, rng=1)
    assert rows_of(network, [1.0, 2.0, 3.0]) == [("layers.0", 8), ("layers.1", 3)]


def test_a_layer_that_is_taken_out_is_no_part_any_more() -> None:
    model = MLP(2, [2, 2, 1], rng=0)
    out = model.layers.pop(0)
    assert rows_of(model) == [("layers.0", 6), ("layers.1", 3)]
    assert [p.label for p in model.parameters()] == [n for n, _ in model.named_parameters()]
    assert out.neurons[0].b.label == "neurons.0.b"
    model.layers.reverse()
    model.label_parameters()
    assert model.layers[0].neurons[0].b.label == "layers.0.neurons.0.b"


def test_a_part_that_two_models_share_stays_with_the_first() -> None:
    head = Layer(2, 1, rng=0)

    class Tail(Module):
        def __init__(self, seed: int) -> None:
            self.body, self.head = Layer(2, 2, rng=seed), head

        def forward(self, x: Sequence[Scalar]) -> list[Value]:
            return self.head.forward(self.body.forward(x))

    first, second = Tail(1), Tail(2)
    before = loss_of(first)
    assert layers_in(before)[:2] == ["body", "head"]
    loss = loss_of(second)
    assert layers_in(before)[:2] == ["body", "head"]
    assert layers_in(loss)[:2] == ["Tail#1.body", "Tail#2.head"]
    del first, before
    gc.collect()
    second.label_parameters()
    assert layers_in(loss_of(second))[:2] == ["body", "head"]


def test_a_model_may_hold_anything_and_be_called_by_many_threads() -> None:
    class Collects(Module):
        def __init__(self) -> None:
            self.layer = Layer(2, 2, rng=0)
            self.seen: dict[int, Any] = {}
            self.ring: dict[str, Any] = {}
            self.ring["me"] = self.ring

        def forward(self, x: Sequence[Scalar]) -> list[Value]:
            self.seen[len(self.seen)] = list(x)
            return self.layer.forward(x)

    model, failures = Collects(), []

    def call() -> None:
        try:
            for _ in range(200):
                model(X)
        except Exception as error:  # whatever it is
            failures.append(error)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not failures
    assert model.layer.neurons[0].b.label == "layer.neurons.0.b"


def test_a_label_of_a_person_stays_and_says_nothing_of_the_structure() -> None:
    model = MLP(2, [2, 1], rng=0)
    weight = model.layers[1].neurons[0].w[0]
    weight.label = "layers.0.neurons.0.w.0"  # misleading on purpose
    loss = loss_of(model)
    assert drawn(loss) == [("layers.0", "6 parameters"), ("layers.1", "3 parameters")]
    assert weight.label == "layers.0.neurons.0.w.0"
    weight.label = ""
    assert weight.label == "layers.1.neurons.0.w.0"


def test_a_path_as_a_label_makes_no_model() -> None:
    w, b = Value(0.5, label="layers.0.neurons.0.w.0"), Value(0.1, label="layers.0.neurons.0.b")
    loss = (w * 2.0 + b).tanh()
    assert layers_in(loss) == []
    assert set(roles_of(order_of([loss]), [loss], None).values()) == {
        "input", "operation", "output", "constant",
    }  # fmt: skip


def test_loops_without_a_module_show_their_leaves() -> None:
    w = [Value(0.5, label="w1"), Value(-0.5, label="w2")]
    b = Value(0.25, label="b")
    y = (w[0] * 1.0 + w[1] * 2.0 + b).tanh()
    picture = BoxPicture(y, detail="layers")
    assert "parameters" not in picture.text
    assert {"w1", "w2", "b"} <= {box.texts[0] for box in picture.boxes.values()}


def through(loss: Value, how: str) -> Value:
    if how == "pickle":
        return pickle.loads(pickle.dumps(loss))  # type: ignore[no-any-return]
    return copy.deepcopy(loss) if how == "deepcopy" else loss


@pytest.mark.parametrize("how", ["the model is gone", "pickle", "deepcopy"])
def test_what_a_graph_knows_lives_as_long_as_the_graph(how: str) -> None:
    generator, discriminator = Nested(), Plain()
    loss = loss_of(discriminator, generator(X))
    expected = drawn(loss), layers_in(loss), list(names_of(topological_order(loss)).values())
    loss = through(loss, how)
    del generator, discriminator
    gc.collect()
    assert (
        drawn(loss), layers_in(loss), list(names_of(topological_order(loss)).values())
    ) == expected  # fmt: skip
    assert expected[1][0] == "Nested.encoder.layers.0"


def test_a_copied_model_is_another_model() -> None:
    online = MLP(1, [2, 1], rng=0)
    target = copy.deepcopy(online)
    loss = (online([1.0]) - target([2.0])) ** 2
    assert [name for name, _ in drawn(loss)] == [
        *("MLP#1.layers.0", "MLP#1.layers.1", "MLP#2.layers.0", "MLP#2.layers.1")
    ]
    assert [p.label for p in target.parameters()] == [p.label for p in online.parameters()]


def test_a_parameter_that_is_copied_by_itself_stands_in_no_model() -> None:
    model = MLP(2, [2, 1], rng=0)
    start = [copy.deepcopy(parameter) for parameter in model.parameters()]
    loss = functional.sum([(p - q).square() for p, q in zip(model.parameters(), start)])
    assert [q.place for q in start] == [None] * len(start)
    assert [q.label for q in start] == [p.label for p in model.parameters()]
    assert "#" not in "".join(layers_of(topological_order(loss + loss_of(model))).values())


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_parameters_are_pickled_with_their_places(protocol: int) -> None:
    parameter = MLP(2, [1], rng=0).layers[0].neurons[0].b
    again = pickle.loads(pickle.dumps(parameter, protocol))
    assert again.label == parameter.label
    assert again.place.owner.model.kind == "MLP"


def test_modules_that_hold_each_other_come_to_an_end() -> None:
    class Child(Module):
        def __init__(self, parent: Any) -> None:
            self.parent = parent
            self.w = [Value(1.0)]

        def forward(self, x: Sequence[Scalar]) -> list[Value]:
            return [functional.dot(self.w, x)]

    class Parent(Module):
        def __init__(self) -> None:
            self.child = Child(self)

        def forward(self, x: Sequence[Scalar]) -> list[Value]:
            return self.child.forward(x)

    model = Parent()
    model.child([1.0])
    model([1.0])
    assert model.child.w[0].label in {"child.w.0", "w.0"}


def test_all_that_look_at_a_graph_agree() -> None:
    model = Nested()
    loss = loss_of(model)
    order = topological_order(loss)
    layers = layers_of(order)
    units = units_of(order, roles_of(order, [loss], None))
    assert {node: unit.layer.name for node, unit in units.items()} == {
        node: layers[node] for node in units
    }
    assert trace_forward(loss).layers == layers
    assert trace_backward(loss).layers == layers


def test_interior_nodes_pay_nothing() -> None:
    weight = Value(1.0)
    held(w=[weight])
    node = weight * 2.0
    assert weight.place is not None
    assert node.place is None
    assert node._label == ""


def test_the_order_of_several_outputs_is_that_of_each_one_without_what_came_before() -> None:
    a, b = Value(1.0), Value(2.0)
    shared = (a * b).tanh()
    outputs = [shared + a, functional.dot([a, b, shared], [b, shared, 3.0]), shared, a, shared * b]
    expected: list[Value] = []
    for output in outputs:
        expected += [node for node in topological_order(output) if node not in expected]
    assert order_of(outputs) == expected


def test_the_order_of_several_outputs_sees_what_is_no_number() -> None:
    a, b = Value(1.0), Value(2.0)
    outputs = [a * 2.0, a * b]
    b.data = "2"  # type: ignore[assignment]
    with pytest.raises(NotANumberError, match="input 2 of mul"):
        order_of(outputs)
