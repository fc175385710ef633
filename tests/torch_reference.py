"""What torch computes for an operation of the table: the reference that the tests compare with.

The reference is the function of ``torch`` that the op's record names. Where torch calls it in
another way, or computes something else, the table below says how and why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from tinygrad_mlp.ops import OPS, Op

Reference = Callable[..., Tensor]
Floats = NDArray[np.float64]


def _floor_divide(a: Tensor, b: Tensor) -> Tensor:
    return torch.div(a, b, rounding_mode="floor")  # torch.floor_divide has no derivative


def _where(condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.where(condition.bool(), a, b)  # torch takes no numbers as a condition


def _pow_number(a: Tensor, b: Tensor) -> Tensor:
    return torch.stack([torch.pow(x, y.item()) for x, y in zip(a, b)])  # a number, not a tensor


def _prelu(x: Tensor, slope: Tensor) -> Tensor:
    return F.prelu(x[None, :], slope)[0]  # one slope per channel


def _elu(x: Tensor, alpha: Tensor) -> Tensor:
    # torch takes alpha as a plain number, so the derivative by alpha comes from the added zero.
    value = torch.stack([F.elu(each, alpha=number.item()) for each, number in zip(x, alpha)])
    zero = (alpha - alpha.detach()) * torch.expm1(x.clamp(max=0.0))
    return value + zero.masked_fill(x > 0.0, 0.0)


def _softplus(x: Tensor) -> Tensor:
    # Above its threshold torch returns x itself, by default from 20 on, where log(1 + exp(x)) still
    # differs from x by 2e-9. From 700 on, where exp overflows, there is no difference.
    value: Tensor = F.softplus(x, threshold=700.0)
    return value


def _gelu(x: Tensor) -> Tensor:
    # torch computes 1 + erf(x / sqrt(2)), which cancels for negative x: nothing is left at -30.
    value: Tensor = 0.5 * x * torch.special.erfc(-sqrt(0.5) * x)
    return value


def _sum(*inputs: Tensor) -> Tensor:
    return torch.sum(torch.stack(inputs), 0)


def _logsumexp(*inputs: Tensor) -> Tensor:
    return torch.logsumexp(torch.stack(inputs), 0)


def _amax(*inputs: Tensor) -> Tensor:
    return torch.amax(torch.stack(inputs), 0)


def _binary_cross_entropy(logit: Tensor, target: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logit, target, reduction="none")


def _dot(*operands: Tensor) -> Tensor:
    n = len(operands) // 2
    weights, inputs = torch.stack(operands[:n], 1), torch.stack(operands[n : 2 * n], 1)
    product = torch.stack([torch.dot(w, x) for w, x in zip(weights, inputs)])
    return product + operands[-1] if len(operands) % 2 else product


CALLED_DIFFERENTLY: Final[Mapping[str, Reference]] = {
    "amax": _amax,
    "binary_cross_entropy": _binary_cross_entropy,
    "dot": _dot,
    "elu": _elu,
    "floor_divide": _floor_divide,
    "gelu": _gelu,
    "leaky_relu": _prelu,
    "logsumexp": _logsumexp,
    "pow_number": _pow_number,
    "softplus": _softplus,
    "sum": _sum,
    "where": _where,
}
"""The references that are more than ``torch.NAME(*inputs)``; each takes tensors of shape (n,)."""


def reference(op: Op) -> Reference:
    """The op as torch computes it; takes one tensor of shape (n,) per input.

    Raises:
        LookupError: if torch has no function of the name that the op's record gives.
    """
    found: Any = torch
    called = op.reference.torch or op.name
    for name in called.split("."):
        found = getattr(found, name, None)
    if not callable(found):
        raise LookupError(f"{op!r} has no reference: there is no torch.{called}")
    call: Reference = CALLED_DIFFERENTLY.get(op.name, found)
    return call


class TorchActivation(torch.nn.Module):
    """The activation of that name in torch, with torch's own settings: found by the op's record."""

    def __init__(self, name: str) -> None:
        super().__init__()
        op = OPS.get(name)
        if op is None and name != "linear":
            raise LookupError(f"there is no operation {name!r}, so torch's is not known")
        self.op = op

    def forward(self, x: Tensor) -> Tensor:
        if self.op is None:
            return x
        function: Reference = reference(self.op) if self.op.arity == 1 else getattr(F, self.op.name)
        return function(x)


def is_like_relu_in_torch(name: str) -> bool:
    """Whether torch's activation goes to x for large x and stays small for small x."""
    low, high = TorchActivation(name)(torch.tensor([-800.0, 800.0], dtype=torch.float64)).tolist()
    return bool(abs(high - 800.0) < 1e-9 and abs(low) < 80.0)


def reference_values(op: Op, points: ArrayLike) -> Floats:
    """torch's values at ``points`` (n, n_inputs): (n,)."""
    _, value = _compute(op, points)
    return _array(value)


def reference_partials(op: Op, points: ArrayLike) -> Floats:
    """torch's derivative of the op by each input: (n, n_inputs)."""
    inputs, value = _compute(op, points)
    return np.stack([_array(gradient) for gradient in _gradients(value, inputs)], axis=1)


def reference_second_derivatives(op: Op, points: ArrayLike) -> Floats:
    """torch's double backward: (n, n_inputs, n_inputs)."""
    inputs, value = _compute(op, points)
    rows = [
        np.stack([_array(second) for second in _gradients(first, inputs)], axis=1)
        for first in _gradients(value, inputs)
    ]
    return np.stack(rows, axis=1)


def _compute(op: Op, points: ArrayLike) -> tuple[list[Tensor], Tensor]:
    columns = np.asarray(points, dtype=np.float64).T
    inputs = [torch.tensor(column, requires_grad=True) for column in columns]
    return inputs, reference(op)(*inputs).to(torch.float64)  # comparisons give bools


def _gradients(value: Tensor, inputs: Sequence[Tensor]) -> list[Tensor]:
    """d value / d input for each input, element by element; 0 where torch sees no connection."""
    if not value.requires_grad:
        return [torch.zeros_like(x) for x in inputs]
    found: Sequence[Tensor | None] = torch.autograd.grad(
        value, inputs, torch.ones_like(value), create_graph=True, allow_unused=True
    )
    return [torch.zeros_like(x) if g is None else g for g, x in zip(found, inputs)]


def _array(tensor: Tensor) -> Floats:
    array: Floats = tensor.numpy(force=True)
    return array
