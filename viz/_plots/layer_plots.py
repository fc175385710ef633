"""Plots of what is inside a model, layer by layer: activations, gradients, weights."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._many_numbers import read_numbers
from tinygrad_mlp._text import described
from tinygrad_mlp.data._arrays import check_plain
from tinygrad_mlp.engine import no_grad
from tinygrad_mlp.errors import DataError, ShapeError
from tinygrad_mlp.nn import MLP, Layer
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.training._outputs import evaluation_mode, sample_outputs
from viz._plots.plot_style import finished, literal, look_of, turn_long_ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["activation_histograms", "gradient_histograms", "weight_images"]

Floats = NDArray[np.float64]
COLUMNS: Final = 8
HISTOGRAMS_IN_A_ROW: Final = 4

LARGEST: Final = 1e300
"""Numbers beyond this are drawn here: matplotlib's own arithmetic would overflow."""
LEAST_SPREAD: Final = 1e-9
"""Of the largest number: bars within a narrower range could not be told apart by their ticks."""


def activation_histograms(
    model: MLP,
    X: ArrayLike,
    path: str | os.PathLike[str] | None = None,
    *,
    title: str = "",
    theme: str = "light",
    style: str = "page",
    bins: int = 40,
) -> Figure:
    """The distribution of each layer's outputs over some samples, one panel for each layer.

    The panels have one horizontal axis and the same bars, so that layers can be compared.

    Args:
        model: layers one after the other; switched to prediction meanwhile.
        X: (n_samples, n_features) features.
        path: the file to write, if any: .svg, .png or .pdf.
        title: a headline.
        theme: "light" or "dark".
        style: "page" or "slide": 1280 x 720, letters of 18 points.
        bins: the number of bars, over the range of all layers.

    Raises:
        DataError: without samples.
        ShapeError: if ``X`` is not (n_samples, n_features).
        MissingDependencyError: without matplotlib.

    >>> figure = activation_histograms(MLP(2, [8, 1], rng=0), [[0.5, 1.0], [1.0, -2.0]])
    >>> [axes.get_title("left") for axes in figure.axes]
    ['layers.0', 'layers.1']
    """
    check_plain(X, "X")
    samples = np.asarray(X, float)
    if samples.ndim != 2:
        raise ShapeError(f"X must have the shape (n_samples, n_features), got {samples.shape}")
    if not len(samples):
        raise DataError("there are no samples to compute activations from; give at least one")
    found: list[list[float]] = [[] for _ in model.layers]
    with evaluation_mode(model), no_grad():
        for sample in samples.tolist():
            x = sample
            for numbers, layer in zip(found, model.layers, strict=True):
                x = sample_outputs(layer, x, from_logits=False)
                numbers.extend(read_numbers(x))
    panels = {f"layers.{index}": np.array(numbers) for index, numbers in enumerate(found)}
    return _histograms(panels, "activation", title, (theme, style), bins, path)


def gradient_histograms(
    model: Module,
    path: str | os.PathLike[str] | None = None,
    *,
    title: str = "",
    theme: str = "light",
    style: str = "page",
    bins: int = 40,
) -> Figure:
    """The distribution of the gradients of each layer's parameters, after a ``backward``.

    The panels have one horizontal axis and the same bars, so that layers can be compared.

    Args:
        model: a model with layers in it.
        path: the file to write, if any: .svg, .png or .pdf.
        title: a headline.
        theme: "light" or "dark".
        style: "page" or "slide": 1280 x 720, letters of 18 points.
        bins: the number of bars, over the range of all layers.

    Raises:
        DataError: if there are no layers, or no gradients.
        MissingDependencyError: without matplotlib.

    >>> model = MLP(2, [8, 1], rng=0)
    >>> model([0.5, 1.0]).backward()
    >>> len(gradient_histograms(model).axes)
    2
    """
    panels = {
        name: np.array([p.grad for p in layer.parameters() if p.has_grad])
        for name, layer in _layers(model)
    }
    if not any(len(numbers) for numbers in panels.values()):
        raise DataError(
            "no gradient was computed for the parameters of this model; first call: loss.backward()"
        )
    return _histograms(panels, "gradient", title, (theme, style), bins, path)


def weight_images(
    model: Module,
    path: str | os.PathLike[str] | None = None,
    *,
    title: str = "",
    theme: str = "light",
    style: str = "page",
    image_shape: tuple[int, int] | None = None,
) -> Figure:
    """The weights as colors, blue above 0 and orange below: a matrix for each layer.

    Args:
        model: a model with layers in it.
        path: the file to write, if any: .svg, .png or .pdf.
        title: a headline.
        theme: "light" or "dark".
        style: "page" or "slide": 1280 x 720, letters of 18 points.
        image_shape: (height, width) of the images that the first layer looks at; then each of its
            neurons is one image, which shows what it responds to.

    Raises:
        DataError: if there are no layers.
        ShapeError: if ``image_shape`` has not as many pixels as the first layer has inputs.
        MissingDependencyError: without matplotlib.

    >>> figure = weight_images(MLP(4, [3, 2], rng=0), image_shape=(2, 2))
    >>> [axes.get_title("left") for axes in figure.axes][:3]
    ['neuron 0', 'neuron 1', 'neuron 2']
    """
    layers = _layers(model)
    images = [
        (name, np.array([read_numbers(neuron.w) for neuron in layer.neurons]))
        for name, layer in layers
    ]
    if image_shape is not None:
        first = images[0][1]
        if first.shape[1] != image_shape[0] * image_shape[1]:
            raise ShapeError(
                f"the first layer has {first.shape[1]} inputs, but image_shape={image_shape} has "
                f"{image_shape[0] * image_shape[1]} pixels"
            )
        images = [(f"neuron {i}", row.reshape(image_shape)) for i, row in enumerate(first)]
    size = 1.3 if image_shape is not None else 3.0
    with look_of(theme, style) as look:
        from matplotlib.colors import LinearSegmentedColormap

        rows, columns = look.rows(len(images), COLUMNS)
        ends = [look.color(1), look.background, look.color(0)]
        colors = LinearSegmentedColormap.from_list("weights", ends)
        figure = look.figure(size * columns + 1.2, size * rows + (0.6 if title else 0.3))
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        largest = _largest([image for _, image in images])
        shown = None
        for axes, (name, image) in zip(panels, images, strict=False):
            shown = axes.imshow(image, cmap=colors, vmin=-largest, vmax=largest, aspect="auto")
            axes.set_title(literal(name), fontsize=look.letters(9))
            axes.grid(visible=False)
            axes.spines[:].set(visible=True, color=look.line)  # a weight of 0 is the ground
            axes.set(xticks=[], yticks=[])
            if image_shape is None:
                axes.set(xlabel=f"{image.shape[1]} inputs", ylabel=f"{image.shape[0]} neurons")
            else:
                axes.set_aspect("equal")
        for axes in panels[len(images) :]:
            axes.set_visible(False)
        assert shown is not None
        figure.colorbar(shown, ax=panels.tolist(), label="weight", shrink=0.8)
        return finished(figure, look, title, path)


def _layers(model: Module) -> list[tuple[str, Layer]]:
    """The layers in a model, each with its path."""
    found: list[tuple[str, Layer]] = []
    for layer in model.modules():
        if isinstance(layer, Layer):
            label = layer.neurons[0].b.label.partition(".neurons.")[0]
            found.append((label if "neurons" not in label else f"layer {len(found)}", layer))
    if not found:
        raise DataError(
            f"{described(model)} has no layers in it; give a model such as MLP(2, [16, 1])"
        )
    return found


def _largest(images: Sequence[Floats]) -> float:
    numbers = np.abs(np.concatenate([image.ravel() for image in images]))
    finite = numbers[np.isfinite(numbers)]
    return float(finite.max()) if finite.size and finite.max() > 0.0 else 1.0


def _histograms(
    panels: dict[str, Floats],
    name: str,
    title: str,
    look_and_size: tuple[str, str],
    bins: int,
    path: str | os.PathLike[str] | None,
) -> Figure:
    """One histogram for each layer, side by side over one axis.

    Each says what share of its numbers is 0, and how many are not finite.
    """
    edges = _edges(np.concatenate(list(panels.values())), bins)
    with look_of(*look_and_size) as look:
        from matplotlib.ticker import MaxNLocator

        rows, columns = look.rows(len(panels), HISTOGRAMS_IN_A_ROW)
        figure = look.figure(3.1 * columns + 0.4, 2.9 * rows + 0.3)
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True)
        all_axes = grid.ravel()[: len(panels)]
        for index, (axes, (layer, numbers)) in enumerate(
            zip(all_axes, panels.items(), strict=True)
        ):
            finite = numbers[np.isfinite(numbers)]
            axes.set_axisbelow(True)
            axes.hist(np.clip(finite, -LARGEST, LARGEST), bins=edges, color=look.color(index))
            axes.set_title(literal(layer))
            axes.tick_params(labelbottom=True)
            axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
            axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))
            axes.margins(y=0.25)  # the notes stand there
            axes.text(
                *(0.98, 0.97, "\n".join(_notes(numbers, finite))),
                transform=axes.transAxes,
                ha="right",
                va="top",
                color=look.muted,
                fontsize=look.letters(8.5),
            )
        for axes in grid.ravel()[len(panels) :]:
            axes.set_visible(False)
        for axes in all_axes:
            turn_long_ticks(axes)
        for axes in all_axes[-columns:]:
            axes.set_xlabel(name)
        for axes in all_axes[::columns]:
            axes.set_ylabel("count")
        return finished(figure, look, title, path)


def _edges(numbers: Floats, bins: int) -> Floats:
    """Where the bars of all panels begin and end: over all finite numbers, equally wide."""
    finite = np.clip(numbers[np.isfinite(numbers)], -LARGEST, LARGEST)
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    largest = max(abs(low), abs(high))
    if high - low <= max(LEAST_SPREAD * largest, 1.0 / LARGEST):
        margin = largest / 2.0 if largest > 1.0 / LARGEST else 0.5
        low, high = low - margin, high + margin
    return np.linspace(low, high, bins + 1)


def _notes(numbers: Floats, finite: Floats) -> list[str]:
    notes = []
    if finite.size:
        zeros = float(np.mean(finite == 0.0))
        notes += [f"{zeros:.0%} are 0" if zeros >= 0.005 else "under 1% are 0"] if zeros else []
        with np.errstate(over="ignore", invalid="ignore"):
            spread = float(finite.std())
        notes += [f"spread {spread:.3g}"] if isfinite(spread) else []
    if finite.size < numbers.size:
        notes.append(f"{numbers.size - finite.size} not finite")
    return notes
