"""Running a recorded graph again: with changed leaves, or with one node held at another number."""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_mlp import _float_math as float_math
from tinygrad_mlp.engine import Value, topological_order
from tinygrad_mlp.graph import op_of

__all__ = ["finite_difference", "recompute"]

STEP = 6.055454452393343e-06
"""The cube root of the machine precision: the best step of a central difference."""


def recompute(loss: Value) -> float:
    """Compute every node of the graph again from its leaves, in place; the new loss.

    Numbers and local derivatives are those that the same expressions would have given, bit for bit.
    A choice that Python made while the graph was built (``if x > 0``) stays as it was made.

    >>> a = Value(3.0)
    >>> loss = a * a
    >>> a.data = 5.0
    >>> recompute(loss), loss.partials
    (25.0, (5.0, 5.0))
    """
    for node in topological_order(loss):
        if node.parents:
            numbers = [parent.data for parent in node.parents]
            op = op_of(node)
            node.data = op.compute(float_math, numbers)
            node.partials = op.local_partials(float_math, node.data, numbers)
    return loss.data


def finite_difference(loss: Value, node: Value, step: float | None = None) -> float:
    """d loss / d node by a central difference: (L(x + h) - L(x - h)) / 2h.

    The node is held at x + h and at x - h, and everything after it is computed again; the graph
    itself is not touched. What comes out is good to about 9 digits for a smooth function.

    Args:
        loss: the output.
        node: a leaf, or any other node of the graph.
        step: h; by default 6e-6, scaled by the size of the node's number.

    >>> a = Value(3.0)
    >>> round(finite_difference(a * a, a), 6)
    6.0
    """
    order = topological_order(loss)
    h = STEP * max(1.0, abs(node.data)) if step is None else step
    above, below = node.data + h, node.data - h
    rise = _evaluate(order, node, above) - _evaluate(order, node, below)
    return rise / (above - below)


def _evaluate(order: Sequence[Value], held: Value, at: float) -> float:
    """The last node's number if ``held`` had the number ``at``."""
    changed = {held: at}
    for node in order:
        if any(parent in changed for parent in node.parents):
            numbers = [changed.get(parent, parent.data) for parent in node.parents]
            changed[node] = op_of(node).compute(float_math, numbers)
    return changed.get(order[-1], order[-1].data)
