"""What one sample knows of the others of its batch: ``batch_mean`` and ``batch_sum``.

They are operations of a recording: one sample is recorded, and a number of it stands for a row with
one number for each sample. The records of the operations are in ``ops``.
"""

from __future__ import annotations

from typing import TypeAlias

from tinygrad_mlp import ops
from tinygrad_mlp._blocks import current
from tinygrad_mlp.engine import Number, Value, as_value
from tinygrad_mlp.errors import BatchStatisticsError
from tinygrad_mlp.op import Op

__all__ = ["batch_mean", "batch_sum"]

Scalar: TypeAlias = Value | Number


def batch_mean(x: Scalar) -> Value:
    """(x_1 + ... + x_B) / B over the B samples of a batch, x being the number of one of them.

    For what a ``forward`` of one sample has to know of the others, as in batch normalization.
    Derivatives: 1 / B by the number of each sample. The mean is one number for all of them; what is
    assigned to a buffer with it is assigned once for a batch.

    It has the batch in the steps of ``fit``, and in ``compile(loss, parameters, per_sample=True)``.
    A prediction is made for each sample by itself: use there what was kept of the training.

    Raises:
        BatchStatisticsError: where there is one sample alone, and when a batch has only one.

    >>> from tinygrad_mlp import compile
    >>> below_mean = compile(lambda x: x - batch_mean(x), per_sample=True)
    >>> below_mean([1.0, 2.0, 6.0])
    array([-2., -1.,  3.])
    >>> batch_mean(Value(2.0))
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.BatchStatisticsError: batch_mean is taken over the samples of a batch, ...
    """
    return _over_batch(ops.BATCH_MEAN, as_value(x))


def batch_sum(x: Scalar) -> Value:
    """x_1 + ... + x_B over the B samples of a batch; of 1.0 it is B, how many they are.

    Derivatives: 1 by the number of each sample. For the rest it is as ``batch_mean``.

    Raises:
        BatchStatisticsError: as for ``batch_mean``.

    >>> from tinygrad_mlp import compile
    >>> share = compile(lambda x: x / batch_sum(x), per_sample=True)
    >>> share([1.0, 2.0, 5.0])
    array([0.125, 0.25 , 0.625])
    """
    return _over_batch(ops.BATCH_SUM, as_value(x))


def _over_batch(op: Op, value: Value) -> Value:
    """The sum or the mean of a Value over the samples of a batch, where one sample is recorded.

    Args:
        op: ``ops.BATCH_SUM`` or ``ops.BATCH_MEAN``.
        value: of one sample.

    Raises:
        BatchStatisticsError: where there is no batch.

    >>> _over_batch(ops.BATCH_MEAN, Value(2.0))
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.BatchStatisticsError: batch_mean is taken over the samples of a batch, ...
    """
    recorder = current().recorder
    node: Value | None = None if recorder is None else recorder.over_batch(op, value)
    if node is None:
        error = BatchStatisticsError(
            f"{op.name} is taken over the samples of a batch, and here is one sample alone. The "
            "steps of fit have the batch, and so has compile(loss, parameters, per_sample=True). "
            "To use a model as it predicts, call model.eval() first: BatchNorm then takes its "
            "running statistics. A module of your own keeps such numbers in a Buffer while "
            "self.training holds, and takes them where it does not: "
            f"{op.name}(x) if self.training else self.kept"
        )
        error.reason = f"{op.name} is taken over the samples of a batch"
        raise error
    return node
