"""What may happen after each epoch: stopping early, saving the weights, whatever a person writes.

A callback is any object with ``on_epoch_end``; ``fit`` knows nothing else of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import repeat
from math import isfinite
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._arguments import check_flag, check_integer
from tinygrad_mlp._at_once import assign_at_once
from tinygrad_mlp._words import our_words
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError, UnknownNameError
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.training._history import History
from tinygrad_mlp.training._weights import save_weights

__all__ = [
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "TrainingEndCallback",
    "TrainingStartCallback",
    "looks_at",
]

MONITORS = ("loss", "validation_loss", "accuracy", "validation_accuracy")


@runtime_checkable
class Callback(Protocol):
    """What ``fit`` needs of a callback.

    It may change the model: weights, rates, modes. After a compiled epoch that costs ``fit`` a look
    at all of it; a class with ``only_looks = True`` promises not to. The numbers in the history
    were measured before the callbacks are called, so one that changes weights comes last.

    A class with ``keeps_weights = True`` has ``fit`` measure the training data after each epoch, as
    ``epoch_end_loss``, unless there are validation data or its ``monitor`` is one of theirs:
    ``loss`` is measured while the weights change. With a method ``looks_at(epoch)`` too it says for
    each epoch whether it needs that; other epochs get nan in this list.

    A class that puts the weights of an earlier epoch back at the end says in ``kept_epoch`` which
    (0 for none), so that the advice is about the model that stays.

    For ``fit(resume=path)`` the file keeps what stands in its attributes in plain data, such as
    numbers, texts, arrays, lists and dicts of them, and where its random generators stand. A class
    with other things to remember has ``state_dict()``, which returns them in plain data, and
    ``load_state_dict(state)``. What its ``__init__`` takes counts as settings, which must be the
    same when the training goes on; paths may differ.

    >>> class StopWhenGood:
    ...     def on_epoch_end(self, epoch, history, model):
    ...         return history.loss[-1] < 0.01
    >>> isinstance(StopWhenGood(), Callback)
    True
    """

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> bool | None:
        """Called after each epoch, which the history has already; True ends the training.

        Args:
            epoch: the number of the epoch, from 1.
            history: the history so far.
            model: the model with its weights after the epoch.
        """


@runtime_checkable
class TrainingEndCallback(Protocol):
    """A callback that wants to be called once more when training is over.

    >>> isinstance(EarlyStopping(), TrainingEndCallback)
    True
    """

    def on_training_end(self, history: History, model: Module) -> None:
        """Called at the end, however training ended."""


@runtime_checkable
class TrainingStartCallback(Protocol):
    """A callback that wants to know what is minimized.

    >>> from tinygrad_mlp.debug import HealthMonitor
    >>> isinstance(HealthMonitor(), TrainingStartCallback)
    True
    """

    def on_training_start(self, loss_of_samples: Callable[[int], Value], model: Module) -> None:
        """Called before the first epoch.

        Args:
            loss_of_samples: ``loss_of_samples(n_samples)`` is the Value that is minimized, losses
                and penalties, for so many training samples at most, with the weights as they are.
                It leaves the model and its generators alone.
            model: the model.
        """


class EarlyStopping:
    """Ends the training when it gets no better, and goes back to the best weights.

    Training stops after ``patience`` epochs in a row in which the monitored number was not better
    than the best one by more than ``min_delta``. It is measured after each epoch. The weights with
    which it was the best come back at the end however training ended, so also after all the epochs
    and after Ctrl-C within an epoch; ``best_number`` is what they were measured to have.

    Args:
        patience: how many epochs without improvement are allowed.
        min_delta: what counts as an improvement, at least 0.
        monitor: "validation_loss", "loss", "accuracy" or "validation_accuracy"; None takes the
            validation loss where there is one, else the loss and its penalties. "loss" and
            "accuracy" are those of the training data after the epoch, in the history
            ``epoch_end_loss`` and ``epoch_end_accuracy``: without penalties, and with dropout off.
        restore_best: whether to go back to the weights of the best epoch.

    Attributes:
        best_epoch: the best epoch so far, from 1; 0 before the first.
        best_number: the monitored number after the best epoch; nan before the first.

    Raises:
        InvalidArgumentError: for a number out of its range; in training for a monitor without
            numbers.
        UnknownNameError: for an unknown monitor.

    Source: Prechelt (1998), Early stopping - but when?

    >>> stopping = EarlyStopping(patience=1)
    >>> history = History()
    >>> for loss in (0.5, 0.4, 0.45):
    ...     history.loss.append(loss)
    ...     print(stopping.on_epoch_end(history.n_epochs, history, Module()))
    False
    False
    True
    >>> stopping.best_epoch
    2
    """

    only_looks = True
    keeps_weights = True

    @our_words
    def __init__(
        self,
        patience: int = 10,
        *,
        min_delta: float = 0.0,
        monitor: str | None = None,
        restore_best: bool = True,
    ) -> None:
        self.patience = check_integer(patience, "patience")
        if not min_delta >= 0.0:
            raise InvalidArgumentError(
                f"min_delta is {min_delta!r}, but a number of at least 0 is needed: "
                "EarlyStopping(min_delta=0.0)"
            )
        self.min_delta = float(min_delta)
        self.monitor = _checked_monitor(monitor)
        self.restore_best = check_flag(
            restore_best, "restore_best", "EarlyStopping(restore_best=True)"
        )
        self._start()

    def _start(self) -> None:
        self.best_epoch = 0
        self.best_number = float("nan")
        self._best = float("inf")
        self._best_weights: dict[str, NDArray[np.float64]] | None = None

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> bool:
        """Remember the epoch where it is the best; True when patience is at its end."""
        if epoch == 1:
            self._start()  # the same object may serve one training after another
        name, number = _measured(history, self.monitor)
        score = _score(name, number)
        if score < self._best - self.min_delta or (self.best_epoch == 0 and score == score):
            weights = model.state_dict() if self.restore_best else None
            names = ("best_epoch", "best_number", "_best", "_best_weights")
            assign_at_once(repeat(self), names, (epoch, number, score, weights))
        return epoch - self.best_epoch >= self.patience

    def on_training_end(self, history: History, model: Module) -> None:
        """Put the best weights back."""
        if self._best_weights is not None:  # another epoch may have begun since
            model.load_state_dict(self._best_weights)
        self._best_weights = None

    @property
    def kept_epoch(self) -> int:
        """The epoch whose weights come back; 0 where none do."""
        return self.best_epoch if self.restore_best else 0

    @property
    def reason(self) -> str:
        """Why it ended the training, for the history."""
        return f"no improvement in {self.patience} epochs, the best was epoch {self.best_epoch}"


class Checkpoint:
    """Writes the weights into an .npz file after an epoch, such that ``load_weights`` reads them.

    Beside them stand the epoch and the monitored number that these weights have, under its name.

    Args:
        path: the file; ``{epoch}`` in it becomes the number of the epoch, which keeps every file.
        every: look after every so many epochs.
        best_only: write only where the monitored number is the best of those looked at.
        monitor: as for ``EarlyStopping``.

    Raises:
        InvalidArgumentError: if ``every`` is no whole number of at least 1.
        UnknownNameError: for an unknown monitor.

    >>> Checkpoint("weights-{epoch}.npz", every=10).file_for(20).name
    'weights-20.npz'
    """

    only_looks = True
    keeps_weights = True

    @our_words
    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        every: int = 1,
        best_only: bool = False,
        monitor: str | None = None,
    ) -> None:
        self.path = Path(path)
        self.every = check_integer(every, "every")
        self.best_only = check_flag(best_only, "best_only", "Checkpoint(path, best_only=True)")
        self.monitor = _checked_monitor(monitor)
        self._best = float("inf")

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        """Write the file if it is time."""
        if epoch == 1:
            self._best = float("inf")
        if not self.looks_at(epoch):
            return
        name, number = _measured(history, self.monitor)
        score = _score(name, number)
        if self.best_only and not score < self._best:
            return
        details = {"epoch": epoch, name: number if isfinite(number) else str(number)}
        save_weights(model, self.file_for(epoch), extra=details)
        self._best = score

    def looks_at(self, epoch: int) -> bool:
        """Whether it is the turn of this epoch.

        >>> [epoch for epoch in range(1, 10) if Checkpoint("weights.npz", every=4).looks_at(epoch)]
        [4, 8]
        """
        return epoch % self.every == 0

    def file_for(self, epoch: int) -> Path:
        """The file that is written after that epoch."""
        return Path(str(self.path).replace("{epoch}", str(epoch)))


def looks_at(callback: Callback, epoch: int) -> bool:
    """Whether a callback that keeps weights looks at them after this epoch.

    >>> looks_at(EarlyStopping(), epoch=3), looks_at(Checkpoint("weights.npz", every=2), epoch=3)
    (True, False)
    """
    asked = getattr(callback, "looks_at", None)
    return asked is None or bool(asked(epoch))


def _checked_monitor(monitor: str | None) -> str | None:
    if monitor is not None and monitor not in MONITORS:
        raise UnknownNameError.of("monitor", monitor, MONITORS)
    return monitor


def _measured(history: History, monitor: str | None) -> tuple[str, float]:
    """The name of the monitored number, and the number that the present weights have."""
    if monitor is None:
        if history.validation_loss:
            return "validation_loss", history.validation_loss[-1]
        number = history.objective[-1]
        if history.epoch_end_loss:
            number = history.epoch_end_loss[-1] + sum(history.epoch_end_penalty[-1:])
        return "objective" if history.penalty else "loss", number
    after_epoch = {"loss": history.epoch_end_loss, "accuracy": history.epoch_end_accuracy}
    # A loop other than ``fit`` measures as it likes, and has one list.
    numbers = after_epoch.get(monitor) or history.metric(monitor)
    return monitor, numbers[-1]


def _score(name: str, number: float) -> float:
    """The number, turned such that less is better."""
    return -number if "accuracy" in name else number
