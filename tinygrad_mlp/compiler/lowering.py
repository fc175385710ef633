"""Pass 6, lower: the steps of the plan as NumPy calls, forward and then backward.

Forward, a group is the op's rule on whole views. Backward, the groups run in reverse: a product
gives two products, an elementwise group multiplies what comes from above by its partials, a
broadcast operand sums over the broadcast axes, a gathered one scatters. Nothing flows to what needs
no gradient, and the first contribution to a gradient is a write, not an addition.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_mlp.compiler.layout import Block, Constant, Gather, Operand, Plan, Step, View
from tinygrad_mlp.compiler.symbols import (
    Buffer,
    Emitter,
    Instruction,
    Ref,
    Symbol,
    contiguous,
    squeezed,
)
from tinygrad_mlp.errors import GraphError

__all__ = ["Lowered", "lower"]


@dataclass(slots=True)
class Lowered:
    """The program as instructions.

    Attributes:
        instructions: the NumPy calls in order.
        numbers: the constants: (factor, power of 1 / B) -> name.
        parameters, gradients, constants, outer, random: the buffers of these leaves.
        inputs: one buffer for each argument.
        outputs: what to return: the loss, or the results in C order.
        effects: (leaf, number in memory) for assignments.
        tables: index arrays of gathers and scatters by name.
    """

    instructions: list[Instruction]
    numbers: dict[tuple[float, int], str]
    buffers: dict[str, Buffer]
    outputs: Ref
    effects: list[tuple[Any, Ref]]
    tables: dict[str, np.ndarray] = field(default_factory=dict)
    gradients: Buffer | None = None


def lower(plan: Plan, reduction: str | None) -> Lowered:
    """Instructions for the plan; with a ``reduction`` ("mean" or "sum") the gradients as well.

    >>> from tinygrad_mlp.compiler.folding import fold
    >>> from tinygrad_mlp.compiler.layout import lay_out
    >>> from tinygrad_mlp.compiler.schedule import schedule
    >>> from tinygrad_mlp.compiler.tracing import trace
    >>> recording = trace(lambda x: x.tanh(), [()], [])
    >>> folded = fold(recording)
    >>> plan = lay_out(schedule(folded), recording, folded, per_sample=True)
    >>> [instruction.function for instruction in lower(plan, None).instructions]
    ['tanh']
    """
    return _Lowering(plan).run(reduction)


class _Lowering:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.xp = Emitter()
        self.tables: dict[str, np.ndarray] = {}
        self.buffers: dict[int, Buffer] = {}  # by the base of the block
        self.leaves: dict[str, Buffer] = {}
        self.gradients = Buffer(
            plan.blocks[0].size, mapped=False, name="gradients", pinned=True, external=True
        )
        for block in plan.blocks:
            is_leaf = block.kind != "computed"
            buffer = Buffer(
                block.size, block.mapped, block.name, block.ones, pinned=is_leaf or block.ones > 0
            )
            buffer.external = block.kind == "parameters"
            self.buffers[block.base] = buffer
            if is_leaf:
                self.leaves[block.name] = buffer
        self.in_use: Buffer | None = None  # the gradient from above, as long as it is read
        self.grads = _Gradients(self)

    def run(self, reduction: str | None) -> Lowered:
        plan = self.plan
        for step in plan.steps:
            self.xp.forget()
            self.forward(step)
        output_slots = plan.slot_of[np.array(plan.folded.outputs, dtype=np.int64)]
        outputs = self.read(plan.operand(output_slots), output_slots.shape)
        assert outputs.ref is not None
        effects = []
        for leaf, id_ in plan.folded.effects:
            slot = np.array([plan.slot_of[id_]])
            ref = self.read(plan.operand(slot), (1,)).ref
            if ref is None or ref.mapped:
                raise GraphError(
                    "an assignment to a leaf depends on the sample, so a program recorded with "
                    "per_sample=True has one value for each; record the whole batch instead"
                )
            ref.buffer.pinned = True
            effects.append((leaf, ref))
        if reduction is not None:
            self.loss(outputs.ref, reduction)
            if plan.folded.auxiliary:
                slots = plan.slot_of[np.array(plan.folded.auxiliary, dtype=np.int64)]
                self.keep("auxiliary", self.read(plan.operand(slots), slots.shape).ref)
            self.backward(int(output_slots[0]), reduction)
        else:
            outputs.ref.buffer.pinned = True
        return Lowered(
            needed(self.xp.instructions),
            self.xp.numbers,
            self.leaves,
            outputs.ref,
            effects,
            self.tables,
            self.gradients if reduction is not None else None,
        )

    def loss(self, loss: Ref, reduction: str) -> None:
        """Read the loss: a number, or a sum over the samples; of a product, as an inner product."""
        instructions = self.xp.instructions
        if not loss.mapped:
            times = " * B" if self.plan.per_sample and reduction == "sum" else ""
            form, args = f"float({{0}}[0]){times}", [loss]
        else:
            mean = " / B" if reduction == "mean" else ""
            form, args = f"float(add.reduce({{0}}[0])){mean}", [loss]
            last = instructions[-1] if instructions else None
            if last is not None and last.out.buffer is loss.buffer and last.function == "multiply":
                factors = [arg for arg in last.args if isinstance(arg, Ref) and arg.mapped]
                if len(factors) == 2:
                    form = f"float(dot({{0}}, {{1}})){mean}"
                    args = [Ref(f.buffer, f.offset, (), ()) for f in factors]
        self.keep(form, *args)

    def keep(self, form: str, *args: Ref | None) -> None:
        """Read a result into a local variable, before its memory is used again."""
        out = self.xp.new((), mapped=False)
        out.buffer.pinned = True
        refs: list[Ref | str] = [ref for ref in args if ref is not None]
        kind = "auxiliary" if form == "auxiliary" else "loss"
        self.xp.instructions.append(Instruction(kind, form, refs, out))

    # Reading

    def buffer(self, block: Block) -> Buffer:
        return self.buffers[block.base]

    def ref(self, view: View) -> Ref:
        return Ref(self.buffer(view.block), view.offset, view.shape, view.strides)

    def read(self, operand: Operand, shape: tuple[int, ...], mapped: bool = False) -> Symbol:
        """An operand as a symbol; in a mapped group, numbers get an axis to broadcast over it."""
        if isinstance(operand, Constant):
            return Symbol(self.xp, None, operand.number)
        ref = self.ref(operand) if isinstance(operand, View) else self.gather(operand)
        return Symbol(self.xp, ref.padded() if mapped else ref)

    def gather(self, operand: Gather) -> Ref:
        """Copy the slots of a gather into a temporary, block by block."""
        out = self.xp.new(operand.shape, operand.mapped)
        slots = operand.slots.ravel()
        parts = self.parts(slots)
        for block, positions in parts:
            table = self.table(slots[positions] - block.base)
            where = self.table(positions) if len(parts) > 1 else ""
            source = self.buffer(block)
            whole = Ref(source, 0, (source.size,), (1,))
            self.xp.instructions.append(Instruction("gather", "take", [whole, table, where], out))
        return out

    def parts(self, slots: np.ndarray) -> list[tuple[Block, np.ndarray]]:
        """The blocks that these slots lie in, each with the positions that it fills."""
        bases = np.array([block.base for block in self.plan.blocks])
        number = np.searchsorted(bases, slots, side="right") - 1
        return [(self.plan.blocks[int(n)], np.flatnonzero(number == n)) for n in np.unique(number)]

    def table(self, indices: np.ndarray) -> str:
        name = f"at{len(self.tables)}"
        self.tables[name] = np.ascontiguousarray(indices, dtype=np.intp)
        return name

    # Writing

    def store(self, symbol: Symbol, target: Ref) -> None:
        """Let the instruction that made the symbol write to the target, or copy."""
        arg = self.xp.argument(symbol)
        instructions = self.xp.instructions
        if isinstance(arg, Ref) and instructions and instructions[-1].out is arg:
            last = instructions[-1]
            same = arg.shape == target.shape and arg.mapped == target.mapped
            same = same and arg.buffer is not self.in_use
            if same and last.kind != "gather" and not arg.buffer.pinned and not arg.buffer.boolean:
                last.out = Ref(
                    target.buffer, target.offset, target.shape, target.strides, arg.pad, target.swap
                )
                self.xp.forget()
                return
        kind = "copy" if isinstance(arg, Ref) else "fill"
        instructions.append(Instruction(kind, "copyto", [arg], target))

    def store_reduced(self, symbol: Symbol, target: Ref) -> None:
        """Let the reduction made last write to the target, whose axes of length 1 it has not."""
        last = self.xp.instructions[-1]
        shape = last.out.shape
        self.store(Symbol(self.xp, last.out), target.reshaped(shape))
        del symbol

    # Forward

    def forward(self, step: Step) -> None:
        mapped = step.out.mapped
        out = Ref(self.buffer(step.out), 0, step.shape, contiguous(step.shape))
        if step.left is not None:
            self.forward_product(step, out)
            return
        if step.op.variadic:
            stacked = self.read_stacked(step)
            shape = () if step.shape == (1,) else step.shape
            result = step.op.forward(self.xp, stacked)
            self.store(result, Ref(out.buffer, 0, shape, contiguous(shape)))
            return
        operands = [self.read(operand, step.shape, mapped) for operand in step.operands]
        result = self.xp.symbol(step.op.forward(self.xp, *operands))
        self.store(result, out)

    def read_stacked(self, step: Step) -> Symbol:
        """The operands of a variadic group with the operand axis first."""
        operand = step.operands[0]
        assert not isinstance(operand, Constant)
        ref = self.read(operand, operand.shape, step.out.mapped).ref
        assert ref is not None
        return Symbol(self.xp, self.stacked(ref))

    def stacked(self, ref: Ref) -> Ref:
        if ref.shape[0] == 1:
            return Ref(ref.buffer, ref.offset, ref.shape[1:], ref.strides[1:], ref.pad)
        return Ref(ref.buffer, ref.offset, ref.shape[::-1], ref.strides[::-1], ref.pad)

    def forward_product(self, step: Step, out: Ref) -> None:
        left, right = self.factors(step)
        if is_elementwise(step):
            mapped = step.out.mapped
            product = Symbol(self.xp, outer(left, -1, 1, mapped)) * Symbol(
                self.xp, outer(right, 1, -1, mapped)
            )
            product = self.plain_terms(product, step)
            self.store(product, out)
            return
        if is_inner(step):
            product = self.xp.reduce("add", Symbol(self.xp, left) * Symbol(self.xp, right), (2,))
            assert product.ref is not None
            product = Symbol(
                self.xp, Ref(product.ref.buffer, 0, step.shape, contiguous(step.shape))
            )
            if step.operands:
                product = self.plain_terms(product, step)
                self.store(product, out)
            else:
                self.store_reduced(product, out)
            return
        self.matmul(step, left, right, out)
        if step.operands:
            total = self.plain_terms(Symbol(self.xp, out), step)
            self.store(total, out)

    def plain_terms(self, total: Symbol, step: Step) -> Symbol:
        for operand in step.operands:
            total = total + self.read(operand, step.shape, step.out.mapped)
        return total

    def factors(self, step: Step) -> tuple[Ref, Ref]:
        assert step.left is not None and step.right is not None
        left = self.read(step.left, ()).ref
        right = self.read(step.right, ()).ref
        assert left is not None and right is not None
        return left, right

    def matmul(self, step: Step, left: Ref, right: Ref, out: Ref) -> None:
        """out (S, P, Q) = left (S, P, K) right (S, Q, K), the last two transposed."""
        emit = self.xp.instructions.append
        if left.mapped or (step.out.mapped and not right.mapped):
            emit(
                Instruction(
                    "einsum", _einsum("spk", left, "sqk", right, "spq", out), [left, right], out
                )
            )
        elif right.mapped:  # (S, P, K) (S, K, B), the samples as columns
            emit(Instruction("matmul", "matmul", [drop_stack(left), drop(right, 1)], drop(out, 2)))
        else:
            emit(
                Instruction(
                    "matmul",
                    "matmul",
                    [drop_stack(left), drop_stack(swapped(right))],
                    drop_stack(out),
                )
            )

    # Backward

    def backward(self, loss_slot: int, reduction: str) -> None:
        plan = self.plan
        loss_block = plan.block_at(loss_slot)
        self.grads.count_uses()
        seed = Symbol(self.xp, None, 1.0)
        if loss_block.mapped and reduction == "mean":
            seed = seed.times(1.0, 1)
        elif plan.per_sample and not loss_block.mapped and reduction == "sum":
            seed = seed.times(1.0, -1)  # the same loss for each of B samples
        loss = View(loss_block, loss_slot - loss_block.base, (1,), (0,))
        self.grads.contribute(loss, seed, (1,))
        for step in reversed(plan.steps):
            if step.out.needs_grad:
                upstream = self.grads.take(step.out, step.shape)
                if upstream is not None:
                    self.xp.forget()
                    self.in_use = upstream.ref.buffer if upstream.ref is not None else None
                    self.grads.per_sample = step.out.mapped
                    self.backward_step(step, upstream)
                    self.in_use = None

    def backward_step(self, step: Step, upstream: Symbol) -> None:
        mapped = step.out.mapped
        out_ref = Ref(self.buffer(step.out), 0, step.shape, contiguous(step.shape))
        if step.left is not None:
            self.backward_product(step, upstream)
        elif step.op.variadic:
            stacked = self.read_stacked(step)
            shape = () if step.shape == (1,) else step.shape
            out = Symbol(self.xp, Ref(out_ref.buffer, 0, shape, contiguous(shape)))
            if upstream.ref is not None:
                upstream = Symbol(
                    self.xp,
                    upstream.ref.reshaped(shape)
                    if upstream.ref.covers_buffer()
                    else _without_axes(upstream.ref, shape),
                    upstream.factor,
                    upstream.scale,
                )
            (rule,) = step.op.partials
            partial = rule if isinstance(rule, float) else rule(self.xp, out, stacked)
            contribution = upstream * partial
            operand = step.operands[0]
            assert not isinstance(operand, Constant)
            self.grads.contribute_stacked(operand, contribution)
        else:
            inputs = [self.read(operand, step.shape, mapped) for operand in step.operands]
            out = Symbol(self.xp, out_ref)
            for operand, rule in zip(step.operands, step.op.partials):
                if not operand.needs_grad or rule == 0.0:
                    continue
                partial = rule if isinstance(rule, float) else rule(self.xp, out, *inputs)
                self.grads.contribute(operand, upstream * partial, step.shape)

    def backward_product(self, step: Step, upstream: Symbol) -> None:
        assert step.left is not None and step.right is not None
        for operand in step.operands:
            if operand.needs_grad:
                self.grads.contribute(operand, upstream, step.shape)
        left, right = self.factors(step)
        mapped = step.out.mapped
        if is_elementwise(step):
            left_wide, right_wide = outer(left, -1, 1, mapped), outer(right, 1, -1, mapped)
            if step.left.needs_grad:
                self.grads.contribute(
                    widened(step.left, step.shape, 2),
                    upstream * Symbol(self.xp, right_wide),
                    step.shape,
                )
            if step.right.needs_grad:
                self.grads.contribute(
                    widened(step.right, step.shape, 1),
                    upstream * Symbol(self.xp, left_wide),
                    step.shape,
                )
            return
        if is_inner(step):
            for operand, other in ((step.left, right), (step.right, left)):
                if operand.needs_grad:
                    assert not isinstance(operand, Constant)
                    self.grads.contribute(operand, upstream * Symbol(self.xp, other), operand.shape)
            return
        g = self.materialised(upstream, step.shape, mapped)
        if step.left.needs_grad:
            self.grads.contribute_product(step.left, "left", g, right)
        if step.right.needs_grad:
            self.grads.contribute_product(step.right, "right", g, left)

    def materialised(self, symbol: Symbol, shape: tuple[int, ...], mapped: bool) -> Ref:
        """The symbol as a contiguous array of that shape."""
        arg = self.xp.argument(symbol)
        if (
            isinstance(arg, Ref)
            and arg.covers_buffer()
            and arg.mapped == mapped
            and arg.buffer.size == int(np.prod(shape))
            and not arg.buffer.boolean
        ):
            return arg.reshaped(shape)
        out = self.xp.new(shape, mapped)
        kind = "copy" if isinstance(arg, Ref) else "fill"
        self.xp.instructions.append(Instruction(kind, "copyto", [arg], out))
        return out


def needed(instructions: list[Instruction]) -> list[Instruction]:
    """Without the calls whose results nobody reads."""
    read: set[Buffer] = set()
    kept = []
    for instruction in reversed(instructions):
        out = instruction.out.buffer
        if out.pinned or out.external or out in read:
            kept.append(instruction)
            read.update([arg.buffer for arg in instruction.args if isinstance(arg, Ref)])
    return [squeezed(instruction) for instruction in kept[::-1]]


def is_elementwise(step: Step) -> bool:
    """Whether a product has one factor only and no matrix in it."""
    left, right = step.left, step.right
    assert left is not None and right is not None
    assert not isinstance(left, Constant) and not isinstance(right, Constant)
    if left.shape[2] != 1:
        return False
    _, p, q = step.shape
    return p == 1 or (q == 1 and not step.out.mapped)


def is_inner(step: Step) -> bool:
    """Whether a product is an inner product for each node: of two mapped tuples, or many nodes."""
    left, right = step.left, step.right
    assert left is not None and right is not None
    assert not isinstance(left, Constant) and not isinstance(right, Constant)
    stacked, p, q = step.shape
    return p == q == 1 and left.mapped == right.mapped and (left.mapped or stacked > 1)


def outer(ref: Ref, p_axis: int, q_axis: int, mapped: bool) -> Ref:
    """A factor (S, P, 1) or (S, Q, 1) in the axes (S, P, Q) of the result."""
    s, n, _ = ref.shape
    ss, sn, _ = ref.strides
    shape, strides = ((s, n, 1), (ss, sn, 0)) if p_axis == -1 else ((s, 1, n), (ss, 0, sn))
    del q_axis
    result = Ref(ref.buffer, ref.offset, shape, strides)
    return result.padded() if mapped else result


def widened(operand: Operand, shape: tuple[int, ...], axis: int) -> Operand:
    """A factor's operand in the axes (S, P, Q) of the result, repeated along ``axis``."""
    if isinstance(operand, View):
        s, n = operand.strides[:2]
        return View(operand.block, operand.offset, shape, (s, n, 0) if axis == 2 else (s, 0, n))
    assert isinstance(operand, Gather)
    slots = operand.slots[:, :, :1]
    slots = slots if axis == 2 else slots.transpose(0, 2, 1)
    return Gather(np.broadcast_to(slots, shape), operand.mapped, operand.needs_grad)


def swapped(ref: Ref) -> Ref:
    """The last two slot axes exchanged."""
    shape, strides = list(ref.shape), list(ref.strides)
    shape[-1], shape[-2] = shape[-2], shape[-1]
    strides[-1], strides[-2] = strides[-2], strides[-1]
    return Ref(ref.buffer, ref.offset, tuple(shape), tuple(strides), ref.pad)


def drop(ref: Ref, axis: int) -> Ref:
    """Without an axis of length 1, and without the stack axis if that has length 1 too."""
    shape = ref.shape[:axis] + ref.shape[axis + 1 :]
    strides = ref.strides[:axis] + ref.strides[axis + 1 :]
    return drop_stack(Ref(ref.buffer, ref.offset, shape, strides, ref.pad))


def drop_stack(ref: Ref) -> Ref:
    """Without the first axis if it has length 1."""
    if ref.shape[0] != 1:
        return ref
    return Ref(ref.buffer, ref.offset, ref.shape[1:], ref.strides[1:], ref.pad)


def _without_axes(ref: Ref, shape: tuple[int, ...]) -> Ref:
    if shape == () and all(n == 1 for n in ref.shape):
        return Ref(ref.buffer, ref.offset, (), (), ref.pad)
    return ref


def _einsum(a: str, left: Ref, b: str, right: Ref, out: str, target: Ref) -> str:
    a += "b" if left.mapped else ""
    b += "b" if right.mapped else ""
    out += "b" if target.mapped else ""
    return f"{a},{b}->{out}"


class _Gradients:
    """Adds up what flows to each block.

    A block that is only ever contributed to as a whole has its gradient as a symbol, so that a
    factor or a sign costs nothing. The others have memory in which each contribution is written
    where it is the first, and added where it is not.
    """

    def __init__(self, lowering: _Lowering) -> None:
        self.lowering = lowering
        self.xp = lowering.xp
        self.as_symbol: dict[int, Symbol] = {}
        self.in_memory: dict[int, Buffer] = {}
        self.written: dict[int, np.ndarray] = {}
        self.whole: dict[int, bool] = {}
        self.per_sample = False  # whether contributions stand for one sample each

    def count_uses(self) -> None:
        """Find the blocks that are only ever used as a whole and in order."""
        plan = self.lowering.plan
        for step in plan.steps:
            for operand in step.operands:
                self._use(operand)
            if step.left is not None and step.right is not None:
                for factor in (step.left, step.right):
                    self._use(factor, is_factor=True)

    def _use(self, operand: Operand, is_factor: bool = False) -> None:
        if isinstance(operand, Gather):
            for block, _ in self.lowering.parts(operand.slots.ravel()):
                self.whole[block.base] = False
        elif isinstance(operand, View):
            size = int(np.prod(operand.shape))
            block = operand.block
            in_order = operand.strides == contiguous(operand.shape)
            whole = operand.offset == 0 and size == block.size and (in_order and not is_factor)
            if is_factor and block.mapped:  # what comes back has the slots in the order of K
                whole = self._factor_is_whole(operand)
            self.whole[block.base] = self.whole.get(block.base, True) and whole

    @staticmethod
    def _factor_is_whole(view: View) -> bool:
        k = view.block.size
        stacked, columns, length = view.shape
        return (
            view.offset == 0
            and stacked == columns == 1
            and length - (1 if view.block.ones else 0) <= k <= length
            and (length == 1 or view.strides[2] == 1)
        )

    def target(self, block: Block) -> Buffer:
        """The memory of a block's gradient."""
        if block.kind == "parameters":
            buffer = self.lowering.gradients
        elif block.base in self.in_memory:
            return self.in_memory[block.base]
        else:
            buffer = Buffer(block.size, block.mapped, f"g_{block.name}", pinned=True)
        self.in_memory[block.base] = buffer
        self.written.setdefault(block.base, np.zeros(block.size, dtype=bool))
        return buffer

    def take(self, block: Block, shape: tuple[int, ...]) -> Symbol | None:
        """The whole gradient of a block, or None if nothing flowed to it."""
        symbol = self.as_symbol.pop(block.base, None)
        if symbol is not None:
            ref = symbol.ref
            if ref is not None and ref.shape != shape:
                if ref.covers_buffer() and ref.buffer.size == block.size:
                    symbol = Symbol(self.xp, ref.reshaped(shape), symbol.factor, symbol.scale)
                elif all(n == 1 for n in ref.shape):
                    one = Ref(ref.buffer, ref.offset, (1,) * len(shape), (0,) * len(shape), ref.pad)
                    symbol = Symbol(self.xp, one, symbol.factor, symbol.scale)
                else:
                    full = self.lowering.materialised(symbol, ref.shape, block.mapped)
                    symbol = Symbol(self.xp, full.reshaped(shape))
            return symbol
        if block.base not in self.in_memory:
            return None
        self._fill_unwritten(block, np.ones(block.size, dtype=bool))
        return Symbol(self.xp, Ref(self.in_memory[block.base], 0, shape, contiguous(shape)))

    def contribute(self, operand: Operand, symbol: Symbol, shape: tuple[int, ...]) -> None:
        """Add ``symbol``, in the axes of ``shape``, to the gradient of an operand."""
        if isinstance(operand, Constant) or not operand.needs_grad:
            return
        is_row = symbol.ref is not None and symbol.ref.mapped
        if self.per_sample and not operand.mapped and not is_row:
            symbol = symbol.times(1.0, -1)  # the same from each of the B samples
        if isinstance(operand, Gather):
            self._scatter(operand, symbol, shape)
            return
        block = operand.block
        if self._as_symbol(operand):
            self._add_symbol(block, self._reduced_symbol(operand, symbol, shape))
            return
        reduced, view = self._reduced(operand, symbol, shape)
        self._accumulate(view, reduced)

    def contribute_stacked(self, operand: Operand, symbol: Symbol) -> None:
        """The same for a variadic group, whose symbols have the operand axis first."""
        assert not isinstance(operand, Constant)
        n, k = operand.shape
        if isinstance(operand, View):
            if n == 1:
                view = View(operand.block, operand.offset, (k,), operand.strides[1:])
                self.contribute(view, symbol, (k,))
            else:
                view = View(operand.block, operand.offset, (k, n), operand.strides[::-1])
                self.contribute(view, symbol, (k, n))
        else:
            slots = operand.slots[0] if n == 1 else operand.slots.T
            self.contribute(Gather(slots, operand.mapped, operand.needs_grad), symbol, slots.shape)

    def contribute_product(self, operand: Operand, side: str, g: Ref, other: Ref) -> None:
        """left += g right, or right += g^T left, for g in the axes (S, P, Q)."""
        xp = self.xp
        assert not isinstance(operand, Constant)
        self.per_sample = False  # a product sums over the samples itself
        if isinstance(operand, View) and operand.block.ones and side == "right":
            _, n_columns, k = operand.shape
            last = operand.offset + (k - 1) * operand.strides[2] + n_columns - 1
            if last >= operand.block.size:  # nothing flows to the ones
                k -= 1
            operand = View(operand.block, operand.offset, (*operand.shape[:2], k), operand.strides)
            other = Ref(other.buffer, other.offset, (*other.shape[:2], k), other.strides, other.pad)
        k = operand.shape[2]
        s, p, q = g.shape
        any_mapped_einsum = (
            (other.mapped and side == "right")
            or (side == "left" and operand.mapped)
            or (g.mapped and not other.mapped and side == "left")
        )
        if any_mapped_einsum:
            axes = ("spk", "sqk") if side == "left" else ("sqk", "spk")
            shape = (s, p if side == "left" else q, k)
            out = xp.new(shape, operand.mapped)
            xp.instructions.append(
                Instruction(
                    "einsum", _einsum("spq", g, axes[1], other, axes[0], out), [g, other], out
                )
            )
            self.contribute(operand, Symbol(xp, out), shape)
            return
        if side == "left":
            if g.mapped:  # (S, P, B) (S, B, K)
                out = xp.new((s, p, k), mapped=False)
                right = drop(other, 1)
                args: list[Ref | str] = [
                    drop(g, 2),
                    Ref(right.buffer, right.offset, right.shape, right.strides, swap=True),
                ]
            else:  # (S, P, Q) (S, Q, K)
                out = xp.new((s, p, k), mapped=False)
                args = [drop_stack(g), drop_stack(other)]
            xp.instructions.append(Instruction("matmul", "matmul", args, drop_stack(out)))
            self.contribute(
                drop_operand(operand), Symbol(xp, xp.instructions[-1].out), drop_stack(out).shape
            )
            return
        if g.mapped:  # right (S, 1, K) B = left^T (S, K, P) g (S, P, B)
            out = xp.new((s, 1, k), mapped=True)
            args = [drop_stack(swapped(other)), drop(g, 2)]
            result = drop(out, 1)
            xp.instructions.append(Instruction("matmul", "matmul", args, result))
            self.contribute(drop_operand(drop_columns(operand)), Symbol(xp, result), result.shape)
            return
        # right^T (S, K, Q) = left^T (S, K, P) g (S, P, Q)
        out = xp.new((s, k, q), mapped=False)
        args = [drop_stack(swapped(other)), drop_stack(g)]
        result = drop_stack(out)
        xp.instructions.append(Instruction("matmul", "matmul", args, result))
        self.contribute(drop_operand(transposed_operand(operand)), Symbol(xp, result), result.shape)

    # How contributions are added up

    def _as_symbol(self, view: View) -> bool:
        block = view.block
        return (
            block.kind == "computed"
            and self.whole.get(block.base, True)
            and block.base not in self.in_memory
        )

    def _add_symbol(self, block: Block, symbol: Symbol) -> None:
        before = self.as_symbol.get(block.base)
        if before is not None:
            if before.ref is not None and symbol.ref is not None:
                shape = symbol.ref.shape
                if before.ref.shape != shape:
                    if before.ref.covers_buffer() and before.ref.buffer.size == block.size:
                        before = Symbol(
                            self.xp, before.ref.reshaped(shape), before.factor, before.scale
                        )
                    else:
                        full = self.lowering.materialised(before, before.ref.shape, block.mapped)
                        before = Symbol(self.xp, full.reshaped(shape))
            symbol = before + symbol
        self.as_symbol[block.base] = symbol

    def _reduced_symbol(self, view: View, symbol: Symbol, shape: tuple[int, ...]) -> Symbol:
        """For a block used as a whole: broadcast to its axes only where that matters."""
        ref = symbol.ref
        if ref is None or ref.mapped != view.block.mapped:
            if ref is None and not any(
                view.strides[axis] == 0 < n - 1 for axis, n in enumerate(shape)
            ):
                return symbol
            reduced, _ = self._reduced(view, symbol, shape)
            return reduced
        n_missing = len(shape) - len(ref.shape)
        if n_missing or ref.shape != shape:
            if all(n == 1 for n in ref.shape):
                one = Ref(ref.buffer, ref.offset, (1,) * len(shape), (0,) * len(shape), ref.pad)
                return Symbol(self.xp, one, symbol.factor, symbol.scale)
            full = self.lowering.materialised(symbol, shape, view.block.mapped)
            return Symbol(self.xp, full)
        return symbol

    def _reduced(self, view: View, symbol: Symbol, shape: tuple[int, ...]) -> tuple[Symbol, View]:
        """Sum over the axes along which the operand is broadcast."""
        ref = symbol.ref
        if ref is not None and len(ref.shape) < len(shape):
            missing = len(shape) - len(ref.shape)
            ref = Ref(
                ref.buffer,
                ref.offset,
                (1,) * missing + ref.shape,
                (0,) * missing + ref.strides,
                ref.pad,
            )
            symbol = Symbol(self.xp, ref, symbol.factor, symbol.scale)
        axes = []
        for axis, (length, stride) in enumerate(zip(shape, view.strides)):
            if stride == 0 and length > 1:
                if ref is None or ref.shape[axis] == 1:
                    symbol = symbol.times(float(length))
                else:
                    axes.append(axis)
        if ref is not None and ref.mapped and not view.block.mapped:
            axes.append(len(shape))
        kept = [
            axis for axis in range(len(shape)) if not (view.strides[axis] == 0 and shape[axis] > 1)
        ]
        if axes:
            symbol = self.xp.reduce("add", symbol, tuple(axes))
        if symbol.ref is not None:
            lost = [axis for axis in range(len(shape)) if axis not in kept and axis not in axes]
            if lost:  # axes of length 1 that were multiplied instead
                old = symbol.ref
                remaining = [axis for axis in range(len(shape)) if axis not in axes]
                positions = [i for i, axis in enumerate(remaining) if axis not in lost]
                symbol = Symbol(
                    self.xp,
                    Ref(
                        old.buffer,
                        old.offset,
                        tuple([old.shape[i] for i in positions]),
                        tuple([old.strides[i] for i in positions]),
                        old.pad,
                    ),
                    symbol.factor,
                    symbol.scale,
                )
        return symbol, View(
            view.block,
            view.offset,
            tuple([shape[axis] for axis in kept]),
            tuple([view.strides[axis] for axis in kept]),
        )

    def _accumulate(self, view: View, symbol: Symbol) -> None:
        block = view.block
        buffer = self.target(block)
        slots = _slots(view)
        if len(np.unique(slots)) != slots.size:
            gather = Gather(slots + block.base, block.mapped, needs_grad=True)
            self._scatter(gather, symbol, slots.shape)
            return
        written = self.written[block.base]
        flat = slots.ravel()
        target = Ref(buffer, view.offset, view.shape, view.strides)
        if not written[flat].any():
            written[flat] = True
            self.lowering.store(symbol, target)
            return
        mask = np.zeros(block.size, dtype=bool)
        mask[flat] = True
        self._fill_unwritten(block, mask)
        arg = self.xp.argument(symbol)
        self.xp.instructions.append(Instruction("ufunc", "add", [target, arg], target))

    def _fill_unwritten(self, block: Block, wanted: np.ndarray) -> None:
        written = self.written[block.base]
        missing = np.flatnonzero(wanted & ~written)
        if not missing.size:
            return
        written[missing] = True
        buffer = self.in_memory[block.base]
        zero = self.xp.number(0.0)
        for run in np.split(missing, np.flatnonzero(np.diff(missing) != 1) + 1):
            target = Ref(buffer, int(run[0]), (len(run),), (1,))
            self.xp.instructions.append(Instruction("fill", "copyto", [zero], target))

    def _scatter(self, operand: Gather, symbol: Symbol, shape: tuple[int, ...]) -> None:
        slots = np.broadcast_to(operand.slots, shape).ravel()
        g = self.lowering.materialised(
            symbol, shape, symbol.ref.mapped if symbol.ref is not None else False
        )
        for block, positions in self.lowering.parts(slots):
            if not block.needs_grad:
                continue
            symbol_before = self.as_symbol.pop(block.base, None)
            self.target(block)
            if symbol_before is not None:
                whole = View(block, 0, (block.size,), (1,))
                self._accumulate(whole, symbol_before)
            self._fill_unwritten(block, np.ones(block.size, dtype=bool))
            buffer = self.in_memory[block.base]
            whole_ref = Ref(buffer, 0, (block.size,), (1,))
            table = self.lowering.table(slots[positions] - block.base)
            which = self.lowering.table(positions)
            self.xp.instructions.append(
                Instruction("scatter", "add.at", [g, table, which, whole_ref], whole_ref)
            )


def _slots(view: View) -> np.ndarray:
    slots = np.array(view.offset, dtype=np.int64)
    for axis, (length, stride) in enumerate(zip(view.shape, view.strides)):
        shape = [1] * len(view.shape)
        shape[axis] = length
        slots = slots + (stride * np.arange(length)).reshape(shape)
    return slots


def drop_operand(operand: Operand) -> Operand:
    """Without the stack axis if it has length 1."""
    assert not isinstance(operand, Constant)
    if operand.shape[0] != 1:
        return operand
    if isinstance(operand, View):
        return View(operand.block, operand.offset, operand.shape[1:], operand.strides[1:])
    return Gather(operand.slots[0], operand.mapped, operand.needs_grad)


def drop_columns(operand: Operand) -> Operand:
    """(S, 1, K) as (S, K)."""
    if isinstance(operand, View):
        (s, _, k), (ss, _, sk) = operand.shape, operand.strides
        return View(operand.block, operand.offset, (s, k), (ss, sk))
    assert isinstance(operand, Gather)
    return Gather(operand.slots[:, 0, :], operand.mapped, operand.needs_grad)


def transposed_operand(operand: Operand) -> Operand:
    """(S, Q, K) as (S, K, Q)."""
    if isinstance(operand, View):
        (s, q, k), (ss, sq, sk) = operand.shape, operand.strides
        return View(operand.block, operand.offset, (s, k, q), (ss, sk, sq))
    assert isinstance(operand, Gather)
    return Gather(operand.slots.transpose(0, 2, 1), operand.mapped, operand.needs_grad)
