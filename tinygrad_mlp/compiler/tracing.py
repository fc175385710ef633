"""Pass 1, trace: run a function on placeholder Values and keep the graph that it builds.

A traced Value has operation and parents but no number: reading its number (``float(v)``,
``v.data``, ``if v > 0``, ``v == 1``) is an error that names the line, and so is reading the number
of a leaf that stood before. The function runs again (``retrace``) to see that it does the same
each time. What a leaf means is decided here:

* a placeholder: one element of an array that the program is called with;
* a parameter: a leaf that was named as one, differentiated;
* a leaf that stood before the trace: read again at each call;
* a leaf made in the trace: a constant;
* a random leaf: drawn anew at each call.
"""

from __future__ import annotations

import os
import random
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isnan
from operator import is_
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp.engine import Number, Value, apply, as_value, recorded_by
from tinygrad_mlp.errors import GraphError, ShapeError, TinygradMLPError, TracingError
from tinygrad_mlp.ops import Op

__all__ = ["Nested", "Recording", "Traced", "recording_lock", "retrace", "trace"]

Nested = Any
"""One Value, or lists of lists of Values."""

_PACKAGE: Final = str(Path(__file__).parent.parent) + os.sep
_WHERE: Final = "use functional.where(v > 0, a, b) instead of if, and compute with the Value itself"
_new_object = object.__new__


def _refuses(how: str, remedy: str = _WHERE) -> Any:
    """A method that raises: what it would answer depends on the number."""

    def refused(self: Traced, *arguments: object) -> NoReturn:
        raise _used_as_number(how, remedy)

    return refused


_BY_VALUE: Final = (
    "use functional.equal(a, b), with functional.where(functional.equal(t, 1.0), a, b) in the "
    "place of a branch"
)
_NO_OPERATION: Final = (
    "Values have + - * / ** and what functional offers; use functional.where(condition, a, b) to "
    "choose, and work out whatever else the data need before the program is called"
)
_TRUTH_VALUES: Final = (
    "& and | join comparisons, as in functional.where((a > 0) & (b > 0), a, b); for an "
    "exclusive or compare their numbers: functional.where((a > 0) * 1.0 - (b > 0), a, b)"
)


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

    # The inputs of a function are plain numbers when it runs eagerly, and these compare and
    # compute with numbers.
    __eq__ = _refuses("it was compared with ==, != or in", _BY_VALUE)
    __ne__ = __eq__
    __hash__ = Value.__hash__  # for the passes; while a function runs it is ``_hash_of_node``

    __bool__ = _refuses("it was used as a truth value (if, and, or, not, min, max)")
    __index__ = _refuses("it was used as an index")
    __int__ = _refuses("int() was called on it")
    __complex__ = _refuses("complex() was called on it")
    __round__ = _refuses("round() was called on it", _NO_OPERATION)
    __trunc__ = __floor__ = __ceil__ = _refuses("it was rounded", _NO_OPERATION)
    __mod__ = __rmod__ = _refuses("% was used on it", _NO_OPERATION)
    __floordiv__ = __rfloordiv__ = _refuses("// was used on it", _NO_OPERATION)
    __divmod__ = __rdivmod__ = _refuses("divmod() was called on it", _NO_OPERATION)
    __and__ = __rand__ = _refuses("& was used on what is no comparison", _TRUTH_VALUES)
    __or__ = __ror__ = _refuses("| was used on what is no comparison", _TRUTH_VALUES)
    __xor__ = __rxor__ = _refuses("^ was used on it", _TRUTH_VALUES)
    __invert__ = _refuses("~ was used on it", _TRUTH_VALUES)
    __str__ = __format__ = _refuses("it was turned into text (str, format, print)")

    def __repr__(self) -> str:
        return f"Traced({self.op.formula if self.op else 'placeholder'}, index={self.index})"


class TracedTruth(Traced):
    """The result of a comparison: 1 where it holds, else 0; ``&`` and ``|`` join two of them."""

    __slots__ = ()

    def __and__(self, other: Value | bool) -> Value:
        return _joined(ops.MUL, self, other)

    __rand__ = __and__

    def __or__(self, other: Value | bool) -> Value:
        return _joined(ops.MAXIMUM, self, other)

    __ror__ = __or__


def _joined(op: Op, truth: TracedTruth, other: Value | bool) -> Value:
    if not isinstance(other, TracedTruth | bool | np.bool_):
        raise _used_as_number("& or | was used on what is no comparison", _TRUTH_VALUES)
    node = apply(op, truth, as_value(float(other) if not isinstance(other, Value) else other))
    node.__class__ = TracedTruth
    return node


@dataclass(slots=True, eq=False)
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

    A shape of () gives one Value, a 1-D shape a list of Values, a 2-D shape a list of rows. One
    trace runs at a time; a Value that another thread computes with meanwhile raises there.

    Raises:
        TracingError: if the function needs the number of a Value, or fails with any other
            exception than those of this package.
        GraphError: if it draws random numbers from the generators that a process shares.
        ShapeError: if it returns nothing that has Values, or ragged lists.

    >>> recording = trace(lambda x: x[0] * x[1], [(2,)], [])
    >>> recording
    Recording(3 nodes, 0 parameters, inputs [(2,)], output ())
    """
    recording = Recording([], list(parameters), [])
    tape = _Tape(recording)
    for shape in shapes:
        n_elements = int(np.prod(shape, dtype=np.int64))
        placeholders = [tape.node(None, ()) for _ in range(n_elements)]
        recording.inputs.append((shape, [p.index for p in placeholders]))
    with _shared_randomness():
        _run(function, tape, has_auxiliary)
    return recording


def retrace(
    function: Callable[..., Nested], recording: Recording, has_auxiliary: bool = False
) -> None:
    """Run ``function`` once more and hold what it does against the recording.

    Raises:
        GraphError: if it does anything else, as it depends on more than its arguments.
        TracingError, ShapeError: as ``trace``.

    >>> numbers = [2.0]
    >>> recording = trace(lambda x: numbers[0] * x, [()], [])
    >>> retrace(lambda x: numbers[0] * x, recording)
    >>> numbers[0] = 3.0
    >>> retrace(lambda x: numbers[0] * x, recording)
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.GraphError: the function did something else when it ran again: it ...
    """
    again = _Repetition(recording)
    _run(function, again, has_auxiliary)
    again.finish()


_running: list[_Tape] = []
"""The tape of the function that is running, the innermost one last."""

recording_lock = threading.RLock()
"""Held while a function is recorded, and by programs that look at Values, which are hidden then."""


def _run(function: Callable[..., Nested], tape: _Tape, has_auxiliary: bool) -> None:
    """Run the function on the placeholders; nodes, outputs and effects are on the tape then."""
    recording = tape.recording
    given = tape.given
    arguments = [_nest([given[i] for i in ids], shape) for shape, ids in recording.inputs]
    with recording_lock, recorded_by(tape), _numbers_hidden(tape):
        try:
            result = function(*arguments)
        except TinygradMLPError:
            raise
        except Exception as error:
            raise tape.refused or _failed(error) from error
        if tape.refused is not None:
            raise tape.refused  # somebody caught it and went on
    if has_auxiliary:
        if not (isinstance(result, tuple | list) and len(result) == 2):
            raise ShapeError(
                "a function compiled with has_auxiliary=True returns a pair, the loss and what the "
                f"program keeps beside it: return loss, outputs; this one returned {result!r:.60}"
            )
        result, auxiliary = result
        values, recording.auxiliary_shape = _flatten(auxiliary)
        recording.auxiliary = tape.present(values)
    values, recording.output_shape = _flatten(result)
    recording.outputs = tape.present(values)
    recording.effects = list(tape.assigned.items())


@contextmanager
def _shared_randomness() -> Iterator[None]:
    """Nothing is drawn from the generators that the whole process shares: it would be frozen."""
    before, numpy_before = random.getstate(), _numpy_state()
    drawn = False
    try:
        yield
    finally:
        if random.getstate() != before:
            random.setstate(before)
            drawn = True
        if _numpy_state() != numpy_before:
            name, words, *rest = numpy_before
            np.random.set_state((name, np.frombuffer(words, np.uint32), *rest))  # noqa: NPY002
            drawn = True
    if drawn:
        raise _impure("it drew from the module random or from np.random")


def _numpy_state() -> tuple[Any, ...]:
    """With the 624 words as bytes, which compare at once."""
    state: Any = np.random.get_state()  # noqa: NPY002
    name, words, *rest = state
    return (name, words.tobytes(), *rest)


# While a function is recorded, the number of a leaf that stood before must not become a constant
# of the program: ``.data`` raises. It is the class that changes meanwhile, as no one knows which
# leaves a function will look at; outside a trace the slots are what they were.

_DATA: Final = Value.__dict__["data"]
_GRAD: Final = Value.__dict__["grad"]
_INSTEAD: Final = (
    "compute with the Value itself, w * x instead of w.data * x, and choose with functional.where"
)


@contextmanager
def _numbers_hidden(tape: _Tape) -> Iterator[None]:
    """Guard the numbers of all leaves but those made in this trace, and hashes of nodes."""
    replaced = [
        (Value, "data", property(_data_of_leaf, _set_data_of_leaf)),
        (Value, "grad", property(_grad_of_leaf, _GRAD.__set__)),
        (Value, "__repr__", _repr_of_leaf),
        (Traced, "__hash__", _hash_of_node),
    ]
    before = [(owner, name, owner.__dict__[name]) for owner, name, _ in replaced]
    _running.append(tape)
    try:
        for owner, name, item in replaced:
            setattr(owner, name, item)
        yield
    finally:
        for owner, name, item in before:
            setattr(owner, name, item)
        _running.pop()


def _is_constant(leaf: Value) -> bool:
    return leaf.op is ops.CONSTANT or leaf in _running[-1].own_leaves


def _data_of_leaf(leaf: Value) -> float:
    if _is_constant(leaf):
        number: float = _DATA.__get__(leaf)
        return number
    raise _used_as_number("the .data of a Value was read", _INSTEAD)


def _set_data_of_leaf(leaf: Value, number: float) -> None:
    try:
        _DATA.__get__(leaf)
    except AttributeError:  # it is being made
        _DATA.__set__(leaf, number)
    else:
        raise _used_as_number(
            "the .data of a Value was assigned",
            "use assign(leaf, value), which the program carries out at each call",
        )


def _grad_of_leaf(leaf: Value) -> float:
    raise _used_as_number(
        "the .grad of a Value was read", "the program computes the gradients after the function"
    )


def _repr_of_leaf(leaf: Value) -> str:
    number = f"data={_DATA.__get__(leaf)}" if _is_constant(leaf) else "number hidden in a trace"
    return f"Value({number}, label={leaf.label!r})"


def _hash_of_node(node: Traced) -> int:
    """By identity for the package; for a dict or set of a person it would hash a number."""
    if not sys._getframe(1).f_code.co_filename.startswith(_PACKAGE):
        raise _used_as_number("it was looked up in a dict or set, or hashed", _BY_VALUE)
    return object.__hash__(node)


class _Tape:
    """Makes the nodes while the function runs (an ``engine.Recorder``)."""

    has_numbers = False

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.assigned: dict[Value, Value] = {}
        self.own_leaves = recording.own_leaves
        self.refused: TracingError | None = None
        self._nodes = recording.nodes
        self._present: dict[Value, Value] = {}  # what is read in the place of an assigned leaf
        self._parameters = set(recording.parameters)

    @property
    def given(self) -> list[Value]:
        """Where the placeholders are, by their numbers."""
        return self._nodes

    def n_made(self) -> int:
        """How many nodes there are so far."""
        return len(self._nodes)

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
        node = self.node(op, (left, as_value(right)))
        node.__class__ = TracedTruth
        return node

    def read(self, value: Value) -> float:
        if not isinstance(value, Traced) and _is_constant(value):
            return value.data
        raise _used_as_number("float() was called on it")

    def leaf(self, leaf: Value) -> None:
        self.own_leaves.add(leaf)

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
        start = self.n_made()
        try:
            yield
        finally:
            self.recording.detached.update(range(start, self.n_made()))


class _Repetition(_Tape):
    """Hands out the nodes of a recording again, as long as the function asks for the same."""

    def __init__(self, recorded: Recording) -> None:
        super().__init__(Recording([], recorded.parameters, recorded.inputs))
        self._recorded = recorded
        self._n_made = sum([len(ids) for _, ids in recorded.inputs])

    @property
    def given(self) -> list[Value]:
        return self._recorded.nodes

    def n_made(self) -> int:
        return self._n_made

    def node(self, op: Op | None, parents: tuple[Value, ...]) -> Traced:
        if self._present:
            parents = tuple(self.present(parents))
        nodes = self._recorded.nodes
        if self._n_made == len(nodes):
            raise _impure(f"it computed more, first {_named(op)}")
        node = nodes[self._n_made]
        assert isinstance(node, Traced)
        self._n_made += 1
        if node.op is not op:
            raise _impure(f"it computed {_named(op)} in the place of {_named(node.op)}")
        self._hold_against(node.parents, parents)
        return node

    def binary(self, op: Op, left: Value, right: Value) -> Value:
        return self.node(op, (left, right))

    def finish(self) -> None:
        """Compare what there is only when the function has returned."""
        then, now = self._recorded, self.recording
        if self._n_made < len(then.nodes):
            raise _impure(f"it computed less, without {_named(then.nodes[self._n_made].op)}")
        shapes = (then.output_shape, then.auxiliary_shape)
        if shapes != (now.output_shape, now.auxiliary_shape):
            raise _impure("it returned lists of other lengths")
        self._hold_against((*then.outputs, *then.auxiliary), (*now.outputs, *now.auxiliary))
        if then.random != now.random:
            raise _impure("it drew from another generator")
        for (leaf, value), (other, new) in zip(then.effects, now.effects):
            self._hold_against((leaf, value), (other, new))
        if then.detached != now.detached or len(then.effects) != len(now.effects):
            raise _impure("it used no_grad or assign elsewhere")

    def _hold_against(self, then: tuple[Value, ...], now: tuple[Value, ...]) -> None:
        if len(then) != len(now):
            raise _impure(f"it took {len(now)} inputs in the place of {len(then)}")
        if all(map(is_, then, now)):
            return
        own, others = self._recorded.own_leaves, self.own_leaves
        for a, b in zip(then, now):
            if a is b:
                continue
            if not (_is_own(a, own) and _is_own(b, others)):
                raise _impure("it computed with another Value")
            before, after = _DATA.__get__(a), _DATA.__get__(b)
            if before != after and not (isnan(before) and isnan(after)):
                raise _impure(f"it took the number {after!r} in the place of {before!r}")


def _is_own(leaf: Value, own_leaves: set[Value]) -> bool:
    """Whether a Value is a number that was made in a trace, or is one for good."""
    return not isinstance(leaf, Traced) and (leaf.op is ops.CONSTANT or leaf in own_leaves)


def _named(op: Op | None) -> str:
    return op.formula if op is not None else "a random number"


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


def _used_as_number(how: str, remedy: str = _WHERE) -> TracingError:
    error = TracingError(
        f"a traced Value has no number yet, but {how} ({_place(_outside())}); a program is "
        f"recorded and replayed on other numbers, so it cannot depend on them otherwise: {remedy}"
    )
    error.reason = how
    if _running and _running[-1].refused is None:
        _running[-1].refused = error
    return error


def _failed(error: Exception) -> TracingError:
    """For what a function raises by itself, often as its arguments are Values in a trace."""
    what = f"{type(error).__name__}: {error}".rstrip(": ")
    place = ""
    trace_back = error.__traceback__
    while trace_back is not None:
        if not trace_back.tb_frame.f_code.co_filename.startswith(_PACKAGE):
            place = f" ({trace_back.tb_frame.f_code.co_filename}, line {trace_back.tb_lineno})"
        trace_back = trace_back.tb_next
    failure = TracingError(
        f"the function raised {what}{place} while it was recorded, when its arguments are Values "
        "without numbers; write it with + - * / ** and functional, such as functional.exp(v) for "
        "np.exp(v) and functional.where(v > 0, a, b) for a choice"
    )
    failure.reason = f"it raised {what}"
    return failure


def _impure(how: str) -> GraphError:
    """For a function that does something else each time."""
    error = GraphError(
        f"the function did something else when it ran again: {how} ({_place(_outside())}); a "
        "program does the same at each call, so random numbers come from functional.uniform(rng), "
        "what is remembered between calls goes into a Buffer by assign(buffer, value), and a "
        "number that changes is a Value"
    )
    error.reason = f"it does something else each time: {how}"
    return error


def _outside() -> FrameType:
    """The innermost frame that is not the package's."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return frame


def _place(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}, line {frame.f_lineno}"
