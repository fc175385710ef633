"""The most detailed drawing: one box for each Value, one arrow for each use of it.

A box shows the operation, the name, ``data`` and ``grad``, and at the end of each arrow the local
derivative by what the arrow brings. Tooltips carry the full precision. The plain numbers of a
formula stand in the boxes that use them; layers and their neurons have frames.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from tinygrad_mlp import ops
from tinygrad_mlp.debug._equations import derivative
from tinygrad_mlp.engine import Value
from tinygrad_mlp.graph import (
    Run,
    Unit,
    UnitLayer,
    is_neuron,
    place_in_layer,
    uses_of,
)
from viz._boxes.box_legend import number_keys, role_chips, scale_chips
from viz._boxes.box_names import BoxNames, formula_runs, numbered_inputs
from viz._boxes.box_scene import Edge, Heading, Plan, scene_of
from viz._boxes.box_trees import Arrow, Block, alone, framed
from viz._boxes.cards import BY, LETTERS, Card, Cell, Row, keyed
from viz._boxes.placement import Frame, Spacing
from viz._boxes.wording import order_matters
from viz._scene.legend import Entry
from viz._scene.scene import Scene, Shown, plain
from viz._style import markup
from viz._style.look import LONGEST_IN_TOOLTIP, LONGEST_LABEL, Look
from viz._style.themes import GradientScale, Paint

__all__ = ["drawn_by_itself", "operations_scene"]

LONGEST_OPERAND: Final = 14
"""The characters of a name of the program beside a local derivative."""
MARKED: Final = 2.4
"""The width of the line of a marked arrow."""


def operations_scene(
    order: Sequence[Value],
    roles: dict[Value, str],
    units: dict[Value, Unit],
    names: BoxNames,
    look: Look,
    highlight: Collection[Value] = (),
) -> Scene:
    """The drawing of every node.

    Args:
        order: every node, parents before children; the first is called n0.
        roles: the kind of each node.
        units: the neurons that nodes belong to; those of several neurons get frames.
        names: what nodes are called.
        look: how the drawing is to look.
        highlight: the nodes to mark, and the arrows between them.

    >>> from tinygrad_mlp.graph import MathName, TextbookNames
    >>> a = Value(3.0)
    >>> names = BoxNames(TextbookNames({a: MathName("a")}, {a: "v0"}), by_math=True)
    >>> [group.name for group in operations_scene([a], {a: "input"}, {}, names, Look()).groups]
    ['n0', '']
    """
    drawing = _Drawing(order, roles, units, names, look, frozenset(highlight))
    return scene_of(drawing.plan(), look)


def drawn_by_itself(node: Value, role: str) -> bool:
    """Whether a node has a box; the plain numbers of a formula stand in the boxes that use them.

    >>> drawn_by_itself(Value(1.0), "constant"), drawn_by_itself(Value(1.0, label="c"), "constant")
    (False, True)
    """
    return role != "constant" or bool(node.label)


class _Drawing:
    """One drawing: what each node is called, its role, and how everything is to look."""

    def __init__(
        self,
        order: Sequence[Value],
        roles: dict[Value, str],
        units: dict[Value, Unit],
        names: BoxNames,
        look: Look,
        highlight: frozenset[Value],
    ) -> None:
        self.roles = roles
        self.look = look
        self.names = names
        self.highlight = highlight
        self.shown = [node for node in order if self.is_drawn(node)]
        self.ids = {node: f"n{index}" for index, node in enumerate(order)}
        self.inputs = numbered_inputs(order, roles, names)
        self.uses = {
            node: [use for use in uses_of(node) if self.is_drawn(use.parent)] for node in self.shown
        }
        several = len({units[node] for node in self.shown if node in units}) > 1
        self.units = units if several else {}
        self.leaf = "input" if "parameter" in roles.values() else "leaf"  # what an input is called
        computed = {node: grad for node in order if (grad := look.grad_of(node)) is not None}
        self.with_gradients = "grad" in look.shown and bool(computed)
        self.with_partials = "partials" in look.shown
        self.scale = GradientScale.of(
            abs(computed[node])
            for node in self.shown
            if node in computed and roles[node] != "constant"
        )

    def plan(self) -> Plan:
        """Everything that is drawn."""
        plan = Plan("computation graph", spacing=Spacing(is_ordered=True))
        self.cards = {node: self.card(node) for node in self.shown}
        self.widen()
        self.blocks(plan)
        plan.edges = list(self.edges())
        plan.legend = list(self.legend())
        return plan

    def widen(self) -> None:
        """Boxes of one kind in one layer stand in columns, as all inputs do: equally wide."""
        alike: dict[tuple[UnitLayer | None, str], list[Card]] = {}
        for node, card in self.cards.items():
            unit = self.units.get(node)
            kind = node.op.name if node.op is not None and node.parents else self.roles[node]
            if unit is not None or kind == "input":
                layer = None if unit is None else unit.layer
                alike.setdefault((layer, kind), []).append(card)
        for cards in alike.values():
            width = max([card.size[0] for card in cards])
            for card in cards:
                card.widen(width)

    @property
    def by_gradient(self) -> bool:
        return self.look.color == "gradient" and self.look.gradients

    def legend(self) -> Iterator[Entry]:
        look = self.look
        if self.by_gradient:
            with_zero = any(
                look.grad_of(node) == 0.0 and self.roles[node] != "constant" for node in self.shown
            )
            yield from scale_chips(look, self.scale, "size of the gradient", with_zero)
        else:
            yield from role_chips(look, {self.roles[node] for node in self.shown}, self.leaf)
        labeled = any(self.has_partial(use.parent) for uses in self.uses.values() for use in uses)
        yield from number_keys(look, gradient=self.with_gradients, partial=labeled)

    # Frames

    def blocks(self, plan: Plan) -> None:
        """Boxes alone, the boxes of neurons in frames, and frames around layers."""
        trees = self.trees()
        inside = {node for tree in trees.values() for node in tree}
        layers: dict[UnitLayer, dict[Unit, list[Block]]] = {}
        n_frames = 0
        for node in self.shown:
            if node in trees:
                unit, members = self.units[node], trees[node]
                title = self.title_of_neuron(unit, members)
                size = (title.width, LETTERS * 1.1) if title is not None else (0.0, 0.0)
                cards = [self.cards[member] for member in members]
                inner = self.inner(members)
                block = framed(cards, inner, f"b{self.ids[node]}", self.look.direction, size)
                tooltip = [markup.shortened(unit.path, LONGEST_IN_TOOLTIP)]
                plan.headings[block] = Heading(title, tooltip, f"c{n_frames}", tuple(members))
                n_frames += 1
            elif node in inside:
                continue
            else:
                block = alone(self.cards[node], f"b{self.ids[node]}", self.look.direction)
            plan.blocks.append(block)
            if node in self.units:
                unit = self.units[node]
                layers.setdefault(unit.layer, {}).setdefault(unit, []).append(block)
        for index, blocks in enumerate(layers.values()):
            plan.frames.append(self.frame(index, blocks))

    def frame(self, index: int, blocks: Mapping[Unit, list[Block]]) -> tuple[Frame, Heading]:
        """The frame of a layer: its neurons in their order, for each sample."""
        units = sorted(blocks, key=place_in_layer)
        found = [blocks[unit] for unit in units]
        longest = max(map(len, found))
        rows = [[of[place] for of in found if place < len(of)] for place in range(longest)]
        if any(len(of) != longest for of in found):
            rows = [[block] for of in found for block in of]
        nodes = [x for of in found for block in of for card in block.places for x in card.nodes]
        cell = self.title(self.names.layer(units[0], nodes))
        tooltip = [markup.shortened(units[0].layer_name, LONGEST_IN_TOOLTIP)]
        frame = Frame(rows, (cell.width, LETTERS * 1.1))
        return frame, Heading(cell, tooltip, f"f{index}", tuple(nodes))

    def title(self, title: str) -> Cell:
        shown = markup.shortened(markup.visible(title), LONGEST_LABEL)
        return Cell(plain(shown), self.look.theme.muted)

    def title_of_neuron(self, unit: Unit, members: Sequence[Value]) -> Cell | None:
        """The title of the frame, none where the names in it say it already."""
        if self.names.is_math(members[-1]):
            return None
        return self.title(unit.title([node for node in members[::-1] if node.parents]))

    def trees(self) -> dict[Value, list[Value]]:
        """The nodes of each frame by its last: those of a neuron that only one arrow leaves."""
        n_uses: dict[Value, int] = dict.fromkeys(self.shown, 0)
        users: dict[Value, Value] = {}
        for node, uses in self.uses.items():
            for use in uses:
                n_uses[use.parent] += 1
                users[use.parent] = node
        roots: dict[Value, Value] = {}
        for node in reversed(self.shown):
            unit = self.units.get(node)
            if unit is None:
                continue
            user = users.get(node)
            joins = (
                user is not None
                and n_uses[node] == 1
                and self.units.get(user) is unit
                and self.roles[node] != "output"
            )
            roots[node] = roots[user] if joins and user is not None else node
        trees: dict[Value, list[Value]] = {}
        for node in self.shown:
            if node in roots:
                trees.setdefault(roots[node], []).append(node)
        return {root: members for root, members in trees.items() if len(members) > 1}

    def inner(self, members: Sequence[Value]) -> dict[Arrow, Card]:
        """Which box each arrow inside a frame comes from."""
        inside = set(members)
        return {
            (self.cards[node], place): self.cards[use.parent]
            for node in members
            for place, use in enumerate(self.uses[node])
            if use.parent in inside
        }

    # Boxes

    def card(self, node: Value) -> Card:
        paint = self.paint(node)
        border = 3.0 if node in self.highlight else 1.8 if self.roles[node] == "output" else 1.0
        return Card(
            self.ids[node],
            list(self.rows(node, paint)),
            paint,
            list(self.entries(node, paint)) if self.with_partials else [],
            len(self.uses[node]),
            border,
            list(self.tooltip(node)),
            (node,),
            self.look.direction,
        )

    def paint(self, node: Value) -> Paint:
        theme = self.look.theme
        paint = theme.roles[self.roles[node]]
        if self.by_gradient:
            grad = None if self.roles[node] == "constant" else self.look.grad_of(node)
            unknown = theme.roles["constant"]
            paint = unknown if grad is None else self.scale.paint(theme, abs(grad))
        if node in self.highlight:
            paint = Paint(paint.fill, theme.accent, paint.ink)
        return paint

    def rows(self, node: Value, paint: Paint) -> Iterator[Row]:
        look, role = self.look, self.roles[node]
        strong = paint.ink if self.by_gradient else ""  # on a strong ground nothing stands back
        muted = strong or look.theme.muted
        data = None
        if look.shows_data(role):
            shows = Shown("data", node)
            data = Cell(plain(look.number(node.data)), strong or look.theme.text, shows=shows)
        if role == "constant" and not node.label:
            yield Row(data or Cell(plain("c"), paint.ink))
            return
        name = Cell(self.name(node), paint.ink)
        if node.parents:
            symbol = Cell(self.symbol(node), paint.ink, 1.1 * LETTERS, bold=True)
            yield Row(symbol, name)
            if data is not None:
                yield Row(Cell(plain("data"), muted), data)
        else:
            yield Row(Cell(name.runs, paint.ink, bold=True), data)
        if self.with_gradients and role != "constant":
            colors = muted, strong or look.theme.gradient
            yield keyed(plain("grad"), plain(look.grad_text(node)), colors, Shown("grad", node))

    def name(self, node: Value, longest: int = LONGEST_LABEL) -> list[Run]:
        """What a box calls a node."""
        if node in self.inputs:
            return self.inputs[node]
        return self.names.runs(node, self.units.get(node), longest)

    def symbol(self, node: Value) -> list[Run]:
        """The operation with its plain numbers; with names where their order matters."""
        assert node.op is not None
        if is_neuron(node, self.roles):
            return plain(node.op.symbol)
        drawn = [self.is_drawn(parent) for parent in node.parents]
        by_name = sum(drawn) > 1 and order_matters(node.op)
        return formula_runs(
            node.op,
            [
                (self.name(x, LONGEST_OPERAND) if by_name else None) if is_drawn else self.plain(x)
                for x, is_drawn in zip(node.parents, drawn, strict=True)
            ],
        )

    def plain(self, node: Value) -> str | None:
        """The number, for one that is written into the boxes that use it."""
        return self.look.number(node.data) if self.look.constants else None

    def entries(self, node: Value, paint: Paint) -> Iterator[Row]:
        """The local derivatives, one for each arrow that leads to a node."""
        theme = self.look.theme
        colors = (paint.ink, paint.ink) if self.by_gradient else (theme.muted, theme.partial)
        for use in self.uses[node]:
            name = self.name(use.parent, LONGEST_OPERAND)
            if self.has_partial(use.parent):
                key = [*plain(BY), *name]
                shows = Shown("local", node)
                yield keyed(key, plain(self.look.number(use.partial)), colors, shows)
            else:
                yield Row(Cell(name, colors[0]))

    def has_partial(self, parent: Value) -> bool:
        """Whether an arrow has its number; nobody asks for the derivative by a constant."""
        return self.with_partials and self.roles[parent] != "constant"

    def is_drawn(self, node: Value) -> bool:
        return node in self.highlight or drawn_by_itself(node, self.roles[node])

    def tooltip(self, node: Value) -> Iterator[str]:
        yield self.names.full(node)
        if node.op is None or node.op is ops.CONSTANT:
            yield self.leaf if self.roles[node] == "input" else self.roles[node]
        else:
            yield node.op.explained
        yield from self.look.tooltip_of_numbers(node)

    # Arrows

    def edges(self) -> Iterator[Edge]:
        theme = self.look.theme
        for node, uses in self.uses.items():
            for place, use in enumerate(uses):
                titles = [self.names.text(each) for each in (node, use.parent)]
                marked = node in self.highlight and use.parent in self.highlight
                yield Edge(
                    self.cards[use.parent],
                    (self.cards[node], place),
                    theme.accent if marked else theme.line,
                    MARKED if marked else 0.9,
                    [f"{derivative(*titles)} = {use.partial!r}"],
                    (use.parent,),
                    (node,),
                )
