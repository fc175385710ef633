"""How drawings of boxes look: themes, highlights, colors and their legend, constants, labels."""

from __future__ import annotations

import math
import re
from typing import Any, Final

import pytest
import torch

from tests.box_pictures import NORM, SVG, BoxPicture, batch_loss, network
from tests.holding import held
from tinygrad_mlp import functional
from tinygrad_mlp.derivatives import grad
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError
from tinygrad_mlp.nn import MLP, Neuron
from viz import to_dot
from viz._style.markup import number
from viz._style.themes import DARK, LIGHT, GradientScale

MIDDLE: Final = "in the middle)"


@pytest.mark.parametrize("detail", ["ops", "neurons", "layers"])
def test_a_highlighted_node_is_marked_in_every_detail(detail: str) -> None:
    model = MLP(2, [2, 1], rng=0)
    output = model([1.0, 2.0])
    weight = model.layers[0].neurons[1].w[0]
    plain, marked = (BoxPicture(output, detail=detail, highlight=x) for x in ((), weight))
    assert LIGHT.accent not in plain.text
    changed = [n for n, box in marked.boxes.items() if box.border != plain.boxes[n].border]
    assert len(changed) == 1
    assert marked.boxes[changed[0]].border == LIGHT.accent
    assert BoxPicture(output, detail=detail, highlight=[weight.label]).text == marked.text


@pytest.mark.parametrize("detail", ["ops", "neurons", "layers"])
def test_an_arrow_between_marked_boxes_is_marked(detail: str) -> None:
    x = Value(0.5, label="x")
    output = MLP(1, [2, 1], rng=0)([x])
    first_sum = output.parents[2].parents[0]  # the first neuron, before its activation
    picture = BoxPicture(output, detail=detail, highlight=[x, first_sum])
    marked = [arrow for arrow in picture.arrows if arrow.color == LIGHT.accent]
    assert len(marked) == 1
    assert {picture.boxes[n].border for n in (marked[0].source, marked[0].target)} == {LIGHT.accent}
    assert marked[0].width > 2.0


def test_a_value_from_elsewhere_cannot_be_highlighted() -> None:
    with pytest.raises(GraphError, match="no node of this graph"):
        to_dot(Value(1.0) + 1.0, highlight=Value(2.0))


@pytest.mark.parametrize("detail", ["ops", "neurons", "layers"])
def test_the_themes_differ_in_nothing_but_colors(detail: str) -> None:
    loss = batch_loss(MLP(2, [2, 1], rng=0))
    light, dark = (BoxPicture(loss, detail=detail, theme=theme).text for theme in ("light", "dark"))
    assert DARK.background in dark
    color = re.compile(r"#[0-9a-f]{6}")
    assert color.sub("", light) == color.sub("", dark)
    assert light != dark


def test_constants_can_be_left_out() -> None:
    loss = (Value(2.0, label="a") * 3.0 + 1.0).tanh()
    picture = BoxPicture(loss, constants=False)
    assert [box.texts[0] for box in picture.boxes.values()] == ["a", "×", "+", "tanh"]
    assert picture.pairs == [("n1", "n3"), ("n3", "n4"), ("n4", "n5")]


def test_colors_follow_the_size_of_the_gradient() -> None:
    a, b = Value(100.0, label="a"), Value(0.1, label="b")
    product = a * b
    product.backward()
    picture = BoxPicture(product, color="gradient")
    assert picture.called("a").fill == LIGHT.ramp[0].fill
    assert picture.called("b").fill == LIGHT.ramp[-1].fill
    assert "size of the gradient: 0.1" in picture.legend


def silu_neuron() -> Neuron:
    neuron = Neuron(2, "silu", rng=0)
    neuron.w[0].data, neuron.w[1].data, neuron.b.data = 1.0, -0.5, 0.0
    return neuron


def lines(picture: BoxPicture) -> list[tuple[float, str]]:
    """Width and color of each arrow."""
    return [(arrow.width, arrow.color) for arrow in picture.arrows]


def test_an_arrow_of_a_neuron_has_the_color_and_width_of_its_number() -> None:
    z = torch.tensor(-3.0, dtype=torch.float64, requires_grad=True)
    torch.nn.functional.silu(z).backward()
    assert z.grad is not None
    slope = z.grad.item()
    assert slope < 0.0  # so the signs of the weights are not those of the derivatives
    picture = BoxPicture(silu_neuron()([-3.0, 0.0]), detail="neurons")
    assert lines(picture) == [(2.6, LIGHT.negative), (1.5, LIGHT.positive)]
    *_, neuron = picture.boxes.values()
    assert list(neuron.derivatives.values()) == [number(slope), number(-0.5 * slope)]
    assert {"positive local derivative", "negative local derivative"} <= set(picture.legend)
    assert not any("weight" in text for text in picture.legend)


def test_arrows_without_numbers_have_the_color_and_width_of_the_weight() -> None:
    neuron = silu_neuron()
    samples = [neuron([-3.0, 0.0]), neuron([-2.0, 1.0])]
    for picture in (
        BoxPicture(samples[0], detail="neurons", show=["data"]),
        BoxPicture(functional.sum(samples), detail="neurons"),
    ):
        assert lines(picture)[:2] == [(2.6, LIGHT.positive), (1.5, LIGHT.negative)]
        assert "weight = 1.0" in picture.arrows[0].tooltip
        assert "weight = -0.5" in picture.arrows[1].tooltip
        assert {"positive weight", "negative weight"} <= set(picture.legend)


def test_a_derivative_of_0_has_no_sign() -> None:
    neuron = Neuron(1, "relu", rng=0)
    neuron.w[0].data, neuron.b.data = 1.0, 0.0
    picture = BoxPicture(neuron([-3.0]), detail="neurons")
    assert picture.boxes["b1"].derivatives == {"x1": "0"}
    assert lines(picture) == [(0.9, LIGHT.line)]
    assert not any("positive" in text or "negative" in text for text in picture.legend)


@pytest.mark.parametrize("detail", ["neurons", "layers"])
def test_the_legend_says_which_number_colors_a_box(detail: str) -> None:
    model = MLP(2, [2, 1], rng=0)
    loss = (model([1.0, 2.0]) - 1.0) ** 2
    loss.backward()
    model.layers[1].neurons[0].b.grad = 1000.0
    picture = BoxPicture(loss, detail=detail)
    start = f"{detail[:-1]}, by the {NORM} of its parameters: "
    assert any(text.startswith(start) for text in picture.legend)
    (strongest,) = (box for box in picture.boxes.values() if box.fill == LIGHT.ramp[-1].fill)
    assert strongest.numbers[NORM] == "1000"


@pytest.mark.parametrize("detail", ["neurons", "layers"])
def test_where_gradients_are_not_shown_colors_mean_kinds(detail: str) -> None:
    model = MLP(2, [2, 1], rng=0)
    ((model([1.0, 2.0]) - 1.0) ** 2).backward()
    output = model([1.0, 2.0])
    output.backward()
    picture = BoxPicture(output, detail=detail, show=["data"])
    assert {box.fill for box in picture.boxes.values()} == {
        LIGHT.roles["input"].fill, LIGHT.roles["parameter"].fill
    }  # fmt: skip
    assert detail[:-1] in picture.legend
    shown = BoxPicture(output, detail=detail, show=["data"], color="gradient")
    assert any(NORM in text for text in shown.legend)


def scale_of(picture: BoxPicture) -> list[str]:
    """The two ends of the scale of gradients, and its middle."""
    place = next(i for i, text in enumerate(picture.legend) if text.endswith(MIDDLE))
    high, _, middle = picture.legend[place].partition(" (logarithmic, ")
    return [picture.legend[place - 1].split(": ")[-1], high, middle.removesuffix(f" {MIDDLE}")]


def test_the_scale_of_gradients_is_that_of_the_boxes_that_are_drawn() -> None:
    a = Value(1e-9, label="a")
    product = a * 5.0
    product.backward()  # the 5 has a gradient, 1e-9, but no box; a has 5, the product 1
    low, high = (number(math.sqrt(5.0) * factor) for factor in (10**-0.5, 10**0.5))
    assert scale_of(BoxPicture(product, color="gradient"))[:2] == [low, high]


def test_a_weight_is_never_called_by_a_number_alone() -> None:
    w = [[Value(0.5) for j in range(2)] for i in range(2)]
    b = [Value(0.1), Value(0.1)]
    held(w=w, b=b)
    h = [(w[i][0] * 1.0 + w[i][1] * 2.0 + b[i]).tanh() for i in range(2)]
    picture = BoxPicture(h[0] * h[1], detail="ops", names="code")
    shown = {box.texts[0] for box in picture.boxes.values()}
    assert {"w.0.0", "w.0.1", "w.1.0", "w.1.1"} <= shown


@pytest.mark.parametrize("detail", ["ops", "neurons", "layers"])
def test_formulas_call_an_operand_u(detail: str) -> None:
    picture = BoxPicture((MLP(2, [2, 1], rng=0)([1.0, 2.0]) - 1.0) ** 2, detail=detail)
    shown = {text for box in picture.boxes.values() for text in box.texts}
    assert {"u \N{MINUS SIGN} 1", "u\N{SUPERSCRIPT TWO}"} <= shown


@pytest.mark.parametrize("size", [1.0, 1e-300])
def test_sizes_that_are_much_alike_have_one_color(size: float) -> None:
    scale = GradientScale.of([0.83 * size, 0.97 * size, 1.18 * size])
    assert {scale.position(factor * size) for factor in (0.83, 0.97, 1.18)} == {2}
    assert scale.highest / scale.lowest == pytest.approx(10.0)


def test_a_gradient_of_0_has_a_color_of_its_own() -> None:
    a, b = Value(3.0, label="a"), Value(0.0, label="b")
    product = a * b
    product.backward()
    picture = BoxPicture(product, color="gradient")
    assert picture.called("a").fill == LIGHT.roles["operation"].fill
    scale = GradientScale.of([1.0, 3.0])
    assert picture.called("b").fill == scale.paint(LIGHT, 3.0).fill
    assert scale_of(picture) == [number(x) for x in (scale.lowest, scale.highest, scale.middle)]
    assert "gradient 0" in picture.legend
    assert "gradient 0" not in BoxPicture(Value(2.0) * 3.0, color="gradient").legend


def test_the_legend_of_gradients_goes_from_the_smallest_to_the_largest() -> None:
    a, b = Value(0.01, label="a"), Value(0.5, label="b")
    product = a * b
    product.backward()
    picture = BoxPicture(product, detail="ops", color="gradient")
    assert scale_of(picture) == ["0.01", "1", "0.1"]
    fills = [
        rect.get("fill") for group in picture.groups("legend") for rect in group.iter(f"{SVG}rect")
    ]
    assert fills[:5] == [paint.fill for paint in LIGHT.ramp]


@pytest.mark.parametrize("detail", ["ops", "neurons"])
def test_gradients_and_local_derivatives_have_two_colors_that_the_legend_explains(
    detail: str,
) -> None:
    loss = (MLP(2, [2, 1], rng=0)([1.0, 2.0]) - 1.0) ** 2
    loss.backward()
    picture = BoxPicture(loss, detail=detail)
    assert picture.legend[-4:] == [
        *("grad 0.5", "gradient", "∂/∂u 0.5", "local derivative, by what the arrow brings")
    ]
    *_, last = picture.boxes.values()
    colors = {words.text: words.color for words in last.words}
    assert colors[last.numbers["grad"]] == LIGHT.gradient
    (derivative,) = last.derivatives.values()
    assert colors[derivative] == LIGHT.partial != LIGHT.gradient


def test_the_scale_spans_three_magnitudes_at_the_most() -> None:
    scale = GradientScale.of([1e-12, 10.0, float("nan")])
    assert scale == GradientScale(10.0 / 1000.0, 10.0, clipped=True)
    positions = [scale.position(10.0**power) for power in range(-4, 2)]
    assert positions == sorted(position or 0 for position in positions)
    assert (positions[0], positions[-1]) == (0, 4)


# What is drawn


@pytest.mark.parametrize("detail", ["ops", "neurons", "layers"])
@pytest.mark.parametrize("color", ["auto", "gradient"])
def test_gradients_of_another_loss_are_not_shown(detail: str, color: str) -> None:
    used, fresh = network(), network()
    batch_loss(used)  # its parameters have gradients, the output below has none
    options: dict[str, Any] = {"detail": detail, "color": color}
    drawings = [
        BoxPicture(model([0.5, 1.0]), parameters=model.parameters(), **options).text
        for model in (used, fresh)
    ]
    assert drawings[0] == drawings[1]
    output = used([0.5, 1.0])
    output.backward()
    shown = BoxPicture(output, parameters=used.parameters(), **options).text
    assert "grad" in shown
    assert shown != drawings[0]


def test_the_graph_of_a_derivative_is_drawn() -> None:
    x = Value(0.5, label="x")
    (slope,) = grad((x * x).tanh(), [x], create_graph=True)
    slope.backward()
    nodes = [node for box in BoxPicture(slope).boxes.values() for node in [box.name]]
    assert len(nodes) == len(set(nodes)) > 5


HOSTILE: Final = ["<script>alert(1)</script>", '"\\N{x}', "two\nlines", "日本 é", "x" * 30_000]


@pytest.mark.parametrize("detail", ["neurons", "layers"])
@pytest.mark.parametrize("names", ["math", "code"])
@pytest.mark.parametrize("label", HOSTILE)
def test_labels_stay_data_in_the_coarser_drawings(detail: str, names: str, label: str) -> None:
    x = [Value(1.0, label=label), Value(2.0, label=label + "2")]
    loss = MLP(2, [2, 1], rng=0)(x) * Value(2.0, label=label)
    loss.label = label
    picture = BoxPicture(loss, detail=detail, names=names)
    tags = {element.tag.rpartition("}")[2] for element in picture.root.iter()}
    assert tags <= {"svg", "g", "title", "rect", "path", "polygon", "line", "text", "tspan"}
