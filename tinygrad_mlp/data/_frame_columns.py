"""A frame of pandas or polars as columns of plain Python objects.

Here alone it matters whose frame it is. What the columns mean is judged afterwards by one set of
rules (``_judging.py``), so that the same table gives the same numbers from either library. Nothing
is imported: whoever has a frame has its library.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any, Final

import numpy as np

from tinygrad_mlp._text import described, grouped
from tinygrad_mlp.data._column_types import library_of
from tinygrad_mlp.data._csv_file import listing
from tinygrad_mlp.data._grid import Column, Grid, is_absent, kind_of, label_of
from tinygrad_mlp.errors import DataError

__all__ = ["columns_of_frame"]


def columns_of_frame(frame: Any, where: str = "the frame") -> Grid:
    """The columns of a frame of pandas or polars.

    Raises:
        DataError: if it is no frame, has no rows, or the names of its columns are no texts or stand
            there twice.

    >>> columns_of_frame([[1.0]])
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: a frame of pandas or polars is needed, not list [[1.0]]; ...
    """
    library = library_of(frame)
    if not library:
        raise DataError(_no_frame(frame))
    names = list(frame.columns)
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        rename = "frame.columns = ['_'.join(map(str, name)) for name in frame.columns]"
        if not isinstance(odd[0], tuple):
            rename = "frame.columns = [str(name) for name in frame.columns]"
        raise DataError(f"the names of columns must be texts, but {odd[0]!r} is none: {rename}")
    twice = [repr(name) for name, times in Counter(names).items() if times > 1]
    if twice:
        raise DataError(f"{where} names {listing(twice)} more than once; rename its columns")
    n_rows = len(frame)
    if not n_rows or not names:
        lacking = "rows" if names else "columns"
        raise DataError(f"{where} has no {lacking}, so there is nothing to encode")
    read = _of_pandas if library == "pandas" else _of_polars
    row_name = _row_names(frame, library, n_rows)
    columns = {name: read(name, frame[name], row_name) for name in names}
    return Grid(where, tuple(map(str, names)), columns, n_rows, row_name)


def _no_frame(frame: Any) -> str:
    """Why something is no frame, and what to do."""
    of_library = type(frame).__module__.partition(".")[0] in ("pandas", "polars")
    if of_library and hasattr(frame, "collect"):
        return "the frame is lazy and holds no rows yet; pass frame.collect()"
    if of_library and hasattr(frame, "to_frame"):
        return "a frame is needed, not a single column; pass column.to_frame()"
    shown = described(frame, with_type=True)
    return (
        f"a frame of pandas or polars is needed, not {shown}; numbers without names need no "
        "encoding: pass them as X"
    )


def _row_names(frame: Any, library: str, n_rows: int) -> Callable[[int], str]:
    """What the rows are called: their positions, and beside them the index of pandas."""
    index = None
    if library == "pandas" and not frame.index.equals(type(frame)(index=range(n_rows)).index):
        index = frame.index

    def row_name(i: int) -> str:
        if index is None:
            return f"row {i}"
        label = index[i]
        return f"row {i} (index {getattr(label, 'item', lambda: label)()!r})"

    return row_name


WORDS: Final = {"truth": "truth value"}

RowName = Callable[[int], str]


def _of_pandas(name: str, series: Any, row_name: RowName) -> Column:
    dtype = series.dtype
    family, kind = type(dtype).__name__, getattr(dtype, "kind", "O")
    if family == "SparseDtype":
        return _of_pandas(name, series.sparse.to_dense(), row_name)
    if family == "CategoricalDtype":
        return _category(name, _with_none(series.tolist()), row_name)
    if kind in "iuf" and family != "PeriodDtype":
        missing = series.isna().to_numpy(dtype=bool)
        integers = series.to_numpy(dtype=f"{kind}8", na_value=0) if kind in "iu" else None
        floats = series.to_numpy(dtype=np.float64, na_value=np.nan)
        return _numbers(name, floats, integers, missing, row_name)
    return _objects(name, _with_none(series.tolist()), row_name)


def _of_polars(name: str, series: Any, row_name: RowName) -> Column:
    family = str(series.dtype).partition("(")[0]
    if family in ("Categorical", "Enum"):
        return _category(name, series.to_list(), row_name)
    if family in ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"):
        missing = series.is_null().to_numpy()
        integers = series.fill_null(0).to_numpy()
        return _numbers(name, series.to_numpy(), integers, missing, row_name)
    if family in ("Float16", "Float32", "Float64"):
        return _numbers(name, series.to_numpy(), None, series.is_null().to_numpy(), row_name)
    try:
        cells = series.to_list()
    except (OverflowError, ValueError) as error:  # such as a date after the year 9999
        return Column(name, "faulty", [], f"holds what Python has no object for ({error})")
    return _objects(name, _with_none(cells), row_name)


def _with_none(cells: Sequence[Any]) -> list[Any]:
    """The cells, with None for what each library has in place of a missing one."""
    return [None if is_absent(cell) else cell for cell in cells]


def _numbers(name: str, floats: Any, integers: Any, missing: Any, row_name: RowName) -> Column:
    """A column of numbers, of whole ones with a note of the first that is no float."""
    cells = np.array(floats, dtype=np.float64)
    cells[missing] = np.nan
    infinite = np.flatnonzero(np.isinf(cells))
    if infinite.size:
        places = listing([row_name(int(i)) for i in infinite])
        fault = f"holds inf or -inf in {places}; a finite number is needed"
        return Column(name, "faulty", cells, fault)
    inexact = ""
    if integers is not None:
        large = np.flatnonzero(np.abs(cells) >= 2.0**53)
        inexact = _first_inexact([(int(i), int(integers[i])) for i in large], row_name)
    kind = "empty" if np.isnan(cells).all() else "number"
    return Column(name, kind, cells, inexact=inexact)


def _first_inexact(whole: Sequence[tuple[int, int]], row_name: RowName) -> str:
    for i, number in whole:
        if int(float(number)) != number:
            return f"{row_name(i)}: {number} becomes {int(float(number))}"
    return ""


def _objects(name: str, cells: list[Any], row_name: RowName) -> Column:
    """A column that is known by its cells alone."""
    present = [(i, cell) for i, cell in enumerate(cells) if cell is not None]
    if not present:
        return Column(name, "empty", cells)
    kinds = {i: kind_of(cell) for i, cell in present}
    first: dict[str, int] = {}
    for i, kind in kinds.items():
        first.setdefault(kind, i)
    if "other" in first:
        i = first["other"]
        return Column(
            name,
            "faulty",
            cells,
            f"holds in {row_name(i)} {described(cells[i], with_type=True)}; a number, a truth "
            "value, a date (years 1 to 9999) or a text is needed",
        )
    if len(first) > 1:
        shown = " and ".join(
            f"a {WORDS.get(kind, kind)} in {row_name(i)} ({described(cells[i])})"
            for kind, i in first.items()
        )
        fault = f"holds different kinds of things, {shown}; make them one kind"
        if set(first) == {"number", "text"}:
            return Column(name, "faulty", _all_text(cells), fault, is_mixed=True)
        return Column(name, "faulty", cells, fault)
    (kind,) = first
    if kind == "number":
        return _number_objects(name, cells, present, row_name)
    if kind == "duration":
        day = datetime.timedelta(days=1)
        cells = [None if cell is None else _of_python(cell) / day for cell in cells]
        return Column(name, "number", np.array(cells, dtype=np.float64))
    if kind in ("date", "date with a time zone"):
        return Column(name, "date", [None if cell is None else _of_python(cell) for cell in cells])
    return Column(name, kind, [None if cell is None else _plain(cell) for cell in cells])


def _number_objects(
    name: str, cells: list[Any], present: Sequence[tuple[int, Any]], row_name: RowName
) -> Column:
    try:
        floats = [np.nan if cell is None else float(cell) for cell in cells]
    except OverflowError:
        i, number = max(present, key=lambda pair: abs(pair[1]))
        shown = grouped(number) if isinstance(number, int) else described(number)
        fault = f"holds in {row_name(i)} {shown}, which is too large for a float64"
        return Column(name, "faulty", cells, fault)
    missing = np.array([cell is None for cell in cells])
    column = _numbers(name, floats, None, missing, row_name)
    whole = [(i, int(cell)) for i, cell in present if isinstance(cell, Integral)]
    return Column(name, column.kind, column.cells, column.fault, _first_inexact(whole, row_name))


def _category(name: str, cells: Sequence[Any], row_name: RowName) -> Column:
    """A column whose type says that it names categories, whatever they are."""
    first: dict[str, tuple[int, Any]] = {}
    for i, cell in enumerate(cells):
        if cell is None:
            continue
        at, other = first.setdefault(label_of(cell), (i, cell))
        if other != cell:
            fault = f"has the categories {other!r} ({row_name(at)}) and {cell!r} ({row_name(i)})"
            return Column(name, "faulty", cells, f"{fault}, which are written alike; rename one")
    return Column(name, "category" if first else "empty", list(cells))


def _of_python(cell: Any) -> Any:
    """A moment or a duration of pandas as that of Python, cut to microseconds as polars does."""
    if hasattr(cell, "to_pydatetime"):
        return cell.to_pydatetime(warn=False)
    if getattr(cell, "unit", "") == "ns":  # to_pytimedelta rounds
        nanoseconds = int(cell.value)
        whole = abs(nanoseconds) // 1000
        return datetime.timedelta(microseconds=whole if nanoseconds > 0 else -whole)
    return cell.to_pytimedelta() if hasattr(cell, "to_pytimedelta") else cell


def _plain(cell: Any) -> Any:
    """A text or a truth value of NumPy as that of Python."""
    return str(cell) if isinstance(cell, str) else bool(cell)


def _all_text(cells: Sequence[Any]) -> list[str | None]:
    """Numbers and texts as a person would write them."""
    return [None if cell is None else label_of(cell) for cell in cells]
