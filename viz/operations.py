"""The most detailed drawing: one box for each Value, one arrow for each use of it.

A box shows the operation, the label, ``data`` and ``grad``; an arrow carries the local derivative
of the node that it leads to by the node that it comes from. Tooltips carry the full precision.
The neurons of a model stand in frames of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tinygrad_mlp import ops
from tinygrad_mlp.engine import Value
from viz import markup
from viz.look import SLACK, Look, digraph
from viz.markup import cell, font, number, row, table
from viz.structure import Unit, dot_operands, uses_of
from viz.themes import GradientScale, Paint

__all__ = ["operations_dot", "title_of"]

ENTRY_SIDE: Final = {"LR": "w", "RL": "e", "TB": "n", "BT": "s"}
EXIT_SIDE: Final = {"LR": "e", "RL": "w", "TB": "s", "BT": "n"}
LONGEST_LABEL: Final = 26
LONGEST_IN_TOOLTIP: Final = 1000  # characters; Graphviz reads strings of up to 16384 bytes
NOT_COMPUTED: Final = "\N{EN DASH}"


def operations_dot(
    order: Sequence[Value],
    roles: dict[Value, str],
    units: dict[Value, Unit],
    look: Look,
    highlight: Collection[Value] = (),
) -> str:
    """The drawing of every node.

    Args:
        order: every node, parents before children; the first is called n0.
        roles: the kind of each node.
        units: the neurons that nodes belong to; those of a labelled model get frames.
        look: how the drawing is to look.
        highlight: the nodes to mark, and the arrows between them.

    >>> a = Value(3.0)
    >>> text = operations_dot([a], {a: "input"}, {}, Look(legend=False))
    >>> text.count("n0 [")
    1
    """
    names = {node: f"n{index}" for index, node in enumerate(order)}
    hidden = frozenset(
        node
        for node in order
        if not look.constants and roles[node] == "constant" and not node.label
    )
    framed = _framed({node: name for node, name in names.items() if node not in hidden}, units)
    drawing = _Drawing(
        names=names,
        roles=roles,
        units=units if framed else {},
        look=look,
        highlight=frozenset(highlight),
        scale=GradientScale.of(abs(node.grad) for node in order if node.has_grad),
        hidden=hidden,
        framed=framed,
    )
    return drawing.text()


def _framed(names: dict[Value, str], units: dict[Value, Unit]) -> dict[Unit, list[str]]:
    framed: dict[Unit, list[str]] = {}
    for node, name in names.items():
        unit = units.get(node)
        if unit is not None and unit.labelled:
            framed.setdefault(unit, []).append(name)
    return framed if len(framed) > 1 else {}  # one neuron alone needs no frame


def title_of(node: Value, name: str) -> str:
    """What tooltips call a node: its label in full, or else its name in the drawing.

    >>> title_of(Value(1.0, label="x"), "n0"), title_of(Value(1.0), "n0")
    ('x', 'n0')
    """
    return markup.shortened(markup.visible(node.label), LONGEST_IN_TOOLTIP) or name


@dataclass(frozen=True)
class _Drawing:
    """One drawing: what each node is called, its role, and how everything is to look."""

    names: dict[Value, str]
    roles: dict[Value, str]
    units: dict[Value, Unit]
    look: Look
    highlight: frozenset[Value]
    scale: GradientScale
    hidden: frozenset[Value]
    framed: dict[Unit, list[str]]  # the names of the nodes in each neuron

    def text(self) -> str:
        shown = [node for node in self.names if node not in self.hidden]
        edges = (edge for node in shown for edge in self.edges(node))
        return digraph(
            self.look,
            "computation graph",
            f"tailport={EXIT_SIDE[self.look.direction]}",
            self.legend(),
            [
                "  graph [ordering=in];",
                *(self.node(node) for node in shown),
                *self.frames(),
                *(f'  {edge}, id="e{index}"];' for index, edge in enumerate(edges)),
            ],
        )

    @property
    def by_gradient(self) -> bool:
        return self.look.color == "gradient"

    def legend(self) -> Iterator[str]:
        look, theme = self.look, self.look.theme
        present = {role for node, role in self.roles.items() if node not in self.hidden}
        if self.by_gradient:
            yield from look.scale_chips(self.scale, "size of the gradient")
        else:
            for role, paint in theme.roles.items():
                if role in present:
                    yield from look.chip(paint, role)
        if "partials" in look.shown and any(node.parents for node in self.names):
            yield cell(font("\N{RIGHTWARDS ARROW} 0.5", theme.gradient, 10))
            yield cell(font(f"local derivative{SLACK}", theme.muted, 10))

    def frames(self) -> Iterator[str]:
        """A frame around each neuron; further ones around layers would push the inputs aside."""
        for index, (unit, names) in enumerate(self.framed.items()):
            title = " · ".join(dict.fromkeys([unit.layer_name, unit.name]))
            yield f"  subgraph cluster_{index} {{"
            yield self.frame(f"c{index}", title, unit.path)
            yield f"    {'; '.join(names)};"
            yield "  }"

    def frame(self, name: str, title: str, tooltip: str) -> str:
        theme = self.look.theme
        text = font(markup.html_text(markup.shortened(title, LONGEST_LABEL)), theme.muted, 11)
        return (
            f'    graph [id="{name}", style="rounded,filled", fillcolor="{theme.frame}", '
            f'margin=8, color="{theme.outline}", labelloc=t, labeljust=l, label=<{text}>, '
            f"tooltip={markup.quoted(tooltip)}];"
        )

    def node(self, node: Value) -> str:
        name = self.names[node]
        tooltip = markup.quoted(*self.tooltip(node))
        return f'  {name} [id="{name}", tooltip={tooltip}, label=<{self.box(node)}>];'

    def paint(self, node: Value) -> Paint:
        theme = self.look.theme
        paint = theme.roles[self.roles[node]]
        if self.by_gradient:
            plain = not node.has_grad or self.roles[node] == "constant"
            ramp = theme.ramp[self.scale.position(abs(node.grad))]
            paint = theme.roles["constant"] if plain else ramp
        if node in self.highlight:
            paint = Paint(paint.fill, theme.accent, paint.ink)
        return paint

    def box(self, node: Value) -> str:
        role, look = self.roles[node], self.look
        paint = self.paint(node)
        border = 3.0 if node in self.highlight else 1.8 if role == "output" else 1
        if role == "constant" and not node.label:
            text = number(node.data) if "data" in look.shown else "c"
            return table(row(cell(font(text, paint.ink, 11))), paint=paint, padding=5)
        strong = paint.ink if self.by_gradient else ""  # on a strong ground nothing stands back
        products = self.products(node, strong or look.theme.muted) if node.op is ops.DOT else []
        rows = [row(cell(self.headline(node, paint.ink)))]
        if look.direction in ("LR", "RL"):
            rows += products
        if "data" in look.shown:
            rows.append(self.entry("data", number(node.data), look.theme.text, strong))
        if "grad" in look.shown and role != "constant":
            grad = number(node.grad) if node.has_grad else NOT_COMPUTED
            rows.append(self.entry("grad", grad, strong or look.theme.gradient, strong))
        if look.direction == "TB":  # where the arrows come in
            rows = products + rows
        if look.direction == "BT":
            rows = rows + products
        return table(*rows, paint=paint, border=border, padding=3)

    def headline(self, node: Value, ink: str) -> str:
        visible = markup.visible(node.label)
        if node in self.units:  # the frame says already where it stands
            visible = visible.removeprefix(f"{self.units[node].path}.")
        label = markup.html_text(markup.shortened(visible, LONGEST_LABEL))
        if not node.parents or node.op is None:
            return font(f"{SLACK}{label or self.roles[node]}{SLACK}", ink, 11, bold=bool(label))
        symbol = font(markup.html_text(node.op.symbol), ink, 14, bold=True)
        return f"{symbol}{SLACK}{SLACK}{font(label, ink, 11)}" if label else symbol

    def products(self, node: Value, ink: str) -> list[str]:
        """The sum that a ``dot`` is, term by term; the arrows of a term lead to its cell."""
        weights, inputs, biases = dot_operands(node)
        with_data = "data" in self.look.shown
        terms = {}
        for index, (w, x) in enumerate(zip(weights, inputs, strict=True)):
            factors = (
                (number(w.data), number(x.data))
                if with_data
                else (f"w{index + 1}", f"x{index + 1}")
            )
            terms[f"p{index}"] = " \N{MULTIPLICATION SIGN} ".join(factors)
        for bias in biases:
            terms["b"] = f"+ {number(bias.data) if with_data else 'b'}"
        texts = {port: font(text + SLACK, ink, 10) for port, text in terms.items()}
        if self.look.direction in ("LR", "RL"):
            return [row(cell(text, align="LEFT", port=port)) for port, text in texts.items()]
        terms_of_one_row = (cell(text, port=port) for port, text in texts.items())
        side_by_side = table(row(*terms_of_one_row), padding=4)
        return [row(cell(side_by_side, cellpadding=0))]

    def entry(self, key: str, text: str, color: str, key_color: str = "") -> str:
        name = font(f"{key}{SLACK}{SLACK}", key_color or self.look.theme.muted, 9)
        return row(cell(f"{name}{font(f'{text}{SLACK}', color, 11)}", align="LEFT"))

    def tooltip(self, node: Value) -> Iterator[str]:
        if node.label:
            yield title_of(node, "")
        if node.op is None or node.op is ops.CONSTANT:
            yield self.roles[node]
        else:
            yield f"{node.op.name}: {node.op.formula}"
        yield f"data = {node.data!r}"
        yield f"grad = {node.grad!r}" if node.has_grad else "grad: not computed"

    def edges(self, node: Value) -> Iterator[str]:
        """The arrows into a node, each of them without its id and its closing bracket."""
        side = ENTRY_SIDE[self.look.direction]
        for parent, partial, port in uses_of(node):
            if parent in self.hidden:
                continue
            source, target = self.names[parent], self.names[node]
            head = f"{target}:{port}:{side}" if port else target
            titles = (title_of(each, self.names[each]) for each in (node, parent))
            meaning = f"{' / '.join(f'd {title}' for title in titles)} = {partial!r}"
            label = f'label="{number(partial)}", ' if self.is_labelled(parent) else ""
            mark = ""
            if node in self.units and self.units.get(parent) != self.units[node]:
                mark = "minlen=2, "  # so that what goes into a frame stands before it
            if node in self.highlight and parent in self.highlight:
                mark += f'color="{self.look.theme.accent}", penwidth=2.4, '
            yield f"{source} -> {head} [{label}{mark}tooltip={markup.quoted(meaning)}"

    def is_labelled(self, parent: Value) -> bool:
        """Whether an arrow shows its number; nobody asks for the derivative by a constant."""
        return "partials" in self.look.shown and self.roles[parent] != "constant"
