"""Frames are refused where making an array of them would guess: numbers are all that is taken.

NumPy makes numbers of dates, and of text that holds numbers, without a word; which ones depends on
the library of the frame and on the columns beside.
"""

from __future__ import annotations

from typing import Any

from tinygrad_mlp.data._column_types import not_numbers, rows_without_value
from tinygrad_mlp.data._csv_file import listing
from tinygrad_mlp.errors import DataError

__all__ = ["check_features_of_frame", "check_targets_of_frame"]


def check_features_of_frame(X: Any) -> None:
    """Refuse a frame with a column that holds no numbers and no truth values.

    Raises:
        DataError: for text, also of numbers, for dates, durations and categories.

    >>> import polars as pl
    >>> check_features_of_frame(pl.DataFrame({"size": [1.5], "wet": [True]}))
    >>> check_features_of_frame(pl.DataFrame({"size": ["1.5"]}))
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: X has columns that hold no numbers: 'size' holds text (row 0: ...
    """
    odd = not_numbers(X)
    if odd:
        found = listing([f"{name!r} holds {held}" for name, held in odd])
        raise DataError(
            f"X has columns that hold no numbers: {found}; encode them in a pipeline "
            "(sklearn.compose.ColumnTransformer), by tinygrad_mlp.data.encode(X).X, or leave them "
            f"out: X.drop(columns={[name for name, _ in odd][:5]})"
        )


def check_targets_of_frame(y: Any, *, numbers: bool) -> None:
    """Refuse missing targets, dates, and where numbers are needed text and categories.

    Raises:
        DataError: for such targets.

    >>> check_targets_of_frame(["a", None, "b"], numbers=False)
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: y has no value in row 1; leave out the rows without a target
    """
    absent = rows_without_value(y)
    if absent:
        rows = listing([f"row {i}" for i in absent])
        raise DataError(f"y has no value in {rows}; leave out the rows without a target")
    for _, held in not_numbers(y):
        if numbers or held in ("dates", "durations"):
            needed = "numbers" if numbers else "classes"
            raise DataError(f"y holds {held}, but {needed} are needed; convert it first")
