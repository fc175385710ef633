"""Plots of attributions, of what units look for, of nearest samples: they show the numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from tinygrad_mlp.errors import InvalidArgumentError, ShapeError, UnknownNameError
from tinygrad_mlp.interpret import (
    FeatureVisualization,
    NearestSamples,
    activations,
    integrated_gradients,
    shapley_values,
)
from tinygrad_mlp.nn import MLP
from viz._plots.plot_colors import ON_DARK, PALETTE
from viz.plots import (
    activation_map,
    attribution_plot,
    feature_visualization_plot,
    nearest_samples_plot,
)


def bars(axes: Axes) -> list[float]:
    return [float(patch.get_width()) for patch in axes.patches]  # type: ignore[attr-defined]


def labels(axes: Axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def image(axes: Axes) -> list[list[float]]:
    return np.asarray(axes.images[0].get_array()).tolist()  # type: ignore[no-any-return]


def titles(axes: Any) -> list[str]:
    return [each.get_title("left") for each in axes if each.get_visible()]


def test_the_bars_are_the_attributions_and_their_colors_are_their_signs() -> None:
    figure = attribution_plot([[2.0, -1.0], [0.0, 0.5]], [[7.0, 8.5], [1.0, -2.0]])
    assert [bars(axes) for axes in figure.axes] == [[2.0, -1.0], [0.0, 0.5]]
    assert labels(figure.axes[1]) == ["feature 0 = 1", "feature 1 = −2"]
    assert titles(figure.axes) == ["sample 0", "sample 1"]
    colors = [to_hex(patch.get_facecolor()) for patch in figure.axes[0].patches]
    assert colors == list(PALETTE[:2])
    assert [text.get_text() for text in figure.axes[0].texts] == ["2", "−1"]
    assert figure.axes[0].get_ylim()[0] > figure.axes[0].get_ylim()[1]  # the first is on top


@pytest.mark.parametrize(
    "row",
    [
        [-0.041, 0.061, 0.44, 0.22],
        [-0.052, 0.021, -0.14, -0.14],
        [-1.23e-5, 1.2e-5],
        [0.019, 2.0],
        [-3.0, -0.00012],
        [0.0, 0.0],
    ],
)
def test_the_numbers_of_bars_stand_between_the_ends_of_the_axis(row: list[float]) -> None:
    figure = attribution_plot([row, row], feature_names=["a"] * len(row))  # the shortest axis
    figure.canvas.draw()
    for axes in figure.axes:
        for text in axes.texts:
            extent = text.get_window_extent()
            assert axes.bbox.x0 + 1.0 < extent.x0 < extent.x1 < axes.bbox.x1 - 1.0
        left, right = axes.get_xlim()
        assert left < min(0.0, *row)
        assert max(0.0, *row) < right
        assert max(0.0, *row) - min(0.0, *row) >= 0.3 * (right - left) or not any(row)


def test_of_many_features_the_largest_are_shown_and_the_sum_of_the_others() -> None:
    row = np.array([0.1, *range(1, 8), -8.0, *range(9, 13), -0.4])
    figure = attribution_plot(row[None], feature_names=[f"f{k}" for k in range(14)])
    (axes,) = figure.axes
    assert labels(axes) == [*[f"f{k}" for k in range(1, 13)], "2 others"]
    assert bars(axes) == pytest.approx([*row[1:13], -0.3])
    twelve = attribution_plot(row[None, 1:13])
    assert bars(twelve.axes[0]) == pytest.approx(row[1:13])


def test_results_say_from_which_score_to_which_they_lead() -> None:
    def score(x: list[Any]) -> Any:
        return 2.0 * x[0] - x[1] + 1.0

    X = [[1.0, 3.0]]
    figure = attribution_plot(integrated_gradients(score, X), sample_names=["red"])
    assert titles(figure.axes) == ["red: from 1 to 0"]
    assert bars(figure.axes[0]) == pytest.approx([2.0, -3.0])
    figure = attribution_plot(shapley_values(score, X, [[0.0, 2.0], [0.0, 4.0]]))
    assert titles(figure.axes) == ["sample 0: from −2 to 0"]
    assert bars(figure.axes[0]) == pytest.approx([2.0, 0.0])


def test_images_are_pictures_below_their_samples() -> None:
    X = np.arange(18.0).reshape(3, 6)
    figure = attribution_plot(-X, X, image_shape=(2, 3), sample_names=["a", "b", "c"])
    *panels, bar = figure.axes
    assert [image(axes) for axes in panels[:3]] == X.reshape(3, 2, 3).tolist()
    assert [image(axes) for axes in panels[3:]] == (-X).reshape(3, 2, 3).tolist()
    assert titles(panels) == ["a", "b", "c", "", "", ""]
    assert [axes.images[0].get_clim() for axes in panels[3:]] == [(-17.0, 17.0)] * 3
    assert bar.get_ylabel() == "contribution"


def test_more_pictures_than_eight_go_into_further_rows() -> None:
    figure = attribution_plot(np.arange(40.0).reshape(10, 4), image_shape=(2, 2))
    *panels, _ = figure.axes
    assert len(panels) == 16
    assert titles(panels) == [f"sample {k}" for k in range(10)]
    assert image(panels[9]) == [[36.0, 37.0], [38.0, 39.0]]


def test_what_excites_units_most() -> None:
    up = FeatureVisualization(np.array([0.0, 1.0, 0.5, 0.25]), 3.14159, [1.0])
    down = FeatureVisualization(np.array([0.0, -1.0, 0.5, 0.25]), -2.0, [1.0])
    pictures = feature_visualization_plot({"a": up, "b": down}, image_shape=(2, 2))
    assert titles(pictures.axes[:2]) == ["a: 3.14", "b: −2"]
    assert image(pictures.axes[1]) == [[0.0, -1.0], [0.5, 0.25]]
    assert pictures.axes[2].get_ylabel() == "input"
    positive = feature_visualization_plot(up, image_shape=(2, 2))
    assert titles(positive.axes) == ["3.14"]  # a picture as the samples are, without signs
    assert len(positive.axes) == 1
    table = feature_visualization_plot(down, feature_names=["p", "q", "r", "s"])
    assert bars(table.axes[0]) == [0.0, -1.0, 0.5, 0.25]
    assert labels(table.axes[0]) == ["p", "q", "r", "s"]


def test_nearest_samples_as_pictures_and_as_lines() -> None:
    X, among = np.arange(8.0).reshape(2, 4), np.arange(12.0).reshape(3, 4) + 100.0
    found = NearestSamples(np.array([[2, 0], [1, 2]]), np.array([[0.5, 1.25], [0.0, 3.0]]))
    pictures = nearest_samples_plot(found, X, among, image_shape=(2, 2), names_among=[7, 8, 9])
    rows = [X[0], among[2], among[0], X[1], among[1], among[2]]
    assert [image(axes) for axes in pictures.axes] == [row.reshape(2, 2).tolist() for row in rows]
    assert titles(pictures.axes) == ["sample 0", "9", "7", "sample 1", "8", "9"]
    assert [axes.get_xlabel() for axes in pictures.axes] == ["", "0.5", "1.25", "", "0", "3"]
    lines = nearest_samples_plot(found, X, among, feature_names=["a", "b", "c", "d"])
    drawn = [np.asarray(line.get_ydata()).tolist() for line in lines.axes[0].lines]
    assert drawn == [among[2].tolist(), among[0].tolist(), X[0].tolist()]
    named = [str(line.get_label()) for line in lines.axes[1].lines]
    assert named == ["row 1, at 0", "row 2, at 3", "sample 1"]
    assert [label.get_text() for label in lines.axes[0].get_xticklabels()] == ["a", "b", "c", "d"]


def test_activations_are_a_map_for_each_layer() -> None:
    found = activations(MLP(2, [3, 1], activation="tanh", rng=0), [[0.0, 1.0], [1.0, -2.0]])
    figure = activation_map(found, sample_names=["a", "b"])
    maps = [axes for axes in figure.axes if axes.images]
    assert titles(maps) == ["layers.0", "layers.1"]
    for axes, array in zip(maps, found.values()):
        assert image(axes) == array.tolist()
        assert axes.images[0].get_clim()[1] == np.abs(array).max()
    assert labels(maps[0]) == ["a", "b"]
    assert [axes.get_xlabel() for axes in maps] == ["3 neurons", "1 neuron"]
    many = activation_map({"layers.0": np.zeros((41, 2))})
    assert many.axes[0].get_ylabel() == "41 samples"


def test_themes_and_files(tmp_path: Path) -> None:
    file = tmp_path / "plot.svg"
    figure = attribution_plot([[1.0, -1.0]], None, file, title="why", theme="dark")
    assert file.read_text(encoding="utf-8").startswith("<?xml")
    assert figure.get_suptitle() == "why"
    colors = [to_hex(patch.get_facecolor()) for patch in figure.axes[0].patches]
    assert colors == list(ON_DARK[:2])
    with pytest.raises(UnknownNameError):
        attribution_plot([[1.0]], theme="green")


def test_what_does_not_fit_is_refused() -> None:
    table = [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(ShapeError, match=r"X has the shape \(1, 2\), but the attributions"):
        attribution_plot(table, [[1.0, 2.0]])
    with pytest.raises(ShapeError, match=r"feature_names has 1 names for 2 features"):
        attribution_plot(table, feature_names=["a"])
    with pytest.raises(ShapeError, match=r"sample_names has 'ab' for 2 samples"):
        attribution_plot(table, sample_names="ab")
    with pytest.raises(ShapeError, match=r"2 features, but image_shape=\(2, 2\) has 4 pixels"):
        attribution_plot(table, image_shape=(2, 2))
    with pytest.raises(InvalidArgumentError, match=r"image_shape is 2, but a pair is needed"):
        attribution_plot(table, image_shape=2)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match=r"nothing to draw"):
        feature_visualization_plot({})
    with pytest.raises(InvalidArgumentError, match=r"no layer to draw"):
        activation_map({})
    found = NearestSamples(np.array([[1]]), np.array([[0.5]]))
    for X, among in ((table, table), (table[:1], table[:1])):
        with pytest.raises(ShapeError, match=r"of 1 samples among at least 2"):
            nearest_samples_plot(found, X, among)
