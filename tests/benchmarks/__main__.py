"""Print the tables: ``python -m tests.benchmarks [TABLE ...] [--seconds N]``."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable
from typing import Final

import numpy as np

from tests.benchmarks import (
    compile_time,
    compiler,
    drawing,
    engine,
    import_time,
    irregular,
    line_times,
    small_jobs,
)


def drawing_report(seconds: float) -> str:
    """The table of drawings, which takes as long as it takes."""
    return drawing.report()


TABLES: Final[dict[str, tuple[str, Callable[[float], str]]]] = {
    "engine": ("The scalar engine", engine.report),
    "compiler": ("Compiled programs", compiler.report),
    "small": ("Small jobs", small_jobs.report),
    "compile-time": ("The cost of compiling", compile_time.report),
    "irregular": ("Irregular graphs", irregular.report),
    "import": ("Import time", import_time.report),
    "drawing": ("Drawings", drawing_report),
    "lines": ("Compiled programs, line by line", line_times.report),
}


def main() -> None:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"any of {', '.join(TABLES)}")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each table (default 10)")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.tables if name not in TABLES]
    if unknown:
        parser.error(f"unknown table {unknown[0]!r}; the tables are {', '.join(TABLES)}")
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, one thread each.")
    for name in arguments.tables or TABLES:
        title, report = TABLES[name]
        print(f"\n## {title}\n\n{report(arguments.seconds)}", flush=True)


if __name__ == "__main__":
    main()
