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
from typing import Final

import numpy as np

__all__ = ["Blas", "find", "use"]

NAMES: Final = ("scipy_cblas_{}gemm64_", "cblas_{}gemm64_")
"""Of products with integers of 64 bits: in NumPy's wheels from 2.0 on, and before."""
ABOUT: Final = ("scipy_openblas_{}64_", "openblas_{}64_")
"""Of what else is asked: the kernels it took, and how many threads it may use."""

LEAST: Final[dict[str, tuple[int, int]]] = {
    "SkylakeX": (800, 800),
    "Haswell": (2048, 2048),
}
"""By kernels: the n from which on n x n matrices are multiplied faster by the BLAS on one thread, in
float64 and in float32."""
LEAST_ELSEWHERE: Final = (1024, 1024)
LEAST_OF_THREADS: Final = (192, 192)
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

    @property
    def least(self) -> tuple[int, int]:
        """The n from which on n x n matrices go to the BLAS, in float64 and in float32.

        >>> Blas("libopenblas.so", "SkylakeX", 1, 0, 0).least
        (800, 800)
        >>> Blas("libopenblas.so", "SkylakeX", 4, 0, 0).least
        (192, 192)
        """
        if self.n_threads > 1:
            return LEAST_OF_THREADS
        return LEAST.get(self.kernels, LEAST_ELSEWHERE)

    def __str__(self) -> str:
        """For a summary.

        >>> print(Blas("libopenblas.so", "SkylakeX", 1, 0, 0))
        OpenBLAS (SkylakeX, 1 thread) from 800 x 800 x 800 on
        """
        threads = "1 thread" if self.n_threads == 1 else f"{self.n_threads} threads"
        least = " (float32: ".join(f"{n} x {n} x {n}" for n in dict.fromkeys(self.least))
        end = ")" if "(" in least else ""
        return f"OpenBLAS ({self.kernels}, {threads}) from {least}{end} on"


def find() -> Blas | None:
    """The BLAS of NumPy, or None where it carries none whose names are known."""
    for path in _files():
        try:
            library = ctypes.CDLL(str(path))
        except OSError:
            continue
        for name in NAMES:
            products = [getattr(library, name.format(letter), None) for letter in "ds"]
            if all(products):
                float64, float32 = (ctypes.cast(p, ctypes.c_void_p).value or 0 for p in products)
                kernels, n_threads = _about(library)
                return Blas(str(path), kernels, n_threads, float64, float32)
    return None


def use(library: ctypes.CDLL) -> Blas | None:
    """Tell our library, once and before it runs anything, which BLAS to call and when."""
    blas = find()
    if blas is not None:
        for suffix, gemm, n in zip(("f64", "f32"), (blas.float64, blas.float32), blas.least):
            getattr(library, f"use_blas_{suffix}")(ctypes.c_void_p(gemm), ctypes.c_int64(n**3))
    return blas


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
