"""Conditions at which a step log stops: ``break_when`` and ``watch``."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tinygrad_mlp import ops
from tinygrad_mlp._arguments import check_number
from tinygrad_mlp._text import described
from tinygrad_mlp._words import our_words
from tinygrad_mlp.debug._equations import number
from tinygrad_mlp.debug._notation import Notation
from tinygrad_mlp.debug._trace import Step, Trace, require_value
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError, InvalidArgumentError, UnknownNameError
from tinygrad_mlp.graph import op_of

__all__ = ["Breakpoint", "Hit", "break_when", "watch"]


@dataclass(frozen=True, slots=True)
class Hit:
    """A breakpoint that holds at a step.

    Attributes:
        breakpoint: the breakpoint.
        step: the step.
        reason: why it holds, in words.
    """

    breakpoint: Breakpoint
    step: Step
    reason: str

    def __str__(self) -> str:
        return f"step {self.step.index}: {self.reason}"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Breakpoint:
    """When to stop; made by ``break_when`` and ``watch``, whose arguments the attributes are.

    Several conditions in one breakpoint all have to hold: ``label``, ``op`` and ``layer`` say
    where, the others say when.
    """

    label: str | None = None
    op: str | None = None
    layer: int | str | None = None
    node: Value | None = None
    grad_above: float | None = None
    non_finite: bool = False
    dead_relu: bool = False
    when: Callable[[Step], bool] | None = None
    on_hit: Callable[[], object] | None = None

    def check(self, step: Step) -> Hit | None:
        """Whether the breakpoint holds at a step: the hit with its reason, or None.

        >>> from tinygrad_mlp.debug import trace_backward
        >>> a = Value(3.0, label="a")
        >>> print(break_when(label="a", grad_above=5.0).check(trace_backward(a * a)[1]))
        step 1: at a, the gradient of a is 6, above 5
        """
        reasons = []
        for holds in (self._place, self._gradient, self._finiteness, self._relu, self._custom):
            reason = holds(step)
            if reason is None:
                return None
            if reason:
                reasons.append(reason)
        return Hit(self, step, ", ".join(reasons))

    def require(self, trace: Trace[Any]) -> None:
        """Refuse a graph in which the breakpoint could never hold.

        Raises:
            UnknownNameError: if there is no such label or layer.
            GraphError: if the node to watch is not in the graph.
            InvalidArgumentError: if it waits for a gradient in a forward pass.

        >>> from tinygrad_mlp.debug import trace_forward
        >>> break_when(label="w").require(trace_forward(Value(1.0, label="v") * 2.0))
        Traceback (most recent call last):
            ...
        tinygrad_mlp.errors.UnknownNameError: unknown label 'w'; known: v, v1, v2
        """
        if self.label is not None:
            notation = trace.notation
            if not any(self._is_called(node, notation) for node in trace.order):
                known = {*notation.typed().written.values(), *(x.label for x in trace.order)} - {""}
                raise UnknownNameError.of("label", self.label, known)
        if self.layer is not None:
            layers = set(trace.layers.values())
            if not any(_is_layer(path, self.layer) for path in layers):
                raise UnknownNameError.of("layer", self.layer, layers or ["(none)"])
        if self.node is not None and self.node not in trace.names:
            raise GraphError(
                f"{described(self.node)} is to be watched, but the loss was not computed from it; "
                "watch a node of this graph"
            )
        if self.grad_above is not None and not trace.has_gradients:
            raise InvalidArgumentError(
                "grad_above waits for a gradient, and a forward pass has none; write "
                "trace_backward(loss, break_when(grad_above=...))"
            )

    def _is_called(self, node: Value, notation: Notation) -> bool:
        wanted = self.label
        return bool(wanted) and wanted in (node.label, *notation.spellings(node))

    def describe(self, names: Mapping[Value, str]) -> str:
        """The conditions in words.

        Args:
            names: what nodes are called, see ``names_of``.

        >>> break_when(op="tanh", grad_above=2.0).describe({})
        'op tanh, grad above 2'
        """
        texts = {
            "watch": None if self.node is None else names.get(self.node, "a node"),
            "at": self.label,
            "op": self.op,
            "layer": None if self.layer is None else str(self.layer),
            "grad above": None if self.grad_above is None else f"{self.grad_above:g}",
            "nonfinite": "" if self.non_finite else None,
            "dead relu": "" if self.dead_relu else None,
            "when": None if self.when is None else getattr(self.when, "__name__", "a condition"),
        }
        return ", ".join(f"{key} {text}".strip() for key, text in texts.items() if text is not None)

    # Each gives None where its condition is not met, "" where there is none, else the reason.

    def _place(self, step: Step) -> str | None:
        names = step.trace.names
        found = []
        if self.node is not None:
            if self.node is not step.receiver:
                return None
            found.append(f"{names[step.receiver]} changes")
        if self.label is not None:
            notation = step.trace.notation
            if not any(self._is_called(node, notation) for node in step.completed()):
                return None
            found.append(f"at {self.label}")
        if self.op is not None:
            op = op_of(step.node)
            if self.op not in (op.name, op.symbol):
                return None
            found.append(f"in {self.op} ({names[step.node]})")
        if self.layer is not None:
            if not _is_layer(step.trace.layers.get(step.node), self.layer):
                return None
            found.append(f"in layer {self.layer} ({names[step.node]})")
        return ", ".join(found)

    def _gradient(self, step: Step) -> str | None:
        if self.grad_above is None:
            return ""
        if not (step.trace.has_gradients and abs(step.result) > self.grad_above):
            return None
        return f"{step.subject} is {number(step.result)}, above {self.grad_above:g}"

    def _finiteness(self, step: Step) -> str | None:
        if not self.non_finite:
            return ""
        return None if math.isfinite(step.result) else f"{step.subject} is {step.result}"

    def _relu(self, step: Step) -> str | None:
        if not self.dead_relu:
            return ""
        x = step.blocked_input() if step.node.op is ops.RELU else None
        if x is None:
            return None
        return f"relu {step.trace.names[step.node]} is off (its input is {number(x)})"

    def _custom(self, step: Step) -> str | None:
        if self.when is None:
            return ""
        name = getattr(self.when, "__name__", "when")
        return f"{name}(step) holds" if self.when(step) else None


def _is_layer(path: str | None, layer: int | str) -> bool:
    """Whether a path such as "layers.2" is that of the layer, or ends in its number."""
    if path is None or isinstance(layer, str):
        return path == layer
    numbers = re.findall(r"\d+", path)
    return bool(numbers) and int(numbers[-1]) == layer


@our_words
def break_when(
    *,
    label: str | None = None,
    op: str | None = None,
    layer: int | str | None = None,
    grad_above: float | None = None,
    non_finite: bool = False,
    dead_relu: bool = False,
    when: Callable[[Step], bool] | None = None,
    on_hit: Callable[[], object] | None = None,
) -> Breakpoint:
    """A breakpoint for ``trace_backward`` and ``trace_forward``; all conditions hold at once.

    The logs are those of the eager graph; of a compiled program, take
    ``trace_backward(program.eager(X, y), break_when(...))``.

    Args:
        label: the name of a node. The log stops once when it is complete: in a forward pass when
            it is computed, in a backward pass when the last contribution to its gradient arrives
            (for the output, whose gradient is 1 from the start, at the first step). ``watch`` stops
            at every contribution.
        op: the operation of the node, by its name ("tanh") or symbol ("+").
        layer: the layer that the node belongs to: its path in the labels of its parameters, such as
            "layers.2", or the number that the path ends in, 2.
        grad_above: the gradient that the operand has after the step is larger in size than this.
        non_finite: that gradient (in a forward step: the output) is nan or inf.
        dead_relu: the node is a relu that lets nothing through.
        when: any other condition, a function of the step.
        on_hit: called at the step instead of stopping; ``on_hit=breakpoint`` drops into the Python
            debugger there, where ``step`` and ``hit`` can be looked at.

    Raises:
        InvalidArgumentError: if no condition is given, or ``grad_above`` is no number.
        UnknownNameError: if there is no such operation. A label or a layer that the graph does not
            have is refused when the trace starts.

    >>> from tinygrad_mlp.debug import trace_backward
    >>> a = Value(-1.0, label="a")
    >>> trace = trace_backward(a.relu() * 3.0, breakpoints=[break_when(dead_relu=True)])
    >>> print(trace.hit)
    step 1: relu v2 is off (its input is -1)
    """
    conditions = (label, op, layer, grad_above, when)
    if all(condition is None for condition in conditions) and not (non_finite or dead_relu):
        raise InvalidArgumentError(
            "break_when got no condition; say when to stop: break_when(label='w5'), "
            "break_when(op='tanh'), break_when(grad_above=10.0), break_when(non_finite=True)"
        )
    if op is not None and not any(op in (known.name, known.symbol) for known in ops.OPS.values()):
        raise UnknownNameError.of("operation", op, ops.OPS)
    if grad_above is not None:
        grad_above = check_number(grad_above, "grad_above", "break_when(grad_above=10.0)")
    return Breakpoint(
        label=label,
        op=op,
        layer=layer,
        grad_above=grad_above,
        non_finite=non_finite,
        dead_relu=dead_relu,
        when=when,
        on_hit=on_hit,
    )


def watch(node: Value, on_hit: Callable[[], object] | None = None) -> Breakpoint:
    """A breakpoint at every step that changes ``node``: its number, or, backward, its gradient.

    Args:
        node: the node to watch.
        on_hit: as for ``break_when``.

    Raises:
        NotANumberError: if ``node`` is no Value.

    >>> from tinygrad_mlp.debug import trace_backward
    >>> a = Value(3.0, label="a")
    >>> print(trace_backward(a * a, breakpoints=[watch(a)]).hit)
    step 0: a changes
    """
    return Breakpoint(node=require_value(node, "watch(node)"), on_hit=on_hit)
