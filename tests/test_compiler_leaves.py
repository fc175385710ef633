"""What a leaf means in a compiled program: read again, constant, random, assigned to, detached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.back_ends import BACK_ENDS, BackEnd, forced
from tinygrad_mlp import functional as F
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.engine import Value, as_value, assign, no_grad
from tinygrad_mlp.functional import uniform

Row = list[Value]


@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_earlier_leaves_are_read_again_and_new_ones_are_constants(back_end: BackEnd) -> None:
    w, earlier = Value(3.0), Value(5.0)
    with forced(back_end):
        program = compile(lambda x: w * x + earlier * Value(2.0), [w])
        assert program(1.0) == 13.0
    earlier.data = 7.0
    assert program(1.0) == 17.0
    assert earlier.has_grad is False


@pytest.mark.parametrize("back_end", BACK_ENDS)
@pytest.mark.parametrize("mapped", [False, True], ids=["whole batch", "per sample"])
def test_random_leaves_are_drawn_anew_as_the_eager_engine_draws_them(
    back_end: BackEnd, mapped: bool
) -> None:
    w = [Value(3.0), Value(-1.0)]
    X = np.arange(8.0).reshape(4, 2)

    def dropout(x: Row, rng: np.random.Generator) -> Value:
        kept = [F.where(uniform(rng) < 0.5, 2.0 * a, 0.0) for a in x]
        return F.dot(w, kept)

    ours, theirs = np.random.default_rng(3), np.random.default_rng(3)
    with forced("arrays" if mapped else back_end):
        if mapped:
            program = compile(lambda x: dropout(x, ours), w, per_sample=True)
        else:
            program = compile(lambda X: F.mean([dropout(x, ours) for x in X]), w)
        losses = [program(X) for _ in range(4)]
    assert losses == [F.mean([dropout(x, theirs) for x in X.tolist()]).data for _ in range(4)]
    assert len(set(losses)) > 1


def test_several_generators_are_drawn_from_in_the_order_of_the_trace() -> None:
    def noise(rngs: list[np.random.Generator]) -> Value:
        return F.sum([10.0**i * uniform(rng) for i, rng in enumerate([*rngs, rngs[0]])])

    ours, theirs = ([np.random.default_rng(seed) for seed in (1, 2)] for _ in range(2))
    program = compile(lambda x: noise(ours) * x, per_sample=True)
    expected = [noise(theirs).data for _ in range(3)]
    np.testing.assert_allclose(program(np.ones(3)), expected, rtol=1e-15)


@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_assignments_are_carried_out_at_each_call(back_end: BackEnd) -> None:
    w, mean, count = Value(3.0), Value(0.0), Value(0.0)

    def loss(x: Row) -> Value:
        average = F.mean(x)
        assign(mean, 0.5 * mean + 0.5 * w * average)
        assign(count, count + 1.0)
        return w * average

    with forced(back_end):
        program = compile(loss, [w])
        assert program([2.0, 4.0]) == 9.0
    assert (mean.data, count.data) == (4.5, 1.0)
    program([4.0, 8.0])
    assert (mean.data, count.data) == (11.25, 2.0)
    assert program.gradients.tolist() == [6.0]


@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_a_number_that_is_assigned_to_is_no_constant(back_end: BackEnd) -> None:
    w, total, other = Value(3.0), as_value(0.0), as_value(5.0)

    def loss(x: Value) -> Value:
        before = total * other
        assign(total, total + x)
        return w * (total + before)

    with forced(back_end):
        program = compile(loss, [w])
        assert [program(1.0), program(2.0), total.data] == [3.0, 3.0 * (3.0 + 5.0), 3.0]
    assert program.gradients.tolist() == [8.0]


@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_what_is_read_after_an_assignment_is_the_new_number(back_end: BackEnd) -> None:
    def results(first: Value, second: Value, call: Callable[..., Any]) -> list[Any]:
        found = [call(5.0), first.data, second.data]
        return [*found, call(1.0), first.data, second.data]

    def make(w: Value, first: Value, second: Value) -> Callable[..., Value]:
        def function(x: Any) -> Value:
            assign(first, first * 2.0 + w * x)
            assign(second, first)
            assign(first, second + 1.0)
            return w * first + second

        return function

    eager = results(
        first := Value(1.0), second := Value(2.0), lambda x: make(Value(3.0), first, second)(x).data
    )
    w = Value(3.0)
    with forced(back_end):
        program = compile(make(w, first := Value(1.0), second := Value(2.0)), [w])
        assert results(first, second, program) == eager
    assert program.gradients.tolist() == [first.data]  # nothing flows through what was assigned


@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_nothing_flows_through_what_was_computed_without_gradients(back_end: BackEnd) -> None:
    w = [Value(2.0), Value(3.0)]

    def loss(x: Row) -> Value:
        with no_grad():
            frozen = F.sum([a * b for a, b in zip(w, x)])
            alone = w[0] / 1.0
        return F.sum([a * b for a, b in zip(w, x)]) * frozen + alone + frozen

    with forced(back_end):
        program = compile(loss, w)
        assert program([1.0, 10.0]) == 32.0**2 + 2.0 + 32.0
    assert program.gradients.tolist() == [32.0, 320.0]


def test_the_generators_of_a_program_that_is_mapped_over_a_batch() -> None:
    rng, other = np.random.default_rng(0), np.random.default_rng(1)
    program = compile(
        lambda x: x[0] * uniform(rng) + x[1] * uniform(other),
        per_sample=True,
    )
    assert program.generators(np.ones((4, 2))) == [rng, other]
    program(np.ones((4, 2)))
    assert program.generators(np.ones((7, 2))) == [rng, other]
