"""What stands between the units of a network: sums of a skip connection, norms, factors.

An operation that a book draws as a sign in a circle is a step: ``+`` of what two layers give out,
a product, a batch normalization, a number that scales. Its activation belongs to it. Anything else
is no step, and circles and lines do not show it.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from typing import Final

from tinygrad_mlp import ops
from tinygrad_mlp._places import Owner
from tinygrad_mlp.engine import Value
from tinygrad_mlp.graph import op_of

__all__ = ["Step", "StepLayer", "step_at"]

ADDING: Final = (ops.ADD, ops.SUM)

SIGNS: Final = {
    ops.ADD.name: "+",
    ops.SUB.name: "\N{MINUS SIGN}",
    ops.MUL.name: "\N{MULTIPLICATION SIGN}",
    ops.DIV.name: "\N{DIVISION SIGN}",
}
"""What stands in the circle of an operation; before the number, where one operand is a number."""


@dataclass(eq=False, slots=True)
class StepLayer:
    """Steps of one kind behind the same layers, which stand in a column of their own.

    Attributes:
        name: what stands above the column, such as "sum".
    """

    name: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        sign: what stands in the circle.
        title: what stands above its column.
        operands: what it reads.
        inner: its nodes, the last of them what it gives out.
        number: the plain number that is the other operand; None where there is none.
        leaves: the parameters and buffers of a norm.
        owner: the module that is a norm.
    """

    sign: str
    title: str
    operands: tuple[Value, ...]
    inner: tuple[Value, ...]
    number: float | None = None
    leaves: tuple[Value, ...] = ()
    owner: Owner | None = None

    @property
    def kind(self) -> tuple[object, ...]:
        """What is alike in two steps that stand in one column.

        >>> x, y = Value(1.0), Value(2.0)
        >>> step_at(x + y, {}, {x, y}).kind == step_at(y + x, {}, {x, y}).kind
        True
        """
        return self.sign, self.title, self.owner, self.number is None


def step_at(node: Value, beside: dict[Value, Owner], known: Container[Value]) -> Step | None:
    """The step that gives out a node; None if it is none.

    Args:
        node: what a unit reads.
        beside: the module of each node of a norm, of ``beside_of``.
        known: the nodes that have circles.

    >>> h, x = Value(1.0), Value(2.0)
    >>> step = step_at((h + x).relu(), {}, {h, x})
    >>> step.sign, step.title, step.operands == (h, x)
    ('+', 'sum · relu', True)
    >>> step_at(h * 0.5, {}, {h}).number
    0.5
    >>> step_at(h.exp(), {}, {h}) is None
    True
    """
    if not node.parents:
        return None
    if node in beside:
        return _norm_at(node, beside)
    op = op_of(node)
    if op.activation:
        first, *others = node.parents
        if not all(map(_is_number, others)):
            return None
        if first in known:
            return Step(op.name, op.name, (first,), (node,))
        before = step_at(first, beside, known)
        if before is None or "\N{MIDDLE DOT}" in before.title:
            return None
        title = f"{before.title} \N{MIDDLE DOT} {op.name}"
        return replace(before, title=title, inner=(*before.inner, node))
    return _arithmetic_at(node, known)


def _arithmetic_at(node: Value, known: Container[Value]) -> Step | None:
    inner: list[Value] = []
    adding = node.op in ADDING
    terms = list(_terms(node, known, inner)) if adding else list(node.parents)
    numbers = [x for x in terms if x not in known and _is_number(x)]
    operands = tuple([x for x in terms if x not in numbers])
    numbers = [x for x in numbers if not (adding and x.data == 0.0)]  # where a sum starts
    sign = "+" if adding else SIGNS.get(op_of(node).name)
    if sign is None or len(set(operands)) < len(operands):
        return None
    inner = inner or [node]
    if len(operands) == 1 and len(numbers) == 1:
        if not adding and terms[0] in numbers and node.op is not ops.MUL:
            return None  # 1 - h and 1 / h
        number = numbers[0].data
        title = "shifted" if sign in ("+", SIGNS[ops.SUB.name]) else "scaled"
        return Step(sign, title, operands, tuple(inner), number=number)
    titles = {"+": "sum", SIGNS[ops.MUL.name]: "product"}
    if numbers or len(operands) < 2 or sign not in titles:
        return None
    return Step(sign, titles[sign], operands, tuple(inner))


def _norm_at(node: Value, beside: dict[Value, Owner]) -> Step | None:
    """A norm of one number."""
    owner = beside[node]
    inner: dict[Value, None] = {}
    operands: dict[Value, None] = {}
    leaves: dict[Value, None] = {}
    pending = [node]
    while pending:
        x = pending.pop()
        if x in inner:
            continue
        inner[x] = None
        for parent in x.parents:
            if beside.get(parent) is owner:
                if parent.parents:
                    pending.append(parent)
                else:
                    leaves[parent] = None
            elif not _is_number(parent) or parent.label or x.op is ops.SUB:  # x - its mean
                operands[parent] = None
    if len(operands) != 1:
        return None
    words = "".join([f" {c.lower()}" if c.isupper() else c for c in owner.kind]).strip()
    sign = "".join([c for c in owner.kind if c.isupper()])
    nodes = tuple(reversed(inner))
    return Step(sign, words, tuple(operands), nodes, leaves=tuple(leaves), owner=owner)


def _terms(node: Value, known: Container[Value], inner: list[Value]) -> Iterator[Value]:
    """What a sum of sums adds, from the left to the right; its nodes go to ``inner``."""
    pending = [node]
    while pending:
        x = pending.pop()
        if x.op in ADDING and (x is node or x not in known):
            inner.insert(0, x)
            pending.extend(reversed(x.parents))
        else:
            yield x


def _is_number(x: Value) -> bool:
    return x.op is ops.CONSTANT
