"""What the tests compare an operation with, and where."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["POSITIVE", "REAL_LINE", "Reference"]

REAL_LINE: Final = (-4.0, 4.0)
"""Where tests draw numbers."""
POSITIVE: Final = (0.05, 4.0)
"""Likewise, where they are to be greater than 0."""


class Reference(NamedTuple):
    """What the tests compare an op with; nothing else reads it.

    Args:
        torch: a dotted name in ``torch``, called with the same inputs; "" is the name of the op.
        domain: per input the open interval from which tests draw points; unless given ``REAL_LINE``
            for each.
        kinks: a point (a tuple of inputs) for each special behavior, such as a jump or an infinity.

    >>> from tinygrad_mlp.op import op_named
    >>> op_named("log").reference.domain
    ((0.05, 4.0),)
    """

    torch: str = ""
    domain: tuple[tuple[float, float], ...] = ()
    kinks: tuple[tuple[float, ...], ...] = ()

    def of(self, n_inputs: int) -> Reference:
        """The same for an op of so many inputs, with a domain for each."""
        return self if self.domain else self._replace(domain=(REAL_LINE,) * n_inputs)
