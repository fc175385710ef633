"""Drawings of what stands beside neurons: a normalization is one box; buffers are no inputs."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

import viz
from tests.box_pictures import BoxPicture
from tests.replaying import recorded
from tinygrad_mlp import Value, functional
from tinygrad_mlp.engine import as_value
from tinygrad_mlp.graph import beside_of, order_of, roles_of, units_of
from tinygrad_mlp.nn import MLP, BatchNorm, Buffer, Layer, Module, Sequential
from viz._boxes.condense import Box, Condensed, condense

SAMPLE: Final = [0.5, -0.3, 2.0]


def values(model: Module, x: list[float] = SAMPLE) -> list[Value]:
    given: Any = [Value(number, label=f"x{i}") for i, number in enumerate(x)]
    model.label_parameters()
    outputs: Any = model.eval().forward(given)
    return list(outputs)


def condensed(outputs: list[Value], by_layer: bool = True) -> Condensed:
    order = order_of(outputs)
    roles = roles_of(order, outputs, None)
    found = condense(order, roles, units_of(order, roles), by_layer)
    assert found is not None
    return found


def shape_of(graph: Condensed) -> list[tuple[str, int]]:
    """What the boxes are, and how often each stands in the graph."""
    return [(_called(box), box.repeats) for box in graph.boxes]


def _called(box: Box) -> str:
    if box.beside is not None:
        return box.beside.kind
    last = box.members[-1]
    return box.kind if box.units or not last.parents or last.op is None else last.op.name


def texts(svg: str) -> str:
    """Every word, tooltips too."""
    return " ".join(re.findall(r">([^<>\n]+)<", svg))


NORMS: Final = {
    "affine": lambda: BatchNorm(3),
    "plain": lambda: BatchNorm(3, affine=False),
    "frozen": lambda: BatchNorm(3).freeze(),
}


@pytest.mark.parametrize("kind", NORMS)
@pytest.mark.parametrize("by_layer", [True, False])
def test_a_norm_is_one_box(kind: str, by_layer: bool) -> None:
    model = Sequential(Layer(3, 3, None, rng=0), NORMS[kind](), "relu", Layer(3, 1, None, rng=1))
    n_neurons, n_inputs = (1, 1) if by_layer else (3, 3)
    kind_of_unit = "layer" if by_layer else "neuron"
    inputs = [("leaf", 3 // n_inputs)] * n_inputs
    assert sorted(shape_of(condensed(values(model), by_layer))) == sorted(
        [*inputs, *[(kind_of_unit, 1)] * (n_neurons + 1), ("BatchNorm", 1), ("relu", 3)]
    )


def test_the_box_of_a_norm_says_what_is_in_it() -> None:
    model = MLP(3, [2, 1], batch_norm=True, rng=0)
    text = texts(viz.to_svg(model, detail="layers"))
    assert "layers.0.norm" in text
    assert "BatchNorm" in text
    assert "4 parameters" in text
    assert "4 buffers" in text
    assert text.count("input") == 2  # the box of three, and the legend
    plain = texts(viz.to_svg(Sequential(BatchNorm(2, affine=False)), detail="layers"))
    assert "4 buffers" in plain
    assert "parameter" not in plain
    assert "BatchNorm" in texts(viz.to_svg(BatchNorm(2), detail="neurons"))


def test_the_norm_of_the_gradient_of_a_norm() -> None:
    model = MLP(3, [2, 1], "tanh", batch_norm=True, rng=0)
    (output,) = values(model)
    loss = output**2
    loss.backward()
    norm = model.layers[0].norm
    assert norm is not None
    (box,) = [box for box in condensed([loss]).boxes if box.beside is not None]
    assert box.gradient == pytest.approx(
        np.linalg.norm([p.grad for p in norm.parameters()]), rel=1e-12
    )
    dot = viz.to_svg(loss, detail="layers")
    assert f"norm of the gradient of its parameters = {box.gradient!r}" in dot
    assert [len(x) for x in (box.parameters, box.buffers, box.outputs)] == [4, 4, 2]
    norm.freeze()
    (output,) = values(model)
    output.backward()
    (box,) = [box for box in condensed([output]).boxes if box.beside is not None]
    assert box.is_frozen
    assert "frozen" in texts(viz.to_svg(output, detail="layers"))


@pytest.mark.parametrize("affine", [True, False])
def test_several_samples_are_one_box(affine: bool) -> None:
    model = Sequential(Layer(2, 3, None, rng=0), BatchNorm(3, affine=affine), "relu")
    outputs = [values(model, [float(i), 1.0]) for i in range(4)]
    loss = functional.mean([functional.sum(row) for row in outputs])
    assert ("BatchNorm", 4) in shape_of(condensed([loss]))


@pytest.mark.parametrize("affine", [True, False])
def test_what_is_done_with_the_results_is_not_in_the_box(affine: bool) -> None:
    """Not a softmax, a square, a residual, nor the difference of two samples."""
    norm = BatchNorm(3, affine=affine)
    a, b = values(norm), values(norm, [1.0, 2.0, 3.0])
    x = Value(2.0, label="x")
    for result in (
        functional.logsumexp(a),
        functional.sum(a),
        a[0] * a[0],
        a[0] * a[1],
        a[0] - b[0],
        a[0] + x,
        a[0] - 1.0,
        a[0].relu() * a[0],
        functional.dot([x], [a[0]], 1.0),
    ):
        assert result not in beside_of(order_of([result]))
        found = beside_of(order_of([result, *a]))
        assert all(y in found for y in a)


def test_a_norm_behind_a_norm_and_one_that_is_used_twice() -> None:
    first, second = BatchNorm(2), BatchNorm(2)
    outputs = values(Sequential(first, second), [1.0, 2.0])
    assert [name for name, _ in shape_of(condensed(outputs))] == ["leaf", "BatchNorm", "BatchNorm"]
    found = beside_of(order_of(outputs))
    assert len(set(found.values())) == 2
    once = values(first, [1.0, 2.0])
    again: Any = first.forward(once)
    assert ("BatchNorm", 2) in shape_of(condensed(again))


class Scaled(Module):
    """Its parameter has a name alone for its key."""

    is_beside_neurons = True

    def __init__(self) -> None:
        self.scale = Value(2.0)


class Shifted(Module):
    """A number of each kind for each feature."""

    is_beside_neurons = True

    def __init__(self) -> None:
        self.scales, self.shifts = [Value(2.0)], [Value(3.0)]


class Stretched(Module):
    """Its parameters stand deep in it, the feature last."""

    is_beside_neurons = True

    def __init__(self) -> None:
        self.scales = {"all": [[Value(2.0), Value(3.0)]]}


def test_a_node_of_one_parameter_is_of_its_module() -> None:
    scaled, stretched = Scaled(), Stretched()
    for model in (scaled, stretched):
        model.label_parameters()
    x = Value(1.0, label="x")
    first = scaled.scale * x
    ((a, b),) = stretched.scales["all"]
    products = [a * x, b * x]
    joined = [each.relu() for each in products]
    ends = [first.relu(), functional.dot(joined, [x, x]), joined[0] + joined[1]]
    order = order_of([*ends, as_value(2.0) * as_value(3.0)])
    found = beside_of(order)
    inside = [scaled.scale, first, a, b, *products]
    assert {node for node in order if node in found} == set(inside)


def test_what_lies_between_two_nodes_of_a_module_has_no_operand_from_outside() -> None:
    model = Shifted()
    model.label_parameters()
    (scale,), (shift,) = model.scales, model.shifts
    x, w = Value(1.0, label="x"), Value(2.0, label="w")
    cases: list[tuple[Callable[[Value], Value], bool]] = [
        (lambda a: (a * 2.0).tanh(), True),
        (lambda a: a * w, False),
        (lambda a: a - scale * w, False),  # another sample
    ]
    for between, is_inside in cases:
        middle = between(scale * x)
        end = middle + shift
        found = beside_of(order_of([end]))
        assert (end in found, middle in found) == (True, is_inside)


class Center(Module):
    """Keeps a mean of its own, without being anything that is known."""

    def __init__(self) -> None:
        self.means = [[Buffer(0.5)], [Buffer(1.5)]]
        self.n_inputs = 2

    def forward(self, x: Any) -> list[Value]:
        return [xi - mean for xi, (mean,) in zip(x, self.means)]


@pytest.mark.parametrize("detail", ["ops", "neurons", "layers"])
def test_buffers_are_no_inputs(detail: str) -> None:
    text = texts(viz.to_svg(Center(), detail=detail))
    assert "means.0.0" in text
    assert "means.1.0" in text
    assert "buffer" in text
    assert "0.5" in text  # its number, which does not depend on a sample


def test_buffers_have_places() -> None:
    model = MLP(2, [2, 1], batch_norm=True, rng=0)
    norm = model.layers[0].norm
    assert norm is not None
    place = norm.running_mean[1].place
    assert place is not None
    assert (place.text, place.is_kept) == ("layers.0.norm.running_mean.1", True)
    weight = norm.weight[1].place
    assert weight is not None
    assert not weight.is_kept
    norm.running_mean[1].label = "mean of b"
    both: list[Any] = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    for copied in both:
        copied.eval()([Value(1.0), 2.0])
        mean = copied.layers[0].norm.running_mean[1]
        assert (mean.label, mean.place.is_kept) == ("mean of b", True)
        assert len(list(copied.named_parameters())) == 13
    order = order_of(values(model, [1.0, 2.0]))
    roles = roles_of(order, order[-1:], None)
    assert [roles[x] for x in norm.running_var] == ["buffer", "buffer"]
    assert units_of(order, roles)


def test_a_matrix_of_buffers_is_no_layer() -> None:
    class Memory(Module):
        def __init__(self) -> None:
            self.kept = [[Buffer(1.0), Buffer(2.0)], [Buffer(3.0), Buffer(4.0)]]
            self.w = [Value(0.5), Value(2.0)]
            self.b = Value(0.0)

        def forward(self, x: Any) -> list[Value]:
            return [functional.dot(self.w, x, self.b) + self.kept[1][0]]

    outputs = values(Memory(), [1.0, 2.0])
    order = order_of(outputs)
    (unit,) = set(units_of(order, roles_of(order, outputs, None)).values())
    assert unit.owner is not None
    assert unit.owner.is_row


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_theme_has_a_color_for_buffers(theme: str, tmp_path: Path) -> None:
    (loss,) = values(MLP(3, [2, 1], batch_norm=True, rng=0))
    shown = [box.texts[0] for box in BoxPicture(loss, detail="ops", theme=theme).boxes.values()]
    assert sum(name.endswith("ning_var.0") for name in shown) == 1  # long names are shortened
    page = viz.replay(loss, tmp_path / "replay.html").read_text()
    content = recorded(page)
    assert content["roles"].count(content["kinds"].index("buffer")) == 4
    assert '<span data-role="buffer">' in page
    assert "--buffer-rim:" in page
    assert ".buffer .box" in page


def test_boxes_stand_behind_what_they_read() -> None:
    """Also where the graph has more arrows than are labeled, and where a norm is used twice."""
    model = MLP(5, [8, 8, 1], batch_norm=True, rng=0)
    for by_layer in (True, False):
        graph = condensed(values(model, [0.0] * 5), by_layer)
        places = {box: place for place, box in enumerate(graph.boxes)}
        assert all(places[arrow.source] < places[arrow.target] for arrow in graph.arrows)
        assert [box.name for box in graph.boxes] == [f"b{place}" for place in places.values()]
    assert viz.to_svg(model, detail="neurons").count("BatchNorm") == 4  # and in their tooltips
    norm = BatchNorm(8)
    twice = Sequential(Layer(8, 8, rng=0), norm, Layer(8, 8, rng=0), norm, Layer(8, 8, rng=0))
    assert viz.to_svg(twice, detail="neurons").count("\N{MULTIPLICATION SIGN} 2") == 1


def test_an_arrow_of_several_weights_shows_none_of_them() -> None:
    model = MLP(1, [2, 1], batch_norm=True, rng=0)
    dot = viz.to_svg(model, detail="neurons")
    weights = [p.data for layer in model.layers for n in layer.neurons for p in n.w]
    assert [f"weight = {w!r}" in dot for w in weights] == [True, True, False, False]
    only = MLP(1, [1, 1], batch_norm=True, rng=0)
    assert viz.to_svg(only, detail="neurons").count("weight = ") == 2
