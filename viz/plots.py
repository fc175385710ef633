"""Plots of a training: its curves, the decision boundary of a classifier, its confusion table.

What is inside a model (activations, gradients, weights) is drawn by ``layer_plots``.

They stand on matplotlib, an optional package, and on ``plot_style`` for how they look. Each of them
returns the figure, to be changed or shown, and writes it into a file if it is given a path.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._text import described
from tinygrad_mlp.data._arrays import check_plain
from tinygrad_mlp.debug import HealthMonitor
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.training import ConfusionTable, History, predict, predict_proba
from viz._layer_plots import activation_histograms, gradient_histograms, weight_images
from viz._markup import shortened
from viz._plot_style import (
    PlotTheme,
    headline,
    literal,
    new_figure,
    save,
    style,
    turn_long_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "activation_histograms",
    "confusion_table_plot",
    "decision_boundary",
    "gradient_histograms",
    "health_curves",
    "loss_curve",
    "weight_images",
]

HEALTH: Final = {
    "gradient_norm": "norm of the gradients",
    "weight_norm": "norm of the weights",
    "update_ratio": "update / weight",
    "dead_share": "dead units",
}
"""What a report on the health of a layer holds, and what it is called."""

LONGEST_NAME: Final = 24

Points = NDArray[np.float64]
Predict = Callable[[Points], ArrayLike]
Classifier = Any
"""A model, an object with ``predict``, or a function that gives labels."""


def loss_curve(
    history: History | Mapping[str, Any],
    path: str | os.PathLike[str] | None = None,
    *,
    title: str = "",
    log_scale: bool | None = None,
    theme: str = "light",
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

    Raises:
        DataError: if there is no loss.
        UnknownNameError: for an unknown theme or ending.
        MissingDependencyError: without matplotlib.

    >>> figure = loss_curve({"loss": [0.9, 0.5, 0.3], "accuracy": [0.5, 0.8, 0.9]})
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['loss', 'accuracy']
    """
    runs = _runs(history)
    names = [
        name for name in ("loss", "accuracy") if any(_series(run, name) for run in runs.values())
    ]
    if "loss" not in names or not all(_series(run, "loss") for run in runs.values()):
        raise DataError(
            "the history has no loss to draw: its lists 'loss' and 'validation_loss' are missing "
            "or empty; train first: history = fit(model, X, y); loss_curve(history)"
        )
    with style(theme) as look:
        figure = new_figure(5.2 * len(names) + 0.8, 3.7)
        for axes, name in zip(np.ravel(figure.subplots(1, len(names))), names):
            for index, (run_name, run) in enumerate(runs.items()):
                _draw_curves(axes, look, name, _series(run, name), index, run_name)
            _finish_curves(axes, name)
        loss_axes = figure.axes[0]
        losses = np.concatenate([x for run in runs.values() for x in _series(run, "loss").values()])
        if _spans_magnitudes(losses) if log_scale is None else log_scale:
            loss_axes.set_yscale("log")
        headline(figure, title)
        save(figure, path)
    return figure


def decision_boundary(
    model: Classifier,
    X: ArrayLike,
    y: ArrayLike,
    path: str | os.PathLike[str] | None = None,
    *,
    title: str = "",
    feature_names: Sequence[str] = ("x1", "x2"),
    class_names: Sequence[str] | None = None,
    resolution: int = 160,
    theme: str = "light",
) -> Figure:
    """The regions of the plane that a classifier gives to each class, and the samples on top.

    Samples that it gets wrong have a dark ring. Where the classifier tells probabilities, the
    boundary is where the two largest are the same, else where its answer changes.

    Args:
        model: a model that ``fit`` has trained; or an object with a method ``predict`` and, if it
            has probabilities, ``predict_proba``, their columns in the order of the sorted labels;
            or a function that takes (n, 2) features and returns n class labels.
        X: (n_samples, 2) features.
        y: (n_samples,) labels.
        path: the file to write, if any: .svg, .png or .pdf.
        title: a headline.
        feature_names: what the two axes are called.
        class_names: what the classes are called, in the order of their sorted labels.
        resolution: the number of points, along each axis, at which the model is asked.
        theme: "light" or "dark".

    Raises:
        ShapeError: if ``X`` is not (n, 2), or ``y`` or the answers do not fit it.
        DataError: for NaN or inf in ``X``, or if the answers are numbers and ``y`` holds texts.
        UnknownNameError: for an unknown theme or ending.
        MissingDependencyError: without matplotlib.

    >>> def right_of_zero(X):
    ...     return (X[:, 0] > 0).astype(int)
    >>> figure = decision_boundary(right_of_zero, [[-1, 0], [1, 0]], [0, 1], resolution=20)
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['0', '1']
    """
    points, labels = _checked_samples(X, y)
    answer, probabilities_of = _answers_of(model)
    axis_points = [_ticks(column, resolution) for column in points.T]
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*axis_points)], axis=1)
    predicted = _predicted(answer, points, labels)
    regions = _predicted(answer, grid, labels).reshape(resolution, resolution)
    classes = np.unique(np.concatenate([labels, predicted, regions.ravel()]))
    names = [literal(name) for name in (classes if class_names is None else class_names)]
    if len(names) < len(classes):
        raise ShapeError(
            f"class_names has {len(names)} names for the {len(classes)} classes "
            f"{classes.tolist()}; give one name for each class"
        )
    probabilities = probabilities_of(grid) if probabilities_of is not None else None
    with style(theme) as look:
        figure = new_figure(6.4, 4.8)
        axes = figure.subplots()
        if probabilities is not None and probabilities.shape[1] == len(classes):
            by_class = probabilities.T.reshape(len(classes), resolution, resolution)
            _draw_smooth_regions(axes, look, axis_points, by_class)
        else:
            _draw_regions(axes, look, axis_points, np.searchsorted(classes, regions), len(classes))
        wrong = labels != predicted
        right: dict[str, Any] = {
            "s": 30,
            "edgecolor": look.background,
            "linewidth": 0.7,
            "zorder": 3,
        }
        ringed: dict[str, Any] = {"s": 46, "edgecolor": look.ink, "linewidth": 1.6, "zorder": 4}
        for index, label in enumerate(classes):
            marks = look.class_look(index)
            x1, x2 = points[labels == label].T
            wrong_x1, wrong_x2 = points[wrong & (labels == label)].T
            axes.scatter(x1, x2, label=names[index], **marks, **right)
            axes.scatter(wrong_x1, wrong_x2, **marks, **ringed)
        if wrong.any():
            axes.scatter([], [], facecolor="none", label=f"{wrong.sum()} wrong", **ringed)
        x_name, y_name = map(literal, feature_names)
        axes.set(xlabel=x_name, ylabel=y_name)
        axes.grid(visible=False)
        turn_long_ticks(axes)
        headline(figure, title)
        legend = axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), title="class")
        legend.set_alignment("left")
        save(figure, path)
    return figure


def confusion_table_plot(
    counts: ConfusionTable | ArrayLike,
    class_names: Sequence[str] | None = None,
    path: str | os.PathLike[str] | None = None,
    *,
    title: str = "",
    theme: str = "light",
) -> Figure:
    """A confusion table: how often each class was taken for which, right answers on the diagonal.

    Args:
        counts: what ``confusion_table`` returns; or (n_classes, n_classes) counts, a row for each
            true class, a column for each predicted one. The color is the share of the row.
        class_names: what the classes are called; unless given, as in the table, or 0, 1, ...
        path: the file to write, if any: .svg, .png or .pdf.
        title: a headline.
        theme: "light" or "dark".

    Raises:
        InvalidArgumentError: if ``class_names`` is one text.
        ShapeError: if the table is not square, or the names do not fit it.
        UnknownNameError: for an unknown theme or ending.
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
    names = [literal(shortened(name, LONGEST_NAME)) for name in class_names]
    longest = max(map(len, names), default=0)
    with style(theme) as look:
        from matplotlib.colors import LinearSegmentedColormap

        size = 2.4 + 0.55 * n_classes
        figure = new_figure(size + 0.6 + 0.07 * longest, size + 0.05 * longest)
        axes = figure.subplots()
        colors = LinearSegmentedColormap.from_list("share", [look.background, look.color(0)])
        axes.imshow(shares, cmap=colors, vmin=0.0, vmax=1.0)
        crowded = sum(map(len, names)) > 8 * n_classes + 8 or longest > 10
        turned: dict[str, Any] = (
            {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
        )
        axes.set_xticks(range(n_classes), names, **turned)
        axes.set_yticks(range(n_classes), names)
        axes.set(xlabel="predicted", ylabel="true")
        axes.grid(visible=False)
        between = np.arange(n_classes + 1) - 0.5
        axes.set_xticks(between, minor=True)
        axes.set_yticks(between, minor=True)
        axes.tick_params(which="minor", length=0)
        axes.grid(visible=True, which="minor", color=look.line, linewidth=0.6)
        axes.spines[:].set_visible(False)
        for (i, j), count in np.ndenumerate(table):
            color = look.background if shares[i, j] > 0.5 else look.ink
            axes.text(j, i, f"{count:g}", ha="center", va="center", color=color)
        headline(figure, title)
        save(figure, path)
    return figure


def health_curves(
    monitor: HealthMonitor,
    path: str | os.PathLike[str] | None = None,
    *,
    title: str = "",
    theme: str = "light",
) -> Figure:
    """The norms, the ratios update/weight and the dead units of each layer over the epochs.

    Args:
        monitor: a ``HealthMonitor`` that was among the callbacks of a training.
        path: the file to write, if any: .svg, .png or .pdf.
        title: a headline.
        theme: "light" or "dark".

    Raises:
        InvalidArgumentError: if the monitor has seen no training yet.
        UnknownNameError: for an unknown theme or ending.
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
    with style(theme) as look:
        from matplotlib.lines import Line2D

        figure = new_figure(3.0 * len(HEALTH), 3.5)
        for axes, (attribute, name) in zip(figure.subplots(1, len(HEALTH)), HEALTH.items()):
            axes.set(title=name, xlabel="epoch")
            _draw_health(axes, look, monitor, attribute)
        names = [literal(layer.name) for layer in monitor.reports[0].layers]
        lines = [Line2D([], [], color=look.color(i), marker=".") for i in range(len(names))]
        figure.legend(lines, names, loc="outside lower center", ncols=min(len(names), 6))
        headline(figure, title)
        save(figure, path)
    return figure


# The look of things


def _draw_curves(
    axes: Axes,
    look: PlotTheme,
    name: str,
    series: Mapping[str, NDArray[np.float64]],
    run: int,
    run_name: str,
) -> None:
    """The curves of one training: each in its color, or, among several, all in that of the run."""
    best = np.nanargmax if name == "accuracy" else np.nanargmin
    for index, (label, numbers) in enumerate(series.items()):
        epochs = np.arange(1, len(numbers) + 1)
        validation = label.startswith("validation")
        color = look.color(run if run_name else index)
        line_style = "--" if run_name and validation else "-"
        full_label = literal(f"{run_name}, {label}" if run_name else label)
        axes.plot(epochs, numbers, line_style, label=full_label, color=color)
        alone = _without_neighbors(numbers)
        axes.plot(epochs[alone], numbers[alone], ".", ms=8, color=color)
        if validation and np.isfinite(numbers).any():
            at = int(best(np.where(np.isfinite(numbers), numbers, np.nan)))
            marked = f"best: epoch {epochs[at]}"
            axes.plot(
                *(epochs[at], numbers[at], "o"),
                label=literal(f"{run_name}, {marked}" if run_name else marked),
                ms=7,
                color=color,
                mec=look.background,
                zorder=3,
            )


def _without_neighbors(numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which numbers a line does not reach: those that stand between nan or inf."""
    finite = np.concatenate([[False], np.isfinite(numbers), [False]])
    return np.asarray(finite[1:-1] & ~finite[:-2] & ~finite[2:])


def _finish_curves(axes: Axes, name: str) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    axes.set(xlabel="epoch", ylabel=name)
    last = max(np.size(line.get_xdata()) for line in axes.lines)
    ticks = MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]).tick_values(
        1, max(last, 2)
    )
    axes.set_xticks([tick for tick in ticks if 1 <= tick <= last])
    if name == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    named = [line for line in axes.lines if not str(line.get_label()).startswith("_")]
    if len(named) > 1:
        axes.legend()


def _draw_health(axes: Axes, look: PlotTheme, monitor: HealthMonitor, attribute: str) -> None:
    """One line for each layer; a logarithmic scale where all numbers allow it."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    shown: list[float] = []
    for place, layer in enumerate(monitor.reports[0].layers):
        numbers = [getattr(report.layers[place], attribute) for report in monitor.reports]
        points = [(e, x) for e, x in zip(monitor.epochs, numbers) if x is not None]
        shown += [x for _, x in points]
        if points:
            axes.plot(*zip(*points), ".-", label=literal(layer.name), color=look.color(place))
    if not shown:
        text = "no relu layers" if attribute == "dead_share" else "none"
        axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)
        axes.set(xticks=[], yticks=[], xlabel="")
    elif attribute == "dead_share":
        axes.set_ylim(-0.05, 1.05)
    elif min(shown) > 0.0:
        axes.set_yscale("log")


def _draw_regions(
    axes: Axes,
    look: PlotTheme,
    axis_points: list[NDArray[np.float64]],
    indices: NDArray[np.intp],
    n_classes: int,
) -> None:
    """From answers without probabilities: a color for each point that was asked for."""
    pale = np.array([look.pale(index) for index in range(n_classes)])
    xs, ys = axis_points
    extent = (xs[0], xs[-1], ys[0], ys[-1])
    axes.imshow(
        pale[indices], extent=extent, origin="lower", aspect="auto", interpolation="bilinear"
    )
    for index in np.unique(indices)[1:]:
        inside = _without_steps((indices == index).astype(float))
        axes.contour(xs, ys, inside, levels=[0.5], colors=[look.muted], linewidths=1.2)


def _draw_smooth_regions(
    axes: Axes,
    look: PlotTheme,
    axis_points: list[NDArray[np.float64]],
    probabilities: NDArray[np.float64],
) -> None:
    """From probabilities (n_classes, n, n): a class has the region in which it leads the others."""
    for index, probability in enumerate(probabilities):
        lead = probability - np.delete(probabilities, index, axis=0).max(axis=0, initial=0.0)
        axes.contourf(*axis_points, lead, levels=[0.0, 2.0], colors=[look.pale(index)])
        if lead.min() < 0.0 < lead.max():
            axes.contour(*axis_points, lead, levels=[0.0], colors=[look.muted], linewidths=1.2)


def _without_steps(inside: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each number averaged with its neighbors, so that a slanted boundary is no staircase."""
    for _ in range(2):
        padded = np.pad(inside, 1, mode="edge")
        rows = (padded[:-2] + 2.0 * padded[1:-1] + padded[2:]) / 4.0
        inside = (rows[:, :-2] + 2.0 * rows[:, 1:-1] + rows[:, 2:]) / 4.0
    return inside


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


def _checked_samples(X: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[Any]]:
    check_plain(X, "X")
    check_plain(y, "y")
    points, labels = np.asarray(X, float), _as_labels(y)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ShapeError(
            f"a decision boundary is drawn over two features: X must have the shape (n_samples, 2) "
            f"and at least one sample, got {points.shape}; choose two columns: X[:, [0, 1]]"
        )
    if labels.shape != (len(points),):
        raise ShapeError(
            f"y must have one label for each of the {len(points)} samples of X, "
            f"got the shape {labels.shape}"
        )
    for row, column in np.argwhere(~np.isfinite(points)):
        raise DataError(
            f"X[{row}, {column}] is {points[row, column]}; drop such samples: "
            "keep = np.isfinite(X).all(axis=1); decision_boundary(predict, X[keep], y[keep])"
        )
    return points, labels


def _answers_of(model: Classifier) -> tuple[Predict, Callable[[Points], Points] | None]:
    """What gives the labels, and what gives the probabilities, if something does."""
    if isinstance(model, Module):
        answers = partial(predict, model)
        try:
            predict_proba(model, np.zeros((1, 2)))
        except InvalidArgumentError:  # a loss without probabilities
            return answers, None
        return answers, partial(predict_proba, model)
    answer = getattr(model, "predict", None)
    if answer is None:
        return model, None
    return answer, getattr(model, "predict_proba", None)


def _predicted(
    predict: Callable[[NDArray[np.float64]], ArrayLike],
    points: NDArray[np.float64],
    labels: NDArray[Any],
) -> NDArray[Any]:
    predicted = _as_labels(predict(points))
    if predicted.shape != (len(points),):
        raise ShapeError(
            f"predict must return one class label for each of its {len(points)} samples, got the "
            f"shape {predicted.shape}; from probabilities take the class: p.argmax(axis=1)"
        )
    if (predicted.dtype.kind == "U") != (labels.dtype.kind == "U"):
        answered, given = predicted.tolist()[0], labels.tolist()[0]
        raise DataError(
            f"predict answers with labels such as {answered!r}, but y has labels such as "
            f"{given!r}; both must be numbers, or both texts; names go into class_names"
        )
    return predicted


def _as_labels(labels: ArrayLike) -> NDArray[Any]:
    array = np.asarray(labels)
    return np.asarray(array.tolist()) if array.dtype.kind == "O" else array


def _ticks(column: NDArray[np.float64], resolution: int) -> NDArray[np.float64]:
    """The points along one axis: the range of the samples and a margin around it."""
    low, high = float(column.min()), float(column.max())
    margin = 0.08 * (high - low) or 1.0
    return np.linspace(low - margin, high + margin, resolution)
