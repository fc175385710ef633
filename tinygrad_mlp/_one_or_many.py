"""One output or several: a module returns a Value, or a list or tuple of Values, and takes either.

What a module returned is looked at here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from tinygrad_mlp._text import described
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError

__all__ = ["Outputs", "in_list", "unwrapped"]

Outputs: TypeAlias = Value | Sequence[Value]
"""What ``forward`` and ``logits`` return for one sample."""

_LISTS = (list, tuple)  # a union takes ten times as long to ask


def in_list(outputs: object, module: object) -> list[Value]:
    """The outputs of a module for one sample in a list, also where there is one.

    Args:
        outputs: what ``forward`` or ``logits`` returned.
        module: the module, for the error.

    Raises:
        InvalidArgumentError: if that is no Value, and no list or tuple of them.

    >>> a, b = Value(1.0), Value(2.0)
    >>> in_list(a, "model") == [a], in_list([a, b], "model") == in_list((a, b), "model") == [a, b]
    (True, True)
    """
    if isinstance(outputs, Value):
        return [outputs]
    if isinstance(outputs, _LISTS) and outputs:
        for output in outputs:
            if not isinstance(output, Value):
                break
        else:
            return outputs if isinstance(outputs, list) else list(outputs)
    raise InvalidArgumentError(
        f"forward of {module!r} returned {described(outputs)}, but a Value or a list of Values is "
        "needed: return [self.w * xi for xi in x]"
    )


def unwrapped(several: Any) -> Any:
    """The only one of a list or tuple of one; anything else as it is.

    >>> unwrapped([3.0]), unwrapped(3.0), unwrapped([1.0, 2.0])
    (3.0, 3.0, [1.0, 2.0])
    """
    return several[0] if isinstance(several, _LISTS) and len(several) == 1 else several
