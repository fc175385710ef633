"""The first nan or inf: told at its cause, in graphs, trainings and compiled programs."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tinygrad_mlp import Value, engine, functional, no_grad
from tinygrad_mlp._blocks import PLAIN, current
from tinygrad_mlp.compiler import Program, compile
from tinygrad_mlp.debug import (
    detect_anomaly,
    trace_backward,
)
from tinygrad_mlp.derivatives import grad
from tinygrad_mlp.engine import topological_order
from tinygrad_mlp.errors import (
    NonFiniteError,
)
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import fit, predict


def log_of_0() -> Value:
    return Value(0.0, label="p").log()


def overflow() -> Value:
    return functional.exp(Value(800.0, label="z"))


def nothing_by_nothing() -> Value:
    return Value(0.0) / Value(0.0)


def by_nothing() -> Value:
    return Value(1.0) / Value(0.0)


def root_of_negative() -> Value:
    return Value(-1.0).sqrt()


def fractional_power() -> Value:
    return Value(-2.0) ** 0.5


def inf_in_a_sum() -> Value:
    return Value(math.inf) - Value(math.inf)


def exp_of_inf() -> Value:
    return functional.exp(Value(math.inf))


def product_too_large() -> Value:
    return Value(1e300) * Value(1e300)


def inf_within_a_dot() -> Value:
    return functional.dot([1e200, -1e200], [1e200, 1e200])


@pytest.mark.parametrize(
    ("function", "parts"),
    [
        (log_of_0, ["log gives -inf in the forward pass", "p = 0.0", "log(0) is -inf"]),
        (overflow, ["exp gives inf", "z = 800.0", "exp overflows above 709.78"]),
        (nothing_by_nothing, ["div gives nan", "0/0 is nan"]),
        (by_nothing, ["div gives inf", "a division by 0"]),
        (root_of_negative, ["sqrt gives nan", "sqrt of a negative number"]),
        (fractional_power, ["pow_number gives nan", "a negative number to a fractional power"]),
        (inf_in_a_sum, ["sub gives nan", "an input is inf already, and inf - inf or 0"]),
        (exp_of_inf, ["exp gives inf", "an input is inf already; look where"]),
        (product_too_large, ["mul gives inf", "the result is larger than 1.8e308"]),
        (
            inf_within_a_dot,
            ["dot gives nan", "on the way are larger than 1.8e308", "inf - inf is nan;"],
        ),
    ],
)
def test_the_first_anomaly_forward(function: Callable[[], Value], parts: list[str]) -> None:
    with pytest.raises(NonFiniteError) as caught, detect_anomaly():
        (function() * 0.0 + 1.0).backward()
    message = str(caught.value)
    for part in parts:
        assert part in message
    line = function.__code__.co_firstlineno + 1
    assert f"{Path(__file__)}:{line} in {function.__name__}" in message


def test_a_masked_branch_of_where_is_told_in_the_backward_pass() -> None:
    x = Value(0.0, label="x")
    with pytest.raises(NonFiniteError) as caught, detect_anomaly():
        functional.where(x > 0.0, functional.sqrt(x), x).backward()
    message = str(caught.value)
    assert "the gradient of x becomes nan in the backward pass of sqrt: 0.0 * inf" in message
    assert "choose the argument first" in message
    assert f"{Path(__file__)}:" in message


@pytest.mark.parametrize(
    "branch",
    [
        functional.log,
        lambda x: 1.0 / x,
        lambda x: (x - 1.0).sqrt(),
        lambda x: x**-0.5,
        lambda x: (x - 1.0) ** 0.5,
        lambda x: functional.log1p(x - 1.0),
    ],
)
def test_a_branch_that_is_not_finite_forward_hears_of_where(
    branch: Callable[[Value], Value],
) -> None:
    x = Value(0.0, label="x")
    with pytest.raises(NonFiniteError, match="inside a where too"), detect_anomaly():
        functional.where(x > 0.0, branch(x), x)


@pytest.mark.parametrize(
    ("branch", "example"),
    [
        (functional.sqrt, "choose the argument first: sqrt(where(x > 0, x, 1.0))"),
        (lambda x: x**0.5, "choose the argument first: where(x > 0, x, 1.0) ** 0.5"),
    ],
)
def test_a_masked_branch_is_told_with_its_own_op(
    branch: Callable[[Value], Value], example: str
) -> None:
    x = Value(0.0, label="x")
    with pytest.raises(NonFiniteError, match=re.escape(example)), detect_anomaly():
        functional.where(x > 0.0, branch(x), x).backward()


def test_a_mask_elsewhere_in_the_graph_is_not_blamed() -> None:
    x, y = Value(0.0, label="x"), Value(-1.0, label="y")
    with pytest.raises(NonFiniteError) as caught, detect_anomaly():
        (0.0 * x.sqrt() + y.relu()).backward()
    assert "keep away from the point where the local derivative is inf" in str(caught.value)
    assert "not chosen" not in str(caught.value)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (functional.sqrt, r"the derivative of sqrt at 0 is inf; add a small number"),
        (lambda x: x**0.5, r"the derivative of x\^0.5 at 0 is inf; add a small number"),
        (lambda x: x ** Value(0.25), r"the derivative of x\^0.25 at 0 is inf"),
    ],
)
def test_an_infinite_derivative_at_0_is_told(
    function: Callable[[Value], Value], message: str
) -> None:
    node = function(Value(0.0))
    with pytest.raises(NonFiniteError, match=message), detect_anomaly():
        node.backward()


def test_a_gradient_that_was_left_in_a_leaf_is_told() -> None:
    x = Value(2.0, label="x")
    x.grad = math.nan
    with pytest.raises(NonFiniteError) as caught, detect_anomaly():
        (x * x).backward()
    assert "the gradient of x was nan before this pass, and leaves add up" in str(caught.value)
    assert "explodes" not in str(caught.value)


def test_without_gradients_the_forward_pass_is_checked_too() -> None:
    with pytest.raises(NonFiniteError) as caught, detect_anomaly(), no_grad():
        log_of_0()
    for part in ("log gives -inf in the forward pass", "p = 0.0", "in log_of_0"):
        assert part in str(caught.value)


def overflowing_model() -> MLP:
    model = MLP(1, [2, 1], rng=0)
    model.layers[0].neurons[1].w[0].data = math.inf
    return model


@pytest.mark.parametrize("n_samples", [3, 100])
def test_a_prediction_with_an_infinite_weight_is_told(n_samples: int) -> None:
    X = np.ones((n_samples, 1))
    with (
        pytest.raises(NonFiniteError, match=r"layers\.0\.neurons\.1\.w\.0 = inf"),
        detect_anomaly(),
    ):
        predict(overflowing_model(), X)


def test_of_many_inputs_the_infinite_one_is_shown() -> None:
    weights = [Value(1.0) for _ in range(20)]
    weights[15] = Value(math.inf, label="w15")
    with pytest.raises(NonFiniteError, match=r"inputs: w15 = inf, 1\.0"), detect_anomaly():
        functional.dot(weights, [1.0] * 20)


def gradient_overflows() -> Value:
    return Value(1e-300, label="x") * 1e200 * 1e200


@pytest.mark.parametrize(
    "differentiate",
    [
        lambda loss: loss.backward(),
        trace_backward,
        lambda loss: grad(loss, [next(x for x in topological_order(loss) if x.label)]),
    ],
)
def test_every_way_to_differentiate_is_checked(
    differentiate: Callable[[Value], object],
) -> None:
    with pytest.raises(NonFiniteError, match="it explodes"), detect_anomaly():
        differentiate(gradient_overflows())
    root = Value(0.0, label="x").log()
    with (
        pytest.raises(NonFiniteError, match="log gives -inf in the forward pass"),
        detect_anomaly(),
    ):
        differentiate(root)


@pytest.mark.parametrize("engine_name", ["auto", "compiled", "eager"])
def test_a_training_that_explodes_is_told_at_the_node(engine_name: str) -> None:
    X, y = np.array([[1.0], [2.0], [3.0]]), np.array([1.0, 0.0, 1.0])
    model = MLP(1, [3, 1], activation="tanh", rng=0)
    with pytest.raises(NonFiniteError) as caught, detect_anomaly():
        fit(model, X, y, epochs=3, learning_rate=1e200, engine=engine_name, log_every=None)
    message = str(caught.value)
    assert ("its batch was computed again eagerly" in message) == (engine_name != "eager")
    assert "gives inf in the forward pass" in message
    assert f"{Path(__file__)}:" in message


def test_a_program_whose_gradient_alone_is_not_finite_is_told() -> None:
    w = Value(0.0, label="w")
    program = compile(lambda x: (w * x).sqrt(), [w], per_sample=True)
    with pytest.raises(NonFiniteError) as caught, detect_anomaly():
        program([1.0, 2.0])
    message = str(caught.value)
    assert "computed again eagerly" in message
    assert "the derivative of sqrt at 0 is inf" in message


def test_a_program_finds_the_node_again_with_the_same_random_numbers() -> None:
    rng = np.random.default_rng(3)
    w = Value(1.0, label="w")

    def loss(x: Value) -> Value:
        return functional.where(functional.uniform(rng) < 0.02, w - 1.0, w * x).log()

    program = compile(loss, [w], per_sample=True)
    with pytest.raises(NonFiniteError, match="log gives -inf"), detect_anomaly():
        any(program([1.0, 2.0]) is None for _ in range(1000))


def test_single_precision_that_ends_sooner_is_told() -> None:
    w = Value(1e30, label="w")
    program = compile(lambda x: w * x, [w], dtype="float32")
    with pytest.raises(NonFiniteError, match=r"float32, which ends at 3\.4e\+38"), detect_anomaly():
        program(1e30)


def test_a_program_without_anomalies_is_left_alone() -> None:
    model, other = MLP(2, [3, 1], rng=0), MLP(2, [3, 1], rng=0)
    X, y = np.random.default_rng(0).normal(size=(20, 2)), np.arange(20.0)
    fit(model, X, y, epochs=3, rng=0, log_every=None)
    with detect_anomaly():
        fit(other, X, y, epochs=3, rng=0, log_every=None)
    assert [p.data for p in model.parameters()] == [p.data for p in other.parameters()]


def test_a_function_can_look_for_anomalies_while_it_is_compiled() -> None:
    w = Value(2.0)

    def loss(x: Value) -> Value:
        with detect_anomaly():
            return w * x

    assert compile(loss, [w])(3.0) == 6.0


def test_a_gradient_that_overflows_is_told() -> None:
    with pytest.raises(NonFiniteError, match="it explodes"), detect_anomaly():
        (Value(1e-300) * 1e200 * 1e200).backward()


def test_without_anomalies_the_bits_are_those_of_backward() -> None:
    model, other = MLP(2, [3, 1], rng=0), MLP(2, [3, 1], rng=0)
    (model([0.5, -1.0]) ** 2).backward()
    with detect_anomaly():
        (other([0.5, -1.0]) ** 2).backward()
    assert [p.grad for p in model.parameters()] == [p.grad for p in other.parameters()]


def test_it_finds_the_fault_in_a_training_with_the_eager_engine() -> None:
    X, y = [[1.0], [2.0]], [0.0, 1.0]

    def loss(outputs: object, targets: object) -> Value:
        assert isinstance(outputs, list)
        return functional.sum([(o * 0.0).log() for o in outputs])

    with pytest.raises(NonFiniteError, match="log gives -inf"), detect_anomaly():
        fit(MLP(1, [1], rng=0), X, y, loss=loss, epochs=1, engine="eager", log_every=None)


def test_off_nothing_is_left_behind() -> None:
    def replaced() -> tuple[object, ...]:
        return (*vars(engine).items(), *vars(Value).items(), *vars(Program).items())

    before = replaced()
    with detect_anomaly():
        assert replaced() == before, "nor is anything replaced within the block"
    with pytest.raises(NonFiniteError), detect_anomaly():
        Value(0.0).log()
    assert replaced() == before
    assert current() is PLAIN
    assert type(Value(1.0) + 1.0) is Value
