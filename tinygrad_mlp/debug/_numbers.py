"""How equations write numbers: for a terminal, for a page, in LaTeX."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

__all__ = ["equality", "factor", "last_digit", "latex_number", "number", "shown_number"]

MINUS: Final = "\N{MINUS SIGN}"
NOT_FINITE: Final = {"nan": r"\mathrm{nan}", "inf": r"\infty", "-inf": r"-\infty"}


def number(x: float) -> str:
    """``x`` as equations show it: four decimals, or four digits where x is very small or large.

    >>> [number(x) for x in (0.138498562, 0.0821670, 5.0, 0.00043857, -1e-9, 123456.7)]
    ['0.1385', '0.0822', '5', '0.0004386', '-1e-09', '1.235e+05']
    """
    if 0.01 <= abs(x) < 10_000.0:
        return f"{x:.4f}".rstrip("0").rstrip(".")
    return f"{x:.4g}"


def shown_number(x: float) -> str:
    """The same where every sign can be had: a minus of full width, an exponent without zeros.

    >>> shown_number(-2.5), shown_number(123456.7), shown_number(1e-9)
    ('−2.5', '1.235e5', '1e−9')
    """
    digits, _, exponent = number(x).partition("e")
    written = f"{digits}e{int(exponent)}" if exponent else digits
    return written.replace("-", MINUS)


def latex_number(x: float) -> str:
    r"""The same in LaTeX, for math mode.

    >>> print(latex_number(-0.5), latex_number(1e-9), latex_number(123456.7))
    -0.5 10^{-9} 1.235 \cdot 10^{5}
    """
    digits, _, exponent = number(x).partition("e")
    if digits in NOT_FINITE:
        return NOT_FINITE[digits]
    if not exponent:
        return digits
    power = f"10^{{{int(exponent)}}}"
    return {"1": power, "-1": f"-{power}"}.get(digits, rf"{digits} \cdot {power}")


def factor(x: float) -> str:
    """``x`` as a factor of a product: a negative number stands in brackets.

    >>> factor(0.5), factor(-2.0)
    ('0.5', '(-2)')
    """
    text = number(x)
    return f"({text})" if text.startswith("-") else text


def equality(factors: Sequence[float], result: float) -> str:
    """``≈`` where a product of the numbers as written does not give the result as written.

    It does if what they come to is the result within the rounding of its last digit.

    >>> equality([0.138498562, 0.593269992], 0.082167041)  # 0.1385 * 0.5933, 0.0822
    '='
    >>> equality([0.036350306, 0.241300709], 0.008771354)  # 0.0364 * 0.2413, 0.008771
    '≈'
    """
    written = math.prod(float(number(x)) for x in factors)
    apart = abs(written - float(number(result)))
    return "≈" if apart > 0.501 * last_digit(result) and math.isfinite(apart) else "="


def last_digit(x: float) -> float:
    """What one in the last place of ``number(x)`` stands for.

    >>> last_digit(0.138498562), last_digit(0.00043857)
    (0.0001, 1e-07)
    """
    if x == 0.0 or 0.01 <= abs(x) < 10_000.0:
        return 1e-4
    return 10.0 ** (int(f"{x:.3e}".partition("e")[2]) - 3) if math.isfinite(x) else math.inf
