"""How the plots look, and how they get into files: the one place that knows matplotlib's settings.

Settings hold while a plot is made and saved, and leave a person's own as they were. No plot touches
pyplot, so there is no window and no current figure. The same data give the same file, to the byte.
"""

from __future__ import annotations

import io
import os
import re
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tinygrad_mlp._files import write_whole
from tinygrad_mlp._text import visible
from tinygrad_mlp.errors import MissingDependencyError
from viz._render import format_of
from viz._themes import DARK, LIGHT, Theme, known_name, mixed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "PALETTE",
    "PLOT_THEMES",
    "PlotTheme",
    "finished",
    "headline",
    "literal",
    "new_figure",
    "save",
    "style",
    "turn_long_ticks",
]

PALETTE: Final = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#7a5195",
    "#5f6b7a",
)
"""Okabe and Ito's colors, which people with any kind of color vision tell apart (Wong, "Points of
view: Color blindness", Nature Methods 8, 2011), and two more."""

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

GRID: Final = 0.4
"""How much of the color of frames the lines of a grid have, which stand behind all else."""

LETTERS_PER_INCH: Final = 9
"""Of a headline."""

LONGEST_LEVEL_TICK: Final = 8
"""The characters of a number under a plot up to which it stands level."""


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

    def pale(self, index: int) -> tuple[float, ...]:
        """The color of that number, thin on the ground.

        >>> PLOT_THEMES["light"].pale(0)
        (0.78, 0.878..., 0.933...)
        """
        from matplotlib.colors import to_rgb

        pairs = zip(to_rgb(self.color(index)), to_rgb(self.background), strict=True)
        return tuple(0.22 * color + 0.78 * ground for color, ground in pairs)


def _plot_theme(theme: Theme, palette: tuple[str, ...]) -> PlotTheme:
    grid = mixed(theme.outline, theme.background, GRID)
    return PlotTheme(theme.background, theme.text, theme.muted, theme.line, grid, palette)


PLOT_THEMES: Final = {"light": _plot_theme(LIGHT, PALETTE), "dark": _plot_theme(DARK, ON_DARK)}
"""The themes of plots, by the names of those of the drawings."""

STYLE: Final[dict[Any, Any]] = {
    "axes.formatter.useoffset": False,  # "+1.7e9" in a corner is overlooked
    "axes.grid": True,
    "axes.labelsize": 11,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "figure.constrained_layout.h_pad": 0.1,
    "figure.constrained_layout.w_pad": 0.1,
    "font.family": "sans-serif",
    "font.size": 10,
    "grid.linewidth": 0.7,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.85,  # lines that pass behind a legend stand back
    "legend.frameon": True,
    "lines.linewidth": 2.0,
    "savefig.dpi": 200,
    "svg.hashsalt": "tinygrad-mlp",  # without it the names inside an SVG are random
    "text.usetex": False,
}

# The kinds of file, each with what would otherwise put a date or a version into it.
METADATA: Final[dict[str, dict[str, Any]]] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
    "svg": {"Creator": None, "Date": None},
}


MISSING_CHARACTER: Final = re.compile(r"Glyph (\d+) .* missing from font")
"""How matplotlib warns, once for each character."""


@contextmanager
def style(theme: str = "light") -> Iterator[PlotTheme]:
    """Within this block matplotlib draws in our style, with the colors of a theme.

    Raises:
        UnknownNameError: for another theme than "light" and "dark".
        MissingDependencyError: without matplotlib.

    >>> with style("dark") as colors:
    ...     figure = new_figure(4.0, 3.0)
    >>> figure.get_size_inches().tolist(), colors.ink
    ([4.0, 3.0], '#e8ecf2')
    """
    colors = PLOT_THEMES[known_name("theme", theme, PLOT_THEMES)]
    try:
        import matplotlib
    except ImportError as error:
        raise MissingDependencyError.of("matplotlib", "plots", extra="all") from error
    of_theme: dict[Any, Any] = {
        **dict.fromkeys(("axes.facecolor", "figure.facecolor"), colors.background),
        **dict.fromkeys(("axes.labelcolor", "axes.titlecolor", "text.color"), colors.ink),
        **dict.fromkeys(("xtick.color", "ytick.color"), colors.muted),
        "axes.edgecolor": colors.line,
        "grid.color": colors.grid,
    }
    with matplotlib.rc_context(STYLE | of_theme):
        yield colors


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of that size in inches, outside of pyplot.

    >>> new_figure(4.0, 3.0).axes
    []
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, path: str | os.PathLike[str] | None) -> None:
    """Write the figure into a file, if there is a path: .pdf, .png or .svg.

    Warns of characters that the font lacks, and says how to choose another one.

    Raises:
        UnknownNameError: for another ending.

    >>> save(new_figure(4.0, 3.0), None)
    """
    if path is None:
        return
    file_format = format_of(path, tuple(METADATA))
    content = io.BytesIO()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure.savefig(content, format=file_format, metadata=METADATA[file_format])
    write_whole(path, content.getvalue())
    texts = [str(warning.message) for warning in caught]
    missing = [match[1] for text in texts if (match := MISSING_CHARACTER.match(text))]
    if missing:
        characters = " ".join(chr(int(code)) for code in dict.fromkeys(missing))
        warnings.warn(
            f"matplotlib's font lacks the characters {characters}, which show as boxes; name an "
            "installed font that has them: matplotlib.rcParams['font.sans-serif'] = "
            "['Noto Sans CJK SC']",
            stacklevel=4,
        )
    for warning, text in zip(caught, texts):
        if not MISSING_CHARACTER.match(text):
            warnings.warn_explicit(text, warning.category, warning.filename, warning.lineno)


def turn_long_ticks(axes: Axes) -> None:
    """Turn the numbers under a plot where they are too long to stand side by side.

    To be called when everything is drawn, as the numbers follow the data.

    >>> with style():
    ...     axes = new_figure(4.0, 3.0).subplots()
    ...     lines = axes.plot([1.7e9, 1.7e9 + 1.0], [0.0, 1.0])
    ...     turn_long_ticks(axes)
    >>> axes.get_xticklabels()[0].get_rotation()
    25.0
    """
    formatter = axes.xaxis.get_major_formatter()
    texts = formatter.format_ticks(list(axes.get_xticks()))
    if max(map(len, texts), default=0) > LONGEST_LEVEL_TICK:
        for label in axes.get_xticklabels():
            label.set(rotation=25.0, ha="right", rotation_mode="anchor")


def headline(figure: Figure, title: str) -> None:
    """Put a headline over the figure, in as many lines as its width needs.

    >>> figure = new_figure(2.0, 2.0)
    >>> headline(figure, "more words than fit into one line")
    >>> figure.get_suptitle().count(chr(10))
    1
    """
    width = max(10, int(LETTERS_PER_INCH * figure.get_size_inches()[0]))
    lines = textwrap.wrap(literal(title), width) if title else []
    figure.suptitle("\n".join(lines), fontweight="bold")


def finished(figure: Figure, title: str, path: str | os.PathLike[str] | None) -> Figure:
    """The figure under its headline and, if there is a path, in its file.

    >>> finished(new_figure(4.0, 3.0), "a title", None).get_suptitle()
    'a title'
    """
    headline(figure, title)
    save(figure, path)
    return figure


def literal(text: object) -> str:
    r"""The text as it stands: matplotlib reads formulas between dollars, and hides ``_names``.

    Characters that cannot be seen, of which some would break an SVG, are shown as escapes.

    >>> print(literal("$5 or $6\x07"))
    \$5 or \$6\x07
    """
    escaped = visible(str(text), lines=True).replace("$", r"\$")
    return f" {escaped}" if escaped.startswith("_") else escaped
