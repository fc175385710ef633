"""The weights that have no room on their lines, in small tables: a row for each unit.

A table is the matrix W of a layer as far as it is drawn, with its biases in the last column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tinygrad_mlp.graph import Run
from viz._circles.network import Link, Spot
from viz._circles.network_words import NetworkWords
from viz._scene.letters import width_of
from viz._scene.scene import Group, Line, Words, plain

__all__ = ["Table", "table_of", "tables_below"]

APART: Final = 14.0
"""How far columns stand apart."""

BETWEEN_TABLES: Final = 36.0


@dataclass(frozen=True, slots=True)
class Table:
    """A table: what stands above it, over its columns, before its rows, and the lines in it.

    Attributes:
        title: what stands above it.
        sources: the names over the columns.
        rows: the name of each unit, and its weights; None where there is none.
    """

    title: str
    sources: list[list[Run]]
    rows: list[tuple[list[Run], list[Link | None]]]


def table_of(words: NetworkWords, links: Sequence[Link], title: str) -> Table:
    """The table of these lines, which lead to the units of one layer.

    >>> from tinygrad_mlp.engine import Value
    >>> from tinygrad_mlp.graph import MathName, TextbookNames
    >>> from viz._style.look import Look
    >>> from viz._circles.network import Block, Network
    >>> x, h = Value(2.0), Value(3.0)
    >>> spots = [Spot("input", {x: None}), Spot("input", {h: None})]
    >>> words = NetworkWords(
    ...     Network([Block(spots, 0)], [], 1),
    ...     Look(),
    ...     TextbookNames({x: MathName("x", (1,)), h: MathName("h", (1,), 1)}, {x: "v0", h: "v1"}),
    ...     by_math=True,
    ...     is_slide=False,
    ...     predictions=False,
    ...     marked=[],
    ... )
    >>> table = table_of(words, [Link(*spots, Value(0.5))], "layer 1")
    >>> [run.text for run in table.sources[0]], [run.text for run in table.rows[0][0]]
    (['x', '1'], ['h', '1', '(1)'])
    """
    sources: dict[Spot, None] = {}
    targets: dict[Spot, dict[Spot, Link]] = {}
    for link in links:
        sources[link.source] = None
        targets.setdefault(link.target, {})[link.source] = link
    columns = sorted(sources, key=_is_one)
    return Table(
        title,
        [plain("bias") if _is_one(spot) else words.name(spot) for spot in columns],
        [
            (words.name(target), [row.get(source) for source in columns])
            for target, row in targets.items()
        ],
    )


def tables_below(
    words: NetworkWords, tables: Sequence[Table], place: tuple[float, float], room: float
) -> tuple[list[Group], float, float]:
    """The tables side by side and under one another, and how wide and how high they are.

    Args:
        words: what knows the numbers, sizes and colors.
        tables: what they hold.
        place: where the first one begins.
        room: the width after which a further one begins a new row.

    >>> import viz
    >>> from tinygrad_mlp.nn import MLP
    >>> viz.to_svg(MLP(3, [4], rng=0), show="weights").count('class="cell"')
    16
    """
    groups: list[Group] = []
    x, y = place
    widest, row_height = 0.0, 0.0
    for table in tables:
        found, width, height = _drawn(words, table, 0.0, 0.0)
        if x > place[0] and x + width > place[0] + room:
            x, y, row_height = place[0], y + row_height + 0.5 * BETWEEN_TABLES, 0.0
        found, width, height = _drawn(words, table, x, y)
        groups += found
        x += width + BETWEEN_TABLES
        widest = max(widest, x - BETWEEN_TABLES - place[0])
        row_height = max(row_height, height)
    return groups, widest, y + row_height - place[1]


def _drawn(
    words: NetworkWords, table: Table, left: float, top: float
) -> tuple[list[Group], float, float]:
    """One table at its place, its width and its height."""
    size, theme = words.small, words.theme
    high = 1.6 * size
    texts = [
        [plain(words.number(x.weight.data)) if x and x.weight else [] for x in row]
        for _, row in table.rows
    ]
    first = max([width_of(name, size) for name, _ in table.rows])
    widths = [
        max([width_of(cell, size) for cell in (source, *column)])
        for source, *column in zip(table.sources, *texts, strict=True)
    ]
    ends = [left + first + sum(widths[: i + 1]) + APART * (i + 1) for i in range(len(widths))]
    title = Words(left, top + high / 2.0, plain(table.title), size, theme.muted, "start")
    y = top + 1.5 * high
    heads = [
        Words(end, y, source, size, theme.muted, "end")
        for end, source in zip(ends, table.sources, strict=True)
    ]
    rule = Line(left, y + 0.6 * high, ends[-1], y + 0.6 * high, theme.line, 0.8)
    groups = [Group("table", [title, *heads, rule])]
    y += 0.2 * high
    for (name, row), cells in zip(table.rows, texts, strict=True):
        y += high
        groups.append(Group("row", [Words(left, y, name, size, theme.muted, "start")]))
        for link, cell, end in zip(row, cells, ends, strict=True):
            if link is not None:
                shown = Words(end, y, cell, size, theme.text, "end")
                groups.append(Group("cell", [shown], words.facts_of_line(link)))
    width = max(ends[-1] - left, width_of(title.runs, size))
    return groups, width, y + high - top


def _is_one(spot: Spot) -> bool:
    return spot.kind == "one"
