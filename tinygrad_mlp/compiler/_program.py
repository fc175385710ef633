"""``Program``: a function of scalar Values, recorded once and replayed as NumPy calls.

They give the loss, and the gradients of the parameters in one flat array. It stands on the passes
beside it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NoReturn
from weakref import WeakSet

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp import functional
from tinygrad_mlp._blocks import current, open_blocks
from tinygrad_mlp._freezing import changes, clear_frozen, frozen_among
from tinygrad_mlp._many_numbers import read_numbers, write_numbers
from tinygrad_mlp._recording import pass_observer, within_same_numbers
from tinygrad_mlp.compiler._backends.choice import Choice, Wanted, check_wanted
from tinygrad_mlp.compiler._backends.native import Bound, Native
from tinygrad_mlp.compiler._backends.native_tape import NativeTape
from tinygrad_mlp.compiler._call_arguments import (
    Shapes,
    argument_names_of,
    assign_numbers,
    batch_size_of,
    called_with,
)
from tinygrad_mlp.compiler._checks import TargetCheck, checks_of, run_all
from tinygrad_mlp.compiler._hiding import interrupts_wait, recording_lock
from tinygrad_mlp.compiler._layout import Plan
from tinygrad_mlp.compiler._lockstep import batch_of_one, in_lockstep
from tinygrad_mlp.compiler._lone_means import warn_of_lone_means
from tinygrad_mlp.compiler._repetition import retrace
from tinygrad_mlp.compiler._tracing import Nested, Recording, trace
from tinygrad_mlp.compiler._translation import Translation, translate
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import (
    GraphError,
    ShapeError,
    TinygradMLPError,
    TracingError,
)

__all__ = ["Program"]

Array = NDArray[Any]

MOST_KEPT: Final = 32
"""How many recordings, and how many shapes with memory for them, a program keeps."""

_MOST_REPETITIONS: Final = 3
_NODES_TO_REPEAT: Final = 2_000


class Program:
    """A recorded function, replayed as NumPy calls; made by ``compile``.

    Calls from several threads take turns. While one thread records, at a first call or for a new
    shape, others compute as always; only what they record waits until it is over. A call has the
    numbers of Values as they are at one moment, but whoever steps ``parameters`` in place does so
    under the eyes of calls in other threads: ``write_back``, and predict with the Values there.

    Attributes:
        parameters: the parameters' numbers in one flat array. Change it in place, or assign to it;
            the Values follow at ``write_back``.
        gradients: the derivatives of the last loss by them, in the same order, 0 for those that are
            frozen; empty for a program that only predicts.
        auxiliary: what the last call returned beside the loss (``has_auxiliary``).
        within: makes the context in which the function is recorded, none unless assigned.
        most_repetitions: how often at most a function is run again to see that it does the same.
        each_by_itself: whether the samples must not depend on one another, as in a prediction: then
            ``functional.batch_mean`` is refused.
        checks_targets: whether a loss of the package refuses wrong targets at a call, as it does
            eagerly. An array that is the same object as at the last call is not checked again.

    >>> from tinygrad_mlp.compiler import compile
    >>> w, b = Value(2.0), Value(0.5)
    >>> program = compile(lambda x, y: (w * x + b - y) ** 2, [w, b], per_sample=True)
    >>> program(np.array([1.0, 2.0]), np.array([2.0, 5.0]))
    0.25
    >>> program.parameters -= 0.1 * program.gradients
    >>> program.write_back()
    >>> round(w.data, 6), round(w.grad, 6)
    (2.05, -0.5)
    """

    def __init__(
        self,
        function: Callable[..., Nested],
        parameters: list[Value] | None,
        per_sample: bool,
        reduction: str,
        dtype: np.dtype[Any],
        has_auxiliary: bool = False,
        numbers: Array | None = None,
        backend: Wanted = "auto",
    ) -> None:
        """Used by ``compile`` and ``prediction``: with ``numbers``, those of another program."""
        self._function = function
        self._values = parameters or []
        self._has_auxiliary = has_auxiliary
        self.auxiliary: Array = np.empty(0, dtype)
        self.within: Callable[[], AbstractContextManager[None]] = nullcontext
        self.most_repetitions = _MOST_REPETITIONS
        self.checks_targets = True
        self.each_by_itself = False
        self._differentiate = parameters is not None and numbers is None
        self._per_sample = per_sample
        self._reduction = reduction
        self._dtype = dtype
        self._backend = backend
        if numbers is None:
            numbers = np.array(read_numbers(self._values), dtype=dtype)
        self._parameters: Array = numbers
        n_gradients = len(self._values) if self._differentiate else 0
        self._gradients: Array = np.zeros(n_gradients, dtype=dtype)
        self._kept: list[Value] = []
        self._kept_numbers: Array = np.empty(0, dtype=dtype)
        self._traces: dict[Shapes, Translation] = {}
        self._bound: dict[Shapes, _Bound] = {}
        self._last: Translation | None = None
        self._change = changes[0]  # of what is frozen, up to which the recordings know it
        self._frozen = frozen_among(self._values)
        self._make_locks()
        # NumPy keeps what to do at overflow in a context variable: entering a context in which it
        # is set once is ten times as fast as ``with np.errstate(...)`` at each call. It is a new
        # one, so that blocks that are open now are not in it.
        self._silently = Context()
        self._silently.run(np.seterr, all="ignore")

    def _make_locks(self) -> None:
        # The memory of a call is that of the next one. Who records takes the lock of all recordings
        # too, always before this one.
        self._lock = threading.RLock()
        self._after_recordings = _InOrder(recording_lock, self._lock)
        _programs.add(self)

    @property
    def parameters(self) -> Array:
        """The parameters' numbers. What is assigned is copied into the array that calls read."""
        return self._parameters

    @parameters.setter
    def parameters(self, numbers: ArrayLike) -> None:
        assign_numbers(self._parameters, numbers, "parameters")

    @property
    def gradients(self) -> Array:
        """The derivatives of the last loss by the parameters; assigned to like ``parameters``."""
        return self._gradients

    @gradients.setter
    def gradients(self, numbers: ArrayLike) -> None:
        assign_numbers(self._gradients, numbers, "gradients")

    def __call__(self, *arrays: ArrayLike) -> Any:
        """The loss as a float, gradients left in ``gradients``; or the predictions as an array.

        Raises:
            ShapeError: if the batch sizes differ, a batch is empty, or an array holds anything but
                real numbers.
            DataError: if a loss does not take a target (see ``checks_targets``).
            TracingError, GraphError: if the function cannot be recorded.
            BackendError: if the back end that was asked for cannot run it.
        """
        if open_blocks and (observer := pass_observer()) is not None:
            return observer.call(self, arrays)
        if self._change is not changes[0]:
            self._follow_freezing()
        dtype = self._dtype
        given = [
            array
            if array.__class__ is np.ndarray and array.dtype is dtype
            else called_with(array, dtype)
            for array in arrays
        ]
        shapes = tuple([array.shape for array in given])
        bound = self._bound.get(shapes) or self._bind(shapes)
        run = within_same_numbers(bound.run) if open_blocks else bound.run
        with self._lock:
            if bound.checks and self.checks_targets:
                self._silently.run(run_all, bound.checks, given)
            result = self._silently.run(run, *given)
            if self._has_auxiliary:
                result, auxiliary = result
                self.auxiliary = auxiliary.reshape(bound.auxiliary_shape)
        return result

    def native_bound(self, *shapes: tuple[int, ...]) -> Bound | str:
        """What a call with arrays of these shapes is run by, where that is the library alone.

        Else the reason, in words that go on from "because"; empty if the library has no part in it.

        Raises:
            ShapeError, TracingError, GraphError: as a call.

        >>> from tinygrad_mlp.compiler import compile
        >>> compile(lambda x: x * x, per_sample=True, backend="numpy").native_bound((3,))
        ''
        """
        if self._change is not changes[0]:
            self._follow_freezing()
        bound = self._bound.get(shapes) or self._bind(shapes)
        run = bound.run
        if not isinstance(run, Bound):
            return _WITHOUT_STEPS.get(bound.trace.choice.backend.name, "")
        if open_blocks and pass_observer() is not None:
            return "a debugger looks on"
        if open_blocks and current().numbers is not None:
            return "leaves stand for other numbers here"
        if bound.checks and self.checks_targets:
            return "the targets are checked at each call"
        return "it assigns to leaves of others" if run.assigns_outside else run

    @property
    def alone(self) -> AbstractContextManager[object]:
        """A block within which calls in other threads wait."""
        return self._lock

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

    @property
    def differentiates(self) -> bool:
        """Whether it computes gradients, or only predicts.

        >>> from tinygrad_mlp.compiler import compile
        >>> compile(lambda x: x * x).differentiates
        False
        """
        return self._differentiate

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype in which it computes.

        >>> from tinygrad_mlp.compiler import compile
        >>> compile(lambda x: x * x, dtype="float32").dtype
        dtype('float32')
        """
        return self._dtype

    @property
    def reduction(self) -> str | None:
        """What becomes of the samples' losses: their "mean" or "sum"; None where they are not one.

        >>> from tinygrad_mlp.compiler import compile
        >>> compile(lambda x: x * x, per_sample=True).reduction is None
        True
        """
        return self._reduction if self._per_sample and self._differentiate else None

    @property
    def argument_names(self) -> tuple[str, ...]:
        """What the function calls its arguments; nothing for those that it does not name.

        >>> from tinygrad_mlp.compiler import compile
        >>> compile(lambda features, target: features - target).argument_names
        ('features', 'target')
        """
        return argument_names_of(self._function)

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
        with self._after_recordings:
            self._kept = list(leaves)
            self._kept_numbers = np.array(read_numbers(self._kept), dtype=self._dtype)
            self._traces.clear()
            self._bound.clear()

    @property
    def kept(self) -> Array:
        """The numbers of the leaves that it keeps; what is assigned is copied into the array."""
        return self._kept_numbers

    @kept.setter
    def kept(self, numbers: ArrayLike) -> None:
        assign_numbers(self._kept_numbers, numbers, "kept")

    def write_back(self) -> None:
        """Copy parameters and, unless it only predicts, gradients into ``data`` and ``grad``."""
        with self._lock:
            numbers, gradients = self._parameters.tolist(), self._gradients.tolist()
            leaves = [*self._values, *self._kept]
            numbers += self._kept_numbers.tolist()
            write_numbers(leaves, numbers, grads=gradients)
            clear_frozen(self._values if frozen_among(self._values) else ())

    def read_parameters(self) -> None:
        """Copy the Values' ``data`` into ``parameters``, after they were changed by hand."""
        with self._lock:
            self.parameters[:] = read_numbers(self._values)
            self._kept_numbers[:] = read_numbers(self._kept)

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
        with self._after_recordings:
            traces = [*self._traces.values(), *[bound.trace for bound in self._bound.values()]]
            try:
                with self.within():
                    for trace_ in {id(trace_): trace_ for trace_ in traces}.values():
                        retrace(self._function, trace_.recording, self._has_auxiliary)
            except TinygradMLPError:
                self._traces.clear()
                self._bound.clear()

    def _follow_freezing(self) -> None:
        """Forget the recordings if parameters are frozen that were not, or the other way round.

        What else is frozen, a module that keeps statistics for instance, the function may look at.
        """
        with self._after_recordings:
            self._change = changes[0]
            frozen = frozen_among(self._values)
            if self._differentiate and frozen != self._frozen:
                self._gradients[:] = 0.0
                self._traces.clear()
                self._bound.clear()
            self._frozen = frozen
            self.refresh()

    def prediction(self, function: Callable[..., Nested]) -> Program:
        """A program without gradients, per sample if this one is, on this program's parameters.

        It reads ``parameters`` where they lie, so it always predicts with the newest ones.

        >>> from tinygrad_mlp.compiler import compile
        >>> w = Value(2.0)
        >>> program = compile(lambda x, y: (w * x - y) ** 2, [w], per_sample=True)
        >>> predict = program.prediction(lambda x: w * x)
        >>> program.parameters[:] = 5.0
        >>> predict([1.0, 2.0])
        array([ 5., 10.])
        """
        other = Program(
            function,
            self._values,
            self._per_sample,
            self._reduction,
            self._dtype,
            numbers=self._parameters,
            backend=self._backend,
        )
        other._kept, other._kept_numbers = self._kept, self._kept_numbers
        other.within = self.within
        other.most_repetitions = self.most_repetitions
        other.checks_targets = self.checks_targets
        return other

    def eager(self, *arrays: ArrayLike) -> Any:
        """The same loss as a graph of Values, at the program's current parameters.

        A program keeps no nodes; this builds them for one batch, to be looked into with the
        debugger: ``trace_backward(program.eager(X, y))``. The numbers are the same up to rounding.
        The parameters' Values take over the program's numbers and have no gradient yet; random
        leaves are drawn, and buffers assigned to, as in any call. Of a program that only predicts,
        it gives the lists of Values that the function returns.

        >>> from tinygrad_mlp.compiler import compile
        >>> w = Value(2.0)
        >>> program = compile(lambda x, y: (w * x - y) ** 2, [w], per_sample=True)
        >>> program.parameters[:] = 3.0
        >>> loss = program.eager([1.0, 2.0], [2.0, 2.0])
        >>> loss.backward()
        >>> loss.data, w.grad
        (8.5, 9.0)
        """
        given = [called_with(array, self._dtype) for array in arrays]
        self.write_back()
        for value in self._values:
            value.zero_grad()
        try:
            return self._eagerly(given)
        finally:
            self._kept_numbers[:] = read_numbers(self._kept)

    def _eagerly(self, given: list[Array]) -> Any:
        if self._per_sample:
            recording = self._recording_of_batch(given)
            if recording is not None:
                return self._reduced(self._in_lockstep(recording, given))
            results = [self._function(*map(_leaves, sample)) for sample in zip(*given)]
        else:
            results = [self._function(*map(_leaves, given))]
        if self._has_auxiliary:
            results = [loss for loss, _ in results]
        return self._reduced(results) if self._per_sample else results[0]

    def _recording_of_batch(self, given: list[Array]) -> Recording | None:
        """The recording of one sample, if it has to be computed with the others of its batch."""
        shapes = tuple([array.shape for array in given])
        batch_size_of(shapes)
        sample_shapes = tuple([shape[1:] for shape in shapes])
        known = self._traces.get(sample_shapes)
        if known is not None:
            recording = known.recording
        else:
            try:
                recording = self._repeated_recording(sample_shapes)
            except (GraphError, TracingError):
                return None  # sample by sample it may run, and says by itself if it needs the batch
        return recording if recording.needs_batch else None

    def _in_lockstep(self, recording: Recording, given: list[Array]) -> list[Nested]:
        if self.checks_targets:
            run_all(self._checks_of(recording), given)
        samples = zip(*[array.reshape(len(array), -1).tolist() for array in given])
        batch = [[Value(number) for row in rows for number in row] for rows in samples]
        return in_lockstep(recording, batch)

    def _reduced(self, results: list[Nested]) -> Any:
        """What a program makes of the results for each sample."""
        if not self._differentiate:
            return results
        return functional.mean(results) if self._reduction == "mean" else functional.sum(results)

    def generators(self, *arrays: ArrayLike) -> list[np.random.Generator]:
        """What the random leaves of a call with these arrays are drawn from.

        >>> from tinygrad_mlp.compiler import compile
        >>> compile(lambda x: x * x).generators(2.0)
        []
        """
        shapes = tuple([called_with(array, self._dtype).shape for array in arrays])
        bound = self._bound.get(shapes) or self._bind(shapes)
        return list({id(rng): rng for _, rng in bound.trace.recording.random}.values())

    def _traced(self) -> Translation:
        if self._last is None:
            raise ShapeError(
                "the program is recorded at its first call; call it once: program(X, y)"
            )
        return self._last

    def _bind(self, shapes: Shapes) -> _Bound:
        """The runnable program for arrays of these shapes; recorded if there is none yet."""
        with self._after_recordings:
            return self._bound.get(shapes) or self._newly_bound(shapes)

    def _newly_bound(self, shapes: Shapes) -> _Bound:
        batch_size = 0
        sample_shapes = shapes
        if self._per_sample:
            batch_size = batch_size_of(shapes)
            sample_shapes = tuple([shape[1:] for shape in shapes])
        trace_ = self._traces.get(sample_shapes)
        if trace_ is None:
            trace_ = self._record(sample_shapes)
            _keep(self._traces, sample_shapes, trace_)
        self._last = trace_
        if batch_size == 1 and trace_.recording.needs_batch:
            raise batch_of_one()
        samples = (-1,) if self._per_sample else ()
        auxiliary_shape = (*samples, *trace_.recording.auxiliary_shape)
        checks = self._checks_of(trace_.recording)
        numbers = (self._parameters, self._gradients, self._kept_numbers)
        run = trace_.bind(batch_size, self._dtype, *numbers)
        bound = _Bound(run, auxiliary_shape, trace_, checks)
        _keep(self._bound, shapes, bound)
        return bound

    def _checks_of(self, recording: Recording) -> list[TargetCheck]:
        return checks_of(recording, self._per_sample, partial(argument_names_of, self._function))

    def _record(self, shapes: Shapes) -> Translation:
        recording = self._repeated_recording(shapes)
        if self._differentiate and recording.output_shape:
            raise ShapeError(
                "a function with parameters returns one Value, the loss; this one returned lists "
                f"of shape {recording.output_shape}; add them up, or give no parameters to predict"
            )
        if self._per_sample:
            warn_of_lone_means(recording)
        reduction = self._reduction if self._differentiate else None
        return translate(recording, self._per_sample, reduction, check_wanted(self._backend))

    def _repeated_recording(self, shapes: Shapes) -> Recording:
        """The graph of the function, which does the same when it runs again."""
        with interrupts_wait(), self.within():
            recording = trace(
                self._function,
                shapes,
                self._values,
                self._has_auxiliary,
                of_one_sample=self._per_sample and not self.each_by_itself,
            )
            recording.kept = {leaf: place for place, leaf in enumerate(self._kept)}
            # The fewer nodes, the more easily random ones come out the same twice.
            n_times = _NODES_TO_REPEAT // max(len(recording.nodes), 1)
            for _ in range(min(max(n_times, 1), self.most_repetitions)):
                retrace(self._function, recording, self._has_auxiliary)
        return recording

    def __reduce__(self) -> NoReturn:
        raise GraphError(
            "a Program does not pickle, as it holds a recorded function and memory for its calls; "
            "call program.write_back(), pickle the model and compile it again where it is loaded"
        )

    def __repr__(self) -> str:
        return f"Program({len(self._values)} parameters, {self._dtype}, {len(self._traces)} traces)"


_programs: WeakSet[Program] = WeakSet()


def _make_all_locks() -> None:
    """In a forked process: who held a lock may not be there to release it."""
    for program in _programs:
        program._make_locks()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_make_all_locks)


_WITHOUT_STEPS: Final = {NativeTape.name: "the graph is irregular", Native.name: "it has no loss"}
"""Why programs of these back ends are no part of many steps in one call."""


class _InOrder:
    """Two locks as one, taken in this order."""

    def __init__(self, first: threading.RLock, second: threading.RLock) -> None:
        self._first, self._second = first, second

    def __enter__(self) -> None:
        self._first.acquire()
        self._second.acquire()

    def __exit__(self, *_: object) -> None:
        self._second.release()
        self._first.release()


def _keep(kept: dict[Shapes, Any], shapes: Shapes, item: object) -> None:
    """Keep an item in the place of the oldest where there are many."""
    if len(kept) >= MOST_KEPT:
        del kept[next(iter(kept))]
    kept[shapes] = item


@dataclass(slots=True)
class _Bound:
    """A trace with memory for arrays of certain shapes."""

    run: Callable[..., Any]
    auxiliary_shape: tuple[int, ...]
    trace: Translation
    checks: list[TargetCheck]


def _leaves(numbers: Any) -> Nested:
    """An array, or a number of one, as nested lists of Values."""
    if np.ndim(numbers):
        return [_leaves(part) for part in numbers]
    return Value(numbers)
