"""A model as a ``torch.nn.Sequential``, and such a one as a model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tinygrad_mlp._many_numbers import write_numbers
from tinygrad_mlp._text import described
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError, MissingDependencyError
from tinygrad_mlp.interchange._torch_parts import MODULES, Part, array_of, parts_of, torch_entries
from tinygrad_mlp.nn import Activation, BatchNorm, Dropout, Layer, Module, Sequential
from tinygrad_mlp.nn._activations import ACTIVATIONS, SOFTMAX

if TYPE_CHECKING:
    import torch

__all__ = ["from_torch", "to_torch"]

EXAMPLE: Final = "from_torch(nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1)))"


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingDependencyError(
            "models of PyTorch need the package 'torch'; install it with: python -m pip install "
            "torch"
        ) from error
    return torch


def to_torch(model: Module) -> torch.nn.Sequential:
    """The same model in PyTorch: an ``nn.Sequential`` of its own modules, in float64.

    An ``MLP`` and each ``Layer`` become ``Linear``, ``BatchNorm1d``, the activation and
    ``Dropout``, one after the other; a ``Sequential`` within another one stays one. Biases have the
    shape (n_outputs,), of one neuron (1,). An array that is frozen as a whole here has
    ``requires_grad=False`` there, and each module is in its mode, training or not. The arrays are
    copies; ``.float()`` makes a float32 model.

    Torch's ``GELU`` cancels for negative x (1e-16 of x). A ``Softplus`` is made with
    ``threshold=700``: torch's default returns x itself from 20 on, which is 2e-9 off there.

    Args:
        model: an MLP, Sequential, Layer, Neuron, BatchNorm, Dropout or Activation.

    Raises:
        MissingDependencyError: without torch.
        InvalidArgumentError: for a module with a forward of its own, or an activation that torch
            has no module for; for layers that share single weights.

    >>> from tinygrad_mlp.nn import MLP
    >>> {name: tuple(each.shape) for name, each in to_torch(MLP(2, [8, 1])).state_dict().items()}
    {'0.weight': (8, 2), '0.bias': (8,), '2.weight': (1, 8), '2.bias': (1,)}
    """
    if not isinstance(model, Module):
        raise InvalidArgumentError(
            f"to_torch takes a model, got {described(model)}; for example to_torch(MLP(2, [8, 1]))"
        )
    torch = _torch()
    parts = parts_of(model)
    made: dict[tuple[int, str], Any] = {}
    network = torch.nn.Sequential(*[_to_torch(part, torch.nn, made) for part in parts])
    network = network.to(torch.float64)
    _check_shares(model, made)
    network.load_state_dict(
        {
            name: torch.from_numpy(array_of(shape, values))
            for name, shape, values in torch_entries(model)
        }
    )
    tensors = network.state_dict(keep_vars=True)
    for name, _, values in torch_entries(model):
        if values is not None and not any(value.requires_grad for value in values):
            tensors[name].requires_grad_(False)
    for part, module in _side_by_side(parts, network):
        module.training = part.source.training
    network.training = model.training
    return network  # type: ignore[no-any-return]


def _check_shares(model: Module, made: dict[tuple[int, str], Any]) -> None:
    """Refuse what would no longer be shared: single weights, not the module as a whole."""
    n_numbers = sum(tensor.numel() for module in made.values() for tensor in module.parameters())
    if n_numbers != len(model.parameters()):
        raise InvalidArgumentError(
            f"layers of {model!r} share single parameters, or one holds others beside its own, "
            "and in torch they would be copies; share the layer as a whole: "
            "Sequential(layer, 'tanh', layer)"
        )


def _to_torch(part: Part, nn: Any, made: dict[tuple[int, str], Any]) -> Any:
    if part.kind == "sequential":
        return nn.Sequential(*[_to_torch(each, nn, made) for each in part.parts])
    key = (id(part.source), part.kind)
    if key not in made or part.kind == "activation":  # shared here is shared there
        made[key] = _new_module(part, nn)
    return made[key]


def _new_module(part: Part, nn: Any) -> Any:
    source: Any = part.source
    if part.kind == "linear":
        return nn.Linear(source.n_inputs, source.n_outputs)
    if part.kind == "dropout":
        return nn.Dropout(source.p)
    if part.kind == "norm":
        return nn.BatchNorm1d(
            source.n_inputs, eps=source.epsilon, momentum=source.momentum, affine=source.affine
        )
    name, settings = part.activation
    theirs = MODULES[name]
    renamed = {
        other: settings.get(ours, default) for ours, (other, default) in theirs.settings.items()
    }
    return getattr(nn, theirs.module)(**renamed, **theirs.fixed)


def _side_by_side(parts: Sequence[Part], network: Iterable[Any]) -> list[tuple[Part, Any]]:
    """Each part with its module, at all depths."""
    pairs: list[tuple[Part, Any]] = []
    for part, module in zip(parts, network):
        pairs.append((part, module))
        if part.kind == "sequential":
            pairs += _side_by_side(part.parts, module)
    return pairs


def from_torch(network: torch.nn.Module) -> Sequential:
    """The model of an ``nn.Sequential`` of PyTorch, with the same numbers.

    The arrays have the same names in both, if torch's parts stand under their places. A ``Linear``
    without bias gets biases of 0 that are frozen. What does not require a gradient there is frozen
    here, and each module is in its mode. A ``Softplus`` computes here as with a high ``threshold``,
    2e-9 beside torch's default at most.

    Args:
        network: an ``nn.Sequential`` of Linear, BatchNorm1d, Dropout, activations and further
            ``nn.Sequential``; or one of these alone.

    Raises:
        MissingDependencyError: without torch.
        InvalidArgumentError: for any other module, and for settings that there are none of here;
            the message says which.

    >>> import torch
    >>> from_torch(torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU()))
    Sequential of [Layer of 8 linear(2) neurons, relu]
    """
    torch = _torch()
    if not isinstance(network, torch.nn.Module):
        raise InvalidArgumentError(
            f"from_torch takes a network of torch, got {described(network)}; for example {EXAMPLE}"
        )
    made: dict[int, Module] = {}
    if type(network) is torch.nn.Sequential:
        model = _from_torch(network, "", torch.nn, made)
        assert isinstance(model, Sequential)
        return model
    return Sequential(_from_torch(network, "", torch.nn, made))


def _from_torch(module: Any, name: str, nn: Any, made: dict[int, Module]) -> Module:
    """One module of ours for one of torch; the same one for the same one."""
    if id(module) in made:
        return made[id(module)]
    kind = type(module).__name__
    is_of_torch = type(module) is getattr(nn, kind, None)
    if is_of_torch and kind == "Sequential":
        parts = [
            _from_torch(child, f"{name}.{key}".lstrip("."), nn, made)
            for key, child in module._modules.items()
        ]
        ours: Module = Sequential(*parts)
    elif is_of_torch and kind == "Linear":
        ours = _layer(module)
    elif is_of_torch and kind == "BatchNorm1d":
        ours = _batch_norm(module, name)
    elif is_of_torch and kind == "Dropout":
        ours = Dropout(module.p)
    elif is_of_torch and kind in _BY_MODULE:
        ours = _activation(module, name)
    else:
        known = ", ".join(["Linear", "BatchNorm1d", "Dropout", "Sequential", *_BY_MODULE])
        raise InvalidArgumentError(
            f"{_place(name)}{module} is not known here; there are {known}. Leave it out, or write "
            "a module of your own, class Model(Module): def forward(self, x): ..., and take over "
            "the numbers with model.load_state_dict({name: tensor.numpy() for ...})"
        )
    ours.training = module.training
    made[id(module)] = ours
    return ours


_BY_MODULE: Final = {each.module: name for name, each in MODULES.items()}


def _place(name: str) -> str:
    return f"part {name}, " if name else ""


def _layer(module: Any) -> Layer:
    layer = Layer(module.in_features, module.out_features, None, init="zeros")
    _put([w for neuron in layer.neurons for w in neuron.w], module.weight)
    biases = [neuron.b for neuron in layer.neurons]
    if module.bias is not None:
        _put(biases, module.bias)
    else:
        for bias in biases:
            bias.requires_grad = False
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
        _put(norm.weight, module.weight)
        _put(norm.bias, module.bias)
    _put(norm.running_mean, module.running_mean)
    _put(norm.running_var, module.running_var)
    return norm


def _put(leaves: Sequence[Value], tensor: Any) -> None:
    numbers: list[float] = np.asarray(tensor.detach().double().cpu()).ravel().tolist()
    write_numbers(leaves, numbers)
    if isinstance(tensor, _torch().nn.Parameter) and not tensor.requires_grad:
        for leaf in leaves:
            leaf.requires_grad = False


ACCEPTED: Final[dict[str, Any]] = {"dim": (-1, 1)}
"""Settings of torch that come to the same here; any ``threshold`` is accepted."""


def _activation(module: Any, name: str) -> Activation:
    ours = _BY_MODULE[type(module).__name__]
    theirs = MODULES[ours]
    for setting, wanted in theirs.fixed.items():
        given = getattr(module, setting)
        if setting != "threshold" and given not in ACCEPTED.get(setting, (wanted,)):
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
