"""Running Python in a process of its own, as a person would, with the two packages importable."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.source_files import ROOT


def run_python(*arguments: str | Path, folder: Path, typed: str = "") -> str:
    """What ``python ARGUMENTS`` prints in ``folder`` where ``typed`` is typed; it must succeed."""
    run = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
        input=typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    return run.stdout
