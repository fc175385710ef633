"""What is written in an SVG picture of matplotlib, and in which colors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

__all__ = ["hex_of", "letters"]


def letters(path: Path) -> dict[str, float]:
    """The texts, each with the size of its smallest letters in the units of the picture."""
    root = ElementTree.fromstring(path.read_bytes())
    found: dict[str, float] = {}
    for element in root.iter("{http://www.w3.org/2000/svg}text"):
        for part in element.iter():
            if part.text and part.text.strip():
                size = re.search(r"(?:font-size|font): [^;]*?([\d.]+)px", part.get("style", ""))
                assert size is not None, part.text
                found[part.text] = min(float(size[1]), found.get(part.text, float(size[1])))
    return found


def hex_of(color: Any) -> str:
    """A color of matplotlib, in whatever form, as "#0072b2"."""
    from matplotlib.colors import to_hex

    return str(to_hex(color))
