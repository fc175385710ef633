"""Gradients, Jacobians, Hessians and third derivatives against ``torch.autograd.functional``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from math import inf, isnan, nan
from typing import Any, Final

import numpy as np
import pytest
import torch

from tinygrad_mlp import _array_math as array_math
from tinygrad_mlp import functional, ops
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.debug import detect_anomaly, record_creation
from tinygrad_mlp.derivatives import check_gradients, evaluate, grad, hessian, jacobian
from tinygrad_mlp.engine import Value, apply, no_grad, topological_order
from tinygrad_mlp.errors import GraphError, NotANumberError, TracingError

Function = Callable[..., Any]


def polynomial(xp: Any, a: Any, b: Any, c: Any) -> Any:
    return a**3 * b - 2.0 * b**2 * c + a * c / 4.0 - 7.0


def quotients(xp: Any, a: Any, b: Any, c: Any) -> Any:
    return (a - b) / (1.0 + c * c) + xp.sqrt(a * a + b * b + 1.0) ** -1.5


def network(xp: Any, a: Any, b: Any, c: Any) -> Any:
    hidden = xp.tanh(a * 0.3 - b) * c + xp.sigmoid(b * c)
    return xp.exp(-hidden * hidden) * xp.log(2.0 + xp.sin(a) * xp.cos(c))


def powers_of_values(xp: Any, a: Any, b: Any, c: Any) -> Any:
    base = 1.5 + a * a
    return base**b + 2.0**c * base ** (b * c)


def softmax_like(xp: Any, a: Any, b: Any, c: Any) -> Any:
    total = xp.exp(a) + xp.exp(b * 2.0) + xp.exp(c * a)
    return xp.log(total) - a * b


FUNCTIONS: Final = [polynomial, quotients, network, powers_of_values, softmax_like]
POINTS: Final = [(0.7, -0.4, 1.3), (-1.1, 0.2, 0.5), (0.0, 1.0, -2.0)]

each_function: Final = pytest.mark.parametrize("function", FUNCTIONS)
each_point: Final = pytest.mark.parametrize("point", POINTS)


def in_torch(function: Function) -> Callable[[torch.Tensor], torch.Tensor]:
    def of_a_vector(x: torch.Tensor) -> torch.Tensor:
        value: torch.Tensor = function(torch, *x)
        return value

    return of_a_vector


def compute(function: Function, point: Sequence[float]) -> tuple[Value, list[Value]]:
    inputs = [Value(x) for x in point]
    return function(functional, *inputs), inputs


def assert_close(ours: Any, theirs: Any, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(ours, np.asarray(theirs), rtol=tolerance, atol=tolerance)


@each_function
@each_point
def test_gradients_and_hessians_are_torchs(function: Function, point: Sequence[float]) -> None:
    output, inputs = compute(function, point)
    x = torch.tensor(point, dtype=torch.float64)
    gradient = torch.autograd.functional.jacobian(in_torch(function), x)
    assert_close(grad(output, inputs), gradient)
    assert_close([g.data for g in grad(output, inputs, create_graph=True)], gradient)
    assert_close(hessian(output, inputs), torch.autograd.functional.hessian(in_torch(function), x))


@each_function
@each_point
def test_third_derivatives_are_torchs(function: Function, point: Sequence[float]) -> None:
    output, inputs = compute(function, point)
    first = grad(output, inputs, create_graph=True)
    second = [grad(g, inputs, create_graph=True) for g in first]
    third = [jacobian(row, inputs) for row in second]

    def torch_hessian(x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = torch.autograd.functional.hessian(
            in_torch(function), x, create_graph=True
        )
        return result

    x = torch.tensor(point, dtype=torch.float64)
    # Tens of products, some of them canceling, are added in another order.
    assert_close(third, torch.autograd.functional.jacobian(torch_hessian, x), tolerance=1e-11)


@each_point
def test_jacobians_are_torchs(point: Sequence[float]) -> None:
    inputs = [Value(x) for x in point]
    ours = jacobian([function(functional, *inputs) for function in FUNCTIONS], inputs)

    def in_torch(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([function(torch, *x) for function in FUNCTIONS])

    x = torch.tensor(point, dtype=torch.float64)
    assert ours.shape == (5, 3)
    assert_close(ours, torch.autograd.functional.jacobian(in_torch, x))


def test_jacobians_of_nothing_have_a_shape() -> None:
    x = Value(1.0)
    assert jacobian([], [x]).shape == (0, 1)
    assert jacobian([x * x], []).shape == (1, 0)


# What grad returns


def test_agrees_with_backward_to_the_last_bit() -> None:
    output, inputs = compute(network, POINTS[0])
    gradients = grad(output, inputs)
    output.backward()
    assert gradients == [x.grad for x in inputs]


def test_touches_no_grad_attribute() -> None:
    output, inputs = compute(polynomial, POINTS[0])
    inputs[0].grad = 5.0
    grad(output, inputs)
    grad(output, inputs, create_graph=True)
    hessian(output, inputs)
    assert inputs[0].grad == 5.0
    assert not any(node.has_grad for node in topological_order(output) if node is not inputs[0])


def test_by_a_node_on_the_way() -> None:
    a = Value(3.0)
    b = a * a
    c = b * a
    assert grad(c, [b, a, c]) == [3.0, 27.0, 1.0]
    by_b, by_a, by_c = grad(c, [b, a, c], create_graph=True)
    assert (by_b.data, by_a.data, by_c.data) == (3.0, 27.0, 1.0)
    assert grad(by_b, [a]) == [1.0]


def test_by_an_input_that_is_not_in_the_graph() -> None:
    a, stranger = Value(3.0), Value(4.0)
    assert grad(a * a, [stranger]) == [0.0]
    (zero,) = grad(a * a, [stranger], create_graph=True)
    assert (zero.data, zero.is_leaf) == (0.0, True)
    assert hessian(a * a, [a, stranger]).tolist() == [[2.0, 0.0], [0.0, 0.0]]


def test_by_the_same_input_twice() -> None:
    a = Value(3.0)
    assert grad(a * a, [a, a]) == [6.0, 6.0]


def test_of_a_constant_and_of_a_leaf() -> None:
    a = Value(3.0)
    assert grad(a, [a]) == [1.0]
    assert grad(Value(2.0), [a]) == [0.0]


def test_the_derivative_of_a_conditional() -> None:
    a = Value(-2.0)
    node = functional.where(a > 0.0, a * a, a * a * a)
    (slope,) = grad(node, [a], create_graph=True)
    assert slope.data == 12.0
    assert grad(slope, [a]) == [-12.0]


def test_every_derivative_of_a_power_is_finite_at_zero() -> None:
    x = Value(0.0)
    derivative = x**3 + x**2 + x**1 + x**0
    numbers = []
    for _ in range(6):
        (derivative,) = grad(derivative, [x], create_graph=True)
        numbers.append(derivative.data)
    assert numbers == [1.0, 2.0, 6.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("name", ["silu", "softplus", "sigmoid", "tanh", "gelu", "elu"])
@pytest.mark.parametrize("x", [-800.0, 800.0])
def test_activations_stay_finite_far_out_however_often_differentiated(name: str, x: float) -> None:
    value = Value(x)
    derivative: Value = getattr(functional, name)(value)
    for _ in range(3):
        (derivative,) = grad(derivative, [value], create_graph=True)
    assert derivative.data == 0.0


def test_a_gradient_penalty_trains() -> None:
    """The gradient of a loss that holds a gradient, against torch's double backward."""
    w, x = [Value(0.5), Value(-0.3)], [Value(0.7), Value(0.2)]
    slopes = grad(functional.dot(w, x).tanh(), x, create_graph=True)
    functional.sum(slope * slope for slope in slopes).backward()

    weights = torch.tensor([0.5, -0.3], dtype=torch.float64, requires_grad=True)
    point = torch.tensor([0.7, 0.2], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(torch.tanh(weights @ point), point, create_graph=True)
    (slope * slope).sum().backward()
    assert weights.grad is not None
    assert_close([weight.grad for weight in w], weights.grad)


# Graphs of derivatives: how large, how deep


@pytest.mark.parametrize(
    ("function", "n_nodes"),
    [
        (lambda a, b: a + b, 1),  # the number 1
        (lambda a, b: a - a * 1.0, 1),  # 1 - 1
        (lambda a, b: a * b, 1),  # b itself
        (lambda a, b: -(a * b), 2),  # -b
        (lambda a, b: functional.dot([a, 2.0], [b, 3.0], a), 3),  # 1 + b
        (lambda a, b: (a * 3.0) ** 2, 9),  # 2 * (a * 3)^1 * 3, the numbers included
        (lambda a, b: functional.where(b, a, 0.0), 4),  # where(b, 1, 0)
    ],
)
def test_derivative_graphs_hold_no_needless_nodes(function: Function, n_nodes: int) -> None:
    a, b = Value(2.0), Value(5.0)
    (slope,) = grad(function(a, b), [a], create_graph=True)
    assert len(topological_order(slope)) == n_nodes


def test_a_long_chain() -> None:
    x = Value(1.0)
    y = x
    for _ in range(100_000):
        y = y + x
    assert grad(y, [x]) == [100_001.0]


def test_a_derivative_graph_of_a_long_chain() -> None:
    x = Value(0.9999)
    y = x
    for _ in range(20_000):
        y = y * x
    (slope,) = grad(y, [x], create_graph=True)
    assert slope.data == pytest.approx(20_001 * 0.9999**20_000, rel=1e-9)


# What is refused


def test_a_leaf_changed_in_between_cannot_give_a_derivative_graph() -> None:
    a = Value(3.0)
    b = a * a
    a.data = 4.0
    assert grad(b, [a]) == [6.0]
    with pytest.raises(GraphError, match=r"mul was 3\.0 .* and is 4\.0 now.*Compute the output"):
        grad(b, [a], create_graph=True)


def test_nan_in_a_graph_is_no_change() -> None:
    a = Value(nan)
    (slope,) = grad(a * a, [a], create_graph=True)
    assert isnan(slope.data)


def test_a_node_without_a_rule_cannot_give_a_derivative_graph() -> None:
    a = Value(3.0)
    node = Value(9.0)
    node.parents, node.partials = (a,), (6.0,)
    assert grad(node, [a]) == [6.0]
    with pytest.raises(GraphError, match="no operation"):
        grad(node, [a], create_graph=True)


@pytest.mark.parametrize("derive", [grad, hessian])
def test_wants_values_and_lists(derive: Callable[..., Any]) -> None:
    a = Value(3.0)
    with pytest.raises(
        NotANumberError,
        match=rf"{derive.__name__} needs a list as its inputs; write {derive.__name__}\(output",
    ):
        derive(a * a, a)
    with pytest.raises(NotANumberError, match=r"got float 3\.0; write .* with Values"):
        derive(a * a, [3.0])
    with pytest.raises(NotANumberError, match="as its output, got float"):
        derive(9.0, [a])


def test_jacobian_wants_lists() -> None:
    a = Value(3.0)
    with pytest.raises(NotANumberError, match="list as its outputs"):
        jacobian(a * a, [a])  # type: ignore[arg-type]
    with pytest.raises(NotANumberError, match=r"list as its inputs, got 3\.0; write jacobian"):
        jacobian([a * a], 3.0)  # type: ignore[arg-type]


def test_generators_serve_as_lists() -> None:
    a = Value(3.0)
    outputs = (factor * a for factor in (1.0, 2.0))
    assert jacobian(outputs, iter([a])).tolist() == [[1.0], [2.0]]  # type: ignore[arg-type]
    assert hessian(a**3, iter([a])).tolist() == [[18.0]]  # type: ignore[arg-type]


def test_without_recording_there_is_nothing_to_differentiate() -> None:
    a = Value(3.0)
    with no_grad():
        b = a * a
    assert grad(b, [a]) == [0.0]


def test_a_graph_of_derivatives_is_made_without_recording_too() -> None:
    a = Value(3.0)
    b = a**3
    with no_grad():
        assert hessian(b, [a]).tolist() == [[18.0]]
        assert (a * a).parents == ()


@pytest.mark.parametrize("block", [record_creation, detect_anomaly])
def test_derivatives_where_each_node_is_located(
    block: Callable[[], AbstractContextManager[None]],
) -> None:
    a, b = Value(3.0), Value(2.0)
    with block():
        assert grad(a * a * b, [a, b]) == [12.0, 9.0]
        assert hessian(a * a * b, [a, b]).tolist() == [[4.0, 6.0], [6.0, 0.0]]
        check_gradients(lambda x: x.tanh(), [0.3])


# Together with the compiler


def test_a_derivative_within_a_compiled_function() -> None:
    w = [Value(0.5), Value(-0.3)]

    def loss(x: list[Value]) -> Value:
        output = (
            functional.dot(w, x).tanh() + x[0] ** 2 * w[0] + x[1].relu() * functional.silu(x[0])
        )
        slopes = grad(output, x, create_graph=True)
        return output + functional.sum(slope * slope for slope in slopes)

    program = compile(loss, w)
    for point in ([0.7, -0.2], [-0.4, 0.9]):
        eager = loss([Value(x) for x in point])
        assert program(np.array(point)) == pytest.approx(eager.data, rel=1e-12)
        assert program.gradients.tolist() == pytest.approx(grad(eager, w), rel=1e-12)


def test_a_compiled_function_has_no_numbers_for_grad() -> None:
    a = Value(3.0)
    program = compile(lambda x: grad(a * x, [x])[0] * a, [a])
    with pytest.raises(TracingError, match="create_graph=True"):
        program(2.0)


# evaluate


def test_evaluate_repeats_a_graph_with_other_numbers() -> None:
    output, inputs = compute(network, POINTS[0])
    other, _ = compute(network, POINTS[1])
    assert evaluate(output, {}) == output.data
    assert evaluate(output, dict(zip(inputs, POINTS[1]))) == other.data
    assert evaluate(inputs[0], {inputs[0]: 5.0}) == 5.0


def test_evaluate_takes_arrays() -> None:
    inputs = [Value(1.0) for _ in range(3)]
    output = functional.logsumexp([functional.dot(inputs[:2], inputs[1:], 0.5), inputs[0]])
    columns = dict(zip(inputs, np.array(POINTS).T))
    expected = [evaluate(output, dict(zip(inputs, point))) for point in POINTS]
    assert_close(evaluate(output, columns, array_math), expected)
    assert evaluate(output, {inputs[0]: inf}) == inf


def test_evaluate_of_every_op_repeats_its_number() -> None:
    for op in ops.OPS.values():
        node = apply(op, *[Value(0.75)] * (op.arity or 3))
        assert evaluate(node, {}) == node.data
