"""Softmax in a plan: exponentials of differences to the logarithm of their own sum.

``exp(x - logsumexp(x1, ..., xn))``, for an x among those, is one of the shares of which logsumexp
has the exponentials already: its derivatives are made of them. So they are computed once.
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp import ops
from tinygrad_mlp.compiler._layout import Constant, Operand, Plan, Step, slots_of

__all__ = ["shares_read_by"]

IntArray = NDArray[np.int64]


def shares_read_by(step: Step, plan: Plan) -> tuple[Step, IntArray] | None:
    """The logsumexp of whose shares a step consists, and which: places in (operands, nodes).

    >>> from tinygrad_mlp import functional as F
    >>> from tinygrad_mlp.compiler._folding import fold
    >>> from tinygrad_mlp.compiler._layout import lay_out
    >>> from tinygrad_mlp.compiler._schedule import schedule
    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> recording = trace(lambda x: F.softmax(x), [(3,)], [])
    >>> folded = fold(recording)
    >>> plan = lay_out(schedule(folded), recording, folded, per_sample=True)
    >>> shares_read_by(plan.steps[-1], plan)
    (Step(logsumexp2 = logsumexp(1,)), array([0, 1, 2]))
    """
    if step.op is not ops.EXP:
        return None
    differences = _all_from(step.operands[0], plan, ops.SUB)
    if differences is None:
        return None
    difference, places = differences
    x, total = difference.operands
    sums = _all_from(total, plan, ops.LOGSUMEXP)
    if sums is None or isinstance(x, Constant):
        return None
    logsumexp, of_node = sums
    (operands,) = logsumexp.operands
    assert not isinstance(operands, Constant)
    stacked = slots_of(operands)  # (nodes, operands)
    n_nodes, n_operands = stacked.shape
    node = of_node.ravel()[places]
    n_slots = int(max(stacked.max(), slots_of(x).max())) + 1
    known = (np.arange(n_nodes)[:, None] * n_slots + stacked).ravel()
    wanted = node * n_slots + slots_of(x).ravel()[places]
    order = np.argsort(known, kind="stable")
    found = order[np.minimum(np.searchsorted(known[order], wanted), len(known) - 1)]
    if not np.array_equal(known[found], wanted):
        return None
    return logsumexp, (found % n_operands) * n_nodes + node


def _all_from(operand: Operand, plan: Plan, op: ops.Op) -> tuple[Step, IntArray] | None:
    """The one step of that op which an operand reads, and which of its results."""
    if isinstance(operand, Constant):
        return None
    slots = slots_of(operand)
    block = plan.block_at(int(slots.flat[0]))
    at = bisect_left(plan.steps, block.base, key=_base_of)  # their blocks lie in their order
    if at == len(plan.steps) or plan.steps[at].out is not block or plan.steps[at].op is not op:
        return None
    places = slots - block.base
    inside = bool(((places >= 0) & (places < block.size)).all())
    return (plan.steps[at], places) if inside else None


def _base_of(step: Step) -> int:
    return step.out.base
