"""Neuron and Layer: a neuron is a dot and an activation, a layer is neurons side by side.

Both of them take one sample, as a sequence of numbers or Values (or the only Value), and build its
scalar graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_mlp import functional
from tinygrad_mlp._arguments import Rng, as_generator, check_flag, check_integer, check_number
from tinygrad_mlp._dot_node import dot_node
from tinygrad_mlp._words import our_words
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError, ShapeError
from tinygrad_mlp.nn._activations import (
    SOFTMAX,
    Activation,
    activated,
    activation_name,
    activation_named,
)
from tinygrad_mlp.nn._batch_norm import BatchNorm
from tinygrad_mlp.nn._dropout import Dropout
from tinygrad_mlp.nn._inputs import read_inputs
from tinygrad_mlp.nn._module import Module, Sample
from tinygrad_mlp.nn.init import (
    Initializer,
    draw_biases,
    draw_weights,
    initializer_named,
)

__all__ = ["Layer", "Neuron"]


class Neuron(Module):
    """One neuron: f(w1 x1 + ... + wn xn + b).

    Args:
        n_inputs: the number of its inputs, n.
        activation: f: a name from ``ACTIVATIONS``, a function of a Value, or None for none.
        init: how the weights begin: a name from ``INITIALIZERS``, or an initializer of your own,
            with a bias of 0; or None for what suits the activation (``nn.init`` has the table).
        rng: a seed or a generator for the weights and the bias.
        weights: the weights themselves, n numbers, instead of drawing them.
        bias: the first bias; None for 0 beside given weights, else for what ``init`` says.

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
        bias: float | None = None,
    ) -> None:
        n_inputs = check_integer(n_inputs, "n_inputs")
        self.activation = activation_named(activation)
        if isinstance(init, str):
            initializer_named(init)  # also where the weights are given
        if weights is None:
            generator = as_generator(rng)
            (weights,) = draw_weights(init, activation, n_inputs, 1, generator).tolist()
            if bias is None:
                bias = draw_biases(init, activation, n_inputs, 1, generator).item()
        elif len(weights) != n_inputs:
            raise ShapeError(
                f"a neuron of {n_inputs} inputs got {len(weights)} weights; give one for each "
                "input: Neuron(2, weights=[0.5, -1.0])"
            )
        self.w = [Value(weight) for weight in weights]
        self.b = Value(0.0 if bias is None else bias)
        self.label_parameters()

    @classmethod
    def _of(cls, activation: Activation, weights: Sequence[float], bias: float) -> Neuron:
        """One of a layer, which has checked all and tells the parameters where they stand."""
        neuron = cls.__new__(cls)
        neuron.activation = activation
        neuron.w = [Value(weight) for weight in weights]
        neuron.b = Value(bias)
        return neuron

    def forward(self, x: Sample) -> list[Value]:
        """The output for one sample, in a list.

        Raises:
            ShapeError: if x has not n_inputs numbers.
        """
        inputs, numbers = read_inputs(x, len(self.w), self)
        return activated([self.output(inputs, numbers)], self.activation)

    def logits(self, x: Sample) -> list[Value]:
        """As ``forward``, without the activation where that is sigmoid."""
        inputs, numbers = read_inputs(x, len(self.w), self)
        return activated([self.logit(inputs, numbers)], self.activation)

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
        if self._ends_in_sigmoid:
            return self.weighted_sum(inputs, input_numbers)
        return self.output(inputs, input_numbers)

    def logit_of(self, weighted_sum: Value) -> Value:
        """The same for a weighted sum that is there."""
        return weighted_sum if self._ends_in_sigmoid else self.activation(weighted_sum)

    @property
    def _ends_in_sigmoid(self) -> bool:
        return self.activation in (Value.sigmoid, functional.sigmoid)

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
        init: how the weights and biases begin, as for ``Neuron``.
        rng: a seed or a generator for the weights and biases, and for what dropout leaves out.
        batch_norm: whether a ``BatchNorm`` stands before f: f(norm(W x + b)). The bias stays, as
            in torch, though the norm takes it away again.
        dropout: the probability of the ``Dropout`` behind f; 0 for none.

    Attributes:
        neurons: the list of neurons, each with its weights and its activation.
        activation: what it was made with, "linear" for None.
        norm: the ``BatchNorm``, or None.
        dropout: the ``Dropout``, or None.

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

    norm: BatchNorm | None = None
    dropout: Dropout | None = None

    @our_words
    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        activation: str | Activation | None = "relu",
        init: str | Initializer | None = None,
        rng: Rng = None,
        *,
        batch_norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        n_inputs = check_integer(n_inputs, "n_inputs")
        n_outputs = check_integer(n_outputs, "n_outputs")
        batch_norm = check_flag(batch_norm, "batch_norm", "Layer(2, 16, batch_norm=True)")
        check_number(dropout, "dropout", "Layer(2, 16, dropout=0.2)", at_least=0.0, at_most=1.0)
        self._fill(n_inputs, n_outputs, activation, init, as_generator(rng), batch_norm, dropout)
        self.label_parameters()

    @classmethod
    def _of(cls, *arguments: Any) -> Layer:
        """One of an MLP, which has checked what it hands on and makes its parameters known."""
        layer = cls.__new__(cls)
        layer._fill(*arguments)
        return layer

    def _fill(
        self,
        n_inputs: int,
        n_outputs: int,
        activation: str | Activation | None,
        init: str | Initializer | None,
        rng: np.random.Generator,
        batch_norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        is_named = activation is None or isinstance(activation, str)
        self.activation = activation_name(activation) if is_named else activation
        if self.activation == SOFTMAX and n_outputs == 1:
            raise InvalidArgumentError(
                "the softmax of one output is always 1; for two classes give the output "
                f"'sigmoid', or take two outputs: Layer({n_inputs}, 1, 'sigmoid'), and of a "
                f"network MLP({n_inputs}, [16, 1], output_activation='sigmoid')"
            )
        of_each = activation_named(None if self.activation == SOFTMAX else self.activation)
        rows = draw_weights(init, activation, n_inputs, n_outputs, rng).tolist()
        biases = draw_biases(init, activation, n_inputs, n_outputs, rng).tolist()
        self.neurons = [Neuron._of(of_each, row, bias) for row, bias in zip(rows, biases)]
        if batch_norm:
            self.norm = BatchNorm(n_outputs)
        if dropout:
            self.dropout = Dropout(dropout, rng)

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
        inputs, numbers = read_inputs(x, self.n_inputs, self)
        if self.norm is None:
            outputs = [neuron.output(inputs, numbers) for neuron in self.neurons]
        else:
            sums = self._normalized(inputs, numbers, self.norm)
            outputs = [neuron.activation(z) for neuron, z in zip(self.neurons, sums)]
        if self.activation.__class__ is not str:  # a function of your own may give anything
            activated(outputs, self.activation)
        if self.activation == SOFTMAX:
            outputs = functional.softmax(outputs)
        return outputs if self.dropout is None else self.dropout.forward(outputs)

    def logits(self, x: Sample) -> list[Value]:
        """As ``forward``, without the activation where that is softmax or sigmoid."""
        inputs, numbers = read_inputs(x, self.n_inputs, self)
        if self.norm is None:
            outputs = [neuron.logit(inputs, numbers) for neuron in self.neurons]
        else:
            sums = self._normalized(inputs, numbers, self.norm)
            outputs = [neuron.logit_of(z) for neuron, z in zip(self.neurons, sums)]
        if self.activation.__class__ is not str:
            activated(outputs, self.activation)
        return outputs if self.dropout is None else self.dropout.forward(outputs)

    def _normalized(
        self, inputs: Sequence[Value], numbers: Sequence[float], norm: BatchNorm
    ) -> list[Value]:
        return norm.forward([neuron.weighted_sum(inputs, numbers) for neuron in self.neurons])

    def state(self) -> dict[str, Any]:
        """``weight`` (n_outputs, n_inputs), ``bias`` (n_outputs,) and whatever else there is."""
        of_neurons = [neuron.state() for neuron in self.neurons]
        matrix = {name: [state.pop(name) for state in of_neurons] for name in ("weight", "bias")}
        return {**matrix, **vars(self), "neurons": of_neurons}

    def summary_kind(self) -> str:
        """The kind, the activation, and what stands beside it."""
        norm = "" if self.norm is None else "batch norm, "
        dropout = "" if self.dropout is None else f", dropout {self.dropout.p:g}"
        return f"Layer, {norm}{activation_name(self.activation)}{dropout}"

    def __repr__(self) -> str:
        name = (
            SOFTMAX if self.activation == SOFTMAX else activation_name(self.neurons[0].activation)
        )
        plural = "" if self.n_outputs == 1 else "s"
        beside = ["batch norm"] if self.norm is not None else []
        beside += [f"dropout {self.dropout.p:g}"] if self.dropout is not None else []
        extra = f" with {' and '.join(beside)}" if beside else ""
        return f"Layer of {self.n_outputs} {name}({self.n_inputs}) neuron{plural}{extra}"
