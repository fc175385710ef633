"""The formula of a unit with its weights in it, for people to read and to compute with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite

from tinygrad_mlp.data import StandardScaler
from tinygrad_mlp.data._arrays import Floats
from tinygrad_mlp.graph._math_names import in_latex

__all__ = ["UnitFormula", "standardized_formulas"]


class UnitFormula:
    """A formula: of a unit f(w1 a1 + ... + wn an + b).

    Args:
        name: what the unit is called, in text and in LaTeX.
        activation: the name of f; "linear" for none.
        weights: the weights.
        bias: the bias.
        inputs: what the inputs are called, in text and in LaTeX.
        norm: scale, shift, mean and spread of a batch norm before f; None for none.
    """

    def __init__(
        self,
        name: tuple[str, str],
        activation: str,
        weights: Sequence[float],
        bias: float,
        inputs: Sequence[tuple[str, str]],
        norm: tuple[float, float, float, float] | None = None,
    ) -> None:
        self._name, self._activation, self._norm = name, activation, norm
        self._terms = [*zip(weights, inputs), (bias, None)]

    @property
    def text(self) -> str:
        """As Python has it, with all digits.

        >>> UnitFormula(("h", "h"), "tanh", [0.5, -1.0], 0.25, [("x1", ""), ("x2", "")]).text
        'h = tanh(0.5*x1 - 1.0*x2 + 0.25)'
        """
        total = _total([(w, None if x is None else x[0]) for w, x in self._terms], "*", repr)
        if self._norm is not None:
            scale, shift, mean, spread = self._norm
            total = f"{scale!r}*(({total}) - {_enclosed(mean)})/{spread!r} + {_enclosed(shift)}"
        if self._activation != "linear":
            total = f"{self._activation}({total})"
        return f"{self._name[0]} = {total}"

    @property
    def latex(self) -> str:
        r"""The same in LaTeX.

        >>> print(UnitFormula(("h", "h_1"), "tanh", [1e-7], 0.25, [("x1", "x_1")]).latex)
        h_1 = \tanh\left(1 \cdot 10^{-7}\, x_1 + 0.25\right)
        """
        total = _total([(w, None if x is None else x[1]) for w, x in self._terms], r"\, ", _number)
        if self._norm is not None:
            scale, shift, mean, spread = self._norm
            minus = _total([(-mean, None)], "", _number, begins=False)
            plus = _total([(shift, None)], "", _number, begins=False)
            total = rf"{_number(scale)}\, \frac{{{total}{minus}}}{{{_number(spread)}}}{plus}"
        if self._activation != "linear":
            function = rf"\mathrm{{{in_latex(self._activation)}}}"
            if self._activation == "tanh":
                function = r"\tanh"
            total = rf"{function}\left({total}\right)"
        return f"{self._name[1]} = {total}"


def standardized_formulas(
    names: Sequence[tuple[str, str]], seen: Sequence[tuple[str, str]], scaler: StandardScaler
) -> tuple[list[str], list[str]]:
    """How inputs that are standardized come from what was seen: in text and in LaTeX.

    >>> scaler = StandardScaler().fit([[1.0], [5.0]])
    >>> standardized_formulas([("a1", "a_1")], [("x1", "x_1")], scaler)[0]
    ['a1 = (x1 - 3.0)/2.0']
    """
    means: Floats = scaler.mean_
    texts, latex = [], []
    for name, raw, mean, scale in zip(names, seen, means.tolist(), scaler.scale_.tolist()):
        texts.append(f"{name[0]} = ({raw[0]} - {_enclosed(mean)})/{scale!r}")
        minus = _total([(-mean, None)], "", _number, begins=False)
        latex.append(rf"{name[1]} = \frac{{{raw[1]}{minus}}}{{{_number(scale)}}}")
    return texts, latex


def _total(
    terms: Sequence[tuple[float, str | None]],
    times: str,
    written: Callable[[float], str],
    *,
    begins: bool = True,
) -> str:
    """A sum of numbers and of products, each with its sign."""
    total = ""
    for number, name in terms:
        is_negative = number < 0.0
        sign = "-" if is_negative else "+"
        if begins and not total:
            sign = "-" if is_negative else ""
        else:
            sign = f" {sign} "
        factor = written(abs(number))
        total += f"{sign}{factor}" if name is None else f"{sign}{factor}{times}{name}"
    return total


def _enclosed(number: float) -> str:
    return f"({number!r})" if number < 0.0 or not isfinite(number) else repr(number)


def _number(number: float) -> str:
    mantissa, _, exponent = repr(float(number)).removesuffix(".0").partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa
