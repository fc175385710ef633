"""What a command writes takes the place of nothing that it reads, nor of its other outputs."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tinygrad_mlp.errors import InvalidArgumentError

__all__ = ["keep_apart"]


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
