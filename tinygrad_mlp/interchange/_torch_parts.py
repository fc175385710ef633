"""A model as a chain of the parts that PyTorch has: what they are, and the arrays in them.

Nothing here needs PyTorch: its names and shapes are known without it, so that a file for it is
written by NumPy alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from numbers import Real
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._many_numbers import read_numbers
from tinygrad_mlp._text import described
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.nn import MLP, Activation, BatchNorm, Dropout, Layer, Module, Neuron, Sequential
from tinygrad_mlp.nn._activations import SOFTMAX, activation_name, listed_activation
from tinygrad_mlp.nn._contents import children_of
from tinygrad_mlp.nn._state import named_entries

__all__ = ["MODULES", "Entry", "Part", "TorchActivation", "array_of", "parts_of", "torch_entries"]


@dataclass(frozen=True)
class TorchActivation:
    """The module of torch that is an activation here.

    Attributes:
        module: its name in ``torch.nn``.
        settings: what torch calls our settings, with the value that is ours unless another is said.
        fixed: further arguments, so that it computes what ours does; those that say another thing
            when a module of torch comes in are refused.
    """

    module: str
    settings: dict[str, tuple[str, float]] = field(default_factory=dict)
    fixed: dict[str, Any] = field(default_factory=dict)


MODULES: Final[dict[str, TorchActivation]] = {
    "linear": TorchActivation("Identity"),
    "relu": TorchActivation("ReLU"),
    "tanh": TorchActivation("Tanh"),
    "sigmoid": TorchActivation("Sigmoid"),
    "silu": TorchActivation("SiLU"),
    "gelu": TorchActivation("GELU", fixed={"approximate": "none"}),
    "softplus": TorchActivation("Softplus", fixed={"beta": 1.0, "threshold": 700.0}),
    "leaky_relu": TorchActivation("LeakyReLU", {"slope": ("negative_slope", 0.01)}),
    "elu": TorchActivation("ELU", {"alpha": ("alpha", 1.0)}),
    SOFTMAX: TorchActivation("Softmax", fixed={"dim": -1}),
}
"""The activations by their names here."""


@dataclass(frozen=True)
class Part:
    """One module of the chain.

    Attributes:
        kind: "linear", "norm", "activation", "dropout", or "sequential" for several parts in one.
        source: the module that it comes from.
        activation: for an activation its name and settings.
        parts: for several in one these.
    """

    kind: str
    source: Module
    activation: tuple[str, dict[str, float]] = ("", {})
    parts: tuple[Part, ...] = ()


def parts_of(model: Module) -> list[Part]:
    """The parts of a model, one after the other; a ``Sequential`` within it stays one.

    Raises:
        InvalidArgumentError: for a module that is none of ``nn``, or an activation that torch has
            no module for; the message says which, and what to do.

    >>> [part.kind for part in parts_of(MLP(2, [8, 1], batch_norm=True, dropout=0.2))]
    ['linear', 'norm', 'activation', 'dropout', 'linear']
    """
    if type(model) is Sequential:
        return _chained(model)
    return _of_one(model, model, "")


def _chained(model: Sequential) -> list[Part]:
    return [part for i, module in enumerate(model) for part in _of_one(module, model, f"part {i}")]


def _of_one(module: Module, model: Module, where: str) -> list[Part]:
    kind = type(module)
    if {"forward", "logits"} & vars(module).keys() or kind not in _KNOWN:
        place = f"{where} of {model!r}, {module!r}," if where else f"{module!r}"
        raise InvalidArgumentError(
            f"{place} is a module of the class {kind.__name__} with a forward of its own, and "
            "nobody but you can say what that is in torch; write the class in torch, with modules "
            "under the same names, and take over the numbers: save_safetensors(model, path), and "
            "there net.load_state_dict(safetensors.torch.load_file(path)). An ONNX file holds it "
            "as it is: to_onnx(model, path)"
        )
    if isinstance(module, Sequential):
        return [Part("sequential", module, parts=tuple(_chained(module)))]
    if isinstance(module, MLP):
        return [part for layer in module.layers for part in _of_one(layer, model, where)]
    if isinstance(module, Activation):
        return _activation(module.function, module, always=True)
    if isinstance(module, BatchNorm):
        return [Part("norm", module)]
    if isinstance(module, Dropout):
        return [Part("dropout", module)]
    found = [Part("linear", module)]
    if isinstance(module, Neuron):
        return [*found, *_activation(module.activation, module)]
    assert isinstance(module, Layer)
    if module.norm is not None:
        found += _of_one(module.norm, model, where)
    of_each = {activation_name(neuron.activation) for neuron in module.neurons}
    whole = activation_name(module.activation)
    if of_each != {"linear" if whole == SOFTMAX else whole}:
        raise InvalidArgumentError(
            f"the neurons of {module!r} have the activations {', '.join(sorted(of_each))}; a layer "
            "of torch has one for all: make the layer anew, Layer(4, 8, 'tanh')"
        )
    found += _activation(module.activation, module)
    return [*found, *([] if module.dropout is None else _of_one(module.dropout, model, where))]


_KNOWN: Final = (MLP, Sequential, Layer, Neuron, Activation, BatchNorm, Dropout)


def _activation(function: Any, source: Module, always: bool = False) -> list[Part]:
    settings: dict[str, float] = {}
    name = listed_activation(function)
    if isinstance(function, partial) and not function.args:
        name = listed_activation(function.func)
        settings = dict(function.keywords)
        _check_numbers(settings, source)
    if name is None or name not in MODULES or not settings.keys() <= MODULES[name].settings.keys():
        raise InvalidArgumentError(
            f"torch has no module for the activation {activation_name(function)} of {source!r}; "
            f"there are modules for {', '.join(MODULES)}. An ONNX file holds it as it is: "
            "to_onnx(model, path)"
        )
    return [Part("activation", source, (name, settings))] if always or name != "linear" else []


def _check_numbers(settings: dict[str, Any], source: Module) -> None:
    for name, number in settings.items():
        if not isinstance(number, Real):
            raise InvalidArgumentError(
                f"the activation of {source!r} has {name}={described(number)}, but the modules of "
                f"torch take plain numbers there, such as {name}=0.2"
            )


# The arrays

Entry = tuple[str, tuple[int, ...], list[Value] | None]
"""A name of torch, the shape there and the Values in it; None for what has no Value here: how many
batches a batch norm has seen."""

N_BATCHES: Final = "num_batches_tracked"


def torch_entries(model: Module) -> list[Entry]:
    """The arrays of a model in torch's names and shapes.

    The names are those of the ``nn.Sequential`` that ``to_torch`` makes. A module with a forward of
    its own has its own names, ``hidden.weight``, as the same class in torch has.

    Raises:
        InvalidArgumentError: if two of them have one name.

    >>> from tinygrad_mlp.nn import MLP
    >>> [(name, shape) for name, shape, _ in torch_entries(MLP(2, [8, 1]))]
    [('0.weight', (8, 2)), ('0.bias', (8,)), ('2.weight', (1, 8)), ('2.bias', (1,))]
    """
    try:
        parts = parts_of(model)
    except InvalidArgumentError:
        return list(_by_own_names(model))
    return list(_by_place(parts, ""))


def array_of(shape: tuple[int, ...], values: Sequence[Value] | None) -> NDArray[Any]:
    """The array of an entry.

    >>> array_of((1, 2), [Value(0.5), Value(2.0)]), array_of((), None)
    (array([[0.5, 2. ]]), array(0))
    """
    if values is None:
        return np.zeros(shape, np.int64)
    return np.array(read_numbers(values), np.float64).reshape(shape)


def _by_place(parts: Sequence[Part], prefix: str) -> Iterator[Entry]:
    for place, part in enumerate(parts):
        name = f"{prefix}{place}."
        if part.kind == "sequential":
            yield from _by_place(part.parts, name)
        elif part.kind == "linear":
            layer: Any = part.source
            neurons = [layer] if isinstance(layer, Neuron) else layer.neurons
            weights = [w for neuron in neurons for w in neuron.w]
            yield f"{name}weight", (len(neurons), layer.n_inputs), weights
            yield f"{name}bias", (len(neurons),), [neuron.b for neuron in neurons]
        elif isinstance(part.source, BatchNorm):
            for own, shape, values in named_entries(part.source):
                yield f"{name}{own}", shape, values
            yield f"{name}{N_BATCHES}", (), None


def _by_own_names(model: Module) -> Iterator[Entry]:
    modules = dict(_by_name(model, "", set()))
    for name, shape, values in named_entries(model):
        head, _, last = name.rpartition(".")
        is_row = isinstance(modules.get(head), Neuron) and last in ("weight", "bias")
        yield name, (1, *shape) if is_row else shape, values
    for name, module in modules.items():
        if isinstance(module, BatchNorm):
            yield f"{name}.{N_BATCHES}" if name else N_BATCHES, (), None


def _by_name(item: object, name: str, above: set[int]) -> Iterator[tuple[str, Module]]:
    """Every module; what stands in several places has a name in each, as in PyTorch."""
    if id(item) in above:
        return
    if isinstance(item, Module):
        yield name, item
    prefix = f"{name}." if name else ""
    children = item.state().items() if isinstance(item, Module) else children_of(item)
    for key, child in children:
        yield from _by_name(child, f"{prefix}{key}", above | {id(item)})
