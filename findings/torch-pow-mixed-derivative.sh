#!/usr/bin/env bash
# torch: the Hessian of x ** y at y = 0 is not symmetric: by y and then x it has 1/x, by x and then y 0.
#
# Expected: x ** y is smooth for x > 0. Its mixed derivative is x^(y-1) (1 + y log x), at y = 0 thus 1/x, in
#   whatever order: a Hessian is symmetric (Schwarz). eigvalsh, Cholesky and Newton's method rest on it.
# What happens: where y == 0 the derivative by x is replaced by a constant 0, to be right at x = 0 as well;
#   the derivative of that constant by y is 0. The entry beside it is right, and at y = 1e-9 both are. So at
#   (2, 0) the determinant is 0 where it is -1/4: a Newton step raises "singular", and eigvalsh gives two
#   answers for its two triangles. The constant comes again one order later: the derivative by x, x, y is 0
#   at y = 1, where it is 1/x, and x ** x has the third derivative 2 at x = 1, where it is 3. No warning.
#   jax had the same in 2022, and is right.
# Who meets it: trainable exponents that begin at 0 or 1, and second-order methods on them.
#   Remedy: torch.exp(y * torch.log(x)).
# Source: pow_backward_self in torch/csrc/autograd/FunctionsManual.cpp; the same fault of jax, reported and
#   mended: https://github.com/jax-ml/jax/issues/12033.
# Seen on 2026-11-29 (torch 2.13.0, CPU, CPython 3.11.7), float64:
#   (2, 0): Hessian [[0.0, 0.0], [0.5, 0.4805]], by exp and log [[0.0, 0.5], [0.5, 0.4805]]
#   (2, 1e-9): Hessian [[0.0, 0.5], [0.5, 0.4805]]
#   eigenvalues from the lower triangle [-0.3145, 0.7949], from the upper [0.0, 0.4805]
#   by x, x, y at (2, 1): 0.0, by y, x, x: 0.5
#   third derivative of x ** x at 1: 2.0, at 1 + 1e-9: 3.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
python=$folder/env/bin/python
"$python" -m pip install -q "torch==2.13.0" "numpy==2.4.6"

cat >"$folder/mixed.py" <<'PYTHON'
import torch
from torch.func import grad, hessian, jacrev


def rounded(matrix):
    """As nested lists, to four digits, without -0.0."""
    return (torch.round(matrix, decimals=4) + 0.0).tolist()


def power(v):
    return v[0] ** v[1]


def by_exp_and_log(v):
    return torch.exp(v[1] * torch.log(v[0]))


here = torch.tensor([2.0, 0.0], dtype=torch.float64)
beside = torch.tensor([2.0, 1e-9], dtype=torch.float64)
H, true = hessian(power)(here), hessian(by_exp_and_log)(here)
print(f"(2, 0): Hessian {rounded(H)}, by exp and log {rounded(true)}")
print(f"(2, 1e-9): Hessian {rounded(hessian(power)(beside))}")
assert H[0, 1] == 0.0 and H[1, 0] == 0.5, H
assert torch.equal(H, jacrev(jacrev(power))(here))
assert torch.equal(H, torch.autograd.functional.hessian(power, here))
assert true[0, 1] == true[1, 0] == 0.5
assert torch.allclose(hessian(power)(beside), true, rtol=0.0, atol=1e-8)
lower, upper = (torch.linalg.eigvalsh(H, UPLO=side) for side in "LU")
print(f"eigenvalues from the lower triangle {rounded(lower)}, from the upper {rounded(upper)}")
assert torch.allclose(lower, torch.linalg.eigvalsh(true)) and abs(lower - upper).max() > 0.3
try:
    raise SystemExit(f"the Newton step is {torch.linalg.solve(H, grad(power)(here))} now")
except torch.linalg.LinAlgError as error:
    assert "singular" in str(error)


def x_to_y(x, y):
    return x**y


x, y = torch.tensor([2.0, 1.0], dtype=torch.float64)
xxy = grad(grad(grad(x_to_y, 0), 0), 1)(x, y).item()
yxx = grad(grad(grad(x_to_y, 1), 0), 0)(x, y).item()
print(f"by x, x, y at (2, 1): {xxy}, by y, x, x: {yxx}")
assert (xxy, yxx) == (0.0, 0.5)
third = grad(grad(grad(lambda x: x**x)))
found, near = third(y).item(), third(y + 1e-9).item()
print(f"third derivative of x ** x at 1: {found}, at 1 + 1e-9: {round(near, 6)}")
assert found == 2.0 and abs(near - 3.0) < 1e-6
PYTHON
(cd "$folder" && "$python" mixed.py)
