"""What a plot asks of a model: the labels or values of some points, and the probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.training import predict, predict_proba, task_of

__all__ = [
    "Answers",
    "Points",
    "Predict",
    "answers_of",
    "are_all_two",
    "as_labels",
    "called",
    "predicted_labels",
    "probabilities_of",
]

Points = NDArray[np.float64]
"""Samples, one a row: (n_samples, n_features)."""

Predict = Callable[[Points], ArrayLike]
"""What gives an answer for each sample."""


class Answers(NamedTuple):
    """What gives the labels (or values) of samples, and what the probabilities, if something does.

    Attributes:
        labels: gives the labels of samples, or the values.
        probabilities: gives a column for each class.
        classes: the labels of these classes in their order, where they are known.

    >>> answers_of(len)
    Answers(labels=<built-in function len>, probabilities=None, classes=None)
    """

    labels: Predict
    probabilities: Callable[[Points], Points] | None
    classes: ArrayLike | None = None


def answers_of(model: Any, n_features: int = 2) -> Answers:
    """The answers of a model, of an object with ``predict``, or of a function.

    >>> answers_of(len).labels([0.5, 1.0])
    2
    """
    if isinstance(model, Module):
        answers = partial(predict, model)
        try:
            predict_proba(model, np.zeros((1, n_features)))
        except InvalidArgumentError:  # a loss without probabilities
            return Answers(answers, None)
        task = task_of(model)
        classes = None if task is None else task.classes
        return Answers(answers, partial(predict_proba, model), classes)
    answer = getattr(model, "predict", None)
    if answer is None:
        return Answers(model, None)
    probabilities = getattr(model, "predict_proba", None)
    return Answers(answer, probabilities, getattr(model, "classes_", None))


def predicted_labels(predict: Predict, points: Points, labels: NDArray[Any]) -> NDArray[Any]:
    """What is predicted for some points, in labels of the same kind as the given ones.

    Raises:
        ShapeError: if it is not one label for each point.
        DataError: if it is numbers beside texts, or texts beside numbers.

    >>> predicted_labels(lambda X: X[:, 0] > 0, np.array([[1.0], [-1.0]]), np.array([0, 1]))
    array([ True, False])
    """
    predicted = as_labels(predict(points))
    if predicted.shape != (len(points),):
        raise ShapeError(
            f"predict must return one class label for each of its {len(points)} samples, got the "
            f"shape {predicted.shape}; from probabilities take the class: p.argmax(axis=1)"
        )
    if (predicted.dtype.kind == "U") != (labels.dtype.kind == "U"):
        answered, given = predicted.tolist()[0], labels.tolist()[0]
        raise DataError(
            f"predict answers with labels such as {answered!r}, but y has labels such as "
            f"{given!r}; both must be numbers, or both texts; names go into class_names"
        )
    return predicted


def probabilities_of(answers: Answers, points: Points, classes: NDArray[Any]) -> Points | None:
    """The probabilities of these classes, (n_points, n_classes); None where they are not told.

    The model may know further classes, which none of the samples has.

    >>> answers = Answers(len, lambda X: np.array([[0.5, 0.2, 0.3]]), ["a", "b", "c"])
    >>> probabilities_of(answers, np.zeros((1, 2)), np.array(["a", "c"]))
    array([[0.5, 0.3]])
    """
    if answers.probabilities is None:
        return None
    probabilities = np.asarray(answers.probabilities(points), float)
    known = (classes if answers.classes is None else as_labels(answers.classes)).tolist()
    shown = classes.tolist()
    if probabilities.shape != (len(points), len(known)) or not set(shown) <= set(known):
        return None
    return probabilities[:, [known.index(label) for label in shown]]


def are_all_two(answers: Answers, classes: NDArray[Any]) -> bool:
    """Whether there are two classes, so that their probabilities add up to 1.

    >>> are_all_two(Answers(len, None, ["a", "b", "c"]), np.array(["a", "b"]))
    False
    """
    known = classes if answers.classes is None else as_labels(answers.classes)
    return len(classes) == len(known) == 2


def called(classes: NDArray[Any], class_names: Sequence[str] | None, answers: Answers) -> list[Any]:
    """What the classes of a drawing are called.

    Args:
        classes: their labels.
        class_names: the names that were given, for these classes or for all that there are; None
            for the labels themselves.
        answers: what knows all classes.

    Raises:
        ShapeError: if the names are for neither of them.

    >>> called(np.array([0, 2]), ["a", "b", "c"], Answers(len, None, [0, 1, 2]))
    ['a', 'c']
    """
    shown: list[Any] = classes.tolist()
    if class_names is None:
        return shown
    known = shown if answers.classes is None else as_labels(answers.classes).tolist()
    if len(class_names) == len(known) and set(shown) <= set(known):
        return [class_names[known.index(label)] for label in shown]
    if len(class_names) == len(shown):
        return list(class_names)
    raise ShapeError(
        f"class_names has {len(class_names)} names for the {len(shown)} classes {shown}; give one "
        "name for each class"
    )


def as_labels(labels: ArrayLike) -> NDArray[Any]:
    """Labels as an array of numbers or of texts.

    >>> as_labels(np.array(["a", "b"], dtype=object)).dtype.kind
    'U'
    """
    array = np.asarray(labels)
    return np.asarray(array.tolist()) if array.dtype.kind == "O" else array
