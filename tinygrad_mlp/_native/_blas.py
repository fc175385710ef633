"""The BLAS that NumPy carries: the C library calls it for products of large matrices.

The library has products of its own, which win for all sizes that fit the caches. A BLAS wins for
larger ones, and for less large ones where it may use more threads than one. From which size on
depends on the kernels it took for this processor; the table below was measured.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

__all__ = ["Blas", "find", "use"]

NAMES: Final = ("scipy_cblas_{}gemm64_", "cblas_{}gemm64_")
"""Of products with integers of 64 bits: in NumPy's wheels from 2.0 on, and before."""
ABOUT: Final = ("scipy_openblas_{}64_", "openblas_{}64_")
"""Of what else is asked: the kernels it took, and how many threads it may use."""

LEAST: Final[dict[tuple[str, str], int]] = {
    ("v4", "SkylakeX"): 1024,
    ("v4", "Haswell"): 2048,
    ("v3", "Haswell"): 384,
}
"""By variant of our library and kernels of the BLAS: the n from which on n x n matrices are
multiplied faster by the BLAS, both on one thread; in float64 and float32 it was the same."""
LEAST_ELSEWHERE: Final = 768
LEAST_OF_THREADS: Final = 192
"""The same where the BLAS may use more threads than one."""


@dataclass(frozen=True)
class Blas:
    """A BLAS and when to call it.

    Attributes:
        path: the file it was found in.
        kernels: for which processor, as OpenBLAS names it.
        n_threads: how many it may use, when it was looked up.
        float64: the address of the product in float64.
        float32: the same in float32.
    """

    path: str
    kernels: str
    n_threads: int
    float64: int
    float32: int

    def least(self, variant: str) -> int:
        """The n from which on a variant of our library leaves n x n matrices to it.

        >>> Blas("libopenblas.so", "SkylakeX", 1, 0, 0).least("v4")
        1024
        >>> Blas("libopenblas.so", "SkylakeX", 4, 0, 0).least("v4")
        192
        """
        if self.n_threads > 1:
            return LEAST_OF_THREADS
        return LEAST.get((variant, self.kernels), LEAST_ELSEWHERE)

    def describe(self, variant: str) -> str:
        """For a summary.

        >>> Blas("libopenblas.so", "SkylakeX", 1, 0, 0).describe("v4")
        'OpenBLAS (SkylakeX, 1 thread) from 1024 x 1024 x 1024 on'
        """
        threads = "1 thread" if self.n_threads == 1 else f"{self.n_threads} threads"
        size = " x ".join([str(self.least(variant))] * 3)
        return f"OpenBLAS ({self.kernels}, {threads}) from {size} on"


def find() -> Blas | None:
    """The BLAS of NumPy, or None where it carries none whose names are known.

    >>> blas = find()
    >>> blas is None or (blas.n_threads >= 1 and blas.float64 != blas.float32)
    True
    """
    for path in _files():
        try:
            library = ctypes.CDLL(str(path))
        except OSError:
            continue
        for name in NAMES:
            products: list[Any] = [getattr(library, name.format(letter), None) for letter in "ds"]
            if all(products):
                float64, float32 = (ctypes.cast(p, ctypes.c_void_p).value or 0 for p in products)
                kernels, n_threads = _about(library)
                return Blas(str(path), kernels, n_threads, float64, float32)
    return None


def use(library: ctypes.CDLL, blas: Blas, least: int) -> None:
    """Tell our library, once and before it runs anything, which BLAS to call, and for what.

    Args:
        library: ours.
        blas: NumPy's.
        least: it is called for least x least x least multiplications or more.

    >>> from types import SimpleNamespace
    >>> def told(gemm: int, multiplications: int) -> None:
    ...     print(gemm, multiplications)
    >>> ours = SimpleNamespace(use_blas_f64=told, use_blas_f32=told)
    >>> use(ours, Blas("libopenblas.so", "SkylakeX", 1, 64, 32), 10)
    64 1000
    32 1000
    """
    for suffix, gemm in (("f64", blas.float64), ("f32", blas.float32)):
        function = getattr(library, f"use_blas_{suffix}")
        function.argtypes, function.restype = (ctypes.c_void_p, ctypes.c_int64), None
        function(gemm, least**3)


def _files() -> Iterator[Path]:
    """The libraries that stand beside NumPy: on Linux and Windows, and on macOS."""
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs", package / ".libs"):
        yield from sorted(folder.glob("*openblas*"))


def _about(library: ctypes.CDLL) -> tuple[str, int]:
    """The name of the kernels and the number of threads."""
    kernels, n_threads = "unknown", 1
    for name in ABOUT:
        core = getattr(library, name.format("get_corename"), None)
        threads = getattr(library, name.format("get_num_threads"), None)
        if core is not None:
            core.restype = ctypes.c_char_p
            kernels = (core() or b"unknown").decode()
        if threads is not None:
            n_threads = int(threads())
    return kernels, n_threads
