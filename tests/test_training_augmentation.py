"""Augmentation within ``fit``: the same training as a loop in torch that draws the same numbers."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from tests.against_torch import assert_close
from tests.back_ends import as_compiled
from tinygrad_mlp import MLP, fit
from tinygrad_mlp.data import (
    GaussianNoise,
    MixUp,
    RandomRotation,
    RandomTranslation,
    StandardScaler,
    load_digits,
    one_hot,
)
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError
from tinygrad_mlp.losses import loss_named
from tinygrad_mlp.training import EarlyStopping, History

Floats = NDArray[np.float64]
DIGITS: Final = load_digits()
X: Final[Floats] = DIGITS.X[:50] / 16.0
Y: Final = DIGITS.y[:50]
X_HELD_OUT: Final[Floats] = DIGITS.X[50:70] / 16.0
Y_HELD_OUT: Final = DIGITS.y[50:70]
SEED: Final = 7
engines = pytest.mark.parametrize("engine", ["eager", "compiled"])


def scaled(X: Floats, y: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """A function of one's own that draws, and works in the arrays that it gets."""
    X *= rng.uniform(0.8, 1.2, size=(len(X), 1))
    return X, y


CASES: Final[dict[str, Any]] = {
    "noise": GaussianNoise(0.1),
    "mixup": MixUp(0.5),
    "translation": RandomTranslation(1),
    "rotation": RandomRotation(15.0),
    "own": scaled,
    "several": [RandomRotation(15.0), GaussianNoise(0.05), MixUp(0.5)],
}


def torch_losses(
    model: MLP, augment: Any, batch_size: int | None, smoothing: float
) -> tuple[list[float], list[float], torch.nn.Module]:
    """The training in torch: soft targets as ``cross_entropy`` takes them."""
    layers: list[torch.nn.Module] = []
    state = model.state_dict()
    for i, layer in enumerate(model.layers):
        linear = torch.nn.Linear(layer.n_inputs, layer.n_outputs, dtype=torch.float64)
        linear.weight.data.copy_(torch.tensor(state[f"layers.{i}.weight"]))
        linear.bias.data.copy_(torch.tensor(state[f"layers.{i}.bias"]))
        layers += [linear, torch.nn.Tanh()]
    network = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    rng = np.random.default_rng(SEED)
    losses, held_out = [], []
    for _ in range(4):
        order = np.arange(50) if batch_size is None else rng.permutation(50)
        total = 0.0
        for start in range(0, 50, batch_size or 50):
            batch = order[start : start + (batch_size or 50)]
            x, t = X[batch].copy(), one_hot(Y[batch], 10)
            for each in augment if isinstance(augment, list) else [augment]:
                x, t = each(x, t, rng)
            loss = F.cross_entropy(
                network(torch.tensor(x)), torch.tensor(t), label_smoothing=smoothing
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += len(batch) * loss.item()
        losses.append(total / 50)
        labels = torch.tensor(Y_HELD_OUT)
        outputs = network(torch.tensor(X_HELD_OUT))
        held_out.append(F.cross_entropy(outputs, labels, label_smoothing=smoothing).item())
    return losses, held_out, network


@engines
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("batch_size", [None, 16])
def test_every_augmentation_as_in_torch(name: str, batch_size: int | None, engine: str) -> None:
    before = X.copy(), Y.copy()
    model = MLP(64, [6, 10], "tanh", rng=1)
    smoothing = 0.1 if name == "several" else 0.0
    losses, held_out, network = torch_losses(model, CASES[name], batch_size, smoothing)
    history = fit(
        model, X, Y, epochs=4, batch_size=batch_size, rng=SEED, log_every=None, engine=engine,
        loss=loss_named("cross_entropy", label_smoothing=smoothing), augment=CASES[name],
        validation_data=(X_HELD_OUT, Y_HELD_OUT),
    )  # fmt: skip
    assert as_compiled(history.engine) == engine
    assert_close(history.loss, losses)
    assert_close(history.validation_loss, held_out)  # never augmented
    expected = torch.cat([p.flatten() for p in network.parameters()])
    assert_close(np.concatenate([a.ravel() for a in model.state_dict().values()]), expected)
    assert (before[0] == X).all()
    assert (before[1] == Y).all()


class Noting:
    """Gives each batch back, and keeps what it saw."""

    def __init__(self) -> None:
        self.seen: list[tuple[Floats, Floats]] = []

    def __call__(
        self, X: Floats, y: Floats, rng: np.random.Generator
    ) -> tuple[Floats, NDArray[Any]]:
        self.seen.append((X.copy(), y.copy()))
        return X, y


def trained(augment: Any, **settings: Any) -> History:
    model = MLP(64, [10], rng=1)
    given: dict[str, Any] = {"X": X, "y": Y, "epochs": 3, "rng": SEED, "log_every": None}
    return fit(model, augment=augment, **{**given, **settings})


def test_pictures_of_standardized_data_are_moved_in_their_own_units() -> None:
    """As the README and ``RandomTranslation`` say it."""
    scaler = StandardScaler().fit(DIGITS.X)
    Z = scaler.transform(DIGITS.X[:50])
    noting, plain = Noting(), Noting()
    move = RandomTranslation(1)
    trained(
        [
            lambda X, y, rng: (scaler.inverse_transform(X), y),
            move,
            lambda X, y, rng: (scaler.transform(X), y),
            noting,
        ],
        X=Z,
    )
    trained([move, plain], X=DIGITS.X[:50])
    for (found, _), (raw, _) in zip(noting.seen, plain.seen):
        np.testing.assert_allclose(found, scaler.transform(raw), rtol=0.0, atol=1e-12)


def test_it_draws_anew_in_every_epoch_and_sees_what_fit_was_given() -> None:
    noting, again = Noting(), Noting()
    trained([noting, GaussianNoise(0.1), again])
    assert len(noting.seen) == len(again.seen) == 3
    for samples, targets in noting.seen:
        assert (samples == X).all()  # not what the epoch before made of it
        assert (targets == one_hot(Y, 10)).all()
    assert (again.seen[0][0] != again.seen[1][0]).any()
    batches = Noting()
    trained(batches, batch_size=16)
    assert [len(samples) for samples, _ in batches.seen] == [16, 16, 16, 2] * 3
    labels = [targets.argmax(axis=1) for _, targets in batches.seen[:4]]
    assert sorted(np.concatenate(labels).tolist()) == sorted(Y.tolist())


def test_without_augmentation_nothing_changes() -> None:
    plain = trained(None, batch_size=16)
    assert trained([], batch_size=16).loss == plain.loss
    assert trained(Noting(), batch_size=16).loss == pytest.approx(plain.loss, rel=1e-13)


def test_a_generator_that_is_passed_on_goes_on() -> None:
    """All the randomness of a training is the state of its one generator."""
    rng, model = np.random.default_rng(SEED), MLP(64, [10], rng=1)
    whole = trained([GaussianNoise(0.2), MixUp(0.5)], batch_size=16, epochs=4)
    settings: dict[str, Any] = {"batch_size": 16, "log_every": None}
    augment: list[Any] = [GaussianNoise(0.2), MixUp(0.5)]
    first = fit(model, X, Y, epochs=2, rng=rng, augment=augment, **settings)
    resumed = np.random.default_rng()
    resumed.bit_generator.state = rng.bit_generator.state
    second = fit(model, X, Y, epochs=2, rng=resumed, augment=augment, **settings)
    assert [*first.loss, *second.loss] == whole.loss


def test_what_is_measured_after_the_epoch_is_not_augmented() -> None:
    def nothing_left(X: Floats, y: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
        return np.zeros_like(X), y

    stopping = EarlyStopping(patience=9)
    history = trained(nothing_left, callbacks=[stopping])
    as_validation = trained(nothing_left, validation_data=(X, Y))
    assert_close(history.epoch_end_loss, as_validation.validation_loss)
    assert abs(history.loss[-1] / history.epoch_end_loss[-1] - 1.0) > 1e-3


@engines
def test_the_accuracy_counts_the_own_label_of_a_mixed_sample(engine: str) -> None:
    """A network that knows the digits is mostly right about what is mostly one of them."""
    model = MLP(64, [10], rng=1)
    fit(model, X, Y, epochs=200, optimizer="adam", log_every=None)
    rate: dict[str, Any] = {"learning_rate": 1e-12, "epochs": 1, "log_every": None}
    history = fit(model, X, Y, augment=MixUp(0.1), rng=0, engine=engine, **rate)
    assert history.accuracy[0] > 0.9


@engines
@pytest.mark.parametrize("loss", ["mean_squared_error", "huber", "poisson"])
def test_targets_of_a_regression_are_mixed(loss: str, engine: str) -> None:
    y = np.stack([X.sum(axis=1), X[:, :8].sum(axis=1)], axis=1)
    model = MLP(64, [2], rng=1)
    history = fit(
        model, X, y, loss=loss, epochs=2, augment=MixUp(1.0), engine=engine, log_every=None, rng=0,
        learning_rate=0.01,
    )  # fmt: skip
    assert np.isfinite(history.loss).all()


@engines
def test_questions_of_yes_or_no_are_mixed(engine: str) -> None:
    y = (X[:, 20:23] > 0.5).astype(int)
    settings: dict[str, Any] = {"epochs": 2, "engine": engine, "log_every": None, "rng": 0}
    history = fit(MLP(64, [3], rng=1), X, y, augment=MixUp(1.0), **settings)
    assert history.loss_name == "binary_cross_entropy_with_logits"


@pytest.mark.parametrize("engine", ["eager", "compiled", "auto"])
def test_targets_that_a_loss_does_not_take_are_refused_before_a_step(engine: str) -> None:
    def halved(X: Floats, y: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
        return X, 0.5 * y

    cases: list[tuple[Any, Any, str, str]] = [
        (MixUp(1.0), (Y > 4).astype(int), "hinge", "hinge loss are -1 and"),
        (halved, Y, "cross_entropy", "has the sum 0.5"),
        (lambda X, y, rng: (X, -y), Y, "poisson", "counts"),
    ]
    for augment, y, loss, message in cases:
        model = MLP(64, [10 if loss == "cross_entropy" else 1], rng=1)
        before = model.state_dict()
        with pytest.raises(DataError, match=message):
            fit(model, X, y, loss=loss, augment=augment, engine=engine, rng=0, log_every=None)
        assert all((before[name] == now).all() for name, now in model.state_dict().items())


@pytest.mark.parametrize(
    ("augment", "error", "message"),
    [
        (MixUp, InvalidArgumentError, r"augment=MixUp\(\)"),
        ("noise", InvalidArgumentError, "augment holds 'noise'"),
        (RandomRotation(10, shape=(9, 9)), ShapeError, r"needs 81 features .* shape \(50, 64\)"),
        (lambda X, y, rng: (X[:5], y), ShapeError, "same samples in the same shape"),
        (
            lambda X, y, rng: (X / 0.0, y),
            DataError,
            r"<lambda> gave, X\[0, 0\] is .*finite",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_augmentations_that_will_not_do(augment: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        trained(augment)


def test_mixed_samples_have_no_one_weight() -> None:
    settings: list[dict[str, Any]] = [
        {"sample_weight": np.ones(50)},
        {"class_weight": "balanced"},
        {"validation_data": (X_HELD_OUT, Y_HELD_OUT, np.ones(20))},
    ]
    for given in settings:
        with pytest.raises(
            InvalidArgumentError, match=r"MixUp\(alpha=0.2\) makes one sample of two"
        ):
            trained([GaussianNoise(), MixUp()], **given)


@engines
def test_weights_stay_with_their_samples(engine: str) -> None:
    """Samples without a weight may become anything."""
    weights = np.ones(50)
    weights[::7] = 0.0

    def spoiled(X: Floats, y: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
        light = ~np.isin(X @ np.arange(64.0), heavy)
        X[light] = rng.normal(size=(int(light.sum()), 64))
        return X, y

    heavy = X[weights > 0.0] @ np.arange(64.0)
    found = trained(spoiled, sample_weight=weights, engine=engine)
    assert_close(found.loss, trained(None, sample_weight=weights, engine=engine).loss)


def test_other_words_for_augment() -> None:
    given: dict[str, Any] = {"transform": None}
    with pytest.raises(TypeError, match="its name here is augment"):
        fit(MLP(64, [10]), X, Y, **given)
