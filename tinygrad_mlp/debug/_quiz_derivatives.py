"""What people take for the local derivative of an operation, with the reason why it is not.

The likelier come first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from tinygrad_mlp import ops
from tinygrad_mlp.debug._equations import is_plain, local_rule
from tinygrad_mlp.debug._quiz_asked import Asked
from tinygrad_mlp.debug._quiz_rounding import Rounded, partial_at, value_at
from tinygrad_mlp.debug._quiz_setting import Setting
from tinygrad_mlp.debug._tokens import Number, Sign, Token, Tokens, Word
from tinygrad_mlp.engine import Value

__all__ = ["Wrong", "wrong_derivatives"]

POLYNOMIALS: Final = frozenset({"square", "pow_number", "reciprocal", "abs", "neg"})
"""Operations of one number that have mistakes of their own, not those of a function."""

SLIPS: Final[dict[str, tuple[Callable[[float], float], str]]] = {
    "tanh": (lambda value: 1.0 - value, "the square is missing"),
    "sigmoid": (lambda value: 1.0 - value, "one of the two factors is missing"),
}
"""What people make of the derivative of a function, from its value, and the words for it."""


class Wrong(NamedTuple):
    """Another local derivative than the right one."""

    partial: float
    kind: str
    reason: Tokens


def wrong_derivatives(asked: Asked, setting: Setting) -> Iterator[Wrong]:
    """What is put in the place of the local derivative of an operation, the likelier first.

    Args:
        asked: the step and its numbers.
        setting: what stands around it.

    >>> from tinygrad_mlp.debug import trace_backward
    >>> from tinygrad_mlp.debug._tokens import as_text
    >>> trace = trace_backward(Value(3.0, label="a").square())
    >>> asked = Asked(trace[0], Setting(trace))
    >>> for wrong in wrong_derivatives(asked, Setting(trace)):
    ...     print(wrong.partial, as_text(wrong.reason))
    3.0 the factor 2 of the power is missing: 2 a
    18.0 the exponent 2 goes down by 1: 2 a
    9.0 that is with the power itself; its derivative is 2 a
    2.0 that is with the exponent alone: 2 a
    """
    op, step = asked.op, asked.step
    node, parent = step.node, step.parent
    constant = _constant_beside(asked)
    if constant is not None:
        forgotten: Tokens = (
            *(Word("the factor "), *constant, Word(" is missing: ")),
            *(setting.local(node, parent), Sign("="), Number(step.partial)),
        )
        yield Wrong(1.0, "constant", forgotten)
    if step.partial == 0.0 and op.masking:
        passes_none: Tokens = (
            *(Word(f"{op.name} lets nothing through here: "), setting.local(node, parent)),
            Word(" = 0"),
        )
        yield Wrong(1.0, "derivative", passes_none)
    elif step.partial == 1.0 and op.masking:
        passes_all: Tokens = (
            *(Word(f"{op.name} lets all through here: "), setting.local(node, parent)),
            Word(" = 1"),
        )
        yield Wrong(0.0, "derivative", passes_all)
    if op.name in ("dot", "mul"):
        yield from _of_products(asked, setting)
    elif op.name == "div":
        yield from _of_quotient(asked, setting)
    elif op.name in ("square", "pow_number"):
        yield from _of_power(asked, setting)
    elif op.name == "reciprocal":
        yield Wrong(-abs(node.data), "derivative", _rule(asked, setting, "the square is missing"))
        yield Wrong(node.data, "derivative", _rule(asked, setting, "that is with the value itself"))
    elif op.name == "binary_cross_entropy" and step.position == 0:
        logit, target = asked.inputs
        share = step.partial + target
        of_target = (Word("the target is not subtracted: "), *_local_rule(asked, setting))
        yield Wrong(share, "derivative", of_target)
        of_logit = (Word("that is with the logit, not its sigmoid: "), *_local_rule(asked, setting))
        yield Wrong(logit - target, "derivative", of_logit)
    elif op.name == "logsumexp":
        unshared = (Word("that is not divided by the sum: "), *_local_rule(asked, setting))
        yield Wrong(value_at(ops.EXP, [parent.data]), "constant", unshared)
    elif op.fixed_partials is None and step.position == 0 and _is_function(asked):
        yield from _of_function(asked, setting)


def _is_function(asked: Asked) -> bool:
    """A function of one number, maybe with parameters of its own such as a slope."""
    op = asked.op
    return op.activation or (op.arity == 1 and op.name not in POLYNOMIALS)


def _of_function(asked: Asked, setting: Setting) -> Iterator[Wrong]:
    op, step = asked.op, asked.step
    node, parent = step.node, step.parent
    value, operand = setting.name(node), setting.operand(parent)
    rule = _local_rule(asked, setting)
    further = asked.inputs[1:]
    itself: Tokens = (
        *(Word("that is with "), value, Word(f" = {op.name}("), operand, Word(") itself; ")),
        *(Word("its derivative is "), *rule),
    )
    yield Wrong(node.data, "derivative", itself)
    at_value = [node.data, *further]
    elsewhere: Tokens = (
        *(Word(f"the derivative of {op.name} was taken at "), value),
        *(Word("; it belongs at "), operand, Sign("="), Number(parent.data)),
    )
    yield Wrong(
        partial_at(op, step.position, value_at(op, at_value), at_value), "derivative", elsewhere
    )
    mixed: Tokens = (
        *(Word("in the derivative "), *rule, Word(", "), operand),
        *(Word(" stands where "), value, Word(" belongs")),
    )
    yield Wrong(partial_at(op, step.position, parent.data, asked.inputs), "derivative", mixed)
    if op.name in SLIPS:
        slip, words = SLIPS[op.name]
        yield Wrong(slip(node.data), "derivative", (Word(f"{words}: "), *rule))


def _of_products(asked: Asked, setting: Setting) -> Iterator[Wrong]:
    """By w it is the x beside it."""
    step = asked.step
    own = step.parent
    other = _factor_beside(asked)
    if other is None:
        return
    itself: Tokens = (
        *(Word("that is with "), setting.name(own), Word(" itself; the derivative by it is ")),
        *(Word("what stands beside it, "), setting.operand(other)),
    )
    yield Wrong(own.data, "index", itself)
    for neighbor, partial in setting.beside(step):
        if neighbor is not own:
            taken: Tokens = (
                *(setting.local(step.node, neighbor), Word(" was taken for ")),
                setting.local(step.node, own),
            )
            yield Wrong(partial, "index", taken)


def _factor_beside(asked: Asked) -> Value | None:
    """What an operand is multiplied by; None for a bias."""
    step, parents = asked.step, asked.step.node.parents
    n = len(parents) // 2
    if step.position >= 2 * n:
        return None
    return parents[step.position + n if step.position < n else step.position - n]


def _of_quotient(asked: Asked, setting: Setting) -> Iterator[Wrong]:
    over, under = [Rounded(x).value for x in asked.inputs]
    if asked.step.position == 0:
        yield Wrong(under, "derivative", _rule(asked, setting, "that is multiplied, not divided"))
        return
    if under == 0.0:
        return
    yield Wrong(-over / under, "derivative", _rule(asked, setting, "the square is missing"))
    yield Wrong(-1.0 / (under * under), "factor", _rule(asked, setting, "the numerator is missing"))
    yield Wrong(1.0 / under, "derivative", _rule(asked, setting, "that is the derivative above"))


def _of_power(asked: Asked, setting: Setting) -> Iterator[Wrong]:
    step, x = asked.step, asked.inputs[0]
    if step.position:
        return
    exponent = 2.0 if asked.op.name == "square" else asked.inputs[1]
    exponents: Tokens = (Number(exponent),)
    if exponent:
        missing = (Word("the factor "), *exponents, Word(" of the power is missing: "))
        yield Wrong(step.partial / exponent, "constant", (*missing, *_local_rule(asked, setting)))
    kept: Tokens = (
        *(Word("the exponent "), *exponents, Word(" goes down by 1: ")),
        *_local_rule(asked, setting),
    )
    yield Wrong(exponent * step.node.data, "derivative", kept)
    itself: Tokens = (Word("that is with the power itself; its derivative is "),)
    yield Wrong(step.node.data, "derivative", (*itself, *_local_rule(asked, setting)))
    if x != exponent:
        alone = (Word("that is with the exponent alone: "), *_local_rule(asked, setting))
        yield Wrong(exponent, "derivative", alone)


def _constant_beside(asked: Asked) -> Tokens | None:
    """The plain number by which a node is multiplied or divided, such as the 1/n of a mean."""
    op, parents, at = asked.op, asked.step.node.parents, asked.step.position
    if op.name == "mul" and is_plain(parents[1 - at]):
        return (Number(parents[1 - at].data),)
    if op.name == "div" and at == 0 and is_plain(parents[1]):
        return (Word("1/"), Number(parents[1].data))
    if op.name == "batch_mean":
        return (Word("1/B"),)
    return None


def _local_rule(asked: Asked, setting: Setting) -> Tokens:
    step = asked.step
    operands: list[Token] = [setting.operand(parent) for parent in step.node.parents]
    return local_rule(step.node, step.position, setting.name(step.node), operands)


def _rule(asked: Asked, setting: Setting, words: str) -> Tokens:
    step = asked.step
    symbol = setting.local(step.node, step.parent)
    return (Word(f"{words}: "), symbol, Sign("="), *_local_rule(asked, setting))
