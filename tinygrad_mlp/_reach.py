"""How far a gradient comes: not to what does nothing but decide a ``where``, or is compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from tinygrad_mlp import ops
from tinygrad_mlp._node import AnyNode
from tinygrad_mlp.op import Op

__all__ = ["cuts_graph", "give_zero", "reached_in"]

_cutting: Final[set[Op]] = set()  # ops beside where that let nothing flow, of which there are nodes


def cuts_graph(op: Op) -> None:
    """Note that there are nodes of an op to some of whose inputs nothing flows.

    Eagerly ``<`` gives a bool; only ``apply`` makes a node of it.

    >>> cuts_graph(ops.LESS)
    """
    if op is not ops.WHERE:  # whose conditions are looked at one by one
        _cutting.add(op)


def reached_in(order: list[AnyNode], conditions: Iterable[AnyNode]) -> list[AnyNode]:
    """Of the nodes of a graph those that a gradient of the last one reaches; mostly all.

    Args:
        order: the nodes, in topological order.
        conditions: those of them that decide a ``where``.

    >>> from tinygrad_mlp import Value
    >>> x = Value(2.0)
    >>> order = [x, x * 3.0]
    >>> reached_in(order, []) is order
    True
    """
    return _reached(order) if _is_cut(order, conditions) else order


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


def _is_cut(order: list[AnyNode], conditions: Iterable[AnyNode]) -> bool:
    """Whether there is a node that nothing flows to: a computed condition, or what is compared."""
    if any([node.parents for node in conditions]):  # mostly they are plain truth values
        return True
    return bool(_cutting) and not _cutting.isdisjoint([node.op for node in order])


def _reached(order: list[AnyNode]) -> list[AnyNode]:
    reached = {order[-1]}
    for node in reversed(order):
        if node in reached:
            closed = () if node.op is None else node.op.closed
            reached.update([x for place, x in enumerate(node.parents) if place not in closed])
    return [node for node in order if node in reached]
