"""What the columns of a frame hold, told by their types: for those who take numbers alone.

Frames and single columns of pandas and polars are looked at, none is converted. Nothing is
imported: whoever has a frame has its library.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.data._columns import in_quotes
from tinygrad_mlp.data._grid import is_absent, kind_of

__all__ = ["library_of", "not_numbers", "rows_without_value"]

WORDS: Final = {
    "text": "text",
    "date": "dates",
    "date with a time zone": "dates",
    "duration": "durations",
}
"""What cells of these kinds are called."""


def library_of(table: Any, kind: str = "DataFrame") -> str:
    """The library of a frame, or with kind="Series" of a column; nothing for anything else.

    >>> import polars as pl
    >>> frame = pl.DataFrame({"a": [1]})
    >>> library_of(frame), library_of(frame["a"]), library_of(frame["a"], "Series"), library_of([1])
    ('polars', '', 'polars', '')
    """
    for base in type(table).__mro__:
        library = base.__module__.partition(".")[0]
        if base.__name__ == kind and library in ("pandas", "polars"):
            return library
    return ""


def not_numbers(table: Any) -> list[tuple[str, str]]:
    """The columns that hold no numbers and no truth values: of each the name, and what it holds.

    Args:
        table: a frame or a column of pandas or polars; of anything else nothing is known.

    >>> import polars as pl
    >>> not_numbers(pl.DataFrame({"size": [1.5], "city": ["Rome"], "no": ["7"], "wet": [True]}))
    [('city', "text (row 0: 'Rome')"), ('no', "text (row 0: '7')")]
    """
    found = []
    for name, dtype, column in _columns(table):
        held = _held(dtype)
        if held == "cells":
            held = _held_in_cells(column())
        if held:
            found.append((name, held))
    return found


def rows_without_value(table: Any) -> list[int]:
    """The positions of the rows with a missing cell: None, NA, NaT or nan.

    Args:
        table: a frame or a column of pandas or polars, or a list or an array of objects; of
            anything else nothing is known.

    >>> rows_without_value(["a", None, "b"]), rows_without_value("ab")
    ([1], [])
    """
    if isinstance(table, list) or getattr(table, "dtype", None) == np.dtype(object):
        return [i for i, cell in enumerate(table) if is_absent(cell)]
    rows = [np.flatnonzero(_absent(column())) for _, _, column in _columns(table)]
    return np.unique(np.concatenate(rows)).tolist() if rows else []


def _absent(column: Any) -> NDArray[np.bool_]:
    """Which cells of a column are missing."""
    if library_of(column, "Series") == "pandas":
        absent = column.isna()
    else:
        absent = column.is_null()
        if column.dtype.is_float():
            absent |= column.is_nan().fill_null(False)
    return np.asarray(absent, dtype=np.bool_)


def _columns(table: Any) -> Iterator[tuple[str, Any, Any]]:
    """The name and the type of each column, and a function that gets it."""
    if library_of(table, "Series"):
        yield str(table.name), table.dtype, lambda: table
    elif library_of(table) == "pandas":
        for i, (name, dtype) in enumerate(zip(table.columns, table.dtypes)):
            yield str(name), dtype, lambda i=i: table.iloc[:, i]
    elif library_of(table) == "polars":
        for name, dtype in zip(table.columns, table.dtypes):
            yield name, dtype, lambda name=name: table[name]


def _held(dtype: Any) -> str:
    """What a column of a type holds: nothing for numbers, "cells" where that is not known."""
    if hasattr(dtype, "is_numeric"):  # of polars
        family = str(dtype).partition("(")[0]
        if dtype.is_numeric() or family in ("Boolean", "Null"):
            return ""
        if dtype.is_temporal():
            return "durations" if family == "Duration" else "dates"
        kinds = {"Categorical": "categories", "Enum": "categories"}
        return kinds.get(
            family, "cells" if family in ("Object", "String") else f"cells of type {dtype}"
        )
    if type(dtype).__name__ == "CategoricalDtype":
        return "categories"
    return {"M": "dates", "m": "durations", "O": "cells", "U": "cells"}.get(dtype.kind, "")


def _held_in_cells(column: Any) -> str:
    """What the first cell holds that is no number; nothing where NumPy can make numbers of all."""
    lacking = ""
    for i, cell in enumerate(column.to_list()):
        if is_absent(cell):
            if type(cell).__name__ == "NAType":  # no nan for NumPy, as None is
                lacking = lacking or f"a missing cell (row {i})"
            continue
        word = WORDS.get(kind_of(cell), "")
        if word:
            return f"text (row {i}: {in_quotes(cell)})" if word == "text" else word
    return lacking
