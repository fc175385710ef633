"""Lines, circles, boxes and words at fixed places: what a drawing is, in whatever format."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tinygrad_mlp.engine import Value
from tinygrad_mlp.graph import Run
from viz._scene.letters import width_of

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
    "short",
]

LOWERED: Final = 0.22
RAISED: Final = 0.4
BASELINE: Final = 0.35
"""How far the baseline lies under the middle of letters, in sizes."""

CORNER: Final = 6.0
"""The radius of the corners of a rectangle."""

HEAD_WIDTH: Final = 0.7
"""Of an arrowhead, in lengths of it, as Graphviz draws them."""
Point = tuple[float, float]
"""How far to the right, and how far down."""


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
        6.37
        """
        return width_of(self.runs, self.size, self.bold)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom.

        >>> Words(10.0, 10.0, plain("$$"), 1000.0, "#000000", "start").box
        (10.0, -490.0, 1284.0, 510.0)
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
    """

    width: float
    height: float
    background: str
    title: str
    groups: list[Group] = field(default_factory=list)


def plain(text: str) -> list[Run]:
    """Upright letters, as they are.

    >>> plain("0.5")
    [Run(text='0.5', kind='code')]
    """
    return [Run(text, "code")] if text else []


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

    >>> ground_of(Words(0.0, 0.0, plain("..."), 1000.0, "#000000", "end", ground="#ffffff"))
    (-956.0, -501.0, 958.0, 1002.0)
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
