"""In what two runs must agree, so that one can go on where the other was ended.

It is a dict of texts and numbers by what they are about, which stands in the file: data as shapes
and digests, objects as their class and settings.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields
from hashlib import sha256
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._native import _library as native_library
from tinygrad_mlp._text import shortened, visible
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.optim import Optimizer
from tinygrad_mlp.training._plain_data import is_plain
from tinygrad_mlp.training._task import Samples

__all__ = [
    "check_agreement",
    "described_model",
    "described_object",
    "described_optimizer",
    "described_samples",
    "versions",
]

_LIBRARY: Final = "the C library"

SHOWN: Final = 160
"""So many characters of a setting stand in a message."""


def versions(*, native: bool) -> dict[str, str]:
    """What computes: the same numbers to the last bit are promised by none but the same.

    Args:
        native: whether the C library does, where there is one; then its instruction set counts.

    >>> versions(native=False)["the C library"], sorted(versions(native=True))
    ('not used', ['numpy', 'the C library', 'tinygrad_mlp'])
    """
    package = __name__.partition(".")[0]
    library = native_library.load() if native else None
    return {
        package: str(vars(sys.modules[package])["__version__"]),
        "numpy": np.__version__,
        _LIBRARY: library.variant if library is not None else "not used",
    }


def described_samples(samples: Samples | None, names: tuple[str, str]) -> dict[str, str]:
    """Features, and what belongs to them, by shape and digest.

    >>> samples = Samples(np.eye(2), np.zeros((2, 1)), None)
    >>> described_samples(samples, ("X", "y"))
    {'X': '(2, 2), digest b496573e3b73', 'y': '(2, 1), digest e9c4c898e839'}
    """
    if samples is None:
        return dict.fromkeys(names, "None")
    first, *others = [getattr(samples, field.name) for field in fields(samples)]
    shape = np.shape(others[0])
    return {
        names[0]: f"{np.shape(first)}, digest {_digest([first])}",
        names[1]: f"{shape}, digest {_digest(others)}",
    }


def described_optimizer(optimizer: Optimizer, model: Module) -> dict[str, str]:
    """The optimizer with its settings, and which parameters it steps.

    Its rate counts as it was made with: what it has come to is part of its state.

    >>> from tinygrad_mlp.nn import MLP
    >>> from tinygrad_mlp.optim import SGD
    >>> model = MLP(2, [1])
    >>> described_optimizer(SGD(model.parameters()[:1], 0.5), model)["optimizer"]
    'SGD(learning_rate=0.5, momentum=0.0, nesterov=False, weight_decay=0.0)'
    """
    settings = {name: getattr(optimizer, name) for name in optimizer.setting_names}
    if "learning_rate" in settings:
        settings["learning_rate"] = optimizer.initial_learning_rate
    numbers = {parameter: number for number, parameter in enumerate(model.parameters())}
    stepped = [numbers.get(p, -1) for p in optimizer.parameters]
    return {
        "optimizer": f"{type(optimizer).__name__}({_listed(settings)})",
        "groups of parameters": str(optimizer.groups),
        "the parameters to train": f"{len(stepped)}, digest {_digest([np.array(stepped)])}",
    }


def described_model(model: Module) -> str:
    """The model as it prints, and the names and shapes of what it holds.

    >>> from tinygrad_mlp.nn import MLP
    >>> described_model(MLP(2, [1]))
    'MLP of [Layer of 1 linear(2) neuron], digest e999a80d7d3e'
    """
    shapes = [f"{name} {array.shape}" for name, array in model.state_dict().items()]
    printed = repr(model)
    if " at 0x" in printed:  # where it stands in the memory, which is another place each time
        printed = type(model).__name__
    return f"{printed}, digest {_digest([np.array(shapes)])}"


def described_object(item: object) -> str:
    """An object by its class and its settings, not by where it stands in the memory.

    Settings are what its class lists as ``setting_names``, else the arguments of its ``__init__``
    that are attributes of the same name.

    >>> from tinygrad_mlp.optim import CosineSchedule, WarmupSchedule
    >>> described_object(WarmupSchedule(2, then=CosineSchedule(8)))
    'WarmupSchedule(n_epochs=2, then=CosineSchedule(n_epochs=8, final_factor=0.0), \
start_factor=0.3333333333333333)'
    """
    return _described(item, ())


def _described(item: object, above: tuple[int, ...]) -> str:
    if isinstance(item, np.ndarray):
        return f"array of {item.shape}, digest {_digest([item])}"
    if isinstance(item, os.PathLike):
        return "a path"  # what is written where changes no number
    if is_plain(item) and not isinstance(item, list | tuple | dict):
        return repr(item)
    if id(item) in above:
        return "..."
    above = (*above, id(item))
    if isinstance(item, list | tuple):
        return f"[{', '.join([_described(part, above) for part in item])}]"
    if isinstance(item, Mapping):
        pairs = [f"{_described(k, above)}: {_described(v, above)}" for k, v in item.items()]
        return f"{{{', '.join(pairs)}}}"
    if isinstance(item, Module | np.random.Generator):
        return type(item).__name__
    if callable(item) and hasattr(item, "__qualname__"):
        return str(item.__qualname__)
    names = getattr(item, "setting_names", ()) or _argument_names(type(item))
    settings = [
        f"{name}={_described(getattr(item, name), above)}" for name in names if hasattr(item, name)
    ]
    return f"{type(item).__name__}({', '.join(settings)})"


def _argument_names(kind: type) -> list[str]:
    try:
        return list(inspect.signature(kind).parameters)
    except (TypeError, ValueError):  # some of those written in C say nothing
        return []


def _listed(settings: Mapping[str, object]) -> str:
    return ", ".join([f"{name}={_described(value, ())}" for name, value in settings.items()])


def _digest(arrays: Iterable[NDArray[Any] | None]) -> str:
    digest = sha256()
    for array in arrays:
        if array is None:
            digest.update(b"none")
            continue
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()[:12]


def check_agreement(now: Mapping[str, Any], kept: Mapping[str, Any], path: str) -> None:
    """Refuse to go on with a training that was another one.

    Raises:
        InvalidArgumentError: if anything differs; it names all that does.

    >>> check_agreement({"batch_size": 32}, {"batch_size": 16}, "training.npz")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.InvalidArgumentError: training.npz holds another training: batch_size is \
32, there it is 16. ...
    """
    differing = [name for name in {**now, **kept} if now.get(name) != kept.get(name)]
    if not differing:
        return
    said = [
        f"{name} is {_shown(now, name)}, there it is {_shown(kept, name)}" for name in differing
    ]
    remedy = (
        "Give fit what it was given then, or a file of its own, resume='another.npz'. To train "
        f"these weights on in another way, load_weights(model, {path!r}), then fit without it"
    )
    if {"numpy", "tinygrad_mlp"} & set(differing):
        remedy += "; other versions may give other numbers in the last bits"
    if _LIBRARY in differing:
        remedy += "; other instruction sets round sums otherwise: backend='numpy' has none"
    if "schedule" in differing:
        remedy += (
            "; a schedule by name spans all epochs, so to train longer give it as it was, for "
            "example schedule=CosineSchedule(n_epochs=100)"
        )
    raise InvalidArgumentError(f"{path} holds another training: {'; '.join(said)}. {remedy}")


def _shown(settings: Mapping[str, Any], name: str) -> str:
    return visible(shortened(str(settings.get(name, "missing")), SHOWN))
