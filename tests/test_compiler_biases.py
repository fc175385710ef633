"""Layers whose biases are shared by rows, by columns or not at all, wherever they lie in memory.

The compiler makes a bias one more column of the weights where every column of the product has the
same one, right behind the weights of its row. Here biases lie and are shared in all other ways too,
and PyTorch and the eager engine say what comes out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tinygrad_mlp import functional as F
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.engine import Value

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]
Name = tuple[str, int, int]

SHARING: Final[dict[str, Callable[[int, int, int], int]]] = {
    "one for each row": lambda p, q, n_columns: p,
    "one for each column": lambda p, q, n_columns: q,
    "one for each element": lambda p, q, n_columns: p * n_columns + q,
    "one for all": lambda p, q, n_columns: 0,
    "another one in the last column": lambda p, q, n_columns: 2 * p + (q == n_columns - 1 > 0),
    "two in turn": lambda p, q, n_columns: (p + q) % 2,
}


def each_row_then_its_biases(name: Name) -> Any:
    kind, row, rest = name
    return row, kind, rest


def weights_then_biases(name: Name) -> Any:
    kind, row, rest = name
    return kind == "b", row, rest


def biases_then_weights(name: Name) -> Any:
    kind, row, rest = name
    return kind != "b", row, rest


def weights_by_columns(name: Name) -> Any:
    kind, row, rest = name
    return kind == "b", rest, row


ORDERS: Final = {
    order.__name__: order
    for order in (
        each_row_then_its_biases, weights_then_biases, biases_then_weights, weights_by_columns,
    )
}  # fmt: skip

READING: Final[dict[str, Callable[[int], list[int]]]] = {
    "the last": lambda k: list(range(k, 2 * k)),
    "the first": lambda k: list(range(k)),
    "every second, the last left out": lambda k: list(range(0, 2 * k, 2)),
    "every second, the first left out": lambda k: list(range(1, 2 * k, 2)),
    "backwards": lambda k: list(range(2 * k - 1, k - 1, -1)),
    "one again and again": lambda k: [k] * k,
}
"""Which rows of the 2 K that are computed are multiplied by the K weights."""


@dataclass
class Layer:
    """``z[p][q] = sum over k of w[p][k] h[k][q] + b[p][q]``; each of w and b is some parameter.

    Attributes:
        weights: the place of each weight among the parameters, (P, K).
        biases: the place of each bias, (P, Q).
        hidden: whether h is computed, ``tanh(x)``, or the input itself.
        by_columns: whether h is computed column by column.
        reading: which rows of h are multiplied, of more that are computed.
    """

    weights: Places
    biases: Places
    n_parameters: int
    hidden: bool
    by_columns: bool
    reading: str

    @property
    def input_shape(self) -> tuple[int, int]:
        return 2 * self.weights.shape[1], self.biases.shape[1]

    @property
    def rows(self) -> list[int]:
        return READING[self.reading](self.weights.shape[1])

    def loss(self, parameters: list[Value]) -> Callable[[Any], Value]:
        """The sum of the squares of tanh(z)."""
        n_rows, n_columns = self.biases.shape
        k_, q_ = self.input_shape

        def of(x: Any) -> Value:
            h = x
            if self.hidden and self.by_columns:
                columns = [[F.tanh(x[k][q]) for k in range(k_)] for q in range(q_)]
                h = [[columns[q][k] for q in range(q_)] for k in range(k_)]
            elif self.hidden:
                h = [[F.tanh(x[k][q]) for q in range(q_)] for k in range(k_)]
            z = [
                F.dot(
                    [parameters[place] for place in self.weights[p]],
                    [h[k][q] for k in self.rows],
                    parameters[self.biases[p, q]],
                )
                for p in range(n_rows)
                for q in range(n_columns)
            ]
            return F.sum([F.tanh(value) ** 2 for value in z])

        return of

    def by_torch(self, parameters: Numbers, x: Numbers) -> tuple[float, Numbers]:
        """Loss and gradient; a batch (B, K, Q) is summed over."""
        theta = torch.tensor(parameters, requires_grad=True)
        h = torch.tensor(x)
        if self.hidden:
            h = torch.tanh(h)
        h = h[..., self.rows, :]
        z = theta[torch.tensor(self.weights)] @ h + theta[torch.tensor(self.biases)]
        loss = (torch.tanh(z) ** 2).sum()
        loss.backward()
        assert theta.grad is not None
        return loss.item(), theta.grad.numpy()


def layer(
    shape: tuple[int, int, int],
    sharing: str,
    order: str,
    hidden: bool,
    by_columns: bool = False,
    reading: str = "the last",
    seed: int | None = None,
) -> Layer:
    """A layer of P x K weights with Q columns; with a seed its parameters lie in a random order."""
    n_rows, k_, n_columns = shape
    bias_of = SHARING[sharing]
    owner: dict[int, int] = {}
    for p in range(n_rows):
        for q in range(n_columns):
            owner.setdefault(bias_of(p, q, n_columns), p)
    names: list[Name] = [("a", p, k) for p in range(n_rows) for k in range(k_)]
    names += [("b", row, number) for number, row in owner.items()]
    names.sort(key=ORDERS[order])
    if seed is not None:
        np.random.default_rng(seed).shuffle(names)
    place = {name: number for number, name in enumerate(names)}
    weights = np.array([[place["a", p, k] for k in range(k_)] for p in range(n_rows)])
    numbers = [[bias_of(p, q, n_columns) for q in range(n_columns)] for p in range(n_rows)]
    biases = np.array([[place["b", owner[n], n] for n in row] for row in numbers])
    return Layer(weights, biases, len(names), hidden, by_columns, reading)


def check(made: Layer, per_sample: bool, rng: np.random.Generator, dtype: str = "float64") -> None:
    """The compiled program against PyTorch and the eager engine, with two sets of numbers."""
    tolerance = 1e-11 if dtype == "float64" else 2e-4
    parameters = [Value(0.0) for _ in range(made.n_parameters)]
    program = compile(
        made.loss(parameters), parameters, per_sample=per_sample, reduction="sum", dtype=dtype
    )
    for batch_size in (3, 1):
        numbers = rng.normal(size=made.n_parameters)
        x = rng.normal(size=(batch_size, *made.input_shape) if per_sample else made.input_shape)
        for parameter, number in zip(parameters, numbers.tolist()):
            parameter.data = number
        program.parameters[:] = numbers
        value, gradients = program(x), program.gradients.copy()
        expected, expected_gradients = made.by_torch(numbers, x)
        assert value == pytest.approx(expected, rel=tolerance, abs=tolerance)
        np.testing.assert_allclose(
            gradients, expected_gradients, rtol=tolerance, atol=10 * tolerance
        )
        for parameter in parameters:
            parameter.grad = 0.0
        eager = program.eager(x)
        eager.backward()
        assert eager.data == pytest.approx(expected, rel=tolerance)
        found = np.array([parameter.grad for parameter in parameters])
        np.testing.assert_allclose(found, expected_gradients, rtol=tolerance, atol=10 * tolerance)


@pytest.mark.parametrize("per_sample", [False, True], ids=["whole batch", "per sample"])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("sharing", SHARING)
def test_biases_go_to_their_own_elements(sharing: str, order: str, per_sample: bool) -> None:
    rng = np.random.default_rng(0)
    for shape in ((1, 3, 2), (2, 3, 2), (3, 1, 2), (2, 2, 1)):
        check(layer(shape, sharing, order, hidden=True), per_sample, rng)


@pytest.mark.parametrize("sharing", SHARING)
def test_biases_go_to_their_own_elements_in_float32(sharing: str) -> None:
    rng = np.random.default_rng(0)
    for order in ORDERS:
        for per_sample in (False, True):
            check(layer((3, 4, 2), sharing, order, hidden=True), per_sample, rng, "float32")


SIZES: Final = st.integers(1, 4)


@given(
    shape=st.tuples(SIZES, SIZES, SIZES),
    sharing=st.sampled_from(list(SHARING)),
    order=st.sampled_from(list(ORDERS)),
    hidden=st.booleans(),
    by_columns=st.booleans(),
    reading=st.sampled_from(list(READING)),
    shuffled=st.one_of(st.none(), st.integers(0, 99)),
    per_sample=st.booleans(),
)
@settings(max_examples=80)
def test_biases_anywhere_in_memory(
    shape: tuple[int, int, int],
    sharing: str,
    order: str,
    hidden: bool,
    by_columns: bool,
    reading: str,
    shuffled: int | None,
    per_sample: bool,
) -> None:
    made = layer(shape, sharing, order, hidden, by_columns, reading, shuffled)
    check(made, per_sample, np.random.default_rng(1))


def test_a_shared_bias_is_one_more_column_of_the_weights() -> None:
    """What the other tests are about does happen: no call adds the bias."""

    def additions(sharing: str) -> int:
        made = layer((3, 4, 2), sharing, "each_row_then_its_biases", hidden=True)
        parameters = [Value(0.1) for _ in range(made.n_parameters)]
        program = compile(made.loss(parameters), parameters)
        program(np.ones(made.input_shape))
        return program.source.count(" add(")

    assert additions("one for each row") == 0
    assert additions("one for each element") > 0
