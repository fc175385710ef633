"""What the nodes of a graph are called in equations: as the program does, or as books do.

A person's own label stands as it is in both. In books a parameter of a network is w, b with its
layer and indices, a weighted sum z, an activation h, the output of the last layer y-hat, and the
gradient of a weighted sum delta; what no book has a name for keeps that of the program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from tinygrad_mlp.debug._tokens import Derivative, Name
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import UnknownNameError
from tinygrad_mlp.graph import (
    INDEX_ORDERS,
    MathName,
    TextbookNames,
    label_of,
    names_of,
    roles_of,
    textbook_names,
    units_of,
)
from tinygrad_mlp.graph._naming import FreeNames

__all__ = ["NAMES", "Notation", "check_notation", "notation_of"]

NAMES: Final = ("auto", "math", "code")
"""Names as books write them, as the program does, or as suits: in LaTeX as books do."""


@dataclass(frozen=True)
class Notation:
    """The names of the nodes of one graph.

    Attributes:
        names: one for each node; no two are written alike.
        deltas: what the gradient of a weighted sum is called.
        books: where names of books in other spellings are looked up, if they are in use.

    >>> a, b = Value(2.0), Value(3.0)
    >>> notation = Notation({a: Name("a", MathName("a")), b: Name("b", MathName("b"))})
    >>> notation.derivative(a, b).text
    'da/db'
    """

    names: Mapping[Value, Name]
    deltas: Mapping[Value, Name] = field(default_factory=dict)
    books: TextbookNames | None = field(default=None, repr=False)

    def name(self, node: Value, role: str = "") -> Name:
        """The name of a node, with a role in an equation if it has one."""
        name = self.names[node]
        return replace(name, role=role) if role else name

    def derivative(self, of: Value, by: Value, role: str = "") -> Derivative:
        """The derivative of one node by another."""
        return Derivative(self.names[of], self.names[by], role)

    @cached_property
    def written(self) -> dict[Value, str]:
        """The names as the console writes them."""
        return {node: name.written for node, name in self.names.items()}

    def spellings(self, node: Value) -> tuple[str, ...]:
        """What a person may call a node: as it is written, as one types it, as the program does.

        >>> from tinygrad_mlp.engine import topological_order
        >>> from tinygrad_mlp.nn import MLP
        >>> order = topological_order(MLP(1, [1], activation="tanh", rng=0)([3.0]).square())
        >>> notation_of(order).spellings(order[0])
        ('w₁₁⁽¹⁾', 'w[1]_11', 'layers.0.neurons.0.w.0')
        """
        name = self.names[node]
        if self.books is None:
            return (name.written,)
        return name.written, _typed(name).written, self.books.code[node]

    def typed(self) -> Notation:
        """The same for a terminal that lacks small digits: w[1]_21.

        >>> a = Value(2.0)
        >>> print(*Notation({a: Name("w₂₁⁽¹⁾", MathName("w", (2, 1), 1))}).typed().written.values())
        w[1]_21
        """
        names = {node: _typed(name) for node, name in self.names.items()}
        return replace(
            self, names=names, deltas={node: _typed(name) for node, name in self.deltas.items()}
        )


def _typed(name: Name) -> Name:
    """The name in characters of every keyboard, if it is as books write it."""
    text = name.name.text
    return replace(name, written=name.name.typed) if name.written == text else name


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


def notation_of(order: Sequence[Value], names: str = "math", index: str = "unit,input") -> Notation:
    """The names of the nodes of a graph.

    Args:
        order: the nodes in topological order, the loss last.
        names: "math" for w₂₁⁽¹⁾, or "code" for layers.0.neurons.1.w.0.
        index: "unit,input" or "input,unit", see ``textbook_names``.

    Raises:
        UnknownNameError: for another word.

    >>> from tinygrad_mlp.engine import topological_order
    >>> from tinygrad_mlp.nn import MLP
    >>> order = topological_order(MLP(1, [1], activation="tanh", rng=0)([3.0]).square())
    >>> print(*[name.text for name in notation_of(order).names.values()])
    w₁₁⁽¹⁾ x₁ b₁⁽¹⁾ z₁⁽¹⁾ L
    """
    check_notation(names, index)
    code = names_of(order)
    if names == "code":
        return Notation({x: _of_code(text, label_of(x, None)) for x, text in code.items()})
    roles = roles_of(order, [order[-1]], None)
    units = units_of(order, roles)
    labels = {node: label_of(node, units.get(node)) for node in order}
    books = textbook_names(order, roles, units, index=index)
    free = FreeNames(code[node] for node in order if labels[node])
    found: dict[Value, Name] = {}
    for node in order:
        name = books.names[node]
        if labels[node]:
            found[node] = Name(code[node], name)
            continue
        if name.is_code and books.unit_numbers and node is order[-1]:
            name = MathName("L")  # what stands above a network and has no other name
        written = free.take(code[node] if name.is_code else name.text)
        found[node] = _of_code(written) if name.is_code else Name(written, name)
    deltas = {
        node: Name(delta.text, delta)
        for node in order
        if not labels[node] and (delta := books.error_of(node)) is not None
    }
    return Notation(found, deltas, books)


def _of_code(text: str, label: str = "") -> Name:
    """A name of the program; labels, variables and v with a number are as books write them."""
    is_word = label or text.isidentifier()
    return Name(text, MathName.of_label(text) if is_word else MathName.code(text))
