"""Where Graphviz puts blocks and lines: only places are asked of it, everything is drawn here.

Each block is a box of a known size with points on its sides at which lines begin and end; frames
around several blocks keep these together and in their order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from viz._boxes.box_trees import Arrow, Block
from viz._boxes.cards import Card, is_sideways
from viz._scene.render import placed
from viz._scene.scene import Point

__all__ = ["Frame", "Link", "Places", "Spacing", "place"]

ENTRY_SIDE: Final = {"LR": "w", "RL": "e", "TB": "n", "BT": "s"}
EXIT_SIDE: Final = {"LR": "e", "RL": "w", "TB": "s", "BT": "n"}
PAD: Final = (16.0, 6.0)
"""What Graphviz adds to the size of a title, as far as it is not wanted."""
PORT: Final = 2
"""The size of a point on a side at which a line ends."""


@dataclass(eq=False, slots=True)
class Frame:
    """What stands around several blocks.

    Attributes:
        blocks: in their order, each row of them that stands beside one another.
        title: the size of its title.
        margin: between it and what is in it.
    """

    blocks: list[list[Block]]
    title: Point = (0.0, 0.0)
    margin: int = 5


@dataclass(eq=False, slots=True)
class Link:
    """A line between two blocks."""

    source: Block
    card: Card
    target: Block
    arrow: Arrow


@dataclass(frozen=True, slots=True)
class Spacing:
    """How far blocks stand apart: along the arrows, and across them."""

    along: float = 32.0
    across: float = 5.0
    is_ordered: bool = False
    straight: bool = False


@dataclass(slots=True)
class Places:
    """What Graphviz said.

    Attributes:
        width: of the whole.
        height: of the whole.
        corners: the upper left corner of each block.
        frames: left, top, right and bottom of each frame.
        titles: where the middle of the title of each frame is, across and along; None where it
            stands at its upper side.
        lines: the points of each line.
    """

    width: float
    height: float
    corners: dict[Block, Point] = field(default_factory=dict)
    frames: list[tuple[float, float, float, float]] = field(default_factory=list)
    titles: list[Point | None] = field(default_factory=list)
    lines: list[list[Point]] = field(default_factory=list)


def place(
    blocks: Sequence[Block],
    links: Sequence[Link],
    frames: Sequence[Frame],
    direction: str,
    spacing: Spacing,
) -> Places:
    """Lay everything out.

    Raises:
        MissingDependencyError: without Graphviz.

    >>> from viz._boxes.box_trees import alone
    >>> from viz._style.themes import LIGHT
    >>> x, y = (Card("", [], LIGHT.roles["input"], n_arrows=n) for n in (0, 1))
    >>> first, second = alone(x, "a", "LR"), alone(y, "b", "LR")
    >>> link = Link(first, x, second, (y, 0))
    >>> places = place([first, second], [link], [], "LR", Spacing(along=32.0))
    >>> places.corners[second][0] - places.corners[first][0] - x.size[0]
    32.0
    """
    layout: dict[str, Any] = json.loads(
        placed("\n".join(_dot(blocks, links, frames, direction, spacing)))
    )
    left, bottom, right, top = _numbers(layout["bb"])
    places = Places(right - left, top - bottom)
    objects = {thing["name"]: thing for thing in layout.get("objects", ())}
    for block in blocks:
        x, y = _numbers(objects[block.name]["pos"])
        width, height = block.size
        places.corners[block] = (x - left - width / 2.0, top - y - height / 2.0)
    for index in range(len(frames)):
        x1, y1, x2, y2 = _numbers(objects[f"cluster_{index}"]["bb"])
        places.frames.append((x1 - left, top - y2, x2 - left, top - y1))
        title = objects.get(f"t{index}")
        x, y = _numbers(title["pos"]) if title is not None else (0.0, 0.0)
        places.titles.append(None if title is None else (x - left, top - y))
    shown = {edge["id"]: edge for edge in layout.get("edges", ()) if "id" in edge}
    for index in range(len(links)):
        numbers = _numbers(shown[f"e{index}"]["pos"])
        pairs = zip(numbers[::2], numbers[1::2], strict=True)
        places.lines.append([(x - left, top - y) for x, y in pairs])
    return places


def _numbers(text: str) -> list[float]:
    return [float(word) for word in text.replace(",", " ").split()]


def _dot(
    blocks: Iterable[Block],
    links: Sequence[Link],
    frames: Sequence[Frame],
    direction: str,
    spacing: Spacing,
) -> Iterator[str]:
    entry, way_out = ENTRY_SIDE[direction], EXIT_SIDE[direction]
    order = ", ordering=in" if spacing.is_ordered else ""
    lines = ", splines=line" if spacing.straight else ""
    yield (
        f"digraph {{ graph [rankdir={direction}, ranksep={spacing.along / 72.0:.4f}, "
        f"nodesep={spacing.across / 72.0:.4f}, nslimit=2, mclimit=0.25{order}{lines}];"
    )
    yield f'node [shape=plain, label=""]; edge [arrowhead=none, tailport={way_out}];'
    for index, frame in enumerate(frames):
        yield from _frame(index, frame, direction)
    ports: dict[Block, dict[object, str]] = {}
    for block in blocks:
        ports[block], statement = _block(block)
        yield statement
    for index, link in enumerate(links):
        start = ports[link.source].get("out", "")
        end = ports[link.target].get(link.arrow, "")
        tail = f"{link.source.name}{f':{start}:{way_out}' if start else ''}"
        head = f"{link.target.name}{f':{end}' if end else ''}:{entry}"
        yield f"{tail} -> {head} [id=e{index}];"
    yield "}"


def _frame(index: int, frame: Frame, direction: str) -> Iterator[str]:
    """A frame; where arrows lead up or down its title stands beside the boxes, out of their way."""
    width, height = frame.title
    sideways = is_sideways(direction)
    label = '""'
    if width and sideways:
        sizes = round(max(1.0, width - PAD[0])), round(max(1.0, height - PAD[1]))
        label = _table([f"<TR>{_cell(*sizes)}</TR>"])
    yield f"subgraph cluster_{index} {{ graph [margin={frame.margin}, label={label}];"
    if width and not sideways:
        size = f"width={width / 72.0:.4f}, height={height / 72.0:.4f}"
        yield f"t{index} [shape=box, fixedsize=true, {size}];"
    for place, row in enumerate(frame.blocks):
        names = [block.name for block in row]
        if width and not sideways and not place:
            names.insert(0, f"t{index}")
        yield f"{'; '.join(names)};"
        if len(names) > 1:
            # Inside of a frame Graphviz turns such a chain round where arrows lead sideways.
            chain = names[::-1] if sideways else names
            yield f"{{ rank=same; edge [style=invis]; {' -> '.join(chain)}; }}"
    yield "}"


def _block(block: Block) -> tuple[dict[object, str], str]:
    """The names of the points on its sides, and its statement."""
    length, breadth = round(block.length), round(block.breadth)
    points: list[tuple[float, object]] = [(across, arrow) for arrow, across in block.lanes.items()]
    points.append((block.way_out, "out"))
    points.sort(key=_by_place)
    if all(abs(across - block.breadth / 2.0) < PORT / 2.0 for across, _ in points):
        width, height = block.size
        sizes = f"width={width / 72.0:.5f}, height={height / 72.0:.5f}"
        return {}, f"{block.name} [shape=box, fixedsize=true, {sizes}];"
    sideways = is_sideways(block.direction)
    cells: list[str] = []
    ports: dict[object, str] = {}
    end = 0

    def add(size: int, port: str = "") -> None:
        cells.append(_cell(length, size, port) if sideways else _cell(size, length, port))

    for across, point in points:
        start = round(across - PORT / 2.0)
        if start < end and ports:  # so near that they share a point
            ports[point] = f"p{len(set(ports.values())) - 1}"
            continue
        if start > end:
            add(start - end)
        ports[point] = f"p{len(set(ports.values()))}"
        add(PORT, ports[point])
        end = start + PORT
    if end < breadth:
        add(breadth - end)
    rows = [f"<TR>{cell}</TR>" for cell in cells] if sideways else [f"<TR>{''.join(cells)}</TR>"]
    return ports, f"{block.name} [label={_table(rows)}];"


def _by_place(point: tuple[float, object]) -> float:
    return point[0]


def _table(rows: Iterable[str]) -> str:
    return (
        '<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">'
        f"{''.join(rows)}</TABLE>>"
    )


def _cell(width: int, height: int, port: str = "") -> str:
    name = f' PORT="{port}"' if port else ""
    return f'<TD FIXEDSIZE="TRUE" WIDTH="{width}" HEIGHT="{height}"{name}></TD>'
