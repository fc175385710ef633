"""Where things stand: the order of neurons, words inside boxes, lines around boxes and titles.

Every test of places draws with the libraries that come inside pygraphviz and with what this machine
has.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from itertools import combinations, pairwise
from typing import Any, Final, Literal
from xml.etree import ElementTree

import pytest
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

import viz
from tests.box_pictures import SVG, Box, BoxPicture, batch_with_norms, points_on, written_out
from tests.test_viz_circles import box_of
from tinygrad_mlp import functional
from tinygrad_mlp.debug import worked_example
from tinygrad_mlp.engine import Value
from tinygrad_mlp.nn import MLP, Layer
from viz._boxes.box_scene import LEAST_WIDTH
from viz._boxes.cards import LETTERS

DIRECTIONS: Final = ("LR", "RL", "TB", "BT")


@pytest.fixture(params=["library", "system"])
def any_graphviz(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The libraries inside pygraphviz, then whatever this machine has."""
    if request.param == "library":
        monkeypatch.setenv("PATH", os.devnull)
    return str(request.param)


def network_loss(sizes: tuple[int, ...] = (3, 4, 4, 1)) -> Value:
    first, *others = sizes
    model = MLP(first, others, rng=0)
    loss: Value = (model([0.5, -1.2, 2.0, 0.25][:first]) - 1.0) ** 2
    loss.backward()
    return loss


GRAPHS: Final[dict[str, Callable[[], Value]]] = {
    "one layer": lambda: functional.sum(Layer(2, 12, "relu", rng=0)([0.1, 0.2])),
    "network": network_loss,
    "many layers": lambda: MLP(2, [3, 4, 5, 2, 3, 1], activation="relu", rng=2)([0.1, 0.1]),
    "many arrows": lambda: functional.sum(MLP(3, [5, 5, 4], "tanh", rng=1)([0.1, 0.2, 0.3])),
    "shared biases": worked_example,
    "written out": written_out,
    "a batch with norms": batch_with_norms,
}


def across(box: Box, direction: str) -> float:
    """Where a box stands across the direction of the arrows."""
    if direction in ("LR", "RL"):
        return (box.top + box.bottom) / 2.0
    return (box.left + box.right) / 2.0


def within(inner: Box, outer: Box) -> bool:
    return (
        outer.left - 0.1 <= inner.left <= inner.right <= outer.right + 0.1
        and outer.top - 0.1 <= inner.top <= inner.bottom <= outer.bottom + 0.1
    )


# Order


@pytest.mark.parametrize("show", [(), ("data", "grad", "partials")])
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("graph", ["one layer", "network", "many layers", "many arrows"])
def test_every_graphviz_draws_neurons_and_their_operands_in_order(
    any_graphviz: str, graph: str, direction: str, show: tuple[str, ...]
) -> None:
    output = GRAPHS[graph]()
    options: dict[str, Any] = {"direction": direction, "show": show, "names": "code"}
    picture = BoxPicture(output, detail="neurons", **options)
    for frame in picture.frames.values():
        inside = [box for box in picture.boxes.values() if within(box, frame)]
        inside.sort(key=lambda box: across(box, direction))
        paths = [box.tooltip[0] for box in inside]
        assert [path.split(".")[-1] for path in paths] == [str(n) for n in range(len(paths))]
    picture = BoxPicture(output, detail="ops", **options)
    layers = [f for f in picture.frames.values() if f.name.startswith("f")]
    frames = [f for f in picture.frames.values() if f.name.startswith("c")]
    assert len(layers) >= 1
    for layer in layers:
        inside = sorted((f for f in frames if within(f, layer)), key=lambda f: across(f, direction))
        names = [frame.texts[0] for frame in inside]
        assert names == [f"neuron {place}" for place in range(len(names))]
    for frame in frames:
        leaves = [
            box for box in picture.boxes.values()
            if within(box, frame) and box.role == "parameter"
        ]  # fmt: skip
        leaves.sort(key=lambda box: across(box, direction))
        weights = [box.texts[0] for box in leaves]
        assert weights == [*[f"w.{place}" for place in range(len(weights) - 1)], "b"]


# Room


@pytest.mark.parametrize("detail", ["ops", "neurons", "layers"])
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("graph", list(GRAPHS))
def test_boxes_and_frames_keep_apart_and_in_the_picture(
    any_graphviz: str, graph: str, direction: str, detail: str
) -> None:
    picture = BoxPicture(GRAPHS[graph](), detail=detail, direction=direction)
    for a, b in combinations(picture.boxes.values(), 2):
        assert a.right <= b.left or b.right <= a.left or a.bottom <= b.top or b.bottom <= a.top
    for frame in picture.frames.values():
        for box in picture.boxes.values():
            apart = (
                box.right <= frame.left or frame.right <= box.left
                or box.bottom <= frame.top or frame.bottom <= box.top
            )  # fmt: skip
            assert apart or within(box, frame)
    for box in [*picture.boxes.values(), *picture.frames.values()]:
        assert 0.0 < box.left < box.right < picture.width
        assert 0.0 < box.top < box.bottom < picture.height


@pytest.mark.parametrize("detail", ["ops", "neurons"])
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("show", [(), ("data", "grad", "partials")])
@pytest.mark.parametrize("graph", ["network", "shared biases", "written out", "a batch with norms"])
def test_no_line_runs_through_a_box_or_the_title_of_a_frame(
    any_graphviz: str, graph: str, detail: str, direction: str, show: tuple[str, ...]
) -> None:
    picture = BoxPicture(GRAPHS[graph](), detail=detail, direction=direction, show=show)
    titles = [
        (words.x, words.y - 0.75 * words.size, words.x + 0.55 * words.size * len(words.text))
        for frame in picture.frames.values()
        for words in frame.words
    ]
    for arrow in picture.arrows:
        others = [
            (box.left, box.top, box.right, box.bottom)
            for box in picture.boxes.values()
            if box.name not in (arrow.source, arrow.target)
        ]
        titles_too = [(left, top, right, top + LETTERS) for left, top, right in titles]
        xs, ys = zip(*arrow.points, strict=True)  # a curve stays between its control points
        near = [
            (left, top, right, bottom)
            for left, top, right, bottom in [*others, *titles_too]
            if left < max(xs) and right > min(xs) and top < max(ys) and bottom > min(ys)
        ]
        for x, y in points_on(arrow.points) if near else ():
            assert not any(x1 < x < x2 and y1 < y < y2 for x1, y1, x2, y2 in near)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_lines_have_no_gaps_and_no_corners_at_the_sides_of_frames(
    any_graphviz: str, direction: str
) -> None:
    """Each is one curve; where two pieces meet they have one direction."""
    axis = 0 if direction in ("LR", "RL") else 1
    for arrow in BoxPicture(worked_example(), detail="ops", direction=direction).arrows:
        line = arrow.points
        assert len(line) % 3 == 1
        for start, end in pairwise(range(0, len(line), 3)):
            if end < len(line) - 1:
                before, at, behind = line[end - 1], line[end], line[end + 1]
                turn = (at[axis] - before[axis]) * (behind[axis] - at[axis])
                assert turn >= -0.01, (start, before, at, behind)


def test_the_operations_of_a_small_network_fit_a_screen_in_letters_that_can_be_read() -> None:
    picture = BoxPicture(network_loss(), detail="ops")
    assert len(picture.boxes) == 63
    scale = min(1280.0 / picture.width, 800.0 / picture.height)
    assert (
        scale * min(float(text.attrib["font-size"]) for text in picture.root.iter(f"{SVG}text"))
        >= 9
    )


@pytest.mark.parametrize("detail", ["ops", "neurons", "layers"])
@pytest.mark.parametrize("names", ["math", "code"])
@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_words_stand_inside_their_boxes_in_the_widest_font(
    detail: str, names: str, direction: str
) -> None:
    picture = BoxPicture(network_loss(), detail=detail, names=names, direction=direction)
    for group in [*picture.groups("node"), *picture.groups("frame")]:
        ground = next(group.iter(f"{SVG}rect"))
        left, top = float(ground.attrib["x"]), float(ground.attrib["y"])
        right, bottom = left + float(ground.attrib["width"]), top + float(ground.attrib["height"])
        for text in group.iter(f"{SVG}text"):
            x, y = float(text.attrib["x"]), float(text.attrib["y"])
            size, anchor = float(text.attrib["font-size"]), text.get("text-anchor", "start")
            width = _width(text, size)
            start = x - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
            assert left < start < start + width < right, "".join(text.itertext())
            assert top < y - 0.75 * size
            assert y + 0.2 * size < bottom


def _width(text: Any, size: float) -> float:
    """How wide words are in DejaVu, and names of books in its serif letters."""
    weight = text.get("font-weight", "normal")
    pieces = [(text.text or "", size, "DejaVu Sans", "normal")]
    for span in text.iter(f"{SVG}tspan"):
        family = "DejaVu Serif" if span.get("font-family") else "DejaVu Sans"
        own_size = float(span.get("font-size", size))
        pieces.append((span.text or "", own_size, family, span.get("font-style", "normal")))
        pieces.append((span.tail or "", size, "DejaVu Sans", "normal"))
    total = 0.0
    for letters, own_size, family, style in pieces:
        if letters:
            total += _width_of(letters, own_size, family, style, weight)
    return total


@cache
def _width_of(letters: str, size: float, family: str, style: str, weight: str) -> float:
    slope: Literal["normal", "italic"] = "italic" if style == "italic" else "normal"
    font = FontProperties(family=family, style=slope, weight=weight)
    path = TextPath((0.0, 0.0), letters, size=size, prop=font)
    return float(path.get_extents().x1)


def tiny_unit() -> Value:
    """One unit with gradients that take many letters."""
    output: Value = MLP(1, [1], output_activation="tanh", rng=0)([1.2345])
    (output * 1.23456789e-105).backward()
    return output


@pytest.mark.parametrize(
    ("value", "options"),
    [
        (lambda: Value(2.0, label="x") ** 2, {}),
        (lambda: functional.tanh(Value(2.0, label="x") ** 3), {"direction": "TB"}),
        (tiny_unit, {"detail": "neurons"}),
        (tiny_unit, {"detail": "circles"}),
    ],
    ids=["boxes", "downwards", "neurons", "circles"],
)
def test_the_legend_of_a_small_picture_is_not_cut_off(
    value: Callable[[], Value], options: dict[str, Any]
) -> None:
    root = ElementTree.fromstring(str(viz.to_svg(value(), **options)))
    groups = [g for g in root.iter(f"{SVG}g") if (g.get("class") or "").split()[:1] == ["legend"]]
    ends = [box_of(text)[2] for group in groups for text in group.iter(f"{SVG}text")]
    assert ends and max(ends) < float(root.get("width", 0)) - 5.0


def test_a_picture_without_a_legend_needs_no_room_for_one() -> None:
    assert BoxPicture(Value(2.0, label="x") ** 2, legend=False).width == LEAST_WIDTH
