"""Checks of arguments that many functions share: a usable one comes back, of one kind.

What cannot be used is an ``InvalidArgumentError`` that names the argument and the corrected call.
"""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from tinygrad_mlp._text import described
from tinygrad_mlp.errors import InvalidArgumentError

__all__ = ["Rng", "Setting", "as_generator", "check_flag", "check_integer", "check_number"]

Rng: TypeAlias = int | np.random.Generator | None
"""A seed, a generator to draw from, or None for fresh random numbers."""


def check_integer(value: object, name: str, call: str | None = None, *, minimum: int = 1) -> int:
    """A whole number of at least ``minimum`` as an int.

    Args:
        value: what was given.
        name: what the message calls it.
        call: the corrected call that the message ends with; ``name=minimum`` unless given.
        minimum: the least number that will do.

    Raises:
        InvalidArgumentError: if it is no whole number or too small.

    >>> check_integer(np.int64(3), "n_samples")
    3
    >>> check_integer(0, "batch_size")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.InvalidArgumentError: batch_size is 0, but a whole number of at least 1 ...
    """
    if isinstance(value, Integral) and not isinstance(value, bool):
        number = int(value)
        if number >= minimum:
            return number
    raise InvalidArgumentError(
        f"{name} is {described(value)}, but a whole number of at least {minimum} is needed: "
        f"{call or f'{name}={minimum}'}"
    )


def check_flag(value: object, name: str, call: str) -> bool:
    """True or False.

    Args:
        value: what was given.
        name: what the message calls it.
        call: the corrected call that the message ends with.

    Raises:
        InvalidArgumentError: for anything else, such as a text, which would count as True.

    >>> check_flag("no", "nesterov", "SGD(nesterov=True)")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.InvalidArgumentError: nesterov is 'no', but True or False is needed: ...
    """
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise InvalidArgumentError(f"{name} is {described(value)}, but True or False is needed: {call}")


def check_number(
    value: object,
    name: str,
    call: str,
    *,
    at_least: float = -math.inf,
    above: float = -math.inf,
    at_most: float = math.inf,
    below: float = math.inf,
) -> float:
    """A finite number within the limits as a float.

    Args:
        value: what was given.
        name: what the message calls it.
        call: the corrected call that the message ends with.
        at_least: the least number that will do.
        above: what it has to exceed.
        at_most: the greatest number that will do.
        below: what it must not reach.

    Raises:
        InvalidArgumentError: if it is no number, or not within the limits.

    >>> check_number(1, "momentum", "SGD(parameters, momentum=0.9)", at_least=0.0)
    1.0
    >>> check_number(9, "momentum", "SGD(parameters, momentum=0.9)", at_least=0.0, below=1.0)
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.InvalidArgumentError: momentum is 9, but a number >= 0 and < 1 is needed:
    SGD(parameters, momentum=0.9)
    """
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:  # of a whole number of more than 308 digits
            number = math.inf
        if at_least <= number <= at_most and above < number < below:  # as inf and nan never are
            return number
    kind = "a finite number" if isinstance(value, float) and math.isinf(value) else "a number"
    limits = ((">", above), (">=", at_least), ("<=", at_most), ("<", below))
    wanted = " and ".join(f"{sign} {limit:g}" for sign, limit in limits if math.isfinite(limit))
    raise InvalidArgumentError(
        f"{name} is {described(value)}, but {f'{kind} {wanted}' if wanted else kind} is needed: "
        f"{call}"
    )


class Setting:
    """An attribute that takes a number within limits, checked whenever it is assigned.

    Reading it costs what reading any attribute does.

    Args:
        call: the corrected call that the message ends with.
        limits: as for ``check_number``.

    Raises:
        InvalidArgumentError: if what is assigned is no number, or not within the limits.

    >>> class Rate:
    ...     size = Setting("rate.size = 0.1", at_least=0.0)
    >>> rate = Rate()
    >>> rate.size = 2
    >>> rate.size
    2.0
    >>> rate.size = -1.0
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.InvalidArgumentError: size is -1.0, but a number >= 0 is needed: ...
    """

    def __init__(self, call: str, **limits: float) -> None:
        self._call = call
        self._limits = limits

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    if TYPE_CHECKING:  # where there is none, the number is read from the instance

        def __get__(self, instance: object, owner: type | None = None) -> float: ...

    def __set__(self, instance: object, value: float) -> None:
        number = check_number(value, self._name, self._call, **self._limits)
        vars(instance)[self._name] = number


def as_generator(rng: Rng, name: str = "rng") -> np.random.Generator:
    """The generator that a seed stands for; a generator is returned as it is.

    Args:
        rng: a seed, a generator, or None for one that nobody can repeat.
        name: what the message calls it.

    Raises:
        InvalidArgumentError: for anything else, such as a negative seed.

    >>> as_generator(0).random() == np.random.default_rng(0).random()
    True
    >>> as_generator(-1)
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.InvalidArgumentError: rng is -1, but a seed (a whole number of at least ...
    """
    if isinstance(rng, np.random.Generator):
        return rng
    given: Any = rng
    try:
        return np.random.default_rng(given)
    except (TypeError, ValueError):
        raise InvalidArgumentError(
            f"{name} is {described(rng)}, but a seed (a whole number of at least 0), a "
            f"numpy.random.Generator or None is needed: {name}=0"
        ) from None
