"""A network of units: the circles, which stand in columns, and the lines between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tinygrad_mlp._text import visible
from tinygrad_mlp.engine import Value
from tinygrad_mlp.graph import NeuronSum, Unit, UnitLayer
from viz._circles.network_steps import Step, StepLayer

__all__ = ["INSTEAD", "Block", "Link", "Network", "Spot", "called"]

INSTEAD: Final = "draw it with detail='neurons' or detail='layers'"
"""What to do where circles and lines show nothing."""


@dataclass(eq=False, slots=True)
class Spot:
    """What a circle stands for.

    Attributes:
        kind: "input", "unit", "step" (a sum of a skip connection, a norm), "one" (the 1 that a bias
            is the weight of) or "output" (what is computed behind the last units).
        nodes: its numbers, one for each sample.
        unit: the neuron.
        sums: the weighted sums of the neuron, one for each sample.
        inner: the nodes inside the neuron or the step.
        step: what is computed there, for the first sample.
        is_output: whether the graph is drawn for one of its numbers.
    """

    kind: str
    nodes: dict[Value, None] = field(default_factory=dict)
    unit: Unit | None = None
    sums: list[NeuronSum] = field(default_factory=list)
    inner: dict[Value, None] = field(default_factory=dict)
    step: Step | None = None
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
        weight: the weight or bias; None where there is none.
    """

    source: Spot
    target: Spot
    weight: Value | None

    @property
    def is_plain(self) -> bool:
        """Whether it leads to a step, which takes the number as it is.

        >>> Link(Spot("unit"), Spot("step"), None).is_plain
        True
        """
        return self.target.kind == "step"


@dataclass(eq=False, slots=True)
class Block:
    """Circles of one kind that stand under one another: a layer, inputs, outputs.

    Attributes:
        spots: from the top to the bottom.
        column: which column it stands in, from 0 on the left.
        layer: the layer of its units or steps.
        ones: the circles of a constant 1 under it.
    """

    spots: list[Spot]
    column: int
    layer: UnitLayer | StepLayer | None = None
    ones: list[Spot] = field(default_factory=list)


@dataclass(slots=True)
class Network:
    """Blocks of circles, and the lines between them.

    Attributes:
        blocks: from the left to the right.
        links: in the order of the units that they lead to.
        repeats: how many samples the graph computes.
        reads_inputs: whether an output reads inputs past the units, which no line shows.
    """

    blocks: list[Block]
    links: list[Link]
    repeats: int
    reads_inputs: bool = False


def called(unit: Unit) -> str:
    """What messages call a neuron.

    >>> called(Unit("layers.0.neurons.3", UnitLayer("layers.0")))
    'layers.0.neurons.3'
    """
    return visible(unit.path) or unit.name
