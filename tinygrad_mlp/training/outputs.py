"""The outputs of a model for many samples, as it predicts: without graphs, without dropout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.compiler import compile
from tinygrad_mlp.engine import Value, no_grad
from tinygrad_mlp.errors import InvalidArgumentError, TracingError
from tinygrad_mlp.functional import Scalar
from tinygrad_mlp.losses import Loss
from tinygrad_mlp.nn.module import Module

__all__ = ["check_outputs", "evaluation_mode", "model_outputs", "sample_outputs"]

SAMPLES_TO_TRY: Final = 16
SAMPLES_WORTH_COMPILING: Final = 64
"""From how many samples on it takes less time to record the model and replay it for all of them."""


def model_outputs(
    model: Module, X: NDArray[np.float64], *, from_logits: bool = False, eager: bool = False
) -> NDArray[np.float64]:
    """The outputs of the model, one row per sample.

    Args:
        model: the model, switched to prediction meanwhile.
        X: the features, (n_samples, n_features).
        from_logits: whether to leave a softmax or sigmoid at the end away.
        eager: whether each sample goes through the model by itself, however many there are; the
            compiler otherwise takes over where that is faster, with the same numbers.

    Returns:
        A float64 array, (n_samples, n_outputs).

    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(1, [2], output_activation="softmax", init="zeros")
    >>> model_outputs(model, np.array([[1.0], [2.0]])).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    with evaluation_mode(model):
        if not eager and len(X) >= SAMPLES_WORTH_COMPILING:
            try:
                return _compiled_outputs(model, X, from_logits)
            except TracingError:
                pass  # the model looks at the numbers, so each sample goes through it by itself
        with no_grad():
            rows = [sample_outputs(model, x, from_logits) for x in X.tolist()]
    return np.array([[output.data for output in row] for row in rows])


def sample_outputs(model: Module, x: Sequence[Scalar], from_logits: bool) -> list[Value]:
    """The outputs for one sample, or its logits.

    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(1, [1], output_activation="sigmoid", init="zeros")
    >>> [sample_outputs(model, [7.0], from_logits)[0].data for from_logits in (False, True)]
    [0.5, 0.0]
    """
    return model.logits(x) if from_logits else model.forward(x)


def _compiled_outputs(
    model: Module, X: NDArray[np.float64], from_logits: bool
) -> NDArray[np.float64]:
    """The same by a program recorded for one sample and mapped over all of them."""
    program = compile(partial(sample_outputs, model, from_logits=from_logits), per_sample=True)
    outputs = program(X)
    return np.array(outputs).reshape(len(X), -1)


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


def check_outputs(model: Module, X: NDArray[np.float64], loss: Loss | None) -> int:
    """The number of outputs of the model, tried out on a few samples.

    Raises:
        InvalidArgumentError: if ``forward`` returns something else than a list of Values, or the
            loss takes probabilities and the outputs are none.

    >>> from tinygrad_mlp.nn import MLP
    >>> check_outputs(MLP(1, [2]), np.array([[1.0]]), None)
    2
    """
    with evaluation_mode(model), no_grad():
        rows: list[Any] = [
            sample_outputs(model, x, loss is not None and loss.from_logits)
            for x in X[:SAMPLES_TO_TRY].tolist()
        ]
    for row in rows:
        if not (isinstance(row, list | tuple) and row and isinstance(row[0], Value)):
            raise InvalidArgumentError(
                f"forward of {model!r} returned {row!r:.60}, but a list of Values is needed, also "
                "for a single output: return [output]"
            )
    numbers = [output.data for row in rows for output in row]
    if (
        loss is not None
        and loss.name == "binary_cross_entropy"
        and not _all_within_0_and_1(numbers)
    ):
        raise InvalidArgumentError(
            "the loss 'binary_cross_entropy' takes probabilities, but the model gives "
            f"{next(p for p in numbers if not 0.0 <= p <= 1.0):.4g}; make the model with "
            "output_activation='sigmoid', or use loss='binary_cross_entropy_with_logits'"
        )
    return len(rows[0])


def _all_within_0_and_1(numbers: list[float]) -> bool:
    return all(0.0 <= number <= 1.0 for number in numbers)
