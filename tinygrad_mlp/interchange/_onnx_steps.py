"""From the plan of a compiled model to the nodes of an ONNX graph.

The compiler has recorded one sample, rediscovered the matrix products and put what can be computed
together into steps (``compiler/_layout.py``). A step that depends on the sample becomes nodes on
arrays of (n_samples, number of its results); what does not, such as the scale of a batch norm that
predicts, is computed here, in float64, and becomes an initializer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp import _array_math as array_math
from tinygrad_mlp._many_numbers import read_numbers
from tinygrad_mlp.compiler._layout import Constant, Operand, Plan, Step, slots_of
from tinygrad_mlp.compiler._softmax import shares_read_by
from tinygrad_mlp.engine import Value
from tinygrad_mlp.interchange._onnx_math import OnnxGraph, Tensor, computed

__all__ = ["StepWriter"]

IntArray = NDArray[np.int64]


class StepWriter:
    """Writes the steps of a plan into a graph.

    Args:
        graph: where the nodes go; its input is called "input".
        plan: of one sample, without parameters.
        names: what to call arrays of leaves, by the ids of the Values in them.
    """

    def __init__(
        self, graph: OnnxGraph, plan: Plan, names: Mapping[tuple[int, ...], tuple[str, Any]]
    ) -> None:
        self._graph = graph
        self._plan = plan
        self._names = names
        last = plan.blocks[-1]
        self._numbers = np.full(last.base + 2 * last.size + 2, np.nan)
        self._leaves: dict[int, Value] = {}
        self._tensors: dict[int, Tensor] = {}  # by the first slot of a block
        folded, slot_of = plan.folded, plan.slot_of
        for id_, number in folded.constants.items():
            if slot_of[id_] >= 0:
                self._numbers[slot_of[id_]] = number
        leaves = [*zip(folded.parameters, plan.recording.parameters), *folded.outer]
        slots = [int(slot_of[id_]) for id_, _ in leaves]
        self._numbers[slots] = read_numbers([leaf for _, leaf in leaves])
        self._leaves.update(zip(slots, [leaf for _, leaf in leaves]))
        (x,) = [block for block in plan.blocks if block.kind == "input"]
        self._tensors[x.base] = Tensor(graph, "input")
        for step in plan.steps:
            if step.out.mapped:
                self._tensors[step.out.base] = self._written(step)
            else:
                out = step.out.base + np.arange(step.out.size)
                self._numbers[out] = np.broadcast_to(self._evaluated(step), step.shape).ravel()

    def read(self, slots: IntArray) -> Tensor:
        """The numbers in these slots, for each sample: a tensor of (n_samples, n_slots).

        >>> from tinygrad_mlp.compiler import compile
        >>> program = compile(lambda x: [2.0 * x[1], 2.0 * x[0]], per_sample=True)
        >>> result = program(np.zeros((1, 2)))
        >>> graph, plan = OnnxGraph(np.dtype("float64"), 20), program.plan
        >>> writer = StepWriter(graph, plan, {})
        >>> writer.read(plan.slot_of[plan.folded.outputs]).name
        '/Gather_1'
        >>> [kind for kind, *_ in graph.nodes]
        ['Mul', 'Gather']
        """
        slots = slots.ravel()
        graph = self._graph
        blocks = {block.base: block for block in map(self._plan.block_at, np.unique(slots))}
        parts: list[Tensor] = []
        places = np.full(len(slots), -1, dtype=np.int64)
        start = 0
        for block in blocks.values():
            here = (slots >= block.base) & (slots < block.base + block.size)
            if block.mapped:
                parts.append(self._tensors[block.base])
                places[here] = start + slots[here] - block.base
                start += block.size
        fixed = places < 0
        if fixed.any():
            n_fixed = int(fixed.sum())
            n_samples = graph.add("Shape", Tensor(graph, "input"), start=0, end=1)
            shape = graph.add("Concat", n_samples, np.array([n_fixed]), axis=0)
            parts.append(graph.add("Expand", self._numbers[slots[fixed]][None, :], shape))
            places[fixed] = start + np.arange(n_fixed)
            start += n_fixed
        whole = parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)
        if np.array_equal(places, np.arange(start)):
            return whole
        return graph.add("Gather", whole, places, axis=1)

    # What depends on the sample

    def _written(self, step: Step) -> Tensor:
        if step.left is not None:
            return self._product(step)
        if step.op.variadic:
            return self._variadic(step)
        found = shares_read_by(step, self._plan)
        if found is not None:
            return self._softmax(*found)
        return computed(self._graph, step.op, self._elementwise(step))

    def _elementwise(self, step: Step) -> list[Any]:
        """The operands, as tensors of (n_samples, n), arrays of (n,) and numbers."""
        size = step.out.size
        slots = [None if isinstance(o, Constant) else slots_of(o).ravel() for o in step.operands]
        lone = [self._lone_column(each) for each in slots]
        has_all = any(
            each is not None and column is None and len(each) == size
            for each, column in zip(slots, lone)
        )
        operands: list[Any] = []
        for operand, each, column in zip(step.operands, slots, lone):
            if isinstance(operand, Constant):
                operands.append(float(operand.number))
            elif column is not None and has_all:
                operands.append(column)  # which NumPy's rules of broadcasting spread
            else:
                assert each is not None
                operands.append(self._row(each))
        return operands

    def _lone_column(self, slots: IntArray | None) -> Tensor | None:
        """The tensor of (n_samples, 1) with the one number that stands for all, if there is one."""
        if slots is None or (slots != slots[0]).any():
            return None
        block = self._plan.block_at(int(slots[0]))
        return self._tensors[block.base] if block.mapped and block.size == 1 else None

    def _variadic(self, step: Step) -> Tensor:
        inputs, n = self._lists(step)
        result = computed(self._graph, step.op, [inputs])
        return result if n == 1 else self._reshaped(result, n)

    def _lists(self, step: Step) -> tuple[Tensor, int]:
        """The operands of a variadic op, in the last axis; and how many lists of them there are."""
        (operand,) = step.operands
        assert not isinstance(operand, Constant)
        n, n_operands = operand.shape
        inputs = self.read(slots_of(operand))
        return (inputs if n == 1 else self._reshaped(inputs, n, n_operands)), n

    def _softmax(self, logsumexp: Step, places: IntArray) -> Tensor:
        """exp(x - logsumexp(x1, ..., xn)) for many x, by their places in (operands, lists)."""
        inputs, n = self._lists(logsumexp)
        (operand,) = logsumexp.operands
        assert not isinstance(operand, Constant)
        shares = self._graph.add("Softmax", inputs, axis=-1)
        if n > 1:
            shares = self._graph.add("Transpose", shares, perm=[0, 2, 1])
            shares = self._reshaped(shares, n * operand.shape[1])
        if np.array_equal(places, np.arange(n * operand.shape[1])):
            return shares
        return self._graph.add("Gather", shares, places, axis=1)

    def _product(self, step: Step) -> Tensor:
        """Sums of products: of stacked matrices (P, K) and (K, Q) for each sample."""
        left, right, terms = _factors(self._plan, step)
        graph, size = self._graph, step.out.size
        stacked, p, k = left.shape
        q = right.shape[1]
        weights = self._array(left[0]) if stacked == q == 1 and not self._varies(left) else None
        if k == 1:  # one product each
            shape = (stacked, p, q)
            total = self._row(np.broadcast_to(left, shape)) * self._row(
                np.broadcast_to(right.swapaxes(1, 2), shape)
            )
        elif weights is not None:  # a layer
            bias = [terms.pop(0)] if terms and not self._varies(terms[0]) else []
            inputs = [self.read(right), weights, *map(self._row, bias)]
            total = graph.add("Gemm", *inputs, transB=1)
        else:
            columns = graph.add("Transpose", self._stacked(right), perm=[0, 1, 3, 2])
            total = self._reshaped(graph.add("MatMul", self._stacked(left), columns), size)
        for term in terms:
            total = total + self._row(term)
        return total

    def _varies(self, slots: IntArray) -> bool:
        """Whether any of these numbers depend on the sample."""
        return any(self._plan.block_at(slot).mapped for slot in np.unique(slots).tolist())

    def _row(self, slots: IntArray) -> Tensor:
        """Numbers of (n_samples, n), or of (n,) where they are the same for every sample."""
        return self.read(slots) if self._varies(slots) else self._array(slots.ravel())

    def _stacked(self, slots: IntArray) -> Tensor:
        if self._varies(slots):
            return self._reshaped(self.read(slots), *slots.shape)
        return self._graph.constant(self._numbers[slots][None])

    def _array(self, slots: IntArray) -> Tensor:
        """Numbers that are the same for every sample; in their own name if all are of one array."""
        leaves = [self._leaves.get(slot) for slot in slots.ravel().tolist()]
        name, shape = self._names.get(tuple(map(id, leaves)), ("", None))
        return self._graph.constant(
            self._numbers[slots], name if shape in (None, slots.shape) else ""
        )

    def _reshaped(self, tensor: Tensor, *shape: int) -> Tensor:
        """With these axes behind that of the samples."""
        return self._graph.add("Reshape", tensor, np.array([0, *shape]))

    # What does not

    def _evaluated(self, step: Step) -> NDArray[np.float64]:
        operands = [self._number_array(operand) for operand in step.operands]
        with np.errstate(all="ignore"):
            if step.left is not None:
                left, right, terms = _factors(self._plan, step)
                total = self._numbers[left] @ self._numbers[right].swapaxes(-1, -2)
                for term in terms:
                    total = total + self._numbers[term]
                return np.asarray(total)
            if step.op.variadic:
                operands = [np.moveaxis(operands[0], -1, 0)]
                return np.asarray(step.op.compute(array_math, operands[0]))  # type: ignore[arg-type]
            return np.asarray(step.op.compute(array_math, operands))

    def _number_array(self, operand: Operand) -> NDArray[np.float64]:
        if isinstance(operand, Constant):
            return np.array(operand.number)
        numbers: NDArray[np.float64] = self._numbers[slots_of(operand)]
        return numbers


def _factors(plan: Plan, step: Step) -> tuple[IntArray, IntArray, list[IntArray]]:
    """The slots of both factors and of each plain term of a product.

    Where a bias was made a column of the weights, against ones behind a block, it is a term again.
    """
    assert step.left is not None and step.right is not None
    left, right = _slots(step.left), _slots(step.right)
    terms = [_slots(operand) for operand in step.operands]
    last = int(right[0, 0, -1])
    block = plan.block_at(last)
    if last >= block.base + block.size:
        bias = np.broadcast_to(left[:, :, -1:], step.shape)
        return left[..., :-1], right[..., :-1], [bias, *terms]
    return left, right, terms


def _slots(operand: Operand) -> IntArray:
    assert not isinstance(operand, Constant)  # which factors and terms of products never are
    return slots_of(operand)
