"""``train`` on tables as people have them: all problems at once, ``--clean``, Parquet."""

from __future__ import annotations

import json
import re
import sys
import warnings
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.test_weights_damage import edits
from tinygrad_mlp._cli import main
from tinygrad_mlp._cli.problem import split
from tinygrad_mlp._cli.saved import load_network
from tinygrad_mlp._cli.tables import encoded_table, read_rows
from tinygrad_mlp.data import Encoding, split_indices
from tinygrad_mlp.errors import DataError
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import read_weights, save_weights

pytestmark = pytest.mark.usefixtures("no_pictures")

TRAIN = ["train", "houses.csv", "--target", "price", "--epochs", "3", "--save", "w.npz"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a table of houses, in which the commands run."""
    monkeypatch.chdir(tmp_path)
    lines = ["house_id;address;size;city;tax;sold;price;kind"]
    for i in range(40):
        size = "" if i % 8 == 1 else str(40 + 7 * i % 90)
        city = "?" if i % 10 == 3 else ("Rome", "Oslo", "Bern")[i % 3]
        sold = date(2023, 1, 30) + timedelta(days=9 * i)
        price = "" if i == 5 else f"${1_000 + 25 * i:,}"
        lines.append(
            f"{900 - 7 * i};Street {i};{size};{city};{i % 9} %;{sold:%d.%m.%Y};{price};house"
        )
    Path("houses.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_all_problems_of_a_file_are_told_at_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(TRAIN) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: houses.csv has 4 problems:"
    assert len(lines) == 5
    assert "--drop 'address,city,tax,sold,kind', or replace each by columns of 0 and 1" in lines[1]
    assert "one per value, or give --clean" in lines[1]
    assert "5 cells are missing or not a number: row 3, column 'size': empty" in lines[2]
    assert "remove their rows, or give --clean, or leave columns out, --drop 'size'" in lines[2]
    assert "the target column 'price' names no class in 1 row: row 7" in lines[3]
    assert "39 different texts" in lines[4] or "40 different texts" in lines[4]
    assert "--task classification" in lines[4]
    assert not Path("w.npz").exists()


def test_all_problems_that_cannot_be_mended_are_told_at_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("t.csv").write_text("a,a,,b,day,y\n1,2,3,$1,1/2/2024,u\n4,5,6,€2,3/4/2024,v\n")
    assert main(["train", "t.csv", "--target", "y", "--drop", "c", "--clean"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: t.csv has 5 problems:"
    for line, part in zip(
        lines[1:],
        (
            "the header names no column at position 3",
            "the header names 'a' more than once",
            "unknown dropped column 'c'",
            "column 'b' holds numbers in different units, '$1' and '€2'",
            "column 'day' holds dates such as '1/2/2024', of which the day and the month could",
        ),
        strict=True,
    ):
        assert part in line
    Path("t.csv").write_text("a,a,b,y\n1,2,$1,u\n4,5\n4,5,€2,v\n")  # with row 3 it may be mended
    assert main(["train", "t.csv", "--target", "y", "--clean"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert "more than once" in lines[1]
    assert "row 3 has 2 cells" in lines[2]


def test_cleaning_says_what_it_did_and_predict_does_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*TRAIN, "--clean"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("houses.csv: 39 samples, 8 features (size, size missing, city=Bern,")
    start = said.index("how the columns are used:\n")
    assert said[start : said.index("\n29 samples to learn")].splitlines() == [
        "how the columns are used:",
        "  1 row without a 'price' left out: row 7",
        "  'price': numbers with commas between thousands, in $",
        "  'house_id' holds another whole number in every row and is called so, so it names the "
        "rows: left out",
        "  'address' holds another text in every row, so it names the rows: left out",
        "  'size': 5 missing cells: the median, and a feature that is 1 there",
        "  'city': 3 categories, a feature of 0 and 1 for each; 4 missing cells: 0 in each of "
        "them, and a feature that is 1 there",
        "  'tax': numbers in percent, taken as shares of 1",
        "  'sold': dates, as days since 1970-01-01",
        "  'kind' holds 'house' in every row: left out",
        "  4 columns become 8 features",
    ]
    Path("new.csv").write_text(
        'sold,tax,city,size,price\n30.01.2023,8 %,Oslo,,"$1,200"\n2.2.2023,3%,Rome,70,\n'
    )
    assert main(["predict", "w.npz", "new.csv"]) == 0
    shown = capsys.readouterr()
    assert re.fullmatch(r"row,price\n2,[-\d.e]+\n3,[-\d.e]+\n", shown.out)
    error = re.fullmatch(
        r"mean absolute error ([\d.]+), 1 row without a price left out\n", shown.err
    )
    assert error is not None
    answer = float(shown.out.split("\n")[1].split(",")[1])
    assert abs(answer - 1200) == pytest.approx(float(error[1]), rel=1e-3)


def test_the_rows_of_predict_are_read_as_those_of_the_training(folder: Path) -> None:
    assert main([*TRAIN, "--clean"]) == 0
    network = load_network(Path("w.npz"))
    assert network.encoding is not None
    table = encoded_table(
        Path("houses.csv"), "price", task="auto", drop=(), numbers=(), categories=(), clean=True
    )
    problem = split(table, "price", test_size=0.25, rng=0)
    assert problem.encoding == network.encoding
    train, _ = split_indices(table.y, 0.25, stratify=False, rng=0)
    sizes = table.unfilled[train, 0]
    median = float(np.median(sizes[~np.isnan(sizes)]))  # of the rows learned from, no others
    assert network.encoding.plans[0].median == median
    assert median != np.median(table.unfilled[~np.isnan(table.unfilled[:, 0]), 0])
    filled = problem.X_train[np.isnan(sizes), 0]
    assert filled.size
    assert (filled == median).all()
    np.testing.assert_allclose(network.inputs.mean_, problem.X_train.mean(axis=0), rtol=1e-12)


def test_what_was_not_there_in_the_training_is_a_note(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*TRAIN, "--clean"]) == 0
    Path("new.csv").write_text("city,size,tax,sold\nParis,50,,30.01.2023\n")
    capsys.readouterr()
    assert main(["predict", "w.npz", "new.csv"]) == 0
    notes = capsys.readouterr().err.splitlines()
    assert len(notes) == 2
    assert all(note.startswith("note: new.csv: column ") for note in notes)
    assert "row 2: 'Paris'; known: 'Bern', 'Oslo', 'Rome'; 0 for every category is" in notes[0]
    assert "'tax' is missing in row 2, as it never was" in notes[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("city,size,tax\nRome,50,5%\n", "1 column that it was learned from is missing: 'sold'"),
        (
            "city,size,tax,sold\nRome,x,5%,30.01.2023\n",
            "'size' holds 1 cell that cannot be read as numbers as those learned from: row 2: 'x'",
        ),
        ("city,size,tax,sold\nRome,5,5,30.01.2023\n", "'tax' holds 1 cell that cannot be read"),
        ("city,size,tax,sold\nRome,5,5%,2023-01-30\n", "cannot be read as dates as those learned"),
    ],
)
def test_what_does_not_fit_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    assert main([*TRAIN, "--clean"]) == 0
    Path("new.csv").write_text(text)
    capsys.readouterr()
    assert main(["predict", "w.npz", "new.csv"]) == 2
    assert message in capsys.readouterr().err


def test_a_step_through_a_cleaned_row(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([*TRAIN, "--clean"]) == 0
    Path("commands.txt").write_text("list\n")
    with Path("commands.txt").open() as commands:
        monkeypatch.setattr(sys, "stdin", commands)
        assert main(["step", "--model", "w.npz", "--data", "houses.csv", "--row", "3"]) == 0
    inputs = load_network(Path("w.npz")).inputs
    is_missing = (1.0 - inputs.mean_[1]) / inputs.scale_[1]  # the size of row 3
    assert f"* {is_missing:.4f}" in capsys.readouterr().out


def test_the_options_that_name_columns(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line for line in Path("houses.csv").read_text().splitlines() if "$" in line]
    options = ["--clean", "--numbers", "house_id", "--categories", "size", "--drop", "tax,sold"]
    assert main([*TRAIN, *options]) == 0
    said = capsys.readouterr().out
    assert "'house_id'" not in said
    different = {cell for line in lines if (cell := line.split(";")[2])}
    n_missing = sum(line.split(";")[2] == "" for line in lines)
    assert f"'size': {len(different)} categories" in said
    assert f"{n_missing} missing cells: 0 in each" in said
    assert "'tax'" not in said
    for option in ("--numbers", "--categories"):
        assert main([*TRAIN, option, "size"]) == 2
        said = capsys.readouterr().err
        assert f"{option} is for tables that are mended, and Parquet; give --clean too" in said


def test_remedies_are_options(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pl.DataFrame(
        {"x": ["1", None, "2"], "big, id": [2**53 + 1, 2, 3], "y": [0.5, 1, 2]}
    ).write_parquet("t.parquet")
    assert main(["train", "t.parquet", "--target", "y"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: t.parquet has 2 problems:\n")
    assert "say what they are: --numbers 'x', or --categories 'x'" in said
    assert "leave it out, --drop '\"big, id\"'" in said
    assert main(["train", "t.parquet", "--target", "y", "--numbers", "x"]) == 2
    assert "remove their rows, or give --clean, which takes the median" in capsys.readouterr().err


def houses() -> Any:
    return pl.DataFrame(
        {
            "size": [40 + 7 * i % 90 for i in range(40)],
            "city": [("Rome", "Oslo", "Bern")[i % 3] for i in range(40)],
            "sold": [date(2023, 1, 30) + timedelta(days=9 * i) for i in range(40)],
            "new": [i % 7 == 0 for i in range(40)],
            "kind": ["flat" if i % 4 else "house" for i in range(40)],
        }
    )


def test_parquet_is_trained_on_and_asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    houses().write_parquet("houses.parquet")
    train = ["train", "houses.parquet", "--target", "kind", "--epochs", "3", "--save", "p.npz"]
    assert main(train) == 0
    said = capsys.readouterr().out
    assert "  'city': 3 categories, a feature of 0 and 1 for each\n" in said
    assert "  'sold': dates, as days since 1970-01-01\n" in said
    assert "  4 columns become 6 features\n" in said
    assert main(["predict", "p.npz", "houses.parquet"]) == 0
    first = capsys.readouterr()
    assert first.out.splitlines()[1].startswith("0,")
    assert "accuracy" in first.err
    houses().write_csv("houses2.csv")  # the same table as text
    assert main(["predict", "p.npz", "houses2.csv"]) == 0
    second = capsys.readouterr()
    answers = [
        [line.split(",")[1:] for line in shown.out.splitlines()] for shown in (first, second)
    ]
    assert answers[0] == answers[1]
    assert first.err == second.err
    houses().with_columns(size=pl.lit(None, dtype=pl.Int64)).write_parquet("gaps.parquet")
    assert main(["predict", "p.npz", "gaps.parquet"]) == 2
    assert "remove their rows, or train with --clean" in capsys.readouterr().err
    assert main(["step", "--model", "p.npz", "--data", "houses.parquet", "--row", "40"]) == 2
    assert "houses.parquet has the rows 0 to 39; rows count from 0" in capsys.readouterr().err


@pytest.fixture
def with_commas(folder: Path) -> Path:
    """A folder with a network that has learned from numbers with a decimal comma."""
    lines = ["x;sold;new;price"]
    for i in range(40):
        new, price = "true" if i % 3 else "false", f"{i % 11},{i % 10}25"
        lines.append(f"{i % 7},{i % 10}{i % 3}5;{i % 28 + 1:02d}.01.2024;{new};{price}")
    Path("t.csv").write_text("\n".join(lines))
    train = ["train", "t.csv", "--target", "price", "--epochs", "3", "--save", "c.npz", "--clean"]
    assert main(train) == 0
    return folder


def test_parquet_is_asked_with_its_types(
    with_commas: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Typed numbers, dates and truth values are those that were written in the text."""
    typed = {
        "x": [1.234, 5.025],
        "sold": [date(2024, 1, 5), date(2024, 1, 31)],
        "new": [True, False],
        "price": [1.234, 10.125],
    }
    pl.DataFrame(typed).write_parquet("typed.parquet")
    Path("text.csv").write_text(
        "x;sold;new;price\n1,234;05.01.2024;true;1,234\n5,025;31.01.2024;FALSE;10,125\n"
    )
    answers, errors = [], []
    for file in ("typed.parquet", "text.csv"):
        capsys.readouterr()
        assert main(["predict", "c.npz", file]) == 0
        shown = capsys.readouterr()
        answers.append([line.split(",")[1] for line in shown.out.splitlines()])
        errors.append(shown.err)
    assert answers[0] == answers[1]
    assert errors[0] == errors[1]
    assert float(errors[0].split()[-1]) < 50
    rows = read_rows(Path("typed.parquet"))
    network = load_network(Path("c.npz"))
    assert network.answers_of(rows) == typed["price"]
    assert network.answers_of(rows.only(1)) == [10.125]
    assert network.features_of(rows.only(1)).tolist() == network.features_of(rows)[1:].tolist()


def test_what_parquet_holds_beside_is_passed_over(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pl.DataFrame({"x": [1.5, 2.5, 3.0, 4.0] * 5, "y": ["a", "b"] * 10}).write_parquet("t.parquet")
    train = ["train", "t.parquet", "--target", "y", "--epochs", "1", "--save", "w.npz"]
    assert main(train) == 0
    assert "  1 column becomes 1 feature\n" in capsys.readouterr().out
    late = pl.Series([1, 10**7], dtype=pl.Int32).cast(pl.Date)  # a year that Python cannot hold
    pl.DataFrame({"x": [1.5, 2.5], "late": late}).write_parquet("late.parquet")
    assert main(["predict", "w.npz", "late.parquet"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    pl.DataFrame({"x": [1.5, 2.5], "y": late}).write_parquet("late.parquet")
    assert main(["predict", "w.npz", "late.parquet"]) == 0
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 3
    assert shown.err.startswith("not compared: late.parquet: column 'y' holds what Python has no")


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([2**53 + 1, 2], "column 'x' holds whole numbers that are no floats (row 0: 90071992547"),
        ([1.5, float("inf")], "column 'x' holds inf or -inf in row 1"),
        (["1.5", "2"], "column 'x' holds text now, but numbers were learned from"),
        ([None, 2.0], "column 'x' is missing in row 0"),
    ],
)
@pytest.mark.parametrize("learned_from", ["t.parquet", "t.csv"])
def test_parquet_that_does_not_fit_is_refused(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    learned_from: str,
    x: list[Any],
    message: str,
) -> None:
    table = pl.DataFrame({"x": [1.5, 2.5, 3.0, 4.0] * 5, "y": ["a", "b"] * 10})
    table.write_parquet("t.parquet")
    table.write_csv("t.csv")
    train = ["train", learned_from, "--target", "y", "--epochs", "1", "--save", "w.npz"]
    assert main(train) == 0
    pl.DataFrame({"x": [1.5, 2.5]}).write_parquet("new.parquet")
    assert main(["predict", "w.npz", "new.parquet"]) == 0
    pl.DataFrame({"x": x}).write_parquet("new.parquet")
    capsys.readouterr()
    assert main(["predict", "w.npz", "new.parquet"]) == 2
    assert message in capsys.readouterr().err


def test_a_step_through_a_row_of_parquet(
    with_commas: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {"x": [1.5, 2.5], "sold": [date(2024, 1, 5)] * 2, "new": [True, False]}
    pl.DataFrame({**columns, "price": [1.5, None]}).write_parquet("two.parquet")
    Path("commands.txt").write_text("list\n")
    with Path("commands.txt").open() as commands:
        monkeypatch.setattr(sys, "stdin", commands)
        assert main(["step", "--model", "c.npz", "--data", "two.parquet"]) == 0
    assert main(["step", "--model", "c.npz", "--data", "two.parquet", "--row", "1"]) == 2
    assert "two.parquet: row 1, column 'price' is '', not a number" in capsys.readouterr().err


def test_a_column_of_parquet_that_is_not_there_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pl.DataFrame({"x": [1.5, 2.5], "big, id": [1, 2], "y": ["a", "b"]}).write_parquet("t.parquet")
    assert main(["train", "t.parquet", "--target", "z"]) == 2
    assert "t.parquet: unknown target column 'z'; its columns: 'x'," in capsys.readouterr().err
    assert main(["train", "t.parquet", "--target", "y", "--drop", "big, id"]) == 2
    hint = "a name that holds a comma stands in quotes: --drop '\"big, id\"'"
    assert hint in capsys.readouterr().err


def test_a_file_that_is_no_parquet(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("t.parquet").write_text("a,b\n1,2\n")
    assert main(["train", "t.parquet", "--target", "b"]) == 2
    assert "error: t.parquet cannot be read as Parquet (" in capsys.readouterr().err
    assert main(["train", "none.parquet", "--target", "b"]) == 2
    assert "none.parquet" in capsys.readouterr().err
    with monkeypatch.context() as patched:  # what polars raises at some damaged files

        def panic(content: bytes) -> None:
            raise pl.exceptions.PanicException("range end index 9 out of range")

        patched.setattr(pl, "read_parquet", panic)
        assert main(["train", "t.parquet", "--target", "b"]) == 2
        said = capsys.readouterr().err
        assert "t.parquet cannot be read as Parquet (range end index 9 out of range)" in said
    monkeypatch.setitem(sys.modules, "polars", None)
    assert main(["train", "t.PQ", "--target", "b"]) == 2
    said = capsys.readouterr().err
    assert "Parquet files need the package 'polars'" in said
    assert "pip install -e '.[frames]'" in said


def test_without_cleaning_the_file_of_weights_is_as_before(folder: Path) -> None:
    Path("plain.csv").write_text("a,b,y\n" + "1,2,u\n3,5,v\n" * 8)
    assert main(["train", "plain.csv", "--target", "y", "--epochs", "1", "--save", "w.npz"]) == 0
    assert "encoding" not in read_weights(Path("w.npz")).extra
    assert load_network(Path("w.npz")).encoding is None


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("plans", 0, "column"), "area", "does not make the features of extra.feature_names"),
        (("plans", 0, "median"), "12", "extra.encoding.plans[0].median is '12'"),
        (("target", "column"), "cost", "extra.encoding.target is not extra.target"),
        (("target", "classes"), ["a", "b"], "extra.encoding.target.classes and extra.classes"),
        (("target",), None, "extra.encoding.target is not extra.target"),
        (("clean",), 1, "extra.encoding.clean is 1"),
    ],
)
def test_an_encoding_in_a_damaged_file_is_refused(
    folder: Path, place: tuple[str | int, ...], value: object, message: str
) -> None:
    assert main([*TRAIN, "--clean"]) == 0
    content = read_weights(Path("w.npz"))
    extra: Any = json.loads(json.dumps(content.extra))
    inside = extra["encoding"]
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    network = load_network(Path("w.npz"))
    save_weights(network.model, "damaged.npz", extra=extra)
    assert isinstance(network.model, MLP)
    with pytest.raises(DataError) as caught:
        load_network(Path("damaged.npz"))
    assert message in str(caught.value)
    assert "run the command 'train' again" in str(caught.value)


def test_every_edit_of_an_encoding_is_refused_or_reads_the_table_all_the_same(folder: Path) -> None:
    assert main([*TRAIN, "--clean"]) == 0
    network, rows = load_network(Path("w.npz")), read_rows(Path("houses.csv"))
    extra = read_weights(Path("w.npz")).extra
    shape = network.features_of(rows).shape
    refused = 0
    for _, text in edits(extra["encoding"]):
        try:
            encoding = Encoding.from_dict(json.loads(text))
            if encoding.n_features != shape[1]:
                continue  # as the network says, see above
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                X = encoding.filled(encoding.encoded(rows.grid))
        except DataError:
            refused += 1
            continue
        assert X.shape == shape, text
        assert np.isfinite(X).all(), text
    assert refused > 500
