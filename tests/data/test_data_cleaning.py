"""``encode(clean=True)``: what is mended, what is left out, what is refused even then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.frames import MAKERS, encoded_alike, refused_alike
from tinygrad_mlp.data import encode, read_table
from tinygrad_mlp.data._csv_file import read_csv_file
from tinygrad_mlp.data._encode import encode_grid
from tinygrad_mlp.data._grid import columns_of_csv
from tinygrad_mlp.errors import DataError, ProblemsError, UnknownNameError

Write = Callable[[str], Path]


@pytest.mark.parametrize(
    ("cells", "features", "X", "notes"),
    [
        (
            ["$1,200", "$3", "n/a"],
            ["x", "x missing"],
            [[1200, 0], [3, 0], [601.5, 1]],
            [
                "'x': numbers with commas between thousands, in $",
                "'x': 1 missing cell: the median, and a feature that is 1 there",
            ],
        ),
        (
            ["5 %", "7 %", "9 %"],
            ["x"],
            [[0.05], [0.07], [0.09]],
            ["'x': numbers in percent, taken as shares of 1"],
        ),
        (["5,1", "7", "9"], ["x"], [[5.1], [7], [9]], ["'x': numbers with a decimal comma"]),
        (["5.1", "7", "9"], ["x"], [[5.1], [7], [9]], []),
        (
            ["2.1.1970", "1.1.1970", "NULL", "4.1.1970"],
            ["x", "x missing"],
            [[1, 0], [0, 0], [1, 1], [3, 0]],
            [
                "'x': dates, as days since 1970-01-01",
                "'x': 1 missing cell: the median, and a feature that is 1 there",
            ],
        ),
        (
            ["red", "?", "blue", "red"],
            ["x=blue", "x=red", "x missing"],
            [[0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0]],
            [
                "'x': 2 categories, a feature of 0 and 1 for each; 1 missing cell: 0 in each of "
                "them, and a feature that is 1 there"
            ],
        ),
        (
            ["none", "red", "red", "none"],  # the name of a class, where there is text
            ["x=none", "x=red"],
            [[1, 0], [0, 1], [0, 1], [1, 0]],
            ["'x': 2 categories, a feature of 0 and 1 for each"],
        ),
        (
            ["1", "2", "3+", "3+", "1", "2"],  # each again and again: numbers are names there
            ["x=1", "x=2", "x=3+"],
            [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [1, 0, 0], [0, 1, 0]],
            ["'x': 3 categories, a feature of 0 and 1 for each"],
        ),
        (
            ["True", "false", " TRUE", "n/a"],  # pandas writes True, polars true
            ["x", "x missing"],
            [[1, 0], [0, 0], [1, 0], [1, 1]],
            [
                "'x': true and false, as 1 and 0",
                "'x': 1 missing cell: the median, and a feature that is 1 there",
            ],
        ),
        (
            ["1970-01-02 6:00:00", "1970-01-02 18:00:00", "1970-01-03 3:00:00"],
            ["x"],
            [[1.25], [1.75], [2.125]],
            ["'x': dates, as days since 1970-01-01"],
        ),
    ],
)
def test_text_is_read_as_people_write_it(
    cells: list[str], features: list[str], X: list[list[float]], notes: list[str]
) -> None:
    encoded = encoded_alike({"x": cells}, clean=True)
    assert list(encoded.feature_names) == features
    assert np.array_equal(encoded.X, np.array(X, dtype=float))
    assert list(encoded.notes) == notes


RUNNING = list(range(5, 25))


@pytest.mark.parametrize(
    ("name", "cells", "reason"),
    [
        ("x", [None] * 20, "holds no value in any row"),
        ("x", ["", "?"] * 10, "holds no value in any row"),
        ("x", [3] * 20, "holds 3 in every row"),
        ("x", ["3.50"] * 20, "holds 3.5 in every row"),
        ("x", ["red"] * 20, "holds 'red' in every row"),
        ("x", RUNNING, "counts on by 1 from row to row, so it names the rows"),
        ("x", list(map(str, RUNNING)), "counts on by 1 from row to row, so it names the rows"),
        ("x", [f"name {i}" for i in range(20)], "holds another text in every row, so it names"),
        ("id", [i * i for i in range(20)], "another whole number in every row and is called so"),
        ("Customer_ID", [i * i for i in range(20)], "another whole number in every row"),
        ("customerId", [i * i for i in range(20)], "another whole number in every row"),
        ("row no", [i * i for i in range(20)], "another whole number in every row"),
        ("id", [None, *[i * i for i in range(19)]], "in every row that has one and is called so"),
        ("Unnamed: 0.1", [i * i for i in range(20)], "another whole number in every row"),
        ("x", [*RUNNING[:9], None, *RUNNING[10:], 25], "counts on by 1 from row to row"),
        ("x", [f"${2**60 + 257 * i:,}" for i in range(20)], "above 2^53, of which not all are"),
        ("x", [2**60 + 257 * i for i in range(20)], "above 2^53, of which not all are floats"),
        (
            "x",
            [str(2**60 + 257 * i) for i in range(20)],
            "above 2^53, of which not all are floats ('",
        ),
    ],
)
def test_a_column_that_tells_nothing_is_left_out(name: str, cells: list[Any], reason: str) -> None:
    y = [i % 7 * 0.5 for i in range(len(cells))]
    encoded = encoded_alike({name: cells, "y": y}, clean=True)
    assert encoded.feature_names == ("y",)
    ((left_out, why),) = encoded.encoding.left_out
    assert left_out == name
    assert reason in why
    assert encoded.notes == (f"{name!r} {why}: left out",)


@pytest.mark.parametrize(
    ("name", "cells", "options", "n_features"),
    [
        ("x", [*RUNNING[:-1], 99], {}, 1),  # not by 1
        ("x", RUNNING[:-1], {}, 1),  # few rows
        ("x", [*RUNNING[:-1], None], {}, 2),  # few that have one
        ("x", [*RUNNING[:10], *range(40, 50)], {}, 1),  # it jumps
        ("id", [None, *[i % 18 for i in range(19)]], {}, 2),  # one comes twice
        ("id", [None, *[i + 0.5 for i in range(19)]], {}, 2),
        ("Unnamed: 0.x", [i * i for i in range(20)], {}, 1),
        ("x", ["1e300", "5", "6.5", str(2**60)], {}, 1),
        ("idle", [i * i for i in range(20)], {}, 1),
        ("paid", [i * i for i in range(20)], {}, 1),
        ("id", [i % 19 for i in range(20)], {}, 1),  # one comes twice
        ("id", [i + 0.5 for i in range(20)], {}, 1),
        ("id", RUNNING, {"numbers": "id"}, 1),
        ("id", list(map(str, RUNNING)), {"numbers": "id"}, 1),
        ("id", RUNNING, {"categories": "id"}, 20),
        ("x", [f"t{i % 20}" for i in range(40)], {}, 20),
        ("x", [f"t{i}" for i in range(20)], {"categories": "x"}, 20),
    ],
)
def test_a_column_that_may_tell_something_stays(
    name: str, cells: list[Any], options: dict[str, Any], n_features: int
) -> None:
    encoded = encoded_alike({name: cells}, clean=True, **options)
    assert encoded.encoding.left_out == ()
    assert encoded.n_features == n_features


@pytest.mark.parametrize(
    ("cells", "options", "message"),
    [
        (
            [*map(str, range(30)), "about 12"],
            {},
            "holds numbers, but 1 cell is none of their kind: row 30: 'about 12'; mend or empty",
        ),
        (["1.5", "2,5", "a", "4"], {}, "1 cell is none of their kind: row 2: 'a'"),
        (["1.5", "2,5"] * 4, {}, "a decimal point and with a comma: row 0: '1.5', row 1: '2,5'"),
        (["$1", "€2", "$3"], {}, "in different units, '$1' and '€2'; write all in one"),
        (["5%", "7"], {}, "in different units, '5%' and '7'"),
        (["1/2/2024", "3/4/2024"], {}, "of which the day and the month could change places"),
        (["a", "b"], {"numbers": "x"}, "2 cells are none of their kind: row 0: 'a', row 1: 'b'"),
        ([1.0, float("inf")], {}, "holds inf or -inf in row 1"),
    ],
)
def test_what_cannot_be_mended_is_refused(
    cells: list[Any], options: dict[str, Any], message: str
) -> None:
    assert message in refused_alike({"x": cells}, clean=True, **options)


def test_nothing_left_to_learn_from_is_an_error_that_says_why() -> None:
    said = refused_alike({"x": [3, 3], "y": ["u", "v"]}, target="y", clean=True)
    assert "no column besides the target 'y' and 'x', which holds 3 in every row to learn" in said


def test_a_csv_file_is_cleaned_as_a_frame_of_text(write: Write) -> None:
    columns = {
        "price": ["$1,200", "$3.50", "", "$7"],
        "city": ["Rome", "Oslo", "NA", "Rome"],
        "day": ["31.12.2023", "1.1.2024", "2.1.2024", "-"],
        "kind": ["a", "b", "a", "b"],
    }
    rows = zip(*columns.values())
    text = "\n".join([";".join(columns), *(";".join(row) for row in rows)])
    grid = columns_of_csv(read_csv_file(write(text)))
    from_file = encode_grid(grid, target="kind", clean=True)
    from_frame = encoded_alike(columns, target="kind", clean=True)
    assert np.array_equal(from_file.X, from_frame.X)
    assert from_file.encoding == from_frame.encoding
    assert from_file.notes == from_frame.notes


def test_medians_may_be_those_of_a_part_alone() -> None:
    encoded = encoded_alike({"x": [1.0, None, 3.0, 100.0], "z": [None, 5.0, 7.0, 8.0]}, clean=True)
    assert np.isnan(encoded.unfilled).sum() == 2
    part = encoded.encoding.with_medians_of(encoded.unfilled[:3])
    assert [plan.median for plan in encoded.encoding.plans] == [3.0, 7.0]
    assert [plan.median for plan in part.plans] == [2.0, 6.0]
    assert part.filled(encoded.unfilled)[:, [0, 2]].tolist() == [[1, 6], [2, 5], [3, 7], [100, 8]]
    nothing = encoded.encoding.with_medians_of(encoded.unfilled[:1])
    assert [plan.median for plan in nothing.plans] == [1.0, 7.0]  # none there: the old one


def test_the_strict_reader_tells_all_problems_at_once(write: Write) -> None:
    path = write("age,age,,city,y\n41,1,2,Rome,a\nx,1,2,Oslo,\n3,4\n5,6,7,Rome,b\n")
    with pytest.raises(ProblemsError) as caught:
        read_table(path, "y")
    assert str(caught.value).startswith(f"{path} has 6 problems:\n  1. ")
    for problem, part in zip(
        caught.value.problems,
        (
            "the header names no column at position 3",
            "the header names 'age' more than once",
            "the header has 5 columns but row 4 has 2 cells",
            "columns hold text: 'city' (row 2: 'Rome')",
            "1 cell is missing or not a number: row 3, column 'age': 'x'",
            "the target column 'y' names no class in 1 row: row 3",
        ),
        strict=True,
    ):
        assert problem.startswith(part) or part in problem
        assert str(path) not in problem


def test_what_follows_from_a_problem_is_none(write: Write) -> None:
    path = write("x,y\n1,a\n2\n3,b\n4,c,d\n5,a\n")  # with fewer rows the target need not vary
    with pytest.raises(DataError, match="the header has 2 columns but row 3 has 1 cell"):
        read_table(path, "y")
    path = write("x,y\n1,a\n2\n3,a\n")
    with pytest.raises(DataError) as caught:
        read_table(path, "y")
    assert "nothing to learn" not in str(caught.value)
    path = write("x,city,y\n1,Rome,a\n2,Oslo,b\n")  # who knows what was to be dropped
    with pytest.raises(UnknownNameError) as unknown:
        read_table(path, "y", drop=["town", "place"])
    assert str(unknown.value).startswith("unknown dropped columns 'town', 'place' in ")
    assert "features must be numbers" not in str(unknown.value)


def test_a_target_has_all_its_problems_told(write: Write) -> None:
    path = write("x,y\n" + "".join(f"{i},{'' if i == 3 else f'name {i}'}\n" for i in range(30)))
    with pytest.raises(ProblemsError) as caught:
        read_table(path, "y")
    missing, many = caught.value.problems
    assert "names no class in 1 row: row 5" in missing
    assert "holds 30 different texts in 30 rows, too many to be classes" in many


def test_names_that_may_be_one_are_told() -> None:
    encoded = encoded_alike(
        {"x": ["red", "red ", "blue", "red"], "y": ["007", "7", "8", "8"]},
        target="y",
        task="classification",
        clean=True,
    )
    assert encoded.target_names == ("007", "7", "8")
    assert encoded.notes == (
        "'y': '007' and '7' are taken as different",
        "'x': 3 categories, a feature of 0 and 1 for each",
        "'x': 'red' and 'red ' are taken as different",
    )


def test_text_with_whole_numbers_that_are_no_floats_is_refused() -> None:
    encoded = encoded_alike({"x": ["1", "3", "7"]}, clean=True)
    for make in MAKERS:
        with pytest.raises(DataError, match=r"no floats \('9007199254740993'\)"):
            encoded.transform(make({"x": ["2", "9007199254740993"]}))
    columns = {"x": [0.5, 1.5, 3.5], "y": ["1", "9007199254740993", "2.5"]}
    said = refused_alike(columns, target="y", clean=True)
    assert "holds whole numbers that are no floats ('9007199254740993'); subtract" in said


def test_rows_that_were_left_out_do_not_hide_what_counts_them() -> None:
    columns = {
        "row": list(range(100, 130)),
        "size": [i % 7 * 0.5 for i in range(30)],
        "y": [None if i % 5 == 0 else ("u" if i % 3 else "v") for i in range(30)],
    }
    encoded = encoded_alike(columns, target="y", clean=True)
    assert len(encoded.rows) == 24
    assert encoded.encoding.left_out == (
        ("row", "counts on by 1 from row to row, so it names the rows"),
    )


@pytest.mark.parametrize("make", MAKERS)
def test_numbers_stay_what_they_are_where_text_was_learned_from(make: Any) -> None:
    """1.234 is no 1234, even where the numbers learned from have a decimal comma."""
    columns = {"x": ["5,1", "1.200,5", "0,125"], "y": ["1,5", "2,25", "9,75"]}
    encoded = encode(make(columns), target="y", clean=True)
    new = make({"x": [1.234, 5.1], "y": [1.234, 0.1]})
    assert encoded.transform(new).tolist() == [[1.234], [5.1]]
    assert encoded.transform_target(new).tolist() == [1.234, 0.1]
    assert encoded.transform_target(make({"y": ["1.234", "0,1"]})).tolist() == [1234.0, 0.1]
    with pytest.raises(DataError, match="holds in row 1: nothing, but a number is needed"):
        encoded.transform_target(make({"y": [1.5, None]}))
    with pytest.raises(
        DataError, match=r"column 'y' holds whole numbers that are no floats \(row 0"
    ):
        encoded.transform_target(make({"y": [2**53 + 1]}))
    with pytest.raises(DataError, match="column 'y' holds inf or -inf in row 0"):
        encoded.transform_target(make({"y": [float("inf")]}))


@pytest.mark.parametrize("make", MAKERS)
def test_numbers_are_no_percentages(make: Any) -> None:
    columns = {"x": ["5 %", "7 %", "9%"], "y": ["1%", "2%", "3%"]}
    encoded = encode(make(columns), target="y", clean=True)
    for name, call in (("x", encoded.transform), ("y", encoded.transform_target)):
        with pytest.raises(DataError) as caught:
            call(make({name: [5.0]}))
        assert f"column {name!r} holds numbers now, but text in percent was" in str(caught.value)
        assert "5 may be 5 % or 500 %; write it as text, '5 %'" in str(caught.value)
    amounts = encode(make({"x": ["$5", "$7", "$9"]}), clean=True)
    assert amounts.transform(make({"x": [5.0]})).tolist() == [[5.0]]


@pytest.mark.parametrize("make", MAKERS)
def test_truths_are_the_same_in_text_and_as_themselves(make: Any) -> None:
    encoded = encode(make({"x": ["True", "False", "True"]}), clean=True)
    assert encoded.transform(make({"x": [False, True]})).tolist() == [[0], [1]]
    assert encoded.transform(make({"x": ["FALSE", "true"]})).tolist() == [[0], [1]]
    with pytest.raises(DataError, match=r"cannot be read as truth values .*: row 1: 'yes'"):
        encoded.transform(make({"x": ["true", "yes"]}))
    named = encode(make({"x": ["True", "False", "True"]}), clean=True, categories="x")
    assert named.feature_names == ("x=False", "x=True")
