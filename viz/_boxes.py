"""What the drawings by neuron and by layer have in common: boxes for everything that is no neuron.

Operations between layers and after them (a loss), inputs and constants stand in small boxes; what
repeats for each sample says how often. ``neurons`` and ``layers`` say what stands in the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from tinygrad_mlp import ops
from tinygrad_mlp.data._arrays import counted
from tinygrad_mlp.engine import Value
from tinygrad_mlp.graph import place_in_layer
from viz import _markup as markup
from viz._condense import Arrow, Box, Condensed
from viz._look import (
    FROZEN_TEXT,
    LONGEST_IN_TOOLTIP,
    LONGEST_LABEL,
    SLACK,
    Look,
    digraph,
    numbered,
)
from viz._markup import cell, font, number, row, statement, table
from viz._themes import GradientScale, Paint
from viz._wording import in_words, order_matters

__all__ = ["CoarseDrawing", "activation_of", "range_text", "times"]

NORM: Final = "\N{DOUBLE VERTICAL LINE}gradient\N{DOUBLE VERTICAL LINE}"


def times(repeats: int) -> str:
    """How often something repeats, or nothing where it stands once.

    >>> times(1), times(1500)
    ('', '× 1,500')
    """
    return f"{markup.TIMES} {repeats:,}" if repeats > 1 else ""


def range_text(values: Iterable[Value]) -> str:
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


def title_of(node: Value, name: str) -> str:
    title = markup.shortened(markup.visible(node.label), LONGEST_IN_TOOLTIP)
    return title or markup.shortened(name, LONGEST_IN_TOOLTIP)


class CoarseDrawing:
    """A drawing of a condensed graph; ``neurons`` and ``layers`` fill in what they show.

    >>> CoarseDrawing(Condensed([], [], {}), Look(legend=False), ()).text()[:9]
    'digraph "'
    """

    unit_kind = "neuron"
    sizes = (12, 10)  # of the letters of a unit's title, and of what stands behind it

    def __init__(self, graph: Condensed, look: Look, marked: Collection[Value]) -> None:
        self.graph = graph
        self.look = look
        self.marked = {graph.box_of[node] for node in marked}
        sizes = [self.norm(box) for box in graph.boxes if box.is_part]
        computed = [size for size in sizes if size is not None]
        self.by_gradient = look.gradients and (
            look.color == "gradient" or (look.color == "auto" and bool(computed))
        )
        self.scale = GradientScale.of(computed)
        self.with_zero = 0.0 in computed
        self.with_gradients = "grad" in look.shown and any(
            look.grad_of(node) is not None for box in graph.boxes for node in box.members
        )

    def text(self) -> str:
        """The drawing as DOT text."""
        side = {"LR": ("e", "w"), "RL": ("w", "e"), "TB": ("s", "n"), "BT": ("n", "s")}
        exit_side, entry_side = side[self.look.direction]
        arrows = [
            f"{arrow.source.name} -> {arrow.target.name} "
            f"[{', '.join([*self.arrow(arrow), self.tooltip_of_arrow(arrow)])}"
            for arrow in self.graph.arrows
        ]
        return digraph(
            self.look,
            "network",
            f"tailport={exit_side}, headport={entry_side}",
            self.legend(),
            [self.spacing(), *self.frames(), *map(self.node, self.graph.boxes), *numbered(arrows)],
        )

    def spacing(self) -> str:
        """How far boxes stand apart."""
        return "  graph [ranksep=0.7, nodesep=0.22];"

    def rows_of_unit(self, box: Box, ink: str) -> list[str]:
        """What stands in the box of a neuron or a layer."""
        strong = ink if self.by_gradient else ""  # on a strong ground nothing stands back
        title = markup.html_text(markup.shortened(self.called(box), LONGEST_LABEL))
        of_title, behind = self.sizes
        headline = font(title, ink, of_title, bold=True) + self.repeated(
            box.repeats, strong, behind
        )
        lines = self.lines_of_unit(box, ink, strong)
        if box.beside is not None:
            lines = iter([self.line(x, strong or self.look.theme.muted) for x in facts_beside(box)])
        rows = [row(cell(headline, align="LEFT")), *lines]
        if self.look.shows_data("operation") and box.outputs:
            data = range_text(box.outputs)
            rows.append(self.look.entry("data", data, self.look.theme.text, strong))
        if self.unit_kind == "neuron" and self.with_gradients and len(box.outputs) == 1:
            rows.append(self.look.grad_entry(box.outputs[0], strong))
        return [*rows, *self.norm_entry(box, strong)]

    def lines_of_unit(self, box: Box, ink: str, strong: str) -> Iterator[str]:
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

    def frames(self) -> Iterator[str]:
        """Frames around boxes."""
        yield from ()

    def arrow(self, arrow: Arrow) -> Iterator[str]:
        """The attributes of an arrow, the tooltip apart."""
        if arrow.source in self.marked and arrow.target in self.marked:
            yield f'color="{self.look.theme.accent}", penwidth=2.6'

    def tooltip_of_arrow(self, arrow: Arrow) -> str:
        """The tooltip of an arrow: from where to where, and what there is to say of it."""
        source, target = (
            markup.shortened(self.called(box), LONGEST_IN_TOOLTIP)
            for box in (arrow.source, arrow.target)
        )
        ends = f"{source} \N{RIGHTWARDS ARROW} {target}"
        return f"tooltip={markup.quoted(ends, *self.facts_of_arrow(arrow))}"

    def facts_of_arrow(self, arrow: Arrow) -> Iterator[str]:
        """The further lines of the tooltip of an arrow."""
        yield from ()

    def legend(self) -> Iterator[str]:
        """The cells of the line under the graph."""
        yield from self.look.role_chips({box.role for box in self.graph.boxes if not box.is_part})
        if not any(box.is_part for box in self.graph.boxes):
            return
        if self.by_gradient and (self.with_zero or self.scale.highest > 0.0):
            what = f"{self.unit_kind}, by the {NORM} of its parameters"
            yield from self.look.scale_chips(self.scale, what, self.with_zero)
        else:
            yield from self.look.chip(self.look.theme.roles["parameter"], self.unit_kind)

    def paint(self, box: Box) -> Paint:
        """The colors of a box."""
        theme = self.look.theme
        paint = theme.roles["parameter" if box.is_part else box.role]
        if box.is_part and self.by_gradient:
            norm = self.norm(box)
            paint = theme.roles["operation"] if norm is None else self.scale.paint(theme, norm)
        return Paint(paint.fill, theme.accent, paint.ink) if box in self.marked else paint

    def node(self, box: Box) -> str:
        """The statement of a box."""
        paint = self.paint(box)
        rows = self.rows_of_unit(box, paint.ink) if box.is_part else self.rows(box, paint.ink)
        border = 3.0 if box in self.marked else 1.8 if box.role == "output" else 1
        content = table(*rows, paint=paint, border=border, padding=5 if box.is_part else 3)
        lines = self.tooltip(box)
        if box.is_part:
            lines = self.tooltip_of_unit(box) if box.units else self.tooltip_of_beside(box)
        return statement(box.name, lines, content)

    def rows(self, box: Box, ink: str) -> list[str]:
        """What stands in the box of an operation or a leaf."""
        first = box.members[0]
        name, repeats = self.name(box)
        label = markup.html_text(markup.shortened(name, LONGEST_LABEL))
        if first.parents and first.op is not None:
            headline = font(
                markup.html_text(in_words(first.op, self.operands(box))), ink, 14, bold=True
            )
            headline += f"{SLACK}{SLACK}{font(label, ink, 11)}" if label else ""
        else:
            headline = font(f"{SLACK}{label or box.role}{SLACK}", ink, 11, bold=bool(label))
        headline += self.repeated(repeats) + SLACK
        rows = [row(cell(headline))]
        if self.look.shows_data(box.role):
            rows.append(self.look.entry("data", range_text(box.members), self.look.theme.text))
        if self.with_gradients and len(box.members) == 1 and box.role != "constant":
            rows.append(self.look.grad_entry(first))
        return rows

    def operands(self, box: Box) -> list[str | None]:
        """The plain numbers among the operands; their names too, where their order matters."""
        op = box.members[0].op
        if op is None or box.is_running_sum:
            return []
        n_drawn = sum(not operand.is_number for operand in box.operands)
        by_name = n_drawn > 1 and order_matters(op)
        texts: list[str | None] = []
        for place, operand in enumerate(box.operands):
            if operand.is_number:
                texts.append(range_text(operand.members) if self.look.constants else None)
            elif by_name:
                names = {self.called_operand(node.parents[place]) for node in box.members}
                name = names.pop() if len(names) == 1 else self.called(operand)
                texts.append(markup.shortened(name, 16))
            else:
                texts.append(None)
        return texts

    def called_operand(self, node: Value) -> str:
        """What the boxes that use a node call it: its label, or its place in its layer."""
        box = self.graph.box_of[node]
        if node.label or node not in self.graph.units:
            return markup.visible(node.label) or self.called(box)
        name = self.called(box)
        if len(box.units) == 1:
            return name
        place = sorted(box.units, key=place_in_layer).index(self.graph.units[node])
        return f"{name} [{place}]"

    def called(self, box: Box) -> str:
        """What other boxes call a box: its name, or else what it does."""
        if box.units:
            return next(iter(box.units)).layer_name
        if box.beside is not None:
            return self.graph.places.within(box.beside) or box.beside.kind
        first = box.members[0]
        name = self.name(box)[0]
        return name or (in_words(first.op, []) if first.parents and first.op else box.role)

    def name(self, box: Box) -> tuple[str, int]:
        """What an operation or a leaf is called, and how often it repeats."""
        labels = {node.label for node in box.members}
        return markup.visible(labels.pop()) if len(labels) == 1 else "", box.repeats

    def repeated(self, repeats: int, ink: str = "", size: int = 10) -> str:
        """The "x N" behind a headline; nothing where something stands once."""
        if repeats <= 1:
            return ""
        return font(f"{SLACK}{SLACK}{times(repeats)}", ink or self.look.theme.muted, size)

    def norm_entry(self, box: Box, ink: str = "") -> list[str]:
        """The row for the size of the gradient of a box's parameters, where there is one."""
        norm = self.norm(box)
        if "grad" not in self.look.shown or (norm is None and not box.is_frozen):
            return []
        text = FROZEN_TEXT if norm is None else number(norm)
        return [self.look.entry(NORM, text, ink or self.look.theme.gradient, ink)]

    def norm(self, box: Box) -> float | None:
        """The size of the gradient of a box's parameters: what its color and its number say."""
        return box.gradient if box.parameters and self.look.gradients else None

    def line(self, text: str, color: str, size: int = 10) -> str:
        """A row of plain text."""
        return row(cell(font(f"{markup.html_text(text)}{SLACK}{SLACK}", color, size), align="LEFT"))

    def tooltip(self, box: Box) -> Iterator[str]:
        """What the tooltip of an operation or a leaf says."""
        first = box.members[0]
        if first.label:
            yield title_of(first, "")
        is_operation = first.op is not None and first.op is not ops.CONSTANT
        yield first.op.explained if is_operation and first.op else box.role
        if len(box.members) == 1:
            yield from self.look.tooltip_of_numbers(first)
        else:
            numbers = [node.data for node in box.members]
            yield f"{len(numbers):,} values from {min(numbers)!r} to {max(numbers)!r}"
