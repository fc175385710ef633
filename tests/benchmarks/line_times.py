"""Where a compiled program spends its time: each NumPy call of its text with its microseconds."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter_ns
from typing import Any

from tests.benchmarks.timing import Timing, markdown, number
from tests.benchmarks.trainers import OurTrainer
from tests.benchmarks.works import WORKS, Array
from tinygrad_mlp.compiler import Program
from tinygrad_mlp.compiler._backends.numpy_text import Text

__all__ = ["line_times", "report"]

N_CALLS = 1000


def line_times(program: Program, *arrays: Array, n_calls: int = N_CALLS) -> dict[str, Timing]:
    """The seconds of every line of the program's ``run``, in order, by its text.

    A clock is read after each line, which adds about 0.05 microseconds to it.
    """
    program(*arrays)
    trace = program._traced()
    assert isinstance(trace.prepared, Text)
    lines, texts = timed(trace.source)
    nanoseconds: list[list[int]] = [[] for _ in texts]
    clocked = replace(trace, prepared=replace(trace.prepared, source=lines))
    _CLOCKED.update(clock=perf_counter_ns, nanoseconds=nanoseconds)
    numbers = (program.parameters, program.gradients, program.kept)
    run: Any = clocked.bind(len(arrays[0]), program._how.dtype, *numbers)
    for _ in range(n_calls):
        program._silently.run(run, *arrays)
    return {
        f"{number}: {text}": Timing([1e-9 * ns for ns in of_line])
        for number, (text, of_line) in enumerate(zip(texts, nanoseconds))
    }


_CLOCKED: dict[str, Any] = {}
"""What the instrumented text imports from here."""


def timed(source: str) -> tuple[str, list[str]]:
    """The program's text with a clock after each line of ``run``, and these lines."""
    head, body = source.split("    def run(", 1)
    signature, *rest = body.split("\n")
    statements = [line.strip() for line in rest if line.strip() and "return run" not in line]
    *statements, last = statements
    indent = " " * 8
    out = [f"from {__name__} import _CLOCKED", "clock = _CLOCKED['clock']"]
    out += ["nanoseconds = _CLOCKED['nanoseconds']", f"{head}    def run({signature}"]
    out.append(f"{indent}start = clock()")
    for i, statement in enumerate(statements):
        out += [f"{indent}{statement}", f"{indent}end = clock()"]
        out += [f"{indent}nanoseconds[{i}].append(end - start)", f"{indent}start = clock()"]
    out += [f"{indent}{last}", "", "    return run", ""]
    return "\n".join(out), statements


def report(seconds: float) -> str:
    """One table for each work."""
    parts = []
    for work in WORKS:
        trainer = OurTrainer(work, backend="numpy")
        size = work.batch_size or len(work.X)
        times = line_times(trainer.program, work.X[:size], work.targets[:size])
        rows = [
            [f"`{text.split(': ', 1)[1]}`", number(1e6 * t.median), number(1e6 * t.minimum)]
            for text, t in times.items()
        ]
        total = sum([timing.median for timing in times.values()])
        rows.append(["all", number(1e6 * total), ""])
        table = markdown([f"a step of {work.name}", "median µs", "minimum µs"], rows)
        parts.append(table)
    return "\n\n".join(parts)
