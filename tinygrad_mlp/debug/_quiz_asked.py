"""The numbers of a step of the chain rule that a quiz asks about."""

from __future__ import annotations

from tinygrad_mlp import ops
from tinygrad_mlp.debug._quiz_rounding import Rounded, rounded_partial
from tinygrad_mlp.debug._quiz_setting import Setting
from tinygrad_mlp.debug._steps import BackwardStep
from tinygrad_mlp.graph import op_of

__all__ = ["Asked"]


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
