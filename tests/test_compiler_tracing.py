"""What a trace keeps: nodes, results in their shapes, checks; and what a traced Value refuses."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest

from tinygrad_mlp import functional as F
from tinygrad_mlp import ops
from tinygrad_mlp.compiler._folding import fold
from tinygrad_mlp.compiler._tracing import Traced, trace
from tinygrad_mlp.engine import Value, assign, enable_grad, no_grad
from tinygrad_mlp.errors import GraphError, ShapeError, TracingError
from tinygrad_mlp.functional import uniform
from tinygrad_mlp.losses import hinge
from tinygrad_mlp.losses._categorical import cross_entropy_of_sample

W: Final = Value(2.0, label="w")
LEAF: Final = Value(1.0, label="leaf")
EARLIER: Final = LEAF * 1.0


def numbers_of(values: Any) -> list[Any]:
    """Nodes by their numbers, other Values by their labels or numbers."""
    return [
        value.index if isinstance(value, Traced) else value.label or value.data for value in values
    ]


# Arguments and results


@pytest.mark.parametrize(
    "shape", [(), (1,), (3,), (2, 3), (1, 4), (4, 1), (2, 3, 4), (1, 1, 1), (0,), (0, 3), (2, 0)]
)
def test_an_argument_is_nested_as_its_array(shape: tuple[int, ...]) -> None:
    given: list[Any] = []

    def function(first: Any, x: Any) -> Any:
        given.append(x)
        return 0.0

    recording = trace(function, [(2,), shape], [])

    def numbers(x: Any) -> Any:
        return [numbers(part) for part in x] if isinstance(x, list) else x.index

    expected = 2 + np.arange(math.prod(shape)).reshape(shape)
    assert numbers(given[0]) == expected.tolist()
    assert recording.inputs == [((2,), [0, 1]), (shape, expected.ravel().tolist())]


@pytest.mark.parametrize(
    ("function", "shape", "outputs"),
    [
        (lambda x: x[1], (), [1]),
        (lambda x: 3, (), [3.0]),
        (lambda x: W, (), ["w"]),
        (lambda x: [x[1]], (1,), [1]),
        (lambda x: (x[1], x[0], 2.0), (3,), [1, 0, 2.0]),
        (lambda x: [[x[0]], [W], (x[1],)], (3, 1), [0, "w", 1]),
        (lambda x: [[x[0], x[1]]], (1, 2), [0, 1]),
        (lambda x: [[[x[0], x[1]]], [[x[1], x[1]]]], (2, 1, 2), [0, 1, 1, 1]),
    ],
)
def test_results_are_kept_in_order_with_their_shape(
    function: Callable[..., Any], shape: tuple[int, ...], outputs: list[Any]
) -> None:
    recording = trace(function, [(2,)], [W])
    assert recording.output_shape == shape
    assert numbers_of(recording.outputs) == outputs
    assert (recording.auxiliary, recording.auxiliary_shape) == ([], ())
    beside = trace(lambda x: (x[0], function(x)), [(2,)], [W], has_auxiliary=True)
    assert (beside.output_shape, beside.auxiliary_shape) == ((), shape)
    assert numbers_of(beside.outputs) == [0]
    assert numbers_of(beside.auxiliary) == outputs


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, "a compiled function returns a Value or nested lists of Values, got None"),
        ([], r"a compiled function returns a Value or nested lists of Values, got \[\]"),
        ((), r"a compiled function returns a Value or nested lists of Values, got \(\)"),
        ([[], []], r"a compiled function returns a Value or nested lists of Values, got \[\]"),
        ("text", "a compiled function returns a Value or nested lists of Values, got 'text'"),
        ([1.0, [1.0]], r"a compiled function returned ragged lists, of inner shapes"),
        ([[1.0, 2.0], [1.0]], r"a compiled function returned ragged lists, of inner shapes"),
    ],
)
def test_what_is_no_result(result: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=f"^{message}"):
        trace(lambda: result, [], [])
    with pytest.raises(ShapeError, match=f"^{message}"):
        trace(lambda: (1.0, result), [], [], has_auxiliary=True)


@pytest.mark.parametrize("result", [1.0, [1.0], (1.0,), [1.0, 2.0, 3.0], None, "ab", {1: 2, 3: 4}])
def test_what_is_no_pair(result: Any) -> None:
    with pytest.raises(
        ShapeError, match=r"returns a pair, the loss and what .*; this one returned"
    ):
        trace(lambda: result, [], [], has_auxiliary=True)


@pytest.mark.parametrize("pair", [(1.0, 2.0), [1.0, 2.0]])
def test_a_pair_is_a_tuple_or_a_list(pair: Any) -> None:
    recording = trace(lambda: pair, [], [], has_auxiliary=True)
    assert numbers_of(recording.outputs + recording.auxiliary) == [1.0, 2.0]


# Nodes


def test_a_recording_knows_all_that_happened() -> None:
    rngs = [np.random.default_rng(0), np.random.default_rng(1)]
    buffers = [Value(0.0, label="a"), Value(0.0, label="b")]
    own = []

    def function(x: list[Value]) -> Value:
        drawn = uniform(rngs[1]) * uniform(rngs[0])  # 2 and 3, 4
        own.append(Value(5.0))
        with no_grad():
            frozen = x[0] * W  # 5
            with enable_grad():
                free = x[1].exp()  # 6
            again = F.amax([frozen, own[0], x[1]])  # 7
        assign(buffers[0], free)  # 8, without a gradient
        assign(buffers[1], 2.0)  # 9, likewise
        assign(buffers[0], buffers[0] + again)  # 10, and 11 without
        return drawn + buffers[0]  # 12

    recording = trace(function, [(2,)], [W])
    nodes = recording.nodes
    assert [node.op.name if node.op else "" for node in nodes] == [
        "", "", "", "", "mul", "mul", "exp", "amax", "sum", "sum", "add", "sum", "add",
    ]  # fmt: skip
    assert [node.index for node in nodes] == list(range(13))  # type: ignore[attr-defined]
    parents = [numbers_of(node.parents) for node in nodes]
    assert parents[4:8] == [[2, 3], [0, "w"], [1], [5, 5.0, 1]]
    assert parents[8:] == [[6], [2.0], [8, 7], [10], [4, 11]]
    assert [(number, rng) for number, rng in recording.random] == [(2, rngs[1]), (3, rngs[0])]
    assert recording.detached == {5, 7, 8, 9, 11}
    assert [leaf for leaf, _ in recording.effects] == buffers
    assert numbers_of([value for _, value in recording.effects]) == [10, 2.0]
    assert own[0] in recording.own_leaves
    assert W not in recording.own_leaves
    assert all(node.label == "" for node in nodes)


def test_a_comparison_is_a_node_that_joins_others() -> None:
    def function(x: list[Any]) -> list[Any]:
        a, b = x[0] > 1.0, x[1] <= W  # 2, 3
        return [a & b, a | b, a & True, False | b, np.bool_(True) & a, (a & b) | a]

    recording = trace(function, [(2,)], [W])
    found = [(node.op, numbers_of(node.parents)) for node in recording.nodes[2:]]
    assert found == [
        (ops.GREATER, [0, 1.0]), (ops.LESS_EQUAL, [1, "w"]), (ops.MUL, [2, 3]),
        (ops.MAXIMUM, [2, 3]), (ops.MUL, [2, 1.0]), (ops.MAXIMUM, [3, 0.0]), (ops.MUL, [2, 1.0]),
        (ops.MUL, [2, 3]), (ops.MAXIMUM, [9, 2]),
    ]  # fmt: skip


def assigned(value: Value) -> Value:
    assign(LEAF, value)
    return LEAF


@pytest.mark.parametrize("n_before", [0, 1, 2, 3, 9])
def test_a_node_of_an_earlier_recording_is_refused_whatever_its_number(n_before: int) -> None:
    left: list[Value] = []

    def leaving(x: Value) -> Value:
        for _ in range(n_before):
            x = x * 2.0
        left.append(x)
        return x

    trace(leaving, [()], [])
    uses: list[Callable[[Value], Any]] = [
        lambda x: left[0],
        lambda x: left[0] * x,
        lambda x: F.sum([x, 2.0 * x, left[0]]),
        lambda x: F.dot([x, W], [left[0], x]),
        lambda x: assigned(left[0]),
    ]
    for use in uses:
        with pytest.raises(TracingError) as caught:
            fold(trace(use, [()], []))
        assert caught.value.reason == "it uses a Value of an earlier recording"


# Checks of targets


@pytest.mark.parametrize(
    ("target", "rows"),
    [
        (lambda t: t, [[1]]),
        (lambda t: LEAF, [["leaf"]]),
        (lambda t: W, []),
        (lambda t: EARLIER, []),
        (lambda t: t * 1.0, []),
    ],
)
def test_a_target_is_checked_if_it_is_an_argument_or_a_leaf(
    target: Callable[[Value], Value], rows: list[Any]
) -> None:
    recording = trace(lambda x, t: hinge(x, target(t)), [(), ()], [W])
    found = [numbers_of_row(row) for rows in recording.checks.values() for row in rows]
    assert found == rows


@pytest.mark.parametrize(
    ("others", "rows"),
    [
        (lambda t: [t[0], t[1]], [[2, 3]]),
        (lambda t: [t[1], LEAF], [[3, "leaf"]]),
        (lambda t: [LEAF, t[1]], [["leaf", 3]]),
        (lambda t: [t[0], W], []),
        (lambda t: [W, t[0]], []),
        (lambda t: [t[0], 1.0 - t[0]], []),
    ],
)
def test_a_row_is_checked_if_all_of_it_can_be(
    others: Callable[[list[Value]], list[Value]], rows: list[Any]
) -> None:
    recording = trace(lambda z, t: cross_entropy_of_sample(z, others(t)), [(2,), (2,)], [W])
    found = [numbers_of_row(row) for rows in recording.checks.values() for row in rows]
    assert found == rows


def test_a_leaf_that_was_assigned_to_is_not_checked() -> None:
    def function(x: Value, t: Value) -> Any:
        before = hinge(x, LEAF)
        assign(LEAF, t)
        return before + hinge(x, LEAF) + hinge(x, t)

    recording = trace(function, [(), ()], [])
    found = [numbers_of_row(row) for rows in recording.checks.values() for row in rows]
    assert found == [["leaf"], [1]]


def numbers_of_row(row: list[Any]) -> list[Any]:
    return [place.label if isinstance(place, Value) else place for place in row]


# What a traced Value refuses


def set_data(x: Any) -> None:
    x.data = 1.0


def set_grad(x: Any) -> None:
    x.grad = 1.0


def hashed(x: Any) -> int:
    return hash(x)


REFUSED: Final[dict[str, tuple[Callable[[Any], Any], ...]]] = {
    "its .data was read": (lambda x: x.data,),
    "its .data was assigned": (set_data,),
    "its .grad was read (the program itself calls backward)": (lambda x: x.grad,),
    "its .grad was assigned (the program itself calls backward)": (set_grad,),
    "its .partials were read": (lambda x: x.partials,),
    "it was compared with ==, != or in": (
        lambda x: x == 1.0, lambda x: x != 1.0, lambda x: x in [1.0, 2.0],
    ),
    "it was looked up in a dict or set, or hashed": (hashed, lambda x: {x, 1.0}),
    "it was used as a truth value (if, and, or, not, min, max)": (bool, operator.not_),
    "it was used as an index": (operator.index, lambda x: [1.0][x]),
    "float() was called on it": (float, math.exp),
    "its .item() was called": (lambda x: x.item(),),
    "int() was called on it": (int,),
    "complex() was called on it": (complex,),
    "round() to some digits was called on it": (lambda x: round(x, 2), lambda x: round(x, -1)),
    "it was rounded": (math.trunc, math.floor, math.ceil),
    "divmod() was called on it": (lambda x: divmod(x, 2.0), lambda x: divmod(2.0, x)),
    "& was used on what is no comparison": (lambda x: x & 1, lambda x: 1 & x),
    "| was used on what is no comparison": (lambda x: x | 1, lambda x: 1 | x),
    "& or | was used on what is no comparison": (
        lambda x: (x > 0.0) & x, lambda x: (x > 0.0) | 1, lambda x: 1.0 | (x > 0.0),
    ),
    "^ was used on it": (lambda x: x ^ 1, lambda x: 1 ^ x, lambda x: (x > 0.0) ^ True),
    "~ was used on it": (operator.invert, lambda x: ~(x > 0.0)),
    "it was turned into text (str, format, print)": (str, lambda x: f"{x}"),
}  # fmt: skip


@pytest.mark.parametrize("reason", REFUSED)
def test_what_needs_the_number_of_a_traced_value_is_refused(reason: str) -> None:
    for use in REFUSED[reason]:
        with pytest.raises(TracingError) as caught:
            trace(use, [()], [])
        assert caught.value.reason == reason
        assert f"no number yet, but {reason} (" in str(caught.value)


@pytest.mark.parametrize("reason", REFUSED)
def test_and_not_forgotten_if_the_function_goes_on(reason: str) -> None:
    def function(x: Value) -> Value:
        try:
            REFUSED[reason][0](x)
        except TypeError:
            return x * 2.0
        return x

    with pytest.raises(TracingError) as caught:
        trace(function, [()], [])
    assert caught.value.reason == reason


def test_nor_if_it_then_fails_in_its_own_way() -> None:
    def function(x: Value) -> Value:
        try:
            return x * math.exp(x)  # type: ignore[arg-type,no-any-return]
        except TypeError as error:
            raise KeyError("x") from error

    with pytest.raises(TracingError) as caught:
        trace(function, [()], [])
    assert caught.value.reason == "float() was called on it"
    with pytest.raises(TracingError) as caught:
        trace(lambda: [1.0].index(2.0), [], [])
    assert caught.value.reason == "it raised ValueError: 2.0 is not in list"


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (
            lambda x: assign(x, 1.0),
            "assign changes a leaf that stood before the trace, not a traced",
        ),
        (
            lambda x: assign(W, 1.0),
            "a parameter of the program is trained, it cannot be assigned to",
        ),
    ],
)
def test_assignments_that_are_refused(use: Callable[[Value], Any], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        trace(use, [()], [W])
    assert W.data == 2.0
