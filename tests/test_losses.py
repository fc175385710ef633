"""Losses and penalties against torch: values and gradients, every reduction, extreme logits."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from math import exp
from typing import Any, Final

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from tests.against_torch import assert_close, data_of, grad_of, tensor_of, values_of
from tests.loss_references import ELEMENTWISE, check_that_all_are_here, function_of
from tinygrad_mlp import functional, losses, ops
from tinygrad_mlp.debug import detect_anomaly
from tinygrad_mlp.engine import Value, topological_order
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError, UnknownNameError
from tinygrad_mlp.losses import (
    LOSSES,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    categorical_cross_entropy,
    hinge,
    huber,
    l1_penalty,
    l2_penalty,
    loss_named,
    loss_of_function,
    mean_absolute_error,
    mean_squared_error,
)

Floats = NDArray[np.float64]
REDUCTIONS: Any = ("mean", "sum", "none")


def test_every_loss_has_a_reference() -> None:
    check_that_all_are_here()


def draw(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Outputs and targets that the loss accepts."""
    known = ELEMENTWISE[name]
    return known.outputs(rng, shape), known.targets(rng, shape)


def backward_of_all(losses: Any, mix: Floats) -> None:
    """Differentiate the losses, weighted so that each counts differently."""
    flat = [losses] if isinstance(losses, Value) else list(np.array(losses, dtype=object).flat)
    functional.dot(mix.ravel()[: len(flat)], flat).backward()


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(), (1,), (7,), (5, 1), (4, 3)])
def test_elementwise_loss_agrees_with_torch(
    name: str, reduction: str, shape: tuple[int, ...]
) -> None:
    ours, theirs = function_of(name), ELEMENTWISE[name].torch
    rng = np.random.default_rng(len(shape))
    outputs, targets = (np.asarray(array) for array in draw(name, shape, rng))
    mix = rng.normal(size=max(outputs.size, 1))

    values = values_of(outputs)
    losses = ours(values, targets, reduction)
    backward_of_all(losses, mix)

    tensor = tensor_of(outputs, requires_grad=True)
    torch_losses = theirs(tensor, tensor_of(targets), reduction=reduction)
    (torch_losses.ravel() * tensor_of(mix)[: torch_losses.numel()]).sum().backward()

    assert_close(data_of(losses), torch_losses)
    assert_close(grad_of(values), tensor.grad)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("n_classes", [2, 3, 10])
@pytest.mark.parametrize("kind", ["labels", "rows", "Values"])
def test_categorical_cross_entropy_agrees_with_torch(
    reduction: Any, n_classes: int, kind: str
) -> None:
    rng = np.random.default_rng(n_classes)
    logits, labels = rng.normal(scale=3.0, size=(6, n_classes)), rng.integers(n_classes, size=6)
    rows = rng.dirichlet(np.ones(n_classes), size=6)
    mix = rng.normal(size=6)

    values = values_of(logits)
    targets: Any = {"labels": labels, "rows": rows, "Values": [Value(int(t)) for t in labels]}
    losses = categorical_cross_entropy(values, targets[kind], reduction)
    backward_of_all(losses, mix)

    tensor = tensor_of(logits, requires_grad=True)
    torch_targets = tensor_of(rows) if kind == "rows" else torch.tensor(labels)
    torch_losses = F.cross_entropy(tensor, torch_targets, reduction=reduction)
    (torch_losses.ravel() * tensor_of(mix)[: torch_losses.numel()]).sum().backward()

    assert_close(data_of(losses), torch_losses)
    assert_close(grad_of(values), tensor.grad)


@pytest.mark.parametrize("target", [[1.0, 0.0], [0.0, 1.0], [0.25, 0.75]])
def test_a_target_that_is_a_value_has_a_gradient_beside_a_plain_number(target: list[float]) -> None:
    """-(z - max z) is a part of the loss for each unit of the target."""
    for place, below in ((0, 0.0), (1, -2.0)):
        row: list[Any] = list(target)
        row[place] = Value(target[place])
        categorical_cross_entropy([Value(0.5), Value(-1.5)], row).backward()
        assert (row[place].grad, row[place].has_grad) == (-below, True)


def test_categorical_cross_entropy_of_a_single_sample() -> None:
    logits = [Value(2.0), Value(1.0), Value(0.1)]
    loss = categorical_cross_entropy(logits, 1)
    loss.backward()
    tensor = tensor_of([2.0, 1.0, 0.1], requires_grad=True)
    torch_loss = F.cross_entropy(tensor, torch.tensor(1))
    torch_loss.backward()
    assert_close(loss.data, torch_loss)
    assert_close(grad_of(logits), tensor.grad)
    assert categorical_cross_entropy(logits, np.int64(1), "none").data == loss.data
    assert categorical_cross_entropy(logits, [0, 1, 0]).data == pytest.approx(loss.data, rel=1e-12)


# Extreme logits. A loss from logits is a difference of numbers as large as the logits, so its
# rounding is relative to them: 1e-12 of 1000 here. Gradients lie between -1 and 1.

EXTREMES = (-1000.0, -745.0, -40.0, -1.0, 0.0, 1.0, 40.0, 745.0, 1000.0)


@pytest.mark.parametrize("logit", EXTREMES)
@pytest.mark.parametrize("target", [0.0, 0.25, 1.0])
def test_binary_cross_entropy_of_extreme_logits(logit: float, target: float) -> None:
    value, tensor = Value(logit), tensor_of(logit, requires_grad=True)
    loss = binary_cross_entropy_with_logits(value, target)
    loss.backward()
    torch_loss = F.binary_cross_entropy_with_logits(tensor, tensor_of(target))
    torch_loss.backward()
    assert tensor.grad is not None
    assert loss.data == pytest.approx(torch_loss.item(), rel=1e-12, abs=1e-12 * abs(logit))
    assert value.grad == pytest.approx(tensor.grad.item(), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("first", EXTREMES)
@pytest.mark.parametrize("second", [-1000.0, 0.0, 1000.0])
@pytest.mark.parametrize("label", [0, 1, 2])
def test_categorical_cross_entropy_of_extreme_logits(
    first: float, second: float, label: int
) -> None:
    logits = [first, second, 0.5]
    tensor = tensor_of([logits], requires_grad=True)
    torch_loss = F.cross_entropy(tensor, torch.tensor([label]))
    torch_loss.backward()
    assert tensor.grad is not None
    for target in ([label], [np.eye(3)[label]]):
        values = values_of(np.array([logits]))
        loss = categorical_cross_entropy(values, target)
        loss.backward()
        assert loss.data == pytest.approx(torch_loss.item(), rel=1e-12, abs=1e-12)
        # At a loss near 0, exp(z - logsumexp) carries the rounding of z: 1e-13 of 1000.
        np.testing.assert_allclose(grad_of(values), tensor.grad, rtol=1e-12, atol=2e-13)


@pytest.mark.parametrize("output", [-1000.0, 1000.0])
@pytest.mark.parametrize("target", [-1.0, 1.0])
@pytest.mark.parametrize("name", ["mean_squared_error", "mean_absolute_error", "hinge", "huber"])
def test_other_losses_of_extreme_outputs(name: str, output: float, target: float) -> None:
    ours, theirs = function_of(name), ELEMENTWISE[name].torch
    value, tensor = Value(output), tensor_of(output, requires_grad=True)
    loss = ours(value, target)
    loss.backward()
    torch_loss = theirs(tensor, tensor_of(target), reduction="mean")
    torch_loss.backward()
    assert tensor.grad is not None
    assert (loss.data, value.grad) == (torch_loss.item(), tensor.grad.item())


@pytest.mark.parametrize("probability", [0.0, 1e-300, 1e-50, 1e-44, 1e-43, 1e-10, 0.5, 1.0])
@pytest.mark.parametrize("target", [0.0, 0.5, 1.0])
def test_binary_cross_entropy_of_certain_probabilities(probability: float, target: float) -> None:
    loss = binary_cross_entropy(Value(probability), target)
    expected = F.binary_cross_entropy(tensor_of(probability), tensor_of(target))
    assert loss.data == pytest.approx(expected.item(), rel=1e-12, abs=0.0)


@pytest.mark.parametrize("probability", [1e-5, 0.3, 1.0 - 1e-5])
def test_gradient_of_binary_cross_entropy_by_a_probability(probability: float) -> None:
    for target in (0.0, 0.5, 1.0):
        value = Value(probability)
        binary_cross_entropy(value, target).backward()
        expected = (probability - target) / (probability * (1.0 - probability))
        assert value.grad == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(
    ("probability", "target", "gradient"),
    [(0.0, 0.0, 1.0), (1.0, 1.0, -1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)],
)
def test_nothing_flows_where_the_logarithm_is_cut_off(
    probability: float, target: float, gradient: float
) -> None:
    value = Value(probability)
    binary_cross_entropy(value, target).backward()
    assert value.grad == gradient


@pytest.mark.parametrize("target", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("probability", [0.0, 1e-300, 1e-50, 1.0])
def test_nothing_that_is_not_finite_is_computed_where_it_is_cut_off(
    probability: float, target: float
) -> None:
    """In a branch of ``where`` that is not taken it would do no harm, and alarm."""
    with detect_anomaly():
        binary_cross_entropy(Value(probability), target).backward()


def test_the_logarithm_is_cut_off_below_its_limit() -> None:
    limit = Value(exp(-100.0))
    binary_cross_entropy(limit, 1.0).backward()
    assert limit.grad == pytest.approx(-exp(100.0), rel=1e-12)
    below = Value(exp(-100.001))
    binary_cross_entropy(below, 1.0).backward()
    assert below.grad == 0.0


@pytest.mark.parametrize("no_probability", [-0.5, 1.5, float("nan")])
def test_what_is_no_probability_gives_nan(no_probability: float) -> None:
    for target in (0.25, 1.0):
        assert np.isnan(binary_cross_entropy(Value(no_probability), target).data)


def test_kinks_as_in_torch() -> None:
    at_target = Value(2.0)
    mean_absolute_error(at_target, 2.0).backward()
    on_margin = Value(1.0)
    hinge(on_margin, 1.0).backward()
    assert (at_target.grad, on_margin.grad) == (0.0, 0.0)
    for error, slope in ((1.0, 1.0), (-1.0, -1.0), (0.0, 0.0), (-1e300, -1.0)):
        output = Value(2.0 + error)
        huber(output, 2.0).backward()
        assert output.grad == slope


# The shape of the graph


def test_a_loss_of_one_number_needs_no_mean() -> None:
    loss = mean_squared_error([Value(2.0)], [1.0])
    assert loss.op is ops.SQUARE


def test_the_mean_is_one_sum() -> None:
    loss = mean_squared_error(values_of(np.ones(50)), np.zeros(50))
    order = topological_order(loss)
    assert [node.op for node in order].count(ops.SUM) == 1
    assert [node.op for node in order].count(ops.ADD) == 0


def test_a_class_without_probability_adds_nothing_to_the_graph() -> None:
    def n_nodes(row: list[float]) -> int:
        return len(topological_order(categorical_cross_entropy([Value(0.5), Value(-1.0)], row)))

    # [1, 0] goes the way of a label; of [0.5, 0.5] a product for each logit, of this one for one
    assert n_nodes([0.5, 0.5]) - n_nodes([1.0 - 1e-9, 0.0]) == 2  # a target and a product
    label = topological_order(categorical_cross_entropy([Value(0.5), Value(-1.0)], 0))
    assert n_nodes([1.0, 0.0]) == len(label) < n_nodes([1.0 - 1e-9, 0.0])


def test_an_array_of_no_dimensions_is_a_number() -> None:
    one = np.array(1.0)
    for loss in map(function_of, ELEMENTWISE):
        expected = loss(Value(0.25), 1.0).data
        assert loss(Value(0.25), one).data == expected
        assert loss(np.array(0.25), one).data == expected
        assert loss([Value(0.25)], [one], "none")[0].data == expected
    logits = [Value(0.25), Value(0.5)]
    label = np.array(1)
    expected = categorical_cross_entropy(logits, 1).data
    assert categorical_cross_entropy(logits, label).data == expected
    assert categorical_cross_entropy([logits], [label]).data == expected
    with pytest.raises(ShapeError, match=r"1 samples got the single label array\(1\)"):
        categorical_cross_entropy([logits], label)


# Penalties


@pytest.mark.parametrize("strength", [0.0, 0.01, 3])
@pytest.mark.parametrize("numbers", [[], [0.0], [1.5, -2.0, 0.0, 1e-3, 1000.0]])
def test_penalties_agree_with_torch(strength: float, numbers: list[float]) -> None:
    references: list[tuple[Callable[..., Value], Callable[[Tensor], Tensor]]] = [
        (l1_penalty, lambda p: p.abs().sum()),
        (l2_penalty, lambda p: p.square().sum()),
    ]
    for penalty, reference in references:
        parameters = [Value(number) for number in numbers]
        value = penalty(iter(parameters), strength)
        value.backward()
        tensor = tensor_of(numbers, requires_grad=True)
        expected = strength * reference(tensor)
        expected.backward()
        assert_close(value.data, expected)
        assert_close(grad_of(parameters), tensor.grad)


def test_the_sum_of_a_penalty_is_one_node() -> None:
    parameters = [Value(float(i)) for i in range(100)]
    squares = topological_order(l2_penalty(parameters, 0.1))
    assert len(squares) == 100 + 1 + 2  # the dot; the strength and the product
    sizes = topological_order(l1_penalty(parameters, 0.1))
    assert len(sizes) == 100 + 100 + 1 + 2


@pytest.mark.parametrize("penalty", [l1_penalty, l2_penalty])
@pytest.mark.parametrize("strength", [-0.1, float("nan"), float("inf"), "a", None])
def test_wrong_strength(penalty: Callable[..., Value], strength: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=f"{penalty.__name__}.model.parameters"):
        penalty([Value(1.0)], strength)


# The records for training


@pytest.mark.parametrize("name", LOSSES)
def test_the_mean_of_the_sample_losses_is_torch_s_loss(name: str) -> None:
    loss = loss_named(name)
    rng = np.random.default_rng(3)
    outputs: Floats
    y: Any
    if name == "categorical_cross_entropy":
        outputs, y = rng.normal(size=(6, 3)), rng.integers(3, size=6)
        tensor = tensor_of(outputs, requires_grad=True)
        torch_loss = F.cross_entropy(tensor, torch.tensor(y))
    else:
        outputs, y = draw(name, (6, 1), rng)
        tensor = tensor_of(outputs, requires_grad=True)
        torch_loss = ELEMENTWISE[name].torch(tensor, tensor_of(y), reduction="mean")
        if loss.task == "classification":
            y = (y[:, 0] > 0).astype(int)
    torch_loss.backward()
    encoded = loss.encode_targets(y, outputs.shape[1])
    assert encoded.shape == outputs.shape
    assert encoded.dtype == np.float64
    for targets in (encoded.tolist(), values_of(encoded)):  # as numbers and as Values
        values = values_of(outputs)
        mean = functional.mean([loss.sample_loss(z, t) for z, t in zip(values, targets)])
        assert loss.of_batch(values, targets).data == mean.data
        mean.backward()
        assert_close(mean.data, torch_loss)
        assert_close(grad_of(values), tensor.grad)


@pytest.mark.parametrize("name", LOSSES)
def test_records(name: str) -> None:
    loss = loss_named(name)
    assert loss.name == name
    if name == "categorical_cross_entropy":
        assert (loss.task, loss.from_logits, loss.standardizable) == ("classification", True, True)
    else:
        known = ELEMENTWISE[name]
        assert loss.task == known.task
        assert (loss.from_logits, loss.standardizable) == (known.from_logits, known.standardizable)
    assert pickle.loads(pickle.dumps(loss)) is copy.deepcopy(loss) is loss
    assert loss_named(name.upper()) is loss_of_function(getattr(losses, name)) is loss


RECORDS: Final = {
    "mean_squared_error": ("mse", "mse_loss", "squared_error"),
    "mean_absolute_error": ("mae", "l1_loss", "absolute_error"),
    "huber": ("huber_loss", "smooth_l1", "smooth_l1_loss"),
    "poisson": ("half_poisson_deviance", "poisson_nll", "poisson_nll_loss"),
    "binary_cross_entropy": ("bce", "bce_loss"),
    "binary_cross_entropy_with_logits": ("bce_with_logits", "bce_with_logits_loss"),
    "categorical_cross_entropy": (
        "cross_entropy",
        "cross_entropy_loss",
        "sparse_categorical_cross_entropy",
    ),
    "hinge": ("hinge_loss",),
}


def test_the_table_of_losses() -> None:
    """Every field of the records that is a name or a mark."""
    assert {name: loss.aliases for name, loss in LOSSES.items()} == RECORDS
    marks = {
        "from_probabilities": ["binary_cross_entropy"],
        "from_logits": ["binary_cross_entropy_with_logits", "categorical_cross_entropy"],
        "standardizable": [name for name in RECORDS if name != "poisson"],
        "pure": list(RECORDS),
    }
    for mark, names in marks.items():
        assert [name for name, loss in LOSSES.items() if getattr(loss, mark)] == names
    of_labels = [name for name, loss in LOSSES.items() if loss.targets == "labels"]
    assert of_labels == ["categorical_cross_entropy", "hinge"]
    assert {loss.targets for loss in LOSSES.values()} == {"labels", "rows"}
    assert [loss.constant_answer.words for loss in LOSSES.values() if loss.constant_answer] == [
        "the mean of y",
        "the median of y",
        "the best constant",
        "the mean of y",
        *["the shares of the classes"] * 3,
        "the most frequent class",
    ]
    with_settings = {name: loss for name, loss in LOSSES.items() if loss.settings}
    assert {name: loss.settings for name, loss in with_settings.items()} == {
        "huber": {"delta": 1.0},
        **{name: {"label_smoothing": 0.0} for name in RECORDS if "cross_entropy" in name},
    }
    left_out: Any = {"constant_answer": None, "sample_loss": max}  # equal, but not the same
    for name, loss in with_settings.items():
        assert loss.maker is not None
        assert dataclasses.replace(loss.maker(), **left_out) == dataclasses.replace(
            loss, **left_out
        ), name


def test_a_loss_that_is_not_of_the_table_stays_what_it_is() -> None:
    own = dataclasses.replace(loss_named("hinge"), sample_loss=mean_squared_error)
    restored = pickle.loads(pickle.dumps(own))
    assert restored == own != loss_named("hinge")
    assert loss_of_function(lambda outputs, targets: outputs) is None


@pytest.mark.parametrize(
    ("name", "y", "n_outputs", "encoded"),
    [
        ("mean_squared_error", [1, 2.5], 1, [[1.0], [2.5]]),
        ("mean_absolute_error", [[1, 2], [3, 4]], 2, [[1.0, 2.0], [3.0, 4.0]]),
        ("binary_cross_entropy", [True, False], 1, [[1.0], [0.0]]),
        ("binary_cross_entropy_with_logits", [[1], [0.5]], 1, [[1.0], [0.5]]),
        ("binary_cross_entropy_with_logits", [[1, 0], [1, 1]], 2, [[1.0, 0.0], [1.0, 1.0]]),
        ("categorical_cross_entropy", [1.0, 0.0], 2, [[0.0, 1.0], [1.0, 0.0]]),
        ("hinge", [0, 1], 1, [[-1.0], [1.0]]),
        ("hinge", [2, 0], 3, [[-1.0, -1.0, 1.0], [1.0, -1.0, -1.0]]),
    ],
)
def test_encoded_targets(name: str, y: Any, n_outputs: int, encoded: list[list[float]]) -> None:
    assert loss_named(name).encode_targets(y, n_outputs).tolist() == encoded
    assert loss_named(name).encode_targets(np.array(y), n_outputs).tolist() == encoded


@pytest.mark.parametrize(
    ("name", "y", "n_outputs", "error", "message"),
    [
        ("mean_squared_error", [1.0, float("nan")], 1, DataError, r"y\[1\] is nan"),
        ("mean_squared_error", [1.0, 2.0], 2, ShapeError, "2 are expected"),
        ("mean_squared_error", [], 1, DataError, "empty"),
        ("binary_cross_entropy", [0, 2], 1, DataError, r"y\[1\] is 2, .* 0 to 1"),
        ("binary_cross_entropy", [-1, 1], 1, DataError, r"y\[0\] is -1"),
        ("binary_cross_entropy", [0, 0.5], 1, DataError, "whole number"),
        ("binary_cross_entropy_with_logits", [[0, 7]], 2, DataError, r"y\[0, 1\] is 7"),
        ("binary_cross_entropy_with_logits", [0, 1], 2, ShapeError, "categorical_cross_entropy"),
        ("categorical_cross_entropy", [0, 3], 3, DataError, r"y\[1\] is 3, .* 0 to 2"),
        ("categorical_cross_entropy", [0, 1], 1, ShapeError, "one output for each class"),
        ("categorical_cross_entropy", ["cat"], 2, DataError, "y holds text"),
        ("categorical_cross_entropy", [[1, 0], [0, 1]], 2, ShapeError, r"y\.argmax\(axis=1\)"),
        (
            "categorical_cross_entropy",
            [[1, 0], [0, 0.5]],
            2,
            DataError,
            r"y\[1\] has the sum 0\.5,",
        ),
        ("categorical_cross_entropy", [[1e308, 1.7e308]], 2, DataError, r"y\[0\]\[0\] is 1e\+308,"),
        ("categorical_cross_entropy", [[1, 0], [0, 1]], 3, ShapeError, r"y has shape \(2, 2\)"),
        ("categorical_cross_entropy", [[0], [1]], 2, ShapeError, r"pass y\.ravel\(\)"),
        ("categorical_cross_entropy", [[1], [1]], 1, ShapeError, "one output for each class"),
        ("binary_cross_entropy_with_logits", [[0, 1]], 1, ShapeError, "2 outputs per sample"),
        ("binary_cross_entropy_with_logits", [[-0.5, 7]], 2, DataError, r"y\[0, 0\] is -0\.5,"),
        (
            "binary_cross_entropy_with_logits",
            [[1, 0], [0, 1.5]],
            2,
            DataError,
            r"y\[1, 1\] is 1\.5",
        ),
        ("hinge", [0, 2], 1, DataError, r"y\[1\] is 2"),
        ("hinge", [0.0, float("inf")], 2, DataError, r"y\[1\] is inf"),
    ],
)
def test_targets_that_do_not_fit(
    name: str, y: Any, n_outputs: int, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        loss_named(name).encode_targets(y, n_outputs)


@pytest.mark.parametrize(
    ("name", "outputs", "predicted"),
    [
        ("mean_squared_error", [[1.5], [2.5]], [1.5, 2.5]),
        ("mean_absolute_error", [[1.5, 2.5]], [[1.5, 2.5]]),
        ("binary_cross_entropy", [[0.4], [0.6], [0.5]], [0, 1, 0]),
        ("binary_cross_entropy_with_logits", [[-0.1], [0.1], [0.0]], [0, 1, 0]),
        ("binary_cross_entropy_with_logits", [[-1.0, 1.0], [1.0, 1.0]], [[0, 1], [1, 1]]),
        ("categorical_cross_entropy", [[0.1, 0.2, -5.0], [1.0, 1.0, 0.0]], [1, 0]),
        ("hinge", [[-0.2], [0.3]], [0, 1]),
        ("hinge", [[-0.2, -0.1, -0.3]], [1]),
    ],
)
def test_predictions(name: str, outputs: Any, predicted: Any) -> None:
    found = loss_named(name).predict(np.array(outputs))
    assert found.tolist() == predicted
    assert (found.dtype == np.int64) == (loss_named(name).task == "classification")


def test_probabilities() -> None:
    rng = np.random.default_rng(4)
    outputs = np.vstack([rng.normal(size=(5, 3)), [[1000.0, 0.0, -1000.0]]])
    found = loss_named("categorical_cross_entropy").probabilities(outputs)
    assert_close(found, torch.softmax(tensor_of(outputs), dim=1))
    logits = np.array([[-1000.0], [-2.0], [0.0], [3.0], [1000.0]])
    both = loss_named("binary_cross_entropy_with_logits").probabilities(logits)
    p = torch.sigmoid(tensor_of(logits))
    assert_close(both, torch.hstack([1.0 - p, p]))
    each = loss_named("binary_cross_entropy_with_logits").probabilities(outputs)
    assert_close(each, torch.sigmoid(tensor_of(outputs)))
    p_array = np.array([[0.25], [1.0]])
    from_p = loss_named("binary_cross_entropy").probabilities(p_array)
    assert_close(from_p, [[0.75, 0.25], [0.0, 1.0]])
    p_array = np.array([[0.25, 1.0], [0.5, 0.75]])
    assert_close(loss_named("binary_cross_entropy").probabilities(p_array), p_array)
    for name in ("hinge", "mean_squared_error", "mean_absolute_error"):
        assert loss_named(name).probabilities(p_array) is None


# Errors


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize(
    ("outputs", "targets", "message"),
    [
        (np.ones(3), [1.0, 1.0], "3 outputs got 2 targets"),
        (np.ones((2, 2)), [[1.0, 1.0], [1.0]], "2 outputs got 1 targets"),
        (np.ones((2, 2)), [1.0, 1.0], "2 outputs got the single target 1.0"),
        (np.ones(2), 1.0, "2 outputs got the single target 1.0"),
        (np.ones(2), [[1.0, 1.0], [1.0, 1.0]], r"a single output got the targets \[1.0, 1.0\]"),
        (np.ones(0), [], "a loss of no outputs is undefined"),
    ],
)
def test_shapes_that_differ(name: str, outputs: Floats, targets: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        function_of(name)(values_of(outputs), targets)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([0, 3], DataError, r"labels\[1\] is 3, but the labels of 3 classes are 0 to 2"),
        ([-1, 0], DataError, r"labels\[0\] is -1"),
        ([0, 0.5], DataError, "a label is a whole number"),
        ([0], ShapeError, "2 samples got 1 labels"),
        (0, ShapeError, "2 samples got the single label 0"),
        ([[1, 0], [0, 1]], ShapeError, r"labels\[0\] is \[1, 0\] for a sample of 3 logits"),
        ([[0], [1]], ShapeError, r"labels\[0\] is \[0\] .*number of its class, labels=\[0, 2, 1\]"),
        (np.array([[0], [1]]), ShapeError, r"labels\[0\] is array\(\[0\]\) for a sample"),
        ([[1, 0, 0], 1], ShapeError, r"labels\[1\] is 1 for a sample of 3 logits"),
        ([1, [1, 0, 0]], ShapeError, r"labels\[0\] is 1 for a sample of 3 logits"),
    ],
)
def test_labels_that_do_not_fit(labels: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        categorical_cross_entropy(values_of(np.ones((2, 3))), labels)


def test_labels_may_be_numbers_and_values_together() -> None:
    logits = values_of(np.random.default_rng(0).normal(size=(3, 2)))
    expected = categorical_cross_entropy(logits, [0, 1, 1], "none")
    for labels in ([0, Value(1.0), 1], [Value(0.0), 1, Value(1.0)]):
        found = categorical_cross_entropy(logits, labels, "none")
        assert_close(data_of(found), data_of(expected))


def test_samples_may_have_classes_of_their_own_in_number() -> None:
    two, three = [Value(0.5), Value(-1.0)], [Value(0.25), Value(1.0), Value(-2.0)]
    expected = [categorical_cross_entropy(two, 1).data, categorical_cross_entropy(three, 0).data]
    rows = [[0.0, 1.0], [1.0, 0.0, 0.0]]
    for labels in ([1, 0], [Value(1.0), Value(0.0)], rows):
        assert_close(data_of(categorical_cross_entropy([two, three], labels, "none")), expected)


def test_the_row_of_a_sample_has_a_number_for_each_logit() -> None:
    loss = loss_named("categorical_cross_entropy").sample_loss
    with pytest.raises(ShapeError, match="2 logits got a row of 3 targets"):
        loss([Value(0.0), Value(1.0)], [1.0, 0.0, 0.0])


def test_no_samples_at_all() -> None:
    with pytest.raises(ShapeError, match="a loss of no outputs is undefined"):
        categorical_cross_entropy([], [])


@pytest.mark.parametrize("target", [0.0, 2.0, float("nan")])
def test_a_hinge_target_other_than_minus_one_and_one(target: float) -> None:
    with pytest.raises(DataError, match=r"-1 and \+1, got .*2 \* y - 1"):
        hinge([Value(0.5)], [target])


@pytest.mark.parametrize("loss", [binary_cross_entropy, binary_cross_entropy_with_logits])
@pytest.mark.parametrize("target", [-1.0, 2, float("nan")])
def test_a_target_that_is_no_probability(loss: Callable[..., Any], target: float) -> None:
    with pytest.raises(DataError, match=r"0 and 1, or between, got (-1|2|nan);"):
        loss([Value(0.5)], [target])


def test_unknown_names() -> None:
    with pytest.raises(UnknownNameError, match="unknown loss 'rmse'; known: binary_cross_entropy"):
        loss_named("rmse")
    with pytest.raises(UnknownNameError, match="unknown reduction 'average'; known: mean, none"):
        mean_squared_error([Value(1.0)], [1.0], reduction="average")  # type: ignore[arg-type]
