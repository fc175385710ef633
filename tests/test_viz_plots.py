"""Plots: they show the numbers given, repeat to the byte, and leave no global state behind."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from tests.running import run_python
from tests.svg_letters import hex_of, letters
from tinygrad_mlp.debug import HealthMonitor
from tinygrad_mlp.errors import (
    DataError,
    InvalidArgumentError,
    MissingDependencyError,
    ShapeError,
    UnknownNameError,
)
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import History, confusion_table, fit, predict
from viz._plots.plot_colors import PALETTE, PLOT_THEMES
from viz.plots import (
    activation_histograms,
    confusion_table_plot,
    decision_boundary,
    fit_curve,
    health_curves,
    loss_curve,
    weight_images,
)

Points = NDArray[np.float64]

HISTORY: Final = History(
    loss=[0.9, 0.6, 0.5, 0.45],
    validation_loss=[1.0, 0.7, 0.65, 0.8],
    accuracy=[0.5, 0.7, 0.8, 0.9],
    validation_accuracy=[0.4, 0.75, 0.7, 0.6],
    learning_rate=[0.1, 0.1, 0.1, 0.1],
    seconds=[0.1, 0.1, 0.1, 0.1],
)

X: Final = np.array([[-2.0, 0.0], [-1.0, 1.0], [1.0, -1.0], [2.0, 0.5], [0.5, 2.0]])
Y: Final = np.array([0, 0, 1, 1, 0])

CAT, DOG = "\N{CJK UNIFIED IDEOGRAPH-732B}", "\N{CJK UNIFIED IDEOGRAPH-72AC}"


def right_half(points: Points) -> NDArray[Any]:
    return (points[:, 0] > 0.0).astype(int)


def three_bands(points: Points) -> NDArray[Any]:
    return np.array(["low", "middle", "top"])[np.digitize(points[:, 1], [-0.5, 0.75])]


def plot_loss(path: Path | None) -> Figure:
    return loss_curve(HISTORY, path, title="a training")


def plot_boundary(path: Path | None) -> Figure:
    return decision_boundary(right_half, X, Y, path, resolution=30)


def plot_table(path: Path | None) -> Figure:
    return confusion_table_plot([[9, 1], [3, 10]], ["cat", "dog"], path)


PLOTS: Final[list[Callable[[Path | None], Figure]]] = [plot_loss, plot_boundary, plot_table]


THEMED: Final[list[Callable[[str], Figure]]] = [
    lambda theme: loss_curve(HISTORY, theme=theme),
    lambda theme: decision_boundary(right_half, X, Y, resolution=20, theme=theme),
    lambda theme: confusion_table_plot([[9, 1], [3, 10]], theme=theme),
    lambda theme: activation_histograms(MLP(2, [3], rng=0), X, theme=theme),
    lambda theme: weight_images(MLP(2, [3], rng=0), theme=theme),
]


def curves(axes: Axes) -> dict[str, list[float]]:
    """The named lines of a panel, by their names."""
    named = [line for line in axes.lines if not str(line.get_label()).startswith("_")]
    return {str(line.get_label()): np.asarray(line.get_ydata()).tolist() for line in named}


def legend_texts(axes: Axes) -> list[str]:
    legend = axes.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


# Files, for every plot


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize(
    ("name", "start"), [("p.svg", b"<?xml"), ("p.png", b"\x89PNG"), ("p.pdf", b"%PDF")]
)
def test_the_same_data_give_the_same_file(
    plot: Callable[[Path | None], Figure], name: str, start: bytes, tmp_path: Path
) -> None:
    first, second = tmp_path / "first" / name, tmp_path / "second" / name
    plot(first)
    plot(second)
    assert first.read_bytes().startswith(start)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("plot", PLOTS)
def test_an_svg_is_well_formed_scales_and_has_no_date(
    plot: Callable[[Path | None], Figure], tmp_path: Path
) -> None:
    plot(tmp_path / "p.svg")
    text = (tmp_path / "p.svg").read_text("utf-8")
    assert "viewBox" in ElementTree.fromstring(text).attrib
    assert "dc:date" not in text


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("name", ["plot.dot", "plot.gif", "plot"])
def test_an_unknown_ending_is_refused_with_the_known_ones(
    plot: Callable[[Path | None], Figure], name: str, tmp_path: Path
) -> None:
    with pytest.raises(UnknownNameError, match=r"\.pdf, \.png, \.svg"):
        plot(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("plot", PLOTS)
def test_the_settings_of_matplotlib_stay_as_they_were(
    plot: Callable[[Path | None], Figure], tmp_path: Path
) -> None:
    before = dict(mpl.rcParams)
    assert isinstance(plot(tmp_path / "p.svg"), Figure)
    assert dict(mpl.rcParams) == before


def test_no_plot_touches_pyplot(tmp_path: Path) -> None:
    code = (
        "import sys; from tests import test_viz_plots as t; from pathlib import Path\n"
        "for i, plot in enumerate(t.PLOTS): plot(Path(f'{i}.svg'))\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    assert run_python("-c", code, folder=tmp_path).strip() == "False"
    assert len(list(tmp_path.iterdir())) == len(PLOTS)


@pytest.mark.parametrize("plot", PLOTS)
def test_without_matplotlib_the_error_names_the_remedy(
    plot: Callable[[Path | None], Figure], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match=r"pip install -e '\.\[all\]'"):
        plot(None)


# Curves


def test_curves_are_the_numbers_of_the_history() -> None:
    loss, accuracy = loss_curve(HISTORY).axes
    assert curves(loss) == {
        "training": HISTORY.loss,
        "validation": HISTORY.validation_loss,
        "best: epoch 3": [0.65],
    }
    assert curves(accuracy) == {
        "training": HISTORY.accuracy,
        "validation": HISTORY.validation_accuracy,
        "best: epoch 2": [0.75],
    }
    assert loss.lines[0].get_xdata() == pytest.approx([1, 2, 3, 4])
    assert (loss.get_xlabel(), loss.get_ylabel()) == ("epoch", "loss")
    assert accuracy.get_ylabel() == "accuracy"
    assert legend_texts(loss) == ["training", "validation", "best: epoch 3"]


def test_the_best_epoch_of_the_validation_is_marked() -> None:
    loss, accuracy = loss_curve(HISTORY).axes
    marks = [axes.lines[-1].get_xydata() for axes in (loss, accuracy)]
    assert np.asarray(marks[0]).tolist() == [[3.0, 0.65]]
    assert np.asarray(marks[1]).tolist() == [[2.0, 0.75]]


def test_a_mapping_of_lists_will_do_and_a_single_curve_needs_no_legend() -> None:
    figure = loss_curve({"loss": [3.0, 2.0], "note": "something else"})
    (axes,) = figure.axes
    assert curves(axes) == {"training": [3.0, 2.0]}
    assert legend_texts(axes) == []


@pytest.mark.parametrize(
    ("losses", "wish", "scale"),
    [
        ([1.0, 0.5], None, "linear"),
        ([1.0, 0.01], None, "log"),
        ([1.0, 0.0], None, "linear"),
        ([1.0, -0.01], None, "linear"),
        ([1.0, 0.5], True, "log"),
        ([1.0, 0.01], False, "linear"),
        ([float("nan"), float("inf")], None, "linear"),
    ],
)
def test_the_loss_axis_is_logarithmic_where_it_helps(
    losses: list[float], wish: bool | None, scale: str
) -> None:
    (axes,) = loss_curve({"loss": losses}, log_scale=wish).axes
    assert axes.get_yscale() == scale


@pytest.mark.parametrize("losses", [[0.5], [1.0, float("inf"), float("nan")], [float("nan")] * 3])
def test_short_and_diverging_trainings_are_drawn(losses: list[float], tmp_path: Path) -> None:
    loss_curve({"loss": losses, "validation_loss": losses}, tmp_path / "loss.svg")
    assert (tmp_path / "loss.svg").stat().st_size > 0


@pytest.mark.parametrize("history", [{}, {"loss": []}, {"accuracy": [0.5]}, History()])
def test_a_history_without_a_loss_is_refused(history: Any) -> None:
    with pytest.raises(DataError, match="no loss to draw"):
        loss_curve(history)


def test_the_losses_that_are_drawn_together_have_no_penalties() -> None:
    model = MLP(1, [1], rng=0)
    X, y = [[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]
    history = fit(model, X, y, epochs=3, l2=10.0, validation_data=(X, y), log_every=None)
    (axes,) = loss_curve(history).axes
    drawn = curves(axes)
    assert drawn["training"] == history.loss
    assert drawn["validation"] == history.validation_loss
    # Of the whole batch, the loss of an epoch is that before its step: the validation one before.
    assert drawn["training"][1:] == pytest.approx(drawn["validation"][:-1], rel=1e-12)


def test_several_trainings_are_compared() -> None:
    (axes,) = loss_curve({"sgd": {"loss": [3.0, 2.0]}, "adam": History(loss=[3.0, 1.0])}).axes
    assert curves(axes) == {"sgd": [3.0, 2.0], "adam": [3.0, 1.0]}
    assert len({line.get_color() for line in axes.lines}) == 2
    with_validation = {"loss": [3.0, 2.0], "validation_loss": [4.0, 3.0], "accuracy": [0.5, 0.6]}
    loss, accuracy = loss_curve({"sgd": with_validation, "adam": {"loss": [3.0, 1.0]}}).axes
    assert {*curves(loss)} >= {"sgd, training", "sgd, validation", "adam, training"}
    assert curves(accuracy) == {"sgd": [0.5, 0.6]}
    with pytest.raises(DataError, match="no loss to draw"):
        loss_curve({"sgd": {"loss": [3.0, 2.0]}, "adam": {}})


def test_a_loss_between_two_that_are_not_finite_is_a_dot() -> None:
    (axes,) = loss_curve({"loss": [1.0, float("inf"), 0.5, float("nan"), 0.4, 0.3]}).axes
    dots = [line for line in axes.lines if line.get_marker() == "."]
    assert np.asarray(dots[0].get_xydata()).tolist() == [[1.0, 1.0], [3.0, 0.5]]


@pytest.mark.parametrize("n_epochs", [1, 2, 7, 60, 1000])
def test_epochs_count_from_1(n_epochs: int) -> None:
    (axes,) = loss_curve({"loss": [0.5] * n_epochs}).axes
    ticks = axes.get_xticks()
    assert min(ticks) >= 1
    assert all(tick == int(tick) for tick in ticks)


# Themes and headlines


@pytest.mark.parametrize("plot", THEMED)
def test_plots_have_a_dark_theme(plot: Callable[[str], Figure]) -> None:
    for theme, colors in PLOT_THEMES.items():
        assert hex_of(plot(theme).get_facecolor()) == colors.background
    with pytest.raises(UnknownNameError, match="dark, light"):
        plot("blue")


def test_a_long_headline_has_more_lines() -> None:
    figure = confusion_table_plot([[9, 1], [3, 10]], title="words " * 20)
    lines = figure.get_suptitle().split("\n")
    assert len(lines) > 2
    assert max(map(len, lines)) <= 9 * figure.get_size_inches()[0]


# Decision boundary


def regions(axes: Axes) -> list[QuadContourSet]:
    """The filled areas, in the order in which they are painted over one another."""
    sets = [c for c in axes.collections if isinstance(c, QuadContourSet)]
    return [area for area in sets if area.filled]


def boundaries(axes: Axes) -> Points:
    """All points of the lines between two classes."""
    sets = [c for c in axes.collections if isinstance(c, QuadContourSet) and not c.filled]
    return np.concatenate([path.vertices for line in sets for path in line.get_paths()])


def color_at(axes: Axes, x: float, y: float) -> str:
    """The color of the topmost area with that point, with its holes."""
    covering = [a for a in regions(axes) if a.get_paths()[0].contains_point((x, y))]
    return hex_of(covering[-1].get_facecolor()[0])


def test_regions_have_the_color_of_the_class_that_is_predicted() -> None:
    (axes,) = decision_boundary(right_half, X, Y, resolution=40).axes
    assert axes.get_xlim() == pytest.approx((-2.32, 2.32))
    assert axes.get_ylim() == pytest.approx((-1.24, 2.24))
    for x, color in ((-2.0, PALETTE[0]), (-0.3, PALETTE[0]), (0.3, PALETTE[1]), (2.0, PALETTE[1])):
        for y in (-1.0, 2.0):
            solid = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
            drawn = color_at(axes, x, y)
            levels = [int(drawn[i : i + 2], 16) for i in (1, 3, 5)]
            assert levels == pytest.approx(255.0 - 0.22 * (255.0 - solid), abs=0.51)


def test_every_region_of_several_classes_has_its_color() -> None:
    (axes,) = decision_boundary(three_bands, X, three_bands(X), resolution=60).axes
    drawn = [color_at(axes, 0.1, y) for y in (-1.0, 0.0, 1.5)]
    assert drawn == [PLOT_THEMES["light"].pale(index) for index in range(3)]


def test_the_boundary_lies_where_the_prediction_changes() -> None:
    (axes,) = decision_boundary(right_half, X, Y, resolution=101).axes
    vertices = boundaries(axes)
    assert vertices[:, 0] == pytest.approx(np.zeros(len(vertices)), abs=4.64 / 100)


def test_samples_that_are_predicted_wrongly_are_counted_and_ringed() -> None:
    (axes,) = decision_boundary(right_half, X, Y, resolution=20).axes
    assert legend_texts(axes) == ["0", "1", "1 wrong"]
    rings = [c for c in axes.collections if c.get_zorder() == 4]
    ringed = [point for ring in rings for point in np.asarray(ring.get_offsets()).tolist()]
    assert ringed == [[0.5, 2.0]]


def test_text_labels_of_three_classes_and_names_of_features() -> None:
    labels = three_bands(X)
    (axes,) = decision_boundary(
        three_bands, X, labels, resolution=20, feature_names=["length", "width"], title="bands"
    ).axes
    assert legend_texts(axes) == ["low", "middle", "top"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("length", "width")
    assert axes.figure.get_suptitle() == "bands"


def moons_model(loss: str) -> MLP:
    model = MLP(2, [4, 1], activation="tanh", rng=0)
    fit(model, X, ["left" if x < 0.0 else "right" for x in X[:, 0]], loss=loss, epochs=40,
        log_every=None)  # fmt: skip
    return model


@pytest.mark.parametrize(
    ("loss", "shaded"), [("binary_cross_entropy_with_logits", True), ("hinge", False)]
)
def test_a_model_is_asked_itself(loss: str, shaded: bool) -> None:
    model = moons_model(loss)
    labels = predict(model, X)
    axes = decision_boundary(model, X, labels, resolution=40).axes[0]
    assert legend_texts(axes) == sorted(set(labels.tolist()))
    assert bool(axes.child_axes) == shaded
    assert (len(regions(axes)) > 2) == shaded


class Slanted:
    """A logistic regression whose numbers are known."""

    def probability(self, points: Points) -> Points:
        return 1.0 / (1.0 + np.exp(-points[:, 0] - 0.5 * points[:, 1]))

    def predict_proba(self, points: Points) -> Points:
        right = self.probability(points)
        return np.stack([1.0 - right, right], axis=1)

    def predict(self, points: Points) -> NDArray[Any]:
        return np.asarray(self.predict_proba(points).argmax(axis=1))


def test_the_boundary_lies_where_two_probabilities_are_the_same() -> None:
    axes = decision_boundary(Slanted(), X, Y, resolution=60).axes[0]
    vertices = boundaries(axes)
    assert vertices[:, 0] == pytest.approx(-0.5 * vertices[:, 1], abs=1e-3)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_shade_is_the_probability_of_the_class_that_leads(theme: str) -> None:
    axes = decision_boundary(Slanted(), X, Y, resolution=80, theme=theme).axes[0]
    look = PLOT_THEMES[theme]
    rng = np.random.default_rng(0)
    points = np.stack([rng.uniform(-2.3, 2.3, 200), rng.uniform(-1.2, 2.2, 200)], axis=1)
    seen = set()
    for (x, y), p in zip(points.tolist(), Slanted().probability(points)):
        winner = max(p, 1.0 - p)
        band = int(10.0 * winner)
        if min(10.0 * winner - band, band + 1 - 10.0 * winner) < 0.05 or abs(p - 0.5) < 0.02:
            continue  # at an edge, where the grid decides
        share = 0.1 + 0.36 * (band + 0.5) / 10.0
        assert color_at(axes, x, y) == look.pale(int(p > 0.5), share)
        seen.add((p > 0.5, band))
    assert len(seen) >= 7
    (bar,) = axes.child_axes
    assert bar.get_ylabel() == "probability of “1”"
    assert [label.get_text() for label in bar.get_yticklabels()] == ["0", "0.5", "1"]
    (mesh,) = (part for part in bar.collections if isinstance(part, QuadMesh))
    shades = [hex_of(mesh.to_rgba(np.array(0.05 + 0.1 * band))) for band in range(10)]
    assert shades == [
        look.pale(int(band > 4), 0.1 + 0.36 * (max(band, 9 - band) + 0.5) / 10.0)
        for band in range(10)
    ]


def test_of_more_than_two_classes_the_scale_tells_of_the_one_that_leads() -> None:
    class Three(Slanted):
        def predict_proba(self, points: Points) -> Points:
            right = self.probability(points)
            return np.stack([1.0 - right, 0.7 * right, 0.3 * right], axis=1)

    labels = np.array([0, 1, 2, 1, 0])
    axes = decision_boundary(Three(), X, labels, resolution=40).axes[0]
    (bar,) = axes.child_axes
    assert bar.get_ylabel() == "probability of the class"
    right = Slanted().probability(np.array([[0.1, 0.4]]))[0]
    assert 0.7 * right < 1.0 - right < 0.48  # the first leads with less than a half
    assert color_at(axes, 0.1, 0.4) == PLOT_THEMES["light"].pale(0, 0.1 + 0.36 * 4.5 / 10.0)


@pytest.mark.parametrize(
    ("y_range", "wish", "aspect"),
    [
        (1.0, None, 1.0),
        (1.9, None, 1.0),
        (0.53, None, 1.0),
        (2.1, None, "auto"),
        (0.48, None, "auto"),
        (1.9, False, "auto"),
        (7.0, True, 1.0),
    ],
)
def test_features_of_one_unit_have_one_scale(
    y_range: float, wish: bool | None, aspect: float | str
) -> None:
    corners = np.array([[0.0, 0.0], [1.0, y_range]])
    figure = decision_boundary(right_half, corners, [0, 1], resolution=20, equal_axes=wish)
    assert figure.axes[0].get_aspect() == aspect


def test_a_plane_with_one_scale_leaves_no_empty_stripes() -> None:
    for y_range in (0.6, 1.0, 1.7):
        corners = np.array([[0.0, 0.0], [1.0, y_range]])
        figure = decision_boundary(right_half, corners, [0, 1], resolution=20)
        figure.canvas.draw()
        box = figure.axes[0].get_position()
        width, height = figure.get_size_inches()
        assert box.height * height / (box.width * width) == pytest.approx(y_range)
        assert box.height * height > 0.75 * height


def test_class_names_stand_for_the_sorted_labels() -> None:
    figure = decision_boundary(
        right_half, X, right_half(X), resolution=20, class_names=["left", "right"]
    )
    assert legend_texts(figure.axes[0]) == ["left", "right"]


def test_a_classifier_that_knows_one_class_only_is_drawn(tmp_path: Path) -> None:
    figure = decision_boundary(
        lambda points: np.zeros(len(points), int), X, Y, tmp_path / "p.svg", resolution=20
    )
    assert legend_texts(figure.axes[0]) == ["0", "1", "2 wrong"]


def test_a_feature_without_spread_is_drawn() -> None:
    flat = np.column_stack([X[:, 0], np.ones(len(X))])
    (axes,) = decision_boundary(right_half, flat, Y, resolution=20).axes
    assert axes.get_ylim() == pytest.approx((0.0, 2.0))


def test_dollars_and_underscores_in_names_are_letters() -> None:
    names = ["$x^{$", "_hidden"]
    figure = decision_boundary(
        right_half, X, right_half(X), resolution=20, class_names=names, feature_names=["$", "_x$y$"]
    )
    assert legend_texts(figure.axes[0]) == [r"\$x^{\$", " _hidden"]
    figure.canvas.draw()  # would raise where matplotlib reads a formula


@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        (np.ones((4, 3)), np.ones(4), r"\(n_samples, 2\).*got \(4, 3\)"),
        (np.ones(4), np.ones(4), r"got \(4,\)"),
        (np.ones((0, 2)), np.ones(0), "at least one sample"),
        (np.ones((4, 2)), np.ones(3), r"each of the 4 samples of X, got the shape \(3,\)"),
        (np.ones((4, 2)), np.ones((4, 2)), r"got the shape \(4, 2\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    features: ArrayLike, labels: ArrayLike, message: str
) -> None:
    with pytest.raises(ShapeError, match=message):
        decision_boundary(right_half, features, labels)


def test_probabilities_in_place_of_labels_are_refused() -> None:
    def probabilities(points: Points) -> Points:
        return np.full((len(points), 3), 1.0 / 3.0)

    with pytest.raises(ShapeError, match=r"got the shape \(5, 3\).*argmax"):
        decision_boundary(probabilities, X, Y)


def test_labels_of_two_kinds_are_refused() -> None:
    with pytest.raises(DataError, match="such as 0, but y has labels such as 'a'; both must"):
        decision_boundary(right_half, X, ["a", "a", "b", "b", "a"])


class Three:
    """Knows three classes, of which the middle one wins nowhere."""

    classes_ = np.array(["a", "b", "c"])

    def predict_proba(self, points: Points) -> Points:
        left = 0.8 / (1.0 + np.exp(points[:, 0]))
        return np.stack([left, np.full(len(points), 0.2), 0.8 - left], axis=1)

    def predict(self, points: Points) -> NDArray[Any]:
        return np.asarray(self.classes_[self.predict_proba(points).argmax(axis=1)])


def test_a_class_that_is_not_drawn_takes_nothing_from_the_others() -> None:
    """The probabilities and the names of the others stay theirs."""
    labels = np.where(X[:, 0] > 0.0, "c", "a")
    figure = decision_boundary(
        Three(), X, labels, resolution=40, class_names=["first", "second", "third"]
    )
    (axes,) = figure.axes
    (bar,) = axes.child_axes
    legend = axes.get_legend()
    assert legend is not None
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts[:2] == ["first", "third"]
    assert bar.get_ylabel() == "probability of the class"  # two do not make up all of it
    assert boundaries(axes)[:, 0] == pytest.approx(0.0, abs=1e-3)
    for names, shown in ((["first", "third"], ["first", "third"]), (None, ["a", "c"])):
        (axes,) = decision_boundary(Three(), X, labels, resolution=20, class_names=names).axes
        legend = axes.get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.get_texts()][:2] == shown
    with pytest.raises(ShapeError, match=r"4 names for the 2 classes \['a', 'c'\]"):
        decision_boundary(Three(), X, labels, class_names=["a", "b", "c", "d"])


@pytest.mark.parametrize("resolution", [1, 0, -3, 2.5, "160", True])
def test_a_resolution_that_is_no_number_of_points_is_refused(resolution: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"at least 2 is needed: resolution=160"):
        decision_boundary(right_half, X, Y, resolution=resolution)
    with pytest.raises(InvalidArgumentError, match=r"at least 2 is needed: resolution=400"):
        fit_curve(lambda x: x[:, 0], [0.0, 1.0], [0.0, 1.0], resolution=resolution)


def test_a_text_is_neither_true_nor_false() -> None:
    with pytest.raises(InvalidArgumentError, match="equal_axes is 'no', but True or False"):
        decision_boundary(right_half, X, Y, equal_axes="no")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="log_scale is 'no', but True or False"):
        loss_curve({"loss": [0.5, 0.4]}, log_scale="no")  # type: ignore[arg-type]


def test_too_few_class_names_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"1 names for the 2 classes \[0, 1\]"):
        decision_boundary(right_half, X, Y, class_names=["only"])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_feature_that_is_no_number_is_named(bad: float) -> None:
    features = X.copy()
    features[3, 1] = bad
    with pytest.raises(DataError, match=rf"X\[3, 1\] is {bad}"):
        decision_boundary(right_half, features, Y)


# Confusion table


def test_rows_of_a_confusion_table_are_the_true_classes() -> None:
    (axes,) = confusion_table_plot([[9, 1], [3, 10]], ["cat", "dog"]).axes
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells == {(0, 0): "9", (1, 0): "1", (0, 1): "3", (1, 1): "10"}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]
    assert axes.get_ylim() == (1.5, -0.5)  # the first class on top
    shares = np.asarray(axes.images[0].get_array())
    assert shares[0] == pytest.approx([0.9, 0.1])


def test_a_confusion_table_knows_its_names() -> None:
    table = confusion_table(["b", "a", "b"], ["b", "b", "a"])
    (axes,) = confusion_table_plot(table).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b"]
    (unnamed,) = confusion_table_plot(table.counts).axes
    assert [label.get_text() for label in unnamed.get_xticklabels()] == ["0", "1"]


@pytest.mark.parametrize("path", ["cm.svg", Path("cm.svg")])
def test_a_path_in_the_place_of_the_names_is_refused(path: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"table, path='cm.svg'"):
        confusion_table_plot([[1, 0], [0, 1]], path)


def test_long_names_of_classes_are_turned_about_their_ends() -> None:
    names = ["versicolor of the north and of the south", "setosa"]
    (axes,) = confusion_table_plot([[9, 1], [3, 10]], names).axes
    for label in axes.get_xticklabels():
        assert (
            label.get_horizontalalignment(),
            label.get_rotation(),
            label.get_rotation_mode(),
        ) == (*("right", 30.0, "anchor"),)
        assert len(label.get_text()) <= 24


# The health of a network


def test_the_health_of_each_layer_is_a_line() -> None:
    monitor = HealthMonitor(lambda model: model([1.0]) ** 2)
    model = MLP(1, [3, 1], activation="tanh", rng=0)
    fit(model, [[0.0], [1.0]], [0.0, 1.0], epochs=4, callbacks=[monitor], log_every=None)
    figure = health_curves(monitor)
    panels = figure.axes
    assert [axes.get_title("left") for axes in panels] == [
        *("norm of the gradients", "norm of the weights", "update / weight", "dead units")
    ]
    norms = [report.layers[1].gradient_norm for report in monitor.reports]
    assert curves(panels[0])["layers.1"] == norms
    assert [text.get_text() for text in panels[3].texts] == ["no relu layers"]
    assert panels[3].get_xticks().size == panels[3].get_yticks().size == 0
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["layers.0", "layers.1"]
    assert not any(axes.get_legend() for axes in panels)


def test_epochs_of_a_short_training_are_whole_numbers() -> None:
    monitor = HealthMonitor(lambda model: model([1.0]) ** 2)
    model = MLP(1, [3, 1], activation="tanh", rng=0)
    fit(model, [[0.0], [1.0]], [0.0, 1.0], epochs=2, callbacks=[monitor], log_every=None)
    ticks = [tick for axes in health_curves(monitor).axes for tick in axes.get_xticks()]
    assert 1.0 in ticks
    assert all(tick == round(tick) for tick in ticks)


@pytest.mark.parametrize(
    "plot",
    [
        lambda path: loss_curve({"loss": [1.7e9 + 0.5, 1.7e9 + 0.3, 1.7e9 + 0.1]}, path),
        lambda path: loss_curve({"loss": [0.693147180559 + 1e-11 * i for i in range(5)]}, path),
        lambda path: decision_boundary(
            lambda X: (X[:, 0] > 1.7e9).astype(int),
            [[1.7e9 + 1e-3, 20.0], [1.7e9, 20.001]],
            [0, 1],
            path,
        ),
    ],
)
def test_no_axis_hides_an_offset_in_its_corner(plot: Any, tmp_path: Path) -> None:
    for axes in plot(tmp_path / "plot.svg").axes:
        for axis in (axes.xaxis, axes.yaxis):
            assert "+" not in axis.get_offset_text().get_text()
            shown = [label.get_text() for label in axis.get_ticklabels() if label.get_text()]
            assert len(set(shown)) == len(shown)


def test_a_legend_has_a_ground_that_keeps_lines_off_its_words() -> None:
    legend = loss_curve({"loss": [0.9, 0.5], "validation_loss": [0.9, 0.6]}).axes[0].get_legend()
    assert legend is not None
    assert legend.get_frame_on()
    assert legend.get_frame().get_alpha() == 0.85
    assert legend.get_frame().get_facecolor()[:3] == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("theme", ["light", "Dark"])
def test_lines_part_the_cells_of_a_confusion_table(theme: str) -> None:
    (axes,) = confusion_table_plot([[9, 1], [0, 0]], ["cat", "dog"], theme=theme).axes
    lines = [tick.gridline.get_visible() for tick in axes.xaxis.get_minor_ticks()]
    assert lines == [True, True, True]


def test_a_class_that_never_occurs_has_an_empty_row() -> None:
    (axes,) = confusion_table_plot([[9, 1], [0, 0]], ["cat", "dog"]).axes
    assert np.asarray(axes.images[0].get_array())[1].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("counts", [[[1, 2, 3], [4, 5, 6]], [1, 2], np.ones((3, 3))])
def test_a_table_that_does_not_fit_its_names_is_refused(counts: ArrayLike) -> None:
    with pytest.raises(ShapeError, match="2 classes"):
        confusion_table_plot(counts, ["cat", "dog"])


def test_characters_that_the_font_lacks_are_named_with_the_remedy(tmp_path: Path) -> None:
    names = [CAT, DOG]
    with pytest.warns(UserWarning, match=r"lacks the characters . ., .*font\.sans-serif") as caught:
        decision_boundary(right_half, X, Y, tmp_path / "boundary.png", class_names=names)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert all(name in str(caught[0].message) for name in names)
    assert (tmp_path / "boundary.png").exists()


def test_an_svg_has_the_letters_themselves_and_needs_no_such_warning(tmp_path: Path) -> None:
    decision_boundary(right_half, X, Y, tmp_path / "boundary.svg", class_names=[CAT, DOG])
    assert {CAT, DOG} <= set(letters(tmp_path / "boundary.svg"))
