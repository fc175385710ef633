"""Networks: modules, layers of all kinds, multi-layer perceptrons, and how their weights begin.

>>> model = MLP(2, [16, 16, 1], rng=0)
>>> model
MLP of [Layer of 16 relu(2) neurons, Layer of 16 relu(16) neurons, Layer of 1 linear(16) neuron]
>>> len(model.parameters())
337
>>> model([1.0, -2.0]).backward()
>>> model.layers[0].neurons[3].w[1].has_grad
True
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tinygrad_mlp._words import refuse_name
from tinygrad_mlp.nn._activations import ACTIVATIONS, activation_named
from tinygrad_mlp.nn._batch_norm import BatchNorm
from tinygrad_mlp.nn._dropout import Dropout
from tinygrad_mlp.nn._layers import Layer, Neuron
from tinygrad_mlp.nn._mlp import MLP
from tinygrad_mlp.nn._module import Buffer, Module
from tinygrad_mlp.nn._sequential import Activation, Sequential
from tinygrad_mlp.nn.init import INITIALIZERS, initializer_named

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "MLP",
    "Activation",
    "BatchNorm",
    "Buffer",
    "Dropout",
    "Layer",
    "Module",
    "Neuron",
    "Sequential",
    "activation_named",
    "initializer_named",
]

if not TYPE_CHECKING:
    __getattr__ = partial(refuse_name, __name__)
