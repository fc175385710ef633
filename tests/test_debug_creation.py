"""Where nodes were made: eagerly, in blocks within blocks, and in a function that is compiled."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from tests.running import run_python
from tinygrad_mlp import Value, functional, no_grad, ops
from tinygrad_mlp.compiler import Program, compile
from tinygrad_mlp.debug import (
    Location,
    detect_anomaly,
    location_of,
    record_creation,
    trace_backward,
    worked_example,
)
from tinygrad_mlp.engine import assign, enable_grad, topological_order
from tinygrad_mlp.errors import TinygradMLPError
from tinygrad_mlp.losses import binary_cross_entropy


def line() -> int:
    """The line that calls this."""
    return sys._getframe(1).f_lineno


def test_a_place_is_a_file_a_line_and_a_function() -> None:
    def inner() -> tuple[int, Value]:
        return line(), Value(1.0).exp()

    with record_creation():
        here, node = inner()
    place = location_of(node)
    name = "test_a_place_is_a_file_a_line_and_a_function.<locals>.inner"
    assert place == Location(__file__, here, name)
    assert str(place) == f"{__file__}:{here} in {name}"


def test_a_node_with_a_place_has_everything_that_it_has_without() -> None:
    def build() -> Value:
        x, y = Value(3.0, label="x"), Value(-2.0)
        return functional.dot([x, y], [y, x.exp()], 1.0).tanh() / (x * y - 0.5)

    plain = build()
    with record_creation():
        located = build()
    pairs = list(zip(topological_order(plain), topological_order(located), strict=True))
    for one, other in pairs:
        assert isinstance(other, Value)
        assert (one.data, one.grad, one.op, one.partials, one.label, one.has_grad) == (
            other.data,
            other.grad,
            other.op,
            other.partials,
            other.label,
            other.has_grad,
        )
    places = dict(pairs)
    assert all(other.parents == tuple(map(places.get, one.parents)) for one, other in pairs)
    plain.backward()
    located.backward()
    assert [node.grad for node, _ in pairs] == [node.grad for _, node in pairs]


def test_a_leaf_has_its_place_as_long_as_a_block_is_open_that_saw_it() -> None:
    with record_creation():
        outside, here = Value(1.0), line()
        with record_creation():
            inside = Value(2.0)
            node = inside * 2.0
            places = [location_of(x) for x in (outside, inside, node)]
        assert [place and place.line for place in places] == [here, here + 2, here + 3]
        assert [location_of(x) for x in (outside, inside, node)] == places
    assert [location_of(x) for x in (outside, inside, node)] == [None, None, places[2]]


def test_blocks_that_end_in_an_error_leave_nothing() -> None:
    def fails() -> None:
        with record_creation():
            made.append(Value(1.0))
            places.append(location_of(made[0]))
            raise ZeroDivisionError

    made: list[Value] = []
    places: list[Location | None] = []
    with pytest.raises(ZeroDivisionError):
        fails()
    assert places[0] is not None
    assert location_of(made[0]) is None
    assert location_of(made[0] * 2.0) is None


def test_random_leaves_and_assignments_are_as_without() -> None:
    rng, buffer = np.random.default_rng(0), Value(5.0)
    expected = np.random.default_rng(0).random(2).tolist()
    with record_creation():
        drawn, here = functional.uniform(rng), line()
        place = location_of(drawn)
        assign(buffer, drawn * 2.0)
        assert buffer.data == 2.0 * expected[0]
        assign(buffer, 7)
    assert (drawn.data, drawn.op, drawn.parents) == (expected[0], ops.CONSTANT, ())
    assert place is not None
    assert (place.file, place.line) == (__file__, here)
    assert functional.uniform(rng).data == expected[1]
    assert buffer.data == 7.0


def test_without_gradients_a_node_is_a_leaf_with_a_place() -> None:
    a = Value(3.0)
    with record_creation(), no_grad():
        free, here = a * 2.0, line()
        with enable_grad():
            bound = a * 4.0
        places = [location_of(x) for x in (free, bound)]
    assert (free.parents, free.data) == ((), 6.0)
    assert bound.parents[0] is a
    assert [place and place.line for place in places] == [here, here + 2]
    assert location_of(free) is None
    assert location_of(bound) == places[1]


# In a function that is compiled a block changes nothing


class Buffers:
    """What a compiled function may use besides its arguments."""

    def __init__(self) -> None:
        self.w = Value(0.75, label="w")
        self.running = Value(0.0, label="running")
        self.rng = np.random.default_rng(7)


def with_leaves(b: Buffers, x: Value) -> Value:
    return b.w * x + Value(0.5) * 2.0


def with_random_leaves(b: Buffers, x: Value) -> Value:
    return b.w * x * functional.uniform(b.rng)


def with_assignments(b: Buffers, x: Value) -> Value:
    assign(b.running, 0.5 * b.running + x)
    return b.w * x + b.running


def with_plain_assignments(b: Buffers, x: Value) -> Value:
    assign(b.running, 3)
    return b.w * x + b.running


def without_gradients(b: Buffers, x: Value) -> Value:
    with no_grad():
        weight = b.w * 2.0
        with enable_grad():
            part = b.w * x
    return part * weight


def with_a_target(b: Buffers, x: Value) -> Value:
    loss: Value = binary_cross_entropy([b.w], [x])
    return loss


def with_comparisons(b: Buffers, x: Value) -> Value:
    return functional.where(x > b.w, x * b.w, functional.logsumexp([x, b.w, 1.0]))


@pytest.mark.parametrize("block", [record_creation, detect_anomaly])
@pytest.mark.parametrize(
    "function",
    [
        with_leaves,
        with_random_leaves,
        with_assignments,
        with_plain_assignments,
        without_gradients,
        with_a_target,
        with_comparisons,
    ],
)
def test_a_block_in_a_compiled_function_changes_nothing(
    function: Callable[[Buffers, Value], Value], block: Callable[[], object]
) -> None:
    def compiled(make_block: Callable[[], object]) -> tuple[Program, Buffers]:
        buffers = Buffers()

        def loss(x: Value) -> Value:
            with make_block():  # type: ignore[attr-defined]
                return function(buffers, x)

        return compile(loss, [buffers.w]), buffers

    (plain, of_plain), (blocked, of_blocked) = compiled(nullcontext), compiled(block)
    for x in (0.0, 1.0, 0.5):
        assert blocked(x) == plain(x)
        assert blocked.gradients.tolist() == plain.gradients.tolist()
        assert of_blocked.running.data == of_plain.running.data
    assert blocked.source == plain.source
    if function is with_a_target:
        for program in (plain, blocked):
            with pytest.raises(TinygradMLPError, match="2"):
                program(2.0)


# Whose line it is


def test_the_lines_of_the_worked_example_are_a_persons() -> None:
    with record_creation():
        loss = worked_example()
    places = [location_of(node) for node in topological_order(loss) if node.parents]
    assert {Path(place.file).name for place in places if place} == {"worked_example.py"}
    assert None not in places
    assert {place.function for place in places if place} == {"_neuron", "worked_example"}


def test_what_nobody_made_in_a_program_of_theirs_has_no_place(tmp_path: Path) -> None:
    package = tmp_path / "script.py"
    package.write_text(
        "import runpy, sys\n"
        "from tinygrad_mlp import Value\n"
        "from tinygrad_mlp.debug import location_of, record_creation\n"
        "with record_creation():\n"
        "    a = Value(1.0)\n"
        "    b = a * 2.0\n"
        "    print(location_of(a), location_of(b), location_of(b.parents[1]))\n"
    )
    printed = run_python("-W", "error", package, folder=tmp_path)
    assert printed == (f"{package}:5 in <module> {package}:6 in <module> {package}:6 in <module>\n")


def test_a_trace_of_located_nodes_is_that_of_plain_ones() -> None:
    with record_creation():
        located = worked_example()
    plain = worked_example()
    steps = [str(step) for step in trace_backward(located)]
    assert steps == [str(step) for step in trace_backward(plain)]
