"""The check of a numeric argument, one for optimizers, schedules and clipping."""

from __future__ import annotations

import math

import numpy as np

from tinygrad_mlp.errors import InvalidArgumentError

__all__ = ["checked_integer", "checked_number"]


def checked_number(
    name: str,
    number: object,
    call: str,
    *,
    at_least: float = -math.inf,
    above: float = -math.inf,
    at_most: float = math.inf,
    below: float = math.inf,
) -> float:
    """``number`` as a float, if it is one within the limits.

    Raises:
        InvalidArgumentError: else; the message ends with ``call``, the corrected call.

    >>> checked_number("momentum", 0.9, "SGD(parameters, momentum=0.9)", at_least=0.0, below=1.0)
    0.9
    >>> checked_number("momentum", 9, "SGD(parameters, momentum=0.9)", at_least=0.0, below=1.0)
    Traceback (most recent call last):
    ...
    tinygrad_mlp.errors.InvalidArgumentError: momentum must be a number >= 0 and < 1, got 9;
    for example SGD(parameters, momentum=0.9)
    """
    if isinstance(number, float | int | np.floating | np.integer) and not isinstance(number, bool):
        value = float(number)
        if math.isfinite(value) and at_least <= value <= at_most and above < value < below:
            return value
    limits = (("> ", above), (">= ", at_least), ("<= ", at_most), ("< ", below))
    wanted = " and ".join(f"{sign}{limit:g}" for sign, limit in limits if math.isfinite(limit))
    raise InvalidArgumentError(
        f"{name} must be a number {wanted}, got {number!r}; for example {call}"
    )


def checked_integer(name: str, number: object, call: str, *, at_least: int) -> int:
    """``number`` as an int, if it is one and at least ``at_least``.

    Raises:
        InvalidArgumentError: else; the message ends with ``call``, the corrected call.

    >>> checked_integer("n_epochs", 100, "CosineSchedule(n_epochs=100)", at_least=1)
    100
    """
    is_bool = isinstance(number, bool)
    if isinstance(number, int | np.integer) and not is_bool and number >= at_least:
        return int(number)
    raise InvalidArgumentError(
        f"{name} must be a whole number >= {at_least}, got {number!r}; for example {call}"
    )
