"""How far a gradient comes: not to what does nothing but decide a ``where``, or is compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tinygrad_mlp._node import AnyNode
from tinygrad_mlp.op import Op

__all__ = ["give_zero", "note_cut", "reached_in"]

_cutting: Final[set[Op]] = set()  # the ops that a computed node was given to, without any flow back


def note_cut(op: Op, inputs: Sequence[Any]) -> None:
    """Note that there is a node of an op to some of whose inputs nothing flows.

    It matters where such an input was computed: nothing must flow on from there.

    >>> from tinygrad_mlp import Value, ops
    >>> note_cut(ops.LESS, [Value(1.0), Value(2.0)])
    """
    closed = inputs if op.variadic else [inputs[place] for place in op.closed]
    if any([node.parents for node in closed]):
        _cutting.add(op)


def reached_in(order: list[AnyNode]) -> list[AnyNode]:
    """Of the nodes of a graph those that a gradient of the last one reaches.

    A leaf that is merely compared needs no detour, as nothing flows on from it: where nothing that
    was computed is cut off, these are all. So the answer is that of the graph alone, whatever
    other graphs there were before.

    Args:
        order: the nodes, in topological order; it is returned itself where they are all.

    >>> from tinygrad_mlp import Value
    >>> x = Value(2.0)
    >>> order = [x, x * 3.0]
    >>> reached_in(order) is order
    True
    """
    if not _cutting or _cutting.isdisjoint([node.op for node in order]):
        return order
    reached = {order[-1]}
    for node in reversed(order):
        if node in reached:
            reached.update(_inputs_with_flow(node))
    if all([node in reached or not node.parents for node in order]):
        return order
    return [node for node in order if node in reached]


def give_zero(order: Sequence[AnyNode], reached: Sequence[AnyNode]) -> None:
    """Let the leaves that nothing flows to have the gradient 0 (or keep it), as a computed one.

    >>> from tinygrad_mlp import Value
    >>> x, y = Value(4.0), Value(3.0)
    >>> give_zero([x, y], [y])
    >>> x.grad, x.has_grad, y.has_grad
    (0.0, True, False)
    """
    for node in set(order).difference(reached):
        node.grad = 0.0 + node.grad  # which is computed now; of what is no leaf it is 0 by now


def _inputs_with_flow(node: AnyNode) -> Sequence[AnyNode]:
    if node.op is None or not node.op.closed:
        return node.parents
    if node.op.variadic:
        return ()
    return [x for place, x in enumerate(node.parents) if place not in node.op.closed]
