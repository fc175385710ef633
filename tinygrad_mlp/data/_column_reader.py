"""A column made ready to be judged: faults refused, marks of missing cells seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np

from tinygrad_mlp.data._columns import (
    MISSING_LABELS,
    MISSING_MARKS,
    in_quotes,
    is_missing,
    spellings,
)
from tinygrad_mlp.data._csv_file import listing
from tinygrad_mlp.data._grid import Column, Grid
from tinygrad_mlp.data._written import (
    NumberStyle,
    date_style,
    number_style,
)
from tinygrad_mlp.errors import DataError

__all__ = ["Reader", "how_spelled", "how_written"]


@dataclass(frozen=True)
class Reader:
    """Reads the columns of a table as its user wants them read.

    Attributes:
        grid: the table.
        clean: whether to mend what can be mended; else it is refused.
        numbers: columns whose text is read as numbers.
        categories: columns whose cells, numbers too, are names of categories.

    >>> column = Column("age", "text", ["41", "29"])
    >>> reader = Reader(Grid("the frame", ("age",), {"age": column}, 2, str), clean=False)
    >>> reader.refuse_hidden(column)
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: the frame: column 'age' holds numbers as text (0: '41'); ...
    """

    grid: Grid
    clean: bool
    numbers: Sequence[str] = ()
    categories: Sequence[str] = ()

    def readable(self, column: Column) -> Column:
        """The column; a faulty one is refused.

        Numbers among texts are texts, where there is to be mended.
        """
        column = column.mended() if self.clean else column
        if column.kind == "faulty":
            self.refuse(column.name, column.fault)
        if column.kind == "text" and self.clean:
            column = replace(column, kind="written")
        if _is_empty(column):
            column = replace(column, kind="empty")
        return column

    def refuse(self, name: str, reason: str) -> NoReturn:
        """Raise DataError of a column."""
        raise DataError(f"{self.grid.where}: column {name!r} {reason}")

    def row_name(self, i: int) -> str:
        """What the row at a position is called."""
        return self.grid.row_name(i)

    def refuse_hidden(self, column: Column) -> None:
        """Text that holds numbers, dates or marks of missing cells: whoever has it knows which."""
        name = column.name
        cells = [(i, cell) for i, cell in enumerate(column.cells) if cell is not None]
        present = [(i, cell) for i, cell in cells if not is_missing(cell, MISSING_MARKS)]
        hidden = _hidden_in([cell for _, cell in present])
        if hidden:
            i, cell = present[0]
            are = f"numbers={[name]}" if hidden == "numbers" else f"frame[{name!r}] made dates"
            self.refuse(
                name,
                f"holds {hidden} as text ({self.row_name(i)}: {in_quotes(cell)}); say what they "
                f"are: {are}, or categories={[name]}",
            )
        marks = [
            f"{self.row_name(i)}: {in_quotes(c)}" for i, c in cells if is_missing(c, MISSING_LABELS)
        ]
        if marks:
            self.refuse(
                name,
                f"holds text that marks a missing cell ({listing(marks)}); make it null, or encode "
                "with clean=True",
            )

    def labels(self, column: Column, marks: frozenset[str]) -> list[str | None]:
        """The cells as names, None where one is missing, also by one of the marks."""
        labels = column.labels()
        if column.kind != "written":
            return labels
        return [None if label is None or is_missing(label, marks) else label for label in labels]


def _is_empty(column: Column) -> bool:
    """Whether all cells are missing, also by a mark."""
    if column.kind == "number":
        return bool(np.isnan(np.asarray(column.cells, dtype=np.float64)).all())
    marks = MISSING_MARKS if column.kind == "written" else frozenset[str]()
    return all(cell is None or (marks and is_missing(cell, marks)) for cell in column.cells)


def how_written(cells: Sequence[str], style: NumberStyle) -> str:
    """What is unusual about numbers in text; nothing for plain ones.

    >>> how_written(["$1,200"], NumberStyle(".", "$"))
    'numbers with commas between thousands, in $'
    """
    marked = style.decimal == "." and any("," in cell for cell in cells)
    parts = ["with commas between thousands"] * marked + [style.described] * bool(style.described)
    return f"numbers {', '.join(parts)}" if parts else ""


def how_spelled(names: Sequence[str]) -> str:
    """Names that may be one, since they differ in the spelling of a number or in white space.

    >>> how_spelled(["007", "7", "red"]), how_spelled(["blue", "red"])
    ("'007' and '7' are taken as different", '')
    """
    groups = [" and ".join(map(in_quotes, group)) for group in spellings(names)]
    return f"{listing(groups)} are taken as different" if groups else ""


def _hidden_in(cells: Sequence[str]) -> str:
    """Whether all of these texts are "numbers" or "dates", in whatever style; else nothing."""
    for kind, style in (("numbers", number_style), ("dates", date_style)):
        try:
            if cells and style(cells) is not None:
                return kind
        except DataError:  # in several styles
            return kind
    return ""
