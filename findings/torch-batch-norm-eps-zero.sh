#!/usr/bin/env bash
# torch.nn.BatchNorm1d(1, eps=0.0): made without an error, refused by the first step of a training.
#
# Expected: eps = 0 is the formula of the textbook, (x - mean) / sqrt(variance), as LayerNorm,
#   GroupNorm and InstanceNorm compute it with eps=0.0; or else it is refused where it is given.
# What happens: the constructor takes it, and so it does -1.0; a model in eval mode predicts with 0.0;
#   the first call in training mode raises
#       ValueError: batch_norm eps must be positive during training, but got 0.0
#   The documentation names no limit. functional.instance_norm with the statistics of the input is
#   the same computation, and takes 0.0.
# Source: batch_norm in torch/nn/functional.py; _NormBase.__init__ in torch/nn/modules/batchnorm.py.
# Seen on 2026-11-29 (torch 2.13.0, CPU, CPython 3.11.7):
#   made with eps 0.0 and -1.0
#   eval [1.0, 2.0, 4.0]
#   LayerNorm, GroupNorm and InstanceNorm with 0.0: [-1.069, -0.2673, 1.3363]
#   training: ValueError: batch_norm eps must be positive during training, but got 0.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
python=$folder/env/bin/python
"$python" -m pip install -q "torch==2.13.0" "numpy==2.4.6"

cat >"$folder/norms.py" <<'PYTHON'
import torch
from torch import nn

x = torch.tensor([1.0, 2.0, 4.0])
norm = nn.BatchNorm1d(1, eps=0.0)
nn.BatchNorm1d(1, eps=-1.0)
print("made with eps 0.0 and -1.0")
print("eval", norm.eval()(x[:, None])[:, 0].tolist())
others = [
    nn.LayerNorm(3, eps=0.0)(x),
    nn.GroupNorm(1, 1, eps=0.0)(x[None, None])[0, 0],
    nn.InstanceNorm1d(1, eps=0.0)(x[None, None])[0, 0],
]
numbers = [[round(number, 4) for number in other.tolist()] for other in others]
assert numbers[0] == numbers[1] == numbers[2], numbers
print("LayerNorm, GroupNorm and InstanceNorm with 0.0:", numbers[0])
try:
    norm.train()(x[:, None])
except ValueError as error:
    print(f"training: ValueError: {error}")
else:
    raise AssertionError("no error")
PYTHON
(cd "$folder" && "$python" norms.py)
