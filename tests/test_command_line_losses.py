"""The loss and the weights of classes on the command line."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from tinygrad_mlp._cli import main
from tinygrad_mlp._cli.problem import Recipe, split
from tinygrad_mlp._cli.trained_sample import TrainedSample
from tinygrad_mlp._cli.training_run import train
from tinygrad_mlp.data import read_table
from tinygrad_mlp.losses import LOSSES
from tinygrad_mlp.training import predict, read_weights


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a table of numbers, of which a few are far off, and one of classes."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 2))
    prices = X @ [1.0, 2.0] + np.where(np.arange(120) % 10, 0.0, 50.0)
    kinds = np.where(X[:, 0] + 0.5 * rng.normal(size=120) > 1.2, "rare", "common")
    for name, target in (("prices", prices.tolist()), ("kinds", kinds.tolist())):
        rows = [f"{a},{b},{t}" for (a, b), t in zip(X.tolist(), target)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["a,b,target", *rows]) + "\n")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.mark.parametrize("word", ["huber", "smooth_l1", "SmoothL1", "mae"])
def test_a_loss_by_name_or_alias(
    word: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = LOSSES.find(word)
    code, out, err = run(
        capsys, "train", "prices.csv", "--target", "target", "--loss", word, "--save", "w.npz",
        "--epochs", "40", "--l2", "0",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert re.search(f"regression, {name}, engine: (compiled|native)", out)
    task = read_weights("w.npz").task
    assert task is not None
    assert task.loss is LOSSES[str(name)]
    code, out, err = run(capsys, "predict", "w.npz", "prices.csv")
    assert code == 0
    assert "mean absolute error" in err
    monkeypatch.setattr("sys.stdin", io.StringIO("q\n"))
    code, out, err = run(capsys, "step", "--model", "w.npz", "--data", "prices.csv", "--row", "3")
    assert (code, err) == (0, "")


def test_a_loss_that_outliers_pull_less_is_nearer_to_the_others(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    medians = {}
    for loss in ("mean_squared_error", "mean_absolute_error"):
        words = ["--loss", loss, "--hidden", "0", "--l2", "0", "--save", "w.npz"]
        assert run(capsys, "train", "prices.csv", "--target", "target", *words)[0] == 0
        assert run(capsys, "predict", "w.npz", "prices.csv", "--out", "answers.csv")[0] == 0
        given = np.loadtxt("prices.csv", delimiter=",", skiprows=1)[:, 2]
        answers = np.loadtxt("answers.csv", delimiter=",", skiprows=1)[:, 1]
        medians[loss] = float(np.median(np.abs(answers - given)))
    assert medians["mean_absolute_error"] < 0.3 * medians["mean_squared_error"]


def test_balanced_classes_find_more_of_the_rare_ones(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rare = {}
    for words in ([], ["--class-weight", "balanced"]):
        given = ["--target", "target", "--hidden", "0", "--save", "w.npz", *words]
        code, _, err = run(capsys, "train", "kinds.csv", *given)
        assert (code, err) == (0, "")
        assert run(capsys, "predict", "w.npz", "kinds.csv", "--out", "answers.csv")[0] == 0
        rare[len(words)] = Path("answers.csv").read_text().count("rare")
    assert rare[2] > rare[0] + 5


OF_NUMBERS: Final = [n for n, of in LOSSES.items() if of.task == "regression" and of.standardizable]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["kinds.csv", "--loss", "huber"], r"the loss huber is for numbers, but 'target' has the "
         "classes common, rare; leave it out, or, if it is a number, give --task regression"),
        (["prices.csv", "--class-weight", "balanced"], "--class-weight is for classes, but "
         "'target' is a number; leave it out, or give --task classification"),
        (["kinds.csv", "--class-weight", "balanced", "--batch-size", "1"], "with --batch-size 1 "
         "--class-weight changes nothing: a sample counts more or less only beside the others of "
         "its batch; give a larger --batch-size, or leave --class-weight out"),
        (["prices.csv", "--loss", "hinge"], "argument --loss: invalid choice: 'hinge' (choose "
         f"from {', '.join(map(repr, sorted(OF_NUMBERS)))})"),
        (["prices.csv", "--loss", "poisson"], "argument --loss: invalid choice: 'poisson'"),
        (["kinds.csv", "--class-weight", "equal"], "argument --class-weight: invalid choice"),
    ],
)  # fmt: skip
def test_what_does_not_go_together(
    words: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code, _, err = run(capsys, "train", *words, "--target", "target")
    except SystemExit as ended:
        code, err = int(str(ended.code)), capsys.readouterr().err
    assert code != 0
    assert message in err


def test_the_picture_is_of_the_same_loss(folder: Path) -> None:
    table = read_table("prices.csv", "target")
    problem = split(table, "target", test_size=0.25, rng=0, loss="mean_absolute_error")
    model, _ = train(problem, Recipe(hidden=(2,), epochs=1, loss="mean_absolute_error"), 0)
    sample = TrainedSample.of(problem, model)
    assert sample.loss.op is not None
    assert sample.loss.op.name == "abs"
    target = problem.encoded(problem.y_test).ravel()
    errors = np.abs(predict(model, problem.inputs.transform(problem.X_test)) - target)
    assert np.abs(errors - sample.loss.data).min() < 1e-9
