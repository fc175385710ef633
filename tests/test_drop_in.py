"""Programs written for the well-known hundred-line scalar engines, run here and in torch.

They use a ``Value`` made of a number, ``+ - * / **``, ``relu``, ``tanh``, ``exp``, ``log`` and
``sum``, and ``data`` and ``grad`` to be read and written.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pytest
import torch

from tinygrad_mlp.engine import Value

BINARY: Final = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


def mixed_arithmetic(a: Any, b: Any) -> Any:
    c = a * b - 3
    d = (c + 2 * a) / (b**2 + 1)
    d += d * 0.5 + (a - b).relu()
    e = 4 / (d - 10.0) + (-c) * a**3
    e -= 1 - d
    return e * e / 2.0 + 10.0 / e


def sigmoid_by_hand(a: Any, b: Any) -> Any:
    z = a * 1.5 + b * -0.5 + 0.25
    return 1 / (1 + (-z).exp())


def log_likelihood(a: Any, b: Any) -> Any:
    scores = [a * 2, b - a, a * b]
    exponentials = [score.exp() for score in scores]
    return -(exponentials[1] / sum(exponentials)).log()


def repeated_use(a: Any, b: Any) -> Any:
    x = a
    for _ in range(12):
        x = (x * b + x).tanh() + a
    return x


def one_neuron(a: Any, b: Any) -> Any:
    weighted = sum((w * x for w, x in zip([a, b, a], [0.5, -2.0, b])), a * 0 + 0.3)
    return (weighted.tanh() - 0.7) ** 2 + weighted.relu() * 0.1


@pytest.mark.parametrize("point", [(-4.0, 2.0), (0.3, -1.2), (1.5, 0.75)])
@pytest.mark.parametrize(
    "program", [mixed_arithmetic, sigmoid_by_hand, log_likelihood, repeated_use, one_neuron]
)
def test_is_a_drop_in(program: Callable[..., Any], point: tuple[float, float]) -> None:
    assert_same_as_torch(program, point)


def assert_same_as_torch(program: Callable[..., Any], point: Sequence[float]) -> None:
    values = [Value(x) for x in point]
    tensors = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in point]
    ours, theirs = program(*values), program(*tensors)
    ours.backward()
    theirs.backward()
    assert ours.data == pytest.approx(theirs.item(), rel=1e-12)
    for value, tensor in zip(values, tensors):
        expected = 0.0 if tensor.grad is None else tensor.grad.item()
        assert value.grad == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_a_hand_written_training_loop_is_torchs() -> None:
    """Two layers of plain ``w * x`` loops, ``p.data -= ...`` and ``p.grad = 0``: 20 steps."""
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=4 * 3 + 4 + 1).tolist()
    samples = rng.normal(size=(6, 3)).tolist()
    ours = [Value(x) for x in numbers]
    theirs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in numbers]
    losses = descend(ours, samples)
    assert losses == pytest.approx(descend(theirs, samples), rel=1e-11)
    assert losses[-1] < 0.5 * losses[0]
    assert [p.data for p in ours] == pytest.approx([p.item() for p in theirs], rel=1e-11)


def descend(parameters: list[Any], samples: list[list[float]]) -> list[float]:
    losses = []
    hidden, output = parameters[:12], parameters[12:]
    for _ in range(20):
        loss: Any = 0
        for x in samples:
            rows = [hidden[3 * i : 3 * i + 3] for i in range(4)]
            activations = [sum(w * xi for w, xi in zip(row, x)).relu() for row in rows]
            prediction = sum((w * h for w, h in zip(output, activations)), output[-1])
            loss = loss + (prediction - x[0] * x[1]) ** 2
        loss.backward()
        losses.append(loss.item() if isinstance(loss, torch.Tensor) else loss.data)
        for parameter in parameters:
            parameter.data -= 0.01 * parameter.grad
            parameter.grad = None if isinstance(parameter, torch.Tensor) else 0.0
    return losses


@pytest.mark.parametrize("compute", BINARY)
def test_operators_differentiate_on_both_sides_as_torch_does(compute: Callable[..., Any]) -> None:
    for program in (
        compute,
        lambda a, b: compute(2.0, a) * compute(b, 3),
        lambda a, b: compute(1 - a, 1 / b),
        lambda a, b: compute(a, a),
    ):
        assert_same_as_torch(program, [0.6, 1.7])
