"""What ``fit`` tells of a training: one entry per epoch in each list, and how it ended.

It holds plain numbers and texts only, so it prints and pickles, and ``to_dict`` turns into JSON.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import InitVar, asdict, dataclass, field
from math import isfinite, isnan
from operator import add
from typing import TYPE_CHECKING, Any, Final

from tinygrad_mlp._text import visible
from tinygrad_mlp._words import AnotherWord
from tinygrad_mlp.errors import InvalidArgumentError

__all__ = ["COMPLETED", "INTERRUPTED", "Finding", "History"]

COMPLETED: Final = "completed"
"""The reason of a training that went through all its epochs."""

INTERRUPTED: Final = "interrupted"
"""The reason of a training that somebody ended with Ctrl-C."""

MOST_ROWS: Final = 12
SHORT_WIDTH: Final = 9
WIDTH: Final = 96
INDENT: Final = " " * len("advice: ")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that went wrong in a training, and what to do about it.

    Attributes:
        text: what was found, and what to try.
        command: a line of Python that shows it, or mends it; ``model``, ``X``, ``y`` and
            ``validation_data`` in it are what ``fit`` was given, ``history`` what it returned, and
            ``new_model`` one like the model before its training. Empty where there is none.

    >>> print(Finding("the loss rose from 1 to 1e+9: take a smaller step", "print(history)"))
    advice: the loss rose from 1 to 1e+9: take a smaller step
            in Python: print(history)
    """

    text: str
    command: str

    def __str__(self) -> str:
        lines = textwrap.wrap(
            self.text,
            WIDTH,
            initial_indent="advice: ",
            subsequent_indent=INDENT,
            break_long_words=False,
            break_on_hyphens=False,
        )
        in_python = [f"{INDENT}in Python: {self.command}"] if self.command else []
        return visible("\n".join([*lines, *in_python]), lines=True)


@dataclass(repr=False)
class History:
    """The course of a training. Epochs count from 1; ``loss[epoch - 1]`` is that of an epoch.

    Attributes:
        loss: the mean of the loss over the epoch, without penalties, each batch weighted by its
            size and measured before its own step; so it compares with ``validation_loss``. Where
            samples have weights, it is their weighted mean, of a batch and over the batches. With
            ``augment`` it is that of the augmented batches.
        penalty: the L1 and L2 penalties, averaged in the same way; empty where there are none. What
            is minimized is the sum of both, see ``objective``.
        validation_loss: the loss on the validation data after the epoch, without penalties; empty
            where there are no validation data.
        accuracy: for a classification the share of right answers among the training samples,
            counted along with the loss, each sample once, whatever its weight; else empty.
        validation_accuracy: the same on the validation data, after the epoch.
        epoch_end_loss: the loss on the training data after the epoch, measured like
            ``validation_loss``: with the weights that a callback then may keep. It costs a pass
            through the data, so it is empty where no callback that keeps weights needs it. A loss
            of one's own is measured batch by batch, and weighted like ``loss``. nan for an epoch at
            which no such callback looks (``Checkpoint(path, every=10)``).
        epoch_end_penalty: the penalties of these weights, where there are any.
        epoch_end_accuracy: the accuracy on the training data after the epoch, likewise.
        learning_rate: the rate of the epoch's steps (of the last of them, should it change within).
        seconds: how long the epoch took, validation included.
        engine: which engine trained, "eager" for instance.
        loss_name: which loss was minimized.
        task: "classification" or "regression"; empty where the loss does not say which.
        reason: how training ended: "completed", "interrupted" (Ctrl-C), or why it was stopped (by
            a callback, by a loss that became nan); empty while it is going on.
        advice: what went wrong, in a tuple of ``Finding``; empty where training went well, where
            it was interrupted, and while it is going on.

    ``loss`` and ``accuracy`` are means over an epoch, in which the weights change: no weights have
    just these numbers. (All samples in one batch: those before the epoch.) The other numbers are
    those of the weights after the epoch.

    >>> history = History(loss=[0.7, 0.4], learning_rate=[0.1, 0.1], seconds=[0.5, 0.5],
    ...     reason="completed")
    >>> history
    History(2 epochs, loss 0.7 -> 0.4, completed)
    >>> print(history)
    engine: eager
    2 epochs in 1.0 s: completed
    epoch          loss  learning rate
        1           0.7            0.1
        2           0.4            0.1
    """

    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    epoch_end_loss: list[float] = field(default_factory=list)
    epoch_end_penalty: list[float] = field(default_factory=list)
    epoch_end_accuracy: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    engine: str = "eager"
    loss_name: str = ""
    task: str = ""
    reason: str = ""
    penalty: list[float] = field(default_factory=list)
    advice: tuple[Finding, ...] = ()
    penalised: InitVar[bool] = False  # the word in the histories of earlier versions

    if not TYPE_CHECKING:
        history = AnotherWord("history.loss, history.accuracy and so on; history.to_dict()")
        val_loss = AnotherWord("history.validation_loss")
        val_accuracy = AnotherWord("history.validation_accuracy")
        losses = AnotherWord("history.loss")

    def __post_init__(self, penalised: bool) -> None:
        """Findings may come as the dicts that ``to_dict`` makes of them.

        Raises:
            InvalidArgumentError: for a history of an earlier version whose loss has the penalties
                in it.
        """
        if penalised:
            raise InvalidArgumentError(
                "this history is from an earlier version: penalised=True says that its loss has "
                "the penalties in it, which are a list of their own now; without them it is "
                "History(loss=[0.5], penalty=[0.1])"
            )
        given: Iterable[Any] = self.advice
        self.advice = tuple([Finding(**x) if isinstance(x, dict) else x for x in given])

    def drop_unfinished_epoch(self) -> None:
        """Make all lists as long as ``seconds``, which an epoch writes last.

        >>> history = History(loss=[0.5, 0.4], accuracy=[0.8], seconds=[0.1])
        >>> history.drop_unfinished_epoch()
        >>> history.loss, history.accuracy
        ([0.5], [0.8])
        """
        for _, numbers in self._columns():
            del numbers[len(self.seconds) :]

    @property
    def n_epochs(self) -> int:
        """The number of epochs that were completed."""
        return len(self.loss)

    @property
    def completed(self) -> bool:
        """Whether all the epochs that were asked for are done."""
        return self.reason == COMPLETED

    @property
    def interrupted(self) -> bool:
        """Whether somebody ended the training with Ctrl-C."""
        return self.reason == INTERRUPTED

    @property
    def stopped_early(self) -> bool:
        """Whether training ended before its last epoch, and not by Ctrl-C."""
        return self.reason not in ("", COMPLETED, INTERRUPTED)

    @property
    def objective(self) -> list[float]:
        """What was minimized: the loss and, where there are any, the penalties.

        >>> History(loss=[0.5, 0.25], penalty=[0.25, 0.5]).objective
        [0.75, 0.75]
        """
        return _sums(self.loss, self.penalty)

    def metric(self, name: str | None = None) -> list[float]:
        """The loss that is watched: the one of that name.

        By default that of the validation data; without them what is minimized, loss and penalties:
        after each epoch or, where that was not measured for all of them, over the epoch
        (``objective``).

        Raises:
            InvalidArgumentError: if there is no such list, or nothing in it, although there are
                epochs.

        >>> History(loss=[0.7], validation_loss=[0.9]).metric()
        [0.9]
        """
        if name is None:
            after_epoch = _sums(self.epoch_end_loss, self.epoch_end_penalty)
            if any(map(isnan, after_epoch)):
                after_epoch = []
            return list(self.validation_loss) or after_epoch or self.objective
        filled = [column for column, numbers in self._columns() if numbers]
        if name not in filled and (self.n_epochs or name not in dict(self._columns())):
            raise InvalidArgumentError(
                f"the history has no {name!r}; it has {', '.join(filled) or 'no epochs yet'}"
                + ("; pass validation_data=(X, y) to fit" if "validation" in name else "")
            )
        return list(dict(self._columns())[name])

    def best_epoch(self, monitor: str | None = None) -> int:
        """The epoch (from 1) with the lowest loss, or the highest accuracy; 0 without epochs.

        Args:
            monitor: as for ``metric``. Only "loss" and "accuracy" are not numbers of the weights
                after that epoch.

        >>> History(loss=[0.7, 0.3, 0.5]).best_epoch()
        2
        """
        sign = -1.0 if monitor is not None and "accuracy" in monitor else 1.0
        best, best_epoch = float("inf"), 0
        for epoch, number in enumerate(self.metric(monitor), start=1):
            if sign * number < best:
                best, best_epoch = sign * number, epoch
        return best_epoch

    def to_dict(self) -> dict[str, Any]:
        """The lists, the engine, the reason, the findings, by name; the lists are copies.

        >>> sorted(History(loss=[0.7]).to_dict())[:3]
        ['accuracy', 'advice', 'engine']
        """
        return {**asdict(self), "advice": [asdict(finding) for finding in self.advice]}

    def heading(self) -> str:
        """What was trained, in one line: the task, the loss, the engine.

        >>> History(task="regression", loss_name="mean_squared_error").heading()
        'regression, mean_squared_error, engine: eager'
        """
        what = [self.task, self.loss_name, f"engine: {self.engine}"]
        return ", ".join([part for part in what if part])

    def line(self, epoch: int = -1) -> str:
        """One epoch in one line, as ``fit`` prints it; by default the last one.

        What was measured for callbacks (``epoch_end_loss``) is only in the table of ``str``.

        >>> History(loss=[0.7], accuracy=[0.5], learning_rate=[0.1], seconds=[0.2]).line()
        'epoch    1  loss 0.7  accuracy 50.0 %'
        >>> History(loss=[0.12], penalty=[0.03], validation_loss=[0.14]).line()
        'epoch    1  loss 0.12      + penalty 0.03  validation loss 0.14'
        """
        number = epoch if epoch > 0 else self.n_epochs + 1 + epoch
        shown = [
            f"{'+ ' if name == 'penalty' else ''}{name.replace('_', ' ')} "
            f"{_text(name, numbers[number - 1]):{SHORT_WIDTH}}"
            for name, numbers in self._columns()
            if numbers and name != "learning_rate" and not name.startswith("epoch_end_")
        ]
        return "  ".join([f"epoch {number:4}", *shown]).rstrip()

    def __repr__(self) -> str:
        course = f", loss {self.loss[0]:.4g} -> {self.loss[-1]:.4g}" if self.loss else ""
        reason = visible(self.reason or "going on")
        return f"History({_epochs(self.n_epochs)}{course}, {reason})"

    def __str__(self) -> str:
        total = sum(self.seconds)
        lines = [
            self.heading(),
            f"{_epochs(self.n_epochs)} in {total:.1f} s: {visible(self.reason or 'going on')}",
        ]
        columns = [(name, numbers) for name, numbers in self._columns() if numbers]
        if columns:
            titles = (f"{name.replace('_', ' '):>{_width(name)}}" for name, _ in columns)
            lines.append("  ".join(["epoch", *titles]))
        for epoch in self._rows_to_show():
            cells = (f"{_text(name, ns[epoch - 1]):>{_width(name)}}" for name, ns in columns)
            lines.append("  ".join([f"{epoch:>5}", *cells]))
        return visible("\n".join([*lines, *map(str, self.advice)]), lines=True)

    def _columns(self) -> Iterator[tuple[str, list[float]]]:
        yield "loss", self.loss
        yield "penalty", self.penalty
        yield "validation_loss", self.validation_loss
        yield "accuracy", self.accuracy
        yield "validation_accuracy", self.validation_accuracy
        yield "epoch_end_loss", self.epoch_end_loss
        yield "epoch_end_penalty", self.epoch_end_penalty
        yield "epoch_end_accuracy", self.epoch_end_accuracy
        yield "learning_rate", self.learning_rate

    def _rows_to_show(self) -> list[int]:
        """The first and the last epoch and some between them, evenly spread."""
        n = self.n_epochs
        if n <= MOST_ROWS:
            return list(range(1, n + 1))
        return [1 + round(i * (n - 1) / (MOST_ROWS - 1)) for i in range(MOST_ROWS)]


def _sums(losses: list[float], penalties: list[float]) -> list[float]:
    return list(map(add, losses, penalties)) if penalties else list(losses)


def _epochs(n: int) -> str:
    return f"{n} epoch{'' if n == 1 else 's'}"


def _width(name: str) -> int:
    return max(len(name), 12)


def _text(name: str, number: float) -> str:
    if name.endswith("accuracy") and isfinite(number):
        return f"{100.0 * number:.1f} %"
    return f"{number:.4g}"
