"""Gradients by inputs are torch's; what they are gradients of is what ``target`` says."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.against_torch import assert_close
from tinygrad_mlp.derivatives import grad
from tinygrad_mlp.engine import Value, no_grad
from tinygrad_mlp.errors import (
    BatchStatisticsError,
    DataError,
    InvalidArgumentError,
    ShapeError,
)
from tinygrad_mlp.functional import batch_mean
from tinygrad_mlp.interpret import (
    Output,
    Probability,
    Unit,
    gradient_times_input,
    integrated_gradients,
    saliency,
    shapley_values,
)
from tinygrad_mlp.nn import MLP, Dropout, Layer, Module, Sequential
from tinygrad_mlp.training import fit, predict

Array = NDArray[np.float64]
Torch = Callable[[torch.Tensor], torch.Tensor]

FEW, MANY = 3, 70
"""One by one, and by a compiled program."""

ACTIVATIONS: Final[dict[str, Torch]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": lambda x: torch.nn.functional.leaky_relu(x, 0.01),
    "gelu": torch.nn.functional.gelu,
    "softplus": torch.nn.functional.softplus,
}


def samples(n_samples: int, n_features: int = 3) -> Array:
    return np.random.default_rng(7).normal(size=(n_samples, n_features))


def by_torch(function: Torch, X: Array) -> Array:
    """d function(x) / d x of each row; the function gives one number for each."""
    x = torch.tensor(X, requires_grad=True)
    function(x).sum().backward()
    assert x.grad is not None
    return x.grad.numpy()


def outputs_by_torch(model: MLP, activation: Torch, upto: int | None = None) -> Torch:
    """The sums of the last layer, or what comes out of the layer of that number."""
    state = {name: torch.tensor(array) for name, array in model.state_dict().items()}

    def forward(x: torch.Tensor) -> torch.Tensor:
        last = len(model.layers) - 1
        for k in range(last + 1):
            x = x @ state[f"layers.{k}.weight"].T + state[f"layers.{k}.bias"]
            x = x if k == last else activation(x)
            if k == upto:
                break
        return x

    return forward


def column(function: Torch, index: int) -> Torch:
    """One output of each row."""
    return lambda x: function(x)[:, index]


def classifier(labels: Sequence[Any] = ("a", "b", "c"), n_outputs: int = 3, **settings: Any) -> MLP:
    model = MLP(3, [5, 4, n_outputs], activation="tanh", rng=3)
    X = samples(30)
    y = [labels[i % len(labels)] for i in range(30)]
    fit(model, X, y, epochs=2, rng=0, log_every=None, **settings)
    return model


@pytest.mark.parametrize("n_samples", [FEW, MANY])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_are_those_of_torch(activation: str, n_samples: int) -> None:
    model = MLP(3, [5, 4, 2], activation=activation, rng=0)
    X = samples(n_samples)
    network = outputs_by_torch(model, ACTIVATIONS[activation])
    for index in (0, 1):
        expected = by_torch(column(network, index), X)
        assert_close(saliency(model, X, Output(index)), expected)
        assert_close(saliency(model, X, index), expected)
        assert_close(gradient_times_input(model, X, Output(index)), expected * X)


@pytest.mark.parametrize("n_samples", [FEW, MANY])
def test_a_label_is_a_logit_and_its_probability_is_the_softmax(n_samples: int) -> None:
    model, X = classifier(), samples(n_samples)
    network = outputs_by_torch(model, torch.tanh)
    for number, label in enumerate("abc"):
        expected = by_torch(column(network, number), X)
        assert_close(saliency(model, X, label), expected)
        expected = by_torch(column(lambda x: network(x).softmax(dim=1), number), X)
        assert_close(saliency(model, X, Probability(label)), expected)


@pytest.mark.parametrize("n_samples", [20, MANY])
def test_without_a_target_each_sample_has_its_predicted_class(n_samples: int) -> None:
    model, X = classifier(), samples(n_samples)
    predicted = predict(model, X)
    assert len(set(predicted.tolist())) > 1
    expected = [saliency(model, x[None], label)[0] for x, label in zip(X, predicted.tolist())]
    assert_close(saliency(model, X), expected)


def test_labels_that_are_numbers_are_labels_and_no_indices() -> None:
    model, X = classifier((10, 2, 1)), samples(FEW)
    np.testing.assert_array_equal(saliency(model, X, 1), saliency(model, X, Output(0)))
    np.testing.assert_array_equal(saliency(model, X, np.int64(10)), saliency(model, X, Output(2)))
    with pytest.raises(InvalidArgumentError, match=r"target is 0, but the classes .* are 1, 2, 10"):
        saliency(model, X, 0)


@pytest.mark.parametrize("loss", ["binary_cross_entropy_with_logits", "hinge"])
def test_of_two_classes_with_one_output_the_first_has_the_negative_logit(loss: str) -> None:
    model, X = classifier(("no", "yes"), 1, loss=loss), samples(FEW)
    network = outputs_by_torch(model, torch.tanh)
    expected = by_torch(lambda x: network(x)[:, 0], X)
    assert_close(saliency(model, X, "yes"), expected)
    assert_close(saliency(model, X), expected)
    assert_close(saliency(model, X, "no"), -expected)


def test_probabilities_of_two_classes_with_one_output() -> None:
    model, X = classifier(("no", "yes"), 1), samples(FEW)
    network = outputs_by_torch(model, torch.tanh)
    expected = by_torch(lambda x: network(x)[:, 0].sigmoid(), X)
    assert_close(saliency(model, X, Probability("yes")), expected)
    assert_close(saliency(model, X, Probability("no")), -expected)


def test_a_sigmoid_or_softmax_at_the_end_is_left_away_for_a_logit_alone() -> None:
    X = samples(FEW)
    model = MLP(3, [4, 1], activation="tanh", output_activation="sigmoid", rng=0)
    fit(model, samples(9), [0, 1, 1] * 3, loss="binary_cross_entropy", epochs=1, log_every=None)
    network = outputs_by_torch(model, torch.tanh)
    logit = by_torch(lambda x: network(x)[:, 0], X)
    probability = by_torch(lambda x: network(x)[:, 0].sigmoid(), X)
    assert_close(saliency(model, X, 1), logit)
    assert_close(saliency(model, X, 0), -logit)
    assert_close(saliency(model, X, Probability(1)), probability)
    assert_close(saliency(model, X, Probability(0)), -probability)
    assert_close(saliency(model, X, Output(0)), probability)
    model = MLP(3, [4, 2], activation="tanh", output_activation="softmax", rng=0)
    fit(model, samples(9), [0, 1, 1] * 3, epochs=1, log_every=None)
    network = outputs_by_torch(model, torch.tanh)
    assert_close(saliency(model, X, 1), by_torch(lambda x: network(x)[:, 1], X))
    probability = by_torch(lambda x: network(x).softmax(dim=1)[:, 1], X)
    assert_close(saliency(model, X, Probability(1)), probability)
    assert_close(saliency(model, X, Output(1)), probability)


@pytest.mark.parametrize("end", [None, "sigmoid"])
def test_several_questions_go_by_their_numbers(end: str | None) -> None:
    X, answers = samples(FEW), [[0, 1], [1, 1], [0, 0]] * 3
    model = MLP(3, [4, 2], activation="tanh", output_activation=end, rng=0)
    loss = "binary_cross_entropy" if end else "binary_cross_entropy_with_logits"
    fit(model, samples(9), answers, loss=loss, epochs=1, log_every=None)
    network = outputs_by_torch(model, torch.tanh)
    expected = by_torch(lambda x: network(x)[:, 1].sigmoid(), X)
    assert_close(saliency(model, X, Probability(1)), expected)
    with pytest.raises(InvalidArgumentError, match=r"no question number 2: the model answers 2"):
        saliency(model, X, Probability(2))
    with pytest.raises(InvalidArgumentError, match=r"has 2 outputs; say which one"):
        saliency(model, X)


@pytest.mark.parametrize("n_samples", [FEW, MANY])
@pytest.mark.parametrize("layer", [1, "layers.1"])
def test_a_unit_is_a_neuron_of_a_layer(layer: int | str, n_samples: int) -> None:
    model, X = MLP(3, [5, 4, 2], activation="relu", rng=0), samples(n_samples)
    hidden = outputs_by_torch(model, torch.relu, upto=1)
    expected = by_torch(lambda x: hidden(x)[:, 3], X)
    assert np.abs(expected).max() > 0.0
    assert_close(saliency(model, X, Unit(layer, 3)), expected)
    weights = model.state_dict()
    first = outputs_by_torch(model, torch.relu, upto=0)
    before = by_torch(lambda x: first(x) @ torch.tensor(weights["layers.1.weight"][3]), X)
    assert_close(saliency(model, X, Unit(layer, 3, before_activation=True)), before)


@pytest.mark.parametrize("n_samples", [FEW, MANY])
def test_the_model_predicts_and_stays_as_it_is(n_samples: int) -> None:
    model = MLP(3, [6, 2], activation="tanh", batch_norm=True, dropout=0.5, rng=0)
    fit(model, samples(40), [0, 1] * 20, epochs=2, batch_size=10, rng=0, log_every=None)
    model.train()
    model.layers[0].neurons[0].b.grad = 0.5
    before, modes = model.state_dict(), [module.training for module in model.modules()]
    state = {name: torch.tensor(array) for name, array in before.items()}
    dropout = next(module for module in model.modules() if isinstance(module, Dropout))
    drawn = dropout.rng.bit_generator.state if hasattr(dropout, "rng") else None

    def network(x: torch.Tensor) -> torch.Tensor:
        mean, variance = (state[f"layers.0.norm.running_{name}"] for name in ("mean", "var"))
        x = x @ state["layers.0.weight"].T + state["layers.0.bias"]
        x = (x - mean) / (variance + 1e-5).sqrt()
        x = torch.tanh(x * state["layers.0.norm.weight"] + state["layers.0.norm.bias"])
        return x @ state["layers.1.weight"].T + state["layers.1.bias"]

    X = samples(n_samples)
    assert_close(saliency(model, X, 1), by_torch(lambda x: network(x)[:, 1], X))
    assert modes == [module.training for module in model.modules()] == [True] * len(modes)
    assert drawn is None or drawn == dropout.rng.bit_generator.state
    assert model.layers[0].neurons[0].b.grad == 0.5
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("n_samples", [FEW, MANY])
def test_frozen_parameters_and_no_grad_change_nothing(n_samples: int) -> None:
    model, X = MLP(3, [4, 1], rng=0), samples(n_samples)
    expected = saliency(model, X)
    model.freeze()
    with no_grad():
        np.testing.assert_array_equal(saliency(model, X), expected)


class Branching(Module):
    """It looks at numbers, so it cannot be recorded."""

    def __init__(self) -> None:
        self.layer = Layer(3, 1, "tanh", rng=0)

    def forward(self, x: Sequence[Any]) -> Any:
        (out,) = self.layer.forward(x)
        return out if out.data > 0.0 else 2.0 * out


@pytest.mark.parametrize("n_samples", [FEW, MANY])
def test_a_model_that_cannot_be_recorded_is_asked_sample_by_sample(n_samples: int) -> None:
    model, X = Branching(), samples(n_samples)
    rows = [list(map(Value, x)) for x in X.tolist()]
    expected = [grad(model.forward(row), row) for row in rows]
    assert_close(saliency(model, X), expected)


def test_a_function_of_values_is_a_model() -> None:
    X = samples(MANY)
    expected = np.stack([X[:, 1] * np.exp(X[:, 0]), np.exp(X[:, 0]), np.zeros(MANY)], axis=1)
    assert_close(saliency(lambda x: x[0].exp() * x[1], X), expected)
    assert_close(saliency(lambda x: [x[2], x[0].exp() * x[1]], X, Output(1)), expected)


def test_parameters_are_those_of_now() -> None:
    model, X = MLP(2, [1], rng=0), samples(MANY, 2)
    for weight in (3.0, -2.0):
        model.layers[0].neurons[0].w[0].data = weight
        np.testing.assert_array_equal(saliency(model, X)[:, 0], np.full(MANY, weight))


def test_a_mean_over_a_batch_is_refused() -> None:
    with pytest.raises(BatchStatisticsError):
        saliency(lambda x: x[0] - batch_mean(x[0]), samples(MANY))


def test_a_unit_of_a_sequential() -> None:
    model = Sequential(Layer(3, 4, None, rng=0), "relu", Dropout(0.5), Layer(4, 1, None, rng=1))
    X = samples(MANY)
    state = model.state_dict()
    sums = X @ state["0.weight"].T + state["0.bias"]
    expected = (sums[:, 2] > 0.0)[:, None] * state["0.weight"][2]
    assert_close(saliency(model, X, Unit("0", 2)), expected)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("d", r"target is 'd', but the classes of the model are 'a', 'b', 'c'; give one of them, "),
        ([1], r"target is \[1\], but the classes"),
        (Probability("d"), r"target is 'd', but the classes"),
        (Output(3), r"no output number 3: the model has 3 outputs, .* target=Output\(2\)"),
        (Unit(3, 0), r"no layer 3; the layers are 0 'layers.0', 1 'layers.1', 2 'layers.2'"),
        (Unit("layer", 0), r"no layer 'layer'; the layers are 0 'layers.0'"),
        (Unit(1, 4), r"'layers.1' has 4 neurons, .* no number 4; the last one is Unit\(1, 3\)"),
    ],
)
def test_what_a_classifier_does_not_have(target: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        saliency(classifier(), samples(FEW), target)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (None, r"has 2 outputs; say which one is meant: target=Output\(0\)"),
        ("a", r"target is 'a', but the model has no classes with labels"),
        (True, r"target is True, but"),
        (-1, r"target is -1, but"),
        (2, r"no output number 2"),
        (Probability(0), r"models that fit has trained for classes"),
    ],
)
def test_what_an_untrained_model_does_not_have(target: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        saliency(MLP(3, [2], rng=0), samples(FEW), target)


def test_what_has_one_output_says_so() -> None:
    with pytest.raises(InvalidArgumentError, match=r"has one output, counted from 0"):
        saliency(MLP(3, [1], rng=0), samples(FEW), 1)


def test_losses_that_know_no_probabilities() -> None:
    model = classifier(("no", "yes"), 1, loss="hinge")
    with pytest.raises(InvalidArgumentError, match=r"'hinge' knows no probabilities; .*'yes'"):
        saliency(model, samples(FEW), Probability("yes"))
    model = MLP(3, [1], rng=0)
    fit(model, samples(9), samples(9)[:, 0], epochs=1, log_every=None)
    with pytest.raises(InvalidArgumentError, match=r"trained for classes"):
        saliency(model, samples(FEW), Probability(0))


def test_a_loss_that_does_not_say_what_one_output_means() -> None:
    def own(outputs: Any, targets: Any) -> Value:
        errors = [output - target for output, target in zip(outputs, targets)]
        return sum([error * error for error in errors], Value(0.0))

    model = classifier(("no", "yes"), 1, loss=own)
    with pytest.raises(InvalidArgumentError, match=r"does not say what one output means"):
        saliency(model, samples(FEW), "yes")
    assert saliency(model, samples(FEW), Output(0)).shape == (FEW, 3)
    copied = pickle.loads(pickle.dumps(model))  # its loss stays behind
    with pytest.raises(InvalidArgumentError, match=r"the loss '', which does not say"):
        saliency(copied, samples(FEW), "yes")
    with pytest.raises(InvalidArgumentError, match=r"trained for classes"):
        saliency(copied, samples(FEW), Probability("yes"))


def test_a_function_without_neurons_has_no_unit() -> None:
    with pytest.raises(InvalidArgumentError, match=r"no neuron in this model"):
        saliency(lambda x: x[0].exp(), samples(FEW), Unit(0, 0))


@pytest.mark.parametrize("model", [3, MLP, "mlp"])
def test_what_is_no_model_is_refused(model: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"a Module such as MLP"):
        saliency(model, samples(FEW))


def test_samples_are_checked() -> None:
    model = MLP(3, [1], rng=0)
    with pytest.raises(ShapeError, match=r"X has 2 columns"):
        saliency(model, samples(FEW, 2))
    with pytest.raises(ShapeError):
        gradient_times_input(model, [1.0, 2.0, 3.0])
    with pytest.raises(DataError, match=r"X\[0, 1\] is nan"):
        saliency(model, [[0.0, np.nan, 0.0]])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Output(-1), r"index is -1"),
        (lambda: Unit(-1, 0), r"layer is -1"),
        (lambda: Unit(0, cast("Any", 1.5)), r"index is 1.5"),
        (lambda: Unit(0, 0, cast("Any", "yes")), r"before_activation is 'yes'"),
    ],
)
def test_targets_are_checked(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        make()


class Watched(Module):
    """A model that another thread trains as soon as it is asked for the third time."""

    def __init__(self, asked: list[int]) -> None:
        self.layers = MLP(3, [4, 1], activation="tanh", rng=0)
        self.watch = partial(_train_at_the_third, self.layers, asked)

    def forward(self, x: Sequence[Any]) -> Any:
        self.watch()
        return self.layers.forward(x)


def _train_at_the_third(model: MLP, asked: list[int]) -> None:
    asked.append(1)
    if len(asked) == 3:
        bias = model.layers[1].neurons[0].b
        other = threading.Thread(target=setattr, args=(bias, "data", 10.0))
        other.start()
        other.join()


@pytest.mark.parametrize("n_samples", [FEW, MANY])
def test_scores_are_those_of_one_moment(n_samples: int) -> None:
    X = samples(n_samples)
    model = Watched([])
    still = MLP(3, [4, 1], activation="tanh", rng=0)
    found, expected = integrated_gradients(model, X), integrated_gradients(still, X)
    assert model.layers.layers[1].neurons[0].b.data > 9.0
    assert_close(found.scores, expected.scores)
    assert_close(found.baseline_scores, expected.baseline_scores)
    model = Watched([])
    found_values = shapley_values(model, X, X[:2])
    assert_close(found_values.scores, shapley_values(still, X, X[:2]).scores)
