"""A graph made coarser: neurons or layers become one box each, and what repeats is drawn once.

A batch repeats the same computation for each sample. Operations that are alike, because they do the
same with results of the same boxes, share a box, which counts them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from math import hypot, inf

from tinygrad_mlp import ops
from tinygrad_mlp._freezing import is_frozen
from tinygrad_mlp._places import Owner
from tinygrad_mlp.engine import Value
from tinygrad_mlp.graph import NeuronSum, Unit, beside_of, dot_operands, op_of, sums_of
from tinygrad_mlp.graph._naming import PlaceNames
from tinygrad_mlp.graph._walk import gradients_of

__all__ = ["Arrow", "Box", "Condensed", "condense"]


@dataclass(eq=False, slots=True)
class Box:
    """One box of a coarse drawing.

    Attributes:
        name: what the drawing calls it, b0, b1, ...
        kind: "neuron", "layer", "beside", "operation" or "leaf".
        role: the kind of its nodes, which decides its colors.
        units: the neurons in it.
        members: its nodes, without parameters, in topological order.
        sums: what its neurons add up, once for each sample.
        beside: the module that it is, one that stands beside neurons, such as a normalization.
        parameters: the parameters in it.
        buffers: the buffers in it, of a module beside neurons.
        exits: those of its nodes that something outside uses, and outputs.
        operands: the boxes that its first node uses.
    """

    name: str
    kind: str
    role: str
    units: dict[Unit, None] = field(default_factory=dict)
    members: list[Value] = field(default_factory=list)
    sums: list[NeuronSum] = field(default_factory=list)
    beside: Owner | None = None
    parameters: list[Value] = field(default_factory=list)
    buffers: list[Value] = field(default_factory=list)
    exits: dict[Value, None] = field(default_factory=dict)
    operands: tuple[Box, ...] = ()

    @property
    def repeats(self) -> int:
        """How often the same stands in the graph, for instance once for each sample.

        >>> Box("b0", "leaf", "input", members=[Value(1.0), Value(2.0)]).repeats
        2
        """
        if self.beside is not None:
            reads = [len([x for x in self.members if leaf in x.parents]) for leaf in self.leaves]
            return max([1, *reads])
        if not self.units:
            return len(self.members)
        return max(1, len(self.sums) // len(self.units))

    @property
    def n_fed_back(self) -> int:
        """How many of its sums add up what the box gave out before, as in a recurrent net.

        >>> from tinygrad_mlp.graph import order_of, roles_of, units_of
        >>> from tinygrad_mlp.nn import Neuron
        >>> cell, h = Neuron(2, rng=0), Value(0.0)
        >>> for x in (1.0, -0.5, 0.7):
        ...     h = cell([h, x])
        >>> roles = roles_of(order_of([h]), [h], None)
        >>> units = units_of(order_of([h]), roles)
        >>> coarse = condense(order_of([h]), roles, units, by_layer=False)
        >>> [(box.repeats, box.n_fed_back) for box in coarse.boxes if box.units]
        [(3, 2)]
        """
        members = set(self.members)
        return sum(not members.isdisjoint(found.inputs) for found in self.sums)

    @property
    def is_part(self) -> bool:
        """Whether it is a part of a model: neurons, or what stands beside them.

        >>> Box("b0", "operation", "operation").is_part
        False
        """
        return bool(self.units) or self.beside is not None

    @property
    def leaves(self) -> list[Value]:
        """The parameters and buffers in it.

        >>> Box("b0", "leaf", "input").leaves
        []
        """
        return [*self.parameters, *self.buffers]

    @property
    def outputs(self) -> list[Value]:
        """Those of its exits that were computed.

        >>> a = Value(1.0)
        >>> b = a + 1.0
        >>> Box("b0", "operation", "operation", exits={a: None, b: None}).outputs == [b]
        True
        """
        return [node for node in self.exits if node.parents]

    @property
    def is_number(self) -> bool:
        """Whether it holds plain numbers, which the boxes that use them show.

        >>> Box("b0", "leaf", "constant", members=[Value(1.0)]).is_number
        True
        """
        return self.role == "constant" and not any(node.label for node in self.members)

    @property
    def is_running_sum(self) -> bool:
        """Whether its nodes add up one after the other, as the terms of a batch do.

        >>> a = Value(1.0)
        >>> b = a + 1.0
        >>> Box("b0", "operation", "operation", members=[b, b + 2.0]).is_running_sum
        True
        """
        first, *others = self.members
        return bool(others) and first in others[0].parents

    @property
    def gradient(self) -> float | None:
        """The Euclidean norm of the gradient: of the parameters, or, without any, of the nodes.

        None where it was not computed.

        >>> a, b = Value(3.0), Value(4.0)
        >>> (a * b).backward()
        >>> Box("b0", "leaf", "input", members=[a, b]).gradient
        5.0
        """
        nodes = self.parameters or list(self.exits) or self.members
        computed = [node.grad for node in nodes if node.has_grad]
        return hypot(*computed) if computed else None

    @property
    def is_frozen(self) -> bool:
        """Whether it has parameters, and all of them are frozen.

        >>> w = Value(3.0)
        >>> w.requires_grad = False
        >>> Box("b0", "leaf", "parameter", members=[w], parameters=[w]).is_frozen
        True
        """
        return bool(self.parameters) and all(map(is_frozen, self.parameters))

    def derivatives(self) -> dict[Value, float]:
        """d exit / d node for each node that the box reads; empty unless there is one exit.

        >>> x = Value(3.0)
        >>> y = x * x
        >>> Box("b0", "operation", "output", members=[y], exits={y: None}).derivatives()[x]
        6.0
        """
        if len(self.exits) != 1:
            return {}
        (exit_,) = self.exits
        return gradients_of(exit_, reversed(self.members))


@dataclass(eq=False, slots=True)
class Arrow:
    """All uses that the nodes of one box make of those of another; ``nodes`` are the used ones."""

    source: Box
    target: Box
    nodes: dict[Value, None] = field(default_factory=dict)


@dataclass(slots=True)
class Condensed:
    """The coarser graph.

    Attributes:
        boxes: its boxes in topological order.
        arrows: its arrows.
        box_of: the box of each node.
        units: the neuron of each node that belongs to one.
        places: what modules are called.
    """

    boxes: list[Box]
    arrows: list[Arrow]
    box_of: dict[Value, Box]
    units: dict[Value, Unit] = field(default_factory=dict)
    places: PlaceNames = field(default_factory=lambda: PlaceNames([]))


def condense(
    order: Sequence[Value],
    roles: dict[Value, str],
    units: dict[Value, Unit],
    by_layer: bool,
    at_most: float = inf,
) -> Condensed | None:
    """The graph with one box for each neuron, or each layer. Linear in the number of uses.

    What stands beside neurons, such as a normalization, is one box in either case.

    Plain numbers get no boxes; they are among the operands of the boxes that use them.

    Args:
        order: every node, parents before children.
        roles: the kind of each node.
        units: the neurons that nodes belong to.
        by_layer: whether a box is a whole layer.
        at_most: the number of boxes, those of plain numbers included, at which to give up.

    Returns:
        The coarser graph, or None if it was given up.

    >>> from tinygrad_mlp.graph import order_of, roles_of, units_of
    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(2, [3, 1], rng=0)
    >>> loss = sum((model([i, 1.0]) - 1.0) ** 2 for i in range(10))
    >>> order = order_of([loss])
    >>> roles = roles_of(order, [loss], None)
    >>> coarse = condense(order, roles, units_of(order, roles), by_layer=True)
    >>> [(box.kind, box.repeats) for box in coarse.boxes]
    [('leaf', 20), ('layer', 10), ('layer', 10), ('operation', 10), ('operation', 10), ...]
    """
    builder = _Builder(roles, units, sums_of(order, roles), beside_of(order), by_layer)
    for node in order:
        builder.add(node)
        if len(builder.by_key) > at_most:
            return None
    for leaf in order:  # what nobody uses: a leaf that is drawn by itself
        if leaf not in builder.box_of:
            builder.leaf(leaf, ("alone", id(leaf)))
    return builder.result(order)


class _Builder:
    def __init__(
        self,
        roles: dict[Value, str],
        units: dict[Value, Unit],
        sums: dict[Value, NeuronSum],
        beside: dict[Value, Owner],
        by_layer: bool,
    ) -> None:
        self.roles = roles
        self.units = units
        self.sums = sums
        self.beside = {node: owner for node, owner in beside.items() if node not in units}
        self.by_layer = by_layer
        self.positions = {  # of the products of sums that are written out
            member: position
            for found in sums.values()
            for position, member in enumerate(
                [x for x in reversed(found.members) if x.op is ops.MUL]
            )
        }
        self.box_of: dict[Value, Box] = {}
        self.by_key: dict[Hashable, Box] = {}

    def add(self, node: Value) -> None:
        unit, beside = self.units.get(node), self.beside.get(node)
        if beside is not None:
            self.add_beside(node, beside)
        elif not node.parents:
            if unit is not None:
                self.unit_box(unit).parameters.append(node)
                self.box_of[node] = self.unit_box(unit)
        elif unit is not None:
            self.add_to_unit(node, unit)
        else:
            self.add_operation(node)

    def unit_box(self, unit: Unit) -> Box:
        key = ("unit", unit.layer if self.by_layer else unit)
        box = self.box(key, "layer" if self.by_layer else "neuron", "operation")
        box.units[unit] = None
        return box

    def box(self, key: Hashable, kind: str, role: str) -> Box:
        box = self.by_key.get(key)
        if box is None:
            box = self.by_key[key] = Box("", kind, role)
        return box

    def put(self, node: Value, box: Box) -> None:
        box.members.append(node)
        self.box_of[node] = box

    def leaf(self, leaf: Value, key: Hashable) -> Box:
        role = self.roles[leaf]
        if role == "parameter":
            key = ("parameter", id(leaf))
        box = self.box(key, "leaf", role)
        self.put(leaf, box)
        return box

    def add_to_unit(self, node: Value, unit: Unit) -> None:
        box = self.unit_box(unit)
        for position, leaf in self.inputs(node):
            if leaf in self.box_of:
                continue
            if self.roles[leaf] == "constant" and node.op not in (ops.DOT, ops.MUL):
                self.put(leaf, box)  # the slope of a leaky ReLU, the 0 that a sum starts from
            elif self.by_layer:
                self.leaf(leaf, ("inputs", unit.layer))
            else:
                self.leaf(leaf, ("input", unit.layer, leaf.label or position))
        self.put(node, box)
        if node in self.sums:
            box.sums.append(self.sums[node])

    def add_beside(self, node: Value, owner: Owner) -> None:
        box = self.box(("beside", owner), "beside", "operation")
        box.beside = owner
        self.box_of[node] = box
        if not node.parents:
            of_kind = box.buffers if self.roles[node] == "buffer" else box.parameters
            of_kind.append(node)
            return
        box.members.append(node)
        for leaf in node.parents:
            if leaf.parents or leaf in self.box_of or leaf in self.beside or leaf in self.units:
                continue
            if self.roles[leaf] == "constant":
                self.put(leaf, box)
            else:
                each = "" if self.by_layer else leaf.label or len(box.members)
                self.leaf(leaf, ("inputs", owner, each))

    def inputs(self, node: Value) -> Iterable[tuple[object, Value]]:
        """The leaves that a node of a neuron reads, each with its position among its inputs."""
        if node.op is ops.DOT:
            return [(at, x) for at, x in enumerate(dot_operands(node)[1]) if not x.parents]
        position = self.positions.get(node)
        return [(position, x) for x in node.parents if not x.parents and x not in self.units]

    def add_operation(self, node: Value) -> None:
        op = op_of(node)
        computed = tuple(
            dict.fromkeys(self.box_of[parent] for parent in node.parents if parent in self.box_of)
        )
        operands = []
        for position, parent in enumerate(node.parents):
            box = self.box_of.get(parent)
            if box is None:
                place = 0 if op.variadic else position
                key = (self.roles[parent], parent.label, op.name, place, computed)
                box = self.leaf(parent, key)
            operands.append(box)
        used = tuple(dict.fromkeys(operands)) if op.variadic else tuple(operands)
        role = self.roles[node]
        box = self.running_sum(node, used) or self.box(
            (op.name, node.label, used), "operation", role
        )
        if not box.members:
            box.operands = used
        box.role = role if role == "output" else box.role
        self.put(node, box)

    def running_sum(self, node: Value, operands: tuple[Box, ...]) -> Box | None:
        """The box of the sum so far, if the node adds one more term like the others."""
        if node.op is not ops.ADD or len(operands) != 2 or node.label:
            return None
        for so_far, term in (operands, operands[::-1]):
            if so_far.members and so_far.members[0].op is ops.ADD and term in so_far.operands:
                return so_far
        return None

    def result(self, order: Sequence[Value]) -> Condensed:
        every = dict.fromkeys(self.box_of[node] for node in order)
        boxes = dict.fromkeys(box for box in every if not box.is_number)
        arrows: dict[tuple[Box, Box], Arrow] = {}
        for node in order:
            target = self.box_of[node]
            if self.roles[node] == "output":
                target.exits[node] = None
            for parent in node.parents:
                source = self.box_of[parent]
                if source is target or source not in boxes:
                    continue
                source.exits[parent] = None
                arrow = arrows.setdefault((source, target), Arrow(source, target))
                arrow.nodes[parent] = None
        ordered = sorted(boxes, key=_Ranks(order, self.box_of))
        if self.beside:  # one box computes for all neurons of a layer, the first of them included
            ordered = _sources_first(ordered, list(arrows.values()))
        for index, box in enumerate(ordered):
            box.name = f"b{index}"
        places = PlaceNames(order)
        return Condensed(ordered, list(arrows.values()), self.box_of, self.units, places)


def _sources_first(boxes: Sequence[Box], arrows: Sequence[Arrow]) -> list[Box]:
    """The boxes in this order, but each behind those that it reads; a circle stays as it is."""
    sources: dict[Box, list[Box]] = {box: [] for box in boxes}
    for arrow in arrows:
        sources[arrow.target].append(arrow.source)
    placed: dict[Box, None] = {}
    begun: set[Box] = set()
    for box in boxes:
        pending = [box]
        while pending:
            missing = [x for x in sources[pending[-1]] if x not in begun]
            begun.add(pending[-1])
            if missing:
                pending.append(missing[0])
            else:
                placed[pending.pop()] = None
    return list(placed)


class _Ranks:
    """Where a box stands: where the first of its computed nodes does; leaves before their users."""

    def __init__(self, order: Sequence[Value], box_of: dict[Value, Box]) -> None:
        self.rank: dict[Box, int] = {}
        for index, node in enumerate(order):
            box = box_of[node]
            if node.parents or box.kind == "leaf":
                self.rank.setdefault(box, index)

    def __call__(self, box: Box) -> int:
        return self.rank[box]
