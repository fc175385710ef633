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
    norms: list[Array]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of features, and of the neurons of each layer."""
        return (self.coefs[0].shape[0], *[coef.shape[1] for coef in self.coefs])

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
    >>> flat, kept = np.zeros(3), np.zeros(0)
    >>> layout.write(Weights([np.array([[5.0], [6.0]])], [np.array([7.0])], []), flat, kept)
    >>> flat
    array([5., 6., 7.])
    >>> layout.read(flat, kept).coefs
    [array([[5.],
           [6.]])]
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

    def coefs(self, flat: Array) -> list[Array]:
        """Views of the weights in such an array, (n_in, n_out) each.

        >>> Layout(MLP(1, [2], init="zeros")).coefs(np.arange(4.0))
        [array([[0., 2.]])]
        """
        return [block[:, :-1].T for block in self._blocks(flat)]

    def intercepts(self, flat: Array) -> list[Array]:
        """Views of the biases, (n_out,) each.

        >>> Layout(MLP(1, [2], init="zeros")).intercepts(np.arange(4.0))
        [array([1., 3.])]
        """
        return [block[:, -1] for block in self._blocks(flat)]

    def read(self, flat: Array, kept: Array) -> Weights:
        """Copies of the numbers.

        Args:
            flat: the numbers of the parameters.
            kept: the numbers of the buffers.
        """
        return Weights(
            [coef.copy(order="C") for coef in self.coefs(flat)],
            [intercept.copy() for intercept in self.intercepts(flat)],
            [np.array(self._rows(norm, flat, kept)) for norm in self._norms],
        )

    def write(self, weights: Weights, flat: Array, kept: Array) -> None:
        """Put the numbers where they belong; the arguments as for ``read``."""
        pairs = [
            *zip(self.coefs(flat), weights.coefs),
            *zip(self.intercepts(flat), weights.intercepts),
        ]
        for norm, rows in zip(self._norms, weights.norms):
            pairs += zip(self._rows(norm, flat, kept), rows)
        for view, array in pairs:
            view[:] = array

    def _blocks(self, flat: Array) -> list[Array]:
        return [
            flat[start : start + (n_in + 1) * n_out].reshape(n_out, n_in + 1)
            for start, n_in, n_out in self._layers
        ]

    @staticmethod
    def _rows(norm: tuple[int, int, int, int, int], flat: Array, kept: Array) -> list[Array]:
        scales, shifts, means, variances, n = norm
        places = ((flat, scales), (flat, shifts), (kept, means), (kept, variances))
        return [array[start : start + n] for array, start in places]
