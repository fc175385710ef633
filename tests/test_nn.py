"""Modules, neurons, layers, networks: against torch.nn with the same weights, and on their own."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn as torch_nn

from tests.against_torch import assert_close, data_of, tensor_of
from tests.torch_reference import TorchActivation
from tinygrad_mlp import functional, ops
from tinygrad_mlp._dot_node import dot_node
from tinygrad_mlp._many_numbers import numbers_of
from tinygrad_mlp.engine import Value, apply, no_grad, topological_order
from tinygrad_mlp.errors import (
    InvalidArgumentError,
    NotANumberError,
    ShapeError,
    UnknownNameError,
)
from tinygrad_mlp.functional import Scalar
from tinygrad_mlp.nn import (
    ACTIVATIONS,
    MLP,
    Buffer,
    Layer,
    Module,
    Neuron,
    Sequential,
    activation_named,
)


def torch_twin(model: MLP, activations: Sequence[str]) -> torch_nn.Sequential:
    """The same network in torch, loaded from our state dict."""
    modules: list[torch_nn.Module] = []
    for layer, name in zip(model.layers, activations, strict=True):
        modules.append(torch_nn.Linear(layer.n_inputs, layer.n_outputs, dtype=torch.float64))
        softmax = name == "softmax"
        modules.append(torch_nn.Softmax(dim=1) if softmax else TorchActivation(name))
    twin = torch_nn.Sequential(*modules)
    state = {}
    for name, array in model.state_dict().items():
        _, position, kind = name.split(".")
        state[f"{2 * int(position)}.{kind}"] = torch.from_numpy(array)
    twin.load_state_dict(state)
    return twin


def with_random_biases(model: MLP, rng: np.random.Generator) -> MLP:
    for layer in model.layers:
        for neuron in layer.neurons:
            neuron.b.data = float(rng.normal())
    return model


def gradient_dict(module: Module) -> dict[str, NDArray[np.float64]]:
    """The gradients in the layout of ``state_dict``."""
    twin = copy.deepcopy(module)
    for parameter, original in zip(twin.parameters(), module.parameters(), strict=True):
        parameter.data = original.grad
    return twin.state_dict()


def assert_like_torch(model: MLP, activations: Sequence[str], rng: np.random.Generator) -> None:
    """Outputs, and gradients by every parameter and input, on a batch of seven samples."""
    X = rng.normal(size=(7, model.n_inputs))
    mix = rng.normal(size=(7, model.n_outputs))
    twin = torch_twin(model, activations)
    torch_X = tensor_of(X, requires_grad=True)
    torch_outputs = twin(torch_X)
    (torch_outputs * tensor_of(mix)).sum().backward()

    inputs = [[Value(xi) for xi in x] for x in X]
    outputs = [model.forward(x) for x in inputs]
    functional.sum([functional.dot(row, y) for row, y in zip(mix, outputs)]).backward()

    assert_close(data_of(outputs), torch_outputs)
    assert torch_X.grad is not None
    assert_close([[xi.grad for xi in x] for x in inputs], torch_X.grad)
    gradients = gradient_dict(model)
    named = dict(twin.named_parameters())
    assert len(named) == len(gradients)
    for name, gradient in gradients.items():
        _, position, kind = name.split(".")
        assert_close(gradient, named[f"{2 * int(position)}.{kind}"].grad)


# Against torch


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("layer_sizes", [[1], [5, 3], [4, 6, 1], [3, 3, 3, 2]])
def test_mlp_agrees_with_torch(activation: str, layer_sizes: list[int]) -> None:
    rng = np.random.default_rng(len(layer_sizes))
    model = with_random_biases(MLP(4, layer_sizes, activation=activation, rng=rng), rng)
    assert_like_torch(model, [activation] * (len(layer_sizes) - 1) + ["linear"], rng)


@pytest.mark.parametrize("activation", [*ACTIVATIONS, "softmax"])
def test_output_activation_agrees_with_torch(activation: str) -> None:
    rng = np.random.default_rng(5)
    model = MLP(3, [4, 3], activation="tanh", output_activation=activation, rng=rng)
    assert_like_torch(with_random_biases(model, rng), ["tanh", activation], rng)


@pytest.mark.parametrize("activation", [*ACTIVATIONS, "softmax"])
def test_layer_agrees_with_torch(activation: str) -> None:
    rng = np.random.default_rng(6)
    model = with_random_biases(MLP(3, [4], activation=[activation], rng=rng), rng)
    (layer,) = model.layers
    x = rng.normal(size=3)
    assert_close(data_of(layer.forward(x)), torch_twin(model, [activation])(tensor_of([x]))[0])


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_neuron_agrees_with_torch(activation: str) -> None:
    w, x, b = np.array([0.5, -1.5, 2.0]), np.array([1.0, -0.25, 0.75]), 0.125
    neuron = Neuron(3, activation, weights=w.tolist(), bias=b)
    output = neuron(x)
    output.backward()
    torch_w, torch_b = tensor_of(w, requires_grad=True), tensor_of(b, requires_grad=True)
    torch_output = TorchActivation(activation)(torch_w @ tensor_of(x) + torch_b)
    torch_output.backward()
    assert_close(output.data, torch_output)
    assert_close([weight.grad for weight in neuron.w], torch_w.grad)
    assert_close(neuron.b.grad, torch_b.grad)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_one_activation_for_each_layer(activation: str) -> None:
    rng = np.random.default_rng(7)
    for_each_layer = MLP(2, [3, 3, 2], activation=["tanh", activation, "sigmoid"], rng=rng)
    assert_like_torch(for_each_layer, ["tanh", activation, "sigmoid"], rng)
    for_hidden = MLP(2, [3, 2], activation=[activation], output_activation="tanh", rng=rng)
    assert_like_torch(for_hidden, [activation, "tanh"], rng)


def test_logits_leave_out_a_final_softmax_or_sigmoid_only() -> None:
    for output_activation in [*ACTIVATIONS, "softmax"]:
        model = MLP(2, [3, 2], output_activation=output_activation, rng=0)
        linear = MLP(2, [3, 2], output_activation="linear", rng=0)
        linear.load_state_dict(model.state_dict())
        left_out = output_activation in ("softmax", "sigmoid", "linear")
        expected = linear.forward([0.5, -1.0]) if left_out else model.forward([0.5, -1.0])
        assert data_of(model.logits([0.5, -1.0])) == data_of(expected)


def test_logits_of_a_layer_and_a_neuron() -> None:
    layer = Layer(2, 3, "sigmoid", rng=0)
    assert data_of([z.sigmoid() for z in layer.logits([1.0, 2.0])]) == data_of(layer([1.0, 2.0]))
    neuron = Neuron(2, functional.sigmoid, weights=[1.0, 1.0])
    assert data_of(neuron.logits([1.0, 2.0])) == [3.0]


# The node of a neuron


@pytest.mark.parametrize("bias", [None, 0.1])
def test_dot_node_is_the_table_s_dot_bit_for_bit(bias: float | None) -> None:
    rng = np.random.default_rng(8)
    for n in (0, 1, 2, 17):
        w = [Value(a) for a in rng.normal(size=n)]
        x = [Value(a) for a in rng.normal(size=n)]
        tail = [] if bias is None else [Value(bias)]
        fast = dot_node(w, x, numbers_of(x), *tail)
        by_the_rules = apply(ops.DOT, *w, *x, *tail)
        assert (fast.data, fast.partials) == (by_the_rules.data, by_the_rules.partials)
        assert (fast.op, fast.parents) == (by_the_rules.op, by_the_rules.parents)
        assert not fast.has_grad


def test_a_layer_is_one_dot_and_one_activation_for_each_neuron() -> None:
    layer = Layer(2, 3, "tanh", rng=0)
    x = [Value(1.0), Value(2.0)]
    for neuron, output in zip(layer.neurons, layer(x), strict=True):
        assert output.op is ops.TANH
        (weighted_sum,) = output.parents
        assert weighted_sum.op is ops.DOT
        assert weighted_sum.parents == (*neuron.w, *x, neuron.b)


def test_numbers_become_leaves_once_for_a_layer() -> None:
    outputs = Layer(2, 5, rng=0)([1.0, 2.0])
    order = topological_order(functional.sum(outputs))
    assert sum(node.op is ops.CONSTANT for node in order) == 2


def test_the_order_of_a_network_s_graph_has_parents_before_children_once_each() -> None:
    order = topological_order(MLP(3, [4, 4, 1], rng=0)([1.0, 2.0, 3.0]))
    position = {node: i for i, node in enumerate(order)}
    assert len(position) == len(order)
    assert all(position[parent] < position[node] for node in order for parent in node.parents)


def test_without_a_graph_the_outputs_are_leaves() -> None:
    model = MLP(2, [3, 1], rng=0)
    with no_grad():
        output = model([1.0, 2.0])
    assert output.is_leaf
    assert output.data == model([1.0, 2.0]).data


def test_one_output_is_unwrapped_and_more_are_not() -> None:
    assert isinstance(MLP(2, [1], rng=0)([1.0, 2.0]), Value)
    assert len(MLP(2, [2], rng=0)([1.0, 2.0])) == 2
    assert len(MLP(2, [1], rng=0).forward([1.0, 2.0])) == 1


@pytest.mark.parametrize(
    "x", [[1, 2], (1.0, 2.0), np.array([1.0, 2.0]), np.array([1, 2], np.float32), range(1, 3)]
)
def test_inputs_of_every_kind(x: Sequence[Scalar]) -> None:
    model = MLP(2, [3, 1], rng=0)
    assert model(x).data == model([Value(1.0), Value(2.0)]).data


def test_activation_of_one_s_own() -> None:
    neuron = Neuron(1, functional.sin, weights=[2.0])
    assert neuron([0.25]).data == functional.sin(0.5).data
    assert repr(neuron) == "sin(1) neuron"


class Swish(Module):
    """An activation with a parameter."""

    def __init__(self) -> None:
        self.beta = Value(1.5)

    def forward(self, x: Any) -> Any:
        return x * (self.beta * x).sigmoid()


def test_an_activation_with_a_parameter_of_its_own() -> None:
    swish: Any = Swish()
    layer = Layer(2, 2, swish, rng=0)
    assert next(name for name, _ in layer.named_parameters()) == "activation.beta"
    assert len(layer.parameters()) == 7
    assert layer.state_dict()["activation.beta"] == 1.5
    functional.sum(layer([1.0, 2.0])).backward()
    assert layer.parameters()[0].has_grad


# Modules


class Everything(Module):
    """Parameters in attributes of every kind, and what looks like one but is none."""

    def __init__(self) -> None:
        self.scale = Value(1.0)
        self.row = [Value(2.0), Value(3.0)]
        self.matrix = ((Value(4.0), Value(5.0)), (Value(6.0), Value(7.0)))
        self.ragged = [[Value(8.0)], [Value(9.0), Value(10.0)]]
        self.by_name = {"a": Value(11.0), "b": [Value(12.0)]}
        self.part = Neuron(1, weights=[13.0], bias=14.0)
        self.mean = Buffer(15.0)
        self.computed = self.scale * 2.0
        self.constant = self.computed.parents[1]
        self.again = self.scale
        self.above = self
        self.name = "anything else"
        self.parts = [self.part, Neuron(1, weights=[16.0], bias=17.0)]


def test_parameters_are_found_once_each_in_the_order_of_definition() -> None:
    module = Everything()
    names = [name for name, _ in module.named_parameters()]
    assert names == [
        "scale", "row.0", "row.1", "matrix.0.0", "matrix.0.1", "matrix.1.0", "matrix.1.1",
        "ragged.0.0", "ragged.1.0", "ragged.1.1", "by_name.a", "by_name.b.0",
        "part.w.0", "part.b", "parts.1.w.0", "parts.1.b",
    ]  # fmt: skip
    numbers = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17]
    assert [parameter.data for parameter in module.parameters()] == numbers


def test_state_dict_has_arrays_and_buffers_and_both_names_of_what_is_shared() -> None:
    state = Everything().state_dict()
    assert {name: array.tolist() for name, array in state.items()} == {
        "scale": 1.0,
        "row": [2.0, 3.0],
        "matrix": [[4.0, 5.0], [6.0, 7.0]],
        "ragged.0": [8.0],
        "ragged.1": [9.0, 10.0],
        "by_name.a": 11.0,
        "by_name.b": [12.0],
        "part.weight": [13.0],
        "part.bias": 14.0,
        "mean": 15.0,
        "again": 1.0,
        "parts.0.weight": [13.0],
        "parts.0.bias": 14.0,
        "parts.1.weight": [16.0],
        "parts.1.bias": 17.0,
    }
    assert all(array.dtype == np.float64 for array in state.values())


def test_state_dict_is_a_copy() -> None:
    model = MLP(2, [2], rng=0)
    before = model.state_dict()
    model.state_dict()["layers.0.weight"][:] = 0.0
    assert all((before[name] == array).all() for name, array in model.state_dict().items())


def test_state_dict_goes_round() -> None:
    model, other = MLP(3, [4, 2], rng=0), MLP(3, [4, 2], rng=1)
    assert data_of(model([1, 2, 3])) != data_of(other([1, 2, 3]))
    other.load_state_dict(model.state_dict())
    assert data_of(model([1, 2, 3])) == data_of(other([1, 2, 3]))
    everything, blank = Everything(), Everything()
    for value in [*blank.parameters(), blank.mean]:
        value.data = 0.0
    blank.load_state_dict(everything.state_dict())
    assert blank.mean.data == 15.0
    assert str(blank.state_dict()) == str(everything.state_dict())


def test_state_comes_from_torch_and_from_lists() -> None:
    layer = Layer(2, 1)
    layer.load_state_dict({"weight": torch.tensor([[1.0, 2.0]]), "bias": [3]})
    assert layer([1.0, 1.0]).data == 6.0


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"bias": None}, InvalidArgumentError, r"lacks 'bias'; the names are: weight, bias\."),
        ({"gain": [1.0]}, InvalidArgumentError, "has the unknown 'gain'"),
        (
            {"bias": None, "gain": [1.0]},
            InvalidArgumentError,
            "Layer of 2 relu.3. neurons lacks 'bias' and has the unknown 'gain'",
        ),
        ({"weight": np.ones((3, 2))}, ShapeError, r"shape \(3, 2\), but .* needs \(2, 3\)"),
        ({"bias": 1.0}, ShapeError, r"'bias' .* shape \(\), but .* needs \(2,\)"),
        ({"bias": ["a", "b"]}, NotANumberError, "'bias' .* real numbers are needed"),
        ({"bias": [1j, 2j]}, NotANumberError, "holds complex128"),
        (
            {"weight": [[1, 2, 3], [4]]},
            ShapeError,
            "rows of 'weight' differ in length",
        ),
    ],
)
def test_a_state_that_does_not_fit_is_refused_as_a_whole(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    layer = Layer(3, 2, rng=0)
    before = layer.state_dict()
    state = {name: array for name, array in {**layer.state_dict(), **change}.items()
             if array is not None}  # fmt: skip
    if "weight" not in change:
        state["weight"] = state["weight"] + 1.0
    with pytest.raises(error, match=message):
        layer.load_state_dict(state)
    assert all((before[name] == array).all() for name, array in layer.state_dict().items())


def test_a_state_that_is_no_dict_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="takes a dict of arrays by name, got list"):
        Layer(3, 2).load_state_dict([1.0])  # type: ignore[arg-type]


def test_different_numbers_for_a_layer_that_is_shared_are_refused() -> None:
    layer = Layer(2, 2, "tanh", rng=0)
    model = Sequential(layer, layer)
    before = model.state_dict()
    of_two = Sequential(Layer(2, 2, "tanh", rng=1), Layer(2, 2, "tanh", rng=2)).state_dict()
    with pytest.raises(InvalidArgumentError, match=r"^the state dict .* '1.weight' than for"):
        model.load_state_dict(of_two)
    assert all((before[name] == array).all() for name, array in model.state_dict().items())
    same = {name: np.full_like(array, np.nan) for name, array in before.items()}
    model.load_state_dict(same)
    assert np.isnan(layer.neurons[0].b.data)
    model.load_state_dict(before)
    assert all((before[name] == array).all() for name, array in model.state_dict().items())


@pytest.mark.parametrize(
    ("n_inputs", "x", "message"),
    [
        (
            1,
            [1.0, 2.0],
            "1 input, got 2; give one number for each input of one sample, as in model([0.0])",
        ),
        (
            2,
            [1.0],
            "2 inputs, got 1; give one number for each input of one sample, as in "
            "model([0.0, 0.0])",
        ),
        (
            3,
            [],
            "3 inputs, got 0; give one number for each input of one sample, as in "
            "model([0.0, 0.0, ...])",
        ),
        (2, 7.5, "the inputs of one sample in a list, got 7.5; call it as model([2.0])"),
        (
            1,
            np.array(7.5),
            "the inputs of one sample in a list, got array(7.5); call it as model([2.0])",
        ),
        (
            2,
            Value(7.5),
            "2 inputs, got 1 Value; if they are the outputs of another module, let that one have "
            "2, as in Layer(2, 2), or this one take 1; else give one number for each input of one "
            "sample, as in model([0.0, 0.0])",
        ),
        *[
            (
                2,
                x,
                "the inputs of one sample in a list, got several samples; call it as "
                "[model(x) for x in X]",
            )
            for x in (np.ones((2, 2)), [[1.0, 2.0]], [np.ones(2), (1.0, 2.0)], np.ones((2, 1)))
        ],
    ],
    ids=repr,
)
@pytest.mark.parametrize("make", [Neuron, lambda n: Layer(n, 2), lambda n: MLP(n, [2])])
def test_what_is_not_one_sample_is_told_with_the_right_call(
    make: Callable[[int], Any], n_inputs: int, x: Any, message: str
) -> None:
    model = make(n_inputs)
    first = getattr(model, "layers", [model])[0]  # which is the one that takes the inputs
    for call in (model, model.logits):
        with pytest.raises(ShapeError) as caught:
            call(x)
        assert str(caught.value) == f"{first!r} takes {message}"


def test_a_list_among_the_numbers_of_a_sample_is_no_number() -> None:
    for x in ([1.0, [2.0]], [[1.0], 2.0], [Value(1.0), (2.0, 3.0)]):
        with pytest.raises(NotANumberError):
            MLP(2, [1])(x)  # type: ignore[arg-type]


def test_layers_of_one_neuron_and_of_several() -> None:
    assert repr(Layer(3, 1, "sigmoid")) == "Layer of 1 sigmoid(3) neuron"
    assert repr(Layer(1, 2, None)) == "Layer of 2 linear(1) neurons"
    assert repr(Layer(1, 2, "TANH")) == "Layer of 2 tanh(1) neurons"


def test_parameters_carry_their_names_as_labels() -> None:
    model = MLP(2, [4, 1])
    assert [p.label for p in model.parameters()] == [name for name, _ in model.named_parameters()]
    assert model.layers[0].neurons[3].w[1].label == "layers.0.neurons.3.w.1"
    assert model.layers[1].neurons[0].b.label == "layers.1.neurons.0.b"
    assert Neuron(2).w[1].label == "w.1"
    assert Layer(2, 3).neurons[2].w[1].label == "neurons.2.w.1"
    assert Layer(2, 3).neurons[2].b.label == "neurons.2.b"
    everything = Everything()
    everything.label_parameters()
    assert everything.row[1].label == "row.1"


def test_shared_parameters_are_stepped_once_and_collect_both_gradients() -> None:
    model = MLP(2, [2, 2], activation="tanh", rng=0)
    model.layers[1].neurons[0] = model.layers[0].neurons[0]
    assert len(model.parameters()) == 9
    shared = model.layers[0].neurons[0].w[0]
    functional.sum(model.forward([1.0, -0.5])).backward()

    def output_at(weight: float) -> float:
        shared.data = weight
        return sum(y.data for y in model.forward([1.0, -0.5]))

    w = shared.data
    difference = (output_at(w + 1e-6) - output_at(w - 1e-6)) / 2e-6
    assert shared.grad == pytest.approx(difference, rel=1e-8)


def test_zero_grad_clears_every_parameter() -> None:
    model = MLP(2, [3, 1], rng=0)
    model([1.0, 2.0]).backward()
    assert all(parameter.has_grad for parameter in model.parameters())
    model.zero_grad()
    assert not any(parameter.has_grad for parameter in model.parameters())
    assert {parameter.grad for parameter in model.parameters()} == {0.0}


def test_train_and_eval_reach_every_module() -> None:
    model = MLP(2, [3, 1])
    modules = list(model.modules())
    assert len(modules) == 1 + 2 + 4
    assert all(module.training for module in modules)
    assert model.eval() is model
    assert not any(module.training for module in modules)
    assert model.train() is model
    assert all(module.training for module in modules)
    assert not model.train(False).layers[0].neurons[0].training


def test_the_mode_of_one_model_is_its_own() -> None:
    MLP(2, [1]).eval()
    assert MLP(2, [1]).training


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_of_a_model_is_equal_and_independent(
    duplicate: Callable[[MLP], MLP],
) -> None:
    model = MLP(2, [3, 3, 2], activation=["relu", "gelu", "softmax"], rng=0).eval()
    functional.sum(model.logits([1.0, 2.0])).backward()
    twin = duplicate(model)
    assert repr(twin) == repr(model)
    assert not twin.layers[0].neurons[0].training
    assert data_of(twin([1.0, 2.0])) == data_of(model([1.0, 2.0]))
    pairs = list(zip(model.parameters(), twin.parameters(), strict=True))
    assert all((a.grad, a.has_grad, a.label) == (b.grad, b.has_grad, b.label) for a, b in pairs)
    assert not {id(a) for a, _ in pairs} & {id(b) for _, b in pairs}
    before = data_of(model([1.0, 2.0]))
    for parameter in twin.parameters():
        parameter.data += 1.0
    assert data_of(model([1.0, 2.0])) == before


def test_the_same_seed_gives_the_same_bits() -> None:
    first, again, other = (MLP(3, [4, 2], rng=seed).state_dict() for seed in (7, 7, 8))
    assert all((first[name] == again[name]).all() for name in first)
    assert not (first["layers.0.weight"] == other["layers.0.weight"]).any()
    generator = np.random.default_rng(7)
    drawn = MLP(3, [4, 2], rng=generator).state_dict()
    assert all((first[name] == drawn[name]).all() for name in first)


def test_layers_of_one_network_begin_differently() -> None:
    model = MLP(3, [3, 3], init="normal", rng=0)
    assert (model.state_dict()["layers.0.weight"] != model.state_dict()["layers.1.weight"]).all()


def test_reprs() -> None:
    assert repr(MLP(2, [16, 16, 1])) == (
        "MLP of [Layer of 16 relu(2) neurons, Layer of 16 relu(16) neurons, "
        "Layer of 1 linear(16) neuron]"
    )
    assert repr(Layer(2, 3, "softmax")) == "Layer of 3 softmax(2) neurons"
    assert repr(Neuron(2, None)) == "linear(2) neuron"
    assert repr(Everything()) == "Everything with 16 parameters"


# Errors


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([1.0], r"Layer of 3 relu\(2\) neurons takes 2 inputs, got 1; .* model\(\[0.0, 0.0\]\)"),
        ([1.0, 2.0, 3.0], "takes 2 inputs, got 3"),
        (np.ones((5, 2)), r"takes the inputs of one sample in a list, got several samples"),
        ([[1.0, 2.0], [3.0, 4.0]], r"\[model\(x\) for x in X\]"),
        (3.0, r"got 3.0; call it as model\(\[2.0\]\)"),
        (np.array(3.0), r"in a list, got array\(3.\); call"),
        (
            Value(3.0),
            r"got 1 Value; if they .* Layer\(2, 2\), or this one take 1; else",
        ),
    ],
)
def test_wrong_inputs(x: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        MLP(2, [3, 1])(x)


def test_an_input_that_is_no_number() -> None:
    with pytest.raises(NotANumberError, match="str 'a'"):
        MLP(2, [1])(["a", 1.0])  # type: ignore[list-item]


@pytest.mark.parametrize("make", [Neuron, lambda n: Layer(n, 1), lambda n: MLP(n, [1])])
@pytest.mark.parametrize("n_inputs", [0, -1, 2.5, "2", True])
def test_wrong_number_of_inputs_of_a_module(make: Callable[[Any], Module], n_inputs: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="n_inputs is"):
        make(n_inputs)


@pytest.mark.parametrize(
    ("layer_sizes", "message"),
    [
        ([], r"layer_sizes is \[\].* MLP\(2, \[16, 16, 1\]\)"),
        (3, "layer_sizes is 3, but a list"),
        ([4, 0], r"layer_sizes\[1\] is 0"),
        ([1.5], r"layer_sizes\[0\] is 1.5"),
    ],
)
def test_wrong_layer_sizes(layer_sizes: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        MLP(2, layer_sizes)


def test_layer_sizes_from_a_generator() -> None:
    assert len(MLP(2, (n for n in (3, 1)), rng=0).layers) == 2  # type: ignore[arg-type]


@pytest.mark.parametrize("activation", [3, 0.5, ["rleu"]])
def test_unknown_activation_of_the_hidden_layers(activation: Any) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown activation .*; known: elu, "):
        MLP(2, [3, 1], activation=activation)


@pytest.mark.parametrize("init", ["xavier", 3, [0.1, 0.2]])
def test_unknown_initializer(init: Any) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown initializer .*; known: he_normal, "):
        MLP(2, [3, 1], init=init)


@pytest.mark.parametrize("name", ["rleu", "", 3, ["relu"]])
def test_unknown_activation(name: Any) -> None:
    makers: list[Callable[[], object]] = [
        lambda: Neuron(2, name),
        lambda: Layer(2, 1, name),
        lambda: MLP(2, [1], output_activation=name),
        lambda: activation_named(name),
    ]
    for make in makers:
        with pytest.raises(
            UnknownNameError, match=r"unknown activation .*; known: elu, .* softmax"
        ):
            make()


def test_softmax_of_one_neuron() -> None:
    with pytest.raises(InvalidArgumentError, match="all outputs of a layer together"):
        Neuron(2, "softmax")


def test_wrong_number_of_activations() -> None:
    with pytest.raises(InvalidArgumentError, match="lists 1 activations for 3 layers"):
        MLP(2, [3, 3, 1], activation=["relu"])
    with pytest.raises(InvalidArgumentError, match="the output layer has two activations: 'tanh'"):
        MLP(2, [3, 1], activation=["relu", "tanh"], output_activation="sigmoid")


def test_wrong_number_of_weights() -> None:
    with pytest.raises(ShapeError, match="a neuron of 2 inputs got 3 weights"):
        Neuron(2, weights=[1.0, 2.0, 3.0])


def test_a_module_without_forward() -> None:
    with pytest.raises(NotImplementedError, match="Everything has no forward; write def forward"):
        Everything()([1.0])


class Sloped(Neuron):
    """A neuron with a further parameter."""

    def __init__(self, n_inputs: int) -> None:
        super().__init__(n_inputs, rng=0)
        self.slope = Value(0.25)


def test_the_state_of_a_layer_has_all_that_its_neurons_have() -> None:
    layer = Layer(2, 3, rng=0)
    layer.neurons = [Sloped(2) for _ in range(3)]
    state = layer.state_dict()
    assert sum(array.size for array in state.values()) == len(layer.parameters()) == 12
    assert state["neurons.1.slope"] == 0.25
    layer.load_state_dict({**state, "neurons.1.slope": np.array(0.5)})
    assert [neuron.slope.data for neuron in layer.neurons if isinstance(neuron, Sloped)] == [
        0.25, 0.5, 0.25,
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["ReLU", "SoftMax", "tanh"])
def test_activations_are_known_in_upper_and_lower_case(name: str) -> None:
    layer, other = Layer(2, 3, name, rng=0), Layer(2, 3, name.lower(), rng=0)
    assert [y.data for y in layer([1.0, 2.0])] == [y.data for y in other([1.0, 2.0])]
    assert repr(layer) == repr(other)


def test_two_parameters_of_one_name_are_refused() -> None:
    module = Module()
    module.parts = {"a.b": Value(7.0), "a": {"b": Value(8.0)}}  # type: ignore[attr-defined]
    with pytest.raises(InvalidArgumentError, match=r"two parameters of the name 'parts\.a\.b'"):
        module.state_dict()


def test_a_flag_that_would_do_nothing_is_refused() -> None:
    model = MLP(2, [3, 1], rng=0)
    for module in (model, model.layers[0], model.layers[0].neurons[0]):
        with pytest.raises(
            InvalidArgumentError, match=r"trainable = False would do .* module\.freeze\(\) or"
        ):
            module.trainable = False  # type: ignore[union-attr]
        assert not hasattr(module, "trainable")
    copied = pickle.loads(pickle.dumps(copy.deepcopy(model)))
    assert copied.state_dict().keys() == model.state_dict().keys()


def test_a_module_of_ones_own_may_give_the_flag_a_meaning() -> None:
    class Frozen(Module):
        trainable = True

    module = Frozen()
    module.trainable = False
    assert module.trainable is False
