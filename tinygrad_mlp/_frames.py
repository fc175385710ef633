"""Whose a line of a program is, a person's or one of the package, and warnings of the former."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from types import FrameType
from typing import Final

from tinygrad_mlp._text import visible

__all__ = ["is_ours", "warn"]

PACKAGE: Final = str(Path(__file__).parent) + os.sep
"""How the paths of our own files begin."""


def is_ours(file: str) -> bool:
    """Whether a file, as a frame or a traceback names it, belongs to the package.

    >>> is_ours(__file__), is_ours("train.py")
    (True, False)
    """
    return file.startswith(PACKAGE)


def warn(
    message: str, category: type[Warning] = UserWarning, through: tuple[str, ...] = ()
) -> None:
    """Warn of the line in a person's program that has called into the package.

    Args:
        message: what to say.
        category: the kind of warning.
        through: how the paths of other files begin that are no person's either.

    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn("two spellings of one number")
    >>> caught[0].category.__name__, str(caught[0].message)
    ('UserWarning', 'two spellings of one number')
    """
    level = 1
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code.co_filename.startswith((PACKAGE, *through)):
        level, frame = level + 1, frame.f_back
    warnings.warn(visible(message, lines=True), category, level)
