"""``history.advice``: a training that failed says why; one that went well says nothing."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from tinygrad_mlp import MLP, Layer, Value, fit, predict
from tinygrad_mlp.data import (
    StandardScaler,
    load_digits,
    load_iris,
    make_circles,
    make_moons,
    make_spirals,
)
from tinygrad_mlp.functional import mean, uniform, where
from tinygrad_mlp.losses import LOSSES, as_loss
from tinygrad_mlp.nn import Buffer, Module
from tinygrad_mlp.training import EarlyStopping, Finding, History
from tinygrad_mlp.training import _epochs as the_epochs
from tinygrad_mlp.training._advice import advice_for
from tinygrad_mlp.training._baselines import constant_loss
from tinygrad_mlp.training._task import Task
from tinygrad_mlp.training._units import MOST_WORK, LayerUnits, look_at

Floats = NDArray[np.float64]

X: Final = np.arange(20.0).reshape(-1, 1)
Y: Final = 2.0 * X[:, 0] + 1.0


def texts(history: History) -> str:
    return "\n".join([finding.text for finding in history.advice])


def hidden_outputs(model: MLP, X: Floats) -> list[Floats]:
    """What the relu layers give, by NumPy alone, (n_samples, n_units) each."""
    state, found = model.state_dict(), []
    for index in range(len(model.layers) - 1):
        weight, bias = state[f"layers.{index}.weight"], state[f"layers.{index}.bias"]
        X = np.maximum(X @ weight.T + bias, 0.0)
        found.append(X)
    return found


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("sizes", [[8, 1], [16, 16, 1]])
@pytest.mark.parametrize("seed", range(5))
def test_a_line_on_raw_features_fails_and_says_why(
    seed: int, sizes: list[int], engine: str
) -> None:
    model = MLP(1, sizes, rng=seed)
    history = fit(model, X, Y, log_every=None, engine=engine)
    found = texts(history)
    error = float(np.mean((predict(model, X) - Y) ** 2))
    assert error > 0.99 * np.var(Y)  # it does fail
    assert f"always answering the mean of y costs {np.var(Y):.4g}, so nothing was learned" in found
    assert f"at the end the loss is {error:.4g}" in found
    dead = [(layer == 0.0).all(axis=0) for layer in hidden_outputs(model, X)]
    for index, is_dead in enumerate(dead):
        said = f"layers.{index}: {is_dead.sum()} of {len(is_dead)}"
        assert (said in found) == (2 * is_dead.sum() >= len(is_dead))
    assert found.count("dead relu units in layers.") == 1
    assert any(is_dead.all() for is_dead in dead)
    rise = re.search(r"the loss rose from (\S+) to (\S+) in epoch (\d+)", found)
    assert (rise is not None) == (max(history.loss) > 10.0 * history.loss[0])
    if rise is not None:
        peak = history.loss[int(rise[3]) - 1]
        assert peak == max(history.loss)
        assert [rise[1], rise[2]] == [f"{history.loss[0]:.4g}", f"{peak:.4g}"]
    assert f"column 0 of X has numbers of the size {np.sqrt(np.mean(X**2)):.4g}" in found
    assert f"y has numbers of the size {np.sqrt(np.mean(Y**2)):.4g}" in found


@pytest.mark.parametrize("seed", range(5))
def test_who_follows_the_advice_gets_a_line_and_no_more_advice(seed: int) -> None:
    history = fit(MLP(1, [8, 1], rng=seed), X, Y, log_every=None)
    names: dict[str, Any] = {"X": X, "y": Y}
    back = ""
    for finding in history.advice:
        if "StandardScaler" in finding.command:
            exec(finding.command, names)
        back = finding.text.partition("of the new model back: ")[2] or back
    model = MLP(1, [8, 1], rng=seed)
    better = fit(model, names["X"], names["y"], log_every=None)
    assert better.advice == ()
    assert better.loss[-1] < 0.02 * np.var(names["y"])
    answers = eval(back, {**names, "predict": predict, "model": model})
    assert answers.shape == (20, 1)
    assert np.mean((answers[:, 0] - Y) ** 2) < 0.02 * np.var(Y)
    assert names["x_scaler"].inverse_transform(names["X"]) == pytest.approx(X)


# Trainings that go well

IRIS, DIGITS = load_iris(), load_digits()
SINE: Final = np.linspace(-3.0, 3.0, 80).reshape(-1, 1)

Healthy = Callable[[int], tuple[MLP, Any, Any, dict[str, Any]]]

HEALTHY: dict[str, Healthy] = {
    "iris": lambda s: (MLP(4, [16, 3], rng=s), IRIS.X, IRIS.y, {}),
    "iris, adam": lambda s: (
        *(MLP(4, [16, 3], "tanh", rng=s), IRIS.X, IRIS.y),
        {"batch_size": 16, "optimizer": "adam"},
    ),
    "moons": lambda s: (
        *(MLP(2, [16, 1], rng=s), *make_moons(100, noise=0.1, rng=s)),
        {"epochs": 200},
    ),
    "moons, hinge": lambda s: (
        *(MLP(2, [16, 1], rng=s), *make_moons(100, noise=0.1, rng=s)),
        {"loss": "hinge"},
    ),
    "moons, as numbers": lambda s: (
        *(MLP(2, [16, 1], "tanh", rng=s), *make_moons(100, noise=0.1, rng=s)),
        {"loss": "mean_squared_error"},
    ),
    "circles": lambda s: (
        *(MLP(2, [16, 2], rng=s), *make_circles(100, rng=s)),
        {"optimizer": "adam", "learning_rate": 0.05},
    ),
    "spirals": lambda s: (
        *(MLP(2, [16, 16, 2], "tanh", rng=s), *make_spirals(100, rng=s)),
        {"optimizer": "adam", "epochs": 150, "batch_size": 20},
    ),
    "spirals, half learned": lambda s: (
        *(MLP(2, [16, 2], rng=s), *make_spirals(100, rng=s)),
        {"epochs": 60},
    ),
    "digits": lambda s: (
        *(MLP(64, [32, 10], rng=s), DIGITS.X / 16.0, DIGITS.y),
        {"epochs": 5, "batch_size": 32, "optimizer": "adam"},
    ),
    "digits, as they are": lambda s: (
        *(MLP(64, [32, 10], rng=s), DIGITS.X, DIGITS.y),
        {"epochs": 5, "batch_size": 32, "optimizer": "adam", "learning_rate": 0.005},
    ),
    "sine": lambda s: (
        *(MLP(1, [16, 1], "tanh", rng=s), SINE, np.sin(SINE[:, 0])),
        {"optimizer": "adam", "epochs": 300, "loss": "mean_absolute_error"},
    ),
    "xor": lambda s: (
        *(MLP(2, [8, 1], "tanh", rng=s), [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]),
        *([0.0, 1.0, 1.0, 0.0], {"epochs": 500, "learning_rate": 0.3}),
    ),
    "just begun": lambda s: (MLP(1, [8, 1], rng=s), X / 10.0, Y / 10.0, {"epochs": 2}),
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("case", HEALTHY)
def test_a_training_that_goes_well_gets_no_advice(
    case: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, features, targets, settings = HEALTHY[case](seed)
    looks: list[object] = []

    def counted(*arguments: Any) -> Any:
        looks.append(arguments)
        return look_at(*arguments)

    monkeypatch.setattr("tinygrad_mlp.training._advice.look_at", counted)
    history = fit(model, features, targets, rng=seed, log_every=None, **settings)
    assert history.advice == ()
    assert not looks or "spirals" in case  # nor does it cost a pass over the data


# What always giving the same answer costs


def loss_of(name: str, outputs: Sequence[float], targets: Floats) -> float:
    values = [Value(output) for output in outputs]
    losses = [LOSSES[name].sample_loss(values, row).data for row in targets.tolist()]
    return float(np.mean(losses))


def test_the_constant_answers_are_those_of_scikit_learn() -> None:
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.metrics import log_loss, mean_absolute_error, mean_squared_error

    rng = np.random.default_rng(0)
    numbers, features = rng.gamma(2.0, size=(41, 2)), np.zeros((41, 1))
    for strategy, name, cost in (
        ("mean", "mean_squared_error", mean_squared_error),
        ("median", "mean_absolute_error", mean_absolute_error),
    ):
        answers = DummyRegressor(strategy=strategy).fit(features, numbers).predict(features)
        expected = cost(numbers, answers)
        assert constant_loss(Task(LOSSES[name]), numbers) == pytest.approx(expected, rel=1e-12)
    for name, n_classes in (
        ("categorical_cross_entropy", 3),
        ("binary_cross_entropy_with_logits", 2),
        ("binary_cross_entropy", 2),
    ):
        labels = rng.choice(
            n_classes,
            p=[0.6, 0.3, 0.1][-n_classes:] / np.sum([0.6, 0.3, 0.1][-n_classes:]),
            size=41,
        )
        prior = DummyClassifier(strategy="prior").fit(features, labels).predict_proba(features)
        targets = LOSSES[name].encode_targets(labels, n_classes if n_classes > 2 else 1)
        expected = log_loss(labels, prior)
        assert constant_loss(Task(LOSSES[name]), targets) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n_right", [3, 10, 17])
def test_the_constant_answer_of_hinge_is_the_best_on_a_grid(n_right: int) -> None:
    targets = np.where(np.arange(20) < n_right, 1.0, -1.0).reshape(-1, 1)
    best = min(loss_of("hinge", [score], targets) for score in np.linspace(-2.0, 2.0, 81))
    assert constant_loss(Task(LOSSES["hinge"]), targets) == pytest.approx(best, rel=1e-12)


def test_there_is_no_constant_answer_to_beat() -> None:
    def own(outputs: Any, targets: Any) -> Value:
        return mean(outputs)

    assert constant_loss(Task(as_loss(own)), np.array([[0.0], [1.0]])) is None
    for name in LOSSES:
        assert constant_loss(Task(LOSSES[name]), np.ones((5, 1))) is None


# Other ways to fail


def failed(model: Module, features: Any = X, targets: Any = Y, **settings: Any) -> History:
    history = fit(model, features, targets, rng=0, **{"log_every": None, **settings})
    assert history.advice
    return history


def test_a_classification_that_learned_nothing() -> None:
    history = failed(MLP(4, [8, 3], rng=0), IRIS.X * 100.0, IRIS.y, learning_rate=1.0)
    assert f"always answering the shares of the classes costs {np.log(3.0):.4g}" in texts(history)
    assert "dead relu units in layers.0: 8 of 8 give 0 for each of the 150 samples" in texts(
        history
    )


def test_saturated_units_and_features_of_different_size() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(100, 3)) * [1.0, 1000.0, 0.01]
    model = MLP(3, [8, 1], "tanh", init="lecun_normal", rng=0)
    targets = features @ [1.0, 0.002, 300.0]
    found = texts(failed(model, features, targets))
    state = model.state_dict()
    hidden = np.tanh(features @ state["layers.0.weight"].T + state["layers.0.bias"])
    n_saturated = (np.abs(hidden) >= 0.98).all(axis=0).sum()
    assert f"saturated tanh units in layers.0: {n_saturated} of 8 are at an end" in found
    spreads = features.std(axis=0)
    assert f"column 1 of X has the standard deviation {spreads[1]:.4g}" in found
    assert f"column 2 {spreads[2]:.4g}" in found


def test_a_column_that_is_constant_but_for_rounding_is_not_small() -> None:
    features = np.hstack([X, np.where(X > 9.0, 0.1 + 0.2, 0.3)])
    assert "differ much" not in texts(failed(MLP(2, [8, 1], rng=0), features))


def test_a_column_that_the_standardizer_scales_is_small_however_near_to_its_mean() -> None:
    features = np.hstack([X, 1e3 + 1e-7 * np.sin(X)])  # by more than rounding: 1e-10 of its size
    assert not np.array_equal(
        StandardScaler().fit(features).transform(features)[:, 1], 0.0 * X[:, 0]
    )
    assert "differ much" in texts(failed(MLP(2, [8, 1], rng=0), features))


@pytest.mark.parametrize("n_constant", [1, 2])
def test_features_that_are_all_constant_do_not_differ_in_size(n_constant: int) -> None:
    features = np.full((20, n_constant), 3.0)
    assert "differ much" not in texts(failed(MLP(n_constant, [8, 1], rng=0), features, 1e3 * Y))


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_a_loss_that_is_nan(engine: str) -> None:
    history = failed(MLP(1, [8, 8, 1], rng=0), X * 1e6, learning_rate=10.0, engine=engine)
    lost = next(i for i, loss in enumerate(history.loss, 1) if not np.isfinite(loss))
    assert f"the loss is {history.loss[lost - 1]:g} in epoch {lost}" in texts(history)
    assert "learning_rate, such as 1;" in texts(history)
    assert "X has numbers of the size" in texts(history)


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 30, "learning_rate": 1.0},
        {"epochs": 20, "learning_rate": 100.0},
        {"epochs": 3, "learning_rate": 1.0, "l2": 1e-4},
        {"epochs": 2, "learning_rate": 1.0},
        {"epochs": 1, "learning_rate": 100.0, "batch_size": 5},
    ],
)
def test_a_training_that_diverges_within_few_steps(settings: Any, engine: str) -> None:
    history = failed(MLP(1, [8, 1], "relu", rng=0), engine=engine, **settings)
    found = texts(history)
    assert "so nothing was learned" in found
    if settings["epochs"] > 1:
        peak = f"{max(history.loss):.4g} in epoch {np.argmax(history.loss) + 1}"
        assert f"the loss rose from {history.loss[0]:.4g} to {peak}, so the steps are" in found
    else:
        assert f"the loss reached {history.loss[0]:.4g} in epoch 1 already" in found
    assert f"a smaller learning_rate, such as {settings['learning_rate'] / 10.0:g}" in found
    assert "l1 and l2" not in found


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize(
    "settings", [{"l2": 100.0}, {"l2": 100.0, "epochs": 4}, {"l1": 1e6}, {"l2": 1e4, "epochs": 100}]
)
def test_penalties_that_diverge_are_named(settings: Any, engine: str) -> None:
    settings = {"epochs": 20, **settings}
    for y in (Y, 0.0 * Y + 1.0, Y * 1e3):  # all targets the same, too
        history = failed(MLP(1, [8, 1], "relu", rng=0), targets=y, engine=engine, **settings)
        (said,) = [finding.text for finding in history.advice if "penalties" in finding.text]
        finite = [penalty for penalty in history.penalty if np.isfinite(penalty)]
        assert f"rose from {finite[0]:.4g} to {max(finite):.4g} in epoch" in said
        assert "smaller l1 and l2" in said


def test_the_rate_that_was_too_large_is_the_largest_of_a_schedule() -> None:
    model = MLP(1, [1], rng=0)
    task, samples = Task.for_data(model, X, Y, "mean_squared_error")
    rates = [0.0, 0.5, 0.1]  # warmed up, then lowered
    history = History(loss=[1e3, 1e9, np.inf], learning_rate=rates)
    found = advice_for(model, task, samples, history, n_steps=3, unasked=False)
    assert "smaller learning_rate, such as 0.05;" in found[0].text
    history = History(loss=[1.0] * 3, penalty=[1.0, 1e3, 1e9], learning_rate=rates)
    found = advice_for(model, task, samples, history, n_steps=3, unasked=False, pull=3.0)
    assert found[0].text.startswith("the penalties rose from 1 to 1e+09 in epoch 3")


class Spoils:
    """A callback that ruins the weights, as too long steps do, from an epoch on."""

    def __init__(self, epoch: int, factor: float) -> None:
        self.epoch, self.factor = epoch, factor

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        if epoch >= self.epoch:
            weights = model.state_dict()
            model.load_state_dict({name: self.factor * w for name, w in weights.items()})


def squares(outputs: Sequence[Any], targets: Sequence[Any]) -> Value:
    return mean([(output - target) ** 2 for output, target in zip(outputs, targets)])


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize(
    ("loss", "factor"),
    [("mean_squared_error", 1e3), ("mean_squared_error", 1e200), (squares, 1e3), (squares, 1e200)],
)
def test_the_model_is_judged_to_which_early_stopping_went_back(
    loss: Any, factor: float, validated: bool, engine: str
) -> None:
    scaled, y = (X - X.mean()) / X.std(), (Y - Y.mean()) / Y.std()
    settings: dict[str, Any] = {"loss": loss, "engine": engine, "rng": 0, "log_every": None}
    if validated:
        settings["validation_data"] = (scaled, y)
    stopping = EarlyStopping(patience=3)
    model, spoiled = MLP(1, [8, 1], "tanh", rng=0), MLP(1, [8, 1], "tanh", rng=0)
    with np.errstate(all="ignore"):
        kept = fit(
            model, scaled, y, callbacks=[stopping, Spoils(30, factor)], epochs=40, **settings
        )
        stopping.restore_best = False
        left = fit(
            spoiled, scaled, y, callbacks=[stopping, Spoils(30, factor)], epochs=40, **settings
        )
    assert not kept.loss[-1] < 1e4  # the last epoch is a failure
    assert np.mean((predict(model, scaled) - y) ** 2) < 0.5 * np.var(y)
    assert kept.advice == ()
    assert re.search("the loss (rose from|is inf|is nan)", texts(left))


def test_a_best_epoch_that_is_no_good_is_told_with_the_whole_course() -> None:
    settings = {"epochs": 20, "learning_rate": 1.0, "callbacks": [EarlyStopping(patience=5)]}
    history = failed(MLP(1, [8, 1], "relu", rng=0), **settings)
    assert history.stopped_early
    assert "so nothing was learned" in texts(history)
    assert f"the loss rose from {history.loss[0]:.4g} to" in texts(history)


def test_penalties_that_diverge_while_the_loss_is_small() -> None:
    y = np.sign(X[:, 0] - 9.5)
    history = History(loss=[1.0, 0.1], penalty=[1.0, 1e9], learning_rate=[0.1, 0.1])
    model = MLP(1, [1], rng=0)
    task, samples = Task.for_data(model, X, y, "mean_squared_error")
    (said,) = advice_for(model, task, samples, history, n_steps=2, unasked=False, pull=100.0)
    assert said.text.startswith("the penalties rose from 1 to 1e+09 in epoch 2")
    history.penalty[:] = [0.001, 0.1]  # as the weights grow
    assert not advice_for(model, task, samples, history, n_steps=2, unasked=False, pull=100.0)


@pytest.mark.parametrize("y", [Y, Y * 1e4 + 1e6, Y > 20.0])
def test_a_training_that_has_just_begun_is_no_failure(y: Any) -> None:
    for features in (X / 20.0, X):
        history = fit(MLP(1, [8, 1], rng=0), features, y, epochs=1, log_every=None)
        assert history.advice == ()
    history = fit(
        MLP(1, [8, 1], rng=0), X / 20.0, y, epochs=3, learning_rate=1e-8, l2=1e-3, log_every=None
    )
    assert history.advice == ()


def test_a_loss_of_ones_own_that_diverges() -> None:
    def own(outputs: Sequence[Value], targets: Sequence[Any]) -> Value:
        return mean([(output - target) ** 2 for output, target in zip(outputs, targets)])

    model = MLP(1, [8, 1], "relu", rng=0)
    model.layers[0] = Layer(1, 8, "relu", init="he_normal", rng=0)
    history = failed(model, loss=own, epochs=3, learning_rate=0.5)
    assert max(history.loss) < 1e9
    assert "the loss rose from 1528 to" in texts(history)


def test_a_penalty_that_leaves_nothing_to_learn() -> None:
    y = np.sin(X[:, 0] / 3.0)
    model = MLP(1, [4, 1], "tanh", rng=0)
    history = failed(model, X / 20.0, y, l1=0.08, epochs=200, learning_rate=0.05)
    assert "so nothing was learned; try smaller l1 and l2, another" in texts(history)
    plain = fit(MLP(1, [4, 1], "tanh", rng=0), X / 20.0, y, epochs=200, log_every=None)
    assert plain.advice == ()


def test_a_training_that_was_too_short() -> None:
    model = MLP(1, [4, 1], "tanh", rng=0)
    history = failed(model, X / 20.0, X[:, 0] / 20.0 + 3.0, epochs=60, learning_rate=0.002)
    assert "so nothing was learned; it was still falling, so try more epochs" in texts(history)


def test_whole_numbers_as_floats_are_a_regression_that_is_told() -> None:
    y = IRIS.y.astype(float)
    (finding,) = failed(MLP(4, [8, 1], "tanh", rng=0), IRIS.X, y).advice
    assert finding.text.startswith(
        "y holds the numbers 0, 1, 2 alone, as floats, so this was a reg"
    )
    named = fit(MLP(4, [8, 1], "tanh", rng=0), IRIS.X, y, loss="mean_squared_error", log_every=None)
    assert named.advice == ()
    two = failed(MLP(4, [8, 1], "tanh", rng=0), IRIS.X, np.minimum(y, 1.0))
    assert "y holds the numbers 0, 1 alone" in texts(two)


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_a_loss_of_ones_own_has_nothing_to_be_compared_with(engine: str) -> None:
    def own(outputs: Sequence[Value], targets: Sequence[Any]) -> Value:
        return mean([(output - target) ** 2 for output, target in zip(outputs, targets)])

    history = fit(MLP(1, [8, 1], rng=0), X, Y, loss=own, engine=engine, log_every=None)
    assert history.advice == ()
    broken = failed(MLP(1, [8, 1], rng=0), X * 1e6, loss=own, engine=engine, learning_rate=10.0)
    assert "in epoch" in texts(broken)


# Models of one's own


class Hidden(Module):
    """A dead relu, in plain sums, beside whatever else a model of one's own may do."""

    def __init__(self) -> None:
        self.w, self.b, self.v, self.c = Value(-1.0), Value(-50.0), Value(1.0), Value(0.0)
        self.count = Buffer(0.0)
        self.rng = np.random.default_rng(3)
        self.calls = 0
        self.seen: list[Value] = []

    def forward(self, x: Sequence[Any]) -> list[Value]:
        self.last = (self.w * x[0] + self.b).relu()
        return [self.v * self.last + self.c]


class Branching(Hidden):
    def forward(self, x: Sequence[Any]) -> list[Value]:
        inner = self.w * x[0] + self.b
        return [self.v * inner.relu() + self.c if inner.data < 0.0 else self.v * inner.relu()]


class Counting(Hidden):
    def forward(self, x: Sequence[Any]) -> list[Value]:
        self.calls += 1
        self.seen.append(self.w)
        self.count.data += 1.0
        self.rng.random()
        return super().forward(x)


class Dropping(Hidden):
    def forward(self, x: Sequence[Any]) -> list[Value]:
        (out,) = super().forward(x)
        return [where(uniform(self.rng) < 0.5, out, 0.0) if self.training else out]


class Unnamed(Hidden):
    """What looks at no parameter is not known to be a unit."""

    def forward(self, x: Sequence[Any]) -> list[Value]:
        return [self.v * Value(x[0] if isinstance(x[0], float) else 0.0).relu() * 0.0 + self.c]


class Refusing(Hidden):
    """It cannot be used once the training is over."""

    def forward(self, x: Sequence[Any]) -> list[Value]:
        if not self.training and self.calls:
            raise RuntimeError("no more")
        self.calls += self.training
        return super().forward(x)


OWN = [Hidden, Branching, Counting, Dropping]


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_dead_units_of_ones_own_modules_are_found(kind: type[Hidden], engine: str) -> None:
    history = failed(kind(), engine=engine, epochs=60, learning_rate=0.001)
    assert "dead relu units in w: 1 of 1 give 0 for each of the 20 samples" in texts(history)


def test_what_is_not_known_is_left_out() -> None:
    history = failed(Refusing(), engine="eager", epochs=60, learning_rate=0.001)
    assert "so nothing was learned" in texts(history)
    assert "dead" not in texts(history)
    history = failed(Unnamed(), engine="eager", epochs=60, learning_rate=0.001)
    assert "dead" not in texts(history)


@pytest.mark.parametrize("kind", [*OWN, Refusing])
@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_advice_changes_nothing(
    kind: type[Hidden], engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trained() -> tuple[Any, ...]:
        model, rng = kind(), np.random.default_rng(7)
        history = fit(
            model,
            X,
            Y,
            *(),
            epochs=60,
            batch_size=7,
            learning_rate=0.001,
            engine=engine,
            rng=rng,
            log_every=None,
        )
        numbers = {name: array.tolist() for name, array in model.state_dict().items()}
        gradients = [(p.grad, p.has_grad) for p in model.parameters()]
        kept = (model.calls, len(model.seen), model.rng.random(), model.training)
        lists = (history.loss, history.learning_rate, history.reason, history.engine)
        return numbers, gradients, kept, lists, rng.random()

    with_advice = trained()
    monkeypatch.setattr(the_epochs, "advice_for", lambda *arguments, **settings: ())
    assert trained() == with_advice


def test_of_many_samples_of_a_model_that_cannot_be_compiled_only_some_are_looked_at() -> None:
    features = np.linspace(0.0, 1.0, MOST_WORK // 10).reshape(-1, 1)
    model = Branching()
    task, samples = Task.for_data(model, features, np.zeros(len(features)), "mean_squared_error")
    look = look_at(model, task, samples)
    assert look is not None
    assert look.layers == (LayerUnits("w", "relu", 1, 1, n_samples=look.n_samples),)
    assert 100 < look.n_samples < MOST_WORK // 100
    history = failed(model, features, np.sin(features[:, 0]), epochs=1, batch_size=400)
    said = f"1 of 1 give 0 for each of {look.n_samples} of the {len(features)} samples"
    assert said in texts(history)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_a_unit_is_saturated_where_it_is_at_an_end_for_every_sample(activation: str) -> None:
    model = MLP(1, [4, 1], activation, rng=0)
    weights, biases = np.array([[9.0], [-9.0], [0.1], [9.0]]), np.array([9.0, -9.0, 7.0, -9.0])
    model.load_state_dict(
        model.state_dict() | {"layers.0.weight": weights, "layers.0.bias": biases}
    )
    features = np.linspace(0.0, 2.0, 21).reshape(-1, 1)  # the last unit goes from end to end
    task, samples = Task.for_data(model, features, features[:, 0], "mean_absolute_error")
    look = look_at(model, task, samples)
    assert look is not None
    sums = features @ weights.T + biases
    at_ends = np.abs(np.tanh(sums if activation == "tanh" else sums / 2.0)) >= 0.98
    assert at_ends.all(axis=0).tolist() == [True, True, True, False]
    assert look.layers == (LayerUnits("layers.0", activation, 4, 3, 21),)


@pytest.mark.parametrize("n_samples", [600, 2000])  # one sample after the other, and compiled
def test_a_unit_that_lives_for_a_single_sample_is_not_dead(n_samples: int) -> None:
    model = MLP(1, [3, 2, 1], rng=0)
    state = model.state_dict()
    state["layers.0.weight"] = np.array([[1.0], [-1.0], [-1.0]])
    state["layers.0.bias"] = np.array([1.5 - n_samples, 0.5, -1.0])  # the last, the first, none
    model.load_state_dict(state)
    features = np.arange(float(n_samples)).reshape(-1, 1)
    task, samples = Task.for_data(model, features, features[:, 0], "mean_absolute_error")
    look = look_at(model, task, samples)
    assert look is not None
    dead = [int((layer == 0.0).all(axis=0).sum()) for layer in hidden_outputs(model, features)]
    assert dead[0] == 1
    assert [layer.n_dead for layer in look.layers] == dead
    error = np.mean(np.abs(predict(model, features) - features[:, 0]))
    assert look.loss == pytest.approx(error, rel=1e-12)


class Tiring(Module):
    """Lets 100 samples through, then none; running it twice shows no difference."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.turn = MLP(1, [60, 1], rng=0), 0

    def forward(self, x: Sequence[Any]) -> list[Value]:
        self.turn += 1
        return [self.inner.forward(x)[0] * float(self.turn <= 100)]


def test_a_model_that_counts_its_samples_is_looked_at_one_by_one() -> None:
    features = np.linspace(0.5, 2.0, 400).reshape(-1, 1)
    model = Tiring()
    assert len(features) * len(list(model.parameters())) > MOST_WORK // 10  # else none is compiled
    task, samples = Task.for_data(model, features, np.zeros(400), "mean_squared_error")
    look = look_at(model, task, samples)
    assert look is not None
    outputs = predict(model.inner, features) * (np.arange(400) < 100)
    assert look.loss == pytest.approx(np.mean(outputs**2), rel=1e-12)
    assert model.turn == 0


def test_the_samples_go_through_the_model_once() -> None:
    model = Counting()
    passes: list[float] = []

    class Watched(Counting):
        def forward(self, x: Sequence[Any]) -> list[Value]:
            passes.append(x[0])
            return super().forward(x)

    task, samples = Task.for_data(model, X, Y, "mean_squared_error")
    assert look_at(Watched(), task, samples) is not None
    assert passes == X[:, 0].tolist()


# Where it is said


def test_advice_is_printed_after_the_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    history = failed(MLP(1, [8, 1], rng=0), log_every=50)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("epoch  100")
    assert lines[3:] == "\n".join(map(str, history.advice)).splitlines()
    assert lines[3].startswith("advice: at the end the loss is")
    assert lines[4:6] == ["        learned", f"        in Python: {history.advice[0].command}"]
    assert all(len(line) <= 96 for line in lines if "in Python: " not in line)
    failed(MLP(1, [8, 1], rng=0), log_every=None)
    assert capsys.readouterr().out == ""
    assert str(history).endswith("\n".join(map(str, history.advice)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: (MLP(1, [8, 1], rng=0), X, Y),
        lambda: (MLP(4, [8, 3], rng=0), IRIS.X * 100.0, IRIS.y),
        lambda: (MLP(1, [8, 1], "tanh", rng=0), X * 1e4, np.sin(X[:, 0])),
        lambda: (Hidden(), X, Y),
        lambda: (MLP(1, [8, 1], rng=0), X.tolist(), Y.tolist()),
    ],
)
def test_the_commands_run(make: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model, features, targets = make()
    history = failed(model, features, targets, learning_rate=0.5)
    names = {"model": model, "X": features, "y": targets, "history": history}
    for finding in sorted(history.advice, key=lambda finding: "StandardScaler" in finding.command):
        exec(finding.command, names)  # one after the other, the data as the last one left them
    assert len(predict(model, names["X"])) == len(names["y"])


def test_advice_is_kept_with_the_history() -> None:
    history = failed(MLP(1, [8, 1], rng=0))
    assert pickle.loads(pickle.dumps(history)) == history
    again = History(**json.loads(json.dumps(history.to_dict())))
    assert again == history
    assert isinstance(again.advice[0], Finding)


# Nothing can go wrong with it


def test_ctrl_c_while_advice_is_sought_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tinygrad_mlp.training._advice.look_at", interrupted)
    history = fit(MLP(1, [8, 1], rng=0), X, Y, log_every=None)
    assert history.interrupted
    assert (history.n_epochs, history.advice) == (100, ())


class Interrupting:
    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        if epoch == 60:
            raise KeyboardInterrupt


class Meddling:
    def on_epoch_end(self, epoch: int, history: Any, model: Module) -> None:
        history.learning_rate[:] = ["fast"]


def test_who_interrupts_a_training_is_not_kept_waiting() -> None:
    history = fit(MLP(1, [8, 1], rng=0), X, Y, log_every=None, callbacks=[Interrupting()])
    assert (history.n_epochs, history.advice) == (60, ())


def test_a_history_that_somebody_has_meddled_with_is_no_fault() -> None:
    model = MLP(1, [8, 1], init="he_normal", rng=0)
    history = fit(model, X, Y, log_every=None, callbacks=[Meddling()])
    assert history.completed
    assert history.advice == ()
