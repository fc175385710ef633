"""What ``epochs.h`` is handed: records of addresses and counts, and who keeps the memory alive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._aligned import aligned_zeros
from tinygrad_mlp._native._library import Library, address_of
from tinygrad_mlp._native._passes import BLOCK, Passes
from tinygrad_mlp._native._structs import EPOCH, PROGRAM, UPDATE

__all__ = ["MOST_INPUTS", "Steps", "Task"]

MOST_INPUTS: Final = 8
"""How many ``INPUT`` a program has at most, as ``epochs.h`` says."""


@dataclass(eq=False)
class Task:
    """A program with memory for one batch size, as the library is to run it.

    Attributes:
        records: the records, (n_records, ints).
        memory: the table of addresses, which is changed meanwhile.
        inputs: what is put into place in each step, of dtype ``INPUT``.
        loss: where it leaves the loss.
        auxiliary: where it leaves what it gives beside the loss; empty for nothing.
        alive: what else the addresses are of.
    """

    records: NDArray[np.int32]
    memory: NDArray[np.uintp]
    inputs: NDArray[Any]
    loss: NDArray[np.float64]
    auxiliary: NDArray[Any]
    alive: Sequence[object] = ()


class Steps:
    """Steps of training in one call of the library.

    Args:
        library: the library.
        tasks: the program for whole batches, and that for the smaller one at the end of an epoch.
        n_whole: how many whole batches an epoch has.
        n_steps: how many steps an epoch has.
        passes: the update.
        arrays: those that it goes over: parameters, gradients, then what the rule remembers.
        max_norm: the largest norm of all gradients; 0 for no limit.

    >>> from tinygrad_mlp._native._library import load
    >>> from tinygrad_mlp._native._passes import passes_of
    >>> from tinygrad_mlp._native._structs import INPUT
    >>> from tinygrad_mlp._native._stand_ins import Trace
    >>> library = load()
    >>> if library is not None:  # it was built; three steps of numbers -= gradients
    ...     trace, arrays = Trace(np.dtype("float64")), [np.ones(2), np.array([0.5, 0.25])]
    ...     x, g = trace.array(), trace.array()
    ...     given, result = [x.node, g.node], {0: (x - g).node}
    ...     passes = passes_of(trace, given, [], result, 2, library.operations)
    ...     records, memory = np.zeros((0, 1), np.int32), np.zeros(1, np.uintp)
    ...     nothing = Task(records, memory, np.zeros(0, INPUT), np.zeros(1), np.empty(0))
    ...     steps = Steps(library, [nothing], 1, 1, passes, arrays)
    ...     room = np.zeros((1, 0)), np.empty(3), np.empty(0)
    ...     function, *arguments = steps.call(0, 3, *room, None)
    ...     assert function(*arguments) == 3 and arrays[0].tolist() == [-0.5, 0.25]
    """

    def __init__(
        self,
        library: Library,
        tasks: Sequence[Task],
        n_whole: int,
        n_steps: int,
        passes: Passes,
        arrays: Sequence[NDArray[Any]],
        max_norm: float = 0.0,
    ) -> None:
        parameters = arrays[0]
        self.dtype = parameters.dtype
        self.tasks = tasks
        self.penalty = np.zeros(1) if passes.sums else None
        self._function = library.run_steps[self.dtype]
        rooms = aligned_zeros(max(passes.n_rooms, 1) * BLOCK, self.dtype)
        numbers = passes.numbers.copy()
        memory = np.array([*map(address_of, arrays), 0, *map(address_of, (numbers, rooms)), 0])
        memory = memory.astype(np.uintp)
        self._programs = np.zeros(len(tasks), PROGRAM)
        for row, task in zip(self._programs, tasks):
            assert len(task.inputs) <= MOST_INPUTS
            row["records"], row["memory"] = address_of(task.records), address_of(task.memory)
            row["inputs"], row["loss"] = address_of(task.inputs), address_of(task.loss)
            row["auxiliary"], row["n_auxiliary"] = address_of(task.auxiliary), task.auxiliary.size
            row["n_records"], row["n_inputs"] = len(task.records), len(task.inputs)
        self._update = np.zeros(1, UPDATE)
        update = self._update[0]
        update["records"], update["rest"] = address_of(passes.records), address_of(passes.rest)
        update["memory"], update["n_records"] = address_of(memory), len(passes.records)
        update["n_moving"], update["n_parameters"] = len(arrays), parameters.size
        update["block"], update["max_norm"] = passes.block, max_norm
        if self.penalty is not None:
            memory[-1] = update["penalty"] = address_of(self.penalty)
        self._epoch = np.zeros(1, EPOCH)
        epoch = self._epoch[0]
        epoch["programs"], epoch["update"] = address_of(self._programs), address_of(self._update)
        epoch["n_whole"], epoch["n_steps"] = n_whole, n_steps
        self._alive = (passes, tuple(arrays), rooms, numbers, memory)

    def call(
        self,
        first: int,
        n_steps: int,
        coefficients: NDArray[Any],
        losses: NDArray[np.float64],
        penalties: NDArray[np.float64],
        auxiliary: NDArray[Any] | None,
    ) -> tuple[Any, ...]:
        """The function of the library and its arguments; it gives the number of steps taken.

        Args:
            first: the number of the first step in its epoch.
            n_steps: how many.
            coefficients: a row for each step, or one for all.
            losses: room for the loss of each step.
            penalties: room for what the update sums up.
            auxiliary: room for what the programs give beside the loss; None to leave it.
        """
        self._update["n_coefficients"] = coefficients.shape[1] if len(coefficients) > 1 else 0
        return (
            self._function,
            address_of(self._epoch),
            first,
            n_steps,
            address_of(coefficients),
            address_of(losses),
            address_of(penalties),
            0 if auxiliary is None else address_of(auxiliary),
        )
