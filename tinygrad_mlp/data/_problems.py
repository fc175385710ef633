"""What is wrong with a table, collected, so that it is told at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tinygrad_mlp.errors import ProblemsError, TinygradMLPError

__all__ = ["Problems"]


class Problems:
    """The errors that were met so far; one is raised as it is, several as one ``ProblemsError``.

    >>> from tinygrad_mlp.errors import DataError
    >>> problems = Problems("t.csv")
    >>> with problems.collected():
    ...     raise DataError("t.csv: column 'x' is empty")
    >>> problems.raise_them()
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: t.csv: column 'x' is empty
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self.found: list[TinygradMLPError] = []

    def add(self, error: TinygradMLPError) -> None:
        """Keep an error."""
        self.found.append(error)

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Within this block, an error of ours ends the block and is kept."""
        try:
            yield
        except TinygradMLPError as error:
            self.found.append(error)

    def raise_them(self) -> None:
        """Raise what was met; nothing where nothing was."""
        if len(self.found) == 1:
            raise self.found[0]
        if self.found:
            texts = [str(error).removeprefix(f"{self.where}: ") for error in self.found]
            raise ProblemsError(self.where, texts)
