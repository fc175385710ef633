"""A function that is recorded once for each shape of its arguments, and bound to memory for it.

``Program`` is such a function that is called; here are the recordings, and what is kept of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._aligned import aligned, aligned_zeros
from tinygrad_mlp._freezing import changes, frozen_among
from tinygrad_mlp._many_numbers import read_numbers
from tinygrad_mlp.compiler._backends.choice import Choice, Wanted, check_wanted
from tinygrad_mlp.compiler._call_arguments import (
    Shapes,
    argument_names_of,
    batch_size_of,
    called_with,
)
from tinygrad_mlp.compiler._checks import TargetCheck, checks_of
from tinygrad_mlp.compiler._hiding import interrupts_wait, numbers_hidden, recording_lock
from tinygrad_mlp.compiler._layout import Plan
from tinygrad_mlp.compiler._locks import Locked
from tinygrad_mlp.compiler._lockstep import batch_of_one
from tinygrad_mlp.compiler._lone_means import warn_of_lone_means
from tinygrad_mlp.compiler._repetition import retrace
from tinygrad_mlp.compiler._tracing import Nested, Recording, trace
from tinygrad_mlp.compiler._translation import Translation, translate
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import ShapeError, TinygradMLPError

__all__ = ["MOST_KEPT", "BoundTrace", "How", "RecordedFunction"]

Array = NDArray[Any]

MOST_KEPT: Final = 32
"""How many recordings, and how many shapes with memory for them, a program keeps."""

_MOST_REPETITIONS: Final = 3
_NODES_TO_REPEAT: Final = 2_000


@dataclass(slots=True)
class How:
    """What becomes of a function.

    Attributes:
        per_sample: whether it is that of one sample, to be mapped over a batch.
        reduction: what becomes of the losses of the samples, "mean" or "sum".
        differentiate: whether gradients are computed.
        has_auxiliary: whether it returns a pair, of which the second is kept beside the loss.
        dtype: in which it computes.
        backend: what is asked to run it.

    >>> How(True, "mean", True, False, np.dtype("float64"), "auto").reduction
    'mean'
    """

    per_sample: bool
    reduction: str
    differentiate: bool
    has_auxiliary: bool
    dtype: np.dtype[Any]
    backend: Wanted


@dataclass(slots=True)
class BoundTrace:
    """A trace with memory for arrays of certain shapes."""

    run: Callable[..., Any]
    auxiliary_shape: tuple[int, ...]
    trace: Translation
    checks: list[TargetCheck]


class RecordedFunction(Locked):
    """A function, the recordings of it, and what runs them.

    Args:
        function: the function.
        values: the leaves that are its parameters.
        how: what becomes of it.
        numbers: the array of the parameters' numbers; None for a new one.

    >>> how = How(True, "mean", False, False, np.dtype("float64"), "numpy")
    >>> RecordedFunction(lambda x: x * x, [], how, None).generators([1.0, 2.0])
    []
    """

    def __init__(
        self,
        function: Callable[..., Nested],
        values: list[Value],
        how: How,
        numbers: Array | None,
    ) -> None:
        super().__init__()
        self._function = function
        self._values = values
        self._how = how
        self.within: Callable[[], AbstractContextManager[None]] = nullcontext
        self.most_repetitions = _MOST_REPETITIONS
        self.checks_targets = True
        self.each_by_itself = False
        if numbers is None:
            numbers = aligned(np.array(read_numbers(values), dtype=how.dtype))
        self._parameters: Array = numbers
        self._gradients: Array = aligned_zeros(len(values) if how.differentiate else 0, how.dtype)
        self._kept: list[Value] = []
        self._kept_numbers: Array = np.empty(0, how.dtype)
        self._traces: dict[Shapes, Translation] = {}
        self._bound: dict[Shapes, BoundTrace] = {}
        self._last: Translation | None = None
        self._change = changes[0]  # of what is frozen, up to which the recordings know it
        self._frozen = frozen_among(values)

    @property
    def source(self) -> str:
        """The text of the program that was traced last, worth reading.

        Raises:
            ShapeError: before the first call, when the shapes are not known.
        """
        return self._traced().source

    def summary(self) -> str:
        """How many scalar operations became how many NumPy calls, and which products were found.

        The last line says which C library runs it, and when it leaves a product to the BLAS of
        NumPy; or why it is not native. There is no such line where NumPy was asked for.

        Raises:
            ShapeError: before the first call, when the shapes are not known.

        >>> from tinygrad_mlp.compiler import compile
        >>> program = compile(lambda x: x * x, per_sample=True, backend="numpy")
        >>> result = program([1.0, 2.0])
        >>> print(program.summary())
        1 scalar operations of one sample -> 1 groups -> 1 NumPy calls, 0 matrix products:
        """
        return self._traced().summary()

    @property
    def backend(self) -> Choice:
        """What runs the program that was traced last, and the reason for it.

        Raises:
            ShapeError: before the first call, when the shapes are not known.

        >>> from tinygrad_mlp.compiler import compile
        >>> program = compile(lambda x: x * x, per_sample=True, backend="numpy")
        >>> result = program([1.0, 2.0])
        >>> program.backend
        NumPy text, because one sample is mapped over the batch, in rows
        """
        return self._traced().choice

    @property
    def plan(self) -> Plan | None:
        """The groups of the program that was traced last, and where their results lie.

        None for a program of plain arithmetic.

        Raises:
            ShapeError: before the first call, when the shapes are not known.
        """
        return self._traced().plan

    def keep(self, leaves: Iterable[Value]) -> None:
        """Keep the numbers of leaves that it assigns to here, as those of the parameters.

        Calls read them from ``kept`` and assign to them there, in the order of ``leaves``; the
        Values follow at ``write_back``, together with the parameters.

        Args:
            leaves: leaves that are no parameters.

        >>> from tinygrad_mlp.compiler import compile
        >>> from tinygrad_mlp.engine import assign
        >>> count = Value(0.0)
        >>> program = compile(lambda x: assign(count, count + 1.0) or x * x)
        >>> program.keep([count])
        >>> result = program(3.0)
        >>> before = count.data
        >>> program.write_back()
        >>> before, count.data
        (0.0, 1.0)
        """
        with recording_lock, self._lock:
            self._kept = list(leaves)
            self._kept_numbers = np.array(read_numbers(self._kept), dtype=self._how.dtype)
            self._traces.clear()
            self._bound.clear()

    def refresh(self) -> None:
        """Forget the recordings that the function would not make any more.

        A program does what the function did when it was recorded; after a change of plain numbers
        or modes that the function reads, this has them read again at the next call.

        >>> from tinygrad_mlp.compiler import compile
        >>> scale = [2.0]
        >>> program = compile(lambda x: scale[0] * x)
        >>> first, scale[0] = program(3.0), 10.0
        >>> before = program(3.0)
        >>> program.refresh()
        >>> first, before, program(3.0)
        (6.0, 6.0, 30.0)
        """
        with recording_lock, self._lock:
            traces = [*self._traces.values(), *[bound.trace for bound in self._bound.values()]]
            try:
                with self.within():
                    for trace_ in {id(trace_): trace_ for trace_ in traces}.values():
                        retrace(self._function, trace_.recording, self._how.has_auxiliary)
            except TinygradMLPError:
                self._traces.clear()
                self._bound.clear()

    def _follow_freezing(self) -> None:
        """Forget the recordings if parameters are frozen that were not, or the other way round.

        What else is frozen, a module that keeps statistics for instance, the function may look at.
        """
        with recording_lock, self._lock:
            self._change = changes[0]
            frozen = frozen_among(self._values)
            if self._how.differentiate and frozen != self._frozen:
                self._gradients[:] = 0.0
                self._traces.clear()
                self._bound.clear()
            self._frozen = frozen
            self.refresh()

    def generators(self, *arrays: ArrayLike) -> list[np.random.Generator]:
        """What the random leaves of a call with these arrays are drawn from.

        >>> from tinygrad_mlp.compiler import compile
        >>> compile(lambda x: x * x).generators(2.0)
        []
        """
        shapes = tuple([called_with(array, self._how.dtype).shape for array in arrays])
        bound = self._bound.get(shapes) or self._bind(shapes)
        return list({id(rng): rng for _, rng in bound.trace.recording.random}.values())

    def _traced(self) -> Translation:
        if self._last is None:
            raise ShapeError(
                "the program is recorded at its first call; call it once: program(X, y)"
            )
        return self._last

    def _bind(self, shapes: Shapes) -> BoundTrace:
        """The runnable program for arrays of these shapes; recorded if there is none yet."""
        with recording_lock, self._lock:
            return self._bound.get(shapes) or self._newly_bound(shapes)

    def _newly_bound(self, shapes: Shapes) -> BoundTrace:
        batch_size = 0
        sample_shapes = shapes
        if self._how.per_sample:
            batch_size = batch_size_of(shapes)
            sample_shapes = tuple([shape[1:] for shape in shapes])
        trace_ = self._traces.get(sample_shapes)
        if trace_ is None:
            trace_ = self._record(sample_shapes)
            _keep(self._traces, sample_shapes, trace_)
        self._last = trace_
        if batch_size == 1 and trace_.recording.needs_batch:
            raise batch_of_one()
        samples = (-1,) if self._how.per_sample else ()
        auxiliary_shape = (*samples, *trace_.recording.auxiliary_shape)
        checks = self._checks_of(trace_.recording)
        numbers = (self._parameters, self._gradients, self._kept_numbers)
        run = trace_.bind(batch_size, self._how.dtype, *numbers)
        bound = BoundTrace(run, auxiliary_shape, trace_, checks)
        _keep(self._bound, shapes, bound)
        return bound

    def _checks_of(self, recording: Recording) -> list[TargetCheck]:
        return checks_of(
            recording, self._how.per_sample, partial(argument_names_of, self._function)
        )

    def _record(self, shapes: Shapes) -> Translation:
        recording = self._repeated_recording(shapes)
        if self._how.differentiate and recording.output_shape:
            raise ShapeError(
                "a function with parameters returns one Value, the loss; this one returned lists "
                f"of shape {recording.output_shape}; add them up, or give no parameters to predict"
            )
        if self._how.per_sample:
            warn_of_lone_means(recording)
        reduction = self._how.reduction if self._how.differentiate else None
        return translate(
            recording, self._how.per_sample, reduction, check_wanted(self._how.backend)
        )

    def _repeated_recording(self, shapes: Shapes) -> Recording:
        """The graph of the function, which does the same when it runs again."""
        with interrupts_wait(), self.within(), recording_lock, numbers_hidden():
            recording = trace(
                self._function,
                shapes,
                self._values,
                self._how.has_auxiliary,
                of_one_sample=self._how.per_sample and not self.each_by_itself,
            )
            recording.kept = {leaf: place for place, leaf in enumerate(self._kept)}
            # The fewer nodes, the more easily random ones come out the same twice.
            n_times = _NODES_TO_REPEAT // max(len(recording.nodes), 1)
            for _ in range(min(max(n_times, 1), self.most_repetitions)):
                retrace(self._function, recording, self._how.has_auxiliary)
        return recording


def _keep(kept: dict[Shapes, Any], shapes: Shapes, item: object) -> None:
    """Keep an item in the place of the oldest where there are many."""
    if len(kept) >= MOST_KEPT:
        del kept[next(iter(kept))]
    kept[shapes] = item
