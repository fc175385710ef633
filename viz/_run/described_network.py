"""A network as a page computes it: its layers, and where their numbers stand in the flat vector."""

from __future__ import annotations

from typing import Any, Protocol

from tinygrad_mlp.engine import Value
from tinygrad_mlp.nn import MLP, Activation, BatchNorm, Dropout, Layer, Module, Sequential
from tinygrad_mlp.nn._activations import activation_name
from viz._run.run_samples import RunSamples
from viz._run.run_settings import RunSettings

__all__ = ["described_network", "described_network_of"]


class HasNetwork(Protocol):
    """A run, as far as it is described here."""

    @property
    def model(self) -> Module:
        """The model."""

    @property
    def settings(self) -> RunSettings:
        """The present settings."""


def described_network(run: HasNetwork, samples: RunSamples) -> dict[str, Any]:
    """The network of a run, with the initializers of its hidden layers."""
    network = described_network_of(run.model, samples)
    for layer, settings in zip(network["layers"], run.settings.layers):
        layer["initializer"] = settings.initializer
    return network


def described_network_of(model: Module, samples: RunSamples) -> dict[str, Any]:
    """The layers, each with the places of its numbers: W, b, and of a batch norm."""
    places = {value: i for i, value in enumerate([*model.parameters(), *model.buffers()])}
    layers: list[dict[str, Any]] = []
    for part in parts_of_network(model):
        if isinstance(part, Layer):
            layers.append(_described_layer(part, places))
        elif isinstance(part, Dropout):
            layers[-1]["dropout"] = part.p
        elif isinstance(part, BatchNorm):
            layers[-1]["norm"] = _described_norm(part, places)
        elif isinstance(part, Activation):
            layers[-1]["activation"] = activation_name(part.function)
    return {
        "n_inputs": samples.n_inputs,
        "image": None if samples.image is None else list(samples.image),
        "layers": layers,
        "head": samples.head,
    }


def parts_of_network(model: Module) -> list[Module]:
    """The layers and what stands between them, one after the other."""
    parts: list[Module] = []
    assert isinstance(model, MLP | Sequential)
    for part in model.layers if isinstance(model, MLP) else model:
        parts.append(part)
        if isinstance(part, Layer):
            parts += [beside for beside in (part.norm, part.dropout) if beside is not None]
    return parts


def _described_layer(layer: Layer, places: dict[Value, int]) -> dict[str, Any]:
    weights = [[places[w] for w in neuron.w] for neuron in layer.neurons]
    return {
        "units": layer.n_outputs,
        "activation": activation_name(layer.activation),
        "initializer": None,
        "dropout": 0.0,
        "W": _row_of([row[0] for row in weights]),
        "b": _row_of([places[neuron.b] for neuron in layer.neurons]),
        "norm": None,
    }


def _row_of(places: list[int]) -> dict[str, int]:
    row = places[1] - places[0] if len(places) > 1 else 0
    return {"at": places[0], "row": row}


def _described_norm(norm: BatchNorm, places: dict[Value, int]) -> dict[str, Any]:
    def at(values: Any) -> int | None:
        return places[values[0]] if values else None

    return {
        "gamma": at(norm.weight),
        "beta": at(norm.bias),
        "mean": at(norm.running_mean),
        "var": at(norm.running_var),
        "eps": norm.epsilon,
    }
