"""Plots of a training: its curves, the decision boundary of a classifier, its confusion table.

What is inside a model (activations, gradients, weights) is drawn by ``layer_plots``.

They stand on matplotlib, an optional package, and on ``plot_style`` for how they look. Each of them
returns the figure, to be changed or shown, and writes it into a file if it is given a path.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp.errors import DataError, ShapeError
from viz.layer_plots import activation_histograms, gradient_histograms, weight_images
from viz.plot_style import INK, MUTED, PALETTE, class_look, literal, new_figure, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tinygrad_mlp.training.history import History

__all__ = [
    "activation_histograms",
    "confusion_table_plot",
    "decision_boundary",
    "gradient_histograms",
    "loss_curve",
    "weight_images",
]

RIGHT: Final[dict[str, Any]] = {"s": 30, "edgecolor": "white", "linewidth": 0.7}
WRONG: Final[dict[str, Any]] = {"s": 46, "edgecolor": INK, "linewidth": 1.6}


def loss_curve(
    history: History | Mapping[str, Any],
    path: str | os.PathLike[str] | None = None,
    *,
    title: str = "",
    log_scale: bool | None = None,
) -> Figure:
    """The loss of every epoch and, beside it, the accuracy, if the history has it.

    The lowest validation loss and the highest validation accuracy are marked.

    Args:
        history: what ``fit`` returns, or a mapping with any of the lists "loss", "validation_loss",
            "accuracy", "validation_accuracy"; accuracies lie between 0 and 1.
        path: the file to write, if any: .svg, .png or .pdf.
        title: a headline.
        log_scale: whether the loss has a logarithmic axis; unless given, it has where the losses
            are positive and span more than a factor of 30.

    Raises:
        DataError: if there is no loss.
        MissingDependencyError: without matplotlib.

    >>> figure = loss_curve({"loss": [0.9, 0.5, 0.3], "accuracy": [0.5, 0.8, 0.9]})
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['loss', 'accuracy']
    """
    columns = history if isinstance(history, Mapping) else history.to_dict()
    names = [name for name in ("loss", "accuracy") if _series(columns, name)]
    if "loss" not in names:
        raise DataError(
            "the history has no loss to draw: its lists 'loss' and 'validation_loss' are missing "
            "or empty; train first: history = fit(model, X, y); loss_curve(history)"
        )
    with style():
        figure = new_figure(5.2 * len(names) + 0.8, 3.7)
        for axes, name in zip(np.ravel(figure.subplots(1, len(names))), names):
            _draw_curves(axes, name, _series(columns, name))
        loss_axes = figure.axes[0]
        losses = np.concatenate(list(_series(columns, "loss").values()))
        if _spans_magnitudes(losses) if log_scale is None else log_scale:
            loss_axes.set_yscale("log")
        figure.suptitle(literal(title), fontweight="bold")
        save(figure, path)
    return figure


def decision_boundary(
    predict: Callable[[NDArray[np.float64]], ArrayLike],
    X: ArrayLike,
    y: ArrayLike,
    path: str | os.PathLike[str] | None = None,
    *,
    title: str = "",
    feature_names: Sequence[str] = ("x1", "x2"),
    class_names: Sequence[str] | None = None,
    resolution: int = 160,
) -> Figure:
    """The regions of the plane that a classifier gives to each class, and the samples on top.

    Samples that it gets wrong have a dark ring.

    Args:
        predict: takes (n, 2) features and returns n class labels.
        X: (n_samples, 2) features.
        y: (n_samples,) labels.
        path: the file to write, if any: .svg, .png or .pdf.
        title: a headline.
        feature_names: what the two axes are called.
        class_names: what the classes are called, in the order of their sorted labels.
        resolution: the number of points, along each axis, at which ``predict`` is asked.

    Raises:
        ShapeError: if ``X`` is not (n, 2), or ``y`` or what ``predict`` returns does not fit it.
        DataError: for NaN or inf in ``X``, or if ``predict`` answers with numbers and ``y`` holds
            texts.
        MissingDependencyError: without matplotlib.

    >>> def right_of_zero(X):
    ...     return (X[:, 0] > 0).astype(int)
    >>> figure = decision_boundary(right_of_zero, [[-1, 0], [1, 0]], [0, 1], resolution=20)
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['0', '1']
    """
    points, labels = _checked_samples(X, y)
    axis_points = [_ticks(column, resolution) for column in points.T]
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*axis_points)], axis=1)
    predicted = _predicted(predict, points, labels)
    regions = _predicted(predict, grid, labels).reshape(resolution, resolution)
    classes = np.unique(np.concatenate([labels, predicted, regions.ravel()]))
    names = [literal(name) for name in (classes if class_names is None else class_names)]
    if len(names) < len(classes):
        raise ShapeError(
            f"class_names has {len(names)} names for the {len(classes)} classes "
            f"{classes.tolist()}; give one name for each class"
        )
    with style():
        figure = new_figure(6.4, 4.8)
        axes = figure.subplots()
        _draw_regions(axes, axis_points, np.searchsorted(classes, regions), len(classes))
        wrong = labels != predicted
        for index, label in enumerate(classes):
            _scatter(axes, points[labels == label], index, RIGHT, names[index])
            _scatter(axes, points[wrong & (labels == label)], index, WRONG)
        if wrong.any():
            axes.scatter([], [], facecolor="none", label=f"{wrong.sum()} wrong", **WRONG)
        x_name, y_name = map(literal, feature_names)
        axes.set(title=literal(title), xlabel=x_name, ylabel=y_name)
        axes.grid(visible=False)
        legend = axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), title="class")
        legend.set_alignment("left")
        save(figure, path)
    return figure


def confusion_table_plot(
    counts: ArrayLike,
    class_names: Sequence[str],
    path: str | os.PathLike[str] | None = None,
    *,
    title: str = "",
) -> Figure:
    """A confusion table: how often each class was taken for which, right answers on the diagonal.

    Args:
        counts: (n_classes, n_classes) counts; a row for each true class, a column for each
            predicted one. The colour is the share of the row.
        class_names: what the classes are called.
        path: the file to write, if any: .svg, .png or .pdf.
        title: a headline.

    Raises:
        ShapeError: if the table is not square, or the names do not fit it.
        MissingDependencyError: without matplotlib.

    >>> figure = confusion_table_plot([[9, 1], [0, 10]], ["cat", "dog"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['9', '1', '0', '10']
    """
    table = np.asarray(counts)
    if table.ndim != 2 or table.shape != (len(class_names), len(class_names)):
        raise ShapeError(
            f"a confusion table of {len(class_names)} classes has the shape "
            f"({len(class_names)}, {len(class_names)}), got {table.shape}"
        )
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    with style():
        size = 2.4 + 0.55 * len(class_names)
        figure = new_figure(size + 0.6, size)
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
        ticks = range(len(class_names))
        names = [literal(name) for name in class_names]
        crowded = sum(map(len, names)) > 8 * len(names) + 8
        axes.set_xticks(ticks, names, rotation=30 if crowded else 0)
        axes.set_yticks(ticks, names)
        axes.set(title=literal(title), xlabel="predicted", ylabel="true")
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        for (i, j), count in np.ndenumerate(table):
            color = "white" if shares[i, j] > 0.5 else INK
            axes.text(j, i, f"{count:g}", ha="center", va="center", color=color)
        save(figure, path)
    return figure


# The look of things


def _draw_curves(axes: Axes, name: str, series: Mapping[str, NDArray[np.float64]]) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    best = np.nanargmax if name == "accuracy" else np.nanargmin
    for index, (label, numbers) in enumerate(series.items()):
        epochs = np.arange(1, len(numbers) + 1)
        marker = "o" if len(numbers) == 1 else ""
        axes.plot(epochs, numbers, color=PALETTE[index], label=label, marker=marker)
        if label == "validation" and np.isfinite(numbers).any():
            at = int(best(numbers))
            axes.plot(
                epochs[at], numbers[at], "o", ms=7, color=PALETTE[index], mec="white", zorder=3
            )
    axes.set(xlabel="epoch", ylabel=name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if name == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    if len(series) > 1:
        axes.legend()


def _draw_regions(
    axes: Axes, axis_points: list[NDArray[np.float64]], indices: NDArray[np.intp], n_classes: int
) -> None:
    from matplotlib.colors import to_rgb

    colors = np.array([to_rgb(PALETTE[index % len(PALETTE)]) for index in range(n_classes)])
    pale = 1.0 - 0.22 * (1.0 - colors)
    xs, ys = axis_points
    extent = (xs[0], xs[-1], ys[0], ys[-1])
    axes.imshow(
        pale[indices], extent=extent, origin="lower", aspect="auto", interpolation="bilinear"
    )
    for index in np.unique(indices)[1:]:
        inside = _without_steps((indices == index).astype(float))
        axes.contour(xs, ys, inside, levels=[0.5], colors=[MUTED], linewidths=1.2)


def _scatter(
    axes: Axes, points: NDArray[np.float64], index: int, look: dict[str, Any], label: str = ""
) -> None:
    zorder = 4 if look is WRONG else 3
    x1, x2 = points.T
    axes.scatter(x1, x2, label=label, zorder=zorder, **class_look(index), **look)


def _without_steps(inside: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each number averaged with its neighbours, so that a slanted boundary is no staircase."""
    for _ in range(2):
        padded = np.pad(inside, 1, mode="edge")
        rows = (padded[:-2] + 2.0 * padded[1:-1] + padded[2:]) / 4.0
        inside = (rows[:, :-2] + 2.0 * rows[:, 1:-1] + rows[:, 2:]) / 4.0
    return inside


# The numbers to draw


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
        raise DataError(
            f"predict answers with labels such as {predicted[0]!r}, but y has labels such as "
            f"{labels[0]!r}; both must be numbers, or both texts; names go into class_names"
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
