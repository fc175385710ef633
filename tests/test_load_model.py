"""A model from its file alone: what can be made again is made, the rest is refused with the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from tests.test_weights_damage import ENTRY, arrays_of, edits, key_of, same, write
from tinygrad_mlp import functional, interop, load_model
from tinygrad_mlp._cli import main
from tinygrad_mlp._one_or_many import in_list
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import DataError, InvalidArgumentError
from tinygrad_mlp.nn import MLP, Buffer, Layer, Module, Neuron
from tinygrad_mlp.training import (
    Checkpoint,
    fit,
    load_weights,
    predict,
    predict_proba,
    read_weights,
    save_weights,
    task_of,
)
from tinygrad_mlp.training._archive import pack

X: Final = np.array([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.5], [2.0, -1.0]])


def outputs_of(model: Module) -> list[float]:
    return [output.data for x in X for output in in_list(model(x), model)]


@pytest.mark.parametrize(
    "model",
    [
        MLP(2, [3, 1], rng=0),
        MLP(2, [3, 4, 2], ["tanh", "elu"], "softmax", rng=0),
        MLP(2, [1], output_activation="sigmoid", rng=0),
        MLP(2, [3, 2], functional.sigmoid, Value.tanh, rng=0),
        MLP(2, [3, 2], activation="Swish", output_activation="identity", rng=0),
        Layer(2, 3, "gelu", rng=0),
        Layer(2, 3, "softmax", rng=0),
        Layer(2, 1, None, rng=0),
        Neuron(2, "leaky_relu", rng=0),
        Neuron(2, None, rng=0),
    ],
    ids=repr,
)
def test_it_is_the_same_model(model: Module, tmp_path: Path) -> None:
    again = load_model(save_weights(model, tmp_path / "w.npz", {"n": 3}))
    assert type(again) is type(model)
    assert repr(again) == repr(model)
    assert same(again.state_dict(), model.state_dict())
    assert outputs_of(again) == outputs_of(model)
    logits = [[v.data for x in X for v in in_list(m.logits(x), m)] for m in (again, model)]
    assert logits[0] == logits[1]
    assert task_of(again) is None
    assert [name for name, _ in again.named_parameters()] == [
        name for name, _ in model.named_parameters()
    ]


def test_it_answers_in_the_labels_and_goes_on_training(tmp_path: Path) -> None:
    labels = ["no", "yes", "no", "yes"]
    model = MLP(2, [3, 1], rng=0)
    fit(model, X, labels, epochs=5, log_every=None)
    again = interop.load_model(save_weights(model, tmp_path / "w.npz"))
    assert predict(again, X).tolist() == predict(model, X).tolist()
    assert (predict_proba(again, X) == predict_proba(model, X)).all()
    histories = [fit(m, X, labels, epochs=5, log_every=None).loss for m in (model, again)]
    assert histories[0] == histories[1]


def test_a_checkpoint_is_a_model(tmp_path: Path) -> None:
    model = MLP(2, [3, 1], rng=0)
    path = tmp_path / "best.npz"
    fit(model, X, X[:, 0], epochs=3, callbacks=[Checkpoint(path)], log_every=None)
    assert outputs_of(load_model(path)) == outputs_of(model)


# Models of one's own


class Twice(MLP):
    def forward(self, x: Any) -> Any:
        return [output * 2.0 for output in super().forward(x)]


class Net(Module):
    def __init__(self) -> None:
        self.body = MLP(2, [1], rng=0)


def changed(change: Callable[[Any], object]) -> MLP:
    model = MLP(2, [2, 2], "tanh", rng=0)
    change(model)
    return model


def relu(x: Value) -> Value:
    """Another function than the one of that name."""
    return functional.where(x > 0.0, x, 0.1 * x)


OWN: Final[dict[str, Module]] = {
    "a class": Net(),
    "a class above": Twice(2, [1], rng=0),
    "a class of a name of ours": type("MLP", (Twice,), {})(2, [1], rng=0),
    "an activation": MLP(2, [3, 1], activation=relu, rng=0),
    "an activation of a layer": Layer(2, 3, relu, rng=0),
    "an activation of a neuron": Neuron(2, relu, rng=0),
    "another layer": changed(lambda m: m.layers.insert(1, Twice(2, [2]))),
    "another parameter": changed(lambda m: setattr(m, "scale", Value(2.0))),
    "a buffer": changed(lambda m: setattr(m.layers[0], "mean", Buffer(2.0))),
    "another forward": changed(lambda m: setattr(m, "forward", m.layers[0].forward)),
    "another neuron": changed(lambda m: setattr(m.layers[0].neurons[1], "activation", Value.relu)),
    "a neuron of its own": changed(lambda m: setattr(m.layers[0].neurons[1], "activation", relu)),
    "shared weights": changed(lambda m: m.layers.append(m.layers[1])),
    "a shared bias": changed(
        lambda m: setattr(m.layers[0].neurons[0], "b", m.layers[0].neurons[1].b)
    ),
}


@pytest.mark.parametrize("what", OWN)
def test_what_no_file_can_make_is_refused_with_what_to_do(what: str, tmp_path: Path) -> None:
    model = OWN[what]
    path = save_weights(model, tmp_path / "w.npz")
    with pytest.raises(DataError) as caught:
        load_model(path)
    assert str(caught.value) == (
        f"{path} holds {model!r}, which has a class or an activation of your own, so it cannot be "
        "made from a file; make it as it was made, then load its weights: model = ...; "
        "load_weights(model, path)"
    )
    load_weights(model, path)  # as the message says


def test_step_refuses_a_class_above_an_mlp(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Twice(4, [3], rng=0)
    fit(model, np.eye(4), ["setosa", "versicolor", "virginica", "setosa"], epochs=1, log_every=None)
    path = save_weights(model, tmp_path / "w.npz")
    assert main(["step", "--model", str(path), "--data", "iris"]) == 2
    assert "holds a model with a class or an activation of your own" in capsys.readouterr().err


# Files


def test_files_of_before_say_that_they_do_not_say_it(tmp_path: Path) -> None:
    model = MLP(2, [3, 1], "tanh", rng=0)
    path = save_weights(model, tmp_path / "w.npz")
    arrays = arrays_of(path)
    details = json.loads(str(arrays.pop(ENTRY)))
    del details["architecture"]
    write(path, json.dumps(details), arrays)
    assert read_weights(path).kind is None
    does_not = (
        f"{path} does not say how its model is made, as files of earlier versions do not; make it "
        "as it was made, then load its weights: "
    )
    with pytest.raises(DataError) as caught:
        load_model(path)
    assert str(caught.value) == (
        f"{does_not}model = MLP(2, [3, 1], activation=['tanh', 'linear']); "
        "load_weights(model, path)"
    )
    same_as_told = MLP(2, [3, 1], activation=["tanh", "linear"])
    load_weights(same_as_told, path)
    assert outputs_of(same_as_told) == outputs_of(model)
    path.write_bytes(pack(arrays))  # of another program
    with pytest.raises(DataError) as caught:
        load_model(path)
    assert str(caught.value) == f"{does_not}model = MLP(2, [3, 1]); load_weights(model, path)"
    path.write_bytes(pack({"weight": np.zeros(3)}))
    with pytest.raises(DataError, match=r"weights: model = \.\.\.; load_weights"):
        load_model(path)


def test_a_neuron_has_no_softmax(tmp_path: Path) -> None:
    path = save_weights(Neuron(2), tmp_path / "w.npz")
    arrays = arrays_of(path)
    text = str(arrays.pop(ENTRY)).replace('["relu"]', '["softmax"]')
    write(path, text, arrays)
    with pytest.raises(DataError, match=r"w\.npz: activations\[0\] is 'softmax', which is not kn"):
        load_model(path)


@pytest.mark.parametrize(
    ("made", "architecture", "message"),
    [
        (Layer(2, 3), {"version": 3, "kind": "Layer"}, "architecture.version is 3, and this v"),
        (Layer(2, 3), {"version": 10**400, "kind": "Layer"}, "a later one wrote the file"),
        (Layer(2, 3), {"version": 1, "kind": "Tower"}, "architecture.kind is 'Tower', but one of"),
        (Layer(2, 3), {"version": 1, "kind": "MLP"}, "its arrays are not those of the kind 'MLP'"),
        (Layer(2, 3), {"version": 1, "kind": "Neuron"}, "not those of the kind 'Neuron'"),
        (Neuron(2), {"version": 1, "kind": "Layer"}, "not those of the kind 'Layer'"),
        (MLP(2, [1]), {"version": 1, "kind": "Layer"}, "not those of the kind 'Layer'"),
        (Net(), {"version": 1, "kind": "MLP"}, "activations is missing or null, but arch"),
    ],
)
def test_what_a_file_may_not_say(
    made: Module, architecture: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = save_weights(made, tmp_path / "w.npz")
    arrays = arrays_of(path)
    details = json.loads(str(arrays.pop(ENTRY)))
    write(path, json.dumps({**details, "architecture": architecture}), arrays)
    for read in (load_model, read_weights, lambda path: load_weights(made, path)):
        with pytest.raises(DataError) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert message in str(caught.value)


@pytest.mark.parametrize("model", [MLP(2, [3, 1], rng=0), Layer(2, 1, rng=0), Neuron(2, rng=0)])
def test_every_edit_is_named_or_gives_a_model_of_these_weights(
    model: Module, tmp_path: Path
) -> None:
    fit(model, X, ["no", "yes", "no", "yes"], epochs=1, log_every=None)
    path = save_weights(model, tmp_path / "w.npz")
    arrays = arrays_of(path)
    details = json.loads(str(arrays.pop(ENTRY)))
    refused = 0
    for place, text in edits(details):
        if place[:1] == ("extra",) and len(place) > 1:
            continue
        write(path, text, arrays)
        try:
            again = load_model(path)
        except (DataError, InvalidArgumentError) as error:
            message = str(error)
        else:
            assert same(again.state_dict(), model.state_dict()), text
            assert outputs_of(again) == outputs_of(model), text
            continue
        refused += 1
        assert str(path) in message, text
        if "of earlier versions" not in message and "of your own" not in message:
            assert key_of(place) in message, (text, message)
    assert refused > 200


def test_arrays_are_compared_before_a_model_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2000 of the second layer's neurons would need 4,000,000 weights."""
    path = save_weights(MLP(1, [1, 1]), tmp_path / "w.npz")
    details = json.loads(str(arrays_of(path)[ENTRY]))
    arrays = {
        "layers.0.weight": np.zeros((2000, 1)),
        "layers.0.bias": np.zeros(2000),
        "layers.1.weight": np.zeros((2000, 1)),
        "layers.1.bias": np.zeros(2000),
    }
    write(path, json.dumps(details), arrays)

    def never(*_: object, **__: object) -> MLP:
        raise AssertionError("a network was built")

    monkeypatch.setattr("tinygrad_mlp.nn._architecture.MLP", never)
    with pytest.raises(DataError, match="its arrays are not those of the kind 'MLP'"):
        load_model(path)
