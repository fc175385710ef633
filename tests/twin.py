"""A second witness: the simplest engine there can be, slow and recursive, with its own rules.

The rules are written down once more, by hand and with Python's ``math``, so that an error in the
project's table cannot hide in both. They hold inside the domains of the operations only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import (
    acos,
    asin,
    atan,
    cos,
    cosh,
    erf,
    erfc,
    exp,
    expm1,
    floor,
    fsum,
    log,
    log1p,
    log2,
    log10,
    pi,
    sin,
    sinh,
    sqrt,
    tan,
    tanh,
)
from typing import Final


class Twin:
    """A number, the numbers it was computed from, and its derivative by each of them."""

    def __init__(
        self, value: float, parents: Sequence[Twin] = (), partials: Sequence[float] = ()
    ) -> None:
        self.value = float(value)
        self.grad = 0.0
        self.parents = parents
        self.partials = partials

    def derivative(self, other: Twin, known: dict[Twin, float] | None = None) -> float:
        """d self / d other: the chain rule as one reads it, from the output down."""
        known = {} if known is None else known
        if self not in known:
            known[self] = float(self is other)
            for parent, partial in zip(self.parents, self.partials):
                known[self] += partial * parent.derivative(other, known)
        return known[self]

    def ancestors(self, known: set[Twin] | None = None) -> set[Twin]:
        """Self and every number that it was computed from."""
        known = set() if known is None else known
        if self not in known:
            known.add(self)
            for parent in self.parents:
                parent.ancestors(known)
        return known

    def backward(self) -> None:
        """Set the gradient of every number in between, add to those of the leaves."""
        for node in self.ancestors():
            node.grad = self.derivative(node) + (0.0 if node.parents else node.grad)


def apply(name: str, *parents: Twin) -> Twin:
    value, partials = RULES[name](*(parent.value for parent in parents))
    return Twin(value, parents, partials)


Rule = Callable[..., tuple[float, Sequence[float]]]


def _dot(*operands: float) -> tuple[float, Sequence[float]]:
    n = len(operands) // 2
    weights, inputs, bias = operands[:n], operands[n : 2 * n], operands[2 * n :]
    value = fsum([*(w * x for w, x in zip(weights, inputs)), *bias])
    return value, [*inputs, *weights, *(1.0 for _ in bias)]


def _logsumexp(*inputs: float) -> tuple[float, Sequence[float]]:
    total = fsum(map(exp, inputs))
    return log(total), [exp(x) / total for x in inputs]


def _amax(*inputs: float) -> tuple[float, Sequence[float]]:
    largest = max(inputs)
    return largest, [(x == largest) / inputs.count(largest) for x in inputs]


def _sigmoid(x: float) -> float:
    return (1 + tanh(x / 2)) / 2


def _normal(x: float) -> tuple[float, float]:
    """The standard normal distribution function and density."""
    return (1 + erf(x / sqrt(2))) / 2, exp(-x * x / 2) / sqrt(2 * pi)


def _larger(a: float, b: float) -> tuple[float, float]:
    """How much of ``max(a, b)`` is a, how much is b."""
    return (0.5, 0.5) if a == b else (float(a > b), float(a < b))


RULES: Final[dict[str, Rule]] = {
    "add": lambda a, b: (a + b, [1, 1]),
    "sub": lambda a, b: (a - b, [1, -1]),
    "mul": lambda a, b: (a * b, [b, a]),
    "div": lambda a, b: (a / b, [1 / b, -a / b**2]),
    "neg": lambda x: (-x, [-1]),
    "pow": lambda a, b: (a**b, [b * a ** (b - 1), a**b * log(a)]),
    "pow_number": lambda a, b: (a**b, [b * a ** (b - 1), 0]),
    "square": lambda x: (x**2, [2 * x]),
    "reciprocal": lambda x: (1 / x, [-1 / x**2]),
    "exp": lambda x: (exp(x), [exp(x)]),
    "expm1": lambda x: (expm1(x), [exp(x)]),
    "log": lambda x: (log(x), [1 / x]),
    "log1p": lambda x: (log1p(x), [1 / (1 + x)]),
    "sqrt": lambda x: (sqrt(x), [1 / (2 * sqrt(x))]),
    "sin": lambda x: (sin(x), [cos(x)]),
    "cos": lambda x: (cos(x), [-sin(x)]),
    "exp2": lambda x: (2**x, [2**x * log(2)]),
    "log2": lambda x: (log2(x), [1 / (x * log(2))]),
    "log10": lambda x: (log10(x), [1 / (x * log(10))]),
    "tan": lambda x: (tan(x), [1 / cos(x) ** 2]),
    "arcsin": lambda x: (asin(x), [1 / sqrt(1 - x**2)]),
    "arccos": lambda x: (acos(x), [-1 / sqrt(1 - x**2)]),
    "arctan": lambda x: (atan(x), [1 / (1 + x**2)]),
    "sinh": lambda x: (sinh(x), [cosh(x)]),
    "cosh": lambda x: (cosh(x), [sinh(x)]),
    "sign": lambda x: ((x > 0) - (x < 0), [0]),
    "round": lambda x: (round(x), [0]),
    "floor_divide": lambda a, b: (floor(a / b), [0, 0]),
    "mod": lambda a, b: (a - b * floor(a / b), [1, -floor(a / b)]),
    "erfc": lambda x: (erfc(x), [-2 / sqrt(pi) * exp(-x * x)]),
    "tanh": lambda x: (tanh(x), [1 - tanh(x) ** 2]),
    "sigmoid": lambda x: (_sigmoid(x), [_sigmoid(x) * _sigmoid(-x)]),
    "relu": lambda x: (max(x, 0), [x > 0]),
    "leaky_relu": lambda x, s: (x, [1, 0]) if x > 0 else (s * x, [s, x]),
    "elu": lambda x, a: (x, [1, 0]) if x > 0 else (a * expm1(x), [a * exp(x), expm1(x)]),
    "softplus": lambda x: (log1p(exp(x)), [_sigmoid(x)]),
    "silu": lambda x: (x * _sigmoid(x), [_sigmoid(x) * (1 + x * _sigmoid(-x))]),
    "gelu": lambda x: (x * _normal(x)[0], [_normal(x)[0] + x * _normal(x)[1]]),
    "abs": lambda x: (abs(x), [(x > 0) - (x < 0)]),
    "maximum": lambda a, b: (max(a, b), _larger(a, b)),
    "minimum": lambda a, b: (min(a, b), _larger(b, a)),
    "where": lambda c, a, b: (a, [0, 1, 0]) if c else (b, [0, 0, 1]),
    "clamp": lambda x, low, high: (
        sorted([low, x, high])[1],
        [low <= x <= high, x < low, x > high],
    ),
    "less": lambda a, b: (a < b, [0, 0]),
    "less_equal": lambda a, b: (a <= b, [0, 0]),
    "greater": lambda a, b: (a > b, [0, 0]),
    "greater_equal": lambda a, b: (a >= b, [0, 0]),
    "equal": lambda a, b: (a == b, [0, 0]),
    "sum": lambda *inputs: (fsum(inputs), [1] * len(inputs)),
    "amax": _amax,
    "weighted": lambda a, b: (a * b, [b, a]),
    "binary_cross_entropy": lambda z, t: (log1p(exp(z)) - t * z, [_sigmoid(z) - t, -z]),
    "logsumexp": _logsumexp,
    "dot": _dot,
}
"""Per operation its value and its derivative by each input."""
