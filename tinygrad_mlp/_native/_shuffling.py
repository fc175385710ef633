"""The order of NumPy's ``RandomState.shuffle``, in less time: its draws are the same for ever."""

from __future__ import annotations

from ctypes import c_void_p, cast
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._native._library import address_of, in_use

__all__ = ["shuffle"]

FEWEST: Final = 50_000
"""Of fewer numbers, which stay in a cache, NumPy takes as little time."""


def shuffle(order: NDArray[np.int64], random_state: np.random.RandomState) -> None:
    """As ``random_state.shuffle(order)``: the order and the state afterwards are the same.

    For many numbers the C library takes less time: it does not wait for each of them to come from
    memory.

    Args:
        order: the numbers, (n,), changed in place.
        random_state: what is drawn from.

    >>> order = np.arange(4)
    >>> shuffle(order, np.random.RandomState(0))
    >>> order
    array([2, 3, 1, 0])
    """
    library = in_use() if len(order) >= FEWEST else None
    generator = getattr(random_state, "_bit_generator", None)
    is_plain = order.dtype == np.int64 and order.ndim == 1 and order.flags.carray
    is_known = type(random_state) is np.random.RandomState
    if library is None or generator is None or not (is_plain and is_known and len(order) < 2**32):
        random_state.shuffle(order)
        return
    draws = generator.ctypes
    with generator.lock:
        library.shuffle(
            *(address_of(order), len(order)), cast(draws.next_uint32, c_void_p), draws.state_address
        )
