"""Which leaves are frozen: they get no gradient, and an optimizer leaves them as they are.

A leaf has no local derivatives, so the place for them is free. In a frozen leaf it holds
``FROZEN``, which is as empty as the tuple of any other leaf: a node needs no room for it, and
pickles and copies keep it. Nobody looks for it as long as nothing has ever been frozen.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

__all__ = ["FROZEN", "changes", "frozen_among", "is_frozen", "note_change"]


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
    """Whether a leaf is frozen; what is no Value never is.

    >>> from tinygrad_mlp.engine import Value
    >>> w = Value(2.0)
    >>> w.requires_grad = False
    >>> is_frozen(w), is_frozen(w * 2.0), is_frozen(3.0)
    (True, False, False)
    """
    return getattr(leaf, "partials", None) is FROZEN


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
