"""The same table as a frame of pandas and as one of polars, and what is made of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd
import polars as pl
import pytest

from tinygrad_mlp.data import EncodedFrame, encode
from tinygrad_mlp.errors import TinygradMLPError

__all__ = ["MAKERS", "encoded_alike", "of_pandas", "of_polars", "refused_alike"]

Table = Mapping[str, Any]


def of_pandas(columns: Table) -> Any:
    return pd.DataFrame(columns)


def of_polars(columns: Table) -> Any:
    return pl.DataFrame(columns)


MAKERS: Final = (of_pandas, of_polars)


def encoded_alike(columns: Table, **options: Any) -> EncodedFrame:
    """The encoded table, which is the same from both libraries to the last bit."""
    first, second = (encode(make(columns), **options) for make in MAKERS)
    assert first.X.tobytes() == second.X.tobytes()
    assert first.notes == second.notes
    assert first.encoding == second.encoding
    assert first.rows.tolist() == second.rows.tolist()
    assert (first.y is None) == (second.y is None)
    if first.y is not None and second.y is not None:
        assert first.y.dtype == second.y.dtype
        assert first.y.tobytes() == second.y.tobytes()
    return first


def refused_alike(columns: Table, **options: Any) -> str:
    """What is said of a table that cannot be encoded, which is the same from both libraries."""
    messages = []
    for make in MAKERS:
        with pytest.raises(TinygradMLPError) as caught:
            encode(make(columns), **options)
        messages.append(f"{type(caught.value).__name__}: {caught.value}")
    assert messages[0] == messages[1]
    return messages[0]
