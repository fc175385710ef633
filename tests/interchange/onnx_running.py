"""Runs ONNX files in the two engines that the tests compare with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

NEWEST = onnx.defs.onnx_opset_version()

Outputs = dict[str, NDArray[Any]]


def outputs_of(path: Path, X: NDArray[Any]) -> Iterator[tuple[str, Outputs]]:
    """The outputs by name, from onnx's reference evaluator and from onnxruntime."""
    model = onnx.load(path)
    names = [output.name for output in model.graph.output]
    with np.errstate(all="ignore"):
        results: Any = ReferenceEvaluator(model).run(None, {"input": X})
        yield "reference", dict(zip(names, results))
    yield "onnxruntime", dict(zip(names, session(path).run(None, {"input": X})))


def session(path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(
        path.read_bytes(), options, providers=["CPUExecutionProvider"]
    )


def nodes_of(path: Path) -> list[str]:
    return [node.op_type for node in onnx.load(path).graph.node]
