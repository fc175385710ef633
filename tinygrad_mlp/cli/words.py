"""Words of the command line to numbers, and errors to words.

argparse shows the text of an ArgumentTypeError.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from math import inf

from tinygrad_mlp.debug.walking import whole_number
from tinygrad_mlp.errors import InvalidArgumentError

__all__ = ["count", "layer_sizes", "rate", "reason_of", "seed", "share", "strength"]


def layer_sizes(text: str) -> tuple[int, ...]:
    """Whole numbers of at least 1 with commas between them; 0 alone for no layers."""
    if text.strip() == "0":
        return ()
    try:
        sizes = tuple(int(part) for part in text.split(","))
    except ValueError:
        sizes = (0,)
    if min(sizes) < 1:
        raise ArgumentTypeError(
            f"{text!r} is no list of layer sizes; give whole numbers with commas: 16,16"
        )
    return sizes


def count(text: str) -> int:
    """A whole number of at least 1."""
    return _whole_number(text, 1)


def seed(text: str) -> int:
    """A whole number of at least 0."""
    return _whole_number(text, 0)


def rate(text: str) -> float:
    """A finite number above 0."""
    number = _number(text)
    if not 0.0 < number < inf:
        raise ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def strength(text: str) -> float:
    """A finite number of at least 0."""
    number = _number(text)
    if not 0.0 <= number < inf:
        raise ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return number


def share(text: str) -> float:
    """A number between 0 and 1."""
    number = _number(text)
    if not 0.0 < number < 1.0:
        raise ArgumentTypeError(f"{text!r} is not a share between 0 and 1, such as 0.25")
    return number


def reason_of(error: Exception) -> str:
    """What went wrong, in one line; of a file, which one."""
    text = str(error)
    if isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    return " ".join(text.split())


def _whole_number(text: str, least: int) -> int:
    try:
        return whole_number(text, least)
    except InvalidArgumentError as error:
        raise ArgumentTypeError(str(error)) from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -1.0
