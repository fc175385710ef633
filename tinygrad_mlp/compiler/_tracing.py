"""Pass 1, trace: run a function on placeholder Values and keep the graph that it builds.

A traced Value has operation and parents but no number: reading its number (``float(v)``,
``v.data``, ``if v > 0``, ``v == 1``) is an error that names the line, and so is reading the number
of a leaf that stood before. What a leaf means is decided here:

* a placeholder: one element of an array that the program is called with;
* a parameter: a leaf that was named as one, differentiated;
* a leaf that stood before the trace: read again at each call;
* a leaf made in the trace: a constant;
* a random leaf: drawn anew at each call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp._freezing import frozen_among
from tinygrad_mlp._recorders import ArrayCheck
from tinygrad_mlp._recording import recorded_by
from tinygrad_mlp._text import described
from tinygrad_mlp.compiler._hiding import (
    interrupts_wait,
    is_constant,
    no_shared_randomness,
    numbers_hidden,
    recording_lock,
)
from tinygrad_mlp.compiler._refusals import function_failed, used_as_number
from tinygrad_mlp.compiler._traced import Traced, TracedTruth
from tinygrad_mlp.engine import Number, Value, as_value
from tinygrad_mlp.errors import GraphError, ShapeError, TinygradMLPError, TracingError
from tinygrad_mlp.ops import Op

__all__ = ["Nested", "Recording", "Tape", "Traced", "nested", "run", "trace"]

Nested = Any
"""One Value, or lists of lists of Values."""

_new_object = object.__new__


@dataclass(slots=True, eq=False)
class Recording:
    """The graph of one trace. Nodes are numbered: first those on the tape, then the plain leaves.

    Attributes:
        nodes: the traced Values in the order of their creation, placeholders included.
        parameters: the leaves to differentiate, but for those that are frozen.
        frozen: the places of these among the parameters.
        inputs: for each argument, the shape and the placeholders' numbers in C order.
        outputs: the results, in C order.
        output_shape: () for one Value, else the shape of the nested lists.
        auxiliary: what the function returns beside the loss, if it does, likewise.
        auxiliary_shape: likewise.
        random: (leaf's number, generator) pairs in the order of their drawing.
        effects: (leaf, Value it is set to) pairs.
        own_leaves: the leaves made in the trace.
        detached: the numbers of the nodes through which no gradient flows.
        kept: where the numbers of leaves stand that the program keeps between its calls.
        of_one_sample: whether it is mapped over the samples of a batch.
        checks: what the program checks at each call, with rows of placeholders' numbers, and of
            leaves that are read.
    """

    nodes: list[Value]
    parameters: Sequence[Value]
    inputs: list[tuple[tuple[int, ...], list[int]]]
    outputs: list[Value] = field(default_factory=list)
    output_shape: tuple[int, ...] = ()
    auxiliary: list[Value] = field(default_factory=list)
    auxiliary_shape: tuple[int, ...] = ()
    random: list[tuple[int, np.random.Generator]] = field(default_factory=list)
    effects: list[tuple[Value, Value]] = field(default_factory=list)
    own_leaves: set[Value] = field(default_factory=set)
    detached: set[int] = field(default_factory=set)
    checks: dict[ArrayCheck, list[list[int | Value]]] = field(default_factory=dict)
    kept: dict[Value, int] = field(default_factory=dict)
    frozen: list[int] = field(default_factory=list)
    of_one_sample: bool = False

    @property
    def needs_batch(self) -> bool:
        """Whether one sample is computed with the others of its batch: with their sum or mean.

        >>> from tinygrad_mlp.functional import batch_mean
        >>> trace(lambda x: x - batch_mean(x), [()], [], of_one_sample=True).needs_batch
        True
        """
        return any([node.op in ops.OVER_BATCH for node in self.nodes])

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
    of_one_sample: bool = False,
) -> Recording:
    """Record ``function`` on placeholders in the given shapes.

    A shape of () gives one Value, a 1-D shape a list of Values, a 2-D shape a list of rows. One
    trace runs at a time; what other threads compute meanwhile is no part of it. Of what is mapped
    over a batch, ``of_one_sample``, sums and means over the samples can be recorded.

    Raises:
        TracingError: if the function needs the number of a Value, or fails with any other
            exception than those of this package.
        GraphError: if it draws random numbers from the generators that a process shares.
        ShapeError: if it returns nothing that has Values, or ragged lists.

    >>> recording = trace(lambda x: x[0] * x[1], [(2,)], [])
    >>> recording
    Recording(3 nodes, 0 parameters, inputs [(2,)], output ())
    """
    record = partial(_recorded, function, shapes, parameters, has_auxiliary, of_one_sample)
    with no_shared_randomness(record):
        return record()


def _recorded(
    function: Callable[..., Nested],
    shapes: Sequence[tuple[int, ...]],
    parameters: Sequence[Value],
    has_auxiliary: bool,
    of_one_sample: bool,
) -> Recording:
    frozen = frozen_among(parameters)
    recording = Recording([], parameters, [], frozen=frozen, of_one_sample=of_one_sample)
    tape = Tape(recording)
    for shape in shapes:
        n_elements = int(np.prod(shape, dtype=np.int64))
        placeholders = [tape.node(None, ()) for _ in range(n_elements)]
        recording.inputs.append((shape, [p.index for p in placeholders]))
    run(function, tape, has_auxiliary)
    return recording


def run(function: Callable[..., Nested], tape: Tape, has_auxiliary: bool) -> None:
    """Run the function on the placeholders; nodes, outputs and effects are on the tape then.

    >>> tape = Tape(Recording([], [], []))
    >>> run(lambda: Value(2.0) * 3.0, tape, has_auxiliary=False)
    >>> tape.recording.outputs
    [Traced(a * b, index=0)]
    """
    recording = tape.recording
    given = tape.given
    arguments = [nested([given[i] for i in ids], shape) for shape, ids in recording.inputs]
    with interrupts_wait(), recording_lock, recorded_by(tape), numbers_hidden():
        try:
            result = function(*arguments)
        except TinygradMLPError:
            raise
        except Exception as error:
            raise tape.refused or function_failed(error) from error
        if tape.refused is not None:
            raise tape.refused  # somebody caught it and went on
    if has_auxiliary:
        if not (isinstance(result, tuple | list) and len(result) == 2):
            raise ShapeError(
                "a function compiled with has_auxiliary=True returns a pair, the loss and what the "
                f"program keeps beside it: return loss, outputs; this one returned "
                f"{described(result)}"
            )
        result, auxiliary = result
        values, recording.auxiliary_shape = _flatten(auxiliary)
        recording.auxiliary = tape.present(values)
    values, recording.output_shape = _flatten(result)
    recording.outputs = tape.present(values)
    recording.effects = list(tape.assigned.items())


class Tape:
    """Makes the nodes while the function runs (a ``recording.Recorder``).

    >>> tape = Tape(Recording([], [], []))
    >>> tape.node(ops.TANH, (tape.node(None, ()),))
    Traced(tanh(x), index=1)
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.assigned: dict[Value, Value] = {}
        self.own_leaves = recording.own_leaves
        self.refused: TracingError | None = None
        self._nodes = recording.nodes
        self._present: dict[Value, Value] = {}  # what is read in the place of an assigned leaf
        self._attached: set[int] = set()
        self._open: list[tuple[int, bool]] = []  # where a block began, and whether it attaches

    @cached_property
    def _parameters(self) -> set[Value]:
        return set(self.recording.parameters)

    @property
    def given(self) -> list[Value]:
        """Where the placeholders are, by their numbers."""
        return self._nodes

    def n_made(self) -> int:
        """How many nodes there are so far."""
        return len(self._nodes)

    def node(self, op: Op | None, parents: tuple[Value, ...]) -> Traced:
        """A new node on the tape; a placeholder or random number without an op."""
        node = _new_object(Traced)
        node.op = op
        node.parents = tuple(self.present(parents)) if self._present else parents
        node._label = ""
        node.index = len(self._nodes)
        self._nodes.append(node)
        return node

    def binary(self, op: Op, left: Value, right: Value) -> Value:
        """The node of an op with two inputs, in one frame: there are many."""
        if self._present:
            return self.node(op, (left, right))
        node = _new_object(Traced)
        node.op = op
        node.parents = (left, right)
        node._label = ""
        nodes = self._nodes
        node.index = len(nodes)
        nodes.append(node)
        return node

    def compare(self, op: Op, left: Value, right: Value | Number) -> Any:
        """A comparison, 1 where it holds."""
        node = self.node(op, (left, as_value(right)))
        node.__class__ = TracedTruth
        return node

    def read(self, value: Value) -> float:
        """The number of a constant."""
        if not isinstance(value, Traced) and is_constant(value):
            return value.data
        raise used_as_number("its .item() was called")

    def leaf(self, leaf: Value) -> None:
        """A leaf was made: a constant."""
        self.own_leaves.add(leaf)

    def uniform(self, rng: np.random.Generator) -> Value:
        """A random number, drawn anew at each call."""
        node = self.node(None, ())
        self.recording.random.append((node.index, rng))
        return node

    def over_batch(self, op: Op, value: Value) -> Value | None:
        """A sum or a mean over the samples, if this is one of those of a batch."""
        return self.node(op, (value,)) if self.recording.of_one_sample else None

    def assign(self, leaf: Value, value: Value | Number) -> None:
        """An assignment to a leaf, carried out at each call."""
        if isinstance(leaf, Traced):
            raise GraphError(
                "assign changes a leaf that stood before the trace, not a traced Value"
            )
        if leaf in self._parameters:
            raise GraphError(
                f"assign to {leaf!r}: a parameter of the program is trained, it cannot be assigned "
                "to; leave it out of compile(..., parameters=...)"
            )
        (value,) = self.present([as_value(value)])
        self.assigned[leaf] = value
        with self.without_gradients():
            self._present[leaf] = self.node(ops.SUM, (value,))

    def check_at_calls(self, check: ArrayCheck, values: Sequence[Value]) -> None:
        """A check of placeholders and leaves; what was computed or is trained is not checked."""
        n_placeholders = sum([len(ids) for _, ids in self.recording.inputs])
        row: list[int | Value] = []
        for value in self.present(values):
            if not isinstance(value, Traced):
                if value in self._parameters or value.parents:
                    return
                row.append(value)
            elif value.index < n_placeholders:
                row.append(value.index)
            else:
                return
        self.recording.checks.setdefault(check, []).append(row)

    def present(self, values: Sequence[Value]) -> list[Value]:
        """What these Values stand for now: a leaf that was assigned to, for its new number."""
        return [self._present.get(value, value) for value in values]

    @contextmanager
    def without_gradients(self) -> Iterator[None]:
        """No gradient flows through the nodes made meanwhile."""
        start = self.n_made()
        self._open.append((start, False))
        try:
            yield
        finally:
            self._open.pop()
            made = set(range(start, self.n_made()))
            self.recording.detached.update(made - self._attached)

    @contextmanager
    def with_gradients(self) -> Iterator[None]:
        """Gradients flow through the nodes made meanwhile, also inside ``without_gradients``."""
        start = self.n_made()
        self._open.append((start, True))
        try:
            yield
        finally:
            self._open.pop()
            self._attached.update(range(start, self.n_made()))

    def is_detached(self, node: Value) -> bool:
        """Whether no gradient flows through a node, as it was made within ``no_grad``."""
        if not isinstance(node, Traced) or node.index in self._attached:
            return False
        if node.index in self.recording.detached:
            return True
        attaches = [attaches for start, attaches in self._open if node.index >= start]
        return bool(attaches) and not attaches[-1]


def nested(placeholders: Sequence[Value], shape: tuple[int, ...]) -> Nested:
    """Values in C order as nested lists of that shape; of the shape () the only one.

    >>> nested([1, 2, 3, 4], (2, 2)), nested([5], ())
    ([[1, 2], [3, 4]], 5)
    """
    if not shape:
        return placeholders[0]
    if len(shape) == 1:
        return list(placeholders)
    step = len(placeholders) // max(shape[0], 1)
    return [nested(placeholders[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]


def _flatten(result: Nested) -> tuple[list[Value], tuple[int, ...]]:
    if isinstance(result, Value | float | int):
        return [as_value(result)], ()
    if not isinstance(result, list | tuple) or not result:
        raise ShapeError(
            f"a compiled function returns a Value or nested lists of Values, got "
            f"{described(result)}"
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
