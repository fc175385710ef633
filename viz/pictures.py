"""``draw`` and ``to_svg``: from a Value to a picture, by way of ``graph`` and ``render``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from tinygrad_mlp.engine import Value
from viz.graph import SHOWABLE, to_dot
from viz.render import format_of, render, write_whole

__all__ = ["Svg", "draw", "to_svg"]


class Svg(str):
    """The text of an SVG picture; a notebook shows the picture.

    >>> Svg("<svg/>")
    Svg(6 characters)
    """

    __slots__ = ()

    def _repr_svg_(self) -> str:
        return str(self)

    def __repr__(self) -> str:
        return f"Svg({len(self):,} characters)"


def draw(
    value: Value,
    path: str | os.PathLike[str],
    *,
    direction: str = "LR",
    show: Iterable[str] = SHOWABLE,
    max_nodes: int = 500,
    parameters: Iterable[Value] | None = None,
    legend: bool = True,
) -> Path:
    """Draw the graph that ``value`` was computed from into a file.

    Args:
        value: the output of the graph.
        path: the file; its ending says the format: .svg, .png, .pdf or .dot. A missing folder is
            made; an existing file is replaced once the picture is complete.
        direction: where the arrows lead: "LR" (to the right), "RL", "TB" (down) or "BT".
        show: any of "data", "grad" and "partials" (the local derivatives on the arrows).
        max_nodes: the number of nodes up to which a graph is drawn.
        parameters: the leaves to colour as parameters, for example ``model.parameters()``.
        legend: whether a line under the graph explains the colours.

    Returns:
        The path of the file.

    Raises:
        UnknownNameError: for another ending, direction or thing to show; the message lists them.
        GraphError: if the graph has more than ``max_nodes`` nodes.
        MissingDependencyError: where there is neither the ``dot`` program nor pygraphviz.

    >>> import tempfile
    >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    >>> loss = (a * b + 10.0).tanh()
    >>> loss.backward()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     draw(loss, f"{folder}/graph.svg").name
    'graph.svg'
    """
    file_format = format_of(path)
    text = to_dot(
        value,
        direction=direction,
        show=show,
        max_nodes=max_nodes,
        parameters=parameters,
        legend=legend,
    )
    return write_whole(path, render(text, file_format))


def to_svg(
    value: Value,
    *,
    direction: str = "LR",
    show: Iterable[str] = SHOWABLE,
    max_nodes: int = 500,
    parameters: Iterable[Value] | None = None,
    legend: bool = True,
) -> Svg:
    """The graph that ``value`` was computed from, as SVG text that a notebook shows as a picture.

    Args, Raises: as for ``draw``.

    >>> a = Value(2.0, label="a")
    >>> to_svg(a * a).startswith("<svg")
    True
    """
    text = to_dot(
        value,
        direction=direction,
        show=show,
        max_nodes=max_nodes,
        parameters=parameters,
        legend=legend,
    )
    return Svg(render(text, "svg").decode())
