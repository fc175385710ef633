"""What the page of a replay calls nodes and neurons: as books do, or as the program does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tinygrad_mlp.engine import Value
from tinygrad_mlp.graph import MathName, Unit, name_in_network, names_of, textbook_names
from tinygrad_mlp.graph._naming import free_name

__all__ = ["NAMES", "ReplayNames", "letters_of"]

NAMES: Final = ("math", "code")
"""How things are called: as books do, or as the program does."""

KINDS: Final = {"italic": "i", "upright": "u", "sub": "b", "sup": "p", "code": "c"}
"""How the page writes the kinds of letters."""


class ReplayNames:
    """The names of the nodes of one graph, and of its neurons.

    Attributes:
        code: what the program calls each node; what has no label is called after its neuron.
        shown: what the page calls it.

    >>> from tinygrad_mlp.graph import order_of, roles_of, units_of
    >>> order = order_of([Value(2.0, label="w1") * 3.0])
    >>> roles = roles_of(order, order[-1:], None)
    >>> names = ReplayNames(order, roles, units_of(order, roles), by_math=True, index="unit,input")
    >>> print(*names.shown.values())
    w₁ v1 L
    """

    def __init__(
        self,
        order: Sequence[Value],
        roles: dict[Value, str],
        units: dict[Value, Unit],
        *,
        by_math: bool,
        index: str,
    ) -> None:
        self.by_math = by_math
        self.code = _code_names(order, units)
        self.shown = {node: MathName.code(name) for node, name in self.code.items()}
        if by_math:
            for node, name in textbook_names(order, roles, units, index=index).names.items():
                if not name.is_code:
                    self.shown[node] = name
            root = order[-1]
            if self.code[root] == "L" and not root.label:
                self.shown[root] = MathName("L")

    def of_unit(self, head: Value, unit: Unit) -> tuple[MathName, str]:
        """What a neuron is called whose output is ``head``, and what the program calls it."""
        if unit.placed:
            code = unit.path or "neuron"
        else:
            code = self.code[head] if head.label else unit.path.replace(".", ", ")
        name = self.shown[head]
        return (name if self.by_math and not name.is_code else MathName.code(code)), code


def letters_of(name: MathName) -> str:
    """The letters of a name for the page, each run behind its kind; "" for a name of the program.

    >>> letters_of(MathName("w", (2, 1), 1)), letters_of(MathName.code("net"))
    ('iw|b21|p(1)', '')
    """
    return "" if name.is_code else "|".join([f"{KINDS[run.kind]}{run.text}" for run in name.runs])


def _code_names(order: Sequence[Value], units: dict[Value, Unit]) -> dict[Value, str]:
    """The names of the step log; what has no label there is called after its neuron, or L."""
    names = names_of(order)
    taken = set(names.values())
    for node in order:
        wish = "" if node.label else name_in_network(node, units.get(node))
        if not wish and node is order[-1] and node.parents and not node.label:
            wish = "L"
        if wish:
            names[node] = free_name(wish, taken)
            taken.add(names[node])
    return names
