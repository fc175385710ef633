"""In a notebook a Value, a model or a program at the end of a cell shows its picture.

IPython asks a table of formatters how to show an object of a class. ``register`` puts ours into
that table, so that nothing in ``tinygrad_mlp`` has to know about drawings. IPython is not needed.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

from tinygrad_mlp.compiler import Program
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError, MissingDependencyError, ShapeError
from tinygrad_mlp.nn._module import Module
from viz._graph import Drawable
from viz._pictures import to_svg

__all__ = ["register", "svg_or_none"]


def register(shell: Any = None) -> bool:
    """Have a notebook show Values, models and programs as pictures; ``import viz`` does it already.

    Args:
        shell: an IPython shell; unless given, the one that runs this code, if there is one.

    Returns:
        Whether there was a shell to register with.

    >>> register()
    False
    """
    shell = shell or _running_shell()
    if shell is None:
        return False
    for kind in (Value, Module, Program):
        shell.display_formatter.formatters["image/svg+xml"].for_type(kind, svg_or_none)
    return True


def svg_or_none(value: Drawable) -> str | None:
    """The graph as SVG, or None (whereupon the notebook shows the text) where it is too big.

    Also for a model that does not say how many inputs it has, and for a program that was not
    recorded yet, or is plain arithmetic.

    >>> svg_or_none(sum(Value(1.0) for _ in range(1000))) is None
    True
    """
    try:
        return str(to_svg(value))
    except (GraphError, ShapeError, NotImplementedError):
        return None
    except MissingDependencyError as error:
        warnings.warn(str(error), stacklevel=2)
        return None


def _running_shell() -> Any:
    """The shell of IPython, if this program runs in one; IPython is not imported for it."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None
