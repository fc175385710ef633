"""Pass 4, rediscover the products: matrix products among sums of products.

Each node of a group is a pair (left tuple, right tuple). The left tuples on one side, the right
tuples on the other and the nodes as edges make a bipartite graph. A connected component of P left
and Q right tuples that has all P x Q edges is a matrix product: row p of one matrix times column q
of the other. Components of one shape are stacked into one batched product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.compiler._folding import Ids
from tinygrad_mlp.compiler._schedule import Group

__all__ = ["Product", "find_products"]

IntArray = NDArray[np.int64]


@dataclass(slots=True)
class Product:
    """``n_stacked`` matrix products (P, K) x (K, Q) that are computed together.

    Attributes:
        left: operand slots, shape (n_stacked, P, K).
        right: operand slots, shape (n_stacked, Q, K).
        members: positions in the group, shape (n_stacked, P, Q).
    """

    left: IntArray
    right: IntArray
    members: IntArray

    def __repr__(self) -> str:
        n_stacked, p, k = self.left.shape
        return f"Product({n_stacked} x ({p}, {k}) @ ({k}, {self.right.shape[1]}))"


def find_products(group: Group, slot_of: IntArray) -> list[Product]:
    """All nodes of a group of sums of products, arranged as (stacked) matrix products.

    >>> from tinygrad_mlp.ops import DOT
    >>> rows, columns = [(0, 1), (2, 3), (4, 5)], [(6, 7), (8, 9)]
    >>> pairs = [(row, column) for row in rows for column in columns]
    >>> left, right = [row for row, _ in pairs], [column for _, column in pairs]
    >>> group = Group(1, DOT, list(range(10, 16)), [()] * 6, left, right, True, True)
    >>> find_products(group, slot_of=np.arange(16))
    [Product(1 x (3, 2) @ (2, 2))]
    """
    left_rows, left_of = _distinct(group.left, slot_of)
    right_rows, right_of = _distinct(group.right, slot_of)
    n_left, n_right, n_nodes = len(left_rows), len(right_rows), len(group.ids)
    edge = left_of * n_right + right_of
    order = np.argsort(edge, kind="stable")
    if n_left * n_right == n_nodes and bool((np.diff(edge[order]) == 1).all()):
        members = order.reshape(1, n_left, n_right)
        return [Product(left_rows[None], right_rows[None], members)]
    by_shape: dict[tuple[int, int], list[tuple[IntArray, IntArray, IntArray]]] = {}
    for nodes in _components(left_of, right_of, n_left):
        lefts, p = np.unique(left_of[nodes], return_inverse=True)
        rights, q = np.unique(right_of[nodes], return_inverse=True)
        complete = len(lefts) * len(rights) == len(nodes)
        table = np.full((len(lefts), len(rights)), -1, dtype=np.int64)
        table[p, q] = nodes
        if complete and (table >= 0).all():
            by_shape.setdefault(table.shape, []).append((lefts, rights, table))
        else:
            for node in nodes:
                single = np.array([[node]], dtype=np.int64)
                entry = (left_of[node : node + 1], right_of[node : node + 1], single)
                by_shape.setdefault((1, 1), []).append(entry)
    return [
        Product(
            left_rows[np.stack([lefts for lefts, _, _ in parts])],
            right_rows[np.stack([rights for _, rights, _ in parts])],
            np.stack([table for _, _, table in parts]),
        )
        for parts in by_shape.values()
    ]


def _distinct(tuples: list[Ids], slot_of: IntArray) -> tuple[IntArray, IntArray]:
    """The distinct tuples as rows of slots, sorted by slot; and for each node which one it has."""
    numbers: dict[int, int] = {}
    distinct: list[Ids] = []
    of_node = []
    for ids in tuples:  # equal tuples are one object by now
        number = numbers.get(id(ids))
        if number is None:
            number = numbers[id(ids)] = len(distinct)
            distinct.append(ids)
        of_node.append(number)
    rows = slot_of[np.array(distinct, dtype=np.int64)]
    order = np.lexsort((rows[:, -1], rows[:, 0]))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rows[order], rank[np.array(of_node, dtype=np.int64)]


def _components(left_of: IntArray, right_of: IntArray, n_left: int) -> list[IntArray]:
    """The nodes of each connected component, by union-find over the tuples."""
    parent = list(range(n_left + int(right_of.max()) + 1))

    def find(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    edges = list(zip(left_of.tolist(), (right_of + n_left).tolist()))
    for a, b in edges:
        root_a, root_b = find(a), find(b)
        if root_a != root_b:
            parent[max(root_a, root_b)] = min(root_a, root_b)
    members: dict[int, list[int]] = {}
    for node, (a, _) in enumerate(edges):
        members.setdefault(find(a), []).append(node)
    return [np.array(nodes, dtype=np.int64) for _, nodes in sorted(members.items())]
