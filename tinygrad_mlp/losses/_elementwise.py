"""The losses that compare each output with its own target: regression, yes or no, margins.

All of them take one sample (a Value and a number, or two sequences) or a batch (sequences of those)
and are free of branches on Values, so that they can be recorded and compiled.
"""

from __future__ import annotations

from math import exp
from typing import Any, Final

from tinygrad_mlp import functional, ops
from tinygrad_mlp.engine import Value, apply
from tinygrad_mlp.losses._reduction import Reduction, loss_of_each, reduced
from tinygrad_mlp.losses._targets import NUMBERS, PROBABILITIES, SIGNS

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "hinge",
    "mean_absolute_error",
    "mean_squared_error",
]


def mean_squared_error(outputs: Any, targets: Any, reduction: Reduction = "mean") -> Any:
    """(y - t)^2, the loss of regression. Derivative by y: 2 (y - t).

    Args:
        outputs: y: one Value, a sequence (n,) of them, or a sequence of sequences (n, k).
        targets: t: numbers in the same shape. For one output a number and a list of one are the
            same.
        reduction: "mean" over all numbers, "sum", or "none".

    Returns:
        One Value; for "none" the losses in the shape of the outputs.

    Raises:
        DataError: if a target is nan or infinite.
        ShapeError: if the shapes differ or there are no outputs.
        UnknownNameError: for an unknown reduction.

    >>> mean_squared_error([Value(1.0), Value(3.0)], [0.0, 1.0]).data
    2.5
    """
    return reduced(loss_of_each(_squared_error, NUMBERS, outputs, targets), reduction)


def mean_absolute_error(outputs: Any, targets: Any, reduction: Reduction = "mean") -> Any:
    """abs(y - t), which outliers pull less. Derivative by y: the sign of y - t, 0 at 0.

    Arguments, result and errors as for ``mean_squared_error``.

    >>> mean_absolute_error([Value(1.0), Value(3.0)], [0.0, 1.0]).data
    1.5
    """
    return reduced(loss_of_each(_absolute_error, NUMBERS, outputs, targets), reduction)


def binary_cross_entropy(probabilities: Any, targets: Any, reduction: Reduction = "mean") -> Any:
    """-(t log p + (1 - t) log(1 - p)), the loss of yes or no, from probabilities.

    The derivative by p is (p - t) / (p (1 - p)). A logarithm below -100 counts as -100, as in
    PyTorch, so that p = 0 costs 100 and not inf; nothing flows there. A p outside of 0 ... 1 gives
    nan. Where there are logits, ``binary_cross_entropy_with_logits`` is exact for all of them.

    Args:
        probabilities: p, in a shape as for ``mean_squared_error``.
        targets: t: 0 or 1, or a probability between them.
        reduction: "mean", "sum" or "none".

    Returns:
        One Value; for "none" the losses in the shape of the outputs.

    Raises:
        DataError: if a target is a number outside of 0 ... 1.
        ShapeError, UnknownNameError: as ``mean_squared_error``.

    >>> round(binary_cross_entropy([Value(0.5), Value(0.8)], [0, 1]).data, 6)
    0.458145
    """
    return reduced(
        loss_of_each(_cross_entropy_of_probability, PROBABILITIES, probabilities, targets),
        reduction,
    )


def binary_cross_entropy_with_logits(
    logits: Any, targets: Any, reduction: Reduction = "mean"
) -> Any:
    """log(1 + e^z) - t z: ``binary_cross_entropy`` of p = sigmoid(z), stable for every z.

    It is one node, in which the two terms do not cancel where the loss is small.

    Derivative by z: sigmoid(z) - t. Arguments, result and errors as for ``binary_cross_entropy``.

    >>> round(binary_cross_entropy_with_logits([Value(0.0), Value(1000.0)], [0, 1]).data, 6)
    0.346574
    """
    return reduced(loss_of_each(_cross_entropy_of_logit, PROBABILITIES, logits, targets), reduction)


def hinge(scores: Any, targets: Any, reduction: Reduction = "mean") -> Any:
    """max(0, 1 - t s): no loss for a score on the right side with a margin of 1.

    Derivative by s: -t where t s < 1, else 0.

    Args:
        scores: s, in a shape as for ``mean_squared_error``.
        targets: t: -1 or +1. From labels 0 and 1: ``2 * y - 1``.
        reduction: "mean", "sum" or "none".

    Returns:
        One Value; for "none" the losses in the shape of the outputs.

    Raises:
        DataError: if a target is another number.
        ShapeError, UnknownNameError: as ``mean_squared_error``.

    >>> hinge([Value(0.25), Value(-3.0)], [1, -1]).data
    0.375
    """
    return reduced(loss_of_each(_hinge_of_score, SIGNS, scores, targets), reduction)


# The loss of one number.


def _squared_error(output: Value, target: Value) -> Value:
    return (output - target).square()


def _absolute_error(output: Value, target: Value) -> Value:
    return abs(output - target)


LOWEST_LOG: Final = -100.0
"""What the logarithm of 0 counts as, and of everything below e^-100."""


def _cross_entropy_of_probability(probability: Value, target: Value) -> Value:
    return -(target * _log_yes(probability) + (1.0 - target) * _log_no(probability))


def _log_yes(probability: Value) -> Value:
    """log(p), but not below the limit; the inner ``where`` keeps the derivative 1 / p finite there.

    The absolute value, so that the logarithm of what is no probability stays nan.
    """
    impossible = abs(probability) < exp(LOWEST_LOG)
    safe = functional.where(impossible, 1.0, probability)
    return functional.where(impossible, LOWEST_LOG, safe.log())


def _log_no(probability: Value) -> Value:
    """log(1 - p), exact for small p.

    Below p = 1 it is above -37, so only 1 itself needs the limit; the inner ``where`` keeps the
    derivative -1 / (1 - p) finite there.
    """
    certain = functional.equal(probability, 1.0)
    safe = functional.where(certain, 0.0, probability)
    return functional.where(certain, LOWEST_LOG, functional.log1p(-safe))


def _cross_entropy_of_logit(logit: Value, target: Value) -> Value:
    return apply(ops.BINARY_CROSS_ENTROPY, logit, target)


def _hinge_of_score(score: Value, target: Value) -> Value:
    return (1.0 - target * score).relu()
