"""The losses that compare each output with its own target: regression, yes or no, margins.

All of them take one sample (a Value and a number, or two sequences) or a batch (sequences of those)
and are free of branches on Values, so that they can be recorded and compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import exp
from typing import Any, Final, TypeAlias

from tinygrad_mlp import functional, ops
from tinygrad_mlp._arguments import check_number
from tinygrad_mlp._words import our_words
from tinygrad_mlp.engine import Value, apply
from tinygrad_mlp.losses._reduction import Reduction, loss_of_each, reduced
from tinygrad_mlp.losses._smoothing import check_smoothing, smoothed
from tinygrad_mlp.losses._targets import COUNTS, NUMBERS, PROBABILITIES, SIGNS

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "check_delta",
    "hinge",
    "huber",
    "mean_absolute_error",
    "mean_squared_error",
    "poisson",
]


@our_words
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


@our_words
def mean_absolute_error(outputs: Any, targets: Any, reduction: Reduction = "mean") -> Any:
    """abs(y - t), which outliers pull less. Derivative by y: the sign of y - t, 0 at 0.

    Arguments, result and errors as for ``mean_squared_error``.

    >>> mean_absolute_error([Value(1.0), Value(3.0)], [0.0, 1.0]).data
    1.5
    """
    return reduced(loss_of_each(_absolute_error, NUMBERS, outputs, targets), reduction)


@our_words
def huber(outputs: Any, targets: Any, reduction: Reduction = "mean", delta: float = 1.0) -> Any:
    """e^2 / 2 for errors e = y - t up to delta, delta (abs(e) - delta / 2) beyond.

    A squared error near 0 and an absolute one far away, where outliers pull no more than delta.
    Derivative by y: e, cut off at -delta and delta. As PyTorch's HuberLoss; its SmoothL1Loss of
    beta is this one of delta = beta, divided by beta. [Huber, Robust estimation of a location
    parameter, 1964]

    Args:
        outputs: y, in a shape as for ``mean_squared_error``.
        targets: t, finite numbers.
        reduction: "mean", "sum" or "none".
        delta: where the absolute error begins, above 0, in the units of t.

    Returns:
        One Value; for "none" the losses in the shape of the outputs.

    Raises:
        InvalidArgumentError: if delta is no number above 0.
        DataError, ShapeError, UnknownNameError: as ``mean_squared_error``.

    >>> huber([Value(0.5), Value(4.0)], [0.0, 1.0], "none")
    [Value(data=0.125, grad=0.0), Value(data=2.5, grad=0.0)]
    """
    element = partial(_huber_error, check_delta(delta))
    return reduced(loss_of_each(element, NUMBERS, outputs, targets), reduction)


def check_delta(delta: object) -> float:
    """The delta of ``huber`` as a float.

    Raises:
        InvalidArgumentError: if it is no number above 0.

    >>> check_delta(2)
    2.0
    """
    return check_number(delta, "delta", "huber(outputs, targets, delta=1.0)", above=0.0)


@our_words
def poisson(log_means: Any, counts: Any, reduction: Reduction = "mean") -> Any:
    """e^z - t z + (t log t - t), the loss of counts, from the logarithm z of the expected count.

    Half the deviance of the Poisson distribution, as ``loss="poisson"`` of scikit-learn: it is 0
    where e^z = t, and never below. PyTorch's PoissonNLLLoss is e^z - t z alone, so it is less by
    t log t - t, which depends on the counts and on no weight. Derivative by z: e^z - t.
    [McCullagh and Nelder, Generalized Linear Models, 1989]

    Args:
        log_means: z, in a shape as for ``mean_squared_error``.
        counts: t, numbers of at least 0; 0 log 0 counts as 0.
        reduction: "mean", "sum" or "none".

    Returns:
        One Value; for "none" the losses in the shape of the outputs.

    Raises:
        DataError: if a target is negative, nan or infinite.
        ShapeError, UnknownNameError: as ``mean_squared_error``.

    >>> round(poisson(Value(0.0), 2).data, 6), poisson(Value(0.0), 1).data
    (0.386294, 0.0)
    """
    return reduced(loss_of_each(_half_deviance, COUNTS, log_means, counts), reduction)


@our_words
def binary_cross_entropy(
    probabilities: Any,
    targets: Any,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """-(t log p + (1 - t) log(1 - p)), the loss of yes or no, from probabilities.

    The derivative by p is (p - t) / (p (1 - p)). A logarithm below -100 counts as -100, as in
    PyTorch, so that p = 0 costs 100 and not inf; nothing flows there. A p outside of 0 ... 1 gives
    nan. Where there are logits, ``binary_cross_entropy_with_logits`` is exact for all of them.

    Args:
        probabilities: p, in a shape as for ``mean_squared_error``.
        targets: t: 0 or 1, or a probability between them.
        reduction: "mean", "sum" or "none".
        label_smoothing: s, from 0 to 1: t is replaced by (1 - s) t + s / 2, as in Keras.

    Returns:
        One Value; for "none" the losses in the shape of the outputs.

    Raises:
        DataError: if a target is a number outside of 0 ... 1.
        InvalidArgumentError: if label_smoothing is.
        ShapeError, UnknownNameError: as ``mean_squared_error``.

    >>> round(binary_cross_entropy([Value(0.5), Value(0.8)], [0, 1]).data, 6)
    0.458145
    """
    element = _with_smoothing(_cross_entropy_of_probability, label_smoothing)
    return reduced(loss_of_each(element, PROBABILITIES, probabilities, targets), reduction)


@our_words
def binary_cross_entropy_with_logits(
    logits: Any, targets: Any, reduction: Reduction = "mean", label_smoothing: float = 0.0
) -> Any:
    """log(1 + e^z) - t z: ``binary_cross_entropy`` of p = sigmoid(z), stable for every z.

    It is one node, in which the two terms do not cancel where the loss is small.

    Derivative by z: sigmoid(z) - t. Arguments, result and errors as for ``binary_cross_entropy``.

    >>> round(binary_cross_entropy_with_logits([Value(0.0), Value(1000.0)], [0, 1]).data, 6)
    0.346574
    """
    element = _with_smoothing(_cross_entropy_of_logit, label_smoothing)
    return reduced(loss_of_each(element, PROBABILITIES, logits, targets), reduction)


@our_words
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
    error = output - target
    return error.square()


def _absolute_error(output: Value, target: Value) -> Value:
    error = output - target
    return abs(error)


def _huber_error(delta: float, output: Value, target: Value) -> Value:
    """Without a branch: within the limits the error c itself is left, c (c - c / 2)."""
    error = output - target
    cut_off = functional.clamp(error, -delta, delta)
    return cut_off * (error - 0.5 * cut_off)


def _half_deviance(log_mean: Value, count: Value) -> Value:
    """The inner ``where`` makes 0 log 0 the product of 0 and log 1."""
    log_count = functional.where(count > 0.0, count, 1.0).log()
    return log_mean.exp() - count * log_mean + (count * log_count - count)


Element: TypeAlias = Callable[[Value, Value], Value]
"""The loss of one output and its target."""


def _with_smoothing(element: Element, label_smoothing: float) -> Element:
    if label_smoothing == 0.0:
        return element
    return partial(_of_smoothed, element, check_smoothing(label_smoothing))


def _of_smoothed(element: Element, label_smoothing: float, output: Value, target: Value) -> Value:
    return element(output, smoothed(target, 2, label_smoothing))


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
