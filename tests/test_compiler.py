"""What ``compile`` does, case by case: what it accepts, what it leaves behind, what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from math import exp
from typing import Any

import numpy as np
import pytest

from tests.against_torch import assert_close
from tests.back_ends import BACK_ENDS, BackEnd, forced
from tinygrad_mlp import functional as F
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.engine import Value, apply, as_value
from tinygrad_mlp.ops import OPS, Op

Row = list[Value]


# The table


@pytest.mark.parametrize("back_end", BACK_ENDS)
@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_every_operation_lowers_from_its_declaration(op: Op, back_end: BackEnd) -> None:
    points = points_of(op)
    parameters = [Value(0.0) for _ in points[0]]
    for point in points:
        for leaf, number in zip(parameters, point):
            leaf.data = number
            leaf.zero_grad()
        out = 3.0 * apply(op, *parameters)
        out.backward()
        with forced(back_end):
            program = compile(lambda: 3.0 * apply(op, *parameters), parameters)
            np.testing.assert_allclose(program(), out.data, rtol=1e-14)
        expected = [leaf.grad for leaf in parameters]
        np.testing.assert_allclose(program.gradients, expected, rtol=1e-13)


@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_every_operation_is_mapped_over_a_batch(op: Op) -> None:
    points = np.array(points_of(op))
    scales = [Value(1.0) for _ in points[0]]
    program = compile(
        lambda x: apply(op, *[s * a for s, a in zip(scales, x)]), scales, per_sample=True
    )
    rows = [[s * a for s, a in zip(scales, point)] for point in points.tolist()]
    loss = F.mean([apply(op, *row) for row in rows])
    loss.backward()
    assert_close(program(points), loss.data)
    assert_close(program.gradients, [scale.grad for scale in scales])


def points_of(op: Op) -> list[tuple[float, ...]]:
    """Some points of the domain."""
    rng = np.random.default_rng(0)
    domain = op.reference.domain * (4 if op.variadic else 1)
    return [tuple(rng.uniform(low, high) for low, high in domain) for _ in range(3)]


# What a program leaves behind


def test_a_program_leaves_the_gradients_in_one_flat_array() -> None:
    w, b = Value(3.0), Value(0.5)
    program = compile(lambda x, y: (w * x + b - y) ** 2, [w, b])
    assert program(2.0, 6.0) == 0.25
    assert program.gradients.tolist() == [2.0, 1.0]
    assert program.parameters.tolist() == [3.0, 0.5]


def test_write_back_brings_the_values_up_to_date_and_read_parameters_the_program() -> None:
    w = Value(3.0)
    program = compile(lambda x: w * x, [w])
    program(2.0)
    program.parameters -= 0.5 * program.gradients
    assert (w.data, w.grad) == (3.0, 0.0)
    program.write_back()
    assert (w.data, w.grad) == (2.0, 2.0)
    w.data = 10.0
    assert program(1.0) == 2.0
    program.read_parameters()
    assert program(1.0) == 10.0


def test_what_is_assigned_to_parameters_and_gradients_is_what_the_program_works_on() -> None:
    w = Value(3.0)
    program = compile(lambda x: w * x, [w])
    predict = program.prediction(lambda x: w * x)
    program(2.0)
    program.parameters = program.parameters - 0.5 * program.gradients
    program.gradients = 2.0 * program.gradients
    assert (program(2.0), predict(10.0)) == (4.0, 20.0)
    assert program.gradients.tolist() == [2.0]


def test_gradients_are_those_of_the_last_call_and_do_not_add_up() -> None:
    w = Value(3.0)
    program = compile(lambda x: w * x, [w])
    for x in (2.0, 5.0, 2.0):
        program(x)
        assert program.gradients.tolist() == [x]


def test_a_trace_that_uses_fewer_parameters_clears_the_other_gradients() -> None:
    weights = [Value(1.0), Value(2.0), Value(3.0)]
    program = compile(lambda xs: F.dot(weights[: len(xs)], xs), weights)
    expected = {3: [1.0, 1.0, 1.0], 1: [1.0, 0.0, 0.0], 2: [1.0, 1.0, 0.0]}
    for n, gradients in expected.items():
        program(np.ones(n))
        assert program.gradients.tolist() == gradients


def test_what_is_returned_beside_the_loss_is_kept() -> None:
    w = Value(2.0)

    def loss_and_outputs(x: Row, t: Value) -> tuple[Value, list[Row]]:
        outputs = [[w * a, w + a] for a in x]
        return (outputs[0][0] - t) ** 2, outputs

    for mapped, shape in ((False, ()), (True, (3,))):
        program = compile(loss_and_outputs, [w], per_sample=mapped, has_auxiliary=True)
        x, t = np.ones((*shape, 2)), np.zeros(shape)
        assert program(x, t) == 4.0
        expected = np.broadcast_to([[2.0, 3.0], [2.0, 3.0]], (*shape, 2, 2))
        np.testing.assert_array_equal(program.auxiliary, expected)


def test_the_source_is_numpy_text_with_shapes_and_runs_as_it_stands() -> None:
    weights = [[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]]
    program = compile(lambda x: [F.dot(row, x) for row in weights], per_sample=True)
    program(np.ones((5, 2)))
    assert "def run(X0):" in program.source
    assert "# (2, 2)" in program.source
    assert len([line for line in program.source.splitlines() if "dot(" in line]) <= 2


# Arguments and results


def test_arguments_are_nested_lists_in_the_shapes_of_the_arrays() -> None:
    seen: list[Any] = []

    def function(*arguments: Any) -> Value:
        seen.extend(arguments)
        return as_value(0.0)

    compile(function)(1.0, np.ones(2), np.ones((2, 3)), np.ones((1, 2, 3)))
    scalar, row, matrix, cube = seen[:4]
    assert isinstance(scalar, Value)
    assert len(row) == 2
    assert [len(r) for r in matrix] == [3, 3]
    assert [[len(r) for r in m] for m in cube] == [[3, 3]]


@pytest.mark.parametrize("back_end", BACK_ENDS)
@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x * 2.0, 6.0),
        (lambda x: x, 3.0),
        (lambda x: 7.0, 7.0),
        (lambda x: [x, 1.0, x + x, x], [3.0, 1.0, 6.0, 3.0]),
        (lambda x: ([x], [5.0]), [[3.0], [5.0]]),
        (lambda x: [[[x], [-x]]], [[[3.0], [-3.0]]]),
    ],
)
def test_predictions_come_in_the_shape_of_the_result(
    back_end: BackEnd, function: Callable[..., Any], expected: Any
) -> None:
    with forced(back_end):
        assert np.asarray(compile(function)(3.0)).tolist() == expected
    mapped = compile(function, per_sample=True)
    assert mapped(np.array([3.0, 3.0])).tolist() == [expected, expected]


def test_a_prediction_program_reads_the_parameters_of_the_program_it_was_made_from() -> None:
    w = Value(2.0)
    program = compile(lambda x, t: (w * x - t) ** 2, [w], per_sample=True)
    predict = program.prediction(lambda x: [w * x, x])
    program.parameters[:] = 5.0
    assert predict(np.array([1.0, 2.0])).tolist() == [[5.0, 1.0], [10.0, 2.0]]


@pytest.mark.parametrize("mapped", [False, True], ids=["whole batch", "per sample"])
@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_losses_that_are_a_leaf_or_a_constant(back_end: BackEnd, mapped: bool) -> None:
    w, unused, earlier = Value(3.0), Value(4.0), Value(5.0)
    x = np.array([7.0, 7.0]) if mapped else np.array(7.0)
    cases: list[tuple[Any, float, list[float]]] = [
        (lambda x: w, 3.0, [1.0, 0.0]),
        (lambda x: x, 7.0, [0.0, 0.0]),
        (lambda x: earlier, 5.0, [0.0, 0.0]),
        (lambda x: 2.0, 2.0, [0.0, 0.0]),
        (lambda x: F.exp(1.0) * as_value(2.0), 2.0 * exp(1.0), [0.0, 0.0]),
        (lambda x: F.sum([]) + F.dot([], []) + w, 3.0, [1.0, 0.0]),
        (lambda x: w * w * w, 27.0, [27.0, 0.0]),
        (lambda x: F.dot([w, w, unused], [w, w, w]), 30.0, [16.0, 3.0]),
    ]
    with forced("arrays" if mapped else back_end):
        for function, loss, gradients in cases:
            program = compile(function, [w, unused], per_sample=mapped)
            assert program(x) == pytest.approx(loss, rel=1e-15, abs=0.0)
            assert program.gradients.tolist() == gradients


def test_the_sum_over_a_batch_counts_what_is_the_same_for_all_samples_once_each() -> None:
    w, b = Value(3.0), Value(2.0)
    program = compile(lambda x: w * x + b**2, [w, b], per_sample=True, reduction="sum")
    assert program(np.array([1.0, 2.0, 3.0])) == 3.0 * 6.0 + 3 * 4.0
    assert program.gradients.tolist() == [6.0, 12.0]
    constant = compile(lambda x: w * w, [w], per_sample=True, reduction="sum")
    assert constant(np.ones(4)) == 36.0
    assert constant.gradients.tolist() == [24.0]


@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_constant_factors_are_not_multiplied_into_an_overflow(back_end: BackEnd) -> None:
    w = Value(460e-150)

    def loss(x: Row) -> Value:
        return F.sum([1e200 * F.exp(-(1e150 * (w * a))) for a in x])

    eager = loss([Value(1.0), Value(1.001)])
    eager.backward()
    with forced(back_end):
        program = compile(loss, [w])
        np.testing.assert_allclose(program([1.0, 1.001]), eager.data, rtol=1e-12)
    assert np.isfinite(w.grad)
    np.testing.assert_allclose(program.gradients, [w.grad], rtol=1e-12)


@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_zeros_keep_their_sign_as_divisors(back_end: BackEnd) -> None:
    with forced(back_end):
        program = compile(lambda xs: [F.divide(x, zero) for x, zero in zip(xs, (0.0, -0.0))])
        assert program([1.0, 1.0]).tolist() == [np.inf, -np.inf]


def test_gradients_of_truth_values_add_up_as_numbers() -> None:
    weights = [Value(1.0), Value(2.0)]

    def loss(x: Value) -> Value:
        z = [w * x for w in weights]
        return F.sum([F.relu(a) for a in z]) + F.sum([F.maximum(a, 0.0) for a in z])

    program = compile(loss, weights, per_sample=True)
    assert program(np.array([1.0])) == 6.0
    assert program.gradients.tolist() == [2.0, 2.0]


# Caching


def test_one_trace_per_shape_whatever_the_batch_size() -> None:
    w, traced = Value(2.0), []

    def loss(x: Row, t: Value) -> Value:
        traced.append(len(x))
        return (w * F.sum(x) - t) ** 2

    program = compile(loss, [w], per_sample=True)
    for n_samples, n_features in ((4, 3), (1, 3), (4, 3), (4, 2), (7, 2), (4, 3)):
        x, t = np.ones((n_samples, n_features)), np.arange(float(n_samples))
        expected = (2.0 * n_features - t) ** 2
        assert program(x, t) == pytest.approx(expected.mean(), rel=1e-15)
    recorded = list(dict.fromkeys(traced))
    assert recorded == [3, 2]
    assert traced == sorted(traced, reverse=True), "no recording is made twice"


def test_more_batch_sizes_than_a_program_keeps_memory_for() -> None:
    w = Value(2.0)
    program = compile(lambda x: w * x, [w], per_sample=True)
    for n_samples in [*range(1, 41), *range(1, 41)]:
        assert program(np.full(n_samples, 3.0)) == 6.0
        assert program.gradients.tolist() == [3.0]


def test_arrays_of_other_types_and_layouts_are_taken() -> None:
    w = [Value(1.0), Value(10.0), Value(100.0)]
    program = compile(lambda x, t: F.dot(w, x) - t, w, per_sample=True)
    X = np.arange(6).reshape(2, 3)
    expected = float((X @ [1.0, 10.0, 100.0]).mean())
    others: list[Any] = [X.tolist(), X.astype(np.int8), np.asfortranarray(X.astype(float))]
    for array in [X, *others, np.repeat(X, 2, axis=1)[:, ::2], X.astype(np.float32)]:
        assert program(array, np.zeros(2)) == expected
        assert program.gradients.tolist() == X.mean(axis=0).tolist()


def test_inputs_are_not_changed_and_results_stay() -> None:
    w = Value(2.0)
    program = compile(lambda x: [F.exp(w * a) for a in x], per_sample=True)
    x = np.array([[0.0, 1.0], [2.0, 3.0]])
    first = program(x)
    before = first.copy()
    program(x + 1.0)
    np.testing.assert_array_equal(first, before)
    np.testing.assert_array_equal(x, [[0.0, 1.0], [2.0, 3.0]])
