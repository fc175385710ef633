"""exp, log, tanh and their relatives in C: special values as NumPy's, errors against mpmath."""

from __future__ import annotations

import functools
from typing import Any, Final

import numpy as np
import pytest

from tests.native.functions import (
    EXACT,
    TYPES,
    Array,
    Prepared,
    errors,
    exact,
    operands,
    points,
    run,
    special_points,
)
from tinygrad_mlp._native._library import Library

LIMITS: Final[dict[str, tuple[float, float]]] = {
    "exp": (1.1, 1.1),
    "exp2": (1.4, 1.4),
    "expm1": (1.5, 1.4),
    "log": (1.0, 1.0),
    "log2": (1.1, 1.2),
    "log10": (1.1, 1.2),
    "log1p": (1.0, 1.0),
    "sinh": (1.5, 1.4),
    "cosh": (1.5, 1.7),
    "tanh": (1.2, 1.2),
    "sin": (1.0, 1.0),
    "cos": (1.0, 1.0),
    "tan": (1.0, 1.0),
    "arcsin": (1.0, 1.0),
    "arccos": (1.0, 1.0),
    "arctan": (1.0, 1.0),
    "power": (1.3, 1.3),
    "erfc": (2.0, 2.0),
}
"""The largest error in units of the last digit, for doubles and for floats."""

NAMES: Final = sorted(EXACT)
OF_ONE_NUMBER: Final = [name for name in NAMES if name != "power"]

each_type = pytest.mark.parametrize("dtype", TYPES)
each_name = pytest.mark.parametrize("name", NAMES)
each_name_of_one_number = pytest.mark.parametrize("name", OF_ONE_NUMBER)


@functools.cache
def true_results(name: str, dtype: Any) -> tuple[tuple[Array, ...], tuple[Array, Array, Array]]:
    """Operands and true results, worked out once."""
    of = operands(name, dtype, 400, np.random.default_rng(1))
    return of, exact(name, *of)


def test_each_function_has_its_limit() -> None:
    assert sorted(LIMITS) == NAMES


@each_type
@each_name
def test_a_result_is_near_the_true_one(each_library: Library, name: str, dtype: Any) -> None:
    of, true = true_results(name, dtype)
    found = errors(run(each_library, name, *of), true)
    assert np.count_nonzero(np.isfinite(true[0])) > found.size // 10
    worst = found.argmax()
    assert found[worst] <= LIMITS[name][TYPES.index(dtype)], [float(x[worst]).hex() for x in of]


@each_type
@pytest.mark.parametrize("name", [name for name in OF_ONE_NUMBER if hasattr(np, name)])
def test_special_values_are_as_in_numpy(each_library: Library, name: str, dtype: Any) -> None:
    x = special_points(dtype)
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(x)
    results = run(each_library, name, x)
    special = ~np.isfinite(expected) | (expected == 0.0) | (np.abs(expected) == 1.0)
    assert np.count_nonzero(special) >= 4
    np.testing.assert_array_equal(results[special], expected[special])
    zero = expected == 0.0
    np.testing.assert_array_equal(results == 0.0, zero)
    np.testing.assert_array_equal(np.signbit(results[zero]), np.signbit(expected[zero]))
    info = np.finfo(dtype)
    np.testing.assert_allclose(results, expected, 4 * info.eps, info.smallest_subnormal)


@each_type
def test_special_powers_are_as_in_numpy(each_library: Library, dtype: Any) -> None:
    info = np.finfo(dtype)
    whole = np.array([2.0, 3.0, 2.0 / info.eps, 2.0 / info.eps - 1.0, 1.0 / info.eps + 1.0], dtype)
    x = np.concatenate([special_points(dtype), whole, -whole, np.array([0.5, -0.5, 1.5], dtype)])
    x, y = (np.ascontiguousarray(part.ravel()) for part in np.meshgrid(x, x))
    with np.errstate(all="ignore"):
        expected = np.power(x, y)
    results = run(each_library, "power", x, y)
    special = ~np.isfinite(expected) | (expected == 0.0) | (np.abs(expected) == 1.0)
    np.testing.assert_array_equal(results[special], expected[special])
    signed = special & ~np.isnan(expected)  # nan has the sign that the processor gives it
    np.testing.assert_array_equal(np.signbit(results[signed]), np.signbit(expected[signed]))
    np.testing.assert_allclose(results, expected, 4 * info.eps, info.smallest_subnormal)


@each_type
def test_a_power_is_the_same_wherever_its_numbers_stand(each_library: Library, dtype: Any) -> None:
    x, y = operands("power", dtype, 16, np.random.default_rng(2))
    together = run(each_library, "power", x, y)
    each = range(x.size)
    alone = [run(each_library, "power", x[i : i + 1], y[i : i + 1]) for i in each]
    np.testing.assert_array_equal(np.concatenate(alone), together)
    of_one = [run(each_library, "power", x, y[i : i + 1])[i] for i in each]
    np.testing.assert_array_equal(of_one, together)


@each_type
def test_erfc_of_special_values(each_library: Library, dtype: Any) -> None:
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 40.0, -40.0, np.finfo(dtype).max], dtype)
    expected = np.array([1.0, 1.0, 0.0, 2.0, np.nan, 0.0, 2.0, 0.0], dtype)
    np.testing.assert_array_equal(run(each_library, "erfc", x), expected)


@each_type
@each_name_of_one_number
def test_a_result_is_the_same_wherever_its_number_stands(
    each_library: Library, name: str, dtype: Any
) -> None:
    x = np.concatenate([special_points(dtype), points(dtype, 100, np.random.default_rng(2))])
    together = run(each_library, name, x)
    alone = np.concatenate([run(each_library, name, x[i : i + 1]) for i in range(x.size)])
    np.testing.assert_array_equal(alone, together)
    apart = np.empty(2 * x.size, dtype)
    Prepared(each_library, name, apart[::2], np.repeat(x, 3)[::3])()
    np.testing.assert_array_equal(apart[::2], together)
    for n in range(40):
        np.testing.assert_array_equal(run(each_library, name, x[3 : 3 + n]), together[3 : 3 + n])


@each_type
@each_name_of_one_number
def test_a_result_may_take_the_place_of_its_number(
    each_library: Library, name: str, dtype: Any
) -> None:
    x = points(dtype, 200, np.random.default_rng(3))
    expected = run(each_library, name, x)
    Prepared(each_library, name, x, x)()
    np.testing.assert_array_equal(x, expected)


@each_type
@each_name_of_one_number
def test_variants_with_fused_products_have_the_same_results(
    library: Library, each_library: Library, name: str, dtype: Any
) -> None:
    x = points(dtype, 800, np.random.default_rng(4))
    mine, best = run(each_library, name, x), run(library, name, x)
    if each_library.variant == "v2":  # it rounds a product before the sum
        np.testing.assert_allclose(mine, best, 5 * np.finfo(dtype).eps)
    else:
        np.testing.assert_array_equal(mine, best)
