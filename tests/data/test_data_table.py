"""A person's CSV file: what is read and what is guessed."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_mlp.data import Table, read_table

PLAIN = "height,weight,species\n1.5,2,cat\n2.5,-3e1,dog\n3.5,+4,cat\n"

Write = Callable[[str], Path]
WriteTarget = Callable[[Iterable[object]], Path]


def assert_is_the_plain_table(table: Table) -> None:
    assert table.X.dtype == np.float64
    assert table.X.tolist() == [[1.5, 2.0], [2.5, -30.0], [3.5, 4.0]]
    assert table.y.dtype == np.int64
    assert table.y.tolist() == [0, 1, 0]
    assert table.feature_names == ("height", "weight")
    assert table.target == "species"
    assert table.target_names == ("cat", "dog")
    assert table.task == "classification"


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.rstrip("\n"),
        "\ufeff" + PLAIN,
        PLAIN + "\n\n  \n,,\n",
        "\n" + PLAIN.replace("\n", "\n\n"),
        PLAIN.replace(",", " , "),
        PLAIN.replace("\n", ",\n"),
        '"height","weight","species"\n"1.5","2","cat"\n"2.5","-3e1","dog"\n"3.5","+4","cat"\n',
    ],
    ids=[
        "comma",
        "semicolon",
        "tab",
        "windows line ends",
        "old mac line ends",
        "no last line end",
        "byte order mark",
        "blank rows at the end",
        "blank rows between",
        "spaces around cells",
        "a delimiter at the end of each row",
        "quoted",
    ],
)
def test_one_table_in_many_notations(write: Write, text: str) -> None:
    assert_is_the_plain_table(read_table(write(text), "species"))


def test_the_path_may_be_text_and_the_target_any_column(write: Write) -> None:
    table = read_table(str(write("label,a,b\nx,1,2\ny,3,4\n")), target="label")
    assert table.X.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert table.feature_names == ("a", "b")
    assert table.path.name == "table.csv"
    assert repr(table) == (
        "Table(table.csv: 2 samples, 2 features, classification of 2 classes of 'label')"
    )


def test_the_delimiter_is_found_though_names_and_cells_hold_the_others(write: Write) -> None:
    text = '"x, in cm";"y, in cm";kind\n1;2;"a, or b"\n3;4;"c, or d"\n'
    table = read_table(write(text), "kind")
    assert table.feature_names == ("x, in cm", "y, in cm")
    assert table.target_names == ("a, or b", "c, or d")
    unquoted = read_table(write("x, cm;y, cm;kind\n1;2;a\n3;4;b\n"), "kind")
    assert unquoted.feature_names == ("x, cm", "y, cm")


def test_quoted_cells_may_hold_delimiters_quotes_and_line_ends(write: Write) -> None:
    table = read_table(write('x,kind\n1,"a ""b"", c"\n2,"two\nlines"\n'), "kind")
    assert table.target_names == ('a "b", c', "two\nlines")


def test_dropped_columns_may_hold_anything(write: Write) -> None:
    path = write("id,name,x,y\n1,Ann,0.5,a\n2,,0.25,b\n")
    table = read_table(path, "y", drop=["id", "name"])
    assert table.feature_names == ("x",)
    assert read_table(path, "y", drop="name").feature_names == ("id", "x")


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.floats(allow_nan=False, allow_infinity=False),
            st.integers(-(10**6), 10**6),
            st.sampled_from(["a", "b,c", 'd"e', "f;g", "h\ti"]),
        ),
        min_size=2,
        max_size=30,
    ).filter(lambda rows: len({row[2] for row in rows}) > 1),
    delimiter=st.sampled_from([",", ";", "\t"]),
)
def test_what_the_csv_module_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, int, str]], delimiter: str
) -> None:
    path = tmp_path_factory.mktemp("csv") / "table.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([("u", "v", "w"), *rows])
    table = read_table(path, "w")
    np.testing.assert_array_equal(table.X, [row[:2] for row in rows])
    assert [table.target_names[label] for label in table.y] == [row[2] for row in rows]


@pytest.mark.parametrize(
    ("values", "task", "names"),
    [
        (["a", "b", "a"], "classification", ("a", "b")),
        (["yes", "no"], "classification", ("no", "yes")),
        ([0, 1, 1], "classification", ("0", "1")),
        (["0.0", "1.0", "1"], "classification", ("0", "1")),
        ([10, 2, 1] * 5, "classification", ("1", "2", "10")),
        ([-1, 1] * 3, "classification", ("-1", "1")),
        (list(range(20)) * 5, "classification", tuple(str(i) for i in range(20))),
        (["3", "2", "3+"], "classification", ("2", "3", "3+")),
        (["none", "mild", "severe"], "classification", ("mild", "none", "severe")),
        ([0, 1, 2], "regression", ()),  # too few of each to be classes
        (list(range(21)) * 5, "regression", ()),  # too many to be classes
        ([0.5, 1.5], "regression", ()),
        ([1, 2, 2.5] * 10, "regression", ()),
    ],
)
def test_the_target_decides_the_task(
    write_target: WriteTarget, values: list[Any], task: str, names: tuple[str, ...]
) -> None:
    table = read_table(write_target(values), "y")
    assert table.task == task
    assert table.target_names == names
    if task == "regression":
        assert table.y.dtype == np.float64
        assert table.y.tolist() == values
    else:
        assert table.y.dtype == np.int64
        texts = [table.target_names[label] for label in table.y]
        assert [text.removesuffix(".0") for text in texts] == [
            str(value).removesuffix(".0") for value in values
        ]


def test_the_task_can_be_demanded(write_target: WriteTarget) -> None:
    path = write_target([0, 1, 1])
    regression = read_table(path, "y", task="regression")
    assert regression.y.tolist() == [0.0, 1.0, 1.0]
    assert regression.target_names == ()
    assert repr(regression) == "Table(table.csv: 3 samples, 1 feature, regression of 'y')"
    many = read_table(write_target([0.5, 10, 2]), "y", task="classification")
    assert many.target_names == ("0.5", "2", "10")
    assert many.y.tolist() == [0, 2, 1]
    names = read_table(write_target([f"n{i:02}" for i in range(30)]), "y", task="classification")
    assert names.y.tolist() == list(range(30))
