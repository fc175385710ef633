"""What compiling costs: against the number of scalar operations, and for the works of the table."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from tests.benchmarks.contest import clock
from tests.benchmarks.scalars import Network, Weighted, with_dot, with_loop
from tests.benchmarks.timing import markdown, number
from tests.benchmarks.works import A, Array, B, C
from tinygrad_mlp.compiler import Program, compile

__all__ = ["compile_batch", "compile_sample", "compile_seconds", "peak_bytes", "report"]

HOW: Final[dict[str, Weighted]] = {"plain loops": with_loop, "dot": with_dot}

Compiled = tuple[Program, tuple[Array, ...]]
"""A program that is still to be recorded, and what to call it with."""


def compile_batch(n_samples: int, weighted: Weighted) -> Compiled:
    """The network of work A, the whole batch in one graph."""
    rng = np.random.default_rng(0)
    network = Network(A.layer_sizes, weighted)
    program = compile(network.batch_squared_error, network.parameters())
    return program, (rng.normal(size=(n_samples, 2)), rng.normal(size=n_samples))


def compile_sample(weighted: Weighted) -> Compiled:
    """One sample of work B, mapped over a batch."""
    network = Network(B.layer_sizes, weighted)
    program = compile(network.cross_entropy, network.parameters(), per_sample=True)
    return program, (B.X[:128], B.targets[:128])


def compile_large_batch(weighted: Weighted) -> Compiled:
    """The whole batch of work C: 3,251,712 products."""
    network = Network(C.layer_sizes, weighted)
    program = compile(network.batch_cross_entropy, network.parameters(), dtype="float32")
    return program, (C.X, C.targets)


def compile_seconds(make: Callable[[], Compiled]) -> float:
    """The seconds from the first call to its result."""
    program, arrays = make()
    start = clock()
    program(*arrays)
    return clock() - start


def peak_bytes(make: Callable[[], Compiled]) -> int:
    """The most memory at any time of the first call, by ``tracemalloc``."""
    program, arrays = make()
    tracemalloc.start()
    program(*arrays)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def least(seconds: float, make: Callable[[], Compiled]) -> float:
    """The least of a few measurements, one at least."""
    measured = [compile_seconds(make)]
    end = clock() + seconds
    while clock() < end:
        measured.append(compile_seconds(make))
    return min(measured)


def by_size(seconds: float) -> str:
    """The table of sizes."""
    rows = []
    for size in (10**3, 10**4, 10**5, 10**6):
        per_sample = Network(A.layer_sizes, with_loop).n_operations(1)
        n_samples = round(size / per_sample)
        n_operations = n_samples * per_sample
        row = [f"{n_operations:,}", f"{n_samples:,}"]
        for weighted in HOW.values():

            def make(n: int = n_samples, weighted: Weighted = weighted) -> Compiled:
                return compile_batch(n, weighted)

            took = least(seconds / 8, make)
            row += [number(1e3 * took), number(1e6 * took / n_operations)]
        rows.append(row)
    header = ["scalar operations", "samples"]
    for how in HOW:
        header += [f"{how}, ms", "µs per operation"]
    return markdown(header, rows)


def of_works(seconds: float) -> str:
    """The table of single programs."""
    programs: dict[str, Callable[[], Any]] = {
        "one sample of B, dot": lambda: compile_sample(with_dot),
        "one sample of B, plain loops": lambda: compile_sample(with_loop),
        "the whole batch of A, plain loops": lambda: compile_batch(100, with_loop),
        "the whole batch of C, dot": lambda: compile_large_batch(with_dot),
    }
    rows = [
        [name, number(1e3 * least(seconds / 4, make)), number(peak_bytes(make) / 1e6)]
        for name, make in programs.items()
    ]
    return markdown(["", "ms", "peak MB"], rows)


def report(seconds: float) -> str:
    """Both tables."""
    return (
        "Compiling (the first call), 2-16-16-1 relu, the whole batch in one graph.\n\n"
        f"{by_size(seconds)}\n\nSingle programs.\n\n{of_works(seconds)}"
    )
