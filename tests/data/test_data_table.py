"""A person's CSV file: what is read and what is guessed."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_mlp.data import Table, read_table
from tinygrad_mlp.data._csv_file import read_csv_file
from tinygrad_mlp.data._labels import look_like_classes

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


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ('"Name",   "Sex"|"A",   "F"|"B",  "M"|', [["Name", "Sex"], ["A", "F"], ["B", "M"]]),
        ('x , "y" |1,"0"  |2 ,  0|', [["x", "y"], ["1", "0"], ["2", "0"]]),
        ('x,y|1, " a "|2," ""b"" "|', [["x", "y"], ["1", " a "], ["2", ' "b" ']]),
        ('x,y|1, "a, ""b"" , c" |2,d|', [["x", "y"], ["1", 'a, "b" , c'], ["2", "d"]]),
        ('x,y|1, "two\n lines "|2,b|', [["x", "y"], ["1", "two\n lines "], ["2", "b"]]),
        ('x,y| 5" pipe ,"b"|2,c "d" e|', [["x", "y"], ['5" pipe', "b"], ["2", 'c "d" e']]),
        ('x,y|1,"b"| , |"", ""|2,c|', [["x", "y"], ["1", "b"], ["2", "c"]]),
        ('x,y|1,"b"\u00a0|2,\u3000"c"|', [["x", "y"], ["1", "b"], ["2", "c"]]),
    ],
)
def test_white_space_around_quotes_is_none_of_the_cell(
    write: Write, text: str, cells: list[list[str]], delimiter: str
) -> None:
    def swapped(part: str) -> str:
        return part.replace(",", delimiter)

    file = read_csv_file(write(swapped(text).replace("|", "\r\n")))
    found = [file.header, *file.rows]
    assert found == [[swapped(cell) for cell in row] for row in cells]


@pytest.mark.parametrize(
    "text",
    [
        '"Name",   "Sex"\n"A",   "F"\n"B",  "M"\n',
        'x, "y"\n1,  " a "\n2, " ""b"" "\n',
        'x, "y, in cm"\n  "1",  "a, ""b"" , c"\n2,d\n',
        'x,y\n1, "two\n lines "\n2, 5" pipe\n',
    ],
)
def test_white_space_before_cells_is_read_as_by_the_csv_module(write: Write, text: str) -> None:
    file = read_csv_file(write(text))
    expected = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
    assert [file.header, *file.rows] == list(expected)


def test_tabs_before_quotes_are_white_space_between_commas(write: Write) -> None:
    file = read_csv_file(write('x,\t"y"\t\n1,\t"0"\n2, \t 0\n'))
    assert [file.header, *file.rows] == [["x", "y"], ["1", "0"], ["2", "0"]]


def test_quotes_make_no_other_class(write: Write) -> None:
    rows = "".join(f'{i}, "{i % 2}"\n' if i % 3 else f"{i}, {i % 2}\n" for i in range(40))
    table = read_table(write(f'x, "y"\n{rows}'), "y")
    assert table.target_names == ("0", "1")
    assert table.y.tolist() == [i % 2 for i in range(40)]


def test_a_class_is_its_text(write_target: WriteTarget) -> None:
    with pytest.warns(UserWarning, match=r"different classes: '007' and '7'; .* one way"):
        table = read_table(write_target(["007", "7", "1e1"] * 5), "y")
    assert table.target_names == ("007", "7", "1e1")
    assert table.y.tolist() == [0, 1, 2] * 5
    grades = read_table(write_target(["2.10", "2.20"]), "y", task="classification")
    assert grades.target_names == ("2.10", "2.20")
    with pytest.warns(UserWarning, match=r"'1' and '1\.0', '2' and '2\.0'"):
        read_table(write_target(["1", "1.0", "2", "2.0", "x"]), "y")
    with pytest.warns(UserWarning, match=r"' F' and 'F'"):
        read_table(write_target(["F", '" F"', "M"]), "y")


def test_whole_numbers_that_are_no_floats_are_told(write: Write) -> None:
    large = 2**53
    ids = "".join(f"{large + i},{i % 2}\n" for i in range(4))
    becomes = r"column 'id', row 3: 9007199254740993 becomes 9007199254740992"
    with pytest.warns(UserWarning, match=rf"{becomes}.* drop=\['id'\], or subtract") as caught:
        read_table(write(f"id,y\n{ids}"), "y")
    assert caught[0].filename == __file__
    times = "".join(f"{large + 1 + 1000 * i},{i}\n" for i in range(9))
    with pytest.warns(UserWarning, match="'t', row 2: 9007199254740993 becomes 9007199254740992"):
        assert read_table(write(f"t,y\n{times}"), "t").y[:2].tolist() == [large, large + 1000]
    exact = read_table(write(f"x,y\n{2**60},a\n1e23,b\n{large + 1}.5,c\n"), "y")
    assert exact.X.ravel().tolist() == [2.0**60, 1e23, large + 2]


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
        (["0.0", "1.0", "1.0"], "classification", ("0.0", "1.0")),
        (["2.0", "10.0", "1.0"] * 5, "classification", ("1.0", "2.0", "10.0")),
        ([2**53, 2**53 + 1], "classification", ("9007199254740992", "9007199254740993")),
        ([10, 2, 1] * 5, "classification", ("1", "2", "10")),
        ([-1, 1] * 3, "classification", ("-1", "1")),
        (list(range(20)) * 5, "classification", tuple(str(i) for i in range(20))),
        (["3", "2", "3+"], "classification", ("2", "3", "3+")),
        (["none", "mild", "severe"], "classification", ("mild", "none", "severe")),
        ([3, 7, 5] * 2, "classification", ("3", "5", "7")),  # each comes again
        ([1] + [2, 3] * 7, "classification", ("1", "2", "3")),  # five times on average
        ([1] + [2, 3] * 6, "regression", ()),
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
        assert texts == list(map(str, values))


@pytest.mark.parametrize(
    "sizes", [(2, 2, 2), (1, 7, 7), (1, 6, 6), (1, 1, 1), (2,) * 20, (2,) * 21]
)
def test_a_table_and_an_array_say_the_same_of_whole_numbers(
    write_target: WriteTarget, sizes: tuple[int, ...]
) -> None:
    numbers = np.repeat(np.arange(3, 3 + len(sizes)), sizes)
    table = read_table(write_target(numbers.tolist()), "y")
    assert (table.task == "classification") == look_like_classes(numbers)


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


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (
            'id;"name, first"\n1;"Doe, Jane"\n2;"Roe, Tim"\n',
            [["1", "Doe, Jane"], ["2", "Roe, Tim"]],
        ),
        ('n\t"a, b"\n1\t"c, d"\n', [["1", "c, d"]]),
        ('x;"l, w, h";y\n1;"1, 2, 3";2\n', [["1", "1, 2, 3", "2"]]),
        ('a,\t"b"\n1,\t"x, y"\n', [["1", "x, y"]]),
        ('a,b\n5" pipe,1\n6" pipe,2\n', [['5" pipe', "1"], ['6" pipe', "2"]]),
        ('"a;b","c;d"\n"1;2","say ""no"";"\n', [["1;2", 'say "no";']]),
    ],
)
def test_a_delimiter_within_quotes_divides_nothing(
    write: Callable[[str], Path], text: str, rows: list[list[str]]
) -> None:
    assert read_csv_file(write(text)).rows == rows
