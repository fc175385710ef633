"""Weights on disk: the same model afterwards, the same bytes, and clear words about other files."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_mlp import interop
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError
from tinygrad_mlp.nn import MLP, Module
from tinygrad_mlp.training import fit, load_weights, predict, read_weights, save_weights, task_of

X = np.array([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.5], [2.0, -1.0]])


def trained(y: list[Any] | None = None) -> MLP:
    model = MLP(2, [3, 1], rng=0)
    fit(model, X, y or ["no", "yes", "no", "yes"], epochs=5, log_every=None)
    return model


def test_a_loaded_model_is_the_same_to_the_last_bit_and_answers_in_the_same_labels(
    tmp_path: Path,
) -> None:
    model, other = trained(), MLP(2, [3, 1], rng=7)
    path = save_weights(model, tmp_path / "new" / "weights.npz", {"names": ["a", "b"], "n": 3})
    assert path == tmp_path / "new" / "weights.npz"
    assert load_weights(other, path) == {"names": ["a", "b"], "n": 3}
    assert [p.data for p in other.parameters()] == [p.data for p in model.parameters()]
    assert predict(other, X).tolist() == predict(model, X).tolist() != [0, 1, 0, 1]
    assert set(predict(other, X)) <= {"no", "yes"}


@pytest.mark.parametrize("y", [[0, 1, 0, 1], [-1, 1, -1, 1], [False, True, False, True]])
def test_labels_come_back_as_what_they_were(y: list[Any], tmp_path: Path) -> None:
    model, other = trained(y), MLP(2, [3, 1])
    load_weights(other, save_weights(model, tmp_path / "w.npz"))
    answers = predict(other, X).tolist()
    assert answers == predict(model, X).tolist()
    assert {type(answer) for answer in answers} == {type(y[0])}


def test_a_model_without_a_training_has_no_task(tmp_path: Path) -> None:
    path = save_weights(MLP(2, [1]), tmp_path / "w.npz")
    content = read_weights(path)
    assert content.task is None
    assert content.extra == {}
    other = trained()
    load_weights(MLP(2, [1]), path)
    assert task_of(other) is not None


def test_numpy_alone_opens_the_file_and_the_same_weights_give_the_same_bytes(
    tmp_path: Path,
) -> None:
    model = trained()
    first = save_weights(model, tmp_path / "a.npz").read_bytes()
    assert save_weights(model, tmp_path / "b").read_bytes() == first
    with np.load(io.BytesIO(first), allow_pickle=False) as file:
        assert file["layers.0.weight"].shape == (3, 2)
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert archive.testzip() is None


def test_names_that_numpy_savez_would_trip_over(tmp_path: Path) -> None:
    class Odd(Module):
        def __init__(self, number: float) -> None:
            self.file, self.allow_pickle = Value(number), [Value(2.0), Value(3.0)]

    odd = Odd(1.0)
    other = Odd(5.0)
    load_weights(other, save_weights(odd, tmp_path / "w.npz"))
    assert other.file.data == 1.0


def test_a_file_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_weights(trained(), tmp_path / "w.npz", {"version": 1})
    before = path.read_bytes()

    def full_disk(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_weights(MLP(2, [3, 1], rng=5), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["w.npz"]  # noqa: PTH208


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04rubbish", None])
def test_other_files_are_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "other.npz"
    if content is None:
        np.savez(path, a=np.array([{"a": 1}], dtype=object))  # pickled, and so never opened
    else:
        path.write_bytes(content)
    with pytest.raises(DataError, match="is not a file of weights"):
        read_weights(path)


def test_a_cut_off_file_is_refused(tmp_path: Path) -> None:
    path = save_weights(trained(), tmp_path / "w.npz")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="is not a file of weights"):
        read_weights(path)
    with pytest.raises(FileNotFoundError):
        read_weights(tmp_path / "nothing.npz")


def test_an_archive_of_a_kind_that_nobody_reads_is_refused(tmp_path: Path) -> None:
    path = save_weights(trained(), tmp_path / "w.npz")
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 10] = 99  # the compression of the first entry
    path.write_bytes(content)
    with pytest.raises(DataError, match="is not a file of weights"):
        read_weights(path)


def test_weights_of_another_shape_leave_the_model_as_it_was(tmp_path: Path) -> None:
    path = save_weights(trained(), tmp_path / "w.npz")
    other = MLP(2, [4, 1], rng=1)
    before = [p.data for p in other.parameters()]
    with pytest.raises(ShapeError):
        load_weights(other, path)
    with pytest.raises(InvalidArgumentError):
        load_weights(MLP(2, [1]), path)
    assert [p.data for p in other.parameters()] == before
    assert task_of(other) is None


def test_weights_of_other_activations_leave_the_model_as_it_was(tmp_path: Path) -> None:
    path = save_weights(trained(), tmp_path / "w.npz")
    other = MLP(2, [3, 1], activation="tanh", rng=1)
    before = [p.data for p in other.parameters()]
    with pytest.raises(InvalidArgumentError, match=r"relu\(2\) neurons.* this one is .*tanh\(2\)"):
        load_weights(other, path)
    assert [p.data for p in other.parameters()] == before
    assert task_of(other) is None
    other.load_state_dict(read_weights(path).state)  # as the message says
    assert [p.data for p in other.parameters()] != before


def test_a_model_of_ones_own_is_known_by_its_names_and_shapes_alone(tmp_path: Path) -> None:
    class Line(Module):
        def __init__(self, slope: float) -> None:
            self.slope = Value(slope)

        def __repr__(self) -> str:
            return f"Line({self.slope!r})"

    other = Line(1.0)
    load_weights(other, save_weights(Line(2.0), tmp_path / "w.npz"))
    assert other.slope.data == 2.0


def test_a_file_says_how_the_model_was_made(tmp_path: Path) -> None:
    model = MLP(2, [3, 4, 2], activation=["tanh", "elu"], output_activation="softmax")
    content = read_weights(save_weights(model, tmp_path / "w.npz"))
    assert content.model == repr(model)
    assert content.activations == ["tanh", "elu", "softmax"]
    other = read_weights(save_weights(model.layers[0], tmp_path / "layer.npz"))
    assert (other.model, other.activations) == (repr(model.layers[0]), ["tanh"])


@pytest.mark.parametrize("extra", [{"mean": np.zeros(2)}, {"rate": float("nan")}, {"f": print}])
def test_extra_is_json(extra: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=r"mean\.tolist\(\)"):
        save_weights(MLP(2, [1]), tmp_path / "w.npz", extra)
    assert list(tmp_path.iterdir()) == []


def test_interop_has_them_too() -> None:
    assert interop.save_weights is save_weights
    assert interop.load_weights is load_weights


def test_a_model_of_many_small_modules_is_kept(tmp_path: Path) -> None:
    class Many(Module):
        def __init__(self) -> None:
            self.parts = [MLP(1, [1], rng=i) for i in range(6000)]

    model, other = Many(), Many()
    for parameter in other.parameters():
        parameter.data = 0.0
    save_weights(model, tmp_path / "many.npz")
    load_weights(other, tmp_path / "many.npz")
    assert [p.data for p in other.parameters()] == [p.data for p in model.parameters()]
