"""Between schedule and layout: groups that differ only in their length become one.

Where each token attends to those before it, there is a sum of one term, one of two, one of three:
as many groups as tokens, of one node each. Their operands are padded to the length of the longest,
with what changes no result, not even where numbers are infinite: 0 in a sum, -inf in a logsumexp,
the product 0 * 0 in a sum of products, an operand once more for the largest.
Nothing flows back to the padding, which is constant.
"""

from __future__ import annotations

from collections.abc import Hashable
from math import inf
from typing import Final

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp.compiler._folding import Folded, Ids
from tinygrad_mlp.compiler._schedule import Group

__all__ = ["padded"]

_FEWEST_GROUPS: Final = 4
"""Fewer than these are as many calls apart as together, gathers and scatters counted."""
_MOST_PADDING: Final = 2.0
"""How many times the operands there may be with the padding."""
_MOST_SLOTS_PER_GROUP: Final = 800
_MOST_ROWS_PER_GROUP: Final = 150
"""Copying more operands together than these takes longer than the calls that it saves: numbers, or
rows of one for each sample."""
_TERMS: Final = {ops.SUM: 0.0, ops.LOGSUMEXP: -inf}


def padded(groups: list[Group], folded: Folded, per_sample: bool) -> list[Group]:
    """The groups, those that are ragged merged; constants are added to the graph for the padding.

    >>> from tinygrad_mlp import functional as F
    >>> from tinygrad_mlp.compiler._folding import fold
    >>> from tinygrad_mlp.compiler._schedule import schedule
    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> def sums(x):
    ...     return [F.logsumexp(x[:n]) for n in (2, 3, 4, 5)]
    >>> folded = fold(trace(sums, [(5,)], []))
    >>> len(schedule(folded)), padded(schedule(folded), folded, per_sample=False)
    (4, [Group(level 1: 4 x logsumexp)])
    """
    alike: dict[Hashable, list[Group]] = {}
    for group in groups:
        key = _but_for_the_length(group, folded)
        if key is not None:
            alike.setdefault(key, []).append(group)
    most = _MOST_ROWS_PER_GROUP if per_sample else _MOST_SLOTS_PER_GROUP
    merged: dict[int, Group | None] = {}
    for together in alike.values():
        if _is_worth_padding(together, most):
            merged.update({id(group): None for group in together})
            merged[id(together[0])] = _one_of(together, folded)
    replaced = [merged.get(id(group), group) for group in groups]
    return [group for group in replaced if group is not None]


def _but_for_the_length(group: Group, folded: Folded) -> Hashable | None:
    """What groups have in common that can be merged; None for one that cannot."""
    op, kind = group.op, (group.level, group.op, group.varies, group.needs_grad)
    if op is ops.DOT and group.left:
        return (
            *kind,
            len(group.args[0]),
            _kinds(group.left[0], folded),
            _kinds(group.right[0], folded),
        )
    if op in _TERMS or (op is ops.AMAX and not group.needs_grad):  # equal operands share a gradient
        return kind
    return None


def _kinds(ids: Ids, folded: Folded) -> frozenset[tuple[bool, bool]]:
    """Whether operands vary, and whether they need a gradient; constants do neither."""
    varies, needs_grad = folded.varies, folded.needs_grad
    numbers = folded.constants
    return frozenset([(bool(varies[i]), bool(needs_grad[i])) for i in ids if i not in numbers])


def _is_worth_padding(groups: list[Group], most_per_group: int) -> bool:
    if len(groups) < _FEWEST_GROUPS:
        return False
    longest = max([_length(group) for group in groups])
    n_nodes = sum([len(group.ids) for group in groups])
    n_operands = sum([_length(group) * len(group.ids) for group in groups])
    n_slots = n_nodes * longest
    return n_slots <= min(_MOST_PADDING * n_operands, most_per_group * len(groups))


def _length(group: Group) -> int:
    return len(group.left[0] if group.left else group.args[0])


def _one_of(groups: list[Group], folded: Folded) -> Group:
    longest = max([_length(group) for group in groups])
    first = groups[0]
    together = Group(first.level, first.op, [], [], [], [], first.varies, first.needs_grad)
    for group in groups:
        missing = longest - _length(group)
        together.ids += group.ids
        if first.left:
            together.args += group.args
            together.left += _longer(group.left, missing, 0.0, folded)
            together.right += _longer(group.right, missing, 0.0, folded)
        elif first.op is ops.AMAX:
            together.args += [(*args, *args[-1:] * missing) for args in group.args]
        else:
            together.args += _longer(group.args, missing, _TERMS[first.op], folded)
    return together


def _longer(tuples: list[Ids], missing: int, number: float, folded: Folded) -> list[Ids]:
    """The tuples with a number behind; equal ones stay one object."""
    if not missing:
        return tuples
    padding = (_constant(number, folded),) * missing
    made = {id(ids): (*ids, *padding) for ids in tuples}
    return [made[id(ids)] for ids in tuples]


def _constant(number: float, folded: Folded) -> int:
    """The id of a number in the graph."""
    for id_, known in folded.constants.items():
        if known == number:
            return id_
    id_ = folded.n_ids
    folded.n_ids += 1
    folded.constants[id_] = number
    folded.varies = np.append(folded.varies, False)
    folded.needs_grad = np.append(folded.needs_grad, False)
    return id_
