"""``fit`` and the answers after it: data as people have them, losses and models of one's own."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.back_ends import as_compiled
from tinygrad_mlp import functional, losses
from tinygrad_mlp.data import load_iris
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import DataError, InvalidArgumentError, NonFiniteError
from tinygrad_mlp.functional import Scalar
from tinygrad_mlp.losses import LOSSES, Loss, loss_named
from tinygrad_mlp.nn import MLP, Module
from tinygrad_mlp.optim import SGD, Adam
from tinygrad_mlp.training import (
    accuracy,
    confusion_table,
    fit,
    predict,
    predict_proba,
    task_of,
)

X = np.array([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.5], [2.0, -1.0], [0.5, 0.5], [-2.0, 2.0]])
QUIET: dict[str, Any] = {"log_every": None}


# Targets


@pytest.mark.parametrize(
    ("y", "n_outputs", "loss", "classes"),
    [
        (["no", "yes", "no", "yes", "yes", "no"], 1, "binary_cross_entropy_with_logits", "no yes"),
        ([True, False, True, False, True, True], 1, "binary_cross_entropy_with_logits", None),
        ([0, 1, 0, 1, 1, 0], 1, "binary_cross_entropy_with_logits", None),
        ([-1, 1, -1, 1, 1, -1], 1, "binary_cross_entropy_with_logits", None),
        ([3, 5, 3, 5, 5, 3], 1, "binary_cross_entropy_with_logits", None),
        (["b", "a", "c", "a", "b", "c"], 3, "categorical_cross_entropy", "a b c"),
        ([0, 1, 2, 0, 1, 2], 3, "categorical_cross_entropy", None),
        ([1, 2, 3, 1, 2, 3], 3, "categorical_cross_entropy", None),
        ([10.0, 20.0, 30.0, 10.0, 20.0, 30.0], 3, "categorical_cross_entropy", None),
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 1, "mean_squared_error", None),
        ([0.0, 1.0, 0.0, 1.0, 0.0, 1.0], 1, "mean_squared_error", None),
        ([1, 2, 3, 4, 5, 6], 1, "mean_squared_error", None),
        ([[1, 2], [3, 4], [5, 6], [0, 0], [1, 1], [2, 2]], 2, "mean_squared_error", None),
    ],
)
def test_the_loss_follows_the_targets_and_answers_are_in_the_persons_labels(
    y: list[Any], n_outputs: int, loss: str, classes: str | None
) -> None:
    model = MLP(2, [8, n_outputs], "tanh", rng=0)
    history = fit(model, X, y, epochs=500, optimizer="adam", learning_rate=0.05, **QUIET)
    task = task_of(model)
    assert task is not None
    assert history.loss_name == task.loss_name == loss
    answers = predict(model, X)
    if loss == "mean_squared_error":
        assert history.accuracy == []
        np.testing.assert_allclose(answers, y, atol=0.5)
    else:
        assert task.classes is not None
        expected = classes.split() if classes else sorted(set(y))
        assert task.classes.tolist() == expected
        assert answers.tolist() == y
        assert {type(answer) for answer in answers.tolist()} == {type(y[0])}
        assert accuracy(model, X, y) == history.accuracy[-1] == 1.0


@pytest.mark.parametrize("loss", [None, "categorical_cross_entropy", "hinge"])
@pytest.mark.parametrize("kind", [int, float])
def test_one_hot_rows_are_classes(loss: str | None, kind: type) -> None:
    numbers = [0, 1, 2, 0, 1, 2]
    y: Any = np.eye(3)[numbers].astype(kind)
    activation = None if loss == "hinge" else "softmax"
    model, reference = (MLP(2, [8, 3], "tanh", activation, rng=0) for _ in range(2))
    settings: dict[str, Any] = {"epochs": 300, "optimizer": "adam", "learning_rate": 0.05, **QUIET}
    history = fit(model, X, y, loss=loss, validation_data=(X, y), **settings)
    expected = fit(reference, X, numbers, loss=loss, **settings)
    assert history.loss == expected.loss
    assert history.loss_name == (loss or "categorical_cross_entropy")
    assert history.validation_accuracy[-1] == 1.0
    assert predict(model, X).tolist() == numbers
    assert accuracy(model, X, y) == accuracy(model, X, numbers) == 1.0


def test_rows_of_0_and_1_stay_numbers_where_the_loss_takes_numbers() -> None:
    y = np.eye(2)[[0, 1, 0, 1, 0, 1]]
    for loss in ("mean_squared_error", "binary_cross_entropy_with_logits"):
        model = MLP(2, [2], rng=0)
        fit(model, X, y, loss=loss, epochs=2, **QUIET)
        assert predict(model, X).shape == (6, 2)


@pytest.mark.parametrize("y", [[0, 1, 0, 1, 1, 0], ["a", "b", "a", "b", "b", "a"]])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_a_column_of_labels_is_a_list_of_labels(y: list[Any], n_outputs: int) -> None:
    column = np.array(y).reshape(-1, 1)
    model, reference = (MLP(2, [n_outputs], rng=0) for _ in range(2))
    history = fit(model, X, column, epochs=3, validation_data=(X, column), **QUIET)
    expected = fit(reference, X, y, epochs=3, validation_data=(X, y), **QUIET)
    assert history.loss == expected.loss
    assert history.accuracy == expected.accuracy != []
    assert predict(model, X).tolist() == predict(reference, X).tolist()
    assert accuracy(model, X, column) == accuracy(reference, X, y)


def test_a_column_of_numbers_is_a_regression() -> None:
    y = X[:, :1]
    model, reference = (MLP(2, [1], rng=0) for _ in range(2))
    history = fit(model, X, y, epochs=3, **QUIET)
    assert history.loss == fit(reference, X, y[:, 0], epochs=3, **QUIET).loss
    assert (history.task, history.loss_name) == ("regression", "mean_squared_error")


def test_nan_is_no_class() -> None:
    model = MLP(2, [1], rng=0)
    fit(model, X, ["no", "yes", "no", "yes", "yes", "no"], epochs=1, **QUIET)
    model.layers[0].neurons[0].b.data = float("nan")
    for call in (lambda: predict(model, X), lambda: accuracy(model, X, ["no"] * 6)):
        with pytest.raises(NonFiniteError, match=r"sample 0 is nan.*learning_rate"):
            call()
    history = fit(model, X, ["no"] * 5 + ["yes"], epochs=1, **QUIET)
    assert history.accuracy == [0.0]


def test_a_class_may_be_missing_among_whole_numbers_from_0() -> None:
    model = MLP(2, [3], rng=0)
    fit(model, X, [0, 2, 0, 2, 2, 0], epochs=200, **QUIET)
    assert set(predict(model, X).tolist()) <= {0, 2}
    assert predict_proba(model, X).shape == (6, 3)


def test_training_on_keeps_the_classes_even_where_one_does_not_occur() -> None:
    model = MLP(2, [3], rng=0)
    fit(model, X, ["a", "b", "c", "a", "b", "c"], epochs=1, **QUIET)
    fit(model, X[:4], ["a", "c", "c", "a"], epochs=1, **QUIET)
    task = task_of(model)
    assert task is not None
    assert task.classes is not None
    assert task.classes.tolist() == ["a", "b", "c"]


def test_several_yes_or_no_questions_at_once() -> None:
    y = (X > 0.2).astype(int)
    model = MLP(2, [8, 2], rng=0)
    loss = "binary_cross_entropy_with_logits"
    history = fit(model, X, y, loss=loss, epochs=200, optimizer="adam", **QUIET)
    assert predict(model, X).tolist() == y.tolist()
    assert history.accuracy[-1] == accuracy(model, X, y) == 1.0
    assert predict_proba(model, X).shape == (6, 2)


def test_probabilities_are_those_of_the_output_activation() -> None:
    data = load_iris()
    features = data.X[::10]
    model = MLP(4, [5, 3], output_activation="softmax", rng=0)
    fit(model, features, data.y[::10], epochs=3, **QUIET)
    expected = [[p.data for p in model(x)] for x in features.tolist()]
    np.testing.assert_allclose(predict_proba(model, features), expected, rtol=1e-12)
    many = np.repeat(features, 10, axis=0)  # enough samples for the compiler to take over
    np.testing.assert_allclose(predict_proba(model, many)[::10], expected, rtol=1e-12)


def test_a_model_trained_by_hand_is_read_through_the_loss_that_is_named() -> None:
    model = MLP(2, [3], rng=0)
    outputs = predict(model, X)
    assert outputs.shape == (6, 3)
    answers = predict(model, X, loss="categorical_cross_entropy")
    assert answers.tolist() == outputs.argmax(axis=1).tolist()
    assert accuracy(model, X, answers, loss=loss_named("categorical_cross_entropy")) == 1.0


# Losses of one's own


def svm_loss(outputs: Sequence[Value], targets: Sequence[float]) -> Value:
    return functional.mean([(1.0 - t * o).relu() for o, t in zip(outputs, targets)])


def branching_loss(outputs: Sequence[Value], targets: Sequence[float]) -> Value:
    terms = [(1.0 - t * o) for o, t in zip(outputs, targets)]
    return sum((term for term in terms if term > 0.0), Value(0.0)) / len(terms)


@pytest.mark.parametrize("loss", [svm_loss, branching_loss])
def test_a_loss_of_ones_own_over_the_batch(loss: Any) -> None:
    y = np.where(X[:, 0] > X[:, 1], 1, -1)
    own, built_in = MLP(2, [4, 1], "tanh", rng=0), MLP(2, [4, 1], "tanh", rng=0)
    settings: dict[str, Any] = {"epochs": 20, "batch_size": 4, "rng": 0, **QUIET}
    history = fit(own, X, y, loss=loss, **settings)
    reference = fit(built_in, X, y, loss="hinge", **settings)
    np.testing.assert_allclose(history.loss, reference.loss, rtol=1e-9)
    assert history.loss_name == loss.__name__
    assert history.accuracy == []
    assert as_compiled(history.engine).startswith(
        "compiled" if loss is svm_loss else "eager (not compiled"
    )
    assert accuracy(own, X, y, loss="hinge") == accuracy(built_in, X, y)


def test_a_loss_of_ones_own_with_text_labels_gets_class_numbers() -> None:
    seen: list[Any] = []

    def cross_entropy(outputs: Sequence[Any], targets: Sequence[Any]) -> Value:
        seen.append(list(targets))
        terms = [-functional.log_softmax(o)[t] for o, t in zip(outputs, targets)]
        return functional.mean(terms)

    y = ["b", "a", "c", "a", "b", "c"]
    model = MLP(2, [8, 3], rng=0)
    fit(model, X, y, loss=cross_entropy, engine="eager", epochs=150, **QUIET)
    assert seen[0] == [1, 0, 2, 0, 1, 2]
    assert predict(model, X).tolist() == y


def test_one_output_of_a_loss_of_ones_own_is_not_guessed_at() -> None:
    def logistic(outputs: Sequence[Any], targets: Sequence[Any]) -> Value:
        return functional.mean([functional.softplus(o) - t * o for o, t in zip(outputs, targets)])

    y = ["no", "yes", "no", "yes", "yes", "no"]
    model = MLP(2, [8, 1], "tanh", rng=0)
    history = fit(model, X, y, loss=logistic, optimizer="adam", epochs=300, **QUIET)
    assert (history.task, history.accuracy) == ("classification", [])
    with pytest.raises(InvalidArgumentError, match="loss='binary_cross_entropy_with_logits'"):
        predict(model, X)
    with pytest.raises(InvalidArgumentError, match="Name a loss"):
        accuracy(model, X, y)
    named = "binary_cross_entropy_with_logits"
    assert predict(model, X, loss=named).tolist() == y
    assert accuracy(model, X, y, loss=named) == 1.0


def test_parameters_of_a_loss_are_trained_if_the_optimizer_has_them() -> None:
    model, log_scale = MLP(2, [1], rng=0), Value(0.0)

    def likelihood(outputs: Sequence[Value], targets: Sequence[float]) -> Value:
        errors = [(o - t) ** 2 for o, t in zip(outputs, targets)]
        return functional.mean(errors) * functional.exp(-2.0 * log_scale) + 2.0 * log_scale

    optimizer = SGD([*model.parameters(), log_scale], 0.01)
    fit(model, X, X[:, 0] * 3.0, loss=likelihood, optimizer=optimizer, epochs=5, **QUIET)
    assert log_scale.data != 0.0


# Models of one's own


class Scaled(Module):
    """Something else than an MLP: x -> a x1 + b x2, and a mode that it remembers."""

    def __init__(self) -> None:
        self.a, self.b = Value(0.0), Value(0.0)
        self.modes: set[bool] = set()

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        self.modes.add(self.training)
        return [self.a * x[0] + self.b * x[1]]


def test_a_module_of_ones_own_is_trained_and_switched_between_modes() -> None:
    model = Scaled().eval()
    fit(model, X, 2.0 * X[:, 0] - X[:, 1], epochs=200, engine="eager", **QUIET)
    assert (model.a.data, model.b.data) == pytest.approx((2.0, -1.0), abs=1e-5)
    assert model.modes == {True, False}
    assert not model.training, "it is in the mode in which it was"
    model.modes.clear()
    predict(model, X)
    assert model.modes == {False}


def test_only_the_parameters_of_the_optimizer_move() -> None:
    model = MLP(2, [3, 1], rng=0)
    before = model.state_dict()
    fit(model, X, X[:, 0], optimizer=SGD(model.layers[1].parameters(), 0.1), epochs=3, **QUIET)
    after = model.state_dict()
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {"layers.1.weight", "layers.1.bias"}


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_training_goes_on_where_it_stopped(engine: str) -> None:
    y = X[:, 0] * X[:, 1]
    once, twice = MLP(2, [4, 1], rng=0), MLP(2, [4, 1], rng=0)
    fit(once, X, y, optimizer=Adam(once.parameters(), 0.01), epochs=10, engine=engine, **QUIET)
    optimizer = Adam(twice.parameters(), 0.01)
    for part in (4, 6):
        fit(twice, X, y, optimizer=optimizer, epochs=part, engine=engine, **QUIET)
    np.testing.assert_allclose(predict(twice, X), predict(once, X), rtol=1e-12)


# Answers


def test_a_confusion_table() -> None:
    table = confusion_table(["b", "a", "b", "c"], ["b", "b", "a", "c"], classes=["c", "b", "a"])
    assert table.counts.tolist() == [[1, 0, 0], [0, 1, 1], [0, 1, 0]]
    assert table.classes == ("c", "b", "a")
    assert table.accuracy == 0.5
    assert confusion_table([1, 2], [1, 1]).classes == ("1", "2")
    widths = {len(line.rstrip()) for line in str(table).splitlines()[1:]}
    assert len(widths) == 1


def test_a_confusion_table_tells_apart_what_floats_and_texts_do_not() -> None:
    large = 2**53
    table = confusion_table([large, large + 1, large + 1], [large, large, large + 1])
    assert table.counts.tolist() == [[1, 0], [1, 1]]
    assert table.classes == ("9007199254740992", "9007199254740993")
    assert confusion_table(["007", "7"], ["7", "7"]).counts.tolist() == [[0, 1], [0, 1]]
    assert confusion_table([0, 1, 1], [False, True, False]).counts.tolist() == [[1, 0], [1, 1]]
    with pytest.raises(DataError, match="all need to be text, or all numbers"):
        confusion_table(["1", "2"], [1, 2])
    with pytest.raises(DataError, match="9007199254740993, which is no float"):
        confusion_table([large + 1, 1], [0.5, 1.0])


def test_a_confusion_table_shows_names_and_never_lets_them_act() -> None:
    names = ["a\x1b[31mred", "b\x07ell", "c\u202etrap\ntwo\tlines"]
    lines = str(confusion_table(names, names)).splitlines()
    shown = [r"a\x1b[31mred", r"b\x07ell", r"c\u202etrap\ntwo\tlines"]
    assert lines[1].split() == ["true", *shown]
    assert [line.split() for line in lines[2:]] == [
        [shown[0], "1", "0", "0"],
        [shown[1], "0", "1", "0"],
        [shown[2], "0", "0", "1"],
    ]
    assert len(set(map(len, lines[1:]))) == 1
    assert confusion_table(names, names).classes == tuple(names)


def test_whole_numbers_above_2_53_stay_different_labels() -> None:
    large = 2**53
    y = [large, large + 1] * 4
    X = [[-1.0], [1.0]] * 4
    model = MLP(1, [1], rng=0)
    fit(model, X, y, epochs=100, log_every=None, loss="binary_cross_entropy_with_logits")
    assert predict(model, X).tolist() == y
    assert accuracy(model, X, y) == 1.0
    assert accuracy(model, X, y[::-1]) == 0.0
    assert accuracy(model, X, np.full(8, float(large))) == 0.5


def test_what_a_model_was_trained_for_is_copied_and_pickled_with_it() -> None:
    model = MLP(2, [1], rng=0)
    fit(model, X, ["no", "yes", "no", "yes", "yes", "no"], epochs=5, **QUIET)
    expected = predict(model, X).tolist()
    assert predict(copy.deepcopy(model), X).tolist() == expected
    assert predict(pickle.loads(pickle.dumps(model)), X).tolist() == expected
    own = MLP(2, [1], rng=0)
    fit(own, X, X[:, 0], loss=svm_loss, epochs=1, **QUIET)
    np.testing.assert_allclose(predict(pickle.loads(pickle.dumps(own)), X), predict(own, X))


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
@pytest.mark.parametrize("loss", [loss_named("hinge"), replace(loss_named("hinge"), name="mine")])
def test_a_copy_answers_by_the_loss_it_was_trained_with(
    loss: Loss, again: Callable[[MLP], MLP]
) -> None:
    model = MLP(2, [1], rng=0)
    labels = ["no", "yes", "no", "yes", "yes", "no"]
    fit(model, X, labels, loss=loss, epochs=20, **QUIET)
    expected = predict(model, X).tolist()
    assert set(expected) == {"no", "yes"}
    copied = again(model)
    assert predict(copied, X).tolist() == expected
    task = task_of(copied)
    assert task is not None
    assert task.loss == loss


@pytest.mark.parametrize("name", LOSSES)
def test_the_function_of_a_loss_means_that_loss(name: str) -> None:
    n_outputs = 3 if name.startswith("categorical") else 1
    last = {"categorical_cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}.get(name)
    answers = []
    for loss in (name, getattr(losses, name)):
        model = MLP(2, [4, n_outputs], output_activation=last, rng=0)
        y = [0, 1, 2, 0, 1, 2] if n_outputs == 3 else [0, 1, 0, 1, 1, 0]
        history = fit(model, X, y, loss=loss, epochs=5, **QUIET)
        assert history.loss_name == name
        answers.append((history.loss, predict(model, X, loss=loss).tolist()))
    assert answers[0] == answers[1]


def test_probabilities_of_an_infinite_logit() -> None:
    model = MLP(1, [1], init="zeros")
    model.parameters()[0].data = 1e308
    X = [[100.0], [-100.0], [0.0]]
    found = predict_proba(model, X, loss="binary_cross_entropy_with_logits")
    assert found.tolist() == [[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]]
