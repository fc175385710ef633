"""How a loss reads targets and outputs: targets to numbers, outputs to answers and probabilities.

Each is a function of whole arrays; the records of the losses say which of them apply.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._native._largest import places_of_largest
from tinygrad_mlp.data._preprocessing import one_hot
from tinygrad_mlp.data._validation import check_labels, check_targets
from tinygrad_mlp.errors import DataError, ShapeError
from tinygrad_mlp.losses._targets import DISTRIBUTION

__all__ = [
    "both_probabilities",
    "both_sigmoids",
    "encode_as_given",
    "encode_classes",
    "encode_counts",
    "encode_numbers",
    "encode_one_of_several",
    "encode_signs",
    "encode_yes_or_no",
    "no_probabilities",
    "predict_classes",
    "predict_exponentials",
    "predict_from_distributions",
    "predict_from_probabilities",
    "predict_from_signs",
    "predict_numbers",
    "predict_sides",
    "sigmoids_or_softmax",
    "softmax_rows",
]

Floats: TypeAlias = NDArray[np.float64]


# As they are: a loss that does not say what it learns


def encode_as_given(y: ArrayLike, n_outputs: int) -> NDArray[Any]:
    """The targets in their own shape; whole numbers stay so, to serve as indices.

    >>> encode_as_given([2, 0], 1), encode_as_given([0.5], 1)
    (array([2, 0]), array([0.5]))
    """
    targets = check_targets(y)
    given = np.asarray(y)
    return given if given.dtype.kind in "iu" else targets


# Regression


def encode_numbers(y: ArrayLike, n_outputs: int) -> Floats:
    """The targets of a regression, (n_samples, n_outputs).

    >>> encode_numbers([0.5, 2.0], 1).tolist()
    [[0.5], [2.0]]
    """
    return check_targets(y, n_outputs).reshape(-1, n_outputs)


def predict_numbers(outputs: Floats) -> Floats:
    """The outputs themselves, (n_samples,) if there is one for each sample.

    >>> predict_numbers(np.array([[0.5], [2.0]]))
    array([0.5, 2. ])
    """
    return outputs.ravel() if _is_column(outputs) else outputs


def encode_counts(y: ArrayLike, n_outputs: int) -> Floats:
    """The counts of a Poisson regression, (n_samples, n_outputs).

    >>> encode_counts([0, 3], 1).tolist()
    [[0.0], [3.0]]
    """
    counts = encode_numbers(y, n_outputs)
    negative = np.argwhere(counts < 0.0)
    if negative.size:
        i, k = negative[0].tolist()
        place = f"y[{i}]" if n_outputs == 1 else f"y[{i}, {k}]"
        raise DataError(
            f"{place} is {counts[i, k]:g}, but the targets of the Poisson loss are counts, numbers "
            "of at least 0, in their own units: not standardized; for other numbers use "
            "loss='mean_squared_error'"
        )
    return counts


def predict_exponentials(outputs: Floats) -> Floats:
    """e^z, the expected counts of which the outputs are the logarithms.

    >>> predict_exponentials(np.array([[0.0], [np.log(2.0)]])).round(6)
    array([1., 2.])
    """
    with np.errstate(over="ignore"):
        return predict_numbers(np.exp(outputs))


def no_probabilities(outputs: Floats) -> None:
    """No probabilities: the outputs are no measure of certainty.

    >>> no_probabilities(np.array([[0.5]])) is None
    True
    """


# Yes or no: one output for two classes; several outputs are several questions


def encode_yes_or_no(y: ArrayLike, n_outputs: int) -> Floats:
    """0 and 1: for one output from labels, (n_samples, 1); for several, rows of 0 and 1.

    >>> encode_yes_or_no([1, 0], 1).tolist(), encode_yes_or_no([[1, 0]], 2).tolist()
    ([[1.0], [0.0]], [[1.0, 0.0]])
    """
    if n_outputs == 1 and np.ndim(y) == 1:
        return check_labels(y, 2).astype(np.float64).reshape(-1, 1)
    if np.ndim(y) == 1:
        raise ShapeError(
            f"binary cross-entropy has {n_outputs} outputs here, each a question of its own, so y "
            f"needs a row of {n_outputs} zeros and ones for each sample; for {n_outputs} classes "
            "that exclude one another use loss='categorical_cross_entropy'"
        )
    rows = check_targets(y, n_outputs)
    outside = np.argwhere((rows < 0.0) | (rows > 1.0))
    if outside.size:
        i, k = outside[0].tolist()
        raise DataError(
            f"y[{i}, {k}] is {rows[i, k]:g}, but the targets of binary cross-entropy are 0 and 1, "
            "or probabilities between them"
        )
    return rows


def predict_from_probabilities(outputs: Floats) -> NDArray[np.int64]:
    """1 where the probability is above one half; (n_samples,) for one output.

    >>> predict_from_probabilities(np.array([[0.25], [0.75]]))
    array([0, 1])
    """
    return _squeezed(outputs > 0.5)


def predict_from_signs(outputs: Floats) -> NDArray[np.int64]:
    """1 where the logit is positive; (n_samples,) for one output.

    >>> predict_from_signs(np.array([[-0.25, 0.75]]))
    array([[0, 1]])
    """
    return _squeezed(outputs > 0.0)


def _squeezed(answers: NDArray[np.bool_]) -> NDArray[np.int64]:
    whole: NDArray[np.int64] = answers.astype(np.int64)
    return whole.ravel() if _is_column(answers) else whole


def _is_column(outputs: NDArray[Any]) -> bool:
    """Whether there is one output for each sample."""
    n_outputs: int
    _, n_outputs = outputs.shape
    return n_outputs == 1


def both_probabilities(outputs: Floats) -> Floats:
    """For one output p the columns 1 - p and p; several outputs as they are.

    >>> both_probabilities(np.array([[0.25]]))
    array([[0.75, 0.25]])
    """
    if not _is_column(outputs):
        return outputs
    both: Floats = np.hstack([1.0 - outputs, outputs])
    return both


def both_sigmoids(outputs: Floats) -> Floats:
    """As ``both_probabilities``, from logits.

    >>> both_sigmoids(np.array([[0.0]]))
    array([[0.5, 0.5]])
    """
    shrunk = np.exp(-np.abs(outputs))  # which neither overflows nor loses digits
    larger, smaller = 1.0 / (1.0 + shrunk), shrunk / (1.0 + shrunk)
    positive = outputs > 0.0
    ones: Floats = np.where(positive, larger, smaller)
    if _is_column(outputs):
        return np.hstack([np.where(positive, smaller, larger), ones])
    return ones


# One class out of several


def encode_classes(y: ArrayLike, n_outputs: int) -> Floats:
    """A one-hot row for each class number; says of rows what is wrong with them.

    >>> encode_classes([1, 0], 2).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    if n_outputs == 1:
        raise ShapeError(
            "categorical cross-entropy needs one output for each class, but the model has 1; for "
            "two classes use MLP(n_inputs, [..., 2]), or loss='binary_cross_entropy_with_logits'"
        )
    if np.shape(y)[1:] == (n_outputs,):
        rows = check_targets(y)
        with np.errstate(all="ignore"):
            DISTRIBUTION.check_array(rows, "y")
        raise ShapeError(
            "y holds rows of probabilities, but this loss takes one class for each sample here: "
            "y.argmax(axis=1); to train on the probabilities, give a function as the loss: "
            "fit(model, X, y, loss=lambda outputs, rows: categorical_cross_entropy(outputs, rows))"
        )
    return one_hot(y, n_outputs)


def encode_one_of_several(y: ArrayLike, n_outputs: int) -> Floats:
    """0 and 1 for one output, (n_samples, 1), which stands for two classes; else one-hot rows.

    >>> encode_one_of_several([1], 1).tolist(), encode_one_of_several([1], 3).tolist()
    ([[1.0]], [[0.0, 1.0, 0.0]])
    """
    return encode_yes_or_no(y, 1) if n_outputs == 1 else encode_classes(y, n_outputs)


def encode_signs(y: ArrayLike, n_outputs: int) -> Floats:
    """+1 for the class and -1 else: one column for two classes, or one column for each class.

    >>> encode_signs([1, 0], 1).tolist()
    [[1.0], [-1.0]]
    """
    if n_outputs == 1:
        return np.where(check_labels(y, 2) == 1, 1.0, -1.0).reshape(-1, 1)
    return 2.0 * one_hot(y, n_outputs) - 1.0


def predict_classes(outputs: Floats) -> NDArray[np.int64]:
    """The class of the largest output; the first one of several.

    >>> predict_classes(np.array([[0.1, 2.0, 0.3]]))
    array([1])
    """
    return places_of_largest(outputs)


def predict_sides(outputs: Floats) -> NDArray[np.int64]:
    """For one output 1 where it is positive, else the class of the largest output.

    >>> predict_sides(np.array([[-0.5], [0.5]]))
    array([0, 1])
    """
    return predict_from_signs(outputs) if _is_column(outputs) else predict_classes(outputs)


def predict_from_distributions(outputs: Floats) -> NDArray[np.int64]:
    """For one output 1 where it is above one half, else the class of the largest output.

    >>> predict_from_distributions(np.array([[0.25, 0.75]]))
    array([1])
    """
    return predict_from_probabilities(outputs) if _is_column(outputs) else predict_classes(outputs)


def sigmoids_or_softmax(outputs: Floats) -> Floats:
    """For one logit the columns 1 - p and p, else the softmax of each row.

    >>> sigmoids_or_softmax(np.array([[0.0]])).shape, sigmoids_or_softmax(np.eye(3)).shape
    ((1, 2), (3, 3))
    """
    return both_sigmoids(outputs) if _is_column(outputs) else softmax_rows(outputs)


def softmax_rows(outputs: Floats) -> Floats:
    """e^z_i / (e^z_1 + ... + e^z_k) in each row, stable for every z.

    >>> softmax_rows(np.array([[0.0, 0.0]]))
    array([[0.5, 0.5]])
    """
    columns = outputs.T.copy()  # NumPy is fast along long rows
    columns -= columns.max(axis=0)
    np.exp(columns, out=columns)
    columns /= columns.sum(axis=0)
    rows: Floats = columns.T
    return rows
