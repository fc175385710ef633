"""Sums of products as instructions: products, inner products, matrix products, contractions.

In all of them ``out[s, p, q] = sum over k of left[s, p, k] * right[s, q, k]``, plus plain terms. In
a per-sample program the samples are one more axis ``b`` of whatever depends on them. Where the left
side does not and the right one does, a layer in most cases, the samples are the columns of the
right matrix, ``(P, K) @ (K, B)``, and Q is 1.
"""

from __future__ import annotations

import numpy as np

from tinygrad_mlp.compiler._adjoints import Gradients
from tinygrad_mlp.compiler._instructions import Instruction, Ref
from tinygrad_mlp.compiler._layout import Constant, Gather, Operand, Step, View
from tinygrad_mlp.compiler._symbols import Symbol
from tinygrad_mlp.compiler._workspace import Workspace, moved_axes

__all__ = ["Contraction", "is_elementwise"]


def is_elementwise(step: Step) -> bool:
    """Whether a sum of products has one product only, and no matrix in it.

    >>> from tinygrad_mlp import ops
    >>> from tinygrad_mlp.compiler._layout import Block
    >>> block = Block("x0", "input", 0, 3, mapped=False, needs_grad=False)
    >>> column = View(block, 0, (1, 3, 1), (0, 1, 0))
    >>> is_elementwise(Step(ops.DOT, block, (1, 3, 3), [], column, column))
    False
    """
    left, _ = _factors(step)
    _, p, q = step.shape
    return left.shape[2] == 1 and (p == 1 or (q == 1 and not step.out.mapped))


def _factors(step: Step) -> tuple[View | Gather, View | Gather]:
    left, right = step.left, step.right
    assert left is not None and not isinstance(left, Constant)
    assert right is not None and not isinstance(right, Constant)
    return left, right


class Contraction:
    """One step that is a sum of products, forwards and backwards.

    Args:
        work: where the instructions go.
        step: the step.

    >>> from tinygrad_mlp import Value
    >>> from tinygrad_mlp.compiler._folding import fold
    >>> from tinygrad_mlp.compiler._layout import lay_out
    >>> from tinygrad_mlp.compiler._schedule import schedule
    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> w = [Value(2.0), Value(3.0)]
    >>> recording = trace(lambda x: w[0] * x[0] + w[1] * x[1], [(2,)], w)
    >>> folded = fold(recording)
    >>> plan = lay_out(schedule(folded), recording, folded, per_sample=True)
    >>> work = Workspace(plan)
    >>> Contraction(work, plan.steps[0]).forward()
    >>> [(call.function, call.args[0].shape) for call in work.xp.instructions]
    [('matmul', (1, 2)), ('copyto', (1, 1, 1))]
    """

    def __init__(self, work: Workspace, step: Step) -> None:
        self._work = work
        self._xp = work.xp
        self._step = step
        self._mapped = step.out.mapped
        self._factors = _factors(step)
        self._left, self._right = [work.ref(factor) for factor in self._factors]

    @property
    def _is_inner(self) -> bool:
        """Whether it is an inner product for each node: of rows of samples, or many of them."""
        stacked, p, q = self._step.shape
        left, right = self._left, self._right
        return p == q == 1 and left.mapped == right.mapped and (left.mapped or stacked > 1)

    def inner_factors(self) -> tuple[Ref, Ref] | None:
        """The two factors, if it is a plain inner product of rows of samples for one node."""
        rows = self._left.mapped and self._step.shape == (1, 1, 1)  # then the right one is, too
        return (self._left, self._right) if rows and not self._step.operands else None

    def forward(self) -> None:
        """The sums of products and the plain terms."""
        step = self._step
        out = self._work.results(step)
        if is_elementwise(step):
            left, right = self._as_terms()
            total = left * right
        elif self._is_inner:
            products = Symbol(self._xp, self._left) * Symbol(self._xp, self._right)
            total = self._xp.reduce("add", products, (2,))
            assert total.ref is not None
            total = total.seen_as(total.ref.reshaped(step.shape))
        else:
            total = Symbol(self._xp, self._matrix_product())
        for operand in step.operands:
            total = total + self._work.read(operand, self._mapped)
        self._work.store(total, out)

    def backward(self, gradients: Gradients, upstream: Symbol) -> None:
        """What flows to the plain terms and to both factors."""
        step, mapped = self._step, self._mapped
        for operand in step.operands:
            gradients.contribute(operand, upstream, step.shape, mapped)
        left, right = self._factors
        if is_elementwise(step):
            left_terms, right_terms = self._as_terms()
            _, p, q = step.shape
            gradients.contribute(_along(left, 2, q), upstream * right_terms, step.shape, mapped)
            gradients.contribute(_along(right, 1, p), upstream * left_terms, step.shape, mapped)
        elif self._is_inner:
            for operand, other in ((left, self._right), (right, self._left)):
                if operand.needs_grad:
                    flowing = upstream * Symbol(self._xp, other)
                    gradients.contribute(operand, flowing, operand.shape, mapped)
        else:
            g = self._work.materialized(upstream, step.shape, mapped)
            if left.needs_grad:
                self._backward_left(gradients, g)
            if right.needs_grad:
                self._backward_right(gradients, g)

    def _as_terms(self) -> tuple[Symbol, Symbol]:
        """The factors (S, P, 1) and (S, Q, 1) in the axes (S, P, Q), for a single product."""
        left = self._left.padded(self._mapped)
        right = self._right.axes(0, 2, 1).padded(self._mapped)
        return Symbol(self._xp, left), Symbol(self._xp, right)

    # Matrix products

    @property
    def _by_contraction(self) -> bool:
        """Whether the samples are neither absent nor the columns of the right matrix."""
        return self._left.mapped or self._mapped != self._right.mapped

    def _matrix_product(self) -> Ref:
        """left (S, P, K) right (S, Q, K), the last two transposed."""
        left, right = self._left, self._right
        out = self._xp.new(self._step.shape, self._mapped)
        if self._by_contraction:
            self._contract("spk", left, "sqk", right, "spq", out)
        elif self._mapped:  # (S, P, K) (S, K, B)
            self._matmul(left, right.axes(0, 2), out.axes(0, 1))
        else:
            self._matmul(left, right.axes(0, 2, 1), out)
        return out

    def _backward_left(self, gradients: Gradients, g: Ref) -> None:
        """left += g right."""
        left, right = self._factors[0], self._right
        out = self._xp.new(left.shape, left.mapped)
        if self._by_contraction:
            self._contract("spq", g, "sqk", right, "spk", out)
        elif self._mapped:  # (S, P, B) (S, B, K)
            self._matmul(g.axes(0, 1), _rows_of_samples(right.axes(0, 2)), out)
        else:
            self._matmul(g, right, out)
        gradients.contribute(left, Symbol(self._xp, out), left.shape, left.mapped)

    def _backward_right(self, gradients: Gradients, g: Ref) -> None:
        """right += g^T left, but nothing to the ones behind a block."""
        right, left = self._factors[1], self._left
        s, q, k = right.shape
        if isinstance(right, View) and right.block.ones:
            last = right.offset + (k - 1) * right.strides[2]
            if last >= right.block.size:
                k -= 1
                right = View(right.block, right.offset, (s, q, k), right.strides)
                left = Ref(left.buffer, left.offset, (*left.shape[:2], k), left.strides)
        out = self._xp.new((s, k, q), right.mapped)
        right = moved_axes(right, 0, 2, 1)
        if self._by_contraction:
            self._contract("spq", g, "spk", left, "skq", out)
        elif self._mapped:  # (S, K, P) (S, P, B)
            self._matmul(left.axes(0, 2, 1), g.axes(0, 1), out.axes(0, 1))
        else:  # (S, K, P) (S, P, Q)
            self._matmul(left.axes(0, 2, 1), g, out)
        gradients.contribute(right, Symbol(self._xp, out), (s, k, q), right.mapped)

    def _matmul(self, a: Ref, b: Ref, out: Ref) -> None:
        args = [a.unstacked(), b.unstacked()]
        self._xp.instructions.append(Instruction("matmul", "matmul", args, out.unstacked()))

    def _contract(self, a: str, x: Ref, b: str, y: Ref, c: str, out: Ref) -> None:
        inputs = [axes + "b" * ref.mapped for axes, ref in ((a, x), (b, y))]
        labels = (inputs[0], inputs[1], c + "b" * out.mapped)
        self._xp.instructions.append(
            Instruction("contract", "contract", [x, y], out, labels=labels)
        )


def _along(operand: View | Gather, axis: int, length: int) -> Operand:
    """A factor of a single product in the axes (S, P, Q), repeated along one of them."""
    if axis == 1:
        operand = moved_axes(operand, 0, 2, 1)
    shape = (*operand.shape[:axis], length, *operand.shape[axis + 1 :])
    if isinstance(operand, Gather):
        slots = np.broadcast_to(operand.slots, shape)
        return Gather(slots, operand.mapped, operand.needs_grad)
    return View(operand.block, operand.offset, shape, operand.strides)


def _rows_of_samples(ref: Ref) -> Ref:
    """(S, K, B) as (S, B, K)."""
    return Ref(ref.buffer, ref.offset, ref.shape, ref.strides, ref.pad, swap=True)
