"""The network of a run, the loss that it is trained with, and how it changes while it trains."""

from __future__ import annotations

import numpy as np

from tinygrad_mlp.losses import Loss, loss_named
from tinygrad_mlp.nn import Dropout, Layer, Sequential, activation_named
from tinygrad_mlp.nn.init import first_layer
from viz._run.run_samples import RunSamples
from viz._run.run_settings import DEFAULT, LayerSettings, RunSettings

__all__ = ["change_layers", "loss_for", "network_for"]


def network_for(settings: RunSettings, samples: RunSamples) -> Sequential:
    """The network with its first weights: layers, each with a dropout behind it, and the output.

    The weights depend on the seed and the layers alone.
    """
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
    """Give the hidden layers their present activations and dropouts."""
    for place, layer in enumerate(layers):
        hidden, dropout = model[2 * place], model[2 * place + 1]
        assert isinstance(hidden, Layer)
        assert isinstance(dropout, Dropout)
        hidden.activation = layer.activation
        for neuron in hidden.neurons:
            neuron.activation = activation_named(layer.activation)
        dropout.p = layer.dropout


def loss_for(samples: RunSamples) -> Loss:
    """The loss that suits the targets."""
    if not samples.classes:
        return loss_named("mean_squared_error")
    if len(samples.classes) == 2:
        return loss_named("binary_cross_entropy_with_logits")
    return loss_named("categorical_cross_entropy")
