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

from tinygrad_mlp._native._structs import ENTRY_FIELDS
from tinygrad_mlp.compiler._backends.tape_rules import SUM, Derived, Operand, Operation

__all__ = ["LONG", "PARTIALS", "Assembled", "Ints", "Nodes", "Parts", "Sums", "assemble"]

Ints = NDArray[np.integer[Any]]
"""Whole numbers, most of them of 32 bits."""

PARTIALS: Final = 1 << 28
"""The level of the local derivatives: above all values, below all derivatives of the loss. What has
a level can be computed when all of the lower levels is."""

_RESULTS: Final = 1 << 30  # the level of what is copied for the end

LONG: Final = 9
"""Sums of fewer products are computed side by side with those of the same length."""

# The fields of `entry`, and what the two bits of an operand in `steps` say

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
        operands: the numbers of the operands, a row for each node.
        early: the results that others need with the values, and the value itself.
        n_results: how many results each has.
        value: which of them is the value; -1 if that is an operand or a constant.
        partials: where the local derivatives are.
    """

    derived: Derived
    n_operands: int
    first: Ints = field(init=False)
    levels: Ints = field(init=False)
    operands: Ints = field(init=False)
    early: set[int] = field(default_factory=set)
    n_results: int = field(init=False)
    value: int = field(init=False, default=-1)
    partials: list[Operand] = field(init=False)

    def __post_init__(self) -> None:
        self.n_results = len(self.derived.operations)
        self.partials = self.derived.partials
        kind, which = self.derived.value
        if kind == "result":
            self.value = which
            self.early.add(which)


@dataclass(slots=True)
class Sums:
    """Sums of products.

    Attributes:
        results: their numbers.
        levels: their levels.
        lengths: how many products each has.
        factors: the numbers of the factors, pair after pair, sum after sum.
    """

    results: Ints
    levels: Ints
    lengths: Ints
    factors: Ints

    @staticmethod
    def joined(sums: Sequence[Sums]) -> Sums:
        """All of them, in their order.

        >>> one, two = np.array([1]), np.array([2])
        >>> Sums.joined([Sums(one, one, one, one), Sums(two, two, two, two)]).results.tolist()
        [1, 2]
        """
        fields = zip(*[(each.results, each.levels, each.lengths, each.factors) for each in sums])
        return Sums(*map(np.concatenate, fields))


@dataclass(slots=True)
class Parts:
    """What a walk found.

    Attributes:
        count: how many numbers there are: leaves, constants, results.
        leaves: the numbers of the leaves, in the order in which they are read.
        constants: what the constant ones are; number 0 is 1.0.
        nodes: by their op.
        sums: all of them.
        results: the numbers that are given back, by what they are.
    """

    count: int
    leaves: Ints
    constants: dict[int, float]
    nodes: list[Nodes]
    sums: Sums
    results: dict[str, Ints]


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

    >>> one = np.array([1])
    >>> square = Sums(results=one, levels=one, lengths=one, factors=np.array([0, 0]))
    >>> leaf = np.array([0])
    >>> parts = Parts(2, leaf, constants={}, nodes=[], sums=square, results={"results": one})
    >>> assembled = assemble(parts, {"row_products": 7, "copy": 3})
    >>> assembled.n_entries, assembled.size, assembled.results
    (2, 3, {'results': slice(2, 3, None)})
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
        self.sum_levels, self.sum_lengths = parts.sums.levels, parts.sums.lengths

    def run(self) -> Assembled:
        parts, places = self.parts, self.places
        self.lay_out([*parts.constants], len(parts.constants))
        self.lay_out(parts.leaves, len(parts.leaves))
        self.constant_places = {repr(x): place for place, x in enumerate(parts.constants.values())}
        results, factors = parts.sums.results, parts.sums.factors
        sums = self.laid_sums(results)
        operands = [nodes.operands for nodes in parts.nodes]
        used = self.used([factors, *operands, *parts.results.values()])
        nodes = [self.laid_nodes(each, used) for each in parts.nodes]
        for length, which in sums.items():
            self.add_sums(length, which, places[results[which]], places[factors])
        for laid, each in zip(nodes, operands):
            laid.operands = places[each[laid.order].T]
            for number in sorted(laid.rows):
                self.add_operation(laid, number)
        given_back = {name: self.copied(numbers) for name, numbers in parts.results.items()}
        order = np.argsort(np.concatenate(self.levels), kind="stable")
        entries = np.concatenate(self.entries)[order]
        code = np.concatenate([entries.ravel(), *self.lists])
        return Assembled(code, len(entries), self.size, [*parts.constants.values()], given_back)

    # Places

    def lay_out(self, numbers: Any, n: int) -> int:
        """Put numbers into a row of places; where it begins."""
        begin = self.size
        self.size += n
        if n:
            self.places[numbers] = np.arange(begin, self.size, dtype=np.int32)
        return begin

    def used(self, numbers: list[Ints]) -> NDArray[np.bool_]:
        """By number, whether anything but the rules that it comes from needs it."""
        used = np.zeros(self.parts.count, np.bool_)
        for each in numbers:
            used[each] = True
        return used

    def laid_sums(self, results: Ints) -> dict[int, Ints]:
        """Which sums have a length, in the order of their levels; all long ones together."""
        levels, lengths = self.sum_levels, np.minimum(self.sum_lengths, LONG)
        found: dict[int, Ints] = {}
        for length in np.flatnonzero(np.bincount(lengths, minlength=1)).tolist():
            which = np.flatnonzero(lengths == length)
            found[length] = which[np.argsort(levels[which], kind="stable")]
            self.lay_out(results[found[length]], len(which))
        return found

    def laid_nodes(self, nodes: Nodes, used: NDArray[np.bool_]) -> _Laid:
        operations = nodes.derived.operations
        levels = nodes.levels
        order = np.argsort(levels, kind="stable")
        first = nodes.first[order]
        numbers = first[:, None] + np.arange(len(operations), dtype=np.int32)
        needed = set(np.flatnonzero(used[numbers].any(axis=0)).tolist())
        early = _with_what_it_is_made_of(nodes.early, operations)
        every = _with_what_it_is_made_of(needed | early, operations)
        rows = {number: self.lay_out(first + number, len(first)) for number in sorted(every)}
        return _Laid(nodes, rows, early, order, _levels(levels[order]), order)

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
        entries = np.zeros((n_entries, ENTRY_FIELDS), np.int32)
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

    def add_sums(self, length: int, which: Ints, row: Ints, factors: Ints) -> None:
        """Those of one length side by side; the long ones each by itself.

        Args:
            length: their length; ``LONG`` is anything from there on.
            which: which sums.
            row: the places of their results.
            factors: the places of the factors of all sums.
        """
        levels, lengths = self.sum_levels[which], self.sum_lengths
        begins = (np.cumsum(lengths) - lengths)[which]
        if length < LONG:
            pairs = begins + np.arange(length)[:, None]
            a, b = factors[2 * pairs], factors[2 * pairs + 1]
            self.add_products(_levels(levels), int(row[0]), a, b)
            return
        lengths = lengths[which]
        places = np.cumsum(lengths) - lengths  # in the lists of the long ones alone
        pairs = np.repeat(begins - places, lengths) + np.arange(lengths.sum())
        entries = self.entry("row_products", 1, row, len(which))
        entries[:, _OPERANDS] = self.listed(factors[2 * pairs]) + places
        entries[:, _OPERANDS + 1] = self.listed(factors[2 * pairs + 1]) + places
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
            a = self.rows_of(operation.operands, laid)
            ones = np.zeros(a.shape, np.int32) + self.places[0]
            self.add_products((begins, counts, levels), row, a, ones)
            return
        entries = self.entry(operation.name, counts, row + begins, len(begins))
        for position, (kind, which) in enumerate(operation.operands):
            if kind == "result":
                step: Any = _NEXT_NUMBER
                place: Any = laid.rows[which] + begins
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

    def rows_of(self, operands: Sequence[Operand], laid: _Laid) -> Ints:
        """The places of operands, a row for each, with one for each node."""
        n = len(laid.order)
        rows = np.zeros((len(operands), n), np.int32)
        given = [place for place, (kind, _) in enumerate(operands) if kind == "operand"]
        rows[given] = laid.operands[[operands[place][1] for place in given]]
        for row, (kind, which) in zip(rows, operands):
            if kind == "result":
                row[:] = np.arange(laid.rows[which], laid.rows[which] + n)
            elif kind == "constant":
                row[:] = self.constant_places[repr(which)]
        return rows

    def copied(self, numbers: Ints) -> slice:
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
