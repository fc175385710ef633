"""Tables whose rows are mixed column by column: arrays, and frames of pandas and polars.

They are told apart by what they can do, and neither library is imported before a frame of it comes.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._text import shortened
from tinygrad_mlp.errors import InvalidArgumentError, ShapeError

__all__ = [
    "as_table",
    "check_types",
    "mixed_rows",
    "object_cells",
    "spread",
    "stacked",
    "taken",
]

MOST_BACKGROUND: Final = 100

DENSE: Final = {"toarray": "sparse", "collect": "a lazy frame"}
"""What cannot be mixed cell by cell, by the method that makes it a table that can be."""


def as_table(given: Any, name: str) -> Any:
    """An array, or a frame as it is.

    Raises:
        InvalidArgumentError: for what is sparse or lazy, or has no cell.
        ShapeError: for what has not two dimensions.

    >>> as_table([[1.0, 2.0]], "X")
    array([[1., 2.]])
    """
    for method, what in DENSE.items():
        if hasattr(given, method):
            raise InvalidArgumentError(
                f"{name} is {what}, but single cells are needed: {name}.{method}()"
            )
    table = given if hasattr(given, "columns") else np.asarray(given)
    if len(np.shape(table)) != 2:
        raise ShapeError(f"{name} has the shape {np.shape(table)}, but rows are needed: {name}[:5]")
    if 0 in table.shape:
        raise InvalidArgumentError(
            f"{name} has the shape {table.shape}: there is no row, or no column"
        )
    return table


def check_types(rows: Any, others: Any, columns: list[str]) -> None:
    """Refuse columns that would change their type where both are mixed; numbers may.

    Raises:
        ShapeError: if there are such.

    >>> check_types(np.array([[1]]), np.array([[2.5]]), ["age"])
    >>> check_types(np.array([[1]]), np.array([["a"]]), ["age"])
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.ShapeError: the column 'age' is of the type dtype('int64') in X, and of ...
    """
    for name, of_rows, of_others in zip(columns, _types(rows), _types(others)):
        kinds = {_kind(of_rows), _kind(of_others)}
        if of_rows != of_others and kinds not in ({"number"}, {"U"}):
            raise ShapeError(
                f"the column {name!r} is of the type {_said(of_rows)} in X, and of "
                f"{_said(of_others)} in the background; give both the same: {_retyped(rows)}"
            )


def _said(of_column: Any) -> str:
    return shortened(" ".join(repr(of_column).split()), 120)


def _types(table: Any) -> list[Any]:
    if isinstance(table, np.ndarray):
        return [table.dtype] * table.shape[1]
    return list(table.dtypes)


def _kind(of_column: Any) -> str:
    if hasattr(of_column, "is_numeric"):  # polars
        return "number" if of_column.is_numeric() else "other"
    kind: str = of_column.kind
    return "number" if kind in "iuf" else kind


def _retyped(rows: Any) -> str:
    if isinstance(rows, np.ndarray):
        return "background.astype(X.dtype)"
    return f"background.{'cast(X.schema)' if hasattr(rows, 'vstack') else 'astype(X.dtypes)'}"


def spread(rows: Any) -> Any:
    """All rows, or of many as many as a background has, evenly spread.

    >>> len(spread(np.zeros((3, 1)))), len(spread(np.zeros((1000, 1))))
    (3, 100)
    """
    places = np.linspace(0, len(rows) - 1, min(len(rows), MOST_BACKGROUND)).round().astype(np.intp)
    return taken(rows, places)


def taken(table: Any, places: NDArray[np.intp]) -> Any:
    """The rows of a table in these places.

    >>> taken(np.array([[1], [2], [3]]), np.array([2, 0])).tolist()
    [[3], [1]]
    """
    return table.iloc[places] if hasattr(table, "iloc") else table[places]


def stacked(above: Any, below: Any) -> Any:
    """The rows of both tables in one.

    >>> stacked(np.array([[1]]), np.array([[2]])).tolist()
    [[1], [2]]
    """
    if isinstance(above, np.ndarray):
        return np.concatenate([above, below])
    if hasattr(above, "vstack"):
        import polars

        return polars.concat([above, below], how="vertical_relaxed")
    import pandas

    return pandas.concat([above, below], ignore_index=True)


def mixed_rows(both: Any, places: NDArray[np.intp]) -> Any:
    """The table whose cell in column j comes from the row ``places[:, j]``.

    >>> mixed_rows(np.array([[1, 2], [3, 4]]), np.array([[0, 1]])).tolist()
    [[1, 4]]
    """
    if isinstance(both, np.ndarray):
        return np.take_along_axis(both, places, axis=0)
    if hasattr(both, "vstack"):
        return type(both)([both.to_series(j).gather(places[:, j]) for j in range(both.width)])
    columns = {name: both.iloc[places[:, j], j].array for j, name in enumerate(both.columns)}
    return type(both)(columns, copy=False)


def object_cells(rows: Any) -> NDArray[Any]:
    """The cells as objects, (n_rows, n_columns).

    >>> object_cells(np.array([[1.5]])).dtype
    dtype('O')
    """
    return np.asarray(rows if isinstance(rows, np.ndarray) else rows.to_numpy(), dtype=object)
