"""A table of numbers in colors, with the number in each cell."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_mlp._arguments import check_number
from tinygrad_mlp._text import described
from tinygrad_mlp.errors import InvalidArgumentError, ShapeError
from viz._plots.plot_style import Look, finished, literal, look_of
from viz._style.markup import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["LONGEST_NAME", "MOST_ON_A_SLIDE", "heat_map", "name_cells"]

LONGEST_NAME: Final = 24
"""The characters of the name of a row or column."""

MOST_ON_A_SLIDE: Final = 12
"""The rows or columns up to which the cells of a slide have room for letters."""


def heat_map(
    numbers: ArrayLike,
    row_names: Sequence[object],
    column_names: Sequence[object],
    path: str | os.PathLike[str] | None = None,
    *,
    row_label: str = "",
    column_label: str = "",
    number_format: str = ".3g",
    most: float | None = None,
    title: str = "",
    theme: str = "light",
    style: str = "page",
) -> Figure:
    """A table of numbers, such as the accuracy for each rate and batch size, in colors.

    Numbers above 0 are blue, numbers below 0 orange, stronger the larger they are. Each cell has
    its number; only on a slide with more than 12 rows or columns there is a color bar instead.

    Args:
        numbers: (n_rows, n_columns), the first row on top; nan has no color.
        row_names: what the rows are called, n_rows names.
        column_names: what the columns are called, n_columns names.
        path: the file to write, if any: .svg, .png or .pdf.
        row_label: what the rows are, such as "learning rate".
        column_label: what the columns are.
        number_format: how the numbers are written, as in ``format(number, ".3g")``.
        most: the size from which on the color is the strongest; None for that of the largest
            number.
        title: a headline.
        theme: "light" or "dark".
        style: "page" or "slide": 1280 x 720, letters of 18 points.

    Raises:
        ShapeError: if the numbers are no table, or the names do not fit it.
        InvalidArgumentError: if ``most`` is no number above 0, for an unknown format of numbers, or
            if names are one text.
        UnknownNameError: for an unknown theme, style or ending.
        MissingDependencyError: without matplotlib.

    >>> figure = heat_map([[0.5, 1.0]], ["tanh"], ["He", "LeCun"], number_format=".0%")
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['50%', '100%']
    """
    for names in (row_names, column_names):
        if isinstance(names, str | os.PathLike):
            raise InvalidArgumentError(
                f"the names must be a list with a name for each row or column, got "
                f"{described(names)}; for example "
                'heat_map([[0.5, 1.0]], ["tanh"], ["He", "LeCun"])'
            )
    table = np.asarray(numbers, dtype=np.float64)
    if table.shape != (len(row_names), len(column_names)) or not table.size:
        raise ShapeError(
            f"numbers for {len(row_names)} row names and {len(column_names)} column names have the "
            f"shape ({len(row_names)}, {len(column_names)}), at least (1, 1), got {table.shape}"
        )
    largest = float(np.abs(table[np.isfinite(table)]).max(initial=0.0)) or 1.0
    if most is not None:
        largest = check_number(most, "most", "heat_map(..., most=1.0)", above=0.0)
    try:
        texts = [format(number, number_format) for number in table.ravel().tolist()]
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(
            f"number_format is {number_format!r}, but a format of numbers such as '.3g' or '.0%' "
            f"is needed: {error}"
        ) from None
    with look_of(theme, style) as look:
        from matplotlib.colors import LinearSegmentedColormap

        shares = np.nan_to_num((table / largest).clip(-1.0, 1.0))  # nan is drawn as 0
        longest = max(len(shortened(str(name), LONGEST_NAME)) for name in row_names)
        figure = look.figure(
            1.6 + 0.85 * len(column_names) + 0.07 * longest, 1.5 + 0.5 * len(row_names)
        )
        axes = figure.subplots()
        ends = [look.color(1), look.background, look.color(0)]
        colors = LinearSegmentedColormap.from_list("signed", ends, N=257)  # 0 in the middle
        least = -1.0 if (table < 0.0).any() else 0.0
        if least == 0.0:
            colors = LinearSegmentedColormap.from_list("above 0", ends[1:])
        shown = axes.imshow(shares, cmap=colors, vmin=least, vmax=1.0, aspect="auto")
        name_cells(axes, look, row_names, column_names)
        axes.set(xlabel=literal(column_label), ylabel=literal(row_label))
        if look.on_a_slide and max(table.shape) > MOST_ON_A_SLIDE:
            figure.colorbar(shown, format=lambda share, _: format(share * largest, number_format))
        else:
            for text, (i, j), share in zip(
                texts, np.ndindex(table.shape), shares.ravel().tolist(), strict=True
            ):
                color = look.letters_on(look.pale(int(share < 0.0), abs(share)))
                axes.text(j, i, literal(text), ha="center", va="center", color=color)
        return finished(figure, look, title, path)


def name_cells(
    axes: Axes, look: Look, row_names: Sequence[object], column_names: Sequence[object]
) -> None:
    """The names beside and below the cells of an image, and lines between the cells.

    >>> with look_of() as look:
    ...     axes = look.figure(3.0, 2.0).subplots()
    ...     name_cells(axes, look, ["a"], ["b", "c"])
    >>> [label.get_text() for label in axes.get_xticklabels()]
    ['b', 'c']
    """
    rows, columns = (
        [literal(shortened(str(name), LONGEST_NAME)) for name in names]
        for names in (row_names, column_names)
    )
    longest = max(map(len, columns), default=0)
    crowded = sum(map(len, columns)) > 8 * len(columns) + 8 or longest > 10
    turned: dict[str, Any] = (
        {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
    )
    axes.set_xticks(range(len(columns)), columns, **turned)
    axes.set_yticks(range(len(rows)), rows)
    axes.grid(visible=False)
    axes.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    axes.tick_params(which="minor", length=0)
    axes.grid(visible=True, which="minor", color=look.line, linewidth=look.points(0.6))
    axes.spines[:].set_visible(False)
