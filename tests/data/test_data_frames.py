"""``encode``: frames of pandas and polars become the same arrays, in a stated way or not at all."""

from __future__ import annotations

import copy
import json
import pickle
import re
import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder

from tests.data.frames import MAKERS, encoded_alike, of_pandas, of_polars, refused_alike
from tests.running import run_python
from tinygrad_mlp.data import Encoding, encode
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ProblemsError, UnknownNameError
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import fit, load_weights, predict, save_weights

Make = Callable[[Any], Any]


def test_each_kind_of_column_becomes_features() -> None:
    encoded = encoded_alike(
        {
            "size": [1, 2, 3],
            "share": [0.5, 0.25, 1.0],
            "wet": [True, False, True],
            "city": ["Rome", "Oslo", "Rome"],
            "day": [date(1970, 1, 1), date(1970, 1, 3), date(1969, 12, 31)],
            "at": [datetime(1970, 1, 1, 12), datetime(1970, 1, 2), datetime(1970, 1, 2, 6)],
            "took": [timedelta(days=2), timedelta(hours=6), timedelta(0)],
            "price": [Decimal("1.25"), Decimal(2), Decimal(3)],
        }
    )
    assert encoded.feature_names == (
        *("size", "share", "wet", "city=Oslo", "city=Rome", "day", "at", "took", "price"),
    )
    assert encoded.n_features == 9
    assert encoded.X.tolist() == [
        [1, 0.5, 1, 0, 1, 0, 0.5, 2, 1.25],
        [2, 0.25, 0, 1, 0, 2, 1, 0.25, 2],
        [3, 1, 1, 0, 1, -1, 1.25, 0, 3],
    ]
    assert encoded.X.dtype == np.float64
    assert encoded.y is None
    assert encoded.task == ""
    assert repr(encoded) == "EncodedFrame(3 samples, 9 features of 8 columns)"
    assert encoded.notes == (
        "'city': 2 categories, a feature of 0 and 1 for each",
        "'day': dates, as days since 1970-01-01",
        "'at': dates, as days since 1970-01-01",
    )


def test_categories_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    text = rng.choice(["red", "Blue", "green", "ß", "10", "2x"], size=50).tolist()
    expected = OneHotEncoder(sparse_output=False).fit_transform(np.array(text).reshape(-1, 1))
    assert np.array_equal(encoded_alike({"color": text}).X, expected)


def test_medians_and_indicators_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    X[rng.random(X.shape) < 0.2] = np.nan
    assert np.isnan(X).any(axis=0).all()
    columns = {name: [None if x != x else x for x in X[:, i]] for i, name in enumerate("abc")}
    encoded = encoded_alike(columns, clean=True)
    expected = SimpleImputer(strategy="median", add_indicator=True).fit_transform(X)
    assert encoded.feature_names == ("a", "a missing", "b", "b missing", "c", "c missing")
    assert np.array_equal(encoded.X[:, ::2], expected[:, :3])
    assert np.array_equal(encoded.X[:, 1::2], expected[:, 3:])
    assert encoded.notes[0].startswith("'a': ")
    assert "missing cells: the median, and a feature that is 1 there" in encoded.notes[0]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": [1, None, 3]}, "column 'x' is missing in row 1; fill the cells in"),
        ({"x": [1.0, float("nan"), 3]}, "column 'x' is missing in row 1"),
        ({"x": ["a", None, "b"]}, "column 'x' is missing in row 1"),
        ({"x": [True, None, False]}, "column 'x' is missing in row 1"),
        ({"x": [date(2020, 1, 1), None, date(2020, 1, 2)]}, "column 'x' is missing in row 1"),
        ({"x": ["1", "2", "3"]}, "numbers as text (row 0: '1'); say what they are: numbers=['x']"),
        ({"x": ["$1,200", None, "$7"]}, "numbers as text (row 0: '$1,200')"),
        ({"x": ["$1", "€2", "$7"]}, "numbers as text (row 0: '$1')"),
        ({"x": ["2020-01-02", "2021-02-03", "?"]}, "dates as text (row 0: '2020-01-02')"),
        ({"x": ["1/2/2020", "2/1/2021", "4/5/2022"]}, "dates as text"),
        ({"x": ["a", "", "b"]}, "marks a missing cell (row 1: '')"),
        ({"x": ["a", "b", "n/a"]}, "marks a missing cell (row 2: 'n/a')"),
        ({"x": [1.0, float("inf"), 2.0]}, "holds inf or -inf in row 1; a finite number"),
        ({"x": [1.0, 2.0, -float("inf")]}, "holds inf or -inf in row 2"),
        ({"x": [5, 5, 5]}, "column 'x' holds 5 in every row; leave it out, drop=['x']"),
        ({"x": ["a", "a", "a"]}, "column 'x' holds 'a' in every row; leave it out, drop=['x']"),
        ({"x": [False] * 3}, "column 'x' holds False in every row"),
        ({"x": [None, None, None]}, "column 'x' holds no value in any row"),
        ({"x": [float("nan")] * 3}, "column 'x' holds no value in any row"),
        ({"x": [[1], [2], [3]]}, "holds in row 0 list [1]; a number, a truth value, a date"),
        ({"x": [{"a": 1}, {"a": 2}, {"a": 3}]}, "holds in row 0 dict"),
        ({"x": [b"1", b"2", b"3"]}, "holds in row 0 bytes b'1'"),
        ({"x": [time(1), time(2), time(3)]}, "holds in row 0 time datetime.time(1, 0)"),
        (
            {"x": [1, 2**53 + 1, 3]},
            "above 2^53, of which not all are floats (row 1: 9007199254740993 becomes "
            "9007199254740992); leave it out, drop=['x'], or make it text and name it, categories=",
        ),
        ({"x": [f"t{i}" for i in range(21)]}, "another text in every row, so it names the rows"),
        ({"x": [f"t{i % 21}" for i in range(42)]}, "holds 21 texts, more than 20; leave it out"),
    ],
)
def test_what_is_refused_without_cleaning(columns: dict[str, list[Any]], message: str) -> None:
    said = refused_alike(columns)
    assert said.startswith("DataError: the frame: column 'x' ")
    assert message in said


def test_all_that_is_refused_is_told_at_once() -> None:
    said = refused_alike(
        {"a": [1, None, 3], "b": ["1", "2", "3"], "c": [0.5, 1.5, 2.5], "y": ["u", None, "v"]},
        target="y",
        drop=["d"],
        numbers="e",
        categories=["f"],
    )
    head, *lines = said.split("\n")
    assert head == "ProblemsError: the frame has 6 problems:"
    assert [line[:5] for line in lines] == [f"  {i}. " for i in range(1, 7)]
    assert "unknown dropped column 'd'; its columns: 'a', 'b', 'c', 'y'" in lines[0]
    assert "unknown number column 'e'" in lines[1]
    assert "unknown category column 'f'" in lines[2]
    assert "column 'y' is the target and is missing in row 1" in lines[3]
    assert "column 'a' is missing in row 1" in lines[4]
    assert "column 'b' holds numbers as text" in lines[5]


def test_several_problems_can_be_copied_and_pickled() -> None:
    error = ProblemsError("t.csv", ["one", "two"])
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert str(other) == str(error) == "t.csv has 2 problems:\n  1. one\n  2. two"
        assert other.problems == ("one", "two")
    assert isinstance(error, DataError)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "the frame names 'a' more than once"),
        (pd.DataFrame([[1, 2]]), "names of columns must be texts, but 0 is none: frame.columns ="),
        (
            pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])),
            "but ('a', 'b') is none: frame.columns = ['_'.join",
        ),
        (pd.DataFrame({"a": []}), "the frame has no rows"),
        (pl.DataFrame({"a": []}), "the frame has no rows"),
        (pd.DataFrame(), "the frame has no columns"),
        (pl.DataFrame(), "the frame has no columns"),
        (pl.LazyFrame({"a": [1]}), "lazy and holds no rows yet; pass frame.collect()"),
        (pl.Series([1]), "not a single column; pass column.to_frame()"),
        (pd.Series([1]), "not a single column; pass column.to_frame()"),
        ({"a": [1]}, "a frame of pandas or polars is needed, not dict"),
        (type("DataFrame", (), {"columns": ["a"]})(), "is needed, not DataFrame"),
        (np.zeros((1, 1)), "numbers without names need no encoding: pass them as X"),
        (
            pd.DataFrame({"a": [0.5, np.nan]}, index=["p", "q"]),
            "column 'a' is missing in row 1 (index 'q')",
        ),
        (
            pd.DataFrame({"a": [0.5, np.inf, 1.0]}, index=[7, 7, 8]),
            "inf or -inf in row 1 (index 7)",
        ),
        (
            pd.DataFrame({"a": [1, "x", 2]}),
            "different kinds of things, a number in row 0 (1) and a text in row 1 ('x')",
        ),
        (pd.DataFrame({"a": [True, 2]}), "a truth value in row 0 (True) and a number in row 1 (2)"),
        (
            pd.DataFrame({"a": [datetime(2020, 1, 1), datetime(2020, 1, 1, tzinfo=UTC)]}),
            "a date in row 0 (datetime.datetime(2020, 1, 1, 0, 0)) and a date with a time zone",
        ),
        (
            pd.DataFrame({"a": [1, 10**400]}, dtype=object),
            "holds in row 1 more than 10^399, which is too large",
        ),
        (pd.DataFrame({"a": [1j, 2]}), "holds in row 0 complex 1j"),
        (
            pd.DataFrame({"a": pd.period_range("2020", periods=2, freq="M")}),
            "holds in row 0 Period('2020-01', 'M')",
        ),
        (
            pd.DataFrame({"a": pd.Categorical([1, None, "1"])}),
            "has the categories 1 (row 0) and '1' (row 2), which are written alike",
        ),
        (
            pd.DataFrame({"a": np.array(["9999-01-01", "12000-01-01"], dtype="M8[s]")}),
            "holds in row 1 Timestamp('12000-01-01",
        ),
        (
            pl.DataFrame({"a": pl.Series([1, 10**7], dtype=pl.Int32).cast(pl.Date)}),
            "holds what Python has no object for",
        ),
        (pl.DataFrame({"a": ["x", "y"], "a=x": [1, 2]}), "two features would be called 'a=x'"),
    ],
)
def test_a_hostile_frame_is_refused(frame: Any, message: str) -> None:
    for clean in (False, True):
        if clean and any(part in message for part in ("is missing in", "('x')", "no rows", "=x'")):
            continue  # these are mended, or another thing is said first
        with pytest.raises(DataError) as caught:
            encode(frame, clean=clean)
        assert message in str(caught.value)


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        ([1, None, 3], "Int64"),
        ([1, None, 3], "UInt8"),
        ([1.5, None, 3.0], "Float64"),
        ([1.5, None, 3.0], "Float32"),
        ([True, None, False], "boolean"),
        (["a", None, "b"], "string"),
        (["a", None, "b"], "category"),
        ([True, None, False], "object"),
        ([1, None, 3], "object"),
    ],
)
def test_nullable_columns_of_pandas_are_as_those_of_polars(cells: list[Any], dtype: str) -> None:
    of_both = [
        encode(frame, clean=True)
        for frame in (
            pd.DataFrame({"x": pd.Series(cells, dtype=dtype)}),
            pl.DataFrame({"x": cells}),
        )
    ]
    assert np.array_equal(of_both[0].X, of_both[1].X)
    assert of_both[0].encoding == of_both[1].encoding


def test_categories_may_be_numbers_and_only_those_that_occur_count() -> None:
    frame = pd.DataFrame({"x": pd.Categorical([10, 2, 10], categories=[2, 3, 10])})
    encoded = encode(frame)
    assert encoded.feature_names == ("x=2", "x=10")
    assert encoded.X.tolist() == [[0, 1], [1, 0], [0, 1]]
    plain = encoded_alike({"x": [10, 2, 10]}, categories="x")
    assert plain.encoding == encoded.encoding
    assert encoded.transform(pl.DataFrame({"x": [2.0, 10.0]})).tolist() == [[1, 0], [0, 1]]
    words = pl.DataFrame({"x": pl.Series(["v", "u", "v"], dtype=pl.Enum(["v", "w", "u"]))})
    assert encode(words).feature_names == ("x=u", "x=v")
    many = pl.DataFrame(
        {"x": pl.Series([f"{i % 25:02d}" for i in range(50)], dtype=pl.Categorical)}
    )
    assert encode(many).n_features == 25


def test_times_with_a_zone_count_in_utc() -> None:
    naive = [datetime(1970, 1, 1, 12), datetime(1970, 1, 2)]
    at_home = pd.DataFrame({"t": pd.Series(naive).dt.tz_localize("Asia/Tokyo")})
    there = pl.DataFrame({"t": naive}).with_columns(pl.col("t").dt.replace_time_zone("Asia/Tokyo"))
    of_both = [encode(frame) for frame in (at_home, there)]
    assert of_both[0].X.tolist() == of_both[1].X.tolist() == [[3 / 24], [15 / 24]]
    assert of_both[0].encoding == of_both[1].encoding
    with pytest.raises(DataError, match=r"has no time zone in row 0, but one in the rows learned"):
        of_both[0].transform(pl.DataFrame({"t": naive}))
    with pytest.raises(DataError, match=r"has a time zone in row 0, but none in the rows learned"):
        encode(pl.DataFrame({"t": naive})).transform(at_home)


def test_whole_numbers_that_are_no_floats_are_no_categories_either() -> None:
    said = refused_alike({"x": [2**53 + 1, 2**53, 7]}, categories="x")
    assert "make it text and name it, categories=['x']" in said
    encoded = encoded_alike({"x": [str(2**53 + 1), str(2**53), "7"]}, categories="x")
    assert encoded.n_features == 3
    for make in MAKERS:
        with pytest.raises(DataError, match="no floats"):
            encoded.transform(make({"x": [2**53 + 1]}))


def test_small_kinds_of_numbers() -> None:
    sparse = pd.DataFrame({"x": pd.arrays.SparseArray([0.0, 0.0, 1.5])})
    assert encode(sparse).X.tolist() == [[0.0], [0.0], [1.5]]
    assert encode(pd.DataFrame({"x": [Fraction(1, 2), 2]})).X.tolist() == [[0.5], [2.0]]
    assert encode(pl.DataFrame({"x": [2**53, 1]})).X.tolist() == [[2.0**53], [1.0]]
    large = pl.DataFrame({"x": np.array([2**64 - 1, 1], dtype=np.uint64)})
    with pytest.raises(DataError, match="row 0: 18446744073709551615 becomes 18446744073709551616"):
        encode(large)


@pytest.mark.parametrize("make", MAKERS)
def test_new_rows_are_encoded_the_same_way(make: Make) -> None:
    columns = {
        "city": ["Rome", "Oslo", "Rome"],
        "size": [1.0, 2.0, 4.0],
        "wet": [True, False, True],
    }
    encoded = encode(make(columns))
    new = make({"extra": [9, 9], "wet": [False, True], "size": [7, 8], "city": ["Oslo", "Oslo"]})
    expected = [[1, 0, 7, 0], [1, 0, 8, 1]]
    for transform in (encoded.transform, encoded.encoding.transform):
        assert transform(new).tolist() == expected
    alone = Encoding.from_dict(json.loads(json.dumps(encoded.encoding.to_dict())))
    assert alone == encoded.encoding
    assert alone.transform(new).tolist() == expected


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"city": ["Rome", "Bergen"]},
            "1 cell of no category that was learned from: row 1: 'Bergen'",
        ),
        ({"city": ["Rome", None]}, "column 'city' is missing in row 1; fill"),
        ({"size": [None, 1.0]}, "column 'size' is missing in row 0; fill"),
        ({"size": [float("inf"), 1.0]}, "column 'size' holds inf or -inf in row 0"),
        ({"size": ["1", "2"]}, "column 'size' holds text now, but numbers were learned from"),
        ({"size": [True, False]}, "holds truth values now, but numbers were learned from"),
        ({"size": [2**53 + 1, 1]}, "holds whole numbers that are no floats (row 0"),
        ({"wet": [1, 0]}, "column 'wet' holds numbers now, but truth values were learned from"),
        ({"city": [date(2020, 1, 1)] * 2}, "column 'city' holds dates now, but text"),
    ],
)
def test_new_rows_that_do_not_fit_are_refused(
    make: Make, change: dict[str, list[Any]], message: str
) -> None:
    columns = {
        "city": ["Rome", "Oslo", "Rome"],
        "size": [1.0, 2.0, 4.0],
        "wet": [True, False, True],
    }
    encoded = encode(make(columns))
    fitting = {"city": ["Rome", "Oslo"], "size": [1.0, 2.0], "wet": [True, False]}
    with pytest.raises(DataError) as caught:
        encoded.transform(make({**fitting, **change}))
    assert message in str(caught.value)


def test_columns_that_are_missing_are_named_with_all_else() -> None:
    encoded = encoded_alike({"a": [1, 2], "b": [3, 4], "c": ["u", "v"]})
    for make in MAKERS:
        with pytest.raises(ProblemsError) as caught:
            encoded.transform(make({"a": [1], "c": ["w"], "d": [1]}))
        first, second = caught.value.problems
        assert (
            first == "1 column that it was learned from is missing: 'b'; its columns: 'a', 'c', 'd'"
        )
        assert "row 0: 'w'; known: 'u', 'v'" in second
        with pytest.raises(
            DataError, match="2 columns that it was learned from are missing: 'b', 'c'"
        ):
            encoded.transform(make({"a": [1]}))


@pytest.mark.parametrize("make", MAKERS)
def test_what_was_not_there_before_is_mended_with_a_warning(make: Make) -> None:
    encoded = encode(make({"size": [1.0, 2.0, 9.0], "city": ["u", "v", "u"]}), clean=True)
    with pytest.warns(UserWarning, match="column") as caught:
        X = encoded.transform(make({"size": [None, 3.0], "city": ["w", None]}))
    assert X.tolist() == [[2.0, 0.0, 0.0], [3.0, 0.0, 0.0]]
    texts = sorted(str(warning.message) for warning in caught)
    assert len(texts) == 3
    assert "0 for every category is taken" in texts[0]
    assert "row 0: 'w'; known: 'u', 'v'; 0 for every category is taken" in texts[0] + texts[1]
    assert "'size' is missing in row 0, as it never was in the rows learned from" in texts[2]
    assert "the median is taken" in texts[2]
    with warnings.catch_warnings():  # a cell that may be missing needs no warning
        warnings.simplefilter("error")
        known = encode(make({"size": [1.0, None, 9.0], "city": ["u", None, "u"]}), clean=True)
        again = known.transform(make({"size": [None], "city": [None]}))
    assert known.feature_names == ("size", "size missing", "city=u", "city missing")
    assert again.tolist() == [[5.0, 1.0, 0.0, 1.0]]


@pytest.mark.parametrize(
    ("y", "options", "expected", "names", "task"),
    [
        (["u", "v", "u"], {}, [0, 1, 0], ("u", "v"), "classification"),
        ([True, False, True], {}, [1, 0, 1], ("False", "True"), "classification"),
        ([7, 3, 7], {}, [1, 0, 1], ("3", "7"), "classification"),
        ([10, 2, 10, 2, 3, 3], {}, [2, 0, 2, 0, 1, 1], ("2", "3", "10"), "classification"),
        ([1, 2, 3], {}, [1.0, 2.0, 3.0], (), "regression"),
        ([0.5, 1.5, 0.5], {}, [0.5, 1.5, 0.5], (), "regression"),
        ([7, 3, 7], {"task": "regression"}, [7.0, 3.0, 7.0], (), "regression"),
        ([0.5, 1.5, 0.5], {"task": "classification"}, [0, 1, 0], ("0.5", "1.5"), "classification"),
        (["1", "2", "1"], {"categories": "y"}, [0, 1, 0], ("1", "2"), "classification"),
        (["1.5", "2", "4"], {"numbers": "y"}, [1.5, 2.0, 4.0], (), "regression"),
        (["007", "8", "8"], {"clean": True}, [0, 1, 1], ("007", "8"), "classification"),
        (["$1,200", "$3.5", "$7"], {"clean": True}, [1200.0, 3.5, 7.0], (), "regression"),
    ],
)
def test_targets(
    y: list[Any], options: dict[str, Any], expected: list[Any], names: tuple[str, ...], task: str
) -> None:
    columns = {"x": [0.5 * i for i in range(len(y))], "y": y}
    encoded = encoded_alike(columns, target="y", **options)
    assert encoded.y is not None
    assert encoded.y.tolist() == expected
    assert encoded.y.dtype == (np.int64 if names else np.float64)
    assert (encoded.target_names, encoded.task) == (names, task)
    assert encoded.feature_names == ("x",)
    kept = Encoding.from_dict(json.loads(json.dumps(encoded.encoding.to_dict())))
    assert kept == encoded.encoding
    for make in MAKERS:
        assert encoded.transform_target(make(columns)).tolist() == expected


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (["u", None, "v"], {}, "is the target and is missing in row 1; remove these rows"),
        ([1.5, None, 2.5], {}, "is the target and is missing in row 1"),
        ([True, None, False], {}, "is the target and is missing in row 1"),
        ([None, None, None], {}, "holds no value in any row, so it is no target"),
        ([None, None, None], {"clean": True}, "holds no value in any row, so it is no target"),
        (["1", "2", "1"], {}, "holds numbers as text (row 0: '1'); say what they are"),
        (["u", "u", "u"], {}, "holds 'u' in every row, so there is nothing to learn"),
        ([0.3, 0.1 + 0.2, 0.3], {"task": "regression"}, "one number but for rounding"),
        (["u", "v", "u"], {"task": "regression"}, "holds no numbers, which a regression needs"),
        ([date(2020, 1, 1), date(2020, 1, 2), date(2020, 1, 3)], {}, "holds dates, so it is no"),
        ([2**53 + 1, 1, 2], {}, "holds whole numbers that are no floats (row 0"),
        ([[1], [2], [3]], {}, "holds in row 0 list [1]"),
        (["$1", "€2", "$3"], {"clean": True}, "in different units, '$1' and '€2'"),
    ],
)
def test_targets_that_cannot_be_learned(
    y: list[Any], options: dict[str, Any], message: str
) -> None:
    said = refused_alike({"x": [1.5, 2.5, 4.0], "y": y}, target="y", **options)
    assert said.startswith("DataError: the frame: column 'y' ")
    assert message in said


def test_many_texts_are_no_classes_unless_it_is_said() -> None:
    columns: dict[str, list[Any]] = {
        "x": [i / 2 for i in range(21)],
        "y": [f"t{i}" for i in range(21)],
    }
    assert "holds 21 different texts in 21 rows, too many" in refused_alike(columns, target="y")
    assert len(encoded_alike(columns, target="y", task="classification").target_names) == 21
    twice = {name: cells * 2 for name, cells in columns.items()}
    assert len(encoded_alike(twice, target="y").target_names) == 21


def test_rows_without_a_target_are_left_out_when_cleaning() -> None:
    columns = {"x": [1.0, None, 3.0, 5.5], "c": ["u", "w", "v", "u"], "y": ["p", None, "q", "p"]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoded = encoded_alike(columns, target="y", clean=True)
    assert encoded.rows.tolist() == [0, 2, 3]
    assert encoded.feature_names == ("x", "c=u", "c=v")  # of the rows that are left
    assert encoded.X.tolist() == [[1.0, 1, 0], [3.0, 0, 1], [5.5, 1, 0]]
    assert encoded.notes[0] == "1 row without a 'y' left out: row 1"
    indexed = encode(pd.DataFrame(columns, index=list("abcd")), target="y", clean=True)
    assert indexed.notes[0] == "1 row without a 'y' left out: row 1 (index 'b')"


@pytest.mark.parametrize("make", MAKERS)
def test_targets_of_new_rows_have_to_fit(make: Make) -> None:
    encoded = encode(make({"x": [1, 2, 3], "y": ["u", "v", "u"]}), target="y")
    with pytest.raises(DataError, match=r"row 0: 'w', row 1: nothing, but one of 'u', 'v' is need"):
        encoded.transform_target(make({"y": ["w", None]}))
    with pytest.raises(UnknownNameError, match="unknown target column 'y'"):
        encoded.transform_target(make({"x": [1]}))
    numbers = encode(make({"x": [1, 2, 3], "y": [0.5, 1.5, 4.0]}), target="y")
    with pytest.raises(DataError, match="holds in row 0: 'u', but a number is needed"):
        numbers.transform_target(make({"y": ["u"]}))
    with pytest.raises(DataError, match="no target was learned"):
        encode(make({"x": [1, 2]})).transform_target(make({"y": ["u"]}))


def test_arguments_that_contradict_each_other() -> None:
    frame = of_polars({"x": [1, 2, 3], "y": ["u", "v", "u"]})
    with pytest.raises(InvalidArgumentError, match="'y' is the target, so it cannot be dropped"):
        encode(frame, target="y", drop=["y"])
    with pytest.raises(InvalidArgumentError, match="'x' is named in numbers= and in categories="):
        encode(frame, numbers="x", categories="x")
    with pytest.raises(UnknownNameError, match="unknown task 'class'"):
        encode(frame, target="y", task="class")
    with pytest.raises(InvalidArgumentError, match="clean"):
        encode(frame, clean=1)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no column besides the target 'y' to learn from"):
        encode(frame, target="y", drop="x")


def test_a_network_learns_from_a_frame_and_answers_for_a_frame(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    size, city = rng.normal(size=80), rng.choice(["Oslo", "Rome"], size=80)
    kind = np.where((size > 0) == (city == "Rome"), "warm", "cold")
    frame = of_pandas({"size": size, "city": city, "kind": kind})
    encoded = encode(frame, target="kind")
    model = MLP(encoded.n_features, [8, 1], output_activation="sigmoid", rng=0)
    assert encoded.y is not None
    fit(model, encoded.X, encoded.y, epochs=100, batch_size=8, learning_rate=0.1, log_every=None)
    path = save_weights(model, tmp_path / "w.npz", extra={"encoding": encoded.encoding.to_dict()})
    other = MLP(encoded.n_features, [8, 1], output_activation="sigmoid", rng=1)
    encoding = Encoding.from_dict(load_weights(other, path)["encoding"])
    answers = predict(other, encoding.transform(of_polars({"city": city, "size": size})))
    assert np.mean(encoding.transform_target(frame) == answers) > 0.95


def test_an_encoding_that_was_changed_is_refused() -> None:
    record = encoded_alike({"x": [1, 2], "c": ["u", "v"], "y": [0.5, 1.0]}, target="y").encoding
    for path, wrong, message in (
        (("kind",), "other", "encoding.kind is 'other'"),
        (("plans",), [], "a list of at least 1"),
        (("plans", 0, "kind"), "color", r"encoding.plans\[0\].kind is 'color'"),
        (("plans", 0, "kind"), "category", "column 'x' has the wrong categories"),
        (("plans", 1, "categories"), ["u", "u"], "two features would be called 'c=u'"),
        (("plans", 1, "column"), 3, r"encoding.plans\[1\].column is 3"),
        (("target", "unit"), "stone", "encoding.target.unit is 'stone'"),
        (("clean",), True, "the plan of column 'x' has no median"),
    ):
        text: Any = json.loads(json.dumps(record.to_dict()))
        place = text
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = wrong
        with pytest.raises(DataError, match=message):
            Encoding.from_dict(text)


def test_programs_without_frames_import_nothing_for_them(tmp_path: Path) -> None:
    asked = "import sys; from tinygrad_mlp import data; {}; print(*sys.modules)"
    loaded = run_python("-c", asked.format("dir(data)"), folder=tmp_path).split()
    assert not {"pandas", "polars", "tinygrad_mlp.data._encode"} & {*loaded}
    loaded = run_python("-c", asked.format("data.encode"), folder=tmp_path).split()
    assert "tinygrad_mlp.data._encode" in loaded
    assert not {"pandas", "polars"} & {*loaded}


@pytest.mark.parametrize("make", MAKERS)
def test_dates_may_be_categories(make: Make) -> None:
    days = [date(2020, 1, 1), date(2020, 1, 2), date(2020, 1, 1)]
    encoded = encode(make({"day": days, "y": days}), categories=["day", "y"], target="y")
    assert encoded.feature_names == ("day=2020-01-01", "day=2020-01-02")
    assert encoded.target_names == ("2020-01-01", "2020-01-02")
    assert encoded.X.tolist() == [[1, 0], [0, 1], [1, 0]]
    kept = Encoding.from_dict(json.loads(json.dumps(encoded.encoding.to_dict())))
    assert kept.transform(make({"day": days[1:]})).tolist() == [[0, 1], [1, 0]]
    assert kept.transform_target(make({"y": days})).tolist() == [0, 1, 0]
    with pytest.raises(DataError, match="no category that was learned from: row 0: '2020-01-03'"):
        kept.transform(make({"day": [date(2020, 1, 3)]}))


def test_minus_zero_is_the_category_zero() -> None:
    encoded = encoded_alike({"x": [0.0, -0.0, 1.0]}, categories="x")
    assert encoded.feature_names == ("x=0", "x=1")
    assert encoded.X.tolist() == [[1, 0], [1, 0], [0, 1]]


@pytest.mark.parametrize("index", [[pd.NA, 1], [None, "b"], [0, 2], [float("nan"), 0.0]])
def test_rows_have_any_index(index: list[Any]) -> None:
    frame = pd.DataFrame({"x": [1.5, None]}, index=pd.Index(index, dtype=object))
    with pytest.raises(DataError, match=re.escape(f"missing in row 1 (index {index[1]!r})")):
        encode(frame)
    with pytest.raises(DataError, match=r"missing in row 1; fill"):
        encode(frame.reset_index(drop=True))
