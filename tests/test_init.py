"""Initializers: mean, variance and bounds of what they draw, defaults, seeds, errors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import sqrt
from typing import Any, Final

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.benchmarks import initializers
from tests.torch_reference import is_like_relu_in_torch
from tinygrad_mlp import functional
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import ShapeError, UnknownNameError
from tinygrad_mlp.nn import ACTIVATIONS, INITIALIZERS, MLP, Layer, Neuron, initializer_named
from tinygrad_mlp.nn.init import first_layer, initializer_for, normal

SIZES = [(50, 400), (400, 50), (200, 200)]

VARIANCES: dict[str, Callable[[int, int], float]] = {
    "normal": lambda n_in, n_out: 1e-4,
    "zeros": lambda n_in, n_out: 0.0,
    "lecun_normal": lambda n_in, n_out: 1 / n_in,
    "xavier_normal": lambda n_in, n_out: 2 / (n_in + n_out),
    "xavier_uniform": lambda n_in, n_out: 2 / (n_in + n_out),
    "he_normal": lambda n_in, n_out: 2 / n_in,
    "he_uniform": lambda n_in, n_out: 2 / n_in,
}

BOUNDS: dict[str, Callable[[int, int], float]] = {
    "xavier_uniform": lambda n_in, n_out: sqrt(6 / (n_in + n_out)),
    "he_uniform": lambda n_in, n_out: sqrt(6 / n_in),
}


RELATIVES_OF_RELU = {name for name in ACTIVATIONS if is_like_relu_in_torch(name)}


def test_every_initializer_has_a_reference() -> None:
    assert set(VARIANCES) == set(INITIALIZERS)


@pytest.mark.parametrize("name", INITIALIZERS)
@pytest.mark.parametrize(("n_inputs", "n_outputs"), SIZES)
def test_mean_and_variance(name: str, n_inputs: int, n_outputs: int) -> None:
    weights = INITIALIZERS[name](n_inputs, n_outputs, np.random.default_rng(0))
    assert weights.shape == (n_outputs, n_inputs)
    variance = VARIANCES[name](n_inputs, n_outputs)
    # Five standard errors: of a mean, std / sqrt(N); of a normal variance, variance sqrt(2 / N),
    # which bounds that of a uniform one. N is at least 20,000.
    assert abs(weights.mean()) <= 5 * sqrt(variance / weights.size)
    assert abs(weights.var() - variance) <= 5 * variance * sqrt(2 / weights.size)


@pytest.mark.parametrize("name", ["normal", "lecun_normal", "xavier_normal", "he_normal"])
def test_normal_ones_have_the_tails_of_a_normal_distribution(name: str) -> None:
    weights = INITIALIZERS[name](200, 200, np.random.default_rng(1))
    inside = (np.abs(weights) < sqrt(VARIANCES[name](200, 200))).mean()
    assert inside == pytest.approx(0.6827, abs=0.012)  # uniform: 0.577
    kurtosis = (weights**4).mean() / (weights**2).mean() ** 2
    assert kurtosis == pytest.approx(3.0, abs=0.15)  # uniform: 1.8


@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize(("n_inputs", "n_outputs"), SIZES)
def test_uniform_ones_fill_their_bounds(name: str, n_inputs: int, n_outputs: int) -> None:
    weights = INITIALIZERS[name](n_inputs, n_outputs, np.random.default_rng(2))
    bound = BOUNDS[name](n_inputs, n_outputs)
    assert 0.999 * bound < weights.max() <= bound
    assert -bound <= weights.min() < -0.999 * bound
    assert np.quantile(weights, [0.25, 0.75]) == pytest.approx([-bound / 2, bound / 2], rel=0.03)


@pytest.mark.parametrize("name", sorted(set(INITIALIZERS) - {"zeros"}))
def test_seeds(name: str) -> None:
    initializer: Any = INITIALIZERS[name]  # each takes a seed as well as a generator
    assert (initializer(3, 4, 5) == initializer(3, 4, 5)).all()
    assert (initializer(3, 4, 5) == initializer(3, 4, np.random.default_rng(5))).all()
    assert (initializer(3, 4, 5) != initializer(3, 4, 6)).all()
    assert (initializer(3, 4) != initializer(3, 4)).all()


def test_the_global_random_state_is_left_alone() -> None:
    before = str(np.random.get_state())  # noqa: NPY002  (to see that nobody touches it)
    MLP(4, [5, 3])
    assert str(np.random.get_state()) == before  # noqa: NPY002


@pytest.mark.parametrize("activation", [*ACTIVATIONS, "softmax", None])
def test_the_default_follows_the_activation(activation: str | None) -> None:
    name = "he_normal" if activation in RELATIVES_OF_RELU else "lecun_normal"
    assert initializer_for(activation) is INITIALIZERS[name]
    chosen = Layer(3, 4, activation, init=name, rng=0).state_dict()["weight"]
    assert (Layer(3, 4, activation, rng=0).state_dict()["weight"] == chosen).all()


def test_the_default_follows_a_function_s_name() -> None:
    assert initializer_for(functional.gelu) is INITIALIZERS["he_normal"]
    assert initializer_for(Value.relu) is INITIALIZERS["he_normal"]
    assert initializer_for(functional.sin) is INITIALIZERS["lecun_normal"]


def test_each_layer_of_a_network_has_its_own_default() -> None:
    state = MLP(300, [300, 300, 300], activation="relu", rng=0).state_dict()
    variances = [state[f"layers.{i}.weight"].var() for i in range(3)]
    assert variances == pytest.approx([1 / 900, 2 / 300, 1 / 300], rel=0.03)


def test_the_first_layer_of_a_relu_network_has_the_variance_of_torch() -> None:
    torch.manual_seed(0)
    theirs = torch.nn.Linear(300, 300).weight.detach().numpy()
    ours = MLP(300, [300, 1], rng=0).state_dict()["layers.0.weight"]
    assert ours.var() == pytest.approx(theirs.var(), rel=0.03)


def test_an_initializer_that_is_named_holds_for_the_first_layer_too() -> None:
    state = MLP(300, [300, 300], activation="relu", init="he_normal", rng=0).state_dict()
    assert state["layers.0.weight"].var() == pytest.approx(2 / 300, rel=0.03)
    assert state["layers.1.weight"].var() == pytest.approx(2 / 300, rel=0.03)


def test_signals_in_a_deep_relu_network_keep_their_size() -> None:
    model = MLP(64, [64] * 20 + [64], activation="relu", rng=0)
    state = model.state_dict()
    signal = np.random.default_rng(1).normal(size=(64, 500))
    for i in range(20):
        sums = state[f"layers.{i}.weight"] @ signal + state[f"layers.{i}.bias"][:, np.newaxis]
        signal = np.maximum(sums, 0.0)
    # The mean square of the sums stays about 1/3; with N(0, 1/n) it would be 2^-19 of it.
    assert 0.03 < (sums**2).mean() < 3.0


BENDING = sorted(set(ACTIVATIONS) - RELATIVES_OF_RELU - {"linear"})


@pytest.mark.parametrize("activation", [*BENDING, functional.sin])
def test_biases_of_activations_that_bend_at_0_are_drawn_like_weights(activation: Any) -> None:
    biases = Layer(25, 4000, activation, rng=0).state_dict()["bias"]
    # Five standard errors of 4,000 numbers, as above.
    assert abs(biases.mean()) <= 5 * sqrt(1 / 25 / 4000)
    assert biases.var() == pytest.approx(1 / 25, rel=5 * sqrt(2 / 4000))


@pytest.mark.parametrize("activation", [*sorted(RELATIVES_OF_RELU), "linear", "softmax", None])
def test_biases_of_the_others_begin_at_zero(activation: str | None) -> None:
    assert not Layer(25, 40, activation, rng=0).state_dict()["bias"].any()


def test_a_network_draws_for_one_layer_after_the_other() -> None:
    state = MLP(3, [4, 5], "tanh", "sigmoid", rng=7).state_dict()
    rng = np.random.default_rng(7)
    assert (state["layers.0.weight"] == rng.normal(0.0, sqrt(1 / 3), (4, 3))).all()
    assert (state["layers.0.bias"] == rng.normal(0.0, 1.0, 4)).all()
    assert (state["layers.1.weight"] == rng.normal(0.0, sqrt(1 / 4), (5, 4))).all()
    assert (state["layers.1.bias"] == rng.normal(0.0, sqrt(1 / 4), 5)).all()


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_layer_can_be_the_first_one_of_a_model_of_one_s_own(activation: str) -> None:
    layer = Layer(3, 4, activation, init=first_layer, rng=7)
    model = MLP(3, [4, 1], activation, rng=7)
    first = model.layers[0].state_dict()
    assert all((array == first[name]).all() for name, array in layer.state_dict().items())
    assert not Layer(3, 4, "relu", init=first_layer, rng=7).state_dict()["bias"].any()
    assert not Layer(3, 4, None, init=first_layer, rng=7).state_dict()["bias"].any()


def test_a_neuron_draws_what_a_layer_of_one_draws() -> None:
    neuron, layer = Neuron(3, "tanh", rng=7), Layer(3, 1, "tanh", rng=7)
    assert [p.data for p in neuron.parameters()] == [p.data for p in layer.parameters()]
    assert neuron.b.data != 0.0


def test_the_bias_of_a_neuron_can_be_given() -> None:
    assert Neuron(3, "tanh", rng=7, bias=0.25).b.data == 0.25
    assert Neuron(3, "tanh", rng=7, bias=0.0).b.data == 0.0
    assert Neuron(2, "tanh", weights=[0.5, -1.0]).b.data == 0.0
    assert Neuron(3, "tanh", "lecun_normal", rng=7).b.data == 0.0


@pytest.mark.parametrize("name", INITIALIZERS)
def test_biases_begin_at_zero_with_an_initializer_that_is_named(name: str) -> None:
    state = MLP(3, [4, 2], "tanh", init=name, rng=0).state_dict()
    assert not state["layers.0.bias"].any()
    assert not state["layers.1.bias"].any()


def test_a_layer_and_its_initializer_draw_the_same() -> None:
    weights = Layer(3, 4, init="he_uniform", rng=9).state_dict()["weight"]
    assert (weights == INITIALIZERS["he_uniform"](3, 4, np.random.default_rng(9))).all()
    row = Neuron(3, init="xavier_uniform", rng=9).state_dict()["weight"]
    assert (row == INITIALIZERS["xavier_uniform"](3, 1, np.random.default_rng(9))[0]).all()


def test_an_initializer_of_one_s_own() -> None:
    def counting(n_inputs: int, n_outputs: int, rng: np.random.Generator) -> NDArray[np.float64]:
        return np.arange(n_outputs * n_inputs, dtype=np.float64).reshape(n_outputs, n_inputs)

    assert Layer(2, 2, init=counting).state_dict()["weight"].tolist() == [[0, 1], [2, 3]]
    wide = MLP(200, [200], init=functools.partial(normal, std=3.0), rng=0)
    assert wide.state_dict()["layers.0.weight"].std() == pytest.approx(3.0, rel=0.02)


def test_an_initializer_of_the_wrong_shape_is_refused() -> None:
    def transposed(n_inputs: int, n_outputs: int, rng: object) -> NDArray[np.float64]:
        return np.zeros((n_inputs, n_outputs))

    with pytest.raises(ShapeError, match=r"transposed gave shape \(2, 3\).* \(3, 2\)"):
        Layer(2, 3, init=transposed)


def test_an_unknown_initializer_is_named() -> None:
    with pytest.raises(UnknownNameError, match="unknown initializer 'xavier'; known: he_normal"):
        MLP(2, [1], init="xavier")
    with pytest.raises(UnknownNameError, match="unknown initializer 'kaiming'"):
        initializer_named("kaiming")


SPIRALS: Final = initializers.TASKS["radius 5, others held out"]


def test_two_spirals_take_no_more_epochs_than_with_the_initialization_of_torch() -> None:
    torchs = initializers.STARTS["U(±1/√n), biases U(±1/√n) (PyTorch)"]
    ours, theirs = (
        [initializers.epochs_to_learn(start, SPIRALS, seed, most=90) for seed in range(3)]
        for start in (None, torchs)
    )
    assert np.median(ours) <= np.median(theirs)


@pytest.mark.parametrize("activations", initializers.NETWORKS.values(), ids=initializers.NETWORKS)
def test_the_loop_of_the_lecture_diverges_no_more_often_than_from_its_own_start(
    activations: list[str | None],
) -> None:
    ours, theirs = (
        initializers.diverged(initializers.lecture_losses(start, activations, n_loops=60))
        for start in (None, initializers.LOOP_STARTS["U(-1, 1), biases too (the lecture)"])
    )
    assert ours <= theirs
