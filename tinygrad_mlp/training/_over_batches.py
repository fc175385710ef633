"""Models whose samples need each other, as batch normalization does: recorded once, for a batch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import count

from tinygrad_mlp._text import described
from tinygrad_mlp.compiler._lockstep import in_lockstep
from tinygrad_mlp.compiler._lone_means import warn_of_lone_means
from tinygrad_mlp.compiler._repetition import retrace
from tinygrad_mlp.compiler._tracing import trace
from tinygrad_mlp.engine import Value, no_grad
from tinygrad_mlp.errors import (
    BatchStatisticsError,
    GraphError,
    InvalidArgumentError,
    TracingError,
)
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.training._outputs import recording_of, sample_outputs, undisturbed

__all__ = ["SampleRecording", "check_batch_sizes", "outputs_of_batch"]


class SampleRecording:
    """The outputs of a model for one sample, recorded, to be computed for all of a batch.

    Args:
        model: the model.
        n_features: how many numbers a sample has.
        from_logits: whether to leave a softmax or sigmoid at the end away.

    Raises:
        TracingError, GraphError: if the model cannot be recorded.

    >>> from tinygrad_mlp.nn import BatchNorm
    >>> recording = SampleRecording(BatchNorm(1, epsilon=0.0), 1, False)
    >>> [output.data for (output,) in recording.outputs([[Value(1.0)], [Value(3.0)]])]
    [-1.0, 1.0]
    """

    def __init__(self, model: Module, n_features: int, from_logits: bool) -> None:
        function = partial(_outputs, model, from_logits)
        with recording_of(model):
            self._recording = trace(
                function, [(n_features,)], model.parameters(), of_one_sample=True
            )
            retrace(function, self._recording)

    @property
    def needs_batch(self) -> bool:
        """Whether the samples need each other.

        >>> from tinygrad_mlp.nn import MLP
        >>> SampleRecording(MLP(1, [1]), 1, False).needs_batch
        False
        """
        return self._recording.needs_batch

    def warn(self) -> None:
        """Say what to write for means over a batch that the model was not handed.

        >>> from tinygrad_mlp.nn import MLP
        >>> SampleRecording(MLP(1, [1]), 1, False).warn()
        """
        warn_of_lone_means(self._recording)

    def outputs(self, X: Sequence[Sequence[Value]]) -> list[list[Value]]:
        """The outputs for each sample of a batch."""
        return in_lockstep(self._recording, X)


def outputs_of_batch(
    model: Module, X: Sequence[Sequence[Value]], from_logits: bool
) -> list[list[Value]]:
    """The outputs for each sample of a batch that is recorded as a whole.

    >>> from tinygrad_mlp.nn import MLP
    >>> X = [[Value(1.0)], [Value(3.0)]]
    >>> [output.data for (output,) in outputs_of_batch(MLP(1, [1], init="zeros"), X, False)]
    [0.0, 0.0]
    """
    try:
        recording = SampleRecording(model, len(X[0]), from_logits)
    except (GraphError, TracingError):
        pass  # sample by sample it will say the same, or go on
    else:
        recording.warn()
        if recording.needs_batch:
            return recording.outputs(X)
    return [sample_outputs(model, x, from_logits) for x in X]


def _outputs(model: Module, from_logits: bool, x: Sequence[Value]) -> list[Value]:
    return sample_outputs(model, x, from_logits)


def check_batch_sizes(
    model: Module, x: Sequence[float], n_samples: int, batch_size: int | None
) -> None:
    """Refuse a batch of one sample to a model that takes a mean over the batch.

    Args:
        model: the model.
        x: any sample.
        n_samples: how many there are.
        batch_size: how many go into a batch; None for all.

    Raises:
        InvalidArgumentError: if a batch would have one.

    >>> from tinygrad_mlp.nn import BatchNorm
    >>> check_batch_sizes(BatchNorm(1), [2.0], n_samples=9, batch_size=4)
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.InvalidArgumentError: 9 samples in batches of 4 leave one for the last ...
    """
    size = n_samples if batch_size is None else min(batch_size, n_samples)
    if 1 not in (size, n_samples % size) or not _needs_batch(model, x):
        return
    reason = (
        f"but {described(model)} takes means over the samples of a batch, and one sample would be "
        "its own mean"
    )
    if n_samples == 1:
        raise InvalidArgumentError(
            f"there is one sample, {reason}; train with two samples or more, or without a layer "
            "such as BatchNorm"
        )
    better = next(b for b in count(size + 1) if n_samples % b != 1)
    if size == 1:
        raise InvalidArgumentError(
            f"batch_size=1 makes batches of one sample, {reason}; give batch_size={better} or more"
        )
    raise InvalidArgumentError(
        f"{n_samples} samples in batches of {size} leave one for the last batch, {reason}; give "
        f"batch_size={better}, or leave one sample out: X[:-1], y[:-1]"
    )


def _needs_batch(model: Module, x: Sequence[float]) -> bool:
    with undisturbed(model), no_grad():
        model.train()
        try:
            model.forward(x)
        except BatchStatisticsError:
            return True
    return False
