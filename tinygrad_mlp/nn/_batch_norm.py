"""Batch normalization: in training, features are scaled by the statistics of their batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tinygrad_mlp._arguments import check_flag, check_integer, check_number
from tinygrad_mlp._words import our_words
from tinygrad_mlp.engine import Value, assign
from tinygrad_mlp.functional import batch_mean, batch_sum, sqrt
from tinygrad_mlp.nn._inputs import read_inputs
from tinygrad_mlp.nn._module import Buffer, Module, Sample

__all__ = ["BatchNorm"]

CALL: Final = "BatchNorm(16, momentum=0.1, epsilon=1e-5)"


class BatchNorm(Module):
    """Batch normalization: each feature with mean 0 and variance 1 over the batch, then scaled.

    For one feature x of a sample, in a batch of B samples::

        mean = (x_1 + ... + x_B) / B
        var = ((x_1 - mean)^2 + ... + (x_B - mean)^2) / B
        y = weight (x - mean) / sqrt(var + epsilon) + bias

    That is for a model that trains, in ``fit`` or by ``compile`` with ``per_sample=True``.
    Each step then moves the running statistics a little, as in torch::

        running_mean = (1 - momentum) running_mean + momentum mean
        running_var = (1 - momentum) running_var + momentum var B / (B - 1)

    A model that predicts, after ``model.eval()`` and in ``predict``, takes ``running_mean`` and
    ``running_var`` in the place of mean and var, so that each sample is by itself.

    One that is frozen does so as well, and leaves them as they are. (Torch goes on to change them
    as long as the layer is in training mode, whether its parameters are trained or not.)

    Args:
        n_features: the number of features, for example of neurons of the layer before.
        momentum: how much of the running statistics is replaced in each step, from 0 to 1.
        epsilon: what is added to the variance, so that a constant feature is no division by 0.
        affine: whether there are ``weight`` and ``bias``.

    Attributes:
        weight: the scales, n_features Values that begin with 1; none without ``affine``.
        bias: the shifts, n_features Values that begin with 0; none without ``affine``.
        running_mean: the running means, n_features buffers that begin with 0.
        running_var: the running variances, n_features buffers that begin with 1.

    Raises:
        InvalidArgumentError: if n_features is no whole number of at least 1, or another number is
            out of its range.

    Source: Ioffe and Szegedy, Batch Normalization, 2015, algorithms 1 and 2.

    >>> norm = BatchNorm(2)
    >>> norm
    BatchNorm of 2 features
    >>> [y.data for y in norm.eval()([3.0, -1.0])] == [3.0 / 1.00001**0.5, -1.0 / 1.00001**0.5]
    True
    """

    is_beside_neurons = True

    @our_words
    def __init__(
        self,
        n_features: int,
        *,
        momentum: float = 0.1,
        epsilon: float = 1e-5,
        affine: bool = True,
    ) -> None:
        n_features = check_integer(n_features, "n_features")
        self.momentum = check_number(momentum, "momentum", CALL, at_least=0.0, at_most=1.0)
        self.epsilon = check_number(epsilon, "epsilon", CALL, at_least=0.0)
        check_flag(affine, "affine", "BatchNorm(16, affine=False)")
        self.weight = [Value(1.0) for _ in range(n_features)] if affine else []
        self.bias = [Value(0.0) for _ in range(n_features)] if affine else []
        self.running_mean = [Buffer(0.0) for _ in range(n_features)]
        self.running_var = [Buffer(1.0) for _ in range(n_features)]
        self.label_parameters()

    @property
    def n_inputs(self) -> int:
        """The number of features."""
        return len(self.running_mean)

    @property
    def n_outputs(self) -> int:
        """The number of features."""
        return len(self.running_mean)

    @property
    def affine(self) -> bool:
        """Whether there are ``weight`` and ``bias``."""
        return bool(self.weight)

    @property
    def uses_batch_statistics(self) -> bool:
        """Whether it takes mean and variance of the batch, and moves the running ones.

        That is while it trains, unless it is frozen.

        >>> norm = BatchNorm(2)
        >>> norm.uses_batch_statistics, norm.freeze().uses_batch_statistics
        (True, False)
        """
        return self.training and self.requires_grad

    def forward(self, x: Sample) -> list[Value]:
        """The normalized features of one sample.

        Raises:
            ShapeError: if x has not n_features numbers.
            BatchStatisticsError: if it trains and there is no batch.
        """
        inputs, _ = read_inputs(x, self.n_inputs, self)
        of_features = self._by_batch if self.uses_batch_statistics else self._as_kept
        centered, variances = of_features(inputs)
        scales = [1.0 / sqrt(variance + self.epsilon) for variance in variances]
        if not self.affine:
            return [scale * distance for scale, distance in zip(scales, centered)]
        scales = [weight * scale for weight, scale in zip(self.weight, scales)]
        rows = zip(scales, centered, self.bias)
        return [scale * distance + bias for scale, distance, bias in rows]

    def _by_batch(self, inputs: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        """The distances from the mean of the batch, and its variances; both move what is kept."""
        means = [batch_mean(x) for x in inputs]
        centered = [x - mean for x, mean in zip(inputs, means)]
        variances = [batch_mean(distance**2) for distance in centered]
        n_samples = batch_sum(1.0)
        unbiased = n_samples / (n_samples - 1.0)
        for kept, mean in zip(self.running_mean, means):
            assign(kept, self._moved(kept, mean))
        for kept, variance in zip(self.running_var, variances):
            assign(kept, self._moved(kept, variance * unbiased))
        return centered, variances

    def _as_kept(self, inputs: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        """The distances from the running means, and the running variances."""
        centered = [x - mean for x, mean in zip(inputs, self.running_mean)]
        return centered, list(self.running_var)

    def _moved(self, kept: Value, number: Value) -> Value:
        return kept + self.momentum * (number - kept)

    def summary_kind(self) -> str:
        """The kind."""
        return "BatchNorm"

    def __repr__(self) -> str:
        return f"BatchNorm of {self.n_inputs} feature{'' if self.n_inputs == 1 else 's'}"
