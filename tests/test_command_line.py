"""The command line at work: what is printed, which files are there, what the exit code says."""

from __future__ import annotations

import csv
import io
import math
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.back_ends import as_compiled, need_library
from tests.replaying import recorded
from tests.running import run_python
from tests.source_files import ROOT
from tinygrad_mlp import __version__
from tinygrad_mlp._cli import main
from tinygrad_mlp._cli.demo import DEMOS
from tinygrad_mlp._cli.problem import Problem, standardized_name
from tinygrad_mlp._cli.trained_sample import TrainedSample, _from_the_last_layer
from tinygrad_mlp._cli.training_run import train
from tinygrad_mlp.data import load_iris, make_moons
from tinygrad_mlp.derivatives import grad
from tinygrad_mlp.engine import topological_order
from tinygrad_mlp.errors import DataError
from tinygrad_mlp.losses import LOSSES
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import load_weights, predict_proba, read_weights, task_of

CAT, DOG = "\N{CJK UNIFIED IDEOGRAPH-732B}", "\N{CJK UNIFIED IDEOGRAPH-72AC}"
ACCURACY = re.compile(r"accuracy (\d+\.\d) % \((\d+) of (\d+) right\)")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the commands run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def iris_table(folder: Path) -> str:
    """The flowers as a person would have them in a file."""
    data = load_iris()
    with (folder / "flowers.csv").open("w", newline="") as stream:
        writer = csv.writer(stream, delimiter=";")
        writer.writerow(["name", *data.feature_names, "species"])
        for i, (x, y) in enumerate(zip(data.X.tolist(), data.y)):
            writer.writerow([f"flower {i}", *x, data.target_names[y]])
    return "flowers.csv"


def texts(path: Path) -> str:
    """All text of an SVG, which has to be well-formed; a plot has its texts in comments."""
    builder = ElementTree.TreeBuilder(insert_comments=True)
    root = ElementTree.parse(path, ElementTree.XMLParser(target=builder)).getroot()
    pieces = [piece for node in root.iter() for piece in (node.text, node.tail) if piece]
    return " ".join("".join(pieces).split())


# demo


def test_the_demo_as_the_readme_runs_it(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tinygrad_mlp", "demo"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    found = ACCURACY.search(run.stdout)
    assert found is not None
    assert float(found[1]) >= 96.5
    assert int(found[3]) == 449
    assert "advice:" not in run.stdout
    losses = [float(number) for number in re.findall(r"epoch +\d+  loss (\S+)", run.stdout)]
    assert len(losses) == 10
    assert losses[-1] < losses[0]
    table = run.stdout.split("predicted\n")[1].split("\n\n")[0].splitlines()
    assert [line.split()[0] for line in table] == ["true", *"0123456789"]
    counts = np.array([[int(cell) for cell in line.split()[1:]] for line in table[1:]])
    assert int(np.trace(counts)) == int(found[2])
    pictures = ["demo_output/computation_graph.svg", "demo_output/loss.svg"]
    for picture in pictures:
        assert picture in run.stdout.replace(os.sep, "/")
        ElementTree.parse(tmp_path / picture)
    assert sorted(p.name for p in (tmp_path / "demo_output").iterdir()) == [
        "backprop.html", "computation_graph.svg", "loss.svg",
    ]  # fmt: skip
    assert "demo_output/backprop.html" in run.stdout.replace(os.sep, "/")
    page = (tmp_path / "demo_output" / "backprop.html").read_text(encoding="utf-8")
    assert "<h1>The loss of one sample</h1>" in page
    assert "through the 64-32-10 network trained above; the paths to the output of" in run.stdout
    assert "its last layer and the loss, step by step, in a browser" in run.stdout


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("seed", [1, 2, 4])
def test_iris_is_learned_with_other_seeds_too(
    seed: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--seed", str(seed), "--out", "pictures"]) == 0
    found = ACCURACY.search(capsys.readouterr().out)
    assert found is not None
    assert float(found[1]) >= 93.0


def test_two_features_have_a_decision_boundary(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--data", "moons", "--out", "a/b"]) == 0
    shown = capsys.readouterr().out
    found = ACCURACY.search(shown)
    assert found is not None
    assert float(found[1]) >= 95.0
    assert {"x1", "x2", "upper", "lower"} <= set(texts(Path("a/b/decision_boundary.svg")).split())
    assert str(Path("a/b/decision_boundary.svg")) in shown


def test_digits_are_learned(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--data", "digits", "--epochs", "30"]) == 0
    found = ACCURACY.search(capsys.readouterr().out)
    assert found is not None
    assert float(found[1]) >= 96.5
    assert not Path("demo_output/decision_boundary.svg").exists()


def test_the_same_seed_prints_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(seed: str) -> str:
        assert main(["demo", "--epochs", "10", "--seed", seed]) == 0
        return re.sub(r"for \d+\.\d s", "", capsys.readouterr().out)

    first = run("3")
    picture = Path("demo_output/computation_graph.svg").read_bytes()
    assert run("3") == first
    assert Path("demo_output/computation_graph.svg").read_bytes() == picture
    assert run("4") != first


@pytest.mark.parametrize("name", sorted(DEMOS))
def test_the_network_that_was_trained_is_drawn(name: str, folder: Path) -> None:
    problem, model = trained(name)
    sample = TrainedSample.of(problem, model)
    order = topological_order(sample.loss)
    assert set(model.parameters()) <= set(order)
    assert all(node.has_grad for node in order)
    inputs = {x.label: x.data for x in order}
    row = [inputs[standardized_name(name)] for name in problem.feature_names]
    scaled = problem.inputs.transform(problem.X_test)
    (place,) = np.flatnonzero((scaled == row).all(axis=1))[:1]
    answer = str(problem.y_test[place])
    assert f"sample held out ({problem.target}: {answer}) through the" in sample.description
    # The loss is that of the trained network, and no other sample held out is as near to 0.7.
    classes = model_classes(model)
    shares = predict_proba(model, scaled)
    losses = -np.log([p[classes.index(y)] for p, y in zip(shares, problem.y_test, strict=True)])
    assert sample.loss.data == pytest.approx(losses[place], rel=1e-9)
    assert abs(sample.loss.data - 0.7) == pytest.approx(np.abs(losses - 0.7).min(), abs=1e-9)
    if len(problem.classes) > 2:
        assert sample.output is not None
        share = math.exp(-sample.loss.data)  # of its class
        assert share == pytest.approx(shares[place][classes.index(problem.y_test[place])])
        (slope,) = grad(sample.loss, [sample.output])
        assert slope == pytest.approx(share - 1.0)  # so it is the logit of that class
    assert (sample.focus is None) == (len(problem.classes) == 2)
    sample.draw(Path("graph.svg"))
    shown = texts(Path("graph.svg"))
    assert f"{sample.loss.data:.4g}" in shown
    assert "L" in shown.split()


def model_classes(model: MLP) -> list[Any]:
    task = task_of(model)
    assert task is not None
    assert task.classes is not None
    classes: list[Any] = task.classes.tolist()
    return classes


def test_a_page_of_a_large_network_shows_its_last_layer(folder: Path) -> None:
    problem, model = trained("digits")
    sample = TrainedSample.of(problem, model)
    order = topological_order(sample.page_loss)
    assert sample.page_loss.data == pytest.approx(sample.loss.data, rel=1e-12)
    assert set(model.layers[-1].parameters()) <= set(order)
    assert not set(model.layers[0].parameters()) & set(order)
    assert [x.label for x in order if x.label.startswith("h")] == [f"h{i}" for i in range(1, 33)]
    shown = {x.label: x.data for x in order}
    for i, neuron in enumerate(model.layers[-1].neurons, start=1):
        products = [w.data * shown[f"h{k}"] for k, w in enumerate(neuron.w, start=1)]
        assert shown[f"z{i}"] == pytest.approx(math.fsum([*products, neuron.b.data]), rel=1e-9)
    assert sample.page_loss.label == "L"
    sample.replay(Path("a.html"))
    assert {"h32", "z10", "L"} <= set(recorded(Path("a.html").read_text(encoding="utf-8"))["codes"])
    small = TrainedSample.of(*trained("iris"))
    assert small.page_loss is small.loss
    assert len(topological_order(small.loss)) <= 1000


def test_a_page_of_a_last_layer_calls_predictions_y() -> None:
    model = MLP(2, [3, 1], activation="tanh", rng=0)
    loss = _from_the_last_layer(model, LOSSES["mean_squared_error"], np.array([1.0, -1.0]), 0.5)
    (y,) = [x for x in topological_order(loss) if x.label == "y1"]
    assert y.data == pytest.approx(model([1.0, -1.0]).data, rel=1e-12)
    assert loss.data == pytest.approx((y.data - 0.5) ** 2, rel=1e-12)


def trained(name: str) -> tuple[Problem, MLP]:
    """What is learned, and a network after an epoch."""
    demo = DEMOS[name]
    problem = demo.problem(0)
    return problem, train(problem, replace(demo.recipe, epochs=1), 0)[0]


def test_a_network_that_was_not_trained_has_no_sample() -> None:
    problem = DEMOS["moons"].problem(0)
    with pytest.raises(DataError, match="not trained"):
        TrainedSample.of(problem, problem.network([2], "tanh", 0))


def test_what_cannot_be_drawn_is_named_with_the_remedy(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["demo", "--data", "moons", "--epochs", "5"]) == 0
    shown = capsys.readouterr().out
    assert "left out: loss.svg, decision_boundary.svg: plots need the package 'matplotlib'" in shown
    assert "python -m pip install -e '.[all]'" in shown
    assert sorted(p.name for p in Path("demo_output").iterdir()) == [
        "backprop.html", "computation_graph.svg",
    ]  # fmt: skip

    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    monkeypatch.setenv("PATH", "")
    assert main(["demo", "--data", "moons", "--epochs", "5", "--out", "nothing"]) == 0
    shown = capsys.readouterr().out
    assert sorted(p.name for p in Path("nothing").iterdir()) == [
        "backprop.html", "computation_graph.svg",  # circles need no Graphviz
    ]  # fmt: skip


def test_characters_that_a_font_lacks_are_left_to_the_browser(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "".join(f"{i},{-i},{CAT if i % 2 else DOG}\n" for i in range(20))
    Path("animals.csv").write_text(f"x,z,kind\n{rows}", encoding="utf-8")
    assert main(["train", "animals.csv", "--target", "kind", "--epochs", "2"]) == 0
    shown = capsys.readouterr()
    assert "note:" not in shown.out
    assert {CAT, DOG} <= set(texts(Path("train_output/decision_boundary.svg")).split())
    assert shown.err == ""


def test_the_boundary_is_where_the_probabilities_cross(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def record(model: Any, X: Any, *_: Any, **__: Any) -> None:
        probabilities = model.predict_proba(X)
        seen.append((np.array(["lower", "upper"])[probabilities.argmax(axis=1)], model.predict(X)))

    monkeypatch.setattr("viz.plots.decision_boundary", record)
    assert main(["demo", "--data", "moons", "--epochs", "5"]) == 0
    by_probability, answers = seen[0]
    assert by_probability.tolist() == answers.tolist()


# train and predict


def test_a_table_of_ones_own_is_learned_and_asked_again(
    iris_table: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", iris_table, "--target", "species", "--drop", "name", "--save", "w/net.npz"]
    assert main([*words, "--out", "pictures"]) == 0
    shown = capsys.readouterr().out
    assert "flowers.csv: 150 samples, 4 features" in shown
    assert "to learn: species, 3 classes: setosa, versicolor, virginica" in shown
    found = ACCURACY.search(shown)
    assert found is not None
    assert float(found[1]) >= 93.0
    assert sorted(p.name for p in Path("pictures").iterdir()) == [
        "backprop.html", "computation_graph.svg", "loss.svg",
    ]  # fmt: skip

    assert main(["predict", "w/net.npz", iris_table]) == 0
    printed = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(printed.out)))
    assert [row["row"] for row in rows] == [str(i) for i in range(2, 152)]
    assert {row["species"] for row in rows} == {"setosa", "versicolor", "virginica"}
    assert all(1 / 3 <= float(row["probability"]) <= 1.0 for row in rows)
    found = ACCURACY.search(printed.err)
    assert found is not None
    assert float(found[1]) >= 93.0

    text = Path(iris_table).read_text().replace("species", "kind")
    Path("others.csv").write_text(text)
    assert main(["predict", "w/net.npz", "others.csv", "--out", "answers/a.csv"]) == 0
    quiet = capsys.readouterr()
    assert quiet.err == ""
    assert "150 answers in" in quiet.out
    assert Path("answers/a.csv").read_text() == printed.out


@pytest.mark.usefixtures("no_pictures")
def test_a_training_that_learns_nothing_says_so(
    iris_table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", iris_table, "--target", "species", "--drop", "name", "--epochs", "20"]
    diverging = ["--optimizer", "sgd", "--learning-rate", "10", "--activation", "relu"]
    assert main([*words, *diverging]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "advice: at the end the loss is" in shown
    assert "the shares of the classes costs 1.099, so nothing was learned" in shown
    assert "in Python:" not in shown
    assert "advice: dead relu units in layers.1: " in shown
    assert main(words) == 0
    assert "advice:" not in capsys.readouterr().out


def test_a_number_is_learned_in_its_own_units(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    lines = [f"{x!r},{1000 + 200 * math.sin(x)!r}" for x in rng.uniform(-3.0, 3.0, 160).tolist()]
    Path("wave.csv").write_text("x,height\n" + "\n".join(lines) + "\n")
    assert main(["train", "wave.csv", "--target", "height", "--save", "net.npz"]) == 0
    shown = capsys.readouterr().out
    assert "to learn: height, a number from 80" in shown
    assert "advice:" not in shown
    found = re.search(
        r"mean absolute error (\S+) \(always guessing the mean: (\S+)\), R2 (\S+)", shown
    )
    assert found is not None
    assert float(found[1]) < 30.0 < 100.0 < float(found[2])
    assert float(found[3]) > 0.95
    assert not Path("train_output/decision_boundary.svg").exists()
    assert "through the 1-16-16-1 network trained above" in shown

    assert main(["predict", "net.npz", "wave.csv"]) == 0
    printed = capsys.readouterr()
    answers = [float(row["height"]) for row in csv.DictReader(io.StringIO(printed.out))]
    errors = [abs(a - float(line.split(",")[1])) for a, line in zip(answers, lines)]
    assert np.mean(errors) < 30.0
    assert f"mean absolute error {np.mean(errors):.3g}"[:22] in printed.err


def test_whole_numbers_as_classes_and_as_numbers(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    X, y = make_moons(60, noise=0.1, rng=0)
    rows = "\n".join(f"{a},{b},{10 * label + 9}.0" for (a, b), label in zip(X.tolist(), y))
    Path("moons.csv").write_text(f"a,b,kind\n{rows}\n")
    settings = ["--epochs", "20", "--hidden", "5", "--learning-rate", "0.05", "--save", "net.npz"]
    assert main(["train", "moons.csv", "--target", "kind", *settings]) == 0
    assert "2 classes: 9.0, 19.0" in capsys.readouterr().out
    assert {"9.0", "19.0"} <= set(texts(Path("train_output/decision_boundary.svg")).split())
    assert main(["predict", "net.npz", "moons.csv"]) == 0
    found = ACCURACY.search(capsys.readouterr().err)
    assert found is not None
    assert float(found[1]) > 80.0
    words = ["train", "moons.csv", "--target", "kind", "--task", "regression", "--epochs", "5"]
    assert main(words) == 0
    assert "to learn: kind, a number from 9 to 19" in capsys.readouterr().out


@pytest.mark.usefixtures("no_pictures")
def test_the_saved_file_serves_python_too(iris_table: str, folder: Path) -> None:
    words = ["train", iris_table, "--target", "species", "--drop", "name", "--epochs", "2"]
    assert main([*words, "--hidden", "7,5", "--activation", "relu", "--save", "net.npz"]) == 0
    content = read_weights("net.npz")
    assert content.state["layers.1.weight"].shape == (5, 7)
    assert content.extra["feature_names"] == list(load_iris().feature_names)
    assert content.task is not None
    from tinygrad_mlp.nn import MLP

    model = MLP(4, [7, 5, 3], "relu", "softmax")
    load_weights(model, "net.npz")
    assert len(model([0.0, 0.0, 0.0, 0.0])) == 3


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize(
    "options",
    [
        ["--hidden", "0"],
        ["--hidden", "4", "--optimizer", "sgd", "--schedule", "step", "--batch-size", "50"],
        ["--engine", "eager", "--l2", "0", "--test-size", "0.5", "--activation", "gelu"],
    ],
    ids=" ".join,
)
def test_settings_of_the_training(
    options: list[str], iris_table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", iris_table, "--target", "species", "--drop", "name", "--epochs", "3"]
    assert main([*words, *options]) == 0
    shown = capsys.readouterr().out
    named = {as_compiled(engine) for engine in re.findall(r"engine: (.*)\n", shown)}
    assert named == {"eager" if "--engine" in options else "compiled"}


@pytest.mark.usefixtures("no_pictures")
def test_the_back_end_of_the_training(iris_table: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", iris_table, "--target", "species", "--drop", "name", "--epochs", "2"]
    assert main([*words, "--backend", "numpy"]) == 0
    assert re.findall(r"engine: (.*)\n", capsys.readouterr().out) == ["compiled", "compiled"]
    assert main([*words, "--engine", "eager", "--backend", "native"]) == 2
    assert capsys.readouterr().err == (
        "error: --engine eager records nothing that the C library could run; leave out --backend "
        "native, or the engine\n"
    )


@pytest.mark.usefixtures("no_pictures")
def test_the_library_where_it_is_asked_for(
    iris_table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    need_library()
    words = ["train", iris_table, "--target", "species", "--drop", "name", "--epochs", "2"]
    assert main([*words, "--backend", "native"]) == 0
    assert re.findall(r"engine: (.*)\n", capsys.readouterr().out) == ["native", "native"]


# Help


def test_help_shows_every_command_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("demo", "train", "predict", "examples:"))
    for command in ("demo", "train", "predict"):
        assert main([command, "--help"]) == 0
        shown = capsys.readouterr().out
        assert f"usage: python -m tinygrad_mlp {command}" in shown
        assert "--out" in shown
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"tinygrad_mlp {__version__}\n"


def test_both_ways_of_starting_tell_the_version(tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, function = project["scripts"]["tinygrad-mlp"].partition(":")
    script = (
        f"import sys; from {module} import {function}; sys.exit({function}())"  # as pip writes it
    )
    for start in (["-m", "tinygrad_mlp"], ["-c", script]):
        assert run_python(*start, "--version", folder=tmp_path) == f"tinygrad_mlp {__version__}\n"
