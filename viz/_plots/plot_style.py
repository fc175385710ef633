"""How the plots look, and how they get into files: the one place that knows matplotlib's settings.

Settings hold while a plot is made and saved, and leave a person's own as they were. No plot touches
pyplot, so there is no window and no current figure. The same data give the same file, to the byte.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from tinygrad_mlp._arguments import check_integer
from tinygrad_mlp._files import write_whole
from tinygrad_mlp._text import described, visible
from tinygrad_mlp.errors import InvalidArgumentError, MissingDependencyError, ShapeError
from viz._plots.plot_colors import PLOT_THEMES, PlotTheme
from viz._scene.render import format_of
from viz._style.themes import known_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from viz._plots.figure import Plot

__all__ = [
    "MARKS_ON_A_CURVE",
    "Look",
    "check_image_shape",
    "finished",
    "literal",
    "look_of",
    "plain_logarithms",
    "save",
    "turn_long_ticks",
]

LETTERS_PER_INCH: Final = 9
"""Of a headline."""

MARKS_ON_A_CURVE: Final = 8
"""By which who sees no colors tells several curves apart."""

LONGEST_LEVEL_TICK: Final = 8
"""The characters of a number under a plot up to which it stands level."""


STYLE: Final[dict[Any, Any]] = {
    "axes.formatter.useoffset": False,  # "+1.7e9" in a corner is overlooked
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "figure.constrained_layout.h_pad": 0.1,
    "figure.constrained_layout.w_pad": 0.1,
    "font.family": "sans-serif",
    "legend.edgecolor": "none",
    "legend.framealpha": 0.85,  # lines that pass behind a legend stand back
    "legend.frameon": True,
    "text.usetex": False,
}

SIZES: Final[dict[Any, float]] = {
    "axes.labelsize": 11.0,
    "axes.linewidth": 0.8,
    "axes.titlesize": 12.0,
    "font.size": 10.0,
    "grid.linewidth": 0.7,
    "lines.linewidth": 2.0,
    "lines.markersize": 6.0,
    "xtick.major.pad": 3.5,
    "ytick.major.pad": 3.5,
}
"""What is larger on a slide."""

STYLES: Final = {"page": 1.0, "slide": 1.8}
"""By how much."""

SLIDE: Final = (13 + 1 / 3, 7.5)
"""In inches, of which a screen has 96 pixels: 1280 x 720."""

LEAST_ON_A_SLIDE: Final = 18.0
"""The size of letters, in points: 24 pixels."""


@dataclass(frozen=True, slots=True)
class Look(PlotTheme):
    """A theme on a page or on a slide.

    >>> with look_of("light", "slide") as look:
    ...     figure = look.figure(4.0, 3.0)
    >>> look.letters(9.0), look.points(2.0), (96 * figure.get_size_inches()).round().tolist()
    (18.0, 3.6, [1280.0, 720.0])
    """

    scale: float = 1.0

    @property
    def on_a_slide(self) -> bool:
        """Whether it has the size of a slide, whatever it shows.

        >>> Look(**{name: "" for name in PlotTheme.__slots__}).on_a_slide
        False
        """
        return self.scale > 1.0

    def figure(self, width: float, height: float) -> Plot:
        """An empty figure outside of pyplot: of that size in inches, or that of a slide."""
        from viz._plots.figure import Plot

        return Plot(figsize=SLIDE if self.on_a_slide else (width, height), layout="constrained")

    def points(self, size: float) -> float:
        """The width of a line or the size of a mark that has this size on a page."""
        return size * self.scale

    def letters(self, size: float) -> float:
        """The size of letters that have this size on a page."""
        return max(self.points(size), LEAST_ON_A_SLIDE) if self.on_a_slide else size

    def rows(self, n_panels: int, columns: int) -> tuple[int, int]:
        """Rows and columns for panels: at most so many columns, on a slide as it is wide.

        >>> with look_of("light", "page") as page, look_of("light", "slide") as slide:
        ...     page.rows(4, 4), slide.rows(4, 4), slide.rows(2, 4)
        ((1, 4), (2, 2), (1, 2))
        """
        if self.on_a_slide:
            columns = n_panels if n_panels < 4 else ceil(n_panels**0.5)
        columns = max(1, min(columns, n_panels))
        return ceil(n_panels / columns), columns


@contextmanager
def look_of(theme: str = "light", style: str = "page") -> Iterator[Look]:
    """Within this block matplotlib draws in our style, with the colors of a theme.

    Raises:
        UnknownNameError: for another theme than "light" and "dark", or another style than "page"
            and "slide".
        MissingDependencyError: without matplotlib.

    >>> with look_of("dark") as look:
    ...     figure = look.figure(4.0, 3.0)
    >>> figure.get_size_inches().tolist(), look.ink
    ([4.0, 3.0], '#e8ecf2')
    """
    colors = PLOT_THEMES[known_name("theme", theme, PLOT_THEMES)]
    scale = STYLES[known_name("style", style, STYLES)]
    try:
        import matplotlib
    except ImportError as error:
        raise MissingDependencyError.of("matplotlib", "plots", extra="all") from error
    from viz._plots.figure import SETTINGS

    of_theme: dict[Any, Any] = {
        **dict.fromkeys(("axes.facecolor", "figure.facecolor"), colors.background),
        **dict.fromkeys(("axes.labelcolor", "axes.titlecolor", "text.color"), colors.ink),
        **dict.fromkeys(("xtick.color", "ytick.color"), colors.muted),
        "axes.edgecolor": colors.line,
        "grid.color": colors.grid,
    }
    sizes = {name: size * scale for name, size in SIZES.items()}
    with matplotlib.rc_context(STYLE | SETTINGS | of_theme | sizes):
        yield Look(**{name: getattr(colors, name) for name in PlotTheme.__slots__}, scale=scale)


def save(figure: Figure, path: str | os.PathLike[str] | None) -> None:
    """Write the figure into a file, if there is a path: .pdf, .png or .svg.

    Warns of characters that the font lacks, and says how to choose another one.

    Raises:
        UnknownNameError: for another ending.

    >>> with look_of() as look:
    ...     save(look.figure(4.0, 3.0), None)
    """
    if path is None:
        return
    from viz._plots.figure import KINDS, rendered

    file_format = format_of(path, tuple(KINDS))
    write_whole(path, rendered(figure, file_format))


def plain_logarithms(axis: Axis) -> None:
    """Numbers as one writes them beside a logarithmic axis, "0.05" instead of a power.

    To be called when everything is drawn, as the numbers follow the data.

    >>> with look_of() as look:
    ...     axes = look.figure(4.0, 3.0).subplots()
    ...     axes.set_yscale("log")
    ...     lines = axes.plot([0.0, 1.0], [0.04, 0.6])
    ...     plain_logarithms(axes.yaxis)
    >>> [f"{place:g}" for place in axes.get_yticks() if 0.04 <= place <= 0.6]
    ['0.05', '0.1', '0.2', '0.5']
    """
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    low, high = sorted(axis.get_view_interval())
    if low > 0.0 and high < 200.0 * low:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def turn_long_ticks(axes: Axes) -> None:
    """Turn the numbers under a plot where they are too long to stand side by side.

    To be called when everything is drawn, as the numbers follow the data.

    >>> with look_of() as look:
    ...     axes = look.figure(4.0, 3.0).subplots()
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


def finished(figure: Figure, look: Look, title: str, path: str | os.PathLike[str] | None) -> Figure:
    """The figure under its headline, of as many lines as its width needs, and in its file.

    >>> with look_of() as look:
    ...     figure = finished(look.figure(2.0, 2.0), look, "more than fits into one line", None)
    >>> figure.get_suptitle().splitlines()
    ['more than fits', 'into one line']
    """
    width = max(10, int(LETTERS_PER_INCH * figure.get_size_inches()[0] / look.scale))
    lines = textwrap.wrap(literal(title), width) if title else []
    figure.suptitle("\n".join(lines), fontweight="bold")
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


def check_image_shape(image_shape: object, n_pixels: int, owner: str) -> None:
    """Refuse what is no height and width of that many pixels.

    Args:
        image_shape: what was given.
        n_pixels: how many there are.
        owner: what has them, such as "a sample has 64 features".

    Raises:
        InvalidArgumentError: if it is no pair of whole numbers of at least 1.
        ShapeError: if it has another number of pixels.

    >>> check_image_shape((2, 3), 6, "a sample has 6 features")
    """
    call = "image_shape=(8, 8)"
    if not isinstance(image_shape, tuple | list) or len(image_shape) != 2:
        raise InvalidArgumentError(
            f"image_shape is {described(image_shape)}, but a pair is needed, the height and the "
            f"width: {call}"
        )
    height, width = [
        check_integer(side, f"image_shape[{place}]", call) for place, side in enumerate(image_shape)
    ]
    if height * width != n_pixels:
        raise ShapeError(
            f"{owner}, but image_shape={tuple(image_shape)} has {height * width} pixels"
        )
