"""Irregular graphs on the tape: each operation against torch, whole programs against their text."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from math import inf, nan
from typing import Any, Final
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.benchmarks.scalars import RandomGraph
from tests.native.tapes import library, on_tape, run_by
from tests.networks import NETWORKS, Network
from tests.recipes import ALL_OPS, EXACT_OPS, Recipe, recipes
from tests.test_compiler_networks import (
    arrays_of,
    assert_agrees,
    names,
    parameters_of,
    whole_batch,
)
from tests.test_compiler_random import (
    EDGES,
    SEEDS,
    TOLERANCE,
    WHOLE_NUMBERS,
    Numbers,
    check,
    close,
    eager,
    has_root_of_minus_inf,
    three_calls,
)
from tests.test_interpreter import WRITTEN_FOR_VALUES
from tests.test_ops import (
    N_OPERANDS,
    PLAIN_NUMBERS,
    ROUNDING,
    assert_close,
    each_op,
    kinks,
    points_in_domain,
    values_at,
)
from tests.test_random_graphs import GraphAndTorch, graphs
from tests.torch_reference import Floats, reference_partials, reference_values
from tinygrad_mlp import functional as F
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.compiler._backends.arithmetic import Arithmetic
from tinygrad_mlp.compiler._backends.native_tape import NativeTape, Tape
from tinygrad_mlp.compiler._backends.tape_rules import derive
from tinygrad_mlp.engine import Value, apply, assign, topological_order
from tinygrad_mlp.errors import TracingError
from tinygrad_mlp.functional import declare, uniform
from tinygrad_mlp.nn import Buffer
from tinygrad_mlp.ops import DOT, OPS, Op

Array = NDArray[Any]
Row = list[Value]


def tape_of(program: Any) -> Tape:
    """The tape of a program that was called on it."""
    prepared = program._traced().prepared
    assert isinstance(prepared, Tape)
    return prepared


def entries_of(program: Any) -> list[tuple[str, int]]:
    """Operation and number of results of each entry."""
    assembled = tape_of(program).assembled
    names = {number: name for name, number in library().operations.items()}
    rows = assembled.code[: 8 * assembled.n_entries].reshape(-1, 8)
    return [(names[operation], n) for operation, n in rows[:, :2].tolist()]


# Each operation


def at_points(
    op: Op, points: Floats, dtype: str = "float64", as_text: bool = False
) -> tuple[Array, Array]:
    """The values and the local derivatives; each derivative is found under another upstream one."""
    factors = np.random.default_rng(1).integers(1, 5, len(points)) * 0.5  # exact in any dtype
    rows = [values_at(op, point) for point in points]
    leaves = [value for row in rows for value in row]

    def nodes() -> Row:
        return [apply(op, *row) for row in rows]

    with run_by(Arithmetic()) if as_text else on_tape():
        values = compile(nodes, dtype=dtype)()
        program = compile(lambda: F.dot(nodes(), factors.tolist()), leaves, dtype=dtype)
        program()
    partials = program.gradients.reshape(points.shape) / factors.astype(dtype)[:, None]
    return values, partials


@each_op
def test_an_operation_is_torchs(op: Op) -> None:
    for points in points_in_domain(op):
        values, partials = at_points(op, points)
        assert_close(values, reference_values(op, points), ROUNDING)
        assert_close(partials, flowing(op, reference_partials(op, points)), ROUNDING)


@each_op
def test_an_operation_is_torchs_at_kinks(op: Op) -> None:
    for points in kinks(op):
        values, partials = at_points(op, points)
        assert_close(values, reference_values(op, points), rounding=0.0)
        rounding = 0.0 if op.saturating is None else ROUNDING  # of 1 - tanh(x)^2
        assert_close(partials, flowing(op, reference_partials(op, points)), rounding)


@each_op
def test_an_operation_in_float32(op: Op) -> None:
    for points in points_in_domain(op):
        rounded = points.astype(np.float32).astype(np.float64)
        values, partials = at_points(op, rounded, "float32")
        assert values.dtype == partials.dtype == np.float32
        assert_close(values, reference_values(op, rounded), 1e-5, 1e-4)
        assert_close(partials, flowing(op, reference_partials(op, rounded)), 1e-5, 1e-4)


SPECIAL: Final = (0.0, -0.0, 1.0, -1.0, 2.5, -3.0, inf, -inf, nan, 1e200, -1e-200, 800.0)


@each_op
def test_an_operation_gives_what_it_gives_eagerly_of_special_numbers(op: Op) -> None:
    for n_inputs in N_OPERANDS if op.arity is None else (op.arity,):
        if op is DOT and n_inputs == 1:
            continue
        # Python's own sum is exact from 3.12 on; so these are numbers whose sums are exact anyhow.
        adds = op.name in ("sum", "dot")
        special = [x for x in SPECIAL if not adds or abs(x) not in (1e200, 1e-200)]
        points = np.random.default_rng(2).choice(special, (150, n_inputs))
        nodes = [apply(op, *values_at(op, point)) for point in points]
        values, partials = at_points(op, points)
        assert_close(values, [node.data for node in nodes], rounding=0.0)
        assert_close(partials, flowing(op, np.array([node.partials for node in nodes])), 0.0)
        for ours, texts in zip((values, partials), at_points(op, points, as_text=True)):
            assert_close(ours, texts, rounding=0.0)
            np.testing.assert_array_equal(
                np.signbit(ours[ours == 0.0]), np.signbit(texts[texts == 0.0])
            )


def minus_zeros(numbers: Array) -> Array:
    found: Array = (numbers == 0.0) & np.signbit(numbers)
    return found


def flowing(op: Op, partials: Floats) -> Floats:
    """Local derivatives; those by plain numbers are not asked for, and nothing comes of them."""
    fixed = [index for index in range(partials.shape[1]) if (op.name, index) in PLAIN_NUMBERS]
    return np.where(np.isin(np.arange(partials.shape[1]), fixed), 0.0, partials)


def test_the_rules_can_call_all_that_is_written_for_them() -> None:
    """And whatever they call, the library has."""
    lists = {"dot", "equal_each", "exp_shifted", "max", "shares", "sum", "sum_less_one"}
    for name in WRITTEN_FOR_VALUES - {"dot"}:  # which becomes a sum of products before

        def forward(xp: Any, inputs: Sequence[Any], name: str = name) -> Any:
            n_numbers = {"exp_shifted": 1, "equal_each": 1}.get(name, 0)
            if name in lists:
                found = getattr(xp, name)(inputs, *inputs[:n_numbers])
                return found if name in ("max", "sum", "sum_less_one") else xp.sum(found)
            return getattr(xp, name)(*inputs)

        n = {"where": 3}.get(name, 2 if name in TWO_NUMBERS else 1)
        op = Op(name="calls", forward=forward, partials=(0.0,), variadic=True)
        names = {operation.name for operation in derive(op, n, differentiate=True).operations}
        assert names - {"sum"} <= set(library().operations), name


TWO_NUMBERS: Final = ("divide", "equal", "floor_divide", "maximum", "minimum", "mod", "power")


# Random graphs


@given(recipe=recipes(EXACT_OPS), seed=SEEDS)
@settings(max_examples=60)
def test_whole_numbers_give_equal_results(recipe: Recipe, seed: int) -> None:
    with on_tape():
        check(recipe, three_calls(recipe, seed, False, WHOLE_NUMBERS), largest=2**50)


@given(recipe=recipes(EXACT_OPS), seed=SEEDS)
@settings(max_examples=40)
def test_small_whole_numbers_are_exact_in_float32_too(recipe: Recipe, seed: int) -> None:
    calls = three_calls(recipe, seed, False, WHOLE_NUMBERS)
    with on_tape():
        check(recipe, calls, dtype="float32", largest=2**21)


@given(recipe=recipes(ALL_OPS), seed=SEEDS)
@settings(max_examples=80)
def test_every_operation_agrees(recipe: Recipe, seed: int) -> None:
    with on_tape():
        check(recipe, three_calls(recipe, seed, mapped=False), "mean", TOLERANCE, largest=1e8)


@given(recipe=recipes(ALL_OPS), seed=SEEDS, choices=st.sampled_from(EDGES))
@settings(max_examples=80)
def test_inf_and_nan_travel_as_they_do_eagerly(
    recipe: Recipe, seed: int, choices: Sequence[float]
) -> None:
    rng = np.random.default_rng(seed)
    calls = [Numbers.drawn(recipe, rng, None, choices) for _ in range(3)]
    for numbers in calls:
        assume(not has_root_of_minus_inf(eager(recipe, numbers, "mean").nodes))
    with on_tape():
        check(recipe, calls, tolerance=TOLERANCE)


@given(graph=graphs(max_steps=14))
@settings(max_examples=80)
def test_graphs_without_structure_agree_with_torch(graph: GraphAndTorch) -> None:
    output = graph.values[-1]
    leaves = [value for value in topological_order(output) if value.is_leaf and value.op is None]

    def again() -> Value:
        copies = {value: value for value in topological_order(output) if value.is_leaf}
        for node in topological_order(output):
            if not node.is_leaf and node.op is not None:
                copies[node] = apply(node.op, *[copies[parent] for parent in node.parents])
        return copies[output]

    with on_tape():
        program = compile(again, leaves)
        loss = program()
    largest = max([1.0, *[abs(x) for x in graph.torch_gradients(graph.tensors[-1])]])
    places = [graph.values.index(leaf) for leaf in leaves]
    by_torch = np.array(graph.torch_gradients(graph.tensors[-1]))[places]
    close(loss, output.data, 1e-11, max(1.0, abs(output.data)))
    close(program.gradients, by_torch, 1e-10, largest)


class Arithmetics:
    """A random function of + - * / and sums of products, in which nothing is regular."""

    def __init__(self, n_nodes: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        kinds = rng.integers(0, 6, n_nodes)
        self.steps = [
            (int(kind), (rng.random(2 * rng.integers(1, 40)) * (8 + i)).astype(int).tolist())
            for i, kind in enumerate(kinds)
        ]
        self.w = [Value(x) for x in rng.normal(size=8).tolist()]

    def __call__(self) -> Value:
        nodes = [*self.w]
        for kind, places in self.steps:
            a, b, *_ = [nodes[place] for place in places]
            half = len(places) // 2
            left, right = ([nodes[i] for i in part] for part in (places[:half], places[half:]))
            made = (a + b, a - b, a * b, a / (b * b + 1.0), F.dot(left, right), F.sum(left[:15]))[
                kind
            ]
            nodes.append(made / (1.0 + made * made))
        return F.dot(nodes, nodes)


@pytest.mark.parametrize("n_nodes", [1, 7, 40, 300])
def test_arithmetic_gives_the_bits_of_the_text(n_nodes: int) -> None:
    function = Arithmetics(n_nodes, seed=n_nodes)
    found = []
    for run in (run_by(Arithmetic()), on_tape()):
        with run:
            program = compile(function, function.w)
            found.append([program(), *program.gradients.tolist()])
    if sys.version_info < (3, 12):  # from then on Python's sum has fewer rounding errors
        assert found[1] == found[0]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12)


@pytest.mark.parametrize("n_nodes", [100, 10_000])
def test_large_irregular_graphs(n_nodes: int) -> None:
    graph = RandomGraph(n_nodes, rng=1)
    x = np.random.default_rng(2).normal(size=graph.n_inputs)
    found = []
    for run in (run_by(Arithmetic()), on_tape()):
        with run:
            program = compile(graph, graph.weights)
            found.append([program(x), *program.gradients.tolist()])
    graph([Value(number) for number in x.tolist()]).backward()
    assert_close(found[1], found[0], ROUNDING)
    assert_close(found[1][1:], [weight.grad for weight in graph.weights], ROUNDING)
    assert len(entries_of(program)) < 800  # most stand in entries together


@pytest.mark.parametrize("network", NETWORKS, ids=names)
def test_networks(network: Network) -> None:
    parameters = parameters_of(network)
    program = compile(whole_batch(network, parameters), parameters)
    with on_tape():
        assert_agrees(network, program, parameters, arrays_of(network))


# Lengths


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 255, 256, 257, 512, 700])
def test_entries_of_any_length(n: int, dtype: str) -> None:
    """One below, at and above the widths of vectors and of what is looked up at once."""
    w = [Value(x) for x in np.random.default_rng(0).uniform(0.5, 2.0, n).tolist()]
    order = np.random.default_rng(1).permutation(n).tolist()

    def loss() -> Value:
        rows = [w[i].tanh() for i in order]
        mixed = [F.where(a > 0.7, a, 2.0 - b) * b for a, b in zip(rows, w)]
        return F.sum([a.square() for a in mixed])

    with on_tape():
        program = compile(loss, w, dtype=dtype)
        found = program()
    total = loss()
    total.backward()
    tolerance = 1e-12 if dtype == "float64" else 2e-5
    np.testing.assert_allclose(found, total.data, rtol=tolerance)
    np.testing.assert_allclose(program.gradients, [x.grad for x in w], rtol=tolerance)
    assert ("tanh", n) in entries_of(program)


@pytest.mark.parametrize("n_sums", [1, 3, 8, 11, 40])
@pytest.mark.parametrize("length", [1, 2, 3, 8, 9, 16, 17, 49, 50, 51, 100, 101, 300])
def test_sums_of_products_of_any_length(n_sums: int, length: int) -> None:
    rng = np.random.default_rng(length)
    w = [Value(x) for x in rng.normal(size=60).tolist()]
    at = rng.integers(0, 60, (n_sums, 2, length)).tolist()
    biases = rng.integers(0, 60, n_sums).tolist()

    def loss() -> Value:
        nodes = [
            F.dot([w[i] for i in left], [w[i] for i in right], w[bias])
            for (left, right), bias in zip(at, biases)
        ]
        return F.dot(nodes, nodes) + F.sum([w[i] for i in at[0][0]]).square()

    found = []
    for run in (run_by(Arithmetic()), on_tape()):
        with run:
            program = compile(loss, w)
            found.append([program(), *program.gradients.tolist()])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12, atol=1e-12 * abs(found[0][0]))


def test_a_deep_graph() -> None:
    w = Value(0.5)

    def loss(x: Value) -> Value:
        for _ in range(5_000):
            x = F.sin(w * x + 0.1)
        return x

    with on_tape():
        program = compile(loss, [w])
        found = program(1.0)
    total = loss(Value(1.0))
    total.backward()
    assert_close([found, *program.gradients], [total.data, w.grad], ROUNDING)


# The tape itself


def places_of(entry: list[int], lists: Array) -> Array:
    """All places that an entry reads."""
    operation, n, _, steps, *operands, terms = entry
    name = list(library().operations)[operation]
    if name == "row_products":
        a, b, row = operands
        at = (np.arange(terms)[:, None] * row + np.arange(n)).ravel()
        factors: Array = lists[np.concatenate([a + at, b + at])]
        return factors
    found: list[Any] = []
    for which in range({"where": 3}.get(name, 2 if name in ENTRIES_OF_TWO else 1)):
        step, begin = steps >> 2 * which & 3, operands[which]
        in_a_row = np.arange(begin, begin + n)
        found.append([np.array([begin]), in_a_row, lists[in_a_row] if step == 2 else []][step])
    return np.concatenate(found)


ENTRIES_OF_TWO: Final = ("add", "subtract", "multiply", "divide", "greater", "equal", "maximum")


def softmax_loss(w: Row) -> Value:
    shares = F.softmax([F.sin(a) for a in w])
    return F.dot(shares, w) + F.relu(F.amax(w)) + F.logsumexp(w[:3]) + F.softplus(w[0])


@pytest.mark.parametrize("n_nodes", [0, 30, 1_000])
def test_numbers_are_computed_once_and_before_they_are_read(n_nodes: int) -> None:
    graph = RandomGraph(n_nodes, rng=3) if n_nodes else softmax_loss
    weights = graph.weights if isinstance(graph, RandomGraph) else [Value(x) for x in range(9)]
    with on_tape():
        if isinstance(graph, RandomGraph):
            program = compile(graph, weights)
            program(np.ones(graph.n_inputs))
        else:
            program = compile(lambda: softmax_loss(weights), weights)
            program()
    assembled = tape_of(program).assembled
    entries = assembled.code[: 8 * assembled.n_entries].reshape(-1, 8).tolist()
    lists = assembled.code[8 * assembled.n_entries :]
    n_leaves = len(weights) + (graph.n_inputs if isinstance(graph, RandomGraph) else 0)
    known = np.arange(assembled.size) < len(assembled.constants) + n_leaves
    for entry in entries:
        assert known[places_of(entry, lists)].all()
        results = slice(entry[2], entry[2] + entry[1])
        assert not known[results].any()
        known[results] = True
    assert known.all()


# What goes in and comes out


def test_what_is_assigned_kept_read_drawn_and_returned_beside_the_loss() -> None:
    found = []
    for run in (run_by(Arithmetic()), on_tape()):
        kept, count, read, other = Buffer(3.0), Buffer(0.0), Buffer(2.0), Value(1.0)
        w = [Value(0.5), Value(-1.5), Value(2.0)]
        rngs = [np.random.default_rng(0), np.random.default_rng(1)]

        def loss(x: Row, y: Value, at: Any = (kept, count, read, other, w, rngs)) -> Any:
            kept, count, read, other, w, rngs = at
            drawn = [uniform(rngs[i % 2]) for i in range(5)]
            hidden = [F.where(u < 0.5, a * b, 0.0) for u, a, b in zip(drawn, w, x)]
            assign(kept, kept * 0.5 + drawn[4])
            assign(count, count + 1.0)
            total = F.dot(hidden, w, other) * kept + read * y * drawn[3]
            assign(kept, kept + w[0])
            return total, [hidden, drawn[:3]]

        with run:
            program = compile(loss, w, has_auxiliary=True)
            program.keep([read, kept])
            for call in range(4):
                x = np.arange(3.0) + call
                result = program(x, 0.25)
                seen = [result, *program.gradients, *np.ravel(program.auxiliary), *program.kept]
                found.append([*seen, kept.data, count.data])
                if call == 1:
                    other.data = 0.75
                    program.parameters[:] = [1.0, 2.0, 3.0]
            assert np.shape(program.auxiliary) == (2, 3)
    np.testing.assert_allclose(found[4:], found[:4], rtol=1e-14)
    assert [row[-1] for row in found[4:]] == [1.0, 2.0, 3.0, 4.0]
    assert len({row[0] for row in found[4:]}) == 4


def test_predictions() -> None:
    w = [Value(0.5), Value(-1.5)]
    with on_tape():
        program = compile(lambda x: [[a * b, a, b] for a, b in zip(w, x)])
        first = program([2.0, 4.0])
        assert first.tolist() == [[1.0, 0.5, 2.0], [-6.0, -1.5, 4.0]]
        second = program([1.0, 1.0])
        assert first.tolist() == [[1.0, 0.5, 2.0], [-6.0, -1.5, 4.0]]  # an array of its own
        assert second.tolist() == [[0.5, 0.5, 1.0], [-1.5, -1.5, 1.0]]
        assert compile(lambda x: x.exp())(0.0) == 1.0
        assert compile(lambda: [Value(3.0), Value(-0.0)])().tolist() == [3.0, 0.0]


def test_parameters_to_which_nothing_flows() -> None:
    w = [Value(2.0), Value(3.0), Value(4.0)]
    with on_tape():
        program = compile(lambda: w[0] * F.where(w[1] > 0.0, 1.0, 0.0), w)
        assert program() == 2.0
        assert program.gradients.tolist() == [1.0, 0.0, 0.0]
        program = compile(lambda: w[0] // 1.0, w)
        assert program() == 2.0
        assert program.gradients.tolist() == [0.0, 0.0, 0.0]
        program = compile(lambda: w[1], w)
        assert program() == 3.0
        assert program.gradients.tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_numbers_of_the_program(dtype: str) -> None:
    """Zeros of two signs, nan, what float32 does not hold, and the largest number of a dtype."""
    w = Value(1.0)
    with on_tape():
        program = compile(
            lambda: [1.0 / (w * 0.0), 1.0 / (w * -0.0), w * nan, w * 1e300, w * -inf], dtype=dtype
        )
        large = 1e300 if dtype == "float64" else inf
        np.testing.assert_array_equal(program(), [inf, -inf, nan, large, -inf])
        values = [Value(x) for x in (inf, 1.0, -inf)]
        program = compile(lambda: F.logsumexp(values), values, dtype=dtype)
        assert program() == inf
        assert_close(program.gradients, [nan, 0.0, 0.0], 0.0)


def test_a_softmax_takes_its_exponentials_from_the_logsumexp() -> None:
    w = [Value(x) for x in (0.5, -1.0, 2.0)]

    def loss() -> Value:
        shares = F.softmax([a * a for a in w])
        return F.dot(shares, [1.0, 2.0, 3.0])

    with on_tape():
        program, predict = compile(loss, w), compile(loss)
        found = program()
        assert predict() == found
    total = loss()
    total.backward()
    assert_close([found, *program.gradients], [total.data, *[x.grad for x in w]], ROUNDING)
    for each in (program, predict):
        assert sum([n for name, n in entries_of(each) if name == "exp"]) == 3


def test_what_nobody_needs_is_not_computed() -> None:
    w = Value(3.0)
    with on_tape():
        program = compile(lambda x: w / F.exp(x), [w])  # no derivative by the divisor
        program(1.0)
        names = [name for name, _ in entries_of(program)]
        assert sorted(names) == ["copy", "copy", "divide", "divide", "exp"]
        predict = compile(F.tanh)
        predict(1.0)
        assert [name for name, _ in entries_of(predict)] == ["tanh", "copy"]


# The text


def test_the_text_is_written_when_it_is_asked_for() -> None:
    w = Value(2.0)

    def loss(x: Value) -> Value:
        return F.tanh(w * x)

    with run_by(Arithmetic()):
        as_text = compile(loss, [w])
        as_text(1.0)
    with on_tape():
        program = compile(loss, [w])
        with patch.object(Arithmetic, "prepare", side_effect=AssertionError("too early")):
            program(1.0)
        program._traced().folded.nodes.clear()  # as the compiler does
        assert program.source == as_text.source
        with patch.object(Arithmetic, "prepare", side_effect=AssertionError("twice")):
            assert program.source == as_text.source
    assert repr(program.backend) == "native tape, because a test asks for it"
    assert repr(NativeTape(library())) == "NativeTape()"


# Operations that people declare


def own(name: str, forward: Callable[..., Any], *partials: Any) -> Any:
    function = declare(name, forward, *partials)
    return function, OPS[name]


@pytest.fixture(autouse=True)
def _forget_own_ops() -> Iterator[None]:
    before = dict(OPS)
    yield
    for name in set(OPS) - set(before):
        del OPS[name]


def test_rules_that_give_back_operands_and_numbers() -> None:
    second, _ = own("second", lambda xp, a, b: b, 0.0, 1.0)
    seven, _ = own("seven", lambda xp, a: 7.0, lambda xp, out, a: out)
    scaled, _ = own("scaled", lambda xp, a: a * 3.0, 3.0)
    numpys, _ = own("numpys", lambda xp, a: np.float64(2.0) * a, lambda xp, out, a: np.float64(2.0))
    w = [Value(2.0), Value(5.0)]

    def loss() -> Value:
        a, b = w
        total: Value = second(a, b) * seven(a) + scaled(a) * numpys(b)
        return total

    with on_tape():
        program = compile(loss, w)
        found = program()
    total = loss()
    total.backward()
    assert [found, *program.gradients.tolist()] == [total.data, *[x.grad for x in w]]


def test_what_a_rule_stops_gets_no_derivative() -> None:
    """Before the rule is run, nobody sees that it is always 0."""
    stopped, _ = own("stopped", lambda xp, a, b: a * b, lambda xp, out, a, b: 0.0, 1.0)
    w = [Value(800.0), Value(5.0)]  # e^800 is inf, and 0 times that nan

    def loss() -> Value:
        a, b = w
        inner = a.exp()
        total: Value = stopped(inner * inner, b) + b * b
        return total

    with on_tape():
        program = compile(loss, w)
        program()
    assert program.gradients.tolist() == [0.0, 11.0]


@pytest.mark.parametrize("n", [3, 50, 51, 102])
def test_a_sum_of_negative_zeros_is_zero(n: int) -> None:
    w = [Value(-0.0) for _ in range(n)]
    with on_tape():
        found = compile(lambda: 1.0 / F.sum(w), w)()
    assert found == (1.0 / F.sum(w)).data == inf


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (lambda xp, a: max(0.0, a), "xp.where"),
        (lambda xp, a: float(a), "xp.where"),
        (lambda xp, a: np.exp(a), "xp.exp"),
        (lambda xp, a: np.array([1.0]) * a, "called np.multiply"),
    ],
)
def test_a_rule_that_cannot_be_written_down_is_refused(
    forward: Callable[..., Any], message: str
) -> None:
    op = Op(name="refused", forward=forward, partials=(1.0,))
    with pytest.raises(TracingError, match=message):
        derive(op, 1, differentiate=False)


def test_a_function_that_there_is_not() -> None:
    op = Op(name="refused", forward=lambda xp, a: xp.bessel(a), partials=(1.0,))
    with pytest.raises(AttributeError, match="xp has no function 'bessel'; it has absolute"):
        derive(op, 1, differentiate=False)


def test_equal_operations_are_one() -> None:
    def forward(xp: Any, a: Any) -> Any:
        return xp.exp(a) + xp.exp(a) * 0.0 + xp.exp(a) * -0.0

    def partial(xp: Any, out: Any, a: Any) -> Any:
        return xp.exp(a)

    op = Op(name="twice", forward=forward, partials=(partial,))
    names = [operation.name for operation in derive(op, 1, differentiate=True).operations]
    assert names == ["exp", "multiply", "add", "multiply", "add"]
