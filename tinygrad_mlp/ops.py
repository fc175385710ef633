"""The table of operations: for each one record, from which everything else follows.

A rule is a named function of ``xp``, the namespace that interprets it. ``float_math`` makes it the
eager value and local derivative; ``value_math`` makes it the derivative as a graph of Values;
``array_math`` (NumPy) makes it the vectorized program of the compiler, or, on complex numbers, an
oracle by complex step. Rules are therefore free of branches: ``xp.where`` instead of ``if``,
``xp.divide`` instead of ``/`` (a Python float raises where IEEE arithmetic gives inf).

``interpreter`` writes down what such a namespace has. Edge cases follow PyTorch: ``relu'(0) = 0``,
``abs'(0) = 0``, a tie in ``maximum`` splits in halves, ``log(0) = -inf``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf, log, pi, sqrt
from typing import Any, Final

from tinygrad_mlp._interpreter import ForwardInterpreter, Interpreter

__all__ = [
    "BATCH_MEAN",
    "BATCH_SUM",
    "CONSTANT",
    "OPS",
    "OVER_BATCH",
    "Op",
    "Reference",
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
REAL_LINE: Final = (-4.0, 4.0)
POSITIVE: Final = (0.05, 4.0)


@dataclass(frozen=True, slots=True)
class Reference:
    """What the tests compare an op with; nothing else reads it.

    Args:
        torch: a dotted name in ``torch``, called with the same inputs; "" is the name of the op.
        domain: per input the open interval from which tests draw points.
        kinks: a point (a tuple of inputs) for each special behavior, such as a jump or an infinity.

    >>> op_named("log").reference.domain
    ((0.05, 4.0),)
    """

    torch: str = ""
    domain: tuple[tuple[float, float], ...] = (REAL_LINE,)
    kinks: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
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
        partial_formulas: the local derivatives as text; unless given ``d exp / dx``, and so on.
        reference: what the tests compare it with, and where.
        note: what the formula leaves unsaid.
        variadic: whether it takes any number of inputs.
        joint_partials: for an op whose partials come all at once (``dot``).
        analytic: whether the rules hold for complex numbers, so that complex step applies.
        activation: whether it is made to stand behind the weighted sum of a neuron.
        aliases: what other libraries call it.
        relu_like: whether it goes to x for large x and stays small for small x, as relu does: the
            layer then begins with larger weights (He et al. 2015).
        saturating: the two values that it comes near to, and where hardly any gradient comes
            through, as with tanh; None for an activation without them.
        comparison: whether it answers 1 or 0.
        infix: whether its symbol stands between its two operands.
        commutative: whether the order of its operands does not matter.
        masking: whether it lets no gradient through to an operand that it does not choose.
        places: what its operands are to it, as words before them.

    >>> op_named("tanh").partial_formulas
    ('1 - tanh(x)^2',)
    """

    name: str
    forward: Rule
    partials: tuple[Rule | float, ...]
    symbol: str = ""
    formula: str = ""
    partial_formulas: tuple[str, ...] = ()
    reference: Reference = Reference()
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
    places: tuple[str, ...] = ()

    arity: int | None = field(init=False)
    """The number of inputs, or None for an op that takes any number."""
    fixed_partials: tuple[float, ...] | None = field(init=False)
    """The local derivatives where all of them are constant numbers, else None."""
    closed: tuple[int, ...] = field(init=False)
    """The places of the inputs to which nothing flows."""

    def __post_init__(self) -> None:
        fixed = tuple(rule for rule in self.partials if isinstance(rule, float))
        all_fixed = len(fixed) == len(self.partials) and self.joint_partials is None
        object.__setattr__(self, "arity", None if self.variadic else len(self.partials))
        object.__setattr__(self, "fixed_partials", fixed if all_fixed else None)
        closed = tuple([place for place, rule in enumerate(self.partials) if rule is NOTHING])
        object.__setattr__(self, "closed", closed)
        letters = "x" if len(self.partials) == 1 else LETTERS[: len(self.partials)]
        unsaid = {
            "symbol": self.name,
            "formula": f"{self.name}({', '.join(letters)})",
            "partial_formulas": tuple([f"d {self.name} / d{letter}" for letter in letters]),
        }
        for name, text in unsaid.items():
            object.__setattr__(self, name, getattr(self, name) or text)

    def compute(self, xp: Interpreter, inputs: Sequence[Any]) -> Any:
        """The value at these inputs, as ``xp`` interprets the rule.

        >>> from tinygrad_mlp import _float_math as float_math
        >>> op_named("mul").compute(float_math, [2.0, 3.0])
        6.0
        """
        return self.forward(xp, inputs) if self.variadic else self.forward(xp, *inputs)

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


def _over_batch(xp: Interpreter, *inputs: Any) -> Any:
    raise TypeError("one sample says nothing about the others of its batch")


BATCH_SUM: Final = Op(
    name="batch_sum",
    forward=_over_batch,
    partials=(_over_batch,),
    formula="x1 + ... + xB over the samples of the batch",
    partial_formulas=("1",),
)
"""Marks the sum over the samples of a batch, where one of them is recorded; in a graph of the batch
it is ``SUM`` with an operand for each sample."""

BATCH_MEAN: Final = Op(
    name="batch_mean",
    forward=_over_batch,
    partials=(_over_batch,),
    formula="(x1 + ... + xB) / B over the samples of the batch",
    partial_formulas=("1 / B",),
)
"""Likewise the mean over the samples."""

OVER_BATCH: Final = frozenset([BATCH_SUM, BATCH_MEAN])
"""What is one number for all samples of a batch, and needs all of them."""


# Arithmetic


def add_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return a + b


ADD: Final = declare(
    Op(
        name="add",
        forward=add_forward,
        partials=(1.0, 1.0),
        symbol="+",
        formula="a + b",
        partial_formulas=("1", "1"),
        reference=Reference(domain=(REAL_LINE, REAL_LINE)),
        analytic=True,
        infix=True,
        commutative=True,
    )
)


def sub_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return a - b


SUB: Final = declare(
    Op(
        name="sub",
        forward=sub_forward,
        partials=(1.0, -1.0),
        symbol="−",
        formula="a - b",
        partial_formulas=("1", "-1"),
        reference=Reference(domain=(REAL_LINE, REAL_LINE)),
        analytic=True,
        infix=True,
    )
)


def mul_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return a * b


def mul_partial_a(xp: Interpreter, out: Any, a: Any, b: Any) -> Any:
    return b


def mul_partial_b(xp: Interpreter, out: Any, a: Any, b: Any) -> Any:
    return a


MUL: Final = declare(
    Op(
        name="mul",
        forward=mul_forward,
        partials=(mul_partial_a, mul_partial_b),
        symbol="×",
        formula="a * b",
        partial_formulas=("b", "a"),
        reference=Reference(domain=(REAL_LINE, REAL_LINE)),
        analytic=True,
        infix=True,
        commutative=True,
    )
)


def div_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.divide(a, b)


def div_partial_a(xp: Interpreter, out: Any, a: Any, b: Any) -> Any:
    return xp.divide(1.0, b)


def div_partial_b(xp: Interpreter, out: Any, a: Any, b: Any) -> Any:
    return -xp.divide(out, b)


DIV: Final = declare(
    Op(
        name="div",
        forward=div_forward,
        partials=(div_partial_a, div_partial_b),
        symbol="÷",
        formula="a / b",
        partial_formulas=("1 / b", "-a / b^2"),
        reference=Reference(
            domain=(REAL_LINE, POSITIVE),
            kinks=((0.0, 0.0), (0.0, -0.0), (1.0, 0.0), (1.0, -0.0), (-1.0, 0.0), (-1.0, -0.0)),
        ),
        analytic=True,
        infix=True,
    )
)


def neg_forward(xp: Interpreter, x: Any) -> Any:
    return -x


NEG: Final = declare(
    Op(
        name="neg",
        forward=neg_forward,
        partials=(-1.0,),
        symbol="−",
        formula="-x",
        partial_formulas=("-1",),
        analytic=True,
    )
)


_LEAST_WITH_RECIPROCAL: Final = 1e-308
"""1 / x overflows for numbers that are not greater by much."""


def pow_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.power(a, b)


def pow_partial_base(xp: Interpreter, out: Any, a: Any, b: Any) -> Any:
    # At b = 0 it is 0, also where a^-1 is inf or nan. (Elsewhere the product stays even there,
    # since its derivative by b is 1 / a.)
    is_zero = xp.equal(b, 0.0) * (1.0 - (xp.absolute(a) > _LEAST_WITH_RECIPROCAL))
    return xp.where(is_zero, 0.0, b * xp.power(a, b - 1.0 + is_zero))


def pow_partial_exponent(xp: Interpreter, out: Any, a: Any, b: Any) -> Any:
    # 0^b is 0 for all b > 0, so all derivatives by b are 0.
    return out * xp.log(xp.where(xp.equal(a, 0.0) & (b >= 0.0), 1.0, a))


POW: Final = declare(
    Op(
        name="pow",
        forward=pow_forward,
        partials=(pow_partial_base, pow_partial_exponent),
        symbol="^",
        formula="a ^ b",
        partial_formulas=("b * a^(b - 1)", "a^b * log(a)"),
        reference=Reference(
            domain=(POSITIVE, REAL_LINE),
            kinks=((0.0, 0.0), (0.0, -1.0), (-0.0, -1.0), (-1.0, 0.0)),
        ),
        analytic=True,
        infix=True,
    )
)
"""Both sides are differentiated; see POW_NUMBER for a plain number as the exponent."""


def pow_number_partial(xp: Interpreter, out: Any, a: Any, b: Any) -> Any:
    return b * xp.power(a, b - 1.0 + xp.equal(b, 0.0))  # 0 * a^0 = 0 at a = 0 too


POW_NUMBER: Final = declare(
    Op(
        name="pow_number",
        forward=pow_forward,
        partials=(pow_number_partial, 0.0),
        symbol="^",
        formula="a ^ b",
        note="b a plain number",
        partial_formulas=("b * a^(b - 1)", "0 (a plain number)"),
        reference=Reference(
            "pow", domain=(POSITIVE, REAL_LINE), kinks=((0.0, 0.0), (0.0, -1.0), (-0.0, -1.0))
        ),
        analytic=True,
        infix=True,
    )
)
"""A power whose exponent is a plain number: nothing flows to the exponent, as in torch. (By ``b``
the derivative of ``(-2) ** b`` is nan, which would turn up in a graph that never asked for it.)"""


def square_forward(xp: Interpreter, x: Any) -> Any:
    return x * x


def square_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return 2.0 * x


SQUARE: Final = declare(
    Op(
        name="square",
        forward=square_forward,
        partials=(square_partial,),
        symbol="x²",
        formula="x^2",
        partial_formulas=("2 x",),
        reference=Reference(kinks=((inf,), (-inf,))),
        analytic=True,
    )
)


def reciprocal_forward(xp: Interpreter, x: Any) -> Any:
    return xp.divide(1.0, x)


def reciprocal_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return -(out * out)


RECIPROCAL: Final = declare(
    Op(
        name="reciprocal",
        forward=reciprocal_forward,
        partials=(reciprocal_partial,),
        symbol="1/x",
        formula="1 / x",
        partial_formulas=("-1 / x^2",),
        reference=Reference(domain=(POSITIVE,), kinks=((0.0,), (-0.0,))),
        analytic=True,
    )
)


# Exponentials, logarithms, roots, trigonometry


def exp_forward(xp: Interpreter, x: Any) -> Any:
    return xp.exp(x)


def exp_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return out


EXP: Final = declare(
    Op(
        name="exp",
        forward=exp_forward,
        partials=(exp_partial,),
        partial_formulas=("exp(x)",),
        reference=Reference(kinks=((800.0,), (-800.0,))),
        analytic=True,
    )
)


def expm1_forward(xp: Interpreter, x: Any) -> Any:
    return xp.expm1(x)


def expm1_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return out + 1.0


EXPM1: Final = declare(
    Op(
        name="expm1",
        forward=expm1_forward,
        partials=(expm1_partial,),
        formula="exp(x) - 1",
        partial_formulas=("exp(x)",),
        reference=Reference(kinks=((800.0,), (-800.0,))),
        analytic=True,
    )
)


_LOG_2: Final = log(2.0)
_LOG_10: Final = log(10.0)


def exp2_forward(xp: Interpreter, x: Any) -> Any:
    return xp.exp2(x)


def exp2_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return _LOG_2 * out


EXP2: Final = declare(
    Op(
        name="exp2",
        forward=exp2_forward,
        partials=(exp2_partial,),
        formula="2^x",
        partial_formulas=("2^x * log(2)",),
        reference=Reference(kinks=((inf,),)),
        analytic=True,
    )
)


def log_forward(xp: Interpreter, x: Any) -> Any:
    return xp.log(x)


def log_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.divide(1.0, x)


LOG: Final = declare(
    Op(
        name="log",
        forward=log_forward,
        partials=(log_partial,),
        partial_formulas=("1 / x",),
        reference=Reference(domain=(POSITIVE,), kinks=((0.0,), (-0.0,), (-1.0,), (inf,))),
        analytic=True,
    )
)


def log1p_forward(xp: Interpreter, x: Any) -> Any:
    return xp.log1p(x)


def log1p_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.divide(1.0, 1.0 + x)


LOG1P: Final = declare(
    Op(
        name="log1p",
        forward=log1p_forward,
        partials=(log1p_partial,),
        formula="log(1 + x)",
        partial_formulas=("1 / (1 + x)",),
        reference=Reference(domain=((-0.95, 4.0),), kinks=((-1.0,), (-800.0,), (inf,))),
        analytic=True,
    )
)


def log2_forward(xp: Interpreter, x: Any) -> Any:
    return xp.log2(x)


def log2_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.divide(1.0 / _LOG_2, x)


LOG2: Final = declare(
    Op(
        name="log2",
        forward=log2_forward,
        partials=(log2_partial,),
        partial_formulas=("1 / (x log(2))",),
        reference=Reference(domain=(POSITIVE,), kinks=((0.0,), (-0.0,), (-1.0,), (inf,))),
        analytic=True,
    )
)


def log10_forward(xp: Interpreter, x: Any) -> Any:
    return xp.log10(x)


def log10_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.divide(1.0 / _LOG_10, x)


LOG10: Final = declare(
    Op(
        name="log10",
        forward=log10_forward,
        partials=(log10_partial,),
        partial_formulas=("1 / (x log(10))",),
        reference=Reference(domain=(POSITIVE,), kinks=((0.0,), (-0.0,), (-1.0,), (inf,))),
        analytic=True,
    )
)


def sqrt_forward(xp: Interpreter, x: Any) -> Any:
    return xp.sqrt(x)


def sqrt_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.divide(0.5, out)


SQRT: Final = declare(
    Op(
        name="sqrt",
        forward=sqrt_forward,
        partials=(sqrt_partial,),
        symbol="√",
        partial_formulas=("1 / (2 sqrt(x))",),
        reference=Reference(domain=(POSITIVE,), kinks=((0.0,), (-0.0,), (-1.0,), (inf,))),
        analytic=True,
    )
)


def sin_forward(xp: Interpreter, x: Any) -> Any:
    return xp.sin(x)


def sin_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.cos(x)


SIN: Final = declare(
    Op(
        name="sin",
        forward=sin_forward,
        partials=(sin_partial,),
        partial_formulas=("cos(x)",),
        reference=Reference(kinks=((inf,),)),
        analytic=True,
    )
)


def cos_forward(xp: Interpreter, x: Any) -> Any:
    return xp.cos(x)


def cos_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return -xp.sin(x)


COS: Final = declare(
    Op(
        name="cos",
        forward=cos_forward,
        partials=(cos_partial,),
        partial_formulas=("-sin(x)",),
        reference=Reference(kinks=((inf,),)),
        analytic=True,
    )
)


def tan_forward(xp: Interpreter, x: Any) -> Any:
    return xp.tan(x)


def tan_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return 1.0 + out * out


TAN: Final = declare(
    Op(
        name="tan",
        forward=tan_forward,
        partials=(tan_partial,),
        partial_formulas=("1 + tan(x)^2",),
        reference=Reference(domain=((-1.5, 1.5),), kinks=((inf,),)),
        analytic=True,
    )
)


def arcsin_forward(xp: Interpreter, x: Any) -> Any:
    return xp.arcsin(x)


def arcsin_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.divide(1.0, xp.sqrt(1.0 - x * x))


ARCSIN: Final = declare(
    Op(
        name="arcsin",
        forward=arcsin_forward,
        partials=(arcsin_partial,),
        partial_formulas=("1 / sqrt(1 - x^2)",),
        reference=Reference(domain=((-0.75, 0.75),), kinks=((1.0,), (800.0,))),
        analytic=True,
    )
)


def arccos_forward(xp: Interpreter, x: Any) -> Any:
    return xp.arccos(x)


def arccos_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return -xp.divide(1.0, xp.sqrt(1.0 - x * x))


ARCCOS: Final = declare(
    Op(
        name="arccos",
        forward=arccos_forward,
        partials=(arccos_partial,),
        partial_formulas=("-1 / sqrt(1 - x^2)",),
        reference=Reference(domain=((-0.75, 0.75),), kinks=((1.0,), (-1.0,), (800.0,))),
        analytic=True,
    )
)


def arctan_forward(xp: Interpreter, x: Any) -> Any:
    return xp.arctan(x)


def arctan_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.divide(1.0, 1.0 + x * x)


ARCTAN: Final = declare(
    Op(
        name="arctan",
        forward=arctan_forward,
        partials=(arctan_partial,),
        partial_formulas=("1 / (1 + x^2)",),
        reference=Reference(),
        analytic=True,
    )
)


def sinh_forward(xp: Interpreter, x: Any) -> Any:
    return xp.sinh(x)


def sinh_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.cosh(x)


SINH: Final = declare(
    Op(
        name="sinh",
        forward=sinh_forward,
        partials=(sinh_partial,),
        partial_formulas=("cosh(x)",),
        reference=Reference(kinks=((800.0,), (-800.0,))),
        analytic=True,
    )
)


def cosh_forward(xp: Interpreter, x: Any) -> Any:
    return xp.cosh(x)


def cosh_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.sinh(x)


COSH: Final = declare(
    Op(
        name="cosh",
        forward=cosh_forward,
        partials=(cosh_partial,),
        partial_formulas=("sinh(x)",),
        reference=Reference(kinks=((800.0,), (-800.0,))),
        analytic=True,
    )
)


def erfc_forward(xp: Interpreter, x: Any) -> Any:
    return xp.erfc(x)


def erfc_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return (-2.0 / sqrt(pi)) * xp.exp(-(x * x))


ERFC: Final = declare(
    Op(
        name="erfc",
        forward=erfc_forward,
        partials=(erfc_partial,),
        note="1 - erf(x)",
        partial_formulas=("-2 exp(-x^2) / sqrt(pi)",),
        reference=Reference("special.erfc", kinks=((800.0,), (-800.0,))),
    )
)


# Activations


def tanh_forward(xp: Interpreter, x: Any) -> Any:
    return xp.tanh(x)


def tanh_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return 1.0 - out * out


TANH: Final = declare(
    Op(
        name="tanh",
        forward=tanh_forward,
        partials=(tanh_partial,),
        partial_formulas=("1 - tanh(x)^2",),
        reference=Reference(kinks=((800.0,), (-800.0,))),
        analytic=True,
        activation=True,
        saturating=(-1.0, 1.0),
    )
)


def sigmoid_forward(xp: Interpreter, x: Any) -> Any:
    return xp.divide(1.0, 1.0 + xp.exp(-x))


def sigmoid_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return out * (1.0 - out)


SIGMOID: Final = declare(
    Op(
        name="sigmoid",
        forward=sigmoid_forward,
        partials=(sigmoid_partial,),
        symbol="σ",
        formula="1 / (1 + exp(-x))",
        partial_formulas=("sigmoid(x) * (1 - sigmoid(x))",),
        reference=Reference(kinks=((800.0,), (-800.0,))),
        analytic=True,
        activation=True,
        aliases=("logistic",),
        saturating=(0.0, 1.0),
    )
)


def relu_forward(xp: Interpreter, x: Any) -> Any:
    return xp.where(x <= 0.0, 0.0, x)  # in this order nan stays nan


def relu_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.where(xp.equal(out, 0.0), 0.0, 1.0)


RELU: Final = declare(
    Op(
        name="relu",
        forward=relu_forward,
        partials=(relu_partial,),
        formula="max(x, 0)",
        partial_formulas=("1 if x > 0 else 0",),
        reference=Reference(kinks=((0.0,), (inf,))),
        activation=True,
        relu_like=True,
        masking=True,
    )
)


def leaky_relu_forward(xp: Interpreter, x: Any, slope: Any) -> Any:
    return xp.where(x > 0.0, x, slope * x)


def leaky_relu_partial_x(xp: Interpreter, out: Any, x: Any, slope: Any) -> Any:
    return xp.where(x > 0.0, 1.0, slope)


def leaky_relu_partial_slope(xp: Interpreter, out: Any, x: Any, slope: Any) -> Any:
    return xp.where(x > 0.0, 0.0, x)


LEAKY_RELU: Final = declare(
    Op(
        name="leaky_relu",
        forward=leaky_relu_forward,
        partials=(leaky_relu_partial_x, leaky_relu_partial_slope),
        symbol="leaky relu",
        formula="a if a > 0 else b * a",
        partial_formulas=("1 if a > 0 else b", "0 if a > 0 else a"),
        reference=Reference(
            "nn.functional.prelu", domain=(REAL_LINE, (0.001, 0.5)), kinks=((0.0, 0.0),)
        ),
        activation=True,
        relu_like=True,
    )
)


def elu_forward(xp: Interpreter, x: Any, alpha: Any) -> Any:
    return xp.where(x > 0.0, x, alpha * xp.expm1(xp.minimum(x, 0.0)))


def elu_partial_x(xp: Interpreter, out: Any, x: Any, alpha: Any) -> Any:
    return xp.where(x <= 0.0, alpha * xp.exp(xp.where(x < 0.0, x, 0.0)), 1.0)


def elu_partial_alpha(xp: Interpreter, out: Any, x: Any, alpha: Any) -> Any:
    return xp.where(x > 0.0, 0.0, xp.expm1(xp.where(x > 0.0, 0.0, x)))


ELU: Final = declare(
    Op(
        name="elu",
        forward=elu_forward,
        partials=(elu_partial_x, elu_partial_alpha),
        formula="a if a > 0 else b * (exp(a) - 1)",
        partial_formulas=("1 if a > 0 else b * exp(a)", "0 if a > 0 else exp(a) - 1"),
        reference=Reference(
            "nn.functional.elu", domain=(REAL_LINE, (0.5, 2.0)), kinks=((0.0, 0.0),)
        ),
        activation=True,
        relu_like=True,
    )
)


def softplus_forward(xp: Interpreter, x: Any) -> Any:
    return xp.where(x > 0.0, x, 0.0) + xp.log1p(xp.exp(-xp.absolute(x)))


def softplus_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.sigmoid(x)


SOFTPLUS: Final = declare(
    Op(
        name="softplus",
        forward=softplus_forward,
        partials=(softplus_partial,),
        formula="log(1 + exp(x))",
        partial_formulas=("sigmoid(x)",),
        reference=Reference("nn.functional.softplus", kinks=((800.0,), (-800.0,), (inf,))),
        activation=True,
        relu_like=True,
    )
)


def silu_forward(xp: Interpreter, x: Any) -> Any:
    return xp.divide(x, 1.0 + xp.exp(-x))


def silu_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    gate = xp.sigmoid(x)
    return gate * (1.0 + x * (1.0 - gate))


SILU: Final = declare(
    Op(
        name="silu",
        forward=silu_forward,
        partials=(silu_partial,),
        formula="x * sigmoid(x)",
        partial_formulas=("s * (1 + x * (1 - s)), s = sigmoid(x)",),
        reference=Reference("nn.functional.silu", kinks=((800.0,), (-800.0,), (inf,), (-inf,))),
        analytic=True,
        activation=True,
        aliases=("swish",),
        relu_like=True,
    )
)

_SQRT_HALF: Final = sqrt(0.5)
_NORMAL_DENSITY_AT_ZERO: Final = 1.0 / sqrt(2.0 * pi)


def gelu_forward(xp: Interpreter, x: Any) -> Any:
    return 0.5 * x * xp.erfc(-_SQRT_HALF * x)


def gelu_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    cumulative = 0.5 * xp.erfc(-_SQRT_HALF * x)
    return cumulative + x * (_NORMAL_DENSITY_AT_ZERO * xp.exp(-0.5 * (x * x)))


GELU: Final = declare(
    Op(
        name="gelu",
        forward=gelu_forward,
        partials=(gelu_partial,),
        formula="x * Phi(x)",
        note="Phi the standard normal distribution function",
        partial_formulas=("Phi(x) + x * phi(x)",),
        reference=Reference("nn.functional.gelu", kinks=((800.0,), (-800.0,), (inf,), (-inf,))),
        activation=True,
        relu_like=True,
    )
)


# Piecewise


def abs_forward(xp: Interpreter, x: Any) -> Any:
    return xp.absolute(x)


def abs_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.where(x > 0.0, 1.0, xp.where(x < 0.0, -1.0, 0.0))


ABS: Final = declare(
    Op(
        name="abs",
        forward=abs_forward,
        partials=(abs_partial,),
        symbol="|x|",
        formula="|x|",
        partial_formulas=("sign(x)",),
        reference=Reference(kinks=((0.0,), (inf,))),
    )
)


def sign_forward(xp: Interpreter, x: Any) -> Any:
    return xp.where(x > 0.0, 1.0, xp.where(x < 0.0, -1.0, 0.0))  # 0 of nan too, as in torch


SIGN: Final = declare(
    Op(
        name="sign",
        forward=sign_forward,
        partials=(NOTHING,),
        formula="1 if x > 0, -1 if x < 0, else 0",
        partial_formulas=("0",),
        reference=Reference(kinks=((0.0,),)),
    )
)


def round_forward(xp: Interpreter, x: Any) -> Any:
    return xp.rint(x)


ROUND: Final = declare(
    Op(
        name="round",
        forward=round_forward,
        partials=(NOTHING,),
        note="halves to the even number",
        partial_formulas=("0",),
        reference=Reference(kinks=((inf,), (-inf,))),
    )
)


def floor_divide_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.floor_divide(a, b)


FLOOR_DIVIDE: Final = declare(
    Op(
        name="floor_divide",
        forward=floor_divide_forward,
        partials=(NOTHING, NOTHING),
        symbol="//",
        formula="floor(a / b)",
        partial_formulas=("0", "0"),
        reference=Reference(
            domain=(REAL_LINE, POSITIVE), kinks=((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, -0.0))
        ),
        infix=True,
    )
)


def mod_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.mod(a, b)


def mod_partial_b(xp: Interpreter, out: Any, a: Any, b: Any) -> Any:
    return -xp.floor_divide(a, b)


MOD: Final = declare(
    Op(
        name="mod",
        forward=mod_forward,
        partials=(1.0, mod_partial_b),
        symbol="%",
        formula="a - b * floor(a / b)",
        partial_formulas=("1", "-floor(a / b)"),
        reference=Reference(
            "remainder",
            domain=(REAL_LINE, POSITIVE),
            kinks=((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, -0.0)),
        ),
        infix=True,
    )
)


def maximum_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.maximum(a, b)


def maximum_partial_a(xp: Interpreter, out: Any, a: Any, b: Any) -> Any:
    return xp.where(a < b, 0.0, xp.where(xp.equal(a, b), 0.5, 1.0))


def maximum_partial_b(xp: Interpreter, out: Any, a: Any, b: Any) -> Any:
    return xp.where(b < a, 0.0, xp.where(xp.equal(a, b), 0.5, 1.0))


MAXIMUM: Final = declare(
    Op(
        name="maximum",
        forward=maximum_forward,
        partials=(maximum_partial_a, maximum_partial_b),
        symbol="max",
        formula="max(a, b)",
        partial_formulas=("1 if a > b, 1/2 if a = b, else 0", "1 if b > a, 1/2 if a = b, else 0"),
        reference=Reference(domain=(REAL_LINE, REAL_LINE), kinks=((0.0, 0.0),)),
        commutative=True,
        masking=True,
    )
)


def minimum_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.minimum(a, b)


def minimum_partial_a(xp: Interpreter, out: Any, a: Any, b: Any) -> Any:
    return xp.where(a > b, 0.0, xp.where(xp.equal(a, b), 0.5, 1.0))


def minimum_partial_b(xp: Interpreter, out: Any, a: Any, b: Any) -> Any:
    return xp.where(b > a, 0.0, xp.where(xp.equal(a, b), 0.5, 1.0))


MINIMUM: Final = declare(
    Op(
        name="minimum",
        forward=minimum_forward,
        partials=(minimum_partial_a, minimum_partial_b),
        symbol="min",
        formula="min(a, b)",
        partial_formulas=("1 if a < b, 1/2 if a = b, else 0", "1 if b < a, 1/2 if a = b, else 0"),
        reference=Reference(domain=(REAL_LINE, REAL_LINE), kinks=((0.0, 0.0),)),
        commutative=True,
        masking=True,
    )
)


def where_forward(xp: Interpreter, condition: Any, a: Any, b: Any) -> Any:
    return xp.where(condition, a, b)


def where_partial_a(xp: Interpreter, out: Any, condition: Any, a: Any, b: Any) -> Any:
    return xp.where(condition, 1.0, 0.0)


def where_partial_b(xp: Interpreter, out: Any, condition: Any, a: Any, b: Any) -> Any:
    return xp.where(condition, 0.0, 1.0)


WHERE: Final = declare(
    Op(
        name="where",
        forward=where_forward,
        partials=(NOTHING, where_partial_a, where_partial_b),
        formula="b if a else c",
        partial_formulas=("0", "1 if a else 0", "0 if a else 1"),
        reference=Reference(
            "where", domain=((-1.0, 1.0), REAL_LINE, REAL_LINE), kinks=((0.0, 0.0, 0.0),)
        ),
        masking=True,
        places=("if", "then", "else"),
    )
)
"""The condition is a number: 0 is false, everything else is true. Nothing flows to it."""


def clamp_forward(xp: Interpreter, x: Any, low: Any, high: Any) -> Any:
    return xp.minimum(xp.maximum(x, low), high)


def clamp_partial_x(xp: Interpreter, out: Any, x: Any, low: Any, high: Any) -> Any:
    return xp.where(x >= low, xp.where(x <= high, 1.0, 0.0), 0.0)


def clamp_partial_low(xp: Interpreter, out: Any, x: Any, low: Any, high: Any) -> Any:
    return xp.where(x < low, xp.where(low < high, 1.0, 0.0), 0.0)


def clamp_partial_high(xp: Interpreter, out: Any, x: Any, low: Any, high: Any) -> Any:
    return xp.where(x > high, 1.0, xp.where(low > high, 1.0, 0.0))


CLAMP: Final = declare(
    Op(
        name="clamp",
        forward=clamp_forward,
        partials=(clamp_partial_x, clamp_partial_low, clamp_partial_high),
        formula="min(max(a, b), c)",
        partial_formulas=("1 if b <= a <= c else 0", "1 if a < b < c else 0", "1 if a > c else 0"),
        reference=Reference(
            "clamp", domain=(REAL_LINE, (-2.0, -1.0), (1.0, 2.0)), kinks=((0.0, 0.0, 0.0),)
        ),
        masking=True,
        places=("", "from", "to"),
    )
)


def weighted_forward(xp: Interpreter, weight: Any, x: Any) -> Any:
    return xp.where(xp.equal(weight, 0.0), 0.0, weight * x)


def weighted_partial_weight(xp: Interpreter, out: Any, weight: Any, x: Any) -> Any:
    return x


def weighted_partial_x(xp: Interpreter, out: Any, weight: Any, x: Any) -> Any:
    return weight


WEIGHTED: Final = declare(
    Op(
        name="weighted",
        forward=weighted_forward,
        partials=(weighted_partial_weight, weighted_partial_x),
        symbol="·",
        formula="a * b, 0 if a = 0",
        partial_formulas=("b", "a"),
        reference=Reference("mul", domain=(REAL_LINE, REAL_LINE)),
        analytic=True,
    )
)
"""A product in which the weight 0 counts nothing, even of inf, where 0 * inf would be nan."""


# Losses of a logit


def binary_cross_entropy_forward(xp: Interpreter, logit: Any, target: Any) -> Any:
    # log(1 + exp(a)) - a b as the sum of two terms that are never negative: nothing cancels
    positive = xp.where(logit > 0.0, 1.0, 0.0)
    sign = 1.0 - 2.0 * positive
    return (positive - target) * logit + xp.log1p(xp.exp(sign * logit))


def binary_cross_entropy_partial_logit(xp: Interpreter, out: Any, logit: Any, target: Any) -> Any:
    positive = xp.where(logit > 0.0, 1.0, 0.0)
    sign = 1.0 - 2.0 * positive
    small = xp.exp(sign * logit)
    return (positive - target) + sign * xp.divide(small, 1.0 + small)


def binary_cross_entropy_partial_target(xp: Interpreter, out: Any, logit: Any, target: Any) -> Any:
    return -logit


BINARY_CROSS_ENTROPY: Final = declare(
    Op(
        name="binary_cross_entropy",
        forward=binary_cross_entropy_forward,
        partials=(binary_cross_entropy_partial_logit, binary_cross_entropy_partial_target),
        symbol="bce",
        formula="log(1 + exp(a)) - a * b",
        partial_formulas=("sigmoid(a) - b", "-a"),
        reference=Reference(
            "nn.functional.binary_cross_entropy_with_logits", domain=(REAL_LINE, (0.0, 1.0))
        ),
        analytic=True,
    )
)


# Comparisons: 1 or 0, and nothing flows through them. Eager code compares with plain ``<``; these
# are the nodes that a recorded function has in its place, as conditions of ``where``.


def less_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.where(a < b, 1.0, 0.0)


LESS: Final = declare(
    Op(
        name="less",
        forward=less_forward,
        partials=(NOTHING, NOTHING),
        symbol="<",
        formula="1 if a < b else 0",
        partial_formulas=("0", "0"),
        reference=Reference("lt", domain=(REAL_LINE, REAL_LINE), kinks=((0.0, 0.0),)),
        comparison=True,
        infix=True,
    )
)


def less_equal_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.where(a <= b, 1.0, 0.0)


LESS_EQUAL: Final = declare(
    Op(
        name="less_equal",
        forward=less_equal_forward,
        partials=(NOTHING, NOTHING),
        symbol="≤",
        formula="1 if a <= b else 0",
        partial_formulas=("0", "0"),
        reference=Reference("le", domain=(REAL_LINE, REAL_LINE), kinks=((0.0, 0.0),)),
        comparison=True,
        infix=True,
    )
)


def greater_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.where(a > b, 1.0, 0.0)


GREATER: Final = declare(
    Op(
        name="greater",
        forward=greater_forward,
        partials=(NOTHING, NOTHING),
        symbol=">",
        formula="1 if a > b else 0",
        partial_formulas=("0", "0"),
        reference=Reference("gt", domain=(REAL_LINE, REAL_LINE), kinks=((0.0, 0.0),)),
        comparison=True,
        infix=True,
    )
)


def greater_equal_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.where(a >= b, 1.0, 0.0)


GREATER_EQUAL: Final = declare(
    Op(
        name="greater_equal",
        forward=greater_equal_forward,
        partials=(NOTHING, NOTHING),
        symbol="≥",
        formula="1 if a >= b else 0",
        partial_formulas=("0", "0"),
        reference=Reference("ge", domain=(REAL_LINE, REAL_LINE), kinks=((0.0, 0.0),)),
        comparison=True,
        infix=True,
    )
)


def equal_forward(xp: Interpreter, a: Any, b: Any) -> Any:
    return xp.where(xp.equal(a, b), 1.0, 0.0)


EQUAL: Final = declare(
    Op(
        name="equal",
        forward=equal_forward,
        partials=(NOTHING, NOTHING),
        symbol="=",
        formula="1 if a = b else 0",
        partial_formulas=("0", "0"),
        reference=Reference("eq", domain=(REAL_LINE, REAL_LINE), kinks=((0.0, 0.0),)),
        comparison=True,
        infix=True,
        commutative=True,
    )
)


# Any number of inputs


def sum_forward(xp: Interpreter, inputs: Sequence[Any]) -> Any:
    return xp.sum(inputs)


SUM: Final = declare(
    Op(
        name="sum",
        forward=sum_forward,
        partials=(1.0,),
        symbol="Σ",
        formula="x1 + x2 + ... + xn",
        partial_formulas=("1",),
        variadic=True,
        analytic=True,
        commutative=True,
    )
)


def amax_forward(xp: Interpreter, inputs: Sequence[Any]) -> Any:
    return xp.max(inputs)


def amax_partials(xp: Interpreter, out: Any, inputs: Sequence[Any]) -> Any:
    return xp.shares(xp.equal_each(inputs, out))


AMAX: Final = declare(
    Op(
        name="amax",
        forward=amax_forward,
        partials=(),
        symbol="max",
        formula="max(x1, ..., xn)",
        partial_formulas=("1/m if x is one of m largest, else 0",),
        reference=Reference(kinks=((0.0, 0.0, 0.0),)),
        variadic=True,
        joint_partials=amax_partials,
        commutative=True,
    )
)


def logsumexp_forward(xp: ForwardInterpreter, inputs: Sequence[Any]) -> Any:
    shift = xp.finite(xp.max(inputs))  # since inf - inf is nan
    # The largest term is 1: log1p of the others keeps all their digits, log of the sum does not.
    others = xp.sum_less_one(xp.exp_shifted(inputs, shift))
    return shift + xp.log1p(others)


def logsumexp_partials(xp: Interpreter, out: Any, inputs: Sequence[Any]) -> Any:
    shift = xp.finite(xp.max(inputs))
    return xp.shares(xp.exp_shifted(inputs, shift))  # exp(x - out) has the rounding of a large out


LOGSUMEXP: Final = declare(
    Op(
        name="logsumexp",
        forward=logsumexp_forward,
        partials=(),
        formula="log(exp(x1) + ... + exp(xn))",
        partial_formulas=("exp(x) / (exp(x1) + ... + exp(xn))",),
        variadic=True,
        joint_partials=logsumexp_partials,
        analytic=True,
        commutative=True,
    )
)


def dot_forward(xp: ForwardInterpreter, operands: Sequence[Any]) -> Any:
    n = len(operands) // 2
    total = operands[2 * n] if len(operands) % 2 else 0.0
    return xp.dot(operands[:n], operands[n : 2 * n], total)


def dot_partials(xp: Interpreter, out: Any, operands: Sequence[Any]) -> tuple[Any, ...]:
    n = len(operands) // 2
    bias = (1.0,) if len(operands) % 2 else ()
    return (*operands[n : 2 * n], *operands[:n], *bias)


DOT: Final = declare(
    Op(
        name="dot",
        forward=dot_forward,
        partials=(),
        symbol="w·x+b",
        formula="w1 x1 + ... + wn xn + b",
        partial_formulas=("xi by wi", "wi by xi", "1 by b"),
        variadic=True,
        joint_partials=dot_partials,
        analytic=True,
    )
)
"""The parents are ``w1 ... wn, x1 ... xn`` and, if their number is odd, the bias. The sum starts
with the bias and goes from left to right, as the plain loop ``sum((w*x ...), b)`` does."""
