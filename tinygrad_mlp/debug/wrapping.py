"""Lines broken to the width of a terminal, where a reader of equations would break them."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["wrapped"]

ESCAPES: Final = re.compile(r"\033\[\d+m")
HEAD: Final = re.compile(
    r"(-> )?\s*(\[ *\d+/\d+\] (\033\[\d+m)?(forward|backward)(\033\[\d+m)? +)?"
)
PIECES: Final = re.compile(r" (?=[=+] |\+= )")


def wrapped(line: str, width: int | None) -> list[str]:
    """A line broken where it is wider than a terminal, continued under its own text.

    An equation is broken before `` = `` or `` + ``, other text at a space. Lines that begin with
    blanks, or with a head such as ``[12/49] forward``, are continued below what follows.

    Args:
        line: the line, which may carry the escape codes of colours.
        width: the number of columns; None to leave the line as it is.

    >>> for part in wrapped("[1/9] forward   net = w1 * x1 + w2 * x2 + b = 1 * 2 + 3 * 4 + 5", 36):
    ...     print(part)
    [1/9] forward   net = w1 * x1
                      + w2 * x2 + b
                      = 1 * 2 + 3 * 4
                      + 5
    """
    if width is None or _columns(line) <= width:
        return [line]
    head = HEAD.match(line)
    assert head is not None  # it may be empty
    indent = " " * min(_columns(head[0]) + 2, width // 2)
    pieces = PIECES.split(line[head.end() :])
    lines, current = [], head[0] + pieces[0]
    for piece in pieces[1:]:
        if _columns(current) + 1 + _columns(piece) <= width:
            current = f"{current} {piece}"
        else:
            lines.append(current)
            current = indent + piece
    return [part for whole in [*lines, current] for part in _at_spaces(whole, indent, width)]


def _at_spaces(line: str, indent: str, width: int) -> list[str]:
    """What is still too wide, broken at any space."""
    lines = []
    while _columns(line) > width:
        breaks = [m.start() for m in re.finditer(r"(?<=\S) (?=\S)", line)]
        fitting = [b for b in breaks if len(indent) < _columns(line[:b]) <= width]
        if not fitting:
            break
        lines.append(line[: fitting[-1]])
        line = indent + line[fitting[-1] + 1 :]
    return [*lines, line]


def _columns(text: str) -> int:
    return len(ESCAPES.sub("", text))
