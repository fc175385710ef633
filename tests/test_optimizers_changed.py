"""Settings that change on the way, a state that goes to other settings: the steps are torch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.against_torch import assert_close
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError, ShapeError
from tinygrad_mlp.nn import MLP, Module
from tinygrad_mlp.optim import SGD, Adam, AdamW, Optimizer, RMSprop, make_optimizer
from tinygrad_mlp.training import History, fit

Floats = NDArray[np.float64]
Changes = dict[int, dict[str, Any]]

N_STEPS: Final = 60
START: Final = np.random.default_rng(1).normal(size=5)
SLOPES: Final = np.random.default_rng(2).normal(size=(N_STEPS, 5)) + 0.5

TORCH: Final[dict[str, Any]] = {
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}

CASES: Final[list[tuple[str, dict[str, Any], Changes]]] = [
    ("adam", {}, {20: {"beta1": 0.5}, 40: {"beta1": 0.99}}),
    ("adam", {}, {1: {"beta2": 0.9}, 40: {"beta2": 0.9999}}),
    ("adam", {"weight_decay": 0.1}, {20: {"beta1": 0.0, "beta2": 0.5}, 30: {"beta1": 0.9}}),
    ("adam", {}, {7: {"learning_rate": 0.1, "epsilon": 1e-3, "weight_decay": 0.2}}),
    ("adamw", {}, {20: {"beta1": 0.8, "beta2": 0.95, "weight_decay": 0.3, "learning_rate": 0.05}}),
    ("rmsprop", {}, {20: {"alpha": 0.9}, 40: {"alpha": 0.999}}),
    ("rmsprop", {"momentum": 0.9}, {20: {"alpha": 0.5}, 40: {"alpha": 0.99, "momentum": 0.5}}),
    ("rmsprop", {"centered": True}, {20: {"alpha": 0.9}, 40: {"alpha": 0.7}}),
    ("rmsprop", {"centered": True}, {20: {"centered": False}}),
    ("rmsprop", {"centered": True}, {20: {"centered": False, "alpha": 0.5}}),
    ("rmsprop", {}, {20: {"learning_rate": 0.1, "epsilon": 1e-2, "weight_decay": 0.1}}),
    ("sgd", {"momentum": 0.9}, {9: {"momentum": 0.5}, 20: {"momentum": 0.0}, 30: {"momentum": 1}}),
    ("sgd", {"momentum": 0.9}, {20: {"nesterov": True, "learning_rate": 0.1, "weight_decay": 0.1}}),
]  # fmt: skip
every_case = pytest.mark.parametrize(("name", "settings", "changes"), CASES, ids=str)
WORDS: Final = {"learning_rate": "lr", "epsilon": "eps"}


def change_torch(optimizer: torch.optim.Optimizer, settings: dict[str, Any]) -> None:
    (group,) = optimizer.param_groups
    for name, setting in settings.items():
        if name in ("beta1", "beta2"):
            betas = list(group["betas"])
            betas[name == "beta2"] = setting
            group["betas"] = tuple(betas)
        else:
            group[WORDS.get(name, name)] = setting


def torch_points(name: str, settings: dict[str, Any], changes: Changes) -> Floats:
    parameters = torch.tensor(START)
    optimizer = TORCH[name]([parameters], lr=0.02)
    change_torch(optimizer, settings)
    points = []
    for step in range(N_STEPS):
        change_torch(optimizer, changes.get(step, {}))
        parameters.grad = torch.tensor(SLOPES[step])
        optimizer.step()
        points.append(parameters.numpy().copy())
    return np.array(points)


def change_ours(optimizer: Optimizer, settings: dict[str, Any]) -> None:
    for name, setting in settings.items():
        setattr(optimizer, name, setting)


def new_optimizer(name: str, settings: dict[str, Any], values: list[Value]) -> Optimizer:
    return make_optimizer(name, values, **{"learning_rate": 0.02, **settings})


def points_of_values(
    name: str, settings: dict[str, Any], changes: Changes, reload: bool = False
) -> Floats:
    values = [Value(number) for number in START.tolist()]
    optimizer = new_optimizer(name, settings, values)
    points = []
    for step in range(N_STEPS):
        optimizer = changed(optimizer, name, changes.get(step), reload)
        for value, slope in zip(values, SLOPES[step].tolist()):
            value.grad = slope
        optimizer.step()
        points.append([value.data for value in values])
    return np.array(points)


def points_of_array(
    name: str, settings: dict[str, Any], changes: Changes, reload: bool = False
) -> Floats:
    numbers, slopes = START.copy(), np.empty(5)
    optimizer = new_optimizer(name, settings, [])
    points = []
    for step in range(N_STEPS):
        optimizer = changed(optimizer, name, changes.get(step), reload)
        slopes[:] = SLOPES[step]
        optimizer.step_array(numbers, slopes)
        points.append(numbers.copy())
    return np.array(points)


def changed(
    optimizer: Optimizer, name: str, settings: dict[str, Any] | None, reload: bool
) -> Optimizer:
    """The optimizer with other settings, or another with those settings and its state."""
    if not settings:
        return optimizer
    if reload:
        now = {key: getattr(optimizer, key) for key in optimizer.setting_names}
        other = make_optimizer(name, optimizer.parameters, **{**now, **settings})
        other.load_state_dict(optimizer.state_dict())
        return other
    change_ours(optimizer, settings)
    return optimizer


ways = pytest.mark.parametrize("points", [points_of_values, points_of_array])


@ways
@every_case
@pytest.mark.parametrize("reload", [False, True], ids=["changed", "loaded"])
def test_steps_after_a_change_are_those_of_torch(
    points: Callable[..., Floats],
    name: str,
    settings: dict[str, Any],
    changes: Changes,
    reload: bool,
) -> None:
    found = points(name, settings, changes, reload)
    assert_close(found, torch_points(name, settings, changes), 1e-11)
    unchanged = points(name, settings, {})
    assert np.abs(found[-1] - unchanged[-1]).max() > 1e-4, "the change must matter"


@pytest.mark.parametrize("name", TORCH)
def test_every_setting_is_changed(name: str) -> None:
    varied = {
        setting
        for case, _, changes in CASES
        if case in (name, {"adamw": "adam"}.get(name))
        for settings in changes.values()
        for setting in settings
    }
    assert varied == set(make_optimizer(name).setting_names)


def test_the_state_says_in_which_units_it_is() -> None:
    optimizer = Adam(beta1=0.5)
    optimizer.step_array(np.ones(1), np.ones(1))
    optimizer.beta1 = 0.75
    state = optimizer.state_dict()
    average = state["gradient_sum"] * (1.0 - state["beta1"])
    assert average.tolist() == [0.5]  # the textbook's m after one step
    other = Adam(beta1=0.9)
    other.load_state_dict(state)
    assert all(np.array_equal(other.state_dict()[key], state[key]) for key in state)


class ChangeBetas:
    """One cycle: another momentum and rate from epoch to epoch."""

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        change_ours(self.optimizer, after_epoch(self.optimizer, epoch))


def after_epoch(optimizer: Optimizer, epoch: int) -> dict[str, float]:
    step = 0.05 * (epoch % 5)
    if isinstance(optimizer, RMSprop):
        return {"alpha": 0.95 - step, "learning_rate": 0.01 + 0.1 * step}
    if isinstance(optimizer, SGD):
        return {"momentum": 0.95 - step, "learning_rate": 0.01 + 0.1 * step}
    return {"beta1": 0.95 - step, "beta2": 0.999 - step, "learning_rate": 0.01 + 0.1 * step}


X: Final = np.random.default_rng(3).normal(size=(8, 2))
Y: Final = X[:, 0] * X[:, 1]


@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize(
    ("name", "kind"), [("sgd", SGD), ("rmsprop", RMSprop), ("adam", Adam), ("adamw", AdamW)]
)
def test_a_training_with_changing_settings_follows_torch(
    name: str, kind: Callable[..., Optimizer], engine: str
) -> None:
    model = MLP(2, [3, 1], "tanh", rng=0)
    layers = [torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)]
    for i, layer in enumerate(layers):
        layer.double()
        for part in ("weight", "bias"):
            getattr(layer, part).data.copy_(torch.tensor(model.state_dict()[f"layers.{i}.{part}"]))
    optimizer = kind(model.parameters(), learning_rate=0.02)
    history = fit(
        model, X, Y, epochs=25, optimizer=optimizer, engine=engine, log_every=None,
        callbacks=[ChangeBetas(optimizer)],
    )  # fmt: skip
    network = torch.nn.Sequential(layers[0], torch.nn.Tanh(), layers[1])
    theirs = TORCH[name](network.parameters(), lr=0.02)
    losses = []
    for epoch in range(1, 26):
        theirs.zero_grad()
        loss = torch.nn.functional.mse_loss(network(torch.tensor(X))[:, 0], torch.tensor(Y))
        loss.backward()
        theirs.step()
        losses.append(loss.item())
        change_torch(theirs, after_epoch(optimizer, epoch))
    assert_close(history.loss, losses, 1e-10)


@pytest.mark.parametrize("optimizer", [Adam(), RMSprop()])
def test_the_units_of_a_state_are_checked(optimizer: Optimizer) -> None:
    optimizer.step_array(START.copy(), SLOPES[0])
    state, before = optimizer.state_dict(), optimizer.state_dict()
    for name in optimizer.unit_names:
        for number in (np.nan, -0.1, 2.0):
            with pytest.raises(InvalidArgumentError, match=f"'{name}' in the state of"):
                optimizer.load_state_dict({**state, name: np.array(number)})
        with pytest.raises(ShapeError, match=r"shape \(2,\), expected \(\)"):
            optimizer.load_state_dict({**state, name: np.array([0.5, 0.5])})
        del before[name]
    optimizer.load_state_dict(before)
    for name, array in optimizer.state_dict().items():
        np.testing.assert_array_equal(array, state[name])


@pytest.mark.parametrize("how", ["all", "in groups", "but for one"])
def test_an_array_step_that_fails_changes_nothing(how: str) -> None:
    class Tall(SGD):
        def update(self, xp: Any, *arguments: Any) -> Any:
            change, state = super().update(xp, *arguments)
            return (change[:, None] if self.learning_rate == 1.0 else change), state

    numbers, gradients = np.array([1.0, -1e308, 2.0]), np.array([0.5, 1e308, 0.0])
    values = [Value(number) for number in numbers.tolist()]
    values[2].requires_grad = how != "but for one"
    given: list[Any] = [{"parameters": values}] if how == "in groups" else values
    optimizer = Tall(given, learning_rate=0.5, momentum=0.5)
    optimizer.step_array(numbers, gradients)
    before, state = numbers.copy(), optimizer.state_dict()
    optimizer.learning_rate = 1.0
    with pytest.raises(ValueError, match="shape"):
        optimizer.step_array(numbers, gradients)
    optimizer.learning_rate = 0.9
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="overflow"):
        optimizer.step_array(numbers, gradients)
    np.testing.assert_array_equal(numbers, before)
    assert optimizer.step_count == 1
    assert optimizer.state_dict()["velocity"].tolist() == state["velocity"].tolist()


def test_a_rule_that_steps_the_parameters_itself_is_refused() -> None:
    class InPlace(SGD):
        returns_them = True

        def update(self, xp: Any, parameter: Any, gradient: Any, state: Any, _: Any) -> Any:
            change = self.learning_rate * gradient
            parameter -= change
            return (parameter if self.returns_them else change), state

    for returns_them in (True, False):
        optimizer, numbers = InPlace(learning_rate=0.5), START.copy()
        optimizer.returns_them = returns_them
        for _ in range(2):
            with pytest.raises(InvalidArgumentError, match="update changed the parameters"):
                optimizer.step_array(numbers, SLOPES[0])
        np.testing.assert_array_equal(numbers, START)
        assert optimizer.step_count == 0
