"""The forward pass of a page: every unit has the number of the engine."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pytest

from tests.play.running_forward import (
    Floats,
    base64_of,
    ran,
    ran_model,
    run_script,
    scene_of,
)
from tests.replaying import Tab
from tinygrad_mlp._one_or_many import in_list
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.functional import softmax
from tinygrad_mlp.nn import ACTIVATIONS, MLP, BatchNorm, Dropout, Layer, Module, Sequential
from tinygrad_mlp.training import fit
from viz._play.activation_scripts import activation_scripts
from viz._run.network_places import activations_of, flat_weights, network_of
from viz._style.web_page import lean_part

M = TypeVar("M", bound=Module)

X = np.random.default_rng(0).normal(size=(20, 3))


def with_short_weights(model: M) -> M:
    """A copy with the weights that a frame has, of 32 bits each."""
    short = copy.deepcopy(model).eval()
    for leaf in [*short.parameters(), *short.buffers()]:
        leaf.data = float(np.float32(leaf.data))
    return short


def of_layers(model: MLP, X: Floats) -> list[Floats]:
    """What the engine gives for each layer, each (n_samples, n_units)."""
    numbers, found = X.tolist(), []
    for layer in model.layers:
        numbers = [[out.data for out in layer.forward(row)] for row in numbers]
        found.append(np.array(numbers))
    return found


def outputs_of(model: Module, X: Floats) -> Floats:
    return np.array(
        [[out.data for out in in_list(model.forward(row), model)] for row in X.tolist()]
    )


def train(model: Module) -> None:
    """A few steps, so that the running statistics of norms are no longer 0 and 1."""
    rng = np.random.default_rng(1)
    features, targets = rng.normal(size=(24, 3)), rng.normal(size=(24, 2))
    fit(model, features, targets, epochs=3, batch_size=8, rng=0, log_every=None)


MODELS: dict[str, Callable[[], MLP]] = {
    **{name: partial(MLP, 3, [4, 2], name, rng=0) for name in ACTIVATIONS},
    "one neuron": lambda: MLP(3, [1], rng=0),
    "one unit a layer": lambda: MLP(3, [1, 1, 2], "tanh", rng=0),
    "batch norm and dropout": lambda: MLP(3, [5, 4, 2], batch_norm=True, dropout=0.25, rng=0),
    "softmax at the end": lambda: MLP(3, [4, 3], output_activation="softmax", rng=0),
    "softmax within": lambda: MLP(3, [4, 2], ["softmax"], rng=0),
    "two functions of one name": lambda: MLP(
        3, [4, 4, 2], [lambda x: 0.5 * x, lambda x: x * x], rng=0
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_each_layer_of_a_network_has_the_numbers_of_the_engine(tab: Tab, name: str) -> None:
    model = MODELS[name]()
    if model.n_outputs == 2 and name != "softmax within":
        train(model)
    layers, outputs = ran_model(tab, model, X)
    for found, expected in zip(layers, of_layers(with_short_weights(model), X), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)
    np.testing.assert_array_equal(outputs, layers[-1])
    np.testing.assert_allclose(outputs, outputs_of(model.eval(), X), rtol=1e-6, atol=1e-6)


SEQUENTIAL: dict[str, Callable[[], Module]] = {
    "norm before": lambda: Sequential(
        Layer(3, 4, None, rng=0), BatchNorm(4), "relu", Layer(4, 2, None, rng=1)
    ),
    "norm behind": lambda: Sequential(
        Layer(3, 4, "tanh", rng=0), BatchNorm(4, affine=False), Layer(4, 2, None, rng=1)
    ),
    "norm first": lambda: Sequential(BatchNorm(3, epsilon=0.1), Layer(3, 2, None, rng=1)),
    "two norms": lambda: Sequential(
        Layer(3, 4, None, rng=0), BatchNorm(4), BatchNorm(4), "elu", Layer(4, 2, None, rng=1)
    ),
    "two activations": lambda: Sequential(
        Layer(3, 4, "tanh", rng=0), "relu", "softmax", Dropout(0.5, rng=0), Layer(4, 2, None, rng=1)
    ),
    "within one another": lambda: Sequential(
        Dropout(0.1, rng=0), MLP(3, [4, 4], rng=0), Sequential("silu", Layer(4, 2, None, rng=1))
    ),
}


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_a_sequential_of_layers_and_what_stands_beside_them_runs(tab: Tab, name: str) -> None:
    model = SEQUENTIAL[name]()
    train(model)
    _, outputs = ran_model(tab, model, X)
    np.testing.assert_allclose(outputs, outputs_of(with_short_weights(model), X), rtol=1e-11)


@pytest.mark.parametrize(
    ("name", "activations", "norms"),
    [
        ("norm before", ["relu", "linear"], [True, False]),
        ("norm behind", ["tanh", "linear", "linear"], [False, True, False]),
        ("norm first", ["linear", "linear"], [True, False]),
        ("two norms", ["linear", "elu", "linear"], [True, True, False]),
        ("two activations", ["tanh", "relu", "softmax", "linear"], [False] * 4),
        ("within one another", ["relu", "silu", "linear"], [False] * 3),
    ],
)
def test_a_norm_and_an_activation_belong_to_the_layer_before_them(
    name: str, activations: list[str], norms: list[bool]
) -> None:
    layers = network_of(SEQUENTIAL[name]())["layers"]
    assert [layer["activation"] for layer in layers] == activations
    assert [layer["norm"] is not None for layer in layers] == norms


def test_dropouts_of_a_layer_count_together() -> None:
    model = Sequential(Layer(2, 3, dropout=0.5), Dropout(0.5), Layer(3, 1), Dropout(0.25))
    assert [layer["dropout"] for layer in network_of(model)["layers"]] == [0.75, 0.25]


def test_a_layer_that_stands_twice_in_a_model_is_there_once(tab: Tab) -> None:
    shared = Layer(3, 3, "tanh", rng=0)
    model = Sequential(shared, shared, Layer(3, 1, None, rng=1))
    _, outputs = ran_model(tab, model, X)
    assert len(flat_weights(model)) == 16
    np.testing.assert_allclose(outputs, outputs_of(with_short_weights(model), X), rtol=1e-12)


def test_behind_the_head_stand_probabilities(tab: Tab) -> None:
    for n_outputs, head in ((1, "sigmoid"), (3, "sigmoid"), (3, "softmax")):
        model = MLP(3, [4, n_outputs], output_activation="tanh", rng=0)
        layers, outputs = ran_model(tab, model, X, head)
        logits = outputs_of(with_short_weights(model), X)
        of_engine: Any = (
            softmax if head == "softmax" else lambda row: [Value(x).sigmoid() for x in row]
        )
        expected = [[p.data for p in of_engine(row)] for row in logits.tolist()]
        np.testing.assert_allclose(layers[-1], logits, rtol=1e-12)
        np.testing.assert_allclose(outputs, expected, rtol=1e-12)


def test_large_logits_are_probabilities_all_the_same(tab: Tab) -> None:
    model = MLP(3, [3], rng=0)
    for parameter in model.parameters():
        parameter.data *= 1e4
    _, outputs = ran_model(tab, model, X, "softmax")
    np.testing.assert_allclose(outputs.sum(axis=1), 1.0, rtol=1e-12)


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_a_head_takes_the_place_of_what_squashes_at_the_end(activation: str) -> None:
    model = MLP(3, [4, 2], output_activation=activation, rng=0)
    alone = Sequential(Layer(3, 2, None, rng=0), activation)
    for each in (model, alone):
        assert network_of(each)["layers"][-1]["activation"] == activation
        assert network_of(each, "sigmoid")["layers"][-1]["activation"] == "linear"
        assert network_of(each, "softmax")["head"] == "softmax"
    dropped = Sequential(Layer(3, 2, None, rng=0), activation, Dropout(0.1, rng=0))
    assert network_of(dropped, "sigmoid")["layers"][-1]["activation"] == activation  # as in logits


FEATURES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "x1": lambda a, b: a,
    "x2": lambda a, b: b,
    "x1^2": lambda a, b: a * a,
    "x2^2": lambda a, b: b * b,
    "x1*x2": lambda a, b: a * b,
    "sin(x1)": lambda a, b: np.sin(a),
    "sin(x2)": lambda a, b: np.sin(b),
}


def test_features_are_made_of_the_columns_and_standardized(tab: Tab) -> None:
    columns = X[:, :2]
    off = ["x2", "sin(x1)"]
    features = [{"name": name, "on": name not in off, "of": "column 0"} for name in FEATURES]
    made = np.stack([FEATURES[n](*columns.T) for n in FEATURES if n not in off], axis=1)
    mean, scale = made.mean(axis=0), made.std(axis=0)
    model = MLP(5, [4, 1], "tanh", rng=0)
    scene = scene_of(
        model, features=features, mean=mean.tolist(), scale=scale.tolist(), columns=[0, 1]
    )
    scripts = activation_scripts(activations_of(model))
    _, outputs = ran(tab, scene, flat_weights(model), columns, scripts)
    expected = outputs_of(with_short_weights(model), (made - mean) / scale)
    np.testing.assert_allclose(outputs, expected, rtol=1e-12)


def test_the_values_of_a_regression_are_in_the_units_of_the_data(tab: Tab) -> None:
    model = MLP(3, [4, 2], "tanh", rng=0)
    scene = scene_of(model, target_scale={"mean": [10.0, -1.0], "scale": [2.0, 0.5]})
    layers, outputs = ran(
        tab, scene, flat_weights(model), X, activation_scripts(activations_of(model))
    )
    np.testing.assert_allclose(outputs, layers[-1] * [2.0, 0.5] + [10.0, -1.0], rtol=1e-14)


def test_of_more_columns_a_feature_is_the_column_that_it_names(tab: Tab) -> None:
    model = MLP(2, [2, 1], "tanh", rng=0)
    features = [
        {"name": name, "on": name != "x1^2", "of": f"column {column}"}
        for column, name in enumerate(["x2", "x1^2", "height"])
    ]
    scene = scene_of(model, features=features)
    scripts = activation_scripts(activations_of(model))
    _, outputs = ran(tab, scene, flat_weights(model), X, scripts)
    expected = outputs_of(with_short_weights(model), X[:, [0, 2]])
    np.testing.assert_allclose(outputs, expected, rtol=1e-12)


def test_a_page_without_an_activation_says_which_one(tab: Tab) -> None:
    model = MLP(2, [2, 1], "tanh", rng=0)

    def said(scripts: str) -> Any:
        script = f"""{scripts} {lean_part("viz._play", "forward.js")}
        try {{
          new Forward(JSON.parse(given));
          return "";
        }} catch (error) {{
          return error.message;
        }}"""
        return run_script(tab, script, json.dumps(scene_of(model)))

    known = activation_scripts({"linear": ACTIVATIONS["linear"]})
    assert said(known) == "this page was written without the activation tanh"
    refused = 'const ACTIVATION_FUNCTIONS = new Map([["tanh", "tanh cannot run"]]);'
    assert said(refused) == "tanh cannot run"
    assert said(activation_scripts()) == ""


def test_the_weights_of_a_frame_are_floats_of_32_bits(tab: Tab) -> None:
    numbers = [1.5, -0.1, 1e-40, 3e38, -0.0]
    script = f"""const ACTIVATION_FUNCTIONS = new Map(); {lean_part("viz._play", "forward.js")}
    const forward = new Forward({{ features: [], network: {{ layers: [] }} }});
    return [...forward.flat(given)].map(String);"""
    found = run_script(tab, script, base64_of(np.array(numbers)))
    assert [np.float32(text) for text in found] == [np.float32(x) for x in numbers]


class Doubled(Layer):
    def forward(self, x: Any) -> list[Value]:
        return [2.0 * y for y in super().forward(x)]


def with_other_neuron() -> Module:
    model = MLP(2, [2, 1], rng=0)
    model.layers[0].neurons[1].activation = Value.tanh
    return model


def with_tied_weights() -> Module:
    model = MLP(2, [2, 1], rng=0)
    model.layers[0].neurons[1].w[0] = model.layers[0].neurons[0].w[0]
    return model


def with_another_parameter() -> Module:
    model = MLP(2, [2, 1], rng=0)
    model.slope = Value(0.5)  # type: ignore[attr-defined]
    return model


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            lambda: Doubled(2, 1, rng=0),
            "a page cannot run the forward of Doubled, Layer of 1 .*; a page runs MLP, and",
        ),
        (
            lambda: Sequential(Layer(2, 2), Doubled(2, 1, rng=0)),
            "cannot run the forward of Doubled.*viz.replay",
        ),
        (with_other_neuron, "have different activations"),
        (with_tied_weights, "are shared with another place"),
        (with_another_parameter, "the parameter slope of .* stands in no layer"),
        (lambda: Sequential("relu"), "begins with an activation"),
        (Sequential, "has no layer with weights"),
    ],
)
def test_a_model_that_is_no_stack_of_layers_is_refused(
    model: Callable[[], Module], message: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        network_of(model())
