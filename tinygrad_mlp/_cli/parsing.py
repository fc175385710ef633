"""Words of the command line to numbers, names and files; answers, notes and errors to words.

argparse shows the text of an ArgumentTypeError.
"""

from __future__ import annotations

import os
import shlex
import sys
import warnings
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from math import inf
from pathlib import Path
from typing import Any

from tinygrad_mlp._registry import Registry
from tinygrad_mlp._text import visible
from tinygrad_mlp.data._csv_file import cells_of
from tinygrad_mlp.debug._walking import whole_number
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ProblemsError, TinygradMLPError

__all__ = [
    "column_names",
    "count",
    "keep_apart",
    "layer_sizes",
    "name_in",
    "notes_to_stderr",
    "port",
    "rate",
    "reason_of",
    "reworded",
    "say",
    "seed",
    "share",
    "strength",
]


def say(text: str = "", *, to_stderr: bool = False) -> None:
    """Print lines; what a terminal would carry out or not show is shown as an escape."""
    stream = sys.stderr if to_stderr else sys.stdout
    print(visible(text, lines=True), file=stream, flush=True)


@contextmanager
def notes_to_stderr(worded: Callable[[str], str] = str) -> Iterator[None]:
    """Within this block, warnings become notes of one line each on standard error.

    Args:
        worded: what makes a note of the text of a warning.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for text in dict.fromkeys(str(warning.message) for warning in caught):
        say(f"note: {worded(text)}", to_stderr=True)


def column_names(text: str) -> list[str]:
    """Names with commas between them, as in a row of a CSV file."""
    try:
        return cells_of(text)
    except DataError as error:
        raise ArgumentTypeError(str(error)) from None


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


def name_in(registry: Registry[Any], text: str) -> str:
    """The name that a name or an alias means; of an unknown one the text, which is no choice."""
    return registry.find(text) or text


def count(text: str) -> int:
    """A whole number of at least 1."""
    return _whole_number(text, 1)


def seed(text: str) -> int:
    """A whole number of at least 0."""
    return _whole_number(text, 0)


def port(text: str) -> int:
    """The number of a port; 0 for a free one."""
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


def keep_apart(option: str, output: Path, others: Iterable[Path], *, instead: str) -> None:
    """Refuse a file to write that is another file of the command, also by way of a link.

    Args:
        option: what names the output, such as "--out".
        output: the file to write.
        others: the files that the command reads, and those that it writes otherwise.
        instead: words that avoid it.

    Raises:
        InvalidArgumentError: if it is one of them.

    >>> keep_apart("--out", Path("t.csv"), [Path("./t.csv")], instead="--out answers.csv")
    Traceback (most recent call last):
    tinygrad_mlp.errors.InvalidArgumentError: --out t.csv would overwrite t.csv, which this ...
    """
    for other in others:
        if _are_one_file(output, other):
            raise InvalidArgumentError(
                f"{option} {shlex.quote(str(output))} would overwrite {other}, which this command "
                f"uses too; give another name: {instead}"
            )


def _are_one_file(first: Path, second: Path) -> bool:
    """Whether both names lead to one file; a terminal or a pipe may well be read and written."""
    with suppress(OSError):
        return first.samefile(second) and first.is_file()
    return os.path.realpath(first) == os.path.realpath(second)


def reason_of(error: Exception) -> str:
    """What went wrong, in one line, or of several things in one for each; of a file, which one."""
    text = str(error)
    if isinstance(error, ProblemsError):
        return visible(text, lines=True)
    if isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    return visible(" ".join(text.split()))


def reworded(error: TinygradMLPError, worded: Callable[[str], str]) -> TinygradMLPError:
    """The same error in other words; of several problems each."""
    if isinstance(error, ProblemsError):
        return ProblemsError(error.where, map(worded, error.problems))
    return type(error)(worded(str(error)))


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
