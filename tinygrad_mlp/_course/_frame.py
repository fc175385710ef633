"""What all pages of the book are made of: the frame with its style, text, code in colors."""

from __future__ import annotations

import html
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from tinygrad_mlp._course._mathml import to_mathml

__all__ = ["COURSE", "Link", "colored", "framed", "markdown", "neighbors", "ways", "words"]

HERE: Final = Path(__file__).parent
T = TypeVar("T")

Link: TypeAlias = tuple[str, str]
"""An address and its words."""

COURSE: Final = "Neural networks, step by step"
"""The title of the book."""


def framed(title: str, body: str) -> str:
    """A whole page, which needs no other file: its style is in it."""
    style = (HERE / "page.css").read_text(encoding="utf-8")
    return (
        "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<meta name='color-scheme' content='light dark'>"
        f"<title>{words(title)}</title><style>\n{style}{_code_colors()}</style></head>\n"
        f"<body>{body}</body></html>\n"
    )


def ways(before: Link | None, here: Sequence[Link], after: Link | None) -> str:
    """The links above and below a page, each an address and its words.

    Args:
        before: to the page before this one.
        here: to what belongs to this page, and to the contents.
        after: to the page after it.
    """
    middle = "".join(f"<a href='{address}'>{words(text)}</a>" for address, text in here)
    parts = [
        f"<a class='before' href='{before[0]}'>←\u00a0{words(before[1])}</a>" if before else ""
    ]
    parts.append(f"<span>{middle}</span>")
    parts.append(
        f"<a class='after' href='{after[0]}'>{words(after[1])}\u00a0→</a>" if after else ""
    )
    return f"<nav>{''.join(parts)}</nav>"


def neighbors(page: T, pages: Sequence[T]) -> tuple[T | None, T | None]:
    """The page before this one and the page after it.

    >>> neighbors("a", ["a", "b"])
    (None, 'b')
    """
    around = [None, *pages, None]
    place = pages.index(page)
    return around[place], around[place + 2]


def words(text: str) -> str:
    """A text without markup, as HTML."""
    return html.escape(text, quote=False)


def markdown(text: str) -> str:
    """A text in Markdown with formulas between dollar signs, as HTML."""
    return str(_markdown_reader()(text))


def colored(source: str, language: str = "python") -> str:
    """Code in colors; the language is "python", or "pycon" for what stands at a prompt."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name

    return str(highlight(source, get_lexer_by_name(language), HtmlFormatter(cssclass="code")))


@cache
def _markdown_reader() -> Any:
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    class Renderer(IPythonRenderer):  # type: ignore[misc,unused-ignore]
        """Text as HTML, formulas as MathML."""

        def inline_math(self, body: str) -> str:
            return to_mathml(body)

        def block_math(self, body: str) -> str:
            return f"<div class='formula'>{to_mathml(body.strip(), display=True)}</div>"

        def latex_environment(self, name: str, body: str) -> str:
            return self.block_math(f"\\begin{{{name}}}{body}\\end{{{name}}}")

    renderer = Renderer(escape=False, exclude_anchor_links=True)
    return MarkdownWithMath(renderer=renderer).render


@cache
def _code_colors() -> str:
    """The colors of code, light and dark; paper is light."""
    from pygments.formatters import HtmlFormatter

    light = HtmlFormatter(style="default", cssclass="code").get_style_defs(".code")
    dark = HtmlFormatter(style="github-dark", cssclass="code").get_style_defs(".code")
    return f"{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}\n"
