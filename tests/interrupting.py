"""Ctrl-C at a chosen moment of a run: a real SIGINT at every line, or at every instruction.

That is more often than Python itself looks for signals.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

import tinygrad_mlp

ROOT: Final = str(Path(tinygrad_mlp.__file__).parent)
Tracer = Callable[[FrameType, str, Any], Any]


class Moments:
    """Counts the moments of a run, and raises a signal in one of them, SIGINT by default.

    Args:
        at: the number of the moment, from 0; -1 for never.
        event: "opcode" for every instruction, "line" for every line.
        within: only code in this folder or file counts, as seen from the package.
        number: the signal.

    Attributes:
        places: file and line of each moment so far.
    """

    def __init__(
        self, at: int, event: str, within: str, number: signal.Signals = signal.SIGINT
    ) -> None:
        self.at, self.event, self.folder = at, event, str(Path(ROOT, within).resolve())
        assert Path(self.folder).exists(), self.folder
        self.number = number
        self.places: list[tuple[str, int]] = []

    @property
    def n(self) -> int:
        """How many moments there were so far."""
        return len(self.places)

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(self.folder):
            return None
        frame.f_trace_opcodes = self.event == "opcode"
        if event == self.event:
            self.places.append((frame.f_code.co_filename, frame.f_lineno))
            if self.n - 1 == self.at:
                signal.raise_signal(self.number)
        return self


@contextmanager
def traced(moments: Moments) -> Iterator[None]:
    before = sys.gettrace()
    sys.settrace(moments)
    try:
        yield
    finally:
        sys.settrace(before)


def interrupted_everywhere(
    run: Callable[[], Callable[[], Any]],
    event: str = "opcode",
    within: str = "",
    stride: int = 1,
    rounds: int | None = None,
) -> Iterator[Any]:
    """What ``run()`` leaves when its work is interrupted at each of its moments.

    ``run`` makes things ready and returns the work, which returns what is to be looked at. Where a
    line comes many times, it is interrupted the first ``rounds`` times, and the last.
    """
    counting = Moments(-1, event, within)
    work = run()
    with traced(counting):
        work()
    assert counting.n > 5
    for at in _chosen(counting.places, rounds)[::stride]:
        work = run()
        try:
            with traced(Moments(at, event, within)):
                work()
        except KeyboardInterrupt:
            pass
        yield work


def _chosen(places: list[tuple[str, int]], rounds: int | None) -> list[int]:
    if rounds is None:
        return list(range(len(places)))
    times: dict[tuple[str, int], list[int]] = {}
    for at, place in enumerate(places):
        times.setdefault(place, []).append(at)
    return sorted({at for own in times.values() for at in (*own[:rounds], own[-1])})
