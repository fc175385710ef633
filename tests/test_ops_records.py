"""What the records of the operations say of them is true: ``kinks``, ``domain``, ``masking``, ...

A wrong entry would make other tests look at the wrong places and stay green. So each is compared
here with what PyTorch, or complex analysis, says without asking the record.
"""

from __future__ import annotations

import itertools
from math import inf, isfinite, isnan
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import torch

from tests.running import run_python
from tests.test_ops import CONDITIONS, PLAIN_NUMBERS, each_op, values_at
from tests.torch_reference import Floats, reference_partials, reference_values
from tinygrad_mlp import _array_math as array_math
from tinygrad_mlp.engine import apply
from tinygrad_mlp.ops import BATCH_MEAN, BATCH_SUM, OPS, Op

Point = tuple[float, ...]

SPECIAL: Final = (-inf, -1.0, -0.0, 0.0, 1.0, inf)
LARGE: Final = 800.0


def n_inputs(op: Op) -> int:
    return 3 if op.arity is None else op.arity


def torch_at(op: Op, points: list[Point]) -> tuple[Floats, Floats]:
    """Value (n,) and local derivatives (n, n_inputs)."""
    return reference_values(op, points), reference_partials(op, points)


# The rules at special numbers, all of them in all places


@each_op
def test_special_numbers_are_treated_as_torch_treats_them(op: Op) -> None:
    further = (2.0, -2.5, 19.0, LARGE, -LARGE) if n_inputs(op) < 3 else ()
    points = list(itertools.product((*SPECIAL, *further), repeat=n_inputs(op)))
    if op.name == "elu":  # torch has nan all over where alpha is infinite, which nobody asks for
        points = [point for point in points if isfinite(point[1])]
    if op.name == "weighted":  # 0 of an infinite number is 0, in place of nan: what it is made for
        points = [point for point in points if point[0] != 0.0 or isfinite(point[1])]
    if op.name == "binary_cross_entropy":  # torch has nan at -inf, whatever the target
        points = [point for point in points if point[0] != -inf]
    # Of a confident logit torch subtracts 1 from a sigmoid near 1, which leaves some digits.
    rounding = 1e-16 if op.name == "binary_cross_entropy" else 0.0
    values, partials = torch_at(op, points)
    nodes = [apply(op, *values_at(op, np.array(point))) for point in points]
    wrong = [
        f"{op.name}{point}: {node.data}, {node.partials}; torch: {value}, {expected.tolist()}"
        for point, node, value, expected in zip(points, nodes, values, partials)
        if not np.allclose(
            *([node.data, *node.partials], [value, *expected]),
            rtol=1e-12,
            atol=rounding,
            equal_nan=True,
        )
    ]
    assert not wrong, f"{len(wrong)} of {len(points)}\n" + "\n".join(wrong)


# kinks


def behavior(op: Op, points: list[Point]) -> list[str]:
    """What torch shows that is special at each point; "" where it shows nothing.

    For the value and each derivative "n" for nan, "+" or "-" for an infinity, "." for a number;
    then "jump" where one of them jumps close by, and "end" where a curve has become a line.
    """
    array = np.array(points)
    values, partials = torch_at(op, points)
    results = np.column_stack([values, partials])
    jumps = np.zeros(len(points), dtype=bool)
    for index in range(array.shape[1]):
        for step in (1e-6, -1e-6):
            near = array.copy()
            near[:, index] += step
            close_by = np.column_stack(torch_at(op, [tuple(row) for row in near.tolist()]))
            with np.errstate(invalid="ignore"):
                jump = np.abs(close_by - results) > 1e-3 * np.maximum(1.0, np.abs(results))
            jumps |= np.isfinite(array).all(axis=1) & jump.any(axis=1)
    found = []
    for point, row, jump in zip(points, results.tolist(), jumps):
        kinds = "".join([kind_of(x) for x in row]) + "jump" * bool(jump)
        if len(point) == 1 and abs(point[0]) == LARGE and row[1] in {0.0, 1.0}:
            (slope,) = reference_partials(op, [(point[0] / 400.0,)])[0]
            kinds += ("end" + "-+"[point[0] > 0.0]) * (slope not in {-1.0, 0.0, 1.0})
        found.append("" if set(kinds) == {"."} else kinds)
    return found


def kind_of(x: float) -> str:
    return "n" if isnan(x) else "." if isfinite(x) else "+" if x > 0.0 else "-"


def expected_kinks(op: Op) -> tuple[Point, ...]:
    """The first point for each special behavior of torch."""
    linear = op.fixed_partials is not None and set(op.fixed_partials) != {0.0}
    if (op.variadic and op.analytic) or linear:
        return ()
    coordinates = (0.0, -0.0, 1.0, -1.0, LARGE, -LARGE, inf, -inf)
    points = list(itertools.product(coordinates[: 8 if op.arity == 1 else 4], repeat=n_inputs(op)))
    found: dict[str, Point] = {}
    for point, kinds in zip(points, behavior(op, points)):
        if kinds:
            found.setdefault(kinds, point)
    return tuple(found.values())


@each_op
def test_the_kinks_are_a_point_for_each_special_behavior(op: Op) -> None:
    assert repr(op.reference.kinks) == repr(expected_kinks(op))  # which tells 0.0 from -0.0


# domain


NARROWER: Final[dict[tuple[str, int], tuple[float, float]]] = {
    ("div", 1): (0.05, 4.0),  # a pole at 0; what is left of it is among the kinks
    ("reciprocal", 0): (0.05, 4.0),
    ("mod", 1): (0.05, 4.0),
    ("floor_divide", 1): (0.05, 4.0),
    ("tan", 0): (-1.5, 1.5),  # from pole to pole
    ("arcsin", 0): (-0.75, 0.75),  # the circles of ``is_analytic`` stay within -1 and 1
    ("arccos", 0): (-0.75, 0.75),
    ("leaky_relu", 1): (0.001, 0.5),  # slopes as people choose them
    ("elu", 1): (0.5, 2.0),
    ("clamp", 1): (-2.0, -1.0),  # the lower limit is lower than the upper one
    ("clamp", 2): (1.0, 2.0),
    ("binary_cross_entropy", 1): (0.0, 1.0),  # a probability
    ("where", 0): (-1.0, 1.0),  # rounded, so that it is often false
}
"""Intervals that are shorter than where torch has numbers, on purpose."""


@each_op
def test_the_domain_is_where_torch_has_numbers(op: Op) -> None:
    domain = op.reference.domain * n_inputs(op) if op.variadic else op.reference.domain
    grid = np.linspace(-4.0, 4.0, 801)
    for index, interval in enumerate(domain):
        if (op.name, index) in NARROWER:
            assert interval == NARROWER[op.name, index]
            continue
        points = np.tile(inside(op, 0.5), (len(grid), 1))
        points[:, index] = grid
        values, partials = reference_values(op, points), reference_partials(op, points)
        finite = grid[np.isfinite(values) & np.isfinite(partials).all(axis=1)]
        assert len(finite) > 300
        assert np.diff(finite).max() < 0.011, "a hole"
        low, high = interval
        assert finite.min() <= low < finite.min() + 0.06
        assert high == finite.max() == 4.0


def test_intervals_that_are_narrower_on_purpose_are_inputs_of_operations() -> None:
    assert all(index < n_inputs(OPS[name]) for name, index in NARROWER)


# analytic


def is_analytic(op: Op) -> bool:
    """Whether the rule on complex numbers is one analytic function, by the mean value property.

    The mean over a circle is the value at its center for such a function, and for no other: not
    where pieces meet, nor where a rule takes real parts or the modulus.
    """
    domain = op.reference.domain * n_inputs(op) if op.variadic else op.reference.domain
    turns = np.exp(2j * np.pi * np.arange(256) / 256.0)
    ties = inside(op, 0.4, shift=0.0)
    centers = [inside(op, 0.3), inside(op, 0.5), ties]
    for index, center in itertools.product(range(len(domain)), centers):
        if (op.name, index) in PLAIN_NUMBERS:
            continue
        columns = np.repeat(center[:, None].astype(complex), len(turns) + 1, axis=1)
        columns[index, :-1] += 0.4 * min(np.ptp(domain[index]), 2.0) * turns
        try:
            values = op.compute(array_math, list(columns)) + np.zeros(len(turns) + 1)
        except TypeError:  # erfc has no complex version
            return False
        if not np.allclose(np.mean(values[:-1]), values[-1], rtol=1e-10, atol=1e-12):
            return False
    return True


def inside(op: Op, fraction: float, shift: float = 0.02) -> Floats:
    """A point of the domain, so far from its lower end, further by input; conditions are 0."""
    point = []
    for index, (low, high) in enumerate(
        op.reference.domain * n_inputs(op) if op.variadic else op.reference.domain
    ):
        number = low + (fraction + shift * index) * (high - low)
        point.append(0.0 if (op.name, index) in CONDITIONS else number)
    return np.array(point)


@each_op
def test_an_operation_is_declared_analytic_exactly_where_it_is(op: Op) -> None:
    assert op.analytic == is_analytic(op)


@pytest.mark.parametrize("name", ["abs", "relu", "leaky_relu", "maximum", "less", "erfc", "where"])
def test_what_is_not_analytic_is_found(name: str) -> None:
    assert not is_analytic(OPS[name])


# What kind of operation it is


def torch_function(op: Op) -> Floats:
    """Value and derivative by the first input at -800 and 800, the further inputs as usual."""
    further = [0.01 if op.name == "leaky_relu" else 1.0] * (n_inputs(op) - 1)
    points: list[Point] = [(-LARGE, *further), (LARGE, *further)]
    values, partials = torch_at(op, points)
    return np.column_stack([values, partials[:, 0]])


@pytest.mark.parametrize("op", [op for op in OPS.values() if op.activation], ids=lambda op: op.name)
def test_an_activation_is_like_relu_or_saturates_as_torch_s_does(op: Op) -> None:
    (low, slope_at_low), (high, slope_at_high) = torch_function(op).tolist()
    assert op.relu_like == (abs(high - LARGE) < 1e-9 and abs(low) < 0.1 * LARGE)
    ends = (low, high) if slope_at_low == slope_at_high == 0.0 else None
    assert op.saturating == ends


NOT_IN_TORCH: Final[frozenset[str]] = frozenset()
"""Activations for which torch has no module."""


def test_the_activations_are_those_that_torch_has_as_modules() -> None:
    modules = {name.lower() for name in torch.nn.modules.activation.__all__}
    of_torch = {name for name in OPS if name.replace("_", "") in modules}
    assert len(of_torch) >= 8
    ours = {op.name for op in OPS.values() if op.activation}
    assert ours == of_torch | NOT_IN_TORCH, (
        "an activation that torch does not have: NOT_IN_TORCH of tests/test_ops_records.py"
    )
    assert not any(op.relu_like or op.saturating for op in OPS.values() if not op.activation)


@each_op
def test_a_comparison_answers_0_or_1_and_nothing_flows(op: Op) -> None:
    points = list(itertools.product((-1.0, 0.5, 2.0), repeat=n_inputs(op)))
    values, partials = torch_at(op, points)
    assert op.comparison == (set(values.tolist()) <= {0.0, 1.0} and not partials.any())
    assert not op.comparison or op.closed == (0, 1)


@each_op
def test_a_masking_operation_has_derivatives_of_0_where_another_operand_is_chosen(op: Op) -> None:
    if op.variadic:  # which hands over to all, or to the largest: no mask that a person writes
        assert not op.masking
        return
    domain = [(-4.0, 4.0) if index else (low, high) for index, (low, high) in
              enumerate(op.reference.domain)]  # fmt: skip
    rng = np.random.default_rng(0)
    low, high = np.array(domain).T
    points = rng.uniform(low, high, (400, len(domain)))
    for index in range(len(domain)):
        if (op.name, index) in CONDITIONS:
            points[:, index] = np.round(points[:, index])
    partials = reference_partials(op, points)
    choosing = [
        index
        for index in range(len(domain))
        if index not in op.closed and (op.name, index) not in PLAIN_NUMBERS
        and 10 < np.count_nonzero(partials[:, index] == 0.0) < 390
    ]  # fmt: skip
    no_masks = {"leaky_relu", "elu", "mod"}  # of mod it is how often b goes into a, which may be 0
    assert op.masking == bool([i for i in choosing if op.name not in no_masks])


AS_PYTHON: Final = {"−": "-", "×": "*", "÷": "/", "^": "**", "≤": "<=", "≥": ">=", "=": "=="}


@each_op
def test_the_symbol_of_an_infix_operation_stands_between_its_operands(op: Op) -> None:
    a, b = 1.5, 0.25
    try:
        value = float(eval(f"a {AS_PYTHON.get(op.symbol, op.symbol)} b", {"a": a, "b": b}))
    except (NameError, SyntaxError):  # as "exp" and "|x|" give
        assert not op.infix
        return
    if op.arity == 2:
        assert op.infix
        assert value == reference_values(op, [(a, b)])[0]
    else:
        assert op.name == "neg"
        assert not op.infix


@each_op
def test_the_operands_of_a_commutative_operation_can_change_places(op: Op) -> None:
    size = n_inputs(op)
    points = list(itertools.product((-inf, -1.5, 0.0, 0.25, 2.0), repeat=size))
    same = all(
        repr(apply(op, *values_at(op, np.array(point))).data)
        == repr(apply(op, *values_at(op, np.array(point[1:] + point[:1]))).data)
        for point in points
        if not (op.name == "logsumexp" and -inf not in point)  # whose last digit may differ
    )
    assert op.commutative == (size > 1 and same)


# An operation is declared in one place


BENT_LINE: Final = """
from tinygrad_mlp import functional, ops
from tinygrad_mlp.engine import Value, apply
from tinygrad_mlp.ops import Op, Reference, declare


def bent_line_forward(xp, x):
    return x * xp.tanh(xp.log1p(xp.exp(x)))


def bent_line_partial(xp, out, x):
    gate = xp.tanh(xp.log1p(xp.exp(x)))
    return gate + x * xp.sigmoid(x) * (1.0 - gate * gate)


BENT_LINE = declare(
    Op(
        name="bent_line",
        forward=bent_line_forward,
        partials=(bent_line_partial,),
        reference=Reference("nn.functional.mish"),
        activation=True,
        relu_like=True,
    )
)


def bent_line(x):
    return apply(BENT_LINE, x)


functional.bent_line = bent_line
"""

FINDS_IT: Final = """
import viz
from tinygrad_mlp import debug, nn
from tinygrad_mlp.nn.init import initializer_for

print(initializer_for("bent_line").__name__)
model = nn.MLP(2, [3, 1], activation="bent_line", rng=0)
loss = model([1.0, 2.0]) ** 2
print(debug.health(model, loss).layers[0].activation)
print(viz.to_svg(loss, detail="layers"))
print(viz.to_svg(loss, detail="neurons"))
print(debug.trace_forward(loss))
"""


def test_an_activation_is_known_everywhere_by_its_record_alone(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(BENT_LINE + FINDS_IT, encoding="utf-8")
    printed = run_python(program, folder=tmp_path)
    first, second, *_ = printed.splitlines()
    assert (first, second) == ("he_normal", "bent_line")
    assert "3 neurons, bent_line" in printed
    assert "1 neuron, linear" in printed
    assert "bent_line(" in printed


def test_what_is_taken_over_a_batch_says_so() -> None:
    shown = [(op.formula, op.partial_formulas) for op in (BATCH_SUM, BATCH_MEAN)]
    assert shown == [
        ("x1 + ... + xB over the samples of the batch", ("1",)),
        ("(x1 + ... + xB) / B over the samples of the batch", ("1 / B",)),
    ]
