"""How a step log stops at breakpoints, in the forward and in the backward pass."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator

from tinygrad_mlp.debug._breakpoints import Breakpoint, Hit
from tinygrad_mlp.debug._trace import S, Step, Trace

__all__ = ["StoppingTrace", "stopped_by"]


class StoppingTrace(Trace[S]):
    """A trace that grows step by step, to the next step at which a breakpoint holds.

    Attributes:
        hit: the breakpoint at which the log stopped, or None.
    """

    def __init__(
        self, breakpoints: Breakpoint | Iterable[Breakpoint], names: str, index: str
    ) -> None:
        super().__init__(names, index)
        several = breakpoints if isinstance(breakpoints, Iterable) else (breakpoints,)
        self.hit: Hit | None = None
        self._breakpoints = tuple(several)
        for point in self._breakpoints:
            point.require(self)
        self._recording = self._stops()

    def _stops(self) -> Iterator[Hit]:
        """The breakpoints that hold, while the log grows."""
        for _ in self._growing():
            if self._breakpoints:
                hit = stopped_by(self._breakpoints, self[-1])
                if hit is not None:
                    yield hit

    @abstractmethod
    def _growing(self) -> Iterator[object]:
        """Adds step after step to the log, and yields after each."""

    def resume(self) -> Hit | None:
        """Go on from a breakpoint to the next one, or to the end.

        >>> from tinygrad_mlp import Value
        >>> from tinygrad_mlp.debug import break_when, trace_forward
        >>> trace = trace_forward((Value(0.0) * 2.0).log().exp(), break_when(non_finite=True))
        >>> print(trace.hit)
        step 1: v3 is -inf
        >>> len(trace), trace.resume(), len(trace)
        (2, None, 3)
        """
        self.hit = next(self._recording, None)
        return self.hit


def stopped_by(breakpoints: Iterable[Breakpoint], step: Step) -> Hit | None:
    """The first breakpoint that holds at a step and stops there; ``on_hit`` is called instead.

    With ``on_hit=breakpoint`` the Python debugger opens in this frame: look at ``step``,
    ``step.node``, ``step.receiver`` and ``hit``.

    >>> from tinygrad_mlp import Value
    >>> from tinygrad_mlp.debug import break_when, trace_forward
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
