"""Where in a person's program each node was made: file and line, while ``record_creation`` is on.

It is an observer of the nodes that are made in its block, so that off it costs nothing. One frame
is looked at for each node, the innermost that is not ours.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType
from typing import Final, NamedTuple

from tinygrad_mlp._frames import is_ours
from tinygrad_mlp._recorders import Observer
from tinygrad_mlp._recording import observed_by
from tinygrad_mlp._text import visible
from tinygrad_mlp.engine import Value
from tinygrad_mlp.ops import Op

__all__ = ["CreationObserver", "Location", "location_of", "record_creation", "with_places"]

SHOWN: Final = frozenset([str(Path(__file__).parent / "worked_example.py")])
"""Files of ours that are a person's program as far as this goes."""

Place = tuple[CodeType, int]


class Location(NamedTuple):
    """A line of a person's program.

    >>> print(Location("train.py", 12, "loss_of"))
    train.py:12 in loss_of
    """

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return visible(f"{self.file}:{self.line} in {self.function}")


class LocatedValue(Value):
    """A Value that knows where it was made; in every other respect it is a Value."""

    __slots__ = ("made_at",)

    made_at: Place | None


class CreationObserver(Observer):
    """Notes the line where a node was made; entered by ``record_creation``.

    >>> with observed_by(CreationObserver()):
    ...     total = Value(1.0) + 2.0
    >>> location_of(total).line
    2
    """

    def __init__(self) -> None:
        # A leaf cannot carry it, so it lives with the block.
        self._leaves: dict[Value, Place | None] = {}

    def leaf(self, leaf: Value) -> None:
        """Note the place of a leaf."""
        self._leaves[leaf] = _place()

    def made(self, node: Value, op: Op, parents: tuple[Value, ...]) -> Value:
        """The node with its place noted."""
        place = _place()
        if not node.parents:  # within no_grad()
            self._leaves[node] = place
            return node
        located = object.__new__(LocatedValue)
        located.data = node.data
        located.grad = node.grad
        located.op = node.op
        located.parents = node.parents
        located.partials = node.partials
        located._label = node._label
        located.made_at = place
        return located

    def place_of_leaf(self, leaf: Value) -> Place | None:
        """Where a leaf was made, as code and line."""
        return self._leaves.get(leaf)

    def forget_leaves(self) -> None:
        """At the end, let go of the leaves."""
        self._leaves.clear()


_active: list[CreationObserver] = []


@contextmanager
def record_creation() -> Iterator[None]:
    """Within this block every node remembers the file and line where it was made.

    ``location_of(node)`` says it: for a computed node as long as the node lives, for a leaf (a
    parameter, an input, a constant) until the block ends. Lines of this package are skipped, so
    that the loss of a network is placed where a person called the loss.

    A compiled program makes no nodes; build the step in question eagerly within the block, with
    ``program.eager(X, y)``.

    >>> with record_creation():
    ...     a = Value(2.0)
    ...     b = a * a
    >>> location_of(b).line
    3
    """
    with with_places(CreationObserver()):
        yield


@contextmanager
def with_places(observer: CreationObserver) -> Iterator[None]:
    """Within this block the observer notes places, and ``location_of`` knows those of leaves.

    >>> with with_places(CreationObserver()):
    ...     location_of(Value(1.0)).line
    2
    """
    with observed_by(observer):
        _active.append(observer)
        try:
            yield
        finally:
            _active.remove(observer)
            observer.forget_leaves()


def location_of(node: Value) -> Location | None:
    """Where a node was made, or None if ``record_creation`` was not on then.

    >>> print(location_of(Value(1.0)))
    None
    """
    place: Place | None = getattr(node, "made_at", None)
    for observer in reversed(tuple(_active)):  # other threads open and close blocks meanwhile
        place = place or observer.place_of_leaf(node)
    if place is None:
        return None
    code, line = place
    return Location(code.co_filename, line, code.co_qualname)


_ours: dict[str, bool] = {}  # whether a file belongs to the package


def _place() -> Place | None:
    """The innermost frame that is not ours."""
    frame = sys._getframe()
    while True:
        file = frame.f_code.co_filename
        skipped = _ours.get(file)
        if skipped is None:
            # What starts a module is nobody's line.
            ours = is_ours(file) or file.startswith("<frozen ")
            skipped = _ours[file] = ours and file not in SHOWN
        if not skipped:
            return frame.f_code, frame.f_lineno
        if frame.f_back is None:
            return None
        frame = frame.f_back
