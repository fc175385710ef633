"""How long ``import tinygrad_mlp`` takes, beside ``import numpy``, in processes of their own."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Final

from tests.benchmarks.timing import Timing, comparison
from tests.source_files import ROOT

__all__ = ["NUMPY", "OURS", "measure", "report"]

NUMPY: Final = "import numpy"
OURS: Final = "import tinygrad_mlp"
IMPORTS: Final = (NUMPY, OURS, "import tinygrad_mlp.nn, tinygrad_mlp.training")


def seconds_of(statement: str) -> float:
    """The processor's seconds of a Python that does nothing else, start and end included."""
    program = f"{statement}; import time; print(time.process_time())"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return float(run.stdout)


def measure(seconds: float, min_rounds: int = 5) -> dict[str, Timing]:
    """The seconds of each import, in turns."""
    measured: dict[str, list[float]] = {statement: [] for statement in IMPORTS}
    end = time.perf_counter() + seconds
    n_rounds = 0
    while n_rounds <= min_rounds or time.perf_counter() < end:
        for statement in IMPORTS:
            took = seconds_of(statement)
            if n_rounds:  # the first round may have to compile the modules
                measured[statement].append(took)
        n_rounds += 1
    return {statement: Timing(values) for statement, values in measured.items()}


def report(seconds: float) -> str:
    """The table."""
    table = comparison(measure(seconds), "ms", 1e3, relative_to=NUMPY)
    return f"Python from start to end.\n\n{table}"
