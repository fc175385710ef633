"""How much the compiled networks do: NumPy calls, memory, views, index tables, lines.

A number here is what the optimizations of the compiler come to, not what is right: a change that
saves something may lower it, and then it is lowered here as well. None may rise unnoticed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import numpy as np
import pytest

from tests.against_torch import assert_close
from tests.back_ends import forced
from tests.networks import NETWORKS, Network
from tests.test_compiler_equal_programs import EQUAL
from tests.test_compiler_networks import arrays_of, names, parameters_of, sample_loss, whole_batch
from tinygrad_mlp import functional as F
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.engine import Value, no_grad

Row = list[Value]
Cost = tuple[int, int, int, int, int]


def cost(source: str) -> Cost:
    """Of a program's text: calls; slots of B numbers, single numbers; views; index tables."""
    prepare, run = source.split("    def run(")
    return (
        len(run_lines(run)),
        sum([int(rows) for rows in re.findall(r"np\.empty\(\((\d+), B\)", prepare)]),
        sum([int(rows) for rows in re.findall(r"np\.empty\((\d+),", prepare)]),
        prepare.count("= view("),
        len(set(re.findall(r"\bat\d+\b", run))),
    )


def run_lines(run: str) -> list[str]:
    """The statements of ``run``, its last line not among them."""
    return [line for line in run.splitlines()[1:] if line.startswith("        ")][:-1]


BY_SAMPLE: Final[dict[str, Cost]] = {
    "two layers": (25, 21, 2, 13, 0),
    "siamese": (37, 44, 24, 17, 16),
    "recurrent": (74, 61, 182, 40, 27),
    "sums of different lengths": (28, 17, 0, 19, 16),
    "softmax classifier": (36, 33, 0, 15, 0),
    "layer normalized, residual": (50, 30, 4, 13, 0),
    "attention": (49, 242, 161, 32, 4),
    "convolutional": (49, 197, 182, 39, 7),
    "pictures": (21, 106, 5, 11, 0),
    "smoothed": (50, 77, 30, 27, 23),
    "gated": (43, 37, 5, 10, 0),
}
OF_THE_BATCH: Final[dict[str, Cost]] = {
    "two layers": (27, 0, 147, 20, 0),
    "siamese": (38, 0, 271, 22, 16),
    "recurrent": (77, 0, 555, 52, 30),
    "sums of different lengths": (32, 0, 109, 26, 16),
    "softmax classifier": (44, 0, 229, 23, 0),
    "layer normalized, residual": (53, 0, 181, 20, 0),
    "attention": (46, 0, 1447, 34, 4),
    "convolutional": (54, 0, 1335, 35, 15),
    "pictures": (25, 0, 882, 19, 3),
    "smoothed": (56, 0, 448, 37, 31),
    "gated": (45, 0, 227, 14, 0),
    "batch normalized": (58, 0, 229, 30, 3),
    "contrastive": (49, 0, 260, 32, 0),
}
LINES_OF_ARITHMETIC: Final[dict[str, int]] = {
    "two layers": 199,
    "siamese": 186,
    "recurrent": 687,
    "sums of different lengths": 79,
    "softmax classifier": 249,
    "layer normalized, residual": 261,
    "attention": 1542,
    "convolutional": 913,
    "pictures": 3079,
    "smoothed": 273,
    "gated": 209,
    "batch normalized": 337,
    "contrastive": 133,
}


@pytest.mark.parametrize("network", [n for n in NETWORKS if n.per_sample], ids=names)
def test_one_sample_mapped_over_the_batch(network: Network) -> None:
    parameters = parameters_of(network)
    with forced("arrays"):
        program = compile(sample_loss(network, parameters), parameters, per_sample=True)
        program(*arrays_of(network))
    assert cost(program.source) == BY_SAMPLE[network.name]


@pytest.mark.parametrize("network", NETWORKS, ids=names)
def test_the_whole_batch(network: Network) -> None:
    parameters = parameters_of(network)
    with forced("arrays"):
        program = compile(whole_batch(network, parameters), parameters)
        program(*arrays_of(network))
    assert cost(program.source) == OF_THE_BATCH[network.name]


@pytest.mark.parametrize("network", NETWORKS, ids=names)
def test_plain_arithmetic(network: Network) -> None:
    parameters = parameters_of(network)
    with forced("arithmetic"):
        program = compile(whole_batch(network, parameters), parameters)
        program(*arrays_of(network, n_samples=2))
    run = program.source.split("    def run(")[1]
    assert len(run_lines(run)) == LINES_OF_ARITHMETIC[network.name]
    assert "float(" not in run  # numbers are written as such


# Small programs, each about one thing that the compiler sees


def in_other_axes(w: Row, x: Row) -> Value:
    z = [w[i] + x[i] for i in range(6)]
    return F.sum([F.sin(z[3 * i + j] * x[i]) for i in range(2) for j in range(3)])


def in_other_axes_by_weights(w: Row, x: Row) -> Value:
    z = [w[i] + x[i] for i in range(6)]
    return F.sum([F.sin(z[3 * i + j] * w[6 + i]) for i in range(2) for j in range(3)])


def windows(w: Row, x: Row) -> Value:
    h = [F.tanh(a * b) for a, b in zip(w, x)]
    return F.sum([F.dot(w[6:9], h[i : i + 3]).sin() for i in range(4)])


def backwards(w: Row, x: Row) -> Value:
    return F.sum([F.sin(a * b) for a, b in zip(w[:6], x[::-1])])


def shuffled(w: Row, x: Row) -> Value:
    return F.sum([F.sin(w[i] * x[j]) for i, j in enumerate((3, 0, 5, 1, 4, 2))])


def from_two_places(w: Row, x: Row) -> Value:
    h = [F.exp(a) for a in w[:3]] + [F.cos(a) for a in w[3:6]]
    return F.sum([F.sin(h[i] * x[i]) for i in (0, 3, 1, 4)])


def outer_product(w: Row, x: Row) -> Value:
    return F.sum([F.sin(a * b) for a in w[:3] for b in x[:4]])


def comparisons(w: Row, x: Row) -> Value:
    held = [F.where(a > b, a * b, a) for a, b in zip(w[:6], x)]
    return F.sum([F.where((h > 0.5) & (h < 2.0), h, 0.1 * h) for h in held])


def comparisons_as_numbers(w: Row, x: Row) -> Value:
    held = [F.where(a > b, 1.0, 0.0) * c for a, b, c in zip(w[:6], x, w[3:])]
    return F.sum([F.where(h <= b, 0.0, h) for h, b in zip(held, x)])


def rectified(w: Row, x: Row) -> Value:
    return F.sum([F.relu(a * b) + F.maximum(a, 0.3) + abs(b - a) for a, b in zip(w[:6], x)])


def inner_products(w: Row, x: Row) -> Value:
    h = [F.tanh(a) for a in w]
    return F.sum([F.dot(h[3 * i :][:3], x[2 * i :][:3]).sin() for i in range(2)])


def its_own_square(w: Row, x: Row) -> Value:
    h = [F.tanh(F.dot(w[3 * i :][:3], x[:3])) for i in range(3)]
    return F.dot(h, h) + F.dot(h[:2], x[:2])


def reduced(w: Row, x: Row) -> Value:
    rows = [F.logsumexp([a * b for b in x[:3]]) for a in w[:4]]
    return F.mean(rows) - F.sum([F.sum(w[2 * i :][:3]).sin() for i in range(3)])


def constants(w: Row, x: Row) -> Value:
    table = [[0.5, 2.0, -1.0], [0.25, 0.0, 3.0]]
    return F.sum([F.dot(row, x[:3]).sin() * a for row, a in zip(table, w)])


def used_unequally(w: Row, x: Row) -> Value:
    h = [F.tanh(a * b) for a, b in zip(w[:6], x)]
    return F.sum(h[:3]) * h[4] + h[0] * h[5]


def mixed_factors(w: Row, x: Row) -> Value:
    return F.sum([F.sin(F.dot(x[:2], [w[i], x[3]])) for i in range(3)])


def in_another_order(w: Row, x: Row) -> Value:
    z = [w[i] + x[i] for i in range(6)]
    p = [z[3 * i + j] * x[2 * j + i] for i in range(2) for j in range(3)]
    return F.sum(p) - 0.25 * F.sum(p)


def half_detached(w: Row, x: Row) -> Value:
    with no_grad():
        held = [F.exp(a * b) for a, b in zip(w[:3], x)]
    free = [F.exp(a * b) for a, b in zip(w[3:6], x)]
    return F.sum([a * F.sin(b) for a, b in zip(held, free)])


SMALL: Final[dict[str, Callable[[Row, Row], Value]]] = {
    **{name: one for name, (one, _) in EQUAL.items()},
    **{
        function.__name__.replace("_", " "): function
        for function in (
            in_other_axes, in_other_axes_by_weights, windows, backwards, shuffled, from_two_places,
            outer_product, comparisons, comparisons_as_numbers, rectified, inner_products,
            its_own_square, reduced, constants, used_unequally,
            mixed_factors, half_detached, in_another_order,
        )
    },
}  # fmt: skip
OF_SMALL: Final[dict[str, tuple[Cost, Cost]]] = {
    "a sum of one": ((8, 0, 8, 4, 0), (10, 7, 2, 6, 0)),
    "times one": ((8, 0, 8, 4, 0), (10, 7, 2, 6, 0)),
    "divided by one": ((8, 0, 8, 4, 0), (10, 7, 2, 6, 0)),
    "to the first": ((8, 0, 8, 4, 0), (10, 7, 2, 6, 0)),
    "squared": ((9, 0, 8, 6, 0), (9, 7, 1, 7, 0)),
    "to minus one": ((10, 0, 7, 6, 0), (11, 7, 1, 7, 0)),
    "subtracting in turn": ((11, 0, 7, 8, 0), (12, 7, 1, 8, 0)),
    "dividing each": ((10, 0, 7, 6, 0), (10, 7, 0, 6, 0)),
    "scaling each, twice": ((10, 0, 7, 6, 0), (10, 7, 0, 6, 0)),
    "negating each": ((10, 0, 7, 6, 0), (10, 7, 0, 6, 0)),
    "a loop": ((10, 0, 10, 8, 0), (12, 10, 3, 7, 0)),
    "factors the other way round": ((10, 0, 10, 8, 0), (12, 10, 3, 7, 0)),
    "some factors the other way round": ((10, 0, 10, 8, 0), (12, 10, 3, 7, 0)),
    "sums in sums": ((10, 0, 7, 8, 0), (12, 7, 1, 8, 0)),
    "a dot and products": ((10, 0, 7, 8, 0), (12, 7, 1, 8, 0)),
    "products and a dot": ((13, 0, 13, 9, 4), (15, 10, 4, 8, 4)),
    "two dots": ((11, 0, 7, 9, 0), (13, 7, 1, 9, 0)),
    "the same again, used twice": ((13, 0, 9, 8, 0), (15, 8, 1, 10, 0)),
    "computed twice": ((24, 0, 17, 16, 16), (24, 16, 0, 10, 16)),
    "not used": ((7, 0, 8, 4, 0), (8, 8, 1, 5, 0)),
    "no gradient from data": ((7, 0, 8, 5, 0), (8, 8, 1, 6, 0)),
    "mean": ((7, 0, 7, 6, 0), (7, 7, 0, 6, 0)),
    "equal numbers": ((20, 0, 14, 8, 0), (20, 14, 0, 9, 0)),
    "in other axes": ((9, 0, 19, 6, 0), (11, 19, 6, 6, 0)),
    "in other axes by weights": ((12, 0, 25, 9, 0), (14, 25, 8, 10, 0)),
    "windows": ((15, 0, 39, 10, 3), (17, 39, 12, 12, 3)),
    "backwards": ((8, 0, 19, 5, 0), (9, 19, 6, 5, 0)),
    "shuffled": ((9, 0, 25, 4, 1), (10, 25, 6, 4, 1)),
    "from two places": ((23, 0, 27, 11, 11), (23, 19, 12, 14, 11)),
    "outer product": ((13, 0, 43, 8, 3), (13, 43, 12, 9, 3)),
    "comparisons": ((28, 0, 49, 4, 0), (30, 49, 6, 4, 0)),
    "comparisons as numbers": ((15, 0, 31, 5, 0), (17, 31, 6, 5, 0)),
    "rectified": ((34, 0, 67, 5, 12), (35, 61, 42, 7, 12)),
    "inner products": ((16, 0, 23, 9, 0), (15, 11, 12, 12, 0)),
    "its own square": ((17, 0, 28, 15, 10), (17, 28, 0, 7, 10)),
    "reduced": ((34, 0, 63, 13, 3), (34, 47, 20, 14, 3)),
    "constants": ((8, 0, 9, 9, 0), (8, 9, 0, 8, 0)),
    "used unequally": ((24, 0, 27, 14, 12), (24, 26, 5, 10, 12)),
    "mixed factors": ((11, 0, 19, 8, 6), (12, 19, 0, 6, 6)),
    "half detached": ((16, 0, 16, 10, 0), (16, 16, 3, 7, 0)),
    "in another order": ((9, 0, 14, 6, 0), (10, 14, 0, 6, 0)),
}


@pytest.mark.parametrize("name", SMALL)
def test_small_programs(name: str) -> None:
    assert small_costs(SMALL[name]) == OF_SMALL[name]


def small_costs(loss: Callable[[Row, Row], Value]) -> tuple[Cost, Cost]:
    """Of the batch, and of one sample mapped over it; both are compared with the eager engine."""
    rng = np.random.default_rng(0)
    costs = []
    for per_sample in (False, True):
        w = [Value(number) for number in rng.normal(size=9)]
        x = rng.normal(size=(1, 6) if per_sample else 6)
        with forced("arrays"):
            program = compile(lambda a, w=w: loss(w, a), w, per_sample=per_sample)
            found = program(x)
        expected = loss(w, [Value(number) for number in x.ravel()])
        expected.backward()
        assert_close(found, expected.data)
        assert_close(program.gradients, [value.grad for value in w])
        costs.append(cost(program.source))
    return costs[0], costs[1]


def test_a_sum_over_the_samples_is_a_product_with_ones() -> None:
    """Which takes a fraction of the time of ``add.reduce``."""
    w = Value(0.5)
    program = compile(lambda x: F.sin(w + x), [w], per_sample=True)
    program(np.ones(4))
    assert "matmul(add0, ones, out=" in program.source
    assert "reduce" not in program.source
