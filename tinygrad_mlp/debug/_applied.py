"""A formula as a token: an operation with its operands, which may be formulas again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tinygrad_mlp import ops
from tinygrad_mlp.debug._formulas import (
    MOST_TERMS,
    Beside,
    Layout,
    is_call,
    latex_formula,
    layout,
)
from tinygrad_mlp.debug._numbers import number
from tinygrad_mlp.debug._tokens import (
    Name,
    Number,
    Piece,
    Token,
    Tokens,
    as_data,
    as_runs,
    as_text,
    written_name,
)
from tinygrad_mlp.graph import Run
from tinygrad_mlp.ops import Op

__all__ = ["Applied", "put_in"]


@dataclass(frozen=True, slots=True)
class Applied(Token):
    r"""An operation with its operands: names, numbers, or such formulas again.

    Attributes:
        op: the operation.
        operands: a token for each.
        most: of how many terms all are written.
        called: whether activations are called by their names, ``sigmoid(x)``.

    >>> from tinygrad_mlp.graph import MathName
    >>> x, two = Name("x₁", MathName("x", (1,))), Number(-2.0)
    >>> token = Applied(ops.op_named("div"), (Applied(ops.op_named("add"), (x, two)), two))
    >>> print(token.text, token.latex)
    (x₁ + (-2)) / (-2) \frac{x_{1} + \left(-2\right)}{-2}
    >>> print(*[part.data() for part in token.parts()][:5])
    ['piece', '('] ['name', 'x₁'] ['piece', ' + '] ['piece', '('] ['number', '−2']
    """

    op: Op
    operands: Tokens
    most: int = MOST_TERMS
    called: bool = False

    @property
    def text(self) -> str:
        return as_text(self.parts())

    @property
    def runs(self) -> list[Run]:
        return as_runs(self.parts())

    @property
    def latex(self) -> str:
        return latex_formula(self.op, [operand.latex for operand in self.operands], self.most)

    def data(self, named: Callable[[Name], Any] = written_name) -> list[Any]:
        return ["formula", as_data(self.parts(), named)]

    def parts(self) -> list[Token]:
        """The formula as names, numbers and the pieces between them."""
        pieces = layout(self.op, len(self.operands), self.most, called=self.called)
        return put_in(pieces, self.operands)


def put_in(pieces: Layout, operands: Sequence[Token]) -> list[Token]:
    """The pieces of a formula with operands at their places, in brackets where they need them.

    >>> as_text(put_in(layout(ops.op_named("square"), 1)[:1], [Number(-2.0)]))
    '(-2)'
    """
    found: list[Token] = []
    for piece in pieces:
        if isinstance(piece, str):
            found.append(Piece(piece))
            continue
        operand = operands[piece.operand]
        parts = operand.parts()
        stands = piece.beside is Beside.NOTHING or _stands_beside(operand, piece.beside)
        found += parts if stands else [Piece("("), *parts, Piece(")")]
    return found


def _stands_beside(operand: Token, beside: Beside) -> bool:
    """Whether an operand needs no brackets beside a sign."""
    if isinstance(operand, Number):
        return not number(operand.value).startswith("-")
    if isinstance(operand, Name):
        return operand.is_one_word
    if isinstance(operand, Applied):
        if operand.op in (ops.MUL, ops.DOT) and beside is Beside.PLUS:
            return True
        return is_call(layout(operand.op, len(operand.operands), called=operand.called))
    return True
