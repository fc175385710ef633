"""What boxes say of an operation: its symbol with the plain numbers put in, and its operands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from tinygrad_mlp import ops
from tinygrad_mlp.ops import Op

__all__ = ["added", "bracketed", "in_words", "operand_words", "order_matters"]

OPERAND: Final = "u"
"""What formulas call an operand that an arrow brings, as the replay does."""
MINUS: Final = "\N{MINUS SIGN}"
LONE_X: Final = re.compile(r"(?<![a-z])x(?![a-z])")  # not the one in "max"
RAISED: Final = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def in_words(op: Op, numbers: Sequence[str | None]) -> str:
    """An operation with the plain numbers among its operands; u stands for the others.

    Args:
        op: the operation.
        numbers: for each operand the number as text, or None where it is no plain number.

    >>> in_words(ops.SUB, [None, "1"]), in_words(ops.POW, [None, "3"])
    ('u − 1', 'u³')
    >>> in_words(ops.SQUARE, [None]), in_words(ops.EXP, [None])
    ('u²', 'exp')
    >>> in_words(ops.MAXIMUM, [None, "0"]), in_words(ops.TANH, [None])
    ('max(u, 0)', 'tanh')
    """
    if not any(numbers) or op is ops.DOT:
        # A dot with weights is a neuron, with words of its own.
        return "a·b" if op is ops.DOT else LONE_X.sub(OPERAND, op.symbol)
    if op.variadic:
        return f"{op.symbol}(…, {', '.join(filter(None, numbers))})"
    words = [number or OPERAND for number in numbers]
    if op.symbol == ops.POW.symbol:
        base, exponent = words
        raised = exponent.translate(RAISED)
        return f"{bracketed(base)}{raised if raised.isnumeric() else f'^{exponent}'}"
    if op.infix:
        first, second = words
        return f"{first} {op.symbol} {bracketed(second)}"
    return f"{op.symbol}({', '.join(words)})"


def order_matters(op: Op) -> bool:
    """Whether another order of its operands gives another result.

    >>> order_matters(ops.DIV), order_matters(ops.MUL)
    (True, False)
    """
    return not (op.variadic or op.commutative)


def operand_words(op: Op, operands: Sequence[str]) -> list[str]:
    """One text for each operand, where it matters which of them is which; else nothing.

    >>> operand_words(ops.SUB, ["a", "b"]), operand_words(ops.MUL, ["a", "b"])
    (['a', '− b'], [])
    >>> operand_words(ops.WHERE, ["1", "2", "3"])
    ['if 1', 'then 2', 'else 3']
    """
    if not order_matters(op) or len(operands) < 2:
        return []
    if op.infix:
        first, second = operands
        return [first, f"{op.symbol} {bracketed(second)}"]
    places = op.places or ops.LETTERS
    return [f"{place} {operand}".strip() for place, operand in zip(places, operands, strict=False)]


def added(word: str) -> str:
    """A further term of a sum, with its sign.

    >>> added("0.5"), added("−0.5")
    ('+ 0.5', '− 0.5')
    """
    return f"{MINUS} {word[1:]}" if word.startswith(MINUS) else f"+ {word}"


def bracketed(word: str) -> str:
    """An operand behind an operator, in brackets if it is negative.

    >>> bracketed("0.5"), bracketed("−0.5")
    ('0.5', '(−0.5)')
    """
    return f"({word})" if word.startswith(MINUS) else word
