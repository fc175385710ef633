"""What an object has in its attributes, also in lists, tuples and dicts there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

__all__ = ["held_by"]


def held_by(holder: object, wanted: Callable[[type], bool]) -> Iterator[Any]:
    """The objects of the wanted types that an object holds in its attributes, each once.

    Lists, tuples and dicts are looked into, also those within them; other objects are not, so a
    long list of numbers costs one look at each type in it.

    Args:
        holder: the object; it does not count as held by itself.
        wanted: whether objects of a type are wanted.

    >>> class Pair:
    ...     def __init__(self, *parts):
    ...         self.parts = parts
    >>> list(held_by(Pair(1, [2, 0.5]), lambda kind: kind is int))
    [1, 2]
    """
    seen = {id(holder)}
    plain: set[type] = set()  # the types that need no look at their objects
    containers: list[Collection[Any]] = [list(getattr(holder, "__dict__", {}).values())]
    for container in containers:  # it grows on the way
        if plain.issuperset(map(type, container)):
            continue
        for item in container:
            kind = type(item)
            if kind in plain or id(item) in seen:
                continue
            if wanted(kind):
                seen.add(id(item))
                yield item
            elif issubclass(kind, list | tuple | dict):
                seen.add(id(item))
                containers.append(item.values() if issubclass(kind, dict) else item)
            else:
                plain.add(kind)
