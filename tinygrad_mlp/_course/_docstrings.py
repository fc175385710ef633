"""A docstring in its parts: what it says, arguments, returns, raises, source, example.

Ours are written in Google's style: text first, then sections such as ``Args:``, whose entries
stand below it, and an example at a prompt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

__all__ = ["SECTIONS", "Block", "Docstring", "Section", "read_docstring"]

SECTIONS: Final = ("Args", "Attributes", "Returns", "Yields", "Raises", "Warns", "Source")
"""Those that a docstring may have, in whatever order."""

NAMED: Final = ("Args", "Attributes", "Raises", "Warns")
"""Those with an entry for each name."""

HEAD: Final = re.compile(rf"({'|'.join(SECTIONS)}):(?: (.+))?$")
ENTRY: Final = re.compile(r"([\w*][\w*, .]*): (.+)$")
ITEM: Final = re.compile(r"[*-] ")


@dataclass(frozen=True)
class Block:
    """Lines that belong together: "text", "list" (an item a line), "example" or "code"."""

    kind: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """Its lines as one paragraph."""
        return " ".join(self.lines)


@dataclass(frozen=True)
class Section:
    """A section: its name, and its entries as pairs of a name ("" if it has none) and a text."""

    name: str
    entries: tuple[tuple[str, str], ...]


@dataclass
class Docstring:
    """What a docstring says, in its order: blocks, and sections between them."""

    parts: list[Block | Section] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """Its first paragraph."""
        return next((part.text for part in self.parts if isinstance(part, Block)), "")

    def section(self, name: str) -> Section | None:
        """The section of that name, if it has one."""
        for part in self.parts:
            if isinstance(part, Section) and part.name == name:
                return part
        return None


def read_docstring(text: str) -> Docstring:
    r"""A docstring without its margin, as ``inspect.getdoc`` gives it, in parts.

    >>> text = "Twice x.\n\nArgs:\n    x: a number,\n        in meters.\n\n>>> f(2)\n4"
    >>> found = read_docstring(text)
    >>> found.summary
    'Twice x.'
    >>> found.section("Args")
    Section(name='Args', entries=(('x', 'a number, in meters.'),))
    >>> found.parts[-1]
    Block(kind='example', lines=('>>> f(2)', '4'))
    """
    found = Docstring()
    for lines in _paragraphs(text):
        head = HEAD.match(lines[0])
        if head:
            found.parts.append(_section(head[1], head[2], lines[1:]))
        elif lines[0].lstrip().startswith(">>> "):
            found.parts.append(_joined(found.parts, Block("example", tuple(lines))))
        else:
            found.parts += _blocks(lines)
    return found


def _paragraphs(text: str) -> list[list[str]]:
    r"""The lines between empty ones; a section ends where the next one begins.

    >>> _paragraphs("One.\n\nArgs:\n    x: a\n\n    y: b\nReturns:\n    c")
    [['One.'], ['Args:', '    x: a', '    y: b'], ['Returns:', '    c']]
    """
    found: list[list[str]] = []
    fresh = True
    for line in text.splitlines():
        if not line.strip():
            fresh = True
            continue
        of_section = bool(found) and HEAD.match(found[-1][0]) and line.startswith("    ")
        if HEAD.match(line) or (fresh and not of_section):
            found.append([line])
        else:
            found[-1].append(line)
        fresh = False
    return found


def _section(name: str, beside: str | None, lines: list[str]) -> Section:
    """A section from the lines below its head, and from what stands beside the head."""
    entries: list[tuple[str, str]] = [("", beside)] if beside else []
    for line in lines:
        match = ENTRY.match(line[4:]) if name in NAMED and line.startswith("    ") else None
        if match:
            entries.append((match[1], match[2]))
        elif entries:
            before, said = entries[-1]
            entries[-1] = before, f"{said} {line.strip()}"
        else:
            entries.append(("", line.strip()))
    return Section(name, tuple(entries))


def _blocks(lines: list[str]) -> list[Block]:
    """Text, then perhaps a list; or code, if all lines are moved in."""
    if all(line.startswith("    ") for line in lines):
        return [Block("code", tuple(line[4:] for line in lines))]
    text: list[str] = []
    items: list[str] = []
    for line in lines:
        if ITEM.match(line):
            items.append(line[2:])
        elif items:
            items[-1] += f" {line.strip()}"
        else:
            text.append(line.strip())
    if text and text[-1].endswith("::"):  # as reStructuredText announces code
        text[-1] = text[-1][:-1]
    blocks = [Block("text", tuple(text))] if text else []
    return [*blocks, Block("list", tuple(items))] if items else blocks


def _joined(before: list[Block | Section], example: Block) -> Block:
    """An example that goes on after an empty line, with what stands before it."""
    if before and isinstance(before[-1], Block) and before[-1].kind == "example":
        return Block("example", (*before.pop().lines, "", *example.lines))  # type: ignore[union-attr]
    return example
