"""Plots of a training: its curves, the decision boundary of a classifier, its confusion table.

What is inside a model (activations, gradients, weights) is drawn by ``layer_plots``, how its
layers fare by ``health_plot``, the regions of a classifier by ``boundary``, what was learned of
one feature by ``fit_curve``, any table of numbers by ``heat_map``, why a model answers as it does
by ``interpretation_plots``.

They stand on matplotlib, an optional package, and on ``plot_style`` for how they look. Each
returns the figure, which shows itself in a notebook, and writes it into a file if it is given a
path.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._arguments import check_flag
from tinygrad_mlp._text import described
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError
from tinygrad_mlp.training import ConfusionTable, History
from viz._plots.boundary import decision_boundary
from viz._plots.fit_curve import fit_curve
from viz._plots.health_plot import health_curves
from viz._plots.heat_map import LONGEST_NAME, MOST_ON_A_SLIDE, heat_map, name_cells
from viz._plots.interpretation_plots import (
    activation_map,
    attribution_plot,
    feature_visualization_plot,
    nearest_samples_plot,
)
from viz._plots.layer_plots import activation_histograms, gradient_histograms, weight_images
from viz._plots.plot_colors import MARKERS
from viz._plots.plot_style import (
    MARKS_ON_A_CURVE,
    Look,
    finished,
    literal,
    look_of,
    plain_logarithms,
)
from viz._plots.rate_plot import learning_rate_curve
from viz._style.markup import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "activation_histograms",
    "activation_map",
    "attribution_plot",
    "confusion_table_plot",
    "decision_boundary",
    "feature_visualization_plot",
    "fit_curve",
    "gradient_histograms",
    "health_curves",
    "heat_map",
    "learning_rate_curve",
    "loss_curve",
    "nearest_samples_plot",
    "weight_images",
]


def loss_curve(
    history: History | Mapping[str, Any],
    path: str | os.PathLike[str] | None = None,
    *,
    title: str = "",
    log_scale: bool | None = None,
    theme: str = "light",
    style: str = "page",
) -> Figure:
    """The loss of every epoch and, beside it, the accuracy, if the history has it.

    The losses are those without penalties, which compare with one another.

    The lowest validation loss and the highest validation accuracy are marked; the legend says at
    which epoch they are.

    Args:
        history: what ``fit`` returns, or a mapping with any of the lists "loss", "validation_loss",
            "accuracy", "validation_accuracy"; accuracies lie between 0 and 1. Or several of them by
            name, to be compared: ``{"sgd": history_1, "adam": history_2}``.
        path: the file to write, if any: .svg, .png or .pdf.
        title: a headline.
        log_scale: whether the loss has a logarithmic axis; unless given, it has where the losses
            are positive and span more than a factor of 30.
        theme: "light" or "dark".
        style: "page" or "slide": 1280 x 720, letters of 18 points.

    Raises:
        DataError: if there is no loss.
        UnknownNameError: for an unknown theme, style or ending.
        MissingDependencyError: without matplotlib.

    >>> figure = loss_curve({"loss": [0.9, 0.5, 0.3], "accuracy": [0.5, 0.8, 0.9]})
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['loss', 'accuracy']
    """
    if log_scale is not None:
        log_scale = check_flag(log_scale, "log_scale", "loss_curve(history, log_scale=True)")
    runs = _runs(history)
    names = [
        name for name in ("loss", "accuracy") if any(_series(run, name) for run in runs.values())
    ]
    if "loss" not in names or not all(_series(run, "loss") for run in runs.values()):
        raise DataError(
            "the history has no loss to draw: its lists 'loss' and 'validation_loss' are missing "
            "or empty; train first: history = fit(model, X, y); loss_curve(history)"
        )
    with look_of(theme, style) as look:
        figure = look.figure(5.2 * len(names) + 0.8, 3.7)
        for axes, name in zip(np.ravel(figure.subplots(1, len(names))), names):
            series = {run_name: _series(run, name) for run_name, run in runs.items()}
            is_told = any("validation" in curves for curves in series.values())
            for index, (run_name, curves) in enumerate(series.items()):
                _draw_curves(axes, look, name, curves, index, run_name, is_told=is_told)
            _finish_curves(axes, name)
        loss_axes = figure.axes[0]
        losses = np.concatenate([x for run in runs.values() for x in _series(run, "loss").values()])
        if _spans_magnitudes(losses) if log_scale is None else log_scale:
            loss_axes.set_yscale("log")
            plain_logarithms(loss_axes.yaxis)
        return finished(figure, look, title, path)


def confusion_table_plot(
    counts: ConfusionTable | ArrayLike,
    class_names: Sequence[str] | None = None,
    path: str | os.PathLike[str] | None = None,
    *,
    title: str = "",
    theme: str = "light",
    style: str = "page",
) -> Figure:
    """A confusion table: how often each class was taken for which, right answers on the diagonal.

    Args:
        counts: what ``confusion_table`` returns; or (n_classes, n_classes) counts, a row for each
            true class, a column for each predicted one. The color is the share of the row.
        class_names: what the classes are called; unless given, as in the table, or 0, 1, ...
        path: the file to write, if any: .svg, .png or .pdf.
        title: a headline.
        theme: "light" or "dark".
        style: "page" or "slide": 1280 x 720, letters of 18 points.

    Raises:
        InvalidArgumentError: if ``class_names`` is one text.
        ShapeError: if the table is not square, or the names do not fit it.
        UnknownNameError: for an unknown theme, style or ending.
        MissingDependencyError: without matplotlib.

    >>> figure = confusion_table_plot([[9, 1], [0, 10]], ["cat", "dog"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['9', '1', '0', '10']
    """
    if isinstance(class_names, str | os.PathLike):
        raise InvalidArgumentError(
            f"class_names must be a list with a name for each class, got "
            f"{described(class_names)}; if that "
            f"is the file to write: confusion_table_plot(table, path={os.fspath(class_names)!r})"
        )
    if isinstance(counts, ConfusionTable):
        class_names = counts.classes if class_names is None else class_names
        counts = counts.counts
    table = np.asarray(counts)
    if class_names is None:
        class_names = [str(index) for index in range(len(table))] if table.ndim else []
    n_classes = len(class_names)
    if table.ndim != 2 or table.shape != (n_classes, n_classes):
        raise ShapeError(
            f"a confusion table of {n_classes} classes has the shape "
            f"({n_classes}, {n_classes}), got {table.shape}"
        )
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    longest = max([len(shortened(name, LONGEST_NAME)) for name in class_names], default=0)
    with look_of(theme, style) as look:
        from matplotlib.colors import LinearSegmentedColormap

        size = 2.4 + 0.55 * n_classes
        figure = look.figure(size + 0.6 + 0.07 * longest, size + 0.05 * longest)
        axes = figure.subplots()
        colors = LinearSegmentedColormap.from_list("share", [look.background, look.color(0)])
        axes.imshow(shares, cmap=colors, vmin=0.0, vmax=1.0)
        name_cells(axes, look, class_names, class_names)
        axes.set(xlabel="predicted", ylabel="true")
        if look.on_a_slide and n_classes > MOST_ON_A_SLIDE:
            figure.colorbar(axes.images[0], label="share of the true class")
        else:
            for (i, j), count in np.ndenumerate(table):
                color = look.letters_on(look.pale(0, float(shares[i, j])))
                axes.text(j, i, f"{count:g}", ha="center", va="center", color=color)
        return finished(figure, look, title, path)


# The look of things


def _draw_curves(
    axes: Axes,
    look: Look,
    name: str,
    series: Mapping[str, NDArray[np.float64]],
    run: int,
    run_name: str,
    *,
    is_told: bool,
) -> None:
    """The curves of one training: each in its color, or, among several, all in that of the run.

    Among several the legend says which are of the training samples, where not all of them are.
    """
    best = np.nanargmax if name == "accuracy" else np.nanargmin
    for index, (label, numbers) in enumerate(series.items()):
        epochs = np.arange(1, len(numbers) + 1)
        validation = label.startswith("validation")
        color = look.color(run if run_name else index)
        of_several = f"{run_name}, {label}" if is_told else run_name
        full_label = literal(of_several if run_name else label)
        marks = _spaced_marks(run, len(numbers)) if run_name else {}
        if marks and validation:  # a short line in a legend shows no dashes behind its mark
            marks["markerfacecolor"] = look.background
        line_style = "--" if validation else "-"
        axes.plot(epochs, numbers, line_style, label=full_label, color=color, **marks)
        alone = _without_neighbors(numbers)
        axes.plot(epochs[alone], numbers[alone], ".", ms=look.points(8), color=color)
        if validation and np.isfinite(numbers).any():
            at = int(best(np.where(np.isfinite(numbers), numbers, np.nan)))
            marked = f"best: epoch {epochs[at]}"
            axes.plot(
                *(epochs[at], numbers[at], "o"),
                label=literal(f"{run_name}, {marked}" if run_name else marked),
                ms=look.points(7),
                color=color,
                mec=look.background,
                zorder=3,
            )


def _spaced_marks(run: int, n_epochs: int) -> dict[str, Any]:
    """Some marks along a curve, by which who sees no colors tells several trainings apart."""
    step = max(1, n_epochs // MARKS_ON_A_CURVE)
    return {"marker": MARKERS[run % len(MARKERS)], "markevery": (run % step, step)}


def _without_neighbors(numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which numbers a line does not reach: those that stand between nan or inf."""
    finite = np.concatenate([[False], np.isfinite(numbers), [False]])
    return np.asarray(finite[1:-1] & ~finite[:-2] & ~finite[2:])


def _finish_curves(axes: Axes, name: str) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set(xlabel="epoch", ylabel=name)
    last = max(np.size(line.get_xdata()) for line in axes.lines)
    ticks = MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]).tick_values(
        1, max(last, 2)
    )
    axes.set_xticks([tick for tick in ticks if 1 <= tick <= last])
    if name == "accuracy":
        axes.yaxis.set_major_formatter(FuncFormatter(_percent))
    named = [line for line in axes.lines if not str(line.get_label()).startswith("_")]
    if len(named) > 1:
        axes.legend()


def _percent(share: float, place: int | None = None) -> str:
    return f"{100.0 * share:.4g}%"


# The numbers to draw


def _runs(history: History | Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The columns of each training by its name, which is "" for a single one."""
    if not isinstance(history, Mapping):
        return {"": history.to_dict()}
    several = [isinstance(run, History | Mapping) for run in history.values()]
    if not several or not all(several):
        return {"": history}
    return {
        str(name): run if isinstance(run, Mapping) else run.to_dict()
        for name, run in history.items()
    }


def _series(columns: Mapping[str, Any], name: str) -> dict[str, NDArray[np.float64]]:
    """The training and the validation numbers of that name, as far as there are any."""
    found = {"training": columns.get(name), "validation": columns.get(f"validation_{name}")}
    return {
        label: np.asarray(numbers, float)
        for label, numbers in found.items()
        if numbers is not None and len(numbers)
    }


def _spans_magnitudes(losses: NDArray[np.float64]) -> bool:
    finite = losses[np.isfinite(losses)]
    return finite.size > 0 and bool(finite.min() > 0 and finite.max() > 30 * finite.min())
