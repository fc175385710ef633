"""Many steps of training in one call of the C library, a piece of an epoch at a time.

A piece is so long that Python comes to look for Ctrl-C some tens of times in a second. All of a
piece is done, or none of it; how the steps fall into pieces changes no bit of what comes out.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import starmap
from operator import add, call
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._at_once import run_at_once
from tinygrad_mlp._native._many_steps import Steps
from tinygrad_mlp._native._stand_ins import UntraceableError
from tinygrad_mlp.compiler import Program
from tinygrad_mlp.training._epoch_memory import Batches, BatchProgram, Epoch
from tinygrad_mlp.training._rule_of_steps import Rule

__all__ = ["Piece", "Pieces"]

Array = NDArray[Any]

SECONDS: Final = 0.025
"""How long a piece shall take: half of what Ctrl-C may have to wait."""

MOST_NUMBERS: Final = 2**19
"""How many numbers are drawn for a piece, or given beside the losses, at most."""

FASTEST_GROWTH: Final = 256
"""How many times as many steps as the last one a piece has at most."""


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

    >>> from tinygrad_mlp import Value
    >>> from tinygrad_mlp.compiler import compile
    >>> from tinygrad_mlp.optim import SGD
    >>> from tinygrad_mlp.training._rule_of_steps import OptimizerRule
    >>> w, x = Value(0.0), np.array([1.0, 2.0])
    >>> program = compile(lambda x, y: (w * x - y) ** 2, [w], per_sample=True)
    >>> pieces = Pieces(program, OptimizerRule(SGD([w], learning_rate=0.125)))
    >>> if not isinstance(program.native_bound((1,), (1,)), str):  # the library was built
    ...     pieces.make_ready(Batches((x, 3.0 * x), 1))
    ...     piece = pieces.run(np.array([1, 0]), 0, pieces.most_steps(auxiliary=False))
    ...     assert piece.losses.tolist() == [36.0] and program.parameters.tolist() == [3.0]
    """

    program: Program
    rule: Rule
    max_norm: float | None = None
    _made: Epoch | None = field(default=None, init=False)
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
        for shapes in batches.shapes:
            bound = program.native_bound(*shapes)
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
        tasks = [BatchProgram(bound, batches, size) for bound, size in zip(bounds, batches.sizes)]
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
        self._made = Epoch(batches, bounds, passes, arrays, tasks, steps)

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
