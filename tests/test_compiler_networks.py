"""Compiled networks against the eager engine and against torch: the loss and every gradient.

To 1e-12 relative to the largest gradient, in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.against_torch import assert_close, tensor_of, values_of
from tests.back_ends import BACK_ENDS, BackEnd, forced
from tests.networks import NETWORKS, Network, Parameters, average
from tests.torch_reference import TorchActivation
from tinygrad_mlp import _array_math as array_math
from tinygrad_mlp import _float_math as float_math
from tinygrad_mlp import functional as F
from tinygrad_mlp.compiler import Program, compile
from tinygrad_mlp.derivatives import grad
from tinygrad_mlp.engine import Value, apply
from tinygrad_mlp.losses import LOSSES, loss_named
from tinygrad_mlp.nn import ACTIVATIONS, MLP
from tinygrad_mlp.ops import Op, Reference

Floats = NDArray[np.float64]
N_SAMPLES: Final = 6


def parameters_of(network: Network, seed: int = 0) -> list[Value]:
    numbers = np.random.default_rng(seed).normal(0.0, 0.6, network.n_parameters)
    return [Value(number) for number in numbers]


def arrays_of(network: Network, n_samples: int = N_SAMPLES, seed: int = 1) -> list[Floats]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=[n or n_samples for n in shape]) for shape in network.inputs]


def whole_batch(network: Network, parameters: list[Value]) -> Callable[..., Value]:
    def loss(*arrays: Any) -> Value:
        if not network.per_sample:
            return network.scalars(Parameters(parameters, network.shapes), *arrays)
        samples = zip(*arrays)
        return average([sample_loss(network, parameters)(*sample) for sample in samples])

    return loss


def sample_loss(network: Network, parameters: list[Value]) -> Callable[..., Value]:
    def loss(*sample: Any) -> Value:
        return network.scalars(Parameters(parameters, network.shapes), *sample)

    return loss


def by_torch(network: Network, parameters: Floats, arrays: list[Floats]) -> tuple[float, Floats]:
    flat = tensor_of(parameters, requires_grad=True)
    loss = network.tensors(Parameters(flat, network.shapes), *map(tensor_of, arrays))
    loss.backward()
    assert flat.grad is not None
    return loss.item(), flat.grad.numpy()


def eagerly(loss: Callable[..., Value], parameters: list[Value], arrays: list[Floats]) -> float:
    """The loss; the gradients are left in the parameters."""
    for parameter in parameters:
        parameter.zero_grad()
    value = loss(*[values_of(array) for array in arrays])
    value.backward()
    return value.data


def assert_agrees(
    network: Network, program: Program, parameters: list[Value], arrays: list[Floats]
) -> None:
    loss = program(*arrays)
    by_hand = eagerly(whole_batch(network, parameters), parameters, arrays)
    reference, gradients = by_torch(network, program.parameters, arrays)
    assert_close(loss, by_hand)
    assert_close(loss, reference)
    assert_close(program.gradients, [p.grad for p in parameters])
    assert_close(program.gradients, gradients)


per_sample = [network for network in NETWORKS if network.per_sample]


def names(network: Network) -> str:
    return network.name


@pytest.mark.parametrize("network", NETWORKS, ids=names)
def test_the_whole_batch(network: Network) -> None:
    parameters = parameters_of(network)
    program = compile(whole_batch(network, parameters), parameters)
    assert_agrees(network, program, parameters, arrays_of(network))
    assert_agrees(network, program, parameters, arrays_of(network, seed=2))
    assert_agrees(network, program, parameters, arrays_of(network, n_samples=3))


@pytest.mark.parametrize("network", per_sample, ids=names)
def test_one_sample_mapped_over_batches_of_any_size(network: Network) -> None:
    parameters = parameters_of(network)
    program = compile(sample_loss(network, parameters), parameters, per_sample=True)
    for n_samples in (6, 1, 7, 2):
        assert_agrees(network, program, parameters, arrays_of(network, n_samples))
    assert "1 traces" in repr(program)


@pytest.mark.parametrize("network", per_sample, ids=names)
def test_the_sum_over_the_samples(network: Network) -> None:
    parameters, arrays = parameters_of(network), arrays_of(network)
    program = compile(
        sample_loss(network, parameters), parameters, per_sample=True, reduction="sum"
    )
    loss = program(*arrays)
    mean, gradients = by_torch(network, program.parameters, arrays)
    assert_close(loss, N_SAMPLES * mean)
    assert_close(program.gradients, N_SAMPLES * gradients)


@pytest.mark.parametrize("network", NETWORKS, ids=names)
def test_float32(network: Network) -> None:
    parameters, arrays = parameters_of(network), arrays_of(network)
    program = compile(whole_batch(network, parameters), parameters, dtype="float32")
    loss = program(*arrays)
    mean, gradients = by_torch(network, program.parameters, arrays)
    assert program.gradients.dtype == np.float32
    assert_close(loss, mean, 1e-5)
    assert_close(program.gradients, gradients, 1e-4)


@pytest.mark.parametrize("network", NETWORKS, ids=names)
def test_new_parameters_are_used_at_the_next_call(network: Network) -> None:
    parameters = parameters_of(network)
    program = compile(whole_batch(network, parameters), parameters)
    program(*arrays_of(network))
    for parameter, other in zip(parameters, parameters_of(network, seed=5)):
        parameter.data = other.data
    program.read_parameters()
    assert_agrees(network, program, parameters, arrays_of(network))
    program.parameters *= 0.5
    program.write_back()
    assert_agrees(network, program, parameters, arrays_of(network))


# The package's own layers and losses

TORCH_LOSSES: Final[dict[str, Callable[..., torch.Tensor]]] = {
    "mean_squared_error": torch.nn.functional.mse_loss,
    "mean_absolute_error": torch.nn.functional.l1_loss,
    "binary_cross_entropy_with_logits": torch.nn.functional.binary_cross_entropy_with_logits,
    "categorical_cross_entropy": torch.nn.functional.cross_entropy,
}


def torch_mlp(
    model: MLP, activation: str, X: Floats
) -> tuple[torch.Tensor, list[tuple[torch.Tensor, torch.Tensor]]]:
    outputs = tensor_of(X)
    layers = []
    for number, layer in enumerate(model.layers):
        w = tensor_of([[w.data for w in neuron.w] for neuron in layer.neurons], requires_grad=True)
        b = tensor_of([neuron.b.data for neuron in layer.neurons], requires_grad=True)
        layers.append((w, b))
        outputs = outputs @ w.T + b
        if number < len(model.layers) - 1:
            outputs = TorchActivation(activation)(outputs)
    return outputs, layers


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [[1], [4], [5, 3], [4, 4, 2], [8, 1]], ids=str)
def test_multi_layer_perceptrons(activation: str, sizes: list[int]) -> None:
    model = MLP(3, sizes, activation=activation, rng=0)
    rng = np.random.default_rng(0)
    X, T = rng.normal(size=(5, 3)), rng.normal(size=(5, sizes[-1]))
    outputs, layers = torch_mlp(model, activation, X)
    expected = TORCH_LOSSES["mean_squared_error"](outputs, tensor_of(T))
    expected.backward()
    loss = loss_named("mean_squared_error")
    program = compile(
        lambda x, t: loss.sample_loss(model.forward(x), t), model.parameters(), per_sample=True
    )
    assert_close(program(X, T), expected)
    assert_gradients(model, program, layers)


def assert_gradients(
    model: MLP, program: Program, layers: list[tuple[torch.Tensor, torch.Tensor]]
) -> None:
    program.write_back()
    for (w, b), layer in zip(layers, model.layers, strict=True):
        assert_close([[w.grad for w in neuron.w] for neuron in layer.neurons], w.grad)
        assert_close([neuron.b.grad for neuron in layer.neurons], b.grad)


@pytest.mark.parametrize("name", TORCH_LOSSES)
@pytest.mark.parametrize("mapped", [False, True], ids=["whole batch", "per sample"])
def test_losses_of_the_package(name: str, mapped: bool) -> None:
    loss = loss_named(name)
    model = MLP(3, [4, 3], activation="tanh", rng=0)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5, 3))
    T = rng.normal(size=(5, 3)) if loss.task == "regression" else np.eye(3)[[0, 2, 1, 1, 0]]
    outputs, layers = torch_mlp(model, "tanh", X)
    expected = TORCH_LOSSES[name](outputs, tensor_of(T))
    expected.backward()

    def of_sample(x: list[Value], t: list[Value]) -> Value:
        return loss.sample_loss(model.forward(x), t)

    def of_batch(X: list[list[Value]], T: list[list[Value]]) -> Value:
        return F.mean([of_sample(x, t) for x, t in zip(X, T)])

    program = compile(of_sample if mapped else of_batch, model.parameters(), per_sample=mapped)
    assert_close(program(X, T), expected)
    assert_gradients(model, program, layers)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("target", [0.0, 1.0])
@pytest.mark.parametrize("probability", [0.0, 1e-30, 0.5, 1.0])
def test_binary_cross_entropy_of_certain_probabilities(
    probability: float, target: float, dtype: str
) -> None:
    """At the limits, as in torch but for the derivative, which is 0 where the loss is cut off."""
    p = Value(probability)
    loss = loss_named("binary_cross_entropy")
    program = compile(lambda t: loss.sample_loss([p], [t]), [p], dtype=dtype)
    found = program(target)
    expected = torch.nn.functional.binary_cross_entropy(tensor_of(probability), tensor_of(target))
    assert_close(found, expected, 1e-5)
    loss.sample_loss([p], [Value(target)]).backward()
    assert_close(program.gradients, [p.grad], 1e-5)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("output", ["sigmoid", None, "softmax"])
def test_every_loss_of_the_package(name: str, output: str | None) -> None:
    loss = loss_named(name)
    model = MLP(3, [4, 2], output_activation=output, rng=0)
    rng = np.random.default_rng(0)
    X, T = rng.normal(size=(5, 3)), np.eye(2)[[0, 1, 1, 0, 1]]
    T = 2.0 * T - 1.0 if name == "hinge" else T

    def of_sample(x: list[Value], t: list[Value]) -> Value:
        outputs = model.logits(x) if loss.from_logits else model.forward(x)
        return loss.sample_loss(outputs, t)

    def of_batch(X: list[list[Value]], T: list[list[Value]]) -> Value:
        return F.mean([of_sample(x, t) for x, t in zip(X, T)])

    parameters = model.parameters()
    program = compile(of_sample, parameters, per_sample=True)
    assert_close(program(X, T), eagerly(of_batch, parameters, [X, T]))
    assert_close(program.gradients, [parameter.grad for parameter in parameters])


# Gradients of gradients


def test_a_gradient_penalty_is_compiled_too() -> None:
    network = NETWORKS[0]
    parameters, arrays = parameters_of(network), arrays_of(network)

    def penalty(x: list[Value], t: list[Value]) -> Value:
        loss = sample_loss(network, parameters)(x, t)
        return F.sum([slope**2 for slope in grad(loss, x, create_graph=True)])

    program = compile(penalty, parameters, per_sample=True, reduction="sum")
    found = program(*arrays)
    flat = tensor_of(program.parameters, requires_grad=True)
    X, T = tensor_of(arrays[0], requires_grad=True), tensor_of(arrays[1])
    loss = N_SAMPLES * network.tensors(Parameters(flat, network.shapes), X, T)
    (slopes,) = torch.autograd.grad(loss, X, create_graph=True)
    expected = (slopes**2).sum()
    expected.backward()
    assert_close(found, expected)
    assert_close(program.gradients, flat.grad)


# A new operation: its record, and its function in the three namespaces


def arctan_forward(xp: Any, x: Any) -> Any:
    return xp.arctan(x)


def arctan_partial(xp: Any, out: Any, x: Any) -> Any:
    return xp.divide(1.0, 1.0 + x * x)


@pytest.fixture
def arctan(monkeypatch: pytest.MonkeyPatch) -> Op:
    for namespace, function in [(float_math, math.atan), (array_math, np.arctan)]:
        monkeypatch.setattr(namespace, "arctan", function, raising=False)
        monkeypatch.setattr(namespace, "__all__", [*namespace.__all__, "arctan"])
    return Op(
        name="arctan",
        forward=arctan_forward,
        partials=(arctan_partial,),
        symbol="arctan",
        formula="arctan(x)",
        partial_formulas=("1 / (1 + x^2)",),
        reference=Reference("atan"),
    )


@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_a_new_operation_compiles_from_its_declaration(arctan: Op, back_end: BackEnd) -> None:
    weights = parameters_of(NETWORKS[0])[:4]
    X = np.random.default_rng(0).normal(size=4)
    program = compile(lambda x: F.sum([apply(arctan, w * a) for w, a in zip(weights, x)]), weights)
    with forced(back_end):
        loss = program(X)
    w = tensor_of(program.parameters, requires_grad=True)
    expected = torch.atan(w * tensor_of(X)).sum()
    expected.backward()
    assert_close(loss, expected)
    assert_close(program.gradients, w.grad)
