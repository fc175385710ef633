"""``demo``: a network on a data set that comes along, from the data to the pictures."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from tinygrad_mlp._cli.parsing import say
from tinygrad_mlp._cli.problem import Problem, Recipe, Samples, split
from tinygrad_mlp._cli.training_run import prepare_folder, report, train
from tinygrad_mlp.data import Dataset, load_dataset, make_moons

__all__ = ["DEMOS", "Demo", "run_demo"]


@dataclass(frozen=True)
class Demo:
    """One of the data sets of the demo, and the settings that suit it."""

    description: str
    load: Callable[[int], Samples]
    target: str
    recipe: Recipe

    def problem(self, seed: int) -> Problem:
        """What is to be learned."""
        samples = self.load(seed)
        return split(samples, self.target, test_size=self.recipe.test_size, rng=seed)


def run_demo(arguments: argparse.Namespace) -> None:
    """Train, measure, draw."""
    demo = DEMOS[arguments.data]
    recipe = replace(demo.recipe, epochs=arguments.epochs or demo.recipe.epochs)
    prepare_folder(arguments.out)
    problem = demo.problem(arguments.seed)
    say(demo.description)
    model, history = train(problem, recipe, arguments.seed)
    report(problem, model, history, arguments.out)


def _moons(seed: int) -> Dataset:
    X, y = make_moons(200, noise=0.15, rng=seed)
    names, classes = ("x1", "x2"), ("upper", "lower")
    return Dataset("moons", X, y, names, classes, "classification", "", "make_moons", "")


def _iris(seed: int) -> Dataset:
    return load_dataset("iris")


def _digits(seed: int) -> Dataset:
    return load_dataset("digits")


DEMOS: Final = {
    "iris": Demo(
        "150 iris flowers of three species, by four lengths in centimeters",
        _iris,
        "species",
        Recipe(),
    ),
    "moons": Demo(
        "200 points in two crescents that lie in one another",
        _moons,
        "moon",
        Recipe(learning_rate=0.02, l2=0.0),
    ),
    "digits": Demo(
        "1797 handwritten digits, pictures of 8 x 8 pixels",
        _digits,
        "digit",
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
