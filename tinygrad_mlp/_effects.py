"""What a function does beside computing: it assigns to leaves, and checks its arguments.

Eagerly that happens at once; a compiled program does it at each call.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_mlp._blocks import current
from tinygrad_mlp._node import Node, Number
from tinygrad_mlp._node_checks import as_float
from tinygrad_mlp._recorders import ArrayCheck
from tinygrad_mlp.errors import GraphError

__all__ = ["assign", "check_at_calls"]


def assign(leaf: Node, value: Node | Number) -> None:
    """Set a leaf's number to that of ``value``, outside the graph; a compiled program does it too.

    For running statistics and the like: no gradient flows through an assignment.

    Raises:
        GraphError: if the target is not a leaf.

    >>> from tinygrad_mlp import Value
    >>> running_mean = Value(0.0)
    >>> assign(running_mean, 0.9 * running_mean + 0.1 * 5.0)
    >>> running_mean.data
    0.5
    """
    if leaf.parents:
        raise GraphError("assign changes a leaf, and this Value was computed from others")
    recorder = current().recorder
    if recorder is not None:
        recorder.assign(leaf, value)
    else:
        leaf.data = as_float(value)


def check_at_calls(check: ArrayCheck, values: Sequence[Node]) -> None:
    """Have a compiled program check these arguments of it at each call.

    For what can only be checked when the numbers are there. Where no function is being compiled, it
    does nothing.

    Args:
        check: its ``check_array`` gets these numbers as a row, together with all rows of the call.
        values: Values that the function was called with.

    >>> from tinygrad_mlp import Value
    >>> check_at_calls(None, [Value(1.0)])
    """
    recorder = current().recorder
    if recorder is not None:
        recorder.check_at_calls(check, values)
