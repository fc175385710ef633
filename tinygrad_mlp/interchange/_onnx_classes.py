"""Labels and probabilities in an ONNX file: those of ``predict`` and ``predict_proba``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp import functional
from tinygrad_mlp._text import described
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError
from tinygrad_mlp.interchange._onnx_math import OnnxGraph, Tensor
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.ops import OPS
from tinygrad_mlp.training._task import task_of

__all__ = ["as_onnx_has_them", "check_outputs", "check_task", "label_of", "probabilities_of"]

SIGMOID: Final = OPS["sigmoid"]

TYPES: Final = {"b": np.bool_, "i": np.int64, "u": np.int64, "f": np.float64, "U": object}
"""What the labels of each kind become."""


def as_onnx_has_them(labels: NDArray[Any]) -> NDArray[Any]:
    """Text, and numbers of a type that onnxruntime can gather.

    Raises:
        DataError: for whole numbers beyond int64, and text that is none in UTF-8.

    >>> as_onnx_has_them(np.array([3, 1], np.uint8)).dtype, as_onnx_has_them(np.array(["a"])).dtype
    (dtype('int64'), dtype('O'))
    """
    for label in labels.tolist():
        if not _has_a_type(label):
            raise DataError(
                f"classes holds {described(label)}, for which ONNX has no type; give whole numbers "
                f"below 2^63, or other text: classes={list(range(len(labels)))}"
            )
    return labels.astype(TYPES[labels.dtype.kind])


def _has_a_type(label: Any) -> bool:
    if isinstance(label, str):
        return label.encode(errors="replace").decode() == label
    return isinstance(label, float) or (isinstance(label, int) and -(2**63) <= label < 2**63)


def check_task(model: Module, n_outputs: int, labels: NDArray[Any]) -> None:
    """Refuse probabilities that would be others than those of ``predict_proba``.

    Raises:
        InvalidArgumentError: if the loss of the training knows none, or none that exclude another;
            if the labels are those of the training in another order.

    >>> from tinygrad_mlp.nn import MLP
    >>> check_task(MLP(2, [1], rng=0), 1, np.array(["no", "yes"]))  # was never trained
    """
    task = task_of(model)
    if task is None or task.loss is None:
        return
    trained = [] if task.classes is None else task.classes.tolist()
    if labels.tolist() != trained and set(labels.tolist()) == set(trained):
        raise InvalidArgumentError(
            f"classes lists {labels.tolist()}, but the model was trained with the numbers 0, 1, "
            f"... for {trained}, and would name others; write classes={trained}"
        )
    if task.loss.probabilities(np.zeros((1, n_outputs))) is None:
        what = "gives no probabilities"
    elif n_outputs > 1 and task.loss.targets != "labels":
        what = "answers yes or no for each output by itself"
    else:
        return
    raise InvalidArgumentError(
        f"the model was trained with the loss {task.loss_name!r}, which {what}, {NO_ONE_CLASS}"
    )


NO_ONE_CLASS: Final = (
    "so there is no one class out of several to name; leave classes= out and read the output"
)


def check_outputs(model: Module, outputs: Sequence[Value]) -> None:
    """Refuse several outputs that end in a sigmoid each, where no loss says what they mean.

    Raises:
        InvalidArgumentError: if they do.

    >>> check_outputs(Module(), [Value(0.5).sigmoid()])
    """
    task = task_of(model)
    if task is not None and task.loss is not None:
        return
    if len(outputs) > 1 and all(output.op is SIGMOID for output in outputs):
        raise InvalidArgumentError(
            f"each of the {len(outputs)} outputs of {model!r} ends in a sigmoid and answers yes or "
            f"no by itself, {NO_ONE_CLASS}"
        )


def probabilities_of(logits: Sequence[Value], labels: NDArray[Any]) -> list[Value]:
    """The probability of each label: of one logit by the sigmoid, of several by the softmax.

    Raises:
        ShapeError: if there are not as many labels.

    >>> [p.data for p in probabilities_of([Value(0.0)], np.array(["no", "yes"]))]
    [0.5, 0.5]
    """
    n_classes = 2 if len(logits) == 1 else len(logits)
    if len(labels) != n_classes:
        outputs = "1 output stands" if len(logits) == 1 else f"{len(logits)} outputs stand"
        raise ShapeError(
            f"classes lists {len(labels)} label{'' if len(labels) == 1 else 's'}, but {outputs} "
            f"for {n_classes} classes; give one label for each: classes={list(range(n_classes))}"
        )
    if len(logits) > 1:
        return functional.softmax(logits)
    return [functional.sigmoid(-logits[0]), functional.sigmoid(logits[0])]


def label_of(graph: OnnxGraph, logits: Tensor, n_outputs: int, labels: NDArray[Any]) -> Tensor:
    """The label of the largest logit, of one logit by its sign.

    >>> graph = OnnxGraph(np.dtype("float64"), 20)
    >>> label_of(graph, Tensor(graph, "z"), 3, np.arange(3)).name
    '/Gather_1'
    """
    if n_outputs == 1:
        flat = graph.add("Squeeze", logits > 0.0, np.array([1]))
        number = graph.add("Cast", flat, to=7)  # to int64
    else:
        number = graph.add("ArgMax", logits, axis=1, keepdims=0)
    graph.initializers["classes"] = labels
    return graph.add("Gather", Tensor(graph, "classes"), number, axis=0)
