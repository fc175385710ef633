"""Parquet files, by way of polars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tinygrad_mlp.errors import DataError, MissingDependencyError

__all__ = ["read_parquet"]


def read_parquet(path: Path) -> Any:
    """The frame of polars that a Parquet file holds.

    Raises:
        MissingDependencyError: without polars.
        DataError: if it is no such file.
        OSError: if it cannot be opened.

    >>> import tempfile
    >>> import polars as pl
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pl.DataFrame({"a": [1, 2]}).write_parquet(f"{folder}/t.parquet")
    ...     read_parquet(Path(folder) / "t.parquet")["a"].to_list()
    [1, 2]
    """
    try:
        import polars
    except ImportError:
        raise MissingDependencyError.of("polars", "Parquet files", extra="frames") from None
    with path.open("rb") as stream:
        content = stream.read()
    try:
        return polars.read_parquet(content)
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException) as error:
        raise DataError(f"{path} cannot be read as Parquet ({error})") from None
