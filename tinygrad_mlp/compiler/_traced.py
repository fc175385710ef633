"""Traced Values: what a function sees in the place of numbers while it is recorded.

They compute as Values do; whatever would need their numbers raises and names the line.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp._blocks import here
from tinygrad_mlp.compiler._refusals import USE_WHERE, data_was_read, used_as_number
from tinygrad_mlp.engine import Number, Value, apply, as_value
from tinygrad_mlp.ops import Op

__all__ = ["BY_VALUE", "Traced", "TracedTruth"]


def _refuses(how: str, remedy: str = USE_WHERE) -> Any:
    """A method that raises: what it would answer depends on the number."""

    def refused(self: Traced, *arguments: object) -> NoReturn:
        raise used_as_number(how, remedy)

    return refused


BY_VALUE: Final = (
    "use functional.equal(a, b), with functional.where(functional.equal(t, 1.0), a, b) in the "
    "place of a branch"
)
"""What to write instead of ``a == b``."""
_NO_OPERATION: Final = (
    "Values have + - * / ** // % and what functional offers; use functional.where(condition, a, b) "
    "to choose, and work out whatever else the data need before the program is called"
)
_TRUTH_VALUES: Final = (
    "& and | join comparisons, as in functional.where((a > 0) & (b > 0), a, b); for an "
    "exclusive or compare their numbers: functional.where((a > 0) * 1.0 - (b > 0), a, b)"
)


class Traced(Value):
    """A node without a number: what a function sees while it is recorded.

    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> def branching(x):
    ...     return x if x > 0 else -x
    >>> trace(branching, [()], [])
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.TracingError: a traced Value has no number yet, but ...
    """

    __slots__ = ("index",)

    index: int

    @property
    def data(self) -> float:
        """Raises: a traced Value has no number yet."""
        raise data_was_read("its .data was read")

    @data.setter
    def data(self, number: float) -> None:
        raise used_as_number("its .data was assigned")

    @property
    def grad(self) -> float:
        """Raises: the program computes the gradients."""
        raise used_as_number("its .grad was read (the program itself calls backward)")

    @grad.setter
    def grad(self, number: float) -> None:
        raise used_as_number("its .grad was assigned (the program itself calls backward)")

    @property
    def partials(self) -> tuple[float, ...]:  # type: ignore[override]
        """Raises: a traced Value has no local derivatives yet."""
        raise used_as_number("its .partials were read")

    def item(self) -> float:
        """Raises: a traced Value has no number yet."""
        raise data_was_read("its .item() was called")

    # Sums of products are what large graphs consist of; one frame less for each of their nodes.

    def __add__(self, other: Value | Number) -> Value:
        if (recorder := here().recorder) is None:
            return super().__add__(other)
        right = other if other.__class__ is Traced else as_value(other)
        return recorder.binary(ops.ADD, self, right)  # type: ignore[no-any-return]

    def __radd__(self, other: Any) -> Value:
        if (recorder := here().recorder) is None:
            return super().__radd__(other)
        left = other if isinstance(other, Value) else as_value(other)
        return recorder.binary(ops.ADD, left, self)  # type: ignore[no-any-return]

    def __mul__(self, other: Value | Number) -> Value:
        if (recorder := here().recorder) is None:
            return super().__mul__(other)
        right = other if other.__class__ is Traced else as_value(other)
        return recorder.binary(ops.MUL, self, right)  # type: ignore[no-any-return]

    def __rmul__(self, other: Any) -> Value:
        if (recorder := here().recorder) is None:
            return super().__rmul__(other)
        left = other if isinstance(other, Value) else as_value(other)
        return recorder.binary(ops.MUL, left, self)  # type: ignore[no-any-return]

    # The inputs of a function are plain numbers when it runs eagerly, and these compare and
    # compute with numbers.
    __eq__ = _refuses("it was compared with ==, != or in", BY_VALUE)
    __ne__ = __eq__
    __hash__ = Value.__hash__  # for the passes; while a function runs it is ``_hash_of_node``

    __bool__ = _refuses("it was used as a truth value (if, and, or, not, min, max)")
    __index__ = _refuses("it was used as an index")
    __float__ = _refuses("float() was called on it")
    __int__ = _refuses("int() was called on it")
    __complex__ = _refuses("complex() was called on it")
    __trunc__ = __floor__ = __ceil__ = _refuses("it was rounded", _NO_OPERATION)
    __divmod__ = __rdivmod__ = _refuses("divmod() was called on it", _NO_OPERATION)
    __and__ = __rand__ = _refuses("& was used on what is no comparison", _TRUTH_VALUES)
    __or__ = __ror__ = _refuses("| was used on what is no comparison", _TRUTH_VALUES)
    __xor__ = __rxor__ = _refuses("^ was used on it", _TRUTH_VALUES)
    __invert__ = _refuses("~ was used on it", _TRUTH_VALUES)
    __str__ = __format__ = _refuses("it was turned into text (str, format, print)")

    def __round__(self, ndigits: int | None = None) -> Value:
        if not ndigits:
            return super().__round__()
        raise used_as_number(  # Python rounds the decimal number, torch x * 100, and may differ
            "round() to some digits was called on it",
            "write round(v * 100.0) / 100.0 for round(v, 2)",
        )

    def __repr__(self) -> str:
        return f"Traced({self.op.formula if self.op else 'placeholder'}, index={self.index})"


class TracedTruth(Traced):
    """The result of a comparison: 1 where it holds, else 0; ``&`` and ``|`` join two of them."""

    __slots__ = ()

    def __and__(self, other: Value | bool) -> Value:
        return _joined(ops.MUL, self, other)

    __rand__ = __and__

    def __or__(self, other: Value | bool) -> Value:
        return _joined(ops.MAXIMUM, self, other)

    __ror__ = __or__


def _joined(op: Op, truth: TracedTruth, other: Value | bool) -> Value:
    if not isinstance(other, TracedTruth | bool | np.bool_):
        raise used_as_number("& or | was used on what is no comparison", _TRUTH_VALUES)
    node = apply(op, truth, as_value(float(other) if not isinstance(other, Value) else other))
    node.__class__ = TracedTruth
    return node
