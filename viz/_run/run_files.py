"""A run as files: its weights, an ONNX model, and the run itself to go on with."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._many_numbers import write_numbers
from tinygrad_mlp._one_or_many import in_list
from tinygrad_mlp.data import StandardScaler
from tinygrad_mlp.data._arrays import Floats
from tinygrad_mlp.engine import Value
from tinygrad_mlp.functional import sin
from tinygrad_mlp.nn import Module
from tinygrad_mlp.nn._inputs import inputs_of
from tinygrad_mlp.nn._module import Sample
from tinygrad_mlp.training._archive import pack
from tinygrad_mlp.training._task import Task
from tinygrad_mlp.training._weights import packed_weights
from viz._run.run_questions import model_of_its_own
from viz._run.run_samples import RunSamples
from viz._run.run_steps import Steps

__all__ = ["file_name", "has_onnx", "onnx_file", "weights_file"]


def file_name(title: str, ending: str) -> str:
    """A name for a file about that, of plain letters.

    >>> file_name("../My table.csv", "npz")
    'My_table.npz'
    """
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", PurePosixPath(title.replace("\\", "/")).stem).strip("_")
    return f"{stem[:60] or 'training'}.{ending}"


def has_onnx() -> bool:
    """Whether ONNX files can be written.

    >>> has_onnx() == (find_spec("onnx") is not None)
    True
    """
    return find_spec("onnx") is not None


def weights_file(steps: Steps, numbers: Floats) -> bytes:
    """The network as ``load_model`` reads it, with what was done to the columns before.

    >>> from viz._run.run_settings import RunSettings
    >>> from viz._run.steered import first_steps
    >>> steps = first_steps(RunSettings("moons"))
    >>> weights_file(steps, steps.program.parameters)[:2]  # an archive
    b'PK'
    """
    model = _trained(steps, numbers)
    samples = steps.samples
    extra: dict[str, Any] = {
        "columns": list(samples.names),
        "features": list(samples.features or samples.names),
        "inputs": _scale(samples.scaler),
        "outputs": _scale(samples.target_scaler),
        "step": steps.count,
    }
    return pack(packed_weights(model, extra))


def onnx_file(steps: Steps, numbers: Floats) -> bytes:
    """The network from the columns as they are to probabilities, or to numbers.

    Raises:
        MissingDependencyError: without the package onnx.

    >>> from viz._run.run_settings import RunSettings
    >>> from viz._run.steered import first_steps
    >>> steps = first_steps(RunSettings("moons"))
    >>> b"Tanh" in onnx_file(steps, steps.program.parameters)
    True
    """
    from tinygrad_mlp.interchange._onnx_model import onnx_content

    model = _FromColumns(_trained(steps, numbers), steps.samples)
    return onnx_content(model, n_inputs=steps.samples.X.shape[1])


def _trained(steps: Steps, numbers: Floats) -> Module:
    """A network of its own with these numbers, which knows its classes by their names."""
    model = model_of_its_own(steps)
    write_numbers([*model.parameters(), *model.buffers()], numbers.tolist())
    task, classes = steps.task, steps.samples.classes
    if classes and task.classes is not None:
        named: NDArray[Any] = np.array(classes)
        task = Task(task.loss, named, task.n_inputs, task.n_outputs)
    task.attach_to(model)
    return model


class _FromColumns(Module):
    """A network with what is done to the columns before it, and to numbers behind it."""

    def __init__(self, model: Module, samples: RunSamples) -> None:
        self.model = model
        self._samples = samples

    def forward(self, x: Sample) -> list[Value]:
        """The outputs for one sample, from its columns."""
        samples, columns = self._samples, inputs_of(x, self)
        seen = [SEEN[name](*columns) for name in samples.features] or columns
        for scaler in [samples.scaler] if samples.scaler is not None else []:
            scales = zip(seen, scaler.mean_.tolist(), scaler.scale_.tolist())
            seen = [(value - mean) / scale for value, mean, scale in scales]
        outputs = in_list(self.model.forward(seen), self.model)
        if samples.target_scaler is None:
            return outputs
        scales = zip(
            outputs, samples.target_scaler.mean_.tolist(), samples.target_scaler.scale_.tolist()
        )
        return [value * scale + mean for value, mean, scale in scales]


SEEN: Final[dict[str, Callable[[Value, Value], Value]]] = {
    "x1": lambda x1, x2: x1,
    "x2": lambda x1, x2: x2,
    "x1^2": lambda x1, x2: x1**2,
    "x2^2": lambda x1, x2: x2**2,
    "x1*x2": lambda x1, x2: x1 * x2,
    "sin(x1)": lambda x1, x2: sin(x1),
    "sin(x2)": lambda x1, x2: sin(x2),
}
"""The features, of Values."""


def _scale(scaler: StandardScaler | None) -> dict[str, list[float]] | None:
    if scaler is None:
        return None
    return {"mean": scaler.mean_.tolist(), "scale": scaler.scale_.tolist()}
