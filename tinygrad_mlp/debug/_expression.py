"""A Value as one formula in LaTeX, in terms of the leaves that it was computed from."""

from __future__ import annotations

from typing import Final

from tinygrad_mlp._arguments import check_integer
from tinygrad_mlp._text import grouped
from tinygrad_mlp.debug._equations import is_plain
from tinygrad_mlp.debug._formulas import latex_formula
from tinygrad_mlp.debug._latex import Latex
from tinygrad_mlp.debug._notation import notation_of
from tinygrad_mlp.debug._numbers import latex_number
from tinygrad_mlp.debug._trace import require_value
from tinygrad_mlp.engine import Value, topological_order
from tinygrad_mlp.errors import GraphError
from tinygrad_mlp.graph import op_of

__all__ = ["latex"]

MOST_ALLOWED: Final = 1_000_000
"""So many operations the message offers to allow; nobody reads a longer formula."""


def latex(
    value: Value, *, names: str = "math", index: str = "unit,input", max_operations: int = 200
) -> Latex:
    r"""How a Value was computed from its leaves, as one formula in LaTeX.

    Args:
        value: the Value.
        names: "math", as books call parameters and inputs; or "code", as the program does.
        index: "unit,input" or "input,unit": the order of the indices of a weight.
        max_operations: how many operations the formula may have. A node that is used twice is
            written out twice.

    Returns:
        Text for math mode, of a document with the package amsmath.

    Raises:
        NotANumberError: if ``value`` is no Value.
        UnknownNameError: for another word of ``names`` or ``index``.
        InvalidArgumentError: if ``max_operations`` is no whole number of at least 1.
        GraphError: if the formula has more operations; the message says how many.

    >>> w, x, b = Value(2.0, label="w"), Value(0.5, label="x"), Value(-1.0, label="b")
    >>> print(latex((w * x + b).sigmoid()))
    \sigma\left(w \cdot x + b\right)
    >>> print(latex((w - 1) ** 2 / (x * b).exp()))
    \frac{\left(w - 1\right)^{2}}{e^{x \cdot b}}
    """
    require_value(value, "latex(loss)")
    check_integer(max_operations, "max_operations")
    order = topological_order(value)
    n_operations: dict[Value, int] = {}
    for node in order:
        inside = sum([n_operations[x] for x in node.parents])
        n_operations[node] = inside + 1 if node.parents else 0
    needed = n_operations[value]
    if needed > max_operations:
        few = needed <= MOST_ALLOWED
        allowing = f", or allow more: latex(loss, max_operations={needed})" if few else ""
        raise GraphError(
            f"this formula has {grouped(needed)} operations, more than max_operations="
            f"{max_operations:,}; take a Value further inside, or the steps of "
            f"trace_forward(loss).latex(){allowing}"
        )
    notation = notation_of(order, names, index)
    formulas: dict[Value, str] = {}
    for node in order:
        if node.parents:
            operands = [formulas[x] for x in node.parents]
            formulas[node] = latex_formula(op_of(node), operands, most=len(operands))
        elif is_plain(node):
            formulas[node] = latex_number(node.data)
        else:
            formulas[node] = notation.name(node).latex
    return Latex(formulas[value])
