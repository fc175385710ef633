"""``compile``: write scalars, run matrix products.

A ``Program`` records a function of scalar Values once and replays it as NumPy calls: the loss, and
the gradients of the parameters in one flat array. It stands on the passes beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp import array_math, float_math
from tinygrad_mlp.compiler.contractions import is_elementwise
from tinygrad_mlp.compiler.emission import emit
from tinygrad_mlp.compiler.folding import Folded, fold
from tinygrad_mlp.compiler.layout import Constant, Plan, Step, lay_out
from tinygrad_mlp.compiler.lowering import Lowered, lower
from tinygrad_mlp.compiler.sample_products import einsum_by_sample
from tinygrad_mlp.compiler.scalars import emit_scalars, is_irregular, is_scattered
from tinygrad_mlp.compiler.schedule import schedule
from tinygrad_mlp.compiler.tracing import Nested, Recording, trace
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError, InvalidArgumentError, ShapeError

__all__ = ["Program", "compile"]

Array = NDArray[Any]


def compile(
    function: Callable[..., Nested],
    parameters: Iterable[Value] | None = None,
    *,
    per_sample: bool = False,
    reduction: Literal["mean", "sum"] = "mean",
    dtype: str = "float64",
    has_auxiliary: bool = False,
) -> Program:
    """Turn a function on scalar Values into a NumPy program.

    Args:
        function: it is called once with nested lists of placeholder Values, one argument for each
            array that the program will be called with, and returns a Value (the loss). A prediction
            function may return nested lists of Values.
        parameters: the leaves to differentiate; None for a program that only predicts.
        per_sample: record one sample and map it over the first axis of every array. The cost of
            compiling does not depend on the batch size then.
        reduction: for ``per_sample`` losses, their "mean" or their "sum" over the batch.
        dtype: "float64" or "float32".
        has_auxiliary: whether a function with parameters returns a pair: the loss, and nested lists
            of Values that the program leaves in ``program.auxiliary``, for example its predictions.

    Returns:
        A Program. It records at its first call, when the shapes are known.

    Raises:
        InvalidArgumentError: for an unknown dtype or reduction.

    >>> w = Value(3.0)
    >>> def loss(xs, ys):
    ...     return sum((w * x - y) ** 2 for x, y in zip(xs, ys))
    >>> program = compile(loss, [w])
    >>> program([1.0, 2.0], [2.0, 2.0])
    17.0
    >>> program.gradients
    array([18.])
    """
    if np.dtype(dtype) not in (np.dtype("float64"), np.dtype("float32")):
        raise InvalidArgumentError(f"dtype is 'float64' or 'float32', got {dtype!r}")
    if reduction not in ("mean", "sum"):
        raise InvalidArgumentError(f"reduction is 'mean' or 'sum', got {reduction!r}")
    values = None if parameters is None else list(parameters)
    if values is not None and len(set(values)) < len(values):
        raise InvalidArgumentError(
            "a parameter is listed twice; list each one once: compile(f, model.parameters())"
        )
    return Program(function, values, per_sample, reduction, np.dtype(dtype), has_auxiliary)


class Program:
    """A recorded function, replayed as NumPy calls; made by ``compile``.

    Attributes:
        parameters: the parameters' numbers in one flat array. Change it in place, or assign to it;
            the Values follow at ``write_back``.
        gradients: the derivatives of the last loss by them, in the same order.
        auxiliary: what the last call returned beside the loss (``has_auxiliary``).

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
    ) -> None:
        self._function = function
        self._values = parameters or []
        self._has_auxiliary = has_auxiliary
        self.auxiliary: Array = np.empty(0, dtype)
        self._differentiate = parameters is not None
        self._per_sample = per_sample
        self._reduction = reduction
        self._dtype = dtype
        self._parameters: Array = np.array([p.data for p in self._values], dtype=dtype)
        self._gradients: Array = np.zeros(len(self._values), dtype=dtype)
        self._traces: dict[tuple[tuple[int, ...], ...], _Trace] = {}
        self._bound: dict[tuple[tuple[int, ...], ...], Callable[..., Any]] = {}
        self._auxiliary_shapes: dict[tuple[tuple[int, ...], ...], tuple[int, ...]] = {}
        self._last: _Trace | None = None
        # NumPy keeps what to do at overflow in a context variable: entering a context in which it
        # is set once is ten times as fast as ``with np.errstate(...)`` at each call.
        self._silently = copy_context()
        self._silently.run(np.seterr, all="ignore")

    @property
    def parameters(self) -> Array:
        """The parameters' numbers. What is assigned is copied into the array that calls read."""
        return self._parameters

    @parameters.setter
    def parameters(self, numbers: ArrayLike) -> None:
        self._parameters[:] = numbers

    @property
    def gradients(self) -> Array:
        """The derivatives of the last loss by the parameters; assigned to like ``parameters``."""
        return self._gradients

    @gradients.setter
    def gradients(self, numbers: ArrayLike) -> None:
        self._gradients[:] = numbers

    def __call__(self, *arrays: ArrayLike) -> Any:
        """The loss as a float, gradients left in ``gradients``; or the predictions as an array.

        Raises:
            ShapeError: if the batch sizes differ, or a batch is empty.
        """
        dtype = self._dtype
        given = [
            array
            if isinstance(array, np.ndarray) and array.dtype is dtype
            else self._as_array(array)
            for array in arrays
        ]
        shapes = tuple([array.shape for array in given])
        run = self._bound.get(shapes)
        if run is None:
            run = self._bind(shapes)
        result = self._silently.run(run, *given)
        if self._has_auxiliary:
            result, auxiliary = result
            self.auxiliary = auxiliary.reshape(self._auxiliary_shapes[shapes])
        return result

    @property
    def source(self) -> str:
        """The NumPy text of the program that was traced last, worth reading.

        Raises:
            ShapeError: before the first call, when the shapes are not known.
        """
        return self._traced().source

    def summary(self) -> str:
        """How many scalar operations became how many NumPy calls, and which products were found."""
        return self._traced().summary()

    @property
    def plan(self) -> Plan | None:
        """The groups of the program that was traced last, and where their results lie.

        None for a program of plain arithmetic.

        Raises:
            ShapeError: before the first call, when the shapes are not known.
        """
        return self._traced().plan

    def write_back(self) -> None:
        """Copy parameters and gradients into the Values' ``data`` and ``grad``."""
        for value, number, gradient in zip(
            self._values, self.parameters.tolist(), self.gradients.tolist()
        ):
            value.data = number
            value.grad = gradient

    def read_parameters(self) -> None:
        """Copy the Values' ``data`` into ``parameters``, after they were changed by hand."""
        self.parameters[:] = [value.data for value in self._values]

    def prediction(self, function: Callable[..., Nested]) -> Program:
        """A program without gradients, per sample if this one is, on this program's parameters.

        It reads ``parameters`` where they lie, so it always predicts with the newest ones.

        >>> w = Value(2.0)
        >>> program = compile(lambda x, y: (w * x - y) ** 2, [w], per_sample=True)
        >>> predict = program.prediction(lambda x: w * x)
        >>> program.parameters[:] = 5.0
        >>> predict([1.0, 2.0])
        array([ 5., 10.])
        """
        other = Program(function, self._values, self._per_sample, self._reduction, self._dtype)
        other._differentiate = False
        other._parameters = self._parameters
        return other

    def _as_array(self, array: ArrayLike) -> Array:
        try:
            return np.asarray(array, self._dtype)
        except (TypeError, ValueError) as error:
            raise ShapeError(
                f"a program is called with arrays of numbers, got {array!r:.60} ({error})"
            ) from error

    def _traced(self) -> _Trace:
        if self._last is None:
            raise ShapeError(
                "the program is recorded at its first call; call it once: program(X, y)"
            )
        return self._last

    def _bind(self, shapes: tuple[tuple[int, ...], ...]) -> Callable[..., Any]:
        """The runnable program for arrays of these shapes; recorded if there is none yet."""
        batch_size = 0
        sample_shapes = shapes
        if self._per_sample:
            batch_size = self._batch_size(shapes)
            sample_shapes = tuple([shape[1:] for shape in shapes])
        trace_ = self._traces.get(sample_shapes)
        if trace_ is None:
            trace_ = self._traces[sample_shapes] = self._record(sample_shapes)
        self._last = trace_
        if len(self._bound) >= 32:  # memory for as many batch sizes
            self._bound.clear()
        run = self._bound[shapes] = trace_.bind(batch_size, self)
        if self._has_auxiliary:
            samples = (-1,) if self._per_sample else ()
            self._auxiliary_shapes[shapes] = (*samples, *trace_.recording.auxiliary_shape)
        return run

    @staticmethod
    def _batch_size(shapes: tuple[tuple[int, ...], ...]) -> int:
        sizes = {shape[0] if shape else None for shape in shapes}
        if len(sizes) != 1 or None in sizes or 0 in sizes:
            raise ShapeError(
                "a program compiled with per_sample=True is called with arrays that have the "
                "samples along their first axis, the same number for all and at least one; "
                f"got shapes {shapes}"
            )
        size = sizes.pop()
        assert size is not None
        return size

    def _record(self, shapes: tuple[tuple[int, ...], ...]) -> _Trace:
        recording = trace(self._function, shapes, self._values, self._has_auxiliary)
        if self._differentiate and recording.output_shape:
            raise ShapeError(
                "a function with parameters returns one Value, the loss; this one returned lists "
                f"of shape {recording.output_shape}; add them up, or give no parameters to predict"
            )
        folded = fold(recording)
        groups = schedule(folded)
        if not self._per_sample and is_scattered(groups):
            return self._as_scalars(recording, folded)
        plan = lay_out(groups, recording, folded, self._per_sample)
        if not self._per_sample and is_irregular(plan, groups):
            return self._as_scalars(recording, folded)
        reduction = self._reduction if self._differentiate else None
        lowered = lower(plan, reduction)
        source = emit(
            lowered,
            [shape for shape, _ in recording.inputs],
            len(folded.outer),
            len(recording.random),
            self._per_sample,
            reduction,
        )
        return _Trace(recording, folded, source, self._per_sample, plan, lowered)

    def _as_scalars(self, recording: Recording, folded: Folded) -> _Trace:
        source = emit_scalars(recording, folded, self._differentiate)
        return _Trace(recording, folded, source, per_sample=False)

    def __reduce__(self) -> NoReturn:
        raise GraphError(
            "a Program does not pickle, as it holds a recorded function and memory for its calls; "
            "call program.write_back(), pickle the model and compile it again where it is loaded"
        )

    def __repr__(self) -> str:
        return f"Program({len(self._values)} parameters, {self._dtype}, {len(self._traces)} traces)"


@dataclass(slots=True)
class _Trace:
    """One recording with everything that the passes made of it."""

    recording: Recording
    folded: Folded
    source: str
    per_sample: bool
    plan: Plan | None = None  # None for a program of plain arithmetic
    lowered: Lowered | None = None

    def bind(self, batch_size: int, program: Program) -> Callable[..., Any]:
        """The function ``run`` with memory for one batch size."""
        dtype = program._dtype
        rngs = [rng for _, rng in self.recording.random]
        namespace: dict[str, Any] = {
            "np": np,
            "dtype": dtype,
            "parameters": program.parameters,
            "gradients": program.gradients,
            "outer_leaves": [leaf for _, leaf in self.folded.outer],
            "assigned": [leaf for leaf, _ in self.folded.effects],
            "rngs": rngs,
        }
        if self.lowered is None:
            namespace.update({name: getattr(float_math, name) for name in float_math.__all__})
        else:
            constants = list(self.folded.constants.values())
            namespace.update({name: getattr(array_math, name) for name in array_math.__all__})
            namespace.update({name: getattr(np, name) for name in _NUMPY_FUNCTIONS})
            namespace.update(self.lowered.tables)
            namespace.update(
                view=view,
                einsum_by_sample=einsum_by_sample,
                draw=_Draw(rngs),
                constant_values=np.array(constants, dtype=dtype),
            )
        exec(self.source, namespace)
        run: Callable[..., Any] = namespace["prepare"](batch_size)
        if program._differentiate or not self.recording.output_shape:
            return run if program._differentiate else _Squeezed(run, self.per_sample)
        return _Reshaped(run, self.recording.output_shape, self.per_sample)

    def summary(self) -> str:
        """The counts, then one line for each product."""
        one = "of one sample " if self.per_sample else ""
        start = f"{self.folded.n_recorded} scalar operations {one}->"
        if self.plan is None or self.lowered is None:
            return f"{start} plain arithmetic, as nothing in them is regular"
        lines = [
            f"{start} {len(self.plan.steps)} groups -> {len(self.lowered.instructions)} NumPy "
            f"calls, {len(self.products())} matrix products:"
        ]
        for step in self.products():
            assert step.left is not None and step.right is not None
            assert not isinstance(step.left, Constant) and not isinstance(step.right, Constant)
            stacked, p, k = step.left.shape
            samples_as_columns = step.out.mapped and not step.left.mapped
            q = "B" if samples_as_columns else step.shape[2]
            times = f"{stacked} x " if stacked > 1 else ""
            each = " for each sample" if step.left.mapped else ""
            lines.append(f"  {step.out.name}: {times}({p}, {k}) @ ({k}, {q}){each}")
        return "\n".join(lines)

    def products(self) -> list[Step]:
        """The steps that are matrix products."""
        steps = self.plan.steps if self.plan is not None else []
        return [s for s in steps if s.left is not None and not is_elementwise(s)]


_NUMPY_FUNCTIONS = [
    *["add", "copyto", "dot", "einsum", "greater", "greater_equal", "less", "less_equal"],
    *["logical_and", "logical_not", "matmul", "maximum", "multiply", "negative", "not_equal"],
    *["subtract", "take", "vdot"],
]


@dataclass(slots=True)
class _Squeezed:
    run: Callable[..., Array]
    per_sample: bool

    def __call__(self, *arrays: Array) -> Any:
        result = self.run(*arrays)
        return result[:, 0] if self.per_sample else float(result[0])


@dataclass(slots=True)
class _Reshaped:
    run: Callable[..., Array]
    shape: tuple[int, ...]
    per_sample: bool

    def __call__(self, *arrays: Array) -> Array:
        result = self.run(*arrays)
        return result.reshape(-1, *self.shape) if self.per_sample else result.reshape(self.shape)


class _Draw:
    """Draws the random leaves, sample by sample in the order of the trace."""

    def __init__(self, rngs: Sequence[np.random.Generator]) -> None:
        self._rngs = rngs

    def __call__(self, out: Array) -> None:
        if len(set(map(id, self._rngs))) == 1:
            out[...] = self._rngs[0].random(out.shape[::-1]).T
            return
        rows = out.reshape(len(self._rngs), -1)
        for sample in range(rows.shape[1]):
            for leaf, rng in enumerate(self._rngs):
                rows[leaf, sample] = rng.random()


def view(array: Array, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    """A strided view: shape and strides count rows of ``array``, further axes stay as they are."""
    item = array.strides[0]
    return np.lib.stride_tricks.as_strided(
        array[offset:],
        (*shape, *array.shape[1:]),
        (*[s * item for s in strides], *array.strides[1:]),
    )
