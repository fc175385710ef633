"""From a recording to a function that runs: the passes in order, and memory for a batch size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import copysign
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp import array_math, float_math
from tinygrad_mlp.compiler.contractions import is_elementwise
from tinygrad_mlp.compiler.emission import emit
from tinygrad_mlp.compiler.folding import Folded, fold
from tinygrad_mlp.compiler.instructions import LARGEST
from tinygrad_mlp.compiler.layout import Plan, Step, lay_out
from tinygrad_mlp.compiler.lowering import Lowered, lower
from tinygrad_mlp.compiler.sample_products import einsum_by_sample, weighted_sum
from tinygrad_mlp.compiler.scalars import emit_scalars, is_irregular, is_scattered
from tinygrad_mlp.compiler.schedule import schedule
from tinygrad_mlp.compiler.tracing import Recording
from tinygrad_mlp.engine import read_numbers
from tinygrad_mlp.errors import SampleOrderError

__all__ = ["Translation", "translate"]

Array = NDArray[Any]


@dataclass(slots=True)
class Translation:
    """One recording with everything that the passes made of it.

    Attributes:
        recording: what was recorded.
        folded: its nodes after folding.
        source: the program's text, a function ``prepare``.
        per_sample: whether it is mapped over the samples.
        reduction: "mean" or "sum" of the samples' losses; None for a program that predicts.
        plan: the groups and their memory; None for a program of plain arithmetic.
        lowered: the NumPy calls, likewise.

    >>> from tinygrad_mlp.compiler.tracing import trace
    >>> made = translate(trace(lambda x: 3.0 * x, [()], []), per_sample=True, reduction=None)
    >>> run = made.bind(2, np.dtype("float64"), np.empty(0), np.empty(0))
    >>> run(np.array([1.0, 2.0])).tolist()
    [3.0, 6.0]
    """

    recording: Recording
    folded: Folded
    source: str
    per_sample: bool
    reduction: str | None
    plan: Plan | None = None
    lowered: Lowered | None = None

    def bind(
        self, batch_size: int, dtype: np.dtype[Any], parameters: Array, gradients: Array
    ) -> Callable[..., Any]:
        """The function ``run`` with memory for one batch size.

        Args:
            batch_size: the number of samples, if it is mapped over them.
            dtype: of all the memory.
            parameters: the array that it reads the parameters from.
            gradients: the array that it writes their derivatives to.
        """
        rngs = [rng for _, rng in self.recording.random]
        namespace: dict[str, Any] = {
            "np": np,
            "dtype": dtype,
            "parameters": parameters,
            "gradients": gradients,
            "outer_leaves": [leaf for _, leaf in self.folded.outer],
            "assigned": [leaf for leaf, _ in self.folded.effects],
            "rngs": rngs,
            "read_numbers": read_numbers,
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
                weighted_sum=weighted_sum,
                constant_values=_constants_of(dtype, constants),
            )
        exec(self.source, namespace)
        run: Callable[..., Any] = namespace["prepare"](batch_size)
        if self.reduction is not None:
            return run
        if not self.recording.output_shape:
            return _Squeezed(run, self.per_sample)
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
        lines += [f"  {step.out.name}: {step.product_shapes()}" for step in self.products()]
        return "\n".join(lines)

    def products(self) -> list[Step]:
        """The steps that are matrix products."""
        steps = self.plan.steps if self.plan is not None else []
        return [s for s in steps if s.left is not None and not is_elementwise(s)]


def translate(recording: Recording, per_sample: bool, reduction: str | None) -> Translation:
    """All passes after the trace.

    A graph of the whole batch in which nothing is regular becomes plain arithmetic.

    Args:
        recording: the graph.
        per_sample: whether it is that of one sample, to be mapped over a batch.
        reduction: "mean" or "sum" of the losses, with gradients; None for results without them.

    Raises:
        SampleOrderError: per sample, if it assigns what depends on the sample.

    >>> from tinygrad_mlp.compiler.tracing import trace
    >>> made = translate(trace(lambda x: 3.0 * x, [()], []), per_sample=True, reduction=None)
    >>> print(made.summary())
    1 scalar operations of one sample -> 1 groups -> 1 NumPy calls, 0 matrix products:
    """
    folded = fold(recording)
    if per_sample:
        _check_independence(folded)
    groups = schedule(folded)
    plan = None
    if per_sample or not is_scattered(groups):
        plan = lay_out(groups, recording, folded, per_sample)
    if plan is None or (not per_sample and is_irregular(plan, groups)):
        source = emit_scalars(recording, folded, reduction is not None)
        return Translation(recording, folded, source, per_sample, reduction)
    lowered = lower(plan, reduction)
    shapes = [shape for shape, _ in recording.inputs]
    n_outer, n_random = len(folded.outer), len(recording.random)
    source = emit(lowered, shapes, n_outer, n_random, per_sample, reduction)
    return Translation(recording, folded, source, per_sample, reduction, plan, lowered)


def _check_independence(folded: Folded) -> None:
    """Mapped over the batch, an assignment happens once; it must come to the same as in turn."""
    assigned = {leaf for leaf, _ in folded.effects}
    in_turn = [leaf for _, leaf in folded.outer if leaf in assigned]
    if in_turn or any(folded.varies[id_] for _, id_ in folded.effects):
        leaf = in_turn[0] if in_turn else folded.effects[0][0]
        error = SampleOrderError(
            f"the function of one sample assigns to {leaf!r} what depends on the sample or on the "
            "samples before; compile the whole batch: compile(f, parameters), with f looping over "
            "the samples"
        )
        error.reason = "it assigns from sample to sample"
        raise error


_NUMPY_FUNCTIONS: Final = [
    *["add", "copyto", "dot", "einsum", "floor", "greater", "greater_equal", "less", "less_equal"],
    *[
        "fmax",
        "logical_and",
        "logical_not",
        "matmul",
        "maximum",
        "multiply",
        "negative",
        "not_equal",
    ],
    *["subtract", "take", "vdot"],
]


def _constants_of(dtype: np.dtype[Any], numbers: list[float]) -> Array:
    largest = np.finfo(dtype).max
    return np.array([copysign(largest, x) if abs(x) == LARGEST else x for x in numbers], dtype)


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
