"""What books call the nodes of a graph: letters, layers, indices; and every spelling read back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest

from tests.holding import held
from tests.test_debug_console import answer
from tests.test_graph import Nested, OwnNames, Plain, Tied
from tinygrad_mlp import Value, functional
from tinygrad_mlp.debug import worked_example
from tinygrad_mlp.debug.session import Session
from tinygrad_mlp.errors import InvalidArgumentError, UnknownNameError
from tinygrad_mlp.functional import Scalar
from tinygrad_mlp.graph import (
    MathName,
    TextbookNames,
    names_of,
    order_of,
    parse_name,
    roles_of,
    textbook_names,
    units_of,
)
from tinygrad_mlp.nn import MLP, Layer, Module, Neuron

X = [0.5, -1.0]


def named(*outputs: Value, **settings: Any) -> TextbookNames:
    order = order_of(outputs)
    roles = roles_of(order, outputs, None)
    return textbook_names(order, roles, units_of(order, roles), **settings)


def network(hidden: int = 3) -> MLP:
    return MLP(2, [hidden, 1], activation="tanh", rng=0)


# Letters, layers, indices


@pytest.mark.parametrize(
    ("index", "weight", "bias"),
    [("unit,input", "w[1]_31", "b[1]_3"), ("input,unit", "w[1]_13", "w[1]_03")],
)
def test_a_weight_leads_from_its_input_to_its_unit(index: str, weight: str, bias: str) -> None:
    model = network()
    found = named(model(X), index=index)
    neuron = model.layers[0].neurons[2]
    assert found.names[neuron.w[0]].typed == weight
    assert found.names[neuron.b].typed == bias
    assert found.find(weight) is neuron.w[0]


def test_every_node_of_a_network_and_its_error_has_its_name() -> None:
    model = network(2)
    output = model(X)
    found = named((output - 1.0) ** 2)
    hidden = output.parents[2:4]
    sums = [h.parents[0] for h in hidden]
    assert [str(found.names[h]) for h in hidden] == ["h₁⁽¹⁾", "h₂⁽¹⁾"]
    assert [str(found.names[z]) for z in sums] == ["z₁⁽¹⁾", "z₂⁽¹⁾"]
    assert [str(found.names[x]) for x in sums[0].parents[2:4]] == ["x₁", "x₂"]
    assert [str(found.error_of(z)) for z in sums] == ["δ₁⁽¹⁾", "δ₂⁽¹⁾"]
    assert str(found.names[output]) == "ŷ₁"
    assert found.error_of(hidden[0]) is None
    assert sorted(found.layer_numbers.values()) == [1, 2]


def test_hidden_units_may_give_out_an_a() -> None:
    output = network()(X)
    assert str(named(output, hidden="a").names[output.parents[3]]) == "a₁⁽¹⁾"


def test_the_indices_of_large_layers_are_told_apart() -> None:
    model = MLP(11, [12, 1], rng=0)
    found = named(model([0.0] * 11))
    assert found.names[model.layers[0].neurons[11].w[0]].typed == "w[1]_12,1"
    assert found.names[model.layers[0].neurons[0].w[10]].latex == "w_{1,11}^{(1)}"
    assert found.names[model.layers[0].neurons[0].w[8]].latex == "w_{19}^{(1)}"


def test_a_single_neuron_has_neither_layer_nor_unit() -> None:
    neuron = Neuron(2, "tanh", rng=0)
    found = named(neuron(X))
    assert [str(found.names[p]) for p in neuron.parameters()] == ["w₁", "w₂", "b"]


def test_a_unit_keeps_its_number_where_the_graph_has_not_all_of_its_layer() -> None:
    model = network()
    third = model.layers[0].forward([Value(1.0), Value(2.0)])[2]
    found = named(third)
    assert str(found.names[third]) == "h₃⁽¹⁾"  # no output: the model goes on behind it


# What the model says, and what it does not


def test_the_sum_before_a_softmax_is_no_prediction() -> None:
    outputs = MLP(2, [2], output_activation="softmax", rng=0).forward(X)
    found = named(*outputs)
    names = {str(name) for name in found.names.values()}
    assert {"z₁⁽¹⁾", "z₂⁽¹⁾"} < names
    assert not any(name.hat for name in found.names.values())


@pytest.mark.parametrize(
    ("activation", "names"), [("sigmoid", ("z₁⁽²⁾", "ŷ₁")), (None, ("ŷ₁", "ŷ₁"))]
)
def test_the_output_is_an_estimate(activation: str | None, names: tuple[str, str]) -> None:
    model = MLP(2, [2, 1], output_activation=activation, rng=0)
    output = model(X)
    found = named((output - 1.0).square())
    z = output.parents[0] if activation else output
    assert (str(found.names[z]), str(found.names[output])) == names


def test_a_sum_that_goes_on_is_none() -> None:
    output = network()(X)
    assert str(named(output.exp()).names[output]) == "z₁⁽²⁾"
    assert str(named(output - output.exp()).names[output]) == "z₁⁽²⁾"
    shared = Value(0.5)
    assert str(named(output - shared, shared.exp()).names[output]) == "z₁⁽²⁾"


# Models of all kinds


def test_the_layers_of_an_autoencoder_are_numbered_through() -> None:
    model = Nested()
    found = named(*model([0.1, 0.2]))
    layers = {layer.name: number for layer, number in found.layer_numbers.items()}
    assert layers == {
        "encoder.layers.0": 1,
        "encoder.layers.1": 2,
        "decoder.layers.0": 3,
        "decoder.layers.1": 4,
    }


def test_layers_side_by_side_keep_the_names_of_the_program() -> None:
    model = OwnNames()
    found = named(model(X))
    head = model.heads["left"].neurons[0].w[1]
    assert found.names[head] == MathName.code("heads.left.neurons.0.w.1")
    assert str(found.names[model.first.neurons[1].w[0]]) == "w₂₁⁽¹⁾"
    assert str(found.names[model.scale]) == "scale"


def test_parameters_in_lists_have_names_too() -> None:
    model = Plain()
    found = named(model(X))
    assert str(found.names[model.w1[2][1]]) == "w₃₂⁽¹⁾"
    assert str(found.names[model.b1[2]]) == "b₃⁽¹⁾"
    assert str(found.names[model.w2[2]]) == "w₁₃⁽²⁾"
    inputs = [str(name) for name in found.names.values() if name.base == "x"]
    assert inputs == ["x₁", "x₂", "x₁#2", "x₂#2", "x₁#3", "x₂#3"]  # made anew for each neuron


def test_a_layer_used_twice_has_its_weights_once_and_its_outputs_twice() -> None:
    model = Tied()
    found = named(model(X))
    texts = [str(name) for name in found.names.values()]
    assert texts.count("w₁₁⁽¹⁾") == texts.count("h₁⁽¹⁾") == texts.count("h₁⁽¹⁾#2") == 1


def test_a_layer_inside_a_model_is_not_called_the_first() -> None:
    model = network()
    second = model.layers[1].forward([Value(0.1), Value(0.2), Value(0.3)])[0]
    found = named(second)
    assert found.layer_numbers == {}
    assert str(found.names[model.layers[1].neurons[0].b]) == "layers.1.neurons.0.b"


def test_of_two_models_each_name_says_which() -> None:
    first, second = MLP(2, [1], rng=0), MLP(2, [2, 1], rng=1)
    x = [Value(1.0), Value(2.0)]
    found = named(first(x) + second(x))
    weight = second.layers[1].neurons[0].w[1]
    assert found.names[weight].typed == "MLP#2.w[2]_12"
    assert found.names[weight].latex == r"\texttt{MLP\#2}\,w_{12}^{(2)}"
    assert found.find("MLP#2.w[2]_12") is weight
    assert [str(found.names[leaf]) for leaf in x] == ["x₁", "x₂"]


def test_two_samples_have_the_same_names_and_a_number() -> None:
    model = network()
    outputs = [model(X), model([2.0, 3.0])]
    found = named(outputs[0] + outputs[1])
    hidden = [str(found.names[output.parents[3]]) for output in outputs]
    assert sorted(hidden) == ["h₁⁽¹⁾", "h₁⁽¹⁾#2"]
    latex = {found.names[output.parents[3]].latex for output in outputs}
    assert latex == {"h_{1}^{(1)}", r"h_{1}^{(1)\,\#2}"}


class Skipping(Module):
    """The second layer reads the first and the inputs."""

    def __init__(self) -> None:
        self.a = Layer(2, 2, "tanh", rng=0)
        self.b = Layer(4, 1, None, rng=1)

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        return self.b.forward([*self.a.forward(x), *x])


def test_inputs_beside_units_are_counted_by_their_place() -> None:
    model = Skipping()
    found = named(model([Value(1.0), Value(2.0)]))
    assert [str(found.names[w]) for w in model.b.neurons[0].w] == [
        *("w₁₁⁽²⁾", "w₁₂⁽²⁾", "w₁₃⁽²⁾", "w₁₄⁽²⁾")
    ]


def test_an_input_of_a_later_layer_alone_is_no_x() -> None:
    model = Skipping()
    late = Value(3.0)
    found = named(*model.b.forward([*model.a.forward([1.0, 2.0]), late, late]))
    assert found.names[late].is_code


def test_inputs_that_units_share_have_one_number() -> None:
    """Each unit reads two of three neighbors, with weights of its own."""
    w = [[Value(0.1), Value(0.2)], [Value(0.3), Value(0.4)]]
    held(w=w)
    x = [Value(1.0), Value(2.0), Value(3.0)]
    found = named(functional.dot(w[0], x[:2]), functional.dot(w[1], x[1:]))
    assert [str(found.names[leaf]) for leaf in x] == ["x₁", "x₂", "x₃"]
    assert [str(found.names[weight]) for weight in w[1]] == ["w₂₂⁽¹⁾", "w₂₃⁽¹⁾"]


def test_weights_of_two_layers_keep_the_names_of_the_program() -> None:
    """The decoder of an autoencoder that reads the matrix of the encoder the other way round."""
    w = [[Value(0.1), Value(0.2)], [Value(0.3), Value(0.4)]]
    held(w=w)
    code = [functional.dot(row, [1.0, 2.0]) for row in w]
    outputs = [functional.dot(list(column), code) for column in zip(*w)]
    found = named(*outputs)
    assert [str(found.names[weight]) for row in w for weight in row] == [
        *("w.0.0", "w.0.1", "w.1.0", "w.1.1")
    ]


def test_of_two_biases_none_is_the_bias() -> None:
    w, b, c = [Value(0.5)], Value(0.25), Value(1.0)
    held(w=w, first=b, second=c)
    found = named(functional.sum([w[0] * 3.0, b, c]))
    assert [str(found.names[leaf]) for leaf in (w[0], b, c)] == ["w₁", "first", "second"]


def test_loops_beside_a_model_keep_the_names_of_the_program() -> None:
    model = network()
    loose = functional.dot([Value(2.0)], [model(X)], Value(0.5))
    found = named(loose)
    assert found.names[loose].is_code
    assert {layer.name for layer in found.layer_numbers} == {"layers.0", "layers.1"}
    alone = functional.dot([Value(2.0)], [Value(3.0)], Value(0.5))
    assert str(named(alone).names[alone.parents[0]]) == "w₁₁⁽¹⁾"


def test_a_shared_bias_and_what_is_labeled_keep_their_names() -> None:
    loss = worked_example()
    found = named(loss)
    shown = {str(name) for name in found.names.values()}
    assert {"w₅", "b₁", "net_h1", "out_o2", "E_o1", "L", "t₁"} < shown
    assert found.find("b1").label == "b1"


def test_no_two_nodes_share_a_name_whatever_their_labels() -> None:
    model = network()
    model.layers[0].neurons[0].b.label = "w[1]_21"
    model.layers[0].neurons[1].b.label = "w11"
    leaf = Value(1.0, label="w11")
    found = named(model([Value(2.0, label="w11"), leaf]))
    texts = [str(name) for name in found.names.values()]
    assert len(set(texts)) == len(texts)


def test_without_a_network_all_names_are_those_of_the_program() -> None:
    order = order_of([(Value(2.0) * Value(3.0)).exp()])
    roles = roles_of(order, order[-1:], None)
    found = textbook_names(order, roles, units_of(order, roles))
    assert [str(found.names[node]) for node in order] == list(names_of(order).values())
    assert found.code == names_of(order)


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"input,unit, unit,input"):
        named(network()(X), index="input")
    with pytest.raises(UnknownNameError, match=r"known: a, h"):
        named(network()(X), hidden="o")


# Ways to write a name, and to read it


@pytest.mark.parametrize("settings", [{}, {"index": "input,unit", "hidden": "a"}])
@pytest.mark.parametrize("model", [network(), MLP(2, [12, 11, 2], rng=0), Neuron(2, rng=0)])
def test_every_name_is_found_again_in_every_spelling(
    model: MLP | Neuron, settings: dict[str, str]
) -> None:
    found = named(*model.forward(X), **settings)
    for node, name in found.names.items():
        for text in (name.typed, name.text, name.latex, found.code[node]):
            assert found.find(text) is node, text


@pytest.mark.parametrize(
    "text",
    [
        *("w[1]_21", "w(1)_21", "w_21[1]", "w_21^(1)", "w^(1)_21", "w^{(1)}_{21}", "w_{21}^{(1)}"),
        *("w₂₁⁽¹⁾", "w⁽¹⁾₂₁", "w_{2,1}^{(1)}", " w [1] _21", "w21[1]", "w_2,1[1]"),
    ],
)
def test_a_weight_is_read_in_every_spelling(text: str) -> None:
    assert parse_name(text) == MathName("w", (2, 1), layer=1)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("h[2]_13", MathName("h", (13,), 2)),
        ("yhat_1", MathName("y", (1,), hat=True)),
        ("y_hat_1", MathName("y", (1,), hat=True)),
        ("ŷ₁", MathName("y", (1,), hat=True)),
        (r"\hat{y}_{1}", MathName("y", (1,), hat=True)),
        ("yhat", MathName("y", hat=True)),
        ("δ₁⁽²⁾", MathName("delta", (1,), 2)),
        (r"\delta_{1}^{(2)}", MathName("delta", (1,), 2)),
        ("w_1", MathName("w", (1,))),
        ("b", MathName("b")),
        ("MLP#2.z[1]_3#4", MathName("z", (3,), 1, owner="MLP#2", copy=4)),
    ],
)
def test_other_names_are_read(text: str, name: MathName) -> None:
    assert parse_name(text) == name
    assert parse_name(name.typed) == parse_name(name.text) == name


def test_three_digits_ask_for_a_comma() -> None:
    with pytest.raises(InvalidArgumentError, match=r"3 digits.* w_12,3"):
        parse_name("w_123")


@pytest.mark.parametrize("text", ["", "w[1", "1w", "w[a]_1", "w__1", "w_1_2", "layers.0.w", "<w>"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match=re.escape(repr(text))):
        parse_name(text)


def test_an_unknown_name_lists_the_known_ones() -> None:
    found = named(network()(X))
    for text in ("w[3]_11", "w_111", "nothing"):
        with pytest.raises(UnknownNameError, match=r"unknown node .*w\[1\]_1"):
            found.find(text)


@pytest.mark.parametrize("command", ["print", "check"])
def test_the_console_takes_both_spellings(command: str) -> None:
    model = network()
    loss = (model(X) - 1.0) ** 2
    names = ("layers.0.neurons.2.w.1", "w[1]_32", "w₃₂⁽¹⁾")
    answers = {answer(f"{command} {name}", loss=loss) for name in names}
    assert len(answers) == 1
    assert "w₃₂⁽¹⁾" in answers.pop()


@pytest.mark.parametrize(("names", "listed"), [("math", r"w\[1\]_32"), ("code", r"layers\.0")])
def test_an_unknown_name_in_the_console_lists_those_in_use(names: str, listed: str) -> None:
    session = Session((network()(X) - 1.0) ** 2, names=names)
    with pytest.raises(UnknownNameError, match=rf"unknown node 'w\[1\]_33'; known:.*{listed}"):
        session.node("w[1]_33")


HOSTILE = r"\input{x}$a^b_c&d#e%f~{}<b>"


def test_hostile_labels_stay_text_in_latex() -> None:
    latex = MathName.of_label(HOSTILE).latex
    assert latex == (
        r"\texttt{\textbackslash{}input\{x\}\$a\textasciicircum{}b\_c\&d\#e\%f"
        r"\textasciitilde{}\{\}<b>}"
    )
    assert MathName.of_label("a\nb").text == r"a\nb"


@pytest.mark.parametrize(
    ("label", "latex"),
    [
        ("x1", "x_{1}"),
        ("x", "x"),
        ("loss", r"\texttt{loss}"),
        ("net_h1", r"\mathrm{net}_{h1}"),
        ("a_b_c", r"a_{b\_c}"),
        ("x²", r"\texttt{x²}"),
    ],
)
def test_labels_are_typeset(label: str, latex: str) -> None:
    assert MathName.of_label(label).latex == latex


@pytest.mark.parametrize("index", ["unit,input", "input,unit"])
@pytest.mark.parametrize(
    "label",
    [
        "w[1]_11",
        "w₁₁⁽¹⁾",
        "w_{11}^{(1)}",
        "z[1]_1",
        "h[1]_1",
        "h₁⁽¹⁾",
        "yhat_1",
        "x_2",
        "x₂",
        "x2#2",
    ],
)
@pytest.mark.parametrize("place", ["input", "loss", "weight"])
def test_a_label_in_the_spelling_of_a_book_is_the_name_of_one_node(
    label: str, place: str, index: str
) -> None:
    model = MLP(2, [2, 1], activation="tanh", rng=0)
    x = [Value(0.5, label=label if place == "input" else "x1"), Value(-1.0, label="x2")]
    loss = (model(x) - 1.0) ** 2
    if place != "input":
        (loss if place == "loss" else model.parameters()[1]).label = label
    names = named(loss, index=index)
    spellings = [{name.text, name.typed, name.latex} for name in names.names.values()]
    assert sum(map(len, spellings)) == len(set().union(*spellings))
    for node, name in names.names.items():
        assert {names.find(text) for text in (name.text, name.typed, name.latex)} == {node}
        assert names.find(names.code[node]) is node
