"""How many lines of code there are, by room: without blank lines, comments and docstrings.

python -m tests.lines_of_code
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter
from pathlib import Path
from typing import Final

from tests.source_files import ROOT

__all__ = ["lines_by_room", "lines_of"]

PACKAGES: Final = ("tinygrad_mlp", "viz")
NO_CODE: Final = frozenset(
    [
        *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
        *(tokenize.ENCODING, tokenize.ENDMARKER),
    ]
)


def lines_of(source: str) -> int:
    r"""The lines of a source text on which there is code.

    >>> lines_of('def f(x):\n    "Docstring."\n\n    # A comment.\n    return (x\n    + 1)\n')
    3
    """
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        text = node.value if isinstance(node, ast.Expr) else None
        if isinstance(text, ast.Constant) and isinstance(text.value, str):  # a docstring
            lines.difference_update(range(text.lineno, (text.end_lineno or 0) + 1))
    return len(lines)


def lines_by_room(root: Path = ROOT) -> Counter[str]:
    """For each module of the packages, or folder within one, the number of lines.

    >>> lines_by_room()["tinygrad_mlp/losses"] > 100
    True
    """
    rooms: Counter[str] = Counter()
    for package in PACKAGES:
        for file in (root / package).rglob("*.py"):
            parts = file.relative_to(root).parts
            room = "/".join(parts[:2]) if len(parts) > 2 else f"{package}/*.py"
            rooms[room] += lines_of(file.read_text(encoding="utf-8"))
    return rooms


def main() -> None:
    """Print them, the largest room first."""
    rooms = lines_by_room()
    for room, count in rooms.most_common():
        print(f"{count:7,}  {room}")
    print(f"{sum(rooms.values()):7,}  lines of code")


if __name__ == "__main__":
    main()
