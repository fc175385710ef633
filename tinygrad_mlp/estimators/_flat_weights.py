"""The weights of a network as an estimator has them, and as a program has them: one flat array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.nn import MLP

__all__ = ["Layout", "Weights"]

Array = NDArray[Any]


@dataclass
class Weights:
    """The numbers of a network, by layer.

    Attributes:
        coefs: the weights of each layer, (n_in, n_out).
        intercepts: the biases of each layer, (n_out,).
        norms: of each batch norm an array (4, n_neurons): scales, shifts, running means and running
            variances.

    >>> Weights([np.ones((2, 1))], [np.zeros(1)], []).sizes
    (2, 1)
    """

    coefs: list[Array]
    intercepts: list[Array]
    norms: list[Any]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of features, and of the neurons of each layer."""
        return (self.coefs[0].shape[0], *[coef.shape[1] for coef in self.coefs])

    def copy(self) -> Weights:
        """The same numbers in arrays of their own."""
        coefs = [coef.copy(order="C") for coef in self.coefs]
        intercepts = [intercept.copy() for intercept in self.intercepts]
        return Weights(coefs, intercepts, [np.array(norm) for norm in self.norms])

    def put(self, weights: Weights) -> None:
        """Write the numbers of others into these arrays."""
        for coef, numbers in zip(self.coefs, weights.coefs):
            coef[:] = numbers
        for intercept, numbers in zip(self.intercepts, weights.intercepts):
            intercept[:] = numbers
        for norm, rows in zip(self.norms, weights.norms):
            for row, numbers in zip(norm, rows):
                row[:] = numbers

    def astype(self, dtype: Any) -> Weights:
        """The same numbers in arrays of another dtype.

        >>> Weights([np.ones((2, 1))], [np.zeros(1)], []).astype(np.float32).coefs[0].dtype
        dtype('float32')
        """
        parts = (self.coefs, self.intercepts, self.norms)
        return Weights(*[[array.astype(dtype, copy=False) for array in part] for part in parts])

    def are_finite(self) -> bool:
        """Whether none of the weights and biases is nan or infinite.

        >>> Weights([np.ones((2, 1))], [np.array([np.inf])], []).are_finite()
        False
        """
        return all([np.isfinite(array).all() for array in (*self.coefs, *self.intercepts)])


class Layout:
    """Where the weights of an MLP stand among its parameters, and its norms among its buffers.

    A neuron has its weights and then its bias, so the weights of a layer are a matrix whose rows
    are n_in + 1 numbers apart.

    Args:
        model: the MLP.

    >>> layout = Layout(MLP(2, [1], init="zeros"))
    >>> layout.n_parameters, layout.views(np.array([5.0, 6.0, 7.0]), np.zeros(0)).intercepts
    (3, [array([7.])])
    """

    def __init__(self, model: MLP) -> None:
        place = {id(leaf): index for index, leaf in enumerate(model.parameters())}
        kept = {id(leaf): index for index, leaf in enumerate(model.buffers())}
        self.n_parameters = len(place)
        self._layers: list[tuple[int, int, int]] = []
        self._norms: list[tuple[int, int, int, int, int]] = []
        for layer in model.layers:
            start = place[id(layer.neurons[0].w[0])]
            self._layers.append((start, layer.n_inputs, layer.n_outputs))
            if layer.norm is not None:
                firsts = (
                    *(place[id(leaves[0])] for leaves in (layer.norm.weight, layer.norm.bias)),
                    *(kept[id(b[0])] for b in (layer.norm.running_mean, layer.norm.running_var)),
                )
                self._norms.append((*firsts, layer.n_outputs))  # type: ignore[arg-type]

    def views(self, flat: Array, kept: Array) -> Weights:
        """Views of all numbers; what is assigned to their entries stands in the arrays.

        Args:
            flat: the numbers of the parameters.
            kept: the numbers of the buffers.

        >>> layout, flat = Layout(MLP(1, [2], init="zeros")), np.zeros(4)
        >>> layout.views(flat, np.zeros(0)).put(Weights([np.ones((1, 2))], [np.full(2, 5.0)], []))
        >>> flat
        array([1., 5., 1., 5.])
        """
        blocks = [
            flat[start : start + (n_in + 1) * n_out].reshape(n_out, n_in + 1)
            for start, n_in, n_out in self._layers
        ]
        norms = [
            tuple([array[start : start + n] for array, start in zip((flat, flat, kept, kept), of)])
            for *of, n in self._norms
        ]
        return Weights(
            [block[:, :-1].T for block in blocks], [block[:, -1] for block in blocks], norms
        )
