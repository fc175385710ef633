#!/usr/bin/env bash
# torch's layer_norm, batch_norm and instance_norm: wrong third derivatives, and wrong Hessians where
# forward mode comes first. No error, no warning.
#
# Expected: LayerNorm over n numbers is GroupNorm with one group, and both are (x - mean) / sqrt(variance
#   + eps) of primitive operations: smooth functions whose derivatives of every order agree, whether by
#   autograd.grad(create_graph=True), torch.func.hessian or jacfwd(jacfwd(f)). Where torch has no formula
#   for an order it raises, as for the second derivative of huber_loss in forward mode.
# What happens: the first derivative is right in every mode, and so is torch.func.hessian (reverse, then
#   forward). From there on mean and variance, which the forward kernel kept, count as constants: the
#   third derivative in reverse mode, and the Hessian as jacfwd(jacfwd) or jacrev(jacfwd), are off by their
#   own size, and that Hessian is not symmetric. batch_norm (in training) and instance_norm do the
#   same; group_norm is right in all of it.
# Who meets it: derivatives by the inputs (physics-informed networks), curvature by forward mode, penalties
#   on a Hessian; and whoever tests an engine of their own against torch.
#   Remedy: GroupNorm(1, n) for LayerNorm(n); for the others the formula in primitive operations.
# Source: https://github.com/pytorch/pytorch/issues/186256 (batch norm, third order) and issues/175754 there
#   (layer norm), issues/196699 and issues/196700 (nested forward mode); layer_norm_double_backward and
#   layer_norm_jvp in torch/csrc/autograd/FunctionsManual.cpp.
# Seen on 2026-11-29 (torch 2.13.0, CPU, CPython 3.11.7), float64, largest error over largest entry:
#   layer_norm: Hessian 8.5e-16, forward over forward 1.1, third derivative 1.2
#   batch_norm: Hessian 5.4e-16, forward over forward 1.8, third derivative 1.9
#   instance_norm: Hessian 9e-16, forward over forward 1.8, third derivative 1.9
#   group_norm: Hessian 1.2e-15, forward over forward 1.3e-15, third derivative 1.3e-15
#   layer_norm forward over forward: largest |H - H^T| over largest |H| 0.62
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
python=$folder/env/bin/python
"$python" -m pip install -q "torch==2.13.0" "numpy==2.4.6"

cat >"$folder/orders.py" <<'PYTHON'
import torch
from torch.func import hessian, jacfwd, jacrev
from torch.nn import functional as F

x = torch.tensor([1.0, 2.0, 4.0, -1.0, 0.5, 3.0], dtype=torch.float64)
direction = torch.tensor([0.3, -0.2, 0.7, 0.1, -0.4, 0.25], dtype=torch.float64)
EPS = 1e-5


def by_hand(rows):
    """What is normalized over each row, in primitive operations."""
    shifted = rows - rows.mean(1, keepdim=True)
    return shifted / torch.sqrt((shifted * shifted).mean(1, keepdim=True) + EPS)


NORMS = {  # the norm, and the rows that it normalizes
    "layer_norm": (lambda rows: F.layer_norm(rows, (6,), eps=EPS), (1, 6)),
    "batch_norm": (lambda rows: F.batch_norm(rows.T, None, None, training=True, eps=EPS).T, (2, 3)),
    "instance_norm": (lambda rows: F.instance_norm(rows[None], eps=EPS)[0], (2, 3)),
    "group_norm": (lambda rows: F.group_norm(rows[None], len(rows), eps=EPS)[0], (1, 6)),
}
ORDERS = {
    "value": (lambda f: f, "right"),
    "gradient": (jacrev, "right"),
    "forward": (jacfwd, "right"),
    "Hessian": (hessian, "right"),
    "forward over forward": (lambda f: jacfwd(jacfwd(f)), "wrong"),
    "reverse over forward": (lambda f: jacrev(jacfwd(f)), "wrong"),
    "third derivative": (lambda f: jacrev(jacrev(jacrev(f))), "wrong"),
}
for name, (norm, shape) in NORMS.items():
    errors = {}
    for order, (derivative, outcome) in ORDERS.items():
        found, true = (
            derivative(lambda x, f=f: (direction * f(x.view(shape)).reshape(6)).sum())(x)
            for f in (norm, by_hand)
        )
        errors[order] = float((found - true).abs().max() / true.abs().max())
        if name == "group_norm" or outcome == "right":
            assert errors[order] < 1e-12, (name, order, errors[order])
        else:
            assert errors[order] > 0.5, (name, order, errors[order])
        if (name, order) == ("layer_norm", "forward over forward"):
            askew = float((found - found.T).abs().max() / found.abs().max())
    shown = ("Hessian", "forward over forward", "third derivative")
    print(f"{name}: " + ", ".join(f"{order} {errors[order]:.2g}" for order in shown))
print(f"layer_norm forward over forward: largest |H - H^T| over largest |H| {askew:.2g}")
assert askew > 0.1
PYTHON
(cd "$folder" && "$python" orders.py)
