"""exp, log, tanh and their relatives in C: special values as NumPy's, errors against mpmath."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pytest

from tests.native.functions import EXACT, TYPES, errors, exact, points, run, special_points
from tinygrad_mlp._native._library import FOLDER, Library, machine, reported_features, search, variants_of

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
}
"""The largest error in units of the last digit, for doubles and for floats."""

NAMES: Final = sorted(EXACT)


def true_results() -> Any:
    """Points and true results for each function and type, worked out once."""
    known: dict[tuple[str, Any], Any] = {}

    def of(name: str, dtype: Any) -> Any:
        if (name, dtype) not in known:
            x = points(dtype, 800, np.random.default_rng(1))
            known[name, dtype] = x, exact(name, x)
        return known[name, dtype]

    return of


of = true_results()


def test_the_limits_are_those_of_all_functions() -> None:
    assert sorted(LIMITS) == NAMES


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", NAMES)
def test_a_result_is_near_the_true_one(each_library: Library, name: str, dtype: Any) -> None:
    x, true = of(name, dtype)
    found = errors(run(each_library, name, x), true)
    assert np.count_nonzero(~np.isnan(true[0])) > x.size // 10
    worst = found.argmax()
    assert found[worst] <= LIMITS[name][TYPES.index(dtype)], float(x[worst]).hex()


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", [name for name in NAMES if hasattr(np, name)])
def test_special_values_are_as_in_numpy(each_library: Library, name: str, dtype: Any) -> None:
    x = special_points(dtype)
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(x)
    results = run(each_library, name, x)
    special = ~np.isfinite(expected) | (expected == 0.0) | (np.abs(expected) == 1.0)
    assert np.count_nonzero(special) >= 4
    np.testing.assert_array_equal(results[special], expected[special])
    np.testing.assert_array_equal(np.signbit(results[expected == 0.0]), np.signbit(expected[expected == 0.0]))
    np.testing.assert_allclose(results, expected, rtol=4 * np.finfo(dtype).eps, atol=np.finfo(dtype).smallest_subnormal)
