"""Circles and lines: every number is the engine's, every mark what the legend says of it.

The pictures are read back from the SVG. Numbers are compared with torch; letters, circles and
colors by what stands in the file, with the widths of the widest common font.
"""

from __future__ import annotations

import math
import os
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import pytest
import torch

import viz
from tests.circle_pictures import SVG, Picture, only, read, tooltip
from tests.fonts import FACES, advances
from tests.holding import held
from tests.test_graph import Nested, OwnNames, Plain, Tied
from tinygrad_mlp import Value, functional
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.debug import worked_example
from tinygrad_mlp.errors import GraphError, InvalidArgumentError, UnknownNameError
from tinygrad_mlp.functional import Scalar
from tinygrad_mlp.graph import MathName, order_of
from tinygrad_mlp.nn import MLP, Dropout, Layer, Module, Neuron, Sequential
from viz._circles.line_labels import placed_labels
from viz._scene.scene import Group, Scene, Words, plain
from viz._scene.svg_text import svg_text
from viz._style.markup import number
from viz._style.themes import DARK, LIGHT, Theme

X: Final = [0.5, -1.0, 2.0]


def network(*sizes: int, activation: str = "tanh") -> MLP:
    return MLP(sizes[0], sizes[1:], activation=activation, rng=0)


def loss_of(model: Module, x: Sequence[float] = X, target: float = 1.0) -> Value:
    loss: Value = (model(x) - target) ** 2
    loss.label = "L"
    loss.backward()
    return loss


# Numbers


def in_torch(model: MLP) -> tuple[list[list[float]], list[list[float]], float]:
    """What the units of each layer give out, the gradients of their sums, and the loss."""
    values, sums = torch.tensor(X, dtype=torch.float64), []
    outputs = []
    for index, layer in enumerate(model.layers):
        w = torch.tensor([[w.data for w in n.w] for n in layer.neurons], dtype=torch.float64)
        b = torch.tensor([n.b.data for n in layer.neurons], dtype=torch.float64)
        z = (w @ values + b).requires_grad_()
        z.retain_grad()
        sums.append(z)
        values = torch.tanh(z) if index < len(model.layers) - 1 else z
        outputs.append(values)
    loss = ((values - 1.0) ** 2).sum()
    loss.backward()
    deltas = [z.grad.tolist() for z in sums if z.grad is not None]
    return [layer.tolist() for layer in outputs], deltas, loss.item()


@pytest.mark.parametrize(
    ("style", "digits", "sizes"), [("page", 4, (3, 4, 4, 1)), ("slide", 3, (3, 3, 2, 1))]
)
def test_the_numbers_in_the_circles_are_those_of_torch(
    style: str, digits: int, sizes: tuple[int, ...]
) -> None:
    model = network(*sizes)
    for place, parameter in enumerate(model.parameters()):
        parameter.data += 0.01 * place  # biases that are not 0
    picture = Picture(loss_of(model), style=style)
    outputs, deltas, loss = in_torch(model)
    shown = picture.words("unit")

    def written(x: float) -> str:
        decimals = 3 if digits == 3 and 0.001 <= abs(x) < 0.1 else 17
        return number(round(x, decimals), digits)

    expected = [
        [written(value), f"δ {written(delta)}"]
        for values, of_layer in zip(outputs, deltas, strict=True)
        for value, delta in zip(values, of_layer, strict=True)
    ]
    assert [words[1:] for words in shown] == expected
    assert [words[0] for words in shown] == [
        *(f"h{j + 1}({layer})" for layer in (1, 2) for j in range(sizes[layer])),
        "ŷ1",
    ]
    assert picture.words("input") == [[f"x{i + 1}", written(x)] for i, x in enumerate(X)]
    assert picture.words("output") == [["L", written(loss)]]


def test_tooltips_have_all_digits() -> None:
    model = network(3, 2, 1)
    loss = loss_of(model)
    picture = Picture(loss)
    output = loss.parents[0].parents[0]
    h = output.parents[2]
    z = h.parents[0]
    assert tooltip(picture.groups("unit")[0]) == [
        "layers.0.neurons.0",
        f"z₁⁽¹⁾ (v{order_of([loss]).index(z)}) = {z.data!r}",
        f"h₁⁽¹⁾ (v{order_of([loss]).index(h)}) = {h.data!r}",
        f"δ = {z.grad!r}",
    ]
    w = model.layers[0].neurons[1].w[2]
    lines = [tooltip(group) for group in picture.groups("weight")]
    assert [
        f"w₂₃⁽¹⁾ (layers.0.neurons.1.w.2) = {w.data!r}",
        f"its gradient = {w.grad!r}",
    ] in lines


def strokes(picture: Picture) -> Iterator[tuple[float, ElementTree.Element]]:
    """The weight of each line, from its tooltip, and the line."""
    for group in picture.groups("weight"):
        yield float(tooltip(group)[0].split(" = ")[1]), only(group, "line")


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_lines_have_the_sign_and_the_size_of_their_weights(theme: Theme) -> None:
    model = network(3, 4, 1)
    model.layers[0].neurons[0].w[0].data = 0.0
    picture = Picture(model, theme=theme)
    largest = max(abs(p.data) for p in model.parameters())
    found = list(strokes(picture))
    assert sorted(weight for weight, _ in found) == sorted(p.data for p in model.parameters())
    for weight, line in found:
        color = {1: theme.positive, -1: theme.negative, 0: theme.line}
        sign = (weight > 0) - (weight < 0)
        assert line.get("stroke") == color[sign]
        assert (line.get("stroke-dasharray") is not None) == (weight < 0)
        width = 0.5 + 3.5 * abs(weight) / largest if weight else 1.0
        assert float(line.get("stroke-width", 0)) == pytest.approx(width, abs=0.006)
    assert f"|weight| = {number(largest)}, the largest" in picture.legend()


def test_the_number_on_a_line_is_its_weight() -> None:
    model = network(2, 3, 1)
    picture = Picture(model)
    labels = picture.groups("label")
    assert len(labels) == len(model.parameters())
    for group in labels:
        weight = float(tooltip(group)[0].split(" = ")[1])
        assert "".join(only(group, "text").itertext()) == number(weight)


def test_infinite_and_missing_numbers_are_drawn_as_they_are() -> None:
    model = network(2, 2, 1)
    weights = model.layers[0].neurons[0].w
    weights[0].data, weights[1].data = math.inf, math.nan
    picture = Picture(model)
    by_weight = {str(weight): line for weight, line in strokes(picture)}
    assert by_weight["inf"].get("stroke-width") == "4"
    assert by_weight["nan"].get("stroke") == LIGHT.line
    assert {"inf", "nan"} < {words[0] for words in picture.words("label")}


def test_colors_say_the_size_of_delta_and_the_legend_says_which() -> None:
    loss = loss_of(network(3, 4, 1))
    picture = Picture(loss)
    fills = [paint.fill for paint in LIGHT.ramp]
    found = []
    for group, words in zip(picture.groups("unit"), picture.words("unit"), strict=True):
        fill = only(group, "circle").get("fill") or ""
        found.append((abs(read(words[2].removeprefix("δ "))), fills.index(fill)))
    assert [position for _, position in sorted(found)] == sorted(p for _, p in found)
    sizes = [size for size, _ in found]
    assert f"unit, by |δ|: {number(min(sizes))}" in picture.legend()
    assert f"{number(max(sizes))} (logarithmic" in picture.legend()
    for options in ({"color": "kind"}, {"show": "data"}):
        by_kind = Picture(loss, **options)
        assert {only(g, "circle").get("fill") for g in by_kind.groups("unit")} == {
            LIGHT.roles["parameter"].fill
        }
        assert "unit" in by_kind.legend().split("; ")
        assert "δ" not in by_kind.legend()
    asked = Picture(loss, color="gradient", show="data")
    assert "unit, by |δ|" in asked.legend()


@pytest.mark.parametrize(
    ("show", "lines"), [((), 1), (("data",), 2), (("grad",), 2), (("data", "grad"), 3)]
)
def test_values_and_gradients_are_shown_on_request(show: tuple[str, ...], lines: int) -> None:
    picture = Picture(loss_of(network(3, 2, 1)), show=show)
    assert {len(words) for words in picture.words("unit")} == {lines}
    assert {len(words) for words in picture.words("input")} == {1 + ("data" in show)}
    labels = [words[0] for words in picture.words("label")]
    if "data" in show:
        assert all(math.isfinite(read(label)) for label in labels)
    else:
        assert {"w11(1)", "b2(1)", "w12(2)"} < set(labels)


def test_without_backward_there_are_no_gradients() -> None:
    picture = Picture((network(3, 2, 1)(X) - 1.0) ** 2)
    assert {len(words) for words in picture.words("unit")} == {2}
    assert "δ" not in picture.text


def test_a_batch_shows_its_weights_and_its_loss_but_no_sample() -> None:
    model = network(2, 3, 1)
    loss = functional.sum([(model([0.1 * i, 1.0]) - i) ** 2 for i in range(5)])
    loss.backward()
    picture = Picture(loss)
    assert {len(words) for kind in ("unit", "input") for words in picture.words(kind)} == {1}
    assert len(picture.groups("weight")) == len(model.parameters())
    assert picture.words("output") == [["output", number(loss.data)]]
    assert "every unit is computed 5 times, so without numbers" in picture.legend()


# Names


def test_names_are_those_of_books_or_those_of_the_program() -> None:
    model = network(2, 3, 1)
    assert [words[0] for words in Picture(model).words("unit")] == [
        *("h1(1)", "h2(1)", "h3(1)", "ŷ1")
    ]
    assert [words[0] for words in Picture(model, names="code").words("unit")] == [
        *("neuron 0", "neuron 1", "neuron 2", "neuron 0")
    ]
    titles = [words[0] for words in Picture(model, names="code").words("title")]
    assert titles == ["input", "layers.0 · tanh", "layers.1 · linear"]
    assert Picture(model).words("title") == [["input"], ["layer 1 · tanh"], ["layer 2 · linear"]]


def test_the_order_of_the_indices_is_as_asked_for() -> None:
    picture = Picture(network(2, 3, 1), show=(), index="input,unit")
    labels = {words[0] for words in picture.words("label")}
    assert {"w13(1)", "w03(1)", "w31(2)"} < labels
    assert "b1(1)" not in labels


def test_indices_are_smaller_and_off_the_line() -> None:
    (text, *_) = Picture(network(2, 3, 1)).groups("unit")[0].iter(f"{SVG}text")
    letter, below, above = text.iter(f"{SVG}tspan")
    size = float(text.get("font-size", 0))
    assert (letter.text, below.text, above.text) == ("h", "1", "(1)")
    assert letter.get("font-style") == "italic"
    assert float(below.get("font-size", 0)) == float(above.get("font-size", 0)) < 0.8 * size
    down, up = float(below.get("dy", 0)), float(above.get("dy", 0))
    assert 0.1 * size < down < 0.4 * size
    assert -0.5 * size < down + up < -0.2 * size


def test_what_follows_an_index_stands_on_the_line_again() -> None:
    name = MathName("h", (1,), 1, copy=2)
    scene = Scene(50.0, 20.0, "#ffffff", "a name")
    scene.groups.append(Group("unit", [Words(25.0, 10.0, name.runs, 10.0, "#000000")]))
    spans = ElementTree.fromstring(svg_text(scene)).iter(f"{SVG}tspan")
    assert sum(float(span.get("dy", 0)) for span in spans) == pytest.approx(0.0, abs=0.02)


def test_labels_keep_away_from_titles() -> None:
    label = Words(0.0, 0.0, plain("0.5"), 10.0, "#000000")
    title = Words(50.0, 0.0, plain("layer 1"), 10.0, "#000000")
    line = (0.0, 0.0, 200.0, 0.0)
    assert [words.x for words in placed_labels([label], [line], [])] == [100.0]
    (words,) = placed_labels([label], [line], [], [replace(title, x=100.0)])
    assert not overlap(words.box, replace(title, x=100.0).box)
    assert placed_labels([label], [line], [], [replace(title, x=100.0, size=60.0)]) == []


# Models of all kinds


def test_what_a_softmax_makes_of_the_last_units_stands_behind_them() -> None:
    picture = Picture(MLP(2, [4, 3], output_activation="softmax", rng=0))
    assert [words[0] for words in picture.words("unit")][-3:] == ["z1(2)", "z2(2)", "z3(2)"]
    assert [words[0] for words in picture.words("output")] == ["ŷ1", "ŷ2", "ŷ3"]
    assert len(picture.groups("further")) == 9
    assert "further operations" in picture.legend()


def test_an_autoencoder_has_all_its_layers() -> None:
    picture = Picture(Nested()([0.1, 0.2]))
    assert [words[0] for words in picture.words("title")] == [
        *("input", "layer 1 · relu", "layer 2 · linear", "layer 3 · relu", "layer 4 · linear")
    ]


def test_two_models_stand_in_lanes_of_their_own() -> None:
    first, second = network(2, 1), network(2, 2, 1)
    picture = Picture(first([1.0, 2.0]) + second([1.0, 2.0]))
    titles = [words[0] for words in picture.words("title")]
    assert titles.count("input") == 2
    assert "MLP#1 layer 1 · linear" in titles
    assert "MLP#2 layer 2 · linear" in titles
    heights = [float(only(g, "circle").get("cy", 0)) for g in picture.groups("unit")]
    assert heights[0] < min(heights[1:])


def test_heads_and_loops_and_single_neurons_are_drawn() -> None:
    heads = Picture(OwnNames()([0.1, 0.2]))
    assert {"heads.left · linear", "heads.right · linear"} < {w[0] for w in heads.words("title")}
    assert len(Picture(Plain()([0.1, 0.2])).groups("unit")) == 4
    assert [w[0] for w in Picture(Neuron(2, "tanh", rng=0)).words("unit")] == ["ŷ"]
    w = [Value(0.5), Value(-0.25)]
    held(w=w)
    assert len(Picture((w[0] * 2.0 + w[1] * 3.0).tanh()).groups("weight")) == 2


def test_a_shared_bias_is_drawn_to_each_of_its_units() -> None:
    picture = Picture(worked_example())
    biases = [g for g in picture.groups("weight") if tooltip(g)[0].startswith("b₁ (b1) = 0.35")]
    assert len(biases) == 2
    assert [words[0] for words in picture.words("unit")] == ["outh1", "outh2", "outo1", "outo2"]


def test_biases_may_be_left_out() -> None:
    model = network(2, 3, 1)
    assert len(Picture(model).groups("one")) == 2
    without = Picture(model, constants=False)
    assert without.groups("one") == []
    assert len(without.groups("weight")) == 9
    assert "bias" not in without.legend()
    w = [Value(0.5), Value(-0.25)]
    held(w=w)
    assert Picture(functional.dot(w, [2.0, 3.0])).groups("one") == []


class Passing(Module):
    """The last layer reads all layers before it."""

    def __init__(self) -> None:
        self.a = Layer(3, 3, "tanh", rng=0)
        self.b = Layer(6, 3, None, rng=1)
        self.n_inputs = 3

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        return self.b.forward([*self.a.forward(x), *x])


def bias_of_a_sum() -> Value:
    w = [[Value(1.0)], [Value(-1.0)]]
    held(w=w)
    return functional.dot(w[1], [Value(2.0)], functional.dot(w[0], [Value(2.0)]))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (Passing(), r"a line to b\.neurons\.\d would run through other circles"),
        (Tied()([0.1, 0.2]), r"inner\.neurons\.0 reads from different places"),
        (bias_of_a_sum(), r"w\.1 adds what other operations computed"),
        (Value(2.0).exp(), r"no unit in this graph"),
    ],
)
def test_what_circles_cannot_show_is_refused(value: Any, reason: str) -> None:
    with pytest.raises(GraphError, match=f"{reason}.*detail="):
        Picture(value)


def test_a_sequence_is_drawn_without_its_dropout() -> None:
    layers = Layer(2, 3, "tanh", rng=0), Layer(3, 1, None, rng=1)
    picture = Picture(Sequential(layers[0], Dropout(0.5), layers[1]))
    assert picture.words("title") == [["input"], ["layer 1 · tanh"], ["layer 2 · linear"]]


def test_auto_draws_a_model_as_circles_where_they_can_show_it() -> None:
    assert viz.to_svg(network(2, 3, 1)) == viz.to_svg(network(2, 3, 1), detail="circles")
    assert viz.to_svg(Passing()) == viz.to_svg(Passing(), detail="layers")
    down = viz.to_svg(network(2, 3, 1), direction="TB")
    assert down == viz.to_svg(network(2, 3, 1), direction="TB", detail="layers")


# Large layers


def test_of_a_large_layer_the_middle_is_folded() -> None:
    twelve, thirteen = (Picture(network(2, n, 1)) for n in (12, 13))
    assert len(twelve.groups("unit")) == 12 + 1
    assert twelve.groups("fold") == []
    assert [words[0] for words in thirteen.words("unit")] == [
        *(f"h{j}(1)" for j in (1, 2, 3, 4, 5, 9, 10, 11, 12, 13)),
        "ŷ1",
    ]
    assert thirteen.words("fold") == [["⋮", "3 more"]]
    assert len(thirteen.groups("weight")) == 2 * 10 + 10 + 10 + 1
    assert len(thirteen.groups("label")) == 10 + 1  # 30 lines have no room for numbers


def test_what_is_marked_or_in_focus_is_not_folded() -> None:
    model = network(2, 16, 1)
    output = model([0.5, 1.0])
    picture = Picture(output, focus="h[1]_8")
    assert ["h8(1)", number(output.parents[16 + 7].data)] in picture.words("unit")
    assert [words[1] for words in picture.words("fold")] == ["2 more", "3 more"]
    weight = model.layers[0].neurons[8].w[0]
    for options in ({"focus": weight}, {"highlight": weight}):
        assert "h9(1)" in [words[0] for words in Picture(output, **options).words("unit")]


def test_too_many_circles_are_refused() -> None:
    with pytest.raises(GraphError, match=r"has 8 circles.*max_nodes=7.*detail='layers'.*nodes=8"):
        Picture(network(2, 3, 1), max_nodes=7)
    assert Picture(network(2, 3, 1), max_nodes=8).groups("unit")


# Focus and marks


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_the_paths_of_the_focus_are_as_before_and_the_rest_is_a_quarter(theme: Theme) -> None:
    model = network(2, 3, 1)
    output = model([0.5, 1.0])
    whole = Picture(output, theme=theme)
    hidden = output.parents[4]
    for focus in ("h[1]_2", "h₂⁽¹⁾", hidden, hidden.parents[0]):
        picture = Picture(output, theme=theme, focus=focus)
        lit = [w[0] for g, w in zip(picture.groups("unit"), picture.words("unit"), strict=True)
               if g.get("class") == "unit"]  # fmt: skip
        assert lit == ["h2(1)", "ŷ1"]
        lines = {g.get("id"): g for g in whole.groups("weight")}
        bright = []
        for group in picture.groups("weight"):
            line, before = only(group, "line"), only(lines[group.get("id")], "line")
            color = before.get("stroke", "")
            if group.get("class") == "weight":
                bright.append(tooltip(group)[0].split(" ")[0])
                assert line.get("stroke") == color
            else:
                assert line.get("stroke") == quarter(color, theme.background)
            assert line.get("stroke-width") == before.get("stroke-width")
        assert sorted(bright) == ["b₂⁽¹⁾", "w₁₂⁽²⁾", "w₂₁⁽¹⁾", "w₂₂⁽¹⁾"]


def quarter(color: str, ground: str) -> str:
    parts = [(int(color[i : i + 2], 16), int(ground[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join([f"{round(0.25 * a + 0.75 * b):02x}" for a, b in parts])


def test_the_focus_may_be_a_weight_an_input_or_the_loss() -> None:
    loss = loss_of(network(3, 2, 1))

    def lit(focus: str) -> list[str]:
        picture = Picture(loss, focus=focus)
        return [w[0] for kind in ("input", "unit", "output")
                for g, w in zip(picture.groups(kind), picture.words(kind), strict=True)
                if "faded" not in (g.get("class") or "")]  # fmt: skip

    assert lit("w[1]_23") == ["x3", "h2(1)", "ŷ1", "L"]
    assert lit("layers.0.neurons.0.b") == ["h1(1)", "ŷ1", "L"]
    assert lit("x_1") == ["x1", "h1(1)", "h2(1)", "ŷ1", "L"]
    assert lit("L") == ["x1", "x2", "x3", "h1(1)", "h2(1)", "ŷ1", "L"]


def test_a_focus_that_is_not_in_the_picture_is_refused() -> None:
    model = network(2, 3, 1)
    with pytest.raises(GraphError, match="no circle and no line"):
        Picture(model, focus=Value(1.0))
    with pytest.raises(UnknownNameError, match=r"unknown node 'h\[7\]_1'"):
        Picture(model, focus="h[7]_1")


def test_marks_are_drawn_in_the_accent_color() -> None:
    model = network(2, 3, 1)
    weight = model.layers[0].neurons[1].w[0]
    output = model([Value(0.5, label="a"), 1.0])
    picture = Picture(output, highlight=[weight, "a"])
    marked = [g for g in picture.groups("weight") if only(g, "line").get("stroke") == LIGHT.accent]
    assert [tooltip(g)[0].split(" ")[0] for g in marked] == ["w₂₁⁽¹⁾"]
    borders = [only(g, "circle").get("stroke") for g in picture.groups("input")]
    assert borders == [LIGHT.accent, LIGHT.roles["input"].border]
    ends = Picture(output, highlight=["a", output.parents[3]])
    marked = [g for g in ends.groups("weight") if only(g, "line").get("stroke") == LIGHT.accent]
    assert [tooltip(g)[0].split(" ")[0] for g in marked] == ["w₁₁⁽¹⁾"]


# Slides


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("sizes", [(2, 3, 1), (3, 4, 4, 1), (2, 16, 16, 1), (64, 32, 10)])
def test_a_slide_is_wide_large_and_without_a_legend(sizes: tuple[int, ...], theme: str) -> None:
    picture = Picture(network(*sizes), style="slide", theme=theme)
    assert picture.root.get("viewBox") == "0 0 1280 720"
    assert picture.groups("legend") == []
    texts = list(picture.root.iter(f"{SVG}text"))
    assert min(float(text.get("font-size", 0)) for text in texts) >= 24.0
    for words in picture.words("label"):
        assert len(words[0].lstrip("\N{MINUS SIGN}0.").replace(".", "")) <= 3
    for left, top, right, bottom in [*map(box_of, texts), *map(circle_box, circles(picture))]:
        assert left >= 0.0
        assert right <= 1280.0
        assert top >= 0.0
        assert bottom <= 720.0


def test_numbers_on_a_slide_are_short() -> None:
    weights = {
        0.0763: "0.076",
        -0.00424: "−0.004",
        0.00042: "0.00042",
        1.2345: "1.23",
        -0.1: "−0.1",
        123456.0: "1.23e5",
    }
    neuron = Neuron(len(weights), weights=list(weights), bias=0.09995)
    words = [label[0] for label in Picture(neuron, style="slide").words("label")]
    assert words == [*weights.values(), "0.1"]


def test_a_slide_folds_what_has_no_room_and_no_more() -> None:
    loss = loss_of(network(3, 4, 4, 1))
    assert Picture(loss, style="slide").groups("fold") == []
    folded = Picture(network(2, 16, 1), style="slide")
    assert len(folded.groups("fold")) == 1
    assert len(folded.groups("unit")) >= 1 + 6


def test_a_slide_without_room_is_refused() -> None:
    deep = network(2, *[2] * 14, 1)
    with pytest.raises(GraphError, match=r"no room for 16 columns of up to 2 circles.*show=\(\)"):
        Picture(deep, style="slide")


def test_a_slide_is_16_to_9_in_pixels_too(tmp_path: Path) -> None:
    path = viz.draw(network(2, 3, 1), tmp_path / "slide.png", style="slide")
    width, height = struct.unpack(">II", path.read_bytes()[16:24])
    assert abs(width / height - 16 / 9) < 0.002
    assert width >= 1280


# What a person reads: letters apart, in colors that can be seen


def circles(picture: Picture) -> list[ElementTree.Element]:
    kinds = ("input", "unit", "one")
    return [only(group, "circle") for kind in kinds for group in picture.groups(kind)]


def circle_box(circle: ElementTree.Element) -> tuple[float, float, float, float]:
    x, y, r = (float(circle.get(key, 0)) for key in ("cx", "cy", "r"))
    return x - r, y - r, x + r, y + r


def box_of(text: ElementTree.Element) -> tuple[float, float, float, float]:
    """The ground that letters cover, for the widths of DejaVu, without what hangs over a little."""
    size, bold = float(text.get("font-size", 0)), text.get("font-weight") == "bold"
    width = 0.0
    for part in text.iter():
        advance = advances(FACES["font-family" in part.attrib, bold][0])
        scale = float(part.get("font-size", size))
        width += scale * sum([advance(letter) or 0.0 for letter in part.text or ""])
        if part is not text:
            advance = advances(FACES[False, bold][0])
            width += size * sum([advance(letter) or 0.0 for letter in part.tail or ""])
    start = {None: 0.0, "middle": 0.5, "end": 1.0}[text.get("text-anchor")]
    left = float(text.get("x", 0)) - start * width
    baseline = float(text.get("y", 0))
    return left, baseline - 0.7 * size, left + width, baseline


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


SHAPES: Final = [(2, 3, 1), (3, 4, 4, 1), (2, 16, 16, 1), (64, 32, 10), (1, 1), (5, 13, 2)]


def pictures() -> Iterator[Any]:
    for sizes in SHAPES:
        model = network(*sizes)
        yield pytest.param(model, {}, id=f"{sizes}")
        yield pytest.param(model, {"style": "slide"}, id=f"{sizes} slide")
        yield pytest.param(model, {"show": (), "theme": "dark"}, id=f"{sizes} names")
        outputs = model.forward([0.1 * i - 0.3 for i in range(sizes[0])])
        loss = functional.sum([(output - 1.0) ** 2 for output in outputs])
        loss.backward()
        yield pytest.param(loss, {"theme": "dark"}, id=f"{sizes} loss")
    yield pytest.param(OwnNames()([1.0, 2.0]), {}, id="heads")
    yield pytest.param(Nested()([1.0, 2.0]), {"names": "code"}, id="autoencoder")
    yield pytest.param(network(2, 1)([1, 2]) + network(2, 3, 1)([1, 2]), {}, id="two models")
    yield pytest.param(worked_example(), {"style": "slide"}, id="worked example")


@pytest.mark.parametrize(("value", "options"), list(pictures()))
def test_letters_keep_apart(value: Any, options: dict[str, Any]) -> None:
    picture = Picture(value, **options)
    around = [(circle, circle_box(circle)) for circle in circles(picture)]
    for (_, a), (_, b) in combinations(around, 2):
        assert not overlap(a, b)
    free = [t for kind in ("label", "title") for g in picture.groups(kind)
            for t in g.iter(f"{SVG}text")]  # fmt: skip
    for text in free:
        box = box_of(text)
        for circle, _ in around:
            x, y, r = (float(circle.get(key, 0)) for key in ("cx", "cy", "r"))
            near = min(max(x, box[0]), box[2]), min(max(y, box[1]), box[3])
            assert math.hypot(near[0] - x, near[1] - y) >= r - 0.5, "".join(text.itertext())
    for first, second in combinations(free, 2):
        assert not overlap(box_of(first), box_of(second)), "".join(first.itertext())
    for kind in ("input", "unit", "one"):
        for group in picture.groups(kind):
            x, y, r = (float(only(group, "circle").get(key, 0)) for key in ("cx", "cy", "r"))
            for text in group.iter(f"{SVG}text"):
                left, top, right, bottom = box_of(text)
                corners = [(px, py) for px in (left, right) for py in (top, bottom)]
                assert all(math.hypot(px - x, py - y) <= r + 0.5 for px, py in corners)


@pytest.mark.parametrize(("value", "options"), list(pictures()))
def test_no_line_runs_through_a_circle(value: Any, options: dict[str, Any]) -> None:
    picture = Picture(value, **options)
    lines = [only(g, "line") for kind in ("weight", "further") for g in picture.groups(kind)]
    for line in lines:
        x1, y1, x2, y2 = (float(line.get(key, 0)) for key in ("x1", "y1", "x2", "y2"))
        for circle in circles(picture):
            x, y, r = (float(circle.get(key, 0)) for key in ("cx", "cy", "r"))
            share = ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / math.hypot(
                x2 - x1, y2 - y1
            ) ** 2
            share = min(1.0, max(0.0, share))
            nearest = math.hypot(x1 + share * (x2 - x1) - x, y1 + share * (y2 - y1) - y)
            assert nearest >= r - 0.05


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    low, high = sorted([luminance(first), luminance(second)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize("color", ["auto", "kind"])
@pytest.mark.parametrize("style", ["page", "slide"])
def test_letters_stand_out_from_their_ground(theme: Theme, color: str, style: str) -> None:
    model = network(3, 4, 1)
    model.layers[0].neurons[0].w[0].data = 300.0  # a unit that is saturated: delta is 0
    picture = Picture(loss_of(model), theme=theme, color=color, style=style)
    n_letters = 0
    for group in picture.root.iter(f"{SVG}g"):
        shapes = [*group.iter(f"{SVG}circle"), *group.iter(f"{SVG}rect")]
        inside = (group.get("class") or "") in ("input", "unit", "one", "output")
        ground = shapes[0].get("fill", "") if inside else theme.background
        for text in group.iter(f"{SVG}text"):
            n_letters += 1
            assert contrast(text.get("fill", ""), ground) >= 4.5, "".join(text.itertext())
    assert n_letters > 20
    for _, line in strokes(picture):
        assert contrast(line.get("stroke", ""), theme.background) >= 3.0


# Files, and what else is asked for


@pytest.mark.parametrize("way", ["library", "system"])
@pytest.mark.parametrize(
    ("name", "start"),
    [("a.svg", b"<svg"), ("a.png", b"\x89PNG"), ("a.pdf", b"%PDF-"), ("a.dot", b"digraph")],
)
def test_every_format_is_written(
    name: str, start: bytes, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "library":  # the one inside pygraphviz
        monkeypatch.setenv("PATH", os.devnull)
    path = viz.draw(loss_of(network(3, 2, 1)), tmp_path / name, detail="circles", focus="h[1]_1")
    assert path.read_bytes().startswith(start)


def test_an_svg_needs_no_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bytes:
        raise AssertionError

    monkeypatch.setattr(viz._pictures, "render", refuse)
    assert viz.to_svg(network(2, 3, 1)).startswith("<svg")


def test_the_dot_text_has_everything_in_its_place() -> None:
    model = network(2, 3, 1)
    picture = Picture(model)
    dot = viz.to_dot(model, detail="circles")
    height = float(picture.root.get("height", 0))
    for group in picture.groups("unit"):
        circle = only(group, "circle")
        x, y = float(circle.get("cx", 0)), height - float(circle.get("cy", 0))
        places = re.findall(r'shape=circle.*pos="([\d.]+),([\d.]+)"', dot)
        assert any(abs(float(a) - x) < 0.02 and abs(float(b) - y) < 0.02 for a, b in places)
    lines = len(model.parameters()) + 3  # and those of the legend
    assert dot.count(" -> ") == lines
    assert dot.count("style=dashed") == picture.text.count("stroke-dasharray")


HOSTILE: Final = '</title><script>alert(1)</script>&"\\N\x00\u202e'


def test_hostile_labels_stay_text(tmp_path: Path) -> None:
    model = network(2, 2, 1)
    model.layers[0].neurons[0].b.label = HOSTILE
    output = model([Value(1.0, label=HOSTILE), Value(2.0, label="<b>")])
    loss = output * 2.0
    loss.label = HOSTILE
    for options in ({}, {"names": "code"}, {"style": "slide"}):
        picture = Picture(loss, **options)
        assert not list(picture.root.iter(f"{SVG}script"))
        assert picture.words("input")[1][0] == "<b>"
        assert picture.words("input")[0][0].startswith("</ti")
        shown = HOSTILE.replace("\x00", r"\x00").replace("\u202e", r"\u202e")
        assert any(shown in line for line in tooltip(picture.groups("output")[0]))
    viz.draw(loss, tmp_path / "a.png", detail="circles")


@pytest.mark.parametrize("options", [{"names": "math"}, {"focus": "x1"}, {"index": "input,unit"}])
def test_a_program_has_no_names_of_books(options: dict[str, str]) -> None:
    program = compile(lambda x: x[0] * 2.0, [], per_sample=True)
    with pytest.raises(InvalidArgumentError, match="not for a program"):
        viz.to_dot(program, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "known"),
    [
        ({"style": "poster"}, "page, slide"),
        ({"names": "latex"}, "auto, code, math"),
        ({"index": "unit"}, "input,unit, unit,input"),
    ],
)
def test_unknown_options_are_refused(options: dict[str, str], known: str) -> None:
    with pytest.raises(UnknownNameError, match=known):
        Picture(network(2, 1), **options)


@pytest.mark.parametrize("direction", ["RL", "TB", "BT"])
def test_circles_stand_from_the_left_to_the_right(direction: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"direction='LR', or detail='neurons'"):
        Picture(network(2, 1), direction=direction)
