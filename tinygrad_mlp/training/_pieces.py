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

__all__ = ["Batches", "OptimizerRule", "Part", "Piece", "Pieces", "Rule"]

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
class Part:
    """What steps with batches of one size gave.

    Attributes:
        batch_size: the size.
        losses: the loss of each step, (n_steps,).
        penalties: what the update summed up in each, likewise; empty for nothing.
        auxiliary: what the program gave beside the loss, (n_steps, numbers); None if not asked for.
    """

    batch_size: int
    losses: NDArray[np.float64]
    penalties: NDArray[np.float64]
    auxiliary: Array | None


@dataclass(frozen=True, eq=False)
class Piece:
    """What some steps in a row gave.

    Attributes:
        n_steps: how many there were.
        n_samples: how many samples they had.
        parts: the same by batches of one size.
    """

    n_steps: int
    n_samples: int
    parts: list[Part]


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

    def run(
        self,
        order: NDArray[np.int64] | None,
        step: int,
        shares: Array | None = None,
        auxiliary: bool = False,
        most: int | None = None,
    ) -> Piece:
        """The next steps of an epoch.

        Args:
            order: the samples in the order in which they come, those of earlier steps left out;
                None for all samples as they are.
            step: how many steps the epoch has had.
            shares: the number for each sample of a program that has one, in the same order.
            auxiliary: whether what the program gives beside the losses is wanted.
            most: how many steps at most; None for the rest of the epoch.
        """
        made = self._made
        assert made is not None
        whole, *_ = made.tasks
        n_steps = made.batches.n_steps - step if most is None else most
        per_step = whole.n_random + whole.task.auxiliary.size * auxiliary
        n_steps = min(n_steps, self._next, max(1, MOST_NUMBERS // max(per_step, 1)))
        counts = made.counts(step, n_steps)
        sizes = [batch.size for batch in made.tasks]
        dtype, program = self.program.dtype, self.program
        losses, penalties = (
            np.empty(n_steps),
            np.empty(n_steps if made.steps.penalty is not None else 0),
        )
        n_results = sum([n * batch.task.auxiliary.size for n, batch in zip(counts, made.tasks)])
        results = np.empty(n_results, dtype) if auxiliary else None
        coefficients = self.rule.coefficients(n_steps, dtype)
        with program.alone:
            held = [b.put(order, shares, made.drawn(step, n_steps)) for b in made.tasks[:1]]
            for batch in made.tasks[1:]:
                batch.share(whole)
            for batch in made.tasks:
                batch.bound.read_leaves()
            owner, name = self.rule.counter
            count = getattr(owner, name)
            arguments = made.steps.call(step, n_steps, coefficients, losses, penalties, results)
            begin = time.perf_counter()
            # in one go, so that Ctrl-C finds the steps counted that were taken
            taken = map(add, (count,), starmap(call, (arguments,)))
            run_at_once(map(setattr, (owner,), (name,), taken))
            seconds = time.perf_counter() - begin
            del held
        done = getattr(owner, name) - count
        fitting = int(done * SECONDS / max(seconds, 1e-9))
        self._next = max(1, min(fitting, FASTEST_GROWTH * done))
        counts = made.counts(step, done)
        n_samples = sum([n * size for n, size in zip(counts, sizes)])
        return Piece(done, n_samples, made.parts(step, losses[:done], penalties, results))


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

    def sizes_from(self, step: int, n_steps: int) -> list[int]:
        """For each of some steps, whether it has a whole batch (0) or the smaller one (1)."""
        n_whole, in_epoch = self.batches.n_whole, self.batches.n_steps
        return [int((step + i) % in_epoch >= n_whole) for i in range(n_steps)]

    def counts(self, step: int, n_steps: int) -> list[int]:
        """How many of these steps have a whole batch, and how many the smaller one."""
        epochs, rest = divmod(step + n_steps, self.batches.n_steps)
        n_whole = (
            epochs * self.batches.n_whole
            + min(rest, self.batches.n_whole)
            - min(step, self.batches.n_whole)
        )
        return [n_whole, n_steps - n_whole][: len(self.tasks)]

    def drawn(self, step: int, n_steps: int) -> Array | None:
        """The random numbers of the steps, in the order in which they are read."""
        first = self.tasks[0]
        if not any([batch.n_random for batch in self.tasks]):
            return None
        if first.bound.lowered.per_sample:
            n_rows = sum([n * b.size for n, b in zip(self.counts(step, n_steps), self.tasks)])
            return first.draw(n_rows)
        kinds = self.sizes_from(step, n_steps)
        return np.concatenate([self.tasks[kind].draw(1).ravel() for kind in kinds])

    def parts(
        self,
        step: int,
        losses: NDArray[np.float64],
        penalties: NDArray[np.float64],
        results: Array | None,
    ) -> list[Part]:
        """What the steps gave, by batches of one size that follow each other."""
        parts, done, at = [], 0, 0
        in_epoch, n_whole = self.batches.n_steps, self.batches.n_whole
        while done < len(losses):
            kind = int(step >= n_whole)
            n = min((in_epoch if kind else n_whole) - step, len(losses) - done)
            batch = self.tasks[kind]
            auxiliary = None
            if results is not None:
                size = batch.task.auxiliary.size
                auxiliary = results[at : at + n * size].reshape(n, size)
                at += n * size
            part = slice(done, done + n)
            parts.append(Part(batch.size, losses[part], penalties[part], auxiliary))
            done, step = done + n, (step + n) % in_epoch
        return parts


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
    ) -> tuple[object, ...]:
        """Say where the steps find their samples; what must live until they are taken."""
        inputs, batches = self._inputs, self._batches
        n_arrays = len(batches.arrays)
        if drawn is not None:
            inputs[-1]["rows"] = address_of(drawn)
        if not self._is_whole:
            assert order is not None
            inputs["order"][:n_arrays] = address_of(order)
            if shares is not None:
                inputs[n_arrays]["rows"] = address_of(shares)
            return order, shares, drawn
        arrays = [*batches.arrays, *([] if shares is None else [shares])]
        for k, array in enumerate(arrays):
            place, row = self.bound.made.arguments[k], inputs[k]
            if place.memory == FIRST_ARGUMENT + k:
                self._memory[FIRST_ARGUMENT + k] = address_of(array)
            else:
                steps = (int(row["row_stride"]) * self._item, int(row["stride"]) * self._item)
                shape = (self.size, int(row["width"]))
                arena = self.bound.made.arena[place.offset :]
                view = np.lib.stride_tricks.as_strided(arena, shape, steps)
                view[...] = array.reshape(shape)
        return (arrays, drawn)

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
