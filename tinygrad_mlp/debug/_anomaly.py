"""The first nan or inf, where it is made: ``detect_anomaly``.

Within the block each node is checked when it is made, and each gradient when it is passed on, so
the error stands at the cause and not at the loss where it is noticed. It is an observer of what is
computed in its block, as the recording of places is, so that off it costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_mlp import ops
from tinygrad_mlp._freezing import clear_frozen
from tinygrad_mlp._order import orders_of
from tinygrad_mlp._reach import give_zero
from tinygrad_mlp._recording import unobserved
from tinygrad_mlp.compiler import Program
from tinygrad_mlp.debug._creation import CreationObserver, location_of, with_places
from tinygrad_mlp.engine import Value, enable_grad
from tinygrad_mlp.errors import NonFiniteError
from tinygrad_mlp.graph import op_of, order_of
from tinygrad_mlp.graph._naming import PlaceNames
from tinygrad_mlp.graph._walk import Flow, flows
from tinygrad_mlp.ops import Op

__all__ = ["advice_for", "detect_anomaly"]

MOST_INPUTS: Final = 6

BOTH_BRANCHES: Final = "inside a where too, which computes both branches"


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Within this block the first nan or inf that is computed raises an error at its cause.

    The forward pass is checked while the graph is built, then the backward pass: ``backward``,
    ``trace_backward`` and ``grad``. The message says the operation, its inputs, the label, the file
    and line of a person's program, and, where the cause is a known one, what to do.

    A compiled program (``fit`` takes that engine by default) makes no nodes. When its loss, its
    gradients or its predictions come out nan or inf, the same batch is computed again eagerly,
    which finds the node, and the message says so.

    It looks at what the thread or asyncio task that opens the block computes, not at others.

    Raises:
        NonFiniteError: within the block, at the first nan or inf.

    >>> with detect_anomaly():
    ...     Value(0.0, label="p").log()
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.NonFiniteError: log gives -inf in the forward pass
      made at: ...:2 in <module>
      inputs: p = 0.0
      advice: log(0) is -inf; keep its argument above 0 (inside a where too, which computes both \
branches), or take the loss from the logits
    """
    with with_places(_AnomalyObserver()):
        yield


class _AnomalyObserver(CreationObserver):
    """Notes where a node was made, and refuses whatever is nan or inf."""

    looks_at_passes = True
    looks_at_variables = False

    def made(self, node: Value, op: Op, parents: tuple[Value, ...]) -> Value:
        """Op and parents are given, since a node of ``no_grad`` does not have them."""
        node = super().made(node, op, parents)
        if not math.isfinite(node.data):
            raise NonFiniteError(_forward_message(node, op, parents))
        return node

    def look_at_pass(self, output: Value) -> Callable[[Flow], None]:
        """A check of each step."""
        return _Check(orders_of(output)[1])

    def backward(self, output: Value, seed: float) -> None:
        """``Value.backward`` with a look at each step."""
        order, reached = orders_of(output)
        check = _Check(order)
        for node in order:
            if node.parents or node.grad is None:
                node.grad = 0.0
        give_zero(order, reached)
        output.grad = seed if output.parents else output.grad + seed
        for flow in flows(reversed(reached)):
            check(flow)
        clear_frozen(order)

    def call(self, program: Program, arrays: Sequence[ArrayLike]) -> Any:
        """Call it; what comes out nan or inf is computed again eagerly, to find the node.

        Random leaves draw the same numbers again.
        """
        states = [(rng, rng.bit_generator.state) for rng in program.generators(*arrays)]
        with unobserved():
            result = program(*arrays)
        computed = (result, program.gradients, program.auxiliary)
        if all(np.all(np.isfinite(numbers)) for numbers in computed):
            return result
        note = "a compiled program came upon nan or inf, and its batch was computed again eagerly:"
        for rng, state in states:
            rng.bit_generator.state = state
        try:
            with enable_grad():
                outputs = program.eager(*arrays)
                if program.differentiates:
                    outputs.backward()
        except NonFiniteError as error:
            raise NonFiniteError(f"{note}\n{error}") from None
        end = np.finfo(program.dtype).max
        raise NonFiniteError(
            f"{note}\n  there all numbers are finite; the program computes in {program.dtype}, "
            f"which ends at {end:.2g}, and in another order\n  advice: the numbers explode: scale "
            "them, or step less"
        )


class _Check:
    """Refuses a graph with a number that is nan or inf, then such a gradient."""

    def __init__(self, order: Sequence[Value]) -> None:
        for node in order:
            if node.parents and not math.isfinite(node.data):
                raise NonFiniteError(_forward_message(node, op_of(node), node.parents))
        self.order = order

    def __call__(self, flow: Flow) -> None:
        contribution = flow.upstream * flow.node.partials[flow.position]
        if not math.isfinite(flow.before + contribution):
            raise NonFiniteError(_backward_message(flow, self.order))


def advice_for(op: Op, inputs: Sequence[float], output: float) -> str:
    """What to do about an op that gave nan or inf, in one line.

    Args:
        op: the operation.
        inputs: the numbers that went in.
        output: what came out.

    >>> advice_for(ops.EXP, [800.0], float("inf"))
    'exp overflows above 709.78; subtract the largest first, as softmax and logsumexp do'
    """
    if any(map(math.isnan, inputs)):
        return "an input is nan already; look where that one comes from"
    infinite = [x for x in inputs if math.isinf(x)]
    if infinite and len(inputs) == 1:
        return f"an input is {infinite[0]} already; look where that one comes from"
    known = ADVISERS[op](inputs) if op in ADVISERS else None
    if known is not None:
        return known
    if infinite and math.isnan(output):
        return f"an input is {infinite[0]} already, and inf - inf or 0 * inf is nan"
    if infinite:
        return f"an input is {infinite[0]} already; look where that one comes from"
    if math.isinf(output):
        return "the result is larger than 1.8e308; the numbers explode: scale them, or step less"
    return (
        "numbers on the way are larger than 1.8e308, and inf - inf is nan; the numbers explode: "
        "scale them, or step less"
    )


def _about_log(inputs: Sequence[float]) -> str:
    remedy = f"keep its argument above 0 ({BOTH_BRANCHES})"
    if inputs[0] == 0.0:
        return f"log(0) is -inf; {remedy}, or take the loss from the logits"
    return f"log of a negative number is nan; {remedy}"


def _about_log1p(inputs: Sequence[float]) -> str:
    remedy = f"keep its argument above -1 ({BOTH_BRANCHES})"
    if inputs[0] == -1.0:
        return f"log1p(-1) is log(0), which is -inf; {remedy}"
    return f"log1p of a number below -1 is nan; {remedy}"


def _about_sqrt(inputs: Sequence[float]) -> str:
    return f"sqrt of a negative number is nan; keep its argument at least 0 ({BOTH_BRANCHES})"


def _about_exp(inputs: Sequence[float]) -> str:
    return "exp overflows above 709.78; subtract the largest first, as softmax and logsumexp do"


def _about_division(inputs: Sequence[float]) -> str | None:
    if inputs[-1] != 0.0:
        return None
    remedy = f"keep the divisor away from 0 ({BOTH_BRANCHES})"
    if len(inputs) == 2 and inputs[0] == 0.0:
        return f"0/0 is nan; {remedy}"
    return f"a division by 0; {remedy}"


def _about_power(inputs: Sequence[float]) -> str | None:
    base, exponent = inputs
    if base < 0.0 and math.isfinite(exponent) and exponent != math.floor(exponent):
        return (
            "a negative number to a fractional power is nan; keep the base at least 0 "
            f"({BOTH_BRANCHES})"
        )
    if base == 0.0:
        return f"0 to a negative power is inf; keep the base away from 0 ({BOTH_BRANCHES})"
    return None


ADVISERS: Final[dict[Op, Callable[[Sequence[float]], str | None]]] = {
    ops.LOG: _about_log,
    ops.LOG1P: _about_log1p,
    ops.SQRT: _about_sqrt,
    ops.EXP: _about_exp,
    ops.EXPM1: _about_exp,
    ops.DIV: _about_division,
    ops.RECIPROCAL: _about_division,
    ops.POW: _about_power,
    ops.POW_NUMBER: _about_power,
}
"""What is known of an op, or None where that is not the cause."""


def _forward_message(node: Value, op: Op, parents: Sequence[Value]) -> str:
    advice = advice_for(op, [parent.data for parent in parents], node.data)
    what = f"{_title(op, node.label)} gives {node.data} in the forward pass"
    return _message(what, node, parents, advice)


def _backward_message(flow: Flow, order: Sequence[Value]) -> str:
    node, position, upstream, before = flow
    parent, partial = node.parents[position], node.partials[position]
    name = PlaceNames(order).of(parent) or f"operand {position + 1} of {op_of(node).name}"
    contribution = upstream * partial
    what = (
        f"the gradient of {name} becomes {before + contribution} in the backward pass of "
        f"{_title(op_of(node), node.label)}: {upstream} * {partial} = {contribution}"
    )
    if not math.isfinite(before):
        advice = (
            f"the gradient of {name} was {before} before this pass, and leaves add up; clear it "
            "first: leaf.zero_grad(), or optimizer.zero_grad()"
        )
    else:
        advice = _backward_advice(node, position, upstream, order)
    return _message(what, node, node.parents, advice)


def _backward_advice(node: Value, position: int, upstream: float, order: Sequence[Value]) -> str:
    partial = node.partials[position]
    if math.isfinite(partial):
        return "the gradient is larger than 1.8e308: it explodes; clip it, or step less"
    if upstream == 0.0:
        mask = _mask_above(node, order)
        if mask is not None:
            return (
                "0 * inf is nan: this branch was not chosen by "
                f"{_title(op_of(mask), mask.label)}, but its derivative is computed all the same; "
                f"choose the argument first: {_call(node)}"
            )
        return "0 * inf is nan; keep away from the point where the local derivative is inf"
    if node.op in (ops.SQRT, ops.POW, ops.POW_NUMBER) and node.parents[0].data == 0.0:
        function = "sqrt" if node.op is ops.SQRT else f"x^{node.parents[1].data:g}"
        return f"the derivative of {function} at 0 is inf; add a small number to its argument"
    return "the local derivative is not finite here; keep away from this point"


def _call(node: Value) -> str:
    """The op of a node with its argument chosen by a ``where``."""
    argument = "where(x > 0, x, 1.0)"
    if node.op in (ops.POW, ops.POW_NUMBER):
        return f"{argument} ** {node.parents[1].data:g}"
    if node.op in (ops.DIV, ops.RECIPROCAL):
        return f"1.0 / {argument}"
    return f"{op_of(node).name}({argument})"


def _mask_above(node: Value, order: Sequence[Value]) -> Value | None:
    """The op after ``node``, on some way to the loss, that did not choose what came from it."""
    reached = {node}
    for child in order:
        for parent, partial in zip(child.parents, child.partials):
            if parent in reached:
                if partial == 0.0 and child.op is not None and child.op.masking:
                    return child
                reached.add(child)
    return None


def _message(what: str, node: Value, parents: Sequence[Value], advice: str) -> str:
    location = location_of(node)
    place = str(location) if location else "unknown (make the graph within the block too)"
    lines = [what, f"  made at: {place}", f"  inputs: {_inputs(parents)}", f"  advice: {advice}"]
    return "\n".join(lines)


def _title(op: Op, label: str) -> str:
    return f"{op.name} ({label})" if label else op.name


def _inputs(parents: Sequence[Value]) -> str:
    """The operands; of very many some, and first those that are nan or inf already."""
    first = list(parents)
    if len(first) > MOST_INPUTS:
        first.sort(key=_is_finite)
    names = PlaceNames(order_of(parents))
    shown = [
        f"{name} = {parent.data!r}" if (name := names.of(parent)) else repr(parent.data)
        for parent in first[:MOST_INPUTS]
    ]
    more = len(parents) - len(shown)
    return ", ".join([*shown, f"and {more} more"] if more else shown)


def _is_finite(node: Value) -> bool:
    return math.isfinite(node.data)
