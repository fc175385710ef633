"""Losses with a setting: the delta of Huber, label smoothing, and the record that carries it."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from inspect import signature
from json import dumps
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.metrics import mean_poisson_deviance
from torch import Tensor

from tests.against_torch import assert_close, grad_of, tensor_of, values_of
from tests.back_ends import as_compiled
from tinygrad_mlp import Value, compile, fit, functional, load_model, predict, save_weights
from tinygrad_mlp.debug import detect_anomaly
from tinygrad_mlp.derivatives import hessian
from tinygrad_mlp.engine import topological_order
from tinygrad_mlp.errors import DataError, InvalidArgumentError, UnknownNameError
from tinygrad_mlp.losses import (
    LOSSES,
    Loss,
    as_loss,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    categorical_cross_entropy,
    huber,
    loss_named,
    loss_of_function,
    mean_squared_error,
    poisson,
)
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import read_weights
from tinygrad_mlp.training._details import parse_details
from tinygrad_mlp.training._task import Task, task_of

Floats = NDArray[np.float64]
CROSS_ENTROPIES = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "categorical_cross_entropy",
]


def both_ways(loss: Callable[..., Value], outputs: Floats, targets: Any) -> tuple[Any, Any]:
    """The mean loss and its gradients: of a graph, and of a compiled program for whole batches."""
    values = values_of(outputs)
    value = loss(values, targets)
    value.backward()
    gradients = np.array(grad_of(values))
    leaves = values_of(outputs)
    program = compile(lambda t: loss(leaves, t), list(np.array(leaves, dtype=object).flat))
    assert_close(program(np.asarray(targets, dtype=float)), value.data)
    assert_close(program.gradients, gradients.ravel())
    return value.data, gradients


def of_torch(loss: Callable[[Tensor], Tensor], outputs: Floats) -> tuple[Tensor, Tensor]:
    tensor = tensor_of(outputs, requires_grad=True)
    value = loss(tensor)
    value.backward()
    assert tensor.grad is not None
    return value, tensor.grad


@pytest.mark.parametrize("delta", [0.25, 1.0, 3])
def test_huber_of_another_delta_is_torch_s(delta: float) -> None:
    rng = np.random.default_rng(0)
    outputs, targets = rng.normal(scale=2.0, size=(6, 2)), rng.normal(size=(6, 2))
    outputs[0, 0] = targets[0, 0] + delta  # at the kink
    outputs[1, 1] = targets[1, 1]
    value, gradient = both_ways(partial(huber, delta=delta), outputs, targets)
    expected = of_torch(lambda y: F.huber_loss(y, tensor_of(targets), delta=delta), outputs)
    assert_close(value, expected[0])
    assert_close(gradient, expected[1])
    smooth, _ = of_torch(lambda y: F.smooth_l1_loss(y, tensor_of(targets), beta=delta), outputs)
    assert_close(value / delta, smooth)


def test_huber_does_not_overflow_and_has_a_second_derivative() -> None:
    with detect_anomaly():
        loss = huber(Value(1e300), -1e300, delta=2.0)
    assert loss.data == 4e300
    for error, second in ((0.5, 1.0), (1.5, 0.0)):
        output = Value(error)
        ((found,),) = hessian(huber(output, 0.0), [output])
        assert found == second


@pytest.mark.parametrize("delta", [0, -1.0, float("nan"), float("inf"), "1", None])
def test_a_delta_that_will_not_do(delta: Any) -> None:
    for call in (
        lambda: huber(Value(1.0), 0.0, delta=delta),
        lambda: loss_named("huber", delta=delta),
    ):
        with pytest.raises(
            InvalidArgumentError, match=r"delta is .* a (finite )?number > 0 is needed: hub"
        ):
            call()


def test_poisson_is_half_the_deviance_of_scikit_learn_and_torch_s_but_for_the_counts() -> None:
    rng = np.random.default_rng(1)
    log_means, counts = rng.normal(size=9), rng.poisson(2.0, size=9).astype(float)
    assert 0.0 in counts
    value, gradient = both_ways(poisson, log_means, counts)
    assert_close(2.0 * value, mean_poisson_deviance(counts, np.exp(log_means)))
    nll, torch_gradient = of_torch(lambda z: F.poisson_nll_loss(z, tensor_of(counts)), log_means)
    of_counts = torch.xlogy(tensor_of(counts), tensor_of(counts)) - tensor_of(counts)
    assert_close(value, nll + of_counts.mean())
    assert_close(gradient, torch_gradient)


def test_poisson_of_no_count_and_of_the_right_one() -> None:
    with detect_anomaly():  # no logarithm of 0 is taken on the way
        assert poisson(Value(log(3.0)), 0).data == pytest.approx(3.0, rel=1e-15)
    right = Value(log(3.0))
    loss = poisson(right, 3)
    loss.backward()
    assert abs(loss.data) < 1e-15
    assert abs(right.grad) < 1e-15


def test_poisson_answers_with_the_expected_counts() -> None:
    X = np.linspace(-1.0, 1.0, 40)[:, None]
    y = np.random.default_rng(0).poisson(np.exp(1.0 + X[:, 0]))
    model = MLP(1, [1], init="zeros")
    history = fit(model, X, y, loss="poisson", epochs=300, learning_rate=0.2, log_every=None)
    assert as_compiled(history.engine) == "compiled"
    assert (history.task, history.advice) == ("regression", ())
    answers = predict(model, X)
    assert answers.shape == (40,)
    logarithms = np.array([model(x).data for x in X.tolist()])
    assert_close(answers, np.exp(logarithms))
    assert answers.mean() == pytest.approx(y.mean(), rel=1e-6)  # of a model with a bias
    two = MLP(1, [2], init="zeros")
    fit(two, X, np.stack([y, y], axis=1), loss="poisson", epochs=1, log_every=None)
    assert predict(two, X).shape == (40, 2)


def test_advice_never_says_to_standardize_counts() -> None:
    X, y = np.arange(60.0)[:, None] % 7, 100 * (np.arange(60) % 2)
    for loss, says in (("poisson", False), ("mean_squared_error", True)):
        model = MLP(1, [1], init="zeros")
        optimizer = {"learning_rate": 1e-7, "epochs": 60}
        history = fit(model, X, y, loss=loss, log_every=None, **optimizer)  # type: ignore[arg-type]
        assert history.advice
        assert any("y has numbers of the size" in f.text for f in history.advice) == says


def test_counts_that_are_none_are_named_with_their_place() -> None:
    with pytest.raises(DataError, match=r"y\[1\] is -2, .* counts, .* not standardized"):
        fit(MLP(1, [1]), [[0.0], [1.0]], [1, -2], loss="poisson")
    with pytest.raises(DataError, match=r"y\[0, 1\] is -1,"):
        fit(MLP(1, [2]), [[0.0]], [[1, -1]], loss="poisson")


# Label smoothing


@pytest.mark.parametrize("smoothing", [0.1, 0.5, 1])
@pytest.mark.parametrize("kind", ["labels", "rows", "Values"])
def test_smoothed_cross_entropy_is_torch_s(smoothing: float, kind: str) -> None:
    rng = np.random.default_rng(2)
    logits, labels = rng.normal(scale=3.0, size=(5, 3)), rng.integers(3, size=5)
    rows = rng.dirichlet(np.ones(3), size=5)
    targets: Any = {"labels": labels, "rows": rows, "Values": [Value(int(t)) for t in labels]}
    theirs = tensor_of(rows) if kind == "rows" else torch.tensor(labels)
    expected, gradient = of_torch(
        lambda z: F.cross_entropy(z, theirs, label_smoothing=smoothing), logits
    )
    values = values_of(logits)
    loss = categorical_cross_entropy(values, targets[kind], label_smoothing=smoothing)
    loss.backward()
    assert_close(loss.data, expected)
    assert_close(grad_of(values), gradient)
    if kind != "Values":
        both = both_ways(
            partial(categorical_cross_entropy, label_smoothing=smoothing), logits, targets[kind]
        )
        assert_close(both[0], expected)
    one = categorical_cross_entropy(values[0], targets[kind][0], label_smoothing=smoothing)
    assert_close(
        one.data, F.cross_entropy(tensor_of(logits[:1]), theirs[:1], label_smoothing=smoothing)
    )


@pytest.mark.parametrize("smoothing", [0.1, 1.0])
def test_smoothed_binary_cross_entropy_is_torch_s_of_smoothed_targets(smoothing: float) -> None:
    rng = np.random.default_rng(3)
    logits, targets = rng.normal(size=(6, 2)), rng.integers(0, 2, size=(6, 2)).astype(float)
    targets[0, 0] = 0.25
    smoothed = tensor_of(targets * (1.0 - smoothing) + 0.5 * smoothing)
    probabilities = 1.0 / (1.0 + np.exp(-logits))
    for ours, theirs, outputs in (
        (binary_cross_entropy_with_logits, F.binary_cross_entropy_with_logits, logits),
        (binary_cross_entropy, F.binary_cross_entropy, probabilities),
    ):
        value, gradient = both_ways(partial(ours, label_smoothing=smoothing), outputs, targets)
        expected = of_torch(lambda z, loss=theirs: loss(z, smoothed), outputs)  # type: ignore[misc]
        assert_close(value, expected[0])
        assert_close(gradient, expected[1])


@pytest.mark.parametrize("smoothing", [-0.1, 1.5, float("nan"), "0.1", None])
@pytest.mark.parametrize("name", CROSS_ENTROPIES)
def test_a_smoothing_that_will_not_do(name: str, smoothing: Any) -> None:
    needed = "a number >= 0 and <= 1 is needed: label_smoothing=0.1"
    function = loss_named(name).function
    assert function is not None
    with pytest.raises(InvalidArgumentError, match=needed):
        function([[Value(0.5), Value(0.5)]], [[0.0, 1.0]], label_smoothing=smoothing)
    with pytest.raises(InvalidArgumentError, match=needed):
        loss_named(name, label_smoothing=smoothing)


def test_targets_are_checked_before_they_are_smoothed() -> None:
    with pytest.raises(DataError, match="got 2"):
        binary_cross_entropy_with_logits(Value(0.0), 2.0, label_smoothing=0.5)
    with pytest.raises(DataError, match="has the sum 0"):
        categorical_cross_entropy([Value(0.0)] * 2, [0.0, 0.0], label_smoothing=0.5)
    with pytest.raises(DataError, match="is 2, but the labels of 2 classes"):
        categorical_cross_entropy([[Value(0.0)] * 2], [2], label_smoothing=0.5)


# The record


def test_a_record_is_made_again_with_other_settings() -> None:
    usual = LOSSES["huber"]
    other = loss_named("Huber_Loss", delta=2.0)
    assert (usual.settings, other.settings) == ({"delta": 1.0}, {"delta": 2.0})
    assert loss_named("huber") is usual.with_settings() is usual
    assert other.name == usual.name
    assert other.sample_loss([Value(5.0)], [0.0]).data == 8.0
    assert usual.sample_loss([Value(5.0)], [0.0]).data == 4.5
    named = loss_named("categorical_cross_entropy", label_smoothing=0.2)
    assert named.with_settings(label_smoothing=0.0).settings == {"label_smoothing": 0.0}


def test_the_settings_of_a_loss_are_those_of_its_function() -> None:
    """One table: what a record calls a setting is an argument with the same default."""
    for name, loss in LOSSES.items():
        parameters = signature(loss.function or loss.sample_loss).parameters
        usual = {key: p.default for key, p in list(parameters.items())[3:]}
        assert usual == loss.settings, name


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"no setting 'beta'; its settings: loss_named\("
                       r"'huber', delta=1\)"):  # fmt: skip
        loss_named("smooth_l1", beta=2.0)
    with pytest.raises(InvalidArgumentError, match="'hinge' has no setting 'margin'; it has none"):
        loss_named("hinge", margin=2.0)
    with pytest.raises(UnknownNameError):
        loss_named("hubert", delta=2.0)


def test_a_function_with_its_setting_is_the_loss() -> None:
    loss = as_loss(partial(huber, delta=0.5))
    assert (loss.name, loss.settings, loss.task) == ("huber", {"delta": 0.5}, "regression")
    smoothed = loss_of_function(partial(categorical_cross_entropy, label_smoothing=0.1))
    assert smoothed is not None
    assert smoothed.settings == {"label_smoothing": 0.1}
    assert as_loss(partial(mean_squared_error)) is LOSSES["mean_squared_error"]
    assert as_loss(partial(huber)) is LOSSES["huber"]
    assert loss_of_function(partial(huber, reduction="sum")) is None
    assert loss_of_function(partial(huber, reduction="sum", delta=0.5)) is None
    assert loss_of_function(partial(huber, [Value(1.0)])) is None
    assert loss_of_function(partial(own_loss, margin=2.0)) is None
    assert as_loss(partial(huber, reduction="sum")).task == ""


def own_loss(margin: float = 1.0) -> Loss:
    def function(output: Value, target: Value) -> Value:
        return functional.relu(margin - target * output)

    made = Loss.of_function(function, name="margins", per_sample=True, task="regression")
    return replace(made, settings={"margin": margin}, maker=own_loss)


def test_copies_and_pickles_keep_the_settings() -> None:
    for loss in (
        loss_named("huber", delta=2.0),
        *[loss_named(name, label_smoothing=0.1) for name in CROSS_ENTROPIES],
    ):
        for twin in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
            assert (twin.name, twin.settings, twin.maker) == (loss.name, loss.settings, loss.maker)
        assert hash(loss) == hash(loss)
        assert loss.in_table() == (loss.name, loss.settings)
    assert own_loss(2.0).in_table() is None
    huber_loss = loss_named("huber", delta=2.0)
    for other in (None, own_loss):  # of the name of one of ours, and made by something else
        assert replace(huber_loss, maker=other).in_table() is None


def test_a_weights_file_keeps_the_settings(tmp_path: Path) -> None:
    X, y = [[0.0], [1.0], [2.0]], ["low", "low", "high"]
    model = MLP(1, [2], rng=0)
    loss = loss_named("categorical_cross_entropy", label_smoothing=0.25)
    fit(model, X, y, loss=loss, epochs=3, log_every=None)
    restored = load_model(save_weights(model, tmp_path / "w.npz"))
    task = task_of(restored)
    assert task is not None
    assert task.loss is not None
    assert task.loss.settings == {"label_smoothing": 0.25}
    assert predict(restored, X).tolist() == predict(model, X).tolist()
    assert task.to_dict()["loss_settings"] == {"label_smoothing": 0.25}
    assert "loss_settings" not in Task(LOSSES["huber"]).to_dict()
    twin = pickle.loads(pickle.dumps(task))
    assert twin.loss.settings == {"label_smoothing": 0.25}


def test_a_loss_of_your_own_with_a_setting_is_saved_too(tmp_path: Path) -> None:
    LOSSES.add("margins", own_loss())
    try:
        model = MLP(1, [1], rng=0)
        fit(model, [[0.0], [1.0]], [0.5, 1.5], loss=loss_named("margins", margin=3.0), epochs=1,
            log_every=None)  # fmt: skip
        task = read_weights(save_weights(model, tmp_path / "w.npz")).task
        assert task is not None
        assert task.loss is not None
        assert task.loss.settings == {"margin": 3.0}
        assert task.loss.sample_loss([Value(0.0)], [1.0]).data == 3.0
    finally:
        del LOSSES["margins"]


@pytest.mark.parametrize(
    ("loss", "settings", "message"),
    [
        ("huber", {"delta": -1.0}, r"task.loss_settings: delta is -1.0, but a number > 0"),
        ("huber", {"beta": 1.0}, r"task.loss_settings: the loss 'huber' has no setting 'beta'"),
        ("huber", {"self": 1.0}, r"no setting 'self'"),
        ("hinge", {"delta": 1.0}, r"'hinge' has no setting 'delta'; it has none"),
        ("huber", {"delta": "1"}, r"delta is '1', but"),
        (None, {"delta": 1.0}, r"task.loss_settings is there, but task.loss is null"),
        ("huber", [1.0], r"task.loss_settings is a list of 1, but an object is needed"),
    ],
)
def test_settings_in_a_damaged_file(loss: str | None, settings: Any, message: str) -> None:
    task = {"loss": loss, "classes": None, "n_inputs": 1, "n_outputs": 1}
    text = dumps({"task": {**task, "loss_settings": settings}, "extra": {}})
    with pytest.raises(DataError, match=message):
        parse_details(text, {})


# What a constant answer costs


def cost_on_a_grid(loss: Loss, targets: Floats, weights: Floats, grid: Floats) -> float:
    """The least mean loss of one output that is always the same."""
    (column,) = targets.T
    means = []
    for output in grid:
        losses = [loss.sample_loss([Value(float(output))], [t]).data for t in column.tolist()]
        means.append(np.average(losses, weights=weights))
    return float(min(means))


@pytest.mark.parametrize(
    ("loss", "grid"),
    [
        (loss_named("mean_squared_error"), np.linspace(-1.0, 9.0, 2001)),
        (loss_named("mean_absolute_error"), np.linspace(-1.0, 9.0, 2001)),
        (loss_named("huber", delta=0.5), np.linspace(-1.0, 9.0, 2001)),
        (loss_named("huber", delta=20.0), np.linspace(-1.0, 9.0, 2001)),
        (loss_named("poisson"), np.linspace(-3.0, 3.0, 2001)),
        (loss_named("binary_cross_entropy_with_logits"), np.linspace(-5.0, 5.0, 2001)),
        (loss_named("binary_cross_entropy_with_logits", label_smoothing=0.3),
         np.linspace(-5.0, 5.0, 2001)),
        (loss_named("binary_cross_entropy", label_smoothing=0.3), np.linspace(0.01, 0.99, 2001)),
        (loss_named("hinge"), np.linspace(-2.0, 2.0, 401)),
    ],
)  # fmt: skip
def test_the_constant_answer_is_the_best_on_a_grid_with_and_without_weights(
    loss: Loss, grid: Floats
) -> None:
    rng = np.random.default_rng(4)
    y: Any = rng.poisson(2.0, size=13).astype(float)
    if loss.task == "classification":
        y = (y > 1.0).astype(int)
    targets = loss.encode_targets(y, 1)
    weights = rng.uniform(0.0, 3.0, size=13)
    assert loss.constant_answer is not None
    cost = loss.constant_answer.cost
    for given in ((targets,), (targets, weights)):
        best = cost_on_a_grid(loss, targets, weights if len(given) > 1 else np.ones(13), grid)
        assert best * (1.0 - 1e-4) <= cost(*given) <= best * (1.0 + 1e-12) + 1e-12
    assert cost(targets, np.ones(13)) == pytest.approx(cost(targets), rel=1e-12)
    twice = np.vstack([targets, targets[:3]])
    counts = np.array([2.0] * 3 + [1.0] * 10)
    assert cost(targets, counts) == pytest.approx(cost(twice), rel=1e-12)


def test_the_constant_answer_of_smoothed_classes_is_torch_s_loss_of_their_shares() -> None:
    loss = loss_named("categorical_cross_entropy", label_smoothing=0.2)
    labels, weights = np.array([0, 0, 1, 2, 2, 2]), np.array([1.0, 2.0, 1.0, 0.5, 0.5, 1.0])
    targets = loss.encode_targets(labels, 3)
    assert loss.constant_answer is not None
    shares = 0.8 * (weights @ targets / weights.sum()) + 0.2 / 3
    logits = tensor_of(np.log(shares)).expand(6, 3)
    losses = F.cross_entropy(logits, torch.tensor(labels), label_smoothing=0.2, reduction="none")
    expected = (losses * tensor_of(weights)).sum() / weights.sum()
    assert_close(loss.constant_answer.cost(targets, weights), expected)


def test_the_constant_of_several_outputs_is_the_mean_of_theirs() -> None:
    targets = np.array([[0.0, 1.0], [4.0, 1.0], [0.0, 3.0], [0.0, 11.0]])
    weights = np.array([1.0, 2.0, 1.0, 1.0])
    for name in ("mean_squared_error", "mean_absolute_error", "huber", "poisson"):
        answer = loss_named(name).constant_answer
        assert answer is not None
        for more in ((), (weights,)):
            columns = [answer.cost(targets[:, [k]], *more) for k in range(2)]
            assert answer.cost(targets, *more) == pytest.approx(np.mean(columns), rel=1e-12)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("huber(2.5)", r"loss_named\('huber', delta=2\.5\)$"),
        ("huber(delta=0.5)", r"loss_named\('huber', delta=0\.5\)$"),
        ("huber(", r"loss_named\('huber', delta=1\.0\)$"),
        ("huber()", r"loss_named\('huber', delta=1\.0\)$"),
        ("huber(x)", r"loss_named\('huber', delta=1\.0\)$"),
    ],
)
def test_a_setting_within_the_name_is_told_where_it_goes(name: str, call: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown loss '.*by their names.*: loss={call}"):
        loss_named(name)


@pytest.mark.parametrize("name", ["bias", "max_lr"])
def test_a_word_that_has_no_other_here_is_an_unknown_loss(name: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown loss '{name}'; known: binary_cross"):
        loss_named(name)


@pytest.mark.parametrize("name", ["binary_cross_entropy", "binary_cross_entropy_with_logits"])
def test_labels_that_are_not_smoothed_cost_nothing_more(name: str) -> None:
    sizes = [
        len(topological_order(loss_named(name, **settings).sample_loss([Value(0.4)], [Value(1.0)])))
        for settings in ({}, {"label_smoothing": 0.0}, {"label_smoothing": 0.1})
    ]
    assert sizes[0] == sizes[1] == sizes[2] - 4  # a product, a sum and their numbers


@pytest.mark.parametrize(
    ("y", "place"),
    [([1.0, -2.0, -3.0], "y[1] is -2"), ([[1.0, -1.0], [-2.0, 3.0], [-4.0, 1.0]], "y[0, 1] is -1")],
)
def test_the_first_count_that_cannot_be_is_named(y: Any, place: str) -> None:
    model = MLP(1, [np.array(y).ndim])
    with pytest.raises(DataError, match=re.escape(f"{place}, but the targets of the Poisson")):
        fit(model, [[0.0], [1.0], [2.0]], y, loss="poisson", log_every=None)


def test_counts_that_are_too_large_are_inf_without_a_warning() -> None:
    assert loss_named("poisson").predict(np.array([[0.0], [800.0]])).tolist() == [1.0, np.inf]


@pytest.mark.parametrize(
    ("outputs", "target", "says_how"), [(2, 1.0, True), (1, [1.0, 2.0], False)]
)
def test_a_loss_of_a_sample_that_takes_lists_for_numbers(
    outputs: int, target: Any, says_how: bool
) -> None:
    loss = Loss.of_function(lambda output, goal: output - goal, per_sample=True)
    with pytest.raises(InvalidArgumentError if says_how else TypeError) as caught:
        loss.sample_loss([Value(1.0)] * outputs, target)
    assert ("lists with an entry for each output" in str(caught.value)) == says_how
