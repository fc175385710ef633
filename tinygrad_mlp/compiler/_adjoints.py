"""How gradients are added up: every contribution to every block, in as few NumPy calls as can be.

A block that is only ever used as a whole and in order has its gradient as a symbol, so that a
factor or a sign costs nothing. The others have memory, in which the first contribution to a place
is written and the next ones are added.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.compiler._instructions import Argument, Buffer, Instruction, Ref, contiguous
from tinygrad_mlp.compiler._layout import Block, Constant, Gather, Operand, Step, View, slots_of
from tinygrad_mlp.compiler._symbols import Symbol
from tinygrad_mlp.compiler._workspace import Workspace, moved_axes

__all__ = ["Gradients"]

IntArray = NDArray[np.int64]
Shape = tuple[int, ...]


class Gradients:
    """The gradient of every block, as far as contributions have come in.

    Args:
        work: where the instructions go.
        loss: the number that is differentiated.

    >>> from tinygrad_mlp import Value
    >>> from tinygrad_mlp.compiler._folding import fold
    >>> from tinygrad_mlp.compiler._layout import lay_out
    >>> from tinygrad_mlp.compiler._schedule import schedule
    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> w = Value(2.0)
    >>> recording = trace(lambda x: w * x, [()], [w])
    >>> folded = fold(recording)
    >>> plan = lay_out(schedule(folded), recording, folded, per_sample=False)
    >>> work = Workspace(plan)
    >>> gradients = Gradients(work, plan.view(plan.slot_of[folded.outputs]))
    >>> block = plan.blocks[0]
    >>> two = Symbol(work.xp, None, 2.0)
    >>> gradients.contribute(View(block, 0, (1,), (0,)), two, (1,), mapped=False)
    >>> gradients.contribute(View(block, 0, (3,), (0,)), two, (3,), mapped=False)
    >>> work.xp.instructions
    [copyto(gradients[1], c0), add(gradients, c1, out=gradients)]
    >>> [number.factor for number in work.xp.numbers]
    [2.0, 6.0]
    """

    def __init__(self, work: Workspace, loss: View) -> None:
        self._work = work
        self._xp = work.xp
        self._in_parts: set[int] = set()  # the bases of the blocks that are not used as a whole
        self._symbols: dict[int, Symbol] = {}
        self._memory: dict[int, Buffer] = {}
        self._written: dict[int, NDArray[np.bool_]] = {}
        self._use(loss)
        for step in work.plan.steps:
            self._use_operands(step)

    # Which blocks are used as a whole

    def _use_operands(self, step: Step) -> None:
        for operand in step.operands:
            is_stacked = step.op.variadic and step.left is None
            if is_stacked and not isinstance(operand, Constant):
                self._use(moved_axes(operand, 1, 0))  # as its contribution will come
            else:
                self._use(operand)
        for factor in (step.left, step.right):
            if isinstance(factor, View):
                whole = factor.mapped and _is_one_row_of_factors(factor)
                if not whole:
                    self._in_parts.add(factor.block.base)
            elif factor is not None:
                self._use(factor)

    def _use(self, operand: Operand) -> None:
        if isinstance(operand, Gather):
            parts = self._work.parts(operand.slots.ravel())
            self._in_parts.update([block.base for block, _ in parts])
        elif isinstance(operand, View):
            block = operand.block
            covers = operand.offset == 0 and prod(operand.shape) == block.size
            if not covers or operand.strides != contiguous(operand.shape):
                self._in_parts.add(block.base)

    # In

    def contribute(self, operand: Operand, symbol: Symbol, shape: Shape, mapped: bool) -> None:
        """Add ``symbol`` to the gradient of an operand.

        Args:
            operand: what it flows to; its axes are those of ``shape``.
            symbol: what flows; it broadcasts to ``shape``.
            shape: the axes.
            mapped: whether there is one such contribution from each sample.
        """
        if isinstance(operand, Constant) or not operand.needs_grad:
            return
        if isinstance(operand, Gather):
            self._contribute_to_slots(operand, symbol, shape, mapped)
            return
        symbol, view = self._summed(operand, symbol, shape, mapped)
        block = operand.block
        if block.kind == "computed" and block.base not in self._in_parts:
            self._add_symbol(block, symbol, view.shape)
        else:
            self._add_in_memory(view, symbol)

    def _summed(
        self, view: View, symbol: Symbol, shape: Shape, mapped: bool
    ) -> tuple[Symbol, View]:
        """Sum over the axes, and over the samples, along which the operand is broadcast.

        Where what flows is the same all along such an axis, it is multiplied by the length.
        """
        n_axes = len(shape)
        broadcast = [axis for axis in range(n_axes) if view.strides[axis] == 0 < shape[axis] - 1]
        kept = [axis for axis in range(n_axes) if axis not in broadcast]
        over_samples = mapped and not view.mapped
        ref = symbol.ref
        if ref is None:
            times = prod([shape[axis] for axis in broadcast])
            symbol = symbol.times(float(times), -1 if over_samples else 0)
        else:
            missing = n_axes - len(ref.shape)
            shape_, strides = (1,) * missing + ref.shape, (0,) * missing + ref.strides
            ref = Ref(ref.buffer, ref.offset, shape_, strides, ref.pad)
            same = [axis for axis in broadcast if ref.shape[axis] == 1]
            times = prod([shape[axis] for axis in same])
            scale = -1 if over_samples and not ref.mapped else 0
            remaining = [axis for axis in range(n_axes) if axis not in same]
            symbol = symbol.seen_as(ref.axes(*remaining)).times(float(times), scale)
            axes = [remaining.index(axis) for axis in broadcast if axis not in same]
            if over_samples and ref.mapped:
                axes.append(len(remaining))
            if axes:
                symbol = self._xp.reduce("add", symbol, tuple(axes))
            assert symbol.ref is not None
            symbol = symbol.seen_as(symbol.ref.padded(view.mapped))
        return symbol, View(
            view.block,
            view.offset,
            tuple([shape[axis] for axis in kept]),
            tuple([view.strides[axis] for axis in kept]),
        )

    # As a symbol

    def _add_symbol(self, block: Block, symbol: Symbol, shape: Shape) -> None:
        ref = symbol.ref
        if ref is not None and not ref.is_single and ref.shape != shape:  # broadcast in part
            ref = self._work.materialized(symbol, shape, symbol.mapped)
            symbol = Symbol(self._xp, ref.padded(block.mapped))
        before = self._symbols.get(block.base)
        if before is not None:
            symbol = self._in_axes(before, shape) + self._in_axes(symbol, shape)
        self._symbols[block.base] = symbol

    def _in_axes(self, symbol: Symbol, shape: Shape) -> Symbol:
        """The gradient of a whole block in other axes."""
        ref = symbol.ref
        if ref is None or ref.shape == shape:
            return symbol
        if ref.is_single:
            ones = (1,) * len(shape)
            return symbol.seen_as(Ref(ref.buffer, ref.offset, ones, contiguous(ones), ref.pad))
        if not ref.in_order:
            pad = ref.pad
            ref = self._work.materialized(symbol, ref.shape, symbol.mapped).padded(pad)
            return Symbol(self._xp, ref.reshaped(shape))
        return symbol.seen_as(ref.reshaped(shape))

    # In memory

    def _add_in_memory(self, view: View, symbol: Symbol) -> None:
        block = view.block
        places = slots_of(view) - block.base
        if np.bincount(places.ravel()).max() > 1:  # windows that overlap
            gather = Gather(places + block.base, block.mapped, needs_grad=True)
            self._contribute_to_slots(gather, symbol, view.shape, mapped=False)
            return
        target = Ref(self._target(block), view.offset, view.shape, view.strides)
        if self._is_first(block, places):
            self._work.store(symbol, target)
        else:
            arg = self._xp.argument(symbol)
            self._xp.instructions.append(Instruction("ufunc", "add", [target, arg], target))

    def _contribute_to_slots(
        self, operand: Gather, symbol: Symbol, shape: Shape, mapped: bool
    ) -> None:
        """Add to slots in no order: sum what flows to the same slot, then add it there."""
        slots = np.broadcast_to(operand.slots, shape).ravel()
        arrays: dict[bool, Ref] = {}
        for block, positions in self._work.parts(slots):
            if not block.needs_grad:
                continue
            from_all = mapped and not block.mapped and not symbol.mapped
            if from_all not in arrays:
                flowing = symbol.times(1.0, -1) if from_all else symbol
                arrays[from_all] = self._work.materialized(flowing, shape, symbol.mapped)
            self._scatter(block, slots[positions] - block.base, positions, arrays[from_all])

    def _scatter(self, block: Block, places: IntArray, positions: IntArray, g: Ref) -> None:
        order = np.argsort(places, kind="stable")
        distinct, starts = np.unique(places[order], return_index=True)
        table = self._work.table
        whole = Ref(self._target(block), 0, (block.size,), contiguous((block.size,)))
        function = "assign" if self._is_first(block, distinct) else "add"
        sums = table(starts) if len(starts) < len(places) else None
        source = g.reshaped((prod(g.shape),)).padded(block.mapped)
        args: list[Argument] = [source, table(positions[order]), sums, table(distinct)]
        self._xp.instructions.append(Instruction("scatter", function, args, whole))

    def _target(self, block: Block) -> Buffer:
        """The memory of a block's gradient."""
        buffer = self._memory.get(block.base)
        if buffer is None:
            is_parameters = block.kind == "parameters"
            buffer = Buffer(block.size, block.mapped, f"g_{block.name}")
            buffer = self._memory[block.base] = self._work.gradients if is_parameters else buffer
            self._written[block.base] = np.zeros(block.size, dtype=bool)
        return buffer

    def _is_first(self, block: Block, places: IntArray) -> bool:
        """Whether nothing has flowed to any of these places; if to some, the others are cleared."""
        written = self._written[block.base]
        here = written[places]
        if here.any() and not here.all():
            self._clear(block, np.unique(places[~here]))
        written[places] = True
        return not here.any()

    def _clear(self, block: Block, places: IntArray) -> None:
        buffer = self._memory[block.base]
        zero = self._xp.number(0.0)
        for run in np.split(places, np.flatnonzero(np.diff(places) != 1) + 1):
            target = Ref(buffer, int(run[0]), (len(run),), contiguous((len(run),)))
            self._xp.instructions.append(Instruction("fill", "copyto", [zero], target))

    # Out

    def take(self, step: Step) -> Symbol:
        """All that flowed to the results of a step, in its axes."""
        block = step.out
        symbol = self._symbols.pop(block.base, None)
        if symbol is not None:
            return self._in_axes(symbol, step.shape)
        self.finish(block)
        buffer = self._memory[block.base]
        return Symbol(self._xp, Ref(buffer, 0, step.shape, contiguous(step.shape)))

    def finish(self, block: Block) -> None:
        """Clear the places of a block to which nothing flowed.

        Frozen ones are 0 all the time, but for those that lie among others in one product.
        """
        self._target(block)
        written = self._written[block.base]
        missing = np.flatnonzero(~written if block.frozen is None else written == block.frozen)
        if missing.size:
            self._clear(block, missing)


def _is_one_row_of_factors(view: View) -> bool:
    """Whether what flows back to a factor has the slots in the order of the block.

    The ones behind a block, to which nothing flows, may be among them.
    """
    stacked, columns, length = view.shape
    in_order = length == 1 or view.strides[2] == 1
    return view.offset == 0 and stacked == columns == 1 and length >= view.block.size and in_order
