"""The instructions of a program as the records that the C library runs, for one batch size.

A record has an operation, the lengths of five loops inside each other, and for every operand where
it begins and how far it moves in each loop. So each instruction is brought into that form here:
axes that lie behind each other become one, an axis that an operand lacks is a stride of 0, and what
still has too many axes becomes several records. ``_native/c/records.h`` has the same from the
other side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._native._structs import AXES, OPERANDS, RECORD_INTS
from tinygrad_mlp.compiler._backends.memory import SharedMemory
from tinygrad_mlp.compiler._backends.native_axes import (
    Axes,
    Loop,
    merged_terms,
    rounds,
    with_rows_innermost,
)
from tinygrad_mlp.compiler._backends.native_fusion import fused
from tinygrad_mlp.compiler._backends.native_memory import (
    ARENA,
    FIRST_ARGUMENT,
    KEPT,
    LOSS,
    NOWHERE,
    RESULTS,
    TABLES,
    NativeMemory,
    Operand,
    Place,
)
from tinygrad_mlp.compiler._instructions import Argument, Buffer, Instruction, Ref, Table
from tinygrad_mlp.compiler._lowered import Arrays, Lowered
from tinygrad_mlp.errors import BackendError

__all__ = ["Records", "records_of", "unknown_function"]

_MOST: Final = 2**31 - 1

_NARROW: Final = 4
"""So many numbers of a sample fill no vector: a product reads each of them for all samples."""


@dataclass(slots=True)
class Records:
    """A program for one batch size, as numbers.

    Attributes:
        records: a row of int32 for each record.
        n_copies: how many of them, the first ones, only copy arguments to where they are wanted.
        arena: what the memory of the program holds before the first call.
        tables: the index arrays behind each other.
        arguments: for each argument where the records behind the copies read it.
        widths: how many numbers a sample of each argument has; for unmapped ones, how many it has.
        outer: where the leaves lie that are read at each call; those that are kept, by records.
        random: where the random leaves lie.
        assigned: where the numbers lie that are assigned to leaves afterwards.
        n_results: how many numbers are returned, of a sample if mapped; -1 for none.
    """

    records: NDArray[np.int32]
    n_copies: int
    arena: NDArray[Any]
    tables: NDArray[np.int32]
    arguments: list[Place]
    widths: list[int]
    outer: slice
    random: slice
    assigned: slice
    n_results: int


def unknown_function(arrays: Arrays, operations: Mapping[str, int]) -> str:
    """The name of a function that the library lacks; empty if it has all that are called.

    >>> unknown_function(Arrays([], [], [], None, None, None, []), {})
    ''
    """
    for instruction in arrays.instructions:
        if instruction.kind in ("ufunc", "call") and instruction.function not in operations:
            return instruction.function
    return ""


def records_of(
    lowered: Lowered, batch_size: int, dtype: np.dtype[Any], operations: Mapping[str, int]
) -> Records:
    """The records of a program.

    Args:
        lowered: the program.
        batch_size: the number of samples, if it is mapped over them.
        dtype: of its memory.
        operations: the number of each operation of the library.

    Raises:
        BackendError: if its memory has more than 2^31 numbers.

    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> from tinygrad_mlp.compiler._translation import translate
    >>> made = translate(trace(lambda x: 3.0 * x, [()], []), per_sample=True, reduction=None)
    >>> records = records_of(made.lowered, 2, np.dtype("float64"), {"copy": 0, "multiply": 30})
    >>> records.records[:, :6].tolist()  # the argument, the product, the result
    [[0, 1, 1, 1, 1, 2], [30, 1, 1, 1, 1, 2], [0, 1, 1, 1, 1, 2]]
    """
    assert lowered.arrays is not None
    return _Maker(lowered, lowered.arrays, batch_size, dtype, operations).made()


class _Maker:
    def __init__(
        self,
        lowered: Lowered,
        arrays: Arrays,
        batch_size: int,
        dtype: np.dtype[Any],
        operations: Mapping[str, int],
    ) -> None:
        self.lowered, self.arrays = lowered, arrays
        self.memory = NativeMemory(lowered, batch_size, dtype)
        self.B, self.operations = batch_size, operations
        self.per_sample = lowered.per_sample
        self.records: list[int] = []

    def made(self) -> Records:
        """All records, in order."""
        arrays, leaves = self.arrays, self.arrays.leaves
        arguments, widths = self.take_arguments()
        n_copies = len(self.records) // RECORD_INTS
        outer, random = self.memory.region(leaves.outer), self.memory.region(leaves.random)
        for place, leaf in enumerate(self.lowered.outer, outer.start):
            if leaf in self.lowered.kept and outer.stop:
                kept = self.lowered.kept[leaf]
                self.record("copy", [], [[], []], [ARENA, KEPT], [place, kept])
        instructions = fused(arrays.instructions, self.read_afterwards(), self.operations)
        plan = SharedMemory(instructions)
        for index, instruction in enumerate(instructions):
            for buffer in plan.starting_at(index):
                if instruction.kind not in ("loss", "auxiliary"):
                    self.memory.give_memory(buffer, plan)
            self.add(instruction)
        assigned = self.assign()
        n_results = -1
        if self.lowered.reduction is None:
            n_results = self.copy_out(arrays.outputs)
        elif arrays.auxiliary is not None:
            n_results = prod(arrays.auxiliary.shape)
        self.check_size()
        return Records(
            np.array(self.records, dtype=np.int32).reshape(-1, RECORD_INTS),
            n_copies,
            self.memory.arena(),
            self.memory.tables(),
            arguments,
            widths,
            outer,
            random,
            assigned,
            n_results,
        )

    def read_afterwards(self) -> set[Buffer]:
        """The buffers that are read behind the last instruction."""
        arrays = self.arrays
        refs = [arrays.outputs, *[ref for _, ref in arrays.effects]]
        if arrays.auxiliary is not None:
            refs.append(arrays.auxiliary)
        return {ref.buffer for ref in refs}

    def check_size(self) -> None:
        """Raise where an offset would not fit into a record."""
        largest = max([*map(abs, self.records), self.memory.size])
        if largest > _MOST:
            raise BackendError(
                f"a call with {self.B} samples needs more than 2^31 numbers of memory; call the "
                "program with fewer samples at a time, or compile with backend='numpy'"
            )

    # Arguments

    def take_arguments(self) -> tuple[list[Place], list[int]]:
        """Read an argument where it is given if only products read it, else copy it to own rows."""
        places, widths = [], []
        for number, buffer in enumerate(self.arrays.leaves.arguments):
            given = FIRST_ARGUMENT + number
            width = buffer.size if self.per_sample else prod(self.lowered.argument_shapes[number])
            sample = width if buffer.mapped else 0
            kinds = {
                instruction.kind
                for instruction in self.arrays.instructions
                if any([ref.buffer is buffer for ref in instruction.refs()])
            }
            is_result = self.arrays.outputs.buffer is buffer
            if not buffer.ones and (kinds <= {"matmul"} or self.B == 1 or not buffer.mapped):
                place = self.memory.places[buffer] = Place(given, 0, 1, sample)
            elif kinds <= {"matmul"} and not is_result and buffer.size + buffer.ones > _NARROW:
                place = self.memory.with_ones(buffer)
            else:
                place = self.memory.own_memory(buffer)
            if place.memory != given and (kinds or is_result):
                axes = [buffer.size, self.B] if buffer.mapped else [buffer.size]
                steps = [[place.slot, place.sample], [1, sample]]
                self.emit("copy", Axes(axes, steps), [place.memory, given], [place.offset, 0])
            places.append(place)
            widths.append(width)
        return places, widths

    # Records

    def emit(
        self, operation: str, axes: Axes, memories: Sequence[int], offsets: Sequence[int]
    ) -> None:
        """One record, or several for more loops than one has; the first operand is the result."""
        axes = axes.merged()
        surplus = len(axes.lengths) - AXES
        for shift in rounds(axes, surplus):
            self.record(
                operation,
                axes.lengths[max(surplus, 0) :],
                [s[max(surplus, 0) :] for s in axes.steps],
                memories,
                [offset + moved for offset, moved in zip(offsets, shift)],
            )

    def record(
        self,
        operation: str,
        lengths: Sequence[int],
        steps: Sequence[Sequence[int]],
        memories: Sequence[int],
        offsets: Sequence[int],
    ) -> None:
        """One record whose loops are the innermost ones."""
        missing = AXES - len(lengths)
        row = [self.operations[operation], *[1] * missing, *lengths]
        for memory, offset, moving in zip(memories, offsets, steps):
            row += [memory, offset, *[0] * missing, *moving]
        row += NOWHERE * (1 + OPERANDS - len(memories))
        self.records += row

    def elementwise(self, operation: str, out: Ref, args: Sequence[Argument]) -> None:
        """Whatever is done number by number."""
        result = self.memory.operand(out)
        operands = [result, *[self.memory.operand(arg) for arg in args]]
        n_axes = len(result.lengths)
        steps = []
        for operand in operands:
            missing = n_axes - len(operand.lengths)
            moving = [
                0 if length == 1 else step for length, step in zip(operand.lengths, operand.steps)
            ]
            if missing < 0:  # axes of length 1 before those of the result
                steps.append(moving[-n_axes:] if n_axes else [])
            else:
                steps.append([0] * missing + moving)
        axes = with_rows_innermost(Axes(list(result.lengths), steps).merged())
        self.emit(operation, axes, [o.memory for o in operands], [o.offset for o in operands])

    def add(self, instruction: Instruction) -> None:
        """The records of one instruction."""
        kind, args, out = instruction.kind, instruction.args, instruction.out
        if kind in ("ufunc", "call"):
            self.elementwise(instruction.function, out, args)
        elif kind in ("copy", "fill"):
            self.elementwise("copy", out, args)
        elif kind == "select":
            self.elementwise("where", out, args)
        elif kind == "reduce":
            self.reduce(instruction)
        elif kind == "matmul":
            self.matmul(instruction)
        elif kind == "contract":
            self.contract(instruction)
        elif kind == "gather":
            self.gather(instruction)
        elif kind == "scatter":
            self.scatter(instruction)
        elif kind == "loss":
            self.loss(instruction)
        else:
            assert kind == "auxiliary"
            (results,) = args
            assert isinstance(results, Ref)
            self.copy_out(results)

    def reduce(self, instruction: Instruction) -> None:
        """The axes that stay, then those over which it goes."""
        (arg,) = instruction.args
        source, result = self.memory.operand(arg), self.memory.operand(instruction.out)
        reduced = set(instruction.axes)
        kept_axes = [axis for axis in range(len(source.lengths)) if axis not in reduced]
        over_axes = [axis for axis in range(len(source.lengths)) if axis in reduced]
        kept = Axes(
            [source.lengths[axis] for axis in kept_axes],
            [list(result.steps), [source.steps[axis] for axis in kept_axes]],
        ).merged()
        over = Axes(
            [source.lengths[axis] for axis in over_axes],
            [[0] * len(over_axes), [source.steps[axis] for axis in over_axes]],
        ).merged()
        operation = "sum" if instruction.function == "add" else "largest"
        surplus = len(kept.lengths) + len(over.lengths) - AXES
        for shift in rounds(kept, surplus):
            rest = slice(max(surplus, 0), None)
            lengths = [*kept.lengths[rest], *over.lengths]
            steps = [[*k[rest], *o] for k, o in zip(kept.steps, over.steps)]
            self.record(
                operation,
                lengths,
                steps,
                [result.memory, source.memory],
                [result.offset + shift[0], source.offset + shift[1]],
            )

    def matmul(self, instruction: Instruction) -> None:
        """Matrices, or stacks of them."""
        a, b = [self.memory.operand(arg) for arg in instruction.args]
        out = self.memory.operand(instruction.out)
        (M, K), N = a.lengths[-2:], b.lengths[-1]
        stacks = [
            [0] * (len(out.lengths) - len(o.lengths))
            + [0 if n == 1 else s for n, s in zip(o.lengths[:-2], o.steps[:-2])]
            for o in (out, a, b)
        ]
        stacked = Axes(list(out.lengths[:-2]), stacks).merged()
        loops = [
            (M, (out.steps[-2], a.steps[-2], 0)),
            (N, (out.steps[-1], 0, b.steps[-1])),
            (K, (0, a.steps[-1], b.steps[-2])),
        ]
        self.products("product", stacked, loops, (out, a, b))

    def products(
        self,
        operation: str,
        stacked: Axes,
        loops: Sequence[Loop],
        operands: tuple[Operand, Operand, Operand],
    ) -> None:
        """Records with one stack axis, rows, columns, terms, and one axis more or none."""
        if all([length == 1 for length, _ in loops[2:4]]) and operation == "product":
            self.outer_product(stacked, loops[:2], operands)
            return
        loops = [*loops, (1, (0, 0, 0))][:4]
        surplus = len(stacked.lengths) - 1
        for shift in rounds(stacked, surplus):
            length = stacked.lengths[-1] if stacked.lengths else 1
            moving = [s[-1] if s else 0 for s in stacked.steps]
            self.record(
                operation,
                [length, *[n for n, _ in loops]],
                [[moving[i], *[steps[i] for _, steps in loops]] for i in range(3)],
                [o.memory for o in operands],
                [o.offset + moved for o, moved in zip(operands, shift)],
            )

    def outer_product(
        self,
        stacked: Axes,
        loops: Sequence[Loop],
        operands: tuple[Operand, Operand, Operand],
    ) -> None:
        """Sums of one product each."""
        lengths = [*stacked.lengths, *[n for n, _ in loops]]
        steps = [[*stacked.steps[i], *[steps[i] for _, steps in loops]] for i in range(3)]
        axes = with_rows_innermost(Axes(lengths, steps).merged())
        self.emit("multiply", axes, [o.memory for o in operands], [o.offset for o in operands])

    def contract(self, instruction: Instruction) -> None:
        """The letters in which all three, two or one of the arrays move."""
        a, b = [self.memory.operand(arg) for arg in instruction.args]
        out = self.memory.operand(instruction.out)
        of_a, of_b, of_out = [
            dict(zip(labels, zip(o.lengths, o.steps)))
            for labels, o in zip(instruction.labels, (a, b, out))
        ]
        loops = {}
        for letter in dict.fromkeys([*of_out, *of_a, *of_b]):
            length = max([o[letter][0] for o in (of_a, of_b, of_out) if letter in o])
            steps = [o[letter][1] if letter in o else 0 for o in (of_out, of_a, of_b)]
            loops[letter] = (length, (steps[0], steps[1], steps[2]))
        rows = [x for x in loops if x in of_out and x in of_a and x not in of_b]
        columns = [x for x in loops if x in of_out and x in of_b and x not in of_a]
        terms = [x for x in loops if x not in of_out]
        stacks = [x for x in loops if x in of_out and x in of_a and x in of_b]
        once = (1, (0, 0, 0))
        operation, last = "product", once
        if "b" in stacks and self.B > 1:
            operation, last = "row_products", loops["b"]
            stacks.remove("b")
        elif len(terms) > 1:
            over = merged_terms([loops[x] for x in terms])
            assert len(over) <= 2
            if len(over) == 2:
                last = over[1]
            terms, loops["k"] = ["k"], over[0]
        chosen = []
        for letters in (rows, columns, terms):
            letters.sort(key=lambda x: loops[x][0])
            chosen.append(loops[letters.pop()] if letters else once)
            stacks += letters
        stacked = Axes(
            [loops[x][0] for x in stacks], [[loops[x][1][i] for x in stacks] for i in range(3)]
        ).merged()
        self.products(operation, stacked, [*chosen, last], (out, a, b))

    def gather(self, instruction: Instruction) -> None:
        """Slots in any order to slots in order, or the other way round."""
        source, table, where = instruction.args
        assert isinstance(source, Ref)
        out = instruction.out.buffer
        into, of = self.memory.own_memory(out), self.memory.own_memory(source.buffer)
        assert isinstance(table, Table)
        lengths = [1, 1, 1, len(table.indices), self.B if out.mapped else 1]
        self.records += [self.operations["gather"], *lengths]
        self.records += [into.memory, into.offset, 0, 0, 0, into.slot, into.sample]
        self.records += [of.memory, of.offset, 0, 0, 0, of.slot, of.sample]
        self.records += [*self.memory.table(table), *self.memory.table(where), *NOWHERE]

    def scatter(self, instruction: Instruction) -> None:
        """Sums of slots to slots in any order."""
        source, order, starts, places = instruction.args
        assert isinstance(source, Ref) and isinstance(order, Table) and isinstance(places, Table)
        of = self.memory.operand(source)
        into = self.memory.own_memory(instruction.out.buffer)
        n = len(order.indices)
        ends = np.arange(1, n + 1)
        if isinstance(starts, Table):
            ends = np.append(starts.indices[1:], n)
        at = self.memory.indices((starts, places, n), ends, places.indices)
        adds = int(instruction.function == "add")
        from_all = int(source.mapped and not instruction.out.mapped)
        samples = self.B if source.mapped or instruction.out.mapped else 1
        sample_step = of.steps[-1] if source.mapped else 0
        lengths = [1, from_all, adds, len(places.indices), samples]
        self.records += [self.operations["scatter"], *lengths]
        self.records += [into.memory, into.offset, 0, 0, 0, into.slot, into.sample]
        self.records += [of.memory, of.offset, 0, 0, 0, of.steps[0], sample_step]
        self.records += [*self.memory.table(order), TABLES, at, 0, 0, 0, 0, 0, *NOWHERE]

    def loss(self, instruction: Instruction) -> None:
        """Sums of products, each times a number, added up in a double."""
        function, args = instruction.function, instruction.args
        factor = float(self.B) ** -instruction.scale if instruction.scale else 1.0
        one = self.memory.number(1.0)
        if function in ("element", "sum"):
            self.loss_term("loss", factor, self.memory.operand(args[0]), one)
        elif function == "inner":
            self.loss_term(
                "loss", factor, self.memory.operand(args[0]), self.memory.operand(args[1])
            )
        else:
            first, a, b = [self.memory.operand(arg) for arg in args]
            operation = "loss" if function == "sum_less_inner" else "weighted"
            self.loss_term("loss", factor, first, one)
            self.loss_term(operation, -factor, a, b)

    def loss_term(self, operation: str, factor: float, a: Operand, b: Operand) -> None:
        lengths = [n for n in a.lengths if n != 1]
        still = [0] * len(lengths)
        steps = [[step for n, step in zip(o.lengths, o.steps) if n != 1] for o in (a, b)]
        scale = self.memory.number(factor)
        self.emit(
            operation,
            Axes(lengths, [still, still, steps[0], steps[1] or still]),
            [LOSS, scale.memory, a.memory, b.memory],
            [0, scale.offset, a.offset, b.offset],
        )

    def copy_out(self, results: Ref) -> int:
        """To the memory of results, the samples first; how many numbers, of each sample."""
        source = self.memory.operand(results)
        n = prod(results.shape)
        lengths = [*results.shape]
        from_steps = list(source.steps[: len(lengths)])
        to_steps = [prod(lengths[axis + 1 :]) for axis in range(len(lengths))]
        if self.per_sample:
            lengths.append(self.B)
            from_steps.append(source.steps[-1] if results.mapped else 0)
            to_steps.append(n)
        self.emit(
            "copy",
            Axes(lengths, [to_steps, from_steps]),
            [RESULTS, source.memory],
            [0, source.offset],
        )
        return n

    def assign(self) -> slice:
        """Copy what is assigned to leaves aside, and from there to those that the program keeps."""
        effects = self.arrays.effects
        if not effects:
            return slice(0, 0)
        start = self.memory.allocate(len(effects))
        for place, (_, ref) in enumerate(effects, start):
            source = self.memory.operand(ref)
            self.record("copy", [], [[], []], [ARENA, source.memory], [place, source.offset])
        kept = self.lowered.kept
        for place, (leaf, _) in enumerate(effects, start):
            if leaf in kept:
                self.record("copy", [], [[], []], [KEPT, ARENA], [kept[leaf], place])
        return slice(start, start + len(effects))
