"""The functions on Values that are more than one operation, or that take more than two inputs.

The operations themselves are in ``test_ops.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature
from math import exp, inf, isnan, log1p
from typing import Any, Final

import numpy as np
import pytest
import torch
from torch import Tensor

from tinygrad_mlp import functional, ops
from tinygrad_mlp.derivatives import grad, hessian, jacobian
from tinygrad_mlp.engine import Value, topological_order
from tinygrad_mlp.errors import NotANumberError, ShapeError

LOGITS: Final = [
    [0.3],
    [0.0, 0.0],
    [0.1, -2.0, 3.5, 0.7],
    [1000.0, -1000.0],
    [1000.0, 999.0, 1000.0],
    [-1000.0, -1001.0],
    [1e300, 5.0],
    [-inf, 0.0, 1.0],
]

COMPOSITES: Final[dict[str, tuple[Callable[..., Any], Callable[[Tensor], Tensor]]]] = {
    "softmax": (functional.softmax, lambda x: torch.softmax(x, 0)),
    "log_softmax": (functional.log_softmax, lambda x: torch.log_softmax(x, 0)),
    "logsumexp": (lambda x: [functional.logsumexp(x)], lambda x: torch.logsumexp(x, 0, True)),
    "mean": (lambda x: [functional.mean(x)], lambda x: torch.mean(x, 0, True)),
    "sum": (lambda x: [functional.sum(x)], lambda x: torch.sum(x, 0, True)),
}


@pytest.mark.parametrize("logits", LOGITS, ids=str)
@pytest.mark.parametrize("name", COMPOSITES)
def test_values_and_jacobians_are_torchs(name: str, logits: Sequence[float]) -> None:
    function, in_torch = COMPOSITES[name]
    inputs = [Value(x) for x in logits]
    outputs = function(inputs)
    x = torch.tensor(logits, dtype=torch.float64)
    assert_close([output.data for output in outputs], in_torch(x))
    assert_close(jacobian(outputs, inputs), torch.autograd.functional.jacobian(in_torch, x))


@pytest.mark.parametrize("logits", LOGITS[:7], ids=str)
@pytest.mark.parametrize("name", COMPOSITES)
def test_second_derivatives_are_torchs(name: str, logits: Sequence[float]) -> None:
    function, in_torch = COMPOSITES[name]
    inputs = [Value(x) for x in logits]

    def first_output(x: Tensor) -> Tensor:
        return in_torch(x)[0]

    x = torch.tensor(logits, dtype=torch.float64)
    expected = torch.autograd.functional.hessian(first_output, x)
    assert_close(hessian(function(inputs)[0], inputs), expected)


def assert_close(ours: Any, theirs: Tensor) -> None:
    # torch computes exp(x) / sum, we exp(x - log(sum)): the rounding of the difference shows
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-12, atol=1e-15)


def test_the_logarithm_of_a_probability_near_one_keeps_its_digits() -> None:
    """1 + e^-30 is rounded to a multiple of 2.2e-16, so that three digits are left."""
    x = [Value(1000.0), Value(970.0)]
    first, _ = functional.log_softmax(x)
    assert first.data == pytest.approx(-log1p(exp(-30.0)), rel=2e-3)
    (by_first, by_second) = grad(first, x)
    assert by_second == pytest.approx(-exp(-30.0) / (1.0 + exp(-30.0)), rel=1e-14)
    assert by_first == pytest.approx(-by_second, rel=2e-3)


def test_an_infinite_logit_makes_every_probability_nan_as_in_torch() -> None:
    x = torch.tensor([1.0, inf], dtype=torch.float64)
    assert torch.softmax(x, 0).isnan().all()
    assert all(isnan(p.data) for p in functional.softmax(x.tolist()))


def test_probabilities_add_up_to_one() -> None:
    for logits in LOGITS:
        assert sum(p.data for p in functional.softmax(logits)) == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize("n", [0, 1, 2, 7])
@pytest.mark.parametrize("bias", [None, 0.7])
def test_dot_is_the_plain_loop(n: int, bias: float | None) -> None:
    rng = np.random.default_rng(n)
    weights, inputs = ([Value(x) for x in rng.normal(size=n)] for _ in range(2))
    node = functional.dot(weights, inputs, bias)
    loop = 0.0 if bias is None else bias
    for w, x in zip(weights, inputs):
        loop += w.data * x.data
    assert node.data == pytest.approx(loop, rel=1e-14)
    assert node.op is ops.DOT
    assert node.parents[: 2 * n] == (*weights, *inputs)
    node.backward()
    assert [w.grad for w in weights] == [x.data for x in inputs]
    assert [x.grad for x in inputs] == [w.data for w in weights]
    assert [b.grad for b in node.parents[2 * n :]] == [1.0] * (bias is not None)


def test_dot_with_one_value_on_both_sides() -> None:
    a = Value(3.0)
    node = functional.dot([a, a], [a, 2.0], a)
    node.backward()
    assert (node.data, a.grad) == (18.0, 2 * 3.0 + 2.0 + 1.0)


def test_sums_of_nothing() -> None:
    nothing: list[Value] = []
    assert functional.sum(nothing).data == functional.dot(nothing, nothing).data == 0.0
    assert type(functional.sum(nothing).data) is float
    assert functional.dot(nothing, nothing, 2.0).data == 2.0


@pytest.mark.parametrize("name", ["mean", "logsumexp", "softmax", "log_softmax"])
def test_of_nothing_is_undefined(name: str) -> None:
    with pytest.raises(ShapeError, match=f"{name} of no values is undefined; give at least one"):
        getattr(functional, name)([])


def test_dot_wants_as_many_inputs_as_weights() -> None:
    with pytest.raises(ShapeError, match="2 weights and 1 inputs"):
        functional.dot([1.0, 2.0], [3.0])


@pytest.mark.parametrize("name", ["sum", "mean", "logsumexp", "softmax", "log_softmax"])
def test_takes_generators_arrays_and_mixtures(name: str) -> None:
    function = getattr(functional, name)
    expected = numbers(function([0.5, -1.0, 2.0]))
    assert numbers(function(x for x in (0.5, -1.0, 2.0))) == expected
    assert numbers(function(np.array([0.5, -1.0, 2.0]))) == expected
    assert numbers(function([Value(0.5), -1, np.float32(2.0)])) == expected


def numbers(result: Value | list[Value]) -> list[float]:
    return [value.data for value in (result if isinstance(result, list) else [result])]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (functional.where(True, 1.0, 2.0), 1.0),
        (functional.where(False, 1.0, 2.0), 2.0),
        (functional.where(Value(0.0), 1.0, 2.0), 2.0),
        (functional.where(Value(-0.5), 1.0, 2.0), 1.0),
        (functional.clamp(5.0), 5.0),
        (functional.clamp(5.0, high=3.0), 3.0),
        (functional.clamp(-5.0, low=-3.0), -3.0),
        (functional.leaky_relu(-1.0), -0.01),
        (functional.leaky_relu(-1.0, 0.2), -0.2),
        (functional.power(2.0, 3), 8.0),
        (functional.divide(1, 4), 0.25),
        (functional.absolute(-3), 3.0),
    ],
)
def test_takes_plain_numbers_and_defaults(result: Value, expected: float) -> None:
    assert result.data == expected


def test_equal_compares_by_value() -> None:
    assert functional.equal(Value(1.0), Value(1.0)) is True
    assert functional.equal(Value(1.0), 2) is False


def test_a_slope_that_is_a_value_is_differentiated() -> None:
    slope = Value(0.25)
    functional.leaky_relu(Value(-3.0), slope).backward()
    assert slope.grad == -3.0


def test_nothing_flows_to_a_condition() -> None:
    condition, a, b = Value(1.0), Value(2.0), Value(3.0)
    functional.where(condition, a, b).backward()
    assert (condition.grad, a.grad, b.grad) == (0.0, 1.0, 0.0)


def test_softmax_shares_its_normalizer() -> None:
    probabilities = functional.softmax([Value(0.1) for _ in range(50)])
    assert len(topological_order(functional.sum(probabilities))) == 50 + 2 + 3 * 50 + 1


@pytest.mark.parametrize("name", sorted(set(functional.__all__) - {"uniform", "declare"}))
def test_refuses_what_is_no_number(name: str) -> None:
    function = getattr(functional, name)
    required = [p for p in signature(function).parameters.values() if p.default is p.empty]
    arguments = [["1"] if p.annotation.startswith("Iterable") else "1" for p in required]
    with pytest.raises(NotANumberError, match="got str '1'"):
        function(*arguments)
