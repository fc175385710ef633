"""How a module is made, as plain data: for a file from which the same module is made anew.

A part is said by its kind and its settings, such as {"kind": "Dropout", "p": 0.2}; sizes are those
of its arrays. Only modules of the package have a kind: a file cannot say what a class or a function
of your own does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from numpy.typing import NDArray

from tinygrad_mlp._text import described
from tinygrad_mlp.errors import DataError, InvalidArgumentError
from tinygrad_mlp.nn._activations import SOFTMAX, listed_activation
from tinygrad_mlp.nn._batch_norm import BatchNorm
from tinygrad_mlp.nn._dropout import Dropout
from tinygrad_mlp.nn._layers import Layer, Neuron
from tinygrad_mlp.nn._mlp import MLP
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.nn._sequential import Activation, Sequential

__all__ = ["SPECIFIED", "check_specification", "made_from", "specification_of"]

Arrays = Mapping[str, NDArray[Any]]
Specification = dict[str, Any]


def specification_of(model: Module) -> Specification | None:
    """How the model is made; None for one of your own, or with a part of your own.

    >>> specification_of(Sequential(Dropout(0.2), "relu"))
    {'kind': 'Sequential', 'parts': [{'kind': 'Dropout', 'p': 0.2},
    {'kind': 'Activation', 'activation': 'relu'}]}
    >>> specification_of(Sequential(lambda x: x * 0.5)) is None
    True
    """
    try:
        specification = _said(model)
    except _NotKnownError:
        return None
    arrays = model.state_dict()
    shares = len(model.parameters()) + len(model.buffers()) < sum(
        [array.size for array in arrays.values()]
    )
    has_more = set(arrays) != set(_names(specification, ""))
    return None if shares or has_more else specification


def check_specification(specification: Specification, arrays: Arrays) -> None:
    """Refuse arrays that are not those of such a model.

    Args:
        specification: of the right form.
        arrays: the ``state_dict``.

    Raises:
        DataError: if names are missing or unknown.

    >>> check_specification({"kind": "Neuron", "activation": "relu"}, {})
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: its arrays are not those of the kind 'Neuron'
    """
    if set(_names(specification, "")) != set(arrays):
        raise DataError(f"its arrays are not those of the kind {specification['kind']!r}")


def made_from(specification: Specification, arrays: Arrays, prefix: str = "") -> Module:
    """The module that is so specified, in the sizes of its arrays; its numbers are not theirs yet.

    Raises:
        DataError: if the arrays do not fit to it, or to each other; for an unknown activation.

    >>> made_from({"kind": "Layer", "activation": "tanh"}, Layer(2, 3, rng=0).state_dict())
    Layer of 3 tanh(2) neurons
    """
    try:
        return _MAKERS[specification["kind"]](specification, arrays, prefix)
    except InvalidArgumentError as error:
        raise DataError(f"it specifies what cannot be: {error}") from None


class _NotKnownError(Exception):
    """A part is not of the package."""


# Saying it


def _said(module: Module) -> Specification:
    kind = type(module).__name__
    if SPECIFIED.get(kind) is not type(module) or {"forward", "logits"} & vars(module).keys():
        raise _NotKnownError
    settings: Specification = {"kind": kind}
    if isinstance(module, MLP):
        settings["layers"] = [_said(layer) for layer in module.layers]
    elif isinstance(module, Layer):
        settings["activation"] = name = _listed(module.activation)
        of_each = "linear" if name == SOFTMAX else name
        if any([_said(neuron)["activation"] != of_each for neuron in module.neurons]):
            raise _NotKnownError
        if module.norm is not None:
            settings["norm"] = _said(module.norm)
        if module.dropout is not None:
            settings["dropout"] = _said(module.dropout)
    elif isinstance(module, Neuron):
        settings["activation"] = _listed(module.activation)
    elif isinstance(module, Activation):
        settings["activation"] = _listed(module.function)
    elif isinstance(module, Dropout):
        settings["p"] = module.p
    elif isinstance(module, BatchNorm):
        settings["momentum"], settings["epsilon"] = module.momentum, module.epsilon
        settings["affine"] = module.affine
    elif isinstance(module, Sequential):
        settings["parts"] = [_said(part) for part in module]
    return settings


def _listed(activation: object) -> str:
    name = listed_activation(activation)
    if name is None:
        raise _NotKnownError
    return name


def _names(specification: Specification, prefix: str) -> Iterator[str]:
    """Of the arrays of a module."""
    kind = specification["kind"]
    if kind in ("Layer", "Neuron"):
        yield from (f"{prefix}weight", f"{prefix}bias")
        if "norm" in specification:
            yield from _names(specification["norm"], f"{prefix}norm.")
    elif kind == "BatchNorm":
        learned = ("weight", "bias") if specification["affine"] else ()
        yield from [f"{prefix}{name}" for name in (*learned, "running_mean", "running_var")]
    for name, part in _parts(specification):
        yield from _names(part, f"{prefix}{name}.")


def _parts(specification: Specification) -> Iterator[tuple[str, Specification]]:
    for place, layer in enumerate(specification.get("layers", ())):
        yield f"layers.{place}", layer
    for place, part in enumerate(specification.get("parts", ())):
        yield f"{place}", part


# Making it


def _array(arrays: Arrays, name: str, n_axes: int) -> NDArray[Any]:
    array = arrays.get(name)
    if array is None or array.ndim != n_axes or 0 in array.shape:
        raise DataError(f"{name!r} is not an array of {n_axes} axes with numbers in it")
    return array


def _activation(specification: Specification) -> str:
    name: str = specification["activation"]
    known = listed_activation(name)
    if known is None or (known == SOFTMAX and specification["kind"] == "Neuron"):
        raise DataError(
            f"its activation {described(name)} is not known here; add it first: "
            "from tinygrad_mlp.nn import ACTIVATIONS; "
            f"ACTIVATIONS.add({described(name)}, function)"
        )
    return name


def _neuron(specification: Specification, arrays: Arrays, prefix: str) -> Module:
    (n_inputs,) = _array(arrays, f"{prefix}weight", 1).shape
    return Neuron(n_inputs, _activation(specification), init="zeros")


def _layer(specification: Specification, arrays: Arrays, prefix: str) -> Module:
    n_outputs, n_inputs = _array(arrays, f"{prefix}weight", 2).shape
    layer = Layer(n_inputs, n_outputs, _activation(specification), init="zeros")
    if "norm" in specification:
        norm = made_from(specification["norm"], arrays, f"{prefix}norm.")
        assert isinstance(norm, BatchNorm)
        _fit(n_outputs, norm.n_inputs, f"{prefix}norm")
        layer.norm = norm
    if "dropout" in specification:
        dropout = made_from(specification["dropout"], arrays, prefix)
        assert isinstance(dropout, Dropout)
        layer.dropout = dropout
    return layer


def _norm(specification: Specification, arrays: Arrays, prefix: str) -> Module:
    (n_features,) = _array(arrays, f"{prefix}running_mean", 1).shape
    settings = {name: specification[name] for name in ("momentum", "epsilon", "affine")}
    return BatchNorm(n_features, **settings)


def _mlp(specification: Specification, arrays: Arrays, prefix: str) -> Module:
    model = MLP(1, [1], init="zeros")
    model.layers = []
    size = None
    for name, part in _parts(specification):
        layer = made_from(part, arrays, f"{prefix}{name}.")
        assert isinstance(layer, Layer)
        _fit(size, layer.n_inputs, f"{prefix}{name}")
        size = layer.n_outputs
        model.layers.append(layer)
    model.label_parameters()
    return model


def _sequential(specification: Specification, arrays: Arrays, prefix: str) -> Module:
    model = Sequential()
    for name, part in _parts(specification):
        made = made_from(part, arrays, f"{prefix}{name}.")
        _fit(model.n_outputs, getattr(made, "n_inputs", None), f"{prefix}{name}")
        model.append(made)
    model.label_parameters()
    return model


def _fit(before: int | None, now: int | None, name: str) -> None:
    if before is not None and now is not None and before != now:
        raise DataError(f"{name!r} takes {now} numbers, but what is before it gives {before}")


SPECIFIED: Final[dict[str, type[Module]]] = {
    "MLP": MLP,
    "Sequential": Sequential,
    "Layer": Layer,
    "Neuron": Neuron,
    "Activation": Activation,
    "BatchNorm": BatchNorm,
    "Dropout": Dropout,
}
"""The modules that can be specified."""

_MAKERS: Final[dict[str, Callable[[Specification, Arrays, str], Module]]] = {
    "MLP": _mlp,
    "Sequential": _sequential,
    "Layer": _layer,
    "Neuron": _neuron,
    "Activation": lambda specification, *_: Activation(_activation(specification)),
    "BatchNorm": _norm,
    "Dropout": lambda specification, *_: Dropout(specification["p"]),
}
