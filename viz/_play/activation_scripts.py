"""Activations as JavaScript: what a page computes with is written from the rules of the operations.

The rule of an operation says how its value is computed; here each function that it calls becomes a
statement. So what ``functional.declare`` made is written as the activations of the package are, and
so is a function that is composed of several operations: it is recorded as the compiler records it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from tinygrad_mlp._interpreter import refuse_function
from tinygrad_mlp._text import visible
from tinygrad_mlp.compiler._refusals import refuses_to_be_a_number
from tinygrad_mlp.compiler._tracing import Recording, trace
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError, TinygradMLPError, TracingError
from tinygrad_mlp.nn import ACTIVATIONS
from tinygrad_mlp.nn._activations import Activation

__all__ = ["JavaScriptMath", "Number", "activation_function", "activation_scripts"]

INSTEAD: Final = (
    "write it with + - * / ** and functions of tinygrad_mlp.functional, such as "
    "functional.where(x > 0, a, b) for a choice"
)


class Number:
    """A number that the script computes: the name of a constant in it.

    >>> xp = JavaScriptMath()
    >>> x = Number(xp, "x")
    >>> 2.0 * x + 1.0
    t1
    >>> xp.statements
    ['const t0 = 2.0 * x;', 'const t1 = t0 + 1.0;']
    """

    __hash__ = None  # type: ignore[assignment]
    __array_ufunc__ = None
    __bool__ = __float__ = refuses_to_be_a_number

    def __init__(self, xp: JavaScriptMath, name: str, is_truth: bool = False) -> None:
        self.xp = xp
        self.name = name
        self.is_truth = is_truth

    def __repr__(self) -> str:
        return self.name

    def __add__(self, other: Any) -> Number:
        return self.xp.infix(self, "+", other)

    def __radd__(self, other: Any) -> Number:
        return self.xp.infix(other, "+", self)

    def __sub__(self, other: Any) -> Number:
        return self.xp.infix(self, "-", other)

    def __rsub__(self, other: Any) -> Number:
        return self.xp.infix(other, "-", self)

    def __mul__(self, other: Any) -> Number:
        return self.xp.infix(self, "*", other)

    def __rmul__(self, other: Any) -> Number:
        return self.xp.infix(other, "*", self)

    def __truediv__(self, other: Any) -> Number:
        return self.xp.divide(self, other)

    def __rtruediv__(self, other: Any) -> Number:
        return self.xp.divide(other, self)

    def __pow__(self, other: Any) -> Number:
        return self.xp.power(self, other)

    def __rpow__(self, other: Any) -> Number:
        return self.xp.power(other, self)

    def __neg__(self) -> Number:
        return self.xp.written(f"-{self.name}")

    def __lt__(self, other: Any) -> Number:
        return self.xp.infix(self, "<", other, is_truth=True)

    def __le__(self, other: Any) -> Number:
        return self.xp.infix(self, "<=", other, is_truth=True)

    def __gt__(self, other: Any) -> Number:
        return self.xp.infix(self, ">", other, is_truth=True)

    def __ge__(self, other: Any) -> Number:
        return self.xp.infix(self, ">=", other, is_truth=True)


def _function(name: str) -> Callable[..., Number]:
    def function(xp: JavaScriptMath, /, *numbers: Any) -> Number:
        return xp.written(f"{name}({', '.join(map(xp.text, numbers))})")

    function.__doc__ = f"The function {name} of JavaScript."
    return function


class JavaScriptMath:
    """What a rule calls, as statements of one function of JavaScript.

    Attributes:
        statements: the statements so far; each gives one number a name.

    >>> xp = JavaScriptMath()
    >>> xp.where(xp.exp(Number(xp, "x")) > 1.0, 1.0, 0.0)
    t2
    >>> xp.statements[0]
    'const t0 = Math.exp(x);'
    """

    def __init__(self) -> None:
        self.statements: list[str] = []
        self._known: dict[str, Number] = {}

    if not TYPE_CHECKING:
        __getattr__ = staticmethod(refuse_function)

    def text(self, number: Any) -> str:
        """A number as it stands in an expression."""
        if isinstance(number, Number):
            return number.name
        plain = float(number)
        if isfinite(plain):
            return repr(plain) if plain >= 0.0 else f"({plain!r})"
        return "NaN" if plain != plain else "Infinity" if plain > 0.0 else "(-Infinity)"

    def written(self, expression: str, is_truth: bool = False) -> Number:
        """The number that an expression gives, in a statement; the same one the next time."""
        known = self._known.get(expression)
        if known is None:
            known = self._known[expression] = Number(self, f"t{len(self.statements)}", is_truth)
            self.statements.append(f"const {known.name} = {expression};")
        return known

    def infix(self, left: Any, symbol: str, right: Any, is_truth: bool = False) -> Number:
        """An operator between two numbers."""
        return self.written(f"{self.text(left)} {symbol} {self.text(right)}", is_truth)

    absolute = _function("Math.abs")
    arccos = _function("Math.acos")
    arcsin = _function("Math.asin")
    arctan = _function("Math.atan")
    cos = _function("Math.cos")
    cosh = _function("Math.cosh")
    erfc = _function("Special.erfc")
    exp = _function("Math.exp")
    expm1 = _function("Math.expm1")
    finite = _function("Special.finite")
    floor_divide = _function("Special.floor_divide")
    log = _function("Math.log")
    log10 = _function("Math.log10")
    log1p = _function("Math.log1p")
    log2 = _function("Math.log2")
    maximum = _function("Math.max")
    minimum = _function("Math.min")
    mod = _function("Special.mod")
    power = _function("Special.power")
    rint = _function("Special.rint")
    sigmoid = _function("Special.sigmoid")
    sign = _function("Special.sign")
    sin = _function("Math.sin")
    sinh = _function("Math.sinh")
    softplus = _function("Special.softplus")
    sqrt = _function("Math.sqrt")
    tan = _function("Math.tan")
    tanh = _function("Math.tanh")

    def exp2(self, x: Any, /) -> Number:
        """2^x."""
        return self.power(2.0, x)

    def divide(self, a: Any, b: Any, /) -> Number:
        """a / b; as everywhere in JavaScript, 1 / 0 is inf."""
        return self.infix(a, "/", b)

    def equal(self, a: Any, b: Any, /) -> Number:
        """Whether they are equal."""
        return self.infix(a, "===", b, is_truth=True)

    def where(self, condition: Any, a: Any, b: Any, /) -> Number:
        """a where the condition holds, else b; of numbers all but 0 hold, nan too."""
        holds = self.text(condition)
        if not (isinstance(condition, Number) and condition.is_truth):
            holds = f"{holds} !== 0"
        return self.written(f"{holds} ? {self.text(a)} : {self.text(b)}")

    # Of a list of numbers

    def max(self, inputs: Sequence[Any], /) -> Number:
        """The largest one."""
        return self.written(f"Math.max({', '.join(map(self.text, inputs))})")

    def sum(self, inputs: Sequence[Any], /) -> Number:
        """Their sum."""
        return self.written(" + ".join(["0.0", *map(self.text, inputs)]))

    def dot(self, weights: Sequence[Any], inputs: Sequence[Any], start: Any, /) -> Number:
        """start + w1 x1 + ... + wn xn."""
        products = [f"{self.text(w)} * {self.text(x)}" for w, x in zip(weights, inputs)]
        return self.written(" + ".join([self.text(start), *products]))

    def exp_shifted(self, inputs: Sequence[Any], shift: Any, /) -> list[Number]:
        """e^(x - shift) for each x."""
        return [self.exp(self.infix(x, "-", shift)) for x in inputs]

    def sum_less_one(self, terms: Sequence[Any], /) -> Number:
        """Their sum without one of those that are 1."""
        return self.written(f"Special.sum_less_one([{', '.join(map(self.text, terms))}])")

    def shares(self, terms: Sequence[Any], /) -> list[Number]:
        """What part of the sum each is."""
        total = self.sum(terms)
        return [self.infix(x, "/", total) for x in terms]

    def equal_each(self, inputs: Sequence[Any], x: Any, /) -> list[Number]:
        """For each 1 if it equals x, else 0."""
        return [self.where(self.equal(each, x), 1.0, 0.0) for each in inputs]


def activation_function(activation: Activation, name: str = "it") -> str:
    """An activation as an arrow function of JavaScript, which calls ``Math`` and ``Special`` alone.

    Plain numbers and Values that it reads are written in as they are now.

    Args:
        activation: a function of one Value.
        name: what to call it in messages.

    Raises:
        InvalidArgumentError: if it branches on its number, draws random numbers or assigns; the
            message says where, and what to write instead.

    >>> from tinygrad_mlp import functional
    >>> activation_function(functional.relu)
    'x => { const t0 = x <= 0.0; const t1 = t0 ? 0.0 : x; return t1; }'
    >>> activation_function(lambda x: x if x.data > 0.0 else 0.1 * x, "bent")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.InvalidArgumentError: the activation bent cannot run in a page: ...
    """
    try:
        recording = trace(activation, [()], [])
        _check_gives_one_number(recording)
        xp = JavaScriptMath()
        result = _result(recording, xp)
    except (TinygradMLPError, ArithmeticError, AttributeError, TypeError, ValueError) as error:
        instead = "" if isinstance(error, TracingError) else f"; {INSTEAD}"
        raise InvalidArgumentError(
            f"the activation {visible(name)} cannot run in a page: {error}{instead}"
        ) from error
    if not xp.statements:
        return f"x => {result}"
    return f"x => {{ {' '.join(xp.statements)} return {result}; }}"


def _check_gives_one_number(recording: Recording) -> None:
    """Refuse what depends on more than its number, or gives several."""
    if recording.random:
        raise InvalidArgumentError("it draws random numbers, so it is no function of its number")
    if recording.effects:
        raise InvalidArgumentError("it assigns to a leaf, and a page keeps nothing between calls")
    if recording.output_shape:
        raise InvalidArgumentError(
            f"it returns {len(recording.outputs)} numbers in a list, not one"
        )


def _result(recording: Recording, xp: JavaScriptMath) -> str:
    """The statements of all nodes; what gives the result."""
    numbers: dict[Value, Any] = {}
    for node in recording.nodes:
        if node.op is None:
            numbers[node] = Number(xp, "x")
        else:
            operands = [_number_of(parent, numbers) for parent in node.parents]
            numbers[node] = node.op.compute(xp, operands)
    return xp.text(_number_of(recording.outputs[0], numbers))


def _number_of(value: Value, numbers: dict[Value, Any]) -> Any:
    """A number that the script computes, or what a leaf holds; a node has no ``data``."""
    return numbers[value] if value in numbers else value.data  # noqa: SIM401


def activation_scripts(activations: Mapping[str, Activation] | None = None) -> str:
    """The table that forward.js looks activations up in, as a script.

    Args:
        activations: the functions by the names that the scene calls them; all of ``ACTIVATIONS``
            unless given. Of these, one that cannot be written stands there as the reason why; a
            page says it where a network has that activation.

    Raises:
        InvalidArgumentError: if one of the given ones cannot be written.

    >>> from tinygrad_mlp import functional
    >>> print(activation_scripts({"bent": lambda x: 0.5 * x}))
    const ACTIVATION_FUNCTIONS = new Map([
    ["bent", x => { const t0 = 0.5 * x; return t0; }],
    ]);
    """
    rows = []
    for name, activation in (ACTIVATIONS if activations is None else activations).items():
        try:
            function = activation_function(activation, name)
        except InvalidArgumentError as error:
            if activations is not None:
                raise
            function = _in_script(str(error))
        rows.append(f"[{_in_script(name)}, {function}],")
    return "\n".join(["const ACTIVATION_FUNCTIONS = new Map([", *rows, "]);"])


def _in_script(text: str) -> str:
    """A text as it stands in a script, in which nothing is taken for markup."""
    return json.dumps(text).replace("<", "\\u003c")
