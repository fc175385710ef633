"""The small pieces that a drawing is made of: tables, numbers as text, labels made harmless.

Labels come from people and are data: whatever stands in one, it is shown and never interpreted,
neither by Graphviz nor by the browser that opens the SVG. Nothing here knows about graphs.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import Final

from tinygrad_mlp._text import shortened, visible
from viz._themes import Paint

__all__ = [
    "FONT",
    "TIMES",
    "cell",
    "font",
    "html_text",
    "number",
    "number_on_slide",
    "quoted",
    "row",
    "shortened",
    "statement",
    "table",
    "visible",
]

FONT: Final = "Helvetica,Arial,sans-serif"
"""Families that every browser and PDF viewer maps to something close to what Graphviz measured."""


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


def quoted(*lines: str) -> str:
    r"""The lines as one quoted string of the DOT language, for a tooltip.

    >>> print(quoted('say "a & b"', "data = 1"))
    "say &quot;a &amp; b&quot;\ndata = 1"
    """
    return '"' + r"\n".join(_quoted_line(line) for line in lines) + '"'


def _quoted_line(line: str) -> str:
    escaped = visible(line).replace("&", "&amp;").replace('"', "&quot;")
    return escaped.replace("\\", "\\" * 4)  # Graphviz takes escapes out of tooltips twice


def font(markup: str, color: str, size: int, *, bold: bool = False) -> str:
    """``markup`` in that color and size (in points).

    >>> font("x", "#000000", 9, bold=True)
    '<FONT COLOR="#000000" POINT-SIZE="9"><B>x</B></FONT>'
    """
    content = f"<B>{markup}</B>" if bold else markup
    return f'<FONT COLOR="{color}" POINT-SIZE="{size}">{content}</FONT>'


def cell(markup: str, **attributes: str | int) -> str:
    """One cell of a table.

    >>> cell("x", align="LEFT")
    '<TD ALIGN="LEFT">x</TD>'
    """
    return f"<TD{_attributes(attributes)}>{markup}</TD>"


def row(*cells: str) -> str:
    """One row of a table.

    >>> row(cell("x"), cell("y"))
    '<TR><TD>x</TD><TD>y</TD></TR>'
    """
    return f"<TR>{''.join(cells)}</TR>"


def table(*rows: str, paint: Paint | None = None, border: float = 1, padding: int = 2) -> str:
    """A table: a rounded box in the colors of ``paint``, or, without it, an invisible one.

    >>> table(row(cell("x")), padding=0)
    '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0"><TR><TD>x</TD></TR></TABLE>'
    """
    attributes: dict[str, str | float] = {"border": border if paint else 0}
    attributes |= {"cellborder": 0, "cellspacing": 0, "cellpadding": padding}
    if paint:
        attributes |= {"style": "ROUNDED", "bgcolor": paint.fill, "color": paint.border}
    return f"<TABLE{_attributes(attributes)}>{''.join(rows)}</TABLE>"


def statement(name: str, tooltip: Iterable[str], content: str) -> str:
    """The statement of a box of that name.

    >>> statement("n0", ["data = 1"], "1")
    '  n0 [id="n0", tooltip="data = 1", label=<1>];'
    """
    return f'  {name} [id="{name}", tooltip={quoted(*tooltip)}, label=<{content}>];'


def _attributes(attributes: Mapping[str, str | float]) -> str:
    return "".join(f' {name.upper()}="{value}"' for name, value in attributes.items())
