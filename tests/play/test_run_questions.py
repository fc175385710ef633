"""The formula of a unit and the graph of a sample say what the engine computes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tinygrad_mlp.data import make_moons
from tinygrad_mlp.errors import TinygradMLPError
from tinygrad_mlp.nn import MLP, Module
from tinygrad_mlp.training._outputs import sample_outputs
from viz._run.run import Run
from viz._run.run_settings import LayerSettings, RunSettings

LAYERS = (LayerSettings(3), LayerSettings(2, "relu", dropout=0.5))


def trained(**settings: Any) -> Run:
    run = Run(RunSettings(**{"data": "moons", "n_samples": 40, "layers": LAYERS, **settings}))
    run.take(25)
    return run


def own() -> Run:
    X, y = make_moons(40, noise=0.2, rng=0)
    run = Run.of_model(MLP(2, [3, 2, 1], "tanh", batch_norm=True, dropout=0.2, rng=0), X, y)
    run.take(25)
    return run


def computed(run: Run, row: list[float]) -> dict[str, float]:
    """All units for a sample, by their formulas."""
    known: dict[str, Any] = {
        "tanh": math.tanh,
        "sin": math.sin,
        "relu": lambda z: max(z, 0.0),
        **{f"x{i}": x for i, x in enumerate(row, start=1)},
    }
    n_units = [3, 2, run.samples.n_outputs]
    for layer, n in enumerate(n_units):
        for unit in range(n):
            formula, *where = run.formula(layer, unit)["text"].split("\n")
            for line in [*[w for w in where if " = column " not in w], formula]:
                name, _, term = line.partition(" = ")
                known[name] = eval(term, known)
    return known


def eager(run: Run, x: Any) -> list[float]:
    run.write_back()
    model: Module = run.model
    model.eval()
    return [output.data for output in sample_outputs(model, x, from_logits=True)]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"standardize": False},
        {"features": ("x1^2", "sin(x2)", "x1*x2")},
        {"features": ("x2^2", "sin(x1)"), "standardize": False},
        {"data": "iris"},
    ],
    ids=["plain", "as they are", "features", "features as they are", "columns"],
)
def test_the_formulas_of_all_units_give_the_outputs(settings: dict[str, Any]) -> None:
    run = trained(**settings)
    for row in run.samples.X[:3]:
        known = computed(run, row.tolist())
        names = ["z"] if run.samples.n_outputs == 1 else ["z1", "z2", "z3"]
        expected = eager(run, run.samples.inputs(row.reshape(1, -1))[0].tolist())
        assert [known[name] for name in names] == pytest.approx(expected, rel=1e-12)


def test_a_formula_has_the_batch_norm_in_it() -> None:
    run = own()
    for row in run.samples.X[:3]:
        expected = eager(run, row.tolist())
        assert computed(run, row.tolist())["z"] == pytest.approx(expected[0], rel=1e-12)


def test_the_formula_in_latex_has_the_same_numbers() -> None:
    run = trained(features=("x1", "x1*x2"))
    latex = run.formula(0, 1)["latex"]
    numbers = run.numbers()[3:6].tolist()
    assert latex.startswith(r"\begin{aligned} h^{(1)}_{2} &= \tanh\left(")
    assert latex.endswith(r"\end{aligned}")
    assert [latex.count(repr(abs(number))) for number in numbers] == [1, 1, 1]
    assert r"a_{2} &= \frac{x_1 x_2" in latex
    assert r"\mathrm{relu}\left(" in run.formula(1, 0)["latex"]
    assert run.formula(2, 0)["latex"].startswith(r"\begin{aligned} z &= ")


def test_there_are_no_other_formulas() -> None:
    run = trained()
    for place, message in {
        (3, 0): "there is no layer 3",
        (0, 3): "there is no unit 3; they count from 0 to 2",
        (-1, 0): "the layer is -1",
        (0, "a"): "the unit is 'a'",
    }.items():
        with pytest.raises(TinygradMLPError, match=message):
            run.formula(*place)  # type: ignore[arg-type]


def test_the_losses_of_all_samples_have_the_loss_as_their_mean() -> None:
    for run in (trained(), trained(data="iris", n_samples=40), own()):
        losses = [run.sample_loss(int(i)).loss.data for i in run.samples.held_out]
        assert np.mean(losses) == pytest.approx(run.measured().held_out_loss, rel=1e-12)


def test_the_gradients_of_a_sample_are_differences_of_the_loss() -> None:
    run = trained()
    graph = run.sample_loss(5)
    graph.loss.backward()
    assert graph.loss.label == "L"
    for leaf, key in list(graph.leaves.items())[:14]:
        kind, _, place = key.partition(":")
        losses = []
        for h in (-1e-6, 1e-6):
            inputs: list[float | None] = [None, None]
            weights = {}
            if kind == "x":
                inputs[int(place)] = leaf.data + h
            else:
                weights[place] = leaf.data + h
            losses.append(run.sample_loss(5, inputs, weights).loss.data)
        assert leaf.grad == pytest.approx((losses[1] - losses[0]) / 2e-6, rel=1e-5, abs=1e-8)


def test_the_leaves_are_the_inputs_and_the_flat_vector() -> None:
    run = trained(features=("x1", "x2", "x1*x2"))
    graph = run.sample_loss(2)
    by_key = {key: leaf for leaf, key in graph.leaves.items()}
    seen = run.samples.inputs(run.samples.X[2:3])[0].tolist()
    assert [by_key[f"x:{i}"].data for i in range(3)] == seen
    assert [by_key[f"x:{i}"].label for i in range(3)] == ["x1", "x2", "x1*x2"]
    n_parameters = len(graph.parameters)
    assert [by_key[f"p:{i}"].data for i in range(n_parameters)] == run.numbers().tolist()
    assert [by_key[f"p:{i}"] for i in range(n_parameters)] == graph.parameters
    assert all(leaf.is_leaf for leaf in graph.leaves)


def test_a_look_at_a_sample_changes_nothing() -> None:
    run = own()
    before = run.numbers()
    graph = run.sample_loss(0, [1.0, 2.0], {"0": 5.0, 1: -3.0})
    assert [parameter.data for parameter in graph.parameters[:2]] == [5.0, -3.0]
    assert (run.numbers() == before).all()
    run.take(20)
    fresh = own()
    fresh.take(20)
    assert run.numbers().tobytes() == fresh.numbers().tobytes()


def test_the_title_says_which_sample_it_is() -> None:
    run = trained()
    held_out, learned = run.samples.held_out[0], run.samples.train[0]
    said = {i: run.samples.classes[run.samples.y[i]] for i in (held_out, learned)}
    assert (
        run.sample_loss(held_out).title
        == f"sample {held_out} held out: {said[held_out]}, at step 25"
    )
    assert run.sample_loss(learned).title == f"sample {learned}: {said[learned]}, at step 25"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((40,), "there is no sample 40; they count from 0 to 39"),
        ((-1,), "number of the sample is -1"),
        ((0, [1.0]), "a list of 2 numbers is needed"),
        ((0, "ab"), "a list of 2 numbers is needed"),
        ((0, [1.0, float("nan")]), r"inputs\[1\] is nan"),
        ((0, [1.0, 1e10]), r"inputs\[1\] is 1"),
        ((0, None, [1.0]), "an object is needed"),
        ((0, None, {"20": 1.0}), "there is no weight '20'; they count from 0 to 19"),
        ((0, None, {"-1": 1.0}), "there is no weight '-1'"),
        ((0, None, {"²": 1.0}), "there is no weight"),
        ((0, None, {"0": "1"}), r"weights\[0\] is '1'"),
    ],
)
def test_what_cannot_be_asked(asked: Run, arguments: Any, message: str) -> None:
    with pytest.raises(TinygradMLPError, match=message):
        asked.sample_loss(*arguments)


@pytest.fixture(scope="module")
def asked() -> Run:
    return trained()


def test_advice_is_that_of_fit() -> None:
    run = Run(RunSettings("moons", n_samples=40, layers=LAYERS, learning_rate=0.0))
    assert run.advise() == ""
    run.take(100)
    assert "always answering" in run.advise()
    assert run.advice == run.advise()
    good = Run(RunSettings("moons", n_samples=40))
    good.take(300)
    assert good.advise() == ""


def test_advice_is_about_the_weights_of_the_moment() -> None:
    run = Run(
        RunSettings("moons", n_samples=40, optimizer="sgd", learning_rate=0.01, l2=20.0, seed=1)
    )
    first = run.measured().loss
    run.take(200)
    assert f"the loss is {run.measured().loss:.4g};" in run.advise()
    assert abs(run.measured().loss - first) > 0.001
