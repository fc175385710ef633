"""A person's CSV file: what is read, what is guessed, and how a fault is named."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_mlp.data import Table, read_table
from tinygrad_mlp.errors import DataError, InvalidArgumentError, UnknownNameError

PLAIN = "height,weight,species\n1.5,2,cat\n2.5,-3e1,dog\n3.5,+4,cat\n"

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(text: str) -> Path:
        path = tmp_path / "table.csv"
        path.write_bytes(text.encode("utf-8"))
        return path

    return write_file


def column_file(write: Write, values: list[Any]) -> Path:
    """A file with one feature and these values in the column ``y``."""
    return write("x,y\n" + "".join(f"{i},{value}\n" for i, value in enumerate(values)))


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
    write: Write, values: list[Any], task: str, names: tuple[str, ...]
) -> None:
    table = read_table(column_file(write, values), "y")
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


def test_the_task_can_be_demanded(write: Write) -> None:
    path = column_file(write, [0, 1, 1])
    regression = read_table(path, "y", task="regression")
    assert regression.y.tolist() == [0.0, 1.0, 1.0]
    assert regression.target_names == ()
    assert repr(regression) == "Table(table.csv: 3 samples, 1 feature, regression of 'y')"
    many = read_table(column_file(write, [0.5, 10, 2]), "y", task="classification")
    assert many.target_names == ("0.5", "2", "10")
    assert many.y.tolist() == [0, 2, 1]
    names = read_table(
        column_file(write, [f"n{i:02}" for i in range(30)]), "y", task="classification"
    )
    assert names.y.tolist() == list(range(30))


def refusal(path: Path, target: str = "y", **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        read_table(path, target, **options)
    message = str(caught.value)
    assert path.name in message
    return message


def test_missing_and_non_numeric_cells_are_named_by_row_and_column(write: Write) -> None:
    path = write("age,income,y\n41,,a\n\n?,12,b\n30,1e999,a\n31,12,b\n")
    message = refusal(path)
    assert "3 cells are missing or not a number" in message
    assert "row 2, column 'income': empty" in message
    assert "row 4, column 'age': '?'" in message  # row 3 is blank and counts, as in a spreadsheet
    assert "row 5, column 'income': '1e999'" in message
    assert "drop=['age', 'income']" in message


def test_of_many_bad_cells_the_first_few_and_the_number_are_named(write: Write) -> None:
    rows = "".join(f"{'' if i % 2 else i},{i % 3}\n" for i in range(40))
    message = refusal(write("x,y\n" + rows))
    assert "20 cells are missing" in message
    assert message.count("column 'x'") == 5
    assert "row 3, column 'x': empty, row 5" in message
    assert "... (20 in all)" in message


@pytest.mark.parametrize("cell", ["nan", "inf", "-inf", "NA", "1_000", "0x10", "1 2", "12%"])
def test_what_python_or_people_may_take_for_a_number_is_none(write: Write, cell: str) -> None:
    message = refusal(write(f"x,y\n1,a\n{cell},b\n"))
    assert f"1 cell is missing or not a number: row 3, column 'x': '{cell}'" in message


def test_columns_of_text_are_named_with_their_first_cell(write: Write) -> None:
    message = refusal(write("city,size,mood,y\n,1,,a\nRome,2,,b\nParis,3,good,a\n"))
    assert "'city' (row 3: 'Rome'), 'mood' (row 4: 'good')" in message
    assert "drop=['city', 'mood']" in message
    assert "columns of 0 and 1" in message


def test_a_long_cell_is_shortened(write: Write) -> None:
    message = refusal(write(f"x,y\n1,a\n{'z' * 500},b\n"))
    assert "z" * 37 + "..." in message
    assert "z" * 41 not in message


@pytest.mark.parametrize("text", ["x;y\n5,1;a\n6,2;b\n", 'x,y\n"1,200",a\n7,b\n'])
def test_a_comma_in_a_number_is_explained(write: Write, text: str) -> None:
    message = refusal(write(text))
    assert "row 2, column 'x'" in message
    assert "write 5.1, not 5,1, and 1200, not 1,200" in message


def test_a_target_of_numbers_with_gaps_is_not_taken_as_classes(write: Write) -> None:
    message = refusal(column_file(write, [1.5, "", 2.5, "n/a", 3.5]))
    assert "2 cells are missing or not a number" in message
    assert "row 3, column 'y': empty, row 5, column 'y': 'n/a'" in message
    assert "task='classification'" in message
    message = refusal(column_file(write, [*range(30), "about 12"]))
    assert "row 32, column 'y': 'about 12'" in message


def test_text_is_no_target_of_a_regression(write: Write) -> None:
    message = refusal(column_file(write, ["a", "b"]), task="regression")
    assert "row 2, column 'y': 'a'" in message
    assert "task='classification'" in message


@pytest.mark.parametrize("task", ["auto", "classification"])
def test_missing_classes_are_named_by_row(write: Write, task: str) -> None:
    message = refusal(column_file(write, ["a", "", "b", "NA"]), task=task)
    assert "column 'y' names no class in 2 rows: row 3, row 5" in message


def test_texts_that_differ_from_row_to_row_are_no_classes(write: Write) -> None:
    message = refusal(column_file(write, [f"name {i}" for i in range(30)]))
    assert "30 different texts in 30 rows, too many to be classes" in message


@pytest.mark.parametrize("values", [["a", "a"], [1, 1, 1], ["1", "1.0"], [0.5]])
@pytest.mark.parametrize("task", ["auto", "classification", "regression"])
def test_a_target_that_never_changes_is_refused(write: Write, values: list[Any], task: str) -> None:
    message = refusal(column_file(write, values), task=task)
    assert f"'y' holds '{values[0]}' in every row, so there is nothing to learn" in message


def test_an_unknown_column_lists_the_known_ones(write: Write) -> None:
    path = write(PLAIN)
    with pytest.raises(
        UnknownNameError,
        match=r"unknown target column 'Specis' in .*table.csv; its columns: height, weight, species; "
        "did you mean 'species'",
    ):
        read_table(path, "Specis")
    with pytest.raises(UnknownNameError, match="unknown dropped column 'colour'") as caught:
        read_table(path, "species", drop=["colour"])
    assert "did you mean" not in str(caught.value)


def test_an_unknown_task_lists_the_known_ones(write: Write) -> None:
    with pytest.raises(UnknownNameError, match="unknown task 'class'; known: auto, class"):
        read_table(write(PLAIN), "species", task="class")


def test_the_target_cannot_be_dropped(write: Write) -> None:
    with pytest.raises(InvalidArgumentError, match="'species' is the target"):
        read_table(write(PLAIN), "species", drop="species")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; a header row"),
        ("\n  \n", "is empty; a header row"),
        ("x,y\n", "has a header but no rows"),
        ("y\n1\n2\n", "no column besides the target 'y'"),
        ("1,2\n3,4\n", r"row 1 holds numbers \(1, 2\), but the first row must name the columns"),
        ("x,x,z,y,z\n1,2,3,4,5\n", "names 'x', 'z' more than once"),
        (",x,y\n0,1,a\n", "names no column at position 1 "),
        ("x,,y,\n1,2,a,5\n", "names no column at position 2, 4 "),
        (
            "x,y\n1,a\n2\n3,b,c\n",
            "header has 2 columns but row 3 has 1 cell, row 4 has 3 cells; .* one cell per column",
        ),
        ('x,y\n1,"a\n2,b\n', "line 3 cannot be read .*quotes"),
        ('x,y\n1,"a"b\n', "line 2 cannot be read .*quotes"),
        ("x,y\n1,\x002\n", "zero bytes"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(write: Write, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(write(text), "y")


def test_other_encodings_are_named_by_row(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes("x,y\n1,a\n2,é\n".encode("latin-1"))
    with pytest.raises(DataError, match="not in UTF-8: row 3 holds the byte 0xe9.*CSV UTF-8"):
        read_table(path, "y")
    path.write_bytes(PLAIN.encode("utf-16"))
    with pytest.raises(DataError, match="zero bytes.*CSV UTF-8"):
        read_table(path, "species")


def test_a_missing_file_is_a_file_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv"):
        read_table(tmp_path / "nowhere.csv", "y")
