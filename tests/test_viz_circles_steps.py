"""What stands between units in a picture of circles: skip connections, norms, products, factors.

Their numbers are compared with torch; the ways of their lines with the circles that they pass.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final
from xml.etree import ElementTree

import pytest
import torch

import viz
from tests.circle_pictures import SVG, Picture, only, tooltip
from tinygrad_mlp import Value, functional
from tinygrad_mlp.errors import GraphError
from tinygrad_mlp.functional import Scalar
from tinygrad_mlp.nn import BatchNorm, Dropout, Layer, Module, Sequential
from viz._circles.detours import Detours
from viz._style.markup import number
from viz._style.themes import DARK, LIGHT, Theme

X: Final = [0.5, -1.0, 2.0]


class Residual(Module):
    """x + f(x), again and again, then one output."""

    def __init__(self, n: int = 3, n_blocks: int = 1, after: str = "", head: bool = True) -> None:
        self.n_inputs = n
        self.blocks = [Layer(n, n, "tanh", rng=place) for place in range(n_blocks)]
        self.after = after
        self.out = [Layer(n, 1, None, rng=9)] if head else []

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        h: Any = x
        for block in self.blocks:
            h = [new + old for new, old in zip(block.forward(h), h)]
            h = [getattr(v, self.after)() for v in h] if self.after else h
        for layer in self.out:
            h = layer.forward(h)
        return list(h)


class Wide(Module):
    """A skip connection past two layers, the first of them wider, relu behind the sum."""

    def __init__(self) -> None:
        self.n_inputs = 3
        self.a, self.b = Layer(3, 5, "relu", rng=0), Layer(5, 3, None, rng=1)
        self.out = Layer(3, 2, None, rng=2)

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        h = self.b.forward(self.a.forward(x))
        return self.out.forward([(new + old).relu() for new, old in zip(h, x)])


class Gated(Module):
    """What one layer gives out times what another one does."""

    def __init__(self) -> None:
        self.n_inputs = 3
        self.a, self.b = Layer(3, 2, "sigmoid", rng=0), Layer(3, 2, "tanh", rng=1)
        self.out = Layer(2, 1, None, rng=2)

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        return self.out.forward([p * q for p, q in zip(self.a.forward(x), self.b.forward(x))])


def normalized(*behind: str) -> Sequential:
    """A layer, a norm whose numbers are no defaults, an output."""
    norm = BatchNorm(3)
    kinds: Any = norm.weight, norm.bias, norm.running_mean, norm.running_var
    for place, lists in enumerate(kinds):
        for index, leaf in enumerate(lists):
            leaf.data = 0.5 + 0.3 * place - 0.2 * index
    model = Sequential(Layer(3, 3, None, rng=0), norm, *behind, Layer(3, 1, None, rng=1))
    model.eval()
    return model


def named(x: Sequence[float] = X) -> list[Value]:
    return [Value(v, label=f"x{place + 1}") for place, v in enumerate(x)]


def loss_of(model: Module) -> Value:
    outputs: Any = model.forward(named())
    loss = functional.sum([(y - 1.0) ** 2 for y in outputs])
    loss.backward()
    return loss


def linear(layer: Layer, x: torch.Tensor) -> torch.Tensor:
    w = torch.tensor([[w.data for w in n.w] for n in layer.neurons], dtype=torch.float64)
    b = torch.tensor([n.b.data for n in layer.neurons], dtype=torch.float64)
    return w @ x + b


def steps(picture: Picture) -> list[list[str]]:
    return picture.words("step")


# Numbers


def test_a_skip_connection_adds_what_torch_adds() -> None:
    model = Residual(n_blocks=2, after="relu")
    picture = Picture(loss_of(model))
    h = torch.tensor(X, dtype=torch.float64)
    expected = []
    for block in model.blocks:
        h = torch.relu(torch.tanh(linear(block, h)) + h)
        expected += [["+", number(v)] for v in h.tolist()]
    assert steps(picture) == expected
    (y,) = linear(model.out[0], h).tolist()
    assert picture.words("unit")[-1][:2] == ["ŷ1", number(y)]
    titles = [words[0] for words in picture.words("title")]
    assert titles.count("sum · relu") == 2


def test_a_norm_gives_out_what_torch_gives_out() -> None:
    model = normalized("relu")
    layer, norm = model[0], model[1]
    assert isinstance(layer, Layer)
    assert isinstance(norm, BatchNorm)
    picture = Picture(loss_of(model))
    lists = norm.running_mean, norm.running_var, norm.weight, norm.bias
    mean, var, weight, bias = (
        torch.tensor([v.data for v in x], dtype=torch.float64) for x in lists
    )
    z = linear(layer, torch.tensor(X, dtype=torch.float64))
    y = torch.relu(torch.nn.functional.batch_norm(z[None], mean, var, weight, bias)[0])
    assert steps(picture) == [["BN", number(v)] for v in y.tolist()]
    assert "batch norm · relu" in [words[0] for words in picture.words("title")]
    facts = tooltip(picture.groups("step")[1])
    assert facts[0].startswith("batch norm · relu of z₂⁽¹⁾")
    for leaves in lists:
        assert any(line.endswith(f" = {leaves[1].data!r}") for line in facts)


def test_products_and_factors_are_those_of_torch() -> None:
    model = Gated()
    x = torch.tensor(X, dtype=torch.float64)
    product = torch.sigmoid(linear(model.a, x)) * torch.tanh(linear(model.b, x))
    assert steps(Picture(loss_of(model))) == [["×", number(v)] for v in product.tolist()]
    layer, out = Layer(3, 4, "tanh", rng=0), Layer(4, 1, None, rng=1)
    h = torch.tanh(linear(layer, x)).tolist()
    found = steps(Picture(loss_of(Sequential(layer, Dropout(0.5, rng=3), out))))
    assert {words[0] for words in found} == {"× 0", "× 2"}
    assert found == [[sign, number(float(sign[2:]) * v)]
                     for (sign, _), v in zip(found, h, strict=True)]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "sign", "title"),
    [
        (lambda h: h + 0.5, "+ 0.5", "shifted"),
        (lambda h: 0.5 + h, "+ 0.5", "shifted"),
        (lambda h: h - 0.5, "− 0.5", "shifted"),
        (lambda h: 3.0 * h, "× 3", "scaled"),
        (lambda h: (h / 4.0).tanh(), "÷ 4", "scaled · tanh"),
    ],
)
def test_one_number_stands_beside_its_sign(
    function: Callable[[Value], Value], sign: str, title: str
) -> None:
    layer, out = Layer(3, 2, None, rng=0), Layer(2, 1, None, rng=1)
    values = [function(h) for h in layer.forward(named())]
    picture = Picture(out.forward(values))
    assert steps(picture) == [[sign, number(v.data)] for v in values]
    assert title in [words[0] for words in picture.words("title")]


@pytest.mark.parametrize(
    "function",
    [
        lambda h, x: 1.0 - h,
        lambda h, x: 1.0 / h,
        lambda h, x: h * h,
        lambda h, x: h + h,
        lambda h, x: h - x,
        lambda h, x: h + x + 1.0,
        lambda h, x: h.exp(),
        lambda h, x: (h + x).tanh().relu(),
        functional.maximum,
    ],
)
def test_other_operations_between_units_are_refused(
    function: Callable[[Value, Value], Value],
) -> None:
    x = named()
    layer, out = Layer(3, 3, None, rng=0), Layer(3, 1, None, rng=1)
    values = [function(a, b) for a, b in zip(layer.forward(x), x)]
    with pytest.raises(GraphError, match=r"neurons\.0 stand other operations.*detail='neurons'"):
        Picture(out.forward(values))


def test_many_steps_after_one_another_are_refused_without_recursion() -> None:
    layer, out = Layer(3, 1, None, rng=0), Layer(1, 1, None, rng=1)
    (h,) = layer.forward(named())
    for _ in range(8):
        h = h * 2.0
    assert len(steps(Picture(out.forward([h])))) == 8
    for _ in range(5000):
        h = h * 1.0
    with pytest.raises(GraphError, match="other operations"):
        Picture(out.forward([h]))


def test_a_batch_has_the_steps_of_one_sample() -> None:
    for model in (Residual(), normalized(), Sequential(
        Layer(3, 4, "tanh", rng=0), Dropout(0.5, rng=3), Layer(4, 1, None, rng=1)
    )):  # fmt: skip
        samples = [named([0.1 * place, 1.0, -1.0]) for place in range(3)]
        loss = functional.sum([(model.forward(x)[0] - 1.0) ** 2 for x in samples])
        picture = Picture(loss)
        assert len(steps(picture)) == len(picture.groups("unit")) - 1
        assert {len(words) for words in steps(picture)} == {1}
        assert not any(character.isdigit() for words in steps(picture) for character in words[0])


def test_without_a_head_the_sum_is_the_output() -> None:
    picture = Picture(Residual(head=False))
    assert steps(picture) == [["ŷ1 = +"], ["ŷ2 = +"], ["ŷ3 = +"]]
    assert [words[0] for words in picture.words("unit")] == ["h1(1)", "h2(1)", "h3(1)"]
    outputs = Residual(head=False).forward(named())
    outputs[0].label = "sum"
    labeled = Picture(outputs)
    assert [words[0] for words in steps(labeled)] == ["sum = +", "+", "+"]
    fills = {only(group, "rect").get("fill") for group in labeled.groups("step")}
    assert fills == {LIGHT.roles["output"].fill}


def test_a_norm_of_the_inputs_stands_behind_them() -> None:
    model = Sequential(BatchNorm(2), Layer(2, 2, "tanh", rng=0))
    model.eval()
    assert [words[0] for words in Picture(model).words("input")] == ["x1", "x2"]
    for x in ([1.0, 2.0], named([1.0, 2.0])):
        picture = Picture(model.forward(x))
        assert [words[1] for words in picture.words("input")] == ["1", "2"]
        assert [words[1] for words in steps(picture)] == [number(v / 1.00001**0.5) for v in (1, 2)]


def test_an_output_that_reads_inputs_past_the_units_says_so() -> None:
    x = named()
    outputs = Layer(3, 3, "tanh", rng=0).forward(x)
    loss = functional.sum([(y - target) ** 2 for y, target in zip(outputs, x)])
    text = "the output reads inputs as well, which no line shows"
    assert text in Picture(loss).legend()
    assert text not in Picture(functional.sum([(y - 1.0) ** 2 for y in outputs])).legend()


# What is seen


def way_of(group: ElementTree.Element) -> list[tuple[float, float]]:
    lines = list(group.iter(f"{SVG}line"))
    ends = [[tuple(float(line.get(key, 0)) for key in keys) for line in lines]
            for keys in (("x1", "y1"), ("x2", "y2"))]  # fmt: skip
    assert ends[0][1:] == ends[1][:-1]
    return [(x, y) for x, y in [*ends[0], ends[1][-1]]]


def obstacles(picture: Picture) -> list[tuple[float, float, float, float]]:
    found = []
    for kind in ("input", "unit", "one"):
        for group in picture.groups(kind):
            x, y, r = (float(only(group, "circle").get(key, 0)) for key in ("cx", "cy", "r"))
            found.append((x - r, y - r, x + r, y + r))
    for group in picture.groups("step"):
        x, y, w, h = (float(only(group, "rect").get(k, 0)) for k in ("x", "y", "width", "height"))
        found.append((x, y, x + w, y + h))
    return found


MODELS: Final = [
    Residual(),
    Residual(8),
    Residual(16),
    Residual(n_blocks=2),
    Residual(head=False),
    Wide(),
]


@pytest.mark.parametrize("style", ["page", "slide"])
@pytest.mark.parametrize("model", MODELS)
def test_a_skip_connection_runs_through_no_circle(model: Module, style: str) -> None:
    picture = Picture(model, style=style)
    boxes = obstacles(picture)
    height = float(picture.root.get("height", 0))
    ways = [way_of(group) for group in picture.groups("plain")]
    for way in ways:
        for (x1, y1), (x2, y2) in pairwise(way):
            assert x1 <= x2
            assert 0.0 < y1 < height
            for left, top, right, bottom in boxes:
                for share in range(21):
                    x, y = x1 + (x2 - x1) * share / 20, y1 + (y2 - y1) * share / 20
                    inside = left + 0.1 < x < right - 0.1 and top + 0.1 < y < bottom - 0.1
                    assert not inside, (way, (left, top, right, bottom))
    rows = [way[1] for way in ways if len(way) > 2]
    assert len(rows) == len(set(rows)) > 0


def test_detours_take_the_free_row_that_is_nearest() -> None:
    boxes = [(40.0, y, 60.0, y + 20.0) for y in (0.0, 40.0, 100.0)]
    detours = Detours(boxes, 5.0)
    heights = [detours.around((0.0, y), (90.0, y))[1][1] for y in (12.0, 12.0, 12.0, 55.0, 110.0)]
    assert heights == [-4.0, 30.0, 25.0, 64.0, 124.0]
    assert detours.top == -4.0
    assert detours.bottom == 124.0
    assert Detours([(40.0, 0.0, 60.0, 20.0)], 5.0).around((0.0, 10.0), (90.0, 10.0)) == [
        *((0.0, 10.0), (35.0, 24.0), (65.0, 24.0), (90.0, 10.0))
    ]


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_what_has_no_weight_looks_like_nothing_else(theme: Theme) -> None:
    picture = Picture(loss_of(Residual()), theme=theme)
    plain = [line for group in picture.groups("plain") for line in group.iter(f"{SVG}line")]
    assert {line.get("stroke") for line in plain} == {theme.text}
    assert {line.get("stroke-width") for line in plain} == {"1.6"}
    others = [line for kind in ("weight", "further") for group in picture.groups(kind)
              for line in group.iter(f"{SVG}line")]  # fmt: skip
    assert theme.text not in {line.get("stroke") for line in others}
    assert "a value as it is" in picture.legend()
    assert "operation" in picture.legend().split("; ")
    assert re.fullmatch(r".*h₁⁽¹⁾ \(v\d+\), as it is", tooltip(picture.groups("plain")[0])[0])
    assert len(picture.groups("step")) == 3
    assert all(only(group, "rect").get("fill") == theme.roles["operation"].fill
               for group in picture.groups("step"))  # fmt: skip


def test_the_focus_goes_along_a_skip_connection() -> None:
    picture = Picture(loss_of(Residual()), focus="x2")
    lit = [group for group in picture.groups("plain") if group.get("class") == "plain"]
    assert sorted(len(way_of(group)) for group in lit) == [2, 2, 2, 4]
    (skip,) = [group for group in lit if len(way_of(group)) == 4]
    assert tooltip(skip) == ["x₂ (x2), as it is"]


def test_auto_draws_residual_networks_as_circles() -> None:
    for model in (Residual(), normalized("relu")):
        assert viz.to_svg(model) == viz.to_svg(model, detail="circles")


def test_pages_with_a_detour_under_everything_are_larger() -> None:
    class Narrow(Module):
        def __init__(self) -> None:
            self.n_inputs = 1
            self.a, self.b = Layer(1, 3, "tanh", rng=0), Layer(3, 1, None, rng=1)

        def forward(self, x: Sequence[Scalar]) -> list[Value]:
            return [self.b.forward(self.a.forward(x))[0] + x[0]]

    picture = Picture(Narrow(), show=())
    (skip,) = [way for way in map(way_of, picture.groups("plain")) if len(way) > 2]
    assert math.dist(skip[0], skip[-1]) > 200.0
    assert 0.0 < skip[1][1] < float(picture.root.get("height", 0))


def test_the_parameters_of_a_norm_are_marked_and_in_focus_with_it() -> None:
    model = normalized()
    norm: Any = model[1]
    loss = loss_of(model)
    marked = Picture(loss, highlight=norm.weight[1])
    borders = [only(group, "rect").get("stroke") for group in marked.groups("step")]
    usual = LIGHT.roles["operation"].border
    assert borders == [usual, LIGHT.accent, usual]
    picture = Picture(loss, focus=norm.running_var[2])
    lit = [group.get("class") == "step" for group in picture.groups("step")]
    assert lit == [False, False, True]


@pytest.mark.parametrize("style", ["page", "slide"])
def test_where_rows_are_full_lines_go_over_and_under_everything(style: str) -> None:
    class Twice(Module):
        def __init__(self) -> None:
            self.n_inputs = 8
            self.a, self.b = Layer(8, 8, "tanh", rng=0), Layer(8, 8, "tanh", rng=1)
            self.out = Layer(8, 1, None, rng=2)

        def forward(self, x: Sequence[Scalar]) -> list[Value]:
            first = self.a.forward(x)
            rows = zip(self.b.forward(first), first, x)
            return self.out.forward([functional.sum([p, q, r]) for p, q, r in rows])

    picture = Picture(Twice(), style=style, show=())
    ways = [way for way in map(way_of, picture.groups("plain")) if len(way) > 2]
    assert len(ways) == 2 * len(picture.groups("step"))
    heights = [way[1][1] for way in ways]
    title = min(float(only(group, "text").get("y", 0)) for group in picture.groups("title"))
    one = max(float(only(group, "circle").get("cy", 0)) for group in picture.groups("one"))
    if style == "page":
        assert min(heights) < title - 10.0
        assert max(heights) > one - 40.0
    assert min(heights) > 6.0
    assert max(heights) < float(picture.root.get("height", 0)) - 6.0
