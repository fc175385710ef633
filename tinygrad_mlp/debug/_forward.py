"""The step log of a forward pass: every operation of a graph in order, with its numbers."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from tinygrad_mlp import ops
from tinygrad_mlp.debug._applied import Applied
from tinygrad_mlp.debug._breakpoints import Breakpoint
from tinygrad_mlp.debug._equations import (
    equated,
    formula_of,
    operand_of,
    product_name,
    product_of,
)
from tinygrad_mlp.debug._notation import Notation
from tinygrad_mlp.debug._stopping import StoppingTrace
from tinygrad_mlp.debug._tokens import Number, Sign, Token, Tokens
from tinygrad_mlp.debug._trace import Step, require_value
from tinygrad_mlp.engine import Value, topological_order
from tinygrad_mlp.graph import op_of
from tinygrad_mlp.ops import Op

__all__ = ["ForwardStep", "ForwardTrace", "trace_forward"]


@dataclass(frozen=True, slots=True)
class ForwardStep(Step):
    """One operation: its inputs and what came out.

    Attributes:
        index: the number of the step, from 0.
        node: the node that was computed.
        op: its operation.
        inputs: the numbers that went in, in the order of the operands.
        output: the number that came out.

    >>> (step,) = trace_forward(Value(3.0, label="a") * 2.0)
    >>> step.op.name, step.inputs, step.output
    ('mul', (3.0, 2.0), 6.0)
    """

    index: int
    node: Value
    op: Op
    inputs: tuple[float, ...]
    output: float
    trace: ForwardTrace = field(repr=False, compare=False)
    numbers: ClassVar = ("inputs", "output")

    def tokens(self, notation: Notation | None = None) -> Tokens:
        """The operation with names and with numbers.

        >>> w, x = Value(2.0, label="w"), Value(-5.0, label="x")
        >>> y = w * x; y.label = "y"
        >>> trace_forward(y)[0].equation()
        'y = w * x = 2 * (-5) = -10'
        """
        notation, parents = notation or self.trace.notation, self.node.parents
        symbols = [operand_of(parent, notation.name(parent)) for parent in parents]
        return equated(
            notation.name(self.node),
            formula_of(self.node, symbols),
            formula_of(self.node, [Number(x) for x in self.inputs]),
            self.output,
        )

    def expanded_tokens(self) -> tuple[Tokens, ...]:
        """The equations of the step with the products of a ``dot`` one by one.

        For any other op this is the equation alone.

        >>> from tinygrad_mlp.functional import dot
        >>> w, x = [Value(2.0, label="w1"), Value(3.0, label="w2")], [Value(5.0), Value(7.0)]
        >>> for line in trace_forward(dot(w, x, 1.0))[0].expanded():
        ...     print(line)
        p1 = w1 * v2 = 2 * 5 = 10
        p2 = w2 * v3 = 3 * 7 = 21
        v5 = p1 + p2 + v4 = 10 + 21 + 1 = 32
        """
        if self.op is not ops.DOT:
            return (self.tokens(),)
        notation, parents = self.trace.notation, self.node.parents
        n = len(self.inputs) // 2
        lines: list[Tokens] = []
        symbols: list[Token] = []
        numbers: list[Token] = []
        for i in range(n):
            w, x = self.inputs[i], self.inputs[i + n]
            p = product_name(i)
            pair = (notation.name(parents[i]), notation.name(parents[i + n]))
            rule = Applied(ops.MUL, pair)
            lines.append((p, Sign("="), rule, Sign("="), *product_of((w, x), w * x)))
            symbols.append(p)
            numbers.append(Number(w * x))
        for bias, amount in zip(parents[2 * n :], self.inputs[2 * n :]):
            symbols.append(notation.name(bias))
            numbers.append(Number(amount))
        n_terms = len(symbols)
        symbolic = Applied(ops.SUM, tuple(symbols), n_terms)
        numeric = Applied(ops.SUM, tuple(numbers), n_terms)
        return (*lines, equated(notation.name(self.node), symbolic, numeric, self.output))

    @property
    def receiver(self) -> Value:
        """The node that is computed."""
        return self.node

    @property
    def subject(self) -> str:
        """Its name."""
        return self.trace.names[self.node]

    @property
    def result(self) -> float:
        """The number that came out."""
        return self.output

    def completed(self) -> list[Value]:
        """The node."""
        return [self.node]

    def blocked_input(self) -> float | None:
        """The first number that went in, if it is not positive."""
        return self.inputs[0] if self.inputs[0] <= 0.0 else None

    def __str__(self) -> str:
        return self.equation()


class ForwardTrace(StoppingTrace[ForwardStep]):
    """The steps of a forward pass, in order; made by ``trace_forward``.

    Attributes:
        loss: the output of the graph.
        order: the nodes of the graph in topological order, leaves included.
        hit: the breakpoint at which the log stopped, or None.

    >>> a = Value(3.0, label="a")
    >>> for step in trace_forward((a * a).exp()):
    ...     print(step)
    v1 = a * a = 3 * 3 = 9
    v2 = exp(v1) = exp(9) = 8103.0839
    """

    has_gradients = False

    def __init__(
        self,
        loss: Value,
        breakpoints: Breakpoint | Iterable[Breakpoint],
        names: str = "auto",
        index: str = "unit,input",
    ) -> None:
        self.loss = loss
        self.order = topological_order(loss)
        self._nodes = [node for node in self.order if node.parents]
        self._data = array("d", [node.data for node in self.order])
        self._length = self.n_steps = len(self._nodes)
        super().__init__(breakpoints, names, index)
        if self._breakpoints:
            self.resume()

    def _growing(self) -> Iterator[object]:
        self._length = 0
        while self._length < self.n_steps:
            self._length += 1
            yield self._length

    @cached_property
    def _places(self) -> dict[Value, int]:
        return {node: place for place, node in enumerate(self.order)}

    def __len__(self) -> int:
        return self._length

    def _step(self, index: int) -> ForwardStep:
        node = self._nodes[index]
        data, places = self._data, self._places
        return ForwardStep(
            index=index,
            node=node,
            op=op_of(node),
            inputs=tuple(data[places[parent]] for parent in node.parents),
            output=data[places[node]],
            trace=self,
        )


def trace_forward(
    loss: Value,
    breakpoints: Breakpoint | Iterable[Breakpoint] = (),
    *,
    names: str = "auto",
    index: str = "unit,input",
) -> ForwardTrace:
    """The operations that ``loss`` was computed by, in topological order.

    The numbers are those that stand in the graph now; the trace keeps them, 24 bytes for a node.

    Args:
        loss: the output.
        breakpoints: one or several from ``break_when`` and ``watch``; the log ends at the first
            step where one of them holds, and ``resume`` goes on.
        names: "auto", "math" or "code", as for ``trace_backward``.
        index: "unit,input" or "input,unit", the same.

    Raises:
        NotANumberError: if ``loss`` is no Value.
        UnknownNameError: if a breakpoint names a label or a layer that the graph does not have, and
            for another word of ``names`` or ``index``.
        InvalidArgumentError: if a breakpoint waits for a gradient, which a forward pass has not.

    >>> a = Value(0.0, label="a")
    >>> [step.op.name for step in trace_forward((a + 1.0).tanh())]
    ['add', 'tanh']
    """
    return ForwardTrace(require_value(loss, "trace_forward(loss)"), breakpoints, names, index)
