"""Matrix products within each sample, by ``matmul`` on copies: when, and that they are right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_mlp.compiler._backends import sample_products
from tinygrad_mlp.compiler._backends.sample_products import einsum_by_sample, is_worth_copying

SIZES = {"s": 2, "p": 3, "q": 4, "k": 5, "b": 6}


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("formula", ["spkb,sqkb->spqb", "spqb,sqkb->spkb", "spqb,spkb->sqkb"])
@pytest.mark.parametrize("n_samples", [1, 6, 64, 65])
def test_it_is_einsum_in_every_arrangement(formula: str, swapped: bool, n_samples: int) -> None:
    rng = np.random.default_rng(0)
    operands, result = formula.split("->")
    first, second = operands.split(",")
    sizes = {**SIZES, "b": n_samples}
    x, y = (rng.normal(size=[sizes[axis] for axis in axes]) for axes in (first, second))
    if swapped:
        formula, x, y = f"{second},{first}->{result}", y, x
    expected = np.einsum(formula, x, y)
    out = np.full(expected.shape, np.nan)
    assert einsum_by_sample(formula, x, y, out) is out
    np.testing.assert_allclose(out, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("n_samples", "left_out"), [(64, "einsum"), (65, "matmul")])
def test_up_to_64_samples_are_multiplied_one_by_one(
    n_samples: int, left_out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Without:
        def __getattr__(self, name: str) -> Any:
            assert name != left_out
            return getattr(np, name)

    monkeypatch.setattr(sample_products, "np", Without())
    x, y = np.ones((1, 70, 3, n_samples)), np.ones((1, 2, 3, n_samples))
    out = einsum_by_sample("spkb,sqkb->spqb", x, y, np.empty((1, 70, 2, n_samples)))
    assert (out == 3.0).all()


def test_a_product_is_worth_copies_of_a_fifth_of_it() -> None:
    assert is_worth_copying(15, 15, 15)  # 15^3 = 5 * 3 * 15^2
    assert not is_worth_copying(15, 15, 14)
    assert not is_worth_copying(14, 15, 15)
    assert not is_worth_copying(15, 14, 15)
    for shape in [(1, 500, 500), (500, 1, 500), (500, 500, 1)]:  # a copy costs as much
        assert not is_worth_copying(*shape)
    order: Callable[..., bool] = is_worth_copying
    assert order(60, 10, 20) == order(10, 60, 20) == order(20, 10, 60) is True
