"""Optimizers and schedules by name, for a command line or for a table of experiments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from tinygrad_mlp._registry import Registry
from tinygrad_mlp._text import described
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.optim._base import Optimizer, Parameter
from tinygrad_mlp.optim._optimizers import SGD, Adam, AdamW, RMSprop
from tinygrad_mlp.optim._phases import (
    CosineRestartsSchedule,
    LambdaSchedule,
    MultiStepSchedule,
    OneCycleSchedule,
)
from tinygrad_mlp.optim._plateau import PlateauSchedule
from tinygrad_mlp.optim._schedules import (
    ConstantSchedule,
    CosineSchedule,
    ExponentialSchedule,
    Schedule,
    StepSchedule,
    WarmupSchedule,
)

__all__ = ["OPTIMIZERS", "SCHEDULES", "make_optimizer", "make_schedule"]


def _check_optimizer(name: str, thing: object) -> None:
    _check_class(thing, Optimizer, f"OPTIMIZERS.add({name!r}, ", "the rule, update(xp, ...)")


def _check_schedule(name: str, thing: object) -> None:
    _check_class(thing, Schedule, f"SCHEDULES.add({name!r}, ", "__call__(epoch)")


def _check_class(thing: object, base: type, call: str, method: str) -> None:
    if isinstance(thing, type) and issubclass(thing, base):
        return
    kind = base.__name__
    if isinstance(thing, base):
        raise InvalidArgumentError(
            f"{described(thing)} is one {kind.lower()} with its settings, but the class is needed, "
            f"of which each training makes its own: {call}{type(thing).__name__})"
        )
    raise InvalidArgumentError(
        f"{described(thing)} is no subclass of {kind}; write a class MyOwn({kind}) with {method}, "
        f"and give the class: {call}MyOwn)"
    )


OPTIMIZERS: Final = Registry[type[Optimizer]](
    "optimizer",
    ("sgd", SGD, "gradient_descent"),
    ("rmsprop", RMSprop),
    ("adam", Adam),
    ("adamw", AdamW),
    check=_check_optimizer,
)
"""The optimizers by name."""

SCHEDULES: Final = Registry[type[Schedule]](
    "schedule",
    ("constant", ConstantSchedule, "constant_lr"),
    ("step", StepSchedule, "step_lr"),
    ("multi_step", MultiStepSchedule, "multi_step_lr"),
    ("exponential", ExponentialSchedule, "exponential_lr"),
    ("cosine", CosineSchedule, "cosine_annealing", "cosine_annealing_lr"),
    (
        "cosine_restarts",
        CosineRestartsSchedule,
        *("cosine_annealing_warm_restarts", "warm_restarts", "sgdr"),
    ),
    ("one_cycle", OneCycleSchedule, "one_cycle_lr"),
    ("lambda", LambdaSchedule, "lambda_lr"),
    ("warmup", WarmupSchedule),
    ("plateau", PlateauSchedule, "reduce_lr_on_plateau"),
    check=_check_schedule,
)
"""The schedules by name, each with what PyTorch calls it."""


def make_optimizer(name: str, parameters: Iterable[Parameter] = (), **settings: Any) -> Optimizer:
    """The optimizer of that name.

    Args:
        name: one of ``OPTIMIZERS`` or an alias, in upper or lower case.
        parameters: the Values to step.
        settings: the keyword arguments of its class, for example ``learning_rate``.

    Raises:
        UnknownNameError: if there is no such optimizer; the message lists the known ones.

    >>> make_optimizer("sgd", learning_rate=0.1)
    SGD(learning_rate=0.1, momentum=0.0, nesterov=False, weight_decay=0.0)
    """
    return OPTIMIZERS.named(name)(parameters, **settings)


def make_schedule(name: str, **settings: Any) -> Schedule:
    """The schedule of that name.

    Args:
        name: one of ``SCHEDULES`` or an alias, in upper or lower case.
        settings: the keyword arguments of its class, for example ``n_epochs``.

    Raises:
        UnknownNameError: if there is no such schedule; the message lists the known ones.

    >>> make_schedule("cosine", n_epochs=100)
    CosineSchedule(n_epochs=100, final_factor=0.0)
    """
    return SCHEDULES.named(name)(**settings)
