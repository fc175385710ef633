"""Formulas of LaTeX as MathML, which browsers show without a script."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["to_mathml"]

TWO_SIGNS: Final = re.compile("(<mo>)?<mrow><mo>&#x0002B;</mo></mrow>(?(1)</mo>)<mo>&#x0003D;</mo>")
r"""What the converter makes of ``\mathrel{+}=``; older ones leave the outer ``mo`` out."""

FUNCTION: Final = re.compile(r"(?<!<msup>)(?<!<msub>)<mi>(cos|exp|log|sin|tanh)</mi>(?=<m(?!o\b))")
"""The name of a function before what is no bracket: log p, not logp."""

THIN_SPACE: Final = "<mspace width='0.17em'></mspace>"


def to_mathml(formula: str, *, display: bool = False) -> str:
    """The formula as an element ``math``.

    Args:
        formula: LaTeX without dollar signs; an environment such as ``align*`` too.
        display: whether it stands on a line of its own.

    >>> to_mathml("x^2").endswith("<mrow><msup><mi>x</mi><mn>2</mn></msup></mrow></math>")
    True
    """
    from latex2mathml.converter import convert

    found = str(convert(formula, display="block" if display else "inline"))
    return FUNCTION.sub(rf"\g<0>{THIN_SPACE}", TWO_SIGNS.sub("<mo>+=</mo>", found))
