"""What the functions of the debugger check of their arguments."""

from __future__ import annotations

from tinygrad_mlp._text import described
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import NotANumberError

__all__ = ["require_value"]


def require_value(value: object, call: str) -> Value:
    """The Value itself.

    Args:
        value: what was given.
        call: the call as it should be.

    Raises:
        NotANumberError: if it is no Value.

    >>> require_value(3.0, "trace_backward(loss)")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.NotANumberError: a Value is needed, the result of a computation, but got \
float 3.0; write trace_backward(loss) with loss = ... computed from Values
    """
    if isinstance(value, Value):
        return value
    raise NotANumberError(
        f"a Value is needed, the result of a computation, but got "
        f"{described(value, with_type=True)}; write {call} with loss = ... computed from Values"
    )
