"""The loss that a training has to beat, for its data."""

from __future__ import annotations

from math import isfinite

import numpy as np

from tinygrad_mlp.training._engines import Floats
from tinygrad_mlp.training._task import Task

__all__ = ["constant_loss"]


def constant_loss(task: Task, targets: Floats, weights: Floats | None = None) -> float | None:
    """The mean loss of the best answer that is the same for every sample.

    Args:
        task: with the loss, whose ``constant_answer`` says what that is.
        targets: the encoded targets, (n_samples, n_outputs).
        weights: how much each sample counts, (n_samples,); None for all alike.

    Returns:
        None for a loss without one, and where every target is the same, which nothing can beat.

    >>> from tinygrad_mlp.losses import loss_named
    >>> constant_loss(Task(loss_named("mean_squared_error")), np.array([[0.0], [2.0]]))
    1.0
    """
    constant = None if task.loss is None else task.loss.constant_answer
    if constant is None or bool((targets == targets[0]).all()):
        return None
    rows = np.asarray(targets, dtype=np.float64)
    loss = constant.cost(rows) if weights is None else constant.cost(rows, weights)
    return loss if loss > 0.0 and isfinite(loss) else None
