"""The shapes of a network of circles and lines: circles, boxes, folds, lines, titles, numbers.

Each is made for a place that it is given; ``circles`` says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import hypot, isnan
from typing import Any, Final

from tinygrad_mlp.engine import Value
from tinygrad_mlp.graph import Run, TextbookNames, UnitLayer
from viz._circles.arrangement import Fold, Pitch
from viz._circles.detours import Way
from viz._circles.line_labels import Ends
from viz._circles.network import Block, Link, Network, Spot
from viz._circles.network_paths import paths_through
from viz._circles.network_words import (
    BETWEEN,
    LEAST_WIDTH,
    MOST_WIDTH,
    PAGE_LETTERS,
    NetworkWords,
    Text,
)
from viz._scene.emphasis import faded, marked
from viz._scene.letters import width_of
from viz._scene.scene import Circle, Group, Line, Rectangle, Shape, Words, plain
from viz._style import markup
from viz._style.look import Look

__all__ = ["ONE", "NetworkShapes", "Places", "more_text", "radius_of"]

ONE: Final = 0.5
"""The size of the circle of a constant 1 beside the others."""

STEP_HEIGHT: Final = 1.6
"""The height of the box of an operation, in radii of circles; it is as wide as a circle."""

OUTPUT_BORDER: Final = 1.8

Places = dict[Spot, tuple[float, float]]
"""Where the middle of each circle stands."""


class NetworkShapes(NetworkWords):
    """What a picture of a network is made of.

    >>> from tinygrad_mlp.graph import MathName
    >>> x = Value(2.0)
    >>> spot = Spot("input", {x: None})
    >>> shapes = NetworkShapes(
    ...     Network([Block([spot], 0)], [], 1),
    ...     Look(),
    ...     TextbookNames({x: MathName("x", (1,))}, {x: "v0"}),
    ...     None,
    ...     by_math=True,
    ...     is_slide=False,
    ...     predictions=False,
    ...     marked=[],
    ... )
    >>> shapes.circle(0, spot, (10.0, 20.0), 18.0).shapes[0]
    Circle(x=10.0, y=20.0, radius=18.0, fill='#e3f5ee', border='#1f9e78', width=1.2)
    """

    def __init__(
        self,
        network: Network,
        look: Look,
        names: TextbookNames,
        focus: Value | None,
        **settings: Any,
    ) -> None:
        super().__init__(network, look, names, **settings)
        self.paths = None if focus is None else paths_through(network, focus)

    # Sizes

    def radius(self) -> float:
        """That of every circle: the widest words fit inside."""
        radius = 1.25 * self.letters
        for spot in self.spots:
            if spot.kind in ("input", "unit", "step"):
                texts = self.texts(spot)
                for text, middle in zip(texts, _middles(texts), strict=True):
                    half = width_of(text.runs, text.size, text.bold) / 2.0
                    radius = max(radius, hypot(half, abs(middle) + 0.37 * text.size) + 1.6)
        return radius

    def half_of_outputs(self) -> float:
        """Half the width of the boxes of outputs."""
        widths = [
            width_of(text.runs, text.size, text.bold) / 2.0 + 0.6 * self.letters
            for spot in self.spots
            if spot.kind == "output"
            for text in self.texts(spot)
        ]
        return max(widths, default=0.0)

    # Pieces

    def lit(self, group: Group, *things: Spot | Link) -> Group:
        """The group, faded if none of the things that it shows lies on the paths in focus."""
        if self.paths is None or any(thing in self.paths for thing in things):
            return group
        return faded(group, self.theme.background)

    def with_mark(self, group: Group, is_marked: bool) -> Group:
        """The group, in the accent color if it is marked."""
        return marked(group, self.theme.accent) if is_marked else group

    def title_runs(self, block: Block, pitch: Pitch) -> list[Run]:
        """The title, no wider than its column: rather without the function than cut."""
        title = self.title(block)
        room = pitch.column - 8.0
        is_layer = isinstance(block.layer, UnitLayer)
        if is_layer and width_of(plain(title), self.letters) > room:
            title = title.partition(f" {BETWEEN} ")[0]
        whole, longest = title, len(title)
        while longest > 4 and width_of(plain(title), self.letters) > room:
            longest -= 1
            title = markup.shortened(whole, longest)
        return plain(title)

    def title_words(self, block: Block, pitch: Pitch, x: float, y: float) -> Words:
        """The title of a block at a place."""
        title, theme = self.title_runs(block, pitch), self.theme
        return Words(x, y, title, self.letters, theme.muted, ground=theme.background)

    def circle(self, index: int, spot: Spot, place: tuple[float, float], radius: float) -> Group:
        """A circle, or the box of an output, with its words."""
        x, y = place
        paint = self.paint(spot)
        texts = self.texts(spot)
        shape: Shape = Circle(x, y, radius_of(spot, radius), paint.fill, paint.border)
        if spot.kind == "step":
            height = STEP_HEIGHT * radius
            shape = Rectangle(x, y, 2.0 * radius, height, paint.fill, paint.border)
        if spot.kind == "output":
            height = sum([1.25 * text.size for text in texts]) + 0.8 * self.letters
            width = 2.0 * self.half_of_outputs()
            shape = Rectangle(x, y, width, height, paint.fill, paint.border, OUTPUT_BORDER)
        words = [
            Words(x, y + middle, t.runs, t.size, t.color, bold=t.bold, shows=t.shows)
            for t, middle in zip(texts, _middles(texts), strict=True)
        ]
        nodes = _nodes_of(spot)
        group = Group(spot.kind, [shape, *words], self.facts(spot), f"c{index}", nodes)
        return self.lit(self.with_mark(group, self.is_marked(spot)), spot)

    def fold(self, fold: Fold, x: float, y: float) -> Group:
        """What stands for units that are not drawn."""
        color, apart = self.theme.muted, 0.6 * self.letters
        text = more_text(fold.n_units)
        dots = Words(x, y - apart, plain("\N{VERTICAL ELLIPSIS}"), 1.3 * self.small, color)
        words = Words(x, y + apart, plain(text), self.small, color)
        return self.lit(Group("fold", [dots, words], [f"{text}, not drawn"]))

    def line(self, index: int, link: Link, way: Way) -> Group:
        """A line, of several pieces where it makes a detour."""
        color, width, dashed = self.stroke(link)
        shapes = [Line(*first, *second, color, width, dashed) for first, second in pairwise(way)]
        kind = "weight" if link.weight is not None else "plain" if link.is_plain else "further"
        is_marked = self.is_marked_line(link)
        return self.group_of(kind, link, shapes, f"e{index}", is_marked=is_marked)

    def group_of(
        self,
        kind: str,
        link: Link,
        shapes: Sequence[Shape],
        name: str = "",
        *,
        is_marked: bool = False,
    ) -> Group:
        """A line, or what stands on it."""
        nodes = [*_nodes_of(link.source), *([] if link.weight is None else [link.weight])]
        facts, targets = self.facts_of_line(link), _nodes_of(link.target)
        group = Group(kind, list(shapes), facts, name, nodes, targets)
        return self.lit(self.with_mark(group, is_marked), link)

    def stroke(self, link: Link) -> tuple[str, float, bool]:
        """The color and the width of a line, and whether it is dashed."""
        if link.weight is None:
            line = self.plain_line if link.is_plain else self.further_line
            return line.color, line.width * self.letters / PAGE_LETTERS, False
        weight = link.weight.data
        if isnan(weight) or weight == 0.0:
            return self.theme.line, 2.0 * LEAST_WIDTH, False
        share = min(1.0, abs(weight) / self.strongest) if self.strongest else 1.0
        width = LEAST_WIDTH + (MOST_WIDTH - LEAST_WIDTH) * share
        width *= self.letters / PAGE_LETTERS
        color = self.theme.negative if weight < 0.0 else self.theme.positive
        return color, width, weight < 0.0

    def is_marked_line(self, link: Link) -> bool:
        """Whether a line is to be marked: its weight is, or both of its ends are."""
        ends = self.is_marked(link.source) and self.is_marked(link.target)
        return ends or link.weight in self.marked

    def ends(self, link: Link, places: Places, radius: float) -> Ends:
        """Where a line leaves its first circle and meets the second: on the right, on the left.

        So no line runs through the circles of the two columns that it connects.
        """
        (x1, y1), (x2, y2) = places[link.source], places[link.target]
        before = self.half_of_outputs() if link.target.kind == "output" else radius
        return x1 + radius_of(link.source, radius), y1, x2 - before, y2

    def label_words(self, link: Link) -> Words:
        """What stands on a line, anywhere."""
        theme = self.theme
        return Words(0.0, 0.0, self.label(link), self.small, theme.text, ground=theme.background)


def radius_of(spot: Spot, radius: float) -> float:
    """The radius of one circle, where the others have this one.

    >>> radius_of(Spot("one"), 18.0)
    9.0
    """
    return ONE * radius if spot.kind == "one" else radius


def more_text(n_units: int) -> str:
    """What stands where units are not drawn.

    >>> more_text(1000)
    '1,000 more'
    """
    return f"{n_units:,} more"


def _middles(texts: list[Text]) -> list[float]:
    """How far the middle of each line stands under that of the circle."""
    heights = [(1.2 if _has_index(text) else 1.06) * text.size for text in texts]
    top = -sum(heights) / 2.0
    return [top + sum(heights[:index]) + height / 2.0 for index, height in enumerate(heights)]


def _has_index(text: Text) -> bool:
    return any(run.kind in ("sub", "sup") for run in text.runs)


def _nodes_of(spot: Spot) -> tuple[Value, ...]:
    return (*spot.nodes, *spot.inner)
