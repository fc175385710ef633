"""What a plot asks of a model: the labels or values of some points, and the probabilities."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.training import predict, predict_proba

__all__ = ["Answers", "Points", "Predict", "answers_of", "as_labels", "predicted_labels"]

Points = NDArray[np.float64]
"""Samples, one a row: (n_samples, n_features)."""

Predict = Callable[[Points], ArrayLike]
"""What gives an answer for each sample."""


class Answers(NamedTuple):
    """What gives the labels (or values) of samples, and what the probabilities, if something does.

    >>> answers_of(len)
    Answers(labels=<built-in function len>, probabilities=None)
    """

    labels: Predict
    probabilities: Callable[[Points], Points] | None


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
        return Answers(answers, partial(predict_proba, model))
    answer = getattr(model, "predict", None)
    if answer is None:
        return Answers(model, None)
    return Answers(answer, getattr(model, "predict_proba", None))


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


def as_labels(labels: ArrayLike) -> NDArray[Any]:
    """Labels as an array of numbers or of texts.

    >>> as_labels(np.array(["a", "b"], dtype=object)).dtype.kind
    'U'
    """
    array = np.asarray(labels)
    return np.asarray(array.tolist()) if array.dtype.kind == "O" else array
