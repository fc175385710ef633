"""Print the tables: ``python -m tests.benchmarks [TABLE ...] [--seconds N] [--into README.md]``."""

from __future__ import annotations

import argparse
import platform
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from tests.benchmarks import (
    accuracy,
    attention,
    batch_norm,
    compile_time,
    compiler,
    difference,
    digits,
    drawing,
    drop_in,
    engine,
    epochs,
    fit_loop,
    freezing,
    function_accuracy,
    import_time,
    initializers,
    interpretation,
    irregular,
    line_times,
    playing,
    predictions,
    products,
    recording,
    regularized,
    small_jobs,
    stepping,
)
from tests.benchmarks.kernels import kernels

TABLES: Final[dict[str, tuple[str, Callable[[float], str]]]] = {
    "engine": ("The scalar engine", engine.report),
    "compiler": ("Compiled programs", compiler.report),
    "epochs": ("Whole epochs", epochs.report),
    "epochs-map": ("Whole epochs, over sizes", epochs.report_map),
    "attention": ("Causal attention", attention.report),
    "difference": ("The C library beside NumPy, after long trainings", difference.report),
    "fit-loop": ("What fit adds to its loop", fit_loop.report),
    "batch-norm": ("Batch normalization", batch_norm.report),
    "freezing": ("What freezing saves", freezing.report),
    "predict": ("Predictions", predictions.report),
    "regularized": ("Batch norm, dropout and noise", regularized.report),
    "drop-in": ("Beside scikit-learn", drop_in.report),
    "drop-in-map": ("Beside scikit-learn, over sizes", drop_in.report_map),
    "accuracy": ("Scores beside scikit-learn's", accuracy.report),
    "small": ("Small jobs", small_jobs.report),
    "compile-time": ("The cost of compiling", compile_time.report),
    "recording": ("A large network", recording.report),
    "digits": ("The digits, beside PyTorch", digits.report),
    "irregular": ("Irregular graphs", irregular.report),
    "import": ("Import time", import_time.report),
    "drawing": ("Looking at graphs", drawing.report),
    "play": ("The page on which a network trains", playing.report),
    "stepping": ("Stepping through a page", stepping.report),
    "initializers": ("Initializers", initializers.report),
    "products": ("Products of matrices", products.report),
    "interpretation": ("Interpretation", interpretation.report),
    "functions": ("exp, log, tanh and their relatives in C", function_accuracy.report),
    "lines": ("Compiled programs, line by line", line_times.report),
}


def main() -> None:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"any of {', '.join(TABLES)}")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each table (default 10)")
    parser.add_argument("--into", type=Path, metavar="FILE", help="a page that shows the tables")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.tables if name not in TABLES]
    if unknown:
        parser.error(f"unknown table {unknown[0]!r}; the tables are {', '.join(TABLES)}")
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, one thread each.")
    print(kernels())
    for name in arguments.tables or TABLES:
        title, report = TABLES[name]
        text = report(arguments.seconds)
        print(f"\n## {title}\n\n{text}", flush=True)
        if arguments.into is not None:
            put_into(arguments.into, name, text)


def put_into(page: Path, name: str, text: str) -> None:
    """Put a table into a page, between ``<!-- table: NAME -->`` and ``<!-- /table -->``."""
    pattern = re.compile(rf"(<!-- table: {name} -->\n).*?(\n<!-- /table -->)", re.DOTALL)
    before = page.read_text(encoding="utf-8")
    page.write_text(pattern.sub(lambda m: f"{m[1]}\n{text}\n{m[2]}", before), encoding="utf-8")


if __name__ == "__main__":
    main()
