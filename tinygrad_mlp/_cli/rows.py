"""The rows of a table as a saved network takes them: its features by name, and the right answers.

A row has the number that a spreadsheet shows: the header is row 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._cli.saved import SavedNetwork
from tinygrad_mlp.data._arrays import counted
from tinygrad_mlp.data._columns import MISSING_LABELS, class_of, is_missing, numbers_of
from tinygrad_mlp.data._csv_file import CsvFile, listing, parse_number, quoted_cell
from tinygrad_mlp.errors import DataError, InvalidArgumentError

__all__ = ["answer_in", "features_of", "only_row"]


def features_of(file: CsvFile, names: Sequence[str]) -> NDArray[np.float64]:
    """The columns that a network was trained with, (n_rows, n_names).

    Raises:
        DataError: if one is missing, or a cell is no number.
    """
    missing = [repr(name) for name in names if name not in file.header]
    if missing:
        raise DataError(
            f"{file.path} lacks {counted(len(missing), 'feature')} that the network was trained "
            f"with: {listing(missing)}; its columns: {listing(list(map(quoted_cell, file.header)))}"
        )
    return numbers_of(file, names)


def answer_in(cell: str, network: SavedNetwork) -> str | float | None:
    """The right answer that a cell of the target column holds.

    Of a classification it is the class of this text, or the only one of this number; a text that is
    none of the classes stays as it is. None where the cell is empty, or no number in a regression.
    """
    if network.outputs is not None:
        return parse_number(cell)
    if is_missing(cell, MISSING_LABELS) and cell not in network.classes:
        return None
    return class_of(cell, network.classes) or cell


def only_row(file: CsvFile, number: int | None) -> CsvFile:
    """The table with one row alone; of None with the first.

    Raises:
        InvalidArgumentError: if there is no row of that number.
    """
    first, last = file.row_numbers[0], file.row_numbers[-1]
    wanted = first if number is None else number
    if wanted not in file.row_numbers:
        blank = f"row {wanted} is blank" if first < wanted < last else ""
        raise InvalidArgumentError(
            f"--row {wanted}, but {blank or f'{file.path} has the rows {first} to {last}'}; rows "
            "count as in a spreadsheet: the header is row 1"
        )
    row = file.rows[file.row_numbers.index(wanted)]
    return replace(file, rows=[row], row_numbers=[wanted])
