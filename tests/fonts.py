"""How wide letters are in the fonts that a reader's machine may have, read from the fonts."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import matplotlib
from matplotlib.ft2font import FT2Font

__all__ = ["FACES", "advances", "true_width"]

FONTS: Final = Path(matplotlib.get_data_path()) / "fonts"

FACES: Final = {
    (False, False): ("DejaVuSans.ttf", "Helvetica.afm"),
    (False, True): ("DejaVuSans-Bold.ttf", "Helvetica-Bold.afm"),
    (True, False): (
        *("DejaVuSerif.ttf", "DejaVuSerif-Italic.ttf", "STIXGeneral.ttf"),
        *("STIXGeneralItalic.ttf", "Times-Roman.afm", "Times-Italic.afm"),
    ),
    (True, True): (
        *("DejaVuSerif-Bold.ttf", "DejaVuSerif-BoldItalic.ttf", "STIXGeneralBol.ttf"),
        *("STIXGeneralBolIta.ttf", "Times-Bold.afm", "Times-BoldItalic.afm"),
    ),
}
"""The files of the fonts, by whether they are for math, and whether they are bold."""

QUOTES: Final = {"quotesingle": "'", "grave": "`"}
"""What Adobe's fonts have at other places than ASCII."""


@cache
def advances(file: str) -> Callable[[str], float | None]:
    """How wide a font is at a letter of the size 1; None if it has no such letter."""
    if file.endswith(".afm"):
        text = (FONTS / "pdfcorefonts" / file).read_text(encoding="latin-1")
        found = re.findall(r"^C (-?\d+) ; WX (\d+) ; N (\w+)", text, re.MULTILINE)
        places = {QUOTES.get(name, chr(max(0, int(code)))): int(w) for code, w, name in found}
        return lambda letter: places[letter] / 1000.0 if letter.isascii() else None
    font = FT2Font(str(FONTS / "ttf" / file))
    font.set_size(1000.0, 72.0)
    glyphs = font.get_charmap()

    def advance(letter: str) -> float | None:
        if ord(letter) not in glyphs:
            return None
        return font.load_char(ord(letter)).linearHoriAdvance / 65536.0 / 1000.0

    return advance


def true_width(letter: str, face: tuple[bool, bool]) -> float:
    """In the widest of the fonts; 0 if none has the letter."""
    return max([advances(file)(letter) or 0.0 for file in FACES[face]])
