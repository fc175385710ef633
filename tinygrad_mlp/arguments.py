"""Checks of arguments that many functions share: a usable one comes back, of one kind.

What cannot be used is an ``InvalidArgumentError`` that names the argument and the corrected call.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from tinygrad_mlp.errors import InvalidArgumentError

__all__ = ["Rng", "as_generator"]

Rng: TypeAlias = int | np.random.Generator | None
"""A seed, a generator to draw from, or None for fresh random numbers."""


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
    given: Any = rng
    try:
        return np.random.default_rng(given)
    except (TypeError, ValueError):
        raise InvalidArgumentError(
            f"{name} is {rng!r:.60}, but a seed (a whole number of at least 0), a "
            f"numpy.random.Generator or None is needed: {name}=0"
        ) from None
