"""Tables in files: CSV as it is written, Parquet by way of a frame; and encoded, to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from tinygrad_mlp.data import Encoding, Table
from tinygrad_mlp.data._arrays import Floats, Integers
from tinygrad_mlp.data._csv_file import CsvFile, read_csv_file, read_what_fits
from tinygrad_mlp.data._encode import encode_grid
from tinygrad_mlp.data._frame_columns import columns_of_frame
from tinygrad_mlp.data._grid import Grid, columns_of_csv
from tinygrad_mlp.data._parquet import read_parquet
from tinygrad_mlp.data._problems import Problems
from tinygrad_mlp.errors import InvalidArgumentError

__all__ = ["EncodedTable", "RowsOfFile", "encoded_table", "is_parquet", "read_rows"]

PARQUET: Final = (".parquet", ".pq")
"""How the names of Parquet files end."""


@dataclass(frozen=True, eq=False)
class EncodedTable(Table):
    """A table whose columns were encoded, and mended where that was asked for.

    Attributes:
        unfilled: X with nan where a number is missing.
        encoding: what was learned of the columns.
        notes: what was done, in words.
    """

    unfilled: Floats = field(repr=False)
    encoding: Encoding
    notes: tuple[str, ...]

    def learned_from(self, train: Integers) -> tuple[Floats, Encoding]:
        """X and the encoding, with the medians of the samples that are learned from."""
        encoding = self.encoding.with_medians_of(self.unfilled[train])
        return encoding.filled(self.unfilled), encoding


def is_parquet(path: Path) -> bool:
    """Whether a file is read as Parquet."""
    return path.suffix.lower() in PARQUET


@dataclass(frozen=True, eq=False)
class RowsOfFile:
    """The rows of a file, to be asked about: of CSV cells of text, of Parquet typed columns.

    Attributes:
        path: the file.
        grid: its columns.
        numbers: the number of each row: of CSV as in a spreadsheet, of Parquet from 0.
        text: the cells of a CSV file; None for Parquet.
    """

    path: Path
    grid: Grid
    numbers: list[int]
    text: CsvFile | None

    def only(self, i: int) -> RowsOfFile:
        """The row at a position alone."""
        text = self.text
        if text is not None:
            text = replace(text, rows=[text.rows[i]], row_numbers=[self.numbers[i]])
        return RowsOfFile(self.path, self.grid.only(np.array([i])), [self.numbers[i]], text)


def read_rows(path: Path) -> RowsOfFile:
    """The rows of a file.

    Raises:
        DataError: if it cannot be read.
        OSError: if it cannot be opened.
    """
    if is_parquet(path):
        grid = columns_of_frame(read_parquet(path), str(path))
        return RowsOfFile(path, grid, list(range(grid.n_rows)), None)
    file = read_csv_file(path)
    return RowsOfFile(path, columns_of_csv(file), file.row_numbers, file)


def _grid_of(path: Path, problems: Problems) -> Grid:
    """The columns of a file; faults of a header are collected, to be told with those of columns."""
    if is_parquet(path):
        return read_rows(path).grid
    file = read_what_fits(path, problems)
    if not file.is_complete:  # what a column holds is not known without the rows left out
        problems.raise_them()
    return columns_of_csv(file)


def encoded_table(
    path: Path,
    target: str,
    *,
    task: str,
    drop: Sequence[str],
    numbers: Sequence[str],
    categories: Sequence[str],
    clean: bool,
) -> EncodedTable:
    """The table of a file, encoded as by ``data.encode``.

    Raises:
        DataError: if it cannot be used.
        UnknownNameError: if there is no such column.
        InvalidArgumentError: if the target is to be dropped.
    """
    if not (clean or is_parquet(path)):
        raise InvalidArgumentError("a CSV file is encoded with --clean alone")
    problems = Problems(str(path))
    encoded = encode_grid(
        _grid_of(path, problems),
        target=target,
        task=task,
        drop=drop,
        numbers=numbers,
        categories=categories,
        clean=clean,
        problems=problems,
    )
    assert encoded.y is not None  # there is a target
    return EncodedTable(
        path=path,
        X=encoded.X,
        y=encoded.y,
        feature_names=encoded.feature_names,
        target=target,
        target_names=encoded.target_names,
        task=encoded.task,
        unfilled=encoded.unfilled,
        encoding=encoded.encoding,
        notes=encoded.notes,
    )
