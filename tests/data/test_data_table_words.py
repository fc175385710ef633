"""A person's CSV file: every line between one answer and another, and the answers word for word."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tinygrad_mlp.data import read_table
from tinygrad_mlp.data._columns import class_of
from tinygrad_mlp.data._csv_file import (
    cells_of,
    exact_number,
    parse_number,
    quoted_cell,
    read_csv_file,
)
from tinygrad_mlp.errors import DataError, InvalidArgumentError, UnknownNameError

Write = Callable[[str], Path]
WriteTarget = Callable[[Iterable[object]], Path]

CELLS = "table.csv: {} missing or not a number: "
FILL = "fill the cells in or remove their rows"
COMMA = "write 5.1, not 5,1, and 1200, not 1,200; "
FIRST_ROW = "but the first row must name the columns; add a header row such as: "
PANDAS = "name it or remove the column (pandas writes none with to_csv(path, index=False))"
QUOTES = 'check its quotes: a quote within a quoted cell is written twice, "5"" pipe"'
ONE_CELL = (
    'give every row one cell per column, and put quotes around cells that hold the delimiter: "1,5"'
)
OR_COLUMNS = "or replace each by columns of 0 and 1, one per value"
OWN_NAME = "more than once; give every column a name of its own"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "table.csv is empty; a header row with the names of the columns is needed"),
        ("x,y\n", "table.csv has a header but no rows; at least one row of data is needed"),
        (
            "x,y\n1,a\n,b\n,a\n",
            f"{CELLS.format('2 cells are')}row 3, column 'x': empty, row 4, column 'x': empty; "
            f"{FILL}, or leave columns out, drop=['x']",
        ),
        (
            "x,z,y\n1,-,a\n?,4,b\n",
            f"{CELLS.format('2 cells are')}row 2, column 'z': '-', row 3, column 'x': '?'; "
            f"{FILL}, or leave columns out, drop=['x', 'z']",
        ),
        (
            'x,z,y\n1,,a\n"3,5",4,b\n',
            f"{CELLS.format('2 cells are')}row 2, column 'z': empty, row 3, column 'x': '3,5'; "
            f"{COMMA}{FILL}, or leave columns out, drop=['x', 'z']",
        ),
        (
            'x,y\n"1,200",a\n3,b\n',
            f"{CELLS.format('1 cell is')}row 2, column 'x': '1,200'; "
            f"{COMMA}{FILL}, or leave columns out, drop=['x']",
        ),
        (
            "x,y\n1_000,a\n3,b\n",
            f"{CELLS.format('1 cell is')}row 2, column 'x': '1_000'; "
            f"{FILL}, or leave columns out, drop=['x']",
        ),
        (
            "x,y\n" + "?,a\n" * 5 + "1,b\n",
            CELLS.format("5 cells are")
            + ", ".join(f"row {row}, column 'x': '?'" for row in range(2, 7))
            + f"; {FILL}, or leave columns out, drop=['x']",
        ),
        (
            "x,y\n" + "?,a\n" * 6 + "1,b\n",
            CELLS.format("6 cells are")
            + ", ".join(f"row {row}, column 'x': '?'" for row in range(2, 7))
            + f", ... (6 in all); {FILL}, or leave columns out, drop=['x']",
        ),
        (
            f"x,y\n{'z' * 40},a\n1,b\n",
            f"{CELLS.format('1 cell is')}row 2, column 'x': '{'z' * 40}'; "
            f"{FILL}, or leave columns out, drop=['x']",
        ),
        (
            f"x,y\n{'z' * 41},a\n1,b\n",
            f"{CELLS.format('1 cell is')}row 2, column 'x': '{'z' * 20}…{'z' * 19}'; "
            f"{FILL}, or leave columns out, drop=['x']",
        ),
        (
            "city,x,mood,y\n,1,,a\nRome,2, ,b\n\nParis,3,good,a\n",
            "table.csv: features must be numbers, but these columns hold text: 'city' (row 3: "
            "'Rome'), 'mood' (row 5: 'good'); leave them out, drop=['city', 'mood'], " + OR_COLUMNS,
        ),
        ("1,2\n3,4\n", f"table.csv: row 1 holds numbers (1, 2), {FIRST_ROW}height,weight,species"),
        (
            "\n1,2\n3,4\n",
            f"table.csv: row 2 holds numbers (1, 2), {FIRST_ROW}height,weight,species",
        ),
        (
            "x,,y, ,\n1,2,a,5,6\n1,2,b,5,6\n",
            f"table.csv: the header names no column at position 2, 4, 5 (from 1); {PANDAS}",
        ),
        (
            "x,y,\n1,a,\n2,b,c\n3,a,\n",
            f"table.csv: the header names no column at position 3 (from 1); {PANDAS}",
        ),
        ("z,x,x,y,z\n1,2,3,a,5\n1,2,3,b,5\n", f"table.csv: the header names 'x', 'z' {OWN_NAME}"),
        (
            "x,y\n1,a\n2\n3,b,c\n",
            "table.csv: the header has 2 columns but row 3 has 1 cell, row 4 has 3 cells; "
            + ONE_CELL,
        ),
        (
            'x,y\n1,a\n"2,b\n3,a\n',
            "table.csv: line 3 cannot be read (a quote that begins there is never closed); "
            + QUOTES,
        ),
        (
            'x,y\n"1","a\nb"\n2,"a"b\n',
            "table.csv: line 4 cannot be read (',' expected after '\"'); " + QUOTES,
        ),
        (
            'x,y\n1,"a"b',
            "table.csv: line 2 cannot be read (',' expected after '\"'); " + QUOTES,
        ),
        (
            "x,y\n1,a\n2,b\x00\n",
            "table.csv is not a text file in UTF-8 (it holds zero bytes); from a spreadsheet save "
            "it as 'CSV UTF-8'",
        ),
        (
            "y\na\nb\n",
            "table.csv has no column besides the target 'y' to learn from; add a column of numbers "
            "(the columns are separated by commas, semicolons or tabs)",
        ),
    ],
)
def test_what_is_said_of_a_file(
    write: Write, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.chdir(write(text).parent)
    with pytest.raises(DataError) as caught:
        read_table("table.csv", "y")
    assert str(caught.value) == message


SPELLING = "in every row but for spelling or rounding"
LEARN = "so there is nothing to learn; choose another target or add rows"
IF_CLASSES = ", or pass task='classification' if these texts are classes"


@pytest.mark.parametrize(
    ("values", "task", "message"),
    [
        (["a", "a"], "auto", f"table.csv: the target column 'y' holds 'a' in every row, {LEARN}"),
        (
            ["2.0", "2", "2.00", "2", "2"],
            "auto",
            f"table.csv: the target column 'y' holds '2.0' {SPELLING} (2, 2.0, 2.00), "
            f"{LEARN}{IF_CLASSES}",
        ),
        (
            ["0.3", repr(0.1 + 0.2)],
            "regression",
            f"table.csv: the target column 'y' holds '0.3' {SPELLING} (0.3, 0.30000000000000004), "
            f"{LEARN}{IF_CLASSES}",
        ),
        (
            ["a", "", "b"],
            "auto",
            "table.csv: the target column 'y' names no class in 1 row: row 3; fill in or remove "
            "these rows",
        ),
        (
            ["a", "NA", "b", " ? "],
            "classification",
            "table.csv: the target column 'y' names no class in 2 rows: row 3, row 5; fill in or "
            "remove these rows",
        ),
        (
            [1.5, "", 2.5, "n/a"],
            "auto",
            f"{CELLS.format('2 cells are')}row 3, column 'y': empty, row 5, column 'y': 'n/a'; "
            f"{FILL}; if they are classes, task='classification'",
        ),
        (
            [1, 2, "a", 1],
            "regression",
            f"{CELLS.format('1 cell is')}row 4, column 'y': 'a'; "
            f"{FILL}; if they are classes, task='classification'",
        ),
        (
            [*range(20), "a"],
            "auto",
            f"{CELLS.format('1 cell is')}row 22, column 'y': 'a'; "
            f"{FILL}; if they are classes, task='classification'",
        ),
        (
            [f"n{i % 21}" for i in range(41)],
            "auto",
            "table.csv: the target column 'y' holds 21 different texts in 41 rows, too many to be "
            "classes; choose another target, or pass task='classification' if they are",
        ),
    ],
)
def test_what_is_said_of_a_target(
    write_target: WriteTarget,
    monkeypatch: pytest.MonkeyPatch,
    values: list[Any],
    task: str,
    message: str,
) -> None:
    monkeypatch.chdir(write_target(values).parent)
    with pytest.raises(DataError) as caught:
        read_table("table.csv", "y", task=task)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("values", "n_classes"),
    [
        ([f"n{i}" for i in range(20)], 20),  # each text once, but not too many
        ([f"n{i % 21}" for i in range(42)], 21),  # many, but each twice
        ([*range(19), "a"], 20),  # as many as may be classes, and one is no number
        ([1, 2, "a"], 3),
        ([3, 1, 2] * 5, 3),
        ([3, 1, 2] * 4 + [1, 2], 3),
        ([1.5, 2.5], 0),
        (list(range(21)) * 5, 0),
        ([0, 1], 2),
        ([1, 1, 2**60 + 1], 2),
    ],
)
def test_where_numbers_and_texts_become_classes(
    write_target: WriteTarget, values: list[Any], n_classes: int
) -> None:
    table = read_table(write_target(values), "y")
    assert len(table.target_names) == n_classes
    assert table.task == ("classification" if n_classes else "regression")
    assert len(set(table.y.tolist())) == (n_classes or len(set(values)))


@pytest.mark.parametrize("values", [[str(2**53 + 1), "a", str(2**53), "b"], ["10", "9", "1e1"]])
def test_the_same_classes_come_in_the_same_order(
    write_target: WriteTarget, values: list[str]
) -> None:
    numeric = "a" not in values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = read_table(write_target(values), "y", task="classification")
    assert table.target_names == (("9", "10", "1e1") if numeric else tuple(sorted(values)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "x,y\n1,7\n2,007\n3,8\n4,8.0\n",
            "table.csv: the target column 'y' spells one value in several ways, which are taken as "
            "different classes: '007' and '7', '8' and '8.0'; if they are one class, write it in "
            "one way; if the column is a number, pass task='regression'",
        ),
        (
            f"x,y\n1,a\n{2**53 + 1},b\n{2**53 + 2},b\n{2**53 + 3},a\n",
            "table.csv: above 2^53 not every whole number is a float; in column 'x', row 3: "
            "9007199254740993 becomes 9007199254740992, row 5: 9007199254740995 becomes "
            "9007199254740996; leave the column out if it names things, drop=['x'], or subtract "
            "an offset from all numbers in it",
        ),
        (
            f"x,y\n1,{2**53 + 1}\n2,1\n3,2\n",
            "table.csv: above 2^53 not every whole number is a float; in column 'y', row 2: "
            "9007199254740993 becomes 9007199254740992; subtract an offset from all numbers in it",
        ),
    ],
)
def test_what_a_warning_says(
    write: Write, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.chdir(write(text).parent)
    task = "classification" if ",007" in text else "auto"
    with pytest.warns(UserWarning, match="table.csv: ") as caught:
        read_table("table.csv", "y", task=task)
    assert [str(warning.message) for warning in caught] == [message]


@pytest.mark.parametrize(
    ("text", "name", "options", "message"),
    [
        (
            'height,"weight, kg",kind\n1,2,a\n',
            "HEIGHT",
            {},
            "unknown target column 'HEIGHT' in table.csv; its columns: height, \"weight, kg\", "
            "kind; did you mean 'height'?",
        ),
        (
            "height,weight,Kind\n1,2,a\n",
            "kinds",
            {},
            "unknown target column 'kinds' in table.csv; its columns: height, weight, Kind; did "
            "you mean 'Kind'?",
        ),
        (
            "x,y\n1,a\n",
            "y",
            {"drop": "color"},
            "unknown dropped column 'color' in table.csv; its columns: x, y",
        ),
        (
            "x|y\n1|a\n",
            "x|z",
            {},
            "unknown target column 'x|z' in table.csv; its columns: x|y; is it one column only? "
            "Separate the columns by commas, semicolons or tabs",
        ),
    ],
)
def test_what_is_said_of_an_unknown_column(
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    name: str,
    options: dict[str, str],
    message: str,
) -> None:
    monkeypatch.chdir(write(text).parent)
    with pytest.raises(UnknownNameError) as caught:
        read_table("table.csv", name, **options)
    assert str(caught.value) == message


def test_a_target_that_is_dropped_too_is_told(write: Write) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        read_table(write("x,z,y\n1,2,a\n"), "y", drop=["x", "y"])
    assert str(caught.value) == (
        "'y' is the target, so it cannot be dropped; leave it out of drop=['x', 'y']"
    )


@pytest.mark.parametrize(
    ("text", "header", "rows"),
    [
        # Which delimiter: the one under which more rows have the cells of the header ...
        ("a;b,c\n;1,2,3\n;4,5,6\n", ["a", "b,c"], [["", "1,2,3"], ["", "4,5,6"]]),
        ("a,b;c;d\n,1\n,2\n", ["a", "b;c;d"], [["", "1"], ["", "2"]]),
        # ... then the one with more cells, then the comma.
        ("a,b;c;d\n1,2;3;4\n", ["a,b", "c", "d"], [["1,2", "3", "4"]]),
        ("a,b;c\n1,2;3\n", ["a", "b;c"], [["1", "2;3"]]),
        ("a;b\tc\n1;2\t3\n", ["a", "b\tc"], [["1", "2\t3"]]),
        ("a\n1\n2\n", ["a"], [["1"], ["2"]]),
        ("\n \n;;\na;b\n1;2\n", ["a", "b"], [["1", "2"]]),
        ("a;b\r1;2\r3;4\r", ["a", "b"], [["1", "2"], ["3", "4"]]),
        ("a\tb\n\n1,5\t2\n", ["a", "b"], [["1,5", "2"]]),
        # A last column without a name and content is left behind by a delimiter.
        ("a,b,\n1,2,\n3,4\n5,6, \n", ["a", "b"], [["1", "2"], ["3", "4"], ["5", "6"]]),
        # Names may be numbers, if not all of them are.
        ("2020,kind\n1,a\n", ["2020", "kind"], [["1", "a"]]),
        ("kind,2020\na,1\n", ["kind", "2020"], [["a", "1"]]),
    ],
)
def test_how_a_file_is_taken_apart(
    write: Write, text: str, header: list[str], rows: list[list[str]]
) -> None:
    file = read_csv_file(write(text))
    assert file.header == header
    assert file.rows == rows


def test_the_rows_at_the_start_decide_on_the_delimiter(write: Write) -> None:
    start, rest = "1;2;3,4\n" * 25, "1;2,3,4\n" * 100
    with pytest.raises(DataError, match=r"has 2 columns but row 27 has 3 cells, .*\(100 in all\)"):
        read_csv_file(write(f"a;b,c\n{start}{rest}"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a;b\n1;2\n3\n4\n", "has 2 columns but row 3 has 1 cell, row 4 has 1 cell"),
        (
            "a;b,c\n1;2,3,4\n5;6,7,8\n1;2;3;4;5,6,7\n",
            "has 2 columns but row 4 has 5 cells;",
        ),
        ("a,b;c;d\n1,2;3;4\n1,2,3,4\n", "has 3 columns but row 3 has 1 cell;"),
        ('"a,b\n1,2\n', r"line 1 cannot be read \(a quote that begins there is never closed\)"),
        ('a,"b"c\n1,2\n', r"line 1 cannot be read \(',' expected after '\"'\)"),
    ],
)
def test_a_file_is_taken_apart_as_its_header_says(write: Write, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_csv_file(write(text))


def test_a_comma_in_a_text_makes_no_number_of_it(write: Write) -> None:
    text = 'x,y\n"red, dark",a\n"blue, light",b\n'
    with pytest.raises(DataError, match=r"columns hold text: 'x' \(row 2: 'red, dark'\)"):
        read_table(write(text), "y")


def test_rows_have_the_numbers_of_a_spreadsheet(write: Write) -> None:
    file = read_csv_file(write('\nx,y\n\n1,a\n"2","two\nlines"\n,\n3,c\n'))
    assert file.row_numbers == [4, 5, 7]
    assert file.rows == [["1", "a"], ["2", "two\nlines"], ["3", "c"]]


@pytest.mark.parametrize(
    ("cell", "number", "exactly"),
    [
        ("2.50", 2.5, 2.5),
        (" 7 ", 7.0, 7.0),
        ("-1e3", -1000.0, -1000.0),
        ("1e308", 1e308, 1e308),
        ("1e309", None, None),
        ("-1e309", None, None),
        ("nan", None, None),
        ("inf", None, None),
        ("1_0", None, None),
        ("", None, None),
        ("9007199254740991", 2.0**53 - 1, 2**53 - 1),
        ("9007199254740993", 2.0**53, 2**53 + 1),
        ("-009007199254740993", -(2.0**53), -(2**53) - 1),
        ("+9007199254740993", 2.0**53, 2**53 + 1),
        (" 9007199254740993 ", 2.0**53, 2**53 + 1),
        ("9007199254740993.0", 2.0**53, 2.0**53),
        ("90071992547409930e-1", 2.0**53, 2.0**53),
    ],
)
def test_which_number_a_cell_holds(
    cell: str, number: float | None, exactly: int | float | None
) -> None:
    assert parse_number(cell) == number
    assert exact_number(cell) == exactly
    assert isinstance(exact_number(cell), int) is (
        "993" in cell and "." not in cell and "e" not in cell
    )


@pytest.mark.parametrize(
    ("cell", "classes", "found"),
    [
        ("red", ["red", "blue"], "red"),
        (" red ", ["red", "blue"], "red"),
        ("Red", ["red", "blue"], None),
        ("2.1", ["2.10", "2.20"], "2.10"),
        ("7", ["7", "007"], "7"),
        ("7.0", ["7", "007"], None),  # of two that are the same number, none is meant
        ("7", ["red", "7.00"], "7.00"),
        ("9007199254740993", ["9007199254740992", "9007199254740994"], None),
    ],
)
def test_which_class_a_cell_stands_for(cell: str, classes: list[str], found: str | None) -> None:
    assert class_of(cell, classes) == found


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("a", "a"),
        ("a b", "a b"),
        ("", '""'),
        (" a", '" a"'),
        ("a ", '"a "'),
        ("a,b", '"a,b"'),
        ('5" pipe', '"5"" pipe"'),
        ("a\nb", '"a\nb"'),
        ("a\rb", '"a\rb"'),
    ],
)
def test_a_name_in_a_row_is_read_back(name: str, quoted: str) -> None:
    assert quoted_cell(name) == quoted
    assert cells_of(f"x, {quoted} ,y") == ["x", name, "y"]


def test_a_row_that_is_badly_quoted_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        cells_of('a,"b')
    assert str(caught.value) == (
        "'a,\"b' is no list with commas (unexpected end of data); a name that holds a comma or a "
        'quote stands in quotes, with its own quotes doubled: "a, in cm",b'
    )
    assert cells_of("") == []
    for several_lines in ("a\nb", "a\rb", "a,b\r\nc"):
        with pytest.raises(DataError, match="is no list with commas"):
            cells_of(several_lines)
