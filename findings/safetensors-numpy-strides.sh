#!/usr/bin/env bash
# safetensors.numpy.save writes the numbers of a transposed array in the wrong order, silently.
#
# Expected: load(save({"W": W}))["W"] equals W for every NumPy array, as numpy.save does it, and as
#   safetensors itself did in 0.7.0; or an error, as safetensors.torch raises for a tensor that is
#   not contiguous.
# What happens: from 0.8.0 on the shape that is written is that of the view, and the bytes are those of
#   the memory below it. A transposed matrix, a matrix in Fortran order and every second element of a
#   row come back with other numbers, in the right shape and without a warning.
# Who meets it: whoever turns weights from (units, inputs) into (inputs, units) on the way to a file.
#   Remedy: numpy.ascontiguousarray around every array that is saved.
# Source: safetensors/numpy.py, _tobytes and save.
# Seen on 2026-11-29 (numpy 2.4.6, CPython 3.11.7, Linux x86-64):
#   0.7.0 Fortran [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]] transposed [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]
#   0.8.0 Fortran [[0.0, 3.0, 1.0], [4.0, 2.0, 5.0]] transposed [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
#   0.8.0 with ascontiguousarray: as in 0.7.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
python=$folder/env/bin/python

cat >"$folder/strides.py" <<'PYTHON'
import sys

import numpy as np
import safetensors
from safetensors.numpy import load, save

right = sys.argv[1] == "right"
W = np.arange(6.0).reshape(2, 3)
views = {"transposed": W.T, "Fortran": np.asfortranarray(W)}
read = load(save(views))
print(safetensors.__version__, *(f"{name} {array.tolist()}" for name, array in read.items()))
for name, view in views.items():
    assert read[name].shape == view.shape, name
    assert np.array_equal(read[name], view) == right, name
whole = load(save({name: np.ascontiguousarray(view) for name, view in views.items()}))
assert all(np.array_equal(whole[name], view) for name, view in views.items())
PYTHON
"$python" -m pip install -q "safetensors==0.7.0" "numpy==2.4.6"
(cd "$folder" && "$python" strides.py right)
"$python" -m pip install -q "safetensors==0.8.0"
(cd "$folder" && "$python" strides.py wrong)
