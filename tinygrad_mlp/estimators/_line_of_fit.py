"""Warnings of the line in a person's program that has called ``fit``, also through a pipeline."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import sklearn

from tinygrad_mlp._frames import warn

__all__ = ["warn_of_fit"]

SCIKIT_LEARN: Final = str(Path(sklearn.__file__).parent) + os.sep
"""How the paths of its files begin."""


def warn_of_fit(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn of the line that is neither ours nor scikit-learn's.

    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn_of_fit("it has not converged", FutureWarning)
    >>> caught[0].category.__name__, str(caught[0].message)
    ('FutureWarning', 'it has not converged')
    """
    warn(message, category, through=(SCIKIT_LEARN,))
