"""The step log of a backward pass: every ``parent.grad += upstream * partial``, one by one.

``trace_backward`` does what ``Value.backward`` does, to the last bit, and keeps what it takes to
show each step again: with its chain rule in symbols and numbers, forwards and backwards.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from tinygrad_mlp import ops
from tinygrad_mlp._freezing import is_frozen
from tinygrad_mlp._order import orders_of
from tinygrad_mlp._recording import pass_observer
from tinygrad_mlp.debug._applied import Applied
from tinygrad_mlp.debug._breakpoints import Breakpoint, Hit
from tinygrad_mlp.debug._equations import chain_rule, product_name, together
from tinygrad_mlp.debug._notation import Notation
from tinygrad_mlp.debug._stopping import StoppingTrace
from tinygrad_mlp.debug._tokens import Derivative, Sign, Tokens, Word, as_text
from tinygrad_mlp.debug._trace import Step, require_value
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.graph._walk import flows

__all__ = ["BackwardStep", "BackwardTrace", "trace_backward"]


@dataclass(frozen=True, slots=True)
class BackwardStep(Step):
    """One step of the chain rule: what one operand of one node receives.

    Attributes:
        index: the number of the step, from 0.
        node: the node whose gradient is passed on.
        parent: the operand that receives.
        position: which operand of the node that is, from 0.
        partial: the local derivative, d node / d parent.
        upstream: the gradient of the node, d loss / d node, complete at this point.
        contribution: upstream * partial.
        grad_before: the gradient of the parent before the step.
        grad_after: the gradient of the parent after it, grad_before + contribution.

    >>> a = Value(3.0, label="a")
    >>> b = a * a; b.label = "b"
    >>> for step in trace_backward(b):
    ...     print(step)
    db/da += db/db * db/da = 1 * 3 = 3
    db/da += db/db * db/da = 1 * 3 = 3, together 6
    """

    index: int
    node: Value
    parent: Value
    position: int
    partial: float
    upstream: float
    contribution: float
    grad_before: float
    grad_after: float
    trace: BackwardTrace = field(repr=False, compare=False)
    numbers: ClassVar = ("upstream", "partial", "contribution", "grad_before", "grad_after")

    def tokens(self, notation: Notation | None = None) -> Tokens:
        """The chain rule of the step with symbols and with numbers.

        >>> w, x = Value(2.0, label="w"), Value(5.0, label="x")
        >>> y = w * x; y.label = "y"
        >>> loss = y * 0.5; loss.label = "L"
        >>> trace_backward(loss)[1].equation()
        'dL/dw += dL/dy * dy/dw = 0.5 * 5 = 2.5'
        """
        notation = notation or self.trace.notation
        nodes = (self.trace.loss, self.node, self.parent)
        loss, node, parent = [notation.name(node) for node in nodes]
        return chain_rule(loss, node, parent, self.upstream, self.partial, self.contribution)

    def expanded_tokens(self) -> tuple[Tokens, ...]:
        """The equations of the step with the product of a ``dot`` as a node of its own.

        A ``dot`` adds up the products p1 = w1 x1, p2 = w2 x2, ...; the gradient flows through the
        product. For any other op this is the step as it prints.

        >>> from tinygrad_mlp.functional import dot
        >>> node = dot([Value(2.0, label="w")], [Value(5.0, label="x")])
        >>> for line in trace_backward(node)[0].expanded():
        ...     print(line)
        p1 = w * x: dv2/dp1 = dv2/dv2 * dv2/dp1 = 1 * 1 = 1
        dv2/dw += dv2/dp1 * dp1/dw = 1 * 5 = 5
        """
        n_products = len(self.node.parents) // 2
        if self.node.op is not ops.DOT or self.position >= 2 * n_products:
            return ((*self.tokens(), *self.remark()),)
        nodes = (self.trace.loss, self.node, self.parent)
        loss, node, parent = [self.trace.notation.name(node) for node in nodes]
        place = self.position % n_products
        pair = [self.node.parents[place], self.node.parents[place + n_products]]
        factors = tuple([self.trace.notation.name(x) for x in pair])
        p = product_name(place)
        return (
            (
                *(p, Sign("="), Applied(ops.MUL, factors), Word(": ")),
                *(Derivative(loss, p), Sign("=")),
                *chain_rule(loss, node, p, self.upstream, 1.0, self.upstream)[2:],
            ),
            (
                *chain_rule(loss, p, parent, self.upstream, self.partial, self.contribution),
                *self.remark(),
            ),
        )

    def remark(self, notation: Notation | None = None) -> Tokens:
        """The gradient so far, unless this is the first to arrive; the other name of it."""
        notation = notation or self.trace.notation
        delta = notation.deltas.get(self.parent)
        tokens = () if self.is_first else together(self.grad_after)
        if delta is None or not self.is_last:
            return tokens
        symbol = notation.derivative(self.trace.loss, self.parent)
        return (*tokens, Word(", "), delta, Sign("="), symbol)

    def __str__(self) -> str:
        return as_text((*self.tokens(), *self.remark()))

    @property
    def is_first(self) -> bool:
        """Whether nothing had arrived at the parent before."""
        return self.grad_before == 0.0

    @property
    def is_last(self) -> bool:
        """Whether the gradient of the parent is complete after the step.

        >>> a = Value(3.0, label="a")
        >>> [step.is_last for step in trace_backward(a * a)]
        [False, True]
        """
        return self.trace._last_steps[self.parent] == self.index

    @property
    def receiver(self) -> Value:
        """The operand."""
        return self.parent

    @property
    def subject(self) -> str:
        """Its gradient."""
        return f"the gradient of {self.trace.names[self.parent]}"

    @property
    def result(self) -> float:
        """Its gradient after the step."""
        return self.grad_after

    def completed(self) -> list[Value]:
        """The operand with its last step; the output, whose gradient is 1, at the start."""
        operand = [self.parent] if self.is_last else []
        return operand if self.index else [*operand, self.node]

    def blocked_input(self) -> float | None:
        """The number of the operand, if the local derivative is 0."""
        return self.parent.data if self.partial == 0.0 else None


class BackwardTrace(StoppingTrace[BackwardStep]):
    """The steps of a backward pass, in order; made by ``trace_backward``.

    A step is put together when it is asked for: the log itself takes 8 bytes for a step and 40 for
    a node, and up to 70 more for a leaf that had no gradient before. A million steps of
    ``y = y * 1.0001`` take 60 MB, and 50 MB more once it goes back (beside the graph, and the names
    that the first equation makes).

    The trace can take the graph back to how it was after any number of steps; the old values are
    put back as they were, never computed by subtracting.

    Attributes:
        loss: the node that the pass started from.
        order: the nodes of the graph in topological order.
        position: after how many steps the gradients in the graph stand now.
        hit: the breakpoint at which the log stopped, or None.

    >>> a = Value(3.0, label="a")
    >>> trace = trace_backward(a * a)
    >>> len(trace), a.grad
    (2, 6.0)
    >>> trace.go_to(1); a.grad
    3.0
    >>> trace.go_to(0); a.grad, a.has_grad
    (0.0, False)
    """

    has_gradients = True

    def __init__(
        self,
        loss: Value,
        breakpoints: Breakpoint | Iterable[Breakpoint],
        constants: bool,
        accumulate: bool,
        names: str = "auto",
        index: str = "unit,input",
    ) -> None:
        self.loss = loss
        self.order, reached = orders_of(loss)
        self._apart: set[Value] = set()  # what only decides: nothing flows there
        if reached is not self.order:
            self._apart.update(set(self.order).difference(reached))
        plain = [] if constants else [x for x in self.order if x.op is ops.CONSTANT]
        self._has_left_out = not all(x.label for x in plain)
        self._labeled = {x for x in plain if x.label}  # a label that comes later changes nothing
        self._nodes = [node for node in reversed(reached) if node.parents]
        self._partials = [node.partials for node in self._nodes]
        self._starts = array("q", [0])  # _starts[i] is the index of the first step of _nodes[i]
        for node in self._nodes:
            self._starts.append(self._starts[-1] + len(self._receivers(node)))
        self.n_steps = self._starts[-1]
        self._upstream = array("d")
        self._grad_before = array("d")
        super().__init__(breakpoints, names, index)
        leaves = [node for node in self.order if not node.parents and self._receives(node)]
        for leaf in leaves:
            if not (accumulate and leaf.has_grad):  # so None is a cleared gradient, too
                leaf.zero_grad()
        self._without_grad = {leaf for leaf in leaves if not leaf.has_grad}
        self._zeros = [
            x for x in self._apart if (x.parents or x in self._without_grad) and not is_frozen(x)
        ]
        self._remembered: tuple[int, Sequence[int]] = (-1, ())
        self.position = 0
        self.resume()

    def _receives(self, node: Value) -> bool:
        return node.op is not ops.CONSTANT or not self._has_left_out or node in self._labeled

    def _receivers(self, node: Value) -> Sequence[int]:
        """Which operands have steps: not plain numbers, nor those that nothing flows on from."""
        apart = self._apart
        if not self._has_left_out:
            if not apart:
                return range(len(node.parents))
            return [i for i, x in enumerate(node.parents) if x not in apart]
        constant, labeled = ops.CONSTANT, self._labeled
        return [
            i
            for i, x in enumerate(node.parents)
            if (x.op is not constant or x in labeled) and x not in apart
        ]

    def resume(self) -> Hit | None:
        """Go on with the pass from a breakpoint to the next one, or to the end.

        >>> from tinygrad_mlp.debug import watch
        >>> a = Value(3.0, label="a")
        >>> trace = trace_backward(a * a, breakpoints=[watch(a)])
        >>> len(trace), trace.resume() is trace.hit, len(trace), trace.resume(), a.grad
        (1, True, 2, None, 6.0)
        """
        self.go_to(len(self))
        super().resume()
        self.position = len(self)
        self._give_zero()
        return self.hit

    def _give_zero(self) -> None:
        """Where nothing flows the gradient is 0, as after ``backward``; before the pass, none."""
        has_flowed = self.position > 0 or self.n_steps == 0
        for node in self._zeros:
            if has_flowed:
                node.grad = 0.0
            else:
                node.zero_grad()

    def _growing(self) -> Iterator[object]:
        """The steps of the chain rule, with a note of what each finds."""
        observer = pass_observer()
        look = None if observer is None else observer.look_at_pass(self.loss)
        for node in self.order:
            if node.parents:
                node.zero_grad()
        self.loss.grad = 1.0 if self.loss.parents else self.loss.grad + 1.0
        for flow in flows(self._noted(), receivers=self._receivers, partials_of=self._partials_of):
            self._grad_before.append(flow.before)
            if look is not None:
                look(flow)
            yield flow

    def _noted(self) -> Iterator[Value]:
        """The nodes that gradients flow from; what flows is noted as each is reached."""
        for node in self._nodes:
            self._upstream.append(node.grad)
            yield node

    def _partials_of(self, node: Value) -> Sequence[float]:
        """Of the node that was noted last, as they were when the trace began."""
        return self._partials[len(self._upstream) - 1]

    def __len__(self) -> int:
        return len(self._grad_before)

    def _step(self, index: int) -> BackwardStep:
        place = bisect_right(self._starts, index) - 1
        node = self._nodes[place]
        position = self._receivers_at(place)[index - self._starts[place]]
        partial = self._partials[place][position]
        upstream = self._upstream[place]
        contribution = upstream * partial
        before = self._grad_before[index]
        return BackwardStep(
            index=index,
            node=node,
            parent=node.parents[position],
            position=position,
            partial=partial,
            upstream=upstream,
            contribution=contribution,
            grad_before=before,
            grad_after=before + contribution,
            trace=self,
        )

    def _receivers_at(self, place: int) -> Sequence[int]:
        """The same for ``_nodes[place]``; remembered, as one step of a node follows another."""
        if self._remembered[0] != place:
            self._remembered = place, self._receivers(self._nodes[place])
        return self._remembered[1]

    def go_to(self, position: int) -> None:
        """Put the gradients of the graph where they stood after ``position`` steps.

        Raises:
            InvalidArgumentError: if there are not so many steps.
        """
        if not 0 <= position <= len(self):
            raise InvalidArgumentError(
                f"position is {position}, but the trace has {len(self)} steps; give 0 (nothing "
                f"has flowed yet) to {len(self)} (all of it has)"
            )
        while self.position < position:
            step = self[self.position]
            step.parent.grad = step.grad_after
            self.position += 1
        while self.position > position:
            self.position -= 1
            step = self[self.position]
            if self._first_steps.get(step.parent) == step.index:
                step.parent.zero_grad()
            else:
                step.parent.grad = step.grad_before
        self._give_zero()

    @cached_property
    def _first_steps(self) -> dict[Value, int]:
        """For the nodes that had no gradient before the pass, the step that gave them one."""
        first: dict[Value, int] = {}
        for index, parent in self._parents():
            if parent.parents or parent in self._without_grad:
                first.setdefault(parent, index)
        return first

    @cached_property
    def _last_steps(self) -> dict[Value, int]:
        """The step after which the gradient of a node is complete."""
        return {parent: index for index, parent in self._parents()}

    def receivers(self) -> Iterator[Value]:
        """The node that receives in each step of the whole pass.

        >>> a = Value(3.0, label="a")
        >>> [node.label for node in trace_backward(a * a).receivers()]
        ['a', 'a']
        """
        for _, parent in self._parents():
            yield parent

    def gradient_before(self, node: Value, index: int) -> float | None:
        """The gradient of a node where it is complete before the step of that number, else None.

        >>> a = Value(3.0, label="a")
        >>> b = a.tanh()
        >>> trace = trace_backward(b * 2.0)
        >>> trace.gradient_before(b, 1), trace.gradient_before(a, 1)
        (2.0, None)
        """
        last = self._last_steps.get(node, index)
        return self[last].grad_after if last < index else None

    def _parents(self) -> Iterator[tuple[int, Value]]:
        """The index of each step of the whole pass, and the node that receives in it."""
        for node, start in zip(self._nodes, self._starts):
            for index, position in enumerate(self._receivers(node), start):
                yield index, node.parents[position]


def trace_backward(
    loss: Value,
    breakpoints: Breakpoint | Iterable[Breakpoint] = (),
    *,
    constants: bool = False,
    accumulate: bool = False,
    names: str = "auto",
    index: str = "unit,input",
) -> BackwardTrace:
    """Do ``loss.backward()`` from cleared gradients and return its steps.

    The gradients are those that one ``loss.backward()`` gives, to the last bit, and stay in the
    graph. What stood in the leaves before is gone, so it does not matter whether ``backward`` has
    run already. To add to it instead, as a second ``backward`` does (and torch's), say
    ``accumulate=True``. The plain numbers of a formula, such as the 2 in
    ``2 * v``, are no variables: no step leads to them, and their ``grad`` stays as it is.

    The graph is the eager one. To look into a step of a compiled program, have the same loss built
    from Values: ``trace_backward(program.eager(X, y))``. Of a training with ``fit``, build the loss
    of the same samples: ``loss_named("mean_squared_error").sample_loss([model(x)], [target])``.
    The numbers are the same up to rounding.

    Args:
        loss: the output to differentiate.
        breakpoints: one or several from ``break_when`` and ``watch``; the log ends at the first
            step where one of them holds, and ``resume`` goes on.
        constants: whether plain numbers have steps too, as in ``Value.backward``.
        accumulate: whether the leaves keep the gradients that they have, and add to them.
        names: "math" for names as books write them, dL/dw₂₁⁽¹⁾; "code" for those of the program,
            which a program can search for; "auto": "math" in LaTeX and else "code". A label
            stays as it is.
        index: "unit,input": w₂₁ leads from input 1 to unit 2; or "input,unit": w₁₂ does, and the
            bias of unit 2 is w₀₂.

    Raises:
        NotANumberError: if ``loss`` is no Value.
        UnknownNameError: if a breakpoint names a label or a layer that the graph does not have, and
            for another word of ``names`` or ``index``.
        NonFiniteError: within ``detect_anomaly``, at the first nan or inf.

    >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    >>> loss = a * b; loss.label = "loss"
    >>> for step in trace_backward(loss):
    ...     print(step)
    dloss/da += dloss/dloss * dloss/da = 1 * (-3) = -3
    dloss/db += dloss/dloss * dloss/db = 1 * 2 = 2
    >>> [len(trace_backward(2.0 * a, constants=shown)) for shown in (False, True)]
    [1, 2]
    >>> for accumulate in (False, False, True):
    ...     _ = trace_backward(loss, accumulate=accumulate)
    ...     print(a.grad, end=" ")
    -3.0 -3.0 -6.0
    """
    loss = require_value(loss, "trace_backward(loss)")
    return BackwardTrace(loss, breakpoints, constants, accumulate, names, index)
