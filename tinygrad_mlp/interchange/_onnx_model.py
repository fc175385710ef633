"""A model as an ONNX file, for programs that know nothing of this package.

What is written is the recorded graph of one sample, as the compiler sees it: matrix products, and
what stands between them. So it holds for every model that the compiler takes, those with a forward
of their own, skip connections and operations declared elsewhere too, and no list of modules is kept
here. The model is exported as it predicts: without dropout, and by the running statistics of a
batch norm.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._arguments import check_integer
from tinygrad_mlp._files import write_whole
from tinygrad_mlp._node_checks import check_numbers
from tinygrad_mlp._one_or_many import in_list
from tinygrad_mlp._text import described
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.compiler._layout import Plan
from tinygrad_mlp.data._preprocessing import classes_in_order
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import (
    GraphError,
    InvalidArgumentError,
    MissingDependencyError,
    SampleOrderError,
    ShapeError,
)
from tinygrad_mlp.interchange._onnx_classes import (
    as_onnx_has_them,
    check_outputs,
    check_task,
    label_of,
    probabilities_of,
)
from tinygrad_mlp.interchange._onnx_math import OnnxGraph
from tinygrad_mlp.interchange._onnx_steps import StepWriter
from tinygrad_mlp.nn._module import Module, evaluation_mode
from tinygrad_mlp.nn._state import named_entries
from tinygrad_mlp.training._outputs import recording_of
from tinygrad_mlp.training._task import task_of

__all__ = ["onnx_content", "to_onnx"]

OLDEST_OPSET: Final = 18
"""Before it ReduceMax takes its axes in another way."""

TAKEN: Final = frozenset(["input", "output", "label", "probabilities", "classes"])
"""The names in the file that are no array of the model."""

CALL: Final = "to_onnx(model, 'model.onnx', dtype='float32', opset=20)"


def to_onnx(
    model: Module,
    path: str | os.PathLike[str],
    *,
    dtype: str = "float32",
    opset: int = 20,
    classes: ArrayLike | None = None,
    n_inputs: int | None = None,
) -> Path:
    """Write a model as an ONNX file, which onnxruntime and other programs compute with.

    The file takes "input", (n_samples, n_inputs), and gives "output", (n_samples, n_outputs), what
    the model predicts: activations, softmax, batch norm by its running statistics, no dropout.
    Everything that the compiler records can be exported: a module with a forward of its own, an
    operation of your own as well. The same model gives the same bytes.

    With ``classes`` there are two more outputs: "label", (n_samples,), and "probabilities",
    (n_samples, n_classes). The probabilities are the sigmoid of the logit for one output and two
    classes, else the softmax of the logits; logits are the outputs before a sigmoid or softmax at
    the end, as in ``model.logits``. The label is that of the largest logit.

    Numbers are those of the engine to 1e-12 in float64, also small results, and to 1e-6 in float32.

    Args:
        model: the model; a module of any kind.
        path: the file, by custom with the ending .onnx; missing folders are made.
        dtype: "float32" or "float64", of the numbers in the file, its input and its outputs.
        opset: the version of the ONNX operator set, from 18 on.
        classes: the label of each class number: text, whole numbers, booleans or other numbers.
        n_inputs: the number of features, for a model that does not say it itself.

    Returns:
        The path.

    Raises:
        MissingDependencyError: without the package onnx.
        InvalidArgumentError: for another dtype or opset; for a function that onnxruntime cannot
            compute in float64 (gelu, whose error function it has in float32 alone); for a number
            that is too large for float32; for classes of a model whose loss has no probabilities of
            classes that exclude one another (or that was not trained by ``fit``, and has several
            outputs with a sigmoid each), or in another order than in the training.
        DataError: if a class is listed twice, the classes are of several kinds, or one of them is
            nothing that ONNX has a type for.
        ShapeError: if there are not as many classes as the outputs stand for.
        GraphError: for a model that changes as it predicts, or draws random numbers.
        TracingError: for one that branches on a number.
        OSError: if the file cannot be written.

    >>> import tempfile
    >>> from tinygrad_mlp.nn import MLP
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = to_onnx(MLP(4, [16, 3], rng=0), f"{folder}/iris.onnx", classes=["a", "b", "c"])
    ...     path.name
    'iris.onnx'
    """
    content = onnx_content(model, dtype=dtype, opset=opset, classes=classes, n_inputs=n_inputs)
    return write_whole(path, content)


def onnx_content(
    model: Module,
    *,
    dtype: str = "float32",
    opset: int = 20,
    classes: ArrayLike | None = None,
    n_inputs: int | None = None,
) -> bytes:
    """What stands in the file that ``to_onnx`` writes; takes and raises the same.

    >>> from tinygrad_mlp.nn import MLP
    >>> b"tinygrad_mlp" in onnx_content(MLP(4, [16, 3], rng=0))
    True
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingDependencyError.of("onnx", "ONNX files", extra="export") from error
    if not isinstance(model, Module):
        raise InvalidArgumentError(
            f"to_onnx takes a model, got {described(model)}; for example {CALL}"
        )
    if dtype not in ("float32", "float64"):
        raise InvalidArgumentError(
            f"dtype is 'float32' or 'float64', got {described(dtype)}; for example {CALL}"
        )
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= check_integer(opset, "opset") <= newest:
        raise InvalidArgumentError(
            f"opset is a version from {OLDEST_OPSET} to {newest} with this onnx, got {opset}; for "
            f"example {CALL}"
        )
    labels = None if classes is None else classes_in_order(classes)
    in_file = None if labels is None else as_onnx_has_them(labels)
    n_features = _number_of_inputs(model, n_inputs)
    plan, n_outputs = _recorded(model, n_features, labels)
    if labels is not None:
        check_task(model, n_outputs, labels)
    graph = OnnxGraph(np.dtype(dtype), opset)
    outputs = _written(graph, plan, model, n_outputs, in_file)
    return _file(onnx, graph, outputs, n_features, n_outputs, labels)


def _number_of_inputs(model: Module, given: int | None) -> int:
    """How many features a sample has: what is said in the call, by the model, or by its task."""
    task = task_of(model)
    said = [getattr(model, "n_inputs", None), None if task is None else task.n_inputs]
    known = [int(number) for number in said if isinstance(number, int | np.integer)]
    if given is not None:
        n_inputs = check_integer(given, "n_inputs")
        if known and known[0] != n_inputs:
            raise ShapeError(f"n_inputs is {given}, but {model!r} takes {known[0]}; leave it out")
        return n_inputs
    if not known:
        raise InvalidArgumentError(
            f"{model!r} does not say how many inputs it takes; write "
            "to_onnx(model, path, n_inputs=4)"
        )
    return known[0]


def _recorded(model: Module, n_inputs: int, labels: NDArray[Any] | None) -> tuple[Plan, int]:
    """The plan of one sample, which gives outputs, and with labels probabilities and logits."""
    check_numbers([*model.parameters(), *model.buffers()])

    def predicted(x: Sequence[Value]) -> list[Value]:
        outputs = in_list(model.forward(x), model)
        if labels is None:
            return outputs
        check_outputs(model, outputs)
        logits = in_list(model.logits(x), model)
        return [*outputs, *probabilities_of(logits, labels), *logits]

    program = compile(predicted, model.parameters(), per_sample=True).prediction(predicted)
    program.within = partial(_as_it_predicts, model)
    program.each_by_itself = True
    try:
        program(np.zeros((1, n_inputs)))
    except SampleOrderError as error:
        raise _assigns(model) from error
    plan = program.plan
    assert plan is not None  # mapped over the samples it is never plain arithmetic
    if plan.recording.random:
        raise GraphError(
            f"{model!r} draws random numbers as it predicts, which an ONNX file cannot do; draw "
            "them in training alone: if self.training: ..."
        )
    if plan.recording.effects:
        raise _assigns(model)
    n_results = len(plan.folded.outputs)  # outputs, and with labels probabilities and logits
    return plan, n_results if labels is None else (n_results - len(labels)) // 2


def _assigns(model: Module) -> GraphError:
    return GraphError(
        f"{model!r} assigns to its leaves as it predicts, and an ONNX file keeps nothing between "
        "its calls; assign in training alone: if self.training: ..."
    )


@contextmanager
def _as_it_predicts(model: Module) -> Iterator[None]:
    with evaluation_mode(model), recording_of(model):
        yield


def _written(
    graph: OnnxGraph, plan: Plan, model: Module, n_outputs: int, labels: NDArray[Any] | None
) -> list[str]:
    """All nodes; the names of the outputs."""
    names = {
        tuple(map(id, values)): (name, shape)
        for name, shape, values in named_entries(model)
        if name not in TAKEN and "/" not in name  # with which our own names begin
    }
    writer = StepWriter(graph, plan, names)
    slots = plan.slot_of[np.array(plan.folded.outputs, dtype=np.int64)]
    found = {"output": writer.read(slots[:n_outputs])}
    if labels is not None:
        found["label"] = label_of(graph, writer.read(slots[-n_outputs:]), n_outputs, labels)
        found["probabilities"] = writer.read(slots[n_outputs:-n_outputs])
    for name, tensor in found.items():
        graph.nodes.append(("Identity", [tensor.name], name, {}))
    graph.keep_only(list(found))
    return list(found)


def _file(
    onnx: Any,
    graph: OnnxGraph,
    outputs: Sequence[str],
    n_inputs: int,
    n_outputs: int,
    labels: NDArray[Any] | None,
) -> bytes:
    """The file as bytes, accepted by onnx's own checker."""
    helper: Any = onnx.helper
    kind_of: Callable[[np.dtype[Any]], int] = helper.np_dtype_to_tensor_dtype
    kind = kind_of(graph.dtype)
    shapes: dict[str, tuple[int, list[Any]]] = {"output": (kind, ["n_samples", n_outputs])}
    if labels is not None:
        shapes["label"] = (kind_of(graph.initializers["classes"].dtype), ["n_samples"])
        shapes["probabilities"] = (kind, ["n_samples", len(labels)])
    nodes = [
        helper.make_node(kind_of_node, inputs, [output], name=output, **attributes)
        for kind_of_node, inputs, output, attributes in graph.nodes
    ]
    made = helper.make_graph(
        nodes,
        "tinygrad_mlp",
        [helper.make_tensor_value_info("input", kind, ["n_samples", n_inputs])],
        [helper.make_tensor_value_info(name, *shapes[name]) for name in outputs],
        [
            onnx.numpy_helper.from_array(np.ascontiguousarray(array) if array.ndim else array, name)
            for name, array in graph.initializers.items()
        ],
    )
    versions = [helper.make_opsetid("", graph.opset)]
    model = helper.make_model(
        made,
        producer_name="tinygrad_mlp",
        opset_imports=versions,
        ir_version=helper.find_min_ir_version_for(versions),
    )
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    return content
