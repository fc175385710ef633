"""The gradient checker: it accepts right rules, and it rejects every wrong one."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from math import exp, inf, nan
from typing import Any, Final

import numpy as np
import pytest

from tinygrad_mlp import functional
from tinygrad_mlp.derivatives import GradientReport, check_gradients, grad
from tinygrad_mlp.engine import Value, apply, as_value
from tinygrad_mlp.errors import GradientCheckError, InvalidArgumentError, NotANumberError
from tinygrad_mlp.ops import OPS, Op, declare


def inner_point(op: Op) -> list[float]:
    """A point in the middle third of the op's domain, away from its kinks."""
    n_inputs = op.arity or 5
    intervals = op.reference.domain * n_inputs if op.variadic else op.reference.domain
    shares = np.random.default_rng(3).uniform(0.55, 0.65, n_inputs)
    return [low + share * (high - low) for (low, high), share in zip(intervals, shares)]


# Right rules


@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_accepts_every_op(op: Op) -> None:
    report = check_op(op, inner_point(op))
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
        step = 1e-5 * scale
        check_gradients(lambda a, scale=scale: (a / scale).sin() * scale, [scale], step=step)


@pytest.mark.parametrize(
    ("function", "point"),
    [
        (lambda a: (a * 1000.0).sin(), 0.3),
        (lambda a: (a * 1e7).sin(), 0.3),
        (lambda a: 1.0 / a, 1e-4),
        (lambda a: a.log(), 1e-6),
        (lambda a: a.log(), 1e-12),
        (lambda a: a.sqrt(), 1e-6),
        (lambda a: a.relu(), 1e-9),
        (lambda a: a.log(), 1e-200),
        (lambda a: a.log(), 1e-290),
    ],
)
def test_accepts_a_function_that_bends_or_ends_nearby(
    function: Callable[[Value], Value], point: float
) -> None:
    report = check_gradients(function, [point])
    if point > 1e-100:  # nearer to 0 no difference settles, and complex step alone decides
        assert report.central_differences == pytest.approx(report.gradient, rel=1e-6)
    if report.complex_step is not None:
        assert report.complex_step == pytest.approx(report.gradient, rel=1e-12)


def test_takes_numbers_of_every_kind() -> None:
    report = check_gradients(lambda a, b, c: a * b * c, [2, np.float32(0.5), np.int64(3)])
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


@pytest.mark.parametrize("point", [1e-12, 1e-6, 3.0])
def test_rejects_a_wrong_rule_where_the_function_bends_nearby(point: float, wrong_op: Op) -> None:
    with pytest.raises(GradientCheckError, match="central differences give"):
        check_gradients(lambda a: apply(wrong_op, a).log(), [point])


def test_rejects_a_function_that_hides_a_part_of_itself() -> None:
    """Complex step sees the graph alone, and the graph is as wrong as the derivative."""
    with pytest.raises(GradientCheckError, match="central differences give"):
        check_gradients(lambda a: (a * 1000.0).sin() * a.data, [0.3])


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


BROKEN: Final = dict(broken_ops(1.0001))


@pytest.mark.parametrize("name", BROKEN)
def test_rejects_every_rule_that_is_off_by_a_ten_thousandth(name: str) -> None:
    broken, right = BROKEN[name], OPS[name.partition("-")[0]]
    rejections = 0
    for point in points_of_every_piece(right):
        check_op(right, point)
        try:
            check_op(broken, point)
        except GradientCheckError:
            rejections += 1
    assert rejections


def test_every_rule_that_is_not_zero_was_broken() -> None:
    without_any = set(OPS) - {name.partition("-")[0] for name in BROKEN}
    comparisons = {"less", "less_equal", "greater", "greater_equal", "equal"}
    assert without_any == comparisons | {"sign", "round", "floor_divide"}


def points_of_every_piece(op: Op) -> Iterator[list[float]]:
    """Random points: of a piecewise function, the broken rule may be 0 on one piece."""
    n_inputs = op.arity or 5
    low, high = np.array(op.reference.domain * n_inputs if op.variadic else op.reference.domain).T
    yield from np.random.default_rng(0).uniform(low, high, (8, n_inputs)).tolist()
    if op.name == "where":
        yield [0.0, 2.0, 3.0]
    if op.name == "amax":  # each input the largest once
        yield from (np.eye(n_inputs) + 0.1 * np.arange(n_inputs)).tolist()


def check_op(op: Op, point: list[float]) -> GradientReport:
    if op.name == "pow_number":
        return check_gradients(lambda a: apply(op, a, as_value(point[1])), point[:1])
    return check_gradients(lambda *inputs: apply(op, *inputs), point)


# What it says


def test_rejects_a_kink_and_says_so() -> None:
    with pytest.raises(GradientCheckError, match=r"argument 0 at \(0\.0,\).*\n?.*lies at a kink"):
        check_gradients(lambda a: a.relu(), [0.0])


def test_rejects_an_edge_of_the_domain() -> None:
    with pytest.raises(
        GradientCheckError, match=r"derivative is inf, central differences give nan"
    ):
        check_gradients(lambda a: a.sqrt(), [0.0])


@pytest.mark.parametrize("point", [-1.0, 0.0, nan])
def test_wants_a_point_at_which_the_function_is_finite(point: float) -> None:
    with pytest.raises(InvalidArgumentError, match=r"give a point at which it is finite"):
        check_gradients(lambda a: a.log(), [point])


@pytest.mark.parametrize("step", [0.0, -1e-6, nan, "a"])
def test_wants_a_positive_step(step: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"step is .*, but a number > 0 is needed"):
        check_gradients(lambda a: a * a, [1.0], step=step)


def test_wants_a_step_that_changes_the_point() -> None:
    with pytest.raises(InvalidArgumentError, match=r"step 1e-30 changes nothing at 1\.0; try step"):
        check_gradients(lambda a: a * a, [1.0], step=1e-30)


def test_wants_one_value_and_numbers() -> None:
    with pytest.raises(InvalidArgumentError, match=r"check_gradients\(function, \[1\.0\]\)"):
        check_gradients(lambda a: a, 1.0)  # type: ignore[arg-type]
    with pytest.raises(NotANumberError):
        check_gradients(lambda a: [a], [1.0])  # type: ignore[arg-type, return-value]
    with pytest.raises(NotANumberError):
        check_gradients(lambda a: a, ["1"])  # type: ignore[list-item]


def test_step_and_tolerances_can_be_chosen() -> None:
    coarse = check_gradients(lambda a: a.exp(), [1.0], step=0.01, relative=1e-4)
    error = coarse.central_differences[0] - exp(1.0)
    assert error == pytest.approx(0.01**2 / 6.0 * exp(1.0), rel=1e-4)  # h^2 / 6 f'''(x)
    with pytest.raises(GradientCheckError, match="may differ by"):
        check_gradients(lambda a: a.exp(), [1.0], step=0.01)
    check_gradients(lambda a: a.exp(), [1.0], step=0.01, absolute=1e-3)


@pytest.mark.parametrize("x", [0.5, -0.5, 1.0, 8.0, -8.0])
def test_the_step_is_the_cube_root_of_the_machine_epsilon_for_the_size_of_the_point(
    x: float,
) -> None:
    seen: list[float] = []

    def square(a: Value) -> Value:
        seen.append(a.data)
        return a * a

    report = check_gradients(square, [x])
    h = 2.0 ** (-52 / 3) * max(1.0, abs(x))
    assert seen == pytest.approx([x, x + h, x - h], rel=1e-15)
    assert report.largest_difference < 1e-9
    del seen[:]
    check_gradients(square, [x], step=0.25)
    assert seen == [x, x + 0.25, x - 0.25]


def hidden(slope: float, engine: float = 0.0, base: float = 0.0) -> Callable[[Value], Value]:
    """A function whose graph has the derivative ``engine``, but which is steeper by ``slope``.

    The relu keeps complex step away.
    """
    return lambda a: a.relu() * engine + (base + a.data * slope)


@pytest.mark.parametrize(
    ("let_pass", "refused"),
    [
        # a part of the larger one, 1e-6, for either sign
        (hidden(0.97e-3, 1e3), hidden(1.03e-3, 1e3)),
        (hidden(-0.97e-3, 1e3), hidden(-1.03e-3, 1e3)),
        (hidden(0.97e-3, -1e3), hidden(-1.03e-3, -1e3)),
        # beyond that 1e-8
        (hidden(0.97e-8), hidden(1.03e-8)),
        (hidden(-0.97e-8), hidden(-1.03e-8)),
        # and what rounding may do to a difference of large numbers: 8 * 2.2e-16 * 1e6 / 6.1e-6
        (hidden(2.7e-4, base=1e6), hidden(3.2e-4, base=1e6)),
        (hidden(2.7e-4, base=-1e6), hidden(3.2e-4, base=-1e6)),
    ],
)
def test_so_far_may_the_engine_be_from_central_differences(
    let_pass: Callable[[Value], Value], refused: Callable[[Value], Value]
) -> None:
    check_gradients(let_pass, [1.0])
    with pytest.raises(GradientCheckError, match="central differences give"):
        check_gradients(refused, [1.0])


def test_the_differences_that_are_let_pass_can_be_chosen() -> None:
    check_gradients(hidden(0.9, 100.0), [1.0], relative=0.01, absolute=0.0)
    check_gradients(hidden(0.9, 100.0), [1.0], relative=0.0, absolute=1.0)
    for relative, absolute, bound in ((0.001, 0.0, "0.1"), (0.0, 0.5, "0.5"), (0.001, 0.2, "0.3")):
        with pytest.raises(GradientCheckError, match=f"they may differ by {bound}"):
            check_gradients(hidden(0.9, 100.0), [1.0], relative=relative, absolute=absolute)


def test_the_largest_difference_is_a_part_of_the_larger_number_or_of_1() -> None:
    def largest(engine: list[float], central: list[float]) -> float:
        point = (0.0,) * len(engine)
        return GradientReport(point, tuple(engine), tuple(central), None).largest_difference

    assert largest([], []) == 0.0
    assert largest([0.25], [0.75]) == largest([-0.25], [0.25]) == 0.5
    assert largest([4.0], [5.0]) == largest([-5.0], [-4.0]) == 0.2
    assert largest([1.0, 4.0, 2.0], [1.0, 5.0, 2.1]) == 0.2


def test_the_report_prints_as_a_table() -> None:
    report = GradientReport((1.0, -2.0), (0.5, inf), (0.5, 1.0), (0.5, 1.0))
    lines = str(report).splitlines()
    assert len({len(line) for line in lines[:3]}) == 1
    assert re.split("  +", lines[0])[2:] == ["engine", "central diff.", "complex step"]
    assert lines[1].split() == ["0", "1", "0.5", "0.5", "0.5"]
    assert lines[2].split() == ["1", "-2", "inf", "1", "1"]
    without = GradientReport((1.0,), (0.5,), (0.6,), None)
    assert str(without).splitlines()[1].split() == ["0", "1", "0.5", "0.6", "-"]
    assert without.largest_difference == pytest.approx(0.1)
