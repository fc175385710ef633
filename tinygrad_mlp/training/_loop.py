"""``fit``: the loop of every course on training, over epochs and batches.

What the numbers in ``y`` mean is worked out in ``task``, what a step computes in ``engines``, and
what was asked for is checked in ``settings``; here is the order in which things happen.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from math import ceil, isfinite, isnan, nan
from sys import maxsize
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._arguments import Rng, as_generator
from tinygrad_mlp._words import our_words
from tinygrad_mlp.compiler._hiding import interrupts_wait
from tinygrad_mlp.data._batching import batch_indices
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError
from tinygrad_mlp.losses import Loss
from tinygrad_mlp.losses._record import BatchLoss
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.optim import Optimizer, Schedule
from tinygrad_mlp.training._advice import advice_for
from tinygrad_mlp.training._callbacks import Callback, TrainingEndCallback, looks_at
from tinygrad_mlp.training._choosing import make_engine
from tinygrad_mlp.training._engines import Engine, Objective
from tinygrad_mlp.training._history import COMPLETED, INTERRUPTED, History
from tinygrad_mlp.training._outputs import Attributes
from tinygrad_mlp.training._over_batches import check_batch_sizes
from tinygrad_mlp.training._progress import Progress
from tinygrad_mlp.training._settings import (
    check_callbacks,
    check_counts,
    check_strength,
    optimizer_for,
    schedule_for,
    those_that_measure,
)
from tinygrad_mlp.training._task import Samples, Task

__all__ = ["fit"]

MOST_WAITING: Final = 4096
"""So many samples wait to be counted."""


@our_words
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
    rng: Rng = None,
    log_every: int | None = 100,
    progress: bool | Progress | None = None,
    callbacks: Iterable[Callback] = (),
    engine: str = "auto",
) -> History:
    """Train a model: in every epoch go through the samples in batches and take a step with each.

    For each batch of m samples: objective = (1/m) sum of the losses + l1 sum |p| + l2 sum p^2, its
    gradients by ``backward``, clipping, a step of the optimizer. Ctrl-C ends the training between
    two steps: weights, buffers and optimizer are those after the last step that was taken, which
    may lie within an epoch that the history does not have yet (``EarlyStopping`` goes back to the
    best weights all the same). A loss that becomes nan ends it too. The same seeds (of the model,
    and ``rng``) give the same weights to the last bit.

    Args:
        model: the model; its parameters are changed. It learns what it was trained for, so that
            ``predict`` gives labels as ``y`` has them.
        X: the features, (n_samples, n_features).
        y: the targets, (n_samples,) or (n_samples, n_outputs): numbers for a regression, or the
            labels of a classification as people have them: whole numbers, text, booleans, one-hot
            rows.
        epochs: how often to go through the samples.
        batch_size: None for all samples at once (batch gradient descent), 1 for one at a time
            (stochastic gradient descent), m for mini-batches.
        loss: a name or a ``Loss``; a function of your own, ``loss(outputs, targets) -> Value``
            over a batch (a Value and a number per sample, lists of them where there are several;
            while the step is recorded the numbers are Values too, so compute with them and do not
            ask for their type), of which ``Loss.of_function`` says more; or None for the one that
            suits ``y`` and the number of outputs: cross-entropy for labels, the mean squared error
            for numbers. For whole numbers, three kinds or more that come again and again, and one
            output, name it.
        optimizer: a name, or an ``Optimizer`` of the model's parameters (or of those of them that
            are to be trained).
        learning_rate: for an optimizer given by name; None for 0.1 (sgd) or 0.01 (the others).
        schedule: a ``Schedule``, or a name for one that spans the epochs; it sets the optimizer's
            ``learning_rate`` before each epoch. None leaves the rate to whoever assigns it. A
            ``Schedule`` goes on where it stood when it is given again with the same optimizer, as
            if the epochs of both trainings were one; with another optimizer it starts anew.
        l1: the strength of the L1 penalty on all trained parameters.
        l2: the strength of the L2 penalty.
        clip_norm: the largest norm of all gradients together.
        clip_value: the largest size of each gradient, applied after ``clip_norm``.
        validation_data: a pair (X, y) on which the model is measured after each epoch.
        shuffle: whether the samples come in a new random order in every epoch.
        rng: the seed, or the generator, of these orders.
        log_every: print the losses after every so many epochs, and the last; None or 0 for never.
        progress: whether to show a progress bar; None where tqdm is installed and the output is a
            terminal; or a ``Progress`` of your own, which then prints the losses too.
        callbacks: what else to do after each epoch; see ``Callback``.
        engine: what computes the steps. "eager" builds the graph of every sample anew; "compiled"
            records it once and replays it as matrix products, with the same numbers; "auto" is
            "compiled" where the model and the loss can be recorded, else "eager", and the history
            says which and why. A recording has the plain numbers that model and loss read, an
            attribute ``self.beta`` for instance; what a callback changes is read again after it.

    Returns:
        The History. Where training failed (the loss diverged, or is no better than that of always
        giving the same answer), its ``advice`` says so, and it is printed after the last line.

    Raises:
        DataError: if the data are empty, or hold nan, inf or labels without an output.
        ShapeError: if lengths or shapes do not fit to one another or to the model.
        InvalidArgumentError: for a number out of its range, a schedule that watches an accuracy
            where there is none, or a batch of one sample for a model that takes means over the
            batch (``nn.BatchNorm``).
        UnknownNameError: for an unknown loss, optimizer, schedule or engine; lists the known ones.
        MissingDependencyError: for ``progress=True`` without tqdm.

    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(1, [1], rng=0)
    >>> history = fit(model, [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0], epochs=200)
    regression, mean_squared_error, engine: compiled
    epoch  100  loss 2.588e-07
    epoch  200  loss 2.638e-12
    >>> [round(parameter.data, 2) for parameter in model.parameters()]
    [2.0, 1.0]
    """
    check_counts(epochs, batch_size, log_every)
    task, samples = Task.for_data(model, X, y, loss)
    assert task.loss is not None
    validation = None
    if validation_data is not None:
        validation = _validation(task, *_pair(validation_data))
    check_batch_sizes(model, samples.X[0].tolist(), len(samples.X), batch_size)
    stepped_by = optimizer_for(model, optimizer, learning_rate)
    clip_norm = None if clip_norm is None else check_strength("clip_norm", clip_norm, above_0=True)
    if clip_value is not None:
        clip_value = check_strength("clip_value", clip_value, above_0=True)
    objective = Objective(task.loss, check_strength("l1", l1), check_strength("l2", l2))
    stepped_by_schedule = schedule_for(schedule, epochs)
    watches = None if stepped_by_schedule is None else stepped_by_schedule.watches
    if watches == "accuracy" and samples.answers is None:
        raise InvalidArgumentError(
            f"{schedule!r} watches an accuracy, but there is none to be counted with the loss "
            f"{task.loss_name!r}; for a loss take PlateauSchedule(mode='min')"
        )
    listed_callbacks = check_callbacks(callbacks)
    training = _Training(
        model=model,
        engine=make_engine(engine, model, objective, stepped_by, clip_norm, clip_value),
        task=task,
        samples=samples,
        validation=validation,
        optimizer=stepped_by,
        schedule=stepped_by_schedule,
        watches=watches,
        epochs=epochs,
        batch_size=batch_size,
        shuffle=shuffle,
        rng=as_generator(rng),
        callbacks=listed_callbacks,
        measuring=those_that_measure(listed_callbacks, validation is not None),
        objective=objective,
        unasked=loss is None,
        history=History(
            engine=engine,
            loss_name=task.loss_name,
            task=task.kind,
        ),
    )
    task.attach_to(model)
    if not isinstance(progress, Progress):
        progress = Progress(epochs, log_every, progress)
    return training.run(progress)


@dataclass
class _Training:
    """One call of ``fit``, after everything has been checked."""

    model: Module
    engine: Engine
    task: Task
    samples: Samples
    validation: Samples | None
    optimizer: Optimizer
    schedule: Schedule | None
    watches: str | None
    epochs: int
    batch_size: int | None
    shuffle: bool
    rng: np.random.Generator
    callbacks: list[Callback]
    measuring: list[Callback]
    objective: Objective
    unasked: bool
    history: History

    def __post_init__(self) -> None:
        self.buffers = self.model.buffers()
        self.right = None if self.samples.answers is None else _RightAnswers(self.task)
        self.was_training = self.model.training
        self.failed = self.has_ended = False

    def run(self, progress: Progress) -> History:
        """All epochs, or as many as there are until something ends them."""
        try:
            self.run_epochs(progress)
        except KeyboardInterrupt:  # a second Ctrl-C, or one in the moment before the end
            self.end()
            self.history.drop_unfinished_epoch()
            if self.failed:
                raise
            self.history.reason = INTERRUPTED
        self.advise()
        progress.finish(self.history)
        return self.history

    def run_epochs(self, progress: Progress) -> None:
        """All epochs, and the end."""
        history = self.history
        try:
            self.model.train()
            if self.schedule is not None:
                self.schedule.begin(self.optimizer)
            with progress:
                for epoch in range(1, self.epochs + 1):
                    self.train_epoch(epoch)
                    progress.show(history)
                    history.reason = self.reason_to_stop(epoch)
                    if history.reason:
                        break
            history.reason = history.reason or COMPLETED
        except KeyboardInterrupt:
            history.drop_unfinished_epoch()
            history.reason = INTERRUPTED
        except BaseException as error:
            self.failed = True
            history.reason = f"{type(error).__name__}: {error}"
            raise
        finally:
            self.end()

    def advise(self) -> None:
        """Say what went wrong, unless somebody is in a hurry."""
        history = self.history
        if history.interrupted:
            return
        kept_epoch = 0
        for callback in self.callbacks:  # of several that put weights back the last has its way
            kept_epoch = getattr(callback, "kept_epoch", 0) or kept_epoch
        n_steps = history.n_epochs * ceil(len(self.samples.X) / (self.batch_size or maxsize))
        try:
            history.advice = advice_for(
                *(self.model, self.task, self.samples, history),
                n_steps=n_steps,
                unasked=self.unasked,
                pull=max(self.objective.l1, 2.0 * self.objective.l2),
                kept_epoch=kept_epoch,
            )
        except KeyboardInterrupt:
            history.reason = INTERRUPTED
        except Exception:  # a callback may have left anything in the history
            history.advice = ()

    def end(self) -> None:
        """Leave model and optimizer as training by hand would; Ctrl-C comes too late here."""
        if self.has_ended:
            return
        try:
            with interrupts_wait(), ExitStack() as at_end:  # all of it, should one part fail
                self.has_ended = True
                at_end.callback(self.open_both_ways_of_stepping)
                for callback in reversed(self.callbacks):
                    if isinstance(callback, TrainingEndCallback):
                        at_end.callback(callback.on_training_end, self.history, self.model)
                self.engine.write_back()
                self.model.train(self.was_training)
                self.history.engine = self.engine.name
        except KeyboardInterrupt:
            if not self.has_ended:
                raise
            self.history.reason = INTERRUPTED

    def open_both_ways_of_stepping(self) -> None:
        """Let the optimizer go on with ``step`` or ``step_array``, whichever took the last step."""
        self.optimizer.load_state_dict(self.optimizer.state_dict())

    def train_epoch(self, epoch: int) -> None:
        """Go through the samples once; the history has one more entry in each list afterwards."""
        history = self.history
        started = time.perf_counter()
        if self.schedule is not None:
            self.schedule.step(self.optimizer, self.schedule.epoch)
        loss, penalty = self.take_steps()
        measured = None if self.validation is None else self.measure(self.validation)
        is_due, after = False, (nan, nan)
        if self.measuring:
            is_due = any([looks_at(callback, history.n_epochs + 1) for callback in self.measuring])
            after = self.measure_training() if is_due else after
        history.loss.append(loss)
        if self.objective.penalized:
            history.penalty.append(penalty)
        history.learning_rate.append(self.optimizer.learning_rate)
        if self.right is not None:
            history.accuracy.append(self.right.total() / len(self.samples.X))
        if measured is not None:
            history.validation_loss.append(measured[0])
            if self.samples.answers is not None:
                history.validation_accuracy.append(measured[1])
        if self.measuring:  # lists as long as the others
            history.epoch_end_loss.append(after[0])
            if self.objective.penalized:
                history.epoch_end_penalty.append(self.penalty_now() if is_due else nan)
            if self.samples.answers is not None:
                history.epoch_end_accuracy.append(after[1])
        if self.schedule is not None:
            watched = history.validation_loss or history.objective
            if self.watches == "accuracy":
                watched = history.validation_accuracy or history.accuracy
            self.schedule.end_epoch(watched[-1])
        history.seconds.append(time.perf_counter() - started)
        history.engine = self.engine.name

    def take_steps(self) -> tuple[float, float]:
        """A step with each batch; the loss and the penalty, averaged over the samples."""
        engine, penalized, right = self.engine, self.objective.penalized, self.right
        loss = penalty = 0.0
        for batch in self.batches():
            loss += len(batch.X) * self.take_step(batch)
            if penalized:
                penalty += len(batch.X) * engine.batch_penalty
            if right is not None:
                right.add(engine.batch_outputs, batch)
        n_samples = len(self.samples.X)
        return loss / n_samples, penalty / n_samples

    def take_step(self, batch: Samples) -> float:
        """One step; the loss before it. What interrupts it leaves all of it or none."""
        engine = self.engine
        if not self.buffers:
            value = engine.step(batch.X, batch.targets)
            engine.update()
            return value
        step_count, numbers = self.optimizer.step_count, engine.buffer_numbers()
        try:
            value = engine.step(batch.X, batch.targets)
            engine.update()
        except BaseException:
            if self.optimizer.step_count == step_count:  # a step that was not taken
                engine.put_buffers_back(numbers)
            raise
        return value

    def batches(self) -> Iterator[Samples]:
        """The batches of one epoch."""
        if self.batch_size is None:
            yield self.samples  # in their order, of which the gradient does not depend
            return
        n_samples = len(self.samples.X)
        for indices in batch_indices(
            n_samples, self.batch_size, shuffle=self.shuffle, rng=self.rng
        ):
            yield self.samples.take(indices)

    def measure_training(self) -> tuple[float, float]:
        """The loss and the accuracy on the training samples, with the weights as they are."""
        n_samples = len(self.samples.X)
        if self.objective.loss.batch_loss is None or self.batch_size is None:
            return self.measure(self.samples)
        loss = n_right = 0.0  # such a loss is one of a batch of this size
        for indices in batch_indices(n_samples, self.batch_size, shuffle=False):
            mean, share = self.measure(self.samples.take(indices))
            loss, n_right = loss + len(indices) * mean, n_right + len(indices) * share
        return loss / n_samples, n_right / n_samples

    def penalty_now(self) -> float:
        """The penalties of the weights as they are."""
        self.engine.write_back()
        return self.objective.penalty([parameter.data for parameter in self.optimizer.parameters])

    def measure(self, samples: Samples) -> tuple[float, float]:
        """The loss and the accuracy on held-out samples."""
        loss, outputs = self.engine.evaluate(samples.X, samples.targets)
        return loss, self.task.count_right(outputs, samples.answers) / len(samples.X)

    @property
    def remedy(self) -> str:
        """What to do about a loss that broke down: the first step is never too long."""
        if isfinite(self.history.loss[0]):
            return "try a smaller learning_rate"
        return (
            "it was not finite from the first epoch on, so the data may be too large: scale them, "
            "X = StandardScaler().fit(X).transform(X); or try a smaller learning_rate"
        )

    def reason_to_stop(self, epoch: int) -> str:
        """Why training ends with this epoch; empty if it goes on."""
        history = self.history
        if isnan(history.loss[-1]) or (self.objective.penalized and isnan(history.penalty[-1])):
            return f"the loss is nan in epoch {epoch}; {self.remedy}"
        if not self.callbacks:
            return ""
        self.engine.write_back()
        before = Attributes(self.model)
        try:
            reasons = [
                _reason(callback)
                for callback in self.callbacks
                if callback.on_epoch_end(epoch, self.history, self.model)
            ]
        finally:
            if not all([getattr(callback, "only_looks", False) for callback in self.callbacks]):
                may_read_more = not self.objective.loss.pure
                self.engine.read_back(plain_numbers=before.changed() or may_read_more)
        return "; ".join(reasons)


class _RightAnswers:
    """Counts them over the batches of an epoch, some thousands at a time, which takes less time."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._start()

    def _start(self) -> None:
        self._n_right = 0.0
        self._outputs: list[NDArray[np.float64]] = []
        self._answers: list[NDArray[np.int64]] = []
        self._n_waiting = 0

    def add(self, outputs: NDArray[np.float64], batch: Samples) -> None:
        """One more batch, with the outputs for it."""
        assert batch.answers is not None
        self._outputs.append(outputs)
        self._answers.append(batch.answers)
        self._n_waiting += len(outputs)
        if self._n_waiting >= MOST_WAITING:
            self._count()

    def total(self) -> float:
        """How many there were since the last time this was asked."""
        self._count()
        n_right = self._n_right
        self._start()
        return n_right

    def _count(self) -> None:
        if self._outputs:
            outputs, answers = np.concatenate(self._outputs), np.concatenate(self._answers)
            self._n_right += self._task.count_right(outputs, answers)
            self._outputs, self._answers, self._n_waiting = [], [], 0


def _reason(callback: Callback) -> str:
    """What a callback that ended the training says about it."""
    reason = getattr(callback, "reason", "")
    name = type(callback).__name__
    return f"stopped by {name} ({reason})" if reason else f"stopped by {name}"


def _validation(task: Task, X: ArrayLike, y: ArrayLike) -> Samples:
    """The validation data as the task takes them; what is wrong with them is said of them."""
    try:
        return task.samples(X, y)
    except (DataError, ShapeError) as error:
        if "validation" in str(error):
            raise
        raise type(error)(f"validation_data: {error}") from None


def _pair(validation_data: object) -> tuple[ArrayLike, ArrayLike]:
    if isinstance(validation_data, tuple | list) and len(validation_data) == 2:
        return validation_data[0], validation_data[1]
    raise InvalidArgumentError(
        "validation_data must be a pair (X, y) of features and targets: "
        "fit(model, X_train, y_train, validation_data=(X_test, y_test))"
    )
