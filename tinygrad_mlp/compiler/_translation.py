"""From a recording to a function that runs: the passes in order, and memory for a batch size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp import ops
from tinygrad_mlp.compiler._backends.choice import Choice, Wanted, choose, native
from tinygrad_mlp.compiler._backends.protocol import Memory, Prepared, Run
from tinygrad_mlp.compiler._contractions import is_elementwise
from tinygrad_mlp.compiler._folding import Folded, fold
from tinygrad_mlp.compiler._layout import Plan, Step, lay_out
from tinygrad_mlp.compiler._lowered import Lowered
from tinygrad_mlp.compiler._lowering import lower
from tinygrad_mlp.compiler._ragged import padded
from tinygrad_mlp.compiler._schedule import schedule
from tinygrad_mlp.compiler._tracing import Recording
from tinygrad_mlp.errors import SampleOrderError

__all__ = ["Translation", "check_independence", "translate"]

Array = NDArray[Any]

_NOTHING: Final = np.empty(0)


@dataclass(slots=True)
class Translation:
    """One recording, lowered and prepared by a back end.

    Attributes:
        lowered: the program as data.
        choice: the back end, and the reason for it.
        prepared: what the back end made of it.

    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> made = translate(trace(lambda x: 3.0 * x, [()], []), per_sample=True, reduction=None)
    >>> run = made.bind(2, np.dtype("float64"), np.empty(0), np.empty(0))
    >>> run(np.array([1.0, 2.0])).tolist()
    [3.0, 6.0]
    """

    lowered: Lowered
    choice: Choice
    prepared: Prepared

    @property
    def recording(self) -> Recording:
        """What was recorded."""
        return self.lowered.recording

    @property
    def folded(self) -> Folded:
        """Its nodes after folding."""
        return self.lowered.folded

    @property
    def plan(self) -> Plan | None:
        """The groups and their memory; None for a program of plain arithmetic."""
        return self.lowered.plan

    @property
    def source(self) -> str:
        """The program as a person reads it."""
        return self.prepared.source

    def bind(
        self,
        batch_size: int,
        dtype: np.dtype[Any],
        parameters: Array,
        gradients: Array,
        kept: Array = _NOTHING,
    ) -> Callable[..., Any]:
        """The function that runs, with memory for one batch size.

        Args:
            batch_size: the number of samples, if it is mapped over them.
            dtype: of all the memory.
            parameters: the array that it reads the parameters from.
            gradients: the array that it writes their derivatives to.
            kept: the array that it keeps the numbers of leaves in between the calls.
        """
        lowered = self.lowered
        run = self.prepared.bind(Memory(batch_size, dtype, parameters, gradients, kept))
        if lowered.reduction is not None:
            return run
        if not lowered.output_shape:
            return _Squeezed(run, lowered.per_sample)
        return _Reshaped(run, lowered.output_shape, lowered.per_sample)

    def summary(self) -> str:
        """The counts, a line for each product, and whether the C library runs it, or why not."""
        one = "of one sample " if self.lowered.per_sample else ""
        start = f"{self.folded.n_recorded} scalar operations {one}->"
        plan, arrays = self.plan, self.lowered.arrays
        if plan is None or arrays is None:
            lines = [f"{start} plain arithmetic, as nothing in them is regular"]
        else:
            lines = [
                f"{start} {len(plan.steps)} groups -> {len(arrays.instructions)} NumPy "
                f"calls, {len(self.products())} matrix products:"
            ]
            lines += [f"  {step.out.name}: {step.product_shapes()}" for step in self.products()]
        choice = self.choice
        if choice.library:
            lines.append(f"{choice.backend.name}: {choice.library}")
        elif choice.not_native:
            lines.append(f"not native: {choice.not_native}")
        return "\n".join(lines)

    def products(self) -> list[Step]:
        """The steps that are matrix products."""
        steps = self.plan.steps if self.plan is not None else []
        return [s for s in steps if s.left is not None and not is_elementwise(s)]


def translate(
    recording: Recording, per_sample: bool, reduction: str | None, backend: Wanted = "numpy"
) -> Translation:
    """All passes after the trace, then the back end (``backends.choice`` says which).

    Args:
        recording: the graph.
        per_sample: whether it is that of one sample, to be mapped over a batch.
        reduction: "mean" or "sum" of the losses, with gradients; None for results without them.
        backend: what is asked for.

    Raises:
        BackendError: if "native" is asked for, and cannot run it.
        SampleOrderError: per sample, if it assigns what depends on the sample.

    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> made = translate(trace(lambda x: 3.0 * x, [()], []), per_sample=True, reduction=None)
    >>> print(made.summary())
    1 scalar operations of one sample -> 1 groups -> 1 NumPy calls, 0 matrix products:
    """
    folded = fold(recording)
    if per_sample:
        check_independence(folded)
    groups = schedule(folded)

    def laid_out() -> Plan:
        return lay_out(padded(groups, folded, per_sample), recording, folded, per_sample)

    choice = choose(groups, laid_out, per_sample)
    plan = choice.plan
    arrays = lower(plan, reduction) if plan is not None else None
    lowered = Lowered(recording, folded, per_sample, reduction, plan, arrays)
    choice = native(choice, lowered, backend)
    made = Translation(lowered, choice, choice.backend.prepare(lowered))
    if arrays is not None:
        folded.nodes.clear()  # they are large, and the instructions stand for them
    return made


def check_independence(folded: Folded) -> None:
    """Mapped over the batch, an assignment happens once; it must come to the same as in turn.

    What is assigned with a sum or mean over the batch is meant to be assigned once.

    Raises:
        SampleOrderError: for any other assignment that depends on the sample, or on those before.

    >>> from tinygrad_mlp.engine import Value, assign
    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> last = Value(0.0)
    >>> check_independence(fold(trace(lambda x: assign(last, x) or x, [()], [])))
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.SampleOrderError: the function of one sample assigns to Value(data=0.0, ...
    """
    if not folded.effects:
        return
    read = {leaf for _, leaf in folded.outer}
    once = _that_need_the_batch(folded)
    for leaf, id_ in folded.effects:
        if not folded.varies[id_] and (id_ in once or leaf not in read):
            continue
        error = SampleOrderError(
            f"the function of one sample assigns to {leaf!r} what depends on the sample or on the "
            "samples before; compile the whole batch: compile(f, parameters), with f looping over "
            "the samples"
        )
        error.reason = "it assigns from sample to sample"
        raise error


def _that_need_the_batch(folded: Folded) -> set[int]:
    """The nodes that are computed from a sum or a mean over the samples."""
    found: set[int] = set()
    for id_, node in folded.nodes.items():
        operands = (node.args, node.left, node.right)
        if node.op in ops.OVER_BATCH or not all([found.isdisjoint(ids) for ids in operands]):
            found.add(id_)
    return found


@dataclass(slots=True)
class _Squeezed:
    run: Run
    per_sample: bool

    def __call__(self, *arrays: Array) -> Any:
        result: Array = self.run(*arrays)
        return result[:, 0] if self.per_sample else float(result[0])


@dataclass(slots=True)
class _Reshaped:
    run: Run
    shape: tuple[int, ...]
    per_sample: bool

    def __call__(self, *arrays: Array) -> Array:
        result: Array = self.run(*arrays)
        return result.reshape(-1, *self.shape) if self.per_sample else result.reshape(self.shape)
