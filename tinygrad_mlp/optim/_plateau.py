"""The schedule that looks at the loss: a lower learning rate when the loss stops falling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import repeat
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._arguments import check_integer, check_number
from tinygrad_mlp._at_once import assign_at_once
from tinygrad_mlp._words import our_words
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.optim._schedules import Schedule

__all__ = ["PlateauSchedule"]

_REMEMBERED = ("current_factor", "best", "n_bad_epochs", "n_cooldown_epochs")


class PlateauSchedule(Schedule):
    """A drop whenever the loss has not improved for some time.

    A loss improves if it is below best - threshold * |best|, best being the best so far, or with
    threshold_mode "abs" below best - threshold. After more than ``patience`` epochs in a row
    without improvement the factor is multiplied by ``factor``.

    Args:
        factor: the factor of each drop, from 0 to below 1.
        patience: how many epochs without improvement are let pass, at least 0.
        threshold: the improvement that counts, at least 0; a relative one below 1.
        cooldown: for how many epochs after a drop none are counted, at least 0.
        minimum_factor: no drop goes below it, from 0 to 1.
        threshold_mode: "rel" for a relative threshold, "abs" for one in the units of the loss.
        mode: "min" for a loss; "max" for an accuracy, which improves upwards.

    Raises:
        InvalidArgumentError: for a number out of its range, or another mode of the two.

    Source: the rule and the defaults of ``torch.optim.lr_scheduler.ReduceLROnPlateau``, except that
    a loss below 0 is treated as those above (there, a constant negative loss improves for ever),
    and that drops of less than 1e-8 are carried out, too (there, ``eps`` prevents them).

    >>> schedule = PlateauSchedule(factor=0.5, patience=1)
    >>> for epoch, loss in enumerate([3.0, 2.0, 2.0, 2.0, 2.0]):
    ...     schedule.observe(epoch, loss)
    ...     print(loss, schedule(epoch + 1))
    3.0 1.0
    2.0 1.0
    2.0 1.0
    2.0 0.5
    2.0 0.5
    """

    setting_names = (
        *("factor", "patience", "threshold", "threshold_mode"),
        *("cooldown", "minimum_factor", "mode"),
    )

    @our_words
    def __init__(
        self,
        factor: float = 0.1,
        patience: int = 10,
        *,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        minimum_factor: float = 0.0,
        mode: str = "min",
    ) -> None:
        call = "PlateauSchedule(factor=0.1, patience=10)"
        self.factor = check_number(factor, "factor", call, at_least=0.0, below=1.0)
        self.patience = check_integer(patience, "patience", call, minimum=0)
        if threshold_mode not in ("rel", "abs"):
            raise InvalidArgumentError(
                f"threshold_mode must be 'rel' or 'abs', got {threshold_mode!r}; for example {call}"
            )
        self.threshold_mode = threshold_mode
        largest = 1.0 if threshold_mode == "rel" else math.inf
        self.threshold = check_number(threshold, "threshold", call, at_least=0.0, below=largest)
        self.cooldown = check_integer(cooldown, "cooldown", call, minimum=0)
        self.minimum_factor = check_number(
            minimum_factor, "minimum_factor", call, at_least=0.0, at_most=1.0
        )
        if mode not in ("min", "max"):
            raise InvalidArgumentError(
                f"mode must be 'min' or 'max', got {mode!r}; for example {call}"
            )
        self.mode = mode
        self.reset()

    def __call__(self, epoch: int) -> float:
        """The factor that the losses so far have led to, whatever the epoch."""
        return self.current_factor

    @property
    def watches(self) -> Literal["loss", "accuracy"]:
        """The accuracy with mode "max", else the loss."""
        return "accuracy" if self.mode == "max" else "loss"

    def reset(self) -> None:
        """Forget the losses; the factor is 1 again."""
        super().reset()
        self._remember(1.0, math.inf if self.mode == "min" else -math.inf, 0, 0)

    def observe(self, epoch: int, loss: float) -> None:
        """Count an epoch as good or bad, and drop after too many bad ones; nan is bad."""
        factor, best, n_cooldown = self.current_factor, self.best, self.n_cooldown_epochs
        n_bad = self.n_bad_epochs + 1
        if self._improves(loss):
            best, n_bad = loss, 0
        if n_cooldown > 0:
            n_cooldown, n_bad = n_cooldown - 1, 0
        if n_bad > self.patience:
            factor = max(factor * self.factor, self.minimum_factor)
            n_cooldown, n_bad = self.cooldown, 0
        self._remember(factor, best, n_bad, n_cooldown)

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """The count of epochs, the factor, the best loss and the two counts of the rule."""
        remembered = {name: np.array(getattr(self, name)) for name in _REMEMBERED}
        return {**super().state_dict(), **remembered}

    def load_state_dict(self, state_dict: Mapping[str, NDArray[Any]]) -> None:
        """Go on where the schedule stood whose ``state_dict`` this is."""
        super().load_state_dict(state_dict)
        factor, best, n_bad, n_cooldown = [state_dict[name] for name in _REMEMBERED]
        self._remember(float(factor), float(best), int(n_bad), int(n_cooldown))

    def _remember(self, factor: float, best: float, n_bad: int, n_cooldown: int) -> None:
        self.current_factor: float
        self.best: float
        self.n_bad_epochs: int
        self.n_cooldown_epochs: int
        assign_at_once(repeat(self), _REMEMBERED, (factor, best, n_bad, n_cooldown))

    def _improves(self, loss: float) -> bool:
        down = 1.0 if self.mode == "min" else -1.0
        if self.threshold_mode == "abs":
            limit = self.best - down * self.threshold
        else:  # best may be negative, or infinite
            limit = self.best * (1.0 - down * math.copysign(self.threshold, self.best))
        return loss < limit if self.mode == "min" else loss > limit
