"""Arrays in safetensors files: by torch's names, in any order, of any strides."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy
import safetensors.torch
import torch
from torch import nn

from tinygrad_mlp import MLP, Layer, Module, Neuron, Value
from tinygrad_mlp.errors import (
    DataError,
    InvalidArgumentError,
    MissingDependencyError,
    ShapeError,
)
from tinygrad_mlp.interchange import from_torch, load_safetensors, save_safetensors, to_torch
from tinygrad_mlp.interchange._safetensors_file import packed, put_arrays
from tinygrad_mlp.nn import BatchNorm, Sequential


class Own(Module):
    """A model with a forward of its own, a neuron and a batch norm in it."""

    def __init__(self, seed: int) -> None:
        self.hidden = Layer(2, 3, rng=seed)
        self.norm = BatchNorm(3)
        self.out = Neuron(3, None, rng=seed)
        self.scale = Value(float(seed))

    def forward(self, x: Any) -> Any:
        return [self.scale * y for y in self.out.forward(self.norm.forward(self.hidden.forward(x)))]


class Twice(Module):
    """A model with a layer, a batch norm and a neuron that stand in two places each."""

    def __init__(self, seed: int) -> None:
        self.hidden = Layer(2, 3, rng=seed)
        self.norm = BatchNorm(3)
        self.out = Neuron(3, None, rng=seed)
        self.again = [self.hidden, self.norm, self.out]
        self.itself = [self]


MODELS: dict[str, Callable[[int], Module]] = {
    "mlp": lambda seed: MLP(3, [4, 2], rng=seed),
    "norm": lambda seed: MLP(3, [4, 1], batch_norm=True, dropout=0.5, rng=seed),
    "sequential": lambda seed: Sequential(Sequential(Layer(3, 4, rng=seed)), Layer(4, 1, rng=seed)),
    "neuron": lambda seed: Neuron(3, rng=seed),
    "own": Own,
    "shared": lambda seed: Sequential(*[Layer(2, 2, "tanh", rng=seed)] * 2),
    "own, shared": Twice,
}


def header_of(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header: dict[str, Any] = json.loads(content[8 : 8 + size])
    return header


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back(name: str, tmp_path: Path) -> None:
    model, copy = MODELS[name](1), MODELS[name](2)
    for buffer in model.buffers():
        buffer.data += 0.25
    path = save_safetensors(model, tmp_path / "folder" / "model.safetensors")
    load_safetensors(copy, path)
    wanted, got = model.state_dict(), copy.state_dict()
    assert list(wanted) == list(got)
    for key, array in wanted.items():
        assert np.array_equal(array, got[key]), key
    assert model.parameters()[0].data != MODELS[name](2).parameters()[0].data


@pytest.mark.parametrize("name", ["mlp", "norm", "sequential", "neuron", "shared"])
def test_torch_loads_the_file_without_us(name: str, tmp_path: Path) -> None:
    model = MODELS[name](1)
    path = save_safetensors(model, tmp_path / "model.safetensors")
    tensors = safetensors.torch.load_file(path)
    network = to_torch(MODELS[name](2))
    network.load_state_dict(tensors)  # strict: names and shapes are the same
    for key, tensor in to_torch(model).state_dict().items():
        assert torch.equal(tensors[key], tensor), key
        assert tensors[key].dtype == tensor.dtype


def test_a_class_of_torch_with_the_same_names_loads_it_too(tmp_path: Path) -> None:
    class Twin(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = nn.Linear(2, 3)
            self.norm = nn.BatchNorm1d(3)
            self.out = nn.Linear(3, 1)
            self.scale = nn.Parameter(torch.tensor(0.0))

    model = Own(3)
    twin = Twin()
    twin.load_state_dict(
        safetensors.torch.load_file(save_safetensors(model, tmp_path / "own.safetensors"))
    )
    assert twin.scale.item() == 3.0
    assert twin.out.weight[0].tolist() == pytest.approx([w.data for w in model.out.w], rel=1e-7)
    assert twin.norm.num_batches_tracked is not None
    assert twin.norm.num_batches_tracked.dtype == torch.int64


class TorchTwice(nn.Module):
    """Twice in torch."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(2, 3)
        self.norm = nn.BatchNorm1d(3)
        self.out = nn.Linear(3, 1)
        self.again = nn.ModuleList([self.hidden, self.norm, self.out])


def test_what_stands_in_two_places_is_there_twice_as_in_torch(tmp_path: Path) -> None:
    model: Any = Twice(3)
    twin: Any = TorchTwice().double()
    path = save_safetensors(model, tmp_path / "own.safetensors")
    twin.load_state_dict(safetensors.torch.load_file(path))  # strict
    assert twin.again[2].weight[0].tolist() == [w.data for w in model.out.w]


def test_of_what_is_shared_torch_saves_one_name_and_that_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "shared.safetensors"
    for network, model in [
        (TorchTwice().double(), Twice(1)),
        (to_torch(MODELS["shared"](2)), MODELS["shared"](1)),
    ]:
        safetensors.torch.save_model(network, str(path))
        load_safetensors(model, path)
        arrays = safetensors.numpy.load(save_bytes(model, tmp_path))
        assert len(header_of(path)) < len(arrays)
        for name, tensor in network.state_dict().items():
            assert np.array_equal(arrays[name], tensor.numpy()), name


def save_bytes(model: Module, folder: Path) -> bytes:
    return save_safetensors(model, folder / "again.safetensors").read_bytes()


def test_other_numbers_for_what_is_shared_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    of_two = Sequential(Layer(2, 2, "tanh", rng=3), Layer(2, 2, "tanh", rng=4))
    save_safetensors(of_two, path)
    model = MODELS["shared"](1)
    before = model.state_dict()
    with pytest.raises(
        InvalidArgumentError, match=rf"^{path} holds other numbers for '2.weight' than for '0.wei"
    ):
        load_safetensors(model, path)
    with pytest.raises(
        InvalidArgumentError, match=r"the state dict for Seq.* '1.weight' than for '0.weight'"
    ):
        model.load_state_dict(of_two.state_dict())
    assert all(np.array_equal(before[name], array) for name, array in model.state_dict().items())
    for number in (float("nan"), 0.25):
        arrays = {name: np.full_like(array, number) for name, array in before.items()}
        model.load_state_dict(arrays)
        assert np.array_equal(model.state_dict()["1.bias"], arrays["1.bias"], equal_nan=True)
        load_safetensors(MODELS["shared"](2), save_safetensors(model, path))


def test_files_of_a_network_without_biases_go_into_what_was_made_of_it(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    network = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Tanh(), nn.Linear(2, 1)).double()
    model = from_torch(network)
    safetensors.torch.save_file(
        {name: 2.0 * tensor for name, tensor in network.state_dict().items()}, path
    )
    load_safetensors(model, path)
    for name, tensor in network.state_dict().items():
        assert torch.equal(to_torch(model).state_dict()[name], 2.0 * tensor)
    for change in ("requires_grad", "data"):
        model = from_torch(network)
        layer: Any = model[0]
        setattr(layer.neurons[1].b, change, 1.0 if change == "data" else True)
        with pytest.raises(InvalidArgumentError, match=r"lacks '0.bias'; the names"):
            load_safetensors(model, path)
    zeros = Sequential(Layer(2, 2, None, init="zeros"), BatchNorm(2)).freeze()  # biases alone
    safetensors.numpy.save_file({}, path)
    with pytest.raises(InvalidArgumentError, match=r"lacks '0.weight', '1.weight', '1.run"):
        load_safetensors(zeros, path)


class OddlyNamed(Module):
    def __init__(self, name: str) -> None:
        vars(self)[name] = Value(1.0)


@pytest.mark.parametrize("name", ["__metadata__", "\udc80"])
def test_a_name_that_no_file_can_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=r"has parameters of the name '.*another name$"):
        save_safetensors(OddlyNamed(name), tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())
    save_safetensors(OddlyNamed("gewöhnlich"), tmp_path / "model.safetensors")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_files_of_torch_are_read(dtype: torch.dtype, tmp_path: Path) -> None:
    network = nn.Sequential(
        nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 1)
    ).to(dtype)
    path = tmp_path / "torch.safetensors"
    state = network.state_dict()
    state["1.num_batches_tracked"] += 7
    safetensors.torch.save_file(state, path)
    model = MODELS["norm"](1)
    load_safetensors(model, path)
    for key, tensor in to_torch(model).state_dict().items():
        if not key.endswith("tracked"):
            assert torch.equal(tensor, state[key].double()), key


def test_it_may_lack_the_count_of_batches_and_stand_in_any_order(tmp_path: Path) -> None:
    model = MODELS["norm"](1)
    path = save_safetensors(model, tmp_path / "model.safetensors")
    arrays = safetensors.numpy.load_file(path)
    assert arrays.pop("1.num_batches_tracked").shape == ()
    reversed_ = dict(sorted(arrays.items(), reverse=True))
    path.write_bytes(_in_this_order(reversed_))
    assert list(header_of(path)) == list(reversed_)
    copy = MODELS["norm"](2)
    load_safetensors(copy, path)
    assert copy.state_dict()["layers.0.weight"].tolist() == arrays["0.weight"].tolist()


def _in_this_order(arrays: dict[str, Any]) -> bytes:
    """A file as the format says, written by hand."""
    header: dict[str, Any] = {}
    body = b""
    for name, array in arrays.items():
        offsets = [len(body), len(body) + array.nbytes]
        header[name] = {"dtype": "F64", "shape": list(array.shape), "data_offsets": offsets}
        body += array.tobytes()
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    model = MODELS["norm"](1)
    paths = [save_safetensors(model, tmp_path / f"{i}.safetensors") for i in range(5)]
    assert len({path.read_bytes() for path in paths}) == 1
    assert "__metadata__" not in header_of(paths[0])


STRIDES: dict[str, Callable[[Any], Any]] = {
    "as it is": lambda a: a,
    "transposed": lambda a: a.T,
    "Fortran": np.asfortranarray,
    "every second": lambda a: a[:, ::2],
    "reversed": lambda a: a[::-1, ::-1],
    "a column": lambda a: a[:, 1],
    "broadcast": lambda a: np.broadcast_to(a[0], (3, a.shape[1])),
    "one number": lambda a: a[1, 2],
    "of no axes": lambda a: np.array(5),
    "empty": lambda a: a[:0],
    "read only": lambda a: np.frombuffer(a.tobytes()).reshape(a.shape).T,
}


@pytest.mark.parametrize("kind", STRIDES)
def test_arrays_of_any_strides_come_back(kind: str) -> None:
    array = np.asarray(STRIDES[kind](np.arange(20.0).reshape(4, 5)))
    (read,) = safetensors.numpy.load(packed(safetensors, {"W": array})).values()
    assert read.shape == array.shape
    assert read.dtype == array.dtype
    assert np.array_equal(read, array)


WRONG: list[tuple[Callable[[dict[str, Any]], Any], type[Exception], str]] = [
    (lambda a: a.pop("0.bias"), InvalidArgumentError, "lacks '0.bias'; the names for MLP of"),
    (lambda a: a.update(x=a["0.bias"]), InvalidArgumentError, "has the unknown 'x'; the names"),
    (
        lambda a: a.update({"0.bias": a["0.bias"][:2]}),
        ShapeError,
        r"'0.bias' has shape \(2,\), but MLP of .* needs \(4,\)",
    ),
]


@pytest.mark.parametrize(("change", "error", "match"), WRONG)
def test_after_an_error_the_model_is_as_it_was(
    change: Callable[[dict[str, Any]], Any], error: type[Exception], match: str, tmp_path: Path
) -> None:
    path = save_safetensors(MODELS["mlp"](1), tmp_path / "model.safetensors")
    arrays = safetensors.numpy.load_file(path)
    change(arrays)
    safetensors.numpy.save_file(arrays, path)
    model = MODELS["mlp"](2)
    before = model.state_dict()
    with pytest.raises(error, match=match) as raised:
        load_safetensors(model, path)
    assert str(raised.value).startswith(str(path))
    assert all(np.array_equal(before[name], array) for name, array in model.state_dict().items())


def test_numbers_are_real() -> None:
    model = MODELS["neuron"](1)
    arrays = {"0.weight": np.ones((1, 3)), "0.bias": np.array([1j])}
    with pytest.raises(DataError, match=r"^f.st: '0.bias' holds complex128; real numbers are need"):
        put_arrays(model, arrays, "f.st")


@pytest.mark.parametrize("content", [b"", b"no such file", b"\xff" * 40])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"is not a safetensors file \(.*save_safetensors\(model"):
        load_safetensors(MODELS["mlp"](1), path)


def test_a_type_that_numpy_does_not_have_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    network = to_torch(MODELS["mlp"](1)).to(torch.bfloat16)
    safetensors.torch.save_file(network.state_dict(), path)
    with pytest.raises(DataError, match=r"does not have \('BF16'\); save them as float32"):
        load_safetensors(MODELS["mlp"](1), path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_safetensors(MODELS["mlp"](1), tmp_path / "model.safetensors")


@pytest.mark.parametrize("function", [save_safetensors, load_safetensors])
def test_what_is_no_model_or_the_package_is_missing(
    function: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = save_safetensors(MODELS["mlp"](1), tmp_path / "model.safetensors")
    name = function.__name__
    with pytest.raises(InvalidArgumentError, match=rf"^{name} takes a model, got 5; .*{name}\("):
        function(5, path)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(MissingDependencyError, match=r"'safetensors'; .*\[export\]"):
        function(MODELS["mlp"](1), path)
