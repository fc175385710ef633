"""The losses by name, each with what a training loop needs beside the formula.

How targets become numbers, whether the loss takes logits, how outputs become predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp.data.preprocessing import one_hot
from tinygrad_mlp.data.validation import check_labels, check_targets
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import DataError, ShapeError
from tinygrad_mlp.functional import Scalar
from tinygrad_mlp.losses.categorical import categorical_cross_entropy, cross_entropy_of_sample
from tinygrad_mlp.losses.elementwise import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    hinge,
    mean_absolute_error,
    mean_squared_error,
)
from tinygrad_mlp.losses.targets import DISTRIBUTION
from tinygrad_mlp.registry import Registry

__all__ = ["LOSSES", "Loss", "loss_named", "loss_of_function"]

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Loss:
    """One loss as a training loop uses it. The functions take whole arrays, except ``sample_loss``.

    Args:
        name: its name in ``LOSSES``.
        aliases: other names by which ``loss_named`` finds it.
        task: "classification" or "regression".
        from_logits: whether it takes ``model.logits(x)`` rather than ``model.forward(x)``.
        sample_loss: ``sample_loss(outputs, target)``, the loss of one sample, from k Values and a
            row of ``encode_targets``, numbers or Values. A batch costs the mean over its samples.
        encode_targets: ``encode_targets(y, n_outputs)``, targets or class numbers as floats
            (n_samples, n_outputs); raises DataError or ShapeError for what does not fit.
        predict: ``predict(outputs)``, from an array (n_samples, n_outputs) the classes as whole
            numbers or the values of a regression, (n_samples,); of several yes-or-no questions or
            values (n_samples, n_outputs).
        probabilities: ``probabilities(outputs)``, the probability of each class, (n_samples,
            n_classes), from an array (n_samples, n_outputs); None where the loss knows none.

    >>> loss = loss_named("categorical_cross_entropy")
    >>> loss.encode_targets([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    >>> loss.predict(np.array([[0.1, 2.0, 0.3]]))
    array([1])
    >>> loss.probabilities(np.array([[0.0, 0.0, 0.0, 0.0]]))
    array([[0.25, 0.25, 0.25, 0.25]])
    """

    name: str
    task: Literal["classification", "regression"]
    from_logits: bool
    sample_loss: Callable[[Sequence[Value], Sequence[Scalar]], Value]
    encode_targets: Callable[[ArrayLike, int], Floats]
    predict: Callable[[Floats], NDArray[Any]]
    probabilities: Callable[[Floats], Floats | None]
    aliases: tuple[str, ...] = ()

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        """A loss of the table stays the one of the table when it is copied or unpickled."""
        if LOSSES.get(self.name) is self:
            return loss_named, (self.name,)
        return super().__reduce_ex__(protocol)


def loss_named(name: str) -> Loss:
    """The loss of that name or alias, in upper or lower case.

    Raises:
        UnknownNameError: if there is none; the message lists the known ones.

    >>> loss_named("hinge").task, loss_named("MSE").name
    ('classification', 'mean_squared_error')
    """
    return LOSSES.named(name)


def loss_of_function(function: object) -> Loss | None:
    """The loss of which this is the function; None for a function of a person's own.

    >>> loss_of_function(hinge) is loss_named("hinge")
    True
    """
    for own in FUNCTIONS:
        if function is own:
            return LOSSES[own.__name__]
    return None


# Regression


def encode_numbers(y: ArrayLike, n_outputs: int) -> Floats:
    """The targets of a regression, (n_samples, n_outputs)."""
    return check_targets(y, n_outputs).reshape(-1, n_outputs)


def predict_numbers(outputs: Floats) -> Floats:
    """The outputs themselves, (n_samples,) if there is one for each sample."""
    return outputs.ravel() if _is_column(outputs) else outputs


def no_probabilities(outputs: Floats) -> None:
    """No probabilities: the outputs are no measure of certainty."""


# Yes or no: one output for two classes; several outputs are several questions


def encode_yes_or_no(y: ArrayLike, n_outputs: int) -> Floats:
    """0 and 1: for one output from labels, (n_samples, 1); for several, rows of 0 and 1."""
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
    """1 where the probability is above one half; (n_samples,) for one output."""
    return _squeezed(outputs > 0.5)


def predict_from_signs(outputs: Floats) -> NDArray[np.int64]:
    """1 where the logit is positive; (n_samples,) for one output."""
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
    """For one output p the columns 1 - p and p; several outputs as they are."""
    if not _is_column(outputs):
        return outputs
    both: Floats = np.hstack([1.0 - outputs, outputs])
    return both


def both_sigmoids(outputs: Floats) -> Floats:
    """As ``both_probabilities``, from logits."""
    shrunk = np.exp(-np.abs(outputs))  # which neither overflows nor loses digits
    larger, smaller = 1.0 / (1.0 + shrunk), shrunk / (1.0 + shrunk)
    positive = outputs > 0.0
    ones: Floats = np.where(positive, larger, smaller)
    if _is_column(outputs):
        return np.hstack([np.where(positive, smaller, larger), ones])
    return ones


# One class out of several


def encode_classes(y: ArrayLike, n_outputs: int) -> Floats:
    """A one-hot row for each class number; says of rows what is wrong with them."""
    if n_outputs == 1:
        raise ShapeError(
            "categorical cross-entropy needs one output for each class, but the model has 1; for "
            "two classes use MLP(n_inputs, [..., 2]), or loss='binary_cross_entropy_with_logits'"
        )
    if np.shape(y)[1:] == (n_outputs,):
        rows = check_targets(y, n_outputs)
        with np.errstate(all="ignore"):
            DISTRIBUTION.check_array(rows, "y")
        raise ShapeError(
            "y holds rows of probabilities, but this loss takes one class for each sample here: "
            "y.argmax(axis=1); to train on the probabilities, give a function as the loss: "
            "fit(model, X, y, loss=lambda outputs, rows: categorical_cross_entropy(outputs, rows))"
        )
    return one_hot(y, n_outputs)


def encode_signs(y: ArrayLike, n_outputs: int) -> Floats:
    """+1 for the class and -1 else: one column for two classes, or one column for each class."""
    if n_outputs == 1:
        return np.where(check_labels(y, 2) == 1, 1.0, -1.0).reshape(-1, 1)
    return 2.0 * one_hot(y, n_outputs) - 1.0


def predict_classes(outputs: Floats) -> NDArray[np.int64]:
    """The class of the largest output; the first one of several."""
    classes: NDArray[np.int64] = outputs.argmax(axis=1)
    return classes


def predict_sides(outputs: Floats) -> NDArray[np.int64]:
    """For one output 1 where it is positive, else the class of the largest output."""
    return predict_from_signs(outputs) if _is_column(outputs) else predict_classes(outputs)


def softmax_rows(outputs: Floats) -> Floats:
    """e^z_i / (e^z_1 + ... + e^z_k) in each row, stable for every z."""
    columns = outputs.T.copy()  # NumPy is fast along long rows
    columns -= columns.max(axis=0)
    np.exp(columns, out=columns)
    columns /= columns.sum(axis=0)
    rows: Floats = columns.T
    return rows


def _by_name(losses: Iterable[Loss]) -> Registry[Loss]:
    registry = Registry[Loss]("loss")
    for loss in losses:
        registry.add(loss.name, loss, *loss.aliases)
    return registry


LOSSES: Final = _by_name(
    (
        Loss(
            name="mean_squared_error",
            aliases=("mse", "mse_loss", "squared_error"),
            task="regression",
            from_logits=False,
            sample_loss=mean_squared_error,
            encode_targets=encode_numbers,
            predict=predict_numbers,
            probabilities=no_probabilities,
        ),
        Loss(
            name="mean_absolute_error",
            aliases=("mae", "l1_loss", "absolute_error"),
            task="regression",
            from_logits=False,
            sample_loss=mean_absolute_error,
            encode_targets=encode_numbers,
            predict=predict_numbers,
            probabilities=no_probabilities,
        ),
        Loss(
            name="binary_cross_entropy",
            aliases=("bce", "bce_loss"),
            task="classification",
            from_logits=False,
            sample_loss=binary_cross_entropy,
            encode_targets=encode_yes_or_no,
            predict=predict_from_probabilities,
            probabilities=both_probabilities,
        ),
        Loss(
            name="binary_cross_entropy_with_logits",
            aliases=("bce_with_logits", "bce_with_logits_loss"),
            task="classification",
            from_logits=True,
            sample_loss=binary_cross_entropy_with_logits,
            encode_targets=encode_yes_or_no,
            predict=predict_from_signs,
            probabilities=both_sigmoids,
        ),
        Loss(
            name="categorical_cross_entropy",
            aliases=("cross_entropy", "cross_entropy_loss", "sparse_categorical_cross_entropy"),
            task="classification",
            from_logits=True,
            sample_loss=cross_entropy_of_sample,
            encode_targets=encode_classes,
            predict=predict_classes,
            probabilities=softmax_rows,
        ),
        Loss(
            name="hinge",
            aliases=("hinge_loss",),
            task="classification",
            from_logits=False,
            sample_loss=hinge,
            encode_targets=encode_signs,
            predict=predict_sides,
            probabilities=no_probabilities,
        ),
    )
)
"""The losses by name, each with what other libraries call it."""

FUNCTIONS: Final = (
    mean_squared_error,
    mean_absolute_error,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    categorical_cross_entropy,
    hinge,
)
"""The public functions of these losses, each with the name of its loss."""
