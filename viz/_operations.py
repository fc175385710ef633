"""The most detailed drawing: one box for each Value, one arrow for each use of it.

A box shows the operation, the label, ``data`` and ``grad``; an arrow carries the local derivative
of the node that it leads to by the node that it comes from. Tooltips carry the full precision. The
plain numbers of a formula stand in the boxes that use them; layers and their neurons have frames.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from tinygrad_mlp import ops
from tinygrad_mlp.debug._equations import derivative
from tinygrad_mlp.engine import Value
from tinygrad_mlp.graph import (
    Unit,
    dot_operands,
    input_names,
    is_neuron,
    names_of,
    place_in_layer,
    sums_of,
    uses_of,
)
from viz import _markup as markup
from viz._look import (
    LONGEST_IN_TOOLTIP,
    LONGEST_LABEL,
    SLACK,
    UNSEEN_LABEL,
    Look,
    digraph,
    numbered,
)
from viz._markup import cell, font, number, row, statement, table
from viz._themes import GradientScale, Paint
from viz._wording import added, bracketed, in_words, operand_words

__all__ = ["drawn_by_itself", "operations_dot", "title_of"]

ENTRY_SIDE: Final = {"LR": "w", "RL": "e", "TB": "n", "BT": "s"}
TITLE_SIDE: Final = {"LR": "t", "RL": "t", "TB": "b", "BT": "t"}
"""Where few arrows pass: beside a frame that lies, where one leaves from a frame that stands."""
EXIT_SIDE: Final = {"LR": "e", "RL": "w", "TB": "s", "BT": "n"}
GATE: Final = "class=gate, shape=none, fixedsize=shape, width=0.0278, height=0.0278"
"""A point that arrows pass, 2 points wide. They end a point before it and begin one behind it."""
GATE_LENGTH: Final = 4
"""Of the piece of a line, in points, that joins the two ends."""


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
        units: the neurons that nodes belong to; those of a labeled model get frames.
        look: how the drawing is to look.
        highlight: the nodes to mark, and the arrows between them.

    >>> a = Value(3.0)
    >>> text = operations_dot([a], {a: "input"}, {}, Look(legend=False))
    >>> text.count("n0 [")
    1
    """
    return _Drawing(order, roles, units, look, frozenset(highlight)).text()


def _gates(nodes: Sequence[Value], units: dict[Value, Unit]) -> dict[Value, dict[Value, str]]:
    """For each node what comes into its frame from outside, with an invisible point to pass.

    The point stands beside the weights, so that the arrow goes through the frame and not around it.
    """
    gates: dict[Value, dict[Value, str]] = {}
    for index, node in enumerate(nodes):
        if node in units and node.op in (ops.DOT, ops.MUL):
            outside = [parent for parent in node.parents if units.get(parent) != units[node]]
            gates[node] = {x: f"g{index}_{place}" for place, x in enumerate(outside)}
    return gates


def drawn_by_itself(node: Value, role: str) -> bool:
    """Whether a node has a box; the plain numbers of a formula stand in the boxes that use them.

    >>> drawn_by_itself(Value(1.0), "constant"), drawn_by_itself(Value(1.0, label="c"), "constant")
    (False, True)
    """
    return role != "constant" or bool(node.label)


def _framed(nodes: Sequence[Value], units: dict[Value, Unit]) -> dict[str, dict[Unit, list[Value]]]:
    """The nodes of each neuron of each layer, the first layer first; nothing for one neuron."""
    neurons: dict[Unit, list[Value]] = {}
    for node in nodes:
        if node in units:
            neurons.setdefault(units[node], []).append(node)
    if len(neurons) < 2:
        return {}
    computed = [unit for node, unit in units.items() if node.parents]  # in topological order
    layers: dict[str, dict[Unit, list[Value]]] = {unit.layer_name: {} for unit in computed}
    for unit in sorted(neurons, key=place_in_layer):
        layers[unit.layer_name][unit] = neurons[unit]
    return layers


def title_of(node: Value, name: str) -> str:
    """What tooltips call a node: its label in full, or else its name in the drawing.

    >>> title_of(Value(1.0, label="x"), "n0"), title_of(Value(1.0), "n0")
    ('x', 'n0')
    """
    placed = node.place is not None and not node.place.label
    title = "" if placed else markup.shortened(markup.visible(node.label), LONGEST_IN_TOOLTIP)
    return title or markup.shortened(name, LONGEST_IN_TOOLTIP)


class _Drawing:
    """One drawing: what each node is called, its role, and how everything is to look."""

    def __init__(
        self,
        order: Sequence[Value],
        roles: dict[Value, str],
        units: dict[Value, Unit],
        look: Look,
        highlight: frozenset[Value],
    ) -> None:
        self.roles = roles
        self.look = look
        self.highlight = highlight
        self.shown = [node for node in order if self.is_drawn(node)]
        self.names = {node: f"n{index}" for index, node in enumerate(order)}  # in the text
        self.titles = names_of(order)  # for people: the names of the step log
        self.inputs = input_names(sums_of(order, roles).values())  # of neurons
        self.framed = _framed(self.shown, units)
        self.units = units if self.framed else {}
        self.gates = _gates(self.shown, self.units)
        self.leaf = "input" if "parameter" in roles.values() else "leaf"  # what an input is called
        computed = {node: grad for node in order if (grad := look.grad_of(node)) is not None}
        self.with_gradients = "grad" in look.shown and bool(computed)
        self.scale = GradientScale.of(
            abs(computed[node])
            for node in self.shown
            if node in computed and roles[node] != "constant"
        )

    def text(self) -> str:
        edges = [edge for node in self.shown for edge in self.edges(node)]
        drawn = [x for node in self.shown for x in node.parents if self.is_drawn(x)]
        if self.framed and not any(map(self.is_labeled, drawn)):
            edges[0] += f", {UNSEEN_LABEL}"
        return digraph(
            self.look,
            "computation graph",
            f"tailport={EXIT_SIDE[self.look.direction]}",
            self.legend(),
            [
                f"  graph [ordering=in{', mclimit=0.25' if self.framed else ''}];",
                *self.frames(),  # first, so that they keep their order
                *(self.node(node) for node in self.shown),
                *self.gate_statements(),
                *numbered(edges),
            ],
        )

    def gate_statements(self) -> Iterator[str]:
        """What an arrow passes on its way into a frame."""
        for node, gates in self.gates.items():
            for parent, gate in gates.items():
                marked = node in self.highlight and parent in self.highlight
                color = self.look.theme.accent if marked else self.look.theme.line
                sides = ["width", "height"]
                along, across = sides if self.look.direction in ("LR", "RL") else sides[::-1]
                size = {along: GATE_LENGTH, across: 2 if marked else 1}
                piece = table(row(cell("", fixedsize="TRUE", bgcolor=color, **size)), padding=0)
                tooltip = markup.quoted(title_of(parent, self.titles[parent]))
                yield f'  {gate} [id="{gate}", {GATE}, label=<{piece}>, tooltip={tooltip}];'

    @property
    def by_gradient(self) -> bool:
        return self.look.color == "gradient" and self.look.gradients

    def legend(self) -> Iterator[str]:
        look = self.look
        if self.by_gradient:
            with_zero = any(
                look.grad_of(node) == 0.0 and self.roles[node] != "constant" for node in self.shown
            )
            yield from look.scale_chips(self.scale, "size of the gradient", with_zero)
        else:
            yield from look.role_chips({self.roles[node] for node in self.shown}, self.leaf)
        yield from look.number_keys(
            gradient=self.with_gradients,
            partial="partials" in look.shown and any(node.parents for node in self.shown),
        )

    def frames(self) -> Iterator[str]:
        """A frame around each layer, and in it one around each neuron."""
        index = 0
        for place, (layer, neurons) in enumerate(self.framed.items()):
            yield f"  subgraph cluster_layer_{place} {{"
            yield self.frame(f"f{place}", layer, layer)
            for unit, nodes in neurons.items():
                yield f"  subgraph cluster_{index} {{"
                computed = [node for node in nodes[::-1] if node.parents]
                title = unit.title(computed)
                stands = self.look.direction in ("TB", "BT") and bool(computed)
                yield self.frame(f"c{index}", "" if stands else title, unit.path)
                yield f"    {'; '.join(self.inside(unit, nodes))};"
                yield from self.operands_in_order(unit, computed)
                if stands:  # an arrow leaves below: the title goes beside the last node
                    yield self.title_beside(f"t{index}", title, unit.path, computed[0])
                yield "  }"
                index += 1
            yield "  }"

    def inside(self, unit: Unit, nodes: Sequence[Value]) -> dict[str, None]:
        """What stands in the frame of a neuron, the operands of a sum in their order."""
        found: dict[str, None] = {}
        for node in nodes:
            if node.parents:
                found.update(dict.fromkeys(self.beside(unit, node)))
                found[self.names[node]] = None
        return found

    def beside(self, unit: Unit, node: Value) -> list[str]:
        """The operands of a node that stand in the frame of its neuron, and the points passed."""
        gates = self.gates.get(node, {})
        operands = dict.fromkeys(parent for parent, *_ in uses_of(node))
        inside = [x for x in operands if x in gates or self.units.get(x) == unit]
        return [gates.get(x, self.names[x]) for x in inside]

    def operands_in_order(self, unit: Unit, nodes: Iterable[Value]) -> Iterator[str]:
        """What keeps weights, inputs and bias in their order, whatever Graphviz would gain."""
        for node in nodes:
            beside = self.beside(unit, node) if node in self.gates else []
            if len(beside) > 1:
                # Inside of a frame Graphviz turns such a chain round where arrows lead sideways.
                chain = beside[::-1] if self.look.direction in ("LR", "RL") else beside
                yield f"    {{ rank=same; edge [style=invis]; {' -> '.join(chain)}; }}"

    def frame(self, name: str, title: str, path: str) -> str:
        side = TITLE_SIDE[self.look.direction]
        return self.look.frame(name, self.title(title), path, margin=8, side=side)

    def title(self, title: str) -> str:
        shown = markup.shortened(markup.visible(title), LONGEST_LABEL)
        return font(markup.html_text(shown), self.look.theme.muted, 11) if shown else ""

    def title_beside(self, name: str, title: str, path: str, node: Value) -> str:
        """A title that arrows go around, on the left of a node of its frame."""
        tooltip = markup.shortened(path, LONGEST_IN_TOOLTIP)
        return (
            f"  {statement(name, [tooltip], self.title(title))}\n"
            f"    {{ rank=same; {name} -> {self.names[node]} [style=invis]; }}"
        )

    def node(self, node: Value) -> str:
        return statement(self.names[node], self.tooltip(node), self.box(node))

    def paint(self, node: Value) -> Paint:
        theme = self.look.theme
        paint = theme.roles[self.roles[node]]
        if self.by_gradient:
            grad = None if self.roles[node] == "constant" else self.look.grad_of(node)
            plain = theme.roles["constant"]
            paint = plain if grad is None else self.scale.paint(theme, abs(grad))
        if node in self.highlight:
            paint = Paint(paint.fill, theme.accent, paint.ink)
        return paint

    def box(self, node: Value) -> str:
        role, look = self.roles[node], self.look
        paint = self.paint(node)
        border = 3.0 if node in self.highlight else 1.8 if role == "output" else 1
        if role == "constant" and not node.label:
            text = number(node.data) if look.shows_data(role) else "c"
            return table(row(cell(font(text, paint.ink, 11))), paint=paint, padding=5)
        strong = paint.ink if self.by_gradient else ""  # on a strong ground nothing stands back
        products = self.term_rows(node, strong or look.theme.muted)
        rows = [row(cell(self.headline(node, paint.ink)))]
        if look.direction in ("LR", "RL"):
            rows += products
        if look.shows_data(role):
            rows.append(look.entry("data", number(node.data), look.theme.text, strong))
        if self.with_gradients and role != "constant":
            rows.append(look.grad_entry(node, strong))
        if look.direction == "TB":  # where the arrows come in
            rows = products + rows
        if look.direction == "BT":
            rows = rows + products
        return table(*rows, paint=paint, border=border, padding=3)

    def headline(self, node: Value, ink: str) -> str:
        label = markup.shortened(self.label(node), LONGEST_LABEL)
        if not node.parents or node.op is None:
            name = label or self.inputs.get(node, "")
            text = markup.html_text(name or self.kind(self.roles[node]))
            return font(f"{SLACK}{text}{SLACK}", ink, 11, bold=bool(name))
        numbers = [] if self.terms(node) else [self.plain_number(x) for x in node.parents]
        words = node.op.symbol if is_neuron(node, self.roles) else in_words(node.op, numbers)
        symbol = font(markup.html_text(words) + SLACK, ink, 14, bold=True)
        return f"{symbol}{font(markup.html_text(label) + SLACK, ink, 11)}" if label else symbol

    def kind(self, role: str) -> str:
        """What a kind of node is called; where no parameter is known, nobody knows the inputs."""
        return self.leaf if role == "input" else role

    def label(self, node: Value) -> str:
        """The label, inside a frame without what the frame says already."""
        placed = node.place is not None and not node.place.label
        visible = self.titles[node] if placed else markup.visible(node.label)
        inside = visible
        if node in self.units:
            inside = visible.removeprefix(f"{self.units[node].path}.")
        return visible if inside.isdigit() else inside  # a number alone is no name

    def plain_number(self, node: Value) -> str | None:
        """The number, for one that is written into the boxes that use it."""
        if self.look.constants and not self.is_drawn(node):
            return number(node.data)
        return None

    def is_drawn(self, node: Value) -> bool:
        return node in self.highlight or drawn_by_itself(node, self.roles[node])

    def terms(self, node: Value) -> dict[str, str]:
        """The operands place by place, where it matters which is which."""
        if node.op is ops.DOT:
            weights, inputs, biases = dot_operands(node)
            pairs = [
                f"{self.operand(w, f'w{place}')} {markup.TIMES} {bracketed(self.operand(x))}"
                for place, (w, x) in enumerate(zip(weights, inputs, strict=True), start=1)
            ]
            terms = {f"p{index}": pair for index, pair in enumerate(pairs)}
            terms.update(("b", added(self.operand(bias, "b"))) for bias in biases)
            return terms
        if node.op is None or sum(map(self.is_drawn, node.parents)) < 2:
            return {}
        words = operand_words(node.op, [self.operand(parent) for parent in node.parents])
        return {f"p{index}": word for index, word in enumerate(words)}

    def operand(self, node: Value, parameter: str = "parameter") -> str:
        """What stands for an operand: its number, or where numbers are not shown its name."""
        if self.look.shows_data(self.roles[node]) or not self.is_drawn(node):
            return number(node.data)
        name = self.label(node) or self.inputs.get(node, "")
        if not name and node.parents and node.op is not None:
            name = node.op.symbol
        role = parameter if self.roles[node] == "parameter" else self.kind(self.roles[node])
        return markup.shortened(name or role, LONGEST_LABEL)

    def term_rows(self, node: Value, ink: str) -> list[str]:
        """The operands, one beneath the other; the arrow of each leads to its cell."""
        terms = {port: markup.html_text(text) for port, text in self.terms(node).items()}
        if not terms:
            return []
        texts = {port: font(text + SLACK, ink, 10) for port, text in terms.items()}
        if self.look.direction in ("LR", "RL"):
            return [row(cell(text, align="LEFT", port=port)) for port, text in texts.items()]
        terms_of_one_row = (cell(text, port=port) for port, text in texts.items())
        side_by_side = table(row(*terms_of_one_row), padding=4)
        return [row(cell(side_by_side, cellpadding=0))]

    def tooltip(self, node: Value) -> Iterator[str]:
        yield title_of(node, self.titles[node])
        if node.op is None or node.op is ops.CONSTANT:
            yield self.kind(self.roles[node])
        else:
            yield node.op.explained
        yield from self.look.tooltip_of_numbers(node)

    def edges(self, node: Value) -> Iterator[str]:
        """The arrows into a node, each of them without its id and its closing bracket."""
        side = ENTRY_SIDE[self.look.direction]
        places = self.terms(node)
        for parent, partial, port in uses_of(node):
            if not self.is_drawn(parent):
                continue
            source, target = self.names[parent], self.names[node]
            head = f"{target}:{port}:{side}" if port in places else target
            titles = [title_of(each, self.titles[each]) for each in (node, parent)]
            meaning = f"{derivative(*titles)} = {partial!r}"
            label = f"{self.look.edge_label(number(partial))}, " if self.is_labeled(parent) else ""
            mark = f"tooltip={markup.quoted(meaning)}"
            if node in self.highlight and parent in self.highlight:
                mark += f', color="{self.look.theme.accent}", penwidth=2.4'
            gate = self.gates.get(node, {}).get(parent)
            if gate is not None:
                yield f"{source} -> {gate}:{side} [arrowhead=none, {mark}"
                source = gate
            yield f"{source} -> {head} [{label}{mark}"

    def is_labeled(self, parent: Value) -> bool:
        """Whether an arrow shows its number; nobody asks for the derivative by a constant."""
        return "partials" in self.look.shown and self.roles[parent] != "constant"
