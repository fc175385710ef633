"""A network of 153,610 parameters, 64-2048-10: made, recorded, fitted for an epoch."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from tests.benchmarks.contest import clock
from tests.benchmarks.timing import markdown, number
from tests.benchmarks.works import Array
from tinygrad_mlp.compiler import Program, compile
from tinygrad_mlp.losses import categorical_cross_entropy
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import fit

__all__ = ["make", "record", "report", "seconds"]

LAYER_SIZES: Final = (64, 2048, 10)


def batch() -> tuple[Array, Array]:
    """Samples and their classes."""
    return np.random.default_rng(0).normal(size=(128, LAYER_SIZES[0])), np.arange(128) % 10


def make() -> MLP:
    """A new model."""
    return MLP(LAYER_SIZES[0], LAYER_SIZES[1:], rng=0)


def record(model: MLP) -> Program:
    """A program of its loss for one sample, recorded by the first call."""
    X, y = batch()

    def loss(x: Any, one_hot: Any) -> Any:
        return categorical_cross_entropy(model.forward(x), one_hot)

    program = compile(loss, model.parameters(), per_sample=True)
    program(X, np.eye(10)[y])
    return program


def first_epoch(model: MLP) -> None:
    """One epoch of ``fit``."""
    fit(model, *batch(), epochs=1, log_every=None, progress=False)


def seconds(do: Callable[[MLP], Any], prepare: Callable[[], Any], at_least: float) -> list[float]:
    """The seconds of each time, until so many have passed."""
    times: list[float] = []
    end = clock() + at_least
    while not times or clock() < end:
        model = prepare()
        start = clock()
        do(model)
        times.append(clock() - start)
    return times


def measured(do: Callable[[MLP], Any], prepare: Callable[[], Any], at_least: float) -> list[str]:
    """The least milliseconds, and the most megabytes at any time."""
    times = seconds(do, prepare, at_least)
    model = prepare()
    tracemalloc.start()
    do(model)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return [number(min(times) * 1e3), number(peak / 1e6)]


def report(at_least: float) -> str:
    """The table."""
    rows = [
        ["making it", *measured(lambda _: make(), lambda: None, at_least / 3)],
        ["recording its loss for one sample", *measured(record, make, at_least / 3)],
        ["the first epoch of fit", *measured(first_epoch, make, at_least / 3)],
    ]
    table = markdown(["", "ms", "peak MB"], rows)
    return f"A network of 153,610 parameters, 64-2048-10 relu.\n\n{table}"
