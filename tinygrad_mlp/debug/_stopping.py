"""How a step log stops at breakpoints, in the forward and in the backward pass."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinygrad_mlp.debug._breakpoints import Breakpoint, Hit, Step

__all__ = ["all_of", "stopped_by"]


def all_of(breakpoints: Breakpoint | Iterable[Breakpoint]) -> tuple[Breakpoint, ...]:
    """One breakpoint, or several, as a tuple.

    >>> from tinygrad_mlp.debug._breakpoints import break_when
    >>> len(all_of(break_when(op="tanh"))), all_of([])
    (1, ())
    """
    return tuple(breakpoints) if isinstance(breakpoints, Iterable) else (breakpoints,)


def stopped_by(breakpoints: Iterable[Breakpoint], step: Step) -> Hit | None:
    """The first breakpoint that holds at a step and stops there; ``on_hit`` is called instead.

    With ``on_hit=breakpoint`` the Python debugger opens in this frame: look at ``step``,
    ``step.node``, ``step.parent`` and ``hit``.

    >>> from tinygrad_mlp import Value
    >>> from tinygrad_mlp.debug._breakpoints import break_when
    >>> from tinygrad_mlp.debug._forward import trace_forward
    >>> print(stopped_by([break_when(op="tanh")], trace_forward(Value(0.0).tanh())[0]))
    step 0: in tanh (v1)
    """
    for point in breakpoints:
        hit = point.check(step)
        if hit is None:
            continue
        if point.on_hit is None:
            return hit
        point.on_hit()
    return None
