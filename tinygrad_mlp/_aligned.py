"""Arrays that begin where a cache line does.

The widest vectors are as long as a cache line. In an array that begins elsewhere each of them lies
in two lines, and to read or write it is twice the work.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["aligned", "aligned_zeros"]

_LINE: Final = 64
"""Bytes of a cache line, on x86-64 and on most ARM processors."""


def aligned_zeros(size: int, dtype: DTypeLike) -> NDArray[Any]:
    """A new array of zeros that begins where a cache line does.

    >>> aligned_zeros(3, "float64"), aligned_zeros(3, "float32").ctypes.data % 64
    (array([0., 0., 0.]), 0)
    """
    n_bytes = size * np.dtype(dtype).itemsize
    memory = np.zeros(n_bytes + _LINE, np.uint8)
    start = -memory.__array_interface__["data"][0] % _LINE
    return memory[start : start + n_bytes].view(dtype)


def aligned(array: NDArray[Any]) -> NDArray[Any]:
    """A flat copy that begins where a cache line does.

    >>> aligned(np.array([1.5, 2.5])), aligned(np.array([1.5, 2.5])).ctypes.data % 64
    (array([1.5, 2.5]), 0)
    """
    copy = aligned_zeros(array.size, array.dtype)
    copy[:] = array.ravel()
    return copy
