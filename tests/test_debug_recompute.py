"""Running a recorded graph again, and finite differences on it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.debugging import bits, label, named, network_loss, product_of_sums, random_graph
from tinygrad_mlp import Value
from tinygrad_mlp.debug import (
    finite_difference,
    recompute,
    trace_backward,
)
from tinygrad_mlp.engine import topological_order


@given(seed=st.integers(0, 10_000), size=st.integers(1, 20))
def test_recomputing_gives_the_bits_of_building_anew(seed: int, size: int) -> None:
    graph = random_graph(seed, size)
    order = topological_order(graph)
    built = [(node.data, node.partials) for node in order]
    for node in order:
        if node.parents:
            node.data, node.partials = 0.0, ()
    recompute(graph)
    assert [(node.data, node.partials) for node in order] == built


def test_recomputing_with_another_leaf_is_as_building_with_it() -> None:
    a = Value(3.0)
    loss = (a * 2.0).tanh() + a.sigmoid()
    a.data = -0.25
    recompute(loss)
    b = Value(-0.25)
    assert bits(loss.data) == bits(((b * 2.0).tanh() + b.sigmoid()).data)
    assert bits(trace_backward(loss)[-1].partial) == bits(
        trace_backward((b * 2.0).tanh() + b.sigmoid())[-1].partial
    )


def test_finite_differences_agree_at_every_node_and_touch_nothing() -> None:
    _, loss = network_loss()
    loss.backward()
    order = topological_order(loss)
    numbers = [node.data for node in order]
    for node in order:
        if node.op is None or node.parents:
            assert finite_difference(loss, node) == pytest.approx(node.grad, rel=1e-6, abs=1e-8)
    assert [node.data for node in order] == numbers


def test_recomputing_gives_the_loss_and_leaves_the_leaves() -> None:
    loss = product_of_sums()
    a = named(loss, "a")
    a.data = 3.0
    assert recompute(loss) == 24.0
    assert (loss.data, loss.partials, named(loss, "s").data, a.data) == (24.0, (3.0, 8.0), 8.0, 3.0)
    assert recompute(Value(5.0)) == 5.0


def test_a_finite_difference_is_central_and_exact_for_a_square() -> None:
    a = label(3.0, "a")
    square, cube = a * a, a * a * a
    for step in (1.0, 0.5, 2.0):
        assert finite_difference(square, a, step=step) == 6.0
        assert finite_difference(cube, a, step) == 27.0 + step**2
    assert (a.data, square.data, cube.data) == (3.0, 9.0, 27.0)


@pytest.mark.parametrize(("x", "scale"), [(0.0, 1.0), (0.5, 1.0), (1000.0, 1000.0), (-64.0, 64.0)])
def test_the_step_is_the_cube_root_of_the_precision_times_the_size(x: float, scale: float) -> None:
    a = Value(x)
    away = a - x
    h = (2.0**-52) ** (1.0 / 3.0) * scale
    assert finite_difference(away * away * away, a) == pytest.approx(h * h, rel=1e-6)


def test_a_finite_difference_at_a_node_between_holds_it_whatever_leads_there() -> None:
    loss = product_of_sums()
    s = named(loss, "s")
    assert finite_difference(loss, s) == pytest.approx(2.0, rel=1e-9)
    assert finite_difference(loss, loss) == 1.0
    assert finite_difference(loss, Value(1.0)) == 0.0
    assert finite_difference(s, loss) == 0.0
