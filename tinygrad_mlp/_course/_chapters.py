"""A chapter: a Python file with ``# %%`` cells that begins with its title and what one learns.

Its name is a number, which is its place in the course, and words: ``08_exam_question.py``. The
first cell is text: a heading, then the paragraph that the table of contents shows. A cell with the
tag "answer" holds the solution of an exercise; one with the tag "measured" prints times, which are
others each time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from tinygrad_mlp.errors import InvalidArgumentError, UnknownNameError

__all__ = ["FOLDER", "Chapter", "find_chapters"]

FOLDER: Final = Path(__file__).resolve().parents[2] / "examples" / "course"
"""Where the chapters are in a checkout; the wheel has none."""

NAME: Final = re.compile(r"\d\d_[a-z0-9_]+\.py")

OPENING: Final = re.compile(r"# %% \[markdown\]\n# # (?P<title>.+)\n#\n(?P<text>(?:# .+\n)+)")
"""How a chapter begins: its title, an empty line, a paragraph."""

SENTENCE_END: Final = re.compile(r"(?<=[.?!])\s+(?=[A-Z*$])")

KERNEL: Final = {"display_name": "Python 3", "language": "python", "name": "python3"}


@dataclass(frozen=True)
class Chapter:
    """One chapter, by its file."""

    file: Path

    @property
    def name(self) -> str:
        """The name of its page and of its notebook, without the ending."""
        return self.file.stem

    @property
    def number(self) -> int:
        """Its place in the course."""
        return int(self.name[:2])

    @property
    def title(self) -> str:
        """The heading of its first cell."""
        return self._opening["title"]

    @property
    def summary(self) -> str:
        """Its first paragraph, in Markdown."""
        return " ".join(line[2:] for line in self._opening["text"].splitlines())

    @property
    def sentence(self) -> str:
        """What one learns: that sentence of its first paragraph, or all of it."""
        sentences = SENTENCE_END.split(self.summary)
        return next((each for each in sentences if "You learn" in each), self.summary)

    def notebook(self) -> Any:
        """Its cells as a notebook, the same for the same file: a cell is called by its place."""
        import jupytext

        notebook = jupytext.reads(self._text, fmt="py:percent")
        notebook.metadata = type(notebook.metadata)(kernelspec=KERNEL)
        for place, cell in enumerate(notebook.cells):
            cell.id = f"cell-{place}"
        return notebook

    @cached_property
    def _text(self) -> str:
        return self.file.read_text(encoding="utf-8")

    @cached_property
    def _opening(self) -> re.Match[str]:
        opening = OPENING.match(self._text)
        if opening is None:
            raise InvalidArgumentError(
                f"{self.file} does not begin as a chapter; begin with the lines '# %% [markdown]', "
                "'# # Its title', '#', and a paragraph that says what one learns"
            )
        return opening


def find_chapters(names: Iterable[str] = (), folder: Path | None = None) -> list[Chapter]:
    """The chapters of a folder, in the order of the course.

    Args:
        names: the numbers or names of those that are wanted; none for all.
        folder: where they are; None for those of the checkout.

    Raises:
        InvalidArgumentError: if there are none, as beside an installed wheel.
        UnknownNameError: for a name that no chapter has.

    >>> [chapter.title for chapter in find_chapters(["8"])]
    ['The exam question: one update of one weight']
    """
    folder = FOLDER if folder is None else folder
    found = [Chapter(file) for file in sorted(folder.glob("*.py")) if NAME.fullmatch(file.name)]
    if not found:
        raise InvalidArgumentError(
            f"there are no chapters in {folder}: they come with the source tree, not with the "
            "installed package; run this command in a checkout of the project"
        )
    wanted = [_called(name, found) for name in names]
    return [chapter for chapter in found if not wanted or chapter in wanted]


def _called(name: str, chapters: list[Chapter]) -> Chapter:
    for chapter in chapters:
        if name in {chapter.name, chapter.name[:2], str(chapter.number), chapter.file.name}:
            return chapter
    known = ", ".join(chapter.name for chapter in chapters)
    raise UnknownNameError(f"there is no chapter {name!r}; there are {known}")
