"""A timing of each contestant with pytest-benchmark, for its statistics and its ``--compare``."""

from __future__ import annotations

from typing import Any

import pytest

from tests.benchmarks.compiler import trainers
from tests.benchmarks.engine import MicrogradSteps, OurSteps
from tests.benchmarks.works import WORKS, Work

pytest.importorskip("pytest_benchmark")

PAIRS = [
    pytest.param(work, name, id=f"{work.name}, {name}") for work in WORKS for name in trainers(work)
]


@pytest.mark.parametrize(("work", "name"), PAIRS)
def test_epoch(benchmark: Any, work: Work, name: str) -> None:
    package = {"jax.jit": "jax", "CasADi and a C compiler": "casadi"}.get(name)
    if package:
        pytest.importorskip(package)
    benchmark.group = f"an epoch of {work.name}"
    run = trainers(work)[name](work).run
    benchmark.pedantic(run, args=(1,), rounds=50, warmup_rounds=3)


@pytest.mark.parametrize("kind", [OurSteps, MicrogradSteps])
def test_eager_step(benchmark: Any, kind: type[OurSteps] | type[MicrogradSteps]) -> None:
    benchmark.group = "an eager step of A"
    if kind is MicrogradSteps:
        pytest.importorskip("micrograd")
    benchmark.pedantic(kind().run, args=(1,), rounds=3, warmup_rounds=1)
