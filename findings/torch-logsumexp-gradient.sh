#!/usr/bin/env bash
# torch.logsumexp: its gradient is no softmax where the logits share a large offset.
#
# Expected: the gradient of logsumexp is softmax: probabilities with the sum 1. For two equal logits
#   it is (1/2, 1/2), however large they are; torch.softmax and log_softmax give that.
# What happens: the backward computes exp(x - out) from the rounded output. An output of 1e17 has
#   lost the log 2, so each derivative is 1 and the sum is 2. In float32 it begins early: at 3e6 the
#   sum is 0.945, at 1e8 it is 2. No warning; gradients from logsumexp(z) - z[label], the cross-entropy
#   written by hand, are wrong by the same factor.
# Right (log_softmax is): subtract the maximum first and divide by the sum of the shifted terms.
# Source: logsumexp_backward in torch/csrc/autograd/FunctionsManual.cpp.
# Seen on 2026-11-28 (torch 2.13.0, CPU, CPython 3.11.7):
#   float64 1e17: logsumexp [1.0, 1.0], softmax [0.5, 0.5]
#   float32 1e8: logsumexp [1.0, 1.0], softmax [0.5, 0.5]
#   float32 3e6: logsumexp [0.4724, 0.4724], softmax [0.5, 0.5]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
python=$folder/env/bin/python
"$python" -m pip install -q "torch==2.13.0" "numpy==2.4.6"

cat >"$folder/gradient.py" <<'PYTHON'
import torch

cases = [(torch.float64, 1e17), (torch.float32, 1e8), (torch.float32, 3e6)]
sums = []
for dtype, size in cases:
    z = torch.full((2,), size, dtype=dtype, requires_grad=True)
    torch.logsumexp(z, 0).backward()
    gradient = [round(g, 4) for g in z.grad.tolist()]
    softmax = torch.softmax(z.detach(), 0).tolist()
    name = str(dtype).removeprefix("torch.")
    print(f"{name} {size:g}: logsumexp {gradient}, softmax {softmax}")
    assert softmax == [0.5, 0.5]
    sums.append(sum(gradient))
assert sums[:2] == [2.0, 2.0] and abs(sums[2] - 1.0) > 0.05, sums
PYTHON
(cd "$folder" && "$python" gradient.py)
