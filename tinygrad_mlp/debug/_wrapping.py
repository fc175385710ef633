"""Lines broken to the width of a terminal, where a reader of equations would break them."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["wrapped"]

ESCAPES: Final = re.compile(r"\033\[\d+m")
HEAD: Final = re.compile(
    r"(-> )?\s*(\[ *\d+/\d+\] (\033\[\d+m)?(forward|backward)(\033\[\d+m)? +)?(\033\[\d+m)? *"
)
EQUALS: Final = re.compile(r" (?== )")
FURTHER_BREAKS: Final = tuple(map(re.compile, (r" (?=\+ )", r" (?=\* )", " ")))


def wrapped(line: str, width: int | None) -> list[str]:
    """A line broken where it is wider than a terminal, continued under its own text.

    An equation is broken before a later `` = ``; a part that is too wide still before `` + ``, then
    before `` * ``, then at any space. What is continued stands below what follows the blanks, or
    the head such as ``[12/49] forward``, that the line begins with.

    Args:
        line: the line, which may carry the escape codes of colors.
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
    indent = " " * min(_columns(_head(line)) + 2, width // 2)
    left, *parts = EQUALS.split(line)
    if parts and "+=" not in left:  # the name stays with what it is equal to
        left = f"{left} {parts.pop(0)}"
    lines = _filled([left, *parts], indent, width)
    for breaks in FURTHER_BREAKS:
        lines = [part for each in lines for part in _broken(each, breaks, indent, width)]
    return lines


def _broken(line: str, breaks: re.Pattern[str], indent: str, width: int) -> list[str]:
    if _columns(line) <= width:
        return [line]
    head = _head(line)
    first, *others = breaks.split(line[len(head) :])
    return _filled([head + first, *others], indent, width)


def _filled(parts: list[str], indent: str, width: int) -> list[str]:
    """As many parts on each line as there is room for."""
    lines = parts[:1]
    for part in parts[1:]:
        if _columns(lines[-1]) + 1 + _columns(part) <= width:
            lines[-1] += f" {part}"
        else:
            lines.append(indent + part)
    return lines


def _head(line: str) -> str:
    match = HEAD.match(line)
    assert match is not None  # it may be empty
    return match[0]


def _columns(text: str) -> int:
    return len(ESCAPES.sub("", text))
