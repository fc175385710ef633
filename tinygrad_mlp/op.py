"""What an operation is: one record of how to compute, differentiate, show and test it.

A rule is a named function of ``xp``, the namespace that interprets it. ``_float_math`` makes it the
eager value and local derivative; ``_value_math`` makes it the derivative as a graph of Values;
``_array_math`` (NumPy) makes it the vectorized program of the compiler, or, on complex numbers, an
oracle by complex step. Rules are therefore free of branches: ``xp.where`` instead of ``if``,
``xp.divide`` instead of ``/`` (a Python float raises where IEEE arithmetic gives inf).
``_interpreter`` writes down what such a namespace has; ``ops`` is the table of all operations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tinygrad_mlp._interpreter import Interpreter
from tinygrad_mlp._reference import Reference

__all__ = [
    "CONSTANT",
    "LETTERS",
    "NOTHING",
    "OPS",
    "Nothing",
    "Op",
    "Reference",
    "Rule",
    "declare",
    "op_named",
]

Rule = Callable[..., Any]
"""A rule: ``forward(xp, *inputs)`` or ``partial(xp, out, *inputs)``."""


class Nothing(float):
    """A local derivative that is 0 by definition: what flows is 0 also where inf meets it.

    >>> float("inf") * Nothing(), float("inf") * 0.0
    (0.0, nan)
    """

    __slots__ = ()

    def __mul__(self, other: object) -> float:
        return 0.0

    __rmul__ = __mul__


LETTERS: Final = "abcpqrst"
"""What a formula calls the inputs where there are several; not d, as in ``d out / da``."""

NOTHING: Final = Nothing()
"""The local derivative by an input to which nothing flows."""


@dataclass(frozen=True, eq=False, repr=False, slots=True, kw_only=True)
class Op:
    """One operation: how to compute it, how to differentiate it, how to show it, how to test it.

    Args:
        name: its unique name, for example ``"tanh"``.
        forward: ``forward(xp, *inputs)``; a variadic op takes ``forward(xp, inputs)`` instead.
        partials: per input the local derivative ``partial(xp, out, *inputs)``, or a number where it
            is constant, ``NOTHING`` where nothing flows. A variadic op has one, applied to each
            operand: ``partial(xp, out, x)``.
        symbol: what a drawing writes into the node; the name unless given.
        formula: the value as text, the inputs named ``a, b, c, p, ...`` (``x`` if there is one);
            unless given, the name with its inputs, such as ``exp(x)``.
        partial_formulas: the local derivatives as text; unless given ``d exp / dx``, and so on, or
            the number.
        latex: the value in LaTeX, with #1, #2, ... for the inputs, or #* for all of them; unless
            given, the formula if it is all + - *, else the name with its inputs.
        reference: what the tests compare it with, and where.
        note: what the formula leaves unsaid.
        variadic: whether it takes any number of inputs.
        joint_partials: one rule ``joint_partials(xp, out, inputs)`` for all partials together,
            where each input has another (``dot``: by a weight it is the input beside it).
        analytic: whether the rules hold for complex numbers, so that complex step applies.
        activation: whether it is made to stand behind the weighted sum of a neuron.
        aliases: what other libraries call it.
        relu_like: whether it goes to x for large x and stays small for small x, as relu does: the
            layer then begins with larger weights (He et al. 2015).
        saturating: the two values that it comes near to, and where hardly any gradient comes
            through, as with tanh: the slope is exactly 0 at -800 and 800. Else None.
        comparison: whether it answers 1 or 0.
        infix: whether its symbol stands between its two operands.
        commutative: whether the order of its operands does not matter.
        masking: whether it lets no gradient through to an operand that it does not choose.

    >>> op_named("tanh").partial_formulas
    ('1 - tanh(x)^2',)
    """

    name: str
    forward: Rule
    partials: tuple[Rule | float, ...]
    symbol: str = ""
    formula: str = ""
    partial_formulas: tuple[str, ...] = ()
    latex: str = ""
    reference: Reference = field(default_factory=Reference)
    note: str = ""
    variadic: bool = False
    joint_partials: Rule | None = None
    analytic: bool = False
    activation: bool = False
    aliases: tuple[str, ...] = ()
    relu_like: bool = False
    saturating: tuple[float, float] | None = None
    comparison: bool = False
    infix: bool = False
    commutative: bool = False
    masking: bool = False

    arity: int | None = field(init=False)
    """The number of inputs, or None for an op that takes any number."""
    fixed_partials: tuple[float, ...] | None = field(init=False)
    """The local derivatives where all of them are constant numbers, else None."""
    closed: tuple[int, ...] = field(init=False)
    """The places of the inputs to which nothing flows, such as the condition of ``where``;
    ``(0,)`` stands for all of a variadic op."""

    def __post_init__(self) -> None:
        letters = "x" if len(self.partials) == 1 else LETTERS[: len(self.partials)]
        numbers = tuple([rule for rule in self.partials if isinstance(rule, float)])
        all_fixed = len(numbers) == len(self.partials) and self.joint_partials is None
        texts = [
            f"{rule:g}" if isinstance(rule, float) else f"d {self.name} / d{letter}"
            for rule, letter in zip(self.partials, letters)
        ]
        derived = {
            "arity": None if self.variadic else len(self.partials),
            "fixed_partials": numbers if all_fixed else None,
            "closed": tuple([at for at, rule in enumerate(self.partials) if rule is NOTHING]),
            "symbol": self.symbol or self.name,
            "formula": self.formula or f"{self.name}({', '.join(letters)})",
            "partial_formulas": self.partial_formulas or tuple(texts),
            "reference": self.reference.of(1 if self.variadic else len(self.partials)),
        }
        for name, item in derived.items():
            object.__setattr__(self, name, item)

    def compute(self, xp: Interpreter, inputs: Sequence[Any]) -> Any:
        """The value at these inputs, as ``xp`` interprets the rule.

        >>> from tinygrad_mlp import _float_math as float_math
        >>> op_named("mul").compute(float_math, [2.0, 3.0])
        6.0
        """
        return self.forward(xp, inputs) if self.variadic else self.forward(xp, *inputs)

    def local_partials(self, xp: Interpreter, out: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """d out / d input for each input, as ``xp`` interprets the rules.

        >>> from tinygrad_mlp import _float_math as float_math
        >>> op_named("mul").local_partials(float_math, 6.0, [2.0, 3.0])
        (3.0, 2.0)
        """
        if self.joint_partials is not None:
            return tuple(self.joint_partials(xp, out, inputs))
        if self.variadic:
            (rule,) = self.partials
            if isinstance(rule, float):
                return (rule,) * len(inputs)
            return tuple([rule(xp, out, x) for x in inputs])
        return tuple(
            [rule if isinstance(rule, float) else rule(xp, out, *inputs) for rule in self.partials]
        )

    @property
    def explained(self) -> str:
        """The name, the formula and what it leaves unsaid.

        >>> op_named("gelu").explained
        'gelu: x * Phi(x), Phi the standard normal distribution function'
        """
        return ", ".join([f"{self.name}: {self.formula}", *([self.note] if self.note else [])])

    def __repr__(self) -> str:
        return f"Op({self.explained})"

    def __reduce__(self) -> tuple[Callable[[str], Op], tuple[str]]:
        return op_named, (self.name,)


OPS: dict[str, Op] = {}
"""Every declared op by its name."""


def declare(op: Op) -> Op:
    """Put ``op`` into the table and return it.

    Raises:
        ValueError: if the name is taken.

    >>> def cube(xp, x):
    ...     return x * x * x
    >>> def cube_partial(xp, out, x):
    ...     return 3.0 * x * x
    >>> declare(Op(name="cube", forward=cube, partials=(cube_partial,)))
    Op(cube: cube(x))
    >>> OPS.pop("cube").partial_formulas
    ('d cube / dx',)
    """
    if op.name in OPS:
        raise ValueError(f"an operation named {op.name!r} is declared already; choose another name")
    OPS[op.name] = op
    return op


def op_named(name: str) -> Op:
    """The op of that name.

    Raises:
        KeyError: if there is none.

    >>> op_named("add")
    Op(add: a + b)
    """
    if name != CONSTANT.name and name not in OPS:
        raise KeyError(
            f"there is no operation {name!r}; one of your own is declared before a graph with it "
            "is loaded"
        )
    return CONSTANT if name == CONSTANT.name else OPS[name]


def _constant_forward(xp: Interpreter) -> Any:
    raise TypeError("a constant has no inputs to be computed from")


CONSTANT: Final = Op(
    name="constant",
    forward=_constant_forward,
    partials=(),
    symbol="const",
    formula="c",
    partial_formulas=(),
    reference=Reference("tensor", domain=()),
)
"""Marks a leaf that stands for a plain number in the user's expression, such as 2 in ``2 * v``."""
