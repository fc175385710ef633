"""A CSV file that cannot be learned from: each fault is named with its place and a remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tinygrad_mlp.data import read_table
from tinygrad_mlp.errors import DataError, InvalidArgumentError, UnknownNameError

PLAIN = "height,weight,species\n1.5,2,cat\n2.5,-3e1,dog\n3.5,+4,cat\n"

Write = Callable[[str], Path]
WriteTarget = Callable[[Iterable[object]], Path]


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


def test_a_quote_that_is_never_closed_is_found_where_it_was_opened(write: Write) -> None:
    message = refusal(write('x,y\n1,a\n2,b\n"3,a\n' + "4,b\n" * 60))
    assert "line 4 cannot be read (a quote that begins there is never closed)" in message


@pytest.mark.parametrize("delimiter", ["|", " ", ":"])
def test_another_delimiter_is_suspected(write: Write, delimiter: str) -> None:
    path = write("x,y\n1,a\n2,b\n".replace(",", delimiter))
    with pytest.raises(UnknownNameError, match=r"one column only.*commas, semicolons or tabs"):
        read_table(path, "y")


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
    assert "z" * 20 + "…" + "z" * 19 in message
    assert "z" * 41 not in message


@pytest.mark.parametrize("text", ["x;y\n5,1;a\n6,2;b\n", 'x,y\n"1,200",a\n7,b\n'])
def test_a_comma_in_a_number_is_explained(write: Write, text: str) -> None:
    message = refusal(write(text))
    assert "row 2, column 'x'" in message
    assert "write 5.1, not 5,1, and 1200, not 1,200" in message


def test_a_target_of_numbers_with_gaps_is_not_taken_as_classes(write_target: WriteTarget) -> None:
    message = refusal(write_target([1.5, "", 2.5, "n/a", 3.5]))
    assert "2 cells are missing or not a number" in message
    assert "row 3, column 'y': empty, row 5, column 'y': 'n/a'" in message
    assert "task='classification'" in message
    message = refusal(write_target([*range(30), "about 12"]))
    assert "row 32, column 'y': 'about 12'" in message


def test_text_is_no_target_of_a_regression(write_target: WriteTarget) -> None:
    message = refusal(write_target(["a", "b"]), task="regression")
    assert "row 2, column 'y': 'a'" in message
    assert "task='classification'" in message


@pytest.mark.parametrize("task", ["auto", "classification"])
def test_missing_classes_are_named_by_row(write_target: WriteTarget, task: str) -> None:
    message = refusal(write_target(["a", "", "b", "NA"]), task=task)
    assert "column 'y' names no class in 2 rows: row 3, row 5" in message


def test_texts_that_differ_from_row_to_row_are_no_classes(write_target: WriteTarget) -> None:
    message = refusal(write_target([f"name {i}" for i in range(30)]))
    assert "30 different texts in 30 rows, too many to be classes" in message


@pytest.mark.parametrize("values", [["a", "a"], [1, 1, 1], [0.5]])
@pytest.mark.parametrize("task", ["auto", "classification", "regression"])
def test_a_target_that_never_changes_is_refused(
    write_target: WriteTarget, values: list[Any], task: str
) -> None:
    message = refusal(write_target(values), task=task)
    assert f"'y' holds '{values[0]}' in every row, so there is nothing to learn" in message


@pytest.mark.parametrize("values", [["1", "1.0"], ["0.3", repr(0.1 + 0.2)]])
@pytest.mark.parametrize("task", ["auto", "regression"])
def test_a_number_that_never_changes_but_for_spelling_or_rounding_is_refused(
    write_target: WriteTarget, values: list[str], task: str
) -> None:
    message = refusal(write_target(values), task=task)
    assert f"'y' holds '{values[0]}' in every row but for spelling or rounding" in message
    assert "task='classification' if these texts are classes" in message


def test_an_unknown_column_lists_the_known_ones(write: Write) -> None:
    path = write(PLAIN)
    with pytest.raises(
        UnknownNameError,
        match=r"unknown target column 'Specis' in .*table.csv; its columns: height, weight, "
        "species; did you mean 'species'",
    ):
        read_table(path, "Specis")
    with pytest.raises(UnknownNameError, match="unknown dropped column 'color'") as caught:
        read_table(path, "species", drop=["color"])
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
        ('x,y\n1,"a\n2,b\n', "line 2 cannot be read .*quotes"),
        ('x,y\n1,"a"b\n', "line 2 cannot be read .*quotes"),
        ("x,y\n1,\x002\n", "zero bytes"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(write: Write, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(write(text), "y")


def test_other_encodings_are_named_by_line(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes("x,y\n1,a\n2,é\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"not in UTF-8: line 3 holds the byte 0xe9.*CSV UTF-8"):
        read_table(path, "y")
    path.write_bytes(PLAIN.encode("utf-16"))
    with pytest.raises(DataError, match=r"zero bytes.*CSV UTF-8"):
        read_table(path, "species")


def test_a_missing_file_is_a_file_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv"):
        read_table(tmp_path / "nowhere.csv", "y")


def test_numbers_and_words_with_a_gap_are_classes_one_of_which_is_missing(
    write_target: WriteTarget,
) -> None:
    message = refusal(write_target(["1", "2", "?", "high"] * 4))
    assert "names no class in 4 rows: row 4, row 8" in message
    message = refusal(write_target(["1", "2", "?", "3"] * 4))
    assert "not a number" in message
