"""Checks on data from outside: they return a clean NumPy array or say what is wrong, and where.

Every check accepts what ``np.asarray`` takes (lists, tuples, arrays) and never changes the
caller's data. What it returns may share memory with what it was given.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._arguments import check_integer
from tinygrad_mlp._text import described, shortest
from tinygrad_mlp.data._arrays import (
    LARGEST_EXACT,
    Floats,
    Integers,
    as_array,
    as_floats,
    check_finite,
    check_plain,
    counted,
)
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError

__all__ = [
    "check_features",
    "check_finite",
    "check_integer",
    "check_labels",
    "check_lengths",
    "check_targets",
]


def check_features(
    X: ArrayLike, n_features: int | None = None, *, name: str = "X", finite: bool = True
) -> Floats:
    """The features as a float64 array of one row per sample.

    Args:
        X: numbers, shape (n_samples, n_features).
        n_features: the number of columns that is expected; None takes any.
        name: what the messages call it.
        finite: whether to refuse nan and inf; False where ``check_finite`` does so later.

    Returns:
        The float64 array, shape (n_samples, n_features).

    Raises:
        DataError: if it is empty, or a cell is nan, inf, missing or no number.
        ShapeError: if it has not two dimensions, rows of different lengths, or other columns than
            expected.

    >>> check_features([[1, 2], [3, 4]])
    array([[1., 2.],
           [3., 4.]])
    >>> check_features([[1.0, 2.0], [3.0, float("nan")]])
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: X[1, 1] is nan (row 1, column 1, counting from 0); fill ...
    """
    array = as_floats(X, name)
    if array.size == 0:
        raise DataError(
            f"{name} is empty, its shape is {array.shape}; at least one sample (row) with one "
            "feature (column) is needed"
        )
    if array.ndim != 2:
        raise ShapeError(_dimensions_message(array, name))
    if n_features is not None and array.shape[1] != n_features:
        raise ShapeError(
            f"{name} has {counted(array.shape[1], 'column')}, its shape is {array.shape}, but "
            f"{counted(n_features, 'feature')} per sample are expected: (n_samples, {n_features})"
        )
    if finite:
        check_finite(array, name=name)
    return array


def check_targets(y: ArrayLike, n_outputs: int | None = None, *, name: str = "y") -> Floats:
    """The targets of a regression as a float64 array.

    Args:
        y: numbers, shape (n_samples,) or (n_samples, n_outputs).
        n_outputs: the number of outputs that is expected; None takes any.
        name: what the messages call it.

    Returns:
        The float64 array in the shape it was given.

    Raises:
        DataError: if it is empty, or a cell is nan, inf, missing or no number.
        ShapeError: if it has neither one nor two dimensions, or other outputs than expected.

    >>> check_targets([1, 2, 3])
    array([1., 2., 3.])
    """
    array = as_floats(y, name)
    if array.size == 0:
        raise DataError(
            f"{name} is empty, its shape is {array.shape}; one target per sample is needed"
        )
    if array.ndim not in (1, 2):
        raise ShapeError(
            f"{name} has shape {array.shape}; (n_samples,) or (n_samples, n_outputs) is needed"
        )
    found = 1 if array.ndim == 1 else array.shape[1]
    if n_outputs is not None and found != n_outputs:
        raise ShapeError(
            f"{name} has {counted(found, 'output')} per sample, its shape is {array.shape}, but "
            f"{n_outputs} are expected: (n_samples, {n_outputs})"
        )
    check_finite(array, name=name)
    return array


def check_labels(y: ArrayLike, n_classes: int | None = None, *, name: str = "y") -> Integers:
    """The class labels as an int64 array of numbers 0, 1, ..., n_classes - 1.

    Args:
        y: whole numbers (also as floats or booleans), shape (n_samples,).
        n_classes: the number of classes; None takes any.
        name: what the messages call it.

    Returns:
        The int64 array, shape (n_samples,).

    Raises:
        DataError: if it is empty, or a label is no whole number or out of range.
        ShapeError: if it has not one dimension.

    >>> check_labels([0.0, 2.0, 1.0], n_classes=3)
    array([0, 2, 1])
    >>> check_labels([0, 3], n_classes=3)
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: y[1] is 3, but the labels of 3 classes are 0 to 2; ...
    """
    if as_array(y, name).dtype.kind in "US":
        raise DataError(
            f"{name} holds text, but labels are whole numbers from 0; number the classes first: "
            f"{name}, classes = encode_labels({name})"
        )
    values = as_floats(y, name)
    if values.size == 0:
        raise DataError(
            f"{name} is empty, its shape is {values.shape}; one label per sample is needed"
        )
    if values.ndim != 1:
        raise ShapeError(_labels_shape_message(values, name))
    check_finite(values, name=name)
    wrong = np.flatnonzero((values != np.floor(values)) | (np.abs(values) > LARGEST_EXACT))
    if wrong.size:
        found = shortest(values[wrong[0]])
        raise DataError(
            f"{name}[{wrong[0]}] is {found}, but a label is a whole number: 0 for the first class, "
            "1 for the second, and so on; for a numeric target use a regression loss"
        )
    labels = values.astype(np.int64)
    outside = (labels < 0) if n_classes is None else (labels < 0) | (labels >= n_classes)
    if outside.any():
        raise DataError(_label_range_message(labels, outside, n_classes, name))
    return labels


def check_lengths(*arrays: ArrayLike, names: Sequence[str] = ("X", "y")) -> int:
    """The number of samples that all the arrays have in common.

    Args:
        arrays: any number of arrays with one row per sample.
        names: what the messages call them, in order.

    Raises:
        ShapeError: if two of them differ in length, or one is a single number.
        DataError: if they are empty, masked or sparse.
        InvalidArgumentError: if there are none.

    >>> check_lengths([[1.0], [2.0]], [0, 1])
    2
    >>> check_lengths([[1.0], [2.0]], [0, 1, 1])
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.ShapeError: X has 2 samples but y has 3; ...
    """
    if not arrays:
        raise InvalidArgumentError("no array was given; pass at least one: check_lengths(X, y)")
    labels = [*names, *(f"array {i + 1}" for i in range(len(names), len(arrays)))]
    lengths = [_length(array, label) for array, label in zip(arrays, labels)]
    for length, label in zip(lengths, labels):
        if length != lengths[0]:
            raise ShapeError(
                f"{labels[0]} has {counted(lengths[0], 'sample')} but {label} has {length}; every "
                "sample needs one row in each"
            )
    if lengths[0] == 0:
        raise DataError(f"{labels[0]} is empty; at least one sample is needed")
    return lengths[0]


def check_not_a_number(value: object, name: str, call: str) -> None:
    """Refuse a number in the place of an array: it is meant for an argument that goes by its name.

    Args:
        value: what was given.
        name: what the message calls it.
        call: the corrected call, with ``{}`` where the number stands in it: an array is never
            written out, which would take longer than most of what is done with it.

    Raises:
        InvalidArgumentError: if it is a single number.

    >>> check_not_a_number(5, "y", "k_fold(X, n_folds={})")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.InvalidArgumentError: y is 5, a number, but an array with one row per ...
    """
    if isinstance(value, Real | np.bool_):
        raise InvalidArgumentError(
            f"{name} is {value}, a number, but an array with one row per sample is needed: "
            + call.replace("{}", str(value))
        )


def _dimensions_message(array: Floats, name: str) -> str:
    needed = f"{name} has shape {array.shape}, but (n_samples, n_features) is needed; "
    if array.ndim == 0:
        return needed + f"for a single number pass [[{name}]]"
    if array.ndim == 1:
        return needed + (
            f"for one feature per sample pass {name}.reshape(-1, 1), for one sample "
            f"{name}.reshape(1, -1)"
        )
    return needed + f"flatten each sample: {name}.reshape(len({name}), -1)"


def _labels_shape_message(values: Floats, name: str) -> str:
    needed = f"{name} has shape {values.shape}, but labels have shape (n_samples,); "
    if values.ndim == 2 and values.shape[1] == 1:
        return needed + f"pass {name}.ravel()"
    if values.ndim == 2:
        return needed + f"for one-hot rows pass {name}.argmax(axis=1)"
    return needed + "pass one whole number per sample"


def _label_range_message(
    labels: Integers, outside: NDArray[np.bool_], n_classes: int | None, name: str
) -> str:
    i = int(np.flatnonzero(outside)[0])
    allowed = (
        "labels count from 0"
        if n_classes is None
        else f"the labels of {counted(n_classes, 'class', 'classes')} are 0 to {n_classes - 1}"
    )
    return (
        f"{name}[{i}] is {labels[i]}, but {allowed}; number them anew: "
        f"{name}, classes = encode_labels({name})"
    )


def _length(array: ArrayLike, label: str) -> int:
    check_plain(array, label)
    try:
        return len(array)  # type: ignore[arg-type]
    except TypeError:
        raise ShapeError(
            f"{label} is {described(array)}, not an array; pass one row per sample: [{label}]"
        ) from None
