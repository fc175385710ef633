"""What the modules below the engine know of a Value, and the gradient that nobody has computed."""

from __future__ import annotations

from typing import Any, Final, Protocol, TypeVar

import numpy as np

from tinygrad_mlp.op import Op

__all__ = ["NOT_COMPUTED", "AnyNode", "Node", "Number"]

Number = float | int | np.floating[Any] | np.integer[Any]
"""What is accepted wherever a Value is: a plain number, a NumPy scalar, a 0-d array."""

NOT_COMPUTED: Final = float("0.0")
"""An object of its own: 0.0, but nobody has computed it."""


class Node(Protocol):
    """A Value."""

    data: float
    grad: float
    op: Op | None
    parents: tuple[Any, ...]
    partials: tuple[float, ...]

    @property
    def label(self) -> str:
        """The name, or ""."""


AnyNode = TypeVar("AnyNode", bound=Node)
"""A Value, or one of a class below it."""
