"""Schedules of several phases: milestones, one cycle, restarts; and a function of one's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, Literal, NoReturn, Self

from tinygrad_mlp._arguments import check_flag, check_integer, check_number
from tinygrad_mlp._text import described
from tinygrad_mlp._words import our_words
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.optim._schedules import Schedule

__all__ = [
    "CosineRestartsSchedule",
    "LambdaSchedule",
    "MultiStepSchedule",
    "OneCycleSchedule",
]


class MultiStepSchedule(Schedule):
    """A drop by gamma at each milestone: factor(epoch) = gamma^(number of milestones <= epoch).

    Args:
        milestones: the epochs of the drops, in any order; one that stands twice drops twice.
        gamma: the factor of each drop, above 0.

    Raises:
        InvalidArgumentError: for a number out of its range, or no list of epochs.

    Source: the form and the default of ``torch.optim.lr_scheduler.MultiStepLR``.

    >>> [MultiStepSchedule([2, 3], gamma=0.5)(epoch) for epoch in range(5)]
    [1.0, 1.0, 0.5, 0.25, 0.25]
    """

    setting_names = ("milestones", "gamma")

    @our_words
    def __init__(self, milestones: Sequence[int], gamma: float = 0.1) -> None:
        call = "MultiStepSchedule(milestones=[30, 80], gamma=0.1)"
        given: object = milestones
        if isinstance(given, str) or not hasattr(given, "__iter__"):
            raise InvalidArgumentError(
                f"milestones is {described(milestones)}, but a list of epochs is needed: {call}"
            )
        self.milestones = [
            check_integer(epoch, f"milestones[{i}]", call, minimum=0)
            for i, epoch in enumerate(milestones)
        ]
        self.gamma = check_number(gamma, "gamma", call, above=0.0)

    @classmethod
    def spanning(cls, n_epochs: int) -> Self:
        """A tenth after a half and after three quarters."""
        return cls(milestones=[n_epochs // 2, 3 * n_epochs // 4])

    def __call__(self, epoch: int) -> float:
        """gamma^(number of milestones <= epoch)."""
        n_drops = sum(milestone <= epoch for milestone in self.milestones)
        return float(self.gamma**n_drops)


class LambdaSchedule(Schedule):
    """A function of your own: factor(epoch) = function(epoch).

    To save or copy it with ``pickle``, the function must have a name in a module.

    Args:
        function: gives the factor, a number of at least 0, for the epoch, counted from 0.

    Raises:
        InvalidArgumentError: if it is no function; where it is called, if its result is no number,
            or below 0.

    Source: ``torch.optim.lr_scheduler.LambdaLR``.

    >>> def inverse_root(epoch):
    ...     return (epoch + 1) ** -0.5
    >>> [round(LambdaSchedule(inverse_root)(epoch), 4) for epoch in range(4)]
    [1.0, 0.7071, 0.5774, 0.5]
    """

    setting_names = ("function",)

    @our_words
    def __init__(self, function: Callable[[int], float]) -> None:
        if not callable(function):
            raise InvalidArgumentError(
                f"function is {described(function)}, but a function of the epoch is needed: "
                "LambdaSchedule(lambda epoch: 0.95**epoch)"
            )
        self.function = function

    @classmethod
    def spanning(cls, n_epochs: int) -> NoReturn:
        """There is none without a function."""
        raise InvalidArgumentError(
            "the schedule 'lambda' needs a function of the epoch: "
            "schedule=LambdaSchedule(lambda epoch: 0.95**epoch)"
        )

    def __call__(self, epoch: int) -> float:
        """What the function gives."""
        call = "LambdaSchedule(lambda epoch: 0.95**epoch)"
        name = f"the factor that {described(self.function)} gives for epoch {epoch}"
        return check_number(self.function(epoch), name, call, at_least=0.0)


class OneCycleSchedule(Schedule):
    """One cycle: a rise from start_factor to 1, then a fall to final_factor, and no further.

    The learning rate of the optimizer is the highest. The rise ends in epoch pct_start n_epochs -
    1, the fall in the last, n_epochs - 1; with ``three_phase`` the rate first falls back to
    start_factor, as steeply as it rose, and then to final_factor. Each part goes from a to b as
    b + (a - b) (1 + cos(pi t)) / 2, or b + (a - b) (1 - t), for t from 0 to 1.

    Args:
        n_epochs: how many epochs there are, at least 1.
        pct_start: the part of them in which the rate rises, from 0 to 1.
        start_factor: the factor of epoch 0, from 0 to 1.
        final_factor: the factor of the last epoch, from 0 to 1.
        anneal_strategy: "cos" or "linear".
        three_phase: whether the fall has two parts.

    Raises:
        InvalidArgumentError: for a number out of its range, or another strategy.

    Source: Smith and Topin (2018), Super-convergence: very fast training of neural networks using
    large learning rates; the form and the defaults of ``torch.optim.lr_scheduler.OneCycleLR`` with
    ``cycle_momentum=False``. Its ``div_factor`` is 1 / start_factor, its ``final_div_factor`` is
    start_factor / final_factor.

    >>> [round(OneCycleSchedule(n_epochs=10)(epoch), 3) for epoch in (0, 1, 2, 5, 9, 20)]
    [0.04, 0.52, 1.0, 0.611, 0.0, 0.0]
    """

    setting_names = (
        "n_epochs",
        "pct_start",
        "start_factor",
        "final_factor",
        "anneal_strategy",
        "three_phase",
    )

    @our_words
    def __init__(
        self,
        n_epochs: int,
        pct_start: float = 0.3,
        *,
        start_factor: float = 1.0 / 25.0,
        final_factor: float = 1.0 / 25.0e4,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        three_phase: bool = False,
    ) -> None:
        call = "OneCycleSchedule(n_epochs=100, pct_start=0.3)"
        self.n_epochs = check_integer(n_epochs, "n_epochs", call, minimum=1)
        self.pct_start = check_number(pct_start, "pct_start", call, at_least=0.0, at_most=1.0)
        self.start_factor = check_number(
            start_factor, "start_factor", call, at_least=0.0, at_most=1.0
        )
        self.final_factor = check_number(
            final_factor, "final_factor", call, at_least=0.0, at_most=1.0
        )
        if anneal_strategy not in _BETWEEN:
            raise InvalidArgumentError(
                f"anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}; for example "
                f"{call}"
            )
        self.anneal_strategy = anneal_strategy
        self.three_phase = check_flag(
            three_phase, "three_phase", "OneCycleSchedule(n_epochs=100, three_phase=True)"
        )

    def __call__(self, epoch: int) -> float:
        """The factor of the part in which the epoch is."""
        between = _BETWEEN[self.anneal_strategy]
        here = min(epoch, self.n_epochs - 1)
        begin, start = 0.0, self.start_factor
        for end, stop in self._parts():
            if here <= end:
                return between(start, stop, (here - begin) / (end - begin) if end > begin else 1.0)
            begin, start = end, stop
        return self.final_factor

    def _parts(self) -> list[tuple[float, float]]:
        """For each part the epoch in which it ends, and the factor there."""
        rise = self.pct_start * self.n_epochs
        back = [(2.0 * rise - 2.0, self.start_factor)] if self.three_phase else []
        return [(rise - 1.0, 1.0), *back, (self.n_epochs - 1.0, self.final_factor)]


def _by_cosine(start: float, stop: float, part: float) -> float:
    return stop + (start - stop) * (1.0 + math.cos(math.pi * part)) / 2.0


def _by_line(start: float, stop: float, part: float) -> float:
    return stop + (start - stop) * (1.0 - part)


_BETWEEN: Final = {"cos": _by_cosine, "linear": _by_line}


class CosineRestartsSchedule(Schedule):
    """Half waves of a cosine from 1 to final_factor, each of which begins at 1 again.

    factor = f + (1 - f) (1 + cos(pi t / T)) / 2, with f = final_factor, T the length of the present
    wave and t the epochs since it began.

    Args:
        n_epochs: the length of the first wave, at least 1.
        multiplier: how many times as long as the one before each further wave is, at least 1.
        final_factor: f, at least 0.

    Raises:
        InvalidArgumentError: for a number out of its range.

    Source: Loshchilov and Hutter (2017), SGDR: stochastic gradient descent with warm restarts, eq.
    5; ``torch.optim.lr_scheduler.CosineAnnealingWarmRestarts``.

    >>> schedule = CosineRestartsSchedule(n_epochs=2, multiplier=2)
    >>> [round(schedule(epoch), 3) for epoch in range(7)]
    [1.0, 0.5, 1.0, 0.854, 0.5, 0.146, 1.0]
    """

    setting_names = ("n_epochs", "multiplier", "final_factor")

    @our_words
    def __init__(self, n_epochs: int, multiplier: int = 1, final_factor: float = 0.0) -> None:
        call = "CosineRestartsSchedule(n_epochs=10, multiplier=2, final_factor=0.0)"
        self.n_epochs = check_integer(n_epochs, "n_epochs", call, minimum=1)
        self.multiplier = check_integer(multiplier, "multiplier", call, minimum=1)
        self.final_factor = check_number(final_factor, "final_factor", call, at_least=0.0)

    @classmethod
    def spanning(cls, n_epochs: int) -> Self:
        """Three waves, each twice as long as the one before."""
        return cls(n_epochs=max(-(-n_epochs // 7), 1), multiplier=2)

    def __call__(self, epoch: int) -> float:
        """f + (1 - f) (1 + cos(pi t / T)) / 2."""
        since, length = epoch, self.n_epochs
        if self.multiplier == 1:
            since %= length
        while since >= length:
            since, length = since - length, length * self.multiplier
        return _by_cosine(1.0, self.final_factor, since / length)
