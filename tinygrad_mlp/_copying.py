"""How a graph is copied and pickled, however deep it is."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tinygrad_mlp._freezing import FROZEN, note_change
from tinygrad_mlp._node import NOT_COMPUTED
from tinygrad_mlp._node_checks import check_numbers
from tinygrad_mlp._order import topological_order
from tinygrad_mlp._reach import note_cut

__all__ = ["copied", "set_state", "state_of"]


def copied(value: Any, memo: dict[int, Any]) -> Any:
    """A copy of the graph of a Value, however deep; what is shared with other copies stays shared.

    A parameter that is copied by itself stands in no model.

    >>> from tinygrad_mlp import Value
    >>> x = Value(2.0, label="x")
    >>> copied(x, {}), copied(x, {}) is x
    (Value(data=2.0, grad=0.0, label='x'), False)
    """
    if not memo and not value.parents:
        alone = memo[id(value)] = object.__new__(type(value))
        alone.__setstate__((*value.__getstate__()[:-1], value.label))
        return alone
    for node in topological_order(value):
        if id(node) not in memo:
            copy = memo[id(node)] = object.__new__(type(node))
            data, grad, op, parents, partials, label = node.__getstate__()
            copies = tuple([memo[id(parent)] for parent in parents])
            label = label if label.__class__ is str else deepcopy(label, memo)
            copy.__setstate__((data, grad, op, copies, partials, label))
    return memo[id(value)]


def state_of(value: Any) -> tuple[Any, ...]:
    """What pickle keeps of a Value.

    Raises:
        NotANumberError: if something that is no number was assigned to its ``data``.

    >>> from tinygrad_mlp import Value
    >>> state_of(Value(2.0))
    (2.0, None, None, (), (), '')
    """
    check_numbers([value])
    grad = value.grad if value.has_grad else None
    return (value.data, grad, value.op, value.parents, value.partials, value._label)


def set_state(value: Any, state: tuple[Any, ...]) -> None:
    """Give a Value what was kept of another one.

    >>> from tinygrad_mlp import Value
    >>> x = Value(2.0)
    >>> set_state(x, state_of(Value(3.0)))
    >>> x.data
    3.0
    """
    value.data, grad, value.op, value.parents, value.partials, value._label = state
    value.grad = NOT_COMPUTED if grad is None else grad
    if value.partials is FROZEN:
        note_change()
    if value.op is not None and value.op.closed:
        note_cut(value.op, value.parents)
