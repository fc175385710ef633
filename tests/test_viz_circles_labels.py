"""Names in pictures of circles: hostile ones stay text, long ones are cut, in every combination."""

from __future__ import annotations

import math
import re
import unicodedata
from itertools import product
from typing import Any, Final

import pytest

from tests.circle_pictures import SVG, Picture, only, read, tooltip
from tests.test_viz_circles import box_of, circles, loss_of, network
from tinygrad_mlp import Value
from tinygrad_mlp._text import visible
from tinygrad_mlp.nn import Layer, Module

HOSTILE: Final = [
    "<b>x</b>",
    "</title><script>alert(1)</script>",
    "]]><!--",
    "a & b &amp; c",
    "\"quoted\" 'too'",
    'x" onload="alert(1)',
    "tab\tline\nbell\x07null\x00",
    "\x1b[31mred",
    "\u202eright to left\u202c",
    "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd",
    "\ud800 alone",
    "\u200b\u00ad",
    "\\N \\G \\l",
    "long " * 400,
    "\u6df1\u5ea6\u5b66\u4e60\u7684\u5f88\u957f\u7684\u540d\u5b57\u5728\u8fd9\u91cc",
    "%s {} $x_1$ \\input{a}",
    " ",
]

ALLOWED: Final = {"svg", "g", "title", "rect", "circle", "line", "text", "tspan"}


def hostile_loss(label: str) -> Value:
    """A loss whose inputs, output and weights are called so."""
    model = network(2, 2, 1)
    model.layers[0].neurons[0].w[0].label = label
    model.layers[0].neurons[0].b.label = label
    loss: Value = model([Value(1.0, label=label), Value(2.0)]) * 2.0
    loss.label = label
    loss.backward()
    return loss


@pytest.mark.parametrize("names", ["math", "code"])
@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_names_stay_text(label: str, names: str) -> None:
    loss = hostile_loss(label)
    for options in ({}, {"style": "slide"}, {"show": ()}, {"show": "weights"}):
        picture = Picture(loss, names=names, **options)
        for element in picture.root.iter():
            assert element.tag.removeprefix(SVG) in ALLOWED
            assert not any(name.startswith("on") or "href" in name for name in element.attrib)
        for character in picture.text:
            assert character == "\n" or unicodedata.category(character) not in ("Cc", "Cf", "Cs")
        shown = visible(label)
        name = picture.words("input")[0][0]
        if len(shown) <= 10:
            assert name == shown
        else:
            start, end = name.split("\N{HORIZONTAL ELLIPSIS}")
            assert len(name) == 10
            assert shown.startswith(start)
            assert shown.endswith(end)
        output = picture.groups("output")[0]
        assert any(line.startswith(shown[:400]) for line in tooltip(output))
        assert all(len(line) < 1100 for line in tooltip(output))
        for circle, group in zip(circles(picture), picture.groups("input"), strict=False):
            x, y, r = (float(circle.get(key, 0)) for key in ("cx", "cy", "r"))
            for text in group.iter(f"{SVG}text"):
                left, top, right, bottom = box_of(text)
                corners = [(px, py) for px in (left, right) for py in (top, bottom)]
                assert all(math.hypot(px - x, py - y) <= r + 0.5 for px, py in corners), text.text


def test_an_empty_label_is_none() -> None:
    picture = Picture(hostile_loss(""))
    assert [words[0] for words in picture.words("input")] == ["x1", "x2"]
    assert picture.words("output")[0][0] == "output"


def test_names_of_modules_are_text_and_cut_to_their_columns() -> None:
    class Odd(Module):
        def __init__(self) -> None:
            self.n_inputs = 2
            setattr(self, "<i>&" + "very_" * 30, Layer(2, 2, "tanh", rng=0))
            self.out = Layer(2, 1, None, rng=1)

        def forward(self, x: Any) -> Any:
            first = next(part for name, part in vars(self).items() if name.startswith("<i>"))
            return self.out.forward(first.forward(x))

    picture = Picture(Odd(), names="code")
    titles = [words[0] for words in picture.words("title")]
    assert titles[1].startswith("<i>&very_")
    assert "\N{HORIZONTAL ELLIPSIS}" in titles[1]
    (first, second, third) = [only(group, "text") for group in picture.groups("title")]
    assert box_of(first)[2] < box_of(second)[0]
    assert box_of(second)[2] < box_of(third)[0]
    assert tooltip(picture.groups("unit")[0])[0].startswith("<i>&very_")


SHOWN: Final = [
    (),
    ("data",),
    ("grad",),
    ("data", "grad"),
    ("weights",),
    ("data", "grad", "weights"),
]


@pytest.mark.parametrize("show", SHOWN)
def test_every_combination_of_options_is_a_picture(show: tuple[str, ...]) -> None:
    loss = loss_of(network(3, 2, 1))
    numbers = "data" in show or "weights" in show
    for theme, names, index, style, focus in product(
        ("light", "dark"),
        ("math", "code"),
        ("unit,input", "input,unit"),
        ("page", "slide"),
        (None, "h[1]_2"),
    ):
        picture = Picture(
            loss, show=show, theme=theme, names=names, index=index, style=style, focus=focus
        )
        asked = (show, theme, names, index, style, focus)
        ground = only_ground(picture)
        assert ground == {"light": "#ffffff", "dark": "#12161d"}[theme]
        units = picture.words("unit")
        assert {len(words) for words in units} == {1 + ("data" in show) + ("grad" in show)}, asked
        first = {"math": "h1(1)", "code": "neuron 0"}[names]
        assert units[0][0] == first
        labels = [words[0] for words in picture.words("label")]
        if numbers:
            assert all(math.isfinite(read(label)) for label in labels), asked
            assert len(labels) == 8 + 3, asked
        elif names == "math":
            wanted = "w21(1)" if index == "unit,input" else "w12(1)"
            assert {wanted, "b1(1)" if index == "unit,input" else "w01(1)"} < set(labels), asked
        else:
            assert labels == [], asked
        faded = [group for group in picture.root.iter(f"{SVG}g")
                 if (group.get("class") or "").endswith(" faded")]  # fmt: skip
        assert bool(faded) == (focus is not None), asked
        sizes = [float(text.get("font-size", 0)) for text in picture.root.iter(f"{SVG}text")]
        assert min(sizes) >= (24.0 if style == "slide" else 10.0), asked
        assert bool(picture.groups("legend")) == (style == "page"), asked


def only_ground(picture: Picture) -> str:
    found = re.search(r'<rect [^>]*fill="(#[0-9a-f]{6})"/>', picture.text)
    assert found
    return found[1]
