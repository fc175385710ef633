"""Checks of what settings are made of: numbers within limits, names, lists, objects, points."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from tinygrad_mlp._arguments import check_integer, check_number
from tinygrad_mlp._text import described
from tinygrad_mlp.errors import DataError, InvalidArgumentError, UnknownNameError

__all__ = [
    "LARGEST",
    "all_of",
    "check_text",
    "checked_keys",
    "checked_points",
    "listed",
    "named",
    "whole",
]

MOST_PAINTED: Final = 2_000
LARGEST: Final = 1e6
"""No setting and no coordinate is larger."""


class Points(tuple[tuple[float, float, float], ...]):
    """Painted points that were checked, which all settings that follow have in common.

    >>> Points([(1.0, 2.0, 0.0)])
    ((1.0, 2.0, 0.0),)
    """

    __slots__ = ()


def checked_points(
    points: object, before: tuple[tuple[float, float, float], ...] = ()
) -> tuple[tuple[float, float, float], ...]:
    """Painted points, each two coordinates and its class or number.

    Args:
        points: the points.
        before: those that come before them, which were checked.

    Raises:
        InvalidArgumentError: for anything else, and for too many.

    >>> checked_points([[1, 2, 0]])
    ((1.0, 2.0, 0.0),)
    """
    if isinstance(points, Points) and not before:
        return points
    checked = [*before]
    for point in listed(points, "painted", MOST_PAINTED):
        numbers = listed(point, "a painted point", 3)
        if len(numbers) != 3:
            raise InvalidArgumentError(
                f"a painted point is {described(point)}, but x1, x2 and a class are needed: "
                "(0.5, -1.0, 1)"
            )
        x1, x2, label = [
            check_number(n, "a painted point", "(0.5, -1.0, 1)", at_least=-LARGEST, at_most=LARGEST)
            for n in numbers
        ]
        checked.append((x1, x2, label))
    return Points(listed(checked, "painted", MOST_PAINTED))


def checked_keys(given: object, what: str, names: list[str]) -> Mapping[str, Any]:
    """An object with some of these keys.

    Raises:
        DataError: if it is none, or has another key.

    >>> checked_keys({"units": 3}, "a layer", ["units", "dropout"])
    {'units': 3}
    """
    if not isinstance(given, Mapping):
        raise DataError(f"{what} is {described(given)}, but an object is needed")
    for name in given:
        if name not in names:
            raise DataError(
                f"{what} has the unknown key {described(name)}; its keys are {', '.join(names)}"
            )
    return given


def all_of(given: object, what: str, names: list[str], optional: list[str]) -> Mapping[str, Any]:
    """An object with all of these keys, but for the optional ones.

    Raises:
        DataError: if it is none, or lacks one, or has another.

    >>> all_of({"units": 3}, "a layer", ["units", "dropout"], ["dropout"])
    {'units': 3}
    """
    checked = checked_keys(given, what, names)
    for name in names:
        if name not in checked and name not in optional:
            raise DataError(f"{what} has no {name!r}; its keys are {', '.join(names)}")
    return checked


def listed(given: object, name: str, most: int) -> tuple[Any, ...]:
    """A list of at most so many things.

    >>> listed([1, 2], "columns", 2)
    (1, 2)
    """
    if not isinstance(given, list | tuple):
        raise InvalidArgumentError(f"{name} is {described(given)}, but a list is needed")
    if len(given) > most:
        raise InvalidArgumentError(f"{name} has {len(given)} entries, but {most} is the most")
    return tuple(given)


def named(kind: str, name: object, known: Any) -> str:
    """A name that a registry knows; of an alias the name itself.

    >>> from tinygrad_mlp.nn import ACTIVATIONS
    >>> named("activation", "relu", ACTIVATIONS)
    'relu'
    """
    found = known.find(name) if isinstance(name, str) else None
    if found is None:
        raise UnknownNameError.of(kind, name, [*known])
    return str(found)


def whole(value: object, name: str, least: int, most: int) -> int:
    """A whole number within limits.

    >>> whole(3, "units", 1, 512)
    3
    """
    number = check_integer(value, name, minimum=least)
    if number > most:
        raise InvalidArgumentError(f"{name} is {described(number)}, but {most:,} is the most")
    return number


def check_text(text: object, what: str) -> None:
    """Refuse what is no text that can be written.

    >>> check_text("a,b", "table.text")
    """
    if isinstance(text, str):
        with suppress(UnicodeEncodeError):  # of half a letter
            text.encode()
            return
    raise DataError(f"{what} is {described(text)}, but a text that UTF-8 can write is needed")
