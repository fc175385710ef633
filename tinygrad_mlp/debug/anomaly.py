"""The first nan or inf, where it is made: ``detect_anomaly``.

Within the block each node is checked when it is made, and each gradient when it is passed on, so
the error stands at the cause and not at the loss where it is noticed. Off, it costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from tinygrad_mlp import ops
from tinygrad_mlp.debug.creation import CreationRecorder, _recording, location_of
from tinygrad_mlp.engine import Value, topological_order
from tinygrad_mlp.errors import NonFiniteError
from tinygrad_mlp.ops import Op

__all__ = ["advice_for", "detect_anomaly"]

MASKING: Final = frozenset(["where", "clamp", "maximum", "minimum", "relu"])
"""The ops that let a gradient of 0 through to a branch that was not chosen."""


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Within this block the first nan or inf that is computed raises an error at its cause.

    The forward pass is checked while the graph is built, then ``backward``. The message says the
    operation, its inputs, the label, the file and line of a person's program, and, where the cause
    is a known one, what to do.

    It sees the eager engine. A step of a compiled program (``fit`` takes that engine by default)
    makes no nodes: run the step in question eagerly, with ``fit(..., engine="eager")`` or by
    building the loss of the samples by hand.

    Raises:
        NonFiniteError: within the block, at the first nan or inf.

    >>> with detect_anomaly():
    ...     Value(0.0, label="p").log()
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.NonFiniteError: log gives -inf in the forward pass
      made at: ...:2 in <module>
      inputs: p = 0.0
      advice: log(0) is -inf; keep its argument above 0, or take the loss from the logits
    """
    recorder = _CheckingRecorder()
    before = Value.backward
    setattr(Value, "backward", _checked_backward)  # noqa: B010 - mypy refuses the assignment
    try:
        with _recording(recorder):
            yield
    finally:
        setattr(Value, "backward", before)  # noqa: B010


class _CheckingRecorder(CreationRecorder):
    """Notes where a node was made and refuses one that is nan or inf."""

    def made(self, node: Value) -> Value:
        located = super().made(node)
        if not math.isfinite(located.data):
            raise NonFiniteError(_forward_message(located))
        return located


def _checked_backward(self: Value) -> None:
    """``Value.backward`` with a look at each contribution."""
    order = topological_order(self)
    for node in order:
        if node.parents:
            if not math.isfinite(node.data):
                raise NonFiniteError(_forward_message(node))
            node.grad = 0.0
    self.grad = 1.0 if self.parents else self.grad + 1.0
    for node in reversed(order):
        upstream = node.grad
        for position, (parent, partial) in enumerate(zip(node.parents, node.partials)):
            contribution = upstream * partial
            parent.grad += contribution
            if not math.isfinite(parent.grad):
                raise NonFiniteError(_backward_message(node, position, upstream, order))


def advice_for(op: Op, inputs: Sequence[float], output: float) -> str:
    """What to do about an op that gave nan or inf, in one line; "" where the cause is not known.

    Args:
        op: the operation.
        inputs: the numbers that went in.
        output: what came out.

    >>> advice_for(ops.EXP, [800.0], float("inf"))
    'exp overflows above 709.78; subtract the largest first, as softmax and logsumexp do'
    """
    wrong = [x for x in inputs if not math.isfinite(x)]
    if wrong and (math.isnan(wrong[0]) or len(inputs) == 1):
        return f"an input is {wrong[0]} already; look where that one comes from"
    known = ADVISERS[op.name](inputs) if op.name in ADVISERS else ""
    if known:
        return known
    if wrong:
        return f"an input is {wrong[0]} already, and inf - inf or 0 * inf is nan"
    if math.isinf(output):
        return "the result is larger than 1.8e308; the numbers explode: scale them, or step less"
    return ""


def _about_log(inputs: Sequence[float]) -> str:
    if inputs[0] == 0.0:
        return "log(0) is -inf; keep its argument above 0, or take the loss from the logits"
    return "log of a negative number is nan; keep its argument above 0"


def _about_log1p(inputs: Sequence[float]) -> str:
    if inputs[0] == -1.0:
        return "log1p(-1) is log(0), which is -inf; keep its argument above -1"
    return "log1p of a number below -1 is nan; keep its argument above -1"


def _about_sqrt(inputs: Sequence[float]) -> str:
    return "sqrt of a negative number is nan; keep its argument at least 0"


def _about_exp(inputs: Sequence[float]) -> str:
    return "exp overflows above 709.78; subtract the largest first, as softmax and logsumexp do"


def _about_division(inputs: Sequence[float]) -> str:
    if inputs[-1] != 0.0:
        return ""
    if len(inputs) == 2 and inputs[0] == 0.0:
        return "0/0 is nan; keep the divisor away from 0"
    return "a division by 0; keep the divisor away from 0"


def _about_power(inputs: Sequence[float]) -> str:
    base, exponent = inputs
    if base < 0.0 and math.isfinite(exponent) and exponent != math.floor(exponent):
        return "a negative number to a fractional power is nan; keep the base at least 0"
    if base == 0.0 and exponent < 0.0:
        return "0 to a negative power is inf; keep the base away from 0"
    return ""


ADVISERS: Final[dict[str, Callable[[Sequence[float]], str]]] = {
    "log": _about_log,
    "log1p": _about_log1p,
    "sqrt": _about_sqrt,
    "exp": _about_exp,
    "expm1": _about_exp,
    "div": _about_division,
    "reciprocal": _about_division,
    "pow": _about_power,
    "pow_number": _about_power,
}


def _forward_message(node: Value) -> str:
    assert node.op is not None  # a node with parents has one
    inputs = [parent.data for parent in node.parents]
    advice = advice_for(node.op, inputs, node.data)
    return _message(
        f"{_title(node)} gives {node.data} in the forward pass",
        node,
        _inputs(node),
        advice,
    )


def _backward_message(node: Value, position: int, upstream: float, order: list[Value]) -> str:
    parent, partial = node.parents[position], node.partials[position]
    name = parent.label or (f"operand {position + 1} of {node.op.name}" if node.op else "")
    what = (
        f"the gradient of {name} becomes {parent.grad} in the backward pass of {_title(node)}: "
        f"{upstream} * {partial} = {upstream * partial}"
    )
    return _message(what, node, _inputs(node), _backward_advice(node, upstream, partial, order))


def _backward_advice(node: Value, upstream: float, partial: float, order: list[Value]) -> str:
    if upstream == 0.0 and not math.isfinite(partial):
        masked = any(
            child.op is not None and child.op.name in MASKING and 0.0 in child.partials
            for child in order
        )
        if masked:
            return (
                "0 * inf is nan: this branch was not chosen by a where, but its derivative is "
                "computed all the same; choose the argument first: log(where(x > 0, x, 1.0))"
            )
        return "0 * inf is nan; keep away from the point where the local derivative is inf"
    if node.op is ops.SQRT and node.parents[0].data == 0.0:
        return "the derivative of sqrt at 0 is inf; add a small number before the sqrt"
    if math.isfinite(partial) and math.isfinite(upstream):
        return "the gradient is larger than 1.8e308: it explodes; clip it, or step less"
    if not math.isfinite(partial):
        return "the local derivative is not finite here; keep away from this point"
    return "the gradient from above is not finite already"


def _message(what: str, node: Value, inputs: str, advice: str) -> str:
    location = location_of(node)
    place = str(location) if location else "unknown (make the graph within the block too)"
    lines = [what, f"  made at: {place}", f"  inputs: {inputs}"]
    return "\n".join([*lines, f"  advice: {advice}"] if advice else lines)


def _title(node: Value) -> str:
    name = node.op.name if node.op else "a leaf"
    return f"{name} ({node.label})" if node.label else name


def _inputs(node: Value) -> str:
    shown = [
        f"{parent.label} = {parent.data!r}" if parent.label else repr(parent.data)
        for parent in node.parents[:6]
    ]
    more = len(node.parents) - len(shown)
    return ", ".join([*shown, f"and {more} more"] if more else shown)
