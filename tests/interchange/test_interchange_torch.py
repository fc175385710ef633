"""Networks of torch and models of ours are made of each other, and compute the same."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from tinygrad_mlp import MLP, Layer, Module, Neuron, Value, fit, functional
from tinygrad_mlp.errors import InvalidArgumentError, MissingDependencyError
from tinygrad_mlp.interchange import from_torch, to_torch
from tinygrad_mlp.nn import ACTIVATIONS, BatchNorm, Buffer, Dropout, Sequential
from tinygrad_mlp.nn import Activation as ActivationModule
from tinygrad_mlp.ops import OPS


def moved_norm(model: Any) -> Any:
    """The model, with statistics of its batch norms as after a training."""
    rng = np.random.default_rng(7)
    for module in model.modules():
        if isinstance(module, BatchNorm):
            for leaf in [*module.running_mean, *module.weight, *module.bias]:
                leaf.data = rng.normal()
            for variance in module.running_var:
                variance.data = rng.uniform(0.5, 2.0)
    return model


def assert_same_outputs(model: Module, network: Any, n_inputs: int) -> None:
    """In prediction mode, to the last digits."""
    X = 3.0 * np.random.default_rng(1).normal(size=(20, n_inputs))
    model.eval()
    got = network.eval()(torch.from_numpy(X)).detach().numpy()
    ours = [np.atleast_1d(model(row)) for row in X.tolist()]
    wanted = np.array([[value.data for value in row] for row in ours])
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() < 1e-12 * max(1.0, np.abs(wanted).max())


OF_THE_PACKAGE = [name for name in ACTIVATIONS if name in OPS or name == "linear"]

STEEP, HIGH = partial(functional.leaky_relu, slope=0.2), partial(functional.elu, alpha=1.5)

MODELS: dict[str, tuple[Callable[[], Module], list[str]]] = {
    "mlp": (lambda: MLP(3, [4, 2], rng=0), ["Linear", "ReLU", "Linear"]),
    "mlp with all": (
        lambda: moved_norm(MLP(3, [4, 2], "tanh", "softmax", batch_norm=True, dropout=0.25, rng=0)),
        ["Linear", "BatchNorm1d", "Tanh", "Dropout", "Linear", "Softmax"],
    ),
    "sequential": (
        lambda: moved_norm(
            Sequential(
                Layer(3, 4, None, rng=0),
                Sequential(BatchNorm(4, affine=False, momentum=0.3, epsilon=0.01), "elu"),
                Layer(4, 2, "sigmoid", rng=1),
                "linear",
            )
        ),
        ["Linear", "Sequential", "Linear", "Sigmoid", "Identity"],
    ),
    "layer": (lambda: Layer(3, 2, STEEP, rng=0), ["Linear", "LeakyReLU"]),
    "neuron": (lambda: Neuron(3, HIGH, rng=0), ["Linear", "ELU"]),
    "norm": (lambda: moved_norm(BatchNorm(3)), ["BatchNorm1d"]),
    "activation": (lambda: ActivationModule("tanh"), ["Tanh"]),
    **{name: (partial(Layer, 3, 2, name, rng=0), []) for name in OF_THE_PACKAGE},
}


@pytest.mark.parametrize("name", MODELS)
def test_torch_computes_the_same(name: str) -> None:
    make, kinds = MODELS[name]
    model = make()
    network = to_torch(model)
    if kinds:
        assert [type(module).__name__ for module in network] == kinds
    assert all(each.dtype == torch.float64 for each in network.parameters())
    assert_same_outputs(model, network, 3)


def test_small_and_large_inputs_of_softplus() -> None:
    network, model = to_torch(ActivationModule("softplus")), ActivationModule("softplus")
    X = [-40.0, 19.0, 21.0, 30.0, 699.0, 800.0]
    got = network(torch.tensor(X, dtype=torch.float64)).tolist()
    assert got == pytest.approx([y.data for y in model(X)], rel=1e-15)


def test_names_shapes_and_buffers_are_those_of_torch() -> None:
    network = to_torch(MLP(3, [4, 1], batch_norm=True, rng=0))
    found = {name: (tuple(t.shape), t.dtype) for name, t in network.state_dict().items()}
    f64 = torch.float64
    assert found == {
        "0.weight": ((4, 3), f64),
        "0.bias": ((4,), f64),
        "1.weight": ((4,), f64),
        "1.bias": ((4,), f64),
        "1.running_mean": ((4,), f64),
        "1.running_var": ((4,), f64),
        "1.num_batches_tracked": ((), torch.int64),
        "3.weight": ((1, 4), f64),
        "3.bias": ((1,), f64),
    }
    assert tuple(to_torch(Neuron(2, rng=0)).state_dict()["0.bias"].shape) == (1,)


def test_it_is_a_copy() -> None:
    model = MLP(2, [1], rng=0)
    network: Any = to_torch(model)
    before = network[0].weight.tolist()
    model.layers[0].neurons[0].w[0].data = 7.0
    assert network[0].weight.tolist() == before


def test_training_mode_and_frozen_parts_go_both_ways() -> None:
    model = Sequential(Layer(2, 3, None, rng=0), Sequential(BatchNorm(3), Dropout(0.5)), "relu")
    model[0].freeze()
    model[1].eval()
    network: Any = to_torch(model)
    assert [each.requires_grad for each in network.parameters()] == [False, False, True, True]
    assert [each.training for each in network] == [True, False, True]
    assert network.training
    assert not network[1][0].training
    back = from_torch(network)
    assert [part.training for part in back.modules()] == [p.training for p in model.modules()]
    assert [back[i].requires_grad for i in (0, 1)] == [False, True]
    assert not to_torch(MLP(2, [1]).eval()).training
    assert not from_torch(nn.Linear(2, 1).eval()).training
    assert from_torch(nn.Linear(2, 1)).training


def one_step(network: Any, X: Any, y: Any) -> None:
    """A step of gradient descent in torch, with all samples in one batch."""
    trained = [each for each in network.parameters() if each.requires_grad]
    step = torch.optim.SGD(trained, lr=0.1)
    errors = network(torch.from_numpy(X))[:, 0] - torch.from_numpy(y)
    (errors**2).mean().backward()
    step.step()
    step.zero_grad()


def assert_same_arrays(network: Any, other: Any) -> None:
    ours, theirs = network.state_dict(), other.state_dict()
    for name, tensor in theirs.items():
        if not name.endswith("num_batches_tracked"):
            assert (ours[name] - tensor).abs().max() < 1e-12, name


@pytest.mark.parametrize("affine", [True, False])
def test_a_training_goes_on_the_same_on_either_side(affine: bool) -> None:
    """In training mode too, the running statistics of the batch norms included."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 3)), rng.normal(size=12)
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Linear(3, 4, bias=False),
        nn.BatchNorm1d(4, momentum=0.3, eps=1e-3, affine=affine),
        nn.Tanh(),
        nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5)),
        nn.ELU(0.7),
        nn.Linear(5, 1),
    ).double()
    one_step(network, X, y)
    model = from_torch(network)
    given: dict[str, Any] = {"optimizer": "sgd", "learning_rate": 0.1, "log_every": None}
    fit(model, X, y, epochs=3, batch_size=None, loss="mean_squared_error", **given)
    for _ in range(3):
        one_step(network, X, y)
    back = to_torch(model)
    assert_same_arrays(back, network)
    for other in (back, network):
        one_step(other, X, y)
    assert_same_arrays(back, network)
    assert_same_outputs(model, to_torch(model), 3)


def test_a_frozen_batch_norm_goes_by_its_running_statistics_there_too() -> None:
    """In torch it would take those of the batch while it is in training mode, frozen or not."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 3)), rng.normal(size=12)
    for affine in (True, False):
        norm = moved_norm(BatchNorm(4, affine=affine)).freeze()
        model = Sequential(Layer(3, 4, None, rng=0), norm, "tanh", Layer(4, 1, None, rng=1))
        network: Any = to_torch(model)
        assert [part.training for part in network] == [True, False, True, True]
        one_step(network, X, y)
        given: dict[str, Any] = {"optimizer": "sgd", "learning_rate": 0.1, "log_every": None}
        fit(model, X, y, epochs=1, batch_size=None, loss="mean_squared_error", **given)
        assert_same_arrays(to_torch(model), network)


def test_a_batch_norm_that_is_frozen_there_comes_in_when_it_predicts() -> None:
    network: Any = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    network[1].requires_grad_(False)
    with pytest.raises(InvalidArgumentError, match=r"^part 1, Batch.* is frozen and in training"):
        from_torch(network)
    network[1].eval()
    assert not from_torch(network)[1].training
    network[1].train()
    network[1].bias.requires_grad_(True)  # one of both is enough, here as there
    model: Any = from_torch(network)
    assert model[1].uses_batch_statistics


def test_an_array_that_is_frozen_in_part_is_trained_there() -> None:
    model = Layer(2, 2, None, rng=0)
    model.neurons[0].w[0].requires_grad = False
    assert all(each.requires_grad for each in to_torch(model).parameters())


def test_softmax_takes_a_single_sample_too() -> None:
    model = Layer(3, 2, "softmax", rng=0)
    x = [0.5, -1.0, 2.0]
    got = to_torch(model)(torch.tensor(x, dtype=torch.float64)).tolist()
    assert got == pytest.approx([p.data for p in model(x)], rel=1e-14)


def test_settings_go_both_ways() -> None:
    model = Sequential(BatchNorm(2, momentum=0.3, epsilon=0.01, affine=False), Dropout(0.25))
    network: Any = to_torch(model)
    norm, dropout = network
    assert (norm.momentum, norm.eps, norm.affine, dropout.p) == (0.3, 0.01, False, 0.25)
    back: Any = from_torch(network)
    assert (back[0].momentum, back[0].epsilon, back[0].affine) == (0.3, 0.01, False)
    assert back[1].p == 0.25


def network_of_torch() -> nn.Sequential:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Linear(3, 5),
        nn.BatchNorm1d(5),
        nn.LeakyReLU(0.2),
        nn.Sequential(nn.Dropout(0.2), nn.Linear(5, 5, bias=False), nn.ELU(1.5), nn.Identity()),
        nn.GELU(),
        nn.Linear(5, 2),
        nn.Softmax(dim=1),
    ).double()
    network(torch.randn(8, 3, dtype=torch.float64))  # moves the running statistics
    return network


def test_a_network_of_torch_comes_in_and_goes_out_again() -> None:
    network = network_of_torch()
    model = from_torch(network)
    assert repr(model) == (
        "Sequential of [Layer of 5 linear(3) neurons, BatchNorm of 5 features, "
        "leaky_relu(slope=0.2), Sequential of [Dropout of 0.2, Layer of 5 linear(5) neurons, "
        "elu(alpha=1.5), linear], gelu, Layer of 2 linear(5) neurons, softmax]"
    )
    assert_same_outputs(model, network, 3)
    ours, theirs = to_torch(model).state_dict(), network.state_dict()
    added = {"3.1.bias"}  # which has no bias there
    assert set(ours) - set(theirs) == added
    assert set(theirs) <= set(ours)
    for name, tensor in theirs.items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(ours[name], tensor), name
    assert ours["3.1.bias"].tolist() == [0.0] * 5
    layer: Any = model[3][1]  # type: ignore[index]
    assert not any(neuron.b.requires_grad for neuron in layer.neurons)
    assert layer.neurons[0].w[0].requires_grad


def test_a_batch_norm_without_bias_comes_in() -> None:
    network: Any = nn.Sequential(nn.BatchNorm1d(2, bias=False)).double()
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([2.0, -0.5]))
    model: Any = from_torch(network)
    assert [b.data for b in model[0].bias] == [0.0, 0.0]
    assert not any(b.requires_grad for b in model[0].bias)
    assert model[0].uses_batch_statistics
    assert_same_outputs(model, network, 2)


def test_float32_comes_in_exactly() -> None:
    network = nn.Linear(2, 1)
    model: Any = from_torch(network)
    assert [w.data for w in model[0].neurons[0].w] == network.weight[0].tolist()
    assert model[0].neurons[0].b.data == network.bias.item()


def test_a_shared_module_stays_shared() -> None:
    layer = Layer(2, 2, None, rng=0)
    network = to_torch(Sequential(layer, "tanh", layer))
    assert network[0] is network[2]
    back = from_torch(network)
    assert back[0] is back[2]
    twin = Layer(2, 2, None, rng=0)
    twin.neurons[0].w = layer.neurons[1].w
    with pytest.raises(InvalidArgumentError, match=r"share single parameters.*Sequential\(layer"):
        to_torch(Sequential(layer, twin))


def test_a_batch_norm_is_shared_as_a_whole_too() -> None:
    norm = moved_norm(BatchNorm(2))
    model = Sequential(norm, "tanh", norm)
    network = to_torch(model)
    assert network[0] is network[2]
    assert_same_outputs(from_torch(network), network, 2)


def test_an_array_of_two_modules_is_refused() -> None:
    tied: Any = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Tanh(), nn.Linear(2, 2)))
    tied[1][1].weight = tied[0].weight
    match = r"^0.weight and 1.1.weight are one array, .*nn.Sequential\(layer, nn.Tanh\(\), layer\)"
    with pytest.raises(InvalidArgumentError, match=match):
        from_torch(tied)
    norms: Any = nn.Sequential(nn.BatchNorm1d(2), nn.BatchNorm1d(2))
    norms[1].running_mean = norms[0].running_mean
    with pytest.raises(InvalidArgumentError, match=r"^0.running_mean and 1.running_mean are one"):
        from_torch(norms)
    without = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    assert len(from_torch(without).parameters()) == 12


class Own(Module):
    n_inputs = 2

    def __init__(self) -> None:
        self.hidden = Layer(2, 2, rng=0)

    def forward(self, x: Any) -> Any:
        return self.hidden.forward(x)


class OwnNetwork(MLP):
    """A class of one's own above one of the package."""


def with_own_forward() -> Module:
    layer = Layer(2, 2, rng=0)
    vars(layer)["forward"] = list
    return layer


def with_more(kind: type[Value]) -> Module:
    layer: Any = Layer(2, 2, rng=0)
    layer.more = kind(1.0)
    return Sequential(layer)


def of_several_activations() -> Module:
    layer = Layer(2, 2, "relu", rng=0)
    layer.neurons[1].activation = Value.tanh
    return layer


@pytest.mark.parametrize(
    ("model", "match"),
    [
        ([1.0], r"^to_torch takes a model, got \[1.0\]; .*to_torch\(MLP"),
        (Own(), "^Own with 6 parameters is a module of the class Own with a forward.*to_onnx"),
        (Sequential("relu", Own()), "^part 1 of Sequential of .*, Own with 6 parameters, is"),
        (OwnNetwork(2, [1]), "of the class OwnNetwork with a forward of its own.*save_safetensors"),
        (with_own_forward(), "of the class Layer with a forward of its own"),
        (of_several_activations(), "have the activations relu, tanh; a layer"),
        (Layer(2, 1, functional.sin), "no module for the activation sin of Layer.*tanh.*to_onnx"),
        (Sequential(lambda x: x), "no module for the activation <lambda> of"),
        (Sequential(partial(functional.elu, alpha=1.0, x=2.0)), "no module for the activation"),
        (Sequential(partial(functional.elu, 1.0)), "no module for the activation partial"),
        (
            Sequential(partial(functional.elu, alpha=Value(2.0))),
            r"the activation of partial has alpha=Value\(.*plain numbers there, such as alpha=0.2",
        ),
        (with_more(Value), "layers of Sequential .* or one holds others .* or missing; share"),
        (with_more(Buffer), "or one holds others beside its own"),
    ],
)
def test_what_torch_has_no_module_for(model: Any, match: str) -> None:
    with pytest.raises(InvalidArgumentError, match=match):
        to_torch(model)


class OwnLinear(nn.Linear):
    """A class of one's own, which may compute anything."""


@pytest.mark.parametrize(
    ("network", "match"),
    [
        (MLP(2, [1]), r"^from_torch takes a network of torch, got .*nn.Linear\(2, 8\)"),
        (nn.Conv1d(1, 1, 1), r"^Conv1d\(.* is not known here; there are Linear, .*ReLU"),
        (nn.Sequential(nn.Sequential(nn.ReLU(), nn.Flatten())), r"^part 0.1, Flatten\("),
        (OwnLinear(2, 1), "^OwnLinear.* is not known here"),
        (nn.BatchNorm1d(2, momentum=None), "has momentum=None, a mean over all.*momentum=0.1"),
        (nn.BatchNorm1d(2, track_running_stats=False), "has track_running_stats=False"),
        (nn.Sequential(nn.GELU("tanh")), r"^part 0, GELU.*approximate='tanh', .*'none'"),
        (nn.Softplus(beta=2.0), "has beta=2.0, and here there is only beta=1.0"),
        (nn.Softplus(threshold=19.9), "has threshold=19.9, and here there is only threshold=700.0"),
        (nn.LazyLinear(2), "^LazyLinear.* is not known here"),
        (nn.Linear(2, 1, dtype=torch.complex64), r"^an array of shape \(1, 2\) is of complex64;"),
        (
            nn.Sequential(nn.Linear(2, 1, device="meta")),
            r"^part 0, an array .* is of the device 'meta', without .*network.to\('cpu', torch.f",
        ),
        (nn.Softmax(dim=0), "has dim=0"),
    ],
)
def test_what_there_is_not_here(network: Any, match: str) -> None:
    with pytest.raises(InvalidArgumentError, match=match):
        from_torch(network)


def hooked(register: str) -> Any:
    module = nn.Linear(2, 2)
    getattr(module, register)(lambda *_: None)
    return module


def holding(name: str, thing: Any) -> Any:
    module = nn.Linear(2, 2)
    setattr(module, name, thing)
    return module


def pruned() -> Any:
    return prune.l1_unstructured(nn.Linear(2, 2), "weight", 1)


def sequential_with(name: str, thing: Any) -> Any:
    network = nn.Sequential(nn.Linear(2, 2))
    setattr(network, name, thing)
    return network


CHANGED: dict[str, tuple[Callable[[], Any], str]] = {
    "forward": (lambda: holding("forward", abs), "^Linear.* has a forward of its own; write it"),
    "of all": (lambda: sequential_with("forward", abs), "has a forward of its own"),
    "hook": (lambda: hooked("register_forward_hook"), r"has hooks, .*handle.remove\(\)"),
    "before": (lambda: hooked("register_forward_pre_hook"), "has hooks"),
    "backward": (lambda: hooked("register_full_backward_hook"), "has hooks"),
    "before it": (lambda: hooked("register_full_backward_pre_hook"), "has hooks"),
    "pruned": (pruned, r"has hooks, .*prune.remove\(module, 'weight'\)"),
    "parameter": (
        lambda: holding("more", nn.Parameter(torch.ones(2))),
        "has also more, which there is no place for",
    ),
    "module": (lambda: holding("more", nn.Linear(1, 1)), "has also more, which"),
    "parameter of all": (
        lambda: sequential_with("more", nn.Parameter(torch.ones(2))),
        "has also more, which",
    ),
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_module_that_may_compute_something_else_is_refused(name: str) -> None:
    make, match = CHANGED[name]
    with pytest.raises(InvalidArgumentError, match=match):
        from_torch(make())
    with pytest.raises(InvalidArgumentError, match=r"^part 1, "):
        from_torch(nn.Sequential(nn.Tanh(), make()))


@pytest.mark.parametrize(
    "module", [nn.Softmax(dim=-1), nn.Softmax(dim=1), nn.Softplus(threshold=20), nn.Softplus()]
)
def test_settings_that_come_to_the_same_come_in(module: Any) -> None:
    """A softplus is x itself from torch's threshold on, which is 2e-9 off at 20."""
    X = np.linspace(-30.0, 30.0, 61).reshape(-1, 1) * [1.0, 0.5, -0.25]
    model = from_torch(module)
    wanted = module(torch.from_numpy(X)).numpy()
    got = np.array([[value.data for value in model(row)] for row in X.tolist()])
    assert np.abs(got - wanted).max() < 2.1e-9


@pytest.mark.parametrize("function", [to_torch, from_torch])
def test_without_torch_the_command_is_named(
    function: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match=r"'torch'; .*pip install torch"):
        function(MLP(2, [1]))
