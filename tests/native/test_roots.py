"""Square roots beside a division: the library takes them by multiplications, rounded as IEEE says.

One unit of a processor does both, one after the other; ``root`` in ``functions.h`` leaves it to the
division. NumPy's root is the processor's, the nearest number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from math import inf, nan

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.native.records import Array, prepared
from tinygrad_mlp._native._library import Library

Divided = Callable[..., Array]


def divided_by_root(library: Library, x: Array, y: Array, z: float = 0.0) -> Array:
    """x / (root of y + z)."""
    out = np.empty_like(x)
    arrays = (out, x, y, np.array([z], x.dtype))
    in_order, single = (0, 0, 0, 0, 1), (0, 0, 0, 0, 0)
    steps = (in_order, in_order, in_order, single)
    prepared(library, "divide_by_root", (1, 1, 1, 1, len(x)), arrays, steps)()
    return out


def divided_by_adam(library: Library, x: Array, y: Array, z: float = 0.0) -> Array:
    """The same as a step of Adam, whose averages stay; there the roots may be those of vectors."""
    out, nothing, kept = np.full_like(x, -0.0), np.zeros_like(x), (x.copy(), y.copy())
    coefficients = np.array([1.0, 1.0, -1.0, z], x.dtype)
    arrays = (out, nothing, *kept, coefficients)
    in_order, single = (0, 0, 0, 0, 1), (0, 0, 0, 0, 0)
    steps = (*[in_order] * 4, single)
    prepared(library, "adam", (1, 1, 1, 1, len(x)), arrays, steps)()
    return out


BY = pytest.mark.parametrize("divided", [divided_by_root, divided_by_adam])


def nearly_halfway(n: int) -> Iterator[float]:
    """All numbers from 1 to 4 whose roots are so near to the middle of two floats: 8 n / 2^56 ulp.

    With N odd, N / 2^53 is such a middle; X 2^k / 2^106 is a float from 1 to 2 for k = 54, from 2
    to 4 for k = 55. Near is N^2 = X 2^k + r with a small r. An odd square is 1 modulo 8, so r is;
    and for each r four N, modulo 2^k, solve N^2 = r, which are found bit by bit.
    """
    for k in (54, 55):
        for r in range(1 - 8 * n, 8 * n, 8):
            root = 1
            for bits in range(3, k):
                root += ((root * root - r) >> bits & 1) << (bits - 1)
            for solution in (root, -root, root + 2 ** (k - 1), 2 ** (k - 1) - root):
                number, rest = divmod((solution % 2**k) ** 2 - r, 2**k)
                assert rest == 0
                if 2**52 <= number < 2**53 and 2**53 < solution % 2**k < 2**54:
                    yield number * 2.0 ** (k - 106)


HARD = sorted(nearly_halfway(50))


def test_there_are_hard_ones() -> None:
    """From 2 to the 106th power on, an integer tells how near the root is to a middle."""
    assert len(HARD) > 100
    for x in HARD:
        scaled = int(x * 2.0**52) << 54
        middle = 2 * (int(np.sqrt(x) * 2.0**52)) + 1
        nearest = min(range(middle - 2, middle + 3, 2), key=lambda m: abs(m * m - scaled))
        assert abs(nearest**2 - scaled) <= 400


@BY
@pytest.mark.parametrize("power", [0, 100, -100, 510, -449, -450, -451, -500])
def test_a_root_is_the_nearest_number(library: Library, power: int, divided: Divided) -> None:
    rng = np.random.default_rng(0)
    edges = [*(4.0 - 2.0**-51 * np.arange(1, 50)), *(1.0 + 2.0**-52 * np.arange(50)), 2.0]
    y = 4.0**power * np.array([*HARD, *rng.uniform(1.0, 4.0, 20000), *edges])
    assert_array_equal(divided(library, np.sqrt(y), y), np.ones(len(y)))


@BY
def test_roots_of_special_numbers(library: Library, divided: Divided) -> None:
    y = np.array([0.0, -0.0, inf, nan, -1.0, -inf, 5e-324, -5e-324, 2.2e-308, 1.7e308] * 4)
    if divided is divided_by_adam:
        y += 0.0  # as an average of squares, to which one is added, is never -0.0
    for x, z in product((1.0, -3.0, 0.0), (0.0, -0.0, 0.25)):
        with np.errstate(all="ignore"):
            expected = x / (np.sqrt(y) + z)
        found = divided(library, np.full(len(y), x), y, z)
        assert_array_equal(found, expected)
        known = ~np.isnan(expected)
        assert_array_equal(np.signbit(found[known]), np.signbit(expected[known]))


@BY
def test_roots_in_float32(library: Library, divided: Divided) -> None:
    y = np.random.default_rng(0).uniform(1.0, 4.0, 1000).astype(np.float32)
    assert_array_equal(divided(library, np.sqrt(y), y), np.ones(1000, np.float32))
