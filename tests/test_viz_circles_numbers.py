"""Every number in a picture of circles, read back: from the SVG alone to names and numbers.

A line is told by the circles at its ends, a circle by the name in it. What is read is compared with
a network in NumPy, written out here, to the digits that are shown.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.circle_pictures import SVG, Picture, only, read
from tinygrad_mlp import Value, functional
from tinygrad_mlp.nn import MLP
from viz._style.themes import DARK, LIGHT, Theme

SHAPES: Final = [
    (2, 3, 1),
    (3, 4, 2),
    (1, 1),
    (5, 13, 3),
    (14, 2, 16, 1),
    (4, 12, 12, 2),
    (30, 20, 4),
]
"""Layers with and without a fold."""

Places = dict[str, tuple[float, float, float]]
"""The middle and the radius of each circle, by its name."""


@dataclass
class Reference:
    """The same network in NumPy: what is fed to it, the sums, what comes out, and the deltas."""

    weights: list[np.ndarray[Any, Any]]
    biases: list[np.ndarray[Any, Any]]
    outputs: list[np.ndarray[Any, Any]]
    deltas: list[np.ndarray[Any, Any]]
    loss: float


def drawn(sizes: tuple[int, ...], seed: int) -> tuple[Value, Reference]:
    """A loss, and its reference."""
    rng = np.random.default_rng(seed)
    model = MLP(sizes[0], sizes[1:], activation="tanh", rng=seed)
    for parameter in model.parameters():
        parameter.data = float(rng.normal() * 10.0 ** rng.integers(-3, 1))
        if rng.random() < 0.05:
            parameter.data = 0.0
    x = rng.normal(size=sizes[0]).round(3)
    targets = rng.normal(size=sizes[-1])
    outputs = model.forward([Value(v, label=f"x{i + 1}") for i, v in enumerate(x.tolist())])
    loss = functional.sum([(y - t) ** 2 for y, t in zip(outputs, targets.tolist())])
    loss.label = "L"
    loss.backward()

    weights = [np.array([[w.data for w in n.w] for n in layer.neurons]) for layer in model.layers]
    biases = [np.array([n.b.data for n in layer.neurons]) for layer in model.layers]
    given = [x]
    for place, (w, b) in enumerate(zip(weights, biases, strict=True)):
        z = w @ given[-1] + b
        given.append(np.tanh(z) if place < len(weights) - 1 else z)
    deltas = [2.0 * (given[-1] - targets)]
    for w, h in zip(weights[:0:-1], given[-2:0:-1], strict=True):
        deltas.insert(0, (w.T @ deltas[0]) * (1.0 - h**2))
    return loss, Reference(
        weights, biases, given, deltas, float(((given[-1] - targets) ** 2).sum())
    )


def assert_shown(text: str, x: float, digits: int) -> None:
    """A number as it is shown is the number, to the last digit, of which there are enough."""
    mantissa, _, exponent = text.replace("\N{MINUS SIGN}", "-").partition("e")
    last = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    significant = mantissa.lstrip("-0.").replace(".", "")
    assert abs(read(text) - x) <= 0.5 * last * (1.0 + 1e-9) + 1e-300, (text, x)
    assert len(significant) <= max(digits, len(mantissa.partition(".")[0]))
    assert abs(read(text) - x) <= 0.5 * 10.0 ** (1 - digits) * abs(x) * (1.0 + 1e-9), (text, x)


def name_in(group: ElementTree.Element) -> str:
    return "".join(next(group.iter(f"{SVG}text")).itertext())


def places_of(picture: Picture) -> tuple[Places, list[tuple[float, float]]]:
    """The circles of inputs and units, and the places of the ones."""

    def place(group: ElementTree.Element) -> tuple[float, float, float]:
        circle = only(group, "circle")
        x, y, r = (float(circle.get(key, 0)) for key in ("cx", "cy", "r"))
        return x, y, r

    places = {name_in(g): place(g) for kind in ("input", "unit") for g in picture.groups(kind)}
    assert len(places) == len(picture.groups("input")) + len(picture.groups("unit"))
    return places, [place(group)[:2] for group in picture.groups("one")]


def names_of(reference: Reference, layer: int) -> list[str]:
    """What the circles of a layer are called; of layer 0 the inputs."""
    n = len(reference.outputs[layer])
    last = layer == len(reference.outputs) - 1
    form = "x{}" if layer == 0 else "ŷ{}" if last else f"h{{}}({layer})"
    return [form.format(place + 1) for place in range(n)]


CASES: Final = [
    pytest.param(sizes, seed, theme, id=f"{sizes} {seed} {'dark' if theme is DARK else 'light'}")
    for seed, sizes in enumerate([*SHAPES, *SHAPES])
    for theme in ((LIGHT,) if seed % 2 else (DARK,))
]


@pytest.mark.parametrize(("sizes", "seed", "theme"), CASES)
def test_numbers_in_circles_are_those_of_the_network(
    sizes: tuple[int, ...], seed: int, theme: Theme
) -> None:
    loss, reference = drawn(sizes, seed)
    picture = Picture(loss, theme=theme)
    words = {w[0]: w[1:] for kind in ("input", "unit") for w in picture.words(kind)}
    n_shown = 0
    for layer, outputs in enumerate(reference.outputs):
        of_layer = [name for name in names_of(reference, layer) if name in words]
        hidden = len(outputs) - len(of_layer)
        assert len(of_layer) == (len(outputs) if len(outputs) <= 12 else 10)
        if hidden:
            assert ["⋮", f"{hidden} more"] in picture.words("fold")
        for place, name in enumerate(names_of(reference, layer)):
            if name not in words:
                continue
            n_shown += 1
            assert_shown(words[name][0], outputs[place], 4)
            if layer:
                assert_shown(
                    words[name][1].removeprefix("δ "), reference.deltas[layer - 1][place], 4
                )
    assert n_shown == len(words)
    ((label, number),) = picture.words("output")
    assert label == "L"
    assert_shown(number, reference.loss, 4)


@pytest.mark.parametrize(("sizes", "seed", "theme"), CASES)
def test_lines_and_their_numbers_are_the_weights_of_the_network(
    sizes: tuple[int, ...], seed: int, theme: Theme
) -> None:
    loss, reference = drawn(sizes, seed)
    picture = Picture(loss, theme=theme)
    places, ones = places_of(picture)
    lines = [only(group, "line") for group in picture.groups("weight")]
    by_ends = {tuple(float(line.get(key, 0)) for key in ("x1", "y1", "x2", "y2")): line
               for line in lines}  # fmt: skip
    assert len(by_ends) == len(lines)
    legend = re.search(r"\|weight\| = (\S+), the largest", picture.legend())
    largest = read(legend[1]) if legend else 0.0
    found: dict[tuple[float, ...], float] = {}
    for layer, (weights, biases) in enumerate(
        zip(reference.weights, reference.biases, strict=True), start=1
    ):
        sources = names_of(reference, layer - 1)
        for j, target in enumerate(names_of(reference, layer)):
            if target not in places:
                continue
            x2, y2, r2 = places[target]
            starts = [(places[name][0] + places[name][2], places[name][1], weights[j, i])
                      for i, name in enumerate(sources) if name in places]  # fmt: skip
            starts += [
                (x + 0.5 * r2, y, biases[j])
                for x, y in ones
                if abs(x + 0.5 * r2 - starts[0][0]) < 0.1
            ]
            assert len(starts) == 1 + len([name for name in sources if name in places])
            for x1, y1, weight in starts:
                (ends,) = [e for e in by_ends if math.dist(e, (x1, y1, x2 - r2, y2)) < 0.05]
                found[ends] = weight
                line = by_ends[ends]
                sign = int(weight > 0.0) - int(weight < 0.0)
                color = {1: theme.positive, -1: theme.negative, 0: theme.line}[sign]
                assert line.get("stroke") == color
                assert (line.get("stroke-dasharray") is not None) == (weight < 0.0)
    assert len(found) == len(lines)
    strongest = max(map(abs, found.values()))
    assert_shown(legend[1] if legend else "0", strongest, 4)
    for ends, weight in found.items():
        width = float(by_ends[ends].get("stroke-width", 0))
        expected = 0.5 + 3.5 * abs(weight) / largest if weight else 1.0
        assert width == pytest.approx(expected, abs=0.01)
    order = sorted(
        (abs(w), float(by_ends[e].get("stroke-width", 0))) for e, w in found.items() if w
    )
    assert [width for _, width in order] == sorted(width for _, width in order)
    samples = [only(g, "line").get("stroke-width") for g in picture.groups("legend")
               if "the largest" in " ".join(g.itertext())]  # fmt: skip
    assert samples == ["4"]
    numbered: set[tuple[float, ...]] = set()
    n_sure = 0
    for group in picture.groups("label"):
        text = only(group, "text")
        x, y = float(text.get("x", 0)), float(text.get("y", 0))
        middle = y - 0.35 * float(text.get("font-size", 0))
        on = [e for e in found if e[0] < x < e[2] and abs(height_at(e, x) - middle) < 0.05]
        n_sure += len(on) == 1
        shown = "".join(text.itertext())
        line_of = min(set(on) - numbered, key=lambda e: abs(found[e] - read(shown)))
        numbered.add(line_of)
        assert_shown(shown, found[line_of], 4)
    assert n_sure >= 0.8 * len(numbered)
    per_gap = [[e in numbered for e in found if e[0] == start] for start in {e[0] for e in found}]
    assert all(len(set(of_gap)) == 1 for of_gap in per_gap)
    assert all(of_gap[0] for of_gap in per_gap if len(of_gap) < 7)


def height_at(ends: tuple[float, ...], x: float) -> float:
    x1, y1, x2, y2 = ends
    return y1 + (y2 - y1) * (x - x1) / (x2 - x1)


@pytest.mark.parametrize(("sizes", "seed", "theme"), CASES)
def test_colors_of_units_are_those_of_the_legend(
    sizes: tuple[int, ...], seed: int, theme: Theme
) -> None:
    loss, reference = drawn(sizes, seed)
    picture = Picture(loss, theme=theme)
    legend = re.search(
        r"by \|δ\|: (≤ )?(\S+) (\S+) \(logarithmic, (\S+) in the middle", picture.legend()
    )
    assert legend
    low, high, middle = (read(text) for text in legend.groups()[1:])
    assert middle == pytest.approx(math.sqrt(low * high), rel=2e-3)
    deltas = {name: abs(reference.deltas[layer - 1][place])
              for layer in range(1, len(reference.outputs))
              for place, name in enumerate(names_of(reference, layer))}  # fmt: skip
    samples = [circle.get("fill") for group in picture.groups("legend")
               if "logarithmic" in " ".join(group.itertext())
               for circle in group.iter(f"{SVG}circle")]  # fmt: skip
    assert len(set(samples)) == 5
    for group in picture.groups("unit"):
        size = deltas[name_in(group)]
        if not size:
            assert only(group, "circle").get("fill") == theme.roles["operation"].fill
            assert "|δ| = 0" in picture.legend()
            continue
        share = math.log(max(size, low) / low) / math.log(high / low)
        assert share <= 1.001
        position = samples.index(only(group, "circle").get("fill"))
        assert position - 0.01 <= 5.0 * share <= position + 1.01, (size, low, high)
