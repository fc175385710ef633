"""Every number in a drawing of boxes is that of the engine, to the digits shown; and of PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Final

import pytest
import torch

from tests.box_pictures import NORM, Box, BoxPicture, batch_with_norms, read, written_out
from tinygrad_mlp import functional
from tinygrad_mlp.debug import worked_example
from tinygrad_mlp.derivatives import grad
from tinygrad_mlp.engine import Value
from tinygrad_mlp.graph import order_of, uses_of
from tinygrad_mlp.nn import MLP
from viz._style.markup import number

X: Final = [0.5, -1.2, 2.0]


def network_loss() -> Value:
    loss: Value = (MLP(3, [4, 4, 1], "tanh", rng=0)(X) - 1.0) ** 2
    return loss


def derivative() -> Value:
    x = Value(0.5, label="x")
    (slope,) = grad((x * x).tanh() / (x + 2.0), [x], create_graph=True)
    return slope


GRAPHS: Final[dict[str, Callable[[], Value]]] = {
    "network": network_loss,
    "written out": written_out,
    "worked example": worked_example,
    "batch with norms": batch_with_norms,
    "derivative": derivative,
}


@pytest.mark.parametrize("direction", ["LR", "BT"])
@pytest.mark.parametrize("names", ["math", "code"])
@pytest.mark.parametrize("graph", GRAPHS)
def test_each_box_of_an_operation_has_the_numbers_of_its_node(
    graph: str, names: str, direction: str
) -> None:
    loss = GRAPHS[graph]()
    loss.backward()
    order = order_of([loss])
    ids = {node: f"n{place}" for place, node in enumerate(order)}
    picture = BoxPicture(loss, detail="ops", names=names, direction=direction)
    n_arrows = 0
    for node in order:
        box = picture.boxes.get(ids[node])
        if box is None:
            assert not node.parents  # a plain number
            continue
        texts = [words.text for words in box.words]
        keyed = dict(pairwise(texts))
        assert number(node.data) in texts
        assert f"data = {node.data!r}" in box.tooltip
        if node.has_grad and box.role != "constant":
            assert keyed["grad"] == number(node.grad)
            assert f"grad = {node.grad!r}" in box.tooltip
        uses = [use for use in uses_of(node) if ids[use.parent] in picture.boxes]
        arrows = [arrow for arrow in picture.arrows if arrow.target == box.name]
        assert [arrow.source for arrow in arrows] == [ids[use.parent] for use in uses]
        for arrow, use in zip(arrows, uses, strict=True):
            assert arrow.tooltip[0].endswith(f" = {use.partial!r}")
            assert number(use.partial) in texts or picture.boxes[arrow.source].role == "constant"
        n_arrows += len(arrows)
    assert n_arrows == len(picture.arrows) > 5


def test_the_boxes_of_neurons_have_the_numbers_of_torch() -> None:
    model = MLP(3, [4, 4, 1], "tanh", rng=0)
    loss = (model(X) - 1.0) ** 2
    loss.backward()
    picture = BoxPicture(loss, detail="neurons")
    values = torch.tensor(X, dtype=torch.float64)
    outputs, slopes, parameters = [], [], []
    for index, layer in enumerate(model.layers):
        w = torch.tensor([[w.data for w in n.w] for n in layer.neurons], dtype=torch.float64)
        b = torch.tensor([n.b.data for n in layer.neurons], dtype=torch.float64)
        parameters.append((w.requires_grad_(), b.requires_grad_()))
        before = values
        values = w @ before + b
        values = torch.tanh(values) if index < 2 else values
        values.retain_grad()
        derivative = (1.0 - values**2) if index < 2 else torch.ones_like(values)
        slopes.append((derivative[:, None] * w).tolist())
        outputs.append(values)
    ((values - 1.0) ** 2).sum().backward()
    for layer_place, values in enumerate(outputs):
        w, b = parameters[layer_place]
        assert w.grad is not None
        assert b.grad is not None
        assert values.grad is not None
        for place in range(len(values)):
            name = f"h{place + 1}({layer_place + 1})" if layer_place < 2 else "ŷ1"
            box = picture.box(name)
            norm = math.hypot(*w.grad[place].tolist(), b.grad[place].item())
            assert_shown(box, "data", values[place].item())
            assert_shown(box, "grad", values.grad[place].item())
            assert_shown(box, NORM, norm)
            shown = [read(text) for text in box.derivatives.values()]
            assert shown == pytest.approx(slopes[layer_place][place], rel=1e-3)


def test_the_boxes_of_layers_have_the_numbers_of_torch() -> None:
    model = MLP(3, [4, 4, 1], "tanh", rng=0)
    loss = (model(X) - 1.0) ** 2
    loss.backward()
    picture = BoxPicture(loss, detail="layers")
    values = torch.tensor(X, dtype=torch.float64)
    for place, layer in enumerate(model.layers):
        w = torch.tensor([[w.data for w in n.w] for n in layer.neurons], dtype=torch.float64)
        b = torch.tensor([n.b.data for n in layer.neurons], dtype=torch.float64)
        values = w @ values + b
        values = torch.tanh(values) if place < 2 else values
        box = picture.box(f"layer {place + 1}")
        ends = [read(text) for text in box.numbers["data"].split(" … ")]
        expected = sorted({values.min().item(), values.max().item()})
        assert ends == pytest.approx(expected, rel=1e-3)
        norm = math.hypot(*[p.grad for p in layer.parameters()])
        assert_shown(box, NORM, norm)


def assert_shown(box: Box, key: str, value: float) -> None:
    assert read(box.numbers[key]) == pytest.approx(value, rel=6e-4)


def test_names_and_indices_follow_their_options() -> None:
    model = MLP(2, [3, 1], "tanh", rng=0)
    output = model([1.0, 2.0])
    weight = model.layers[0].neurons[1].w[0]
    place = {node: f"n{i}" for i, node in enumerate(order_of([output]))}[weight]
    shown = {}
    for names in ("auto", "math", "code"):
        for index in ("unit,input", "input,unit"):
            picture = BoxPicture(output, detail="ops", names=names, index=index)
            shown[names, index] = picture.boxes[place].texts[0]
            assert weight.place is not None
            assert weight.place.text in picture.boxes[place].tooltip[0]
    assert shown == {
        ("auto", "unit,input"): "w21(1)", ("auto", "input,unit"): "w12(1)",
        ("math", "unit,input"): "w21(1)", ("math", "input,unit"): "w12(1)",
        ("code", "unit,input"): "w.0", ("code", "input,unit"): "w.0",
    }  # fmt: skip
    a = Value(2.0, label="x1")
    plain = BoxPicture(a * a)
    assert plain.boxes["n0"].texts[0] == "x1"
    assert "tspan" not in plain.text  # a graph without neurons has the names of the program
    assert "tspan" in BoxPicture(a * a, names="math").text


@pytest.mark.parametrize("place", [0, 1, 2])
def test_nan_of_one_sample_is_seen_in_the_box_of_all(place: int) -> None:
    """Of nan neither min nor max is nan, unless it comes first."""
    model = MLP(1, [2, 1], "tanh", rng=0)
    X = [0.5, -0.25, 1.0]
    X[place] = math.nan
    loss = functional.mean([model([x]) for x in X])
    picture = BoxPicture(loss, detail="layers")
    leaves = [box for box in picture.boxes.values() if "3 values, 1 of them nan" in box.tooltip]
    assert len(leaves) == 1
    for box in (*leaves, *picture.boxes.values()):
        if box.words[0].text.startswith("layer"):
            assert "nan" in [words.text for words in box.words]
    well = BoxPicture(functional.mean([model([x]) for x in (0.5, -0.25)]), detail="layers")
    assert any("2 values from -0.25 to 0.5" in box.tooltip for box in well.boxes.values())
    assert not any("nan" in words.text for box in well.boxes.values() for words in box.words)
