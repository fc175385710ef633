"""The back end of irregular graphs in C: a tape of scalar operations.

The graph is walked as for plain arithmetic. Here the walk gives each result a number; what is the
same operation and does not wait for each other becomes one entry of the tape (``tape_assembly``),
which the C library runs (``c/tape.h``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import copysign
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._many_numbers import read_numbers
from tinygrad_mlp._native._library import Library
from tinygrad_mlp.compiler._backends.arithmetic import Arithmetic
from tinygrad_mlp.compiler._backends.protocol import Memory, Run
from tinygrad_mlp.compiler._backends.tape_assembly import Assembled, assemble
from tinygrad_mlp.compiler._backends.tape_writer import parts_of
from tinygrad_mlp.compiler._instructions import LARGEST
from tinygrad_mlp.compiler._lowered import Lowered

__all__ = ["NativeTape", "Tape"]

Array = NDArray[Any]


class NativeTape:
    """Runs the scalar graph as a tape in C.

    Args:
        library: the C library.
    """

    name = "native tape"

    def __init__(self, library: Library) -> None:
        self.library = library

    def prepare(self, lowered: Lowered) -> Tape:
        """The tape, which is the same for any dtype.

        >>> from tinygrad_mlp._native._library import load
        >>> from tinygrad_mlp.compiler._folding import fold
        >>> from tinygrad_mlp.compiler._tracing import trace
        >>> recording = trace(lambda x: x[0].tanh() * x[1], [(2,)], [])
        >>> lowered = Lowered(recording, fold(recording), per_sample=False, reduction=None)
        >>> library = load()
        >>> library is None or NativeTape(library).prepare(lowered).assembled.n_entries == 3
        True
        """
        # The compiler forgets the nodes of some programs; the text may be asked for later.
        nodes = dict(lowered.folded.nodes)
        lowered = replace(lowered, folded=replace(lowered.folded, nodes=nodes))
        parts = parts_of(lowered, self.library.find_levels)
        return Tape(lowered, self.library, assemble(parts, self.library.operations))

    def __repr__(self) -> str:
        return "NativeTape()"


@dataclass(slots=True)
class Tape:
    """A program as a tape.

    Attributes:
        lowered: what it is about.
        library: what runs it.
        assembled: the tape itself.
    """

    lowered: Lowered
    library: Library
    assembled: Assembled
    _source: str = ""

    @property
    def source(self) -> str:
        """The same as straight-line Python, written when it is first asked for.

        >>> from tinygrad_mlp._native._library import load
        >>> from tinygrad_mlp.compiler._folding import fold
        >>> from tinygrad_mlp.compiler._tracing import trace
        >>> recording = trace(lambda x: x[0].tanh() * x[1], [(2,)], [])
        >>> lowered = Lowered(recording, fold(recording), per_sample=False, reduction=None)
        >>> library = load()
        >>> library is None or "v3 = v2 * v1" in NativeTape(library).prepare(lowered).source
        True
        """
        if not self._source:
            self._source = Arithmetic().prepare(self.lowered).source
        return self._source

    def bind(self, memory: Memory) -> Run:
        """The function that runs, with an array of numbers.

        >>> from tinygrad_mlp._native._library import load
        >>> from tinygrad_mlp.compiler._folding import fold
        >>> from tinygrad_mlp.compiler._tracing import trace
        >>> recording = trace(lambda x: x[0].tanh() * x[1], [(2,)], [])
        >>> lowered = Lowered(recording, fold(recording), per_sample=False, reduction=None)
        >>> memory = Memory(0, np.dtype("float64"), np.empty(0), np.empty(0))
        >>> library = load()
        >>> if library is not None:  # it was built
        ...     run = NativeTape(library).prepare(lowered).bind(memory)
        ...     assert run(np.array([0.0, 3.0])).tolist() == [0.0]
        """
        return _Run(self, memory)


class _Run:
    """A tape with its numbers: constants, leaves as the walk reads them, everything else."""

    def __init__(self, tape: Tape, memory: Memory) -> None:
        lowered, assembled = tape.lowered, tape.assembled
        self.memory = memory
        self.numbers = numbers = np.zeros(assembled.size, memory.dtype)
        n_constants = len(assembled.constants)
        numbers[:n_constants] = _in_range(assembled.constants, memory.dtype)

        kept = lowered.kept
        inputs = [len(ids) for _, ids in lowered.recording.inputs]
        self.outer_leaves = [leaf for leaf in lowered.outer if leaf not in kept]
        self.kept_places = [kept[leaf] for leaf in lowered.outer if leaf in kept]
        self.generators = lowered.generators
        lengths = [len(lowered.folded.parameters), *inputs, len(self.outer_leaves)]
        lengths += [len(self.kept_places), len(self.generators)]
        ends = np.cumsum([n_constants, *lengths])
        leaves = [numbers[begin:end] for begin, end in pairwise(ends)]
        self.parameters, *self.arguments, self.outer, self.kept, self.random = leaves

        self.assigned = [(leaf, kept.get(leaf)) for leaf in lowered.assigned]
        self.has_loss = lowered.reduction is not None
        self.results = {name: numbers[place] for name, place in assembled.results.items()}
        self.run_tape = tape.library.run_tape[memory.dtype]
        self.code = assembled.code  # which the address is of
        self.call = self.code.ctypes.data, assembled.n_entries, numbers.ctypes.data

    def __call__(self, *arrays: Array) -> Any:
        memory = self.memory
        self.parameters[:] = memory.parameters
        for place, array in zip(self.arguments, arrays):
            place[:] = array.ravel()
        if self.outer_leaves:
            self.outer[:] = read_numbers(self.outer_leaves)
        if self.kept_places:
            self.kept[:] = memory.kept[self.kept_places]
        if self.generators:
            self.random[:] = [rng.random() for rng in self.generators]
        self.run_tape(*self.call)
        results = self.results
        if self.assigned:
            for (leaf, kept), number in zip(self.assigned, results["effects"].tolist()):
                if kept is None:
                    leaf.data = number
                else:
                    memory.kept[kept] = number
        if not self.has_loss:
            return results["results"].copy()
        memory.gradients[:] = results["gradients"]
        loss = results["loss"].item()
        return (loss, results["beside"].copy()) if len(results["beside"]) else loss


def _in_range(constants: list[float], dtype: np.dtype[Any]) -> Array:
    """Constants of a dtype; ``LARGEST`` is its largest number."""
    largest = float(np.finfo(dtype).max)
    with np.errstate(over="ignore"):
        return np.array(
            [copysign(largest, x) if abs(x) == LARGEST else x for x in constants], dtype
        )
