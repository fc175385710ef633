"""What pass 2 makes: nodes that are numbers, what is known about them, and equal ones as one."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from tinygrad_mlp.ops import Op

__all__ = ["NEEDS_GRAD", "VARIES", "EqualNodes", "Ids", "Node", "TupleFlags"]

Ids = tuple[int, ...]
"""Numbers of nodes."""

VARIES: Final = 1
"""The flag of what depends on an input or a random leaf."""
NEEDS_GRAD: Final = 2
"""The flag of what a gradient flows to."""

_MOST_SHOWN: Final = 4


@dataclass(slots=True)
class Node:
    """One node after folding.

    ``op`` is an elementwise or variadic op with ``args``; or it is ``ops.DOT`` for a sum of
    products ``left[k] * right[k]`` plus the plain terms ``args``. Equal tuples of factors are one
    object.
    """

    op: Op
    args: Ids
    left: Ids = ()
    right: Ids = ()

    def __repr__(self) -> str:
        products = f"{len(self.left)} products" if self.left else ""
        terms = f"{self.args}" if len(self.args) <= _MOST_SHOWN else f"{len(self.args)} operands"
        return f"Node({self.op.name}: {' + '.join([part for part in (products, terms) if part])})"


class TupleFlags:
    """The flags of a tuple of ids: those that any of them has, and those that all have.

    The answers are kept by the identity of the tuple.

    Args:
        flags: by id.

    >>> tuples = TupleFlags([VARIES, NEEDS_GRAD, VARIES])
    >>> tuples.any_of((0, 1, 2)) == VARIES | NEEDS_GRAD, tuples.all_of((0, 2)) == VARIES
    (True, True)
    """

    def __init__(self, flags: list[int]) -> None:
        self._flags = flags
        self._known: dict[int, tuple[Ids, int, int]] = {}  # keeps the tuples alive

    def any_of(self, ids: Ids) -> int:
        """What any of them has."""
        return self._both(ids)[1]

    def all_of(self, ids: Ids) -> int:
        """What all of them have."""
        return self._both(ids)[2]

    def _both(self, ids: Ids) -> tuple[Ids, int, int]:
        found = self._known.get(id(ids))
        if found is None:
            either, every = 0, VARIES | NEEDS_GRAD
            for flag in set(map(self._flags.__getitem__, ids)):
                either |= flag
                every &= flag
            found = self._known[id(ids)] = (ids, either, every)
        return found


class EqualNodes:
    """Finds for a node the equal one before it, and for a tuple of factors likewise.

    Constants are equal if their numbers are, except as factors, where they are data in an order.

    Args:
        constants: id -> number.

    >>> from tinygrad_mlp.ops import MUL
    >>> equal = EqualNodes({7: 2.0, 8: 2.0})
    >>> equal.unite(10, Node(MUL, (1, 7)), 0), equal.unite(11, Node(MUL, (1, 8)), 0)
    (10, 10)
    """

    def __init__(self, constants: dict[int, float]) -> None:
        self._constants = constants
        self._ids: dict[int, int] = {}  # of a node that is equal to one before it, the latter's
        self._known: dict[Hashable, int] = {}
        self._tuples: dict[Ids, Ids] = {}
        self._seen: dict[int, tuple[Ids, Ids]] = {}  # by identity, the tuple and what stands for it

    def id_of(self, id_: int) -> int:
        """The id that stands for this one."""
        return self._ids.get(id_, id_)

    def unite(self, id_: int, node: Node, flags: int) -> int:
        """Write the operands as the ids that stand for them; the id that stands for the node."""
        if self._ids:
            node.args = tuple([self._ids.get(arg, arg) for arg in node.args])
        constants = self._constants
        args = [repr(constants[arg]) if arg in constants else arg for arg in node.args]
        key = (node.op, id(node.left), id(node.right), flags, *args)
        return self._known.setdefault(key, id_)

    def replace(self, id_: int, known: int) -> None:
        """From now on the one stands for the other."""
        self._ids[id_] = known

    def factors(self, ids: Ids | list[int]) -> Ids:
        """The one tuple for all that are equal to this one."""
        seen = self._seen.get(id(ids)) if isinstance(ids, tuple) else None
        if seen is not None:
            return seen[1]
        shared = tuple([self._ids.get(i, i) for i in ids] if self._ids else ids)
        shared = self._tuples.setdefault(shared, shared)
        if isinstance(ids, tuple):
            self._seen[id(ids)] = (ids, shared)
        return shared
