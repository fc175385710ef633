"""The figure of a plot: it shows itself in a notebook, and becomes the content of a file.

Everything else leaves matplotlib alone until a plot is asked for, and imports this module then.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping
from typing import Any, Final

import matplotlib
from matplotlib.figure import Figure

__all__ = ["KINDS", "Plot", "rendered"]

FONTS: Final = ["DejaVu Sans", "Verdana", "Helvetica", "Arial", "sans-serif"]
"""The first comes with matplotlib, so that a plot has the same places everywhere; a browser that
lacks it takes one of the others, and none is wider."""

KINDS: Final[Mapping[str, dict[str, Any]]] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
    "svg": {"Creator": None, "Date": None},
}
"""The kinds of file, each with what would otherwise put a date or a version into it."""

SETTINGS: Final[dict[Any, Any]] = {
    "savefig.dpi": 192,  # twice a screen's
    "svg.fonttype": "none",  # letters stay letters: to be found, copied, and read aloud
    "svg.hashsalt": "tinygrad-mlp",  # without it the names inside an SVG are random
}

MISSING_CHARACTER: Final = re.compile(r"Glyph (\d+) .* missing from font")
"""How matplotlib warns, once for each character."""

OUTLINE: Final = re.compile(r'(?<= d=")[^"]*')
PLACE: Final = re.compile(r'(?<= [xy]=")-?\d+\.\d{3,}')
NO_TURN: Final = re.compile(r' transform="rotate\(-?0 [^"]*"')
FONT: Final = re.compile(r"font-family: ([^;\"]*); ")

INVISIBLE: Final = 0.04
"""A distance in points: an outline may lose what is no farther from it."""
LONGEST_RUN: Final = 40
"""The points of an outline that one line may replace."""


class Plot(Figure):
    """A figure of matplotlib that a notebook shows, Jupyter as well as marimo.

    >>> "<svg" in Plot(figsize=(2.0, 1.0))._repr_svg_()
    True
    """

    def _repr_svg_(self) -> str:
        """For IPython."""
        return rendered(self, "svg").decode()

    def _mime_(self) -> tuple[str, str]:
        """For marimo, which would make a small PNG of a figure."""
        return "image/svg+xml", self._repr_svg_()


def rendered(figure: Figure, file_format: str) -> bytes:
    r"""The content of a file with this figure, the same for the same figure.

    Warns of characters that the font lacks, unless it is an SVG, which has the letters themselves.

    Args:
        figure: what is drawn.
        file_format: "pdf", "png" or "svg".

    >>> rendered(Plot(), "png")[:4]
    b'\x89PNG'
    """
    content = io.BytesIO()
    settings = SETTINGS | {"font.sans-serif": _fonts()}
    with matplotlib.rc_context(settings), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure.savefig(content, format=file_format, metadata=KINDS[file_format])
    texts = [str(warning.message) for warning in caught]
    missing = [match[1] for text in texts if (match := MISSING_CHARACTER.match(text))]
    if missing and file_format != "svg":
        characters = " ".join(chr(int(code)) for code in dict.fromkeys(missing))
        warnings.warn(
            f"matplotlib's font lacks the characters {characters}, which show as boxes; name an "
            "installed font that has them: matplotlib.rcParams['font.sans-serif'] = "
            "['Noto Sans CJK SC']; or write an .svg, which a browser shows with its own fonts",
            stacklevel=5,
        )
    for warning, text in zip(caught, texts):
        if not MISSING_CHARACTER.match(text):
            warnings.warn_explicit(text, warning.category, warning.filename, warning.lineno)
    if file_format != "svg":
        return content.getvalue()
    return _smaller(content.getvalue().decode()).encode()


def _fonts() -> list[str]:
    """Ours, behind those that a person has chosen."""
    chosen = matplotlib.rcParams["font.sans-serif"]
    if chosen == matplotlib.rcParamsDefault["font.sans-serif"]:
        return FONTS
    return [*chosen, *[font for font in FONTS if font not in chosen]]


def _smaller(svg: str) -> str:
    """The same picture in about half the characters."""
    svg = OUTLINE.sub(lambda outline: _shorter_outline(outline[0]), svg)
    svg = NO_TURN.sub("", PLACE.sub(lambda number: f"{float(number[0]):.2f}", svg))
    fonts = dict.fromkeys(FONT.findall(svg))
    if len(fonts) != 1:
        return svg
    return FONT.sub("", svg).replace("<svg ", f'<svg font-family="{next(iter(fonts))}" ', 1)


def _shorter_outline(outline: str) -> str:
    r"""A path with two decimals, without points that stand on the line between their neighbors.

    >>> _shorter_outline("M 0 0 \nL 1.00001 0.00001 \nL 2 0 \nL 2 9 \nz\n")
    'M0 0 2 0 2 9z'
    """
    written: list[str] = []
    points: list[complex] = []  # of the lines that follow one another
    for command, numbers in [*re.findall(r"([A-Za-z])([^A-Za-z]*)", outline), ("", "")]:
        values = [float(number) for number in numbers.split()]
        if command == "L" and points:
            points.append(complex(*values))
            continue
        written.append(
            " ".join([f"{_number(p.real)} {_number(p.imag)}" for p in _straightened(points)])
        )
        points = [complex(*values)] if command in ("M", "L") else []
        written.append(command + ("" if points else " ".join(map(_number, values))))
    return "".join(written)


def _straightened(points: list[complex]) -> list[complex]:
    """The points of a line without those that nobody would miss."""
    kept: list[complex] = points[:1]
    start, end = 0, 2
    while end <= len(points):
        far_enough = (
            end < len(points)
            and end - start < LONGEST_RUN
            and all(
                [
                    _distance(point, points[start], points[end]) < INVISIBLE
                    for point in points[start + 1 : end]
                ]
            )
        )
        if not far_enough:
            start = end - 1
            kept.append(points[start])
        end += 1
    return kept


def _distance(point: complex, start: complex, end: complex) -> float:
    """From a point to the line between two others."""
    along = end - start
    if along == 0.0:
        return abs(point - start)
    share = ((point - start) * along.conjugate()).real / abs(along) ** 2
    return abs(point - start - min(1.0, max(0.0, share)) * along)


def _number(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
