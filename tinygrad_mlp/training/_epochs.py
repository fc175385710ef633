"""One training: its epochs, the steps in each, and how it ends. ``fit`` makes it and runs it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from math import ceil, isfinite, isnan, nan
from sys import maxsize

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.compiler._hiding import interrupts_wait
from tinygrad_mlp.data._augmentation import Augmentation, after_augmentation, augmented
from tinygrad_mlp.data._batching import batch_indices
from tinygrad_mlp.engine import Value, enable_grad
from tinygrad_mlp.errors import DataError, ShapeError
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.optim import Optimizer, Schedule
from tinygrad_mlp.training._advice import advice_for
from tinygrad_mlp.training._callbacks import (
    Callback,
    TrainingEndCallback,
    TrainingStartCallback,
    looks_at,
)
from tinygrad_mlp.training._engines import Engine, Objective
from tinygrad_mlp.training._epoch_totals import Total, from_place, in_turn, joined, weighed
from tinygrad_mlp.training._history import COMPLETED, INTERRUPTED, History
from tinygrad_mlp.training._measuring import Measuring, RightAnswers
from tinygrad_mlp.training._outputs import Attributes, undisturbed
from tinygrad_mlp.training._progress import Progress
from tinygrad_mlp.training._resuming import TrainingFile, TrainingParts
from tinygrad_mlp.training._settings import with_inner
from tinygrad_mlp.training._steps_in_pieces import Pieces
from tinygrad_mlp.training._task import Samples, Task
from tinygrad_mlp.training._weighting import shares_of_batches

__all__ = ["Training"]


@dataclass(kw_only=True)
class Training:
    """One call of ``fit``, after everything has been checked.

    >>> from tinygrad_mlp.nn import MLP
    >>> from tinygrad_mlp.optim import SGD
    >>> from tinygrad_mlp.training._engines import EagerEngine
    >>> model = MLP(1, [1], init="zeros")
    >>> task, samples = Task.for_data(model, [[1.0], [2.0]], [2.0, 4.0])
    >>> objective, optimizer = Objective(task.loss), SGD(model.parameters(), learning_rate=0.1)
    >>> engine = EagerEngine(model, objective, optimizer)
    >>> training = Training(
    ...     model=model, engine=engine, task=task, samples=samples, optimizer=optimizer,
    ...     epochs=2, rng=np.random.default_rng(0), objective=objective, history=History(),
    ... )
    >>> training.run(Progress(2, log_every=None)).loss
    [10.0, 1.05...]
    """

    model: Module
    engine: Engine
    task: Task
    samples: Samples
    validation: Samples | None = None
    optimizer: Optimizer
    schedule: Schedule | None = None
    watches: str | None = None
    epochs: int
    batch_size: int | None = None
    shuffle: bool = True
    rng: np.random.Generator
    augmentations: tuple[Augmentation, ...] = ()
    callbacks: Sequence[Callback] = ()
    keepers: Sequence[Callback] = ()
    objective: Objective
    unasked: bool = False
    history: History
    saving: TrainingFile | None = None

    def __post_init__(self) -> None:
        self.buffers = self.model.buffers()
        self.right = None if self.samples.answers is None else RightAnswers(self.task)
        self.measuring = Measuring(self.engine, self.task, self.objective, self.batch_size)
        self.was_training = self.model.training
        self.is_penalized = self.objective.penalized
        self.failed = self.has_ended = self.is_ready = False
        self.is_in_pieces = False  # as the last epoch was taken

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
            self.make_ready()
            for callback in self.callbacks:
                if isinstance(callback, TrainingStartCallback):
                    callback.on_training_start(self.loss_of_samples, self.model)
            with progress:
                progress.begin(history)
                epoch = history.n_epochs
                while epoch < self.epochs and not history.reason:
                    if not (self.is_in_pieces and self.train_ahead(self.epochs - epoch, progress)):
                        self.train_epoch(epoch + 1)
                    epoch = history.n_epochs
                    progress.show(history)
                    history.reason = self.reason_to_stop(epoch)
                    if self.saving is not None:
                        is_last = bool(history.reason) or epoch == self.epochs
                        self.saving.after_epoch(epoch, is_last=is_last)
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

    def make_ready(self) -> None:
        """Put the model and the schedule at the start of the next epoch."""
        if self.is_ready:
            return
        self.is_ready = True
        self.model.train()
        if self.schedule is not None:
            self.schedule.begin(self.optimizer)

    def loss_of_samples(self, n_samples: int) -> Value:
        """What is minimized, for training samples spread evenly; the model stays as it is."""
        n_all = len(self.samples.X)
        places = np.linspace(0, n_all - 1, min(n_samples, n_all)).round().astype(np.intp)
        some = self.samples.take(places)
        self.engine.write_back()
        with undisturbed(self.model), enable_grad():
            return self.objective.value(
                self.model, some.X, some.targets, self.engine.penalized, some.weights
            )

    def parts(self) -> TrainingParts:
        """What of it has a state, for the file of ``resume``."""
        return TrainingParts(
            model=self.model,
            optimizer=self.optimizer,
            schedule=self.schedule,
            rng=self.rng,
            callbacks=with_inner(self.callbacks),
            engine=self.engine,
            history=self.history,
        )

    def go_on(self) -> None:
        """Take up the training that stands in the file, if there is one.

        Raises:
            DataError: if the file is damaged, or none of ``fit(resume=path)``; the model is then
                as it was.
            InvalidArgumentError: if it is of another training.
        """
        assert self.saving is not None
        before, weights = Attributes(self.model), self.model.state_dict()
        try:
            self.make_ready()
            if self.saving.put_back(self.epochs):
                self.engine.read_back(plain_numbers=True)
        except BaseException:
            before.restore()
            self.model.load_state_dict(weights)
            raise

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
                n_validation=None if self.validation is None else len(self.validation.X),
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
        self.optimizer._open_both_ways()

    def train_epoch(self, epoch: int) -> None:
        """Go through the samples once; the history has one more entry in each list afterwards."""
        history = self.history
        started = time.perf_counter()
        if self.schedule is not None:
            self.schedule.step(self.optimizer, self.schedule.epoch)
        loss, penalty = self.take_steps()
        measured = None if self.validation is None else self.measuring.of(self.validation)
        is_due, after = False, (nan, nan)
        if self.keepers:
            is_due = any([looks_at(callback, history.n_epochs + 1) for callback in self.keepers])
            after = self.measuring.of_training(self.samples) if is_due else after
        history.loss.append(loss)
        if self.is_penalized:
            history.penalty.append(penalty)
        history.learning_rate.append(self.optimizer.learning_rate)
        if self.right is not None:
            history.accuracy.append(self.right.total() / len(self.samples.X))
        if measured is not None:
            history.validation_loss.append(measured[0])
            if self.samples.answers is not None:
                history.validation_accuracy.append(measured[1])
        if self.keepers:  # lists as long as the others
            history.epoch_end_loss.append(after[0])
            if self.is_penalized:
                history.epoch_end_penalty.append(self.measuring.penalty() if is_due else nan)
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
        engine, n_samples = self.engine, len(self.samples.X)
        by_step = "the batches are augmented" if self.augmentations else ""
        pieces = engine.pieces(self.samples, self.batch_size, by_step)
        total = Total()
        self.is_in_pieces = pieces is not None
        if pieces is None:
            self.take_each_step(total)
        else:
            self.take_pieces(pieces, total)
        return total.loss / self.samples.total_weight, total.penalty / n_samples

    def take_each_step(self, total: Total) -> None:
        """A call for each step."""
        engine, penalized, right = self.engine, self.is_penalized, self.right
        for batch in self.batches():
            try:
                value = self.take_step(batch)
            except (DataError, ShapeError) as error:  # of the targets
                blamed = after_augmentation(self.augmentations, error, self.task.loss_name)
                if blamed is None:
                    raise
                raise blamed from error
            total.loss += batch.total_weight * value
            if penalized:
                total.penalty += len(batch.X) * engine.batch_penalty
            if right is not None:
                assert batch.answers is not None
                right.add(engine.batch_outputs, batch.answers)

    def take_pieces(self, pieces: Pieces, total: Total) -> None:
        """Many steps in a call."""
        samples, wanted = self.samples, self.wants_outputs
        order = self.order()
        shares, weights = shares_of_batches(samples.weights, order, self.batch_size)
        step = done = 0
        while step < pieces.n_steps:
            n_steps = min(pieces.n_steps - step, pieces.most_steps(wanted))
            piece = pieces.run(
                from_place(order, done), step, n_steps, from_place(shares, done), wanted
            )
            taken, n_samples = self.engine.taken(piece), int(piece.sizes.sum())
            known = None if weights is None else weights[step : step + n_steps]
            total.add(taken, piece.sizes, known)
            if self.right is not None:
                assert samples.answers is not None
                some = slice(done, done + n_samples)
                answers = samples.answers
                answers = answers if order is None else answers.take(order[some], 0)
                self.right.add(taken.outputs, answers)
            step, done = step + n_steps, done + n_samples

    @property
    def wants_outputs(self) -> bool:
        """Whether more than the losses is wanted of the steps."""
        return self.is_penalized or self.right is not None

    def train_ahead(self, n_epochs: int, progress: Progress) -> bool:
        """Go through the samples several times in one call, where nobody looks in between.

        Not before an epoch has shown how long its steps take, and that they can be many in a call.

        Args:
            n_epochs: how many times at most.
            progress: what shows some of the epochs.

        Returns:
            Whether it did; if not, nothing was done.
        """
        n_epochs = min(n_epochs, progress.n_unseen(self.history))
        if n_epochs < 2:
            return False
        looked_at = self.callbacks or self.keepers or self.augmentations
        others = (self.validation, self.schedule, self.saving)
        if looked_at or any([other is not None for other in others]):
            return False
        started = time.perf_counter()
        pieces = self.engine.pieces(self.samples, self.batch_size)
        if pieces is None or pieces.draws_from(self.rng):
            return False
        n_epochs = min(n_epochs, pieces.most_steps(self.wants_outputs) // pieces.n_steps)
        if n_epochs < 2:
            return False
        with interrupts_wait():  # the history has all epochs whose steps were taken
            self.take_ahead(pieces, n_epochs, started)
        return True

    def take_ahead(self, pieces: Pieces, n_epochs: int, started: float) -> None:
        """The steps of some epochs in one call; fewer, if one of them was not finite."""
        samples, history, n_steps = self.samples, self.history, pieces.n_steps
        before = self.rng.bit_generator.state
        orders = [self.order() for _ in range(n_epochs)]
        weighing = [shares_of_batches(samples.weights, o, self.batch_size) for o in orders]
        shares, weights = [joined(each) for each in zip(*weighing)]
        if self.batch_size is None:  # the same in each epoch
            shares = weighing[0][0]
        order, n_all = joined(orders), n_epochs * n_steps
        piece = pieces.run(order, 0, n_all, shares, self.wants_outputs)
        n_done = len(piece.losses) // n_steps
        if n_done < n_epochs:
            self.rng.bit_generator.state = before
            orders = [self.order() for _ in range(n_done)]
        taken = self.engine.taken(piece)
        known = None if weights is None else weights[: len(piece.losses)]
        losses, penalties = weighed(taken, piece.sizes, known)
        history.loss += (in_turn(losses.reshape(n_done, -1)) / samples.total_weight).tolist()
        if self.is_penalized:
            sums = in_turn(penalties.reshape(n_done, -1))
            history.penalty += (sums / len(samples.X)).tolist()
        history.learning_rate += [self.optimizer.learning_rate] * n_done
        if self.right is not None:
            assert samples.answers is not None
            answers = [samples.answers if o is None else samples.answers.take(o, 0) for o in orders]
            counts = self.right.of_epochs(taken.outputs, np.concatenate(answers), n_done)
            history.accuracy += [count / len(samples.X) for count in counts]
        seconds = time.perf_counter() - started
        history.seconds += [seconds / n_done] * n_done
        history.engine = self.engine.name

    def order(self) -> NDArray[np.int64] | None:
        """The samples in the order in which an epoch has them; None for all at once."""
        if self.batch_size is None:
            return None
        n_samples = len(self.samples.X)
        (order,) = batch_indices(n_samples, n_samples, shuffle=self.shuffle, rng=self.rng)
        return order

    def take_step(self, batch: Samples) -> float:
        """One step; the loss before it. What interrupts it leaves all of it or none."""
        engine = self.engine
        if not self.buffers:
            value = engine.step(batch.X, batch.targets, batch.weights)
            engine.update()
            return value
        step_count, numbers = self.optimizer.step_count, engine.buffer_numbers()
        try:
            value = engine.step(batch.X, batch.targets, batch.weights)
            engine.update()
        except BaseException:
            if self.optimizer.step_count == step_count:  # a step that was not taken
                engine.put_buffers_back(numbers)
            raise
        return value

    def batches(self) -> Iterator[Samples]:
        """The batches of one epoch, augmented where that was asked for."""
        batches = self.batches_as_given()
        return map(self.augmented, batches) if self.augmentations else batches

    def augmented(self, batch: Samples) -> Samples:
        """The batch after the augmentations, which may change the copies that they get."""
        given = batch.take(np.arange(len(batch.X))) if batch is self.samples else batch
        X, targets = augmented(self.augmentations, given.X, given.targets, self.rng)
        return replace(given, X=X, targets=targets)

    def batches_as_given(self) -> Iterator[Samples]:
        """The same as they are."""
        if self.batch_size is None:
            yield self.samples  # in their order, of which the gradient does not depend
            return
        n_samples = len(self.samples.X)
        for indices in batch_indices(
            n_samples, self.batch_size, shuffle=self.shuffle, rng=self.rng
        ):
            yield self.samples.take(indices)

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
        if isnan(history.loss[-1]) or (self.is_penalized and isnan(history.penalty[-1])):
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


def _reason(callback: Callback) -> str:
    """What a callback that ended the training says about it."""
    reason = getattr(callback, "reason", "")
    name = type(callback).__name__
    return f"stopped by {name} ({reason})" if reason else f"stopped by {name}"
