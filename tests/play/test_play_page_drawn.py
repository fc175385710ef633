"""How weights, marks and boundaries are drawn: what each stroke of the pen looks like."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.play.playing import Played
from viz._plots.plot_colors import PALETTE
from viz._style.themes import LIGHT

PEN = """
const made = [];
const pen = new Proxy({ ends: [] }, {
  get: (kept, name) => {
    if (name === "beginPath") return () => (kept.ends = []);
    if (name === "moveTo" || name === "lineTo") return (x, y) => kept.ends.push([x, y]);
    if (name === "arc") return () => kept.ends.push("arc");
    if (name === "setLineDash") return (dash) => (kept.dash = dash);
    if (name === "measureText") return (text) => ({ width: 6 * text.length });
    if (name === "fillText") return (text, x, y) => made.push({ text, x, y });
    if (name === "stroke" || name === "fill") return () => {
      const { ends, strokeStyle, fillStyle, lineWidth, globalAlpha, dash } = kept;
      const color = name === "stroke" ? strokeStyle : fillStyle;
      made.push({ name, ends: ends.slice(), color, lineWidth, globalAlpha, dash });
    };
    return kept[name] ?? (() => {});
  },
  set: (kept, name, value) => (kept[name] = value, true),
});
"""


def drawn(page: Played, act: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.page.evaluate(f"(() => {{ {PEN} {act}; return made; }})()")
    return found


def rgb(color: str) -> str:
    return f"rgb({','.join(str(int(color[i : i + 2], 16)) for i in (1, 3, 5))})"


LAYER = """
const layer = { W: { at: 1, row: 3 }, b: { at: 0, row: 3 } };
const flat = [9, 2, -1, 9, 0.5, 0];
const place = (x, y) => ({ x, y, left: x - 5, right: x + 5 });
const [sources, targets] = [[place(0, 0), place(0, 10)], [place(50, 0), place(50, 10)]];
"""


def test_lines_say_sign_and_size_of_weights(page: Played) -> None:
    strokes = drawn(page, f"{LAYER} drawLines(pen, layer, flat, sources, targets, null, 2)")
    by_ends = {str(stroke["ends"]): stroke for stroke in strokes}
    largest = by_ends["[[5, 0], [45, 0]]"]
    negative = by_ends["[[5, 10], [45, 0]]"]
    small = by_ends["[[5, 0], [45, 10]]"]
    assert len(strokes) == 3, "a weight of 0 has no line"
    assert (largest["color"], largest["dash"]) == (rgb(LIGHT.positive), [])
    assert (negative["color"], negative["dash"]) == (rgb(LIGHT.negative), [6, 4])
    assert largest["lineWidth"] == 5.5
    assert largest["lineWidth"] > negative["lineWidth"] > small["lineWidth"] >= 0.5


def test_lines_beside_the_unit_that_is_looked_at_fade(page: Played) -> None:
    strokes = drawn(page, f"{LAYER} drawLines(pen, layer, flat, sources, targets, targets[0], 2)")
    alphas = {str(stroke["ends"]): stroke["globalAlpha"] for stroke in strokes}
    assert alphas["[[5, 0], [45, 0]]"] > 0.9
    assert alphas["[[5, 0], [45, 10]]"] < 0.13


def test_numbers_on_lines_cover_no_other(page: Played) -> None:
    numbers = drawn(
        page,
        f"{LAYER.replace('50,', '250,')} drawNumbers(pen, layer, flat, sources, targets, null)",
    )
    assert {number["text"] for number in numbers} == {"2", "−1", "0.5", "0"}
    for i, one in enumerate(numbers):
        for other in numbers[:i]:
            assert abs(one["y"] - other["y"]) >= 14 or abs(one["x"] - other["x"]) >= 12


@pytest.mark.parametrize(
    ("target", "is_held_out", "is_painted", "shape"),
    [(0, False, False, "square"), (1, False, True, "circle"), (1, True, False, "circle")],
)
def test_marks_tell_classes_and_what_is_held_out(
    page: Played, target: int, is_held_out: bool, is_painted: bool, shape: str
) -> None:
    flags = f"{str(is_held_out).lower()}, {str(is_painted).lower()}"
    strokes = drawn(page, f"plot.drawMark(pen, 20, 20, {target}, {flags}, 4)")
    color, ground = rgb(PALETTE[1 - target]), rgb(LIGHT.background)
    fill, rim, *hole = strokes
    assert (fill["ends"] == ["arc"]) == (shape == "circle")
    assert (fill["name"], fill["color"]) == ("fill", ground if is_held_out else color)
    assert (rim["name"], rim["color"]) == ("stroke", color if is_held_out else ground)
    assert [mark["color"] for mark in hole] == [ground] * is_painted


def test_the_boundary_is_where_the_answer_changes_its_sign(page: Played) -> None:
    side = 5
    across, down = np.meshgrid(np.arange(side), np.arange(side))
    numbers = (across + 0.5 * down - 2.3).ravel().tolist()
    strokes = drawn(page, f"contour(pen, {numbers}, {side}, (x, y) => [x, y]); pen.stroke()")
    ends = np.array(strokes[0]["ends"])
    np.testing.assert_allclose(ends[:, 0] + 0.5 * ends[:, 1], 2.3, atol=1e-12)
    assert len(ends) >= 2 * (side - 1)


@pytest.mark.parametrize("head", ["sigmoid", "softmax", "identity"])
def test_the_boundary_has_no_steps_where_the_network_is_sure(page: Played, head: str) -> None:
    strokes = drawn(
        page,
        f"""
        const side = 9;
        const count = side * side;
        const places = Array.from({{ length: count }}, (_, at) => at);
        const sums = places.map((at) => 40 * ((at % side) + 0.5 * Math.floor(at / side) - 5.3));
        const sure = sums.map((sum) => 1 / (1 + Math.exp(-sum)));
        const isSoftmax = {head!r} === "softmax";
        const scores = isSoftmax ? [...sums.map(() => 0), ...sums] : sums;
        const said = isSoftmax ? [...sure.map((share) => 1 - share), ...sure] : sure;
        const outputs = {head!r} === "identity" ? sums.map((sum) => sum + 0.5) : said;
        Plot.prototype.drawBoundaries.call({{
          responses: {{ side, count }}, isClasses: isSoftmax, n_classes: 2,
          room: {{ width: side - 1, height: side - 1 }}, scene: {{ network: {{ head: {head!r} }} }},
        }}, pen, outputs, scores);""",
    )
    left, top = page.page.evaluate("[EDGE.left, EDGE.top]")
    ends = np.array(strokes[0]["ends"])
    along = ends[:, 0] - left + 0.5 * (ends[:, 1] - top)
    np.testing.assert_allclose(along, 5.3, atol=1e-9)
    assert len(ends) >= 16


def test_numbers_are_written_short_and_never_wrongly(page: Played) -> None:
    cases = [
        *("shown(-0.000123456)", "shown(1234567)", "shown(0.5)", "shown(NaN)", "shown(0)"),
        *("shown(0.00001)", "shown(-2.5e7)", "shown(1e-10, 1)"),
        *("written('x1*x2')", "written('x2^2')", "written('sin(x12)')", "written('max1')"),
        *("steady(0.5)", "steady(0.00001)", "percent(0.9999)", "percent(1)", "percent(null)"),
        *("single(Math.fround(0.1))", "shortened('abcdefgh', 5)", "ticksOf(0, 1, 4)"),
    ]
    assert page.page.evaluate(f"[{', '.join(cases)}]") == [
        *("−1.235e−4", "1.235e6", "0.5", "not finite", "0"),
        *("1e−5", "−2.5e7", "1e−10"),
        *("x₁x₂", "x₂²", "sin(x₁₂)", "max1"),
        *("0.5000", "1.000e−5", "99.9 %", "100.0 %", ""),
        *(0.1, "ab…gh", [0, 0.5, 1]),
    ]
