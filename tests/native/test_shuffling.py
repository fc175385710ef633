"""``RandomState.shuffle`` by the C library: the same order, and the same draws afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_mlp._native import _library, _shuffling
from tinygrad_mlp._native._shuffling import FEWEST, shuffle


@pytest.fixture
def lengths(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many numbers the library was given in each call."""
    library = _library.load()
    if library is None:
        pytest.skip(_library.reason())
    given: list[int] = []

    def spied(address: int, n: int, *others: Any) -> None:
        given.append(n)
        library.shuffle(address, n, *others)

    known = _library.Library(**{**vars(library), "shuffle": spied})
    monkeypatch.setattr(_shuffling, "in_use", lambda: known)
    monkeypatch.setattr(_shuffling, "FEWEST", 0)
    return given


@pytest.mark.parametrize(
    "n", [0, 1, 2, 3, 4, 5, 63, 64, 65, 66, 128, 129, 130, 255, 256, 257, 1000, 70_000]
)
def test_it_is_the_order_of_numpy(lengths: list[int], n: int) -> None:
    ours, numpys = np.random.RandomState(n), np.random.RandomState(n)
    order, expected = np.arange(n) * 7, np.arange(n) * 7
    for _ in range(2):
        shuffle(order, ours)
        numpys.shuffle(expected)
        assert order.tolist() == expected.tolist()
    assert ours.random_sample() == numpys.random_sample()
    assert lengths == [n, n]


@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.Philox, np.random.SFC64])
def test_whatever_gives_the_bits(lengths: list[int], bits: Any) -> None:
    ours, numpys = np.random.RandomState(bits(3)), np.random.RandomState(bits(3))
    order, expected = np.arange(300), np.arange(300)
    shuffle(order, ours)
    numpys.shuffle(expected)
    assert order.tolist() == expected.tolist()
    assert ours.randint(2**31) == numpys.randint(2**31)
    assert lengths == [300]


def test_few_numbers_are_left_to_numpy(lengths: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_shuffling, "FEWEST", FEWEST)
    for n in (FEWEST - 1, FEWEST):
        order, expected = np.arange(n), np.arange(n)
        shuffle(order, np.random.RandomState(1))
        np.random.RandomState(1).shuffle(expected)
        assert order.tobytes() == expected.tobytes()
    assert lengths == [FEWEST]


class Own(np.random.RandomState):
    """It shuffles in a way of its own."""

    def shuffle(self, x: Any) -> None:
        x[:] = x[::-1].copy()


def test_a_generator_of_ones_own_shuffles_by_itself(lengths: list[int]) -> None:
    order = np.arange(5)
    shuffle(order, Own(0))
    assert order.tolist() == [4, 3, 2, 1, 0]
    assert not lengths


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(np.arange(9, dtype=np.int32), id="narrow"),
        pytest.param(np.arange(18)[::2], id="every other number"),
        pytest.param(np.arange(10).reshape(5, 2), id="rows"),
        pytest.param(np.arange(9, dtype=">i8"), id="bytes in the other order"),
    ],
)
def test_other_arrays_are_left_to_numpy(lengths: list[int], order: Any) -> None:
    expected = order.copy()
    shuffle(order, np.random.RandomState(1))
    np.random.RandomState(1).shuffle(expected)
    assert order.tolist() == expected.tolist()
    assert not lengths
