"""What a file says of a model so that it can be made again: a kind, activations, and the arrays.

The sizes are those of the arrays, which are compared with one another before anything is made. Only
modules of the package have a kind; a file cannot say what a class or an activation of your own
does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from numpy.typing import NDArray

from tinygrad_mlp._text import described
from tinygrad_mlp.errors import DataError
from tinygrad_mlp.nn._activations import (
    SOFTMAX,
    activation_name,
    listed_activation,
)
from tinygrad_mlp.nn._layers import Layer, Neuron
from tinygrad_mlp.nn._mlp import MLP
from tinygrad_mlp.nn._module import Module

__all__ = [
    "KINDS",
    "activations_of",
    "check_arrays",
    "has_activations",
    "kind_of",
    "layer_sizes",
    "module_of_kind",
]

KINDS: Final[dict[str, type[Module]]] = {"MLP": MLP, "Layer": Layer, "Neuron": Neuron}
"""The modules that a file can say how to make."""

Arrays = Mapping[str, NDArray[Any]]


def kind_of(model: Module) -> str:
    """By which of ``KINDS`` the model can be made again; "" for one of your own.

    >>> kind_of(MLP(2, [3, 1])), kind_of(Layer(2, 1, lambda x: x * 0.5))
    ('MLP', '')
    """
    kind = type(model).__name__
    arrays = model.state_dict()
    try:
        check_arrays(kind, arrays)
    except DataError:
        return ""
    shares = len(model.parameters()) < sum([array.size for array in arrays.values()])
    are_plain = all([_is_plain(part) for part in model.modules()])
    return kind if are_plain and not shares and not model.buffers() else ""


def _is_plain(part: Module) -> bool:
    """Whether a module is as its class makes it, with activations that are found by name."""
    if (
        KINDS.get(type(part).__name__) is not type(part)
        or {"forward", "logits"} & vars(part).keys()
    ):
        return False
    if isinstance(part, Layer):
        name = listed_activation(part.activation)
        of_each = "linear" if name == SOFTMAX else name
        return all([listed_activation(neuron.activation) == of_each for neuron in part.neurons])
    return not isinstance(part, Neuron) or listed_activation(part.activation) is not None


def activations_of(model: Module) -> list[str] | None:
    """The names of the activations, layer by layer; None for a model that has no such layers.

    >>> activations_of(MLP(2, [3, 1], activation="tanh"))
    ['tanh', 'linear']
    """
    parts: Sequence[Module] = model.layers if isinstance(model, MLP) else [model]
    names = [activation_name(p.activation) for p in parts if isinstance(p, Layer | Neuron)]
    return names if len(names) == len(parts) else None


def has_activations(model: Module, activations: Sequence[str]) -> bool:
    """Whether the layers of a model have these activations, by whatever names.

    >>> has_activations(MLP(2, [3, 1], activation="silu"), ["swish", "identity"])
    True
    """
    own = activations_of(model)
    return own is not None and [*map(activation_name, own)] == [*map(activation_name, activations)]


def module_of_kind(kind: str, arrays: Arrays, activations: Sequence[str]) -> Module:
    """A model of that kind for arrays of these shapes; its numbers are still 0.

    Args:
        kind: one of ``KINDS``.
        arrays: its ``state_dict``.
        activations: as ``activations_of`` gave them.

    Raises:
        DataError: if the arrays are not those of such a model, or an activation is not known.

    >>> module_of_kind("MLP", MLP(2, [3, 1]).state_dict(), ["tanh", "linear"])
    MLP of [Layer of 3 tanh(2) neurons, Layer of 1 linear(3) neuron]
    """
    check_arrays(kind, arrays)
    for i, name in enumerate(activations):
        known = listed_activation(name)
        if known is None or (known == SOFTMAX and kind == "Neuron"):
            raise DataError(
                f"activations[{i}] is {described(name)}, which is not known here; add it first: "
                "from tinygrad_mlp.nn import ACTIVATIONS; "
                f"ACTIVATIONS.add({described(name)}, function)"
            )
    if kind == "MLP":
        n_inputs, *sizes = layer_sizes(arrays) or []
        return MLP(n_inputs, sizes, list(activations), init="zeros")
    shape = arrays["weight"].shape
    if kind == "Layer":
        return Layer(shape[1], shape[0], activations[0], init="zeros")
    return Neuron(shape[0], activations[0], init="zeros")


def check_arrays(kind: str, arrays: Arrays) -> None:
    """Refuse arrays that no model of that kind has.

    Raises:
        DataError: if these are such.

    >>> check_arrays("Neuron", Layer(2, 1).state_dict())
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: its arrays are not those of the kind 'Neuron'
    """
    if kind not in KINDS:
        fit = False
    elif kind == "MLP":
        fit = layer_sizes(arrays) is not None
    else:
        weight, bias = arrays.get("weight"), arrays.get("bias")
        fit = (
            arrays.keys() == {"weight", "bias"}
            and weight is not None
            and bias is not None
            and weight.ndim == (2 if kind == "Layer" else 1)
            and bias.shape == weight.shape[:-1]
        )
    if not fit:
        raise DataError(f"its arrays are not those of the kind {kind!r}")


def layer_sizes(arrays: Arrays) -> list[int] | None:
    """The sizes of the MLP of plain layers whose arrays these are, its inputs first; or None.

    >>> layer_sizes(MLP(2, [3, 1]).state_dict())
    [2, 3, 1]
    """
    sizes: list[int] = []
    for layer in range(len(arrays) // 2):
        weight, bias = (arrays.get(f"layers.{layer}.{name}") for name in ("weight", "bias"))
        if weight is None or bias is None or weight.ndim != 2 or bias.shape != weight.shape[:1]:
            return None
        n_outputs, n_inputs = weight.shape
        if n_inputs != (sizes or [n_inputs])[-1]:
            return None
        sizes += [n_outputs] if sizes else [n_inputs, n_outputs]
    return sizes if sizes and len(arrays) % 2 == 0 else None
