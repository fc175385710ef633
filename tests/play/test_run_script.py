"""The Python program of a run gives its numbers to the last bit, whatever was changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from viz._run.run import Run
from viz._run.run_settings import LayerSettings, RunSettings

TWO_LAYERS = (LayerSettings(4), LayerSettings(3, "relu", "he_uniform"))

CHANGES: dict[str, Callable[[Run], Any]] = {
    "learning rate": lambda run: run.set("learning_rate", 0.003),
    "l1": lambda run: run.set("l1", 0.001),
    "l2": lambda run: run.set("l2", 0.002),
    "dropout": lambda run: run.set_layer(1, dropout=0.3),
    "noise": lambda run: run.set("noise", 0.4),
    "smaller batches": lambda run: run.set("batch_size", 5),
    "all at once": lambda run: run.set("batch_size", None),
    "optimizer": lambda run: run.set("optimizer", "sgd"),
    "activation": lambda run: run.set_layer(0, activation="gelu"),
    "painted points": lambda run: run.paint([[0.5, 0.25, 1], [-1.0, 2.0, 0]]),
    "a weight": lambda run: run.set_weight(3, 0.75),
}


def numbers_of_script(run: Run) -> bytes:
    names: dict[str, Any] = {"__name__": "training"}
    exec(compile(run.script(), "training.py", "exec"), names)
    return bytes(names["program"].parameters.tobytes())


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_at_its_step_is_in_the_program(name: str) -> None:
    run = Run(RunSettings("moons", n_samples=40, layers=TWO_LAYERS, batch_size=8))
    run.take(6)
    before = run.numbers()
    CHANGES[name](run)
    run.take(9)
    assert numbers_of_script(run) == run.numbers().tobytes()
    unchanged = Run(run.base)
    unchanged.take(15)
    assert (unchanged.numbers() != run.numbers()).any()
    assert (before != run.numbers()).any()


def test_all_changes_one_after_the_other_are_in_the_program() -> None:
    run = Run(RunSettings("moons", n_samples=40, layers=TWO_LAYERS, batch_size=8))
    for change in CHANGES.values():
        run.take(7)
        change(run)
    run.paint([[0.0, 0.0, 1]])
    run.take(30)
    assert numbers_of_script(run) == run.numbers().tobytes()


@pytest.mark.parametrize("name", ["moons", "circles", "spirals", "blobs", "xor", "iris", "digits"])
def test_the_program_has_the_data(name: str) -> None:
    run = Run(RunSettings(name, layers=(LayerSettings(3),), data_seed=2, held_out=0.5))
    run.take(12)
    assert numbers_of_script(run) == run.numbers().tobytes()


@pytest.mark.parametrize(
    "settings",
    [
        RunSettings(layers=()),
        RunSettings(standardize=False),
        RunSettings(features=("x1*x2", "x1^2", "sin(x2)", "x2")),
        RunSettings(held_out=0.0, seed=3),
        RunSettings(painted=((0.0, 1.0, 1.0),)),
        RunSettings(layers=(LayerSettings(3, dropout=0.5),), l1=0.01, l2=0.01),
    ],
    ids=["no layer", "as they are", "features", "none held out", "painted before", "dropout"],
)
def test_the_program_has_the_settings(settings: RunSettings) -> None:
    run = Run(settings)
    run.take(12)
    assert numbers_of_script(run) == run.numbers().tobytes()


TABLE = 'a,"b ""c""",y\r\n' + "".join(f"{i},{i * i % 7},{i * 3.5 - 1}\n" for i in range(30))


def test_the_program_has_the_table() -> None:
    run = Run(RunSettings("moons", layers=(LayerSettings(3),)))
    run.load_csv("own.csv", TABLE)
    run.take(12)
    assert run.samples.kind == "regression"
    assert numbers_of_script(run) == run.numbers().tobytes()


def test_after_going_back_the_program_has_what_was_before() -> None:
    run = Run(RunSettings("moons", n_samples=40))
    run.take(20)
    run.set("learning_rate", 0.1)
    run.take(10)
    run.back(15)
    run.set("l2", 0.01)
    run.take(5)
    assert "learning_rate" not in run.script().partition("def take")[2]
    assert numbers_of_script(run) == run.numbers().tobytes()


def test_after_a_rewind_the_program_begins_with_the_settings_of_then() -> None:
    run = Run(RunSettings("moons", n_samples=40))
    run.take(20)
    run.set("learning_rate", 0.1)
    run.paint([[0.0, 1.0, 1]])
    run.rewind()
    run.take(5)
    assert run.script().count("take(") == 2  # how it is written, and once used
    assert numbers_of_script(run) == run.numbers().tobytes()
