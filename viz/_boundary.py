"""The decision boundary of a classifier: which class it gives to each point of a plane."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp.data._arrays import check_plain
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.training import predict, predict_proba
from viz._plot_style import PlotTheme, finished, literal, new_figure, style, turn_long_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["decision_boundary"]

Points = NDArray[np.float64]
Predict = Callable[[Points], ArrayLike]
Classifier = Any
"""A model, an object with ``predict``, or a function that gives labels."""


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
        legend = axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), title="class")
        legend.set_alignment("left")
        return finished(figure, title, path)


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
