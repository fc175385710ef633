"""Learning-rate schedules: by which factor the learning rate is scaled in each epoch.

A schedule maps the number of an epoch, from 0, to a factor; the optimizer's rate in that epoch is
its ``initial_learning_rate`` times the factor. It is told so once, before the epoch:

    for epoch in range(n_epochs):
        schedule.step(optimizer, epoch, loss)  # loss: that of the epoch before; None in the first
        loss = train_one_epoch()

``epoch`` may count steps just as well. ``fit`` has the schedule itself count, over all trainings
with one optimizer. The schedules here are plain functions of the epoch; the one that looks at the
loss and remembers it is in ``_plateau.py``.
"""

from __future__ import annotations

import inspect
import math
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._arguments import check_integer, check_number
from tinygrad_mlp._text import described
from tinygrad_mlp._words import our_words
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.optim._inside import held_by

__all__ = [
    "ConstantSchedule",
    "CosineSchedule",
    "ExponentialSchedule",
    "Schedule",
    "StepSchedule",
    "WarmupSchedule",
]

_PASSING = ("_optimizer", "_is_gone_through")  # what a copy does not have


class HasLearningRate(Protocol):
    """What a schedule needs of an optimizer."""

    learning_rate: float
    initial_learning_rate: float


class Schedule(ABC):
    """The base of all schedules; one of your own needs ``__call__``.

    One that remembers something needs ``observe`` and ``reset`` too, and to be saved ``state_dict``
    and ``load_state_dict``; each of them calls that of ``super()``. The schedules of which one is
    made are found in its attributes, also in lists, tuples and dicts there, for all but the factor
    and ``observe``.

    Attributes:
        epoch: the epoch that comes next where ``fit`` has the schedule count, from 0.

    >>> class Halving(Schedule):
    ...     def __call__(self, epoch):
    ...         return 0.5**epoch
    >>> [Halving()(epoch) for epoch in range(3)]
    [1.0, 0.5, 0.25]
    """

    setting_names: ClassVar[tuple[str, ...]] = ()
    """What ``repr`` shows."""

    epoch: int = 0
    _optimizer: weakref.ref[HasLearningRate] | None = None  # whose epochs it counts
    _is_gone_through: bool = False

    @abstractmethod
    def __call__(self, epoch: int) -> float:
        """The factor for the epoch, counted from 0."""

    @classmethod
    def spanning(cls, n_epochs: int) -> Self:
        """One that suits a training of so many epochs: what ``fit(schedule="name")`` takes.

        It is made with ``n_epochs`` if that is all that it needs, and else without arguments.
        Override it for a schedule of your own that needs others.

        Raises:
            InvalidArgumentError: if it needs others.

        >>> CosineSchedule.spanning(50), StepSchedule.spanning(60)
        (CosineSchedule(n_epochs=50, final_factor=0.0), StepSchedule(step_size=20, gamma=0.1))
        """
        needed = [
            parameter.name
            for parameter in inspect.signature(cls).parameters.values()
            if parameter.default is parameter.empty
            and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        ]
        if set(needed) - {"n_epochs"}:
            raise InvalidArgumentError(
                f"{cls.__name__} is given by its name alone, but needs {', '.join(needed)}; make "
                f"one: schedule={cls.__name__}({', '.join(f'{name}=...' for name in needed)})"
            )
        return cls(**dict.fromkeys(needed, n_epochs))

    def observe(self, epoch: int, loss: float) -> None:  # noqa: B027 (most have no use for it)
        """Take note of the loss at the end of an epoch; does nothing unless overridden."""

    @property
    def watches(self) -> Literal["loss", "accuracy"] | None:
        """What ``observe`` is to be shown; None where it looks at nothing.

        That is what the schedules inside watch; without any, the loss.

        Raises:
            InvalidArgumentError: if some of them watch a loss and others an accuracy.

        >>> from tinygrad_mlp.optim import PlateauSchedule
        >>> WarmupSchedule(5, then=PlateauSchedule(mode="max")).watches
        'accuracy'
        """
        watched = {inner.watches for inner in self._inside()} - {None}
        if len(watched) > 1:
            raise InvalidArgumentError(
                f"{self} holds schedules that watch a loss and others that watch an accuracy, but "
                "is shown one number after each epoch; take PlateauSchedules of one mode"
            )
        if watched:
            return watched.pop()
        return None if type(self).observe is Schedule.observe else "loss"

    def reset(self) -> None:
        """Be as at the start: the count of epochs, and the schedules inside.

        Override it for what a schedule of your own remembers.
        """
        for inner in self._inside():
            inner.reset()
        self.epoch = 0

    def begin(self, optimizer: HasLearningRate) -> None:
        """Be ready to go on with this optimizer, or to start anew if it was another one before.

        A fresh schedule, a copy and one with a loaded state go on with the optimizer that comes
        first.

        >>> from tinygrad_mlp.optim import SGD
        >>> schedule, optimizer = CosineSchedule(n_epochs=10), SGD()
        >>> schedule.begin(optimizer)
        >>> schedule.end_epoch(loss=0.5)
        >>> schedule.begin(optimizer)
        >>> schedule.epoch
        1
        >>> schedule.begin(SGD())
        >>> schedule.epoch
        0
        """
        if self._optimizer is not None and self._optimizer() is not optimizer:
            self.reset()
        self._optimizer = weakref.ref(optimizer)
        for inner in self._inside():
            inner.begin(optimizer)

    def end_epoch(self, loss: float) -> None:
        """Observe the epoch and count it; ``loss`` is what the schedule ``watches``."""
        self.observe(self.epoch, loss)
        self.epoch += 1

    def step(self, optimizer: HasLearningRate, epoch: int, loss: float | None = None) -> None:
        """Set the optimizer's learning rate for the epoch that begins.

        Args:
            optimizer: its ``learning_rate`` becomes ``initial_learning_rate`` times the factor.
            epoch: the number of the epoch, from 0.
            loss: the loss (or another measure, of validation data for example) at the end of the
                epoch before, if there was one.

        >>> from tinygrad_mlp.optim import SGD
        >>> optimizer = SGD(learning_rate=0.5)
        >>> ExponentialSchedule(gamma=0.1).step(optimizer, epoch=1)
        >>> optimizer.learning_rate
        0.05
        """
        if loss is not None and epoch > 0:
            self.observe(epoch - 1, float(loss))
        optimizer.learning_rate = optimizer.initial_learning_rate * self(epoch)

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """What the schedule, and those inside, remember: for most only the count of epochs."""
        state = {"epoch": np.array(self.epoch)}
        for i, inner in enumerate(self._inside()):
            state |= {f"{i}.{name}": array for name, array in inner.state_dict().items()}
        return state

    def load_state_dict(self, state_dict: Mapping[str, NDArray[Any]]) -> None:
        """Take over what ``state_dict`` of the same kind of schedule gave.

        A count of epochs that is missing, as in states of earlier versions, begins at 0.

        Raises:
            InvalidArgumentError: if a name is missing or unknown.
        """
        expected = sorted(self.state_dict())
        counts = {name: np.array(0) for name in expected if name.split(".")[-1] == "epoch"}
        given = {**counts, **state_dict}
        if sorted(given) != expected:
            raise InvalidArgumentError(
                f"the state of {self} has the names {expected}, got {sorted(state_dict)}; "
                f"load what the state_dict() of another {type(self).__name__} gave"
            )
        for i, inner in enumerate(self._inside()):
            inner.load_state_dict({name: given[f"{i}.{name}"] for name in inner.state_dict()})
        self.epoch = int(given.get("epoch", 0))
        self._optimizer = None

    def _inside(self) -> Iterator[Schedule]:
        """The schedules of which this one is made, but those whose insides are being gone through.

        So one that knows the schedule it stands in leads to no endless round.
        """
        if self._is_gone_through:
            return
        self._is_gone_through = True
        try:
            for inner in held_by(self, lambda kind: issubclass(kind, Schedule)):
                if not inner._is_gone_through:
                    yield inner
        finally:
            del self._is_gone_through

    def __getstate__(self) -> dict[str, Any]:
        return {name: item for name, item in vars(self).items() if name not in _PASSING}

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.setting_names)
        return f"{type(self).__name__}({settings})"


class ConstantSchedule(Schedule):
    """The same rate all the time: factor(epoch) = 1.

    >>> ConstantSchedule()(7)
    1.0
    """

    def __call__(self, epoch: int) -> float:
        """1, whatever the epoch."""
        return 1.0


class StepSchedule(Schedule):
    """A drop by gamma every step_size epochs: factor(epoch) = gamma^floor(epoch / step_size).

    Args:
        step_size: the number of epochs from one drop to the next, at least 1.
        gamma: the factor of each drop, above 0.

    Raises:
        InvalidArgumentError: for a number out of its range.

    Source: the form and the default of ``torch.optim.lr_scheduler.StepLR``.

    >>> [StepSchedule(step_size=2, gamma=0.5)(epoch) for epoch in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    setting_names = ("step_size", "gamma")

    @our_words
    def __init__(self, step_size: int, gamma: float = 0.1) -> None:
        call = "StepSchedule(step_size=30, gamma=0.1)"
        self.step_size = check_integer(step_size, "step_size", call, minimum=1)
        self.gamma = check_number(gamma, "gamma", call, above=0.0)

    @classmethod
    def spanning(cls, n_epochs: int) -> Self:
        """A tenth after each third."""
        return cls(step_size=max(n_epochs // 3, 1))

    def __call__(self, epoch: int) -> float:
        """gamma^floor(epoch / step_size)."""
        return float(self.gamma ** (epoch // self.step_size))


class ExponentialSchedule(Schedule):
    """A drop by gamma in every epoch: factor(epoch) = gamma^epoch.

    Args:
        gamma: the factor of each epoch, above 0.

    Raises:
        InvalidArgumentError: for a number out of its range.

    Source: the form of ``torch.optim.lr_scheduler.ExponentialLR``.

    >>> [ExponentialSchedule(gamma=0.5)(epoch) for epoch in range(3)]
    [1.0, 0.5, 0.25]
    """

    setting_names = ("gamma",)

    @our_words
    def __init__(self, gamma: float) -> None:
        call = "ExponentialSchedule(gamma=0.95)"
        self.gamma = check_number(gamma, "gamma", call, above=0.0)

    @classmethod
    def spanning(cls, n_epochs: int) -> Self:
        """Down to a hundredth."""
        return cls(gamma=0.01 ** (1.0 / n_epochs))

    def __call__(self, epoch: int) -> float:
        """gamma^epoch."""
        return float(self.gamma**epoch)


class CosineSchedule(Schedule):
    """Half a wave of a cosine from 1 to final_factor over n_epochs, and no further.

    factor(epoch) = f + (1 - f) (1 + cos(pi epoch / n_epochs)) / 2, with f = final_factor.

    Args:
        n_epochs: the epoch in which final_factor is reached, at least 1.
        final_factor: f, at least 0.

    Raises:
        InvalidArgumentError: for a number out of its range.

    Source: Loshchilov and Hutter (2017), SGDR: stochastic gradient descent with warm restarts, eq.
    5, one period; up to n_epochs that is ``torch.optim.lr_scheduler.CosineAnnealingLR``, which
    goes up again afterwards.

    >>> [round(CosineSchedule(n_epochs=4)(epoch), 3) for epoch in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """

    setting_names = ("n_epochs", "final_factor")

    @our_words
    def __init__(self, n_epochs: int, final_factor: float = 0.0) -> None:
        call = "CosineSchedule(n_epochs=100, final_factor=0.0)"
        self.n_epochs = check_integer(n_epochs, "n_epochs", call, minimum=1)
        self.final_factor = check_number(final_factor, "final_factor", call, at_least=0.0)

    def __call__(self, epoch: int) -> float:
        """f + (1 - f) (1 + cos(pi epoch / n_epochs)) / 2."""
        angle = math.pi * min(epoch / self.n_epochs, 1.0)
        return self.final_factor + (1.0 - self.final_factor) * (1.0 + math.cos(angle)) / 2.0


class WarmupSchedule(Schedule):
    """A straight rise from start_factor to 1 over n_epochs, then another schedule from its epoch 0.

    factor(epoch) = start_factor + (1 - start_factor) epoch / n_epochs, up to n_epochs.

    Args:
        n_epochs: the length of the rise, at least 1.
        then: the schedule that follows; the rate stays as it is if there is none.
        start_factor: the factor in epoch 0, from 0 to 1.

    Raises:
        InvalidArgumentError: for a number out of its range; if ``then`` is not a schedule.

    Source: the form and the default of ``torch.optim.lr_scheduler.LinearLR``, the sequence of
    ``SequentialLR``.

    >>> schedule = WarmupSchedule(n_epochs=2, start_factor=0.5, then=ExponentialSchedule(gamma=0.1))
    >>> [schedule(epoch) for epoch in range(4)]
    [0.5, 0.75, 1.0, 0.1]
    """

    setting_names = ("n_epochs", "then", "start_factor")

    @our_words
    def __init__(
        self, n_epochs: int, then: Schedule | None = None, start_factor: float = 1.0 / 3.0
    ) -> None:
        call = "WarmupSchedule(n_epochs=5, then=CosineSchedule(n_epochs=95), start_factor=0.1)"
        self.n_epochs = check_integer(n_epochs, "n_epochs", call, minimum=1)
        self.then = ConstantSchedule() if then is None else then
        if not isinstance(self.then, Schedule):
            if is_function(then):
                call = "WarmupSchedule(n_epochs=5, then=LambdaSchedule(function))"
            raise InvalidArgumentError(
                f"then must be a schedule, got {described(then)}; for example {call}"
            )
        self.start_factor = check_number(
            start_factor, "start_factor", call, at_least=0.0, at_most=1.0
        )

    @classmethod
    def spanning(cls, n_epochs: int) -> Self:
        """A rise over the first tenth."""
        return cls(n_epochs=max(n_epochs // 10, 1))

    def __call__(self, epoch: int) -> float:
        """The straight line, and after it what follows."""
        if epoch >= self.n_epochs:
            return self.then(epoch - self.n_epochs)
        return self.start_factor + (1.0 - self.start_factor) * epoch / self.n_epochs

    @property
    def watches(self) -> Literal["loss", "accuracy"] | None:
        """What the schedule that follows watches."""
        return self.then.watches

    def observe(self, epoch: int, loss: float) -> None:
        """Pass the loss on to what follows, once it has begun."""
        if epoch >= self.n_epochs:
            self.then.observe(epoch - self.n_epochs, loss)


def is_function(given: object) -> bool:
    """Whether what stands in the place of a schedule is a function of the epoch, and no class.

    >>> is_function(lambda epoch: 0.5**epoch), is_function(CosineSchedule), is_function(0.5)
    (True, False, False)
    """
    return callable(given) and not isinstance(given, type)
