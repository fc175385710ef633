"""What nodes have of the hundred-line engines, beyond their arithmetic, and what they refuse."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tinygrad_mlp import Module, compile, functional, grad, no_grad, predict
from tinygrad_mlp.data import StandardScaler
from tinygrad_mlp.debug import detect_anomaly, trace_backward
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import (
    DataError,
    NotANumberError,
    ShapeError,
    TracingError,
    UnknownAttributeError,
)
from tinygrad_mlp.nn import MLP, Layer, Neuron
from tinygrad_mlp.optim import SGD, Adam, clip_by_norm

# _prev, _op, _backward


def test_the_parents_are_a_set_and_a_plain_exponent_is_none() -> None:
    a, b = Value(2.0), Value(3.0)
    assert a._prev == set()
    assert (a * b)._prev == {a, b}
    assert (a + a)._prev == {a}
    assert (a**2)._prev == {a}
    assert (a**b)._prev == {a, b}
    assert len((a * 2)._prev) == 2
    assert {v._op for v in (a * 2)._prev} == {""}


@pytest.mark.parametrize(
    ("compute", "text"),
    [
        (lambda a, b: a + b, "+"),
        (lambda a, b: a - b, "-"),
        (lambda a, b: a * b, "*"),
        (lambda a, b: a / b, "/"),
        (lambda a, b: a**b, "**"),
        (lambda a, b: a**2, "**2"),
        (lambda a, b: a**0.5, "**0.5"),
        (lambda a, b: a**-1, "**-1"),
        (lambda a, b: 2**a, "**"),
        (lambda a, b: a % b, "%"),
        (lambda a, b: a // b, "//"),
        (lambda a, b: -a, "neg"),
        (lambda a, b: a.relu(), "ReLU"),
        (lambda a, b: a.tanh(), "tanh"),
        (lambda a, b: a.exp(), "exp"),
        (lambda a, b: a.sigmoid(), "sigmoid"),
        (lambda a, b: functional.dot([a], [b]), "dot"),
        (lambda a, b: a, ""),
    ],
)
def test_the_operation_as_text(compute: Callable[[Value, Value], Value], text: str) -> None:
    assert compute(Value(2.0), Value(3.0))._op == text


def test_they_cost_nothing_in_a_node_and_are_there_for_every_kind_of_one() -> None:
    assert not {"_prev", "_op", "_backward"} & set(Value.__slots__)
    leaf = Value(1.0)
    leaf._backward()
    assert not leaf.has_grad
    with no_grad():
        assert (leaf * 2.0)._op == ""
    twin = copy.deepcopy(leaf * 2.0)
    assert twin._op == pickle.loads(pickle.dumps(twin))._op == "*"


def test_one_node_adds_what_it_contributes_to_its_parents() -> None:
    a, b = Value(2.0), Value(3.0)
    c = a * b
    c.grad = 10.0
    a.grad = 1.0
    c._backward()
    assert (a.grad, b.grad) == (31.0, 20.0)
    c._backward()
    assert (a.grad, b.grad) == (61.0, 40.0)


def test_by_hand_nothing_flows_to_a_condition() -> None:
    x = Value(0.0)
    out = functional.where(x.sqrt(), x, 2.0 * x)
    out.grad = float("inf")
    condition = out.parents[0]
    out._backward()
    assert condition.grad == 0.0


@pytest.mark.parametrize("name", ["_prev", "_op", "_backward"])
def test_they_are_read_only_and_the_error_shows_an_operation_of_one_s_own(name: str) -> None:
    value: Any = Value(2.0) * 3.0
    with pytest.raises(UnknownAttributeError) as caught:
        setattr(value, name, print)
    assert isinstance(caught.value, AttributeError)
    code = str(caught.value).partition("with its derivative: ")[2].split("; ")
    namespace: dict[str, Any] = {"functional": functional}
    try:  # the lines of the message run
        for statement in ["; ".join(code[:1]), *code[1:3]]:
            exec(statement, namespace)
        x = Value(2.0)
        namespace["cube"](x).backward()
    finally:
        functional.declare.__globals__["OPS"].pop("cube", None)
    assert x.grad == 12.0


# Cleared gradients, a gradient from above, the number


def test_none_is_a_cleared_gradient_everywhere() -> None:
    w, b = Value(2.0), Value(1.0)
    w.grad = b.grad = None  # type: ignore[assignment]
    assert not w.has_grad
    assert repr(w) == "Value(data=2.0, grad=None)"
    loss = (w * 3.0 + b) ** 2
    loss.backward()
    assert (w.grad, b.grad) == (42.0, 14.0)
    for p in (w, b):
        p.grad = None  # type: ignore[assignment]
    total = loss.parents[0]
    product = total.parents[0]
    product.grad = None  # type: ignore[assignment]
    product._backward()
    assert w.grad == 0.0
    total._backward()
    assert (product.grad, b.grad) == (14.0, 14.0)
    product._backward()
    assert w.grad == 42.0
    w.grad = None  # type: ignore[assignment]
    assert len(trace_backward(loss, accumulate=True)) == 4
    assert (w.grad, b.grad) == (42.0, 14.0 * 2.0)
    w.grad = None  # type: ignore[assignment]
    with detect_anomaly():
        loss.backward()
    assert w.grad == 42.0
    w.grad = None  # type: ignore[assignment]
    assert grad(loss, [w]) == [42.0]
    assert not copy.deepcopy(w).has_grad
    assert not pickle.loads(pickle.dumps(w)).has_grad
    assert clip_by_norm([w], max_norm=1.0) == 0.0
    Value(3.0).backward()


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_an_optimizer_takes_none_as_nothing(kind: Any) -> None:
    none, zero = Value(2.0), Value(2.0)
    none.grad, zero.grad = None, 0.0  # type: ignore[assignment]
    for parameter in (none, zero):
        kind([parameter], learning_rate=0.1, weight_decay=0.5).step()
    assert none.data == zero.data != 2.0


def test_a_leaf_that_is_the_output_may_have_been_cleared() -> None:
    a = Value(3.0)
    a.grad = None  # type: ignore[assignment]
    a.backward()
    assert a.grad == 1.0


@pytest.mark.parametrize("seed", [0.0, -2.5, 3, np.float32(0.5), Value(2.0)])
def test_backward_takes_the_gradient_of_its_output_as_torch_does(seed: Any) -> None:
    number = seed.data if isinstance(seed, Value) else float(seed)
    x, w = Value(0.5), Value(-1.5)
    t, u = (torch.tensor(v.data, dtype=torch.float64, requires_grad=True) for v in (x, w))
    for _ in range(2):
        (x * w).tanh().backward(seed)
        (t * u).tanh().backward(gradient=torch.tensor(number, dtype=torch.float64))
    assert [x.grad, w.grad] == pytest.approx([t.grad.item(), u.grad.item()], rel=1e-15)  # type: ignore[union-attr]
    with detect_anomaly():
        (x * w).tanh().backward(gradient=seed)
        (t * u).tanh().backward(gradient=torch.tensor(number, dtype=torch.float64))
    assert x.grad == pytest.approx(t.grad.item(), rel=1e-15)  # type: ignore[union-attr]
    leaf = Value(1.0)
    leaf.backward(seed)
    leaf.backward(seed)
    assert leaf.grad == 2.0 * number


def test_a_gradient_that_is_no_number_changes_nothing() -> None:
    x = Value(2.0)
    y = x * x
    y.backward()
    for wrong in ("1", [1.0], np.ones(2), None):
        with pytest.raises(NotANumberError):
            y.backward(wrong)  # type: ignore[arg-type]
    assert (x.grad, y.grad) == (4.0, 1.0)


def test_item_is_the_number() -> None:
    v = Value(2.0) * 3.0
    assert (v.item(), type(v.item())) == (6.0, float)
    v.data = 7
    assert (v.item(), type(v.item())) == (7.0, float)
    v.data = "7"  # type: ignore[assignment]
    with pytest.raises(NotANumberError, match="str '7'"):
        v.item()
    with pytest.raises(TracingError, match=r"its \.item\(\) was called"):
        compile(lambda x: x * Value(1.0) if x.item() > 0.0 else x)(1.0)


# %, //, round


@pytest.mark.parametrize("a", [7.5, -7.5, 1.0, 0.0])
@pytest.mark.parametrize("b", [2.0, -2.0, 0.1, 7.5])
def test_mod_and_floor_division_are_those_of_torch(a: float, b: float) -> None:
    x, y = Value(a), Value(b)
    t, u = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (a, b))
    (x % y).backward()
    torch.remainder(t, u).backward()
    assert (x % y).data == torch.remainder(t, u).item()
    assert [x.grad, y.grad] == [t.grad.item(), u.grad.item()]  # type: ignore[union-attr]
    floors = [(x // y).data, (x // b).data, (a // y).data]
    assert floors == [torch.div(t, u, rounding_mode="floor").item()] * 3
    assert [(x % b).data, (a % y).data] == [(x % y).data] * 2
    assert (x // y).data * b + (x % y).data == pytest.approx(a, abs=1e-12)


@pytest.mark.parametrize("n", [None, 0, 1, 3, -1])
@pytest.mark.parametrize("number", [0.5, 1.5, 2.5, -0.5, 15.0, 1234.56789, -25.0])
def test_round_is_that_of_torch(number: float, n: int | None) -> None:
    x = Value(number)
    rounded: Any = round(x) if n is None else round(x, n)
    expected = torch.round(torch.tensor(number, dtype=torch.float64), decimals=n or 0)
    assert rounded.data == expected.item()


def test_nothing_flows_through_what_is_rounded() -> None:
    x = Value(0.0)
    root = x.sqrt()  # with an infinite slope
    for out in (round(root) * 2.0, root // 1.0, 3.0 // (root + 1.0), functional.sign(root) + 1.0):
        x.zero_grad()
        out.backward()
        assert (x.grad, x.has_grad) == (0.0, True)
        again = pickle.loads(pickle.dumps((x, out)))
        again[0].zero_grad()
        again[1].backward()
        assert again[0].grad == 0.0
    w = Value(2.0)

    def loss(v: Value) -> Value:
        return w * v + round(w * v) + (w * v) // 0.5 + functional.sign(w) * v

    program = compile(loss, [w], per_sample=True)
    assert program([1.3]) == pytest.approx(loss(Value(1.3)).data)
    assert program.gradients.tolist() == [1.3]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("per_sample", [True, False])
def test_the_new_functions_compile(per_sample: bool, dtype: Any) -> None:
    w = [Value(0.3), Value(0.4)]

    def loss(x: Value) -> Value:
        small = w[0] * x
        terms = [getattr(functional, f)(small) for f in ("tan", "arcsin", "arccos", "arctan")]
        terms += [getattr(functional, f)(small) for f in ("sinh", "cosh", "exp2")]
        terms += [getattr(functional, f)(small * small + 0.5) for f in ("log2", "log10")]
        terms += [functional.mod(x, w[1]), small % 0.08, functional.sign(small) * w[1]]
        return functional.sum(terms)

    X = [0.9, -0.7, 0.5]
    program = (
        compile(loss, w, per_sample=True, dtype=dtype)
        if per_sample
        else compile(lambda xs: functional.mean(map(loss, xs)), w, dtype=dtype)
    )
    value = program(X)
    mean = functional.mean([loss(Value(x)) for x in X])
    mean.backward()
    tolerance = 1e-13 if dtype == "float64" else 3e-6
    assert value == pytest.approx(mean.data, rel=tolerance)
    assert program.gradients == pytest.approx([p.grad for p in w], rel=tolerance)


# Attributes of one's own


@pytest.mark.parametrize("name", ["velocity", "momentum", "m", "v"])
def test_what_is_kept_for_a_parameter_goes_into_a_dict(name: str) -> None:
    p: Any = Value(1.0)
    for use in (lambda: setattr(p, name, 0.0), lambda: getattr(p, name)):
        with pytest.raises(UnknownAttributeError, match=rf"{name} = \{{p: 0.0 for p in"):
            use()
    assert not hasattr(p, name)
    assert not hasattr(p, "__dict__")


def test_a_dict_keyed_by_value_as_in_the_error() -> None:
    model = MLP(2, [2, 1], rng=0)
    velocity = dict.fromkeys(model.parameters(), 0.0)
    for _ in range(3):
        loss = model([1.0, -1.0]) ** 2
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            velocity[p] = 0.9 * velocity[p] + p.grad
            p.data -= 0.1 * velocity[p]
    other = MLP(2, [2, 1], rng=0)
    optimizer = SGD(other.parameters(), learning_rate=0.1, momentum=0.9)
    for _ in range(3):
        loss = other([1.0, -1.0]) ** 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert [p.data for p in model.parameters()] == pytest.approx(
        [p.data for p in other.parameters()], rel=1e-14
    )


def test_the_networks_are_where_they_were() -> None:
    assert all(issubclass(kind, Module) for kind in (Neuron, Layer, MLP))


@pytest.mark.parametrize("X", [[[Value(1.0), 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, Value(4.0)]]])
def test_data_of_values_are_refused_with_the_cell(X: Any) -> None:
    cell = r"X\[0, 0\]" if isinstance(X[0][0], Value) else r"X\[1, 1\]"
    for use in (lambda: predict(MLP(2, [1], rng=0), X), lambda: StandardScaler().fit(X)):
        with pytest.raises(DataError, match=rf"{cell} is Value.*, not a number; .*value\.data"):
            use()
    with pytest.raises(ShapeError, match=r"array of numbers|arrays of numbers.*value\.data"):
        compile(lambda x: x * 2.0)(Value(1.0))  # type: ignore[arg-type]


@pytest.mark.parametrize("n_steps", range(6))
def test_the_second_step_of_a_program_may_be_a_logarithm(n_steps: int) -> None:
    """Steps are called after their operations: ``log2`` must not hide the function of that name."""
    w = [Value(0.5), Value(0.75)]

    def loss(x: Value) -> Value:
        h = [(wi * x).square() for wi in w]
        for _ in range(n_steps):
            h = [v.sin() + 2.0 for v in h]
        logs, powers = [v.log() for v in h], [v.exp() for v in h]
        parts = [functional.log2(v * v + 3.0) * v * v.tanh() for v in logs]
        parts += [functional.log10(v * v + 3.0) * v for v in logs]
        parts += [functional.exp2(v * 0.5) * v * v.sin() for v in powers]
        return functional.sum(parts)

    program = compile(loss, w, per_sample=True)
    mean = functional.mean([loss(Value(x)) for x in (0.3, -0.7)])
    mean.backward()
    assert program([0.3, -0.7]) == pytest.approx(mean.data, rel=1e-13)
    assert program.gradients == pytest.approx([p.grad for p in w], rel=1e-12)
