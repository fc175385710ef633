"""What always giving the same answer costs: the loss that a training has to beat."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Final

import numpy as np

from tinygrad_mlp.losses import LOSSES
from tinygrad_mlp.training.engines import Floats
from tinygrad_mlp.training.task import Task

__all__ = ["CONSTANTS", "constant_loss"]


def constant_loss(task: Task, targets: Floats) -> float | None:
    """The mean loss of the best answer that is the same for every sample.

    For the squared error that is the mean of the targets, for the absolute error their median, for
    a cross-entropy the shares of the classes, for hinge the more frequent side.

    Args:
        task: with the loss.
        targets: the encoded targets, (n_samples, n_outputs).

    Returns:
        None for a loss of one's own, and where every target is the same, which nothing can beat.

    >>> from tinygrad_mlp.losses import loss_named
    >>> constant_loss(Task(loss_named("mean_squared_error")), np.array([[0.0], [2.0]]))
    1.0
    """
    name = task.loss_name
    if LOSSES.get(name) is not task.loss or name not in CONSTANTS:
        return None
    if bool((targets == targets[0]).all()):
        return None
    found, _ = CONSTANTS[name]
    loss = found(np.asarray(targets, dtype=np.float64))
    return loss if loss > 0.0 and isfinite(loss) else None


def _of_mean(targets: Floats) -> float:
    return float(targets.var(axis=0).mean())


def _of_median(targets: Floats) -> float:
    return float(np.abs(targets - np.median(targets, axis=0)).mean())


def _of_two_shares(targets: Floats) -> float:
    shares = targets.mean(axis=0)
    return float(np.mean(_entropies(shares) + _entropies(1.0 - shares)))


def _of_shares(targets: Floats) -> float:
    return float(_entropies(targets.mean(axis=0)).sum())


def _of_sides(targets: Floats) -> float:
    shares = (1.0 + targets.mean(axis=0)) / 2.0
    return float(np.mean(2.0 * np.minimum(shares, 1.0 - shares)))


def _entropies(shares: Floats) -> Floats:
    terms: Floats = -shares * np.log(np.where(shares > 0.0, shares, 1.0))
    return terms


CONSTANTS: Final[dict[str, tuple[Callable[[Floats], float], str]]] = {
    "mean_squared_error": (_of_mean, "the mean of y"),
    "mean_absolute_error": (_of_median, "the median of y"),
    "binary_cross_entropy": (_of_two_shares, "the shares of the classes"),
    "binary_cross_entropy_with_logits": (_of_two_shares, "the shares of the classes"),
    "categorical_cross_entropy": (_of_shares, "the shares of the classes"),
    "hinge": (_of_sides, "the most frequent class"),
}
"""By the name of a loss: what the best constant answer costs, and what that answer is."""
