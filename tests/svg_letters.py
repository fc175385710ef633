"""What is written in an SVG picture of matplotlib."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

__all__ = ["letters"]


def letters(path: Path) -> dict[str, float]:
    """The texts, each with the size of its smallest letters in the units of the picture."""
    root = ElementTree.fromstring(path.read_bytes())
    found: dict[str, float] = {}
    for element in root.iter("{http://www.w3.org/2000/svg}text"):
        for part in element.iter():
            if part.text and part.text.strip():
                size = re.search(r"font-size: ([\d.]+)px", part.get("style", ""))
                assert size is not None, part.text
                found[part.text] = min(float(size[1]), found.get(part.text, float(size[1])))
    return found
