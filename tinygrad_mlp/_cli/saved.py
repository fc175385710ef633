"""A trained network in a file, with all that it takes to ask it again: scales, names, sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tinygrad_mlp._cli.problem import Columns, Floats, Problem, Recipe, make_network, n_outputs_for
from tinygrad_mlp._cli.tables import RowsOfFile
from tinygrad_mlp._schema import AnyObject, ListOf, Number, OrNone, Record, Text, Whole
from tinygrad_mlp._text import described
from tinygrad_mlp.data import Encoding, StandardScaler
from tinygrad_mlp.data._arrays import counted
from tinygrad_mlp.data._column_plan import Plan
from tinygrad_mlp.data._columns import numbers_of
from tinygrad_mlp.data._csv_file import CsvFile, listing, quoted_cell
from tinygrad_mlp.data._target_plan import TargetPlan
from tinygrad_mlp.errors import DataError
from tinygrad_mlp.nn import ACTIVATIONS, MLP
from tinygrad_mlp.nn._architecture import activations_of, has_activations, layer_sizes
from tinygrad_mlp.training import Task, WeightsFile, read_weights, save_weights
from tinygrad_mlp.training._classes import default_loss
from tinygrad_mlp.training._weights import put_weights

__all__ = ["SavedNetwork", "load_network", "network_of", "save_network"]

KIND: Final = "tinygrad_mlp train, version 1"

SCALE: Final = Record({"mean": ListOf(Number(), least=1), "scale": ListOf(Number(above=0.0))})

EXTRA: Final = Record(
    {
        "kind": Text(choices=[KIND]),
        "feature_names": ListOf(Text(least=1), least=1),
        "target": Text(least=1),
        "classes": ListOf(Text()),
        "hidden": ListOf(Whole(1)),
        "activation": Text(least=1),
        "inputs": SCALE,
        "outputs": OrNone(SCALE),
        "encoding": AnyObject(),
    },
    optional=["encoding"],
)
"""What ``save_network`` adds to the weights."""


@dataclass(frozen=True, eq=False)
class SavedNetwork(Columns):
    """A network and what belongs to it."""

    model: MLP

    def features_of(self, rows: RowsOfFile) -> Floats:
        """The columns that the network was trained with, (n_rows, n_features).

        Raises:
            DataError: if one is missing, or a cell does not fit.
        """
        if self.encoding is None and rows.text is not None:
            return self._numbers_of(rows.text)
        encoding = self.encoding
        if encoding is None:
            encoding = Encoding(tuple([Plan(name, "number") for name in self.feature_names]))
        return encoding.filled(encoding.encoded(rows.grid))

    def _numbers_of(self, file: CsvFile) -> Floats:
        """The features of columns that hold plain numbers."""
        known = set(file.header)
        missing = [repr(name) for name in self.feature_names if name not in known]
        if missing:
            raise DataError(
                f"{file.path} lacks {counted(len(missing), 'feature')} that the network was "
                f"trained with: {listing(missing)}; its columns: "
                f"{listing(list(map(quoted_cell, file.header)))}"
            )
        return numbers_of(file, self.feature_names)

    def answers_of(self, rows: RowsOfFile) -> list[str | float | None]:
        """The right answers that the target column holds.

        Of a classification each is the class of this text, or the only one of this number; a text
        that is none of the classes stays as it is. None where the cell is empty, or no number in a
        regression.

        Raises:
            UnknownNameError: if there is no such column.
            DataError: if it cannot be used.
        """
        plan = TargetPlan(self.target, self.classes)
        if self.encoding is not None and self.encoding.target is not None:
            plan = self.encoding.target
        return plan.answers(rows.grid.column(self.target, "target "), rows.grid)


def save_network(path: Path, problem: Problem, recipe: Recipe, model: MLP) -> None:
    """Write the network into an .npz file."""
    details: dict[str, Any] = {
        "kind": KIND,
        "feature_names": list(problem.feature_names),
        "target": problem.target,
        "classes": list(problem.classes),
        "hidden": list(recipe.hidden),
        "activation": recipe.activation,
        "inputs": _scale(problem.inputs),
        "outputs": None if problem.outputs is None else _scale(problem.outputs),
    }
    if problem.encoding is not None:
        details["encoding"] = problem.encoding.to_dict()
    save_weights(model, path, extra=details)


def load_network(path: Path) -> SavedNetwork:
    """Read what ``save_network`` wrote.

    Raises:
        DataError: if it is another kind of file.
        OSError: if it cannot be opened.
    """
    return network_of(read_weights(path), path)


def network_of(content: WeightsFile, path: Path) -> SavedNetwork:
    """The network that was read from a file.

    Everything that the file says is compared with the arrays in it before a network is built.

    Raises:
        DataError: if it is another kind of file, or contradicts itself.
    """
    details = content.extra
    if details.get("kind") != KIND:
        raise DataError(
            f"{path} holds weights, but not those of the command 'train'; write some with: "
            "python -m tinygrad_mlp train FILE.csv --target COLUMN --save weights.npz"
        )
    try:
        EXTRA.check(details, "extra")
        # When it is read: another activation may have been added to the table meanwhile.
        Text(choices=(*ACTIVATIONS, *ACTIVATIONS.aliases)).check(
            details["activation"], "extra.activation"
        )
        _check_details(details, content)
        encoding = _encoding_in(details)
        names, classes = details["feature_names"], details["classes"]
        model = make_network(len(names), details["hidden"], details["activation"], classes)
        if content.activations and not has_activations(model, content.activations):
            raise DataError(
                f"activations is {content.activations}, but extra.activation and extra.classes "
                f"make {activations_of(model)}"
            )
    except DataError as error:
        raise DataError(
            f"{path}: {error}; the file is damaged or was changed: run the command 'train' again"
        ) from None
    put_weights(content, model, path)
    outputs = details["outputs"]
    return SavedNetwork(
        model=model,
        feature_names=tuple(names),
        target=details["target"],
        classes=tuple(classes),
        inputs=_scaler(details["inputs"]),
        outputs=None if outputs is None else _scaler(outputs),
        encoding=encoding,
    )


def _encoding_in(details: Mapping[str, Any]) -> Encoding | None:
    """The encoding, which makes the features and the classes that the network has."""
    if "encoding" not in details:
        return None
    encoding = Encoding.from_dict(details["encoding"], "extra.encoding")
    if list(encoding.feature_names) != details["feature_names"]:
        raise DataError("extra.encoding does not make the features of extra.feature_names")
    target = encoding.target
    if target is None or target.column != details["target"]:
        raise DataError("extra.encoding.target is not extra.target")
    if list(target.classes) != details["classes"]:
        raise DataError("extra.encoding.target.classes and extra.classes are not the same")
    return encoding


def _check_details(details: Mapping[str, Any], content: WeightsFile) -> None:
    """What ``extra`` says fits to itself, to the arrays and to the task."""
    names, hidden, classes = (details[key] for key in ("feature_names", "hidden", "classes"))
    sizes = layer_sizes(content.state)
    if sizes is None:
        raise DataError("its arrays are not those of a network that 'train' makes")
    _compare("extra.feature_names", len(names), "features", sizes[0])
    if hidden != sizes[1:-1]:
        raise DataError(f"extra.hidden is {described(hidden)}, but its arrays have {sizes[1:-1]}")
    for key in ("feature_names", "classes"):
        if len(set(details[key])) < len(details[key]):
            raise DataError(f"extra.{key} has an entry twice")
    if len(classes) == 1:
        raise DataError("extra.classes has one class, but 2 at least are needed to tell apart")
    _compare("extra.classes", n_outputs_for(classes), "outputs", sizes[-1])
    for key, length in (("inputs", len(names)), ("outputs", 1)):
        for part, numbers in (details[key] or {}).items():
            _compare(f"extra.{key}.{part}", len(numbers), "columns", length)
    if bool(classes) == (details["outputs"] is not None):
        raise DataError("of extra.classes and extra.outputs the one is needed without the other")
    _check_task(content.task, classes, sizes[-1])


def _compare(where: str, given: int, things: str, needed: int) -> None:
    if given != needed:
        raise DataError(f"{where} is for {given} {things}, but the network has {needed}")


def _check_task(task: Task | None, classes: list[str], n_outputs: int) -> None:
    """The task is the one that ``train`` sets for these classes."""
    needed = default_loss(classes or [0.5], n_outputs).name
    is_regression = task is not None and task.kind == "regression" and not classes
    if task is None or (task.loss_name != needed and not is_regression):
        found = None if task is None else task.loss_name
        raise DataError(f"task.loss is {found!r}, but this network is trained with {needed!r}")
    of_task = [] if task.classes is None else task.classes.tolist()
    if sorted(map(str, of_task)) != sorted(classes):
        raise DataError("task.classes and extra.classes are not the same")


def _scaler(scale: Mapping[str, list[float]]) -> StandardScaler:
    scaler = StandardScaler()
    scaler.load_state_dict(scale)
    return scaler


def _scale(scaler: StandardScaler) -> dict[str, list[float]]:
    return {name: np.asarray(a).tolist() for name, a in scaler.state_dict().items()}
