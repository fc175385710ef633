"""Schedules within ``fit``: what they are shown, and how they go on over several trainings."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest
import torch

from tinygrad_mlp.data import make_moons
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.nn import MLP, Layer, Module
from tinygrad_mlp.optim import (
    SGD,
    Adam,
    ConstantSchedule,
    CosineRestartsSchedule,
    CosineSchedule,
    ExponentialSchedule,
    LambdaSchedule,
    MultiStepSchedule,
    OneCycleSchedule,
    Optimizer,
    PlateauSchedule,
    Schedule,
    StepSchedule,
    WarmupSchedule,
)
from tinygrad_mlp.training import History, fit

X, Y = make_moons(40, rng=0)
QUIET: Final[dict[str, Any]] = {"log_every": None, "rng": 0}


def inverse_root(epoch: int) -> float:
    return float((epoch + 1) ** -0.5)


class Spy(PlateauSchedule):
    """A plateau that writes down what it is shown."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(factor=0.5, patience=1, threshold=0.1, **settings)
        self.seen: list[float] = []

    def observe(self, epoch: int, loss: float) -> None:
        self.seen.append(loss)
        super().observe(epoch, loss)


class Halved(Schedule):
    """A wrapper as anyone may write it: it knows nothing of ``watches`` and ``reset``."""

    def __init__(self, inner: Schedule) -> None:
        self.inner = inner

    def __call__(self, epoch: int) -> float:
        return 0.5 * self.inner(epoch)

    def observe(self, epoch: int, loss: float) -> None:
        self.inner.observe(epoch, loss)


class Product(Schedule):
    """Several at once, in a list."""

    def __init__(self, *factors: Schedule) -> None:
        self.factors = list(factors)

    def __call__(self, epoch: int) -> float:
        return float(np.prod([factor(epoch) for factor in self.factors]))

    def observe(self, epoch: int, loss: float) -> None:
        for factor in self.factors:
            factor.observe(epoch, loss)


WRAPPERS: Final[dict[str, Callable[[Schedule], Schedule]]] = {
    "bare": lambda s: s,
    "warm-up": lambda s: WarmupSchedule(2, then=s),
    "warm-up twice": lambda s: WarmupSchedule(1, then=WarmupSchedule(1, then=s)),
    "of one's own": Halved,
    "in a list": lambda s: Product(CosineSchedule(50), s),
    "all": lambda s: WarmupSchedule(2, then=Halved(Product(ExponentialSchedule(0.9), s))),
}
wrappers = pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)


@wrappers
@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("held_out", [False, True])
def test_a_schedule_inside_others_is_shown_what_it_watches(
    wrap: Callable[[Schedule], Schedule], mode: str, held_out: bool
) -> None:
    spy = Spy(mode=mode)
    history = fit(
        MLP(2, [4, 2], rng=0), X, Y, epochs=8, learning_rate=0.3, schedule=wrap(spy),
        validation_data=(X[:15], Y[:15]) if held_out else None, **QUIET,
    )  # fmt: skip
    name = ("validation_" if held_out else "") + ("accuracy" if mode == "max" else "loss")
    assert len(spy.seen) >= 6
    assert spy.seen == history.metric(name)[-len(spy.seen) :]


@wrappers
def test_a_regression_has_no_accuracy_for_a_schedule_inside_others(
    wrap: Callable[[Schedule], Schedule],
) -> None:
    with pytest.raises(InvalidArgumentError, match="watches an accuracy, but there is none"):
        fit(MLP(2, [1], rng=0), X, Y + 0.5, schedule=wrap(Spy(mode="max")), **QUIET)


def test_schedules_that_watch_different_things_are_not_put_together() -> None:
    schedule = Product(Spy(mode="min"), Spy(mode="max"))
    with pytest.raises(InvalidArgumentError, match="PlateauSchedules of one mode"):
        fit(MLP(2, [1], rng=0), X, Y, schedule=schedule, **QUIET)


def test_what_watches_nothing_and_what_does() -> None:
    class Own(Schedule):
        def __call__(self, epoch: int) -> float:
            return 1.0

        def observe(self, epoch: int, loss: float) -> None:
            pass

    assert CosineSchedule(5).watches is None
    assert WarmupSchedule(5).watches is None
    assert Own().watches == "loss"
    assert Product(CosineSchedule(5), Spy(mode="max")).watches == "accuracy"


# Several trainings

SCHEDULES: Final[dict[str, Callable[[], Schedule]]] = {
    "constant": ConstantSchedule,
    "step": lambda: StepSchedule(3, 0.5),
    "exponential": lambda: ExponentialSchedule(0.8),
    "cosine": lambda: CosineSchedule(12, final_factor=0.1),
    "milestones": lambda: MultiStepSchedule([2, 5, 9], 0.5),
    "restarts": lambda: CosineRestartsSchedule(2, 2, final_factor=0.1),
    "one cycle": lambda: OneCycleSchedule(12, three_phase=True),
    "a function": lambda: LambdaSchedule(inverse_root),
    "warm-up, absolute plateau": lambda: WarmupSchedule(
        2, PlateauSchedule(0.5, 0, threshold=0.05, threshold_mode="abs")
    ),
    "warm-up": lambda: WarmupSchedule(7, start_factor=0.1),
    "warm-up, cosine": lambda: WarmupSchedule(4, then=CosineSchedule(6)),
    "plateau": Spy,
    "warm-up, plateau": lambda: WarmupSchedule(3, then=Spy()),
    "of one's own": lambda: Halved(Product(ExponentialSchedule(0.9), Spy())),
}
schedules = pytest.mark.parametrize("make", SCHEDULES.values(), ids=SCHEDULES)


def network() -> MLP:
    """One whose loss rises now and then, so that the plateaus have something to see."""
    model = MLP(2, [4, 1], rng=0)
    model.layers[0] = Layer(2, 4, init="he_normal", rng=0)
    return model


def rates_in_parts(
    parts: list[int], schedule: Schedule, engine: str = "auto", held_out: bool = False
) -> tuple[list[float], list[float]]:
    model = network()
    optimizer = Adam(model.parameters(), learning_rate=0.1)
    rates: list[float] = []
    for epochs in parts:
        rates += fit(
            model, X, Y, epochs=epochs, optimizer=optimizer, schedule=schedule, engine=engine,
            validation_data=(X[:9], Y[:9]) if held_out else None, **QUIET,
        ).learning_rate  # fmt: skip
    return rates, [parameter.data for parameter in model.parameters()]


@schedules
@pytest.mark.parametrize("parts", [[5, 5], [1, 9], [3, 1, 1, 5]], ids=str)
@pytest.mark.parametrize("held_out", [False, True])
def test_several_trainings_with_one_optimizer_are_as_one(
    make: Callable[[], Schedule], parts: list[int], held_out: bool
) -> None:
    whole = rates_in_parts([10], make(), held_out=held_out)
    assert rates_in_parts(parts, make(), held_out=held_out) == whole
    if make is not ConstantSchedule:
        assert len(set(whole[0])) > 1


def test_two_halves_of_a_plateau_follow_torch() -> None:
    """One training of torch, whose scheduler and optimizer live on, against two of ours."""
    model = MLP(2, [1], rng=0)
    layer = torch.nn.Linear(2, 1).double()
    state = model.state_dict()
    layer.weight.data.copy_(torch.tensor(state["layers.0.weight"]))
    layer.bias.data.copy_(torch.tensor(state["layers.0.bias"]))
    theirs = torch.optim.SGD(layer.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        theirs, factor=0.5, patience=1, threshold=0.1, eps=0.0
    )
    expected = []
    for _ in range(14):
        theirs.zero_grad()
        outputs = layer(torch.tensor(X))[:, 0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            outputs, torch.tensor(Y, dtype=torch.float64)
        )
        loss.backward()
        expected.append(theirs.param_groups[0]["lr"])
        theirs.step()
        scheduler.step(loss.item())
    optimizer, schedule = SGD(model.parameters(), learning_rate=0.1), Spy()
    found: list[float] = []
    for epochs in (5, 9):
        history = fit(model, X, Y, epochs=epochs, optimizer=optimizer, schedule=schedule, **QUIET)
        found += history.learning_rate
    assert found == pytest.approx(expected, rel=1e-12)
    assert len(set(found)) > 2


@schedules
def test_with_another_optimizer_a_schedule_starts_anew(make: Callable[[], Schedule]) -> None:
    schedule = make()
    runs = [rates_in_parts([8], schedule) for _ in range(3)]
    assert runs[0] == runs[1] == runs[2]
    by_name = [
        fit(MLP(2, [4, 1], rng=0), X, Y, epochs=8, schedule=schedule, **QUIET).learning_rate
        for _ in range(2)
    ]
    assert by_name[0] == by_name[1]


def test_with_the_first_optimizer_again_it_starts_anew_too() -> None:
    """It has followed the other one in between."""
    models = [MLP(2, [1], rng=0) for _ in range(2)]
    optimizers = [SGD(model.parameters(), learning_rate=0.1) for model in models]
    schedule = ExponentialSchedule(0.5)
    for i in (0, 1, 0):
        history = fit(
            models[i], X, Y, epochs=2, optimizer=optimizers[i], schedule=schedule, **QUIET
        )
        assert history.learning_rate == pytest.approx([0.1, 0.05])


@schedules
@pytest.mark.parametrize("way", ["copy", "pickle", "state"])
def test_a_schedule_goes_on_after_a_break(make: Callable[[], Schedule], way: str) -> None:
    """Saved after five epochs with the model and the optimizer, and loaded."""
    whole = rates_in_parts([10], make())[0]
    model, schedule = network(), make()
    optimizer: Optimizer = Adam(model.parameters(), learning_rate=0.1)
    settings: dict[str, Any] = {"epochs": 5, **QUIET}
    first = fit(model, X, Y, optimizer=optimizer, schedule=schedule, **settings)
    model = copy.deepcopy(model)
    resumed: Optimizer = Adam(model.parameters(), learning_rate=0.1)
    resumed.load_state_dict(optimizer.state_dict())
    if way == "copy":
        schedule = copy.deepcopy(schedule)
    elif way == "pickle":
        schedule = pickle.loads(pickle.dumps(schedule))
    else:
        state, schedule = schedule.state_dict(), make()
        schedule.load_state_dict(state)
    second = fit(model, X, Y, optimizer=resumed, schedule=schedule, **settings)
    assert first.learning_rate + second.learning_rate == whole


class Interrupting:
    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        if epoch == 3:
            raise KeyboardInterrupt


def test_after_an_interruption_the_schedule_goes_on_after_the_last_whole_epoch() -> None:
    model = MLP(2, [4, 1], rng=0)
    optimizer, schedule = SGD(model.parameters(), learning_rate=0.1), ExponentialSchedule(0.5)
    settings: dict[str, Any] = {"optimizer": optimizer, "schedule": schedule, **QUIET}
    fit(model, X, Y, epochs=9, callbacks=[Interrupting()], **settings)
    assert schedule.epoch == 3
    rates = fit(model, X, Y, epochs=1, **settings).learning_rate
    assert rates == pytest.approx([0.1 * 0.5**3])
