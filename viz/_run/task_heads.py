"""What a loss says of the outputs of a model: what they are, and how they become probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.losses import Loss
from tinygrad_mlp.training._task import Samples, Task

__all__ = ["head_of", "kind_of"]


def kind_of(task: Task, samples: Samples) -> str:
    """What is learned: "binary", "classification", "multilabel" or "regression".

    >>> from tinygrad_mlp.nn import MLP
    >>> kind_of(*Task.for_data(MLP(1, [1], rng=0), [[0.0], [1.0]], ["no", "yes"]))
    'binary'
    """
    if task.kind != "classification":
        return "regression"
    if samples.answers is not None and samples.answers.ndim == 2:
        return "multilabel"
    return "binary" if task.n_outputs == 1 else "classification"


def head_of(task: Task) -> str:
    """What turns the outputs, as the loss takes them, into probabilities.

    Raises:
        InvalidArgumentError: if the loss tells classes apart without probabilities, or by others
            than those of sigmoid and softmax.

    >>> from tinygrad_mlp.losses import loss_named
    >>> head_of(Task(loss_named("categorical_cross_entropy"), n_outputs=3))
    'softmax'
    """
    loss, n_outputs = task.loss, task.n_outputs or 1
    assert loss is not None
    if task.kind != "classification":
        return "identity"
    trial = np.array([[0.1, 0.2, 0.4], [0.7, 0.3, 0.15]])[:, np.arange(n_outputs) % 3]
    if n_outputs > 1:
        trial = trial / trial.sum(axis=1, keepdims=True)
    found = _probabilities(loss, trial)
    if found is not None:
        powers = np.exp(trial)
        heads = {
            "identity": trial,
            "sigmoid": powers / (1.0 + powers),
            "softmax": powers / powers.sum(axis=1, keepdims=True),
        }
        for head, probabilities in heads.items():
            if np.allclose(found, probabilities, rtol=1e-9):
                return head
    raise InvalidArgumentError(
        f"the page shades the probabilities of classes, and the loss {task.loss_name!r} knows none "
        "of them; train with a cross-entropy: loss='binary_cross_entropy_with_logits' for one "
        "output, loss='categorical_cross_entropy' for one of each class"
    )


def _probabilities(loss: Loss, outputs: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Those of the outputs; of one output that of the second class."""
    found = loss.probabilities(outputs)
    if found is None or found.shape == outputs.shape:
        return found
    return found[:, 1:] if outputs.shape[1] == 1 and found.shape[1] == 2 else None
