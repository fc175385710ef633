"""The weights of a model as an .npz file, and back.

The file holds one array for each entry of ``state_dict``, under its name, and beside them a JSON
text with what the model was trained for and whatever a person adds. Nothing in it is pickled, so it
can be opened from anyone, also with ``numpy.load`` alone. The same weights give the same bytes.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._files import check_writable, write_whole
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.nn._architecture import (
    activations_of,
    has_activations,
    kind_of,
    layer_sizes,
    module_of_kind,
)
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.nn._specification import made_from, specification_of
from tinygrad_mlp.training._archive import pack, unpack
from tinygrad_mlp.training._details import ARCHITECTURE_VERSION, parse_details
from tinygrad_mlp.training._task import Task, task_of

__all__ = [
    "OF_TRAINING",
    "WeightsFile",
    "check_writable",
    "load_model",
    "load_weights",
    "packed_weights",
    "put_weights",
    "read_arrays",
    "read_weights",
    "save_weights",
    "text_in",
    "weights_in",
]

ENTRY: Final = "__details__"
"""The name under which the JSON text stands in the file."""

OF_TRAINING: Final = "__training__"
"""With this begin the names of what a file of ``fit(resume=path)`` holds beside the weights."""


@dataclass(frozen=True, eq=False)
class WeightsFile:
    """What stands in a weights file.

    Attributes:
        state: the arrays, as ``load_state_dict`` takes them.
        task: what the model was trained for; None for a model that ``fit`` has not seen.
        extra: what was saved along with them.
        model: the text of the model, such as "MLP of [Layer of 3 tanh(2) neurons]".
        activations: those of its layers, for an MLP, a Layer or a Neuron; None for any other model.
        kind: which module ``load_model`` makes again; "" for a class or an activation of
            your own; None where the file does not say it, as those of before.
        specification: how it is made, part by part; None for plain layers, of which the
            activations say it all.
    """

    state: dict[str, NDArray[np.float64]]
    task: Task | None
    extra: dict[str, Any]
    model: str | None = None
    activations: list[str] | None = None
    kind: str | None = None
    specification: dict[str, Any] | None = None


def save_weights(
    model: Module, path: str | os.PathLike[str], extra: Mapping[str, Any] | None = None
) -> Path:
    """Write the weights of a model into a file, whole or not at all.

    What the model was trained for (the loss, the names of the classes) goes with them, and, for the
    modules of ``nn``, how it is made: ``load_model`` needs nothing but the file.

    Args:
        model: the model.
        path: the file, by custom with the ending .npz; missing folders are made.
        extra: anything else to keep, as JSON knows it: texts, numbers, lists and dicts of them.

    Returns:
        The path.

    Raises:
        InvalidArgumentError: if ``extra`` holds anything else.
        OSError: if the file cannot be written.

    >>> import tempfile
    >>> from tinygrad_mlp.nn import MLP
    >>> model, other = MLP(2, [3, 1], rng=0), MLP(2, [3, 1], rng=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_weights(model, f"{folder}/weights.npz", extra={"epoch": 20})
    ...     load_weights(other, path)
    {'epoch': 20}
    >>> other([1.0, 2.0]).data == model([1.0, 2.0]).data
    True
    """
    return write_whole(path, pack(packed_weights(model, extra)))


def packed_weights(model: Module, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The arrays of a weights file by their names, the details among them.

    Raises:
        InvalidArgumentError: if ``extra`` cannot be written as JSON.

    >>> list(packed_weights(MLP(2, [1])))
    ['layers.0.weight', 'layers.0.bias', '__details__']
    """
    task = task_of(model)
    details: dict[str, Any] = {
        "model": repr(model),
        "activations": activations_of(model),
        "architecture": _architecture_of(model),
        "task": None if task is None else task.to_dict(),
        "extra": dict(extra or {}),
    }
    try:
        text = json.dumps(details, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(
            f"extra cannot be written as JSON ({error}); turn arrays into lists, "
            "extra={'mean': mean.tolist()}"
        ) from None
    return {**model.state_dict(), ENTRY: np.array(text)}


def _architecture_of(model: Module) -> dict[str, Any] | None:
    """How a model is made: in version 1 where that can say it, which older versions read."""
    if kind := kind_of(model):
        return {"version": 1, "kind": kind}
    specification = specification_of(model)
    if specification is None:
        return None
    return {"version": ARCHITECTURE_VERSION, "model": specification}


def load_model(path: str | os.PathLike[str]) -> Module:
    """The model that was saved in a file, made anew: an MLP, a Sequential or any module of ``nn``.

    It knows what it was trained for, so that ``predict`` gives your labels. What was saved as
    ``extra`` is in ``read_weights(path).extra``. Nothing is unpickled: the file says the kinds and
    the settings, and the arrays the sizes. What dropout leaves out is drawn from a new generator,
    and nothing is frozen.

    Args:
        path: a file that ``save_weights`` has written.

    Returns:
        The model.

    Raises:
        DataError: if it is not a file of weights, or contradicts itself; if the model was of a
            class, or had an activation, of your own; if the file does not say how it is made.
        OSError: if the file cannot be opened.

    >>> import tempfile
    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(2, [3, 1], activation="tanh", rng=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     same = load_model(save_weights(model, f"{folder}/weights.npz"))
    >>> same
    MLP of [Layer of 3 tanh(2) neurons, Layer of 1 linear(3) neuron]
    >>> same([1.0, 2.0]).data == model([1.0, 2.0]).data
    True
    """
    content = read_weights(path)
    if not content.kind:
        raise DataError(f"{os.fspath(path)} {_why_not_made(content)}")
    try:
        if content.specification is not None:
            model = made_from(content.specification, content.state)
        else:
            model = module_of_kind(content.kind, content.state, content.activations or [])
    except DataError as error:
        raise DataError(f"{os.fspath(path)}: {error}") from None
    put_weights(content, model, path)
    return model


def _why_not_made(content: WeightsFile) -> str:
    """Why ``load_model`` does not make the model, and what to do instead."""
    call, sizes = "model = ...", layer_sizes(content.state)
    if content.kind is None:
        if sizes:
            told = f", activation={content.activations}" if content.activations else ""
            call = f"model = MLP({sizes[0]}, {sizes[1:]}{told})"
        return (
            "does not say how its model is made, as files of earlier versions do not; make it as "
            f"it was made, then load its weights: {call}; load_weights(model, path)"
        )
    return (
        f"holds {content.model}, which has a class or an activation of your own, so it cannot be "
        f"made from a file; make it as it was made, then load its weights: {call}; "
        "load_weights(model, path)"
    )


def load_weights(model: Module, path: str | os.PathLike[str]) -> dict[str, Any]:
    """Put the weights of a file into a model of the same shape.

    The model knows afterwards what it was trained for, so that ``predict`` gives a person's labels.

    Args:
        model: a model as the one that was saved; its weights are replaced, or, after an error, as
            they were.
        path: the file.

    Returns:
        What was saved as ``extra``.

    Raises:
        DataError: if it is not a file of weights, or what it says of the model is not true.
        ShapeError, InvalidArgumentError: if the weights are those of another kind of model: other
            sizes, other activations.
        OSError: if the file cannot be opened.

    >>> from tinygrad_mlp.nn import MLP
    >>> load_weights(MLP(2, [1]), __file__)
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: .../_weights.py is not a file of weights (it is no ...
    """
    content = read_weights(path)
    put_weights(content, model, path)
    return content.extra


def put_weights(content: WeightsFile, model: Module, path: str | os.PathLike[str]) -> None:
    """Put what was read from a file into a model, as ``load_weights`` does.

    Args:
        content: what ``read_weights`` gave.
        model: the model; after an error it is as it was.
        path: the file that an error names.

    Raises:
        DataError, ShapeError, InvalidArgumentError: as ``load_weights``.

    >>> model = MLP(2, [1], rng=0)
    >>> content = WeightsFile(model.state_dict(), None, {}, repr(model), ["tanh"])
    >>> put_weights(content, MLP(2, [1]), "weights.npz")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.InvalidArgumentError: weights.npz holds the weights of another model, ...
    """
    before = model.state_dict()
    try:
        model.load_state_dict(content.state)
    except (ShapeError, InvalidArgumentError) as error:
        raise type(error)(f"{os.fspath(path)}: {error}") from None
    try:
        activations = content.activations
        if activations is not None and not has_activations(model, activations):
            raise InvalidArgumentError(
                f"{os.fspath(path)} holds the weights of another model, {content.model}, with the "
                f"activations {', '.join(activations)}, and this one is {model!r}; make it "
                "as that one was made, or take over the numbers alone: "
                "model.load_state_dict(read_weights(path).state)"
            )
        if content.task is not None:
            _check_sizes(content.task, model, path)
    except (DataError, InvalidArgumentError):
        model.load_state_dict(before)
        raise
    if content.task is not None:
        content.task.attach_to(model)


def read_weights(path: str | os.PathLike[str]) -> WeightsFile:
    """What stands in a weights file, for example to build the model that they fit.

    Raises:
        DataError: if it is not a file of weights.
        OSError: if the file cannot be opened.

    >>> import tempfile
    >>> from tinygrad_mlp.nn import MLP
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     content = read_weights(save_weights(MLP(2, [1]), f"{folder}/weights.npz"))
    >>> {name: array.shape for name, array in content.state.items()}
    {'layers.0.weight': (1, 2), 'layers.0.bias': (1,)}
    """
    return weights_in(read_arrays(path), path)


def read_arrays(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """All arrays of a weights file, those of a training beside them too.

    Raises:
        DataError: if it is not a file of weights.
        OSError: if the file cannot be opened.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     list(read_arrays(save_weights(MLP(2, [1]), f"{folder}/weights.npz")))
    ['layers.0.weight', 'layers.0.bias', '__details__']
    """
    try:
        with Path(path).open("rb") as stream:
            return unpack(stream)
    except DataError as error:
        raise _no_weights(path, error) from None


def weights_in(arrays: Mapping[str, NDArray[Any]], path: str | os.PathLike[str]) -> WeightsFile:
    """The weights among the arrays of a file.

    Raises:
        DataError: if they are none; it names the file.

    >>> arrays = packed_weights(MLP(2, [1]), {"epoch": 3})
    >>> weights_in({**arrays, "__training__.0": np.eye(2)}, "training.npz").extra
    {'epoch': 3}
    """
    state = {name: array for name, array in arrays.items() if not name.startswith(OF_TRAINING)}
    text = state.pop(ENTRY, np.array('{"task": null, "extra": {}}'))
    wrong = [name for name, array in state.items() if array.dtype.kind == "U"]
    if wrong or text.shape != () or text.dtype.kind != "U":
        raise _no_weights(path, f"{(wrong or [ENTRY])[0]!r} does not hold what it must")
    try:
        letters = text_in(text)
    except DataError as error:
        raise _no_weights(path, error) from None
    try:
        details = parse_details(letters, state)
    except DataError as error:
        raise DataError(
            f"{os.fspath(path)}: {error}; the file is damaged or was changed: save the model again "
            "with save_weights(model, 'weights.npz')"
        ) from None
    task = details["task"]
    return WeightsFile(
        state,
        None if task is None else Task.from_dict(task),
        details["extra"],
        details["model"],
        details["activations"],
        _kind(details),
        (details.get("architecture") or {}).get("model"),
    )


def _no_weights(path: str | os.PathLike[str], problem: object) -> DataError:
    return DataError(
        f"{os.fspath(path)} is not a file of weights ({problem}); "
        "save_weights(model, 'weights.npz') writes one"
    )


def _kind(details: Mapping[str, Any]) -> str | None:
    if "architecture" not in details:
        return None
    architecture = details["architecture"]
    return "" if architecture is None else str(architecture.get("model", architecture)["kind"])


def _check_sizes(task: Task, model: Module, path: str | os.PathLike[str]) -> None:
    """The numbers of inputs and outputs of the task are those of the model, where it says them."""
    sizes = {"n_inputs": getattr(model, "n_inputs", None)}
    if isinstance(model, MLP) and type(model).forward is MLP.forward:
        sizes["n_outputs"] = model.n_outputs
    for name, size in sizes.items():
        of_task = getattr(task, name)
        if of_task is not None and isinstance(size, int) and of_task != size:
            raise DataError(
                f"{os.fspath(path)}: task.{name} is {of_task}, but the model has {size}; the file "
                "is damaged or was changed: save the model again with save_weights"
            )


def text_in(array: NDArray[np.str_]) -> str:
    """The text in an array, if all of it is letters.

    Raises:
        DataError: if it is not.

    >>> text_in(np.array("relu"))
    'relu'
    """
    try:
        return array.tobytes().decode(f"utf-32-{sys.byteorder[0]}e", "surrogatepass").rstrip("\0")
    except ValueError as error:
        raise DataError(f"its text is damaged ({error})") from None
