"""How the weights and biases of a layer begin: small random numbers, zeros, LeCun, Xavier, He.

An initializer is a function ``(n_inputs, n_outputs, rng) -> array (n_outputs, n_inputs)``. LeCun,
Xavier and He aim at sums that have about the variance of the layer's inputs, so that signals and
gradients neither die nor explode over many layers. With an initializer that is named, biases begin
at zero.

The default, n being the number of inputs of the layer::

    activation                 weights     bias
    relu and its relatives     N(0, 2/n)   0
    none (linear), softmax     N(0, 1/n)   0
    all others, as tanh        N(0, 1/n)   N(0, 1/n)

The first layer of an ``MLP`` (``first_layer``) differs in two places. Weights before a relu have
N(0, 1/(3n)), the variance of PyTorch's ``Linear``: a relu hands on the scale of the features, which
may be large, and the layers behind keep it. Biases of the last row have N(0, 1): a tanh neuron
bends where w x + b = 0; with b = 0 that is a line through the origin for every neuron, and with b
from N(0, 1), which w x has for features of variance 1, it goes through the data anywhere.
``python -m tests.benchmarks initializers`` shows what each part of it does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import sqrt
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._arguments import Rng, as_generator
from tinygrad_mlp._registry import Registry
from tinygrad_mlp._text import described
from tinygrad_mlp._words import refuse_name
from tinygrad_mlp.errors import InvalidArgumentError, ShapeError
from tinygrad_mlp.nn._activations import ACTIVATIONS, SOFTMAX, activation_name
from tinygrad_mlp.ops import OPS

__all__ = [
    "INITIALIZERS",
    "Initializer",
    "draw_biases",
    "draw_weights",
    "first_layer",
    "he_normal",
    "he_uniform",
    "initializer_for",
    "initializer_named",
    "lecun_normal",
    "normal",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]

if not TYPE_CHECKING:
    __getattr__ = partial(refuse_name, __name__)

Initializer = Callable[[int, int, np.random.Generator], NDArray[np.float64]]
"""``initializer(n_inputs, n_outputs, rng)`` gives the weights, (n_outputs, n_inputs)."""


def normal(
    n_inputs: int, n_outputs: int, rng: Rng = None, std: float = 0.01
) -> NDArray[np.float64]:
    """Small random numbers: N(0, std^2).

    Args:
        n_inputs: the number of inputs of the layer.
        n_outputs: the number of its neurons.
        rng: a seed or a generator.
        std: the standard deviation. For another one: ``init=functools.partial(normal, std=0.1)``.

    Returns:
        The weights, (n_outputs, n_inputs).

    >>> normal(3, 2, rng=0).shape
    (2, 3)
    """
    return as_generator(rng).normal(0.0, std, (n_outputs, n_inputs))


def zeros(n_inputs: int, n_outputs: int, rng: Rng = None) -> NDArray[np.float64]:
    """All weights 0.

    Good for a single layer. In a network all neurons of a hidden layer then stay equal, which is
    worth seeing once: nothing breaks the symmetry.

    >>> zeros(3, 2).tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    return np.zeros((n_outputs, n_inputs))


def lecun_normal(n_inputs: int, n_outputs: int, rng: Rng = None) -> NDArray[np.float64]:
    """N(0, 1/n) with n = n_inputs: for tanh, sigmoid and linear neurons.

    LeCun et al. (1998), Efficient BackProp, equation 16. Arguments and result as for ``normal``.

    >>> lecun_normal(3, 2, rng=0).shape
    (2, 3)
    """
    return normal(n_inputs, n_outputs, rng, std=sqrt(1.0 / n_inputs))


def xavier_normal(n_inputs: int, n_outputs: int, rng: Rng = None) -> NDArray[np.float64]:
    """N(0, 2 / (n_inputs + n_outputs)): the variance of ``xavier_uniform``.

    Glorot and Bengio (2010), equation 12. Courses that write N(0, 1/n) under this name mean
    ``lecun_normal``. Arguments and result as for ``normal``.

    >>> xavier_normal(3, 2, rng=0).shape
    (2, 3)
    """
    return normal(n_inputs, n_outputs, rng, std=sqrt(2.0 / (n_inputs + n_outputs)))


def xavier_uniform(n_inputs: int, n_outputs: int, rng: Rng = None) -> NDArray[np.float64]:
    """U(-a, a) with a = sqrt(6 / (n_inputs + n_outputs)): variance 2 / (n_inputs + n_outputs).

    Glorot and Bengio (2010), equation 16. Arguments and result as for ``normal``.

    >>> bool(abs(xavier_uniform(4, 2, rng=0)).max() <= 1.0)
    True
    """
    return _uniform(n_inputs, n_outputs, rng, bound=sqrt(6.0 / (n_inputs + n_outputs)))


def he_normal(n_inputs: int, n_outputs: int, rng: Rng = None) -> NDArray[np.float64]:
    """N(0, 2/n) with n = n_inputs: for relu, which lets half of the variance through.

    He et al. (2015), equation 10. Arguments and result as for ``normal``.

    >>> he_normal(3, 2, rng=0).shape
    (2, 3)
    """
    return normal(n_inputs, n_outputs, rng, std=sqrt(2.0 / n_inputs))


def he_uniform(n_inputs: int, n_outputs: int, rng: Rng = None) -> NDArray[np.float64]:
    """U(-a, a) with a = sqrt(6 / n_inputs): variance 2 / n_inputs, as ``he_normal``.

    >>> bool(abs(he_uniform(6, 2, rng=0)).max() <= 1.0)
    True
    """
    return _uniform(n_inputs, n_outputs, rng, bound=sqrt(6.0 / n_inputs))


def _uniform(n_inputs: int, n_outputs: int, rng: Rng, bound: float) -> NDArray[np.float64]:
    return as_generator(rng).uniform(-bound, bound, (n_outputs, n_inputs))


def _check_initializer(name: str, thing: object) -> None:
    if not callable(thing):
        raise InvalidArgumentError(
            f"{described(thing)} is no initializer; give a function of (n_inputs, n_outputs, rng): "
            f"INITIALIZERS.add({name!r}, function)"
        )


INITIALIZERS: Final = Registry[Initializer](
    "initializer",
    ("normal", normal),
    ("zeros", zeros, "zeros_"),
    ("lecun_normal", lecun_normal),
    ("xavier_normal", xavier_normal, "xavier_normal_", "glorot_normal"),
    ("xavier_uniform", xavier_uniform, "xavier_uniform_", "glorot_uniform"),
    ("he_normal", he_normal, "kaiming_normal", "kaiming_normal_"),
    ("he_uniform", he_uniform, "kaiming_uniform", "kaiming_uniform_"),
    check=_check_initializer,
)
"""The initializers by name, each with what PyTorch (with ``_`` at the end) and Keras call it."""


def initializer_named(name: str) -> Initializer:
    """The initializer of that name or alias, in upper or lower case.

    Raises:
        UnknownNameError: if there is none; the message lists the known ones.

    >>> initializer_named("zeros")(2, 1, None).tolist()
    [[0.0, 0.0]]
    """
    return INITIALIZERS.named(name)


def initializer_for(activation: object) -> Initializer:
    """The default of the weights: ``he_normal`` for activations like relu, else ``lecun_normal``.

    The record of the op says which are like relu, or, of a function that is no operation,
    ``ACTIVATIONS.add("name", function, relu_like=True)``.

    >>> initializer_for("relu").__name__, initializer_for("tanh").__name__
    ('he_normal', 'lecun_normal')
    """
    return he_normal if _is_like_relu(activation) else lecun_normal


def first_layer(n_inputs: int, n_outputs: int, rng: Rng = None) -> NDArray[np.float64]:
    """How the first layer of an ``MLP`` begins by default: weights N(0, 1/n), biases N(0, 1).

    Before activations like relu a layer draws the weights from N(0, 1/(3n)); there, and without an
    activation, the biases are 0. Of all initializers this one alone has drawn biases. For a model
    of your own: ``Layer(2, 16, "tanh", init=first_layer)``. Arguments and result as for ``normal``.

    >>> first_layer(3, 2, rng=0).shape
    (2, 3)
    """
    return lecun_normal(n_inputs, n_outputs, rng)


def _first_relu_layer(n_inputs: int, n_outputs: int, rng: Rng) -> NDArray[np.float64]:
    return normal(n_inputs, n_outputs, rng, std=sqrt(1.0 / (3.0 * n_inputs)))


def draw_weights(
    init: str | Initializer | None,
    activation: object,
    n_inputs: int,
    n_outputs: int,
    rng: Rng,
) -> NDArray[np.float64]:
    """The first weights of a layer, (n_outputs, n_inputs).

    Args:
        init: the name of an initializer, one of your own, or None for the default.
        activation: the activation (its name or the function) that the default follows.
        n_inputs: the number of inputs.
        n_outputs: the number of neurons.
        rng: a seed or a generator.

    Raises:
        UnknownNameError: for an unknown name.
        ShapeError: if an initializer of your own gives another shape.

    >>> draw_weights("zeros", "relu", 2, 1, rng=0).tolist()
    [[0.0, 0.0]]
    """
    if init is None:
        initializer = initializer_for(activation)
    elif init is first_layer and _is_like_relu(activation):
        initializer = _first_relu_layer
    else:
        initializer = init if callable(init) else initializer_named(init)
    drawn: Any = initializer(n_inputs, n_outputs, as_generator(rng))
    weights = np.asarray(drawn, dtype=np.float64)
    if weights.shape != (n_outputs, n_inputs):
        raise ShapeError(
            f"the initializer {activation_name(initializer)} gave shape {weights.shape} for "
            f"{n_inputs} inputs and {n_outputs} neurons; one row for each neuron is needed: "
            f"(n_outputs, n_inputs) = ({n_outputs}, {n_inputs})"
        )
    return weights


def draw_biases(
    init: str | Initializer | None,
    activation: object,
    n_inputs: int,
    n_outputs: int,
    rng: Rng,
) -> NDArray[np.float64]:
    """The first biases of a layer, (n_outputs,).

    Where there is an activation that is not like relu, by default N(0, 1/n) with n = n_inputs, as
    weights of one more input that is always 1, and N(0, 1) for ``first_layer``; else 0. Zeros with
    every other initializer that is given. Arguments as for ``draw_weights``.

    >>> draw_biases(None, "relu", 2, 1, rng=0).tolist(), draw_biases(None, None, 2, 1, 0).tolist()
    ([0.0], [0.0])
    >>> bool(draw_biases(None, "tanh", 2, 1, rng=0).all())
    True
    """
    is_drawn = init is None or init is first_layer
    bends_at_0 = activation_name(activation) not in ("linear", SOFTMAX)
    if not (is_drawn and bends_at_0) or _is_like_relu(activation):
        return np.zeros(n_outputs)
    std = 1.0 if init is first_layer else sqrt(1.0 / n_inputs)
    return normal(1, n_outputs, rng, std)[:, 0]


def _is_like_relu(activation: object) -> bool:
    name = activation_name(activation)
    op = OPS.get(name)
    return ACTIVATIONS.is_like_relu(name) if op is None else op.relu_like
