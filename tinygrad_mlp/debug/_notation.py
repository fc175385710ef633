"""What the nodes of a graph are called in equations: as the program does, or as books do.

A person's own label stands as it is in both. In books a parameter of a network is w, b with its
layer and indices, a weighted sum z, an activation h, the output of the last layer y-hat, and the
gradient of a weighted sum delta; what no book has a name for keeps that of the program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tinygrad_mlp.debug._tokens import Derivative, Name
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import UnknownNameError
from tinygrad_mlp.graph import (
    INDEX_ORDERS,
    MathName,
    TextbookNames,
    names_of,
    roles_of,
    textbook_names,
    units_of,
)
from tinygrad_mlp.graph._naming import free_name

__all__ = ["NAMES", "Notation", "check_notation", "notation_of"]

NAMES: Final = ("math", "code")
"""Names as books write them, or as the program does."""


@dataclass(frozen=True)
class Notation:
    """The names of the nodes of one graph.

    Attributes:
        names: one for each node; no two are written alike.
        deltas: what the gradient of a weighted sum is called.

    >>> a, b = Value(2.0), Value(3.0)
    >>> notation = Notation({a: Name("a", MathName("a")), b: Name("b", MathName("b"))})
    >>> notation.derivative(a, b).text
    'da/db'
    """

    names: Mapping[Value, Name]
    deltas: Mapping[Value, Name] = field(default_factory=dict)

    def name(self, node: Value, role: str = "") -> Name:
        """The name of a node, with a role in an equation if it has one."""
        name = self.names[node]
        return replace(name, role=role) if role else name

    def derivative(self, of: Value, by: Value, role: str = "") -> Derivative:
        """The derivative of one node by another."""
        return Derivative(self.names[of], self.names[by], role)

    @property
    def written(self) -> dict[Value, str]:
        """The names as the console writes them."""
        return {node: name.written for node, name in self.names.items()}


def check_notation(names: str, index: str) -> None:
    """Refuse another word than those that ``notation_of`` takes.

    Raises:
        UnknownNameError: for another word.

    >>> check_notation("math", "unit,input")
    """
    if names not in NAMES:
        raise UnknownNameError.of("kind of names", names, NAMES)
    if index not in INDEX_ORDERS:
        raise UnknownNameError.of("order of the indices", index, INDEX_ORDERS)


def notation_of(
    order: Sequence[Value],
    names: str = "code",
    index: str = "unit,input",
    *,
    typed: bool = False,
) -> Notation:
    """The names of the nodes of a graph.

    Args:
        order: the nodes in topological order, the loss last.
        names: "math" for w₂₁⁽¹⁾, "code" for layers.0.neurons.1.w.0.
        index: "unit,input" or "input,unit", see ``textbook_names``.
        typed: write w[1]_21, for a terminal that lacks small digits.

    Raises:
        UnknownNameError: for another word.

    >>> from tinygrad_mlp.engine import topological_order
    >>> from tinygrad_mlp.nn import MLP
    >>> order = topological_order(MLP(1, [1], activation="tanh", rng=0)([3.0]).square())
    >>> print(*[name.text for name in notation_of(order, "math").names.values()])
    w₁₁⁽¹⁾ x₁ b₁⁽¹⁾ z₁⁽¹⁾ L
    """
    check_notation(names, index)
    code = names_of(order)
    labels = {node: _label_of(node) for node in order}
    if names == "code":
        named = {
            node: Name(text, MathName.of_label(text) if labels[node] else MathName.code(text))
            for node, text in code.items()
        }
        return Notation(named)
    roles = roles_of(order, [order[-1]], None)
    books = textbook_names(order, roles, units_of(order, roles), index=index)
    taken = {code[node] for node in order if labels[node]}
    found: dict[Value, Name] = {}
    for node in order:
        name = books.names[node]
        if node is order[-1] and name.is_code and not labels[node] and len(books.unit_numbers) > 0:
            name = MathName("L")
        if labels[node]:
            found[node] = Name(code[node], name)
            continue
        wish = name.typed if typed else name.text
        written = free_name(code[node] if name.is_code else wish, taken)
        taken.add(written)
        found[node] = Name(written, name)
    return Notation(found, _deltas(books, found, typed=typed))


def _deltas(books: TextbookNames, found: Mapping[Value, Name], *, typed: bool) -> dict[Value, Name]:
    deltas = {}
    for node in found:
        delta = None if _label_of(node) else books.error_of(node)
        if delta is not None:
            deltas[node] = Name(delta.typed if typed else delta.text, delta)
    return deltas


def _label_of(node: Value) -> str:
    """What a person calls a node, if anything."""
    place = node.place
    return node.label if place is None else place.label
