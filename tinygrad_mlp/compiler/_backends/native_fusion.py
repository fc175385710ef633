"""Instructions of which the library does two in one pass over memory, with the same roundings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from typing import Final

from tinygrad_mlp.compiler._instructions import Argument, Buffer, Instruction, Ref

__all__ = ["fused"]

_JOINED: Final = "multiply_where_unequal"
"""x where y is not z, else 0 x: how the derivative of relu passes a gradient on."""


def fused(
    instructions: Sequence[Instruction], kept: Container[Buffer], operations: Container[str]
) -> list[Instruction]:
    """The instructions, with a comparison as part of the product right behind it that reads it.

    Args:
        instructions: in order; they stay as they are.
        kept: the buffers that are read afterwards.
        operations: the names of what the library knows.

    >>> from tinygrad_mlp.compiler._instructions import Number
    >>> y, t, g = [Ref(Buffer(2, mapped=False, name=name), 0, (2,), (1,)) for name in "ytg"]
    >>> compared = Instruction("ufunc", "not_equal", [y, Number("c0", 0.0)], t)
    >>> product = Instruction("ufunc", "multiply", [g, t], g)
    >>> fused([compared, product], (), [_JOINED])
    [multiply_where_unequal(g[2], y[2], c0, out=g[2])]
    >>> fused([compared, product, product], (), [_JOINED])[0]
    not_equal(y[2], c0, out=t[2])
    """
    if _JOINED not in operations:
        return [*instructions]
    uses = Counter([ref.buffer for instruction in instructions for ref in instruction.refs()])
    found: list[Instruction] = []
    for instruction in instructions:
        before = found[-1] if found else None
        if before is not None and before.function == "not_equal" and before.kind == "ufunc":
            truth = before.out.buffer
            other = _other_factor(instruction, before.out)
            if other is not None and uses[truth] == 2 and truth not in kept:
                args = [other, *before.args]
                found[-1] = Instruction("ufunc", _JOINED, args, instruction.out)
                continue
        found.append(instruction)
    return found


def _other_factor(instruction: Instruction, truth: Ref) -> Argument:
    """What a product has beside these truth values, if it has them just as they were written."""
    if instruction.kind != "ufunc" or instruction.function != "multiply":
        return None
    x, y = instruction.args
    for factor, other in ((x, y), (y, x)):
        if isinstance(factor, Ref) and factor.buffer is truth.buffer and isinstance(other, Ref):
            same = factor == truth and other.shape == factor.shape == instruction.out.shape
            return other if same else None
    return None
