"""Many steps of training in one call of the C library, a piece of an epoch at a time.

A piece is so long that Python comes to look for Ctrl-C some tens of times in a second. All of a
piece is done, or none of it; how the steps fall into pieces changes no bit of what comes out.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import starmap
from operator import add, call
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._at_once import run_at_once
from tinygrad_mlp._native._library import Library
from tinygrad_mlp._native._passes import Passes
from tinygrad_mlp._native._steps import INPUT, Steps, Task, address_of
from tinygrad_mlp._native._tracing import UntraceableError
from tinygrad_mlp.compiler import Program
from tinygrad_mlp.compiler._backends.native import Bound
from tinygrad_mlp.compiler._backends.native_records import ARENA, FIRST_ARGUMENT, RESULTS
from tinygrad_mlp.optim import Optimizer
from tinygrad_mlp.optim._traced import coefficient_rows, refusal, settings_of, traced_rule

__all__ = ["Batches", "OptimizerRule", "Piece", "Pieces", "Rule"]

Array = NDArray[Any]

SECONDS: Final = 0.025
"""How long a piece shall take: half of what Ctrl-C may have to wait."""

MOST_NUMBERS: Final = 2**19
"""How many numbers are drawn for a piece, or given beside the losses, at most."""

FASTEST_GROWTH: Final = 8
"""How many times as many steps as the last one a piece has at most."""


class Rule(Protocol):
    """What is done with the gradients of each step."""

    @property
    def counter(self) -> tuple[object, str]:
        """What counts the steps: an object, and the name of its attribute."""

    def passes(self, parameters: Array, library: Library) -> Passes:
        """The rule as the library runs it.

        Raises:
            UntraceableError: if it cannot; the message goes on from "because".
        """

    def arrays(self, parameters: Array, gradients: Array) -> Sequence[Array]:
        """What the passes go over behind these two: the state, stepped in place."""

    def coefficients(self, n_steps: int, dtype: np.dtype[Any]) -> Array:
        """The coefficients of the next steps, a row for each, or one for all."""


class OptimizerRule:
    """The rule of an optimizer.

    Args:
        optimizer: the optimizer.
        clip_value: the largest size of each gradient; None for no limit.
    """

    def __init__(self, optimizer: Optimizer, clip_value: float | None = None) -> None:
        self._optimizer = optimizer
        self._clip_value = clip_value
        self._traced: tuple[list[Any], int, Passes] | None = None

    @property
    def counter(self) -> tuple[object, str]:
        """What counts the steps."""
        return self._optimizer, "step_count"

    def forget(self) -> None:
        """Trace the rule anew before the next steps, as it may read what has changed."""
        self._traced = None

    def passes(self, parameters: Array, library: Library) -> Passes:
        """The rule, traced again where a setting is another one than before.

        Raises:
            UntraceableError: for groups, frozen parameters, and a rule that is no list of calls.
        """
        reason = refusal(self._optimizer)
        if reason:
            raise UntraceableError(reason)
        settings = settings_of(self._optimizer)
        if self._traced is not None:
            known, size, passes = self._traced
            same = len(known) == len(settings) and size == parameters.size
            if same and all([x is y for x, y in zip(known, settings)]):
                return passes
        passes = traced_rule(self._optimizer, parameters, self._clip_value, library.operations)
        if self._traced is not None and passes.same_as(self._traced[2]):
            passes = self._traced[2]
        self._traced = settings, parameters.size, passes
        return passes

    def arrays(self, parameters: Array, gradients: Array) -> Sequence[Array]:
        """The state."""
        return self._optimizer.state_to_step(parameters, gradients)

    def coefficients(self, n_steps: int, dtype: np.dtype[Any]) -> Array:
        """The coefficients of the next steps."""
        return coefficient_rows(self._optimizer, n_steps, dtype)


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


@dataclass(frozen=True, eq=False)
class Piece:
    """What some steps in a row gave.

    Attributes:
        losses: the loss of each step, (n_steps,).
        penalties: what the update summed up in each, likewise; empty for nothing.
        auxiliary: what the program gave beside the loss, step after step; None if not asked for.
        sizes: how many samples each step had, (n_steps,).
    """

    losses: NDArray[np.float64]
    penalties: NDArray[np.float64]
    auxiliary: Array | None
    sizes: NDArray[np.int64]


@dataclass(eq=False)
class Pieces:
    """Takes steps with a program and a rule, as many in one call as take little time.

    Attributes:
        program: the program.
        rule: what is done with the gradients.
        max_norm: the largest norm of all gradients together; None for no limit.
    """

    program: Program
    rule: Rule
    max_norm: float | None = None
    _made: _Made | None = field(default=None, init=False)
    _next: int = field(default=1, init=False)

    @property
    def n_steps(self) -> int:
        """How many steps an epoch has."""
        assert self._made is not None
        return self._made.batches.n_steps

    @property
    def sizes(self) -> NDArray[np.int64]:
        """How many samples each batch of an epoch has."""
        assert self._made is not None
        return self._made.sizes(0, self.n_steps)

    def make_ready(self, batches: Batches, by_step: str = "") -> None:
        """Get all that the steps of an epoch need.

        Args:
            batches: the samples.
            by_step: why each step needs a call of its own; empty if there is no such reason.

        Raises:
            UntraceableError: if they cannot be many in one call; the message says why.
            TinygradMLPError: if the program cannot be recorded.
        """
        program = self.program
        bounds = []
        for size in batches.sizes:
            shapes = [(size, *array.shape[1:]) for array in batches.arrays]
            bound = program.native_bound(*shapes, *[(size,)] * batches.weighted)
            if isinstance(bound, str):
                raise UntraceableError(bound)
            bounds.append(bound)
        if by_step:
            raise UntraceableError(by_step)
        passes = self.rule.passes(program.parameters, bounds[0].library)
        arrays = self.rule.arrays(program.parameters, program.gradients)
        made = self._made
        if made is not None and made.serves(batches, bounds, passes, arrays):
            return
        whole_arrays = (program.parameters, program.gradients, *arrays)
        tasks = [_Batch(bound, batches, size) for bound, size in zip(bounds, batches.sizes)]
        steps = Steps(
            bounds[0].library,
            [batch.task for batch in tasks],
            batches.n_whole,
            batches.n_steps,
            passes,
            whole_arrays,
            self.max_norm or 0.0,
        )
        if made is None or made.batches is not batches:
            self._next = 1
        self._made = _Made(batches, bounds, passes, arrays, tasks, steps)

    def most_steps(self, auxiliary: bool) -> int:
        """How many steps the next piece has at most.

        Args:
            auxiliary: whether what the program gives beside the losses is wanted.
        """
        assert self._made is not None
        whole = self._made.tasks[0]
        numbers = whole.n_random + whole.task.auxiliary.size * auxiliary
        return min(self._next, max(1, MOST_NUMBERS // max(numbers, 1)))

    def draws_from(self, rng: np.random.Generator) -> bool:
        """Whether the random leaves of the program come from this generator."""
        assert self._made is not None
        return any([own is rng for batch in self._made.tasks for own in batch.generators])

    def run(
        self,
        order: NDArray[np.int64] | None,
        step: int,
        n_steps: int,
        shares: Array | None = None,
        auxiliary: bool = False,
    ) -> Piece:
        """The next steps; fewer than there are to be only where an epoch was not finite.

        Args:
            order: the samples in the order in which they come, those of earlier steps left out,
                those of further epochs behind; None for all samples as they are.
            step: how many steps the present epoch has had.
            n_steps: how many steps to take, ``most_steps`` at most.
            shares: the number for each sample of a program that has one, in the same order.
            auxiliary: whether what the program gives beside the losses is wanted.
        """
        made, program = self._made, self.program
        assert made is not None
        sizes = made.sizes(step, n_steps)
        losses, penalties = np.empty(n_steps), np.empty(n_steps if made.passes.sums else 0)
        results = np.empty(made.n_results(sizes), program.dtype) if auxiliary else None
        coefficients = self.rule.coefficients(n_steps, program.dtype)
        owner, name = self.rule.counter
        with program.alone:
            states = [rng.bit_generator.state for rng in made.generators]
            drawn = made.drawn(sizes)
            made.put(order, shares, drawn)
            count = getattr(owner, name)
            arguments = made.steps.call(step, n_steps, coefficients, losses, penalties, results)
            begin = time.perf_counter()
            # in one go, so that Ctrl-C finds the steps counted that were taken
            taken = map(add, (count,), starmap(call, (arguments,)))
            run_at_once(map(setattr, (owner,), (name,), taken))
            seconds = time.perf_counter() - begin
        done = getattr(owner, name) - count
        if done < n_steps:
            for rng, state in zip(made.generators, states):
                rng.bit_generator.state = state
            sizes = sizes[:done]
            made.drawn(sizes)
        fitting = int(done * SECONDS / max(seconds, 1e-9))
        self._next = max(1, min(fitting, FASTEST_GROWTH * done))
        if results is not None:
            results = results[: made.n_results(sizes)]
        return Piece(losses[:done], penalties[:done], results, sizes)


@dataclass(eq=False)
class _Made:
    """All that the steps of an epoch need."""

    batches: Batches
    bounds: list[Bound]
    passes: Passes
    arrays: Sequence[Array]
    tasks: list[_Batch]
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
        if step + n_steps <= len(self._epoch):
            return self._epoch[step : step + n_steps]
        return np.resize(np.roll(self._epoch, -step), n_steps)

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
        self._held = (order, shares, drawn)
        first = self.tasks[0]
        first.put(order, shares, drawn)
        for batch in self.tasks:
            batch.share(first)
            batch.bound.read_leaves()


class _Batch:
    """A program for batches of one size, and where it reads what is another in each step."""

    def __init__(self, bound: Bound, batches: Batches, size: int) -> None:
        self.bound, self.size = bound, size
        self._batches = batches
        made, self._item = bound.made, bound.given.dtype.itemsize
        lowered = bound.lowered
        self._memory = bound.addresses.copy()
        self._is_whole = batches.batch_size is None
        self._views: list[tuple[int, Array | None]] = []
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
            inputs["order"][:n_arrays] = address_of(order)
            if shares is not None:
                inputs[n_arrays]["rows"] = address_of(shares)
            return
        arrays = [*batches.arrays, *([] if shares is None else [shares])]
        for k, array in enumerate(arrays):
            place, row = self.bound.made.arguments[k], inputs[k]
            if place.memory == FIRST_ARGUMENT + k:
                self._memory[FIRST_ARGUMENT + k] = address_of(array)
            else:
                steps = (int(row["row_stride"]) * self._item, int(row["stride"]) * self._item)
                shape = (self.size, int(row["width"]))
                arena = self.bound.made.arena[place.offset :]
                view: Array = np.lib.stride_tricks.as_strided(arena, shape, steps)
                view[...] = array.reshape(shape)

    def share(self, other: _Batch) -> None:
        """Read from the same memory as another batch."""
        for name in ("rows", "order"):
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
