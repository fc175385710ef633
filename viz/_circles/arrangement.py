"""Where the circles of a network stand: columns for layers, lanes for networks that do not meet.

Of a large layer the middle is folded: a row says how many units are not drawn.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from viz._circles.detours import Way
from viz._circles.network import Block, Link, Network, Spot

__all__ = ["Arrangement", "Fold", "Pitch", "arranged", "folded"]


@dataclass(frozen=True, slots=True)
class Pitch:
    """How far things stand apart.

    Attributes:
        column: from one column to the next.
        row: from one circle to the next under it.
        title: from the first circle to the title above it.
        one: from the last circle to the smaller one under it, of a constant 1.
    """

    column: float
    row: float
    title: float
    one: float


@dataclass(eq=False, slots=True)
class Fold:
    """A row that stands for units that are not drawn."""

    n_units: int


@dataclass(slots=True)
class Arrangement:
    """The places of everything, around (0, 0).

    Attributes:
        places: the middle of each circle.
        folds: the places of the rows that stand for what is not drawn.
        titles: the place of the title of each block.
        ways: the points of each line.
        left, top, right, bottom: the outermost middles, titles included.
    """

    places: dict[Spot, tuple[float, float]] = field(default_factory=dict)
    folds: dict[Fold, tuple[float, float]] = field(default_factory=dict)
    titles: dict[Block, tuple[float, float]] = field(default_factory=dict)
    ways: dict[Link, Way] = field(default_factory=dict)
    left: float = 0.0
    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0


def folded(spots: Sequence[Spot], most: int, wanted: Collection[Spot] = ()) -> list[Spot | Fold]:
    """The circles that are drawn, and the folds between them.

    Args:
        spots: all of them.
        most: so many are drawn without a fold, 2 at least; else one less, and the fold, which
            stands in the middle, or behind a single circle.
        wanted: those that are drawn in any case.

    >>> shown = folded([Spot("unit") for _ in range(16)], 12)
    >>> len(shown), [item.n_units for item in shown if isinstance(item, Fold)]
    (11, [6])
    """
    if len(spots) <= most:
        return list(spots)
    first = max(1, (most - 1) // 2)
    last = first if most > 2 else 0
    shown: list[Spot | Fold] = []
    for index, spot in enumerate(spots):
        if index < first or index >= len(spots) - last or spot in wanted:
            shown.append(spot)
        elif shown and isinstance(shown[-1], Fold):
            shown[-1].n_units += 1
        else:
            shown.append(Fold(1))
    return shown


def arranged(
    network: Network, pitch: Pitch, most: int, wanted: Collection[Spot] = ()
) -> Arrangement:
    """The places of everything.

    Args:
        network: what is drawn.
        pitch: how far things stand apart.
        most: of units of a layer that are drawn.
        wanted: circles that are drawn in any case.

    >>> network = Network([Block([Spot("input"), Spot("input")], 0)], [], 1)
    >>> list(arranged(network, Pitch(9.0, 5.0, 1.0, 4.0), 12).places.values())
    [(0.0, 1.0), (0.0, 6.0)]
    """
    found = Arrangement()
    lanes = _lanes(network)
    top = 0.0
    for lane in lanes:
        top = _put_lane(found, lane, top, pitch, most, wanted) + pitch.row
    inner = [y for spot, (_, y) in found.places.items() if spot.kind != "one"]
    middle = (min(inner) + max(inner)) / 2.0 if inner else 0.0
    for block in network.blocks:
        if block.spots[0].kind == "output":
            rows = folded(block.spots, most, wanted)
            first = middle - (len(rows) - 1) * pitch.row / 2.0
            _put_rows(found, rows, block.column * pitch.column, first, pitch)
    every = [*found.places.values(), *found.folds.values(), *found.titles.values()]
    found.left, found.right = min(x for x, _ in every), max(x for x, _ in every)
    found.top, found.bottom = min(y for _, y in every), max(y for _, y in every)
    return found


def _lanes(network: Network) -> list[list[Block]]:
    """The blocks that are connected, the outputs apart, by which several networks may meet."""
    blocks = [block for block in network.blocks if block.spots[0].kind != "output"]
    lane_of = {block: {block} for block in blocks}
    block_of = {spot: block for block in blocks for spot in (*block.spots, *block.ones)}
    for link in network.links:
        source, target = block_of.get(link.source), block_of.get(link.target)
        if source is None or target is None or lane_of[source] is lane_of[target]:
            continue
        lane_of[source] |= lane_of[target]
        for block in lane_of[target]:
            lane_of[block] = lane_of[source]
    lanes = {id(lane): lane for lane in lane_of.values()}
    return [[block for block in blocks if block in lane] for lane in lanes.values()]


def _put_lane(
    found: Arrangement,
    lane: Sequence[Block],
    top: float,
    pitch: Pitch,
    most: int,
    wanted: Collection[Spot],
) -> float:
    """Put the blocks of a lane in their places; where its last circle stands."""
    columns: dict[int, list[Block]] = {}
    for block in lane:
        columns.setdefault(block.column, []).append(block)
    rows = {block: folded(block.spots, most, wanted) for block in lane}
    heights = {
        column: sum([(len(rows[block]) - 1) * pitch.row for block in blocks])
        + sum([_under(block, pitch) for block in blocks[:-1]])
        for column, blocks in columns.items()
    }
    middle = top + pitch.title + max(heights.values()) / 2.0
    bottom = top
    for column, blocks in columns.items():
        x, y = column * pitch.column, middle - heights[column] / 2.0
        for block in blocks:
            found.titles[block] = (x, top if len(blocks) == 1 else y - pitch.title)
            y = _put_rows(found, rows[block], x, y, pitch)
            bottom = max(bottom, y)
            for index, one in enumerate(block.ones, start=1):
                found.places[one] = (x, y + index * pitch.one)
                bottom = max(bottom, y + index * pitch.one)
            y += _under(block, pitch)
    return bottom


def _put_rows(
    found: Arrangement, rows: Sequence[Spot | Fold], x: float, first: float, pitch: Pitch
) -> float:
    """Put circles and folds under one another; where the last one stands."""
    for index, item in enumerate(rows):
        if isinstance(item, Fold):
            found.folds[item] = (x, first + index * pitch.row)
        else:
            found.places[item] = (x, first + index * pitch.row)
    return first + (len(rows) - 1) * pitch.row


def _under(block: Block, pitch: Pitch) -> float:
    """From the last circle of a block to the first one of the block under it."""
    return len(block.ones) * pitch.one + pitch.row + pitch.title
