"""Sums, products and maxima of different lengths, as causal attention has them, become one each.

They are padded with what changes no result. PyTorch says what the numbers are; for infinities and
nan, of which a padding could make something else, the eager engine does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import inf, nan
from typing import Any, Final

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.against_torch import assert_close
from tests.back_ends import forced
from tests.test_compiler_random import close
from tinygrad_mlp import functional as F
from tinygrad_mlp.compiler import Program, compile
from tinygrad_mlp.engine import Value
from tinygrad_mlp.ops import AMAX, DOT, LOGSUMEXP, SUM

Row = list[Value]
Matrix = list[Row]

N_TOKENS: Final = 8
WAYS: Final = pytest.mark.parametrize("per_sample", [True, False], ids=["by sample", "batch"])


# Causal attention


def linear(weights: Matrix, x: Row) -> Row:
    return [F.dot(row, x) for row in weights]


def normalized(x: Row) -> Row:
    scale = (F.dot(x, x) / len(x) + 1e-5) ** -0.5
    return [a * scale for a in x]


def transformer(
    weights: list[Matrix],
    tokens: Matrix,
    targets: Matrix,
    n_heads: int,
    softmax: Callable[[Row], Row],
) -> Value:
    """One block, each token after those before it, as people write it who generate with it."""
    wq, wk, wv, wo, w1, w2, head = weights
    width = len(wq) // n_heads
    keys: Matrix = []
    values: Matrix = []
    losses = []
    for token, target in zip(tokens, targets):
        x = normalized(token)
        query = linear(wq, x)
        keys.append(linear(wk, x))
        values.append(linear(wv, x))
        mixed: Row = []
        for start in range(0, len(wq), width):
            part = slice(start, start + width)
            scores = [F.dot(query[part], key[part]) / width**0.5 for key in keys]
            shares = softmax(scores)
            mixed += [F.dot(shares, list(column)) for column in zip(*[v[part] for v in values])]
        y = [a + b for a, b in zip(token, linear(wo, mixed))]
        y = [a + b for a, b in zip(y, linear(w2, [F.relu(z) for z in linear(w1, normalized(y))]))]
        losses.append(-F.dot(F.log_softmax(linear(head, y)), target))
    return F.mean(losses)


def transformer_torch(
    weights: list[Tensor], tokens: Tensor, targets: Tensor, n_heads: int
) -> Tensor:
    wq, wk, wv, wo, w1, w2, head = weights

    def normalized(x: Tensor) -> Tensor:
        return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5)

    def of_heads(x: Tensor) -> Tensor:
        heads: Tensor = x.reshape(*x.shape[:-1], n_heads, -1)
        return heads.transpose(-2, -3)

    x = normalized(tokens)
    mixed = torch.nn.functional.scaled_dot_product_attention(
        of_heads(x @ wq.T), of_heads(x @ wk.T), of_heads(x @ wv.T), is_causal=True
    )
    y = tokens + mixed.transpose(-2, -3).flatten(-2) @ wo.T
    y = y + torch.relu(normalized(y) @ w1.T) @ w2.T
    loss: Tensor = -(torch.log_softmax(y @ head.T, -1) * targets).sum(-1).mean()
    return loss


def by_hand(scores: Row) -> Row:
    largest = F.amax(scores)
    powers = [F.exp(score - largest) for score in scores]
    total = F.sum(powers)
    return [power / total for power in powers]


def shapes_of(width: int) -> list[tuple[int, int]]:
    return [(width, width)] * 4 + [(2 * width, width), (width, 2 * width), (5, width)]


@WAYS
@pytest.mark.parametrize("n_heads", [1, 2])
def test_causal_attention_is_few_calls(n_heads: int, per_sample: bool) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape) for shape in shapes_of(8)]
    weights = [[[Value(a) for a in row] for row in array.tolist()] for array in arrays]
    parameters = [value for matrix in weights for row in matrix for value in row]
    shape = (3, N_TOKENS) if per_sample else (N_TOKENS,)
    tokens = rng.normal(size=(*shape, 8))
    targets = np.eye(5)[rng.integers(5, size=shape)]

    def loss(x: Matrix, t: Matrix) -> Value:
        return transformer(weights, x, t, n_heads, F.softmax)

    program = compile(loss, parameters, per_sample=per_sample)
    with forced("arrays"):
        found = program(tokens, targets)
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    expected = transformer_torch(tensors, torch.tensor(tokens), torch.tensor(targets), n_heads)
    expected.backward()
    assert_close(found, expected.item())
    gradients = torch.cat([tensor.grad.ravel() for tensor in tensors if tensor.grad is not None])
    assert_close(program.gradients, gradients)
    arrays_ = program._traced().lowered.arrays
    assert arrays_ is not None
    assert len(arrays_.instructions) <= 130
    single = compile(loss, parameters, per_sample=per_sample, dtype="float32")
    with forced("arrays"):
        np.testing.assert_allclose(single(tokens, targets), found, rtol=1e-5)
    np.testing.assert_allclose(single.gradients, program.gradients, rtol=1e-3, atol=1e-4)


@WAYS
def test_a_softmax_by_hand_is_as_exact(per_sample: bool) -> None:
    rng = np.random.default_rng(1)
    arrays = [rng.normal(size=shape) for shape in shapes_of(4)]
    weights = [[[Value(a) for a in row] for row in array.tolist()] for array in arrays]
    parameters = [value for matrix in weights for row in matrix for value in row]
    shape = (3, N_TOKENS) if per_sample else (N_TOKENS,)
    tokens = rng.normal(size=(*shape, 4))
    targets = np.eye(5)[rng.integers(5, size=shape)]
    program = compile(
        lambda x, t: transformer(weights, x, t, 2, by_hand), parameters, per_sample=per_sample
    )
    with forced("arrays"):
        found = program(tokens, targets)
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    expected = transformer_torch(tensors, torch.tensor(tokens), torch.tensor(targets), 2)
    expected.backward()
    assert_close(found, expected.item())
    gradients = torch.cat([tensor.grad.ravel() for tensor in tensors if tensor.grad is not None])
    assert_close(program.gradients, gradients)


# Each of the kinds

LENGTHS: Final = (1, 2, 3, 4, 5, 6)


def sums(w: Row, x: Row) -> Row:
    return [F.sum(ragged) for ragged in windows(w, x)]


def logarithms(w: Row, x: Row) -> Row:
    return [F.logsumexp(ragged) for ragged in windows(w, x)]


def largest(w: Row, x: Row) -> Row:
    return [F.amax(ragged) for ragged in windows(w, x)]


def below_the_largest(w: Row, x: Row) -> Row:
    return [F.sum([p * p for p in F.softmax(ragged)]) for ragged in windows(w, x)]


def products(w: Row, x: Row) -> Row:
    """The same right factors for two rows of left ones."""
    held = [F.sin(v) for v in x]
    return [
        F.dot(ragged[::step], held[: len(ragged[::step])])
        for ragged in windows(w, x)
        for step in (1, -1)
    ]


def products_by_weights(w: Row, x: Row) -> Row:
    return [F.dot(w[:n], x[n:] + x[:n], w[n]) if n == 6 else F.dot(w[:n], x[-n:]) for n in LENGTHS]


def windows(w: Row, x: Row) -> list[Row]:
    held = [F.leaky_relu(a * b) for a, b in zip(w, x)]
    return [held[len(held) - n :] for n in LENGTHS]


KINDS: Final[dict[str, tuple[Callable[[Row, Row], Row], Any]]] = {
    "sums": (sums, SUM),
    "logarithms": (logarithms, LOGSUMEXP),
    "largest": (largest, None),
    "below the largest": (below_the_largest, AMAX),
    "products": (products, DOT),
    "products by weights": (products_by_weights, DOT),
}
NUMBERS: Final = (1.0, -1.0, 2.0, 0.5, -3.0, 0.0, inf, -inf, nan, 800.0)


@cache
def compiled(name: str, per_sample: bool) -> tuple[Program, Program, Row]:
    """A loss, a prediction, and the leaves that the prediction reads: once for all examples."""
    function, _ = KINDS[name]
    w, leaves = [Value(0.0) for _ in range(7)], [Value(0.0) for _ in range(7)]
    program = compile(lambda row: F.sum(function(w, row)), w, per_sample=per_sample)
    predict = compile(lambda row: function(leaves, row), per_sample=per_sample)
    return program, predict, leaves


@WAYS
@pytest.mark.parametrize("name", KINDS)
@given(
    numbers=st.lists(st.sampled_from(NUMBERS), min_size=13, max_size=13),
    seed=st.one_of(st.none(), st.integers(0, 99)),
)
@settings(max_examples=60)
def test_padding_changes_nothing(
    name: str, per_sample: bool, numbers: list[float], seed: int | None
) -> None:
    function, _ = KINDS[name]
    if seed is not None:
        numbers = np.random.default_rng(seed).normal(size=13).tolist()
    w, x = [Value(number) for number in numbers[:7]], np.array(numbers[7:])
    outputs = function(w, [Value(number) for number in x])
    F.sum(outputs).backward()
    row = x[None] if per_sample else x
    with forced("arrays"):
        program, predict, leaves = compiled(name, per_sample)
        program.parameters[:] = numbers[:7]
        for leaf, number in zip(leaves, numbers):
            leaf.data = number
        program(row)
        found = np.ravel(predict(row))
    expected = np.array([output.data for output in outputs])
    close(found, expected, 1e-12, np.maximum(1.0, np.abs(np.nan_to_num(expected))))
    gradients = np.array([value.grad for value in w])
    close(program.gradients, gradients, 1e-11, np.maximum(1.0, np.abs(np.nan_to_num(gradients))))


@WAYS
@pytest.mark.parametrize("name", KINDS)
def test_the_ragged_groups_are_one(name: str, per_sample: bool) -> None:
    function, op = KINDS[name]
    w = [Value(number) for number in np.random.default_rng(0).normal(size=7)]
    program = compile(
        lambda row: F.sum([F.sin(a) for a in function(w, row)]), w, per_sample=per_sample
    )
    with forced("arrays"):
        program(np.ones((2, 6) if per_sample else 6))
    assert program.plan is not None
    steps = [step for step in program.plan.steps if step.op is op]
    n_nodes = [step.out.size for step in steps]
    if op is None:  # equal operands share a gradient, so a padding would take a part of it
        assert sum(step.op is AMAX for step in program.plan.steps) == len(LENGTHS)
    else:
        assert max(n_nodes) >= len(LENGTHS) - 2, n_nodes


def rows_of(*lengths: int) -> Callable[[Row, Row], Row]:
    return lambda w, x: [F.logsumexp([F.sin(a * b) for a, b in zip(w[:n], x)]) for n in lengths]


def with_and_without_a_term(w: Row, x: Row) -> Row:
    held = [F.sin(a) for a in x]
    return [F.dot(held[:n], x[:n], w[n] if n % 2 else None) for n in (2, 3, 4, 5)]


def by_weights_and_by_data(w: Row, x: Row) -> Row:
    held = [F.sin(a) for a in x]
    return [F.dot((held if n % 2 else w)[:n], x[:n]) for n in (2, 3, 4, 5)]


APART: Final[dict[str, tuple[Callable[[Row, Row], Row], Any, int]]] = {
    "few": (rows_of(2, 3, 4), LOGSUMEXP, 3),
    "one much longer than the others": (rows_of(2, 3, 4, 5, 40), LOGSUMEXP, 5),
    "with and without a term": (with_and_without_a_term, DOT, 4),
    "by weights and by data": (by_weights_and_by_data, DOT, 4),
    "as many as are worth it": (rows_of(*range(30, 40)), LOGSUMEXP, 1),
}


@WAYS
@pytest.mark.parametrize("name", APART)
def test_what_differs_in_more_or_costs_too_much_stays_apart(name: str, per_sample: bool) -> None:
    function, op, n_steps = APART[name]
    rng = np.random.default_rng(0)
    w = [Value(number) for number in rng.normal(size=41)]
    x = rng.normal(size=(3, 40) if per_sample else 40)
    program = compile(
        lambda row: F.sum([F.cos(a) for a in function(w, row)]), w, per_sample=per_sample
    )
    with forced("arrays"):
        found = program(x)
    assert program.plan is not None
    assert sum(step.op is op for step in program.plan.steps) == n_steps
    expected = program.eager(x)
    expected.backward()
    assert_close(found, expected.data)
    assert_close(program.gradients, [value.grad for value in w])


def test_large_products_are_not_copied_together() -> None:
    """Nine products of (1, n) by (n, 40): the padded right factors would be 9 x 40 x 9 numbers."""

    def function(x: Row) -> Value:
        held = [F.sin(a) for a in x]
        columns = [held[i : i + 9] for i in range(40)]
        return F.sum([F.cos(F.dot(x[:n], c[:n])) for n in range(1, 10) for c in columns])

    x = np.random.default_rng(0).normal(size=(2, 48))
    program = compile(function, per_sample=True)
    with forced("arrays"):
        found = program(x)
    assert program.plan is not None
    assert sum(step.op is DOT for step in program.plan.steps) == 9
    assert_close(found, [function([Value(a) for a in row]).data for row in x])


@pytest.mark.parametrize(
    ("per_sample", "width", "n_steps"),
    [(True, 37, 1), (True, 38, 8), (False, 200, 1), (False, 201, 8)],
)
def test_how_much_is_copied_together(per_sample: bool, width: int, n_steps: int) -> None:
    """A row for each sample costs more than a number: 8 groups of 4 nodes with so many operands."""
    lengths = range(width - 7, width + 1)
    rng = np.random.default_rng(0)
    w = [Value(number) for number in rng.normal(size=4)]

    def loss(row: Row) -> Value:
        held = [[F.sin(a * b) for b in row] for a in w]
        sums = [F.logsumexp(numbers[:n]) for n in lengths for numbers in held]
        return F.sum([F.cos(a) for a in sums])

    x = rng.normal(size=(2, width) if per_sample else width)
    program = compile(loss, w, per_sample=per_sample)
    with forced("arrays"):
        found = program(x)
    assert program.plan is not None
    assert sum(step.op is LOGSUMEXP for step in program.plan.steps) == n_steps
    expected = program.eager(x)
    expected.backward()
    assert_close(found, expected.data)
    assert_close(program.gradients, np.array([value.grad for value in w]))
