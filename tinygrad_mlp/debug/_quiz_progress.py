"""How a quiz goes: counts of answers and of each kind of mistake, also in a file where wished."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tinygrad_mlp._files import write_whole
from tinygrad_mlp._schema import Record, Text, Whole
from tinygrad_mlp.debug._quiz_judging import KINDS, Verdict
from tinygrad_mlp.errors import DataError

__all__ = ["Progress"]

FORMAT: Final = "tinygrad_mlp quiz"
LARGEST: Final = 100_000
"""Bytes; a file of counts has some hundred."""

NUMBERS: Final = ("at_once", "later", "shown", "skipped", "hints")
COUNTS: Final = Record({name: Whole(0) for name in NUMBERS})
FILE: Final = Record(
    {
        "format": Text(choices=[FORMAT]),
        "counts": COUNTS,
        "mistakes": Record({kind: Whole(0) for kind in KINDS}, optional=KINDS),
    }
)


@dataclass
class Progress:
    """What was answered, and how.

    Attributes:
        at_once: questions answered right with the first number.
        later: those answered right after a mistake.
        shown: those whose answer was shown.
        skipped: those that were left out.
        hints: how many hints were shown.
        mistakes: for each kind, see ``KINDS``, how often it was made.

    >>> progress = Progress(at_once=3, later=1, mistakes={"sign": 2})
    >>> print(*progress.lines(), sep=chr(10))
    4 of 4 right, 3 of them at once
    mistakes: the sign 2
    """

    at_once: int = 0
    later: int = 0
    shown: int = 0
    skipped: int = 0
    hints: int = 0
    mistakes: dict[str, int] = field(default_factory=dict)

    def note(self, verdict: Verdict, tries: int) -> None:
        """Count one answer.

        Args:
            verdict: what it was worth.
            tries: how many wrong ones the same question had before.
        """
        if verdict.right and tries:
            self.later += 1
        elif verdict.right:
            self.at_once += 1
        elif verdict.kind in KINDS:
            self.mistakes[verdict.kind] = self.mistakes.get(verdict.kind, 0) + 1

    def __add__(self, other: Progress) -> Progress:
        kinds = [x for x in KINDS if x in self.mistakes or x in other.mistakes]
        mistakes = {x: self.mistakes.get(x, 0) + other.mistakes.get(x, 0) for x in kinds}
        counts = {name: getattr(self, name) + getattr(other, name) for name in NUMBERS}
        return Progress(**counts, mistakes=mistakes)

    def lines(self) -> list[str]:
        """The same in words.

        >>> Progress().lines()
        ['no question is answered yet']
        """
        right, others = self.at_once + self.later, self.shown + self.skipped
        if not right + others + self.hints + len(self.mistakes):
            return ["no question is answered yet"]
        counts = {"shown": self.shown, "skipped": self.skipped, "hints": self.hints}
        further = [f"{name} {count}" for name, count in counts.items() if count]
        first = f"{right} of {right + others} right, {self.at_once} of them at once"
        lines = ["; ".join([first, *further])]
        often = sorted(self.mistakes.items(), key=_count, reverse=True)
        if often:
            lines.append("mistakes: " + ", ".join([f"{KINDS[kind]} {n}" for kind, n in often]))
        return lines

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the counts into a file.

        Raises:
            OSError: if it cannot be written.
        """
        content: dict[str, Any] = {
            "format": FORMAT,
            "counts": {name: getattr(self, name) for name in NUMBERS},
            "mistakes": self.mistakes,
        }
        write_whole(path, (json.dumps(content, indent=1) + "\n").encode())

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Progress:
        """The counts that stand in a file; none where there is no file yet.

        Raises:
            DataError: if something else stands there.
            OSError: if it cannot be read.

        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     before = Progress.read(f"{folder}/quiz.json")
        ...     (before + Progress(shown=2)).write(f"{folder}/quiz.json")
        ...     Progress.read(f"{folder}/quiz.json").shown
        2
        """
        try:
            with Path(path).open("rb") as file:
                text = file.read(LARGEST + 1)
        except FileNotFoundError:
            return cls()
        try:
            found = json.loads(text[:LARGEST])
            FILE.check(found, "the file")
        except (ValueError, RecursionError, DataError) as error:
            raise DataError(
                f"{path} does not hold the score of a quiz ({error}); give another file, "
                "which is made if there is none"
            ) from None
        return cls(**found["counts"], mistakes=found["mistakes"])


def _count(kind: tuple[str, int]) -> int:
    return kind[1]
