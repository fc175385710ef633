"""What computes a training step. ``fit`` goes through epochs and batches and leaves the rest to it.

``EagerEngine`` builds the scalar graph of the samples and walks back through it, as one would by
hand; it is the plain meaning of a step, against which any other engine can be held. The others are
in ``_compiled.py``, and ``_choosing.py`` has all of them by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp import functional
from tinygrad_mlp._freezing import frozen_among
from tinygrad_mlp._many_numbers import read_numbers, write_numbers
from tinygrad_mlp.compiler._backends.choice import Wanted
from tinygrad_mlp.engine import Value, as_value, enable_grad, no_grad
from tinygrad_mlp.errors import BatchStatisticsError
from tinygrad_mlp.losses import Loss, l1_penalty, l2_penalty
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.optim import Optimizer, clip_by_norm, clip_by_value
from tinygrad_mlp.training._outputs import AsItWas, model_outputs, sample_outputs
from tinygrad_mlp.training._over_batches import SampleRecording
from tinygrad_mlp.training._steps_in_pieces import Piece, Pieces
from tinygrad_mlp.training._task import Samples
from tinygrad_mlp.training._weighting import relative

__all__ = [
    "EagerEngine",
    "Engine",
    "Objective",
    "StepSettings",
    "Taken",
    "mean_of",
]

Floats = NDArray[np.float64]

SAMPLES_AT_ONCE: Final = 32
"""How many samples share a graph: enough that a walk through the parameters is worth its time, few
enough that the graph stays small, whatever the size of the batch."""


@dataclass(frozen=True, eq=False)
class Objective:
    """What is minimized: the mean loss of a batch, and penalties on the size of the parameters.

    Attributes:
        loss: the loss, of single samples or over the batch.
        l1: the strength of the penalty ``l1 * sum(abs(p))``, 0 for none.
        l2: the strength of the penalty ``l2 * sum(p^2)``, 0 for none.

    >>> from tinygrad_mlp.losses import loss_named
    >>> loss = loss_named("hinge")
    >>> Objective(loss).penalized, Objective(loss, l2=0.1).penalized
    (False, True)
    """

    loss: Loss
    l1: float = 0.0
    l2: float = 0.0

    @cached_property
    def penalized(self) -> bool:
        """Whether there are penalties."""
        return self.l1 > 0.0 or self.l2 > 0.0

    def penalty(self, numbers: Sequence[float]) -> float:
        """The penalties together for parameters of this size.

        >>> from tinygrad_mlp.losses import loss_named
        >>> Objective(loss_named("hinge"), l1=0.5, l2=0.1).penalty([3.0, -1.0])
        3.0
        """
        p: Floats = np.asarray(numbers)
        with np.errstate(over="ignore"):
            sizes = (self.l1, np.abs(p).sum()), (self.l2, (p * p).sum())
            return sum([strength * float(size) for strength, size in sizes if strength], 0.0)

    def value(
        self,
        model: Module,
        X: Floats,
        targets: NDArray[Any],
        trained: Sequence[Any],
        weights: Floats | None = None,
    ) -> Value:
        """What is minimized for a batch, loss and penalties, as one graph.

        Args:
            model: the model, in the mode that it is in.
            X: the features, (n_samples, n_features).
            targets: the encoded targets, one row or number per sample.
            trained: the parameters that are penalized.
            weights: how much each sample counts; None for all alike.

        >>> from tinygrad_mlp.losses import loss_named
        >>> from tinygrad_mlp.nn import MLP
        >>> model = MLP(1, [1], init="zeros")
        >>> objective = Objective(loss_named("mean_squared_error"), l2=1.0)
        >>> batch = np.array([[1.0], [2.0]]), np.array([[2.0], [4.0]])
        >>> objective.value(model, *batch, model.parameters()).data
        10.0
        """
        try:
            rows = [sample_outputs(model, x, self.loss.from_logits) for x in X.tolist()]
        except BatchStatisticsError:  # the samples need each other
            recording = SampleRecording(model, X.shape[1], self.loss.from_logits)
            rows = recording.outputs(_values_of(X))
        if weights is None:
            terms = [self.loss.of_batch(rows, targets.tolist())]
        else:
            losses = [self.loss.sample_loss(*pair) for pair in zip(rows, targets.tolist())]
            counts = relative(weights).tolist()
            terms = [functional.sum([w * value for w, value in zip(counts, losses)]) / len(rows)]
        for penalty, strength in ((l1_penalty, self.l1), (l2_penalty, self.l2)):
            if strength:
                terms.append(penalty(trained, strength))
        return functional.sum(terms)


@dataclass(frozen=True, eq=False)
class Taken:
    """What steps say that were taken in one call, one after the other.

    Attributes:
        losses: the loss of each batch, without penalties, (n_steps,).
        penalties: the penalties of each step, likewise; empty where there are none.
        outputs: the outputs for all their samples, (n_samples, n_outputs); none if not asked for.
    """

    losses: Floats
    penalties: Floats
    outputs: Floats


class StepSettings:
    """What every engine is made with.

    Args:
        model: the model.
        objective: what is minimized.
        optimizer: steps the parameters that it holds; those are also clipped and, unless they are
            frozen, penalized.
        clip_norm: the largest norm of all gradients together; None for no limit.
        clip_value: the largest size of each gradient; None for no limit.
        backend: what runs a step that is compiled: "native", "numpy", or "auto".

    >>> from tinygrad_mlp.losses import loss_named
    >>> from tinygrad_mlp.nn import MLP
    >>> from tinygrad_mlp.optim import SGD
    >>> model, loss = MLP(1, [1]), loss_named("mean_squared_error")
    >>> StepSettings(model, Objective(loss), SGD(model.parameters())).choices
    {}
    """

    def __init__(
        self,
        model: Module,
        objective: Objective,
        optimizer: Optimizer,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        backend: Wanted = "auto",
    ) -> None:
        self.model = model
        self.objective = objective
        self.optimizer = optimizer
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.backend = backend
        self.batch_outputs: Floats  # there is none before the first step
        self.batch_penalty = 0.0
        self._start()

    def _start(self) -> None:
        """What an engine of a kind makes ready once it has its settings."""
        self._take_parameters()

    def _take_parameters(self) -> None:
        """Find the parameters that are stepped, and clear the gradients of the others."""
        model, optimizer = self.model, self.optimizer
        # An optimizer takes whatever has data and grad; what a graph is made of are Values.
        self.trained = [p for p in optimizer.parameters if isinstance(p, Value)]
        stepped = set(self.trained)
        self._left_out = [p for p in model.parameters() if p not in stepped]
        self._clear_left_out()
        # It may have stepped Values before and shall step an array now, or the other way round.
        optimizer._open_both_ways()

    def pieces(self, samples: Samples, batch_size: int | None, by_step: str = "") -> Pieces | None:
        """What takes many steps in one call: nothing, unless an engine has it."""
        return None

    def taken(self, piece: Piece) -> Taken:
        """What the steps of a piece have to say."""
        raise NotImplementedError  # there are no pieces

    @property
    def choices(self) -> dict[str, str]:
        """What it found out about how to compute, with the reasons; one that goes on takes it."""
        return {}

    def take_choices(self, choices: Mapping[str, str]) -> None:
        """Compute as one did whose ``choices`` these are."""

    @property
    def penalized(self) -> list[Value]:
        """The parameters on which there are penalties: those that are trained.

        >>> from tinygrad_mlp.losses import loss_named
        >>> from tinygrad_mlp.nn import Neuron
        >>> from tinygrad_mlp.optim import SGD
        >>> neuron = Neuron(2, rng=0)
        >>> neuron.b.requires_grad = False
        >>> objective = Objective(loss_named("hinge"), l2=0.1)
        >>> StepSettings(neuron, objective, SGD(neuron.parameters())).penalized == neuron.w
        True
        """
        frozen = set(frozen_among(self.trained))
        return [p for place, p in enumerate(self.trained) if place not in frozen]

    def _clear_left_out(self) -> None:
        """What the optimizer does not step has no gradient, whatever the engine."""
        for parameter in self._left_out:
            parameter.zero_grad()


class Engine(Protocol):
    """What ``fit`` needs of an engine.

    Attributes:
        batch_outputs: the outputs (n_samples, n_outputs) for the batch of the last ``step``, as the
            loss took them and as they were before ``update``.
        batch_penalty: the penalties of that step, which its gradients have in them.
    """

    batch_outputs: Floats
    batch_penalty: float

    @property
    def penalized(self) -> list[Value]:
        """The parameters on which there are penalties."""

    @property
    def name(self) -> str:
        """What the history calls it."""

    @property
    def choices(self) -> Mapping[str, str]:
        """What it found out about how to compute, for the engine of a run that goes on."""

    def take_choices(self, choices: Mapping[str, str]) -> None:
        """Compute as one did whose ``choices`` these are."""

    def step(self, X: Floats, targets: NDArray[Any], weights: Floats | None = None) -> float:
        """The loss of a batch, without penalties; the gradients of both are ready for ``update``.

        Args:
            X: the features, (n_samples, n_features).
            targets: the encoded targets, one row or number per sample.
            weights: how much each sample counts, (n_samples,); None for all alike.
        """

    def update(self) -> None:
        """Clip the gradients of the last ``step`` where that is wanted, and step the optimizer."""

    def pieces(self, samples: Samples, batch_size: int | None, by_step: str = "") -> Pieces | None:
        """What takes many steps in one call, ready for an epoch; None where each takes a call.

        Args:
            samples: those of all batches.
            batch_size: how many a batch has; None for all samples, in their order.
            by_step: why each takes a call whatever the engine; empty if there is no such reason.
        """

    def taken(self, piece: Piece) -> Taken:
        """What the steps of a piece have to say."""

    def evaluate(
        self, X: Floats, targets: NDArray[Any], weights: Floats | None = None
    ) -> tuple[float, Floats]:
        """The loss without penalties, and the outputs, of the model as it predicts."""

    def buffer_numbers(self) -> list[float]:
        """The numbers that the buffers of the model have now."""

    def put_buffers_back(self, numbers: list[float]) -> None:
        """Give the buffers the numbers that they had before a step that was not taken."""

    def write_back(self) -> None:
        """Bring the Values of the model up to date, for whoever looks at them after an epoch."""

    def read_back(self, plain_numbers: bool) -> None:
        """Take over what somebody has assigned to the Values after an epoch.

        Args:
            plain_numbers: whether plain numbers that the step reads may have changed as well.
        """


class EagerEngine(StepSettings):
    """The engine that builds the scalar graphs of the samples anew in every step.

    >>> from tinygrad_mlp.losses import loss_named
    >>> from tinygrad_mlp.nn import MLP
    >>> from tinygrad_mlp.optim import SGD
    >>> model = MLP(1, [1], init="zeros")
    >>> objective = Objective(loss_named("mean_squared_error"))
    >>> engine = EagerEngine(model, objective, SGD(model.parameters(), learning_rate=0.1))
    >>> X, targets = np.array([[1.0], [2.0]]), np.array([[2.0], [4.0]])
    >>> engine.step(X, targets)
    10.0
    >>> engine.update()
    >>> [parameter.data for parameter in model.parameters()]
    [1.0, 0.6000000000000001]
    """

    name = "eager"

    def step(self, X: Floats, targets: NDArray[Any], weights: Floats | None = None) -> float:
        """The loss of a batch; the gradients, of the penalties too, are left in the parameters."""
        for parameter in self.trained:
            parameter.zero_grad()
        loss = self.objective.loss
        with enable_grad():  # whatever is around the training
            value, outputs = self._step(loss, X, targets, weights)
            self.batch_penalty = self._penalize()
        self.batch_outputs = np.array(outputs)
        self._clear_left_out()
        return value

    def update(self) -> None:
        """Clip, then step the optimizer."""
        if self.clip_norm is not None:
            clip_by_norm(self.optimizer.parameters, self.clip_norm)
        if self.clip_value is not None:
            clip_by_value(self.optimizer.parameters, self.clip_value)
        self.optimizer.step()

    def evaluate(
        self, X: Floats, targets: NDArray[Any], weights: Floats | None = None
    ) -> tuple[float, Floats]:
        """The loss without penalties, and the outputs."""
        loss = self.objective.loss
        outputs = model_outputs(self.model, X, from_logits=loss.from_logits, eager=True)
        rows = [_values(row) for row in outputs.tolist()]
        with no_grad():
            if loss.batch_loss is not None:
                return loss.of_batch(rows, targets.tolist()).data, outputs
            losses = [loss.sample_loss(*pair).data for pair in zip(rows, targets.tolist())]
        return mean_of(losses, weights), outputs

    def buffer_numbers(self) -> list[float]:
        """The numbers of the buffers."""
        return read_numbers(self._buffers)

    def put_buffers_back(self, numbers: list[float]) -> None:
        """Give the buffers numbers that they had before."""
        write_numbers(self._buffers, numbers)

    def write_back(self) -> None:
        """Nothing to do: it works on the Values themselves."""

    def read_back(self, plain_numbers: bool) -> None:
        """Find out anew whether the samples need each other, and how."""
        self._try_anew()

    def _start(self) -> None:
        self._take_parameters()
        self._buffers = self.model.buffers()
        self._try_anew()

    def _try_anew(self) -> None:
        self._in_lockstep: SampleRecording | None = None
        self._is_tried = False

    def _step(
        self, loss: Loss, X: Floats, targets: NDArray[Any], weights: Floats | None
    ) -> tuple[float, list[list[float]]]:
        """In lockstep where the model takes a mean over the batch, which shows when it is tried."""
        if self._in_lockstep is None:
            before = None if self._is_tried else AsItWas(self.model)
            try:
                # What connects the samples needs them all in one graph.
                if loss.batch_loss is None:
                    result = self._step_by_samples(loss, X, targets, weights)
                else:
                    result = self._step_at_once(loss, X, targets)
            except BatchStatisticsError:
                if before is None:
                    raise
                before.restore()
                self._in_lockstep = SampleRecording(self.model, X.shape[1], loss.from_logits)
            else:
                self._is_tried = True
                return result
        return self._step_in_lockstep(loss, X, targets, weights, self._in_lockstep)

    def _step_by_samples(
        self, loss: Loss, X: Floats, targets: NDArray[Any], weights: Floats | None
    ) -> tuple[float, list[list[float]]]:
        """A few samples after the other: their graph is freed before the next, gradients add up."""
        total = 0.0
        rows = []
        counts = None if weights is None else relative(weights).tolist()
        for start in range(0, len(X), SAMPLES_AT_ONCE):
            part = slice(start, start + SAMPLES_AT_ONCE)
            losses = []
            for x, target in zip(X[part].tolist(), targets[part].tolist()):
                outputs = sample_outputs(self.model, x, loss.from_logits)
                losses.append(loss.sample_loss(outputs, target))
                rows.append(_numbers(outputs))
            if counts is not None:
                losses = [count * value for count, value in zip(counts[part], losses)]
            share = functional.sum(losses) / len(X)
            share.backward()
            total += share.data
        return total, rows

    def _step_at_once(
        self, loss: Loss, X: Floats, targets: NDArray[Any]
    ) -> tuple[float, list[list[float]]]:
        """One graph over the whole batch, which the loss may connect in any way."""
        rows = [sample_outputs(self.model, x, loss.from_logits) for x in X.tolist()]
        return self._step_with(rows, loss, targets, None)

    def _step_in_lockstep(
        self,
        loss: Loss,
        X: Floats,
        targets: NDArray[Any],
        weights: Floats | None,
        recording: SampleRecording,
    ) -> tuple[float, list[list[float]]]:
        """One graph over the whole batch, whose samples the model connects."""
        return self._step_with(recording.outputs(_values_of(X)), loss, targets, weights)

    def _step_with(
        self,
        rows: list[list[Value]],
        loss: Loss,
        targets: NDArray[Any],
        weights: Floats | None,
    ) -> tuple[float, list[list[float]]]:
        """The loss of all outputs of a batch, differentiated."""
        if loss.batch_loss is None:
            losses = [loss.sample_loss(*pair) for pair in zip(rows, targets.tolist())]
            if weights is not None:
                losses = [w * value for w, value in zip(relative(weights).tolist(), losses)]
            value = functional.sum(losses) / len(rows)
        else:
            value = loss.of_batch(rows, targets.tolist())
        value.backward()
        return value.data, [_numbers(row) for row in rows]

    def _penalize(self) -> float:
        """Add the gradients of the penalties; the value of both together."""
        total = 0.0
        for penalty, strength in ((l1_penalty, self.objective.l1), (l2_penalty, self.objective.l2)):
            if strength:
                value = penalty(self.penalized, strength)
                value.backward()
                total += value.data
        return total


def mean_of(numbers: Floats | list[float], weights: Floats | None = None) -> float:
    """The mean, or weighted mean; of numbers that are too large it is inf, without a warning.

    >>> mean_of([1e308, 1e308])
    inf
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.mean(numbers if weights is None else relative(weights) * numbers))


def _values_of(X: Floats) -> list[list[Value]]:
    return [[as_value(number) for number in x] for x in X.tolist()]


def _numbers(outputs: Sequence[Value]) -> list[float]:
    return [output.data for output in outputs]


def _values(numbers: Sequence[float]) -> list[Value]:
    return [Value(number) for number in numbers]
