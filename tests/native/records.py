"""Products of matrices as records, for tests and timings of these kernels alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._native._library import Library
from tinygrad_mlp._native._structs import RECORD

__all__ = ["Array", "prepared", "prepared_product", "strides"]

Array: TypeAlias = NDArray[Any]


def strides(x: Array) -> list[int]:
    """In elements."""
    return [stride // x.itemsize for stride in x.strides]


def prepared(
    library: Library,
    operation: str,
    extents: Sequence[int],
    arrays: Sequence[Array],
    steps: Sequence[Sequence[int]],
    times: int = 1,
) -> Callable[[], None]:
    """A call that runs a record so many times: the result, the operands, and their five strides."""
    records = np.zeros(times, RECORD)
    records["operation"] = library.operations[operation]
    records["extent"] = extents
    records["out"]["stride"] = steps[0]
    for place, of_operand in enumerate(steps[1:]):
        records["in"]["base"][:, place] = place + 1
        records["in"]["stride"][:, place] = of_operand
    memory = np.array([x.__array_interface__["data"][0] for x in arrays], np.uintp)
    run, addresses = library.run[arrays[0].dtype], (records.ctypes.data, memory.ctypes.data)

    def call(kept: object = (records, memory, arrays)) -> None:
        run(addresses[0], times, addresses[1])

    return call


def prepared_product(
    library: Library, a: Array, b: Array, out: Array, times: int = 1
) -> Callable[[], None]:
    """A call that computes out = a @ b."""
    (am, ak), (bk, bn), (cm, cn) = strides(a), strides(b), strides(out)
    return prepared(
        library,
        "product",
        (1, a.shape[0], b.shape[1], a.shape[1], 1),
        (out, a, b),
        ((0, cm, cn, 0, 0), (0, am, 0, ak, 0), (0, 0, bn, bk, 0)),
        times,
    )
