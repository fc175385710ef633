"""Do the findings of the chapters hold for other seeds than the one on the page?

python -m tests.seeds [CHAPTER ...] [--seeds 0-9]

All chance of a chapter comes from its line ``SEED = 0``. Each chapter runs once for each seed, in a
process of its own in which warnings are errors. A chapter without that line runs once: it has no
chance in it, or it goes through several seeds itself.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from tests.source_files import ROOT
from tinygrad_mlp._course import Chapter, find_chapters
from tinygrad_mlp.errors import TinygradMLPError

__all__ = ["SEED", "fault_of", "main", "seeds_of", "with_seed"]

SEED: Final = re.compile(r"^SEED = 0$", re.MULTILINE)
"""The one line from which all chance of a chapter comes."""

LONGEST: Final = 300
"""Seconds after which a chapter is stopped."""


def with_seed(text: str, seed: int) -> str:
    r"""The text of a chapter with another seed.

    Raises:
        ValueError: if there is not one line ``SEED = 0``.

    >>> with_seed("SEED = 0\nnoise = SEED + 1\n", 7)
    'SEED = 7\nnoise = SEED + 1\n'
    """
    changed, n_lines = SEED.subn(f"SEED = {seed}", text)
    if n_lines != 1:
        raise ValueError(f"there are {n_lines} lines 'SEED = 0'; a chapter with chance has one")
    return changed


def seeds_of(text: str) -> list[int]:
    """The seeds that were asked for: "0-9" or "3" or "0,2,5-7".

    Raises:
        ValueError: if it is neither.

    >>> seeds_of("0,2,5-7")
    [0, 2, 5, 6, 7]
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())
        found = range(int(match[1]), int(match[2] or match[1]) + 1) if match else range(0)
        if not found:
            raise ValueError(f"{text!r} are no seeds; write 0-9, or 3, or 0,2,5-7")
        seeds += found
    return seeds


def fault_of(chapter: Chapter, seed: int | None) -> str:
    """Run a chapter with a seed; None leaves its text as it is.

    Returns:
        "" if all its claims hold, else the name of the first that does not, or the error.
    """
    text = chapter.file.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / chapter.file.name
        script.write_text(text if seed is None else with_seed(text, seed), encoding="utf-8")
        try:
            run = subprocess.run(
                [sys.executable, "-W", "error", script],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                timeout=LONGEST,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"it ran for more than {LONGEST} s"
    if run.returncode == 0:
        return ""
    last = (run.stderr.strip() or f"exit code {run.returncode}").splitlines()[-1]
    return last.removeprefix("AssertionError: ")


def main(
    arguments: Sequence[str] | None = None,
    folder: Path | None = None,
    told: Callable[[str], None] = print,
) -> int:
    """Print a table of chapters and seeds, then the claims that do not hold.

    Returns:
        1 if there are any, 2 if there is no such chapter or no such seed, else 0.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.seeds", description=__doc__)
    parser.add_argument("chapter", nargs="*", help="numbers or names; unless given, all")
    parser.add_argument("--seeds", default="0-9", help="such as 3 or 0-9 or 0,2,5-7")
    asked = parser.parse_args(arguments)
    try:
        chapters, seeds = find_chapters(asked.chapter, folder), seeds_of(asked.seeds)
    except (TinygradMLPError, ValueError) as error:
        told(f"error: {error}")
        return 2
    width = max(len(chapter.name) for chapter in chapters)
    told(" " * width + "".join(f"{seed:>6}" for seed in seeds))
    failed: list[str] = []
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for chapter in chapters:
            by_chance = SEED.search(chapter.file.read_text(encoding="utf-8"))
            wanted: list[int | None] = [*seeds] if by_chance else [None]
            faults = list(pool.map(partial(fault_of, chapter), wanted))
            marks = "".join(f"{'FAILS' if fault else 'ok':>6}" for fault in faults)
            told(f"{chapter.name:{width}}{marks}{'' if by_chance else '  (no line SEED = 0)'}")
            for seed, fault in zip(wanted, faults):
                if fault:
                    failed.append(f"{chapter.name}, seed {seed}: {fault}")
    for line in failed:
        told(line)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
