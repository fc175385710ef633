"""Initializers: mean, variance and bounds of what they draw, defaults, seeds, errors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tinygrad_mlp import functional
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import ShapeError, UnknownNameError
from tinygrad_mlp.nn import ACTIVATIONS, INITIALIZERS, MLP, Layer, Neuron, initializer_named
from tinygrad_mlp.nn.init import initializer_for, normal

SIZES = [(50, 400), (400, 50), (200, 200)]

VARIANCES: dict[str, Callable[[int, int], float]] = {
    "normal": lambda n_in, n_out: 1e-4,
    "zeros": lambda n_in, n_out: 0.0,
    "xavier_normal": lambda n_in, n_out: 1 / n_in,
    "xavier_uniform": lambda n_in, n_out: 2 / (n_in + n_out),
    "glorot_normal": lambda n_in, n_out: 2 / (n_in + n_out),
    "he_normal": lambda n_in, n_out: 2 / n_in,
    "he_uniform": lambda n_in, n_out: 2 / n_in,
}

BOUNDS: dict[str, Callable[[int, int], float]] = {
    "xavier_uniform": lambda n_in, n_out: sqrt(6 / (n_in + n_out)),
    "he_uniform": lambda n_in, n_out: sqrt(6 / n_in),
}


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


@pytest.mark.parametrize("name", ["normal", "xavier_normal", "glorot_normal", "he_normal"])
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
    relatives_of_relu = {"relu", "leaky_relu", "elu", "softplus", "silu", "gelu"}
    name = "he_normal" if activation in relatives_of_relu else "xavier_normal"
    assert initializer_for(activation) is INITIALIZERS[name]
    chosen = Layer(3, 4, activation, init=name, rng=0).state_dict()["weight"]
    assert (Layer(3, 4, activation, rng=0).state_dict()["weight"] == chosen).all()


def test_the_default_follows_a_function_s_name() -> None:
    assert initializer_for(functional.gelu) is INITIALIZERS["he_normal"]
    assert initializer_for(Value.relu) is INITIALIZERS["he_normal"]
    assert initializer_for(functional.sin) is INITIALIZERS["xavier_normal"]


def test_each_layer_of_a_network_has_its_own_default() -> None:
    model = MLP(300, [300, 300], activation="relu", rng=0)
    hidden, output = (model.state_dict()[f"layers.{i}.weight"] for i in (0, 1))
    assert hidden.var() == pytest.approx(2 / 300, rel=0.03)
    assert output.var() == pytest.approx(1 / 300, rel=0.03)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_biases_begin_at_zero(name: str) -> None:
    state = MLP(3, [4, 2], init=name, rng=0).state_dict()
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
    with pytest.raises(
        UnknownNameError, match="unknown initializer 'xavier'; known: glorot_normal"
    ):
        MLP(2, [1], init="xavier")
    with pytest.raises(UnknownNameError, match="unknown initializer 'kaiming'"):
        initializer_named("kaiming")
