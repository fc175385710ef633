"""Names of the packages in the code of a chapter become links to their entries in the reference."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Final

from tinygrad_mlp._course._api_pages import address_of
from tinygrad_mlp._course._public_names import PublicNames

__all__ = ["imported_names", "linked"]

PIECE: Final = re.compile(r'<span class="(?P<kind>\w+)">(?P<text>[\w.]+)</span>')
"""A name in colored code, or a dot; a module after ``import`` is one name with its dots."""

CHAIN: Final = re.compile(rf"(?:{re.sub(r'[?]P<[a-z]+>', '?:', PIECE.pattern)})+")
"""Names and dots that follow one another."""


def imported_names(source: str) -> dict[str, str]:
    r"""What a program calls each thing that it imports: the name, and where it comes from.

    A name that the program also gives to something else is left out.

    >>> imported_names("import viz\nfrom tinygrad_mlp import MLP, Value as V\nviz.draw(V(1.0))")
    {'viz': 'viz', 'MLP': 'tinygrad_mlp.MLP', 'V': 'tinygrad_mlp.Value'}
    >>> imported_names("from tinygrad_mlp import dot\ndef dot(): ...")
    {}
    """
    found: dict[str, str] = {}
    given: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {x.asname or x.name: f"{node.module}.{x.name}" for x in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            given.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            given.add(node.name)
        elif isinstance(node, ast.arg):
            given.add(node.arg)
    return {name: path for name, path in found.items() if name not in given}


def linked(code: str, imported: Mapping[str, str], names: PublicNames, folder: str) -> str:
    """Colored code in which names that are in the reference lead there.

    Args:
        code: HTML, as ``colored`` gives it.
        imported: what its names mean, from ``imported_names``.
        names: the reference.
        folder: where its pages are, such as "api/".
    """

    def link(match: re.Match[str]) -> str:
        pieces = [(piece["kind"], piece["text"], piece[0]) for piece in PIECE.finditer(match[0])]
        kind, first, _ = pieces[0]
        begin = first if kind == "nn" else imported.get(first)
        for end in range(len(pieces), 0, -2):
            rest = "".join(text for _, text, _ in pieces[1:end])
            home = names.home_of(f"{begin}{rest}")
            if begin and home:
                shown = "".join(piece for *_, piece in pieces[:end])
                others = "".join(piece for *_, piece in pieces[end:])
                return f"<a href='{folder}{address_of(names, home)}'>{shown}</a>{others}"
        return match[0]

    return CHAIN.sub(link, code)
