"""How the weights of an estimator begin: the numbers that scikit-learn draws from the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.nn._activations import activation_name

__all__ = ["draw_weights_and_biases"]

Array = NDArray[Any]

FACTOR: Final = 6.0
FACTOR_OF_SIGMOID: Final = 2.0
"""Of the bound sqrt(factor / (n_in + n_out)); a sigmoid saturates sooner."""


def draw_weights_and_biases(
    sizes: Sequence[int],
    activations: Sequence[str],
    dtype: np.dtype[Any],
    random_state: np.random.RandomState,
) -> tuple[list[Array], list[Array]]:
    """Weights and biases of each layer, uniform in -b ... b with b = sqrt(f / (n_in + n_out)).

    The weights of a layer are drawn before its biases, row by row of inputs. f is 2 for a layer
    with the activation "sigmoid", else 6.

    Args:
        sizes: the number of features, and of the neurons of each layer.
        activations: the name of the activation by which each layer begins, or an alias.
        dtype: of the arrays; what is drawn does not depend on it.
        random_state: what they are drawn from.

    Returns:
        The weights (n_in, n_out) and the biases (n_out,), a list of each.

    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward neural
    networks, 2010.

    >>> random_state = np.random.RandomState(0)
    >>> coefs, intercepts = draw_weights_and_biases([1, 2], ["relu"], np.dtype(float), random_state)
    >>> coefs[0].shape, intercepts[0].shape, float(abs(coefs[0]).max()) < 2.0**0.5
    ((1, 2), (2,), True)
    """
    coefs, intercepts = [], []
    for (n_in, n_out), activation in zip(pairwise(sizes), activations):
        factor = FACTOR_OF_SIGMOID if activation_name(activation) == "sigmoid" else FACTOR
        bound = np.sqrt(factor / (n_in + n_out))
        coefs.append(random_state.uniform(-bound, bound, (n_in, n_out)).astype(dtype, copy=False))
        intercepts.append(random_state.uniform(-bound, bound, n_out).astype(dtype, copy=False))
    return coefs, intercepts
