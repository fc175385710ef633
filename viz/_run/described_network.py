"""The network of a run as a page computes it."""

from __future__ import annotations

from typing import Any, Protocol

from tinygrad_mlp.nn import Module
from viz._run.network_places import network_of
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
    """The network of a run, with the initializers of its hidden layers.

    >>> from viz._run.run import Run
    >>> run = Run(RunSettings("moons"))
    >>> [layer["initializer"] for layer in described_network(run, run.samples)["layers"]]
    ['default', 'default', None]
    """
    network = described_network_of(run.model, samples)
    for layer, settings in zip(network["layers"], run.settings.layers):
        layer["initializer"] = settings.initializer
    return network


def described_network_of(model: Module, samples: RunSamples) -> dict[str, Any]:
    """The layers, each with the places of its numbers: W, b, and of a batch norm.

    Raises:
        InvalidArgumentError: for a model that a page cannot run.

    >>> from viz._run.run import Run
    >>> run = Run(RunSettings("moons"))
    >>> network = described_network_of(run.model, run.samples)
    >>> [layer["units"] for layer in network["layers"]], network["head"]
    ([16, 16, 1], 'sigmoid')
    """
    return network_of(model, samples.head, samples.image)
