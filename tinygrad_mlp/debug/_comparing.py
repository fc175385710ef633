"""Where two runs part: the first step at which two step logs are not the same."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tinygrad_mlp.debug._trace import Step, Trace
from tinygrad_mlp.graph import op_of

__all__ = ["Difference", "compare"]


@dataclass(frozen=True, slots=True)
class Difference:
    """The first step at which two traces part.

    Attributes:
        index: the number of the step.
        what: what is not the same: "length", "op", "label", "operand" (its label), or a number of
            the step, such as "partial" or "output".
        of_a: what it is in the first trace.
        of_b: what it is in the second.
        step_a: the step in the first trace; None if that one is over.
        step_b: the step in the second.
    """

    index: int
    what: str
    of_a: object
    of_b: object
    step_a: Step | None
    step_b: Step | None

    def __str__(self) -> str:
        first = "(the trace is over)" if self.step_a is None else self.step_a.equation()
        second = "(the trace is over)" if self.step_b is None else self.step_b.equation()
        return (
            f"the traces part at step {self.index}: {self.what} is {self.of_a!r} in the first and "
            f"{self.of_b!r} in the second\n  first:  {first}\n  second: {second}"
        )


def compare(trace_a: Trace[Any], trace_b: Trace[Any], tolerance: float = 0.0) -> Difference | None:
    """The first step at which two runs part, or None if they are the same throughout.

    Args:
        trace_a: a trace, of the forward or the backward pass.
        trace_b: another of the same kind.
        tolerance: how far two numbers may be apart, relative to the larger one; 0.0 asks for the
            same bits (nan equals nan).

    Raises:
        TypeError: if one is a forward and the other a backward trace.

    >>> from tinygrad_mlp import Value
    >>> from tinygrad_mlp.debug import trace_forward
    >>> first, second = ((Value(x, label="x") * 2.0).exp() for x in (1.0, 1.5))
    >>> print(compare(trace_forward(first), trace_forward(second)))
    the traces part at step 0: inputs is (1.0, 2.0) in the first and (1.5, 2.0) in the second
      first:  v2 = x * 2 = 1 * 2 = 2
      second: v2 = x * 2 = 1.5 * 2 = 3
    """
    if type(trace_a) is not type(trace_b):
        raise TypeError(
            f"compare takes two traces of one kind, got {type(trace_a).__name__} and "
            f"{type(trace_b).__name__}; give two from trace_backward, or two from trace_forward"
        )
    for index in range(min(len(trace_a), len(trace_b))):
        a, b = trace_a[index], trace_b[index]
        for what, of_a, of_b in _features(a, b):
            if not _same(of_a, of_b, tolerance):
                return Difference(index, what, of_a, of_b, a, b)
    if len(trace_a) == len(trace_b):
        return None
    index = min(len(trace_a), len(trace_b))
    step_a = trace_a[index] if index < len(trace_a) else None
    step_b = trace_b[index] if index < len(trace_b) else None
    return Difference(index, "length", len(trace_a), len(trace_b), step_a, step_b)


def _features(a: Step, b: Step) -> list[tuple[str, object, object]]:
    """What two steps are compared by, in the order of telling."""
    features: list[tuple[str, object, object]] = [("op", op_of(a.node).name, op_of(b.node).name)]
    named = [("label", a.node, b.node), ("operand", a.receiver, b.receiver)]
    # Generated names depend on the size of the graph, so only those that a person gave tell.
    features += [(what, x.label, y.label) for what, x, y in named if x.label and y.label]
    features.extend((name, getattr(a, name), getattr(b, name)) for name in a.numbers)
    return features


def _same(a: Any, b: Any, tolerance: float) -> bool:
    """Whether two of one kind are the same: numbers, tuples of numbers, or names."""
    if isinstance(a, tuple):
        return len(a) == len(b) and all(_same(x, y, tolerance) for x, y in zip(a, b))
    if isinstance(a, float):
        if tolerance:
            both_nan = math.isnan(a) and math.isnan(b)
            return both_nan or math.isclose(a, b, rel_tol=tolerance)
        return repr(a) == repr(b)  # as the bits are, and nan is nan
    return bool(a == b)
