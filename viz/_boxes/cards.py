"""Boxes of rows: what stands in them, how large they are, where arrows end on them.

A row has words on the left and, in a column of its own, words on the right. The entries are the
rows at which arrows end, one for each arrow; where arrows lead up or down they stand side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tinygrad_mlp.engine import Value
from tinygrad_mlp.graph import Run
from viz._scene.letters import width_of
from viz._scene.scene import Group, Rectangle, Shape, Shown, Words
from viz._style.themes import Paint

__all__ = ["BY", "LETTERS", "Card", "Cell", "Row", "is_sideways", "keyed"]

BY: Final = "\N{PARTIAL DIFFERENTIAL}/\N{PARTIAL DIFFERENTIAL}"
"""Before the name of what a local derivative is taken by."""

LETTERS: Final = 10.0
"""The size of letters, in pixels."""
ROW: Final = 1.22
"""The height of a row, in letters."""
PADDING: Final = 4.0
"""Beside what stands in a box."""
ABOVE: Final = 3.0
"""Over it and under it."""
BETWEEN: Final = 6.0
"""The room between the two columns of a box, at least."""
APART: Final = 7.0
"""How far the ends of two arrows stand apart, at least."""


def is_sideways(direction: str) -> bool:
    """Whether arrows lead to the right or to the left.

    >>> is_sideways("LR"), is_sideways("TB")
    (True, False)
    """
    return direction in ("LR", "RL")


@dataclass(frozen=True, slots=True)
class Cell:
    """Words in a box."""

    runs: Sequence[Run]
    color: str
    size: float = LETTERS
    bold: bool = False
    shows: Shown | None = None

    @property
    def width(self) -> float:
        """How wide they are in the widest of the common fonts, bold letters being wider.

        >>> from viz._scene.scene import plain
        >>> Cell(plain("0"), "#000000").width
        6.37
        """
        return width_of(self.runs, self.size, self.bold)

    def words(self, x: float, y: float, anchor: str) -> Words:
        """The words at a place.

        >>> from viz._scene.scene import plain
        >>> Cell(plain("0"), "#000000").words(1.0, 2.0, "end").anchor
        'end'
        """
        return Words(x, y, self.runs, self.size, self.color, anchor, self.bold, shows=self.shows)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a box: words on the left, words on the right, either of which may be missing."""

    left: Cell | None
    right: Cell | None = None

    @property
    def height(self) -> float:
        """How high it is.

        >>> Row(None).height
        12.2
        """
        return ROW * max([cell.size for cell in (self.left, self.right) if cell], default=LETTERS)


def keyed(
    key: Sequence[Run], number: Sequence[Run], colors: tuple[str, str], shows: Shown | None = None
) -> Row:
    """A row for a number: what it is, and the number, each in its color.

    >>> from viz._scene.scene import plain
    >>> keyed(plain("data"), plain("0.5"), ("#777777", "#000000")).right.runs[0].text
    '0.5'
    """
    key_color, color = colors
    return Row(Cell(key, key_color), Cell(number, color, shows=shows))


@dataclass(eq=False, slots=True)
class Card:
    """A box of rows.

    Attributes:
        name: its id.
        rows: what stands in it.
        paint: its colors.
        entries: the rows at which its arrows end, in their order; empty where they show nothing.
        n_arrows: how many arrows lead to it.
        border: the width of its border.
        tooltip: lines.
        nodes: what it shows.
        direction: where arrows lead.
        size: width and height, which it finds itself.
        beyond: how far its widest row reaches behind its two columns.

    >>> from viz._scene.scene import plain
    >>> from viz._style.themes import LIGHT
    >>> row = Row(Cell(plain("x"), "#000000"), Cell(plain("0.5"), "#000000"))
    >>> card = Card("n0", [row], LIGHT.roles["input"])
    >>> [round(size, 1) for size in card.size]
    [36.0, 19.0]
    """

    name: str
    rows: list[Row]
    paint: Paint
    entries: list[Row] = field(default_factory=list)
    n_arrows: int = 0
    border: float = 1.0
    tooltip: Sequence[str] = ()
    nodes: tuple[Value, ...] = ()
    direction: str = "LR"
    size: tuple[float, float] = field(init=False)
    beyond: float = field(init=False)

    def __post_init__(self) -> None:
        sideways = is_sideways(self.direction)
        rows = [*self.rows, *self.entries] if sideways else self.rows
        columns, alone = _widths_of(rows)
        width, height = max(columns, alone), sum([row.height for row in rows])
        self.beyond = width - columns if columns else 0.0
        if self.entries and not sideways:
            width = max(width, sum([_strip_width(entry) for entry in self.entries]))
            height += self.strip_height
        least = APART * (self.n_arrows + 1)
        width, height = width + 2.0 * PADDING, height + 2.0 * ABOVE
        if not self.entries:
            width, height = (width, max(height, least)) if sideways else (max(width, least), height)
        self.size = (float(-(-width // 1)), float(-(-height // 1)))

    @property
    def strip_height(self) -> float:
        """The height of the entries where they stand side by side, words over numbers."""
        return max([e.height * (2.0 if e.right else 1.0) for e in self.entries], default=0.0)

    def widen(self, width: float) -> None:
        """Make it as wide as others, if it is less."""
        self.size = (max(width, self.size[0]), self.size[1])

    def ends(self) -> list[float]:
        """Where its arrows end, from the top of its side or from the left of it, in their order.

        At their entries, which a single arrow does not need: it ends in the middle.

        >>> from viz._style.themes import LIGHT
        >>> Card("n0", [Row(None)] * 2, LIGHT.roles["input"], n_arrows=2).ends()
        [10.333333333333334, 20.666666666666668]
        """
        width, height = self.size
        sideways = is_sideways(self.direction)
        if not self.entries or self.n_arrows == 1:
            step = (height if sideways else width) / (self.n_arrows + 1)
            return [step * (place + 1) for place in range(self.n_arrows)]
        if not sideways:
            return [x + w / 2.0 for x, w in self._strip()]
        y = ABOVE + sum([row.height for row in self.rows])
        ends = []
        for entry in self.entries:
            ends.append(y + entry.height / 2.0)
            y += entry.height
        return ends

    def group(self, x: float, y: float) -> Group:
        """What is drawn, with its upper left corner at a place.

        >>> from viz._style.themes import LIGHT
        >>> len(Card("n0", [], LIGHT.roles["input"]).group(0.0, 0.0).shapes)
        1
        """
        width, height = self.size
        ground = Rectangle(
            x + width / 2.0,
            y + height / 2.0,
            width,
            height,
            self.paint.fill,
            self.paint.border,
            self.border,
        )
        return Group("node", [ground, *self._words(x, y)], self.tooltip, self.name, self.nodes)

    def _words(self, x: float, y: float) -> Iterator[Shape]:
        width, _ = self.size
        right = width - PADDING - self.beyond
        sideways = is_sideways(self.direction)
        strip = self.entries if not sideways else []
        top = y + ABOVE
        if strip and self.direction == "TB":
            yield from self._words_of_strip(x, top)
            top += self.strip_height
        for row in [*self.rows, *(self.entries if sideways else [])]:
            middle = top + row.height / 2.0
            alone = row.right is None and not (self.entries and sideways)
            if row.left is not None and alone and len(self.rows) == 1:
                yield row.left.words(x + width / 2.0, middle, "middle")
            elif row.left is not None:
                yield row.left.words(x + PADDING, middle, "start")
            if row.right is not None:
                yield row.right.words(x + right, middle, "end")
            top += row.height
        if strip and self.direction == "BT":
            yield from self._words_of_strip(x, top)

    def _words_of_strip(self, x: float, top: float) -> Iterator[Words]:
        for entry, (left, width) in zip(self.entries, self._strip(), strict=True):
            cells = [cell for cell in (entry.left, entry.right) if cell is not None]
            for place, cell in enumerate(cells):
                middle = top + (place + 0.5) * entry.height
                yield cell.words(x + left + width / 2.0, middle, "middle")

    def _strip(self) -> list[tuple[float, float]]:
        """Where the entries stand that are side by side: left, width."""
        widths = [_strip_width(entry) for entry in self.entries]
        x = (self.size[0] - sum(widths)) / 2.0
        found = []
        for width in widths:
            found.append((x, width))
            x += width
        return found


def _widths_of(rows: Sequence[Row]) -> tuple[float, float]:
    """That of the two columns, and that of the widest row that has no columns."""
    both = [(row.left.width, row.right.width) for row in rows if row.left and row.right]
    columns = 0.0
    if both:
        columns = max([left for left, _ in both]) + BETWEEN + max([right for _, right in both])
    alone = [row.left.width for row in rows if row.left and not row.right]
    return columns, max(alone, default=0.0)


def _strip_width(entry: Row) -> float:
    return BETWEEN + max([cell.width for cell in (entry.left, entry.right) if cell], default=0.0)
