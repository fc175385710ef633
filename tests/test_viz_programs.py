"""Drawings of compiled programs: their products, shapes, parameters, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import viz
from tests.box_pictures import BoxPicture
from tinygrad_mlp import functional
from tinygrad_mlp.compiler import Program, compile
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError, ShapeError
from tinygrad_mlp.nn import MLP, Module
from viz import to_dot
from viz._summaries import svg_or_none


def per_sample_program() -> Program:
    model = MLP(2, [16, 1], activation="tanh", rng=0)

    def squared_error(x: list[Value], y: Value) -> Value:
        error: Value = model(x) - y
        return error * error

    return compile(squared_error, model.parameters(), per_sample=True)


def test_a_program_is_drawn_with_its_products_and_shapes() -> None:
    program = per_sample_program()
    program(np.ones((5, 2)), np.ones(5))
    picture = BoxPicture(program)
    assert program.plan is not None
    steps = [name for name in picture.boxes if name.startswith("s")]
    assert len(steps) == len(program.plan.steps)
    products = [box.texts for box in picture.boxes.values() if "matrix product" in box.texts]
    shapes = re.findall(r"(\(\d+, \d+\) @ \(\d+, B\))", program.summary())
    assert [text[1] for text in products] == shapes
    assert {name for pair in picture.pairs for name in pair} == set(picture.boxes)
    assert viz.to_svg(program, theme="dark").startswith("<svg")


def test_a_program_names_its_parameters_and_explains_the_row_of_the_bias() -> None:
    program = per_sample_program()
    program(np.ones((5, 2)), np.ones(5))
    picture = BoxPicture(program)
    assert picture.box("layers.0").texts[1] == "48 of 65 parameters"
    assert picture.box("layers.1.neurons.0").texts[1] == "17 of 65 parameters"
    assert picture.text.count("with a row of ones, for the bias") == 2
    assert picture.box("x").texts[1] == "(2, B)"
    assert picture.box("y").texts[1] == "(1, B)"


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_program_ends_where_the_losses_of_the_samples_become_one(reduction: Any) -> None:
    w = Value(0.5)
    loss = compile(lambda x: w * x * x, [w], per_sample=True, reduction=reduction)
    loss([1.0, 2.0])
    assert BoxPicture(loss).boxes["r0"].texts == [f"{reduction} over B", "reads (B)"]
    predictions = compile(lambda x: w * x * x, per_sample=True)
    predictions([1.0, 2.0])
    assert " over B" not in viz.to_svg(predictions)


def test_a_product_for_each_sample_says_so_in_drawing_and_summary() -> None:
    w = [[Value(0.1), Value(0.2), Value(0.3)], [Value(0.4), Value(0.5), Value(0.6)]]

    def scores(x: list[list[Value]]) -> Value:
        q = [[functional.dot(row, token) for row in w] for token in x]
        return functional.sum([functional.exp(functional.dot(a, b)) for a in q for b in q])

    program = compile(scores, [*w[0], *w[1]], per_sample=True)
    program(np.ones((5, 4, 3)))
    assert "(4, 2) @ (2, 4) for each sample" in program.summary()
    assert "(4, 2) @ (2, 4) for each sample" in viz.to_svg(program)


def test_a_program_is_refused_before_its_first_call_and_over_the_limit() -> None:
    program = per_sample_program()
    with pytest.raises(ShapeError, match="call it once"):
        to_dot(program)
    program(np.ones((5, 2)), np.ones(5))
    with pytest.raises(GraphError, match="more than max_nodes=3"):
        to_dot(program, max_nodes=3)


def test_a_program_of_plain_arithmetic_has_nothing_to_draw() -> None:
    irregular = [(4, 1), (0, 6), (2, 5), (6, 3), (1, 1), (3, 0), (5, 2), (7, 4)]
    program = compile(
        lambda x: functional.sum([x[i] * functional.maximum(x[j], x[i + 1]) for i, j in irregular])
    )
    program(np.arange(9.0))
    assert program.plan is None
    with pytest.raises(GraphError, match="plain arithmetic"):
        to_dot(program)
    assert svg_or_none(program) is None


def test_a_notebook_shows_models_and_programs() -> None:
    program = per_sample_program()
    assert svg_or_none(program) is None
    program(np.ones((5, 2)), np.ones(5))
    assert svg_or_none(program) == str(viz.to_svg(program))
    model = MLP(2, [4, 3, 1], rng=0)
    assert svg_or_none(model) == str(viz.to_svg(model))
    assert svg_or_none(Module()) is None
