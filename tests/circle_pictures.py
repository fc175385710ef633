"""Pictures of circles and lines, read back from their SVG."""

from __future__ import annotations

from typing import Any, Final
from xml.etree import ElementTree

import viz

SVG: Final = "{http://www.w3.org/2000/svg}"


class Picture:
    """An SVG, read back."""

    def __init__(self, value: Any, **options: Any) -> None:
        self.text = str(viz.to_svg(value, **{"detail": "circles", **options}))
        self.root = ElementTree.fromstring(self.text)

    def groups(self, kind: str) -> list[ElementTree.Element]:
        groups = self.root.iter(f"{SVG}g")
        return [group for group in groups if (group.get("class") or "").split()[0] == kind]

    def words(self, kind: str) -> list[list[str]]:
        """The lines of words in each group of a kind."""
        return [
            ["".join(text.itertext()) for text in group.iter(f"{SVG}text")]
            for group in self.groups(kind)
        ]

    def legend(self) -> str:
        return "; ".join(" ".join(words) for words in self.words("legend"))


def tooltip(group: ElementTree.Element) -> list[str]:
    title = group.find(f"{SVG}title")
    return (title.text or "").split("\n") if title is not None else []


def only(group: ElementTree.Element, tag: str) -> ElementTree.Element:
    (found,) = group.iter(f"{SVG}{tag}")
    return found


def read(text: str) -> float:
    return float(text.replace("\N{MINUS SIGN}", "-"))
