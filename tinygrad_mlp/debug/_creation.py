"""Where in a person's program each node was made: file and line, while ``record_creation`` is on.

It is an observer of the nodes that are made in its block, so that off it costs nothing. One frame
is looked at for each node, the innermost that is not ours. What a node is called in the program is
known when another is computed from it: by the variables that hold it at that moment.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Final, NamedTuple

from tinygrad_mlp import losses
from tinygrad_mlp._frames import is_ours
from tinygrad_mlp._recorders import Observer
from tinygrad_mlp._recording import observed_by
from tinygrad_mlp._text import visible
from tinygrad_mlp.engine import Value
from tinygrad_mlp.ops import Op

__all__ = ["CreationObserver", "Location", "location_of", "record_creation", "with_places"]

SHOWN: Final = frozenset([str(Path(__file__).parent / "worked_example.py")])
"""Files of ours that are a person's program as far as this goes."""

FORMULAS: Final = str(Path(losses.__file__).parent / "_elementwise.py")
"""A file of ours whose variables have the names of a formula: ``error``."""

MOST_FRAMES: Final = 8
"""In so many functions that called each other the variables are looked at."""

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

    __slots__ = ("made_at", "variable")

    made_at: Place | None
    variable: str
    """The name of the variable that held it when it was first used; "" if there was none."""


class CreationObserver(Observer):
    """Notes the line where a node was made; entered by ``record_creation``.

    >>> with observed_by(CreationObserver()):
    ...     total = Value(1.0) + 2.0
    >>> location_of(total).line
    2

    Attributes:
        looks_at_variables: whether it also notes which variables hold the nodes.
    """

    looks_at_variables = True

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
        located.variable = ""
        if self.looks_at_variables:
            for parent in parents:
                if isinstance(parent, LocatedValue) and getattr(parent, "variable", None) == "":
                    parent.variable = _variable_of(parent)
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

    >>> from tinygrad_mlp.debug import trace_forward
    >>> def neuron(x, w, b):
    ...     net = x * w + b
    ...     return net.tanh()
    >>> with record_creation():
    ...     out = neuron(Value(2.0, label="x"), Value(3.0, label="w"), Value(-5.0, label="b"))
    >>> print(trace_forward(out)[-1])
    v5 = tanh(net) = tanh(1) = 0.7616
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
    while _is_skipped(frame.f_code.co_filename):
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return frame.f_code, frame.f_lineno


def _is_skipped(file: str) -> bool:
    """Whether a file is ours, or what starts a module: nobody's line."""
    skipped = _ours.get(file)
    if skipped is None:
        ours = is_ours(file) or file.startswith("<frozen ")
        skipped = _ours[file] = ours and file not in SHOWN
    return skipped


def _variable_of(node: Value) -> str:
    """The name of the variable that holds a node, in the innermost function that named it itself.

    A parameter of a function names what it is given, so it counts only where nothing else does.
    """
    parameter = ""
    frame: FrameType | None = sys._getframe(2)
    for _ in range(MOST_FRAMES):
        while frame is not None and _has_no_names(frame.f_code.co_filename):
            frame = frame.f_back
        if frame is None:
            break
        code = frame.f_code
        parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        for name, item in frame.f_locals.items():
            if item is node and not name.startswith("_"):
                if name not in parameters:
                    return name
                if not is_ours(code.co_filename):
                    parameter = parameter or name
        if code.co_name == "<module>":
            break
        frame = frame.f_back
    return parameter


def _has_no_names(file: str) -> bool:
    """Whether the variables of a file say nothing to a person: ours, but for formulas."""
    return _is_skipped(file) and file != FORMULAS
