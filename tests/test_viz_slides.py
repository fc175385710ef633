"""What every drawing can do as a scene: slides, focus, pixels; and the options, stated once."""

from __future__ import annotations

import inspect
import io
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from PIL import Image

import viz
from tinygrad_mlp import compile
from tinygrad_mlp.debug import worked_example
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError, UnknownArgumentError, UnknownNameError
from tinygrad_mlp.graph import Run, order_of
from tinygrad_mlp.nn import MLP
from viz._graph import drawing_of
from viz._pictures import _rendered
from viz._scene.dot_text import dot_text
from viz._scene.fitting import bounds_of, fitted, moved, on_a_slide, smallest_letters
from viz._scene.raster import Canvas
from viz._scene.render import render
from viz._scene.scene import (
    Circle,
    Curve,
    Group,
    Line,
    Point,
    Rectangle,
    Scene,
    Shape,
    Words,
    colors_of,
    plain,
)
from viz._style.drawing_options import DEFAULTS, Options
from viz._style.themes import DARK, LIGHT, mixed

BEND: Final = ((0.0, 0.0), (30.0, 0.0), (30.0, 40.0), (60.0, 40.0))


def small() -> Value:
    a, b, c = (Value(x, label=name) for x, name in ((2.0, "a"), (-3.0, "b"), (1.0, "c")))
    loss = (a * b + c).tanh()
    loss.label = "L"
    loss.backward()
    return loss


def example() -> Value:
    loss = worked_example()
    loss.backward()
    return loss


def shapes_of(scene: Scene) -> list[Shape]:
    return [shape for group in scene.groups for shape in group.shapes]


# Slides


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("detail", ["ops", "neurons", "layers"])
def test_a_slide_has_large_letters_short_numbers_and_no_legend(detail: str, theme: str) -> None:
    loss = small()
    slide = drawing_of(loss, {"detail": detail, "theme": theme, "style": "slide"})
    page = drawing_of(loss, {"detail": detail, "theme": theme})
    assert (slide.width, slide.height) == (1280.0, 720.0)
    assert smallest_letters(slide) >= 24.0
    assert {group.kind for group in page.groups} - {g.kind for g in slide.groups} == {"legend"}
    left, top, right, bottom = bounds_of(shapes_of(slide))
    assert min(left, top, 1280.0 - right, 720.0 - bottom) >= 20.0 - 1e-9
    numbers = [x.runs[-1].text for x in shapes_of(slide) if isinstance(x, Words) and x.shows]
    assert len(numbers) > 5
    for number in numbers:
        assert len(number.lstrip("\N{MINUS SIGN}0.").replace(".", "")) <= 3


def test_a_program_fits_on_a_slide_too() -> None:
    program = compile(lambda x: x[0] * 2.0 + 1.0, [], per_sample=True)
    program([[1.0], [2.0], [3.0]])
    assert smallest_letters(drawing_of(program, {"style": "slide"})) >= 24.0


@pytest.mark.parametrize(
    ("detail", "others"),
    [
        ("ops", "take detail='circles' or 'neurons' or 'layers', show less"),
        ("neurons", "take detail='circles' or 'layers', show less"),
        ("layers", "take detail='circles', show less"),
    ],
)
def test_what_nobody_could_read_on_a_slide_is_refused(detail: str, others: str) -> None:
    with pytest.raises(GraphError, match=r"letters .* would have \d\.\d points, where 18") as found:
        viz.to_svg(example(), detail=detail, style="slide")
    assert others in str(found.value)
    assert "show=()" in str(found.value)
    down = others.replace("'circles' or ", "").replace("take detail='circles', ", "")
    with pytest.raises(GraphError) as found:
        viz.to_svg(example(), detail=detail, style="slide", direction="TB")
    assert f"to read them; {down}" in str(found.value)  # circles lead to the right alone


def test_without_neurons_a_slide_has_no_other_detail_to_take() -> None:
    total = sum([Value(float(k), label=f"a_{k}") for k in range(40)], Value(0.0))
    with pytest.raises(GraphError, match="to read them; show less"):
        viz.to_svg(total, detail="ops", style="slide")


def test_auto_takes_the_finest_detail_that_has_room() -> None:
    kinds = {group.kind for group in drawing_of(example(), {"style": "slide"}).groups}
    assert {"unit", "weight"} <= kinds  # circles, as it is a network
    loss = small()
    operations = drawing_of(loss, {"style": "slide", "detail": "ops"})
    assert drawing_of(loss, {"style": "slide"}) == operations  # there are no units


def test_letters_of_18_points_are_the_limit() -> None:
    words = Words(50.0, 20.0, plain("0" * 10), 10.0, "#000000")
    for width, fits in ((515.0, True), (517.2, False), (530.0, False)):
        ground = Rectangle(width / 2.0, 20.0, width, 40.0, "#ffffff", "#000000", 0.0)
        scene = Scene(600.0, 40.0, "#ffffff", "", [Group("node", [ground, words])])
        if fits:
            assert 24.0 <= smallest_letters(on_a_slide(scene)) < 24.2
        else:
            with pytest.raises(GraphError, match=rf"{'17.9' if width < 520.0 else '17.5'} points"):
                on_a_slide(scene)


@pytest.mark.parametrize("n_models", [2, 3])
def test_networks_in_lanes_are_folded_to_a_circle_each_before_a_slide_is_refused(
    n_models: int,
) -> None:
    models = [MLP(2, [8, 1], rng=seed) for seed in range(n_models)]
    total = sum((model([0.1, 0.2]) for model in models), Value(0.0))
    shown = ["data"] if n_models == 2 else []
    slide = drawing_of(total, {"detail": "circles", "style": "slide", "show": shown})
    assert sum(group.kind == "fold" for group in slide.groups) >= n_models


# Fitting


@pytest.mark.parametrize(
    "shape",
    [
        Line(1.0, 2.0, 30.0, 40.0, "#000000", 2.0, dashed=True),
        Curve(BEND, "#000000", 2.0, tip=(70.0, 40.0)),
        Circle(10.0, 20.0, 5.0, "#ffffff", "#000000", 2.0),
        Rectangle(10.0, 20.0, 30.0, 40.0, "#ffffff", "#000000", 2.0),
        Words(10.0, 20.0, plain("abc"), 10.0, "#000000", ground="#ffffff"),
    ],
)
def test_a_shape_that_is_moved_and_scaled_has_the_same_form(shape: Shape) -> None:
    before, after = (bounds_of([x]) for x in (shape, moved(shape, 100.0, -50.0, 3.0)))
    goal = [3.0 * x + (100.0, -50.0)[i % 2] for i, x in enumerate(before)]
    assert after == pytest.approx(goal)
    back = moved(moved(shape, 100.0, -50.0), -100.0, 50.0)
    assert back == shape
    scaled = moved(shape, 0.0, 0.0, 2.0)
    assert colors_of(Group("", [scaled])) == colors_of(Group("", [shape]))
    if isinstance(shape, Line | Curve | Circle) and isinstance(scaled, Line | Curve | Circle):
        assert scaled.width == 2.0 * shape.width


def test_a_small_drawing_is_not_blown_up() -> None:
    scene = Scene(
        20.0, 20.0, "#ffffff", "", [Group("", [Words(9, 9, plain("0"), 10.0, "#000000")])]
    )
    assert smallest_letters(fitted(scene, 1280.0, 720.0)) == pytest.approx(40.0)


# Focus


def through(focus: Value, output: Value) -> tuple[set[Value], set[tuple[Value, Value]]]:
    """The nodes and arrows on the paths from leaves to the output through a node, path by path."""
    nodes: set[Value] = set()
    arrows: set[tuple[Value, Value]] = set()
    pending: list[list[Value]] = [[output]]
    while pending:
        path = pending.pop()
        if path[-1].parents:
            pending += [[*path, parent] for parent in dict.fromkeys(path[-1].parents)]
        elif focus in path:
            nodes.update(path)
            arrows.update((b, a) for a, b in pairwise(path))
    return nodes, arrows


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("label", ["w5", "out_h1", "i1", "b1", "L", "t2"])
def test_the_paths_through_a_node_are_as_before_and_the_rest_is_a_quarter(
    label: str, theme: str
) -> None:
    loss = example()
    options: Options = {"detail": "ops", "theme": theme}
    focus = next(node for node in order_of([loss]) if node.label == label)
    nodes, arrows = through(focus, loss)
    ground = {"light": LIGHT, "dark": DARK}[theme].background
    before = {group.name: group for group in drawing_of(loss, options).groups if group.name}
    after = drawing_of(loss, {**options, "focus": focus}).groups
    n_faded = 0
    for group in after:
        if group.kind.split()[0] not in ("node", "edge"):
            continue
        if group.targets:
            (source,), (target,) = group.nodes, group.targets
            is_lit = (source, target) in arrows
        else:
            (node,) = group.nodes
            is_lit = node in nodes
        assert group.kind.endswith(" faded") != is_lit
        was = before[group.name]
        if is_lit:
            assert group == was
        else:
            n_faded += 1
            assert colors_of(group) == {mixed(color, ground, 0.25) for color in colors_of(was)}
            assert bounds_of(group.shapes) == bounds_of(was.shapes)
    assert (n_faded > 0) == (label != "L")
    of_lines = [group.kind for group in after if group.targets]
    assert of_lines == sorted(of_lines, reverse=True)  # "edge faded" comes before "edge"


@pytest.mark.parametrize("detail", ["neurons", "layers"])
def test_boxes_of_several_nodes_are_lit_by_any_of_them(detail: str) -> None:
    loss = example()
    scene = drawing_of(loss, {"detail": detail, "focus": "out_h1"})
    lit = [group for group in scene.groups if group.kind == "node"]
    faded = [group for group in scene.groups if group.kind == "node faded"]
    focus = next(node for node in order_of([loss]) if node.label == "out_h1")
    nodes, _ = through(focus, loss)
    assert lit
    assert faded
    for group in lit:
        assert any(node in nodes for node in group.nodes)
    for group in faded:
        assert not any(node in nodes for node in group.nodes)
    assert any(group.kind == "legend" for group in scene.groups)


def test_the_focus_may_be_a_name_and_unknown_ones_are_refused() -> None:
    loss = (MLP(2, [3, 1], activation="tanh", rng=0)([1.0, 2.0]) - 1.0) ** 2
    for detail in ("ops", "neurons", "circles"):
        assert " faded" in viz.to_svg(loss, detail=detail, focus="h[1]_2")
        with pytest.raises(UnknownNameError, match="h\\[1\\]_9"):
            viz.to_svg(loss, detail=detail, focus="h[1]_9")
    with pytest.raises(GraphError, match="in focus, but it is no node of this graph"):
        viz.to_svg(loss, detail="ops", focus=Value(1.0))


# Pixels


def pixels(*shapes: Shape, size: int = 100) -> Any:
    scene = Scene(size, size, "#ffffff", "", [Group("", list(shapes))])
    return np.asarray(Canvas(size, size).drawn(scene), dtype=int)


def inked(picture: Any) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is not white."""
    ys, xs = np.nonzero((picture < 200).any(axis=2))
    return xs.min(), ys.min(), xs.max() + 1, ys.max() + 1


@pytest.mark.parametrize(
    "shape",
    [
        Circle(40.0, 60.0, 20.0, "#ff0000", "#ff0000", 2.0),
        Rectangle(50.0, 40.0, 60.0, 30.0, "#0000ff", "#0000ff", 2.0),
        Line(10.0, 50.0, 90.0, 50.0, "#000000", 4.0),
        Curve(BEND, "#000000", 4.0, tip=(70.0, 40.0)),
    ],
)
def test_a_shape_is_drawn_in_its_place(shape: Shape) -> None:
    expected = bounds_of([moved(shape, 10.0, 10.0)])
    found = inked(pixels(moved(shape, 10.0, 10.0)))
    for x, goal in zip(found, expected, strict=True):
        assert abs(x - goal) <= 3.5  # the tip of an arrow is thin


def test_fills_borders_and_dashes_are_seen() -> None:
    picture = pixels(Circle(50.0, 50.0, 30.0, "#ff0000", "#0000ff", 6.0))
    assert picture[50, 50].tolist() == [255, 0, 0]
    assert picture[50, 20].tolist() == [0, 0, 255]
    line = Line(0.0, 50.0, 100.0, 50.0, "#000000", 4.0)
    whole, dashed = (pixels(x)[50, :, 0] < 128 for x in (line, replace(line, dashed=True)))
    assert whole.all()
    assert 0.4 < dashed.mean() < 0.8


@pytest.mark.parametrize(("anchor", "sides"), [("start", (50, 78)), ("end", (22, 50))])
def test_words_stand_where_they_are_anchored(anchor: str, sides: tuple[int, int]) -> None:
    left, top, right, bottom = inked(pixels(Words(50, 50, plain("000"), 15.0, "#000000", anchor)))
    assert left >= sides[0]
    assert right <= sides[1] + 1
    assert abs((top + bottom) / 2.0 - 50.0) < 2.0
    middle = inked(pixels(Words(50.0, 50.0, plain("000"), 15.0, "#000000")))
    assert abs((middle[0] + middle[2]) / 2.0 - 50.0) < 1.5


def test_the_ground_of_words_hides_a_line() -> None:
    line = Line(0.0, 50.0, 100.0, 50.0, "#000000", 4.0)
    words = Words(50.0, 50.0, plain(" "), 20.0, "#000000", ground="#ffffff")
    assert pixels(line)[50, 50, 0] == 0
    assert pixels(line, words)[50, 50, 0] == 255


# Options


PUBLIC: Final = (viz.draw, viz.to_svg, viz.to_dot, viz.to_tikz, viz.animate)


def test_each_option_has_a_type_and_a_default() -> None:
    assert list(Options.__annotations__) == list(DEFAULTS)


@pytest.mark.parametrize("function", PUBLIC)
def test_help_shows_every_option_with_its_default(function: Any) -> None:
    parameters = inspect.signature(function).parameters
    for name, default in DEFAULTS.items():
        assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert parameters[name].default == default
        assert parameters[name].annotation == Options.__annotations__[name].__forward_arg__
    assert not any(x.kind is inspect.Parameter.VAR_KEYWORD for x in parameters.values())


def test_every_option_is_explained_where_the_others_send_one() -> None:
    for name in DEFAULTS:
        assert re.search(rf"\n +{name}: ", viz.draw.__doc__ or "")
    for function in PUBLIC[1:]:
        assert "as for ``draw``" in (function.__doc__ or "")


@pytest.mark.parametrize("function", [viz.to_svg, viz.to_dot, viz.to_tikz])
def test_an_unknown_option_is_refused(function: Any) -> None:
    with pytest.raises(UnknownArgumentError, match="no option 'colour'; did you mean 'color'"):
        function(small(), colour="kind")
    with pytest.raises(UnknownArgumentError, match="no option 'zoom'; there are detail, direction"):
        function(small(), zoom=2)


# What Graphviz makes of a scene


@pytest.mark.parametrize("detail", ["ops", "neurons", "circles"])
def test_a_png_of_graphviz_shows_what_the_scene_shows(detail: str) -> None:
    scene = drawing_of(example(), {"detail": detail})
    drawn = Image.open(io.BytesIO(render(dot_text(scene), "png"))).convert("RGB")
    assert abs(drawn.width / drawn.height - scene.width / scene.height) < 0.02
    scale = drawn.width / scene.width
    found = np.asarray(drawn, dtype=int)
    for group in scene.groups:
        line = group.shapes[0]
        if not isinstance(line, Line | Curve):
            continue
        start, end = _ends_of(line)
        color = [int(line.color[i : i + 2], 16) for i in (1, 3, 5)]
        seen = 0
        for x, y in (start, end):
            left, top = (max(0, round(scale * c) - 8) for c in (x, y))
            near = found[top : top + 17, left : left + 17]
            seen += bool((np.abs(near - color).max(axis=2) < 40).any())
        assert seen == 2, group.tooltip


def _ends_of(line: Line | Curve) -> tuple[Point, Point]:
    if isinstance(line, Line):
        return (line.x1, line.y1), (line.x2, line.y2)
    return line.points[0], line.points[-1]


@pytest.mark.parametrize("style", ["slide", "page"])
def test_a_pdf_has_the_size_of_the_scene(style: str, tmp_path: Path) -> None:
    scene = drawing_of(small(), {"style": style})
    content = viz.draw(small(), tmp_path / "a.pdf", style=style).read_bytes()
    ((width, height),) = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\s*\]", content)
    assert float(width) == pytest.approx(scene.width, abs=1.0)
    assert float(height) == pytest.approx(scene.height, abs=1.0)
    assert (float(width), float(height)) == (1280.0, 720.0) or style == "page"


@pytest.mark.parametrize("letters", [13.0, 16.5, 21.3, 24.0, 51.7])
def test_a_slide_has_its_size_whatever_stands_on_it(letters: float) -> None:
    words = Words(640.0, 360.0, plain("a"), letters, "#000000")
    scene = Scene(1280.0, 720.0, "#ffffff", "", [Group("", [words])])
    assert re.findall(rb"/MediaBox\s*\[([^\]]*)\]", _rendered(scene, "pdf")) == [b" 0 0 1280 720 "]


@pytest.mark.parametrize("size", [24.0, 40.0])
def test_indices_of_large_letters_stand_as_high_as_those_of_small_ones(size: float) -> None:
    heights = []
    for letters in (12.0, size):
        runs = [Run("x", "italic"), Run("1", "sup")]
        words = Words(2.0 * letters, 2.0 * letters, runs, letters, "#000000")
        scene = Scene(4.0 * letters, 4.0 * letters, "#ffffff", "", [Group("", [words])])
        drawn = Image.open(io.BytesIO(_rendered(scene, "png"))).convert("RGB")
        _, top, _, bottom = inked(np.asarray(drawn, dtype=int))
        heights.append((bottom - top) / drawn.height)
    assert heights[1] == pytest.approx(heights[0], rel=0.08)
