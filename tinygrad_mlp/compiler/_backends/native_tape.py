"""The back end of irregular graphs in C: a tape of scalar operations.

The graph is walked as for plain arithmetic. Here the walk gives each result a number; what is the
same operation and does not wait for each other becomes one entry of the tape (``tape_assembly``),
which the C library runs (``c/tape.h``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import copysign
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._many_numbers import read_numbers
from tinygrad_mlp.compiler._backends.arithmetic import TERMS_AT_ONCE, Arithmetic
from tinygrad_mlp.compiler._backends.protocol import Memory, Run
from tinygrad_mlp.compiler._backends.scalar_walk import walk
from tinygrad_mlp.compiler._backends.tape_assembly import (
    PARTIALS,
    Assembled,
    Nodes,
    Parts,
    assemble,
)
from tinygrad_mlp.compiler._backends.tape_rules import Operand, derive
from tinygrad_mlp.compiler._folding import Node
from tinygrad_mlp.compiler._instructions import LARGEST
from tinygrad_mlp.compiler._lowered import Lowered
from tinygrad_mlp.ops import Op

__all__ = ["NativeTape", "Tape", "TapeLibrary"]

Array = NDArray[Any]


class TapeLibrary(Protocol):
    """What the tape needs of the C library."""

    @property
    def operations(self) -> Mapping[str, int]:
        """The numbers of its operations, by their names."""

    @property
    def run_tape(self) -> Mapping[str, Callable[[Any, Any, Any], Any]]:
        """``run_tape_f64`` and ``_f32``, by the name of the dtype."""


class NativeTape:
    """Runs the scalar graph as a tape in C.

    Args:
        library: the C library.
    """

    name = "native tape"

    def __init__(self, library: TapeLibrary) -> None:
        self.library = library

    def prepare(self, lowered: Lowered) -> Tape:
        """The tape, which is the same for any dtype."""
        # The compiler forgets the nodes of some programs; the text may be asked for later.
        nodes = dict(lowered.folded.nodes)
        lowered = replace(lowered, folded=replace(lowered.folded, nodes=nodes))
        writer = _TapeWriter(lowered)
        walk(lowered, writer)
        return Tape(lowered, self.library, assemble(writer.parts, self.library.operations))

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
    library: TapeLibrary
    assembled: Assembled
    _source: str = ""

    @property
    def source(self) -> str:
        """The same as straight-line Python, written when it is first asked for."""
        if not self._source:
            self._source = Arithmetic().prepare(self.lowered).source
        return self._source

    def bind(self, memory: Memory) -> Run:
        """The function that runs, with an array of numbers."""
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
        self.run_tape = tape.library.run_tape[memory.dtype.name]
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


class _TapeWriter:
    """Notes the walk down: a number for each result, nodes by their op, sums by their length.

    Numbers are counted in the order of the walk; where they lie is known at the end only.
    """

    def __init__(self, lowered: Lowered) -> None:
        folded = lowered.folded
        self.parts = Parts()
        self.parts.results["effects"] = []
        self.differentiate = lowered.reduction is not None
        self.numbers = [0] * folded.n_ids  # by id
        self.levels = [0] * folded.n_ids
        self.started: dict[int, list[int]] = {}  # the factors of the sum that a derivative is
        self._nodes: dict[tuple[Op, int], Nodes] = {}
        self._places: dict[int, tuple[Nodes, int]] = {}  # of a node: among those of its op
        self._adjoint_levels: dict[int, int] = {}
        self._constants: dict[object, int] = {}
        self.one = self.constant(1.0)
        for id_, number in folded.constants.items():
            self.numbers[id_] = self.constant(number)

    # Leaves

    def parameters(self, ids: Sequence[int]) -> None:
        self.read(ids)

    def argument(self, number: int, ids: Sequence[int]) -> None:
        self.read(ids)

    def outer(self, ids: Sequence[int]) -> None:
        self.read(ids)

    def kept(self, id_: int, place: int) -> None:
        self.read([id_])

    def random(self, id_: int, number: int) -> None:
        self.read([id_])

    def read(self, ids: Sequence[int]) -> None:
        for id_ in ids:
            self.numbers[id_] = self.parts.count
            self.parts.leaves.append(self.parts.count)
            self.parts.count += 1

    def constant(self, number: float) -> int:
        key: object = number or str(number)  # 0.0 is not -0.0
        found = self._constants.get(key)
        if found is None:
            found = self._constants[key] = self.parts.count
            self.parts.constants[found] = number
            self.parts.count += 1
        return found

    # Values

    def value(self, id_: int) -> int:
        return self.numbers[id_]

    def sum_of_products(self, id_: int, node: Node) -> None:
        numbers, levels, one = self.numbers, self.levels, self.one
        factors: list[int] = []
        for arg in node.args:
            factors += (numbers[arg], one)
        for a, b in zip(node.left, node.right):
            factors += (numbers[a], numbers[b])
        level = max([levels[i] for ids in (node.args, node.left, node.right) for i in ids]) + 1
        if len(factors) > 2 * TERMS_AT_ONCE:
            parts: list[int] = []
            for i in range(0, len(factors), 2 * TERMS_AT_ONCE):
                parts += (self.sum(factors[i : i + 2 * TERMS_AT_ONCE], level), one)
            factors, level = parts, level + 1
        self.numbers[id_], levels[id_] = self.sum(factors, level), level

    def sum(self, factors: list[int], level: int) -> int:
        """A sum of products, as two factors each."""
        number = self.parts.count
        self.parts.count += 1
        self.parts.add_sum(number, level, factors)
        return number

    def share(self, id_: int, logsumexp: int, position: int) -> None:
        nodes, place = self._places[logsumexp]
        partial = nodes.derived.partials[position]
        assert not isinstance(partial, float)
        nodes.early.add(partial[1])
        self.numbers[id_] = self.found(partial, nodes, place)
        self.levels[id_] = self.levels[logsumexp]

    def compute(self, id_: int, node: Node) -> None:
        args, levels, numbers = node.args, self.levels, self.numbers
        nodes = self._nodes.get((node.op, len(args))) or self.nodes_of(node.op, len(args))
        first = self.parts.count
        self.parts.count = first + nodes.n_results
        self._places[id_] = nodes, len(nodes.first)
        nodes.first.append(first)
        nodes.operands += [numbers[arg] for arg in args]
        level = max([levels[arg] for arg in args]) + 1
        nodes.levels.append(level)
        levels[id_] = level
        if nodes.value is None:
            numbers[id_] = self.found(nodes.derived.value, nodes, -1)
        else:
            numbers[id_] = first + nodes.value

    def nodes_of(self, op: Op, n_operands: int) -> Nodes:
        """The nodes of an op that is met for the first time; its rules are run here."""
        has_shares = op.joint_partials is not None  # which a value may be, see `share`
        derived = derive(op, n_operands, differentiate=self.differentiate or has_shares)
        for operation in derived.operations:
            for kind, which in operation.operands:
                if kind == "constant":
                    self.constant(which)
        nodes = self._nodes[op, n_operands] = Nodes(derived, n_operands)
        self.parts.nodes.append(nodes)
        return nodes

    def found(self, operand: Operand, nodes: Nodes, place: int) -> int:
        """The number of what a rule gives, for one node."""
        kind, which = operand
        if kind == "result":
            number: int = nodes.first[place] + which
        elif kind == "operand":
            number = nodes.operands[place * nodes.n_operands + which]
        else:
            number = self.constant(which)
        return number

    def assign(self, number: int, place: int | None, id_: int) -> None:
        self.parts.results["effects"].append(self.numbers[id_])

    # Derivatives

    def loss(self, id_: int, *, has_gradient: bool) -> None:
        self.parts.results["loss"] = [self.numbers[id_]]
        if has_gradient:
            self.contribute(id_, self.one, 1.0)

    def adjoint(self, id_: int) -> int:
        factors = self.started[id_]
        if len(factors) == 2 and self.one in factors:
            return sum(factors) - self.one  # the other one
        level_of = self._adjoint_levels
        level = max([level_of.get(upstream, PARTIALS) for upstream in factors[::2]]) + 1
        number = self.sum(factors, level)
        level_of[number] = level
        return number

    def factors(
        self, id_: int, node: Node, positions: Sequence[int]
    ) -> Iterator[int | float | None]:
        nodes, place = self._places[id_]
        for position in positions:
            partial = nodes.derived.partials[position]
            if not isinstance(partial, float):
                yield self.found(partial, nodes, place)
            else:
                yield None if partial == 0.0 else partial

    def contribute(self, id_: int, upstream: int, factor: int | float) -> None:
        number = factor if isinstance(factor, int) else self.constant(factor)
        factors = self.started.get(id_)
        if factors is None:
            self.started[id_] = [upstream, number]
        else:
            factors += (upstream, number)

    def gradients(self, ids: Sequence[int]) -> None:
        nothing = self.constant(0.0)
        self.parts.results["gradients"] = [
            self.adjoint(id_) if id_ in self.started else nothing for id_ in ids
        ]

    # Results

    def results(self, ids: Sequence[int]) -> None:
        self.parts.results["results"] = [self.numbers[id_] for id_ in ids]

    def beside(self, ids: Sequence[int]) -> None:
        self.parts.results["beside"] = [self.numbers[id_] for id_ in ids]
