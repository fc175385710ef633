"""Pass 5, lay out: where each result lives, and how each operand is read.

Every group's results take consecutive slots of a block. An operand of a group is then an array of
slots; where it is affine in the group's axes, ``base + s*i + p*j + q*k``, it is a strided view of a
block that copies nothing (a stride of 0 broadcasts). What is left is gathered.

In a per-sample program a block whose values vary has one row of B numbers (B the batch size) for
each slot; the others have one number for each.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import copysign, gcd

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp import _array_math as array_math
from tinygrad_mlp.compiler._folding import Folded
from tinygrad_mlp.compiler._products import Product, find_products
from tinygrad_mlp.compiler._schedule import Group
from tinygrad_mlp.compiler._tracing import Recording
from tinygrad_mlp.ops import Op

__all__ = [
    "Block",
    "Constant",
    "Gather",
    "Operand",
    "Plan",
    "Step",
    "View",
    "affine_strides",
    "common_shape",
    "lay_out",
    "slots_of",
]

IntArray = NDArray[np.int64]


@dataclass(slots=True, eq=False)
class Block:
    """Consecutive slots: the results of a group, or the leaves of one kind.

    Attributes:
        name: what the program calls it.
        kind: "parameters", "constants", "outer", "input", "random" or "computed".
        base: its first slot.
        size: how many slots it has.
        mapped: whether a slot is a row of B numbers, one per sample.
        needs_grad: whether a gradient flows to it.
        ones: how many slots that hold 1.0 follow it, so that a bias folds into a product.
        frozen: for each slot whether no gradient flows to it all the same; None for no slot.
    """

    name: str
    kind: str
    base: int
    size: int
    mapped: bool
    needs_grad: bool
    ones: int = 0
    frozen: NDArray[np.bool_] | None = None

    def needs_grad_at(self, slots: IntArray) -> bool:
        """Whether a gradient flows to any of these slots, some of which may be of other blocks.

        >>> block = Block("parameters", "parameters", 0, 2, mapped=False, needs_grad=True)
        >>> block.frozen = np.array([True, False])
        >>> block.needs_grad_at(np.array([0])), block.needs_grad_at(np.array([0, 1]))
        (False, True)
        """
        if self.frozen is None:
            return self.needs_grad
        own = slots[(slots >= self.base) & (slots < self.base + self.size)] - self.base
        return not bool(self.frozen[own].all())

    def __repr__(self) -> str:
        return f"Block({self.name}: {self.size}{' x B' if self.mapped else ''})"


@dataclass(frozen=True, slots=True)
class Constant:
    """The same number for every node of the group."""

    number: float
    needs_grad: bool = False


@dataclass(slots=True, unsafe_hash=True)  # not frozen, which takes longer to make
class View:
    """A strided view of a block, in slots; ``shape`` has the group's axes.

    >>> block = Block("z0", "computed", base=0, size=6, mapped=False, needs_grad=True)
    >>> View(block, offset=0, shape=(2, 3), strides=(3, 1)).needs_grad
    True
    """

    block: Block
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def needs_grad(self) -> bool:
        """Whether a gradient flows to it."""
        block = self.block
        return block.needs_grad if block.frozen is None else block.needs_grad_at(slots_of(self))

    @property
    def mapped(self) -> bool:
        """Whether it varies with the sample."""
        return self.block.mapped


@dataclass(frozen=True, slots=True, eq=False)
class Gather:
    """Slots in no regular order, of one or several blocks: they are copied together.

    >>> gather = Gather(np.array([4, 0, 7]), mapped=False, needs_grad=False)
    >>> gather, gather.shape
    (Gather((3,)), (3,))
    """

    slots: IntArray
    mapped: bool
    needs_grad: bool

    def __repr__(self) -> str:
        return f"Gather({self.shape}{' x B' if self.mapped else ''})"

    @property
    def shape(self) -> tuple[int, ...]:
        """The group's axes."""
        return tuple(self.slots.shape)


Operand = Constant | View | Gather
"""How a group reads one of its operands."""


@dataclass(slots=True)
class Step:
    """One group with its places.

    Attributes:
        op: the op; ``ops.DOT`` for products.
        out: the block of its results.
        shape: the axes of the results: (n_stacked, P, Q) for a product, Q = 1 where the samples
            are the columns; any number of axes elementwise; (n,) for a variadic op.
        operands: elementwise: one per input; variadic: one with a last axis for the operands;
            product: the plain terms.
        left: for a product (n_stacked, P, K).
        right: for a product (n_stacked, Q, K).
    """

    op: Op
    out: Block
    shape: tuple[int, ...]
    operands: list[Operand]
    left: Operand | None = None
    right: Operand | None = None

    def __repr__(self) -> str:
        return f"Step({self.out.name} = {self.op.name}{self.shape})"

    def product_shapes(self) -> str:
        """The shapes of the two matrices of a product, how many there are, for what.

        >>> from tinygrad_mlp import ops
        >>> z, x = (Block(name, "input", 0, 6, mapped=True, needs_grad=False) for name in "zx")
        >>> w = Block("w", "parameters", 0, 12, mapped=False, needs_grad=True)
        >>> left, right = View(w, 0, (1, 6, 2), (0, 2, 1)), View(x, 0, (1, 1, 2), (0, 0, 1))
        >>> Step(ops.DOT, z, (1, 6, 1), [], left, right).product_shapes()
        '(6, 2) @ (2, B)'
        """
        left = self.left
        assert left is not None and not isinstance(left, Constant)
        stacked, p, k = left.shape
        samples_as_columns = self.out.mapped and not left.mapped
        q = "B" if samples_as_columns else self.shape[2]
        times = f"{stacked} x " if stacked > 1 else ""
        each = " for each sample" if left.mapped else ""
        return f"{times}({p}, {k}) @ ({k}, {q}){each}"


@dataclass(slots=True)
class Plan:
    """The laid out program: blocks, steps, and the slot of every id.

    >>> from tinygrad_mlp.compiler._folding import fold
    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> recording = trace(lambda x: x, [()], [])
    >>> plan = Plan([], [], np.array([0]), recording, fold(recording), per_sample=False)
    >>> plan.add_block("z0", "computed", 6, mapped=False, needs_grad=True)
    Block(z0: 6)
    >>> view = plan.operand(np.array([[0, 1, 2], [3, 4, 5]]))
    >>> view.strides, plan.block_at(5)
    ((3, 1), Block(z0: 6))
    >>> plan.view(np.array([0, 1, 5])) is None
    True
    """

    blocks: list[Block]
    steps: list[Step]
    slot_of: IntArray
    recording: Recording
    folded: Folded
    per_sample: bool
    _bases: list[int] = field(default_factory=list)

    def __repr__(self) -> str:
        mapped = ", mapped over samples" if self.per_sample else ""
        return f"Plan({len(self.steps)} steps, {len(self.blocks)} blocks{mapped})"

    def block_at(self, slot: int) -> Block:
        """The block that holds a slot."""
        return self.blocks[bisect_right(self._bases, slot) - 1]

    def add_block(self, name: str, kind: str, size: int, mapped: bool, needs_grad: bool) -> Block:
        """A new block after the last one, with room for as many ones behind it."""
        base = self.blocks[-1].base + 2 * self.blocks[-1].size + 1 if self.blocks else 0
        block = Block(name, kind, base, size, mapped, needs_grad)
        self.blocks.append(block)
        self._bases.append(base)
        return block

    def operand(self, slots: IntArray) -> Operand:
        """The cheapest way to read these slots."""
        return self.view(slots) or self._gather(slots)

    def view(self, slots: IntArray) -> View | None:
        """The strided view that reads exactly these slots, if there is one."""
        strides = affine_strides(slots)
        if strides is None:
            return None
        first = int(slots.flat[0])
        block = self.block_at(first)
        farthest = [stride * (n - 1) for stride, n in zip(strides, slots.shape)]
        lowest = first + sum([moved for moved in farthest if moved < 0])
        highest = first + sum([moved for moved in farthest if moved > 0])
        if lowest < block.base or highest >= block.base + block.size + block.ones:
            return None
        return View(block, first - block.base, tuple(slots.shape), strides)

    def _gather(self, slots: IntArray) -> Gather:
        blocks = [self.block_at(int(slot)) for slot in np.unique(slots)]
        mapped = any([block.mapped for block in blocks])
        return Gather(slots, mapped, any([block.needs_grad_at(slots) for block in blocks]))


def affine_strides(slots: IntArray) -> tuple[int, ...] | None:
    """By how much the slots go on along each axis, if it is the same everywhere.

    >>> affine_strides(np.array([[4, 6, 8], [5, 7, 9]])), affine_strides(np.array([0, 1, 3]))
    ((1, 2), None)
    """
    first = int(slots.flat[0])
    if slots.ndim == 1:  # which most are
        n = len(slots)
        stride = int(slots[1]) - first if n > 1 else 0
        if n > 2 and not (slots[1:] - slots[:-1] == stride).all():
            return None
        return (stride,)
    strides = [0] * slots.ndim
    predicted: int | IntArray = first
    for axis, length in enumerate(slots.shape):
        if length > 1:
            behind = slots.ndim - axis - 1
            strides[axis] = int(slots[(*[0] * axis, 1, *[0] * behind)]) - first
            places = (strides[axis] * np.arange(length)).reshape(length, *[1] * behind)
            predicted = predicted + places
    return tuple(strides) if (slots == predicted).all() else None


def slots_of(operand: View | Gather) -> IntArray:
    """Where the elements of an operand lie, in its axes.

    >>> block = Block("z0", "computed", base=10, size=6, mapped=False, needs_grad=True)
    >>> slots_of(View(block, offset=1, shape=(2, 2), strides=(3, 1))).tolist()
    [[11, 12], [14, 15]]
    """
    if isinstance(operand, Gather):
        return operand.slots
    slots = np.array(operand.block.base + operand.offset, dtype=np.int64)
    for axis, (length, stride) in enumerate(zip(operand.shape, operand.strides)):
        shape = [1] * len(operand.shape)
        shape[axis] = length
        slots = slots + (stride * np.arange(length)).reshape(shape)
    return slots


def lay_out(groups: list[Group], recording: Recording, folded: Folded, per_sample: bool) -> Plan:
    """Place every leaf and every group. Linear in the number of operands.

    >>> from tinygrad_mlp import Value
    >>> from tinygrad_mlp.compiler._folding import fold
    >>> from tinygrad_mlp.compiler._schedule import schedule
    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> w = [Value(1.0), Value(2.0), Value(3.0), Value(4.0)]
    >>> def two_sums(x):
    ...     return [w[0] * x[0] + w[1] * x[1], w[2] * x[0] + w[3] * x[1]]
    >>> recording = trace(two_sums, [(2,)], w)
    >>> folded = fold(recording)
    >>> plan = lay_out(schedule(folded), recording, folded, per_sample=False)
    >>> plan.steps, plan.steps[0].left.strides
    ([Step(z0 = dot(1, 2, 1))], (0, 2, 1))
    """
    plan = Plan([], [], np.full(folded.n_ids, -1, dtype=np.int64), recording, folded, per_sample)
    _place_leaves(plan)
    for group in groups:
        if group.left:
            for part in find_products(group, plan.slot_of):
                plan.steps.append(_product_step(plan, group, part, len(plan.steps)))
        elif group.op.variadic:
            plan.steps.append(_variadic_step(plan, group, len(plan.steps)))
        else:
            plan.steps.append(_elementwise_step(plan, group, len(plan.steps)))
    return plan


def _place_leaves(plan: Plan) -> None:
    folded, recording, slot_of = plan.folded, plan.recording, plan.slot_of

    def place(
        kind: str,
        ids: Sequence[int],
        mapped: bool = False,
        needs_grad: bool = False,
        name: str = "",
    ) -> None:
        block = plan.add_block(name or kind, kind, len(ids), mapped, needs_grad)
        slot_of[np.fromiter(ids, np.int64, len(ids))] = block.base + np.arange(len(ids))

    place("parameters", folded.parameters, needs_grad=True)
    if recording.frozen:
        frozen = np.zeros(len(folded.parameters), dtype=bool)
        frozen[recording.frozen] = True
        plan.blocks[0].frozen = frozen
    place("constants", list(folded.constants))
    place("outer", [id_ for id_, _ in folded.outer])
    for number, (_, ids) in enumerate(recording.inputs):
        place("input", ids, mapped=plan.per_sample, name=f"x{number}")
    place("random", [id_ for id_, _ in recording.random], mapped=plan.per_sample)


def _new_block(plan: Plan, group: Group, size: int, number: int) -> Block:
    name = _name_of_block(group.op.name if not group.left else "z", number)
    mapped = plan.per_sample and group.varies
    return plan.add_block(name, "computed", size, mapped, group.needs_grad)


def _name_of_block(name: str, number: int) -> str:
    """``tanh3``; with ``_`` where that is another name of the program: log2, t1, g_tanh3."""
    plain = f"{name}{number}"
    taken = plain in array_math.__all__ or name.startswith("g_")
    return f"{name}_{number}" if taken or (len(name) == 1 and name != "z") else plain


# Elementwise


def _elementwise_step(plan: Plan, group: Group, number: int) -> Step:
    args = np.array(group.args, dtype=np.int64)  # (n, n_operands)
    slots = plan.slot_of[args]
    constants = plan.folded.constants
    fixed: dict[int, Constant] = {}
    for column in range(args.shape[1]):
        if int(args[0, column]) in constants:
            numbers = {constants[int(arg)] for arg in args[:, column]}
            if numbers == {0.0}:
                signs = {copysign(1.0, constants[int(arg)]) for arg in args[:, column]}
                if len(signs) > 1:  # 1 / 0.0 is not 1 / -0.0
                    continue
            if len(numbers) == 1 or all(number != number for number in numbers):
                fixed[column] = Constant(numbers.pop())
    free = [column for column in range(args.shape[1]) if column not in fixed]
    order = _order(slots[:, free])
    slots = slots[order]
    shape = common_shape([slots[:, column] for column in free], len(slots))
    operands: list[Operand] = [
        fixed[column] if column in fixed else plan.operand(slots[:, column].reshape(shape))
        for column in range(args.shape[1])
    ]
    out = _new_block(plan, group, len(slots), number)
    plan.slot_of[np.array(group.ids, dtype=np.int64)[order]] = out.base + np.arange(len(slots))
    return Step(group.op, out, shape, operands)


def _order(slots: IntArray) -> IntArray:
    """Sort by the operand that has the most distinct slots, so that results lie as it lies."""
    if not slots.shape[1] or len(slots) == 1:
        return np.arange(len(slots))
    columns = [slots[:, column] for column in range(slots.shape[1] - 1, -1, -1)]
    return np.lexsort(sorted(columns, key=_n_distinct))  # the last one counts most


def _n_distinct(column: IntArray) -> int:
    return len(set(column.tolist()))


def common_shape(columns: list[IntArray], n: int) -> tuple[int, ...]:
    """Axes in which as many of the slot sequences as possible are affine; the innermost last.

    >>> rows = np.repeat(np.arange(3), 4)        # a bias, one for each row of four
    >>> common_shape([np.arange(12), rows], 12)
    (3, 4)
    """
    shape: tuple[int, ...] = (n,)
    taken: list[IntArray] = []
    for column in columns:
        together = _factor([*taken, column], n)
        if together is not None:
            taken.append(column)
            shape = together
    return shape


def _factor(columns: list[IntArray], n: int) -> tuple[int, ...] | None:
    """Axes in which all sequences are affine, or None if they need more than four."""
    shape: list[int] = []
    while n > 1:
        inner = n
        for column in columns:
            steps = column[1:] - column[:-1]
            breaks = np.flatnonzero(steps != steps[0]) + 1
            for position in breaks.tolist():
                inner = gcd(inner, position)
                if inner == 1:
                    return None
        shape.insert(0, inner)
        if len(shape) > 4:
            return None
        columns = [column[::inner] for column in columns]
        n //= inner
    return tuple(shape) or (1,)


# Variadic


def _variadic_step(plan: Plan, group: Group, number: int) -> Step:
    slots = plan.slot_of[np.array(group.args, dtype=np.int64)]  # (n, n_operands)
    order = np.argsort(slots[:, 0], kind="stable")
    out = _new_block(plan, group, len(slots), number)
    plan.slot_of[np.array(group.ids, dtype=np.int64)[order]] = out.base + np.arange(len(slots))
    return Step(group.op, out, (len(slots),), [plan.operand(slots[order])])


# Products


def _product_step(plan: Plan, group: Group, product: Product, number: int) -> Step:
    left, right, members = product.left, product.right, product.members
    mapped = plan.per_sample and group.varies
    left_mapped = mapped and bool(plan.folded.varies[np.array(group.left[0])].any())
    if mapped and not left_mapped:  # one product for each right tuple, its columns the samples
        n_stacked, p, k = left.shape
        q = right.shape[1]
        members = members.transpose(0, 2, 1).reshape(n_stacked * q, p, 1)
        left = np.repeat(left, q, axis=0)
        right = right.reshape(n_stacked * q, 1, k)
    out = _new_block(plan, group, members.size, number)
    ids = np.array(group.ids, dtype=np.int64)[members]
    plan.slot_of[ids.ravel()] = out.base + np.arange(members.size)
    shape = members.shape
    plain_ids = np.array(group.args, dtype=np.int64)[members.ravel()]
    plain = plan.slot_of[plain_ids].reshape(*shape, -1)
    operands = [plan.operand(plain[..., column]) for column in range(plain.shape[-1])]
    step = Step(group.op, out, shape, operands, plan.operand(left), plan.operand(right))
    if len(operands) == 1:
        _fold_bias(plan, step, left, right, plain[..., 0])
    return step


def _fold_bias(plan: Plan, step: Step, left: IntArray, right: IntArray, bias: IntArray) -> None:
    """Make the bias one more column of the left matrix, against a row of ones on the right.

    Possible where the bias is that of a whole row and follows its weights (as in a neuron), and the
    rows of the right matrix go on to the end of a computed block, behind which the ones can lie.
    """
    view = step.right
    if not isinstance(view, View) or len(left) != 1:
        return
    assert step.left is not None
    if step.left.needs_grad != step.operands[0].needs_grad:
        return  # one of them is frozen: what flows to the other one alone costs less
    block = view.block
    # An input is read where it lies; copying it behind a row of ones pays where it is small.
    small_input = block.kind == "input" and block.size <= left.shape[1] * right.shape[1]
    if block.kind != "computed" and not (small_input and block.mapped):
        return
    if not (bias == bias[..., :1]).all():
        return
    with_bias = plan.view(np.concatenate([left, bias[..., :1]], axis=2))
    if with_bias is None or with_bias.block.kind != "parameters":
        return
    n_columns = right.shape[1]
    ones_before = block.ones
    block.ones = max(ones_before, n_columns)
    ones = block.base + block.size + np.arange(n_columns)
    with_ones = plan.view(np.concatenate([right, ones.reshape(1, n_columns, 1)], axis=2))
    if with_ones is None:  # the right matrix does not reach to the end of its block row by row
        block.ones = ones_before
        return
    step.left, step.right, step.operands = with_bias, with_ones, []
