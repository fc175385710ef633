"""What a program is called with: arrays of its dtype, samples along their first axis, and names."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._text import described
from tinygrad_mlp.data._arrays import as_floats, check_plain
from tinygrad_mlp.errors import DataError, ShapeError

__all__ = ["Shapes", "argument_names_of", "assign_numbers", "batch_size_of", "called_with"]

Array = NDArray[Any]
Shapes = tuple[tuple[int, ...], ...]
"""Those of the arguments of a call."""


def called_with(array: ArrayLike, dtype: np.dtype[Any]) -> Array:
    """An argument of a call as an array of the program's dtype.

    Raises:
        ShapeError: if it holds anything but real numbers.

    >>> called_with([1, 2], np.dtype("float32"))
    array([1., 2.], dtype=float32)
    """
    if isinstance(array, np.ma.MaskedArray):
        raise ShapeError(
            "a program is called with arrays of numbers, got a masked array; fill in what is "
            "masked, array.filled(0.0), or leave these samples out"
        )
    try:
        return as_floats(array, "the array").astype(dtype, copy=False)
    except (DataError, ShapeError) as error:
        raise ShapeError(f"a program is called with arrays of numbers; {error}") from error


def batch_size_of(shapes: Shapes) -> int:
    """The number of samples in the arguments of a call.

    Raises:
        ShapeError: if they differ in it, or there are none.

    >>> batch_size_of(((3, 2), (3,)))
    3
    """
    sizes = {shape[0] if shape else None for shape in shapes}
    if len(sizes) != 1 or None in sizes or 0 in sizes:
        raise ShapeError(
            "a program compiled with per_sample=True is called with arrays that have the "
            "samples along their first axis, the same number for all and at least one; "
            f"got shapes {shapes}"
        )
    size = sizes.pop()
    assert size is not None
    return size


def argument_names_of(function: Callable[..., Any]) -> tuple[str, ...]:
    """What a function calls its arguments; nothing for those that it does not name.

    >>> argument_names_of(lambda features, target: features - target)
    ('features', 'target')
    """
    try:
        arguments = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # of a function written in C
        return ()
    named = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple([argument.name for argument in arguments if argument.kind in named])


def assign_numbers(array: Array, numbers: ArrayLike, name: str) -> None:
    """Copy what is assigned to ``program.name`` into the array that calls work on.

    Raises:
        ShapeError: if there are other than as many numbers.

    >>> array = np.zeros(2)
    >>> assign_numbers(array, [1.0, 2.0], "parameters")
    >>> array.tolist()
    [1.0, 2.0]
    """
    try:
        if numbers.__class__ is not np.ndarray:  # which it is in every step of a loop
            check_plain(numbers, f"program.{name}")
        array[:] = numbers
    except (TypeError, ValueError) as error:
        raise ShapeError(
            f"program.{name} holds {array.size} numbers, got {described(numbers)}; for example "
            f"program.{name} = np.zeros({array.size})"
        ) from error
