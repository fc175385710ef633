"""From targets to what a loss takes, and from outputs to answers: tables of whole results."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence
from dataclasses import replace
from math import inf, nan
from typing import Any, Final

import numpy as np
import pytest

from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import (
    DataError,
    InvalidArgumentError,
    NonFiniteError,
    ShapeError,
    UnknownNameError,
)
from tinygrad_mlp.functional import mean
from tinygrad_mlp.losses import LOSSES, as_loss, loss_named
from tinygrad_mlp.nn import MLP, Module
from tinygrad_mlp.training import (
    ConfusionTable,
    Task,
    accuracy,
    confusion_table,
    fit,
    predict,
    predict_proba,
    task_of,
)

BINARY, LOGITS = "binary_cross_entropy", "binary_cross_entropy_with_logits"
CATEGORICAL, SQUARED = "categorical_cross_entropy", "mean_squared_error"


def own(outputs: Sequence[Any], targets: Sequence[Any]) -> Value:
    return mean([(o - t) ** 2 for o, t in zip(outputs, targets)])


class Ratio:
    """A loss of one's own that is an object."""

    def __call__(self, outputs: Sequence[Any], targets: Sequence[Any]) -> Value:
        return mean(outputs)


OWN: Final = as_loss(own)


def model_of(n_outputs: int, loss: Any = None) -> MLP:
    last = "sigmoid" if loss == BINARY else None
    return MLP(1, [n_outputs], output_activation=last, rng=0)


# Targets

Taken = tuple[Any, int, Any, str, list[Any] | None, list[Any], list[Any] | None]
ROWS: Final = [[0, 1, 0], [0, 0, 1], [1, 0, 0]]
HOT: Final = [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
SIDES: Final = [[-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0], [1.0, -1.0, -1.0]]
TAKEN: Final[list[Taken]] = [
    # y, the outputs, the loss asked for; then the loss, the classes, the targets, the answers
    ([0, 1, 1], 1, None, LOGITS, [0, 1], [[0.0], [1.0], [1.0]], [0, 1, 1]),
    ([1, 1], 1, None, LOGITS, [0, 1], [[1.0], [1.0]], [1, 1]),
    ([-1, 1], 1, None, LOGITS, [-1, 1], [[0.0], [1.0]], [0, 1]),
    ([-1, -1], 1, None, LOGITS, [-1, 1], [[0.0], [0.0]], [0, 0]),
    ([5, 3], 1, None, LOGITS, [3, 5], [[1.0], [0.0]], [1, 0]),
    (["b", "a"], 1, None, LOGITS, ["a", "b"], [[1.0], [0.0]], [1, 0]),
    (np.array(["b", "a"], object), 1, None, LOGITS, ["a", "b"], [[1.0], [0.0]], [1, 0]),
    ([True, False], 1, None, LOGITS, [False, True], [[1.0], [0.0]], [1, 0]),
    ([True, True], 1, None, LOGITS, [False, True], [[1.0], [1.0]], [1, 1]),
    ([[1], [0]], 1, None, LOGITS, [0, 1], [[1.0], [0.0]], [1, 0]),
    (np.array([1, 0], object), 1, None, LOGITS, [0, 1], [[1.0], [0.0]], [1, 0]),
    (np.array([1, 0], "u1"), 1, None, LOGITS, [0, 1], [[1.0], [0.0]], [1, 0]),
    ([1.0, 0.0], 1, None, SQUARED, None, [[1.0], [0.0]], None),
    ([0.5, 2.5, 1.0], 1, None, SQUARED, None, [[0.5], [2.5], [1.0]], None),
    ([4, 5, 6], 1, None, SQUARED, None, [[4.0], [5.0], [6.0]], None),
    (np.array([4, 5, 6], object), 1, None, SQUARED, None, [[4.0], [5.0], [6.0]], None),
    ([1, 0], 2, None, CATEGORICAL, [0, 1], [[0.0, 1.0], [1.0, 0.0]], [1, 0]),
    ([-1, 1], 2, None, CATEGORICAL, [-1, 1], [[1.0, 0.0], [0.0, 1.0]], [0, 1]),
    ([7, 9], 2, None, CATEGORICAL, [7, 9], [[1.0, 0.0], [0.0, 1.0]], [0, 1]),
    ([True, True], 2, None, CATEGORICAL, [False, True], [[0.0, 1.0]] * 2, [1, 1]),
    ([1, 2, 0], 3, None, CATEGORICAL, [0, 1, 2], HOT, [1, 2, 0]),
    ([1.0, 2.0, 0.0], 3, None, CATEGORICAL, [0, 1, 2], HOT, [1, 2, 0]),
    ([1.5, 2.5, 0.5], 3, CATEGORICAL, CATEGORICAL, [0.5, 1.5, 2.5], HOT, [1, 2, 0]),
    ([2, 2], 3, None, CATEGORICAL, [0, 1, 2], [[0.0, 0.0, 1.0]] * 2, [2, 2]),
    ([2, 3, 1], 3, None, CATEGORICAL, [1, 2, 3], HOT, [1, 2, 0]),
    ([0, 5, -1], 3, None, CATEGORICAL, [-1, 0, 5], HOT, [1, 2, 0]),
    (ROWS, 3, None, CATEGORICAL, [0, 1, 2], HOT, [1, 2, 0]),
    (HOT, 3, None, CATEGORICAL, [0, 1, 2], HOT, [1, 2, 0]),
    (np.array(ROWS, bool), 3, None, CATEGORICAL, [0, 1, 2], HOT, [1, 2, 0]),
    (np.array(ROWS, "u1"), 3, "hinge", "hinge", [0, 1, 2], SIDES, [1, 2, 0]),
    ([[0, 1], [1, 1]], 2, None, LOGITS, None, [[0.0, 1.0], [1.0, 1.0]], [[0, 1], [1, 1]]),
    ([[0, 0], [0, 1]], 2, None, LOGITS, None, [[0.0, 0.0], [0.0, 1.0]], [[0, 0], [0, 1]]),
    ([[True, True], [False, True]], 2, None, LOGITS, None, [[1.0, 1.0], [0.0, 1.0]],
     [[1, 1], [0, 1]]),
    ([[True, False], [False, True]], 2, None, CATEGORICAL, [0, 1], [[1.0, 0.0], [0.0, 1.0]],
     [0, 1]),
    ([[0.0, 1.0], [1.0, 1.0]], 2, None, SQUARED, None, [[0.0, 1.0], [1.0, 1.0]], None),
    ([[0, 1], [2, 0]], 2, None, SQUARED, None, [[0.0, 1.0], [2.0, 0.0]], None),
    ([[0.0, 1.0], [0.5, 0.5]], 2, None, SQUARED, None, [[0.0, 1.0], [0.5, 0.5]], None),
    (ROWS, 3, SQUARED, SQUARED, None, HOT, None),
    (ROWS, 3, LOGITS, LOGITS, None, HOT, ROWS),  # three questions
    ([[0, 1], [1, 1]], 2, BINARY, BINARY, None, [[0.0, 1.0], [1.0, 1.0]], [[0, 1], [1, 1]]),
    ([[0.5, 1.0], [0.0, 1.0]], 2, LOGITS, LOGITS, None, [[0.5, 1.0], [0.0, 1.0]], None),
    ([0.0, 1.0], 1, "hinge", "hinge", [0, 1], [[-1.0], [1.0]], [0, 1]),
    ([-1.0, 1.0], 1, "Hinge", "hinge", [-1, 1], [[-1.0], [1.0]], [0, 1]),
    ([0.5, 1.5], 1, "hinge", "hinge", [0.5, 1.5], [[-1.0], [1.0]], [0, 1]),
    ([0.25, 1.0], 1, own, "own", None, [0.25, 1.0], None),
    ([3, 4], 1, own, "own", None, [3, 4], None),
    (np.array([3, 4], "u1"), 2, own, "own", None, [3, 4], None),
    ([[3.0, 4.0], [5.0, 6.0]], 2, own, "own", None, [[3.0, 4.0], [5.0, 6.0]], None),
    ([[3.0], [4.0]], 1, own, "own", None, [3.0, 4.0], None),
    (["b", "a"], 1, own, "own", ["a", "b"], [1, 0], None),
    (["b", "a"], 2, own, "own", ["a", "b"], [1, 0], [1, 0]),
    ([True, False], 2, Ratio(), "Ratio", [False, True], [1, 0], [1, 0]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("y", "n_outputs", "loss", *["name", "classes", "targets", "answers"]), TAKEN
)
def test_what_targets_become(
    y: Any, n_outputs: int, loss: Any, name: str, classes: Any, targets: Any, answers: Any
) -> None:
    features = np.zeros((len(y), 1))
    model = model_of(n_outputs, loss)
    task, samples = Task.for_data(model, features, y, loss)
    assert task.loss_name == name
    assert (task.n_inputs, task.n_outputs) == (1, n_outputs)
    found = None if task.classes is None else task.classes.tolist()
    assert (found, [type(label) for label in found or ()]) == (
        classes,
        [type(label) for label in classes or ()],
    )
    for part in (samples, task.samples(features, y)):
        assert part.X.tolist() == features.tolist()
        assert part.targets.tolist() == np.asarray(targets).tolist()
        assert (None if part.answers is None else part.answers.tolist()) == answers
    assert task_of(model) is None


def test_targets_of_a_loss_of_ones_own_stay_whole_numbers() -> None:
    for y, kind in (([3, 4], "i"), (np.array([3, 4], "u1"), "u"), ([3.0, 4.0], "f")):
        _, samples = Task.for_data(model_of(1), [[0.0], [1.0]], y, own)
        assert samples.targets.dtype.kind == kind


REFUSED: Final[list[tuple[Any, int, Any, str]]] = [
    (
        ["a", "b", "c"], 1, None,
        "y has the 3 classes a, b, c, but the model has 1 output, for two classes; give it 3: "
        "MLP(n_inputs, [..., 3])",
    ),
    (
        ["a", "b", "a"], 3, None,
        "y has the 2 classes a, b, but the model has 3 outputs, one each; give it 1: "
        "MLP(n_inputs, [..., 1])",
    ),
    (
        ["a", "a"], 1, None,
        "y has the 1 class a, but the model has 1 output, for two classes; one class alone leaves "
        "nothing to tell apart: give samples of another, too",
    ),
    (
        ["a", "a"], 2, None,
        "y has the 1 class a, but the model has 2 outputs, one each; one class alone leaves "
        "nothing to tell apart: give samples of another, too",
    ),
    (
        [7, 7], 1, None,
        "y has the 1 class 7, but the model has 1 output, for two classes; one class alone leaves "
        "nothing to tell apart: give samples of another, too; or keep to the labels 0 to 1",
    ),
    (
        [0, 1, 3], 2, None,
        "y has the 3 classes 0, 1, 3, but the model has 2 outputs, one each; give it 3: "
        "MLP(n_inputs, [..., 3]); or keep to the labels 0 to 1",
    ),
    (
        [0, 7, 0], 3, None,
        "y has the 2 classes 0, 7, but the model has 3 outputs, one each; give it 1: "
        "MLP(n_inputs, [..., 1]); or keep to the labels 0 to 2",
    ),
    (
        [0, 3, 6] * 2, 1, None,
        "y has the 3 classes 0, 3, 6, but the model has 1 output, for two classes; give it 3: "
        "MLP(n_inputs, [..., 3]); or, for a quantity and no labels, name loss='mean_squared_error'",
    ),
    (
        [0.0, 3.0, 6.0], 1, "hinge",
        "y has the 3 classes 0.0, 3.0, 6.0, but the model has 1 output, for two classes; give it "
        "3: MLP(n_inputs, [..., 3]); or keep to the labels 0 to 1",
    ),
    (
        [0.5, 3.0, 6.0], 2, CATEGORICAL,
        "y has the 3 classes 0.5, 3.0, 6.0, but the model has 2 outputs, one each; for numbers "
        "that are no labels take loss='mean_squared_error'",
    ),
    (
        [4, 5, 6, 7, 8, 9, 10], 2, None,
        "y has the 7 classes 4, 5, 6, 7, 8, 9, ..., but the model has 2 outputs, one each; give it "
        "7: MLP(n_inputs, [..., 7]); or keep to the labels 0 to 1",
    ),
    (
        [True, False], 3, None,
        "y has the 2 classes False, True, but the model has 3 outputs, one each; give it 1: "
        "MLP(n_inputs, [..., 1])",
    ),
    ([nan, 1.0], 2, None, "y[0] is nan (counting from 0); "),
    ([0.5, inf], 1, None, "y[1] is inf (counting from 0); "),
]  # fmt: skip


@pytest.mark.parametrize(("y", "n_outputs", "loss", "message"), REFUSED)
def test_targets_that_do_not_fit_to_the_outputs(
    y: Any, n_outputs: int, loss: Any, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        Task.for_data(model_of(n_outputs), np.zeros((len(y), 1)), y, loss)
    assert str(caught.value) == message or (message[0:3] == "y[0" or message[0:3] == "y[1")
    assert str(caught.value).startswith(message.partition(" (")[0])


@pytest.mark.parametrize(
    ("n_outputs", "before", "y", "classes"),
    [
        (3, ["a", "b", "c"], ["c", "a"], ["a", "b", "c"]),
        (3, ["a", "b", "c"], ["d", "a", "b"], ["a", "b", "d"]),
        (1, ["a", "b"], ["b", "b"], ["a", "b"]),
        (1, [-1, 1], [1, 1], [-1, 1]),  # and not 0 and 1
        (1, [-1, 1], [0, 1], [0, 1]),
        (1, [0.5, 2.5], [0, 1], [0, 1]),
    ],
)
@pytest.mark.parametrize("loss", ["hinge", None])
def test_classes_stay_as_long_as_they_cover_the_labels(
    n_outputs: int, before: list[Any], y: list[Any], classes: list[Any], loss: Any
) -> None:
    model = model_of(n_outputs)
    fit(model, np.zeros((len(before), 1)), before, loss="hinge", epochs=1, log_every=None)
    task, _ = Task.for_data(model, np.zeros((len(y), 1)), y, loss)
    assert task.classes is not None
    assert task.classes.tolist() == classes


def test_classes_of_another_number_are_not_kept() -> None:
    for n_outputs, before in ((1, ["a", "b", "c"]), (2, ["a", "b", "c"]), (2, ["a"])):
        model = model_of(n_outputs)
        Task(None, np.array(before)).attach_to(model)
        task, _ = Task.for_data(model, [[0.0], [1.0]], ["a", "b"])
        assert task.classes is not None
        assert task.classes.tolist() == ["a", "b"]


def test_text_labels_of_a_loss_of_ones_own_keep_their_classes() -> None:
    model = model_of(3)
    loss: Any = lambda outputs, targets: outputs[0][0]  # noqa: E731
    fit(model, [[0.0], [1.0], [2.0]], ["a", "b", "c"], loss=loss, epochs=1, log_every=None)
    task, samples = Task.for_data(model, [[0.0], [1.0]], ["c", "b"], loss)
    assert task.classes is not None
    assert task.classes.tolist() == ["a", "b", "c"]
    assert samples.targets.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        ([[0.0]], [0.5, 1.0], ShapeError, "validation X has 1 sample but validation y has 2"),
        ([[0.0, 1.0]], [0.5], ShapeError, "validation X has 2 columns"),
        ([[nan]], [0.5], DataError, "validation X[0, 0] is nan"),
    ],
)
def test_held_out_data_are_called_so(X: Any, y: Any, error: Any, message: str) -> None:
    task = Task(loss_named(SQUARED), None, 1, 1)
    with pytest.raises(error) as caught:
        task.samples(X, y)
    assert str(caught.value).startswith(message)
    of_ones_own = Task(OWN, None, 1, 1)
    with pytest.raises(DataError, match=r"^y\[0\] is nan"):
        of_ones_own.samples([[0.0]], [nan])


def test_what_is_wrong_with_validation_data_is_said_of_them_once() -> None:
    X, y = [[0.0], [1.0]], ["a", "b"]
    for given, message in (
        ((X, ["a", "c"]), "validation_data: labels[1] is 'c', which is none of the classes"),
        (([[nan], [1.0]], y), "validation X[0, 0] is nan"),
        ((X, ["a"]), "validation X has 2 samples but validation y has 1"),
    ):
        with pytest.raises((DataError, ShapeError)) as caught:
            fit(model_of(1), X, y, validation_data=given, log_every=None)
        assert str(caught.value).startswith(message)


# Answers

Answered = tuple[Task, list[list[float]], Any]
PETS: Final = np.array(["cat", "dog"])
ANSWERED: Final[list[Answered]] = [
    (Task(loss_named(SQUARED)), [[0.5], [2.0]], [0.5, 2.0]),
    (Task(loss_named(SQUARED)), [[0.5, 1.0], [2.0, 3.0]], [[0.5, 1.0], [2.0, 3.0]]),
    (Task(loss_named(SQUARED)), [[nan], [2.0]], [nan, 2.0]),
    (Task(None), [[0.5], [2.0]], [0.5, 2.0]),
    (Task(None), [[0.5, 1.0]], [[0.5, 1.0]]),
    (Task(OWN), [[0.5], [2.0]], [0.5, 2.0]),
    (Task(OWN), [[0.5, 1.0]], [[0.5, 1.0]]),
    (Task(OWN, PETS), [[0.5, 1.0], [2.0, 1.0]], ["dog", "cat"]),
    (Task(None, PETS), [[0.5, 1.0]], ["dog"]),
    (Task(loss_named("hinge"), PETS), [[0.5], [0.0], [-1.0]], ["dog", "cat", "cat"]),
    (Task(loss_named("hinge")), [[0.5], [0.0]], [1, 0]),
    (Task(loss_named("hinge"), PETS), [[0.5, 0.25]], ["cat"]),
    (Task(loss_named(LOGITS), PETS), [[0.25], [-0.25]], ["dog", "cat"]),
    (Task(loss_named(BINARY), PETS), [[0.25], [0.75]], ["cat", "dog"]),
    (Task(loss_named(BINARY)), [[0.25, 0.75]], [[0, 1]]),
    (Task(loss_named(CATEGORICAL), PETS), [[0.25, 0.5]], ["dog"]),
]


@pytest.mark.parametrize(("task", "outputs", "expected"), ANSWERED)
def test_what_outputs_say(task: Task, outputs: list[list[float]], expected: Any) -> None:
    found = task.predictions(np.array(outputs))
    np.testing.assert_array_equal(found, np.array(expected))
    assert found.dtype.kind == np.array(expected).dtype.kind


@pytest.mark.parametrize(
    "task", [Task(loss_named(CATEGORICAL), PETS), Task(OWN, PETS), Task(loss_named(LOGITS))]
)
@pytest.mark.parametrize("column", [0, 1])
@pytest.mark.parametrize("row", [0, 2])
def test_the_first_output_that_is_nan_is_named(task: Task, row: int, column: int) -> None:
    outputs = np.ones((4, 2))
    outputs[row, column] = outputs[3, 0] = nan
    with pytest.raises(NonFiniteError) as caught:
        task.predictions(outputs)
    assert str(caught.value) == (
        f"the output for sample {row} is nan, so it says no class; weights become nan or too large "
        "in training when the learning_rate is too large: see history.reason, and train again with "
        "a smaller one"
    )


@pytest.mark.parametrize(
    ("loss", "name"), [(OWN, "own"), (as_loss(Ratio()), "Ratio"), (None, "of its maker")]
)
def test_one_output_of_an_unknown_loss_is_not_guessed_at(loss: Any, name: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        Task(loss, PETS).predictions(np.ones((2, 1)))
    assert str(caught.value) == (
        f"the model was trained with the loss {name!r}, which does not say where one output turns "
        "from 'cat' to 'dog'; name a loss of the same outputs: "
        "predict(model, X, loss='binary_cross_entropy_with_logits') for logits, "
        "'binary_cross_entropy' for probabilities"
    )


def two(*rows: list[float]) -> Any:
    return np.array(rows)


@pytest.mark.parametrize(
    ("task", "outputs", "answers", "n_right"),
    [
        (Task(loss_named(CATEGORICAL)), two([0.0, 1.0], [1.0, 0.0], [1.0, 0.0]), [1, 0, 1], 2.0),
        (Task(loss_named(CATEGORICAL)), two([0.0, nan], [1.0, 0.0], [nan, 1.0]), [1, 0, 0], 1.0),
        (Task(loss_named(LOGITS)), two([2.0], [-1.0], [nan]), [1, 0, 0], 2.0),
        (Task(loss_named(LOGITS)), two([2.0, -1.0], [1.0, 1.0]), [[1, 0], [1, 0]], 1.5),
        (Task(loss_named(LOGITS)), two([2.0, -1.0], [1.0, 1.0]), [[0, 1], [0, 0]], 0.0),
        (Task(loss_named(LOGITS)), two([2.0, nan], [1.0, 1.0]), [[1, 0], [1, 0]], 0.5),
        (
            Task(loss_named(LOGITS)),
            two([2.0, nan, 1.0], [1.0, 1.0, 1.0], [nan, 0.0, 1.0], [-1.0, -1.0, -1.0]),
            [[1, 0, 1], [1, 0, 1], [0, 0, 0], [0, 0, 0]],
            5.0 / 3.0,
        ),
        (Task(OWN, PETS), two([0.0, 1.0], [1.0, 0.0]), [1, 1], 1.0),
        (Task(OWN, PETS), two([0.0], [1.0]), [1, 1], 0.0),
        (Task(loss_named(SQUARED)), two([1.0], [0.0]), [1, 0], 0.0),
        (Task(loss_named(CATEGORICAL)), two([0.0, 1.0]), None, 0.0),
    ],
)
def test_how_many_are_right(task: Task, outputs: Any, answers: Any, n_right: float) -> None:
    numbers = None if answers is None else np.array(answers)
    found = task.count_right(outputs, numbers)
    assert found == pytest.approx(n_right, rel=1e-15)


# The task itself


@pytest.mark.parametrize(
    ("task", "text", "kind", "from_logits", "kept"),
    [
        (Task(None), "Task(no loss)", "", False, (None, None, None, None)),
        (Task(OWN, None, 2, 3), "Task(own)", "", False, (None, None, 2, 3)),
        (
            Task(as_loss(Ratio()), PETS, 2, 1),
            "Task(Ratio, classes ['cat', 'dog'])",
            "classification",
            False,
            (None, ["cat", "dog"], 2, 1),
        ),
        (
            Task(loss_named(SQUARED), None, 2, 1),
            "Task(mean_squared_error)",
            "regression",
            False,
            (SQUARED, None, 2, 1),
        ),
        (
            Task(loss_named(CATEGORICAL), np.array([0, 1, 2]), 4, 3),
            "Task(categorical_cross_entropy, classes [0, 1, 2])",
            "classification",
            True,
            (CATEGORICAL, [0, 1, 2], 4, 3),
        ),
        (
            Task(replace(loss_named("hinge"), name="mine"), np.array([False, True]), None, 1),
            "Task(mine, classes [False, True])",
            "classification",
            False,
            (None, [False, True], None, 1),
        ),
        (
            Task(replace(loss_named("hinge"), from_logits=True), None, None, 1),
            "Task(hinge)",
            "classification",
            True,
            (None, None, None, 1),
        ),
    ],
)
def test_what_a_task_says_of_itself(
    task: Task, text: str, kind: str, from_logits: bool, kept: tuple[Any, ...]
) -> None:
    assert (repr(task), task.kind, task.from_logits) == (text, kind, from_logits)
    details = task.to_dict()
    assert details == dict(zip(("loss", "classes", "n_inputs", "n_outputs"), kept, strict=True))
    again = Task.from_dict(details)
    assert again.to_dict() == details
    assert again.loss is (None if kept[0] is None else LOSSES[kept[0]])
    assert copy.deepcopy(task) is task
    pickled = pickle.loads(pickle.dumps(task))
    assert (pickled.n_inputs, pickled.n_outputs) == kept[2:]
    assert pickled.loss is None or pickled.loss == task.loss
    found = None if pickled.classes is None else list(pickled.classes)
    assert found == kept[1]


def test_which_loss_is_meant() -> None:
    assert as_loss("HINGE") is LOSSES["hinge"]
    assert (OWN.function, OWN.task, OWN.targets, OWN.pure) == (own, "", "rows", False)
    mine = replace(loss_named("hinge"), name="mine")
    assert as_loss(mine) is mine
    with pytest.raises(UnknownNameError, match="unknown loss 'hing'"):
        as_loss("hing")
    with pytest.raises(InvalidArgumentError) as caught:
        as_loss(3)  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"loss is 3, but a name ({', '.join(LOSSES)}) or a function loss(outputs, targets) is "
        "needed"
    )


def test_what_a_model_holds_under_that_name_is_no_task_unless_it_is_one() -> None:
    model = MLP(1, [1])
    model.fitted_task = "mine"  # type: ignore[attr-defined]
    assert task_of(model) is None
    task = Task(None)
    task.attach_to(model)
    assert task_of(model) is task


# Questions to a model


def line(*weights: float, bias: float = 0.0) -> MLP:
    """A model of one input with these weights, one for each output."""
    model = MLP(1, [len(weights)], init="zeros")
    state: dict[str, Any] = {
        "layers.0.weight": [[w] for w in weights],
        "layers.0.bias": [bias] * len(weights),
    }
    model.load_state_dict(state)
    return model


X: Final = [[-2.0], [-1.0], [1.0], [2.0]]


@pytest.mark.parametrize(
    ("model", "y", "loss", "share"),
    [
        (line(1.0), [0, 0, 1, 1], "hinge", 1.0),
        (line(1.0), [0, 1, 1, 0], "hinge", 0.5),
        (line(1.0), [-1, -1, 1, -1], "hinge", 0.75),
        (line(1.0), ["a", "a", "b", "b"], LOGITS, 1.0),
        (line(1.0), [[0], [0], [1], [1]], LOGITS, 1.0),
        (line(1.0), [0.0, 0.0, 1.0, 1.0], LOGITS, 1.0),
        (line(1.0), [5, 5, 7, 7], LOGITS, 1.0),
        (line(1.0, -1.0), [1, 1, 0, 0], CATEGORICAL, 1.0),
        (line(1.0, -1.0), [[0, 1], [0, 1], [1, 0], [0, 1]], CATEGORICAL, 0.75),
        (line(1.0, -1.0, 0.0), [1, 1, 0, 2], CATEGORICAL, 0.75),
        (line(1.0, -1.0, 0.0), ["b", "b", "a", "c"], CATEGORICAL, 0.75),
        (line(1.0, -1.0), [[0, 1], [0, 1], [1, 0], [1, 0]], LOGITS, 1.0),
        (line(1.0, -1.0), [[0, 1], [0, 0], [1, 0], [1, 1]], LOGITS, 0.75),
    ],
)
def test_the_share_of_right_answers(model: Any, y: Any, loss: Any, share: float) -> None:
    assert accuracy(model, X, y, loss=loss) == share
    assert accuracy(model, X, y, loss=LOSSES[loss]) == share


@pytest.mark.parametrize(
    ("model", "y", "message"),
    [
        (line(1.0), [0.5, 1.0, 2.0, 2.0], "without a known loss; accuracy counts right classes"),
        (line(1.0), [0, 1, 1, 0], f"accuracy(model, X, y, loss={BINARY!r})"),
        (line(1.0), [0.0, 1.0, 1.0, 0.0], f"accuracy(model, X, y, loss={BINARY!r})"),
        (line(1.0), ["a", "b", "a", "b"], f"accuracy(model, X, y, loss={BINARY!r})"),
        (line(1.0), [-1, 1, 1, 1], "accuracy(model, X, y, loss='hinge')"),
        (line(1.0), [-1.0, 1.0, 1.0, 1.0], "accuracy(model, X, y, loss='hinge')"),
        (line(1.0, 2.0), [-1, 1, 1, 1], f"accuracy(model, X, y, loss={CATEGORICAL!r})"),
    ],
)
def test_without_a_loss_there_is_no_accuracy(model: Any, y: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        accuracy(model, X, y)
    assert message in str(caught.value)
    assert str(caught.value).startswith("there is no accuracy of a model without a known loss; ")
    with pytest.raises(InvalidArgumentError, match=r"^there is no accuracy of a regression; "):
        accuracy(model, X, y, loss=SQUARED)


def test_labels_of_another_shape_or_kind_than_the_answers() -> None:
    with pytest.raises(ShapeError) as caught:
        accuracy(line(1.0, -1.0), X, [0, 1, 1, 0], loss=LOGITS)
    assert str(caught.value) == (
        "y has shape (4,), but the model gives answers of shape (4, 2); give one label for each "
        "answer"
    )
    model = line(1.0)
    Task(loss_named("hinge"), PETS, 1, 1).attach_to(model)
    with pytest.raises(InvalidArgumentError) as caught_too:
        accuracy(model, X, [0, 1, 1, 0])
    assert str(caught_too.value) == (
        "y holds labels such as 0, but the model answers in labels such as 'cat'; give the labels "
        "as they were in training"
    )
    assert accuracy(model, X, ["cat", "cat", "dog", "cat"]) == 0.75


def test_probabilities_of_classes() -> None:
    model = line(1.0)
    p = 1.0 / (1.0 + np.exp(-np.array([-2.0, -1.0, 1.0, 2.0])))
    expected = np.stack([1.0 - p, p], axis=1)
    np.testing.assert_allclose(predict_proba(model, X, loss=LOGITS), expected, rtol=1e-14)
    Task(loss_named(LOGITS), PETS, 1, 1).attach_to(model)
    np.testing.assert_allclose(predict_proba(model, X), expected, rtol=1e-14)
    np.testing.assert_allclose(
        predict_proba(line(1.0, 0.0), X, loss=CATEGORICAL), expected[:, ::-1], rtol=1e-14
    )


@pytest.mark.parametrize(
    ("task", "loss", "words"),
    [
        (None, None, "a model without a known loss"),
        (None, "hinge", "the loss 'hinge'"),
        (Task(OWN), None, "the loss 'own'"),
        (Task(loss_named(SQUARED)), None, "the loss 'mean_squared_error'"),
    ],
)
def test_losses_that_know_no_probabilities(task: Task | None, loss: Any, words: str) -> None:
    model = line(1.0)
    if task is not None:
        task.attach_to(model)
    with pytest.raises(InvalidArgumentError) as caught:
        predict_proba(model, X, loss=loss)
    assert str(caught.value) == (
        f"{words} gives no probabilities; train with a cross-entropy, for example "
        "fit(model, X, y, loss='categorical_cross_entropy'), or name the loss of your own "
        "training: predict_proba(model, X, loss='categorical_cross_entropy')"
    )


@pytest.mark.parametrize("labels", [["a", "b", "b", "a"], ["a", "b", "c", "a"]])
@pytest.mark.parametrize("loss", [SQUARED, "mean_absolute_error"])
def test_outputs_of_classes_may_be_read_as_numbers(labels: list[str], loss: str) -> None:
    n_outputs = len(set(labels)) if "c" in labels else 1
    model = model_of(n_outputs)
    fit(model, X, labels, epochs=1, log_every=None)
    outputs = np.array([[value.data for value in model.forward(x)] for x in X])
    assert predict(model, X, loss=loss).tolist() == outputs.squeeze().tolist()
    with pytest.raises(InvalidArgumentError, match=r"^there is no accuracy of a regression"):
        accuracy(model, X, labels, loss=loss)
    assert set(predict(model, X)) <= set(labels)


def test_classes_that_one_output_cannot_tell_apart_are_named() -> None:
    task = Task(None, np.array(["a", "b", "c"]))
    with pytest.raises(InvalidArgumentError, match="turns from 'a' to 'c'"):
        task.predictions(np.ones((2, 1)))


class Free(Module):
    """A model that does not say how many inputs it takes."""

    n_inputs: Any = "any"

    def forward(self, x: Sequence[Any]) -> list[Value]:
        return [Value(0.0) + sum(x)]


def test_the_number_of_features_is_that_of_training_or_of_the_model() -> None:
    assert predict(Free(), [[1.0, 2.0], [3.0, 4.0]]).tolist() == [3.0, 7.0]
    model = Free()
    Task(loss_named(SQUARED), None, 3, 1).attach_to(model)
    with pytest.raises(ShapeError, match=r"X has 2 columns.*3 features"):
        predict(model, [[1.0, 2.0]])
    with pytest.raises(ShapeError, match=r"X has 2 columns.*1 feature"):
        predict(line(1.0), [[1.0, 2.0]])


# Confusion tables


@pytest.mark.parametrize(
    ("counts", "classes", "text", "share"),
    [
        (
            [[3, 100], [0, 2]],
            ("cat", "longer name"),
            "             predicted\n"
            "true         cat  longer name\n"
            "cat            3          100\n"
            "longer name    0            2",
            5 / 105,
        ),
        ([[1]], ("a",), "      predicted\ntrue  a\na     1", 1.0),
        ([[12345]], ("a",), "      predicted\ntrue      a\na     12345", 1.0),
        ([[0, 0], [0, 0]], ("a", "b"), "      predicted\ntrue  a  b\na     0  0\nb     0  0", 0.0),
    ],
)
def test_a_confusion_table_as_text(
    counts: Any, classes: tuple[str, ...], text: str, share: float
) -> None:
    table = ConfusionTable(np.array(counts), classes)
    assert str(table) == text
    assert table.accuracy == share


@pytest.mark.parametrize(
    ("y", "predicted", "classes", "names", "counts"),
    [
        ([2, 1, 2], [1, 1, 2], None, ("1", "2"), [[1, 0], [1, 1]]),
        ([2, 1, 2], [1, 1, 2], [2, 1], ("2", "1"), [[1, 1], [0, 1]]),
        ([1, 1], [1, 1], [0, 1, 2], ("0", "1", "2"), [[0, 0, 0], [0, 2, 0], [0, 0, 0]]),
        (["a"], ["b"], None, ("a", "b"), [[0, 1], [0, 0]]),
        ([True, False], [False, False], None, ("False", "True"), [[1, 0], [1, 0]]),
        ([True, False], [0, 2], None, ("0", "1", "2"), [[0, 0, 1], [1, 0, 0], [0, 0, 0]]),
        ([0, 1], [0.5, 1.0], None, ("0.0", "0.5", "1.0"), [[0, 1, 0], [0, 0, 0], [0, 0, 1]]),
    ],
)
def test_how_often_a_class_was_taken_for_which(
    y: Any, predicted: Any, classes: Any, names: tuple[str, ...], counts: Any
) -> None:
    table = confusion_table(y, predicted, classes)
    assert (table.classes, table.counts.tolist()) == (names, counts)
    assert table.counts.dtype == np.int64


def test_a_confusion_table_is_not_asked_of_a_model() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        confusion_table(line(1.0), X)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "a confusion table compares true labels with predicted ones: "
        "confusion_table(y, predict(model, X))"
    )
    with pytest.raises(ShapeError, match="y has 1 sample but predicted has 2"):
        confusion_table([1], [1, 2])
