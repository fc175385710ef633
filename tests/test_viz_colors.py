"""Colors of drawings: letters and lines stand out, and who does not tell hues apart reads the rest.

The pairs of colors are those of real SVGs of every detail: of each text the ground under it, of
each line and border what lies around it. Color blindness is simulated with the matrices of Machado,
Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency",
2009, for linear RGB at severity 1; distances are those of CIELAB, CIE 1976.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import Any, Final
from xml.etree import ElementTree

import numpy as np
import pytest

import viz
from tests.circle_pictures import SVG
from tests.test_viz_circles_steps import Residual, normalized
from tinygrad_mlp import MLP, Value, functional
from viz._style.themes import DARK, LIGHT, Theme

THEMES: Final = [pytest.param(LIGHT, id="light"), pytest.param(DARK, id="dark")]

DEFICIENCIES: Final = {
    "none": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}

TO_XYZ: Final = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
WHITE: Final = np.array([0.95047, 1.0, 1.08883])

Color = np.ndarray[Any, Any]


def linear(color: str) -> Color:
    """Linear RGB of #rrggbb."""
    values = np.array([int(color[place : place + 2], 16) / 255.0 for place in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(first: str, second: str) -> float:
    """The ratio of WCAG 2.1."""
    low, high = sorted([float(TO_XYZ[1] @ linear(color)) for color in (first, second)])
    return (high + 0.05) / (low + 0.05)


def lab(color: str, deficiency: str) -> Color:
    seen = np.clip(DEFICIENCIES[deficiency] @ linear(color), 0.0, 1.0)
    t = TO_XYZ @ seen / WHITE
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(first: str, second: str, deficiency: str) -> float:
    return float(np.linalg.norm(lab(first, deficiency) - lab(second, deficiency)))


def test_the_measures_are_those_of_the_books() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0, abs=1e-4)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)  # WCAG's own example
    assert lab("#ff0000", "none") == pytest.approx([53.24, 80.09, 67.20], abs=0.05)
    for matrix in DEFICIENCIES.values():
        assert matrix.sum(axis=1) == pytest.approx(1.0, abs=2e-6)  # gray stays gray
    assert distance("#ff0000", "#00a000", "none") > 100.0
    assert distance("#c04000", "#6d6d00", "protanopia") < distance("#c04000", "#6d6d00", "none")


# Pairs of colors in SVGs


@dataclass
class Box:
    """A filled shape and the ground that it covers."""

    fill: str
    left: float
    top: float
    right: float
    bottom: float

    def holds(self, xs: list[float], ys: list[float]) -> bool:
        beside = self.left > min(xs) or max(xs) > self.right
        return not beside and self.top <= min(ys) and max(ys) <= self.bottom


@dataclass
class Pairs:
    """The colors of letters on their grounds, and of lines on theirs."""

    letters: dict[tuple[str, str], str] = field(default_factory=dict)
    lines: dict[tuple[str, str], str] = field(default_factory=dict)


def numbers(element: ElementTree.Element, *names: str) -> list[float]:
    return [float(element.get(name, 0)) for name in names]


def points_of(shape: ElementTree.Element) -> tuple[list[float], list[float]]:
    """The x and the y of what a shape spans."""
    tag = shape.tag.removeprefix(SVG)
    if tag == "line":
        x1, x2, y1, y2 = numbers(shape, "x1", "x2", "y1", "y2")
        return [x1, x2], [y1, y2]
    if tag == "rect":
        x, y, width, height = numbers(shape, "x", "y", "width", "height")
        return [x, x + width], [y, y + height]
    if tag in ("circle", "ellipse"):
        x, y = numbers(shape, "cx", "cy")
        rx, ry = numbers(shape, *(("r", "r") if tag == "circle" else ("rx", "ry")))
        return [x - rx, x + rx], [y - ry, y + ry]
    found = re.findall(r"-?[\d.]+", shape.get("points") or shape.get("d") or "")
    values = [float(number) for number in found]
    return values[::2], values[1::2]


def pairs_of(svg: str) -> Pairs:
    """What stands on what: of a text what is under its first letters, of a shape what holds it."""
    pairs = Pairs()
    boxes: list[Box] = []
    root = ElementTree.fromstring(svg)
    hidden = {x for text in root.iter(f"{SVG}title") for x in text.iter()}
    for element in root.iter():
        if element in hidden:
            continue
        tag = element.tag.removeprefix(SVG)
        if tag == "text":
            x, y = numbers(element, "x", "y")
            size = float(element.get("font-size", 10))
            name = "".join(element.itertext())
            anchor = element.get("text-anchor")
            x += {"middle": 0.0, "end": -1.0}.get(anchor or "", 1.0) * 0.3 * size
            pair = element.get("fill", "#000000"), ground(boxes, [x], [y - 0.3 * size])
            if name.strip():  # a legend may draw a line in letters
                (pairs.lines if set(name) == {"━"} else pairs.letters)[pair] = name
        elif tag in ("line", "rect", "circle", "ellipse", "polygon", "path", "polyline"):
            xs, ys = points_of(element)
            stroke = element.get("stroke", "none")
            if stroke.startswith("#"):
                around = ground(boxes, xs, ys)
                if stroke != around and stroke != element.get("fill"):
                    pairs.lines[(stroke, around)] = tag
            fill = element.get("fill", "none")
            if fill.startswith("#"):
                boxes.append(Box(fill, min(xs), min(ys), max(xs), max(ys)))
    return pairs


def ground(boxes: list[Box], xs: list[float], ys: list[float]) -> str:
    """The fill of the last shape on which all of these points lie."""
    return next((box.fill for box in reversed(boxes) if box.holds(xs, ys)), boxes[0].fill)


def test_pairs_are_read_as_they_lie() -> None:
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg"><rect width="90" height="90" fill="#ffffff"/>'
        '<circle cx="20" cy="20" r="9" fill="#eeeeee" stroke="#111111"/>'
        '<text x="20" y="22" text-anchor="middle" font-size="8" fill="#222222">a</text>'
        '<text x="50" y="22" text-anchor="middle" font-size="8" fill="#333333">b</text></svg>'
    )
    pairs = pairs_of(svg)
    assert pairs.letters == {("#222222", "#eeeeee"): "a", ("#333333", "#ffffff"): "b"}
    assert pairs.lines == {("#111111", "#ffffff"): "circle"}


def subjects() -> Iterator[tuple[Any, dict[str, Any]]]:
    model = MLP(3, [4, 2], activation="tanh", rng=0)
    model.layers[0].neurons[0].w[0].data = 300.0  # a unit that is saturated: delta is 0
    x = [Value(v, label=f"x{place + 1}") for place, v in enumerate([0.5, -1.0, 2.0])]
    outputs = model.forward(x)
    loss = functional.sum([(y - 0.3) ** 2 for y in outputs])
    loss.backward()
    for detail in ("circles", "ops", "neurons", "layers"):
        for color in ("kind", "gradient"):
            yield loss, {"detail": detail, "color": color, "highlight": outputs[0]}
        yield model, {"detail": detail}
    for style in ("page", "slide"):
        yield loss, {"detail": "circles", "style": style}
    yield loss, {"detail": "circles", "show": "weights"}
    yield Residual(), {"detail": "circles"}
    yield normalized("relu"), {"detail": "circles"}
    yield normalized("relu"), {"detail": "layers"}


@pytest.mark.parametrize("theme", THEMES)
def test_letters_and_lines_stand_out_in_drawings_of_every_detail(theme: Theme) -> None:
    n_letters = n_lines = 0
    for value, options in subjects():
        pairs = pairs_of(str(viz.to_svg(value, theme=theme, **options)))
        for (color, under), text in pairs.letters.items():
            assert contrast(color, under) >= 4.5, (options, text, color, under)
        for (color, under), tag in pairs.lines.items():
            assert contrast(color, under) >= 3.0, (options, tag, color, under)
        n_letters += len(pairs.letters)
        n_lines += len(pairs.lines)
    assert n_letters > 60
    assert n_lines > 60


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_signs_and_kinds_are_told_apart_without_some_hues(theme: Theme, deficiency: str) -> None:
    assert distance(theme.positive, theme.negative, deficiency) > 60.0
    for first, second in combinations(("input", "parameter", "output"), 2):
        borders = theme.roles[first].border, theme.roles[second].border
        assert distance(*borders, deficiency) > 15.0, (first, second)
    for hue in ("input", "parameter", "output"):
        for gray in ("operation", "constant", "buffer"):
            borders = theme.roles[hue].border, theme.roles[gray].border
            assert distance(*borders, deficiency) > 15.0, (hue, gray)
    for lower, higher in pairwise([theme.roles["operation"], *theme.ramp]):
        apart = [distance(lower.fill, higher.fill, deficiency),
                 distance(lower.border, higher.border, deficiency)]  # fmt: skip
        assert max(apart[: 2 if lower is theme.roles["operation"] else 1]) > 4.0, (lower, higher)
    lightness = [lab(paint.fill, deficiency)[0] for paint in theme.ramp]
    assert lightness == sorted(lightness, reverse=theme is LIGHT)
