"""How every kind of plot looks: on a slide, in both themes, as an SVG, and in a notebook."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from tests.seen_colors import contrast
from tests.svg_letters import hex_of, letters
from tinygrad_mlp.data import make_moons
from tinygrad_mlp.debug import HealthMonitor
from tinygrad_mlp.errors import UnknownNameError
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import RateSearch, fit
from viz import plots
from viz._plots.figure import Plot, _distance, _shorter_outline, rendered
from viz._plots.plot_colors import PLOT_THEMES

X, Y = make_moons(40, noise=0.2, rng=0)


def trained() -> tuple[MLP, Any, HealthMonitor]:
    monitor = HealthMonitor(lambda model: model([1.0, 2.0]) ** 2)
    model = MLP(2, [5, 4, 1], activation="relu", rng=0)
    history = fit(
        model,
        *(X, Y),
        epochs=30,
        batch_size=10,
        optimizer="adam",
        learning_rate=0.05,
        validation_data=(X[:10], Y[:10]),
        callbacks=[monitor],
        rng=0,
        log_every=None,
    )
    model([1.0, 2.0]).backward()
    return model, history, monitor


MODEL, HISTORY, MONITOR = trained()
LINE: Final = np.linspace(-2.0, 2.0, 21)
HALF: Final = (LINE > 0.3).astype(int)


class Logistic:
    def predict_proba(self, points: Any) -> Any:
        p = 1.0 / (1.0 + np.exp(-2.0 * points[:, 0]))
        return np.stack([1.0 - p, p], axis=1)

    def predict(self, points: Any) -> Any:
        return self.predict_proba(points).argmax(axis=1)


def rate_search() -> RateSearch:
    rates = np.geomspace(1e-7, 10.0, 80)
    losses = np.where(rates < 1.0, 0.8 - 0.3 * rates, rates)
    return RateSearch(rates, losses, losses, first=0.8)


PLOTS: Final[dict[str, Callable[..., Figure]]] = {
    "loss": lambda path=None, **look: plots.loss_curve(HISTORY, path, title="a title", **look),
    "runs": lambda path=None, **look: plots.loss_curve({"a": HISTORY, "b": HISTORY}, path, **look),
    "boundary": lambda path=None, **look: plots.decision_boundary(
        MODEL, X, Y, path, title="a title", **look
    ),
    "answers": lambda path=None, **look: plots.decision_boundary(
        lambda points: (points[:, 0] > 0.5).astype(int), X, Y, path, **look
    ),
    "table": lambda path=None, **look: plots.confusion_table_plot(
        [[90, 1, 0], [5, 5, 3], [4, 4, 2]], ["cat", "dog", "owl"], path, **look
    ),
    "heat": lambda path=None, **look: plots.heat_map(
        [[0.5, -12.0, 3.0]], ["leaky_relu"], ["He", "Glorot", "N(0, 0.01)"], path, **look
    ),
    "health": lambda path=None, **look: plots.health_curves(MONITOR, path, **look),
    "activations": lambda path=None, **look: plots.activation_histograms(MODEL, X, path, **look),
    "gradients": lambda path=None, **look: plots.gradient_histograms(MODEL, path, **look),
    "weights": lambda path=None, **look: plots.weight_images(MODEL, path, **look),
    "images": lambda path=None, **look: plots.weight_images(
        MLP(16, [20], rng=0), path, image_shape=(4, 4), **look
    ),
    "rates": lambda path=None, **look: plots.learning_rate_curve(rate_search(), path, **look),
    "fit": lambda path=None, **look: plots.fit_curve(
        lambda x: x[:, 0] ** 2, LINE, LINE**2, path, validation_data=(LINE, LINE**2 + 0.1), **look
    ),
    "logistic": lambda path=None, **look: plots.fit_curve(Logistic(), LINE, HALF, path, **look),
}


def every_text(figure: Figure) -> list[Text]:
    """The texts that are seen, with the letters inside the picture drawn."""
    figure.canvas.draw()
    found = figure.findobj(Text, include_self=False)
    return [text for text in found if text.get_visible() and text.get_text().strip()]


# Slides


@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)
def test_a_slide_is_1280_x_720_with_letters_of_24_pixels(
    plot: Callable[..., Figure], tmp_path: Path
) -> None:
    plot(tmp_path / "slide.svg", style="slide")
    root = ElementTree.fromstring((tmp_path / "slide.svg").read_bytes())
    width, height = (root.get(name, "") for name in ("width", "height"))
    assert (width, height) == ("960pt", "540pt")  # of which a screen has 96 pixels for 72
    assert root.get("viewBox") == "0 0 960 540"
    written = letters(tmp_path / "slide.svg")
    assert len(written) > 3
    assert min(written.values()) * 96.0 / 72.0 >= 24.0, min(written, key=lambda t: written[t])


@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)
@pytest.mark.parametrize("style", ["page", "slide"])
def test_no_letters_leave_the_picture(plot: Callable[..., Figure], style: str) -> None:
    figure = plot(style=style)
    figure.draw_without_rendering()
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert min(box.x0, box.y0, width - box.x1, height - box.y1) > 0.0, box


def test_a_style_is_page_or_slide() -> None:
    assert plots.loss_curve(HISTORY, style="Slide").get_size_inches() == pytest.approx(
        [1280 / 96, 720 / 96]
    )
    for plot in PLOTS.values():
        with pytest.raises(UnknownNameError, match=r"style.*page, slide"):
            plot(style="poster")


def test_a_table_of_many_classes_on_a_slide_has_shares_instead_of_counts() -> None:
    for n_classes, n_texts in ((12, 144), (13, 0)):
        axes = plots.confusion_table_plot(np.eye(n_classes), style="slide").axes[0]
        assert len(axes.texts) == n_texts
    page = plots.confusion_table_plot(np.eye(13))
    assert len(page.axes) == 1
    assert len(page.axes[0].texts) == 169


def test_many_histograms_take_several_rows() -> None:
    deep = MLP(2, [2] * 5, rng=0)
    page, slide = (plots.activation_histograms(deep, X, style=style) for style in ("page", "slide"))
    grids: list[Any] = [figure.axes[0].get_gridspec() for figure in (page, slide)]
    assert [grid.get_geometry() for grid in grids] == [(2, 4), (2, 3)]
    shown = [axes for axes in page.axes if axes.get_visible()]
    assert [axes.get_title("left") for axes in shown] == [f"layers.{i}" for i in range(5)]
    assert [axes.get_ylabel() for axes in shown] == ["count", "", "", "", "count"]
    assert [axes.get_xlabel() for axes in shown] == ["", *["activation"] * 4]


@pytest.mark.parametrize("style", ["page", "slide"])
def test_the_notes_of_a_histogram_stand_above_its_bars(style: str) -> None:
    high = MLP(2, [20], activation="relu", rng=0)
    for neuron in high.layers[0].neurons:  # all numbers at the right end, below the notes
        neuron.b.data = 5.0
    (axes,) = plots.activation_histograms(high, np.zeros((9, 2)), style=style).axes
    axes.figure.draw_without_rendering()  # type: ignore[union-attr]
    (notes,) = axes.texts
    bars: list[Any] = list(axes.patches)
    assert notes.get_window_extent().y0 > max(bar.get_window_extent().y1 for bar in bars)


# Contrast


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)
def test_all_letters_have_a_contrast_of_4_5_and_all_curves_of_3(
    plot: Callable[..., Figure], theme: str
) -> None:
    ground = PLOT_THEMES[theme].background
    figure = plot(theme=theme)
    for text in every_text(figure):
        behind = ground
        if text.axes is not None and text in text.axes.texts and text.axes.images:
            x, y = text.get_position()
            image: Any = text.axes.images[0]
            behind = hex_of(image.cmap(image.norm(image.get_array()[int(y), int(x)])))
        assert contrast(hex_of(text.get_color()), behind) >= 4.5, text.get_text()
    lines = [line for axes in figure.axes for line in axes.lines]
    assert all(contrast(hex_of(line.get_color()), ground) >= 3.0 for line in lines)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_color_of_the_palette_stands_out(theme: str) -> None:
    look = PLOT_THEMES[theme]
    assert len(set(look.palette)) == 8
    assert all(contrast(color, look.background) >= 3.0 for color in look.palette)
    for share in np.linspace(0.0, 1.0, 101):
        for index in range(8):
            ground = look.pale(index, float(share))
            assert contrast(look.letters_on(ground), ground) >= 4.5, (index, share)
    for index in range(8):  # the line between two classes, on the fullest shade
        assert contrast(look.ink, look.pale(index, 0.46)) >= 3.0


def test_who_sees_no_colors_tells_curves_by_marks_and_dashes() -> None:
    validation = plots.loss_curve(HISTORY).axes[0].lines
    assert [line.get_linestyle() for line in validation if str(line.get_label())[0] != "_"][:2] == [
        *("-", "--")
    ]
    axes = plots.loss_curve({"a": HISTORY, "b": HISTORY}).axes[0]
    runs = axes.lines
    marks = {line.get_label(): line.get_marker() for line in runs}
    assert marks["a, training"] == "o"
    assert marks["b, training"] == "s"
    inside = {line.get_label(): line.get_markerfacecolor() for line in runs}
    color = {line.get_label(): line.get_color() for line in runs}
    assert inside["b, training"] == color["b, training"] == color["b, validation"]
    background = to_hex(axes.get_facecolor())
    assert inside["a, validation"] == inside["b, validation"] == background
    layers = plots.health_curves(MONITOR).axes[0].lines
    assert [line.get_marker() for line in layers] == ["o", "s", "^"]
    three = plots.fit_curve(ThreeSteps(), LINE, np.digitize(LINE, [-1, 1])).axes[0].lines
    assert [line.get_linestyle() for line in three] == ["-", "--", "-."]


class ThreeSteps:
    classes_ = (0, 1, 2)

    def predict(self, points: Any) -> Any:
        return np.digitize(points[:, 0], [-1.0, 1.0])


# Files


@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)
def test_an_svg_is_small_its_letters_are_letters_and_a_notebook_shows_the_same(
    plot: Callable[..., Figure], tmp_path: Path
) -> None:
    figure = plot(tmp_path / "plot.svg")
    content = (tmp_path / "plot.svg").read_bytes()
    assert len(content) < 100_000
    written = set(letters(tmp_path / "plot.svg"))
    labels = {a.get_xlabel() for a in figure.axes} | {a.get_ylabel() for a in figure.axes}
    assert labels - {""} <= written
    root = ElementTree.fromstring(content)
    fonts = "'DejaVu Sans', 'Verdana', 'Helvetica', 'Arial', sans-serif"
    if b"px 'DejaVu" in content:  # before matplotlib 3.10 in one word with the size
        assert content.count(b"px 'DejaVu") == content.count(f"px {fonts}".encode())
    else:
        assert root.get("font-family") == fonts
        assert b"font-family:" not in content
    without_a_path: Any = plot()
    assert isinstance(without_a_path, Plot)
    assert without_a_path._repr_svg_() == content.decode("utf-8")
    assert plot()._mime_() == ("image/svg+xml", content.decode("utf-8"))  # type: ignore[attr-defined]


def test_a_font_that_a_person_has_chosen_comes_first(tmp_path: Path) -> None:
    with mpl.rc_context({"font.sans-serif": ["DejaVu Sans Mono"]}):
        plots.loss_curve(HISTORY, tmp_path / "plot.svg")
    content = (tmp_path / "plot.svg").read_text("utf-8")
    assert "'DejaVu Sans Mono', 'DejaVu Sans', 'Verdana'" in content


def test_a_shorter_outline_is_the_same_outline() -> None:
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(400, 2)) * np.array([1.0, 0.02])
    straight = np.cumsum(np.abs(steps), axis=0)
    turn = np.stack([40.0 * np.cos(steps[:, 0]), 40.0 * np.sin(steps[:, 0])], axis=1)
    for points in (straight, turn, np.repeat(straight[:9], 3, axis=0)):
        text = "M " + "\nL ".join(f"{x:.6f} {y:.6f}" for x, y in points) + "\nz\n"
        short = _shorter_outline(text)
        numbers = np.array(re.findall(r"-?[\d.]+", short), float).reshape(-1, 2)
        assert len(short) < 0.8 * len(text)
        assert numbers[0] == pytest.approx(points[0], abs=0.006)
        assert numbers[-1] == pytest.approx(points[-1], abs=0.006)
        kept = [complex(x, y) for x, y in numbers]
        for x, y in points:
            away = min(_distance(complex(x, y), a, b) for a, b in pairwise(kept))
            assert away < 0.04 + 0.008  # and the rounding


def test_curves_stay_curves_in_a_shorter_outline() -> None:
    text = (
        "M 0 3 \nC 0.795609 3 1.55874 2.683901 2.12132 2.12132 \nL 5 5 \nL 9 2 \nz\nM 1 1 \nL 2 2\n"
    )
    assert _shorter_outline(text) == "M0 3C0.8 3 1.56 2.68 2.12 2.12L5 5 9 2zM1 1 2 2"


def test_many_samples_are_pixels_in_an_svg(tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(size=(3001, 2))

    def right(points: Any) -> Any:
        return (points[:, 0] > 0).astype(int)

    for n_samples, images in ((3000, 0), (3001, 1)):
        some = points[:n_samples]
        plots.decision_boundary(right, some, right(some), tmp_path / "many.svg", resolution=20)
        content = (tmp_path / "many.svg").read_bytes()
        assert content.count(b"<image") == images
        x = some[:, 0]
        plots.fit_curve(lambda x: x[:, 0], x, x, tmp_path / "many.svg")
        assert (tmp_path / "many.svg").read_bytes().count(b"<image") == images


@pytest.mark.parametrize(
    ("losses", "shown"),
    [([1.0, 0.02], ["0.02", "0.05", "0.1", "0.2", "0.5", "1"]), ([1.0, 1e-6], ["0.0001", "0.01"])],
)
def test_numbers_of_a_logarithmic_axis_are_written_out(
    losses: list[float], shown: list[str]
) -> None:
    axes = plots.loss_curve({"loss": losses}, log_scale=True).axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert set(shown) <= set(labels)
    assert not any("$" in label for label in labels)


# In a notebook


def test_a_plot_goes_through_pickle() -> None:
    figure = plots.loss_curve(HISTORY)
    assert rendered(pickle.loads(pickle.dumps(figure)), "svg") == rendered(figure, "svg")
