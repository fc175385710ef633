"""The chain rule over a graph, step by step, for all that looks at it or keeps its results apart.

``Value.backward`` is the same loop without anything beside it, to be stepped through in a debugger.
Gradients as results, the step log, the search for nan and drawings stand on the one here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter, mul
from typing import Any, Final, NamedTuple

from tinygrad_mlp._freezing import changes, is_frozen
from tinygrad_mlp._recording import pass_observer
from tinygrad_mlp.engine import Value

__all__ = [
    "Flow",
    "flows",
    "grad_in_graph",
    "gradients_kept",
    "gradients_of",
    "set_grad_in_graph",
]

grad_in_graph: Final = attrgetter("grad")
"""Reads the gradient that stands in a node."""


def set_grad_in_graph(node: Value, grad: float) -> None:
    """Write it.

    >>> a = Value(3.0)
    >>> set_grad_in_graph(a, 2.0)
    >>> a.grad
    2.0
    """
    node.grad = grad


@contextmanager
def gradients_kept(nodes: Sequence[Value]) -> Iterator[None]:
    """Within this block the nodes have no gradients at first; afterwards those that they had.

    >>> a = Value(3.0)
    >>> b = a * 2.0
    >>> with gradients_kept([a, b]):
    ...     b.backward()
    >>> a.has_grad, b.has_grad
    (False, False)
    """
    before = [(node, node.grad, node.has_grad) for node in nodes]
    for node in nodes:
        node.zero_grad()
    try:
        yield
    finally:
        for node, grad, has_grad in before:
            node.zero_grad()
            if has_grad:
                node.grad = grad


class Flow(NamedTuple):
    """One step of the chain rule: what flows from a node to one of its operands.

    Attributes:
        node: where it comes from.
        position: which operand.
        upstream: the gradient of the node.
        before: the gradient of the operand before the step.
    """

    node: Value
    position: int
    upstream: Any
    before: Any


def flows(
    nodes: Iterable[Value],
    read: Callable[[Value], Any] = grad_in_graph,
    write: Callable[[Value, Any], object] = set_grad_in_graph,
    *,
    receivers: Callable[[Value], Iterable[int]] | None = None,
    partials_of: Callable[[Value], Sequence[Any]] | None = None,
    product: Callable[[Any, Any], Any] = mul,
    start: Any = 0.0,
    watched: bool = True,
) -> Iterator[Flow]:
    """The steps of the chain rule; each has been taken when it is yielded.

    ``gradient of an operand += gradient of the node * local derivative``, where the last node that
    comes in has a gradient already. Nothing flows to frozen leaves.

    Args:
        nodes: the nodes in reverse topological order.
        read: what gives the gradient of a node, None where there is none yet.
        write: what takes it.
        receivers: the places of the operands of a node that something flows to; all by default.
        partials_of: the local derivatives of a node; those that it keeps by default.
        product: ``product(upstream, partial)``.
        start: what a gradient begins with; None to begin with what flows first.
        watched: whether to yield the steps, or only to take them.

    >>> a = Value(3.0)
    >>> b = a * a
    >>> found = {b: 1.0}
    >>> [flow.before for flow in flows([b], found.get, found.__setitem__)], found[a]
    ([0.0, 3.0], 6.0)
    """
    some_frozen = changes[0] is not None
    for node in nodes:
        upstream = read(node)
        if upstream is None:
            continue
        parents = node.parents
        places = range(len(parents)) if receivers is None else receivers(node)
        partials = node.partials if partials_of is None else partials_of(node)
        for position in places:
            parent = parents[position]
            if some_frozen and not parent.parents and is_frozen(parent):
                continue
            before = read(parent)
            if before is None:
                before = start
            contribution = product(upstream, partials[position])
            write(parent, contribution if before is None else before + contribution)
            if watched:
                yield Flow(node, position, upstream, before)


def gradients_of(output: Value, nodes: Iterable[Value], **settings: Any) -> dict[Value, Any]:
    """The gradient of each node that one reaches, 1.0 for the output; no ``grad`` is touched.

    An observer of passes looks at the steps, as long as gradients are numbers.

    Args:
        output: where the pass begins.
        nodes: the nodes in reverse topological order.
        settings: as for ``flows``.

    >>> a = Value(3.0)
    >>> b = a * a
    >>> gradients_of(b, [b])[a]
    6.0
    """
    found: dict[Value, Any] = {output: 1.0}
    read, write = found.get, found.__setitem__
    observer = pass_observer()
    if observer is None or "partials_of" in settings:  # then they are not numbers
        deque(flows(nodes, read, write, watched=False, **settings), maxlen=0)
        return found
    look = observer.look_at_pass(output)
    for flow in flows(nodes, read, write, **settings):
        look(flow)
    return found
