"""Mean and spread against exact fractions, and which columns are constant but for rounding."""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np
import pytest

from tinygrad_mlp.data import StandardScaler
from tinygrad_mlp.data._spread import is_constant, is_rounding, mean_and_spread
from tinygrad_mlp.errors import DataError


def exactly(column: list[float]) -> tuple[float, float]:
    """Mean and standard deviation, in fractions until the root is rounded."""
    return statistics.mean(column), statistics.pstdev(column)


@pytest.mark.parametrize(
    "column",
    [
        [1.0, 2.0, 4.0],
        [1e-20, 2e-20, 3e-20],
        [1e-300, 1.5e-300, 4e-300],
        [1e300, 2e300, 3e300],
        [1.0e308, 1.1e308, 1.7e308],
        [1e9 + k / 64 for k in range(1000)],
        [1.7e9 + 1e-3 * ((7919 * k) % 1000) for k in range(50_000)],
        [-5.0, 1e-200, 5.0],
    ],
    ids=lambda column: f"{column[:3]}",
)
def test_mean_and_spread_are_those_of_exact_arithmetic(column: list[float]) -> None:
    mean, spread = mean_and_spread(np.array(column).reshape(-1, 1))
    expected_mean, expected_spread = exactly(column)
    # Of numbers with a large offset, the mean itself cannot be told to more than eps |mean|.
    eps = np.finfo(np.float64).eps
    np.testing.assert_allclose(mean, expected_mean, rtol=2 * eps, atol=1e-16 * max(column[-1], 0))
    np.testing.assert_allclose(spread, expected_spread, rtol=1e-13)


def test_the_mean_of_a_long_column_keeps_its_digits() -> None:
    column = [1.7e9 + k * 1e-6 for k in range(100_000)]
    X = np.column_stack([column, column])  # of several columns, NumPy adds up one by one
    mean, spread = mean_and_spread(X)
    expected_mean, expected_spread = exactly(column)
    np.testing.assert_allclose(mean, expected_mean, rtol=2**-52)
    np.testing.assert_allclose(spread, expected_spread, rtol=1e-9)


def ulps(start: float, *steps: int) -> list[float]:
    """Numbers so many floats above the first one."""
    return [start + k * math.ulp(start) for k in steps]


# scikit-learn 1.9 decides so too (whether StandardScaler().fit(X).scale_ is 1), unless a comment
# says otherwise.
@pytest.mark.parametrize(
    ("column", "constant"),
    [
        ([0.3, 0.1 + 0.2, 0.3, 0.1 + 0.2], True),
        ([1 / 3, 1 / 3 + 6e-17] * 500, True),
        (ulps(1e8, 0, 1, 0), True),
        (ulps(-7.0, 0, 1, 2, 3, 2, 1), True),
        ([sum([0.1] * 10), 1.0, 0.1 * 10], True),
        ([1e16, 1e16 + 2, 1e16 + 4], True),
        ([7.0], True),
        ([1e-310], True),
        ([0.0, 0.0], True),
        ([1.7e308, 1.7e308], True),  # scikit-learn's mean is inf there
        ([1e-20, 2e-20, 3e-20], False),
        ([1e-200, 2e-200, 3e-200], False),  # scikit-learn's variance is 0 there
        ([1e-320, 9e-320], False),  # likewise
        ([5e-324, 1e-323, 1.5e-323], True),
        ([1e300, 2e300], False),  # scikit-learn's variance is inf there
        (ulps(1e8, 0, 1000, 2000), False),
        ([1e15, 1e15 + 1, 1e15 + 20], False),
        ([1e16, 1e16 + 2000], False),
        ([0.0, 1e-17], False),
        ([-1e-17, 1e-17] * 50, False),
        ([1.7e9 + k * 1e-6 for k in range(100_000)], False),  # constant for scikit-learn
    ],
    ids=lambda value: f"{value[:3]}" if isinstance(value, list) else None,
)
def test_a_column_is_constant_where_its_spread_is_rounding(
    column: list[float], constant: bool
) -> None:
    X = np.array(column).reshape(-1, 1)
    assert is_constant(X).tolist() == [constant]
    scaler = StandardScaler().fit(X)
    assert bool(scaler.scale_[0] == 1.0) is constant
    if not constant:
        np.testing.assert_allclose(scaler.scale_, exactly(column)[1], rtol=1e-3)


@pytest.mark.parametrize(
    ("column", "constant"),
    [
        (np.array([0.1, 0.1]) + np.array([0.2, np.float32(0.2)]), False),  # float64: 3e-9 apart
        (np.array([0.3, np.nextafter(np.float32(0.3), np.float32(1))], np.float32), True),
        (np.array([1.0, 1.0 + 2**-23, 1.0], np.float32), True),
        (np.array([1e8, 1e8 + 8, 1e8 + 16], np.float32), False),
        (np.array([293.15, 293.16], np.float32), False),
    ],
)
def test_float32_numbers_are_rounded_more_coarsely(column: Any, constant: bool) -> None:
    X = np.asarray(column).reshape(-1, 1)
    assert bool(StandardScaler().fit(X).scale_[0] == 1.0) is constant


def test_a_new_number_is_not_blown_up_by_rounding() -> None:
    scaler = StandardScaler().fit([[0.3], [0.1 + 0.2], [0.3]])
    np.testing.assert_allclose(scaler.transform([[0.31]]), 0.01, rtol=1e-12)
    np.testing.assert_allclose(scaler.inverse_transform([[0.01]]), 0.31, rtol=1e-12)


def test_a_number_beyond_all_floats_is_named() -> None:
    scaler = StandardScaler().fit([[0.0, 1e-320], [1.0, 9e-320]])
    with pytest.raises(DataError, match=r"X\[1, 1\] is 1\.0, too far from the mean 5e-320"):
        scaler.transform([[0.0, 5e-320], [0.0, 1.0]])


EPS, TINY = 2.0**-52, 5e-324


@pytest.mark.parametrize(
    ("mean", "n", "dtype", "bound"),
    [
        (1.0, 4, "f8", 4 * EPS),
        (-2.0, 4, "f8", 8 * EPS),
        (1.0, 99, "f8", 99 * EPS),
        (1.0, 101, "f8", 100 * EPS),
        (1.0, 10**6, None, 100 * EPS),
        (0.0, 3, "f8", 3 * TINY),
        (1e-310, 2, None, 2 * TINY),
        (1.0, 4, "f4", 2.0**-24),  # half the step of a float32
        (-2.0, 4, "f4", 2.0**-23),
        (0.0, 3, "f4", 3 * TINY),
        (1.0, 4, "f2", 4 * EPS),
    ],
)
def test_the_largest_spread_that_is_rounding(
    mean: float, n: int, dtype: str | None, bound: float
) -> None:
    means = np.full(2, mean)
    spreads = np.array([bound, np.nextafter(bound, 1.0)])
    of = None if dtype is None else np.dtype(dtype)
    assert is_rounding(means, spreads, n, of).tolist() == [True, False]


def test_columns_of_any_type_are_constant_as_their_numbers_are() -> None:
    near = np.array([[1.0], [1.0 + 2.0**-30]])
    assert is_constant(near).tolist() == [False]
    assert is_constant(near, np.dtype("f4")).tolist() == [True]
    assert is_constant(np.array([[2.0], [1.0]]), np.dtype("f4")).tolist() == [False]
