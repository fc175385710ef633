"""What stands beside the neurons of a graph: the nodes of a normalization, told by its parameters.

A module that says so of itself (``is_beside_neurons``) is known in a graph by its parameters and
buffers, as neurons are by their weights.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_mlp import ops
from tinygrad_mlp._places import Key, Owner
from tinygrad_mlp.engine import Value

__all__ = ["beside_of"]

_Feature = tuple[Owner, Key]
"""One feature of a module, as its parameters and buffers have a number for each."""


def beside_of(order: Sequence[Value]) -> dict[Value, Owner]:
    """For each node of a module that stands beside neurons, which module; its leaves included.

    A node belongs to it that reads a leaf of it. So does one that brings together two nodes of it
    which have different leaves of one feature, and what lies between two such nodes: the root of
    the variance, but not the activation of what comes out.

    Args:
        order: every node, parents before children.

    >>> from tinygrad_mlp.graph import order_of
    >>> from tinygrad_mlp.nn import BatchNorm
    >>> (y,) = BatchNorm(1, affine=False).eval().forward([Value(2.0, label="x")])
    >>> order = order_of([y.relu()])
    >>> found = beside_of(order)
    >>> [node.label or node.op.name for node in order if node not in found]
    ['constant', 'constant', 'x', 'relu']
    """
    features: dict[Value, _Feature] = {}
    read: dict[Value, frozenset[Value]] = {}  # those of its leaves that a node was computed from
    between: dict[Value, Value] = {}  # what has one operand of it alone, and may lead to others
    found: dict[Value, Owner] = {}
    for node in order:
        place = node.place
        if not node.parents:
            if place is not None and place.owner.is_beside:
                features[node], read[node] = (place.owner, place.keys[-1]), frozenset([node])
                found[node] = place.owner
            continue
        known = [x for x in dict.fromkeys(node.parents) if x in features]
        leaves = [x for x in known if not x.parents]
        if not (leaves or _alone(node, known, features)):
            continue
        feature = features[(leaves or known)[0]]
        operands: list[Value] = []
        of_node: frozenset[Value] = frozenset()
        for operand in (*leaves, *known):  # the leaves first, and only once
            if features[operand] == feature and of_node.isdisjoint(read[operand]):
                operands.append(operand)
                of_node |= read[operand]
        if not leaves and len(operands) < len(known):
            continue  # what went through it twice, such as two samples
        features[node], read[node] = feature, of_node
        if len(operands) == 1 and not leaves:
            (between[node],) = operands
            continue
        found[node] = feature[0]
        for operand in operands:
            step = operand
            while step not in found:
                found[step] = feature[0]
                step = between[step]
    return found


def _alone(node: Value, known: Sequence[Value], features: dict[Value, _Feature]) -> bool:
    """Whether a node has nothing but operands of features, and plain numbers."""
    return bool(known) and all([x in features or x.op is ops.CONSTANT for x in node.parents])
