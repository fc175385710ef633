"""Where Graphviz puts things: the order of neurons, arrows without gaps, titles that stay free.

Every test draws with the libraries that come inside pygraphviz and with what this machine has.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Final
from xml.etree import ElementTree

import pytest

from tests.holding import held
from tinygrad_mlp import functional
from tinygrad_mlp.debug import worked_example
from tinygrad_mlp.engine import Value
from tinygrad_mlp.nn import MLP, Layer
from viz import to_dot
from viz._render import render
from viz._themes import LIGHT

SVG: Final = "{http://www.w3.org/2000/svg}"
Point = tuple[float, float]


# Order


@pytest.fixture(params=["library", "system"])
def any_graphviz(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The libraries inside pygraphviz, then whatever this machine has."""
    if request.param == "library":
        monkeypatch.setenv("PATH", os.devnull)
    return str(request.param)


def picture(dot: str) -> ElementTree.Element:
    return ElementTree.fromstring(render(dot, "svg"))


def points(text: str) -> list[Point]:
    numbers = [float(x) for x in re.findall(r"-?[\d.]+", text)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def places(svg: ElementTree.Element, direction: str) -> dict[str, float]:
    """Where boxes, and the points that arrows pass, stand across the direction of the arrows."""
    axis = 1 if direction in ("LR", "RL") else 0
    found = {}
    for group in svg.iter(f"{SVG}g"):
        if (group.get("class") or "").startswith("node"):
            shapes = [*group.iter(f"{SVG}path"), *group.iter(f"{SVG}polygon")]
            text = " ".join([shape.get("d") or shape.get("points") or "" for shape in shapes])
            values = [point[axis] for point in points(text)]
            if values:
                found[group.attrib["id"]] = (min(values) + max(values)) / 2.0
    return found


def in_order(names: list[str], found: dict[str, float]) -> bool:
    return [found[name] for name in names] == sorted(found[name] for name in names)


ORDERED: Final[dict[str, Callable[[], Value]]] = {
    "one layer": lambda: functional.sum(Layer(2, 12, "relu", rng=0)([0.1, 0.2])),
    "network": lambda: (MLP(2, [4, 3, 1], activation="tanh", rng=0)([0.5, -0.3]) - 1.0) ** 2,
    "many layers": lambda: MLP(2, [3, 4, 5, 2, 3, 1], activation="relu", rng=2)([0.1, 0.1]),
    "many arrows": lambda: functional.sum(MLP(3, [5, 5, 4], "tanh", rng=1)([0.1, 0.2, 0.3])),
    "shared biases": worked_example,
}


@pytest.mark.parametrize("show", [(), ("data", "grad", "partials")])
@pytest.mark.parametrize("direction", ["LR", "RL", "TB", "BT"])
@pytest.mark.parametrize("graph", list(ORDERED))
def test_every_graphviz_draws_neurons_and_their_operands_in_order(
    any_graphviz: str, graph: str, direction: str, show: tuple[str, ...]
) -> None:
    output = ORDERED[graph]()
    dot = to_dot(output, detail="neurons", direction=direction, show=show)
    found = places(picture(dot), direction)
    layers = re.findall(r"^    ((?:[tb]\d+; )*b\d+);$", dot, flags=re.MULTILINE)
    assert layers
    for layer in layers:
        assert in_order(re.findall(r"b\d+", layer), found)
    dot = to_dot(output, detail="ops", direction=direction, show=show)
    found = places(picture(dot), direction)
    chains = re.findall(r"rank=same; edge \[style=invis\]; (.*?); \}", dot)
    neurons = re.findall(r"^    ((?:[ng][\d_]+; )+n\d+);$", dot, flags=re.MULTILINE)
    assert len(chains) == len(neurons) > 1
    for chain, neuron in zip(chains, neurons, strict=True):
        operands = chain.split(" -> ")[:: -1 if direction in ("LR", "RL") else 1]
        assert operands == neuron.split("; ")[: len(operands)]
        assert in_order(operands, found)
    for layer in dot.split("subgraph cluster_layer_")[1:]:
        of_layer = re.findall(r"^    ((?:[ng][\d_]+; )+n\d+);$", layer, flags=re.MULTILINE)
        assert in_order([neuron.split("; ")[-1] for neuron in of_layer], found)


# Arrows into frames


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_an_arrow_into_a_frame_has_no_gaps_in_any_format(
    any_graphviz: str, direction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has three pieces: to a point beside the weights, a short one there, and on."""
    monkeypatch.setattr("viz._render._tidy", lambda svg: svg)  # what PNG and PDF show as well
    svg = picture(to_dot(worked_example(), detail="ops", direction=direction))
    axis = 0 if direction == "LR" else 1
    ends: set[Point] = set()
    for edge in svg.iter(f"{SVG}g"):
        if edge.get("class") == "edge":
            line = points(next(edge.iter(f"{SVG}path")).get("d", ""))
            ends.update([line[0], line[-1]])
    gates = [g for g in svg.iter(f"{SVG}g") if g.get("class") == "node gate"]
    assert len(gates) == 12
    for gate in gates:
        corners = points(next(gate.iter(f"{SVG}polygon")).get("points", ""))
        across = sum({corner[1 - axis] for corner in corners}) / 2.0
        for side in (min, max):
            along = side(corner[axis] for corner in corners)
            assert any(
                abs(end[axis] - along) < 0.2 and abs(end[1 - axis] - across) < 0.6 for end in ends
            )


def test_a_marked_arrow_is_marked_where_it_enters_a_frame() -> None:
    x = Value(0.5, label="x")
    output = MLP(1, [2, 1], rng=0)([x])
    first_sum = output.parents[2].parents[0]  # the first neuron, before its activation
    dot = to_dot(output, detail="ops", highlight=[x, first_sum])
    gates = re.findall(r'^  g\d\w* \[.*BGCOLOR="(#\w+)"', dot, flags=re.MULTILINE)
    assert sorted(gates) == sorted([LIGHT.accent, *[LIGHT.line] * 3])


# Titles


def hand_written() -> Value:
    """Two neurons as a beginner writes them: loops over plain products."""
    w = [[Value(0.3 * i - 0.2 * j + 0.1) for j in range(2)] for i in range(2)]
    b = [Value(0.1) for i in range(2)]
    held(w=w, b=b)
    h = [sum((a * x for a, x in zip(w[i], [0.5, -1.0])), b[i]).tanh() for i in range(2)]
    return (h[0] * h[1] - 1.0) ** 2


def points_of_lines(svg: ElementTree.Element) -> Iterator[Point]:
    """Points on every line, close to each other."""
    for path in (path for edge in svg.iter(f"{SVG}g") if edge.get("class") == "edge"
                 for path in edge.iter(f"{SVG}path")):  # fmt: skip
        line = points(path.get("d", ""))
        for start in range(0, len(line) - 3, 3):
            for step in range(41):
                t = step / 40
                shares = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
                curve = list(zip(shares, line[start : start + 4], strict=True))
                yield sum(s * x for s, (x, _) in curve), sum(s * y for s, (_, y) in curve)


def titles(svg: ElementTree.Element) -> Iterator[tuple[str, Point, Point]]:
    """The titles of frames, each with two corners of the ground that its letters cover."""
    for group in svg.iter(f"{SVG}g"):
        beside = group.get("class") == "node" and group.get("id", "").startswith("t")
        if group.get("class") == "cluster" or beside:
            for text in group.findall(f"{SVG}text"):
                size, title = float(text.get("font-size", 0.0)), text.text or ""
                x, y = float(text.get("x", 0.0)), float(text.get("y", 0.0))
                width = 0.55 * size * len(title)
                yield title, (x, y - 0.75 * size), (x + width, y + 1.0)


@pytest.mark.parametrize("detail", ["ops", "neurons"])
@pytest.mark.parametrize("direction", ["LR", "RL", "TB", "BT"])
@pytest.mark.parametrize("show", [(), ("data", "grad", "partials")])
@pytest.mark.parametrize("graph", [hand_written, worked_example])
def test_no_line_runs_through_the_title_of_a_frame(
    any_graphviz: str,
    graph: Callable[[], Value],
    detail: str,
    direction: str,
    show: tuple[str, ...],
) -> None:
    svg = picture(to_dot(graph(), detail=detail, direction=direction, show=show))
    lines = list(points_of_lines(svg))
    found = list(titles(svg))
    assert len(found) >= (3 if detail == "ops" else 1)
    crossed = {
        title
        for title, (left, top), (right, bottom) in found
        if any(left < x < right and top < y < bottom for x, y in lines)
    }
    assert crossed == set()
