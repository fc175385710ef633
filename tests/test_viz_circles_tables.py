"""The weights without room on their lines: read back from the tables under the circles."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from tests.circle_pictures import SVG, Picture, only, tooltip
from tests.test_viz_circles import box_of, network, overlap
from tests.test_viz_circles_numbers import drawn
from tinygrad_mlp.errors import GraphError, InvalidArgumentError, UnknownNameError
from viz._style.markup import number


def tables(picture: Picture) -> list[tuple[str, dict[str, dict[str, str]]]]:
    """Of each table the title, and its numbers by the names of rows and columns."""
    found: list[tuple[str, dict[str, dict[str, str]]]] = []
    heads: dict[float, str] = {}
    row: dict[str, str] = {}
    for group in picture.root.iter(f"{SVG}g"):
        kind = group.get("class")
        if kind == "table":
            title, *names = group.iter(f"{SVG}text")
            heads = {float(name.get("x", 0)): "".join(name.itertext()) for name in names}
            assert len(heads) == len(names)
            found.append(("".join(title.itertext()), {}))
        elif kind == "row":
            row = found[-1][1].setdefault("".join(only(group, "text").itertext()), {})
        elif kind == "cell":
            text = only(group, "text")
            assert text.get("text-anchor") == "end"
            row[heads[float(text.get("x", 0))]] = "".join(text.itertext())
    return found


@pytest.mark.parametrize("index", ["unit,input", "input,unit"])
def test_a_table_has_the_weights_of_its_layer(index: str) -> None:
    loss, reference = drawn((3, 4, 4, 1), 5)
    picture = Picture(loss, show="weights", index=index)
    found = tables(picture)
    assert [title for title, _ in found] == ["weights of layer 1", "weights of layer 2"]
    for layer, (_, rows) in enumerate(found):
        before = [f"x{i + 1}" if layer == 0 else f"h{i + 1}(1)" for i in range(3 + layer)]
        assert rows == {
            f"h{j + 1}({layer + 1})": {
                **{name: number(w) for name, w in zip(before, weights, strict=True)},
                "bias": number(bias),
            }
            for j, (weights, bias) in enumerate(
                zip(reference.weights[layer], reference.biases[layer], strict=True)
            )
        }
    assert len(picture.groups("label")) == 5
    cell = picture.groups("cell")[1]
    assert tooltip(cell)[0].endswith(f" = {float(reference.weights[0][0, 1])!r}")


def test_a_table_is_asked_for() -> None:
    model = network(3, 4, 1)
    assert tables(Picture(model)) == []
    assert tables(Picture(network(2, 3, 1), show="weights")) == []
    loss, _ = drawn((3, 4, 2), 0)
    shown = Picture(loss, show=("data", "grad", "weights"))
    assert {len(words) for words in shown.words("unit")} == {3}
    assert len(tables(shown)) == 1
    alone = Picture(loss, show="weights")
    assert {len(words) for words in alone.words("unit")} == {1}
    height = float(alone.root.get("height", 0))
    assert all(float(only(g, "text").get("y", 0)) < height for g in alone.groups("cell"))


def test_of_a_folded_layer_the_table_has_what_is_drawn() -> None:
    loss, reference = drawn((2, 16, 3), 1)
    (first, second) = tables(Picture(loss, show="weights", names="code"))
    assert first[0] == "weights of layers.0 that are drawn"
    places = [0, 1, 2, 3, 4, 11, 12, 13, 14, 15]
    assert list(first[1]) == [f"neuron {place}" for place in places]
    assert second[0] == "weights of layers.1 that are drawn"
    assert second[1]["neuron 2"]["neuron 15"] == number(reference.weights[1][2, 15])


def test_networks_side_by_side_have_tables_of_their_own() -> None:
    first, second = network(3, 4, 1), network(3, 5, 1)
    picture = Picture(first([1, 2, 3]) + second([1, 2, 3]), show=("weights",))
    assert [title for title, _ in tables(picture)] == [
        *("weights of MLP#1 layer 1", "weights of MLP#2 layer 1")
    ]
    assert [len(rows) for _, rows in tables(picture)] == [4, 5]


@pytest.mark.parametrize("sizes", [(3, 4, 4, 1), (2, 16, 3), (12, 12, 12, 2)])
def test_letters_of_tables_keep_apart_and_inside(sizes: tuple[int, ...]) -> None:
    picture = Picture(drawn(sizes, 3)[0], show="weights")
    texts = [text for kind in ("table", "row", "cell", "legend") for group in picture.groups(kind)
             for text in group.iter(f"{SVG}text")]  # fmt: skip
    boxes = [box_of(text) for text in texts]
    for first, second in combinations(boxes, 2):
        assert not overlap(first, second)
    width = float(picture.root.get("width", 0))
    assert all(box[0] > 0.0 and box[2] < width for box in boxes)
    lowest = max(float(only(g, "circle").get("cy", 0)) for g in picture.groups("one"))
    assert all(box[1] > lowest for box in boxes)


def test_a_slide_has_no_tables() -> None:
    with pytest.raises(GraphError, match=r"no room for the numbers of 16 weights.*style='slide'"):
        Picture(network(3, 4, 1), show="weights", style="slide")
    assert Picture(network(2, 3, 1), show="weights", style="slide").groups("label")


@pytest.mark.parametrize("detail", ["ops", "neurons", "layers"])
def test_only_circles_have_tables(detail: str) -> None:
    loss: Any = drawn((2, 3, 1), 0)[0]
    with pytest.raises(InvalidArgumentError, match=r"show='weights'.*detail='circles'"):
        Picture(loss, detail=detail, show=("data", "weights"))
    assert Picture(loss, detail="auto", show="weights").groups("unit")
    with pytest.raises(UnknownNameError, match="weights"):
        Picture(loss, show="weight")
