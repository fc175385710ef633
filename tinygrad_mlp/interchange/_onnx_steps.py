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
from tinygrad_mlp import ops
from tinygrad_mlp._many_numbers import read_numbers
from tinygrad_mlp.compiler._layout import Block, Constant, Operand, Plan, Step, slots_of
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
        outer = [leaf for _, leaf in folded.outer]
        slots = [int(slot_of[id_]) for id_, _ in folded.outer]
        self._numbers[slots] = read_numbers(outer)
        self._leaves.update(zip(slots, outer))
        (x,) = [block for block in plan.blocks if block.kind == "input"]
        self._tensors[x.base] = Tensor(graph, "input")
        for step in plan.steps:
            if step.out.mapped:
                self._tensors[step.out.base] = self._written(step)
            else:
                out = step.out.base + np.arange(step.out.size)
                self._numbers[out] = np.broadcast_to(self._evaluated(step), step.shape).ravel()

    def read(self, slots: IntArray) -> Tensor:
        """The numbers in these slots, for each sample: a tensor of (n_samples, n_slots)."""
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
                assert each is not None and not isinstance(operand, Constant)
                operands.append(self.read(each) if operand.mapped else self._array(each))
        return operands

    def _lone_column(self, slots: IntArray | None) -> Tensor | None:
        """The tensor of (n_samples, 1) that has the one number for all of these, if there is one."""
        if slots is None or (slots != slots[0]).any():
            return None
        block = self._plan.block_at(int(slots[0]))
        return self._tensors[block.base] if block.mapped and block.size == 1 else None

    def _variadic(self, step: Step) -> Tensor:
        (operand,) = step.operands
        assert not isinstance(operand, Constant)
        n, n_operands = operand.shape
        inputs = self.read(slots_of(operand))
        if n == 1:
            return computed(self._graph, step.op, [inputs])
        stacked = self._reshaped(inputs, n, n_operands)
        return self._reshaped(computed(self._graph, step.op, [stacked]), n)

    def _product(self, step: Step) -> Tensor:
        """Sums of products: of stacked matrices (P, K) and (K, Q) for each sample."""
        left, right, graph = step.left, step.right, self._graph
        assert left is not None and right is not None
        assert not isinstance(left, Constant) and not isinstance(right, Constant)
        stacked, p, k = left.shape
        q = right.shape[1]
        terms = list(step.operands)
        if not left.mapped and stacked == q == 1:  # a layer
            weights = self._array(slots_of(left).reshape(p, k))
            inputs = [self.read(slots_of(right)), weights]
            if terms and not _is_mapped(terms[0]):
                inputs.append(self._term(terms.pop(0), p))
            total = graph.add("Gemm", *inputs, transB=1)
        else:
            factors = [self._factor(left), self._factor(right)]
            factors[1] = graph.add("Transpose", factors[1], perm=[0, 1, 3, 2])
            total = self._reshaped(graph.add("MatMul", *factors), step.out.size)
        for term in terms:
            total = total + self._term(term, step.out.size)
        return total

    def _factor(self, operand: Operand) -> Tensor:
        assert not isinstance(operand, Constant)
        slots = slots_of(operand)
        if operand.mapped:
            return self._reshaped(self.read(slots), *slots.shape)
        return self._graph.constant(self._numbers[slots][None])

    def _term(self, operand: Operand, size: int) -> Any:
        if isinstance(operand, Constant):
            return np.full(size, operand.number)
        slots = slots_of(operand).ravel()
        return self.read(slots) if operand.mapped else self._array(slots)

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
            if step.left is not None and step.right is not None:
                left, right = self._number_array(step.left), self._number_array(step.right)
                total = left @ right.swapaxes(-1, -2)
                for term in operands:
                    total = total + term
                return np.asarray(total)
            if step.op.variadic:
                operands = [np.moveaxis(operands[0], -1, 0)]
                return np.asarray(step.op.compute(array_math, operands[0]))
            return np.asarray(step.op.compute(array_math, operands))

    def _number_array(self, operand: Operand) -> NDArray[np.float64]:
        if isinstance(operand, Constant):
            return np.array(operand.number)
        numbers: NDArray[np.float64] = self._numbers[slots_of(operand)]
        return numbers


def _is_mapped(operand: Operand) -> bool:
    return not isinstance(operand, Constant) and operand.mapped
