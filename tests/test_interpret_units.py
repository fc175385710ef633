"""What neurons give, which samples they see alike, and what excites them most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from tests.against_torch import assert_close
from tinygrad_mlp import functional as F
from tinygrad_mlp._order import orders_of
from tinygrad_mlp.engine import Value, topological_order
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError
from tinygrad_mlp.graph import order_of
from tinygrad_mlp.interpret import (
    Output,
    Unit,
    activations,
    feature_visualization,
    nearest_samples,
)
from tinygrad_mlp.nn import MLP, BatchNorm, Dropout, Layer, Module, Sequential
from tinygrad_mlp.training import fit

Array = NDArray[np.float64]

FEW, MANY = 3, 70


def samples(n_samples: int, n_features: int = 2, seed: int = 7) -> Array:
    return np.random.default_rng(seed).normal(size=(n_samples, n_features))


class Residual(Module):
    """A shortcut beside a hidden layer, and an output that is scaled."""

    def __init__(self) -> None:
        self.hidden = Layer(2, 2, "tanh", rng=0)
        self.out = Layer(2, 1, None, rng=1)

    def forward(self, x: Sequence[Any]) -> Any:
        h = self.hidden.forward(x)
        return self.out.forward([a + b for a, b in zip(h, x)])


# Activations


@pytest.mark.parametrize("n_samples", [FEW, MANY])
@pytest.mark.parametrize("end", [None, "sigmoid", "softmax"])
def test_activations_of_an_mlp(end: str | None, n_samples: int) -> None:
    model = MLP(2, [4, 3, 2], activation="relu", output_activation=end, rng=0)
    X, state = samples(n_samples), model.state_dict()
    found = activations(model, X)
    assert list(found) == ["layers.0", "layers.1", "layers.2"]
    h = X
    for k, (name, array) in enumerate(found.items()):
        z = h @ state[f"{name}.weight"].T + state[f"{name}.bias"]
        h = np.maximum(z, 0.0) if k < 2 else 1.0 / (1.0 + np.exp(-z)) if end == "sigmoid" else z
        assert_close(array, h)


def test_each_node_is_visited_once_however_many_outputs_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    visited: list[Any] = []

    def spy(root: Value, known: set[Any]) -> tuple[list[Any], Any]:
        order, reached = orders_of(root, known)
        visited.extend(order)
        return order, reached

    monkeypatch.setattr("tinygrad_mlp.graph._roles.orders_of", spy)
    outputs = MLP(2, [8, 8], rng=0)([1.0, 2.0])
    order = order_of(outputs)
    assert visited == order
    assert len(set(order)) == len(order)
    places = {node: place for place, node in enumerate(order)}
    assert all(places[p] < places[node] for node in order for p in node.parents)
    assert set(order) == {node for output in outputs for node in topological_order(output)}


@pytest.mark.parametrize("n_samples", [FEW, MANY])
def test_activations_behind_a_norm(n_samples: int) -> None:
    model = MLP(2, [4, 3], activation="tanh", batch_norm=True, dropout=0.5, rng=0)
    fit(model, samples(40), [0, 1, 2, 0] * 10, epochs=2, batch_size=10, rng=0, log_every=None)
    parts = Sequential(
        Layer(2, 4, None, rng=0), BatchNorm(4), "tanh", Dropout(0.5), Layer(4, 3, None, rng=1)
    )
    parts.load_state_dict(dict(zip(parts.state_dict(), model.state_dict().values())))
    X, state = samples(n_samples), model.state_dict()
    z = X @ state["layers.0.weight"].T + state["layers.0.bias"]
    z = (z - state["layers.0.norm.running_mean"]) / np.sqrt(
        state["layers.0.norm.running_var"] + 1e-5
    )
    hidden = np.tanh(z * state["layers.0.norm.weight"] + state["layers.0.norm.bias"])
    out = hidden @ state["layers.1.weight"].T + state["layers.1.bias"]
    for found in (activations(model, X), activations(parts, X)):
        first, last = found.values()
        assert_close(first, hidden)
        assert_close(last, out)
    assert list(activations(parts, X)) == ["0", "4"]


def test_without_an_activation_a_neuron_ends_behind_its_norm() -> None:
    model = Sequential(Layer(2, 3, None, rng=0), BatchNorm(3), Layer(3, 1, None, rng=1))
    fit(model, samples(40), samples(40)[:, 0], epochs=2, batch_size=10, rng=0, log_every=None)
    X, state = samples(FEW), model.state_dict()
    z = X @ state["0.weight"].T + state["0.bias"]
    z = (z - state["1.running_mean"]) / np.sqrt(state["1.running_var"] + 1e-5)
    assert_close(activations(model, X)["0"], z * state["1.weight"] + state["1.bias"])


@pytest.mark.parametrize("n_samples", [FEW, MANY])
def test_activations_beside_a_shortcut(n_samples: int) -> None:
    model, X = Residual(), samples(n_samples)
    state = model.state_dict()
    hidden = np.tanh(X @ state["hidden.weight"].T + state["hidden.bias"])
    found = activations(model, X)
    assert_close(found["hidden"], hidden)
    assert_close(found["out"], (hidden + X) @ state["out.weight"].T + state["out.bias"])


def test_more_neurons_than_ten_stand_in_the_order_of_their_numbers() -> None:
    model = MLP(1, [12, 1], activation="relu", rng=0)
    for k, neuron in enumerate(model.layers[0].neurons):
        neuron.w[0].data, neuron.b.data = 0.0, float(k)
    assert activations(model, [[0.0]])["layers.0"].tolist() == [[float(k) for k in range(12)]]


def test_the_parameters_are_those_of_now_and_stay() -> None:
    model = MLP(2, [3, 1], rng=0).train()
    before = model.state_dict()
    first = activations(model, samples(MANY))["layers.1"]
    model.layers[1].neurons[0].b.data += 1.0
    np.testing.assert_allclose(activations(model, samples(MANY))["layers.1"], first + 1.0)
    assert model.training
    assert model.state_dict().keys() == before.keys()


def test_a_model_without_neurons_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"no neuron in this model"):
        activations(lambda x: x[0].exp(), samples(FEW))
    with pytest.raises(InvalidArgumentError, match=r"the model is 3"):
        activations(3, samples(FEW))  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=r"X has 3 columns"):
        activations(MLP(2, [1]), samples(FEW, 3))


# Nearest samples


@pytest.mark.parametrize(
    ("layer", "name"),
    [(None, "layers.1"), (0, "layers.0"), (1, "layers.1"), ("layers.0", "layers.0")],
)
def test_the_nearest_are_those_of_a_library(layer: int | str | None, name: str) -> None:
    model = MLP(2, [6, 5, 2], activation="tanh", rng=0)
    X, among = samples(20), samples(80, seed=1)
    known, seen = activations(model, among)[name], activations(model, X)[name]
    distances, indices = NearestNeighbors(n_neighbors=7).fit(known).kneighbors(seen)
    found = nearest_samples(model, X, among, layer=layer, n_neighbors=7)
    np.testing.assert_array_equal(found.indices, indices)
    assert_close(found.distances, distances)


def test_a_sample_is_nearest_to_itself_and_ties_go_by_the_row() -> None:
    model, X = MLP(2, [3, 1], activation="tanh", rng=0), samples(10)
    found = nearest_samples(model, X, np.concatenate([X, X]))
    assert found.indices[:, :2].tolist() == [[k, k + 10] for k in range(10)]
    assert (found.distances[:, :2] == 0.0).all()
    assert found.indices.shape == found.distances.shape == (10, 5)


def test_of_one_layer_it_is_that_one() -> None:
    found = nearest_samples(Layer(1, 2, None, rng=0), [[0.0]], [[3.0], [1.0]], n_neighbors=1)
    assert found.indices.tolist() == [[1]]


def test_what_nearest_samples_refuses() -> None:
    model, X = MLP(2, [3, 1], rng=0), samples(4)
    with pytest.raises(InvalidArgumentError, match=r"n_neighbors is 5, but there are 4 samples"):
        nearest_samples(model, X, X)
    with pytest.raises(InvalidArgumentError, match=r"n_neighbors is 0"):
        nearest_samples(model, X, X, n_neighbors=0)
    with pytest.raises(InvalidArgumentError, match=r"no layer 2; the layers are 0 'layers.0', 1 "):
        nearest_samples(model, X, X, layer=2, n_neighbors=1)
    with pytest.raises(ShapeError, match=r"among has 3 columns"):
        nearest_samples(model, X, samples(4, 3))


# Feature visualization


def test_of_a_linear_score_it_is_the_weights_over_twice_l2() -> None:
    model = MLP(3, [2], rng=0)
    weights = model.state_dict()["layers.0.weight"]
    for l2 in (0.1, 0.5):
        found = feature_visualization(model, Output(1), l2=l2, rng=0)
        np.testing.assert_allclose(found.input, weights[1] / (2.0 * l2), atol=1e-9)
        bias = model.state_dict()["layers.0.bias"][1]
        assert found.score == pytest.approx(weights[1] @ found.input + bias, rel=1e-12)
        largest = found.score - l2 * found.input @ found.input
        assert found.history[-1] == pytest.approx(largest, rel=1e-12)
        assert len(found.history) <= 4  # it stops where no step brings anything
        assert found.history == sorted(set(found.history))


def test_a_smooth_score_ends_where_its_gradient_is_that_of_l2() -> None:
    model = MLP(3, [5, 1], activation="tanh", rng=0)
    found = feature_visualization(model, Unit(0, 2), l2=0.05, rng=0, steps=500)
    state = model.state_dict()
    w, b = state["layers.0.weight"][2], state["layers.0.bias"][2]
    slope = (1.0 - np.tanh(w @ found.input + b) ** 2) * w
    np.testing.assert_allclose(slope, 2.0 * 0.05 * found.input, atol=1e-6)
    assert found.history == sorted(found.history)
    assert found.history[-1] > found.history[0]


def test_a_step_that_goes_nearly_twice_as_far_as_the_best_is_halved() -> None:
    def parabola(x: list[Value]) -> Value:
        return -0.98 * (x[0] - 2.0).square()

    found = feature_visualization(parabola, l2=0.0, bounds=(-9.0, 9.0), start=[0.0])
    assert found.history[:2] == pytest.approx([-3.92, -0.98 * 0.04**2], rel=1e-9)


def test_bounds_hold_and_are_reached() -> None:
    def score(x: list[Value]) -> Value:
        return 3.0 * x[0] - x[1] + 0.0 * x[2]

    found = feature_visualization(score, l2=0.0, bounds=(-1.0, 2.0), n_inputs=3, rng=0)
    assert found.input[:2].tolist() == [2.0, -1.0]
    assert abs(found.input[2]) < 1.0
    assert found.score == 7.0
    start = feature_visualization(score, l2=0.0, bounds=(0.5, 2.0), start=[9.0, -9.0, 0.0], steps=1)
    assert start.input[2] == 0.5


def test_seeds_and_starts() -> None:
    model = MLP(3, [5, 1], activation="tanh", rng=0)
    one, same, other = [
        feature_visualization(model, rng=seed, steps=3) for seed in (1, np.random.default_rng(1), 2)
    ]
    np.testing.assert_array_equal(one.input, same.input)
    assert (one.input != other.input).any()
    assert len(one.history) == 4
    start = 0.1 * np.random.default_rng(1).normal(size=3)
    from_start = feature_visualization(model, start=start, steps=3)
    np.testing.assert_array_equal(one.input, from_start.input)
    assert repr(one) == f"FeatureVisualization(3 features, score {one.score:.4g}, 3 steps)"


def test_the_start_stays_as_it_is() -> None:
    start = np.array([0.1, 0.2])
    feature_visualization(MLP(2, [1], rng=0), start=start, rng=0)
    assert start.tolist() == [0.1, 0.2]


def test_a_dead_unit_says_what_to_do() -> None:
    model = MLP(2, [3, 1], activation="relu", rng=0)
    model.layers[0].neurons[1].b.data = -50.0
    with pytest.raises(
        InvalidArgumentError, match=r"gradient of the score is 0 at the start.*befo"
    ):
        feature_visualization(model, Unit(0, 1), rng=0)
    found = feature_visualization(model, Unit(0, 1, before_activation=True), rng=0)
    w = model.state_dict()["layers.0.weight"][1]
    np.testing.assert_allclose(found.input, w / 0.2, atol=1e-9)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"l2": -1.0}, r"l2 is -1"),
        ({"l2": 0.0}, r"without l2 and bounds"),
        ({"steps": 0}, r"steps is 0"),
        ({"bounds": 1.0}, r"bounds is 1.0, but a pair"),
        ({"bounds": (1.0, 1.0)}, r"bounds\[1\] is 1.0, but a number > 1"),
        ({"bounds": (None, 1.0)}, r"bounds\[0\] is None"),
        ({"n_inputs": 0}, r"n_inputs is 0"),
        ({"rng": -1}, r"rng is -1"),
        ({"target": "cat"}, r"target is 'cat'"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        feature_visualization(MLP(2, [1], rng=0), **settings)


def test_the_number_of_inputs_and_the_start() -> None:
    with pytest.raises(InvalidArgumentError, match=r"does not say how many inputs.*n_inputs=2"):
        feature_visualization(lambda x: x[0])
    with pytest.raises(ShapeError, match=r"start has the shape \(3,\).*\(2,\)"):
        feature_visualization(MLP(2, [1], rng=0), start=[1.0, 2.0, 3.0])
    with pytest.raises(ShapeError, match=r"start has the shape \(1, 2\).*\(n_features,\)"):
        feature_visualization(lambda x: x[0], start=[[1.0, 2.0]])
    with pytest.raises(DataError, match=r"start\[1\] is nan"):
        feature_visualization(MLP(2, [1], rng=0), start=[1.0, np.nan])
    model = Residual()
    fit(model, samples(6), samples(6)[:, 0], epochs=1, log_every=None)
    assert feature_visualization(model, rng=0).input.shape == (2,)


def test_several_classes_need_a_name() -> None:
    model = MLP(2, [3], rng=0)
    fit(model, samples(9), ["a", "b", "c"] * 3, epochs=1, log_every=None)
    with pytest.raises(InvalidArgumentError, match=r"no sample here .*target='a'"):
        feature_visualization(model, rng=0)
    assert feature_visualization(model, "b", rng=0).score > 0.0


def test_a_score_of_a_function() -> None:
    found = feature_visualization(
        lambda x: -F.square(x[0] - 2.0), l2=0.0, n_inputs=1, bounds=(-9.0, 9.0), rng=0
    )
    assert found.input[0] == pytest.approx(2.0, abs=1e-6)
