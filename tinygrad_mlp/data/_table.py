"""A person's own table: a CSV file becomes features, and labels or targets, ready for training.

Every feature column has to be numeric. The target column decides what there is to learn: classes
or a number. Whatever cannot be used is named by its row in the file and by its column.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._frames import warn
from tinygrad_mlp._text import visible
from tinygrad_mlp._words import our_words
from tinygrad_mlp.data._arrays import Floats, counted
from tinygrad_mlp.data._columns import (
    MISSING_LABELS,
    MISSING_MARKS,
    bad_cells,
    classes_in_order,
    in_quotes,
    is_missing,
    is_text,
    numbers_of,
    spellings,
    warn_of_inexact,
)
from tinygrad_mlp.data._csv_file import (
    CsvFile,
    exact_number,
    listing,
    parse_number,
    quoted_cell,
    read_what_fits,
)
from tinygrad_mlp.data._labels import MOST_CLASSES, are_classes
from tinygrad_mlp.data._preprocessing import encode_labels
from tinygrad_mlp.data._problems import Problems
from tinygrad_mlp.data._spread import is_constant
from tinygrad_mlp.errors import DataError, InvalidArgumentError, UnknownNameError

__all__ = ["TASKS", "Table", "read_table", "table_of"]

TASKS = ("auto", "classification", "regression")
"""What can be asked of the target column."""


@dataclass(frozen=True, eq=False)
class Table:
    """A table with the column to be predicted set apart.

    Attributes:
        path: the file that it was read from.
        X: the features, float64, shape (n_samples, n_features).
        y: shape (n_samples,); labels 0 ... n_classes - 1 (int64) in a classification, numbers
            (float64) in a regression.
        feature_names: the name of each column of X.
        target: the name of the target column.
        target_names: the name of each class as it is written in the file, sorted (by value, if all
            are numbers); empty in a regression.
        task: "classification" or "regression".
    """

    path: Path
    X: Floats
    y: NDArray[Any]
    feature_names: tuple[str, ...]
    target: str
    target_names: tuple[str, ...]
    task: str

    def __repr__(self) -> str:
        n_samples, n_features = self.X.shape
        classes = f" of {len(self.target_names)} classes" if self.target_names else ""
        features = counted(n_features, "feature")
        learned = f"{self.task}{classes} of {self.target!r}"
        return f"Table({visible(self.path.name)}: {n_samples} samples, {features}, {learned})"


@our_words
def read_table(
    path: str | PathLike[str],
    target: str,
    *,
    task: str = "auto",
    drop: str | Sequence[str] = (),
) -> Table:
    """Read a CSV file whose first row names the columns.

    The file is in UTF-8, its delimiter a comma, a semicolon or a tab, its decimal sign a point.
    Cells may be quoted, blank rows are passed over. All columns but the target are features, and
    numbers.

    With task="auto" the target decides:

    - text: classification;
    - whole numbers of which there are 2 to 20 distinct ones that come again and again, each of
      them twice or all of them 5 times on average (any number of times if there are just 2):
      classification;
    - other numbers: regression.

    A class is its text: 007 and 7, 2.10 and 2.1 are different classes. A warning tells of two that
    spell one number, and of whole numbers above 2^53 in a column of numbers, of which not all are
    floats. Of a file that cannot be used, all problems are told at once. ``encode`` reads tables
    that need mending, from a frame of pandas or polars.

    Args:
        path: the file.
        target: the column to be predicted.
        task: "auto", "classification" or "regression".
        drop: columns to leave out, such as names and running numbers.

    Returns:
        The Table, its rows in the order of the file.

    Raises:
        UnknownNameError: if there is no such column or task.
        DataError: if the file is not such a table, a cell is missing or no number, or the target
            has one and the same value in every row.
        ProblemsError: a DataError too, if there are several such faults.
        InvalidArgumentError: if the target is to be dropped.
        OSError: if the file cannot be opened.

    >>> from importlib.resources import as_file, files
    >>> with as_file(files("tinygrad_mlp.data") / "iris.csv") as path:
    ...     read_table(path, target="species", drop=["petal width (cm)"])
    Table(iris.csv: 150 samples, 3 features, classification of 3 classes of 'species')
    """
    if task not in TASKS:
        raise UnknownNameError.of("task", task, TASKS)
    dropped = (drop,) if isinstance(drop, str) else tuple(drop)
    problems = Problems(str(path))
    file = read_what_fits(Path(path), problems)
    return table_of(file, target, task, dropped, problems)


def table_of(
    file: CsvFile,
    target: str,
    task: str = "auto",
    dropped: Sequence[str] = (),
    problems: Problems | None = None,
) -> Table:
    r"""The table in a CSV file that was read.

    Args:
        file: its header and rows.
        target: the column to be predicted.
        task: "auto", "classification" or "regression".
        dropped: columns to leave out.
        problems: the faults that were found so far, to be told with those of the columns.

    Raises:
        UnknownNameError, DataError, InvalidArgumentError: as ``read_table``.

    >>> from tinygrad_mlp.data._csv_file import read_what_fits
    >>> problems = Problems("t.csv")
    >>> table_of(read_what_fits(Path("t.csv"), problems, b"a,y\n1,0.5\n2,0.25\n"), "y")
    Table(t.csv: 2 samples, 1 feature, regression of 'y')
    """
    problems = problems or Problems(str(file.path))
    for names, role in (((target,), "target"), (dropped, "dropped")):
        with problems.collected():
            _check_columns(file, names, role)
    if not {target, *dropped} <= set(file.header):  # which columns are features is not known
        problems.raise_them()
    if target in dropped:
        raise InvalidArgumentError(
            f"{target!r} is the target, so it cannot be dropped; leave it out of "
            f"drop={list(dropped)}"
        )
    used = [name for name in file.header if name.strip() and name not in (target, *dropped)]
    feature_names = list(dict.fromkeys(used))  # one that stands there twice is a problem already
    if not feature_names:
        problems.add(
            DataError(
                f"{file.path} has no column besides the target {target!r} to learn from; add a "
                "column of numbers (the columns are separated by commas, semicolons or tabs)"
            )
        )
    X = _features(file, feature_names, problems)
    y: NDArray[Any] = np.empty(0)
    target_names: tuple[str, ...] = ()
    with problems.collected():
        y, target_names = _target(file, target, task, problems)
    problems.raise_them()
    return Table(
        path=file.path,
        X=X,
        y=y,
        feature_names=tuple(feature_names),
        target=target,
        target_names=target_names,
        task="classification" if target_names else "regression",
    )


def _check_columns(file: CsvFile, names: Sequence[str], role: str) -> None:
    unknown = [name for name in names if name not in file.header]
    if not unknown:
        return
    by_lower_case = {column.lower(): column for column in file.header}
    close = get_close_matches(unknown[0].lower(), by_lower_case)
    hint = f"; did you mean {by_lower_case[close[0]]!r}?" if close else ""
    if len(file.header) == 1:
        hint = "; is it one column only? Separate the columns by commas, semicolons or tabs"
    columns = "column" if len(unknown) == 1 else "columns"
    raise UnknownNameError(
        f"unknown {role} {columns} {listing(list(map(repr, unknown)))} in {file.path}; its "
        f"columns: {', '.join(map(quoted_cell, file.header))}{hint}"
    )


def _features(file: CsvFile, names: list[str], problems: Problems) -> Floats:
    """The feature columns as numbers, shape (n_rows, n_columns); faults are collected."""
    text = [name for name in names if is_text(file.column(name))]
    if text:
        found = [f"{name!r} ({_first_text(file, name)})" for name in text]
        problems.add(
            DataError(
                f"{file.path}: features must be numbers, but these columns hold text: "
                f"{listing(found)}; leave them out, drop={text}, or replace each by "
                "columns of 0 and 1, one per value"
            )
        )
    with problems.collected():
        return numbers_of(file, [name for name in names if name not in text], droppable=True)
    return np.empty((0, len(names)))


def _first_text(file: CsvFile, name: str) -> str:
    places = zip(file.row_numbers, file.column(name))
    row_number, cell = next((row, cell) for row, cell in places if cell.strip())
    return f"row {row_number}: {in_quotes(cell)}"


def _target(
    file: CsvFile, name: str, task: str, problems: Problems
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The target and the names of its classes, none for a regression.

    Where rows are missing, whose faults were told, nothing is said of the column as a whole.
    """
    cells, complete = file.column(name), file.is_complete
    if complete and len(set(cells)) == 1:
        raise DataError(_nothing_to_learn(file, name))
    numbers = [number for cell in cells if (number := exact_number(cell)) is not None]
    if len(numbers) < len(cells):
        with problems.collected():
            _check_target_cells(file, name, task)
        n_distinct = len(set(cells))
        too_many = n_distinct > MOST_CLASSES and 2 * n_distinct > len(cells)
        if complete and task == "auto" and too_many and not _is_numeric_with_gaps(cells):
            problems.add(
                DataError(
                    f"{file.path}: the target column {name!r} holds {n_distinct} different texts "
                    f"in {len(cells)} rows, too many to be classes; choose another target, or pass "
                    "task='classification' if they are"
                )
            )
        if problems.found:
            return np.empty(0), ()
    elif task == "regression" or (task == "auto" and not _looks_like_classes(numbers)):
        values = np.array([float(number) for number in numbers])
        if complete and is_constant(values.reshape(-1, 1)).item():
            raise DataError(_nothing_to_learn(file, name))
        warn_of_inexact(file, name, droppable=False)
        return values, ()
    names = classes_in_order(cells)
    _warn_of_spellings(file, name, names)
    labels, _ = encode_labels(cells, names)
    return labels, tuple(names)


def _nothing_to_learn(file: CsvFile, name: str) -> str:
    cells = file.column(name)
    texts = sorted(set(cells))
    spelling = f" but for spelling or rounding ({listing(texts)})" if len(texts) > 1 else ""
    classes = ", or pass task='classification' if these texts are classes" if spelling else ""
    return (
        f"{file.path}: the target column {name!r} holds {in_quotes(cells[0])} in every row"
        f"{spelling}, so there is nothing to learn; choose another target or add rows{classes}"
    )


def _warn_of_spellings(file: CsvFile, name: str, classes: Sequence[str]) -> None:
    """Tell of classes that may be one, since they differ in the spelling of a number alone."""
    groups = [" and ".join(map(in_quotes, group)) for group in spellings(classes)]
    if groups:
        warn(
            f"{file.path}: the target column {name!r} spells one value in several ways, which are "
            f"taken as different classes: {listing(groups)}; if they are one class, write it in "
            "one way; if the column is a number, pass task='regression'",
        )


def _check_target_cells(file: CsvFile, name: str, task: str) -> None:
    """Refuse missing cells in a target column that is not numeric throughout."""
    cells = file.column(name)
    places = list(zip(file.row_numbers, cells))
    if task == "regression" or (task == "auto" and _is_numeric_with_gaps(cells)):
        bad = [(row, name, cell) for row, cell in places if parse_number(cell) is None]
        raise DataError(bad_cells(file, bad) + "; if they are classes, task='classification'")
    missing = [f"row {row}" for row, cell in places if is_missing(cell, MISSING_LABELS)]
    if missing:
        raise DataError(
            f"{file.path}: the target column {name!r} names no class in "
            f"{counted(len(missing), 'row')}: {listing(missing)}; fill in or remove these rows"
        )


def _looks_like_classes(numbers: Sequence[int | float]) -> bool:
    whole = all(isinstance(number, int) or number.is_integer() for number in numbers)
    return whole and are_classes(np.array(list(Counter(numbers).values())))


def _is_numeric_with_gaps(cells: list[str]) -> bool:
    """Whether a column of numbers and other texts is meant as numbers."""
    others = [cell for cell in cells if parse_number(cell) is None]
    if len(others) == len(cells):
        return False
    few = len(set(cells)) <= MOST_CLASSES
    return not few or all(is_missing(cell, MISSING_MARKS) for cell in others)
