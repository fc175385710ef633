"""A sheet as a web page that is made to be printed; nothing on it runs."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from typing import Final

from tinygrad_mlp.debug._numbers import MINUS
from tinygrad_mlp.debug._tokens import Derivative, Name, Number, Token, flat
from tinygrad_mlp.graph import Run
from viz._quiz.round_numbers import DECIMALS, is_round
from viz._quiz.sheet_questions import Asked, FunctionRow, Sheet
from viz._style import markup
from viz._style.web_page import digest, lean_part, whole_page

__all__ = ["key_page", "sheet_page", "written"]

ROOM: Final = "viz._quiz"
TAGS: Final = {"italic": "i", "sub": "sub", "sup": "sup", "code": "code"}
BLANK: Final = "<span class='blank' role='img' aria-label='blank'>&nbsp;</span>"

EXACT: Final = (
    "Compute each number and write it into its blank. Every number has at most "
    f"{DECIMALS} decimals; none has to be rounded."
)
ROUNDED: Final = (
    "Compute each number and write it into its blank, rounded to "
    f"{DECIMALS} decimals. Go on with the rounded numbers; the last digit may then differ from the "
    "key a little."
)

SLOPES: Final = (
    " Several slopes are the derivatives by the numbers in the brackets, in their order."
)


def written(x: float) -> str:
    """A number as the sheet has it: four decimals, no zeros at the end.

    >>> [written(x) for x in (0.1 * 0.3, -2.0, 0.138498562, 0.00012, 0.000012, -0.0)]
    ['0.03', '−2', '0.1385', '0.0001', '0.000012', '0']
    """
    text = f"{x:.{DECIMALS}f}" if is_round(x) or abs(x) >= 10.0**-DECIMALS else f"{x:.2g}"
    if "e" in text:
        digits, _, exponent = text.partition("e")
        text = f"{float(digits):g}e{int(exponent)}" if int(exponent) < -6 else f"{x:.7f}"
    if "." in text and "e" not in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text.replace("-", MINUS)


def sheet_page(sheet: Sheet, picture: str, title: str, seed: int, *, with_key: bool) -> str:
    """The whole page.

    Args:
        sheet: what stands on it.
        picture: the drawing of the graph, SVG.
        title: the heading.
        seed: the number of the sheet.
        with_key: whether the key follows on a page of its own.

    >>> page = sheet_page(Sheet((), (), (), ()), "<svg/>", "A < B", 7, with_key=False)
    >>> "<h1>A &lt; B</h1>" in page, "Sheet 7" in page
    (True, True)
    """
    address = base64.b64encode(picture.encode()).decode()
    parts = [
        f"<h1>{_text(title)}</h1>",
        "<p class='who'><span>Name</span><span>Date</span>"
        f"<span class='seed'>Sheet {seed}</span></p>",
        f"<p>{EXACT if sheet.is_exact else ROUNDED}</p>",
        "<figure><img alt='The graph of the computation' "
        f"src='data:image/svg+xml;base64,{address}'></figure>",
        _given(sheet),
        _functions(sheet.functions),
        _questions("Forward pass", "forward", sheet.forward, 1),
        _questions("Backward pass", "backward", sheet.backward, 1 + len(sheet.forward)),
        _key(sheet, seed) if with_key else "",
    ]
    return _page(title, "\n".join(filter(None, parts)))


def key_page(sheet: Sheet, title: str, seed: int) -> str:
    """The key on a page of its own file.

    >>> "Key to sheet 7" in key_page(Sheet((), (), (), ()), "By hand", 7)
    True
    """
    return _page(f"Key: {title}", f"<h1>{_text(title)}</h1>\n{_given(sheet)}\n{_key(sheet, seed)}")


def _page(title: str, body: str) -> str:
    style = lean_part(ROOM, "worksheet.css")
    return whole_page(
        "<body>\n{{sheet}}\n</body>\n",
        {"sheet": body},
        title=title,
        style=style,
        allowed=f"style-src {digest(style)}; img-src data:",
        scheme="light",
    )


def _text(text: str) -> str:
    return html.escape(markup.visible(text))


def _given(sheet: Sheet) -> str:
    items = "".join([f"<li>{_tokens(line)}</li>" for line in sheet.given])
    return f"<h2>Given</h2>\n<ul class='given'>{items}</ul>"


def _functions(rows: Sequence[FunctionRow]) -> str:
    if not rows:
        return ""
    n_slopes = max([len(row.slopes) for row in rows])
    lines = []
    for row in rows:
        word = "slope" if len(row.slopes) == 1 else "slopes" if row.slopes else ""
        slopes = f"<td>{word} {', '.join(map(written, row.slopes))}</td>"
        lines.append(
            f"<tr><th scope='row'>{_tokens(row.called)}</th><td>{written(row.value)}</td>"
            f"{slopes if n_slopes else ''}</tr>"
        )
    return (
        "<h2>Values of functions</h2>\n<p>All that you need are here, up to the last digit. If one "
        "is missing, a number that leads to it is wrong."
        f"{SLOPES if n_slopes > 1 else ''}</p>\n<table>"
        f"{''.join(lines)}</table>"
    )


def _questions(heading: str, kind: str, asked: Iterable[Asked], first: int) -> str:
    items = "".join([f"<li>{_tokens(each.asks)}{BLANK}</li>" for each in asked])
    if not items:
        return ""
    return f"<h2>{heading}</h2>\n<ol class='{kind} questions' start='{first}'>{items}</ol>"


def _key(sheet: Sheet, seed: int) -> str:
    items = []
    for asked in (*sheet.forward, *sheet.backward):
        lines = "".join([f"<div>{_tokens(line)}</div>" for line in asked.key])
        items.append(f"<li><b>{written(asked.answer)}</b>{lines}</li>")
    return f"<section class='key'><h2>Key to sheet {seed}</h2><ol>{''.join(items)}</ol></section>"


# Equations


def _tokens(tokens: Iterable[Token]) -> str:
    return "".join(map(_token, flat(tokens)))


def _token(token: Token) -> str:
    if isinstance(token, Name):
        return _runs(token.runs)
    if isinstance(token, Derivative):
        above, below = _runs(token.of.runs), _runs(token.by.runs)
        return f"<span class='fraction'><span>∂{above}</span><span>∂{below}</span></span>"
    if isinstance(token, Number):
        bracketed = token.is_factor and token.text.startswith("(")
        text = written(token.value)
        return f"({text})" if bracketed else text
    kind, text = token.data()[:2]
    return f" {_text(text)} " if kind == "sign" else _text(text)


def _runs(runs: Iterable[Run]) -> str:
    parts = []
    for run in runs:
        tag = TAGS.get(run.kind)
        text = _text(run.text)
        parts.append(f"<{tag}>{text}</{tag}>" if tag else text)
    return "".join(parts)
