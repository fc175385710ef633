"""The book in a folder: a page and a notebook for each chapter, its drawings, the API reference."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from tinygrad_mlp._course._api_pages import api_pages
from tinygrad_mlp._course._chapters import Chapter
from tinygrad_mlp._course._pages import (
    API_FOLDER,
    chapter_page,
    contents_page,
    frames_of,
    pictures_of,
)
from tinygrad_mlp._course._public_names import PublicNames
from tinygrad_mlp._course._running import run_notebook
from tinygrad_mlp._files import write_whole
from tinygrad_mlp.errors import MissingDependencyError

__all__ = ["Run", "write_book"]

PACKAGES: Final = ("tinygrad_mlp", "viz")
"""Those of which the API reference tells."""

NEEDED: Final = ("ipykernel", "jupytext", "latex2mathml", "nbclient", "nbconvert")
"""Those of the extra ``course``; pygments and nbformat come with nbconvert."""


@dataclass(frozen=True)
class Run:
    """How a chapter has run.

    Attributes:
        chapter: the chapter.
        seconds: what it took of one core, the start of its kernel included. What else runs on the
            machine does not count.
        fault: "" if all its claims hold, else what went wrong, with its name.
    """

    chapter: Chapter
    seconds: float
    fault: str


def write_book(
    chapters: Sequence[Chapter],
    folder: Path,
    told: Callable[[Run], object] = print,
    in_dark: Callable[[str], str | None] = lambda drawing: None,
) -> list[Run]:
    """Run the chapters; write their pages and notebooks, ``pictures/``, ``frames/`` and ``api/``.

    A chapter that fails has no page, and the table of contents leaves it out.

    Args:
        chapters: those of the book, in order.
        folder: where it goes; made if missing, files of the same names are replaced.
        told: is called with each chapter when it has run.
        in_dark: makes a drawing dark, for pages that are dark; None for one that stays light.

    Returns:
        How each of the chapters has run.

    Raises:
        MissingDependencyError: without the packages of the extra ``course``.
        OSError: if a file cannot be written.
    """
    _require_packages()
    import nbformat

    runs: list[Run] = []
    notebooks: dict[Chapter, Any] = {}
    for chapter in chapters:
        notebook, start = chapter.notebook(), _seconds_of_children()
        fault = run_notebook(chapter, notebook)
        runs.append(Run(chapter, _seconds_of_children() - start, fault))
        if not fault:
            notebooks[chapter] = notebook
        told(runs[-1])
    names = PublicNames(PACKAGES)
    for name, page in api_pages(names).items():
        write_whole(folder / API_FOLDER / name, page.encode())
    for chapter, notebook in notebooks.items():
        page = chapter_page(chapter, notebook, list(notebooks), names, in_dark)
        write_whole(folder / f"{chapter.name}.html", page.encode())
        write_whole(folder / f"{chapter.name}.ipynb", nbformat.writes(notebook).encode() + b"\n")
        for name, drawing in pictures_of(chapter, notebook).items():
            write_whole(folder / "pictures" / name, drawing.encode())
        for name, framed in frames_of(chapter, notebook).items():
            write_whole(folder / "frames" / name, framed.encode())
    seconds = {run.chapter: run.seconds for run in runs if not run.fault}
    write_whole(folder / "index.html", contents_page(seconds).encode())
    return runs


def _seconds_of_children() -> float:
    """The time on a core of all processes that this one has started and that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def _require_packages() -> None:
    """Say what is missing before the first chapter runs, not after the last."""
    for package in NEEDED:
        try:
            import_module(package)
        except ImportError:
            raise MissingDependencyError.of(package, "the course", extra="course") from None
