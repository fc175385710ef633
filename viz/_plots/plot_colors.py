"""The colors and marks of plots, light and dark, which people with any color vision tell apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from viz._style.themes import DARK, LIGHT, Theme, mixed

__all__ = ["MARKERS", "ON_DARK", "PALETTE", "PLOT_THEMES", "PlotTheme", "contrast"]

GRID: Final = 0.4
"""How much of the color of frames the lines of a grid have, which stand behind all else."""

PALETTE: Final = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#b07a00",
    "#3391c9",
    "#7a5195",
    "#5f6b7a",
)
"""Okabe and Ito's colors, which people with any kind of color vision tell apart (Wong, "Points of
view: Color blindness", Nature Methods 8, 2011), and two more; orange and sky blue are darker, so
that each color has a contrast of 3:1 to the ground."""

ON_DARK: Final = (
    "#56b4e9",
    "#ff9a52",
    "#3fc79d",
    "#e39cc7",
    "#f0c541",
    "#9ad2f7",
    "#b794ff",
    "#9aa5b5",
)
"""The same hues, lighter, for a dark ground."""

MARKERS: Final = "os^DvPX*"
"""The marks of classes, layers and trainings, in matplotlib's letters."""


@dataclass(frozen=True, slots=True)
class PlotTheme:
    """The colors of a plot: its ground, its texts, its lines; ``palette`` is for what it shows.

    >>> PLOT_THEMES["dark"].color(8) == PLOT_THEMES["dark"].color(0)
    True
    """

    background: str
    ink: str
    muted: str
    line: str
    grid: str
    palette: tuple[str, ...]

    def color(self, index: int) -> str:
        """The color of the curve or class of that number."""
        return self.palette[index % len(self.palette)]

    def class_look(self, index: int) -> dict[str, Any]:
        """Color and marker of a class; who sees no colors tells them by their markers.

        >>> PLOT_THEMES["light"].class_look(1)
        {'color': '#d55e00', 'marker': 's'}
        """
        return {"color": self.color(index), "marker": MARKERS[index % len(MARKERS)]}

    def pale(self, index: int, share: float = 0.22) -> str:
        """The color of that number, thin on the ground: a share of it.

        >>> PLOT_THEMES["light"].pale(0)
        '#c7e0ee'
        """
        return mixed(self.color(index), self.background, share)

    def letters_on(self, ground: str) -> str:
        """Black or white, whichever has the greater contrast to a ground: at least 4.5.

        >>> look = PLOT_THEMES["light"]
        >>> look.letters_on("#c7e0ee"), look.letters_on("#0072b2")
        ('#000000', '#ffffff')
        """
        return max(("#000000", "#ffffff"), key=lambda color: contrast(color, ground))


def contrast(color: str, other: str) -> float:
    """How far two colors stand apart, from 1 to 21, as WCAG 2.2 measures it.

    >>> contrast("#000000", "#ffffff"), round(contrast("#777777", "#ffffff"), 2)
    (21.0, 4.48)
    """
    darker, lighter = sorted([_luminance(color), _luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    """From 0, black, to 1, white."""
    shares = [int(color[i : i + 2], 16) / 255.0 for i in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in shares]
    return sum([weight * x for weight, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True)])


def _plot_theme(theme: Theme, palette: tuple[str, ...]) -> PlotTheme:
    grid = mixed(theme.outline, theme.background, GRID)
    return PlotTheme(theme.background, theme.text, theme.muted, theme.line, grid, palette)


PLOT_THEMES: Final = {"light": _plot_theme(LIGHT, PALETTE), "dark": _plot_theme(DARK, ON_DARK)}
"""The themes of plots, by the names of those of the drawings."""
