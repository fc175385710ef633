"""A computation graph as DOT text: one box for each Value, one arrow for each use of it.

A box shows the operation, the label, ``data`` and ``grad``; an arrow carries the local derivative
of the node that it leads to by the node that it comes from. Tooltips carry the full precision. The
engine supplies the graph, ``markup`` the pieces of text; ``render`` makes pictures of the result.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from tinygrad_mlp import ops
from tinygrad_mlp.engine import Value, topological_order
from tinygrad_mlp.errors import GraphError, InvalidArgumentError, NotANumberError, UnknownNameError
from viz import markup
from viz.markup import cell, font, number, row, table

__all__ = ["DIRECTIONS", "SHOWABLE", "to_dot"]

DIRECTIONS: Final = ("LR", "RL", "TB", "BT")
"""Where the arrows may lead: to the right, to the left, down, up."""

SHOWABLE: Final = ("data", "grad", "partials")
"""What a drawing may show: the numbers, their gradients, the local derivatives on the arrows."""

ENTRY_SIDE: Final = {"LR": "w", "RL": "e", "TB": "n", "BT": "s"}
EXIT_SIDE: Final = {"LR": "e", "RL": "w", "TB": "s", "BT": "n"}
PARAMETER_PATH: Final = re.compile(r"\w+(\.\w+)+")  # such as layers.0.neurons.3.w.1
LONGEST_LABEL: Final = 26
LONGEST_IN_TOOLTIP: Final = 1000  # characters; Graphviz reads strings of up to 16384 bytes
NOT_COMPUTED: Final = "\N{EN DASH}"
SLACK: Final = "&#160;"  # a space for viewers whose letters are wider than Graphviz measured


def to_dot(
    value: Value,
    *,
    direction: str = "LR",
    show: Iterable[str] = SHOWABLE,
    max_nodes: int = 500,
    parameters: Iterable[Value] | None = None,
    legend: bool = True,
) -> str:
    """The graph that ``value`` was computed from, as text in the DOT language.

    Nodes are called n0, n1, ... in topological order, so one graph always gives one text. Parents
    stand in the order of the operands. A gradient that nobody has computed is a dash, not 0.

    Args:
        value: the output of the graph.
        direction: where the arrows lead: "LR" (to the right), "RL", "TB" (down) or "BT".
        show: any of "data", "grad" and "partials" (the local derivatives on the arrows).
        max_nodes: the number of nodes up to which a graph is drawn.
        parameters: the leaves to colour as parameters, for example ``model.parameters()``. Unless
            given, these are the weights and biases of each ``dot``, and the leaves whose label is
            a path in a model, such as "layers.0.w.1".
        legend: whether a line under the graph explains the colours.

    Returns:
        The text, which ``viz.draw`` renders, and any other Graphviz tool as well.

    Raises:
        NotANumberError: if ``value`` is not a Value.
        GraphError: if the graph has more than ``max_nodes`` nodes.
        UnknownNameError: for an unknown direction, or an unknown name in ``show``.

    >>> a = Value(3.0, label="a")
    >>> text = to_dot(a * a, show=["partials"], legend=False)
    >>> text.count("n0 -> n1"), text.count('label="3"')
    (2, 2)
    """
    order = _checked_order(value, max_nodes)
    if direction not in DIRECTIONS:
        raise UnknownNameError.of("direction", direction, DIRECTIONS)
    shown = {show} if isinstance(show, str) else set(show)
    for name in sorted(shown.difference(SHOWABLE)):
        raise UnknownNameError.of("thing to show", name, SHOWABLE)
    drawing = _Drawing(
        names={node: f"n{index}" for index, node in enumerate(order)},
        roles=_roles(order, parameters),
        direction=direction,
        shown=frozenset(shown),
        theme=markup.LIGHT,
    )
    return drawing.text(legend)


def _checked_order(value: Value, max_nodes: int) -> list[Value]:
    if not isinstance(value, Value):
        raise NotANumberError(
            f"a drawing starts from one Value, the output of a graph, but got "
            f"{type(value).__name__} {value!r:.60}; draw one output: viz.draw(outputs[0], path)"
        )
    if max_nodes < 1:
        raise InvalidArgumentError(f"max_nodes must be at least 1, got {max_nodes}")
    order = topological_order(value)
    if len(order) > max_nodes:
        raise GraphError(
            f"this graph has {len(order):,} nodes, more than max_nodes={max_nodes:,}; draw a part "
            f"of it (the loss of one sample through a small network, or a node further inside), "
            f"or allow its size with max_nodes={len(order)}"
        )
    return order


def _roles(order: Sequence[Value], parameters: Iterable[Value] | None) -> dict[Value, str]:
    """For each node the kind of node that it is, which decides its colours."""
    roles = {node: _role_by_itself(node) for node in order}
    named = {node for node in order if PARAMETER_PATH.fullmatch(node.label)}
    for node in order:
        if node.op is ops.DOT:
            weights, inputs, biases = _dot_operands(node)
            named.update((*weights, *biases))
            named.difference_update(inputs)
            # Plain numbers fed to a neuron are its input, more than a constant of the formula.
            roles.update((x, "input") for x in inputs if roles[x] == "constant")
    if parameters is not None:
        named = set(parameters)
    roles.update((leaf, "parameter") for leaf in named if roles.get(leaf) in ("input", "constant"))
    if order[-1].parents:
        roles[order[-1]] = "output"
    return roles


def _role_by_itself(node: Value) -> str:
    if node.parents:
        return "operation"
    return "constant" if node.op is ops.CONSTANT else "input"


def _dot_operands(node: Value) -> tuple[tuple[Value, ...], tuple[Value, ...], tuple[Value, ...]]:
    """The weights, the inputs and the bias (one or none) of a ``dot``."""
    n = len(node.parents) // 2
    return node.parents[:n], node.parents[n : 2 * n], node.parents[2 * n :]


class _Use(NamedTuple):
    """One arrow: which parent a node uses, with which local derivative, and where it comes in."""

    parent: Value
    partial: float
    port: str


def _uses(node: Value) -> list[_Use]:
    """The arrows into a node in the order of its operands; for a ``dot`` w1, x1, w2, x2, ..."""
    if node.op is not ops.DOT:
        return [_Use(*pair, port="") for pair in zip(node.parents, node.partials, strict=True)]
    n = len(node.parents) // 2
    ports = [f"p{index % n}" if index < 2 * n else "b" for index in range(len(node.parents))]
    uses = [_Use(*use) for use in zip(node.parents, node.partials, ports, strict=True)]
    pairs = zip(uses[:n], uses[n : 2 * n], strict=True)
    return [use for pair in pairs for use in pair] + uses[2 * n :]


@dataclass(frozen=True)
class _Drawing:
    """One drawing: what each node is called, its role, and how everything is to look."""

    names: dict[Value, str]
    roles: dict[Value, str]
    direction: str
    shown: frozenset[str]
    theme: markup.Theme

    def text(self, legend: bool) -> str:
        edges = (edge for node in self.names for edge in self.edges(node))
        return "\n".join(
            [
                'digraph "computation graph" {',
                *self.defaults(legend),
                *(self.node(node) for node in self.names),
                *(f'  {edge}, id="e{index}"];' for index, edge in enumerate(edges)),
                "}\n",
            ]
        )

    def defaults(self, legend: bool) -> Iterator[str]:
        theme = self.theme
        yield (
            f'  graph [rankdir={self.direction}, ordering=in, nslimit=2, charset="UTF-8", pad=0.2, '
            f'nodesep=0.18, ranksep=0.4, bgcolor="{theme.background}", fontname="{markup.FONT}"];'
        )
        yield f'  node [shape=plain, fontsize=11, fontname="{markup.FONT}"];'
        yield (
            f"  edge [tailport={EXIT_SIDE[self.direction]}, penwidth=0.9, arrowsize=0.6, "
            f'color="{theme.line}", fontcolor="{theme.gradient}", fontsize=9, '
            f'fontname="{markup.FONT}"];'
        )
        if legend:
            yield f"  graph [labelloc=b, label=<{self.legend()}>];"

    def legend(self) -> str:
        cells = []
        present = set(self.roles.values())
        for role, paint in self.theme.roles.items():
            if role in present:
                chip = table(row(cell("", width=12, height=8)), paint=paint, padding=0)
                cells += [cell(chip), cell(font(f"{role}{SLACK}{SLACK}", self.theme.muted, 10))]
        if "partials" in self.shown and present & {"operation", "output"}:
            arrow = font("\N{RIGHTWARDS ARROW} 0.5", self.theme.gradient, 10)
            cells += [cell(arrow), cell(font("local derivative", self.theme.muted, 10))]
        return table(row(*cells), padding=4)

    def node(self, node: Value) -> str:
        name = self.names[node]
        tooltip = markup.quoted(*self.tooltip(node))
        return f'  {name} [id="{name}", tooltip={tooltip}, label=<{self.box(node)}>];'

    def box(self, node: Value) -> str:
        role = self.roles[node]
        paint = self.theme.roles[role]
        if role == "constant" and not node.label:
            text = number(node.data) if "data" in self.shown else "c"
            return table(row(cell(font(text, paint.ink, 11))), paint=paint, padding=5)
        products = self.products(node) if node.op is ops.DOT else []
        rows = [row(cell(self.headline(node, paint.ink)))]
        if self.direction in ("LR", "RL"):
            rows += products
        if "data" in self.shown:
            rows.append(self.entry("data", number(node.data), self.theme.text))
        if "grad" in self.shown and role != "constant":
            grad = number(node.grad) if node.has_grad else NOT_COMPUTED
            rows.append(self.entry("grad", grad, self.theme.gradient))
        if self.direction == "TB":  # where the arrows come in
            rows = products + rows
        if self.direction == "BT":
            rows = rows + products
        border = 1.8 if role == "output" else 1
        return table(*rows, paint=paint, border=border, padding=3)

    def headline(self, node: Value, ink: str) -> str:
        label = markup.html_text(markup.shortened(markup.visible(node.label), LONGEST_LABEL))
        if not node.parents or node.op is None:
            return font(f"{SLACK}{label or self.roles[node]}{SLACK}", ink, 11, bold=bool(label))
        symbol = font(markup.html_text(node.op.symbol), ink, 14, bold=True)
        return f"{symbol}{SLACK}{SLACK}{font(label, ink, 11)}" if label else symbol

    def products(self, node: Value) -> list[str]:
        """The sum that a ``dot`` is, term by term; the arrows of a term lead to its cell."""
        weights, inputs, biases = _dot_operands(node)
        terms = {}
        for index, (w, x) in enumerate(zip(weights, inputs, strict=True)):
            factors = (
                (number(w.data), number(x.data))
                if "data" in self.shown
                else (f"w{index + 1}", f"x{index + 1}")
            )
            terms[f"p{index}"] = " \N{MULTIPLICATION SIGN} ".join(factors)
        for bias in biases:
            terms["b"] = f"+ {number(bias.data) if 'data' in self.shown else 'b'}"
        texts = {port: font(text + SLACK, self.theme.muted, 10) for port, text in terms.items()}
        if self.direction in ("LR", "RL"):
            return [row(cell(text, align="LEFT", port=port)) for port, text in texts.items()]
        terms_of_one_row = (cell(text, port=port) for port, text in texts.items())
        side_by_side = table(row(*terms_of_one_row), padding=4)
        return [row(cell(side_by_side, cellpadding=0))]

    def entry(self, key: str, text: str, color: str) -> str:
        name = font(f"{key}{SLACK}{SLACK}", self.theme.muted, 9)
        return row(cell(f"{name}{font(f'{text}{SLACK}', color, 11)}", align="LEFT"))

    def tooltip(self, node: Value) -> Iterator[str]:
        if node.label:
            yield self.title(node)
        if node.op is None or node.op is ops.CONSTANT:
            yield self.roles[node]
        else:
            yield f"{node.op.name}: {node.op.formula}"
        yield f"data = {node.data!r}"
        yield f"grad = {node.grad!r}" if node.has_grad else "grad: not computed"

    def edges(self, node: Value) -> Iterator[str]:
        """The arrows into a node, each of them without its id and its closing bracket."""
        for parent, partial, port in _uses(node):
            source, target = self.names[parent], self.names[node]
            head = f"{target}:{port}:{ENTRY_SIDE[self.direction]}" if port else target
            meaning = f"d {self.title(node)} / d {self.title(parent)} = {partial!r}"
            label = f'label="{number(partial)}", ' if self.is_labelled(parent) else ""
            yield f"{source} -> {head} [{label}tooltip={markup.quoted(meaning)}"

    def title(self, node: Value) -> str:
        """What tooltips call a node: its label in full, or its name in the drawing."""
        return markup.shortened(markup.visible(node.label), LONGEST_IN_TOOLTIP) or self.names[node]

    def is_labelled(self, parent: Value) -> bool:
        """Whether an arrow shows its number; nobody asks for the derivative by a constant."""
        return "partials" in self.shown and self.roles[parent] != "constant"
