"""Pass 1, trace: run a function once on placeholder Values and keep the graph that it builds.

A traced Value has operation and parents but no number: reading its number (``float(v)``,
``v.data``, ``if v > 0``) is an error that names the line. What a leaf means is decided here:

* a placeholder: one element of an array that the program is called with;
* a parameter: a leaf that was named as one, differentiated;
* a leaf that stood before the trace: read again at each call;
* a leaf made in the trace: a constant;
* a random leaf: drawn anew at each call.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp.engine import Number, Value, apply, as_value, recorded_by
from tinygrad_mlp.errors import GraphError, ShapeError, TracingError
from tinygrad_mlp.ops import Op

__all__ = ["Nested", "Recording", "Traced", "trace"]

Nested = Any
"""One Value, or lists of lists of Values."""

_PACKAGE: Final = str(Path(__file__).parent.parent)
_new_object = object.__new__


class Traced(Value):
    """A node without a number: what a function sees while it is recorded.

    >>> def branching(x):
    ...     return x if x > 0 else -x
    >>> trace(branching, [()], [])
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.TracingError: a traced Value has no number yet, but ...
    """

    __slots__ = ("index",)

    index: int

    @property
    def data(self) -> float:
        """Raises: a traced Value has no number yet."""
        raise _used_as_number("its .data was read")

    @data.setter
    def data(self, number: float) -> None:
        raise _used_as_number("its .data was assigned")

    @property
    def grad(self) -> float:
        """Raises: the program computes the gradients."""
        raise _used_as_number("its .grad was read (the program itself calls backward)")

    @grad.setter
    def grad(self, number: float) -> None:
        raise _used_as_number("its .grad was assigned (the program itself calls backward)")

    @property
    def partials(self) -> tuple[float, ...]:  # type: ignore[override]
        """Raises: a traced Value has no local derivatives yet."""
        raise _used_as_number("its .partials were read")

    def __bool__(self) -> bool:
        raise _used_as_number("it was used as a truth value (if, and, or, not, min, max)")

    def __and__(self, other: Value | Number) -> Value:
        return self * other

    __rand__ = __and__

    def __or__(self, other: Value | Number) -> Value:
        return apply(ops.MAXIMUM, self, as_value(other))

    __ror__ = __or__

    def __index__(self) -> int:
        raise _used_as_number("it was used as an index")

    def __int__(self) -> int:
        raise _used_as_number("int() was called on it")

    def __repr__(self) -> str:
        return f"Traced({self.op.formula if self.op else 'placeholder'}, index={self.index})"

    def __format__(self, spec: str) -> str:
        raise _used_as_number("it was formatted")


@dataclass(slots=True)
class Recording:
    """The graph of one trace. Nodes are numbered: first those on the tape, then the plain leaves.

    Attributes:
        nodes: the traced Values in the order of their creation, placeholders included.
        parameters: the leaves to differentiate.
        inputs: for each argument, the shape and the placeholders' numbers in C order.
        outputs: the results, in C order.
        output_shape: () for one Value, else the shape of the nested lists.
        auxiliary: what the function returns beside the loss, if it does, likewise.
        auxiliary_shape: likewise.
        random: (leaf's number, generator) pairs in the order of their drawing.
        effects: (leaf, Value it is set to) pairs.
        own_leaves: the leaves made in the trace.
        detached: the numbers of the nodes through which no gradient flows.
    """

    nodes: list[Value]
    parameters: list[Value]
    inputs: list[tuple[tuple[int, ...], list[int]]]
    outputs: list[Value] = field(default_factory=list)
    output_shape: tuple[int, ...] = ()
    auxiliary: list[Value] = field(default_factory=list)
    auxiliary_shape: tuple[int, ...] = ()
    random: list[tuple[int, np.random.Generator]] = field(default_factory=list)
    effects: list[tuple[Value, Value]] = field(default_factory=list)
    own_leaves: set[Value] = field(default_factory=set)
    detached: set[int] = field(default_factory=set)

    def __repr__(self) -> str:
        return (
            f"Recording({len(self.nodes)} nodes, {len(self.parameters)} parameters, "
            f"inputs {[shape for shape, _ in self.inputs]}, output {self.output_shape})"
        )


def trace(
    function: Callable[..., Nested],
    shapes: Sequence[tuple[int, ...]],
    parameters: Sequence[Value],
    has_auxiliary: bool = False,
) -> Recording:
    """Record ``function`` on placeholders in the given shapes.

    A shape of () gives one Value, a 1-D shape a list of Values, a 2-D shape a list of rows.

    Raises:
        TracingError: if the function needs the number of a traced Value.
        ShapeError: if it returns nothing that has Values, or ragged lists.

    >>> recording = trace(lambda x: x[0] * x[1], [(2,)], [])
    >>> recording
    Recording(3 nodes, 0 parameters, inputs [(2,)], output ())
    """
    tape = _Tape(Recording([], list(parameters), []))
    arguments = []
    for shape in shapes:
        n_elements = int(np.prod(shape, dtype=np.int64))
        placeholders = [tape.node(None, ()) for _ in range(n_elements)]
        tape.recording.inputs.append((shape, [p.index for p in placeholders]))
        arguments.append(_nest(placeholders, shape))
    with recorded_by(tape), _unreadable(parameters):
        result = function(*arguments)
    recording = tape.recording
    if has_auxiliary:
        result, auxiliary = result
        values, recording.auxiliary_shape = _flatten(auxiliary)
        recording.auxiliary = tape.present(values)
    values, recording.output_shape = _flatten(result)
    recording.outputs = tape.present(values)
    recording.effects = list(tape.assigned.items())
    return recording


class _Unreadable(Value):
    """A parameter while a function is recorded: its number will be another one at the replay."""

    __slots__ = ()

    @property
    def data(self) -> float:
        """Raises: the number of a parameter must not become a constant of the program."""
        raise _used_as_number("the .data of a parameter was read")

    @data.setter
    def data(self, number: float) -> None:
        raise _used_as_number("the .data of a parameter was assigned")

    def __repr__(self) -> str:
        return f"Value(a parameter, label={self.label!r})"


@contextmanager
def _unreadable(parameters: Sequence[Value]) -> Iterator[None]:
    """Guard the numbers of the parameters."""
    classes = [parameter.__class__ for parameter in parameters]
    try:
        for parameter in parameters:
            if parameter.__class__ is Value:
                parameter.__class__ = _Unreadable
        yield
    finally:
        for parameter, own_class in zip(parameters, classes):
            parameter.__class__ = own_class


class _Tape:
    """Makes the nodes while the function runs (an ``engine.Recorder``)."""

    has_numbers = False

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.assigned: dict[Value, Value] = {}
        self._nodes = recording.nodes
        self._present: dict[Value, Value] = {}  # what is read in the place of an assigned leaf
        self._parameters = set(recording.parameters)

    def node(self, op: Op | None, parents: tuple[Value, ...]) -> Traced:
        node = _new_object(Traced)
        node.op = op
        node.parents = tuple(self.present(parents)) if self._present else parents
        node.label = ""
        node.index = len(self._nodes)
        self._nodes.append(node)
        return node

    def unary(self, op: Op, parent: Value) -> Value:
        return self.node(op, (parent,))

    def binary(self, op: Op, left: Value, right: Value) -> Value:
        if self._present:
            return self.node(op, (left, right))
        node = _new_object(Traced)
        node.op = op
        node.parents = (left, right)
        node.label = ""
        nodes = self._nodes
        node.index = len(nodes)
        nodes.append(node)
        return node

    def any_arity(self, op: Op, parents: tuple[Value, ...]) -> Value:
        return self.node(op, parents)

    def compare(self, op: Op, left: Value, right: Value | Number) -> Any:
        return self.node(op, (left, as_value(right)))

    def read(self, value: Value) -> float:
        if value.op is ops.CONSTANT:
            return value.data
        raise _used_as_number("float() was called on it")

    def leaf(self, leaf: Value) -> None:
        self.recording.own_leaves.add(leaf)

    def uniform(self, rng: np.random.Generator) -> Value:
        node = self.node(None, ())
        self.recording.random.append((node.index, rng))
        return node

    def assign(self, leaf: Value, value: Value) -> None:
        if isinstance(leaf, Traced):
            raise GraphError(
                "assign changes a leaf that stood before the trace, not a traced Value"
            )
        if leaf in self._parameters:
            raise GraphError(
                f"assign to {leaf!r}: a parameter of the program is trained, it cannot be assigned "
                "to; leave it out of compile(..., parameters=...)"
            )
        (value,) = self.present([value])
        self.assigned[leaf] = value
        with self.without_gradients():
            self._present[leaf] = self.node(ops.SUM, (value,))

    def present(self, values: Sequence[Value]) -> list[Value]:
        """What these Values stand for now: a leaf that was assigned to, for its new number."""
        return [self._present.get(value, value) for value in values]

    @contextmanager
    def without_gradients(self) -> Iterator[None]:
        """No gradient flows through the nodes made meanwhile."""
        start = len(self._nodes)
        yield
        self.recording.detached.update(range(start, len(self._nodes)))


def _nest(placeholders: Sequence[Value], shape: tuple[int, ...]) -> Nested:
    if not shape:
        return placeholders[0]
    if len(shape) == 1:
        return list(placeholders)
    step = len(placeholders) // shape[0] if shape[0] else 0
    return [_nest(placeholders[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]


def _flatten(result: Nested) -> tuple[list[Value], tuple[int, ...]]:
    if isinstance(result, Value | float | int):
        return [as_value(result)], ()
    if not isinstance(result, list | tuple) or not result:
        raise ShapeError(
            f"a compiled function returns a Value or nested lists of Values, got {result!r:.60}"
        )
    flat: list[Value] = []
    inner: set[tuple[int, ...]] = set()
    for part in result:
        values, shape = _flatten(part)
        flat += values
        inner.add(shape)
    if len(inner) > 1:
        raise ShapeError(f"a compiled function returned ragged lists, of inner shapes {inner}")
    return flat, (len(result), *inner.pop())


def _used_as_number(how: str) -> TracingError:
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    place = f"{frame.f_code.co_filename}, line {frame.f_lineno}"
    error = TracingError(
        f"a traced Value has no number yet, but {how} ({place}); a program is recorded once and "
        "replayed on other numbers, so it cannot branch on them: "
        "use functional.where(v > 0, a, b) instead of if, and compute with the Value itself"
    )
    error.reason = how
    return error
