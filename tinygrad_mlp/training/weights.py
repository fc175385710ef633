"""The weights of a model as an .npz file, and back.

The file holds one array for each entry of ``state_dict``, under its name, and beside them a JSON
text with what the model was trained for and whatever a person adds. Nothing in it is pickled, so it
can be opened from anyone, also with ``numpy.load`` alone. The same weights give the same bytes.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.errors import DataError, InvalidArgumentError
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.nn.activations import activation_name
from tinygrad_mlp.nn.module import Module
from tinygrad_mlp.training.task import Task, task_of

__all__ = ["WeightsFile", "check_writable", "load_weights", "read_weights", "save_weights"]

_DAMAGED: Final = (
    *(EOFError, KeyError, NotImplementedError, OSError, RuntimeError, TypeError, ValueError),
    *(zipfile.BadZipFile, zlib.error),
)
"""What reading a damaged archive raises."""

DETAILS: Final = "__details__"
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
    target = Path(path)
    task = task_of(model)
    details: dict[str, Any] = {
        "model": repr(model),
        "activations": _activations(model),
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
    arrays = {**model.state_dict(), DETAILS: np.array(text)}
    with _part_of(target) as part:
        _write_npz(part, arrays)
        part.replace(target)
    return target


def check_writable(path: str | os.PathLike[str]) -> None:
    """Find out whether ``save_weights`` could write a file, before there is something to save.

    Missing folders are made; a file that is there stays as it is.

    Raises:
        OSError: if it could not.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     check_writable(f"{folder}/weights.npz")
    ...     os.listdir(folder)
    []
    """
    with _part_of(Path(path)) as part:
        part.touch()


@contextmanager
def _part_of(target: Path) -> Iterator[Path]:
    """A file beside the target to be written first; what goes wrong, goes wrong with the target."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        try:
            yield part
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(target)) from error


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
        DataError: if it is not a file of weights.
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
    before = model.state_dict()
    model.load_state_dict(content.state)
    if content.activations not in (None, _activations(model)):
        model.load_state_dict(before)
        raise InvalidArgumentError(
            f"{os.fspath(path)} holds the weights of another model, {content.model}, and this one "
            f"is {model!r}; make it as that one was made, or take over the numbers alone: "
            "model.load_state_dict(read_weights(path).state)"
        )
    if content.task is not None:
        content.task.attach_to(model)
    return content.extra


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
    with Path(path).open("rb") as stream:
        try:
            with np.load(stream, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            details = json.loads(str(arrays.pop(DETAILS, '{"task": null, "extra": {}}')))
            task = details["task"]
            return WeightsFile(
                arrays,
                None if task is None else Task.from_dict(task),
                details["extra"],
                details.get("model"),
                details.get("activations"),
            )
        except _DAMAGED as error:
            reason = str(error) if zipfile.is_zipfile(path) else "it is no .npz archive"
            raise DataError(
                f"{os.fspath(path)} is not a file of weights ({reason}); "
                "save_weights(model, 'weights.npz') writes one"
            ) from None


def _activations(model: Module) -> list[str] | None:
    if not isinstance(model, MLP):
        return None
    return [activation_name(layer.activation) for layer in model.layers]


def _write_npz(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """``numpy.savez``, for any names and without the time of day in the file."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            with archive.open(entry, "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.asarray(array), allow_pickle=False)
