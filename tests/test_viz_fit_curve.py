"""A model of one feature as a curve: its numbers are those of the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from matplotlib.axes import Axes
from numpy.typing import NDArray

from tests.svg_letters import hex_of
from tinygrad_mlp.errors import DataError, ShapeError
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import fit, predict, predict_proba
from viz._plots.plot_colors import PLOT_THEMES
from viz.plots import fit_curve

Floats = NDArray[np.float64]

LOOK: Final = PLOT_THEMES["light"]
X: Final = np.linspace(-2.0, 2.0, 12)
HELD_OUT: Final = np.linspace(-1.9, 3.0, 5)


def doubled(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(2.0 * x[:, 0])


def points(axes: Axes) -> dict[str, list[list[float]]]:
    """The samples of each entry of the legend."""
    return {
        str(marks.get_label()): np.asarray(marks.get_offsets()).round(9).tolist()
        for marks in axes.collections
    }


def pairs(x: Any, y: Any) -> list[list[float]]:
    return np.stack([x, y], axis=1).round(9).tolist()  # type: ignore[no-any-return]


def test_the_curve_of_a_regression_is_what_the_model_predicts() -> None:
    model = MLP(1, [6, 1], activation="tanh", rng=0)
    fit(model, X[:, None], np.sin(X), epochs=30, optimizer="adam", rng=0, log_every=None)
    (axes,) = fit_curve(
        model,
        X,
        np.sin(X),
        validation_data=(HELD_OUT[:, None], np.cos(HELD_OUT)[:, None]),
        feature_name="angle",
        target_name="$height$",
        resolution=50,
    ).axes
    (curve,) = axes.lines
    x, y = (np.asarray(numbers) for numbers in curve.get_data())
    assert x == pytest.approx(np.linspace(-2.4, 3.4, 50))  # 8% beyond all samples
    assert y == pytest.approx(predict(model, x[:, None]), rel=1e-12)
    assert axes.get_xlim() == pytest.approx((-2.4, 3.4))
    assert points(axes) == {
        "training": pairs(X, np.sin(X)),
        "held out": pairs(HELD_OUT, np.cos(HELD_OUT)),
    }
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("angle", r"\$height\$")
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["model", "training", "held out"]


def test_held_out_points_are_hollow_and_have_marks_of_their_own() -> None:
    held_out = (HELD_OUT, HELD_OUT)
    training, held = fit_curve(doubled, X, X, validation_data=held_out).axes[0].collections
    assert hex_of(training.get_facecolor()[0]) == LOOK.color(1)
    assert hex_of(held.get_facecolor()[0]) == LOOK.background
    assert hex_of(held.get_edgecolor()[0]) == LOOK.color(2)
    outlines: list[Any] = [marks.get_paths()[0].vertices for marks in (training, held)]
    shapes = [len(outline) for outline in outlines]
    assert shapes[0] != shapes[1]


def test_of_two_classes_the_curve_is_the_probability_of_the_second() -> None:
    labels = np.where(X > 0.1, "yes", "no")
    model = MLP(1, [4, 1], activation="tanh", rng=0)
    fit(model, X[:, None], labels, epochs=30, optimizer="adam", rng=0, log_every=None)
    held = (np.array([-1.0, 0.5, 1.0]), np.array(["yes", "yes", "no"]))
    (axes,) = fit_curve(model, X, labels, validation_data=held, resolution=40).axes
    curve, middle = axes.lines
    x, y = (np.asarray(numbers) for numbers in curve.get_data())
    assert y == pytest.approx(predict_proba(model, x[:, None])[:, 1], rel=1e-12)
    assert np.asarray(middle.get_ydata()).tolist() == [0.5, 0.5]
    assert axes.get_ylabel() == "probability of yes"
    assert points(axes) == {
        "no": pairs(X[X <= 0.1], 0.0 * X[X <= 0.1]),
        "yes": pairs(X[X > 0.1], 1.0 + 0.0 * X[X > 0.1]),
        "no, held out": [[1.0, 0.0]],
        "yes, held out": [[-1.0, 1.0], [0.5, 1.0]],
    }
    assert hex_of(curve.get_color()) == LOOK.color(1)


def test_of_two_classes_among_three_each_has_its_own_curve() -> None:
    labels = np.digitize(X, [-0.7, 0.7])
    model = MLP(1, [4, 3], activation="tanh", rng=0)
    fit(model, X[:, None], labels, epochs=30, optimizer="adam", rng=0, log_every=None)
    few = labels < 2
    names = ["low", "middle", "high"]
    constant = OnlyOf(model, [0, 1])
    (axes,) = fit_curve(constant, X[few], labels[few], resolution=40, class_names=names).axes
    x = np.asarray(axes.lines[0].get_xdata())
    expected = predict_proba(model, x[:, None])
    assert len(axes.lines) == 2  # and no line at 0.5, where nothing changes
    for index, curve in enumerate(axes.lines):
        assert np.asarray(curve.get_ydata()) == pytest.approx(expected[:, index], rel=1e-12)
    assert axes.get_ylabel() == "probability"
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["low", "middle"]


class OnlyOf:
    """A model that answers with some of its classes alone."""

    classes_ = (0, 1, 2)

    def __init__(self, model: MLP, classes: list[int]) -> None:
        self.model, self.classes = model, classes

    def predict_proba(self, points: Floats) -> Floats:
        return predict_proba(self.model, points)

    def predict(self, points: Floats) -> Floats:
        return np.asarray(self.predict_proba(points)[:, self.classes].argmax(axis=1))


def test_of_several_classes_there_is_a_curve_for_each() -> None:
    labels = np.digitize(X, [-0.7, 0.7])
    model = MLP(1, [4, 3], activation="tanh", rng=0)
    fit(model, X[:, None], labels, epochs=30, optimizer="adam", rng=0, log_every=None)
    (axes,) = fit_curve(model, X, labels, resolution=40, class_names=["a", "b", "c"]).axes
    x = np.asarray(axes.lines[0].get_xdata())
    expected = predict_proba(model, x[:, None])
    for index, curve in enumerate(axes.lines):
        assert np.asarray(curve.get_ydata()) == pytest.approx(expected[:, index], rel=1e-12)
        assert curve.get_color() == LOOK.color(index)
    assert len(axes.lines) == 3
    assert axes.get_ylabel() == "probability"
    heights = {name: {y for _, y in places} for name, places in points(axes).items()}
    assert heights == {"a": {-0.07}, "b": {-0.14}, "c": {-0.21}}
    assert axes.get_ylim() == pytest.approx((-0.28, 1.05))
    assert axes.get_yticks().tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_a_classifier_without_probabilities_has_steps() -> None:
    labels = np.where(X > 0.0, "b", "a")
    (axes,) = fit_curve(lambda x: np.where(x[:, 0] > 0.5, "b", "a"), X, labels).axes
    x, y = (np.asarray(numbers) for numbers in axes.lines[0].get_data())
    assert y.tolist() == (x > 0.5).astype(float).tolist()
    assert axes.get_ylabel() == "answer: b"

    model = MLP(1, [1], rng=0)
    fit(model, X[:, None], (X > 0.0).astype(int), loss="hinge", epochs=5, log_every=None)
    (axes,) = fit_curve(model, X, (X > 0.0).astype(int)).axes
    x, y = (np.asarray(numbers) for numbers in axes.lines[0].get_data())
    assert y.tolist() == predict(model, x[:, None]).tolist()
    assert axes.get_ylabel() == "answer: 1"


@pytest.mark.filterwarnings("ignore:scipy.optimize:DeprecationWarning")  # of older ones
def test_a_model_of_scikit_learn_is_asked_itself() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    labels = (X > 0.1).astype(int)
    classifier = linear_model.LogisticRegression().fit(X[:, None], labels)
    (axes,) = fit_curve(classifier, X, labels).axes
    x, y = (np.asarray(numbers) for numbers in axes.lines[0].get_data())
    assert y == pytest.approx(classifier.predict_proba(x[:, None])[:, 1], rel=1e-12)
    line = linear_model.LinearRegression().fit(X[:, None], labels)
    (axes,) = fit_curve(line, X, labels).axes
    x, y = (np.asarray(numbers) for numbers in axes.lines[0].get_data())
    assert y == pytest.approx(line.predict(x[:, None]), rel=1e-12)


@pytest.mark.parametrize(
    ("features", "targets", "message"),
    [
        (np.ones((4, 2)), np.ones(4), r"X must have the shape.*got \(4, 2\).*decision_boundary"),
        (np.ones((0, 1)), np.ones(0), r"at least one sample, got \(0,\)"),
        (np.float64(3.0), np.ones(0), r"got \(\)"),
        (np.ones(4), np.ones(3), r"each of the 4 samples of X, got the shape \(3,\)"),
        (np.ones(4), np.ones((4, 2)), r"got the shape \(4, 2\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(features: Any, targets: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        fit_curve(doubled, features, targets)


def test_held_out_samples_are_checked_too() -> None:
    with pytest.raises(ShapeError, match="validation X must have"):
        fit_curve(doubled, X, X, validation_data=(np.ones((3, 2)), np.ones(3)))
    with pytest.raises(ShapeError, match="samples of validation X"):
        fit_curve(doubled, X, X, validation_data=(np.ones(3), np.ones(2)))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_feature_that_is_no_number_is_named(bad: float) -> None:
    features = X.copy()
    features[3] = bad
    with pytest.raises(DataError, match=rf"^X\[3\] is {bad}; drop"):
        fit_curve(doubled, features, X)


def test_several_outputs_are_refused_with_the_call_for_one() -> None:
    with pytest.raises(ShapeError, match=r"got the shape \(400, 2\).*lambda x: predict"):
        fit_curve(lambda x: np.ones((len(x), 2)), X, X)


def test_too_few_class_names_are_refused() -> None:
    labels = np.where(X > 0.0, "b", "a")
    with pytest.raises(ShapeError, match=r"1 names for the 2 classes \['a', 'b'\]"):
        fit_curve(lambda x: np.where(x[:, 0] > 0, "b", "a"), X, labels, class_names=["a"])


def test_a_single_sample_is_drawn(tmp_path: Path) -> None:
    (axes,) = fit_curve(doubled, [1.0], [2.0], tmp_path / "one.png").axes
    assert axes.get_xlim() == (0.0, 2.0)
    assert points(axes) == {"samples": [[1.0, 2.0]]}
