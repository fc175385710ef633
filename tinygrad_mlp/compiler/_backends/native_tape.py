"""The back end of irregular graphs in C: a tape of scalar operations.

The graph is walked as for plain arithmetic. Here the walk gives each result a number; what is the
same operation and does not wait for each other becomes one entry of the tape (``tape_assembly``),
which the C library runs (``c/tape.h``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import copysign
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp import ops
from tinygrad_mlp._many_numbers import read_numbers
from tinygrad_mlp._native._library import Library
from tinygrad_mlp.compiler._backends.arithmetic import TERMS_AT_ONCE, Arithmetic
from tinygrad_mlp.compiler._backends.protocol import Memory, Run
from tinygrad_mlp.compiler._backends.scalar_walk import walk
from tinygrad_mlp.compiler._backends.tape_assembly import (
    PARTIALS,
    Assembled,
    Nodes,
    Parts,
    Sums,
    assemble,
)
from tinygrad_mlp.compiler._backends.tape_rules import derive
from tinygrad_mlp.compiler._folding import Ids, Node
from tinygrad_mlp.compiler._instructions import LARGEST
from tinygrad_mlp.compiler._lowered import Lowered
from tinygrad_mlp.ops import Op

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
    library: Library
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


class _TapeWriter:
    """Notes the walk down: a number for each result, nodes by their op, sums by their length.

    Numbers are counted in the order of the walk; where they lie is known at the end only.
    """

    def __init__(self, lowered: Lowered) -> None:
        folded = lowered.folded
        self.count = 0
        self.leaves: list[int] = []
        self.constants: dict[int, float] = {}
        self.nodes: dict[tuple[Op, int], Nodes] = {}
        self.sums = Sums()
        self.given_back: dict[str, list[int]] = {"effects": []}
        self._differentiate = lowered.reduction is not None
        self._numbers = [0] * folded.n_ids  # by id, as is what follows
        self._levels = [0] * folded.n_ids
        self._nodes_of: list[Nodes | None] = [None] * folded.n_ids
        self._firsts = [0] * folded.n_ids
        self._adjoints: list[list[int] | None] = [None] * folded.n_ids  # factors of their sums
        self._adjoint_levels: dict[int, int] = {}  # by number
        self._nodes_by_op: dict[Op, Nodes] = {}
        self._constants: dict[object, int] = {}
        self._one = self.constant(1.0)
        for id_, number in folded.constants.items():
            self._numbers[id_] = self.constant(number)

    @property
    def parts(self) -> Parts:
        """What was found."""
        nodes = [nodes for nodes in self.nodes.values() if nodes.first]
        return Parts(self.count, self.leaves, self.constants, nodes, self.sums, self.given_back)

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
            self._numbers[id_] = self.count
            self.leaves.append(self.count)
            self.count += 1

    def constant(self, number: float) -> int:
        key: object = number or str(number)  # 0.0 is not -0.0
        found = self._constants.get(key)
        if found is None:
            found = self._constants[key] = self.count
            self.constants[found] = number
            self.count += 1
        return found

    # Values

    def value(self, id_: int) -> int:
        return self._numbers[id_]

    def sum_of_products(self, id_: int, node: Node) -> None:
        numbers, one = self._numbers, self._one
        factors: list[int] = []
        for arg in node.args:
            factors += (numbers[arg], one)
        for a, b in zip(node.left, node.right):
            factors += (numbers[a], numbers[b])
        level = max(map(self._levels.__getitem__, node.args + node.left + node.right)) + 1
        most = 2 * TERMS_AT_ONCE
        if len(factors) > most:
            parts: list[int] = []
            for i in range(0, len(factors), most):
                parts += (self.sum(factors[i : i + most], level), one)
            factors, level = parts, level + 1
        self._numbers[id_], self._levels[id_] = self.sum(factors, level), level

    def sum(self, factors: list[int], level: int) -> int:
        """A sum of products, of two factors each."""
        number, sums = self.count, self.sums
        self.count += 1
        sums.results.append(number)
        sums.levels.append(level)
        sums.lengths.append(len(factors) // 2)
        sums.factors += factors
        return number

    def share(self, id_: int, logsumexp: int, position: int) -> None:
        nodes = self._nodes_of[logsumexp]
        assert nodes is not None
        kind, which = nodes.partials[position]
        assert kind == "result"
        nodes.early.add(which)
        number = self._firsts[logsumexp] + which
        exponential = self.nodes_of(ops.EXP, 1)
        assert exponential.partials in ([], [exponential.derived.value])
        self._nodes_of[id_], self._firsts[id_] = exponential, number - exponential.value
        self._numbers[id_], self._levels[id_] = number, self._levels[logsumexp]

    def compute(self, id_: int, node: Node) -> None:
        args, numbers, levels = node.args, self._numbers, self._levels
        nodes = self._nodes_by_op.get(node.op) or self.nodes_of(node.op, len(args))
        operands = nodes.operands
        level = 0
        for arg in args:
            operands.append(numbers[arg])
            if levels[arg] > level:
                level = levels[arg]
        level += 1
        first = self.count
        self.count = first + nodes.n_results
        nodes.first.append(first)
        nodes.levels.append(level)
        self._firsts[id_] = first
        self._nodes_of[id_] = nodes
        levels[id_] = level
        numbers[id_] = first + nodes.value if nodes.value >= 0 else self.passed_on(nodes, args)

    def passed_on(self, nodes: Nodes, args: Ids) -> int:
        """The value of an op that gives back an operand, or a constant."""
        kind, which = nodes.derived.value
        return self._numbers[args[which]] if kind == "operand" else self.constant(which)

    def nodes_of(self, op: Op, n_operands: int) -> Nodes:
        """Of an op that is met for the first time, or that takes any number of operands."""
        found = self.nodes.get((op, n_operands))
        if found is not None:
            return found
        has_shares = op.joint_partials is not None  # which a value may be, see `share`
        derived = derive(op, n_operands, differentiate=self._differentiate or has_shares)
        for operation in derived.operations:
            for kind, which in operation.operands:
                if kind == "constant":
                    self.constant(which)
        nodes = self.nodes[op, n_operands] = Nodes(derived, n_operands)
        if not op.variadic:
            self._nodes_by_op[op] = nodes
        return nodes

    def assign(self, number: int, place: int | None, id_: int) -> None:
        self.given_back["effects"].append(self._numbers[id_])

    # Derivatives

    def loss(self, id_: int, *, has_gradient: bool) -> None:
        self.given_back["loss"] = [self._numbers[id_]]
        if has_gradient:
            self._adjoints[id_] = [self._one, self._one]

    def adjoint(self, id_: int) -> int | None:
        factors = self._adjoints[id_]
        if factors is None:
            return None
        if len(factors) == 2:
            upstream, factor = factors
            if factor == self._one:
                return upstream
            if upstream == self._one:
                return factor
        level, level_of = PARTIALS, self._adjoint_levels
        for upstream in factors[::2]:
            if level_of.get(upstream, 0) > level:
                level = level_of[upstream]
        number = self.sum(factors, level + 1)
        level_of[number] = level + 1
        return number

    def factors(self, id_: int, node: Node, positions: Sequence[int]) -> list[int | float | None]:
        nodes, first = self._nodes_of[id_], self._firsts[id_]
        assert nodes is not None
        found: list[int | float | None] = []
        for position in positions:
            kind, which = nodes.partials[position]
            if kind == "result":
                found.append(first + which)
            elif kind == "operand":
                found.append(self._numbers[node.args[which]])
            else:
                found.append(self.constant(which) if which != 0.0 else None)
        return found

    def flow(
        self, upstream: int, targets: Sequence[int], factors: Iterable[int | float | None]
    ) -> None:
        adjoints = self._adjoints
        for target, factor in zip(targets, factors):
            if factor is None:
                continue
            number = self.constant(factor) if isinstance(factor, float) else factor
            before = adjoints[target]
            if before is None:
                adjoints[target] = [upstream, number]
            else:
                before += (upstream, number)

    def gradients(self, ids: Sequence[int]) -> None:
        found = [self.adjoint(id_) for id_ in ids]
        nothing = self.constant(0.0)
        self.given_back["gradients"] = [nothing if x is None else x for x in found]

    # Results

    def results(self, ids: Sequence[int]) -> None:
        self.given_back["results"] = [self._numbers[id_] for id_ in ids]

    def beside(self, ids: Sequence[int]) -> None:
        self.given_back["beside"] = [self._numbers[id_] for id_ in ids]
