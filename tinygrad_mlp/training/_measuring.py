"""How good a model is while it trains: right answers along the way, losses after an epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.data._batching import batch_indices
from tinygrad_mlp.training._engines import Engine, Objective
from tinygrad_mlp.training._task import Samples, Task

__all__ = ["Measuring", "RightAnswers"]

MOST_WAITING: Final = 4096
"""So many samples wait to be counted."""


@dataclass(frozen=True)
class Measuring:
    """Measures with the engine that trains, and with the weights as they are.

    >>> from tinygrad_mlp.nn import MLP
    >>> from tinygrad_mlp.optim import SGD
    >>> from tinygrad_mlp.training._engines import EagerEngine
    >>> model = MLP(1, [1], init="zeros")
    >>> task, samples = Task.for_data(model, [[1.0], [2.0]], [2.0, 4.0])
    >>> objective, optimizer = Objective(task.loss, l2=0.5), SGD(model.parameters())
    >>> engine = EagerEngine(model, objective, optimizer)
    >>> measuring = Measuring(engine, task, objective, batch_size=None)
    >>> measuring.of(samples), measuring.penalty()
    ((10.0, 0.0), 0.0)
    """

    engine: Engine
    task: Task
    objective: Objective
    batch_size: int | None

    def of(self, samples: Samples) -> tuple[float, float]:
        """The loss and the accuracy on samples as they are, those held out for example."""
        loss, outputs = self.engine.evaluate(samples.X, samples.targets, samples.weights)
        return loss, self.task.count_right(outputs, samples.answers) / len(samples.X)

    def of_training(self, samples: Samples) -> tuple[float, float]:
        """The loss and the accuracy on the training samples."""
        n_samples = len(samples.X)
        if self.objective.loss.batch_loss is None or self.batch_size is None:
            return self.of(samples)
        loss = n_right = 0.0  # such a loss is one of a batch of this size
        for indices in batch_indices(n_samples, self.batch_size, shuffle=False):
            mean, share = self.of(samples.take(indices))
            loss, n_right = loss + len(indices) * mean, n_right + len(indices) * share
        return loss / n_samples, n_right / n_samples

    def penalty(self) -> float:
        """The penalties of the weights."""
        self.engine.write_back()
        return self.objective.penalty([parameter.data for parameter in self.engine.penalized])


class RightAnswers:
    """Counts them over the batches of an epoch, some thousands at a time, which takes less time.

    >>> from tinygrad_mlp.nn import MLP
    >>> task, samples = Task.for_data(MLP(1, [1]), [[1.0], [2.0]], ["no", "yes"])
    >>> right = RightAnswers(task)
    >>> right.add(np.array([[-3.0], [-2.0]]), samples.answers)
    >>> right.total(), right.total()
    (1.0, 0.0)
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._start()

    def _start(self) -> None:
        self._n_right = self._n_samples = self._n_answers = 0
        self._outputs: list[NDArray[np.float64]] = []
        self._answers: list[NDArray[np.int64]] = []
        self._n_waiting = 0

    def add(self, outputs: NDArray[np.float64], answers: NDArray[np.int64]) -> None:
        """Some samples more: the outputs for them, and the right answers."""
        self._outputs.append(outputs)
        self._answers.append(answers)
        self._n_waiting += len(outputs)
        if self._n_waiting >= MOST_WAITING:
            self._count()

    def total(self) -> float:
        """How many there were since the last time this was asked."""
        self._count()
        n_right = self._n_right * self._n_samples / max(self._n_answers, 1)
        self._start()
        return n_right

    def of_epochs(
        self, outputs: NDArray[np.float64], answers: NDArray[np.int64], n_epochs: int
    ) -> list[float]:
        """How many there are in each of some epochs, of which these are all samples in turn."""
        right = self._task.right(outputs, answers)
        if right is None:
            return [0.0] * n_epochs
        counts = np.count_nonzero(right.reshape(n_epochs, -1), axis=1)
        return [n * len(right) / right.size for n in counts.tolist()]

    def _count(self) -> None:
        if self._outputs:
            outputs, answers = np.concatenate(self._outputs), np.concatenate(self._answers)
            self._outputs, self._answers, self._n_waiting = [], [], 0
            right = self._task.right(outputs, answers)
            if right is not None:
                self._n_right += int(np.count_nonzero(right))
                self._n_samples, self._n_answers = (
                    self._n_samples + len(right),
                    (self._n_answers + right.size),
                )
