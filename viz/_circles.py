"""A network as circles and lines: a circle for each unit, a line for each weight.

The color and the dashes of a line say the sign of its weight, its width the size. Columns stand
from left to right in the order of the layers; of a large layer the middle is folded.
"""

from __future__ import annotations

from collections.abc import Collection
from math import hypot, isfinite, isnan
from typing import Any, Final

from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError
from tinygrad_mlp.graph import Run, TextbookNames
from viz import _markup as markup
from viz._arrangement import Arrangement, Fold, Pitch, arranged, folded
from viz._emphasis import faded, lit_lines_last, marked
from viz._fitting import SLIDE, SLIDE_LETTERS, SLIDE_MARGIN
from viz._legend import legend_groups
from viz._line_labels import Ends, is_hit, placed_labels
from viz._look import Look
from viz._network import INSTEAD, Block, Link, Network, Spot, called, paths_through
from viz._network_words import LEAST_WIDTH, MOST_WIDTH, PAGE_LETTERS, NetworkWords, Text
from viz._scene import Circle, Group, Line, Rectangle, Scene, Shape, Words, plain, width_of

__all__ = ["circles_scene"]

MOST_CIRCLES: Final = 12
"""So many units of a layer are drawn; of more the middle is folded."""

FEWEST_CIRCLES: Final = 3
"""Rather than fold a layer to fewer, a slide is refused."""

MOST_NUMBERED_LINES: Final = 12
"""So many lines between two columns have their numbers, where they find room."""

ONE: Final = 0.5
"""The size of the circle of a constant 1 beside the others."""

FEW_ROWS: Final = 6
"""So few rows stand further apart, which leaves room for numbers."""

WIDEST_PAGE: Final = 1240.0
"""How wide a page may become for the sake of numbers on lines."""
PAGE_MARGIN: Final = 16.0

OUTPUT_BORDER: Final = 1.8

LETTERS: Final = (34.0, 30.0, 27.0, SLIDE_LETTERS)
"""The sizes of letters to try on a slide."""

Places = dict[Spot, tuple[float, float]]
"""Where the middle of each circle stands."""


def circles_scene(
    network: Network,
    look: Look,
    names: TextbookNames,
    *,
    by_math: bool = True,
    slide: bool = False,
    predictions: bool = False,
    marked: Collection[Value] = (),
    focus: Value | None = None,
) -> Scene:
    """The picture of a network.

    Args:
        network: what is drawn.
        look: how it is to look.
        names: what things are called.
        by_math: whether names are those of books.
        slide: whether it is for a slide: 1280 x 720, large letters, three digits, no legend.
        predictions: whether the outputs are those of a model.
        marked: the nodes to mark.
        focus: the node whose paths stand out.

    Raises:
        GraphError: if a line would run through a circle, or if a slide has no room.

    >>> from tinygrad_mlp.graph import order_of, roles_of, textbook_names, units_of
    >>> from tinygrad_mlp.nn import MLP
    >>> from viz._network import network_of
    >>> y = MLP(2, [3, 1], rng=0)([1.0, 2.0])
    >>> order = order_of([y])
    >>> roles = roles_of(order, [y], None)
    >>> units = units_of(order, roles)
    >>> names = textbook_names(order, roles, units)
    >>> scene = circles_scene(network_of(order, roles, units, [y]), Look(), names)
    >>> [group.kind for group in scene.groups].count("unit")
    4
    """
    picture = _Picture(
        network,
        look,
        names,
        focus,
        by_math=by_math,
        is_slide=slide,
        predictions=predictions,
        marked=marked,
    )
    if not slide:
        return picture.page()
    best: Scene | None = None
    fewest = 0
    for letters in LETTERS:
        scene = picture.slide(letters, may_fold=best is None and letters == LETTERS[-1])
        if scene is not None and (best is None or picture.n_unlabeled < fewest):
            best, fewest = scene, picture.n_unlabeled
    if best is not None:
        return best
    n_columns = 1 + max(block.column for block in network.blocks)
    largest = max(len(block.spots) for block in network.blocks)
    raise GraphError(
        f"a slide has no room for {n_columns} columns of up to {largest} circles with letters of "
        "18 points; show less on it, show=(), or leave style='slide' away"
    )


class _Picture(NetworkWords):
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
        shown = [link for link in network.links if link.weight in (*self.marked, focus)]
        self.wanted = {s for s in self.spots if self.is_marked(s) or s.holds(focus)}
        self.wanted |= {s for x in shown if x.weight is not None for s in (x.source, x.target)}
        self.drawn: list[Link] = []
        self.n_unlabeled = 0  # pairs of columns without numbers for want of room

    # Pages and slides

    def page(self) -> Scene:
        """As large as it needs to be, with a legend; columns stand apart as their numbers want."""
        radius = self.radius()
        n_rows = max(
            len(folded(block.spots, MOST_CIRCLES, self.wanted)) for block in self.network.blocks
        )
        row = 2.0 * radius + 14.0
        if n_rows <= FEW_ROWS:
            row = max(row, 80.0)
        near = max(130.0, 0.3 * n_rows * row)
        best: Scene | None = None
        fewest = 0
        for apart in (near, near + 40.0, near + 80.0, near + 120.0):
            one = max((1.0 + ONE) * radius + 14.0, 0.75 * row)
            pitch = Pitch(2.0 * radius + apart, row, radius + 1.6 * self.letters, one)
            scene = self.page_with(pitch, radius)
            if best is None or (self.n_unlabeled < fewest and scene.width <= WIDEST_PAGE):
                best, fewest = scene, self.n_unlabeled
            if not fewest:
                break
        assert best is not None
        return best

    def page_with(self, pitch: Pitch, radius: float) -> Scene:
        """The page with columns and rows so far apart."""
        found = arranged(self.network, pitch, MOST_CIRCLES, self.wanted)
        margin = PAGE_MARGIN
        sides = [(x - radius, x + radius) for x, _ in found.places.values()]
        half = self.half_of_outputs()
        sides += [(x - half, x + half) for x, _ in found.places.values() if x == found.right]
        for block, (x, _) in found.titles.items():
            title, _, title_end, _ = self.title_words(block, pitch, x, 0.0).box
            sides.append((title, title_end))
        first, last = min(x for x, _ in sides), max(x for _, x in sides)
        width = max(last - first + 2.0 * margin, 360.0)
        left = (width - (last - first)) / 2.0 - first
        top = margin + self.letters / 2.0 - found.top
        height = _lowest(found, radius) - found.top + 2.0 * margin + self.letters / 2.0
        groups = self.groups(found, pitch, radius, left, top)
        if self.look.legend:
            place, room = (margin, height), width - 2.0 * margin
            legend, high = legend_groups(
                self.legend(self.drawn), self.theme, 0.85 * self.letters, room, place
            )
            groups += legend
            height += high + margin / 2.0
        return Scene(width, height, self.theme.background, "network", groups)

    def slide(self, letters: float, may_fold: bool) -> Scene | None:
        """1280 x 720 without a legend; None where letters of that size have no room."""
        self.letters = letters
        width, height = SLIDE
        radius = self.radius()
        last = max(block.column for block in self.network.blocks)
        ends = [block for block in self.network.blocks if block.column in (0, last)]
        titles = [width_of(plain(self.title(block)), letters) / 2.0 for block in ends]
        largest = max(len(block.spots) for block in self.network.blocks)
        fold = width_of(plain(_more(largest)), letters) / 2.0 if largest > FEW_ROWS else 0.0
        half = max(self.half_of_outputs(), radius, fold, *titles)
        room = width - 2.0 * SLIDE_MARGIN - 2.0 * half
        column = min(room / max(1, last), 440.0)
        if column < 2.0 * radius + 50.0:
            return None
        title, one = radius + 0.9 * letters, (1.0 + ONE) * radius + 4.0
        high = height - 2.0 * SLIDE_MARGIN - letters / 2.0
        least = min(largest, FEWEST_CIRCLES) if may_fold else min(largest, MOST_CIRCLES)
        for most in range(min(largest, MOST_CIRCLES), least - 1, -1):
            for apart in (140.0, 110.0, 80.0, 60.0, 40.0, 25.0, 15.0, 6.0, 3.0):
                pitch = Pitch(column, 2.0 * radius + apart, title, one)
                found = arranged(self.network, pitch, most, self.wanted)
                if _lowest(found, radius) - found.top <= high:
                    return self.slide_with(found, pitch, radius)
        return None

    def slide_with(self, found: Arrangement, pitch: Pitch, radius: float) -> Scene:
        """The slide with things at these places, moved to its middle."""
        width, height = SLIDE
        left = (width - (found.right - found.left)) / 2.0 - found.left
        content = _lowest(found, radius) - found.top + self.letters / 2.0
        top = (height - content) / 2.0 + self.letters / 2.0 - found.top
        groups = self.groups(found, pitch, radius, left, top)
        return Scene(width, height, self.theme.background, "network", groups)

    def radius(self) -> float:
        """That of every circle: the widest words fit inside."""
        radius = 1.25 * self.letters
        for spot in self.spots:
            if spot.kind in ("input", "unit"):
                texts = self.texts(spot)
                for text, middle in zip(texts, _middles(texts), strict=True):
                    half = width_of(text.runs, text.size) / 2.0
                    radius = max(radius, hypot(half, abs(middle) + 0.37 * text.size) + 1.6)
        return radius

    def half_of_outputs(self) -> float:
        """Half the width of the boxes of outputs."""
        widths = [
            width_of(text.runs, text.size) / 2.0 + 0.6 * self.letters
            for spot in self.spots
            if spot.kind == "output"
            for text in self.texts(spot)
        ]
        return max(widths, default=0.0)

    # Everything

    def groups(
        self, found: Arrangement, pitch: Pitch, radius: float, left: float, top: float
    ) -> list[Group]:
        """Everything but the legend, moved to its place."""
        places = {
            spot: (x + left + radius - _radius_of(spot, radius), y + top)
            for spot, (x, y) in found.places.items()
        }
        links = [x for x in self.network.links if x.source in places and x.target in places]
        self.check_free(links, places, radius)
        self.drawn = links
        sizes = [abs(link.weight.data) for link in links if link.weight is not None]
        self.strongest = max(filter(isfinite, sizes), default=0.0)
        lines = [self.line(index, link, places, radius) for index, link in enumerate(links)]
        groups = lit_lines_last(lines)
        titles = {
            block: self.title_words(block, pitch, x + left, y + top)
            for block, (x, y) in found.titles.items()
            if self.title(block)
        }
        groups += self.labels(links, places, radius, list(titles.values()))
        for block, words in titles.items():
            groups.append(self.lit(Group("title", [words]), *block.spots))
        for fold, (x, y) in found.folds.items():
            groups.append(self.fold(fold, x + left, y + top))
        for index, (spot, place) in enumerate(places.items()):
            groups.append(self.circle(index, spot, place, radius))
        return groups

    def check_free(self, links: list[Link], places: Places, radius: float) -> None:
        """Refuse lines that run through circles between their columns."""
        circles = [(x, y, _radius_of(spot, radius)) for spot, (x, y) in places.items()]
        for link in links:
            line = self.ends(link, places, radius)
            if any(is_hit(circle, line) for circle in circles):
                who = "an output" if link.target.unit is None else called(link.target.unit)
                raise GraphError(
                    f"a line to {who} would run through other circles, as it reads past the layer "
                    f"before it; {INSTEAD}"
                )

    # Pieces

    def lit(self, group: Group, *things: Spot | Link) -> Group:
        """The group, faded if none of the things that it shows lies on the paths in focus."""
        if self.paths is None or any(thing in self.paths for thing in things):
            return group
        return faded(group, self.theme.background)

    def title_runs(self, block: Block, pitch: Pitch) -> list[Run]:
        """The title, no wider than its column."""
        title = self.title(block)
        longest = len(title)
        while longest > 4 and width_of(plain(title), self.letters) > pitch.column - 8.0:
            longest -= 1
            title = markup.shortened(self.title(block), longest)
        return plain(title)

    def title_words(self, block: Block, pitch: Pitch, x: float, y: float) -> Words:
        title, theme = self.title_runs(block, pitch), self.theme
        return Words(x, y, title, self.letters, theme.muted, ground=theme.background)

    def circle(self, index: int, spot: Spot, place: tuple[float, float], radius: float) -> Group:
        x, y = place
        paint = self.paint(spot)
        texts = self.texts(spot)
        shape: Shape = Circle(x, y, _radius_of(spot, radius), paint.fill, paint.border)
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

    def with_mark(self, group: Group, is_marked: bool) -> Group:
        return marked(group, self.theme.accent) if is_marked else group

    def fold(self, fold: Fold, x: float, y: float) -> Group:
        color, apart = self.theme.muted, 0.6 * self.letters
        dots = Words(x, y - apart, plain("\N{VERTICAL ELLIPSIS}"), 1.3 * self.small, color)
        words = Words(x, y + apart, plain(_more(fold.n_units)), self.small, color)
        return self.lit(Group("fold", [dots, words], [f"{_more(fold.n_units)}, not drawn"]))

    def line(self, index: int, link: Link, places: Places, radius: float) -> Group:
        x1, y1, x2, y2 = self.ends(link, places, radius)
        shape = Line(x1, y1, x2, y2, *self.stroke(link))
        kind = "further" if link.weight is None else "weight"
        group = self.group_of(kind, link, shape, f"e{index}")
        return self.lit(self.with_mark(group, self.is_marked_line(link)), link)

    def group_of(self, kind: str, link: Link, shape: Shape, name: str = "") -> Group:
        """A line, or what stands on it."""
        nodes = [*_nodes_of(link.source), *([] if link.weight is None else [link.weight])]
        facts, targets = self.facts_of_line(link), _nodes_of(link.target)
        return Group(kind, [shape], facts, name, nodes, targets)

    def stroke(self, link: Link) -> tuple[str, float, bool]:
        """The color and the width of a line, and whether it is dashed."""
        weight = 0.0 if link.weight is None else link.weight.data
        if isnan(weight) or weight == 0.0:
            return self.theme.line, 2.0 * LEAST_WIDTH, False
        share = min(1.0, abs(weight) / self.strongest) if self.strongest else 1.0
        width = LEAST_WIDTH + (MOST_WIDTH - LEAST_WIDTH) * share
        width *= self.letters / PAGE_LETTERS
        color = self.theme.negative if weight < 0.0 else self.theme.positive
        return color, width, weight < 0.0

    def is_marked_line(self, link: Link) -> bool:
        ends = self.is_marked(link.source) and self.is_marked(link.target)
        return ends or link.weight in self.marked

    def ends(self, link: Link, places: Places, radius: float) -> Ends:
        """Where a line leaves its first circle and meets the second: on the right, on the left.

        So no line runs through the circles of the two columns that it connects.
        """
        (x1, y1), (x2, y2) = places[link.source], places[link.target]
        before = self.half_of_outputs() if link.target.kind == "output" else radius
        return x1 + _radius_of(link.source, radius), y1, x2 - before, y2

    def labels(
        self, links: list[Link], places: Places, radius: float, titles: list[Words]
    ) -> list[Group]:
        """The numbers of weights, or their names, where there is room for all of two columns."""
        gaps: dict[float, list[Link]] = {}
        for link in links:
            if link.weight is not None:
                gaps.setdefault(places[link.target][0], []).append(link)
        circles = [(x, y, _radius_of(spot, radius)) for spot, (x, y) in places.items()]
        groups = []
        self.n_unlabeled = 0
        for within in gaps.values():
            labels = [self.label_words(link) for link in within]
            if len(within) > MOST_NUMBERED_LINES or not all(words.runs for words in labels):
                continue
            lines = [self.ends(link, places, radius) for link in within]
            found = placed_labels(labels, lines, circles, titles)
            self.n_unlabeled += not found
            for link, words in zip(within, found, strict=bool(found)):
                groups.append(self.lit(self.group_of("label", link, words), link))
        return groups

    def label_words(self, link: Link) -> Words:
        """What stands on a line, anywhere."""
        theme = self.theme
        return Words(0.0, 0.0, self.label(link), self.small, theme.text, ground=theme.background)


def _radius_of(spot: Spot, radius: float) -> float:
    return ONE * radius if spot.kind == "one" else radius


def _lowest(found: Arrangement, radius: float) -> float:
    return max(y + _radius_of(spot, radius) for spot, (_, y) in found.places.items())


def _middles(texts: list[Text]) -> list[float]:
    """How far the middle of each line stands under that of the circle."""
    heights = [(1.2 if _has_index(text) else 1.06) * text.size for text in texts]
    top = -sum(heights) / 2.0
    return [top + sum(heights[:index]) + height / 2.0 for index, height in enumerate(heights)]


def _more(n_units: int) -> str:
    return f"{n_units:,} more"


def _has_index(text: Text) -> bool:
    return any(run.kind in ("sub", "sup") for run in text.runs)


def _nodes_of(spot: Spot) -> tuple[Value, ...]:
    return (*spot.nodes, *spot.inner)
