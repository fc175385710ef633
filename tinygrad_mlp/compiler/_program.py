"""``Program``: a function of scalar Values, recorded once and replayed as NumPy calls.

They give the loss, and the gradients of the parameters in one flat array. When it is recorded, and
what is kept of that, is up to ``_recorded_function``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import Context
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp import functional
from tinygrad_mlp._blocks import current, open_blocks
from tinygrad_mlp._freezing import changes, clear_frozen, frozen_among
from tinygrad_mlp._many_numbers import read_numbers, write_numbers
from tinygrad_mlp._recording import pass_observer, within_same_numbers
from tinygrad_mlp.compiler._backends.choice import Wanted
from tinygrad_mlp.compiler._backends.native import Bound, Native
from tinygrad_mlp.compiler._backends.native_tape import NativeTape
from tinygrad_mlp.compiler._call_arguments import (
    argument_names_of,
    assign_numbers,
    batch_size_of,
    called_with,
)
from tinygrad_mlp.compiler._checks import run_all
from tinygrad_mlp.compiler._lockstep import in_lockstep
from tinygrad_mlp.compiler._recorded_function import How, RecordedFunction
from tinygrad_mlp.compiler._tracing import Nested, Recording
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import (
    GraphError,
    TracingError,
)

__all__ = ["Program"]

Array = NDArray[Any]


class Program(RecordedFunction):
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
        differentiate = parameters is not None and numbers is None
        super().__init__(
            function,
            parameters or [],
            How(per_sample, reduction, differentiate, has_auxiliary, dtype, backend),
            numbers,
        )
        self.auxiliary: Array = np.empty(0, dtype)
        # NumPy keeps what to do at overflow in a context variable: entering a context in which it
        # is set once is ten times as fast as ``with np.errstate(...)`` at each call. It is a new
        # one, so that blocks that are open now are not in it.
        self._silently = Context()
        self._silently.run(np.seterr, all="ignore")

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
        dtype = self._how.dtype
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
            if self._how.has_auxiliary:
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
    def differentiates(self) -> bool:
        """Whether it computes gradients, or only predicts.

        >>> from tinygrad_mlp.compiler import compile
        >>> compile(lambda x: x * x).differentiates
        False
        """
        return self._how.differentiate

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype in which it computes.

        >>> from tinygrad_mlp.compiler import compile
        >>> compile(lambda x: x * x, dtype="float32").dtype
        dtype('float32')
        """
        return self._how.dtype

    @property
    def reduction(self) -> str | None:
        """What becomes of the samples' losses: their "mean" or "sum"; None where they are not one.

        >>> from tinygrad_mlp.compiler import compile
        >>> compile(lambda x: x * x, per_sample=True).reduction is None
        True
        """
        return self._how.reduction if self._how.per_sample and self._how.differentiate else None

    @property
    def argument_names(self) -> tuple[str, ...]:
        """What the function calls its arguments; nothing for those that it does not name.

        >>> from tinygrad_mlp.compiler import compile
        >>> compile(lambda features, target: features - target).argument_names
        ('features', 'target')
        """
        return argument_names_of(self._function)

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
            self._how.per_sample,
            self._how.reduction,
            self._how.dtype,
            numbers=self._parameters,
            backend=self._how.backend,
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
        given = [called_with(array, self._how.dtype) for array in arrays]
        self.write_back()
        for value in self._values:
            value.zero_grad()
        try:
            return self._eagerly(given)
        finally:
            self._kept_numbers[:] = read_numbers(self._kept)

    def _eagerly(self, given: list[Array]) -> Any:
        if self._how.per_sample:
            recording = self._recording_of_batch(given)
            if recording is not None:
                return self._reduced(self._in_lockstep(recording, given))
            results = [self._function(*map(_leaves, sample)) for sample in zip(*given)]
        else:
            results = [self._function(*map(_leaves, given))]
        if self._how.has_auxiliary:
            results = [loss for loss, _ in results]
        return self._reduced(results) if self._how.per_sample else results[0]

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
        if not self._how.differentiate:
            return results
        return (
            functional.mean(results) if self._how.reduction == "mean" else functional.sum(results)
        )

    def __reduce__(self) -> NoReturn:
        raise GraphError(
            "a Program does not pickle, as it holds a recorded function and memory for its calls; "
            "call program.write_back(), pickle the model and compile it again where it is loaded"
        )

    def __repr__(self) -> str:
        n_parameters, n_traces = len(self._values), len(self._traces)
        return f"Program({n_parameters} parameters, {self.dtype}, {n_traces} traces)"


_WITHOUT_STEPS: Final = {NativeTape.name: "the graph is irregular", Native.name: "it has no loss"}
"""Why programs of these back ends are no part of many steps in one call."""


def _leaves(numbers: Any) -> Nested:
    """An array, or a number of one, as nested lists of Values."""
    if np.ndim(numbers):
        return [_leaves(part) for part in numbers]
    return Value(numbers)
