"""A walk through one computation: forward, then backward, one step at a time and back again.

A ``Session`` knows at which step it stands and keeps the gradients in the graph as they are at that
moment. The terminal shows it; a test or a notebook can drive it too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from tinygrad_mlp.debug._breakpoints import Breakpoint, Hit
from tinygrad_mlp.debug._chain import MOST_PATHS, Chain, chain_called
from tinygrad_mlp.debug._forward import ForwardStep, trace_forward
from tinygrad_mlp.debug._notation import Notation, check_notation, notation_of
from tinygrad_mlp.debug._quiz_questions import Question, question_of
from tinygrad_mlp.debug._quiz_setting import Setting
from tinygrad_mlp.debug._recompute import recompute
from tinygrad_mlp.debug._steps import BackwardStep, trace_backward
from tinygrad_mlp.debug._trace import Step, require_value
from tinygrad_mlp.engine import Number, Value, as_value
from tinygrad_mlp.errors import GraphError, InvalidArgumentError, UnknownNameError
from tinygrad_mlp.graph import TextbookNames

__all__ = ["Session"]


class Session:
    """The steps of a forward and a backward pass, and a position among them.

    The gradients of all leaves are cleared at the start, so that each pass begins from 0. At a
    position in the forward pass no node has a gradient.

    Args:
        loss: the output of the graph, not a leaf.
        names: "math" for names as books write them, w₂₁⁽¹⁾; or "code" for those of the program.
            Labels stay as they are.
        index: "unit,input": w₂₁ leads from input 1 to unit 2; or "input,unit": w₁₂ does, and the
            bias of unit 2 is w₀₂.

    Attributes:
        loss: the same.
        position: how many steps are done, 0 to ``len(session)``.
        breakpoints: where ``run`` stops.

    Raises:
        NotANumberError: if ``loss`` is no Value.
        UnknownNameError: for another word of ``names`` or ``index``.
        GraphError: for a leaf, which has nothing to step through.

    >>> from tinygrad_mlp.debug.worked_example import worked_example
    >>> session = Session(worked_example())
    >>> session.n_forward, len(session)
    (15, 49)
    >>> session.move(16).equation()
    'dL/dE_o1 += dL/dL * dL/dE_o1 = 1 * 1 = 1'
    >>> session.run(to=session.node("w5")).equation()
    'dL/dw5 += dL/dnet_o1 * dnet_o1/dw5 = 0.1385 * 0.5933 = 0.0822'
    """

    def __init__(self, loss: Value, *, names: str = "math", index: str = "unit,input") -> None:
        check_notation(names, index)
        if not require_value(loss, "Session(loss)").parents:
            raise GraphError(
                "there is nothing to step through: the Value is a leaf; give the result of a "
                "computation, such as the loss"
            )
        self.loss = loss
        self._spelling = "math" if names == "auto" else names, index
        self.position = 0
        self.breakpoints: list[Breakpoint] = []
        self._trace()

    def _trace(self) -> None:
        self.forward = trace_forward(self.loss)
        for node in self.forward.order:
            node.zero_grad()
        self.backward = trace_backward(self.loss)
        self._settings = Setting(self.forward), Setting(self.backward)
        self._name_steps()
        self._place_gradients()

    def _name_steps(self) -> None:
        """Both passes call the nodes what the session calls them."""
        for trace in (self.forward, self.backward):
            trace.notation = trace.latex_notation = self.notation

    def write_typed(self) -> None:
        """From here on write w[1]_21 for w₂₁⁽¹⁾, for a terminal that lacks small digits.

        >>> from tinygrad_mlp.nn import MLP
        >>> session = Session(MLP(1, [1], activation="tanh", rng=0)([0.5]).square())
        >>> session.write_typed()
        >>> print(*session.names.values())
        w[1]_11 x_1 b[1]_1 z[1]_1 L
        """
        self.notation = self.notation.typed()
        self._name_steps()

    def __len__(self) -> int:
        return len(self.forward) + len(self.backward)

    @property
    def n_forward(self) -> int:
        """The number of steps of the forward pass; those of the backward pass follow."""
        return len(self.forward)

    @property
    def order(self) -> Sequence[Value]:
        """The nodes in topological order."""
        return self.forward.order

    @cached_property
    def notation(self) -> Notation:
        """What the nodes are called in equations."""
        return notation_of(self.order, *self._spelling)

    @property
    def names(self) -> dict[Value, str]:
        """The same as text."""
        return self.notation.written

    @cached_property
    def _books(self) -> TextbookNames:
        """What books call the nodes, also where the session does not."""
        books = self.notation.books or notation_of(self.order, index=self._spelling[1]).books
        assert books is not None  # the names of books come from there
        return books

    def node(self, name: str) -> Value:
        """The node of that name, or the one that books call so: ``w[1]_21``, ``z[2]_1``, ``yhat``.

        The name of the gradient of a weighted sum, ``delta[2]_1``, is taken for that sum.

        Raises:
            UnknownNameError: if there is none; the message lists some that are near.

        >>> from tinygrad_mlp.nn import MLP
        >>> session = Session(MLP(1, [1], activation="tanh", rng=0)([0.5]).square())
        >>> names = ("w[1]_11", "layers.0.neurons.0.w.0", "w_11^(1)")
        >>> [session.names[session.node(name)] for name in names]
        ['w₁₁⁽¹⁾', 'w₁₁⁽¹⁾', 'w₁₁⁽¹⁾']
        """
        for node, written in self.names.items():
            if written == name:
                return node
        for node, delta in self.notation.deltas.items():
            if name in (delta.name.text, delta.name.typed, delta.name.latex):
                return node
        try:
            return self._books.find(name)
        except UnknownNameError:
            known = self.notation.typed().written.values()
            raise UnknownNameError.of("node", name, known) from None

    def spellings(self) -> list[str]:
        """What the nodes are called in letters of every keyboard, for completion.

        >>> from tinygrad_mlp.nn import MLP
        >>> session = Session(MLP(1, [1], activation="tanh", rng=0)([0.5]).square())
        >>> session.spellings()[:2]
        ['w[1]_11', 'layers.0.neurons.0.w.0']
        """
        notation = self.notation.typed()
        found = [spelling for node in self.order for spelling in notation.spellings(node)]
        return list(dict.fromkeys(found))

    def step(self, index: int) -> BackwardStep | ForwardStep:
        """The step of that number, from 0."""
        if index < self.n_forward:
            return self.forward[index]
        return self.backward[index - self.n_forward]

    def question(self, index: int | None = None) -> Question | None:
        """What a quiz asks about a step: its number is hidden, all that it takes is given.

        Args:
            index: the number of the step, from 0; by default the step that comes next.

        Returns:
            The question; None where there is no such step, or where the answer is nan or infinite.

        >>> session = Session(Value(3.0, label="a").square())
        >>> print(session.question())
        v1 = ?
        >>> session.go_to(1)
        >>> print(session.question())
        dv1/da = ?
        """
        place = self.position if index is None else index
        if not 0 <= place < len(self):
            return None
        return question_of(self.step(place), self._settings[place >= self.n_forward])

    @property
    def last_step(self) -> Step | None:
        """The step that was done last; None at the start."""
        return self.step(self.position - 1) if self.position else None

    def chain(self, node: Value) -> Chain:
        """Every path from a node to the loss, in the names of the session; see ``debug.chain``."""
        return chain_called(self.loss, node, MOST_PATHS, self.notation, self.notation)

    def is_computed(self, node: Value) -> bool:
        """Whether the forward pass has reached the node."""
        return not node.parents or self._computed_at[node] <= self.position

    def gradient(self, node: Value) -> float | None:
        """The gradient of a node at this moment; None as long as nothing has arrived there."""
        return node.grad if node.has_grad and self.position >= self.n_forward else None

    def is_complete(self, node: Value) -> bool:
        """Whether the whole gradient of a node has arrived.

        >>> a = Value(3.0, label="a")
        >>> session = Session(a * a)
        >>> found = []
        >>> for position in range(4):
        ...     session.go_to(position)
        ...     found.append(session.is_complete(a))
        >>> found
        [False, False, False, True]
        """
        done = self.position - self.n_forward
        if done < 0 or node is self.loss or done == len(self.backward):
            return done >= 0
        return self.backward.gradient_before(node, done) is not None

    def known(self) -> list[Value]:
        """What is computed at this moment and leads no further yet: the ends of the graph so far.

        At the start these are the leaves, after the forward pass it is the loss.

        >>> a = Value(3.0, label="a")
        >>> session = Session((a * a).exp() + a)
        >>> _ = session.move(2)
        >>> [session.names[node] for node in session.known()]
        ['v2']
        """
        computed = [node for node in self.order if self.is_computed(node)]
        used = {parent for node in computed for parent in node.parents}
        ends = [node for node in computed if node not in used]
        return [node for node in ends if node.parents] or ends

    @cached_property
    def _computed_at(self) -> dict[Value, int]:
        nodes = (node for node in self.order if node.parents)
        return {node: index + 1 for index, node in enumerate(nodes)}

    def move(self, steps: int) -> Step:
        """Go so many steps forwards, or backwards if negative; the step done last.

        Raises:
            InvalidArgumentError: if the walk would leave the passes.
        """
        target = self.position + steps
        if target > len(self) or target < 0:
            end = "end" if steps > 0 else "start"
            raise InvalidArgumentError(
                f"{steps:+d} steps from step {self.position} of {len(self)} leads past the {end}"
            )
        self.go_to(target)
        return self.step(max(target, 1) - 1)

    def go_to(self, position: int) -> None:
        """Stand after so many steps; the gradients in the graph are those of that moment."""
        if not 0 <= position <= len(self):
            raise InvalidArgumentError(
                f"position is {position}, but the session has {len(self)} steps: 0 is the start, "
                f"{len(self)} the end"
            )
        self.position = position
        self._place_gradients()

    def _place_gradients(self) -> None:
        """Gradients for a position: none in the forward pass."""
        if self.position >= self.n_forward:
            self.loss.grad = 1.0
            self.backward.go_to(self.position - self.n_forward)
        else:
            self.backward.go_to(0)
            self.loss.zero_grad()

    def run(self, to: Value | None = None) -> Step | None:
        """Go on to the next breakpoint, to a node, or to the end; the step done last.

        Args:
            to: in the forward pass, stop when this node is computed; in the backward pass, when its
                gradient is complete. Breakpoints stop on the way.
        """
        target = len(self) if to is None else self._arrival(to)
        while self.position < target:
            self.go_to(self.position + 1)
            if self.hits():
                break
        return self.last_step

    def run_back(self) -> Step | None:
        """Go back to the last step at which a breakpoint holds, or to the start."""
        while self.position > 0:
            self.go_to(self.position - 1)
            if self.hits():
                break
        return self.last_step

    def hits(self) -> list[Hit]:
        """The breakpoints that hold at the step done last."""
        step = self.last_step
        if step is None:
            return []
        found = [point.check(step) for point in self.breakpoints]
        return [hit for hit in found if hit is not None]

    def _arrival(self, node: Value) -> int:
        """The next position at which a node is ready: its number, then its gradient."""
        if not self.is_computed(node):
            return self._computed_at[node]
        last = 0  # the loss, whose gradient of 1 is no step, stays complete
        for step in self.backward:
            if step.parent is node:
                last = self.n_forward + step.index + 1
        if not last and node is not self.loss:
            raise InvalidArgumentError(
                f"no gradient flows to {self.names[node]}: no step leads there"
            )
        if last <= self.position:
            raise InvalidArgumentError(
                f"{self.names[node]} is complete already at this step; go back first"
            )
        return last

    def assign(self, leaf: Value, number: Number) -> float:
        """Give a leaf another number and run both passes again; the new loss.

        The session stays at the same step.

        Raises:
            GraphError: if the node is not a leaf.

        >>> a = Value(3.0, label="a")
        >>> session = Session(a * a)
        >>> session.assign(a, 5.0)
        25.0
        """
        if leaf.parents:
            raise GraphError(
                f"{self.names[leaf]} was computed from others; change a leaf, such as "
                f"{self.names[self._a_leaf()]}"
            )
        leaf.data = as_value(number).data
        recompute(self.loss)
        self._trace()
        return self.loss.data

    def _a_leaf(self) -> Value:
        """A leaf to speak of: one with a label, rather than a plain number of a formula."""
        leaves = [node for node in self.order if not node.parents]
        named = [leaf for leaf in leaves if leaf.label]
        return (named or [leaf for leaf in leaves if leaf.op is None] or leaves)[0]
