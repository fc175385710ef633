"""What every neuron says to some samples, and which samples are alike to a hidden layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._arguments import check_integer
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.interpret._asked_about import Model, check_model, outputs_of
from tinygrad_mlp.interpret._hidden_units import LayerUnits, layer_in, layers_with_units
from tinygrad_mlp.interpret._many_samples import ForSamples
from tinygrad_mlp.interpret._saliency import checked_samples

__all__ = ["NearestSamples", "activations", "nearest_samples"]

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NearestSamples:
    """Which samples are nearest, the nearest first.

    Attributes:
        indices: their rows, (n_samples, n_neighbors).
        distances: how far they are, likewise.
    """

    indices: NDArray[np.int64]
    distances: Floats


def activations(model: Model, X: ArrayLike) -> dict[str, Floats]:
    """What every neuron of every layer gives for each sample.

    A neuron's output is what comes out of its normalization and its activation; of a softmax at the
    end, which looks at all neurons of its layer, it is what goes in.

    Args:
        model: a module, or a function of a list of Values.
        X: the samples, (n_samples, n_features).

    Returns:
        By the name of each layer, in their order, an array (n_samples, n_neurons).

    Raises:
        InvalidArgumentError: if there is no neuron in the model.
        DataError, ShapeError: as ``saliency``.

    >>> from tinygrad_mlp.nn import MLP
    >>> found = activations(MLP(2, [3, 1], rng=0), [[0.5, 1.0], [1.0, -2.0]])
    >>> {name: array.shape for name, array in found.items()}
    {'layers.0': (2, 3), 'layers.1': (2, 1)}
    """
    samples = checked_samples(model, X)
    asked = _Layers(model)
    numbers = ForSamples(model, asked.outputs)(samples)
    bounds = np.cumsum([n_neurons for _, n_neurons in asked.found])[:-1]
    parts = np.split(numbers, bounds, axis=1)
    return {name: part.copy() for (name, _), part in zip(asked.found, parts)}


def nearest_samples(
    model: Model,
    X: ArrayLike,
    among: ArrayLike,
    *,
    layer: int | str | None = None,
    n_neighbors: int = 5,
) -> NearestSamples:
    """For each sample those that are nearest to it in a hidden layer: what the model sees alike.

    The distance is sqrt(sum (h_j(x) - h_j(x'))^2) over the neurons j of the layer.

    Args:
        model: a module, or a function of a list of Values.
        X: the samples, (n_samples, n_features).
        among: the samples to choose from, mostly those of the training, (n_others, n_features).
        layer: the number of the layer, from 0, or its name; None for the one before the last.
        n_neighbors: how many.

    Raises:
        InvalidArgumentError: if there is no such layer, or there are fewer samples to choose from.
        DataError, ShapeError: as ``saliency``.

    >>> found = nearest_samples(lambda x: x, [[0.0]], [[3.0], [1.0], [-2.0]], n_neighbors=2)
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.InvalidArgumentError: there is no neuron in this model: ...
    >>> from tinygrad_mlp.nn import Layer
    >>> layer = Layer(1, 2, None, rng=0)
    >>> nearest_samples(layer, [[0.0]], [[3.0], [1.0], [-2.0]], n_neighbors=2).indices
    array([[1, 2]])
    """
    samples = checked_samples(model, X)
    others = checked_samples(model, among, "among")
    n_neighbors = check_integer(n_neighbors, "n_neighbors")
    if n_neighbors > len(others):
        raise InvalidArgumentError(
            f"n_neighbors is {n_neighbors}, but there are {len(others)} samples to choose from; "
            f"give at most n_neighbors={len(others)}"
        )
    asked = ForSamples(model, _Layers(model, layer).of_one)
    seen, known = np.split(asked(np.concatenate([samples, others])), [len(samples)])
    indices = np.empty((len(samples), n_neighbors), np.int64)
    distances = np.empty((len(samples), n_neighbors))
    for row, place in enumerate(seen):
        apart = np.sqrt(((known - place) ** 2).sum(axis=1))
        indices[row] = np.argsort(apart, kind="stable")[:n_neighbors]
        distances[row] = apart[indices[row]]
    return NearestSamples(indices, distances)


class _Layers:
    """The outputs of the neurons for one sample; ``found`` says of which layers."""

    def __init__(self, model: Model, layer: int | str | None = None) -> None:
        check_model(model)
        self._model, self._layer = model, layer
        self.found: list[tuple[str, int]] = []

    def outputs(self, x: Sequence[Value]) -> list[Value]:
        layers = self._layers(x)
        self.found = [(layer.name, len(layer.outputs)) for layer in layers]
        return [output for layer in layers for output in layer.outputs]

    def of_one(self, x: Sequence[Value]) -> list[Value]:
        layers = self._layers(x)
        layer = max(len(layers) - 2, 0) if self._layer is None else self._layer
        return layer_in(layers, layer).outputs

    def _layers(self, x: Sequence[Value]) -> list[LayerUnits]:
        layers = layers_with_units(outputs_of(self._model, x), x)
        if not layers:
            layer_in(layers, 0)  # it says so
        return layers
