"""The pages of the book: one for each chapter, with everything in it, and the table of contents."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from tinygrad_mlp._course._chapters import Chapter
from tinygrad_mlp._course._mathml import to_mathml

__all__ = ["chapter_page", "contents_page", "pictures_of"]

HERE: Final = Path(__file__).parent
COURSE: Final = "Neural networks, step by step"

SVG: Final = "image/svg+xml"


def chapter_page(chapter: Chapter, notebook: Any, chapters: Sequence[Chapter]) -> str:
    """The page of a chapter whose notebook has run.

    Args:
        chapter: the chapter.
        notebook: its notebook, with output.
        chapters: all chapters of the book, for the way to those before and after it.
    """
    parts, names = [], iter(pictures_of(chapter, notebook))
    answering = False
    for cell in notebook.cells:
        is_answer = "answer" in _tags(cell)
        if is_answer and not answering:
            parts.append("<details class='answer'><summary>Answer</summary>")
        if answering and not is_answer:
            parts.append("</details>")
        answering = is_answer
        parts.append(_markdown(cell.source) if cell.cell_type == "markdown" else _code(cell, names))
    if answering:
        parts.append("</details>")
    ways = _ways(chapter, chapters)
    head = f"<p class='number'>Chapter {chapter.number}</p>"
    return _page(f"{chapter.title} · {COURSE}", f"{ways}<main>{head}{''.join(parts)}</main>{ways}")


def contents_page(chapters: Sequence[Chapter]) -> str:
    """The table of contents: for each chapter its title, its first paragraph and its notebook."""
    entries = "".join(
        f"<li value='{chapter.number}'><a href='{chapter.name}.html'>{_words(chapter.title)}</a>"
        f"{_markdown(chapter.summary)}"
        f"<p class='files'><a href='{chapter.name}.ipynb' download>notebook</a></p></li>"
        for chapter in chapters
    )
    lead = (
        "<p>Each chapter is a program. All numbers and pictures on its page were computed by the "
        "code beside them, and every finding that the text names was checked when the page was "
        "made. The notebook runs the same code. At the end are exercises with answers.</p>"
    )
    body = f"<main><h1>{COURSE}</h1>{lead}<ol class='contents'>{entries}</ol></main>"
    return _page(COURSE, body)


def pictures_of(chapter: Chapter, notebook: Any) -> dict[str, str]:
    """The drawings of a chapter as files for a slide: name to text."""
    drawings = [
        output.data[SVG]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if SVG in output.get("data", {})
    ]
    return {f"{chapter.name}-{i + 1}.svg": drawing for i, drawing in enumerate(drawings)}


def _page(title: str, body: str) -> str:
    style = (HERE / "page.css").read_text(encoding="utf-8")
    return (
        "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<meta name='color-scheme' content='light dark'>"
        f"<title>{_words(title)}</title><style>\n{style}{_code_colors()}</style></head>\n"
        f"<body>{body}</body></html>\n"
    )


def _ways(chapter: Chapter, chapters: Sequence[Chapter]) -> str:
    """The links to the chapter before, the contents, the notebook and the chapter after."""
    place = chapters.index(chapter)
    links = ["<a href='index.html'>Contents</a>"]
    links.append(f"<a href='{chapter.name}.ipynb' download>Notebook</a>")
    if place > 0:
        before = chapters[place - 1]
        links.insert(0, f"<a href='{before.name}.html'>← {_words(before.title)}</a>")
    if place + 1 < len(chapters):
        after = chapters[place + 1]
        links.append(f"<a href='{after.name}.html'>{_words(after.title)} →</a>")
    return f"<nav>{''.join(links)}</nav>"


def _code(cell: Any, names: Iterator[str]) -> str:
    """A cell of code, and below it what came out."""
    code = _highlighted(cell.source)
    outputs = "".join(_output(output, names) for output in cell.outputs)
    kind = "output measured" if "measured" in _tags(cell) else "output"
    return code + (f"<div class='{kind}'>{outputs}</div>" if outputs else "")


def _output(output: Any, names: Iterator[str]) -> str:
    if output.output_type == "stream":
        return f"<pre>{_words(output.text)}</pre>"
    data = output.data
    if SVG in data:
        return _picture(data[SVG], next(names))
    if "text/html" in data:
        return f"<div class='frame'>{data['text/html']}</div>"
    if "image/png" in data:
        content = data["image/png"].replace("\n", "")
        return f"<figure><img alt='A picture' src='data:image/png;base64,{content}'></figure>"
    if "text/latex" in data:
        formula = data["text/latex"].strip().strip("$")
        return f"<div class='formula'>{to_mathml(formula, display=True)}</div>"
    return f"<pre>{_words(data['text/plain'])}</pre>"


def _picture(svg: str, name: str) -> str:
    """The drawing within the page; a click opens it as a file, for a slide."""
    content = base64.b64encode(svg.encode()).decode()
    label = re.search(r'<svg [^>]*aria-label="([^"]+)"', svg)
    alt = html.escape(html.unescape(label[1]), quote=True) if label else "A picture"
    image = f"<img alt='{alt}' src='data:{SVG};base64,{content}'>"
    return f"<figure><a href='pictures/{name}' title='open as a file'>{image}</a></figure>"


def _markdown(text: str) -> str:
    """A text with formulas between dollar signs."""
    return str(_markdown_reader()(text))


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


def _highlighted(source: str) -> str:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return str(highlight(source, PythonLexer(), HtmlFormatter(cssclass="code")))


def _code_colors() -> str:
    """The colors of code, light and dark; paper is light."""
    from pygments.formatters import HtmlFormatter

    light = HtmlFormatter(style="default", cssclass="code").get_style_defs(".code")
    dark = HtmlFormatter(style="github-dark", cssclass="code").get_style_defs(".code")
    return f"{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def _tags(cell: Any) -> Sequence[str]:
    return list(cell.metadata.get("tags", ()))


def _words(text: str) -> str:
    return html.escape(text, quote=False)
