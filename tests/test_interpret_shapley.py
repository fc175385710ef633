"""Exact Shapley values against every order of the features, the axioms, and recorded numbers."""

from __future__ import annotations

from itertools import permutations
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.against_torch import assert_close
from tinygrad_mlp import functional as F
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError
from tinygrad_mlp.interpret import Output, Probability, shapley_values
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import fit, predict, predict_proba

Array = NDArray[np.float64]

RECORDED: Final = [
    [-0.375, -0.2284046960542897, 0.9166666666666666, -0.005749969275529239],
    [-0.7083333333333335, -0.9625625744002998, -0.5, 0.7592031609437513],
]
"""By shap 0.51.0: ``explainers.Exact(f, maskers.Independent(background, max_samples=100))``."""


def samples(n_samples: int, n_features: int, seed: int = 7) -> Array:
    return np.random.default_rng(seed).normal(size=(n_samples, n_features))


def outputs(model: MLP, X: Array) -> Array:
    """By NumPy: two layers, tanh between them."""
    state = model.state_dict()
    hidden = np.tanh(X @ state["layers.0.weight"].T + state["layers.0.bias"])
    return np.asarray(hidden @ state["layers.1.weight"].T + state["layers.1.bias"])


def by_orders(model: MLP, x: Array, background: Array, index: int) -> Array:
    """The mean over all orders of what each feature adds when it comes in."""
    found = np.zeros(len(x))
    orders = list(permutations(range(len(x))))
    for order in orders:
        mixed = background.copy()
        before = outputs(model, mixed)[:, index].mean()
        for feature in order:
            mixed[:, feature] = x[feature]
            after = outputs(model, mixed)[:, index].mean()
            found[feature] += after - before
            before = after
    return found / len(orders)


@pytest.mark.parametrize("n_features", [1, 2, 3, 4, 5])
def test_every_order_of_the_features(n_features: int) -> None:
    model = MLP(n_features, [6, 2], activation="tanh", rng=0)
    X, background = 2.0 * samples(3, n_features), samples(7, n_features, seed=1)
    found = shapley_values(model, X, background, Output(1))
    assert_close(found.values, [by_orders(model, x, background, 1) for x in X])
    assert_close(found.base_values, [outputs(model, background)[:, 1].mean()] * 3)
    assert_close(found.scores, outputs(model, X)[:, 1])


def test_the_numbers_of_an_exact_explainer_elsewhere() -> None:
    def score(x: list[Value]) -> Value:
        return x[0] * x[1] + (x[2] - 0.5 * x[0]).relu() - (x[1] * x[3]).tanh()

    X = np.array([[1.0, -0.5, 2.0, 0.25], [-2.0, 1.5, 0.5, -1.0]])
    background = np.array([[0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0], [0.5, -1.0, 2.0, 0.5]])
    found = shapley_values(score, X, background)
    assert_close(found.values, RECORDED)


def test_axioms() -> None:
    """Efficiency, dummy, symmetry, and linearity in the score."""
    model = MLP(4, [6, 2], activation="tanh", rng=0)
    for neuron in model.layers[0].neurons:
        neuron.w[1].data = 0.0
        neuron.w[3].data = neuron.w[0].data
    X, background = samples(5, 4), samples(8, 4, seed=1)
    X[:, 3], background[:, 3] = X[:, 0], background[:, 0]
    first = shapley_values(model, X, background, Output(0))
    assert_close(first.values.sum(axis=1), first.scores - first.base_values)
    assert np.abs(first.values[:, 1]).max() < 1e-15
    assert_close(first.values[:, 0], first.values[:, 3])
    second = shapley_values(model, X, background, Output(1))
    both = shapley_values(lambda x: F.dot(model.forward(x), [2.0, -1.0]), X, background)
    assert_close(both.values, 2.0 * first.values - second.values)


def test_of_a_linear_score_each_feature_has_its_weight_times_its_distance_from_the_mean() -> None:
    weights = [2.0, -1.0, 0.5]
    X, background = samples(4, 3), samples(6, 3, seed=1)
    found = shapley_values(lambda x: F.dot(x, weights), X, background)
    assert_close(found.values, weights * (X - background.mean(axis=0)))


def test_twelve_features_are_the_most() -> None:
    weights = np.arange(1.0, 13.0)
    X, background = samples(2, 12), samples(5, 12, seed=1)
    found = shapley_values(lambda x: F.dot(x, weights.tolist()), X, background)
    assert_close(found.values, weights * (X - background.mean(axis=0)))
    message = r"X has 13 features, .* all 2\^13 coalitions .* at most 12 .* integrated_gradients"
    with pytest.raises(InvalidArgumentError, match=message):
        shapley_values(lambda x: x[0], samples(2, 13), samples(2, 13))


def test_a_large_background_is_taken_in_parts() -> None:
    model = MLP(3, [4, 2], activation="tanh", rng=0)
    X, background = samples(2, 3), samples(9000, 3, seed=1)
    found = shapley_values(model, X, background, Output(0))
    assert_close(found.values[0], by_orders(model, X[0], background, 0), relative=1e-11)


def test_without_a_target_each_sample_has_its_predicted_class() -> None:
    model = MLP(3, [5, 3], activation="tanh", rng=3)
    X, background = samples(30, 3), samples(5, 3, seed=1)
    fit(model, X, ["a", "b", "c"] * 10, epochs=2, rng=0, log_every=None)
    predicted = predict(model, X).tolist()
    assert len(set(predicted)) > 1
    found = shapley_values(model, X, background)
    for row, label in enumerate(predicted):
        alone = shapley_values(model, X[row : row + 1], background, label)
        assert_close(found.values[row], alone.values[0])
        assert found.base_values[row] == pytest.approx(alone.base_values[0], rel=1e-12)
    chances = shapley_values(model, X, background, Probability("b"))
    assert_close(chances.scores, predict_proba(model, X)[:, 1])
    assert_close(chances.base_values, [predict_proba(model, background)[:, 1].mean()] * 30)


def test_a_model_that_cannot_be_recorded() -> None:
    def branching(x: list[Value]) -> Value:
        return x[0] * x[1] if x[0].data > 0.0 else -x[1]

    found = shapley_values(branching, [[2.0, 3.0]], [[-1.0, 1.0], [1.0, 2.0]])
    assert_close(found.values, [[4.25, 1.25]])  # v: 0.5 of none, 3 and 0 of one, 6 of both


def test_what_is_given_is_checked() -> None:
    model = MLP(3, [1], rng=0)
    with pytest.raises(ShapeError, match=r"X has 2 columns"):
        shapley_values(model, samples(2, 2), samples(2, 3))
    with pytest.raises(ShapeError, match=r"background has 2 columns"):
        shapley_values(model, samples(2, 3), samples(2, 2))
    with pytest.raises(DataError, match=r"background\[0, 0\] is nan"):
        shapley_values(model, samples(2, 3), [[np.nan, 0.0, 0.0]])
    with pytest.raises(InvalidArgumentError, match=r"target is 'a'"):
        shapley_values(model, samples(2, 3), samples(2, 3), "a")


def test_what_is_returned_is_short() -> None:
    found = shapley_values(lambda x: x[0] * x[1], samples(4, 2), samples(2, 2))
    assert repr(found) == "ShapleyValues(4 samples, 2 features)"
