"""nn.Sequential, and what stands beside neurons: modules of torch, files, names, pictures."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import viz
from tests.against_torch import assert_close, tensor_of
from tests.replaying import recorded
from tinygrad_mlp import (
    MLP,
    Value,
    fit,
    functional,
    load_model,
    load_weights,
    predict,
    save_weights,
)
from tinygrad_mlp.debug import health
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError, UnknownNameError
from tinygrad_mlp.nn import Activation, BatchNorm, Dropout, Layer, Module, Neuron, Sequential
from tinygrad_mlp.nn._specification import specification_of
from tinygrad_mlp.optim import SGD
from tinygrad_mlp.training import read_weights
from tinygrad_mlp.training._archive import pack

Floats = NDArray[np.float64]
X: Final = np.random.default_rng(1).normal(size=(12, 3))
Y: Final = np.sin(X.sum(axis=1))
QUIET: Final[dict[str, Any]] = {"log_every": None, "progress": False}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def of_all_kinds() -> Sequential:
    return Sequential(
        Layer(3, 5, None, rng=0),
        BatchNorm(5, momentum=0.3, epsilon=1e-3),
        "tanh",
        Dropout(0.25, rng=1),
        Layer(5, 4, "relu", rng=2),
        BatchNorm(4, affine=False),
        Layer(4, 2, None, rng=3),
    )


def torch_of_all_kinds(model: Sequential) -> torch.nn.Sequential:
    theirs = torch.nn.Sequential(
        torch.nn.Linear(3, 5),
        torch.nn.BatchNorm1d(5, momentum=0.3, eps=1e-3),
        torch.nn.Tanh(),
        torch.nn.Identity(),
        torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.ReLU()),
        torch.nn.BatchNorm1d(4, affine=False),
        torch.nn.Linear(4, 2),
    ).double()
    state = {
        name.replace("4.", "4.0.") if name.startswith("4.") else name: tensor_of(array)
        for name, array in model.state_dict().items()
    }
    theirs.load_state_dict(state, strict=False)
    return theirs


# As a list


def test_it_is_indexed_as_a_list() -> None:
    model = of_all_kinds()
    parts = list(model)
    assert len(model) == 7
    assert model[0] is parts[0]
    assert model[-1] is parts[6]
    assert repr(model[2]) == "tanh"
    first = model[:2]
    assert isinstance(first, Sequential)
    assert list(first) == parts[:2]
    assert list(model[::-3]) == [parts[6], parts[3], parts[0]]
    head = Layer(4, 1, None, rng=5)
    model[-1] = head
    model[2] = "relu"
    assert model[6] is head
    assert [repr(part) for part in model][2] == "relu"
    assert len(model.append("sigmoid")) == 8
    for wrong in (7, -8):
        with pytest.raises(IndexError):
            of_all_kinds()[wrong]
        with pytest.raises(IndexError):
            of_all_kinds()[wrong] = "relu"


def test_names_are_those_of_torch() -> None:
    model = Sequential(Layer(3, 5, None, rng=0), "relu", Layer(5, 1, None, rng=0))
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 1))
    assert list(model.state_dict()) == list(theirs.state_dict())
    theirs.double().load_state_dict({n: tensor_of(a) for n, a in model.state_dict().items()})
    x = X[0].tolist()
    assert_close(model(x).data, theirs(tensor_of(x))[0])
    assert model[2].parameters()[0].label == "2.neurons.0.w.0"
    assert [name for name, _ in model.named_parameters()][-1] == "2.neurons.0.b"


def test_sequentials_in_sequentials() -> None:
    inner = Sequential(Layer(3, 4, "tanh", rng=0), Dropout(0.5, rng=0))
    model = Sequential(inner, Layer(4, 1, None, rng=1))
    assert list(model.state_dict()) == ["0.0.weight", "0.0.bias", "1.weight", "1.bias"]
    model.eval()
    assert not inner[1].training
    assert model(X[0].tolist()).data == model[1](inner(X[0].tolist())).data


def test_activations_of_all_sorts() -> None:
    x = [-1.0, 0.5]
    for given in ("tanh", functional.tanh, Value.tanh, lambda v: v.tanh(), Activation("tanh")):
        assert [y.data for y in Sequential(given)(x)] == [np.tanh(-1.0), np.tanh(0.5)]
    softmax: Any = functional.softmax
    for given in ("softmax", softmax):
        found = [y.data for y in Sequential(given)(x)]
        assert_close(found, torch.softmax(tensor_of(x), 0))
    assert [y.data for y in Sequential()(x)] == x
    assert Sequential("relu")(Value(3.0)).data == 3.0
    assert Sequential("relu")([np.float64(3.0)]).data == 3.0


def test_a_module_of_ones_own_gives_one_value_or_several() -> None:
    class Total(Module):
        def forward(self, x: Any) -> Value:
            return functional.sum(x)

    model = Sequential(Total(), Value.square, Layer(1, 2, None, rng=0))
    assert [y.data for y in model([1.0, 2.0])] == [y.data for y in model[2]([9.0])]

    class Broken(Module):
        def forward(self, x: Any) -> Any:
            return 3.0

    with pytest.raises(InvalidArgumentError, match="forward of Broken with 0 parameters returned"):
        Sequential(Broken(), "relu")([1.0])


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (
            [Layer(1, 1)],
            r"part 1 of Sequential is .*, but a module, or an activation .*Layer\(8, 1",
        ),
        (Layer, r"part 1 of Sequential is the class Layer, but a module"),
        (3, r"part 1 of Sequential is 3, but a module"),
    ],
)
def test_wrong_parts(part: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        Sequential("relu", part)
    with pytest.raises(UnknownNameError, match="unknown activation 'rleu'"):
        Sequential("rleu")
    model = Sequential("relu", "tanh")
    with pytest.raises(InvalidArgumentError, match=message):
        model[1] = part
    assert repr(model) == "Sequential of [relu, tanh]"


def test_sizes_that_do_not_fit_are_named() -> None:
    model = Sequential(Layer(3, 5, rng=0), Layer(5, 1, None, rng=0))
    model[1] = Layer(4, 1, None, rng=0)  # two parts may be replaced one after the other
    with pytest.raises(ShapeError, match=r"Layer of 1 linear\(4\) neuron takes 4 inputs, got 5"):
        model([1.0, 2.0, 3.0])
    assert model.output_size("1") == 1


def test_what_stands_beside_neurons() -> None:
    beside: list[Module] = [BatchNorm(2), Dropout(), Activation("relu")]
    others = [Module(), Neuron(2), Layer(2, 2), MLP(2, [1]), Sequential(*beside)]
    assert [part.is_beside_neurons for part in beside] == [True] * 3
    assert [part.is_beside_neurons for part in others] == [False] * 5


def test_sizes() -> None:
    model = of_all_kinds()
    assert (model.n_inputs, model.n_outputs) == (3, 2)
    assert (Sequential("relu", Layer(3, 5)).n_inputs, Sequential().n_outputs) == (3, None)
    assert Sequential(Layer(3, 5), Dropout(), "tanh").n_outputs == 5
    assert Sequential(Layer(3, 5), Module()).n_outputs is None


@pytest.mark.parametrize("last", ["sigmoid", "softmax"])
def test_logits_are_what_comes_before_the_last_activation(last: str) -> None:
    x = X[0].tolist()
    n_outputs = 2 if last == "softmax" else 1
    plain = Sequential(Layer(3, n_outputs, None, rng=0))
    apart = Sequential(Layer(3, n_outputs, None, rng=0), last)
    within = Sequential(Layer(3, n_outputs, last, rng=0))
    within.load_state_dict(plain.state_dict())
    expected = [y.data for y in plain.forward(x)]
    for model in (apart, within):
        assert [y.data for y in model.logits(x)] == expected
        assert [y.data for y in model.forward(x)] != expected
    assert [y.data for y in plain.logits(x)] == expected
    assert_close([y.data for y in Sequential("tanh").logits(x)], np.tanh(x))
    assert [y.data for y in Sequential().logits(x)] == x
    assert Activation("relu").logits([-1.0])[0].data == 0.0


def test_copies() -> None:
    model = of_all_kinds().eval()
    x = X[0].tolist()
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert [y.data for y in other(x)] == [y.data for y in model(x)]
        assert repr(other) == repr(model)
        assert other[0] is not model[0]


def test_the_summary() -> None:
    model = of_all_kinds()
    model[0].freeze()
    assert model.summary().splitlines() == [
        "Sequential, 3 inputs",
        "layer  kind              output shape  parameters",
        "0      Layer, linear     (5,)                  20",
        "1      BatchNorm         (5,)                  10",
        "2      Activation, tanh  (5,)                   0",
        "3      Dropout, 0.25     (5,)                   0",
        "4      Layer, relu       (4,)                  24",
        "5      BatchNorm         (4,)                   0",
        "6      Layer, linear     (2,)                  10",
        "-------------------------------------------------",
        "total                                          64",
        "20 of them frozen",
        "and 18 buffers, not trained",
    ]
    own = Module()
    own.part = Dropout(0.5)  # type: ignore[attr-defined]
    assert "part   Dropout, 0.5  ?" in own.summary()
    beside = MLP(3, [4, 1], batch_norm=True, dropout=0.5)
    assert (
        "layers.0  Layer, batch norm, relu, dropout 0.5  (4,)                  24"
        in beside.summary()
    )


# Beside torch


def test_a_model_that_predicts_is_that_of_torch() -> None:
    model = of_all_kinds()
    rng = np.random.default_rng(3)
    model.load_state_dict(
        {n: rng.uniform(0.5, 1.5, a.shape) for n, a in model.state_dict().items()}
    )
    model.eval()
    theirs = torch_of_all_kinds(model).eval()
    inputs = tensor_of(X, requires_grad=True)
    out = theirs(inputs)
    out.square().sum().backward()
    for row, expected, slopes in zip(
        X.tolist(), out, inputs.grad if inputs.grad is not None else []
    ):
        x = [Value(number) for number in row]
        found = model(x)
        assert_close([y.data for y in found], expected)
        functional.sum([y * y for y in found]).backward()
        assert_close([xi.grad for xi in x], slopes)


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_training_is_that_of_torch(engine: str) -> None:
    model = of_all_kinds()
    model[3].p = 0.0  # type: ignore[attr-defined]
    theirs = torch_of_all_kinds(model)
    targets = np.stack([Y, Y * Y], axis=1)
    history = fit(
        *(model, X, targets),
        optimizer=SGD(model.parameters(), 0.1),
        epochs=6,
        batch_size=4,
        shuffle=False,
        engine=engine,
        **QUIET,
    )
    optimizer = torch.optim.SGD(theirs.parameters(), 0.1)
    for epoch in range(6):
        total = 0.0
        for start in (0, 4, 8):
            rows = slice(start, start + 4)
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(
                theirs(tensor_of(X[rows])), tensor_of(targets[rows])
            )
            loss.backward()
            optimizer.step()
            total += loss.item() / 3.0
        assert history.loss[epoch] == pytest.approx(total, rel=1e-10)
    for (name, array), tensor in zip(model.state_dict().items(), torch_state(theirs)):
        if name not in ("0.bias", "4.bias"):  # a norm takes it away, so its gradient is rounding
            assert_close(array, tensor, 1e-10)
    theirs.eval()
    assert_close(predict(model, X), theirs(tensor_of(X)), 1e-10)


def torch_state(theirs: torch.nn.Module) -> list[torch.Tensor]:
    return [t for name, t in theirs.state_dict().items() if "num_batches" not in name]


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_mlp_with_norms_and_dropout_is_that_of_torch(engine: str) -> None:
    """Norm, then activation, then dropout; none at the output; torch multiplies by our masks."""
    generator = np.random.default_rng(5)
    model = MLP(3, [6, 4, 1], "tanh", batch_norm=True, dropout=0.25, rng=generator)
    plain = MLP(3, [6, 4, 1], "tanh", rng=5)
    own = model.state_dict()
    assert all((own[name] == array).all() for name, array in plain.state_dict().items())
    drawing = copy.deepcopy(generator)
    linears = [torch.nn.Linear(a, b) for a, b in ((3, 6), (6, 4), (4, 1))]
    norms = [torch.nn.BatchNorm1d(6), torch.nn.BatchNorm1d(4)]
    theirs = torch.nn.ModuleList([*linears, *norms]).double()
    state = model.state_dict()
    for number, linear in enumerate(linears):
        for name in ("weight", "bias"):
            getattr(linear, name).data = tensor_of(state[f"layers.{number}.{name}"])
    optimizer = torch.optim.SGD(theirs.parameters(), 0.1)
    settings: dict[str, Any] = {"batch_size": 6, "shuffle": False, "epochs": 5, **QUIET}
    ours = SGD(model.parameters(), 0.1)
    history = fit(model, X, Y, optimizer=ours, engine=engine, **settings)
    for epoch in range(5):
        total = 0.0
        for rows in (slice(0, 6), slice(6, 12)):
            drawn = np.split(drawing.random((6, 10)), [6], axis=1)
            h = tensor_of(X[rows])
            for linear, norm, numbers in zip(linears, norms, drawn):
                mask = tensor_of(np.where(numbers < 0.75, 1.0 / 0.75, 0.0))
                h = torch.tanh(norm(linear(h))) * mask
            loss = torch.nn.functional.mse_loss(linears[2](h)[:, 0], tensor_of(Y[rows]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += 0.5 * loss.item()
        assert history.loss[epoch] == pytest.approx(total, rel=1e-10)
    theirs.eval()
    h = tensor_of(X)
    for linear, norm in zip(linears, norms):
        h = torch.tanh(norm(linear(h)))
    assert_close(predict(model, X), linears[2](h)[:, 0], 1e-10)


@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize("affine", [True, False])
def test_a_frozen_norm_is_that_of_torch_in_evaluation_mode(engine: str, affine: bool) -> None:
    model = Sequential(
        Layer(3, 5, None, rng=0), BatchNorm(5, affine=affine), "tanh", Layer(5, 1, None, rng=1)
    )
    fit(model, X, Y, epochs=3, **QUIET)
    model[:2].freeze()
    kept = model[1].state_dict()
    linear, norm = torch.nn.Linear(3, 5), torch.nn.BatchNorm1d(5, affine=affine)
    theirs = torch.nn.Sequential(linear, norm, torch.nn.Tanh(), torch.nn.Linear(5, 1)).double()
    state = {name: tensor_of(array) for name, array in model.state_dict().items()}
    theirs.load_state_dict(state, strict=False)
    norm.eval()
    for part in (linear, norm):
        part.requires_grad_(False)
    history = fit(
        model, X, Y, optimizer=SGD(model.parameters(), 0.1), epochs=4, engine=engine, **QUIET
    )
    optimizer = torch.optim.SGD(theirs[3].parameters(), 0.1)
    for epoch in range(4):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(theirs(tensor_of(X))[:, 0], tensor_of(Y))
        loss.backward()
        optimizer.step()
        assert history.loss[epoch] == pytest.approx(loss.item(), rel=1e-11)
    for name, array in model[1].state_dict().items():
        assert array.tolist() == kept[name].tolist()


def test_a_norm_that_is_frozen_between_two_calls_of_a_program() -> None:
    from tinygrad_mlp import compile

    norm = BatchNorm(3, affine=False)
    head = Layer(3, 1, None, rng=0)
    model = Sequential(norm, head)
    program = compile(lambda x, y: (model(x) - y) ** 2, model.parameters(), per_sample=True)
    program(X, Y)
    moved = [buffer.data for buffer in norm.running_mean]
    assert moved != [0.0, 0.0, 0.0]
    norm.freeze()
    value = program(X, Y)
    assert [buffer.data for buffer in norm.running_mean] == moved
    expected = np.mean([(model(x).data - y) ** 2 for x, y in zip(X.tolist(), Y)])
    assert value == pytest.approx(float(expected), rel=1e-13)


# Files


MODELS: Final[dict[str, Callable[[], Module]]] = {
    "sequential": of_all_kinds,
    "mlp": lambda: MLP(3, [5, 4, 2], ["tanh", "elu"], batch_norm=True, dropout=0.5, rng=0),
    "dropout alone": lambda: MLP(3, [5, 2], dropout=0.5, output_activation="softmax", rng=0),
    "norms alone": lambda: MLP(3, [5, 2], batch_norm=True, rng=0),
    "layer": lambda: Layer(3, 2, "softmax", batch_norm=True, dropout=0.1, rng=0),
    "in one another": lambda: Sequential(
        Sequential(MLP(3, [4, 4], rng=0)), Neuron(4, "tanh", rng=1)
    ),
    "norm": lambda: BatchNorm(3),
    "only activations": lambda: Sequential("tanh", "softmax"),
}


@pytest.mark.parametrize("name", MODELS)
def test_load_model_makes_it_again(name: str, tmp_path: Path) -> None:
    model = MODELS[name]().eval()
    rng = np.random.default_rng(0)
    model.load_state_dict(
        {n: rng.uniform(0.5, 1.5, a.shape) for n, a in model.state_dict().items()}
    )
    path = save_weights(model, tmp_path / "w.npz")
    other = load_model(path).eval()
    assert repr(other) == repr(model)
    assert other.summary() == model.summary()
    x = X[0].tolist()
    assert [y.data for y in listed(other(x))] == [y.data for y in listed(model(x))]
    again = MODELS[name]().eval()
    load_weights(again, path)
    assert [y.data for y in listed(again(x))] == [y.data for y in listed(model(x))]
    assert read_weights(path).kind == type(model).__name__
    assert save_weights(other, tmp_path / "again.npz").read_bytes() == path.read_bytes()


def listed(outputs: Any) -> list[Value]:
    return outputs if isinstance(outputs, list) else [outputs]


def test_settings_come_back(tmp_path: Path) -> None:
    model: Any = load_model(save_weights(of_all_kinds(), tmp_path / "w.npz"))
    assert (model[1].momentum, model[1].epsilon, model[1].affine) == (0.3, 1e-3, True)
    assert (model[5].momentum, model[5].affine, model[3].p) == (0.1, False, 0.25)


def test_a_trained_model_answers_from_its_file(tmp_path: Path) -> None:
    labels = np.where(Y > 0.0, "up", "down")
    model = Sequential(
        Layer(3, 6, rng=0), BatchNorm(6), Dropout(0.2, rng=0), Layer(6, 1, None, rng=1)
    )
    fit(model, X, labels, epochs=5, **QUIET)
    other = load_model(save_weights(model, tmp_path / "w.npz"))
    assert predict(other, X).tolist() == predict(model, X).tolist()
    fit(other, X, labels, epochs=1, **QUIET)


def test_files_of_plain_layers_are_as_they_were(tmp_path: Path) -> None:
    architecture = details_of(save_weights(MLP(3, [2, 1], rng=0), tmp_path / "w.npz"))
    assert architecture["architecture"] == {"version": 1, "kind": "MLP"}


@pytest.mark.parametrize(
    "make",
    [
        lambda: Sequential(lambda x: x * 0.5),
        lambda: Sequential(Layer(2, 2), type("Own", (Module,), {})()),
        lambda: MLP(2, [3, 1], lambda x: x * 0.5, dropout=0.5),
    ],
)
def test_what_a_file_cannot_say(make: Callable[[], Module], tmp_path: Path) -> None:
    path = save_weights(make(), tmp_path / "w.npz")
    with pytest.raises(DataError, match="a class or an activation of your own"):
        load_model(path)


def with_a_neuron_of_its_own(activation: Any) -> Module:
    layer = Layer(2, 3, "relu", rng=0)
    layer.neurons[1].activation = activation
    return layer


def with_a_method_of_its_own(name: str) -> Module:
    layer = Layer(2, 2, "relu", rng=0)
    vars(layer)[name] = lambda x: x
    return layer


@pytest.mark.parametrize(
    "make",
    [
        lambda: with_a_neuron_of_its_own(Value.tanh),
        lambda: with_a_neuron_of_its_own(lambda x: x * 0.5),
        lambda: with_a_method_of_its_own("forward"),
        lambda: with_a_method_of_its_own("logits"),
        lambda: type("Layer", (Layer,), {})(2, 2, "relu", rng=0),  # not ours, by the name of ours
        lambda: Activation(lambda x: x * 0.5),
        lambda: Neuron(2, lambda x: x * 0.5),
        Module,
    ],
)
def test_one_part_of_your_own_is_enough(make: Callable[[], Module]) -> None:
    assert specification_of(Sequential(Dropout(0.5))) is not None
    assert specification_of(make()) is None
    assert specification_of(Sequential("relu", make())) is None


def test_what_shares_parameters_is_not_said(tmp_path: Path) -> None:
    layer = Layer(3, 3, rng=0)
    with pytest.raises(DataError, match="a class or an activation of your own"):
        load_model(save_weights(Sequential(layer, layer), tmp_path / "w.npz"))
    model = Sequential(Layer(3, 3, rng=0))
    model.more = Value(1.0)  # type: ignore[attr-defined]
    with pytest.raises(DataError, match="a class or an activation of your own"):
        load_model(save_weights(model, tmp_path / "w.npz"))


ENTRY: Final = "__details__"


def details_of(path: Path) -> dict[str, Any]:
    with np.load(path) as arrays:
        found: dict[str, Any] = json.loads(str(arrays[ENTRY]))
    return found


def changed(
    path: Path, change: Callable[[Any], object], arrays: dict[str, Floats] | None = None
) -> Path:
    with np.load(path) as before:
        kept = {name: before[name] for name in before.files if name != ENTRY}
    details = details_of(path)
    change(details["architecture"]["model"])
    path.write_bytes(pack({**kept, **(arrays or {}), ENTRY: np.array(json.dumps(details))}))
    return path


NESTED: Final[list[Any]] = [{"kind": "Activation", "activation": "relu"}]
for _ in range(60):
    NESTED.append({"kind": "Sequential", "parts": [NESTED[-1]]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda m: m.update(kind="Tower"),
            "model.kind is 'Tower', but one of MLP, Sequential",
        ),
        (
            lambda m: m.pop("kind"),
            "architecture.model is an object of 1, but an object whose",
        ),
        (lambda m: m["parts"].pop(), "its arrays are not those of the kind 'Sequential'"),
        (lambda m: m["parts"][3].pop("p"), r"architecture.model.parts\[3\] has no 'p'; its keys"),
        (lambda m: m["parts"][3].update(p="x"), r"parts\[3\].p is 'x', but a number is needed"),
        (lambda m: m["parts"][3].update(p=2.0), r"it specifies what cannot be: p is 2.0"),
        (lambda m: m["parts"][1].update(affine=1), r"parts\[1\].affine is 1, but true or false"),
        (
            lambda m: m["parts"][1].update(momentum=-1),
            "specifies what cannot be: momentum is -1",
        ),
        (lambda m: m["parts"][2].update(activation="rleu"), "activation 'rleu' is not known here"),
        (
            lambda m: m["parts"][0].update(norm={"kind": "Dropout", "p": 0.5}),
            "norm.kind is 'Dropout'",
        ),
        (lambda m: m["parts"][0].update(norm=None), r"parts\[0\].norm is null, but an object"),
        (lambda m: m["parts"][0].update(more=1), r"parts\[0\] has the unknown key 'more'"),
        (lambda m: m.update(parts=[NESTED[-1]]), "stands in more than 50 other modules"),
        (lambda m: m.update(parts={}), "architecture.model.parts is an object of 0, but a list"),
    ],
)
def test_damaged_files(change: Callable[[Any], object], message: str, tmp_path: Path) -> None:
    path = changed(save_weights(of_all_kinds(), tmp_path / "w.npz"), change)
    with pytest.raises(DataError, match=message):
        load_model(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"0.weight": np.ones(3)}, "'0.weight' is not an array of 2 axes"),
        ({"0.weight": np.ones((5, 3, 1))}, "'0.weight' is not an array of 2 axes with numbers"),
        ({"0.weight": np.ones((4, 3))}, "'1' takes 5 numbers, but what is before it gives 4"),
        ({"1.weight": np.ones(4)}, "'1.weight' of the state dict has shape"),
    ],
)
def test_arrays_that_do_not_fit(arrays: dict[str, Floats], message: str, tmp_path: Path) -> None:
    path = changed(save_weights(of_all_kinds(), tmp_path / "w.npz"), lambda m: m, arrays)
    with pytest.raises((DataError, ShapeError), match=message):
        load_model(path)


@pytest.mark.parametrize(
    ("sizes", "giver", "place"),
    [
        ([(2, 3), (4, 1)], 0, 1),
        ([(2, 3), None, (4, 1)], 0, 2),
        ([(1, 2), (2, 3), None, None, (4, 1)], 1, 4),
        ([None, (2, 3), (4, 1)], 1, 2),
    ],
)
def test_the_error_names_the_two_parts_that_do_not_fit(
    sizes: list[tuple[int, int] | None], giver: int, place: int
) -> None:
    """Those between them pass on what they get."""
    parts = ["tanh" if size is None else Layer(*size, rng=0) for size in sizes]
    message = (
        rf"part {place} of .*, takes 4 inputs, but part {giver}, .*, gives 3; .* let part {giver} "
        rf"have 4 outputs, or part {place} take 3 inputs"
    )
    with pytest.raises(ShapeError, match=message):
        Sequential(*parts)


def test_layers_of_an_mlp_that_do_not_fit(tmp_path: Path) -> None:
    path = save_weights(MLP(3, [5, 2], dropout=0.5, rng=0), tmp_path / "w.npz")
    with pytest.raises(DataError, match=r"'layers\.1' takes 4 numbers, but what is .* gives 5"):
        load_model(changed(path, lambda m: m, {"layers.1.weight": np.ones((2, 4))}))
    path = save_weights(MLP(3, [5, 2], batch_norm=True, rng=0), tmp_path / "v.npz")
    with pytest.raises(DataError, match=r"'layers\.0\.norm' takes 4 numbers, but what is"):
        load_model(changed(path, lambda m: m, {"layers.0.norm.running_mean": np.ones(4)}))


# Looked at


@pytest.mark.parametrize("detail", ["ops", "neurons", "layers"])
def test_drawings_know_what_stands_beside_neurons(detail: str, tmp_path: Path) -> None:
    model = MLP(3, [2, 1], "tanh", batch_norm=True, dropout=0.5, rng=0)
    assert model.layers[0].norm is not None
    model.layers[0].norm.eval()
    model.layers[1].freeze()
    loss = (model(X[0].tolist()) - 1.0) ** 2
    loss.backward()
    text = viz.draw(loss, tmp_path / "graph.dot", detail=detail).read_text()
    assert "frozen" in text
    assert "layers.0.norm" in text
    assert ("layers.0.norm.weight.0" in text) == (detail == "ops")
    assert ("BatchNorm" in text) == (detail != "ops")
    assert 'layers.0.neurons"' not in text
    page = recorded(viz.replay(loss, tmp_path / "replay.html").read_text())
    assert len(page["frozen"]) == 3


def test_health_takes_units_for_those_of_their_layer() -> None:
    model = MLP(3, [4, 1], "relu", batch_norm=True, rng=0)
    norm = model.layers[0].norm
    assert norm is not None
    for row in (norm.running_mean, norm.bias):
        for value in row:
            value.data = 100.0
    report = health(model.eval(), functional.mean([model(x) ** 2 for x in X.tolist()]))
    assert [layer.name for layer in report.layers] == ["layers.0", "layers.0.norm", "layers.1"]
    assert [layer.n_units for layer in report.layers] == [4, 0, 0]
    plain = Sequential(
        Layer(3, 4, None, rng=0), BatchNorm(4, affine=False), "relu", Layer(4, 1, None)
    )
    report = health(plain.eval(), plain(X[0].tolist()) ** 2)
    assert [(layer.name, layer.n_units) for layer in report.layers] == [("0", 4), ("3", 0)]


def test_health_shows_frozen_layers() -> None:
    model = MLP(3, [4, 3, 1], "tanh", rng=0)
    model.layers[0].freeze()
    model.layers[1].neurons[0].freeze()
    loss = model(X[0].tolist()) ** 2
    report = health(model, loss, learning_rate=0.1)
    assert [layer.n_frozen for layer in report.layers] == [16, 5, 0]
    assert [layer.is_frozen for layer in report.layers] == [True, False, False]
    assert str(report).splitlines()[1].split()[6] == "frozen"
    assert report.status == "healthy"
    assert report.layers[0].update_ratio == 0.0
    model.unfreeze()
    whole = health(model, loss)
    kept = whole.layers[1].gradient_norm
    assert 0.0 < report.layers[1].gradient_norm < kept
    size = report.layers[1].gradient_norm / 10.0**0.5
    assert report.layers[1].gradient_size == pytest.approx(size, rel=1e-15)
    report = health(model.freeze(), loss)
    assert report.status == "no gradient"
    assert (
        report.verdict == "no gradient: all parameters are frozen; model.unfreeze() lets them train"
    )
