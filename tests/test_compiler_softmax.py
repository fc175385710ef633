"""The exponentials of a softmax, or of a cross-entropy, are computed once.

The value, its derivatives and the probabilities are made of the same ones, however far apart they
stand in the program. PyTorch says what the numbers are, infinite logits included.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from math import inf, nan
from typing import Any, Final

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.against_torch import assert_close
from tests.back_ends import BackEnd, forced
from tinygrad_mlp import functional as F
from tinygrad_mlp import losses
from tinygrad_mlp.compiler import Program, compile
from tinygrad_mlp.engine import Value

Row = list[Value]
Loss = Callable[[Row, Row], Value]
N_CLASSES: Final = 4


def cross_entropy(w: Row, x: Row) -> Value:
    logits = [a * b for a, b in zip(w, x)]
    loss: Value = losses.categorical_cross_entropy([logits], [1])
    return loss


def cross_entropy_torch(w: Tensor, x: Tensor) -> Tensor:
    return -torch.log_softmax(w * x, -1)[1]


def with_much_behind(w: Row, x: Row) -> Value:
    total, other = cross_entropy(w, x), w[0]
    for i in range(20):
        other = (other * x[i % N_CLASSES]).tanh() + w[(i + 1) % N_CLASSES].sin() * 0.5
    return total + other


def with_much_behind_torch(w: Tensor, x: Tensor) -> Tensor:
    total, other = cross_entropy_torch(w, x), w[0]
    for i in range(20):
        other = torch.tanh(other * x[i % N_CLASSES]) + torch.sin(w[(i + 1) % N_CLASSES]) * 0.5
    return total + other


def softmax(w: Row, x: Row) -> Value:
    shares = F.softmax([a * b for a, b in zip(w, x)])
    return F.dot(shares, [v * v for v in x])


def softmax_torch(w: Tensor, x: Tensor) -> Tensor:
    return torch.softmax(w * x, -1) @ (x * x)


def softmax_and_its_logarithm(w: Row, x: Row) -> Value:
    shares = F.softmax([a * b for a, b in zip(w, x)])
    return shares[2] * 3.0 - F.log(shares[1])


def softmax_and_its_logarithm_torch(w: Tensor, x: Tensor) -> Tensor:
    shares = torch.softmax(w * x, -1)
    return shares[2] * 3.0 - torch.log(shares[1])


def some_of_the_shares(w: Row, x: Row) -> Value:
    logits = [a * b for a, b in zip(w, x)]
    total = F.logsumexp(logits)
    return F.sum([F.exp(logits[i] - total) * x[i].sin() for i in (3, 0, 1)])


def some_of_the_shares_torch(w: Tensor, x: Tensor) -> Tensor:
    at = [3, 0, 1]
    return torch.softmax(w * x, -1)[at] @ torch.sin(x[at])


def rows(w: Row, x: Row) -> Value:
    shares = [F.softmax([a * b for a in w]) for b in x[:3]]
    return F.sum([F.sin(a * b) for row in shares for a, b in zip(row, w)])


def rows_torch(w: Tensor, x: Tensor) -> Tensor:
    return torch.sin(torch.softmax(torch.outer(x[:3], w), -1) * w).sum()


LOSSES: Final[dict[str, tuple[Loss, Any]]] = {
    "cross-entropy": (cross_entropy, cross_entropy_torch),
    "cross-entropy, with much behind it": (with_much_behind, with_much_behind_torch),
    "softmax": (softmax, softmax_torch),
    "softmax and its logarithm": (softmax_and_its_logarithm, softmax_and_its_logarithm_torch),
    "some of the shares": (some_of_the_shares, some_of_the_shares_torch),
    "rows": (rows, rows_torch),
}
N_PASSES: Final = {"rows": 3}
"""In plain arithmetic, one for each softmax."""


def compiled(
    loss: Loss, w: Row, x: NDArray[Any], back_end: BackEnd, per_sample: bool, dtype: str
) -> tuple[Program, float]:
    def of_batch(rows: list[Row]) -> Value:
        return F.mean([loss(w, row) for row in rows])

    function = (lambda row: loss(w, row)) if per_sample else of_batch
    program = compile(function, w, per_sample=per_sample, dtype=dtype)
    with forced(back_end):
        return program, program(x)


WAYS: Final[tuple[tuple[BackEnd, bool], ...]] = (
    ("arrays", True),
    ("arrays", False),
    ("arithmetic", False),
)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("back_end", "per_sample"), WAYS)
@pytest.mark.parametrize("name", LOSSES)
def test_exponentials_are_computed_once(
    name: str, back_end: BackEnd, per_sample: bool, dtype: str
) -> None:
    loss, by_torch = LOSSES[name]
    rng = np.random.default_rng(0)
    n_samples = 1 if back_end == "arithmetic" else 3
    x = rng.normal(size=(n_samples, N_CLASSES))
    w = [Value(number) for number in rng.normal(size=N_CLASSES)]
    program, found = compiled(loss, w, x, back_end, per_sample, dtype)
    run = program.source.split("    def run(")[1]
    passes = re.findall(r"\bexp\(|\bexp_shifted\(", run)
    assert len(passes) == (N_PASSES.get(name, 1) if back_end == "arithmetic" else 1), run
    weights = torch.tensor([v.data for v in w], dtype=torch.float64, requires_grad=True)
    expected = torch.stack([by_torch(weights, torch.tensor(row)) for row in x]).mean()
    expected.backward()
    if dtype == "float64":
        assert_close(found, expected.item())
        assert_close(program.gradients, weights.grad)
    else:
        np.testing.assert_allclose(found, expected.item(), rtol=1e-5)
        assert weights.grad is not None
        np.testing.assert_allclose(program.gradients, weights.grad, rtol=1e-4, atol=1e-6)


LOGITS: Final = (
    (inf, 1.0, 2.0, 0.0),
    (-inf, 1.0, 2.0, 0.0),
    (-inf, -inf, -inf, 5.0),
    (-inf, -inf, -inf, -inf),
    (inf, inf, 0.0, 1.0),
    (nan, 0.0, 1.0, 2.0),
    (-1e4, 1e4, 0.0, 3.0),
    (800.0, 799.0, -800.0, 0.0),
)


@pytest.mark.parametrize(("back_end", "per_sample"), WAYS)
@pytest.mark.parametrize("logits", LOGITS)
def test_infinite_logits_have_the_shares_of_torch(
    logits: tuple[float, ...], back_end: BackEnd, per_sample: bool
) -> None:
    x = np.array([logits] if per_sample else logits)
    for of in (F.softmax, lambda row: [F.exp(z - F.logsumexp(row)) for z in row]):
        with forced(back_end):
            found = np.ravel(compile(of, per_sample=per_sample)(x))
        expected = [share.data for share in of([Value(z) for z in logits])]
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-300)
        if of is F.softmax:
            by_torch = torch.softmax(torch.tensor(logits, dtype=torch.float64), -1)
            np.testing.assert_allclose(found, by_torch, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize(("back_end", "per_sample"), WAYS)
def test_large_logits_cost_the_shares_no_digits(back_end: BackEnd, per_sample: bool) -> None:
    """Where the difference to the logsumexp alone would have lost them."""
    logits = (1e308, -1e308, 1e308, 1e16)
    with forced(back_end):
        program = compile(
            lambda row: [F.exp(z - F.logsumexp(row)) for z in row], per_sample=per_sample
        )
        found = np.ravel(program(np.array([logits] if per_sample else logits)))
    assert_close(found, torch.softmax(torch.tensor(logits, dtype=torch.float64), -1))


def test_what_is_no_softmax_stays_what_it_is() -> None:
    """Differences to the logsumexp of other numbers."""
    w = [Value(number) for number in (0.5, -1.0, 2.0, 0.25)]

    def other(row: Row) -> Value:
        total = F.logsumexp(row[:3])
        return F.sum([F.exp(row[i] - total) * w[i] for i in (1, 3)])

    def a_sum(row: Row) -> Value:
        return F.sum([F.exp(z - F.sum(row)) * a for a, z in zip(w, row)])

    x = np.random.default_rng(0).normal(size=(3, 4))
    for function in (other, a_sum):
        for back_end in ("arrays", "arithmetic"):
            program = compile(lambda row, f=function: f(row), w)
            with forced(back_end):
                found = [program(row) for row in x]
            expected = [function([Value(z) for z in row]).data for row in x]
            assert_close(found, expected)
