"""The mistakes that people make in one step forward, each with its number and reason."""

from __future__ import annotations

from collections.abc import Iterator
from math import fsum
from typing import Final

from tinygrad_mlp import ops
from tinygrad_mlp.debug._equations import product_name
from tinygrad_mlp.debug._forward import ForwardStep
from tinygrad_mlp.debug._quiz_judging import Mistake, Target
from tinygrad_mlp.debug._quiz_rounding import Rounded, partial_at, shown, value_at
from tinygrad_mlp.debug._quiz_setting import Setting
from tinygrad_mlp.debug._tokens import Sign, Tokens, Word
from tinygrad_mlp.graph import op_of

__all__ = ["forward_answer", "forward_mistakes"]

MOST_PRODUCTS: Final = 4
"""Of a sum of at most so many products each may be the one that was forgotten."""

INSTEAD: Final = {
    "add": (("sub", "subtracted"), ("mul", "multiplied")),
    "sub": (("add", "added"),),
    "mul": (("add", "added"),),
    "div": (("mul", "multiplied"),),
    "pow_number": (("mul", "multiplied"),),
}
"""What people do instead of an operation with two operands, and the word for it."""


def forward_answer(step: ForwardStep) -> Rounded:
    """The number that comes out, and what it may be off with the numbers in view.

    >>> from tinygrad_mlp.debug import trace_forward
    >>> from tinygrad_mlp.engine import Value
    >>> forward_answer(trace_forward(Value(3.0) * 0.5)[0]).value
    1.5
    """
    if step.op is ops.DOT:
        products = _products(step)
        total = sum([*products, *_biases(step)], Rounded(0.0))
        in_parts = sum([Rounded.of(product.value).error for product in products])
        return Rounded(step.output, total.error + in_parts)
    in_view = value_at(step.op, [shown(x) for x in step.inputs])
    apart = abs(in_view - step.output)
    return Rounded(step.output, apart if apart <= abs(step.output) + 1.0 else 0.0)


def forward_mistakes(step: ForwardStep, setting: Setting) -> Iterator[Mistake]:
    """The known mistakes of a step, the likelier first.

    Args:
        step: the step.
        setting: what stands around it.

    >>> from tinygrad_mlp.debug import trace_forward
    >>> from tinygrad_mlp.debug._tokens import as_text
    >>> from tinygrad_mlp.engine import Value
    >>> (step,) = trace_forward(Value(-2.0, label="z").relu())
    >>> for mistake in forward_mistakes(step, Setting(step.trace)):
    ...     print(f"{mistake.target.value + 0.0:g} {mistake.kind}: {as_text(mistake.reason)}")
    -2 operation: that is z itself; relu(z) is asked
    0 derivative: that is the derivative of relu, not its value
    2 sign: the sign of z is wrong
    0 sign: the sign is wrong
    """
    if step.op is ops.DOT:
        yield from _of_sum(step, setting)
    elif len(step.inputs) == 2 and step.op.infix:
        yield from _of_two(step)
    elif step.op.arity == 1 or step.op.activation:
        yield from _of_function(step, setting)
    yield from _of_next(step, setting)
    yield Mistake((-forward_answer(step)).target(), "sign", (Word("the sign is wrong"),))


def _products(step: ForwardStep) -> list[Rounded]:
    n = len(step.inputs) // 2
    pairs = zip(step.inputs[:n], step.inputs[n : 2 * n], strict=True)
    return [Rounded.of(w) * Rounded.of(x) for w, x in pairs]


def _biases(step: ForwardStep) -> list[Rounded]:
    return [Rounded.of(bias) for bias in step.inputs[2 * (len(step.inputs) // 2) :]]


def _of_sum(step: ForwardStep, setting: Setting) -> Iterator[Mistake]:
    """What is forgotten in a weighted sum, or put beside the wrong input."""
    answer, parents = forward_answer(step), step.node.parents
    n = len(parents) // 2
    for bias, parent in zip(_biases(step), parents[2 * n :]):
        missing: Tokens = (Word("the bias "), setting.name(parent), Word(" is missing"))
        yield Mistake((answer + -bias).target(), "operation", missing)
    if n == 2:
        w1, w2, x1, x2 = step.inputs[:4]
        swapped = fsum([w1 * x2, w2 * x1, *step.inputs[4:]])
        names = [setting.name(parent) for parent in (parents[0], parents[2])]
        crossed: Tokens = (
            *(Word("the inputs are exchanged: "), names[0], Word(" belongs to "), names[1]),
        )
        yield Mistake(Target(swapped, answer.error), "index", crossed)
    if 1 < n <= MOST_PRODUCTS:
        for place, product in enumerate(_products(step)):
            left_out: Tokens = (
                *(Word("the product "), product_name(place), Sign("=")),
                *(setting.name(parents[place]), Sign("*"), setting.name(parents[place + n])),
                Word(" is missing"),
            )
            yield Mistake((answer + -product).target(), "operation", left_out)
    added = fsum(step.inputs)
    yield Mistake(
        Target(added, answer.error), "operation", (Word("weights and inputs are multiplied"),)
    )


def _of_two(step: ForwardStep) -> Iterator[Mistake]:
    error = forward_answer(step).error
    if not step.op.commutative:
        exchanged = value_at(step.op, step.inputs[::-1])
        kind = "sign" if step.op.name == "sub" else "operation"
        reason = (Word("the two numbers are exchanged"),)
        yield Mistake(Target(exchanged, error), kind, reason)
    for name, done in INSTEAD.get(step.op.name, ()):
        other = value_at(ops.op_named(name), step.inputs)
        wrong = (Word(f"that is {done}; asked is {step.op.formula}"),)
        yield Mistake(Target(other, error), "operation", wrong)


def _of_function(step: ForwardStep, setting: Setting) -> Iterator[Mistake]:
    op, x = step.op, step.inputs[0]
    operand = setting.operand(step.node.parents[0])
    itself: Tokens = (
        *(Word("that is "), operand, Word(f" itself; {op.name}("), operand, Word(") is asked")),
    )
    yield Mistake(Rounded.of(x).target(), "operation", itself)
    if op.name == "square":
        doubled = (Word("that is doubled, not squared"),)
        yield Mistake((Rounded.of(x) + Rounded.of(x)).target(), "operation", doubled)
        return
    partial = Rounded.of(partial_at(op, 0, step.output, step.inputs))
    derived = (Word(f"that is the derivative of {op.name}, not its value"),)
    yield Mistake(partial.target(), "derivative", derived)
    turned = value_at(op, [-x, *step.inputs[1:]])
    mirrored: Tokens = (Word("the sign of "), operand, Word(" is wrong"))
    error = forward_answer(step).error
    if (op.masking and x < 0.0) or not op.masking:
        yield Mistake(Target(turned, error), "sign", mirrored)


def _of_next(step: ForwardStep, setting: Setting) -> Iterator[Mistake]:
    """The activation is applied already."""
    for user in dict.fromkeys(setting.uses.get(step.node, ())):
        if op_of(user).activation and user.parents[0] is step.node:
            ahead: Tokens = (
                *(Word("that is "), setting.name(user), Sign("=")),
                *(Word(f"{op_of(user).name}("), setting.name(step.node), Word(") already")),
            )
            yield Mistake(Rounded.of(user.data).target(), "operation", ahead)
