"""A graph as a network of units: what stands in which column, and which weight leads where.

Every circle and every line is found in the graph: a unit is a neuron, a line one weight or bias.
What a picture of circles and lines cannot tell truthfully is refused, with what to draw instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tinygrad_mlp import ops
from tinygrad_mlp._text import visible
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError
from tinygrad_mlp.graph import NeuronSum, Unit, UnitLayer, beside_of, place_in_layer
from viz._circles.network import INSTEAD, Block, Link, Network, Spot, called
from viz._circles.network_steps import StepLayer, step_at

__all__ = ["network_of"]

MOST_STEPS: Final = 8
"""So many steps one after the other, without a unit between them, are looked through."""


def network_of(
    order: Sequence[Value],
    roles: dict[Value, str],
    units: dict[Value, Unit],
    sums: dict[Value, NeuronSum],
    outputs: Sequence[Value],
    constants: bool = True,
) -> Network:
    """The network that a graph is.

    Args:
        order: every node, parents before children.
        roles: the kind of each node.
        units: the neuron of each node.
        sums: what each neuron computes before its activation.
        outputs: the nodes that the graph is drawn for.
        constants: whether to show biases, as weights of a constant 1.

    Raises:
        GraphError: if it is none: without units, with operations between layers, or with layers
            that feed themselves.

    >>> from tinygrad_mlp.graph import order_of, roles_of, sums_of, units_of
    >>> from tinygrad_mlp.nn import MLP
    >>> y = MLP(2, [3, 1], rng=0)([1.0, 2.0])
    >>> order = order_of([y])
    >>> roles = roles_of(order, [y], None)
    >>> sums = sums_of(order, roles)
    >>> network = network_of(order, roles, units_of(order, roles), sums, [y])
    >>> [len(block.spots) for block in network.blocks], len(network.links)
    ([2, 3, 1], 13)
    """
    builder = _Builder(order, roles, units, sums, constants)
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
        sums: dict[Value, NeuronSum],
        constants: bool,
    ) -> None:
        self.order = order
        self.roles = roles
        self.units = units
        self.constants = constants
        self.sums = {node: s for node, s in sums.items() if node in units}
        self.beside = beside_of(order)
        self.spots: dict[Unit, Spot] = {}
        self.links: list[Link] = []
        self.links_of: dict[Unit, list[Link]] = {}
        self.ones: dict[UnitLayer, Spot] = {}
        self.inputs: dict[object, Spot] = {}
        self.steps: dict[tuple[object, ...], Spot] = {}
        self.sources_of: dict[Spot, tuple[Spot, ...]] = {}  # those of each step
        self.step_layers: dict[tuple[object, ...], StepLayer] = {}
        self.layer_of: dict[Spot, UnitLayer | StepLayer] = {}
        self.spot_of: dict[Value, Spot] = {}  # of inputs, and of what units and steps give out
        self.behind: set[Value] = set()  # what was computed from units
        self.reads_inputs = False

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
                self.behind.add(node)
            elif node.parents and not self.behind.isdisjoint(node.parents):
                self.behind.add(node)

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
        before = self.links_of.get(unit)
        known = [link.source for link in before] if before is not None else []
        sources = [
            self.source(unit, place, x, known[place] if place < len(known) else None)
            for place, x in enumerate(found.inputs)
        ]
        if any(bias.parents for bias in found.biases):
            raise GraphError(
                f"{called(unit)} adds what other operations computed, which circles and lines do "
                f"not show; {INSTEAD}"
            )
        spot = self.spots.setdefault(unit, Spot("unit", unit=unit))
        spot.sums.append(found)
        self.layer_of[spot] = unit.layer
        links = [
            Link(source, spot, weight)
            for source, weight in zip(sources, found.weights, strict=True)
        ]
        if self.constants:
            one = self.ones.setdefault(unit.layer, Spot("one"))
            links += [Link(one, spot, bias) for bias in found.biases]
        if before is None:
            self.links_of[unit] = links
            self.links += links
            return
        ends = [(link.source, link.weight) for link in links]
        if ends != [(link.source, link.weight) for link in before]:
            raise GraphError(
                f"{called(unit)} reads from different places in one graph, so that no circle can "
                f"stand for it; {INSTEAD}, or draw a graph that uses it once"
            )

    def source(self, unit: Unit, place: int, x: Value, like: Spot | None) -> Spot:
        """The circle that a unit reads from; ``like`` is the one for another sample."""
        found = self.found(x, like)
        if found is not None:
            return found
        if x in self.behind or self.units.get(x) is not None:
            through = x.op.name if x.op is not None else "a parameter"
            raise GraphError(
                f"between the units before it and {called(unit)} stand other operations "
                f"({through}), which circles and lines do not show; {INSTEAD}"
            )
        key: object = (unit.layer, place) if x.op is ops.CONSTANT and not x.label else x
        return self.input_of(x, key, like)

    def input_of(self, x: Value, key: object, like: Spot | None) -> Spot:
        """The circle of an input, which is the same for another sample."""
        is_same = like is not None and like.kind == "input"
        spot = like if like is not None and is_same else self.inputs.setdefault(key, Spot("input"))
        spot.nodes[x] = None
        self.spot_of[x] = spot
        return spot

    def found(self, x: Value, like: Spot | None = None) -> Spot | None:
        """The circle of a unit, a step, or an input that was read before; None for another node."""
        return self.step_spot(x, like) if self.is_step(x) else self.spot_of.get(x)

    def is_step(self, x: Value, depth: int = 1) -> bool:
        """Whether a node is a step of what has circles, and has none itself yet."""
        if x in self.spot_of or x in self.units or not (x in self.behind or x in self.beside):
            return False
        step = step_at(x, self.beside, self.spot_of)
        return step is not None and all(
            operand in self.spot_of
            or (operand not in self.behind and self.roles[operand] != "parameter")
            or (depth < MOST_STEPS and self.is_step(operand, depth + 1))
            for operand in step.operands
        )

    def step_spot(self, x: Value, like: Spot | None) -> Spot:
        """The circle of a step, a new one where there is none; ``like``: for another sample."""
        step = step_at(x, self.beside, self.spot_of)
        assert step is not None
        before = self.sources_of.get(like, ()) if like is not None else ()
        sources = []
        for place, operand in enumerate(step.operands):
            other = before[place] if place < len(before) else None
            spot = self.found(operand, other)
            if spot is None:
                key = (step.owner, step.leaves) if step.owner is not None else operand
                spot = self.input_of(operand, key, other)
            sources.append(spot)
        kind = (step.kind, step.leaves)
        same = like.step if like is not None and before == tuple(sources) else None
        if like is not None and same is not None and kind == (same.kind, same.leaves):
            spot = like
        else:
            spot = self.steps.setdefault((kind, step.number, *sources), Spot("step", step=step))
        if spot not in self.sources_of:
            self.sources_of[spot] = tuple(sources)
            self.links += [Link(source, spot, None) for source in sources]
            behind = [self.layer_of.get(source) for source in sources]
            of_kind = (step.kind, *behind)
            self.layer_of[spot] = self.step_layers.setdefault(of_kind, StepLayer(step.title))
        spot.nodes[x] = None
        spot.inner.update(dict.fromkeys((*step.inner, *step.leaves)))
        self.spot_of[x] = spot
        return spot

    # Columns

    def result(self, outputs: Sequence[Value]) -> Network:
        boxes = self.output_boxes(outputs)
        layers: dict[UnitLayer | StepLayer, list[Spot]] = {}
        for unit in sorted(self.spots, key=place_in_layer):
            layers.setdefault(unit.layer, []).append(self.spots[unit])
        for spot in self.sources_of:
            layers.setdefault(self.layer_of[spot], []).append(spot)
        sources: _Sources = {self.layer_of[spot]: {} for spot in self.layer_of}
        for link in self.links:
            before, after = self.layer_of.get(link.source), self.layer_of.get(link.target)
            if before is not None and after is not None:
                sources[after][before] = None
        columns = _columns(sources)
        blocks = [Block(layers[layer], columns[layer], layer) for layer in sources]
        column_of = {spot: block.column for block in blocks for spot in block.spots}
        blocks = [*self.input_blocks(column_of), *blocks]
        if boxes:
            blocks.append(Block(boxes, 1 + max(column_of.values())))
        self.place_ones(blocks)
        repeats = max(len(spot.sums) for spot in self.spots.values())
        return Network(sorted(blocks, key=_column), self.links, repeats, self.reads_inputs)

    def input_blocks(self, column_of: dict[Spot, int]) -> list[Block]:
        """The inputs in the column before the first layer that reads them, by who reads them."""
        readers: dict[Spot, dict[UnitLayer | StepLayer, int]] = {}
        for link in self.links:
            if link.source.kind == "input" and link.target in self.layer_of:
                of_input = readers.setdefault(link.source, {})
                of_input[self.layer_of[link.target]] = column_of[link.target]
        alike: dict[frozenset[UnitLayer | StepLayer], list[Spot]] = {}
        for spot, layers in readers.items():
            alike.setdefault(frozenset(layers), []).append(spot)
        return [Block(spots, min(readers[spots[0]].values()) - 1) for spots in alike.values()]

    def output_boxes(self, outputs: Sequence[Value]) -> list[Spot]:
        """What is computed behind the last circles, such as a loss, with a line from each of them.

        A step that reads past the units, such as the sum of a skip connection, has a circle.
        """
        boxes = []
        for output in dict.fromkeys(outputs):
            last = self.last_before(output)
            if any(spot.kind != "unit" for spot in last) and self.is_step(output):
                self.step_spot(output, None)
            if output in self.spot_of:
                self.spot_of[output].is_output = True
            elif output in self.behind:
                spot = Spot("output", {output: None}, is_output=True)
                self.links += [
                    Link(source, spot, None) for source in last if source.kind != "input"
                ]
                self.reads_inputs = self.reads_inputs or any(x.kind == "input" for x in last)
                boxes.append(spot)
        return boxes

    def last_before(self, output: Value) -> dict[Spot, None]:
        """The last circles that a node was computed from."""
        last: dict[Spot, None] = {}
        seen: set[Value] = set()
        pending = [output]
        while pending:
            node = pending.pop()
            if node in seen:
                continue
            seen.add(node)
            spot = self.spot_of.get(node)
            if spot is not None:
                last[spot] = None
            else:
                pending.extend(reversed(node.parents))
        return last

    def place_ones(self, blocks: Sequence[Block]) -> None:
        """The 1 of a layer's biases stands under the block that the layer reads."""
        block_of = {spot: block for block in blocks for spot in block.spots}
        for layer, one in self.ones.items():
            targets = [unit for unit in self.spots if unit.layer is layer]
            links = [link for unit in targets for link in self.links_of[unit]]
            if any(link.source is one for link in links):
                block = next(block_of[link.source] for link in links if link.source is not one)
                block.ones.append(one)


def _column(block: Block) -> int:
    return block.column


_Sources = dict[UnitLayer | StepLayer, dict[UnitLayer | StepLayer, None]]
"""Which layers each one reads from."""


def _columns(sources: _Sources) -> dict[UnitLayer | StepLayer, int]:
    """How many layers stand before each one, and the inputs."""
    columns: dict[UnitLayer | StepLayer, int] = {}
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
