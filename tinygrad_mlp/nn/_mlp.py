"""MLP: layers one after the other.

It takes one sample, as a sequence of numbers or Values, and builds its scalar graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat
from typing import TYPE_CHECKING

from tinygrad_mlp._arguments import Rng, as_generator, check_flag, check_integer, check_number
from tinygrad_mlp._text import described
from tinygrad_mlp._words import our_words
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError, UnknownArgumentError
from tinygrad_mlp.nn._activations import Activation, check_activations
from tinygrad_mlp.nn._layers import Layer
from tinygrad_mlp.nn._module import Module, Sample
from tinygrad_mlp.nn.init import Initializer, first_layer

__all__ = ["MLP"]


class MLP(Module):
    """A multi-layer perceptron: layers one after the other.

    Args:
        n_inputs: the number of features of a sample.
        layer_sizes: the number of neurons of each layer, the output layer last.
        activation: the one of the hidden layers, as for ``Layer``; or a list with one for each
            hidden layer, or for each layer with the output layer included.
        output_activation: the one of the output layer; None for a linear one.
        init: how the weights and biases begin, as for ``Neuron``; by default each layer's
            activation decides, and the first layer is ``nn.init.first_layer``.
        rng: a seed or a generator for the weights and biases, and for what dropout leaves out.
        batch_norm: whether each hidden layer has a ``BatchNorm`` before its activation.
        dropout: the probability of the ``Dropout`` behind each hidden activation; 0 for none.

    Attributes:
        layers: the list of layers.

    Raises:
        InvalidArgumentError: if a size is no whole number of at least 1, or the activations are too
            many or too few; for batch norm or dropout without a hidden layer.
        UnknownNameError: for an unknown activation or initializer.

    >>> MLP(4, [16, 3], output_activation="softmax", rng=0)
    MLP of [Layer of 16 relu(4) neurons, Layer of 3 softmax(16) neurons]
    >>> MLP(2, [8, 1], batch_norm=True, dropout=0.2, rng=0).layers[0]
    Layer of 8 relu(2) neurons with batch norm and dropout 0.2
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
        *,
        batch_norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        sizes = _check_sizes(n_inputs, layer_sizes)
        activations = check_activations(activation, output_activation, len(sizes) - 1)
        call = "MLP(2, [16, 1], dropout=0.2)"
        batch_norm = check_flag(batch_norm, "batch_norm", "MLP(2, [16, 1], batch_norm=True)")
        dropout = check_number(dropout, "dropout", call, at_least=0.0, at_most=1.0)
        _check_has_hidden(sizes, batch_norm, dropout)
        generator = as_generator(rng)
        inits = chain([first_layer if init is None else init], repeat(init))
        *hidden, last = zip(sizes, sizes[1:], activations, inits)
        self.layers = [Layer._of(*each, generator, batch_norm, dropout) for each in hidden]
        self.layers.append(Layer._of(*last, generator))
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

    if not TYPE_CHECKING:

        def __getitem__(self, index):
            """An MLP is no list, unlike ``Sequential``; its layers are one."""
            raise UnknownArgumentError(
                "an MLP is not indexed itself; its layers are the list model.layers: "
                "for layer in model.layers[:1]: layer.freeze()"
            )

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(repr, self.layers))}]"


def _check_has_hidden(sizes: Sequence[int], batch_norm: bool, dropout: float) -> None:
    """Refuse what stands in hidden layers where there is none."""
    given = [f"batch_norm={batch_norm}"] if batch_norm else []
    given += [f"dropout={dropout:g}"] if dropout else []
    if given and len(sizes) == 2:
        n_inputs, n_outputs = sizes
        raise InvalidArgumentError(
            f"{' and '.join(given)} would do nothing to an MLP without a hidden layer, since "
            f"{'both stand' if len(given) > 1 else 'it stands'} in hidden layers; leave "
            f"{'them' if len(given) > 1 else 'it'} out, or give a hidden layer: "
            f"MLP({n_inputs}, [16, {n_outputs}], {', '.join(given)})"
        )


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
