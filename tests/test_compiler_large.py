"""What depends on the size of a program: which product is called, and where its names live."""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
import pytest

from tests.back_ends import forced
from tests.memory import assert_takes_less
from tinygrad_mlp import functional as F
from tinygrad_mlp.compiler import Program, compile
from tinygrad_mlp.engine import Value
from tinygrad_mlp.losses import categorical_cross_entropy
from tinygrad_mlp.nn import MLP

Strides = tuple[int, int]

# At each call dot() copies a matrix that is not in order, and matmul() reads it as it lies. A small
# one is copied so fast that dot is better all the same.

PRODUCTS: Final[list[tuple[str, tuple[int, int], Strides, int]]] = [
    ("dot", (30, 40), (40, 1), 1200),  # (rows, columns), where the next ones are, parameters
    ("dot", (40, 30), (30, 1), 1200),
    ("dot", (30, 40), (1, 30), 1200),
    ("dot", (30, 40), (1, 0), 1200),
    ("dot", (1, 40), (40, 1), 1200),
    ("dot", (30, 1), (1, 0), 1200),
    ("matmul", (30, 40), (41, 1), 1240),
    ("matmul", (30, 40), (1, 31), 1240),
    ("matmul", (30, 40), (2, 0), 1200),
    ("matmul", (20, 25), (30, 1), 1001),
    ("dot", (20, 25), (30, 1), 1000),
    ("matmul", (20, 25), (1, 30), 1001),
    ("dot", (20, 25), (1, 30), 1000),
    ("matmul", (25, 20), (2, 50), 1001),
    ("matmul", (25, 20), (40, 2), 1001),
]


@pytest.mark.parametrize(("function", "shape", "strides", "n_parameters"), PRODUCTS)
def test_large_matrices_out_of_order_are_not_copied(
    function: str, shape: tuple[int, int], strides: Strides, n_parameters: int
) -> None:
    rows, columns = shape
    w = [Value(number) for number in np.random.default_rng(0).normal(size=n_parameters)]

    def loss(xs: list[list[Value]]) -> Value:
        matrix = [[w[strides[0] * i + strides[1] * k] for k in range(columns)] for i in range(rows)]
        return F.sum([F.sin(F.dot(row, x)) for row in matrix for x in xs])

    X = np.random.default_rng(1).normal(size=(2, columns))
    with forced("arrays"):
        program = compile(loss, w)
        found = program(X)
    numbers = np.array([value.data for value in w])
    places = strides[0] * np.arange(rows)[:, None] + strides[1] * np.arange(columns)
    products = numbers[places] @ X.T
    np.testing.assert_allclose(found, np.sin(products).sum(), rtol=1e-11)
    expected = np.zeros(n_parameters)
    np.add.at(expected, places, np.cos(products) @ X)
    np.testing.assert_allclose(program.gradients, expected, rtol=1e-9, atol=1e-12)
    run = program.source.split("    def run(")[1]
    assert re.findall(r"(\w+)\(parameters", run)[0] == function


def test_thousands_of_names_are_global() -> None:
    few, many = (_program_of_steps(n) for n in (20, 150))
    assert "global" not in few
    prepare = many.split("    def run(")[0].splitlines()[1:]
    declared = [line.split()[1] for line in prepare if line.startswith("    global ")]
    made = [line.split(" = ")[0].strip() for line in prepare if " = " in line]
    assert declared == list(dict.fromkeys(made))
    assert len(declared) > 500


def test_a_recording_takes_little_memory_for_each_parameter() -> None:
    _recorded(MLP(64, [2, 10], rng=0))  # whatever is made once
    model = MLP(64, [512, 10], rng=0)
    n_parameters = len(model.parameters())
    # In bytes: the list of them, two arrays, the tuples of parents and a slot take 48; and while it
    # is recorded, an int and an entry of a dict 67.
    assert_takes_less(lambda: _recorded(model), kept=80.0 * n_parameters, most=165.0 * n_parameters)


def _recorded(model: MLP) -> Program:
    def loss(x: list[Value], y: list[Value]) -> Any:
        return categorical_cross_entropy(model.forward(x), y)

    program = compile(loss, model.parameters(), per_sample=True)
    program(np.zeros((1, 64)), np.eye(10)[:1])
    return program


def _program_of_steps(n_steps: int) -> str:
    w = [Value(0.5) for _ in range(n_steps)]

    def loss(x: Value) -> Value:
        h = x
        for weight in w:
            h = F.sin(h * weight) + x
        return h

    with forced("arrays"):
        program = compile(loss, w)
        found = program(0.5)
    expected = loss(Value(0.5))
    expected.backward()
    np.testing.assert_allclose(found, expected.data, rtol=1e-9)
    np.testing.assert_allclose(program.gradients, [v.grad for v in w], rtol=1e-12)
    return program.source
