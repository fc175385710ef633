"""A model as a ``torch.nn.Sequential``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from tinygrad_mlp._text import described
from tinygrad_mlp.errors import InvalidArgumentError, MissingDependencyError
from tinygrad_mlp.interchange._torch_parts import (
    MODULES,
    N_BATCHES,
    Part,
    array_of,
    parts_of,
    torch_entries,
)
from tinygrad_mlp.nn import BatchNorm, Module

if TYPE_CHECKING:
    import torch

__all__ = ["imported_torch", "to_torch"]


def imported_torch() -> Any:
    """The package torch.

    Raises:
        MissingDependencyError: without it.

    >>> imported_torch().__name__
    'torch'
    """
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
    ``requires_grad=False`` there, and each module is in its mode, training or not. A frozen batch
    norm is in prediction mode there: it goes by its running statistics here, and torch's would go
    on with those of the batch. The arrays are copies; ``.float()`` makes a float32 model.

    Torch's ``GELU`` cancels for negative x (1e-16 of x). A ``Softplus`` is made with
    ``threshold=700``: torch's default returns x itself from 20 on, which is 2e-9 off there.

    Args:
        model: an MLP, Sequential, Layer, Neuron, BatchNorm, Dropout or Activation.

    Raises:
        MissingDependencyError: without torch.
        InvalidArgumentError: for a module with a forward of its own, or an activation that torch
            has no module for; for layers that share single weights, or hold other numbers.

    >>> from tinygrad_mlp.nn import MLP
    >>> {name: tuple(each.shape) for name, each in to_torch(MLP(2, [8, 1])).state_dict().items()}
    {'0.weight': (8, 2), '0.bias': (8,), '2.weight': (1, 8), '2.bias': (1,)}
    """
    if not isinstance(model, Module):
        raise InvalidArgumentError(
            f"to_torch takes a model, got {described(model)}; for example to_torch(MLP(2, [8, 1]))"
        )
    torch = imported_torch()
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
        source = part.source
        module.training = source.training
        if isinstance(source, BatchNorm):
            module.training = source.uses_batch_statistics
    network.training = model.training
    return network  # type: ignore[no-any-return]


def _check_shares(model: Module, made: dict[tuple[int, str], Any]) -> None:
    """Refuse what would be lost: numbers that are shared one by one, and further ones."""
    n_numbers = sum(
        tensor.numel()
        for module in made.values()
        for name, tensor in module.state_dict().items()
        if name != N_BATCHES
    )
    if n_numbers != len(model.parameters()) + len(model.buffers()):
        raise InvalidArgumentError(
            f"layers of {model!r} share single parameters, or one holds others beside its own, "
            "and in torch they would be copies, or missing; share the layer as a whole: "
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
