"""Text and numbers from data on the command line: shown whole, never carried out by a terminal."""

from __future__ import annotations

import csv
import io
import re
import warnings
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from tinygrad_mlp._cli import main
from tinygrad_mlp._cli.parsing import column_names, notes_to_stderr, say
from tinygrad_mlp._cli.train import in_options
from tinygrad_mlp._text import visible
from tinygrad_mlp.data import read_table
from tinygrad_mlp.debug.console import Console
from tinygrad_mlp.errors import TinygradMLPError, UnknownNameError
from tinygrad_mlp.training import read_weights

pytestmark = pytest.mark.usefixtures("no_pictures")

HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
RED, BELL, TURNED = "a\x1b[31mred", "b\x07ell", "c\u202ednuor"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the commands run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_table(path: str, header: list[str], rows: list[list[object]]) -> None:
    with Path(path).open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])


def harmless(text: str) -> bool:
    return HARMFUL.search(text) is None


@pytest.mark.parametrize(
    "character",
    [
        *map(chr, [*range(9), *range(11, 32), *range(127, 160)]),
        *"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
        *"\u2028\u2029\ufeff\ufffe\uffff\ud800\udcff",
    ],
    ids=ascii,
)
def test_what_no_terminal_and_no_xml_file_may_get_is_an_escape(character: str) -> None:
    expected = f"a{character}b".encode("unicode_escape").decode("ascii")
    assert visible(f"a{character}b") == visible(f"a{character}b", lines=True) == expected
    assert str(TinygradMLPError(f"a{character}b")) == expected
    ElementTree.fromstring(f"<text>{visible(character)}</text>")


def test_line_ends_and_tabs_stay_in_a_text_of_several_lines() -> None:
    assert visible("a\n\tb", lines=True) == "a\n\tb"
    assert visible("a\n\tb") == r"a\n\tb"
    assert str(UnknownNameError("a\n\tb")) == "a\n\tb"


def test_an_unknown_name_of_any_length_is_told_in_a_short_sentence() -> None:
    told = str(UnknownNameError.of("loss", "x" * 10**7, [f"loss{i}" for i in range(50)]))
    assert told.startswith("unknown loss 'xxx")
    assert len(told) < 500


@pytest.mark.usefixtures("pictures")
def test_names_of_a_table_are_shown_and_never_carried_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows: list[list[object]] = [
        [i % 7, (i * i) % 11, [RED, BELL, TURNED][i % 3]] for i in range(60)
    ]
    write_table("t\x1b[1m.csv", ["x\x9b2J", "y\u2066", "ki\rnd"], rows)
    words = ["--target", "ki\rnd", "--epochs", "2", "--save", "w\x1b.npz", "--out", "out\x07"]
    assert main(["train", "t\x1b[1m.csv", *words]) == 0
    shown = capsys.readouterr()
    assert harmless(shown.out + shown.err)
    for name in (
        r"t\x1b[1m.csv",
        r"x\x9b2J",
        r"ki\rnd",
        r"a\x1b[31mred",
        r"b\x07ell",
        r"w\x1b.npz",
    ):
        assert name in shown.out
    for picture in Path("out\x07").glob("*.svg"):
        ElementTree.parse(picture)
    page = Path("out\x07/backprop.html").read_text(encoding="utf-8")
    assert harmless(page)
    content = read_weights("w\x1b.npz")
    assert sorted(content.extra["classes"]) == [RED, BELL, TURNED]

    assert main(["predict", "w\x1b.npz", "t\x1b[1m.csv"]) == 0
    shown = capsys.readouterr()
    answers = {row[1] for row in list(csv.reader(io.StringIO(shown.out, newline="")))[1:]}
    assert answers <= {RED, BELL, TURNED}  # a pipe gets the data
    assert harmless(shown.err)
    assert main(["step", "--model", "w\x1b.npz", "--data", "t\x1b[1m.csv", "--row", "1"]) == 2
    assert harmless(capsys.readouterr().err)


def test_answers_on_a_terminal_are_harmless(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table("t.csv", ["x", "kind"], [[i % 5, [RED, BELL][i % 2]] for i in range(40)])
    assert main(["train", "t.csv", "--target", "kind", "--epochs", "2", "--save", "w.npz"]) == 0
    capsys.readouterr()
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert main(["predict", "w.npz", "t.csv"]) == 0
    shown = capsys.readouterr().out
    assert harmless(shown)
    assert r"a\x1b[31mred" in shown or r"b\x07ell" in shown


@pytest.mark.parametrize(
    "words",
    [
        ["train", "no\x1b[31mfile.csv", "--target", "y"],
        ["train", "t.csv", "--target", "ki\x07nd"],
        ["train", "t.csv", "--target", "y", "--drop", "\x9bz"],
        ["train", "t.csv", "--target", "y", "--out", "t.csv\x1b"],
        ["predict", "w\x1b.npz", "t.csv"],
        ["demo", "\x1b[2J"],
        ["demo", "--\u202eflag"],
        ["step", "x\x1b.py:loss"],
        ["step", "t.csv\x07:a b"],
    ],
    ids=ascii,
)
def test_errors_are_harmless(
    words: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("t.csv\x1b").write_text("a file")
    write_table("t.csv", ["x\x1b", "y"], [[1, 2], [3, 4]])
    assert main(words) == 2
    shown = capsys.readouterr().err
    assert harmless(shown)
    assert shown.count("\n") == 1


def test_what_is_said_is_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    say("two\nlines\x1b")
    with notes_to_stderr(str.upper):
        warnings.warn("a\x07b", stacklevel=1)
        warnings.warn("a\x07b", stacklevel=1)
    assert capsys.readouterr() == ("two\nlines\\x1b\n", "note: A\\x07B\n")


def test_a_walk_is_harmless_too(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("m\x1b.py").write_text(
        "from tinygrad_mlp import Value\na = Value(2.0)\nloss = a * a\n"
        "def broken():\n    raise ValueError('b\\x07ell\\u202e')\n"
    )
    monkeypatch.setattr("sys.stdin", io.StringIO("print \x9b2J\nprint a\nend\n"))
    assert main(["step", "m\x1b.py:loss"]) == 1  # there is no such node
    shown = capsys.readouterr().out
    assert harmless(shown)
    assert r"(step) print \x9b2J" in shown
    assert main(["step", "m\x1b.py:broken"]) == 2
    shown = capsys.readouterr().err
    assert harmless(shown)
    assert r"ValueError: b\x07ell\u202e" in shown

    write_table("t\x1b.csv", ["x", "kind"], [[i % 5, [RED, BELL][i % 2]] for i in range(40)])
    assert main(["train", "t\x1b.csv", "--target", "kind", "--epochs", "2", "--save", "w.npz"]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("where L\nend\n"))
    capsys.readouterr()
    assert main(["step", "--model", "w.npz", "--data", "t\x1b.csv"]) == 0
    shown = capsys.readouterr().out
    assert harmless(shown)
    assert r"L: built from w.npz and t\x1b.csv" in shown
    greetings: list[str] = []
    monkeypatch.setattr(Console, "run", lambda console: greetings.append(console.greeting))
    assert main(["step", "--model", "w.npz", "--data", "t\x1b.csv"]) == 0
    assert greetings[0].startswith(r"row 2 of t\x1b.csv, features standardized, through MLP")


def test_answers_with_white_space_at_their_ends_are_read_back(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "".join(f'{i % 4},"{" in" if i % 4 < 2 else "out "}"\n' for i in range(40))
    Path("t.csv").write_text(f"x,where\n{rows}")
    assert main(["train", "t.csv", "--target", "where", "--epochs", "40", "--save", "w.npz"]) == 0
    assert main(["predict", "w.npz", "t.csv", "--out", "a.csv"]) == 0
    assert "accuracy 100.0 %" in capsys.readouterr().err
    answers = read_table("a.csv", "where", drop=["row"])
    assert answers.target_names == (" in", "out ")


# Numbers


@pytest.mark.usefixtures("pictures")
def test_answers_have_all_their_digits(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = np.random.default_rng(0).normal(size=120)
    write_table("s.csv", ["x", "t"], [[a, 1.7e9 + 1000.0 * a] for a in x.tolist()])
    assert main(["train", "s.csv", "--target", "t", "--epochs", "20", "--save", "w.npz"]) == 0
    shown = capsys.readouterr().out
    times = (1.7e9 + 1000.0 * x).tolist()
    assert f"a number from {min(times)!r} to {max(times)!r}" in shown
    assert re.search(r"one sample held out \(t: 1[67]\d{8}\.\d+\)", shown)
    assert main(["predict", "w.npz", "s.csv"]) == 0
    written = [line.split(",")[1] for line in capsys.readouterr().out.splitlines()[1:]]
    assert len(set(written)) == 120
    assert all(repr(float(text)).removesuffix(".0") == text for text in written)


def test_a_class_keeps_its_text_from_the_table_to_the_answers(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows: list[list[object]] = [[x, ["2.10", "2.20", "007"][x % 3]] for x in range(60)]
    write_table("g.csv", ["x", "grade"], rows)
    options = ["--target", "grade", "--task", "classification", "--epochs", "2", "--save", "g.npz"]
    assert main(["train", "g.csv", *options]) == 0
    assert "3 classes: 2.10, 2.20, 007" in capsys.readouterr().out
    assert set(read_weights("g.npz").extra["classes"]) == {"2.10", "2.20", "007"}
    assert main(["predict", "g.npz", "g.csv"]) == 0
    same = capsys.readouterr()
    assert {line.split(",")[1] for line in same.out.splitlines()[1:]} <= {"2.10", "2.20", "007"}
    assert "60" in same.err
    write_table("h.csv", ["x", "grade"], [[x, str(float(str(g)))] for x, g in rows])
    assert main(["predict", "g.npz", "h.csv"]) == 0  # 2.1 is 2.10 there, 7.0 is 007
    assert capsys.readouterr().err == same.err


def test_two_spellings_of_one_number_are_a_note(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_table("c.csv", ["x", "code"], [[x, ["007", "7"][x % 2]] for x in range(40)])
    options = ["--target", "code", "--task", "classification", "--epochs", "2", "--save", "c.npz"]
    assert main(["train", "c.csv", *options]) == 0
    shown = capsys.readouterr()
    assert "2 classes: 007, 7" in shown.out
    assert shown.err.startswith("note: c.csv: the target column 'code' spells one value")
    assert "--task regression" in shown.err
    assert shown.err.count("\n") == 1
    write_table("d.csv", ["x", "code"], [[1, "7.0"], [2, "7"]])
    assert main(["predict", "c.npz", "d.csv"]) == 0  # which of the two 7.0 is, nobody knows
    assert "in 1 row the column code holds '7.0', none of the classes" in capsys.readouterr().err


def test_whole_numbers_that_are_no_floats_are_a_note(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows: list[list[object]] = [[2**53 + 1 + i, i % 9, "ab"[i % 2]] for i in range(40)]
    write_table("i.csv", ["id", "x", "kind"], rows)
    assert main(["train", "i.csv", "--target", "kind", "--epochs", "2", "--save", "i.npz"]) == 0
    shown = capsys.readouterr()
    assert "row 2: 9007199254740993 becomes 9007199254740992" in shown.err
    assert "--drop 'id'" in shown.err
    assert main(["predict", "i.npz", "i.csv"]) == 0
    printed = capsys.readouterr()
    assert "note: i.csv: above 2^53" in printed.err
    assert len(printed.out.splitlines()) == 41


# Options


def test_several_columns_are_dropped_at_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = ["a", "b", "weight, kg", "c", "kind"]
    write_table("t.csv", header, [["u", "v", "w", i, "xy"[i % 2]] for i in range(40)])
    words = ["train", "t.csv", "--target", "kind", "--epochs", "1"]
    assert main([*words, "--drop", 'a, b,"weight, kg"']) == 0
    assert "1 feature (c)" in capsys.readouterr().out
    assert main([*words, "--drop", "a,b", "--drop", '"weight, kg"']) == 0
    assert "1 feature (c)" in capsys.readouterr().out
    assert main([*words, "--drop", "a"]) == 2
    advice = re.search(r"leave them out, --drop '(.*?)', or", capsys.readouterr().err)
    assert advice is not None
    assert advice[1] == 'b,"weight, kg"'
    assert main([*words, "--drop", f"a,{advice[1]}"]) == 0
    capsys.readouterr()
    assert main([*words, "--drop", "weight, kg"]) == 2
    assert 'its columns: a, b, "weight, kg", c, kind' in capsys.readouterr().err
    assert main([*words, "--drop", '"a" b']) == 2
    assert "is no list with commas" in capsys.readouterr().err


@pytest.mark.parametrize(
    "names", [["a"], ["mass [kg]", "b"], ["x, y", 'say "hi"'], ["it's"], ["a\\b", 'it\'s "so"']]
)
def test_the_remedy_drops_just_these_columns(names: list[str]) -> None:
    found = in_options(f"leave them out, drop={names}, or not")
    option = re.fullmatch(r"leave them out, --drop '(.*)', or not", found)
    assert option is not None
    assert column_names(option[1].replace("'\"'\"'", "'")) == names


@pytest.mark.parametrize(
    ("words", "help_of"),
    [
        ("demo --color red", "demo"),
        ("demo digits", "demo"),
        ("train t.csv --target y --color red", "train"),
        ("predict w.npz t.csv --quiet", "predict"),
        ("step --rows 3", "step"),
        ("demo --epochs x", "demo"),
        ("--color", ""),
    ],
)
def test_an_unknown_word_points_to_the_help_of_its_command(
    words: str, help_of: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split()) == 2
    end = f"(see: python -m tinygrad_mlp {help_of} --help)\n".replace("mlp  --", "mlp --")
    assert capsys.readouterr().err.endswith(end)
