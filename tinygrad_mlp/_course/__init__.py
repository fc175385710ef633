"""The course as a book: its chapters are run, and each becomes a page and a notebook.

A chapter is a Python file with ``# %%`` cells (``_chapters``). Its notebook is run in a kernel of
its own (``_running``), and what came out is written as one page that needs no other file and no
network (``_pages``, with formulas from ``_mathml``). What the packages export (``_public_names``)
becomes the API reference (``_api_pages``), to which the code of the chapters leads
(``_code_links``). ``_book`` puts all of it into a folder.
"""

from __future__ import annotations

from tinygrad_mlp._course._book import Run, write_book
from tinygrad_mlp._course._chapters import Chapter, find_chapters

__all__ = ["Chapter", "Run", "find_chapters", "write_book"]
