"""Curves of a scene: what the SVG says, and that Graphviz draws the same at the same places."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from viz._scene.dot_text import dot_text
from viz._scene.render import render
from viz._scene.scene import Curve, Group, Scene
from viz._scene.svg_text import svg_text

SVG = "{http://www.w3.org/2000/svg}"
BEND = ((10.0, 20.0), (60.0, 20.0), (90.0, 90.0), (150.0, 90.0))


def scene_with(*curves: Curve) -> Scene:
    return Scene(200.0, 120.0, "#ffffff", "curves", [Group("arrow", list(curves))])


def numbers(text: str) -> list[float]:
    return [float(word) for word in text.replace(",", " ").replace("C", " ").strip("M").split()]


def test_a_curve_is_its_points_and_the_head_ends_in_the_tip() -> None:
    root = ElementTree.fromstring(
        svg_text(scene_with(Curve(BEND, "#0000ff", 1.5, tip=(160.0, 90.0))))
    )
    (path,) = root.iter(f"{SVG}path")
    assert numbers(path.attrib["d"]) == [x for point in BEND for x in point]
    assert (path.get("fill"), path.get("stroke"), path.get("stroke-width")) == (
        *("none", "#0000ff", "1.5"),
    )
    assert "stroke-dasharray" not in path.attrib
    (head,) = root.iter(f"{SVG}polygon")
    assert numbers(head.attrib["points"]) == [160.0, 90.0, 150.0, 86.5, 150.0, 93.5]
    assert head.get("fill") == "#0000ff"


def test_a_curve_may_be_dashed_and_without_a_head() -> None:
    root = ElementTree.fromstring(svg_text(scene_with(Curve(BEND, "#0000ff", 2.0, dashed=True))))
    assert [path.get("stroke-dasharray") for path in root.iter(f"{SVG}path")] == ["8 5"]
    assert not list(root.iter(f"{SVG}polygon"))


@pytest.mark.parametrize("tip", [(160.0, 90.0), (150.0, 84.0), None])
def test_graphviz_draws_a_curve_at_the_same_place(tip: tuple[float, float] | None) -> None:
    scene = scene_with(Curve(BEND, "#0000ff", 1.5, tip=tip))
    drawn = ElementTree.fromstring(render(dot_text(scene), "svg"))
    (path,) = [x for x in drawn.iter(f"{SVG}path") if x.get("stroke") == "#0000ff"]
    points = numbers(path.attrib["d"])
    expected = [x for point in BEND for x in point]
    shift = [points[0] - expected[0], points[1] - expected[1]]
    assert points == pytest.approx([x + shift[i % 2] for i, x in enumerate(expected)], abs=0.02)
    corners = [
        (x, y)
        for head in drawn.iter(f"{SVG}polygon")
        if head.get("fill") == "#0000ff"
        for x, y in zip(*[iter(numbers(head.attrib["points"]))] * 2, strict=True)
    ]
    if tip is None:
        assert not corners
    else:
        ends = [(x - shift[0], y - shift[1]) for x, y in corners]
        # Graphviz draws heads a little shorter, so that the pen's width ends in the tip.
        assert min(abs(x - tip[0]) + abs(y - tip[1]) for x, y in ends) < 3.0
