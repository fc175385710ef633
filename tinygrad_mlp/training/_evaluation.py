"""What a trained model answers, and how often it is right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._text import visible
from tinygrad_mlp._words import our_words
from tinygrad_mlp.data._arrays import as_array
from tinygrad_mlp.data._preprocessing import encode_labels
from tinygrad_mlp.data._validation import check_features, check_finite, check_lengths
from tinygrad_mlp.errors import DataError, InvalidArgumentError, NonFiniteError, ShapeError
from tinygrad_mlp.losses import Loss, as_loss
from tinygrad_mlp.losses._record import BatchLoss
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.training._classes import classes_for, is_text, labels_of, without_column
from tinygrad_mlp.training._outputs import model_outputs
from tinygrad_mlp.training._predictor import Read
from tinygrad_mlp.training._task import Task, task_of
from tinygrad_mlp.training._weighting import check_weights

__all__ = ["ConfusionTable", "accuracy", "confusion_table", "predict", "predict_proba"]


@our_words
def predict(
    model: Module, X: ArrayLike, *, loss: str | Loss | BatchLoss | None = None
) -> NDArray[Any]:
    """The answer of the model for each sample.

    Args:
        model: a model, trained by ``fit`` or otherwise.
        X: the features, (n_samples, n_features).
        loss: how to read the outputs of a model that ``fit`` has not trained, for example
            "categorical_cross_entropy"; None for the loss of the training.

    Returns:
        (n_samples,): the labels as they were in the training data, or the values of a regression;
        (n_samples, n_outputs) of several values. The outputs as they are where the model was
        trained without ``fit``, or with a loss that has no task, and no loss is given.

    Raises:
        DataError, ShapeError: if X is empty, holds nan or inf, or does not fit to the model.
        UnknownNameError: for an unknown loss.
        NonFiniteError: if an output is nan, which is no class.
        InvalidArgumentError: if a loss without a task leaves open what its one output says of two
            classes.

    >>> from tinygrad_mlp.nn import MLP
    >>> from tinygrad_mlp.training import fit
    >>> model = MLP(1, [1], rng=0)
    >>> history = fit(model, [[-1.0], [1.0]], ["cold", "hot"], log_every=None)
    >>> predict(model, [[-3.0], [0.5], [2.0]]).tolist()
    ['cold', 'hot', 'hot']
    """
    task, features = _task_and_features(model, X, loss)
    return _read(model, features, task, task.predictions)


@our_words
def predict_proba(
    model: Module, X: ArrayLike, *, loss: str | Loss | BatchLoss | None = None
) -> NDArray[np.float64]:
    """The probability of each class for each sample.

    Args:
        model: a model, trained by ``fit`` or otherwise.
        X: the features, (n_samples, n_features).
        loss: as for ``predict``.

    Returns:
        (n_samples, n_classes), the classes in the order of ``task_of(model).classes``.

    Raises:
        InvalidArgumentError: if the loss knows no probabilities (a regression, the hinge loss).
        DataError, ShapeError, UnknownNameError: as ``predict``.

    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(1, [1], init="zeros")
    >>> predict_proba(model, [[7.0]], loss="binary_cross_entropy_with_logits").tolist()
    [[0.5, 0.5]]
    """
    task, features = _task_and_features(model, X, loss)
    if task.loss is None or task.loss.probabilities(np.zeros((1, 1))) is None:
        trained = f"the loss {task.loss_name!r}" if task.loss else "a model without a known loss"
        raise InvalidArgumentError(
            f"{trained} gives no probabilities; train with a cross-entropy, for example "
            "fit(model, X, y, loss='categorical_cross_entropy'), or name the loss of your own "
            "training: predict_proba(model, X, loss='categorical_cross_entropy')"
        )
    probabilities: Any = task.loss.probabilities
    return _read(model, features, task, probabilities)


@our_words
def accuracy(
    model: Module,
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: str | Loss | BatchLoss | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """The share of samples for which the model's answer is right, from 0 to 1.

    Args:
        model: a model, trained by ``fit`` or otherwise.
        X: the features, (n_samples, n_features).
        y: the labels, (n_samples,), or in one-hot rows; of several yes-or-no questions a row of 0
            and 1 for each sample, each answer of which counts alike.
        loss: as for ``predict``.
        sample_weight: how much each sample counts, (n_samples,); None for all alike.

    Raises:
        InvalidArgumentError: if the model does not choose between classes.
        DataError, ShapeError, UnknownNameError: as ``predict``; DataError also for a label that is
            none of the classes.

    >>> from tinygrad_mlp.nn import MLP
    >>> from tinygrad_mlp.training import fit
    >>> model = MLP(1, [1], rng=0)
    >>> history = fit(model, [[-1.0], [1.0]], ["cold", "hot"], log_every=None)
    >>> accuracy(model, [[-3.0], [2.0]], ["cold", "cold"])
    0.5
    """
    check_lengths(X, y)
    task, features = _task_and_features(model, X, loss)
    outputs = _read(model, features, task, np.asarray)
    answers = task.answers(outputs)
    if answers is None:
        what = "a regression" if task.kind == "regression" else "a model without a known loss"
        raise InvalidArgumentError(
            f"there is no accuracy of {what}; accuracy counts right classes. Name a loss if the "
            "model chooses between classes, so that its outputs can be read: "
            f"accuracy(model, X, y, loss={_fitting_loss(y, outputs.shape[1])!r})"
        )
    several_questions = answers.ndim > 1
    y = without_column(y) if several_questions else labels_of(y, outputs.shape[1])
    if several_questions and y.dtype.kind == "b":
        y = y.astype(np.int64)
    if task.classes is None and y.ndim == 1:  # a model trained by hand: the labels tell
        task = replace(task, classes=classes_for(y, outputs.shape[1]))
    predicted = task.predictions(outputs)
    labels = _comparable(y, predicted)
    right = predicted == labels
    if task.classes is not None:  # by class number: labels of another type may be rounded
        right = encode_labels(labels, task.classes)[0] == answers
    if sample_weight is None:
        return float(np.mean(right))
    of_samples = right.reshape(len(right), -1).mean(axis=1)
    return float(np.average(of_samples, weights=check_weights(sample_weight, len(right))))


def _fitting_loss(y: ArrayLike, n_outputs: int) -> str:
    """The loss by which outputs that were trained towards ``y`` itself can be read as classes."""
    if n_outputs > 1:
        return "categorical_cross_entropy"
    labels = as_array(y, "y")
    has_signs = labels.dtype.kind in "if" and bool((labels == -1).any())
    return "hinge" if has_signs else "binary_cross_entropy"


@dataclass(frozen=True, eq=False)
class ConfusionTable:
    """How often each class was taken for which.

    Attributes:
        counts: (n_classes, n_classes): in row i and column j the number of samples of class i that
            were taken for class j. Right answers stand on the diagonal.
        classes: what the classes are called.

    >>> table = ConfusionTable(np.array([[3, 1], [0, 2]]), ("cat", "dog"))
    >>> print(table)
                 predicted
    true         cat  dog
    cat            3    1
    dog            0    2
    >>> round(table.accuracy, 3)
    0.833
    """

    counts: NDArray[np.int64]
    classes: tuple[str, ...]

    @property
    def accuracy(self) -> float:
        """The share of right answers."""
        return float(np.trace(self.counts) / max(self.counts.sum(), 1))

    def __str__(self) -> str:
        names = [visible(name) for name in self.classes]
        first = max(len("true"), *map(len, names))
        rows = zip(names, self.counts.tolist())
        widths = [
            max(len(name), *(len(str(count)) for count in column))
            for name, column in zip(names, self.counts.T.tolist())
        ]
        titles = "  ".join(f"{name:>{width}}" for name, width in zip(names, widths))
        lines = [f"{'':{first}}  predicted", f"{'true':{first}}  {titles}"]
        for name, counts in rows:
            cells = "  ".join(f"{count:>{width}}" for count, width in zip(counts, widths))
            lines.append(f"{name:{first}}  {cells}")
        return "\n".join(lines)


def confusion_table(
    y: ArrayLike, predicted: ArrayLike, classes: ArrayLike | None = None
) -> ConfusionTable:
    """Count how often each class was taken for which.

    Args:
        y: the true labels, (n_samples,).
        predicted: what ``predict`` gave, (n_samples,).
        classes: the classes in the order wanted; None for those that occur, sorted.

    Raises:
        DataError: if there are none, or one is not among the classes.
        ShapeError: if the lengths differ.
        InvalidArgumentError: for a model in the place of labels.

    >>> confusion_table(["a", "b", "b"], ["a", "a", "b"]).counts.tolist()
    [[1, 0], [1, 1]]
    """
    if isinstance(y, Module):
        raise InvalidArgumentError(
            "a confusion table compares true labels with predicted ones: "
            "confusion_table(y, predict(model, X))"
        )
    check_lengths(y, predicted, names=("y", "predicted"))
    if classes is None:
        both = [as_array(y, "y").ravel(), as_array(predicted, "predicted").ravel()]
        if {part.dtype.kind for part in both} & set("iuf"):  # True and False among numbers: 1 and 0
            both = [part.astype(np.int64) if part.dtype.kind == "b" else part for part in both]
        _, classes = encode_labels([label for part in both for label in part.tolist()])
    true_numbers, known = encode_labels(y, classes)
    predicted_numbers, _ = encode_labels(predicted, classes)
    counts = np.zeros((len(known), len(known)), dtype=np.int64)
    np.add.at(counts, (true_numbers, predicted_numbers), 1)
    return ConfusionTable(counts, tuple(str(label) for label in known.tolist()))


def _task_and_features(
    model: Module, X: ArrayLike, loss: str | Loss | BatchLoss | None
) -> tuple[Task, NDArray[np.float64]]:
    """What the model was trained for, with another loss if one is given, and the features.

    Whether these are finite is seen block by block, while they are in the cache.
    """
    task = task_of(model) or Task(None)
    if loss is not None:
        chosen = as_loss(loss)
        of_numbers = chosen.task == "regression"
        task = replace(task, loss=chosen, classes=None if of_numbers else task.classes)
    n_inputs = task.n_inputs or getattr(model, "n_inputs", None)
    return task, check_features(X, n_inputs if isinstance(n_inputs, int) else None, finite=False)


def _read(model: Module, X: NDArray[np.float64], task: Task, read: Read) -> NDArray[Any]:
    """What to make of the outputs for the task, block by block."""
    try:
        return model_outputs(model, X, from_logits=task.from_logits, read=read, check=check_finite)
    except (DataError, NonFiniteError):  # it names a sample by its place in the block
        check_finite(X)
        return read(model_outputs(model, X, from_logits=task.from_logits))


def _comparable(y: ArrayLike, predicted: NDArray[Any]) -> NDArray[Any]:
    """The labels, of the kind that the predictions are of."""
    labels = as_array(y, "y")
    if labels.shape != predicted.shape:
        raise ShapeError(
            f"y has shape {labels.shape}, but the model gives answers of shape {predicted.shape}; "
            "give one label for each answer"
        )
    if is_text(labels) != is_text(predicted):
        given, answered = labels.ravel().tolist()[0], predicted.ravel().tolist()[0]
        raise InvalidArgumentError(
            f"y holds labels such as {given!r}, but the model answers in labels such as "
            f"{answered!r}; give the labels as they were in training"
        )
    return labels
