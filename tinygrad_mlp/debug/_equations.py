"""How equations are written: formulas, derivatives, products, numbers.

A label is a name already. A node without one is called v and its place in the topological order, so
the same graph always gives the same names: to the step log, the terminal and the web page.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

from tinygrad_mlp import ops
from tinygrad_mlp.engine import Value
from tinygrad_mlp.graph import op_of

__all__ = [
    "derivative",
    "factor",
    "formula_of",
    "number",
    "product",
]

MOST_TERMS: Final = 8
"""Sums of more terms than this are written with dots between the first three and the last."""

OPENS: Final = re.compile(r"(^|[(,|<>=]|\bif|\belse) ?$")
CLOSES: Final = re.compile(r" ?([),|<>=]|if\b|else\b|$)")


def number(x: float) -> str:
    """``x`` as equations show it: four decimals, or four digits where x is very small or large.

    >>> [number(x) for x in (0.138498562, 0.0821670, 5.0, 0.00043857, -1e-9, 123456.7)]
    ['0.1385', '0.0822', '5', '0.0004386', '-1e-09', '1.235e+05']
    """
    if 0.01 <= abs(x) < 10_000.0:
        return f"{x:.4f}".rstrip("0").rstrip(".")
    return f"{x:.4g}"


def factor(x: float) -> str:
    """``x`` as a factor of a product: a negative number stands in brackets.

    >>> factor(0.5), factor(-2.0)
    ('0.5', '(-2)')
    """
    return _signed(number(x))


def product(factors: Sequence[float], result: float) -> str:
    """A product with its result; ``≈`` where the numbers as written do not give the result.

    They do if what they come to is the result within the rounding of its last digit.

    >>> print(product([0.138498562, 0.593269992], 0.082167041))
    0.1385 * 0.5933 = 0.0822
    >>> print(product([0.036350306, 0.241300709], 0.008771354))
    0.0364 * 0.2413 ≈ 0.008771
    """
    written = math.prod(float(number(x)) for x in factors)
    shown = float(number(result))
    apart = abs(written - shown)
    sign = "≈" if apart > 0.501 * _last_digit(result) and math.isfinite(apart) else "="
    return f"{' * '.join(map(factor, factors))} {sign} {number(result)}"


def _last_digit(x: float) -> float:
    """What one in the last place of ``number(x)`` stands for."""
    if x == 0.0 or 0.01 <= abs(x) < 10_000.0:
        return 1e-4
    return 10.0 ** (int(f"{x:.3e}".partition("e")[2]) - 3) if math.isfinite(x) else math.inf


def derivative(output: str, by: str) -> str:
    """The symbol of a derivative; a name that is more than one word stands in brackets.

    >>> derivative("L", "w5"), derivative("loss", "layers.0.bias")
    ('dL/dw5', 'dloss/d(layers.0.bias)')
    """
    return f"d{_bracketed(output)}/d{_bracketed(by)}"


def formula_of(node: Value, operands: Sequence[str]) -> str:
    """How the node was computed, with ``operands`` (names, or numbers as text) put in.

    >>> a, b = Value(2.0), Value(3.0)
    >>> formula_of(a * b, ["a", "b"]), formula_of(a * b, ["2", "-3"])
    ('a * b', '2 * (-3)')
    """
    if not node.parents:
        return ""
    op = op_of(node)
    if op is ops.DOT:
        n = len(operands) // 2
        pairs = zip(operands, operands[n : 2 * n])
        return _sum([*(f"{_signed(w)} * {_signed(x)}" for w, x in pairs), *operands[2 * n :]])
    if op is ops.SUM:
        return _sum(operands)
    if op.variadic:
        return f"{op.name}({', '.join(operands)})"
    letters = dict(zip("x" if len(operands) == 1 else ops.LETTERS, operands))
    return re.sub(rf"\b[{''.join(letters)}]\b", _Filling(letters), op.formula)


class _Filling:
    """Puts operands in the place of the letters of a formula.

    A negative number stands in brackets only beside a sign of arithmetic: not in ``max(-2, 0)``,
    ``|-2|`` or ``-2 if 1 else 3``.
    """

    def __init__(self, letters: dict[str, str]) -> None:
        self.letters = letters

    def __call__(self, match: re.Match[str]) -> str:
        text = self.letters.get(match[0], match[0])
        before, after = match.string[: match.start()], match.string[match.end() :]
        return text if OPENS.search(before) and CLOSES.match(after) else _signed(text)


def _signed(text: str) -> str:
    return f"({text})" if text.startswith("-") else text


def _sum(terms: Sequence[str]) -> str:
    if len(terms) > MOST_TERMS:
        terms = [*terms[:3], "...", terms[-1]]
    return " + ".join(map(_signed, terms))


def _bracketed(name: str) -> str:
    return name if re.fullmatch(r"\w+", name) else f"({name})"
