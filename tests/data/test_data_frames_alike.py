"""pandas and polars: the same table gives the same arrays, or the same refusal, whatever it holds.

Tables are drawn at random, a column of one kind beside a column of another, with cells missing and
with new rows of other kinds. They are compared to the last bit, with every note and every warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.frames import of_pandas, of_polars
from tinygrad_mlp.data import EncodedFrame, encode
from tinygrad_mlp.data._column_types import not_numbers, rows_without_value
from tinygrad_mlp.errors import TinygradMLPError

Outcome = tuple[Any, ...]

MOMENTS: Final = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))
KINDS: Final[dict[str, st.SearchStrategy[Any]]] = {
    "small integers": st.integers(-3, 3),
    "integers": st.integers(-(2**63), 2**63 - 1),
    "floats": st.floats(width=64),
    "truth values": st.booleans(),
    "decimals": st.decimals(-1000, 1000, places=3),
    "text": st.sampled_from(["Rome", "Oslo", " Oslo", "rome", "ß", "", "?", "none", "n/a"]),
    "free text": st.text(max_size=6),
    "numerals": st.sampled_from(["1", "2.5", "007", "7", "-", "1e3", "1,200", "5,1", "1 000"]),
    "amounts": st.sampled_from(["$1,200", "$3", "-$4.50", "€2", "5 %", "7%", "1.200,50 EUR"]),
    "written dates": st.sampled_from(
        ["2024-02-29", "2023-01-01 7:05:09", "31.12.2024", "1/2/2024", "31/1/2024", "?"]
    ),
    "written truths": st.sampled_from(["true", "False", "TRUE"]),
    "dates": st.dates(date(1, 1, 2), date(9999, 12, 30)),
    "moments": MOMENTS,
    "moments in a zone": MOMENTS.map(lambda moment: moment.replace(tzinfo=UTC)),
    "durations": st.timedeltas(timedelta(-90_000_000), timedelta(90_000_000)),
    "nothing": st.none(),
}
"""What the cells of a column may be."""


NAMES: Final = {"b": "b id"}


@st.composite
def columns(draw: st.DrawFn, n_rows: int) -> list[Any]:
    cells = KINDS[draw(st.sampled_from(sorted(KINDS)))]
    if draw(st.booleans()):
        cells = st.none() | cells
    return draw(st.lists(cells, min_size=n_rows, max_size=n_rows))


@st.composite
def tables(draw: st.DrawFn, most_rows: int = 25) -> dict[str, list[Any]]:
    n_rows = draw(st.integers(1, most_rows))
    names = draw(st.sampled_from(["ay", "ya", "by", "aby", "y"]))
    return {NAMES.get(name, name): draw(columns(n_rows)) for name in names}


OPTIONS: Final = st.fixed_dictionaries(
    {"clean": st.booleans(), "target": st.sampled_from([None, "y"])},
    optional={
        "task": st.sampled_from(["classification", "regression"]),
        "numbers": st.just("a"),
        "categories": st.sampled_from(["b id", "y"]),
    },
)


def exact_pandas(table: dict[str, list[Any]]) -> Any:
    """With whole numbers as they are: beside a missing cell pandas would make floats of them."""
    frame = of_pandas(table)
    for name, cells in table.items():
        if {type(cell) for cell in cells} == {int, type(None)}:
            frame[name] = pd.array(cells, dtype="Int64")
    return frame


def outcome(work: Callable[[], Any]) -> Outcome:
    """What comes of it, or what is said, with all warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = work()
        except TinygradMLPError as error:
            result = f"{type(error).__name__}: {error}"
    return result, tuple(str(warning.message) for warning in caught)


def in_bits(result: Any) -> Any:
    if isinstance(result, np.ndarray):
        return result.dtype, result.shape, result.tobytes()
    if isinstance(result, EncodedFrame):
        y = None if result.y is None else in_bits(result.y)
        return in_bits(result.X), y, result.notes, result.encoding, result.rows.tolist()
    return result


@settings(max_examples=150)
@given(tables(), tables(most_rows=3), OPTIONS)
def test_any_table_is_the_same_from_both(
    table: dict[str, list[Any]], new: dict[str, list[Any]], options: dict[str, Any]
) -> None:
    both = []
    for make in (exact_pandas, of_polars):
        encoded, said = outcome(lambda make=make: encode(make(table), **options))  # type: ignore[misc]
        seen = [in_bits(encoded), said]
        if isinstance(encoded, EncodedFrame):
            for rows in (table, new):
                frame = make(rows)
                for transform in (encoded.transform, encoded.transform_target):
                    result, said = outcome(lambda: transform(frame))  # noqa: B023
                    seen += [in_bits(result), said]
        both.append(seen)
    assert both[0] == both[1]


@settings(max_examples=50)
@given(tables())
def test_the_estimators_see_the_same_in_both(table: dict[str, list[Any]]) -> None:
    first, second = exact_pandas(table), of_polars(table)
    assert not_numbers(first) == not_numbers(second)
    assert rows_without_value(first) == rows_without_value(second)
    for name in table:
        assert [held for _, held in not_numbers(first[[name]])] == [
            held for _, held in not_numbers(second[name])
        ]


@pytest.mark.parametrize("unit", ["ns", "us", "ms"])
def test_moments_of_every_unit_are_cut_to_microseconds(unit: Any) -> None:
    rng = np.random.default_rng(0)
    ticks = rng.integers(-(10**17), 10**17, size=200) // {"ns": 1, "us": 1000, "ms": 10**6}[unit]
    moments, durations = (ticks.astype(f"{kind}8[{unit}]") for kind in "Mm")
    table = pl.DataFrame(
        {
            "at": pl.Series(ticks).cast(pl.Datetime(unit)),
            "took": pl.Series(ticks).cast(pl.Duration(unit)),
            "there": pl.Series(ticks).cast(pl.Datetime(unit, "UTC")),
        }
    )
    there = pd.Series(moments).dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin")
    frame = pd.DataFrame({"at": moments, "took": durations, "there": there})
    X = encode(frame).X
    assert X.tobytes() == encode(table).X.tobytes()
    microseconds = {"ns": ticks // 1000, "us": ticks, "ms": ticks * 1000}[unit]
    np.testing.assert_allclose(X[:, 0], microseconds / 86_400e6, rtol=1e-15)


def test_an_hour_that_comes_twice_is_two_hours() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    first = datetime(2024, 10, 26, 22, 30, tzinfo=UTC)
    moments = [(first + timedelta(hours=i)).astimezone(berlin) for i in range(4)]
    table = pl.DataFrame({"t": moments}).with_columns(pl.col("t").dt.convert_time_zone("UTC"))
    for frame in (
        pd.DataFrame({"t": pd.Series(moments)}),
        table.with_columns(pl.col("t").dt.convert_time_zone("Europe/Berlin")),
    ):
        days = encode(frame).X.ravel()
        np.testing.assert_allclose(np.diff(days) * 24, 1.0, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        ([1, None, 3], "Int64"),
        ([1, None, 3], "float32"),
        ([True, None, False], "boolean"),
        (["u", None, "v"], "string"),
        (["u", None, "v"], "category"),
    ],
)
def test_types_of_pandas_are_those_of_plain_columns(cells: list[Any], dtype: str) -> None:
    frame = of_pandas({"x": pd.Series(cells, dtype=dtype), "z": [0.5, 1.5, 4.0]})
    encoded = encode(frame, clean=True)
    plain = encode(of_polars({"x": cells, "z": [0.5, 1.5, 4.0]}), clean=True)
    assert in_bits(encoded) == in_bits(plain)


def test_decimals_and_objects_of_polars_are_numbers() -> None:
    cells = [Decimal("1.250"), Decimal("2.500"), None]
    objects = pl.DataFrame({"x": pl.Series([1.25, 2.5, None], dtype=pl.Object)})
    decimals = pl.DataFrame({"x": pl.Series(cells, dtype=pl.Decimal(10, 3))})
    expected = in_bits(encode(of_pandas({"x": [1.25, 2.5, None]}), clean=True))
    assert in_bits(encode(objects, clean=True)) == in_bits(encode(decimals, clean=True)) == expected
