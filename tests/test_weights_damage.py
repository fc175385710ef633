"""Weights files that were changed by hand, damaged, or made to do harm.

Whatever stands in the file, reading it ends in an error of ours that names the file and the place,
or in the model that was saved; and it costs no more than the file's size allows.
"""

from __future__ import annotations

import copy
import io
import json
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from tests.lying_archives import LYING, npy
from tests.memory import assert_takes_less
from tinygrad_mlp._cli import main
from tinygrad_mlp._cli.saved import load_network
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError
from tinygrad_mlp.nn import MLP, Module
from tinygrad_mlp.training import Task, fit, load_weights, read_weights, save_weights

ENTRY: Final = "__details__"

SUBSTITUTES: Final[tuple[Any, ...]] = (
    *(None, True, -1, 0, 1, 3, 10**6, 10**30, 0.5, 1e300),
    *(float("nan"), float("inf"), "", "text", "\ud800", "a\0", [], {}),
    *([[]], [None], [1] * 100, {"a": {"b": [1, {}]}}, [["a"], ["b"]]),
)

Place = tuple[str | int, ...]


def places(item: Any, place: Place = ()) -> Iterator[Place]:
    """Where something stands in the text: every key, and of a list the first and the last entry."""
    yield place
    inside: dict[Any, Any] = item if isinstance(item, dict) else {}
    if isinstance(item, list):
        inside = {number: item[number] for number in {0, len(item) - 1} if item}
    for key, child in inside.items():
        yield from places(child, (*place, key))


def edits(details: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    """The text after each single edit, with the place of the edit."""
    for place in places(details):
        for substitute in SUBSTITUTES:
            yield place, json.dumps(replaced(details, place, substitute))
        item = at(details, place)
        if isinstance(item, dict):
            yield place, json.dumps(replaced(details, place, {**item, "new": 1}))
        if isinstance(item, list):
            for new in (item * 2, item[:-1], [*item, None]):
                yield place, json.dumps(replaced(details, place, new))
        if place:
            yield place, json.dumps(without(details, place))


def at(details: Any, place: Place) -> Any:
    for key in place:
        details = details[key]
    return details


def replaced(details: Any, place: Place, new: Any) -> Any:
    if not place:
        return new
    edited = copy.deepcopy(details)
    at(edited, place[:-1])[place[-1]] = new
    return edited


def without(details: Any, place: Place) -> Any:
    new = copy.deepcopy(details)
    del at(new, place[:-1])[place[-1]]
    return new


def arrays_of(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def write(path: Path, text: str, arrays: dict[str, Any]) -> None:
    np.savez(path, **{**arrays, ENTRY: np.array(text)})


def key_of(place: Place) -> str:
    """The last name on the way to the place."""
    return str([key for key in place if isinstance(key, str)][-1]) if place else ""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two tables, in which the commands run."""
    monkeypatch.chdir(tmp_path)
    rows = [(1.5, 2.5, "x"), (2.5, 0.5, "z"), (0.5, 0.25, "y")] * 8
    Path("classes.csv").write_text("a,b,kind\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows))
    Path("numbers.csv").write_text("a,b,n\n" + "".join(f"{a},{b},{a + b}\n" for a, b, _ in rows))
    return tmp_path


# Single edits of the text


@pytest.mark.parametrize("labels", [["no", "yes"], [0, 1], [False, True], None])
def test_every_edit_of_a_model_is_named_or_changes_nothing(
    labels: list[Any] | None, tmp_path: Path
) -> None:
    model = MLP(2, [3, 1], rng=0)
    X = [[0.0, 1.0], [1.0, 0.0]]
    fit(model, X, labels or [0.25, 1.5], epochs=1, log_every=None)
    path = save_weights(model, tmp_path / "w.npz", {"names": ["a", {"b": None}], "n": 1.5})
    arrays = arrays_of(path)
    details = json.loads(str(arrays.pop(ENTRY)))
    before = model.state_dict()
    refused = 0
    for place, text in edits(details):
        if place[:1] == ("extra",) and len(place) > 1:
            continue  # what a person adds can be anything
        write(path, text, arrays)
        other = MLP(2, [3, 1], rng=1)
        untouched = other.state_dict()
        try:
            load_weights(other, path)
        except (DataError, InvalidArgumentError) as error:
            message = str(error)
        else:
            assert same(other.state_dict(), before), text
            continue
        refused += 1
        assert str(path) in message, text
        assert key_of(place) in message, (text, message)
        assert same(other.state_dict(), untouched), text
    assert refused > 200


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all((one[name] == other[name]).all() for name in one)


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize(
    ("table", "target", "hidden"),
    [("classes.csv", "kind", "3"), ("numbers.csv", "n", "0")],
)
def test_every_edit_of_a_saved_network_is_named_or_answers_the_same(
    table: str, target: str, hidden: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", table, "--target", target, "--hidden", hidden, "--epochs", "1"]
    assert main([*words, "--save", "w.npz"]) == 0
    arrays = arrays_of(Path("w.npz"))
    details = json.loads(str(arrays.pop(ENTRY)))
    capsys.readouterr()
    assert main(["predict", "w.npz", table]) == 0
    answers = capsys.readouterr().out.splitlines()[1:]
    refused = 0
    for number, (place, text) in enumerate(edits(details)):
        write(Path("edited.npz"), text, arrays)
        if number % 5:  # the whole command takes its time
            try:
                load_network(Path("edited.npz"))
            except DataError as error:
                code, message = 2, f"error: {error}"
            else:
                continue
        else:
            code, shown = main(["predict", "edited.npz", table]), capsys.readouterr()
            message = shown.err
            compared = code == 0 and place == ("extra", "target")  # with a column that is not there
            assert message.count("\n") == (0 if compared else 1), text
            if code == 0:
                may_differ = place[:2] in {("extra", "inputs"), ("extra", "outputs")}
                assert may_differ or shown.out.splitlines()[1:] == answers, text
                continue
        refused += 1
        assert code == 2, text
        assert message.startswith("error: "), text
        if "not those of the command 'train'" in message:
            assert at(json.loads(text), ("extra",)).get("kind") != details["extra"]["kind"]
        elif f"{table} lacks" in message:  # of another name is a column that is not there
            assert place[:2] == ("extra", "feature_names")
        else:
            assert "edited.npz" in message, (text, message)
            assert key_of(place) in message, (text, message)
    assert refused > 500


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("is_of_train", [True, False])
def test_edits_end_step_cleanly(
    is_of_train: bool,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if is_of_train:
        words = ["train", "classes.csv", "--target", "kind", "--hidden", "2", "--epochs", "1"]
        assert main([*words, "--save", "w.npz"]) == 0
    else:
        model = MLP(4, [2, 3], rng=0)
        fit(model, np.eye(4), ["setosa", "versicolor", "virginica", "setosa"], epochs=1)
        save_weights(model, "w.npz")
    arrays = arrays_of(Path("w.npz"))
    details = json.loads(str(arrays.pop(ENTRY)))
    command = ["step", "--model", "edited.npz", "--data"]
    command.append("classes.csv" if is_of_train else "iris")
    results = {}
    for place, text in [((), json.dumps(details)), *list(edits(details))[::7]]:
        write(Path("edited.npz"), text, arrays)
        monkeypatch.setattr("sys.stdin", io.StringIO("end\n"))
        capsys.readouterr()
        code = main(command)
        shown = capsys.readouterr()
        assert code in (0, 2), text
        if code == 2:
            assert shown.err.startswith("error: "), text
            assert shown.err.count("\n") == 1, text
        results[text] = code, shown.out
        if key_of(place) in {"activations", "activation", "hidden", "n_inputs", "n_outputs"}:
            assert results[text] == results[json.dumps(details)] or code == 2, text


# What a file costs


@pytest.mark.parametrize("name", LYING)
def test_what_a_header_promises_is_checked_before_it_is_unpacked(name: str, tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    path.write_bytes(LYING[name])

    def read() -> None:
        with pytest.raises(DataError, match=r"w\.npz"):
            read_weights(path)

    assert_takes_less(read, most=4_000_000)


def test_a_member_cannot_be_counted_many_times(tmp_path: Path) -> None:
    """Many entries of the directory that name the same content, the bomb without compression."""
    array = npy("<f8", "(10000,)", bytes(80_000))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.npy", array)
        for number in range(500):
            entry = copy.copy(archive.infolist()[0])
            entry.filename = f"{number}.npy"
            archive.filelist.append(entry)
    (tmp_path / "w.npz").write_bytes(content.getvalue())
    with pytest.raises(DataError, match="claim to hold"):
        read_weights(tmp_path / "w.npz")


def test_a_size_that_lies_is_found(tmp_path: Path) -> None:
    path = save_weights(MLP(2, [1], rng=0), tmp_path / "w.npz")
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\x01\x02")
    for size in (0, 1, 120, 2**31):
        struct.pack_into("<I", content, directory + 24, size)
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"w\.npz"):
            read_weights(path)


def test_sizes_of_layers_are_compared_before_a_network_is_built(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = {
        "layers.0.weight": np.zeros((2000, 1)),
        "layers.0.bias": np.zeros(2000),
        "layers.1.weight": np.zeros((2000, 1)),  # 2000 of them would need 4,000,000 weights
        "layers.1.bias": np.zeros(2000),
    }
    task = Task(None).to_dict()
    write(Path("w.npz"), json.dumps({"task": task, "extra": {}}), arrays)

    def never(*_: object, **__: object) -> MLP:
        raise AssertionError("a network was built")

    monkeypatch.setattr("tinygrad_mlp._cli.sample_loss.MLP", never)
    assert main(["step", "--model", "w.npz", "--data", "iris"]) == 2
    assert "w.npz does not hold the weights of an MLP" in capsys.readouterr().err


# Damage


def test_a_file_that_is_cut_off_or_has_wrong_bits_is_named_or_gives_the_same(
    tmp_path: Path,
) -> None:
    model = MLP(2, [3, 1], rng=0)
    fit(model, [[0.0, 1.0], [1.0, 0.0]], ["no", "yes"], epochs=1, log_every=None)
    path = save_weights(model, tmp_path / "w.npz", {"n": 3})
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    damaged = [whole[:length] for length in range(0, len(whole), 23)]
    for _ in range(600):
        flipped = bytearray(whole)
        for place in rng.integers(len(whole), size=int(rng.integers(1, 4))):
            flipped[place] ^= 1 << int(rng.integers(8))
        damaged.append(bytes(flipped))
    for place in range(whole.index(b"PK\x01\x02"), len(whole)):  # the directory, byte by byte
        damaged += [whole[:place] + bytes([byte]) + whole[place + 1 :] for byte in (0, 255)][::3]
    messages = []
    for content in damaged:
        path.write_bytes(content)
        other = MLP(2, [3, 1], rng=1)
        try:
            load_weights(other, path)
        except (DataError, ShapeError, InvalidArgumentError) as error:
            messages.append(str(error))
        else:
            assert same(other.state_dict(), model.state_dict())
    assert len(messages) > 500
    assert all(str(path) in message for message in messages)


# Files from before, and from elsewhere


def test_a_file_of_the_first_version_is_read(tmp_path: Path) -> None:
    """It says neither the model nor its activations."""
    model = MLP(2, [3, 1], rng=0)
    task = {"loss": "hinge", "classes": [-1, 1], "n_inputs": 2, "n_outputs": 1}
    write(tmp_path / "w.npz", json.dumps({"task": task, "extra": {"a": 1}}), model.state_dict())
    other = MLP(2, [3, 1], activation="tanh")
    assert load_weights(other, tmp_path / "w.npz") == {"a": 1}
    assert same(other.state_dict(), model.state_dict())


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_of_other_programs_are_read(save: Any, tmp_path: Path) -> None:
    """Smaller floats, other orders of bytes and of axes, compressed or not, without a text."""
    model = MLP(2, [3, 1], rng=0)
    state = model.state_dict()
    weight, bias = (f"layers.0.{name}" for name in ("weight", "bias"))
    other_kinds = {
        weight: np.asfortranarray(state[weight]),
        bias: state[bias].astype(">f8"),
        "layers.1.bias": np.zeros(1, np.float32),
        "layers.1.weight": np.ones((1, 3), np.int64),
    }
    save(tmp_path / "w.npz", **other_kinds)
    content = read_weights(tmp_path / "w.npz")
    assert (content.task, content.extra, content.model) == (None, {}, None)
    assert same(content.state, other_kinds)
    content.state[weight] += 1.0  # arrays of one's own
    model.load_state_dict(content.state)


def test_a_model_that_answers_with_more_than_its_layers_keeps_its_task(tmp_path: Path) -> None:
    class Twice(MLP):
        def forward(self, x: Any) -> Any:
            return super().forward(x) * 2

    model, other = Twice(2, [1], rng=0), Twice(2, [1], rng=1)
    fit(model, [[0.0, 1.0], [1.0, 0.0]], [[0.5, 1.0], [2.0, 0.5]], epochs=1, log_every=None)
    load_weights(other, save_weights(model, tmp_path / "w.npz"))
    assert same(other.state_dict(), model.state_dict())
    assert isinstance(other, Module)
