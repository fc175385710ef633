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

from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError
from tinygrad_mlp.files import check_writable, write_whole
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.nn.activations import activation_name
from tinygrad_mlp.nn.module import Module
from tinygrad_mlp.training.archive import pack, unpack
from tinygrad_mlp.training.details import parse_details
from tinygrad_mlp.training.task import Task, task_of

__all__ = [
    "WeightsFile",
    "activations_of",
    "check_writable",
    "load_weights",
    "put_weights",
    "read_weights",
    "save_weights",
]

ENTRY: Final = "__details__"
"""The name under which the JSON text stands in the file."""


@dataclass(frozen=True, eq=False)
class WeightsFile:
    """What stands in a weights file.

    Attributes:
        state: the arrays, as ``load_state_dict`` takes them.
        task: what the model was trained for; None for a model that ``fit`` has not seen.
        extra: what was saved along with them.
        model: the text of the model, such as "MLP of [Layer of 3 tanh(2) neurons]".
        activations: those of the layers of an MLP; None for any other model.
    """

    state: dict[str, NDArray[np.float64]]
    task: Task | None
    extra: dict[str, Any]
    model: str | None = None
    activations: list[str] | None = None


def save_weights(
    model: Module, path: str | os.PathLike[str], extra: Mapping[str, Any] | None = None
) -> Path:
    """Write the weights of a model into a file, whole or not at all.

    What the model was trained for (the loss, the names of the classes) goes with them.

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
    task = task_of(model)
    details: dict[str, Any] = {
        "model": repr(model),
        "activations": activations_of(model),
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
    return write_whole(path, pack({**model.state_dict(), ENTRY: np.array(text)}))


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
    tinygrad_mlp.errors.DataError: .../weights.py is not a file of weights (it is no ...
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
    try:
        with Path(path).open("rb") as stream:
            arrays = unpack(stream)
        text = arrays.pop(ENTRY, np.array('{"task": null, "extra": {}}'))
        wrong = [name for name, array in arrays.items() if array.dtype.kind == "U"]
        if wrong or text.shape != () or text.dtype.kind != "U":
            raise DataError(f"{(wrong or [ENTRY])[0]!r} does not hold what it must")
    except DataError as error:
        raise DataError(
            f"{os.fspath(path)} is not a file of weights ({error}); "
            "save_weights(model, 'weights.npz') writes one"
        ) from None
    try:
        details = parse_details(_text(text), arrays)
    except DataError as error:
        raise DataError(
            f"{os.fspath(path)}: {error}; the file is damaged or was changed: save the model again "
            "with save_weights(model, 'weights.npz')"
        ) from None
    task = details["task"]
    return WeightsFile(
        arrays,
        None if task is None else Task.from_dict(task),
        details["extra"],
        details["model"],
        details["activations"],
    )


def activations_of(model: Module) -> list[str] | None:
    """The names of the activations of an MLP, layer by layer; None for any other model.

    >>> activations_of(MLP(2, [3, 1], activation="tanh"))
    ['tanh', 'linear']
    """
    if not isinstance(model, MLP):
        return None
    return [activation_name(layer.activation) for layer in model.layers]


def has_activations(model: Module, activations: list[str]) -> bool:
    """Whether the layers of an MLP have these activations, by whatever names.

    >>> has_activations(MLP(2, [3, 1], activation="silu"), ["swish", "identity"])
    True
    """
    own = activations_of(model)
    return own is not None and [*map(activation_name, own)] == [*map(activation_name, activations)]


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


def _text(array: NDArray[np.str_]) -> str:
    """The text in an array, if all of it is letters."""
    try:
        return array.tobytes().decode(f"utf-32-{sys.byteorder[0]}e", "surrogatepass").rstrip("\0")
    except ValueError as error:
        raise DataError(f"its text is damaged ({error})") from None
