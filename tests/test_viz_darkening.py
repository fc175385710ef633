"""A light drawing that is made dark is the drawing that the dark theme makes."""

from __future__ import annotations

from typing import Any

import pytest

import viz
from tinygrad_mlp import MLP, Value, compile
from tinygrad_mlp.debug import worked_example
from viz._plots.figure import rendered
from viz._plots.plot_colors import contrast
from viz._scene.darkening import COLOR, COUNTERPARTS, darkened
from viz._scene.emphasis import FADED
from viz._style.themes import DARK, LIGHT, mixed


def network() -> Value:
    model = MLP(3, [4, 2], rng=0)
    outputs = model.forward([0.5, -1.0, 2.0])
    loss = (outputs[0] - 1.0) ** 2 + outputs[1] ** 2
    loss.backward()
    return loss


def program() -> Any:
    model = MLP(2, [3, 1], rng=0)
    made = compile(lambda x, t: (model(x) - t) ** 2, model.parameters(), per_sample=True)
    made([[1.0, 2.0], [3.0, 4.0]], [0.0, 1.0])
    return made


@pytest.mark.parametrize(
    "options",
    [
        {"detail": "ops"},
        {"detail": "ops", "color": "gradient"},
        {"detail": "ops", "highlight": ["w5", "L"]},
        {"detail": "ops", "focus": "w1"},
        {"detail": "neurons"},
        {"detail": "layers"},
        {"detail": "circles", "style": "slide"},
        {"detail": "circles", "focus": "w1", "show": ("data", "grad", "weights")},
    ],
    ids=lambda options: " ".join(map(str, options.values())),
)
def test_a_graph_is_that_of_the_dark_theme(options: dict[str, Any]) -> None:
    loss = worked_example()
    loss.backward()
    compare(viz.to_svg(loss, **options), viz.to_svg(loss, theme="dark", **options))


@pytest.mark.parametrize("detail", ["ops", "neurons", "layers"])
def test_a_network_is_that_of_the_dark_theme(detail: str) -> None:
    loss = network()
    compare(viz.to_svg(loss, detail=detail), viz.to_svg(loss, detail=detail, theme="dark"))


def test_a_program_is_that_of_the_dark_theme() -> None:
    made = program()
    compare(viz.to_svg(made), viz.to_svg(made, theme="dark"))


def compare(light: str, dark: str) -> None:
    """The same drawing; where white and black stand for several colors, nearly the same ones."""
    made = darkened(light)
    assert made is not None, "a color that the themes lack"
    assert COLOR.sub("", made) == COLOR.sub("", light) == COLOR.sub("", dark)
    pairs = set(zip(COLOR.findall(made), COLOR.findall(dark), strict=True))
    assert (DARK.background, DARK.background) in pairs
    others = {pair for pair in pairs if pair[0] != pair[1]}
    assert len(others) <= 0.4 * len(pairs)
    for one, other in others:
        assert contrast(one, other) < 1.25, (one, other)


def test_colors_have_their_counterparts() -> None:
    assert COUNTERPARTS[LIGHT.text] == DARK.text
    assert COUNTERPARTS[LIGHT.background] == DARK.background
    assert COUNTERPARTS[LIGHT.roles["output"].ink] == DARK.roles["output"].ink
    assert COUNTERPARTS[LIGHT.ramp[4].fill] == DARK.ramp[4].fill
    faded = mixed(LIGHT.accent, LIGHT.background, FADED)
    assert COUNTERPARTS[faded] == mixed(DARK.accent, DARK.background, FADED)


def test_what_is_not_ours_stays() -> None:
    plot = viz.plots.weight_images(MLP(4, [1], rng=0), image_shape=(2, 2))
    assert darkened(rendered(plot, "svg").decode()) is None
    assert darkened('<rect fill="#ffffff"/><rect fill="#fffffe"/>') is None
    labeled = viz.to_svg(Value(1.0, label="#ffffff") * 2.0)
    assert darkened(labeled) is None, "a text may look like a color"
