"""What scikit-learn's estimators do not have, beside torch, by hand, and against itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

import viz
from tests.estimators.beside_scikit_learn import FEATURES, PROBLEMS, WEIGHTS, quietly
from tinygrad_mlp.engine import topological_order
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.estimators import MLPClassifier, MLPRegressor
from tinygrad_mlp.estimators._compiled_network import Architecture, Network
from tinygrad_mlp.estimators._flat_weights import Weights
from tinygrad_mlp.nn import MLP

FOUR = PROBLEMS["four classes"]
NAMES = {f"feature {i}" for i in range(6)}


def fitted(kind: type = MLPClassifier, problem: str = "four classes", **settings: Any) -> Any:
    given = {"hidden_layer_sizes": (5, 4), "max_iter": 4, "batch_size": 25, "random_state": 0}
    model = kind(**{**given, **PROBLEMS[problem].settings, **settings})
    return quietly(model.fit, PROBLEMS[problem].X, PROBLEMS[problem].y)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_graph_is_one_prediction_in_values(problem: str) -> None:
    kind = MLPRegressor if PROBLEMS[problem].kind == "MLPRegressor" else MLPClassifier
    model = fitted(kind, problem)
    row = FEATURES[3]
    outputs = [output.data for output in model.graph(row)]
    if problem == "two classes":
        expected = model.predict_proba([row])[:, 1]
    else:
        expected = (model.predict if kind is MLPRegressor else model.predict_proba)([row])
    np.testing.assert_allclose(outputs, np.ravel(expected), rtol=1e-12)
    assert [output.data for output in model.graph([row])] == outputs


def test_a_graph_is_drawn_and_walked_through() -> None:
    model = fitted()
    outputs = model.graph(FEATURES[0])
    assert len(outputs) == 4
    outputs[0].backward()
    assert "<svg" in viz.draw(outputs[0])._repr_svg_()


def test_the_inputs_of_a_graph_have_the_names_of_the_features() -> None:
    model = fitted()
    assert not {node.label for node in topological_order(model.graph(FEATURES[0])[0])} & NAMES
    model.feature_names_in_ = np.array(sorted(NAMES), dtype=object)
    inputs = [n for n in topological_order(model.graph(FEATURES[0])[0]) if n.label in NAMES]
    assert {node.label: node.data for node in inputs} == dict(
        zip(model.feature_names_in_, FEATURES[0])
    )


def test_activations_are_those_of_torch() -> None:
    model = fitted(activation=["tanh", "gelu"])
    x = torch.tensor(FEATURES)
    first = torch.tanh(x @ torch.tensor(model.coefs_[0]) + torch.tensor(model.intercepts_[0]))
    second = torch.nn.functional.gelu(
        first @ torch.tensor(model.coefs_[1]) + torch.tensor(model.intercepts_[1])
    )
    last = torch.softmax(
        second @ torch.tensor(model.coefs_[2]) + torch.tensor(model.intercepts_[2]), dim=1
    )
    for ours, theirs in zip(model.activations(FEATURES), (first, second, last), strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-12, atol=1e-14)


def test_to_mlp_is_a_model_of_ours() -> None:
    model = fitted(MLPRegressor, "counts")
    network = model.to_mlp()
    assert isinstance(network, MLP)
    assert [layer.n_outputs for layer in network.layers] == [5, 4, 1]
    assert network(FEATURES[0].tolist()).data == pytest.approx(model.predict(FEATURES[:1])[0])


@pytest.mark.parametrize(
    ("kind", "name", "options"),
    [
        (MLPClassifier, "four classes", {}),
        (MLPClassifier, "four classes", {"dropout": 0.5, "batch_norm": True}),
        (MLPClassifier, "two classes", {}),
        (MLPClassifier, "labels", {}),
        (MLPRegressor, "three outputs", {"activation": ["gelu", "logistic"]}),
    ],
)
def test_to_torch_gives_what_is_predicted(kind: Any, name: str, options: dict[str, Any]) -> None:
    model = fitted(kind, name, **options)
    network = model.to_torch()
    assert not network.training
    with torch.no_grad():
        found = network(torch.tensor(FEATURES)).numpy()
    wanted = (model.predict_proba if kind is MLPClassifier else model.predict)(FEATURES)
    if name == "two classes":
        wanted = wanted[:, 1:]
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)


def test_to_torch_needs_a_module_of_torch_for_each_activation() -> None:
    with pytest.raises(InvalidArgumentError, match="no module for the activation exp"):
        fitted(MLPRegressor, "counts").to_torch()


def test_an_activation_for_each_layer_begins_as_scikit_learn_s_would() -> None:
    """A layer of sigmoids begins smaller: factor 2 for 6 under the root of its bound."""
    mixed = fitted(activation=["logistic", "tanh"], learning_rate_init=1e-12, max_iter=1)
    as_one = fitted(activation="tanh", learning_rate_init=1e-12, max_iter=1)
    np.testing.assert_allclose(mixed.coefs_[0], as_one.coefs_[0] / 3.0**0.5, rtol=1e-6)
    np.testing.assert_allclose(mixed.coefs_[1], as_one.coefs_[1], rtol=1e-6)
    named = [
        fitted(activation=["logistic", "logistic"]),
        fitted(activation="logistic"),
        fitted(activation="sigmoid"),
    ]
    assert named[0].loss_curve_ == named[1].loss_curve_ == named[2].loss_curve_


def test_activations_that_scikit_learn_lacks_are_learned_with() -> None:
    losses = [fitted(activation=name, max_iter=20).loss_ for name in ("elu", "silu", "softplus")]
    assert len(set(losses)) == 3
    assert max(losses) < 1.6


def test_the_loss_of_what_is_held_out() -> None:
    for name, kind in (("four classes", MLPClassifier), ("three outputs", MLPRegressor)):
        model = fitted(kind, name, early_stopping=True, max_iter=3)
        assert len(model.validation_loss_curve_) == 3
        held_out = np.random.RandomState(0)
        best = int(np.argmax(model.validation_scores_))
        # the same split again: the generator has drawn the weights before it
        for n_in, n_out in zip((6, 5, 4), (5, 4, model.n_outputs_)):
            held_out.uniform(size=(n_in, n_out))
            held_out.uniform(size=n_out)
        X, y = PROBLEMS[name].X, PROBLEMS[name].y
        _, X_held, _, y_held = train_test_split(X, y, random_state=held_out, test_size=0.1)
        if kind is MLPClassifier:
            expected = log_loss(y_held, model.predict_proba(X_held), labels=model.classes_)
        else:
            expected = 0.5 * ((model.predict(X_held) - y_held) ** 2).mean()
        assert model.validation_loss_curve_[best] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("class_weight", [{"ant": 3.0, "dog": 0.5}, "balanced"])
def test_weights_of_classes_are_weights_of_samples(class_weight: Any) -> None:
    counts = {label: (FOUR.y == label).sum() for label in np.unique(FOUR.y)}
    by_class = {label: len(FOUR.y) / (4 * n) for label, n in counts.items()}
    table = by_class if class_weight == "balanced" else class_weight
    weights = np.array([table.get(label, 1.0) for label in FOUR.y])
    settings: dict[str, Any] = {"hidden_layer_sizes": [4], "max_iter": 3, "random_state": 0}
    ours = quietly(
        MLPClassifier(class_weight=class_weight, **settings).fit, FOUR.X, FOUR.y, WEIGHTS
    )
    same = quietly(MLPClassifier(**settings).fit, FOUR.X, FOUR.y, WEIGHTS * weights)
    np.testing.assert_allclose(ours.loss_curve_, same.loss_curve_, rtol=1e-12)
    alone = quietly(MLPClassifier(class_weight=class_weight, **settings).fit, FOUR.X, FOUR.y)
    same = quietly(MLPClassifier(**settings).fit, FOUR.X, FOUR.y, weights)
    np.testing.assert_allclose(alone.loss_curve_, same.loss_curve_, rtol=1e-12)


def test_dropout_is_drawn_from_random_state_and_not_in_predictions() -> None:
    model, again, other = [fitted(dropout=0.4, random_state=seed) for seed in (0, 0, 1)]
    without = fitted()
    assert model.loss_curve_ == again.loss_curve_
    assert model.loss_curve_ != other.loss_curve_
    assert model.loss_curve_ != without.loss_curve_
    assert (model.predict_proba(FEATURES) == model.predict_proba(FEATURES)).all()


def test_dropout_leaves_as_much_out_as_it_says() -> None:
    """With weights 1 the output is how many neurons are left, each counted 1 / (1 - p)."""
    network = Network(Architecture((1, 50, 1), ("linear",), "identity", "float64", 0.2))
    network.weights = Weights([np.ones((1, 50)), np.ones((50, 1))], [np.zeros(50), np.zeros(1)], [])
    network.seed([0])
    n_samples = 2000
    network.loss(np.ones((n_samples, 1)), np.full((n_samples, 1), 50.0))
    bias = network.gradients[-1]  # the mean of output - 50
    assert abs(bias) < 5 * np.sqrt(50 * 0.2 / 0.8 / n_samples)
    first = network.gradients.copy()
    network.loss(np.ones((n_samples, 1)), np.full((n_samples, 1), 50.0))
    assert (network.gradients != first).any()
    network.seed([0])
    network.loss(np.ones((n_samples, 1)), np.full((n_samples, 1), 50.0))
    assert (network.gradients == first).all()


def test_dropout_draws_anew_in_every_partial_fit() -> None:
    model = MLPRegressor(hidden_layer_sizes=[20], dropout=0.5, random_state=0, solver="sgd")
    y = PROBLEMS["one output"].y
    model.set_params(learning_rate_init=1e-12, momentum=0.0, alpha=0.0)
    for _ in range(2):
        model.partial_fit(FEATURES, y)
    assert model.loss_curve_[0] != model.loss_curve_[1]


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_batch_norm_is_that_of_torch(solver: str) -> None:
    """One step of all samples, beside torch's layers and gradients, and then a prediction."""
    y = PROBLEMS["one output"].y
    settings: dict[str, Any] = {"hidden_layer_sizes": [5], "random_state": 0, "max_iter": 1}
    rate: dict[str, Any] = {
        "solver": solver,
        "learning_rate_init": 0.5,
        "momentum": 0.0,
        "alpha": 0.3,
    }
    start = MLPRegressor(**{**settings, "learning_rate_init": 1e-300, "solver": "sgd"})
    start = quietly(start.fit, FEATURES, y)  # which stays at its first weights
    ours = quietly(
        MLPRegressor(batch_norm=True, batch_size=150, shuffle=False, **settings, **rate).fit,
        FEATURES,
        y,
    )
    norm = torch.nn.BatchNorm1d(5, dtype=torch.float64)
    layers = [torch.nn.Linear(6, 5, dtype=torch.float64), torch.nn.Linear(5, 1).double()]
    for layer, coef, intercept in zip(layers, start.coefs_, start.intercepts_):
        layer.weight.data, layer.bias.data = torch.tensor(coef.T), torch.tensor(intercept)
    model = torch.nn.Sequential(layers[0], norm, torch.nn.ReLU(), layers[1])
    target = torch.tensor(y).reshape(-1, 1)
    loss = 0.5 * ((model(torch.tensor(FEATURES)) - target) ** 2).mean()
    loss += 0.15 * sum((layer.weight**2).sum() for layer in layers) / 150
    loss.backward()
    assert ours.loss_ == pytest.approx(loss.item(), rel=1e-12)
    if solver == "sgd":
        for parameter in model.parameters():
            assert parameter.grad is not None
            parameter.data -= 0.5 * parameter.grad
        np.testing.assert_allclose(ours.coefs_[0], layers[0].weight.detach().T, rtol=1e-9)
        rows = [norm.weight, norm.bias, norm.running_mean, norm.running_var]
        for mine, theirs in zip(ours.norms_[0], rows, strict=True):
            assert theirs is not None
            np.testing.assert_allclose(mine, theirs.detach(), rtol=1e-9, atol=1e-12)
        model.eval()
        np.testing.assert_allclose(
            ours.predict(FEATURES), model(torch.tensor(FEATURES)).detach().ravel(), rtol=1e-9
        )
    assert ours.norms_[0].shape == (4, 5)


def test_batch_norm_goes_on_from_its_running_numbers() -> None:
    model = fitted(batch_norm=True, warm_start=True, max_iter=2)
    moved = model.norms_[1][2].copy()
    assert (moved != 0.0).any()
    quietly(model.set_params(max_iter=1, learning_rate_init=1e-12).fit, FOUR.X, FOUR.y)
    assert (model.norms_[1][2] != moved).any()
    prediction = model.predict_proba(FEATURES[:2])
    np.testing.assert_allclose(model.predict_proba(FEATURES)[:2], prediction, rtol=1e-12)
    stopped = fitted(batch_norm=True, early_stopping=True, max_iter=30, learning_rate_init=0.05)
    assert stopped.best_validation_score_ > 0.5


def test_penalties_leave_biases_and_norms_alone() -> None:
    network = Network(Architecture((2, 3, 1), ("relu",), "identity", batch_norm=True))
    rng = np.random.default_rng(0)
    weights = Weights(
        [rng.normal(size=(2, 3)), rng.normal(size=(3, 1))],
        [rng.normal(size=3), rng.normal(size=1)],
        [np.array([[1.0] * 3, [0.5] * 3, [0.0] * 3, [1.0] * 3])],
    )
    X, targets = rng.normal(size=(8, 2)), rng.normal(size=(8, 1))
    gradients, losses = [], []
    for alpha in (0.0, 2.0):
        network.weights = weights
        losses.append(network.objective(X, targets, None, alpha))
        gradients.append(network.gradients.copy())
    squares = sum((coef**2).sum() for coef in weights.coefs)
    assert losses[1] - losses[0] == pytest.approx(2.0 / 2.0 * squares / 8)
    network.parameters[:] = gradients[1] - gradients[0]
    found = network.weights
    for coef, penalty in zip(weights.coefs, found.coefs):
        np.testing.assert_allclose(penalty, 2.0 * coef / 8, rtol=1e-10, atol=1e-14)
    assert not any(intercept.any() for intercept in found.intercepts)
    assert not found.norms[0][:2].any()


def test_only_hidden_layers_have_norms_from_the_start() -> None:
    model = MLPClassifier((5, 4), batch_norm=True, shuffle=False, batch_size=75)
    with pytest.raises(ZeroDivisionError):  # amid the first epoch
        model.fit(FEATURES, FOUR.y, sample_weight=[0.0] * 75 + [1.0] * 75)
    assert [norm.shape for norm in model.norms_] == [(4, 5), (4, 4)]
    for norm in model.norms_:
        assert (norm == [[1.0], [0.0], [0.0], [1.0]]).all()
