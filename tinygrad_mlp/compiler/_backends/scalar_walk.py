"""The way through a scalar graph, forward and backward, for back ends that have no arrays.

The walk says what is computed from what and where derivatives flow, node by node; a writer notes it
down: as text (``arithmetic``) or as entries of a tape (``native_tape``).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Protocol, TypeVar

from tinygrad_mlp import ops
from tinygrad_mlp.compiler._folding import Node
from tinygrad_mlp.compiler._lowered import Lowered

__all__ = ["Writer", "walk"]

Number = TypeVar("Number")


class Writer(Protocol[Number]):
    """What notes the walk down. ``Number`` is how it names one: a piece of text, or a place."""

    @property
    def started(self) -> Container[int]:
        """The ids to whose derivatives something was added."""

    # Leaves, in this order

    def parameters(self, ids: Sequence[int]) -> None:
        """Read the parameters."""

    def argument(self, number: int, ids: Sequence[int]) -> None:
        """Read an array that the program is called with."""

    def outer(self, ids: Sequence[int]) -> None:
        """Read the leaves that stood before and are not kept."""

    def kept(self, id_: int, place: int) -> None:
        """Read a leaf that is kept in the memory."""

    def random(self, id_: int, number: int) -> None:
        """Draw a random leaf."""

    # Values

    def value(self, id_: int) -> Number:
        """The number of a node or leaf."""

    def sum_of_products(self, id_: int, node: Node) -> None:
        """Plain terms, then products, from left to right."""

    def share(self, id_: int, logsumexp: int, position: int) -> None:
        """What part of the sum of exponentials that operand is."""

    def compute(self, id_: int, node: Node) -> None:
        """Any other node, by the rule of its op."""

    def assign(self, number: int, place: int | None, id_: int) -> None:
        """Assign to a leaf: to the one of that number, or where it is kept."""

    # Derivatives

    def loss(self, id_: int, *, has_gradient: bool) -> None:
        """The end of the values, and 1 as its derivative by itself if something depends on it."""

    def adjoint(self, id_: int) -> Number:
        """The derivative of the loss by that number, now that all is added up."""

    def factors(
        self, id_: int, node: Node, positions: Sequence[int]
    ) -> Iterable[Number | float | None]:
        """The local derivatives by the operands at these positions; None where nothing flows."""

    def contribute(self, id_: int, upstream: Number, factor: Number | float) -> None:
        """Add the product of both to the derivative by that number."""

    def gradients(self, ids: Sequence[int]) -> None:
        """The derivatives by the parameters, 0 where nothing was added."""

    # Results

    def results(self, ids: Sequence[int]) -> None:
        """What a program that predicts gives back."""

    def beside(self, ids: Sequence[int]) -> None:
        """What comes back beside the loss; nothing may."""


def walk(lowered: Lowered, writer: Writer[Number]) -> None:
    """Lead a writer through the graph.

    Args:
        lowered: the program.
        writer: what notes it down.
    """
    folded = lowered.folded
    _read_leaves(lowered, writer)
    nodes = folded.nodes
    for id_, node in nodes.items():
        if node.left:
            writer.sum_of_products(id_, node)
        elif node.op is ops.EXP and (found := _share(nodes, node)) is not None:
            writer.share(id_, *found)
        else:
            writer.compute(id_, node)
    for number, (leaf, id_) in enumerate(folded.effects):
        writer.assign(number, lowered.kept.get(leaf), id_)
    if lowered.reduction is None:
        writer.results(folded.outputs)
    else:
        _backward(lowered, writer)
        writer.beside(folded.auxiliary)


def _read_leaves(lowered: Lowered, writer: Writer[Number]) -> None:
    folded, kept = lowered.folded, lowered.kept
    writer.parameters(folded.parameters)
    for number, (_, ids) in enumerate(lowered.recording.inputs):
        writer.argument(number, ids)
    writer.outer([id_ for id_, leaf in folded.outer if leaf not in kept])
    for id_, leaf in folded.outer:
        if leaf in kept:
            writer.kept(id_, kept[leaf])
    for number, (id_, _) in enumerate(lowered.recording.random):
        writer.random(id_, number)


def _share(nodes: dict[int, Node], node: Node) -> tuple[int, int] | None:
    """``exp(x - logsumexp(x1, ..., xn))``, for an x among those: the logsumexp, and which x."""
    difference = nodes.get(node.args[0])
    if difference is None or difference.op is not ops.SUB:
        return None
    x, total = difference.args
    logsumexp = nodes.get(total)
    if logsumexp is None or logsumexp.op is not ops.LOGSUMEXP or x not in logsumexp.args:
        return None
    return total, logsumexp.args.index(x)


def _backward(lowered: Lowered, writer: Writer[Number]) -> None:
    folded = lowered.folded
    needs: list[bool] = folded.needs_grad.tolist()
    (output,) = folded.outputs
    writer.loss(output, has_gradient=needs[output])
    started, contribute, value = writer.started, writer.contribute, writer.value
    for id_, node in reversed(folded.nodes.items()):
        if id_ not in started:
            continue
        upstream = writer.adjoint(id_)
        if node.left:
            for a, b in zip(node.left, node.right):
                if needs[a]:
                    contribute(a, upstream, value(b))
                if needs[b]:
                    contribute(b, upstream, value(a))
            for arg in node.args:
                if needs[arg]:
                    contribute(arg, upstream, 1.0)
            continue
        args = node.args
        positions = [position for position, arg in enumerate(args) if needs[arg]]
        for position, factor in zip(positions, writer.factors(id_, node, positions)):
            if factor is not None:
                contribute(args[position], upstream, factor)
    writer.gradients(folded.parameters)
