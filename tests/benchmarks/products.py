"""Products of matrices: the C library's own beside those of the BLAS that NumPy carries.

The operands lie as in a network whose samples come last: W X (rows that follow each other), W^T G
and G X^T. Only the time in the product counts for the library, as when it runs a program; NumPy's
has a call from Python around it, which is what a program on NumPy pays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from tests.benchmarks.contest import clock
from tests.benchmarks.timing import Timing, markdown, number
from tests.native.records import Array, prepared_product
from tinygrad_mlp._native import _library as native_library

__all__ = ["LAYOUTS", "SIZES", "operands", "report"]

SIZES: Final = (
    *[(16, 16, 16), (32, 1, 65), (65, 1, 32), (32, 16, 65), (32, 128, 65), (10, 128, 33)],
    *[(128, 32, 785), (64, 64, 64), (128, 128, 128), (256, 256, 256), (512, 512, 512)],
)
"""M, N, K: (M, K) times (K, N)."""
LAYOUTS: Final = ("W X", "Wᵀ G", "G Xᵀ")
ROUNDS: Final = 7
MULTIPLICATIONS: Final = 3_000_000
"""In a turn, at least."""


def operands(size: tuple[int, int, int], layout: str, dtype: Any) -> tuple[Array, Array, Array]:
    """Two matrices that lie so, and room for their product.

    >>> a, b, out = operands((2, 3, 4), "Wᵀ G", np.float64)
    >>> a.shape, a.flags.f_contiguous, b.flags.c_contiguous, out.shape
    ((2, 4), True, True, (2, 3))
    """
    m, n, k = size
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(m, k)).astype(dtype), rng.normal(size=(k, n)).astype(dtype)
    if layout == "Wᵀ G":
        a = np.asfortranarray(a)
    if layout == "G Xᵀ":
        b = np.asfortranarray(b)
    return a, b, np.empty((m, n), dtype)


def seconds_of(call: Callable[[], object], times: int) -> float:
    """Of one product, of so many in the call."""
    start = clock()
    call()
    return (clock() - start) / times


def report(seconds: float) -> str:
    """A table in Markdown; ``seconds`` is not needed, it takes some seconds."""
    library = native_library.load()
    if library is None:
        return f"No native library: {native_library.reason()}."
    rows = []
    for size in SIZES:
        n_multiplications = size[0] * size[1] * size[2]
        times = 1 + MULTIPLICATIONS // (n_multiplications + 1000)
        for layout in LAYOUTS:
            cells = []
            for dtype in (np.float64, np.float32):
                a, b, out = operands(size, layout, dtype)
                call = prepared_product(library, a, b, out, times)

                def numpy_calls(a: Array = a, b: Array = b, out: Array = out) -> None:
                    for _ in range(times):  # noqa: B023 - called in this round
                        np.matmul(a, b, out=out)

                ours, numpys = [], []
                for _ in range(ROUNDS):
                    ours.append(seconds_of(call, times))
                    numpys.append(seconds_of(numpy_calls, times))
                giga = 2e-9 * n_multiplications
                mine, theirs = Timing(ours), Timing(numpys)
                cells += [number(giga / mine.minimum), number(giga / theirs.minimum)]
                cells.append(number(theirs.over(mine)))
            rows.append([f"{size[0]} x {size[1]} x {size[2]}, {layout}", *cells])
    head = ["M x N x K", "f64 GF/s", "NumPy", "times as fast"]
    head += ["f32 GF/s", "NumPy", "times as fast"]
    return (
        f"Library {library.variant} of {library.compiler}, minima of {ROUNDS} turns; "
        f"its largest products by {library.blas or 'no BLAS'}.\n\n" + markdown(head, rows)
    )
