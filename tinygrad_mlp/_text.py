"""How text and numbers that come from outside are shown to people.

The name of a class, a column or a file is data. Written raw, a character in it could move the
cursor of a terminal, turn the order of the letters around, or make an XML file unreadable.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Final

__all__ = [
    "described",
    "escape_of",
    "grouped",
    "in_other_words",
    "joins_an_emoji",
    "literal",
    "shortened",
    "shortest",
    "visible",
]

LONGEST_REPR: Final = 60
"""So many characters of what was given stand in a message."""

OF_LINES: Final = "\n\t"
"""The two control characters that lay out a text of several lines."""


def visible(text: str, *, lines: bool = False) -> str:
    r"""``text`` with every character that cannot be seen written as an escape.

    These are the control characters, those that turn the direction of writing, lone surrogates
    and whatever else has no picture. Spaces of other widths become plain ones.

    Args:
        text: what is to be shown.
        lines: leave the line ends and tabs of a text of several lines as they are; otherwise they
            are escapes too, and the result stands on one line.

    >>> print(visible("two\nlines\x1b[31m \u202e"))
    two\nlines\x1b[31m \u202e
    >>> visible("two\nlines\x00", lines=True)
    'two\nlines\\x00'
    """
    if text.isprintable():
        return text
    kept = OF_LINES if lines else ""
    characters = enumerate(text)
    return "".join([c if c in kept else _visible_character(text, place) for place, c in characters])


def shortened(text: str, limit: int) -> str:
    """``text``, or its start and its end where it has more than ``limit`` characters.

    >>> shortened("layers.0.neurons.31.w.512", 16)
    'layers.0…1.w.512'
    """
    if len(text) <= limit:
        return text
    kept = limit - 1
    return f"{text[: kept - kept // 2]}…{text[-(kept // 2) :]}"


def described(value: object, *, with_type: bool = False) -> str:
    """What was given where something else is needed: its repr on one line, shortened.

    A larger array is told by its shape.

    Args:
        value: what was given.
        with_type: begin with the name of its type.

    >>> described("x" * 99), described(2.0, with_type=True)
    ("'xxxxxxxxxxxxxxxxxxxxxxxxxxxxx…xxxxxxxxxxxxxxxxxxxxxxxxxxxx'", 'float 2.0')
    >>> import numpy as np
    >>> described(np.zeros((150, 4)))
    'ndarray of shape (150, 4)'
    """
    kind = type(value).__name__
    shape = getattr(value, "shape", ())
    text = " ".join(repr(value).split())
    if len(text) > LONGEST_REPR and isinstance(shape, tuple) and shape:
        return f"{kind} of shape {shape}"
    text = shortened(text, LONGEST_REPR)
    return f"{kind} {text}" if with_type and not text.startswith(kind) else text


def shortest(number: float) -> str:
    """The fewest digits that lead back to the same number; whole numbers without a fraction.

    >>> shortest(1700000000.5), shortest(0.1), shortest(19.0), shortest(-1e-20)
    ('1700000000.5', '0.1', '19', '-1e-20')
    """
    return repr(float(number)).removesuffix(".0")


def grouped(count: int) -> str:
    """A count for a message, however large: Python writes no whole number of 4,300 digits.

    >>> grouped(4096), grouped(2**20000)
    ('4,096', 'more than 10^6020')
    """
    if count < 10**30:
        return f"{count:,}"
    return f"more than 10^{math.floor((count.bit_length() - 1) * math.log10(2.0))}"


def literal(value: object) -> str:
    """A number, a text or a list of them as Python reads it; nothing for any other value.

    >>> literal(0.5), literal([3, 1]), literal(float("inf")), literal(object())
    ('0.5', '[3, 1]', "float('inf')", '')
    """
    if value is None or isinstance(value, str | bool):
        return repr(value)
    if isinstance(value, list | tuple):
        texts = [literal(item) for item in value]
        inside = ", ".join(texts)
        if not all(texts):
            return ""
        return f"[{inside}]" if isinstance(value, list) else f"({inside}{',' * (len(value) == 1)})"
    if not isinstance(value, Real):
        return ""
    number = value if isinstance(value, Integral) else float(value)
    return repr(int(number)) if isinstance(number, Integral) else _of_float(number)


def in_other_words(text: str, words: Mapping[str, str]) -> str:
    """A sentence with other words, for people who steer the same thing by other means.

    Args:
        text: the sentence.
        words: patterns, one after the other, and what stands in place of what they find.

    >>> in_other_words("try a smaller learning_rate", {"learning_rate": "--learning-rate"})
    'try a smaller --learning-rate'
    """
    for pattern, instead in words.items():
        text = re.sub(pattern, instead, text)
    return text


def escape_of(character: str) -> str:
    r"""How Python writes a character that cannot be shown; those of ASCII are x and two digits.

    >>> print(escape_of("\u4e2d"), escape_of("\x07"))
    \u4e2d \x07
    """
    return character.encode("unicode_escape").decode("ascii")


def joins_an_emoji(text: str, place: int) -> bool:
    """Whether there is a joiner before a symbol: it makes one emoji of two and is not seen itself.

    >>> [joins_an_emoji(text, 1) for text in ("👩\u200d🔬", "a\u200db")]
    [True, False]
    """
    if text[place] != "\u200d" or place == 0:
        return False
    return unicodedata.category(text[place + 1 : place + 2] or " ") == "So"


def _visible_character(text: str, place: int) -> str:
    character = text[place]
    if character.isprintable() or joins_an_emoji(text, place):
        return character
    if unicodedata.category(character) == "Zs":  # a no-break space and its like
        return " "
    return escape_of(character)


def _of_float(number: float) -> str:
    return repr(number) if math.isfinite(number) else f"float({str(number)!r})"
