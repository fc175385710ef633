"""Infinite operands of logsumexp: a value and a gradient as torch's, eagerly and compiled.

A largest operand of inf leaves 0 to the finite ones and nan to itself; none of them may become nan
because inf - inf is.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan
from typing import Final

import numpy as np
import pytest
import torch

from tests.back_ends import BACK_ENDS, BackEnd, forced
from tinygrad_mlp import Value, compile, functional, grad

CASES: Final = (
    (inf, 1.0),
    (inf, 800.0),
    (1.0, inf, 2.0),
    (inf, inf, 0.0),
    (inf, -inf),
    (-inf, 1.0),
    (-inf, -inf),
    (3e38, -3e38, 1.0),
    (nan, inf),
)
each_case = pytest.mark.parametrize("case", CASES, ids=str)
each_dtype = pytest.mark.parametrize("dtype", ["float64", "float32"])


def in_torch(case: Sequence[float], dtype: str) -> list[float]:
    """The value, then the derivative by each operand."""
    x = torch.tensor(case, dtype=getattr(torch, dtype), requires_grad=True)
    out = torch.logsumexp(x, 0)
    out.backward()
    assert x.grad is not None
    return [out.item(), *x.grad.tolist()]


@each_case
def test_eagerly(case: Sequence[float]) -> None:
    x = [Value(number) for number in case]
    out = functional.logsumexp(x)
    out.backward()
    np.testing.assert_allclose(
        [out.data, *[value.grad for value in x]], in_torch(case, "float64"), rtol=1e-14
    )


@each_dtype
@each_case
@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_compiled(case: Sequence[float], dtype: str, back_end: BackEnd) -> None:
    x = [Value(number) for number in case]
    with forced(back_end), np.errstate(all="ignore"):
        program = compile(lambda: functional.logsumexp(x), x, dtype=dtype)
        found = [program(), *program.gradients]
    np.testing.assert_allclose(found, in_torch(case, dtype), rtol=1e-6)


@each_dtype
@each_case
def test_compiled_beside_a_finite_sample(case: Sequence[float], dtype: str) -> None:
    """Whose loss and gradient are its own."""
    w = [Value(0.0) for _ in case]
    both = [list(case), [0.5] * len(case)]
    with np.errstate(all="ignore"):
        program = compile(
            lambda x: functional.logsumexp([a + b for a, b in zip(w, x)]),
            w,
            dtype=dtype,
            per_sample=True,
            reduction="sum",
        )
        found = [program(both), *program.gradients]
    expected = np.sum([in_torch(sample, dtype) for sample in both], axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@each_dtype
@each_case
def test_derivatives_as_a_graph_in_a_compiled_program(case: Sequence[float], dtype: str) -> None:
    """Which are computed by the same rule, written in Values."""
    x = [Value(number) for number in case]

    def slopes(*_: object) -> Value:
        first = grad(functional.logsumexp(x), x, create_graph=True)
        finite = [slope for slope, number in zip(first, case) if number < 1e38]
        return functional.sum([*finite, 0.0])

    with np.errstate(all="ignore"):
        program = compile(slopes, x, dtype=dtype)
        found = program()
    x_torch = torch.tensor(case, dtype=getattr(torch, dtype))
    reference = torch.autograd.functional.jacobian(lambda t: torch.logsumexp(t, 0), x_torch)
    expected = reference[x_torch < 1e38].sum().item()
    np.testing.assert_allclose(found, expected, rtol=1e-6)
