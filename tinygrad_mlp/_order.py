"""The order of the nodes of a graph, in which ``backward`` walks it."""

from __future__ import annotations

from tinygrad_mlp._blocks import current, open_blocks  # with-blocks such as no_grad
from tinygrad_mlp._freezing import without_frozen  # drops leaves that get no gradient
from tinygrad_mlp._node import AnyNode
from tinygrad_mlp._node_checks import check_numbers  # is the data of each leaf a number?
from tinygrad_mlp._reach import reached_in  # drops what decides only, as a condition

__all__ = ["orders_of", "topological_order"]


def topological_order(root: AnyNode) -> list[AnyNode]:
    """Every node that ``root`` was computed from, parents before children, root last.

    Depth first, parents from left to right, without recursion: the same graph always gives the same
    order, and a chain of a million nodes is no deeper than any other.

    Raises:
        NotANumberError: if something that is no number was assigned to the ``data`` of a leaf.

    >>> from tinygrad_mlp import Value
    >>> a = Value(1.0, label="a")
    >>> b = a + a; b.label = "b"
    >>> c = b * a; c.label = "c"
    >>> [node.label for node in topological_order(c)]
    ['a', 'b', 'c']
    """
    order, _ = orders_of(root)
    return order


def orders_of(
    root: AnyNode, known: set[AnyNode] | None = None
) -> tuple[list[AnyNode], list[AnyNode]]:
    """The topological order, and of its nodes those that a gradient of ``root`` reaches.

    The second list is without what does nothing but decide a ``where``, or is compared, and without
    frozen leaves: nothing flows there, not even 0 times the infinite slope of a root at 0. It is
    mostly the first list itself. What is ``known`` is left out, and what is found becomes known.

    Raises:
        NotANumberError: if something that is no number was assigned to the ``data`` of a leaf.

    >>> from tinygrad_mlp import Value, functional
    >>> x, y = Value(0.0, label="x"), Value(3.0, label="y")
    >>> out = functional.where(x.sqrt(), y, y)
    >>> order, reached = orders_of(out)
    >>> len(order), [node.label for node in reached]
    (4, ['y', ''])
    """
    order: list[AnyNode] = []
    visited: set[AnyNode] = set() if known is None else known
    stack: list[AnyNode | None] = [root]
    in_doubt: list[AnyNode] = []  # what is no plain float
    has_numbers = not open_blocks or current().recorder is None
    while stack:
        node = stack.pop()
        if node is None:  # below the mark lies a node whose parents are all in the order now
            order.append(stack.pop())  # type: ignore[arg-type]
        elif node not in visited:
            visited.add(node)
            parents = node.parents
            if len(parents) > 2 and visited.issuperset(parents):
                order.append(node)  # what the loop below comes to, faster for a long dot
                continue
            stack.append(node)
            stack.append(None)
            first = len(stack)
            for parent in parents:
                if parent not in visited:
                    if parent.parents:
                        stack.append(parent)
                    else:
                        visited.add(parent)
                        order.append(parent)
                        if has_numbers and parent.data.__class__ is not float:
                            in_doubt.append(parent)
            if len(stack) > first + 1:
                stack[first:] = stack[: first - 1 : -1]  # so that the left one comes first
    if has_numbers:
        check_numbers([*in_doubt, root], order)
    return order, without_frozen(reached_in(order))
