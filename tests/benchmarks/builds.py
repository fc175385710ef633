"""This build beside an earlier one: ``python -m tests.benchmarks.builds FOLDER [--backend numpy]``.

FOLDER is a checkout (``git worktree add FOLDER COMMIT``), with its C library built if it has one.
Each build runs the benchmarks of its own checkout, in turns.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Final

from tests.benchmarks.contest import Make, Results, Turn, contest
from tests.benchmarks.timing import markdown, number
from tests.source_files import ROOT

__all__ = ["JOBS", "measure"]

EARLIER: Final = "earlier"
NOW: Final = "now"
PROGRAM: Final = """
import json, sys
from tests.benchmarks import engine, small_jobs, works
from tests.benchmarks.contest import repeated
from tests.benchmarks.trainers import OurTrainer
turn = {job}
print(json.dumps({{}}), flush=True)
for line in sys.stdin:
    print(json.dumps(turn()), flush=True)
"""
JOBS: Final = {
    "an eager step": "repeated(engine.OurSteps().run)",
    "A, a call per step": "repeated(OurTrainer(works.A).run)",
    "B, a call per step": "repeated(OurTrainer(works.B).run)",
    "C, a call per step": "repeated(OurTrainer(works.C).run)",
    "a small job, fit": "small_jobs.jobs_of(small_jobs.FitTrainer)",
}
"""What makes a turn of it, in the words of either build."""


def turn_of_build(folder: Path, job: str, backend: str) -> Turn:
    """A contestant in a process that imports the build in a folder."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "TINYGRAD_MLP_BACKEND": backend}
    command = [sys.executable, "-c", PROGRAM.format(job=JOBS[job])]
    process = subprocess.Popen(
        command, cwd=folder, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    questions, answers = process.stdin, process.stdout
    json.loads(answers.readline())

    def turn() -> dict[str, float]:
        print("your turn", file=questions, flush=True)
        found: dict[str, float] = json.loads(answers.readline())
        return found

    return turn


def measure(job: str, folder: Path, backend: str, seconds: float, min_rounds: int = 9) -> Results:
    """Seconds for a job, of either build."""
    folders = {EARLIER: folder, NOW: ROOT}
    makers: dict[str, Make] = {
        name: partial(turn_of_build, of_build, job, backend) for name, of_build in folders.items()
    }
    return contest(makers, seconds, min_rounds)


def main() -> None:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.builds", description=__doc__)
    parser.add_argument("folder", type=Path, help="the checkout of the earlier build")
    parser.add_argument("--backend", default="auto", help="TINYGRAD_MLP_BACKEND of both")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each job (default 10)")
    parser.add_argument("--job", action="append", choices=list(JOBS), help="may be repeated")
    options = parser.parse_args()
    rows = []
    for job in options.job or JOBS:
        results = measure(job, options.folder.resolve(), options.backend, options.seconds)
        timings = results.of("")
        ratio = results.ratio(NOW, EARLIER)
        rows.append([job, *[number(1e6 * timings[who].median) for who in (EARLIER, NOW)]])
        rows[-1].append(number(ratio))
    print(markdown(["µs", "earlier", "now", "now / earlier"], rows))


if __name__ == "__main__":
    main()
