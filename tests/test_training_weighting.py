"""Weights of samples and classes: the numbers of torch, on both engines, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import nan
from typing import Any, Final, cast

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, mean_absolute_error, mean_squared_error, r2_score
from sklearn.utils.class_weight import compute_class_weight

from tests.against_torch import assert_close
from tests.back_ends import as_compiled
from tinygrad_mlp import MLP, Module, Value, accuracy, fit, functional, predict
from tinygrad_mlp.engine import assign
from tinygrad_mlp.errors import (
    DataError,
    InvalidArgumentError,
    ShapeError,
    TinygradMLPError,
)
from tinygrad_mlp.losses import Loss, loss_named
from tinygrad_mlp.nn import BatchNorm, Buffer, Layer
from tinygrad_mlp.training import EarlyStopping, History, regression_scores
from tinygrad_mlp.training._baselines import constant_loss
from tinygrad_mlp.training._engines import Objective
from tinygrad_mlp.training._task import Task
from tinygrad_mlp.training._units import look_at

Floats = NDArray[np.float64]
TorchLoss = Callable[[torch.Tensor, Any], torch.Tensor]
_rng = np.random.default_rng(0)
X: Final = _rng.normal(size=(23, 3))
X_HELD_OUT: Final = _rng.normal(size=(9, 3))
WEIGHTS: Final = _rng.uniform(0.0, 2.0, size=23)
WEIGHTS_HELD_OUT: Final = _rng.uniform(0.0, 2.0, size=9)
SEED: Final = 5
engines = pytest.mark.parametrize("engine", ["eager", "compiled"])


def score(X: Floats) -> Floats:
    found: Floats = X @ np.array([1.0, -2.0, 0.5])
    return found


def three(X: Floats) -> NDArray[np.int64]:
    return np.asarray(np.digitize(score(X), [-1.0, 1.0]))


def numbers(X: Floats) -> Floats:
    return np.stack([np.sin(score(X)), X[:, 0]], axis=1)


def each(loss: Callable[..., torch.Tensor]) -> TorchLoss:
    """The loss of each sample, (n,), the mean over its outputs."""

    def of_each(outputs: torch.Tensor, y: Any) -> torch.Tensor:
        if loss is F.cross_entropy:
            return loss(outputs, torch.tensor(y), reduction="none")
        targets = torch.tensor(y, dtype=torch.float64).reshape(outputs.shape)
        return loss(outputs, targets, reduction="none").mean(dim=1)

    return of_each


CASES: Final[dict[str, tuple[int, Callable[[Floats], Any], TorchLoss]]] = {
    "mean_squared_error": (2, numbers, each(F.mse_loss)),
    "mean_absolute_error": (2, numbers, each(F.l1_loss)),
    "huber": (2, numbers, each(F.huber_loss)),
    "poisson": (
        1,
        lambda X: np.floor(np.exp(0.4 * score(X))),
        lambda z, t: (
            z[:, 0].exp()
            - torch.tensor(t) * z[:, 0]
            + torch.xlogy(torch.tensor(t), torch.tensor(t))
            - torch.tensor(t)
        ),
    ),
    "binary_cross_entropy_with_logits": (
        2,
        lambda X: (numbers(X) > 0.0).astype(int),
        each(F.binary_cross_entropy_with_logits),
    ),
    "categorical_cross_entropy": (3, three, each(F.cross_entropy)),
    "hinge": (
        1,
        lambda X: (score(X) > 0.0).astype(int),
        lambda s, t: torch.clamp(1.0 - (2.0 * torch.tensor(t) - 1.0) * s[:, 0], min=0.0),
    ),
}


class Reference:
    """The same training as a loop in torch, with sum w l / sum w for each batch."""

    def __init__(self, model: MLP, loss: TorchLoss) -> None:
        layers: list[torch.nn.Module] = []
        for layer, state in zip(model.layers, _states(model)):
            linear = torch.nn.Linear(layer.n_inputs, layer.n_outputs, dtype=torch.float64)
            linear.weight.data.copy_(torch.tensor(state[0]))
            linear.bias.data.copy_(torch.tensor(state[1]))
            layers += [linear, torch.nn.Tanh()]
        self.network = torch.nn.Sequential(*layers[:-1])
        self.of_each = loss
        self.losses: list[float] = []
        self.held_out: list[float] = []

    def loss(self, X: Floats, y: Any, weights: Floats) -> torch.Tensor:
        w = torch.tensor(weights)
        return (w * self.of_each(self.network(torch.tensor(X)), y)).sum() / w.sum()

    def run(
        self,
        y: Any,
        y_held_out: Any,
        weights: Floats,
        held_out_weights: Floats,
        batch_size: int | None,
        l2: float = 0.0,
    ) -> None:
        optimizer = torch.optim.SGD(self.network.parameters(), lr=0.1)
        rng = np.random.default_rng(SEED)
        for _ in range(6):
            order = np.arange(len(X)) if batch_size is None else rng.permutation(len(X))
            total = 0.0
            for start in range(0, len(X), batch_size or len(X)):
                batch = order[start : start + (batch_size or len(X))]
                loss = self.loss(X[batch], y[batch], weights[batch])
                optimizer.zero_grad()
                penalty = torch.stack([p.square().sum() for p in self.network.parameters()]).sum()
                (loss + l2 * penalty).backward()
                optimizer.step()
                total += weights[batch].sum() * loss.item()
            self.losses.append(total / weights.sum())
            self.held_out.append(self.loss(X_HELD_OUT, y_held_out, held_out_weights).item())


def _states(model: MLP) -> Iterator[tuple[Floats, Floats]]:
    state = model.state_dict()
    for i in range(len(model.layers)):
        yield state[f"layers.{i}.weight"], state[f"layers.{i}.bias"]


def check(
    loss: str,
    engine: str,
    batch_size: int | None,
    weights: Floats,
    held_out_weights: Floats,
    l2: float = 0.0,
    **ours: Any,
) -> History:
    """Train in both, and compare every epoch's losses and the weights at the end."""
    n_outputs, targets, of_each = CASES[loss]
    model = MLP(3, [5, n_outputs], "tanh", rng=1)
    reference = Reference(model, of_each)
    y, y_held_out = targets(X), targets(X_HELD_OUT)
    reference.run(y, y_held_out, weights, held_out_weights, batch_size, l2)
    history = fit(
        model, X, y, epochs=6, batch_size=batch_size, loss=loss, rng=SEED, log_every=None,
        engine=engine, l2=l2, **ours,
    )  # fmt: skip
    assert as_compiled(history.engine) == engine
    assert_close(history.loss, reference.losses)
    if history.validation_loss:
        assert_close(history.validation_loss, reference.held_out)
    expected = torch.cat([p.flatten() for p in reference.network.parameters()])
    assert_close(np.concatenate([a.ravel() for a in model.state_dict().values()]), expected)
    return history


@engines
@pytest.mark.parametrize("loss", CASES)
@pytest.mark.parametrize("batch_size", [None, 6])
def test_sample_weights_of_every_loss(loss: str, engine: str, batch_size: int | None) -> None:
    held_out = (X_HELD_OUT, CASES[loss][1](X_HELD_OUT), WEIGHTS_HELD_OUT)
    history = check(
        loss, engine, batch_size, WEIGHTS, WEIGHTS_HELD_OUT,
        sample_weight=1e3 * WEIGHTS, validation_data=held_out,
    )  # fmt: skip
    assert len(history.validation_loss) == 6


@engines
def test_sample_weights_beside_a_penalty(engine: str) -> None:
    check("huber", engine, 6, WEIGHTS, WEIGHTS_HELD_OUT, l2=0.01, sample_weight=WEIGHTS)


@engines
def test_class_weights_are_those_of_torch_s_cross_entropy(engine: str) -> None:
    """``CrossEntropyLoss(weight=...)`` itself, in a loop over the batches."""
    given = {0: 0.5, 1: 3.0, 2: 1.0}
    y, y_held_out = three(X), three(X_HELD_OUT)
    model = MLP(3, [5, 3], "tanh", rng=1)
    reference = Reference(model, each(F.cross_entropy))
    criterion = torch.nn.CrossEntropyLoss(weight=torch.tensor([0.5, 3.0, 1.0]).double())
    reference.loss = (  # type: ignore[method-assign]
        lambda X, y, weights: criterion(reference.network(torch.tensor(X)), torch.tensor(y))
    )
    of_class = np.array([0.5, 3.0, 1.0])
    reference.run(y, y_held_out, of_class[y], np.ones(9), 6)
    history = fit(
        model, X, y, epochs=6, batch_size=6, rng=SEED, log_every=None, engine=engine,
        class_weight=given, validation_data=(X_HELD_OUT, y_held_out),
    )  # fmt: skip
    assert_close(history.loss, reference.losses)
    assert_close(history.validation_loss, reference.held_out)  # the class weights count there too


@engines
def test_beside_label_smoothing_a_sample_has_the_weight_of_its_label(engine: str) -> None:
    """Torch weights the share of each class by itself, which is another number."""
    model, y = MLP(3, [3], rng=0), three(X)
    logits = torch.tensor(np.array([[z.data for z in model(x)] for x in X.tolist()]))
    history = fit(
        *(model, X, y),
        epochs=1,
        loss=loss_named("cross_entropy", label_smoothing=0.3),
        class_weight={0: 1.0, 1: 2.0, 2: 5.0},
        engine=engine,
        log_every=None,
    )
    of_class, labels = torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64), torch.tensor(y)
    each_loss = F.cross_entropy(logits, labels, label_smoothing=0.3, reduction="none")
    weights = of_class[labels]
    assert_close(history.loss[0], (weights * each_loss).sum() / weights.sum())
    torch_s = F.cross_entropy(logits, labels, of_class, label_smoothing=0.3).item()
    assert abs(history.loss[0] - torch_s) > 1e-3


@engines
def test_class_weights_and_sample_weights_are_multiplied(engine: str) -> None:
    of_class = np.array([0.5, 3.0, 0.0])
    y, y_held_out = three(X), three(X_HELD_OUT)
    check(
        "categorical_cross_entropy", engine, None, WEIGHTS * of_class[y], of_class[y_held_out],
        sample_weight=WEIGHTS, class_weight={0: 0.5, np.int64(1): 3, 2: 0.0},
        validation_data=(X_HELD_OUT, y_held_out),
    )  # fmt: skip


@engines
def test_balanced_is_scikit_learn_s(engine: str) -> None:
    y, y_held_out = three(X), three(X_HELD_OUT)
    weights = WEIGHTS.round(3)  # older versions take no weights: each as often as it weighs
    counted = np.repeat(y, (1000 * weights).round().astype(int))
    of_class = compute_class_weight("balanced", classes=np.arange(3), y=counted)
    assert of_class.max() > 1.2 * of_class.min()
    check(
        "categorical_cross_entropy", engine, 6, weights * of_class[y],
        WEIGHTS_HELD_OUT * of_class[y_held_out], sample_weight=weights, class_weight="balanced",
        validation_data=(X_HELD_OUT, y_held_out, WEIGHTS_HELD_OUT),
    )  # fmt: skip


def trained(engine: str = "compiled", **settings: Any) -> tuple[History, dict[str, Any]]:
    model = MLP(3, [4, 2], "tanh", rng=2)
    given: dict[str, Any] = {"X": X, "y": np.where(score(X) > 0.5, "yes", "no"), **settings}
    history = fit(model, epochs=4, rng=SEED, log_every=None, engine=engine, **given)
    return history, model.state_dict()


@engines
def test_labels_of_text_have_weights_by_their_text(engine: str) -> None:
    y = np.where(score(X) > 0.5, "yes", "no")
    by_class = trained(engine, class_weight={"yes": 3.0, "no": 1.0}, batch_size=5)
    by_sample = trained(engine, sample_weight=np.where(y == "yes", 3.0, 1.0), batch_size=5)
    for found, expected in zip(by_class[1].values(), by_sample[1].values()):
        assert_close(found, expected)
    assert_close(by_class[0].loss, by_sample[0].loss)
    signs = np.where(score(X) > 0.5, 1, -1)
    one = MLP(3, [1], rng=0)
    fit(one, X, signs, class_weight={-1: 1.0, 1: 2.0}, epochs=1, log_every=None)


@engines
def test_a_weight_of_2_is_the_sample_twice_and_0_is_without_it(engine: str) -> None:
    weights = np.ones(23)
    weights[:4], weights[4:7] = 2.0, 0.0
    keep = np.repeat(np.arange(23), weights.astype(int))
    y = np.where(score(X) > 0.5, "yes", "no")
    with_weights = trained(engine, sample_weight=weights)
    repeated = trained(engine, X=X[keep], y=y[keep])
    assert_close(with_weights[0].loss, repeated[0].loss)
    for found, expected in zip(with_weights[1].values(), repeated[1].values()):
        assert_close(found, expected)


@engines
def test_only_ratios_count_however_large_or_small(engine: str) -> None:
    expected = trained(engine, sample_weight=WEIGHTS, batch_size=6)
    for factor in (1e300, 1e-300):
        found = trained(engine, sample_weight=factor * WEIGHTS[:, None], batch_size=6)
        assert_close(found[0].loss, expected[0].loss)
        assert_close(found[1]["layers.0.weight"], expected[1]["layers.0.weight"])
    settings: dict[str, Any] = {"sample_weight": WEIGHTS, "batch_size": 6}
    expected = trained(engine, class_weight={"yes": 2.0, "no": 1.0}, **settings)
    for factor in (5e307, 5e-324):
        class_weight = {"yes": 2.0 * factor, "no": factor}
        assert_close(
            trained(engine, class_weight=class_weight, **settings)[0].loss, expected[0].loss
        )


@engines
def test_equal_weights_change_nothing(engine: str) -> None:
    plain = trained(engine, batch_size=6)
    for settings in ({"sample_weight": [7.0] * 23}, {"class_weight": {"yes": 2, "no": 2}}):
        found = trained(engine, batch_size=6, **settings)
        assert_close(found[0].loss, plain[0].loss)
        assert found[0].accuracy == plain[0].accuracy


@engines
def test_weights_of_the_validation_alone(engine: str) -> None:
    y = np.where(score(X_HELD_OUT) > 0.5, "yes", "no")
    plain = trained(engine, validation_data=(X_HELD_OUT, y))
    weighted = trained(engine, validation_data=(X_HELD_OUT, y, WEIGHTS_HELD_OUT))
    assert_close(weighted[0].loss, plain[0].loss)
    assert abs(weighted[0].validation_loss[-1] / plain[0].validation_loss[-1] - 1.0) > 1e-3
    assert weighted[0].validation_accuracy == plain[0].validation_accuracy


def test_the_loss_after_the_epoch_is_weighted() -> None:
    y = np.where(score(X) > 0.5, "yes", "no")
    history, _ = trained(
        sample_weight=WEIGHTS,
        callbacks=[EarlyStopping(patience=9)],
        validation_data=None,
    )
    as_validation, _ = trained(sample_weight=WEIGHTS, validation_data=(X, y, WEIGHTS))
    assert_close(history.epoch_end_loss, as_validation.validation_loss)


class CountingSamples(Module):
    """Cannot be mapped over samples: what one of them assigns is read by the next."""

    def __init__(self) -> None:
        self.w = Value(0.5)
        self.count = Buffer(1.0)

    def forward(self, x: Any) -> Value:
        if self.training:
            assign(self.count, self.count + 0.01)
        output: Value = self.w * x[0] * self.count
        return output


def test_a_program_of_whole_batches_has_weights_too() -> None:
    def run(engine: str) -> tuple[History, float]:
        model = CountingSamples()
        settings: dict[str, Any] = {"sample_weight": WEIGHTS, "l2": 0.01, "epochs": 3}
        history = fit(model, X, score(X), loss="huber", engine=engine, log_every=None,
                      validation_data=(X_HELD_OUT, score(X_HELD_OUT), WEIGHTS_HELD_OUT),
                      **settings)  # fmt: skip
        return history, model.w.data

    eager, auto = run("eager"), run("auto")
    assert "for whole batches" in auto[0].engine
    assert_close(auto[0].loss, eager[0].loss)
    assert_close(auto[0].validation_loss, eager[0].validation_loss)
    assert_close(auto[1], eager[1])


class Normalized(Module):
    """Batch normalization between two layers: its statistics count every sample once."""

    def __init__(self) -> None:
        self.hidden = Layer(3, 4, "tanh", rng=0)
        self.norm = BatchNorm(4)
        self.out = Layer(4, 2, None, rng=1)

    def forward(self, x: Any) -> Any:
        return self.out(self.norm(self.hidden(x)))


@engines
def test_weights_beside_batch_normalization_are_torch_s(engine: str) -> None:
    y = (score(X) > 0.5).astype(int)
    model = Normalized()
    network = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)
    ).double()
    numbers_of = model.state_dict()
    for place, name in ((0, "hidden"), (3, "out")):
        linear: Any = network[place]
        linear.weight.data.copy_(torch.tensor(numbers_of[f"{name}.weight"]))
        linear.bias.data.copy_(torch.tensor(numbers_of[f"{name}.bias"]))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    losses, rng = [], np.random.default_rng(SEED)
    for _ in range(5):
        order, total = rng.permutation(23), 0.0
        for start in range(0, 23, 6):
            batch = order[start : start + 6]
            w = torch.tensor(WEIGHTS[batch])
            each_loss = F.cross_entropy(
                network(torch.tensor(X[batch])), torch.tensor(y[batch]), reduction="none"
            )
            loss = (w * each_loss).sum() / w.sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += w.sum().item() * loss.item()
        losses.append(total / WEIGHTS.sum())
    settings: dict[str, Any] = {"engine": engine, "log_every": None, "learning_rate": 0.1}
    history = fit(model, X, y, epochs=5, batch_size=6, rng=SEED, sample_weight=WEIGHTS, **settings)
    assert as_compiled(history.engine) == engine
    assert_close(history.loss, losses)
    found = model.state_dict()
    norm, out = cast("Any", network[2]), cast("Any", network[3])
    assert_close(found["out.weight"], out.weight)
    assert_close(found["norm.weight"], norm.weight)
    assert_close(found["norm.running_mean"], norm.running_mean)


def test_of_batch_takes_weights() -> None:
    rows = [[Value(1.0)], [Value(3.0)]]
    loss = loss_named("mean_squared_error").of_batch(rows, [[0.0], [1.0]], [0.5, 1.5])
    assert loss.data == (0.5 * 1.0 + 1.5 * 4.0) / 2
    assert Objective(loss_named("hinge")).l1 == 0.0


# What is refused, before the first step

Y: Final = np.where(score(X) > 0.5, "yes", "no")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"sample_weight": [1.0] * 22}, ShapeError, r"sample_weight has shape \(22,\), .* 23 sam"),
        ({"sample_weight": np.ones((23, 2))}, ShapeError, r"shape \(23, 2\), .*\(23,\)"),
        ({"sample_weight": 2.0}, ShapeError, r"shape \(\), but there are 23 samples"),
        ({"sample_weight": [-1.0] + [1.0] * 22}, DataError, r"sample_weight\[0\] is -1, but"),
        (
            {"sample_weight": [1.0, 0.0, -2.5] + [1.0] * 20},
            DataError,
            r"sample_weight\[2\] is -2.5,",
        ),
        ({"sample_weight": [1.0, nan] + [1.0] * 21}, DataError, r"sample_weight\[1\] is nan"),
        ({"sample_weight": [1.0, np.inf] + [1.0] * 21}, DataError, r"sample_weight\[1\] is inf"),
        ({"sample_weight": ["a"] * 23}, DataError, r"sample_weight\[0\] is 'a'"),
        ({"sample_weight": [0.0] * 23}, DataError, "sample_weight is 0 for every sample"),
        (
            {"validation_data": (X_HELD_OUT, Y[:9], [1.0] * 8)},
            ShapeError,
            r"the sample_weight in validation_data has shape \(8,\), but there are 9 samples",
        ),
        (
            {"class_weight": "balance"},
            InvalidArgumentError,
            r"is 'balance', but .*class_weight=\{'no': 1.0, 'yes': 2.0\}, or class_weight='bal",
        ),
        (
            {"class_weight": [1.0, 2.0]},
            InvalidArgumentError,
            r"class_weight is \[1.0, 2.0\], but a w",
        ),
        ({"class_weight": {"yes": 2.0}}, InvalidArgumentError, "lacks 'no' of the classes 'no', "),
        (
            {"class_weight": {"yes": 2.0, "no": 1.0, "maybe": 1.0}},
            InvalidArgumentError,
            "has 'maybe', which is none of the classes 'no', 'yes';",
        ),
        (
            {"class_weight": {"yes": -2.0, "no": 1.0}},
            InvalidArgumentError,
            r"class_weight\['yes'\] is -2.0, but a number >= 0 is needed: class_weight=",
        ),
        ({"class_weight": {"yes": nan, "no": 1.0}}, InvalidArgumentError, r"\['yes'\] is nan"),
        ({"class_weight": {"yes": 0.0, "no": 0.0}}, DataError, "class_weight is 0 for every sam"),
        (
            {"class_weight": "balanced", "sample_weight": (Y == "yes").astype(float)},
            DataError,
            "y has no sample of the class 'no' that counts, so 'balanced' gives it no weight; "
            r".*\{'no': 1.0",
        ),
        (
            {"class_weight": "balanced", "sample_weight": (Y == "no").astype(float)},
            DataError,
            "y has no sample of the class 'yes' that counts",
        ),
        (
            {"class_weight": {0: 1.0, 1: 1.0}, "y": X[:, :2]},
            InvalidArgumentError,
            "with the loss 'mean_squared_error' there is none here; .*sample_weight=weights",
        ),
        (
            {"class_weight": {0: 1.0, 1: 1.0}, "y": (X[:, :2] > 0).astype(int)},
            InvalidArgumentError,
            "needs one class for each sample, but with the loss 'binary_cross",
        ),
    ],
)
def test_wrong_weights(given: dict[str, Any], error: type[TinygradMLPError], message: str) -> None:
    model = MLP(3, [2], rng=0)
    before = model.state_dict()
    with pytest.raises(error, match=message):
        fit(model, **{"X": X, "y": Y, "epochs": 1, "log_every": None, **given})
    assert all((before[name] == now).all() for name, now in model.state_dict().items())


def test_class_weights_name_some_of_many_classes() -> None:
    y = np.arange(23) % 8
    message = r"lacks 7 of the classes 0, 1, 2, 3, 4, 5, \.\.\.; .*\{0: 1.0, 1: 2.0, \.\.\.\}"
    with pytest.raises(InvalidArgumentError, match=message):
        fit(MLP(3, [8]), X, y, class_weight=dict.fromkeys(range(7), 1.0))


@pytest.mark.parametrize(
    ("n_zeros", "batch_size", "shuffle", "message"),
    [
        (5, 6, True, "5 of 23 samples have the weight 0, so a batch of 5 may hold none"),
        (4, 6, True, None),
        (1, 1, True, "1 of 23 samples have the weight 0, so a batch of 1 may"),
        (22, 23, True, None),
        (22, 40, True, None),
        (22, None, True, None),
        (6, 6, False, r"all samples of batch 0 \(counting from 0\) have the weight 0"),
        (5, 6, False, None),
        (12, 6, False, r"batch 0 \(counting"),
        (0, 1, True, None),
        (6, 2, True, "6 of 23 samples have the weight 0, so a batch of 1 may"),
    ],
)
def test_a_batch_in_which_nothing_counts(
    n_zeros: int, batch_size: int | None, shuffle: bool, message: str | None
) -> None:
    weights = np.where(np.arange(23) < n_zeros, 0.0, 1.0)
    settings: dict[str, Any] = {"batch_size": batch_size, "shuffle": shuffle, "epochs": 1}

    def run() -> History:
        model = MLP(3, [2], rng=0)
        return fit(model, X, Y, sample_weight=weights, log_every=None, rng=0, **settings)

    if message is None:
        assert np.isfinite(run().loss).all()
    else:
        with pytest.raises(DataError, match=message + ".*keep = sample_weight > 0"):
            run()


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize(
    "weights",
    [{"sample_weight": [2.0] + [1.0] * 22}, {"class_weight": {"no": 1.0, "yes": 3.0}}],
)
def test_weights_that_cancel_in_batches_of_one(weights: dict[str, Any], shuffle: bool) -> None:
    message = r"with batch_size=1 the weights change nothing: .* larger batches \(batch_size=32"
    settings: dict[str, Any] = {"epochs": 1, "rng": 0, "log_every": None, "shuffle": shuffle}
    with pytest.raises(InvalidArgumentError, match=message):
        fit(MLP(3, [2], rng=0), X, Y, batch_size=1, **settings, **weights)
    fit(MLP(3, [2], rng=0), X, Y, batch_size=2, **settings, **weights)
    fit(MLP(3, [1], rng=0), X[:1], score(X[:1]), batch_size=1, sample_weight=[2.0], **settings)


def test_the_last_of_ordered_batches_is_looked_at_too() -> None:
    weights = np.where(np.arange(23) < 18, 1.0, 0.0)
    with pytest.raises(DataError, match="batch 3 "):
        fit(MLP(3, [2]), X, Y, sample_weight=weights, batch_size=6, shuffle=False)


def test_what_is_minimized_for_a_batch_is_the_weighted_mean_and_the_penalty() -> None:
    """As health reports and the learning-rate finder look at it."""
    model = MLP(3, [4, 1], activation="tanh", rng=0)
    objective = Objective(loss_named("mean_squared_error"), l2=0.25)
    y = score(X)
    found = objective.value(model, X, y, model.parameters(), WEIGHTS)
    found.backward()
    arrays = [
        torch.tensor([[w.data for w in neuron.w] for neuron in layer.neurons], dtype=torch.float64)
        for layer in model.layers
    ]
    biases = [
        torch.tensor([neuron.b.data for neuron in layer.neurons], dtype=torch.float64)
        for layer in model.layers
    ]
    for tensor in (*arrays, *biases):
        tensor.requires_grad_()
    hidden = torch.tanh(torch.tensor(X) @ arrays[0].T + biases[0])
    errors = ((hidden @ arrays[1].T + biases[1]).squeeze(1) - torch.tensor(y)) ** 2
    weights = torch.tensor(WEIGHTS)
    squares = [(tensor**2).sum() for tensor in (*arrays, *biases)]
    expected = (weights * errors).sum() / weights.sum() + 0.25 * sum(squares)
    expected.backward()
    assert found.data == pytest.approx(expected.item(), rel=1e-12)
    for layer, tensor in zip(model.layers, arrays, strict=True):
        assert tensor.grad is not None
        grads = np.array([[w.grad for w in neuron.w] for neuron in layer.neurons])
        np.testing.assert_allclose(grads, tensor.grad.numpy(), rtol=1e-12)


def test_a_loss_of_the_whole_batch_takes_no_weights() -> None:
    def spread(outputs: Any, targets: Any) -> Value:
        return functional.mean([(o - t) ** 2 for o, t in zip(outputs, targets)])

    settings: dict[str, Any] = {"epochs": 1, "log_every": None, "sample_weight": WEIGHTS}
    with pytest.raises(
        InvalidArgumentError, match=r"'spread' is one of a whole batch.*per_sample="
    ):
        fit(MLP(3, [1]), X, score(X), loss=spread, **settings)

    def squared(output: Value, target: Value) -> Value:
        return (output - target) ** 2

    single = Loss.of_function(squared, per_sample=True)
    own, ours = MLP(3, [1], rng=0), MLP(3, [1], rng=0)
    found = fit(own, X, score(X), loss=single, **settings)
    expected = fit(ours, X, score(X), loss="mse", **settings)
    assert_close(found.loss, expected.loss)
    assert_close(own.state_dict()["layers.0.weight"], ours.state_dict()["layers.0.weight"])


# What is said after the training


def test_the_constant_answer_and_the_look_are_weighted() -> None:
    model = MLP(3, [1], init="zeros")
    task, samples = Task.for_data(model, X, score(X))
    samples.weights = WEIGHTS
    (column,) = samples.targets.T
    mean = np.average(column, weights=WEIGHTS)
    found = constant_loss(task, samples.targets, samples.weights)
    assert found == pytest.approx(np.average((column - mean) ** 2, weights=WEIGHTS), rel=1e-12)
    look = look_at(model, task, samples)
    assert look is not None
    assert look.loss == pytest.approx(np.average(column**2, weights=WEIGHTS), rel=1e-12)


def test_advice_compares_with_the_weighted_constant() -> None:
    """A constant that is right for the heavy samples is no better than itself."""
    y, weights = np.zeros(23), np.full(23, 0.01)
    y[:3], weights[:3] = 10.0, 100.0
    y[3] = 9.0
    model = MLP(3, [1], init="zeros")
    rate = {"learning_rate": 1e-9}
    history = fit(model, X, y, sample_weight=weights, epochs=60, log_every=None, **rate)  # type: ignore[arg-type]
    mean = np.average(y, weights=weights)
    constant = np.average((y - mean) ** 2, weights=weights)
    assert any(f"the mean of y costs {constant:.4g}" in f.text for f in history.advice)


# Scores


def test_weighted_accuracy_is_scikit_learn_s() -> None:
    y = three(X)
    model = MLP(3, [3], rng=0)
    fit(model, X, y, epochs=2, log_every=None)
    expected = accuracy_score(y, predict(model, X), sample_weight=WEIGHTS)
    assert accuracy(model, X, y, sample_weight=WEIGHTS) == pytest.approx(expected, rel=1e-12)
    assert abs(accuracy(model, X, y) - expected) > 1e-3
    with pytest.raises(ShapeError, match=r"sample_weight has shape \(3,\), but there are 23"):
        accuracy(model, X, y, sample_weight=[1, 1, 1])


def test_weighted_accuracy_of_several_questions_counts_each_answer_alike() -> None:
    y = numbers(X) > 0.0
    model = MLP(3, [2], rng=0)
    fit(model, X, y.astype(int), epochs=2, log_every=None)
    right = predict(model, X) == y
    assert accuracy(model, X, y) == pytest.approx(right.mean(), rel=1e-12)
    expected = np.average(right.mean(axis=1), weights=WEIGHTS)
    found = accuracy(model, X, y.astype(int), sample_weight=WEIGHTS)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("unit", [1.0, 1e-200, 1e200])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_weighted_scores_of_a_regression_are_scikit_learn_s(n_outputs: int, unit: float) -> None:
    rng = np.random.default_rng(8)
    y, predicted = rng.normal(3.0, 1.0, size=(2, 23, n_outputs))
    with np.errstate(over="ignore"):
        scores = regression_scores(unit * y, unit * predicted, WEIGHTS)
    assert scores.r2 == pytest.approx(r2_score(y, predicted, sample_weight=WEIGHTS), rel=1e-12)
    expected = mean_absolute_error(y, predicted, sample_weight=WEIGHTS)
    assert scores.mean_absolute_error / unit == pytest.approx(expected, rel=1e-12)
    if unit == 1.0:
        squared = mean_squared_error(y, predicted, sample_weight=WEIGHTS)
        assert scores.root_mean_squared_error**2 == pytest.approx(squared, rel=1e-12)


def test_there_is_no_r2_where_what_counts_never_changes() -> None:
    y, weights = [1.0, 0.1 + 0.2, 0.3], [0.0, 1.0, 1.0]
    assert np.isnan(regression_scores(y, [1.0, 0.5, 0.5], weights).r2)
    assert not np.isnan(regression_scores(y, [1.0, 0.5, 0.5]).r2)
    with pytest.raises(DataError, match=r"sample_weight\[0\] is -1"):
        regression_scores(y, y, [-1.0, 1.0, 1.0])


def test_other_words_for_weights() -> None:
    for word, ours in (("class_weights", "class_weight"), ("weights", "sample_weight")):
        given: dict[str, Any] = {word: None}
        with pytest.raises(TypeError, match=f"no argument '{word}'; its name here is {ours}"):
            fit(MLP(3, [1]), X, score(X), **given)
