"""What steps read and write in the C library: programs for batches, and where samples go.

An epoch has two programs at most, for whole batches and for the smaller one at its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._native._library import address_of
from tinygrad_mlp._native._many_steps import Steps, Task
from tinygrad_mlp._native._passes import Passes
from tinygrad_mlp._native._structs import INPUT
from tinygrad_mlp.compiler._backends.native import Bound
from tinygrad_mlp.compiler._backends.native_memory import ARENA, FIRST_ARGUMENT, RESULTS

__all__ = ["BatchProgram", "Batches", "Epoch", "readable_batches"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Batches:
    """The samples of an epoch in batches, as a program takes them.

    Attributes:
        arrays: the arguments of the program, the samples first, those of all batches.
        batch_size: how many samples a batch has; None for all of them, in their order.
        weighted: whether the program has one argument more, with a number for each sample that is
            another one in each epoch.
    """

    arrays: tuple[Array, ...]
    batch_size: int | None
    weighted: bool = False

    @property
    def n_samples(self) -> int:
        """The number of samples.

        >>> Batches((np.zeros((5, 2)),), 2).n_samples
        5
        """
        return len(self.arrays[0])

    @property
    def sizes(self) -> list[int]:
        """The size of a whole batch, and that of the smaller one at the end if there is one.

        >>> Batches((np.zeros((5, 2)),), 2).sizes, Batches((np.zeros((5, 2)),), 7).sizes
        ([2, 1], [5])
        """
        n = self.n_samples
        size = min(self.batch_size or n, n)
        return [size, n % size] if n % size else [size]

    @cached_property
    def shapes(self) -> list[tuple[tuple[int, ...], ...]]:
        """For a batch of each of these sizes, the shapes of the arguments of its program.

        >>> Batches((np.zeros((5, 2)), np.zeros(5)), 2, weighted=True).shapes
        [((2, 2), (2,), (2,)), ((1, 2), (1,), (1,))]
        """
        by_sample = [array.shape[1:] for array in self.arrays] + [()] * self.weighted
        return [tuple([(size, *shape) for shape in by_sample]) for size in self.sizes]

    @property
    def n_whole(self) -> int:
        """How many whole batches there are.

        >>> Batches((np.zeros((5, 2)),), 2).n_whole
        2
        """
        return self.n_samples // self.sizes[0]

    @property
    def n_steps(self) -> int:
        """How many batches there are.

        >>> Batches((np.zeros((5, 2)),), 2).n_steps
        3
        """
        return self.n_whole + len(self.sizes) - 1


def readable_batches(
    arrays: Sequence[Array], dtype: np.dtype[Any], batch_size: int | None, weighted: bool
) -> Batches:
    """Batches of arrays as the library reads them: of its dtype, in order, aligned.

    >>> readable_batches([np.arange(6).reshape(2, 3).T], np.dtype("float32"), 2, False).arrays
    (array([[0., 3.],
           [1., 4.],
           [2., 5.]], dtype=float32),)
    """
    in_order = [np.require(array, dtype, ["C", "A"]) for array in arrays]
    return Batches(tuple(in_order), batch_size, weighted)


@dataclass(eq=False)
class Epoch:
    """All that the steps of an epoch need.

    >>> Epoch(Batches((np.zeros((5, 2)),), 2), [], None, [], [], None).sizes(1, 4)
    array([2, 1, 2, 2])
    """

    batches: Batches
    bounds: list[Bound]
    passes: Passes
    arrays: Sequence[Array]
    tasks: list[BatchProgram]
    steps: Steps

    def serves(
        self, batches: Batches, bounds: list[Bound], passes: Passes, arrays: Sequence[Array]
    ) -> bool:
        """Whether nothing of it is another one."""
        return (
            batches is self.batches
            and passes is self.passes
            and arrays is self.arrays
            and all([x is y for x, y in zip(bounds, self.bounds, strict=True)])
        )

    def __post_init__(self) -> None:
        batches = self.batches
        whole, *rest = batches.sizes
        self._epoch = np.array([whole] * batches.n_whole + rest)
        own = [rng for batch in self.tasks for rng in batch.generators]
        self.generators = list({id(rng): rng for rng in own}.values())

    def sizes(self, step: int, n_steps: int) -> NDArray[np.int64]:
        """The size of the batch of each of these steps."""
        return self._epoch.take(np.arange(step, step + n_steps), mode="wrap")

    def n_results(self, sizes: NDArray[np.int64]) -> int:
        """How many numbers the program gives beside the losses of these steps."""
        return sum(
            [
                int(np.count_nonzero(sizes == batch.size)) * batch.task.auxiliary.size
                for batch in self.tasks
            ]
        )

    def drawn(self, sizes: NDArray[np.int64]) -> Array | None:
        """The random numbers of the steps, in the order in which they are read."""
        if not self.generators:
            return None
        first = self.tasks[0]
        if first.bound.lowered.per_sample:
            return first.draw(int(sizes.sum()))
        drawing = {batch.size: batch for batch in self.tasks}
        return np.concatenate([drawing[size].draw(1).ravel() for size in sizes.tolist()])

    def put(
        self, order: NDArray[np.int64] | None, shares: Array | None, drawn: Array | None
    ) -> None:
        """Say where the steps find what they read; it is kept as long."""
        first = self.tasks[0]
        if order is not None:
            order = np.require(order, np.int64, ["C", "A"])
        if shares is not None:
            shares = np.require(shares, first.bound.given.dtype, ["C", "A"])
        self._held = (order, shares, drawn)
        first.put(order, shares, drawn)
        for batch in self.tasks:
            batch.share(first)
            batch.bound.read_leaves()


class BatchProgram:
    """A program for batches of one size, and where it reads what is another in each step.

    >>> from tinygrad_mlp import Value
    >>> from tinygrad_mlp.compiler import compile
    >>> w, x = Value(2.0), np.ones(4)
    >>> program = compile(lambda x, y: (w * x - y) ** 2, [w], per_sample=True)
    >>> bound = program.native_bound((3,), (3,))
    >>> if isinstance(bound, Bound):  # the library was built
    ...     batch = BatchProgram(bound, Batches((x, x), 3), 3)
    ...     assert batch.task.inputs["n_rows"].tolist() == [3, 3, 0]
    """

    def __init__(self, bound: Bound, batches: Batches, size: int) -> None:
        self.bound, self.size = bound, size
        self._batches = batches
        made, self._item = bound.made, bound.given.dtype.itemsize
        lowered = bound.lowered
        self._memory = bound.addresses.copy()
        self._is_whole = batches.batch_size is None
        n_arrays = len(batches.arrays)
        alive: list[Array] = [made.records, made.arena, made.tables, bound.given.kept]
        self._inputs = np.zeros(n_arrays + batches.weighted + 1, INPUT)
        for k, place in enumerate(made.arguments):
            row, base = self._inputs[k], FIRST_ARGUMENT + k
            width = made.widths[k] if lowered.per_sample else made.widths[k] // size
            row["n_rows"], row["width"] = size, width
            row["base"], row["offset"], row["stride"] = place.memory, place.offset, place.slot
            row["row_stride"] = place.sample if lowered.per_sample else width * place.slot
            if place.memory == base and not self._is_whole:
                room = np.empty(size * width, bound.given.dtype)
                row["row_stride"] = width
                self._memory[base] = address_of(room)
                alive.append(room)
            if k < n_arrays:
                row["rows"] = address_of(batches.arrays[k])
        row = self._inputs[-1]
        self.generators = lowered.generators if bound.made.random.stop else []
        samples = size if lowered.per_sample else 1
        self.n_random = len(self.generators) * samples
        row["n_rows"], row["width"] = samples * bool(self.generators), len(self.generators)
        row["base"], row["offset"] = ARENA, made.random.start
        row["stride"], row["row_stride"] = samples, 1
        n_results = max(made.n_results, 0) * (size if lowered.per_sample else 1)
        results = np.empty(n_results, bound.given.dtype)
        self._memory[RESULTS] = address_of(results)
        inputs = self._inputs[-1:] if self._is_whole else self._inputs
        self.task = Task(
            made.records[made.n_copies :], self._memory, inputs, bound.loss, results, alive
        )

    def put(
        self, order: NDArray[np.int64] | None, shares: Array | None, drawn: Array | None
    ) -> None:
        """Say where the steps find their samples."""
        inputs, batches = self._inputs, self._batches
        n_arrays = len(batches.arrays)
        if drawn is not None:
            inputs[-1]["rows"] = address_of(drawn)
        if not self._is_whole:
            assert order is not None
            inputs["order"][:n_arrays], inputs["n_order"][:n_arrays] = address_of(order), len(order)
            if shares is not None:
                inputs[n_arrays]["rows"] = address_of(shares)
            return
        arrays = [*batches.arrays, *([] if shares is None else [shares])]
        for k, (array, view) in enumerate(zip(arrays, self._views)):
            if view is None:
                self._memory[FIRST_ARGUMENT + k] = address_of(array)
            else:
                view[...] = array.reshape(view.shape)

    @cached_property
    def _views(self) -> list[Array | None]:
        """For each argument where a whole batch is copied to; None where it is read as it lies."""
        views: list[Array | None] = []
        for k, place in enumerate(self.bound.made.arguments):
            row, view = self._inputs[k], None
            if place.memory != FIRST_ARGUMENT + k:
                steps = (int(row["row_stride"]) * self._item, int(row["stride"]) * self._item)
                shape = (self.size, int(row["width"]))
                arena = self.bound.made.arena[place.offset :]
                view = np.lib.stride_tricks.as_strided(arena, shape, steps)
            views.append(view)
        return views

    def share(self, other: BatchProgram) -> None:
        """Read from the same memory as another batch."""
        for name in ("rows", "order", "n_order"):
            self._inputs[name] = other._inputs[name]

    def draw(self, n_rows: int) -> Array:
        """Random numbers for some samples, sample by sample, as each generator draws them."""
        rngs = self.generators
        places: dict[int, list[int]] = {}
        for place, rng in enumerate(rngs):
            places.setdefault(id(rng), []).append(place)
        drawn = np.empty((n_rows, len(rngs)))
        for own in places.values():
            drawn[:, own] = rngs[own[0]].random((n_rows, len(own)))
        return drawn.astype(self.bound.given.dtype, copy=False)
