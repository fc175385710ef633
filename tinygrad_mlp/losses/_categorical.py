"""Categorical cross-entropy: the loss of choosing one class out of several, from logits."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

from tinygrad_mlp import functional, ops
from tinygrad_mlp._many_numbers import numbers_of
from tinygrad_mlp._text import described
from tinygrad_mlp._words import our_words
from tinygrad_mlp.data._validation import check_labels
from tinygrad_mlp.engine import Value, as_value
from tinygrad_mlp.errors import ShapeError
from tinygrad_mlp.functional import Scalar
from tinygrad_mlp.losses._reduction import Reduction, is_sequence, reduced
from tinygrad_mlp.losses._smoothing import check_smoothing, smoothed
from tinygrad_mlp.losses._targets import DISTRIBUTION, Labels

__all__ = ["categorical_cross_entropy", "cross_entropy_of_sample"]


@our_words
def categorical_cross_entropy(
    logits: Any, labels: Any, reduction: Reduction = "mean", label_smoothing: float = 0.0
) -> Any:
    """-log softmax(z)_t = log(e^z1 + ... + e^zk) - z_t, stable for every logit.

    Derivative by z_i: softmax(z)_i - (1 if i = t else 0). Only differences of logits are added up,
    so a small loss keeps its digits. A class whose logit is -inf counts nothing unless it is t.

    Args:
        logits: z: a sequence of k Values for each sample, (n, k), or for a single one, (k,).
        labels: t: the class of each sample, 0 ... k - 1; or for each sample a row of k numbers, the
            probabilities of the classes (one-hot rows, for example), with the sum 1.
        reduction: "mean" over the samples, "sum", or "none".
        label_smoothing: s, from 0 to 1: the probability p of a class, 1 or 0 for a label, is
            replaced by (1 - s) p + s / k, as in PyTorch.

    Returns:
        One Value; for "none" a list with the loss of each sample.

    Raises:
        DataError: if a label is no whole number or out of range; if a number of a row is nan or
            outside of 0 ... 1, or the sum of the row is not 1.
        InvalidArgumentError: if label_smoothing is outside of 0 ... 1.
        ShapeError: if there are not as many labels as samples, or no samples.
        UnknownNameError: for an unknown reduction.

    >>> logits = [[Value(2.0), Value(1.0), Value(0.1)], [Value(1000.0), Value(0.0), Value(-1000.0)]]
    >>> [round(loss.data, 6) for loss in categorical_cross_entropy(logits, [0, 2], "none")]
    [0.41703, 2000.0]
    """
    label_smoothing = check_smoothing(label_smoothing)
    samples = list(logits) if is_sequence(logits) else [logits]
    if samples and not is_sequence(samples[0]):  # a single sample
        (loss,) = _losses([samples], [labels], label_smoothing)
        return reduced(loss, reduction)
    if not is_sequence(labels):
        raise ShapeError(
            f"{len(samples)} samples got the single label {described(labels)}; give a list of "
            "labels, "
            "one for each sample: categorical_cross_entropy(logits, [0, 2, 1])"
        )
    given = [list(sample) for sample in samples]
    return reduced(_losses(given, list(labels), label_smoothing), reduction)


def cross_entropy_of_sample(
    logits: Sequence[Value], target: Sequence[Scalar], label_smoothing: float = 0.0
) -> Value:
    """log(e^z1 + ... + e^zk) - (t1 z1 + ... + tk zk), for one sample. No branches on t.

    The largest logit is subtracted from all of them first. Then no term is negative, and none is
    lost in a large one. A class with t = 0 counts nothing, even if its logit is -inf.

    Args:
        logits: z, k Values.
        target: t, the probabilities of the k classes: a one-hot row for a known class.
        label_smoothing: as for ``categorical_cross_entropy``.

    Raises:
        DataError: if a target is no probability, or the sum of the row is not 1.
        ShapeError: if there are not as many targets as logits.

    >>> round(cross_entropy_of_sample([Value(2.0), Value(1.0), Value(0.1)], [1, 0, 0]).data, 6)
    0.41703
    """
    if len(target) != len(logits):
        raise ShapeError(
            f"{len(logits)} logits got a row of {len(target)} targets; give one number for each "
            "class"
        )
    return _loss_of_row(logits, target, "the target", label_smoothing)


def _loss_of_row(
    logits: Sequence[Value], target: Sequence[Scalar], name: str, label_smoothing: float
) -> Value:
    row = [as_value(t) for t in target]
    DISTRIBUTION.check(row, name)
    if label_smoothing:
        row = [smoothed(t, len(row), label_smoothing) for t in row]
    elif all([t.op is ops.CONSTANT for t in row]):
        numbers = [t.data for t in row]
        if numbers.count(1.0) == 1 and numbers.count(0.0) == len(numbers) - 1:
            return _loss_of_label(logits, numbers.index(1.0))
    below = functional.below_largest(logits)
    terms = [
        functional.weighted(t, z)
        for t, z in zip(row, below)
        if not (t.op is ops.CONSTANT and t.data == 0.0)
    ]
    return functional.logsumexp(below) - functional.sum(terms)


def _loss_of_label(logits: Sequence[Value], label: int) -> Value:
    numbers = numbers_of(logits)
    if len(numbers) > 1 and abs(max(numbers) - numbers[label]) < inf:
        # log(1 + sum of e^(z_k - z_t) of the others): a small derivative is exact, too
        own = logits[label]
        others = [logit - own for k, logit in enumerate(logits) if k != label]
        return functional.logsumexp([0.0, *others])
    below = functional.below_largest(logits)
    return functional.logsumexp(below) - below[label]


def _losses(samples: list[list[Value]], labels: list[Any], label_smoothing: float) -> list[Value]:
    if len(samples) != len(labels):
        raise ShapeError(
            f"{len(samples)} samples got {len(labels)} labels; give one label for each sample"
        )
    if not samples:
        return []
    if any(is_sequence(label) for label in labels):
        for i, (sample, label) in enumerate(zip(samples, labels)):
            if not is_sequence(label) or len(label) != len(sample):
                raise ShapeError(
                    f"labels[{i}] is {described(label)} for a sample of {len(sample)} logits; "
                    "give each "
                    "sample the number of its class, labels=[0, 2, 1], or each a row with a number "
                    "for every class, labels=[[1, 0, 0], [0, 0, 1], [0, 1, 0]]"
                )
        return [
            _loss_of_row(sample, row, f"labels[{i}]", label_smoothing)
            for i, (sample, row) in enumerate(zip(samples, labels))
        ]
    n_classes = min(map(len, samples))
    if any(isinstance(label, Value) for label in labels):
        targets = [as_value(label) for label in labels]
        Labels(n_classes).check(targets)
        rows = [_one_hot(label, len(sample)) for sample, label in zip(samples, targets)]
        return [_loss_of_row(*pair, "the target", label_smoothing) for pair in zip(samples, rows)]
    classes = check_labels(labels, n_classes, name="labels").tolist()
    if label_smoothing:
        rows = [_one_hot(label, len(sample)) for sample, label in zip(samples, classes)]
        return [_loss_of_row(*pair, "the target", label_smoothing) for pair in zip(samples, rows)]
    return [_loss_of_label(list(map(as_value, z)), t) for z, t in zip(samples, classes)]


def _one_hot(label: Scalar, n_classes: int) -> list[Value]:
    """The row of a label that is a Value and may change when a recorded function is replayed."""
    return [functional.where(functional.equal(label, k), 1.0, 0.0) for k in range(n_classes)]
