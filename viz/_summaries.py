"""What a notebook shows of models, programs, trainings and data: a picture, a table, their text.

The words take the color of the notebook around them, so that they are read on a light and on a dark
ground; pictures bring their own.
"""

from __future__ import annotations

import html
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np

from tinygrad_mlp._text import visible
from tinygrad_mlp.compiler import Program
from tinygrad_mlp.data import Dataset, Table
from tinygrad_mlp.errors import DataError, GraphError, MissingDependencyError, ShapeError
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.training import History
from viz import plots
from viz._graph import Drawable
from viz._pictures import Svg, fitted, to_svg

__all__ = ["SHOWN", "html_of", "svg_or_none"]

MOST_FEATURES: Final = 12
"""The columns of a data set that are listed."""

CELL: Final = "padding: 0.2em 0.8em; text-align: right; border-bottom: 1px solid #8793a580"
BOX: Final = "overflow-x: auto; color: inherit; background: transparent"


def svg_or_none(value: Drawable, theme: str = "light") -> str | None:
    """The graph as SVG, or None (whereupon the notebook shows the text) where it is too big.

    Also for a model that does not say how many inputs it has, and for a program that was not
    recorded yet, or is plain arithmetic.

    >>> from tinygrad_mlp import Value
    >>> svg_or_none(sum(Value(1.0) for _ in range(1000))) is None
    True
    """
    try:
        return str(to_svg(value, theme=theme))
    except (GraphError, ShapeError, NotImplementedError):
        return None
    except MissingDependencyError as error:
        warnings.warn(str(error), stacklevel=2)
        return None


def html_or_none(value: Drawable, theme: str = "light") -> str | None:
    """The same picture as a part of a page, no wider than its cell.

    >>> from tinygrad_mlp import Value
    >>> html_or_none(Value(1.0)).count("max-width")
    1
    """
    picture = svg_or_none(value, theme)
    return None if picture is None else Svg(picture)._repr_html_()


def html_of(thing: Any, theme: str = "light") -> str:
    """A model, a program, a history or data as HTML for a notebook.

    >>> html_of(History(loss=[0.5, 0.25], reason="completed")).count("<svg")
    1
    """
    for kind, written in SHOWN.items():
        if isinstance(thing, kind):
            return written(thing, theme)
    raise TypeError(f"nothing is known of {type(thing).__name__}")


def _model(model: Module, theme: str) -> str:
    return _parts(svg_or_none(model, theme), [("layers", model.summary(), False)])


def _program(program: Program, theme: str) -> str:
    try:
        texts = [("operations", program.summary(), False), ("its lines", program.source, True)]
    except ShapeError:
        return _parts(None, [("", f"{program!r}: call it once to see what it does", True)])
    return _parts(svg_or_none(program, theme), texts)


def _history(history: History, theme: str) -> str:
    try:
        picture: str | None = plots.loss_curve(history, theme=theme)._repr_svg_()  # type: ignore[attr-defined]
    except (DataError, MissingDependencyError):  # no epochs yet, or no matplotlib
        picture = None
    advice = "\n".join(map(str, history.advice))
    table = str(history).removesuffix(advice).rstrip()
    texts = [("epochs", table, picture is None)]
    return _parts(picture, [*texts, *([("", advice, True)] if advice else [])])


def _data(data: Dataset | Table, theme: str) -> str:
    rows = [
        [name, *map(_short, (column.min(), column.mean(), column.max(), column.std()))]
        for name, column in zip(data.feature_names[:MOST_FEATURES], data.X.T)
    ]
    tables = [_table(["feature", "least", "mean", "greatest", "spread"], rows)]
    left_out = len(data.feature_names) - len(rows)
    if left_out > 0:
        tables.append(f"<p>and {left_out} more features</p>")
    if data.target_names:
        counts = np.bincount(data.y, minlength=len(data.target_names))
        classes = [[name, str(n)] for name, n in zip(data.target_names, counts.tolist())]
        tables.append(_table(["class", "samples"], classes))
    else:
        target = getattr(data, "target", "target")
        numbers = map(_short, (data.y.min(), data.y.mean(), data.y.max(), data.y.std()))
        tables.append(
            _table(["target", "least", "mean", "greatest", "spread"], [[target, *numbers]])
        )
    return f'<div style="{BOX}"><p>{_escaped(repr(data))}</p>{"".join(tables)}</div>'


SHOWN: Final[dict[type, Callable[[Any, str], str]]] = {
    Module: _model,
    Program: _program,
    History: _history,
    Dataset: _data,
    Table: _data,
}
"""What is shown as HTML, and how."""


def _parts(picture: str | None, texts: Iterable[tuple[str, str, bool]]) -> str:
    """The picture, and texts below it: each with a title that opens it, or open."""
    parts = [] if picture is None else [fitted(picture)]
    for title, text, is_open in texts:
        lines = f'<pre style="{BOX}; font: 0.9em monospace">{_escaped(text)}</pre>'
        opened = " open" if is_open or picture is None else ""
        parts.append(
            f"<details{opened}><summary>{title}</summary>{lines}</details>" if title else lines
        )
    return f'<div style="{BOX}">{"".join(parts)}</div>'


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join([f'<th style="{CELL}">{title}</th>' for title in titles])
    cells = [[f'<td style="{CELL}">{_escaped(x)}</td>' for x in row] for row in rows]
    body = "".join([f"<tr>{''.join(row)}</tr>" for row in cells])
    return (
        f'<table style="{BOX}; border-collapse: collapse; margin: 0 0 1em 0">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _short(number: float) -> str:
    return f"{number:.4g}"


def _escaped(text: str) -> str:
    return html.escape(visible(text, lines=True))
