"""The mistakes that people make in one step of the chain rule, each with its number and reason.

The likelier ones come first: where two give the same number, the first is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from tinygrad_mlp import ops
from tinygrad_mlp.debug._equations import is_plain, local_rule
from tinygrad_mlp.debug._quiz_judging import Mistake
from tinygrad_mlp.debug._quiz_rounding import Rounded, partial_at, rounded_partial, value_at
from tinygrad_mlp.debug._quiz_setting import Setting
from tinygrad_mlp.debug._steps import BackwardStep
from tinygrad_mlp.debug._tokens import Number, Sign, Token, Tokens, Word
from tinygrad_mlp.engine import Value
from tinygrad_mlp.graph import op_of

__all__ = ["Asked", "backward_mistakes"]

POLYNOMIALS: Final = frozenset({"square", "pow_number", "reciprocal", "abs", "neg"})
"""Operations of one number that have mistakes of their own, not those of a function."""

MOST_PATHS: Final = 4
"""Of at most so many earlier paths each may be the one that was forgotten."""

SLIPS: Final[dict[str, tuple[Callable[[float], float], str]]] = {
    "tanh": (lambda value: 1.0 - value, "the square is missing"),
    "sigmoid": (lambda value: 1.0 - value, "one of the two factors is missing"),
}
"""What people make of the derivative of a function, from its value, and the words for it."""


class Asked:
    """The numbers of a step that is asked about, and what the answer is.

    Args:
        step: the step.
        setting: what stands around it.

    Attributes:
        upstream: the gradient that comes in.
        partial: the local derivative.
        flows: their product.
        before: what arrived along other paths.
        is_sum: whether the whole gradient is asked for, of which a part had arrived before.
        is_part: whether only the product is, as more is to come.

    >>> from tinygrad_mlp.debug import trace_backward
    >>> from tinygrad_mlp.engine import Value
    >>> a = Value(3.0, label="a")
    >>> trace = trace_backward(a * a)
    >>> for step in trace:
    ...     asked = Asked(step, Setting(trace))
    ...     print(asked.answer.value, asked.is_part, asked.is_sum)
    3.0 True False
    6.0 False True
    """

    def __init__(self, step: BackwardStep, setting: Setting) -> None:
        node = step.node
        self.step = step
        self.op = op_of(node)
        self.inputs = [parent.data for parent in node.parents]
        several = setting.count_of(step.parent) > 1 or not step.is_first
        self.is_part = several and not step.is_last
        self.is_sum = several and step.is_last and not step.is_first
        self.upstream = Rounded.of(step.upstream)
        self.partial = self._partial()
        self.flows = self.upstream * self.partial
        self.before = Rounded.of(step.grad_before)
        self.answer = self.whole(self.flows)

    def _partial(self) -> Rounded:
        step = self.step
        if self.op is ops.DOT:
            return Rounded.of(step.partial)
        return rounded_partial(self.op, step.position, step.node.data, self.inputs, step.partial)

    def whole(self, flows: Rounded) -> Rounded:
        """The answer if this were what flows."""
        return self.before + flows if self.is_sum else flows


class Wrong(NamedTuple):
    """Another local derivative than the right one."""

    partial: float
    kind: str
    reason: Tokens


def backward_mistakes(asked: Asked, setting: Setting) -> Iterator[Mistake]:
    """The known mistakes of a step, the likelier first.

    Args:
        asked: the step and its numbers.
        setting: what stands around it.

    >>> from tinygrad_mlp.debug import trace_backward
    >>> from tinygrad_mlp.debug._tokens import as_text
    >>> from tinygrad_mlp.engine import Value
    >>> trace = trace_backward(Value(0.5, label="z").tanh() * 3.0)
    >>> for mistake in backward_mistakes(Asked(trace[1], Setting(trace)), Setting(trace)):
    ...     print(f"{mistake.target.value:7.4f} {as_text(mistake.reason)[:56].rstrip()}")
     1.3864 that is with v2 = tanh(z) itself; its derivative is 1 -
     2.4406 the derivative of tanh was taken at v2; it belongs at z
     2.2500 in the derivative 1 - tanh(z)^2, z stands where v2 belon
     1.6136 the square is missing: 1 - tanh(z)^2
     3.0000 that is dv3/dv2 alone; the local derivative dv2/dz = 0.7
     0.7864 that is the local derivative dv2/dz alone; dv3/dv2 = 3,
    -2.3593 the sign is wrong: dv2/dz = 0.7864 and dv3/dv2 = 3
     3.7864 the chain rule multiplies dv3/dv2 and dv2/dz; here they
    """
    yield from _of_paths(asked, setting)
    if asked.step.partial == -1.0:  # then what is left out is the sign
        yield from _of_sign(asked, setting)
    for wrong in (*_of_operation(asked, setting), *_of_factors(asked, setting)):
        flows = asked.upstream * Rounded.of(wrong.partial)
        yield Mistake(asked.whole(flows).target(), wrong.kind, wrong.reason)
    yield from _of_local_alone(asked, setting)
    yield from _of_sign(asked, setting)
    yield from _of_index(asked, setting)
    yield from _of_addition(asked, setting)


# The paths


def _of_paths(asked: Asked, setting: Setting) -> Iterator[Mistake]:
    step = asked.step
    gradient = setting.of_loss(step.parent)
    through = setting.name(step.node)
    before = Number(step.grad_before)
    if asked.is_sum:
        yield Mistake(
            asked.flows.target(),
            "paths",
            (
                *(Word("that is only the path through "), through),
                *(Word("; add what came along the others, "), before),
            ),
        )
        yield Mistake(
            asked.before.target(),
            "paths",
            (
                *(Word("that is only what came along the earlier paths; add the path through "),),
                through,
            ),
        )
        yield from _of_one_path(asked, setting)
    elif asked.is_part:
        after = Rounded.of(step.grad_before) + asked.flows
        yield Mistake(
            after.target(),
            "paths",
            (
                *(Word("that is "), gradient, Word(" so far, with the earlier paths; ")),
                *(Word("asked is only what the path through "), through, Word(" adds")),
            ),
        )
        whole = setting.whole(step)
        if whole is not None:
            yield Mistake(
                Rounded.of(whole).target(),
                "paths",
                (
                    *(
                        Word("that is "),
                        gradient,
                        Word(" along all paths; asked is only what the "),
                    ),
                    *(Word("path through "), through, Word(" adds")),
                ),
            )


def _of_one_path(asked: Asked, setting: Setting) -> Iterator[Mistake]:
    """Of three paths or more one is left out."""
    earlier = setting.earlier(asked.step)
    if not 2 <= len(earlier) <= MOST_PATHS:
        return
    for other in earlier:
        left_out = (Word("the path through "), setting.name(other.node), Word(" is missing"))
        yield Mistake((asked.answer + -Rounded.of(other.contribution)).target(), "paths", left_out)


# Another local derivative


def _of_operation(asked: Asked, setting: Setting) -> Iterator[Wrong]:
    """What is put in the place of the local derivative of this operation."""
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


# A factor left out


def _of_factors(asked: Asked, setting: Setting) -> Iterator[Wrong]:
    """The gradient from above as it comes."""
    step = asked.step
    node, parent = step.node, step.parent
    alone: Tokens = (
        *(Word("that is "), setting.of_loss(node), Word(" alone; the local derivative ")),
        *(setting.local(node, parent), Sign("="), Number(step.partial), Word(" is missing")),
    )
    yield Wrong(1.0, "factor", alone)


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


def _of_local_alone(asked: Asked, setting: Setting) -> Iterator[Mistake]:
    step = asked.step
    reason: Tokens = (
        Word("that is the local derivative "),
        *(setting.local(step.node, step.parent), Word(" alone; "), setting.of_loss(step.node)),
        *(Sign("="), Number(step.upstream), Word(", which comes from above, is missing")),
    )
    yield Mistake(asked.whole(asked.partial).target(), "factor", reason)


def _of_sign(asked: Asked, setting: Setting) -> Iterator[Mistake]:
    step = asked.step
    reason: Tokens = (
        *(Word("the sign is wrong: "), setting.local(step.node, step.parent), Sign("=")),
        *(Number(step.partial), Word(" and "), setting.of_loss(step.node), Sign("=")),
        Number(step.upstream),
    )
    yield Mistake(asked.whole(-asked.flows).target(), "sign", reason)
    if asked.is_sum:
        of_sum: Tokens = (
            *(
                Word("the sign of the sum is wrong: "),
                Number(step.grad_before),
                Word(" came before"),
            ),
            *(Word(" and this path adds "), Number(step.contribution)),
        )
        yield Mistake((-asked.answer).target(), "sign", of_sum)


# The gradient of another


def _of_index(asked: Asked, setting: Setting) -> Iterator[Mistake]:
    step = asked.step
    for other, gradient in setting.alike(step):
        reason: Tokens = (
            *(setting.of_loss(other), Word(" was taken for "), setting.of_loss(step.node)),
        )
        flows = Rounded.of(gradient) * asked.partial
        yield Mistake(asked.whole(flows).target(), "index", reason)


def _of_addition(asked: Asked, setting: Setting) -> Iterator[Mistake]:
    step = asked.step
    reason: Tokens = (
        *(Word("the chain rule multiplies "), setting.of_loss(step.node), Word(" and ")),
        *(setting.local(step.node, step.parent), Word("; here they are added")),
    )
    yield Mistake(asked.whole(asked.upstream + asked.partial).target(), "factor", reason)


# Words


def _local_rule(asked: Asked, setting: Setting) -> Tokens:
    step = asked.step
    operands: list[Token] = [setting.operand(parent) for parent in step.node.parents]
    return local_rule(step.node, step.position, setting.name(step.node), operands)


def _rule(asked: Asked, setting: Setting, words: str) -> Tokens:
    step = asked.step
    symbol = setting.local(step.node, step.parent)
    return (Word(f"{words}: "), symbol, Sign("="), *_local_rule(asked, setting))
