"""A ``torch.nn.Sequential`` as a model.

What a module of torch computes is known here by its class alone. So whatever makes it compute
something else, a hook or an array beside its own, is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tinygrad_mlp._many_numbers import write_numbers
from tinygrad_mlp._text import described
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.interchange._to_torch import imported_torch
from tinygrad_mlp.interchange._torch_parts import MODULES, N_BATCHES
from tinygrad_mlp.nn import Activation, BatchNorm, Dropout, Layer, Module, Sequential
from tinygrad_mlp.nn._activations import ACTIVATIONS, SOFTMAX

if TYPE_CHECKING:
    import torch

__all__ = ["from_torch"]

EXAMPLE: Final = "from_torch(nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1)))"


def from_torch(network: torch.nn.Module) -> Sequential:
    """The model of an ``nn.Sequential`` of PyTorch, with the same numbers.

    The arrays have the same names in both, if torch's parts stand under their places. What
    has no bias gets biases of 0 that are frozen. What does not require a gradient there is frozen
    here, and each module is in its mode. A ``Softplus`` computes here as with a high ``threshold``,
    2e-9 beside torch's default at most. How many batches a ``BatchNorm1d`` has seen is not kept.

    Args:
        network: an ``nn.Sequential`` of Linear, BatchNorm1d, Dropout, activations and further
            ``nn.Sequential``; or one of these alone.

    Raises:
        MissingDependencyError: without torch.
        InvalidArgumentError: for any other module, and for settings that there are none of here;
            for a module with hooks, a forward or arrays that its class does not have; for two
            modules with one array; for a ``BatchNorm1d`` that is frozen and in training mode, since
            a frozen one has its running statistics here. The message says which.

    >>> import torch
    >>> from_torch(torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU()))
    Sequential of [Layer of 8 linear(2) neurons, relu]
    """
    torch = imported_torch()
    if not isinstance(network, torch.nn.Module):
        raise InvalidArgumentError(
            f"from_torch takes a network of torch, got {described(network)}; for example {EXAMPLE}"
        )
    made: dict[int, Module] = {}
    model = _from_torch(network, "", torch.nn, made)
    _check_shares(network)
    if isinstance(model, Sequential):
        return model
    alone = Sequential(model)
    alone.training = model.training
    return alone


def _from_torch(module: Any, name: str, nn: Any, made: dict[int, Module]) -> Module:
    """One module of ours for one of torch; the same one for the same one."""
    if id(module) in made:
        return made[id(module)]
    kind = type(module).__name__
    if type(module) is not getattr(nn, kind, None) or kind not in KNOWN:
        raise InvalidArgumentError(
            f"{_place(name)}{module} is not known here; there are {', '.join(KNOWN)}. Leave it "
            "out, or write a module of your own, class Model(Module): def forward(self, x): ..., "
            "and take over the numbers with model.load_state_dict({name: tensor.numpy() for ...})"
        )
    _check_plain(module, name)
    ours: Module
    if kind == "Sequential":
        parts = [
            _from_torch(child, f"{name}.{key}".lstrip("."), nn, made)
            for key, child in module._modules.items()
        ]
        ours = Sequential(*parts)
    elif kind == "Linear":
        ours = _layer(module, name)
    elif kind == "BatchNorm1d":
        ours = _batch_norm(module, name)
    elif kind == "Dropout":
        ours = Dropout(module.p)
    else:
        ours = _activation(module, name)
    ours.training = module.training
    made[id(module)] = ours
    return ours


_BY_MODULE: Final = {each.module: name for name, each in MODULES.items()}
KNOWN: Final = ("Linear", "BatchNorm1d", "Dropout", "Sequential", *_BY_MODULE)


def _place(name: str) -> str:
    return f"part {name}, " if name else ""


ARRAYS: Final = {
    "Linear": ["weight", "bias"],
    "BatchNorm1d": ["weight", "bias", "running_mean", "running_var", N_BATCHES],
}
"""What the modules of torch hold; the others hold nothing."""

HOOKS: Final = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def _check_plain(module: Any, name: str) -> None:
    """Refuse a module that may compute something else than its class says."""
    kind = type(module).__name__
    further = [*module._parameters, *module._buffers]
    further += [] if kind == "Sequential" else module._modules
    further = [each for each in further if each not in ARRAYS.get(kind, [])]
    if "forward" in vars(module):
        what = "a forward of its own; write it as a class of torch, and as one here"
    elif any(vars(module).get(hooks) for hooks in HOOKS):
        what = (
            "hooks, which may change what it computes; remove them: handle.remove(), or "
            "torch.nn.utils.prune.remove(module, 'weight') and the like"
        )
    elif further:
        what = f"also {', '.join(further)}, which there is no place for here; delete what is unused"
    else:
        return
    raise InvalidArgumentError(f"{_place(name)}{module} has {what}")


def _check_shares(network: Any) -> None:
    """Refuse an array that two modules share, since here each of them would have its own."""
    names: dict[int, str] = {}
    for place, module in network.named_modules():
        for key, tensor in [*module._parameters.items(), *module._buffers.items()]:
            name = f"{place}.{key}".lstrip(".")
            if tensor is not None and id(tensor) in names:
                raise InvalidArgumentError(
                    f"{names[id(tensor)]} and {name} are one array, and here they would be two; "
                    "share the module as a whole: nn.Sequential(layer, nn.Tanh(), layer)"
                )
            names[id(tensor)] = name


def _layer(module: Any, name: str) -> Layer:
    layer = Layer(module.in_features, module.out_features, None, init="zeros")
    _put([w for neuron in layer.neurons for w in neuron.w], module.weight, name)
    _put_biases([neuron.b for neuron in layer.neurons], module.bias, name)
    return layer


def _batch_norm(module: Any, name: str) -> BatchNorm:
    if not module.track_running_stats or module.momentum is None:
        setting = (
            "track_running_stats=False"
            if not module.track_running_stats
            else "momentum=None, a mean over all batches"
        )
        raise InvalidArgumentError(
            f"{_place(name)}{module} has {setting}, which there is not here; make it with "
            f"BatchNorm1d({module.num_features}, momentum=0.1)"
        )
    norm = BatchNorm(
        module.num_features,
        momentum=module.momentum,
        epsilon=module.eps,
        affine=module.affine,
    )
    if module.affine:
        _put(norm.weight, module.weight, name)
        _put_biases(norm.bias, module.bias, name)
    _put(norm.running_mean, module.running_mean, name)
    _put(norm.running_var, module.running_var, name)
    if module.training and not norm.requires_grad:
        raise InvalidArgumentError(
            f"{_place(name)}{module} is frozen and in training mode, where torch takes the "
            "statistics of each batch, and a frozen one here its running statistics; choose one: "
            "module.eval(), or module.requires_grad_(True)"
        )
    return norm


def _put_biases(biases: Sequence[Value], tensor: Any, name: str) -> None:
    if tensor is not None:
        _put(biases, tensor, name)
        return
    for bias in biases:
        bias.requires_grad = False


def _put(leaves: Sequence[Value], tensor: Any, name: str) -> None:
    if tensor.is_complex() or tensor.is_meta:
        kind = str(tensor.dtype).removeprefix("torch.")
        what = "the device 'meta', without numbers" if tensor.is_meta else kind
        raise InvalidArgumentError(
            f"{_place(name)}an array of shape {tuple(tensor.shape)} is of {what}; real numbers are "
            "needed, as in network.to('cpu', torch.float64)"
        )
    numbers: list[float] = np.asarray(tensor.detach().double().cpu()).ravel().tolist()
    write_numbers(leaves, numbers)
    if isinstance(tensor, imported_torch().nn.Parameter) and not tensor.requires_grad:
        for leaf in leaves:
            leaf.requires_grad = False


def _comes_to_the_same(setting: str, given: Any, wanted: Any) -> bool:
    if setting == "dim":
        return given in (-1, 1)
    if setting == "threshold":  # above it torch returns x; log(1 + e^x) - x is 2e-9 at 20
        return bool(given >= 20.0)
    return bool(given == wanted)


def _activation(module: Any, name: str) -> Activation:
    ours = _BY_MODULE[type(module).__name__]
    theirs = MODULES[ours]
    for setting, wanted in theirs.fixed.items():
        given = getattr(module, setting)
        if not _comes_to_the_same(setting, given, wanted):
            raise InvalidArgumentError(
                f"{_place(name)}{module} has {setting}={given!r}, and here there is only "
                f"{setting}={wanted!r}; make it with that"
            )
    if ours == SOFTMAX:
        return Activation(SOFTMAX)
    settings = {
        own: float(getattr(module, other))
        for own, (other, default) in theirs.settings.items()
        if getattr(module, other) != default
    }
    if not settings:
        return Activation(ours)
    function: Any = partial(ACTIVATIONS[ours], **settings)
    said = ", ".join(f"{own}={number:g}" for own, number in settings.items())
    function.__name__ = f"{ours}({said})"
    return Activation(function)
