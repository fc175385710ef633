"""What the drawings by neuron and by layer have in common: boxes for everything that is no neuron.

Operations between layers and after them (a loss), inputs and constants stand in small boxes; what
repeats for each sample says how often. ``neurons`` and ``layers`` say what stands in the others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from typing import Final

from tinygrad_mlp import ops
from tinygrad_mlp.data._arrays import counted
from tinygrad_mlp.engine import Value
from tinygrad_mlp.graph import Run, place_in_layer
from viz._boxes.box_legend import chip, role_chips, scale_chips
from viz._boxes.box_names import BoxNames, formula_runs
from viz._boxes.box_scene import Edge, Heading, Plan, scene_of
from viz._boxes.box_trees import Arrow as End
from viz._boxes.box_trees import Block, alone
from viz._boxes.cards import LETTERS, Card, Cell, Row, keyed
from viz._boxes.condense import Arrow, Box, Condensed
from viz._boxes.placement import Frame, Spacing
from viz._boxes.wording import in_words, order_matters
from viz._scene.legend import Entry
from viz._scene.scene import Scene, Shown, plain
from viz._style import markup
from viz._style.look import FROZEN_TEXT, LONGEST_IN_TOOLTIP, LONGEST_LABEL, Look
from viz._style.markup import number
from viz._style.themes import GradientScale, Paint

__all__ = ["CoarseDrawing", "activation_of", "range_text", "times"]

NORM: Final = "\N{DOUBLE VERTICAL LINE}gradient\N{DOUBLE VERTICAL LINE}"
TITLE: Final = 1.2 * LETTERS
LONGEST_OPERAND: Final = 16
MARKED: Final = 2.6


def times(repeats: int) -> str:
    """How often something repeats, or nothing where it stands once.

    >>> times(1), times(1500)
    ('', '× 1,500')
    """
    return f"{markup.TIMES} {repeats:,}" if repeats > 1 else ""


def range_text(values: Iterable[Value], number: Callable[[float], str] = number) -> str:
    """The number, or the smallest and the largest of several.

    >>> range_text([Value(2.0)]), range_text([Value(2.0), Value(0.5)])
    ('2', '0.5 … 2')
    """
    numbers = [value.data for value in values]
    low, high = number(min(numbers)), number(max(numbers))
    return low if low == high else f"{low} \N{HORIZONTAL ELLIPSIS} {high}"


def activation_of(box: Box) -> str:
    """The names of the activations in a box.

    >>> from tinygrad_mlp import functional
    >>> z = functional.dot([2.0], [3.0])
    >>> activation_of(Box("b0", "neuron", "operation", members=[z, z.tanh()]))
    'tanh'
    """
    names = [node.op.name for node in box.members if node.op and node.op.activation]
    return " and ".join(dict.fromkeys(names)) or "linear"


def facts_beside(box: Box) -> list[str]:
    """What there is to say of a normalization or the like, line by line.

    >>> from tinygrad_mlp._places import Owner
    >>> facts_beside(Box("b0", "beside", "operation", beside=Owner("BatchNorm")))
    ['BatchNorm']
    """
    kind = "" if box.beside is None else box.beside.kind
    counts = {"parameter": len(box.parameters), "buffer": len(box.buffers)}
    return [kind, *[counted(number, name) for name, number in counts.items() if number]]


class CoarseDrawing:
    """A drawing of a condensed graph; ``neurons`` and ``layers`` fill in what they show.

    >>> from tinygrad_mlp.graph import TextbookNames
    >>> names = BoxNames(TextbookNames({}, {}), by_math=False)
    >>> CoarseDrawing(Condensed([], [], {}), names, Look()).scene().title
    'network'
    """

    unit_kind = "neuron"

    def __init__(
        self,
        graph: Condensed,
        names: BoxNames,
        look: Look,
        marked: Collection[Value] = (),
    ) -> None:
        self.graph = graph
        self.names = names
        self.look = look
        self.marked = {graph.box_of[node] for node in marked}
        sizes = [self.norm(box) for box in graph.boxes if box.is_part]
        computed = [size for size in sizes if size is not None]
        wanted = bool(computed) and "grad" in look.shown
        self.by_gradient = look.gradients and (
            look.color == "gradient" or (look.color == "auto" and wanted)
        )
        self.scale = GradientScale.of(computed)
        self.with_zero = 0.0 in computed
        self.with_gradients = "grad" in look.shown and any(
            look.grad_of(node) is not None for box in graph.boxes for node in box.members
        )
        self.into: dict[Box, list[Arrow]] = {box: [] for box in graph.boxes}
        for arrow in graph.arrows:
            self.into[arrow.target].append(arrow)

    def scene(self) -> Scene:
        """The drawing."""
        plan = Plan("network", spacing=self.spacing())
        cards = {box: self.card(box) for box in self.graph.boxes}
        blocks = {
            box: alone(card, f"g{card.name}", self.look.direction) for box, card in cards.items()
        }
        plan.blocks = list(blocks.values())
        plan.frames = list(self.frames(blocks))
        ends: dict[Arrow, End] = {
            arrow: (cards[box], place)
            for box, arrows in self.into.items()
            for place, arrow in enumerate(arrows)
        }
        plan.edges = [
            self.edge(arrow, cards[arrow.source], ends[arrow]) for arrow in self.graph.arrows
        ]
        plan.legend = list(self.legend())
        return scene_of(plan, self.look)

    def spacing(self) -> Spacing:
        """How far boxes stand apart."""
        return Spacing(along=40.0, across=14.0)

    # Neurons and layers

    def rows_of_unit(self, box: Box, paint: Paint) -> Iterator[Row]:
        """What stands in the box of a neuron or a layer."""
        strong = paint.ink if self.by_gradient else ""  # on a strong ground nothing stands back
        muted = strong or self.look.theme.muted
        repeats = Cell(plain(times(box.repeats)), muted) if box.repeats > 1 else None
        yield Row(Cell(self.title(box), paint.ink, TITLE, bold=True), repeats)
        if box.beside is None:
            yield from self.lines_of_unit(box, paint.ink, muted)
        else:
            for text in facts_beside(box):
                yield Row(Cell(plain(text), muted))
        if self.look.shows_data("operation") and box.outputs:
            what = "data" if len(box.outputs) == 1 else "local"
            data = range_text(box.outputs, self.look.number)
            yield self.entry("data", data, self.look.theme.text, strong, what, box.outputs[-1])
        if self.unit_kind == "neuron" and self.with_gradients and len(box.outputs) == 1:
            yield self.grad_entry(box.outputs[0], strong)
        yield from self.norm_entry(box, strong)

    def title(self, box: Box) -> list[Run]:
        """What stands above the rest in the box of a neuron or a layer."""
        return plain(markup.shortened(self.called(box), LONGEST_LABEL))

    def lines_of_unit(self, box: Box, ink: str, muted: str) -> Iterator[Row]:
        """The rows under the title of a neuron or a layer."""
        yield from ()

    def tooltip_of_unit(self, box: Box) -> Iterator[str]:
        """What the tooltip of a neuron or a layer says."""
        yield from ()

    def tooltip_of_beside(self, box: Box) -> Iterator[str]:
        """What the tooltip of a normalization or the like says."""
        yield markup.shortened(self.called(box), LONGEST_IN_TOOLTIP)
        yield from facts_beside(box)
        if box.gradient is not None and box.parameters and self.look.gradients:
            yield f"norm of the gradient of its parameters = {box.gradient!r}"

    def frames(self, blocks: dict[Box, Block]) -> Iterator[tuple[Frame, Heading]]:
        """Frames around boxes."""
        yield from ()

    # Arrows

    def edge(self, arrow: Arrow, source: Card, end: End) -> Edge:
        """The line of an arrow."""
        color, width = self.stroke(arrow)
        if arrow.source in self.marked and arrow.target in self.marked:
            color, width = self.look.theme.accent, MARKED
        names = [
            markup.shortened(self.called(box), LONGEST_IN_TOOLTIP)
            for box in (arrow.source, arrow.target)
        ]
        ends = " \N{RIGHTWARDS ARROW} ".join(names)
        tooltip = [ends, *self.facts_of_arrow(arrow)]
        return Edge(source, end, color, width, tooltip, source.nodes, end[0].nodes)

    def stroke(self, arrow: Arrow) -> tuple[str, float]:
        """The color and the width of a line."""
        return self.look.theme.line, 0.9

    def facts_of_arrow(self, arrow: Arrow) -> Iterator[str]:
        """The further lines of the tooltip of an arrow."""
        yield from ()

    def entries(self, box: Box, colors: tuple[str, str]) -> list[Row]:
        """What stands at the ends of the arrows of a box, in the colors of words and numbers."""
        return []

    # The legend

    def legend(self) -> Iterator[Entry]:
        """What stands under the graph."""
        roles = {box.role for box in self.graph.boxes if not box.is_part}
        yield from role_chips(self.look, roles)
        if not any(box.is_part for box in self.graph.boxes):
            return
        if self.by_gradient and (self.with_zero or self.scale.highest > 0.0):
            what = f"{self.unit_kind}, by the {NORM} of its parameters"
            yield from scale_chips(self.look, self.scale, what, self.with_zero)
        else:
            yield chip(self.look.theme.roles["parameter"], self.unit_kind)

    # Boxes

    def paint(self, box: Box) -> Paint:
        """The colors of a box."""
        theme = self.look.theme
        paint = theme.roles["parameter" if box.is_part else box.role]
        if box.is_part and self.by_gradient:
            norm = self.norm(box)
            paint = theme.roles["operation"] if norm is None else self.scale.paint(theme, norm)
        return Paint(paint.fill, theme.accent, paint.ink) if box in self.marked else paint

    def card(self, box: Box) -> Card:
        """What stands in a box."""
        paint, theme = self.paint(box), self.look.theme
        tooltip = self.tooltip(box)
        colors = theme.muted, theme.partial
        if box.is_part:
            tooltip = self.tooltip_of_unit(box) if box.units else self.tooltip_of_beside(box)
            colors = (paint.ink, paint.ink) if self.by_gradient else colors
        rows = self.rows_of_unit(box, paint) if box.is_part else self.rows(box, paint.ink)
        return Card(
            box.name,
            list(rows),
            paint,
            self.entries(box, colors),
            len(self.into[box]),
            3.0 if box in self.marked else 1.8 if box.role == "output" else 1.0,
            list(tooltip),
            (*box.leaves, *box.members),
            self.look.direction,
        )

    def rows(self, box: Box, ink: str) -> Iterator[Row]:
        """What stands in the box of an operation or a leaf."""
        theme = self.look.theme
        first = box.members[0]
        what = "data" if len(box.members) == 1 else "local"
        name, repeats = self.name(box)
        data = None
        if self.look.shows_data(box.role):
            shows = Shown(what, box.members[-1])
            data = Cell(plain(range_text(box.members, self.look.number)), theme.text, shows=shows)
        label = self.label(box)
        if first.parents and first.op is not None:
            symbol = formula_runs(first.op, self.operands(box))
            how_often = plain(f" {times(repeats)}") if repeats > 1 else []
            right = Cell([*label, *how_often], ink) if label or how_often else None
            yield Row(Cell(symbol, ink, 1.1 * LETTERS, bold=True), right)
        else:
            headline = Cell(label or plain(box.role), ink, bold=bool(label))
            if repeats == 1 and data is not None:
                yield Row(headline, data)
                data = None
            else:
                yield Row(headline, Cell(plain(times(repeats)), theme.muted) if name else None)
        if data is not None:
            yield Row(Cell(plain("data"), theme.muted), data)
        if self.with_gradients and len(box.members) == 1 and box.role != "constant":
            yield self.grad_entry(first)

    def label(self, box: Box) -> list[Run]:
        """The name of an operation or a leaf as its box shows it; nothing where it has none."""
        name, _ = self.name(box)
        first = box.members[0]
        if self.names.is_math(first) and first.label and name == markup.visible(first.label):
            return self.runs_of(first)
        return plain(markup.shortened(name, LONGEST_LABEL))

    def runs_of(self, node: Value) -> list[Run]:
        """The name of a node that stands for those of all samples."""
        if not self.names.is_math(node):
            return plain(markup.shortened(self.names.code(node), LONGEST_OPERAND))
        return replace(self.names.names.names[node], copy=1).runs

    def operands(self, box: Box) -> list[str | list[Run] | None]:
        """The plain numbers among the operands; their names too, where their order matters."""
        op = box.members[0].op
        if op is None or box.is_running_sum:
            return []
        n_drawn = sum(not operand.is_number for operand in box.operands)
        by_name = n_drawn > 1 and order_matters(op)
        texts: list[str | list[Run] | None] = []
        for place, operand in enumerate(box.operands):
            if operand.is_number:
                texts.append(
                    range_text(operand.members, self.look.number) if self.look.constants else None
                )
            elif by_name:
                names = {tuple(self.operand(node.parents[place])) for node in box.members}
                called = plain(markup.shortened(self.called(operand), LONGEST_OPERAND))
                texts.append(list(names.pop()) if len(names) == 1 else called)
            else:
                texts.append(None)
        return texts

    def operand(self, node: Value) -> list[Run]:
        """What the boxes that use a node call it: its name, or its place in its layer."""
        if self.names.is_math(node):
            return self.runs_of(node)
        box = self.graph.box_of[node]
        name = self.called(box)
        if node.label or node not in self.graph.units:
            name = markup.visible(node.label) or name
        elif len(box.units) > 1:
            place = sorted(box.units, key=place_in_layer).index(self.graph.units[node])
            name = f"{name} [{place}]"
        return plain(markup.shortened(name, LONGEST_OPERAND))

    def called(self, box: Box) -> str:
        """What other boxes call a box: its name, or else what it does."""
        if box.units:
            return self.called_layer(box)
        if box.beside is not None:
            return self.graph.places.within(box.beside) or box.beside.kind
        first = box.members[0]
        name = self.name(box)[0]
        return name or (in_words(first.op, []) if first.parents and first.op else box.role)

    def called_layer(self, box: Box) -> str:
        """The layer of the neurons in a box: its number, or the name in the program."""
        return self.names.layer(next(iter(box.units)), box.outputs)

    def name(self, box: Box) -> tuple[str, int]:
        """What an operation or a leaf is called, and how often it repeats."""
        labels = {node.label for node in box.members}
        return markup.visible(labels.pop()) if len(labels) == 1 else "", box.repeats

    def norm_entry(self, box: Box, ink: str = "") -> Iterator[Row]:
        """The row for the size of the gradient of a box's parameters, where there is one."""
        norm = self.norm(box)
        if "grad" not in self.look.shown or (norm is None and not box.is_frozen):
            return
        text = FROZEN_TEXT if norm is None else self.look.number(norm)
        yield self.entry(NORM, text, self.look.theme.gradient, ink, "norm", box.parameters[-1])

    def entry(
        self,
        key: str,
        text: str,
        color: str,
        strong: str,
        what: str = "",
        node: Value | None = None,
    ) -> Row:
        """A row for a number: what it is, and the number."""
        shows = None if node is None else Shown(what, node)
        colors = strong or self.look.theme.muted, strong or color
        return keyed(plain(key), plain(text), colors, shows)

    def grad_entry(self, node: Value, strong: str = "") -> Row:
        """The row for the gradient of a node, a dash where nobody has computed it."""
        text = self.look.grad_text(node)
        return self.entry("grad", text, self.look.theme.gradient, strong, "grad", node)

    def norm(self, box: Box) -> float | None:
        """The size of the gradient of a box's parameters: what its color and its number say."""
        return box.gradient if box.parameters and self.look.gradients else None

    def tooltip(self, box: Box) -> Iterator[str]:
        """What the tooltip of an operation or a leaf says."""
        first = box.members[0]
        if first.label or (self.names.is_math(first) and not first.parents):
            yield self.names.full(first)
        is_operation = first.op is not None and first.op is not ops.CONSTANT
        yield first.op.explained if is_operation and first.op else box.role
        if len(box.members) == 1:
            yield from self.look.tooltip_of_numbers(first)
        else:
            numbers = [node.data for node in box.members]
            yield f"{len(numbers):,} values from {min(numbers)!r} to {max(numbers)!r}"
