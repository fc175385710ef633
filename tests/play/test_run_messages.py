"""What a page is told of a run are the numbers of the engine."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tinygrad_mlp import accuracy, predict, predict_proba
from tinygrad_mlp.data import make_moons
from tinygrad_mlp.errors import TinygradMLPError
from tinygrad_mlp.nn import MLP, Activation, BatchNorm, Dropout, Layer, Sequential
from viz._run.curve import MOST_POINTS, Cursor, Curve
from viz._run.messages import frame, scene
from viz._run.run import Run
from viz._run.run_settings import LayerSettings, RunSettings
from viz._run.run_steps import Measured

LAYERS = (LayerSettings(4), LayerSettings(3, "relu"))
FUNCTIONS: dict[str, Any] = {
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0.0),
    "linear": lambda z: z,
}


def sent(message: dict[str, Any]) -> dict[str, Any]:
    told = json.loads(json.dumps(message, allow_nan=False))
    assert isinstance(told, dict)
    return told


def outputs(told: dict[str, Any], numbers: NDArray[Any], seen: NDArray[Any]) -> NDArray[Any]:
    """The outputs before the head, by what the scene says alone."""
    for layer in told["network"]["layers"]:
        W, b, norm, units = layer["W"], layer["b"], layer["norm"], range(layer["units"])
        if W is not None:
            rows = [numbers[W["at"] + j * W["row"] :][: seen.shape[1]] for j in units]
            biases = [numbers[b["at"] + j * b["row"]] for j in units]
            seen = seen @ np.array(rows).T + np.array(biases)
        if norm is not None:
            gamma, beta, mean, var = [
                numbers[norm[name] :][: len(units)] for name in ("gamma", "beta", "mean", "var")
            ]
            seen = gamma * (seen - mean) / np.sqrt(var + norm["eps"]) + beta
        seen = FUNCTIONS[layer["activation"]](seen)
    return seen


def weights_in(told: dict[str, Any]) -> NDArray[Any]:
    return np.frombuffer(base64.b64decode(told["weights"]), "<f4")


@pytest.mark.parametrize("data", ["moons", "iris"])
def test_the_scene_and_the_weights_give_the_outputs_of_the_engine(data: str) -> None:
    run = Run(RunSettings(data, layers=LAYERS))
    run.take(30)
    told, weights = sent(scene(run)), weights_in(sent(frame(run)))
    assert (weights == run.numbers().astype(np.float32)).all()
    X = (np.array(told["points"]["X"]) - told["mean"]) / told["scale"]
    y, held_out = np.array(told["points"]["y"]), np.array(told["points"]["held_out"])
    z = outputs(told, run.numbers(), X)
    says = z.argmax(axis=1) if z.shape[1] > 1 else (z[:, 0] > 0.0).astype(int)
    for part, name in ((0, "accuracy"), (1, "held_out_accuracy")):
        here = held_out == part
        assert sent(frame(run))[name] == pytest.approx((says == y)[here].mean())


def own() -> tuple[Run, Any, Any]:
    X, y = make_moons(41, noise=0.2, rng=0)
    model = Sequential(
        Layer(2, 4, None, rng=0, batch_norm=True),
        Activation("tanh"),
        Dropout(0.25, rng=0),
        Layer(4, 3, None, rng=1),
        BatchNorm(3),
        Activation("relu"),
        Layer(3, 1, None, rng=2),
    )
    return Run.of_model(model, X, y, batch_size=8, learning_rate=0.05), X, y


def test_a_persons_own_model_is_described_as_it_predicts() -> None:
    run, X, _ = own()
    run.take(40)
    run.write_back()
    told = sent(scene(run))
    assert told["mean"] is None
    assert told["fixed"].startswith("the network and the data are those of your program")
    assert np.array(told["points"]["X"]).shape == (41, 2)
    p = 1.0 / (1.0 + np.exp(-outputs(told, run.numbers(), X)[:, 0]))
    np.testing.assert_allclose(p, predict_proba(run.model, X)[:, 1], rtol=1e-12)
    layers = told["network"]["layers"]
    assert [layer["units"] for layer in layers if layer["W"] is not None] == [4, 3, 1]
    assert sum([layer["dropout"] for layer in layers]) == 0.25


def test_held_out_metrics_are_those_of_the_package() -> None:
    run, X, y = own()
    run.take(40)
    run.write_back()
    samples, now = run.samples, sent(frame(run))
    for part, name in ((samples.train, "accuracy"), (samples.held_out, "held_out_accuracy")):
        assert now[name] == accuracy(run.model, X[part], y[part])
        assert now[name] == np.mean(predict(run.model, X[part]) == y[part])
    p = predict_proba(run.model, X[samples.held_out])[:, 1]
    right = np.where(y[samples.held_out] == 1, p, 1.0 - p)
    assert now["held_out_loss"] == pytest.approx(-np.log(right).mean(), rel=1e-12)
    assert len(samples.held_out) == 10
    assert not set(samples.held_out) & set(samples.train)


X_OWN = np.random.default_rng(0).normal(size=(40, 3))

OWN_TARGETS: dict[str, tuple[int, Any, tuple[str, str, list[str]]]] = {
    "texts": (
        3,
        np.array(["a", "b", "c", "a"] * 10),
        ("classification", "softmax", ["a", "b", "c"]),
    ),
    "yes or no": (1, np.array(["no", "yes"] * 20), ("binary", "sigmoid", ["no", "yes"])),
    "questions": (
        2,
        (X_OWN[:, :2] > 0).astype(int),
        ("multilabel", "sigmoid", ["class 0", "class 1"]),
    ),
    "a number": (1, X_OWN[:, 0] * 2.0, ("regression", "identity", ["y"])),
    "numbers": (2, X_OWN[:, :2] * 2.0, ("regression", "identity", ["y1", "y2"])),
}


@pytest.mark.parametrize("name", OWN_TARGETS)
def test_what_a_persons_own_model_learns(name: str) -> None:
    n_outputs, y, (task, head, outputs_named) = OWN_TARGETS[name]
    model = MLP(3, [4, n_outputs], rng=0)
    run = Run.of_model(model, X_OWN, y, batch_size=10, learning_rate=0.05, names=["p", "q", "r"])
    run.take(60)
    run.write_back()
    told = sent(scene(run))
    assert (told["task"], told["network"]["head"], told["outputs"]) == (task, head, outputs_named)
    assert told["names"] == ["p", "q", "r"]
    assert told["points"]["n_points"] == [30, 10]
    now, held_out = sent(frame(run)), run.samples.held_out
    if task == "regression":
        errors = predict(model, X_OWN[held_out]).reshape(10, -1) - y[held_out].reshape(10, -1)
        assert now["held_out_loss"] == pytest.approx(np.mean(errors**2), rel=1e-12)
        assert now["accuracy"] is None
    else:
        assert now["held_out_accuracy"] == pytest.approx(
            np.mean(predict(model, X_OWN[held_out]) == y[held_out])
        )
    assert run.sample_loss(3).loss.data > 0.0


def test_names_that_do_not_fit_are_refused() -> None:
    with pytest.raises(TinygradMLPError, match="X has 3 columns; give a name for each"):
        Run.of_model(MLP(3, [1], rng=0), X_OWN, X_OWN[:, 0], names=["p"])
    with pytest.raises(TinygradMLPError, match="is one of a whole batch"):
        Run.of_model(MLP(3, [1], rng=0), X_OWN, X_OWN[:, 0], loss=lambda o, t: o[0] - t[0])


def test_a_regression_is_learned_in_its_own_scale_and_shown_in_its_numbers() -> None:
    rows = "".join([f"{x},{1000.0 + 40.0 * x}\n" for x in range(40)])
    run = Run(RunSettings("moons", layers=(), learning_rate=0.1))
    run.load_csv("line.csv", f"x,y\n{rows}")
    run.take(600)
    told = sent(scene(run))
    assert (told["task"], told["outputs"], told["names"]) == ("regression", ["y"], ["x"])
    assert told["network"]["head"] == "identity"
    assert told["settings"]["table"] == {"name": "line.csv", "target": "y"}
    X = (np.array(told["points"]["X"]) - told["mean"]) / told["scale"]
    z = outputs(told, run.numbers(), X)[:, 0]
    target = told["target_scale"]
    np.testing.assert_allclose(
        z * target["scale"][0] + target["mean"][0], told["points"]["y"], rtol=1e-3
    )
    now = sent(frame(run))
    assert now["accuracy"] is now["held_out_accuracy"] is None
    y = (np.array(told["points"]["y"]) - target["mean"]) / target["scale"]
    here = np.array(told["points"]["held_out"]) == 1
    assert now["held_out_loss"] == pytest.approx(np.mean((z - y)[here] ** 2), rel=1e-9)


def test_the_scene_says_what_is_there() -> None:
    run = Run(RunSettings("moons", n_samples=40, features=("x1", "x1*x2"), layers=LAYERS))
    run.take(9)
    run.paint([[9.0, -8.0, 1]])
    told = sent(scene(run))
    assert (told["kind"], told["version"], told["title"]) == ("scene", 2, "moons")
    assert (told["task"], told["outputs"]) == ("binary", ["class 0", "class 1"])
    points = told["points"]
    assert points["n_points"] == [31, 10]
    assert [sum(points[name]) for name in ("held_out", "painted")] == [10, 1]
    painted = points["painted"].index(1)
    assert (points["X"][painted], points["y"][painted]) == ([9.0, -8.0], 1)
    for place, X, y in zip(points["sample"], points["X"], points["y"]):
        assert (run.samples.X[place].tolist(), run.samples.y[place]) == (X, y)
    learned = run.samples.X[run.samples.train]
    assert told["ranges"] == [[min(x), max(x)] for x in learned.T.tolist()]
    assert told["medians"] == np.median(learned, axis=0).tolist()
    assert [feature["name"] for feature in told["features"] if feature["on"]] == ["x1", "x1*x2"]
    assert told["features"][4]["of"] == "column 0 and column 1"
    assert told["network"]["n_inputs"] == 2
    assert [layer["initializer"] for layer in told["network"]["layers"]] == ["default"] * 2 + [None]
    assert RunSettings.of_json(told["settings"]) == run.settings
    assert set(told["choices"]) == {
        *("optimizer", "activation", "initializer", "data", "feature", "made"),
    }
    assert {"export_python", "export_npz", "export_json"} <= set(told["can"])


def test_digits_are_pictures() -> None:
    told = sent(scene(Run(RunSettings("digits", layers=()))))
    assert told["network"]["image"] == [8, 8]
    assert len(told["outputs"]) == 10
    assert told["network"]["head"] == "softmax"


def test_of_many_samples_some_are_sent() -> None:
    run = Run(RunSettings("moons", n_samples=12_000, layers=()))
    points = sent(scene(run))["points"]
    assert points["n_points"] == [9000, 3000]
    assert (len(points["X"]), sum(points["held_out"])) == (4000, 2000)


def test_a_frame_tells_the_moment() -> None:
    run = Run(RunSettings("moons", n_samples=40, layers=LAYERS, batch_size=10))
    run.take(4)
    run.back(1)
    now = sent(frame(run, playing=True))
    assert (now["step"], now["last"], now["epoch"], now["playing"]) == (3, 4, 1.0, True)
    assert (now["oldest"], now["advice"], now["remark"]) == (0, "", "")
    run.take(2)
    assert sent(frame(run))["epoch"] == pytest.approx(1.0 + 20 / 30)
    assert sent(frame(run))["playing"] is False


def test_a_page_gets_the_points_of_the_curve_that_it_has_not() -> None:
    run = Run(RunSettings("moons", n_samples=40, layers=LAYERS, batch_size=30))
    page, other = Cursor(), Cursor()
    run.take(3)
    first = sent(frame(run, page))["curve"]
    assert (first["from"], [point[0] for point in first["points"]]) == (0, [0, 1, 2, 3])
    run.take(2)
    second = sent(frame(run, page))["curve"]
    assert (second["from"], [point[0] for point in second["points"]]) == (4, [4, 5])
    now = sent(frame(run, page))
    assert now["curve"] == {"from": 6, "points": []}
    names = ("loss", "held_out_loss", "accuracy", "held_out_accuracy")
    assert second["points"][-1] == [5, *[now[name] for name in names]]
    assert len(sent(frame(run, other))["curve"]["points"]) == 6
    run.back(4)
    assert sent(frame(run, page))["curve"] == {"from": 6, "points": []}  # it still stands
    run.take(1)
    third = sent(frame(run, page))["curve"]
    assert (third["from"], [point[0] for point in third["points"]]) == (0, [0, 1, 2])
    run.rewind()
    last = sent(frame(run, page))["curve"]
    assert (last["from"], [point[0] for point in last["points"]]) == (0, [0])


def test_a_curve_has_at_most_so_many_points_and_its_ends() -> None:
    curve, step = Curve(), 0
    measured = Measured(1.0, None, None, None)
    while step < 2_000_000:
        curve.add(step, measured)
        assert len(curve.points) <= MOST_POINTS == 600
        step = curve.next_after(step, 10)
    assert curve.points[0][0] == 0
    assert len(curve.points) > 200
    steps = [step for step, _ in curve.points]
    assert steps == sorted(set(steps))


def test_a_loss_that_is_nan_stops_the_run_and_is_said() -> None:
    run = Run(RunSettings("moons", n_samples=40, optimizer="sgd", learning_rate=40.0, l2=1.0))
    taken = run.take(5000)
    assert taken == run.step < 5000
    assert run.remark.startswith(f"the loss of step {taken + 1} is nan")
    assert run.take(1) == run.take_for(0.01) == run.finish_epoch() == 0
    now = sent(frame(run))
    assert now["remark"] == run.remark
    assert now["loss"] is None
    assert "smaller learning rate" in run.advise()
    assert run.back(2) == taken - 2
    assert run.remark == ""
    assert run.take(5) == 2
    run.go_to(0)
    run.set("learning_rate", 0.01)
    assert (run.remark, run.take(100)) == ("", 100)
