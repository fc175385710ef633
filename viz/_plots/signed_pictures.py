"""Bars and pictures of signed numbers, for the plots of interpretations."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import ceil, isfinite
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from viz._plots.plot_colors import PlotTheme
from viz._plots.plot_style import finished, literal, look_of
from viz._style.markup import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "LONGEST_NAME",
    "MOST_BARS",
    "draw_bars",
    "draw_picture",
    "draw_signed",
    "largest",
    "number",
    "pictures",
]

Floats: TypeAlias = NDArray[np.float64]
Path: TypeAlias = str | os.PathLike[str] | None

PICTURES_IN_A_ROW: Final = 8
MOST_BARS: Final = 12
"""Of the features of a table; one more is for the sum of the others."""
LONGEST_NAME: Final = 28
"""The characters of the name of a feature."""

AXIS: Final = 150.0
"""How long the axis of the bars is at least, in points."""
LETTER: Final = 5.2
"""The width of a letter of the numbers beside the bars, in points."""
GAP: Final = 5.0
"""The points that such a number keeps from its bar and from the end of the axis."""


def draw_bars(
    axes: Axes, look: PlotTheme, row: Floats, features: Sequence[str], values: Floats | None
) -> None:
    """One bar for each feature, from the top; of many the largest, and what is left of the sum.

    >>> from viz._plots.plot_style import look_of
    >>> with look_of() as look:
    ...     axes = look.figure(3.0, 2.0).subplots()
    ...     draw_bars(axes, look, np.array([1.0, -2.0]), ["a", "b"], None)
    >>> [text.get_text() for text in axes.texts]
    ['1', '−2']
    """
    order = np.arange(len(row))
    if len(row) > MOST_BARS:
        order = np.sort(np.argsort(-np.abs(row), kind="stable")[:MOST_BARS])
    lengths = row[order].tolist()
    labels = [
        shortened(features[k], LONGEST_NAME) + ("" if values is None else f" = {number(values[k])}")
        for k in order.tolist()
    ]
    n_left = len(row) - len(order)
    if n_left:
        lengths.append(float(row.sum() - row[order].sum()))
        labels.append(f"{n_left} other{'' if n_left == 1 else 's'}")
    places = range(len(lengths))
    colors = [look.color(0 if length >= 0.0 else 1) for length in lengths]
    axes.set_axisbelow(True)
    axes.barh(places, lengths, color=colors)
    axes.axvline(0.0, color=look.line, linewidth=0.8)
    axes.set_yticks(places, [literal(label) for label in labels])
    axes.set_ylim(len(lengths) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    texts = [number(length, 2) for length in lengths]
    axes.set_xlim(*_ends(lengths, texts))
    for place, length, text in zip(places, lengths, texts):
        axes.annotate(
            text,
            (length, place),
            xytext=(3 if length >= 0.0 else -3, 0),
            textcoords="offset points",
            ha="left" if length >= 0.0 else "right",
            va="center",
            fontsize=8,
            color=look.ink,
        )


def _ends(lengths: Sequence[float], texts: Sequence[str]) -> tuple[float, float]:
    """The ends of the axis, with room for the number beside each bar."""
    finite = [length for length in lengths if isfinite(length)]
    least, most = min([0.0, *finite]), max([0.0, *finite])
    if least == most:
        return -1.0, 1.0
    below = [len(text) for text, length in zip(texts, lengths) if length < 0.0]
    above = [len(text) for text, length in zip(texts, lengths) if not length < 0.0]
    left, right = (GAP + LETTER * max(n, default=0) for n in (below, above))
    a_point = (most - least) / (AXIS - left - right)
    return least - left * a_point, most + right * a_point


def draw_signed(axes: Axes, look: PlotTheme, image: Floats, most: float) -> Any:
    """An image in colors: blue above 0, orange below; what it returns is for a color bar.

    >>> from viz._plots.plot_style import look_of
    >>> with look_of() as look:
    ...     shown = draw_signed(look.figure(3.0, 2.0).subplots(), look, np.eye(2), 4.0)
    >>> shown.get_clim()
    (-4.0, 4.0)
    """
    from matplotlib.colors import LinearSegmentedColormap

    ends = [look.color(1), look.background, look.color(0)]
    colors = LinearSegmentedColormap.from_list("signed", ends)
    shown = axes.imshow(image, cmap=colors, vmin=-most, vmax=most)
    _bare(axes, look)
    return shown


def draw_picture(axes: Axes, look: PlotTheme, image: Floats) -> None:
    """An image in shades, from that of the ground to that of the ink.

    >>> from viz._plots.plot_style import look_of
    >>> with look_of() as look:
    ...     axes = look.figure(3.0, 2.0).subplots()
    ...     draw_picture(axes, look, np.eye(2))
    >>> len(axes.images)
    1
    """
    from matplotlib.colors import LinearSegmentedColormap

    colors = LinearSegmentedColormap.from_list("ink", [look.background, look.ink])
    axes.imshow(image, cmap=colors)
    _bare(axes, look)


def pictures(
    rows: list[tuple[Floats, bool]],
    names: Sequence[str],
    image_shape: tuple[int, int],
    title: str,
    theme: str,
    path: Path,
    label: str = "contribution",
) -> Figure:
    """The samples side by side; each with a picture for each table, the signed ones in colors.

    >>> figure = pictures([(np.eye(4), False)], list("abcd"), (2, 2), "", "light", None)
    >>> len(figure.axes)
    4
    """
    n_samples = len(names)
    columns = min(n_samples, PICTURES_IN_A_ROW)
    n_blocks = ceil(n_samples / columns)
    most = largest(rows[-1][0])
    with look_of(theme) as look:
        n_rows = n_blocks * len(rows)
        figure = look.figure(1.25 * columns + 1.2, 1.3 * n_rows + 0.4 + (0.4 if title else 0.0))
        panels = figure.subplots(n_rows, columns, squeeze=False)
        shown = None
        for k in range(n_blocks * columns):
            block, column = divmod(k, columns)
            for part, (table, is_signed) in enumerate(rows):
                axes = panels[block * len(rows) + part, column]
                if k >= n_samples:
                    axes.set_visible(False)
                    continue
                image = table[k].reshape(image_shape)
                if is_signed:
                    shown = draw_signed(axes, look, image, most)
                else:
                    draw_picture(axes, look, image)
                if part == 0:
                    axes.set_title(literal(names[k]), fontsize=9)
        if shown is not None:
            figure.colorbar(shown, ax=panels.ravel().tolist(), label=label, shrink=0.8)
        return finished(figure, look, title, path)


def number(x: float, digits: int = 3) -> str:
    """A number with a few digits and a minus sign.

    >>> number(-0.12345)
    '−0.123'
    """
    return f"{x:.{digits}g}".replace("-", "−")


def largest(numbers: Floats) -> float:
    """The largest magnitude, or 1.0 where all numbers are 0.

    >>> largest(np.array([1.0, -3.0])), largest(np.zeros(2))
    (3.0, 1.0)
    """
    most = float(np.abs(numbers).max())
    return most if most > 0.0 else 1.0


def _bare(axes: Axes, look: PlotTheme) -> None:
    """A picture in a thin frame."""
    axes.grid(visible=False)
    axes.spines[:].set(visible=True, color=look.grid, linewidth=0.7)
    axes.set(xticks=[], yticks=[])
