"""Which kernels the BLAS of NumPy chose for this processor: ratios to others hang on them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

__all__ = ["kernels"]


def kernels() -> str:
    """One line on the BLAS that NumPy has loaded, with the kernels that it took.

    >>> kernels().startswith("BLAS of NumPy: ")
    True
    """
    np.dot(np.ones(2), np.ones(2))
    try:
        threadpoolctl: Any = import_module("threadpoolctl")
    except ModuleNotFoundError:
        built: Any = np.show_config(mode="dicts")
        blas = built["Build Dependencies"]["blas"]
        name = f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()
        return f"BLAS of NumPy: {name}; which kernels it took, threadpoolctl would say."
    libraries = [
        library for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"
    ]
    of_numpy = [library for library in libraries if "numpy" in library["filepath"]] or libraries
    if not of_numpy:
        return "BLAS of NumPy: none that threadpoolctl knows."
    (library, *_) = of_numpy
    taken = library.get("architecture") or "unknown"
    return (
        f"BLAS of NumPy: {library['internal_api']} {library['version']}, kernels for {taken}, "
        f"threads: {library['num_threads']}."
    )
