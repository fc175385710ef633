"""The decision boundary of a classifier: which class it gives to each point of a plane."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp.data._arrays import check_plain
from tinygrad_mlp.errors import DataError, ShapeError
from viz._plots.asked import Points, answers_of, as_labels, predicted_labels
from viz._plots.plot_style import Look, finished, literal, look_of, turn_long_ticks
from viz._style.markup import shortened
from viz._style.themes import mixed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["MOST_AS_SHAPES", "decision_boundary", "with_margin"]

LONGEST_SIDE: Final = 4.4
SHORTEST_SIDE: Final = 2.6
"""Of the plane, in inches."""

ALIKE: Final = 2.0
"""Up to this ratio of their ranges, two features are taken to be of one unit."""

BANDS: Final = 10
"""The steps of a probability between 0 and 1 that have a shade each."""
PALEST, FULLEST = 0.1, 0.46
"""The share of the color at a probability of 0 and of 1."""

BOUNDARY: Final = 1.6
"""The width of the line between two classes."""

MOST_IN_A_COLUMN: Final = 8
"""The classes that stand below one another in the legend."""
LONGEST_NAME: Final = 16
"""Of a class beside the shades of its probability."""

MOST_AS_SHAPES: Final = 3000
"""Beyond so many samples, their marks are pixels within an SVG, which would else be huge."""


def decision_boundary(
    model: Any,
    X: ArrayLike,
    y: ArrayLike,
    path: str | os.PathLike[str] | None = None,
    *,
    title: str = "",
    feature_names: Sequence[str] = ("x1", "x2"),
    class_names: Sequence[str] | None = None,
    resolution: int = 160,
    equal_axes: bool | None = None,
    theme: str = "light",
    style: str = "page",
) -> Figure:
    """The regions of the plane that a classifier gives to each class, and the samples on top.

    Samples that it gets wrong have a dark ring. Where the classifier tells probabilities, a region
    is the darker the more probable its class is there, and the boundary is where the two largest
    are the same (0.5 of two classes); else it is where the answer changes.

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
        equal_axes: whether one unit is as long on both axes; unless given, it is where the ranges
            of the two features differ by less than a factor of 2, as they do where both are of one
            kind.
        theme: "light" or "dark".
        style: "page" or "slide": 1280 x 720, letters of 18 points.

    Raises:
        ShapeError: if ``X`` is not (n, 2), or ``y`` or the answers do not fit it.
        DataError: for NaN or inf in ``X``, or if the answers are numbers and ``y`` holds texts.
        UnknownNameError: for an unknown theme, style or ending.
        MissingDependencyError: without matplotlib.

    >>> def right_of_zero(X):
    ...     return (X[:, 0] > 0).astype(int)
    >>> figure = decision_boundary(right_of_zero, [[-1, 0], [1, 0]], [0, 1], resolution=20)
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['0', '1']
    """
    points, labels = _checked_samples(X, y)
    answer, probabilities_of = answers_of(model)
    axis_points = [with_margin(column, resolution) for column in points.T]
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*axis_points)], axis=1)
    predicted = predicted_labels(answer, points, labels)
    regions = predicted_labels(answer, grid, labels).reshape(resolution, resolution)
    classes = np.unique(np.concatenate([labels, predicted, regions.ravel()]))
    names = [literal(name) for name in (classes if class_names is None else class_names)]
    if len(names) < len(classes):
        raise ShapeError(
            f"class_names has {len(names)} names for the {len(classes)} classes "
            f"{classes.tolist()}; give one name for each class"
        )
    probabilities = probabilities_of(grid) if probabilities_of is not None else None
    ranges = [ticks[-1] - ticks[0] for ticks in axis_points]
    equal = max(ranges) <= ALIKE * min(ranges) if equal_axes is None else equal_axes
    with look_of(theme, style) as look:
        width, height = _sides(*ranges) if equal else (LONGEST_SIDE, 0.85 * LONGEST_SIDE)
        figure = look.figure(width + 2.2, height + (1.1 if title else 0.8))
        axes = figure.subplots()
        if equal:
            axes.set_aspect("equal")
        below_legend = 0.9 - 0.07 * min(len(classes) + 2, MOST_IN_A_COLUMN + 1)
        if probabilities is not None and probabilities.shape[1] == len(classes):
            by_class = probabilities.T.reshape(len(classes), resolution, resolution)
            _draw_smooth_regions(axes, look, axis_points, by_class)
            _draw_scale(axes, look, names, below_legend)
        else:
            _draw_regions(axes, look, axis_points, np.searchsorted(classes, regions), len(classes))
        _draw_samples(axes, look, points, labels, predicted, classes, names)
        x_name, y_name = map(literal, feature_names)
        axes.set(xlabel=x_name, ylabel=y_name)
        axes.grid(visible=False)
        turn_long_ticks(axes)
        legend = axes.legend(
            loc="upper left",
            bbox_to_anchor=(1.0, 1.0),
            title="class",
            ncols=1 + len(classes) // MOST_IN_A_COLUMN,
        )
        legend.set_alignment("left")
        return finished(figure, look, title, path)


def _sides(x_range: float, y_range: float) -> tuple[float, float]:
    """Width and height of a plane with one scale: as large as fits."""
    scale = LONGEST_SIDE / max(x_range, y_range)
    return max(SHORTEST_SIDE, scale * x_range), max(SHORTEST_SIDE, scale * y_range)


def _draw_samples(
    axes: Axes,
    look: Look,
    points: Points,
    labels: NDArray[Any],
    predicted: NDArray[Any],
    classes: NDArray[Any],
    names: list[str],
) -> None:
    """A mark for each sample, by its class; a ring where the answer is wrong."""
    wrong = labels != predicted
    shared: dict[str, Any] = {"rasterized": len(points) > MOST_AS_SHAPES}
    size = look.scale**2  # of an area
    right: dict[str, Any] = {
        **shared,
        "s": 30 * size,
        "edgecolor": look.background,
        "linewidth": look.points(0.7),
        "zorder": 3,
    }
    ringed: dict[str, Any] = {
        **shared,
        "s": 46 * size,
        "edgecolor": look.ink,
        "linewidth": look.points(1.6),
        "zorder": 4,
    }
    for index, label in enumerate(classes):
        marks = look.class_look(index)
        x1, x2 = points[labels == label].T
        wrong_x1, wrong_x2 = points[wrong & (labels == label)].T
        axes.scatter(x1, x2, label=names[index], **marks, **right)
        axes.scatter(wrong_x1, wrong_x2, **marks, **ringed)
    if wrong.any():
        axes.scatter([], [], facecolor="none", label=f"{wrong.sum()} wrong", **ringed)


def _draw_regions(
    axes: Axes,
    look: Look,
    axis_points: list[NDArray[np.float64]],
    indices: NDArray[np.intp],
    n_classes: int,
) -> None:
    """From answers without probabilities: classes over one another, each with those after it."""
    for index in range(n_classes):
        inside = _without_steps((indices >= index).astype(float))
        if inside.max() > 0.5:
            axes.contourf(*axis_points, inside, levels=[0.5, 2.0], colors=[look.pale(index)])
    for index in np.unique(indices)[1:]:
        inside = _without_steps((indices == index).astype(float))
        axes.contour(
            *axis_points, inside, levels=[0.5], colors=[look.ink], linewidths=look.points(BOUNDARY)
        )


def _draw_smooth_regions(
    axes: Axes,
    look: Look,
    axis_points: list[NDArray[np.float64]],
    probabilities: NDArray[np.float64],
) -> None:
    """From probabilities (n_classes, n, n): a class has the region in which it leads the others.

    Each band is drawn over the paler one that contains it, so that no seam is between them.
    """
    for index, probability in enumerate(probabilities):
        lead = probability - np.delete(probabilities, index, axis=0).max(axis=0, initial=0.0)
        where_it_leads = probability[lead >= 0.0]
        if not where_it_leads.size:
            continue
        first, last = int(BANDS * where_it_leads.min()), int(BANDS * where_it_leads.max())
        for band in range(min(first, BANDS - 1), min(last, BANDS - 1) + 1):
            inside = np.minimum(lead, probability - band / BANDS)
            color = look.pale(index, _shade(band))
            axes.contourf(*axis_points, inside, levels=[0.0, 2.0], colors=[color])
        if lead.min() < 0.0 < lead.max():
            axes.contour(
                *axis_points,
                lead,
                levels=[0.0],
                colors=[look.ink],
                linewidths=look.points(BOUNDARY),
            )


def _shade(band: int) -> float:
    """The share of the color in the band of probabilities with that number."""
    return PALEST + (FULLEST - PALEST) * (band + 0.5) / BANDS


def _draw_scale(axes: Axes, look: Look, names: list[str], height: float) -> None:
    """What the shades mean, beside the plane: of two classes both, of more the one that leads."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap

    bands = range(BANDS)
    two = len(names) == 2
    if two:
        colors = [look.pale(int(b >= BANDS / 2), _shade(max(b, BANDS - 1 - b))) for b in bands]
    else:
        colors = [mixed(look.muted, look.background, _shade(b)) for b in bands]
    edges = np.arange(BANDS + 1) / BANDS
    shades = ScalarMappable(BoundaryNorm(edges, BANDS), ListedColormap(colors))
    place = axes.inset_axes((1.04, 0.0, 0.045, max(height, 0.3)))
    bar = axes.figure.colorbar(shades, cax=place, ticks=[0.0, 0.5, 1.0])
    of_what = f"“{shortened(names[1], LONGEST_NAME)}”" if two else "the class"
    bar.set_label(f"probability of {of_what}", fontsize=look.letters(9.5))
    bar.ax.set_yticks([0.0, 0.5, 1.0], ["0", "0.5", "1"])
    bar.outline.set(edgecolor=look.line, linewidth=look.points(0.6))
    if two:
        bar.ax.axhline(0.5, color=look.ink, linewidth=look.points(BOUNDARY))


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
    points, labels = np.asarray(X, float), as_labels(y)
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


def with_margin(column: NDArray[np.float64], resolution: int) -> NDArray[np.float64]:
    """The points along one axis: the range of the samples and a margin around it.

    >>> with_margin(np.array([0.0, 50.0]), 3).tolist()
    [-4.0, 25.0, 54.0]
    """
    low, high = float(column.min()), float(column.max())
    margin = 0.08 * (high - low) or 1.0
    return np.linspace(low - margin, high + margin, resolution)
