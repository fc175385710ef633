"""The gradient checker: it accepts right rules, and it rejects every wrong one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from math import exp, inf, nan
from typing import Any, Final

import numpy as np
import pytest

from tinygrad_mlp import functional, ops
from tinygrad_mlp.derivatives import GradientReport, check_gradients, grad
from tinygrad_mlp.engine import Value, apply, as_value
from tinygrad_mlp.errors import GradientCheckError, InvalidArgumentError, NotANumberError
from tinygrad_mlp.ops import OPS, Op, declare


def inner_point(op: Op) -> list[float]:
    """A point in the middle third of the op's domain, away from its kinks."""
    n_inputs = op.arity or 5
    intervals = op.domain * n_inputs if op.variadic else op.domain
    shares = np.random.default_rng(3).uniform(0.55, 0.65, n_inputs)
    return [low + share * (high - low) for (low, high), share in zip(intervals, shares)]


# Right rules


@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_accepts_every_op(op: Op) -> None:
    point = inner_point(op)
    if op is ops.POW_NUMBER:
        report = check_gradients(lambda a: a ** point[1], point[:1])
    elif op is ops.EQUAL:
        report = check_gradients(lambda a, b: apply(op, a, b), [1.0, 2.0])  # a jump at a = b
    else:
        report = check_gradients(lambda *inputs: apply(op, *inputs), point)
    assert (report.complex_step is not None) == op.analytic
    assert report.largest_difference < 1e-8


def test_accepts_a_network() -> None:
    def loss(*parameters: Value) -> Value:
        hidden = [
            functional.tanh(
                functional.dot(parameters[3 * i : 3 * i + 2], [0.4, -1.2], parameters[i])
            )
            for i in range(3)
        ]
        return functional.logsumexp([*hidden, parameters[-1]]) - hidden[0] * 0.5

    check_gradients(loss, np.random.default_rng(0).normal(size=10).tolist())


def test_accepts_a_function_that_differentiates() -> None:
    def slope(a: Value, b: Value) -> Value:
        (by_a,) = grad((a * b).tanh() * a, [a], create_graph=True)
        return by_a

    report = check_gradients(slope, [0.4, -0.7])
    assert report.complex_step is not None


def test_accepts_a_constant_and_no_arguments() -> None:
    assert check_gradients(lambda a: as_value(2.0), [1.0]).gradient == (0.0,)
    assert check_gradients(lambda: Value(2.0), []).gradient == ()


def test_accepts_large_and_small_functions() -> None:
    for scale in (1e-9, 1e9):
        check_gradients(lambda a, scale=scale: (a.exp() * scale + a) ** 2, [0.3])
        check_gradients(lambda a, scale=scale: (a / scale).sin() * scale, [0.3 * scale])


def test_takes_numbers_of_every_kind() -> None:
    report = check_gradients(lambda a, b, c: a * b * c, [2, np.float32(0.5), np.array(3.0)])
    assert report.point == (2.0, 0.5, 3.0)
    assert report.gradient == (1.5, 6.0, 1.0)


def test_complex_step_is_exact_to_the_last_digits() -> None:
    report = check_gradients(lambda a: (a.sin() * a).exp(), [0.8])
    assert report.complex_step == pytest.approx(report.gradient, rel=1e-14)
    assert report.central_differences == pytest.approx(report.gradient, rel=1e-8)


def test_complex_step_is_left_out_beyond_a_branch_cut() -> None:
    """(-2)^150 is a real number, but NumPy computes it by a complex logarithm."""
    report = check_gradients(lambda a: a**150 * 1e-45, [-2.0])
    assert report.complex_step is None
    assert check_gradients(lambda a: a**15, [-2.0]).complex_step is not None


# Wrong rules


def double_forward(xp: Any, x: Any) -> Any:
    return x + x


def double_partial_slightly_wrong(xp: Any, out: Any, x: Any) -> Any:
    return 2.00001


@pytest.fixture
def wrong_op() -> Iterator[Op]:
    """An op in the table whose derivative is off by 5 in a million."""
    wrong = declare(
        Op(
            name="double",
            forward=double_forward,
            partials=(double_partial_slightly_wrong,),
            symbol="2x",
            formula="2 x",
            partial_formulas=("2",),
            torch="add",
        )
    )
    yield wrong
    del OPS[wrong.name]


def test_rejects_a_declared_op_with_a_wrong_rule(wrong_op: Op) -> None:
    with pytest.raises(GradientCheckError) as caught:
        check_gradients(lambda a, b: a * apply(wrong_op, b), [2.0, 3.0])
    message = str(caught.value)
    assert message.startswith(
        "argument 1 at (2.0, 3.0): the engine's derivative is 4.00002, central"
    )
    assert "largest difference: 5e-06" in message
    assert isinstance(caught.value, AssertionError)


Rule = Callable[..., Any]


def scaled(rule: Rule | float, factor: float) -> Rule:
    def scaled_rule(*arguments: Any) -> Any:
        return factor * (rule if isinstance(rule, float) else rule(*arguments))

    return scaled_rule


def scaled_joint_rule(rule: Rule, position: int, factor: float) -> Rule:
    def scaled_rule(*arguments: Any) -> tuple[Any, ...]:
        partials = list(rule(*arguments))
        partials[position] = factor * partials[position]
        return tuple(partials)

    return scaled_rule


def broken_ops(factor: float) -> Iterator[tuple[str, Op]]:
    """Every op of the table with one of its rules scaled, as often as it has rules."""
    for op in OPS.values():
        if op.joint_partials is not None:
            for position in range(5):
                joint = scaled_joint_rule(op.joint_partials, position, factor)
                yield f"{op.name}-{position}", dataclasses.replace(op, joint_partials=joint)
        for position, rule in enumerate(op.partials):
            if rule != 0.0:
                broken = list(op.partials)
                broken[position] = scaled(rule, factor)
                yield f"{op.name}-{position}", dataclasses.replace(op, partials=tuple(broken))


ZERO_HERE: Final = {"leaky_relu-1", "elu-1", "clamp-1", "clamp-2", "minimum-1", "where-2"}
BROKEN: Final = dict(broken_ops(1.0001))


@pytest.mark.parametrize("name", BROKEN)
def test_rejects_every_rule_that_is_off_by_a_ten_thousandth(name: str) -> None:
    op = BROKEN[name]
    rejected = 0
    for point in points_on_both_sides(op):
        try:
            check_gradients(lambda *inputs: apply(op, *inputs), point)
        except GradientCheckError:
            rejected += 1
    assert rejected


def points_on_both_sides(op: Op) -> Iterator[list[float]]:
    """Points of every piece of a piecewise function: the rule that is broken may be 0 on one."""
    rng = np.random.default_rng(0)
    n_inputs = op.arity or 5
    intervals = op.domain * n_inputs if op.variadic else op.domain
    low, high = np.array(intervals).T
    yield from rng.uniform(low, high, (6, n_inputs)).tolist()
    if op.name == "where":
        yield [0.0, 2.0, 3.0]
