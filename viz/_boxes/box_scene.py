"""Boxes, arrows and frames as a scene: what Graphviz has placed, with a legend under it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tinygrad_mlp.engine import Value
from viz._boxes.box_trees import HEAD, ROOM, STUB, Arrow, Block
from viz._boxes.cards import LETTERS, Card, Cell, is_sideways
from viz._boxes.placement import Frame, Link, Spacing, place
from viz._scene.legend import Entry, legend_groups, widest_of
from viz._scene.scene import Curve, Group, Point, Rectangle, Scene, Words
from viz._style.look import Look

__all__ = ["Edge", "Heading", "Plan", "scene_of"]

MARGIN: Final = 8.0
LEAST_WIDTH: Final = 240.0
SAMPLES: Final = 60
"""The points on a piece of a line at which a title is looked for to be in the way."""


Piece = tuple[Point, ...]
"""The four points of a piece of a line."""

Sides = tuple[float, float, float, float]
"""Left, top, right, bottom."""


@dataclass(eq=False, slots=True)
class Edge:
    """An arrow from one box to another.

    Attributes:
        source: where it begins.
        target: where it ends, and at which of the ends there.
        color: of the line.
        width: of the line.
        tooltip: lines.
        nodes: what it leads from.
        targets: what it leads to.
    """

    source: Card
    target: Arrow
    color: str
    width: float = 0.9
    tooltip: Sequence[str] = ()
    nodes: Collection[Value] = ()
    targets: Collection[Value] = ()


@dataclass(frozen=True, slots=True)
class Heading:
    """The title of a frame, with what its tooltip says."""

    cell: Cell | None
    tooltip: Sequence[str]
    name: str
    nodes: tuple[Value, ...] = ()


@dataclass(slots=True)
class Plan:
    """What a picture of boxes consists of.

    Attributes:
        title: what screen readers call it.
        blocks: what is placed, boxes alone and boxes in frames.
        headings: those of blocks in frames.
        edges: every arrow, in the order of its name.
        frames: frames around blocks, with their headings.
        legend: what stands under it.
        spacing: how far blocks stand apart.
    """

    title: str
    blocks: list[Block] = field(default_factory=list)
    headings: dict[Block, Heading] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    frames: list[tuple[Frame, Heading]] = field(default_factory=list)
    legend: list[Entry] = field(default_factory=list)
    spacing: Spacing = field(default_factory=Spacing)


def scene_of(plan: Plan, look: Look) -> Scene:
    """The picture.

    Raises:
        MissingDependencyError: without Graphviz.

    >>> from viz._boxes.box_trees import alone
    >>> card = Card("n0", [], Look().theme.roles["input"])
    >>> [group.name for group in scene_of(Plan("one", [alone(card, "a", "LR")]), Look()).groups]
    ['n0']
    """
    return _Picture(plan, look).scene()


class _Picture:
    def __init__(self, plan: Plan, look: Look) -> None:
        self.plan = plan
        self.look = look
        self.block_of = {card: block for block in plan.blocks for card in block.places}
        outside = [
            edge
            for edge in plan.edges
            if self.block_of[edge.source] is not self.block_of[edge.target[0]]
        ]
        links = [
            Link(self.block_of[e.source], e.source, self.block_of[e.target[0]], e.target)
            for e in outside
        ]
        frames = [frame for frame, _ in plan.frames]
        self.places = place(plan.blocks, links, frames, look.direction, plan.spacing)
        self.lines = dict(zip(outside, self.places.lines, strict=True))
        self.corners: dict[Block, Point] = {}

    def scene(self) -> Scene:
        """Everything at its place."""
        entries = self.plan.legend if self.look.legend else []
        inside = max(self.places.width, widest_of(entries, LETTERS))
        width = max(inside + 2.0 * MARGIN, LEAST_WIDTH)
        self.left = (width - self.places.width) / 2.0
        self.top = MARGIN
        self.corners = {b: self.moved(corner) for b, corner in self.places.corners.items()}
        curves = [self.curve(edge) for edge in self.plan.edges]
        groups = list(self.frames(curves))
        for index, (edge, curve) in enumerate(zip(self.plan.edges, curves, strict=True)):
            groups.append(
                Group("edge", [curve], edge.tooltip, f"e{index}", edge.nodes, edge.targets)
            )
        for block, corner in self.corners.items():
            groups += [card.group(*block.corner(card, corner)) for card in block.places]
        height = self.places.height + 2.0 * MARGIN
        if entries:
            legend, high = legend_groups(
                entries,
                self.look.theme,
                LETTERS,
                width - 2.0 * MARGIN,
                (MARGIN, height - MARGIN / 2.0),
            )
            groups += legend
            height += high
        return Scene(width, height, self.look.theme.background, self.plan.title, groups)

    def moved(self, point: Point) -> Point:
        x, y = point
        return x + self.left, y + self.top

    # Lines

    def curve(self, edge: Edge) -> Curve:
        """The line of an arrow: out of its block, along, into the other, into its box."""
        source, target = self.block_of[edge.source], self.block_of[edge.target[0]]
        end = target.end(edge.target, self.corners[target])
        start = source.start(edge.source, self.corners[source])
        bend = self.along(end, -STUB)
        if source is target:
            points = [start, *_bend(start, bend, is_sideways(self.look.direction))]
        else:
            points = self.line(edge, source, target, start, bend)
        base = self.along(end, -HEAD)
        points += _straight(points[-1], base)
        return Curve(tuple(points), edge.color, edge.width, tip=end)

    def line(
        self, edge: Edge, source: Block, target: Block, start: Point, bend: Point
    ) -> list[Point]:
        """What Graphviz gives, from the side of a block to that of another, and what is before."""
        middle = [self.moved(point) for point in self.lines[edge]]
        way_out = source.point(source.length, source.way_out, self.corners[source])
        way_in = target.point(0.0, target.lanes[edge.target], self.corners[target])
        _pull(middle, way_out, way_in)
        _tighten(middle, 0 if is_sideways(self.look.direction) else 1)
        points = [start]
        if _apart(start, way_out):
            points += _straight(start, way_out)
        points += middle[1:]
        card = edge.target[0]
        if not target.is_frame:
            return points + _straight(points[-1], bend)
        along = target.places[card][0]
        # The lane is straight as far as boxes stand beside it.
        lane = target.point(along - STUB - ROOM, target.lanes[edge.target], (0.0, 0.0))
        corner = self.corners[target]
        lane = lane[0] + corner[0], lane[1] + corner[1]
        if self.passed(way_in, lane):
            points += _straight(points[-1], lane)
        else:
            lane = way_in
        return points + _bend(lane, bend, is_sideways(self.look.direction))

    def passed(self, start: Point, end: Point) -> bool:
        """Whether a place lies behind another in the direction of the arrows."""
        sign = 1.0 if self.look.direction in ("LR", "TB") else -1.0
        axis = 0 if is_sideways(self.look.direction) else 1
        return sign * (end[axis] - start[axis]) > 0.5

    def along(self, point: Point, distance: float) -> Point:
        """A place further along the arrows."""
        sign = 1.0 if self.look.direction in ("LR", "TB") else -1.0
        x, y = point
        if is_sideways(self.look.direction):
            return x + sign * distance, y
        return x, y + sign * distance

    # Frames

    def frames(self, curves: Sequence[Curve]) -> Iterator[Group]:
        """Frames and their titles; a title stands where no line runs, if there is such a place."""
        pieces = [
            curve.points[start : start + 4]
            for curve in curves
            for start in range(0, len(curve.points) - 3, 3)
        ]
        for (frame, heading), (x1, y1, x2, y2), title in zip(
            self.plan.frames, self.places.frames, self.places.titles, strict=True
        ):
            sides = (*self.moved((x1, y1)), *self.moved((x2, y2)))
            beside = None if title is None else self.moved(title)
            yield self.frame(sides, frame.title[1], heading, pieces, beside)
        for block, heading in self.plan.headings.items():
            (x, y), (width, height) = self.corners[block], block.size
            sides = x, y, x + width, y + height
            yield self.frame(sides, block.title[1], heading, pieces)

    def frame(
        self,
        sides: Sides,
        height: float,
        heading: Heading,
        pieces: Sequence[Piece],
        beside: Point | None = None,
    ) -> Group:
        """A frame and its title, of that height: beside its boxes, or where arrows leave it."""
        x1, y1, x2, y2 = sides
        theme = self.look.theme
        ground = Rectangle(
            *((x1 + x2) / 2.0, (y1 + y2) / 2.0, x2 - x1, y2 - y1), theme.frame, theme.outline, 1.0
        )
        words = []
        if heading.cell is not None and beside is not None:
            words = [heading.cell.words(*beside, "middle")]
        elif heading.cell is not None:
            below = self.look.direction == "TB"
            middle = (y2 - 4.0 - height / 2.0) if below else (y1 + 4.0 + height / 2.0)
            words = [_title(heading.cell, (x1 + 6.0, x2 - 6.0), middle, pieces)]
        return Group("frame", [ground, *words], heading.tooltip, heading.name, heading.nodes)


def _title(cell: Cell, sides: tuple[float, float], middle: float, pieces: Iterable[Piece]) -> Words:
    """The title as far to the left as no line runs through it."""
    left, right = sides
    top, bottom = middle - cell.size / 2.0 - 1.0, middle + cell.size / 2.0 + 1.0
    crossed = sorted(
        x
        for piece in pieces
        if min([y for _, y in piece]) < bottom and max([y for _, y in piece]) > top
        for x, y in _points_on(piece)
        if left - 2.0 < x < right and top < y < bottom
    )
    x = left
    for other in crossed:
        if x - 2.0 < other < x + cell.width + 2.0:
            x = other + 3.0
    if x + cell.width > right:
        x = left
    return cell.words(x, middle, "start")


def _points_on(piece: Piece) -> Iterator[Point]:
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = piece
    for step in range(SAMPLES + 1):
        t = step / SAMPLES
        s = 1.0 - t
        a, b, c, d = s * s * s, 3.0 * s * s * t, 3.0 * s * t * t, t * t * t
        yield a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3


def _apart(first: Point, second: Point) -> bool:
    return abs(first[0] - second[0]) + abs(first[1] - second[1]) > 0.5


def _straight(start: Point, end: Point) -> list[Point]:
    """The further points of a straight piece."""
    (x1, y1), (x2, y2) = start, end
    return [
        ((2.0 * x1 + x2) / 3.0, (2.0 * y1 + y2) / 3.0),
        ((x1 + 2.0 * x2) / 3.0, (y1 + 2.0 * y2) / 3.0),
        end,
    ]


def _bend(start: Point, end: Point, sideways: bool) -> list[Point]:
    """The further points of a piece that begins and ends in the direction of the arrows."""
    (x1, y1), (x2, y2) = start, end
    if sideways:
        return [((x1 + x2) / 2.0, y1), ((x1 + x2) / 2.0, y2), end]
    return [(x1, (y1 + y2) / 2.0), (x2, (y1 + y2) / 2.0), end]


def _pull(points: list[Point], start: Point, end: Point) -> None:
    """Move the ends of a line, which Graphviz puts within a pixel, and what holds their slope."""
    for first, second, goal in ((0, 1, start), (-1, -2, end)):
        dx, dy = goal[0] - points[first][0], goal[1] - points[first][1]
        points[first] = goal
        points[second] = points[second][0] + dx, points[second][1] + dy


def _tighten(points: list[Point], axis: int) -> None:
    """Keep what bends a line of one piece between its ends, so that it does not swing out."""
    if len(points) != 4:
        return
    low, high = sorted((points[0][axis], points[3][axis]))
    for index in (1, 2):
        point = list(points[index])
        point[axis] = min(max(point[axis], low), high)
        points[index] = point[0], point[1]
