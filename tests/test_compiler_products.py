"""The matrix products that must be found, whatever the notation; and where there are none."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pytest
import torch

from tests.against_torch import assert_close, tensor_of, values_of
from tinygrad_mlp import functional as F
from tinygrad_mlp.compiler import Program, compile
from tinygrad_mlp.engine import Value

Row = list[Value]


def products(program: Program) -> list[str]:
    lines = program.summary().splitlines()
    return [line.split(": ")[1] for line in lines if line.startswith("  ")]


def plain_loop(row: Row, x: Row, bias: Value) -> Value:
    total = sum((w * a for w, a in zip(row, x)), bias)
    assert isinstance(total, Value)
    return total


def dot_product(row: Row, x: Row, bias: Value) -> Value:
    return F.dot(row, x, bias)


def bias_first(row: Row, x: Row, bias: Value) -> Value:
    return bias + F.sum([a * w for w, a in zip(row, x)])


def one_at_a_time(row: Row, x: Row, bias: Value) -> Value:
    total: Any = 0.0
    for w, a in zip(row, x):
        total += w * a
    return total + bias  # type: ignore[no-any-return]


def subtracting(row: Row, x: Row, bias: Value) -> Value:
    total = bias
    for w, a in zip(row, x):
        total = total - w * a
    return total


def negated(row: Row, x: Row, bias: Value) -> Value:
    return F.sum([-(w * a) for w, a in zip(row, x)]) - bias


def averaging(row: Row, x: Row, bias: Value) -> Value:
    return F.sum([w * a / 3.0 for w, a in zip(row, x)]) + bias


def scaling(row: Row, x: Row, bias: Value) -> Value:
    total = bias
    for w, a in zip(row, x):
        total = total - 0.7 * (w * a) * 0.4
    return total


def halved_weights(row: Row, x: Row, bias: Value) -> Value:
    return plain_loop([0.5 * w for w in row], x, bias)


NEURONS: Final[list[Callable[[Row, Row, Value], Value]]] = [
    plain_loop,
    dot_product,
    bias_first,
    one_at_a_time,
    subtracting,
    negated,
    averaging,
    scaling,
    halved_weights,
]


@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize("mapped", [False, True], ids=["whole batch", "per sample"])
def test_every_notation_of_a_layer_is_found_as_the_same_products(
    neuron: Callable[[Row, Row, Value], Value], mapped: bool
) -> None:
    rng = np.random.default_rng(0)
    sizes = [2, 16, 16, 1]
    layers = [
        [([Value(w) for w in rng.normal(size=n_in)], Value(0.0)) for _ in range(n_out)]
        for n_in, n_out in pairwise(sizes)
    ]
    parameters = [v for layer in layers for row, bias in layer for v in (*row, bias)]

    def sample_loss(x: Row, t: Value) -> Value:
        for layer in layers[:-1]:
            x = [neuron(row, x, bias).relu() for row, bias in layer]
        ((row, bias),) = layers[-1]
        return (neuron(row, x, bias) - t) ** 2

    def batch_loss(X: list[Row], T: Row) -> Value:
        return F.mean([sample_loss(x, t) for x, t in zip(X, T)])

    program = compile(sample_loss if mapped else batch_loss, parameters, per_sample=mapped)
    X, T = rng.normal(size=(30, 2)), rng.normal(size=30)
    expected = batch_loss(values_of(X), values_of(T))
    expected.backward()
    assert_close(program(X, T), expected.data)
    assert_close(program.gradients, [parameter.grad for parameter in parameters])
    found = products(program)
    assert len(found) == 3
    columns = "B" if mapped else "30"
    for text, p, k in zip(found, (16, 16, 1), (2, 16, 16)):
        alternatives = [f"({p}, {n}) @ ({n}, {columns})" for n in (k, k + 1)]
        assert text in [*alternatives, f"({columns}, {k}) @ ({k}, {p})"], found


@pytest.mark.parametrize("mapped", [False, True], ids=["whole batch", "per sample"])
def test_what_is_computed_twice_is_computed_once(mapped: bool) -> None:
    rng = np.random.default_rng(0)
    weights = [Value(number) for number in rng.normal(size=12)]

    def model(x: Row) -> Row:
        return [F.dot(weights[3 * i :][:2], x, weights[3 * i + 2]).tanh() for i in range(4)]

    def sample_loss(x: Row) -> Value:
        return F.sum([a.sin() for a in model(x)]) - F.sum([a.cos() for a in model(x)])

    def batch_loss(X: list[Row]) -> Value:
        return F.mean([sample_loss(x) for x in X])

    program = compile(sample_loss if mapped else batch_loss, weights, per_sample=mapped)
    X = rng.normal(size=(6, 2))
    expected = batch_loss(values_of(X))
    expected.backward()
    assert_close(program(X), expected.data)
    assert_close(program.gradients, [weight.grad for weight in weights])
    columns = "B" if mapped else "6"
    (found,) = products(program)
    assert found in (f"(4, 2) @ (2, {columns})", f"(4, 3) @ (3, {columns})", "(6, 2) @ (2, 4)")
    assert program.source.count("tanh(") == 1


@pytest.mark.parametrize("mapped", [False, True], ids=["whole batch", "per sample"])
def test_weights_that_are_a_product_of_two_matrices(mapped: bool) -> None:
    rng = np.random.default_rng(0)
    weights = [Value(number) for number in rng.normal(size=22)]
    U, V = [weights[2 * i :][:2] for i in range(5)], [weights[10 + 6 * i :][:6] for i in range(2)]

    def sample_loss(x: Row) -> Value:
        W = [[F.dot(row, column) for column in zip(*V)] for row in U]
        return F.sum([F.dot(row, x).tanh() for row in W])

    def batch_loss(X: list[Row]) -> Value:
        return F.sum([sample_loss(x) for x in X])

    program = compile(
        sample_loss if mapped else batch_loss, weights, per_sample=mapped, reduction="sum"
    )
    X = rng.normal(size=(10, 6))
    expected = batch_loss(values_of(X))
    expected.backward()
    assert_close(program(X), expected.data)
    assert_close(program.gradients, [weight.grad for weight in weights])
    of_weights, of_data = products(program)
    assert of_weights in ("(5, 2) @ (2, 6)", "(6, 2) @ (2, 5)")
    columns = "B" if mapped else "10"
    assert of_data in (f"(5, 6) @ (6, {columns})", f"({columns}, 6) @ (6, 5)")


def test_products_of_two_computed_matrices_are_found() -> None:
    scale = Value(2.0)

    def loss(A: list[Row], B: list[Row]) -> Value:
        left = [[F.tanh(scale * a) for a in row] for row in A]
        right = [[F.exp(b) for b in row] for row in B]
        cells = [plain_loop(row, list(column), scale) for row in left for column in zip(*right)]
        return F.sum([F.sin(cell) for cell in cells])

    program = compile(loss, [scale])
    program(np.ones((6, 3)), np.ones((3, 5)))
    assert products(program) in (["(6, 3) @ (3, 5)"], ["(5, 3) @ (3, 6)"])


def test_products_within_a_sample_are_found() -> None:
    def loss(A: list[Row], B: list[Row]) -> Value:
        cells = [F.dot(row, list(column)) for row in A for column in zip(*B)]
        return F.sum([F.sin(cell) for cell in cells])

    program = compile(loss, [], per_sample=True)
    program(np.ones((2, 6, 3)), np.ones((2, 3, 5)))
    found = products(program)
    assert found in (
        ["(6, 3) @ (3, 5) for each sample"],
        ["(5, 3) @ (3, 6) for each sample"],
    )


@pytest.mark.parametrize("n_samples", [3, 70])
def test_large_products_within_a_sample(n_samples: int) -> None:
    rng = np.random.default_rng(0)
    weights = [Value(number) for number in rng.normal(size=2)]
    A, B = rng.normal(size=(n_samples, 18, 16)), rng.normal(size=(n_samples, 24, 16))

    def loss(A: list[Row], B: list[Row]) -> Value:
        left = [[F.tanh(weights[0] * a) for a in row] for row in A]
        right = [[F.tanh(weights[1] * b) for b in row] for row in B]
        return F.sum([F.dot(row, other).sin() for row in left for other in right])

    program = compile(loss, weights, per_sample=True, reduction="sum")
    found = program(A, B)
    w = tensor_of(program.parameters, requires_grad=True)
    left, right = torch.tanh(w[0] * tensor_of(A)), torch.tanh(w[1] * tensor_of(B))
    expected = torch.sin(left @ right.transpose(1, 2)).sum()
    expected.backward()
    assert_close(found, expected)
    assert_close(program.gradients, w.grad)
    assert program.source.count("einsum_by_sample(") == 3


def test_two_layers_with_biases_read_one_block_in_different_axes() -> None:
    weights = [Value(number) for number in np.random.default_rng(0).normal(size=50)]
    rows, columns = (
        [weights[4 * i :][:4] for i in range(5)],
        [weights[20 + 5 * i :][:5] for i in range(6)],
    )

    def loss(x: Row) -> Value:
        hidden = [a.tanh() for a in x]
        first = [F.dot(r[:3], hidden[q::4], r[3]) for q in range(4) for r in rows]
        second = [F.dot(r[:4], hidden[q::3], r[4]) for q in range(3) for r in columns]
        return F.sum([a.sin() for a in first + second])

    program, x = compile(loss, weights), np.random.default_rng(1).normal(size=12)
    out = loss([Value(number) for number in x])
    out.backward()
    assert_close(program(x), out.data)
    assert_close(program.gradients, [weight.grad for weight in weights])
    assert len(products(program)) == 2


def test_an_irregular_graph_becomes_plain_arithmetic_and_says_so() -> None:
    rng = np.random.default_rng(0)
    leaves = [Value(number) for number in rng.normal(size=10)]

    def tangle() -> Value:
        nodes = list(leaves)
        choices = np.random.default_rng(1)
        for _ in range(600):
            a, b = (nodes[i] for i in choices.integers(0, len(nodes), 2))
            op = choices.integers(0, 4)
            nodes.append([a + b, a * b, a.tanh(), (a - b).sin()][op].tanh())
        return F.sum(nodes)

    out = tangle()
    out.backward()
    program = compile(tangle, leaves)
    assert_close(program(), out.data)
    assert_close(program.gradients, [leaf.grad for leaf in leaves], 1e-11)
    assert "plain arithmetic" in program.summary()
