"""The engines that train by default: the scalar graph of a step, compiled.

A loss of single samples is recorded for one of them and mapped over the batch; where the samples
are not independent, and for a loss over the batch, the whole batch is recorded. What
cannot be recorded at all is left to the eager engine. See ``compiler``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import copy_context
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp import functional
from tinygrad_mlp._native._stand_ins import UntraceableError
from tinygrad_mlp.compiler import Program, compile
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import (
    BackendError,
    BatchStatisticsError,
    NonFiniteError,
    SampleOrderError,
    TinygradMLPError,
)
from tinygrad_mlp.losses import l1_penalty, l2_penalty
from tinygrad_mlp.optim import clip_by_norm, clip_by_value
from tinygrad_mlp.training._engines import (
    EagerEngine,
    Engine,
    StepSettings,
    Taken,
    mean_of,
)
from tinygrad_mlp.training._epoch_memory import Batches, readable_batches
from tinygrad_mlp.training._outputs import evaluation_mode, recording_of, sample_outputs
from tinygrad_mlp.training._over_batches import outputs_of_batch
from tinygrad_mlp.training._rule_of_steps import OptimizerRule
from tinygrad_mlp.training._steps_in_pieces import Piece, Pieces
from tinygrad_mlp.training._task import Samples
from tinygrad_mlp.training._weighting import relative

__all__ = ["AutoEngine", "CompiledEngine"]

Floats = NDArray[np.float64]


class CompiledEngine(StepSettings):
    """The engine that records the step once and replays it as matrix products.

    The parameters live in one flat array meanwhile; ``write_back`` brings the Values up to date.

    >>> from tinygrad_mlp.losses import loss_named
    >>> from tinygrad_mlp.nn import MLP
    >>> from tinygrad_mlp.optim import SGD
    >>> from tinygrad_mlp.training._engines import Objective
    >>> model = MLP(1, [1], init="zeros")
    >>> objective = Objective(loss_named("mean_squared_error"))
    >>> engine = CompiledEngine(model, objective, SGD(model.parameters(), learning_rate=0.1))
    >>> engine.step(np.array([[1.0], [2.0]]), np.array([[2.0], [4.0]]))
    10.0
    >>> engine.update()
    >>> engine.write_back()
    >>> [round(parameter.data, 12) for parameter in model.parameters()]
    [1.0, 0.6]
    """

    def _start(self) -> None:
        """Record nothing yet; the first step does."""
        self._take_parameters()
        self._whole_batch = self._by_step = self._not_native = ""
        self._is_native = False
        self._rule = OptimizerRule(self.optimizer, self.clip_value)
        self._batches: Batches | None = None
        self._samples: Samples | None = None
        self.program: Program
        # As in Program: a context in which overflow is ignored is entered faster than np.errstate.
        self._silently = copy_context()
        self._silently.run(np.seterr, all="ignore")
        self._compile(per_sample=self.objective.loss.batch_loss is None)

    def _compile(self, per_sample: bool) -> None:
        self._per_sample = per_sample
        within = partial(recording_of, self.model)
        step, evaluation = (
            (self._sample_objective, self._sample_evaluation)
            if per_sample
            else (self._batch_objective, self._batch_evaluation)
        )
        self.program = compile(
            step, self.trained, per_sample=per_sample, has_auxiliary=True, backend=self.backend
        )
        self.program.within = within
        self._buffers = self.model.buffers()
        self.program.keep(self._buffers)
        # The targets of a pure loss were checked before the first step, all at once.
        self.program.checks_targets = not self.objective.loss.pure
        self._evaluation = self.program.prediction(evaluation)
        self._evaluation.each_by_itself = True
        self._pieces = Pieces(self.program, self._rule, self.clip_norm)

    @property
    def name(self) -> str:
        """What runs the steps; and how, where that is not as one would expect."""
        kind = "native" if self._is_native else "compiled"
        if not (self._whole_batch or self._by_step or self._not_native):
            return kind  # as it mostly is, after each epoch
        notes = [f"for whole batches: {self._whole_batch}"] * bool(self._whole_batch)
        notes += [f"a call per step: {self._by_step}"] * bool(self._by_step)
        notes += [f"not native: {self._not_native}"] * bool(self._not_native)
        return f"{kind} ({'; '.join(notes)})"

    def pieces(self, samples: Samples, batch_size: int | None, by_step: str = "") -> Pieces | None:
        """What takes many steps in one call; None if it cannot, which ``name`` has the reason of.

        Args:
            samples: those of all batches.
            batch_size: how many a batch has; None for all.
            by_step: why each step needs a call; empty if it does not.
        """
        if self.backend == "numpy":  # then each step takes a call, which is no news
            return None
        self._is_native, self._by_step, self._not_native = False, "", ""
        try:
            self._pieces.make_ready(self._as_batches(samples, batch_size), by_step)
        except UntraceableError as error:
            self._by_step = str(error)
            self._is_native = bool(self._by_step)
            self._not_native = self.program.backend.not_native
            return None
        except SampleOrderError as error:
            self._take_whole_batches(error.reason)
            return self.pieces(samples, batch_size, by_step)
        except TinygradMLPError:
            return None  # a step says it
        self._is_native = True
        return self._pieces

    def _as_batches(self, samples: Samples, batch_size: int | None) -> Batches:
        """The same as before for the same samples."""
        if self._batches is None or self._samples is not samples:
            arrays, weighted = (samples.X, samples.targets), samples.weights is not None
            self._samples = samples
            self._batches = readable_batches(arrays, self.program.dtype, batch_size, weighted)
        return self._batches

    def taken(self, piece: Piece) -> Taken:
        """What the steps of a piece have to say."""
        losses, sizes, kept = piece.losses, piece.sizes, piece.auxiliary
        if kept is None:
            return Taken(losses, losses[:0], np.empty((0, 0)))
        n_samples = int(sizes.sum())
        if not self.objective.penalized:
            return Taken(losses, losses[:0], kept.reshape(n_samples, -1))
        if self._per_sample:  # for each sample its loss, the penalty and the outputs
            rows, starts = kept.reshape(n_samples, -1), np.cumsum(sizes) - sizes
            with np.errstate(over="ignore", invalid="ignore"):
                losses = np.add.reduceat(np.ascontiguousarray(rows[:, 0]), starts) / sizes
            return Taken(losses, rows[starts, 1], rows[:, 2:])
        n_outputs = (len(kept) - 2 * len(sizes)) // n_samples  # for each batch likewise
        starts = np.cumsum(2 + n_outputs * sizes) - (2 + n_outputs * sizes)
        outputs = np.delete(kept, [*starts, *(starts + 1)])
        return Taken(kept[starts], kept[starts + 1], outputs.reshape(n_samples, -1))

    def step(self, X: Floats, targets: NDArray[Any], weights: Floats | None = None) -> float:
        """The loss of a batch; the gradients, of the penalties too, are left in the program."""
        batch = (X, targets) if weights is None else (X, targets, relative(weights))
        try:
            value: float = self.program(*batch)
        except SampleOrderError as error:
            self._take_whole_batches(error.reason)
            value = self.program(*batch)
        kept = self.program.auxiliary
        if self.objective.penalized:  # the losses, and the penalties, stand before the outputs
            kept = kept if self._per_sample else kept.reshape(1, -1)
            value, self.batch_penalty = mean_of(kept[:, 0]), float(kept[0, 1])
            kept = kept[:, 2:]
        self.batch_outputs = (
            kept if kept.ndim == 2 and self._per_sample else kept.reshape(len(X), -1)
        )
        return value

    def update(self) -> None:
        """Clip, then step the optimizer, both on the flat arrays."""
        self._silently.run(self._update)

    def _update(self) -> None:
        program = self.program
        if self.clip_norm is not None:
            clip_by_norm(program.gradients, self.clip_norm)
        if self.clip_value is not None:
            clip_by_value(program.gradients, self.clip_value)
        self.optimizer.step_array(program.parameters, program.gradients)

    def evaluate(
        self, X: Floats, targets: NDArray[Any], weights: Floats | None = None
    ) -> tuple[float, Floats]:
        """The loss without penalties, and the outputs."""
        samples = (X, targets) if weights is None else (X, targets, relative(weights))
        with evaluation_mode(self.model):
            try:
                results = self._evaluation(*samples)
            except SampleOrderError as error:
                self._take_whole_batches(error.reason)
                results = self._evaluation(*samples)
        if self._per_sample:
            return mean_of(results[:, 0]), results[:, 1:]
        return float(results[0]), results[1:].reshape(len(X), -1)

    def _take_whole_batches(self, reason: str) -> None:
        """From one sample mapped over a batch to a program of samples one after the other."""
        numbers, kept = self.program.parameters, self.program.kept
        self._compile(per_sample=False)
        self.program.parameters, self.program.kept = numbers, kept
        self._whole_batch = reason

    @property
    def choices(self) -> dict[str, str]:
        """Why it takes whole batches, if it does; and what runs the steps, for the name."""
        runs_on = "native" if self._is_native else ""
        return {
            "whole_batch": self._whole_batch,
            "runs_on": runs_on,
            "by_step": self._by_step,
            "not_native": self._not_native,
        }

    def take_choices(self, choices: Mapping[str, str]) -> None:
        """Take whole batches from the start where that was found out before."""
        if choices.get("whole_batch"):
            self._take_whole_batches(choices["whole_batch"])
        self._is_native = choices.get("runs_on") == "native"
        self._by_step = choices.get("by_step", "")
        self._not_native = choices.get("not_native", "")

    def buffer_numbers(self) -> list[float]:
        """The numbers of the buffers, which the program has."""
        numbers: list[float] = self.program.kept.tolist()
        return numbers

    def put_buffers_back(self, numbers: list[float]) -> None:
        """Give the program numbers that the buffers had before."""
        self.program.kept = numbers

    def write_back(self) -> None:
        """Copy parameters, gradients and buffers into the Values."""
        self.program.write_back()

    def read_back(self, plain_numbers: bool) -> None:
        """Take over what somebody has assigned to the Values, or to plain numbers."""
        self.program.read_parameters()
        if plain_numbers:
            self.program.refresh()
            with evaluation_mode(self.model):
                self._evaluation.refresh()

    # What is recorded

    def _sample_objective(
        self, x: Sequence[Value], target: Sequence[Value], *weight: Value
    ) -> tuple[Value, list[Value]]:
        value, *outputs = self._sample_evaluation(x, target, *weight)
        return self._penalized(value, outputs)

    def _sample_evaluation(
        self, x: Sequence[Value], target: Sequence[Value], *weight: Value
    ) -> list[Value]:
        loss = self.objective.loss
        outputs = sample_outputs(self.model, x, loss.from_logits)
        value = loss.sample_loss(outputs, target)
        for count in weight:
            value = count * value
        return [value, *outputs]

    def _batch_objective(
        self, X: Sequence[Sequence[Value]], targets: Sequence[Any], *weights: Sequence[Value]
    ) -> tuple[Value, list[Value]]:
        value, *outputs = self._batch_evaluation(X, targets, *weights)
        return self._penalized(value, outputs)

    def _batch_evaluation(
        self, X: Sequence[Sequence[Value]], targets: Sequence[Any], *weights: Sequence[Value]
    ) -> list[Value]:
        loss = self.objective.loss
        rows = outputs_of_batch(self.model, X, loss.from_logits)
        return [loss.of_batch(rows, targets, *weights), *[output for row in rows for output in row]]

    def _penalized(self, value: Value, outputs: list[Value]) -> tuple[Value, list[Value]]:
        """The objective, and what the program keeps beside it."""
        objective = self.objective
        if not objective.penalized:
            return value, outputs
        terms = []
        if objective.l1:
            terms.append(l1_penalty(self.penalized, objective.l1))
        if objective.l2:
            terms.append(l2_penalty(self.penalized, objective.l2))
        penalty = functional.sum(terms)
        return value + penalty, [value, penalty, *outputs]


_REACH_THE_CALLER: Final = (NonFiniteError, BatchStatisticsError, BackendError)
"""What detect_anomaly says of a step that was recorded; of a batch without statistics, which holds
eagerly too; and of a back end that somebody asks for, and that cannot run the step."""


class AutoEngine(StepSettings):
    """Compiled where the step can be recorded, else eager; ``name`` says which, and why.

    What cannot be recorded is a model or a loss that branches on the number of a Value, or that
    does something else each time. The eager engine then goes on from the weights and the state of
    the optimizer as they are.

    >>> from tinygrad_mlp.losses import as_loss
    >>> from tinygrad_mlp.nn import MLP
    >>> from tinygrad_mlp.optim import SGD
    >>> from tinygrad_mlp.training._engines import Objective
    >>> def own(outputs, targets):
    ...     return outputs[0] * 2.0 if outputs[0] > 0.0 else -outputs[0]
    >>> model = MLP(1, [1], init="zeros")
    >>> engine = AutoEngine(model, Objective(as_loss(own)), SGD(model.parameters()))
    >>> abs(engine.step(np.array([[1.0]]), np.array([[2.0]])))
    0.0
    >>> engine.name
    'eager (not compiled: it was used as a truth value (if, and, or, not, min, max))'
    """

    def _start(self) -> None:
        """Begin with the compiled engine."""
        self._engine: Engine = self._of_kind(CompiledEngine)
        self._fallback = ""

    @property
    def name(self) -> str:
        """The engine at work, with the reason where it is not the compiled one."""
        return self._engine.name + self._fallback

    @property
    def penalized(self) -> list[Value]:
        """Those of the engine at work."""
        return self._engine.penalized

    def step(self, X: Floats, targets: NDArray[Any], weights: Floats | None = None) -> float:
        """The loss of a batch, without penalties; the gradients are ready for ``update``."""
        try:
            value = self._engine.step(X, targets, weights)
        except TinygradMLPError as error:
            self._fall_back(error)
            value = self._engine.step(X, targets, weights)
        self.batch_outputs = self._engine.batch_outputs
        self.batch_penalty = self._engine.batch_penalty
        return value

    def update(self) -> None:
        """Clip the gradients of the last ``step``, and step the optimizer."""
        self._engine.update()

    def pieces(self, samples: Samples, batch_size: int | None, by_step: str = "") -> Pieces | None:
        """What takes many steps in one call; None if the engine at work cannot."""
        return self._engine.pieces(samples, batch_size, by_step)

    def taken(self, piece: Piece) -> Taken:
        """What the steps of a piece have to say."""
        return self._engine.taken(piece)

    def evaluate(
        self, X: Floats, targets: NDArray[Any], weights: Floats | None = None
    ) -> tuple[float, Floats]:
        """The loss without penalties, and the outputs."""
        try:
            return self._engine.evaluate(X, targets, weights)
        except TinygradMLPError as error:
            self._fall_back(error)
            return self._engine.evaluate(X, targets, weights)

    def buffer_numbers(self) -> list[float]:
        """The numbers of the buffers."""
        return self._engine.buffer_numbers()

    def put_buffers_back(self, numbers: list[float]) -> None:
        """Give the buffers numbers that they had before."""
        self._engine.put_buffers_back(numbers)

    def write_back(self) -> None:
        """Bring the Values up to date."""
        self._engine.write_back()

    def read_back(self, plain_numbers: bool) -> None:
        """Take over what somebody has assigned to the Values, or to plain numbers."""
        self._engine.read_back(plain_numbers)

    @property
    def choices(self) -> dict[str, str]:
        """Why it fell back to the eager engine, if it did; else those of the engine at work."""
        return {"fallback": self._fallback, **self._engine.choices}

    def take_choices(self, choices: Mapping[str, str]) -> None:
        """Go on with the engine that was at work."""
        if choices.get("fallback"):
            self._take_eager(choices["fallback"])
        self._engine.take_choices(choices)

    def _fall_back(self, error: TinygradMLPError) -> None:
        if isinstance(self._engine, EagerEngine) or isinstance(error, _REACH_THE_CALLER):
            raise error
        self._engine.write_back()
        reason = getattr(error, "reason", "") or str(error).partition(";")[0]
        self._take_eager(f" (not compiled: {reason})")

    def _take_eager(self, fallback: str) -> None:
        self._engine = self._of_kind(EagerEngine)
        self._fallback = fallback

    def _of_kind(self, kind: type[CompiledEngine] | type[EagerEngine]) -> Engine:
        limits = (self.clip_norm, self.clip_value)
        return kind(self.model, self.objective, self.optimizer, *limits, self.backend)
