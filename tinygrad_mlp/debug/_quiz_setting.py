"""What stands around the step that a question is about: names, uses, and nodes of the same kind."""

from __future__ import annotations

from collections import deque
from functools import cached_property
from typing import Final

from tinygrad_mlp import ops
from tinygrad_mlp.debug._equations import operand_of
from tinygrad_mlp.debug._forward import ForwardTrace
from tinygrad_mlp.debug._steps import BackwardStep, BackwardTrace
from tinygrad_mlp.debug._tokens import Derivative, Name, Token
from tinygrad_mlp.engine import Value

__all__ = ["Setting"]

MOST_ALIKE: Final = 4
"""So many nodes of the same kind may be mixed up with one."""

NEAR: Final = 12
"""Among so many uses or operands on either side they are looked for."""


class Setting:
    """One trace, as its questions see it.

    Args:
        trace: the steps of a forward or a backward pass.

    >>> from tinygrad_mlp.debug import trace_backward
    >>> from tinygrad_mlp.debug.worked_example import worked_example
    >>> trace = trace_backward(worked_example())
    >>> setting = Setting(trace)
    >>> setting.of_loss(trace[0].parent).text, setting.count_of(trace[0].parent)
    ('dL/dE_o1', 1)
    """

    def __init__(self, trace: BackwardTrace | ForwardTrace) -> None:
        self.trace = trace
        self.loss = trace.loss

    def name(self, node: Value) -> Name:
        """What a node is called."""
        return self.trace.notation.name(node)

    def operand(self, node: Value) -> Token:
        """The same, or the number itself where it is a plain one of a formula."""
        return operand_of(node, self.name(node))

    def of_loss(self, node: Value) -> Derivative:
        """The symbol of the gradient of a node."""
        return self.trace.notation.derivative(self.loss, node)

    def local(self, node: Value, parent: Value) -> Derivative:
        """The symbol of a local derivative."""
        return self.trace.notation.derivative(node, parent)

    @cached_property
    def uses(self) -> dict[Value, list[Value]]:
        """The nodes that use a node, each as often as it does."""
        found: dict[Value, list[Value]] = {}
        for node in self.trace.order:
            for parent in node.parents:
                found.setdefault(parent, []).append(node)
        return found

    def count_of(self, parent: Value) -> int:
        """Along how many paths a gradient comes to a node, step by step."""
        return len(self._paths.get(parent, ()))

    @cached_property
    def _paths(self) -> dict[Value, list[int]]:
        """The numbers of the steps that bring a gradient to a node."""
        found: dict[Value, list[int]] = {}
        if isinstance(self.trace, BackwardTrace):
            for index, parent in enumerate(self.trace.receivers()):
                found.setdefault(parent, []).append(index)
        return found

    def earlier(self, step: BackwardStep) -> list[BackwardStep]:
        """The steps before this one that bring a gradient to the same node."""
        return [step.trace[index] for index in self._paths[step.parent] if index < step.index]

    def whole(self, step: BackwardStep) -> float | None:
        """The gradient along all paths, if the pass has come so far."""
        trace = step.trace
        return (
            trace.gradient_before(step.parent, len(trace)) if len(trace) == trace.n_steps else None
        )

    def alike(self, step: BackwardStep) -> list[tuple[Value, float]]:
        """Nodes of the kind of the step's that have a gradient by now, and that gradient.

        These are the others that use what it uses, and those that are used beside it: the other
        neurons of a layer.
        """
        node, trace = step.node, step.trace
        found: dict[Value, float] = {}
        around = deque[Value]()
        for parent in _near(list(node.parents), step.position):
            users = self.uses[parent]
            around.extend(_near(users, users.index(node)))
        for user in dict.fromkeys(self.uses.get(node, ())):
            around.extend(_near(list(user.parents), user.parents.index(node)))
        for other in dict.fromkeys(around):
            if other is node or other.op is not node.op or len(found) == MOST_ALIKE:
                continue
            gradient = trace.gradient_before(other, step.index)
            if gradient is not None:
                found[other] = gradient
        return list(found.items())

    def beside(self, step: BackwardStep) -> list[tuple[Value, float]]:
        """The other operands of a sum of products on the same side, and their derivatives."""
        node, at = step.node, step.position
        n = len(node.parents) // 2
        if node.op is not ops.DOT or at >= 2 * n:
            return []
        start = 0 if at < n else n
        near = sorted(range(start, start + n), key=lambda place: (abs(place - at), place))
        return [(node.parents[place], node.partials[place]) for place in near[1 : MOST_ALIKE + 1]]


def _near(nodes: list[Value], place: int) -> list[Value]:
    """Those not far from a place."""
    return nodes[max(0, place - NEAR) : place + NEAR + 1]
