"""What the command line refuses: one line on standard error, exit code 2, nothing else touched."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.source_files import ROOT
from tinygrad_mlp._cli import main
from tinygrad_mlp._cli.parsing import keep_apart
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import fit, save_weights

pytestmark = pytest.mark.usefixtures("no_pictures")

TRAIN = ["train", "good.csv", "--target", "kind", "--epochs", "1", "--save", "w.npz"]
GOOD = "a,b,kind\n" + "1.5,2.5,x\n2.5,0.5,z\n" * 10


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a good table, in which the commands run."""
    monkeypatch.chdir(tmp_path)
    Path("good.csv").write_text(GOOD)
    return tmp_path


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that the command says before it ends with 2."""
    assert main(words) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("error: ")
    assert shown.endswith("\n")
    assert shown.count("\n") == 1
    return shown


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("a,b,kind\n", "has a header but no rows"),
        ("1,2,3\n4,5,6\n", "the first row must name the columns"),
        ("a,b,kind\n1,2,x\n3,,z\n4,5,x\n", "row 3, column 'b': empty"),
        ("a,b,kind\n1,2,x\n3,foo,z\n4,5,x\n", "row 3, column 'b': 'foo'"),
        ("a,b,kind\n1,2,x\n3,foo,z\n4,5,x\n", "--drop 'b'"),
        ("a,name,kind\n1,Ann,x\n2,Bob,z\n", "hold text: 'name' (row 2: 'Ann')"),
        ("a,name,kind\n1,Ann,x\n2,Bob,z\n", "leave them out, --drop 'name'"),
        ("a,b,kind\n1,2,x\n3,4\n", "row 3 has 2 cells"),
        ("a,b,kind\n1,2,x\n3,4,\n", "row 3"),
        ("a,b,kind\n1,2,x\n3,4,x\n", "there is nothing to learn"),
        ("kind\nx\nz\n", "no column besides the target"),
        ("a,b\n1,2\n3,4\n", "unknown target column 'kind'"),
        ("a,b,kinds\n1,2,x\n", "did you mean 'kinds'?"),
        ("a,b,kind\n1,2,x\n", "there is nothing to learn"),
        ("a,b,kind\n1,inf,x\n2,3,z\n", "column 'b': 'inf'"),
    ],
)
def test_a_table_that_cannot_be_used(
    content: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.csv").write_text(content)
    assert message in refused(["train", "bad.csv", "--target", "kind"], capsys)
    assert sorted(os.listdir()) == ["bad.csv", "good.csv"]  # noqa: PTH208


def test_a_table_that_is_no_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.csv").write_bytes(b"a,b\n1,\xff\n")
    assert "not in UTF-8" in refused(["train", "bad.csv", "--target", "kind"], capsys)
    assert "nothing.csv: No such file" in refused(
        ["train", "nothing.csv", "--target", "kind"], capsys
    )
    assert "Is a directory" in refused(["train", ".", "--target", "kind"], capsys)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "the following arguments are required: COMMAND"),
        ("trian", "invalid choice: 'trian'"),
        ("demo --data mnist", "'digits', 'iris', 'moons'"),
        ("demo --epochs 0", "'0' is no whole number of at least 1"),
        ("demo --epochs many", "'many' is no whole number"),
        ("demo --seed -1", "at least 0"),
        ("demo --out good.csv", "--out good.csv is a file"),
        ("demo --color red", "unrecognized arguments: --color red"),
        ("train good.csv", "required: --target"),
        ("train good.csv --target kind --hidden 16,x", "'16,x' is no list of layer sizes"),
        ("train good.csv --target kind --hidden 16,0", "'16,0' is no list of layer sizes"),
        ("train good.csv --target kind --activation rleu", "invalid choice: 'rleu'"),
        ("train good.csv --target kind --optimizer adm", "invalid choice: 'adm'"),
        ("train good.csv --target kind --learning-rate -1", "'-1' is not a number above 0"),
        ("train good.csv --target kind --learning-rate nan", "'nan' is not a number above 0"),
        ("train good.csv --target kind --l2 x", "'x' is not a number of at least 0"),
        ("train good.csv --target kind --test-size 1", "'1' is not a share between 0 and 1"),
        ("train good.csv --target kind --test-size 0.01", "--test-size 0.01 puts 0 of 20"),
        ("train good.csv --target kind --task regression", "column 'kind': 'x'"),
        ("train good.csv --target kind --task regression", "--task classification"),
        ("train good.csv --target kind --drop c", "unknown dropped column 'c'"),
        ("train good.csv --target kind --drop a --drop b", "no column besides the target"),
        ("train good.csv --target kind --save .", "--save . is a folder"),
        ("train good.csv --target kind --save good.csv/w.npz", "good.csv"),
        ("predict nothing.npz good.csv", "nothing.npz: No such file"),
        ("predict good.csv good.csv", "good.csv is not a file of weights"),
    ],
)
def test_words_that_cannot_be_used(
    words: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refused(words.split(), capsys)


def test_a_training_that_breaks_down_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("line.csv").write_text("x,y\n" + "".join(f"{i},{3.7 * i}\n" for i in range(40)))
    words = "train line.csv --target y --optimizer sgd --learning-rate 1e9 --activation relu"
    assert main(words.split()) == 2
    shown = capsys.readouterr()
    assert "error: the training broke down: the loss is nan in epoch" in shown.err
    assert "advice: the " in shown.out
    assert "advice above" in shown.err


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ("--learning-rate 1", ["a smaller --learning-rate, such as 0.1"]),
        ("--learning-rate 1e9", ["--learning-rate", "--l2"]),
        ("--l2 1000", ["a smaller --l2", "--learning-rate"]),
        ("--learning-rate 1e-9", ["--learning-rate or --activation", "--epochs"]),
    ],
)
def test_advice_names_the_options_of_the_command_line(
    settings: str, options: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("line.csv").write_text("x,y\n" + "".join(f"{i},{3.7 * i}\n" for i in range(40)))
    words = "train line.csv --target y --optimizer sgd --epochs 60 --activation relu --hidden 8,8"
    main([*words.split(), *settings.split()])
    shown = capsys.readouterr()
    said = " ".join(shown.out.split()) + shown.err
    assert "advice: " in said
    for python in ("in Python", "learning_rate", "history", "debug.", "l1", "activation='", "of y"):
        assert python not in said
    for option in options:
        assert option in said


def test_a_table_that_does_not_fit_to_the_network(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(TRAIN) == 0
    capsys.readouterr()
    Path("other.csv").write_text("a,c\n1,2\n")
    assert "lacks 1 feature that the network was trained with: 'b'" in refused(
        ["predict", "w.npz", "other.csv"], capsys
    )
    Path("other.csv").write_text("c,b,a\n1,2,3\n1,,3\n1,x,3\n")
    shown = refused(["predict", "w.npz", "other.csv"], capsys)
    assert "2 cells are missing or not a number: row 3, column 'b': empty, row 4" in shown
    save_weights(MLP(2, [1]), "own.npz")
    assert "not those of the command 'train'" in refused(["predict", "own.npz", "good.csv"], capsys)


def test_a_name_with_a_comma_is_dropped_in_quotes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("t.csv").write_text(GOOD.replace("a,b", 'a,"weight, kg"'))
    train = ["train", "t.csv", "--target", "kind", "--epochs", "1", "--drop"]
    said = refused([*train, "weight, kg"], capsys)
    words = said.rpartition("stands in quotes: ")[2].split("--drop ")[1].strip()
    assert words == """'"weight, kg"'"""
    assert main([*train, words.strip("'")]) == 0
    assert "in quotes" not in refused([*train, "weight, g"], capsys)


def test_step_says_what_data_and_network_have(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for n_features, n_classes in ((2, 3), (4, 2)):
        rng = np.random.default_rng(0)
        model = MLP(n_features, [n_classes], rng=0)
        y = np.arange(12) % n_classes
        fit(model, rng.normal(size=(12, n_features)), y, epochs=1, log_every=None)
        save_weights(model, f"w{n_features}.npz")
    said = refused(["step", "--model", "w2.npz", "--data", "iris"], capsys)
    assert "iris has 4 features, but the network of w2.npz takes 2" in said
    said = refused(["step", "--model", "w4.npz", "--data", "iris", "--row", "150"], capsys)
    assert "sample 150 of iris does not fit to w4.npz: labels[0] is 2" in said


def test_step_gives_warnings_as_notes(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(TRAIN) == 0
    capsys.readouterr()
    Path("large.csv").write_text(GOOD.replace("1.5", "9007199254740993"))
    monkeypatch.setattr("sys.stdin", io.StringIO("quit\n"))
    assert main(["step", "--model", "w.npz", "--data", "large.csv"]) == 0
    assert capsys.readouterr().err.startswith("note: large.csv: above 2^53 not every")


@pytest.mark.parametrize(("order", "weight"), [("unit,input", "w₁₂⁽¹⁾"), ("input,unit", "w₂₁⁽¹⁾")])
def test_step_calls_the_loss_of_a_saved_network_as_books_do(
    order: str,
    weight: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert main(TRAIN) == 0
    capsys.readouterr()
    typed = weight[1:3].translate(str.maketrans("₁₂", "12"))
    monkeypatch.setattr("sys.stdin", io.StringIO(f"latex w[1]_{typed}\nto w[1]_{typed}\nquit\n"))
    assert main(["step", "--model", "w.npz", "--data", "good.csv", "--index", order]) == 0
    out = capsys.readouterr().out
    assert rf"\frac{{\partial L}}{{\partial w_{{{typed}}}^{{(1)}}}} &= " in out
    assert f"dL/d{weight} += dL/dz₁⁽¹⁾ * dz₁⁽¹⁾/d{weight} = " in out


def start(words: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "tinygrad_mlp", *words.split()],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


@pytest.mark.parametrize("seed", range(4))
def test_a_class_of_one_row_is_learned_from(
    seed: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("rare.csv").write_text(GOOD + "3.5,3.5,rare\n")
    words = ["train", "rare.csv", "--target", "kind", "--epochs", "2", "--seed", str(seed)]
    assert main(words) == 0
    table = capsys.readouterr().out.split("predicted\n")[1].splitlines()
    assert table[1].split() == ["rare", "0", "0", "0"]  # none is held out


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        ("1.5,a\n2.5,b\n", ""),
        ("".join(f"{i},{i / 7}\n" for i in range(40)), "--task classification"),
        ("".join(f"{i},{'abcdefgh'[i % 8]}\n" for i in range(9)), "--test-size 0.9"),
    ],
)
def test_more_classes_than_rows_to_learn_from(
    rows: str, options: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("small.csv").write_text(f"x,kind\n{rows}")
    shown = refused(["train", "small.csv", "--target", "kind", *options.split()], capsys)
    assert "of them to learn from, but every class needs one" in shown
    assert "--test-size 0." in shown
    assert "--task regression" in shown


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        ("0 1", "not compared: the column kind holds '0', '1', none of the classes of the network"),
        ("x z", "accuracy 100.0 % (2 of 2 right)"),
        ("x y", "accuracy 50.0 % (1 of 2 right); in 1 row the column kind holds 'y', none of the"),
    ],
)
def test_labels_that_the_network_does_not_know(
    labels: str, shown: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*TRAIN, "--epochs", "60"]) == 0
    first, second = labels.split()
    Path("other.csv").write_text(f"a,b,kind\n1.5,2.5,{first}\n2.5,0.5,{second}\n")
    capsys.readouterr()
    assert main(["predict", "w.npz", "other.csv"]) == 0
    said = capsys.readouterr().err
    assert said.startswith(shown)
    assert said.strip().endswith("'x', 'z'") == ("none of" in shown)


# Files that cannot be written


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """From now on nothing can be written into files of this ending."""

    def fill(ending: str) -> None:
        write_bytes = Path.write_bytes

        def write(path: Path, content: bytes) -> int:
            if ending in path.suffixes:
                raise OSError(errno.ENOSPC, "No space left on device")
            return write_bytes(path, content)

        monkeypatch.setattr(Path, "write_bytes", write)

    return fill


@pytest.mark.usefixtures("pictures")
def test_pictures_that_cannot_be_written_do_not_take_the_network_along(
    folder: Path, no_room: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    no_room(".svg")
    assert main(TRAIN) == 0
    shown = capsys.readouterr().out
    pictures = Path("train_output")
    for name in ("computation_graph.svg", "loss.svg", "decision_boundary.svg"):
        assert f"left out: {name}: {pictures / name}: No space left on device" in shown
    assert main(["predict", "w.npz", "good.csv"]) == 0


def test_the_network_is_kept_before_pictures_are_drawn(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def break_off(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tinygrad_mlp._cli.training_run.draw_pictures", break_off)
    assert main(TRAIN) == 130
    assert "The network is in w.npz" in capsys.readouterr().out
    assert main(["predict", "w.npz", "good.csv"]) == 0


def test_a_file_that_cannot_be_written_is_found_out_before_the_training(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "w" * 250 + ".npz"  # which leaves no room for what is put around it meanwhile
    words = ["train", "good.csv", "--target", "kind", "--save", name]
    assert refused(words, capsys) == f"error: {name}: File name too long\n"
    assert capsys.readouterr().out == ""
    assert [path.name for path in folder.iterdir() if path.name.endswith((".npz", ".part"))] == []


def test_ctrl_c_ends_the_training_and_still_reports(folder: Path) -> None:
    with start("train good.csv --target kind --epochs 3000 --engine eager", folder) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch"):
                break
        process.send_signal(signal.SIGINT)
        shown, complaints = process.communicate(timeout=300)
    assert process.returncode == 0, complaints
    assert "interrupted" in shown
    assert "accuracy" in shown
    assert (folder / "train_output" / "loss.svg").exists()


def test_a_reader_who_has_seen_enough_is_no_error(folder: Path) -> None:
    Path("long.csv").write_text("a,b\n" + "1.5,2.5\n" * 20_000)
    assert main(TRAIN) == 0
    with start("predict w.npz long.csv", folder) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "row,kind,probability\n"
        process.stdout.close()
        assert process.stderr is not None
        complaints = process.stderr.read()
    assert complaints == ""
    assert process.returncode == 0


# Files that would be overwritten


@pytest.mark.parametrize("link", [None, os.symlink, os.link])
@pytest.mark.parametrize(
    ("words", "option"),
    [
        ("predict w.npz good.csv --out {table}", "--out {table} would overwrite good.csv"),
        ("predict w.npz good.csv --out {weights}", "--out {weights} would overwrite w.npz"),
        ("predict w.npz {table} --out good.csv", "--out good.csv would overwrite {table}"),
        ("train good.csv --target kind --save {table}", "--save {table} would overwrite good.csv"),
        ("train good.csv --target kind --save ./good.csv", "--save good.csv would overwrite"),
    ],
)
def test_a_file_that_is_read_is_not_written(
    words: str,
    option: str,
    link: Callable[[str, str], None] | None,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(TRAIN) == 0
    capsys.readouterr()
    names = {"table": "good.csv", "weights": "w.npz"}
    if link is not None:
        for kind, name in names.items():
            link(name, kind)
            names[kind] = kind
    weights = Path("w.npz").read_bytes()
    shown = refused(words.format(**names).split(), capsys)
    assert option.format(**names) in shown
    assert "give another name: --" in shown
    assert Path("good.csv").read_text() == GOOD
    assert Path("w.npz").read_bytes() == weights


@pytest.mark.parametrize("name", ["loss.svg", "computation_graph.svg", "backprop.html"])
def test_a_picture_takes_the_place_of_no_other_file(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("good.csv").rename(name)
    words = ["train", name, "--target", "kind", "--out", "."]
    assert f"--out .: its picture {name} would overwrite {name}" in refused(words, capsys)
    assert Path(name).read_text() == GOOD
    Path("good.csv").write_text(GOOD)
    words = ["train", "good.csv", "--target", "kind", "--out", "pictures"]
    words += ["--save", f"pictures/{name}"]
    assert f"would overwrite pictures/{name}" in refused(words, capsys)
    assert not Path("pictures").exists()


def test_a_drawing_of_a_step_takes_the_place_of_no_input(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "from tinygrad_mlp import Value\nloss = Value(2.0) * 3.0\n"
    Path("script.dot").write_text(script)
    monkeypatch.setattr("sys.stdin", io.StringIO("draw script.dot\ndraw other.dot\n"))
    assert main(["step", "script.dot:loss"]) == 1
    assert "draw script.dot would overwrite script.dot" in capsys.readouterr().out
    assert Path("script.dot").read_text() == script
    assert Path("other.dot").read_text().startswith("digraph")


def test_what_is_no_file_on_a_disk_may_be_read_and_written(folder: Path) -> None:
    reading, writing = os.pipe()
    try:
        pipe = Path(f"/dev/fd/{reading}")
        keep_apart("--out", pipe, [pipe], instead="")
    finally:
        os.close(reading)
        os.close(writing)
