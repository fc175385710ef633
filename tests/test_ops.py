"""Every operation of the table against torch, found through the table, so that none is left out.

The same rule is interpreted four times: on floats (value and local derivatives), on Values (second
derivatives), on NumPy arrays and, where it is analytic, on complex numbers.
"""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable, Iterator, Mapping
from math import inf, log, nan
from typing import Any, Final

import numpy as np
import pytest

from tests.torch_reference import (
    CALLED_DIFFERENTLY,
    Floats,
    reference,
    reference_partials,
    reference_second_derivatives,
    reference_values,
)
from tinygrad_mlp import _array_math as array_math
from tinygrad_mlp import _float_math as float_math
from tinygrad_mlp import functional, ops
from tinygrad_mlp.derivatives import grad
from tinygrad_mlp.engine import Value, apply, as_value
from tinygrad_mlp.losses import binary_cross_entropy_with_logits
from tinygrad_mlp.ops import OPS, Op, Reference

N_POINTS: Final = 200
N_OPERANDS: Final = (1, 2, 3, 6)  # of a variadic op

TOLERANCE: Final = 1e-12
ROUNDING: Final = 1e-15
"""Beside the relative tolerance, for results that are differences of larger numbers, such as silu'
at its root; at kinks and in the tails nothing is added to the relative tolerance."""

PLAIN_NUMBERS: Final = {("pow_number", 1)}
"""Inputs that are always plain numbers, by the name of the op and the index of the input."""

CONDITIONS: Final = {("where", 0)}
"""Inputs that are true or false: among their points are many zeros."""

TORCH_AT_FAULT: Final[Mapping[tuple[str, tuple[float, ...]], list[list[float]]]] = {
    # By x the first derivative of prelu is the slope at 0, as for x < 0. Its second derivative by x
    # and the slope is 1 for x < 0, so it is 1 at 0 too; torch's double backward has 0 there.
    ("leaky_relu", (0.0, 0.01)): [[0.0, 1.0], [1.0, 0.0]],
    # 0^b is 0 for every b > 0, and near b = 2 so is b 0^(b - 1); torch has nan for three of them.
    ("pow", (0.0, 2.0)): [[2.0, 0.0], [0.0, 0.0]],
    # x^0 is 1 for every x, and the first derivatives are those of a constant, by agreement.
    ("pow", (0.0, 0.0)): [[0.0, 0.0], [0.0, 0.0]],
    # b 2^(b - 1) has the derivative 1/2 at b = 0; torch has 0.
    ("pow", (2.0, 0.0)): [[0.0, 0.5], [0.5, log(2.0) ** 2]],
    ("leaky_relu", (0.0, 0.0)): [[0.0, 1.0], [1.0, 0.0]],
    # (-1) ** b is no real number next to b = 0, so nothing can be said about its derivative by b,
    # in whatever order: torch has -1 in one order and nan in the other.
    ("pow", (-1.0, 0.0)): [[0.0, nan], [nan, nan]],
}
"""Our second derivatives where they differ from torch's on purpose."""

TAILS: Final = (1e-12, -1e-12, 6.0, -6.0, 19.0, -19.0, 30.0, -30.0, 40.0, -40.0)

FURTHER_POINTS: Final[Mapping[str, tuple[tuple[float, ...], ...]]] = {
    "mul": ((0.0, 2.0), (0.0, 0.0), (inf, 0.0)),
    "div": ((1.0, inf),),
    "pow": ((0.0, 2.0), (-2.0, 2.0), (-2.0, 0.5), (2.0, 0.0)),
    "pow_number": ((0.0, 2.0), (-2.0, 2.0), (-2.0, 3.0), (-2.0, 0.5)),
    "square": ((0.0,),),
    "reciprocal": ((-1.0,), (inf,)),
    "exp": ((0.0,), (inf,), (-inf,)),
    "expm1": ((0.0,),),
    "log1p": ((0.0,),),
    "exp2": ((0.0,), (-inf,)),
    "log2": ((8.0,), (1e-300,)),
    "log10": ((1000.0,), (1e-300,)),
    "sin": ((0.0,),),
    "tan": ((0.0,), (-inf,), (1.57,), (100.0,)),
    "arcsin": ((0.0,), (0.9999,), (-0.9999,), (-1.0,), (1.5,)),
    "arccos": ((0.0,), (0.9999,), (-0.9999,), (1.5,)),
    "arctan": ((0.0,), (inf,), (-inf,), (1e200,)),
    "sinh": ((0.0,), (inf,), (-inf,)),
    "cosh": ((0.0,), (inf,), (-inf,)),
    "sign": ((-0.0,), (inf,), (-inf,)),
    "round": ((0.5,), (1.5,), (-0.5,), (-2.5,), (1e300,), (0.49999999999999994,)),
    "floor_divide": ((7.0, -2.0), (-7.0, 2.0), (1.0, 0.1), (inf, 2.0), (2.0, inf), (-2.0, inf)),
    "mod": ((7.0, -2.0), (-7.0, 2.0), (1.0, 0.1), (inf, 2.0), (2.0, inf), (-2.0, inf)),
    "cos": ((0.0,),),
    "erfc": ((0.0,), (inf,), (-inf,)),
    "tanh": ((0.0,),),
    "sigmoid": ((0.0,),),
    "relu": ((-0.0,), (-inf,)),
    "leaky_relu": ((0.0, 0.01), (-1.0, 0.0)),
    "elu": ((0.0, 2.0), (800.0, 1.0), (-800.0, 1.0)),
    "softplus": ((0.0,),),
    "silu": ((0.0,),),
    "gelu": ((0.0,),),
    "abs": ((-0.0,), (-inf,)),
    "maximum": ((1.0, 1.0), (inf, inf), (-inf, 1.0)),
    "minimum": ((1.0, 1.0), (-inf, -inf), (inf, 1.0)),
    "where": ((0.0, 2.0, 3.0), (1.0, 2.0, 3.0), (0.0, inf, 3.0)),
    "clamp": ((-1.0, -1.0, 1.0), (1.0, -1.0, 1.0), (5.0, -inf, 1.0), (0.0, 2.0, 1.0)),
    "less": ((1.0, 1.0), (0.0, -0.0)),
    "less_equal": ((1.0, 1.0), (0.0, -0.0)),
    "greater": ((1.0, 1.0), (0.0, -0.0)),
    "greater_equal": ((1.0, 1.0), (0.0, -0.0)),
    "equal": ((1.0, 1.0), (0.0, -0.0)),
    "weighted": ((0.0, 2.0), (0.0, 0.0), (0.5, -inf)),
    "binary_cross_entropy": (
        *((0.0, 0.0), (0.0, 0.5), (800.0, 0.0), (-800.0, 1.0), (40.0, 0.25), (-40.0, 0.25)),
    ),
    "amax": ((1.0, 1.0, 0.0), (2.0, 2.0, 2.0), (-inf, 0.0, 1.0), (inf, 0.0, 1.0)),
    "logsumexp": (
        (1000.0, 1000.0, -1000.0),
        (-1000.0, -1001.0, -1002.0),
        (-inf, 0.0, 1.0),
        (-inf, -inf, -inf),
    ),
}
"""Points beside the kinks at which it pays to look: ties, overflow, infinities."""

each_op: Final = pytest.mark.parametrize("op", OPS.values(), ids=OPS)


def points_in_domain(op: Op) -> Iterator[Floats]:
    """Random points from the op's domain (N_POINTS, n_inputs), for each number of inputs."""
    rng = np.random.default_rng(0)
    for n_inputs in N_OPERANDS if op.arity is None else (op.arity,):
        intervals = op.reference.domain * n_inputs if op.variadic else op.reference.domain
        if op.name == "dot" and n_inputs == 1:
            continue  # a bias alone, which torch.dot cannot
        low, high = np.array(intervals).T
        points = rng.uniform(low, high, (N_POINTS, n_inputs))
        for index in range(n_inputs):
            if (op.name, index) in CONDITIONS:
                points[:, index] = np.round(points[:, index])
        yield points


def kinks(op: Op) -> Iterator[Floats]:
    """The op's kinks, (1, n_inputs) each, since they may differ in their numbers of inputs.

    And, of one input, the numbers at which a careless formula loses its digits.
    """
    for kink in (*op.reference.kinks, *FURTHER_POINTS.get(op.name, ())):
        yield np.array([kink])
    for x in TAILS if op.arity == 1 else ():
        yield np.array([[x]])


def values_at(op: Op, point: Floats) -> list[Value]:
    numbers = point.tolist()
    return [
        as_value(x) if (op.name, index) in PLAIN_NUMBERS else Value(x)
        for index, x in enumerate(numbers)
    ]


def assert_close(ours: Any, theirs: Any, rounding: float, tolerance: float = TOLERANCE) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=rounding)  # nan equals nan


# The table itself


@each_op
def test_has_a_reference_and_enough_points(op: Op) -> None:
    assert callable(reference(op))
    if op.arity is not None:
        assert len(op.reference.domain) == len(op.partial_formulas) == op.arity
        assert all(len(kink) == op.arity for kink in op.reference.kinks)
    assert all(low < high for low, high in op.reference.domain)
    for points in points_in_domain(op):
        assert len(np.unique(points, axis=0)) >= 100
    if not op.analytic:
        assert op.reference.kinks, "name the points at which its pieces meet, or at which it ends"


def test_an_op_without_a_reference_is_found() -> None:
    lost = dataclasses.replace(OPS["tanh"], name="lost", reference=Reference("special.tanhh"))
    with pytest.raises(LookupError, match=r"no torch\.special\.tanhh"):
        reference(lost)


def test_every_exception_belongs_to_an_op() -> None:
    assert set(CALLED_DIFFERENTLY) <= set(OPS)
    assert set(FURTHER_POINTS) <= set(OPS)
    assert {name for name, _ in TORCH_AT_FAULT} <= set(OPS)
    assert all(OPS[name].partials[index] == 0.0 for name, index in PLAIN_NUMBERS | CONDITIONS)


@each_op
def test_has_what_a_drawing_shows(op: Op) -> None:
    assert op.symbol
    assert op.formula
    assert repr(op) == f"Op({op.explained})"
    assert OPS[op.name] is ops.op_named(op.name) is op


@each_op
def test_pickles_and_copies_as_itself(op: Op) -> None:
    assert pickle.loads(pickle.dumps(op)) is op
    assert copy.deepcopy(op) is op


def test_what_a_record_leaves_out_is_its_name_and_its_letters() -> None:
    rules = (ops.MAXIMUM.partials[0], -2.0)
    plain = Op(name="hypotenuse", forward=ops.MAXIMUM.forward, partials=rules)
    assert (plain.symbol, plain.formula) == ("hypotenuse", "hypotenuse(a, b)")
    assert plain.partial_formulas == ("d hypotenuse / da", "-2")
    assert plain.reference.domain == ((-4.0, 4.0), (-4.0, 4.0))
    assert repr(OPS["gelu"]).endswith("x * Phi(x), Phi the standard normal distribution function)")


def test_two_ops_cannot_have_one_name() -> None:
    with pytest.raises(ValueError, match="'tanh' is declared already"):
        ops.declare(dataclasses.replace(OPS["tanh"]))


def test_a_constant_is_not_computed() -> None:
    assert ops.op_named("constant") is ops.CONSTANT
    with pytest.raises(TypeError, match="no inputs"):
        ops.CONSTANT.forward(float_math)


OPERATORS: Final[Mapping[str, Callable[..., Value]]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "pow": lambda a, b: a**b,
    "pow_number": lambda a, b: a**b.data,
    "abs": abs,
    "round": round,
    "floor_divide": lambda a, b: a // b,
    "sum": lambda *operands: functional.sum(operands),
    "logsumexp": lambda *operands: functional.logsumexp(operands),
    "dot": lambda a, b, c: functional.dot([a], [b], c),
    "amax": lambda *operands: functional.amax(operands),
    "binary_cross_entropy": binary_cross_entropy_with_logits,
}
"""How to write the ops that are no function of ``functional``, or take a list there."""


@each_op
def test_can_be_written_by_a_person(op: Op) -> None:
    if op.comparison:  # a node only where a function is recorded; else ``<`` gives a plain bool
        return
    function = OPERATORS.get(op.name) or getattr(functional, op.name)
    inputs = [Value(0.5 * index + 0.25) for index in range(op.arity or 3)]
    node = function(*inputs)
    assert node.op is op
    assert len(node.parents) == len(inputs)
    method = getattr(Value, op.name, None)
    if method is not None:
        assert method(*inputs).op is op


# The rules on floats


@each_op
def test_value_and_local_derivatives_are_torchs(op: Op) -> None:
    for points in points_in_domain(op):
        assert_like_torch(op, points, ROUNDING)


@each_op
def test_value_and_local_derivatives_are_torchs_at_kinks(op: Op) -> None:
    for points in kinks(op):
        assert_like_torch(op, points, rounding=0.0)


@each_op
def test_nan_travels_as_in_torch(op: Op) -> None:
    for points in points_in_domain(op):
        for index in range(points.shape[1]):
            point = points[:1].copy()
            point[0, index] = nan
            assert_like_torch(op, point, ROUNDING)


def assert_like_torch(op: Op, points: Floats, rounding: float) -> None:
    nodes = [apply(op, *values_at(op, point)) for point in points]
    partials = [node.partials for node in nodes]
    assert_close([node.data for node in nodes], reference_values(op, points), rounding)
    assert_close(partials, reference_partials(op, points), rounding)
    kinds = {type(number) for node in nodes for number in (node.data, *node.partials)}
    assert kinds <= {float, ops.Nothing}


@each_op
def test_constant_local_derivatives_are_declared_as_such(op: Op) -> None:
    for points in points_in_domain(op):
        if points.shape[1] == 1 and op.variadic:
            continue  # log(exp(x)) is x
        rules = op.partials * points.shape[1] if op.variadic else op.partials
        nodes = [apply(op, *values_at(op, point)) for point in points]
        for index, rule in enumerate(rules):
            seen = {node.partials[index] for node in nodes}
            if isinstance(rule, float):
                assert seen == {rule}
            else:
                assert len(seen) > 1
        if op.fixed_partials is not None:
            assert set(op.partials) == set(op.fixed_partials)


def test_torchs_own_gelu_and_elu_and_softplus_agree_where_they_are_exact() -> None:
    import torch
    import torch.nn.functional as F

    x = np.linspace(-4.0, 4.0, 81)
    tensor = torch.tensor(x)
    assert_close([functional.gelu(v).data for v in x], F.gelu(tensor).numpy(), rounding=4e-16)
    assert_close([functional.elu(v, 1.7).data for v in x], F.elu(tensor, 1.7).numpy(), ROUNDING)
    assert_close([functional.softplus(v).data for v in x], F.softplus(tensor).numpy(), ROUNDING)


# The rules on Values


@each_op
def test_second_derivatives_are_torchs(op: Op) -> None:
    for points in points_in_domain(op):
        ours = [second_derivatives(op, point) for point in points]
        # Products of rounded first derivatives are subtracted in both, in different orders.
        assert_close(ours, reference_second_derivatives(op, points), 10 * ROUNDING)


@each_op
def test_second_derivatives_are_torchs_at_kinks(op: Op) -> None:
    for points in kinks(op):
        if (op.name, tuple(points[0].tolist())) not in TORCH_AT_FAULT:
            theirs = reference_second_derivatives(op, points)[0]
            # 1 - sigmoid(19) has lost half of its digits, in one of the two or in both
            assert_close(second_derivatives(op, points[0]), theirs, ROUNDING)


@pytest.mark.parametrize(("name", "kink"), TORCH_AT_FAULT)
def test_torchs_faults_are_still_there(name: str, kink: tuple[float, ...]) -> None:
    right = TORCH_AT_FAULT[name, kink]
    assert_close(second_derivatives(OPS[name], np.array(kink)), right, ROUNDING)
    theirs = reference_second_derivatives(OPS[name], [kink])[0]
    assert not np.allclose(theirs, right, equal_nan=True)


def second_derivatives(op: Op, point: Floats) -> list[list[float]]:
    inputs = values_at(op, point)
    free = [x for index, x in enumerate(inputs) if (op.name, index) not in PLAIN_NUMBERS]
    rows = iter(
        [iter(grad(first, free)) for first in grad(apply(op, *inputs), free, create_graph=True)]
    )
    return [
        [next(row) if other in free else 0.0 for other in inputs]
        for row in (next(rows) if x in free else iter([0.0] * len(inputs)) for x in inputs)
    ]


# The rules on arrays and on complex numbers


@each_op
def test_arrays_give_the_same_as_floats(op: Op) -> None:
    for points in (*points_in_domain(op), *kinks(op)):
        columns = list(points.T)
        numbers = points.tolist()
        with np.errstate(all="ignore"):  # inf and nan are results here
            out = op.forward(array_math, np.stack(columns)) if op.variadic else None
            out = op.forward(array_math, *columns) if out is None else out
            partials = op.local_partials(array_math, out, columns)
        nodes = [apply(op, *map(Value, point)) for point in numbers]
        # exp, pow and others come from two libraries, whose last digits may differ
        assert_close(out, [node.data for node in nodes], ROUNDING, tolerance=1e-14)
        for index, partial in enumerate(partials):
            expected = [node.partials[index] for node in nodes]
            filled = np.broadcast_to(partial, len(points))
            assert_close(filled, expected, 4 * ROUNDING, tolerance=1e-14)


@pytest.mark.parametrize("op", [op for op in OPS.values() if op.analytic], ids=lambda op: op.name)
def test_analytic_rules_agree_with_complex_step(op: Op) -> None:
    step = 1e-20
    for points in points_in_domain(op):
        nodes = [apply(op, *map(Value, point)) for point in points.tolist()]
        for index in range(points.shape[1]):
            if (op.name, index) in PLAIN_NUMBERS:
                continue
            columns = points.T.astype(complex)
            columns[index] += 1j * step
            out = op.forward(array_math, *([columns] if op.variadic else columns))
            expected = [node.partials[index] for node in nodes]
            assert_close(np.imag(out) / step, expected, ROUNDING)


# IEEE results of the floats, where Python's own math raises


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (float_math.exp(800.0), inf),
        (float_math.expm1(800.0), inf),
        (float_math.log(0.0), -inf),
        (float_math.log(-1.0), nan),
        (float_math.log1p(-1.0), -inf),
        (float_math.log1p(-2.0), nan),
        (float_math.sqrt(-1.0), nan),
        (float_math.sin(inf), nan),
        (float_math.cos(-inf), nan),
        (float_math.divide(1.0, 0.0), inf),
        (float_math.divide(1.0, -0.0), -inf),
        (float_math.divide(-inf, 0.0), -inf),
        (float_math.divide(0.0, 0.0), nan),
        (float_math.divide(nan, 0.0), nan),
        (float_math.divide(1e308, 1e-10), inf),
        (float_math.power(-2.0, 0.5), nan),
        (float_math.power(0.0, 0.0), 1.0),
        (float_math.power(0.0, -2.0), inf),
        (float_math.power(-0.0, -1.0), -inf),
        (float_math.power(-0.0, -2.0), inf),
        (float_math.power(-10.0, 401.0), -inf),
        (float_math.power(-10.0, 400.0), inf),
        (float_math.power(nan, 0.0), 1.0),
        (float_math.maximum(nan, 1.0), nan),
        (float_math.maximum(1.0, nan), nan),
        (float_math.minimum(nan, 1.0), nan),
        (float_math.minimum(1.0, nan), nan),
        (float_math.max([1.0, nan, 2.0]), nan),
        (float_math.sum([]), 0.0),
        (float_math.sigmoid(-800.0), 0.0),
    ],
)
def test_float_math_gives_what_ieee_arithmetic_gives(call: float, expected: float) -> None:
    assert_close(call, expected, rounding=0.0)
    assert type(call) is float


OF_SEVERAL: Final = {"dot", "equal_each", "max", "shares", "sum", "sum_less_one", "where"}
"""What takes a list of numbers, or three."""


@pytest.mark.parametrize("name", sorted(set(array_math.__all__) - OF_SEVERAL))
def test_the_two_namespaces_agree_on_special_numbers(name: str) -> None:
    special = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        2.0,
        -2.0,
        0.5,
        -2.5,
        3.0,
        800.0,
        -800.0,
        1e308,
        inf,
        -inf,
        nan,
    ]
    one, many = getattr(float_math, name), getattr(array_math, name)
    binary = name in {"divide", "equal", "floor_divide", "maximum", "minimum", "mod", "power"}
    left, right = np.array([(a, b) for a in special for b in (special if binary else [0.0])]).T
    with np.errstate(all="ignore"):
        if name == "exp_shifted":
            expected = np.array([one([x], 0.5)[0] for x in left.tolist()])
            actual = many(left, 0.5)
        elif binary:
            expected = np.array([one(a, b) for a, b in zip(left.tolist(), right.tolist())])
            actual = many(left, right)
        else:
            expected = np.array([one(x) for x in left.tolist()])
            actual = many(left)
    assert_close(actual, expected, rounding=0.0, tolerance=1e-14)
    zeros = (expected == 0.0) & (
        name not in {"maximum", "minimum"}
    )  # of max(0, -0) either is right
    np.testing.assert_array_equal(np.signbit(actual[zeros]), np.signbit(expected[zeros]))
