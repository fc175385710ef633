"""What a model has learned of one feature: a curve through its points."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp.data._arrays import check_plain
from tinygrad_mlp.errors import DataError, ShapeError
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.training._task import task_of
from viz._plots.asked import Answers, answers_of, predicted_labels
from viz._plots.boundary import MOST_AS_SHAPES, with_margin
from viz._plots.plot_style import Look, finished, literal, look_of, turn_long_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["fit_curve"]

Floats = NDArray[np.float64]

LINES: Final = ("-", "--", "-.", ":")
"""Of the curves of several classes, for who sees no colors."""

ROW: Final = 0.07
"""Between the samples of one class and of the next, below the curves of their probabilities."""


class _Samples(NamedTuple):
    """Some samples: what the model has learned from, or what was held out."""

    x: Floats
    y: NDArray[Any]
    name: str
    held_out: bool


def fit_curve(
    model: Any,
    X: ArrayLike,
    y: ArrayLike,
    path: str | os.PathLike[str] | None = None,
    *,
    validation_data: tuple[ArrayLike, ArrayLike] | None = None,
    title: str = "",
    feature_name: str = "x",
    target_name: str = "y",
    class_names: Sequence[str] | None = None,
    resolution: int = 400,
    theme: str = "light",
    style: str = "page",
) -> Figure:
    """A model of one feature as a curve, and the samples it was fitted to.

    Of a regression the curve is the answer. Of a classification it is the probability of the second
    class, with the samples of both at 0 and 1; of more classes there is a curve for each, with the
    samples below. A classifier without probabilities has steps, 1 where a class is its answer.

    Args:
        model: a model that ``fit`` has trained; or an object with a method ``predict`` and, if it
            has probabilities, ``predict_proba``, their columns in the order of the sorted labels;
            or a function that takes (n, 1) features and returns n answers.
        X: (n_samples,) or (n_samples, 1) features.
        y: (n_samples,) values or labels.
        path: the file to write, if any: .svg, .png or .pdf.
        validation_data: (X, y) of samples that were held out, which are drawn hollow.
        title: a headline.
        feature_name: what the horizontal axis is called.
        target_name: what the vertical axis of a regression is called.
        class_names: what the classes are called, in the order of their sorted labels.
        resolution: the number of points at which the model is asked.
        theme: "light" or "dark".
        style: "page" or "slide": 1280 x 720, letters of 18 points.

    Raises:
        ShapeError: if there is more than one feature, or ``y`` or the answers do not fit.
        DataError: for NaN or inf in ``X``, or if the answers are numbers and ``y`` holds texts.
        UnknownNameError: for an unknown theme, style or ending.
        MissingDependencyError: without matplotlib.

    >>> figure = fit_curve(lambda x: 2.0 * x[:, 0], [0.0, 1.0, 2.0], [0.1, 1.9, 4.1])
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['model', 'samples']
    """
    held_out = validation_data is not None
    samples = [_Samples(*_checked(X, y, ""), "training" if held_out else "samples", False)]
    if validation_data is not None:
        samples.append(_Samples(*_checked(*validation_data, "validation "), "held out", True))
    answers = answers_of(model, n_features=1)
    everywhere = with_margin(np.concatenate([part.x for part in samples]), resolution)
    with look_of(theme, style) as look:
        figure = look.figure(6.0, 3.9)
        axes = figure.subplots()
        axes.set_axisbelow(True)
        if _is_classification(model, answers, samples[0].y):
            _draw_probabilities(axes, look, answers, everywhere, samples, class_names)
        else:
            _draw_values(axes, look, answers, everywhere, samples)
            axes.set_ylabel(literal(target_name))
        axes.set_xlabel(literal(feature_name))
        axes.set_xlim(everywhere[0], everywhere[-1])
        turn_long_ticks(axes)
        return finished(figure, look, title, path)


def _draw_values(
    axes: Axes, look: Look, answers: Answers, everywhere: Floats, samples: list[_Samples]
) -> None:
    """The curve of a regression over its points."""
    values = np.asarray(answers.labels(everywhere[:, None]), float)
    if values.shape not in {(len(everywhere),), (len(everywhere), 1)}:
        raise ShapeError(
            f"the model must return one value for each of its {len(everywhere)} samples, got the "
            f"shape {values.shape}; draw one of several outputs: "
            "fit_curve(lambda x: predict(model, x)[:, 0], X, y[:, 0])"
        )
    axes.plot(everywhere, values.ravel(), color=look.color(0), label="model", zorder=4)
    for place, part in enumerate(samples, start=1):
        marks = {"s": 34 * look.scale**2, "label": part.name, "zorder": 3}
        _scatter(axes, look, part, part.y.astype(float), place, marks)
    axes.legend()


def _draw_probabilities(
    axes: Axes,
    look: Look,
    answers: Answers,
    everywhere: Floats,
    samples: list[_Samples],
    class_names: Sequence[str] | None,
) -> None:
    """The curve of the second of two classes, or of each of several."""
    answered = predicted_labels(answers.labels, everywhere[:, None], samples[0].y)
    classes = np.unique(np.concatenate([answered, *(part.y for part in samples)]))
    names = [literal(name) for name in (classes if class_names is None else class_names)]
    if len(names) < len(classes):
        raise ShapeError(
            f"class_names has {len(names)} names for the {len(classes)} classes "
            f"{classes.tolist()}; give one name for each class"
        )
    curves = (answered[:, None] == classes).astype(float)
    label = "answer"
    if answers.probabilities is not None:
        probabilities = np.asarray(answers.probabilities(everywhere[:, None]), float)
        if probabilities.shape == curves.shape:
            curves, label = probabilities, "probability"
    two = len(classes) == 2
    for index in [1] if two else range(len(classes)):
        line = "-" if two else LINES[index % len(LINES)]
        axes.plot(everywhere, curves[:, index], line, color=look.color(index), zorder=4)
    for part in samples:
        for index, name in enumerate(classes):
            chosen = part._replace(x=part.x[part.y == name], y=part.y[part.y == name])
            height = float(index) if two else -ROW * (index + 1)
            shown = names[index] + (", held out" if part.held_out else "")
            marks = {"s": 34 * look.scale**2, "label": shown, "zorder": 5, "clip_on": False}
            if len(chosen.x):
                heights = np.full(len(chosen.x), height)
                _scatter(axes, look, chosen, heights, index, marks)
    if two:
        axes.axhline(0.5, ls="--", lw=look.points(1.2), color=look.muted, zorder=2)
        label = f"{label}: {names[1]}" if label == "answer" else f"{label} of {names[1]}"
    axes.set_ylim(-0.05 if two else -ROW * (len(classes) + 1), 1.05)
    axes.set_yticks([0.0, 0.25, 0.5, 0.75, 1.0])
    axes.set_ylabel(label)
    legend = axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), title="class")
    legend.set_alignment("left")


def _scatter(
    axes: Axes, look: Look, part: _Samples, heights: Floats, place: int, marks: dict[str, Any]
) -> None:
    """A mark for each sample: full, or hollow where it was held out."""
    colors = look.class_look(place)
    color = colors.pop("color")
    if part.held_out:
        colors |= {"facecolor": look.background, "edgecolor": color, "linewidth": look.points(1.4)}
    else:
        colors |= {
            "facecolor": color,
            "edgecolor": look.background,
            "linewidth": look.points(0.7),
        }
    axes.scatter(part.x, heights, **colors, **marks, rasterized=len(part.x) > MOST_AS_SHAPES)


def _is_classification(model: Any, answers: Answers, y: NDArray[Any]) -> bool:
    """Whether the answers are classes, which texts are, and numbers may be."""
    if isinstance(model, Module):
        task = task_of(model)
        return task is not None and task.kind == "classification"
    return answers.probabilities is not None or hasattr(model, "classes_") or y.dtype.kind in "US"


def _checked(X: ArrayLike, y: ArrayLike, which: str) -> tuple[Floats, NDArray[Any]]:
    """The one feature of each sample, and its target."""
    check_plain(X, f"{which}X")
    check_plain(y, f"{which}y")
    features, targets = np.asarray(X, float), np.asarray(y)
    if features.ndim == 2 and features.shape[1] == 1:
        features = features[:, 0]
    if features.ndim != 1 or not len(features):
        raise ShapeError(
            f"a curve is drawn over one feature: {which}X must have the shape (n_samples,) or "
            f"(n_samples, 1) and at least one sample, got {features.shape}; over two features: "
            "decision_boundary(model, X, y)"
        )
    if targets.shape == (len(features), 1):
        targets = targets[:, 0]
    if targets.shape != features.shape:
        raise ShapeError(
            f"{which}y must have one value for each of the {len(features)} samples of {which}X, "
            f"got the shape {targets.shape}"
        )
    for row in np.flatnonzero(~np.isfinite(features)):
        raise DataError(
            f"{which}X[{row}] is {features[row]}; drop such samples: keep = np.isfinite(X); "
            "fit_curve(model, X[keep], y[keep])"
        )
    return features, np.asarray(targets.tolist()) if targets.dtype.kind == "O" else targets
