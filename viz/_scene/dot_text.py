"""A scene as DOT text: for PNG and PDF, Graphviz draws it, everything at its place ("nop2")."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import dist
from typing import Final

from tinygrad_mlp.graph import Run
from viz._scene.letters import INDEX_SIZE
from viz._scene.scene import Circle, Curve, Line, Point, Scene, Shape, Words, short
from viz._style import markup

__all__ = ["dot_text"]

SERIF: Final = "Times"

LENGTH: Final = 10.0
"""Of an arrowhead of the size 1, in points."""


def dot_text(scene: Scene, scale: float = 1.0) -> str:
    """The picture as DOT text in which everything has its place.

    Args:
        scene: the picture.
        scale: how much larger Graphviz is to draw it.

    Each line leads from an unseen point to itself: Graphviz draws it where that point stands in
    the text, and so over a frame and under a box. Lines by themselves would all come first.

    >>> dot_text(Scene(40.0, 20.0, "#ffffff", "nothing")).splitlines()[0]
    'digraph "network" {'
    """
    shapes = [shape for group in scene.groups for shape in group.shapes]
    body = [line for index, shape in enumerate(shapes) for line in _dot(scene, index, shape)]
    middle = _place(scene, scene.width / 2.0, scene.height / 2.0)
    inches = [f"{scale * side / 72.0:.6f}" for side in (scene.width, scene.height)]
    size = f'size="{",".join(inches)}!", ' if scale != 1.0 else ""
    return "\n".join(
        [
            'digraph "network" {',
            "  graph [layout=nop2, outputorder=breadthfirst, pad=0, margin=0, splines=line, "
            f'{size}charset="UTF-8", bgcolor="{scene.background}"];',
            f'  node [label="", fixedsize=true, fontname="{markup.FONT}"];',
            "  edge [arrowhead=none];",
            f"  canvas [shape=box, style=invis, {_inches(scene.width, scene.height)}, {middle}];",
            *body,
            "}\n",
        ]
    )


def _dot(scene: Scene, index: int, shape: Shape) -> Iterator[str]:
    name = f"s{index}"
    if isinstance(shape, Line | Curve):
        middle = _place(scene, scene.width / 2.0, scene.height / 2.0)
        stroke = _line(scene, shape) if isinstance(shape, Line) else _curve(scene, shape)
        yield f"  {name} [shape=point, style=invis, {_inches(0.0, 0.0)}, {middle}];"
        yield f"  {name} -> {name} [{stroke}];"
    elif isinstance(shape, Words):
        yield from _words(scene, name, shape)
    else:
        circle = isinstance(shape, Circle)
        width = 2.0 * shape.radius if isinstance(shape, Circle) else shape.width
        height = width if isinstance(shape, Circle) else shape.height
        pen = shape.width if isinstance(shape, Circle) else shape.border_width
        yield (
            f"  {name} [shape={'circle' if circle else 'box'}, "
            f'style="{"filled" if circle else "filled,rounded"}", fillcolor="{shape.fill}", '
            f'color="{shape.border}", penwidth={short(pen)}, {_inches(width, height)}, '
            f"{_place(scene, shape.x, shape.y)}];"
        )


def _line(scene: Scene, line: Line) -> str:
    first, last = (line.x1, line.y1), (line.x2, line.y2)
    return _spline(scene, (first, first, last, last), line)


def _curve(scene: Scene, curve: Curve) -> str:
    spline = _spline(scene, curve.points, curve, curve.tip)
    if curve.tip is None:
        return spline
    size = dist(curve.points[-1], curve.tip) / LENGTH
    return f"{spline}, arrowhead=normal, arrowsize={short(size)}"


def _spline(
    scene: Scene, points: Iterable[Point], pen: Line | Curve, tip: Point | None = None
) -> str:
    places = [f"{short(x)},{short(scene.height - y)}" for x, y in points]
    if tip is not None:
        places.insert(0, f"e,{short(tip[0])},{short(scene.height - tip[1])}")
    dashed = ", style=dashed" if pen.dashed else ""
    return f'pos="{" ".join(places)}", color="{pen.color}", penwidth={short(pen.width)}{dashed}'


def _words(scene: Scene, name: str, words: Words) -> Iterator[str]:
    left, top, right, bottom = words.box
    letters = "".join([_dot_run(run, words.size) for run in words.runs])
    letters = f"<B>{letters}</B>" if words.bold else letters
    text = f'<FONT COLOR="{words.color}" POINT-SIZE="{short(words.size)}">{letters}</FONT>'
    if words.ground:
        yield (
            f'  {name}g [shape=box, style=filled, color="{words.ground}", penwidth=0, '
            f"{_inches(right - left + 4.0, words.size + 2.0)}, "
            f"{_place(scene, (left + right) / 2.0, words.y)}];"
        )
    side = {"start": "LEFT", "middle": "CENTER", "end": "RIGHT"}[words.anchor]
    table = (
        f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" '
        f'WIDTH="{short(right - left)}"><TR><TD ALIGN="{side}">{text}</TD></TR></TABLE>'
    )
    place = _place(scene, (left + right) / 2.0, (top + bottom) / 2.0)
    yield f"  {name} [shape=plain, fixedsize=false, label=<{table}>, {place}];"


def _place(scene: Scene, x: float, y: float) -> str:
    return f'pos="{short(x)},{short(scene.height - y)}"'


def _dot_run(run: Run, size: float) -> str:
    text = markup.html_text(run.text)
    if run.kind == "code":
        return text
    if run.kind in ("sub", "sup"):
        index = f'<FONT POINT-SIZE="{short(INDEX_SIZE * size)}">{text}</FONT>'
        text = f"<{run.kind.upper()}>{index}</{run.kind.upper()}>"
    elif run.kind == "italic":
        text = f"<I>{text}</I>"
    return f'<FONT FACE="{SERIF}">{text}</FONT>'


def _inches(width: float, height: float) -> str:
    return f"width={width / 72.0:.4f}, height={height / 72.0:.4f}"
