"""A graph as a network of units: what stands in which column, and which weight leads where.

Every circle and every line is found in the graph: a unit is a neuron, a line one weight or bias.
What a picture of circles and lines cannot tell truthfully is refused, with what to draw instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tinygrad_mlp import ops
from tinygrad_mlp._text import visible
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError
from tinygrad_mlp.graph import NeuronSum, Unit, UnitLayer, place_in_layer, sums_of

__all__ = ["INSTEAD", "Block", "Link", "Network", "Spot", "called", "network_of", "paths_through"]

INSTEAD: Final = "draw it with detail='neurons' or detail='layers'"
"""What to do where circles and lines show nothing."""


@dataclass(eq=False, slots=True)
class Spot:
    """What a circle stands for.

    Attributes:
        kind: "input", "unit", "one" (the 1 that a bias is the weight of) or "output" (what is
            computed behind the last units).
        nodes: its numbers, one for each sample.
        unit: the neuron.
        sums: the weighted sums of the neuron, one for each sample.
        inner: the nodes inside the neuron.
        is_output: whether the graph is drawn for one of its numbers.
    """

    kind: str
    nodes: dict[Value, None] = field(default_factory=dict)
    unit: Unit | None = None
    sums: list[NeuronSum] = field(default_factory=list)
    inner: dict[Value, None] = field(default_factory=dict)
    is_output: bool = False

    @property
    def node(self) -> Value:
        """Its number for the first sample.

        >>> Spot("input", {Value(2.0): None, Value(3.0): None}).node
        Value(data=2.0, grad=0.0)
        """
        return next(iter(self.nodes))

    def holds(self, node: Value | None) -> bool:
        """Whether a node is in it.

        >>> x = Value(1.0)
        >>> Spot("input", {x: None}).holds(x)
        True
        """
        return node is not None and (node in self.nodes or node in self.inner)

    @property
    def root(self) -> Value:
        """The weighted sum for the first sample.

        >>> z = Value(2.0)
        >>> Spot("unit", sums=[NeuronSum([z], (), (), ())]).root is z
        True
        """
        return self.sums[0].members[-1]


@dataclass(eq=False, slots=True)
class Link:
    """A line from one circle to another.

    Attributes:
        source: where it begins.
        target: where it ends.
        weight: the weight or bias; None for operations that the picture does not show.
    """

    source: Spot
    target: Spot
    weight: Value | None


@dataclass(eq=False, slots=True)
class Block:
    """Circles of one kind that stand under one another: a layer, inputs, outputs.

    Attributes:
        spots: from the top to the bottom.
        column: which column it stands in, from 0 on the left.
        layer: the layer of its units.
        ones: the circles of a constant 1 under it.
    """

    spots: list[Spot]
    column: int
    layer: UnitLayer | None = None
    ones: list[Spot] = field(default_factory=list)


@dataclass(slots=True)
class Network:
    """Blocks of circles, and the lines between them.

    Attributes:
        blocks: from the left to the right.
        links: in the order of the units that they lead to.
        repeats: how many samples the graph computes.
    """

    blocks: list[Block]
    links: list[Link]
    repeats: int


def network_of(
    order: Sequence[Value],
    roles: dict[Value, str],
    units: dict[Value, Unit],
    outputs: Sequence[Value],
    constants: bool = True,
) -> Network:
    """The network that a graph is.

    Args:
        order: every node, parents before children.
        roles: the kind of each node.
        units: the neuron of each node.
        outputs: the nodes that the graph is drawn for.
        constants: whether to show biases, as weights of a constant 1.

    Raises:
        GraphError: if it is none: without units, with operations between layers, or with layers
            that feed themselves.

    >>> from tinygrad_mlp.graph import order_of, roles_of, units_of
    >>> from tinygrad_mlp.nn import MLP
    >>> y = MLP(2, [3, 1], rng=0)([1.0, 2.0])
    >>> order = order_of([y])
    >>> roles = roles_of(order, [y], None)
    >>> network = network_of(order, roles, units_of(order, roles), [y])
    >>> [len(block.spots) for block in network.blocks], len(network.links)
    ([2, 3, 1], 13)
    """
    builder = _Builder(order, roles, units, constants)
    if not builder.sums:
        raise GraphError(
            "there is no unit in this graph, which circles and lines could show: no sum of "
            "parameters times inputs; draw it with detail='ops'"
        )
    builder.read()
    return builder.result(outputs)


class _Builder:
    def __init__(
        self,
        order: Sequence[Value],
        roles: dict[Value, str],
        units: dict[Value, Unit],
        constants: bool,
    ) -> None:
        self.order = order
        self.roles = roles
        self.units = units
        self.constants = constants
        self.sums = {node: s for node, s in sums_of(order, roles).items() if node in units}
        self.spots: dict[Unit, Spot] = {}
        self.links: list[Link] = []
        self.links_of: dict[Unit, list[Link]] = {}
        self.ones: dict[UnitLayer, Spot] = {}
        self.inputs: dict[object, Spot] = {}
        self.spot_of: dict[Value, Spot] = {}  # of inputs, and of what units give out
        self.behind: dict[Value, dict[Spot, None]] = {}  # the last circles before an operation

    # Reading the graph

    def read(self) -> None:
        exits = self.exits()
        for node in self.order:
            unit = self.units.get(node)
            if node in self.sums and unit is not None:
                self.read_sum(unit, self.sums[node])
            spot = self.spots.get(unit) if unit is not None else None
            if spot is not None and node.parents:
                spot.inner[node] = None
                if node in exits:
                    spot.nodes[node] = None
                    self.spot_of[node] = spot
                    self.behind[node] = {spot: None}
            if node.parents and node not in self.behind:
                self.behind[node] = {}
                if unit is None:
                    for parent in node.parents:
                        self.behind[node].update(self.behind.get(parent, {}))

    def exits(self) -> set[Value]:
        """What each unit gives out: its activation, or its sum where there is none."""
        activated = {
            node.parents[0]: node
            for node, unit in self.units.items()
            if node.op is not None
            and node.op.activation
            and node.parents[0] in self.sums
            and self.units.get(node.parents[0]) is unit
        }
        return {activated.get(node, node) for node in self.sums}

    def read_sum(self, unit: Unit, found: NeuronSum) -> None:
        spot = self.spots.setdefault(unit, Spot("unit", unit=unit))
        spot.sums.append(found)
        sources = [self.source(unit, place, x) for place, x in enumerate(found.inputs)]
        if any(bias.parents for bias in found.biases):
            raise GraphError(
                f"{called(unit)} adds what other operations computed, which circles and lines do "
                f"not show; {INSTEAD}"
            )
        links = [
            Link(source, spot, weight)
            for source, weight in zip(sources, found.weights, strict=True)
        ]
        if self.constants:
            one = self.ones.setdefault(unit.layer, Spot("one"))
            links += [Link(one, spot, bias) for bias in found.biases]
        before = self.links_of.setdefault(unit, links)
        if before is links:
            self.links += links
            return
        ends = [(link.source, link.weight) for link in links]
        if ends != [(link.source, link.weight) for link in before]:
            raise GraphError(
                f"{called(unit)} reads from different places in one graph, so that no circle can "
                f"stand for it; {INSTEAD}, or draw a graph that uses it once"
            )

    def source(self, unit: Unit, place: int, x: Value) -> Spot:
        """The circle that a unit reads from."""
        known = self.spot_of.get(x)
        if known is not None:
            return known
        if self.behind.get(x) or self.units.get(x) is not None:
            through = x.op.name if x.op is not None else "a parameter"
            raise GraphError(
                f"between the units before it and {called(unit)} stand other operations "
                f"({through}), which circles and lines do not show; {INSTEAD}"
            )
        links = self.links_of.get(unit)
        if links is not None and place < len(links) and links[place].source.kind == "input":
            spot = links[place].source  # the same for another sample
        else:
            key: object = (unit.layer, place) if x.op is ops.CONSTANT and not x.label else x
            spot = self.inputs.setdefault(key, Spot("input"))
        spot.nodes[x] = None
        self.spot_of[x] = spot
        return spot

    # Columns

    def result(self, outputs: Sequence[Value]) -> Network:
        layers: dict[UnitLayer, list[Unit]] = {}
        for unit in self.spots:
            layers.setdefault(unit.layer, []).append(unit)
        sources: dict[UnitLayer, dict[UnitLayer, None]] = {layer: {} for layer in layers}
        for link in self.links:
            if link.source.unit is not None and link.target.unit is not None:
                sources[link.target.unit.layer][link.source.unit.layer] = None
        columns = _columns(sources)
        blocks = [
            Block(
                [self.spots[unit] for unit in sorted(members, key=place_in_layer)],
                columns[layer],
                layer,
            )
            for layer, members in layers.items()
        ]
        column_of = {spot: block.column for block in blocks for spot in block.spots}
        blocks = [*self.input_blocks(column_of), *blocks, *self.output_blocks(outputs, column_of)]
        self.place_ones(blocks)
        repeats = max(len(spot.sums) for spot in self.spots.values())
        return Network(sorted(blocks, key=_column), self.links, repeats)

    def input_blocks(self, column_of: dict[Spot, int]) -> list[Block]:
        """The inputs in the column before the first layer that reads them, by who reads them."""
        readers: dict[Spot, dict[UnitLayer, int]] = {}
        for link in self.links:
            if link.source.kind == "input" and link.target.unit is not None:
                of_input = readers.setdefault(link.source, {})
                of_input[link.target.unit.layer] = column_of[link.target]
        alike: dict[frozenset[UnitLayer], list[Spot]] = {}
        for spot, layers in readers.items():
            alike.setdefault(frozenset(layers), []).append(spot)
        return [Block(spots, min(readers[spots[0]].values()) - 1) for spots in alike.values()]

    def output_blocks(self, outputs: Sequence[Value], column_of: dict[Spot, int]) -> list[Block]:
        """What is computed behind the last units, such as a loss, with a line from each of them."""
        spots = []
        for output in dict.fromkeys(outputs):
            if output in self.spot_of:
                self.spot_of[output].is_output = True
                continue
            if not self.behind.get(output):
                continue
            spot = Spot("output", {output: None}, is_output=True)
            self.links += [Link(source, spot, None) for source in self.behind[output]]
            spots.append(spot)
        return [Block(spots, 1 + max(column_of.values()))] if spots else []

    def place_ones(self, blocks: Sequence[Block]) -> None:
        """The 1 of a layer's biases stands under the block that the layer reads."""
        block_of = {spot: block for block in blocks for spot in block.spots}
        for layer, one in self.ones.items():
            targets = [unit for unit in self.spots if unit.layer is layer]
            links = [link for unit in targets for link in self.links_of[unit]]
            if any(link.source is one for link in links):
                block = next(block_of[link.source] for link in links if link.source is not one)
                block.ones.append(one)


def called(unit: Unit) -> str:
    """What messages call a neuron.

    >>> called(Unit("layers.0.neurons.3", UnitLayer("layers.0")))
    'layers.0.neurons.3'
    """
    return visible(unit.path) or unit.name


def _column(block: Block) -> int:
    return block.column


def _columns(sources: dict[UnitLayer, dict[UnitLayer, None]]) -> dict[UnitLayer, int]:
    """How many layers stand before each one, and the inputs."""
    columns: dict[UnitLayer, int] = {}
    pending = dict.fromkeys(sources)
    while pending:
        ready = [x for x in pending if all(before in columns for before in sources[x])]
        if not ready:
            name = visible(next(iter(pending)).name) or "a layer"
            raise GraphError(f"{name} feeds itself, which circles and lines do not show; {INSTEAD}")
        for layer in ready:
            columns[layer] = 1 + max((columns[before] for before in sources[layer]), default=0)
            del pending[layer]
    return columns


def paths_through(network: Network, focus: Value) -> set[Spot | Link]:
    """The circles and lines on the paths through a node.

    Raises:
        GraphError: if the picture does not show the node.

    >>> x = Value(1.0)
    >>> first, second, third = Spot("input", {x: None}), Spot("unit"), Spot("unit")
    >>> network = Network([], [Link(first, second, None), Link(third, second, None)], 1)
    >>> paths_through(network, x) == {first, second, network.links[0]}
    True
    """
    spots = {spot for link in network.links for spot in (link.source, link.target)}
    through = {spot for spot in spots if spot.holds(focus)}
    links = [link for link in network.links if link.weight is focus]
    if not through and not links:
        raise GraphError(
            "the node in focus is no circle and no line of this picture; give an input, a weight, "
            "a bias or an output of a unit, or its name: focus='h[1]_2'"
        )
    return {
        *links,
        *_reached(network, through | {link.source for link in links}, backward=True),
        *_reached(network, through | {link.target for link in links}, backward=False),
    }


def _reached(network: Network, start: set[Spot], backward: bool) -> set[Spot | Link]:
    """The circles, and the lines, that lead to some, or that lead on from them."""
    beside: dict[Spot, list[Link]] = {}
    for link in network.links:
        beside.setdefault(link.target if backward else link.source, []).append(link)
    reached: set[Spot | Link] = set(start)
    pending = list(start)
    while pending:
        for link in beside.get(pending.pop(), []):
            reached.add(link)
            end = link.source if backward else link.target
            if end not in reached:
                reached.add(end)
                pending.append(end)
    return reached
