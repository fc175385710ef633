"""The whole way from a leaf to the loss: every path as one product of local derivatives.

d loss / d leaf is the sum over all paths from the leaf to the loss, and each path contributes the
product of the local derivatives along it. ``backward`` computes that sum without walking the paths
one by one, of which there may be very many.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

from tinygrad_mlp import ops
from tinygrad_mlp._arguments import check_integer
from tinygrad_mlp._text import grouped
from tinygrad_mlp.debug._applied import Applied
from tinygrad_mlp.debug._equations import product_of
from tinygrad_mlp.debug._latex import aligned
from tinygrad_mlp.debug._notation import Notation, notation_of
from tinygrad_mlp.debug._tokens import Name, Number, Sign, Token, Tokens, as_text
from tinygrad_mlp.debug._trace import require_value
from tinygrad_mlp.engine import Value, topological_order
from tinygrad_mlp.errors import GraphError
from tinygrad_mlp.graph import MathName

__all__ = ["MOST_PATHS", "Chain", "Path", "chain", "chain_called"]

MOST_PATHS: Final = 100
"""The number of paths up to which they are listed, unless another is given."""

MOST_ALLOWED: Final = 1_000_000
"""So many paths the message offers to allow; each is kept."""

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
    notation: Notation = field(repr=False, compare=False)

    @property
    def product(self) -> float:
        """What the path contributes to the gradient."""
        return math.prod(self.partials)

    def equation(self) -> str:
        """The product with symbols and with numbers."""
        return f"{self.symbols()} = {self.numbers()}"

    def symbols(self) -> str:
        """The product with symbols: dL/dz * dz/dw."""
        return as_text(self.symbol_tokens(self.notation))

    def numbers(self) -> str:
        """The product with numbers, and what it comes to: 2 * 0.5 = 1."""
        return as_text(self.number_tokens())

    def symbol_tokens(self, notation: Notation) -> Tokens:
        """The product with symbols in its parts.

        Args:
            notation: the names.
        """
        pairs = list(pairwise(self.nodes)) or [(self.nodes[0], self.nodes[0])]
        tokens: list[Token] = []
        for of, by in pairs:
            tokens += [*([Sign("*")] if tokens else []), notation.derivative(of, by)]
        return tuple(tokens)

    def number_tokens(self) -> Tokens:
        """The product with numbers, and what it comes to, in its parts."""
        if len(self.partials) < 2:
            return (Number(self.product, "result"),)
        return product_of(self.partials, self.product)


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
    notation: Notation = field(repr=False, compare=False)
    latex_notation: Notation = field(repr=False, compare=False)

    @property
    def total(self) -> float:
        """d loss / d node, the sum of the products of the paths."""
        return math.fsum(path.product for path in self.paths)

    def __str__(self) -> str:
        names = self.notation.written
        symbol = self.notation.derivative(self.loss, self.node).text
        if not self.paths:
            return (
                f"{symbol} = 0: no path leads from {names[self.node]} to the loss, "
                f"{names[self.loss]}"
            )
        if len(self.paths) == 1:
            (path,) = self.paths
            line_end = "\n    = " if len(path.partials) > LONG else " = "
            return f"{symbol} = {path.symbols()}{line_end}{path.numbers()}"
        lines = [f"{symbol}, the sum of {len(self.paths)} paths:"]
        for path in self.paths:
            way = " <- ".join(names[node] for node in path.nodes)
            lines.append(f"  {way}")
            if len(path.partials) > LONG:
                lines += [f"    {path.symbols()}", f"    = {path.numbers()}"]
            else:
                lines.append(f"    {path.equation()}")
        return "\n".join([*lines, f"{symbol}{as_text(self._sum())}"])

    def _sum(self) -> Tokens:
        """The contributions of the paths and what they come to."""
        terms = tuple([Number(path.product) for path in self.paths])
        total = Applied(ops.SUM, terms, most=len(terms))
        return Sign("="), total, Sign("="), Number(self.total, "result")

    def latex(self) -> str:
        r"""The derivative in LaTeX: in symbols, in numbers, and what it comes to.

        The text is for a document with the package amsmath.

        >>> w, x = Value(2.0, label="w"), Value(0.5, label="x")
        >>> z = w * x; z.label = "z"
        >>> print(chain(z, w).latex())
        \begin{align*}
        \frac{\partial z}{\partial w} &= \frac{\partial z}{\partial w} \\
        &= 0.5
        \end{align*}
        """
        symbol = self.latex_notation.derivative(self.loss, self.node)
        if not self.paths:
            return aligned([(symbol, Sign("="), Number(0.0, "result"))])
        if len(self.paths) == 1:
            (path,) = self.paths
            symbols = path.symbol_tokens(self.latex_notation)
            rows = [(symbol, Sign("="), *symbols), (Sign("="), *path.number_tokens())]
            return aligned(rows)
        first: list[Tokens] = []
        second: list[Tokens] = []
        for path in self.paths:
            begin = Sign("+") if first else Sign("=")
            symbols = path.symbol_tokens(self.latex_notation)
            first.append((symbol, begin, *symbols) if not first else (begin, *symbols))
            numbers = product_of(path.partials, path.product)[:-2]
            second.append((begin, *numbers))
        return aligned([*first, *second, self._sum()])


def chain(
    loss: Value,
    node: Value,
    max_paths: int = MOST_PATHS,
    *,
    names: str = "auto",
    index: str = "unit,input",
) -> Chain:
    """Every path from ``node`` to ``loss``, as products of local derivatives with numbers.

    Args:
        loss: the output.
        node: a leaf, or any other node.
        max_paths: the number of paths up to which they are listed.
        names: "auto", "math" or "code", as for ``trace_backward``.
        index: "unit,input" or "input,unit", the same.

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
    notation = _notation_of(order, node, "code" if names == "auto" else names, index)
    in_latex = _notation_of(order, node, "math", index) if names == "auto" else notation
    return chain_called(loss, node, max_paths, notation, in_latex)


def chain_called(
    loss: Value, node: Value, max_paths: int, notation: Notation, in_latex: Notation
) -> Chain:
    """The same in names that are known already.

    >>> a = Value(3.0)
    >>> b = a * 2.0
    >>> notation = Notation({x: Name(text, MathName(text)) for x, text in ((a, "x"), (b, "y"))})
    >>> print(chain_called(b, a, 100, notation, notation))
    dy/dx = dy/dx = 2
    """
    order = topological_order(loss)
    n_paths = _count_paths(order, node)
    found = n_paths[loss]
    if found > max_paths:
        few = found <= MOST_ALLOWED
        allowing = f", or allow more: chain(loss, node, max_paths={found})" if few else ""
        raise GraphError(
            f"{grouped(found)} paths lead from {notation.written[node]} to "
            f"{notation.written[loss]}, more than max_paths={max_paths:,}; start at a node nearer "
            f"to the loss{allowing}"
        )
    return Chain(loss, node, tuple(_paths(loss, node, n_paths, notation)), notation, in_latex)


def _notation_of(order: Sequence[Value], node: Value, names: str, index: str) -> Notation:
    """The names of a graph and of a node that need not be in it."""
    notation = notation_of(order, names, index)
    if node in notation.names:
        return notation
    name = Name(node.label or "the node", MathName.of_label(node.label or "the node"))
    return replace(notation, names={**notation.names, node: name})


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
    loss: Value, node: Value, leads_there: Counter[Value], notation: Notation
) -> Iterator[Path]:
    stack: list[tuple[tuple[Value, ...], tuple[float, ...]]] = [((loss,), ())]
    while stack:
        nodes, partials = stack.pop()
        last = nodes[-1]
        if last is node:
            yield Path(nodes, partials, notation)
        onward = [
            ((*nodes, parent), (*partials, partial))
            for parent, partial in _open_edges(last)
            if parent in leads_there
        ]
        stack.extend(reversed(onward))
