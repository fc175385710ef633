"""``demo``: a network on a data set that comes along, from the data to the pictures."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from tinygrad_mlp._cli.parsing import say
from tinygrad_mlp._cli.problem import Problem, Recipe, split
from tinygrad_mlp._cli.training_run import prepare_folder, report, train
from tinygrad_mlp.data import load_dataset, make_moons

__all__ = ["DEMOS", "Demo", "run_demo"]


@dataclass(frozen=True)
class Demo:
    """One of the data sets of the demo, and the settings that suit it."""

    description: str
    load: Callable[[Recipe, int], Problem]
    recipe: Recipe


def run_demo(arguments: argparse.Namespace) -> None:
    """Train, measure, draw."""
    demo = DEMOS[arguments.data]
    recipe = replace(demo.recipe, epochs=arguments.epochs or demo.recipe.epochs)
    prepare_folder(arguments.out)
    problem = demo.load(recipe, arguments.seed)
    say(demo.description)
    model, history = train(problem, recipe, arguments.seed)
    report(problem, model, history, arguments.out)


def _load_moons(recipe: Recipe, seed: int) -> Problem:
    X, y = make_moons(200, noise=0.15, rng=seed)
    return split(
        X,
        y,
        feature_names=("x1", "x2"),
        target="moon",
        classes=("upper", "lower"),
        test_size=recipe.test_size,
        rng=seed,
    )


def _load_iris(recipe: Recipe, seed: int) -> Problem:
    return _load_bundled("iris", "species", recipe, seed)


def _load_digits(recipe: Recipe, seed: int) -> Problem:
    return _load_bundled("digits", "digit", recipe, seed)


def _load_bundled(name: str, target: str, recipe: Recipe, seed: int) -> Problem:
    data = load_dataset(name)
    return split(
        data.X,
        data.y,
        feature_names=data.feature_names,
        target=target,
        classes=data.target_names,
        test_size=recipe.test_size,
        rng=seed,
    )


DEMOS: Final = {
    "iris": Demo(
        "150 iris flowers of three species, by four lengths in centimeters",
        _load_iris,
        Recipe(),
    ),
    "moons": Demo(
        "200 points in two crescents that lie in one another",
        _load_moons,
        Recipe(learning_rate=0.02, l2=0.0),
    ),
    "digits": Demo(
        "1797 handwritten digits, pictures of 8 x 8 pixels",
        _load_digits,
        Recipe(
            hidden=(32,),
            activation="relu",
            epochs=60,
            batch_size=32,
            learning_rate=0.005,
            schedule=None,
            l2=0.001,
        ),
    ),
}
"""The data sets of the demo."""
