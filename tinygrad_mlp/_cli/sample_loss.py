"""The graph of the loss of one sample through a network from a file, its nodes named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._cli.problem import standardized_name
from tinygrad_mlp._cli.saved import KIND, SavedNetwork, network_of
from tinygrad_mlp._cli.tables import RowsOfFile, read_rows
from tinygrad_mlp.data import load_dataset
from tinygrad_mlp.data._arrays import counted
from tinygrad_mlp.data._columns import class_of
from tinygrad_mlp.data._csv_file import listing
from tinygrad_mlp.data._datasets import DATASETS
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError
from tinygrad_mlp.graph import name_in_network, order_of, roles_of, units_of
from tinygrad_mlp.losses import Loss
from tinygrad_mlp.nn import ACTIVATIONS, MLP, Layer
from tinygrad_mlp.nn._activations import SOFTMAX
from tinygrad_mlp.nn._architecture import layer_sizes
from tinygrad_mlp.training import Task, WeightsFile, read_weights, task_of
from tinygrad_mlp.training._outputs import sample_outputs
from tinygrad_mlp.training._weights import put_weights

__all__ = ["SampleLoss", "loss_of_a_sample", "loss_through"]


class Sample(NamedTuple):
    """The features of one sample, its answer, the names of the features, and where it stands."""

    features: NDArray[np.float64]
    answer: Any
    names: list[str]
    place: str


@dataclass(frozen=True, slots=True, eq=False)
class SampleLoss:
    """The loss, and in words which network and sample it is of."""

    loss: Value
    description: str


def loss_of_a_sample(
    weights: Path, data: str, row: int | None, activation: str | None
) -> SampleLoss:
    """Build it.

    Args:
        weights: a file that ``train`` or ``save_weights`` has written.
        data: the name of a data set that comes along, or a CSV file.
        row: of a data set the number of the sample, from 1; of a file the row, the header being
            row 1; None for the first.
        activation: of the hidden layers, where the file does not say it; None for relu.

    Raises:
        DataError, ShapeError: if the network and the data do not fit.
        InvalidArgumentError: if there is no such row.
    """
    content = read_weights(weights)
    if activation is not None and content.activations is not None:
        raise InvalidArgumentError(
            f"--activation {activation}: {weights} says itself how the network was made: "
            f"{content.model}; leave the option out"
        )
    saved = network_of(content, weights) if content.extra.get("kind") == KIND else None
    model = _rebuilt(weights, content, activation) if saved is None else saved.model
    task = task_of(model)
    if task is None or task.loss is None:
        raise DataError(
            f"{weights} does not say which loss its network was trained with; train it with fit, "
            "then save_weights(model, 'weights.npz')"
        )
    sample = _of_dataset(data, row, saved, task) if data in DATASETS else _of_file(data, row, saved)
    x, answer, names, scale = sample.features.reshape(1, -1), sample.answer, sample.names, ""
    if saved is not None:
        x = saved.inputs.transform(x)
        names = [standardized_name(name) for name in names]
        scale = ", features standardized"
        if saved.outputs is not None:
            answer = saved.encoded(np.array([answer]))[0, 0]
    if x.shape[1] != model.n_inputs:
        raise ShapeError(
            f"{data} has {counted(x.shape[1], 'feature')}, but the network of {weights} takes "
            f"{model.n_inputs}; give the data that it was trained with"
        )
    try:
        target = task.samples(x, [answer]).targets[0]
    except DataError as error:
        raise DataError(f"{sample.place} does not fit to {weights}: {error}") from None
    loss, _ = loss_through(model, task.loss, x[0], names, target)
    _label_neurons(loss)
    return SampleLoss(loss, f"{sample.place}{scale}, through {model!r} of {weights}")


def loss_through(
    model: MLP | Layer, loss: Loss, x: NDArray[np.float64], names: Sequence[str], target: Any
) -> tuple[Value, list[Value]]:
    """The loss of one sample, and what the network gives for it: logits, or outputs.

    Args:
        model: the network, or a layer of one.
        loss: what it was trained with.
        x: the features, (n_features,).
        names: what they are called.
        target: what the loss compares with.
    """
    inputs = [Value(xi, label=name) for xi, name in zip(x.tolist(), names)]
    outputs = sample_outputs(model, inputs, loss.from_logits)
    result = loss.sample_loss(outputs, np.atleast_1d(target).tolist())
    result.label = "L"
    return result, outputs


def _of_dataset(name: str, number: int | None, saved: SavedNetwork | None, task: Task) -> Sample:
    """A sample of a data set that comes along; they count from 1."""
    dataset = load_dataset(name)
    number = 1 if number is None else number
    if not 1 <= number <= len(dataset.X):
        raise InvalidArgumentError(
            f"--row {number}, but {name} has the samples 1 to {len(dataset.X)}"
        )
    names = list(dataset.feature_names if saved is None else saved.feature_names)
    missing = [column for column in names if column not in dataset.feature_names]
    if missing:
        raise DataError(
            f"{name} has no column {listing([repr(column) for column in missing])}, which the "
            "network was trained with"
        )
    columns = [dataset.feature_names.index(column) for column in names]
    label = int(dataset.y[number - 1])
    classes = [] if task.classes is None else task.classes.tolist()
    answer: Any = label
    if classes and isinstance(classes[0], str):
        answer = class_of(dataset.target_names[label], classes) or dataset.target_names[label]
    return Sample(dataset.X[number - 1][columns], answer, names, f"sample {number} of {name}")


def _of_file(data: str, number: int | None, saved: SavedNetwork | None) -> Sample:
    """A row of a table, its answer as the network was trained with it."""
    if saved is None:
        raise InvalidArgumentError(
            f"--data {data!r}: for weights that 'train' has not saved, give the name of a data "
            f"set: {', '.join(DATASETS)}"
        )
    rows = _only_row(read_rows(Path(data)), number)
    row = rows.numbers[0]
    if saved.target not in rows.grid.columns:
        raise DataError(
            f"{data} has no column {saved.target!r}, which holds the right answers: the loss "
            "compares with them"
        )
    (answer,) = saved.answers_of(rows)
    if answer is None or (saved.outputs is None and answer not in saved.classes):
        classes = listing([repr(name) for name in saved.classes])
        needed = f"one of the classes of the network: {classes}" if classes else "a number"
        cell = rows.grid.columns[saved.target].labels()[0] or ""
        raise DataError(f"{data}: row {row}, column {saved.target!r} is {cell!r}, not {needed}")
    features = saved.features_of(rows)[0]
    return Sample(features, answer, list(saved.feature_names), f"row {row} of {data}")


def _only_row(rows: RowsOfFile, number: int | None) -> RowsOfFile:
    """The table with one row alone; of None with the first.

    Raises:
        InvalidArgumentError: if there is no row of that number.
    """
    first, last = rows.numbers[0], rows.numbers[-1]
    wanted = first if number is None else number
    if wanted not in rows.numbers:
        blank = f"row {wanted} is blank" if first < wanted < last else ""
        of_sheet = "rows count as in a spreadsheet: the header is row 1"
        count = "rows count from 0" if rows.text is None else of_sheet
        raise InvalidArgumentError(
            f"--row {wanted}, but {blank or f'{rows.path} has the rows {first} to {last}'}; {count}"
        )
    return rows.only(rows.numbers.index(wanted))


def _rebuilt(weights: Path, content: WeightsFile, activation: str | None) -> MLP:
    """The network that the arrays in a file of weights fit."""
    sizes, activations = layer_sizes(content.state), content.activations
    if sizes is None or (content.model is not None and activations is None):
        raise DataError(
            f"{weights} does not hold the weights of an MLP of plain layers; write a script that "
            "builds the model and its loss, then: step FILE.py:loss"
        )
    own = [name for name in activations or [] if ACTIVATIONS.find(name) is None and name != SOFTMAX]
    if own:
        raise DataError(
            f"{weights} holds a network with the activation {own[0]!r}, which is not known here; "
            "write a script that builds the model and its loss, then: step FILE.py:loss"
        )
    if content.kind == "":
        raise DataError(
            f"{weights} holds a model with a class or an activation of your own, {content.model}; "
            "write a script that builds the model and its loss, then: step FILE.py:loss"
        )
    model = MLP(sizes[0], sizes[1:], activation=activations or activation or "relu")
    put_weights(content, model, weights)
    return model


def _label_neurons(loss: Value) -> None:
    """Name the weighted sum and the output of each neuron after its weights."""
    order = order_of([loss])
    units = units_of(order, roles_of(order, [loss], None))
    for node in order:
        name = name_in_network(node, units.get(node))
        if name and not node.label:
            node.label = name
