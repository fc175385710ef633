"""Optimizers and schedules by name, for a command line or for a table of experiments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinygrad_mlp.errors import UnknownNameError
from tinygrad_mlp.optim.base import Optimizer, Parameter
from tinygrad_mlp.optim.optimizers import SGD, Adam, AdamW, RMSprop
from tinygrad_mlp.optim.plateau import PlateauSchedule
from tinygrad_mlp.optim.schedules import (
    ConstantSchedule,
    CosineSchedule,
    ExponentialSchedule,
    Schedule,
    StepSchedule,
    WarmupSchedule,
)

__all__ = ["OPTIMIZERS", "SCHEDULES", "make_optimizer", "make_schedule"]

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
}
"""The optimizers by name."""

SCHEDULES: dict[str, type[Schedule]] = {
    "constant": ConstantSchedule,
    "step": StepSchedule,
    "exponential": ExponentialSchedule,
    "cosine": CosineSchedule,
    "warmup": WarmupSchedule,
    "plateau": PlateauSchedule,
}
"""The schedules by name."""


def make_optimizer(name: str, parameters: Iterable[Parameter] = (), **settings: Any) -> Optimizer:
    """The optimizer of that name.

    Args:
        name: one of ``OPTIMIZERS``, in upper or lower case.
        parameters: the Values to step.
        settings: the keyword arguments of its class, for example ``learning_rate``.

    Raises:
        UnknownNameError: if there is no such optimizer; the message lists the known ones.

    >>> make_optimizer("sgd", learning_rate=0.1)
    SGD(learning_rate=0.1, momentum=0.0, nesterov=False, weight_decay=0.0)
    """
    optimizer_class = OPTIMIZERS.get(str(name).lower())
    if optimizer_class is None:
        raise UnknownNameError.of("optimizer", name, OPTIMIZERS)
    return optimizer_class(parameters, **settings)


def make_schedule(name: str, **settings: Any) -> Schedule:
    """The schedule of that name.

    Args:
        name: one of ``SCHEDULES``, in upper or lower case.
        settings: the keyword arguments of its class, for example ``n_epochs``.

    Raises:
        UnknownNameError: if there is no such schedule; the message lists the known ones.

    >>> make_schedule("cosine", n_epochs=100)
    CosineSchedule(n_epochs=100, final_factor=0.0)
    """
    schedule_class = SCHEDULES.get(str(name).lower())
    if schedule_class is None:
        raise UnknownNameError.of("schedule", name, SCHEDULES)
    return schedule_class(**settings)
