"""From what a walk found to the tape: where each number lies, and the entries in their order.

What is the same operation and does not wait for each other becomes one entry (``c/tape.h``): its
results lie in a row. So all nodes of an op lie in the order of their levels, a row for each of
their results; and so do the sums of one length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.compiler._backends.tape_rules import SUM, Derived, Operand, Operation

__all__ = ["PARTIALS", "Assembled", "Nodes", "Parts", "Sums", "assemble"]

Ints = NDArray[np.int32]

PARTIALS: Final = 1 << 28
"""The level of the local derivatives: above all values, below all derivatives of the loss. What has
a level can be computed when all of the lower levels is."""

_RESULTS: Final = 1 << 30  # the level of what is copied for the end

_LONG: Final = 9
"""Sums of fewer products are computed side by side with those of the same length."""

# The fields of `entry`, and what the two bits of an operand in `steps` say

_N_FIELDS: Final = 8
_OPERATION, _N, _RESULT, _STEPS, _OPERANDS, _TERMS = 0, 1, 2, 3, 4, 7
_SAME_NUMBER, _NEXT_NUMBER, _BY_LIST = 0, 1, 2


@dataclass(slots=True)
class Nodes:
    """All nodes of one op with as many operands.

    Attributes:
        derived: the op's rules.
        n_operands: how many each has.
        first: for each node, the number of its first result; the others follow.
        levels: likewise.
        operands: the numbers of the operands, node after node.
        early: the results that others need with the values, and the value itself.
        n_results: how many results each has.
        value: which of them is the value, if it is one.
    """

    derived: Derived
    n_operands: int
    first: list[int] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)
    operands: list[int] = field(default_factory=list)
    early: set[int] = field(default_factory=set)
    n_results: int = field(init=False)
    value: int | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.n_results = len(self.derived.operations)
        kind, which = self.derived.value
        if kind == "result":
            self.value = which
            self.early.add(which)


@dataclass(slots=True)
class Sums:
    """Sums of products: of as many products each, or all long ones.

    Attributes:
        results: their numbers.
        levels: their levels.
        lengths: how many products each has.
        factors: the numbers of the factors, pair after pair, sum after sum.
    """

    results: list[int] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    factors: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Parts:
    """What a walk found.

    Attributes:
        count: how many numbers there are: leaves, constants, results.
        leaves: the numbers of the leaves, in the order in which they are read.
        constants: what the constant ones are; number 0 is 1.0.
        nodes: by their op.
        sums: by their length; the long ones are all in ``sums[_LONG]``.
        results: the numbers that are given back, by what they are.
    """

    count: int = 0
    leaves: list[int] = field(default_factory=list)
    constants: dict[int, float] = field(default_factory=dict)
    nodes: list[Nodes] = field(default_factory=list)
    sums: dict[int, Sums] = field(default_factory=dict)
    results: dict[str, list[int]] = field(default_factory=dict)

    def add_sum(self, number: int, level: int, factors: list[int]) -> None:
        """Add a sum of products."""
        length = len(factors) // 2
        kind = min(length, _LONG)
        sums = self.sums.get(kind)
        if sums is None:
            sums = self.sums[kind] = Sums()
        sums.results.append(number)
        sums.levels.append(level)
        sums.lengths.append(length)
        sums.factors += factors


@dataclass(frozen=True, slots=True)
class Assembled:
    """The tape.

    Attributes:
        code: the entries, and the lists behind them.
        n_entries: how many there are.
        size: the number of places.
        constants: what lies at the first places; behind them lie the leaves.
        results: where the numbers that are given back lie, in a row each.
    """

    code: Ints
    n_entries: int
    size: int
    constants: list[float]
    results: dict[str, slice]


def assemble(parts: Parts, operations: Mapping[str, int]) -> Assembled:
    """The tape of what a walk found.

    Args:
        parts: what it found.
        operations: the library's numbers of operations.
    """
    return _Assembly(parts, operations).run()


@dataclass(slots=True)
class _Laid:
    """Nodes of one op, laid out.

    Attributes:
        nodes: the nodes.
        rows: by the number of a result, where its row begins.
        operands: the places of the operands, a row for each.
        lists: where these rows lie in the lists, if they do.
        levels: where each level begins, how many nodes it has, and which level it is.
        early: the results that are computed level by level; the others are at once.
    """

    nodes: Nodes
    rows: dict[int, int]
    early: set[int]
    order: Ints
    levels: tuple[Ints, Ints, Ints]
    operands: Ints
    lists: int = -1


class _Assembly:
    def __init__(self, parts: Parts, operations: Mapping[str, int]) -> None:
        self.parts, self.operations = parts, operations
        self.places = np.zeros(parts.count, np.int32)  # by number
        self.size = 0
        self.entries: list[Ints] = []
        self.levels: list[Ints] = []
        self.lists: list[Ints] = []
        self.n_listed = 0
        self.constant_places: dict[str, int] = {}

    def run(self) -> Assembled:
        parts, places = self.parts, self.places
        self.lay_out([*parts.constants], len(parts.constants))
        self.lay_out(parts.leaves, len(parts.leaves))
        self.constant_places = {repr(x): place for place, x in enumerate(parts.constants.values())}
        used = self.used()
        sums = {n: self.laid_sums(each) for n, each in parts.sums.items()}
        nodes = [self.laid_nodes(each, used) for each in parts.nodes]
        for length, order in sums.items():
            self.add_sums(length, parts.sums[length], order)
        for laid in nodes:
            laid.operands = places[np.array(laid.nodes.operands, np.int32)]
            laid.operands = laid.operands.reshape(-1, laid.nodes.n_operands)[laid.order].T
            for number in sorted(laid.rows):
                self.add_operation(laid, number)
        results = {name: self.copied(numbers) for name, numbers in parts.results.items()}
        order = np.argsort(np.concatenate(self.levels), kind="stable")
        entries = np.concatenate(self.entries)[order]
        code = np.concatenate([entries.ravel(), *self.lists])
        return Assembled(code, len(entries), self.size, [*parts.constants.values()], results)

    # Places

    def lay_out(self, numbers: Any, n: int) -> int:
        """Put numbers into a row of places; where it begins."""
        begin = self.size
        self.size += n
        if n:
            self.places[numbers] = np.arange(begin, self.size, dtype=np.int32)
        return begin

    def used(self) -> NDArray[np.bool_]:
        """By number, whether anything but the rules that it comes from needs it."""
        parts = self.parts
        used = np.zeros(parts.count, np.bool_)
        for numbers in (
            *[sums.factors for sums in parts.sums.values()],
            *[nodes.operands for nodes in parts.nodes],
            *parts.results.values(),
        ):
            used[np.array(numbers, np.intp)] = True
        return used

    def laid_sums(self, sums: Sums) -> Ints:
        """Their order."""
        order = _order(sums.levels)
        self.lay_out(np.array(sums.results)[order], len(order))
        return order

    def laid_nodes(self, nodes: Nodes, used: NDArray[np.bool_]) -> _Laid:
        operations = nodes.derived.operations
        order = _order(nodes.levels)
        first = np.array(nodes.first, np.int32)[order]
        numbers = first[:, None] + np.arange(len(operations), dtype=np.int32)
        needed = set(np.flatnonzero(used[numbers].any(axis=0)).tolist())
        early = _with_what_it_is_made_of(nodes.early, operations)
        every = _with_what_it_is_made_of(needed | early, operations)
        rows = {number: self.lay_out(first + number, len(first)) for number in sorted(every)}
        levels = _levels(np.array(nodes.levels, np.int32)[order])
        return _Laid(nodes, rows, early, order, levels, order)

    # Entries

    def add(self, levels: Any, entries: Ints) -> None:
        self.entries.append(entries)
        self.levels.append(np.zeros(len(entries), np.int32) + levels)

    def listed(self, places: Ints) -> int:
        """Where these places begin in the lists."""
        begin = self.n_listed
        self.lists.append(places.ravel())
        self.n_listed += places.size
        return begin

    def entry(self, name: str, n: Any, result: Any, n_entries: int) -> Ints:
        entries = np.zeros((n_entries, _N_FIELDS), np.int32)
        entries[:, _OPERATION] = self.operations[name]
        entries[:, _N] = n
        entries[:, _RESULT] = result
        return entries

    def add_products(self, levels: tuple[Ints, Ints, Ints], row: int, a: Ints, b: Ints) -> None:
        """Sums of products, side by side; the places of the factors have an axis of the terms."""
        begins, counts, which = levels
        entries = self.entry("row_products", counts, row + begins, len(begins))
        entries[:, _OPERANDS] = self.listed(a) + begins
        entries[:, _OPERANDS + 1] = self.listed(b) + begins
        entries[:, _OPERANDS + 2] = a.shape[1]
        entries[:, _TERMS] = len(a)
        self.add(which, entries)

    def add_sums(self, length: int, sums: Sums, order: Ints) -> None:
        factors = self.places[np.array(sums.factors, np.int32)]
        levels = np.array(sums.levels, np.int32)
        if length < _LONG:
            pairs = factors.reshape(-1, length, 2)[order]
            row = int(self.places[sums.results[order[0]]])
            self.add_products(_levels(levels[order]), row, pairs[:, :, 0].T, pairs[:, :, 1].T)
            return
        lengths = np.array(sums.lengths, np.int32)
        begins = np.cumsum(lengths) - lengths
        entries = self.entry("row_products", 1, self.places[sums.results], len(order))
        entries[:, _OPERANDS] = self.listed(factors[::2]) + begins
        entries[:, _OPERANDS + 1] = self.listed(factors[1::2]) + begins
        entries[:, _OPERANDS + 2] = 1
        entries[:, _TERMS] = lengths
        self.add(levels, entries)

    def add_operation(self, laid: _Laid, number: int) -> None:
        """One operation of the rules, for all nodes."""
        operation = laid.nodes.derived.operations[number]
        n, row = len(laid.order), laid.rows[number]
        begins, counts, levels = laid.levels
        if number not in laid.early:
            begins, counts, levels = (np.array([x], np.int32) for x in (0, n, PARTIALS))
        if operation.name == SUM:
            a = np.stack([self.row_of(operand, laid) for operand in operation.operands])
            ones = np.zeros(a.shape, np.int32) + self.places[0]
            self.add_products((begins, counts, levels), row, a, ones)
            return
        entries = self.entry(operation.name, counts, row + begins, len(begins))
        for position, (kind, which) in enumerate(operation.operands):
            if kind == "result":
                step, place = _NEXT_NUMBER, laid.rows[which] + begins
            elif kind == "constant":
                step, place = _SAME_NUMBER, self.constant_places[repr(which)]
            else:
                if laid.lists < 0:
                    laid.lists = self.listed(laid.operands)
                alone = counts == 1
                step = np.where(alone, _NEXT_NUMBER, _BY_LIST)
                in_lists = laid.lists + which * n + begins
                place = np.where(alone, laid.operands[which, begins], in_lists)
            entries[:, _OPERANDS + position] = place
            entries[:, _STEPS] |= step << 2 * position
        self.add(levels, entries)

    def row_of(self, operand: Operand, laid: _Laid) -> Ints:
        """The places of an operand, one for each node."""
        kind, which = operand
        n = len(laid.order)
        if kind == "operand":
            return laid.operands[which]
        if kind == "result":
            return np.arange(n, dtype=np.int32) + np.int32(laid.rows[which])
        return np.full(n, self.constant_places[repr(which)], np.int32)

    def copied(self, numbers: Sequence[int]) -> slice:
        """Where numbers lie that are copied into a row after all else."""
        n = len(numbers)
        begin = self.size
        self.size += n
        if n:
            entries = self.entry("copy", n, begin, 1)
            entries[:, _STEPS] = _BY_LIST
            entries[:, _OPERANDS] = self.listed(self.places[numbers])
            self.add(_RESULTS, entries)
        return slice(begin, self.size)


def _order(levels: list[int]) -> Ints:
    return np.argsort(np.array(levels, np.int32), kind="stable").astype(np.int32)


def _levels(ordered: Ints) -> tuple[Ints, Ints, Ints]:
    """Of levels in order: where each begins, how often it comes, which it is."""
    begins = np.flatnonzero(np.diff(ordered, prepend=-1)).astype(np.int32)
    counts = np.diff(begins, append=np.int32(len(ordered)))
    return begins, counts, ordered[begins]


def _with_what_it_is_made_of(results: set[int], operations: list[Operation]) -> set[int]:
    needed = set(results)
    for number in range(len(operations) - 1, -1, -1):
        if number in needed:
            operands = operations[number].operands
            needed.update([which for kind, which in operands if kind == "result"])
    return needed
