"""A trained network in a file, with all that it takes to ask it again: scales, names, sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinygrad_mlp.cli.problem import Problem, Recipe, make_network
from tinygrad_mlp.data import Standardiser
from tinygrad_mlp.errors import DataError
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import load_weights, read_weights, save_weights

__all__ = ["SavedNetwork", "load_network", "save_network"]

KIND = "tinygrad_mlp train, version 1"


@dataclass(frozen=True, eq=False)
class SavedNetwork:
    """A network and what belongs to it; the attributes are those of ``Problem``."""

    model: MLP
    feature_names: tuple[str, ...]
    target: str
    classes: tuple[str, ...]
    inputs: Standardiser
    outputs: Standardiser | None


def save_network(path: Path, problem: Problem, recipe: Recipe, model: MLP) -> None:
    """Write the network into an .npz file."""
    details = {
        "kind": KIND,
        "feature_names": list(problem.feature_names),
        "target": problem.target,
        "classes": list(problem.classes),
        "hidden": list(recipe.hidden),
        "activation": recipe.activation,
        "inputs": _scale(problem.inputs),
        "outputs": None if problem.outputs is None else _scale(problem.outputs),
    }
    save_weights(model, path, extra=details)


def load_network(path: Path) -> SavedNetwork:
    """Read what ``save_network`` wrote.

    Raises:
        DataError: if it is another kind of file.
        OSError: if it cannot be opened.
    """
    details = read_weights(path).extra
    if details.get("kind") != KIND:
        raise DataError(
            f"{path} holds weights, but not those of the command 'train'; write some with: "
            "python -m tinygrad_mlp train FILE.csv --target COLUMN --save weights.npz"
        )
    names, classes = details["feature_names"], details["classes"]
    model = make_network(len(names), details["hidden"], details["activation"], classes)
    load_weights(model, path)
    outputs = details["outputs"]
    return SavedNetwork(
        model=model,
        feature_names=tuple(names),
        target=details["target"],
        classes=tuple(classes),
        inputs=_standardiser(details["inputs"]),
        outputs=None if outputs is None else _standardiser(outputs),
    )


def _standardiser(scale: Mapping[str, list[float]]) -> Standardiser:
    standardiser = Standardiser()
    standardiser.load_state_dict(scale)
    return standardiser


def _scale(standardiser: Standardiser) -> dict[str, list[float]]:
    return {name: np.asarray(a).tolist() for name, a in standardiser.state_dict().items()}
