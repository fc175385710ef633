"""The arrays of a model in a safetensors file, by the names and in the shapes of PyTorch.

Nothing in such a file is code, so it can be opened from anyone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._files import write_whole
from tinygrad_mlp._many_numbers import write_numbers
from tinygrad_mlp._text import described
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import (
    DataError,
    InvalidArgumentError,
    MissingDependencyError,
    ShapeError,
)
from tinygrad_mlp.interchange._torch_parts import array_of, torch_entries
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.nn._state import check_shared

__all__ = ["arrays_in_file", "load_safetensors", "save_safetensors"]


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise MissingDependencyError.of(
            "safetensors", "safetensors files", extra="export"
        ) from error
    return safetensors


def save_safetensors(model: Module, path: str | os.PathLike[str]) -> Path:
    """Write the arrays of a model into a safetensors file, whole or not at all.

    The names and shapes are those of ``to_torch(model).state_dict()``, so that torch loads it
    without this package: ``network.load_state_dict(safetensors.torch.load_file(path))``. Biases
    have the shape (n_outputs,), and each batch norm has ``num_batches_tracked``, which nobody
    counts here: it is 0. A module with a forward of its own has its own names, ``hidden.weight``,
    as the same class in torch has. Numbers are float64. The same model gives the same bytes.

    Args:
        model: the model; a module of any kind.
        path: the file, by custom with the ending .safetensors; missing folders are made.

    Returns:
        The path.

    Raises:
        MissingDependencyError: without the package safetensors.
        InvalidArgumentError: for a name that cannot stand in such a file.
        OSError: if the file cannot be written.

    >>> import tempfile
    >>> from tinygrad_mlp.nn import MLP
    >>> model, copy = MLP(2, [8, 1], rng=0), MLP(2, [8, 1], rng=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load_safetensors(copy, save_safetensors(model, f"{folder}/moons.safetensors"))
    >>> copy([1.0, 2.0]).data == model([1.0, 2.0]).data
    True
    """
    safetensors = _safetensors()
    arrays = {
        name: array_of(shape, values)
        for name, shape, values in torch_entries(_checked(model, "save_safetensors"))
    }
    for name in arrays:
        if name == "__metadata__" or name.encode(errors="replace").decode() != name:
            raise InvalidArgumentError(
                f"{model!r} has parameters of the name {name!r}, which no safetensors file can "
                "have; give the attribute another name"
            )
    return write_whole(path, packed(safetensors, arrays))


def packed(safetensors: Any, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays of any strides as the bytes of a file.

    Safetensors 0.8.0 writes the memory below an array, in whatever order it lies there, so that
    each one is made contiguous first.

    >>> import safetensors
    >>> import safetensors.numpy
    >>> W = np.arange(6.0).reshape(2, 3).T
    >>> safetensors.numpy.load(packed(safetensors, {"W": W}))["W"].tolist() == W.tolist()
    True
    """
    contiguous = {
        name: np.ascontiguousarray(array).reshape(array.shape)  # which makes 0-d arrays 1-d
        for name, array in arrays.items()
    }
    content: bytes = safetensors.numpy.save(contiguous)
    return content


def load_safetensors(model: Module, path: str | os.PathLike[str]) -> None:
    """Put the arrays of a safetensors file into a model; after an error it is as it was.

    It takes what ``save_safetensors`` wrote and what torch wrote for the same network, in float64,
    float32 or float16, in any order. ``num_batches_tracked`` may be there or not: nobody reads it
    here. Of layers that are shared one name is enough (``safetensors.torch.save_model`` keeps one),
    and biases that are frozen at 0 (``from_torch``, ``bias=False``) may be missing.

    Args:
        model: a model as the one that was saved.
        path: the file.

    Raises:
        MissingDependencyError: without the package safetensors.
        DataError: if it is no such file, or holds anything but real numbers.
        InvalidArgumentError: if a name is missing or unknown, or if two arrays for a layer that is
            shared differ.
        ShapeError: if an array has another shape.
        OSError: if the file cannot be opened.

    >>> from tinygrad_mlp.nn import MLP
    >>> load_safetensors(MLP(2, [1]), __file__)
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: .../_safetensors_file.py is not a safetensors file (...
    """
    put_arrays(_checked(model, "load_safetensors"), arrays_in_file(path), os.fspath(path))


def arrays_in_file(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """All arrays of a safetensors file, by name.

    Raises:
        DataError: if it is no such file, or one of them has a type that NumPy does not have.
        OSError: if it cannot be opened.

    >>> import tempfile
    >>> from tinygrad_mlp.nn import Neuron
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     arrays = arrays_in_file(save_safetensors(Neuron(2), f"{folder}/neuron.safetensors"))
    >>> {name: arrays[name].shape for name in sorted(arrays)}
    {'0.bias': (1,), '0.weight': (1, 2)}
    """
    safetensors = _safetensors()
    content = Path(path).read_bytes()
    try:
        arrays: dict[str, NDArray[Any]] = safetensors.numpy.load(content)
    except safetensors.SafetensorError as error:
        raise DataError(
            f"{os.fspath(path)} is not a safetensors file ({error}); "
            "save_safetensors(model, 'model.safetensors') writes one"
        ) from None
    except KeyError as error:  # a type such as bfloat16
        raise DataError(
            f"{os.fspath(path)} holds numbers of a type that NumPy does not have ({error}); save "
            "them as float32: network.float().state_dict()"
        ) from None
    return arrays


def put_arrays(model: Module, arrays: Mapping[str, NDArray[Any]], where: str) -> None:
    """Put arrays by torch's names into a model, all of them or none.

    Args:
        model: the model.
        arrays: in any order, of any strides.
        where: the file that a message names.

    Raises:
        DataError, InvalidArgumentError, ShapeError: as ``load_safetensors``.
    """
    entries = torch_entries(model)
    names = [name for name, _, _ in entries]
    given = {leaf for name, _, values in entries if name in arrays for leaf in values or ()}
    missing = [
        name
        for name, _, values in entries
        if not (given.issuperset(values or ()) or _is_no_bias(name, values or ()))
    ]
    unknown = [name for name in arrays if name not in names]
    problems = [f"lacks {', '.join(map(repr, missing))}"] if missing else []
    problems += [f"has the unknown {', '.join(map(repr, sorted(unknown)))}"] if unknown else []
    if problems:
        raise InvalidArgumentError(
            f"{where} {' and '.join(problems)}; the names for {model!r} are: "
            f"{', '.join(names) or 'none'}. Load it into a model that was made as the one that "
            "was saved"
        )
    found = []
    for name, shape, values in entries:
        if values is None or name not in arrays:
            continue
        array = arrays[name]
        if array.dtype.kind not in "biuf":
            raise DataError(f"{where}: {name!r} holds {array.dtype}; real numbers are needed")
        if array.shape != shape:
            raise ShapeError(
                f"{where}: {name!r} has shape {array.shape}, but {model!r} needs {shape}; load it "
                "into a model with the same sizes"
            )
        found.append((name, values, array.astype(np.float64).ravel().tolist()))
    check_shared(where, found)
    leaves = [leaf for _, values, _ in found for leaf in values]
    write_numbers(leaves, [number for _, _, numbers in found for number in numbers])


def _is_no_bias(name: str, leaves: Sequence[Value]) -> bool:
    """Whether they are as the biases of a layer that has none in torch."""
    is_bias = name.rpartition(".")[2] == "bias"
    return is_bias and not any(leaf.requires_grad or leaf.data != 0.0 for leaf in leaves)


def _checked(model: object, function: str) -> Module:
    if not isinstance(model, Module):
        raise InvalidArgumentError(
            f"{function} takes a model, got {described(model)}; for example "
            f"{function}(model, 'model.safetensors')"
        )
    return model
