"""A network as circles and lines: a circle for each unit, a line for each weight.

The color and the dashes of a line say the sign of its weight, its width the size. Columns stand
from left to right in the order of the layers; of a large layer the middle is folded.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from math import isfinite
from typing import Any, Final

from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError
from tinygrad_mlp.graph import TextbookNames
from viz._circles.arrangement import Arrangement, Pitch, arranged, folded
from viz._circles.detours import Box, Detours, Way
from viz._circles.line_labels import is_hit, placed_labels
from viz._circles.network import INSTEAD, Link, Network, called
from viz._circles.network_shapes import ONE, NetworkShapes, Places, more_text, radius_of
from viz._circles.network_words import BETWEEN
from viz._circles.weight_tables import Table, table_of, tables_below
from viz._scene.emphasis import lit_lines_last
from viz._scene.fitting import SLIDE, SLIDE_LETTERS, SLIDE_MARGIN
from viz._scene.legend import legend_groups, widest_of
from viz._scene.letters import width_of
from viz._scene.scene import Group, Scene, Words, plain
from viz._style.look import WEIGHTS, Look

__all__ = ["circles_scene"]

MOST_CIRCLES: Final = 12
"""So many units of a layer are drawn; of more the middle is folded."""

FEWEST_CIRCLES: Final = 2
"""A layer on a slide has so many rows at least: one circle, and how many more there are."""

MOST_NUMBERED_LINES: Final = 12
"""So many lines between two columns have their numbers, where they find room."""

FEW_ROWS: Final = 6
"""So few rows stand further apart, which leaves room for numbers."""

WIDEST_PAGE: Final = 1240.0
"""How wide a page may become for the sake of numbers on lines."""
PAGE_MARGIN: Final = 16.0

DETOUR_TURN: Final = 12.0
"""How far from the circles that it passes a line turns."""

LETTERS: Final = (34.0, 30.0, 27.0, SLIDE_LETTERS)
"""The sizes of letters to try on a slide."""


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

    >>> from tinygrad_mlp.graph import order_of, roles_of, sums_of, textbook_names, units_of
    >>> from tinygrad_mlp.nn import MLP
    >>> from viz._circles.network_reading import network_of
    >>> y = MLP(2, [3, 1], rng=0)([1.0, 2.0])
    >>> order = order_of([y])
    >>> roles = roles_of(order, [y], None)
    >>> units = units_of(order, roles)
    >>> names = textbook_names(order, roles, units)
    >>> network = network_of(order, roles, units, sums_of(order, roles), [y])
    >>> scene = circles_scene(network, Look(), names)
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
    fewest = n_missing = 0
    for letters in LETTERS:
        scene = picture.slide(letters, may_fold=best is None and letters == LETTERS[-1])
        if scene is not None and (best is None or picture.n_unlabeled < fewest):
            best, fewest = scene, picture.n_unlabeled
            n_missing = sum(map(len, picture.unnumbered))
    if n_missing and WEIGHTS in look.shown:
        raise GraphError(
            f"a slide has no room for the numbers of {n_missing} weights; leave 'weights' out of "
            "show, or style='slide' away: a page has a table for them"
        )
    if best is not None:
        return best
    n_columns = 1 + max(block.column for block in network.blocks)
    largest = max(len(block.spots) for block in network.blocks)
    raise GraphError(
        f"a slide has no room for {n_columns} columns of up to {largest} circles with letters of "
        "18 points; show less on it, show=(), or leave style='slide' away"
    )


class _Picture(NetworkShapes):
    def __init__(
        self,
        network: Network,
        look: Look,
        names: TextbookNames,
        focus: Value | None,
        **settings: Any,
    ) -> None:
        super().__init__(network, look, names, focus, **settings)
        shown = [link for link in network.links if link.weight in (*self.marked, focus)]
        self.wanted = {s for s in self.spots if self.is_marked(s) or s.holds(focus)}
        self.wanted |= {s for x in shown if x.weight is not None for s in (x.source, x.target)}
        self.drawn: list[Link] = []
        self.n_unlabeled = 0  # pairs of columns without numbers for want of room
        self.unnumbered: list[list[Link]] = []  # the lines to each layer that have no numbers

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
        found, lowest = self.laid_out(pitch, MOST_CIRCLES, radius)
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
        height = lowest - found.top + 2.0 * margin + self.letters / 2.0
        groups = self.groups(found, pitch, radius, left, top)
        if WEIGHTS in self.look.shown and self.unnumbered:
            place, room = (margin, height), width - 2.0 * margin
            tables = [self.table(links) for links in self.unnumbered]
            below, wide, high = tables_below(self, tables, place, room)
            groups += below
            height += high + margin
            width = max(width, wide + 2.0 * margin)
        if self.look.legend:
            entries, letters = list(self.legend(self.drawn)), 0.85 * self.letters
            width = max(width, widest_of(entries, letters) + 2.0 * margin)
            place, room = (margin, height), width - 2.0 * margin
            legend, high = legend_groups(entries, self.theme, letters, room, place)
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
        fold = width_of(plain(more_text(largest)), letters) / 2.0 if largest > FEW_ROWS else 0.0
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
                found, lowest = self.laid_out(pitch, most, radius)
                if lowest - found.top <= high:
                    return self.slide_with(found, lowest, pitch, radius)
        return None

    def slide_with(self, found: Arrangement, lowest: float, pitch: Pitch, radius: float) -> Scene:
        """The slide with things at these places, moved to its middle."""
        width, height = SLIDE
        left = (width - (found.right - found.left)) / 2.0 - found.left
        content = lowest - found.top + self.letters / 2.0
        top = (height - content) / 2.0 + self.letters / 2.0 - found.top
        groups = self.groups(found, pitch, radius, left, top)
        return Scene(width, height, self.theme.background, "network", groups)

    # Everything

    def laid_out(self, pitch: Pitch, most: int, radius: float) -> tuple[Arrangement, float]:
        """The places of circles and lines, and how far down they go.

        Raises:
            GraphError: if the line of a weight would run through a circle.
        """
        found = arranged(self.network, pitch, most, self.wanted)
        places = found.places
        for spot, (x, y) in places.items():  # the smaller ones at the right of their columns
            places[spot] = (x + radius - radius_of(spot, radius), y)
        circles = [(x, y, radius_of(spot, radius)) for spot, (x, y) in places.items()]
        detours = Detours(self.boxes(found, pitch, circles), DETOUR_TURN)
        for link in self.network.links:
            if link.source not in places or link.target not in places:
                continue
            x1, y1, x2, y2 = self.ends(link, places, radius)
            found.ways[link] = [(x1, y1), (x2, y2)]
            if any(is_hit(circle, (x1, y1, x2, y2)) for circle in circles):
                if link.weight is not None:
                    unit = link.target.unit
                    raise GraphError(
                        f"a line to {called(unit) if unit is not None else 'an output'} would run "
                        f"through other circles, as it reads past the layer before it; {INSTEAD}"
                    )
                found.ways[link] = detours.around((x1, y1), (x2, y2))
        found.top = min(found.top, detours.top + self.letters / 2.0)
        return found, max(*[y + r for _, y, r in circles], detours.bottom)

    def boxes(
        self, found: Arrangement, pitch: Pitch, circles: Sequence[tuple[float, float, float]]
    ) -> list[Box]:
        """What no detour runs through."""
        boxes = [(x - r, y - r, x + r, y + r) for x, y, r in circles]
        boxes += [
            words.box
            for fold, (x, y) in found.folds.items()
            for words in self.fold(fold, x, y).shapes
            if isinstance(words, Words)
        ]
        titles = [self.title_words(block, pitch, x, y) for block, (x, y) in found.titles.items()]
        near = self.letters  # nothing runs between a title and what it belongs to
        of_titles = [words.box for words in titles if words.runs]
        return boxes + [(x1, y1, x2, y2 + near) for x1, y1, x2, y2 in of_titles]

    def groups(
        self, found: Arrangement, pitch: Pitch, radius: float, left: float, top: float
    ) -> list[Group]:
        """Everything but the legend, moved to its place."""
        places = {spot: (x + left, y + top) for spot, (x, y) in found.places.items()}
        ways = {link: [(x + left, y + top) for x, y in way] for link, way in found.ways.items()}
        links = list(ways)
        self.drawn = links
        sizes = [abs(link.weight.data) for link in links if link.weight is not None]
        self.strongest = max(filter(isfinite, sizes), default=0.0)
        lines = [self.line(index, link, way) for index, (link, way) in enumerate(ways.items())]
        groups = lit_lines_last(lines)
        titles = {
            block: self.title_words(block, pitch, x + left, y + top)
            for block, (x, y) in found.titles.items()
            if self.title(block)
        }
        groups += self.labels(ways, places, radius, list(titles.values()))
        for block, words in titles.items():
            groups.append(self.lit(Group("title", [words]), *block.spots))
        for fold, (x, y) in found.folds.items():
            groups.append(self.fold(fold, x + left, y + top))
        for index, (spot, place) in enumerate(places.items()):
            groups.append(self.circle(index, spot, place, radius))
        return groups

    def table(self, links: list[Link]) -> Table:
        """The table of the weights on these lines."""
        spot = links[0].target
        block = next(block for block in self.network.blocks if spot in block.spots)
        name = self.title(block).partition(f" {BETWEEN} ")[0]
        every = [x for x in self.network.links if x.target in block.spots and x.weight is not None]
        part = " that are drawn" if len(links) < len(every) else ""
        return table_of(self, links, f"weights of {name}{part}")

    def labels(
        self, ways: dict[Link, Way], places: Places, radius: float, titles: list[Words]
    ) -> list[Group]:
        """The numbers of weights, or their names, where there is room for all of two columns."""
        gaps: dict[float, list[Link]] = {}
        plain_ways = [way for link, way in ways.items() if link.weight is None]
        pieces = [(*first, *second) for way in plain_ways for first, second in pairwise(way)]
        for link in ways:
            if link.weight is not None:
                gaps.setdefault(places[link.target][0], []).append(link)
        circles = [(x, y, radius_of(spot, radius)) for spot, (x, y) in places.items()]
        groups = []
        self.n_unlabeled = 0
        self.unnumbered = []
        for within in gaps.values():
            labels = [self.label_words(link) for link in within]
            if not all(words.runs for words in labels):
                continue
            if len(within) > MOST_NUMBERED_LINES:
                self.unnumbered += _by_layer(within)
                continue
            lines = [self.ends(link, places, radius) for link in within]
            found = placed_labels(labels, lines, circles, titles, pieces)
            self.n_unlabeled += not found
            self.unnumbered += [] if found else _by_layer(within)
            for link, words in zip(within, found, strict=bool(found)):
                groups.append(self.group_of("label", link, [words]))
        return groups


def _by_layer(links: Sequence[Link]) -> list[list[Link]]:
    """The lines to each layer."""
    layers: dict[object, list[Link]] = {}
    for link in links:
        unit = link.target.unit
        layers.setdefault(unit.layer if unit is not None else None, []).append(link)
    return list(layers.values())
