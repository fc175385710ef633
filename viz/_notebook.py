"""In a notebook what stands at the end of a cell shows itself: a Value, a model, a training, data.

IPython (Jupyter, JupyterLab, Colab, VS Code) and marimo each have a table of how to show an object
of a class. ``register`` puts ours into that table, so that nothing in ``tinygrad_mlp`` has to know
about drawings. Neither is imported for it; nor are the drawings where there is no notebook.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

from tinygrad_mlp.engine import Value
from viz._style.themes import THEMES, known_name

__all__ = ["register"]


def register(shell: Any = None, *, theme: str = "light") -> bool:
    """Have a notebook show Values, models, programs, trainings and data as pictures and tables.

    ``import viz`` does it already. ``viz.register(theme="dark")`` makes all pictures dark.

    Args:
        shell: an IPython shell; unless given, the one that runs this code, if there is one.
        theme: "light" or "dark".

    Returns:
        Whether there was a notebook to register with.

    Raises:
        UnknownNameError: for another theme.

    >>> register()
    False
    """
    theme = known_name("theme", theme, THEMES)
    shell = shell or _running_shell()
    formatting = sys.modules.get("marimo._output.formatting")
    if shell is None and formatting is None:
        return False
    from viz._summaries import SHOWN, html_of, html_or_none, svg_or_none

    if shell is not None:
        formatters = shell.display_formatter.formatters
        formatters["image/svg+xml"].for_type(Value, partial(svg_or_none, theme=theme))
        formatters["text/html"].for_type(Value, partial(html_or_none, theme=theme))
        for kind in SHOWN:
            formatters["text/html"].for_type(kind, partial(html_of, theme=theme))
    if formatting is None:
        return True
    formatting.formatter(Value)(partial(_value_for_marimo, theme=theme))
    for kind in SHOWN:
        formatting.formatter(kind)(partial(_html_for_marimo, theme=theme))
    return True


def _value_for_marimo(value: Value, theme: str) -> tuple[str, str]:
    from viz._summaries import svg_or_none

    picture = svg_or_none(value, theme)
    return ("text/plain", repr(value)) if picture is None else ("image/svg+xml", picture)


def _html_for_marimo(thing: Any, theme: str) -> tuple[str, str]:
    from viz._summaries import html_of

    return "text/html", html_of(thing, theme)


def _running_shell() -> Any:
    """The shell of IPython, if this program runs in one."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None
