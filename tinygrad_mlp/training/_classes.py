"""Which classes there are, and which loss suits the targets, from the targets alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp.data._arrays import as_array, check_finite
from tinygrad_mlp.data._labels import look_like_classes
from tinygrad_mlp.data._preprocessing import encode_labels
from tinygrad_mlp.errors import DataError
from tinygrad_mlp.losses import Loss, loss_named

__all__ = ["classes_for", "default_loss", "is_text", "labels_of", "without_column"]

MOST_SHOWN = 6


def default_loss(y: ArrayLike, n_outputs: int) -> Loss:
    """The loss that suits the targets.

    Cross-entropy for text and booleans, for whole numbers and one-hot rows where there are several
    outputs, and for whole numbers of two kinds where there is one; binary cross-entropy, a question
    of yes or no for each output, for other rows of booleans or whole numbers 0 and 1; the mean
    squared error for all other numbers.

    Args:
        y: the targets, (n_samples,) or (n_samples, n_outputs).
        n_outputs: the number of outputs of the model.

    Raises:
        DataError: for one output and whole numbers of three kinds or more that come again and
            again, as labels do: whether they are labels or quantities, nobody but you can say.

    >>> default_loss([0, 1, 1], n_outputs=1).name
    'binary_cross_entropy_with_logits'
    >>> default_loss([0, 1, 2], n_outputs=3).name
    'categorical_cross_entropy'
    >>> default_loss([[0, 0, 1], [1, 0, 0]], n_outputs=3).name
    'categorical_cross_entropy'
    >>> default_loss([[0, 1, 1], [0, 0, 0]], n_outputs=3).name
    'binary_cross_entropy_with_logits'
    >>> default_loss([0.5, 1.5, 2.5], n_outputs=1).name
    'mean_squared_error'
    >>> default_loss([0, 1, 2, 0, 1, 2], n_outputs=1)
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: y has the 3 classes 0, 1, 2, but the model has 1 output, for ...
    """
    targets = without_column(y)
    if targets.dtype.kind == "O":  # of Python's whole numbers, as a table gives them
        targets = np.asarray(targets.tolist())
    if _are_questions(targets, n_outputs):
        return loss_named("binary_cross_entropy_with_logits")
    if not _are_labels(targets, n_outputs):
        if n_outputs == 1 and targets.dtype.kind in "iu" and look_like_classes(targets):
            raise DataError(_wrong_number(np.unique(targets), n_outputs, 2))
        return loss_named("mean_squared_error")
    if n_outputs == 1:
        return loss_named("binary_cross_entropy_with_logits")
    return loss_named("categorical_cross_entropy")


def classes_for(y: ArrayLike, n_outputs: int, known: NDArray[Any] | None = None) -> NDArray[Any]:
    """The label of each class number, for a model with that many outputs.

    Whole numbers from 0 to n_classes - 1 are the class numbers themselves, even if one of them does
    not occur; any other labels are the classes in sorted order.

    Args:
        y: the labels, (n_samples,).
        n_outputs: the number of outputs; one output stands for two classes.
        known: the classes that the model was trained with before; they stay if they cover ``y``.

    Returns:
        The labels, (n_classes,).

    Raises:
        DataError: if there are more or fewer classes than outputs for them.

    >>> classes_for([0, 2, 0], n_outputs=3)
    array([0, 1, 2])
    >>> classes_for(["no", "yes", "no"], n_outputs=1)
    array(['no', 'yes'], dtype='<U3')
    >>> classes_for([1, 2, 3, 4], n_outputs=3)
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: y has the 4 classes 1, 2, 3, 4, but the model has 3 outputs, ...
    """
    _, found = encode_labels(y)
    n_classes = 2 if n_outputs == 1 else n_outputs
    if known is not None and len(known) == n_classes and set(found.tolist()) <= set(known.tolist()):
        return known
    if found.dtype.kind == "b" and n_classes == 2:
        return np.array([False, True])
    if found.dtype.kind in "iuf":
        numbers = set(found.tolist())
        if numbers <= set(range(n_classes)):
            return np.arange(n_classes)
        if n_classes == 2 and numbers <= {-1, 1}:
            return np.array([-1, 1])
    if len(found) != n_classes:
        raise DataError(_wrong_number(found, n_outputs, n_classes))
    return found


def without_column(y: ArrayLike) -> NDArray[Any]:
    """The targets, (n_samples,) where they are one column of a table.

    >>> without_column([[1], [0]])
    array([1, 0])
    """
    array = as_array(y, "y")
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def labels_of(y: ArrayLike, n_outputs: int) -> NDArray[Any]:
    """The labels, (n_samples,): of one-hot rows the numbers of the classes; else as they are.

    >>> labels_of([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], n_outputs=3)
    array([2, 0])
    """
    array = without_column(y)
    if not _is_one_hot(array, n_outputs):
        return array
    numbers: NDArray[Any] = array.argmax(axis=1)
    return numbers


def _is_one_hot(array: NDArray[Any], n_outputs: int) -> bool:
    if array.ndim != 2 or array.shape[1] != n_outputs or array.dtype.kind not in "biuf":
        return False
    ones = array == 1
    return bool((ones | (array == 0)).all() and (ones.sum(axis=1) == 1).all())


def _are_questions(array: NDArray[Any], n_outputs: int) -> bool:
    """Whether each row holds an answer of yes or no for each output, and not one class in all."""
    if array.ndim != 2 or array.shape[1] != n_outputs or array.dtype.kind not in "biu":
        return False
    return bool(((array == 0) | (array == 1)).all()) and not _is_one_hot(array, n_outputs)


def is_text(y: ArrayLike) -> bool:
    """Whether the targets are text or booleans, and so labels for sure.

    >>> is_text(["a", "b"]), is_text([1, 2])
    (True, False)
    """
    array = as_array(y, "y")
    if array.dtype.kind == "O":
        return any(isinstance(cell, str) for cell in array.ravel().tolist())
    return array.dtype.kind in "USb"


def _are_labels(y: ArrayLike, n_outputs: int) -> bool:
    array = as_array(y, "y")
    if is_text(y) or _is_one_hot(array, n_outputs):
        return True
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        return False
    if array.dtype.kind == "f":
        check_finite(array, name="y")
        return n_outputs > 1 and bool((array == np.floor(array)).all())
    return n_outputs > 1 or len(np.unique(array)) <= 2


def _wrong_number(found: NDArray[Any], n_outputs: int, n_classes: int) -> str:
    names = ", ".join(str(label) for label in found[:MOST_SHOWN])
    more = ", ..." if len(found) > MOST_SHOWN else ""
    classes = f"{len(found)} class{'' if len(found) == 1 else 'es'}"
    needed = 1 if len(found) == 2 else len(found)
    outputs = "1 output, for two classes" if n_outputs == 1 else f"{n_outputs} outputs, one each"
    message = f"y has the {classes} {names}{more}, but the model has {outputs}"
    if found.dtype.kind == "f" and (found != np.floor(found)).any():
        return f"{message}; for numbers that are no labels take loss='mean_squared_error'"
    if len(found) == 1:
        message += "; one class alone leaves nothing to tell apart: give samples of another, too"
    else:
        message += f"; give it {needed}: MLP(n_inputs, [..., {needed}])"
    if n_outputs == 1 and len(found) > 2 and found.dtype.kind in "iu":
        return f"{message}; or, for a quantity and no labels, name loss='mean_squared_error'"
    if found.dtype.kind in "iuf":
        message += f"; or keep to the labels 0 to {n_classes - 1}"
    return message
