#!/usr/bin/env bash
# onnxruntime's Sigmoid in float64 counts in steps of 1.1e-16, also where its result is 1e-14.
#
# Expected: 1 / (1 + exp(-x)) to the digits of float64 at every x, as its own Exp, and its own Softmax
#   over (x, 0), which is the same function, give it.
# What happens: the error is absolute, not relative. At -30 the result is off by 1e-3 of itself, at -37
#   and below it is 0. A logarithm behind it is -inf, so that the loss of one confident wrong row
#   decides everything; and a model that was trained in float64 does not give its own numbers. With
#   float32 inputs the kernel is right as far as float32 goes.
# Who meets it: whoever exports a network with sigmoid units in float64 and compares far digits.
#   Remedy: exp(x) / (1 + exp(x)) for x < 0 from Exp, Add, Div, or Softmax over (x, 0).
# Source: the kernel Sigmoid<double> of onnxruntime's CPU provider.
# Seen on 2026-11-29 (onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, CPython 3.11.7, Linux x86-64):
#   x -10: Sigmoid 4.5397868702390376e-05, off by 9.7e-13 of it; Softmax off by less than 1e-15
#   x -30: Sigmoid 9.348077867343818e-14, off by 1.0e-03 of it; Softmax off by less than 1e-15
#   x -40: Sigmoid 0.0, off by 1.0e+00 of it; Softmax off by less than 1e-15
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
python=$folder/env/bin/python
"$python" -m pip install -q "onnxruntime==1.32.0" "onnx==1.23.2" "numpy==2.4.6"

cat >"$folder/tail.py" <<'PYTHON'
import math

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

PLACES = [-10.0, -30.0, -40.0]


def run(op, numbers):
    shape = list(numbers.shape)
    graph = helper.make_graph(
        [helper.make_node(op, ["x"], ["y"])],
        "one_op",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, shape)],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": numbers})[0]


sigmoid = run("Sigmoid", np.array(PLACES))
softmax = run("Softmax", np.array([[x, 0.0] for x in PLACES]))[:, 0]
for x, ours, other in zip(PLACES, sigmoid.tolist(), softmax.tolist()):
    exact = math.exp(x) / (1 + math.exp(x))
    print(
        f"x {x:.0f}: Sigmoid {ours!r}, off by {abs(ours - exact) / exact:.1e} of it; "
        "Softmax off by less than 1e-15"
    )
    assert abs(other - exact) < 1e-15 * exact, (x, other)
    assert abs(ours - exact) > 1e-13 * exact, (x, ours)
assert sigmoid[-1] == 0
PYTHON
(cd "$folder" && "$python" tail.py)
