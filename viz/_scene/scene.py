"""Lines, circles, boxes and words at fixed places, written as SVG, or as DOT for other formats.

Here everything has its place already: the SVG is written without Graphviz, letter by letter, with
real indices. For PNG and PDF, Graphviz draws the same things at the same places ("nop2").
"""

from __future__ import annotations

import html
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import dist
from typing import Final, NamedTuple

from tinygrad_mlp.engine import Value
from tinygrad_mlp.graph import Run
from viz._style import markup

__all__ = [
    "Circle",
    "Curve",
    "Group",
    "Line",
    "Point",
    "Rectangle",
    "Scene",
    "Shape",
    "Shown",
    "Words",
    "plain",
    "width_of",
]

SERIF: Final = "Times New Roman,Times,serif"
SERIF_OF_GRAPHVIZ: Final = "Times"
INDEX_SIZE: Final = 0.75
"""The size of an index beside that of its letter."""
LOWERED: Final = 0.22
RAISED: Final = 0.4
BASELINE: Final = 0.35
"""How far the baseline lies under the middle of letters, in sizes."""

CORNER: Final = 6.0
"""The radius of the corners of a rectangle."""

HEAD_WIDTH: Final = 0.7
"""Of an arrowhead, in lengths of it, as Graphviz draws them."""
LENGTH_OF_GRAPHVIZ: Final = 10.0
"""Of an arrowhead of the size 1, in points."""

Point = tuple[float, float]
"""How far to the right, and how far down."""

NARROW: Final = frozenset(".,:;'|!iljI \N{NO-BREAK SPACE}")
DERIVATIVE: Final = "\N{PARTIAL DIFFERENTIAL}"  # no wider than a letter
WIDE: Final = frozenset("mwMW@%\N{MINUS SIGN}+=<>\N{RIGHTWARDS ARROW}")


class Shown(NamedTuple):
    """Which number words show.

    Attributes:
        what: "data" or "grad" of the node, which is their last run; "local", what is known as soon
            as the node is computed, such as a local derivative; or "norm", the size of several
            gradients, that of the node among them.
        node: whose number it is.
    """

    what: str
    node: Value


@dataclass(frozen=True, slots=True)
class Words:
    """Words on one line.

    Attributes:
        x: their middle, or their start or end.
        y: their middle.
        runs: the letters; ``plain`` and ``MathName.runs`` give them.
        size: of the letters.
        color: of the letters.
        anchor: what of them stands at x: "middle", "start" or "end".
        bold: whether they are bold.
        ground: the color of a rectangle behind them; "" for none.
        shows: the number that they show, if they show one of a node.
    """

    x: float
    y: float
    runs: Sequence[Run]
    size: float
    color: str
    anchor: str = "middle"
    bold: bool = False
    ground: str = ""
    shows: Shown | None = None

    @property
    def width(self) -> float:
        """How wide they are, in the widest of the common fonts.

        >>> Words(0.0, 0.0, plain("0"), 10.0, "#000000").width
        6.4
        """
        return width_of(self.runs, self.size)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom.

        >>> Words(10.0, 10.0, plain("0"), 10.0, "#000000").box
        (6.8, 5.0, 13.2, 15.0)
        """
        left = self.x - self.width * {"start": 0.0, "middle": 0.5, "end": 1.0}[self.anchor]
        half = self.size * (0.7 if any(run.kind in ("sub", "sup") for run in self.runs) else 0.5)
        return left, self.y - half, left + self.width, self.y + half


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line, which may be dashed."""

    x1: float
    y1: float
    x2: float
    y2: float
    color: str
    width: float
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Curve:
    """A line of cubic Bezier curves, which may be dashed and may have an arrowhead.

    Attributes:
        points: where it starts, then for each piece its two control points and its end.
        color: of the line and its head.
        width: of the line.
        dashed: whether it is.
        tip: the point of the arrowhead, whose base is where the line ends; None for no head.
    """

    points: tuple[Point, ...]
    color: str
    width: float
    dashed: bool = False
    tip: Point | None = None

    @property
    def head(self) -> tuple[Point, Point, Point] | None:
        """The corners of the arrowhead, its point first.

        >>> bend = ((0.0, 0.0), (2.0, 0.0), (4.0, 0.0), (6.0, 0.0))
        >>> Curve(bend, "#000000", 1.0, tip=(16.0, 0.0)).head
        ((16.0, 0.0), (6.0, -3.5), (6.0, 3.5))
        """
        if self.tip is None:
            return None
        (x, y), (tip_x, tip_y) = self.points[-1], self.tip
        along, across = (tip_x - x) * HEAD_WIDTH / 2.0, (tip_y - y) * HEAD_WIDTH / 2.0
        return self.tip, (x + across, y - along), (x - across, y + along)


@dataclass(frozen=True, slots=True)
class Circle:
    """A circle around a point."""

    x: float
    y: float
    radius: float
    fill: str
    border: str
    width: float = 1.2


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A rectangle with round corners, by its middle."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    border: str
    border_width: float = 1.2


Shape = Words | Line | Curve | Circle | Rectangle
"""What there is in a picture."""


@dataclass(slots=True)
class Group:
    """Shapes that belong together.

    Attributes:
        kind: what they show, such as "unit"; the class in the SVG.
        shapes: what is drawn, in this order.
        tooltip: lines that a browser shows when one points at them.
        name: the id; "" for none.
        nodes: the nodes that it stands for; of a line, those that it leads from.
        targets: of a line, the nodes that it leads to.
    """

    kind: str
    shapes: list[Shape]
    tooltip: Sequence[str] = ()
    name: str = ""
    nodes: Collection[Value] = ()
    targets: Collection[Value] = ()


@dataclass(slots=True)
class Scene:
    """A picture.

    Attributes:
        width: in pixels of an SVG, or points.
        height: likewise.
        background: its color.
        title: what screen readers call it.
        groups: what is in it; lines are drawn under all the rest.

    >>> scene = Scene(40.0, 20.0, "#ffffff", "one <circle>")
    >>> scene.groups.append(Group("unit", [Circle(10.0, 10.0, 5.0, "#eeeeee", "#000000")], ["a"]))
    >>> print(scene.svg())  # doctest: +NORMALIZE_WHITESPACE
    <svg xmlns="http://www.w3.org/2000/svg" width="40" height="20" viewBox="0 0 40 20" role="img"
    aria-label="one &lt;circle&gt;" font-family="Helvetica,Arial,sans-serif" xml:space="preserve">
    <rect width="40" height="20" fill="#ffffff"/>
    <g class="unit"><title>a</title><circle cx="10" cy="10" r="5" fill="#eeeeee" stroke="#000000"
    stroke-width="1.2"/></g>
    </svg>
    """

    width: float
    height: float
    background: str
    title: str
    groups: list[Group] = field(default_factory=list)

    def svg(self) -> str:
        """The picture as the text of an SVG file."""
        size = f'width="{short(self.width)}" height="{short(self.height)}"'
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} '
            f'viewBox="0 0 {short(self.width)} {short(self.height)}" role="img" '
            f'aria-label="{escaped(self.title)}" font-family="{markup.FONT}" xml:space="preserve">',
            f'<rect {size} fill="{self.background}"/>',
            *(_svg_group(group) for group in self.groups),
            "</svg>\n",
        ]
        return "\n".join(lines)

    def dot(self, scale: float = 1.0) -> str:
        """The picture as DOT text in which everything has its place.

        Args:
            scale: how much larger Graphviz is to draw it.

        Each line leads from an unseen point to itself: Graphviz draws it where that point stands in
        the text, and so over a frame and under a box. Lines by themselves would all come first.

        >>> Scene(40.0, 20.0, "#ffffff", "nothing").dot().splitlines()[0]
        'digraph "network" {'
        """
        shapes = [shape for group in self.groups for shape in group.shapes]
        body = [line for index, shape in enumerate(shapes) for line in self._dot(index, shape)]
        middle = self._place(self.width / 2.0, self.height / 2.0)
        inches = [f"{scale * side / 72.0:.4f}" for side in (self.width, self.height)]
        size = f'size="{",".join(inches)}!", ' if scale != 1.0 else ""
        return "\n".join(
            [
                'digraph "network" {',
                "  graph [layout=nop2, outputorder=breadthfirst, pad=0, margin=0, splines=line, "
                f'{size}charset="UTF-8", bgcolor="{self.background}"];',
                f'  node [label="", fixedsize=true, fontname="{markup.FONT}"];',
                "  edge [arrowhead=none];",
                f"  canvas [shape=box, style=invis, {_inches(self.width, self.height)}, {middle}];",
                *body,
                "}\n",
            ]
        )

    def _dot(self, index: int, shape: Shape) -> Iterator[str]:
        name = f"s{index}"
        if isinstance(shape, Line | Curve):
            middle = self._place(self.width / 2.0, self.height / 2.0)
            stroke = self._line(shape) if isinstance(shape, Line) else self._curve(shape)
            yield f"  {name} [shape=point, style=invis, {_inches(0.0, 0.0)}, {middle}];"
            yield f"  {name} -> {name} [{stroke}];"
        elif isinstance(shape, Words):
            yield from self._words(name, shape)
        else:
            circle = isinstance(shape, Circle)
            width = 2.0 * shape.radius if isinstance(shape, Circle) else shape.width
            height = width if isinstance(shape, Circle) else shape.height
            pen = shape.width if isinstance(shape, Circle) else shape.border_width
            yield (
                f"  {name} [shape={'circle' if circle else 'box'}, "
                f'style="{"filled" if circle else "filled,rounded"}", fillcolor="{shape.fill}", '
                f'color="{shape.border}", penwidth={short(pen)}, {_inches(width, height)}, '
                f"{self._place(shape.x, shape.y)}];"
            )

    def _line(self, line: Line) -> str:
        first, last = (line.x1, line.y1), (line.x2, line.y2)
        return self._spline((first, first, last, last), line)

    def _curve(self, curve: Curve) -> str:
        spline = self._spline(curve.points, curve, curve.tip)
        if curve.tip is None:
            return spline
        size = dist(curve.points[-1], curve.tip) / LENGTH_OF_GRAPHVIZ
        return f"{spline}, arrowhead=normal, arrowsize={short(size)}"

    def _spline(self, points: Iterable[Point], pen: Line | Curve, tip: Point | None = None) -> str:
        places = [f"{short(x)},{short(self.height - y)}" for x, y in points]
        if tip is not None:
            places.insert(0, f"e,{short(tip[0])},{short(self.height - tip[1])}")
        dashed = ", style=dashed" if pen.dashed else ""
        return f'pos="{" ".join(places)}", color="{pen.color}", penwidth={short(pen.width)}{dashed}'

    def _words(self, name: str, words: Words) -> Iterator[str]:
        left, top, right, bottom = words.box
        letters = "".join([_dot_run(run, words.size) for run in words.runs])
        letters = f"<B>{letters}</B>" if words.bold else letters
        text = f'<FONT COLOR="{words.color}" POINT-SIZE="{short(words.size)}">{letters}</FONT>'
        if words.ground:
            yield (
                f'  {name}g [shape=box, style=filled, color="{words.ground}", penwidth=0, '
                f"{_inches(right - left + 4.0, words.size + 2.0)}, "
                f"{self._place((left + right) / 2.0, words.y)}];"
            )
        side = {"start": "LEFT", "middle": "CENTER", "end": "RIGHT"}[words.anchor]
        table = (
            f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" '
            f'WIDTH="{short(right - left)}"><TR><TD ALIGN="{side}">{text}</TD></TR></TABLE>'
        )
        place = self._place((left + right) / 2.0, (top + bottom) / 2.0)
        yield f"  {name} [shape=plain, fixedsize=false, label=<{table}>, {place}];"

    def _place(self, x: float, y: float) -> str:
        return f'pos="{short(x)},{short(self.height - y)}"'


def plain(text: str) -> list[Run]:
    """Upright letters, as they are.

    >>> plain("0.5")
    [Run(text='0.5', kind='code')]
    """
    return [Run(text, "code")] if text else []


def width_of(runs: Iterable[Run], size: float) -> float:
    """How wide letters are in the widest of the common fonts, which is DejaVu.

    >>> round(width_of(plain("0.5"), 10.0), 9), round(width_of([Run("12", "sub")], 10.0), 9)
    (16.2, 9.6)
    """
    total = 0.0
    for run in runs:
        scale = INDEX_SIZE if run.kind in ("sub", "sup") else 1.0
        total += scale * sum([_width(character) for character in run.text])
    return total * size


def colors_of(group: Group) -> set[str]:
    """The colors of its shapes.

    >>> colors_of(Group("unit", [Circle(5.0, 5.0, 2.0, "#ffffff", "#000000")])) == {
    ...     "#ffffff",
    ...     "#000000",
    ... }
    True
    """
    colors: set[str] = set()
    for shape in group.shapes:
        if isinstance(shape, Circle | Rectangle):
            colors |= {shape.fill, shape.border}
        elif isinstance(shape, Words) and shape.ground:
            colors |= {shape.color, shape.ground}
        else:
            colors.add(shape.color)
    return colors


def dashes_of(pen: Line | Curve) -> tuple[float, float]:
    """The lengths of a dash and of a gap of a line that is dashed.

    >>> dashes_of(Line(0.0, 0.0, 9.0, 0.0, "#000000", 2.0, dashed=True))
    (8.0, 5.0)
    """
    return 5.0 + 1.5 * pen.width, 3.0 + pen.width


def ground_of(words: Words) -> tuple[float, float, float, float] | None:
    """Left, top, width and height of the rectangle behind words; None where there is none.

    >>> ground_of(Words(0.0, 0.0, plain("0"), 10.0, "#000000", "start", ground="#ffffff"))
    (-2.0, -6.0, 10.4, 12.0)
    """
    if not words.ground:
        return None
    left, _, right, _ = words.box
    return left - 2.0, words.y - words.size / 2.0 - 1.0, right - left + 4.0, words.size + 2.0


def short(number: float) -> str:
    """A coordinate with at most two decimals.

    >>> short(12.0), short(0.126)
    ('12', '0.13')
    """
    return f"{number:.2f}".rstrip("0").rstrip(".")


def escaped(text: str) -> str:
    r"""Text for XML: whatever stands in it is shown.

    >>> print(escaped('<a>"x"\x07'))
    &lt;a&gt;&quot;x&quot;\x07
    """
    return html.escape(markup.visible(text))


def _width(character: str) -> float:
    if character in NARROW:
        return 0.34
    if character in "()[]/":
        return 0.4
    if character in WIDE or (
        ord(character) > 0x3FF and character != DERIVATIVE
    ):  # behind the Greek letters
        return 1.0 if ord(character) > 0x2E7F else 0.84
    return 0.78 if character.isupper() else 0.64


def _svg_group(group: Group) -> str:
    name = f' id="{group.name}"' if group.name else ""
    title = "\n".join([markup.visible(line) for line in group.tooltip])
    tooltip = f"<title>{html.escape(title)}</title>" if title else ""
    return f'<g class="{group.kind}"{name}>{tooltip}{"".join(map(_svg, group.shapes))}</g>'


def _svg(shape: Shape) -> str:
    if isinstance(shape, Words):
        return _svg_words(shape)
    if isinstance(shape, Line):
        return (
            f'<line x1="{short(shape.x1)}" y1="{short(shape.y1)}" x2="{short(shape.x2)}" '
            f'y2="{short(shape.y2)}"{_svg_pen(shape)}/>'
        )
    if isinstance(shape, Curve):
        return _svg_curve(shape)
    if isinstance(shape, Circle):
        return (
            f'<circle cx="{short(shape.x)}" cy="{short(shape.y)}" r="{short(shape.radius)}" '
            f'fill="{shape.fill}" stroke="{shape.border}" stroke-width="{short(shape.width)}"/>'
        )
    left, top = shape.x - shape.width / 2.0, shape.y - shape.height / 2.0
    return (
        f'<rect x="{short(left)}" y="{short(top)}" width="{short(shape.width)}" '
        f'height="{short(shape.height)}" rx="{short(CORNER)}" fill="{shape.fill}" '
        f'stroke="{shape.border}" stroke-width="{short(shape.border_width)}"/>'
    )


def _svg_pen(pen: Line | Curve) -> str:
    dash, gap = dashes_of(pen)
    dashes = f' stroke-dasharray="{short(dash)} {short(gap)}"' if pen.dashed else ""
    return f' stroke="{pen.color}" stroke-width="{short(pen.width)}"{dashes}'


def _svg_curve(curve: Curve) -> str:
    first, *others = [f"{short(x)},{short(y)}" for x, y in curve.points]
    line = f'<path d="M{first}C{" ".join(others)}" fill="none"{_svg_pen(curve)}/>'
    if curve.head is None:
        return line
    corners = " ".join([f"{short(x)},{short(y)}" for x, y in curve.head])
    return f'{line}<polygon points="{corners}" fill="{curve.color}"/>'


def _svg_words(words: Words) -> str:
    ground = ""
    place = ground_of(words)
    if place is not None:
        left, top, width, height = place
        ground = (
            f'<rect x="{short(left)}" y="{short(top)}" width="{short(width)}" '
            f'height="{short(height)}" fill="{words.ground}"/>'
        )
    bold = ' font-weight="bold"' if words.bold else ""
    anchor = f' text-anchor="{words.anchor}"' if words.anchor != "start" else ""
    return (
        f'{ground}<text x="{short(words.x)}" y="{short(words.y + BASELINE * words.size)}"{anchor} '
        f'font-size="{short(words.size)}"{bold} fill="{words.color}">'
        f"{''.join(_tspans(words.runs, words.size))}</text>"
    )


def _tspans(runs: Sequence[Run], size: float) -> Iterator[str]:
    """The runs of a text, indices smaller and off the line, which the next run goes back to."""
    height = 0.0
    for run in runs:
        goal = {"sub": LOWERED, "sup": -RAISED}.get(run.kind, 0.0) * size
        attributes = f' dy="{short(goal - height)}"' if goal != height else ""
        height = goal
        if run.kind in ("sub", "sup"):
            attributes += f' font-size="{short(INDEX_SIZE * size)}"'
        if run.kind != "code":
            attributes += f' font-family="{SERIF}"'
        if run.kind == "italic":
            attributes += ' font-style="italic"'
        text = escaped(run.text)
        yield f"<tspan{attributes}>{text}</tspan>" if attributes else text


def _dot_run(run: Run, size: float) -> str:
    text = markup.html_text(run.text)
    if run.kind == "code":
        return text
    if run.kind in ("sub", "sup"):
        index = f'<FONT POINT-SIZE="{short(INDEX_SIZE * size)}">{text}</FONT>'
        text = f"<{run.kind.upper()}>{index}</{run.kind.upper()}>"
    elif run.kind == "italic":
        text = f"<I>{text}</I>"
    return f'<FONT FACE="{SERIF_OF_GRAPHVIZ}">{text}</FONT>'


def _inches(width: float, height: float) -> str:
    return f"width={width / 72.0:.4f}, height={height / 72.0:.4f}"
