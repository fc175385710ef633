"""The activations of a neuron by name, each a function of one Value; softmax is for a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from tinygrad_mlp import functional
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError, UnknownNameError
from tinygrad_mlp.ops import OPS, Op
from tinygrad_mlp.registry import Registry

__all__ = ["ACTIVATIONS", "SOFTMAX", "Activation", "activation_name", "activation_named"]

Activation = Callable[[Value], Value]
"""What a neuron does with its weighted sum."""


def linear(x: Value) -> Value:
    """x itself: no activation, and no node. Derivative: 1.

    >>> linear(Value(-2.0)).data
    -2.0
    """
    return x


def _entry_of(op: Op) -> tuple[str, Activation, *tuple[str, ...]]:
    """The name, the method of ``Value`` or else the function in ``functional``, and the aliases."""
    function: Activation = getattr(Value, op.name, None) or getattr(functional, op.name)
    return op.name, function, *op.aliases


ACTIVATIONS: Final = Registry[Activation](
    "activation",
    ("linear", linear, "identity"),
    *[_entry_of(op) for op in OPS.values() if op.activation],
)
"""The activations of a single neuron by name: every op whose record says that it is one."""

SOFTMAX: Final = "softmax"
"""The one activation that works on all outputs of a layer together."""


def activation_named(activation: str | Activation | None) -> Activation:
    """The activation function of that name.

    Args:
        activation: one of ``ACTIVATIONS`` or an alias, in upper or lower case; a function of your
            own is returned as it is, None means linear.

    Raises:
        UnknownNameError: if there is none of that name; the message lists the known ones.
        InvalidArgumentError: for softmax, which is no function of one Value.

    >>> activation_named("relu")(Value(-2.0)).data
    0.0
    >>> activation_named("rleu")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.UnknownNameError: unknown activation 'rleu'; known: elu, gelu, ...
    """
    if activation is None:
        return linear
    if callable(activation):
        return activation
    if str(activation).lower() == SOFTMAX:
        raise InvalidArgumentError(
            "softmax works on all outputs of a layer together, not on one neuron; give it to the "
            "layer: Layer(4, 3, activation='softmax'), or to the output of a network: "
            "MLP(4, [16, 3], output_activation='softmax')"
        )
    name = ACTIVATIONS.find(activation)
    if name is None:
        raise UnknownNameError.of(ACTIVATIONS.kind, activation, [*ACTIVATIONS, SOFTMAX])
    return ACTIVATIONS[name]


def activation_name(activation: object) -> str:
    """What to call an activation: its name in the table, or the name of the function.

    >>> activation_name(functional.sin), activation_name(None), activation_name("Swish")
    ('sin', 'linear', 'silu')
    """
    if activation is None:
        return "linear"
    if isinstance(activation, str):
        return ACTIVATIONS.find(activation) or activation.lower()
    return str(getattr(activation, "__name__", type(activation).__name__))


def check_activations(
    activation: str | Activation | Sequence[str | Activation | None] | None,
    output_activation: str | Activation | None,
    n_layers: int,
) -> list[str | Activation | None]:
    """One activation for each layer of a network, the output layer last.

    Args:
        activation: one for all hidden layers, or a list: one for each hidden layer, or one for each
            layer with the output layer included.
        output_activation: the one of the output layer.
        n_layers: the number of layers.

    Raises:
        InvalidArgumentError: if a list has another length, or says the output's a second time.

    >>> check_activations("relu", "softmax", 3)
    ['relu', 'relu', 'softmax']
    """
    given: Any = activation
    if isinstance(given, str) or callable(given) or not isinstance(given, Iterable):
        return [*[given] * (n_layers - 1), output_activation]
    listed: list[str | Activation | None] = list(given)
    if len(listed) == n_layers - 1:
        return [*listed, output_activation]
    if len(listed) != n_layers:
        raise InvalidArgumentError(
            f"activation lists {len(listed)} activations for {n_layers} layers; give one for each "
            f"layer, the output layer included ({n_layers}), or one for each hidden layer "
            f"({n_layers - 1})"
        )
    if output_activation is not None:
        raise InvalidArgumentError(
            f"the output layer has two activations: {listed[-1]!r}, the last of the list, and "
            f"output_activation={output_activation!r}; leave one of them out"
        )
    return listed
