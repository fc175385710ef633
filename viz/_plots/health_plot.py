"""The plot of the health of a network, epoch by epoch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tinygrad_mlp.debug import HealthMonitor
from tinygrad_mlp.errors import InvalidArgumentError
from viz._plots.plot_style import (
    MARKS_ON_A_CURVE,
    Look,
    finished,
    literal,
    look_of,
    plain_logarithms,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["health_curves"]

HEALTH: Final = {
    "gradient_norm": "norm of the gradients",
    "weight_norm": "norm of the weights",
    "update_ratio": "update / weight",
    "dead_share": "dead units",
}
"""What a report on the health of a layer holds, and what it is called."""


def health_curves(
    monitor: HealthMonitor,
    path: str | os.PathLike[str] | None = None,
    *,
    title: str = "",
    theme: str = "light",
    style: str = "page",
) -> Figure:
    """The norms, the ratios update/weight and the dead units of each layer over the epochs.

    Args:
        monitor: a ``HealthMonitor`` that was among the callbacks of a training.
        path: the file to write, if any: .svg, .png or .pdf.
        title: a headline.
        theme: "light" or "dark".
        style: "page" or "slide": 1280 x 720, letters of 18 points.

    Raises:
        InvalidArgumentError: if the monitor has seen no training yet.
        UnknownNameError: for an unknown theme, style or ending.
        MissingDependencyError: without matplotlib.

    >>> health_curves(HealthMonitor(max))
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.InvalidArgumentError: there is no health to draw yet; train first: ...
    """
    if not monitor.reports:
        raise InvalidArgumentError(
            "there is no health to draw yet; train first: fit(model, X, y, callbacks=[monitor])"
        )
    with look_of(theme, style) as look:
        from matplotlib.lines import Line2D

        figure = look.figure(3.0 * len(HEALTH), 3.5)
        rows, columns = look.rows(len(HEALTH), columns=len(HEALTH))
        all_axes = np.ravel(figure.subplots(rows, columns))
        for axes, (attribute, name) in zip(all_axes, HEALTH.items(), strict=True):
            axes.set(title=name, xlabel="epoch")
            _draw_health(axes, look, monitor, attribute)
        names = [literal(layer.name) for layer in monitor.reports[0].layers]
        lines = [Line2D([], [], **look.class_look(i)) for i in range(len(names))]
        figure.legend(lines, names, loc="outside lower center", ncols=min(len(names), 6))
        return finished(figure, look, title, path)


def _draw_health(axes: Axes, look: Look, monitor: HealthMonitor, attribute: str) -> None:
    """One line for each layer; a logarithmic scale where all numbers allow it."""
    from matplotlib.ticker import MaxNLocator

    steps = [1, 2, 5, 10]
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1, steps=steps))
    shown: list[float] = []
    for place, layer in enumerate(monitor.reports[0].layers):
        numbers = [getattr(report.layers[place], attribute) for report in monitor.reports]
        points = [(e, x) for e, x in zip(monitor.epochs, numbers) if x is not None]
        shown += [x for _, x in points]
        if points:
            marks: dict[str, Any] = {"markevery": max(1, len(points) // MARKS_ON_A_CURVE)}
            axes.plot(*zip(*points), label=literal(layer.name), **look.class_look(place), **marks)
    if not shown:
        text = "no relu layers" if attribute == "dead_share" else "none"
        axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)
        axes.set(xticks=[], yticks=[], xlabel="")
    elif attribute == "dead_share":
        axes.set_ylim(-0.05, 1.05)
    elif min(shown) > 0.0:
        axes.set_yscale("log")
        plain_logarithms(axes.yaxis)
