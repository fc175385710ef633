"""What becomes of an expression of symbols: the NumPy calls, and the numbers that they give.

A table has an expression on the left, on its right the calls and after them the result: a factor
times an array. The same expression on arrays says which numbers they have to give, on every kind of
float beside every other. ``x`` and ``y`` are rows for each sample, ``n`` are numbers that broadcast
against them, ``s`` are rows stacked as the operands of one sample.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import inf, nan, prod
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from tinygrad_mlp import _array_math as array_math
from tinygrad_mlp.compiler._instructions import (
    Argument,
    Buffer,
    Instruction,
    Number,
    Ref,
    contiguous,
)
from tinygrad_mlp.compiler._symbols import Emitter, Symbol

Array = NDArray[Any]

NUMBERS: Final = (0.0, -0.0, 0.75, -2.5, 1e200, -1e-200, inf, -inf, nan, 3.0)
B: Final = len(NUMBERS) ** 2
_PAIRS: Final = np.array([(a, b) for a in NUMBERS for b in NUMBERS])
ARRAYS: Final[dict[str, Array]] = {
    "x": np.stack([_PAIRS[:, 0], _PAIRS[::-1, 1]]),
    "y": np.stack([_PAIRS[:, 1], _PAIRS[:, 0]]),
    "n": np.array([[0.5], [-4.0]]),
    "s": np.random.default_rng(0).uniform(0.1, 1.0, size=(3, 2, B)),
}
ARRAYS["s"][1, :, ::3] = 1.0


def view(name: str) -> Ref:
    array = ARRAYS[name]
    shape = array.shape[:-1]
    mapped = array.shape[-1] == B
    ref = Ref(Buffer(prod(shape), mapped, name, pinned=True), 0, shape, contiguous(shape))
    return ref.padded()


class Run:
    """An expression of symbols: the calls that it emitted, and its result."""

    def __init__(self, expression: str, factors_first: bool = False) -> None:
        self.xp = Emitter(factors_first=factors_first)
        views = {name: view(name) for name in ARRAYS}
        symbols = {name: Symbol(self.xp, ref) for name, ref in views.items()}
        self.result = self.xp.symbol(evaluated(expression, self.xp, symbols))
        self._memory = {
            ref.buffer: ARRAYS[name].reshape(ref.buffer.size, -1) for name, ref in views.items()
        }
        for number, call in enumerate(self.xp.instructions, start=1):
            call.out.buffer.name = f"t{number}"

    def text(self) -> str:
        """The calls and the result."""
        lines = [self._line(call) for call in self.xp.instructions]
        return "; ".join([*lines, _without_shapes(repr(self.result))])

    def _line(self, call: Instruction) -> str:
        numbers = [self._number(arg) for arg in call.args]
        shown = [arg if number is None else number for arg, number in zip(call.args, numbers)]
        args = [_without_shapes(str(arg)) for arg in shown]
        axes = [f"{call.axes}"] * (call.kind == "reduce")
        return f"{call.out.buffer.name} = {call.function}({', '.join([*args, *axes])})"

    def _number(self, arg: Argument) -> Symbol | None:
        return Symbol(self.xp, None, arg.factor, arg.scale) if isinstance(arg, Number) else None

    def value(self) -> Array:
        """What the calls come to."""
        with np.errstate(all="ignore"):
            for call in self.xp.instructions:
                self._execute(call)
            return np.asarray(self._value_of(self.result))

    def _execute(self, call: Instruction) -> None:
        args = [
            self._array(arg) if isinstance(arg, Ref) else self._value_of(self._number(arg))
            for arg in call.args
        ]
        function = getattr(np, call.function, None) or getattr(array_math, call.function)
        found = function.reduce(*args, axis=call.axes) if call.kind == "reduce" else function(*args)
        assert found.shape == _shape(call.out), call
        assert (found.dtype == bool) == call.out.buffer.boolean, call
        self._memory[call.out.buffer] = found.reshape(call.out.buffer.size, -1)

    def _value_of(self, symbol: Symbol | None) -> Any:
        assert symbol is not None
        array = 1.0 if symbol.ref is None else self._array(symbol.ref)
        return times(array, symbol.factor, symbol.scale)

    def _array(self, ref: Ref) -> Array:
        assert ref.covers_buffer()
        return self._memory[ref.buffer].reshape(_shape(ref))


def _shape(ref: Ref) -> tuple[int, ...]:
    return ref.shape + (B,) * ref.mapped + (1,) * ref.pad


def _without_shapes(text: str) -> str:
    return re.sub(r"\[[^\]]*\]", "", text)


def times(operand: Any, factor: float, scale: int = 0) -> Any:
    """The operand times factor / B^scale."""
    if isinstance(operand, Symbol):
        return operand.times(factor, scale)
    return operand * (factor * float(B) ** -scale)


def evaluated(expression: str, xp: Any, operands: Mapping[str, Any]) -> Any:
    """An expression of this file on symbols, or on arrays."""
    number = xp.symbol if isinstance(xp, Emitter) else np.float64
    names = {"xp": xp, "times": times, "number": number, "nan": nan, "inf": inf, **operands}
    return eval(expression, names)


SUMS: Final = {
    "x + y": "t1 = add(x, y); t1",
    "x + y + x": "t1 = add(x, y); t2 = add(t1, x); t2",
    "2.0 * x + 2.0 * y": "t1 = add(x, y); 2.0 * t1",
    "2.0 * x - 2.0 * y": "t1 = subtract(x, y); 2.0 * t1",
    "2.0 * y + -2.0 * x": "t1 = subtract(y, x); 2.0 * t1",
    "2.0 * x + 3.0 * y": "t1 = multiply(x, 2.0); t2 = multiply(y, 3.0); t3 = add(t1, t2); t3",
    "x - 3.0 * y": "t1 = multiply(y, -3.0); t2 = add(x, t1); t2",
    "3.0 * x - y": "t1 = multiply(x, 3.0); t2 = subtract(t1, y); t2",
    "-x + 3.0 * y": "t1 = multiply(y, 3.0); t2 = subtract(t1, x); t2",
    "-x - y": "t1 = add(x, y); -1.0 * t1",
    "-x + y": "t1 = subtract(x, y); -1.0 * t1",
    "x - y": "t1 = subtract(x, y); t1",
    "y - x": "t1 = subtract(y, x); t1",
    "1.0 - x": "t1 = subtract(1.0, x); t1",
    "x - 1.0": "t1 = add(x, -1.0); t1",
    "-x + 1.0": "t1 = subtract(1.0, x); t1",
    "-x - 1.0": "t1 = subtract(-1.0, x); t1",
    "2.0 - 3.0 * x": "t1 = multiply(x, -3.0); t2 = add(2.0, t1); t2",
    "x + n": "t1 = add(x, n); t1",
    "n - y": "t1 = subtract(n, y); t1",
    "n + 2.0 * n": "t1 = multiply(n, 2.0); t2 = add(n, t1); t2",
    "times(x, 1.0, 1) + times(y, 1.0, 1)": "t1 = add(x, y); 1.0 / B * t1",
    "times(x, 1.0, 1) - times(y, 1.0, 1)": "t1 = subtract(x, y); 1.0 / B * t1",
    "times(x, 2.0, 1) + times(y, 2.0)": (
        "t1 = multiply(x, 2.0 / B); t2 = multiply(y, 2.0); t3 = add(t1, t2); t3"
    ),
    "times(x, 2.0, 1) - times(y, 2.0)": (
        "t1 = multiply(x, 2.0 / B); t2 = multiply(y, -2.0); t3 = add(t1, t2); t3"
    ),
    "times(x, -1.0, 1) + y": "t1 = multiply(x, -1.0 / B); t2 = add(t1, y); t2",
    "y + times(x, -1.0, 1)": "t1 = multiply(x, -1.0 / B); t2 = add(y, t1); t2",
    "times(x, 1.0, 1) + times(y, 1.0, 2)": (
        "t1 = multiply(x, 1.0 / B); t2 = multiply(y, 1.0 / B / B); t3 = add(t1, t2); t3"
    ),
    "x + 0.0": "x",
    "0.0 + x": "x",
    "-0.0 - x": "-1.0 * x",
    "3.0 * x + 0.0": "3.0 * x",
    "x + 1.0 + 1.0": "t1 = add(x, 1.0); t2 = add(t1, 1.0); t2",
    "times(x, 1.0, 1) + 0.0": "1.0 / B * x",
    "number(2.0) + 1.0": "3.0",
    "number(2.0) - 0.5": "1.5",
    "0.5 - number(2.0)": "-1.5",
    "times(number(2.0), 3.0, 1) + 1.0": "t1 = add(6.0 / B, 1.0); t1",
    "times(number(2.0), 3.0, 1) + times(number(1.0), 1.0, 1)": "7.0 / B",
    "(x + y) + (x + y)": "t1 = add(x, y); t2 = add(t1, t1); t2",
    "(x + y) - (x - y)": "t1 = add(x, y); t2 = subtract(x, y); t3 = subtract(t1, t2); t3",
}
PRODUCTS: Final = {
    "n * (2.0 * x)": "t1 = multiply(n, 2.0); t2 = multiply(t1, x); t2",
    "(2.0 * x) * n": "t1 = multiply(n, 2.0); t2 = multiply(x, t1); t2",
    "(2.0 * n) * (3.0 * x)": "t1 = multiply(n, 6.0); t2 = multiply(t1, x); t2",
    "(3.0 * x) * (2.0 * n)": "t1 = multiply(n, 6.0); t2 = multiply(x, t1); t2",
    "n * times(x, 1.0, 1)": "t1 = multiply(n, 1.0 / B); t2 = multiply(t1, x); t2",
    "times(n, 3.0, 1) * times(x, 0.5, 1)": (
        "t1 = multiply(n, 1.5 / B / B); t2 = multiply(t1, x); t2"
    ),
    "(2.0 * n) * (3.0 * n)": "t1 = multiply(n, n); 6.0 * t1",
    "n * (-x)": "t1 = multiply(n, x); -1.0 * t1",
    "(2.0 * n) * (0.5 * x)": "t1 = multiply(n, x); t1",
    "(2.0 * x) * (-0.5 * n)": "t1 = multiply(x, n); -1.0 * t1",
    "(1e200 * n) * (1e200 * x)": (
        "t1 = multiply(n, x); t2 = multiply(t1, 1e+200); t3 = multiply(t2, 1e+200); t3"
    ),
    "(1e-200 * x) * (1e-200 * n)": (
        "t1 = multiply(x, n); t2 = multiply(t1, 1e-200); t3 = multiply(t2, 1e-200); t3"
    ),
    "(0.0 * n) * x": "t1 = multiply(n, x); t2 = multiply(t1, 0.0); t3 = multiply(t2, 1.0); t3",
    "x * y": "t1 = multiply(x, y); t1",
    "2.0 * x * (3.0 * y)": "t1 = multiply(x, y); 6.0 * t1",
    "2.0 * x * 3.0": "6.0 * x",
    "2.0 * (3.0 * n)": "6.0 * n",
    "number(2.0) * 3.0": "6.0",
    "times(number(2.0), 1.0, 1) * x": "2.0 / B * x",
    "x * times(number(2.0), 1.0, 1)": "2.0 / B * x",
    "times(x, 0.5, 1) * times(y, -1.0, 1)": "t1 = multiply(x, y); -0.5 / B / B * t1",
    "x * 1e200 * 1e200": "t1 = multiply(x, 1e+200); t2 = multiply(t1, 1e+200); t2",
    "1e200 * (1e200 * x)": "t1 = multiply(x, 1e+200); t2 = multiply(t1, 1e+200); t2",
    "x * 1e-200 * 1e-200": "t1 = multiply(x, 1e-200); t2 = multiply(t1, 1e-200); t2",
    "x * 2.0 * 0.0": "0.0 * x",
    "x * 0.0 * 1e200": "t1 = multiply(x, 0.0); t2 = multiply(t1, 1e+200); t2",
    "x * inf": "t1 = multiply(x, inf); t1",
    "x * nan": "t1 = multiply(x, nan); t1",
    "x * inf * 0.5": "t1 = multiply(x, inf); 0.5 * t1",
    "number(1e200) * 1e200": "inf",
    "times(x, 1e200, 1) * 1e200": "t1 = multiply(x, 1e+200 / B); t2 = multiply(t1, 1e+200); t2",
    "x * y * 1e200 * 1e200": (
        "t1 = multiply(x, y); t2 = multiply(t1, 1e+200); t3 = multiply(t2, 1e+200); t3"
    ),
    "x * x": "t1 = multiply(x, x); t1",
    "-x * y": "t1 = multiply(x, y); -1.0 * t1",
    "n * x": "t1 = multiply(n, x); t1",
    "n * n": "t1 = multiply(n, n); t1",
    "(x > 0.0) * y": "t1 = greater(x, 0.0); t2 = multiply(t1, y); t2",
    "x * y + x * y": "t1 = multiply(x, y); t2 = add(t1, t1); t2",
    "xp.exp(-x)": "t1 = negative(x); t2 = exp(t1); t2",
    "xp.exp(-1.0 * (x * y))": "t1 = multiply(x, y); t2 = negative(t1); t3 = exp(t2); t3",
    "xp.exp(2.0 * x)": "t1 = multiply(x, 2.0); t2 = exp(t1); t2",
    "xp.exp(times(-x, 1.0, 1))": "t1 = multiply(x, -1.0 / B); t2 = exp(t1); t2",
    "xp.exp(times(x, 1.0, 1))": "t1 = multiply(x, 1.0 / B); t2 = exp(t1); t2",
    "xp.exp(number(2.0))": "t1 = exp(2.0); t1",
    "xp.exp(times(number(2.0), 1.0, 1))": "t1 = exp(2.0 / B); t1",
    "xp.exp((x > 0.0) * -1.0)": "t1 = greater(x, 0.0); t2 = multiply(t1, -1.0); t3 = exp(t2); t3",
}
FACTORS_FIRST: Final = {
    "2.0 * x * y": "t1 = multiply(x, 2.0); t2 = multiply(t1, y); t2",
    "x * (2.0 * y)": "t1 = multiply(y, 2.0); t2 = multiply(x, t1); t2",
    "0.5 * x * (3.0 * y)": (
        "t1 = multiply(x, 0.5); t2 = multiply(y, 3.0); t3 = multiply(t1, t2); t3"
    ),
    "-x * y": "t1 = multiply(x, y); -1.0 * t1",
    "x * -y": "t1 = multiply(x, y); -1.0 * t1",
    "-x * -y": "t1 = multiply(x, y); t1",
    "x * y * 2.0": "t1 = multiply(x, y); 2.0 * t1",
    "times(x, 1.0, 1) * y": "t1 = multiply(x, 1.0 / B); t2 = multiply(t1, y); t2",
    "times(x, -1.0, 1) * y": "t1 = multiply(x, -1.0 / B); t2 = multiply(t1, y); t2",
    "2.0 * x + 2.0 * y": "t1 = add(x, y); 2.0 * t1",
}
QUOTIENTS: Final = {
    "xp.divide(x, 4.0)": "0.25 * x",
    "xp.divide(2.0 * x, 4.0)": "0.5 * x",
    "xp.divide(x, -2.0)": "-0.5 * x",
    "xp.divide(x, 0.0)": "t1 = divide(x, 0.0); t1",
    "xp.divide(x, -0.0)": "t1 = divide(x, -0.0); t1",
    "xp.divide(3.0, x)": "t1 = divide(3.0, x); t1",
    "xp.divide(x, y)": "t1 = divide(x, y); t1",
    "xp.divide(2.0 * x, y)": "t1 = multiply(x, 2.0); t2 = divide(t1, y); t2",
    "xp.divide(x, n)": "t1 = divide(x, n); t1",
    "xp.divide(x, 1e-320)": "t1 = divide(x, 1e-320); t1",
    "xp.divide(1e-200 * x, 1e200)": "t1 = multiply(x, 1e-200); t2 = divide(t1, 1e+200); t2",
    "xp.divide(0.0 * x, 2.0)": "0.0 * x",
    "xp.divide(x, inf)": "t1 = divide(x, inf); t1",
    "xp.divide(x, nan)": "t1 = divide(x, nan); t1",
    "xp.divide(number(3.0), 2.0)": "1.5",
    "xp.divide(number(0.0), 2.0)": "0.0",
    "xp.divide(number(3.0), 0.0)": "t1 = divide(3.0, 0.0); t1",
    "xp.divide(times(x, 1.0, 1), 2.0)": "0.5 / B * x",
    "xp.divide(x, times(number(2.0), 1.0, 1))": "0.5 * B * x",
    "xp.divide(times(x, 1.0, 1), times(number(2.0), 1.0, 2))": "0.5 * B * x",
    "xp.sigmoid(x)": "t1 = negative(x); t2 = exp(t1); t3 = add(t2, 1.0); t4 = divide(1.0, t3); t4",
    "xp.sigmoid(2.0 * x)": (
        "t1 = multiply(x, -2.0); t2 = exp(t1); t3 = add(t2, 1.0); t4 = divide(1.0, t3); t4"
    ),
    "xp.power(x, y)": "t1 = power(x, y); t1",
    "xp.power(2.0 * x, 3.0)": "t1 = multiply(x, 2.0); t2 = power(t1, 3.0); t2",
    "xp.power(2.0, x)": "t1 = power(2.0, x); t1",
    "xp.maximum(x, y)": "t1 = maximum(x, y); t1",
    "xp.maximum(2.0 * x, 0.0)": "t1 = multiply(x, 2.0); t2 = maximum(t1, 0.0); t2",
    "xp.maximum(0.0, x)": "t1 = maximum(0.0, x); t1",
    "xp.minimum(x, y)": "t1 = minimum(x, y); t1",
    "xp.minimum(-x, 1.0)": "t1 = negative(x); t2 = minimum(t1, 1.0); t2",
    "xp.minimum(1.0, x)": "t1 = minimum(1.0, x); t1",
    "xp.tanh(x)": "t1 = tanh(x); t1",
    "xp.tanh(n)": "t1 = tanh(n); t1",
    "xp.erfc(n)": "t1 = erfc(n); t1",
    "xp.erfc(0.5 * n)": "t1 = multiply(n, 0.5); t2 = erfc(t1); t2",
}
CHOICES: Final = {
    "x < y": "t1 = less(x, y); t1",
    "x <= y": "t1 = less_equal(x, y); t1",
    "x > y": "t1 = greater(x, y); t1",
    "x >= y": "t1 = greater_equal(x, y); t1",
    "x < 1.0": "t1 = less(x, 1.0); t1",
    "2.0 * x <= 1.0": "t1 = multiply(x, 2.0); t2 = less_equal(t1, 1.0); t2",
    "1.0 > x": "t1 = less(x, 1.0); t1",
    "xp.equal(x, y)": "t1 = equal(x, y); t1",
    "xp.equal(x, 0.0)": "t1 = equal(x, 0.0); t1",
    "xp.equal(0.0, x)": "t1 = equal(0.0, x); t1",
    "n > x": "t1 = greater(n, x); t1",
    "n < n": "t1 = less(n, n); t1",
    "(x > 0.0) & (y > 0.0)": (
        "t1 = greater(x, 0.0); t2 = greater(y, 0.0); t3 = logical_and(t1, t2); t3"
    ),
    "(x > 0.0) & True": "t1 = greater(x, 0.0); t2 = logical_and(t1, 1.0); t2",
    "number(1.0) < 2.0": "1.0",
    "number(2.0) < 2.0": "0.0",
    "number(2.0) <= 2.0": "1.0",
    "number(3.0) <= 2.0": "0.0",
    "number(2.0) > 2.0": "0.0",
    "number(3.0) > 2.0": "1.0",
    "number(2.0) >= 2.0": "1.0",
    "number(1.0) >= 2.0": "0.0",
    "xp.equal(number(2.0), 2.0)": "1.0",
    "xp.equal(number(2.0), 3.0)": "0.0",
    "times(number(2.0), 1.0, 1) < 1.0": "t1 = less(2.0 / B, 1.0); t1",
    "number(2.0) < times(number(1.0), 1.0, -1)": "t1 = less(2.0, 1.0 * B); t1",
    "(x > 0.0) * 1.0 + (y > 0.0) * 1.0": (
        "t1 = greater(x, 0.0); t2 = greater(y, 0.0); t3 = multiply(t1, 1.0); "
        "t4 = multiply(t2, 1.0); t5 = add(t3, t4); t5"
    ),
    "(x > 0.0) * 2.0 + y": (
        "t1 = greater(x, 0.0); t2 = multiply(t1, 1.0); t3 = multiply(t2, 2.0); t4 = add(t3, y); t4"
    ),
    "(x > 0.0) * -1.0 + y": (
        "t1 = greater(x, 0.0); t2 = multiply(t1, 1.0); t3 = subtract(t2, y); -1.0 * t3"
    ),
    "y + (x > 0.0) * 2.0": (
        "t1 = greater(x, 0.0); t2 = multiply(t1, 1.0); t3 = multiply(t2, 2.0); t4 = add(y, t3); t4"
    ),
    "y - (x > 0.0) * 1.0": "t1 = greater(x, 0.0); t2 = multiply(t1, 1.0); t3 = subtract(y, t2); t3",
    "1.0 - (x > 0.0) * 2.0": (
        "t1 = greater(x, 0.0); t2 = multiply(t1, 1.0); t3 = multiply(t2, -2.0); "
        "t4 = add(1.0, t3); t4"
    ),
    "times((x > 0.0) * 2.0, 1.0, 1) + y": (
        "t1 = greater(x, 0.0); t2 = multiply(t1, 1.0); t3 = multiply(t2, 2.0 / B); "
        "t4 = add(t3, y); t4"
    ),
    "xp.where(True, x, y)": "x",
    "xp.where(False, x, y)": "y",
    "xp.where(number(1.0) > 0.0, x, y)": "x",
    "xp.where(number(1.0) < 0.0, x, y)": "y",
    "xp.where(number(3.0), x, y)": "x",
    "xp.where(number(0.0), x, y)": "y",
    "xp.where(x > y, x, y)": "t1 = greater(x, y); t2 = where(t1, x, y); t2",
    "xp.where(x > y, 2.0 * x, -y)": (
        "t1 = greater(x, y); t2 = multiply(x, 2.0); t3 = negative(y); t4 = where(t1, t2, t3); t4"
    ),
    "xp.where(x > y, 1.0, 0.0)": "t1 = greater(x, y); t1",
    "xp.where(x > y, 0.0, 1.0)": "t1 = greater(x, y); t2 = logical_not(t1); t2",
    "xp.where(xp.equal(x, y), 0.0, 1.0)": "t1 = equal(x, y); t2 = not_equal(x, y); t2",
    "xp.where(x > y, 1.0, 1.0)": "t1 = greater(x, y); t2 = where(t1, 1.0, 1.0); t2",
    "xp.where(x > y, 1.0, 2.0)": "t1 = greater(x, y); t2 = where(t1, 1.0, 2.0); t2",
    "xp.where(x > y, 0.0, 2.0)": "t1 = greater(x, y); t2 = where(t1, 0.0, 2.0); t2",
    "xp.where(x > y, 2.0, 0.0)": "t1 = greater(x, y); t2 = where(t1, 2.0, 0.0); t2",
    "xp.where(x > y, times(number(1.0), 1.0, 1), 0.0)": (
        "t1 = greater(x, y); t2 = where(t1, 1.0 / B, 0.0); t2"
    ),
    "xp.where(x > y, 1.0, times(number(0.0), 1.0, 1))": (
        "t1 = greater(x, y); t2 = where(t1, 1.0, 0.0 / B); t2"
    ),
    "xp.where(x > y, x, 0.0)": "t1 = greater(x, y); t2 = where(t1, x, 0.0); t2",
    "xp.where(x > y, 1.0, x)": "t1 = greater(x, y); t2 = where(t1, 1.0, x); t2",
    "xp.where(n > 0.0, n, 1.0)": "t1 = greater(n, 0.0); t2 = where(t1, n, 1.0); t2",
    "xp.where(n > 0.0, x, y)": "t1 = greater(n, 0.0); t2 = where(t1, x, y); t2",
    "xp.where(x > y, x, n)": "t1 = greater(x, y); t2 = where(t1, x, n); t2",
    "xp.where(x, 1.0, y)": "t1 = not_equal(x, 0.0); t2 = where(t1, 1.0, y); t2",
    "xp.where(2.0 * x, y, 1.0)": (
        "t1 = multiply(x, 2.0); t2 = not_equal(t1, 0.0); t3 = where(t2, y, 1.0); t3"
    ),
    "xp.where(x <= 0.0, 0.0, x)": "t1 = less_equal(x, 0.0); t2 = maximum(x, 0.0); t2",
    "xp.where(n <= 0.0, 0.0, n)": "t1 = less_equal(n, 0.0); t2 = maximum(n, 0.0); t2",
    "xp.where(x <= 0.0, 0.0, 2.0 * x)": (
        "t1 = less_equal(x, 0.0); t2 = multiply(x, 2.0); t3 = where(t1, 0.0, t2); t3"
    ),
    "xp.where(2.0 * x <= 0.0, 0.0, x)": (
        "t1 = multiply(x, 2.0); t2 = less_equal(t1, 0.0); t3 = where(t2, 0.0, x); t3"
    ),
    "xp.where(x <= 0.0, 0.0, times(x, 1.0, 1))": (
        "t1 = less_equal(x, 0.0); t2 = multiply(x, 1.0 / B); t3 = where(t1, 0.0, t2); t3"
    ),
    "xp.where(x <= 0.0, 0.0, y)": "t1 = less_equal(x, 0.0); t2 = where(t1, 0.0, y); t2",
    "xp.where(x <= 0.0, y, x)": "t1 = less_equal(x, 0.0); t2 = where(t1, y, x); t2",
    "xp.where(x <= 0.0, 1.0, x)": "t1 = less_equal(x, 0.0); t2 = where(t1, 1.0, x); t2",
    "xp.where(x <= 1.0, 0.0, x)": "t1 = less_equal(x, 1.0); t2 = where(t1, 0.0, x); t2",
    "xp.where(x < 0.0, 0.0, x)": "t1 = less(x, 0.0); t2 = where(t1, 0.0, x); t2",
    "xp.where(0.0 <= x, 0.0, x)": "t1 = greater_equal(x, 0.0); t2 = where(t1, 0.0, x); t2",
    "xp.where(x <= y, 0.0, x)": "t1 = less_equal(x, y); t2 = where(t1, 0.0, x); t2",
    "xp.where(x > y, x, y) + xp.where(x > y, x, y)": (
        "t1 = greater(x, y); t2 = where(t1, x, y); t3 = add(t2, t2); t3"
    ),
    "xp.where(x > y, x, y) + xp.where(x > y, y, x)": (
        "t1 = greater(x, y); t2 = where(t1, x, y); t3 = where(t1, y, x); t4 = add(t2, t3); t4"
    ),
}
REDUCTIONS: Final = {
    "xp.sum(s)": "t1 = add(s, (0,)); t1",
    "xp.sum(2.0 * s)": "t1 = add(s, (0,)); 2.0 * t1",
    "xp.sum(times(s, 1.0, 1))": "t1 = add(s, (0,)); 1.0 / B * t1",
    "xp.sum(s) + xp.sum(3.0 * s)": (
        "t1 = add(s, (0,)); t2 = multiply(t1, 3.0); t3 = add(t1, t2); t3"
    ),
    "xp.sum(s * s) * xp.sum(s)": (
        "t1 = multiply(s, s); t2 = add(t1, (0,)); t3 = add(s, (0,)); t4 = multiply(t2, t3); t4"
    ),
    "xp.sum(n)": "t1 = add(n, (0,)); t1",
    "xp.max(s)": "t1 = maximum(s, (0,)); t1",
    "xp.max(2.0 * s)": "t1 = multiply(s, 2.0); t2 = maximum(t1, (0,)); t2",
    "xp.max(n)": "t1 = maximum(n, (0,)); t1",
    "xp.max(s) + xp.max(s)": "t1 = maximum(s, (0,)); t2 = add(t1, t1); t2",
    "xp.sum(s) + xp.max(s)": "t1 = add(s, (0,)); t2 = maximum(s, (0,)); t3 = add(t1, t2); t3",
    "xp.exp_shifted(s, x)": "t1 = subtract(s, x); t2 = exp(t1); t2",
    "xp.exp_shifted(2.0 * s, 2.0 * x)": (
        "t1 = subtract(s, x); t2 = multiply(t1, 2.0); t3 = exp(t2); t3"
    ),
    "xp.exp_shifted(s, 0.0)": "t1 = exp(s); t1",
    "xp.sum_less_one(s)": (
        "t1 = floor(s); t2 = add(t1, (0,)); t3 = subtract(s, t1); t4 = add(t3, (0,)); "
        "t5 = add(t2, -1.0); t6 = add(t5, t4); t6"
    ),
    "xp.shares(s)": "t1 = add(s, (0,)); t2 = divide(s, t1); t2",
    "xp.shares(s) * xp.sum_less_one(s)": (
        "t1 = add(s, (0,)); t2 = divide(s, t1); t3 = floor(s); t4 = add(t3, (0,)); "
        "t5 = subtract(s, t3); t6 = add(t5, (0,)); t7 = add(t4, -1.0); t8 = add(t7, t6); "
        "t9 = multiply(t2, t8); t9"
    ),
    "xp.sum_less_one(s) * xp.shares(s)": (
        "t1 = floor(s); t2 = add(t1, (0,)); t3 = subtract(s, t1); t4 = add(t3, (0,)); "
        "t5 = add(t2, -1.0); t6 = add(t5, t4); t7 = add(t2, t4); t8 = divide(s, t7); "
        "t9 = multiply(t6, t8); t9"
    ),
    "xp.equal_each(s, x)": "t1 = equal(s, x); t2 = multiply(t1, 1.0); t2",
    "xp.sum(xp.equal_each(s, 0.0))": (
        "t1 = equal(s, 0.0); t2 = multiply(t1, 1.0); t3 = add(t2, (0,)); t3"
    ),
    "xp.shares(xp.equal_each(s, xp.max(s)))": (
        "t1 = maximum(s, (0,)); t2 = equal(s, t1); t3 = multiply(t2, 1.0); t4 = add(t3, (0,)); "
        "t5 = divide(t3, t4); t5"
    ),
}

TABLES: Final = {
    "sums": SUMS,
    "products": PRODUCTS,
    "products of which factors come first": FACTORS_FIRST,
    "quotients and functions": QUOTIENTS,
    "choices": CHOICES,
    "reductions": REDUCTIONS,
}


@pytest.mark.parametrize("table", TABLES)
def test_an_expression_becomes_these_calls(table: str) -> None:
    factors_first = "first" in table
    found = {expression: Run(expression, factors_first).text() for expression in TABLES[table]}
    assert found == TABLES[table]


@pytest.mark.parametrize("table", TABLES)
def test_the_calls_give_the_numbers_of_numpy(table: str) -> None:
    for expression in TABLES[table]:
        run = Run(expression, factors_first="first" in table)
        with np.errstate(all="ignore"):
            expected = np.asarray(evaluated(expression, array_math, ARRAYS), dtype=float)
        found = np.broadcast_to(run.value(), expected.shape)
        np.testing.assert_allclose(found, expected, rtol=1e-14, err_msg=expression)


def test_one_number_has_one_name_and_zeros_of_two_signs_have_two() -> None:
    xp = Emitter()
    numbers = [(2.0, 0), (0.0, 0), (-0.0, 0), (nan, 0), (2.0, 1), (2.0, 0), (nan, 0), (-0.0, 0)]
    names = [xp.number(*number).name for number in numbers]
    assert names == ["c0", "c1", "c2", "c3", "c4", "c0", "c3", "c2"]
    assert repr(xp.numbers[2].factor) == "-0.0"
    assert (xp.numbers[4].factor, xp.numbers[4].scale) == (2.0, 1)
    assert xp.number(2.0).name == "c0"


def test_what_was_computed_in_another_group_is_computed_again() -> None:
    xp = Emitter()
    x = Symbol(xp, view("x"))
    first = xp.exp(x)
    forward = xp.known()
    assert xp.exp(x) is first
    xp.forget()
    again = xp.exp(x)
    assert again is not first
    assert len(xp.instructions) == 2
    xp.remember(forward)
    assert xp.exp(x) is first
    xp.tanh(x)
    assert ("tanh", x.ref) not in forward, "what the backward computes is no forward result"


def test_a_function_without_a_rule_is_named() -> None:
    with pytest.raises(AttributeError, match="xp has no function 'gamma'; it has absolute, arccos"):
        _ = Emitter().gamma


def test_a_symbol_takes_a_number_of_the_same_kind_as_itself() -> None:
    xp = Emitter()
    row, numbers = Symbol(xp, view("x"), 2.0, 1), Symbol(xp, view("n"))
    assert (row.mapped, numbers.mapped, xp.symbol(2.0).mapped) == (True, False, False)
    assert xp.symbol(row) is row
    assert [symbol.is_plain for symbol in (row, numbers, row.times(0.5, -1), row.times(0.5))] == [
        False, True, True, False,
    ]  # fmt: skip
    assert row.seen_as(view("y")).factor == 2.0
    assert row.seen_as(view("y")).scale == 1
    assert repr(row.seen_as(view("y"))) == "2.0 / B * y[2, B]"


@pytest.mark.parametrize(("factor", "scale", "n_calls"), [(-1.0, 0, 1), (1.0, 1, 2), (2.0, 0, 2)])
def test_a_sign_alone_stays_outside_a_product(factor: float, scale: int, n_calls: int) -> None:
    xp = Emitter()
    row, number = Symbol(xp, view("x"), factor, scale), Symbol(xp, view("n"))
    product = xp.multiply(row, number)
    assert len(xp.instructions) == n_calls
    assert (product.factor, product.scale) == ((factor, scale) if n_calls == 1 else (1.0, 0))


# Axes


def operand(shape: tuple[int, ...], mapped: bool, pad: bool = False) -> Ref:
    return Ref(Buffer(prod(shape), mapped), 0, shape, contiguous(shape), pad)


BROADCASTS: Final = {
    "t[3, B]": [operand((3,), True)],
    "t[2, 3]": [operand((2, 3), False), operand((3,), False)],
    "t[3, 2]": [operand((2,), False), operand((3, 2), False)],
    "t[4, 2, 3]": [operand((2, 1), False), operand((4, 1, 3), False)],
    "t[5, B]": [operand((1,), False, True), operand((5,), True)],
    "t[2, 5, B]": [operand((2, 1), False, True), operand((5,), True)],
    "t[2, 3, 1]": [operand((2, 1), False, True), operand((1, 3), False, True)],
    "t[1, 3, 1]": [operand((1, 3), False, True), operand((1, 3), False, True)],
    "t[7, 1]": [operand((1,), False, False), operand((7,), False, True)],
    "t[1, B]": [operand((1,), False, True), operand((1,), True)],
    "t": [],
}


@pytest.mark.parametrize("expected", BROADCASTS)
def test_operands_broadcast_to_a_new_array(expected: str) -> None:
    for refs in (BROADCASTS[expected], BROADCASTS[expected][::-1]):
        xp = Emitter()
        symbols = [*[Symbol(xp, one) for one in refs], xp.symbol(2.0)]
        results = [xp.call("hypot", *symbols)]
        if refs:
            results.append(xp.where(symbols[0] > 1.0, symbols[-2], 2.0 * symbols[0]))
        for result in results:
            assert repr(result) == expected
            assert result.ref is not None
            assert result.ref.covers_buffer()


SUMS_OVER_AXES: Final = {
    ("t[2, 3, B]", (0,)): "add.reduce(t[2, 3, B], axis=(0,), out=t[3, B])",
    ("t[2, 3, B]", (1,)): "add.reduce(t[2, 3, B], axis=(1,), out=t[2, B])",
    ("t[2, 3, B]", (2,)): "add.reduce(t[2, 3, B], axis=(2,), out=t[2, 3])",
    ("t[2, 3, B]", (0, 2)): "add.reduce(t[2, 3, B], axis=(0, 2), out=t[3])",
    ("t[2, 3, 1]", (0,)): "add.reduce(t[2, 3, 1], axis=(0,), out=t[3, 1])",
    ("t[2, 3, 1]", (2,)): "add.reduce(t[2, 3, 1], axis=(2,), out=t[2, 3])",
    ("t[2, 3]", (0, 1)): "add.reduce(t[2, 3], axis=(0, 1), out=t)",
}


def test_a_reduction_over_the_axis_behind_the_slots_is_one_over_the_samples() -> None:
    for (shown, axes), expected in SUMS_OVER_AXES.items():
        xp = Emitter()
        source = operand((2, 3), mapped="B" in shown, pad="1" in shown)
        assert repr(source) == shown
        total = xp.reduce("add", Symbol(xp, source, 2.0, 1), axes)
        assert [repr(call) for call in xp.instructions] == [expected]
        assert (total.factor, total.scale) == (2.0, 1)
