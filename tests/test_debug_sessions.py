"""Sessions: a walk through both passes, to nodes and breakpoints, and with other leaves."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from tests.debugging import label, named, named_after, product_of_sums
from tinygrad_mlp import Value, functional
from tinygrad_mlp.debug import (
    break_when,
    watch,
)
from tinygrad_mlp.debug.session import Session
from tinygrad_mlp.errors import (
    GraphError,
    InvalidArgumentError,
    UnknownNameError,
)


def test_where_a_session_stands_and_what_is_known_there() -> None:
    session = Session(product_of_sums())
    names = session.names
    known, gradients = [], []
    for position in range(len(session) + 1):
        session.go_to(position)
        known.append(",".join(sorted(names[node] for node in session.known())))
        given = [(names[node], session.gradient(node)) for node in session.order]
        gradients.append({name: x for name, x in given if x is not None})
    assert known == ["a,b,c", "s", "L", "L", "L", "L", "L", "L"]
    assert gradients == [
        {},
        {},
        {"L": 1.0},
        {"L": 1.0, "s": 2.0},
        {"L": 1.0, "s": 2.0, "a": 5.0},
        {"L": 1.0, "s": 2.0, "a": 11.0},
        {"L": 1.0, "s": 2.0, "a": 11.0, "b": 4.0},
        {"L": 1.0, "s": 2.0, "a": 11.0, "b": 4.0, "c": 2.0},
    ]
    assert (session.n_forward, len(session)) == (2, 7)
    assert session.last_step == session.backward[4]


@pytest.mark.parametrize(("start", "end"), list(itertools.permutations((0, 1, 2, 3, 5, 7), 2)))
def test_from_anywhere_to_anywhere(start: int, end: int) -> None:
    session, direct = Session(product_of_sums()), Session(product_of_sums())
    session.go_to(start)
    session.go_to(end)
    direct.go_to(end)
    assert session.position == end
    for node, other in zip(session.order, direct.order, strict=True):
        assert (node.grad, node.has_grad) == (other.grad, other.has_grad)
        assert session.gradient(node) == direct.gradient(other)
        assert session.is_computed(node) == direct.is_computed(other)


def test_the_steps_of_a_session_are_those_of_both_passes() -> None:
    session = Session(product_of_sums())
    assert session.last_step is None
    assert session.step(0) == session.forward[0]
    assert session.step(1) == session.forward[1]
    assert session.step(2) == session.backward[0]
    assert session.move(2) == session.forward[1]
    assert session.move(1) == session.backward[0] == session.last_step
    assert session.move(-2) == session.forward[0]
    assert session.move(-1) == session.forward[0]  # at the start, the step that is undone
    assert session.position == 0


@pytest.mark.parametrize(
    ("position", "steps", "message"),
    [
        (0, -1, "-1 steps from step 0 of 7 leads past the start"),
        (0, 8, "+8 steps from step 0 of 7 leads past the end"),
        (7, 1, "+1 steps from step 7 of 7 leads past the end"),
        (3, -4, "-4 steps from step 3 of 7 leads past the start"),
    ],
)
def test_a_walk_out_of_the_passes_is_refused(position: int, steps: int, message: str) -> None:
    session = Session(product_of_sums())
    session.go_to(position)
    with pytest.raises(InvalidArgumentError) as caught:
        session.move(steps)
    assert str(caught.value) == message
    assert session.position == position
    for outside in (-1, 8):
        with pytest.raises(InvalidArgumentError) as refused:
            session.go_to(outside)
        assert str(refused.value) == (
            f"position is {outside}, but the session has 7 steps: 0 is the start, 7 the end"
        )
    assert session.position == position


@pytest.mark.parametrize(
    ("start", "node", "arrival"),
    [
        (0, "s", 1),
        (0, "L", 2),
        (1, "s", 3),
        (0, "a", 5),
        (4, "a", 5),
        (0, "c", 7),
        (5, "a", None),
        (3, "s", None),
        (2, "L", None),
        (0, "b", 6),
    ],
)
def test_running_to_a_node_stops_when_it_is_ready(
    start: int, node: str, arrival: int | None
) -> None:
    session = Session(product_of_sums())
    session.go_to(start)
    if arrival is None:
        with pytest.raises(InvalidArgumentError) as caught:
            session.run(to=session.node(node))
        assert str(caught.value) == f"{node} is complete already at this step; go back first"
        assert session.position == start
    else:
        assert session.run(to=session.node(node)) == session.step(arrival - 1)
        assert session.position == arrival


def test_breakpoints_stop_a_run_to_a_node_and_one_back() -> None:
    session = Session(product_of_sums())
    session.breakpoints = [watch(session.node("a")), break_when(label="s")]
    stops = []
    for _ in range(5):
        session.run()
        stops.append((session.position, [hit.reason for hit in session.hits()]))
    assert stops == [
        (1, ["at s"]),
        (3, ["at s"]),
        (4, ["a changes"]),
        (5, ["a changes"]),
        (7, []),
    ]
    assert session.run() == session.step(6)
    back = []
    for _ in range(6):
        step = session.run_back()
        back.append(session.position)
        assert step == session.last_step
    assert back == [5, 4, 3, 1, 0, 0]
    assert session.hits() == []
    assert session.run(to=session.node("c")) == session.step(0)
    assert session.position == 1


def test_no_gradient_flows_to_a_plain_number() -> None:
    session = Session(label(2.0, "a") * 3.0)
    for position in (0, 1, 2):
        session.go_to(position)
        with pytest.raises(InvalidArgumentError) as caught:
            session.run(to=session.node("v1"))
        assert str(caught.value) == "no gradient flows to v1: no step leads there"


def test_assigning_keeps_the_place_and_gives_the_new_loss() -> None:
    session = Session(product_of_sums())
    a = session.node("a")
    for position in (0, 1, 2, 5, 7):
        session.go_to(position)
        assert session.assign(a, 3.0) == 24.0
        assert session.position == position
        assert session.gradient(a) == {0: None, 1: None, 2: None, 5: 17.0, 7: 17.0}[position]
        assert session.assign(a, 2) == 10.0
    with pytest.raises(GraphError) as caught:
        session.assign(session.node("s"), 1.0)
    assert str(caught.value) == "s was computed from others; change a leaf, such as a"


@pytest.mark.parametrize(
    ("build", "leaf"),
    [
        (lambda: (Value(2.0) * 3.0).exp() * label(1.0, "named"), "named"),
        (lambda: label(1.0, "named") * Value(2.0), "named"),
        (lambda: 2.0 * Value(3.0) + 1.0, None),
        (lambda: Value(2.0) + Value(3.0), None),
        (lambda: Value(2.0) * named_after(Value(3.0).exp(), "h"), None),
    ],
)
def test_the_leaf_that_is_spoken_of_is_a_named_one_or_one_that_a_person_made(
    build: Callable[[], Value], leaf: str | None
) -> None:
    session = Session(build())
    free = next((node for node in session.order if not node.parents and node.op is None), None)
    assert free is not None
    with pytest.raises(GraphError) as caught:
        session.assign(session.loss, 1.0)
    assert str(caught.value).endswith(f"change a leaf, such as {leaf or session.names[free]}")


def test_where_all_leaves_are_plain_numbers_the_first_is_spoken_of() -> None:
    session = Session(functional.exp(functional.exp(2.0)))
    with pytest.raises(GraphError, match=r"change a leaf, such as v0$"):
        session.assign(session.loss, 1.0)


def test_a_session_needs_a_computation_and_knows_its_nodes() -> None:
    with pytest.raises(GraphError) as caught:
        Session(Value(1.0))
    assert str(caught.value) == (
        "there is nothing to step through: the Value is a leaf; give the result of a computation, "
        "such as the loss"
    )
    with pytest.raises(UnknownNameError, match="unknown node 'z'; known: L, a, b, c, s"):
        Session(product_of_sums()).node("z")


def test_a_session_clears_what_stood_in_the_leaves() -> None:
    loss = product_of_sums()
    loss.backward()
    session = Session(loss)
    assert not any(node.has_grad for node in session.order)
    session.go_to(len(session))
    assert named(loss, "a").grad == 11.0
