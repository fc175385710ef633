"""How long ``import tinygrad_mlp`` takes, beside ``import numpy``, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from typing import Final

from tests.benchmarks.timing import Timing, comparison
from tests.source_files import ROOT

__all__ = ["NUMPY", "OURS", "measure", "report"]

NUMPY: Final = "import numpy"
OURS: Final = "import tinygrad_mlp"
IMPORTS: Final = (NUMPY, OURS, "import tinygrad_mlp.nn, tinygrad_mlp.training")


def seconds_of(statement: str, compiled: str) -> float:
    """The processor's seconds of a Python that does nothing else, start and end included.

    Args:
        statement: what it does.
        compiled: the folder of the compiled modules, which an installed package has too.
    """
    program = f"{statement}; import time; print(time.process_time())"
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(run.stdout)


def measure(seconds: float, min_rounds: int = 5) -> dict[str, Timing]:
    """The seconds of each import, in turns."""
    measured: dict[str, list[float]] = {statement: [] for statement in IMPORTS}
    end = time.perf_counter() + seconds
    with tempfile.TemporaryDirectory() as compiled:
        for statement in IMPORTS:
            seconds_of(statement, compiled)  # which compiles the modules
        while len(measured[OURS]) < min_rounds or time.perf_counter() < end:
            for statement in IMPORTS:
                measured[statement].append(seconds_of(statement, compiled))
    return {statement: Timing(values) for statement, values in measured.items()}


def report(seconds: float) -> str:
    """The table."""
    table = comparison(measure(seconds), "ms", 1e3, relative_to=NUMPY)
    return f"Python from start to end.\n\n{table}"
