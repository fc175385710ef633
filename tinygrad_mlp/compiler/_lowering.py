"""Pass 6, lower: the steps of the plan as instructions, forward and then backward.

Forward, a group is the op's rule on whole views. Backward, the groups run in reverse: a product
gives two products, an elementwise group multiplies what comes from above by its partials. What
becomes of that is up to ``gradients``; how sums of products are computed, up to ``contractions``.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp import ops
from tinygrad_mlp.compiler._adjoints import Gradients
from tinygrad_mlp.compiler._contractions import Contraction
from tinygrad_mlp.compiler._instructions import Instruction, Kind, Ref
from tinygrad_mlp.compiler._layout import (
    Constant,
    Gather,
    Plan,
    Step,
    View,
    affine_strides,
    common_shape,
)
from tinygrad_mlp.compiler._lowered import Arrays, Leaves
from tinygrad_mlp.compiler._softmax import shares_read_by
from tinygrad_mlp.compiler._symbols import Symbol
from tinygrad_mlp.compiler._tidying import tidied
from tinygrad_mlp.compiler._workspace import Workspace, moved_axes

__all__ = ["lower"]

IntArray = NDArray[np.int64]


def lower(plan: Plan, reduction: str | None) -> Arrays:
    """Instructions for the plan; with a ``reduction`` ("mean" or "sum") the gradients as well.

    >>> from tinygrad_mlp.compiler._folding import fold
    >>> from tinygrad_mlp.compiler._layout import lay_out
    >>> from tinygrad_mlp.compiler._schedule import schedule
    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> recording = trace(lambda x: x.tanh(), [()], [])
    >>> folded = fold(recording)
    >>> plan = lay_out(schedule(folded), recording, folded, per_sample=True)
    >>> lower(plan, None).instructions
    [tanh(x0[1, B], out=tanh0[1, B])]
    """
    return _Lowering(plan).run(reduction)


class _Lowering:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.work = Workspace(plan)
        self.xp = self.work.xp
        self.contractions: dict[int, Contraction] = {}  # by the base of the block of results
        self.known: dict[int, dict[Any, Symbol]] = {}  # likewise, what its forward has computed

    def run(self, reduction: str | None) -> Arrays:
        folded, work = self.plan.folded, self.work
        for step in self.plan.steps:
            self.xp.forget()
            self.forward(step)
        outputs, auxiliary = self.results(folded.outputs), None
        effects = [(leaf, self.assigned(id_)) for leaf, id_ in folded.effects]
        if reduction is None:
            outputs.buffer.pinned = True
        else:
            self.read_loss(outputs, reduction)
            if folded.auxiliary:
                auxiliary = self.results(folded.auxiliary)
                self.keep("auxiliary", "", auxiliary)
            self.backward(reduction)
        return Arrays(
            tidied(self.xp.instructions),
            self.xp.numbers,
            work.tables,
            self.leaves(),
            outputs,
            auxiliary,
            effects,
            work.gradients if reduction is not None else None,
        )

    def leaves(self) -> Leaves:
        of = self.work.leaves
        arguments = [of[f"x{number}"] for number in range(len(self.plan.recording.inputs))]
        return Leaves(of["parameters"], of["constants"], of["outer"], arguments, of["random"])

    # Results

    def results(self, ids: list[int]) -> Ref:
        operand = self.plan.operand(self.plan.slot_of[np.array(ids, dtype=np.int64)])
        assert not isinstance(operand, Constant)
        return self.work.ref(operand)

    def assigned(self, id_: int) -> Ref:
        ref = self.results([id_])
        assert not ref.mapped  # what depends on the sample is refused before, in ``translate``
        ref.buffer.pinned = True
        return ref

    def read_loss(self, loss: Ref, reduction: str) -> None:
        """Read the loss: a number, or a sum over the samples; of products, as an inner product."""
        if not loss.mapped:
            for_each = self.plan.per_sample and reduction == "sum"  # the same for B samples
            self.keep("loss", "element", loss, scale=-1 if for_each else 0)
            return
        scale = 1 if reduction == "mean" else 0
        difference = self.difference_of(loss)
        factors = self.factors_of(loss)
        if difference:
            function, row, *products = difference
            self.keep("loss", function, _flat(row), *products, scale=scale)
        elif factors:
            self.keep("loss", "inner", *factors, scale=scale)
        else:
            self.keep("loss", "sum", _flat(loss), scale=scale)

    def factors_of(self, loss: Ref) -> list[Ref] | None:
        """The two rows whose products the loss was made from last, if it was."""
        calls = self.xp.instructions[-2:]
        if len(calls) < 2 or calls[1].kind != "copy" or calls[1].out.buffer is not loss.buffer:
            return None
        product = calls[0]
        factors = [arg for arg in product.args if isinstance(arg, Ref)]
        is_row_of_products = (
            product.function == "multiply"
            and product.out is calls[1].args[0]
            and loss.buffer.size == 1
            and len(factors) == 2
            and all(factor.mapped and factor.is_single for factor in factors)
        )
        if not is_row_of_products:
            return None
        return [_flat(factor) for factor in factors]

    def difference_of(self, loss: Ref) -> tuple[str, Ref, Ref, Ref] | None:
        """For a row minus a row of sums of products, as cross-entropy is: the row, the factors.

        The sum over the samples is then the sum of the one minus one inner product over everything;
        the first of the four is what such a loss is called.
        """
        last = self.plan.steps[-1] if self.plan.steps else None
        if last is None or last.op is not ops.SUB or self.work.results(last).buffer != loss.buffer:
            return None
        row, products = last.operands
        if not isinstance(row, View) or not isinstance(products, View) or not row.mapped:
            return None
        if row.block.size != 1 or products.block.size != 1:
            return None
        contraction = self.contractions.get(products.block.base)
        if contraction is not None:
            function, factors = "sum_less_inner", contraction.inner_factors()
        else:
            function, factors = "sum_less_weighted", self.weighted_factors(products)
        return (function, self.work.ref(row), *factors) if factors else None

    def weighted_factors(self, total: View) -> tuple[Ref, Ref] | None:
        """The weights and what they weigh, if that is the sum of all products of one sample."""
        steps = {step.out.base: step for step in self.plan.steps}
        summed = steps.get(total.block.base)
        terms = summed.operands[0] if summed is not None and summed.op is ops.SUM else None
        made_by = steps.get(terms.block.base) if isinstance(terms, View) else None
        if made_by is None or made_by.op is not ops.WEIGHTED or len(made_by.shape) != 1:
            return None
        weights, x = made_by.operands
        whole = isinstance(terms, View) and prod(terms.shape) == made_by.out.size
        if not (whole and isinstance(weights, View) and isinstance(x, View)):
            return None
        return (self.work.ref(weights), self.work.ref(x)) if weights.mapped and x.mapped else None

    def keep(self, kind: Kind, function: str, *refs: Ref, scale: int = 0) -> None:
        """Read a result, before its memory is used again."""
        out = self.xp.new((), mapped=False)
        out.buffer.pinned = True
        self.xp.instructions.append(Instruction(kind, function, refs, out, scale=scale))

    # Steps

    def forward(self, step: Step) -> None:
        if step.left is not None:
            contraction = self.contractions[step.out.base] = Contraction(self.work, step)
            contraction.forward()
            return
        if step.op in ops.OVER_BATCH:
            self.work.store(self.over_batch(step), self.work.results(step))
            return
        shares = shares_read_by(step, self.plan)
        if shares is not None:
            self.read_shares(step, *shares)
            return
        self.xp.factors_first = True
        result = step.op.forward(self.xp, *self.inputs(step))
        self.xp.factors_first = False
        self.known[step.out.base] = self.xp.known()
        self.work.store(self.xp.symbol(result), self.work.results(step))

    def read_shares(self, step: Step, logsumexp: Step, places: IntArray) -> None:
        """The results of a softmax: what the derivatives of its logsumexp are, too."""
        joint_partials = logsumexp.op.joint_partials
        assert joint_partials is not None
        self.xp.remember(self.known[logsumexp.out.base])
        out = Symbol(self.xp, self.work.results(logsumexp))
        shares = joint_partials(self.xp, out, *self.inputs(logsumexp)).ref
        self.known[logsumexp.out.base] = self.xp.known()  # the backward finds them
        target = self.work.results(step)
        shape = common_shape([places.ravel()], places.size)
        strides = affine_strides(places.reshape(shape))
        if strides is not None:
            view = Ref(shares.buffer, int(places.flat[0]), shape, strides)
            self.work.store(Symbol(self.xp, view), target.reshaped(shape))
        else:
            table = self.work.table(places.ravel())
            whole = shares.reshaped((shares.buffer.size,)).padded(False)
            call = Instruction("gather", "take", [whole, table, None], target)
            self.xp.instructions.append(call)

    def over_batch(self, step: Step) -> Symbol:
        """The sums or means over the samples; what is the same for all of them counts B times."""
        x = self.work.read(step.operands[0])
        if x.ref is not None and x.mapped:
            total = self.xp.reduce("add", x, (len(x.ref.shape),))
        else:
            total = x.times(1.0, -1)
        return total.times(1.0, 1) if step.op is ops.BATCH_MEAN else total

    def backward_over_batch(self, step: Step, upstream: Symbol, gradients: Gradients) -> None:
        """To each sample the same flows."""
        (operand,) = step.operands
        share = upstream.times(1.0, 1) if step.op is ops.BATCH_MEAN else upstream
        gradients.contribute(operand, share, step.shape, mapped=True)

    def inputs(self, step: Step) -> list[Symbol]:
        """The operands; those of a variadic group as one, stacked along the first axis."""
        mapped = step.out.mapped
        if step.op.variadic:
            stacked = self.work.ref(_only_operand(step)).axes(1, 0)
            return [Symbol(self.xp, stacked.padded(mapped))]
        return [self.work.read(operand, mapped) for operand in step.operands]

    def backward(self, reduction: str) -> None:
        plan = self.plan
        (loss_id,) = plan.folded.outputs
        loss = plan.view(plan.slot_of[np.array([loss_id], dtype=np.int64)])
        assert loss is not None
        seed = Symbol(self.xp, None, 1.0)
        if loss.mapped and reduction == "mean":
            seed = seed.times(1.0, 1)
        elif plan.per_sample and not loss.mapped and reduction == "sum":
            seed = seed.times(1.0, -1)  # the same loss for each of B samples
        gradients = Gradients(self.work, loss)
        gradients.contribute(loss, seed, loss.shape, mapped=False)
        for step in reversed(plan.steps):
            if step.out.needs_grad:
                self.xp.remember(self.known.get(step.out.base, {}))
                self.backward_step(step, gradients.take(step), gradients)
        gradients.finish(plan.blocks[0])

    def backward_step(self, step: Step, upstream: Symbol, gradients: Gradients) -> None:
        mapped = step.out.mapped
        if step.left is not None:
            self.contractions[step.out.base].backward(gradients, upstream)
            return
        if step.op in ops.OVER_BATCH:
            self.backward_over_batch(step, upstream, gradients)
            return
        inputs = self.inputs(step)
        out = Symbol(self.xp, self.work.results(step))
        operands = step.operands
        if step.op.variadic:
            stacked = moved_axes(_only_operand(step), 1, 0)
            operands = [stacked]
            if step.op.joint_partials is not None:
                partial = step.op.joint_partials(self.xp, out, *inputs)
                gradients.contribute(stacked, upstream * partial, stacked.shape, mapped)
                return
        for operand, rule in zip(operands, step.op.partials):
            if not operand.needs_grad or rule == 0.0:
                continue
            partial = rule if isinstance(rule, float) else rule(self.xp, out, *inputs)
            shape = step.shape if isinstance(operand, Constant) else operand.shape
            gradients.contribute(operand, upstream * partial, shape, mapped)


def _flat(row: Ref) -> Ref:
    """A single row without the axes of length 1 that lead."""
    return Ref(row.buffer, row.offset, (), ())


def _only_operand(step: Step) -> View | Gather:
    """All operands of a variadic group, one row for each node."""
    (operand,) = step.operands
    assert not isinstance(operand, Constant)
    return operand
