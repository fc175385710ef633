"""The columns of a table as plain Python objects, whatever they were read from."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any, Final

import numpy as np

from tinygrad_mlp._text import shortest
from tinygrad_mlp.data._arrays import Floats, Integers
from tinygrad_mlp.data._csv_file import CsvFile, listing
from tinygrad_mlp.errors import UnknownNameError

__all__ = ["Column", "Grid", "columns_of_csv", "is_absent", "kind_of", "label_of"]

KINDS: Final = ("number", "truth", "date", "text", "category", "written", "empty", "faulty")
"""What a column can hold. Cells of a CSV file are ``written``: numbers, dates and text alike."""


@dataclass(frozen=True, eq=False)
class Column:
    """A column, with None, or nan among numbers, where a cell is missing.

    Attributes:
        name: what it is called.
        kind: one of ``KINDS``.
        cells: numbers as an array of floats, else a list.
        fault: why it cannot be used; nothing where it can.
        inexact: a whole number in it that is no float, in words; nothing where there is none.
        is_mixed: whether it is faulty for mixing numbers and texts alone; its cells are all texts.
    """

    name: str
    kind: str
    cells: Sequence[Any] | Floats
    fault: str = ""
    inexact: str = ""
    is_mixed: bool = False

    def mended(self) -> Column:
        """The column; numbers among texts as texts.

        >>> Column("x", "faulty", ["1", "a"], "is mixed", is_mixed=True).mended().kind
        'text'
        """
        return Column(self.name, "text", self.cells) if self.is_mixed else self

    def labels(self) -> list[str | None]:
        """The cells as names of categories: 1 and 1.0 are "1".

        >>> Column("x", "number", np.array([1.0, np.nan, 0.5])).labels()
        ['1', None, '0.5']
        """
        if self.kind == "number":
            return [None if x != x else label_of(float(x)) for x in self.cells]
        return [None if cell is None else label_of(cell) for cell in self.cells]


@dataclass(frozen=True, eq=False)
class Grid:
    """The columns of one table.

    Attributes:
        where: what messages call it: the path of a file, or "the frame".
        names: the columns in order.
        columns: each column by its name.
        n_rows: how many rows there are.
        row_name: what the row at a position is called.
        positions: where each row stands in the table; None if these are all rows.
    """

    where: str
    names: tuple[str, ...]
    columns: Mapping[str, Column] = field(repr=False)
    n_rows: int
    row_name: Callable[[int], str] = field(repr=False)
    positions: Integers | None = field(default=None, repr=False)

    def column(self, name: str, role: str = "") -> Column:
        """The column of this name.

        Raises:
            UnknownNameError: if there is none.

        >>> Grid("the frame", ("age",), {}, 0, str).column("ages", "target ")
        Traceback (most recent call last):
            ...
        tinygrad_mlp.errors.UnknownNameError: the frame: unknown target column 'ages'; its ...
        """
        if name in self.columns:
            return self.columns[name]
        close = get_close_matches(str(name), self.names, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        known = listing(list(map(repr, self.names)))
        raise UnknownNameError(
            f"{self.where}: unknown {role}column {name!r}; its columns: {known}{hint}"
        )

    def only(self, rows: Integers) -> Grid:
        """The grid with these rows alone, which keep their names.

        >>> grid = Grid("the frame", ("x",), {"x": Column("x", "text", ["a", "b"])}, 2, str)
        >>> part = grid.only(np.array([1]))
        >>> part.columns["x"].cells, part.row_name(0)
        (['b'], '1')
        """
        numbers = rows.tolist()

        def row_name(i: int) -> str:
            return self.row_name(numbers[i])

        columns = {
            name: replace(column, cells=_cells_at(column.cells, rows))
            for name, column in self.columns.items()
        }
        positions = rows if self.positions is None else self.positions[rows]
        return Grid(self.where, self.names, columns, len(rows), row_name, positions)


def _cells_at(cells: Sequence[Any] | Floats, rows: Integers) -> Sequence[Any] | Floats:
    if isinstance(cells, np.ndarray):
        return np.asarray(cells[rows], dtype=np.float64)
    return [cells[i] for i in rows] if cells else cells


def columns_of_csv(file: CsvFile) -> Grid:
    """The columns of a CSV file, their cells as they are written.

    >>> from pathlib import Path
    >>> grid = columns_of_csv(CsvFile(Path("t.csv"), ["a"], [["1,200"]], [2]))
    >>> grid.columns["a"].kind, grid.row_name(0)
    ('written', 'row 2')
    """

    def row_name(i: int) -> str:
        return f"row {file.row_numbers[i]}"

    columns = {name: Column(name, "written", file.column(name)) for name in file.header}
    return Grid(str(file.path), tuple(file.header), columns, len(file.rows), row_name)


def label_of(cell: Any) -> str:
    """A cell as the name of a category.

    >>> label_of("red"), label_of(7), label_of(7.0), label_of(-0.0), label_of(True)
    ('red', '7', '7', '0', 'True')
    """
    if isinstance(cell, str):
        return str(cell)
    if isinstance(cell, bool | np.bool_) or not isinstance(cell, Real):
        return str(cell)
    return str(int(cell)) if isinstance(cell, Integral) else shortest(float(cell) + 0.0)


def is_absent(cell: Any) -> bool:
    """Whether a cell is what a library has in place of a missing one: None, NA, NaT, nan.

    >>> is_absent(None), is_absent(float("nan")), is_absent("")
    (True, True, False)
    """
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(cell, float | np.floating | decimal.Decimal) and bool(cell != cell)


def kind_of(cell: Any) -> str:
    """What a cell that is there holds: a number, a text, and so on, or "other".

    >>> kind_of("7"), kind_of(7), kind_of(True), kind_of([7])
    ('text', 'number', 'truth', 'other')
    """
    if isinstance(cell, str):
        return "text"
    if isinstance(cell, bool | np.bool_):
        return "truth"
    if isinstance(cell, Real | decimal.Decimal) and not hasattr(cell, "parents"):
        return "number"
    if isinstance(cell, datetime.datetime):
        if not 1 <= cell.year <= 9999:  # of pandas; the calendar of Python ends there
            return "other"
        return "date" if cell.tzinfo is None else "date with a time zone"
    if isinstance(cell, datetime.timedelta):
        return "duration"
    return "date" if isinstance(cell, datetime.date) else "other"
