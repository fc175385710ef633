"""The functions on Values: every op of the table as a function, and the composites on top.

Every function takes Values or plain numbers and returns a Value. ``declare`` makes another one of
rules of your own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tinygrad_mlp import _float_math as float_math
from tinygrad_mlp import ops
from tinygrad_mlp._batch import batch_mean, batch_sum
from tinygrad_mlp._blocks import current
from tinygrad_mlp._dot_node import dot_node
from tinygrad_mlp._float_math import inf
from tinygrad_mlp._many_numbers import numbers_of
from tinygrad_mlp._own_ops import declare
from tinygrad_mlp.engine import Number, Value, apply, as_value, compare, no_grad
from tinygrad_mlp.errors import ShapeError

__all__ = [
    "absolute",
    "amax",
    "arccos",
    "arcsin",
    "arctan",
    "batch_mean",
    "batch_sum",
    "below_largest",
    "clamp",
    "cos",
    "cosh",
    "declare",
    "divide",
    "dot",
    "elu",
    "equal",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "gelu",
    "leaky_relu",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_softmax",
    "logsumexp",
    "maximum",
    "mean",
    "minimum",
    "mod",
    "power",
    "reciprocal",
    "relu",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinh",
    "softmax",
    "softplus",
    "sqrt",
    "square",
    "sum",
    "tan",
    "tanh",
    "uniform",
    "weighted",
    "where",
]

Scalar = Value | Number


def exp(x: Scalar) -> Value:
    """e^x. Derivative: e^x. Overflows to inf.

    >>> exp(0.0).data
    1.0
    """
    return apply(ops.EXP, as_value(x))


def exp2(x: Scalar) -> Value:
    """2^x. Derivative: 2^x log(2). Overflows to inf.

    >>> exp2(3.0).data
    8.0
    """
    return apply(ops.EXP2, as_value(x))


def expm1(x: Scalar) -> Value:
    """e^x - 1, exact near 0. Derivative: e^x.

    >>> expm1(1e-20).data
    1e-20
    """
    return apply(ops.EXPM1, as_value(x))


def log(x: Scalar) -> Value:
    """The natural logarithm; -inf at 0, nan below. Derivative: 1 / x.

    >>> log(1.0).data
    0.0
    """
    return apply(ops.LOG, as_value(x))


def log2(x: Scalar) -> Value:
    """The logarithm to the base 2; -inf at 0, nan below. Derivative: 1 / (x log(2)).

    >>> log2(8.0).data
    3.0
    """
    return apply(ops.LOG2, as_value(x))


def log10(x: Scalar) -> Value:
    """The logarithm to the base 10; -inf at 0, nan below. Derivative: 1 / (x log(10)).

    >>> log10(1000.0).data
    3.0
    """
    return apply(ops.LOG10, as_value(x))


def log1p(x: Scalar) -> Value:
    """log(1 + x), exact near 0. Derivative: 1 / (1 + x).

    >>> log1p(1e-20).data
    1e-20
    """
    return apply(ops.LOG1P, as_value(x))


def sqrt(x: Scalar) -> Value:
    """The square root; nan below 0. Derivative: 1 / (2 sqrt(x)).

    >>> sqrt(9.0).data
    3.0
    """
    return apply(ops.SQRT, as_value(x))


def square(x: Scalar) -> Value:
    """x^2. Derivative: 2 x.

    >>> square(3.0).data
    9.0
    """
    return apply(ops.SQUARE, as_value(x))


def reciprocal(x: Scalar) -> Value:
    """1 / x. Derivative: -1 / x^2.

    >>> reciprocal(4.0).data
    0.25
    """
    return apply(ops.RECIPROCAL, as_value(x))


def divide(a: Scalar, b: Scalar) -> Value:
    """a / b; inf or nan where b is 0. Derivatives: 1 / b, -a / b^2.

    >>> divide(1.0, 4.0).data
    0.25
    """
    return apply(ops.DIV, as_value(a), as_value(b))


def power(a: Scalar, b: Scalar) -> Value:
    """a^b; nan for a negative a and a fractional b. Derivatives: b a^(b-1), a^b log(a).

    Nothing flows to an exponent that is a plain number.

    >>> power(2.0, 3).data
    8.0
    """
    return as_value(a) ** b


def absolute(x: Scalar) -> Value:
    """abs(x). Derivative: the sign of x, 0 at 0.

    >>> absolute(-2.0).data
    2.0
    """
    return apply(ops.ABS, as_value(x))


def sign(x: Scalar) -> Value:
    """1 for a positive x, -1 for a negative one, else 0. Nothing flows to x.

    >>> sign(-3.0).data
    -1.0
    """
    return apply(ops.SIGN, as_value(x))


def mod(a: Scalar, b: Scalar) -> Value:
    """a % b, what is left of a after whole multiples of b, with the sign of b; nan where b is 0.

    Derivatives: 1, -floor(a / b). It is ``torch.remainder``.

    >>> mod(7.0, 2.0).data, mod(-7.0, 2.0).data
    (1.0, 1.0)
    """
    return as_value(a) % b


def sin(x: Scalar) -> Value:
    """The sine of x radians. Derivative: cos(x).

    >>> sin(0.0).data
    0.0
    """
    return apply(ops.SIN, as_value(x))


def cos(x: Scalar) -> Value:
    """The cosine of x radians. Derivative: -sin(x).

    >>> cos(0.0).data
    1.0
    """
    return apply(ops.COS, as_value(x))


def tan(x: Scalar) -> Value:
    """The tangent of x radians. Derivative: 1 + tan(x)^2.

    >>> tan(0.0).data
    0.0
    """
    return apply(ops.TAN, as_value(x))


def arcsin(x: Scalar) -> Value:
    """The angle from -pi/2 to pi/2 whose sine is x; nan beyond 1. Derivative: 1 / sqrt(1 - x^2).

    >>> arcsin(0.0).data
    0.0
    """
    return apply(ops.ARCSIN, as_value(x))


def arccos(x: Scalar) -> Value:
    """The angle from 0 to pi whose cosine is x; nan beyond 1. Derivative: -1 / sqrt(1 - x^2).

    >>> arccos(1.0).data
    0.0
    """
    return apply(ops.ARCCOS, as_value(x))


def arctan(x: Scalar) -> Value:
    """The angle from -pi/2 to pi/2 whose tangent is x. Derivative: 1 / (1 + x^2).

    >>> arctan(0.0).data
    0.0
    """
    return apply(ops.ARCTAN, as_value(x))


def sinh(x: Scalar) -> Value:
    """The hyperbolic sine, (e^x - e^-x) / 2. Derivative: cosh(x).

    >>> sinh(0.0).data
    0.0
    """
    return apply(ops.SINH, as_value(x))


def cosh(x: Scalar) -> Value:
    """The hyperbolic cosine, (e^x + e^-x) / 2. Derivative: sinh(x).

    >>> cosh(0.0).data
    1.0
    """
    return apply(ops.COSH, as_value(x))


def erfc(x: Scalar) -> Value:
    """1 - erf(x), exact for large x. Derivative: -2 exp(-x^2) / sqrt(pi).

    >>> erfc(0.0).data
    1.0
    """
    return apply(ops.ERFC, as_value(x))


def tanh(x: Scalar) -> Value:
    """The hyperbolic tangent. Derivative: 1 - tanh(x)^2.

    >>> tanh(0.0).data
    0.0
    """
    return apply(ops.TANH, as_value(x))


def sigmoid(x: Scalar) -> Value:
    """s = 1 / (1 + e^-x). Derivative: s (1 - s).

    >>> sigmoid(0.0).data
    0.5
    """
    return apply(ops.SIGMOID, as_value(x))


def relu(x: Scalar) -> Value:
    """max(x, 0). Derivative: 1 where x > 0, else 0 (also at 0).

    >>> relu(-1.0).data, relu(2.0).data
    (0.0, 2.0)
    """
    return apply(ops.RELU, as_value(x))


def leaky_relu(x: Scalar, slope: Scalar = 0.01) -> Value:
    """x where x > 0, else slope x. Derivative: 1 or slope (also at 0).

    A Value as the slope is differentiated too (the parametric ReLU).

    >>> leaky_relu(-1.0).data
    -0.01
    """
    return apply(ops.LEAKY_RELU, as_value(x), as_value(slope))


def elu(x: Scalar, alpha: Scalar = 1.0) -> Value:
    """x where x > 0, else alpha (e^x - 1). Derivative: 1 or alpha e^x.

    >>> elu(2.0).data
    2.0
    """
    return apply(ops.ELU, as_value(x), as_value(alpha))


def softplus(x: Scalar) -> Value:
    """log(1 + e^x). Derivative: sigmoid(x).

    >>> round(softplus(0.0).data, 6)
    0.693147
    """
    return apply(ops.SOFTPLUS, as_value(x))


def silu(x: Scalar) -> Value:
    """x sigmoid(x), also called swish. Derivative: s (1 + x (1 - s)), s = sigmoid(x).

    >>> silu(0.0).data
    0.0
    """
    return apply(ops.SILU, as_value(x))


def gelu(x: Scalar) -> Value:
    """x Phi(x), Phi the standard normal distribution. Derivative: Phi(x) + x phi(x).

    >>> round(gelu(1.0).data, 6)
    0.841345
    """
    return apply(ops.GELU, as_value(x))


def maximum(a: Scalar, b: Scalar) -> Value:
    """The larger one, nan if either is; a tie splits the gradient in halves.

    >>> maximum(1.0, 2.0).data
    2.0
    """
    return apply(ops.MAXIMUM, as_value(a), as_value(b))


def minimum(a: Scalar, b: Scalar) -> Value:
    """The smaller one, nan if either is; a tie splits the gradient in halves.

    >>> minimum(1.0, 2.0).data
    1.0
    """
    return apply(ops.MINIMUM, as_value(a), as_value(b))


def where(condition: Scalar | bool, a: Scalar, b: Scalar) -> Value:
    """a if the condition holds (is not 0), else b. Nothing flows to the condition.

    >>> x = Value(-2.0)
    >>> where(x > 0, x, 0.1 * x).data
    -0.2
    """
    return apply(ops.WHERE, as_value(condition), as_value(a), as_value(b))


def weighted(weight: Scalar, x: Scalar) -> Value:
    """weight * x, and 0 for a weight of 0 even if x is infinite. Derivatives: x, weight.

    >>> weighted(0.0, -inf).data, weighted(0.5, 3.0).data
    (0.0, 1.5)
    """
    return apply(ops.WEIGHTED, as_value(weight), as_value(x))


def clamp(x: Scalar, low: Scalar = -inf, high: Scalar = inf) -> Value:
    """x limited to low ... high. Derivative: 1 within (bounds included), else 0.

    >>> clamp(5.0, -1.0, 1.0).data
    1.0
    """
    return apply(ops.CLAMP, as_value(x), as_value(low), as_value(high))


def uniform(rng: np.random.Generator) -> Value:
    """A random leaf, uniform in [0, 1); a compiled program draws it anew at each call.

    ``where(uniform(rng) < 0.8, x / 0.8, 0.0)`` is dropout. Eager and compiled draw the same numbers
    from the same generator: sample by sample, in the order of the calls.

    >>> rng = np.random.default_rng(0)
    >>> uniform(rng).data == np.random.default_rng(0).random()
    True
    """
    recorder = current().recorder
    if recorder is not None:
        return recorder.uniform(rng)  # type: ignore[no-any-return]
    leaf = Value(rng.random())
    leaf.op = ops.CONSTANT
    return leaf


def equal(a: Scalar, b: Scalar) -> bool:
    """Whether two numbers are equal by value (``==`` on Values is by identity).

    >>> equal(Value(1.0), 1.0)
    True
    """
    return compare(ops.EQUAL, as_value(a), b)


def sum(values: Iterable[Scalar]) -> Value:
    """x1 + ... + xn as one node, however many there are; 0 for none.

    >>> sum([Value(1.0), 2.0, 3.0]).data
    6.0
    """
    return apply(ops.SUM, *[as_value(value) for value in values])


def mean(values: Iterable[Scalar]) -> Value:
    """(x1 + ... + xn) / n.

    Raises:
        ShapeError: for no values at all.

    >>> mean([1.0, 2.0, 6.0]).data
    3.0
    """
    terms = _at_least_one(values, "mean")
    return sum(terms) / len(terms)


def amax(values: Iterable[Scalar]) -> Value:
    """The largest of the values as one node, nan if any is; m that tie get 1 / m of the gradient.

    Raises:
        ShapeError: for no values at all.

    >>> amax([1.0, 3.0, 2.0]).data
    3.0
    """
    return apply(ops.AMAX, *_at_least_one(values, "amax"))


def dot(weights: Iterable[Scalar], inputs: Iterable[Scalar], bias: Scalar | None = None) -> Value:
    """w1 x1 + ... + wn xn + bias as one node: a neuron before its activation.

    Derivatives: x_i by w_i, w_i by x_i, 1 by the bias.

    Raises:
        ShapeError: if there are not as many inputs as weights.

    >>> dot([Value(2.0), Value(3.0)], [10.0, 100.0], bias=1.0).data
    321.0
    """
    left = [w if isinstance(w, Value) else as_value(w) for w in weights]
    right = [x if isinstance(x, Value) else as_value(x) for x in inputs]
    if len(left) != len(right):
        raise ShapeError(
            f"dot got {len(left)} weights and {len(right)} inputs; "
            "give as many inputs as weights: dot([w1, w2], [x1, x2], bias)"
        )
    start = None if bias is None else as_value(bias)
    return dot_node(left, right, numbers_of(right), start)


def logsumexp(values: Iterable[Scalar]) -> Value:
    """log(e^x1 + ... + e^xn), stable for large and small inputs. Derivatives: softmax(x).

    The largest input is taken out of the sum: max + log(1 + sum of e^(x - max) of the others).

    Raises:
        ShapeError: for no values at all.

    >>> logsumexp([1000.0, 1000.0]).data == 1000.0 + log(2.0).data
    True
    >>> f"{logsumexp([0.0, -50.0]).data:.2e}"
    '1.93e-22'
    """
    return apply(ops.LOGSUMEXP, *_at_least_one(values, "logsumexp"))


def softmax(values: Iterable[Scalar]) -> list[Value]:
    """p_i = e^x_i / (e^x1 + ... + e^xn), stable for large and small inputs.

    Raises:
        ShapeError: for no values at all.

    >>> [round(p.data, 12) for p in softmax([1000.0, 1000.0])]
    [0.5, 0.5]
    """
    return [exp(log_probability) for log_probability in log_softmax(values)]


def log_softmax(values: Iterable[Scalar]) -> list[Value]:
    """log p_i = x_i - log(e^x1 + ... + e^xn).

    With m, the largest input, it is (x_i - m) - log(e^(x1 - m) + ... + e^(xn - m)): these are two
    numbers of one sign, so that a large m costs no digits.

    Raises:
        ShapeError: for no values at all.

    >>> [p.data for p in log_softmax([1000.0, 0.0])]
    [0.0, -1000.0]
    >>> f"{log_softmax([1000.0, 970.0])[0].data:.1e}"  # 1000 - logsumexp(...) would be -1.1e-13
    '-9.4e-14'
    """
    below = below_largest(_at_least_one(values, "log_softmax"))
    total = apply(ops.LOGSUMEXP, *below)
    return [each - total for each in below]


def below_largest(values: Iterable[Scalar]) -> list[Value]:
    """x_i - m with m, the largest, as a plain number: for results that do not depend on m.

    No gradient flows to m, so that the derivatives by x are right only in such a result: in
    ``softmax``, for example, which is the same for x and for x - m.

    Raises:
        ShapeError: for no values at all.

    >>> [x.data for x in below_largest([Value(1e12), Value(1e12 - 3.0)])]
    [0.0, -3.0]
    """
    terms = _at_least_one(values, "below_largest")
    numbers = numbers_of(terms)
    if numbers:
        largest = as_value(float_math.max(numbers))
    else:
        with no_grad():  # while a function is compiled
            largest = amax(terms)
    return [term - largest for term in terms]


def _at_least_one(values: Iterable[Scalar], function: str) -> Sequence[Value]:
    if not isinstance(values, Iterable):
        raise ShapeError(f"{function} takes a list of values: {function}([a, b])")
    terms = [as_value(value) for value in values]
    if not terms:
        raise ShapeError(f"{function} of no values is undefined; give at least one")
    return terms
