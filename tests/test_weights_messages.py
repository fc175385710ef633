"""What is wrong with a weights file, word by word, and what stands in one to the byte."""

from __future__ import annotations

import io
import json
import re
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.lying_archives import LYING, bomb, npy
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError
from tinygrad_mlp.losses import loss_named
from tinygrad_mlp.nn import MLP, Module
from tinygrad_mlp.training import (
    Task,
    WeightsFile,
    load_weights,
    read_weights,
    save_weights,
    task_of,
)
from tinygrad_mlp.training._details import Specified, parse_details
from tinygrad_mlp.training._weights import put_weights

ENTRY: Final = "__details__"
ONE: Final = npy("<f8", "(1,)", bytes(8))


def archive(*members: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    content = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(content, "w", method) as file:
        warnings.simplefilter("ignore")  # of names that come twice
        for name, member in members:
            info = zipfile.ZipInfo(name)  # of 1980, so that a test has the same name in any process
            file.writestr(info, member, compress_type=method)
    return content.getvalue()


def refused(content: bytes, folder: Path) -> str:
    """What the error says of the file itself."""
    path = folder / "w.npz"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_weights(path)
    message = str(caught.value)
    for before, after in (
        (f"{path} is not a file of weights (", "); save_weights(model, 'weights.npz') writes one"),
        (
            f"{path}: ",
            "; the file is damaged or was changed: save the model again with "
            "save_weights(model, 'weights.npz')",
        ),
    ):
        if message.startswith(before) and message.endswith(after):
            return message.removeprefix(before).removesuffix(after)
    raise AssertionError(message)


# The archive

NO_ARRAY: Final = "'a.npy' is no array of numbers as NumPy writes it"
OF_LYING: Final = {
    "inflates a thousand times": "39,074 bytes claim to hold 40,000,073, far more than weights do",
    "inflates in many members": "35,162 bytes claim to hold 28,802,840, far more than weights do",
    "a shape without content": (
        "'a.npy' says that it has the shape (1000000000, 1000000000) of <f8, but holds 0 bytes"
    ),
    "a shape without numbers": (
        "'a.npy' says that it has the shape (1000000000, 0) of <f8, but holds 0 bytes"
    ),
    "a shape that overflows": (
        "'a.npy' says that it has the shape (4294967296, 4294967296, 1) of <f8, but holds 8 bytes"
    ),
    "a shape below 0": NO_ARRAY,
    "objects": NO_ARRAY,
    "complex numbers": NO_ARRAY,
    "an expression as a header": NO_ARRAY,
    "no header": NO_ARRAY,
    "no member": "it has 0 members, but 1 to 1,000,000 are read",
    "no array": NO_ARRAY,
    "texts as weights": "'a' does not hold what it must",
    "numbers as text": "'__details__' does not hold what it must",
}


@pytest.mark.parametrize("name", OF_LYING)
def test_what_is_said_of_an_archive_that_lies(name: str, tmp_path: Path) -> None:
    found = refused(LYING[name], tmp_path)
    digits = ("claim to hold",)  # how far zeros shrink is for zlib to say
    if any(part in found for part in digits):
        assert found.partition("claim")[2] == OF_LYING[name].partition("claim")[2]
    else:
        assert found == OF_LYING[name]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (archive(("a.npy", ONE), ("a.npy", ONE)), "it holds 'a.npy', twice"),
        (archive(("a.npy", ONE), ("b.txt", ONE)), "it holds 'b.txt', which is no array"),
        *[
            (
                archive(("a.npy", ONE), method=method),
                "'a.npy' is compressed in a way that NumPy never uses",
            )
            for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
        ],
        (archive(("a.npy", b"\x93NUMPY\x02\x00" + ONE[8:])), NO_ARRAY),
        (archive(("a.npy", b"\x93NUMPZ\x01\x00" + ONE[8:])), NO_ARRAY),
        (archive(("a.npy", b"\x93NUMPY\x01\x01" + ONE[8:])), NO_ARRAY),
        (
            archive(("a.npy", npy("<f8", "(2, 3)", bytes(40)))),
            "'a.npy' says that it has the shape (2, 3) of <f8, but holds 40 bytes",
        ),
        (
            archive(("a.npy", npy("<f4", "(2,)", bytes(12345)))),
            "'a.npy' says that it has the shape (2,) of <f4, but holds 12,345 bytes",
        ),
        (
            archive((f"{'x' * 70}.npy", npy("<f8", f"({'7, ' * 30})", bytes(8)))),
            f"'{'x' * 29}…{'x' * 24}.npy' says that it has the shape "
            f"({'7, ' * 9}7,…{'7, ' * 9}7) of <f8, but holds 8 bytes",
        ),
        (b"hello", "it is no .npz archive"),
    ],
)
def test_what_is_said_of_an_archive_of_another_kind(
    content: bytes, message: str, tmp_path: Path
) -> None:
    assert refused(content, tmp_path).replace(" 7,  of", " 7, of") == message


@pytest.mark.parametrize(
    ("member", "array"),
    [
        (ONE, np.zeros(1)),
        (npy("<f8", "()", struct.pack("<d", 2.5)), np.array(2.5)),
        (npy("<f8", "(1,1)", struct.pack("<d", 2.5)), np.array([[2.5]])),
        (npy("|b1", "(2,)", b"\1\0"), np.array([True, False])),
        (npy(">u2", "(2,)", b"\1\0\0\1"), np.array([256, 1], np.uint16)),
        (npy("<i4", "(3, 1)", struct.pack("<3i", 1, -2, 3)), np.array([[1], [-2], [3]], np.int32)),
        (npy("<f8", "(2, 3)", struct.pack("<6d", *range(6))), np.arange(6.0).reshape(2, 3)),
        (
            npy("<f8", "(2, 3)", struct.pack("<6d", *range(6)), "True"),
            np.array([[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]),
        ),
        (
            npy("<f8", "(3, 2, 1)", struct.pack("<6d", *range(6)), "True"),
            np.arange(6.0).reshape(1, 2, 3).T,
        ),
    ],
)
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_arrays_as_numpy_writes_them(
    member: bytes, array: NDArray[Any], method: int, tmp_path: Path
) -> None:
    path = tmp_path / "w.npz"
    path.write_bytes(archive(("a.npy", member), ("b.c.npy.npy", ONE), method=method))
    state = read_weights(path).state
    assert list(state) == ["a", "b.c.npy"]
    found: NDArray[Any] = state["a"]
    np.testing.assert_array_equal(found, array, strict=True)
    assert found.flags.c_contiguous
    assert found.flags.writeable
    assert found.dtype.isnative


def test_how_far_an_archive_may_inflate(tmp_path: Path) -> None:
    """A hundred times the bytes that are packed, and 2^20 beside."""

    def parts(n: int) -> tuple[bytes, int, int]:
        member = npy("<f8", f"({n},)", bytes(8 * n))
        content = bomb(a=member)
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            return content, len(member), file.infolist()[0].compress_size

    few, many = 100_000, 200_000
    while many - few > 1:
        n = (few + many) // 2
        _, inflated, packed = parts(n)
        few, many = (n, many) if inflated <= 100 * packed + 2**20 else (few, n)
    path = tmp_path / "w.npz"
    path.write_bytes(parts(few)[0])
    assert read_weights(path).state["a"].shape == (few,)
    content, inflated, _ = parts(many)
    said = f"{len(content):,} bytes claim to hold {inflated:,}, far more than weights do"
    assert refused(content, tmp_path) == said


@pytest.mark.parametrize("more", [-1, 1, 7, 100])
def test_a_size_that_lies_a_little(more: int, tmp_path: Path) -> None:
    """The directory is what a reader goes by."""
    content = bytearray(archive(("a.npy", ONE), method=zipfile.ZIP_DEFLATED))
    directory = content.index(b"PK\x01\x02")
    struct.pack_into("<I", content, directory + 24, len(ONE) + more)
    found = refused(bytes(content), tmp_path)
    if more > 0:
        assert found == "'a.npy' is not as long as its header says"
    else:
        assert found.startswith("the archive is damaged: Bad CRC-32")


def test_members_that_claim_more_than_the_file_has(tmp_path: Path) -> None:
    content = bytearray(archive(("a.npy", ONE)))
    directory = content.index(b"PK\x01\x02")
    size = len(content)
    struct.pack_into("<II", content, directory + 20, size + 1, len(ONE))
    said = f"{size:,} bytes claim to hold {len(ONE):,}, far more than weights do"
    assert refused(bytes(content), tmp_path) == said


def test_how_many_members_there_may_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model, path = MLP(1, [1], rng=0), tmp_path / "w.npz"  # weight, bias, and the text
    save_weights(MLP(1, [1, 1], rng=0), path)
    monkeypatch.setattr("tinygrad_mlp.training._archive.MOST_MEMBERS", 3)
    assert refused(path.read_bytes(), tmp_path) == "it has 5 members, but 1 to 3 are read"
    with pytest.raises(DataError) as caught:
        save_weights(MLP(1, [1, 1], rng=0), path)
    assert str(caught.value) == "5 arrays are more than a file can hold: 3"
    assert load_weights(model, save_weights(model, path)) == {}


def test_what_is_in_a_file(tmp_path: Path) -> None:
    """Plain zip, no compression, no time of day, a byte order that is written down."""
    model = MLP(1, [2], rng=0)
    path = save_weights(model, tmp_path / "w.npz", {"ä": [1, None]})
    with zipfile.ZipFile(path) as file:
        members = file.infolist()
        assert [member.filename for member in members] == [
            "layers.0.weight.npy",
            "layers.0.bias.npy",
            f"{ENTRY}.npy",
        ]
        for member in members:
            assert member.date_time == (1980, 1, 1, 0, 0, 0)
            assert member.compress_type == zipfile.ZIP_STORED
    with np.load(path, allow_pickle=False) as arrays:
        assert arrays["layers.0.weight"].tolist() == model.state_dict()["layers.0.weight"].tolist()
        text = str(arrays[ENTRY])
    assert text == (
        '{"model": "MLP of [Layer of 2 linear(1) neurons]", "activations": ["linear"], '
        '"architecture": {"version": 1, "kind": "MLP"}, "task": null, "extra": {"ä": [1, null]}}'
    )


# The text


def written(folder: Path, details: Any, **arrays: Any) -> bytes:
    text = details if isinstance(details, str) else json.dumps(details)
    content = io.BytesIO()
    np.savez(content, **{**(arrays or {"layers.0.bias": np.zeros(1)}), ENTRY: np.array(text)})
    return content.getvalue()


TASK: Final[dict[str, Any]] = {"loss": None, "classes": None, "n_inputs": 2, "n_outputs": 1}
LABELS: Final = (
    "but a list of at least 2 different labels, all texts, all numbers or all booleans, is needed"
)
KEYS: Final = "its keys are model, activations, architecture, task, extra"


def with_task(**changes: Any) -> dict[str, Any]:
    return {"task": {**TASK, **changes}, "extra": {}}


WRONG: Final[list[tuple[Any, str]]] = [
    ("", "its text is no JSON (Expecting value: line 1 column 1 (char 0))"),
    ("{", "its text is no JSON (Expecting property name enclosed in double quotes: "
     "line 1 column 2 (char 1))"),
    (
        [],
        " is a list of 0, but an object with the keys model, activations, architecture, task, "
        "extra is needed",
    ),
    ({}, f"the text has no 'task'; {KEYS}"),
    ({"task": None}, f"the text has no 'extra'; {KEYS}"),
    ({"task": None, "extra": {}, "x": 1}, f"the text has the unknown key 'x'; {KEYS}"),
    ({"task": None, "extra": []}, "extra is a list of 0, but an object is needed"),
    (
        {"task": None, "extra": {}, "model": "m"},
        "of 'model' and 'activations' one is missing; they come together",
    ),
    (
        {"task": None, "extra": {}, "activations": None},
        "of 'model' and 'activations' one is missing; they come together",
    ),
    (
        {"task": None, "extra": {}, "model": 1, "activations": None},
        "model is 1, but a text is needed",
    ),
    (
        {"task": None, "extra": {}, "model": "m", "activations": []},
        "activations is a list of 0, but a list of at least 1 is needed",
    ),
    (
        {"task": None, "extra": {}, "model": "m", "activations": ["relu", ""]},
        "activations[1] is '', but a text of at least one letter is needed",
    ),
    (
        {"task": None, "extra": {}, "model": "m", "activations": ["relu", "tanh"]},
        "activations has an entry for each of 2 layers, but the arrays are those of 1",
    ),
    ({"task": 3, "extra": {}}, "task is 3, but an object with the keys loss, classes, n_inputs, "
     "n_outputs, loss_settings is needed"),
    (with_task(n_inputs=0), "task.n_inputs is 0, but a whole number of at least 1 is needed"),
    (with_task(n_outputs=0), "task.n_outputs is 0, but a whole number of at least 1 is needed"),
    (
        with_task(loss="hing"),
        "task.loss is 'hing', but one of mean_squared_error, mean_absolute_error, huber, poisson, "
        "binary_cross_entropy, binary_cross_entropy_with_logits, categorical_cross_entropy, hinge "
        "is needed",
    ),
    (with_task(classes="ab"), f"task.classes is 'ab', {LABELS}"),
    (with_task(classes=["a"]), f"task.classes is a list of 1, {LABELS}"),
    (with_task(classes=["a", "a"]), f"task.classes is a list of 2, {LABELS}"),
    (with_task(classes=[1, 2.0]), f"task.classes is a list of 2, {LABELS}"),
    (with_task(classes=[True, 0]), f"task.classes is a list of 2, {LABELS}"),
    (with_task(classes=[None, "a"]), f"task.classes is a list of 2, {LABELS}"),
    (with_task(classes=[[1], [2]]), f"task.classes is a list of 2, {LABELS}"),
    (with_task(classes=["a", "b\0"]), "task.classes has a label that NumPy cannot keep as it is"),
    (with_task(classes=[0, 2**63]), "task.classes has a label that NumPy cannot keep as it is"),
    (
        with_task(classes=["a", "b", "c"]),
        "task.n_outputs is 1, which does not fit to the 3 classes of task.classes",
    ),
    (
        with_task(classes=["a", "b"], n_outputs=3),
        "task.n_outputs is 3, which does not fit to the 2 classes of task.classes",
    ),
    (
        with_task(classes=["a", "b", "c"], n_outputs=2),
        "task.n_outputs is 2, which does not fit to the 3 classes of task.classes",
    ),
    *[
        (
            with_task(classes=[0, 1], loss=loss),
            f"task.classes is a list of 2, but {loss} is for numbers",
        )
        for loss in ("mean_squared_error", "mean_absolute_error", "huber", "poisson")
    ],
]  # fmt: skip


@pytest.mark.parametrize(("details", "message"), WRONG)
def test_what_is_said_of_a_text(details: Any, message: str, tmp_path: Path) -> None:
    assert refused(written(tmp_path, details), tmp_path) == message


@pytest.mark.parametrize(
    ("details", "task"),
    [
        ({"task": None, "extra": {"n": 1}}, None),
        (with_task(), (None, None)),
        (with_task(classes=["a", "b"]), (None, ["a", "b"])),
        (with_task(classes=["a", "b"], n_outputs=2), (None, ["a", "b"])),
        (with_task(classes=[1, 2, 3], n_outputs=None), (None, [1, 2, 3])),
        (with_task(classes=[0.5, 1.5], loss="hinge"), ("hinge", [0.5, 1.5])),
        (with_task(classes=[False, True], loss="hinge"), ("hinge", [False, True])),
        (with_task(loss="mean_squared_error", n_inputs=None), ("mean_squared_error", None)),
    ],
)
def test_what_may_stand_in_a_text(details: Any, task: Any, tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    path.write_bytes(written(tmp_path, details))
    content = read_weights(path)
    assert content.extra == details["extra"]
    assert (content.model, content.activations) == (None, None)
    if task is None:
        assert content.task is None
        return
    assert content.task is not None
    assert content.task.to_dict() == details["task"]
    assert (content.task.loss_name or None) == task[0]


def test_layers_are_counted_by_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    details: dict[str, Any] = {
        "task": None,
        "extra": {},
        "model": "m",
        "activations": ["relu", "tanh"],
    }
    arrays = {
        name: np.zeros(1)
        for name in ("layers.0.weight", "layers.0.bias", "layers.10.bias", "others.2.bias")
    }
    path.write_bytes(written(tmp_path, details, **arrays))
    content = read_weights(path)
    assert (content.model, content.activations) == ("m", ["relu", "tanh"])


def test_how_long_labels_may_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All of them count as long as the longest."""
    text = json.dumps(with_task(classes=["a", "b" * (2**23 + 1)]))
    with pytest.raises(DataError) as caught:
        parse_details(text, {})
    assert str(caught.value) == "task.classes has labels of more than 16,777,216 letters"
    monkeypatch.setattr("tinygrad_mlp.training._details.MOST_LETTERS", 10)
    parse_details(json.dumps(with_task(classes=["a", "b" * 5])), {})
    for classes in (["a", "b" * 6], ["b" * 4, "a", "c"]):
        with pytest.raises(DataError, match="has labels of more than 10 letters"):
            parse_details(json.dumps(with_task(classes=classes, n_outputs=None)), {})


@pytest.mark.parametrize(
    "member",
    [npy("<U1", "(1,)", b"a\0\0\0"), npy("<f8", "()", bytes(8)), npy("<i4", "()", bytes(4))],
)
def test_a_text_is_one_text(member: bytes, tmp_path: Path) -> None:
    content = archive(("a.npy", ONE), (f"{ENTRY}.npy", member))
    assert refused(content, tmp_path) == "'__details__' does not hold what it must"


def test_a_text_of_letters_that_are_none(tmp_path: Path) -> None:
    content = archive(("a.npy", ONE), (f"{ENTRY}.npy", npy("<U1", "()", b"\xff\xff\xff\x7f")))
    assert refused(content, tmp_path).startswith("its text is damaged ('utf-32-")


def test_a_long_complaint_about_json_is_cut(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def loads(text: str) -> None:
        raise ValueError("x" * 300)

    monkeypatch.setattr("json.loads", loads)
    message = refused(written(tmp_path, "{}"), tmp_path)
    (said,) = re.findall(r"its text is no JSON \((.*)\)$", message)
    assert re.fullmatch("x+…x+", said) and len(said) <= 100


# Into a model


def test_weights_of_another_model_in_words(tmp_path: Path) -> None:
    path = save_weights(MLP(1, [2, 1], rng=0), tmp_path / "w.npz")
    with pytest.raises(InvalidArgumentError) as caught:
        load_weights(MLP(1, [2, 1], activation="tanh", rng=0), path)
    assert str(caught.value) == (
        f"{path} holds the weights of another model, MLP of [Layer of 2 relu(1) neurons, Layer of "
        "1 linear(2) neuron], with the activations relu, linear, and this one is MLP of [Layer "
        "of 2 tanh(1) neurons, Layer of 1 linear(2) neuron]; make it as that one was made, or "
        "take over the numbers alone: model.load_state_dict(read_weights(path).state)"
    )
    with pytest.raises(ShapeError) as of_shape:
        load_weights(MLP(1, [3, 1], rng=0), path)
    assert str(of_shape.value).startswith(f"{path}: ")
    with pytest.raises(InvalidArgumentError) as of_names:
        load_weights(MLP(1, [2], rng=0), path)
    assert str(of_names.value).startswith(f"{path}: ")


class Own(Module):
    """A model of one's own that says, or not, how many inputs it takes."""

    def __init__(self, n_inputs: Any = None) -> None:
        self.net = MLP(2, [1], rng=0)
        if n_inputs is not None:
            self.n_inputs = n_inputs


@pytest.mark.parametrize(
    ("model", "sizes", "wrong"),
    [
        (MLP(2, [1]), (2, 1), None),
        (MLP(2, [1]), (None, None), None),
        (MLP(2, [1]), (3, 1), "task.n_inputs is 3, but the model has 2"),
        (MLP(2, [1]), (2, 2), "task.n_outputs is 2, but the model has 1"),
        (Own(), (7, 9), None),
        (Own("any"), (7, 9), None),
        (Own(7), (7, 9), None),
        (Own(8), (7, 9), "task.n_inputs is 7, but the model has 8"),
    ],
)
def test_sizes_that_a_file_and_a_model_have(
    model: Module, sizes: tuple[Any, Any], wrong: str | None, tmp_path: Path
) -> None:
    before = model.state_dict()
    changed = {name: array + 1.0 for name, array in before.items()}
    task = Task(loss_named("hinge"), None, *sizes)
    content = WeightsFile(changed, task, {}, None, None)
    if wrong is None:
        put_weights(content, model, "w.npz")
        assert task_of(model) is task
        expected = changed
    else:
        with pytest.raises(DataError) as caught:
            put_weights(content, model, "w.npz")
        assert str(caught.value) == (
            f"w.npz: {wrong}; the file is damaged or was changed: save the model again with "
            "save_weights"
        )
        assert task_of(model) is None
        expected = before
    after = model.state_dict()
    assert all(np.array_equal(after[name], expected[name]) for name in expected)


def test_what_cannot_be_written_along(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        save_weights(MLP(1, [1]), tmp_path / "w.npz", {"rate": float("inf")})
    assert str(caught.value).startswith("extra cannot be written as JSON (Out of range float")
    assert str(caught.value).endswith("); turn arrays into lists, extra={'mean': mean.tolist()}")


PART: Final = {"kind": "Dropout", "p": 0.5}
NORM: Final = {"kind": "BatchNorm", "momentum": 0.1, "epsilon": 1e-5, "affine": True}
LAYER: Final = {"kind": "Layer", "activation": "relu"}


@pytest.mark.parametrize(
    ("holder", "place"),
    [
        ({"kind": "Sequential", "parts": [PART]}, "parts[0]"),
        ({"kind": "MLP", "layers": [LAYER]}, "layers[0]"),
        ({**LAYER, "norm": NORM}, "norm"),
        ({**LAYER, "dropout": PART}, "dropout"),
    ],
)
def test_how_deep_a_part_may_stand_in_others(holder: dict[str, Any], place: str) -> None:
    Specified(depth=49).check(holder, "model")
    with pytest.raises(DataError, match=re.escape(f"model.{place} stands in more than 50 other")):
        Specified(depth=50).check(holder, "model")


def test_what_an_mlp_and_a_sequential_may_be_without() -> None:
    Specified().check({"kind": "Sequential", "parts": []}, "model")
    with pytest.raises(DataError, match="layers is a list of 0, but a list of at least 1"):
        Specified().check({"kind": "MLP", "layers": []}, "model")
    with pytest.raises(DataError, match="activation is '', but a text of at least one letter"):
        Specified().check({"kind": "Neuron", "activation": ""}, "model")
