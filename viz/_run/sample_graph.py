"""One sample of a run through its network as it is: a graph of Values, to be stepped through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._arguments import check_number
from tinygrad_mlp._many_numbers import write_numbers
from tinygrad_mlp._text import described
from tinygrad_mlp.data._arrays import Floats
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.nn import Module
from tinygrad_mlp.nn._module import evaluation_mode
from tinygrad_mlp.training._outputs import sample_outputs
from tinygrad_mlp.training._task import Samples, Task

__all__ = ["SampleGraph", "sample_graph"]

LARGEST = 1e9


@dataclass(frozen=True, eq=False)
class SampleGraph:
    """The loss of a sample, and what can be changed in it.

    Attributes:
        loss: the loss, without penalties and without dropout; ``backward`` was not called.
        leaves: the inputs, as "x:0", and the parameters, as "p:0" with their place in the flat
            vector.
        parameters: the parameters.
        title: in words, of which sample it is.
    """

    loss: Value
    leaves: dict[Value, str]
    parameters: list[Value]
    title: str


def sample_graph(
    model: Module,
    numbers: Floats,
    task: Task,
    sample: Samples,
    names: Sequence[str],
    title: str,
    inputs: Sequence[float | None] | None = None,
    weights: Mapping[str, float] | Mapping[int, float] | None = None,
) -> SampleGraph:
    """Build it.

    Args:
        model: a network of its own for this graph.
        numbers: the parameters and then the buffers.
        task: what the run is trained for.
        sample: the one sample, as the network takes it.
        names: what the inputs are called.
        title: in words, which sample it is.
        inputs: other inputs; None in a place for the sample's own.
        weights: other parameters, by their place in the flat vector.

    Raises:
        InvalidArgumentError: for inputs or weights that are none.

    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(1, [1])
    >>> task, samples = Task.for_data(model, [[2.0], [1.0]], [7.0, 0.0])
    >>> sample = samples.take(np.array([0]))
    >>> graph = sample_graph(model, np.array([3.0, 0.0]), task, sample, ["x"], "the first")
    >>> graph.loss.data, list(graph.leaves.values())
    (1.0, ['x:0', 'p:0', 'p:1'])
    """
    assert task.loss is not None
    parameters = model.parameters()
    own = numbers.tolist()
    for place, number in _weights(weights, len(parameters)).items():
        own[place] = number
    write_numbers([*parameters, *model.buffers()], own)
    x = [Value(number, label=name) for number, name in zip(_inputs(inputs, sample.X[0]), names)]
    with evaluation_mode(model):
        outputs = sample_outputs(model, x, task.loss.from_logits)
        loss = task.loss.sample_loss(outputs, np.atleast_1d(sample.targets[0]).tolist())
    loss.label = "L"
    leaves = {value: f"x:{i}" for i, value in enumerate(x)}
    leaves |= {value: f"p:{i}" for i, value in enumerate(parameters)}
    return SampleGraph(loss, leaves, parameters, title)


def _inputs(given: object, own: NDArray[np.float64]) -> list[float]:
    if given is None:
        return [float(number) for number in own]
    if not isinstance(given, list | tuple) or len(given) != len(own):
        raise InvalidArgumentError(
            f"inputs is {described(given)}, but a list of {len(own)} numbers is needed, one for "
            "each input of the network"
        )
    return [
        float(old) if new is None else _checked(new, f"inputs[{i}]")
        for i, (new, old) in enumerate(zip(given, own))
    ]


def _weights(given: object, n_parameters: int) -> dict[int, float]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidArgumentError(
            f"weights is {described(given)}, but an object is needed: {{'3': 0.5}}"
        )
    found = {}
    for key, number in given.items():
        text = str(key)
        if not text.isascii() or not text.isdigit() or int(text) >= n_parameters:
            raise InvalidArgumentError(
                f"there is no weight {described(key)}; they count from 0 to {n_parameters - 1}"
            )
        found[int(text)] = _checked(number, f"weights[{text}]")
    return found


def _checked(number: object, name: str) -> float:
    return check_number(number, name, f"{name} = 0.5", at_least=-LARGEST, at_most=LARGEST)
