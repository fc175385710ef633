"""``fit``: the loop of every course on training, over epochs and batches.

What the numbers in ``y`` mean is worked out in ``task``, what a step computes in ``engines``, and
what was asked for is checked in ``settings``; here is the order in which things happen.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp.data.batching import batch_indices
from tinygrad_mlp.losses import Loss
from tinygrad_mlp.nn.module import Module
from tinygrad_mlp.optim import Optimizer, Schedule
from tinygrad_mlp.training.callbacks import Callback, TrainingEndCallback
from tinygrad_mlp.training.engines import BatchLoss, Engine, Objective, make_engine
from tinygrad_mlp.training.history import COMPLETED, INTERRUPTED, History
from tinygrad_mlp.training.progress import Progress
from tinygrad_mlp.training.settings import (
    check_callbacks,
    check_clipping,
    check_epochs,
    check_penalty,
    optimizer_for,
    schedule_for,
)
from tinygrad_mlp.training.task import Samples, Task

__all__ = ["fit"]


def fit(
    model: Module,
    X: ArrayLike,
    y: ArrayLike,
    *,
    epochs: int = 100,
    batch_size: int | None = None,
    loss: str | Loss | BatchLoss | None = None,
    optimizer: str | Optimizer = "sgd",
    learning_rate: float | None = None,
    schedule: str | Schedule | None = None,
    l1: float = 0.0,
    l2: float = 0.0,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    validation_data: tuple[ArrayLike, ArrayLike] | None = None,
    shuffle: bool = True,
    rng: int | np.random.Generator | None = None,
    log_every: int | None = 100,
    progress: bool | None = None,
    callbacks: Iterable[Callback] = (),
    engine: str = "eager",
) -> History:
    """Train a model: in every epoch go through the samples in batches and take a step with each.

    For each batch of m samples: objective = (1/m) sum of the losses + l1 sum |p| + l2 sum p^2, its
    gradients by ``backward``, clipping, a step of the optimizer. Ctrl-C ends the training with the
    weights as they are and the history so far; a loss that becomes nan ends it too. The same seeds
    (of the model, and ``rng``) give the same weights to the last bit.

    Args:
        model: the model; its parameters are changed. It learns what it was trained for, so that
            ``predict`` gives labels as ``y`` has them.
        X: the features, (n_samples, n_features).
        y: the targets, (n_samples,) or (n_samples, n_outputs): numbers for a regression, or the
            labels of a classification as people have them: whole numbers, text, booleans.
        epochs: how often to go through the samples.
        batch_size: None for all samples at once (batch gradient descent), 1 for one at a time
            (stochastic gradient descent), m for mini-batches.
        loss: a name or a ``Loss``; a function of your own, ``loss(outputs, targets) -> Value`` over
            a batch (a Value and a number per sample, lists of them where there are several); or None
            for the one that suits ``y`` and the number of outputs: cross-entropy for labels, the
            mean squared error for numbers.
        optimizer: a name, or an ``Optimizer`` of the model's parameters (or of those of them that
            are to be trained).
        learning_rate: for an optimizer given by name; None for 0.1 (sgd) or 0.01 (the others).
        schedule: a ``Schedule``, or a name for one that spans the epochs.
        l1: the strength of the L1 penalty on all trained parameters.
        l2: the strength of the L2 penalty.
        clip_norm: the largest norm of all gradients together.
        clip_value: the largest size of each gradient, applied after ``clip_norm``.
        validation_data: a pair (X, y) on which the model is measured after each epoch.
        shuffle: whether the samples come in a new random order in every epoch.
        rng: the seed, or the generator, of these orders.
        log_every: print the losses after every so many epochs, and the last; None or 0 for never.
        progress: whether to show a progress bar; None where tqdm is installed and the output is a
            terminal.
        callbacks: what else to do after each epoch; see ``Callback``.
        engine: what computes the steps: "eager".

    Returns:
        The History.

    Raises:
        DataError: if the data are empty, hold nan or inf, or labels that the model has no output for.
        ShapeError: if lengths or shapes do not fit to one another or to the model.
        InvalidArgumentError: for a number out of its range.
        UnknownNameError: for an unknown loss, optimizer, schedule or engine; it lists the known ones.
        MissingDependencyError: for ``progress=True`` without tqdm.

    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(1, [1], rng=0)
    >>> history = fit(model, [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0], epochs=200)
    epoch 100: loss 0.000174968
    epoch 200: loss 4.05632e-07
    >>> [round(parameter.data, 2) for parameter in model.parameters()]
    [2.0, 1.0]
    """
    check_epochs(epochs, batch_size, log_every)
    task, samples = Task.for_data(model, X, y, loss)
    validation = None if validation_data is None else task.samples(model, *validation_data)
    trained_by = optimizer_for(model, optimizer, learning_rate)
    objective = Objective(task.loss, check_penalty("l1", l1), check_penalty("l2", l2))
    clipping = check_clipping(clip_norm, clip_value)
    worker = make_engine(engine, model, objective, trained_by, *clipping)
    watchers = check_callbacks(callbacks)
    course = schedule_for(schedule, epochs)
    task.attach_to(model)
    training = _Training(model, worker, task, samples, validation, watchers)
    generator = np.random.default_rng(rng)
    order = {"batch_size": batch_size, "shuffle": shuffle, "rng": generator}
    return training.run(epochs, order, trained_by, course, Progress(epochs, log_every, progress))


class _Training:
    """One call of ``fit``, once everything is checked."""

    def __init__(
        self,
        model: Module,
        engine: Engine,
        task: Task,
        samples: Samples,
        validation: Samples | None,
        callbacks: Sequence[Callback],
    ) -> None:
        self.model = model
        self.engine = engine
        self.task = task
        self.samples = samples
        self.validation = validation
        self.callbacks = callbacks
        self.history = History(engine=engine.name, loss_name=task.loss_name)

    def run(
        self,
        epochs: int,
        order: dict[str, Any],
        optimizer: Optimizer,
        schedule: Schedule,
        progress: Progress,
    ) -> History:
        history = self.history
        was_training = self.model.training
        try:
            with progress:
                for epoch in range(1, epochs + 1):
                    schedule.step(optimizer, epoch - 1, self._last_loss())
                    self._epoch(epoch, order, optimizer)
                    progress.show(history)
                    history.reason = self._reason_to_stop(epoch)
                    if history.reason:
                        break
                else:
                    history.reason = COMPLETED
        except KeyboardInterrupt:
            history.reason = INTERRUPTED
        finally:
            self.engine.write_back()
            self.model.train(was_training)
        for callback in self.callbacks:
            if isinstance(callback, TrainingEndCallback):
                callback.on_training_end(history, self.model)
        progress.finish(history)
        return history
