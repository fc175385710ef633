"""What a Value is: how it takes numbers, computes with them, compares and differentiates."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from math import inf, isnan, nan
from typing import Any, Final

import numpy as np
import pytest

from tests.naming import case_name
from tinygrad_mlp import _float_math as float_math
from tinygrad_mlp import ops
from tinygrad_mlp.engine import Value, apply, as_value, assign
from tinygrad_mlp.errors import GraphError, NotANumberError, TinygradMLPError
from tinygrad_mlp.nn import Buffer

ONE_NUMBER: Final = [
    2,
    2.0,
    np.float64(2.0),
    np.float32(2.0),
    np.int64(2),
    np.uint8(2),
    np.array(2.0),
    np.array(2),
]
NO_NUMBER: Final = [
    "2",
    None,
    2 + 0j,
    np.complex128(2),
    [2.0],
    (2.0,),
    b"2",
    object(),
    np.array("2"),
    np.array(None),
    np.timedelta64(2, "s"),
    np.str_("2"),
]
ARRAYS: Final = [np.array([2.0]), np.zeros((2, 3)), np.array([]), np.array([[2]])]

BINARY: Final = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


# Numbers in


@pytest.mark.parametrize("number", ONE_NUMBER, ids=repr)
def test_holds_a_plain_float(number: Any) -> None:
    value = Value(number)
    assert type(value.data) is float
    assert value.data == 2.0
    assert (value.grad, value.op, value.parents, value.partials) == (0.0, None, (), ())
    assert value.label == ""


@pytest.mark.parametrize(
    ("number", "expected"),
    [(True, 1.0), (np.bool_(False), 0.0), (10**400, inf), (-(10**400), -inf), (inf, inf)],
    ids=repr,
)
def test_takes_unusual_numbers(number: Any, expected: float) -> None:
    assert Value(number).data == expected


def test_takes_nan_and_another_values_number() -> None:
    assert isnan(Value(nan).data)
    assert Value(Value(2.0) * 3.0).data == 6.0  # type: ignore[arg-type]


@pytest.mark.parametrize("thing", [*NO_NUMBER, *ARRAYS], ids=case_name)
def test_refuses_what_is_not_one_number(thing: Any) -> None:
    for attempt in (Value, as_value, Value(1.0).__add__, Value(1.0).__rpow__, Value(1.0).__lt__):
        with pytest.raises(NotANumberError) as caught:
            attempt(thing)
        assert isinstance(caught.value, TypeError)
        assert isinstance(caught.value, TinygradMLPError)


def test_says_what_to_do_with_an_array() -> None:
    expected = r"one number, got an array of shape \(2,\).*\[x \* value for x in array\]"
    for array in (np.array([1.0, 2.0]), np.array([1, 2])):
        with pytest.raises(NotANumberError, match=expected):
            array * Value(2.0)
        with pytest.raises(NotANumberError, match=expected):
            Value(2.0) * array
        with pytest.raises(NotANumberError, match=expected):
            operator.lt(array, Value(2.0))


@pytest.mark.parametrize("compute", BINARY)
@pytest.mark.parametrize("number", ONE_NUMBER, ids=repr)
def test_every_operator_takes_a_number_on_either_side(
    compute: Callable[..., Any], number: Any
) -> None:
    value = Value(3.0)
    left, right = compute(number, value), compute(value, number)
    assert type(left) is type(right) is Value
    assert left.data == float(compute(2.0, 3.0))
    assert right.data == float(compute(3.0, 2.0))
    constant = left.parents[0]
    assert (constant.op, constant.data) == (ops.CONSTANT, 2.0)
    assert left.parents[1] is right.parents[0] is value


def test_signs_and_absolute_value() -> None:
    value = Value(-2.0)
    assert +value is value
    assert (-value).data == 2.0
    assert abs(value).data == 2.0
    assert abs(value).partials == (-1.0,)


def test_a_power_of_a_plain_number_sends_nothing_to_the_exponent() -> None:
    node = Value(-2.0) ** 2
    assert node.op is ops.POW_NUMBER
    assert (node.data, node.partials) == (4.0, (-4.0, 0.0))


def test_augmented_assignment_makes_a_new_node() -> None:
    a = first = Value(2.0)
    a += 1.0
    a *= a
    assert first.data == 2.0
    assert a.data == 9.0
    a.backward()
    assert first.grad == 6.0


# Numbers out


def test_shows_its_numbers() -> None:
    value = Value(2.0, label="w")
    value.grad = -1.0
    assert repr(value) == "Value(data=2.0, grad=-1.0, label='w')"
    assert repr(Value(2)) == "Value(data=2.0, grad=0.0)"
    assert f"{value:.2f}|{value:8.1e}" == "2.00| 2.0e+00"
    assert f"{value}" == str(value) == repr(value)


AS_A_NUMBER: Final[dict[str, Callable[[Any], object]]] = {
    "float": float,
    "int": int,
    "complex": complex,
    "math.exp": math.exp,
    "math.floor": math.floor,
    "math.ceil": math.ceil,
    "math.trunc": math.trunc,
    "math.isfinite": math.isfinite,
    "percent": lambda v: "%.2f" % v,  # noqa: UP031
    "np.float64": np.float64,
    "np.asarray": lambda v: np.asarray(v, dtype=float),
    "np.array": lambda v: np.array([v, 1.0], dtype=float),
    "np.array, whole numbers": lambda v: np.array([v], dtype=np.int64),
    "astype": lambda v: np.array([v]).astype(np.float32),
    "an element": lambda v: np.zeros(2).__setitem__(0, v),
    "np.fromiter": lambda v: np.fromiter([v], dtype=float),
}


@pytest.mark.parametrize("name", AS_A_NUMBER)
def test_no_function_takes_the_number_of_a_value_in_silence(name: str) -> None:
    for v in (Value(2.5), Value(2.5) * 1.0, Buffer(2.5)):
        with pytest.raises(TypeError) as caught:
            AS_A_NUMBER[name](v)
        message = str(caught.value)
        assert all(word in message for word in ("v.data", "v.item()", "functional.exp(v)"))


def test_an_array_of_values_holds_the_values() -> None:
    v, w = Value(2.0), Value(3.0)
    array = np.array([v, w])
    assert array.dtype == object
    assert array[0] is v
    assert [x.op for x in np.exp(array)] == [ops.EXP, ops.EXP]  # NumPy calls their methods
    np.arctan(array).sum().backward()
    assert (v.grad, w.grad) == pytest.approx((1 / 5, 1 / 10), rel=1e-15)


def test_has_no_attributes_but_its_own() -> None:
    with pytest.raises(AttributeError):
        Value(1.0).gard = 1.0  # type: ignore[attr-defined]


# Comparisons


@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.gt, operator.ge])
@pytest.mark.parametrize("other", [1.0, 2.0, 3, np.float64(2.0), np.array(3.0), nan])
def test_compares_by_value(compare: Callable[..., bool], other: Any) -> None:
    value = Value(2.0)
    assert compare(value, other) is bool(compare(2.0, other))
    assert compare(other, value) is bool(compare(other, 2.0))
    assert compare(value, Value(float(other))) is bool(compare(2.0, other))


def test_sorts_by_value() -> None:
    values = [Value(3.0), Value(1.0), Value(2.0)]
    assert [value.data for value in sorted(values)] == [1.0, 2.0, 3.0]
    assert max(values) is values[0]
    assert min(values) is values[1]


def test_equality_and_hash_are_by_identity() -> None:
    a, b = Value(1.0), Value(1.0)
    assert a == a
    assert a != b
    assert not operator.eq(a, 1.0)
    assert len({a, b, a}) == 2
    assert {a: "a"}.get(b) is None


# Backward


def test_the_chain_rule_over_every_path() -> None:
    a = Value(3.0)
    b = a + a
    c = b + b
    c.backward()
    assert (a.grad, b.grad, c.grad) == (4.0, 2.0, 1.0)
    assert c.parents == (b, b)
    assert c.partials == (1.0, 1.0)


def test_local_derivatives_stand_before_backward() -> None:
    a, b = Value(2.0), Value(-3.0)
    assert (a * b).partials == (-3.0, 2.0)
    assert a.tanh().partials == (1.0 - math.tanh(2.0) ** 2,)


def test_a_second_backward_doubles_the_leaves_and_nothing_else() -> None:
    a = Value(3.0)
    b = a * a
    c = b * a
    for times in (1, 2, 3):
        c.backward()
        assert (a.grad, b.grad, c.grad) == (times * 27.0, 3.0, 1.0)


def test_backward_from_two_outputs_adds_up_in_the_leaves() -> None:
    a = Value(3.0)
    b = a * a
    first, second = b * 2.0, b * 5.0
    first.backward()
    second.backward()
    assert a.grad == (2.0 + 5.0) * 6.0
    assert b.grad == 5.0


def test_backward_leaves_other_graphs_alone() -> None:
    a = Value(3.0)
    other = a * 2.0
    other.backward()
    (a * 5.0).backward()
    assert other.grad == 1.0


def test_backward_from_a_leaf() -> None:
    a = Value(3.0)
    a.backward()
    a.backward()
    assert a.grad == 2.0


def test_zero_grad_starts_afresh() -> None:
    a = Value(3.0)
    assert not a.has_grad
    (a * a).backward()
    assert (a.grad, a.has_grad) == (6.0, True)
    a.zero_grad()
    assert (a.grad, a.has_grad) == (0.0, False)
    a.grad = 0.0
    assert a.has_grad


def test_a_leaf_changed_between_forward_and_backward_changes_nothing() -> None:
    a, b = Value(3.0), Value(2.0)
    c = a * b
    a.data = 100.0
    c.backward()
    assert (c.data, b.grad, a.grad) == (6.0, 3.0, 2.0)
    assert (a * b).data == 200.0


def test_a_gradient_set_by_hand_is_added_to() -> None:
    a = Value(3.0)
    a.grad = 10.0
    (a * 2.0).backward()
    assert a.grad == 12.0


def test_infinities_and_nan_travel_and_nothing_raises() -> None:
    x = Value(800.0)
    y = x.exp()
    assert y.data == inf
    (y - y).backward()
    assert isnan((y - y).data)
    assert isnan(x.grad)


# The parts that other modules build on


def test_apply_wants_as_many_inputs_as_the_op_has() -> None:
    with pytest.raises(TypeError, match="tanh takes 1 inputs, got 2"):
        apply(ops.TANH, Value(1.0), Value(2.0))
    with pytest.raises(TypeError, match="clamp takes 3 inputs, got 0"):
        apply(ops.CLAMP)


def test_as_value_keeps_values_and_marks_numbers() -> None:
    a = Value(1.0)
    assert as_value(a) is a
    assert as_value(1.0).op is ops.CONSTANT
    assert a.op is None


def test_local_partials_of_every_kind_of_op() -> None:
    assert ops.ADD.local_partials(float_math, 3.0, [1.0, 2.0]) == (1.0, 1.0)
    assert ops.SUM.local_partials(float_math, 3.0, [1.0, 1.0, 1.0]) == (1.0, 1.0, 1.0)
    assert ops.DOT.local_partials(float_math, 7.0, [2.0, 3.0, 1.0]) == (3.0, 2.0, 1.0)
    assert ops.LOGSUMEXP.local_partials(float_math, 5.0, [5.0]) == (1.0,)


def sum_of_squares(xp: Any, inputs: Sequence[Any]) -> Any:
    return xp.sum([x * x for x in inputs])


def slope_of_square(xp: Any, out: Any, x: Any) -> Any:
    return 2.0 * x


def test_an_op_of_any_number_of_inputs_may_have_one_rule_for_each_of_them() -> None:
    op = ops.Op(
        name="sum of squares",
        forward=sum_of_squares,
        partials=(slope_of_square,),
        symbol="x²",
        formula="x1^2 + ... + xn^2",
        partial_formulas=("2 x",),
        variadic=True,
    )
    assert (op.arity, op.fixed_partials, op.closed) == (None, None, ())
    inputs = [Value(3.0), Value(-4.0)]
    node = apply(op, *inputs)
    assert (node.data, node.partials, node.parents) == (25.0, (6.0, -8.0), tuple(inputs))


def test_assign_sets_a_leaf_outside_the_graph() -> None:
    mean, x = Value(1.0), Value(3.0)
    assign(mean, 0.5 * mean + 0.5 * x)
    assert mean.data == 2.0
    assert mean.is_leaf
    with pytest.raises(GraphError, match="leaf"):
        assign(x * x, 1.0)


@pytest.mark.parametrize("function", [np.exp, np.cosh, np.isnan, np.add, np.maximum])
def test_functions_of_numpy_refuse_a_value(function: np.ufunc) -> None:
    """The graph is not cut, and no object array is made."""
    values = [Value(2.0)] * function.nin
    with pytest.raises(TypeError, match="operand 'Value' does not support ufuncs"):
        function(*values)
    assert (np.float64(3.0) * values[0]).parents[1] is values[0]
