"""Gradient clipping against torch, for Values and for arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.optim import clip_by_norm, clip_by_value

Array = NDArray[Any]

GRADIENTS = [
    [3.0, -4.0],
    [0.03, -0.04, 0.0],
    [1e-300, 2e-300],
    [0.0, 0.0],
    [1e8, -1e-8, 5.0, -2.5],
    [1.0],
    [math.inf, 1.0, -2.0],
    [math.nan, 1.0],
    [math.nan, math.inf],
]

moderate_lists = st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=30)


def values_with(gradients: list[float]) -> list[Value]:
    values = [Value(0.0) for _ in gradients]
    for value, gradient in zip(values, gradients):
        value.grad = gradient
    return values


def torch_clip_by_norm(gradients: list[float], max_norm: float) -> tuple[float, Array]:
    parameter = torch.zeros(len(gradients), dtype=torch.float64, requires_grad=True)
    parameter.grad = torch.tensor(gradients, dtype=torch.float64)
    norm = torch.nn.utils.clip_grad_norm_([parameter], max_norm)
    return float(norm), parameter.grad.numpy()


def torch_clip_by_value(gradients: list[float], limit: float) -> Array:
    parameter = torch.zeros(len(gradients), dtype=torch.float64, requires_grad=True)
    parameter.grad = torch.tensor(gradients, dtype=torch.float64)
    torch.nn.utils.clip_grad_value_([parameter], limit)
    return parameter.grad.numpy()


def same(ours: object, theirs: object) -> Any:
    return ours == pytest.approx(theirs, rel=1e-14, abs=0.0, nan_ok=True)


@pytest.mark.parametrize("max_norm", [0.01, 1.0, 5.0, 7.0])
@pytest.mark.parametrize("gradients", GRADIENTS)
def test_clipping_by_norm_is_that_of_torch(gradients: list[float], max_norm: float) -> None:
    their_norm, theirs = torch_clip_by_norm(gradients, max_norm)

    array = np.array(gradients)
    assert same(clip_by_norm(array, max_norm), their_norm)
    assert same(array, theirs)

    values = values_with(gradients)
    assert same(clip_by_norm(values, max_norm), their_norm)
    assert same([value.grad for value in values], theirs)


@given(gradients=moderate_lists, max_norm=st.floats(1e-3, 1e6))
def test_after_clipping_the_norm_is_in_bounds_and_the_direction_kept(
    gradients: list[int], max_norm: float
) -> None:
    before = np.array(gradients, dtype=np.float64)
    after = before.copy()
    norm = clip_by_norm(after, max_norm)
    assert np.linalg.norm(after) <= max_norm * (1.0 + 1e-12)
    factor = min(1.0, max_norm / (norm + 1e-6))
    assert after == pytest.approx(before * factor, rel=1e-14, abs=0.0)


@pytest.mark.parametrize("limit", [0.01, 1.0, 3.0])
@pytest.mark.parametrize("gradients", GRADIENTS)
def test_clipping_by_value_is_that_of_torch(gradients: list[float], limit: float) -> None:
    theirs = torch_clip_by_value(gradients, limit)

    array = np.array(gradients)
    clip_by_value(array, limit)
    assert same(array, theirs)

    values = values_with(gradients)
    clip_by_value(values, limit)
    assert same([value.grad for value in values], theirs)


def test_a_small_norm_changes_no_bit() -> None:
    gradients = [0.1, -0.2, 0.3]
    array, values = np.array(gradients), values_with(gradients)
    assert clip_by_norm(array, 1.0) == clip_by_norm(values, 1.0)
    assert array.tolist() == [value.grad for value in values] == gradients


def test_the_small_number_in_the_denominator_is_that_of_torch() -> None:
    array = np.array([1.0])
    clip_by_norm(array, 1.0)
    assert array.item() == 1.0 / (1.0 + 1e-6)


def test_a_norm_whose_square_overflows_is_still_a_number() -> None:
    array = np.array([3e200, -4e200])
    assert clip_by_norm(array, 1.0) == pytest.approx(5e200)
    assert array == pytest.approx([0.6, -0.8])


def test_values_and_an_array_give_the_same_bits() -> None:
    gradients = np.random.default_rng(3).normal(size=50)
    values = values_with(gradients.tolist())
    assert clip_by_norm(gradients, 0.5) == clip_by_norm(values, 0.5)
    assert gradients.tolist() == [value.grad for value in values]


@pytest.mark.parametrize("shape", [(12,), (3, 4), (2, 3, 2)])
def test_an_array_may_have_any_shape_and_keeps_its_dtype(shape: tuple[int, ...]) -> None:
    array = np.full(shape, 2.0, dtype=np.float32)
    norm = clip_by_norm(array, 1.0)
    assert norm == pytest.approx(2.0 * math.sqrt(12.0), rel=1e-6)
    assert array.dtype == np.float32
    assert array == pytest.approx(np.full(shape, 1.0 / math.sqrt(12.0)), rel=1e-5)
    clip_by_value(array, 0.1)
    assert array.tolist() == np.full(shape, 0.1, dtype=np.float32).tolist()


@pytest.mark.parametrize("clip", [clip_by_norm, clip_by_value])
def test_a_gradient_that_was_never_computed_stays_so(clip: Any) -> None:
    first, second = values_with([5.0, 0.0])
    second.zero_grad()
    clip([first, second], 1.0)
    assert first.grad == pytest.approx(1.0, rel=1e-6)
    assert not second.has_grad


@pytest.mark.parametrize("clip", [clip_by_norm, clip_by_value])
def test_values_may_come_from_a_generator(clip: Any) -> None:
    values = values_with([3.0, 4.0])
    clip((value for value in values), 1.0)
    assert max(value.grad for value in values) < 1.1


def test_no_gradients_have_the_norm_zero() -> None:
    assert clip_by_norm([], 1.0) == 0.0
    assert clip_by_norm([Value(1.0)], 1.0) == 0.0


@pytest.mark.parametrize("bound", [0.0, -1.0, math.nan, math.inf, "1", None])
def test_a_wrong_bound_is_refused(bound: Any) -> None:
    with pytest.raises(
        InvalidArgumentError,
        match=r"max_norm is .*, but a (finite )?number > 0 is needed: .*max_norm=1",
    ):
        clip_by_norm(np.ones(2), bound)
    with pytest.raises(InvalidArgumentError, match=r"limit is .*, but a (finite )?number > 0"):
        clip_by_value(np.ones(2), bound)


@pytest.mark.parametrize("clip", [clip_by_norm, clip_by_value])
@pytest.mark.parametrize("values", [3.0, np.ones(2, dtype=int), None])
def test_what_has_no_gradients_is_refused(clip: Any, values: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="expected Values or an array of floats"):
        clip(values, 1.0)
