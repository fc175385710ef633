"""Which leaves are frozen: they get no gradient, and an optimizer leaves them as they are.

A leaf has no local derivatives, so the place for them is free. In a frozen leaf it holds
``FROZEN``, which is as empty as the tuple of any other leaf: a node needs no room for it, and
pickles and copies keep it. Nobody looks for it as long as nothing has ever been frozen.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from tinygrad_mlp._node import NOT_COMPUTED, AnyNode
from tinygrad_mlp.errors import GraphError, InvalidArgumentError

__all__ = [
    "FROZEN",
    "changes",
    "clear_frozen",
    "frozen_among",
    "is_frozen",
    "note_change",
    "set_requires_grad",
    "without_frozen",
]


class _Frozen(tuple[float, ...]):
    """The empty tuple in the place of the partials; there is one."""

    __slots__ = ()

    def __reduce__(self) -> str:
        return "FROZEN"


FROZEN: Final = _Frozen()
"""What a frozen leaf has for partials."""

changes: Final[list[object]] = [None]
"""Another object after each change; None as long as there was none."""


def note_change() -> None:
    """Something was frozen, or is not any more.

    >>> before = changes[0]
    >>> note_change()
    >>> changes[0] is before
    False
    """
    changes[0] = object()


def is_frozen(leaf: Any) -> bool:
    """Whether a leaf is frozen; what is no Value, or a placeholder of a recording, never is.

    >>> from tinygrad_mlp.engine import Value
    >>> w = Value(2.0)
    >>> w.requires_grad = False
    >>> is_frozen(w), is_frozen(w * 2.0), is_frozen(3.0)
    (True, False, False)
    """
    has_none = isinstance(getattr(type(leaf), "partials", None), property)  # a placeholder
    return not has_none and getattr(leaf, "partials", None) is FROZEN


def frozen_among(leaves: Iterable[Any]) -> list[int]:
    """The places of those that are frozen.

    >>> from tinygrad_mlp.engine import Value
    >>> a, b = Value(2.0), Value(3.0)
    >>> b.requires_grad = False
    >>> frozen_among([a, b])
    [1]
    """
    if changes[0] is None:
        return []
    return [place for place, leaf in enumerate(leaves) if is_frozen(leaf)]


def without_frozen(reached: list[AnyNode]) -> list[AnyNode]:
    """The nodes but for frozen leaves; the list itself where there are none.

    >>> from tinygrad_mlp.engine import Value
    >>> nodes = [Value(2.0), Value(3.0)]
    >>> without_frozen(nodes) is nodes
    True
    >>> nodes[0].requires_grad = False
    >>> without_frozen(nodes)
    [Value(data=3.0, grad=0.0)]
    """
    if changes[0] is None:
        return reached
    open_to_gradients = [node for node in reached if node.parents or not is_frozen(node)]
    return reached if len(open_to_gradients) == len(reached) else open_to_gradients


def clear_frozen(order: Iterable[AnyNode]) -> None:
    """Take from the frozen leaves what has flowed to them: they have no gradient.

    >>> from tinygrad_mlp.engine import Value
    >>> w = Value(2.0)
    >>> w.requires_grad = False
    >>> w.grad += 3.0
    >>> clear_frozen([w])
    >>> w.grad, w.has_grad
    (0.0, False)
    """
    for node in order:
        if not node.parents and is_frozen(node):
            node.grad = NOT_COMPUTED


def set_requires_grad(leaves: Iterable[AnyNode], requires_grad: bool) -> None:
    """Freeze leaves, or let gradients flow to them again; their gradients are cleared.

    Raises:
        GraphError: if one of them was computed from others, or is a plain number of a formula.
        InvalidArgumentError: if that is neither True nor False.

    >>> from tinygrad_mlp.engine import Value
    >>> w = [Value(2.0), Value(3.0)]
    >>> set_requires_grad(w, False)
    >>> [leaf.requires_grad for leaf in w]
    [False, False]
    """
    if not isinstance(requires_grad, bool | np.bool_):
        raise InvalidArgumentError(
            f"requires_grad is {requires_grad!r}, but True or False is needed: "
            "value.requires_grad = False"
        )
    given = list(leaves)
    for leaf in given:
        if leaf.parents or leaf.op is not None:
            what = "was computed from other Values" if leaf.parents else "is a plain number"
            raise GraphError(
                f"requires_grad is set for leaves, such as parameters, and {leaf!r} {what}; to "
                "compute without a graph: with no_grad(): ..."
            )
    partials = () if requires_grad else FROZEN
    changed = [leaf for leaf in given if leaf.partials is not partials]
    for leaf in changed:
        leaf.partials = partials
        leaf.grad = NOT_COMPUTED
    if changed:
        note_change()
