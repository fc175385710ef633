"""Where the buffers of a program lie, for one batch size: one array for all that is its own.

A buffer lies in the *arena* of the program, or where the caller has it: parameters, gradients, the
arrays of a call. Constants, and the ones behind the inputs of a layer, are in the arena from the
start. Buffers share memory as in the NumPy program (``memory``).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import copysign
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._aligned import aligned_zeros
from tinygrad_mlp._native._structs import AXES
from tinygrad_mlp.compiler._backends.memory import SharedMemory
from tinygrad_mlp.compiler._instructions import LARGEST, Argument, Buffer, Number, Ref, Table
from tinygrad_mlp.compiler._lowered import Lowered

__all__ = ["ARENA", "FIRST_ARGUMENT", "GRADIENTS", "KEPT", "LOSS", "NOWHERE", "PARAMETERS"]
__all__ += ["RESULTS", "TABLES", "NativeMemory", "Operand", "Place"]

# The numbers of the memories in the table that a call is given.
PARAMETERS: Final = 0
GRADIENTS: Final = 1  # their derivatives
KEPT: Final = 2  # leaves that the program keeps between calls
ARENA: Final = 3  # the memory of the program itself
TABLES: Final = 4  # indices, as integers of 32 bits
LOSS: Final = 5  # one double, whatever the dtype
RESULTS: Final = 6  # what a call gives back
FIRST_ARGUMENT: Final = 7  # what a call is given, one memory for each array

_ALIGNED: Final = 16  # numbers: 64 bytes of the smaller dtype

NOWHERE: Final = (-1, 0, *[0] * AXES)
"""What stands in a record for an operand that it does not have."""


@dataclass(slots=True)
class Place:
    """Where a buffer lies: a memory, where in it, and the steps to its next slot and next sample.

    >>> Place(ARENA, 32, 4, 1)
    Place(memory=3, offset=32, slot=4, sample=1)
    """

    memory: int
    offset: int
    slot: int
    sample: int


@dataclass(slots=True)
class Operand:
    """A view of memory in axes, those of slots first, then that of samples.

    >>> Operand(ARENA, 32, (4, 10), (10, 1)).start
    (3, 32)
    """

    memory: int
    offset: int
    lengths: tuple[int, ...]
    steps: tuple[int, ...]

    @property
    def start(self) -> tuple[int, int]:
        """Memory and offset of its first number."""
        return self.memory, self.offset


class NativeMemory:
    """Gives every buffer its place.

    Args:
        lowered: the program.
        batch_size: the number of samples, if it is mapped over them.
        dtype: of its memory.

    Attributes:
        size: how many numbers the arena has so far.
        places: where the buffers are that have a place.

    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> from tinygrad_mlp.compiler._translation import translate
    >>> made = translate(trace(lambda x: 3.0 * x, [()], []), per_sample=True, reduction=None)
    >>> memory = NativeMemory(made.lowered, 2, np.dtype("float64"))
    >>> memory.own_memory(memory.arrays.leaves.constants)
    Place(memory=3, offset=0, slot=1, sample=0)
    >>> memory.number(5.0), memory.allocate(20), memory.size
    (Operand(memory=3, offset=16, lengths=(), steps=()), 32, 64)
    >>> memory.arena()[[0, 16]].tolist()
    [3.0, 5.0]
    """

    def __init__(self, lowered: Lowered, batch_size: int, dtype: np.dtype[Any]) -> None:
        assert lowered.arrays is not None
        self.lowered, self.arrays = lowered, lowered.arrays
        self.B, self.dtype = batch_size, dtype
        self.size = 0
        self.places: dict[Buffer, Place] = {}
        self._filled: list[tuple[int, Any]] = []  # what the arena holds from the start
        self._numbers: dict[str, Operand] = {}
        self._tables: list[NDArray[np.int32]] = []
        self._n_indices = 0
        self._table_at: dict[object, int] = {}

    def arena(self) -> NDArray[Any]:
        """The arena as it is before the first call."""
        arena = aligned_zeros(self.size, self.dtype)
        for start, numbers in self._filled:
            arena[start : start + np.size(numbers)] = numbers
        return arena

    def tables(self) -> NDArray[np.int32]:
        """All arrays of indices behind each other."""
        return np.concatenate([np.zeros(0, np.int32), *self._tables])

    def allocate(self, size: int) -> int:
        """So many numbers of the arena; where they begin."""
        start = self.size
        self.size += -(-size // _ALIGNED) * _ALIGNED
        return start

    def own_memory(self, buffer: Buffer) -> Place:
        """Memory that the buffer keeps for the whole run."""
        place = self.places.get(buffer)
        if place is None:
            place = self.places[buffer] = self.new_place(buffer)
        return place

    def new_place(self, buffer: Buffer) -> Place:
        """Where the caller has it, or memory that no other buffer has."""
        leaves = self.arrays.leaves
        if buffer is leaves.parameters:
            return Place(PARAMETERS, 0, 1, 0)
        if buffer is self.arrays.gradients:
            return Place(GRADIENTS, 0, 1, 0)
        rows = self.B if buffer.mapped else 1
        start = self.allocate((buffer.size + buffer.ones) * rows)
        if buffer is leaves.constants:
            self._filled.append((start, _constants(self.dtype, self.lowered.constants)))
        if buffer.ones:
            self._filled.append((start + buffer.size * rows, np.ones(buffer.ones * rows)))
        return Place(ARENA, start, rows, 1) if buffer.mapped else Place(ARENA, start, 1, 0)

    def give_memory(self, buffer: Buffer, plan: SharedMemory) -> None:
        """A place, that of another buffer where they can share it."""
        if buffer in self.places:
            return
        host, reused = plan.host_of(buffer), plan.reused_by(buffer)
        if host is not None:
            self.places[buffer] = self.own_memory(host)
        elif reused is not None:
            self.places[buffer] = self.places[reused]
        else:
            self.own_memory(buffer)

    def region(self, buffer: Buffer) -> slice:
        """The part of the arena that a buffer of leaves has."""
        if not buffer.size:
            return slice(0, 0)
        start = self.own_memory(buffer).offset
        return slice(start, start + buffer.size * (self.B if buffer.mapped else 1))

    def with_ones(self, buffer: Buffer) -> Place:
        """Memory sample by sample, each with its numbers and then the ones for the biases."""
        width = buffer.size + buffer.ones
        rows = self.B if buffer.mapped else 1
        start = self.allocate(width * rows)
        self._filled.append((start, np.ones(width * rows)))
        place = Place(ARENA, start, 1, width if buffer.mapped else 0)
        self.places[buffer] = place
        return place

    def operand(self, arg: Argument) -> Operand:
        """An array or a number as a view."""
        if isinstance(arg, Number):
            return self.number(arg.value(self.B), arg.factor)
        assert isinstance(arg, Ref)
        place = self.own_memory(arg.buffer)
        lengths, steps = [*arg.shape], [s * place.slot for s in arg.strides]
        if arg.mapped:
            lengths.append(self.B)
            steps.append(place.sample)
        if arg.pad:
            lengths.append(1)
            steps.append(0)
        if arg.swap:
            lengths[-1], lengths[-2] = lengths[-2], lengths[-1]
            steps[-1], steps[-2] = steps[-2], steps[-1]
        offset = place.offset + arg.offset * place.slot
        return Operand(place.memory, offset, tuple(lengths), tuple(steps))

    def number(self, number: float, factor: float = 0.0) -> Operand:
        """A number of the program, in the arena."""
        if abs(factor) == LARGEST:
            number = copysign(float(np.finfo(self.dtype).max), factor)
        key = repr(number)
        known = self._numbers.get(key)
        if known is None:
            start = self.allocate(1)
            self._filled.append((start, number))
            known = self._numbers[key] = Operand(ARENA, start, (), ())
        return known

    def table(self, table: Argument) -> tuple[int, ...]:
        """An array of indices as an operand; nothing for None."""
        if table is None:
            return NOWHERE
        assert isinstance(table, Table)
        return TABLES, self.indices(table, table.indices), 0, 0, 0, 0, 0

    def indices(self, key: object, *parts: NDArray[Any]) -> int:
        """Where these indices begin among all."""
        start = self._table_at.get(key)
        if start is None:
            start = self._table_at[key] = self._n_indices
            for part in parts:
                self._tables.append(part.astype(np.int32))
                self._n_indices += len(part)
        return start


def _constants(dtype: np.dtype[Any], numbers: list[float]) -> NDArray[Any]:
    largest = np.finfo(dtype).max
    return np.array([copysign(largest, x) if abs(x) == LARGEST else x for x in numbers], dtype)
