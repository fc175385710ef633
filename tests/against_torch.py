"""Comparing Values with torch tensors: the same numbers in both, and what counts as agreement."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tinygrad_mlp.engine import Value


def values_of(array: NDArray[np.float64]) -> Any:
    """Leaf Values in lists nested as the array is."""
    return [values_of(row) for row in array] if array.ndim else Value(float(array))


def tensor_of(array: Any, requires_grad: bool = False) -> torch.Tensor:
    """The array as a float64 tensor."""
    return torch.tensor(np.asarray(array, dtype=np.float64), requires_grad=requires_grad)


def data_of(nest: Any) -> Any:
    """The numbers in nested lists of Values."""
    return [data_of(row) for row in nest] if isinstance(nest, list) else nest.data


def grad_of(nest: Any) -> Any:
    """The gradients in nested lists of Values."""
    return [grad_of(row) for row in nest] if isinstance(nest, list) else nest.grad


def assert_close(ours: Any, theirs: Any, relative: float = 1e-12) -> None:
    """Agreement of two arrays relative to the largest number in them.

    Relative to the largest, because the sums of a network cancel: one gradient in an array may be a
    thousand times smaller than the terms that it was added up from, and carries their rounding.
    """
    expected = np.asarray(theirs.detach() if isinstance(theirs, torch.Tensor) else theirs)
    found = np.asarray(ours, dtype=np.float64)
    assert found.shape == expected.shape
    finite = np.abs(expected[np.isfinite(expected)])
    scale = float(finite.max()) if finite.size else 0.0
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=relative * scale)
