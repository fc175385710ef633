"""Timings, which run only when they are named, one thread each.

``python -m tests.benchmarks`` prints the tables of the README. ``python -m pytest
tests/benchmarks`` checks that the contestants compute the same, and what the README promises.

BLAS and the like read the number of threads when they are loaded, so it stands here, before
anything imports NumPy.
"""

from __future__ import annotations

import gc
import os
from typing import Final

PYTHONS_THRESHOLDS: Final = gc.get_threshold()
"""Those of the garbage collector before ``import tinygrad_mlp``, which changes them."""

os.environ.update(
    OMP_NUM_THREADS="1",
    OPENBLAS_NUM_THREADS="1",
    MKL_NUM_THREADS="1",
    VECLIB_MAXIMUM_THREADS="1",
    XLA_FLAGS="--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    JAX_PLATFORMS="cpu",
)
