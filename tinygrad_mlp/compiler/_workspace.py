"""What every lowering stands on: the buffers of the blocks, and reading and writing operands.

An operand of the plan becomes a view of a buffer, or, where its slots lie in no order, a temporary
that they are copied into.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.compiler._instructions import Buffer, Instruction, Kind, Ref, Table, contiguous
from tinygrad_mlp.compiler._layout import Block, Constant, Gather, Operand, Plan, Step, View
from tinygrad_mlp.compiler._symbols import Emitter, Symbol

__all__ = ["Workspace", "moved_axes"]

IntArray = NDArray[np.int64]


class Workspace:
    """The instructions so far and the memory that they work on.

    Attributes:
        plan: what is lowered.
        xp: collects the instructions.
        tables: the index arrays of gathers and scatters.
        leaves: the buffers of parameters, constants, inputs ... by name.
        gradients: the parameters' derivatives.

    >>> from tinygrad_mlp import Value
    >>> from tinygrad_mlp.compiler._folding import fold
    >>> from tinygrad_mlp.compiler._layout import lay_out
    >>> from tinygrad_mlp.compiler._schedule import schedule
    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> recording = trace(lambda x: [a.exp() for a in x], [(3,)], [])
    >>> folded = fold(recording)
    >>> plan = lay_out(schedule(folded), recording, folded, per_sample=False)
    >>> work = Workspace(plan)
    >>> work.read(plan.steps[0].operands[0]).ref.buffer
    Buffer(x0: 3)
    >>> slots = plan.slot_of[[2, 0, 1]]
    >>> work.ref(plan.operand(slots)).buffer, work.xp.instructions[-1].function, work.tables
    (Buffer(temporary: 3), 'take', [at0])
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.xp = Emitter()
        self.tables: list[Table] = []
        self.leaves: dict[str, Buffer] = {}
        self._buffers: dict[int, Buffer] = {}  # by the base of the block
        self._bases = np.array([block.base for block in plan.blocks])
        self._gathered: dict[int, tuple[Gather, Ref]] = {}  # by the identity of the first
        for block in plan.blocks:
            is_leaf = block.kind != "computed"
            buffer = Buffer(block.size, block.mapped, block.name, block.ones)
            buffer.pinned = is_leaf or block.ones > 0
            buffer.external = block.kind == "parameters"
            self._buffers[block.base] = buffer
            if is_leaf:
                self.leaves[block.name] = buffer
        n_parameters = plan.blocks[0].size
        self.gradients = Buffer(n_parameters, False, "gradients", pinned=True, external=True)

    def buffer(self, block: Block) -> Buffer:
        """The memory of a block."""
        return self._buffers[block.base]

    def results(self, step: Step) -> Ref:
        """Where a step's results are, in its axes."""
        return Ref(self.buffer(step.out), 0, step.shape, contiguous(step.shape))

    # Reading

    def read(self, operand: Operand, mapped: bool = False) -> Symbol:
        """An operand as a symbol; in a mapped group, numbers get an axis to broadcast over it."""
        if isinstance(operand, Constant):
            return Symbol(self.xp, None, operand.number)
        return Symbol(self.xp, self.ref(operand).padded(mapped))

    def ref(self, operand: View | Gather) -> Ref:
        """An operand as a view; a gather is copied together at its first use."""
        if isinstance(operand, View):
            buffer = self.buffer(operand.block)
            return Ref(buffer, operand.offset, operand.shape, operand.strides)
        known = self._gathered.get(id(operand))
        if known is None:
            known = self._gathered[id(operand)] = (operand, self._gather(operand))
        return known[1]

    def _gather(self, operand: Gather) -> Ref:
        out = self.xp.new(operand.shape, operand.mapped)
        slots = operand.slots.ravel()
        parts = self.parts(slots)
        for block, positions in parts:
            source = self.buffer(block)
            whole = Ref(source, 0, (source.size,), contiguous((source.size,)))
            table = self.table(slots[positions] - block.base)
            where = self.table(positions) if len(parts) > 1 else None
            self.xp.instructions.append(Instruction("gather", "take", [whole, table, where], out))
        return out

    def parts(self, slots: IntArray) -> list[tuple[Block, IntArray]]:
        """The blocks that these slots lie in, each with the positions that it fills."""
        number = np.searchsorted(self._bases, slots, side="right") - 1
        order = np.argsort(number, kind="stable")
        distinct, starts = np.unique(number[order], return_index=True)
        blocks = [self.plan.blocks[n] for n in distinct.tolist()]
        return list(zip(blocks, np.split(order, starts[1:])))

    def table(self, indices: IntArray) -> Table:
        """An array of indices for an instruction."""
        table = Table(f"at{len(self.tables)}", np.ascontiguousarray(indices, dtype=np.intp))
        self.tables.append(table)
        return table

    # Writing

    def store(self, symbol: Symbol, target: Ref) -> None:
        """Copy a symbol to where it belongs; the tidying lets its maker write there instead."""
        arg = self.xp.argument(symbol)
        if isinstance(arg, Ref):
            arg = arg.padded(target.mapped)
        kind: Kind = "copy" if isinstance(arg, Ref) else "fill"
        self.xp.instructions.append(Instruction(kind, "copyto", [arg], target))

    def materialized(self, symbol: Symbol, shape: tuple[int, ...], mapped: bool) -> Ref:
        """The symbol as an array of its own in that shape, its slots in order."""
        arg = self.xp.argument(symbol)
        if (
            isinstance(arg, Ref)
            and arg.covers_buffer()
            and prod(arg.shape) == prod(shape)
            and arg.mapped == mapped
            and not arg.buffer.boolean
        ):
            return arg.reshaped(shape).padded(mapped)
        out = self.xp.new(shape, mapped)
        self.store(symbol, out)
        return out


def moved_axes(operand: View | Gather, *order: int) -> View | Gather:
    """An operand with these axes in this order; what is left away has length 1.

    >>> block = Block("z0", "computed", base=0, size=6, mapped=False, needs_grad=True)
    >>> moved_axes(View(block, 0, (1, 2, 3), (0, 3, 1)), 2, 1)
    View(block=Block(z0: 6), offset=0, shape=(3, 2), strides=(1, 3))
    """
    if isinstance(operand, Gather):
        left_away = tuple([axis for axis in range(operand.slots.ndim) if axis not in order])
        slots = operand.slots.transpose(*order, *left_away).reshape(
            [operand.shape[axis] for axis in order]
        )
        return Gather(slots, operand.mapped, operand.needs_grad)
    shape, strides = zip(*[(operand.shape[axis], operand.strides[axis]) for axis in order])
    return View(operand.block, operand.offset, shape, strides)
