"""Losses near 0 and at large logits, digit by digit: mpmath says what is right, torch what inf is.

A small loss is a difference of large numbers only if it is computed so. Each case runs eagerly,
compiled for one sample, compiled for a whole batch, and in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan
from typing import Any, Final

import mpmath
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from tests.against_torch import assert_close, grad_of, tensor_of, values_of
from tinygrad_mlp import MLP, Value, compile, fit, functional
from tinygrad_mlp.derivatives import grad
from tinygrad_mlp.losses import binary_cross_entropy_with_logits, categorical_cross_entropy
from tinygrad_mlp.nn import Module

Floats = NDArray[np.float64]

LOGITS: Final[dict[str, list[float]]] = {
    "a common offset": [1e12 + 2.0, 1e12 - 1.0, 1e12],
    "a common offset below": [-1e12 + 2.0, -1e12 - 1.0, -1e12],
    "an offset without digits": [1e16, 1e16, 1e16 - 2.0],
    "confident": [1000.0, 970.0, 960.0],
    "confident, one of them 0": [0.0, -30.0, -50.0],
    "less than the rounding of 1": [0.0, -50.0, -60.0],
    "a tie": [5.0, 5.0, -40.0],
    "all equal": [0.0, 0.0, 0.0],
    "far apart": [800.0, -800.0, 0.0],
    "plain": [0.5, -1.25, 2.0],
}
TARGETS: Final[dict[str, list[float]]] = {
    "first": [1.0, 0.0, 0.0],
    "second": [0.0, 1.0, 0.0],
    "soft": [0.5, 0.25, 0.25],
    "nearly hard": [1.0 - 2.0**-30, 2.0**-30, 0.0],
    "one and a little": [1.0, 5e-7, 0.0],  # sums that are 1 only nearly, as those of float32
    "nearly one": [0.0, 1.0 - 5e-7, 0.0],
}


def exact_cross_entropy(logits: list[float], target: list[float]) -> tuple[float, list[float]]:
    """The loss and its derivatives in 60 digits."""
    with mpmath.workdps(60):
        z, t = [mpmath.mpf(x) for x in logits], [mpmath.mpf(x) for x in target]
        largest = max(z)
        terms = [mpmath.exp(x - largest) for x in z]
        total = sum(terms)
        loss = mpmath.log(total) + sum(w * (largest - x) for w, x in zip(t, z))
        return float(loss), [float(term / total - w) for term, w in zip(terms, t)]


def of_row(logits: list[Value], target: Any) -> Value:
    loss: Value = categorical_cross_entropy(logits, target)
    return loss


def shifted(parameters: list[Value], offset: Value) -> list[Value]:
    return [parameter + offset for parameter in parameters]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("logits", LOGITS)
def test_cross_entropy_is_exact_however_it_is_computed(logits: str, target: str) -> None:
    z, t = LOGITS[logits], TARGETS[target]
    loss, gradients = exact_cross_entropy(z, t)
    values = [Value(x) for x in z]
    eager = of_row(values, t)
    eager.backward()
    np.testing.assert_allclose(eager.data, loss, rtol=1e-14)
    np.testing.assert_allclose(grad_of(values), gradients, rtol=1e-12, atol=1e-16)

    by_sample = compile(lambda row: of_row(values, row), values, per_sample=True)
    np.testing.assert_allclose(by_sample(np.array([t, t])), loss, rtol=1e-14)
    np.testing.assert_allclose(by_sample.gradients, gradients, rtol=1e-12, atol=2e-16)

    samples = [values, values, values]
    whole = compile(lambda rows: categorical_cross_entropy(samples, rows), values)
    np.testing.assert_allclose(whole(np.array([t, t, t])), loss, rtol=1e-14)
    np.testing.assert_allclose(whole.gradients, gradients, rtol=1e-12, atol=2e-16)


@pytest.mark.parametrize("logits", LOGITS)
@pytest.mark.parametrize("label", [0, 1, 2])
def test_a_label_gives_what_its_row_gives(logits: str, label: int) -> None:
    by_label, by_row, of_values = (values_of(np.array(LOGITS[logits])) for _ in range(3))
    row = np.eye(3)[label]
    losses = [
        categorical_cross_entropy(by_label, label),
        categorical_cross_entropy(by_row, row),
        categorical_cross_entropy(of_values, [Value(t) for t in row]),
    ]
    for loss in losses:
        loss.backward()
    assert losses[0].data == losses[1].data
    assert grad_of(by_label) == grad_of(by_row)
    np.testing.assert_allclose(losses[2].data, losses[0].data, rtol=1e-14)
    np.testing.assert_allclose(grad_of(of_values), grad_of(by_label), rtol=1e-14, atol=2e-16)


def test_a_confident_label_has_an_exact_derivative() -> None:
    logits = [Value(1000.0), Value(970.0)]
    categorical_cross_entropy(logits, 0).backward()
    (own, other) = exact_cross_entropy([1000.0, 970.0], [1.0, 0.0])[1]
    np.testing.assert_allclose(grad_of(logits), [own, other], rtol=1e-14)
    assert other == -own != 0.0


@pytest.mark.parametrize("label", [0, 1])
def test_float32_programs_lose_no_digits_to_an_offset(label: int) -> None:
    parameters = [Value(2.0), Value(-1.0)]
    loss, gradients = exact_cross_entropy([2.0, -1.0], np.eye(2)[label].tolist())
    programs = [
        compile(
            lambda offset: categorical_cross_entropy(shifted(parameters, offset), label),
            parameters,
            dtype="float32",
        ),
        compile(
            lambda offset: categorical_cross_entropy(shifted(parameters, offset), label),
            parameters,
            dtype="float32",
            per_sample=True,
        ),
    ]
    for program, offset in zip(programs, (np.array(1e4), np.array([1e4, -1e4]))):
        np.testing.assert_allclose(program(offset), loss, rtol=1e-6)
        np.testing.assert_allclose(program.gradients, gradients, rtol=1e-6, atol=1e-7)


def test_a_small_loss_is_not_0_in_float32() -> None:
    parameters = [Value(20.0), Value(0.0), Value(-1.0)]
    program = compile(
        lambda row: of_row(parameters, row), parameters, dtype="float32", per_sample=True
    )
    expected, _ = exact_cross_entropy([20.0, 0.0, -1.0], [1.0, 0.0, 0.0])
    np.testing.assert_allclose(program(np.eye(3)[[0, 0]]), expected, rtol=1e-6)


EXACT_LOGITS: Final = [s * x for x in (1e-300, 1e-8, 0.1, 1.0, 20.0, 36.0, 700.0) for s in (1, -1)]


@pytest.mark.parametrize("target", [0.0, 0.25, 1.0 - 2.0**-20, 1.0])
@pytest.mark.parametrize("logit", [0.0, *EXACT_LOGITS])
def test_binary_cross_entropy_is_exact_however_it_is_computed(logit: float, target: float) -> None:
    with mpmath.workdps(400):
        z, t = mpmath.mpf(logit), mpmath.mpf(target)
        loss = float(mpmath.log1p(mpmath.exp(z)) - t * z)
        slope = float(1 / (1 + mpmath.exp(-z)) - t)
    value = Value(logit)
    eager = binary_cross_entropy_with_logits(value, target)
    eager.backward()
    np.testing.assert_allclose([eager.data, value.grad], [loss, slope], rtol=1e-14)
    for per_sample in (False, True):
        program = compile(
            lambda t: binary_cross_entropy_with_logits(value, t), [value], per_sample=per_sample
        )
        found = program(np.full(3, target) if per_sample else target)
        np.testing.assert_allclose([found, *program.gradients], [loss, slope], rtol=1e-14)


@pytest.mark.parametrize("target", [0.0, 0.25, 1.0])
def test_second_derivative_of_binary_cross_entropy(target: float) -> None:
    for logit in (-30.0, -1.0, 0.0, 1.0, 30.0):
        z, x = tensor_of(logit, requires_grad=True), Value(logit)
        theirs = F.binary_cross_entropy_with_logits(z, tensor_of(target))
        (slope,) = torch.autograd.grad(theirs, z, create_graph=True)
        (expected,) = torch.autograd.grad(slope, z)
        ours = binary_cross_entropy_with_logits(x, target)
        (first,) = grad(ours, [x], create_graph=True)
        assert grad(first, [x])[0] == pytest.approx(expected.item(), rel=1e-12)


# What they stand on


@pytest.mark.parametrize("logits", LOGITS)
def test_logsumexp_and_log_softmax_are_exact(logits: str) -> None:
    numbers = LOGITS[logits]
    with mpmath.workdps(60):
        terms = [mpmath.exp(mpmath.mpf(x) - max(numbers)) for x in numbers]
        total = sum(terms)
        value = float(max(numbers) + mpmath.log(total))
        logs = [float(x - max(numbers) - mpmath.log(total)) for x in map(mpmath.mpf, numbers)]
        shares = [float(term / total) for term in terms]
    inputs = [Value(x) for x in numbers]
    node = functional.logsumexp(inputs)
    np.testing.assert_allclose(node.data, value, rtol=1e-15)
    np.testing.assert_allclose(node.partials, shares, rtol=1e-15)
    np.testing.assert_allclose([x.data for x in functional.log_softmax(inputs)], logs, rtol=1e-14)
    np.testing.assert_allclose([x.data for x in functional.softmax(inputs)], shares, rtol=1e-12)
    whole = compile(lambda: functional.logsumexp(inputs), inputs)
    by_sample = compile(
        lambda zero: functional.logsumexp([x + zero for x in inputs]), inputs, per_sample=True
    )
    for program, arguments in ((whole, []), (by_sample, [np.zeros(2)])):
        np.testing.assert_allclose(program(*arguments), value, rtol=1e-15)
        np.testing.assert_allclose(program.gradients, shares, rtol=1e-15)


def test_slopes_of_logsumexp_as_a_graph_are_the_same_numbers() -> None:
    inputs = [Value(1e12 + 2.0), Value(1e12 - 1.0)]
    node = functional.logsumexp(inputs)
    slopes = grad(node, inputs, create_graph=True)
    assert tuple([slope.data for slope in slopes]) == node.partials
    np.testing.assert_allclose(
        grad(slopes[0], inputs), np.array([1.0, -1.0]) * np.prod(node.partials), rtol=1e-14
    )


# Logits that are not finite


INFINITE: Final[list[tuple[list[float], Any]]] = [
    ([0.0, -inf, 1.0], 0),
    ([0.0, -inf, 1.0], 1),
    ([-inf, -inf], 0),
    ([inf, 0.0], 0),
    ([inf, 0.0], 1),
    ([nan, 0.0], 1),
    ([0.0, -inf, 1.0], [0.5, 0.25, 0.25]),
]


def grad_of_tensor(tensor: torch.Tensor) -> list[float]:
    assert tensor.grad is not None
    slopes: list[float] = tensor.grad.ravel().tolist()
    return slopes


@pytest.mark.parametrize(("logits", "target"), INFINITE)
def test_logits_that_are_not_finite_as_in_torch(logits: list[float], target: Any) -> None:
    z = tensor_of([logits], requires_grad=True)
    kind = torch.int64 if isinstance(target, int) else torch.float64
    theirs = F.cross_entropy(z, torch.tensor([target], dtype=kind))
    theirs.backward()
    values = [Value(x) for x in logits]
    loss = categorical_cross_entropy(values, target)
    loss.backward()
    assert_close([loss.data, *grad_of(values)], [theirs.item(), *grad_of_tensor(z)])


@pytest.mark.parametrize("per_sample", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("row", [[1.0, 0.0, 0.0], [0.5, 0.0, 0.5]])
def test_a_class_that_is_impossible_costs_nothing(
    row: list[float], dtype: str, per_sample: bool
) -> None:
    without = [Value(0.25), Value(1.0)]
    expected = categorical_cross_entropy(without, [row[0], row[2]])
    expected.backward()
    logits = [Value(0.25), Value(-inf), Value(1.0)]
    loss = categorical_cross_entropy(logits, row)
    loss.backward()
    program = compile(lambda t: of_row(logits, t), logits, dtype=dtype, per_sample=per_sample)
    found = program(np.array([row, row]) if per_sample else row)
    gradients = [without[0].grad, 0.0, without[1].grad]
    assert_close(loss.data, expected.data)
    assert_close(grad_of(logits), gradients)
    np.testing.assert_allclose(found, expected.data, rtol=1e-6)
    np.testing.assert_allclose(program.gradients, gradients, rtol=1e-6, atol=1e-7)


def test_an_impossible_label_costs_inf_in_a_program() -> None:
    logits = [Value(0.25), Value(-inf)]
    program = compile(lambda t: of_row(logits, t), logits, per_sample=True)
    assert program(np.eye(2)) == inf


class OneClassShut(Module):
    """A network whose last class has the logit -inf."""

    def __init__(self) -> None:
        self.inner = MLP(2, [4, 3], activation="tanh", rng=0)

    def forward(self, x: Any) -> list[Value]:
        """Three logits."""
        z = self.inner.forward(x)
        return [z[0], z[1], z[2] - inf]

    logits = forward


def own_loss(outputs: Any, targets: Any) -> Value:
    loss: Value = categorical_cross_entropy(outputs, targets)
    return loss


@pytest.mark.parametrize("loss", ["categorical_cross_entropy", own_loss])
@pytest.mark.parametrize("as_rows", [False, True])
@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_network_with_an_impossible_class_trains_as_in_torch(
    engine: str, as_rows: bool, loss: str | Callable[..., Value]
) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 2))
    y = (X[:, 0] > 0.0).astype(np.int64)
    model = OneClassShut()
    parameters = model.parameters()
    torch_parameters = [tensor_of(p.data, requires_grad=True) for p in parameters]
    targets = np.eye(3)[y] if as_rows else y
    history = fit(
        model, X, targets, loss=loss, epochs=3, optimizer="sgd", learning_rate=0.5, engine=engine
    )
    losses = []
    for _ in range(3):
        w = iter(torch_parameters)
        h = []
        layers: list[list[list[Any]]] = []
        for n_in, n_out in ((2, 4), (4, 3)):
            layers.append([[next(w) for _ in range(n_in + 1)] for _ in range(n_out)])
        total = []
        for x, label in zip(X, y):
            h = list(tensor_of(x))
            for layer, last in ((layers[0], False), (layers[1], True)):
                z = [sum(a * b for a, b in zip(u, h)) + u[-1] for u in layer]
                h = z if last else [torch.tanh(a) for a in z]
            logits = torch.stack([h[0], h[1], h[2] - inf])[None]
            total.append(F.cross_entropy(logits, torch.tensor([label])))
        mean = torch.stack(total).mean()
        losses.append(mean.item())
        slopes = torch.autograd.grad(mean, torch_parameters)
        torch_parameters = [
            (p - 0.5 * g).detach().requires_grad_() for p, g in zip(torch_parameters, slopes)
        ]
    assert_close(history.loss, losses)
    assert_close([p.data for p in parameters], [p.item() for p in torch_parameters])


@pytest.mark.parametrize("target", [0, 1, [1.0, 0.0], [0.0, 1.0]])
@pytest.mark.parametrize("logits", [[-1e308, 1e308], [1e308, -1e308], [1e308, 1e308]])
def test_logits_whose_difference_is_too_large_for_a_float(logits: list[float], target: Any) -> None:
    ours, theirs = [Value(z) for z in logits], tensor_of(logits, requires_grad=True)
    categorical_cross_entropy([ours], [target]).backward()
    wanted = torch.tensor([target]) if isinstance(target, int) else tensor_of([target])
    F.cross_entropy(theirs[None], wanted).backward()
    assert theirs.grad is not None
    assert_close(grad_of(ours), theirs.grad)


def test_the_logit_of_a_single_class_has_the_gradient_0() -> None:
    z, theirs = Value(3.0), tensor_of([[3.0]], requires_grad=True)
    loss = categorical_cross_entropy([[z]], [0])
    loss.backward()
    wanted = F.cross_entropy(theirs, torch.tensor([0]))
    wanted.backward()
    assert theirs.grad is not None
    assert (loss.data, z.has_grad, z.grad) == (wanted.item(), True, theirs.grad.item())
