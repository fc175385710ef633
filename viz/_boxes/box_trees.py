"""What is placed as a whole: one box, or a neuron, whose boxes stand in a frame as a tree.

Inside a frame each box stands behind those that it reads, in their order, and what comes from
outside has a lane of its own between them: so nothing crosses and nothing runs through a box.
Places are counted along the arrows and across them; ``Block.corner`` and ``Block.point`` make
places of a picture of them, for each direction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from viz._boxes.cards import Card, is_sideways
from viz._scene.scene import Point

__all__ = ["HEAD", "STUB", "Block", "alone", "framed"]

HEAD: Final = 6.0
"""The length of an arrowhead."""
STUB: Final = 10.0
"""The straight piece of a line before a box, with the head."""
ROOM: Final = 14.0
"""Between two boxes of a frame, for the bend of a line; the stub comes besides."""
LANE: Final = 4.0
"""How far a line stands off what is beside it."""
GAP: Final = 3.0
"""Between two boxes beside each other in a frame."""
MARGIN: Final = 4.0
"""Between a frame and what is in it."""

Arrow = tuple[Card, int]
"""The end of an arrow: the box, and which of the arrows that lead to it."""


@dataclass(eq=False, slots=True)
class Block:
    """Boxes that are placed together.

    Attributes:
        name: its name in the layout.
        direction: where arrows lead.
        root: the last of its boxes, from which arrows lead on.
        length: how long it is along the arrows, with the stub before the first box.
        breadth: how wide it is across them.
        places: where each box stands along and across, counted from the start.
        lanes: where each arrow from outside comes in, across.
        wires: the lines inside: from one box to an arrow's end.
        title: the size of the title of its frame, (0, 0) for none.
        is_frame: whether it has a frame.
    """

    name: str
    direction: str
    root: Card
    length: float = 0.0
    breadth: float = 0.0
    places: dict[Card, Point] = field(default_factory=dict)
    lanes: dict[Arrow, float] = field(default_factory=dict)
    wires: dict[Arrow, Card] = field(default_factory=dict)
    title: Point = (0.0, 0.0)
    is_frame: bool = False

    @property
    def size(self) -> Point:
        """Width and height.

        >>> from viz._style.themes import LIGHT
        >>> block = alone(Card("n0", [], LIGHT.roles["input"], direction="TB"), "a", "TB")
        >>> block.size == block.root.size
        True
        """
        both = self.length, self.breadth
        return both if is_sideways(self.direction) else both[::-1]

    @property
    def way_out(self) -> float:
        """Where arrows leave it, across.

        >>> from viz._style.themes import LIGHT
        >>> card = Card("n0", [], LIGHT.roles["input"], n_arrows=1)
        >>> block = alone(card, "a", "LR")
        >>> block.way_out == card.size[1] / 2.0
        True
        """
        return self.places[self.root][1] + self.root_breadth / 2.0

    @property
    def root_breadth(self) -> float:
        """That of the last box.

        >>> from viz._style.themes import LIGHT
        >>> card = Card("n0", [], LIGHT.roles["input"], n_arrows=1)
        >>> block = alone(card, "a", "LR")
        >>> block.root_breadth == card.size[1]
        True
        """
        return _extent(self.root)[1]

    def point(self, along: float, across: float, corner: Point) -> Point:
        """A place in the picture, of a block with its upper left corner there.

        >>> from viz._style.themes import LIGHT
        >>> card = Card("n0", [], LIGHT.roles["input"], n_arrows=1)
        >>> block = alone(card, "a", "LR")
        >>> block.point(3.0, 2.0, (100.0, 50.0))
        (103.0, 52.0)
        """
        x, y = corner
        if self.direction in ("RL", "BT"):
            along = self.length - along
        return (x + along, y + across) if is_sideways(self.direction) else (x + across, y + along)

    def corner(self, card: Card, corner: Point) -> Point:
        """The upper left corner of a box in the picture.

        >>> from viz._style.themes import LIGHT
        >>> card = Card("n0", [], LIGHT.roles["input"], n_arrows=1)
        >>> block = alone(card, "a", "LR")
        >>> block.corner(card, (100.0, 50.0))
        (110.0, 50.0)
        """
        along, across = self.places[card]
        length, breadth = _extent(card)
        x1, y1 = self.point(along, across, corner)
        x2, y2 = self.point(along + length, across + breadth, corner)
        return min(x1, x2), min(y1, y2)

    def end(self, arrow: Arrow, corner: Point) -> Point:
        """Where an arrow ends on its box.

        >>> from viz._style.themes import LIGHT
        >>> card = Card("n0", [], LIGHT.roles["input"], n_arrows=1)
        >>> block = alone(card, "a", "LR")
        >>> block.end((card, 0), (100.0, 50.0)) == (110.0, 50.0 + card.size[1] / 2.0)
        True
        """
        card, index = arrow
        along, across = self.places[card]
        return self.point(along, across + card.ends()[index], corner)

    def start(self, card: Card, corner: Point) -> Point:
        """Where arrows leave a box.

        >>> from viz._style.themes import LIGHT
        >>> card = Card("n0", [], LIGHT.roles["input"], n_arrows=1)
        >>> block = alone(card, "a", "LR")
        >>> block.start(card, (100.0, 50.0))[0] == 110.0 + card.size[0]
        True
        """
        along, across = self.places[card]
        length, breadth = _extent(card)
        return self.point(along + length, across + breadth / 2.0, corner)


def alone(card: Card, name: str, direction: str) -> Block:
    """One box by itself.

    >>> from viz._style.themes import LIGHT
    >>> block = alone(Card("n0", [], LIGHT.roles["input"], n_arrows=1), "a", "LR")
    >>> block.length - block.root.size[0]
    10.0
    """
    stub = STUB if card.n_arrows else 0.0
    length, breadth = _extent(card)
    lanes = {(card, index): across for index, across in enumerate(card.ends())}
    return Block(name, direction, card, length + stub, breadth, {card: (stub, 0.0)}, lanes)


@dataclass(slots=True)
class _Piece:
    """A box and all before it: places from the end of the box backwards, and across."""

    places: dict[Card, Point]
    lanes: dict[Arrow, float]
    wires: dict[Arrow, Card]
    breadth: float
    way_out: float


def framed(
    cards: Sequence[Card],
    inner: Mapping[Arrow, Card],
    name: str,
    direction: str,
    title: Point = (0.0, 0.0),
) -> Block:
    """A tree of boxes in a frame.

    Args:
        cards: the boxes, each behind those that it reads; the last is the root.
        inner: which box each arrow comes from, of those that come from none outside.
        name: its name in the layout.
        direction: where arrows lead.
        title: the size of the title.

    >>> from viz._style.themes import LIGHT
    >>> w, y = (Card("", [], LIGHT.roles["input"], n_arrows=n) for n in (0, 2))
    >>> block = framed([w, y], {(y, 0): w}, "neuron", "LR")
    >>> list(block.wires.values()) == [w], len(block.lanes)
    (True, 1)
    """
    pieces: dict[Card, _Piece] = {}
    for card in cards:
        pieces[card] = _piece(card, inner, pieces)
    found = pieces[cards[-1]]
    sideways = is_sideways(direction)
    first = min([along for along, _ in found.places.values()])
    enters = any(card.n_arrows and found.places[card][0] == first for card in cards)
    before = MARGIN + (STUB if enters else 0.0)
    # Along the arrows the title stands where few of them pass: at the side, or behind the root.
    width, height = title
    top = MARGIN + (height if sideways else 0.0)
    behind = MARGIN + (0.0 if sideways else height)
    breadth = found.breadth + top + MARGIN
    shift = top
    if width:
        least = width + 2.0 * MARGIN if sideways else 2.0 * (width + 2.0 * MARGIN)
        if sideways:
            before += max(0.0, least - (before - first + behind))
        elif breadth < least:
            shift += (least - breadth) / 2.0
            breadth = least
    block = Block(name, direction, cards[-1], before - first + behind, float(-(-breadth // 1)))
    block.length = float(-(-block.length // 1))
    block.places = {c: (x + before - first, y + shift) for c, (x, y) in found.places.items()}
    block.lanes = {arrow: across + shift for arrow, across in found.lanes.items()}
    block.wires, block.title, block.is_frame = found.wires, title, True
    return block


def _piece(card: Card, inner: Mapping[Arrow, Card], pieces: dict[Card, _Piece]) -> _Piece:
    """A box behind what it reads; the box stands beside the middle of the arrows' starts."""
    length, breadth = _extent(card)
    ends = card.ends()
    starts: list[float] = []
    places: dict[Card, Point] = {}
    lanes: dict[Arrow, float] = {}
    wires: dict[Arrow, Card] = {}
    low, is_box = 0.0, False
    for index in range(card.n_arrows):
        arrow = card, index
        source = inner.get(arrow)
        if source is None:
            starts.append(low + LANE)
            lanes[arrow] = low + LANE
            low, is_box = low + LANE, False
            continue
        piece = pieces[source]
        top = low + (GAP if is_box else LANE if index else 0.0)
        shift = -(length + STUB + ROOM)
        places |= {c: (x + shift, y + top) for c, (x, y) in piece.places.items()}
        lanes |= {other: across + top for other, across in piece.lanes.items()}
        wires |= piece.wires
        wires[arrow] = source
        starts.append(top + piece.way_out)
        low, is_box = top + piece.breadth, True
    if starts and not is_box:
        low += LANE
    middle = sum([s - e for s, e in zip(starts, ends, strict=True)]) / len(ends) if ends else 0.0
    lift = max(0.0, -middle)
    places = {c: (x, y + lift) for c, (x, y) in places.items()}
    lanes = {arrow: across + lift for arrow, across in lanes.items()}
    top = middle + lift
    places[card] = (-length, top)
    return _Piece(places, lanes, wires, max(low + lift, top + breadth), top + breadth / 2.0)


def _extent(card: Card) -> Point:
    """How long a box is along the arrows, and how wide across."""
    return card.size if is_sideways(card.direction) else card.size[::-1]
