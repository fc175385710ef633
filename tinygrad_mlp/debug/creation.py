"""Where in a person's program each node was made: file and line, while ``record_creation`` is on.

It takes the place of the functions that make nodes (as the compiler does while it records), so that
off it costs nothing. One frame is looked at for each node, the innermost that is not ours.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import CodeType
from typing import Final, NamedTuple

import numpy as np

from tinygrad_mlp import engine, ops
from tinygrad_mlp.engine import Number, Value, recorded_by
from tinygrad_mlp.frames import is_ours
from tinygrad_mlp.ops import Op
from tinygrad_mlp.text import visible

__all__ = ["CreationRecorder", "Location", "location_of", "record_creation"]

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


class CreationRecorder:
    """Makes nodes as the engine does, and notes the line; entered by ``record_creation``.

    >>> recorder = CreationRecorder()
    >>> with recorded_by(recorder):
    ...     total = Value(1.0) + 2.0
    >>> location_of(total).line
    2
    """

    def __init__(self) -> None:
        self._outer = engine._recorder
        self._unary, self._binary = engine._unary, engine._binary
        self._any_arity = engine._any_arity
        self.compare, self.read = engine._compare, engine._read
        self._leaves: dict[
            Value, Place | None
        ] = {}  # a leaf cannot carry it, so it lives with the block

    @property
    def has_numbers(self) -> bool:
        """Whether the nodes have numbers: not while a function is compiled around this block."""
        return self._outer is None or self._outer.has_numbers

    def unary(self, op: Op, parent: Value) -> Value:
        """The node of an op with one input."""
        return self.made(self._unary(op, parent))

    def binary(self, op: Op, left: Value, right: Value) -> Value:
        """The node of an op with two inputs."""
        return self.made(self._binary(op, left, right))

    def any_arity(self, op: Op, parents: tuple[Value, ...]) -> Value:
        """The node of any other op."""
        return self.made(self._any_arity(op, parents))

    def leaf(self, leaf: Value) -> None:
        """A leaf was made."""
        if self._outer is not None:
            self._outer.leaf(leaf)
        self._leaves[leaf] = _place()

    def uniform(self, rng: np.random.Generator) -> Value:
        """A random leaf."""
        if self._outer is not None:
            return self._outer.uniform(rng)
        leaf = Value(rng.random())
        leaf.op = ops.CONSTANT
        return leaf

    def assign(self, leaf: Value, value: Value | Number) -> None:
        """An assignment to a leaf."""
        if self._outer is not None:
            self._outer.assign(leaf, engine.as_value(value))
        else:
            leaf.data = engine.as_value(value).data

    def check_at_calls(self, check: engine.ArrayCheck, values: Sequence[Value]) -> None:
        """A check that waits for the numbers; a block that has numbers checks at once."""
        if self._outer is not None:
            self._outer.check_at_calls(check, values)

    def without_gradients(self) -> AbstractContextManager[None]:
        """Within ``no_grad``, whose results are leaves without parents."""
        return nullcontext() if self._outer is None else self._outer.without_gradients()

    def with_gradients(self) -> AbstractContextManager[None]:
        """Within ``enable_grad``."""
        return nullcontext() if self._outer is None else self._outer.with_gradients()

    def made(self, node: Value) -> Value:
        """The node with its place noted."""
        if not self.has_numbers:
            return node
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


_active: list[CreationRecorder] = []


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
    recorder = CreationRecorder()
    with _recording(recorder):
        yield


@contextmanager
def _recording(recorder: CreationRecorder) -> Iterator[None]:
    with recorded_by(recorder):
        _active.append(recorder)
        try:
            yield
        finally:
            _active.remove(recorder)
            recorder.forget_leaves()


def location_of(node: Value) -> Location | None:
    """Where a node was made, or None if ``record_creation`` was not on then.

    >>> print(location_of(Value(1.0)))
    None
    """
    place: Place | None = getattr(node, "made_at", None)
    for recorder in reversed(_active):
        place = place or recorder.place_of_leaf(node)
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
