"""An operation of one's own in one call: ``functional.declare`` makes a function on Values of it.

It stands in the table of operations like those of the package, from which everything else follows.
"""

from __future__ import annotations

from collections.abc import Callable
from keyword import iskeyword
from typing import Any, Final

from tinygrad_mlp import ops
from tinygrad_mlp._text import described
from tinygrad_mlp.engine import Number, Value, apply, as_value
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.ops import OPS, Op

__all__ = ["OpFunction", "declare"]

_OF_THE_PACKAGE: Final = frozenset(OPS)
_EXAMPLE: Final = "declare('cube', cube_forward, cube_partial)"


class OpFunction:
    """An operation as a function of Values and numbers.

    Attributes:
        op: its record.

    >>> OpFunction(ops.EXP)
    <operation exp: exp(x)>
    >>> OpFunction(ops.EXP)(0.0).data
    1.0
    """

    def __init__(self, op: Op) -> None:
        self.op = op
        self.__name__ = op.name
        self.__doc__ = op.explained

    def __call__(self, *inputs: Value | Number) -> Value:
        """The node of the operation on these inputs."""
        return apply(self.op, *[as_value(x) for x in inputs])

    def __repr__(self) -> str:
        return f"<operation {self.op.explained}>"

    def __reduce__(self) -> tuple[Callable[[str], OpFunction], tuple[str]]:
        return _function_named, (self.op.name,)


def _function_named(name: str) -> OpFunction:
    return OpFunction(ops.op_named(name))


def declare(
    name: str,
    forward: Callable[..., Any],
    *partials: Callable[..., Any] | float,
    **facts: Any,
) -> OpFunction:
    """An operation of your own, as a function of Values and numbers.

    It computes, differentiates as often as you like, compiles, draws and steps. The rules are
    written with ``+ - *``, comparisons and the functions of ``xp``, since the same rule works on
    floats, Values, arrays and what the compiler writes down: ``xp.exp(x)``, ``xp.divide(a, b)``
    (inf or nan where Python's ``/`` raises), ``xp.where(x > 0.0, a, b)`` in the place of an ``if``,
    ``xp.equal(a, b)`` for ``==``. ``check_gradients`` compares the derivatives with finite
    differences, with ``order=2`` the second ones too. There are these functions of xp, beside where
    and equal:
    absolute arccos arcsin arctan cos cosh divide erfc exp exp2 expm1 floor_divide log log10 log1p
    log2 maximum minimum mod power rint sigmoid sign sin sinh softplus sqrt tan tanh

    A second derivative is that of the local derivative as it is written. So where the curve is
    smooth, no part of that rule may have a kink, such as ``xp.absolute(x)`` and ``xp.where`` have:
    log(1 + e^x) is ``xp.softplus(x)`` there; with ``where(x > 0.0, x, 0.0)`` and
    ``log1p(exp(-absolute(x)))`` its slope at 0 comes out as 0 in place of 1/2, without an error.

    Args:
        name: its name, a word. Declared once more, as when the cell of a notebook runs again, the
            new operation takes the place of the one before.
        forward: the value, ``forward(xp, *inputs)``.
        partials: for each input the local derivative, ``partial(xp, out, *inputs)`` with ``out``,
            the value; or a number where it is constant.
        facts: what else ``ops.Op`` has, such as ``symbol``, ``formula``, ``partial_formulas`` and
            ``activation``.

    Raises:
        InvalidArgumentError: if the name is no word, or that of an operation of the package; if
            there are no rules.

    >>> def cube_forward(xp, x):
    ...     return x * x * x
    >>> def cube_partial(xp, out, x):
    ...     return 3.0 * x * x
    >>> cube = declare("cube", cube_forward, cube_partial, symbol="x³")
    >>> x = Value(2.0)
    >>> y = cube(x)
    >>> y.backward()
    >>> y.data, x.grad
    (8.0, 12.0)
    >>> OPS.pop("cube")
    Op(cube: cube(x))
    """
    word: object = name
    if not (isinstance(word, str) and word.isidentifier()) or iskeyword(name):
        raise InvalidArgumentError(
            f"the name of an operation is a word of letters, digits and _, got {described(name)}: "
            f"{_EXAMPLE}"
        )
    if name in _OF_THE_PACKAGE or name == ops.CONSTANT.name:
        raise InvalidArgumentError(
            f"{name} is an operation of the package; choose another name: declare('my_{name}', ...)"
        )
    if not partials and not facts.get("joint_partials"):
        raise InvalidArgumentError(
            f"{name} needs a local derivative for each of its inputs, after its value: {_EXAMPLE}"
        )
    rules: list[object] = [forward, *partials]
    wrong = [rule for rule in rules[1:] if not (callable(rule) or isinstance(rule, float | int))]
    if wrong or not callable(rules[0]):
        raise InvalidArgumentError(
            f"{described((wrong or rules)[0])} is no rule of {name}; give functions of xp, or "
            f"numbers for constant derivatives: {_EXAMPLE}"
        )
    constant = [rule if callable(rule) else _as_constant(rule) for rule in partials]
    op = Op(name=name, forward=forward, partials=tuple(constant), **facts)
    OPS.pop(name, None)
    return OpFunction(ops.declare(op))


def _as_constant(number: float) -> float:
    """A derivative of 0 as the one to which nothing flows."""
    return float(number) if number else ops.NOTHING
