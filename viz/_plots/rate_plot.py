"""The plot of a search for a learning rate."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tinygrad_mlp._text import described
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.training import RateSearch
from viz._plots.plot_style import finished, look_of, plain_logarithms

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["learning_rate_curve"]


def learning_rate_curve(
    search: RateSearch,
    path: str | os.PathLike[str] | None = None,
    *,
    title: str = "",
    theme: str = "light",
    style: str = "page",
) -> Figure:
    """The loss over the learning rate, with the suggestion and what it follows from.

    The points are the losses of single batches, the line is smoothed. What lies far above the line
    before its lowest point is cut off: it would leave no room for the rest.

    Args:
        search: what ``training.find_learning_rate`` returns.
        path: the file to write, if any: .svg, .png or .pdf.
        title: a headline.
        theme: "light" or "dark".
        style: "page" or "slide": 1280 x 720, letters of 18 points.

    Raises:
        InvalidArgumentError: if it is no such search.
        UnknownNameError: for an unknown theme, style or ending.
        MissingDependencyError: without matplotlib.

    >>> import numpy as np
    >>> losses = np.array([5.0, 3.0, 1.0, 9.0])
    >>> search = RateSearch(np.array([0.01, 0.1, 1.0, 10.0]), losses, losses, first=5.0)
    >>> learning_rate_curve(search).axes[0].get_xscale()
    'log'
    """
    if not isinstance(search, RateSearch):
        raise InvalidArgumentError(
            f"the search is {described(search)}, but what find_learning_rate returns is needed: "
            "learning_rate_curve(find_learning_rate(model, X, y))"
        )
    with look_of(theme, style) as look:
        figure = look.figure(6.0, 3.7)
        axes = figure.subplots()
        axes.set_xscale("log")
        axes.plot(
            search.rates, search.losses, ".", ms=look.points(4), color=look.muted, label="one batch"
        )
        axes.plot(search.rates, search.smoothed, color=look.color(0), label="smoothed")
        at = int(search.smoothed.argmin())
        if search.lowest is not None and search.suggestion is not None:
            axes.plot(
                *(search.lowest, search.smoothed[at], "o"),
                label=f"lowest: {search.lowest:.2g}",
                ms=look.points(7),
                color=look.color(0),
                mec=look.background,
                zorder=3,
            )
            axes.axvline(
                search.suggestion,
                ls="--",
                color=look.color(1),
                label=f"suggestion: {search.suggestion:.2g}",
            )
        least = min(search.losses.min(), search.smoothed[at])
        most = max(search.first, search.smoothed[: at + 1].max())
        room = 0.2 * (most - least) or 0.5 * abs(most) or 1.0
        axes.set_ylim(least - 0.5 * room, most + room)
        axes.set(xlabel="learning rate", ylabel="loss")
        plain_logarithms(axes.xaxis)
        axes.legend()
        return finished(figure, look, title, path)
