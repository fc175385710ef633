"""What the step logs of both passes have in common: a step, a trace of steps, names and layers.

Breakpoints, comparisons and sessions know steps and traces as they are here; which pass it is, a
step says itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar, Final, TypeVar, overload

from tinygrad_mlp._text import described
from tinygrad_mlp.debug._latex import Latex, aligned
from tinygrad_mlp.debug._notation import Notation, check_notation, notation_of
from tinygrad_mlp.debug._tokens import Tokens, as_latex, as_text
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError, NotANumberError
from tinygrad_mlp.graph import layers_of

__all__ = ["Step", "Trace", "require_value"]

MOST_EQUATIONS: Final = 10_000
"""Some hundred pages; no reader wants more, nor does LaTeX."""


class Step(ABC):
    """One step of either pass.

    Attributes:
        index: the number of the step, from 0.
        node: the node whose operation it is.
        numbers: the names of the attributes that two runs are compared by.

    >>> from tinygrad_mlp.debug import trace_backward, trace_forward
    >>> a = Value(-3.0, label="a")
    >>> for trace in (trace_forward(a.relu()), trace_backward(a.relu())):
    ...     print(trace[0].subject, "becomes", trace[0].result, "from", trace[0].blocked_input())
    v1 becomes 0.0 from -3.0
    the gradient of a becomes 0.0 from -3.0
    """

    __slots__ = ()

    index: int
    node: Value
    trace: Trace[Any]
    numbers: ClassVar[tuple[str, ...]]

    @abstractmethod
    def tokens(self, notation: Notation | None = None) -> Tokens:
        """The equation of the step in its parts, each of which can be written in several ways.

        Args:
            notation: the names, if not those of the trace.
        """

    @abstractmethod
    def expanded_tokens(self) -> tuple[Tokens, ...]:
        """The same with the products of a ``dot`` one by one."""

    def remark(self, notation: Notation | None = None) -> Tokens:
        """What stands behind the equation in the log."""
        return ()

    def latex(self) -> str:
        r"""The equation in LaTeX, for math mode of a document with the package amsmath.

        >>> from tinygrad_mlp.debug import trace_forward
        >>> print(trace_forward(Value(3.0, label="a").square())[0].latex())
        v_{1} = a^{2} = 3^{2} = 9
        """
        notation = self.trace.latex_notation
        return Latex(as_latex((*self.tokens(notation), *self.remark(notation))))

    def equation(self) -> str:
        """The step with symbols and with numbers."""
        return as_text(self.tokens())

    def expanded(self) -> tuple[str, ...]:
        """The equations of the step with the products of a ``dot`` one by one."""
        return tuple([as_text(line) for line in self.expanded_tokens()])

    @property
    @abstractmethod
    def receiver(self) -> Value:
        """The node that the step changes."""

    @property
    @abstractmethod
    def subject(self) -> str:
        """What it changes, in words: the node itself, or its gradient."""

    @property
    @abstractmethod
    def result(self) -> float:
        """What that is after the step."""

    @abstractmethod
    def completed(self) -> list[Value]:
        """The nodes that are complete with the step: their numbers, or, backward, gradients."""

    @abstractmethod
    def blocked_input(self) -> float | None:
        """The first operand where the op lets nothing of it through, as a dead relu; else None."""


S = TypeVar("S", bound=Step)


class Trace(Sequence[S], ABC):
    """The steps of a pass, in order; each is put together when it is asked for.

    Attributes:
        loss: the output of the graph.
        order: the nodes of the graph in topological order, leaves included.
        n_steps: the number of steps of the whole pass.
        has_gradients: whether its steps change gradients.

    >>> from tinygrad_mlp.debug import trace_forward
    >>> trace_forward(Value(1.0, label="a") * 2.0)
    ForwardTrace(1 steps, 3 nodes)
    """

    loss: Value
    order: Sequence[Value]
    n_steps: int
    has_gradients: ClassVar[bool]

    def __init__(self, names: str, index: str) -> None:
        check_notation(names, index)
        self._names = names, index

    @cached_property
    def notation(self) -> Notation:
        """What the nodes are called in equations."""
        names, index = self._names
        return notation_of(self.order, "code" if names == "auto" else names, index)

    @cached_property
    def latex_notation(self) -> Notation:
        """The same in LaTeX."""
        names, index = self._names
        return notation_of(self.order, "math", index) if names == "auto" else self.notation

    @property
    def names(self) -> dict[Value, str]:
        """The same as text: the label of a node, or the name that it has in the notation."""
        return self.notation.written

    @cached_property
    def layers(self) -> dict[Value, str]:
        """The path of the layer of each node that belongs to one, see ``layers_of``."""
        return layers_of(self.order)

    def latex(self) -> str:
        r"""All its steps in LaTeX, one below the other, for a document with the package amsmath.

        Raises:
            GraphError: if there are more than 10,000.

        >>> from tinygrad_mlp.debug import trace_backward
        >>> a = Value(2.0, label="a")
        >>> b = a.tanh(); b.label = "b"
        >>> for line in trace_backward(b).latex().splitlines():
        ...     print(line[:60])
        \begin{align*}
        \frac{\partial b}{\partial a} &\mathrel{+}= \frac{\partial b
        \end{align*}
        """
        if len(self) > MOST_EQUATIONS:
            raise GraphError(
                f"this trace has {len(self):,} steps, more than the {MOST_EQUATIONS:,} that "
                "latex() writes below one another; take some of them: "
                "[step.latex() for step in trace[:20]]"
            )
        notation = self.latex_notation
        return aligned([(*x.tokens(notation), *x.remark(notation)) for x in self])

    @property
    def finished(self) -> bool:
        """Whether the log has reached its end.

        >>> from tinygrad_mlp.debug import trace_backward
        >>> trace_backward(Value(1.0) * 2.0).finished
        True
        """
        return len(self) == self.n_steps

    @overload
    def __getitem__(self, index: int) -> S: ...
    @overload
    def __getitem__(self, index: slice) -> list[S]: ...
    def __getitem__(self, index: int | slice) -> S | list[S]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(f"there is no step {index}; the trace has {len(self)} steps")
        return self._step(number)

    @abstractmethod
    def _step(self, index: int) -> S:
        """The step of that number, which there is."""

    def __repr__(self) -> str:
        state = "" if self.finished else f", stopped at step {len(self) - 1}"
        counts = f"{len(self):,} steps, {len(self.order):,} nodes"
        return f"{type(self).__name__}({counts}{state})"


def require_value(value: object, call: str) -> Value:
    """The Value itself.

    Args:
        value: what was given.
        call: the call as it should be.

    Raises:
        NotANumberError: if it is no Value.

    >>> require_value(3.0, "trace_backward(loss)")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.NotANumberError: a Value is needed, the result of a computation, but got \
float 3.0; write trace_backward(loss) with loss = ... computed from Values
    """
    if isinstance(value, Value):
        return value
    raise NotANumberError(
        f"a Value is needed, the result of a computation, but got "
        f"{described(value, with_type=True)}; write {call} with loss = ... computed from Values"
    )
