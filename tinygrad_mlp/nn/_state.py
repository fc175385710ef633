"""The state of a module: an array for each of its names, lists of numbers as one array."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp.data._arrays import as_array
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError, NotANumberError, ShapeError
from tinygrad_mlp.nn._contents import Buffer, Holder, children_of, is_parameter

__all__ = ["StateEntry", "check_names", "check_shared", "checked_array", "named_entries"]

StateEntry = tuple[str, tuple[int, ...], list[Value]]
"""A name, the shape of the array and the Values in it, row by row."""


def named_entries(module: Holder) -> list[StateEntry]:
    """The entries of a module.

    Raises:
        InvalidArgumentError: if two of them have one name.

    >>> from tinygrad_mlp.nn import Layer
    >>> [(name, shape) for name, shape, _ in named_entries(Layer(2, 3, rng=0))]
    [('weight', (3, 2)), ('bias', (3,))]
    """
    entries = list(_state_entries(module))
    seen: set[str] = set()
    for name, _, _ in entries:
        if name in seen:
            raise InvalidArgumentError(
                f"{module!r} has two parameters of the name {name!r}; give attributes and keys of "
                "dicts names without dots"
            )
        seen.add(name)
    return entries


def _state_entries(module: Holder) -> Iterator[StateEntry]:
    yield from _entries_of(module, "", set())


def _entries_of(item: object, name: str, above: set[int]) -> Iterator[StateEntry]:
    """The entries of one item; what stands in several places has one in each, as in PyTorch."""
    shape = _regular_shape(item)
    if shape is not None:
        yield name, shape, list(_flattened(item))
    elif id(item) not in above:
        above = above | {id(item)}
        prefix = f"{name}." if name else ""
        children = item.state().items() if isinstance(item, Holder) else children_of(item)
        for key, child in children:
            yield from _entries_of(child, f"{prefix}{key}", above)


def _regular_shape(item: object) -> tuple[int, ...] | None:
    """The shape of the array that a nest of Values makes; None if it makes none."""
    if isinstance(item, list | tuple):
        shapes = {_regular_shape(row) for row in item}
        if len(shapes) == 1:
            (shape,) = shapes
            return None if shape is None else (len(item), *shape)
        return None
    return () if _is_state(item) else None


def _is_state(item: object) -> bool:
    return isinstance(item, Buffer) or (isinstance(item, Value) and is_parameter(item))


def _flattened(nest: Any) -> Iterator[Value]:
    if isinstance(nest, Value):
        yield nest
    else:
        for row in nest:
            yield from _flattened(row)


def check_names(module: Holder, names: Sequence[str], state_dict: Mapping[str, ArrayLike]) -> None:
    """Refuse a state that has not just these names.

    Raises:
        InvalidArgumentError: if it is such a one, or no dict.

    >>> from tinygrad_mlp.nn import Neuron
    >>> check_names(Neuron(1, rng=0), ["weight", "bias"], {"weight": [2.0]})
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.InvalidArgumentError: the state dict for relu(1) neuron lacks 'bias'; ...
    """
    if not isinstance(state_dict, Mapping):
        raise InvalidArgumentError(
            f"load_state_dict takes a dict of arrays by name, got {type(state_dict).__name__}; "
            "for example model.load_state_dict(other_model.state_dict())"
        )
    missing = [name for name in names if name not in state_dict]
    unknown = [name for name in state_dict if name not in names]
    problems = [f"lacks {', '.join(map(repr, missing))}"] if missing else []
    problems += [f"has the unknown {', '.join(map(repr, unknown))}"] if unknown else []
    if problems:
        raise InvalidArgumentError(
            f"the state dict for {module!r} {' and '.join(problems)}; the names are: "
            f"{', '.join(names) or 'none'}. Load it into a model that was made with the same call"
        )


def check_shared(
    where: str, arrays: Sequence[tuple[str, Sequence[Value], Sequence[float]]]
) -> None:
    """Refuse different numbers for one leaf, which layers share that stand in several places.

    Args:
        where: what holds the arrays, for the message.
        arrays: of each the name, the leaves that it is for, and its numbers.

    Raises:
        InvalidArgumentError: if there are such.

    >>> w = Value(0.0)
    >>> check_shared("the file", [("a", [w], [1.0]), ("b", [w], [2.0])])
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.InvalidArgumentError: the file holds other numbers for 'b' than for 'a', ...
    """
    seen: dict[Value, tuple[str, float]] = {}
    for name, leaves, numbers in arrays:
        for leaf, number in zip(leaves, numbers):
            other, before = seen.setdefault(leaf, (name, number))
            if before != number and not (isnan(before) and isnan(number)):
                raise InvalidArgumentError(
                    f"{where} holds other numbers for {name!r} than for {other!r}, but they are "
                    "the same parameters here; load it into a model in which nothing is shared, "
                    "or give both the same numbers"
                )


def checked_array(
    module: Holder, name: str, array: ArrayLike, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """An array of a state as float64, in the shape that the module needs.

    Raises:
        ShapeError: if it has another one.
        NotANumberError: if it holds anything but real numbers.

    >>> from tinygrad_mlp.nn import Neuron
    >>> checked_array(Neuron(1, rng=0), "weight", [2], (1,))
    array([2.])
    """
    numbers = as_array(array, repr(name))
    if numbers.dtype.kind not in "biuf":
        raise NotANumberError(
            f"{name!r} of the state dict for {module!r} holds {numbers.dtype}; "
            "real numbers are needed"
        )
    if numbers.shape != shape:
        raise ShapeError(
            f"{name!r} of the state dict has shape {numbers.shape}, but {module!r} needs {shape}; "
            "load it into a model with the same sizes"
        )
    return numbers.astype(np.float64)
