"""The small pieces that a drawing is made of: numbers as text, labels made harmless.

Labels come from people and are data: whatever stands in one, it is shown and never interpreted,
neither by Graphviz nor by the browser that opens the SVG. Nothing here knows about graphs.
"""

from __future__ import annotations

import html
from typing import Final

from tinygrad_mlp._text import shortened, visible

__all__ = ["FONT", "TIMES", "html_text", "number", "shortened", "visible"]

FONT: Final = "Helvetica,Arial,sans-serif"
"""Families that every browser and PDF viewer maps to letters no wider than there is room for."""


TIMES: Final = "\N{MULTIPLICATION SIGN}"
"""Between factors, and before how often something repeats."""


def number(x: float, digits: int = 4) -> str:
    """``x`` with four significant digits and a typographic minus, as a drawing shows it.

    >>> [number(x) for x in (0.13849856, 2.0, 123456.0, 1e10, float("inf"))]
    ['0.1385', '2', '1.235e5', '1e10', 'inf']
    """
    mantissa, _, exponent = f"{x:.{digits}g}".partition("e")
    text = f"{mantissa}e{int(exponent)}" if exponent else mantissa
    return text.replace("-", "\N{MINUS SIGN}")


def number_on_slide(x: float) -> str:
    """``x`` with three digits, and three decimals at most; sizes below 0.001 with two digits.

    >>> [number_on_slide(x) for x in (0.13849856, 0.0384, -123456.0, 0.00012345)]
    ['0.138', '0.038', '\N{MINUS SIGN}1.23e5', '0.00012']
    """
    if 0.001 <= abs(x) < 0.1:
        return number(round(x, 3), 3)
    return number(x, 3 if abs(x) >= 0.1 else 2)


def html_text(text: str) -> str:
    r"""``text`` for the inside of an HTML-like label.

    Graphviz replaces ``\N`` and its like even there, so backslashes are doubled.

    >>> print(html_text('<b>"w" & \\N'))
    &lt;b&gt;&quot;w&quot; &amp; \\N
    """
    return html.escape(visible(text).replace("\\", "\\\\"))
