"""Pass 3, schedule: nodes that can be computed together.

The level of a leaf is 0, that of a node one more than the greatest level of its operands. Nodes of
one level, one op and one signature (how many operands, which of them are constants, vary, need a
gradient) form a group: they do not depend on each other and will be one NumPy call.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from tinygrad_mlp import ops
from tinygrad_mlp.compiler._folding import Folded, Ids
from tinygrad_mlp.ops import Op

__all__ = ["Group", "schedule"]


@dataclass(slots=True)
class Group:
    """Nodes of one level and one kind.

    Attributes:
        level: when it runs.
        op: what it computes; ``ops.DOT`` for sums of products.
        ids: its nodes.
        args: their operands (for sums of products, the plain terms), one tuple per node.
        left: for sums of products, the left factors, one (shared) tuple per node.
        right: likewise the right factors.
        varies: whether the results depend on an input.
        needs_grad: whether the results depend on a parameter.
    """

    level: int
    op: Op
    ids: list[int]
    args: list[Ids]
    left: list[Ids]
    right: list[Ids]
    varies: bool
    needs_grad: bool

    def __repr__(self) -> str:
        factors = f", {len(self.left[0])} products each" if self.left else ""
        return f"Group(level {self.level}: {len(self.ids)} x {self.op.name}{factors})"


def schedule(folded: Folded) -> list[Group]:
    """The groups in the order in which they can run. Linear in the number of operands.

    >>> from tinygrad_mlp.compiler._folding import fold
    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> schedule(fold(trace(lambda x: x[0].tanh() * x[1].tanh(), [(2,)], [])))
    [Group(level 1: 2 x tanh), Group(level 2: 1 x mul)]
    """
    varies, needs = folded.varies, folded.needs_grad
    kind = (2 * varies + needs).tolist()
    for id_ in folded.constants:
        kind[id_] = 4
    levels = [0] * folded.n_ids
    tuples = _Tuples(levels, kind)
    groups: dict[tuple[int, Hashable], Group] = {}
    for id_, node in folded.nodes.items():
        level = 1 + max([levels[arg] for arg in node.args], default=0)
        left, right = node.left, node.right
        signature: Hashable
        if left:
            left_level, left_kinds = tuples.of(left)
            right_level, right_kinds = tuples.of(right)
            level = max(level, left_level + 1, right_level + 1)
            signature = (ops.DOT, len(left), len(node.args), left_kinds, right_kinds, kind[id_])
        elif node.op.variadic:
            signature = (node.op, len(node.args), kind[id_])
        else:
            signature = (node.op, kind[id_], *[kind[arg] for arg in node.args])
        levels[id_] = level
        group = groups.get((level, signature))
        if group is None:
            group = groups[level, signature] = Group(
                level, node.op, [], [], [], [], bool(varies[id_]), bool(needs[id_])
            )
        group.ids.append(id_)
        group.args.append(node.args)
        if left:
            group.left.append(left)
            group.right.append(right)
    return sorted(groups.values(), key=_level_of)


def _level_of(group: Group) -> int:
    return group.level


class _Tuples:
    """Knows the level and the kinds of the ids in a tuple of factors; equal ones are one object."""

    def __init__(self, levels: list[int], kind: list[int]) -> None:
        self._levels = levels
        self._kind = kind
        self._known: dict[int, tuple[int, Hashable]] = {}

    def of(self, ids: Ids) -> tuple[int, Hashable]:
        found = self._known.get(id(ids))
        if found is None:
            level = max([self._levels[i] for i in ids])
            kinds = frozenset([self._kind[i] for i in ids])
            found = self._known[id(ids)] = (level, kinds)
        return found
