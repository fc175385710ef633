"""The graph of the loss of one sample through a network from a file, its nodes named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.cli.problem import standardised_name
from tinygrad_mlp.cli.saved import KIND, layer_sizes, network_of
from tinygrad_mlp.data import load_dataset, read_table
from tinygrad_mlp.data.csv_file import read_csv_file
from tinygrad_mlp.data.datasets import DATASETS
from tinygrad_mlp.engine import Value, topological_order
from tinygrad_mlp.errors import DataError, InvalidArgumentError
from tinygrad_mlp.losses import Loss
from tinygrad_mlp.nn import ACTIVATIONS, MLP
from tinygrad_mlp.nn.activations import SOFTMAX
from tinygrad_mlp.training import WeightsFile, read_weights, task_of
from tinygrad_mlp.training.weights import put_weights

__all__ = ["SampleLoss", "loss_of_a_sample"]

Row = tuple[NDArray[np.float64], Any, list[str]]
"""The features of one sample, its answer, and the names of the features."""


@dataclass(frozen=True, slots=True, eq=False)
class SampleLoss:
    """The loss, and in words which network and sample it is of."""

    loss: Value
    description: str


def loss_of_a_sample(weights: Path, data: str, row: int, activation: str | None) -> SampleLoss:
    """Build it.

    Args:
        weights: a file that ``train`` or ``save_weights`` has written.
        data: the name of a data set that comes along, or a CSV file.
        row: the number of the sample, from 0.
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
    if content.extra.get("kind") == KIND:
        saved = network_of(content, weights)
        model = saved.model
        features, answer, names = _row(data, row, saved.target, list(saved.feature_names))
        x = saved.inputs.transform(features.reshape(1, -1))
        names = [standardised_name(name) for name in names]
        scale = ", features standardised"
        if saved.outputs is not None:
            answer = saved.outputs.transform(np.array([[float(answer)]]))[0, 0]
    else:
        model = _rebuilt(weights, content, activation)
        features, answer, names = _row(data, row, None, None)
        x = features.reshape(1, -1)
        scale = ""
    task = task_of(model)
    if task is None or not isinstance(task.loss, Loss):
        raise DataError(
            f"{weights} does not say which loss its network was trained with; train it with fit, "
            "then save_weights(model, 'weights.npz')"
        )
    if data in DATASETS and task.classes is not None and answer not in task.classes.tolist():
        answer = load_dataset(data).target_names.index(answer)  # trained on class numbers
    target = task.samples(x, [answer]).targets[0]
    inputs = [Value(xi, label=name) for xi, name in zip(x[0].tolist(), names)]
    outputs = model.logits(inputs) if task.loss.from_logits else model.forward(inputs)
    loss = task.loss.sample_loss(outputs, np.atleast_1d(target).tolist())
    loss.label = "loss"
    _label_neurons(loss)
    return SampleLoss(loss, f"row {row} of {data}{scale}, through {model!r} of {weights}")


def _row(data: str, row: int, target: str | None, wanted: list[str] | None) -> Row:
    """One sample with the wanted columns, in that order; all columns where none are named."""
    if data in DATASETS:
        dataset = load_dataset(data)
        X, names = dataset.X, list(dataset.feature_names)
        y: NDArray[Any] = np.array(dataset.target_names)[dataset.y]
    elif target is not None:
        others = [name for name in read_csv_file(Path(data)).header if name != target]
        unused = [name for name in others if wanted is not None and name not in wanted]
        table = read_table(Path(data), target, drop=unused)
        X, names = table.X, list(table.feature_names)
        y = np.array(table.target_names)[table.y] if table.target_names else table.y
    else:
        raise InvalidArgumentError(
            f"--data {data!r}: for weights that 'train' has not saved, give the name of a data "
            f"set: {', '.join(DATASETS)}"
        )
    if not 0 <= row < len(X):
        raise InvalidArgumentError(f"--row {row}, but {data} has the rows 0 to {len(X) - 1}")
    columns = [names.index(name) for name in wanted if name in names] if wanted else None
    if columns is None:
        return X[row], y[row], names
    if wanted is not None and len(columns) < len(wanted):
        missing = ", ".join(name for name in wanted if name not in names)
        raise DataError(f"{data} has no column {missing}, which the network was trained with")
    return X[row][columns], y[row], [names[i] for i in columns]


def _rebuilt(weights: Path, content: WeightsFile, activation: str | None) -> MLP:
    """The network that the arrays in a file of weights fit."""
    sizes, activations = layer_sizes(content.state), content.activations
    if sizes is None or (content.model is not None and activations is None):
        raise DataError(
            f"{weights} does not hold the weights of an MLP of plain layers; write a script that "
            "builds the model and its loss, then: step FILE.py:loss"
        )
    own = [name for name in activations or [] if name not in (*ACTIVATIONS, SOFTMAX)]
    if own:
        raise DataError(
            f"{weights} holds a network with the activation {own[0]!r}, which is not known here; "
            "write a script that builds the model and its loss, then: step FILE.py:loss"
        )
    model = MLP(sizes[0], sizes[1:], activation=activations or activation or "relu")
    put_weights(content, model, weights)
    return model


def _label_neurons(loss: Value) -> None:
    """Name the weighted sum and the output of each neuron after its weights."""
    for node in topological_order(loss):
        if node.label or node.op is None or not node.parents:
            continue
        first = node.parents[0]
        if node.op.name == "dot" and ".w." in first.label:
            node.label = f"{first.label.rpartition('.w.')[0]}.net"
        elif len(node.parents) == 1 and first.label.endswith(".net"):
            node.label = f"{first.label.removesuffix('.net')}.out"
