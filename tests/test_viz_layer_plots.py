"""Plots of what is inside a model show its numbers, layer by layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError
from tinygrad_mlp.nn import MLP, Module
from viz.plots import activation_histograms, gradient_histograms, weight_images


def counts(axes: object) -> float:
    return float(sum(patch.get_height() for patch in axes.patches))  # type: ignore[attr-defined]


def test_every_activation_of_every_sample_is_counted() -> None:
    model = MLP(2, [5, 3], rng=0)
    figure = activation_histograms(model, np.ones((7, 2)))
    assert [counts(axes) for axes in figure.axes] == [35.0, 21.0]


def test_counts_are_whole_numbers() -> None:
    figure = activation_histograms(MLP(1, [2, 1], rng=0), [[1.0]])
    ticks = [tick for axes in figure.axes for tick in axes.get_yticks()]
    assert all(tick == round(tick) for tick in ticks)


def test_the_share_of_zeros_is_told() -> None:
    model = MLP(1, [4, 1], rng=0)
    for index, neuron in enumerate(model.layers[0].neurons):
        neuron.w[0].data = 1.0 if index == 0 else -1.0
    figure = activation_histograms(model, [[1.0]])
    assert "75% are 0" in figure.axes[0].texts[0].get_text()


def test_every_gradient_is_counted_and_what_is_not_finite_is_told() -> None:
    model = MLP(2, [3, 1], rng=0)
    model([1.0, 2.0]).backward()
    model.layers[0].neurons[0].b.grad = float("inf")
    figure = gradient_histograms(model)
    assert [counts(axes) for axes in figure.axes] == [8.0, 4.0]
    assert "1 not finite" in figure.axes[0].texts[0].get_text()


def test_the_images_are_the_weights() -> None:
    model = MLP(6, [3, 2], rng=0)
    state = model.state_dict()
    shown = [axes.images[0].get_array() for axes in weight_images(model).axes[:2]]
    for image, name in zip(shown, ["layers.0.weight", "layers.1.weight"], strict=True):
        np.testing.assert_array_equal(np.asarray(image), state[name])
    first = weight_images(model, image_shape=(2, 3)).axes[0].images[0].get_array()
    np.testing.assert_array_equal(np.asarray(first), state["layers.0.weight"][0].reshape(2, 3))


def test_what_cannot_be_drawn_is_refused() -> None:
    model = MLP(2, [3, 1], rng=0)
    with pytest.raises(DataError, match=r"loss\.backward"):
        gradient_histograms(model)
    with pytest.raises(DataError, match="no layers"):
        weight_images(Module())
    with pytest.raises(DataError, match="no samples"):
        activation_histograms(model, np.empty((0, 2)))
    with pytest.raises(ShapeError, match="n_samples"):
        activation_histograms(model, [1.0, 2.0])
    with pytest.raises(ShapeError, match="9 pixels"):
        weight_images(model, image_shape=(3, 3))
    for wrong in (6, (6,), (2, 3, 1), "23"):
        with pytest.raises(InvalidArgumentError, match="a pair is needed, the height and the wid"):
            weight_images(model, image_shape=wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match=r"image_shape\[0\] is -2, but a whole number"):
        weight_images(model, image_shape=(-2, -3))
    with pytest.raises(InvalidArgumentError, match=r"image_shape\[1\] is 3.0"):
        weight_images(model, image_shape=(2, 3.0))  # type: ignore[arg-type]
    for bins in (0, 2.5, "40"):
        with pytest.raises(InvalidArgumentError, match=r"bins is .*: bins=40"):
            activation_histograms(model, np.ones((2, 2)), bins=bins)  # type: ignore[arg-type]


def test_the_same_model_gives_the_same_file(tmp_path: Path) -> None:
    paths = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for path in paths:
        weight_images(MLP(2, [3, 1], rng=0), path, title="weights")
    assert paths[0].read_bytes() == paths[1].read_bytes()


# What several layers have in common


def bars(axes: object) -> list[tuple[float, float]]:
    patches = axes.patches  # type: ignore[attr-defined]
    return [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in patches]


@pytest.mark.parametrize("of", ["activations", "gradients"])
def test_layers_are_compared_over_one_axis_with_the_same_bars(of: str) -> None:
    model = MLP(2, [4, 3, 1], activation="tanh", rng=0)
    samples = np.random.default_rng(0).normal(size=(9, 2))
    if of == "activations":
        figure = activation_histograms(model, samples)
    else:
        model(samples[0].tolist()).backward()
        for scale, layer in zip([1.0, 10.0, 0.01], model.layers, strict=True):
            for parameter in layer.parameters():
                parameter.grad *= scale
        figure = gradient_histograms(model)
        numbers = [parameter.grad for parameter in model.parameters()]
        ends = (bars(figure.axes[0])[0][0], bars(figure.axes[0])[-1][1])
        assert ends == pytest.approx((min(numbers), max(numbers)))
    first, *others = figure.axes
    assert len(bars(first)) == 40
    for axes in others:
        assert axes.get_xlim() == first.get_xlim()
        assert bars(axes) == bars(first)


@pytest.mark.parametrize(
    "gradients",
    [
        [1.7e9, 1.7e9],
        [1.7e9, 1.7e9 + 1e-6],
        [0.0, 0.0],
        [0.0, 5e-324],
        [-1e308, 1e308],
        [1e-9, 3e-9],
    ],
)
def test_gradients_of_any_size_are_drawn(gradients: list[float], tmp_path: Path) -> None:
    model = MLP(1, [1, 1], rng=0)
    for parameter, gradient in zip(model.parameters(), gradients * 2, strict=True):
        parameter.grad = gradient
    figure = gradient_histograms(model, tmp_path / "gradients.svg")
    assert [counts(axes) for axes in figure.axes] == [2.0, 2.0]


def test_numbers_under_a_plot_are_whole_and_turned_where_they_are_long(tmp_path: Path) -> None:
    model = MLP(1, [1, 1], rng=0)
    for index, parameter in enumerate(model.parameters()):
        parameter.grad = 20000.0 + 0.001 * index
    figure = gradient_histograms(model, tmp_path / "gradients.svg")
    for axes in figure.axes:
        assert axes.xaxis.get_offset_text().get_text() == ""
        labels = axes.get_xticklabels()
        assert all(19999.0 < float(label.get_text()) < 20001.0 for label in labels)
        assert {label.get_rotation() for label in labels} == {25.0}
