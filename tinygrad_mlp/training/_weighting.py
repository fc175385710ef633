"""How much each sample counts: its own weight, and the weight of its class.

The loss of a batch is the mean sum w_i l_i / sum w_i, as that of PyTorch's ``CrossEntropyLoss``
with ``weight``. So only the ratios of the weights matter, and a batch of heavy samples takes no
longer step than one of light samples. But a weight counts beside the others of its batch alone: in
small batches weights do less, and in batches of one nothing. Keras divides by the number of samples
instead. With label smoothing a sample has the weight of its own label, as in Keras; PyTorch weights
each class alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._arguments import check_number
from tinygrad_mlp._text import described
from tinygrad_mlp.data._arrays import as_floats, check_finite
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError
from tinygrad_mlp.training._task import Samples, Task

__all__ = ["ClassWeight", "check_batches", "check_unmixed", "check_weights", "relative"]
__all__ += ["shares_of_batches", "weighted"]

Floats = NDArray[np.float64]

ClassWeight: TypeAlias = Mapping[Any, float] | Literal["balanced"]
"""A weight for each class, by its label; or "balanced", so that all classes count alike."""

BY_SAMPLE = "Loss.of_function(function, task='classification', from_logits=True, per_sample=True)"


def check_weights(sample_weight: ArrayLike, n_samples: int, name: str = "sample_weight") -> Floats:
    """A weight for each sample, scaled so that the largest is 1, which changes no weighted mean.

    Args:
        sample_weight: numbers of at least 0, (n_samples,).
        n_samples: how many there must be.
        name: what the messages call them.

    Raises:
        DataError: if one is negative, nan, infinite or no number, or all of them are 0.
        ShapeError: if there are not as many as samples.

    >>> check_weights([1, 4, 0], 3).tolist()
    [0.25, 1.0, 0.0]
    """
    if isinstance(sample_weight, str):
        raise DataError(
            f"{name} is {sample_weight!r}, but a weight for each sample is needed, "
            "sample_weight=[1.0, 0.5, ...]; the classes are weighed by class_weight='balanced'"
        )
    weights = as_floats(sample_weight, name)
    if weights.shape == (n_samples, 1):
        weights = weights.ravel()
    if weights.shape != (n_samples,):
        raise ShapeError(
            f"{name} has shape {weights.shape}, but there are {n_samples} samples; give one weight "
            f"for each, shape ({n_samples},)"
        )
    check_finite(weights, name=name)
    if (weights < 0.0).any():
        i = int(np.argmax(weights < 0.0))
        raise DataError(
            f"{name}[{i}] is {weights[i]:g}, but a weight is a number of at least 0; 0 leaves a "
            "sample out"
        )
    if not weights.any():
        raise DataError(f"{name} is 0 for every sample, so none counts; give one of them 1")
    scaled: Floats = weights / weights.max()
    return scaled


def weighted(
    task: Task,
    samples: Samples,
    validation: Samples | None,
    sample_weight: ArrayLike | None,
    validation_weight: ArrayLike | None,
    class_weight: ClassWeight | None,
) -> tuple[Samples, Samples | None]:
    """Training and validation samples with their weights; as they are where there are none.

    Args:
        task: with the loss and the classes.
        samples: the training samples; "balanced" counts their classes, by their weights.
        validation: those for validation, which the class weights count for as well.
        sample_weight: the weights of the training samples, (n_samples,).
        validation_weight: those of the validation samples.
        class_weight: the weight of each class.

    Raises:
        DataError, ShapeError: as ``check_weights``; DataError also for a class without a weight.
        InvalidArgumentError: if the loss is one of a whole batch; if the samples have no classes;
            for a weight that is no number of at least 0, or of no class.

    >>> from tinygrad_mlp.losses import Loss
    >>> task = Task(Loss.of_function(print, per_sample=True), np.array(["no", "yes"]))
    >>> samples = Samples(np.eye(3), np.eye(3), np.array([0, 1, 1]))
    >>> weighted(task, samples, None, None, None, "balanced")[0].weights.tolist()
    [1.0, 0.5, 0.5]
    """
    if sample_weight is None and validation_weight is None and class_weight is None:
        return samples, validation
    assert task.loss is not None
    if task.loss.batch_loss is not None:
        raise InvalidArgumentError(
            f"the loss {task.loss_name!r} is one of a whole batch, in which the samples have no "
            "losses of their own to be weighted; give one of a single sample, such as "
            f"loss={BY_SAMPLE}"
        )
    own = _own_weights(samples, sample_weight, "sample_weight")
    of_class = None if class_weight is None else _by_class(class_weight, task, samples, own)
    samples = replace(samples, weights=_together(samples, own, of_class))
    if validation is not None:
        own = _own_weights(validation, validation_weight, "the sample_weight in validation_data")
        validation = replace(validation, weights=_together(validation, own, of_class))
    return samples, validation


def relative(weights: Floats) -> Floats:
    """The weights of a batch with the mean 1, so that the mean of w_i l_i is the weighted mean.

    >>> relative(np.array([1.0, 3.0])).tolist()
    [0.5, 1.5]
    """
    scaled: Floats = weights / weights.sum() * len(weights)  # the sum may be as small as can be
    return scaled


def shares_of_batches(
    weights: Floats | None, order: NDArray[np.int64] | None, batch_size: int | None
) -> tuple[Floats | None, Floats | None]:
    """What ``relative`` gives for each batch of an epoch, and the sum of the weights of each.

    >>> shares_of_batches(np.array([1.0, 3.0, 2.0]), np.array([1, 0, 2]), 2)
    (array([1.5, 0.5, 1. ]), array([4., 2.]))
    """
    if weights is None:
        return None, None
    n = len(weights)
    size = min(batch_size or n, n)
    ordered = weights if order is None else weights.take(order)
    shares, sums = [], []
    for part in (ordered[: n - n % size].reshape(-1, size), ordered[n - n % size :].reshape(1, -1)):
        if part.size:
            total = part.sum(axis=1, keepdims=True)
            shares.append((part / total * part.shape[1]).ravel())
            sums.append(total[:, 0])
    return np.concatenate(shares), np.concatenate(sums)


def check_batches(weights: Floats | None, batch_size: int | None, shuffle: bool) -> None:
    """Refuse weights of which a batch may hold zeros alone, and unequal ones in batches of one.

    The first would have no mean; in the second each weight is divided by itself.

    Raises:
        DataError: if there can be a batch in which nothing counts.
        InvalidArgumentError: if each batch is one sample, so that the weights change nothing.

    >>> check_batches(np.array([1.0, 0.0, 0.0]), 2, shuffle=True)
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: 2 of 3 samples have the weight 0, so a batch of 1 may hold ...
    """
    if weights is None or batch_size is None or batch_size >= len(weights):
        return
    if weights.all():
        if batch_size == 1 and weights.min() < weights.max():
            raise InvalidArgumentError(
                "with batch_size=1 the weights change nothing: the loss of a batch is divided by "
                "the sum of its weights, so a sample counts more or less only beside others; give "
                "larger batches (batch_size=32, or None for all samples at once) or no weights"
            )
        return
    n_samples, n_zeros = len(weights), int(np.count_nonzero(weights == 0.0))
    remedy = (
        "leave these samples out: keep = sample_weight > 0; fit(model, X[keep], y[keep], "
        "sample_weight=sample_weight[keep])"
    )
    if shuffle:
        smallest = n_samples % batch_size or batch_size
        if n_zeros >= smallest:
            raise DataError(
                f"{n_zeros} of {n_samples} samples have the weight 0, so a batch of {smallest} may "
                f"hold none that counts; {remedy}"
            )
    elif not (totals := np.add.reduceat(weights, np.arange(0, n_samples, batch_size))).all():
        raise DataError(
            f"all samples of batch {int(np.argmin(totals))} (counting from 0) have the weight 0, "
            f"so none counts; {remedy}"
        )


def check_unmixed(augmentations: Iterable[object]) -> None:
    """Refuse augmentations that make one sample of two, which have two weights.

    Raises:
        InvalidArgumentError: if one of them says so of itself.

    >>> from tinygrad_mlp.data import GaussianNoise
    >>> check_unmixed([GaussianNoise(0.1)])
    """
    for augmentation in augmentations:
        if getattr(augmentation, "mixes_samples", False):
            raise InvalidArgumentError(
                f"{augmentation!r} makes one sample of two, which may have two weights; leave "
                "sample_weight and class_weight out, or take another augmentation"
            )


def _own_weights(samples: Samples, given: ArrayLike | None, name: str) -> Floats:
    n_samples = len(samples.X)
    return np.ones(n_samples) if given is None else check_weights(given, n_samples, name)


def _together(samples: Samples, own: Floats, of_class: Floats | None) -> Floats:
    if of_class is None:
        return own
    weights: Floats = own * of_class[samples.answers]
    if not weights.any():
        raise DataError(
            "class_weight is 0 for every sample that counts; give a class of them a weight above 0"
        )
    return weights


def _by_class(class_weight: object, task: Task, samples: Samples, own: Floats) -> Floats:
    """The weight of each class number, (n_classes,), the largest of them 1."""
    if task.classes is None or samples.answers is None or samples.answers.ndim > 1:
        raise InvalidArgumentError(
            f"class_weight needs one class for each sample, but with the loss {task.loss_name!r} "
            "there is none here; give each sample its weight: sample_weight=weights"
        )
    labels = task.classes.tolist()
    if isinstance(class_weight, str) and class_weight == "balanced":
        totals = np.bincount(samples.answers, weights=own, minlength=len(labels))
        if not totals.all():
            raise DataError(
                f"y has no sample of the class {labels[int(np.argmin(totals))]!r} that counts, so "
                "'balanced' gives it no weight; give the weights: "
                f"class_weight={_example(labels)}"
            )
        of_class: Floats = totals.sum() / (len(labels) * totals)
    elif isinstance(class_weight, Mapping):
        given = {_plain(label): weight for label, weight in class_weight.items()}
        strangers = [label for label in given if label not in labels]
        missing = [label for label in labels if label not in given]
        if strangers or missing:
            wrong = f"has {strangers[0]!r}, which is none" if strangers else f"lacks {missing[0]!r}"
            shown = ", ".join(repr(label) for label in labels[:6]) + ", ..." * (len(labels) > 6)
            raise InvalidArgumentError(
                f"class_weight {wrong} of the classes {shown}; give one weight for each: "
                f"class_weight={_example(labels)}"
            )
        call = f"class_weight={_example(labels)}"
        numbers = [
            check_number(given[label], f"class_weight[{label!r}]", call, at_least=0.0)
            for label in labels
        ]
        of_class = np.array(numbers)
    else:
        raise InvalidArgumentError(
            f"class_weight is {described(class_weight)}, but a weight for each class is needed, "
            f"class_weight={_example(labels)}, or class_weight='balanced'"
        )
    return of_class / (of_class.max() or 1.0)


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def _example(labels: list[Any]) -> str:
    pairs = [f"{label!r}: {weight}" for label, weight in zip(labels, ("1.0", "2.0"))]
    return f"{{{', '.join([*pairs, *['...'] * (len(labels) > 2)])}}}"
