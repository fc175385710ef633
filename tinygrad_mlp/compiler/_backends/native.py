"""The native back end: a program's instructions, run by the C library.

Nothing is generated and nothing is compiled here: ``native_records`` writes the instructions as
numbers, and the library interprets them. ``source`` is the NumPy text of the same instructions,
line by line what the library does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._many_numbers import read_numbers, write_numbers
from tinygrad_mlp._native._library import Library, address_of
from tinygrad_mlp.compiler._backends.draws import Draw
from tinygrad_mlp.compiler._backends.native_memory import (
    ARENA,
    FIRST_ARGUMENT,
    GRADIENTS,
    KEPT,
    LOSS,
    PARAMETERS,
    RESULTS,
    TABLES,
)
from tinygrad_mlp.compiler._backends.native_records import Records, records_of
from tinygrad_mlp.compiler._backends.numpy_text import NumpyText
from tinygrad_mlp.compiler._backends.protocol import Memory
from tinygrad_mlp.compiler._lowered import Lowered
from tinygrad_mlp.engine import Value

__all__ = ["Bound", "Native", "NativeProgram"]

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Native:
    """Runs the instructions by the C library.

    Attributes:
        library: the library.

    >>> from types import SimpleNamespace
    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> from tinygrad_mlp.compiler._translation import translate
    >>> made = translate(trace(lambda x: 3.0 * x, [()], []), per_sample=True, reduction=None)
    >>> Native(SimpleNamespace()).prepare(made.lowered).source == made.source
    True
    """

    library: Library
    name = "native"

    def prepare(self, lowered: Lowered) -> NativeProgram:
        """Nothing is done yet: the records depend on the batch size."""
        return NativeProgram(self.library, lowered)


@dataclass(slots=True)
class NativeProgram:
    """A program that the library runs, and what it is about.

    >>> from types import SimpleNamespace
    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> from tinygrad_mlp.compiler._translation import translate
    >>> made = translate(trace(lambda x: 3.0 * x, [()], []), per_sample=True, reduction=None)
    >>> print(NativeProgram(SimpleNamespace(), made.lowered).source.splitlines()[-4].strip())
    multiply(x0, c0, out=mul0)
    """

    library: Library
    lowered: Lowered
    _source: str = ""

    @property
    def source(self) -> str:
        """The NumPy text of the program, which the library runs line by line."""
        self._source = self._source or NumpyText().prepare(self.lowered).source
        return self._source

    def bind(self, memory: Memory) -> Bound:
        """The records for one batch size, and their memory."""
        made = records_of(self.lowered, memory.batch_size, memory.dtype, self.library.operations)
        return Bound(self.library, self.lowered, memory, made)


@dataclass(slots=True)
class Bound:
    """A program with memory for one batch size; calling it runs it once.

    Attributes:
        library: what runs it.
        lowered: the program.
        given: batch size, dtype, and the arrays that it works on.
        made: its records.
        addresses: where each memory begins, by the numbers in ``native_records``.
        loss: the loss of the last call, one double.

    >>> from tinygrad_mlp.compiler import compile
    >>> w = Value(2.0)
    >>> program = compile(lambda x: w * x, [w], per_sample=True)
    >>> bound = program.native_bound((2,))
    >>> if isinstance(bound, Bound):  # the library was built
    ...     assert bound(np.array([1.0, 2.0])) == 3.0
    ...     assert not bound.assigns_outside
    """

    library: Library
    lowered: Lowered
    given: Memory
    made: Records
    addresses: NDArray[np.uintp] = field(init=False)
    loss: NDArray[np.float64] = field(init=False)
    _written: range = field(init=False)  # the addresses of the gradients
    _call: Any = field(init=False)
    _outer_leaves: list[Value] = field(init=False)
    _assigned: list[Value] = field(init=False)
    _outer_places: NDArray[np.intp] = field(init=False)
    _are_assigned: NDArray[np.intp] = field(init=False)
    _draw: Draw | None = field(init=False)

    def __post_init__(self) -> None:
        lowered, given, made = self.lowered, self.given, self.made
        kept = lowered.kept
        self.loss = np.zeros(1)
        self.addresses = np.zeros(FIRST_ARGUMENT + len(made.arguments), np.uintp)
        for number, array in (
            (PARAMETERS, given.parameters),
            (GRADIENTS, given.gradients),
            (KEPT, given.kept),
            (ARENA, made.arena),
            (TABLES, made.tables),
            (LOSS, self.loss),
        ):
            self.addresses[number] = address_of(array)
        start = address_of(given.gradients)
        self._written = range(start, start + given.gradients.nbytes)
        self._outer_leaves = [leaf for leaf in lowered.outer if leaf not in kept]
        self._outer_places = np.array(
            [place for place, leaf in enumerate(lowered.outer) if leaf not in kept], np.intp
        )
        self._assigned = [leaf for leaf in lowered.assigned if leaf not in kept]
        self._are_assigned = np.array(
            [place for place, leaf in enumerate(lowered.assigned) if leaf not in kept], np.intp
        )
        n_random = made.random.stop - made.random.start
        self._draw = Draw(lowered.generators) if n_random else None
        self._call = partial(
            self.library.run[given.dtype],
            address_of(made.records),
            len(made.records),
            address_of(self.addresses),
        )

    def __call__(self, *arrays: Array) -> Any:
        """The loss, with the gradients in their array; or a new array of the results."""
        addresses, made = self.addresses, self.made
        in_order = [
            x if (x.flags.c_contiguous and x.flags.aligned) else x.copy("C") for x in arrays
        ]
        for number, array in enumerate(in_order):  # which live as long as the call
            address = array.__array_interface__["data"][0]
            if address in self._written:
                in_order[number] = array.copy()
                address = address_of(in_order[number])
            addresses[FIRST_ARGUMENT + number] = address
        results = None
        if made.n_results >= 0:
            results = self.new_results()
            addresses[RESULTS] = results.__array_interface__["data"][0]
        if self._outer_leaves:
            self.read_leaves()
        if self._draw is not None:
            self._draw(made.arena[made.random].reshape(len(self.lowered.generators), -1))
        self.loss[0] = 0.0
        self._call()
        if self._assigned:
            write_numbers(self._assigned, made.arena[made.assigned][self._are_assigned].tolist())
        if self.lowered.reduction is None:
            return results
        loss = float(self.loss[0])
        return loss if results is None else (loss, results)

    def new_results(self) -> Array:
        """Memory for what is returned: a row for each sample, or flat."""
        n = self.made.n_results
        shape = (self.given.batch_size, n) if self.lowered.per_sample else (n,)
        return np.empty(shape, self.given.dtype)

    def read_leaves(self) -> None:
        """Take the numbers of the leaves that each call reads and that are not kept."""
        if self._outer_leaves and self.made.outer.stop:
            outer = self.made.arena[self.made.outer]
            outer[self._outer_places] = read_numbers(self._outer_leaves)

    @property
    def assigns_outside(self) -> bool:
        """Whether a call assigns to leaves that are not kept, which no memory of it has."""
        return bool(self._assigned)
