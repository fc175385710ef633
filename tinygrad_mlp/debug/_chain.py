"""The whole way from a leaf to the loss: every path as one product of local derivatives.

d loss / d leaf is the sum over all paths from the leaf to the loss, and each path contributes the
product of the local derivatives along it. ``backward`` computes that sum without walking the paths
one by one, of which there may be very many.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from tinygrad_mlp._arguments import check_integer
from tinygrad_mlp.debug._equations import derivative, factor, number, product
from tinygrad_mlp.debug._trace import require_value
from tinygrad_mlp.engine import Value, topological_order
from tinygrad_mlp.errors import GraphError
from tinygrad_mlp.graph import names_of

__all__ = ["Chain", "Path", "chain"]

LONG: Final = 3
"""Products of more factors than this have a line for the symbols and one for the numbers."""


@dataclass(frozen=True, slots=True)
class Path:
    """One path from the loss down to a node.

    Attributes:
        nodes: the nodes on it, the loss first, the leaf last.
        partials: the local derivatives, d nodes[i] / d nodes[i + 1].

    >>> a = Value(3.0, label="a")
    >>> b = (a * 2.0).exp()
    >>> (path,) = chain(b, a).paths
    >>> [node.data for node in path.nodes] == [b.data, 6.0, 3.0], path.product == 2.0 * b.data
    (True, True)
    """

    nodes: tuple[Value, ...]
    partials: tuple[float, ...]
    names: dict[Value, str] = field(repr=False, compare=False)

    @property
    def product(self) -> float:
        """What the path contributes to the gradient."""
        return math.prod(self.partials)

    def equation(self) -> str:
        """The product with symbols and with numbers."""
        return f"{self.symbols()} = {self.numbers()}"

    def symbols(self) -> str:
        """The product with symbols: dL/dz * dz/dw."""
        names = [self.names[node] for node in self.nodes]
        return " * ".join(derivative(*pair) for pair in pairwise(names)) or derivative(
            *names, *names
        )

    def numbers(self) -> str:
        """The product with numbers, and what it comes to: 2 * 0.5 = 1."""
        if len(self.partials) < 2:
            return number(self.product)
        return product(self.partials, self.product)


@dataclass(frozen=True, slots=True)
class Chain:
    """All paths from a node to the loss; made by ``chain``.

    Attributes:
        loss: the loss.
        node: the node.
        paths: the paths.

    >>> a = Value(3.0, label="a")
    >>> b = a * a; b.label = "b"
    >>> print(chain(b, a))
    db/da, the sum of 2 paths:
      b <- a
        db/da = 3
      b <- a
        db/da = 3
    db/da = 3 + 3 = 6
    """

    loss: Value
    node: Value
    paths: tuple[Path, ...]
    names: dict[Value, str] = field(repr=False, compare=False)

    @property
    def total(self) -> float:
        """d loss / d node, the sum of the products of the paths."""
        return math.fsum(path.product for path in self.paths)

    def __str__(self) -> str:
        symbol = derivative(self.names[self.loss], self.names[self.node])
        if not self.paths:
            return (
                f"{symbol} = 0: no path leads from {self.names[self.node]} to the loss, "
                f"{self.names[self.loss]}"
            )
        if len(self.paths) == 1:
            (path,) = self.paths
            line_end = "\n    = " if len(path.partials) > LONG else " = "
            return f"{symbol} = {path.symbols()}{line_end}{path.numbers()}"
        lines = [f"{symbol}, the sum of {len(self.paths)} paths:"]
        for path in self.paths:
            way = " <- ".join(self.names[node] for node in path.nodes)
            lines.append(f"  {way}")
            if len(path.partials) > LONG:
                lines += [f"    {path.symbols()}", f"    = {path.numbers()}"]
            else:
                lines.append(f"    {path.equation()}")
        terms = " + ".join(factor(path.product) for path in self.paths)
        return "\n".join([*lines, f"{symbol} = {terms} = {number(self.total)}"])


def chain(loss: Value, node: Value, max_paths: int = 100) -> Chain:
    """Every path from ``node`` to ``loss``, as products of local derivatives with numbers.

    Args:
        loss: the output.
        node: a leaf, or any other node.
        max_paths: the number of paths up to which they are listed.

    Raises:
        NotANumberError: if ``loss`` or ``node`` is no Value.
        InvalidArgumentError: if ``max_paths`` is no whole number of at least 1.
        GraphError: if there are more paths; the message says how many.

    >>> w, x = Value(2.0, label="w"), Value(0.5, label="x")
    >>> z = w * x; z.label = "z"
    >>> loss = z.square(); loss.label = "L"
    >>> print(chain(loss, w))
    dL/dw = dL/dz * dz/dw = 2 * 0.5 = 1
    """
    for value in (loss, node):
        require_value(value, "chain(loss, node)")
    check_integer(max_paths, "max_paths")
    order = topological_order(loss)
    names = names_of(order)
    names.setdefault(node, node.label or "the node")
    n_paths = _count_paths(order, node)
    found = n_paths[loss]
    if found > max_paths:
        raise GraphError(
            f"{found:,} paths lead from {names[node]} to {names[loss]}, more than "
            f"max_paths={max_paths:,}; start at a node nearer to the loss, or allow more: "
            f"chain(loss, node, max_paths={found})"
        )
    return Chain(loss, node, tuple(_paths(loss, node, n_paths, names)), names)


def _count_paths(order: Sequence[Value], node: Value) -> Counter[Value]:
    """How many paths lead from ``node`` to each node that it leads to."""
    counts = Counter([node])
    for child in order:
        count = sum(counts[parent] for parent, _ in _open_edges(child))
        if count:
            counts[child] = count
    return counts


def _open_edges(node: Value) -> list[tuple[Value, float]]:
    """The parents to which something flows, with the local derivatives."""
    closed = () if node.op is None else node.op.closed
    edges = enumerate(zip(node.parents, node.partials))
    return [edge for place, edge in edges if place not in closed]


def _paths(
    loss: Value, node: Value, leads_there: Counter[Value], names: dict[Value, str]
) -> Iterator[Path]:
    stack: list[tuple[tuple[Value, ...], tuple[float, ...]]] = [((loss,), ())]
    while stack:
        nodes, partials = stack.pop()
        last = nodes[-1]
        if last is node:
            yield Path(nodes, partials, names)
        onward = [
            ((*nodes, parent), (*partials, partial))
            for parent, partial in _open_edges(last)
            if parent in leads_there
        ]
        stack.extend(reversed(onward))
