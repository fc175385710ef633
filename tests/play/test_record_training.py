"""What ``viz.record`` trains and keeps: the weights of ``fit``, the losses of the weights shown."""

from __future__ import annotations

import base64
import copy
import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import viz
from tests.replaying import HOSTILE
from tinygrad_mlp.data import make_moons
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import (
    DataError,
    InvalidArgumentError,
    ShapeError,
    TinygradMLPError,
    UnknownNameError,
)
from tinygrad_mlp.nn import MLP, Module
from tinygrad_mlp.training import EarlyStopping, History, fit
from viz._play import record_frames
from viz._play.record_frames import kept_epochs, packed_weights
from viz._run.network_places import flat_weights

X, y = make_moons(40, noise=0.2, rng=0)
X_TEST, y_test = make_moons(20, noise=0.2, rng=1)


class Weights:
    """A callback that keeps all weights, in the precision that they have."""

    def __init__(self, model: Module) -> None:
        self.of_epochs = [flat_weights(model)]

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        self.of_epochs.append(flat_weights(model))


def embedded(page: str | Path) -> dict[str, Any]:
    """What stands in a page, read as a browser reads it."""
    text = page if isinstance(page, str) else page.read_text(encoding="utf-8")
    packed = text.partition('id="embedded">')[2].partition("</script>")[0]
    found: dict[str, Any] = json.loads(zlib.decompress(unharmed(packed), wbits=-zlib.MAX_WBITS))
    return found


def unharmed(letters: str) -> bytes:
    return base64.b85decode(letters.translate(str.maketrans(":,", "<{")))


def weights_in(page: str | Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The weights of all frames, unpacked by other means than those of the page."""
    packed = embedded(page)["weights"]
    n_frames, n_numbers = packed["n_frames"], packed["n_numbers"]
    layers = np.frombuffer(
        zlib.decompress(unharmed(packed["changes"]), wbits=-zlib.MAX_WBITS), np.uint8
    ).reshape(4, n_numbers, n_frames)
    folded = sum(layers[place].astype(np.uint32) << (8 * place) for place in range(4))
    changes = np.where(folded & 1, ~(folded >> 1), folded >> 1).astype(np.uint32)
    for _ in range(packed["order"]):
        changes = np.cumsum(changes, axis=1, dtype=np.uint32)
    bits = changes.view(np.int32).T
    ordered = np.where(bits < 0, bits ^ 0x7FFFFFFF, bits).astype(np.int32)
    return np.asarray(ordered.view(np.float32))


SETTINGS: dict[str, tuple[Callable[[], MLP], dict[str, Any]]] = {
    "mini-batches": (
        lambda: MLP(2, [4, 1], "tanh", rng=0),
        {"batch_size": 16, "optimizer": "adam", "rng": 3},
    ),
    "batch norm and dropout": (
        lambda: MLP(2, [4, 4, 1], batch_norm=True, dropout=0.25, rng=0),
        {"batch_size": 8, "rng": 3, "l2": 0.01, "schedule": "cosine"},
    ),
    "held out": (
        lambda: MLP(2, [3, 1], "gelu", rng=1),
        {"validation_data": (X_TEST, y_test), "learning_rate": 0.5, "engine": "eager"},
    ),
    "the best weights come back": (
        lambda: MLP(2, [3, 1], rng=1),
        {"callbacks": [EarlyStopping(2, monitor="loss")], "learning_rate": 30.0},
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_the_model_is_trained_to_the_last_bit_as_fit_trains_it(name: str) -> None:
    make, settings = SETTINGS[name]
    recorded, fitted = make(), make()
    kept = Weights(fitted)
    page = viz.record(recorded, X, y, epochs=12, **copy.deepcopy(settings))
    settings = copy.deepcopy(settings)
    settings["callbacks"] = [kept, *settings.pop("callbacks", [])]
    fit(fitted, X, y, epochs=12, log_every=None, **settings)
    np.testing.assert_array_equal(flat_weights(recorded), flat_weights(fitted))
    frames = weights_in(page)
    np.testing.assert_array_equal(frames, np.array(kept.of_epochs, dtype=np.float32))


def loss_and_accuracy(
    weights: Any, features: Any, labels: Any, n_hidden: int
) -> tuple[float, float]:
    """Of a network 2-n-1 with tanh, by hand: neuron by neuron its weights, then its bias."""
    hidden, output = weights[: 3 * n_hidden].reshape(n_hidden, 3), weights[3 * n_hidden :]
    activations = np.tanh(features @ hidden[:, :2].T + hidden[:, 2])
    logits = activations @ output[:-1] + output[-1]
    losses = np.logaddexp(0.0, logits) - labels * logits
    return float(losses.mean()), float(((logits > 0) == labels).mean())


def test_losses_and_accuracies_are_those_of_the_weights_that_are_shown() -> None:
    model = MLP(2, [4, 1], "tanh", rng=0)
    kept = Weights(model)
    page = viz.record(
        *(model, X, y),
        epochs=9,
        batch_size=16,
        rng=0,
        learning_rate=1.0,
        validation_data=(X_TEST, y_test),
        callbacks=[kept],
    )
    found = embedded(page)
    assert found["epochs"] == list(range(10))
    assert [point[0] for point in found["curve"]] == [3 * epoch for epoch in range(10)]
    for weights, (_, *measured) in zip(kept.of_epochs, found["curve"], strict=True):
        loss, accuracy = loss_and_accuracy(weights, X, y, 4)
        held_out_loss, held_out_accuracy = loss_and_accuracy(weights, X_TEST, y_test, 4)
        np.testing.assert_allclose(
            measured, [loss, held_out_loss, accuracy, held_out_accuracy], rtol=1e-12
        )


@pytest.mark.parametrize(
    ("epochs", "frames"), [(1, 2), (5, 6), (6, 6), (7, 2), (100, 3), (700, 600), (10**6, 600)]
)
def test_the_first_half_of_the_frames_are_the_first_epochs_and_the_last_is_there(
    epochs: int, frames: int
) -> None:
    kept = kept_epochs(epochs, frames)
    assert len(kept) == min(frames, epochs + 1)
    assert kept[: frames // 2] == list(range(min(frames // 2, epochs + 1)))
    assert kept[-1] == epochs
    gaps = np.diff(kept)
    assert (gaps >= 1).all()
    if epochs > 4 * frames:
        late = gaps[frames // 2 + frames // 4 :]
        share = late / np.array(kept)[-len(late) - 1 : -1]
        assert share.max() < 2.0 * share.min()  # in proportion to the epoch


def test_fewer_frames_than_epochs_keep_the_weights_of_those_epochs() -> None:
    model = MLP(2, [2, 1], rng=0)
    kept = Weights(model)
    page = viz.record(model, X, y, epochs=50, frames=6, callbacks=[kept])
    epochs = embedded(page)["epochs"]
    assert epochs == kept_epochs(50, 6)
    expected = np.array([kept.of_epochs[epoch] for epoch in epochs], dtype=np.float32)
    np.testing.assert_array_equal(weights_in(page), expected)


def test_of_a_large_model_fewer_frames_are_kept_unless_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(record_frames, "MOST_NUMBERS", 300)  # for the 9 of this model 33 frames
    page = viz.record(MLP(2, [2, 1], rng=0), X, y, epochs=40)
    assert embedded(page)["epochs"] == kept_epochs(40, 33)
    page = viz.record(MLP(2, [2, 1], rng=0), X, y, epochs=40, frames=41)
    assert len(embedded(page)["epochs"]) == 41


def test_weights_of_samples_count_in_the_losses_that_are_shown() -> None:
    model = MLP(2, [4, 1], "tanh", rng=0)
    kept = Weights(model)
    weights = np.arange(40) % 3 + 0.5
    held_out = (X_TEST, y_test, np.arange(20) % 2 + 1.0)
    page = viz.record(
        *(model, X, y),
        epochs=2,
        sample_weight=weights,
        validation_data=held_out,
        callbacks=[kept],
    )
    for numbers, (_, loss, held_out_loss, _, _) in zip(
        kept.of_epochs, embedded(page)["curve"], strict=True
    ):
        found = [
            np.average(
                [loss_and_accuracy(numbers, x[None], label, 4)[0] for x, label in zip(*data)],
                weights=counts,
            )
            for data, counts in (((X, y), weights), ((X_TEST, y_test), held_out[2]))
        ]
        np.testing.assert_allclose([loss, held_out_loss], found, rtol=1e-12)


class Sets:
    """A callback that changes the model."""

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        model.parameters()[0].data = 7.0 + epoch


def test_what_a_callback_changes_is_shown() -> None:
    page = viz.record(MLP(2, [2, 1], rng=0), X, y, epochs=2, callbacks=[Sets()])
    assert weights_in(page)[1:, 0].tolist() == [8.0, 9.0]


class Interrupts:
    """A person who presses Ctrl-C after the third epoch."""

    only_looks = True

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        if epoch == 3:
            raise KeyboardInterrupt


def test_after_an_interruption_the_page_has_what_was_trained() -> None:
    model = MLP(2, [2, 1], rng=0)
    page = viz.record(model, X, y, epochs=600, callbacks=[Interrupts()])
    found = embedded(page)
    np.testing.assert_array_equal(weights_in(page)[-1], flat_weights(model).astype(np.float32))
    assert found["epochs"] == [0, 1, 2, 3]
    losses = [point[1] for point in found["curve"]]
    assert losses == sorted(losses, reverse=True)
    assert found["end"]["remark"].startswith("The training ended: interrupted.")


@pytest.mark.parametrize("order", [1, 2])
def test_any_float_of_32_bits_comes_back(order: int) -> None:
    rng = np.random.default_rng(order)
    if order == 1:
        bits = rng.integers(0, 2**32, size=(50, 7), dtype=np.uint32)
        numbers = bits.view(np.float32)
        numbers[0, :4] = [np.inf, -np.inf, -0.0, np.nan]
        numbers = np.where(np.isnan(numbers), np.float32(np.nan), numbers)
    else:
        numbers = (1.0 + np.linspace(0.0, 1.0, 50)[:, None] * np.arange(7)).astype(np.float32)
    packed = packed_weights(numbers.astype(np.float64))
    assert packed["order"] == order
    page = f'<script id="embedded">{_wrapped(packed)}</script>'
    np.testing.assert_array_equal(weights_in(page), numbers)


def _wrapped(packed: dict[str, Any]) -> str:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    content = packing.compress(json.dumps({"weights": packed}).encode()) + packing.flush()
    return base64.b85encode(content).decode().translate(str.maketrans("<{", ":,"))


def test_a_page_of_600_frames_of_a_small_network_has_at_most_400_kilobytes(tmp_path: Path) -> None:
    features, labels = make_moons(300, noise=0.2, rng=0)
    path = viz.record(
        *(MLP(2, [8, 8, 1], "tanh", rng=0), features, labels, tmp_path / "new" / "training.html"),
        epochs=600,
        batch_size=32,  # whose steps are noisy: hard to pack
        optimizer="adam",
        rng=0,
        validation_data=make_moons(100, noise=0.2, rng=1),
    )
    assert len(embedded(path)["epochs"]) == 600
    assert path == tmp_path / "new" / "training.html"
    assert path.stat().st_size <= 400_000


def test_where_the_loss_becomes_nan_the_recording_ends_and_says_so() -> None:
    model = MLP(2, [3, 1], lambda x: x * x * x, rng=0)
    page = viz.record(model, 10.0 * X, 100.0 * y + 0.5, epochs=600, learning_rate=10.0)
    found = embedded(page)
    assert 1 < len(found["epochs"]) < 600
    assert found["end"]["remark"].startswith("The training ended: the loss is nan in epoch ")
    assert found["curve"][-1][1] is None
    assert found["curve"][0][1] is not None
    np.testing.assert_array_equal(weights_in(page)[-1], flat_weights(model).astype(np.float32))


def test_weights_that_come_back_are_said_at_the_end() -> None:
    model = MLP(2, [3, 1], rng=1)
    stopping = EarlyStopping(2, monitor="loss")
    page = viz.record(model, X, y, epochs=50, frames=2, learning_rate=30.0, callbacks=[stopping])
    found = embedded(page)
    last = found["epochs"][-1]
    assert last == stopping.best_epoch + 2
    assert found["curve"][-1][1] > stopping.best_number
    assert found["end"]["remark"].startswith(
        f"The training ended: stopped by EarlyStopping (no improvement in 2 epochs, the best was "
        f"epoch {stopping.best_epoch})."
    )
    assert "The model has the weights" in found["end"]["remark"]


def test_advice_for_a_training_that_failed_stands_in_the_page() -> None:
    page = viz.record(MLP(2, [2, 1], "sigmoid", rng=0), 1000.0 * X, y, epochs=60)
    assert embedded(page)["end"]["advice"].startswith("at the end the loss is ")


def test_advice_and_remark_are_for_people_who_write_no_python() -> None:
    end = embedded(viz.record(MLP(2, [2, 1], rng=0), X, y, epochs=60, learning_rate=1e200))["end"]
    assert "train a new network with a smaller learning rate, such as 1e+199" in end["advice"]
    assert "learning rate" in end["remark"]
    assert "_" not in end["advice"] + end["remark"]


def classes_scene(**options: Any) -> dict[str, Any]:
    labels = np.array(["no", "yes", HOSTILE[0]])[np.arange(40) % 3]
    page = viz.record(MLP(2, [2, 3], rng=0), X, labels, epochs=1, **options)
    scene: dict[str, Any] = embedded(page)["scene"]
    return scene


def test_the_scene_has_classes_names_and_points() -> None:
    scene = classes_scene(names=["height", HOSTILE[1]], title=HOSTILE[0], columns=(1, 0))
    assert scene["columns"] == [1, 0]
    assert scene["task"] == "classification"
    assert scene["outputs"] == sorted(["no", "yes", HOSTILE[0]])
    assert scene["names"] == ["height", HOSTILE[1]]
    assert scene["title"] == HOSTILE[0]
    assert scene["network"]["head"] == "softmax"
    assert scene["points"]["X"] == X.tolist()
    names = np.array(scene["outputs"])[scene["points"]["y"]]
    assert names[:3].tolist() == ["no", "yes", HOSTILE[0]]
    assert scene["points"]["held_out"] == [0] * 40
    assert scene["ranges"] == [[X[:, i].min(), X[:, i].max()] for i in range(2)]
    assert scene["medians"] == np.median(X, axis=0).tolist()


TASKS: dict[str, tuple[Callable[[], MLP], Any, dict[str, Any], tuple[str, str, Any]]] = {
    "two classes": (
        lambda: MLP(2, [2, 1], rng=0),
        y == 1,
        {},
        ("binary", "sigmoid", ["False", "True"]),
    ),
    "behind a sigmoid": (
        lambda: MLP(2, [2, 1], output_activation="sigmoid", rng=0),
        y,
        {"loss": "binary_cross_entropy"},
        ("binary", "identity", ["0", "1"]),
    ),
    "questions": (
        lambda: MLP(2, [2, 2], rng=0),
        np.stack([y, 1 - y], axis=1),
        {"loss": "binary_cross_entropy_with_logits"},
        ("multilabel", "sigmoid", ["y1", "y2"]),
    ),
    "behind a softmax": (
        lambda: MLP(2, [2, 2], output_activation="softmax", rng=0),
        y,
        {},
        ("classification", "softmax", ["0", "1"]),
    ),
    "regression": (
        lambda: MLP(2, [2, 1], rng=0),
        X[:, 0] * 1.5,
        {},
        ("regression", "identity", ["y"]),
    ),
    "two targets": (
        lambda: MLP(2, [2, 2], rng=0),
        X * 1.5,
        {},
        ("regression", "identity", ["y1", "y2"]),
    ),
}


@pytest.mark.parametrize("name", TASKS)
def test_what_is_learned_says_what_stands_behind_the_outputs(name: str) -> None:
    make, targets, settings, expected = TASKS[name]
    scene = embedded(viz.record(make(), X, targets, epochs=1, **settings))["scene"]
    assert (scene["task"], scene["network"]["head"], scene["outputs"]) == expected
    assert np.array(scene["points"]["y"]).tolist() == np.asarray(targets).astype(float).tolist()


def test_of_many_samples_two_thousand_of_each_kind_are_shown() -> None:
    features = np.arange(2100.0)[:, None] / 1000.0
    elsewhere = np.where(features == 0.5, -9.0, features)[:2050]
    held_out = (elsewhere, elsewhere[:, 0])
    page = viz.record(
        MLP(1, [1], rng=0), features, features[:, 0], epochs=1, validation_data=held_out
    )
    scene = embedded(page)["scene"]
    assert len(scene["points"]["X"]) == len(scene["points"]["y"]) == 4000
    assert scene["points"]["held_out"] == [0] * 2000 + [1] * 2000
    assert scene["n_points"] == 4150
    assert scene["ranges"] == [[-9.0, 1.999]]  # of all points that are shown
    assert scene["medians"] == [1.0495]  # of the training samples
    assert scene["columns"] == [0, 0]


def test_columns_of_a_frame_give_their_names() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"petal": X[:, 0], "sepal": X[:, 1]})
    target = pandas.Series(X[:, 0], name="length")
    scene = embedded(viz.record(MLP(2, [1], rng=0), frame, target, epochs=1))["scene"]
    assert scene["names"] == ["petal", "sepal"]
    assert scene["outputs"] == ["length"]


def branches(x: Value) -> Value:
    return x if x.data > 0.0 else 0.1 * x


class Own(Module):
    def __init__(self) -> None:
        self.w = Value(1.0)

    def forward(self, x: Any) -> list[Value]:
        return [self.w * x[0] + x[1]]


REFUSED: dict[str, tuple[Callable[[], Any], dict[str, Any], type[TinygradMLPError], str]] = {
    "own model": (Own, {}, InvalidArgumentError, "cannot run the forward of Own.*a page runs MLP"),
    "own activation": (
        lambda: MLP(2, [2, 1], branches, rng=0),
        {},
        InvalidArgumentError,
        "the activation branches cannot run in a page.*functional.where",
    ),
    "hinge": (
        lambda: MLP(2, [2, 1], rng=0),
        {"loss": "hinge"},
        InvalidArgumentError,
        "'hinge' knows none of them; train with a cross-entropy",
    ),
    "another ending": (
        lambda: MLP(2, [2, 1], rng=0),
        {"path": "training.gif"},
        UnknownNameError,
        "training.gif",
    ),
    "no title": (
        lambda: MLP(2, [2, 1], rng=0),
        {"title": 7},
        InvalidArgumentError,
        "title is 7, but a text is needed",
    ),
    "names": (
        lambda: MLP(2, [2, 1], rng=0),
        {"names": ["x"]},
        InvalidArgumentError,
        r"names is \['x'\], but a text for each of the 2 columns .* names=\['x1', 'x2'\]",
    ),
    "no columns": (
        lambda: MLP(2, [2, 1], rng=0),
        {"columns": (0, 2)},
        InvalidArgumentError,
        r"columns is \(0, 2\), but two different columns of X, from 0 to 1, .*columns=\(0, 1\)",
    ),
    "one column": (
        lambda: MLP(2, [2, 1], rng=0),
        {"columns": 1},
        InvalidArgumentError,
        "columns is 1",
    ),
    "a column twice": (
        lambda: MLP(2, [2, 1], rng=0),
        {"columns": (1, 1)},
        InvalidArgumentError,
        "two different columns",
    ),
    "image": (
        lambda: MLP(2, [2, 1], rng=0),
        {"image": 8},
        InvalidArgumentError,
        r"image is 8, but the rows and columns .* image=\(8, 8\)",
    ),
    "image of no rows": (
        lambda: MLP(2, [2, 1], rng=0),
        {"image": (0, 2)},
        InvalidArgumentError,
        "image is",
    ),
    "one frame": (
        lambda: MLP(2, [2, 1], rng=0),
        {"frames": 1},
        InvalidArgumentError,
        "frames.*frames=600",
    ),
    "no epochs": (
        lambda: MLP(2, [2, 1], rng=0),
        {"epochs": 0},
        InvalidArgumentError,
        "epochs",
    ),
    "resume": (
        lambda: MLP(2, [2, 1], rng=0),
        {"resume": "file.npz"},
        InvalidArgumentError,
        "record has no resume",
    ),
    "too large": (
        lambda: MLP(2, [2, 1], rng=0),
        {"epochs": 2_000_000, "frames": 2_000_000},
        InvalidArgumentError,
        r"2000000 frames of 9 weights are too many .* frames=444444",
    ),
    "another word": (
        lambda: MLP(2, [2, 1], rng=0),
        {"lr": 0.1},
        TinygradMLPError,
        "'lr'; its name here is learning_rate",
    ),
    "held-out data": (
        lambda: MLP(2, [2, 1], rng=0),
        {"validation_data": (X_TEST[:, :1], y_test)},
        ShapeError,
        "validation",
    ),
    "labels": (
        lambda: MLP(2, [2, 1], rng=0),
        {"validation_data": (X_TEST, y_test + 5)},
        DataError,
        "",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_recorded_is_refused_before_anything_is_trained(name: str) -> None:
    make, settings, error, message = REFUSED[name]
    model = make()
    before = flat_weights(model)
    with pytest.raises(error, match=f"(?s){message}"):
        viz.record(model, X, y, **{"epochs": 2, **settings})
    np.testing.assert_array_equal(flat_weights(model), before)


def test_without_a_path_a_notebook_shows_the_page() -> None:
    page = viz.record(MLP(2, [2, 1], rng=0), X, y, epochs=2, title=HOSTILE[0])
    assert isinstance(page, viz.Page)
    assert page.count("</script>") == 2
    assert 'sandbox="allow-scripts"' in page._repr_html_()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "connect-src" not in policy and "unsafe" not in policy
