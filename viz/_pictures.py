"""``draw``, ``to_svg`` and ``to_tikz``: from a Value to a picture, by way of a scene."""

from __future__ import annotations

import os
from math import gcd
from pathlib import Path
from typing import Final, Unpack, overload

from tinygrad_mlp._files import write_whole
from viz._graph import Drawable, drawing_of
from viz._scene.dot_text import dot_text
from viz._scene.fitting import SLIDE, scaled, smallest_letters
from viz._scene.render import FORMATS, format_of, render
from viz._scene.scene import Scene
from viz._scene.svg_text import svg_text
from viz._scene.tikz import tikz, tikz_document
from viz._style.drawing_options import Options, with_options

__all__ = ["Svg", "draw", "to_svg", "to_tikz"]

ENDINGS: Final = (*FORMATS, "tex", "tikz")
"""The kinds of file that ``draw`` writes."""


LETTERS_OF_GRAPHVIZ: Final = 12.0
"""Larger letters are drawn at this size and then scaled: Graphviz lifts every index alike, which
would stand too low beside a large letter."""


FITTING: Final = '<svg style="max-width: 100%; height: auto"'


def fitted(svg: str) -> str:
    """A picture as a part of a page, no wider than its place there.

    As an image it would keep its width: the notebooks that become web pages cut it off.

    >>> fitted('<?xml version="1.0"?><svg width="3000"/>')
    '<svg style="max-width: 100%; height: auto" width="3000"/>'
    """
    return svg[svg.index("<svg") :].replace("<svg", FITTING, 1)


class Svg(str):
    """The text of an SVG picture; a notebook shows the picture.

    >>> Svg("<svg/>")
    Svg(6 characters)
    """

    __slots__ = ()

    def _repr_svg_(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f'<div style="overflow-x: auto">{fitted(self)}</div>'

    def __repr__(self) -> str:
        return f"Svg({len(self):,} characters)"


@overload
def draw(value: Drawable, path: None = None, **options: Unpack[Options]) -> Svg: ...


@overload
def draw(value: Drawable, path: str | os.PathLike[str], **options: Unpack[Options]) -> Path: ...


@with_options
def draw(
    value: Drawable, path: str | os.PathLike[str] | None = None, **options: Unpack[Options]
) -> Path | Svg:
    """Draw the graph that ``value`` was computed from, into a file or to be shown in a notebook.

    Of a model or a program too.

    Args:
        value: the output of the graph, or a list of outputs that are drawn together; or a model,
            drawn for one sample; or a compiled program, after its first call, for which
            ``detail``, ``show`` and ``highlight`` mean nothing.
        path: the file; its ending says the format: .svg, .png, .pdf, .dot, .tikz (a picture for a
            document in LaTeX) or .tex (a whole document of the picture). A missing folder is made;
            an existing file is replaced once the picture is complete. Without a path the picture is
            returned, and a notebook shows it.
        detail: "circles" (a circle for each unit, a line for each weight), "ops" (a box for each
            operation), "neurons" (for each neuron, with its formula), "layers" (for each layer,
            with shapes, parameter counts and gradient norms), or "auto": circles for a model that
            they can show, else the finest of the others that stays readable. In the coarser two
            a normalization is one box, and what repeats (for each sample of a batch) is drawn
            once, with "x N".
        direction: where the arrows lead: "LR" (to the right), "RL", "TB" (down) or "BT".
        show: any of "data", "grad" and "partials" (the local derivatives on the arrows); in circles
            "grad" is delta, the gradient of the weighted sum of a unit, and with "weights" those
            that have no room on their lines stand in a table below.
        highlight: nodes to mark, and the arrows between them: Values of the graph, or labels.
        theme: "light" or "dark".
        color: what colors mean: "kind" (of a node), "gradient" (its size), or "auto": the kind
            where every operation is drawn, else the gradient.
        constants: whether to draw the plain numbers of a formula.
        max_nodes: the number of boxes up to which a graph is drawn, with ten arrows for each.
        parameters: the leaves to color as parameters, for example ``model.parameters()``.
        legend: whether a line under the graph explains the colors.
        names: how things are called: "math" (as in books: w, b, h and y-hat with layer and
            indices), "code" (their paths in the model), or "auto": "math" where there are neurons.
        index: "unit,input" (w_21 leads from input 1 to unit 2) or "input,unit" (w_12 does, and the
            bias of unit j is w_0j).
        style: "page", or "slide": 1280 x 720, letters of at least 18 points, up to three digits and
            no legend.
        focus: a node or its name ("h[1]_2"): its paths stand out, of all the rest a quarter of the
            color is left. Not for a program.

    Returns:
        The path of the file; or, without one, the SVG that ``to_svg`` gives.

    Raises:
        UnknownNameError: for another ending, detail, direction, theme, color, label or thing to
            show; the message lists them.
        GraphError: if there are more than ``max_nodes`` boxes; the message names the coarser detail
            to use. Also if circles and lines cannot show the graph as it is.
        InvalidArgumentError: for an option of another kind than said here, for what only circles
            have with another detail, and for circles in another direction than "LR".
        MissingDependencyError: where there is neither the ``dot`` program nor pygraphviz.

    >>> import tempfile
    >>> from tinygrad_mlp import Value
    >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    >>> loss = (a * b + 10.0).tanh()
    >>> loss.backward()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     draw(loss, f"{folder}/graph.svg", theme="dark", highlight="a").name
    'graph.svg'
    """
    file_format = "svg" if path is None else format_of(path, ENDINGS)
    content = _rendered(drawing_of(value, options), file_format)
    return Svg(content.decode()) if path is None else write_whole(path, content)


@with_options
def to_svg(value: Drawable, **options: Unpack[Options]) -> Svg:
    """The graph that ``value`` was computed from, as SVG text that a notebook shows as a picture.

    Args, Raises: as for ``draw``.

    >>> from tinygrad_mlp import Value
    >>> a = Value(2.0, label="a")
    >>> to_svg(a * a).startswith("<svg")
    True
    """
    return Svg(_rendered(drawing_of(value, options), "svg").decode())


@with_options
def to_tikz(value: Drawable, **options: Unpack[Options]) -> str:
    r"""The graph that ``value`` was computed from, as a ``tikzpicture`` for a document in LaTeX.

    Everything has its place, so that any of it can be changed by hand; names are set in math,
    labels stay text. ``draw`` writes the same as .tikz, and as .tex a whole document. The preamble
    needs the packages tikz, fontenc with T1, and lmodern.

    Args, Raises: as for ``draw``.

    >>> from tinygrad_mlp.nn import MLP
    >>> text = to_tikz(MLP(2, [1], rng=0))
    >>> text.count(r"\begin{tikzpicture}"), "$x_{1}$" in text
    (1, True)
    """
    return _rendered(drawing_of(value, options), "tikz").decode()


def _rendered(drawing: Scene, file_format: str) -> bytes:
    """The content of a file; for PNG and PDF Graphviz is needed."""
    if file_format == "svg":
        return svg_text(drawing).encode()
    if file_format == "tikz":
        return tikz(drawing).encode()
    if file_format == "tex":
        return tikz_document(drawing).encode()
    scale = smallest_letters(drawing) / LETTERS_OF_GRAPHVIZ
    if file_format == "dot" or scale <= 1.0:
        return render(dot_text(drawing), file_format)
    if (drawing.width, drawing.height) == SLIDE:  # exactly, for Graphviz counts in whole points
        unit = gcd(*map(int, SLIDE))
        scale = unit / round(unit / scale)
    return render(dot_text(scaled(drawing, 1.0 / scale), scale), file_format)
