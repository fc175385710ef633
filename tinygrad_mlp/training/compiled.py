"""The engine that trains by default: the scalar graph of a step, compiled to NumPy calls.

A loss of single samples is recorded for one of them and mapped over the batch; a person's own loss
over the batch is recorded for the whole batch. See ``compiler``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp import functional
from tinygrad_mlp.compiler import Program, compile
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import TracingError
from tinygrad_mlp.losses import Loss, l1_penalty, l2_penalty
from tinygrad_mlp.nn.module import Module
from tinygrad_mlp.optim import Optimizer, clip_by_norm, clip_by_value
from tinygrad_mlp.training.engines import (
    ENGINES,
    EagerEngine,
    Engine,
    Objective,
    checked_loss,
    unwrapped,
)
from tinygrad_mlp.training.outputs import evaluation_mode, sample_outputs

__all__ = ["AutoEngine", "CompiledEngine"]

Floats = NDArray[np.float64]


class CompiledEngine:
    """The engine that records the step once and replays it as matrix products.

    The parameters live in one flat array meanwhile; ``write_back`` brings the Values up to date.

    Args:
        model: the model.
        objective: what is minimised.
        optimizer: steps the parameters that it holds.
        clip_norm: the largest norm of all gradients together; None for no limit.
        clip_value: the largest size of each gradient; None for no limit.

    >>> from tinygrad_mlp.losses import loss_named
    >>> from tinygrad_mlp.nn import MLP
    >>> from tinygrad_mlp.optim import SGD
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

    name = "compiled"

    def __init__(
        self,
        model: Module,
        objective: Objective,
        optimizer: Optimizer,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        self.model = model
        self.objective = objective
        self.optimizer = optimizer
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.batch_outputs: Floats = np.empty((0, 0))
        # An optimizer takes whatever has data and grad; what is recorded are Values.
        self._parameters = [p for p in optimizer.parameters if isinstance(p, Value)]
        self.program: Program
        if isinstance(objective.loss, Loss):
            self.program = compile(
                self._sample_objective, self._parameters, per_sample=True, has_auxiliary=True
            )
            self._evaluation = self.program.prediction(self._sample_evaluation)
        else:
            self.program = compile(self._batch_objective, self._parameters, has_auxiliary=True)
            self._evaluation = self.program.prediction(self._batch_evaluation)
        optimizer.load_state_dict(optimizer.state_dict())  # it may have stepped Values before

    def step(self, X: Floats, targets: NDArray[Any]) -> float:
        """The objective on a batch; the gradients are left in the program."""
        value: float = self.program(X, targets)
        self.batch_outputs = self.program.auxiliary.reshape(len(X), -1)
        return value

    def update(self) -> None:
        """Clip, then step the optimizer, both on the flat arrays."""
        gradients = self.program.gradients
        with np.errstate(all="ignore"):
            if self.clip_norm is not None:
                clip_by_norm(gradients, self.clip_norm)
            if self.clip_value is not None:
                clip_by_value(gradients, self.clip_value)
            self.optimizer.step_array(self.program.parameters, gradients)

    def evaluate(self, X: Floats, targets: NDArray[Any]) -> tuple[float, Floats]:
        """The loss without penalties, and the outputs."""
        with evaluation_mode(self.model):
            results = self._evaluation(X, targets)
        if isinstance(self.objective.loss, Loss):
            return float(np.mean(results[:, 0])), results[:, 1:]
        return float(results[0]), results[1:].reshape(len(X), -1)

    def write_back(self) -> None:
        """Copy parameters and gradients into the Values."""
        self.program.write_back()

    def read_back(self) -> None:
        """Take over what somebody has assigned to the Values."""
        self.program.read_parameters()

    # What is recorded

    def _sample_objective(
        self, x: Sequence[Value], target: Sequence[Value]
    ) -> tuple[Value, list[Value]]:
        loss = self.objective.loss
        assert isinstance(loss, Loss)
        outputs = sample_outputs(self.model, x, loss.from_logits)
        return loss.sample_loss(outputs, target) + self._penalties(), outputs

    def _sample_evaluation(self, x: Sequence[Value], target: Sequence[Value]) -> list[Value]:
        loss = self.objective.loss
        assert isinstance(loss, Loss)
        outputs = sample_outputs(self.model, x, loss.from_logits)
        return [loss.sample_loss(outputs, target), *outputs]

    def _batch_objective(
        self, X: Sequence[Sequence[Value]], targets: Sequence[Any]
    ) -> tuple[Value, list[Value]]:
        value, *outputs = self._batch_evaluation(X, targets)
        return value + self._penalties(), outputs

    def _batch_evaluation(
        self, X: Sequence[Sequence[Value]], targets: Sequence[Any]
    ) -> list[Value]:
        loss = self.objective.loss
        assert not isinstance(loss, Loss)
        rows = [self.model.forward(x) for x in X]
        value = checked_loss(loss, loss(unwrapped(rows), targets))
        return [value, *[output for row in rows for output in row]]

    def _penalties(self) -> Value | float:
        objective = self.objective
        terms = []
        if objective.l1:
            terms.append(l1_penalty(self._parameters, objective.l1))
        if objective.l2:
            terms.append(l2_penalty(self._parameters, objective.l2))
        return functional.sum(terms) if terms else 0.0


class AutoEngine:
    """Compiled where the step can be recorded, else eager; ``name`` says which, and why.

    What cannot be recorded is a model or a loss that branches on the number of a Value.

    >>> from tinygrad_mlp.losses import loss_named
    >>> from tinygrad_mlp.nn import MLP
    >>> from tinygrad_mlp.optim import SGD
    >>> def own(outputs, targets):
    ...     return outputs[0] * 2.0 if outputs[0] > 0.0 else -outputs[0]
    >>> model = MLP(1, [1], init="zeros")
    >>> engine = AutoEngine(model, Objective(own), SGD(model.parameters()))
    >>> abs(engine.step(np.array([[1.0]]), np.array([[2.0]])))
    0.0
    >>> engine.name
    'eager (not compiled: it was used as a truth value (if, and, or, not, min, max))'
    """

    def __init__(
        self,
        model: Module,
        objective: Objective,
        optimizer: Optimizer,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        self._eager = EagerEngine(model, objective, optimizer, clip_norm, clip_value)
        self._engine: Engine = CompiledEngine(model, objective, optimizer, clip_norm, clip_value)
        self.name = self._engine.name
        self.batch_outputs: Floats = np.empty((0, 0))

    def step(self, X: Floats, targets: NDArray[Any]) -> float:
        """The objective on a batch; its gradients are ready for ``update``."""
        try:
            value = self._engine.step(X, targets)
        except TracingError as error:
            if self._engine is self._eager:
                raise
            self._engine = self._eager
            self.name = f"eager (not compiled: {error.reason})"
            value = self._engine.step(X, targets)
        self.batch_outputs = self._engine.batch_outputs
        return value

    def update(self) -> None:
        """Clip the gradients of the last ``step``, and step the optimizer."""
        self._engine.update()

    def evaluate(self, X: Floats, targets: NDArray[Any]) -> tuple[float, Floats]:
        """The loss without penalties, and the outputs."""
        return self._engine.evaluate(X, targets)

    def write_back(self) -> None:
        """Bring the Values up to date."""
        self._engine.write_back()

    def read_back(self) -> None:
        """Take over what somebody has assigned to the Values."""
        self._engine.read_back()


ENGINES.update({"compiled": CompiledEngine, "auto": AutoEngine})
