"""``course``: the chapters of the course, run and written as a book."""

from __future__ import annotations

import argparse

from tinygrad_mlp._cli.parsing import say
from tinygrad_mlp._course import find_chapters, write_book

__all__ = ["run_course"]


def run_course(arguments: argparse.Namespace) -> None:
    """Run the chapters that were named, or all, and write their pages.

    Raises:
        SystemExit: with 1, if a chapter failed.
    """
    chapters = find_chapters(arguments.chapter)
    faults = write_book(chapters, arguments.out, told=say)
    if faults:
        for fault in faults:
            say(f"error: {fault}", to_stderr=True)
        raise SystemExit(1)
    say(f"{arguments.out / 'index.html'} is the table of contents")
