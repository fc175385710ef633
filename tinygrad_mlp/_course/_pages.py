"""The pages of the book: one for each chapter, with everything in it, and the table of contents."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from tinygrad_mlp._course._api_pages import API
from tinygrad_mlp._course._chapters import Chapter
from tinygrad_mlp._course._code_links import imported_names, linked
from tinygrad_mlp._course._frame import (
    COURSE,
    colored,
    framed,
    markdown,
    neighbors,
    ways,
    words,
)
from tinygrad_mlp._course._mathml import to_mathml
from tinygrad_mlp._course._public_names import PublicNames

__all__ = ["API_FOLDER", "chapter_page", "contents_page", "frames_of", "pictures_of"]

SVG: Final = "image/svg+xml"
DARK: Final = "screen and (prefers-color-scheme: dark)"
"""When a page is dark, as in its style; paper is light."""

FRAME: Final = re.compile(r'<iframe srcdoc="([^"]*)"')
"""A page within the page, such as a replay or a worksheet."""

SHORT: Final = 8
"""The lines up to which code stays on the sheet of paper on which its output begins."""

API_FOLDER: Final = "api"
"""Where the pages of the API reference are."""
API_PAGE: Final = (f"{API_FOLDER}/index.html", API)


def chapter_page(
    chapter: Chapter,
    notebook: Any,
    chapters: Sequence[Chapter],
    names: PublicNames,
    in_dark: Callable[[str], str | None],
) -> str:
    """The page of a chapter whose notebook has run.

    Args:
        chapter: the chapter.
        notebook: its notebook, with output.
        chapters: all chapters of the book, for the way to those before and after it.
        names: those of the API reference, to which the code leads.
        in_dark: makes a drawing dark, for a page that is dark; None if it cannot.
    """
    files = iter([*pictures_of(chapter, notebook)]), iter([*frames_of(chapter, notebook)])
    code_cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    imported = imported_names("\n".join(code_cells))
    parts, answering = [], False
    for cell in notebook.cells:
        is_answer = "answer" in _tags(cell)
        if is_answer and not answering:
            parts.append("<details class='answer'><summary>Answer</summary>")
        if answering and not is_answer:
            parts.append("</details>")
        answering = is_answer
        if cell.cell_type == "markdown":
            parts.append(markdown(cell.source))
        else:
            code = linked(colored(cell.source), imported, names, f"{API_FOLDER}/")
            kind = "short" if len(cell.source.splitlines()) <= SHORT else "long"
            shown = _outputs(cell, files, in_dark)
            parts.append(f"<div class='{kind}'>{code}</div>{shown}")
    if answering:
        parts.append("</details>")
    way = _ways(chapter, chapters)
    head = f"<p class='number'>Chapter {chapter.number}</p>"
    return framed(f"{chapter.title} · {COURSE}", f"{way}<main>{head}{''.join(parts)}</main>{way}")


def contents_page(chapters: Mapping[Chapter, float]) -> str:
    """The table of contents: for each chapter its title, what one learns, how long it runs.

    Args:
        chapters: those of the book in their order, with the seconds that each of them took.
    """
    entries = "".join(
        f"<li value='{chapter.number}'><a href='{chapter.name}.html'>{words(chapter.title)}</a>"
        f"{markdown(chapter.sentence)}"
        f"<p class='files'><a href='{chapter.name}.ipynb' download>notebook</a>, runs in "
        f"<span class='measured'>{seconds:.0f} s</span></p></li>"
        for chapter, seconds in chapters.items()
    )
    lead = (
        "<p>Each chapter is a program. All numbers and pictures on its page were computed by the "
        "code beside them, and every finding that the text names was checked when the page was "
        "made. The notebook runs the same code. At the end are exercises with answers. What the "
        f"code calls is explained in the <a href='{API_PAGE[0]}'>{API_PAGE[1]}</a>.</p>"
        "<p>You need some Python and NumPy, and must know what a derivative is. To compute along, "
        "install the project, in its folder, by <code>python -m pip install -e "
        "'.[all,course]'</code>, and open a notebook in a program such as JupyterLab.</p>"
    )
    body = f"<main><h1>{COURSE}</h1>{lead}<ol class='contents'>{entries}</ol></main>"
    return framed(COURSE, body)


def pictures_of(chapter: Chapter, notebook: Any) -> dict[str, str]:
    """The drawings of a chapter as files for a slide: name to text."""
    drawings = [
        output.data[SVG]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if SVG in output.get("data", {})
    ]
    return {f"{chapter.name}-{i + 1}.svg": drawing for i, drawing in enumerate(drawings)}


def frames_of(chapter: Chapter, notebook: Any) -> dict[str, str]:
    """The pages that a chapter shows in frames, as files to open and to print: name to text."""
    frames = [
        found[1]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if (found := FRAME.search(_shown_html(output)))
    ]
    return {f"{chapter.name}-{i + 1}.html": html.unescape(text) for i, text in enumerate(frames)}


def _shown_html(output: Any) -> str:
    """The HTML that a page shows of an output; "" where it shows something else."""
    data = output.get("data", {})
    return "" if SVG in data else str(data.get("text/html", ""))


def _ways(chapter: Chapter, chapters: Sequence[Chapter]) -> str:
    """The links to the chapter before, the contents, the notebook, the reference, and on."""
    before, after = neighbors(chapter, chapters)
    return ways(
        (f"{before.name}.html", before.title) if before else None,
        [("index.html", "Contents"), (f"{chapter.name}.ipynb", "Notebook"), API_PAGE],
        (f"{after.name}.html", after.title) if after else None,
    )


Files = tuple[Iterator[str], Iterator[str]]
"""The names of the files of drawings, and of pages in frames, that are still to come."""


def _outputs(cell: Any, files: Files, in_dark: Callable[[str], str | None]) -> str:
    """What came out of a cell of code."""
    outputs = "".join(_output(output, files, in_dark) for output in cell.outputs)
    kind = "output measured" if "measured" in _tags(cell) else "output"
    return f"<div class='{kind}'>{outputs}</div>" if outputs else ""


def _output(output: Any, files: Files, in_dark: Callable[[str], str | None]) -> str:
    if output.output_type == "stream":
        return f"<pre>{words(output.text)}</pre>"
    data = output.data
    if SVG in data:
        return _picture(data[SVG], next(files[0]), in_dark(data[SVG]))
    if "text/html" in data:
        shown = data["text/html"]
        link = ""
        if FRAME.search(shown):
            address = f"frames/{next(files[1])}"
            link = f"<p class='files'><a href='{address}'>open or print by itself</a></p>"
        return f"<div class='frame'>{shown}{link}</div>"
    if "image/png" in data:
        content = data["image/png"].replace("\n", "")
        return f"<figure><img alt='A picture' src='data:image/png;base64,{content}'></figure>"
    if "text/latex" in data:
        formula = data["text/latex"].strip().strip("$")
        return f"<div class='formula'>{to_mathml(formula, display=True)}</div>"
    return f"<pre>{words(data['text/plain'])}</pre>"


def _picture(svg: str, file: str, dark: str | None) -> str:
    """The drawing within the page; a click opens it as a file, for a slide.

    Args:
        svg: the drawing.
        file: the name of its file.
        dark: the same drawing for a dark page; None if there is none: it keeps its light ground.
    """
    label = re.search(r'<svg [^>]*aria-label="([^"]+)"', svg)
    alt = html.escape(html.unescape(label[1]), quote=True) if label else "A picture"
    image = f"<img alt='{alt}' src='{_address(svg)}'>"
    if dark:
        image = f"<picture><source media='{DARK}' srcset='{_address(dark)}'>{image}</picture>"
    link = f"<a href='pictures/{file}' title='open as a file'>{image}</a>"
    return f"<figure{' class=dark' if dark else ''}>{link}</figure>"


def _address(svg: str) -> str:
    """A picture as an address that holds all of it."""
    return f"data:{SVG};base64,{base64.b64encode(svg.encode()).decode()}"


def _tags(cell: Any) -> Sequence[str]:
    return list(cell.metadata.get("tags", ()))
