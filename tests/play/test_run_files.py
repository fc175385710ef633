"""A run as a file, and its network as a file: both are what the run is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_mlp import load_model, predict, predict_proba
from tinygrad_mlp.data import make_moons
from tinygrad_mlp.errors import MissingDependencyError, TinygradMLPError
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import read_weights
from viz._run.curve import Cursor
from viz._run.messages import frame, scene
from viz._run.run import Run
from viz._run.run_settings import LayerSettings, RunSettings


def steered() -> Run:
    """A run with a change of each kind."""
    settings = RunSettings(
        "moons", n_samples=40, features=("x1", "x1*x2"), layers=(LayerSettings(3),), batch_size=8
    )
    run = Run(settings)
    run.take(11)
    run.set("learning_rate", 0.05)
    run.set_layer(0, activation="relu", dropout=0.25)
    run.take(7)
    run.paint([[0.1, 0.2, 1], [1.1, 0.3, 0]])
    run.set("l2", 0.001)
    run.take(7)
    run.set_weight(2, -0.25)
    run.paint([[0.7, 0.7, 1]])
    run.set("optimizer", "rmsprop")
    run.set("noise", 0.2)
    run.set("batch_size", None)
    run.take(9)
    return run


def test_a_restored_run_is_the_same_and_goes_on_the_same_way() -> None:
    run = steered()
    name, content = run.exported("json")
    assert name == "moons.json"
    other = Run.restored(json.loads(content))
    assert (other.step, other.settings, other.base) == (34, run.settings, run.base)
    assert other.numbers().tobytes() == run.numbers().tobytes()
    assert other.json() == run.json()
    run.take(9)
    other.take(9)
    assert other.numbers().tobytes() == run.numbers().tobytes()
    assert other.script() == run.script()
    other.go_to(11)
    run.go_to(11)
    assert other.numbers().tobytes() == run.numbers().tobytes()


def test_a_file_of_a_run_that_went_back_ends_there() -> None:
    run = steered()
    run.go_to(13)
    other = Run.restored(run.exported("json")[1].decode())
    assert (other.step, other.last, other.settings) == (13, 13, run.settings)
    assert other.numbers().tobytes() == run.numbers().tobytes()


def test_a_run_becomes_the_one_of_a_file() -> None:
    run, page = Run(RunSettings("circles", layers=())), Cursor()
    run.take(50)
    frame(run, page)
    lock, version = run.lock, run.version
    run.restore(steered().exported("json")[1].decode())
    assert run.lock is lock
    assert run.version > version
    assert run.numbers().tobytes() == steered().numbers().tobytes()
    assert frame(run, page)["curve"]["from"] == 0
    assert scene(run)["title"] == "moons"


WRONG: dict[str, tuple[Any, str]] = {
    "no JSON": ("{", "is no JSON"),
    "deep": ("[" * 100_000, "is no JSON|no file of a run"),
    "list": ("[]", "no file of a run"),
    "none": (None, "no file of a run"),
    "kind": ({"kind": "x"}, "no file of a run"),
    "format": ({"format": 2}, "format 2, but this version reads 1"),
    "key": ({"more": 1}, "unknown key 'more'"),
    "settings": ({"settings": None}, "settings is None"),
    "step": ({"step": -1}, "step is -1"),
    "step text": ({"step": "9"}, "step is '9'"),
    "endless": ({"step": 10**15}, "10,000,000 is the most"),
    "changes": ({"changes": {}}, "changes is {}"),
    "change": ({"changes": [3]}, "a change is 3"),
    "change key": ({"changes": [{"step": 1, "do": 2}]}, "unknown key 'do'"),
    "change without step": ({"changes": [{"set": {}}]}, "step is None"),
    "change set": ({"changes": [{"step": 1, "set": 3}]}, "set is 3"),
    "change of data": ({"changes": [{"step": 1, "set": {"data": "xor"}}]}, "needs a new start"),
    "change unknown": ({"changes": [{"step": 1, "set": {"rate": 1}}]}, "unknown key 'rate'"),
    "change paint all": (
        {"changes": [{"step": 1, "set": {"painted": []}}]},
        "sets painted; points are added",
    ),
    "name": (
        {"settings": {"data": "table", "table": {"name": "x" * 256, "text": "a,b\n1,2\n"}}},
        "256 letters, but 255 is the most",
    ),
    "change paint": ({"changes": [{"step": 1, "paint": 3}]}, "paint is 3"),
    "change weight": ({"changes": [{"step": 1, "weight": [1]}]}, "\\[place, number\\] is needed"),
    "no such weight": ({"changes": [{"step": 1, "weight": [99, 1.0]}]}, "no weight 99"),
    "order": ({"changes": [{"step": 3}, {"step": 2}]}, "not in the order"),
    "after the end": ({"step": 3, "changes": [{"step": 9}]}, "not in the order"),
}


@pytest.fixture(scope="module")
def unharmed() -> Run:
    return Run(RunSettings("moons", n_samples=40, layers=()))


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_changes_nothing(unharmed: Run, name: str) -> None:
    wrong, message = WRONG[name]
    if isinstance(wrong, dict):
        base = RunSettings("moons", n_samples=40, layers=(LayerSettings(2),)).json()
        good = {"kind": "tinygrad_mlp run", "format": 1, "settings": base, "changes": []}
        wrong = {**good, "step": 20, **wrong}
    unharmed.take(1)
    before = unharmed.json()
    with pytest.raises(TinygradMLPError, match=message):
        unharmed.restore(wrong)
    assert unharmed.json() == before


def test_a_run_that_cannot_be_trained_so_far_is_not_restored(unharmed: Run) -> None:
    settings = RunSettings("moons", layers=(), optimizer="sgd", learning_rate=1e6, l2=1e6)
    before = unharmed.json()
    told = Run(settings).json() | {"step": 400}
    with pytest.raises(TinygradMLPError, match=r"up to step 400: the loss of step \d+ is nan"):
        unharmed.restore(told)
    assert unharmed.json() == before


def test_a_run_that_is_not_wanted_any_more_is_not_restored(unharmed: Run) -> None:
    asked: list[int] = []

    def is_wanted() -> bool:
        asked.append(1)
        return len(asked) < 3

    before = unharmed.json()
    with pytest.raises(TinygradMLPError, match=r"up to step [1-9][0-9,]* when something else"):
        unharmed.restore(Run().json() | {"step": 10_000_000}, is_wanted)
    assert len(asked) == 3
    assert unharmed.json() == before


def test_the_npz_file_is_a_model_that_predicts_as_the_run(tmp_path: Path) -> None:
    run = Run(RunSettings("iris", layers=(LayerSettings(4, dropout=0.5),)))
    run.take(60)
    name, content = run.exported("npz")
    assert name == "iris.npz"
    (tmp_path / name).write_bytes(content)
    model = load_model(tmp_path / name)
    extra = read_weights(tmp_path / name).extra
    samples = run.samples
    X = (samples.X - extra["inputs"]["mean"]) / extra["inputs"]["scale"]
    said = predict(model, X[samples.held_out])
    right = np.array(samples.classes)[samples.y[samples.held_out]]
    assert (said == right).mean() == run.measured().held_out_accuracy
    assert extra["columns"] == list(samples.names)
    assert predict_proba(model, X).shape == (150, 3)


def test_the_onnx_file_takes_the_columns_as_they_are(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    run = steered()
    name, content = run.exported("onnx")
    assert name == "moons.onnx"
    session = runtime.InferenceSession(content)
    samples = run.samples
    (p,) = session.run(["output"], {"input": samples.X.astype(np.float32)})
    here = samples.held_out
    said = (p[here, 0] > 0.5).astype(int)
    assert (said == samples.y[here]).mean() == run.measured().held_out_accuracy
    right = np.where(samples.y[here] == 1, p[here, 0], 1.0 - p[here, 0])
    assert -np.log(right).mean() == pytest.approx(run.measured().held_out_loss, rel=1e-5)


def test_the_onnx_file_of_a_regression_gives_numbers_of_the_table() -> None:
    runtime = pytest.importorskip("onnxruntime")
    rows = "".join([f"{x},{1000.0 + 40.0 * x}\n" for x in range(40)])
    run = Run(RunSettings("moons", layers=(), learning_rate=0.1))
    run.load_csv("line.csv", f"x,y\n{rows}")
    run.take(600)
    session = runtime.InferenceSession(run.exported("onnx")[1])
    (y,) = session.run(["output"], {"input": np.array([[0.0], [10.0]], np.float32)})
    np.testing.assert_allclose(y[:, 0], [1000.0, 1400.0], rtol=2e-3)


def test_a_file_has_a_name_of_plain_letters() -> None:
    run = Run(RunSettings("moons", layers=()))
    run.load_csv("../../etc/pass wd\n.csv", "a,b\n1,2.5\n2,3\n3,5.5\n4,0.5\n")
    assert run.exported("json")[0] == "pass_wd.json"
    assert run.exported("python")[0] == "pass_wd.py"


def test_what_there_is_no_file_of(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = make_moons(40, noise=0.1, rng=0)
    run = Run.of_model(MLP(2, [3, 1], batch_norm=True, rng=0), X, y)
    run.take(5)
    for kind in ("python", "json"):
        with pytest.raises(TinygradMLPError, match="your program is what gives this training"):
            run.exported(kind)
        assert f"export_{kind}" not in run.abilities
    with pytest.raises(TinygradMLPError, match="those of your program"):
        run.restore(steered().json())
    assert run.exported("npz")[0] == "training.npz"
    with pytest.raises(TinygradMLPError, match="unknown kind of file 'exe'"):
        run.exported("exe")
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match="onnx"):
        run.exported("onnx")
