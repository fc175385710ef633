"""The namespace that interprets a rule as instructions: what the compiler has instead of numbers.

A rule of the op table is run once on ``Symbol`` operands; every function it calls becomes an
instruction. A symbol is ``factor * array``: constant factors are carried along and multiplied out
only where something else than a product needs the array.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isfinite, prod
from typing import Any, Final

import numpy as np

from tinygrad_mlp import _array_math as array_math
from tinygrad_mlp import _float_math as float_math
from tinygrad_mlp._interpreter import refuse_function
from tinygrad_mlp.compiler._instructions import (
    LARGEST,
    Argument,
    Buffer,
    Instruction,
    Number,
    Ref,
    contiguous,
)
from tinygrad_mlp.compiler._refusals import function_of_numpy, refuses_to_be_a_number

__all__ = ["Emitter", "Symbol"]


OPERATORS: Final[dict[str, Callable[..., Any]]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "power": operator.pow,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
}
"""What the operators of NumPy's numbers are called there."""


@dataclass(slots=True, unsafe_hash=True)  # not frozen, which takes longer to make
class Symbol:
    """``factor * inv_b^scale * array``; without an array, a number.

    ``scale`` counts factors 1 / B, B the batch size of the call.

    >>> two = Emitter().symbol(2.0)
    >>> (two * 3.0 - 1.0).factor, two.is_plain, two.times(0.5).is_plain
    (5.0, False, True)
    """

    emitter: Emitter
    ref: Ref | None
    factor: float = 1.0
    scale: int = 0

    def __repr__(self) -> str:
        factor = repr(self.factor) + (" / B" * self.scale or " * B" * -self.scale)
        if self.ref is None:
            return factor
        return repr(self.ref) if self.is_plain else f"{factor} * {self.ref}"

    def times(self, factor: float, scale: int = 0) -> Symbol:
        """The same array with another constant factor."""
        return Symbol(self.emitter, self.ref, self.factor * factor, self.scale + scale)

    def seen_as(self, ref: Ref) -> Symbol:
        """The same factor of another view."""
        return Symbol(self.emitter, ref, self.factor, self.scale)

    @property
    def mapped(self) -> bool:
        """Whether it is a row for each slot."""
        return self.ref is not None and self.ref.mapped

    @property
    def is_plain(self) -> bool:
        """Whether the factor is 1."""
        return self.factor == 1.0 and self.scale == 0

    def __add__(self, other: Any) -> Symbol:
        return self.emitter.add(self, self.emitter.symbol(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Symbol:
        return self.emitter.add(self, self.emitter.symbol(other).times(-1.0))

    def __rsub__(self, other: Any) -> Symbol:
        return self.emitter.add(self.emitter.symbol(other), self.times(-1.0))

    def __mul__(self, other: Any) -> Symbol:
        return self.emitter.multiply(self, self.emitter.symbol(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Symbol:
        return self.emitter.divide(self, other)

    def __rtruediv__(self, other: Any) -> Symbol:
        return self.emitter.divide(other, self)

    def __pow__(self, other: Any) -> Symbol:
        return self.emitter.power(self, other)

    def __rpow__(self, other: Any) -> Symbol:
        return self.emitter.power(other, self)

    def __neg__(self) -> Symbol:
        return self.times(-1.0)

    __bool__ = __float__ = refuses_to_be_a_number

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """The operator for one with a number of NumPy's; its functions are refused.

        Raises:
            TracingError: for any other function of NumPy.
        """
        operation = OPERATORS.get(ufunc.__name__)
        if operation is None or any([isinstance(each, np.ndarray) for each in inputs]):
            raise function_of_numpy(ufunc.__name__, array_math.__all__)
        return operation(*[x.item() if isinstance(x, np.generic) else x for x in inputs])

    def __lt__(self, other: Any) -> Symbol:
        return self.emitter.compare("less", self, other)

    def __le__(self, other: Any) -> Symbol:
        return self.emitter.compare("less_equal", self, other)

    def __gt__(self, other: Any) -> Symbol:
        return self.emitter.compare("greater", self, other)

    def __ge__(self, other: Any) -> Symbol:
        return self.emitter.compare("greater_equal", self, other)

    def __and__(self, other: Any) -> Symbol:
        return self.emitter.call("logical_and", self, self.emitter.symbol(other), boolean=True)


@dataclass(slots=True)
class Emitter:
    """Collects instructions; it is the ``xp`` of the rules.

    With ``factors_first``, a factor is multiplied in before the product of two arrays, as eagerly:
    that product may overflow where ``0.5 * x * y`` does not.

    >>> from tinygrad_mlp.ops import RELU
    >>> xp = Emitter()
    >>> x = Symbol(xp, xp.new((3,), mapped=False))
    >>> out = RELU.forward(xp, x)
    >>> xp.instructions
    [less_equal(t[3], c0, out=t[3]), maximum(t[3], c0, out=t[3])]
    """

    instructions: list[Instruction] = field(default_factory=list)
    factors_first: bool = False
    numbers: list[Number] = field(default_factory=list)
    _number_of: dict[str, Number] = field(default_factory=dict)
    _known: dict[Any, Symbol] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Emitter({len(self.instructions)} instructions)"

    def symbol(self, operand: Any) -> Symbol:
        """A number as a symbol."""
        return operand if isinstance(operand, Symbol) else Symbol(self, None, float(operand))

    def forget(self) -> None:
        """Start a group: results of earlier ones are not looked up any more."""
        self._known = {}

    def known(self) -> dict[Any, Symbol]:
        """What is looked up now, for ``remember``."""
        return self._known

    def remember(self, known: dict[Any, Symbol]) -> None:
        """Start the backward of a group whose forward results are looked up, too."""
        self._known = dict(known)

    def number(self, factor: float, scale: int = 0) -> Number:
        """A constant of the program; the same one each time."""
        key = repr((factor, scale))  # tells 0.0 from -0.0, and finds nan again
        number = self._number_of.get(key)
        if number is None:
            number = self._number_of[key] = Number(f"c{len(self.numbers)}", factor, scale)
            self.numbers.append(number)
        return number

    def argument(self, symbol: Symbol) -> Ref | Number:
        """What stands for a symbol in an instruction; its factor is multiplied out first."""
        if symbol.ref is None:
            return self.number(symbol.factor, symbol.scale)
        if symbol.is_plain:
            return symbol.ref
        if symbol.factor == -1.0 and symbol.scale == 0 and not symbol.ref.buffer.boolean:
            return self._ufunc("negative", [symbol.ref], boolean=False).ref  # type: ignore[return-value]
        number = self.number(symbol.factor, symbol.scale)
        return self._ufunc("multiply", [symbol.ref, number]).ref  # type: ignore[return-value]

    def call(self, function: str, *symbols: Symbol, boolean: bool = False) -> Symbol:
        """One elementwise NumPy call."""
        return self._ufunc(function, [self.argument(s) for s in symbols], boolean)

    def new(self, shape: tuple[int, ...], mapped: bool, boolean: bool = False) -> Ref:
        """A new temporary."""
        buffer = Buffer(prod(shape), mapped, boolean=boolean)
        return Ref(buffer, 0, shape, contiguous(shape))

    def _ufunc(self, function: str, args: Sequence[Argument], boolean: bool = False) -> Symbol:
        key = (function, *args)
        known = self._known.get(key)
        if known is None:
            shape, mapped, pad = broadcast(args)
            out = self.new(shape, mapped, boolean)
            if pad:
                out = out.padded()
            self.instructions.append(Instruction("ufunc", function, args, out))
            known = self._known[key] = Symbol(self, out)
        return known

    # Arithmetic

    def add(self, a: Symbol, b: Symbol) -> Symbol:
        """a + b; factors that are equal or opposite stay outside."""
        if a.ref is None and b.ref is None and a.scale == b.scale:
            return Symbol(self, None, a.factor + b.factor, a.scale)
        for x, y in ((a, b), (b, a)):
            if y.ref is None and y.factor == 0.0:
                return x
        a, b = self._as_numbers(a), self._as_numbers(b)
        if a.ref is not None and b.ref is not None and a.scale == b.scale:
            if a.factor == b.factor:
                return self._ufunc("add", [a.ref, b.ref]).times(a.factor, a.scale)
            if a.factor == -b.factor:
                return self._ufunc("subtract", [a.ref, b.ref]).times(a.factor, a.scale)
        if b.ref is not None and b.factor == -1.0 and b.scale == 0:
            return self._ufunc("subtract", [self.argument(a), b.ref])
        if a.ref is not None and a.factor == -1.0 and a.scale == 0:
            return self._ufunc("subtract", [self.argument(b), a.ref])
        return self.call("add", a, b)

    def multiply(self, a: Symbol, b: Symbol) -> Symbol:
        """a * b; the factors are multiplied now, the arrays at replay."""
        if a.ref is None:
            return self._scaled(b, a.factor, a.scale)
        if b.ref is None:
            return self._scaled(a, b.factor, b.scale)
        if self.factors_first:
            a, b = self._without_factor(a), self._without_factor(b)
        if a.mapped and not b.mapped:
            b, a = self._with_factors_first(b, a)
        elif b.mapped and not a.mapped:
            a, b = self._with_factors_first(a, b)
        assert a.ref is not None
        assert b.ref is not None
        product = self._ufunc("multiply", [a.ref, b.ref])
        return self._scaled(product.times(a.factor, a.scale), b.factor, b.scale)

    def _with_factors_first(self, number: Symbol, row: Symbol) -> tuple[Symbol, Symbol]:
        """The factors of numbers and of rows of samples given to the numbers, which are fewer."""
        together = number.times(row.factor, row.scale)
        is_sign = together.scale == 0 and abs(together.factor) == 1.0
        if is_sign or not isfinite(together.factor) or together.factor == 0.0:
            return number, row
        return self._without_factor(together), Symbol(self, row.ref)

    def _without_factor(self, symbol: Symbol) -> Symbol:
        """The factor multiplied in, unless it is a sign alone."""
        if symbol.scale == 0 and abs(symbol.factor) == 1.0:
            return symbol
        return Symbol(self, self.argument(symbol))  # type: ignore[arg-type]

    def _scaled(self, symbol: Symbol, factor: float, scale: int) -> Symbol:
        """A constant factor stays outside, unless it leaves the range of floats with the other."""
        together = symbol.factor * factor
        if symbol.ref is None or factor == 0.0 or (isfinite(together) and together != 0.0):
            return symbol.times(factor, scale)
        return self._ufunc("multiply", [self.argument(symbol), self.number(factor, scale)])

    def _as_numbers(self, symbol: Symbol) -> Symbol:
        """Truth values as 1.0 and 0.0, since NumPy adds them as logic."""
        if symbol.ref is None or not symbol.ref.buffer.boolean:
            return symbol
        number = self._ufunc("multiply", [symbol.ref, self.number(1.0)])
        return number.times(symbol.factor, symbol.scale)

    def compare(self, function: str, a: Symbol, b: Any) -> Symbol:
        """Truth values; known now if both are constants."""
        b = self.symbol(b)
        if a.ref is None and b.ref is None and a.scale == b.scale == 0:
            return self.symbol(_COMPARISONS[function](a.factor, b.factor))
        return self.call(function, a, b, boolean=True)

    def equal(self, a: Any, b: Any) -> Any:
        """a == b by value."""
        return self.compare("equal", self.symbol(a), b)

    def divide(self, a: Any, b: Any) -> Symbol:
        """a / b; a constant b goes into the factor."""
        a, b = self.symbol(a), self.symbol(b)
        if b.ref is None and b.factor != 0.0:
            factor = a.factor / b.factor
            if isfinite(factor) and (factor != 0.0 or a.factor == 0.0):
                return Symbol(self, a.ref, factor, a.scale - b.scale)
        return self.call("divide", a, b)

    def finite(self, x: Any) -> Symbol:
        """x limited to the finite numbers of the program's dtype; known now for a constant."""
        x = self.symbol(x)
        if x.ref is None:
            return self.symbol(float_math.finite(x.factor))
        return self.minimum(self.maximum(x, -LARGEST), LARGEST)

    def power(self, a: Any, b: Any) -> Symbol:
        """a to the power of b."""
        return self.call("power", self.symbol(a), self.symbol(b))

    def maximum(self, a: Any, b: Any) -> Symbol:
        """The larger one."""
        return self.call("maximum", self.symbol(a), self.symbol(b))

    def minimum(self, a: Any, b: Any) -> Symbol:
        """The smaller one."""
        return self.call("minimum", self.symbol(a), self.symbol(b))

    def mod(self, a: Any, b: Any) -> Symbol:
        """What is left of a after whole multiples of b."""
        return self.call("mod", self.symbol(a), self.symbol(b))

    def floor_divide(self, a: Any, b: Any) -> Symbol:
        """The greatest whole number that is not above a / b."""
        return self.call("floor_divide", self.symbol(a), self.symbol(b))

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        """a or b; in the common special cases something cheaper that gives the same."""
        if not isinstance(condition, Symbol) or condition.ref is None:
            truth = condition.factor if isinstance(condition, Symbol) else condition
            return a if truth else b
        a, b = self.symbol(a), self.symbol(b)
        if not condition.ref.buffer.boolean:
            condition = self.compare("not_equal", condition, 0.0)
        assert condition.ref is not None
        if a.ref is None and b.ref is None and a.scale == b.scale == 0:
            if (a.factor, b.factor) == (1.0, 0.0):
                return condition
            if (a.factor, b.factor) == (0.0, 1.0):
                return self._opposite(condition)
        if a.ref is None and a.factor == 0.0 and self._is_at_most_zero(condition, b):
            return self.maximum(b, 0.0)
        args = [condition.ref, self.argument(a), self.argument(b)]
        known = self._known.get(("where", *args))
        if known is None:
            shape, mapped, pad = broadcast(args)
            out = self.new(shape, mapped)
            out = out.padded() if pad else out
            self.instructions.append(Instruction("select", "where", args, out))
            known = self._known["where", *args] = Symbol(self, out)
        return known

    def _made_by(self, ref: Argument) -> Instruction | None:
        for instruction in reversed(self.instructions[-_FAR_BACK:]):
            if ref is not None and instruction.out is ref:
                return instruction
        return None

    def _opposite(self, condition: Symbol) -> Symbol:
        """not (a == b) as a != b, which is exact for nan too; else ``logical_not``."""
        made_by = self._made_by(condition.ref)
        if made_by is not None and made_by.function == "equal":
            return self._ufunc("not_equal", made_by.args, boolean=True)
        return self.call("logical_not", condition, boolean=True)

    def _is_at_most_zero(self, condition: Symbol, b: Symbol) -> bool:
        """Whether the condition is ``b <= 0``: ``where(b <= 0, 0, b)`` is ``maximum(b, 0)``."""
        made_by = self._made_by(condition.ref)
        return (
            made_by is not None
            and made_by.function == "less_equal"
            and b.is_plain
            and made_by.args == [b.ref, self.number(0.0)]
        )

    # Functions of one operand, and those of variadic rules

    def __getattr__(self, name: str) -> Callable[[Any], Symbol]:
        """Any function of one operand that ``array_math`` has."""
        if name not in array_math.__all__:
            refuse_function(name)
        is_numpy = isinstance(getattr(array_math, name), np.ufunc)

        def unary(x: Any) -> Symbol:
            operand = self.symbol(x)
            return self.call(name, operand) if is_numpy else self._of_array_math(name, operand)

        return unary

    def _of_array_math(self, name: str, x: Symbol) -> Symbol:
        """A function that NumPy lacks, and that has no ``out``."""
        arg = self.argument(x)
        shape, mapped, pad = broadcast([arg])
        out = self.new(shape, mapped)
        out = out.padded() if pad else out
        self.instructions.append(Instruction("call", name, [arg], out))
        return Symbol(self, out)

    def sigmoid(self, x: Any) -> Symbol:
        """1 / (1 + exp(-x))."""
        return self.divide(1.0, 1.0 + self.call("exp", -self.symbol(x)))

    def softplus(self, x: Any) -> Symbol:
        """log(1 + exp(x))."""
        x = self.symbol(x)
        rest: Symbol = self.log1p(self.exp(-self.absolute(x)))
        return self.symbol(self.where(x > 0.0, x, 0.0)) + rest

    def sum(self, stacked: Symbol) -> Symbol:
        """The sum over the stacked operands."""
        return self.reduce("add", stacked, (0,))

    def max(self, stacked: Symbol) -> Symbol:
        """The largest of the stacked operands; 0 of those from which it was subtracted already."""
        key = ("below largest", stacked.ref)
        if key in self._known or self._is_below_largest(stacked):
            self._known[key] = stacked  # so that the backward, far from here, finds the same
            return self.symbol(0.0)
        return self.reduce("maximum", stacked, (0,))

    def exp_shifted(self, stacked: Symbol, shift: Any) -> Symbol:
        """exp(x - shift)."""
        terms = self.call("exp", stacked - shift)
        if self.symbol(shift).ref is not None:  # limited to the finite numbers, where x may be inf
            self._known["may be inf", terms.ref] = terms
        return terms

    def sum_less_one(self, terms: Symbol) -> Symbol:
        """x1 + ... + xn - 1: the terms that are 1 are counted apart from what is below them."""
        number_of_ones, others = self._ones_and_others(terms)
        return (number_of_ones - 1.0) + others

    def shares(self, terms: Symbol) -> Symbol:
        """Each term over the sum of all."""
        if ("floor", terms.ref) in self._known:  # the two sums are there
            number_of_ones, others = self._ones_and_others(terms)
            return self.divide(terms, number_of_ones + others)
        return self.divide(terms, self.sum(terms))

    def equal_each(self, stacked: Symbol, x: Any) -> Symbol:
        """1 for each of the stacked operands that is x, else 0."""
        return self._as_numbers(self.equal(stacked, x))

    def _ones_and_others(self, terms: Symbol) -> tuple[Symbol, Symbol]:
        """How many of the terms, none of them between 1 and inf, are 1; the sum of the others.

        Of an infinite term inf is counted and nothing is summed.
        """
        ones = self.call("floor", terms)
        number_of_ones = self.sum(ones)
        others = self.sum(terms - ones)
        if ("may be inf", terms.ref) in self._known:
            others = self.call("fmax", others, self.symbol(0.0))  # 0 for the nan of inf - inf
        return number_of_ones, others

    def _is_below_largest(self, stacked: Symbol) -> bool:
        """Whether these are the differences of the operands of one sample to their largest."""
        stored = self._copy_into(stacked.ref)
        difference = stored and self._made_by(stored.args[0])
        if not stored or not difference or difference.function != "subtract":
            return False
        operand, largest = difference.args
        stored_largest = self._copy_into(largest)
        reduction = stored_largest and self._made_by(stored_largest.args[0])
        return (
            stacked.is_plain
            and _extent(stacked.ref) == _extent(stored.out)
            and isinstance(reduction, Instruction)
            and (reduction.kind, reduction.function) == ("reduce", "maximum")
            and reduction.out.is_single
            and _extent(operand) == _extent(reduction.args[0])
        )

    def _copy_into(self, ref: Argument) -> Instruction | None:
        """The call that stored the results which this is a view of."""
        for instruction in reversed(self.instructions[-_FAR_BACK:]):
            if isinstance(ref, Ref) and instruction.out.buffer is ref.buffer:
                return instruction if instruction.kind == "copy" else None
        return None

    def reduce(self, function: str, symbol: Symbol, axes: tuple[int, ...]) -> Symbol:
        """Reduce over slot axes; the axis number ``len(shape)`` means the samples."""
        factor, scale = (symbol.factor, symbol.scale) if function == "add" else (1.0, 0)
        arg = symbol.ref if function == "add" else self.argument(symbol)
        assert isinstance(arg, Ref)
        known = self._known.get((function, axes, arg))
        if known is not None:
            return known.times(factor, scale)
        over_samples = len(arg.shape) in axes
        shape = tuple([n for axis, n in enumerate(arg.shape) if axis not in axes])
        out = self.new(shape, arg.mapped and not over_samples)
        if arg.pad and not over_samples:
            out = out.padded()
        self.instructions.append(Instruction("reduce", function, [arg], out, axes))
        self._known[function, axes, arg] = Symbol(self, out)
        return Symbol(self, out, factor, scale)


_FAR_BACK: Final = 32
"""How many calls back it is looked for the one that made an operand."""


def _extent(ref: Argument) -> tuple[Any, ...]:
    """Which slots a view has: where it begins, and the axes along which it extends."""
    assert isinstance(ref, Ref)
    axes = [(length, stride) for length, stride in zip(ref.shape, ref.strides) if length != 1]
    return ref.buffer, ref.offset, axes


_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "equal": operator.eq,
    "not_equal": operator.ne,
}


def broadcast(args: Sequence[Argument]) -> tuple[tuple[int, ...], bool, bool]:
    """The shape of an elementwise result, whether it is mapped, and whether it is padded."""
    refs = [arg for arg in args if isinstance(arg, Ref)]
    n_axes = max([len(ref.shape) for ref in refs], default=0)
    shape = [1] * n_axes
    for ref in refs:
        for axis, length in enumerate(ref.shape, start=n_axes - len(ref.shape)):
            if length != 1:
                shape[axis] = length
    mapped = any([ref.mapped for ref in refs])
    return tuple(shape), mapped, not mapped and any([ref.pad for ref in refs])
