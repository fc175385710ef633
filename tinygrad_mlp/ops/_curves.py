"""What stands behind the weighted sum of a neuron, and the loss of a logit."""

from __future__ import annotations

from math import inf, pi, sqrt
from typing import Any, Final

from tinygrad_mlp._interpreter import Interpreter
from tinygrad_mlp._reference import REAL_LINE, Reference
from tinygrad_mlp.op import Op, declare

__all__ = [
    "BINARY_CROSS_ENTROPY",
    "ELU",
    "GELU",
    "LEAKY_RELU",
    "RELU",
    "SIGMOID",
    "SILU",
    "SOFTPLUS",
    "TANH",
]


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
        latex=r"\tanh\left(#1\right)",
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
        latex=r"\sigma\left(#1\right)",
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
        latex=r"\max\left(#1, 0\right)",
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
        latex=r"\begin{cases} #1 & \text{if } #1 > 0 \\ #2 \cdot #1 & \text{otherwise} "
        r"\end{cases}",
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
        latex=r"\begin{cases} #1 & \text{if } #1 > 0 \\ "
        r"#2 \cdot \left(e^{#1} - 1\right) & \text{otherwise} \end{cases}",
        reference=Reference(
            "nn.functional.elu", domain=(REAL_LINE, (0.5, 2.0)), kinks=((0.0, 0.0),)
        ),
        activation=True,
        relu_like=True,
    )
)


def softplus_forward(xp: Interpreter, x: Any) -> Any:
    return xp.softplus(x)


def softplus_partial(xp: Interpreter, out: Any, x: Any) -> Any:
    return xp.sigmoid(x)


SOFTPLUS: Final = declare(
    Op(
        name="softplus",
        forward=softplus_forward,
        partials=(softplus_partial,),
        formula="log(1 + exp(x))",
        partial_formulas=("sigmoid(x)",),
        latex=r"\log\left(1 + e^{#1}\right)",
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
        latex=r"#1 \cdot \sigma\left(#1\right)",
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
        latex=r"#1 \cdot \Phi\left(#1\right)",
        reference=Reference("nn.functional.gelu", kinks=((800.0,), (-800.0,), (inf,), (-inf,))),
        activation=True,
        relu_like=True,
    )
)


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
        latex=r"\log\left(1 + e^{#1}\right) - #1 \cdot #2",
        reference=Reference(
            "nn.functional.binary_cross_entropy_with_logits", domain=(REAL_LINE, (0.0, 1.0))
        ),
        analytic=True,
    )
)
