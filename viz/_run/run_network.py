"""The network of a run, the loss that it is trained with, and how it changes while it trains."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np

from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.losses import loss_named
from tinygrad_mlp.nn import MLP, Dropout, Layer, Sequential, activation_named
from tinygrad_mlp.nn.init import first_layer
from tinygrad_mlp.training import Task
from viz._run.run_choices import DEFAULT
from viz._run.run_samples import RunSamples
from viz._run.run_settings import LayerSettings, RunSettings

__all__ = ["change_layers", "network_for", "plain_network", "task_for"]

MOST_PARAMETERS: Final = 300_000
"""Of a network that a page makes."""


def network_for(settings: RunSettings, samples: RunSamples) -> Sequential:
    """The network with its first weights: layers, each with a dropout behind it, and the output.

    The weights depend on the seed and the layers alone.

    Raises:
        InvalidArgumentError: if it is too large.

    >>> from viz._run.run_samples import samples_for
    >>> settings = RunSettings("moons", layers=(LayerSettings(3, dropout=0.5),))
    >>> network_for(settings, samples_for(settings))
    Sequential of [Layer of 3 tanh(2) neurons, Dropout of 0.5, Layer of 1 linear(3) neuron]
    """
    _check_size(settings, samples)
    rng, left_out = np.random.default_rng(settings.seed), np.random.default_rng([settings.seed, 1])
    parts: list[Layer | Dropout] = []
    n_inputs = samples.n_inputs
    for layer in settings.layers:
        default = None if parts else first_layer
        init = default if layer.initializer == DEFAULT else layer.initializer
        parts.append(Layer(n_inputs, layer.units, layer.activation, init, rng))
        parts.append(Dropout(layer.dropout, left_out))
        n_inputs = layer.units
    parts.append(Layer(n_inputs, samples.n_outputs, None, rng=rng))
    return Sequential(*parts)


def change_layers(model: Sequential, layers: tuple[LayerSettings, ...]) -> None:
    """Give the hidden layers their present activations and dropouts.

    >>> model = Sequential(Layer(2, 3, "tanh"), Dropout(0.0), Layer(3, 1, None))
    >>> change_layers(model, (LayerSettings(3, "relu", dropout=0.25),))
    >>> model
    Sequential of [Layer of 3 relu(2) neurons, Dropout of 0.25, Layer of 1 linear(3) neuron]
    """
    for place, layer in enumerate(layers):
        hidden, dropout = model[2 * place], model[2 * place + 1]
        assert isinstance(hidden, Layer)
        assert isinstance(dropout, Dropout)
        hidden.activation = layer.activation
        for neuron in hidden.neurons:
            neuron.activation = activation_named(layer.activation)
        dropout.p = layer.dropout


def task_for(samples: RunSamples) -> Task:
    """What is learned: the loss that suits the targets, and the classes as their numbers.

    >>> from viz._run.run_samples import samples_for
    >>> task_for(samples_for(RunSettings("iris")))
    Task(categorical_cross_entropy, classes [0, 1, 2])
    """
    if not samples.classes:
        return Task(loss_named("mean_squared_error"), None, samples.n_inputs, 1)
    binary = len(samples.classes) == 2
    name = "binary_cross_entropy_with_logits" if binary else "categorical_cross_entropy"
    classes = np.arange(len(samples.classes))
    return Task(loss_named(name), classes, samples.n_inputs, samples.n_outputs)


def plain_network(settings: RunSettings, samples: RunSamples) -> MLP:
    """A network of the same layers without dropout, with the head, to be given the weights.

    Its parameters stand in the same order.

    >>> from viz._run.run_samples import samples_for
    >>> settings = RunSettings("moons", layers=(LayerSettings(3, dropout=0.5),))
    >>> plain_network(settings, samples_for(settings))
    MLP of [Layer of 3 tanh(2) neurons, Layer of 1 sigmoid(3) neuron]
    """
    sizes = [*[layer.units for layer in settings.layers], samples.n_outputs]
    activations = [layer.activation for layer in settings.layers]
    head = None if samples.head == "identity" else samples.head
    return MLP(samples.n_inputs, sizes, activations, head, init="zeros")


def _check_size(settings: RunSettings, samples: RunSamples) -> None:
    sizes = [samples.n_inputs, *[layer.units for layer in settings.layers], samples.n_outputs]
    n_parameters = sum([(n + 1) * m for n, m in pairwise(sizes)])
    if n_parameters > MOST_PARAMETERS:
        raise InvalidArgumentError(
            f"a network of the sizes {'-'.join(map(str, sizes))} has {n_parameters:,} parameters, "
            f"but {MOST_PARAMETERS:,} is the most for a page; take fewer units, or fewer columns"
        )
