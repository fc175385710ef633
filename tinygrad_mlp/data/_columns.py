"""What the cells of a column mean: numbers, classes, or something that is missing.

Classes go by their text: 007 and 7, 2.10 and 2.1 are different names. Numbers go by their value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from tinygrad_mlp._frames import warn
from tinygrad_mlp._text import shortened
from tinygrad_mlp.data._arrays import Floats, counted
from tinygrad_mlp.data._csv_file import CsvFile, exact_number, listing, parse_number
from tinygrad_mlp.errors import DataError

__all__ = [
    "MISSING_LABELS",
    "MISSING_MARKS",
    "bad_cells",
    "class_of",
    "classes_in_order",
    "in_quotes",
    "is_missing",
    "is_text",
    "numbers_of",
    "spellings",
    "warn_of_inexact",
]

MISSING_MARKS: Final = frozenset({"", "-", "?", "n/a", "na", "nan", "none", "null"})
"""What people write (in upper or lower case) where a number is missing."""
MISSING_LABELS: Final = frozenset({"", "?", "n/a", "na", "nan"})
"""What people write where the name of a class is missing; "none" may be the name of one."""


def is_missing(cell: str, marks: frozenset[str]) -> bool:
    """Whether a cell holds one of the marks, or white space alone.

    >>> is_missing("N/A", MISSING_LABELS), is_missing("none", MISSING_LABELS)
    (True, False)
    """
    return cell.strip().lower() in marks


def numbers_of(file: CsvFile, names: Sequence[str], *, droppable: bool = False) -> Floats:
    """The columns of these names as numbers, shape (n_rows, n_names).

    Args:
        file: the table.
        names: the columns.
        droppable: whether columns can be left out, which an error then advises.

    Raises:
        DataError: if a cell is missing or no number.

    >>> from pathlib import Path
    >>> numbers_of(CsvFile(Path("t.csv"), ["a", "b"], [["1", "2"], ["3", "4"]], [2, 3]), ["b"])
    array([[2.],
           [4.]])
    """
    cells = {name: file.column(name) for name in names}
    numbers = {name: [parse_number(cell) for cell in cells[name]] for name in names}
    bad = [
        (row_number, name, cells[name][i])
        for i, row_number in enumerate(file.row_numbers)
        for name in names
        if numbers[name][i] is None
    ]
    if bad:
        columns = [name for name in names if None in numbers[name]]
        advice = f", or leave columns out, drop={columns}" if droppable else ""
        raise DataError(bad_cells(file, bad) + advice)
    for name in names:
        warn_of_inexact(file, name, droppable=droppable)
    return np.array([numbers[name] for name in names], dtype=np.float64).T.copy()


def warn_of_inexact(file: CsvFile, name: str, *, droppable: bool) -> None:
    """Tell of whole numbers in a column of numbers that no float can hold.

    >>> import warnings
    >>> from pathlib import Path
    >>> file = CsvFile(Path("t.csv"), ["id"], [["9007199254740993"]], [2])
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn_of_inexact(file, "id", droppable=False)
    >>> print(caught[0].message)
    t.csv: above 2^53 not every whole number is a float; in column 'id', row 2: ...
    """
    inexact = [
        f"row {row}: {number} becomes {int(float(number))}"
        for row, cell in zip(file.row_numbers, file.column(name))
        if isinstance(number := exact_number(cell), int) and int(float(number)) != number
    ]
    if inexact:
        leave_out = f"leave the column out if it names things, drop={[name]}, or " * droppable
        warn(
            f"{file.path}: above 2^53 not every whole number is a float; in column {name!r}, "
            f"{listing(inexact)}; {leave_out}subtract an offset from all numbers in it",
        )


def is_text(cells: Sequence[str]) -> bool:
    """Whether a column holds no number in any notation, but more than marks of missing cells.

    >>> is_text(["?", "red"]), is_text(["?", "1,5"])
    (True, False)
    """
    has_number = any(map(_is_number_but_for_commas, cells))
    return not has_number and not all(is_missing(cell, MISSING_MARKS) for cell in cells)


def classes_in_order(cells: Sequence[str]) -> list[str]:
    """The distinct texts, sorted as numbers if all of them are numbers, else as texts.

    >>> classes_in_order(["10", "2", "2.0", "10"]), classes_in_order(["10", "2", "x"])
    (['2', '2.0', '10'], ['10', '2', 'x'])
    """
    number_of = {cell: exact_number(cell) for cell in set(cells)}
    found: Mapping[str, int | float] = {
        cell: number for cell, number in number_of.items() if number is not None
    }
    if len(found) == len(number_of):
        return sorted(found, key=lambda cell: (found[cell], cell))
    return sorted(number_of)


def spellings(classes: Sequence[str]) -> list[list[str]]:
    """The classes that are one number, or one text but for white space, in several spellings.

    >>> spellings(["007", "7", "8", "red", " red"])
    [['007', '7'], ['red', ' red']]
    """
    groups: dict[object, list[str]] = {}
    for name in classes:
        groups.setdefault(_meaning(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def class_of(cell: str, classes: Sequence[str]) -> str | None:
    """The class that a cell stands for: the same text, else the one class of the same number.

    >>> classes = ["2.10", "2.20", "7", "007"]
    >>> [class_of(cell, classes) for cell in ("2.10", "2.1", "007", "7.0", "red")]
    ['2.10', '2.10', '007', None, None]
    """
    if cell in classes:
        return cell
    meaning = _meaning(cell)
    same = [name for name in classes if _meaning(name) == meaning]
    return same.pop() if len(same) == 1 else None


def bad_cells(file: CsvFile, bad: Sequence[tuple[int, str, str]]) -> str:
    """What is wrong with cells given as (row number, column, text), and what to do.

    >>> from pathlib import Path
    >>> print(bad_cells(CsvFile(Path("t.csv"), ["a"], [["x"]], [2]), [(2, "a", "x")]))
    t.csv: 1 cell is missing or not a number: row 2, column 'a': 'x'; fill the cells in or ...
    """
    places = [
        f"row {row_number}, column {name!r}: {in_quotes(cell) if cell else 'empty'}"
        for row_number, name, cell in bad
    ]
    has_comma = any(_is_number_but_for_commas(cell) for _, _, cell in bad)
    return (
        f"{file.path}: {counted(len(bad), 'cell is', 'cells are')} missing or not a "
        f"number: {listing(places)}; "
        + ("write 5.1, not 5,1, and 1200, not 1,200; " if has_comma else "")
        + "fill the cells in or remove their rows"
    )


def in_quotes(cell: str) -> str:
    """A cell in quotes, of a long one the start and the end.

    >>> in_quotes("abc")
    "'abc'"
    """
    return repr(shortened(cell, 40))


def _meaning(cell: str) -> object:
    number = exact_number(cell)
    return cell.strip() if number is None else number


def _is_number_but_for_commas(cell: str) -> bool:
    """Whether a cell is a number, a decimal comma and commas between thousands set aside."""
    return parse_number(cell.replace(",", "")) is not None
