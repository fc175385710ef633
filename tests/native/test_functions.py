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
    "erfc": (2.0, 2.0),
}
"""The largest error in units of the last digit, for doubles and for floats."""

NAMES: Final = sorted(EXACT)

each_type = pytest.mark.parametrize("dtype", TYPES)
each_name = pytest.mark.parametrize("name", NAMES)


@functools.cache
def true_results(name: str, dtype: Any) -> tuple[Array, tuple[Array, Array, Array]]:
    """Points and true results, worked out once."""
    x = points(dtype, 800, np.random.default_rng(1))
    return x, exact(name, x)


def test_each_function_has_its_limit() -> None:
    assert sorted(LIMITS) == NAMES


@each_type
@each_name
def test_a_result_is_near_the_true_one(each_library: Library, name: str, dtype: Any) -> None:
    x, true = true_results(name, dtype)
    found = errors(run(each_library, name, x), true)
    assert np.count_nonzero(np.isfinite(true[0])) > x.size // 10
    worst = found.argmax()
    assert found[worst] <= LIMITS[name][TYPES.index(dtype)], float(x[worst]).hex()


@each_type
@pytest.mark.parametrize("name", [name for name in NAMES if hasattr(np, name)])
def test_special_values_are_as_in_numpy(each_library: Library, name: str, dtype: Any) -> None:
    x = special_points(dtype)
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(x)
    results = run(each_library, name, x)
    special = ~np.isfinite(expected) | (expected == 0.0) | (np.abs(expected) == 1.0)
    assert np.count_nonzero(special) >= 4
    np.testing.assert_array_equal(results[special], expected[special])
    zero = expected == 0.0
    np.testing.assert_array_equal(np.signbit(results[zero]), np.signbit(expected[zero]))
    info = np.finfo(dtype)
    np.testing.assert_allclose(results, expected, 4 * info.eps, info.smallest_subnormal)


@each_type
def test_erfc_of_special_values(each_library: Library, dtype: Any) -> None:
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 40.0, -40.0, np.finfo(dtype).max], dtype)
    expected = np.array([1.0, 1.0, 0.0, 2.0, np.nan, 0.0, 2.0, 0.0], dtype)
    np.testing.assert_array_equal(run(each_library, "erfc", x), expected)


@each_type
@each_name
def test_a_result_is_the_same_wherever_its_number_stands(
    each_library: Library, name: str, dtype: Any
) -> None:
    x = np.concatenate([special_points(dtype), points(dtype, 200, np.random.default_rng(2))])
    together = run(each_library, name, x)
    alone = np.concatenate([run(each_library, name, x[i : i + 1]) for i in range(x.size)])
    np.testing.assert_array_equal(alone, together)
    apart = np.empty(2 * x.size, dtype)
    Prepared(each_library, name, apart[::2], np.repeat(x, 3)[::3])()
    np.testing.assert_array_equal(apart[::2], together)
    for n in range(70):
        np.testing.assert_array_equal(run(each_library, name, x[3 : 3 + n]), together[3 : 3 + n])


@each_type
@each_name
def test_a_result_may_take_the_place_of_its_number(
    each_library: Library, name: str, dtype: Any
) -> None:
    x = points(dtype, 200, np.random.default_rng(3))
    expected = run(each_library, name, x)
    Prepared(each_library, name, x, x)()
    np.testing.assert_array_equal(x, expected)


@each_type
@each_name
def test_variants_with_fused_products_have_the_same_results(
    library: Library, each_library: Library, name: str, dtype: Any
) -> None:
    x = points(dtype, 800, np.random.default_rng(4))
    mine, best = run(each_library, name, x), run(library, name, x)
    if each_library.variant == "v2":  # it rounds a product before the sum
        np.testing.assert_allclose(mine, best, 5 * np.finfo(dtype).eps)
    else:
        np.testing.assert_array_equal(mine, best)
