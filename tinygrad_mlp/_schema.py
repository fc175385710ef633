"""What may stand in the JSON text of a file: a declaration, and the check that it makes.

A declaration is data. Each part of it checks one value and, where it holds others, those inside of
it; what does not fit is a ``DataError`` that names the place, such as ``task.classes[2]``, what
stands there and what is expected.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tinygrad_mlp._text import described
from tinygrad_mlp.errors import DataError

__all__ = [
    "AnyObject",
    "ListOf",
    "Number",
    "OrNone",
    "Part",
    "Record",
    "Text",
    "Truth",
    "Whole",
    "misfit",
]


class Part(Protocol):
    """A part of a declaration."""

    @property
    def expected(self) -> str:
        """In words what may stand there."""
        ...

    def check(self, value: object, where: str) -> None:
        """Raise DataError if the value does not fit."""
        ...


def misfit(value: object, where: str, expected: str) -> DataError:
    """The error for what stands in the wrong place.

    >>> print(misfit(-1, "task.n_inputs", "a whole number of at least 1"))
    task.n_inputs is -1, but a whole number of at least 1 is needed
    """
    return DataError(f"{where} is {_shown(value)}, but {expected} is needed")


def _shown(value: object) -> str:
    """The value as JSON has it, or what it is where it is long."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object of {len(value)}"
    if isinstance(value, int) and abs(value) >= 10**60:
        return "a number of more than 60 digits"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{described(value)}"


@dataclass(frozen=True)
class AnyObject:
    """An object, whatever it holds, but for nan and inf, which JSON does not know.

    >>> AnyObject().check([], "extra")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: extra is a list of 0, but an object is needed
    """

    expected = "an object"

    def check(self, value: object, where: str) -> None:
        """Raise DataError if the value does not fit."""
        if not isinstance(value, dict):
            raise misfit(value, where, self.expected)
        inside: list[tuple[str, object]] = [(where, value)]
        while inside:  # a loop, however deep it is
            place, item = inside.pop()
            if isinstance(item, dict):
                inside += [(f"{place}.{key}", child) for key, child in item.items()]
            elif isinstance(item, list):
                inside += [(f"{place}[{number}]", child) for number, child in enumerate(item)]
            elif isinstance(item, float) and not math.isfinite(item):
                raise misfit(item, place, "a finite number")


@dataclass(frozen=True)
class Text:
    """A text, such as a person can be shown.

    Attributes:
        least: the number of letters that it has at least.
        choices: the only texts that will do; None for any.

    >>> Text(choices=["relu", "tanh"]).check("rleu", "activation")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: activation is 'rleu', but one of relu, tanh is needed
    """

    least: int = 0
    choices: Collection[str] | None = None

    @property
    def expected(self) -> str:
        """In words what may stand there."""
        if self.choices is not None:
            return f"one of {', '.join(self.choices)}"
        return "a text of at least one letter" if self.least else "a text"

    def check(self, value: object, where: str) -> None:
        """Raise DataError if the value does not fit."""
        is_text = isinstance(value, str) and len(value) >= self.least
        if not is_text or (self.choices is not None and value not in self.choices):
            raise misfit(value, where, self.expected)
        if any("\ud800" <= letter <= "\udfff" for letter in str(value)):  # half a letter
            raise misfit(value, where, "a text that UTF-8 can write")


@dataclass(frozen=True)
class Truth:
    """True or false; 0 and 1 are neither.

    >>> Truth().check(1, "affine")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: affine is 1, but true or false is needed
    """

    expected = "true or false"

    def check(self, value: object, where: str) -> None:
        """Raise DataError if the value does not fit."""
        if not isinstance(value, bool):
            raise misfit(value, where, self.expected)


@dataclass(frozen=True)
class Whole:
    """A whole number of at least ``least``; true and 1.0 are none.

    >>> Whole(1).check(True, "n_inputs")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: n_inputs is true, but a whole number of at least 1 is needed
    """

    least: int

    @property
    def expected(self) -> str:
        """In words what may stand there."""
        return f"a whole number of at least {self.least}"

    def check(self, value: object, where: str) -> None:
        """Raise DataError if the value does not fit."""
        if not isinstance(value, int) or isinstance(value, bool) or value < self.least:
            raise misfit(value, where, self.expected)


@dataclass(frozen=True)
class Number:
    """A number that a float can hold, greater than ``above``; true, nan and inf are none.

    >>> Number(above=0.0).check(0, "scale[0]")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: scale[0] is 0, but a number above 0 is needed
    """

    above: float = -math.inf

    @property
    def expected(self) -> str:
        """In words what may stand there."""
        return f"a number above {self.above:g}" if self.above > -math.inf else "a number"

    def check(self, value: object, where: str) -> None:
        """Raise DataError if the value does not fit."""
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise misfit(value, where, self.expected)
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number) or not number > self.above:
            raise misfit(value, where, self.expected)


@dataclass(frozen=True)
class OrNone:
    """What ``part`` takes, or null.

    >>> OrNone(Whole(1)).check(None, "n_inputs")
    """

    part: Part

    @property
    def expected(self) -> str:
        """In words what may stand there."""
        return f"{self.part.expected}, or null,"

    def check(self, value: object, where: str) -> None:
        """Raise DataError if the value does not fit."""
        if value is not None:
            self.part.check(value, where)


@dataclass(frozen=True)
class ListOf:
    """A list of what ``part`` takes.

    >>> ListOf(Whole(1)).check([16, 0], "hidden")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: hidden[1] is 0, but a whole number of at least 1 is needed
    """

    part: Part
    least: int = 0

    @property
    def expected(self) -> str:
        """In words what may stand there."""
        return f"a list of at least {self.least}" if self.least else "a list"

    def check(self, value: object, where: str) -> None:
        """Raise DataError if the value does not fit."""
        if not isinstance(value, list) or len(value) < self.least:
            raise misfit(value, where, self.expected)
        for place, item in enumerate(value):
            self.part.check(item, f"{where}[{place}]")


@dataclass(frozen=True)
class Record:
    """An object with these keys and no others.

    Attributes:
        parts: what each key takes.
        optional: the keys that may be missing.

    >>> Record({"mean": Number(), "scale": Number()}).check({"mean": 1.0}, "inputs")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: inputs has no 'scale'; its keys are mean, scale
    """

    parts: Mapping[str, Part]
    optional: Collection[str] = field(default=())

    @property
    def expected(self) -> str:
        """In words what may stand there."""
        return f"an object with the keys {', '.join(self.parts)}"

    def check(self, value: object, where: str) -> None:
        """Raise DataError if the value does not fit."""
        if not isinstance(value, dict):
            raise misfit(value, where, self.expected)
        title, keys = where or "the text", f"its keys are {', '.join(self.parts)}"
        for key in self.parts:
            if key not in value and key not in self.optional:
                raise DataError(f"{title} has no {key!r}; {keys}")
        for key, item in value.items():
            if key not in self.parts:
                raise DataError(f"{title} has the unknown key {described(key)}; {keys}")
            self.parts[key].check(item, f"{where}.{key}" if where else key)
