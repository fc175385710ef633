"""Neuron, Layer, MLP: a neuron is a dot and an activation, a layer is neurons, an MLP is layers.

All of them take one sample, as a sequence of numbers or Values (or the only Value), and build its
scalar graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_mlp import functional
from tinygrad_mlp._arguments import Rng, as_generator, check_integer
from tinygrad_mlp._dot_node import dot_node
from tinygrad_mlp._many_numbers import numbers_of
from tinygrad_mlp._text import described
from tinygrad_mlp._words import our_words
from tinygrad_mlp.engine import Value, as_value
from tinygrad_mlp.errors import InvalidArgumentError, NotANumberError, ShapeError
from tinygrad_mlp.nn._activations import (
    SOFTMAX,
    Activation,
    activation_name,
    activation_named,
    check_activations,
)
from tinygrad_mlp.nn._module import Module, Sample
from tinygrad_mlp.nn.init import Initializer, draw_weights, initializer_named

__all__ = ["MLP", "Layer", "Neuron"]


class Neuron(Module):
    """One neuron: f(w1 x1 + ... + wn xn + b).

    Args:
        n_inputs: the number of its inputs, n.
        activation: f: a name from ``ACTIVATIONS``, a function of a Value, or None for none.
        init: how the weights begin: a name from ``INITIALIZERS``, an initializer of your own, or
            None for what suits the activation.
        rng: a seed or a generator for the weights.
        weights: the weights themselves, n numbers, instead of drawing them.
        bias: the first bias.

    Attributes:
        w: the weights, a list of n Values.
        b: the bias, a Value.
        activation: the function f.

    Raises:
        InvalidArgumentError: if n_inputs is no whole number of at least 1.
        UnknownNameError: for an unknown activation or initializer.
        ShapeError: if there are not n weights.

    >>> neuron = Neuron(2, "tanh", weights=[0.5, -1.0], bias=0.25)
    >>> neuron
    tanh(2) neuron
    >>> neuron([1.0, 0.75]).data
    0.0
    """

    @our_words
    def __init__(
        self,
        n_inputs: int,
        activation: str | Activation | None = "relu",
        init: str | Initializer | None = None,
        rng: Rng = None,
        *,
        weights: Sequence[float] | None = None,
        bias: float = 0.0,
    ) -> None:
        n_inputs = check_integer(n_inputs, "n_inputs")
        self.activation = activation_named(activation)
        if isinstance(init, str):
            initializer_named(init)  # also where the weights are given
        if weights is None:
            weights = draw_weights(init, activation, n_inputs, 1, rng)[0].tolist()
        elif len(weights) != n_inputs:
            raise ShapeError(
                f"a neuron of {n_inputs} inputs got {len(weights)} weights; give one for each "
                "input: Neuron(2, weights=[0.5, -1.0])"
            )
        self.w = [Value(weight) for weight in weights]
        self.b = Value(bias)
        self.label_parameters()

    def forward(self, x: Sample) -> list[Value]:
        """The output for one sample, in a list.

        Raises:
            ShapeError: if x has not n_inputs numbers.
        """
        inputs, numbers = _read_inputs(x, len(self.w), self)
        return [self.output(inputs, numbers)]

    def logits(self, x: Sample) -> list[Value]:
        """As ``forward``, without the activation where that is sigmoid."""
        inputs, numbers = _read_inputs(x, len(self.w), self)
        return [self.logit(inputs, numbers)]

    def weighted_sum(self, inputs: Sequence[Value], input_numbers: Sequence[float]) -> Value:
        """w1 x1 + ... + wn xn + b as one node.

        Args:
            inputs: x1 ... xn.
            input_numbers: ``numbers_of(inputs)``, which a layer reads once for all its neurons.
        """
        return dot_node(self.w, inputs, input_numbers, self.b)

    def output(self, inputs: Sequence[Value], input_numbers: Sequence[float]) -> Value:
        """f(w1 x1 + ... + wn xn + b); the arguments as for ``weighted_sum``."""
        return self.activation(dot_node(self.w, inputs, input_numbers, self.b))

    def logit(self, inputs: Sequence[Value], input_numbers: Sequence[float]) -> Value:
        """The weighted sum where f is sigmoid, else the output."""
        if self.activation in (Value.sigmoid, functional.sigmoid):
            return self.weighted_sum(inputs, input_numbers)
        return self.output(inputs, input_numbers)

    def state(self) -> dict[str, Any]:
        """``weight`` (n_inputs,), ``bias`` () and whatever else there is."""
        others = {name: item for name, item in vars(self).items() if name not in ("w", "b")}
        return {"weight": self.w, "bias": self.b, **others}

    @property
    def n_inputs(self) -> int:
        """The number of inputs."""
        return len(self.w)

    @property
    def n_outputs(self) -> int:
        """The number of outputs, 1."""
        return 1

    def summary_kind(self) -> str:
        """The kind and the activation."""
        return f"Neuron, {activation_name(self.activation)}"

    def __repr__(self) -> str:
        return f"{activation_name(self.activation)}({len(self.w)}) neuron"


class Layer(Module):
    """A fully connected layer: every neuron sees every input, f(W x + b).

    Args:
        n_inputs: the number of inputs.
        n_outputs: the number of neurons.
        activation: f, as for ``Neuron``, or "softmax", which takes all outputs of the layer.
        init: how the weights begin, as for ``Neuron``.
        rng: a seed or a generator for the weights.

    Attributes:
        neurons: the list of neurons, each with its weights and its activation.
        activation: what it was made with, "linear" for None.

    Raises:
        InvalidArgumentError: if a size is no whole number of at least 1, or for the softmax of one
            output.
        UnknownNameError: for an unknown activation or initializer.
        ShapeError: if an initializer of your own gives another shape than (n_outputs, n_inputs).

    >>> layer = Layer(2, 3, "tanh", rng=0)
    >>> layer
    Layer of 3 tanh(2) neurons
    >>> len(layer([0.5, -1.0]))
    3
    """

    @our_words
    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        activation: str | Activation | None = "relu",
        init: str | Initializer | None = None,
        rng: Rng = None,
    ) -> None:
        n_inputs = check_integer(n_inputs, "n_inputs")
        n_outputs = check_integer(n_outputs, "n_outputs")
        is_named = activation is None or isinstance(activation, str)
        self.activation = activation_name(activation) if is_named else activation
        if self.activation == SOFTMAX and n_outputs == 1:
            raise InvalidArgumentError(
                "the softmax of one output is always 1; for two classes give the output "
                f"'sigmoid', or take two outputs: Layer({n_inputs}, 1, 'sigmoid'), and of a "
                f"network MLP({n_inputs}, [16, 1], output_activation='sigmoid')"
            )
        of_each = None if self.activation == SOFTMAX else activation_named(self.activation)
        rows = draw_weights(init, activation, n_inputs, n_outputs, rng).tolist()
        self.neurons = [Neuron(n_inputs, of_each, weights=row) for row in rows]
        self.label_parameters()

    @property
    def n_inputs(self) -> int:
        """The number of inputs."""
        return len(self.neurons[0].w)

    @property
    def n_outputs(self) -> int:
        """The number of neurons."""
        return len(self.neurons)

    def forward(self, x: Sample) -> list[Value]:
        """The outputs of all neurons for one sample.

        Raises:
            ShapeError: if x has not n_inputs numbers.
        """
        inputs, numbers = _read_inputs(x, self.n_inputs, self)
        outputs = [neuron.output(inputs, numbers) for neuron in self.neurons]
        return functional.softmax(outputs) if self.activation == SOFTMAX else outputs

    def logits(self, x: Sample) -> list[Value]:
        """As ``forward``, without the activation where that is softmax or sigmoid."""
        inputs, numbers = _read_inputs(x, self.n_inputs, self)
        return [neuron.logit(inputs, numbers) for neuron in self.neurons]

    def state(self) -> dict[str, Any]:
        """``weight`` (n_outputs, n_inputs), ``bias`` (n_outputs,) and whatever else there is."""
        of_neurons = [neuron.state() for neuron in self.neurons]
        matrix = {name: [state.pop(name) for state in of_neurons] for name in ("weight", "bias")}
        return {**matrix, **vars(self), "neurons": of_neurons}

    def summary_kind(self) -> str:
        """The kind and the activation."""
        return f"Layer, {activation_name(self.activation)}"

    def __repr__(self) -> str:
        name = (
            SOFTMAX if self.activation == SOFTMAX else activation_name(self.neurons[0].activation)
        )
        plural = "" if self.n_outputs == 1 else "s"
        return f"Layer of {self.n_outputs} {name}({self.n_inputs}) neuron{plural}"


class MLP(Module):
    """A multi-layer perceptron: layers one after the other.

    Args:
        n_inputs: the number of features of a sample.
        layer_sizes: the number of neurons of each layer, the output layer last.
        activation: the one of the hidden layers, as for ``Layer``; or a list with one for each
            hidden layer, or for each layer with the output layer included.
        output_activation: the one of the output layer; None for a linear one.
        init: how the weights begin, as for ``Neuron``; by default each layer's activation decides.
        rng: a seed or a generator for the weights.

    Attributes:
        layers: the list of layers.

    Raises:
        InvalidArgumentError: if a size is no whole number of at least 1, or the activations are too
            many or too few.
        UnknownNameError: for an unknown activation or initializer.

    >>> MLP(4, [16, 3], output_activation="softmax", rng=0)
    MLP of [Layer of 16 relu(4) neurons, Layer of 3 softmax(16) neurons]
    >>> probabilities = MLP(4, [16, 3], output_activation="softmax", rng=0)([5.1, 3.5, 1.4, 0.2])
    >>> round(sum(probability.data for probability in probabilities), 12)
    1.0
    """

    @our_words
    def __init__(
        self,
        n_inputs: int,
        layer_sizes: Sequence[int],
        activation: str | Activation | Sequence[str | Activation | None] | None = "relu",
        output_activation: str | Activation | None = None,
        init: str | Initializer | None = None,
        rng: Rng = None,
    ) -> None:
        sizes = _check_sizes(n_inputs, layer_sizes)
        activations = check_activations(activation, output_activation, len(sizes) - 1)
        generator = as_generator(rng)
        self.layers = [
            Layer(n_in, n_out, of_layer, init, generator)
            for n_in, n_out, of_layer in zip(sizes, sizes[1:], activations)
        ]
        self.label_parameters()

    @property
    def n_inputs(self) -> int:
        """The number of features of a sample."""
        return self.layers[0].n_inputs

    @property
    def n_outputs(self) -> int:
        """The number of outputs."""
        return self.layers[-1].n_outputs

    def forward(self, x: Sample) -> list[Value]:
        """The outputs for one sample.

        Raises:
            ShapeError: if x has not n_inputs numbers.
        """
        *hidden, last = self.layers
        for layer in hidden:
            x = layer.forward(x)
        return last.forward(x)

    def logits(self, x: Sample) -> list[Value]:
        """As ``forward``, without the output activation where that is softmax or sigmoid.

        >>> model = MLP(2, [1], output_activation="sigmoid", rng=0)
        >>> model.logits([1.0, 2.0])[0].sigmoid().data == model([1.0, 2.0]).data
        True
        """
        *hidden, last = self.layers
        for layer in hidden:
            x = layer.forward(x)
        return last.logits(x)

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(repr, self.layers))}]"


def _read_inputs(x: Sample, n_inputs: int, module: Module) -> tuple[list[Value], list[float]]:
    """The inputs as Values, and their numbers: read once, used by every neuron of a layer."""
    if not hasattr(x, "__iter__") or getattr(x, "ndim", 1) != 1:
        if not (isinstance(x, Value) and n_inputs == 1):
            raise ShapeError(_not_one_sample(x, module))
        x = [x]  # what a module with one output gives
    try:
        inputs = [xi if isinstance(xi, Value) else as_value(xi) for xi in x]
    except NotANumberError:
        if all(isinstance(xi, list | tuple | np.ndarray) for xi in x):
            raise ShapeError(_not_one_sample(x, module)) from None
        raise
    if len(inputs) != n_inputs:
        raise ShapeError(
            f"{module!r} takes {n_inputs} inputs, got {len(inputs)}; give one number for each "
            f"input of one sample, as in model([{', '.join(['0.0'] * min(n_inputs, 2))}"
            f"{', ...' if n_inputs > 2 else ''}])"
        )
    return inputs, numbers_of(inputs)


def _not_one_sample(x: object, module: Module) -> str:
    if hasattr(x, "__iter__") and getattr(x, "ndim", 1) > 0:
        given, call = "several samples", "[model(x) for x in X]"
    else:
        given, call = f"{described(x)}", "model([2.0])"
    return f"{module!r} takes the inputs of one sample in a list, got {given}; call it as {call}"


def _check_sizes(n_inputs: int, layer_sizes: Sequence[int]) -> list[int]:
    sizes = list(layer_sizes) if hasattr(layer_sizes, "__iter__") else []
    if not sizes:
        raise InvalidArgumentError(
            f"layer_sizes is {described(layer_sizes)}, but a list with the number of neurons of "
            "each layer "
            "is needed, the output layer last: MLP(2, [16, 16, 1])"
        )
    names = ["n_inputs", *(f"layer_sizes[{i}]" for i in range(len(sizes)))]
    return [check_integer(n, name) for n, name in zip([n_inputs, *sizes], names)]
