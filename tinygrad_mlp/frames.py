"""Whose a line of a program is: a person's, or one of the package."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = ["is_ours"]

PACKAGE: Final = str(Path(__file__).parent) + os.sep
"""How the paths of our own files begin."""


def is_ours(file: str) -> bool:
    """Whether a file, as a frame or a traceback names it, belongs to the package.

    >>> is_ours(__file__), is_ours("train.py")
    (True, False)
    """
    return file.startswith(PACKAGE)
