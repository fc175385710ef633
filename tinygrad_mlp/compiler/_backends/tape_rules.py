"""The rules of the op table as scalar operations: what a tape has instead of numbers.

A rule is run once for all nodes of its op (``derive``), on ``Number`` operands; every function that
it calls becomes an ``Operation`` on the operands and on what the operations before gave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np

from tinygrad_mlp import _float_math as float_math
from tinygrad_mlp._interpreter import refuse_function
from tinygrad_mlp.compiler._instructions import LARGEST
from tinygrad_mlp.compiler._refusals import function_of_numpy, refuses_to_be_a_number
from tinygrad_mlp.compiler._symbols import OPERATORS
from tinygrad_mlp.ops import Op

__all__ = ["SUM", "Derived", "Number", "Operand", "Operation", "derive"]

SUM: Final = "sum"
"""The operation that takes any number of operands; all others are named as in the C library."""

_TERMS_AT_ONCE: Final = 16
"""A longer sum is one of partial sums, which do not wait for each other."""

Operand = tuple[Literal["operand", "result", "constant"], Any]
"""What an operation works on: the operand or the result of that number, or a constant."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One function and what it works on; its result is the number of its place in the list."""

    name: str
    operands: tuple[Operand, ...]


@dataclass(slots=True)
class Derived:
    """An op of some number of operands as operations.

    Attributes:
        operations: all of them, the value's first.
        value: where the value is.
        partials: where the local derivatives are.
    """

    operations: list[Operation]
    value: Operand
    partials: list[Operand] = field(default_factory=list)


def derive(op: Op, n_operands: int, *, differentiate: bool) -> Derived:
    """The value of an op and its local derivatives, by its rules.

    >>> from tinygrad_mlp.ops import TANH
    >>> for operation in derive(TANH, 1, differentiate=True).operations:
    ...     print(operation.name, *operation.operands)
    tanh ('operand', 0)
    multiply ('result', 0) ('result', 0)
    subtract ('constant', 1.0) ('result', 1)
    """
    xp = _Recorder()
    operands = [Number(xp, ("operand", position)) for position in range(n_operands)]
    value = xp.number(op.compute(xp, operands))
    found = Derived(xp.operations, value.operand)
    if differentiate:
        found.partials = [
            xp.number(partial).operand for partial in op.local_partials(xp, value, operands)
        ]
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """A number that is not known yet; operators make operations."""

    recorder: _Recorder
    operand: Operand

    def __add__(self, other: Any) -> Number:
        return self.recorder.note("add", self, other)

    def __radd__(self, other: Any) -> Number:
        return self.recorder.note("add", other, self)

    def __sub__(self, other: Any) -> Number:
        return self.recorder.note("subtract", self, other)

    def __rsub__(self, other: Any) -> Number:
        return self.recorder.note("subtract", other, self)

    def __mul__(self, other: Any) -> Number:
        return self.recorder.note("multiply", self, other)

    def __rmul__(self, other: Any) -> Number:
        return self.recorder.note("multiply", other, self)

    def __truediv__(self, other: Any) -> Number:
        return self.recorder.note("divide", self, other)

    def __rtruediv__(self, other: Any) -> Number:
        return self.recorder.note("divide", other, self)

    def __pow__(self, other: Any) -> Number:
        return self.recorder.note("power", self, other)

    def __rpow__(self, other: Any) -> Number:
        return self.recorder.note("power", other, self)

    def __neg__(self) -> Number:
        return self.recorder.note("negative", self)

    def __lt__(self, other: Any) -> Number:
        return self.recorder.note("less", self, other)

    def __le__(self, other: Any) -> Number:
        return self.recorder.note("less_equal", self, other)

    def __gt__(self, other: Any) -> Number:
        return self.recorder.note("greater", self, other)

    def __ge__(self, other: Any) -> Number:
        return self.recorder.note("greater_equal", self, other)

    def __and__(self, other: Any) -> Number:
        return self.recorder.note("logical_and", self, other)

    __bool__ = __float__ = refuses_to_be_a_number

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """The operator for one with a number of NumPy's; its functions are refused."""
        operation = OPERATORS.get(ufunc.__name__)
        if operation is None or any([isinstance(each, np.ndarray) for each in inputs]):
            raise function_of_numpy(ufunc.__name__, float_math.__all__)
        return operation(*[x.item() if isinstance(x, np.generic) else x for x in inputs])


class _Recorder:
    """The ``xp`` that notes operations down, equal ones once.

    Results are those of ``float_math``, which says what each function is.
    """

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self._known: dict[object, Number] = {}

    def number(self, x: Any) -> Number:
        return x if isinstance(x, Number) else Number(self, ("constant", float(x)))

    def note(self, name: str, *operands: Any) -> Number:
        operation = Operation(name, tuple([self.number(x).operand for x in operands]))
        key = repr(operation)  # in which -0.0 is not 0.0, and nan is nan
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = Number(self, ("result", len(self.operations)))
            self.operations.append(operation)
        return found

    def __getattr__(self, name: str) -> Callable[..., Number]:
        if name not in float_math.__all__:
            refuse_function(name)

        def call(*args: Any) -> Number:
            return self.note(name, *args)

        return call

    def equal_each(self, inputs: Iterable[Any], x: Any) -> list[Number]:
        return [self.note("equal", each, x) for each in inputs]

    def exp_shifted(self, inputs: Iterable[Any], shift: Any) -> list[Number]:
        return [self.note("exp", x - shift) for x in inputs]

    def finite(self, x: Any) -> Number:
        low = self.maximum(x, -LARGEST)
        return self.where(self.note("greater", x, LARGEST), LARGEST, low)

    def max(self, inputs: Iterable[Any]) -> Number:
        largest = self.number(float_math.inf * -1.0)
        for x in inputs:
            largest = self.maximum(largest, x)
        return largest

    def maximum(self, a: Any, b: Any) -> Number:
        return self.note("maximum", b, a)  # of 0.0 and -0.0 the library's is the first one

    def minimum(self, a: Any, b: Any) -> Number:
        return self.note("minimum", b, a)

    def shares(self, terms: Sequence[Any]) -> list[Number]:
        total = self.sum(terms)
        return [self.note("divide", x, total) for x in terms]

    def sigmoid(self, x: Any) -> Number:
        return self.note("divide", 1.0, 1.0 + self.note("exp", -self.number(x)))

    def softplus(self, x: Any) -> Number:
        return self.maximum(x, 0.0) + self.log1p(self.exp(-self.absolute(x)))

    def sum(self, inputs: Sequence[Any]) -> Number:
        n = _TERMS_AT_ONCE
        if len(inputs) <= n:
            return self.note(SUM, 0.0, *inputs)
        return self.sum([self.sum(inputs[i : i + n]) for i in range(0, len(inputs), n)])

    def sum_less_one(self, terms: Sequence[Any]) -> Number:
        found: Any = 0.0  # whether one of the terms before was 1
        others = []
        for term in terms:
            is_one = self.note("equal", term, 1.0)
            others.append(self.where(self.note("greater", is_one, found), 0.0, term))
            found = self.maximum(found, is_one)
        return self.sum(others) - self.note("subtract", 1.0, found)
