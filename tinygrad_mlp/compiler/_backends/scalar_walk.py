"""The way through a scalar graph, forward and backward, node by node.

The walk says what is computed from what and where derivatives flow; a writer notes it down, as text
(``arithmetic``). A tape is made of arrays, but of the same parts (``tape_writer``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from tinygrad_mlp import ops
from tinygrad_mlp.compiler._folding import Node
from tinygrad_mlp.compiler._lowered import Lowered

__all__ = ["Writer", "share_of", "walk"]

Number = TypeVar("Number")


class Writer(Protocol[Number]):
    """What notes the walk down. ``Number`` is how it names one, such as a piece of text."""

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
        """The end of the values; 1 flows to the loss, if it has a gradient."""

    def adjoint(self, id_: int) -> Number | None:
        """The sum of all that flowed to that number, to which nothing will be added; or None."""

    def factors(
        self, id_: int, node: Node, positions: Sequence[int]
    ) -> Iterable[Number | float | None]:
        """The local derivatives by the operands at these positions; None where nothing flows."""

    def flow(
        self, upstream: Number, targets: Sequence[int], factors: Iterable[Number | float | None]
    ) -> None:
        """A derivative, times a factor each, flows to the targets."""

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

    >>> from unittest.mock import Mock
    >>> from tinygrad_mlp.compiler._folding import fold
    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> recording = trace(lambda x: x[0].tanh() * x[1], [(2,)], [])
    >>> writer = Mock()
    >>> walk(Lowered(recording, fold(recording), per_sample=False, reduction=None), writer)
    >>> print(*[name for name, *_ in writer.method_calls])
    parameters argument outer compute compute results
    """
    folded = lowered.folded
    _read_leaves(lowered, writer)
    nodes, compute, exp = folded.nodes, writer.compute, ops.EXP
    for id_, node in nodes.items():
        if node.left:
            writer.sum_of_products(id_, node)
        elif node.op is exp and (found := share_of(nodes, node)) is not None:
            writer.share(id_, *found)
        else:
            compute(id_, node)
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


def share_of(nodes: dict[int, Node], node: Node) -> tuple[int, int] | None:
    """``exp(x - logsumexp(x1, ..., xn))``, for an x among those: the logsumexp, and which x.

    >>> from tinygrad_mlp import Value, functional
    >>> from tinygrad_mlp.compiler._folding import fold
    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> a, b = Value(1.0), Value(2.0)
    >>> share = lambda: (b - functional.logsumexp([a, b])).exp()
    >>> nodes = fold(trace(share, [], [a, b])).nodes
    >>> [found for node in nodes.values() if (found := share_of(nodes, node)) is not None]
    [(..., 1)]
    """
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
    adjoint, value, flow = writer.adjoint, writer.value, writer.flow
    for id_, node in reversed(folded.nodes.items()):
        upstream = adjoint(id_)
        if upstream is None:
            continue
        targets: list[int] = []
        if node.left:
            factors: list[Number | float] = []
            for a, b in zip(node.left, node.right):
                if needs[a]:
                    targets.append(a)
                    factors.append(value(b))
                if needs[b]:
                    targets.append(b)
                    factors.append(value(a))
            plain = [arg for arg in node.args if needs[arg]]
            flow(upstream, targets + plain, factors + [1.0] * len(plain))
        else:
            positions = []
            for position, arg in enumerate(node.args):
                if needs[arg]:
                    positions.append(position)
                    targets.append(arg)
            flow(upstream, targets, writer.factors(id_, node, positions))
    writer.gradients(folded.parameters)
