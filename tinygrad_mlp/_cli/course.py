"""``course``: the chapters of the course, run and written as a book."""

from __future__ import annotations

import argparse
from typing import Final

from tinygrad_mlp._cli.parsing import say
from tinygrad_mlp._course import Run, find_chapters, write_book

__all__ = ["LONGEST", "LONGEST_BOOK", "run_course"]

LONGEST: Final = 20
"""The seconds that a chapter may take."""

LONGEST_BOOK: Final = 150
"""Those that all chapters together may."""


def run_course(arguments: argparse.Namespace) -> None:
    """Run the chapters that were named, or all, and write their pages.

    What takes too long is written anyway, with a warning: another machine may be faster.

    Raises:
        SystemExit: with 1, if a chapter failed.
    """
    chapters = find_chapters(arguments.chapter)
    from viz._scene.darkening import darkened

    runs = write_book(chapters, arguments.out, told=_tell, in_dark=darkened)
    together = sum(run.seconds for run in runs)
    if len(runs) > 1:
        say(f"{together:5.1f} s  {len(runs)} chapters together")
    for run in runs:
        if run.seconds > LONGEST:
            say(
                f"warning: {run.chapter.name} took {run.seconds:.1f} s; a chapter should take at "
                f"most {LONGEST} s",
                to_stderr=True,
            )
    if together > LONGEST_BOOK:
        say(
            f"warning: the chapters took {together:.1f} s; all together should take at most "
            f"{LONGEST_BOOK} s",
            to_stderr=True,
        )
    faults = [run.fault for run in runs if run.fault]
    if faults:
        for fault in faults:
            say(f"error: {fault}", to_stderr=True)
        raise SystemExit(1)
    say(f"{arguments.out / 'index.html'} is the table of contents")


def _tell(run: Run) -> None:
    found = "failed" if run.fault else run.chapter.title
    say(f"{run.seconds:5.1f} s  {run.chapter.name}: {found}")
