"""A trace as records of the library: passes over a block of some arrays, one for each operation.

So many numbers are taken at a time that everything that the passes go over stays in the cache.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._native._stand_ins import Node, Trace, UntraceableError
from tinygrad_mlp._native._structs import AXES, OPERANDS, RECORD_INTS

__all__ = ["BLOCK", "Passes", "passes_of"]

BLOCK: Final = 512
"""How many numbers of each array are taken at a time."""

_NONE: Final = (-1, 0, 0)

Place = tuple[int, int, int]
"""Where an operand lies: the number of the memory, the offset, and 1 for an array or 0."""


@dataclass(frozen=True, eq=False)
class Passes:
    """What the library runs.

    The memories are the arrays, then the coefficients, the numbers, room for ``n_rooms`` blocks,
    and one double for what is summed up.

    Attributes:
        records: for a whole block, (n_records, ``RECORD_INTS``).
        rest: the same for the last block, which is shorter.
        block: how many numbers a block has.
        numbers: the constants, and room for what is computed of single numbers.
        n_rooms: how many blocks are needed for what is computed in between.
        sums: whether something is summed up.
    """

    records: NDArray[np.int32]
    rest: NDArray[np.int32]
    block: int
    numbers: NDArray[Any]
    n_rooms: int
    sums: bool

    def same_as(self, other: Passes) -> bool:
        """Whether the library would do the same.

        >>> def doubled(length: int) -> Passes:
        ...     trace = Trace(np.dtype("float64"))
        ...     x = trace.array()
        ...     return passes_of(trace, [x.node], [], {0: (x + x).node}, length, {"add": 7})
        >>> doubled(10).same_as(doubled(10)), doubled(10).same_as(doubled(11))
        (True, False)
        """
        pairs = (
            (self.records, other.records),
            (self.rest, other.rest),
            (self.numbers, other.numbers),
        )
        return all([x.tobytes() == y.tobytes() for x, y in pairs])


def passes_of(
    trace: Trace,
    arrays: Sequence[Node],
    coefficients: Sequence[Node],
    results: Mapping[int, Node],
    length: int,
    operations: Mapping[str, int],
) -> Passes:
    """The operations of a trace that its results need.

    Args:
        trace: the trace.
        arrays: what was given, in the order of the memories.
        coefficients: the numbers that were given.
        results: what becomes of an array, by its place among them.
        length: how many numbers each array has.
        operations: the operations that the library knows, and their numbers.

    Raises:
        UntraceableError: if it needs one that the library does not have, or a result is no array.

    >>> trace = Trace(np.dtype("float64"))
    >>> x = trace.array()
    >>> passes = passes_of(trace, [x.node], [], {0: (x + x).node}, 10, {"add": 7})
    >>> passes.rest[:, :6].tolist()
    [[7, 1, 1, 1, 1, 10]]
    """
    return _Builder(trace, arrays, coefficients, results, operations).passes(length)


class _Builder:
    def __init__(
        self,
        trace: Trace,
        arrays: Sequence[Node],
        coefficients: Sequence[Node],
        results: Mapping[int, Node],
        operations: Mapping[str, int],
    ) -> None:
        self.dtype = trace.dtype
        self.operations = operations
        n = len(arrays)
        self.coefficients, self.numbers_at, self.rooms_at, self.sum_at = n, n + 1, n + 2, n + 3
        self.places: dict[Node, Place] = {node: (k, 0, 1) for k, node in enumerate(arrays)}
        self.places |= {node: (n, k, 0) for k, node in enumerate(coefficients)}
        self.numbers: list[float] = []
        self.free: list[int] = []
        self.n_rooms = 0
        self.targets: dict[Node, int] = {}
        self.copies: list[tuple[Node, int]] = []
        for k, node in results.items():
            if node is arrays[k]:
                continue
            if node.boolean or node.single:
                raise UntraceableError(
                    "it gives one number, or truth values, where an array is needed"
                )
            is_own = node.operation and node not in self.targets
            self.targets[node if is_own else trace.copied(node)] = k
        needed = _needed(trace.nodes, [*self.targets])
        fused = _fused(needed, {*self.targets, *arrays}, operations)
        self.nodes = _with_adam(fused, self.targets, arrays, coefficients, operations)
        self.last: dict[Node, int] = {}
        for index, node in enumerate(self.nodes):
            self.last |= dict.fromkeys(node.operands, index)
        for index, node in enumerate(self.nodes):
            place = self.targets.get(node)
            if place is not None and self.last.get(arrays[place], -1) > index:
                self.copies.append((node, place))
                self.last[node] = len(self.nodes)
            elif place is not None:
                self.places[node] = (place, 0, 1)

    def passes(self, length: int) -> Passes:
        rows = []
        for index, node in enumerate(self.nodes):
            operands = [self.place_of(operand) for operand in node.operands]
            self.release(node.operands, index)
            rows.append(self.record(node.operation, self.place_for(node), operands, node.single))
        for node, place in self.copies:
            rows.append(self.record("copy", (place, 0, 1), [self.places[node]], False))
        records = np.array(rows, np.int32).reshape(-1, RECORD_INTS)
        block, rest = min(BLOCK, length), records.copy()
        records[:, AXES] = np.where(records[:, AXES], block, 1)
        rest[:, AXES] = np.where(rest[:, AXES], length % block or block, 1)
        numbers = np.array(self.numbers, self.dtype)
        sums = any([node.operation == "loss" for node in self.nodes])
        return Passes(records, rest, block, numbers, self.n_rooms, sums)

    def place_of(self, node: Node) -> Place:
        if node.constant is not None:
            return self.number(node.constant)
        return self.places[node]

    def place_for(self, node: Node) -> Place:
        place = self.places.get(node)
        if node.operation == "loss":
            return self.sum_at, 0, 0
        if place is None and node.single:
            place = self.number(0.0)
        elif place is None:
            if not self.free:
                self.free.append(self.n_rooms)
                self.n_rooms += 1
            place = self.rooms_at, BLOCK * self.free.pop(), 1
        self.places[node] = place
        return place

    def release(self, operands: Sequence[Node], index: int) -> None:
        """Take back the rooms of what is read here for the last time."""
        for node in dict.fromkeys([x for x in operands if self.last[x] == index]):
            at, offset, _ = self.places.get(node, _NONE)
            if at == self.rooms_at:
                self.free.append(offset // BLOCK)

    def number(self, number: float) -> Place:
        self.numbers.append(number)
        return self.numbers_at, len(self.numbers) - 1, 0

    def record(
        self, operation: str, out: Place, operands: Sequence[Place], single: bool
    ) -> list[int]:
        if operation not in self.operations:
            raise UntraceableError(f"it computes {operation!r}, which is not in the library")
        extents = [1] * (AXES - 1) + [0 if single else 1]
        padded = [*operands, *[_NONE] * (OPERANDS - len(operands))]
        row = [self.operations[operation], *extents]
        for base, offset, stride in (out, *padded):
            row += [base, offset, *[0] * (AXES - 1), stride]
        return row


def _needed(nodes: Sequence[Node], results: Sequence[Node]) -> list[Node]:
    """What the results need, in order."""
    needed = {*results, *[node for node in nodes if node.operation == "loss"]}
    kept = []
    for node in reversed(nodes):
        if node in needed:
            needed.update(node.operands)
            kept.append(node)
    return kept[::-1]


def _fused(nodes: Sequence[Node], kept: Set[Node], operations: Container[str]) -> list[Node]:
    """Fewer passes: an operation whose result one other operation reads becomes part of that one.

    Each is rounded as before, so the results are the same, bit for bit.
    """
    n_readers = Counter([operand for node in nodes for operand in node.operands])
    inner = {
        node for node in nodes if n_readers[node] == 1 and node not in kept and not node.single
    }
    gone: set[Node] = set()
    for node in nodes:
        if node.single or node.boolean:
            continue
        for operation, operands, parts in _ways_to_fuse(node):
            if operation in operations and all([part in inner for part in parts]):
                node.operation, node.operands = operation, operands
                gone.update(parts)
                break
    return [node for node in nodes if node not in gone]


def _with_adam(
    nodes: list[Node],
    targets: dict[Node, int],
    arrays: Sequence[Node],
    coefficients: Sequence[Node],
    operations: Container[str],
) -> list[Node]:
    """Adam's five passes as one, where a rule ends in them, with averages that move in place."""
    step = nodes[-1] if nodes and "adam" in operations else Node()
    p, quotient, rate = _operands(step, "subtract_product")
    mean, square, more = _operands(quotient, "divide_by_root")
    mean_before, decay, g = _operands(mean, "multiply_add")
    square_before, decay_of_squares, of_g = _operands(square, "multiply_add")
    given = [targets.get(node, -1) for node in (step, mean, square)]
    in_place = [arrays[k] for k in given if k >= 0] == [p, mean_before, square_before]
    beside = [node for node in targets if node not in (step, mean, square)]
    n_readers = Counter([*beside, *[operand for node in nodes for operand in node.operands]])
    inner = (quotient, mean, square, mean_before, square_before)
    first = coefficients.index(decay) if decay in coefficients else 0
    in_order = [decay, decay_of_squares, rate, more] == [*coefficients[first : first + 4]]
    read_once = all([n_readers[node] == 1 for node in inner])
    if not (in_place and in_order and read_once and _is_square(of_g, g)) or g.single:
        return nodes
    gone = {quotient, mean, square, step, *([of_g] if n_readers[of_g] == 1 else [])}
    adam = Node("adam", (g, mean_before, square_before, decay))
    targets[adam] = targets.pop(step)
    del targets[mean], targets[square]
    return [*[node for node in nodes if node not in gone], adam]


def _is_square(node: Node, of: Node) -> bool:
    return node.operation == "multiply" and node.operands == (of, of)


def _operands(node: Node, operation: str) -> Sequence[Node]:
    """Its three operands, if it is that operation; else nodes that are nothing."""
    return node.operands if node.operation == operation else (Node(), Node(), Node())


def _ways_to_fuse(node: Node) -> Iterator[tuple[str, tuple[Node, ...], tuple[Node, ...]]]:
    """The operations of three operands that it may end, their operands, and what they replace."""
    if len(node.operands) != 2:
        return
    first, second = node.operands
    if node.operation == "add":
        for product, other in ((first, second), (second, first)):
            if product.operation == "multiply" and not _has_truth(product):
                yield "multiply_add", (*_array_first(product), other), (product,)
    elif node.operation == "subtract" and second.operation == "multiply":
        if not _has_truth(second) and not first.single:
            yield "subtract_product", (first, *_array_first(second)), (second,)
    elif node.operation == "divide" and second.operation == "add" and not first.single:
        for root, other in (second.operands, second.operands[::-1]):
            if root.operation == "sqrt":
                yield "divide_by_root", (first, *root.operands, other), (second, root)


def _array_first(product: Node) -> tuple[Node, Node]:
    """The factors; the first one is an array, which is what the library is fast for."""
    x, y = product.operands
    return (y, x) if x.single else (x, y)


def _has_truth(node: Node) -> bool:
    return any([operand.boolean for operand in node.operands])
