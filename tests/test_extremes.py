"""Every operation far out, at the smallest numbers, at inf and nan: eager, compiled and torch.

At each point the value, the first and the second derivatives are compared. What differs from torch
on purpose stands in one table with its reason; the README names it too.
"""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Iterator, Sequence
from decimal import Decimal
from math import factorial, inf, isfinite, isinf, isnan, nan
from typing import Any, Final

import numpy as np
import pytest
import torch

from tests.back_ends import BACK_ENDS, BackEnd, forced
from tests.running import run_python
from tests.source_files import ROOT
from tests.test_ops import PLAIN_NUMBERS, each_op, second_derivatives, values_at
from tests.torch_reference import (
    Floats,
    reference_partials,
    reference_second_derivatives,
    reference_values,
)
from tinygrad_mlp import Value, compile, functional, ops
from tinygrad_mlp.debug import chain, detect_anomaly, trace_backward
from tinygrad_mlp.derivatives import grad, hessian
from tinygrad_mlp.engine import apply, as_value
from tinygrad_mlp.ops import OPS, Op

EXTREMES: Final = (
    *(0.0, -0.0, 5e-324, -5e-324, 1e-200, 1e200, -1e200, 1e308, -1e308, inf, -inf, nan),
    *(1.0, -2.0, 0.5, 30.0, -800.0),
)
FEW_EXTREMES: Final = (0.0, 5e-324, 1e200, -1e308, inf, -inf, nan, 1.0)
"""For each input of an op with three of them."""


def extreme_points(op: Op) -> Floats:
    n_inputs = 3 if op.name == "dot" else op.arity or 2
    numbers = EXTREMES if n_inputs < 3 else FEW_EXTREMES
    return np.array(list(itertools.product(numbers, repeat=n_inputs)))


def differ(ours: float, theirs: float) -> bool:
    if isnan(ours) or isnan(theirs) or isinf(ours) or isinf(theirs):
        return not (ours == theirs or (isnan(ours) and isnan(theirs)))
    return abs(ours - theirs) > 1e-12 * max(abs(ours), abs(theirs))


def is_argued(op: str, order: int, point: Sequence[float]) -> bool:
    """Whether torch has another value (order 0) or derivative (1, 2) at a point, and why."""
    x, y = point[0], point[-1]
    match op:
        case "pow_number":  # torch takes the square root of -inf and of -0, and C's pow does not
            return order < 2 and abs(y) == 0.5 and x in (-inf, 0.0)
        case "pow":  # what 0^y is by y, and 1/x where y is 0; or 1/x overflows in log'(x)
            return order == 2 and (abs(x) < 1e-308 or y == 0.0)
        case "log1p":  # torch takes the smallest numbers for 0
            return order == 0 and abs(x) == 5e-324
        case "log10":  # torch's x log(10) overflows
            return order > 0 and abs(x) == 1e308
        case "mod":  # torch has a - b floor(a / b), whose quotient overflows; fmod is exact
            return order == 0 and isfinite(x) and y != 0.0 and isinf(x / y)
        case "erfc":  # x exp(-x^2) is 0 far out; torch has inf * 0
            return order == 2 and abs(x) == 1e308
        case "leaky_relu":  # at 0 the derivative is the slope, whose derivative is 1; torch has 0
            return order == 2 and x == 0.0
        case "elu":  # the reference adds alpha - alpha, which is nan, and torch masks the branch
            return isinf(y) or isnan(y) or (order == 2 and isnan(x))
        case "logsumexp":
            # softmax' is 0 beside an infinite input; torch has inf - inf. p (1 - p) of a p near 1
            # has the rounding of p. And torch's exp(x - out) has the rounding of a large out:
            # at (1e200, 1e200) its two derivatives are 1 and 1.
            near_1 = order == 2 and (inf in point or 25.0 < abs(x - y) < 40.0)
            return near_1 or (order > 0 and abs(max(point)) >= 1e200)
        case "weighted":  # 0 of an infinite number, or of nan, is 0
            return order == 0 and x == 0.0
        case "binary_cross_entropy":
            # Torch adds (1 - b) a to -a: nothing is left of a small b, and nan of an infinite a.
            # Its p - 1 and p (1 - p) of a p near 1 have the rounding of p.
            lost = order == 0 and (x == -inf or x < 0.0 < abs(y) < 1e-16)
            return lost or (order > 0 and x == 30.0)
    return False


@each_op
def test_eager_is_what_torch_has(op: Op) -> None:
    points = extreme_points(op)
    nodes = [apply(op, *values_at(op, point)) for point in points]
    theirs: list[Any] = [
        reference_values(op, points)[:, None],
        reference_partials(op, points),
        reference_second_derivatives(op, points).reshape(len(points), -1),
    ]
    for point, node, *expected in zip(points, nodes, *theirs):
        second = np.ravel(second_derivatives(op, point)).tolist()
        for order, numbers in enumerate(([node.data], node.partials, second)):
            if not is_argued(op.name, order, point.tolist()):
                wrong = [pair for pair in zip(numbers, expected[order]) if differ(*pair)]
                assert not wrong, (point.tolist(), order, wrong)


@each_op
@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_compiled_is_what_eager_has(op: Op, back_end: BackEnd) -> None:
    points = extreme_points(op)
    if op.name == "pow_number":
        points = points[np.isin(points[:, 1], (0.0, 0.5, 1.0, -2.0, 30.0, inf, nan))]
    for rows in groups_of_one_program(op, points):
        programs = programs_of(op, rows[0], back_end)
        free = [i for i in range(rows.shape[1]) if (op.name, i) not in PLAIN_NUMBERS]
        for point in rows:
            node, second = apply(op, *values_at(op, point)), second_derivatives(op, point)
            expected = [[node.data], [node.partials[i] for i in free]]
            expected += [[second[i][j] for j in free] for i in free]
            for program in programs:
                program.parameters = point[free]
            value = programs[0]()
            actual: list[list[float]] = [[value], programs[0].gradients.tolist()]
            for program in programs[1:]:
                program()
                actual.append(program.gradients.tolist())
            if op.name in ("pow", "pow_number") and point[0] == -inf and abs(point[1]) == 0.5:
                continue  # NumPy takes the square root, as torch does
            if op.name == "logsumexp" and inf in point:
                del actual[1:], expected[1:]  # nan beside an infinite input, where eager has some 0
            pairs = zip(itertools.chain(*actual), itertools.chain(*expected), strict=True)
            wrong = [pair for pair in pairs if differ(*pair)]
            assert not wrong, (point.tolist(), wrong)


def groups_of_one_program(op: Op, points: Floats) -> Iterator[Floats]:
    """The points for which one program does: those with the same plain numbers."""
    plain = [i for i in range(points.shape[1]) if (op.name, i) in PLAIN_NUMBERS]
    keys = [repr(point[plain].tolist()) for point in points]
    for key in dict.fromkeys(keys):
        yield points[[other == key for other in keys]]


def programs_of(op: Op, point: Floats, back_end: BackEnd) -> list[Any]:
    """The op, and its derivative by each input, compiled with the inputs as parameters."""
    inputs = values_at(op, point)
    free = [x for i, x in enumerate(inputs) if (op.name, i) not in PLAIN_NUMBERS]

    def node() -> Value:
        rebuilt = [x if x in free else as_value(float(n)) for x, n in zip(inputs, point)]
        return apply(op, *rebuilt)

    def derivative(place: int) -> Any:
        return lambda: grad(node(), free, create_graph=True)[place]

    with forced(back_end):
        programs = [compile(node, free), *(compile(derivative(i), free) for i in range(len(free)))]
        for program in programs:
            program()  # recorded while the back end is chosen
    return programs


@pytest.mark.parametrize("per_sample", [False, True])
def test_gelu_of_a_huge_number_is_that_number(per_sample: bool) -> None:
    program = compile(functional.gelu, per_sample=per_sample)
    expected = torch.nn.functional.gelu(torch.tensor(1e308, dtype=torch.float64)).item()
    assert np.ravel(program([1e308] if per_sample else 1e308)).tolist() == [expected] == [1e308]


# Powers at 0


def limit_of_second_derivatives(y: float) -> list[list[float]]:
    """Of x^y for x from above to 0, from the formulas of calculus at x = 10^-60."""
    x, exponent = Decimal("1e-60"), Decimal(y)
    by_x = exponent * (exponent - 1) * x ** (exponent - 2)
    mixed = x ** (exponent - 1) * (1 + exponent * x.ln())
    by_y = x**exponent * x.ln() ** 2
    limits = [[by_x, mixed], [mixed, by_y]]
    return [[inf if z > 10**20 else round(float(z), 10) for z in row] for row in limits]


@pytest.mark.parametrize("y", [1.5, 2.0, 2.5, 3.0, 10.0])
def test_second_derivatives_of_a_power_at_0(y: float) -> None:
    x, exponent = Value(0.0), Value(y)
    expected = limit_of_second_derivatives(y)
    assert hessian(x**exponent, [x, exponent]).tolist() == expected
    assert hessian(x**y, [x]).tolist() == [expected[0][:1]]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_derivatives_of_a_power_by_both_in_either_order(n: int) -> None:
    """n times by x and once by y at y = n - 1, where y (y - 1) ... (y - n + 1) is 0: (n - 1)! / x.

    torch 2.13 takes that factor for a constant where y is the last to be differentiated by.
    """
    x, y = Value(2.0), Value(n - 1.0)
    first, last = x**y, x**y
    (first,) = grad(first, [y], create_graph=True)
    for _ in range(n):
        (first,) = grad(first, [x], create_graph=True)
        (last,) = grad(last, [x], create_graph=True)
    (last,) = grad(last, [y], create_graph=True)
    assert (first.data, last.data) == (factorial(n - 1) / 2.0,) * 2


@pytest.mark.parametrize("y", [0.25, 1.0, 1.5, 2.0, 7.0])
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_0_to_any_power_is_flat_however_often_differentiated(zero: float, y: float) -> None:
    exponent = Value(y)
    derivative = zero**exponent
    for _ in range(3):
        (derivative,) = grad(derivative, [exponent], create_graph=True)
        assert derivative.data == 0.0
    base = Value(zero)
    assert hessian(base**exponent, [exponent]).tolist() == [[0.0]]


@pytest.mark.parametrize("x", [0.25, 1.0, 3.0])
def test_second_derivatives_of_a_power_where_the_exponent_is_0(x: float) -> None:
    base, exponent = Value(x), Value(0.0)
    expected = [[0.0, 1.0 / x], [1.0 / x, float(Decimal(x).ln()) ** 2]]
    np.testing.assert_allclose(hessian(base**exponent, [base, exponent]), expected, rtol=1e-14)


# Inputs that nothing flows to


def where_of_a_root(x: Value, a: Value, b: Value) -> Value:
    return functional.where(x.sqrt(), a * a, b * b * b)


def where_of_a_root_used_twice(x: Value, a: Value, b: Value) -> Value:
    root = (x + 4.0).sqrt() + x
    return functional.where((root - 2.0).sqrt(), a * a, b * b * b) + root * b


def less_than_a_root(x: Value, a: Value, b: Value) -> Value:
    return functional.where(apply(ops.LESS, x.sqrt(), a), a * a, b) + apply(ops.EQUAL, x.sqrt(), b)


GATED: Final = [where_of_a_root, where_of_a_root_used_twice, less_than_a_root]


def in_torch(function: Any) -> list[float]:
    """The gradients at x = 0, a = 2, b = 3, with the conditions as torch takes them."""
    x, a, b = (torch.tensor(n, dtype=torch.float64, requires_grad=True) for n in (0.0, 2.0, 3.0))
    root = (x + 4.0).sqrt() + x
    outputs = {
        where_of_a_root: torch.where(x.sqrt().bool(), a * a, b * b * b),
        where_of_a_root_used_twice: torch.where((root - 2.0).sqrt().bool(), a * a, b * b * b)
        + root * b,
        less_than_a_root: torch.where(x.sqrt() < a, a * a, b) + (x.sqrt() == b),
    }
    gradients = torch.autograd.grad(outputs[function], [x, a, b], materialize_grads=True)
    return [gradient.item() for gradient in gradients]


@pytest.mark.parametrize("function", GATED)
def test_nothing_flows_to_what_only_decides(function: Any) -> None:
    expected = in_torch(function)
    leaves = [Value(x) for x in (0.0, 2.0, 3.0)]
    out = function(*leaves)
    out.backward()
    assert [leaf.grad for leaf in leaves] == expected
    assert grad(out, leaves) == expected
    assert [x.data for x in grad(out, leaves, create_graph=True)] == expected
    trace_backward(out)
    assert [leaf.grad for leaf in leaves] == expected
    assert [chain(out, leaf).total for leaf in leaves] == expected
    with detect_anomaly():
        out.backward()
        assert grad(out, leaves) == expected
    assert np.isfinite(hessian(out, leaves)).all()


@pytest.mark.parametrize("function", GATED)
@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_nothing_flows_there_compiled(function: Any, back_end: BackEnd) -> None:
    leaves = [Value(x) for x in (0.0, 2.0, 3.0)]
    with forced(back_end):
        program = compile(lambda: function(*leaves), leaves)
        program()
    assert program.gradients.tolist() == in_torch(function)


def test_an_infinite_gradient_leaves_a_condition_alone() -> None:
    condition, root = Value(1.0), Value(4.0).sqrt()
    x = Value(0.0)
    (functional.where(condition, x, 1.0) * functional.where(root, x, 1.0)).sqrt().backward()
    assert (condition.grad, root.grad) == (0.0, 0.0)
    assert isnan(x.grad)  # inf * 0 elsewhere is what it was


def test_the_condition_stays_in_the_graph() -> None:
    root = Value(4.0).sqrt()
    out = functional.where(root, 1.0, 2.0)
    root.grad = 5.0  # of an earlier pass
    out.backward()
    assert out.parents[0] is root
    assert root.grad == 0.0


def test_nothing_flows_in_a_graph_that_was_stored() -> None:
    """A new process has made no comparison yet, so what is loaded has to tell of one."""
    x = Value(0.0)
    out = pickle.dumps(apply(ops.LESS, x.sqrt(), Value(1.0)) * 2.0 + x)
    code = f"import pickle; out = pickle.loads({out!r}); out.backward(); print(out.parents[1].grad)"
    assert run_python("-W", "error", "-c", code, folder=ROOT) == "1.0\n"


def test_the_closed_inputs_are_those_of_conditions_comparisons_and_rounding() -> None:
    closed = {name: op.closed for name, op in OPS.items() if op.closed}
    comparisons = dict.fromkeys(["less", "less_equal", "greater", "greater_equal", "equal"], (0, 1))
    rounding = {"sign": (0,), "round": (0,), "floor_divide": (0, 1)}
    assert closed == {"where": (0,), **comparisons, **rounding}
