"""The book in a folder: a page and a notebook for each chapter, its drawings, and the contents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

from tinygrad_mlp._course._chapters import Chapter
from tinygrad_mlp._course._pages import chapter_page, contents_page, pictures_of
from tinygrad_mlp._course._running import run_notebook
from tinygrad_mlp._files import write_whole
from tinygrad_mlp.errors import MissingDependencyError

__all__ = ["write_book"]

PACKAGES: Final = ("ipykernel", "jupytext", "latex2mathml", "nbclient", "nbconvert")
"""Those of the extra ``course``; pygments and nbformat come with nbconvert."""


def write_book(
    chapters: Sequence[Chapter], folder: Path, told: Callable[[str], None] = print
) -> list[str]:
    """Run the chapters and write ``index.html``, NAME.html, NAME.ipynb and ``pictures/``.

    A chapter that fails has no page, and the table of contents leaves it out.

    Args:
        chapters: those of the book, in order.
        folder: where it goes; made if missing, files of the same names are replaced.
        told: is called with the name of each chapter when it has run.

    Returns:
        What went wrong, a sentence for each chapter that failed.

    Raises:
        MissingDependencyError: without the packages of the extra ``course``.
        OSError: if a file cannot be written.
    """
    _require_packages()
    import nbformat

    faults, notebooks = [], {}
    for chapter in chapters:
        notebook = chapter.notebook()
        fault = run_notebook(chapter, notebook)
        if fault:
            faults.append(fault)
        else:
            notebooks[chapter] = notebook
        told(f"{chapter.name}: {'failed' if fault else chapter.title}")
    there = list(notebooks)
    for chapter, notebook in notebooks.items():
        page = chapter_page(chapter, notebook, there)
        write_whole(folder / f"{chapter.name}.html", page.encode())
        write_whole(folder / f"{chapter.name}.ipynb", nbformat.writes(notebook).encode() + b"\n")
        for name, drawing in pictures_of(chapter, notebook).items():
            write_whole(folder / "pictures" / name, drawing.encode())
    write_whole(folder / "index.html", contents_page(there).encode())
    return faults


def _require_packages() -> None:
    """Say what is missing before the first chapter runs, not after the last."""
    for package in PACKAGES:
        try:
            import_module(package)
        except ImportError:
            raise MissingDependencyError.of(package, "the course", extra="course") from None
