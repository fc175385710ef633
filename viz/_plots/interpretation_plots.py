"""Plots of why a model says what it says: pictures for samples that are images, bars for tables."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._text import described
from tinygrad_mlp.data._validation import check_features
from tinygrad_mlp.errors import InvalidArgumentError, ShapeError
from viz._plots.plot_style import finished, literal, look_of
from viz._plots.signed_pictures import (
    LONGEST_NAME,
    MOST_BARS,
    draw_bars,
    draw_picture,
    draw_signed,
    largest,
    number,
    pictures,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tinygrad_mlp.interpret import (
        FeatureVisualization,
        IntegratedGradients,
        NearestSamples,
        ShapleyValues,
    )

__all__ = [
    "activation_map",
    "attribution_plot",
    "feature_visualization_plot",
    "nearest_samples_plot",
]

Floats: TypeAlias = NDArray[np.float64]
Path: TypeAlias = str | os.PathLike[str] | None
ImageShape: TypeAlias = tuple[int, int] | None

PANELS_IN_A_ROW: Final = 3


def attribution_plot(
    attributions: ArrayLike | IntegratedGradients | ShapleyValues,
    X: ArrayLike | None = None,
    path: Path = None,
    *,
    title: str = "",
    image_shape: ImageShape = None,
    feature_names: Sequence[str] | None = None,
    sample_names: Sequence[str] | None = None,
    theme: str = "light",
) -> Figure:
    """What each feature contributes: blue for the score, orange against it, for a few samples.

    Bars for the features of a table, the twelve largest of each sample and the sum of the others;
    of images a picture of the same shape, below that of the sample.

    Args:
        attributions: what ``saliency``, ``gradient_times_input``, ``integrated_gradients`` or
            ``shapley_values`` returned, of the samples to show.
        X: the samples, (n_samples, n_features): shown as pictures, or as numbers beside the names.
        path: the file to write, if any: .svg, .png or .pdf.
        title: a headline.
        image_shape: (height, width) of the images; None for a table.
        feature_names: what the features are called.
        sample_names: what the samples are called, such as their classes.
        theme: "light" or "dark".

    Raises:
        ShapeError: if names, ``X`` or the image do not fit the attributions.
        UnknownNameError: for an unknown theme or ending.
        MissingDependencyError: without matplotlib.

    >>> figure = attribution_plot([[2.0, -1.0]], feature_names=["length", "width"])
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['length', 'width']
    """
    numbers, notes = _read(attributions)
    table = check_features(numbers, name="attributions")
    samples = None if X is None else _same_shape(X, table, "X")
    names = _names(sample_names, len(table), "sample_names", "sample")
    if image_shape is not None:
        _check_image(image_shape, table.shape[1])
        rows = [] if samples is None else [(samples, False)]
        return pictures([*rows, (table, True)], names, image_shape, title, theme, path)
    features = _names(feature_names, table.shape[1], "feature_names", "feature")
    columns = min(len(table), PANELS_IN_A_ROW)
    n_rows = ceil(len(table) / columns)
    n_bars = min(table.shape[1], MOST_BARS + 1)
    longest = max([len(name) for name in features]) + (8 if samples is not None else 0)
    with look_of(theme) as look:
        width, height = 2.9 + 0.07 * min(longest, LONGEST_NAME + 8), 1.3 + 0.27 * n_bars
        figure = look.figure(width * columns, height * n_rows + (0.4 if title else 0.0))
        panels = figure.subplots(n_rows, columns, squeeze=False).ravel()
        for k, (axes, row) in enumerate(zip(panels, table)):
            values = None if samples is None else samples[k]
            draw_bars(axes, look, row, features, values)
            axes.set_title(literal(f"{names[k]}{notes[k] if notes else ''}"), fontsize=10)
        for axes in panels[len(table) :]:
            axes.set_visible(False)
        return finished(figure, look, title, path)


def feature_visualization_plot(
    found: FeatureVisualization | Mapping[str, FeatureVisualization],
    path: Path = None,
    *,
    title: str = "",
    image_shape: ImageShape = None,
    feature_names: Sequence[str] | None = None,
    theme: str = "light",
) -> Figure:
    """The inputs that excite some units most: pictures, or bars for the features of a table.

    Args:
        found: what ``feature_visualization`` returned, or several of them by name.
        path: the file to write, if any: .svg, .png or .pdf.
        title: a headline.
        image_shape: (height, width) of the images; None for a table.
        feature_names: what the features are called.
        theme: "light" or "dark".

    Raises:
        InvalidArgumentError: if there is nothing to draw.
        ShapeError: if names or the image do not fit the inputs.
        UnknownNameError: for an unknown theme or ending.
        MissingDependencyError: without matplotlib.

    >>> from tinygrad_mlp.interpret import feature_visualization
    >>> best = feature_visualization(lambda x: x[0] - x[1], n_inputs=4, rng=0)
    >>> len(feature_visualization_plot({"a": best, "b": best}, image_shape=(2, 2)).axes)
    3
    """
    several = dict(found) if isinstance(found, Mapping) else {"": found}
    if not several:
        raise InvalidArgumentError(
            "there is nothing to draw; give what feature_visualization(model, target) returned"
        )
    table = np.stack([each.input for each in several.values()])
    names = [f"{name}: {number(each.score)}".removeprefix(": ") for name, each in several.items()]
    if image_shape is None:
        return attribution_plot(
            table,
            path=path,
            title=title,
            feature_names=feature_names,
            sample_names=names,
            theme=theme,
        )
    _check_image(image_shape, table.shape[1])
    is_signed = bool((table < 0.0).any())  # else they are pictures as the samples are
    return pictures([(table, is_signed)], names, image_shape, title, theme, path, label="input")


def nearest_samples_plot(
    found: NearestSamples,
    X: ArrayLike,
    among: ArrayLike,
    path: Path = None,
    *,
    title: str = "",
    image_shape: ImageShape = None,
    feature_names: Sequence[str] | None = None,
    sample_names: Sequence[str] | None = None,
    names_among: Sequence[Any] | None = None,
    theme: str = "light",
) -> Figure:
    """Samples, and beside each those that a hidden layer sees alike, with their distances.

    Of images it shows pictures, the sample first; of a table a line over the features, the sample's
    the thick one.

    Args:
        found: what ``nearest_samples`` returned.
        X: the samples that were asked about, (n_samples, n_features).
        among: the samples that were chosen from, (n_others, n_features).
        path: the file to write, if any: .svg, .png or .pdf.
        title: a headline.
        image_shape: (height, width) of the images; None for a table.
        feature_names: what the features are called.
        sample_names: what the samples of ``X`` are called.
        names_among: what those to choose from are called, such as their classes; unless given,
            their rows.
        theme: "light" or "dark".

    Raises:
        ShapeError: if the samples, the names or the image do not fit.
        UnknownNameError: for an unknown theme or ending.
        MissingDependencyError: without matplotlib.

    >>> from tinygrad_mlp.interpret import nearest_samples
    >>> from tinygrad_mlp.nn import MLP
    >>> X = np.arange(12.0).reshape(3, 4)
    >>> found = nearest_samples(MLP(4, [3, 1], rng=0), X[:1], X, n_neighbors=2)
    >>> len(nearest_samples_plot(found, X[:1], X, image_shape=(2, 2)).axes)
    3
    """
    samples, others = check_features(X), check_features(among, name="among")
    n_samples = len(found.indices)
    if len(samples) != n_samples or found.indices.max() >= len(others):
        raise ShapeError(
            f"the nearest samples are of {n_samples} samples among at least "
            f"{found.indices.max() + 1}, but X has {len(samples)} and among {len(others)}; give "
            "the arrays that nearest_samples was given"
        )
    names = _names(sample_names, n_samples, "sample_names", "sample")
    known = _names(names_among, len(others), "names_among", "row")
    if image_shape is not None:
        _check_image(image_shape, samples.shape[1])
        return _neighbor_pictures(
            found, samples, others, names, known, image_shape, title, theme, path
        )
    features = _names(feature_names, samples.shape[1], "feature_names", "feature")
    columns = min(n_samples, PANELS_IN_A_ROW)
    n_rows = ceil(n_samples / columns)
    with look_of(theme) as look:
        figure = look.figure(4.6 * columns, 3.4 * n_rows + (0.4 if title else 0.0))
        panels = figure.subplots(n_rows, columns, squeeze=False, sharey=True).ravel()
        for k, axes in enumerate(panels[:n_samples]):
            for place, (index, distance) in enumerate(zip(found.indices[k], found.distances[k])):
                label = literal(f"{known[index]}, at {distance:.3g}")
                color = look.color(place + 1)
                axes.plot(others[index], ".-", label=label, lw=1.2, color=color)
            axes.plot(samples[k], "o-", label=literal(names[k]), lw=3.0, color=look.color(0))
            turned = max(map(len, features)) > 6
            axes.set_xticks(
                range(len(features)),
                [literal(name) for name in features],
                rotation=30 if turned else 0,
                ha="right" if turned else "center",
            )
            axes.legend(fontsize=8)
        for axes in panels[n_samples:]:
            axes.set_visible(False)
        return finished(figure, look, title, path)


def activation_map(
    found: Mapping[str, ArrayLike],
    path: Path = None,
    *,
    title: str = "",
    sample_names: Sequence[Any] | None = None,
    theme: str = "light",
) -> Figure:
    """What every neuron of every layer gives: a row for each sample, a column for each neuron.

    Each layer has its own colors, blue above 0 and orange below.

    Args:
        found: what ``activations`` returned.
        path: the file to write, if any: .svg, .png or .pdf.
        title: a headline.
        sample_names: what the samples are called, such as their classes.
        theme: "light" or "dark".

    Raises:
        InvalidArgumentError: if there is no layer.
        ShapeError: if the names do not fit the samples.
        UnknownNameError: for an unknown theme or ending.
        MissingDependencyError: without matplotlib.

    >>> figure = activation_map({"layers.0": [[0.0, 1.0], [2.0, -1.0]]})
    >>> figure.axes[0].get_title("left"), figure.axes[0].images[0].get_array().shape
    ('layers.0', (2, 2))
    """
    if not found:
        raise InvalidArgumentError(
            "there is no layer to draw; give what activations(model, X) returned"
        )
    layers = {name: check_features(array, name=name) for name, array in found.items()}
    n_samples = len(next(iter(layers.values())))
    names = _names(sample_names, n_samples, "sample_names", "sample")
    widths = [1.2 + 0.13 * min(array.shape[1], 40) for array in layers.values()]
    with look_of(theme) as look:
        height = 1.2 + 0.2 * min(n_samples, 40)
        figure = look.figure(sum(widths) + 1.4, max(height, 2.6) + (0.4 if title else 0.0))
        panels = figure.subplots(1, len(layers), squeeze=False, width_ratios=widths).ravel()
        for axes, (name, array) in zip(panels, layers.items()):
            shown = draw_signed(axes, look, array, largest(array))
            axes.set_aspect("auto")
            axes.set_title(literal(name), fontsize=10)
            axes.set_xlabel(f"{array.shape[1]} neuron{'' if array.shape[1] == 1 else 's'}")
            figure.colorbar(shown, ax=axes, shrink=0.8)
        if n_samples <= 40:
            panels[0].set_yticks(range(n_samples), [literal(name) for name in names], fontsize=8)
        else:
            panels[0].set_ylabel(f"{n_samples} samples")
        return finished(figure, look, title, path)


def _neighbor_pictures(
    found: NearestSamples,
    samples: Floats,
    others: Floats,
    names: Sequence[str],
    known: Sequence[str],
    image_shape: tuple[int, int],
    title: str,
    theme: str,
    path: Path,
) -> Figure:
    n_samples, n_neighbors = found.indices.shape
    with look_of(theme) as look:
        figure = look.figure(
            1.25 * (n_neighbors + 1) + 0.4, 1.55 * n_samples + (0.7 if title else 0.3)
        )
        panels = figure.subplots(n_samples, n_neighbors + 1, squeeze=False)
        for k, (own, *beside) in enumerate(panels):
            draw_picture(own, look, samples[k].reshape(image_shape))
            own.set_title(literal(names[k]), fontsize=9, color=look.color(0))
            for axes, index, distance in zip(beside, found.indices[k], found.distances[k]):
                draw_picture(axes, look, others[index].reshape(image_shape))
                axes.set_title(literal(f"{known[index]}"), fontsize=9, fontweight="normal")
                axes.set_xlabel(f"{distance:.3g}", fontsize=8, color=look.muted)
        return finished(figure, look, title, path)


# What is given


def _read(found: ArrayLike | IntegratedGradients | ShapleyValues) -> tuple[ArrayLike, list[str]]:
    """The attributions, and from which score to which they lead, where that is known."""
    from tinygrad_mlp.interpret import IntegratedGradients, ShapleyValues

    if isinstance(found, IntegratedGradients):
        return found.attributions, _from_to(found.baseline_scores, found.scores)
    if isinstance(found, ShapleyValues):
        return found.values, _from_to(found.base_values, found.scores)
    return found, []


def _from_to(starts: Floats, ends: Floats) -> list[str]:
    return [f": from {number(start)} to {number(end)}" for start, end in zip(starts, ends)]


def _names(names: Sequence[Any] | None, n_needed: int, argument: str, thing: str) -> list[str]:
    if names is None:
        return [f"{thing} {k}" for k in range(n_needed)]
    if isinstance(names, str) or len(names) != n_needed:
        given = described(names) if isinstance(names, str) else f"{len(names)} names"
        raise ShapeError(
            f"{argument} has {given} for {n_needed} {thing}s; give a list with one name for each"
        )
    return [str(name) for name in names]


def _same_shape(X: ArrayLike, table: Floats, name: str) -> Floats:
    samples = check_features(X, name=name)
    if samples.shape != table.shape:
        raise ShapeError(
            f"{name} has the shape {samples.shape}, but the attributions have {table.shape}; give "
            "the samples that they were computed of"
        )
    return samples


def _check_image(image_shape: tuple[int, int], n_features: int) -> None:
    height, width = image_shape
    if height * width != n_features:
        raise ShapeError(
            f"a sample has {n_features} features, but image_shape={image_shape} has "
            f"{height * width} pixels"
        )
