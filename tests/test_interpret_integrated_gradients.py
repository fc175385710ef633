"""Integrated gradients against integrals by other means, and the axioms that they keep."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final

import mpmath
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.special import roots_legendre

from tests.against_torch import assert_close
from tinygrad_mlp import functional as F
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import DataError, ShapeError
from tinygrad_mlp.interpret import (
    Output,
    Probability,
    Unit,
    integrated_gradients,
    saliency,
)
from tinygrad_mlp.interpret._quadrature import gauss_legendre
from tinygrad_mlp.nn import MLP, Layer, Module
from tinygrad_mlp.training import fit, predict

Array = NDArray[np.float64]


def samples(n_samples: int, n_features: int = 3, seed: int = 7) -> Array:
    return np.random.default_rng(seed).normal(size=(n_samples, n_features))


def integral(slope: Callable[[Array], Array], x: Array, b: Array, kinks: Sequence[float]) -> Array:
    """(x - b) times the integral of the slopes along the path, by adaptive quadrature."""

    def of_one(i: int) -> float:
        def along(t: float) -> float:
            return float(slope(b + t * (x - b))[i])

        points = [0.0, *sorted(kinks), 1.0]
        pieces = [quad(along, *ends, epsabs=1e-14, epsrel=1e-13) for ends in pairwise(points)]
        return float(sum([number for number, _ in pieces]))

    integrals: Array = (x - b) * np.array([of_one(i) for i in range(len(x))])
    return integrals


class Hidden:
    """A network with two hidden relu or tanh layers in NumPy: outputs, slopes, and its switches."""

    def __init__(self, model: MLP, activation: str, leak: float = 0.0) -> None:
        state = model.state_dict()
        self.W = [state[f"layers.{k}.weight"] for k in range(3)]
        self.b = [state[f"layers.{k}.bias"] for k in range(3)]
        self.is_tanh, self.leak = activation == "tanh", leak

    def sums(self, x: Array) -> list[Array]:
        sums = [self.W[0] @ x + self.b[0]]
        for k in (1, 2):
            sums.append(self.W[k] @ self._active(sums[-1]) + self.b[k])
        return sums

    def slope(self, x: Array, index: int = 0) -> Array:
        first, second, _ = self.sums(x)
        back = self.W[2][index] * self._slopes(second)
        return np.asarray(((back @ self.W[1]) * self._slopes(first)) @ self.W[0])

    def switches(self, x: Array, b: Array) -> list[float]:
        """Where a sum changes its sign, by bisection between 4,001 points of the path."""
        ts = np.linspace(0.0, 1.0, 4_001)
        signs = np.array([np.concatenate(self.sums(b + t * (x - b))[:2]) > 0.0 for t in ts])
        found = []
        for place, unit in np.argwhere(signs[:-1] != signs[1:]).tolist():
            low, high = ts[place], ts[place + 1]
            for _ in range(60):
                middle = (low + high) / 2.0
                sign = np.concatenate(self.sums(b + middle * (x - b))[:2])[unit] > 0.0
                low, high = (middle, high) if sign == signs[place, unit] else (low, middle)
            found.append(low)
        return found

    def _active(self, z: Array) -> Array:
        return np.tanh(z) if self.is_tanh else np.where(z > 0.0, z, self.leak * z)

    def _slopes(self, z: Array) -> Array:
        return 1.0 - np.tanh(z) ** 2 if self.is_tanh else np.where(z > 0.0, 1.0, self.leak)


def test_a_smooth_network_against_adaptive_quadrature() -> None:
    model = MLP(3, [6, 5, 2], activation="tanh", rng=0)
    twin, X, b = Hidden(model, "tanh"), 2.0 * samples(4), np.array([0.3, -0.2, 0.1])
    found = integrated_gradients(model, X, Output(1), baseline=b)
    expected = [integral(lambda x: twin.slope(x, 1), x, b, []) for x in X]
    assert_close(found.attributions, expected)
    assert found.n_nodes.tolist() == [50] * 4
    assert found.gaps.max() < 1e-12
    assert_close(found.scores, [twin.sums(x)[2][1] for x in X])
    assert_close(found.baseline_scores, [twin.sums(b)[2][1]] * 4)


@pytest.mark.parametrize(("activation", "leak"), [("relu", 0.0), ("leaky_relu", 0.01)])
def test_logits_of_corners_are_exact_with_one_node_for_each_piece(
    activation: str, leak: float
) -> None:
    model = MLP(3, [8, 7, 2], activation=activation, rng=1)
    for layer in model.layers:
        for k, neuron in enumerate(layer.neurons):
            neuron.b.data = 0.1 * (k - 3.0)
    twin, X, b = Hidden(model, activation, leak), 3.0 * samples(6), np.array([-0.5, 0.4, 0.2])
    found = integrated_gradients(model, X, Output(0), baseline=b)
    switches = [twin.switches(x, b) for x in X]
    assert min(map(len, switches)) >= 3
    assert found.n_nodes.tolist() == [len(kinks) + 1 for kinks in switches]
    assert_close(
        found.attributions, [integral(twin.slope, *ab) for ab in zip(X, [b] * 6, switches)]
    )
    assert found.gaps.max() < 1e-14 * np.abs(found.scores).max() * 10


def test_a_probability_of_a_relu_network_is_split_as_well() -> None:
    model = MLP(3, [8, 6, 3], activation="relu", rng=0)
    fit(model, samples(30), [0, 1, 2] * 10, epochs=3, rng=0, log_every=None)
    X = 3.0 * samples(5)
    found = integrated_gradients(model, X, Probability(1))
    differences = found.scores - found.baseline_scores
    assert (found.gaps <= np.maximum(1e-9 * np.abs(differences), 1e-12)).all()
    assert found.n_nodes.max() <= 100
    np.testing.assert_allclose(found.attributions.sum(axis=1), differences, atol=1e-9)

    twin, baseline = Hidden(model, "relu"), np.zeros(3)

    def slope(x: Array) -> Array:
        logits = twin.sums(x)[2]
        p = np.exp(logits - logits.max())
        p /= p.sum()
        slopes = np.array([twin.slope(x, k) for k in range(3)])
        return np.asarray(p[1] * (slopes[1] - p @ slopes))

    expected = [integral(slope, x, baseline, twin.switches(x, baseline)) for x in X]
    assert_close(found.attributions, expected, relative=1e-9)


def test_the_nodes_double_until_the_gap_is_closed() -> None:
    def steep(x: list[Value]) -> Value:
        return (100.0 * (x[0] + 0.5 * x[1] - 0.7)).tanh()

    X = [[1.0, 0.3], [1e-3, 1e-3]]
    found = integrated_gradients(steep, X)
    assert found.n_nodes.tolist() == [800, 50]
    assert found.gaps.max() < 1e-9
    mean = (np.tanh(100.0 * 0.45) - np.tanh(-70.0)) / 1.15
    assert_close(found.attributions[0], [mean, 0.15 * mean], relative=1e-9)


def test_a_gap_that_stays_is_told_and_returned() -> None:
    def jumping(x: list[Value]) -> Value:
        return F.where(x[0] > 0.5, x[0] + 1.0, x[0])

    with pytest.warns(UserWarning, match=r"of 1 of 2 samples .* of sample 1 1\.0e\+00 .* 1600 nod"):
        found = integrated_gradients(jumping, [[0.25], [1.0]])
    assert found.n_nodes.tolist() == [50, 1600]
    assert found.gaps.tolist() == pytest.approx([0.0, 1.0], abs=1e-12)
    assert found.attributions.ravel().tolist() == pytest.approx([0.25, 1.0])


@pytest.mark.parametrize(
    ("size", "closed"), [(1e-13, True), (1e-11, False)], ids=["1e-13", "1e-11"]
)
def test_where_both_outputs_are_nearly_equal_the_gap_is_absolute(size: float, closed: bool) -> None:
    def jumping(x: list[Value]) -> Value:
        return F.where(x[0] > 0.5, Value(size), Value(0.0)) + 0.0 * x[0]

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = integrated_gradients(jumping, [[1.0]])
    assert (len(caught) == 0) == closed
    assert found.n_nodes.tolist() == [50 if closed else 1600]


@pytest.mark.parametrize(
    ("size", "closed"), [(1e-6, True), (1e-4, False)], ids=["1e-10 of it", "1e-8 of it"]
)
def test_else_it_is_relative(size: float, closed: bool) -> None:
    def jumping(x: list[Value]) -> Value:
        return F.where(x[0] > 0.5, 1e4 * x[0] + size, 1e4 * x[0])

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = integrated_gradients(jumping, [[1.0]])
    assert (len(caught) == 0) == closed
    assert found.n_nodes.tolist() == [50 if closed else 1600]


CORNERS: Final[dict[str, tuple[Callable[[list[Value]], Value], int]]] = {
    "relu": (lambda x: (x[0] - 0.25).relu() + x[1], 2),
    "absolute value": (lambda x: abs(x[0] - 0.25) - abs(x[1] - 1.0), 3),
    "larger of two": (lambda x: F.maximum(x[0], 0.5 + 0.0 * x[1]), 2),
    "smaller of two": (lambda x: F.minimum(x[0], x[1] - 0.5), 2),
    "clamp": (lambda x: F.clamp(x[0], 0.25, 0.75), 3),
    "behind one another": (lambda x: ((x[0] - 0.25).relu() - 0.5).relu(), 3),
    "beside what has none": (lambda x: (4.0 * (x[0] - 0.25).relu() - x[0] - 0.6).relu(), 3),
    "linear": (lambda x: 3.0 * x[0] - x[1] / 4.0 + F.sum([x[0], -x[1]]) + F.dot(x, [2.0, 1.0]), 1),
    "a product of constants": (lambda x: Value(2.0) * Value(3.0) * x[0], 1),
    "a choice that stays": (lambda x: F.where(Value(1.0) > 0.0, x[0].relu(), x[1]), 1),
    "not passed": (lambda x: (x[0] + 1.0).relu(), 1),
}


@pytest.mark.parametrize("corner", CORNERS)
def test_the_path_is_split_at_every_corner_that_is_linear_before(corner: str) -> None:
    function, n_pieces = CORNERS[corner]
    found = integrated_gradients(function, [[1.0, 2.0]])
    assert found.n_nodes.tolist() == [n_pieces]
    assert found.gaps[0] < 1e-14


CURVED: Final[dict[str, Callable[[list[Value]], Value]]] = {
    "product": lambda x: x[0] * x[1],
    "quotient": lambda x: 1.0 / (x[0] + 1.0),
    "dot of two that move": lambda x: F.dot(x, x),
    "curve": lambda x: x[0].tanh(),
    "curve behind a corner": lambda x: x[0].relu().square(),
    "leak that moves": lambda x: F.leaky_relu(-x[0], x[1]),
    "weight that moves": lambda x: x[0] * (x[1] - 1.0).relu(),
}


@pytest.mark.parametrize("curve", CURVED)
def test_what_is_curved_takes_more_nodes(curve: str) -> None:
    found = integrated_gradients(CURVED[curve], [[1.0, 2.0]])
    assert found.n_nodes[0] == 50
    assert found.gaps[0] < 1e-12


def test_a_corner_behind_a_curve_is_left_to_the_nodes() -> None:
    with pytest.warns(UserWarning, match=r"do not add up"):
        found = integrated_gradients(lambda x: (x[0].exp() - 2.0).relu(), [[1.0]])
    assert found.n_nodes.tolist() == [1600]
    assert 1e-12 < found.gaps[0] < 1e-3


def test_a_model_that_cannot_be_recorded_goes_by_nodes_alone() -> None:
    class Branching(Module):
        def __init__(self) -> None:
            self.layer = Layer(2, 1, "tanh", rng=0)

        def forward(self, x: Sequence[Any]) -> Any:
            (out,) = self.layer.forward(x)
            return out if x[0].data < 100.0 else 2.0 * out

    branching = Branching()
    twin = MLP(2, [1], output_activation="tanh", rng=0)
    twin.load_state_dict(dict(zip(twin.state_dict(), branching.state_dict().values())))
    X = samples(3, 2)
    found = integrated_gradients(branching, X)
    assert_close(found.attributions, integrated_gradients(twin, X).attributions)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_axioms(activation: str) -> None:
    """Completeness, dummy, symmetry, and linearity in the score."""
    model = MLP(4, [6, 2], activation=activation, rng=0)
    for neuron in model.layers[0].neurons:
        neuron.w[1].data = 0.0
        neuron.w[3].data = neuron.w[0].data
    X = samples(5, 4)
    X[:, 3] = X[:, 0]
    first = integrated_gradients(model, X, Output(0))
    np.testing.assert_allclose(
        first.attributions.sum(axis=1), first.scores - first.baseline_scores, atol=1e-9
    )
    assert (first.attributions[:, 1] == 0.0).all()
    assert_close(first.attributions[:, 0], first.attributions[:, 3])
    second = integrated_gradients(model, X, Output(1))
    both = integrated_gradients(lambda x: F.dot(model.forward(x), [2.0, -1.0]), X)
    assert_close(both.attributions, 2.0 * first.attributions - second.attributions, 1e-10)


def test_of_a_linear_score_it_is_gradient_times_input() -> None:
    model, X = MLP(3, [2], rng=0), samples(3)
    found = integrated_gradients(model, X, Output(1))
    assert_close(found.attributions, X * saliency(model, X, Output(1)))


def test_without_a_target_each_sample_has_its_predicted_class() -> None:
    model = MLP(3, [5, 3], activation="tanh", rng=3)
    X = samples(30)
    fit(model, X, ["a", "b", "c"] * 10, epochs=2, rng=0, log_every=None)
    predicted = predict(model, X).tolist()
    assert len(set(predicted)) > 1
    found = integrated_gradients(model, X)
    for row, label in enumerate(predicted):
        alone = integrated_gradients(model, X[row : row + 1], label)
        assert_close(found.attributions[row], alone.attributions[0])
        assert found.scores[row] == pytest.approx(alone.scores[0], rel=1e-12)


def test_a_unit_can_be_asked_about() -> None:
    model, X = MLP(3, [5, 4, 1], activation="relu", rng=0), samples(4)
    found = integrated_gradients(model, X, Unit(1, 2))
    assert_close(found.attributions.sum(axis=1), found.scores - found.baseline_scores)
    assert found.scores.max() > 0.0


def test_baselines() -> None:
    model, X = MLP(3, [4, 1], activation="tanh", rng=0), samples(3)
    of_each = integrated_gradients(model, X, baseline=X[::-1])
    assert (of_each.attributions[1] == 0.0).all()
    assert of_each.gaps[1] == 0.0
    one = integrated_gradients(model, X, baseline=0.5)
    assert_close(one.attributions, integrated_gradients(model, X, baseline=[0.5] * 3).attributions)
    assert_close(
        integrated_gradients(model, X, baseline=0).attributions,
        integrated_gradients(model, X).attributions,
    )
    with pytest.raises(ShapeError, match=r"shape \(2,\); for X of shape \(3, 3\)"):
        integrated_gradients(model, X, baseline=[0.5, 0.5])
    with pytest.raises(DataError, match=r"baseline\[1\] is nan"):
        integrated_gradients(model, X, baseline=[0.5, np.nan, 0.0])


def test_many_paths_are_looked_at_in_blocks() -> None:
    model, X = MLP(2, [3, 1], activation="tanh", rng=0), samples(300, 2)
    found = integrated_gradients(model, X)
    assert found.n_nodes.sum() > 3 * 4096
    for row in (0, 81, 82, 299):
        alone = integrated_gradients(model, X[row : row + 1])
        assert_close(found.attributions[row], alone.attributions[0])


def test_what_is_returned_says_how_good_it_is() -> None:
    found = integrated_gradients(lambda x: x[0] * x[1], [[1.0, 2.0], [3.0, 4.0]])
    assert repr(found).startswith("IntegratedGradients(2 samples, 2 features, largest gap ")
    assert repr(found).endswith("at most 50 nodes)")


@pytest.mark.parametrize("n", [1, 2, 3, 20])
def test_nodes_and_weights_against_many_digits(n: int) -> None:
    nodes, weights = gauss_legendre(n)
    with mpmath.workdps(40):
        polynomial = mpmath.taylor(lambda x: mpmath.legendre(n, x), 0, n)[::-1]
        roots = sorted(mpmath.polyroots(polynomial, maxsteps=500, extraprec=800))
        for x, w, root in zip(nodes.tolist(), weights.tolist(), roots):
            slope = mpmath.diff(lambda x: mpmath.legendre(n, x), root)
            assert abs((1 + root) / 2 - x) < 3e-16
            assert abs(1 / ((1 - root**2) * slope**2) / w - 1) < 1e-11


@pytest.mark.parametrize("n", [100, 800, 1600])
def test_many_nodes(n: int) -> None:
    nodes, weights = gauss_legendre(n)
    np.testing.assert_allclose(nodes, (1.0 + roots_legendre(n)[0]) / 2.0, rtol=0.0, atol=1e-15)
    assert weights.sum() == pytest.approx(1.0, rel=1e-14)
    for power in (1, 2, 97, 2 * n - 1):
        assert weights @ nodes**power == pytest.approx(1.0 / (power + 1), rel=1e-11)
    assert not nodes.flags.writeable
