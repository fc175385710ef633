"""The outputs of a model for many samples, of one that predicts: without graphs, without dropout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.engine import Value, no_grad
from tinygrad_mlp.nn.module import Module

__all__ = ["evaluation_mode", "model_outputs", "sample_outputs"]


def model_outputs(
    model: Module, X: NDArray[np.float64], *, from_logits: bool = False
) -> NDArray[np.float64]:
    """The outputs of the model, one row per sample.

    Args:
        model: the model, switched to prediction meanwhile.
        X: the features, (n_samples, n_features).
        from_logits: whether to leave a softmax or sigmoid at the end away.

    Returns:
        A float64 array, (n_samples, n_outputs).

    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(1, [2], output_activation="softmax", init="zeros")
    >>> model_outputs(model, np.array([[1.0], [2.0]])).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    rows = []
    with evaluation_mode(model), no_grad():
        for x in X.tolist():
            rows.append([output.data for output in sample_outputs(model, x, from_logits)])
    return np.array(rows)


def sample_outputs(model: Module, x: Sequence[float], from_logits: bool) -> list[Value]:
    """The outputs for one sample, or its logits.

    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(1, [1], output_activation="sigmoid", init="zeros")
    >>> [sample_outputs(model, [7.0], from_logits)[0].data for from_logits in (False, True)]
    [0.5, 0.0]
    """
    return model.logits(x) if from_logits else model.forward(x)


@contextmanager
def evaluation_mode(model: Module) -> Iterator[None]:
    """Within this block the model predicts; afterwards each module is in the mode it was in.

    >>> model = Module()
    >>> with evaluation_mode(model):
    ...     print(model.training)
    False
    >>> model.training
    True
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
