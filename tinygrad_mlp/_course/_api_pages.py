"""The pages of the API reference: the list of all modules, and a page for each of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tinygrad_mlp._course._docstrings import NAMED, Block, Docstring, Section
from tinygrad_mlp._course._frame import COURSE, colored, framed, neighbors, ways, words
from tinygrad_mlp._course._public_names import Entry, PublicNames

__all__ = ["API", "address_of", "api_pages"]

API: Final = "API reference"
"""What these pages are called."""

CODE: Final = re.compile(r"``(.+?)``")
DOTTED: Final = re.compile(r"[A-Za-z][\w.]*(\(\))?")

HEADINGS: Final = {"Args": "Arguments"}
"""Of sections; the others are called as in the docstring."""


def api_pages(names: PublicNames) -> dict[str, str]:
    """The pages by the names of their files, ``index.html`` among them."""
    pages = [_ModulePage(names, module) for module in names.modules]
    return {"index.html": _contents(pages)} | {f"{x.module}.html": x.page() for x in pages}


def address_of(names: PublicNames, home: str) -> str:
    """The address of an entry, seen from the folder of these pages.

    >>> address_of(PublicNames(["tinygrad_mlp"]), "tinygrad_mlp.nn.MLP")
    'tinygrad_mlp.nn.html#MLP'
    """
    if home in names.modules:
        return f"{home}.html"
    module, _, name = home.rpartition(".")
    return f"{module}.html#{name}"


def _contents(pages: list[_ModulePage]) -> str:
    """All modules, each with its public names."""
    lead = "<p>Everything that the packages export, by module, with examples that are tested.</p>"
    parts = [f"<h1>{API}</h1>{lead}"]
    for page in pages:
        heading = f"<h2><a href='{page.module}.html'><code>{page.module}</code></a></h2>"
        summary = page.text(page.names.documentation(page.module).summary)
        listed = " ".join(page.link(name) for name in page.names.names(page.module))
        parts.append(f"{heading}<p>{summary}</p><p class='names'>{listed}</p>")
    way = ways(None, [("../index.html", "Contents")], None)
    return framed(f"{API} · {COURSE}", f"{way}<main>{''.join(parts)}</main>{way}")


@dataclass(frozen=True)
class _ModulePage:
    """The page of one module: what it says of itself, its names, and their entries."""

    names: PublicNames
    module: str

    def page(self) -> str:
        before, after = neighbors(self.module, list(self.names.modules))
        way = ways(
            (f"{before}.html", before) if before else None,
            [("../index.html", "Contents"), ("index.html", API)],
            (f"{after}.html", after) if after else None,
        )
        body = (
            f"<p class='number'>{API}</p><h1><code>{self.module}</code></h1>"
            f"{self.documentation(self.names.documentation(self.module))}"
            f"<dl class='names'>{''.join(map(self.row, self.names.names(self.module)))}</dl>"
            f"{''.join(map(self.entry, self.names.entries(self.module)))}"
        )
        return framed(f"{self.module} · {API}", f"{way}<main class='api'>{body}</main>{way}")

    def row(self, name: str) -> str:
        """A name of the module, and the first paragraph of its entry."""
        summary = self.names.entry(self.home(name)).docstring.summary
        return f"<dt>{self.link(name)}</dt><dd>{self.text(summary)}</dd>"

    def link(self, name: str) -> str:
        """A name of the module as a link to its entry."""
        address = address_of(self.names, self.home(name))
        return f"<a href='{address}'><code>{words(name)}</code></a>"

    def home(self, name: str) -> str:
        home = self.names.home_of(f"{self.module}.{name}")
        assert home is not None, name
        return home

    def entry(self, entry: Entry) -> str:
        name = words(entry.name)
        parts = [f"<h2 id='{name}'><code>{name}</code> <span class='kind'>{entry.kind}</span></h2>"]
        parts.append(colored(entry.signature))
        bases = [base for base in entry.bases if self.names.find(base, self.module)]
        if bases and entry.kind == "class":
            parts.append(f"<p>A subclass of {', '.join(map(self.code, bases))}.</p>")
        parts.append(self.documentation(entry.docstring))
        for member in entry.members:
            name = words(member.name)
            parts.append(f"<h3 id='{name}'><code>{name}</code></h3>{colored(member.signature)}")
            parts.append(self.documentation(member.docstring))
        return f"<section>{''.join(parts)}</section>"

    def documentation(self, docstring: Docstring) -> str:
        return "".join(self.parts(docstring))

    def parts(self, docstring: Docstring) -> Iterator[str]:
        for part in docstring.parts:
            yield self.section(part) if isinstance(part, Section) else self.block(part)

    def block(self, block: Block) -> str:
        if block.kind == "example":
            return colored("\n".join(block.lines), "pycon")
        if block.kind == "code":
            return f"<pre class='plain'>{words(chr(10).join(block.lines))}</pre>"
        if block.kind == "list":
            return f"<ul>{''.join(f'<li>{self.text(line)}</li>' for line in block.lines)}</ul>"
        return f"<p>{self.text(block.text)}</p>"

    def section(self, section: Section) -> str:
        heading = f"<h4>{HEADINGS.get(section.name, section.name)}</h4>"
        if section.name not in NAMED:
            return heading + "".join(f"<p>{self.text(text)}</p>" for _, text in section.entries)
        rows = [
            f"<dt>{self.listed(name, section)}</dt><dd>{self.text(text)}</dd>"
            for name, text in section.entries
        ]
        return f"{heading}<dl>{''.join(rows)}</dl>"

    def listed(self, name: str, section: Section) -> str:
        """What an entry of a section is about: arguments, or errors, which have entries here."""
        if section.name == "Args" or section.name == "Attributes":
            return f"<code>{words(name)}</code>"
        return ", ".join(map(self.code, filter(None, name.split(", "))))

    def text(self, text: str) -> str:
        """A text, with what stands between double back quotes as code."""
        parts = CODE.split(text)
        return "".join(self.code(x) if i % 2 else words(x) for i, x in enumerate(parts))

    def code(self, code: str) -> str:
        """A piece of code; a link, if it is the name of something that is exported."""
        shown = f"<code>{words(code)}</code>"
        home = self.names.find(code, self.module) if DOTTED.fullmatch(code) else None
        return f"<a href='{address_of(self.names, home)}'>{shown}</a>" if home else shown
